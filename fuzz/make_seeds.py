#!/usr/bin/env python3
"""Writes the seeds that are made from honest bytes: fuzz/corpus/<target>/seed-*. The same ones every time.

The rest of a corpus is what fuzzing found (scripts/fuzz.sh merge). The formats of the inputs: README.md.
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parent / "docs" / "api" / "examples"
SHIPPED = HERE.parent / "models"
MODELS = HERE.parent / "tests" / "data" / "onnx"
CORPUS = HERE / "corpus"

RAW, PLAIN, ZLIB, ZSTD = range(4)  # shapes of an object
FIT_SIZE, CONSTANT_WORDS, LOW_LEVEL, FIT_PARMS_ID = 4, 8, 16, 32  # the other bits of a mode


def write(target: str, name: str, *parts: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(b"".join(parts))


def header(minor: int, compression: int, size: int) -> bytes:
    return struct.pack("<HBBBBHQ", 0xA15E, 16, 4, minor, compression, 0, size)


def description(degree: int, primes: int, size: int = 2, *, seeded: bool = False, minor: int = 1,
                scale: float = 2.0**30, ntt: int = 1, factor: int = 1, parms_id: bytes = bytes(32),
                count: int | None = None, generator: int = 1) -> bytes:
    """A ciphertext without its words: fuzz/common/objects.h puts them in."""
    if count is None:
        count = (1 if seeded else size) * primes * degree
    body = parms_id + struct.pack("<BQQQdQ", ntt, size, degree, primes, scale, factor)
    body += header(minor, 0, 24 + 8 * count) + struct.pack("<Q", count)
    if seeded:
        body += header(minor, 0, 81) + bytes([generator]) + bytes(range(64))
    return header(minor, 0, 16 + len(body) + 8 * count) + body


def descriptions(degree: int, primes: int, scale: float) -> dict[str, bytes]:
    """Right ones, and each wrong in one place."""
    secret_key = header(1, 0, 4096) + bytes(32) + struct.pack("<Qd", degree, 1.0) + header(1, 0, 24 + 8 * degree)
    kinds = {
        "full": {}, "seeded": {"seeded": True}, "shake256": {"seeded": True, "generator": 2},
        "three": {"size": 3}, "one": {"size": 1}, "minor0": {"minor": 0}, "minor4": {"minor": 4},
        "minor5": {"minor": 5}, "not-ntt": {"ntt": 0}, "factor": {"factor": 2}, "scale-zero": {"scale": 0.0},
        "scale-nan": {"scale": float("nan")}, "scale-one": {"scale": 1.0},
        "generator": {"seeded": True, "generator": 3}, "count": {"count": 17},
        "level": {"primes": primes + 1}, "lower-level": {"primes": max(primes - 1, 1)},
        "degree": {"degree": degree * 2}, "odd-degree": {"degree": degree + 1},
        "seeded-three": {"seeded": True, "size": 3},
    }
    made = {}
    for name, change in kinds.items():
        fields = {"degree": degree, "primes": primes, "scale": scale} | change
        made[name] = description(fields.pop("degree"), fields.pop("primes"), **fields)
    secret_key += struct.pack("<Q", degree) + bytes(200)
    made["secret-key"] = secret_key
    for name, change in (("size", bytes([17, 4])), ("major", bytes([16, 3]))):  # not quite a secret key
        made[f"no-key-{name}"] = secret_key[:66] + change + secret_key[68:]
    made["short"] = made["full"][:60]
    made["trailing"] = made["seeded"] + b"\0"
    return made


def ciphertexts() -> None:
    for name, object_ in descriptions(1024, 2, 2.0**30).items():
        for shape, label in ((PLAIN, "plain"), (ZLIB, "zlib"), (ZSTD, "zstd")):
            mode = shape | FIT_PARMS_ID | (FIT_SIZE if shape != PLAIN else 0) | CONSTANT_WORDS
            write("ciphertext", f"{label}-{name}", bytes([mode, len(name), 0]), object_)
    full = description(1024, 2)
    write("ciphertext", "words", bytes([ZSTD | FIT_SIZE | FIT_PARMS_ID, 2, 0]), full)
    write("ciphertext", "zero-words", bytes([PLAIN, 2, 0]), description(1024, 2, count=0) + bytes(100))
    for budget in (1, 8, 24, 60):
        write("ciphertext", f"budget-{budget}", bytes([ZSTD | FIT_SIZE | CONSTANT_WORDS, 1, budget]), full)
    write("ciphertext", "header-only", bytes([RAW, 1, 0]), header(1, 0, 16))
    write("ciphertext", "empty", bytes(3))
    write("ciphertext", "reserved", bytes([RAW, 0, 0]), full[:6] + b"\1" + full[7:])
    write("ciphertext", "magic", bytes([RAW, 0, 0]), b"\0" + full[1:])
    write("ciphertext", "major", bytes([RAW, 0, 0]), full[:3] + b"\3" + full[4:])
    write("ciphertext", "compression", bytes([RAW, 0, 0]), full[:5] + b"\3" + full[6:])
    write("ciphertext", "huge", bytes([RAW, 0, 0]), header(1, 0, 2**63), full[16:])


def key_entry(primes: int, degree: int = 1024, *, seeded: bool = True, minor: int = 1, generator: int = 1,
              **change) -> bytes:
    """An entry of evaluation keys as fuzz/common/keys_object.h describes it."""
    made = description(degree, primes, seeded=seeded, minor=minor, generator=generator, **{"scale": 1.0} | change)
    return b"\2" + made[:113] + (b"\3" + made[113:] if seeded else b"")


def evaluation_keys() -> None:
    relinearization, galois = 0, 1
    fit = FIT_SIZE | FIT_PARMS_ID | CONSTANT_WORDS

    def keys(rows: int, *parts: bytes, minor: int = 1) -> bytes:
        return header(minor, 0, 0) + bytes(32) + struct.pack("<Q", rows) + b"".join(parts)

    def empty(rows: int) -> bytes:
        return b"\0" + struct.pack("<H", rows)

    def row(*entries: bytes, count: int | None = None) -> bytes:
        return b"\1" + struct.pack("<Q", len(entries) if count is None else count) + b"".join(entries)

    full, seeded, shake = key_entry(3, seeded=False), key_entry(3), key_entry(3, generator=2)
    right = row(seeded, seeded)
    secret_key = header(1, 0, 0) + bytes(32) + struct.pack("<Q", 3072) + b"\x18" + struct.pack("<d", 1.0) + header(
        1, 0, 24 + 8 * 3072)
    relin = {
        "full": row(full, full), "seeded": right, "mixed": row(full, shake), "mixed-back": row(seeded, full),
        "one": row(seeded), "three": row(seeded, seeded, seeded), "none": row(), "huge-row": row(count=2**30),
        "low-row": row(seeded, seeded, count=1), "level": row(seeded, key_entry(2)),
        "scale": row(key_entry(3, scale=2.0), seeded), "ntt": row(seeded, key_entry(3, ntt=0)),
        "size": row(key_entry(3, seeded=False, size=3), full), "degree": row(key_entry(3, 2048), seeded),
        "factor": row(key_entry(3, factor=2), seeded), "generator": row(seeded, key_entry(3, generator=3)),
        "count": row(key_entry(3, seeded=False, count=17), full), "minor": row(seeded, key_entry(3, minor=2)),
        "short": row(seeded, seeded)[:-10], "trailing": right + b"\7" + bytes(7),
        "no-seed": row(key_entry(3)[:114], seeded),
    }
    for shape, label in ((PLAIN, "plain"), (ZLIB, "zlib"), (ZSTD, "zstd")):
        for name, rows in relin.items():
            write("evaluation_keys", f"relin-{label}-{name}", bytes([shape | fit, len(name), relinearization]),
                  keys(1, rows))
    # Elements 3 and 9 are wanted: rows 1 and 4.
    rotations = {
        "right": (empty(1), right, empty(2), right, empty(1019)),
        "full": (empty(1), row(full, full), empty(2), row(full, seeded), empty(1019)),
        "none": (empty(1024),), "first-missing": (empty(4), right, empty(1019)),
        "last-missing": (empty(1), right, empty(1022)), "unwanted": (empty(1), right, right, empty(1), right, empty(1019)),
        "unwanted-first": (right, right, empty(2), right, empty(1019)),
        "unwanted-last": (empty(1), right, empty(2), right, empty(1018), right),
        "twice": (empty(1), row(seeded, seeded, seeded, seeded), empty(2), right, empty(1019)),
        "one-digit": (empty(1), row(seeded), empty(2), right, empty(1019)),
        "few-rows": (empty(1), right, empty(2), right, empty(1018)),
        "many-rows": (empty(1), right, empty(2), right, empty(1020)),
    }
    for shape, label in ((PLAIN, "plain"), (ZLIB, "zlib"), (ZSTD, "zstd")):
        for name, parts in rotations.items():
            write("evaluation_keys", f"galois-{label}-{name}", bytes([shape | fit, len(name), galois]),
                  keys(1024, *parts))
    write("evaluation_keys", "relin-as-galois", bytes([PLAIN | fit, 3, galois]), keys(1, right))
    write("evaluation_keys", "galois-as-relin", bytes([PLAIN | fit, 3, relinearization]),
          keys(1024, *rotations["right"]))
    for minor in (0, 4, 5):
        entry = key_entry(3, minor=minor)
        write("evaluation_keys", f"minor{minor}", bytes([ZSTD | fit, 2, relinearization]),
              keys(1, row(entry, entry), minor=minor))
    for kind in (relinearization, galois):
        write("evaluation_keys", f"secret-key-{kind}", bytes([PLAIN | FIT_SIZE, 2, kind]), secret_key)
        write("evaluation_keys", f"parms-id-{kind}", bytes([PLAIN | FIT_SIZE, 2, kind]),
              keys(1024 if kind == galois else 1, right))
        write("evaluation_keys", f"huge-{kind}", bytes([PLAIN | FIT_PARMS_ID, 2, kind]),
              header(1, 0, 2**63) + keys(1024 if kind == galois else 1, right)[16:])
    for budget in (1, 6, 30):
        for shape in (ZLIB, ZSTD):
            write("evaluation_keys", f"budget-{shape}-{budget}", bytes([shape | fit, 1, budget << 1]), keys(1, right))
    write("evaluation_keys", "words", bytes([ZSTD | FIT_SIZE | FIT_PARMS_ID, 2, relinearization]), keys(1, right))
    write("evaluation_keys", "empty", bytes(3))


def stored_frame(body: bytes, descriptor: int, window: bytes, size: bytes, block_type: int = 0) -> bytes:
    """A zstd frame of one block (RFC 8878, section 3.1.1)."""
    block = struct.pack("<I", 1 | block_type << 1 | len(body) << 3)[:3]
    return struct.pack("<I", 0xFD2FB528) + bytes([descriptor]) + window + size + block + body


def compression() -> None:
    for name, object_ in descriptions(1024, 2, 2.0**30).items():
        for codec, label in ((2, "zlib"), (3, "zstd")):  # with minor version 1
            write("compression", f"{label}-{name}", bytes([ZLIB | CONSTANT_WORDS, len(name), codec]), object_[16:])
    write("compression", "words", bytes([ZLIB, 2, 3]), description(1024, 2)[16:])
    write("compression", "levels", bytes([ZLIB | LOW_LEVEL, 2, 2]), description(1024, 1)[16:])
    raw_zstd, raw_zlib = bytes([RAW, 1, 3]), bytes([RAW, 1, 2])
    body = description(1024, 1, count=0)[16:]
    for name, frame in {
        "one-segment": stored_frame(body, 0x20, b"", bytes([len(body)])),
        "two-bytes": stored_frame(body, 0x60, b"", struct.pack("<H", 0)),
        "four-bytes": stored_frame(body, 0xA0, b"", struct.pack("<I", len(body))),
        "eight-bytes": stored_frame(body, 0xE0, b"", struct.pack("<Q", len(body))),
        "window": stored_frame(body, 0x80, b"\x58", struct.pack("<I", len(body))),
        "huge-window": stored_frame(body, 0x80, b"\xff", struct.pack("<I", len(body))),
        "no-size": stored_frame(body, 0x00, b"\x58", b""),
        "dictionary": stored_frame(body, 0x21, b"", b"\1" + bytes([len(body)])),
        "reserved-bit": stored_frame(body, 0x28, b"", bytes([len(body)])),
        "reserved-block": stored_frame(body, 0xA0, b"", struct.pack("<I", len(body)), 3),
        "repeated-byte": stored_frame(b"\0", 0xA0, b"", struct.pack("<I", 1), 1),
        "checksum": stored_frame(body, 0xA4, b"", struct.pack("<I", len(body))) + bytes(4),
        "huge-content": stored_frame(body, 0xE0, b"", struct.pack("<Q", 2**60)),
        "skippable": struct.pack("<II", 0x184D2A50, 4) + bytes(4),
        "cut": stored_frame(body, 0xA0, b"", struct.pack("<I", len(body)))[:20],
    }.items():
        write("compression", f"frame-{name}", raw_zstd, frame)
    for name, stream in {
        "gzip": bytes.fromhex("1f8b0800000000000003030000000000") + bytes(4),
        "empty": bytes.fromhex("789c030000000001"),
        "trailing": bytes.fromhex("789c03000000000100"),
        "dictionary": bytes.fromhex("78bb00000001"),
        "stored": bytes.fromhex("7801010100feff0000010001"),
        "raw": bytes.fromhex("0300"),
    }.items():
        write("compression", f"stream-{name}", raw_zlib, stream)


def json_envelope() -> None:
    for file in sorted((EXAMPLES / "infer_request").rglob("*.json")):
        text = json.dumps(json.loads(file.read_text()), separators=(",", ":")).encode()
        if len(text) < 8192:
            write("json_envelope", f"{file.parent.name}-{file.stem}", bytes([len(file.stem), 0]), text)
    request = b'{"model_id":"m","version":"1.0.0","inputs":[%s]}'
    texts = {
        "payload-first": (0, request % b'{"payload":"00ff","encoding":"hex"}'),
        "base64-first": (0, request % b'{"payload":"AP8=","encoding":"base64"}'),
        "held-too-long": (6, request % b'{"payload":"\0ab\0","encoding":"hex"}'),
        "too-long": (7, request % b'{"encoding":"hex","payload":"\0ab\0"}'),
        "encoding-unknown": (0, request % b'{"encoding":"rot13","payload":"ab"}'),
        "encoding-number": (0, request % b'{"encoding":1,"payload":"ab"}'),
        "no-encoding": (0, request % b'{"payload":"ab"}'),
        "payload-number": (0, request % b'{"encoding":"hex","payload":1}'),
        "many-inputs": (6, request % b'\0{"encoding":"hex","payload":"ab"},\0{"encoding":"hex","payload":"cd"}'),
        "many-objects": (7, request % b"\0{},\0{}"),
        "many-wrong-types": (6, request % b'\0{"encoding":1,"payload":1},\0{}'),
        "many-values": (9, b"[\0[],\0 1]"),
        "many-texts": (9, b'["\0abcdefgh\0"]'),
        "long-key": (7, b'{"\0k\0":1}'),
        "long-number": (7, b"[1\x000\x00]"),
        "deep": (2, b"\0[\0"),
        "too-deep": (3, b"\0[\0"),
        "twice": (0, b'{"a":1,"a":2}'),
        "escapes": (0, rb'{"model_id":"\u006d\n\"\\\/\b\f\r\t\ud83d\ude00","version":"1.0.0","inputs":[]}'),
        "lone-surrogate": (0, rb'["\ud83d"]'),
        "utf8": (0, '["é€😀"]'.encode()),
        "bad-utf8": (0, b'["\xc3\x28"]'),
        "numbers": (0, b"[0,-0,1.5e300,1e999,-1e-999,9223372036854775808,18446744073709551616,1.0,0.1e1]"),
        "bom": (0, b"\xef\xbb\xbf{}"),
        "comment": (0, b"{}//"),
        "trailing": (0, b"{} {}"),
        "comma": (0, b"[1,]"),
        "batch": (0, b'{"batch_size":4.0e0,"api_version":"1.0",'
                     + (request % b'{"encoding":"hex","payload":"ab"}')[1:]),
        "api-version": (0, b'{"api_version":"2.0","model_id":"m","version":"1.0.0",'
                        b'"inputs":[{"encoding":"hex","payload":"ab"}]}'),
        "empty": (0, b""),
    }
    for name, (power, text) in texts.items():
        write("json_envelope", name, bytes([len(name), power]), text)


def binary_envelope() -> None:
    def seed(name: str, header: bytes, raw: bytes, shift: int = 0, power: int = 0) -> None:
        assert len(raw) % 4 == 0
        write("binary_envelope", name, bytes([len(name), power, shift & 0xFF, len(raw) // 4]), header + raw)

    for file in sorted((EXAMPLES / "infer_request_binary").rglob("*.json")):
        document = json.loads(file.read_text())
        text = json.dumps(document, separators=(",", ":")).encode()
        if len(text) < 8192:
            seed(f"{file.parent.name}-{file.stem}", text, bytes(32))
    request = b'{"model_id":"m","version":"1.0.0","inputs":[%s]}'
    size = b'{"binary_data_size":%s}'

    def sizes(*each: str) -> bytes:
        return request % b",".join(size % one.encode() for one in each)

    seed("good", sizes("4", "8"), b"abcdefghijkl")
    seed("good-decimal", sizes("4.0", "0.8e1"), b"abcdefghijkl")
    seed("too-short", sizes("4", "8"), b"abcdefgh")
    seed("too-long", sizes("4", "4"), b"abcdefghijkl")
    seed("zero", sizes("0", "4"), b"abcd")
    seed("negative", sizes("8", "-4"), b"abcd")
    seed("fraction", sizes("3.5", "0.5"), b"abcd")
    seed("overflow", sizes("9223372036854775807", "9223372036854775807", "6"), b"abcd")
    seed("overflow-64", sizes("18446744073709551620"), b"abcd")
    seed("infinite", sizes("1e999"), b"abcd")
    seed("too-large", sizes("1025"), b"abcd")
    seed("header-beyond", sizes("4"), b"abcd", shift=5)
    seed("header-longer", sizes("4"), b"abcd", shift=2)
    seed("header-shorter", sizes("4"), b"abcd", shift=-2)
    seed("space-behind-header", sizes("4") + b"  ", b"abcd")
    seed("json-in-the-bytes", sizes("4"), b"{}{}")
    seed("many-inputs", request % (b"\0" + size % b"1" + b",\0" + size % b"1"), b"abcd", power=6)
    seed("too-many-inputs", request % (b"\0" + size % b"1" + b",\0" + size % b"1"), b"abcd", power=7)
    seed("many-values", b"[\0[],\0 1]", b"", power=9)
    seed("long-text", b'{"\0k\0":1}', b"abcd", power=8)
    seed("twice", request % b'{"binary_data_size":4,"binary_data_size":4}', b"abcd")
    seed("empty", b"", b"")


def keys_upload() -> None:
    def seed(name: str, text: bytes, raw: bytes | None = None, shift: int = 0, power: int = 0) -> None:
        marks = bytes([len(name) % 256, power, 255 if raw is None else len(raw), shift & 0xFF])
        write("keys_upload", name, marks, text + (raw or b""))

    for form in ("keys_upload", "keys_upload_binary"):
        for file in sorted((EXAMPLES / form).rglob("*.json")):
            text = json.dumps(json.loads(file.read_text()), separators=(",", ":")).encode()
            if len(text) < 8192:
                seed(f"{form}-{file.parent.name}-{file.stem}", text, bytes(32) if form.endswith("binary") else None)
    both = b'{"model_id":"m","version":"1.0.0","relinearization":{"binary_data_size":%s},"galois":{"binary_data_size":%s}}'
    for name, sizes in {"good": (b"4", b"8"), "short": (b"4", b"4"), "long": (b"4", b"9"), "negative": (b"-4", b"16"),
                        "fraction": (b"3.5", b"8.5"), "overflow": (b"18446744073709551615", b"13"), "zero": (b"0", b"12"),
                        "infinite": (b"1e999", b"4")}.items():
        seed(name, both % sizes, b"abcdefghijkl")
    seed("header-longer", both % (b"4", b"8"), b"abcdefghijkl", shift=2)
    seed("header-beyond", both % (b"4", b"8"), b"abcdefghijkl", shift=20)
    part = b'{"encoding":"hex","payload":"%s"}'
    seed("json", b'{"model_id":"m","version":"1.0.0","galois":%s,"relinearization":%s}' % (part % b"00ff", part % b"01"))
    seed("keys-first", b'{"galois":%s,"version":"1.0.0","model_id":"m"}' % (part % b"\\u0030\0ab\0"), power=8)
    seed("encoding-last", b'{"model_id":"m","version":"1","galois":{"payload":"00","encoding":"base64"}}')
    seed("twice", b'{"model_id":"m","version":"1","galois":%s,"galois":%s}' % (part % b"00", part % b"01"))


def compact_answers() -> None:
    for name, bits in {"one-bit": 1, "usual": 23, "widest": 60}.items():
        shape, header_ = bytes([bits - 1, 0, 4]), b"EICC" + struct.pack("<BBHII", 1, bits, 0, 1024, 1)
        for filled in (1, 3, 0xFF):  # the numbers, which the target adds
            write("compact_answer", f"{name}-{filled}", shape + bytes([filled]), header_)
        write("compact_answer", f"{name}-short", shape + b"\0", header_ + bytes(16))
        write("compact_answer", f"{name}-zero", shape + b"\0", header_ + bytes((5 * bits + 7) // 8 + 128 * bits))


def network_entries() -> None:
    def seed(name: str, document: dict, weights: bytes, mode: int = 0) -> None:
        text = json.dumps(document, separators=(",", ":")).encode()
        if len(text) < 1 << 16:
            write("network_entry", name, bytes([mode]) + struct.pack("<H", len(text)), text, weights)

    for file in sorted((EXAMPLES / "registry_entry_1_1").rglob("*.json")):
        document = json.loads(file.read_text())
        if isinstance(document, dict):
            seed(f"{file.parent.name}-{file.stem}", document, struct.pack("<8d", *range(8)))
    for name in ("breast_cancer_linear", "diabetes_linear"):
        entry = json.loads((SHIPPED / f"{name}.json").read_text())
        weights = (SHIPPED / entry["weights"]["file"]).read_bytes()
        seed(name, entry, weights)
        seed(f"{name}-short", entry, weights[:-8])
        seed(f"{name}-other-digest", entry, weights[::-1], mode=1)
        seed(f"{name}-nan", entry, struct.pack("<d", float("nan")) + weights[8:])


def infer_plain() -> None:
    for file in sorted((EXAMPLES / "infer_plain_request").rglob("*.json")):
        text = json.dumps(json.loads(file.read_text()), separators=(",", ":")).encode()
        write("infer_plain", f"{file.parent.name}-{file.stem}", b"\0", text)
    request = b'{"model_id":"m","version":"1.0.0","inputs":[[%s]]}'
    for name, numbers in {
        "numbers": b"1,-0.0,1e300,5e-324,9007199254740993,0.1",
        "infinite": b"1,1e999",
        "zero": b"0e999,-0.000e5000,0e-999",
        "long": b"0.\x00123456789\x00",
        "many": b"\x001.5,\x001",
    }.items():
        write("infer_plain", name, b"\5", request % numbers)
    write("infer_plain", "version", b"\0", b'{"api_version":"3.0","model_id":"m","version":"1.0.0","inputs":[[1]]}')


def encodings() -> None:
    texts = {"digits": b"0123456789abcdefABCDEF", "odd": b"abc", "foreign": b"0g", "space": b"00 11", "empty": b"",
             "runs": b"\x000123\x0045"}
    for name, text in texts.items():
        write("hex", name, bytes([len(name), 6]), text)
    texts = {"alphabet": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "one": b"AA==",
             "two": b"AAA=", "tail-bits": b"AB==", "tail-bits-two": b"AAB=", "unpadded": b"AAA", "inside": b"AA==AAAA",
             "only-padding": b"====", "three": b"A===", "url": b"-_-_", "line": b"AAAA\nAAAA", "empty": b"",
             "runs": b"\0AAAA\0AAA="}
    for name, text in texts.items():
        write("base64", name, bytes([len(name), 6]), text)


def onnx() -> None:
    for folder in (MODELS, MODELS / "refused"):
        for file in sorted(folder.glob("*.onnx")):
            if file.stat().st_size < 1500 and not file.stem.startswith("dynamo"):
                write("onnx", file.stem, file.read_bytes())


def registry_entries() -> None:
    for file in sorted((EXAMPLES / "registry_entry").rglob("*.json")):
        text = json.dumps(json.loads(file.read_text()), separators=(",", ":")).encode()
        write("registry_entry", f"{file.parent.name}-{file.stem}", b"\0", text)
    entry = {
        "model_id": "small", "version": "1.0.0", "description": "d", "he_scheme": "CKKS",
        "encryption_parameters": {"poly_modulus_degree": 4096, "scale": 1048576, "coeff_modulus_bits": [36, 36, 37],
                                  "max_multiplicative_depth": 1},
        "inference": {"input_dimension": 2, "output_dimension": 1, "activation": "polynomial_sigmoid_v1"},
        "parameters": {"weights": [0.5, -0.25], "bias": 0.125},
        "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.25, 0.125]},
        "constraints": {"max_batch_size": 8}, "input_bounds": [4, 4], "tolerance": 0.5, "feature_names": ["a", "b"],
    }
    changes = {
        "quadratic": {}, "no-feature": {"parameters": {"weights": [0, 0], "bias": 1}},
        "constant": {"activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0, 0]}},
        "tolerance": {"tolerance": 1e-12}, "bounds": {"input_bounds": [1e30, 1]}, "one-bound": {"input_bounds": [1]},
        "one-name": {"feature_names": ["a"]}, "scheme": {"he_scheme": "BFV"},
        "tiny": {"parameters": {"weights": [1e-300, 0], "bias": 0}},
        "one-weight": {"parameters": {"weights": [1], "bias": 0}},
    }
    for bits in ([20, 20], [20, 20, 20], [60, 49], [26, 26, 26, 26], [60, 60, 60], [61, 20], [36]):
        changes[f"bits-{'-'.join(map(str, bits))}"] = {
            "encryption_parameters": entry["encryption_parameters"] | {"coeff_modulus_bits": bits}}
    for degree, bits in ((1024, [27]), (2048, [27, 27]), (8192, [60, 40, 60]), (32768, [50] * 17), (32768, [20] * 44)):
        changes[f"degree-{degree}-{len(bits)}"] = {"encryption_parameters": entry["encryption_parameters"] | {
            "poly_modulus_degree": degree, "coeff_modulus_bits": bits}}
    for name, change in changes.items():
        write("registry_entry", name, b"\0", json.dumps(entry | change, separators=(",", ":")).encode())
    huge = json.dumps(entry, separators=(",", ":")).replace("[0.5,-0.25]", "[\x000.5,\x00-0.25]")
    write("registry_entry", "many-weights", b"\5", huge.encode())
    write("registry_entry", "infinite", b"\0", json.dumps(entry).replace("0.125}", "1e999}").encode())


def client_replies() -> None:
    models, job, submission, bare_job, error = range(5)

    def reply(name: str, kind: int, text: bytes, object_: bytes = b"", mode: int = 0, power: int = 0) -> None:
        write("client_reply", name, bytes([kind + 5 * power, mode]), struct.pack("<H", len(text)), text, object_)

    for kind, folder in ((models, "models"), (bare_job, "job"), (error, "error"), (submission, "accepted")):
        for file in sorted((EXAMPLES / folder).rglob("*.json")):
            text = json.dumps(json.loads(file.read_text()), separators=(",", ":")).encode()
            if len(text) < 8192:
                reply(f"{folder}-{file.parent.name}-{file.stem}", kind, text)
    completed = {
        "job_id": "0123456789abcdef0123456789abcdef", "status": "completed", "created_at": "2026-03-02T09:15:04.120Z",
        "started_at": "2026-03-02T09:15:04.131Z", "finished_at": "2026-03-02T09:15:04.164Z",
        "result": {
            "model_id": "small", "version": "1.0.0", "encoding": "hex",
            "diagnostics": {"requested_batch_size": 2, "processed_batch_size": 2, "batch_truncated": False},
            "error_bound": 0.001,
            "request_digest": "sha256:9422301fcbfc372260fda96c09dd80a71e336cd81b1a838ff5db3a8bdb9b0505",
            "payload": "PAYLOAD",
        },
    }

    def text_of(document: dict, **change) -> bytes:
        result = document["result"] | change
        return json.dumps(document | {"result": result}, separators=(",", ":")).replace("PAYLOAD", "\1").encode()

    mode = PLAIN | FIT_PARMS_ID
    for name, object_ in descriptions(2048, 1, 2.0**20).items():
        reply(f"result-{name}", job, text_of(completed), object_, mode)
    right = description(2048, 1, scale=2.0**20)
    reply("result-zlib", job, text_of(completed), right, ZLIB | FIT_PARMS_ID | FIT_SIZE | CONSTANT_WORDS)
    reply("result-other-parameters", job, text_of(completed), right, PLAIN)
    reply("result-huge-scale", job, text_of(completed), description(2048, 1, scale=2.0**60), mode)
    reply("submission-result", submission, text_of(completed), right, mode)
    reply("submission-accepted", submission, b'{"job_id":"0123456789abcdef0123456789abcdef","status":"accepted"}')
    reply("submission-array", submission, b"[]")
    reply("bare-result", bare_job, text_of(completed), right, mode)
    reply("other-job", job, text_of(completed | {"job_id": "f" * 32}), right, mode)
    for name, change in {
        "model": {"model_id": "other"}, "version": {"version": "1.0.1"}, "encoding": {"encoding": "base64"},
        "digest": {"request_digest": "sha256:" + "0" * 64}, "bound": {"error_bound": 2}, "payload": {"payload": ""},
        "text": {"payload": "zz"}, "odd": {"payload": "abc"},
        "rows": {"diagnostics": {"requested_batch_size": 2, "processed_batch_size": 1, "batch_truncated": True}},
    }.items():
        reply(f"wrong-{name}", job, text_of(completed, **change), right, mode)
    reply("many-models", models, b'{"api_version":"1.0.0","models":[\0{},\0{}]}', power=8)
    reply("long-text", models, b'{"api_version":"\0aaaa\0","models":[]}', power=8)
    reply("controls", error, rb'{"error":{"code":"X\u001b[31m","message":"\u0000\u0085\u007f\ud83d\ude00"}}')
    reply("no-error", error, b'{"error":1}')
    reply("no-json", error, b"<html>")


def client_http() -> None:
    replies = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-ID: abc\r\n\r\n{}",
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nA: b\r\n\r\n",
        "close": b"HTTP/1.0 200 OK\r\n\r\n{}",
        "retry": b"HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",
        "retry-date": b"HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
        "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
        "interim-only": b"HTTP/1.1 100 Continue\r\n\r\n" * 12,
        "huge": b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n{}",
        "overflow": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
        "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "huge-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        "short": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        "extra": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}{}",
        "pair": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2,
        "no-http": b"SSH-2.0-OpenSSH_9.2\r\n",
        "status": b"HTTP/1.1 099 X\r\n\r\n", "version": b"HTTP/2.0 200 OK\r\n\r\n", "empty": b"",
        "redirect": b"HTTP/1.1 301 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "error-body": b"HTTP/1.1 404 X\r\n\r\n" + b"x" * 3000,
        "header": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 33000 + b"\r\n\r\n",
        "upgrade": b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nPRI",
    }
    for name, reply in replies.items():
        write("client_http", name, bytes([len(name), 3 if name in ("short", "close") else 12]), reply)


def http() -> None:
    cipher = 2 * 16578  # hexadecimal digits of the ciphertext that U+0001 stands for

    def post(body: bytes, target: bytes = b"/infer", fields: bytes = b"", marks: int = 0) -> bytes:
        length = len(body) + marks * (cipher - 1)
        return (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
                % (target, length, fields, body))

    def binary(told: int = cipher // 2, header_more: int = 0, fields: bytes = b"", raw: bytes = b"\3") -> bytes:
        header = b'{"model_id":"small","version":"1.0.0","inputs":[{"binary_data_size":%d}]}' % told
        length = len(header) + len(raw) + raw.count(b"\3") * (cipher // 2 - 1)
        return (b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
                b"Inference-Header-Content-Length: %d\r\n%s\r\n%s" % (length, len(header) + header_more, fields, header + raw))

    def get(target: bytes, fields: bytes = b"", method: bytes = b"GET") -> bytes:
        return b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (method, target, fields)

    infer = b'{"model_id":"small","version":"1.0.0","batch_size":2,"inputs":[{"encoding":"hex","payload":"\1"}]}'
    plain = b'{"model_id":"small","version":"1.0.0","inputs":[[0.5]]}'
    chunked_post = (b"POST /infer/plain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (plain[:7], plain[7:])) + b"0\r\n\r\n"
    inputs = {
        "health": get(b"/health"), "ready": get(b"/ready"), "models": get(b"/models"),
        "keys": get(b"/keys?seal_minor=2"),
        "openapi": get(b"/openapi.json"), "head": get(b"/models", method=b"HEAD"),
        "options": get(b"/models", b"Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n", b"OPTIONS"),
        "not-found": get(b"/nothing"), "method": get(b"/models", method=b"DELETE"), "absolute": get(b"http://x/health"),
        "version": get(b"/models?api_version=9.9"), "minor": get(b"/keys?seal_minor=99999999999"),
        "encoded": get(b"/%6dodels?a=%00&a=b"), "bad-target": get(b"/%zz"), "star": get(b"*", method=b"OPTIONS"),
        "etag": get(b"/models", b'If-None-Match: "x", *\r\n'),
        "pipelined": get(b"/health") + get(b"/models", method=b"HEAD") + get(b"/nothing") + get(b"/ready"),
        "close": get(b"/health", b"Connection: close\r\n") + get(b"/health"),
        "old": b"GET /health HTTP/1.0\r\n\r\n", "old-kept": b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "no-host": b"GET /health HTTP/1.1\r\n\r\n", "two-hosts": get(b"/health", b"Host: y\r\n"),
        "bad-host": b"GET /health HTTP/1.1\r\nHost: a b/c\r\n\r\n",
        "folded": get(b"/health", b"A: b\r\n c\r\n"), "long-header": get(b"/health", b"A: " + b"x" * 17000 + b"\r\n"),
        "tenant": get(b"/jobs/" + b"0" * 32, b"X-Tenant-ID: a b\r\n"),
        "tenants": get(b"/jobs/" + b"0" * 32, b"X-Tenant-ID: a\r\nX-Tenant-ID: b\r\n"),
        "bearer": get(b"/jobs/" + b"0" * 32, b"Authorization: Bearer abc\r\n"),
        "job": get(b"/jobs/\2", b"Prefer: respond-async, wait=1;x\r\n"), "bad-job": get(b"/jobs/abc"),
        "infer": post(infer, marks=1) + get(b"/jobs/\2"),
        "binary": binary() + get(b"/jobs/\2", b"Prefer: wait=2\r\n"), "binary-wait": binary(fields=b"Prefer: wait=2\r\n"),
        "binary-head": binary() + get(b"/jobs/\2", b"Prefer: wait=2\r\n", b"HEAD"),
        "binary-size": binary(told=cipher // 2 - 1) + binary(told=-1) + get(b"/health"),
        "binary-header": binary(header_more=-1) + binary(header_more=99999) + get(b"/health"),
        "binary-lengths": binary(fields=b"Inference-Header-Content-Length: 2\r\n"), "binary-bad": binary(told=4, raw=b"\x5e\xa1\4\5"),
        "binary-json": post(infer, fields=b"Inference-Header-Content-Length: 2\r\n", marks=1),
        "erase": post(infer, marks=1) + get(b"/jobs/\2", method=b"DELETE") * 2 + get(b"/jobs/\2"),
        "erase-unknown": get(b"/jobs/" + b"0" * 32, method=b"DELETE") + get(b"/jobs/abc", method=b"DELETE"),
        "infer-wait": post(infer, fields=b"Prefer: wait=2\r\nIdempotency-Key: a\r\n", marks=1),
        "infer-twice": post(infer, fields=b"Idempotency-Key: k\r\n", marks=1) * 2,
        "infer-bad": post(b'{"model_id":"small","version":"1.0.0","inputs":[{"encoding":"hex","payload":"5e"}]}'),
        "infer-empty": post(b""), "infer-short": post(infer, marks=1)[:-5],
        "infer-coding": post(b"{}", fields=b"Content-Encoding: gzip\r\n"),
        "infer-key": post(infer, fields=b"Idempotency-Key: a b\r\n", marks=1),
        "infer-keys": post(infer, fields=b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", marks=1),
        "infer-tenant": post(infer, fields=b"X-Tenant-ID: /\r\n", marks=1),
        "latin1": post(plain, b"/infer/plain").replace(b"json\r", b"json; charset=latin1\r"),
        "prefer": get(b"/jobs/\2", b"Prefer: a, wait=x, wait=99999999999\r\n"),
        "infer-length": post(b"{}", fields=b"Content-Length: 3\r\n"),
        "no-length": b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n",
        "huge-length": b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       b"Content-Length: 999999999999\r\n\r\n{",
        "expect": post(plain, b"/infer/plain", b"Expect: 100-continue\r\n"),
        "plain": post(plain, b"/infer/plain") * 3,
        "charset": post(plain, b"/infer/plain").replace(b"json\r", b"json; charset=utf-8\r"),
        "media": post(plain, b"/infer/plain").replace(b"application/json", b"text/plain"),
        "chunked": chunked_post + chunked + get(b"/health"),
        "chunked-huge": chunked_post + b"%x\r\n" % (5 * cipher) + b"\1" * 5 + b"\r\n0\r\n\r\n" + get(b"/health"),
        "smuggled": b"POST /infer/plain HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        "codings": b"POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "bad-chunk": chunked_post + b"zz\r\n",
        "request-id": get(b"/health", b"X-Request-ID: abc.DEF-1\r\n"),
        "bad-request-id": get(b"/health", b"X-Request-ID: a b\r\n"),
        "upgrade": get(b"/health", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
        "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "empty": b"",
        "newlines": b"\n\n" + get(b"/health"), "line": b"GET /health\r\n\r\n",
        "bare-lf": b"GET /health HTTP/1.1\nHost: x\n\n",
        "get-body": get(b"/models", b"Content-Length: 5\r\n") + b"hello" + get(b"/health"),
    }
    for name, sent in inputs.items():
        write("http", name, bytes([len(name)]), sent)


def main() -> None:
    for make in (ciphertexts, evaluation_keys, compression, json_envelope, binary_envelope, infer_plain, encodings,
                 registry_entries, network_entries, onnx, keys_upload, compact_answers,
                 client_replies, client_http, http):
        make()


if __name__ == "__main__":
    main()
