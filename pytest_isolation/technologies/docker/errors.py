"""The errors of the Docker daemon, and of its SDK, in our words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.errors import BoxError, Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def unreachable(error: BaseException, where: str) -> Unavailable | UsageError:
    """Why the daemon could not be asked.  The SDK wraps the cause three deep, and then in a text."""
    from docker.errors import TLSParameterError

    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return Unavailable(
            f"this user may not use the Docker daemon at {where}",
            "run as root, or join the group docker (usermod -aG docker NAME) and log in again",
        )
    if any(isinstance(cause, FileNotFoundError) for cause in causes):
        return Unavailable(
            f"there is no Docker daemon at {where}",
            "install Docker (apt install docker.io) and start it, or set DOCKER_HOST to where it is",
        )
    if any(isinstance(cause, ConnectionError) for cause in causes):
        return Unavailable(f"no Docker daemon answers at {where}", "start it: systemctl start docker, or dockerd")
    if isinstance(error, TLSParameterError) or "Invalid bind address" in str(error) or "Invalid url" in str(error):
        return UsageError(
            f"{where!r} is no address of a Docker daemon ({said(error)}); expected unix:///PATH, tcp://HOST:PORT or "
            "ssh://USER@HOST"
        )
    return Unavailable(f"the Docker daemon at {where} cannot be asked: {said(error)}", "see `docker version`")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything wrapped in it, as a cause, a context or an argument."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None) if _is_error(one, "reason") else None]
        waiting += [argument for argument in one.args if isinstance(argument, BaseException)]


def _is_error(one: BaseException, name: str) -> bool:
    return isinstance(getattr(one, name, None), BaseException)


def said(error: BaseException) -> str:
    """What the daemon, or the SDK, said: one line."""
    plain = next((one.strerror for one in _causes(error) if isinstance(one, OSError) and one.strerror), None)
    text = getattr(error, "explanation", None) or plain or str(error) or type(error).__name__
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return " ".join(str(text).split())


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """What the daemon refuses becomes one BoxError; a daemon that went away, Unavailable."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise BoxError(f"{doing}: the Docker daemon refused: {said(error)}") from None
    except DockerException as error:
        raise UsageError(f"{doing}: the Docker SDK refused: {said(error)}") from None
    except RequestException as error:
        raise BoxError(f"{doing}: the Docker daemon went away: {said(error)}; see its log") from None
