"""The layers of src/ keep to their table, and the server's binary holds no secret-key code.

Run: pytest tests/unit. EINFER_BUILD names the build directory, by default build/release.
"""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EINFER_BUILD", ROOT / "build" / "release"))

# What each unit may include beyond the standard library, POSIX and itself. A library is its include prefix.
SERVER = {"base", "protocol", "tenants", "wire", "kernels", "he", "registry", "inference", "jobs", "keystore", "boost/json/",
          "spdlog/"}
ALLOWED = {
    "src/base": {"boost/system/", "openssl/"},
    "src/protocol": {"base", "boost/json/", "valijson/", "immintrin.h"},
    "src/tenants": {"base", "protocol", "boost/json/"},
    "src/wire": {"base", "zlib.h", "zstd.h", "zstd_errors.h"},
    "src/kernels": {"immintrin.h"},
    "src/he": {"base", "wire", "kernels", "seal/"},
    "src/keys": {"base", "wire", "kernels", "he", "seal/"},
    "src/registry": {"base", "protocol", "inference", "boost/assert/", "boost/json/", "boost/system/"},
    "src/inference": {"base", "wire", "kernels", "he"},
    "src/onnx": {"base", "inference", "onnx/", "google/protobuf/"},
    "src/importing": {"base", "protocol", "kernels", "he", "inference", "registry", "onnx"},
    "src/storage": {"base", "sqlite3.h"},
    "src/jobs": {"base", "storage", "sqlite3.h", "isa-l/"},
    "src/keystore": {"base", "wire", "storage", "sqlite3.h"},
    "src/server": SERVER,
    "src/server/http": SERVER | {"server", "boost/asio/", "boost/beast/", "boost/url/", "openssl/"},
    "src/client": {"base", "protocol", "wire", "he", "keys", "boost/", "einfer/", "openssl/"},
    "include/einfer": {"einfer/"},
    "apps/einfer-server": {"server", "server/http", "tenants", "CLI/"},
    "apps/einfer": {"base", "importing", "einfer/", "CLI/", "csv.h", "boost/json/"},
}
LAYERS = {unit.removeprefix("src/") for unit in ALLOWED if unit.startswith("src/")}
POSIX = {"fcntl.h", "malloc.h", "netinet/tcp.h", "poll.h", "signal.h", "string.h", "sys/mman.h", "unistd.h"}
GENERATED = {"apps/einfer-server": {"einfer_version.h"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
ANY_INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)\b", re.MULTILINE)


def sources():
    files = [
        path
        for folder in ("src", "apps", "include")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".h", ".hpp", ".cpp", ".cc")
    ]
    assert len(files) > 50
    return files


def unit_of(path):
    """The longest entry of the table that the file is in."""
    relative = path.relative_to(ROOT).as_posix()
    units = [unit for unit in ALLOWED if relative.startswith(unit + "/")]
    assert units, f"{relative}: its folder is in no layer; add it to the table"
    return max(units, key=len)


def layer_of(header):
    """The layer that a quoted header belongs to, or nothing."""
    folder = header.rpartition("/")[0]
    while folder:
        if folder in LAYERS:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def is_standard(header):
    return re.fullmatch(r"[a-z_0-9]+", header) is not None or header in POSIX or header.startswith("sys/")


def permitted(unit, bracket, header):
    if bracket == '"' and (layer := layer_of(header)):
        return f"src/{layer}" == unit or layer in ALLOWED[unit]
    if bracket == '"' and "/" not in header:
        folder = ROOT / unit
        return (folder / header).exists() or header in GENERATED.get(unit, set())
    if bracket == "<" and is_standard(header):
        return True
    return any(header == library or (library.endswith("/") and header.startswith(library)) for library in ALLOWED[unit])


def forbidden(unit, text):
    includes = INCLUDE.findall(text)
    assert len(includes) == len(ANY_INCLUDE.findall(text)), "an include that this test cannot read"
    return [header for bracket, header in includes if not permitted(unit, bracket, header)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_includes_keep_to_the_layers(path):
    unit = unit_of(path)
    assert forbidden(unit, path.read_text(encoding="utf-8")) == [], f"{unit} must not include these"


@pytest.mark.parametrize(
    ("unit", "include"),
    [
        ("src/base", '"protocol/json_reader.h"'),
        ("src/base", "<boost/json/value.hpp>"),
        ("src/protocol", "<seal/seal.h>"),
        ("src/protocol", '"wire/ciphertext.h"'),
        ("src/wire", "<seal/seal.h>"),
        ("src/wire", "<boost/json/value.hpp>"),
        ("src/he", '"keys/session.h"'),
        ("src/inference", "<seal/seal.h>"),
        ("src/inference", '"protocol/model.h"'),
        ("src/inference", '"onnx/import.h"'),
        ("src/onnx", '"he/context.h"'),
        ("src/onnx", "<boost/json/value.hpp>"),
        ("src/server", '"onnx/import.h"'),
        ("src/server", '"importing/entry.h"'),
        ("src/registry", '"importing/entry.h"'),
        ("src/registry", '"onnx/import.h"'),
        ("src/importing", '"keys/session.h"'),
        ("src/importing", "<seal/seal.h>"),
        ("src/importing", "<onnx/onnx_pb.h>"),
        ("src/server", "<onnx/onnx_pb.h>"),
        ("src/jobs", '"protocol/messages.h"'),
        ("src/jobs", '"inference/plan.h"'),
        ("src/keystore", '"he/context.h"'),
        ("src/keystore", '"jobs/job.h"'),
        ("src/server", '"storage/sqlite_connection.h"'),
        ("src/server", '"keys/session.h"'),
        ("src/server", "<seal/seal.h>"),
        ("src/server", "<boost/asio/ip/tcp.hpp>"),
        ("src/server", '"server/http/server.h"'),
        ("src/server/http", '"keys/session.h"'),
        ("src/server/http", "<seal/seal.h>"),
        ("src/client", "<seal/seal.h>"),
        ("src/client", '"inference/plan.h"'),
        ("src/client", '"server/catalog.h"'),
        ("include/einfer", "<boost/json/value.hpp>"),
        ("include/einfer", '"base/error.h"'),
        ("apps/einfer-server", '"keys/session.h"'),
        ("apps/einfer-server", '"he/context.h"'),
        ("apps/einfer-server", '"importing/entry.h"'),
        ("apps/einfer", '"keys/session.h"'),
        ("apps/einfer", '"onnx/import.h"'),
        ("apps/einfer", '"client/engine.h"'),
        ("apps/einfer", "<boost/asio/ip/tcp.hpp>"),
        ("apps/einfer", '"../../src/keys/session.h"'),
    ],
)
def test_what_crosses_a_layer_is_noticed(unit, include):
    assert forbidden(unit, f"#include <vector>\n #  include {include}\n") == [include[1:-1]]


def test_every_folder_of_src_is_in_the_table():
    folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    assert folders == {layer.partition("/")[0] for layer in LAYERS}


def test_seals_own_types_stay_in_he_and_keys():
    for path in sources():
        if unit_of(path) not in ("src/he", "src/keys"):
            assert "he/seal_context.h" not in path.read_text(encoding="utf-8"), path


def test_private_headers_stay_in_their_layer():
    private = {}
    for path in sources():
        if match := re.search(r"Private to src/([a-z]+)\b", path.read_text(encoding="utf-8")):
            private[path.relative_to(ROOT / "src").as_posix()] = match[1]
    assert private
    for path in sources():
        for _, header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            if header in private:
                assert path.is_relative_to(ROOT / "src" / private[header]), f"{path} includes {header}"


def test_links_name_no_layer_that_includes_may_not():
    """The CMake targets of the layers link what the table allows, and nothing that it does not."""
    for layer in sorted(LAYERS - {"server/http", "client"}):
        text = (ROOT / "src" / layer / "CMakeLists.txt").read_text(encoding="utf-8")
        linked = set(re.findall(r"\beinfer_([a-z]+)\b", text)) - {"layer", "options", layer}
        assert linked <= ALLOWED[f"src/{layer}"], layer
        if "seal/" not in ALLOWED[f"src/{layer}"]:
            assert "SEAL" not in text, layer


# --- The server cannot decrypt --------------------------------------------------------------------------------------------

SECRET_KEY_CODE = re.compile(
    r"\b(KeyGenerator|Encryptor|Decryptor|SecretKey|encrypt_zero_symmetric|encrypt_zero_asymmetric)\b|einfer::keys\b"
)


@pytest.fixture(scope="module")
def server_symbols():
    binary = BUILD / "bin" / "einfer-server"
    assert binary.exists(), f"{binary} is not there: build it first (make build), or set EINFER_BUILD"
    listed = subprocess.run(["nm", "-C", str(binary)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert any("einfer::server::" in line for line in listed), f"{binary} is stripped: nothing can be proved of it"
    return listed


def test_the_server_has_no_secret_key_code(server_symbols):
    assert [line for line in server_symbols if SECRET_KEY_CODE.search(line)] == []


def test_the_server_does_evaluate(server_symbols):
    """So that the test above is not passed by a binary without SEAL in it."""
    assert any("seal::Evaluator::" in line for line in server_symbols)


IMPORT_CODE = re.compile(r"einfer::(importing|onnx)::|onnx::ModelProto|google::protobuf::")


def test_the_server_reads_no_onnx(server_symbols):
    assert [line for line in server_symbols if IMPORT_CODE.search(line)] == []
