"""Small edits of the reference submission: breaches and their innocent look-alikes."""

from tests.inception.mutants.credentials import CREDENTIALS
from tests.inception.mutants.defence import DEFENCE
from tests.inception.mutants.documents import DOCUMENTS
from tests.inception.mutants.elsewhere import ELSEWHERE
from tests.inception.mutants.followed import FOLLOWED
from tests.inception.mutants.fresh import FRESH
from tests.inception.mutants.handed import HANDED
from tests.inception.mutants.held import HELD
from tests.inception.mutants.held_more import HELD_MORE
from tests.inception.mutants.images import IMAGES
from tests.inception.mutants.led import LED
from tests.inception.mutants.legal import LEGAL
from tests.inception.mutants.odd import ODD
from tests.inception.mutants.services import SERVICES
from tests.inception.mutants.shapes import SHAPES
from tests.inception.mutants.site import SITE
from tests.inception.mutants.start import START
from tests.inception.mutants.structure import STRUCTURE
from tests.inception.mutants.unaimed import UNAIMED
from tests.inception.mutants.written import WRITTEN

BY_RULE = (*STRUCTURE, *SERVICES, *CREDENTIALS, *IMAGES, *SITE, *DOCUMENTS, *LEGAL)
"""A breach of each rule that files decide."""
EVERY = (
    *BY_RULE,
    *DEFENCE,
    *SHAPES,
    *START,
    *ODD,
    *FOLLOWED,
    *ELSEWHERE,
    *WRITTEN,
    *HANDED,
    *FRESH,
    *UNAIMED,
    *HELD,
    *HELD_MORE,
    *LED,
)
