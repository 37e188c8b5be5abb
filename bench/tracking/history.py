"""Metric histories: 20 000 points read whole and sampled to 320, a million points sampled, 20 runs of 100 000 points sampled at once as the
charts of a runs page do. The time is that of one request on an open connection, the last byte included; the median of many.
"cold" is the first request for a series after it was logged, before anything of it is in memory. Ingot gets its points by
log-batch; MLflow's are put into its database by SQL, because logging three million points takes it several minutes."""
import http.client
import json
import random
import sqlite3
import statistics
import time

import lib
from run import Figure

FIGURES = [
    Figure("history_20k_full_ms", "ms", "lower", 60),
    Figure("history_20k_sampled_ms", "ms", "lower", 100),
    Figure("history_1m_sampled_ms", "ms", "lower", 100, limit=10),
    Figure("history_1m_sampled_cold_ms", "ms", "lower", limit=10),
    Figure("history_20x100k_sampled_ms", "ms", "lower", 60),
    Figure("history_20x100k_cold_ms", "ms", "lower"),
    Figure("history_1m_full_ms", "ms", "lower"),
    Figure("history_rss_mib", "MiB", "lower"),
]
STAMP = 1700000000000
SAMPLE = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?max_results=320&metric_key="
WHOLE = "/api/2.0/mlflow/metrics/get-history?metric_key="


class Client:
    """One open connection."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)

    def call(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text[:500]
        return text

    def new_run(self):
        return json.loads(self.call("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}))["run"]["info"]["run_id"]

    def log(self, run_id, key, points):
        for i in range(0, len(points), 1000):
            self.call("POST", "/api/2.0/mlflow/runs/log-batch",
                      {"run_id": run_id, "metrics": [{"key": key, "value": v, "timestamp": t, "step": s} for t, s, v in points[i:i + 1000]]})

    def reconnect(self):
        """uvicorn closes a connection that was idle for five seconds."""
        self.connection.close()
        self.connection.connect()

    def median_ms(self, path, seconds):
        """Of the requests that fit into the time, at least three."""
        self.reconnect()
        times, end = [], time.monotonic() + seconds
        while len(times) < 3 or (time.monotonic() < end and len(times) < 1000):
            began = time.perf_counter()
            self.call("GET", path)
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times)

    def once_ms(self, path):
        self.reconnect()
        began = time.perf_counter()
        self.call("GET", path)
        return (time.perf_counter() - began) * 1e3


def points(n):
    r = random.Random(n)
    return [(STAMP + i, i, 1 / (1 + i) + r.random() / 10) for i in range(n)]


def check(servers):
    """Random histories with equal steps, disordered clocks and NaN: whole, in pages, of several runs, and sampled over ranges."""
    r = random.Random(7)
    series = [[(STAMP + r.randrange(60), r.randrange(25), r.choice([r.random(), 0.5, "NaN"])) for _ in range(n)] for n in (0, 1, 7, 90)]
    seen = []
    for server in servers:
        client, answers = Client(server), []
        runs = [client.new_run() for _ in series]
        for run_id, some in zip(runs, series):
            client.log(run_id, "loss", some)
        names = {run_id: f"run{i}" for i, run_id in enumerate(runs)}
        for run_id in runs:
            token, page = "", []
            while True:
                answer = json.loads(client.call("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=loss&max_results=40" + (f"&page_token={token}" if token else "")))
                page += answer.get("metrics", [])
                token = answer.get("next_page_token")
                if not token:
                    break
            answers.append([(m["timestamp"], m["step"], m["value"]) for m in page])
        asked = "".join(f"&run_ids={run_id}" for run_id in runs)
        for extra in ("", "&max_results=1", "&max_results=9", "&max_results=33&start_step=3&end_step=20"):
            answer = json.loads(client.call("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=loss{asked}{extra}"))
            answers.append([(names[m["run_id"]], m["timestamp"], m["step"], m["value"]) for m in answer.get("metrics", [])])
        seen.append(answers)
    assert all(s == seen[0] for s in seen), "the servers' histories differ"


def insert(server, key, some):
    """A run of MLflow's with these points, by SQL."""
    run_id = Client(server).new_run()
    db = sqlite3.connect(server.folder / "mlflow.db", timeout=60)
    with db:
        db.executemany("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
                       ((key, v, t, run_id, s) for t, s, v in some))
    db.close()
    return run_id


def log_all(server, key, some):
    if server.name != "ingot":
        return insert(server, key, some)
    client = Client(server)
    run_id = client.new_run()
    client.log(run_id, key, some)
    return run_id


def measure(server, seconds):
    """Small things first, each under a key of its own: MLflow finds the points of a key among those of all runs."""
    client, figures = Client(server), {}
    small = log_all(server, "small", points(20000))
    figures["history_20k_full_ms"] = client.median_ms(f"{WHOLE}small&run_id={small}", seconds)
    figures["history_20k_sampled_ms"] = client.median_ms(f"{SAMPLE}small&run_ids={small}", seconds)
    hundred = points(100000)
    many = SAMPLE + "many" + "".join(f"&run_ids={log_all(server, 'many', hundred)}" for _ in range(20))
    figures["history_20x100k_cold_ms"] = client.once_ms(many)
    figures["history_20x100k_sampled_ms"] = client.median_ms(many, seconds)
    large = log_all(server, "large", points(1000000))
    figures["history_1m_sampled_cold_ms"] = client.once_ms(f"{SAMPLE}large&run_ids={large}")
    figures["history_1m_sampled_ms"] = client.median_ms(f"{SAMPLE}large&run_ids={large}", seconds)
    if server.name == "ingot":
        figures["history_1m_full_ms"] = client.median_ms(f"{WHOLE}large&run_id={large}", 1)
    figures["history_rss_mib"] = lib.tree_cpu_us(server.pid)[1]
    return figures
