"""A log-batch is one unit: whole or absent after a refusal, a kill, a commit that fails and a disk that is full, on either database where
it can be arranged. And what wins when clients write the same thing at once."""
import concurrent.futures
import json
import os
import random
import signal
import sqlite3
import threading
import urllib.error
import urllib.request

import boxed
import ingot_server
import pytest
import stored_points
from ingot_server import IngotServer

METRICS, KEYS = 900, 100
PARAMS, TAGS = 50, 50


def call(url, path, body=None, timeout=30):
    """(status, answer)"""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + "/api/2.0/mlflow" + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read() or b"{}")


def new_run(url):
    return call(url, "/runs/create", {"experiment_id": "0"})[1]["run"]["info"]["run_id"]


def batch(run_id, step):
    """900 points over 100 keys, with marks that say which batch they came from."""
    return {"run_id": run_id, "metrics": [{"key": f"k{i % KEYS}", "value": step + i / METRICS, "timestamp": i, "step": step} for i in range(METRICS)],
            "params": [{"key": f"p{step}.{i}", "value": str(step)} for i in range(PARAMS)], "tags": [{"key": f"t{step}.{i}", "value": str(step)} for i in range(TAGS)]}


def found_steps(url, run_id):
    """The steps of which everything is there; one that is there in part is a torn batch."""
    data = call(url, f"/runs/get?run_id={run_id}")[1]["run"]["data"]
    parts = {}
    for kind in ("params", "tags"):
        for p in data.get(kind, []):
            if "." in p["key"] and p["key"][0] in "pt":
                parts.setdefault(int(p["value"]), []).append(kind)
    points = {}
    for key in range(KEYS):
        status, answer = call(url, f"/metrics/get-history?run_id={run_id}&metric_key=k{key}")
        for m in answer.get("metrics", []) if status == 200 else []:
            points[m["step"]] = points.get(m["step"], 0) + 1
    whole = set(parts) | set(points)
    for step in whole:
        have = (points.get(step, 0), parts.get(step, []).count("params"), parts.get(step, []).count("tags"))
        assert have == (METRICS, PARAMS, TAGS), f"batch {step} is torn: {have}"
    return whole


class Batches(threading.Thread):
    """Logs large batches until the server goes or refuses; notes what it was told."""

    def __init__(self, url):
        super().__init__()
        self.url, self.run_id = url, new_run(url)
        self.ok, self.refused, self.sent = set(), {}, 0

    def run(self):
        try:
            while True:
                step, self.sent = self.sent, self.sent + 1
                status, answer = call(self.url, "/runs/log-batch", batch(self.run_id, step))
                if status != 200:
                    self.refused[step] = (status, answer)
                    return
                self.ok.add(step)
        except (OSError, ValueError):
            return


def sound(data):
    with sqlite3.connect(data / "ingot.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert stored_points.wrong(db) == []


def test_a_kill_tears_no_batch(tmp_path):
    rng = random.Random(seed := random.randrange(1 << 32))
    print("seed", seed)
    whole = 0
    for cycle in range(15):
        server = IngotServer(tmp_path / "data")
        writers = [Batches(server.url) for _ in range(3)]
        for w in writers:
            w.start()
        threading.Event().wait(rng.uniform(0.01, 0.5))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for w in writers:
            w.join(20)
            assert not w.is_alive() and not w.refused, w.refused
        with IngotServer(tmp_path / "data") as server:
            for w in writers:
                there = found_steps(server.url, w.run_id)
                assert w.ok <= there <= set(range(w.sent)), f"cycle {cycle}: lost {w.ok - there}"
                whole += len(there)
        sound(tmp_path / "data")
    assert whole > 0


@pytest.mark.parametrize("nth", [3, 4, 7])
@pytest.mark.parametrize("how", ["kill", "5"], ids=["killed in the commit", "the commit fails"])
def test_a_commit_that_does_not_end(tmp_path, how, nth):
    """The server dies in the commit of a batch, or its commit fails (EIO): then nobody was told that it is stored."""
    with IngotServer(tmp_path / "data") as server:
        run_id = new_run(server.url)
    server = IngotServer(tmp_path / "data", env={"INGOT_FAULT": f"db.commit:{nth}:{how}"})
    ok, refused = set(), {}
    try:
        for step in range(nth + 3):
            status, answer = call(server.url, "/runs/log-batch", batch(run_id, step))
            if status == 200:
                ok.add(step)
            else:
                refused[step] = answer
    except (OSError, ValueError):
        pass
    if how == "kill":
        assert server.process.wait(20) == -signal.SIGKILL and not refused
        server.stop()
    else:
        print(refused, server.process.poll())
        server.process.kill()
        server.process.wait()
        server.stop()
    with IngotServer(tmp_path / "data") as server:
        there = found_steps(server.url, run_id)
        assert ok <= there, f"lost {ok - there}"
        assert not there & {s for s, a in refused.items() if "nothing was stored" in json.dumps(a)}
        assert call(server.url, "/runs/log-batch", batch(run_id, 1000))[0] == 200
        assert 1000 in found_steps(server.url, run_id)
    sound(tmp_path / "data")


def test_a_full_disk_tears_no_batch(tmp_path):
    """The data folder is a small file system of its own. When it is full, writes are refused, reads answer, and all that was told is there."""
    words = boxed.unshare()
    if not words:
        pytest.skip("needs mount namespaces, which this machine does not give")
    data, mark = tmp_path / "small" / "data", tmp_path / "copy"
    data.parent.mkdir()
    start = tmp_path / "start"
    # When the server has ended, what it leaves is copied out of the small file system, which goes with it.
    start.write_text(f"""#!/bin/sh
exec {' '.join(words)} sh -c 'mount -t tmpfs -o size=8m small {data.parent} || exit 9
trap "kill -TERM \\$child" TERM
"$0" "$@" & child=$!
wait $child; wait $child
cp -r {data} {mark}' '{ingot_server.program()}' "$@"
""")
    start.chmod(0o755)
    before = os.environ.get("INGOT_BIN")
    os.environ["INGOT_BIN"] = str(start)
    try:
        server = IngotServer(data)
    finally:
        os.environ.pop("INGOT_BIN") if before is None else os.environ.update(INGOT_BIN=before)
    run_id, ok, refused, lost = new_run(server.url), set(), {}, 0
    for step in range(900):
        try:
            status, answer = call(server.url, "/runs/log-batch", batch(run_id, step))
        except (OSError, ValueError):
            lost += 1
            if lost > 3:
                break
            continue
        if status == 200:
            ok.add(step)
        else:
            assert status >= 500, (status, answer)
            refused[step] = answer
            if len(refused) > 5:
                break
    print(len(ok), "stored, then", list(refused.items())[:2], lost, server.process.poll())
    assert refused or lost, "8 MiB held 900 batches"
    if not lost:  # it lives on, and what it says is what was told
        assert found_steps(server.url, run_id) == ok
    server.stop()
    with IngotServer(mark) as server:
        there = found_steps(server.url, run_id)
        assert ok <= there and not there & set(refused)
        assert call(server.url, "/runs/log-batch", batch(run_id, 1000))[0] == 200
    sound(mark)


def refusals(run_id):
    many = batch(run_id, 1)
    last = lambda kind, item: {**many, kind: many[kind][:-1] + [item]}
    point = {"key": "a", "value": 1, "timestamp": 1, "step": 1}
    return {
        "another value for a parameter": last("params", {"key": "fixed", "value": "2"}), "a parameter twice": last("params", {"key": "p1.0", "value": "other"}),
        "no key": last("metrics", {"value": 1, "timestamp": 1}), "a long key": last("metrics", {**point, "key": "k" * 251}), "a path for a key": last("metrics", {**point, "key": "../a"}),
        "a fraction for a step": last("metrics", {**point, "step": 1.5}), "a step beyond 64 bits": last("metrics", {**point, "step": 2**63}), "no number": last("metrics", {**point, "value": "much"}),
        "a time beyond 64 bits": last("metrics", {**point, "timestamp": 2**63}), "no time": last("metrics", {"key": "a", "value": 1}), "a number": last("metrics", 5), "null": last("tags", None),
        "a long tag": last("tags", {"key": "t" * 251, "value": "v"}), "a tag's key": last("tags", {"key": "", "value": "v"}),
        "1001 points": {**many, "metrics": many["metrics"] + [point]}, "101 parameters": {**many, "params": [{"key": f"x{i}", "value": "v"} for i in range(101)]},
        "101 tags": {**many, "tags": [{"key": f"x{i}", "value": "v"} for i in range(101)]}, "an unknown model": last("metrics", {**point, "model_id": "m-" + "0" * 32}),
        "NUL": last("tags", {"key": "a\0b", "value": "v"}), "a cut surrogate": last("params", {"key": "a\ud800", "value": "v"}),
    }


def test_a_refused_batch_leaves_nothing(either):
    run_id = new_run(either.url)
    assert call(either.url, "/runs/log-parameter", {"run_id": run_id, "key": "fixed", "value": "1"})[0] == 200
    before = call(either.url, f"/runs/get?run_id={run_id}")
    for name, body in refusals(run_id).items():
        status, answer = call(either.url, "/runs/log-batch", body)
        if name == "an unknown model" and status == 200:
            pytest.fail("a model that is not there was taken")
        assert 400 <= status < 500 and answer["message"], (name, status, answer)
        assert call(either.url, f"/runs/get?run_id={run_id}") == before and found_steps(either.url, run_id) == set(), name
    raw = json.dumps(batch(run_id, 1)).replace('"value": 1.5,', '"value": 1e999,').encode()
    request = urllib.request.Request(either.url + "/api/2.0/mlflow/runs/log-batch", raw, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=30)
    assert e.value.code == 400 and found_steps(either.url, run_id) == set()
    assert call(either.url, "/runs/log-batch", batch(run_id, 1))[0] == 200 and found_steps(either.url, run_id) == {1}


def test_who_wins(either):
    """From many clients at once: the newest point by step, time and value, whatever the order of arrival; one value of a parameter; a tag
    that one of them set; run names likewise."""
    url, run_id = either.url, new_run(either.url)
    points = [{"key": "m", "value": v, "timestamp": t, "step": s} for s in range(4) for t in range(4) for v in (-1.5, 0, 2.5)]
    rng = random.Random(7)
    rng.shuffle(points)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {s for s, _ in pool.map(lambda p: call(url, "/runs/log-metric", {"run_id": run_id, **p}), points)} == {200}
        latest = call(url, f"/runs/get?run_id={run_id}")[1]["run"]["data"]["metrics"]
        assert [(m["step"], m["timestamp"], m["value"]) for m in latest] == [(3, 3, 2.5)]
        assert len(call(url, f"/metrics/get-history?run_id={run_id}&metric_key=m")[1]["metrics"]) == len(points)
        answers = list(pool.map(lambda i: (i, call(url, "/runs/log-parameter", {"run_id": run_id, "key": "p", "value": str(i)})[0]), range(24)))
        won = [i for i, s in answers if s == 200]
        data = call(url, f"/runs/get?run_id={run_id}")[1]["run"]["data"]
        assert len(won) == 1 and data["params"] == [{"key": "p", "value": str(won[0])}] and {s for _, s in answers} == {200, 400}
        assert {s for s, _ in pool.map(lambda i: call(url, "/runs/set-tag", {"run_id": run_id, "key": "t", "value": str(i)}), range(24))} == {200}
        assert {s for s, _ in pool.map(lambda i: call(url, "/runs/update", {"run_id": run_id, "run_name": f"n{i}"}), range(24))} == {200}
        got = call(url, f"/runs/get?run_id={run_id}")[1]["run"]
        tags = {t["key"]: t["value"] for t in got["data"]["tags"]}
        assert tags["t"] in map(str, range(24)) and tags["mlflow.runName"] == got["info"]["run_name"]
        for i in range(30):  # one client's own writes come in its order
            call(url, "/runs/set-tag", {"run_id": run_id, "key": "mine", "value": str(i)})
            assert {t["key"]: t["value"] for t in call(url, f"/runs/get?run_id={run_id}")[1]["run"]["data"]["tags"]}["mine"] == str(i)
        names = list(pool.map(lambda i: call(url, "/experiments/create", {"name": f"only-one-{run_id}"})[0], range(16)))
        assert sorted(names)[0] == 200 and names.count(200) == 1 and set(names) == {200, 400}
        def delete_and_log(i):
            r = new_run(url)
            both = [pool2.submit(call, url, "/runs/delete", {"run_id": r}), pool2.submit(call, url, "/runs/log-batch", batch(r, i))]
            return r, [b.result()[0] for b in both]
        with concurrent.futures.ThreadPoolExecutor(8) as pool2:
            for r, (deleted, logged) in [delete_and_log(i) for i in range(6)]:
                assert deleted == 200 and logged in (200, 400)
                assert len(found_steps(url, r)) == (logged == 200)
