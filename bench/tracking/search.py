#!/usr/bin/env python3
"""Searches for runs. Ingot alone over 100 000 runs with 20 metrics and 30 parameters each: every kind of page over one
connection, then from 8 connections; the first search of a kind is told apart, because it loads its columns. Then Ingot
and `mlflow server` (or RIVAL_RUNS=0: Ingot alone) over the same 5000 runs: answers compared first, then the time per page.

    python3 bench/tracking/search.py          RUNS=100000 RIVAL_RUNS=5000 BENCH_SECONDS=5

As a workload of run.py it gives the median page of a few kinds over the 5000 runs for each server, and for Ingot the
worst 95th percentile of all kinds over the 100 000 (RUNS=0: not)."""
import http.client
import itertools
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
from ingot_server import IngotServer

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import Figure

FIGURES = [
    Figure("search_page_1_ms", "ms", "lower", 60),
    Figure("search_far_page_ms", "ms", "lower", 60),
    Figure("search_filter_order_ms", "ms", "lower", 60),
    Figure("search_tag_ilike_ms", "ms", "lower", 60),
    Figure("search_run_ids_ms", "ms", "lower", 60),
    Figure("search_100k_worst_p95_ms", "ms", "lower", limit=20),
    Figure("search_100k_first_ms", "ms", "lower"),
    Figure("search_rss_mib", "MiB", "lower"),
]
RUNS = int(os.environ.get("RUNS", "100000"))
RIVAL_RUNS = int(os.environ.get("RIVAL_RUNS", "5000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
METRICS, PARAMS, BASE_MS = 20, 30, 1_700_000_000_000


def facts(i):
    """What run number `i` logs: few distinct values in most parameters, one that differs in every run."""
    r = random.Random(i)
    metrics = {f"m{k:02}": r.random() * (k + 1) for k in range(METRICS)}
    params = {f"p{k:02}": str(r.randrange(3 + k)) for k in range(PARAMS - 2)}
    params["lr"] = f"{10 ** -(i % 6):g}"
    params["note"] = f"trial {i}"
    tags = {"team": ["vision", "speech", "ranking", "Fraud"][i % 4], "mlflow.user": f"user{i % 50}"}
    return metrics, params, tags


def pipelined(port, requests):
    """Sends raw requests ahead of their answers on one connection; yields the bodies."""
    s = socket.create_connection(("127.0.0.1", port))
    stream = s.makefile("rb")
    window, sent, requests = 32, 0, iter(requests)

    def send(n):
        batch = list(itertools.islice(requests, n))
        s.sendall(b"".join(batch))
        return len(batch)

    sent = send(window)
    while sent:
        status = stream.readline()
        length = 0
        while (line := stream.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = stream.read(length)
        assert b" 200 " in status, (status, body)
        yield body
        sent += send(1) - 1
    s.close()


def post(path, body):
    data = json.dumps(body).encode()
    return f"POST /api/2.0/mlflow/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def load_ingot(port, runs, experiment="0"):
    """Over HTTP; returns the run ids by number."""
    def create(i):
        return post("runs/create", {"experiment_id": experiment, "run_name": f"run-{i:06}", "start_time": BASE_MS + i, "user_id": f"user{i % 50}"})

    def batch(i, run_id):
        metrics, params, tags = facts(i)
        return post("runs/log-batch", {
            "run_id": run_id, "metrics": [{"key": k, "value": v, "timestamp": BASE_MS, "step": 1} for k, v in metrics.items()],
            "params": [{"key": k, "value": v} for k, v in params.items()], "tags": [{"key": k, "value": v} for k, v in tags.items()]})

    ids = [json.loads(b)["run"]["info"]["run_id"] for b in pipelined(port, (create(i) for i in range(runs)))]
    for _ in pipelined(port, (batch(i, run_id) for i, run_id in enumerate(ids))):
        pass
    return ids


def load_mlflow(file, ids, experiment="0"):
    """Straight into the tables: over HTTP it would take its server many minutes."""
    db = sqlite3.connect(file, timeout=60)
    columns = {t: [c[1] for c in db.execute(f"pragma table_info({t})")] for t in ("runs", "metrics", "latest_metrics", "params", "tags")}

    def insert(table, rows):
        names = [c for c in columns[table] if c in rows[0]]
        db.executemany(f"insert into {table} ({','.join(names)}) values ({','.join('?' * len(names))})", [[r[c] for c in names] for r in rows])

    for at in range(0, len(ids), 500):
        rows = {t: [] for t in columns}
        for i, run_id in enumerate(ids[at:at + 500], at):
            metrics, params, tags = facts(i)
            rows["runs"].append({"run_uuid": run_id, "name": f"run-{i:06}", "source_type": "UNKNOWN", "source_name": "", "entry_point_name": "", "user_id": f"user{i % 50}",
                                 "status": "RUNNING", "start_time": BASE_MS + i, "end_time": None, "deleted_time": None, "source_version": "",
                                 "lifecycle_stage": "active", "artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts", "experiment_id": int(experiment)})
            for k, v in metrics.items():
                m = {"key": k, "value": v, "timestamp": BASE_MS, "step": 1, "is_nan": 0, "run_uuid": run_id}
                rows["metrics"].append(m)
                rows["latest_metrics"].append(m)
            rows["params"] += [{"key": k, "value": v, "run_uuid": run_id} for k, v in params.items()]
            rows["tags"] += [{"key": k, "value": v, "run_uuid": run_id} for k, v in {**tags, "mlflow.runName": f"run-{i:06}"}.items()]
        for table, r in rows.items():
            insert(table, r)
        db.commit()
    db.close()


def offset(n):
    import base64
    return base64.b64encode(json.dumps({"offset": n}).encode()).decode()


def searches(ids, page=100):
    some = random.Random(7).sample(ids, min(200, len(ids)))
    middle = max(0, len(ids) // 2 // page * page)
    return {
        "page 1": {},
        f"page {middle // page + 1}": {"page_token": offset(middle)} if middle else {},
        "metric filter, param order": {"filter": "metrics.m03 > 1.5 and metrics.m07 < 5", "order_by": ["params.p05 DESC"]},
        "metric order, far page": {"order_by": ["metrics.m10 ASC"], "page_token": offset(middle)} if middle else {"order_by": ["metrics.m10 ASC"]},
        "order by a text that all differ in": {"order_by": ["params.note"]},
        "tag ILIKE": {"filter": "tags.team ILIKE '%FRAUD%'"},
        "param LIKE, all differ": {"filter": "params.note LIKE '%99%'"},
        "run_id IN 200": {"filter": "run_id IN (" + ", ".join(f"'{r}'" for r in some) + ")", "max_results": 100},
        "six clauses": {"filter": "metrics.m01 > 0.2 and metrics.m02 > 0.2 and params.p01 = '1' and params.p03 != '2' and tags.team = 'vision' and attributes.status = 'RUNNING'"},
    }


OURS_ONLY = {
    "OR and parentheses": {"filter": "(metrics.m01 > 0.9 OR params.lr = '0.01') AND NOT_THERE", "order_by": ["metrics.m05 DESC"]},
    "count only": {"filter": "metrics.m01 > 0.5", "count_only": True},
    "two columns of 1000": {"max_results": 1000, "columns": ["metrics.m01", "params.lr"]},
}
OURS_ONLY["OR and parentheses"]["filter"] = "(metrics.m01 > 0.9 OR params.lr = '0.01') AND tags.team = 'speech'"


def deferred(make):
    """What make() gives, made when it is asked for: the pages that give the tokens load columns, whose first use is measured above."""
    yield from make()


def last_pages(port, runs, page=100):
    """The last full page of some orders by the token that the page before it gives, as a client that goes through all of them has it."""
    kinds = {}
    for name, body in {"default order": {}, "metric order": {"order_by": ["metrics.m10 ASC"]}, "all-different texts": {"order_by": ["params.note DESC"]}}.items():
        before = json.loads(Client(port).search({**body, "page_token": offset(runs - 2 * page)} if runs > 2 * page else body)[1])
        if before.get("next_page_token"):
            kinds[f"page {runs // page} by its token, {name}"] = {**body, "page_token": before["next_page_token"]}
    return kinds


class Client:
    def __init__(self, port, experiment="0"):
        self.experiment = experiment
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def search(self, body):
        data = json.dumps({"experiment_ids": [self.experiment], "max_results": 100, **body})
        start = time.perf_counter()
        self.connection.request("POST", "/api/2.0/mlflow/runs/search", data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - start
        assert answer.status == 200, text
        return seconds * 1000, text


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def timed(port, body, seconds, least=3, experiment="0"):
    client, times = Client(port, experiment), []
    first, text = client.search(body)
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times) < least:
        times.append(client.search(body)[0])
    return first, times, text


def compare(ours, theirs, ids, experiments=("0", "0")):
    for name, body in searches(ids).items():
        a, b = (json.loads(Client(p, x).search(body)[1]) for p, x in zip((ours, theirs), experiments))
        pick = lambda answer: [(r["info"]["run_id"], r["info"]["run_name"], sorted((m["key"], m["value"]) for m in r["data"]["metrics"]),
                                sorted((p["key"], p["value"]) for p in r["data"]["params"])) for r in answer.get("runs", [])]
        assert pick(a) == pick(b) and len(pick(a)) > 0, name
        assert ("next_page_token" in a) == ("next_page_token" in b), name


def crowd(port, bodies, seconds, threads=8):
    """All kinds of pages at random from several connections at once."""
    times = []

    def one(seed):
        client, r = Client(port), random.Random(seed)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            times.append(client.search(r.choice(bodies))[0])
    workers = [threading.Thread(target=one, args=(i,)) for i in range(threads)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    return times


def big():
    """The rows of the report."""
    rows = []
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder:
        with IngotServer(Path(folder) / "ingot") as server:
            start = time.monotonic()
            ids = load_ingot(server.port, RUNS)
            loaded = time.monotonic() - start
        with IngotServer(Path(folder) / "ingot") as server:  # nothing is in memory yet
            kinds = {**searches(ids), **OURS_ONLY}
            idle = lib.tree_cpu_us(server.process.pid)[1]
            for name, body in itertools.chain(kinds.items(), deferred(lambda: last_pages(server.port, RUNS).items())):
                first = Client(server.port).search(body)[0]
                cpu = lib.tree_cpu_us(server.process.pid)[0]
                _, times, text = timed(server.port, body, SECONDS / 5)
                cpu = lib.tree_cpu_us(server.process.pid)[0] - cpu
                rows.append({"search": name, "first_ms": first, "p50_ms": percentile(times, .5), "p95_ms": percentile(times, .95),
                             "p99_ms": percentile(times, .99), "cpu_ms": cpu / 1000 / (len(times) + 1), "bytes": len(text)})
            crowded = crowd(server.port, list(kinds.values()), SECONDS)
            all_kinds = {"search": "all kinds, 8 connections", "p50_ms": percentile(crowded, .5), "p95_ms": percentile(crowded, .95),
                         "p99_ms": percentile(crowded, .99), "per_second": len(crowded) / SECONDS}
            rss = lib.tree_cpu_us(server.process.pid)[1]
    lib.report("tracking-search", rows + [all_kinds], f"{RUNS} runs x {METRICS} metrics x {PARAMS} params, loaded over HTTP in {loaded:.0f} s; "
               f"RSS {idle:.0f} MiB before the first search, {rss:.0f} MiB after")
    return rows


loaded = {}  # of run.py's servers: the ids, and each one's experiment


def check(servers):
    """Loads the same runs everywhere and compares the answers. MLflow's go straight into its tables."""
    for server in servers:
        made = lib.call(f"{server.url}/api/2.0/mlflow/experiments/create", "POST", {"name": "bench-search"})
        loaded[server.name] = made["experiment_id"]
    ours = next(s for s in servers if s.name == "ingot")
    loaded["ids"] = load_ingot(ours.port, RIVAL_RUNS, loaded["ingot"])
    for peer in servers:
        if peer is ours:
            continue
        file = peer.folder / "mlflow.db"
        assert file.exists(), "this workload needs MLflow's SQLite file: leave it out with --db postgres"
        load_mlflow(file, loaded["ids"], loaded[peer.name])
        compare(ours.port, peer.port, loaded["ids"], (loaded["ingot"], loaded[peer.name]))


def measure(server, seconds):
    kinds = list(searches(loaded["ids"]).values())
    wanted = {"search_page_1_ms": 0, "search_far_page_ms": 1, "search_filter_order_ms": 2, "search_tag_ilike_ms": 5, "search_run_ids_ms": 7}
    figures = {name: percentile(timed(server.port, kinds[i], seconds / 5, experiment=loaded[server.name])[1], .5) for name, i in wanted.items()}
    figures["search_rss_mib"] = lib.tree_cpu_us(server.pid)[1]
    if server.name == "ingot" and RUNS:
        rows = big()
        figures["search_100k_worst_p95_ms"] = max(r["p95_ms"] for r in rows)
        figures["search_100k_first_ms"] = max(r["first_ms"] for r in rows)
    return figures


def mlflow_server(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([str(lib.ROOT / "build/venv/bin/mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri",
                                f"sqlite:///{folder}/mlflow.db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True,
                               env={**os.environ, "PATH": f"{lib.ROOT}/build/venv/bin:{os.environ['PATH']}"})
    lib.wait_http(f"http://127.0.0.1:{port}/health")
    return process, port


def rival():
    rows = []
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder, IngotServer(Path(folder) / "ingot") as server:
        ids = load_ingot(server.port, RIVAL_RUNS)
        peer, port = mlflow_server(folder)
        try:
            load_mlflow(f"{folder}/mlflow.db", ids)
            compare(server.port, port, ids)
            for name, body in searches(ids).items():
                ours, theirs = timed(server.port, body, SECONDS / 5)[1], timed(port, body, SECONDS / 2)[1]
                a, b = percentile(ours, .5), percentile(theirs, .5)
                rows.append({"search": name, "ingot_p50_ms": a, "ingot_p95_ms": percentile(ours, .95), "mlflow_p50_ms": b,
                             "mlflow_p95_ms": percentile(theirs, .95), "ratio_p50": b / a})
        finally:
            lib.stop(peer)
    lib.report("tracking-search-rival", rows, f"{RIVAL_RUNS} runs in both, pages of 100, one connection, answers equal")


def main():
    if "INGOT_BIN" not in os.environ:
        lib.build()
    lib.RESULTS.mkdir(parents=True, exist_ok=True)
    big()
    if RIVAL_RUNS:
        rival()


if __name__ == "__main__":
    main()
