"""A client of the layout `coefficients`, written from docs/api.md and docs/architecture/compact.md alone.

Its library need know nothing of coefficients: the slots of CKKS are the values of the polynomial at some roots of unity, so
that a Fourier transform leads from one to the other.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

import numpy

from support.he import Library
from support.models import Model, Row
from support.seal_bytes import HEADER, Header, read_ciphertext, scale_bytes, write_ciphertext

COMPACT = struct.Struct("<4sBBHII")  # magic, version, bits, zero, N, results


class Embedding:
    """Between N coefficients and the N/2 slots: slot i is the polynomial's value at zeta^(3^i), zeta = exp(i pi / N)."""

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.twist = numpy.exp(1j * numpy.pi * numpy.arange(degree) / degree)
        self.places = [(pow(3, slot, 2 * degree) - 1) // 2 for slot in range(degree // 2)]

    def slots(self, coefficients: Any) -> Any:
        return (self.degree * numpy.fft.ifft(coefficients * self.twist))[self.places]

    def coefficients(self, slots: Any) -> Any:
        values = numpy.empty(self.degree, complex)
        values[self.places] = slots
        values[[self.degree - 1 - place for place in self.places]] = numpy.conj(slots)
        return (numpy.fft.fft(values) / self.degree / self.twist).real


def bounds(model: Model, which: str) -> Row:
    bound = model["input"][which]
    return bound if isinstance(bound, list) else [bound] * model["input"]["dimension"]


def normalised(model: Model, row: Row) -> Row:
    triples = zip(row, bounds(model, "lower"), bounds(model, "upper"), strict=True)
    return [(value - (lower + upper) / 2) * 2 / (upper - lower) for value, lower, upper in triples]


class CoefficientClient:
    """`model`: an entry of GET /models?api_version=1.1. `library` has a context with its parameters."""

    def __init__(self, model: Model, prime: int, library: Library) -> None:
        self.model, self.prime, self.binding = model, prime, library
        packing = model["packing"]
        self.features, self.outputs = packing["features_per_ciphertext"], packing["outputs_per_result"]
        self.block = self.features * self.outputs
        self.degree = model["encryption_parameters"]["poly_modulus_degree"]
        self.embedding = Embedding(self.degree)

    def encrypt(self, rows: list[Row]) -> list[bytes]:
        dimension = self.model["input"]["dimension"]
        numbers = [normalised(self.model, row) for row in rows]
        ciphertexts = []
        for first in range(0, dimension, self.features):
            coefficients = numpy.zeros(self.degree)
            for row, values in enumerate(numbers):
                here = values[first : first + self.features]
                coefficients[row * self.block : row * self.block + len(here)] = here
            ciphertexts.append(self.binding.encrypt_complex(self.embedding.slots(coefficients)))
        return ciphertexts

    def outputs_of(self, result: int) -> int:
        return min(self.outputs, self.model["output"]["dimension"] - result * self.outputs)

    def results(self) -> int:
        return -(-self.model["output"]["dimension"] // self.outputs)

    def positions(self, result: int, rows: int) -> list[int]:
        """Of the answers in a result, row by row."""
        return [
            row * self.block + output * self.features + self.features - 1
            for row in range(rows) for output in range(self.outputs_of(result))
        ]

    def in_rows(self, numbers: list[Any], rows: int) -> list[Row]:
        """Numbers by result to numbers by row."""
        answers: list[Row] = [[] for _ in range(rows)]
        for result, each in enumerate(numbers):
            width = self.outputs_of(result)
            for row in range(rows):
                answers[row] += [float(number) for number in each[row * width : (row + 1) * width]]
        return answers

    def decrypt(self, ciphertext: bytes) -> Any:
        """All coefficients, divided by the ciphertext's scale."""
        return self.embedding.coefficients(self.binding.decrypt_complex(ciphertext))

    def read_seal(self, payload: bytes, rows: int) -> list[Row]:
        ciphertexts = split_objects(payload)
        assert len(ciphertexts) == self.results()
        found = [self.decrypt(each)[self.positions(result, rows)] for result, each in enumerate(ciphertexts)]
        return self.in_rows(found, rows)

    @functools.cached_property
    def key(self) -> Any:
        """The secret key's coefficients, which are -1, 0 and 1: what (0, 1) decrypts to."""
        some = read_ciphertext(self.binding.encrypt_complex(numpy.zeros(self.degree // 2)))
        words = numpy.concatenate([numpy.zeros(self.degree, "<u8"), numpy.ones(self.degree, "<u8")]).tobytes()
        one = some.but(seed_header=None, generator=1, seed=b"", scale=scale_bytes(1.0)).with_words(words)
        found = self.decrypt(write_ciphertext(one))
        key = numpy.rint(found).astype(numpy.int64)
        assert set(key) == {-1, 0, 1} and numpy.abs(found - key).max() < 0.01
        return key

    def read_compact(self, payload: bytes, rows: int) -> list[Row]:
        packing = self.model["packing"]
        bits = packing["compact_bits"]
        assert COMPACT.unpack_from(payload) == (b"EICC", 1, bits, 0, self.degree, self.results())
        rest, found = payload[COMPACT.size :], []
        for result in range(self.results()):
            positions = self.positions(result, rows)
            values, rest = unpack(rest, len(positions), bits)
            second, rest = unpack(rest, self.degree, bits)
            product = [negacyclic(second, self.key, position) for position in positions]
            modulus = 1 << bits
            sums = [value + more for value, more in zip(values, product, strict=True)]
            centred = [(each + modulus // 2) % modulus - modulus // 2 for each in sums]
            found.append([number * self.prime / modulus / packing["result_scale"] for number in centred])
        assert not rest
        return self.in_rows(found, rows)


def split_objects(payload: bytes) -> list[bytes]:
    """SEAL objects that stand back to back, by the sizes in their headers."""
    objects = []
    while payload:
        size = Header.read(payload).size
        assert HEADER.size < size <= len(payload)
        objects.append(payload[:size])
        payload = payload[size:]
    return objects


def unpack(data: bytes, count: int, bits: int) -> tuple[list[int], bytes]:
    """Numbers of so many bits, the lowest first, in whole bytes; and what follows."""
    size = (count * bits + 7) // 8
    number = int.from_bytes(data[:size], "little")
    assert len(data) >= size and number >> (count * bits) == 0
    return [number >> (bits * index) & ((1 << bits) - 1) for index in range(count)], data[size:]


def negacyclic(polynomial: list[int], key: Any, position: int) -> int:
    """One coefficient of the product modulo X^N + 1."""
    numbers = numpy.array(polynomial, numpy.int64)
    turned = numpy.concatenate([key[position::-1], -key[:position:-1]])
    return int(numbers @ turned)
