"""The contract as the repository ships it: openapi.yaml, schemas/ and the table of errors in docs/api.md."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any, NamedTuple

import yaml
from jsonschema import Draft202012Validator

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "put", "post", "delete", "patch")


class ErrorCode(NamedTuple):
    status: int
    retryable: bool


class Contract:
    """Reads the folder once; the methods answer from memory."""

    def __init__(self, folder: pathlib.Path = REPOSITORY) -> None:
        self._folder = folder
        self.openapi = yaml.safe_load((folder / "openapi.yaml").read_text(encoding="utf-8"))
        self._schemas = {
            path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in (folder / "schemas").glob("*.schema.json")
        }
        self._validators = {name: Draft202012Validator(schema) for name, schema in self._schemas.items()}
        rows = re.findall(
            r"^\| `([A-Z_]+)` \| (\d{3}) \| (yes|no) \|",
            (folder / "docs" / "api.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        self.codes = {code: ErrorCode(int(status), retry == "yes") for code, status, retry in rows}
        if not self.codes or "error" not in self._schemas:
            raise ValueError("the folder has no table of errors or no schemas")

    def violations(self, name: str, document: Any) -> list[str]:
        """What is wrong with a document after schemas/NAME.schema.json, with the pointer into the schema."""
        return [
            f"{error.json_path}: {error.message[:200]} "
            f"(schemas/{name}.schema.json#/{'/'.join(str(part) for part in error.absolute_schema_path)})"
            for error in self._validators[name].iter_errors(document)
        ]

    def path_of(self, target: str) -> str | None:
        """The path template of openapi.yaml that a request target falls under."""
        path = target.partition("?")[0]
        for template in self.openapi["paths"]:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]*", template), path):
                return template
        return None

    def methods_of(self, template: str) -> set[str]:
        """What Allow must list."""
        methods = {name.upper() for name in METHODS if name in self.openapi["paths"][template]}
        return methods | {"HEAD"} if "GET" in methods else methods

    def protected(self) -> list[tuple[str, str]]:
        """Method and path template of the operations that need an API key, where the server demands keys."""
        return [
            (method.upper(), path)
            for path, item in self.openapi["paths"].items()
            for method in METHODS
            if method in item and item[method].get("security") != []
        ]

    def statuses_of(self, method: str, target: str) -> set[int] | None:
        """Statuses that openapi.yaml lists for this request; None where it lists no such operation."""
        template = self.path_of(target)
        if template is None:
            return None
        operation = self.openapi["paths"][template].get({"HEAD": "get"}.get(method, method.lower()))
        return None if operation is None else {int(status) for status in operation["responses"]}
