"""What v1.1 adds for models: the longer views beside the frozen ones, and the layout `coefficients` from end to end, asked by a
client that is not ours (tests/support/coefficients.py, written from the documentation)."""

from __future__ import annotations

import functools
import hashlib
import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy
import pytest
import seal

from support import contract
from support.coefficients import CoefficientClient, normalised, split_objects
from support.he import SealPython, TenSeal
from support.honest import HonestRequest, base64_input, digest_of, hex_input, to_body
from support.http import JSON_BODY, Reply, ask, binary_body, get, post
from support.models import Model, Row, batch_of, holdout_rows, read_entry, write_registry
from support.network_entry import RESULT_SCALE, Matrix, linear_answer, linear_entry, write_linear
from support.seal_bytes import join, read_ciphertext, scale_bytes, write_ciphertext
from support.server import Server


class Linear(NamedTuple):
    """A model of the tests: two ciphertexts and two results, or one of each."""

    entry: dict[str, Any]
    weights: Matrix
    bias: Row
    rows: list[Row]

    @property
    def name(self) -> str:
        return self.entry["model_id"]


def linear(model_id: str, weights: Matrix, bias: Row, rows: list[Row], **more: Any) -> Linear:
    return Linear(linear_entry(model_id, weights, bias, **more), weights, bias, rows)


CLASSES = linear(
    "classes_v1",
    [[0.5, -1.25, 0.75, 2.0, -0.5], [-1.0, 0.25, 1.5, -0.75, 1.0], [0.5, 1.0, -2.25, -1.25, -0.5]],
    [0.1, -0.2, 0.3],
    [[0.0, 5.0, 0.0, 6.0, 10.0], [1.0, 0.0, -1.5, 5.0, 20.0], [-1.0, 10.0, 2.0, 8.0, -10.0]],
    lower=[-1, 0, -2, 4, -10], upper=[1, 10, 2, 8, 30], per_ciphertext=3, per_result=2, postprocessing=["softmax"],
    class_names=["low", "middle", "high"],
)
SCORER = linear(
    "scorer_v1", [[0.8, -0.6]], [0.25], [[-3.0, 5.0], [0.5, 0.25]], lower=-3, upper=5, postprocessing=["sigmoid"],
    class_names=["no", "yes"],
)
LINEAR = {each.name: each for each in (CLASSES, SCORER)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    registry = write_registry(tmp_path_factory.mktemp("registry"), read_entry("logistic_v1"))
    for each in LINEAR.values():
        write_linear(registry, each.entry, each.weights, each.bias)
    server = Server(registry, tmp_path_factory.mktemp("server"), "--enable-plain", "--log-format", "json")
    try:
        yield server.wait_ready()
        assert server.stop() == 0
    finally:
        server.kill()


def listed(server: Server, target: str) -> dict[str, Any]:
    """What a view holds, by model."""
    reply = get(server, target)
    assert reply.status == 200
    contract.check_reply("GET", target, reply)
    return {model["model_id"]: model for model in reply.json()["models"]}


# --- The views -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["", "?api_version=1.0", "?api_version=1.0.0"])
def test_the_frozen_views_hold_the_models_of_v1_0_alone(server: Server, version: str) -> None:
    for name in ("models", "keys"):
        document = get(server, f"/{name}{version}").json()
        assert not contract.violations(name, document)
        assert [model["model_id"] for model in document["models"]] == ["logistic_v1"]


@pytest.mark.parametrize("version", ["1.1", "1.1.0"])
def test_the_longer_views_hold_all(server: Server, version: str) -> None:
    for name in ("models", "keys"):
        document = get(server, f"/{name}?api_version={version}").json()
        assert not contract.violations(f"{name}_1_1", document)
        assert {model["model_id"] for model in document["models"]} == {"logistic_v1", *LINEAR}


@pytest.mark.parametrize("name", LINEAR)
def test_an_entry_is_described(server: Server, name: str) -> None:
    entry, model = LINEAR[name].entry, listed(server, "/models?api_version=1.1")[name]
    for member in ("version", "description", "layout", "postprocessing", "constraints"):
        assert model[member] == entry[member], member
    assert model["encryption_parameters"] == entry["encryption_parameters"] | {"data_primes": 1}
    assert model["packing"] == entry["plan"] | {"kind": "coefficients"}
    assert model["input"]["dimension"] == len(LINEAR[name].weights[0])
    assert (model["input"]["lower"], model["input"]["upper"]) == (entry["input"]["lower"], entry["input"]["upper"])
    assert model["output"] == {"dimension": len(LINEAR[name].bias), "class_names": entry["class_names"]}
    assert model["result_formats"] == ["seal", "compact"]
    assert 0 < model["error_bound"] <= entry["tolerance"]
    assert not {"parameters", "activation_parameters"} & set(model), "the weights are the server's"


def test_a_model_of_v1_0_says_the_same_in_both_views(server: Server) -> None:
    old, new = listed(server, "/models")["logistic_v1"], listed(server, "/models?api_version=1.1")["logistic_v1"]
    for member in ("version", "description", "he_scheme", "parameters", "activation_parameters", "constraints"):
        assert old[member] == new[member], member
    for member in ("poly_modulus_degree", "coeff_modulus_bits", "scale"):
        assert old["encryption_parameters"][member] == new["encryption_parameters"][member], member
    assert new["layout"] == new["packing"]["kind"] == "feature_columns"
    assert new["result_formats"] == ["seal"]
    keys = [listed(server, f"/keys{version}")["logistic_v1"] for version in ("", "?api_version=1.1")]
    assert all(keys[1][member] == keys[0][member] for member in keys[0] if member != "evaluation_keys")


def test_each_view_has_a_tag_of_its_own(server: Server) -> None:
    targets = ("/models", "/models?api_version=1.1")
    tags = [get(server, target).header("ETag") or "" for target in targets]
    assert tags[0] != tags[1]
    for (number, target), tag in itertools.product(enumerate(targets), tags):
        reply = get(server, target, If_None_Match=tag)
        contract.check_reply("GET", target, reply)
        assert reply.status == (304 if tag == tags[number] else 200)
        assert reply.header("ETag") == tags[number]
    both = get(server, targets[1], If_None_Match=", ".join(tags))
    assert both.status == 304 and both.header("ETag") == tags[1]


def test_plan_digests_tell_models_apart(server: Server, tmp_path: pathlib.Path) -> None:
    models = listed(server, "/models?api_version=1.1")
    assert len({model["plan_digest"] for model in models.values()}) == len(models)
    changed = linear("scorer_v1", [[0.8, -0.7]], SCORER.bias, [], lower=-3, upper=5)
    registry = tmp_path / "models"
    write_linear(registry, changed.entry, changed.weights, changed.bias)
    other = Server(registry, tmp_path)
    try:
        digest = listed(other.wait_ready(), "/models?api_version=1.1")["scorer_v1"]["plan_digest"]
        assert digest != models["scorer_v1"]["plan_digest"]
    finally:
        other.kill()


def test_primes_are_those_that_seal_makes(server: Server) -> None:
    for name, material in listed(server, "/keys?api_version=1.1").items():
        model = listed(server, "/models?api_version=1.1")[name]["encryption_parameters"]
        primes = seal.CoeffModulus.Create(model["poly_modulus_degree"], model["coeff_modulus_bits"])
        assert material["coeff_modulus"] == [str(prime.value()) for prime in primes]
        assert len(material["parms_ids"]["data"]) == model["data_primes"]
        assert (material["parms_ids"]["key"] == material["parms_ids"]["data"][0]) == (len(primes) == 1)


# --- In clear --------------------------------------------------------------------------------------------------------------


def plain(server: Server, model_id: str, rows: list[Row], version: str | None) -> Reply:
    document = {"model_id": model_id, "version": "1.0.0", "inputs": rows} | ({"api_version": version} if version else {})
    reply = post(server, "/infer/plain", to_body(document))
    contract.check_reply("POST", "/infer/plain", reply)
    return reply


@pytest.mark.parametrize("name", LINEAR)
def test_answers_in_clear(server: Server, name: str) -> None:
    model = LINEAR[name]
    reply = plain(server, name, model.rows, "1.1")
    assert not contract.violations("infer_plain_response_1_1", reply.json())
    for row, answer in zip(model.rows, reply.json()["outputs"], strict=True):
        assert answer == pytest.approx(linear_answer(model.weights, model.bias, row), abs=1e-12)
    for version in (None, "1.0", "1.0.0"):
        contract.check_error(plain(server, name, model.rows, version), 404, "UNKNOWN_MODEL")


def test_a_model_of_v1_0_answers_each_version_in_its_form(server: Server) -> None:
    rows = holdout_rows("logistic_v1")[:3]
    old, new = (plain(server, "logistic_v1", rows, version).json() for version in ("1.0", "1.1"))
    assert (old["api_version"], new["api_version"]) == ("1.0.0", "1.1.0")
    assert new["outputs"] == [[output] for output in old["outputs"]]


# --- Encrypted -------------------------------------------------------------------------------------------------------------

LIBRARIES: dict[str, Any] = {"seal-python": SealPython, "TenSEAL": TenSeal}


class Asked(NamedTuple):
    """An honest request of an independent client."""

    model: Model
    client: CoefficientClient
    rows: list[Row]
    payloads: list[bytes]

    def document(self, **changes: Any) -> dict[str, Any]:
        document = {
            "model_id": self.model["model_id"], "version": self.model["version"], "batch_size": len(self.rows),
            "inputs": [hex_input(each) for each in self.payloads], **changes,
        }
        return {name: value for name, value in document.items() if value is not None}


@pytest.fixture(scope="module")
def asked(server: Server) -> Callable[..., Asked]:
    models, keys = listed(server, "/models?api_version=1.1"), listed(server, "/keys?api_version=1.1")

    @functools.cache
    def make(name: str, library: str = "seal-python", count: int = 0) -> Asked:
        rows = batch_of(LINEAR[name].rows, count or len(LINEAR[name].rows))
        session = LIBRARIES[library](models[name]["encryption_parameters"])
        client = CoefficientClient(models[name], int(keys[name]["coeff_modulus"][0]), session)
        return Asked(models[name], client, rows, client.encrypt(rows))

    return make


def in_json(server: Server, request: Asked, **changes: Any) -> tuple[Any, bytes]:
    reply = post(server, "/infer", to_body(request.document(**changes)), Prefer="wait=60")
    contract.check_reply("POST", "/infer", reply)
    job = reply.json()
    assert job.get("status") == "completed", job
    return job["result"], bytes.fromhex(job["result"]["payload"])


def in_binary(server: Server, request: Asked, **changes: Any) -> tuple[Any, bytes]:
    sizes = [{"binary_data_size": len(each)} for each in request.payloads]
    header = to_body(request.document(inputs=sizes, **changes))
    fields = binary_body(len(header)) | {"Prefer": "wait=60"}
    reply = ask(server, "POST", "/infer", header + b"".join(request.payloads), fields)
    contract.check_reply("POST", "/infer", reply)
    job, payload = reply.json_header()
    assert job["status"] == "completed"
    return job["result"], payload


def check_answers(request: Asked, answers: list[Row]) -> None:
    model = LINEAR[request.model["model_id"]]
    for row, answer in zip(request.rows, answers, strict=True):
        expected = linear_answer(model.weights, model.bias, row)
        assert numpy.abs(numpy.subtract(answer, expected)).max() <= request.model["error_bound"]


def test_the_worked_example_of_the_documentation(asked: Callable[..., Asked]) -> None:
    """docs/api.md, row 1 of a batch; the model there is this one."""
    request = asked("classes_v1")
    assert request.rows[1] == [1.0, 0.0, -1.5, 5.0, 20.0]
    assert normalised(request.model, request.rows[1]) == [1.0, -1.0, -0.75, -0.5, 0.5]
    encrypted = [request.client.decrypt(each) * 2.0**24 for each in request.payloads]
    for coefficients, expected in zip(encrypted, ([16777216, -16777216, -12582912], [-8388608, 8388608, 0]), strict=True):
        assert coefficients[6:9] == pytest.approx(expected, abs=200)  # the noise of encryption
    assert request.client.positions(0, 2)[2:] == [8, 11] and request.client.positions(1, 2)[1:] == [8]
    assert request.model["estimates"]["reply_bytes"] == 16412


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("send", [in_json, in_binary])
def test_encrypted_answers(
    server: Server, asked: Callable[..., Asked], send: Callable[..., tuple[Any, bytes]], name: str, library: str
) -> None:
    """Full ciphertexts from one library, seeded and compressed ones from the other."""
    request = asked(name, library)
    read = {"seal": request.client.read_seal, "compact": request.client.read_compact, None: request.client.read_seal}
    for result_format, decrypt in read.items():
        result, payload = send(server, request, api_version="1.1", result_format=result_format)
        assert result["error_bound"] == request.model["error_bound"]
        assert result["request_digest"] == digest_of(request.payloads)
        assert result["diagnostics"]["processed_batch_size"] == len(request.rows)
        check_answers(request, decrypt(payload, len(request.rows)))


@pytest.mark.parametrize("result_format", ["seal", "compact"])
def test_the_largest_batch_and_a_single_row(server: Server, asked: Callable[..., Asked], result_format: str) -> None:
    for count in (1, CLASSES.entry["constraints"]["max_batch_size"]):
        request = asked("classes_v1", count=count)
        _, payload = in_binary(server, request, result_format=result_format)
        check_answers(request, getattr(request.client, f"read_{result_format}")(payload, count))


def test_a_request_of_v1_0_may_ask_for_any_model(server: Server, asked: Callable[..., Asked]) -> None:
    request = asked("classes_v1")
    for version in (None, "1.0", "1.1"):
        _, payload = in_json(server, request, api_version=version)
        check_answers(request, request.client.read_seal(payload, len(request.rows)))


def test_base64_is_a_form_as_well(server: Server, asked: Callable[..., Asked]) -> None:
    request = asked("scorer_v1")
    document = request.document(inputs=[base64_input(each) for each in request.payloads], result_format="compact")
    reply = post(server, "/infer", to_body(document), Prefer="wait=60")
    assert reply.json()["result"]["encoding"] == "base64"


def test_what_is_no_answer_is_random(server: Server, asked: Callable[..., Asked]) -> None:
    """The same request twice: answers are the same, all other coefficients of the first polynomial are not."""
    request = asked("classes_v1")
    rows = len(request.rows)
    first, second = (split_objects(in_binary(server, request)[1]) for _ in range(2))
    assert len(first) == len(second) == 2
    for result, (one, other) in enumerate(zip(first, second, strict=True)):
        words = [read_ciphertext(each) for each in (one, other)]
        second_polynomial = words[0].row(1, 0)
        assert words[0].words[second_polynomial] == words[1].words[second_polynomial]
        both = [request.client.decrypt(each) * RESULT_SCALE for each in (one, other)]
        differ = numpy.abs(both[0] - both[1]) > 1e6  # of 2^54; the transform is exact to a few
        answers = request.client.positions(result, rows)
        assert not differ[answers].any()
        assert differ.sum() == request.client.degree - len(answers)
        others = numpy.delete(both[0], answers) / request.client.prime  # uniform in ±1/2
        assert abs(others.mean()) < 0.05 and abs(numpy.square(others).mean() - 1 / 12) < 0.02


def test_compact_answers_are_deterministic_and_of_the_request_alone(server: Server, asked: Callable[..., Asked]) -> None:
    request = asked("classes_v1")
    assert len({in_binary(server, request, result_format="compact")[1] for _ in range(2)}) == 1


@pytest.mark.parametrize("name", LINEAR)
def test_sizes_are_the_estimates(server: Server, asked: Callable[..., Asked], name: str) -> None:
    request = asked(name, "TenSEAL", 1)
    seeded = [write_ciphertext(read_ciphertext(each)) for each in request.payloads]  # TenSEAL compresses
    assert all(read_ciphertext(each).seed_header for each in seeded)
    estimates = request.model["estimates"]
    assert sum(map(len, seeded)) == estimates["request_bytes"]
    _, payload = in_binary(server, request._replace(payloads=seeded), result_format="compact")
    assert len(payload) == estimates["reply_bytes"]
    check_answers(request, request.client.read_compact(payload, 1))


def test_a_request_is_the_same_only_in_the_same_result_format(server: Server, asked: Callable[..., Asked]) -> None:
    request, key = asked("scorer_v1"), {"Idempotency-Key": "result-format"}
    for result_format, status in ((None, 202), ("seal", 202), ("compact", 409)):
        reply = ask(server, "POST", "/infer", to_body(request.document(result_format=result_format)), JSON_BODY | key)
        assert reply.status == status, (result_format, reply.body)
        contract.check_reply("POST", "/infer", reply)


# --- Refused ---------------------------------------------------------------------------------------------------------------

Change = Callable[[Asked], list[bytes]]


def with_first(change: Callable[[Any], Any]) -> Change:
    """The first ciphertext changed, the others as they are."""
    return lambda request: [join(change(read_ciphertext(request.payloads[0])).write()), *request.payloads[1:]]


def other_parameters(request: Asked) -> list[bytes]:
    parameters = request.model["encryption_parameters"] | {"coeff_modulus_bits": [53]}
    other = SealPython(parameters)
    return [other.encrypt_symmetric([1.0]) for _ in request.payloads]


def other_degree(request: Asked) -> list[bytes]:
    parameters = request.model["encryption_parameters"] | {"poly_modulus_degree": 1024, "coeff_modulus_bits": [27]}
    other = SealPython(parameters | {"scale": 2.0**12})
    return [other.encrypt_symmetric([1.0]) for _ in request.payloads]


def another_model(request: Asked) -> list[bytes]:
    other = SealPython(read_entry("logistic_v1")["encryption_parameters"])
    return [other.encrypt([1.0]) for _ in request.payloads]


REFUSED = {
    "another scale": (409, "INCOMPATIBLE_CIPHERTEXT", with_first(lambda c: c.but(scale=scale_bytes(2.0**25)))),
    "another prime": (409, "INCOMPATIBLE_CIPHERTEXT", other_parameters),
    "another degree": (409, "INCOMPATIBLE_CIPHERTEXT", other_degree),
    "those of another model, which are longer": (413, "PAYLOAD_TOO_LARGE", another_model),
    "an unknown level": (409, "INCOMPATIBLE_CIPHERTEXT", with_first(lambda c: c.but(parms_id=hashlib.sha256(b"x").digest()))),
    "not in NTT form": (400, "INVALID_CIPHERTEXT", with_first(lambda c: c.but(is_ntt_form=0))),
    "a word that is the prime": (400, "INVALID_CIPHERTEXT", with_first(lambda c: c.with_word(7, 18014398509404161))),
    "a transparent ciphertext": (400, "INVALID_CIPHERTEXT", with_first(lambda c: c.without_row(1, 0))),
    "cut short": (400, "INVALID_CIPHERTEXT", lambda request: [request.payloads[0][:-8], *request.payloads[1:]]),
    "an answer": (400, "INVALID_CIPHERTEXT", lambda request: [b"EICC" + bytes(100), *request.payloads[1:]]),
    "one ciphertext": (400, "WRONG_INPUT_COUNT", lambda request: request.payloads[:1]),
    "one a feature": (400, "WRONG_INPUT_COUNT", lambda request: [request.payloads[0]] * 5),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_hostile_requests_are_refused(server: Server, asked: Callable[..., Asked], fault: str) -> None:
    status, code, change = REFUSED[fault]
    request, jobs = asked("classes_v1"), server.job_count()
    document = request.document(inputs=[hex_input(each) for each in change(request)], result_format="compact")
    reply = post(server, "/infer", to_body(document))
    contract.check_reply("POST", "/infer", reply)
    contract.check_error(reply, status, code)
    assert server.job_count() == jobs
    in_json(server, request)


def test_more_rows_than_a_request_carries(server: Server, asked: Callable[..., Asked]) -> None:
    reply = post(server, "/infer", to_body(asked("classes_v1").document(batch_size=17)))
    contract.check_error(reply, 400, "BATCH_TOO_LARGE", {"max_batch_size": "16"})


@pytest.mark.parametrize("result_format", ["compact", "SEAL", ""])
def test_a_format_that_the_model_does_not_have(
    server: Server, honest: Callable[[str], HonestRequest], result_format: str
) -> None:
    body = to_body(honest("logistic_v1").document(result_format=result_format))
    reply = post(server, "/infer", body)
    contract.check_error(reply, 400, "SCHEMA_VIOLATION", {"pointer": "/result_format", "rule": "enum"})


def test_a_ciphertext_that_fits_one_model_alone(server: Server, asked: Callable[..., Asked]) -> None:
    """Models of equal parameters take one another's ciphertexts: nothing in them names a model."""
    scorer, classes = asked("scorer_v1"), asked("classes_v1")
    document = classes.document(inputs=[hex_input(each) for each in (scorer.payloads[0], classes.payloads[1])])
    assert post(server, "/infer", to_body(document)).status == 202
