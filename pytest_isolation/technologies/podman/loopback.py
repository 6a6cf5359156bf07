"""Whether the user mode network of a box hands on to the host's own loopback, because its user has said so.

It may be said in --network=MODE:OPTIONS or in the owner's containers.conf.  Sources: podman-run(1), --network;
containers.conf(5): network_cmd_options, pasta_options, default_rootless_network_cmd; pasta(1): -T, --map-gw,
--map-host-loopback.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.technologies.podman.releases import PLACES

FORWARDS = re.compile(r"(-T|--tcp-ns|--map-host-loopback)=?(.*)")
"""pasta's options that open the way unless their value, in the same word or the next, is `none`."""


def opened(network: str | None, *, rootless: bool, home: str | None = None, environ: Mapping[str, str] = {}) -> bool:
    """`network`: as given to --network; None: nothing was given.  `home`: the owner's, who has a file there."""
    engine, settings = _configured(home, environ)
    mode, _, text = (network or "").partition(":")
    if not mode and rootless:
        mode = str(settings.get("default_rootless_network_cmd", "slirp4netns pasta"))
    own = text.split(",") if text else []
    slirp = "slirp4netns" in mode and _slirp([*_texts(engine.get("network_cmd_options")), *own])
    return slirp or ("pasta" in mode and _pasta([*_texts(settings.get("pasta_options")), *own]))


def _slirp(options: Iterable[str]) -> bool:
    """The last that is said counts."""
    said = [one.partition("=")[2] for one in options if one.partition("=")[0] == "allow_host_loopback"]
    return bool(said) and said[-1] in ("true", "1")


def _pasta(options: list[str]) -> bool:
    gateway = [one for one in options if one in ("--map-gw", "--no-map-gw")]
    forwarded: dict[str, str] = {}
    for word, following in zip(options, [*options[1:], ""], strict=False):
        if found := FORWARDS.fullmatch(word):
            forwarded[found[1].replace("--tcp-ns", "-T")] = found[2] or following
    return gateway[-1:] == ["--map-gw"] or any(value != "none" for value in forwarded.values())


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _configured(home: str | None, environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables [engine] and [network] of all files; of what several say the last counts."""
    places = [*PLACES]
    if home is not None:
        above = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
        places += [f"{above}/containers/containers.conf", f"{above}/containers/containers.conf.d"]
    if told := environ.get("CONTAINERS_CONF"):
        places = [told]
    if more := environ.get("CONTAINERS_CONF_OVERRIDE"):
        places.append(more)
    engine: dict[str, Any] = {}
    network: dict[str, Any] = {}
    for place in map(Path, places):
        with suppress(OSError):
            for file in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
                with suppress(OSError, ValueError, AttributeError):
                    document = tomllib.loads(text_of(file))
                    engine |= document.get("engine", {})
                    network |= document.get("network", {})
    return engine, network
