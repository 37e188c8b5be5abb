#!/usr/bin/env python3
"""One row of 28 features through 500 trees of depth 6, the same ONNX file everywhere: `ingot serve` over REST and gRPC, and FastAPI with
ONNX Runtime under uvicorn, in the same run. Answers are compared first. Server CPU time per request is what counts: the generator
shares the machine."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
RIVAL_PORT = 17018
RIVAL = '''
import sys
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
app = FastAPI()

@app.post("/v2/models/m/infer")
async def infer(request: Request):
    tensor = (await request.json())["inputs"][0]
    x = np.asarray(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
    out = session.run(None, {"X": x})[0]
    return {"model_name": "m", "outputs": [{"name": "variable", "datatype": "FP32", "shape": list(out.shape), "data": out.ravel().tolist()}]}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
'''


def field(number, data):
    """A length-delimited field of a protobuf message."""
    n, head = len(data), bytes([number << 3 | 2])
    while n > 127:
        head += bytes([n & 127 | 128])
        n >>= 7
    return head + bytes([n]) + data


def model(folder):
    rng = np.random.default_rng(7)
    x = rng.random((3000, 28), dtype=np.float32)
    y = x[:, 0] * x[:, 1] + np.sin(6 * x[:, 2]) + rng.normal(0, 0.1, 3000)
    fitted = GradientBoostingRegressor(n_estimators=500, max_depth=6, random_state=1).fit(x, y)
    path = folder / "m.onnx"
    path.write_bytes(to_onnx(fitted, x[:1]).SerializeToString())
    return path, x[0]


def grpc(port, pid, x, connections, streams, folder):
    tensor = field(1, b"X") + field(2, b"FP32") + field(3, bytes([1, 28]))
    message = field(1, b"m") + field(5, tensor) + field(7, x.tobytes())
    body = folder / "grpc.bin"
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    out = subprocess.run([str(lib.RELEASE / "bench_load2"), "--method", "POST", "--port", str(port), "--pid", str(pid), "--connections", str(connections), "--streams", str(streams),
                          "--seconds", str(SECONDS), "--path", "/inference.GRPCInferenceService/ModelInfer", "--body", str(body),
                          "--header", "content-type: application/grpc", "--header", "te: trailers"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def row(who, wire, connections, r):
    assert not r["bad"], r
    return {"server": who, "wire": wire, "connections": connections, "per_s": r["per_second"], "cpu_us": r["server_cpu_us"], "p50_us": r["p50_us"], "p99_us": r["p99_us"]}


def main():
    lib.build()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, x = model(folder)
        want = onnxruntime.InferenceSession(path).run(None, {"X": x[None, :]})[0].ravel()
        (folder / "rival.py").write_text(RIVAL)
        body = json.dumps({"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 28], "data": [float(v) for v in x]}]}, separators=(",", ":")).encode()
        ours = subprocess.Popen([str(lib.RELEASE / "ingot"), "serve", str(path), "--listen", "127.0.0.1:0", "--io-threads", "1"], stdout=subprocess.PIPE, text=True)
        port = int(ours.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        rival = subprocess.Popen([sys.executable, str(folder / "rival.py"), str(path), str(RIVAL_PORT)])
        try:
            lib.wait_http(f"http://127.0.0.1:{RIVAL_PORT}/openapi.json")
            for at in (port, RIVAL_PORT):
                got = lib.call(f"http://127.0.0.1:{at}/v2/models/m/infer", "POST", body)["outputs"][0]["data"]
                assert np.allclose(got, want, rtol=2e-6), (at, got, want)
            for connections in (1, 16):
                for who, at, pid in (("ingot", port, ours.pid), ("FastAPI + ONNX Runtime", RIVAL_PORT, rival.pid)):
                    request = lib.request_file(f"rivals-{at}", at, "POST", "/v2/models/m/infer", body)
                    rows.append(row(who, "REST", connections, lib.measure(at, pid, request, connections, SECONDS)))
            for connections, streams in ((1, 1), (16, 1), (4, 16)):
                rows.append(row("ingot", f"gRPC, {streams} streams", connections, grpc(port, ours.pid, x, connections, streams, folder)))
        finally:
            lib.stop(ours)
            lib.stop(rival)
    lib.report("serving-rivals", rows, "500 trees of depth 6, one row of 28 features; each server on one thread, generator beside it")


if __name__ == "__main__":
    main()
