#!/usr/bin/env python3
"""Writes a C++ source holding the schemas and the OpenAPI document, bundled into one JSON text."""

import json
import pathlib
import sys

import yaml

LITERAL_BYTES = 8000  # compilers bound the length of one literal


def literal(text: str) -> str:
    """`text` as adjacent raw string literals."""
    data = text.encode()
    assert b")einfer" not in data
    pieces, start = [], 0
    while start < len(data):
        end = min(start + LITERAL_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # not inside a UTF-8 sequence
            end -= 1
        pieces.append(f'R"einfer({data[start:end].decode()})einfer"')
        start = end
    return "\n".join(pieces) or '""'


def component_name(file: str) -> str:
    return pathlib.PurePosixPath(file).name.removesuffix(".schema.json")


def rewrite(node, local_root: str):
    """Points references to schema files, and references inside them, at the bundled components."""
    if isinstance(node, dict):
        out = {}
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                file, _, fragment = value.partition("#")
                if file.endswith(".schema.json"):
                    value = f"#/components/schemas/{component_name(file)}{fragment}"
                elif not file and local_root:
                    value = f"#{local_root}{fragment}"
                out[key] = value
            elif key in ("$schema", "$id"):
                continue
            else:
                out[key] = rewrite(value, local_root)
        return out
    if isinstance(node, list):
        return [rewrite(item, local_root) for item in node]
    return node


def bundle(openapi: dict, schemas: dict[str, dict]) -> dict:
    document = rewrite(openapi, "")
    components = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in schemas.items():
        components[name] = rewrite(schema, f"/components/schemas/{name}")
    return document


def main() -> None:
    openapi_file, schema_dir, output = map(pathlib.Path, sys.argv[1:4])
    texts = {component_name(p.name): p.read_text() for p in sorted(schema_dir.glob("*.schema.json"))}
    schemas = {name: json.loads(text) for name, text in texts.items()}
    openapi = bundle(yaml.safe_load(openapi_file.read_text()), schemas)

    lines = ['#include "protocol/embedded_contract.h"', "", "namespace einfer::protocol::embedded {", ""]
    for name, text in texts.items():
        lines += [f"const std::string_view {name} =", literal(text) + ";", ""]
    lines += ["const std::string_view openapi =", literal(json.dumps(openapi, separators=(",", ":"))) + ";", ""]
    lines += ["}  // namespace einfer::protocol::embedded", ""]
    output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
