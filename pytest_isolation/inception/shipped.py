"""Configuration that packages ship, as far as it decides."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_isolation.inception import releases

if TYPE_CHECKING:
    from pytest_isolation.inception.model import Image, Submission

NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;
events {
	worker_connections 768;
}
http {
	sendfile on;
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE
	ssl_prefer_server_ciphers on;
	access_log /var/log/nginx/access.log;
	error_log /var/log/nginx/error.log;
	gzip on;
	include /etc/nginx/conf.d/*.conf;
	include /etc/nginx/sites-enabled/*;
}
"""
"""Debian's nginx.conf without its comments."""
NGINX_OF_ALPINE = """user nginx;
worker_processes auto;
pcre_jit on;
error_log /var/log/nginx/error.log warn;
include /etc/nginx/modules/*.conf;
include /etc/nginx/conf.d/*.conf;
events {
	worker_connections 1024;
}
http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	server_tokens off;
	client_max_body_size 1m;
	sendfile on;
	tcp_nopush on;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_prefer_server_ciphers on;
	ssl_session_cache shared:SSL:2m;
	gzip_vary on;
	access_log /var/log/nginx/access.log main;
	include /etc/nginx/http.d/*.conf;
}
"""
"""Alpine's."""
BIND = "bind-address            = 127.0.0.1"
"""Of Debian's 50-server.cnf."""
SOCKET = "user = www-data\ngroup = www-data\nlisten = /run/php/php{}-fpm.sock\nlisten.owner = www-data"
"""Of the pool of Debian's php-fpm."""
LOOPBACK = "user = nobody\ngroup = nobody\nlisten = 127.0.0.1:9000"
"""Of the pool of Alpine's."""


PHP = {"bullseye": "7.4", "bookworm": "8.2", "trixie": "8.4"}
"""What `php-fpm` is on Debian."""


def pool(family: str, release: str | None, packages: str) -> str | None:
    """The lines of the package's www.conf that decide; None where its version is not known."""
    if family == "alpine":
        return LOOPBACK
    named = re.search(r"\bphp(\d\.\d)-fpm\b", packages)
    version = named[1] if named else PHP.get(release or "")
    return SOCKET.format(version) if version and family == "debian" else None


def files(s: Submission, image: Image) -> dict[str, str]:
    """Path -> those lines of the packages' files that decide, as the image's packages ship them."""
    from pytest_isolation.inception.rules.d_images import _named

    family, tag = _named(image.stages[0].base) if image.stages else ("", "")
    found: dict[str, str] = {}
    packages = " ".join(image.packages)
    if family == "debian" and {"mariadb-server", "default-mysql-server"} & set(image.packages):
        found["/etc/mysql/mariadb.conf.d/50-server.cnf"] = f"[mysqld]\n{BIND}\n"
    elif family == "alpine" and {"mariadb", "mysql"} & set(image.packages):
        found["/etc/my.cnf.d/mariadb-server.cnf"] = "[mysqld]\nskip-networking\n"
    if re.search(r"\bphp[\d.]*-?fpm", packages):
        release = releases.series_of(family, tag, s.asked.day) if family == "debian" else None
        text = pool(family, getattr(release, "name", None), packages)
        version = re.search(r"php([\d.]+)-fpm", text or "") or re.search(r"\bphp(\d+)-fpm", packages)
        if text is not None and version is not None:
            at = f"/etc/php/{version[1]}/fpm/pool.d" if family == "debian" else f"/etc/php{version[1]}/php-fpm.d"
            found[f"{at}/www.conf"] = f"[www]\n{text}\n"
            found[f"{posixpath.dirname(at)}/php-fpm.conf"] = "[global]\n;daemonize = yes\n"
    if family == "alpine" and (php := re.search(r"\bphp(\d+)\b", packages)):
        found[f"/etc/php{php[1]}/php.ini"] = "memory_limit = 128M\n"
    if any(re.fullmatch(r"nginx(-(full|light|extras|core))?", one) for one in image.packages):
        found |= {"/etc/nginx/nginx.conf": NGINX} if family == "debian" else {}
        found |= {"/etc/nginx/nginx.conf": NGINX_OF_ALPINE} if family == "alpine" else {}
    return found
