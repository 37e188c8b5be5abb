"""Ingestion with durable acknowledgements: `log-metric` from 16 connections, `log-batch` of 1000 metrics from 4, and whole runs (create,
batches, parameters, tags, update). Every metric has its own step, so that none is a duplicate that a server may skip."""
import json
import threading
import time

import lib
from run import Figure

FIGURES = [
    Figure("log_metric_per_s", "1/s", "higher", 150),
    Figure("log_metric_cpu_us", "us", "lower", limit=60),
    Figure("log_metric_p50_us", "us", "lower"),
    Figure("log_metric_p99_us", "us", "lower"),
    Figure("batch_rows_per_s", "rows/s", "higher", 30),
    Figure("batch_cpu_us", "us", "lower"),
    Figure("runs_per_s", "1/s", "higher"),
    Figure("ingest_rss_mib", "MiB", "lower"),
]
STAMP = 1700000000000


def post(server, path, body):
    return lib.call(f"{server.url}/api/2.0/mlflow/{path}", "POST", body)


def new_run(server):
    return post(server, "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


def bodies(run_id):
    """A request for one metric and one for 1000; @@N@@ becomes a number that counts up."""
    metric = b'{"run_id": "%s", "key": "loss", "value": 0.5, "timestamp": %d, "step": @@N@@}' % (run_id.encode(), STAMP)
    batch = {"run_id": run_id, "metrics": [{"key": f"m{i}", "value": i / 7, "timestamp": STAMP, "step": 7} for i in range(1000)]}
    return metric, json.dumps(batch).replace('"step": 7', '"step": @@N@@').encode()


def check(servers):
    """Logs the same little history on all and compares what comes back."""
    seen = []
    for server in servers:
        run_id = new_run(server)
        for step, value in [(1, 0.1), (0, 0.30000000000000004), (2, 1e-300), (2, 5.0), (2, 5.0)]:
            post(server, "runs/log-metric", {"run_id": run_id, "key": "k", "value": value, "timestamp": 5, "step": step})
        post(server, "runs/log-batch", {"run_id": run_id, "metrics": [{"key": f"b{i % 10}", "value": i, "timestamp": i, "step": i} for i in range(100)],
                                        "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "t", "value": "v"}]})
        data = lib.call(f"{server.url}/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]["data"]
        history = [lib.call(f"{server.url}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={k}")["metrics"] for k in ("k", "b3")]
        seen.append((sorted((m["key"], m["value"], m["timestamp"], m["step"]) for m in data["metrics"]), data["params"],
                     sorted((t["key"], t["value"]) for t in data["tags"] if not t["key"].startswith("mlflow.")),
                     [sorted((m["step"], m["value"]) for m in h) for h in history]))
    assert all(s == seen[0] for s in seen), seen


def whole_runs(server, seconds, threads=8):
    """Runs logged from start to end per second: create, two batches with parameters and tags, a tag, update."""
    done, end = [0] * threads, time.monotonic() + seconds

    def work(n):
        while time.monotonic() < end:
            run_id = new_run(server)
            for part in range(2):
                post(server, "runs/log-batch", {"run_id": run_id, "metrics": [{"key": f"m{i}", "value": i, "timestamp": STAMP, "step": part} for i in range(50)],
                                                "params": [{"key": f"p{part}-{i}", "value": str(i)} for i in range(10)], "tags": [{"key": f"t{part}", "value": "v"}]})
            post(server, "runs/set-tag", {"run_id": run_id, "key": "done", "value": "yes"})
            post(server, "runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": STAMP})
            done[n] += 1

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    began = time.monotonic()
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return sum(done) / (time.monotonic() - began)


def measure(server, seconds):
    metric, batch = bodies(new_run(server))
    single = lib.measure(server.port, server.pid, lib.request_file(f"{server.name}-metric", server.port, "POST", "/api/2.0/mlflow/runs/log-metric", metric), 16, seconds)
    many = lib.measure(server.port, server.pid, lib.request_file(f"{server.name}-batch", server.port, "POST", "/api/2.0/mlflow/runs/log-batch", batch), 4, seconds)
    assert server.name != "ingot" or not (single["bad"] or many["bad"]), (single, many)
    for load in (single, many):  # MLflow may answer 500 when its database is locked: only what was stored counts
        load["per_second"] *= 1 - load["bad"] / max(1, load["requests"])
    return {"log_metric_per_s": single["per_second"], "log_metric_cpu_us": single["server_cpu_us"], "log_metric_p50_us": single["p50_us"],
            "log_metric_p99_us": single["p99_us"], "batch_rows_per_s": many["per_second"] * 1000, "batch_cpu_us": many["server_cpu_us"],
            "runs_per_s": whole_runs(server, seconds), "ingest_rss_mib": many["rss_mib"]}
