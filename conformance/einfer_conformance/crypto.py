"""A client's side of the cryptography by Microsoft SEAL itself (seal-python), and the model's polynomial in clear."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Any

import numpy
import seal

from einfer_conformance.seal_bytes import Ciphertext, read_ciphertext
from einfer_conformance.seeds import make_seeded

Model = dict[str, Any]  # an entry of GET /models
Row = list[float]
SECRET_KEY_WORDS = 88  # where the words begin in a saved secret key


def clear_answer(model: Model, row: Sequence[float]) -> float:
    z = sum(weight * value for weight, value in zip(model["parameters"]["weights"], row, strict=True))
    z += model["parameters"]["bias"]
    c0, c1, c2 = model["activation_parameters"]["coefficients"]
    return c0 + c1 * z + c2 * z * z


class Client:
    """One key pair for one model, made from what GET /models says."""

    def __init__(self, model: Model) -> None:
        parameters = model["encryption_parameters"]
        self.scale = float(parameters["scale"])
        self.degree = parameters["poly_modulus_degree"]
        modulus = seal.CoeffModulus.Create(self.degree, parameters["coeff_modulus_bits"])
        self.all_primes = [prime.value() for prime in modulus]
        self.primes = self.all_primes[:-1]
        self.context = self._context(seal.scheme_type.ckks)
        self.encoder = seal.CKKSEncoder(self.context)
        self.keys = seal.KeyGenerator(self.context)
        self.encryptor = seal.Encryptor(self.context, self.keys.create_public_key(), self.keys.secret_key())
        self.decryptor = seal.Decryptor(self.context, self.keys.secret_key())

    def _parameters(self, scheme: Any) -> Any:
        parameters = seal.EncryptionParameters(scheme)
        parameters.set_poly_modulus_degree(self.degree)
        parameters.set_coeff_modulus([seal.Modulus(prime) for prime in self.all_primes])
        if scheme != seal.scheme_type.ckks:
            parameters.set_plain_modulus(seal.PlainModulus.Batching(self.degree, 20))
        return parameters

    def _context(self, scheme: Any) -> Any:
        return seal.SEALContext(self._parameters(scheme), True, seal.sec_level_type.tc128)

    def encode(self, values: Sequence[float], scale: float | None = None) -> Any:
        slots = numpy.zeros(self.degree // 2)
        slots[: len(values)] = values
        return self.encoder.encode(slots, scale or self.scale)

    def encrypt(self, values: Sequence[float], scale: float | None = None) -> bytes:
        return self.encryptor.encrypt(self.encode(values, scale)).to_string()

    def decrypt(self, data: bytes) -> list[float]:
        """Raises whatever the library does about bytes that it does not take."""
        ciphertext = seal.Ciphertext()
        ciphertext.load_bytes(self.context, data)
        return self.encoder.decode(self.decryptor.decrypt(ciphertext)).tolist()

    @functools.cached_property
    def secret_words(self) -> list[int]:
        """The secret key in NTT form, modulo each data prime."""
        data = self.secret_key()
        return list(struct.unpack_from(f"<{self.degree * len(self.primes)}Q", data, SECRET_KEY_WORDS))

    def seeded(self, data: bytes, generator: int) -> Ciphertext:
        return make_seeded(read_ciphertext(data), self.secret_words, self.primes, generator)

    # --- Objects that are no ciphertext for the model -----------------------------------------------------------------

    def secret_key(self) -> bytes:
        return self.keys.secret_key().to_string()

    def public_key(self) -> bytes:
        return self.keys.create_public_key().to_string()

    def plaintext(self) -> bytes:
        return self.encode([1.0]).to_bytes()

    def parameters(self) -> bytes:
        return self._parameters(seal.scheme_type.ckks).to_bytes()

    def lower_level(self) -> bytes:
        encrypted = self.encryptor.encrypt(self.encode([1.0]))
        return seal.Evaluator(self.context).mod_switch_to_next(encrypted).to_string()

    def square(self) -> bytes:
        encrypted = self.encryptor.encrypt(self.encode([1.0]))
        return seal.Evaluator(self.context).square(encrypted).to_string()

    def of_bfv(self) -> bytes:
        context = self._context(seal.scheme_type.bfv)
        encryptor = seal.Encryptor(context, seal.KeyGenerator(context).create_public_key())
        ones = numpy.ones(self.degree, dtype=numpy.int64)
        return encryptor.encrypt(seal.BatchEncoder(context).encode(ones)).to_string()
