"""HTTP over TLS to an address, under the site's name: the name need not resolve, the certificate may be self-signed."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

TIMEOUT_S = 30
MAX_BODY = 4 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the site: status, `Location`, and the body as text."""

    status: int
    location: str
    body: str


def get(address: tuple[str, int], name: str, path: str) -> Answer | None:
    """None when nobody speaks HTTP there."""
    return _ask(address, name, "GET", path, None)


def post(address: tuple[str, int], name: str, path: str, form: Mapping[str, str]) -> Answer | None:
    """Sends a form as a visitor's browser does; None where nobody answers over TLS."""
    return _ask(address, name, "POST", path, urlencode(form))


def _ask(address: tuple[str, int], name: str, method: str, path: str, body: str | None) -> Answer | None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        plain = socket.create_connection(address, timeout=TIMEOUT_S)
        with plain, context.wrap_socket(plain, server_hostname=name) as secure:
            connection = http.client.HTTPConnection(name, timeout=TIMEOUT_S)
            connection.sock = secure
            headers = {"Host": name} | ({"Content-Type": "application/x-www-form-urlencoded"} if body else {})
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read(MAX_BODY).decode("utf-8", "replace")
            return Answer(answer.status, answer.getheader("Location") or "", text)
    except (OSError, http.client.HTTPException, ValueError):
        return None
