"""einfer plan, import and simulate on the stored ONNX files."""

from __future__ import annotations

import json
import pathlib
import subprocess
from collections.abc import Callable

import pytest
from support.server import BINARY, ROOT, clean_environment

CLIENT = BINARY.parent / "einfer"
MODELS = ROOT / "models"
NAMES = sorted(path.stem for path in (MODELS / "onnx").glob("*.onnx"))
LINEAR = [name for name in NAMES if name.endswith("_linear")]


def run(*arguments: str | pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(CLIENT), *map(str, arguments)], env=clean_environment(environment), capture_output=True,
                          text=True, timeout=120, check=False)


def onnx(name: str) -> pathlib.Path:
    return MODELS / "onnx" / f"{name}.onnx"


def calibration(name: str) -> pathlib.Path:
    return MODELS / "calibration" / f"{name}.csv"


def import_model(name: str, output: pathlib.Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("import", onnx(name), "--id", name, "--calibration", calibration(name), "-o", output, *options)


def files(directory: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_becomes_an_entry_that_keeps_its_accuracy(name: str, tmp_path: pathlib.Path):
    imported = import_model(name, tmp_path / "models", "--json")
    assert (imported.returncode, imported.stderr) == (0, "")
    report = json.loads(imported.stdout)
    assert (report["model_id"], report["version"]) == (name, "1.0.0")
    plan = report["plan"]
    assert plan["layout"] == ("coefficients" if name in LINEAR else "slots")
    assert 0 < plan["error_bound"] <= plan["tolerance"]
    assert (plan["estimates"]["key_bytes"] == 0) == (name in LINEAR)
    entry = pathlib.Path(report["entry"])
    assert {entry, pathlib.Path(report["weights"])} == set((tmp_path / "models").iterdir())
    assert onnx(name).name in json.loads(entry.read_text())["provenance"]

    simulated = run("simulate", entry, "--data", MODELS / "holdout" / f"{name}.csv", "--labels",
                    MODELS / "holdout" / f"{name}_labels.csv", "--original", onnx(name), "--noise", "--json")
    assert (simulated.returncode, simulated.stderr) == (0, "")
    result = json.loads(simulated.stdout)
    assert result["outside"] == 0
    known = json.loads((MODELS / "onnx" / f"{name}.json").read_text())["in_clear"]["held_out"]
    measure = "accuracy" if "accuracy" in known else "r2"
    assert result["original"][measure] == pytest.approx(known[measure], abs=1e-5)
    assert result["score"][measure] == pytest.approx(known[measure], abs=0.002)
    # What a server proves, or states, bounds the noise that was added.
    assert result["agreement"]["max_difference"] <= plan["tolerance"]


def test_a_plan_writes_nothing(tmp_path: pathlib.Path):
    before = files(MODELS / "onnx")
    planned = run("plan", onnx("digits_mlp"), "--calibration", calibration("digits_mlp"))
    assert (planned.returncode, planned.stderr) == (0, "")
    for what in ("layout", "inputs", "0 to 16", "encryption", "levels", "rotations", "keys", "error", "memory"):
        assert what in planned.stdout
    assert files(MODELS / "onnx") == before
    assert not list(tmp_path.iterdir())
    as_json = json.loads(run("plan", onnx("digits_mlp"), "--calibration", calibration("digits_mlp"), "--json").stdout)
    assert (as_json["lower"], as_json["upper"]) == (0, 16)
    assert as_json["packing"]["rotations"] > 0


def test_importing_twice_needs_force_and_gives_the_same(tmp_path: pathlib.Path):
    assert import_model("digits_mlp", tmp_path).returncode == 0
    first = files(tmp_path)
    again = import_model("digits_mlp", tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "is already defined by" in again.stderr and "--force" in again.stderr
    assert import_model("digits_mlp", tmp_path, "--force").returncode == 0
    assert files(tmp_path) == first


def test_versions_lie_beside_one_another(tmp_path: pathlib.Path):
    assert import_model("digits_mlp", tmp_path).returncode == 0
    assert import_model("digits_mlp", tmp_path, "--version", "1.1.0", "--tolerance", "0.1").returncode == 0
    assert {"digits_mlp.json", "digits_mlp-1.1.0.json"} < set(files(tmp_path))


def test_options_reach_the_entry(tmp_path: pathlib.Path):
    names = ",".join(f"digit {digit}" for digit in range(10))
    done = import_model("digits_mlp", tmp_path, "--rows", "4", "--range", "-1:17", "--description", "Digits.",
                        "--class-names", names, "--version", "2.0.0", "--tolerance", "0.5")
    assert done.returncode == 0, done.stderr
    entry = json.loads((tmp_path / "digits_mlp.json").read_text())
    assert entry["description"] == "Digits."
    assert entry["constraints"] == {"max_batch_size": 4}
    assert (entry["input"]["lower"], entry["input"]["upper"]) == (-1, 17)
    assert entry["input"]["feature_names"][:2] == ["pixel_0_0", "pixel_0_1"]
    assert entry["class_names"] == names.split(",")
    assert entry["tolerance"] == 0.5


def test_activations_that_are_no_polynomials_are_reported(tmp_path: pathlib.Path):
    model = ROOT / "tests/data/onnx/dynamo_mlp_relu.onnx"
    width = json.loads(model.with_suffix(".json").read_text())["inputs"][0]
    rows = tmp_path / "rows.csv"
    count = len(width)
    rows.write_text("".join(",".join(str(((i * 7 + j * 3) % 11) / 5 - 1) for j in range(count)) + "\n" for i in range(60)))
    planned = run("plan", model, "--calibration", rows, "--degree", "4", "--tolerance", "0.1")
    assert planned.returncode == 0, planned.stderr
    assert "degree 4 for relu" in planned.stdout and "agreement" in planned.stdout
    simulated = run("simulate", model, "--data", rows, "--degree", "4", "--tolerance", "0.1")
    assert "compared with the original" in simulated.stdout, simulated.stderr


DIGITS = ("plan", onnx("digits_mlp"), "--calibration", calibration("digits_mlp"))


@pytest.mark.parametrize(("arguments", "said"), [
    (("plan",), "MODEL"),
    (("plan", onnx("digits_mlp")), "--calibration"),
    (("plan", "/no/such.onnx", "--calibration", calibration("digits_mlp")), "/no/such.onnx: it cannot be read"),
    (("plan", onnx("digits_mlp"), "--calibration", "/no/such.csv"), "/no/such.csv: cannot be opened"),
    (("plan", calibration("digits_mlp"), "--calibration", calibration("digits_mlp")), "not an ONNX model"),
    (("plan", ROOT / "tests/data/onnx/refused/lstm.onnx", "--calibration", calibration("digits_mlp")), "LSTM"),
    (("plan", onnx("mnist_mlp"), "--calibration", calibration("digits_mlp")), "has 64 numbers, the model takes 784"),
    ((*DIGITS, "--tolerance", "1e-13"), "the closest has an error bound of"),
    ((*DIGITS, "--layout", "coefficients"), "--layout: coefficients is for linear models"),
    ((*DIGITS, "--layout", "columns"), "--layout"),
    ((*DIGITS, "--rows", "3"), "--rows: is a power of two"),
    ((*DIGITS, "--range", "16:0"), "--range is LO:HI"),
    ((*DIGITS, "--range", "0:8"), "outside of it"),
    ((*DIGITS, "--degree", "9"), "--degree"),
    ((*DIGITS, "--tolerence", "1"), "there is no option --tolerence"),
    (("simulate", MODELS / "logistic_v1.json", "--data", calibration("digits_mlp")), "no entry of the form of v1.1"),
    (("simulate", "/no/such.json", "--data", calibration("digits_mlp")), "cannot be read"),
    (("simulate", onnx("digits_mlp"), "--data", calibration("digits_mlp"), "--labels", calibration("digits_mlp")),
     "labels are one a row"),
    (("simulate", onnx("digits_mlp"), "--data", calibration("digits_mlp"), "--labels", "/no/such.csv"), "cannot be opened"),
    (("import", onnx("digits_mlp"), "--calibration", "/no/such.csv", "--id", "Upper", "-o", "/no/such"), "--id: is a lower-case"),
    (("import", onnx("digits_mlp"), "--calibration", "/no/such.csv", "--id", "digits_mlp", "-o", MODELS), "is already defined by"),
    (("plan", "--class-names", "a,b", onnx("digits_mlp"), "--calibration", calibration("digits_mlp")), "needs 10 names"),
    (("simulate", onnx("digits_mlp"), "--data", calibration("digits_mlp"), "--original", onnx("digits_mlp")),
     "--original is for an entry"),
])
def test_wrong_use_says_what_to_do(arguments: tuple, said: str):
    answer = run(*arguments)
    assert (answer.returncode, answer.stdout) == (2, ""), answer.stderr
    assert answer.stderr.startswith("einfer: ") and answer.stderr.count("\n") == 1
    assert said in answer.stderr


def score_by(labels: str, directory: pathlib.Path, model: str = "breast_cancer_linear") -> subprocess.CompletedProcess[str]:
    (directory / "labels.csv").write_text(labels, encoding="utf-8")
    return run("simulate", MODELS / f"{model}.json", "--data", MODELS / f"holdout/{model}.csv", "--labels",
               directory / "labels.csv")


def test_labels_are_names_or_numbers_of_classes(tmp_path: pathlib.Path):
    numbers = (MODELS / "holdout/breast_cancer_linear_labels.csv").read_text(encoding="utf-8").split()[1:]
    names = [["benign", "malignant"][int(number)] for number in numbers]
    outcomes = {
        score_by("\n".join(lines) + "\n", tmp_path).stdout
        for lines in (numbers, names, ["label", *numbers], ["diagnosis", "", *names], [f'"{name}" ' for name in names])
    }
    assert len(outcomes) == 1 and "accuracy 9" in outcomes.pop()


@pytest.mark.parametrize(("change", "said"), [
    (lambda names: [*names[:-1], "unclear"], "'unclear': labels are the model's classes, 'benign', 'malignant', or their numbers"),
    (lambda names: [*names[:-1], "0"], "line 1: 'benign': labels are"),
    (lambda names: [{"benign": "1", "malignant": "2"}[name] for name in names], "is 2; the model's classes are numbers from 0 to 1"),
    (lambda names: ["-1" for _ in names], "the label of row 1 is -1; "),
    (lambda names: ["0.5" for _ in names], "the label of row 1 is 0.5; "),
    (lambda names: names[:-1], "--labels: has "),
    (lambda names: ["benign,0" for _ in names], "labels"),
    (lambda names: [], "there are no rows"),
])
def test_labels_that_are_no_classes_are_refused(tmp_path: pathlib.Path, change: Callable[[list[str]], list[str]], said: str):
    numbers = (MODELS / "holdout/breast_cancer_linear_labels.csv").read_text(encoding="utf-8").split()[1:]
    answer = score_by("\n".join(change([["benign", "malignant"][int(number)] for number in numbers])), tmp_path)
    assert (answer.returncode, answer.stdout) == (2, ""), answer.stderr
    assert said in answer.stderr


def test_names_of_values_are_refused(tmp_path: pathlib.Path):
    answer = score_by("high\nlow\nhigh\n", tmp_path, "diabetes_linear")
    assert answer.returncode == 2
    assert "line 2: 'low': labels are numbers" in answer.stderr


def test_the_files_own_class_names_in_another_order_are_a_slip(tmp_path: pathlib.Path):
    model = ROOT / "tests/data/onnx/sk_logistic_multinomial.onnx"
    inputs = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))["inputs"]
    rows = write_table(tmp_path / "rows.csv", [[str(value) for value in row] for row in inputs])
    planned = run("plan", model, "--calibration", rows, "--class-names", "setosa,virginica,versicolor")
    assert planned.returncode == 2
    assert "another order, setosa,versicolor,virginica: leave the option out" in planned.stderr
    assert run("plan", model, "--calibration", rows, "--class-names", "a,b,c").returncode == 0


def test_few_calibration_rows_are_said(tmp_path: pathlib.Path):
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(calibration("digits_mlp").read_text().splitlines(keepends=True)[:6]))
    planned = run("plan", onnx("digits_mlp"), "--calibration", rows)
    assert planned.returncode == 0
    assert "only 5 calibration rows" in planned.stderr


@pytest.mark.parametrize("command", [
    ("plan", onnx("digits_mlp"), "--calibration", calibration("digits_mlp")),
    ("simulate", onnx("digits_mlp"), "--data", calibration("digits_mlp")),
    ("simulate", onnx("digits_mlp"), "--data", MODELS / "holdout/digits_mlp.csv", "--calibration", calibration("digits_mlp")),
], ids=["plan", "simulate", "simulate with a calibration"])
def test_class_names_of_another_number_are_refused_before_there_is_a_plan(command: tuple):
    answer = run(*command, "--class-names", "a,b")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "einfer: --class-names: needs 10 names for this model, not 2\n"


@pytest.mark.parametrize("option", [("--class-names", "a,b"), ("--degree", "4"), ("--room", "range")], ids=" ".join)
def test_an_entry_has_its_plan(option: tuple[str, ...]):
    answer = run("simulate", MODELS / "digits_mlp.json", "--data", calibration("digits_mlp"), *option)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == f"einfer: {option[0]} is for an ONNX file: an entry has its own\n"


def table_of(path: pathlib.Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


def write_table(path: pathlib.Path, table: list[list[str]]) -> pathlib.Path:
    path.write_text("".join(",".join(row) + "\n" for row in table))
    return path


DIABETES = MODELS / "holdout/diabetes_linear.csv"
DIABETES_LABELS = MODELS / "holdout/diabetes_linear_labels.csv"


@pytest.mark.parametrize("model", [
    (MODELS / "diabetes_linear.json",),
    (onnx("diabetes_linear"), "--calibration", calibration("diabetes_linear")),
], ids=["entry", "file"])
def test_simulated_data_are_chosen_by_name(model: tuple, tmp_path: pathlib.Path):
    labels = ("--labels", DIABETES_LABELS, "--json")
    plain = run("simulate", *model, "--data", DIABETES, *labels)
    assert (plain.returncode, plain.stderr) == (0, "")
    turned = write_table(tmp_path / "turned.csv", [["?", *row[::-1]] for row in table_of(DIABETES)])
    same = run("simulate", *model, "--data", turned, *labels)
    assert (same.returncode, same.stdout) == (0, plain.stdout)
    assert same.stderr == (f"einfer: {turned}: the columns are taken by their names: their order is not the model's; left "
                           "out, no features of the model: '?'\n")
    names, *rows = table_of(DIABETES)
    renamed = write_table(tmp_path / "renamed.csv", [[*names[:-1], "glucose"], *rows])
    refused = run("simulate", *model, "--data", renamed, *labels)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"einfer: {renamed}: line 1: the header has no column 's6', a feature of the model; "
                                     "its column 'glucose' is none. ")
    ignored = run("simulate", *model, "--data", renamed, *labels, "--ignore-header")
    assert (ignored.returncode, ignored.stdout, ignored.stderr) == (0, plain.stdout, "")


def test_a_header_that_is_ignored_names_no_features(tmp_path: pathlib.Path):
    assert import_model("diabetes_linear", tmp_path).returncode == 0
    entry = tmp_path / "diabetes_linear.json"
    assert json.loads(entry.read_text())["input"]["feature_names"] == table_of(DIABETES)[0]
    assert import_model("diabetes_linear", tmp_path, "--force", "--ignore-header").returncode == 0
    assert "feature_names" not in json.loads(entry.read_text())["input"]


def test_rows_that_a_client_refuses_are_scored_apart(tmp_path: pathlib.Path):
    model = MODELS / "diabetes_linear.json"
    names, *rows = table_of(DIABETES)
    labels = table_of(DIABETES_LABELS)
    inside = json.loads(run("simulate", model, "--data", DIABETES, "--labels", DIABETES_LABELS, "--json").stdout)
    assert inside["outside"] == 0 and "score_of_all_rows" not in inside
    data = write_table(tmp_path / "data.csv", [names, rows[0], ["1e6", *rows[0][1:]], *rows[1:]])
    target = write_table(tmp_path / "labels.csv", [*labels[:2], ["0"], *labels[2:]])
    command = ("simulate", model, "--data", data, "--labels", target, "--original", onnx("diabetes_linear"))
    apart = json.loads(run(*command, "--json").stdout)
    assert (apart["rows"], apart["outside"]) == (len(rows) + 1, 1)
    assert apart["score"] == inside["score"]
    assert apart["score"]["rows"] == apart["agreement"]["rows"] == len(rows)
    assert apart["score_of_all_rows"]["rows"] == len(rows) + 1
    assert apart["score_of_all_rows"]["r2"] < 0
    assert apart["original_of_all_rows"]["r2"] < 0 < apart["original"]["r2"]
    text = run(*command).stdout.splitlines()
    assert text[1] == "1 of them outside the model's input ranges: clients refuse those"
    assert [line.partition(" of ")[2] for line in text[2:6]] == ["the rows inside", "all rows"] * 2
    assert text[6].endswith(" at most, on the rows inside")

    all_outside = write_table(tmp_path / "far.csv", [names, *([["1e6", *row[1:]] for row in rows])])
    far = run("simulate", model, "--data", all_outside, "--labels", DIABETES_LABELS)
    assert far.returncode == 0
    assert "of the rows inside" not in far.stdout and " of all rows" in far.stdout
    assert "score" not in json.loads(run("simulate", model, "--data", all_outside, "--labels", DIABETES_LABELS, "--json").stdout)


def test_a_plan_says_which_processor_its_time_is_for(tmp_path: pathlib.Path):
    """Entries say the same wherever they are made."""
    arguments = (onnx("diabetes_linear"), "--calibration", calibration("diabetes_linear"))
    here = run("plan", *arguments)
    assert " ms a request, on one thread of a processor with AVX-512 IFMA" in here.stdout
    with_none = run("plan", *arguments, EINFER_KERNELS="scalar")
    (time,) = [line for line in with_none.stdout.splitlines() if line.startswith("time ")]
    assert time.endswith(" ms on this one (scalar)")
    as_json = json.loads(run("plan", *arguments, "--json", EINFER_KERNELS="scalar").stdout)["estimates"]
    assert as_json["kernels"] == "avx512ifma"
    assert as_json["this_machine"]["kernels"] == "scalar"
    assert as_json["this_machine"]["evaluation_ms"] == pytest.approx(6 * as_json["evaluation_ms"])
    entries = []
    for kernels in ("", "scalar"):
        assert run("import", *arguments, "--id", "here", "-o", tmp_path / kernels, EINFER_KERNELS=kernels).returncode == 0
        entries.append((tmp_path / kernels / "here.json").read_bytes())
    assert entries[0] == entries[1]


@pytest.mark.parametrize(("options", "said"), [
    (("--id", "Bad"), "--id: is a lower-case letter"),
    (("--id", "good", "--version", "1"), "--version: is three numbers"),
    (("--id", "good", "--class-names", "a,b"), "--class-names: needs 10 names"),
])
def test_a_refused_import_leaves_nothing(options: tuple[str, ...], said: str, tmp_path: pathlib.Path):
    answer = run("import", *DIGITS[1:], "-o", tmp_path / "models", *options)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert not (tmp_path / "models").exists()


def test_a_directory_that_cannot_be_written(tmp_path: pathlib.Path):
    (tmp_path / "file").write_text("")
    answer = import_model("diabetes_linear", tmp_path / "file" / "models")
    assert answer.returncode == 2
    assert "--output: " in answer.stderr


def test_help():
    for command in ("plan", "import", "simulate"):
        shown = run(command, "--help")
        assert shown.returncode == 0 and "--calibration" in shown.stdout


@pytest.mark.parametrize("name", LINEAR)
def test_a_server_takes_the_entry(name: str, tmp_path: pathlib.Path):
    assert import_model(name, tmp_path).returncode == 0
    checked = subprocess.run([str(BINARY), "--models", str(tmp_path), "--data", str(tmp_path / "data"), "--check"],
                             env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr
