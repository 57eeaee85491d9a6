"""HTTP/1.1: connections, bodies, limits, and messages that are ambiguous or malformed."""

from __future__ import annotations

from einfer_conformance.context import JSON_BODY, Context, to_body
from einfer_conformance.http import Exchange, chunked, message
from einfer_conformance.registry import NotOffered, Violation, add, check

CONVENTIONS = "docs/api.md#conventions"
QUIET = 5.0  # seconds after which a 100 will not come any more
WAIT = {"Prefer": "wait=10"}


def build(ctx: Context, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    return message(method, ctx.endpoint.prefix + target, ctx.endpoint.host, dict(ctx.me) | headers, body)


def send(ctx: Context, sent: bytes, method: str = "POST", target: str = "/infer") -> Exchange:
    return ctx.send(sent, method, target)


@check("transport.keep-alive", "A connection serves many requests", "#conventions")
def keep_alive(ctx: Context) -> None:
    with ctx.connect() as connection:
        for target in ("/health", "/models", "/nothing", "/health"):
            sent = build(ctx, "GET", target, {})
            connection.send(sent)
            reply = connection.read()
            wanted = 404 if target == "/nothing" else 200
            ctx.expect(
                reply.status == wanted, f"{wanted} expected, got {reply.status}", Exchange("GET", target, sent, reply)
            )


@check("transport.pipelining", "Pipelined requests are answered in order", "#conventions")
def pipelining(ctx: Context) -> None:
    sent = b"".join(build(ctx, "GET", "/health", {"X-Request-ID": f"r{number}"}) for number in range(4))
    with ctx.connect() as connection:
        connection.send(sent)
        for number in range(4):
            reply = connection.read()
            exchange = Exchange("GET", "/health", sent, reply)
            ctx.expect(reply.header("X-Request-ID") == f"r{number}", f"reply {number} is another one's", exchange)


@check("transport.close", "Connection: close is obeyed", "#conventions")
def close(ctx: Context) -> None:
    sent = build(ctx, "GET", "/health", {"Connection": "close"})
    with ctx.connect() as connection:
        connection.send(sent)
        reply = connection.read()
        ctx.expect(connection.is_closed(), "the connection stays open", Exchange("GET", "/health", sent, reply))


@check("transport.head-length", "A reply to HEAD has no body, and the connection serves on", "#conventions")
def head_length(ctx: Context) -> None:
    with ctx.connect() as connection:
        sent = build(ctx, "HEAD", "/models", {}) + build(ctx, "GET", "/health", {})
        connection.send(sent)
        connection.read("HEAD")
        reply = connection.read()
        ctx.expect(
            reply.body == b'{"status":"ok"}' or reply.json() == {"status": "ok"},
            "something else follows",
            Exchange("GET", "/health", sent, reply),
        )


@check("transport.chunked", "A chunked body is taken, whatever its pieces", "#conventions")
def chunked_body(ctx: Context) -> None:
    body = to_body(ctx.honest.document())
    for size in (7, 4096, len(body)):
        head, rest = (body[:1000], body[1000:]) if size == 7 else (b"", body)
        pieces = [head[at : at + size] for at in range(0, len(head), size)]
        pieces += [rest[at : at + max(size, 4096)] for at in range(0, len(rest), max(size, 4096))]
        sent = build(ctx, "POST", "/infer", JSON_BODY | {"Transfer-Encoding": "chunked"}) + chunked(*pieces)
        ctx.expect_status(send(ctx, sent), 202)


@check("transport.chunked-verdict", "A chunked body meets the same verdict as one with a length", "#validation-order")
def chunked_verdict(ctx: Context) -> None:
    for body in (b"{", b"[]", to_body(ctx.small(unknown=1)), to_body(ctx.small())):
        whole = ctx.post(body).answer
        sent = build(ctx, "POST", "/infer", JSON_BODY | {"Transfer-Encoding": "chunked"}) + chunked(body[:1], body[1:])
        exchange = send(ctx, sent)
        same = (exchange.answer.status, exchange.answer.code) == (whole.status, whole.code)
        ctx.expect(same, f"{whole.status} {whole.code} in one piece", exchange)


@check("transport.continue", "Expect: 100-continue is answered with 100 before the body", "#conventions")
def expect_continue(ctx: Context) -> None:
    body = to_body(ctx.honest.document())
    head = build(ctx, "POST", "/infer", JSON_BODY | {"Expect": "100-continue", "Content-Length": str(len(body))})
    with ctx.connect() as connection:
        connection.send(head)
        silent = connection.is_silent(QUIET)
        if not silent:
            interim = connection.read()
            ctx.expect(
                interim.status == 100, f"100 expected, got {interim.status}", Exchange("POST", "/infer", head, interim)
            )
        connection.send(body)
        reply = connection.read()
        if silent and reply.status == 100:  # late, and of no use any more
            reply = connection.read()
        ctx.expect(
            reply.status == 202, f"202 expected, got {reply.status}", Exchange("POST", "/infer", head + body, reply)
        )
    if silent:
        raise NotOffered("no 100 comes before the body")


@check("transport.length-required", "A body without a length is 411 LENGTH_REQUIRED", "#conventions")
def length_required(ctx: Context) -> None:
    ctx.expect_error(send(ctx, build(ctx, "POST", "/infer", JSON_BODY)), "LENGTH_REQUIRED")


@check("transport.body-too-large", "A body over the limit is 413 before it is sent", "#validation-order")
def body_too_large(ctx: Context) -> None:
    for length in (10**12, 2**63 - 1):
        sent = build(ctx, "POST", "/infer", JSON_BODY | {"Content-Length": str(length)})
        ctx.expect_error(send(ctx, sent), "PAYLOAD_TOO_LARGE")


@check("transport.headers-too-large", "A header section over the limit is 431 HEADERS_TOO_LARGE", "#validation-order")
def headers_too_large(ctx: Context) -> None:
    exchange = send(ctx, build(ctx, "GET", "/health", {"X-Long": "x" * (1 << 18)}), "GET", "/health")
    if exchange.reply and exchange.reply.status == 200:
        raise NotOffered("a header section of 256 KiB is below the limit")
    ctx.expect_error(exchange, "HEADERS_TOO_LARGE")


@check("transport.unread-body", "A body that the resource does not read is no request", "#conventions")
def unread_body(ctx: Context) -> None:
    inner = build(ctx, "GET", "/models", {})
    for method, target in (("GET", "/health"), ("POST", "/nothing"), ("PUT", "/models")):
        sent = build(ctx, method, target, {}, inner) + build(ctx, "GET", "/health", {})
        with ctx.connect() as connection:
            connection.send(sent)
            connection.read()
            if not connection.is_closed():
                reply = connection.read()
                ctx.expect(
                    reply.json() == {"status": "ok"},
                    "the body was taken for a request",
                    Exchange(method, target, sent, reply),
                )


@check("transport.tls", "https speaks TLS 1.2 or later", "README.md")
def tls(ctx: Context) -> None:
    with ctx.connect() as connection:
        if connection.tls_version is None:
            raise NotOffered("the URL is http")
        ctx.expect(connection.tls_version in ("TLSv1.2", "TLSv1.3"), f"{connection.tls_version}")


def malformed(
    name: str, what: str, template: str, body: bytes = b"", method: str = "POST", target: str = "/infer"
) -> None:
    """`template` is the header section; {host} is the server's name."""

    def run(ctx: Context) -> None:
        prefix, host = ctx.endpoint.prefix, ctx.endpoint.host
        text = template.replace("{host}", host).replace("{target}", prefix + target)
        text += "".join(f"\n{field}: {value}" for field, value in ctx.me.items())
        head = text.encode("latin-1").replace(b"\n", b"\r\n") + b"\r\n\r\n"
        after = message("GET", prefix + "/health", host, {})  # which nobody may take for a request
        with ctx.connect() as connection:
            connection.send(head + body + after)
            reply = connection.read()
            exchange = Exchange(method, target, head + body + after, reply)
            ctx.expect_error(exchange, "MALFORMED_JSON")
            if not connection.is_closed():
                raise Violation("the connection is not closed", exchange)

    add(f"transport.malformed-{name}", f"{what} is 400 MALFORMED_JSON, and the connection is closed", CONVENTIONS, run)


POST = "POST {target} HTTP/1.1\nHost: {host}\nContent-Type: application/json\n"
GET = "GET {target} HTTP/1.1\nHost: {host}"


def get(name: str, what: str, template: str) -> None:
    malformed(name, what, template, method="GET", target="/health")


malformed(
    "length-and-chunked",
    "Content-Length with Transfer-Encoding",
    POST + "Content-Length: 5\nTransfer-Encoding: chunked",
    b"0\r\n\r\n",
)
malformed(
    "chunked-and-length",
    "Transfer-Encoding with Content-Length",
    POST + "Transfer-Encoding: chunked\nContent-Length: 5",
    b"0\r\n\r\n",
)
malformed("lengths-differ", "Two lengths that differ", POST + "Content-Length: 2\nContent-Length: 3", b"{}")
malformed("length-list", "A list of lengths", POST + "Content-Length: 5, 6", b"{}")
malformed("length-negative", "A negative length", POST + "Content-Length: -1", b"{}")
malformed("length-sign", "A length with a sign", POST + "Content-Length: +2", b"{}")
malformed("length-hex", "A length in hex", POST + "Content-Length: 0x2", b"{}")
malformed("length-empty", "An empty length", POST + "Content-Length:", b"{}")
malformed("length-overflow", "A length of 2^64", POST + "Content-Length: 18446744073709551616", b"{}")
malformed("coding-unknown", "An unknown transfer coding", POST + "Transfer-Encoding: gzip", b"{}")
malformed(
    "coding-not-last", "chunked that is not the last coding", POST + "Transfer-Encoding: chunked, gzip", b"0\r\n\r\n"
)
malformed("coding-twice", "chunked twice", POST + "Transfer-Encoding: chunked, chunked", b"0\r\n\r\n")
malformed("chunk-size", "A chunk size that is not hex", POST + "Transfer-Encoding: chunked", b"2g\r\n{}\r\n0\r\n\r\n")
malformed(
    "chunk-overflow",
    "A chunk size of 2^64",
    POST + "Transfer-Encoding: chunked",
    b"1" + b"0" * 16 + b"\r\n{}\r\n0\r\n\r\n",
)
malformed("chunk-longer", "A chunk longer than its size", POST + "Transfer-Encoding: chunked", b"1\r\n{}\r\n0\r\n\r\n")
get("no-host", "HTTP/1.1 without Host", "GET {target} HTTP/1.1\nX: y")
get("two-hosts", "Two Hosts", GET + "\nHost: {host}")
get("colon", "A space before the colon", GET + "\nX : y")
get("no-colon", "A field without a colon", GET + "\nnonsense")
get("fold", "A folded line", GET + "\nX: a\n b")
get("control", "A NUL in a field", GET + "\nX: a\0b")
get("version", "A protocol that is not HTTP", "GET {target} HTTQ/1.1\nHost: {host}")
