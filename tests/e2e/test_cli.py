"""The command-line client against the real server."""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from support.http import get
from support.models import clear_answer, holdout_rows, read_entry
from support.server import BINARY, ROOT, Server, clean_environment

CLIENT = BINARY.parent / "einfer"
HOLDOUT = ROOT / "models/holdout"


def run(*arguments: str, server: Server | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = clean_environment({"EINFER_SERVER": server.url} if server else None)
    return subprocess.run([str(CLIENT), *arguments], env=environment, input=stdin, capture_output=True, text=True,
                          timeout=120, check=False)


def predictions(text: str) -> list[float]:
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["prediction"]
    return [float(row[0]) for row in rows[1:]]


def in_clear(model_id: str, rows: list[list[float]]) -> list[float]:
    return [clear_answer(read_entry(model_id), row) for row in rows]


def test_eight_times_a_tenth(server: Server):
    answer = run("infer", "--model", "logistic_v1", "--input", "-", server=server, stdin=",".join(["0.1"] * 8) + "\n")
    assert answer.returncode == 0, answer.stderr
    assert predictions(answer.stdout) == [pytest.approx(0.50059, abs=1e-5)]
    assert answer.stderr == ""


@pytest.mark.parametrize("options", [
    (), ("--encoding", "base64"), ("--public-key",), ("--encoding", "base64", "--public-key", "--tenant", "ward-7"),
], ids=" ".join)
@pytest.mark.parametrize("model_id", ["logistic_v1", "breast_cancer_v1", "wine_quadratic_v1"])
def test_the_held_out_rows(server: Server, tmp_path: pathlib.Path, model_id: str, options: tuple[str, ...]):
    output, stats = tmp_path / "predictions.csv", tmp_path / "stats.json"
    answer = run("infer", "--model", f"{model_id}@1.0.0", "--input", str(HOLDOUT / f"{model_id}.csv"),
                 "--output", str(output), "--stats", str(stats), *options, server=server)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    expected = in_clear(model_id, holdout_rows(model_id))
    facts = json.loads(stats.read_text())
    assert facts["rows"] == len(expected)
    # Rounding to a power of ten at most the bound adds at most half of it.
    assert predictions(output.read_text()) == pytest.approx(expected, abs=1.5 * facts["error_bound"])


def test_json_lines_in_batches(server: Server):
    rows = [[0.1 * i] * 8 for i in range(7)]
    lines = "".join(json.dumps(row if i % 2 else {"features": row, "id": i}) + "\n" for i, row in enumerate(rows))
    answer = run("infer", "--model", "logistic_v1", "--input", "-", "--batch-size", "3", server=server, stdin=lines)
    assert answer.returncode == 0, answer.stderr
    values = [json.loads(line)["prediction"] for line in answer.stdout.splitlines()]
    assert values == pytest.approx(in_clear("logistic_v1", rows), abs=1e-5)


def as_csv(table: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue()


WINE = list(csv.reader((HOLDOUT / "wine_quadratic_v1.csv").read_text().splitlines()))[:6]
WINE_NAMES = WINE[0]


def infer_wine(server: Server, table: list[list[str]], *options: str) -> subprocess.CompletedProcess[str]:
    return run("infer", "--model", "wine_quadratic_v1", "--input", "-", *options, server=server, stdin=as_csv(table))


@pytest.fixture(scope="module")
def wine_answers() -> list[float]:
    return in_clear("wine_quadratic_v1", holdout_rows("wine_quadratic_v1")[:5])


@pytest.mark.parametrize(("change", "said"), [
    pytest.param(lambda row: row, "", id="as it is"),
    pytest.param(lambda row: [f" {field}\t" for field in row], "", id="blanks"),
    pytest.param(lambda row: row[::-1], "standard input: the columns are taken by their names: their order is not the "
                 "model's", id="another order"),
    pytest.param(lambda row: ["patient" if row is WINE_NAMES else "no. 7", *row, "label" if row is WINE_NAMES else "1"],
                 "standard input: left out, no features of the model: 'patient', 'label'", id="more columns"),
    pytest.param(lambda row: [*row[3:], "label" if row is WINE_NAMES else "", *row[:3]],
                 "standard input: the columns are taken by their names: their order is not the model's; left out, no "
                 "features of the model: 'label'", id="both"),
])
def test_columns_are_chosen_by_a_headers_names(server: Server, wine_answers: list[float], change, said: str):
    answer = infer_wine(server, [change(row) for row in WINE])
    assert answer.returncode == 0, answer.stderr
    assert predictions(answer.stdout) == pytest.approx(wine_answers, abs=1e-6)
    assert answer.stderr == (f"einfer: {said}\n" if said else "")


@pytest.mark.parametrize(("names", "said"), [
    (["Alcohol", *WINE_NAMES[1:]], "line 1: the header has no column 'alcohol', a feature of the model; its column "
     "'Alcohol' is none. Name the columns as the model does, or give --ignore-header if they are in its order"),
    ([*WINE_NAMES[:-1], WINE_NAMES[0]], "line 1: the header has two columns 'alcohol', a feature of the model"),
    ([*WINE_NAMES[:-1], ""], "line 1: the header has no column 'proline', a feature of the model; its column '' is none"),
])
def test_a_header_with_other_names_is_refused_unless_it_is_ignored(
        server: Server, wine_answers: list[float], names: list[str], said: str):
    refused = infer_wine(server, [names, *WINE[1:]])
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("einfer: standard input: " + said)
    taken = infer_wine(server, [names, *WINE[1:]], "--ignore-header")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert predictions(taken.stdout) == pytest.approx(wine_answers, abs=1e-6)


def test_a_feature_that_is_no_number_is_found_in_its_column_of_the_file(server: Server):
    answer = infer_wine(server, [["label", *WINE_NAMES], ["benign", *WINE[1]], ["benign", "", *WINE[2][1:]]])
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.endswith("standard input: line 3, column 2: empty, but every feature needs a number\n")


def test_the_held_out_files_have_the_names_of_their_models(server: Server):
    """Or their owners could not use them as they are."""
    named = {model["model_id"]: model["input"]["names"]
             for model in get(server, "/models?api_version=1.1").json()["models"] if "names" in model["input"]}
    assert {"logistic_v1", "breast_cancer_v1", "wine_quadratic_v1"} <= set(named)
    for path in sorted(HOLDOUT.glob("*.csv")):
        if path.stem in named:
            assert next(csv.reader(path.read_text().splitlines())) == named[path.stem], path


def test_models(server: Server):
    table = run("models", server=server)
    assert table.returncode == 0
    assert "breast_cancer_v1" in table.stdout
    listed = json.loads(run("models", "--json", server=server).stdout)["models"]
    assert {"logistic_v1", "breast_cancer_v1", "wine_quadratic_v1"} <= {model["model_id"] for model in listed}


def test_models_of_v1_1_alone_are_listed(start_server, tmp_path: pathlib.Path):
    """The frozen view of v1.0 is empty then, and the log says how many it has."""
    registry = tmp_path / "models"
    registry.mkdir()
    for path in (ROOT / "models").glob("diabetes_linear*.*"):
        shutil.copy(path, registry)
    other = start_server("--log-format", "json", registry=registry)
    assert get(other, "/models").json()["models"] == []
    assert [line.split()[0] for line in run("models", server=other).stdout.splitlines()] == ["MODEL", "diabetes_linear"]
    (listening,) = [line for line in map(json.loads, other.log_text().splitlines()) if line["event"] == "listening"]
    assert (listening["models"], listening["models_of_v1_0"]) == (1, 0)


def test_job(server: Server):
    unknown = run("job", "0" * 32, server=server)
    assert unknown.returncode == 4
    assert "UNKNOWN_JOB" in unknown.stderr


@pytest.mark.parametrize(("arguments", "stdin", "code", "said"), [
    (("infer", "--model", "logistic_v1", "--input", "-"), "0.1,0.2\n", 2, "8"),
    (("infer", "--model", "logistic_v1", "--input", "-"), "1,2,3,4,x,6,7,8\n", 2, "line 1"),
    (("infer", "--model", "logistic_v1", "--input", "/no/such/file"), "", 2, "/no/such/file"),
    (("infer", "--model", "nobody", "--input", "-"), "1\n", 2, "logistic_v1"),
    (("infer", "--input", "-"), "1\n", 2, "--model"),
    (("infer", "--model", "logistic_v1", "--input", "-"), "a,b\n\n0.1,0.2\n", 2,
     "standard input: line 1: the header has no column 'x0', a feature of the model; its column 'a' is none. Name the"),
    (("infer", "--model", "logistic_v1", "--ignore-header", "--input", "-"), "a,b\n\n0.1,0.2\n", 2,
     "standard input: line 3 has 2 features"),
    (("infer", "--model", "logistic_v1", "--input", "-"), "[1,1,1,1,1,1,1,1]\n\n[1,1,1,1,1,1,1,1e30]\n", 2, "line 3 has a"),
    (("infer", "--modle", "logistic_v1", "--input", "-"), "1\n", 2, "there is no option --modle"),
    (("job", "--tenat=x"), "", 2, "there is no option --tenat "),
    (("job", "0" * 32, "1" * 32), "", 2, "an argument too many: '1111"),
    (("dance",), "", 2, "there is no command 'dance'"),
    ((), "", 2, "name a command"),
])
def test_wrong_use_says_what_to_do(server: Server, arguments: tuple[str, ...], stdin: str, code: int, said: str):
    answer = run(*arguments, server=server, stdin=stdin)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert answer.stderr.startswith("einfer: ")
    assert said in answer.stderr


def test_no_server():
    answer = run("models", "--server", "http://127.0.0.1:1")
    assert answer.returncode == 3
    assert answer.stderr.startswith("einfer: cannot connect to http://127.0.0.1:1")


def test_help_and_version():
    for arguments in ((), ("infer",), ("models",), ("job",)):
        assert run(*arguments, "--help").returncode == 0
    assert "143" in run("--help").stdout
    assert run("--version").stdout.strip().startswith("einfer ")


@pytest.mark.parametrize(("name", "options", "text"), [
    ("out.jsonl", (), '{"prediction": 0.500591}\n'), ("out.csv", (), "prediction\n0.500591\n"),
    ("out.jsonl", ("--format", "csv"), "prediction\n0.500591\n"), ("out", (), "prediction\n0.500591\n"),
])
def test_the_output_has_the_format_of_its_name(
    server: Server, tmp_path: pathlib.Path, name: str, options: tuple[str, ...], text: str
):
    rows = ",".join(["0.1"] * 8)
    answer = run("infer", "--model", "logistic_v1", "--input", "-", "--output", str(tmp_path / name), *options, server=server,
                 stdin=rows)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_an_error_leaves_no_output_file(server: Server, tmp_path: pathlib.Path):
    output = tmp_path / "predictions.csv"
    assert run("infer", "--model", "logistic_v1", "--input", "-", "--output", str(output), server=server,
               stdin="1,2,3\n").returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "rows"),
    [("logistic_v1", "1,2,3,4,5,6,7,8\n1e9,2,3,4,5,6,7,8\n"), ("wine_quadratic_v1", ",".join(["1"] * 13) + "\n" + ",".join(["3e6"] * 13))],
)
def test_a_row_whose_answer_does_not_fit_is_refused(server: Server, tmp_path: pathlib.Path, model: str, rows: str):
    """It would be wrapped around, and look like any other answer."""
    output = tmp_path / "predictions.csv"
    answer = run("infer", "--model", model, "--input", "-", "--batch-size", "1", "--output", str(output), server=server,
                 stdin=rows)
    assert answer.returncode == 2
    assert "standard input: line 2 is so far outside of what the model" in answer.stderr
    assert not output.exists()


def test_a_link_stays_and_its_target_is_written(server: Server, tmp_path: pathlib.Path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target.name)
    rows = ",".join(["0.1"] * 8)
    for output in (link, pathlib.Path("/dev/stdout")):
        answer = run("infer", "--model", "logistic_v1", "--input", "-", "--output", str(output), server=server, stdin=rows)
        assert answer.returncode == 0, answer.stderr
    assert answer.stdout == target.read_text(encoding="utf-8") == "prediction\n0.500591\n"
    assert link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"target.csv", "link.csv"}


def test_the_demo():
    """What `make demo` runs once everything is built."""
    demo = subprocess.run([sys.executable, str(ROOT / "scripts/demo.py"), "--bin", str(BINARY.parent)],
                          env=clean_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.splitlines()[-1] == "demo: ok"
    assert "accuracy, encrypted" in demo.stdout


def test_the_example_builds_against_the_installed_package(server: Server, tmp_path: pathlib.Path):
    prefix, build = tmp_path / "prefix", tmp_path / "build"
    commands = [
        ["cmake", "--install", str(BINARY.parent.parent), "--prefix", str(prefix)],
        ["cmake", "-S", str(ROOT / "examples"), "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}"],
        ["cmake", "--build", str(build)],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    predicted = subprocess.run([build / "predict", server.url], capture_output=True, text=True, timeout=60, check=False)
    assert predicted.returncode == 0, predicted.stderr
    assert float(predicted.stdout.split()[0]) == pytest.approx(0.50059, abs=1e-5)

    # The installed programs find the installed library, and nothing needs SEAL.
    version = subprocess.run([prefix / "bin/einfer", "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert version.stdout.startswith("einfer ")
    library = next(path for path in prefix.rglob("libeinfer.so.1") if path.is_symlink() or path.is_file())
    needed = subprocess.run(["ldd", os.fspath(library)], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "seal" not in needed.lower()
