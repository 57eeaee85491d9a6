"""Seeded ciphertexts without a SEAL library: the seed's polynomial is expanded here, as SEAL does it.

Blake2xb (BLAKE2X of Aumasson and others) with the seed as key over a 64-bit counter, or SHAKE256 over seed and counter,
4096 bytes a time; then 64-bit words, each reduced modulo its prime, with rejection of the uneven rest.
"""

from __future__ import annotations

import hashlib
import os
import struct

import numpy

from einfer_conformance.seal_bytes import BLAKE2XB, Ciphertext

PIECE = 4096
IV = [
    0x6A09E667F3BCC908,
    0xBB67AE8584CAA73B,
    0x3C6EF372FE94F82B,
    0xA54FF53A5F1D36F1,
    0x510E527FADE682D1,
    0x9B05688C2B3E6C1F,
    0x1F83D9ABFB41BD6B,
    0x5BE0CD19137E2179,
]
SIGMA = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
COLUMNS = [
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
]


def _rotated(value: numpy.ndarray, bits: int) -> numpy.ndarray:
    return value >> numpy.uint64(bits) | value << numpy.uint64(64 - bits)


def _output_nodes(roots: list[bytes]) -> bytes:
    """The nodes that BLAKE2X makes of each root: hashlib's BLAKE2b refuses their tree depth of 0. All at once."""
    each = PIECE // 64
    offsets = numpy.tile(numpy.arange(each, dtype=numpy.uint64), len(roots)) + numpy.uint64(PIECE << 32)
    words = numpy.frombuffer(b"".join(roots), dtype="<u8").reshape(len(roots), 8).repeat(each, axis=0)
    zero = numpy.zeros(len(offsets), dtype=numpy.uint64)
    block = [words[:, place].copy() for place in range(8)] + [zero] * 8
    parameters = [zero + numpy.uint64(64 | 64 << 32), offsets, zero + numpy.uint64(64 << 8)] + [zero] * 5
    start = [numpy.uint64(IV[place]) ^ parameters[place] for place in range(8)]
    state = start + [zero + numpy.uint64(word) for word in IV]
    state[12] = state[12] ^ numpy.uint64(64)
    state[14] = ~state[14]
    for number in range(12):
        order = SIGMA[number % 10]
        for step, (a, b, c, d) in enumerate(COLUMNS):
            state[a] = state[a] + state[b] + block[order[2 * step]]
            state[d] = _rotated(state[d] ^ state[a], 32)
            state[c] = state[c] + state[d]
            state[b] = _rotated(state[b] ^ state[c], 24)
            state[a] = state[a] + state[b] + block[order[2 * step + 1]]
            state[d] = _rotated(state[d] ^ state[a], 16)
            state[c] = state[c] + state[d]
            state[b] = _rotated(state[b] ^ state[c], 63)
    return numpy.stack([start[n] ^ state[n] ^ state[n + 8] for n in range(8)], axis=1).astype("<u8").tobytes()


def _stream(generator: int, seed: bytes, pieces: int) -> bytes:
    counters = [struct.pack("<Q", number) for number in range(pieces)]
    if generator == BLAKE2XB:
        offset = PIECE << 32  # the upper half of the node offset is the length of the whole output
        return _output_nodes([hashlib.blake2b(counter, key=seed, node_offset=offset).digest() for counter in counters])
    return b"".join(hashlib.shake_256(seed + counter).digest(PIECE) for counter in counters)


def expand(generator: int, seed: bytes, degree: int, primes: list[int]) -> list[int]:
    """Words of the polynomial that a seed stands for, prime by prime."""
    count = degree * len(primes)
    words = [word for (word,) in struct.iter_unpack("<Q", _stream(generator, seed, count * 8 // PIECE * 5 // 4 + 4))]
    spare = iter(words[count:])
    expanded = []
    for place in range(count):
        prime, word = primes[place // degree], words[place]
        limit = 2**64 - 1 - (2**64 - 1) % prime - 1
        while word >= limit:
            word = next(spare)
        expanded.append(word % prime)
    return expanded


def make_seeded(full: Ciphertext, secret: list[int], primes: list[int], generator: int) -> Ciphertext:
    """A seeded ciphertext with the same decryption. `secret` is the secret key in NTT form, prime by prime."""
    seed = os.urandom(64)
    seeded = expand(generator, seed, full.degree, primes)
    words = struct.unpack(f"<{full.word_count}Q", full.words)
    count = full.degree * len(primes)
    first = [(words[n] + (words[count + n] - seeded[n]) * secret[n]) % primes[n // full.degree] for n in range(count)]
    return full.with_seed(struct.pack(f"<{count}Q", *first), generator, seed)
