"""Ciphertexts that are none, or are for something else: every field of the bytes made wrong in turn."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable

import zstandard

from einfer_conformance.context import Context, hex_input
from einfer_conformance.crypto import Client
from einfer_conformance.registry import NotOffered, add
from einfer_conformance.seal_bytes import (
    BLAKE2XB,
    NONE,
    ZLIB,
    ZSTD,
    Ciphertext,
    join,
    scale_bytes,
    split,
    write_ciphertext,
)

WIRE = "docs/architecture/wire.md#the-layout"
INVALID, INCOMPATIBLE = "INVALID_CIPHERTEXT", "INCOMPATIBLE_CIPHERTEXT"


def row(name: str, what: str, make: Callable[[Context], bytes], code: str = INVALID, rule: str = WIRE) -> None:
    """Bytes in the place of the first input."""

    def run(ctx: Context) -> None:
        ctx.expect_error(ctx.post(ctx.with_inputs(hex_input(make(ctx)))), code)

    add(f"ciphertexts.{name}", f"{what}: {code}", rule, run)


def header(name: str, what: str, **changes: int) -> None:
    row(f"header-{name}", what, lambda ctx: join(ctx.ciphertext.write(), **changes))


def fields(name: str, what: str, change: Callable[[Ciphertext], Ciphertext], code: str = INVALID) -> None:
    """Wrong fields under an honest outer header."""
    row(name, what, lambda ctx: join(change(ctx.ciphertext).write()), code)


def member(name: str, value: int) -> None:
    fields(f"{name.replace('_', '-')}-{value}", f"{name} {value}", lambda c: c.but(**{name: value}))


# --- The outer header -------------------------------------------------------------------------------------------------

header("magic", "Wrong magic", magic=0x5EA1)
header("size-field", "A header size of 17", header_size=17)
header("major-3", "SEAL 3", major=3)
header("major-5", "SEAL 5", major=5)
header("minor-5", "SEAL 4.5", minor=5)
header("minor-255", "SEAL 4.255", minor=255)
header("compression", "Compression mode 3", compression=3)
header("reserved", "Reserved bits", reserved=1)
header("size-0", "A size of 0", size=0)
header("size-2-63", "A size of 2^63", size=2**63)
row(
    "header-size-less",
    "A size that is one less",
    lambda ctx: join(ctx.ciphertext.write(), size=len(ctx.honest.payloads[0]) - 1),
)
row(
    "header-size-more",
    "A size that is one more",
    lambda ctx: join(ctx.ciphertext.write(), size=len(ctx.honest.payloads[0]) + 1),
)
row("one-byte", "A single byte", lambda ctx: ctx.honest.payloads[0][:1])
row("header-alone", "The header alone", lambda ctx: ctx.honest.payloads[0][:16])
row("truncated", "The last byte is missing", lambda ctx: ctx.honest.payloads[0][:-1])
row(
    "truncated-agreeing", "The last byte is missing, and the size agrees", lambda ctx: join(ctx.ciphertext.write()[:-1])
)
row("zeros", "Zeros", lambda ctx: bytes(len(ctx.honest.payloads[0])))
row("random", "Random bytes", lambda ctx: os.urandom(len(ctx.honest.payloads[0])))

# --- Metadata ---------------------------------------------------------------------------------------------------------

for _value in (0, 2, 255):
    member("is_ntt_form", _value)
for _value in (0, 1, 3, 2**31, 2**63):
    member("size", _value)
for _value in (0, 1, 4095, 2**17, 2**61):
    member("degree", _value)
for _value in (0, 65, 2**61):
    member("primes", _value)
for _value in (0, 2, 2**64 - 1):
    member("correction_factor", _value)
for _value in (0, 2**61, 2**64 - 1):
    member("word_count", _value)
for _name, _scale in {
    "nan": float("nan"),
    "infinite": float("inf"),
    "negative": -1.0,
    "zero": 0.0,
    "denormal": 5e-324,
}.items():
    fields(f"scale-{_name}", f"A scale that is {_name}", lambda c, scale=_scale: c.but(scale=scale_bytes(scale)))
fields("size-0-agreeing", "Size 0 without words", lambda c: c.with_words(b"").but(size=0))
fields("size-1-agreeing", "Size 1 with its words", lambda c: c.with_words(c.words[: len(c.words) // 2]).but(size=1))
fields("size-overflow", "Sizes whose product overflows to the right one", lambda c: c.but(size=2 + 2**52))
fields("words-less", "A word less, and all sizes agree", lambda c: c.with_words(c.words[:-8]))
fields("words-none", "No words, and all sizes agree", lambda c: c.with_words(b""))
fields(
    "nested-compressed",
    "A nested header that says compressed",
    lambda c: c.but(words_header=c.words_header.but(compression=ZSTD)),
)
fields(
    "nested-minor", "A nested header of another SEAL minor", lambda c: c.but(words_header=c.words_header.but(minor=3))
)
fields("nested-magic", "A nested header with wrong magic", lambda c: c.but(words_header=c.words_header.but(magic=0)))
fields(
    "nested-size",
    "A nested size that is one less",
    lambda c: c.but(words_header=c.words_header.but(size=c.words_header.size - 1)),
)
fields(
    "parms-id",
    "A parms_id of nothing known",
    lambda c: c.but(parms_id=bytes([c.parms_id[0] ^ 1]) + c.parms_id[1:]),
    INCOMPATIBLE,
)
row(
    "scale-next",
    "A scale that is one bit off",
    lambda ctx: join(
        ctx.ciphertext.but(scale=struct.pack("<Q", struct.unpack("<Q", ctx.ciphertext.scale)[0] + 1)).write()
    ),
    INCOMPATIBLE,
)
row("scale-double", "Twice the scale", lambda ctx: ctx.client.encrypt([0.5], ctx.client.scale * 2), INCOMPATIBLE)

# --- Words ------------------------------------------------------------------------------------------------------------


def word(
    name: str, what: str, place: Callable[[Ciphertext], int], value: Callable[[Client], int], mode: int = NONE
) -> None:
    def make(ctx: Context) -> bytes:
        return write_ciphertext(ctx.ciphertext.with_word(place(ctx.ciphertext), value(ctx.client)), mode)

    row(f"word-{name}", what, make, rule="docs/api.md#ciphertexts")


word("prime-first", "The first word equal to its prime", lambda _: 0, lambda client: client.primes[0])
word("prime-last", "The last word equal to its prime", lambda c: c.word_count - 1, lambda client: client.primes[-1])
word(
    "prime-second",
    "A word of the second polynomial equal to its prime",
    lambda c: c.word_count // 2,
    lambda client: client.primes[0],
)
word("above", "A word one above its prime", lambda c: c.degree - 1, lambda client: client.primes[0] + 1)
word("2-64", "A word of 2^64 - 1", lambda _: 77, lambda _: 2**64 - 1)
word("zlib", "A word equal to its prime, in zlib", lambda _: 0, lambda client: client.primes[0], ZLIB)
word("zstd", "A word equal to its prime, in zstd", lambda _: 0, lambda client: client.primes[0], ZSTD)


def without_second(c: Ciphertext) -> Ciphertext:
    return c.but(words=c.words[: len(c.words) // 2] + bytes(len(c.words) // 2))


fields("transparent", "A second polynomial of zeros hides nothing", without_second)
fields("transparent-all", "Zeros in the place of all words", lambda c: c.but(words=bytes(len(c.words))))
fields(
    "transparent-one",
    "A second polynomial that is zero modulo the last prime",
    lambda c: c.without_row(1, c.primes - 1),
)

# --- Seeded forms -----------------------------------------------------------------------------------------------------


def seeded(name: str, what: str, change: Callable[[Ciphertext], Ciphertext]) -> None:
    def make(ctx: Context) -> bytes:
        full = ctx.ciphertext
        return join(change(full.with_seed(full.words[: len(full.words) // 2], BLAKE2XB, bytes(range(64)))).write())

    row(f"seeded-{name}", f"Seeded, {what}", make)


def seed_header(name: str, what: str, **changes: int) -> None:
    seeded(name, what, lambda c: c.but(seed_header=c.seed_header.but(**changes) if c.seed_header else None))


for _value in (0, 3, 255):
    seeded(f"generator-{_value}", f"generator {_value}", lambda c, value=_value: c.but(generator=value))
seeded("without", "but without the seed", lambda c: c.but(seed_header=None))
seeded("short", "with a seed of 63 bytes", lambda c: c.but(seed=c.seed[:-1]))
seeded("long", "with a seed of 65 bytes", lambda c: c.but(seed=c.seed + b"\0"))
seeded("size-3", "of size 3", lambda c: c.but(size=3))
seeded("size-1", "of size 1", lambda c: c.but(size=1))
seeded("ntt", "not in NTT form", lambda c: c.but(is_ntt_form=0))
seeded("word", "with a word of 2^64 - 1", lambda c: c.with_word(0, 2**64 - 1))
seed_header("minor", "the seed of another SEAL minor", minor=3)
seed_header("compressed", "the seed's header says compressed", compression=ZLIB)
seed_header("size", "the seed's header has size 80", size=80)

# --- Compression. The bombs hold 64 MiB of zeros at most, and are sent as some 60 kB. ---------------------------------

BOMB = 1 << 26


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(content)


def zstd_undeclared(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(content)


def compressed(name: str, what: str, mode: int, change: Callable[[bytes], bytes]) -> None:
    """`change` makes what is sent, under the label of `mode`, of the honest content."""

    def make(ctx: Context) -> bytes:
        # Half of the words are zeros (not those that hide), so that there is room for more behind the stream.
        full = ctx.ciphertext
        content = full.but(words=bytes(len(full.words) // 2) + full.words[len(full.words) // 2 :]).write()
        return join(change(content), 4, mode)

    row(name, what, make, rule="docs/architecture/wire.md#what-the-parser-promises")


compressed(
    "zlib-bomb", "zlib that inflates to more than the ciphertext", ZLIB, lambda content: zlib.compress(bytes(BOMB), 9)
)
compressed("zlib-truncated", "A zlib stream cut short", ZLIB, lambda content: zlib.compress(content, 1)[:-1])
compressed("zlib-more", "A byte behind the zlib stream", ZLIB, lambda content: zlib.compress(content, 1) + b"\0")
compressed(
    "zlib-twice",
    "Two zlib streams",
    ZLIB,
    lambda content: zlib.compress(content[:-8], 1) + zlib.compress(content[-8:], 1),
)
compressed("zlib-longer", "zlib content a byte too long", ZLIB, lambda content: zlib.compress(content + b"\0", 1))
compressed("zlib-shorter", "zlib content a byte too short", ZLIB, lambda content: zlib.compress(content[:-1], 1))
compressed(
    "zlib-checksum",
    "A wrong Adler-32",
    ZLIB,
    lambda content: (data := zlib.compress(content, 1))[:-1] + bytes([data[-1] ^ 1]),
)
compressed("zlib-raw", "Raw deflate under the label of zlib", ZLIB, lambda content: zlib.compress(content, 1)[2:-4])
compressed("zlib-label", "zstd under the label of zlib", ZLIB, zstd)
compressed("zstd-bomb", "zstd that inflates to more than the ciphertext", ZSTD, lambda _: zstd(bytes(BOMB)))
compressed("zstd-truncated", "A zstd frame cut short", ZSTD, lambda content: zstd(content)[:-1])
compressed("zstd-more", "A byte behind the zstd frame", ZSTD, lambda content: zstd(content) + b"\0")
compressed("zstd-twice", "Two zstd frames", ZSTD, lambda content: zstd(content[:-8]) + zstd(content[-8:]))
compressed(
    "zstd-skippable", "A skippable frame", ZSTD, lambda content: zstd(content) + b"\x50\x2a\x4d\x18\x04\0\0\0junk"
)
compressed("zstd-undeclared", "A zstd frame without its content size", ZSTD, zstd_undeclared)
compressed("zstd-longer", "zstd content a byte too long", ZSTD, lambda content: zstd(content + b"\0"))
compressed("zstd-shorter", "zstd content a byte too short", ZSTD, lambda content: zstd(content[:-1]))
compressed("zstd-label", "zlib under the label of zstd", ZSTD, lambda content: zlib.compress(content, 1))
compressed("none-label", "zstd under the label of uncompressed", NONE, zstd)
compressed("nothing", "An empty zstd body", ZSTD, lambda _: b"")

# --- Other objects ----------------------------------------------------------------------------------------------------

CIPHERTEXTS = "docs/api.md#ciphertexts"


def lower_level(ctx: Context) -> bytes:
    if len(ctx.client.primes) < 2:
        raise NotOffered("the model has one data level")
    return ctx.client.lower_level()


row("secret-key", "A secret key", lambda ctx: ctx.client.secret_key(), rule="docs/api.md#invariants")
row(
    "secret-key-zstd",
    "A secret key, compressed",
    lambda ctx: join(zstd(split(ctx.client.secret_key())[1]), 4, ZSTD),
    rule="docs/api.md#invariants",
)
row("plaintext", "A plaintext", lambda ctx: ctx.client.plaintext(), rule=CIPHERTEXTS)
row("parameters", "Encryption parameters", lambda ctx: ctx.client.parameters(), rule=CIPHERTEXTS)
row("bfv", "A ciphertext of BFV", lambda ctx: ctx.client.of_bfv(), rule=CIPHERTEXTS)
row(
    "square",
    "A ciphertext of size 3, longer than any of the model",
    lambda ctx: ctx.client.square(),
    "PAYLOAD_TOO_LARGE",
    CIPHERTEXTS,
)
row("lower-level", "A ciphertext at a lower level", lower_level, INCOMPATIBLE, CIPHERTEXTS)
row(
    "other-keys",
    "A ciphertext for other primes",
    lambda ctx: ctx.client_for(other_primes(ctx)).encrypt([0.5]),
    INCOMPATIBLE,
    CIPHERTEXTS,
)


def other_primes(ctx: Context) -> dict:
    """The model with its primes in another order, or a bit shorter."""
    parameters = ctx.model["encryption_parameters"]
    bits = parameters["coeff_modulus_bits"]
    return ctx.model | {"encryption_parameters": parameters | {"coeff_modulus_bits": [bits[0] - 1, *bits[1:]]}}
