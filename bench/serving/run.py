#!/usr/bin/env python3
"""The inference endpoint: requests a second and server CPU time per request, one row of 27 features through the demo's model, against
a loopback echo that reads and answers the same number of bytes. The answer is compared with the xgboost package first.
Needs the model of `make demo`."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
import numpy as np
import pandas as pd
import xgboost
from ingot_server import IngotServer

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
DEMO = lib.ROOT / "build/demo/pipeline"
ECHO_PORT = 17017


def ingot(*args, **env):
    subprocess.run([str(lib.RELEASE / "ingot"), *args], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **env})


def deploy(server):
    ingot("model", "register", "m", "--package", str(DEMO / "packages/xgboost"), INGOT_SERVER=server.url)
    ingot("features", "apply", str(DEMO / "features.yaml"), INGOT_SERVER=server.url)
    ingot("deploy", "create", "tensor", "--model", "m", "--version", "1", INGOT_SERVER=server.url)
    ingot("deploy", "create", "entity", "--model", "m", "--version", "1", "--view", "flights_delay", INGOT_SERVER=server.url)


def row():
    frame = pd.read_parquet(DEMO / "frame.parquet").tail(1)
    names = [c for c in frame.columns if c not in ("flight", "date", "origin", "destination", "label", "available_at")]
    return frame[names].to_numpy(dtype="float32")[0]


def tensor_body(x):
    data = [None if np.isnan(v) else float(v) for v in x]
    return json.dumps({"id": "@@N@@", "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, len(x)], "data": data}]}).encode()


def entity_body():
    return json.dumps({"inputs": [
        {"name": "flight", "datatype": "INT64", "shape": [1], "data": [0]}, {"name": "date", "datatype": "BYTES", "shape": [1], "data": ["2001-03-31T12:00:00Z"]},
        {"name": "origin", "datatype": "BYTES", "shape": [1], "data": ["ORD"]}, {"name": "destination", "datatype": "BYTES", "shape": [1], "data": ["LAX"]},
        {"name": "distance", "datatype": "INT64", "shape": [1], "data": [1744]}]}).replace('"data": [0]', '"data": [@@N@@]').encode()


def main():
    lib.build()
    if not (DEMO / "packages/xgboost/model/model.json").exists():
        sys.exit("bench/serving: there is no model yet; run `make demo` first")
    x = row()
    booster = xgboost.Booster(model_file=DEMO / "packages/xgboost/model/model.json")
    want = booster.predict(xgboost.DMatrix(x[None, :], feature_names=booster.feature_names))[0]
    rows = []
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder, IngotServer(Path(folder) / "data", "--io-threads", "1") as server:
        deploy(server)
        for name, body in (("tensor", tensor_body(x)), ("entity", entity_body())):
            path = f"/v2/models/{name}/infer"
            answer = lib.call(server.url + path, "POST", body.replace(b"@@N@@", b"1000000000"))
            if name == "tensor":
                assert abs(answer["outputs"][0]["data"][0] - want) <= 1e-6, (answer, want)
            size = len(json.dumps(answer, separators=(",", ":")))
            request = lib.request_file(f"infer-{name}", server.port, "POST", path, body)
            echo = subprocess.Popen([str(lib.RELEASE / "bench_echo"), str(ECHO_PORT), str(size)])
            try:
                for connections in (1, 16, 64):
                    ours = lib.measure(server.port, server.process.pid, request, connections, SECONDS)
                    floor = lib.measure(ECHO_PORT, echo.pid, request, connections, SECONDS)
                    assert not ours["bad"], ours
                    rows.append({"request": name, "connections": connections, "per_s": ours["per_second"], "cpu_us": ours["server_cpu_us"], "p50_us": ours["p50_us"],
                                 "p99_us": ours["p99_us"], "echo_per_s": floor["per_second"], "echo_cpu_us": floor["server_cpu_us"],
                                 "cpu_ratio": ours["server_cpu_us"] / floor["server_cpu_us"], "rss_mib": ours["rss_mib"]})
            finally:
                lib.stop(echo)
    lib.report("serving", rows, "one row of 27 features; the server with one I/O thread, the generator on the other core")


if __name__ == "__main__":
    main()
