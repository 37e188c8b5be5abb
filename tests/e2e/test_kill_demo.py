"""SIGKILL at any moment of the demo loses no acknowledged run, metric, version or audit row.

The steps of examples/flights/demo.sh go on in a loop over made-up flights, as the program's own commands: train and log,
register, serve a view and an endpoint, replay event days with pushes and late labels, canaries of a good and of a broken
candidate, history, prediction log. Meanwhile the server is killed fifty times, some of them before it listened, and
started again on the same port and folder. A step that failed is simply taken again; what a step acknowledged (exit code
0) is noted, and read back after the next kill and at the end. The seed is printed.

What this does not promise: predictions whose window was open, and evidence of a rollout that came with them, may be lost.
"""
import datetime
import json
import random
import socket
import struct
import subprocess
import threading
import time

import pyarrow.parquet as pq
import pytest
import requests
import tiny
from ingot_server import IngotServer, program
from test_kill import audit_rows
from tiny import DAY_US, START_US

KILLS = 50
DAYS, PER_DAY = 400, 100
LIVE_DAY = 31
STEP_DAYS = 4
PATIENCE_S = 60

ENDPOINT = """
threshold: 0.5
monitor: {threshold: 0.5, min_rows: 20, min_labels: 20}
rollout: {steps_permille: [300, 1000], min_samples: 30, margin: 0.4, max_step_us: 172800000000, on_inconclusive: advance}
"""


def free_port():
    """One that the system hands to no client: a client that looks for an absent server may otherwise find itself there."""
    low = int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
    for port in random.sample(range(max(1024, low - 20000), low), 100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def day_text(day):
    return datetime.datetime.fromtimestamp((START_US + day * DAY_US) / 1e6, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Demo:
    """The folder of the demo, the server that comes and goes, and what was acknowledged."""

    def __init__(self, folder):
        self.folder = folder
        self.rows = tiny.flights(DAYS * PER_DAY, seed=3, days=DAYS)
        tiny.write_flights(folder / "flights.parquet", self.rows)
        (folder / "features.yaml").write_text(tiny.FEATURES)
        (folder / "params.yaml").write_text(tiny.PARAMS)
        (folder / "endpoint.yaml").write_text(ENDPOINT)
        (folder / "broken.yaml").write_text(tiny.FEATURES.replace("delay >= 15", "delay < 15"))
        for view, frame in (("features", "good"), ("broken", "bad")):
            tiny.ingot("features", "join", "--view", f"{view}.yaml", "--data", "flights.parquet", "--start", day_text(4), "--end", day_text(LIVE_DAY),
                       "--out", f"{frame}.parquet", cwd=folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = None
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.failures = []      # what no crash explains
        self.repeated = 0       # steps that met no server
        self.runs = {}          # run id: {metric: value}
        self.versions = {}      # number: run id
        self.kinds = {"good": [], "bad": []}  # versions by frame
        self.view = self.endpoint = False
        self.live_until = LIVE_DAY  # event days before this one were replayed
        self.decisions = {}     # (rollout, seq): decision
        self.ended = {"promote": 0, "rollback": 0}
        self.started = set()    # candidates of acknowledged canaries
        self.parts = 0          # rows of the last downloaded prediction log
        self.audit_rows, self.audit_head = 0, None

    # ---- steps ----

    def step(self, *args):
        """Takes the step until the server acknowledges it; None when the test is over or the server says no."""
        while not self.stop.is_set():
            run = subprocess.run([program(), *map(str, args)], cwd=self.folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                                 env={"PATH": "/usr/bin:/bin", "INGOT_SERVER": self.url, "INGOT_GIT_COMMIT": "0" * 40})
            if run.returncode == 0:
                return run
            text = run.stderr
            if run.returncode == 1 and text.count("\n") == 1 and ("onnect" in text or "eset" in text or "losed" in text or "recv" in text.lower()
                                                                  or "empty reply" in text.lower()):
                self.repeated += 1
                time.sleep(0.02)
                continue
            return run
        return None

    def must(self, *args):
        run = self.step(*args)
        if run and run.returncode:
            self.failures.append((args, run.returncode, run.stderr[-500:]))
            self.stop.set()
        return run if run and not run.returncode else None

    def guard(self, work):
        try:
            work()
        except Exception as e:  # a thread's failure is the test's
            self.failures.append((work.__name__, repr(e)))

    def train(self):
        """Trains and registers, good and broken ones by turns."""
        n = 0
        while not self.stop.is_set():
            frame = ("good", "bad")[n % 2]
            package, n = f"package-{n}", n + 1
            if not self.must("train", "--frame", f"{frame}.parquet", "--params", "params.yaml", "--learner", ("xgboost", "logistic")[n % 4 == 3],
                             "--tracking-uri", self.url, "--run-name", package, "--package-out", package):
                return
            metrics = json.loads((self.folder / package / "metrics.json").read_text())
            finals = {f"final_{k}": v["value"] for k, v in metrics["evaluation"].items() if isinstance(v, dict) and "value" in v}
            assert len(finals) >= 4
            with self.lock:
                self.runs[metrics["run_id"]] = finals
            if not self.must("model", "register", "tiny", "--package", package, "--out", f"{package}.json"):
                return
            made = json.loads((self.folder / f"{package}.json").read_text())
            with self.lock:
                self.versions[made["version"]] = made["run_id"]
                self.kinds[frame].append(made["version"])

    def candidate(self, n):
        frame = ("good", "bad")[n % 2]
        while not self.stop.is_set():
            with self.lock:
                if self.kinds[frame]:
                    return self.kinds[frame][-1]
            time.sleep(0.02)
        return None

    def replay(self):
        """STEP_DAYS event days more."""
        first, last = self.live_until, self.live_until + STEP_DAYS
        args = ["replay", "--view", "features.yaml", "--endpoint", "tiny", "--start", day_text(first), "--end", day_text(last), "--block", "6h",
                "--labels-from", day_text(max(first - 2, LIVE_DAY)), "--out", "replay.json"]
        if not self.must(*args, *([] if first == LIVE_DAY else ["--no-warm"])):
            return False
        report = json.loads((self.folder / "replay.json").read_text())
        if report["failed"]:
            self.failures.append(("replay", report["first_error"]))
        with self.lock:
            self.live_until = last
            for day in report["days"]:
                d = day["report"]["rollout"]
                if d.get("seq"):
                    self.decisions[d["rollout"], d["seq"]] = d
                    if d["verdict"] in self.ended:
                        self.ended[d["verdict"]] += 1
        return True

    def live(self):
        """View, endpoint, live days, canaries."""
        version = self.candidate(0)
        if not version or not self.must("features", "apply", "features.yaml"):
            return
        self.view = True
        if not self.must("deploy", "create", "tiny", "--model", "tiny", "--version", version, "--view", "tiny", "--config", "endpoint.yaml"):
            return
        self.endpoint = True
        n = 0
        while not self.stop.is_set() and self.live_until + STEP_DAYS < DAYS and self.replay():
            version = self.candidate(n)
            # Without --start it starts where event time is, also when the server has just come back.
            when = ["--start", day_text(self.live_until)] if n % 4 < 2 else []
            run = self.step("deploy", "canary", "tiny", "--version", version, *when) if version else None
            if not run:
                return
            if run.returncode == 0:
                n += 1
                with self.lock:
                    self.started.add(version)
            elif "runs" in run.stderr:  # a rollout runs: the last one, or this one, whose answer the kill took
                n += f"version {version} " in run.stderr
            elif "already" not in run.stderr and "live" not in run.stderr:
                self.failures.append(("canary", version, run.stderr))

    def look(self):
        """What the demo reads for its report."""
        while not self.stop.is_set():
            if self.live_until > LIVE_DAY:
                for what in ("windows", "alerts", "rollouts", "retrains"):
                    self.must("deploy", "history", "tiny", "--what", what, "--json")
                run = self.step("deploy", "predictions", "tiny", "--out", "predictions.parquet", "--json")
                if run and not run.returncode:
                    rows = json.loads(run.stdout)["rows"]
                    if rows < self.parts:
                        self.failures.append(("predictions", rows, self.parts))
                    self.parts = rows
                elif run and (self.parts or "is empty" not in run.stderr):  # windows that were open at a kill are not promised
                    self.failures.append(("predictions", self.parts, run.stderr))
            self.must("audit", "verify")
            self.stop.wait(0.2)

    # ---- looking back ----

    def get(self, path, **query):
        answer = requests.get(f"{self.url}/api/{path}", params=query, timeout=30)
        assert answer.status_code == 200, (path, query, answer.status_code, answer.text)
        return answer.json()

    def check_runs(self, runs):
        for run_id, finals in runs.items():
            run = self.get("2.0/mlflow/runs/get", run_id=run_id)["run"]
            assert run["info"]["status"] == "FINISHED", run_id
            have = {m["key"]: m["value"] for m in run["data"]["metrics"]}
            assert {k: have.get(k) for k in finals} == finals, run_id

    def check_versions(self, versions):
        for version, run_id in versions.items():
            got = self.get("2.0/mlflow/model-versions/get", name="tiny", version=version)["model_version"]
            assert got["run_id"] == run_id

    def check_audit(self):
        """Only grows: the row that was the newest is still there with its hash, and every hash follows from the one before."""
        proof = self.get("ingot/v1/audit/verify")
        assert proof["rows"] >= self.audit_rows
        if self.audit_rows:
            row = self.get("ingot/v1/audit", limit=1, before=self.audit_rows + 1)["rows"][0]
            assert (row["seq"], row["hash"]) == (self.audit_rows, self.audit_head)
        self.audit_rows, self.audit_head = proof["rows"], proof["head"]

    def check_live(self):
        if self.view:
            assert self.get("ingot/v1/features/tiny")["features"] == tiny.FEATURE_NAMES
        if self.endpoint:
            end = self.get("ingot/v1/endpoints/tiny")
            assert end["ready"] and end["version"] >= 1

    def acknowledged(self):
        with self.lock:
            return dict(self.runs), dict(self.versions)


def start(demo):
    """The port is the last server's; its connections may still linger, its listener may not."""
    demo.server = IngotServer(demo.folder / "data", port=demo.port)
    return demo.server


def kill(server):
    server.process.kill()
    server.process.wait()
    server.process.stdout.close()
    server.log.close()


def kill_unborn(demo, after_s):
    """A server that is killed while it starts."""
    process = subprocess.Popen([program(), "server", "--listen", f"127.0.0.1:{demo.port}", "--data", str(demo.folder / "data")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    process.kill()
    process.wait()


def kill_fifty_times(demo, rng, workers):
    server = start(demo)
    for worker in workers:
        worker.start()
    seen_runs, seen_versions = {}, {}
    for n in range(KILLS):
        at = time.monotonic() + rng.uniform(0.02, 0.4)
        demo.check_audit()
        runs, versions = demo.acknowledged()
        demo.check_runs({k: v for k, v in runs.items() if k not in seen_runs})
        demo.check_versions({k: v for k, v in versions.items() if k not in seen_versions})
        demo.check_live()
        seen_runs, seen_versions = runs, versions
        time.sleep(max(0, at - time.monotonic()))
        kill(server)
        assert not demo.failures
        if n % 5 == 4:
            kill_unborn(demo, rng.uniform(0.0, 0.06))
        server = start(demo)
    return server


@pytest.fixture
def demo(tmp_path):
    d = Demo(tmp_path)
    yield d
    d.stop.set()
    if d.server and d.server.process.poll() is None:
        kill(d.server)


def f32(v):
    return struct.unpack("<f", struct.pack("<f", v))[0]


def check_features(demo):
    """Online equals offline, as of the instants of the last day that was replayed whole; and every landing of the last days was taken."""
    first, last = demo.live_until - 10, demo.live_until
    tiny.ingot("features", "join", "--view", "features.yaml", "--data", "flights.parquet", "--start", day_text(last - 1), "--end", day_text(last),
               "--out", "frame.parquet", cwd=demo.folder)
    table = pq.read_table(demo.folder / "frame.parquet")
    frame = {name: table.column(name).to_pylist() for name in ["flight", *tiny.FEATURE_NAMES]}
    picks = range(table.num_rows)
    rows = [demo.rows[frame["flight"][i]] for i in picks]
    body = {"time_us": [r["date_us"] for r in rows], "keys": {k: [r[k] for r in rows] for k in ("origin", "destination")},
            "numbers": {"distance": [float(r["distance"]) for r in rows]}}
    answer = requests.post(f"{demo.url}/api/ingot/v1/features/tiny/get", json=body, timeout=30).json()
    assert answer.get("features") == tiny.FEATURE_NAMES and len(rows) > PER_DAY / 2, answer
    want = [[frame[name][i] for name in tiny.FEATURE_NAMES] for i in picks]
    assert [[None if v is None else f32(v) for v in row] for row in answer["rows"]] == want
    ids = [i for i, r in enumerate(demo.rows) if first * DAY_US <= r["date_us"] + 90 * 60 * 1000000 - START_US < last * DAY_US]
    push = tiny.World.push_body(None, [demo.rows[i] for i in ids], ids[0])
    again = requests.post(f"{demo.url}/api/ingot/v1/features/tiny/push", json=push, timeout=30).json()
    assert again == {"accepted": 0, "duplicate": len(ids), "expired": 0}


def check_rollouts(demo):
    rollouts = {r["id"]: r for r in demo.get("ingot/v1/endpoints/tiny/rollouts")["rollouts"]}
    stored = {(k, d["seq"]): d for k, r in rollouts.items() for d in r["decisions"]}
    for key, d in demo.decisions.items():
        assert key in stored, key
        for member in ("verdict", "reason", "from_permille", "to_permille", "at_us"):
            assert stored[key][member] == d[member], (key, member)
    assert demo.started <= {r["candidate"] for r in rollouts.values()}
    return rollouts


def check_audit_rows(demo, rollouts):
    rows = audit_rows(demo.url)
    assert [r["seq"] for r in rows] == list(range(len(rows), 0, -1))
    has = lambda verb, kind: {(r["object"]) for r in rows if r["verb"] == verb and r["kind"] == kind}
    assert set(demo.runs) <= has("run.create", "run")
    versions = {int(r["detail"]["version"]): r["detail"]["run_id"] for r in rows if r["verb"] == "model_version.create"}
    assert demo.versions.items() <= versions.items()
    # Dense: a number whose acknowledgement the kill took was given to that one alone.
    assert sorted(versions) == list(range(1, max(versions) + 1))
    assert "tiny" in has("create", "feature_view") and {r["object"] for r in rows if r["kind"] == "endpoint"} == {"tiny"}
    verbs = [r["verb"] for r in rows if r["kind"] == "endpoint"]
    stored = [d["verdict"] for r in rollouts.values() for d in r["decisions"]]
    assert verbs.count("rollout_start") == len(rollouts)
    for verdict in ("advance", "promote", "rollback"):
        assert verbs.count(f"rollout_{verdict}") == stored.count(verdict)


def check_serving(demo, rollouts):
    """The endpoint answers, with the version that the last promotion left."""
    live = None
    for r in sorted(rollouts.values(), key=lambda r: r["id"]):
        assert live is None or r["control"] == live
        live = r["candidate"] if r["state"] == "promoted" else r["control"]
    assert demo.get("ingot/v1/endpoints/tiny")["version"] == live
    body = tiny.World.infer_body(None, demo.rows[demo.live_until * PER_DAY - 20:demo.live_until * PER_DAY], 10**9)
    answer = requests.post(f"{demo.url}/v2/models/tiny/infer", json=body, timeout=30)
    assert answer.status_code == 200 and all(0 < s < 1 for s in answer.json()["outputs"][0]["data"])


def test_fifty_kills_of_the_demo_lose_nothing(demo):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    workers = [threading.Thread(target=demo.guard, args=(work,), daemon=True) for work in (demo.train, demo.live, demo.look)]
    server = kill_fifty_times(demo, random.Random(seed), workers)
    # Whatever the kills left behind, the loop goes on to both ends of a rollout.
    end = time.monotonic() + PATIENCE_S
    while not (demo.ended["promote"] and demo.ended["rollback"] and demo.parts) and not demo.failures and time.monotonic() < end:
        time.sleep(0.05)
    demo.stop.set()
    [w.join(60) for w in workers]
    assert not demo.failures
    kill(server)
    server = start(demo)
    demo.check_runs(demo.runs)
    demo.check_versions(demo.versions)
    demo.check_live()
    check_features(demo)
    rollouts = check_rollouts(demo)
    check_audit_rows(demo, rollouts)
    check_serving(demo, rollouts)
    demo.check_audit()
    print(f"{KILLS} kills: {len(demo.runs)} runs, {len(demo.versions)} versions, {demo.live_until - LIVE_DAY} event days, "
          f"{len(demo.decisions)} decisions, ends {demo.ended}, {demo.parts} predictions, {demo.audit_rows} audit rows, {demo.repeated} steps repeated")
    assert demo.ended["promote"] and demo.ended["rollback"], "no rollout came to its end"
    assert demo.repeated and len(demo.runs) >= 3 and len(demo.versions) >= 3 and demo.live_until > LIVE_DAY


RETRAIN = """
threshold: 0.5
monitor: {threshold: 0.5, min_rows: 20, min_labels: 20, cooldown_windows: 90}
retrain: {workspace: WORKSPACE, result: registered.json, cooldown_days: 90}
"""
PIPELINE = """
stages:
  first:
    cmd: echo x >> first.log && echo done > first
    outs: [first]
  second:
    cmd: >-
      echo $$ >> pids && sleep 1.5 && echo '{"model": "tiny", "version": 2}' > registered.json
    deps: [first]
    outs: [registered.json]
"""


def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def retraining_started(url, world):
    """Predictions of days whose labels say the opposite, until a monitor wants another model."""
    api = f"{url}/api/ingot/v1/endpoints/tiny/labels"
    for day in range(20, 27):
        ids = [i for i, r in enumerate(world.rows) if day * DAY_US <= r["date_us"] - START_US < (day + 1) * DAY_US]
        rows = [world.rows[i] for i in ids]
        scores = requests.post(f"{url}/v2/models/tiny/infer", json=world.infer_body(rows, ids[0]), timeout=30).json()["outputs"][0]["data"]
        body = {"ids": ids, "labels": [int(s < 0.2) for s in scores], "times_us": [r["date_us"] + DAY_US for r in rows],
                "watermark_us": START_US + (day + 2) * DAY_US}
        answer = requests.post(api, json=body, timeout=30).json()
        if answer["retrains_started"]:
            return True
    return False


def test_a_retraining_ends_with_its_server_and_goes_on_with_the_next(tmp_path):
    world = tiny.world()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "dvc.yaml").write_text(PIPELINE)
    config = tmp_path / "endpoint.yaml"
    config.write_text(RETRAIN.replace("WORKSPACE", str(workspace)))
    servers = [IngotServer(tmp_path / "data")]
    try:
        retrain_under_kills(servers, world, workspace, config)
        assert servers[-1].stop() == 0
    finally:
        if servers[-1].process.poll() is None:
            kill(servers[-1])


def retrain_under_kills(servers, world, workspace, config):
    server = servers[-1]
    world.deploy(server.url, warm=False)
    tiny.ingot("deploy", "create", "tiny", "--model", "tiny", "--version", 1, "--view", "tiny", "--config", config, env={"INGOT_SERVER": server.url})
    assert retraining_started(server.url, world)
    pids = workspace / "pids"
    for kills in range(2):
        pid = wait_for(lambda: pids.exists() and len(pids.read_text().split()) > kills and pids.read_text().split()[-1])
        kill(server)
        wait_for(lambda: not lives(pid))
        server = IngotServer(server.data)
        servers.append(server)
    api = f"{server.url}/api/ingot/v1/endpoints/tiny"
    wait_for(lambda: requests.get(f"{api}/retrains", timeout=30).json()["retrains"][0]["state"] not in ("queued", "running"))
    runs = requests.get(f"{api}/retrains", timeout=30).json()["retrains"]
    assert [r["state"] for r in runs] == ["succeeded", "lost", "lost"] and len({r["time_us"] for r in runs}) == 1
    assert runs[0]["reason"] == runs[2]["reason"] and runs[0]["reason"]["rule"]
    rollouts = wait_for(lambda: requests.get(f"{api}/rollouts", timeout=30).json()["rollouts"])
    assert [(r["control"], r["candidate"], r["state"]) for r in rollouts] == [(1, 2, "running")]
    assert (workspace / "first.log").read_text() == "x\n"  # what had ended was not done again
