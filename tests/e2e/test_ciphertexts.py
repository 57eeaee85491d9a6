"""Everything that can be wrong with a ciphertext, byte by byte, and what must not happen because of it."""

from __future__ import annotations

import base64
import dataclasses
import functools
import gzip
import json
import pathlib
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import seal
import zstandard

from support import contract
from support.adversarial import marked
from support.he import SealPython, TenSeal
from support.honest import GoodRequest, HonestRequest, base64_input, hex_input, to_body
from support.http import post
from support.models import PAIR
from support.rows import PRIMES, Ask, Row, check_refused, ciphertext, mutated
from support.seal_bytes import (
    EMPTY_FRAME,
    NONE,
    SKIPPABLE_FRAME,
    ZLIB,
    ZSTD,
    Ciphertext,
    in_minor,
    join,
    read_ciphertext,
    scale_bytes,
    split,
    write_ciphertext,
    zstd_frame,
)
from support.server import Server

# --- One ciphertext --------------------------------------------------------------------------------------------------------


def header(name: str, **changes: int) -> Row:
    return mutated(f"header: {name}", lambda data: join(split(data)[1], **changes))


def header_size(name: str, size: Callable[[int], int]) -> Row:
    return mutated(f"header: size {name}", lambda data: join(split(data)[1], size=size(len(data))))


SEAL_HEADER = [
    *(mutated(f"only {length} bytes", lambda data, n=length: data[:n]) for length in (1, 2, 15, 16)),
    header("wrong magic", magic=0xA15F),
    header("swapped magic", magic=0x5EA1),
    *(header(f"header size {size}", header_size=size) for size in (0, 15, 17, 255)),
    *(header(f"major {major}", major=major) for major in (0, 3, 5, 255)),
    *(header(f"minor {minor}", minor=minor) for minor in (5, 6, 255)),
    *(header(f"compression {mode}", compression=mode) for mode in (3, 255)),
    *(header(f"reserved {value}", reserved=value) for value in (1, 0x100, 0xFFFF)),
    *(header(f"size {size}", size=size) for size in (0, 15, 16, 17, 2**34, 2**63, 2**64 - 1)),
    header_size("one less", lambda size: size - 1),
    header_size("one more", lambda size: size + 1),
    header_size("2^32 more", lambda size: size + 2**32),
    mutated("a byte less", lambda data: data[:-1]),
    mutated("a byte more", lambda data: data + b"\0"),
    mutated("a part sent twice", lambda data: data[:1000] + data[:1000]),
    mutated("a byte less, and the size agrees", lambda data: join(split(data)[1][:-1])),
    mutated("a byte more, and the size agrees", lambda data: join(split(data)[1] + b"\0")),
    mutated("zeros", lambda data: bytes(len(data))),
    mutated("the metadata alone", lambda data: join(split(data)[1][:97])),
]


def nested(name: str, **changes: int) -> Row:
    return ciphertext(f"nested header: {name}", lambda c: c.but(words_header=c.words_header.but(**changes)))


def nested_size(name: str, size: Callable[[int], int]) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        return c.but(words_header=c.words_header.but(size=size(c.words_header.size)))

    return ciphertext(f"nested header: size {name}", change)


def foreign_id(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def word_at(name: str, polynomial: int, prime: int, index: int, value: int) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        return c.with_word(c.row(polynomial, prime).start // 8 + index, value)

    return ciphertext(f"word {name} in polynomial {polynomial}, prime {prime}, place {index}", change)


def with_member(member: str, value: object, c: Ciphertext) -> Ciphertext:
    return c.but(**{member: value})


def with_scale(scale: float, c: Ciphertext) -> Ciphertext:
    return c.but(scale=scale_bytes(scale))


def each(member: str, *values: int) -> list[Row]:
    """One field with each of these values."""
    return [ciphertext(f"{member} {value}", functools.partial(with_member, member, value)) for value in values]


def each_word_count(**changes: Callable[[int], int]) -> list[Row]:
    """The words as they are, and another count of them."""
    return [
        ciphertext(f"word count: {name}", lambda c, change=change: c.but(word_count=change(c.word_count)))
        for name, change in changes.items()
    ]


first_polynomial = slice(0, 8 * 2 * 4096)
incompatible = functools.partial(ciphertext, status=409, code="INCOMPATIBLE_CIPHERTEXT")

METADATA = [
    *each("is_ntt_form", 0, 2, 0x7F, 255),
    *each("size", 0, 1, 3, 16, 2**31, 2**62, 2**63, 2**64 - 1),
    *each("degree", 0, 1, 1024, 2048, 4095, 8192, 2**17, 2**32, 2**61, 2**63, 2**64 - 1),
    *each("primes", 0, 1, 3, 4, 65, 2**32, 2**61, 2**63, 2**64 - 1),
    *each("correction_factor", 0, 2, 2**63, 2**64 - 1),
    ciphertext("size 0 without words", lambda c: c.with_words(b"").but(size=0)),
    ciphertext("size 0 without words, N and L", lambda c: c.with_words(b"").but(size=0, degree=0, primes=0)),
    ciphertext("size 1 with its words", lambda c: c.with_words(c.words[first_polynomial]).but(size=1)),
    ciphertext("size 3 with the words of one, as if seeded", lambda c: c.with_words(c.words[first_polynomial]).but(size=3)),
    ciphertext("N halved and L doubled", lambda c: c.but(degree=2048, primes=4)),
    ciphertext("N doubled and L halved", lambda c: c.but(degree=8192, primes=1)),
    ciphertext("N and L whose product overflows", lambda c: c.but(degree=2**32, primes=2**32)),
    ciphertext("sizes whose product overflows to the right one", lambda c: c.but(size=2 + 2**52, degree=4096, primes=2)),
    *(
        ciphertext(f"scale {scale}", functools.partial(with_scale, scale))
        for scale in (float("nan"), float("inf"), float("-inf"), -1.0, -(2.0**30), 0.0, -0.0, 5e-324, 2.0**-1030)
    ),
    ciphertext("scale a signalling NaN", lambda c: c.but(scale=struct.pack("<Q", 0x7FF0000000000001))),
    nested("compressed with zlib", compression=ZLIB),
    nested("compressed with zstd", compression=ZSTD),
    nested("another minor", minor=3),
    nested("an unknown minor", minor=5),
    nested("major 3", major=3),
    nested("wrong magic", magic=0x5EA1),
    nested("header size 8", header_size=8),
    nested("reserved", reserved=1),
    nested_size("0", lambda _: 0),
    nested_size("one less", lambda size: size - 1),
    nested_size("one more", lambda size: size + 1),
    nested_size("a word less", lambda size: size - 8),
    nested_size("of the words alone", lambda size: size - 24),
    nested_size("2^63", lambda _: 2**63),
    *each("word_count", 0, 2**61, 2**64 - 1),
    *each_word_count(
        one_less=lambda n: n - 1, one_more=lambda n: n + 1, half=lambda n: n // 2, overflowing=lambda n: n + 2**61
    ),
    ciphertext("a word less, and all agrees", lambda c: c.with_words(c.words[:-8])),
    ciphertext("a word more, and all agrees", lambda c: c.with_words(c.words + bytes(8))),
    ciphertext("no words, and all agrees", lambda c: c.with_words(b"")),
    # Well formed, for something else.
    incompatible("parms_id of nothing known", lambda c: c.but(parms_id=foreign_id(c.parms_id))),
    incompatible("parms_id zero", lambda c: c.but(parms_id=bytes(32))),
    incompatible("parms_id with its words swapped", lambda c: c.but(parms_id=c.parms_id[8:] + c.parms_id[:8])),
    *(
        incompatible(f"scale {scale}", functools.partial(with_scale, scale))
        for scale in (2.0**31, 2.0**29, 1e308, 2.0**30 + 2.0**-22, 1.0, 2.0**-1022)
    ),
]

WORDS = [
    *(word_at("equal to its prime", polynomial, prime, index, PRIMES[prime])
      for polynomial in (0, 1) for prime in (0, 1) for index in (0, 4095)),
    word_at("above its prime", 1, 1, 77, PRIMES[1] + 1),
    word_at("2^63", 0, 1, 1, 2**63),
    word_at("2^63 and the prime", 0, 0, 1, 2**63 + PRIMES[0]),
    word_at("2^64 - 1", 1, 0, 4094, 2**64 - 1),
    ciphertext("second polynomial zero", lambda c: c.without_row(1, 0).without_row(1, 1)),
    ciphertext("second polynomial zero modulo the first prime", lambda c: c.without_row(1, 0)),
    ciphertext("second polynomial zero modulo the last prime", lambda c: c.without_row(1, 1)),
    ciphertext("all words zero", lambda c: c.but(words=bytes(len(c.words)))),
]


@functools.cache
def symmetric_client() -> TenSeal:
    return TenSeal(PAIR["encryption_parameters"])


@functools.cache
def seeded() -> Ciphertext:
    return read_ciphertext(in_minor(symmetric_client().encrypt_symmetric([1.0]), 4))


def seed(name: str, change: Callable[[Ciphertext], Ciphertext]) -> Row:
    return mutated(f"seeded: {name}", lambda _: join(change(seeded()).write()))


def seed_bytes(name: str, change: Callable[[bytes], bytes]) -> Row:
    return mutated(f"seeded: {name}", lambda _: join(change(seeded().write())))


def without_tail(count: int, data: bytes) -> bytes:
    return data[:-count]


def seed_header(name: str, **changes: int) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        assert c.seed_header is not None
        return c.but(seed_header=c.seed_header.but(**changes))

    return seed(name, change)


SEEDS = [
    *(seed(f"generator {value}", functools.partial(with_member, "generator", value)) for value in (0, 3, 255)),
    *(seed_bytes(f"truncated by {count}", functools.partial(without_tail, count)) for count in (1, 8, 63, 64, 65, 81)),
    seed_bytes("a byte more", lambda data: data + b"\0"),
    seed("no seed at all", lambda c: c.but(seed_header=None)),
    seed("size 3", lambda c: c.but(size=3)),
    seed("size 1", lambda c: c.but(size=1)),
    seed("not in NTT form", lambda c: c.but(is_ntt_form=0)),
    seed("a word equal to its prime", lambda c: c.with_word(4096, PRIMES[1])),
    seed_header("header of the seed: another minor", minor=3),
    seed_header("header of the seed: compressed", compression=ZLIB),
    seed_header("header of the seed: size", size=80),
    seed_header("header of the seed: wrong magic", magic=0),
    mutated("a seed behind a full ciphertext",
            lambda data: join(read_ciphertext(data).write() + seeded().write()[-81:])),
]

# --- Other objects ---------------------------------------------------------------------------------------------------------


def other_object(
    name: str, make: Callable[[SealPython], bytes], status: int = 400, code: str = "INVALID_CIPHERTEXT"
) -> Row:
    return Row(f"object: {name}", status, code, lambda pair: Ask(pair.body_with(make(pair.session))))


too_long_object = functools.partial(other_object, status=413, code="PAYLOAD_TOO_LARGE")
incompatible_object = functools.partial(other_object, status=409, code="INCOMPATIBLE_CIPHERTEXT")


def of_scheme(scheme: Any) -> bytes:
    """A ciphertext of another scheme over the same ring and primes."""
    parameters = seal.EncryptionParameters(scheme)
    parameters.set_poly_modulus_degree(4096)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(4096, [36, 36, 37]))
    parameters.set_plain_modulus(seal.PlainModulus.Batching(4096, 20))
    context = seal.SEALContext(parameters, True, seal.sec_level_type.tc128)
    keys = seal.KeyGenerator(context)
    encryptor = seal.Encryptor(context, keys.create_public_key())
    return encryptor.encrypt(seal.BatchEncoder(context).encode(numpy.ones(4096, dtype=numpy.int64))).to_string()


def of_other_parameters(**changes: Any) -> Callable[[SealPython], bytes]:
    parameters = {**PAIR["encryption_parameters"], **changes}
    return lambda _: SealPython(parameters).encrypt([1.0])


def at_lower_level(session: SealPython) -> bytes:
    encrypted = session.encryptor.encrypt(session.encode([1.0]))
    return seal.Evaluator(session.context).mod_switch_to_next(encrypted).to_string()


def at_key_level(session: SealPython) -> bytes:
    """What only a forger makes: a ciphertext over all primes."""
    parts = read_ciphertext(session.keys.create_public_key().to_string())
    return join(parts.but(scale=scale_bytes(session.scale)).write())


def square(session: SealPython) -> bytes:
    encrypted = session.encryptor.encrypt(session.encode([1.0]))
    return seal.Evaluator(session.context).square(encrypted).to_string()


def parameters_bytes(_: SealPython) -> bytes:
    parameters = seal.EncryptionParameters(seal.scheme_type.ckks)
    parameters.set_poly_modulus_degree(4096)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(4096, [36, 36, 37]))
    return parameters.to_bytes()


def small_galois_keys(session: SealPython) -> bytes:
    """The outer structure of key-switching keys without a key in it."""
    return join(struct.pack("<32sQQ", bytes(32), 1, 1) + session.encrypt([1.0]))


OTHER_OBJECTS = [
    other_object("BFV ciphertext", lambda _: of_scheme(seal.scheme_type.bfv)),
    other_object("BGV ciphertext", lambda _: of_scheme(seal.scheme_type.bgv)),
    other_object("secret key", lambda session: session.keys.secret_key().to_string()),
    other_object("plaintext", lambda session: session.encode([1.0]).to_bytes()),
    other_object("encryption parameters", parameters_bytes),
    other_object("key-switching keys", small_galois_keys),
    # Longer than any ciphertext of the model; for a larger model see below.
    too_long_object("public key", lambda session: session.keys.create_public_key().to_string()),
    too_long_object("squared ciphertext of size 3", square),
    too_long_object("ciphertext at key level", at_key_level),
    incompatible_object("ciphertext at a lower level", at_lower_level),
    incompatible_object("other primes", of_other_parameters(coeff_modulus_bits=[35, 37, 37])),
    incompatible_object("other order of primes", of_other_parameters(coeff_modulus_bits=[37, 36, 36])),
    incompatible_object(
        "other degree", of_other_parameters(poly_modulus_degree=2048, coeff_modulus_bits=[27, 27], scale=2**20)),
    incompatible_object("other scale", of_other_parameters(scale=2**31)),
]

# --- Compression -----------------------------------------------------------------------------------------------------------

GIBIBYTE = 1 << 30
ZLIB_BOMB = 1 << 26  # zlib deflates to a thousandth at most, and what is sent may not be longer than a ciphertext


def labelled(name: str, change: Callable[[bytes], bytes], mode: int) -> Row:
    """`change` makes of the honest body what is sent with the label of this compression."""
    return mutated(name, lambda data: join(change(split(data)[1]), 4, mode))


def zlibbed(name: str, change: Callable[[bytes], bytes]) -> Row:
    return labelled(f"zlib: {name}", change, ZLIB)


def zstd(name: str, change: Callable[[bytes], bytes]) -> Row:
    return labelled(f"zstd: {name}", change, ZSTD)


def short_content() -> bytes:
    """An honest content, short enough to leave room for something else."""
    return seeded().write()


def zlib_bomb(content: bytes) -> bytes:
    """The content, then zeros."""
    compressor = zlib.compressobj(9)
    return compressor.compress(content) + compressor.compress(bytes(ZLIB_BOMB)) + compressor.flush()


def with_dictionary(content: bytes) -> bytes:
    compressor = zlib.compressobj(1, zdict=content[:1000])
    return compressor.compress(content) + compressor.flush()


def zstd_with_dictionary(content: bytes) -> bytes:
    samples = [content[at : at + 500] for at in range(0, 50_000, 500)]
    dictionary = zstandard.train_dictionary(1024, samples)
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(content)


def zstd_frames(*contents: bytes) -> bytes:
    return b"".join(zstandard.ZstdCompressor(level=1).compress(content) for content in contents)


def with_last_byte_wrong(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def with_wrong_checksum(content: bytes) -> bytes:
    return with_last_byte_wrong(zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content))


def first_word_wrong(data: bytes) -> Ciphertext:
    return read_ciphertext(data).with_word(0, PRIMES[0])


def without_content_size(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(content)


COMPRESSION = [
    zstd("bomb: a gibibyte behind the ciphertext", lambda _: zstd_frame(short_content(), zeros=GIBIBYTE)),
    zstd("bomb: a gibibyte, declared as the ciphertext's size",
         lambda _: zstd_frame(short_content(), zeros=GIBIBYTE, content_size=len(short_content()))),
    zstd("bomb: a gibibyte of zeros alone", lambda _: zstd_frame(b"", zeros=GIBIBYTE)),
    zstd("bomb: a gibibyte of zeros, undeclared", lambda _: zstd_frame(b"", zeros=GIBIBYTE, declare=False)),
    zlibbed("bomb behind the start of a ciphertext", lambda content: zlib_bomb(content[:1000])),
    zlibbed("bomb of zeros alone", lambda _: zlib_bomb(b"")),
    zstd("content size missing", without_content_size),
    zstd("content size missing in a frame of raw blocks", lambda content: zstd_frame(content, declare=False)),
    zstd("content size one less", lambda content: zstd_frame(content, content_size=len(content) - 1)),
    zstd("content size one more", lambda content: zstd_frame(content, content_size=len(content) + 1)),
    zstd("content size 0", lambda content: zstd_frame(content, content_size=0)),
    zstd("content size 2^63", lambda content: zstd_frame(content, content_size=2**63)),
    zstd("content size 2^64 - 1", lambda content: zstd_frame(content, content_size=2**64 - 1)),
    zstd("second frame", lambda content: zstd_frames(content[:-8], content[-8:])),
    zstd("the frame twice", lambda _: zstd_frames(short_content(), short_content())),
    zstd("skippable frame behind", lambda content: zstd_frames(content) + SKIPPABLE_FRAME),
    zstd("skippable frame in front", lambda content: SKIPPABLE_FRAME + zstd_frames(content)),
    zstd("empty frame behind", lambda content: zstd_frames(content) + EMPTY_FRAME),
    zstd("empty frame in front", lambda content: EMPTY_FRAME + zstd_frames(content)),
    zstd("empty frame alone", lambda _: EMPTY_FRAME),
    zstd("nothing", lambda _: b""),
    *(zstd(f"truncated by {count}", lambda content, n=count: zstd_frames(content)[:-n]) for count in range(1, 5)),
    *(zstd(f"only {count} bytes", lambda content, n=count: zstd_frames(content)[:n]) for count in range(1, 9)),
    *(zstd(f"window of 2^{window}", lambda content, n=window: zstd_frame(content, window=n)) for window in (24, 27, 31, 41)),
    zstd("a byte more", lambda content: zstd_frames(content) + b"\0"),
    zstd("dictionary named", lambda content: zstd_frame(content, dictionary=7)),
    zstd("dictionary used", zstd_with_dictionary),
    zstd("wrong checksum", with_wrong_checksum),
    zstd("magicless", lambda content: zstd_frames(content)[4:]),
    zstd("content a byte shorter", lambda content: zstd_frames(content[:-1])),
    zstd("content a byte longer", lambda content: zstd_frames(content + b"\0")),
    zstd("zlib inside", lambda content: zlib.compress(content, 1)),
    zstd("nothing compressed inside", lambda content: content),
    zstd("compressed twice", lambda content: zstd_frames(zstd_frames(content))),
    zlibbed("bad Adler", lambda content: with_last_byte_wrong(zlib.compress(content, 1))),
    zlibbed("preset dictionary", with_dictionary),
    zlibbed("zstd inside", zstd_frames),
    zlibbed("gzip inside", lambda content: gzip.compress(content, 1)),
    zlibbed("raw deflate inside", lambda content: zlib.compress(content, 1)[2:-4]),
    zlibbed("nothing compressed inside", lambda content: content),
    zlibbed("nothing", lambda _: b""),
    *(zlibbed(f"truncated by {count}", lambda content, n=count: zlib.compress(content, 1)[:-n]) for count in range(1, 6)),
    zlibbed("a byte more", lambda content: zlib.compress(content, 1) + b"\0"),
    zlibbed("second stream", lambda content: zlib.compress(content[:-8], 1) + zlib.compress(content[-8:], 1)),
    zlibbed("content a byte shorter", lambda content: zlib.compress(content[:-1], 1)),
    zlibbed("content a byte longer", lambda content: zlib.compress(content + b"\0", 1)),
    labelled("zstd, labelled as not compressed", zstd_frames, NONE),
    labelled("zlib, labelled as not compressed", lambda content: zlib.compress(content, 1), NONE),
    mutated("a word equal to its prime, in zstd", lambda data: write_ciphertext(first_word_wrong(data), ZSTD)),
    mutated("a word equal to its prime, in zlib", lambda data: write_ciphertext(first_word_wrong(data), ZLIB)),
]

ROWS = [*SEAL_HEADER, *METADATA, *WORDS, *SEEDS, *OTHER_OBJECTS, *COMPRESSION]

CASES = {
    "seal-header.short": ["only 1 bytes", "only 2 bytes", "only 15 bytes", "only 16 bytes", "zeros", "the metadata alone"],
    "seal-header.magic-wrong": ["header: wrong magic"],
    "seal-header.magic-swapped": ["header: swapped magic"],
    "seal-header.header-size": ["header: header size *"],
    "seal-header.major": ["header: major *"],
    "seal-header.minor-unknown": ["header: minor *"],
    "seal-header.reserved": ["header: reserved *"],
    "seal-header.size-small": [f"header: size {size}" for size in (0, 15, 16, 17)],
    "seal-header.size-off-by-one": ["header: size one *", "a byte less*", "a byte more*", "a part sent twice"],
    "seal-header.size-huge": ["header: size 2^32 more", *(f"header: size {2**n}" for n in (34, 63)), f"header: size {2**64 - 1}"],
    "seal-header.compression-unknown": ["header: compression *"],
    "ciphertext.ntt-form": ["is_ntt_form *", "seeded: not in NTT form"],
    "ciphertext.size-zero": ["size 0", "size 0 without words*"],
    "ciphertext.size-wrong": ["size 1", "size 3", "size 16", "size 1 with *", "size 3 with *", f"size {2**31}", f"size {2**63}"],
    "ciphertext.degree-wrong": ["degree *"],
    "ciphertext.primes-wrong": ["primes *"],
    "ciphertext.products-overflow": ["N halved *", "N doubled *", "N and L whose product overflows", "sizes whose product *"],
    "ciphertext.scale-not-a-number": ["scale nan", "scale a signalling NaN"],
    "ciphertext.scale-infinite": ["scale inf", "scale -inf"],
    "ciphertext.scale-not-positive": ["scale -1.0", "scale 0.0", "scale -0.0", f"scale {-(2.0**30)}"],
    "ciphertext.scale-denormal": ["scale 5e-324", f"scale {2.0**-1030}"],
    "ciphertext.correction-factor": ["correction_factor *"],
    "ciphertext.nested-size": ["nested header: size *"],
    "ciphertext.nested-compression": ["nested header: compressed *"],
    "ciphertext.nested-version": ["nested header: another minor", "nested header: an unknown minor", "nested header: major 3"],
    "ciphertext.nested-header": ["nested header: wrong magic", "nested header: header size 8", "nested header: reserved"],
    "ciphertext.word-count": ["word_count *", "word count: *", "a word less, *", "a word more, *", "no words, *"],
    "ciphertext.word-not-reduced": ["word equal *", "word above *", "word 2^*", "a word equal to its prime, *"],
    "ciphertext.generator-unknown": ["seeded: generator *"],
    "ciphertext.seed-truncated": ["seeded: truncated *", "seeded: a byte more", "seeded: no seed at all"],
    "ciphertext.seed-header": ["seeded: header of the seed: *"],
    "ciphertext.seed-misplaced": ["seeded: size 3", "seeded: size 1", "seeded: a word *", "a seed behind a full ciphertext"],
    "ciphertext.transparent": ["second polynomial zero*", "all words zero"],
    "ciphertext.other-scheme": ["object: BFV ciphertext", "object: BGV ciphertext"],
    "ciphertext.public-key": ["object: public key"],
    "ciphertext.other-object": ["object: plaintext", "object: encryption parameters", "object: key-switching keys"],
    "ciphertext.secret-key": ["object: secret key"],
    "ciphertext.parms-id-foreign": ["parms_id of nothing known", "parms_id with *", "object: other primes",
                                    "object: other order of primes", "object: other degree"],
    "ciphertext.parms-id-zero": ["parms_id zero"],
    "ciphertext.key-level": ["object: ciphertext at key level"],
    "ciphertext.lower-level": ["object: ciphertext at a lower level"],
    "ciphertext.scale-other": [*(f"scale {2.0**n}" for n in (31, 29)), "scale 1.0", f"scale {2.0**30 + 2.0**-22}",
                               "object: other scale"],
    "ciphertext.scale-huge": ["scale 1e+308", f"scale {2.0**-1022}"],
    "compression.bomb": ["*bomb*"],
    "compression.content-size-wrong": ["zstd: content size one *", "zstd: content size 0", "zstd: content size 2^*"],
    "compression.content-size-missing": ["zstd: content size missing*"],
    "compression.second-frame": ["zstd: second frame", "zstd: the frame twice", "zlib: second stream"],
    "compression.skippable-frame": ["zstd: skippable frame *"],
    "compression.empty-frame": ["zstd: empty frame *", "*: nothing"],
    "compression.truncated": ["zstd: truncated *", "zstd: only *", "zlib: truncated *"],
    "compression.window": ["zstd: window *"],
    "compression.dictionary": ["zstd: dictionary *"],
    "compression.checksum": ["zlib: bad Adler", "zstd: wrong checksum"],
    "compression.preset-dictionary": ["zlib: preset dictionary"],
    "compression.label": ["*, labelled as *", "* inside", "zstd: compressed twice", "zstd: magicless"],
    "compression.content-length": ["zstd: a byte more", "zlib: a byte more", "*: content a byte *"],
}


@pytest.mark.parametrize("row", marked(ROWS, CASES), ids=str)
def test_wrong_ciphertexts_are_refused(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    check_refused(server, good, row.ask(pair), row)


@pytest.mark.adversarial("ciphertext.public-key", "ciphertext.secret-key", "ciphertext.key-level")
@pytest.mark.parametrize(("make", "status", "code"), [
    (lambda session: session.keys.create_public_key().to_string(), 400, "INVALID_CIPHERTEXT"),
    (lambda session: session.keys.secret_key().to_string(), 400, "INVALID_CIPHERTEXT"),
    (square, 400, "INVALID_CIPHERTEXT"),
    (at_key_level, 409, "INCOMPATIBLE_CIPHERTEXT"),
    (lambda session: session.encrypt([1.0]), 409, "INCOMPATIBLE_CIPHERTEXT"),
], ids=["public key", "secret key", "square", "at key level", "ciphertext"])
def test_objects_of_a_smaller_model(
    server: Server, pair: HonestRequest, honest: Callable[[str], HonestRequest], make: Callable[[SealPython], bytes],
    status: int, code: str,
) -> None:
    """Where they are not too long to be looked at."""
    contract.check_error(post(server, "/infer", honest("wine_quadratic_v1").body_with(make(pair.session))), status, code)


@pytest.mark.adversarial("ciphertext.any-input")
@pytest.mark.parametrize("second", [row for row in [*METADATA, *WORDS] if row.status == 400][::7], ids=str)
def test_the_fault_may_be_in_any_input(server: Server, pair: HonestRequest, good: GoodRequest, second: Row) -> None:
    """The same faults behind an honest input."""
    wrong = json.loads(second.ask(pair).body or b"")["inputs"][0]
    asked = Ask(to_body(pair.document(inputs=[hex_input(pair.payloads[0]), wrong])))
    check_refused(server, good, asked, dataclasses.replace(second, details={"input": "1"}))


# --- What is not refused ---------------------------------------------------------------------------------------------------


EDGES: dict[str, Callable[[Ciphertext], Ciphertext]] = {
    "words one below their primes": lambda c: c.with_word(0, PRIMES[0] - 1).with_word(3 * 4096 - 1, PRIMES[0] - 1)
        .with_word(4 * 4096 - 1, PRIMES[1] - 1),
    "first polynomial zero": lambda c: c.without_row(0, 0).without_row(0, 1),
    "second polynomial zero but for a word a prime": lambda c: c.without_row(1, 0).without_row(1, 1)
        .with_word(2 * 4096, 1).with_word(4 * 4096 - 1, 1),
}


@pytest.mark.adversarial("ciphertext.word-largest")
@pytest.mark.parametrize("mode", [NONE, ZLIB, ZSTD], ids=["uncompressed", "zlib", "zstd"])
@pytest.mark.parametrize("name", EDGES)
def test_ciphertexts_at_the_edge_are_taken(server: Server, pair: HonestRequest, name: str, mode: int) -> None:
    data = write_ciphertext(EDGES[name](read_ciphertext(pair.payloads[0])), mode)
    job = post(server, "/infer", pair.body_with(data), Prefer="wait=60").json()
    assert job["status"] == "completed", job


@pytest.mark.parametrize("frame", [
    pytest.param(lambda content: zstd_frame(content), id="raw blocks, one segment"),
    pytest.param(lambda content: zstd_frame(content, window=18), id="window of 2^18"),
    pytest.param(lambda content: zstd_frame(content, window=23), id="window of 2^23"),
    pytest.param(zstandard.ZstdCompressor(level=19).compress, id="level 19"),
    pytest.param(zstandard.ZstdCompressor(level=-5).compress, id="level -5"),
    pytest.param(zstandard.ZstdCompressor(write_checksum=True).compress, id="checksum"),
])
def test_other_compressors_of_zstd_are_understood(
    server: Server, pair: HonestRequest, good: GoodRequest, frame: Callable[[bytes], bytes]
) -> None:
    data = [join(frame(split(payload)[1]), 4, ZSTD) for payload in pair.payloads]
    job = post(server, "/infer", pair.body_with(*data), Prefer="wait=60").json()
    assert job["status"] == "completed", job
    assert job["result"]["payload"] == good.send(server).json()["result"]["payload"]


@pytest.mark.parametrize("level", [0, 1, 9])
def test_other_levels_of_zlib_are_understood(server: Server, pair: HonestRequest, good: GoodRequest, level: int) -> None:
    data = [join(zlib.compress(split(payload)[1], level), 4, ZLIB) for payload in pair.payloads]
    job = post(server, "/infer", pair.body_with(*data), Prefer="wait=60").json()
    assert job["status"] == "completed", job
    assert job["result"]["payload"] == good.send(server).json()["result"]["payload"]


# --- Secret keys -----------------------------------------------------------------------------------------------------------

Encode = Callable[[bytes], dict[str, str]]


def forms(data: bytes, at: int, length: int) -> list[bytes]:
    """A piece of the data, as it is and in both encodings."""
    piece = data[at : at + length]
    start = (at + 2) // 3 * 3  # where a quantum of base64 begins
    return [piece, piece.hex().encode(), base64.b64encode(data[start : start + length // 3 * 3])]


def send_secret_key(
    server: Server, pair: HonestRequest, encode: Encode, place: int, mode: int = NONE
) -> tuple[bytes, bytes]:
    """Sends a new key in the place of a ciphertext: the key, and the bytes that were sent."""
    key = SealPython(PAIR["encryption_parameters"]).keys.secret_key().to_string()
    content = split(key)[1]
    sent = {
        NONE: lambda: key, ZLIB: lambda: join(zlib.compress(content), 4, ZLIB),
        ZSTD: lambda: join(zstandard.compress(content), 4, ZSTD),
    }[mode]()
    inputs = [encode(payload) for payload in pair.payloads]
    inputs[place] = encode(sent)
    reply = post(server, "/infer", to_body(pair.document(inputs=inputs)))
    contract.check_error(reply, 400, "INVALID_CIPHERTEXT", {"input": str(place)})
    return key, sent


@pytest.mark.adversarial("ciphertext.secret-key-wiped")
def test_a_secret_key_is_neither_logged_nor_stored(
    start_server: Callable[..., Server], pair: HonestRequest, good: GoodRequest
) -> None:
    server = start_server("--log-level", "debug")
    everything = [
        send_secret_key(server, pair, encode, place, mode)
        for mode in (NONE, ZLIB, ZSTD) for encode in (hex_input, base64_input) for place in (0, 1)
    ]
    good.check(server)
    server.kill()  # what would be written at the end is no excuse
    stored = b"".join(path.read_bytes() for path in [server.log, *(each for each in server.data.rglob("*") if each.is_file())])
    for key, sent in everything:
        for data in (key, sent):
            for at in (88, 4096, len(data) - 64):
                assert not [form for form in forms(data, at, 48) if form in stored]


def payload_first(data: bytes) -> dict[str, str]:
    """Its text has to be held until the encoding is known."""
    return dict(reversed(hex_input(data).items()))


@pytest.mark.adversarial("ciphertext.secret-key-wiped")
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("encode", [hex_input, base64_input, payload_first])
def test_a_secret_key_does_not_stay_in_memory(
    start_server: Callable[..., Server], pair_models: pathlib.Path, pair: HonestRequest, encode: Encode, place: int
) -> None:
    server = start_server(registry=pair_models)
    key, _ = send_secret_key(server, pair, encode, place)
    memory = server.writable_memory()
    assert len(memory) > 1 << 20
    places = (88, 200, 1000, 20_000, len(key) - 1000, len(key) - 64)
    left = [at for at in places if any(form in memory for form in forms(key, at, 16))]
    assert not left, "places of the key that are still in the server's memory"
