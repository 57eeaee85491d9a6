"""HTTP/1.1 over a plain socket: sends exactly the bytes it is given, reads replies strictly."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import select
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from support.server import PATIENCE, Server, attempts

JSON_BODY = {"Content-Type": "application/json"}


def binary_body(header_length: object) -> dict[str, str]:
    """The header fields of a body that begins with so many bytes of JSON."""
    return {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(header_length)}


STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([A-Za-z -]+)")
FIELD_LINE = re.compile(rb"([A-Za-z0-9-]+): ?([\x20-\x7e]*)")


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} is sent {len(found)} times"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)

    def json_header(self) -> tuple[Any, bytes]:
        """The two parts of a binary body."""
        assert self.header("Content-Type") == "application/octet-stream"
        length = int(self.header("Inference-Header-Content-Length") or "")
        assert len(self.body) > length
        return json.loads(self.body[:length]), self.body[length:]

    @property
    def code(self) -> str:
        return self.json()["error"]["code"]


class ConnectionEnded(Exception):
    """The server closed the connection where a reply was expected."""


def request_bytes(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: einfer.test"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chunked_bytes(method: str, target: str, headers: Mapping[str, str], pieces: Iterable[bytes]) -> bytes:
    head = request_bytes(method, target, {**headers, "Transfer-Encoding": "chunked"})
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


class Connection:
    def __init__(self, server: Server, receive_buffer: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._buffer = b""
        try:
            self._socket.connect(("127.0.0.1", server.port))
            if server.tls:
                self._socket = server.tls.wrap_socket(self._socket, server_hostname="localhost")
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends what the server takes: it may answer and close before it has read everything."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def reset(self) -> None:
        """Goes away without a farewell: the peer sees a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send_end(self) -> None:
        """No more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def read_reply(self, *, to_head: bool = False) -> Reply:
        """The next reply; interim ones (1xx) count."""
        head, _, self._buffer = self._read_until(b"\r\n\r\n")
        status_line, *field_lines = head.split(b"\r\n")
        status = STATUS_LINE.fullmatch(status_line)
        assert status, status_line
        fields = []
        for line in field_lines:
            field = FIELD_LINE.fullmatch(line)
            assert field, line
            fields.append((field[1].decode(), field[2].decode()))
        reply = Reply(int(status[1]), tuple(fields), b"")
        assert reply.header("Transfer-Encoding") is None
        if reply.status < 200 or reply.status in (204, 304):
            return reply
        length = reply.header("Content-Length")
        assert length is not None and length.isdigit()
        return reply if to_head else dataclasses.replace(reply, body=self._read(int(length)))

    def wait_for_data(self, seconds: float) -> bool:
        """Whether there is something to read, the end included."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], seconds)[0])

    def is_ended(self) -> bool:
        """Waits: true when the server closes the connection, false when it sends something instead."""
        self._buffer = self._buffer or self._receive()
        return not self._buffer

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def _more(self) -> None:
        data = self._receive()
        if not data:
            raise ConnectionEnded(f"after {self._buffer!r}")
        self._buffer += data

    def _read_until(self, end: bytes) -> tuple[bytes, bytes, bytes]:
        while end not in self._buffer:
            self._more()
        return self._buffer.partition(end)

    def _read(self, length: int) -> bytes:
        pieces, missing = [self._buffer[:length]], length - len(self._buffer[:length])
        self._buffer = self._buffer[length:]
        while missing > 0:
            data = self._receive()
            if not data:
                raise ConnectionEnded("inside a body")
            pieces.append(data[:missing])
            self._buffer = data[missing:]
            missing -= len(pieces[-1])
        return b"".join(pieces)


def send_raw(server: Server, data: bytes, *, to_head: bool = False) -> Reply:
    """One message on a connection of its own, byte by byte as given."""
    with Connection(server) as connection:
        connection.send(data)
        return connection.read_reply(to_head=to_head)


def ask(
    server: Server, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    message = request_bytes(method, target, server.headers | dict(headers or {}), body)
    return send_raw(server, message, to_head=method == "HEAD")


def get(server: Server, target: str, **headers: str) -> Reply:
    return ask(server, "GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})


def post(server: Server, target: str, body: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(server, "POST", target, body, JSON_BODY | named)


def hold_connection(server: Server) -> Connection:
    """A connection that the server has room for. One that was closed before may take it a moment to notice."""
    for _ in attempts("the server has room"):
        connection = Connection(server)
        connection.send(request_bytes("GET", "/health"))
        if connection.read_reply().status == 200:
            return connection
        connection.close()
