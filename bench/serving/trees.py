#!/usr/bin/env python3
"""One row of 28 features through gradient-boosted trees of depth 6, the same model everywhere: Ingot and the field's servers, one after
the other in the same run. Answers are compared first. Server CPU time per request is what counts: the generator shares the machine.
Latency is taken by an open loop at 80 % of what each server answers at most. Servers have every processor but the last, the generator that one.

    trees.py [--trees 500] [--peers ingot,fastapi,mlserver,mlflow,bento,triton] [--seconds 5]"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
import models
import numpy as np
import peers
import xgboost

CHOICES = {"ingot": peers.Ingot, "ingot-onnx": peers.IngotOnnx, "fastapi": peers.FastApi, "mlserver": peers.MlServer, "mlflow": peers.MlflowServe,
           "bento": peers.Bento, "triton": peers.Triton}
CONNECTIONS = 16


def field(number, data):
    """A length-delimited field of a protobuf message."""
    n, head = len(data), bytes([number << 3 | 2])
    while n > 127:
        head += bytes([n & 127 | 128])
        n >>= 7
    return head + bytes([n]) + data


def grpc(peer, x, connections, streams, seconds):
    tensor = field(1, peer.input_name.encode()) + field(2, b"FP32") + field(3, bytes([1, models.FEATURES]))
    message = field(1, b"m") + field(5, tensor) + field(7, x.tobytes())
    body = peer.folder / "grpc.bin"
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    before, _ = lib.tree_cpu_us(peer.process.pid)
    out = subprocess.run([*lib.generator(), str(lib.RELEASE / "bench_load2"), "--method", "POST", "--port", str(peer.grpc_port), "--pid", str(peer.process.pid), "--connections",
                          str(connections), "--streams", str(streams), "--seconds", str(seconds), "--path", "/inference.GRPCInferenceService/ModelInfer",
                          "--body", str(body), "--header", "content-type: application/grpc", "--header", "te: trailers"], check=True, capture_output=True, text=True)
    result = json.loads(out.stdout)
    after, _ = lib.tree_cpu_us(peer.process.pid)
    result["server_cpu_us"] = (after - before) / max(1, result["requests"])
    return result


def row(peer, wire, r):
    assert not r["bad"], (peer.name, r)
    return {"server": peer.name, "wire": wire, "per_s": r["per_second"], "cpu_us": r["server_cpu_us"], "p50_us": r["p50_us"], "p99_us": r["p99_us"], "p99_window_us": r.get("p99_window_us", "")}


def open_loop(peer, request, rate, seconds):
    """Poisson arrivals; once as all processes run, once before all others of the machine, where this user may."""
    name, once = "REST open loop, 80 %", lambda: lib.measure(peer.port, peer.process.pid, request, 64, seconds, rate=rate)
    yield row(peer, name, once())
    with lib.in_front(peer.process.pid) as may:
        if may:
            yield row(peer, name + ", real-time priority", once())


def floor(request, rate, seconds):
    """What the machine itself does to latency: a loopback echo under the same requests at the same rate."""
    port = peers.free_port()
    echo = subprocess.Popen([str(lib.RELEASE / "bench_echo"), str(port), "200"], preexec_fn=lib.server_cores)
    time.sleep(0.2)
    try:
        r = lib.measure(port, echo.pid, request, 64, seconds, rate=rate)
    finally:
        lib.stop(echo)
    return {"server": "loopback echo", "wire": "the same rate", "per_s": r["per_second"], "cpu_us": r["server_cpu_us"], "p50_us": r["p50_us"], "p99_us": r["p99_us"], "p99_window_us": r["p99_window_us"]}


def measure(peer, x, seconds):
    pid = peer.process.pid
    request = lib.request_file(f"trees-{type(peer).__name__}", peer.port, "POST", peer.path, peer.body(x))
    lib.measure(peer.port, pid, request, CONNECTIONS, 1)
    rows = [row(peer, "REST x 1", lib.measure(peer.port, pid, request, 1, seconds))]
    most = lib.measure(peer.port, pid, request, CONNECTIONS, seconds)
    rows.append(row(peer, f"REST x {CONNECTIONS}", most))
    # On two cores the generator's own work limits the rate too, so 80 % is of what this pair of processes reaches.
    rows += open_loop(peer, request, most["per_second"] * 0.8, seconds)
    if type(peer) is peers.Ingot:
        rows.append(floor(request, most["per_second"] * 0.8, seconds))
    if peer.grpc_port:
        for connections, streams in ((1, 1), (CONNECTIONS, 1), (4, 16)):
            rows.append(row(peer, f"gRPC {connections} x {streams}", grpc(peer, x, connections, streams, seconds)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--peers", default=",".join(CHOICES))
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    lib.build()
    lib.pinned = True
    rows, starts = [], []
    with tempfile.TemporaryDirectory() as name:
        booster, x = models.trees(Path(name), args.trees)
        x = x[:1]
        want = booster.predict(xgboost.DMatrix(x))
        for key in args.peers.split(","):
            with CHOICES[key](name) as peer:
                idle = peer.idle_mib()
                got = peer.ask(x)
                assert np.allclose(got, want, rtol=1e-5), (peer.name, got, want)
                rows += measure(peer, x, args.seconds)
                starts.append({"server": peer.name, "start_s": peer.seconds, "idle_mib": idle, "loaded_mib": peer.idle_mib()})
    best = {r["wire"]: r["cpu_us"] for r in rows if r["server"] == peers.Ingot.name}
    for r in rows:
        r["ratio"] = r["cpu_us"] / best[r["wire"]] if r["wire"] in best else ""
    lib.report("serving-trees", rows, f"{args.trees} trees of depth 6, one row of {models.FEATURES} features; ratio: CPU per request to {peers.Ingot.name}'s")
    lib.report("serving-start", starts, "from exec to the first ready answer; resident memory of the whole process tree")


if __name__ == "__main__":
    main()
