"""SEAL 4.x ciphertext bytes, field by field, so that every field can be made wrong (docs/architecture/wire.md)."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import zstandard

MAGIC = 0xA15E
HEADER = struct.Struct("<HBBBBHQ")  # magic, header size, major, minor, compression, reserved, size
METADATA = struct.Struct("<32sBQQQ8sQ")  # parms_id, is_ntt_form, size, N, L, scale, correction factor
NONE, ZLIB, ZSTD = 0, 1, 2
BLAKE2XB, SHAKE256 = 1, 2


@dataclasses.dataclass(frozen=True)
class Header:
    magic: int = MAGIC
    header_size: int = 16
    major: int = 4
    minor: int = 4
    compression: int = NONE
    reserved: int = 0
    size: int = 0

    @classmethod
    def read(cls, data: bytes) -> Header:
        return cls(*HEADER.unpack_from(data))

    def write(self) -> bytes:
        return HEADER.pack(*dataclasses.astuple(self))

    def but(self, **changes: int) -> Header:
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass(frozen=True)
class Ciphertext:
    """What follows the outer header. A seed, if any, stands for the second polynomial."""

    parms_id: bytes
    is_ntt_form: int
    size: int
    degree: int
    primes: int
    scale: bytes
    correction_factor: int
    words_header: Header
    word_count: int
    words: bytes
    seed_header: Header | None = None
    generator: int = BLAKE2XB
    seed: bytes = b""

    @classmethod
    def read(cls, body: bytes) -> Ciphertext:
        """Raises struct.error or IndexError where bytes are missing."""
        fields = METADATA.unpack_from(body)
        words_header = Header.read(body[METADATA.size :])
        (word_count,) = struct.unpack_from("<Q", body, METADATA.size + HEADER.size)
        start = METADATA.size + HEADER.size + 8
        words, rest = body[start : start + 8 * word_count], body[start + 8 * word_count :]
        if not rest:
            return cls(*fields, words_header, word_count, words)
        return cls(
            *fields, words_header, word_count, words, Header.read(rest), rest[HEADER.size], rest[HEADER.size + 1 :]
        )

    def write(self) -> bytes:
        metadata = METADATA.pack(
            self.parms_id, self.is_ntt_form, self.size, self.degree, self.primes, self.scale, self.correction_factor
        )
        words = self.words_header.write() + struct.pack("<Q", self.word_count) + self.words
        if self.seed_header is None:
            return metadata + words
        return metadata + words + self.seed_header.write() + bytes([self.generator]) + self.seed

    def but(self, **changes: object) -> Ciphertext:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def with_words(self, words: bytes) -> Ciphertext:
        """Other words, and as many as the fields say."""
        count = len(words) // 8
        return self.but(words=words, word_count=count, words_header=self.words_header.but(size=24 + 8 * count))

    def with_word(self, index: int, value: int) -> Ciphertext:
        words = bytearray(self.words)
        struct.pack_into("<Q", words, 8 * index, value)
        return self.but(words=bytes(words))

    def with_seed(self, first_polynomial: bytes, generator: int, seed: bytes) -> Ciphertext:
        header = self.words_header.but(size=81)
        return self.with_words(first_polynomial).but(seed_header=header, generator=generator, seed=seed)

    def in_minor(self, minor: int) -> Ciphertext:
        seed_header = self.seed_header and self.seed_header.but(minor=minor)
        return self.but(words_header=self.words_header.but(minor=minor), seed_header=seed_header)

    def row(self, polynomial: int, prime: int) -> slice:
        """Where the words of one polynomial modulo one prime stand, in bytes."""
        start = 8 * self.degree * (polynomial * self.primes + prime)
        return slice(start, start + 8 * self.degree)

    def without_row(self, polynomial: int, prime: int) -> Ciphertext:
        row = self.row(polynomial, prime)
        return self.but(words=self.words[: row.start] + bytes(8 * self.degree) + self.words[row.stop :])


def scale_bytes(scale: float) -> bytes:
    return struct.pack("<d", scale)


def split(data: bytes) -> tuple[Header, bytes]:
    return Header.read(data), data[HEADER.size :]


def join(body: bytes, minor: int = 4, compression: int = NONE, **changes: int) -> bytes:
    """An object with an honest outer header, or one that is wrong as told."""
    header = Header(minor=minor, compression=compression, size=HEADER.size + len(body))
    return header.but(**changes).write() + body


def read_ciphertext(data: bytes) -> Ciphertext:
    """Of an uncompressed object."""
    return Ciphertext.read(data[HEADER.size :])


def write_ciphertext(ciphertext: Ciphertext, compression: int = NONE) -> bytes:
    body = ciphertext.write()
    if compression == ZLIB:
        body = zlib.compress(body, 1)
    if compression == ZSTD:
        body = zstandard.ZstdCompressor(level=1).compress(body)
    return join(body, ciphertext.words_header.minor, compression)
