"""SIGKILL at any moment loses no acknowledged run, metric, version or audit row.

Four writers log over the MLflow REST API and note what was acknowledged. The server is killed at a random moment,
started again on the same folder, and everything acknowledged is read back; fifty times over one folder, so that
recovery itself is killed too. The seed is printed.
"""
import json
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request

import stored_points
from ingot_server import IngotServer

CYCLES = 50
WRITERS = 4


def call(url, method, path, body=None, timeout=10):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


class Writer(threading.Thread):
    """Logs runs, batches and versions until the server goes; keeps what was acknowledged."""

    def __init__(self, url, name, model):
        super().__init__()
        self.url, self.name, self.model = url, name, model
        self.runs, self.metrics, self.params, self.versions = [], {}, {}, []

    def run(self):
        n = 0
        try:
            while True:
                run_id = call(self.url, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": f"{self.name}-{n}"})["run"]["info"]["run_id"]
                self.runs.append(run_id)
                for step in range(6):
                    keys = [f"m{i}" for i in range(5)]
                    values = [random.random() for _ in keys]
                    call(self.url, "POST", "/api/2.0/mlflow/runs/log-batch", {
                        "run_id": run_id, "metrics": [{"key": k, "value": v, "timestamp": 1, "step": step} for k, v in zip(keys, values)],
                        "params": [{"key": f"p{step}", "value": str(step)}]})
                    for k, v in zip(keys, values):
                        self.metrics[(run_id, k, step)] = v
                    self.params[(run_id, f"p{step}")] = str(step)
                version = call(self.url, "POST", "/api/2.0/mlflow/model-versions/create", {"name": self.model, "source": f"runs:/{run_id}/model", "run_id": run_id})
                self.versions.append((version["model_version"]["version"], run_id))
                n += 1
        except (urllib.error.URLError, ConnectionError, TimeoutError, OSError, ValueError):
            return  # the server is gone; a call without an answer was not acknowledged


def audit_rows(url):
    rows, path = [], "/api/ingot/v1/audit?limit=1000"
    while path:
        page = call(url, "GET", path, timeout=30)
        rows += page["rows"]
        path = f"/api/ingot/v1/audit?limit=1000&before={page['next']}" if page.get("next") else None
    return rows


def check_runs(url, runs, metrics, params):
    lost = []
    for run_id in runs:
        try:
            data = call(url, "GET", f"/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]["data"]
        except urllib.error.HTTPError:
            lost.append(run_id)
            continue
        have = {p["key"]: p["value"] for p in data.get("params", [])}
        lost += [k for k, v in params.items() if k[0] == run_id and have.get(k[1]) != v]
        for key in {k[1] for k in metrics if k[0] == run_id}:
            history = call(url, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}")["metrics"]
            got = {m["step"]: m["value"] for m in history}
            lost += [k for k, v in metrics.items() if k[0] == run_id and k[1] == key and got.get(k[2]) != v]
            steps = {k[2] for k in metrics if k[0] == run_id and k[1] == key}
            # A batch is whole or absent: the five keys of a step stand or fall together; an unacknowledged step may be there.
            assert steps <= set(got)
    return lost


def test_fifty_kills_lose_nothing(tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    all_versions = {}
    model = "killed"
    for cycle in range(CYCLES):
        server = IngotServer(tmp_path / "data")
        if cycle == 0:
            call(server.url, "POST", "/api/2.0/mlflow/registered-models/create", {"name": model})
        writers = [Writer(server.url, f"w{cycle}-{i}", model) for i in range(WRITERS)]
        for w in writers:
            w.start()
        time.sleep(rng.uniform(0.02, 0.4))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for w in writers:
            w.join(20)
            assert not w.is_alive()
        server = IngotServer(tmp_path / "data")
        lost = []
        for w in writers:
            lost += check_runs(server.url, w.runs, w.metrics, w.params)
            all_versions.update(dict(w.versions))
        assert not lost, f"cycle {cycle}: lost {lost[:5]}"
        for version, run_id in all_versions.items() if cycle % 10 == 9 else [v for w in writers for v in w.versions]:
            got = call(server.url, "GET", f"/api/2.0/mlflow/model-versions/get?name={model}&version={version}")["model_version"]
            assert got["run_id"] == run_id
        verified = call(server.url, "GET", "/api/ingot/v1/audit/verify")
        assert verified["rows"] > 0
        server.stop()
    server = IngotServer(tmp_path / "data")
    created = {(r["object"], r["detail"]["version"]) for r in audit_rows(server.url) if r["verb"] == "model_version.create"}
    assert {(model, v) for v in all_versions} <= created
    # Version numbers are dense and unique: every number up to the highest is there.
    highest = max(int(v) for v in all_versions)
    for v in range(1, highest + 1):
        call(server.url, "GET", f"/api/2.0/mlflow/model-versions/get?name={model}&version={v}")
    server.stop()


FLOOD_CONNECTIONS, FLOOD_PIPELINE, FLOOD_CYCLES = 8, 16, 12


class Flood(threading.Thread):
    """One connection that always has FLOOD_PIPELINE calls under way, so that many of them share a commit: a point of its own key with
    a step that counts up, and every fourth call a tag instead. Answers come in order, so a number says what was acknowledged."""

    def __init__(self, port, run_id, key):
        super().__init__()
        self.run_id, self.key, self.acknowledged, self.bad = run_id, key, 0, None
        self.socket = socket.create_connection(("127.0.0.1", port), 10)

    def request(self, n):
        path = "set-tag" if n % 4 == 3 else "log-metric"
        body = {"run_id": self.run_id, "key": self.key, **({"value": str(n)} if n % 4 == 3 else {"value": n / 7, "timestamp": n, "step": n})}
        text = json.dumps(body)
        return (f"POST /api/2.0/mlflow/runs/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n{text}").encode()

    def run(self):
        try:
            self.socket.sendall(b"".join(self.request(n) for n in range(FLOOD_PIPELINE)))
            sent, held = FLOOD_PIPELINE, b""
            while data := self.socket.recv(65536):
                held += data
                while (end := held.find(b"\r\n\r\n")) >= 0:
                    head = held[:end].lower()
                    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                    if len(held) < end + 4 + length:
                        break
                    if not head.startswith(b"http/1.1 200 "):
                        self.bad = held[:end + 4 + length]
                        return
                    held = held[end + 4 + length:]
                    self.acknowledged += 1
                    self.socket.sendall(self.request(sent))
                    sent += 1
        except OSError:
            return  # the server is gone
        finally:
            self.socket.close()


def test_kills_under_a_flood_lose_nothing(tmp_path):
    """Answers that come later, many to a commit: each one that was sent is on the disk, and each series knows its number of points."""
    rng = random.Random(seed := random.randrange(1 << 32))
    print("seed", seed)
    total = 0
    for cycle in range(FLOOD_CYCLES):
        server = IngotServer(tmp_path / "data")
        run_id = call(server.url, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        floods = [Flood(server.port, run_id, f"k{i}") for i in range(FLOOD_CONNECTIONS)]
        for f in floods:
            f.start()
        time.sleep(rng.uniform(0.05, 0.4))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for f in floods:
            f.join(20)
            assert not f.is_alive() and f.bad is None, f.bad
        server = IngotServer(tmp_path / "data")
        tags = {t["key"]: int(t["value"]) for t in call(server.url, "GET", f"/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]["data"].get("tags", []) if t["key"].startswith("k")}
        for f in floods:
            total += f.acknowledged
            history = call(server.url, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={f.key}").get("metrics", [])
            got = {m["step"]: m["value"] for m in history}
            lost = [n for n in range(f.acknowledged) if n % 4 != 3 and got.get(n) != n / 7]
            assert not lost, f"cycle {cycle}: {f.key} lost {lost[:5]} of {f.acknowledged}"
            last_tag = max((n for n in range(f.acknowledged) if n % 4 == 3), default=None)
            assert last_tag is None or tags[f.key] >= last_tag
            # Calls of one connection are done one after the other, so there is no gap behind what was acknowledged.
            assert sorted(got) == [n for n in range(max(got, default=-1) + 1) if n % 4 != 3]
        server.stop()
        with sqlite3.connect(tmp_path / "data/ingot.db") as db:
            assert stored_points.wrong(db) == []
    print(total, "acknowledged")
    assert total > FLOOD_CYCLES * FLOOD_CONNECTIONS


def test_a_second_server_on_the_folder_refuses(tmp_path):
    server = IngotServer(tmp_path / "data")
    second = subprocess.run([server.program, "server", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")],
                            capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert "used by process" in second.stderr and len(second.stderr.splitlines()) == 1
    server.stop()
