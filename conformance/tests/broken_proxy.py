"""A reverse proxy before a server of the protocol that breaks promises, or adds optional features, by name."""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import json
import socketserver
import threading
from collections.abc import Callable
from typing import Any

from einfer_conformance.http import strict_json

HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "expect", "keep-alive"}


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes | None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return strict_json(self.body or b"")
        except (ValueError, RecursionError):
            return None

    def set_json(self, document: Any) -> None:
        self.body = json.dumps(document).encode()

    @property
    def is_infer(self) -> bool:
        return (self.method, self.target) == ("POST", "/infer")

    @property
    def job(self) -> str | None:
        return self.target.removeprefix("/jobs/") if self.target.startswith("/jobs/") else None


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names as the server wrote them
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def set_json(self, document: Any) -> None:
        self.body = json.dumps(document, separators=(",", ":")).encode()


def error(status: int, code: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": {"code": code, "message": "Made by the proxy."}}).encode()
    return Answer(status, {"Content-Type": "application/json", "X-Request-ID": "proxy", **named}, body)


class Behaviour:
    """What the proxy does to requests and answers. One object for one proxy: it may remember things."""

    def request(self, request: Request) -> Answer | None:
        """May change the request; an answer is sent instead of asking the server."""

    def answer(self, request: Request, answer: Answer) -> None:
        """May change the answer."""


class Chain(Behaviour):
    """Several, the first nearest to the client."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = behaviours

    def request(self, request: Request) -> Answer | None:
        for behaviour in self.behaviours:
            if answer := behaviour.request(request):
                return answer
        return None

    def answer(self, request: Request, answer: Answer) -> None:
        for behaviour in reversed(self.behaviours):
            behaviour.answer(request, answer)


def on_request(change: Callable[[Request], Answer | None]) -> Callable[[], Behaviour]:
    class Changed(Behaviour):
        def request(self, request: Request) -> Answer | None:
            return change(request)

    return Changed


def on_answer(change: Callable[[Request, Answer], None]) -> Callable[[], Behaviour]:
    class Changed(Behaviour):
        def answer(self, request: Request, answer: Answer) -> None:
            change(request, answer)

    return Changed


class Proxy:
    """Listens on a free port of the loopback interface until it is closed."""

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        class Handler(_Handler):
            backend = port
            shared = behaviour
            lock = threading.Lock()

        class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self._listener = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    backend: int
    shared: Behaviour
    lock: threading.Lock

    def log_message(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._read_body(headers))
        with self.lock:  # behaviours need not think of threads
            answer = self.shared.request(request)
        asked = answer is None
        answer = answer or self._ask(request)
        if asked:
            with self.lock:
                self.shared.answer(request, answer)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _read_body(self, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(headers["content-length"])) if "content-length" in headers else None

    def _ask(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.backend, timeout=60)
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name not in HOP_BY_HOP:
                connection.putheader(name, value)
        if request.body is not None:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        return Answer(response.status, headers, body)
