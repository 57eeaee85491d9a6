"""HTTP/1.1 over plain and TLS sockets: sends exactly the bytes it is given, remembers what came."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import socket
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any

SHOWN = 240  # bytes of a body that a report shows
SECRET_FIELD = re.compile(rb"^(authorization:)[^\r\n]*", re.IGNORECASE | re.MULTILINE)


class BadReply(Exception):
    """No HTTP reply, or one that breaks HTTP or JSON."""


def strict_json(data: bytes) -> Any:
    """RFC 8259 without duplicate members, NaN or infinities."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member occurs twice")
        return dict(pairs)

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    return json.loads(data.decode("utf-8"), object_pairs_hook=members, parse_constant=no_constant)


def shown(data: bytes) -> str:
    """Text, cut; long ones with length and digest, so that they can be recognised."""
    text = data[:SHOWN].decode("latin-1")
    text = "".join(char if char.isprintable() or char in "\r\n" else f"\\x{ord(char):02x}" for char in text)
    if len(data) > SHOWN:
        text += f"… ({len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]})"
    return text


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value; values of several fields joined with commas."""
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        return ", ".join(found) if found else None

    def json(self) -> Any:
        try:
            return strict_json(self.body)
        except (ValueError, RecursionError) as fault:
            raise BadReply(f"the body is no JSON: {fault}") from fault

    @property
    def code(self) -> str | None:
        """error.code, if there is one."""
        with contextlib.suppress(BadReply, KeyError, TypeError):
            return self.json()["error"]["code"]
        return None


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One message and what came back: a reply, or None and what happened instead."""

    method: str
    target: str
    sent: bytes
    reply: Reply | None
    failure: str = ""

    @property
    def answer(self) -> Reply:
        if self.reply is None:
            raise BadReply(self.failure)
        return self.reply

    def sent_text(self) -> str:
        head, mark, body = self.sent.partition(b"\r\n\r\n")
        head = SECRET_FIELD.sub(rb"\1 (not shown)", head)
        return shown(head[: 4 * SHOWN]) + ("\n\n" + shown(body) if mark and body else "")

    def received_text(self) -> str:
        if self.reply is None:
            return self.failure
        lines = [f"HTTP/1.1 {self.reply.status}", *(f"{name}: {value}" for name, value in self.reply.fields)]
        return "\n".join(lines) + ("\n\n" + shown(self.reply.body) if self.reply.body else "")


def message(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """Request bytes; Content-Length is added if there is a body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


class Endpoint:
    """Where the server is, and how to connect to it."""

    def __init__(self, url: str, *, timeout: float, insecure: bool = False, ca_file: str | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the URL must be http://HOST[:PORT] or https://HOST[:PORT]")
        self.name = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.host = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")
        self.timeout = timeout
        self.tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self.tls = ssl.create_default_context(cafile=ca_file)
            if insecure:
                self.tls.check_hostname = False
                self.tls.verify_mode = ssl.CERT_NONE

    def connect(self) -> Connection:
        plain = socket.create_connection((self.name, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(self.tls.wrap_socket(plain, server_hostname=self.name) if self.tls else plain)


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends what the server takes: it may answer and close before it has read everything."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self._socket.sendall(data)

    def read(self, method: str = "GET") -> Reply:
        """The next reply; interim ones count."""
        while b"\r\n\r\n" not in self._buffer:
            self._more("in the header section")
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")
        matched = re.fullmatch(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?", status_line)
        if not matched:
            raise BadReply(f"no status line: {status_line[:80]!r}")
        fields = []
        for line in lines:
            field = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*", line)
            if not field:
                raise BadReply(f"no header field: {line[:80]!r}")
            fields.append((field[1].decode("latin-1"), field[2].decode("latin-1")))
        reply = Reply(int(matched[1]), tuple(fields), b"")
        if reply.status < 200 or reply.status in (204, 304) or method == "HEAD":
            return reply
        return dataclasses.replace(reply, body=self._read_body(reply))

    def is_closed(self) -> bool:
        """Waits: true when the server ends the connection, false when it sends something or keeps it open."""
        try:
            self._buffer = self._buffer or self._receive()
        except TimeoutError:
            return False
        return not self._buffer

    def is_silent(self, seconds: float) -> bool:
        """Nothing comes for so long."""
        before = self._socket.gettimeout()
        self._socket.settimeout(seconds)
        try:
            self._buffer = self._buffer or self._receive()
            return False
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(before)

    @property
    def tls_version(self) -> str | None:
        return self._socket.version() if isinstance(self._socket, ssl.SSLSocket) else None

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(1 << 20)
        except (ConnectionResetError, ssl.SSLEOFError):
            return b""

    def _more(self, where: str) -> None:
        try:
            data = self._receive()
        except TimeoutError as fault:
            raise BadReply(f"no answer in time, {where}") from fault
        if not data:
            raise BadReply(f"the connection was closed {where}")
        self._buffer += data

    def _take(self, length: int) -> bytes:
        pieces, have = [self._buffer], len(self._buffer)
        while have < length:
            self._buffer = b""
            self._more("in the body")
            pieces.append(self._buffer)
            have += len(self._buffer)
        data = b"".join(pieces)
        self._buffer = data[length:]
        return data[:length]

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more("in the body")
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read_body(self, reply: Reply) -> bytes:
        if (reply.header("Transfer-Encoding") or "").lower() == "chunked":
            pieces = []
            while size := int(self._line().partition(b";")[0], 16):
                pieces.append(self._take(size))
                self._line()
            while self._line():
                pass
            return b"".join(pieces)
        length = reply.header("Content-Length")
        if length is None or not length.isdigit():
            raise BadReply(f"no length of the body: Content-Length is {length!r}")
        return self._take(int(length))
