#!/usr/bin/env python3
"""Makes the models in refused/, which cannot be imported; tests/unit/onnx/refusal_test.cpp says why. See make.py.

    make_refused.py [by_hand] [torch]
"""

import io
import pathlib
import sys

import numpy as np
from make import model
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent


def refused(name, model):
    (HERE / "refused").mkdir(exist_ok=True)
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (HERE / "refused" / f"{name}.onnx").write_bytes(data)
    print(f"refused/{name}: {len(data)} bytes")


def by_torch():
    import torch
    from torch import nn

    torch.manual_seed(3)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return x + torch.relu(self.inner(x))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x):
            return self.inner(x)[0]

    def make(name, *layers, shape=(4,)):
        file = io.BytesIO()
        torch.onnx.export(nn.Sequential(*layers).eval(), torch.zeros(1, *shape), file, input_names=["x"],
                          output_names=["y"], dynamic_axes={"x": {0: "rows"}}, dynamo=False)
        refused(name, file.getvalue())

    make("max_pool", nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2), shape=(1, 6, 6))
    make("lstm", Recurrent(), shape=(5, 3))
    make("residual", nn.Linear(4, 4), Residual(), nn.Linear(4, 2))
    make("gelu", nn.Linear(4, 4), nn.GELU())
    make("silu", nn.Linear(4, 4), nn.SiLU())
    make("elu", nn.Linear(4, 4), nn.ELU())
    make("log_softmax", nn.Linear(4, 4), nn.LogSoftmax(1))
    make("layer_norm", nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 1))
    make("softmax_inside", nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 1))


def by_hand():
    f32 = lambda *shape: np.ones(shape, dtype=np.float32)
    ml = "ai.onnx.ml"
    dense = ("MatMul", ["x", "w"], "y", {})
    external = model([dense], ["N", 4], {"w": f32(4, 2)})
    tensor = external.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret.bin")
    refused("external_data", external)
    refused("unknown_shape", model([dense], ["N", None], {"w": f32(4, 2)}))
    two = model([("MatMul", ["x", "w"], "a", {}), ("Add", ["a", "z"], "y", {})], ["N", 4], {"w": f32(4, 2)})
    two.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2]))
    refused("two_inputs", two)
    refused("two_outputs", model([dense, ("Relu", ["y"], "r", {})], ["N", 4], {"w": f32(4, 2)}, outputs=("y", "r")))
    refused("opset_8", model([dense], ["N", 4], {"w": f32(4, 2)}, opset=8))
    refused("own_domain", model([("Fancy", ["x"], "y", {}, "com.example")], ["N", 4]))
    refused("cycle", model([("Add", ["x", "b"], "a", {}), ("Relu", [
            "a"], "b", {}), ("Identity", ["b"], "y", {})], ["N", 4]))
    refused("missing_value", model([("Add", ["x", "nowhere"], "y", {})], ["N", 4]))
    refused("names_twice", model([("Relu", ["x"], "y", {}), ("Tanh", ["x"], "y", {})], ["N", 4]))
    refused("not_finite", model([dense], ["N", 4], {"w": f32(4, 2) * np.float32("inf")}))
    wrong = model([dense], ["N", 4], {"w": f32(4, 2)})
    wrong.graph.initializer[0].dims[0] = 5
    refused("raw_data_of_other_size", wrong)
    huge = model([dense], ["N", 4], {"w": f32(4, 2)})
    huge.graph.initializer[0].dims[0] = 2**62
    refused("huge_dimensions", huge)
    refused("wrong_width", model([dense], ["N", 5], {"w": f32(4, 2)}))
    refused("transpose", model([("Transpose", ["x"], "y", {"perm": [0, 2, 1]})], ["N", 3, 4]))
    refused("rows_mixed", model([("Reshape", ["x", "s"], "y", {})], ["N", 4], {"s": np.array([-1, 2], dtype=np.int64)}))
    refused("dilated_too_far", model([("Conv", ["x", "w"], "y", {"dilations": [60000, 60000], "pads": [60000] * 4})],
                                     ["N", 1, 4, 4], {"w": f32(1, 1, 2, 2)}))
    refused("clip", model([("Clip", ["x", "lo", "hi"], "y", {})], ["N", 4], {"lo": np.float32(0), "hi": np.float32(6)}))
    refused("tree", model([("TreeEnsembleRegressor", ["x"], "y", {"n_targets": 1}, ml)], ["N", 4]))
    refused("product_of_two", model([("MatMul", ["x", "x"], "y", {})], ["N", 4]))
    refused("polynomial_degree", model([("Pow", ["x", "k"], "a", {}), ("Mul", ["a", "a"], "y", {})], ["N", 4],
                                       {"k": np.float32(16)}))
    refused("one_vs_rest", model([
        ("LinearClassifier", ["x"], ["l", "p"], {"coefficients": [1.0] * 12, "intercepts": [0.0] * 3,
                                                 "classlabels_ints": [0, 1, 2], "post_transform": "LOGISTIC"}, ml),
        ("Normalizer", ["p"], "y", {"norm": "L1"}, ml)], ["N", 4]))
    negative = [("MatMul", ["x", "w"], "z", {}), ("Sigmoid", ["z"], "p", {}), ("Neg", ["p"], "n", {}),
                ("Concat", ["n", "p"], "c", {"axis": 1})]
    refused("negative_normalised", model([*negative, ("Normalizer", ["c"], "y", {"norm": "L1"}, ml)], ["N", 4],
                                         {"w": f32(4, 1)}))
    refused("negative_absolute", model([*negative, ("Abs", ["c"], "y", {})], ["N", 4], {"w": f32(4, 1)}))
    x3 = ["N", 2, 4, 4]
    refused("softmax_of_a_part", model([("Softmax", ["x"], "y", {"axis": 1})], x3))
    square = np.array([[0, 1], [2, 3]], dtype=np.int64)
    refused("softmax_of_gathered", model([("Gather", ["x", "i"], "g", {"axis": 1}), ("Softmax", ["g"], "y", {})],
                                         ["N", 4], {"i": square}))
    refused("sum_of_columns", model([
        ("MatMul", ["x", "w"], "m", {}), ("Softmax", ["m"], "p", {"axis": 1}), ("Reshape", ["p", "to"], "c", {}),
        ("ReduceSum", ["c", "a"], "s", {}), ("Div", ["c", "s"], "y", {}),
    ], ["N", 4], {"w": np.eye(4, dtype=np.float32), "to": np.array([-1, 4, 1], dtype=np.int64), "a": np.array([2], dtype=np.int64)}))
    refused("softmax_of_one", model([dense, ("Softmax", ["y"], "p", {})], ["N", 4], {"w": f32(4, 1)}, outputs=("p",)))
    refused("softmax_of_rows", model([("Softmax", ["x"], "y", {"axis": 0})], ["N", 4]))
    refused("ceil_mode", model(
        [("AveragePool", ["x"], "y", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1})], x3))
    refused("dilated_pool", model(
        [("AveragePool", ["x"], "y", {"kernel_shape": [2, 2], "dilations": [2, 2]})], x3, opset=19))
    refused("window_too_large", model([("AveragePool", ["x"], "y", {"kernel_shape": [5, 5]})], x3))
    refused("pool_of_vector", model([("AveragePool", ["x"], "y", {"kernel_shape": [2, 2]})], ["N", 4]))
    refused("groups", model([("Conv", ["x", "w"], "y", {"group": 3})], x3, {"w": f32(3, 1, 2, 2)}))
    refused("prelu_slopes", model([("PRelu", ["x", "k"], "y", {})], ["N", 4], {"k": f32(4)}))
    refused("comparison", model([("Greater", ["x", "k"], "y", {})], ["N", 4], {"k": np.float32(0)}))
    refused("mean_of_channels", model([("ReduceMean", ["x", "a"], "y", {})], x3, {"a": np.array([1], dtype=np.int64)}))
    whole = {"input_type": TensorProto.INT64}
    half, last = {"k": np.array([2], dtype=np.int64), "w": f32(4, 2)}, ("MatMul", ["f", "w"], "y", {})
    refused("integers_divided", model([
        ("Div", ["x", "k"], "d", {}), ("Cast", ["d"], "f", {"to": TensorProto.FLOAT}), last], ["N", 4], half, **whole))
    refused("integers_gathered_divided", model([
        ("Gather", ["x", "i"], "g", {"axis": 1}), ("Div", ["g", "k"], "d", {}),
        ("Cast", ["d"], "f", {"to": TensorProto.FLOAT}), last,
    ], ["N", 4], half | {"i": np.arange(4)}, **whole))
    refused("integers_averaged", model([("ReduceMean", ["x", "a"], "y", {})], x3, {"a": np.array([3], dtype=np.int64)},
                                       input_type=TensorProto.INT32, types={"y": TensorProto.INT32}))
    refused("mean_of_rows", model([("ReduceMean", ["x", "a"], "y", {})], x3, {"a": np.array([0], dtype=np.int64)}))
    refused("sum", model([("ReduceSum", ["x", "a"], "y", {})], ["N", 4], {"a": np.array([1], dtype=np.int64)}))
    refused("batch_norm_training", model([("BatchNormalization", ["x", "k", "k", "k", "k"], "y", {"training_mode": 1})],
                                         ["N", 4], {"k": f32(4)}))
    refused("batch_norm_variance", model([("BatchNormalization", ["x", "k", "k", "k", "v"], "y", {})],
                                         ["N", 4], {"k": f32(4), "v": -f32(4)}))
    refused("concat", model([("Relu", ["x"], "a", {}), ("Concat", ["x", "a"], "y", {"axis": 1})], ["N", 4]))
    refused("quotient", model([("Relu", ["x"], "a", {}), ("Div", ["a", "a"], "y", {})], ["N", 4]))
    refused("reciprocal", model([("Div", ["one", "x"], "y", {})], ["N", 4], {"one": np.float32(1)}))
    refused("root", model([("Pow", ["x", "half"], "y", {})], ["N", 4], {"half": np.float32(0.5)}))
    refused("broadcast_rows", model([("Add", ["x", "b"], "y", {})], [3, 4], {"b": f32(3, 4)}))
    refused("broadcast_wide", model([("Add", ["x", "b"], "y", {})], ["N", 1], {"b": f32(4)}))
    refused("cast_to_integers", model([("Cast", ["x"], "y", {"to": TensorProto.INT64})], ["N", 4]))
    refused("label_as_number", model([("ArgMax", ["x"], "i", {"axis": 1}), ("Cast", ["i"], "f", {"to": 1}),
                                      ("MatMul", ["f", "w"], "y", {})], ["N", 4], {"w": f32(1, 2)}))
    refused("rows_in_numbers", model([("Shape", ["x"], "s", {}), ("Cast", ["s"], "f", {"to": 1}),
                                      ("Relu", ["x"], "r", {}), ("Mul", ["r", "f"], "y", {})], ["N", 2]))
    refused("rows_squeezed", model([("Unsqueeze", ["x", "a"], "y", {})],
            ["N", 4], {"a": np.array([0], dtype=np.int64)}))
    refused("constant_output", model([("Constant", [], "y", {"value_float": 1.0})], ["N", 4]))
    refused("unknown_on_constants", model([("Relu", ["w"], "v", {}), ("MatMul", ["x", "v"], "y", {})], ["N", 4],
                                          {"w": f32(4, 2)}))
    refused("text_weights", model([("MatMul", ["x", "w"], "y", {})],
            ["N", 2], {"w": np.array([["a"], ["b"]], dtype=object)}))
    refused("table", model([("Gather", ["w", "x"], "y", {})], ["N", 4], {"w": f32(4)}))
    refused("unknown_label", model([("ArgMax", ["x"], "i", {"axis": 1}), (
        "LabelEncoder", ["i"], "y", {"keys_int64s": [0, 1], "values_strings": ["no", "yes"]}, ml)], ["N", 4]))
    argmax = ("ArgMax", ["x"], "i", {"axis": 1})
    refused("table_too_small", model([argmax, ("Gather", ["names", "i"], "y", {})], ["N", 4],
                                     {"names": np.array([5, 6, 7], dtype=np.int64)}))
    refused("table_of_parts", model([
        argmax, ("ArrayFeatureExtractor", ["parts", "i"], "a", {}, ml), ("Cast", ["a"], "y", {"to": TensorProto.INT64}),
    ], ["N", 2], {"parts": np.array([0.5, 1.5], dtype=np.float32)}))
    refused("zip_map_size", model([("ZipMap", ["x"], "y", {"classlabels_int64s": [0, 1]}, ml)], ["N", 4]))
    probit = {"coefficients": [1.0] * 4, "post_transform": "PROBIT"}
    refused("probit", model([("LinearRegressor", ["x"], "y", probit, ml)], ["N", 4]))
    twice = model([dense], ["N", 4], {"w": f32(4, 2)})
    twice.opset_import.append(helper.make_opsetid("ai.onnx", 12))
    refused("opset_twice", twice)
    none = model([dense], ["N", 4], {"w": f32(4, 2)})
    del none.opset_import[:]
    refused("opset_missing", none)
    refused("training", model([("Constant", [], "t", {"value": numpy_helper.from_array(np.bool_(True))}),
                               ("Dropout", ["x", "", "t"], "y", {})], ["N", 4]))


def main() -> None:
    parts = {"by_hand": by_hand, "torch": by_torch}
    for part in sys.argv[1:] or parts:
        parts[part]()


if __name__ == "__main__":
    main()
