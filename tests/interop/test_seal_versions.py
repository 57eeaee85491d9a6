"""Ciphertexts of SEAL 4.3 (TenSEAL) and SEAL 4.4 (seal-python), in every form, and answers that each of them can read.

SEAL before 4.4 refuses bytes that name another minor version than its own, in nested headers too.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import seal
import tenseal.sealapi as sealapi

from support import contract
from support.he import Library, SealPython, TenSeal, saved
from support.honest import GoodRequest, HonestRequest, base64_input, digest_of, hex_input, to_body
from support.http import get, post
from support.models import Model, Row, clear_answer, columns, project_models, read_entry
from support.seal_bytes import NONE, ZLIB, ZSTD, in_minor, read_body, read_ciphertext, split, write_ciphertext
from support.server import Server

LIBRARIES = {"SEAL 4.4": SealPython, "SEAL 4.3": TenSeal}
COMPRESSIONS = {"uncompressed": NONE, "zlib": ZLIB, "zstd": ZSTD}


@functools.cache
def library(name: str, model_id: str) -> Library:
    return LIBRARIES[name](read_entry(model_id)["encryption_parameters"])


def rows_within_bounds(model: Model, count: int) -> list[Row]:
    """Random rows over the whole range that the model is planned for, the first at its very corner."""
    bounds = numpy.array(model["input_bounds"])
    rows = numpy.random.default_rng(1).uniform(-bounds, bounds, (count, len(bounds)))
    rows[0] = bounds * numpy.sign(model["parameters"]["weights"])
    return rows.tolist()


@functools.cache
def encrypted(name: str, model_id: str, symmetric: bool, rows: int) -> list[bytes]:
    client = library(name, model_id)
    encrypt = client.encrypt_symmetric if symmetric else client.encrypt
    return [encrypt(column) for column in columns(rows_within_bounds(read_entry(model_id), rows))]


def recompressed(data: bytes, compression: int) -> bytes:
    """The same object, compressed in this way; as the library wrote it where it was already."""
    return data if split(data)[0].compression == compression else write_ciphertext(read_ciphertext(data), compression)


def request_of(model: Model, payloads: list[bytes], batch_size: int, encode: Callable[..., Any] = hex_input) -> bytes:
    return to_body({
        "model_id": model["model_id"],
        "version": model["version"],
        "batch_size": batch_size,
        "inputs": [encode(payload) for payload in payloads],
    })


def result_of(server: Server, body: bytes) -> Any:
    reply = post(server, "/infer", body, Prefer="wait=60")
    assert reply.status == 200, reply.body[:500]
    job = reply.json()
    assert not contract.violations("job", job)
    assert job["status"] == "completed", job
    return job["result"]


def check_minor(payload: bytes, minor: int) -> None:
    """The answer is of this minor version throughout, and uncompressed."""
    header = split(payload)[0]
    assert (header.minor, header.compression, header.size) == (minor, NONE, len(payload))
    assert read_ciphertext(payload).words_header.minor == minor


@pytest.mark.parametrize("full", [False, True], ids=["one row", "all rows"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("symmetric", [False, True], ids=["public key", "symmetric"])
@pytest.mark.parametrize("model_id", project_models())
@pytest.mark.parametrize("name", LIBRARIES)
def test_both_libraries_get_right_answers(
    server: Server, name: str, model_id: str, symmetric: bool, compression: str, full: bool
) -> None:
    model, client = read_entry(model_id), library(name, model_id)
    rows = rows_within_bounds(model, model["constraints"]["max_batch_size"] if full else 1)
    payloads = [
        recompressed(each, COMPRESSIONS[compression]) for each in encrypted(name, model_id, symmetric, len(rows))
    ]
    assert {split(payload)[0].compression for payload in payloads} == {COMPRESSIONS[compression]}
    assert {split(payload)[0].minor for payload in payloads} == {client.minor}
    seeded = {read_ciphertext(payload).seed_header is not None for payload in payloads}
    assert seeded == {symmetric and name == "SEAL 4.3"}

    result = result_of(server, request_of(model, payloads, len(rows)))
    assert result["request_digest"] == digest_of(payloads)
    payload = bytes.fromhex(result["payload"])
    check_minor(payload, client.minor)
    quadratic = model["activation_parameters"]["coefficients"][2] != 0
    assert read_ciphertext(payload).size == (3 if quadratic else 2)
    answers = client.decrypt(payload)[: len(rows)]
    errors = [abs(answer - clear_answer(model, row)) for answer, row in zip(answers, rows, strict=True)]
    assert max(errors) <= result["error_bound"]


@pytest.mark.adversarial("seal-header.minor-echoed")
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("minor", range(5))
def test_every_minor_version_is_taken_and_echoed(
    server: Server, pair: HonestRequest, good: GoodRequest, minor: int, compression: str
) -> None:
    payloads = [
        recompressed(write_ciphertext(read_ciphertext(payload).in_minor(minor)), COMPRESSIONS[compression])
        for payload in pair.payloads
    ]
    result = result_of(server, request_of(pair.model, payloads, len(pair.rows)))
    payload = bytes.fromhex(result["payload"])
    check_minor(payload, minor)
    # But for the version the answer is the same, bit for bit.
    expected = result_of(server, pair.body)
    assert in_minor(payload, SealPython.minor).hex() == expected["payload"]
    good.check(server)


@pytest.mark.adversarial("seal-header.minors-mixed")
@pytest.mark.parametrize("others", [0, 1, 2, 3])
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_minor_versions_are_not_mixed(
    server: Server, pair: HonestRequest, good: GoodRequest, first: bool, others: int
) -> None:
    one, two = pair.payloads
    mixed = [in_minor(one, others), two] if first else [one, in_minor(two, others)]
    before = server.job_count()
    contract.check_error(post(server, "/infer", pair.body_with(*mixed)), 400, "INVALID_CIPHERTEXT")
    assert server.job_count() == before
    good.check(server)


@pytest.mark.adversarial("ciphertext.seeded")
@pytest.mark.parametrize("generator", [1, 2], ids=["BLAKE2xb", "SHAKE256"])
@pytest.mark.parametrize("model_id", project_models())
def test_a_seeded_ciphertext_is_the_one_it_expands_to(server: Server, model_id: str, generator: int) -> None:
    model = read_entry(model_id)
    client = TenSeal(model["encryption_parameters"])
    rows = rows_within_bounds(model, 2)
    # The library seeds with BLAKE2xb. It expands seeds of either generator, but with the other it is other noise.
    honest = [read_ciphertext(client.encrypt_symmetric(column)) for column in columns(rows)]
    assert {ciphertext.generator for ciphertext in honest} == {1}
    seeded = [write_ciphertext(ciphertext.but(generator=generator)) for ciphertext in honest]
    full = [client.expand(payload) for payload in seeded]
    assert all(len(half) < len(read_body(whole)) for half, whole in zip(seeded, full, strict=True))

    results = [result_of(server, request_of(model, payloads, len(rows))) for payloads in (seeded, full)]
    assert results[0]["payload"] == results[1]["payload"]
    if generator == 1:
        answers = client.decrypt(bytes.fromhex(results[0]["payload"]))
        for row, answer in zip(rows, answers, strict=False):
            assert abs(answer - clear_answer(model, row)) <= results[0]["error_bound"]


def test_inputs_of_one_request_may_differ_in_form(server: Server, pair: HonestRequest) -> None:
    client = TenSeal(pair.model["encryption_parameters"])
    one, two = (column for column in columns(pair.rows))
    payloads = [client.encrypt_symmetric(one), recompressed(client.encrypt(two), NONE)]
    body = to_body(pair.document(inputs=[base64_input(payloads[0]), hex_input(payloads[1])]))
    result = result_of(server, body)
    assert result["encoding"] == "base64"
    assert result["request_digest"] == "sha256:" + hashlib.sha256(payloads[0] + payloads[1]).hexdigest()


@pytest.mark.parametrize("minor", [None, 0, 1, 2, 3, 4])
def test_encryption_parameters_are_those_that_seal_writes(server: Server, minor: int | None) -> None:
    reply = get(server, "/keys" if minor is None else f"/keys?seal_minor={minor}")
    assert reply.status == 200
    for model in reply.json()["models"]:
        data = bytes.fromhex(model["encryption_parameters"]["payload"])
        header = split(data)[0]
        assert (header.minor, header.size) == (1 if minor is None else minor, len(data))
        primes = [int(prime) for prime in model["coeff_modulus"]]

        # SEAL 4.4 reads its own and older ones.
        read = seal.EncryptionParameters(seal.scheme_type.ckks)
        read.load_bytes(data)
        assert read.scheme() == seal.scheme_type.ckks
        assert read.poly_modulus_degree() == model["poly_modulus_degree"]
        assert [modulus.value() for modulus in read.coeff_modulus()] == primes
        if minor == SealPython.minor:
            assert data == read.to_bytes()


def test_encryption_parameters_load_in_a_library_that_reads_its_own_version_only(
    server: Server, tmp_path: Any
) -> None:
    file = tmp_path / "parameters"
    for model in get(server, "/keys?seal_minor=3").json()["models"]:
        file.write_bytes(bytes.fromhex(model["encryption_parameters"]["payload"]))
        read = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
        read.load(str(file))
        assert read.poly_modulus_degree() == model["poly_modulus_degree"]
        assert [modulus.value() for modulus in read.coeff_modulus()] == [int(prime) for prime in model["coeff_modulus"]]
        assert read_body(saved(read)) == split(file.read_bytes())[1]
    for model in get(server, "/keys?seal_minor=4").json()["models"]:
        file.write_bytes(bytes.fromhex(model["encryption_parameters"]["payload"]))
        with pytest.raises(RuntimeError):
            sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS).load(str(file))


def words_of(parms_id_hex: str) -> list[int]:
    data = bytes.fromhex(parms_id_hex)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, 32, 8)]


def test_parms_ids_are_those_of_the_library(server: Server) -> None:
    for model in get(server, "/keys").json()["models"]:
        parameters = seal.EncryptionParameters(seal.scheme_type.ckks)
        parameters.load_bytes(bytes.fromhex(model["encryption_parameters"]["payload"]))
        context = seal.SEALContext(parameters, True, seal.sec_level_type.tc128)
        assert context.parameters_set()
        assert words_of(model["parms_ids"]["key"]) == list(context.key_context_data().parms_id())
        level, ids = context.first_context_data(), []
        while level is not None:
            ids.append(list(level.parms_id()))
            level = level.next_context_data()
        assert [words_of(each) for each in model["parms_ids"]["data"]] == ids
