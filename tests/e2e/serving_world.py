"""Models behind both ways to serve them: `ingot serve` over a model repository, and `ingot server` whose endpoints a user deployed over REST.

    trees     XGBoost, 28 features, binary; versions 1 and 2, both loaded
    classes   XGBoost, 28 features, three classes
    types     ONNX, one input and output of each datatype, the outputs being the inputs
    blend     ONNX, y = x * 2 + 1 for x [n, 3]
"""
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
import requests
import xgboost
from onnx import TensorProto, helper

from grpc_world import FEATURES, booster, serve
from ingot_server import IngotServer, program

TYPES = {"BOOL": TensorProto.BOOL, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16, "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64,
         "INT8": TensorProto.INT8, "INT16": TensorProto.INT16, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64, "FP16": TensorProto.FLOAT16,
         "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING, "BF16": TensorProto.BFLOAT16}


def save_onnx(graph, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def types_model(path):
    nodes, ins, outs = [], [], []
    for name, kind in TYPES.items():
        nodes.append(helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]))
        ins.append(helper.make_tensor_value_info(f"in_{name}", kind, ["n", 2]))
        outs.append(helper.make_tensor_value_info(f"out_{name}", kind, ["n", 2]))
    save_onnx(helper.make_graph(nodes, "types", ins, outs), path)


def blend_model(path, factor=2.0):
    two, one = (helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("two", factor), ("one", 1.0)))
    graph = helper.make_graph([helper.make_node("Mul", ["x", "two"], ["m"]), helper.make_node("Add", ["m", "one"], ["y"])], "blend",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])], [two, one])
    save_onnx(graph, path)


class Serve:
    """`ingot serve` on a free port; `stderr` goes to a file, so that nothing waits for a reader."""

    def __init__(self, *args, env=None):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([program(), "serve", *map(str, args), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={**os.environ, **(env or {})})
        self.line = self.process.stdout.readline()
        assert "listening on " in self.line, (self.process.wait(10), self.log())
        self.url = self.line.split()[2].rstrip(",")

    def log(self):
        self.errors.seek(0)
        return self.errors.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(60)
        log = self.log()
        self.process.stdout.close()
        self.errors.close()
        assert code == 0, (code, log[-3000:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def upload(url, name, path):
    """A model's file as a new version that points at it; its number."""
    def post(call, body):
        answer = requests.post(f"{url}/api/2.0/mlflow/{call}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    run = post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    answer = requests.put(f"{url}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path.name}", data=path.read_bytes(), timeout=30)
    assert answer.status_code == 200, answer.text
    requests.post(f"{url}/api/2.0/mlflow/registered-models/create", json={"name": name}, timeout=30)
    return int(post("model-versions/create", {"name": name, "source": f"runs:/{run}/{path.name}", "run_id": run})["model_version"]["version"])


class World:
    def __init__(self, kind):
        self.kind = kind
        self.folder = tempfile.TemporaryDirectory(prefix="ingot-e2e-")
        repository = Path(self.folder.name) / "models"
        self.trees = [booster(1), booster(2)]
        self.classes = booster(3, classes=3)
        for i, model in enumerate(self.trees):
            (repository / f"trees/{i + 1}").mkdir(parents=True)
            model.save_model(repository / f"trees/{i + 1}/model.json")
        (repository / "trees/config.pbtxt").write_text("version_policy { all { } }")
        (repository / "classes/1").mkdir(parents=True)
        self.classes.save_model(repository / "classes/1/model.json")
        types_model(repository / "types/1/model.onnx")
        blend_model(repository / "blend/1/model.onnx")
        if kind == "serve":
            self.server = Serve(repository)
        else:
            self.server = IngotServer(os.path.join(self.folder.name, "data"))
            for model in sorted(repository.iterdir()):
                for version in sorted(p for p in model.iterdir() if p.is_dir()):
                    serve(self.server.url, model.name, upload(self.server.url, model.name, next(version.iterdir())))
        self.url = self.server.url
        self.target = self.url.split("//")[1]

    def rows(self, n, seed=0):
        return np.random.default_rng(seed).normal(size=(n, FEATURES)).astype(np.float32)

    def want(self, x, version=2):
        return self.trees[version - 1].predict(xgboost.DMatrix(x))

    def close(self):
        try:
            code = self.server.stop()
        finally:
            self.folder.cleanup()
        assert not code, "the server did not end cleanly on SIGTERM"
