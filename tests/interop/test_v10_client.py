"""A deployed v1.0 client, written by somebody who has none of our code: it must keep working, unchanged.

Nothing of the project is used here but the address of a running server: not its schemas, not its helpers.
"""

from __future__ import annotations

import csv
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import requests
import seal
from jsonschema import Draft7Validator

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ["breast_cancer_v1", "logistic_v1", "wine_quadratic_v1"]
TIMEOUT = 60


def closed(**properties: Any) -> dict[str, Any]:
    """An object with exactly these members."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }


STRING, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}

MODEL_LIST = closed(
    api_version={"const": "1.0.0"},
    models={
        "type": "array",
        "items": closed(
            model_id=STRING,
            version=STRING,
            description=STRING,
            he_scheme={"const": "CKKS"},
            encryption_parameters=closed(
                poly_modulus_degree=INTEGER,
                scale=NUMBER,
                coeff_modulus_bits={"type": "array", "items": INTEGER},
                max_multiplicative_depth=INTEGER,
            ),
            inference=closed(
                input_dimension=INTEGER, output_dimension=INTEGER, activation={"const": "polynomial_sigmoid_v1"}
            ),
            parameters=closed(weights={"type": "array", "items": NUMBER}, bias=NUMBER),
            activation_parameters=closed(
                kind=STRING, coefficients={"type": "array", "items": NUMBER, "minItems": 3, "maxItems": 3}
            ),
            constraints=closed(max_batch_size=INTEGER),
        ),
    },
)

# The one place where a reply may have members that the client does not know.
RESULT = {
    "type": "object",
    "required": ["model_id", "version", "payload", "diagnostics"],
    "properties": {
        "model_id": STRING,
        "version": STRING,
        "payload": {"type": "string", "pattern": "^([0-9a-f]{2})+$"},
        "diagnostics": {
            "type": "object",
            "required": ["requested_batch_size", "processed_batch_size", "batch_truncated"],
            "properties": {
                "requested_batch_size": INTEGER,
                "processed_batch_size": INTEGER,
                "batch_truncated": {"type": "boolean"},
            },
        },
    },
}


class Client:
    """The steps of v1.0: list, encrypt, send, poll, decrypt."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers.update(headers)

    def models(self) -> dict[str, Any]:
        reply = self.http.get(f"{self.url}/models", timeout=TIMEOUT)
        reply.raise_for_status()
        listing = reply.json()
        Draft7Validator(MODEL_LIST).validate(listing)
        return {model["model_id"]: model for model in listing["models"]}

    def infer(self, model: dict[str, Any], rows: list[list[float]]) -> tuple[list[float], dict[str, Any]]:
        parameters = model["encryption_parameters"]
        degree, scale = parameters["poly_modulus_degree"], float(parameters["scale"])
        settings = seal.EncryptionParameters(seal.scheme_type.ckks)
        settings.set_poly_modulus_degree(degree)
        settings.set_coeff_modulus(seal.CoeffModulus.Create(degree, parameters["coeff_modulus_bits"]))
        context = seal.SEALContext(settings)
        keys = seal.KeyGenerator(context)
        encoder = seal.CKKSEncoder(context)
        encryptor = seal.Encryptor(context, keys.create_public_key())

        inputs = []
        for feature in zip(*rows, strict=True):
            ciphertext = encryptor.encrypt(encoder.encode(numpy.array(feature), scale))
            inputs.append({"encoding": "hex", "payload": ciphertext.to_string().hex()})
        request = {
            "model_id": model["model_id"], "version": model["version"], "batch_size": len(rows), "inputs": inputs,
        }
        reply = self.http.post(f"{self.url}/infer", json=request, timeout=TIMEOUT)
        assert 200 <= reply.status_code < 300, reply.text[:500]
        result = self.poll(reply.json()["job_id"])

        answer = seal.Ciphertext()
        answer.load_bytes(context, bytes.fromhex(result["payload"]))
        slots = encoder.decode(seal.Decryptor(context, keys.secret_key()).decrypt(answer))
        return slots[: len(rows)].tolist(), result

    def poll(self, job_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            reply = self.http.get(f"{self.url}/jobs/{job_id}", timeout=TIMEOUT)
            reply.raise_for_status()
            job = reply.json()
            assert job["status"] in ("queued", "running", "pending", "failed", "completed")
            assert job["status"] != "failed", job["error"]
            if job["status"] == "completed":
                Draft7Validator(RESULT).validate(job["result"])
                return job["result"]
            time.sleep(0.01)
        raise AssertionError("the job never ends")


@pytest.fixture(params=[{}, {"X-Tenant-ID": "clinic-7"}], ids=["no tenant", "tenant"])
def client(server: Any, request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(server.url, request.param)
    yield client
    client.http.close()


def rows_for(model_id: str, count: int) -> list[list[float]]:
    with (ROOT / "models" / "holdout" / f"{model_id}.csv").open(encoding="utf-8", newline="") as file:
        rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
    return [rows[index % len(rows)] for index in range(count)]


def in_clear(model: dict[str, Any], row: list[float]) -> float:
    z = numpy.dot(model["parameters"]["weights"], row) + model["parameters"]["bias"]
    c0, c1, c2 = model["activation_parameters"]["coefficients"]
    return c0 + c1 * z + c2 * z * z


def test_the_model_list_has_exactly_the_members_of_v1_0(client: Client) -> None:
    assert set(client.models()) >= set(MODELS)


def test_the_reference_model_is_as_the_contract_has_it(client: Client) -> None:
    model = client.models()["logistic_v1"]
    del model["description"]
    assert model == {
        "model_id": "logistic_v1",
        "version": "1.0.0",
        "he_scheme": "CKKS",
        "encryption_parameters": {
            "poly_modulus_degree": 16384,
            "scale": 2**30,
            "coeff_modulus_bits": [60, 30, 30, 60],
            "max_multiplicative_depth": 2,
        },
        "inference": {"input_dimension": 8, "output_dimension": 1, "activation": "polynomial_sigmoid_v1"},
        "parameters": {"weights": [0.15, -0.08, 0.11, 0.07, -0.12, 0.09, 0.05, -0.04], "bias": -0.02},
        "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.197, 0.0]},
        "constraints": {"max_batch_size": 16},
    }


@pytest.mark.parametrize("full", [False, True], ids=["one row", "all rows"])
@pytest.mark.parametrize("model_id", MODELS)
def test_answers_are_right(client: Client, model_id: str, full: bool) -> None:
    model = client.models()[model_id]
    rows = rows_for(model_id, model["constraints"]["max_batch_size"] if full else 1)
    answers, result = client.infer(model, rows)

    assert (result["model_id"], result["version"]) == (model["model_id"], model["version"])
    assert result["diagnostics"] == {
        "requested_batch_size": len(rows), "processed_batch_size": len(rows), "batch_truncated": False,
    }
    errors = [abs(answer - in_clear(model, row)) for answer, row in zip(answers, rows, strict=True)]
    assert max(errors) <= result["error_bound"]
