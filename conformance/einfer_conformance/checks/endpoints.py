"""Every route of openapi.yaml answers as it says."""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Any

from einfer_conformance.context import NO_JOB, Context
from einfer_conformance.crypto import clear_answer
from einfer_conformance.registry import NotOffered, Violation, add, check
from einfer_conformance.seal_bytes import Header, join

GET_ROUTES = ["/health", "/ready", "/models", "/keys", "/openapi.json", NO_JOB]


@check("endpoints.health", 'GET /health is 200 {"status":"ok"}', "#get-health")
def health(ctx: Context) -> None:
    exchange = ctx.get("/health")
    ctx.expect(ctx.expect_status(exchange, 200) == {"status": "ok"}, 'the body must be {"status":"ok"}', exchange)


@check("endpoints.ready", 'GET /ready is 200 {"status":"ready"} while requests are taken', "#get-ready")
def ready(ctx: Context) -> None:
    exchange = ctx.get("/ready")
    ctx.expect(ctx.expect_status(exchange, 200) == {"status": "ready"}, 'the body must be {"status":"ready"}', exchange)


@check("endpoints.models", "GET /models is 200 with exactly the members of the schema, at every level", "#get-models")
def models(ctx: Context) -> None:
    exchange = ctx.get("/models")
    ctx.expect_status(exchange, 200)
    ctx.expect_schema(exchange, "models")


@check("endpoints.models-consistent", "Models are unique, and their dimensions agree", "#get-models")
def models_consistent(ctx: Context) -> None:
    names = [(model["model_id"], model["version"]) for model in ctx.models]
    ctx.expect(len(set(names)) == len(names), f"a model is listed twice: {names}")
    for model in ctx.models:
        weights, dimension = len(model["parameters"]["weights"]), model["inference"]["input_dimension"]
        ctx.expect(weights == dimension, f"{model['model_id']}: {weights} weights for {dimension} inputs")
        slots = model["encryption_parameters"]["poly_modulus_degree"] // 2
        ctx.expect(
            model["constraints"]["max_batch_size"] <= slots, f"{model['model_id']}: more rows than {slots} slots"
        )


@check("endpoints.models-stable", "The list does not change while a server runs", "#get-models")
def models_stable(ctx: Context) -> None:
    first, second = ctx.get("/models"), ctx.get("/models?api_version=1.0")
    ctx.expect(first.answer.body == second.answer.body, "two replies differ", second)


def entries(ctx: Context, query: str = "") -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each entry of GET /keys beside the model's in GET /models."""
    exchange = ctx.get("/keys" + query)
    ctx.expect_status(exchange, 200)
    keys = {(entry["model_id"], entry["version"]): entry for entry in ctx.expect_schema(exchange, "keys")["models"]}
    for model in ctx.models:
        ctx.expect((model["model_id"], model["version"]) in keys, f"{model['model_id']} is not in GET /keys", exchange)
    return [(keys[model["model_id"], model["version"]], model) for model in ctx.models]


@check("endpoints.keys", "GET /keys is 200 after the schema, and agrees with GET /models", "#get-keys")
def keys(ctx: Context) -> None:
    for entry, model in entries(ctx):
        parameters = model["encryption_parameters"]
        for name in ("poly_modulus_degree", "scale"):
            ctx.expect(entry[name] == parameters[name], f"{model['model_id']}: {name} differs from that of GET /models")


@check("endpoints.keys-primes", "coeff_modulus are the primes that SEAL makes from coeff_modulus_bits", "#get-keys")
def keys_primes(ctx: Context) -> None:
    for entry, model in entries(ctx):
        primes = [str(prime) for prime in ctx.client_for(model).all_primes]
        ctx.expect(entry["coeff_modulus"] == primes, f"{model['model_id']}: {entry['coeff_modulus']} must be {primes}")


def parameters_bytes(degree: int, primes: list[int], minor: int) -> bytes:
    numbers = [join(struct.pack("<Q", number), minor) for number in [*primes, 0]]
    return join(struct.pack("<BQQ", 2, degree, len(primes)) + b"".join(numbers), minor)


@check(
    "endpoints.keys-parameters",
    "encryption_parameters are SEAL's bytes for the primes, of minor 1 by default",
    "#get-keys",
)
def keys_parameters(ctx: Context) -> None:
    for query, minor in (("", 1), *((f"?seal_minor={minor}", minor) for minor in range(5))):
        for entry, _ in entries(ctx, query):
            wanted = parameters_bytes(
                entry["poly_modulus_degree"], [int(each) for each in entry["coeff_modulus"]], minor
            )
            got = bytes.fromhex(entry["encryption_parameters"]["payload"])
            which = f"GET /keys{query}: {entry['model_id']}: "
            ctx.expect(
                Header.read(got).minor == minor, f"{which}SEAL minor {Header.read(got).minor} instead of {minor}"
            )
            ctx.expect(got == wanted, f"{which}other bytes than {wanted.hex()}")


@check("endpoints.keys-parms-ids", "parms_ids are the BLAKE2b-256 of each level's parameters", "#get-keys")
def keys_parms_ids(ctx: Context) -> None:
    for entry, _ in entries(ctx):
        primes = [int(each) for each in entry["coeff_modulus"]]

        def parms_id(count: int, entry: dict[str, Any] = entry, primes: list[int] = primes) -> str:
            words = struct.pack(f"<{count + 3}Q", 2, entry["poly_modulus_degree"], *primes[:count], 0)
            return hashlib.blake2b(words, digest_size=32).hexdigest()

        data = [parms_id(count) for count in range(len(primes) - 1, 0, -1)]
        ctx.expect(entry["parms_ids"]["key"] == parms_id(len(primes)), f"{entry['model_id']}: key")
        ctx.expect(entry["parms_ids"]["data"] == data, f"{entry['model_id']}: data must be {data}")


@check("endpoints.keys-evaluation", "Models of v1.0 need no evaluation keys", "#get-keys")
def keys_evaluation(ctx: Context) -> None:
    nothing = {"relinearization": False, "galois_steps": [], "byte_counts": {"relinearization": 0, "galois": 0}}
    for entry, _ in entries(ctx):
        ctx.expect(entry["evaluation_keys"] == nothing, f"{entry['model_id']}: {entry['evaluation_keys']}")


@check("endpoints.keys-minor", "A seal_minor other than 0 to 4 is 400 SCHEMA_VIOLATION that names it", "#get-keys")
def keys_minor(ctx: Context) -> None:
    for value in ("5", "-1", "x", "1.5", ""):
        ctx.expect_error(ctx.get(f"/keys?seal_minor={value}"), "SCHEMA_VIOLATION", "seal_minor")


@check("endpoints.openapi", "GET /openapi.json lists the routes of openapi.yaml", "#get-openapijson")
def openapi(ctx: Context) -> None:
    exchange = ctx.get("/openapi.json")
    document = ctx.expect_status(exchange, 200)
    ctx.expect(str(document.get("openapi", "")).startswith("3.1"), "openapi must be 3.1", exchange)
    for path, item in ctx.contract.openapi["paths"].items():
        missing = set(item) - set(document.get("paths", {}).get(path, {}))
        ctx.expect(not missing, f"{path}: {sorted(missing)} missing", exchange)


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [each for item in node for each in references(item)]
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for item in node.values() for each in references(item)]
    return []


@check("endpoints.openapi-self-contained", "Every reference in /openapi.json points into it", "#get-openapijson")
def openapi_self_contained(ctx: Context) -> None:
    exchange = ctx.get("/openapi.json")
    document = ctx.expect_status(exchange, 200)
    for reference in references(document):
        ctx.expect(reference.startswith("#/"), f"{reference} points outside", exchange)
        node: Any = document
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            ctx.expect(isinstance(node, dict) and part in node, f"{reference} points nowhere", exchange)
            node = node[part]


@check("endpoints.infer", 'POST /infer with a right request is 202 {"job_id", "status": "accepted"}', "#post-infer")
def infer(ctx: Context) -> None:
    exchange = ctx.post(ctx.honest.document())
    ctx.expect_status(exchange, 202)
    ctx.expect_schema(exchange, "accepted")


@check("endpoints.infer-wait", "POST /infer with Prefer: wait is 200 and the final job, or 202", "#post-infer")
def infer_wait(ctx: Context) -> None:
    exchange = ctx.post(ctx.honest.document(), {"Prefer": f"wait={max(1, int(ctx.options.timeout / 2))}"})
    if exchange.reply and exchange.reply.status == 202:
        raise NotOffered("Prefer: wait is answered with 202")
    ctx.expect_status(exchange, 200)
    job = ctx.expect_schema(exchange, "job")
    ctx.expect(job["status"] in ("completed", "failed"), f"200 with a job that is {job['status']}", exchange)
    later, _ = ctx.final(job["job_id"])
    ctx.expect(later == job, "GET /jobs/… shows another job", exchange)


@check("endpoints.job", "GET /jobs/{job_id} of an accepted job is 200 after the schema", "#get-jobsjob_id")
def job(ctx: Context) -> None:
    exchange = ctx.get("/jobs/" + ctx.submit(ctx.honest.document()))
    ctx.expect_status(exchange, 200)
    ctx.expect_schema(exchange, "job")


@check("endpoints.preferences", "Unknown and malformed preferences are ignored", "#conventions")
def preferences(ctx: Context) -> None:
    for value in ("respond-async, x", "wait=", "wait=-1"):
        ctx.expect_status(ctx.post(ctx.honest.document(), {"Prefer": value}), 202)


@check("endpoints.unknown-parameters", "Unknown query parameters and header fields are ignored", "#conventions")
def unknown_parameters(ctx: Context) -> None:
    for target in ("/health?x=1", "/ready?x", "/models?x=1", "/keys?x=1&y", "/openapi.json?x=1"):
        ctx.expect_status(ctx.get(target, {"X-Unknown": "x", "Accept": "text/html"}), 200)


@check(
    "endpoints.api-version", "api_version 1.0 and 1.0.0 in the query change nothing; others are refused", "#conventions"
)
def api_version(ctx: Context) -> None:
    for path in ("/models", "/keys"):
        plain = ctx.get(path)
        for version in ("1.0", "1.0.0"):
            exchange = ctx.get(f"{path}?api_version={version}")
            ctx.expect_status(exchange, 200)
            ctx.expect(exchange.answer.body == plain.answer.body, "another body than without", exchange)
        for version in ("9.9", "1", "", "x", "1.0.0.0"):
            ctx.expect_error(ctx.get(f"{path}?api_version={version}"), "UNSUPPORTED_API_VERSION")


@check("endpoints.head", "HEAD is answered like GET, without a body, wherever GET exists", "#conventions")
def head(ctx: Context) -> None:
    for target in GET_ROUTES:
        exchange, like = ctx.ask("HEAD", target), ctx.get(target)
        ctx.expect(
            exchange.answer.status == like.answer.status,
            f"{exchange.answer.status}, GET {like.answer.status}",
            exchange,
        )
        ctx.expect(
            exchange.answer.header("Content-Type") == like.answer.header("Content-Type"), "other Content-Type", exchange
        )


@check("endpoints.etag", "200 of GET /models has a strong entity tag that stays the same", "#get-models")
def etag(ctx: Context) -> None:
    tags = []
    for _ in range(2):
        exchange = ctx.get("/models")
        ctx.expect_status(exchange, 200)
        tags.append(exchange.answer.header("ETag") or "")
        ctx.expect(bool(re.fullmatch(r'"[^"]+"', tags[-1])), f"ETag: {tags[-1]!r}", exchange)
    ctx.expect(tags[0] == tags[1], f"the tag changes: {tags}")


@check(
    "endpoints.if-none-match", "If-None-Match with the list's tag is 304 without a body; another is 200", "#get-models"
)
def if_none_match(ctx: Context) -> None:
    tag = ctx.get("/models").answer.header("ETag") or ""
    if ctx.get("/models", {"If-None-Match": tag}).answer.status == 200:
        raise NotOffered("If-None-Match is ignored")
    for known in (tag, "*", f'"x", {tag}'):
        exchange = ctx.get("/models", {"If-None-Match": known})
        ctx.expect_status(exchange, 304)
        ctx.expect(exchange.answer.header("ETag") == tag, "304 must carry the tag", exchange)
    ctx.expect_status(ctx.get("/models", {"If-None-Match": '"x"'}), 200)


def plain_document(ctx: Context, **changes: Any) -> dict[str, Any]:
    names = {name: ctx.model[name] for name in ("model_id", "version")}
    return names | {"inputs": ctx.random_rows(ctx.model, 2)} | changes


def need_plain(ctx: Context) -> None:
    exchange = ctx.post(plain_document(ctx), target="/infer/plain")
    if exchange.answer.status == 404 and exchange.answer.code == "NOT_FOUND":
        raise NotOffered("POST /infer/plain is switched off")


@check(
    "endpoints.infer-plain", "POST /infer/plain computes the model in clear, or is 404 NOT_FOUND", "#post-inferplain"
)
def infer_plain(ctx: Context) -> None:
    need_plain(ctx)
    count = min(2, ctx.model["constraints"]["max_batch_size"])
    document = plain_document(ctx, inputs=ctx.random_rows(ctx.model, count))
    exchange = ctx.post(document, target="/infer/plain")
    ctx.expect_status(exchange, 200)
    outputs = ctx.expect_schema(exchange, "infer_plain_response")["outputs"]
    wanted = [clear_answer(ctx.model, row) for row in document["inputs"]]
    right = len(outputs) == count and all(
        abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(outputs, wanted, strict=True)
    )
    ctx.expect(right, f"outputs {outputs} must be {wanted}", exchange)


@check("endpoints.infer-plain-errors", "POST /infer/plain refuses what is wrong with its code", "#post-inferplain")
def infer_plain_errors(ctx: Context) -> None:
    need_plain(ctx)
    rows = ctx.random_rows(ctx.model, 1)
    limit = ctx.model["constraints"]["max_batch_size"]
    for code, document in {
        "BATCH_TOO_LARGE": plain_document(ctx, inputs=rows * (limit + 1)),
        "WRONG_INPUT_COUNT": plain_document(ctx, inputs=[rows[0] + [0.0]]),
        "UNKNOWN_MODEL": plain_document(ctx, model_id="no_such_model"),
        "SCHEMA_VIOLATION": plain_document(ctx, unknown=1),
        "UNSUPPORTED_API_VERSION": plain_document(ctx, api_version="9.9"),
    }.items():
        ctx.expect_error(ctx.post(document, target="/infer/plain"), code)


def _method_check(path: str, method: str) -> None:
    def run(ctx: Context) -> None:
        target = path.replace("{job_id}", "0" * 32)
        exchange = ctx.ask(method, target, b"" if method != "HEAD" else None)
        reply = exchange.answer
        if path == "/infer/plain" and reply.status == 404:
            raise NotOffered("POST /infer/plain is switched off")
        ctx.expect(reply.status == 405, f"405 expected, got {reply.status}", exchange)
        if method != "HEAD":
            ctx.expect_error(exchange, "METHOD_NOT_ALLOWED")
        allowed = {name.strip() for name in (reply.header("Allow") or "").split(",")}
        known = ctx.contract.methods_of(path)
        if not known <= allowed or method in allowed:
            raise Violation(f"Allow must list {sorted(known)} and not {method}: {sorted(allowed)}", exchange)

    name = re.sub(r"\W+", "-", path.strip("/").replace("{job_id}", "id")).strip("-")
    add(f"methods.{name}-{method.lower()}", f"{method} {path} is 405 with Allow", "docs/api.md#conventions", run)


for _path, _methods in {
    "/health": ["POST", "DELETE"],
    "/ready": ["POST"],
    "/models": ["POST", "PUT"],
    "/keys": ["DELETE", "PATCH"],
    "/jobs/{job_id}": ["POST", "PUT"],
    "/infer": ["GET", "HEAD", "PUT", "DELETE"],
    "/infer/plain": ["GET"],
    "/openapi.json": ["POST"],
}.items():
    for _method in _methods:
        _method_check(_path, _method)
