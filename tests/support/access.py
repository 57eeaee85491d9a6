"""What an operator sets up to let people in: API keys, certificates."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import ssl
import subprocess
from collections.abc import Mapping
from typing import Any

from support.server import run_server


@dataclasses.dataclass(frozen=True)
class ApiKey:
    key: str
    entry: str  # of the key file

    @classmethod
    def make(cls) -> ApiKey:
        made = run_server("--new-api-key")
        assert made.returncode == 0, made.stderr
        fields = dict(line.split(": ", 1) for line in made.stdout.splitlines())
        return cls(fields["key"], json.loads(fields["entry"]))

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def write_key_file(
    path: pathlib.Path, keys: Mapping[str, ApiKey], limits: Mapping[str, dict[str, Any]] | None = None
) -> pathlib.Path:
    """One key a tenant."""
    entries = [
        {"tenant": tenant, "keys": [key.entry]} | ({"limits": limits[tenant]} if limits and tenant in limits else {})
        for tenant, key in keys.items()
    ]
    path.write_text(json.dumps({"tenants": entries}), encoding="utf-8")
    return path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@dataclasses.dataclass(frozen=True)
class Certificate:
    chain: pathlib.Path
    key: pathlib.Path

    @classmethod
    def self_signed(cls, folder: pathlib.Path, name: str = "localhost") -> Certificate:
        """Also a certificate authority."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder / "cert.pem", folder / "key.pem")
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-keyout", str(made.key), "-out", str(made.chain), "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
        )
        return made

    def sign(self, folder: pathlib.Path, name: str) -> Certificate:
        """A certificate that this one has signed."""
        folder.mkdir(parents=True, exist_ok=True)
        made, request = Certificate(folder / "cert.pem", folder / "key.pem"), folder / "request.pem"
        _openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", str(made.key), "-out", str(request), "-subj", f"/CN={name}",
        )
        _openssl(
            "x509", "-req", "-days", "2", "-in", str(request), "-CA", str(self.chain), "-CAkey", str(self.key),
            "-CAcreateserial", "-out", str(made.chain),
        )
        return made

    @property
    def flags(self) -> list[str]:
        return ["--tls-cert", str(self.chain), "--tls-key", str(self.key)]

    def trusting(self, show: Certificate | None = None) -> ssl.SSLContext:
        """How a client connects that trusts this certificate, and shows another one if asked."""
        context = ssl.create_default_context(cafile=str(self.chain))
        if show:
            context.load_cert_chain(show.chain, show.key)
        return context
