#!/usr/bin/env python3
"""Metric ingestion with durable acknowledgements: `log-metric` from 16 connections and `log-batch` of 1000 metrics, Ingot and
`mlflow server` on the same machine in the same run. Both answers are compared first: the same calls must leave the same
latest metric and history. Every metric has its own step, so that none is a duplicate that a server may skip."""
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
from ingot_server import IngotServer

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))


def new_run(url):
    return lib.call(f"{url}/api/2.0/mlflow/runs/create", "POST", {"experiment_id": "0"})["run"]["info"]["run_id"]


def bodies(run_id):
    metric = b'{"run_id": "%s", "key": "loss", "value": 0.5, "timestamp": 1700000000000, "step": @@N@@}' % run_id.encode()
    batch = {"run_id": run_id, "metrics": [{"key": f"m{i}", "value": i / 7, "timestamp": 1700000000000, "step": 7} for i in range(1000)]}
    return metric, json.dumps(batch).replace('"step": 7', '"step": @@N@@', 1).encode()


def same_answers(a, b):
    """Logs the same little history on both and compares what comes back."""
    seen = []
    for url in (a, b):
        run_id = new_run(url)
        for step, value in [(1, 0.1), (0, 0.30000000000000004), (2, 1e-300), (2, 5.0)]:
            lib.call(f"{url}/api/2.0/mlflow/runs/log-metric", "POST", {"run_id": run_id, "key": "k", "value": value, "timestamp": 5, "step": step})
        run = lib.call(f"{url}/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]["data"]["metrics"]
        history = lib.call(f"{url}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=k")["metrics"]
        seen.append(([(m["key"], m["value"], m["step"]) for m in run], sorted((m["step"], m["value"]) for m in history)))
    assert seen[0] == seen[1], seen


def bench(name, port, pid, url, rows, connections):
    metric, batch = bodies(new_run(url))
    single = lib.measure(port, pid, lib.request_file(f"{name}-metric", port, "POST", "/api/2.0/mlflow/runs/log-metric", metric), connections, SECONDS)
    many = lib.measure(port, pid, lib.request_file(f"{name}-batch", port, "POST", "/api/2.0/mlflow/runs/log-batch", batch), 4, SECONDS)
    assert not single["bad"] and not many["bad"], (single, many)
    rows.append({"server": name, "log_metric_per_s": single["per_second"], "cpu_us": single["server_cpu_us"], "p50_us": single["p50_us"],
                 "p99_us": single["p99_us"], "batch_rows_per_s": many["per_second"] * 1000, "batch_cpu_us": many["server_cpu_us"], "rss_mib": many["rss_mib"]})


def mlflow_server(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([str(lib.ROOT / "build/venv/bin/mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri",
                                f"sqlite:///{folder}/mlflow.db", "--default-artifact-root", f"{folder}/artifacts"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                               env={**os.environ, "PATH": f"{lib.ROOT}/build/venv/bin:{os.environ['PATH']}"})
    started = lib.wait_http(f"http://127.0.0.1:{port}/health")
    return process, port, started


def main():
    lib.build()
    rows = []
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder, IngotServer(Path(folder) / "ingot") as ours:
        peer, port, started = mlflow_server(folder)
        try:
            url = f"http://127.0.0.1:{port}"
            same_answers(ours.url, url)
            bench("ingot", ours.port, ours.process.pid, ours.url, rows, 16)
            bench("mlflow", port, peer.pid, url, rows, 16)
        finally:
            lib.stop(peer)
    ratio = {"server": "ratio", **{k: rows[0][k] / rows[1][k] for k in rows[0] if k != "server"}}
    lib.report("tracking", rows + [ratio], f"16 connections, batches of 1000 from 4; mlflow's first answer after {started:.1f} s")


if __name__ == "__main__":
    main()
