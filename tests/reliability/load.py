"""Many connections at once, each kept alive; their messages are shared and never copied."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from support.http import JSON_BODY, Connection, ConnectionEnded, Reply, request_bytes
from support.server import Server

LOST = 0  # in place of a status: the connection ended before a reply


class Line:
    """A connection to the server, made again when it has ended."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None

    def exchange(self, message: bytes, replies: int = 1) -> list[Reply]:
        """Sends it and reads so many replies; fewer if the connection ends before."""
        found: list[Reply] = []
        try:
            self._connection = self._connection or Connection(self._server)
            self._connection.send(message)
            while len(found) < replies:
                found.append(self._connection.read_reply())
        except (ConnectionEnded, ConnectionResetError, ConnectionRefusedError):
            self.close()
        if found and found[-1].header("Connection") == "close":
            self.close()
        return found

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def infer_message(body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    return request_bytes("POST", "/infer", {**JSON_BODY, **(headers or {})}, body)


def on_lines(server: Server, count: int, act: Callable[[Line, int], None]) -> None:
    """`act` on so many connections at once."""
    failures: list[BaseException] = []

    def one(number: int) -> None:
        line = Line(server)
        try:
            act(line, number)
        except BaseException as failure:  # noqa: BLE001, raised again below
            failures.append(failure)
        finally:
            line.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def statuses(replies: Iterable[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)
