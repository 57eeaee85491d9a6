"""The contract agrees with itself: schemas, examples, openapi.yaml and docs/api.md.

Needs no server. Run: pytest tests/contract
"""

import copy
import hashlib
import json
import pathlib
import re

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import validate as validate_openapi
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA_DIR = ROOT / "schemas"
EXAMPLES = ROOT / "docs" / "api" / "examples"
OPENAPI_FILE = ROOT / "openapi.yaml"

NAMES = [
    "accepted", "error", "health", "infer_plain_request", "infer_plain_response", "infer_plain_response_1_1",
    "infer_request", "infer_request_binary", "job", "job_binary", "key", "keys", "keys_1_1", "keys_upload",
    "keys_upload_binary", "models", "models_1_1", "registry_entry", "registry_entry_1_1", "result",
]
ROUTES = {
    "/health": ["get"], "/ready": ["get"], "/models": ["get"], "/keys": ["get", "post"],
    "/keys/{evaluation_key_id}": ["head", "delete"], "/infer": ["post"],
    "/jobs/{job_id}": ["get", "delete"], "/infer/plain": ["post"], "/openapi.json": ["get"],
}


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


SCHEMAS = {name: load(SCHEMA_DIR / f"{name}.schema.json") for name in NAMES}
OPENAPI = yaml.safe_load(OPENAPI_FILE.read_text(encoding="utf-8"))
ERROR_CODES = SCHEMAS["error"]["$defs"]["error"]["properties"]["code"]["enum"]


def example_files(verdict):
    return [
        pytest.param(name, path, id=f"{name}/{path.stem}")
        for name in NAMES
        for path in sorted((EXAMPLES / name / verdict).glob("*.json"))
    ]


def errors(name, instance):
    return list(Draft202012Validator(SCHEMAS[name]).iter_errors(instance))


def accepts(name, instance):
    return not errors(name, instance)


# --- Schemas in themselves ------------------------------------------------------------------------------------------------

# Keywords that mean the same in draft 7 and in draft 2020-12, provided that $ref has no siblings and `items` is one schema,
# both of which are checked below. `format` is not here: whether it is checked differs.
ANNOTATIONS = {"$schema", "$id", "title", "description", "$comment"}
ASSERTIONS = {
    "type", "const", "enum", "required", "additionalProperties", "minItems", "maxItems", "uniqueItems", "minLength",
    "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "not",
}
APPLICATORS = {"properties", "items", "allOf", "anyOf", "oneOf", "if", "then", "else", "$defs", "$ref"}
ALLOWED = ANNOTATIONS | ASSERTIONS | APPLICATORS


def subschemas(schema, path=()):
    """Every schema object inside `schema`, with its path. References are not followed."""
    yield path, schema
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs"):
            for key, sub in value.items():
                yield from subschemas(sub, (*path, keyword, key))
        elif keyword in ("allOf", "anyOf", "oneOf"):
            for index, sub in enumerate(value):
                yield from subschemas(sub, (*path, keyword, index))
        elif keyword in ("items", "not", "if", "then", "else") or (
            keyword == "additionalProperties" and isinstance(value, dict)
        ):
            yield from subschemas(value, (*path, keyword))


def test_schema_files_are_the_known_ones():
    assert sorted(path.name for path in SCHEMA_DIR.iterdir()) == sorted(f"{name}.schema.json" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid(name):
    schema = SCHEMAS[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://einfer.dev/schemas/v1/{name}.schema.json"
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema({k: v for k, v in schema.items() if k != "$schema"})


@pytest.mark.parametrize("name", NAMES)
def test_keywords_mean_the_same_in_draft_7(name):
    for path, schema in subschemas(SCHEMAS[name]):
        assert set(schema) <= ALLOWED, (path, set(schema) - ALLOWED)
        if "$ref" in schema:
            assert set(schema) == {"$ref"}, f"{path}: draft 7 ignores what stands beside $ref"
        if "items" in schema:
            assert isinstance(schema["items"], dict), path
        if path:
            assert "$id" not in schema and "$schema" not in schema, path


@pytest.mark.parametrize("name", NAMES)
def test_references_are_local_and_resolve(name):
    schema = SCHEMAS[name]
    resource = Resource(contents=schema, specification=DRAFT202012)
    resolver = Registry().with_resource(schema["$id"], resource).resolver(base_uri=schema["$id"])
    used = set()
    for path, sub in subschemas(schema):
        if "$ref" in sub:
            assert sub["$ref"].startswith("#/$defs/"), path
            resolver.lookup(sub["$ref"])
            used.add(sub["$ref"].removeprefix("#/$defs/"))
    assert used == set(schema.get("$defs", {}))


# Objects with free members: what an error says besides, and the result, where v1.x may add.
OPEN_OBJECTS = {
    ("error", ("$defs", "error", "properties", "details")),
    ("result", ()),
    ("job", ("$defs", "result")),
    ("job_binary", ("$defs", "result")),
}


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_closed(name):
    for path, schema in subschemas(SCHEMAS[name]):
        if schema.get("type") == "object" and (name, path) not in OPEN_OBJECTS:
            assert schema.get("additionalProperties") is False, path
            assert set(schema["required"]) <= set(schema["properties"]), path


def test_job_embeds_the_result_schema():
    result = {k: v for k, v in SCHEMAS["result"].items() if k not in ("$schema", "$id", "title")}
    assert SCHEMAS["job"]["$defs"]["result"] == result


def test_a_binary_job_has_the_result_of_another_but_for_its_bytes():
    binary, other = copy.deepcopy(SCHEMAS["job_binary"]), copy.deepcopy(SCHEMAS["job"])
    for schema, bytes_member in ((binary, "binary_data_size"), (other, "payload")):
        result = schema["$defs"]["result"]
        result["required"].remove(bytes_member)
        del result["properties"][bytes_member], result["properties"]["encoding"]
    assert binary["$defs"]["result"] == other["$defs"]["result"]
    for member in ("job_id", "created_at", "started_at", "finished_at", "result"):
        assert binary["properties"][member] == other["properties"][member]


def test_a_binary_request_is_another_but_for_its_inputs():
    binary, other = copy.deepcopy(SCHEMAS["infer_request_binary"]), copy.deepcopy(SCHEMAS["infer_request"])
    for schema in (binary, other):
        for member in ("$id", "title", "description", "$defs"):
            del schema[member]
    assert binary == other


def test_job_errors_use_the_same_codes():
    assert SCHEMAS["job"]["$defs"]["error"]["properties"]["code"]["enum"] == ERROR_CODES
    assert len(set(ERROR_CODES)) == len(ERROR_CODES)


def test_encoding_faults_are_no_schema_violations():
    entry = SCHEMAS["infer_request"]["$defs"]["input"]["properties"]
    for member in ("encoding", "payload"):
        assert set(entry[member]) == {"type", "description"}
    entry = SCHEMAS["keys_upload"]["$defs"]["keys"]["properties"]
    assert all(set(entry[member]) == {"type", "description"} for member in ("encoding", "payload"))
    assert set(SCHEMAS["keys_upload_binary"]["$defs"]["keys"]["properties"]["binary_data_size"]) == {"type", "description"}
    size = SCHEMAS["infer_request_binary"]["$defs"]["input"]["properties"]["binary_data_size"]
    assert set(size) == {"type", "description"}


# --- Examples -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "path"), example_files("accept"))
def test_accept(name, path):
    instance = load(path)
    assert errors(name, instance) == []
    assert Draft7Validator(SCHEMAS[name]).is_valid(instance)


@pytest.mark.parametrize(("name", "path"), example_files("reject"))
def test_reject(name, path):
    instance = load(path)
    found = errors(name, instance)
    keyword = path.stem.partition("-")[0]
    assert keyword in {error.validator for error in found}, "rejected for another reason than the file's name says"
    assert not Draft7Validator(SCHEMAS[name]).is_valid(instance)


@pytest.mark.parametrize("name", NAMES)
def test_there_are_several_of_each(name):
    assert len(list((EXAMPLES / name / "accept").glob("*.json"))) >= 2
    assert len(list((EXAMPLES / name / "reject").glob("*.json"))) >= 2


LARGE = 1000  # bounds on counts from here on have no example files: see LARGE_REJECTS
WITNESSED = ASSERTIONS - {"type", "additionalProperties"}  # `type` is covered by test_null_is_never_accepted


def rule_sites(name):
    """(path, keyword) of every assertion that a reject example has to break."""
    for path, schema in subschemas(SCHEMAS[name]):
        if "if" in path or "not" in path:
            continue
        if name == "job" and path[:2] == ("$defs", "result"):
            continue  # the same as result.schema.json, whose own examples count
        for keyword in schema:
            if keyword in WITNESSED and not (keyword == "maxItems" and schema[keyword] >= LARGE):
                yield path, keyword
            if keyword == "additionalProperties" and schema[keyword] is False:
                yield path, keyword


def without_rule(schema, path, keyword):
    weaker = copy.deepcopy(schema)
    node = weaker
    for step in path:
        node = node[step]
    del node[keyword]
    return weaker


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_reject_example(name):
    """Without the rule, at least one reject example would be accepted: no rule is untested, and none is redundant."""
    instances = [load(path) for path in (EXAMPLES / name / "reject").glob("*.json")]
    for path, keyword in rule_sites(name):
        weaker = Draft202012Validator(without_rule(SCHEMAS[name], path, keyword))
        assert any(weaker.is_valid(instance) for instance in instances), (path, keyword)


def base(name, stem):
    return load(EXAMPLES / name / "accept" / f"{stem}.json")


def with_value(instance, pointer, value):
    changed = copy.deepcopy(instance)
    *parents, last = pointer
    node = changed
    for step in parents:
        node = node[step]
    node[last] = value
    return changed


HEX_INPUT = {"encoding": "hex", "payload": "00"}
KEY_NEEDS = ("models", 0, "evaluation_keys")
LARGE_LIMITS = [
    ("models", "reference_model", ("models", 0, "parameters", "weights"), lambda n: [0.5] * n, 4096),
    ("registry_entry", "reference_model", ("parameters", "weights"), lambda n: [0.5] * n, 4096),
    ("registry_entry", "every_optional_member", ("input_bounds",), lambda n: [1] * n, 4096),
    ("registry_entry", "every_optional_member", ("feature_names",), lambda n: [f"f{i}" for i in range(n)], 4096),
    ("infer_request", "deployed_client", ("inputs",), lambda n: [HEX_INPUT] * n, 4096),
    ("infer_request_binary", "smallest", ("inputs",), lambda n: [{"binary_data_size": 1}] * n, 4096),
    ("infer_plain_request", "two_rows", ("inputs",), lambda n: [[1]] * n, 65536),
    ("infer_plain_request", "two_rows", ("inputs",), lambda n: [[1] * n], 4096),
    ("infer_plain_response", "two_rows", ("outputs",), lambda n: [0.5] * n, 65536),
    ("infer_plain_response_1_1", "two_rows", ("outputs",), lambda n: [[0.5]] * n, 65536),
    ("infer_plain_response_1_1", "two_rows", ("outputs",), lambda n: [[0.5] * n], 65536),
    ("keys_1_1", "single_prime", (*KEY_NEEDS, "galois_steps"), lambda n: list(range(n)), 4096),
    ("keys_1_1", "single_prime", (*KEY_NEEDS, "galois_elements"), lambda n: list(range(3, n + 3)), 4096),
    ("models_1_1", "reference_model", ("models", 0, "parameters", "weights"), lambda n: [0.5] * n, 4096),
    *(("models_1_1", "smallest", ("models", 0, "input", bound), lambda n: [0.5] * n, 65536) for bound in ("lower", "upper")),
    ("models_1_1", "smallest", ("models", 0, "input", "names"), lambda n: ["x"] * n, 65536),
    ("models_1_1", "smallest", ("models", 0, "output", "class_names"), lambda n: ["x"] * n, 65536),
    ("models_1_1", "smallest", (*KEY_NEEDS, "galois_steps"), lambda n: list(range(n)), 4096),
    ("models_1_1", "slots", ("models", 0, "packing", "feature_of_slot"), lambda n: [[-1] * n], 16384),
    ("models_1_1", "slots", ("models", 0, "packing", "output_slots"), lambda n: [0] * n, 16384),
    *(("registry_entry_1_1", "linear", ("input", bound), lambda n: [0.5] * n, 65536) for bound in ("lower", "upper")),
    ("registry_entry_1_1", "linear", ("input", "feature_names"), lambda n: ["x"] * n, 65536),
    ("registry_entry_1_1", "linear", ("class_names",), lambda n: ["x"] * n, 65536),
]


@pytest.mark.parametrize(("name", "stem", "pointer", "make", "limit"), LARGE_LIMITS)
def test_large_limits(name, stem, pointer, make, limit):
    instance = base(name, stem)
    assert accepts(name, with_value(instance, pointer, make(limit)))
    found = errors(name, with_value(instance, pointer, make(limit + 1)))
    assert {error.validator for error in found} == {"maxItems"}


def test_large_limits_are_all_tried():
    bounds = [
        schema["maxItems"]
        for name in NAMES
        for _, schema in subschemas(SCHEMAS[name])
        if schema.get("maxItems", 0) >= LARGE
    ]
    assert sorted(bounds) == sorted(limit for *_, limit in LARGE_LIMITS)


def nodes(instance, path=()):
    if path:
        yield path
    if isinstance(instance, dict):
        for key, value in instance.items():
            yield from nodes(value, (*path, key))
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield from nodes(value, (*path, index))


def is_free(name, path):
    """Members whose content the contract leaves open."""
    if name == "error":
        return path[:2] == ("error", "details") and len(path) > 2
    if name in ("result", "job", "job_binary"):
        inner = path if name == "result" else path[1:] if path[0] == "result" else ()
        known = SCHEMAS[name]["$defs"]["result"] if name == "job_binary" else SCHEMAS["result"]
        return bool(inner) and inner[0] not in known["properties"]
    return False


@pytest.mark.parametrize(("name", "path"), example_files("accept"))
def test_null_is_never_accepted(name, path):
    instance = load(path)
    for pointer in nodes(instance):
        if not is_free(name, pointer):
            assert not accepts(name, with_value(instance, pointer, None)), pointer


# --- Examples for readers -------------------------------------------------------------------------------------------------


def indexed_examples():
    rows = re.findall(r"^\| `(\w+\.json)` \|.*\| `(\w+)` \|$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    return dict(rows)


def test_example_index_is_complete():
    assert set(indexed_examples()) == {path.name for path in EXAMPLES.glob("*.json")}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(NAMES)


@pytest.mark.parametrize(("file", "name"), sorted(indexed_examples().items()))
def test_indexed_example_fits_its_schema(file, name):
    assert errors(name, load(EXAMPLES / file)) == []


def test_example_digest_is_that_of_the_example_request():
    request = load(EXAMPLES / "infer_request.json")
    result = load(EXAMPLES / "job_completed.json")["result"]
    digest = hashlib.sha256()
    for entry in request["inputs"]:
        digest.update(bytes.fromhex(entry["payload"]))
    assert result["request_digest"] == "sha256:" + digest.hexdigest()
    assert result["diagnostics"]["requested_batch_size"] == request["batch_size"]


def test_example_plain_answer_is_right():
    model = load(EXAMPLES / "models.json")["models"][0]
    c0, c1, c2 = model["activation_parameters"]["coefficients"]
    request, response = load(EXAMPLES / "infer_plain_request.json"), load(EXAMPLES / "infer_plain_response.json")
    for row, output in zip(request["inputs"], response["outputs"], strict=True):
        z = sum(w * x for w, x in zip(model["parameters"]["weights"], row, strict=True)) + model["parameters"]["bias"]
        assert output == pytest.approx(c0 + c1 * z + c2 * z * z, abs=1e-11)


def test_example_keys_are_consistent():
    def parms_id(degree, primes):
        words = [2, degree, *primes, 0]  # scheme, N, primes, no plain modulus
        return hashlib.blake2b(b"".join(w.to_bytes(8, "little") for w in words), digest_size=32).hexdigest()

    model = load(EXAMPLES / "models.json")["models"][0]
    entry = load(EXAMPLES / "keys.json")["models"][0]
    primes = [int(p) for p in entry["coeff_modulus"]]
    degree = entry["poly_modulus_degree"]
    assert [p.bit_length() for p in primes] == model["encryption_parameters"]["coeff_modulus_bits"]
    assert degree == model["encryption_parameters"]["poly_modulus_degree"]
    assert all(p % (2 * degree) == 1 for p in primes)
    assert entry["parms_ids"]["key"] == parms_id(degree, primes)
    assert entry["parms_ids"]["data"] == [parms_id(degree, primes[:n]) for n in range(len(primes) - 1, 0, -1)]
    payload = bytes.fromhex(entry["encryption_parameters"]["payload"])
    assert payload[:8] == bytes([0x5E, 0xA1, 16, 4, 1, 0, 0, 0])
    assert int.from_bytes(payload[8:16], "little") == len(payload)


# --- The frozen v1.0 view of GET /models, as a deployed client checks it --------------------------------------------------

V1_MODEL = {
    "model_id": str,
    "version": str,
    "description": str,
    "he_scheme": str,
    "encryption_parameters": {
        "poly_modulus_degree": int, "scale": (int, float), "coeff_modulus_bits": list, "max_multiplicative_depth": int,
    },
    "inference": {"input_dimension": int, "output_dimension": int, "activation": str},
    "parameters": {"weights": list, "bias": (int, float)},
    "activation_parameters": {"kind": str, "coefficients": list},
    "constraints": {"max_batch_size": int},
}


def members(schema, root):
    """The members that a closed object schema has, in the shape of V1_MODEL."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if schema.get("type") != "object":
        return None
    assert schema["additionalProperties"] is False
    assert sorted(schema["required"]) == sorted(schema["properties"])
    return {key: members(sub, root) for key, sub in schema["properties"].items()}


def test_models_schema_has_exactly_the_frozen_members():
    def shape(tree):
        return {key: shape(value) if isinstance(value, dict) else None for key, value in tree.items()}

    schema = SCHEMAS["models"]
    assert set(members(schema, schema)) == {"api_version", "models"}
    assert members(schema["properties"]["models"]["items"], schema) == shape(V1_MODEL)


def check_v1_model(node, expected):
    assert set(node) == set(expected)
    for key, kind in expected.items():
        if isinstance(kind, dict):
            check_v1_model(node[key], kind)
        else:
            assert isinstance(node[key], kind) and not isinstance(node[key], bool), key


@pytest.mark.parametrize("path", sorted((EXAMPLES / "models" / "accept").glob("*.json")), ids=lambda p: p.stem)
def test_accepted_model_lists_please_a_deployed_client(path):
    document = load(path)
    assert set(document) == {"api_version", "models"}
    assert document["api_version"] == "1.0.0"
    for model in document["models"]:
        check_v1_model(model, V1_MODEL)
        assert model["he_scheme"] == "CKKS"
        assert model["inference"]["activation"] == "polynomial_sigmoid_v1"
        assert len(model["activation_parameters"]["coefficients"]) == 3
        assert len(model["parameters"]["weights"]) == model["inference"]["input_dimension"]


def objects(instance, path=()):
    if isinstance(instance, dict):
        yield path, instance
        for key, value in instance.items():
            yield from objects(value, (*path, key))
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield from objects(value, (*path, index))


def test_models_schema_refuses_one_member_more_or_less_anywhere():
    document = load(EXAMPLES / "models.json")
    for path, node in objects(document):
        assert not accepts("models", with_member(document, path, "extra", 1)), path
        for key in node:
            assert not accepts("models", without_member(document, path, key)), (path, key)


def at(instance, path):
    for step in path:
        instance = instance[step]
    return instance


def with_member(instance, path, key, value):
    changed = copy.deepcopy(instance)
    at(changed, path)[key] = value
    return changed


def without_member(instance, path, key):
    changed = copy.deepcopy(instance)
    del at(changed, path)[key]
    return changed


def test_registry_entries_have_the_members_of_the_view_and_some_more():
    entry, model = SCHEMAS["registry_entry"], SCHEMAS["models"]["$defs"]["model"]
    assert entry["required"] == model["required"]
    assert set(entry["properties"]) - set(model["properties"]) == {
        "input_bounds", "tolerance", "feature_names", "class_names", "provenance",
    }
    for key in ("encryption_parameters", "inference", "parameters", "activation_parameters", "constraints"):
        assert members(entry["properties"][key], entry) == members(model["properties"][key], model)


REGISTRY_ENTRIES = [
    *sorted(path for path in (ROOT / "models").glob("*.json") if "format" not in load(path)),
    *(EXAMPLES / "registry_entry" / "accept" / f"{stem}.json" for stem in ("reference_model", "every_optional_member")),
]


@pytest.mark.parametrize("path", REGISTRY_ENTRIES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_registry_entry_without_optional_members_is_a_model(path):
    entry = load(path)
    assert errors("registry_entry", entry) == []
    model = {key: entry[key] for key in SCHEMAS["registry_entry"]["required"]}
    assert errors("models", {"api_version": "1.0.0", "models": [model]}) == []


@pytest.mark.parametrize("path", sorted(path for path in (ROOT / "models").glob("*.json") if "format" in load(path)),
                         ids=lambda p: p.stem)
def test_an_entry_of_v1_1_fits_its_schema(path):
    schema = load(SCHEMA_DIR / "registry_entry_1_1.schema.json")
    assert list(Draft202012Validator(schema).iter_errors(load(path))) == []


# --- openapi.yaml ---------------------------------------------------------------------------------------------------------


def resolve(node):
    """The object behind a chain of references, local or to a schema file."""
    while isinstance(node, dict) and "$ref" in node:
        target, _, fragment = node["$ref"].partition("#")
        document = load(ROOT / target) if target else OPENAPI
        for part in fragment.strip("/").split("/") if fragment else []:
            document = document[part.replace("~1", "/").replace("~0", "~")]
        node = document
    return node


def inlined(schema):
    """A schema of openapi.yaml with references to schema files replaced by the files."""
    if isinstance(schema, dict):
        return resolve(schema) if "$ref" in schema else {k: inlined(v) for k, v in schema.items()}
    return [inlined(item) for item in schema] if isinstance(schema, list) else schema


def operations():
    return [(path, method, OPENAPI["paths"][path][method]) for path, methods in ROUTES.items() for method in methods]


OPERATIONS = [pytest.param(op, id=op["operationId"]) for _, _, op in operations()]


def responses(operation):
    return {int(status): resolve(response) for status, response in operation["responses"].items()}


def parameter(operation, name):
    found = [resolve(p) for p in operation.get("parameters", [])]
    return next((p for p in found if p["name"] == name), None)


def example_codes(response):
    """Error codes that the examples of a response show."""
    content = response.get("content", {}).get("application/json", {})
    values = [resolve(example)["value"] for example in content.get("examples", {}).values()]
    return {value["error"]["code"] for value in values if set(value) == {"error"}}


def test_openapi_is_valid():
    assert OPENAPI["openapi"].startswith("3.1.")
    assert OPENAPI["info"]["version"] == "1.1.0"
    validate_openapi(OPENAPI, base_uri=OPENAPI_FILE.as_uri())


def test_openapi_has_exactly_the_routes():
    assert {path: list(item) for path, item in OPENAPI["paths"].items()} == ROUTES


def test_openapi_references_resolve_and_all_schema_files_of_the_wire_are_used():
    seen = set()

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                assert resolve(node) is not None
                seen.add(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(OPENAPI)
    files = {f"schemas/{name}.schema.json" for name in NAMES}
    files_of_the_server = {f"schemas/registry_entry{form}.schema.json" for form in ("", "_1_1")}
    inner = {*files_of_the_server, "schemas/result.schema.json"}  # not on the wire; inside job
    assert {ref for ref in seen if not ref.startswith("#")} == files - inner
    demanded = {name for alternative in OPENAPI["security"] for name in alternative}
    assert demanded == set(OPENAPI["components"]["securitySchemes"])
    for kind, entries in OPENAPI["components"].items():
        if kind == "securitySchemes":
            continue  # named, not referred to
        for key in entries:
            assert f"#/components/{kind}/{key}" in seen, f"unused: {kind}/{key}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_is_described(operation):
    assert operation["summary"] and operation["description"]
    assert operation["tags"] and set(operation["tags"]) <= {tag["name"] for tag in OPENAPI["tags"]}


def test_operation_ids_are_unique():
    ids = [op["operationId"] for _, _, op in operations()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_response_headers(operation):
    for status, response in responses(operation).items():
        headers = response["headers"]
        assert "X-Request-ID" in headers, status
        assert ("Retry-After" in headers) == (status in (408, 429, 503)), status
        assert ("Allow" in headers) == (status == 405), status
        assert ("Location" in headers) == (status == 202 or (operation["operationId"] == "storeKeys" and status in (200, 201))), status
        # Of this server, and others of the protocol need not send it; or of one of the media types only.
        own = {"X-Einfer-Kernels", "Inference-Header-Content-Length"}
        assert ("Inference-Header-Content-Length" in headers) == (BINARY in response.get("content", {})), status
        assert all(resolve(header)["required"] == (name not in own) for name, header in headers.items())
    assert parameter(operation, "X-Request-ID")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_have_the_error_schema(operation):
    for status, response in responses(operation).items():
        if status >= 400:
            assert response["content"]["application/json"]["schema"] == {"$ref": "schemas/error.schema.json"}
            assert example_codes(response), f"{status}: no example of its errors"


def test_etag_is_on_the_model_list():
    listing = OPENAPI["paths"]["/models"]["get"]
    assert parameter(listing, "If-None-Match")
    assert "ETag" in responses(listing)[200]["headers"] and "ETag" in responses(listing)[304]["headers"]
    assert "content" not in responses(listing)[304]


def test_parameters_per_route():
    expected = {
        "/health": set(), "/ready": set(), "/openapi.json": set(),
        "/models": {"api_version", "If-None-Match"},
        "/keys": {"api_version", "seal_minor"},
        "post /keys": {"X-Tenant-ID", "Inference-Header-Content-Length"},
        "/keys/{evaluation_key_id}": {"evaluation_key_id", "X-Tenant-ID"},
        "/infer": {"X-Tenant-ID", "Idempotency-Key", "Prefer", "Inference-Header-Content-Length"},
        "/jobs/{job_id}": {"job_id", "X-Tenant-ID", "Prefer"},
        "delete /jobs/{job_id}": {"job_id", "X-Tenant-ID"},
        "/infer/plain": {"X-Tenant-ID"},
    }
    for path, method, operation in operations():
        names = {resolve(p)["name"] for p in operation["parameters"]}
        assert names == expected.get(f"{method} {path}", expected[path]) | {"X-Request-ID"}, path


BINARY = "application/octet-stream"
IN_BINARY = {("submitInference", "request"), ("storeKeys", "request"), ("submitInference", 200), ("getJob", 200)}


def media(operation):
    """Every JSON document that an operation takes or gives: a body, or the header of a binary one."""
    bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
    bodies += [(status, response) for status, response in responses(operation).items() if "content" in response]
    for where, body in bodies:
        binary = (operation["operationId"], where) in IN_BINARY
        assert set(body["content"]) == {"application/json"} | ({BINARY} if binary else set()), where
        yield where, body["content"]["application/json"]
        if binary:
            assert body["content"][BINARY]["schema"] == {"type": "string", "format": "binary"}
            yield where, body["content"][BINARY]["x-json-header"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_openapi_examples_fit_their_schemas(operation):
    for where, body in media(operation):
        validator = Draft202012Validator(inlined(body["schema"]))
        if where != 200 or operation["operationId"] != "getContract":
            assert body["examples"], where
        for key, example in body.get("examples", {}).items():
            assert list(validator.iter_errors(resolve(example)["value"])) == [], (where, key)


@pytest.mark.parametrize("key", sorted(OPENAPI["components"]["examples"]))
def test_openapi_examples_are_the_example_files(key):
    named, coded = EXAMPLES / f"{key}.json", EXAMPLES / "error" / "accept" / f"{key.lower()}.json"
    assert OPENAPI["components"]["examples"][key]["value"] == load(named if named.exists() else coded)


# --- Error codes: schema, docs table, openapi -----------------------------------------------------------------------------


def documented_codes():
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (\d{3}) \| (yes|no) \| (1\.[01]|reserved: v1\.1) \| .+ \|$",
        (ROOT / "docs" / "api.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len({row[0] for row in rows}) == len(rows)
    return {code: (int(status), retry == "yes", not since.startswith("reserved")) for code, status, retry, since in rows}


DOCUMENTED = documented_codes()


def test_docs_table_has_exactly_the_codes_of_the_schema():
    assert set(DOCUMENTED) == set(ERROR_CODES)


def test_retryable_codes_are_those_whose_status_carries_retry_after():
    for code, (status, retryable, _) in DOCUMENTED.items():
        assert retryable == (status in (408, 429, 503)), code


@pytest.mark.parametrize("code", ERROR_CODES)
def test_code_has_an_example(code):
    assert load(EXAMPLES / "error" / "accept" / f"{code.lower()}.json")["error"]["code"] == code


@pytest.mark.parametrize("code", ERROR_CODES)
def test_code_in_openapi(code):
    status, _, released = DOCUMENTED[code]
    shown = {
        number
        for _, _, operation in operations()
        for number, response in responses(operation).items()
        if code in example_codes(response)
    }
    if released:
        assert shown == {status}
    else:
        assert shown == set()
        assert f"`{code}` ({status})" in " ".join(OPENAPI["info"]["description"].split())


def test_descriptions_of_errors_name_what_the_examples_show():
    for _, _, operation in operations():
        for status, response in responses(operation).items():
            if status >= 400:
                named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", response["description"])) & set(ERROR_CODES)
                assert named == example_codes(response), (operation["operationId"], status)
