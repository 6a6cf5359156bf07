"""The box starts in the directory it was to start in."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.outside.carried import alike
from pytest_isolation.strategies import text_names

promise = guarantee(
    "port.image-config-honoured.workdir",
    claim="the first process starts in the working directory asked for, whatever its name is",
    sources=("oci:image-spec config.md, WorkingDir", "man:getcwd(3)"),
    severity=severity.portability("starts in another directory than asked for"),
    falsified_by=weaken.lossy("workdir"),
    kind="per-box",
)


@promise
@given(names=st.lists(text_names(), min_size=1, max_size=3))
def test_workdir_arrives(box: Box, names: list[str]) -> None:
    paths = ["/".join(names[:end]) for end in range(1, len(names) + 1)]
    image = Image(tuple(Entry(path=path.encode(), kind="dir", mode=0o755) for path in paths))
    with alike(box, image=image, workdir=f"/{paths[-1]}") as fresh:
        reply = fresh.proc.getcwd()
    promise.require(reply.data.rstrip(b"\0") == f"/{paths[-1]}".encode(), reply, found=reply.data)
