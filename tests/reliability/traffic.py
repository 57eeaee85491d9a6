"""Mixed traffic: honest clients and every kind of hostile one, at a rate."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from reliability.clients import Actor, Question, Recorder, at_work, crowd
from support.http import JSON_BODY, Connection, request_bytes
from support.honest import HonestRequest
from support.seal_bytes import ZLIB, ZSTD, join, zstd_frame
from support.server import Server


class Hostile:
    """One hostile act after the other. What the server says does not matter, as long as it lives."""

    def __init__(self, server: Server, request: HonestRequest, seed: int) -> None:
        self.server = server
        self.chance = random.Random(seed)
        body = request.body
        message = request_bytes("POST", "/infer", JSON_BODY, body)
        bombs = [join(zstd_frame(b"", zeros=1 << 28), 4, ZSTD), join(zlib.compress(bytes(16 << 20), 9), 4, ZLIB)]
        self.messages = [
            message[: len(message) // 2],
            message[:50],
            message[:-1],
            request_bytes("POST", "/infer", JSON_BODY, body[:-1] + b"!"),
            request_bytes("POST", "/infer", JSON_BODY, b"[" * 100_000),
            *(request_bytes("POST", "/infer", JSON_BODY, request.body_with(bomb, bomb)) for bomb in bombs),
            request_bytes("GET", "/openapi.json") * 50,
            request_bytes("GET", "/models", {"X-Padding": "x" * 20_000}),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
            b"GET /jobs/" + b"0" * 32 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            request_bytes("POST", "/infer", JSON_BODY | {"Transfer-Encoding": "chunked"}) + b"ffffffffffff\r\n",
        ]

    def act(self) -> bool:
        data = bytearray(self.chance.choice(self.messages))
        if self.chance.random() < 0.3:
            for _ in range(self.chance.choice([1, 10, 100])):
                data[self.chance.randrange(len(data))] = self.chance.randrange(256)
        try:
            connection = Connection(self.server)
        except OSError:
            return True
        with connection:
            connection.send(bytes(data))
            if self.chance.random() < 0.5:
                connection.wait_for_data(0.05)
            if self.chance.random() < 0.3:
                connection.reset()
        return True


@contextmanager
def mixed_traffic(
    server: Server, recorder: Recorder, questions: list[Question], request: HonestRequest, *, honest: int = 6,
    hostile: int = 3, pause: float = 0, seed: int = 0,
) -> Iterator[None]:
    """Clients that each rest for `pause` seconds between two acts."""

    def rest(actor: Actor) -> float:
        # Hostile ones always rest a little: what they send costs them nothing, and a slow server would do nothing else.
        return max(pause, 0.2) if isinstance(actor, Hostile) else pause

    actors: list[Actor] = [*crowd(recorder, questions, honest, seed)]
    actors += [Hostile(server, request, seed + number) for number in range(hostile)]
    with at_work(actors, rest):
        yield


def let_run(server: Server, seconds: float) -> None:
    """Until the time is over or the server has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.process.poll() is None:
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
