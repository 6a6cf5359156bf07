"""The Container Runtime Interface, v1: reaching a runtime, what it is, and its errors in our words.

Source: kubernetes/cri-api, pkg/apis/runtime/v1/api.proto.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pytest_isolation.errors import BoxError, Unavailable, UsageError

ENDPOINTS = ("unix:///run/containerd/containerd.sock", "unix:///run/crio/crio.sock", "unix:///run/cri-dockerd.sock")
"""Where crictl(1) looks when it is not told."""
VARIABLE = "CONTAINER_RUNTIME_ENDPOINT"
"""Of crictl(1), too."""
TIMEOUT_S = 60.0
PATIENCE_S = 10.0
"""Seconds to answer what it is."""
EXTRA = "pip install 'pytest-isolation[cri]'"
LABEL = "pytest-isolation.run"
"""On every pod and container of ours: the run that made it."""


def api() -> Any:
    """The messages of the interface.  Raises Unavailable without the library."""
    return _library()[1]


@cache
def _library() -> tuple[Any, Any, Any]:
    """grpc, the messages and the stubs: imported when first asked for, 0.2 s."""
    # Read once, when it is imported: a run with jobs forks (grpc, doc/fork_support.md).
    before = os.environ.get("GRPC_ENABLE_FORK_SUPPORT")
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "true"
    try:
        import grpc
        from cri_api.v1 import api_pb2, api_pb2_grpc
    except ImportError as error:
        raise Unavailable(f"the CRI is spoken by gRPC, and {error.name} is not installed", EXTRA) from None
    finally:
        del os.environ["GRPC_ENABLE_FORK_SUPPORT"]
        if before is not None:
            os.environ["GRPC_ENABLE_FORK_SUPPORT"] = before
    return grpc, api_pb2, api_pb2_grpc


def path_of(endpoint: str) -> str:
    """The socket of `unix:///PATH`, or of a plain path.  Raises UsageError."""
    scheme, found, rest = endpoint.partition("://")
    path = rest if found and scheme == "unix" else endpoint
    if not path.startswith("/"):
        raise UsageError(f"cri: endpoint={endpoint}: expected unix:///PATH, the socket of a runtime of this machine")
    return path


class Runtime:
    """One runtime that speaks the interface, connected to once for each process."""

    def __init__(self, endpoint: str) -> None:
        grpc, self.api, stubs = _library()
        self.endpoint, self.path = endpoint, path_of(endpoint)
        self._error = grpc.RpcError
        self._channel = grpc.insecure_channel(f"unix://{self.path}", options=[("grpc.enable_http_proxy", 0)])
        self._runtime = stubs.RuntimeServiceStub(self._channel)
        self._images = stubs.ImageServiceStub(self._channel)

    def call(self, what: str, method: str, request: Any, *, timeout: float = TIMEOUT_S) -> Any:
        """The answer to `request`.  Raises Unavailable where nobody answers, BoxError with the runtime's words."""
        service = self._runtime if hasattr(self._runtime, method) else self._images
        try:
            return getattr(service, method)(request, timeout=timeout)
        except self._error as error:
            code, said = error.code().name, " ".join(str(error.details()).split())
            if code == "UNAVAILABLE":
                raise Unavailable(f"no runtime answers at {self.endpoint}: {said}", "start it") from None
            if code == "UNIMPLEMENTED":
                raise Unavailable(
                    f"what answers at {self.endpoint} does not speak CRI v1: {said}",
                    "take `cri` out of disabled_plugins in containerd's config.toml, or give endpoint=unix:///PATH",
                ) from None
            raise BoxError(f"{what}: {said} ({code})") from None

    def version(self) -> Any:
        """VersionResponse.  Raises Unavailable."""
        return self.call("asking the runtime what it is", "Version", self.api.VersionRequest(), timeout=PATIENCE_S)

    def status(self) -> Any:
        """StatusResponse: whether it is ready, and its configuration.  Raises Unavailable."""
        asked = self.api.StatusRequest(verbose=True)
        return self.call("asking the runtime how it is", "Status", asked, timeout=PATIENCE_S)

    def configuration(self) -> Mapping[str, Any]:
        """containerd's, as it tells it; empty where another runtime tells none."""
        return _json(self.status().info.get("config", "{}"))

    def container(self, identity: str) -> tuple[Any, Mapping[str, Any]]:
        """ContainerStatus, and what the runtime tells beyond it: `pid`, `sandboxID`, `runtimeSpec`."""
        found = self.call(
            f"asking for the container {identity}",
            "ContainerStatus",
            self.api.ContainerStatusRequest(container_id=identity, verbose=True),
        )
        return found.status, _json(found.info.get("info", "{}"))

    def until(self, what: str, found: Callable[[], Any], *, timeout: float = 10.0) -> Any:
        """What `found` gives when it gives something.  Raises BoxError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (one := found()):
            if time.monotonic() > deadline:
                raise BoxError(f"{what}: not so after {timeout:g} s")
            time.sleep(0.02)
        return one

    def has_image(self, name: str) -> Any:
        """ImageStatus of `name`; None where the runtime has no such image."""
        asked = self.api.ImageStatusRequest(image=self.api.ImageSpec(image=name))
        found = self.call(f"looking for the image {name}", "ImageStatus", asked)
        return found.image if found.HasField("image") else None


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@cache
def _connected(endpoint: str, pid: int) -> Runtime:
    return Runtime(endpoint)


def connect(endpoint: str) -> Runtime:
    """The runtime at `endpoint`, once for this process.  Raises Unavailable, UsageError; asks nothing yet."""
    path = Path(path_of(endpoint))
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise Unavailable(f"{path} is no socket", "give endpoint=unix:///PATH, the socket of a runtime")
    except OSError as error:
        raise Unavailable(f"no runtime is at {endpoint}: {error.strerror}", "start it, or give another") from None
    return _connected(endpoint, os.getpid())


def standing() -> str | None:
    """The endpoint of a runtime that runs here and speaks the interface; None where none does.

    Raises Unavailable without the library, or where the one that the environment names does not answer.
    """
    if named := os.environ.get(VARIABLE):
        try:
            runtime = connect(named)
        except UsageError:  # nobody gave an option
            raise Unavailable(f"{VARIABLE}={named} is no unix:///PATH", "unset it, or name a socket") from None
        runtime.version()
        return named
    for endpoint in ENDPOINTS:
        try:
            connect(endpoint).version()
        except (Unavailable, BoxError):  # nobody there, or nobody who answers
            api()  # raises, where it is for want of the library
            continue
        return endpoint
    return None
