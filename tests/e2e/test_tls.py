"""TLS in the server: versions, certificates and their reload, client certificates, peers that do not behave."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import socket
import ssl
import warnings
from collections.abc import Callable

import pytest

from support import contract
from support.access import Certificate
from support.honest import GoodRequest, HonestRequest, to_body
from support.http import JSON_BODY, Connection, chunked_bytes, get, post, request_bytes
from support.server import PATIENCE, Server, run_server, wait_until

StartServer = Callable[..., Server]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(start_server: StartServer, pair_models: pathlib.Path, certificate: Certificate) -> Server:
    return start_server(*certificate.flags, registry=pair_models, tls=certificate.trusting())


def shown_certificate(server: Server) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain) as connection:
            return connection.getpeercert(True) or b""


def test_requests_over_tls(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    good.check(server)
    with Connection(server) as connection:
        for message in (
            request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body),
            chunked_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, [pair.body[:7], pair.body[7:]]),
        ):
            connection.send(message)
            good.check_job(connection.read_reply().json())
        connection.send(b"bad\r\n\r\n")
        contract.check_error(connection.read_reply(), 400, "MALFORMED_JSON")
        assert connection.is_ended()


def test_the_largest_bodies_over_tls(
    start_server: StartServer, certificate: Certificate, honest: Callable[[str], HonestRequest]
) -> None:
    server = start_server(*certificate.flags, tls=certificate.trusting())
    request = honest("logistic_v1")
    request.check_job(post(server, "/infer", request.body, Prefer="wait=60").json())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server: Server, certificate: Certificate, version: ssl.TLSVersion) -> None:
    server.tls = certificate.trusting()
    server.tls.minimum_version = server.tls.maximum_version = version
    assert get(server, "/health").status == 200


def test_older_versions_are_refused(server: Server, certificate: Certificate) -> None:
    old = certificate.trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        with pytest.raises(ssl.SSLError):
            old.wrap_socket(plain, server_hostname="localhost")
    assert get(server, "/health").status == 200


def test_http_1_1_is_what_is_spoken(server: Server, certificate: Certificate) -> None:
    context = certificate.trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            assert connection.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("data", [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\0" * 70000, b""])
def test_what_is_no_handshake_is_ended(server: Server, good: GoodRequest, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        with contextlib.suppress(OSError):
            plain.sendall(data)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
    good.check(server)


def test_a_slow_handshake_is_not_waited_for(
    start_server: StartServer, pair_models: pathlib.Path, certificate: Certificate
) -> None:
    server = start_server(
        *certificate.flags, "--header-timeout", "0.2", registry=pair_models, tls=certificate.trusting()
    )
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        plain.sendall(b"\x16\x03\x01")
        assert get(server, "/health").status == 200
        assert plain.recv(100) == b""


def test_handshakes_do_not_wait_for_each_other(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE))
            plain.sendall(b"\x16")
        assert get(server, "/health").status == 200


def test_the_certificate_is_reloaded(
    start_server: StartServer, pair_models: pathlib.Path, certificate: Certificate, tmp_path: pathlib.Path
) -> None:
    files = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    for source, target in ((certificate.chain, files.chain), (certificate.key, files.key)):
        shutil.copy(source, target)
    server = start_server(*files.flags, "--log-format", "json", registry=pair_models, tls=certificate.trusting())
    first = shown_certificate(server)

    def reload(event: str) -> None:
        seen = server.log_text().count(event)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log_text().count(event) > seen, event)

    with Connection(server) as connection:
        fresh = Certificate.self_signed(tmp_path / "fresh")
        shutil.copy(fresh.chain, files.chain)
        reload('"reload_failed"')  # the key is still the old one's
        assert shown_certificate(server) == first
        shutil.copy(fresh.key, files.key)
        reload('"reloaded"')
        assert shown_certificate(server) != first
        connection.send(request_bytes("GET", "/health"))
        assert connection.read_reply().status == 200, "an old connection goes on"
    server.tls = fresh.trusting()
    assert get(server, "/health").status == 200


def test_client_certificates(
    start_server: StartServer, pair_models: pathlib.Path, certificate: Certificate, tmp_path: pathlib.Path
) -> None:
    authority = Certificate.self_signed(tmp_path / "authority", "authority")
    client = authority.sign(tmp_path / "client", "client")
    stranger = Certificate.self_signed(tmp_path / "stranger", "stranger")
    server = start_server(
        *certificate.flags, "--tls-client-ca", str(authority.chain), registry=pair_models,
        tls=certificate.trusting(show=client),
    )
    assert get(server, "/models").status == 200
    for context in (certificate.trusting(), certificate.trusting(show=stranger)):
        server.tls = context
        with pytest.raises((ssl.SSLError, ConnectionError)):  # with TLS 1.3 it shows when something is read
            with Connection(server) as connection:
                connection.send(request_bytes("GET", "/models"))
                connection.read_reply()
    server.tls = certificate.trusting(show=client)
    assert get(server, "/models").status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_shown_each_time(
    start_server: StartServer, pair_models: pathlib.Path, certificate: Certificate, tmp_path: pathlib.Path,
    version: ssl.TLSVersion,
) -> None:
    """A session that is resumed shows none, and would go on when it has expired."""
    authority = Certificate.self_signed(tmp_path / "authority", "authority")
    server = start_server(
        *certificate.flags, "--tls-client-ca", str(authority.chain), registry=pair_models,
        tls=certificate.trusting(show=authority.sign(tmp_path / "client", "client")),
    )
    context = server.tls
    assert context
    context.minimum_version = context.maximum_version = version
    session: ssl.SSLSession | None = None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
                connection.sendall(request_bytes("GET", "/health"))
                assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
                assert not connection.session_reused
                session = connection.session
                assert session is None or not session.has_ticket


def test_bad_files_stop_the_start(pair_models: pathlib.Path, certificate: Certificate, tmp_path: pathlib.Path) -> None:
    other = Certificate.self_signed(tmp_path / "other")
    nothing = tmp_path / "nothing.pem"
    empty = tmp_path / "empty.pem"
    empty.touch()
    for flags, file in (
        (["--tls-cert", str(nothing), "--tls-key", str(certificate.key)], nothing),
        (["--tls-cert", str(empty), "--tls-key", str(certificate.key)], empty),
        (["--tls-cert", str(certificate.chain), "--tls-key", str(other.key)], other.key),
        ([*certificate.flags, "--tls-client-ca", str(empty)], empty),
    ):
        ended = run_server(
            "--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *flags
        )
        assert (ended.returncode, ended.stdout) == (1, ""), flags
        assert str(file) in ended.stderr
    ended = run_server("--models", str(pair_models), "--tls-cert", str(certificate.chain))
    assert ended.returncode == 2
    assert "--tls-key" in ended.stderr


def test_tls_ends_with_a_goodbye(server: Server) -> None:
    """A reply that is cut off can be told from one that is complete."""
    assert server.tls
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        with server.tls.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
            connection.sendall(request_bytes("GET", "/health", {"Connection": "close"}))
            data = b""
            while part := connection.recv(4096):
                data += part
    assert data.endswith(b'{"status":"ok"}')


def test_a_stop_ends_tls_connections(server: Server) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("GET", "/health"))
        assert connection.read_reply().status == 200
        assert server.stop() == 0
        assert connection.is_ended()


def test_a_hostile_body_over_tls(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    bodies = [b"{", b"[" * 10_000, to_body(pair.document(batch_size=0)), pair.body[:-1]]
    for body in bodies:
        assert post(server, "/infer", body).status == 400
    good.check(server)
