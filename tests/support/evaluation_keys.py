"""Evaluation keys of the project's models, made by seal-python, and bodies of POST /keys around them."""

from __future__ import annotations

import json
import pathlib
import shutil
import struct
from typing import Any

import seal

from support.he import SealPython
from support.honest import to_body
from support.http import Reply, ask, binary_body, get, post
from support.server import ROOT, Server

MODELS = ROOT / "models"


def keyed_models() -> list[str]:
    """The project's models that need evaluation keys: those of the layout slots."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(MODELS.glob("*.json"))]
    return [entry["model_id"] for entry in entries if entry.get("layout") == "slots"]


class KeyedModel:
    """One model as a server describes it, and a client's keys for it."""

    def __init__(self, server: Server, model_id: str) -> None:
        def described(target: str) -> Any:
            models = get(server, target).json()["models"]
            return next(model for model in models if model["model_id"] == model_id)

        self.model = described("/models?api_version=1.1")
        self.public = described("/keys?api_version=1.1")
        self.needs = self.public["evaluation_keys"]
        parameters = self.model["encryption_parameters"]
        self.degree = parameters["poly_modulus_degree"]
        self.primes = len(parameters["coeff_modulus_bits"])
        self.session = SealPython(parameters)
        self.inputs = len(self.model["packing"]["feature_of_slot"])
        self.relinearization = self.session.keys.create_relin_keys().to_string()
        self.galois = self.make_galois(self.needs["galois_steps"])

    def make_galois(self, steps: list[int]) -> bytes:
        keys = seal.GaloisKeys()
        self.session.keys.create_galois_keys(steps, keys)
        return keys.to_string()

    @property
    def parts(self) -> dict[str, bytes]:
        wanted = {"relinearization": self.needs["relinearization"], "galois": bool(self.needs["galois_steps"])}
        return {name: getattr(self, name) for name, needed in wanted.items() if needed}

    def names(self) -> dict[str, str]:
        return {"model_id": self.model["model_id"], "version": self.model["version"]}

    def body(self, **parts: bytes) -> tuple[bytes, dict[str, str]]:
        """A binary body, and its header fields."""
        parts = parts or self.parts
        header = to_body(self.names() | {name: {"binary_data_size": len(data)} for name, data in parts.items()})
        return header + b"".join(parts.values()), binary_body(len(header))

    def send(self, server: Server, headers: dict[str, str] | None = None, **parts: bytes) -> Reply:
        body, fields = self.body(**(self.parts | parts))
        return ask(server, "POST", "/keys", body, fields | (headers or {}))

    def send_json(self, server: Server, **parts: bytes) -> Reply:
        parts = self.parts | parts
        document = self.names() | {name: {"encoding": "hex", "payload": data.hex()} for name, data in parts.items()}
        return post(server, "/keys", to_body(document))

    def infer_body(self, key_id: str | None) -> bytes:
        data = self.session.encrypt([0.25])
        header = self.names() | {"inputs": [{"encoding": "hex", "payload": data.hex()}] * self.inputs}
        return to_body(header | ({} if key_id is None else {"evaluation_key_id": key_id}))


BUSY = "mnist_cnn"  # takes a worker longer than a client takes to send it


def with_a_network(models: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """A copy of a registry, and the network BUSY."""
    shutil.copytree(models, directory)
    for path in MODELS.glob(f"{BUSY}.*"):
        shutil.copy(path, directory)
    return directory


class BusyRequest:
    """Jobs of BUSY: with some of them before it, a job waits for a while on a server of one worker."""

    def __init__(self, server: Server) -> None:
        keyed = KeyedModel(server, BUSY)
        self.body = keyed.infer_body(keyed.send(server).json()["evaluation_key_id"])
        self._server = server

    def submit(self, count: int = 10) -> None:
        for _ in range(count):
            assert post(self._server, "/infer", self.body).status == 202


# --- Keys that are wrong. Offsets as docs/architecture/wire.md has them --------------------------------------------------------

ROWS, FIRST_ROW = 48, 56  # behind the outer header and the parms_id


def uncompressed(data: bytes) -> bytes:
    assert data[5] == 0, "the binding compresses"
    return data


def patched(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack("<Q", value) + data[at + 8 :]


def first_row(data: bytes) -> int:
    """Where the first row that is not empty begins."""
    at = FIRST_ROW
    while struct.unpack_from("<Q", data, at)[0] == 0:
        at += 8
    return at
