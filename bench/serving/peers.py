"""The servers that the serving benchmarks measure beside Ingot: each runs the same model on this machine's processors, as its own
documentation starts it and with the settings that make it fastest here (one worker, one thread for the model, no request log)."""
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import lib
import models
import numpy as np


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def venv(name, *packages):
    """A Python of its own for a server whose requirements would fight with the others'."""
    folder = lib.ROOT / "build/bench-venvs" / name
    python = folder / "bin/python"
    if not (folder / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        (folder / ".complete").touch()
    return python


class Peer:
    """One server: start() in a folder that holds m.json and m.onnx, then ask. `wants` is what it loads."""
    path = "/v2/models/m/infer"
    ready = "/v2/models/m/ready"
    grpc_port = None
    argv, env, input_name = None, {}, "X"

    def __init__(self, folder):
        self.folder, self.port = Path(folder), free_port()

    def start(self):
        self.log = open(self.folder / f"{type(self).__name__}.log", "w")
        self.process = subprocess.Popen([str(a) for a in self.argv], cwd=self.folder, env={**os.environ, **self.env}, stdout=self.log, stderr=self.log,
                                        preexec_fn=lib.server_cores if lib.pinned else None)
        self.seconds = lib.wait_http(f"http://127.0.0.1:{self.port}{self.ready}")
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        lib.stop(self.process)
        self.log.close()

    def body(self, x):
        return models.tensor_body(x, self.input_name)

    def answer(self, got):
        return np.asarray(got["outputs"][0]["data"]).ravel()

    def ask(self, x):
        return self.answer(lib.call(f"http://127.0.0.1:{self.port}{self.path}", "POST", self.body(x)))

    def idle_mib(self):
        return lib.tree_cpu_us(self.process.pid)[1]


class Ingot(Peer):
    name = "ingot, XGBoost JSON"
    model = "m.json"

    def start(self):
        self.argv = [lib.RELEASE / "ingot", "serve", self.folder / self.model, "--listen", f"127.0.0.1:{self.port}", "--io-threads", "1"]
        self.grpc_port = self.port
        return super().start()


class IngotOnnx(Ingot):
    name = "ingot, ONNX"
    model = "m.onnx"


class FastApi(Peer):
    name = "FastAPI + ONNX Runtime"
    ready = "/openapi.json"
    program = '''
import sys
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
app = FastAPI()
TYPES = {"FP32": np.float32, "INT32": np.int32}

@app.post("/v2/models/m/infer")
async def infer(request: Request):
    tensor = (await request.json())["inputs"][0]
    x = np.asarray(tensor["data"], dtype=TYPES[tensor["datatype"]]).reshape(tensor["shape"])
    out = session.run(None, {"X": x})[0]
    return {"model_name": "m", "outputs": [{"name": "Y", "datatype": tensor["datatype"], "shape": list(out.shape), "data": out.ravel().tolist()}]}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
'''

    def start(self):
        (self.folder / "fast.py").write_text(self.program)
        self.argv = [sys.executable, self.folder / "fast.py", self.folder / "m.onnx", self.port]
        return super().start()


class MlServer(Peer):
    name = "MLServer (XGBoost)"

    def start(self):
        python = venv("mlserver", "mlserver==1.7.1", "mlserver-xgboost==1.7.1")
        self.grpc_port = free_port()
        home = self.folder / "mlserver"
        home.mkdir(exist_ok=True)
        (home / "settings.json").write_text(json.dumps({"http_port": self.port, "grpc_port": self.grpc_port, "metrics_port": free_port(), "host": "127.0.0.1",
                                                        "parallel_workers": 0, "debug": False, "logging_settings": None}))
        (home / "model-settings.json").write_text(json.dumps({"name": "m", "implementation": "mlserver_xgboost.XGBoostModel",
                                                              "parameters": {"uri": str(self.folder / "m.json")}}))
        self.argv, self.env = [python, "-m", "mlserver.cli.main", "start", home], {"OMP_NUM_THREADS": "1"}
        return super().start()


class MlflowServe(Peer):
    name = "mlflow models serve (XGBoost)"
    path, ready = "/invocations", "/ping"

    def start(self):
        import mlflow.xgboost
        import xgboost
        home = self.folder / "mlflow-model"
        if not home.exists():
            booster = xgboost.Booster(model_file=self.folder / "m.json")
            mlflow.xgboost.save_model(booster, str(home))
        self.argv = [sys.executable, "-m", "mlflow", "models", "serve", "-m", home, "--env-manager", "local", "-h", "127.0.0.1", "-p", self.port]
        self.env = {"OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return super().start()

    def body(self, x):
        return json.dumps({"inputs": x.tolist()}, separators=(",", ":")).encode()

    def answer(self, got):
        return np.asarray(got["predictions"]).ravel()


class Bento(Peer):
    name = "BentoML + ONNX Runtime"
    path, ready = "/predict", "/readyz"
    program = '''
import bentoml
import numpy as np
import onnxruntime

@bentoml.service(workers=1)
class Model:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession("m.onnx", options)

    @bentoml.api
    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"X": x.astype(np.float32)})[0]
'''

    def start(self):
        python = venv("bentoml", "bentoml==1.4.39", "onnxruntime", "numpy")
        (self.folder / "bento_service.py").write_text(self.program)
        self.argv = [python, "-m", "bentoml", "serve", "bento_service:Model", "--port", self.port, "--host", "127.0.0.1"]
        self.env = {"BENTOML_DO_NOT_TRACK": "1", "BENTOML_HOME": str(self.folder / "bentoml")}
        return super().start()

    def body(self, x):
        return json.dumps({"x": x.tolist()}, separators=(",", ":")).encode()

    def answer(self, got):
        return np.asarray(got).ravel()


class Triton(Peer):
    """The server binary of the nvidia-pytriton wheel; the only backend in it is Python's, which runs ONNX Runtime here."""
    name = "Triton (Python backend, ONNX Runtime)"
    config = '''name: "m" backend: "python" max_batch_size: 1024
input [ { name: "X", data_type: TYPE_FP32, dims: [ 28 ] } ]
output [ { name: "Y", data_type: TYPE_FP32, dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU, count: 1 } ]
'''
    program = '''
import onnxruntime
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(%r, options)

    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor("Y", self.session.run(None, {"X": pb.get_input_tensor_by_name(r, "X").as_numpy()})[0])]) for r in requests]
'''

    def start(self):
        python = venv("triton", "nvidia-pytriton==0.7.0", "onnxruntime", "numpy")
        site = next((python.parents[1] / "lib").glob("python3*/site-packages"))
        home, backends = self.folder / "triton", self.folder / "triton-backends"
        (home / "m/1").mkdir(parents=True, exist_ok=True)
        (home / "m/config.pbtxt").write_text(self.config)
        (home / "m/1/model.py").write_text(self.program % str(self.folder / "m.onnx"))
        backends.mkdir(exist_ok=True)
        server = site / "pytriton/tritonserver"
        version = site.parent.name.removeprefix("python")
        subprocess.run(["cp", "-r", server / "backends/python", backends], check=True)
        subprocess.run(["cp", server / f"python_backend_stubs/{version}/triton_python_backend_stub", backends / "python"], check=True)
        self.grpc_port = free_port()
        self.argv = [server / "bin/tritonserver", "--model-repository", home, "--backend-directory", backends, "--http-port", self.port, "--http-address", "127.0.0.1",
                     "--grpc-port", self.grpc_port, "--grpc-address", "127.0.0.1", "--allow-metrics", "false", "--log-info", "false"]
        self.env = {"PYTHONPATH": str(site), "LD_LIBRARY_PATH": str(site / "nvidia_pytriton.libs"), "PATH": f"{python.parent}:{os.environ['PATH']}"}
        return super().start()


ALL = [Ingot, IngotOnnx, FastApi, MlServer, MlflowServe, Bento, Triton]
