#!/usr/bin/env python3
"""Makes the models of this folder: NAME.onnx, and beside it NAME.json with inputs and what ONNX Runtime answers.

    pip install numpy onnx onnxruntime scikit-learn skl2onnx torch onnxscript
    make.py [sklearn] [torch] [handmade]

Outputs are kept as the importer gives them: of a binary classifier's two columns only the second one, of a ZipMap its
values. The files are committed; tests/unit/onnx reads them. make_refused.py makes those that are to be refused.
"""

import io
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
ROWS = 20
warnings.filterwarnings("ignore")


def rows(random, *shape, scale=1.0):
    """Numbers with few digits, so that the text is short and exact."""
    return np.round(random.normal(size=(ROWS, *shape)) * scale * 64) / 64


def save(name, model, x, *, post=(), classes=(), column=None, output=None):
    """Runs the model on `x`; `column`: the only one that counts, `output`: the name of the one that counts."""
    import onnxruntime

    data = model if isinstance(model, bytes) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
             "tensor(float16)": np.float16}
    size = given.shape[0] if isinstance(given.shape[0], int) else ROWS
    x = np.asarray(x).astype(types[given.type])
    parts = [session.run([output or session.get_outputs()[-1].name], {given.name: x[i:i + size]})[0]
             for i in range(0, ROWS, size)]
    if isinstance(parts[0], list):
        found = np.array([list(row.values()) for part in parts for row in part])
    else:
        found = np.concatenate([np.asarray(part) for part in parts])
    found = found.reshape(ROWS, -1)
    if column is not None:
        found = found[:, column:column + 1]
    if found.dtype.kind in "iOU":  # class labels, as indices
        names = [str(c) for c in classes] or [str(c) for c in sorted(set(found.ravel()))]
        found = np.vectorize(lambda label: names.index(str(label)))(found)
    (HERE / f"{name}.onnx").write_bytes(data)
    text = json.dumps({"postprocessing": list(post), "class_names": [str(c) for c in classes],
                       "inputs": x.reshape(ROWS, -1).astype(float).tolist(),
                       "outputs": [[float(f"{v:.9g}") for v in row] for row in found.astype(float)]})
    (HERE / f"{name}.json").write_text(text.replace("], [", "],\n[").replace(".0,", ",").replace(".0]", "]") + "\n")
    print(f"{name}: {len(data)} bytes, {[n.op_type for n in onnx.load_from_string(data).graph.node]}")


# --- scikit-learn ---

def sklearn():
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import LinearSVC
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    random = np.random.default_rng(1)
    x = np.round((random.normal(size=(200, 5)) * [1, 3, 0.5, 10, 2] + [0, 5, 1, -20, 3]) * 64) / 64
    score = (x - x.mean(0)) / x.std(0) @ random.normal(size=(5, 3)) + random.normal(size=(200, 3)) / 2
    binary, three = (score[:, 0] > 0).astype(int), score.argmax(1)
    names = np.array(["setosa", "versicolor", "virginica"])[three]
    target = score[:, 0] * 7 + 3
    some = x[:ROWS]

    def make(name, model, y, *, double=False, zipmap=True, raw=False, opset=None, **kept):
        model.fit(x, y)
        options = None
        if not zipmap:
            last = model.steps[-1][1] if hasattr(model, "steps") else model
            options = {id(last): {"zipmap": False, **({"raw_scores": True} if raw else {})}}
        made = to_onnx(model, some[:1].astype(np.float64 if double else np.float32), options=options,
                       target_opset=opset)
        save(name, made, some, **kept)
        return made

    sigmoid, softmax = ["sigmoid"], ["softmax"]
    two = {"post": sigmoid, "classes": [0, 1], "column": 1}
    iris = {"post": softmax, "classes": sorted(set(names))}
    lr = lambda: LogisticRegression(max_iter=2000)
    mlp = lambda cls, activation="relu": cls(hidden_layer_sizes=(6,), activation=activation, max_iter=300,
                                             random_state=1)
    made = make("sk_logistic_binary", lr(), binary, **two)
    label = onnx.ModelProto()
    label.CopyFrom(made)
    del label.graph.output[1]
    save("sk_logistic_binary_label", label, some, post=["argmax"], classes=[0, 1])
    make("sk_logistic_binary_plain", lr(), binary, zipmap=False, **two)
    make("sk_logistic_binary_names", lr(), np.array(["benign", "malignant"])[binary],
         **(two | {"classes": ["benign", "malignant"]}))
    make("sk_logistic_binary_raw", lr(), binary, zipmap=False, raw=True, classes=[0, 1], column=1)
    make("sk_logistic_binary_double", lr(), binary, double=True, zipmap=False, **two)
    make("sk_logistic_binary_opset11", lr(), binary, opset={"": 11, "ai.onnx.ml": 1}, **two)
    made = make("sk_logistic_multinomial", lr(), names, **iris)
    label.CopyFrom(made)
    del label.graph.output[1]
    save("sk_logistic_multinomial_label", label, some, post=["argmax"], classes=sorted(set(names)))
    make("sk_logistic_multinomial_plain", lr(), three, zipmap=False, post=softmax, classes=[0, 1, 2])
    make("sk_logistic_multinomial_double", lr(), names, double=True, zipmap=False, **iris)
    make("sk_linear_regression", LinearRegression(), target)
    make("sk_linear_regression_double", LinearRegression(), target, double=True)
    make("sk_ridge_outputs", Ridge(), np.stack([target, -target * 2, score[:, 1]], 1))
    make("sk_ridge_outputs_double", Ridge(), np.stack([target, -target * 2], 1), double=True)
    make("sk_mlp_binary", mlp(MLPClassifier), binary, **two)
    make("sk_mlp_binary_double", mlp(MLPClassifier, "tanh"), binary, double=True, zipmap=False, **two)
    made = make("sk_mlp_multiclass", mlp(MLPClassifier, "tanh"), names, **iris)
    label.CopyFrom(made)
    del label.graph.output[1]
    save("sk_mlp_multiclass_label", label, some, post=["argmax"], classes=sorted(set(names)))
    make("sk_mlp_multiclass_double", mlp(MLPClassifier, "logistic"), three, double=True, zipmap=False, post=softmax,
         classes=[0, 1, 2])
    make("sk_mlp_regressor", mlp(MLPRegressor), target)
    make("sk_mlp_regressor_identity", mlp(MLPRegressor, "identity"), target, double=True)
    make("sk_standard_logistic", make_pipeline(StandardScaler(), lr()), names, **iris)
    make("sk_standard_logistic_double", make_pipeline(StandardScaler(), lr()), binary, double=True, zipmap=False, **two)
    make("sk_standard_mlp", make_pipeline(StandardScaler(), mlp(MLPClassifier)), binary, zipmap=False, **two)
    make("sk_standard_mlp_regressor", make_pipeline(StandardScaler(), mlp(MLPRegressor)), target, double=True)
    make("sk_minmax_ridge", make_pipeline(MinMaxScaler(), Ridge()), target)
    make("sk_minmax_logistic", make_pipeline(MinMaxScaler(), lr()), three, post=softmax, classes=[0, 1, 2])
    make("sk_linear_svc", LinearSVC(), binary, classes=[0, 1])
    make("sk_linear_svc_multiclass", LinearSVC(), three, classes=[0, 1, 2])
    make("sk_sgd_binary", SGDClassifier(random_state=1), binary, classes=[0, 1], column=1)
    model = lr().fit(x, binary)
    save("sk_logistic_binary_fixed_rows", to_onnx(model, initial_types=[("X", FloatTensorType([1, 5]))]), some, **two)


# --- PyTorch ---

def torch_models():
    import torch
    from torch import nn

    torch.manual_seed(1)

    class Lambda(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return self.function(x)

    square = Lambda(lambda x: x * x)
    view = Lambda(lambda x: x.view(x.size(0), -1))

    def randomize(model):
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
        return model

    def export(layers, shape, dynamic=True, **options):
        model = randomize(nn.Sequential(*layers)).eval()
        sample = torch.zeros(1, *shape)
        if options.pop("double", False):
            model, sample = model.double(), sample.double()
        if options.pop("dynamo", False):
            shapes = ({0: torch.export.Dim("rows")},) if dynamic else None
            made = torch.onnx.export(model, (torch.cat([sample] * 2) if dynamic else sample,), dynamo=True,
                                     dynamic_shapes=shapes, verbose=False, **options).model_proto
            for node in made.graph.node:  # where in torch it came from is most of the file
                del node.metadata_props[:]
            del made.graph.value_info[:]
            return made.SerializeToString()
        file = io.BytesIO()
        axes = {"x": {0: "rows"}, "y": {0: "rows"}} if dynamic else None
        torch.onnx.export(model, sample, file, input_names=["x"], output_names=["y"], dynamic_axes=axes, dynamo=False,
                          **options)
        return file.getvalue()

    random = np.random.default_rng(2)

    def make(name, layers, shape, post=(), dynamic=True, **options):
        x = rows(random, *shape)
        save(f"torch_{name}", export(layers, shape, dynamic, **options), x, post=post)
        if "opset_version" not in options:
            save(f"dynamo_{name}", export(layers, shape, dynamic, dynamo=True, **options), x, post=post)

    softmax, sigmoid = ["softmax"], ["sigmoid"]
    make("mlp_relu", [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5),
         nn.ReLU(), nn.Linear(5, 3), nn.Softmax(1)], (6,), softmax)
    make("mlp_ends_in_relu", [nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3), nn.ReLU()], (6,))
    make("mlp_dropout", [nn.Linear(6, 8), nn.Dropout(), nn.Sigmoid(), nn.Dropout(), nn.Linear(8, 1)], (6,))
    make("mlp_no_bias", [nn.Linear(6, 8, bias=False), nn.Softplus(), nn.Linear(8, 2, bias=False)], (6,))
    make("mlp_double", [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)], (6,), double=True)
    make("mlp_batch_norm", [nn.BatchNorm1d(6), nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.BatchNorm1d(8),
                            nn.Linear(8, 2)], (6,))
    make("mlp_prelu", [nn.Linear(6, 8), nn.PReLU(), nn.Linear(8, 2)], (6,))
    make("mlp_polynomial", [nn.Linear(6, 8), Lambda(lambda x: 0.5 * x * x + 0.25 * x - 0.125), nn.Linear(8, 4),
                            Lambda(lambda x: x ** 3 - (1 - x) * 2), nn.Linear(4, 2)], (6,))
    make("mlp_opset9", [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)], (6,), softmax, opset_version=9)
    make("sigmoid_output", [nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1), nn.Sigmoid()], (6,), sigmoid)
    make("sigmoid_scaled", [nn.Linear(6, 4), nn.ReLU(), nn.Linear(
        4, 1), nn.Sigmoid(), Lambda(lambda x: x * 10 - 5)], (6,))
    make("standardised", [Lambda(lambda x: (x - torch.tensor([1., 2, 3])) / \
         torch.tensor([2., 4, 8])), nn.Linear(3, 2)], (3,))
    make("argmax", [nn.Linear(6, 4), Lambda(lambda x: x.argmax(1))], (6,), ["argmax"])
    make("cnn_square", [nn.Conv2d(1, 4, 5, stride=3), square, view,
         nn.Linear(64, 8), square, nn.Linear(8, 4)], (1, 14, 14))
    make("cnn_square_opset9", [nn.Conv2d(1, 4, 5, stride=3), square, nn.Flatten(), nn.Linear(64, 4)], (1, 14, 14),
         opset_version=9)
    make("cnn_square_fixed_rows", [nn.Conv2d(1, 4, 5, stride=3), square, view, nn.Linear(64, 4)], (1, 14, 14),
         dynamic=False)
    make("cnn_pow", [nn.Conv2d(1, 2, 3), Lambda(lambda x: x ** 2), nn.Flatten(), nn.Linear(72, 2)], (1, 8, 8))
    make("cnn_pool_groups", [nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4), nn.ReLU(),
                             nn.AvgPool2d(2, padding=1), nn.LeakyReLU(), nn.Flatten(), nn.Linear(64, 3)], (2, 6, 6))
    make("cnn_batch_norm", [nn.BatchNorm2d(2), nn.Conv2d(2, 4, 3, padding="same", groups=2), nn.ReLU(),
                            nn.BatchNorm2d(4), nn.AvgPool2d(2, count_include_pad=False, padding=1), nn.Flatten(),
                            nn.Linear(64, 2)], (2, 6, 6))
    make("cnn_dilated", [nn.Conv2d(1, 2, 3, dilation=2, padding=(2, 1), stride=(1, 2)), nn.Tanh(),
                         nn.AvgPool2d((2, 3), stride=1),
                         nn.Flatten(), nn.Linear(12, 2)], (1, 7, 8))
    make("cnn_global_pool", [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
                             nn.Sigmoid()], (1, 7, 7), sigmoid)
    make("cnn_mean", [nn.Conv2d(1, 4, 3), nn.ReLU(), Lambda(lambda x: x.mean((2, 3))), nn.Linear(4, 2)], (1, 7, 7))
    make("cnn_mean_rows", [nn.Conv2d(1, 4, 3), nn.ReLU(), Lambda(
        lambda x: x.mean(2)), nn.Flatten(), nn.Linear(20, 2)], (1, 7, 7))
    make("cnn_two", [nn.Conv2d(1, 3, 3, stride=2), square, nn.Conv2d(3, 4, 2), square, nn.Flatten(), nn.Linear(16, 3),
                     nn.Softmax(-1)], (1, 8, 8), softmax)
    make("cnn_from_vector", [Lambda(lambda x: x.view(-1, 1, 6, 6)),
         nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2)], (36,))
    make("cnn_from_dense", [nn.Linear(5, 16), nn.ReLU(), nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3),
                            nn.AvgPool2d(2),
                            nn.Flatten()], (5,))
    make("cnn_from_lines", [Lambda(lambda x: x.unsqueeze(1)), nn.Conv2d(
        1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2)], (6, 6))
    make("cnn_1d", [nn.Conv1d(2, 3, 3, padding=1, stride=2), nn.ReLU(),
         nn.AvgPool1d(2), nn.Flatten(), nn.Linear(6, 2)], (2, 8))


# --- By hand: what other exporters write, and corners of the operators ---

def model(nodes, shape, constants=None, *, opset=18, ml=3, outputs=("y",), types=None, input_type=TensorProto.FLOAT,
          ir=9):
    """nodes: (op, inputs, output, attributes[, domain])."""
    made = []
    for op, inputs, out, attributes, *domain in nodes:
        made.append(helper.make_node(op, inputs, [out] if isinstance(out, str) else out, name=f"/{op}_{len(made)}",
                                     domain=domain[0] if domain else "", **attributes))
    graph = helper.make_graph(
        made, "g", [helper.make_tensor_value_info("x", input_type, shape)],
        [helper.make_tensor_value_info(o, (types or {}).get(o, TensorProto.FLOAT), None) for o in outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    return helper.make_model(graph, opset_imports=opsets,
                             ir_version=ir)


def handmade():
    random = np.random.default_rng(4)
    f32 = lambda *shape: random.normal(size=shape).astype(np.float32)
    i64 = lambda *values: np.array(values, dtype=np.int64)

    # Constants are initialisers, axes are inputs, shapes start and end.
    save("hand_cnn", model([
        ("Conv", ["x", "w", "b"], "c", {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "group": 1,
                                        "pads": [0, 0, 0, 0], "auto_pad": "NOTSET"}),
        ("Mul", ["c", "c"], "s", {}),
        ("Shape", ["x"], "n", {"start": 0, "end": 1}),
        ("Concat", ["n", "rest"], "to", {"axis": 0}),
        ("Reshape", ["s", "to"], "v", {"allowzero": 1}),
        ("Transpose", ["w2"], "t", {"perm": [1, 0]}),
        ("MatMul", ["v", "t"], "m", {}),
        ("Add", ["b2", "m"], "y", {}),
    ], ["batch", 1, 6, 6], {"w": f32(2, 1, 3, 3), "b": f32(2), "rest": i64(32), "w2": f32(3, 32), "b2": f32(3)}),
        rows(random, 1, 6, 6))
    save("hand_mean", model([
        ("Conv", ["x", "w"], "c", {"pads": [1, 1, 1, 1]}),
        ("Relu", ["c"], "r", {}),
        ("ReduceMean", ["r", "axes"], "m", {"keepdims": 0}),
        ("Gemm", ["m", "w2", "b2"], "y", {"transB": 1, "alpha": 1.0, "beta": 1.0}),
    ], ["batch", 2, 5, 5], {"w": f32(3, 2, 3, 3), "axes": i64(-1, -2), "w2": f32(2, 3), "b2": f32(2)}),
        rows(random, 2, 5, 5))
    save("hand_gemm", model([
        ("Gemm", ["x", "w", "b"], "g", {"alpha": 0.5, "beta": 2.0}),
        ("Gemm", ["g", "w2", "c"], "h", {"beta": 0.25}),
        ("Neg", ["h"], "n", {}),
        ("Gemm", ["n", "w3"], "y", {"transB": 1}),
    ], ["N", 4], {"w": f32(4, 3), "b": f32(1, 3), "w2": f32(3, 3), "c": f32(1), "w3": f32(2, 3)}), rows(random, 4))
    save("hand_broadcast", model([
        ("Sub", ["x", "row"], "a", {}), ("Div", ["a", "channel"], "b", {}), ("Add", ["column", "b"], "c", {}),
        ("Mul", ["c", "all"], "d", {}), ("Sub", ["one", "d"], "e", {}), ("Flatten", ["e"], "f", {}),
        ("MatMul", ["f", "w"], "y", {}),
    ], ["N", 2, 3, 4], {"row": f32(4), "channel": f32(2, 1, 1), "column": f32(1, 1, 3, 1), "all": f32(1, 2, 3, 4),
                        "one": np.float32(1), "w": f32(24, 3)}), rows(random, 2, 3, 4))
    save("hand_same_pads", model([
        ("Conv", ["x", "w"], "a", {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
        ("Relu", ["a"], "b", {}),
        ("AveragePool", ["b"], "c", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("Conv", ["c", "w2"], "d", {"auto_pad": "VALID"}),
        ("AveragePool", ["d"], "e", {"kernel_shape": [2, 2], "pads": [0, 1, 0, 1], "strides": [1, 2], "ceil_mode": 0}),
        ("Flatten", ["e"], "y", {"axis": -3}),
    ], ["N", 1, 7, 6], {"w": f32(2, 1, 4, 4), "w2": f32(2, 2, 2, 2)}, opset=13), rows(random, 1, 7, 6))
    save("hand_shapes", model([
        ("Unsqueeze", ["x", "one"], "a", {}), ("Transpose", ["a"], "b", {"perm": [0, 2, 3, 1]}),
        ("Squeeze", ["b", "three"], "c", {}), ("Identity", ["c"], "d", {}),
        ("Shape", ["d"], "s", {}), ("Gather", ["s", "zero"], "n", {}), ("Slice", ["s", "one", "end"], "r", {}),
        ("Squeeze", ["r2"], "r3", {}),
        ("Mul", ["r3", "r4"], "f", {}), ("Unsqueeze", ["n", "zeroes"],
         "n2", {}), ("Unsqueeze", ["f", "zeroes"], "f2", {}),
        ("Gather", ["r", "zeroes"], "r2", {}), ("Gather", ["r", "at1"], "r4", {}),
        ("Concat", ["n2", "f2"], "to", {"axis": 0}), ("Reshape", ["d", "to"], "e", {}), ("MatMul", ["e", "w"], "y", {}),
    ], [None, 3, 4], {"one": i64(1), "three": i64(3), "zero": np.int64(0), "zeroes": i64(0), "end": i64(2**63 - 1),
                      "at1": np.int64(1), "w": f32(12, 2)}), rows(random, 3, 4))
    eighths = lambda *shape: (np.clip(np.round(random.normal(size=shape) * 8), -8, 8) / 8).astype(np.float16)
    half = model([("MatMul", ["x", "w"], "a", {}), ("Add", ["a", "b"], "y", {})], ["N", 4],
                 {"w": eighths(4, 3), "b": eighths(3)}, input_type=TensorProto.FLOAT16,
                 types={"y": TensorProto.FLOAT16})
    save("hand_half", half, eighths(ROWS, 4))  # exact in float16
    typed = model([("Gemm", ["x", "w", "b"], "y", {})], ["N", 4], {}, opset=9)
    for name, dims in (("w", (4, 3)), ("b", (3,))):  # numbers as fields, not as raw bytes
        typed.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, dims, f32(*dims).ravel().tolist()))
        typed.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))  # as until IR 3
    save("hand_fields", typed, rows(random, 4))
    save("hand_constants", model([
        ("Constant", [], "w", {"value": numpy_helper.from_array(f32(4, 3))}),
        ("Constant", [], "b", {"value_floats": [1.0, 2.0, 3.0]}), ("Constant", [], "k", {"value_float": 0.5}),
        ("Cast", ["x"], "z", {"to": TensorProto.FLOAT}), ("MatMul", ["z", "w"], "a", {}), ("Add", ["a", "b"], "c", {}),
        ("Mul", ["c", "k"], "y", {}),
    ], ["N", 4], input_type=TensorProto.INT64), np.round(random.normal(size=(ROWS, 4)) * 9))
    ml = "ai.onnx.ml"
    save("hand_encoder", model([
        ("MatMul", ["x", "w"], "a", {}), ("ArgMax", ["a"], "i", {"axis": 1, "keepdims": 0}),
        ("LabelEncoder", ["i"], "y", {"keys_int64s": [0, 1, 2], "values_strings": ["no", "maybe", "yes"]}, ml),
    ], ["N", 4], {"w": f32(4, 3)}, types={"y": TensorProto.STRING}), rows(random, 4), post=["argmax"],
        classes=["no", "maybe", "yes"])
    save("hand_linear_classifier_one_row", model([
        ("LinearClassifier", ["x"], ["l", "y"], {"coefficients": [0.5, -1.0, 2.0], "intercepts": [0.25],
                                                 "classlabels_ints": [4, 7], "post_transform": "LOGISTIC"}, ml),
    ], ["N", 3], outputs=("l", "y"), types={"l": TensorProto.INT64}), rows(random, 3), post=["sigmoid"], classes=[4, 7],
        column=1)
    save("hand_gather", model([
        ("Gather", ["x", "columns"], "a", {"axis": 1}),
        ("ArrayFeatureExtractor", ["a", "two"], "b", {}, ml),
        ("Gather", ["b", "last"], "c", {"axis": -1}), ("Unsqueeze", ["c", "one"], "d", {}),
        ("MatMul", ["d", "w"], "y", {}),
    ], ["N", 4], {"columns": i64(3, 0, -3), "two": i64(2, 0), "last": np.int64(-1), "one": i64(1), "w": f32(1, 2)}),
        rows(random, 4))
    zipped = model([
        ("Gemm", ["x", "w"], "a", {}), ("Softmax", ["a"], "p", {}),
        ("ZipMap", ["p"], "y", {"classlabels_strings": ["off", "on"]}, ml),
    ], ["N", 4], {"w": f32(4, 2)})
    sequence = zipped.graph.output[0].type.sequence_type.elem_type.map_type
    sequence.key_type, sequence.value_type.tensor_type.elem_type = TensorProto.STRING, TensorProto.FLOAT
    save("hand_softmax_pair", zipped, rows(random, 4), post=["sigmoid"], classes=["off", "on"], column=1)
    save("hand_scaler", model([
        ("FeatureVectorizer", ["x"], "v", {"inputdimensions": [3]}, ml),
        ("Scaler", ["v"], "s", {"offset": [1.0, 2.0, 3.0], "scale": [0.5, -0.25, 2.0]}, ml),
        ("LinearRegressor", ["s"], "y", {"coefficients": [1.0, 2.0, 3.0, -1.0, 0.0, 1.0], "intercepts": [0.5, -0.5],
                                         "targets": 2}, ml),
    ], ["N", 3]), rows(random, 3))
    # Two columns of a binary class that are not what they look like.
    half = f32(3, 1)
    save("hand_softmax_of_sigmoids", model([
        ("Gemm", ["x", "w", "b"], "a", {}), ("Sigmoid", ["a"], "p", {}), ("Softmax", ["p"], "y", {"axis": 1}),
    ], ["N", 3], {"w": np.hstack([-half, half]), "b": np.array([-0.3, 0.3], dtype=np.float32)}), rows(random, 3),
        post=["sigmoid", "softmax"])
    save("hand_negative_probability", model([
        ("MatMul", ["x", "w"], "z", {}), ("Sigmoid", ["z"], "p", {}), ("Neg", ["p"], "n", {}),
        ("Concat", ["n", "p"], "c", {"axis": 1}), ("ArgMax", ["c"], "i", {"axis": 1}),
        ("Cast", ["i"], "y", {"to": TensorProto.FLOAT}),
    ], ["N", 3], {"w": half}), rows(random, 3), post=["argmax"])
    one_row = {"coefficients": [0.5, -1.0, 0.25], "intercepts": [0.25], "classlabels_ints": [0, 1]}
    save("hand_linear_classifier_largest", model([
        ("LinearClassifier", ["x"], ["l", "s"], one_row, ml), ("ArgMax", ["s"], "i", {"axis": 1}),
        ("Cast", ["i"], "y", {"to": TensorProto.FLOAT}),
    ], ["N", 3]), rows(random, 3), post=["argmax"])
    # Labels that are looked up: what counts is the label's value, not its place.
    three = {"coefficients": f32(9).tolist(), "intercepts": [0.2, 0.1, -0.3], "classlabels_ints": [2, 0, 1]}
    hundreds, label = i64(100, 200, 300), {"types": {"y": TensorProto.INT64}}
    save("hand_label_in_table", model([
        ("LinearClassifier", ["x"], ["l", "s"], three, ml), ("Gather", ["names", "l"], "y", {}),
    ], ["N", 3], {"names": hundreds}, **label), rows(random, 3), post=["argmax"], classes=[300, 100, 200])
    save("hand_index_in_table", model([
        ("LinearClassifier", ["x"], ["l", "s"], three, ml), ("ArgMax", ["s"], "i", {"axis": 1, "keepdims": 0}),
        ("Gather", ["names", "i"], "y", {}),
    ], ["N", 3], {"names": hundreds}, **label), rows(random, 3), post=["argmax"], classes=[100, 200, 300])
    save("hand_two_tables", model([
        ("MatMul", ["x", "w"], "a", {}), ("ArgMax", ["a"], "i", {"axis": 1, "keepdims": 0}),
        ("Gather", ["order", "i"], "j", {}), ("Gather", ["names", "j"], "y", {}),
    ], ["N", 3], {"w": f32(3, 3), "order": i64(2, 0, 1), "names": hundreds * 1000}, **label), rows(random, 3),
        post=["argmax"], classes=[300000, 100000, 200000])
    # The label is of the columns in another order, or of other values, so that it says nothing of the outputs' names.
    for name, step in (("order", ("Gather", ["y", "order"], "p", {"axis": 1})), ("sign", ("Neg", ["y"], "p", {}))):
        save(f"hand_label_of_other_{name}", model([
            ("MatMul", ["x", "w"], "y", {}), step, ("ArgMax", ["p"], "i", {"axis": 1, "keepdims": 0}),
            ("Gather", ["names", "i"], "l", {}),
        ], ["N", 3], {"w": f32(3, 3), "order": i64(2, 0, 1), "names": hundreds}, outputs=("l", "y"),
            types={"l": TensorProto.INT64}), rows(random, 3))
    save("hand_label_of_outputs", model([
        ("MatMul", ["x", "w"], "a", {}), ("Sigmoid", ["a"], "y", {}),
        ("ArgMax", ["a"], "i", {"axis": 1, "keepdims": 0}), ("Gather", ["names", "i"], "l", {}),
    ], ["N", 3], {"w": f32(3, 3), "names": hundreds}, outputs=("l", "y"), types={"l": TensorProto.INT64}),
        rows(random, 3), post=["sigmoid"], classes=hundreds.tolist())
    save("hand_classifier_in_other_order", model([
        ("LinearClassifier", ["x"], ["l", "s"], three, ml), ("Gather", ["s", "order"], "y", {"axis": 1}),
    ], ["N", 3], {"order": i64(1, 2, 0)}), rows(random, 3))
    save("hand_gather_square", model([
        ("Gather", ["x", "columns"], "a", {"axis": 1}), ("Mul", ["a", "k"], "b", {}), ("Flatten", ["b"], "c", {}),
        ("MatMul", ["c", "w"], "y", {}),
    ], ["N", 4], {"columns": i64(0, 1, 2, 3, 0, -1).reshape(2, 3), "k": f32(2, 1), "w": f32(6, 2)}), rows(random, 4))
    # Integers that are moved about before they become floats, by a Cast or where operators of ai.onnx.ml take them.
    whole = lambda *shape: np.round(random.normal(size=(ROWS, *shape)) * 9)
    save("hand_integers_cast", model([
        ("Identity", ["x"], "a", {}), ("Gather", ["a", "columns"], "b", {"axis": 1}), ("Unsqueeze", ["b", "one"], "c", {}),
        ("Transpose", ["c"], "d", {"perm": [0, 2, 1]}), ("Squeeze", ["d", "two"], "e", {}),
        ("Reshape", ["e", "to"], "f", {}), ("Flatten", ["f"], "g", {}), ("Cast", ["g"], "h", {"to": TensorProto.FLOAT}),
        ("Div", ["h", "half"], "i", {}), ("MatMul", ["i", "w"], "y", {}),
    ], ["N", 4], {"columns": i64(3, 0, 2, 1), "one": i64(1), "two": i64(2), "to": i64(-1, 2, 2), "half": np.float32(2),
                  "w": f32(4, 2)}, input_type=TensorProto.INT64), whole(4))
    save("hand_integers_scaled", model([
        ("Scaler", ["x"], "s", {"offset": [1.0, 2.0, 3.0], "scale": [0.5, -0.25, 2.0]}, ml),
        ("Mul", ["s", "k"], "a", {}), ("MatMul", ["a", "w"], "y", {}),
    ], ["N", 3], {"k": np.float32(0.3), "w": f32(3, 2)}, input_type=TensorProto.INT64), whole(3))
    save("hand_integers_classified", model([
        ("LinearClassifier", ["x"], ["l", "y"], three | {"post_transform": "SOFTMAX"}, ml),
    ], ["N", 3], outputs=("l", "y"), types={"l": TensorProto.INT64}, input_type=TensorProto.INT64), whole(3) / 9,
        post=["softmax"], classes=[2, 0, 1])
    # Probabilities of a classifier that says other labels than its own.
    save("hand_label_beside_classifier", model([
        ("LinearClassifier", ["x"], ["i", "y"], three | {"post_transform": "SOFTMAX"}, ml),
        ("Gather", ["names", "i"], "l", {}),
    ], ["N", 3], {"names": hundreds}, outputs=("l", "y"), types={"l": TensorProto.INT64}), rows(random, 3),
        post=["softmax"], classes=[300, 100, 200])
    save("hand_label_of_threshold", model([
        ("LinearClassifier", ["x"], ["i", "y"], one_row | {"post_transform": "LOGISTIC"}, ml),
        ("ArrayFeatureExtractor", ["y", "second"], "p", {}, ml), ("Greater", ["p", "much"], "is", {}),
        ("Cast", ["is"], "l", {"to": TensorProto.INT64}),
    ], ["N", 3], {"second": i64(1), "much": np.float32(0.8)}, outputs=("l", "y"), types={"l": TensorProto.INT64}),
        rows(random, 3), post=["sigmoid"], column=1)


def main() -> None:
    parts = {"sklearn": sklearn, "torch": torch_models, "handmade": handmade}
    for part in sys.argv[1:] or parts:
        parts[part]()


if __name__ == "__main__":
    main()
