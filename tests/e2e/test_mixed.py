"""After a mixed load, kills included, what is kept in memory says the same as the database: searches and samples against single runs and
whole histories, on one server and on two that share a PostgreSQL."""
import json
import random
import signal
import sqlite3
import threading
import urllib.request

import stored_points
from ingot_server import IngotServer
from mixed_load import API, ROLES, janitor, mixed, registrar

SECONDS = 5


def call(url, path, body=None):
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def all_runs(url, **query):
    ids = [e["experiment_id"] for e in call(url, f"{API}/experiments/search?max_results=1000&view_type=ALL")["experiments"]]
    found, token = {}, None
    while True:
        page = call(url, API + "/runs/search", {"experiment_ids": ids, "run_view_type": "ALL", "max_results": 200, **query, **({"page_token": token} if token else {})})
        for r in page.get("runs", []):
            assert r["info"]["run_id"] not in found, "a run on two pages"
            found[r["info"]["run_id"]] = r
        token = page.get("next_page_token")
        if not token:
            return found


def plain(run):
    data = run["data"]
    return (run["info"], sorted((m["key"], m["value"], m["step"], m["timestamp"]) for m in data.get("metrics", [])), sorted((t["key"], t["value"]) for t in data.get("tags", [])))


def check(url, rng):
    found = all_runs(url)
    assert found
    some = rng.sample(sorted(found), min(len(found), 150))
    for run_id in some:
        run = call(url, f"{API}/runs/get?run_id={run_id}")["run"]
        assert plain(run) == plain(found[run_id]), run_id
        for m in run["data"].get("metrics", [])[:2]:
            points = call(url, f"{API}/metrics/get-history?run_id={run_id}&metric_key={m['key']}")["metrics"]
            assert max((p["step"], p["timestamp"], p["value"]) for p in points) == (m["step"], m["timestamp"], m["value"])
            sample = call(url, f"{API}/metrics/get-history-bulk-interval?run_ids={run_id}&metric_key={m['key']}&max_results=2500")["metrics"]
            whole = {(p["step"], p["timestamp"], p["value"]) for p in points}
            assert {(p["step"], p["timestamp"], p["value"]) for p in sample} <= whole and {p["step"] for p in sample} == {p["step"] for p in points}
    values = {k: {m["key"]: m["value"] for m in r["data"].get("metrics", [])} for k, r in found.items()}
    assert set(all_runs(url, filter="metrics.m1 > 0.5")) == {k for k, v in values.items() if v.get("m1", 0) > 0.5}
    assert set(all_runs(url, filter="attributes.status = 'FINISHED'")) == {k for k, r in found.items() if r["info"]["status"] == "FINISHED"}
    assert set(all_runs(url, run_view_type="DELETED_ONLY")) == {k for k, r in found.items() if r["info"]["lifecycle_stage"] == "deleted"}
    order = [r["info"]["run_id"] for r in all_runs(url, filter="metrics.m2 > -1", order_by=["metrics.m2 DESC"]).values()]
    assert [values[k]["m2"] for k in order] == sorted((v["m2"] for v in values.values() if "m2" in v), reverse=True)
    return found


def test_memory_and_database_agree(tmp_path):
    rng = random.Random(seed := random.randrange(1 << 32))
    print("seed", seed)
    for cycle in range(3):
        with IngotServer(tmp_path / "data") as server:
            print(mixed(server.url, SECONDS, f"{seed}-{cycle}"))
            before = check(server.url, rng)
        server = IngotServer(tmp_path / "data")
        assert check(server.url, rng) == before, "another state after a restart"
        threading.Timer(1, lambda p=server.process: p.send_signal(signal.SIGKILL)).start()
        try:
            mixed(server.url, SECONDS, f"{seed}-{cycle}-killed")
        except (AssertionError, OSError):
            pass  # its clients lost their server, as they should
        assert server.process.wait(20) == -signal.SIGKILL
        server.stop()
        with IngotServer(tmp_path / "data") as server:
            check(server.url, rng)
    with sqlite3.connect(tmp_path / "data/ingot.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok" and db.execute("PRAGMA foreign_key_check").fetchall() == []
        # A run whose deletion for good was cut short (deleted = 2) is seen by nobody and is finished by the next collection.
        assert stored_points.wrong(db, "r.deleted < 2") == []
    with IngotServer(tmp_path / "data") as server:
        call(server.url, "/api/ingot/v1/gc", {"older_than_days": 0})
    with sqlite3.connect(tmp_path / "data/ingot.db") as db:
        # The newest run leaves an empty row until there is a newer one, so that its number is never given twice.
        left = db.execute("SELECT uuid FROM track_run WHERE deleted = 2 AND (id < (SELECT max(id) FROM track_run) OR uuid <> 'purged ' || id)").fetchall()
        assert stored_points.wrong(db) == [] and left == []


def test_two_servers_agree(postgres, tmp_path):
    rng = random.Random(seed := random.randrange(1 << 32))
    print("seed", seed)
    url, failures = postgres.database("mixed"), []
    with IngotServer(tmp_path / "a", "--db", url) as a, IngotServer(tmp_path / "b", "--db", url) as b:

        def load(server, name):
            try:
                print(mixed(server.url, SECONDS, f"{seed}-{name}", [r for r in ROLES if r not in (registrar, janitor)]))  # those two keep files, and a folder has one server
            except Exception as e:  # noqa: BLE001
                failures.append(e)

        threads = [threading.Thread(target=load, args=(s, n)) for s, n in ((a, "a"), (b, "b"))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures, failures
        assert check(a.url, rng) == check(b.url, rng), "two servers, two states"
