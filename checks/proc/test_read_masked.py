"""The files of /proc and /sys that engines mask give nothing in the box; others that tell of the machine are named."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.machine import files


@dataclass(frozen=True)
class Masks:
    slug: str
    paths: dict[str, str]
    """Path -> source."""
    who: str
    hidden: str
    sources: tuple[str, ...]
    distinct: str
    whole: bool = False
    """Look for others that nobody masks, too."""


LISTS = (
    Masks(
        "masked",
        files.EVERYWHERE,
        "every container engine masks",
        "every engine hides",
        ("oci:runtime-spec config-linux masked-paths", "moby:oci/defaults.go (defaultMaskedPaths)"),
        "what may not be written and what may not be read are two lists",
    ),
    Masks(
        "machine-wide",
        files.TODAY,
        "Docker 28.0.2 and Podman 5.5 mask",
        "engines hide since 2025",
        ("moby:daemon/pkg/oci/defaults.go", "https://github.com/moby/moby/pull/49560"),
        "engines of before 2025 mask the shorter list of proc.masked-unreadable",
        whole=True,
    ),
)

masks = family(
    "proc.{entry.slug}-unreadable",
    over=LISTS,
    claim="the files of /proc and /sys that {entry.who} give nothing inside",
    sources=lambda entry: entry.sources,
    severity=lambda entry: severity.learns(f"reads of the machine what {entry.hidden}"),
    falsified_by=weaken.drop("masks"),
    oracle="receipt",
    kind="per-window",
    distinct="{entry.distinct}",
)


@masks
@given(count=st.integers(1, 4096))
def test_masked_paths_give_nothing(box: Box, promise: Guarantee, entry: Masks, count: int) -> None:
    promise.receipt(*files.sees_proc(box, count))
    with files.reader(box) as host:
        if entry.whole and (others := files.telling(box.proc, files.telling(host, files.others(host)))):
            promise.remark(f"not in the table, and read in the box: {files.words(others)}")
        for path in files.named(host, entry.paths):
            seen, told = files.shown(box, host, path, count)
            promise.require(not seen, *told, shown=seen)
