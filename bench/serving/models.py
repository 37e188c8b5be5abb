"""The models of the serving benchmarks, made anew on each run: every format of one model gives the same answers."""
import json
import os

import numpy as np
import xgboost
from onnx import TensorProto, helper, numpy_helper, save

FEATURES = 28
DOMAIN = "ai.onnx.ml"


def trees(folder, count, depth=6, name="m"):
    """An XGBoost regression as XGBoost's JSON and as ONNX with one TreeEnsembleRegressor, and a row to ask about."""
    rng = np.random.default_rng(7)
    x = rng.random((20000, FEATURES), dtype=np.float32)
    y = x[:, 0] * x[:, 1] + np.sin(6 * x[:, 2]) + rng.normal(0, 0.3, len(x))
    booster = xgboost.train({"max_depth": depth, "eta": 0.05, "min_child_weight": 0, "base_score": 0.5, "nthread": 2, "seed": 1}, xgboost.DMatrix(x, y), count)
    booster.save_model(folder / f"{name}.json")
    save(tree_graph(json.loads((folder / f"{name}.json").read_text())), folder / f"{name}.onnx")
    return booster, x


def tree_graph(model):
    fields = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    targets = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    learner = model["learner"]
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        for node, (left, right) in enumerate(zip(tree["left_children"], tree["right_children"])):
            leaf = left < 0
            for key, value in zip(fields, (number, node, 0 if leaf else tree["split_indices"][node], 0.0 if leaf else tree["split_conditions"][node],
                                           "LEAF" if leaf else "BRANCH_LT", max(left, 0), max(right, 0), 0 if leaf else tree["default_left"][node])):
                fields[key].append(value)
            if leaf:
                for key, value in zip(targets, (number, node, 0, tree["split_conditions"][node])):
                    targets[key].append(value)
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    node = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain=DOMAIN, n_targets=1, base_values=[base],
                            **{f"nodes_{k}": v for k, v in fields.items()}, **{f"target_{k}": v for k, v in targets.items()})
    graph = helper.make_graph([node], "trees", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", FEATURES])],
                              [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n", 1])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 3)], ir_version=9)


def dense(path, widths=(FEATURES, 1024, 1024, 1024, 1)):
    """A multi-layer perceptron with ReLU: a model that is worth joining requests for."""
    rng = np.random.default_rng(5)
    nodes, weights, last = [], [], "X"
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        end = i == len(widths) - 2
        weights += [numpy_helper.from_array((rng.standard_normal((a, b)) / np.sqrt(a)).astype(np.float32), f"w{i}"),
                    numpy_helper.from_array(rng.standard_normal(b).astype(np.float32) / 10, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], ["Y" if end else f"g{i}"]))
        if not end:
            nodes.append(helper.make_node("Relu", [f"g{i}"], [f"r{i}"]))
        last = f"r{i}"
    graph = helper.make_graph(nodes, "dense", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", widths[0]])],
                              [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n", widths[-1]])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def identity(path, kind=TensorProto.INT32, shape=("n", 16)):
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["Y"])], "identity", [helper.make_tensor_value_info("X", kind, list(shape))],
                              [helper.make_tensor_value_info("Y", kind, list(shape))])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def image_net(path):
    """Three convolutions over [n, 3, 224, 224] and a mean: a large tensor goes in, ten numbers come out."""
    rng = np.random.default_rng(6)
    shapes = [(8, 3, 3, 3), (8, 8, 3, 3), (10, 8, 3, 3)]
    weights = [numpy_helper.from_array((rng.standard_normal(s) / np.sqrt(np.prod(s[1:]))).astype(np.float32), f"w{i}") for i, s in enumerate(shapes)]
    nodes, last = [], "X"
    for i in range(3):
        nodes += [helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], strides=[4, 4] if i == 0 else [2, 2]), helper.make_node("Relu", [f"c{i}"], [f"r{i}"])]
        last = f"r{i}"
    nodes += [helper.make_node("GlobalAveragePool", [last], ["p"]), helper.make_node("Flatten", ["p"], ["Y"])]
    graph = helper.make_graph(nodes, "image", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 3, 224, 224])],
                              [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n", 10])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def tensor_body(x, name="X", datatype="FP32"):
    """A V2 request in JSON, without spaces."""
    return json.dumps({"inputs": [{"name": name, "datatype": datatype, "shape": list(x.shape), "data": x.ravel().tolist()}]}, separators=(",", ":")).encode()


def size_kib(path):
    return os.path.getsize(path) / 1024
