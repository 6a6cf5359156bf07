"""Which TLS versions a server accepts, asked with a ClientHello of our own.

The local OpenSSL may refuse old versions itself: its "handshake failed" says nothing about the server.
RFC 5246 and 8446 give the layout; only the server's first record is read.
"""

from __future__ import annotations

import os
import socket
import struct

VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
OLD_CIPHERS = (0xC014, 0xC013, 0xC00A, 0xC009, 0x0039, 0x0033, 0x0035, 0x002F, 0x000A)
"""CBC with SHA-1, by ECDHE, DHE and RSA: what TLS 1.0 and 1.1 have."""
NEW_CIPHERS = (0x1301, 0x1302, 0x1303, 0xC02F, 0xC030, 0xC02B, 0xC02C, 0xCCA8, 0xCCA9, 0x009E, 0x009F, 0xC027, 0x009C)
GROUPS = (0x0017, 0x0018, 0x001D)
SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0203, 0x0201)
TIMEOUT_S = 5.0
HANDSHAKE, SERVER_HELLO = 22, 2


def accepts(host: str, port: int, name: str, version: str) -> bool:
    """Whether the server answers a hello of this version, and no other, with a ServerHello of it.

    Raises OSError when nobody can be reached.
    """
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
        connection.sendall(client_hello(name, VERSIONS[version]))
        try:
            header = _read(connection, 5)
            kind, _, length = struct.unpack("!BHH", header)
            body = _read(connection, min(length, 1 << 14))
        except (OSError, EOFError):
            return False  # closed or reset: refused
    return kind == HANDSHAKE and body[:1] == bytes([SERVER_HELLO]) and _chosen(body) == VERSIONS[version]


def client_hello(name: str, version: int) -> bytes:
    """One record."""
    modern = version == VERSIONS["TLSv1.3"]
    ciphers = (*NEW_CIPHERS, *OLD_CIPHERS) if version >= VERSIONS["TLSv1.2"] else OLD_CIPHERS
    encoded = name.encode("idna" if not name.isascii() else "ascii")
    extensions = [
        (0, _sized(b"\0" + _sized(encoded))),
        (10, _sized(b"".join(struct.pack("!H", one) for one in GROUPS))),
        (11, b"\1\0"),
        (13, _sized(b"".join(struct.pack("!H", one) for one in SIGNATURES))),
    ]
    if modern:
        # A key share of zeros would be refused; an empty list asks for a HelloRetryRequest, which is a ServerHello.
        extensions += [(43, b"\2" + struct.pack("!H", version)), (51, _sized(b""))]
    packed = b"".join(struct.pack("!H", number) + _sized(data) for number, data in extensions)
    hello = struct.pack("!H", min(version, VERSIONS["TLSv1.2"])) + os.urandom(32) + b"\x20" + os.urandom(32)
    hello += _sized(b"".join(struct.pack("!H", one) for one in ciphers)) + b"\1\0" + _sized(packed)
    message = b"\1" + len(hello).to_bytes(3, "big") + hello
    return struct.pack("!BH", HANDSHAKE, 0x0301) + _sized(message)


def _chosen(hello: bytes) -> int:
    """The version of a ServerHello: of its extension when there is one."""
    try:
        version = struct.unpack_from("!H", hello, 4)[0]
        at = 4 + 2 + 32
        at += 1 + hello[at] + 3
        end = at + 2 + struct.unpack_from("!H", hello, at)[0]
        at += 2
        while at + 4 <= min(end, len(hello)):
            kind, length = struct.unpack_from("!HH", hello, at)
            if kind == 43 and length == 2:
                version = struct.unpack_from("!H", hello, at + 4)[0]
            at += 4 + length
    except (struct.error, IndexError):
        return 0
    return int(version)


def _sized(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data
