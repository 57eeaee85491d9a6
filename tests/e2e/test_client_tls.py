"""The client over TLS, with API keys, and through lost connections: against the real server, and against peers that are none."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from support.models import clear_answer, read_entry
from support.server import BINARY, PATIENCE, ROOT, Server, clean_environment, run_server, wait_until

CLIENT = BINARY.parent / "einfer"
ROW = ",".join(["0.1"] * 8) + "\n"
INFER = ("infer", "--model", "logistic_v1", "--input", "-")
NO_MODELS = (ROOT / "docs/api/examples/models/accept/no_models.json").read_bytes()
REFUSED, UNREACHABLE, USAGE = 4, 3, 2


def run(*arguments: str, stdin: str = ROW, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(CLIENT), *arguments], env=clean_environment(env), input=stdin, capture_output=True,
                          text=True, timeout=120, check=False)


def expect_prediction(answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 0, answer.stderr
    value = float(answer.stdout.splitlines()[-1])
    assert value == pytest.approx(clear_answer(read_entry("logistic_v1"), [0.1] * 8), abs=1e-5)


def expect_failure(answer: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert answer.stderr.startswith("einfer: ")
    assert answer.stderr.count("\n") == 1
    for part in said:
        assert part in answer.stderr


class Authority:
    """A CA of these tests, by the openssl program."""

    def __init__(self, home: pathlib.Path, name: str) -> None:
        self.home = home / name
        self.home.mkdir()
        self.file = self.home / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", str(self.home / "ca.key"), "-out", str(self.file))

    def issue(self, name: str, names: str, days: int = 2, common_name: str = "einfer test") -> tuple[str, str]:
        """Paths of a certificate for these alternative names ("" for none), and of its key."""
        certificate, key, request = (str(self.home / f"{name}.{end}") for end in ("pem", "key", "csr"))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                      f"/CN={common_name}", "-keyout", key, "-out", request)
        extensions = self.home / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        self._openssl("x509", "-req", "-in", request, "-CA", str(self.file), "-CAkey", str(self.home / "ca.key"),
                      "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", certificate)
        return certificate, key

    @staticmethod
    def _openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], capture_output=True, timeout=PATIENCE, check=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "good")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "stranger")


@pytest.fixture(scope="module")
def local(authority: Authority) -> tuple[str, str]:
    return authority.issue("local", "DNS:localhost,IP:127.0.0.1")


@contextlib.contextmanager
def tls_server(models: pathlib.Path, home: pathlib.Path, certificate: tuple[str, str], ca: str | pathlib.Path, *flags: str,
               shown: tuple[str, str] | None = None) -> Iterator[Server]:
    """The real server behind that certificate, which `ca` signed. `shown`: a client certificate that it takes."""
    context = ssl.create_default_context(cafile=str(ca))
    if shown:
        context.load_cert_chain(*shown)
    server = Server(models, home, "--tls-cert", certificate[0], "--tls-key", certificate[1], *flags, tls=context)
    try:
        yield server.wait_ready()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def secure(models: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, authority: Authority,
           local: tuple[str, str]) -> Iterator[Server]:
    with tls_server(models, tmp_path_factory.mktemp("secure"), local, authority.file) as server:
        yield server


class Peer:
    """A TLS server of this process that answers connections, one after another, with `handle`."""

    def __init__(self, certificate: tuple[str, str], handle: Callable[[ssl.SSLSocket], None],
                 adjust: Callable[[ssl.SSLContext], None] = lambda context: None) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        adjust(self._context)
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(PATIENCE)
                with self._context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
                    self._handle(tls)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)


def read_head(tls: ssl.SSLSocket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        more = tls.recv(65536)
        if not more:
            break
        head += more
    return head


def leave_rudely(tls: ssl.SSLSocket) -> None:
    """Ends the connection without TLS's own end."""
    socket.socket(fileno=tls.detach()).close()


def test_an_inference_over_tls(secure: Server, authority: Authority):
    expect_prediction(run(*INFER, "--server", secure.url, "--ca-file", str(authority.file)))
    by_name = {"EINFER_SERVER": f"https://localhost:{secure.port}", "EINFER_CA_FILE": str(authority.file)}
    expect_prediction(run(*INFER, env=by_name))
    # The system's certificates, which OpenSSL lets the environment choose.
    expect_prediction(run(*INFER, "--server", secure.url, env={"SSL_CERT_FILE": str(authority.file)}))


def test_large_bodies_over_tls(secure: Server, authority: Authority):
    answer = run("infer", "--model", "breast_cancer_v1", "--input", "-", "--batch-size", "1", "--server", secure.url,
                 "--ca-file", str(authority.file), stdin=(",".join(["0.1"] * 30) + "\n") * 2)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 3


def test_a_certificate_that_is_not_trusted(secure: Server, stranger: Authority):
    jobs = secure.job_count()
    for options in ((), ("--ca-file", str(stranger.file))):
        answer = run(*INFER, "--server", secure.url, *options, env={"EINFER_API_KEY": "sesame-open"})
        expect_failure(answer, UNREACHABLE, "is not trusted: ")
    assert secure.job_count() == jobs


@pytest.mark.parametrize(("names", "common_name", "days", "said"), [
    ("DNS:other.example.org,IP:127.0.0.2", "einfer test", 2, "is for another host, not for 127.0.0.1"),
    ("", "127.0.0.1", 2, "is for another host"),  # the subject does not count
    ("DNS:127.0.0.1", "einfer test", 2, "is for another host"),
    ("IP:127.0.0.1", "einfer test", -1, "is not trusted: certificate has expired"),
], ids=["other", "subject only", "address as a name", "expired"])
def test_a_certificate_that_is_wrong(authority: Authority, tmp_path: pathlib.Path, request: pytest.FixtureRequest,
                                     names: str, common_name: str, days: int, said: str):
    certificate = authority.issue(request.node.callspec.id, names, days, common_name)
    heads: list[bytes] = []
    with Peer(certificate, lambda tls: heads.append(read_head(tls))) as peer:
        expect_failure(run("models", "--server", peer.url, "--ca-file", str(authority.file)), UNREACHABLE, said)
    assert heads == []


def test_a_self_signed_certificate_can_be_trusted_by_itself(tmp_path: pathlib.Path, models: pathlib.Path):
    certificate, key = str(tmp_path / "self.pem"), str(tmp_path / "self.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=self", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    certificate], capture_output=True, timeout=PATIENCE, check=True)
    with tls_server(models, tmp_path / "home", (certificate, key), certificate) as server:
        expect_failure(run("models", "--server", server.url), UNREACHABLE, "self-signed certificate")
        assert run("models", "--server", server.url, "--ca-file", certificate).returncode == 0


def test_http_and_https_mixed_up(secure: Server, server: Server):
    answer = run("models", "--server", server.url.replace("http:", "https:"))
    expect_failure(answer, UNREACHABLE, "does not speak TLS")
    assert run("models", "--server", secure.url.replace("https:", "http:")).returncode != 0
    expect_failure(run("models", "--server", server.url, "--ca-file", "/dev/null"), USAGE, "are for https")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_client_certificates(authority: Authority, stranger: Authority, local: tuple[str, str],
                             version: ssl.TLSVersion):
    def demand(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED

    def answer(tls: ssl.SSLSocket) -> None:
        read_head(tls)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(NO_MODELS), NO_MODELS))

    good = authority.issue(f"client{version}", "")
    bad = stranger.issue(f"client{version}", "")
    with Peer(local, answer, demand) as peer:
        arguments = ("models", "--server", peer.url, "--ca-file", str(authority.file))
        expect_failure(run(*arguments), UNREACHABLE, "client certificate")
        expect_failure(run(*arguments, "--client-cert", bad[0], "--client-key", bad[1]), UNREACHABLE,
                       "does not accept the client certificate")
        shown = run(*arguments, "--client-cert", good[0], "--client-key", good[1])
        assert shown.returncode == 0, shown.stderr
        expect_failure(run(*arguments, "--client-cert", good[0]), USAGE, "go together")
        expect_failure(run(*arguments, "--client-cert", good[0], "--client-key", bad[1]), USAGE, "client key")


def test_client_certificates_of_the_real_server(models: pathlib.Path, tmp_path: pathlib.Path, authority: Authority,
                                                stranger: Authority, local: tuple[str, str]):
    good, bad = authority.issue("caller", ""), stranger.issue("caller", "")
    with tls_server(models, tmp_path, local, authority.file, "--tls-client-ca", str(authority.file), shown=good) as server:
        trust = {"EINFER_SERVER": server.url, "EINFER_CA_FILE": str(authority.file)}
        expect_failure(run(*INFER, env=trust), UNREACHABLE, "client certificate")
        expect_failure(run(*INFER, env=trust | {"EINFER_CLIENT_CERT": bad[0], "EINFER_CLIENT_KEY": bad[1]}), UNREACHABLE,
                       "does not accept the client certificate")
        expect_prediction(run(*INFER, env=trust | {"EINFER_CLIENT_CERT": good[0], "EINFER_CLIENT_KEY": good[1]}))


def test_a_truncated_reply_is_not_taken_for_a_whole_one(authority: Authority, local: tuple[str, str]):
    """Without a length a reply goes on until the connection's end: then TLS must say that it is the end."""
    polite = False

    def answer(tls: ssl.SSLSocket) -> None:
        read_head(tls)
        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + NO_MODELS)
        if polite:
            with contextlib.suppress(OSError):
                tls.unwrap()
        else:
            leave_rudely(tls)

    with Peer(local, answer) as peer:
        arguments = ("models", "--json", "--server", peer.url, "--ca-file", str(authority.file))
        expect_failure(run(*arguments), UNREACHABLE, "broke before the whole answer came")
        polite = True
        assert json.loads(run(*arguments).stdout) == {"models": []}


def test_a_peer_that_stalls_after_the_handshake(authority: Authority, local: tuple[str, str]):
    over = threading.Event()
    with Peer(local, lambda tls: over.wait(PATIENCE) or None) as peer:
        answer = run("models", "--server", peer.url, "--ca-file", str(authority.file), "--timeout", "1")
        over.set()
    expect_failure(answer, UNREACHABLE, "within 1 s")


def test_garbage_inside_tls(authority: Authority, local: tuple[str, str]):
    def answer(tls: ssl.SSLSocket) -> None:
        read_head(tls)
        raw = socket.socket(fileno=tls.detach())
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a record that nobody can have encrypted
        raw.close()

    with Peer(local, answer) as peer:
        answer_ = run("models", "--server", peer.url, "--ca-file", str(authority.file))
    expect_failure(answer_, UNREACHABLE, "TLS with ")


def test_the_client_ends_tls_as_it_should(authority: Authority, local: tuple[str, str]):
    ends: list[bytes] = []

    def answer(tls: ssl.SSLSocket) -> None:
        read_head(tls)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(NO_MODELS), NO_MODELS))
        ends.append(tls.recv(1))  # raises SSLEOFError without a close_notify

    with Peer(local, answer) as peer:
        assert run("models", "--server", peer.url, "--ca-file", str(authority.file)).returncode == 0
        wait_until(lambda: bool(ends), "the client has ended TLS")
    assert ends == [b""]


@pytest.fixture(scope="module")
def api_key() -> tuple[str, str]:
    """A key, and its entry for the server."""
    lines = dict(line.split(": ", 1) for line in run_server("--new-api-key").stdout.splitlines())
    return lines["key"], lines["entry"].strip('"')


@pytest.fixture(scope="module")
def guarded(models: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, api_key: tuple[str, str]) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("guarded")
    (home / "keys.json").write_text(json.dumps({"tenants": [{"tenant": "clinic-a", "keys": [api_key[1]]}]}))
    server = Server(models, home, "--api-keys", str(home / "keys.json"))
    try:
        yield server
    finally:
        server.kill()


def test_api_keys(guarded: Server, api_key: tuple[str, str], tmp_path: pathlib.Path):
    file = tmp_path / "key"
    file.write_text(api_key[0] + "\n")
    file.chmod(0o600)
    at = ("--server", guarded.url)
    with_file = run(*INFER, *at, "--api-key-file", str(file))
    expect_prediction(with_file)
    assert with_file.stderr == ""
    expect_prediction(run(*INFER, *at, env={"EINFER_API_KEY": api_key[0]}))
    expect_prediction(run(*INFER, *at, "--tenant", "clinic-a", env={"EINFER_API_KEY_FILE": str(file)}))
    # The file wins.
    expect_prediction(run(*INFER, *at, "--api-key-file", str(file), env={"EINFER_API_KEY": "wrong"}))

    expect_failure(run(*INFER, *at), REFUSED, "UNAUTHENTICATED", "--api-key-file")
    wrong = run(*INFER, *at, env={"EINFER_API_KEY": "open-sesame"})
    expect_failure(wrong, REFUSED, "UNAUTHENTICATED", "HTTP 401")
    assert "sesame" not in wrong.stderr
    other = run("job", "0" * 32, *at, "--tenant", "clinic-b", env={"EINFER_API_KEY": api_key[0]})
    expect_failure(other, REFUSED, "FORBIDDEN", "--tenant")
    assert api_key[0] not in other.stderr + guarded.log_text()

    file.chmod(0o644)
    warned = run(*INFER, *at, "--api-key-file", str(file))
    expect_prediction(warned)
    assert warned.stderr.startswith("einfer: warning: ")


def test_api_keys_are_not_given_away(tmp_path: pathlib.Path):
    for server in ("http://192.0.2.1:8000", "http://einfer.example.org"):
        answer = run("models", "--server", server, env={"EINFER_API_KEY": "open-sesame"})
        expect_failure(answer, USAGE, "use https")
    for key in ("two words", "a\tb", "ä", "a\nX-Tenant-ID: clinic-b"):
        expect_failure(run("models", env={"EINFER_API_KEY": key}), USAGE, "visible ASCII")
    for typed in (("--api-key", "open-sesame"), ("--api-key=open-sesame",)):
        answer = run("models", *typed)
        expect_failure(answer, USAGE, "there is no option --api-key ")
        assert "sesame" not in answer.stderr


class Losing:
    """Forwards to a server; of the first POST's connection it passes the reply to nobody, and ends it."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.lost: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            posted = threading.Event()
            threading.Thread(target=self._forth, args=(near.dup(), far.dup(), posted), daemon=True).start()
            threading.Thread(target=self._back, args=(near, far, posted), daemon=True).start()

    @staticmethod
    def _forth(near: socket.socket, far: socket.socket, posted: threading.Event) -> None:
        with contextlib.suppress(OSError), near, far:
            while data := near.recv(65536):
                if b"POST /infer" in data:
                    posted.set()
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _back(self, near: socket.socket, far: socket.socket, posted: threading.Event) -> None:
        with contextlib.suppress(OSError), near, far:
            while data := far.recv(65536):
                if posted.is_set() and not self.lost:
                    self.lost.append(data)
                    break
                near.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_RDWR)


def test_a_lost_reply_makes_no_second_job(start_server: Callable[..., Server]):
    server = start_server()
    between = Losing(server)
    try:
        expect_prediction(run(*INFER, "--server", between.url))
    finally:
        between.close()
    assert between.lost[0].startswith(b"HTTP/1.1 20")
    assert server.job_count() == 1


def test_a_rate_limit_is_waited_for(start_server: Callable[..., Server]):
    server = start_server("--tenant-requests-per-second", "2", "--tenant-burst", "1", "--log-level", "debug")
    answer = run(*INFER, "--server", server.url, "--batch-size", "1", stdin=ROW * 3)
    expect_prediction(answer)
    assert "429" in server.log_text()


def test_a_quota_that_takes_too_long_is_said_to(start_server: Callable[..., Server]):
    server = start_server("--tenant-rows-per-hour", "1")
    answer = run(*INFER, "--server", server.url, "--batch-size", "1", stdin=ROW * 2)
    expect_failure(answer, REFUSED, "RATE_LIMITED", "it asks to wait")
