"""The places of a host that are its system's.  A box that is given one has a piece of the host, under any name.

A directory that is not here holds data: handed to a box, it is a volume.  A directory above a place has the place in
it, and so is listed as well; one below a place is a volume unless it is listed itself (/home/me/project, /srv/www,
/etc/nginx).  `*` stands for one name.  Every path is as it is on the host once symbolic links are followed: /var/run is
/run, /lib is /usr/lib.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Place:
    """A path of a host that belongs to its system: no box needs it."""

    path: str
    why: str
    """What whoever has it can do, or learn."""
    below: bool = False
    """All that is below it is the system's too."""


PLACES = (
    Place("/", "every file of the host"),
    Place("/bin", "the programs that the host runs"),
    Place("/boot", "the kernel that the host starts next, and what it starts with"),
    Place("/dev", "the host's devices"),
    Place("/etc", "the host's accounts, passwords' hashes, keys and what it starts"),
    Place("/etc/apt", "where the host has its programs from, and what it runs as root beside"),
    Place("/etc/cron.d", "what the host runs as root"),
    Place("/etc/cron.daily", "what the host runs as root"),
    Place("/etc/cron.hourly", "what the host runs as root"),
    Place("/etc/cron.monthly", "what the host runs as root"),
    Place("/etc/cron.weekly", "what the host runs as root"),
    Place("/etc/containerd", "how the host runs containers"),
    Place("/etc/default", "what the host's services are started with"),
    Place("/etc/docker", "how the host runs containers"),
    Place("/etc/init.d", "what the host starts"),
    Place("/etc/kubernetes", "the keys of the cluster"),
    Place("/etc/ld.so.conf.d", "the code in every program of the host"),
    Place("/etc/logrotate.d", "what the host runs as root"),
    Place("/etc/modprobe.d", "what the host runs as root when it loads a module"),
    Place("/etc/network", "what the host runs as root when a link comes or goes"),
    Place("/etc/pam.d", "who may log in"),
    Place("/etc/polkit-1", "who may ask the host's services for what"),
    Place("/etc/profile.d", "what every shell of the host runs"),
    Place("/etc/security", "who may log in, and within which limits"),
    Place("/etc/ssh", "the host's keys"),
    Place("/etc/ssl", "the host's keys"),
    Place("/etc/ssl/private", "the host's keys"),
    Place("/etc/sudoers.d", "who may become root"),
    Place("/etc/sysctl.d", "the settings of the host's kernel"),
    Place("/etc/systemd", "what the host starts"),
    Place("/etc/systemd/system", "what the host starts"),
    Place("/etc/udev", "what the host runs as root when a device comes"),
    Place("/etc/udev/rules.d", "what the host runs as root when a device comes"),
    Place("/etc/wireguard", "the keys of the host's network"),
    Place("/home", "the files of every person"),
    Place("/home/*", "all files of a person, keys included"),
    Place("/home/*/.aws", "a person's keys"),
    Place("/home/*/.config", "a person's settings, tokens included"),
    Place("/home/*/.docker", "a person's keys"),
    Place("/home/*/.gnupg", "a person's keys"),
    Place("/home/*/.kube", "a person's keys"),
    Place("/home/*/.ssh", "a person's keys"),
    Place("/lib", "the code in every program of the host"),
    Place("/lib64", "the code in every program of the host"),
    Place("/opt", "the programs that were installed on the host"),
    Place("/proc", "the host's processes and its kernel's settings", below=True),
    Place("/root", "the files of the host's administrator"),
    Place("/root/.aws", "the administrator's keys"),
    Place("/root/.config", "the administrator's settings, tokens included"),
    Place("/root/.docker", "the administrator's keys"),
    Place("/root/.gnupg", "the administrator's keys"),
    Place("/root/.kube", "the administrator's keys"),
    Place("/root/.ssh", "the administrator's keys"),
    Place("/run", "the sockets of the host's daemons, and their state"),
    Place("/run/containerd", "the daemon that rules every container"),
    Place("/run/crio", "the daemon that rules every container"),
    Place("/run/dbus", "the bus that the host's services are asked over"),
    Place("/run/docker", "the daemon that rules every container"),
    Place("/run/docker/netns", "the networks of every container, and of the host", below=True),
    Place("/run/libvirt", "the daemon that rules the host's machines"),
    Place("/run/netns", "the networks that the host has made", below=True),
    Place("/run/podman", "the service that rules every container"),
    Place("/run/systemd", "what rules the host's services"),
    Place("/run/udev", "what rules the host's devices"),
    Place("/run/user", "the sockets of every person's session"),
    Place("/run/user/*", "the sockets of a person's session"),
    Place("/sbin", "the programs that the host runs"),
    Place("/srv", "all that the host serves"),
    Place("/sys", "the host's devices, and its control groups", below=True),
    Place("/tmp", "what every program of the host puts there"),
    Place("/tmp/.X11-unix", "a person's screen and keyboard"),
    Place("/usr", "the programs that the host runs"),
    Place("/usr/bin", "the programs that the host runs"),
    Place("/usr/lib", "the code in every program of the host"),
    Place("/usr/lib/modules", "the code in the host's kernel"),
    Place("/usr/lib/systemd", "what the host starts"),
    Place("/usr/lib/udev", "what the host runs as root when a device comes"),
    Place("/usr/lib64", "the code in every program of the host"),
    Place("/usr/libexec", "the programs that the host runs"),
    Place("/usr/local", "the programs that were installed on the host"),
    Place("/usr/local/bin", "the programs that were installed on the host"),
    Place("/usr/local/lib", "the programs that were installed on the host"),
    Place("/usr/local/sbin", "the programs that were installed on the host"),
    Place("/usr/sbin", "the programs that the host runs"),
    Place("/var", "the state of every service of the host"),
    Place("/var/cache", "the state of every service of the host"),
    Place("/var/lib", "the state of every service of the host"),
    Place("/var/lib/containerd", "the files of every container"),
    Place("/var/lib/containers", "the files of every container"),
    Place("/var/lib/containers/storage", "the files of every container"),
    Place("/var/lib/docker", "the files of every container"),
    Place("/var/lib/docker/containers", "the files of every container"),
    Place("/var/lib/docker/overlay2", "the files of every container"),
    Place("/var/lib/docker/volumes", "the volumes of every container"),
    Place("/var/lib/kubelet", "the secrets of every pod"),
    Place("/var/lib/lxc", "the files of every container"),
    Place("/var/lib/machines", "the files of every container"),
    Place("/var/lib/systemd", "what rules the host's services"),
    Place("/var/log", "what the host's services and people did"),
    Place("/var/spool", "what the host runs and prints later"),
    Place("/var/spool/cron", "what the host runs as root"),
    Place("/var/spool/cron/crontabs", "what the host runs, as root too"),
    Place("/var/tmp", "what every program of the host puts there"),
)

SECRET_FILES = (
    Place("/etc/*shadow*", "the hashes of the host's passwords"),
    Place("/etc/*/*shadow*", "the hashes of the host's passwords"),
    Place("/etc/crontab", "what the host runs as root"),
    Place("/etc/cron.*/*", "what the host runs as root"),
    Place("/etc/ld.so.preload", "the code in every program of the host"),
    Place("/etc/sudoers", "who may become root"),
    Place("/etc/sudoers.d/*", "who may become root"),
    Place("/etc/ssh/*_key", "the host's keys"),
    Place("/etc/ssl/private/*", "the host's keys"),
    Place("/etc/wireguard/*", "the keys of the host's network"),
    Place("/root/.ssh/*", "the administrator's keys"),
    Place("/root/.docker/config.json", "the administrator's keys"),
    Place("/root/.kube/config", "the administrator's keys"),
    Place("/home/*/.ssh/*", "a person's keys"),
    Place("/home/*/.docker/config.json", "a person's keys"),
    Place("/home/*/.kube/config", "a person's keys"),
)
"""Files that are the system's when they are handed in by themselves; any other file is a volume."""

RULERS = (
    "docker.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock", "buildkitd.sock", "libvirt-sock",
    "libvirt-sock-ro", "system_bus_socket", "snapd.socket", "snapd-snap.socket",
)  # fmt: skip
"""The names of the sockets of daemons that rule the host, wherever they lie: a user's own daemon has it elsewhere."""
RULING_PATHS = (
    "/run/docker/metrics.sock", "/run/systemd/private", "/run/systemd/notify", "/run/systemd/journal/*",
    "/run/udev/control", "/run/user/*/bus", "/run/user/*/systemd/private", "/var/lib/lxd/unix.socket",
    "/var/lib/incus/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/tmp/.X11-unix/*",
)  # fmt: skip
"""Those with a name that others use as well."""

STORES = (
    "/var/lib/docker", "/run/docker", "/var/lib/containerd", "/run/containerd", "/var/lib/containers",
    "/run/containers", "/run/libpod", "/run/crun", "/run/runc", "/var/lib/lxc", "/var/lib/machines",
    "/run/user/*/containers", "/run/user/*/libpod", "/root/.local/share/containers", "/root/.local/share/docker",
    "/tmp/podman-run-[0-9]*/containers", "/tmp/podman-run-[0-9]*/libpod",
    "/home/*/.local/share/containers", "/home/*/.local/share/docker", "/run/systemd/nspawn", "/run/firejail",
    "/var/tmp/nspawn-temp-*",
)  # fmt: skip
"""Where engines make the files of a box: its root, its /etc/hosts, its named volumes."""
HANDED_BY_ENGINES = ("/usr/lib/os-release", "/etc/os-release")
"""What they hand in unasked, and holds nothing of the host but its name: nspawn."""


OF_EACH_BOX = frozenset({"/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/shm"})
"""Where a box has what its engine made for it, or for the box that it shares a namespace with."""
INITS = frozenset({"/sbin/docker-init", "/run/podman-init", "/dev/init"})
"""Where Docker and Podman put the program of theirs that is the first process of a container, if asked to: `--init`."""


def system(path: str) -> Place | None:
    """The place that a box has that is given the host's directory `path`; None when it is a volume."""
    return next((place for place in PLACES if _is(path, place)), None)


def system_file(path: str) -> Place | None:
    """The same for a file that is handed in by itself."""
    known = next((place for place in SECRET_FILES if _matches(path, place.path)), None)
    return known or next((place for place in PLACES if place.below and _under(path, place.path)), None)


def rules(path: str) -> bool:
    """Whether the socket `path` of a host is one of a daemon that rules it."""
    return PurePosixPath(path).name in RULERS or any(_matches(path, pattern) for pattern in RULING_PATHS)


def in_store(path: str) -> bool:
    """Whether an engine made it."""
    parts = PurePosixPath(path).parents
    return path in HANDED_BY_ENGINES or any(_matches(str(above), store) for above in parts for store in STORES)


def _is(path: str, place: Place) -> bool:
    return _matches(path, place.path) or (place.below and _under(path, place.path))


def _matches(path: str, pattern: str) -> bool:
    return PurePosixPath(path).match(pattern) if "*" in pattern else path == pattern


def _under(path: str, above: str) -> bool:
    return path.startswith(f"{above}/")
