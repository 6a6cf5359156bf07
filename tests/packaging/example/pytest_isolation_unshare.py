"""Boxes made by unshare(1) of util-linux: a PID, a mount, an IPC and a UTS namespace, and a root of their own."""

import os
from pathlib import Path

from pytest_isolation import BoxHandle, Limits, Unavailable, Unsupported
from pytest_isolation.boxes.weakenings import share
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box

FLAGS = {"mnt": "--mount", "ipc": "--ipc", "uts": "--uts"}


class Unshare:
    name = "unshare"
    start_ms = 20
    doors = ("start",)
    keywords = {}
    claims = Path(__file__).with_name("pytest_isolation_unshare.toml")

    def weakenings(self):
        return frozenset({share("pid"), share("ipc"), share("uts")})

    def check_available(self, spec):
        refuse_unknown_holes(self, spec)
        program.find("unshare", "util-linux")
        if os.geteuid() != 0:
            raise Unavailable("unshare(1) without a user namespace needs root", "run as root")
        if spec.read_only or spec.volumes or spec.network or spec.uid or spec.gid:
            raise Unsupported("this technology has no read-only root, volumes, network or other user")

    def facts(self, spec):
        return {"version": program.version("unshare", "util-linux").rpartition(" ")[2]}

    def launch(self, spec, lifetime):
        self.check_available(spec)
        return start_box(spec, lambda undo: self.parts(spec, lifetime, undo))

    def parts(self, spec, lifetime, undo):
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        programs = program.Programs(group, undo)
        root, agent_path = launcher.new_root(spec, lifetime, programs.proc, undo)
        argv = [program.find("unshare", "util-linux"), "--fork", "--kill-child"]
        argv += [flag for kind, flag in FLAGS.items() if not spec.has(share(kind))]
        argv += [] if spec.has(share("pid")) else ["--pid"]
        pid = programs.start([*argv, f"--root={root}", agent_path, "-d"], env=launcher.environment(spec))
        agent = programs.hello("unshare")
        undo.callback(agent.close)
        return BoxHandle(agent, init_pid=program.last_descendant(pid), group=group, root=root)

    def clean(self, kind, handle):
        return False  # it registers nothing that the run does not remove by itself
