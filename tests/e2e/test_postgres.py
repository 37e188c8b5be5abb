"""Servers on a real PostgreSQL: nothing acknowledged is lost whoever dies, two servers are one, and every write ends ok, failed or resolved.

The writers note for each batch what they were told: ok, "nothing was stored", or nothing that can be relied on. Afterwards the first must be there,
the second must not, and every batch must be whole or absent. Seeds are printed.
"""
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from ingot_server import IngotServer
from test_kill import Writer, audit_rows, check_runs

KEYS = [f"m{i}" for i in range(5)]


def call(server, method, path, body=None, timeout=60):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def refusal(server, method, path, body=None):
    """(status, message) of a call that must fail."""
    with pytest.raises(urllib.error.HTTPError) as e:
        call(server, method, path, body)
    return e.value.code, json.load(e.value)["message"]


def create_run(server):
    return call(server, "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


def metric_of(server, name):
    with urllib.request.urlopen(server.url + "/metrics", timeout=20) as answer:
        return float(next(line.split()[1] for line in answer.read().decode().splitlines() if line.startswith(name + " ")))


class Batches(threading.Thread):
    """Logs batches of five metrics to a run of its own until told to stop."""

    def __init__(self, server):
        super().__init__()
        self.server, self.run_id = server, create_run(server)
        self.told, self.ending = {}, False

    def run(self):
        step = 0
        while not self.ending:
            try:
                call(self.server, "POST", "/api/2.0/mlflow/runs/log-batch", {
                    "run_id": self.run_id, "metrics": [{"key": k, "value": step, "timestamp": 1, "step": step} for k in KEYS],
                    "params": [{"key": f"p{step}", "value": "x"}]})
                self.told[step] = "ok"
            except urllib.error.HTTPError as e:
                message = json.load(e)["message"]
                self.told[step] = "not stored" if "nothing was stored" in message else f"{e.code} {message}"
            except OSError as e:
                self.told[step] = f"no answer: {e}"
            step += 1

    def check(self, server):
        """Compares what is there with what was told; returns how often each answer came."""
        there = []
        for key in KEYS:
            history = call(server, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={self.run_id}&metric_key={key}").get("metrics", [])
            steps = [m["step"] for m in history]
            assert len(steps) == len(set(steps))
            there.append(set(steps))
        params = {int(p["key"][1:]) for p in call(server, "GET", f"/api/2.0/mlflow/runs/get?run_id={self.run_id}")["run"]["data"].get("params", [])}
        assert all(s == params for s in there), "a batch was torn"
        for step, told in self.told.items():
            if told == "ok":
                assert step in params, f"lost: step {step}"
            elif told == "not stored":
                assert step not in params, f"step {step} was stored, though its caller was told otherwise"
        kinds = [told if told in ("ok", "not stored") else "other" for told in self.told.values()]
        return {k: kinds.count(k) for k in set(kinds)}


def load(server, n, disturb):
    """Runs `disturb` in the midst of n writers' batches and checks them; the sum of what they were told."""
    writers = [Batches(server) for _ in range(n)]
    for w in writers:
        w.start()
    disturb()
    for w in writers:
        w.ending = True
    for w in writers:
        w.join(90)
        assert not w.is_alive()
    total = {}
    for w in writers:
        for kind, count in w.check(server).items():
            total[kind] = total.get(kind, 0) + count
    others = {told for w in writers for told in w.told.values() if told not in ("ok", "not stored")}
    print(total, *sorted(others)[:5])
    assert total.get("ok", 0) > 0
    # The third end is for a database that stays away: here it comes back, so every commit is resolved.
    assert total.keys() <= {"ok", "not stored"}, others


def test_killed_servers_lose_nothing(postgres, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    url, versions = postgres.database("killed"), {}
    for cycle in range(20):
        server = IngotServer(tmp_path / "data", "--db", url)
        if cycle == 0:
            call(server, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "killed"})
        writers = [Writer(server.url, f"w{cycle}-{i}", "killed") for i in range(4)]
        for w in writers:
            w.start()
        time.sleep(rng.uniform(0.02, 0.6))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for w in writers:
            w.join(20)
            assert not w.is_alive()
        server = IngotServer(tmp_path / "data", "--db", url)
        for w in writers:
            lost = check_runs(server.url, w.runs, w.metrics, w.params)
            assert not lost, f"cycle {cycle}: lost {lost[:5]}"
            versions.update(dict(w.versions))
        server.stop()
    with IngotServer(tmp_path / "data", "--db", url) as server:
        highest = max(int(v) for v in versions)
        for v in range(1, highest + 1):
            got = call(server, "GET", f"/api/2.0/mlflow/model-versions/get?name=killed&version={v}")["model_version"]
            assert versions.get(str(v), got["run_id"]) == got["run_id"]
        assert call(server, "GET", "/api/ingot/v1/audit/verify")["rows"] > 0
        created = {(r["object"], r["detail"]["version"]) for r in audit_rows(server.url) if r["verb"] == "model_version.create"}
        assert {("killed", v) for v in versions} <= created


def test_a_killed_postgres_loses_nothing_and_is_found_again(mortal_postgres, tmp_path):
    """SIGKILL to the postmaster in the midst of commits; the server goes on by itself when it is back."""
    with IngotServer(tmp_path / "data", "--db", mortal_postgres.database("state")) as server:
        for pause in (0.3, 0.05, 0.7):
            def disturb(pause=pause):
                time.sleep(pause)
                mortal_postgres.kill()
                time.sleep(0.5)
                mortal_postgres.start()
                time.sleep(0.5)
            load(server, 4, disturb)
        assert metric_of(server, "ingot_db_unreachable") == 0
        assert metric_of(server, "ingot_db_reconnects_total") >= 3
        assert call(server, "GET", "/api/ingot/v1/audit/verify")["rows"] >= 0


def test_killed_and_terminated_backends_lose_nothing(mortal_postgres, tmp_path):
    """A backend that is SIGKILLed makes PostgreSQL throw out every session; one that is terminated goes alone."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    with IngotServer(tmp_path / "data", "--db", mortal_postgres.database("state")) as server:
        def disturb():
            for i in range(12):
                time.sleep(rng.uniform(0.02, 0.4))
                if i % 3 < 2:
                    mortal_postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
                    continue
                for pid in mortal_postgres.backends()[:1]:
                    os.kill(pid, signal.SIGKILL)
                until = time.monotonic() + 20
                while time.monotonic() < until:  # it recovers by itself
                    try:
                        mortal_postgres.sql("SELECT 1")
                        break
                    except subprocess.CalledProcessError:
                        time.sleep(0.05)
            time.sleep(0.3)
        load(server, 4, disturb)


@pytest.mark.parametrize("fault, outcome", [("db.answer", "ok"), ("db.commit", "not stored")])
def test_a_commit_whose_answer_is_lost_is_looked_up(postgres, tmp_path, fault, outcome):
    """The connection breaks after the server got the COMMIT (it must be found), or before (it must be told as not stored)."""
    url = postgres.database("answer_" + outcome.replace(" ", "_"))
    with IngotServer(tmp_path / "data", "--db", url) as server:
        run_id = create_run(server)
    told = []
    with IngotServer(tmp_path / "data", "--db", url, env={"INGOT_FAULT": f"{fault}:12"}) as server:  # behind what is written at its start
        for step in range(20):
            try:
                call(server, "POST", "/api/2.0/mlflow/runs/log-metric", {"run_id": run_id, "key": "m", "value": 1.5, "timestamp": 1, "step": step})
                told.append("ok")
            except urllib.error.HTTPError as e:
                assert e.code == 500
                told.append("not stored" if "nothing was stored" in json.load(e)["message"] else "other")
        history = call(server, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=m")["metrics"]
        assert metric_of(server, "ingot_db_resolved_total") == 1
    assert sorted(told) == sorted(["ok"] * 19 + [outcome])
    assert {m["step"] for m in history} == {i for i, t in enumerate(told) if t == "ok"}


def test_two_servers_are_one(postgres, tmp_path):
    """They start at the same moment on an empty database, number versions together without a gap, and keep one audit chain."""
    url, servers = postgres.database("shared"), [None, None]

    def start(i):
        servers[i] = IngotServer(tmp_path / f"data{i}", "--db", url)

    starters = [threading.Thread(target=start, args=(i,)) for i in range(2)]
    for t in starters:
        t.start()
    for t in starters:
        t.join(60)
    a, b = servers
    call(a, "POST", "/api/2.0/mlflow/registered-models/create", {"name": "shared"})
    numbers, failures = [], []

    def create(server):
        for _ in range(25):
            try:
                numbers.append(int(call(server, "POST", "/api/2.0/mlflow/model-versions/create", {"name": "shared", "source": "s3://bucket/x"})["model_version"]["version"]))
            except OSError as e:
                failures.append(str(e))

    threads = [threading.Thread(target=create, args=(servers[i % 2],)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures and sorted(numbers) == list(range(1, 201))
    run_id = create_run(a)
    for i in range(20):  # what one acknowledged the other shows at once, in searches as well
        writer, reader = servers[i % 2], servers[1 - i % 2]
        call(writer, "POST", "/api/2.0/mlflow/runs/log-metric", {"run_id": run_id, "key": "m", "value": i, "timestamp": 1, "step": i})
        found = call(reader, "POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], "filter": f"metrics.m = {i}"})["runs"]
        assert [r["info"]["run_id"] for r in found] == [run_id]
        history = call(reader, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=m")["metrics"]
        assert [m["step"] for m in history] == list(range(i + 1))
    assert call(a, "GET", "/api/ingot/v1/audit/verify") == call(b, "GET", "/api/ingot/v1/audit/verify")
    for s in servers:
        assert s.stop() == 0


def test_writes_wait_for_another_writer_and_give_up(postgres, tmp_path):
    """A peer that hangs with the lock in its hands ends in 503, not in a hang; reads go on meanwhile."""
    url = postgres.database("locked")
    with IngotServer(tmp_path / "data", "--db", url) as server:
        run_id = create_run(server)
        lock = ("SELECT pg_advisory_lock(1231972207, n.oid::bigint::int) FROM pg_namespace n WHERE n.nspname = 'public'", "SELECT pg_sleep({})")
        for seconds, refused in ((2, False), (24, True)):
            holder = threading.Thread(target=postgres.sql, args=(f"{lock[0]}; {lock[1].format(seconds)}", "locked"))
            holder.start()
            time.sleep(0.5)
            began = time.monotonic()
            if refused:
                code, message = refusal(server, "POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": run_id, "key": "k", "value": "late"})
                assert code == 503 and "nothing was stored" in message
            else:
                call(server, "POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": run_id, "key": "k", "value": "v"})
                assert time.monotonic() - began > 1
            tags = call(server, "GET", f"/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]["data"]["tags"]
            assert {"key": "k", "value": "v"} in tags
            holder.join()
        call(server, "POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": run_id, "key": "k", "value": "w"})


def start_fails(*args, env=None):
    done = subprocess.run([IngotServer.__init__.__globals__["program"](), "server", "--listen", "127.0.0.1:0", *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})}, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_a_database_that_cannot_be_used_is_said_in_one_line(postgres, tmp_path):
    data = ("--data", str(tmp_path / "data"))
    assert "postgresql://USER@HOST" in start_fails(*data, "--db", "mysql://root@localhost/x")
    text = start_fails(*data, "--db", "postgresql://u:secret@127.0.0.1:1/x")
    assert "127.0.0.1:1/x cannot be reached" in text and "secret" not in text
    assert 'database "absent" does not exist' in start_fails(*data, env={"INGOT_DB": postgres.url.rsplit("/", 1)[0] + "/absent"})
    newer = postgres.database("newer")
    IngotServer(tmp_path / "data", "--db", newer).stop()
    postgres.sql("INSERT INTO schema_version VALUES (99999, 'later', 0)", "newer")
    assert "newer version" in start_fails(*data, "--db", newer)
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "UTF8" in start_fails(*data, "--db", postgres.url.rsplit("/", 1)[0] + "/latin")


def test_a_password_is_not_told(tmp_path, postgres):
    url = postgres.database("secret").replace("postgres@", "postgres:hunter2@")
    with IngotServer(tmp_path / "data", "--db", url) as server:
        create_run(server)
    assert "hunter2" not in (tmp_path / "data.log").read_text()


def test_points_of_a_database_of_before_are_packed_when_it_is_opened(postgres, tmp_path):
    """Earlier versions kept a row per point. What they left, a NaN and a short metric among it, reads the same, and a point sent again is known."""
    url = postgres.database("before")
    point = lambda key, step: {"key": key, "value": 1.5, "timestamp": 1000 + step, "step": step}
    with IngotServer(tmp_path / "data", "--db", url) as server:
        run_id = create_run(server)
        call(server, "POST", "/api/2.0/mlflow/runs/log-batch", {"run_id": run_id, "metrics": [point("long", 6000), point("short", 3)]})
    postgres.sql("""INSERT INTO track_point SELECT id, 1000 + n, n, value, 0 FROM track_series, generate_series(1, 6000) n WHERE key = 'long' AND n <> 77;
        INSERT INTO track_point SELECT id, 1077, 77, 0, 1 FROM track_series WHERE key = 'long';
        INSERT INTO track_point SELECT id, time_ms, step, value, 0 FROM track_series WHERE key = 'short';
        UPDATE track_series SET tail = NULL, points = (SELECT count(*) FROM track_point WHERE series = id)""", "before")
    with IngotServer(tmp_path / "data", "--db", url) as server:
        assert postgres.sql("SELECT count(*) FROM track_point", "before") == [["0"]]
        history = lambda key: call(server, "GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}&max_results=10000")["metrics"]
        whole = history("long")
        assert [m["step"] for m in whole] == list(range(1, 6001)) and [m["step"] for m in history("short")] == [3]
        assert {m["step"] for m in whole if m["value"] != 1.5} == {77}
        call(server, "POST", "/api/2.0/mlflow/runs/log-batch", {"run_id": run_id, "metrics": [point("long", s) for s in (5, 3000, 6000, 6001)]})
        assert [m["step"] for m in history("long")] == list(range(1, 6002))
        assert postgres.sql("SELECT points FROM track_series ORDER BY key", "before") == [["6001"], ["1"]]
        assert int(postgres.sql("SELECT count(*) FROM track_chunk", "before")[0][0]) >= 5
