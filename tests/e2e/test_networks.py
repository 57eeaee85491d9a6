"""Shipped networks, encrypted, on all held-out rows: within the stated bound of the ONNX file they came from, and as
accurate. Keys that the server loses are made and sent again by the client."""

from __future__ import annotations

import csv
import json
import pathlib
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array
from onnx.reference import ReferenceEvaluator
from support.server import BINARY, ROOT, Server, clean_environment, wait_until

CLIENT = BINARY.parent / "einfer"
NETWORKS = ["digits_mlp", "mnist_cnn", "mnist_mlp"]
POINTS = 0.002  # of accuracy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    """With the shipped models, all of them."""
    running = Server(ROOT / "models", tmp_path_factory.mktemp("networks"))
    try:
        yield running.wait_ready()
        assert running.stop() == 0
    finally:
        running.kill()


def held_out(name: str) -> tuple[np.ndarray, list[str]]:
    with (ROOT / f"models/holdout/{name}.csv").open() as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=np.float64)
    labels = (ROOT / f"models/holdout/{name}_labels.csv").read_text().split()[1:]
    return rows, labels


def in_clear(name: str, rows: np.ndarray) -> np.ndarray:
    model = onnx.load(ROOT / f"models/onnx/{name}.onnx")
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    evaluator = ReferenceEvaluator(model)
    return evaluator.run(None, {evaluator.input_names[0]: rows.astype(np.float32).reshape(-1, *shape)})[-1]


def infer(server: Server, name: str, rows: pathlib.Path, folder: pathlib.Path, *more: str) -> tuple[list[dict], dict]:
    output, stats = folder / "predictions.csv", folder / "stats.json"
    done = subprocess.run(
        [str(CLIENT), "infer", "--server", server.url, "--model", name, "--input", str(rows), "--output", str(output),
         "--stats", str(stats), *more],
        env=clean_environment(), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    with output.open() as file:
        return list(csv.DictReader(file)), json.loads(stats.read_text())


def numbers(answers: list[dict]) -> np.ndarray:
    outputs = [column for column in answers[0] if column.startswith("output_")]
    return np.array([[float(answer[column]) for column in outputs] for answer in answers])


@pytest.mark.parametrize("name", NETWORKS)
def test_all_held_out_rows(server: Server, tmp_path: pathlib.Path, name: str):
    rows, labels = held_out(name)
    answers, stats = infer(server, name, ROOT / f"models/holdout/{name}.csv", tmp_path)
    assert len(answers) == len(rows)
    clear = in_clear(name, rows)
    # Rounding to a power of ten at most the bound adds at most half of it; ONNX computes in single precision.
    assert np.abs(numbers(answers) - clear).max() <= 1.5 * stats["error_bound"] + 1e-4
    accuracy = np.mean([answer["label"] == label for answer, label in zip(answers, labels, strict=True)])
    clear_accuracy = np.mean([str(row.argmax()) == label for row, label in zip(clear, labels, strict=True)])
    assert accuracy == pytest.approx(clear_accuracy, abs=POINTS)
    stated = json.loads((ROOT / f"models/onnx/{name}.json").read_text())["in_clear"]["held_out"]["accuracy"]
    assert clear_accuracy == pytest.approx(stated, abs=1e-6)


@pytest.mark.parametrize("encoding", ["binary", "base64", "hex"])
def test_every_form_of_the_request(server: Server, tmp_path: pathlib.Path, encoding: str):
    rows, _ = held_out("digits_mlp")
    few = tmp_path / "few.csv"
    few.write_text("\n".join((ROOT / "models/holdout/digits_mlp.csv").read_text().splitlines()[:4]) + "\n")
    answers, stats = infer(server, "digits_mlp", few, tmp_path, "--encoding", encoding, "--tenant", f"form-{encoding}")
    clear = in_clear("digits_mlp", rows[:3])
    assert np.abs(numbers(answers) - clear).max() <= 1.5 * stats["error_bound"] + 1e-4


def test_rows_outside_of_what_the_model_was_made_for_are_not_sent(server: Server, tmp_path: pathlib.Path):
    row = tmp_path / "row.csv"
    row.write_text(",".join(["17"] * 64) + "\n")
    done = subprocess.run(
        [str(CLIENT), "infer", "--server", server.url, "--model", "digits_mlp", "--input", str(row)],
        env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "outside of what the model digits_mlp was made for" in done.stderr
    assert "from 0 to 16" in done.stderr


def square_network(file: pathlib.Path) -> None:
    """Of 4 numbers: three times a dense layer and a square, and a dense layer to 3 numbers."""
    generator = np.random.default_rng(3)
    weights, nodes, value = [], [], "x"
    for i, (inputs, outputs) in enumerate([(4, 6), (6, 6), (6, 6), (6, 3)]):
        weights.append(from_array((generator.normal(size=(inputs, outputs)) / 2.5).astype(np.float32), f"w{i}"))
        nodes.append(make_node("MatMul", [value, f"w{i}"], [f"z{i}"]))
        value = f"z{i}"
        if i < 3:
            nodes.append(make_node("Mul", [value, value], [f"a{i}"]))
            value = f"a{i}"
    graph = make_graph(nodes, "squares", [make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
                       [make_tensor_value_info(value, TensorProto.FLOAT, [None, 3])], weights)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 17)]), file)


def test_what_has_no_room_says_so(tmp_path: pathlib.Path):
    square_network(tmp_path / "squares.onnx")
    generator = np.random.default_rng(4)
    np.savetxt(tmp_path / "like.csv", generator.uniform(-1, 1, size=(50, 4)), delimiter=",")

    def plan(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(CLIENT), "plan", "squares.onnx", "--calibration", "like.csv", *options], cwd=tmp_path,
                              env=clean_environment(), capture_output=True, text=True, timeout=240, check=False)

    near = plan("--range=-1:1")
    assert "no row within these ranges can overflow" in near.stdout, near.stderr
    far = plan("--range=-20:20")
    assert "a row quite unlike the calibration rows can overflow" in far.stdout, far.stderr
    refused = plan("--range=-20:20", "--room", "range")
    assert (refused.returncode, refused.stdout) == (2, "") and "--room calibration" in refused.stderr, refused.stderr


def test_keys_of_a_run_do_not_stay(server: Server, tmp_path: pathlib.Path):
    (tmp_path / "row.csv").write_text("\n".join((ROOT / "models/holdout/digits_mlp.csv").read_text().split("\n")[:2]))
    deletions = 'method="DELETE" route="/keys/{evaluation_key_id}" status=204'
    before = server.log_text().count(deletions)
    infer(server, "digits_mlp", tmp_path / "row.csv", tmp_path)
    wait_until(lambda: server.log_text().count(deletions) == before + 1, "the keys are deleted")
