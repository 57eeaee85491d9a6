"""Clients' side of the cryptography, by libraries that are not ours: seal-python (SEAL 4.4) and TenSEAL (SEAL 4.3).

Both make their contexts from what GET /models says, as a deployed client does.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any, Protocol

import numpy
import seal
import tenseal.sealapi as sealapi

Values = Sequence[float]


class Library(Protocol):
    """One library with one key pair for one set of encryption parameters."""

    minor: int
    slots: int

    def encrypt(self, values: Values) -> bytes: ...

    def encrypt_symmetric(self, values: Values) -> bytes: ...

    def decrypt(self, data: bytes) -> list[float]: ...

    def encrypt_complex(self, slots: Any) -> bytes:
        """Under the secret key; `slots` are as many complex numbers as there are slots."""

    def decrypt_complex(self, data: bytes) -> Any:
        """All slots."""


def padded(values: Values, slots: int) -> list[float]:
    return [*values, *[0.0] * (slots - len(values))]


class SealPython:
    """Writes ciphertexts in full, uncompressed; the binding has no seeded ones."""

    minor = 4

    def __init__(self, encryption_parameters: dict[str, Any]) -> None:
        self.scale = float(encryption_parameters["scale"])
        degree = encryption_parameters["poly_modulus_degree"]
        parameters = seal.EncryptionParameters(seal.scheme_type.ckks)
        parameters.set_poly_modulus_degree(degree)
        parameters.set_coeff_modulus(seal.CoeffModulus.Create(degree, encryption_parameters["coeff_modulus_bits"]))
        self.context = seal.SEALContext(parameters, True, seal.sec_level_type.tc128)
        assert self.context.parameters_set()
        self.slots = degree // 2
        self.encoder = seal.CKKSEncoder(self.context)
        self.keys = seal.KeyGenerator(self.context)
        self.encryptor = seal.Encryptor(self.context, self.keys.create_public_key(), self.keys.secret_key())
        self.decryptor = seal.Decryptor(self.context, self.keys.secret_key())

    def encode(self, values: Values) -> Any:
        return self.encoder.encode(numpy.array(padded(values, self.slots)), self.scale)

    def encrypt(self, values: Values) -> bytes:
        return self.encryptor.encrypt(self.encode(values)).to_string()

    def encrypt_symmetric(self, values: Values) -> bytes:
        return self.encryptor.encrypt_symmetric(self.encode(values)).to_string()

    def decrypt(self, data: bytes) -> list[float]:
        return self.encoder.decode(self.decryptor.decrypt(self.load(data))).tolist()

    def encrypt_complex(self, slots: Any) -> bytes:
        return self.encryptor.encrypt_symmetric(self.encoder.encode_complex(numpy.array(slots), self.scale)).to_string()

    def decrypt_complex(self, data: bytes) -> Any:
        return numpy.array(self.encoder.decode_complex(self.decryptor.decrypt(self.load(data))))

    def load(self, data: bytes) -> Any:
        ciphertext = seal.Ciphertext()
        ciphertext.load_bytes(self.context, data)
        return ciphertext


class TenSeal:
    """Writes compressed ciphertexts (zstd), symmetric ones seeded; reads SEAL 4.3 only. Saves and loads files only."""

    minor = 3

    def __init__(self, encryption_parameters: dict[str, Any]) -> None:
        self.scale = float(encryption_parameters["scale"])
        degree = encryption_parameters["poly_modulus_degree"]
        parameters = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
        parameters.set_poly_modulus_degree(degree)
        parameters.set_coeff_modulus(
            sealapi.CoeffModulus.Create(degree, encryption_parameters["coeff_modulus_bits"])
        )
        self.context = sealapi.SEALContext(parameters, True, sealapi.SEC_LEVEL_TYPE.TC128)
        assert self.context.parameters_set()
        self.slots = degree // 2
        self.encoder = sealapi.CKKSEncoder(self.context)
        keys = sealapi.KeyGenerator(self.context)
        public_key = sealapi.PublicKey()
        keys.create_public_key(public_key)
        self.encryptor = sealapi.Encryptor(self.context, public_key, keys.secret_key())
        self.decryptor = sealapi.Decryptor(self.context, keys.secret_key())

    def encode(self, values: Values) -> Any:
        plaintext = sealapi.Plaintext()
        self.encoder.encode(padded(values, self.slots), self.scale, plaintext)
        return plaintext

    def encrypt(self, values: Values) -> bytes:
        ciphertext = sealapi.Ciphertext()
        self.encryptor.encrypt(self.encode(values), ciphertext)
        return saved(ciphertext)

    def encrypt_symmetric(self, values: Values) -> bytes:
        return saved(self.encryptor.encrypt_symmetric(self.encode(values)))

    def load(self, data: bytes) -> Any:
        ciphertext = sealapi.Ciphertext()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "object")
            file.write_bytes(data)
            ciphertext.load(self.context, str(file))
        return ciphertext

    def expand(self, data: bytes) -> bytes:
        """The full form of a seeded ciphertext."""
        return saved(self.load(data))

    def decrypt(self, data: bytes) -> list[float]:
        plaintext = sealapi.Plaintext()
        self.decryptor.decrypt(self.load(data), plaintext)
        return self.encoder.decode_double(plaintext)

    def encrypt_complex(self, slots: Any) -> bytes:
        plaintext = sealapi.Plaintext()
        self.encoder.encode(list(slots), self.scale, plaintext)
        return saved(self.encryptor.encrypt_symmetric(plaintext))

    def decrypt_complex(self, data: bytes) -> Any:
        plaintext = sealapi.Plaintext()
        self.decryptor.decrypt(self.load(data), plaintext)
        return numpy.array(self.encoder.decode_complex(plaintext))


def saved(sealapi_object: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "object")
        sealapi_object.save(str(file))
        return file.read_bytes()
