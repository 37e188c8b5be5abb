#!/usr/bin/env python3
"""The other workloads of a model server, Ingot beside the servers that can do the same; answers are compared first.

    workloads.py [--only identity,dense,image,many,rollout] [--seconds 5]

identity  sixteen integers there and back: what the protocol costs
dense     a multi-layer perceptron in ONNX Runtime: the highest rate at which p99 stays below 10 ms, joining requests and not
image     a tensor of 602 KB in JSON and binary through a small convolutional net
many      200 models under Zipf traffic while one is loaded anew again and again: p99 and failures against the same without loads, and against
          a program that takes as much of the processor
rollout   one endpoint alone, under a canary, under a shadow: what a rollout adds"""
import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
import models
import numpy as np
import onnxruntime
import peers

P99_LIMIT_US = 10000
MODELS, RELOADS, TURNS, TURN_PARTS = 200, 200, 5, 4


def binary_file(name, port, path, x):
    head = json.dumps({"inputs": [{"name": "X", "shape": list(x.shape), "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}],
                       "parameters": {"binary_data_output": True}}).encode()
    text = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: {len(head)}\r\n"
            f"Content-Length: {len(head) + x.nbytes}\r\n\r\n").encode()
    file = lib.RESULTS / f"{name}.request"
    file.write_bytes(text + head + x.tobytes())
    return file


def figures(r):
    assert not r["bad"] and not r["dropped"], r
    return {k: r[k] for k in ("per_second", "server_cpu_us", "p50_us", "p99_us", "p999_us", "rss_mib")}


def same_answers(peer, path, x, want, datatype):
    got = lib.call(f"http://127.0.0.1:{peer.port}{path}", "POST", models.tensor_body(x, datatype=datatype))
    np.testing.assert_allclose(np.asarray(got["outputs"][0]["data"]).ravel(), want.ravel(), rtol=1e-4, atol=1e-5)


class Ingot(peers.Ingot):
    name, model = "ingot", "m.onnx"


def one_model(folder, x, datatype, seconds, counts, rows, workload):
    want = onnxruntime.InferenceSession(str(folder / "m.onnx")).run(None, {"X": x})[0]
    for kind in (Ingot, peers.FastApi):
        with kind(folder) as peer:
            same_answers(peer, peer.path, x, want, datatype)
            request = lib.request_file(workload, peer.port, "POST", peer.path, models.tensor_body(x, datatype=datatype))
            for c in counts:
                rows.append({"workload": workload, "server": peer.name, "how": f"JSON x {c}", **figures(lib.measure(peer.port, peer.process.pid, request, c, seconds))})
            if datatype == "FP32" and kind is Ingot:
                request = binary_file(workload, peer.port, peer.path, x)
                for c in counts:
                    rows.append({"workload": workload, "server": peer.name, "how": f"binary x {c}", **figures(lib.measure(peer.port, peer.process.pid, request, c, seconds))})


def identity(folder, seconds, rows):
    models.identity(folder / "m.onnx")
    one_model(folder, np.arange(16, dtype=np.int32).reshape(1, 16), "INT32", seconds, (1, 16, 64), rows, "identity")


def image(folder, seconds, rows):
    models.image_net(folder / "m.onnx")
    x = np.random.default_rng(1).random((1, 3, 224, 224), dtype=np.float32)
    one_model(folder, x, "FP32", seconds, (1, 4), rows, "image")


def highest_rate(peer, request, seconds):
    """The highest Poisson rate whose p99 is below the limit: growing by a fifth from a low rate until it is not."""
    rate, best = 100.0, None
    while rate < 50000:
        r = lib.measure(peer.port, peer.process.pid, request, 256, seconds, rate=rate)
        if r["p99_us"] > P99_LIMIT_US or r["dropped"] or r["bad"]:
            break
        best, rate = r, rate * 1.2
    return best


def in_process(folder, x, seconds):
    """CPU time of one run of ONNX Runtime without any server around it, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "m.onnx"), options)
    n, start, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        session.run(None, {"X": x})
        n += 1
    return (time.process_time() - start) * 1e6 / n


def in_echo(folder, request, answer_bytes, connections, seconds):
    """The same run inside a loopback echo (bench/echo.c): what a server would reach that did nothing but read, run and write."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    library = next((lib.ROOT / "node_modules/onnxruntime-node/bin").glob(f"*/linux/{machine}/libonnxruntime.so.1"))  # the one that Ingot loads
    port = peers.free_port()
    echo = subprocess.Popen([str(lib.RELEASE / "bench_echo"), str(port), str(answer_bytes), str(library), str(folder / "m.onnx")], preexec_fn=lib.server_cores)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        return figures(lib.measure(port, echo.pid, request, connections, seconds))
    finally:
        lib.stop(echo)


def dense(folder, seconds, rows):
    models.dense(folder / "m.onnx")
    x = np.random.default_rng(2).random((1, models.FEATURES), dtype=np.float32)
    want = onnxruntime.InferenceSession(str(folder / "m.onnx")).run(None, {"X": x})[0]
    rows.append({"workload": "dense", "server": "ONNX Runtime in process", "how": "no server", "server_cpu_us": in_process(folder, x, seconds)})
    for kind, how, config in ((Ingot, "never joined", {"batch": {"max_size": 1}}), (Ingot, "joined, as by default", {}),
                              (Ingot, "joined, waits 2 ms at most", {"batch": {"max_size": 32, "max_delay_us": 2000}}), (peers.FastApi, "-", None)):
        with kind(folder) as peer:
            if config is not None:
                lib.call(f"http://127.0.0.1:{peer.port}/v2/repository/models/m/load", "POST", {"parameters": {"config": json.dumps(config)}})
            same_answers(peer, peer.path, x, want, "FP32")
            request = lib.request_file("dense", peer.port, "POST", peer.path, models.tensor_body(x))
            for c in (1, 16):
                rows.append({"workload": "dense", "server": peer.name, "how": f"{how}; closed loop x {c}", **figures(lib.measure(peer.port, peer.process.pid, request, c, seconds))})
                if config is not None:
                    rows.append({"workload": "dense", "server": "ONNX Runtime in a loopback echo", "how": f"closed loop x {c}", **in_echo(folder, request, 150, c, seconds)})
            best = highest_rate(peer, request, seconds)
            rows.append({"workload": "dense", "server": peer.name, "how": f"{how}; p99 < {P99_LIMIT_US // 1000} ms", **(figures(best) if best else {"per_second": 0})})


HOG = """
import sys, time
busy, pause, until = float(sys.argv[1]), float(sys.argv[2]), time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    end = time.thread_time() + busy
    while time.thread_time() < end:
        pass
    time.sleep(pause)
"""


def at_the_bottom():
    lib.server_cores()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Hog:
    """A program that loads nothing and takes as much of the server's processor as the loads do, at the lowest priority: what the machine
    itself makes of such company."""
    def __init__(self, busy, per_second, seconds):
        self.argv = [sys.executable, "-S", "-c", HOG, str(busy), str(1 / per_second), str(seconds)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, preexec_fn=at_the_bottom)

    def __exit__(self, *_):
        self.process.wait()


def loader_seconds(pid):
    """CPU time of the thread that loads."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "loader":
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    return 0.0


def many(folder, seconds, rows):
    """Turns are short and in a circle, so that what else the machine does falls on all; besides the median of their p99 the lower quartile
    is told, which a host that takes processors away now and then does not reach."""
    booster, x = models.trees(folder, 100)
    home = folder / "models"
    home.mkdir()
    for i in range(MODELS):
        (home / f"m{i}.json").write_bytes((folder / "m.json").read_bytes())

    class Many(Ingot):
        name, model, ready = "ingot", "models", "/v2/health/ready"

    with Many(folder) as peer:
        files = [lib.request_file(f"many-{i}", peer.port, "POST", f"/v2/models/m{i}/infer", models.tensor_body(x[:1])) for i in range(MODELS)]
        again = lib.request_file("many-load", peer.port, "POST", "/v2/repository/models/m0/load", b"{}")
        turn, pid = 2 * seconds / TURN_PARTS, peer.process.pid
        # Far from full: where both processors are busy, what the host takes away shows in p99 long before a load does.
        rate = lib.measure(peer.port, pid, files, 16, seconds)["per_second"] * 0.15
        per_second = RELOADS / (TURNS * 2 * seconds)
        seen, busy = {"no loads": [], "loads": [], "a hog of SCHED_IDLE instead": []}, 0.0
        for _ in range(TURNS * TURN_PARTS):
            seen["no loads"].append(lib.measure(peer.port, pid, files, 64, turn, rate=rate))
            before = loader_seconds(pid)
            seen["loads"].append(r := lib.measure(peer.port, pid, files, 64, turn, rate=rate, beside=(again, per_second)))
            assert r["beside"] and not r["beside_bad"], r
            busy = (loader_seconds(pid) - before) / r["beside"]
            with Hog(busy, per_second, turn):
                seen["a hog of SCHED_IDLE instead"].append(lib.measure(peer.port, pid, files, 64, turn, rate=rate))
        loads = sum(r["beside"] for r in seen["loads"])
        for how, turns in seen.items():
            ordered = {k: sorted(figures(t)[k] for t in turns) for k in figures(turns[0])}
            rows.append({"workload": "many", "server": peer.name, "how": f"{how}, {len(turns)} turns" + (f", {loads} loads of {busy * 1e3:.1f} ms" if how == "loads" else ""),
                         **{k: v[len(v) // 2] for k, v in ordered.items()}, "p99_us quartile": ordered["p99_us"][len(turns) // 4]})


def rollout_request(server):
    import tiny
    body = {"inputs": [{"name": "flight", "datatype": "INT64", "shape": [1], "data": ["@@N@@"]},
                       {"name": "x", "datatype": "FP64", "shape": [1, len(tiny.FEATURE_NAMES)], "data": [float(i) for i in range(len(tiny.FEATURE_NAMES))]}]}
    return lib.request_file("rollout", server.port, "POST", "/v2/models/tiny/infer", json.dumps(body).replace('"@@N@@"', "@@N@@").encode())


def split_error(server, share):
    """How far the candidate's share of the units is from the plan's, and how many standard errors that is."""
    rows = {int(m["version"]): m["inference_count"] for m in lib.call(f"{server.url}/v2/models/tiny/stats")["model_stats"]}
    n, got = sum(rows.values()), rows[2] / sum(rows.values())
    return {"share": got, "z": (got - share) / (share * (1 - share) / n) ** 0.5}


def rollout(folder, seconds, rows):
    import tiny
    from ingot_server import IngotServer
    world = tiny.world()
    plans = {"alone": None, "canary of 10 %": ("canary", "steps_permille: [100, 1000]\nmin_samples: 100000000\n"),
             "shadow of all": ("shadow", "min_samples: 100000000\n")}
    for how, plan in plans.items():
        with IngotServer(folder / how.split()[0]) as server:
            world.deploy(server.url)
            if plan:
                (folder / "plan.yaml").write_text(plan[1])
                tiny.ingot("deploy", plan[0], "tiny", "--version", 2, "--plan", folder / "plan.yaml", env={"INGOT_SERVER": server.url})
            r = lib.measure(server.port, server.process.pid, rollout_request(server), 16, seconds)
            rows.append({"workload": "rollout", "server": "ingot", "how": how, **figures(r), **(split_error(server, 0.1) if how.startswith("canary") else {})})
    switches(folder, seconds, rows)


def switches(folder, seconds, rows):
    """Blue-green there and back again and again under load: no request fails, and how long a way back takes, its HTTP call included."""
    import tiny
    from ingot_server import IngotServer
    back_ms, stop = [], threading.Event()

    def switch(server):
        while not stop.wait(0.2):
            tiny.ingot("deploy", "blue-green", "tiny", "--version", 2, env={"INGOT_SERVER": server.url})
            start = time.monotonic()
            lib.call(f"{server.url}/api/ingot/v1/endpoints/tiny/rollouts/rollback", "POST", {"why": "measured"})
            back_ms.append((time.monotonic() - start) * 1000)

    with IngotServer(folder / "switches") as server:
        tiny.world().deploy(server.url)
        switching = threading.Thread(target=switch, args=(server,))
        switching.start()
        r = lib.measure(server.port, server.process.pid, rollout_request(server), 64, 3 * seconds, rate=5000)
        stop.set()
        switching.join()
    rows.append({"workload": "rollout", "server": "ingot", "how": f"{len(back_ms)} switches and ways back", **figures(r), "back_ms": sorted(back_ms)[len(back_ms) // 2]})


WORKLOADS = {"identity": identity, "dense": dense, "image": image, "many": many, "rollout": rollout}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    lib.build()
    lib.pinned = True
    rows = []
    for name in args.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            WORKLOADS[name](Path(folder), args.seconds, rows)
    lib.report("serving-workloads", rows, "server CPU per request and latency; the generator shares the machine")


if __name__ == "__main__":
    main()
