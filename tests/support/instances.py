"""JSON documents made from a schema: valid ones, and each of them changed at every keyword of the schema in turn.

What a changed document deserves is not said here: validators do, and are compared. Documents are texts, because what makes
the difference may be how a number is written. Knows the keywords that schemas/ uses, and refuses others.
"""

from __future__ import annotations

import copy
import json
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from support.contract import validator

Schema = dict[str, Any]
Path = tuple[str | int, ...]  # into a document

ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
ASSERTIONS = {
    "type", "required", "additionalProperties", "minLength", "maxLength", "pattern", "enum", "const", "minimum", "maximum",
    "exclusiveMinimum", "minItems", "maxItems", "uniqueItems", "not",
}
APPLICATORS = {"$ref", "properties", "items", "allOf", "if", "then", "else"}


def is_union(schema: Schema) -> bool:
    """One of several forms of an object; the condition names the member that tells them apart."""
    return {"if", "then", "else"} <= set(schema) and "type" not in schema


def raw(text: str) -> str:
    """Stands for a number that is written so."""
    return f"\ue000{text}\ue001"


def to_text(document: Any) -> str:
    return re.sub("\"\ue000([^\ue001]*)\ue001\"", r"\1", json.dumps(document, ensure_ascii=False))


# --- Valid documents -------------------------------------------------------------------------------------------------------

CLASS = re.compile(r"\[((?:\\.|[^\]])+)\]|\\(.)|([^\\\[\]{}()*+?|.^$])")
COUNT = re.compile(r"\{(\d+)(?:,(\d+))?\}|([+*?])")


def text_like(pattern: str, rng: random.Random) -> str:
    """A string that a pattern of the schemas takes: characters and classes, each with a count."""
    body, at, made = pattern.removeprefix("^").removesuffix("$"), 0, ""
    while at < len(body):
        unit = CLASS.match(body, at)
        assert unit, f"{pattern} is beyond this generator at {at}"
        at = unit.end()
        characters = members(unit[1]) if unit[1] else unit[2] or unit[3]
        low = high = 1
        count = COUNT.match(body, at)
        if count:
            at = count.end()
            low, high = {"+": (1, 4), "*": (0, 4), "?": (0, 1)}.get(count[3]) or (int(count[1]), int(count[2] or count[1]))
        made += "".join(rng.choice(characters) for _ in range(rng.randint(low, high)))
    assert re.search(pattern, made)
    return made


def members(inside: str) -> str:
    found = re.sub(r"(.)-(.)", lambda span: "".join(map(chr, range(ord(span[1]), ord(span[2]) + 1))), inside)
    return found.replace("\\", "")


STRINGS = ["x", "1.0", "hex", "é", "\U0001f600", "a b", "\u2028", "0", "..", "\"", "\\", "\x7f", "日本語"]


class Generator:
    """Valid documents of one schema, the same for the same seed."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self.validator = validator(name)
        self.root: Schema = self.validator.schema
        self.random = random.Random(f"{name} {seed}")
        self.done: set[Any] = set()

    def is_first(self, what: Any) -> bool:
        """Whether this is asked for the first time."""
        known = what in self.done
        self.done.add(what)
        return not known

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            node: Any = self.root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part]
            schema = node
        assert set(schema) <= ANNOTATIONS | ASSERTIONS | APPLICATORS, set(schema)
        return schema

    def document(self) -> Any:
        for _ in range(1000):  # conditions between members are met by chance
            made = self.value(self.root)
            if self.validator.is_valid(made):
                return made
        raise AssertionError(f"no valid {self.name} was found")

    def value(self, schema: Schema) -> Any:
        schema, rng = self.resolve(schema), self.random
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if is_union(schema):
            return self._form(schema)
        if "type" not in schema:
            return rng.choice(STRINGS)
        kind = schema["type"] if isinstance(schema["type"], str) else rng.choice(schema["type"])
        return {
            "object": self._object, "array": self._array, "string": self._string, "integer": self._integer,
            "number": self._number, "boolean": lambda _: rng.random() < 0.5,
        }[kind](schema)

    def _form(self, schema: Schema) -> Any:
        branch = self.random.choice(["then", "else"])
        made = self.value(schema[branch])
        if branch == "then":
            made |= {name: self.value(each) for name, each in schema["if"].get("properties", {}).items()}
        return made

    def holds(self, condition: Schema, value: Any) -> bool:
        return self.validator.evolve(schema=condition).is_valid(value)

    def _object(self, schema: Schema) -> dict[str, Any]:
        made = {
            name: self.value(each) for name, each in schema.get("properties", {}).items()
            if name in schema.get("required", ()) or self.random.random() < 0.5
        }
        if schema.get("additionalProperties", True) and self.random.random() < 0.3:
            made["another"] = self.random.choice([None, 1, "x", [], {"deep": [True]}])
        return made

    def _array(self, schema: Schema) -> list[Any]:
        low = schema.get("minItems", 0)
        high = min(low + 3, schema.get("maxItems", low + 3))
        if schema.get("uniqueItems") and "enum" in schema["items"]:
            high = min(high, len(schema["items"]["enum"]))
        count = self.random.randint(low, high)
        made: list[Any] = []
        while len(made) < count:
            item = self.value(schema["items"])
            if not schema.get("uniqueItems") or item not in made:
                made.append(item)
        return made

    def _string(self, schema: Schema) -> str:
        if "pattern" in schema:
            return text_like(schema["pattern"], self.random)
        low = schema.get("minLength", 0)
        text = self.random.choice([*STRINGS, ""][: len(STRINGS) + (low == 0)])
        return text if len(text) >= low else text * low

    def _integer(self, schema: Schema) -> Any:
        low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31)
        value = self.random.choice([low, high, self.random.randint(low, high), min(high, low + 1)])
        return self.random.choice([value, value, value, float(value)])

    def _number(self, schema: Schema) -> Any:
        high = schema.get("maximum", 1e6)
        low = schema.get("exclusiveMinimum", -high)
        value = self.random.choice([self.random.uniform(low, high), high, high / 3, 2.0**-30])
        return value if value > low else high


# --- Changed documents -----------------------------------------------------------------------------------------------------

OTHERS = [None, True, False, 0, 1, 1.5, "x", "", [], {}, [1], {"a": 1}, "1", "null"]
NUMBERS = [
    "0", "1", "-1", "1.0", "1e0", "10E-1", "-0", "-0.0", "0.5", "1.5", "5e-324", "1e-400", "1.7976931348623157e308",
    "1e308", "1e400", "-1e400", "2147483647", "2147483648", "2147483647.0", "4294967296", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890", "1e30",
    "1.00000000000000000001", "0.9999999999999999", "1.0000000000000002",
]
MANY = 1000  # arrays of more are made once for each place of the schema
TEXTS = ["", " ", "\0", "a\0", "é", "\U0001f600", "\u2028", "x\n", "\ufffd", "A" * 5000, "0" * 8193, "'", "\"", "\\n", "/~"]


class Changes:
    """One document, changed in every way that has to do with its schema, one change at a time."""

    def __init__(self, generator: Generator, document: Any) -> None:
        self.generator = generator
        self.base = document
        self.seen: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        yield to_text(self.base)
        yield from self._at(self.generator.root, (), "")

    def _with(self, path: Path, value: Any) -> str:
        if not path:
            return to_text(value)
        document = copy.deepcopy(self.base)
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = value
        return to_text(document)

    def _at(self, schema: Schema, path: Path, place: str) -> Iterator[str]:
        """Changes of the value at `path`; `place` names it whatever its index, for one item of an array is as good as another."""
        schema = self.generator.resolve(schema)
        value: Any = self.base
        for step in path:
            value = value[step]
        while is_union(schema):
            branch = "then" if self.generator.holds(schema["if"], value) else "else"
            schema, place = self.generator.resolve(schema[branch]), f"{place}/{branch}"
        if place in self.seen:
            return
        self.seen.add(place)
        for changed in self._values(schema, value):
            yield self._with(path, changed)
        if isinstance(value, dict):
            for name, each in schema.get("properties", {}).items():
                if name in value:
                    yield from self._at(each, (*path, name), f"{place}/{name}")
        for number, each in enumerate(schema.get("allOf", ())):
            for branch in ("then", "else"):
                if branch not in each:
                    continue
                yield from self._at(each[branch], path, f"{place}/{number}{branch}")
        if isinstance(value, list) and value and "items" in schema:
            for number in range(len(value)) if is_union(self.generator.resolve(schema["items"])) else [len(value) - 1]:
                yield from self._at(schema["items"], (*path, number), f"{place}/*")

    def _values(self, schema: Schema, value: Any) -> Iterator[Any]:
        yield from OTHERS
        made: dict[type, Callable[[Schema, Any], Iterator[Any]]] = {
            dict: self._objects, list: self._arrays, str: self._strings, int: self._numbers, float: self._numbers,
        }
        if type(value) in made:
            yield from made[type(value)](schema, value)
        for twin in [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]:
            yield twin
            yield [twin]
            if isinstance(twin, str):
                yield from (twin.swapcase(), twin + " ", " " + twin, twin + "\0", twin[:-1])
            else:
                yield from (float(twin), str(twin), twin + 1, -twin, raw(f"{twin}.0"), raw(f"{twin}e0"))
                yield math.nextafter(twin, math.inf)

    def _objects(self, schema: Schema, value: dict[str, Any]) -> Iterator[Any]:
        for name in value:
            yield {other: value[other] for other in value if other != name}
        for name in ("unknown", "", "a/b~c", "\0", "é", "__proto__", "$ref", "0"):
            yield {**value, name: 1}
        for name, each in schema.get("properties", {}).items():
            if name not in value:
                yield {**value, name: self.generator.value(each)}
            yield {name.upper() if other == name else other: value[other] for other in value}
        yield dict(reversed(value.items()))

    def _arrays(self, schema: Schema, value: list[Any]) -> Iterator[Any]:
        low, high = schema.get("minItems", 0), schema.get("maxItems", 0)
        for count in sorted({low - 1, low, low + 1, high, high + 1} - {-1}):
            if count > MANY and not self.generator.is_first((id(schema), count)):
                continue
            if schema.get("uniqueItems"):
                yield self._different_items(schema["items"], count)
            else:
                yield [value[number % len(value)] if value else self.generator.value(schema["items"]) for number in range(count)]
        if value:
            yield [*value, value[0]]
            yield [*value[:-1], None]
            yield [value]
            if type(value[0]) in (int, float):
                yield [*value, raw(f"{value[0]:.25e}")]

    def _different_items(self, schema: Schema, count: int) -> list[Any]:
        """So many, or as many as there are."""
        made: dict[Any, None] = {}
        for number in range(20 * count):
            item = self.generator.value(schema)
            if isinstance(item, str) and "pattern" not in self.generator.resolve(schema):
                item += str(number)
            if len(made) < count:
                made[item] = None
        return list(made)

    def _strings(self, schema: Schema, value: str) -> Iterator[Any]:
        yield from TEXTS
        for length in {schema.get(name, 1) + more for name in ("minLength", "maxLength") for more in (-1, 0, 1)}:
            yield from (character * length for character in ("x", "é", "\U0001f600", "0"))
        if "pattern" in schema:
            for _ in range(5):
                yield text_like(schema["pattern"], self.generator.random)
            yield value + value[-1:] * 8192
            yield from (value + "\n", "\n" + value, value + "\0", value + value, value[1:], value[:-1], value.upper(), value + "x")
            yield from (value[:at] + character + value[at + 1 :] for at in (0, len(value) // 2) for character in "é g-Z٣")

    def _numbers(self, schema: Schema, value: float) -> Iterator[Any]:
        yield from map(raw, NUMBERS)
        for name in ("minimum", "maximum", "exclusiveMinimum"):
            if name in schema:
                bound = schema[name]
                yield from (bound, bound - 1, bound + 1, bound + 0.5, bound - 0.5, float(bound), raw(f"{bound}.0"))
                yield from (math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf))


def keyword_places(name: str) -> set[str]:
    """Every keyword of a schema that can be broken, by the path that a violation of it has, which leaves out `$ref` and `if`."""
    generator, found = Generator(name), set()

    def walk(schema: Schema, path: str, always: str = "") -> None:
        """`always` is a keyword that nothing breaks here."""
        if "$ref" in schema:
            assert set(schema) - ANNOTATIONS == {"$ref"}
            walk(generator.resolve(schema), path, always)
            return
        if is_union(schema):  # what is no object fulfils the condition, and is of the wrong type in the first form
            walk(schema["then"], f"{path}/then", always)
            walk(schema["else"], f"{path}/else", "type")
            return
        for keyword in schema:
            if keyword in ASSERTIONS and keyword != always and not (keyword == "additionalProperties" and schema[keyword]):
                found.add(f"{path}/{keyword}")
        for member, each in schema.get("properties", {}).items():
            walk(each, f"{path}/properties/{member}")
        if "items" in schema:
            walk(schema["items"], f"{path}/items")
        for number, each in enumerate(schema.get("allOf", ())):
            walk(each, f"{path}/allOf/{number}")
        for branch in ("then", "else"):
            if branch in schema:
                walk(schema[branch], f"{path}/{branch}")

    walk(generator.root, "")
    return found
