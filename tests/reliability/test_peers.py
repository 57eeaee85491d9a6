"""Peers that are slow, silent, half-closed or deaf, all at once: they are let go, and nobody else is."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from contextlib import ExitStack

from reliability.clients import Question, Recorder, answers, at_work, count_of, crowd, look_back
from reliability.history import violations
from support.http import JSON_BODY, Connection, post, request_bytes
from support.server import Server, wait_until

StartServer = Callable[..., Server]

EACH = 25
TIMES = ["--header-timeout", "1", "--body-timeout", "1", "--request-timeout", "3", "--write-timeout", "1"]
TIMES += ["--idle-timeout", "1"]


def test_all_bad_peers_at_once(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    server = start_server(*TIMES, registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    job_id = post(server, "/infer", questions[0].body, Prefer="wait=60").json()["job_id"]
    recorder.history.posts.clear()
    message = request_bytes("POST", "/infer", JSON_BODY, questions[0].body)
    result = request_bytes("GET", f"/jobs/{job_id}")
    with ExitStack() as stack:

        def peers(data: bytes, **more: int) -> list[Connection]:
            made = [stack.enter_context(Connection(server, **more)) for _ in range(EACH)]
            for connection in made:
                connection.send(data)
            return made

        with at_work(crowd(recorder, questions, 4)):
            peers(b"")
            peers(message[:40])  # and no more of its headers
            peers(message[: len(message) // 2])  # gone without a word, as behind a cable that was pulled
            peers(result * 40, receive_buffer=4096)  # never reads
            for connection in peers(message[: len(message) // 3]):
                connection.send_end()
            slow = peers(message[:1000])
            accepted = count_of(recorder, 200, 202)
            byte = 1000

            def drip() -> bool:
                """A byte at a time for as long as the server bears it."""
                nonlocal byte
                for connection in slow:
                    connection.send(message[byte : byte + 1])
                byte += 1
                return all(connection.wait_for_data(0) for connection in slow)

            wait_until(drip, "the slow ones are told that they are")
            wait_until(lambda: count_of(recorder, 200, 202) >= accepted + 50, "others are served")
        wait_until(lambda: not server.connections(), "all are let go, though none of them has closed")
    wait_until(lambda: server.unfinished_jobs() == 0, "all jobs are final")
    look_back(recorder, server)
    recorder.history.stored = [job for job in recorder.history.stored if job.job_id != job_id]
    assert violations(recorder.history, answers(questions)) == []
