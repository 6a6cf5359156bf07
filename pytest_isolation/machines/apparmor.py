"""AppArmor in a machine: the profiles that came with its packages are loaded, as Debian's service does at boot.

Docker and Podman load their own when they start; LXC expects its profiles to be there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

PACKAGE = "apparmor"
"""Debian's, of the program that loads profiles: without it an engine on such a kernel has none, or does not start."""
PARSER = "/sbin/apparmor_parser"
PROFILES = "/etc/apparmor.d"
KERNEL = "/sys/kernel/security/apparmor"
"""Of a kernel that has it, and has it on."""
OF_NO_PROGRAM = ("lxc-containers", "unprivileged_userns")
"""Files of profiles that a program asks for, or the kernel gives: they are called as no program is."""
LOAD = f"""\
cd {PROFILES}
for file in *; do
  [ -f "$file" ] && [ ! -e "disable/$file" ] || continue
  case " {" ".join(OF_NO_PROGRAM)} " in
  *" $file "*) ;;
  *) command -v "${{file##*.}}" >/dev/null || continue ;;
  esac
  set -- "$@" "$file"
done
[ $# = 0 ] || exec {PARSER} --replace --skip-cache "$@"
"""
"""A file is called as its program is, or by its whole path: usr.bin.lxc-start.

Debian 14 has some 170, most of them for programs that are not there, and TCG takes ten minutes for them on a busy host.
"""


def load(machine: Box, timeout: float) -> str:
    """Load the profiles whose programs are there; returns what the parser said of those that it refuses.

    That is one line, or nothing.  Nothing is loaded where the kernel has no AppArmor.  `timeout` in seconds; raises
    BoxError after that.
    """
    if not all(machine.proc.faccessat(AT_FDCWD, place, os.R_OK).ok for place in (KERNEL, PARSER, PROFILES)):
        return ""
    try:
        done = machine.run(["/bin/sh", "-c", LOAD, "sh"], timeout=timeout)
    except TimeoutError as error:
        raise BoxError(f"the machine's AppArmor profiles were not loaded in time: {error}") from None
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
    return f"AppArmor refuses some profiles of the machine's packages; the parser says: {said[-1]}" if done.code else ""
