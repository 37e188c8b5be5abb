"""Rollouts of every kind on a live server, over the command line and REST: started, fed with traffic, labels and rewards, looked at, ended by
hand, and every decision taken again."""
import json
import random
import signal
import sqlite3
import time

import pytest
import requests

from ingot_server import IngotServer
from test_commands import ingot, world  # noqa: F401 - a fixture
from tiny import DAY_US, START_US


@pytest.fixture
def site(world, tmp_path):  # noqa: F811
    with IngotServer(tmp_path / "d") as server:
        world.deploy(server.url)
        yield server


def run(site, *args):
    return json.loads(ingot(*args, "--json", env={"INGOT_SERVER": site.url}).stdout)


@pytest.mark.parametrize("kind, inside", [("blue-green", "verdict"), ("shadow", "pairs"), ("ab", "comparisons"), ("bandit", "arms")])
def test_a_rollout_of_each_kind(site, kind, inside):
    started = run(site, "deploy", kind, "tiny", "--version", "2")
    name, number = kind.replace("-", "_"), str(started["rollout_id"])
    assert started["active"] and started["version"] == 1 and started["candidate"] == 2
    assert started["permille"] == {"blue_green": 1000, "shadow": 0, "ab": 500, "bandit": 500}[name]
    document = run(site, "deploy", "evidence", "tiny", number)
    assert document["kind"] == name and document["state"] == "running" and document["paused"] is None and inside in document["report"]
    run(site, "deploy", "pause", "tiny", "--why", "holidays")
    assert run(site, "deploy", "evidence", "tiny", number)["paused"] == "by_hand"
    ingot("deploy", "pause", "tiny", ok=False, env={"INGOT_SERVER": site.url})
    run(site, "deploy", "resume", "tiny")
    run(site, "deploy", "promote", "tiny", "--why", "good")
    assert run(site, "deploy", "status", "tiny")["version"] == 2
    assert run(site, "deploy", "replay", "tiny", number) == {"rollout_id": int(number), "decisions": 3, "same": True}
    for words in (("deploy", "evidence", "tiny", number), ("deploy", "replay", "tiny", number)):
        assert ingot(*words, env={"INGOT_SERVER": site.url}).stdout.strip()


def test_plans_that_cannot_be(site, tmp_path):
    plan = tmp_path / "plan.yaml"
    for text in ("steps_permille: [50, 1000]", "shares_permille: [500, 400]", "versions: [1]", "kind: shadow", "namespace: {name: a, from: 5, to: 5}"):
        plan.write_text(text + "\n")
        assert ingot("deploy", "ab", "tiny", "--version", "2", "--plan", str(plan), ok=False, env={"INGOT_SERVER": site.url}).returncode == 1
    assert not run(site, "deploy", "status", "tiny")["rollout"]["active"]
    ingot("deploy", "evidence", "tiny", "99", ok=False, env={"INGOT_SERVER": site.url})


def test_the_planner(site):
    answer = run(site, "deploy", "plan", "--baseline-rate", "0.2", "--delta", "0.02", "--units-per-day", "1000")
    assert answer["samples_per_arm"] == pytest.approx(6510, rel=0.01)  # unpooled, as statsmodels' normal approximation
    assert answer["samples_per_arm"] < answer["samples_per_arm_always_valid"] < 3 * answer["samples_per_arm"]
    ingot("deploy", "plan", "--delta", "0.02", ok=False, env={"INGOT_SERVER": site.url})


# ---- three arms through the front door ----

class Shop:
    """Three versions behind one endpoint; customers ask, and are judged by what their version earns."""

    def __init__(self, site, world, rates):
        ingot("model", "register", "tiny", "--package", "packages/xgboost", cwd=world.folder, env={"INGOT_SERVER": site.url})
        self.site, self.world, self.rates, self.rng, self.next = site, world, rates, random.Random(7), 0
        self.served, self.versions = {}, {}

    def ask(self, customers):
        """One request each; which version answered."""
        for customer in customers:
            body = self.world.infer_body([self.world.rows[self.next % 500]], first=self.next)
            answer = requests.post(f"{self.site.url}/v2/models/tiny/infer", json={**body, "parameters": {"id": customer}} if customer else body, timeout=30)
            assert answer.status_code == 200, answer.text
            version = int(answer.json()["model_version"])
            assert self.versions.setdefault(customer, version) == version or not customer  # sticky
            self.served[self.next] = version
            self.next += 1

    def reward(self, ids):
        rewards = [float(self.rng.random() < self.rates[self.served[i]]) for i in ids]
        answer = requests.post(f"{self.site.url}/api/ingot/v1/endpoints/tiny/rewards", json={"ids": list(ids), "rewards": rewards}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def labels(self):
        """No labels, but the guardrails and the split see the requests so far."""
        answer = requests.post(f"{self.site.url}/api/ingot/v1/endpoints/tiny/labels", timeout=30,
                               json={"ids": [], "labels": [], "times_us": [], "watermark_us": START_US - 50 * DAY_US})
        assert answer.status_code == 200, answer.text


def start(site, tmp_path, kind, plan):
    path = tmp_path / f"{kind}.json"
    path.write_text(json.dumps(plan))
    return str(run(site, "deploy", kind, "tiny", "--version", "2", "--plan", str(path), "--start", "2000-12-01T00:00:00Z")["rollout_id"])


def test_an_ab_test_of_three_arms(site, world, tmp_path):  # noqa: F811
    shop = Shop(site, world, {1: 0.2, 2: 0.25, 3: 0.9})
    number = start(site, tmp_path, "ab", {"versions": [3], "metrics": ["reward", "errors"], "min_samples": 30, "min_step_us": 0, "on_win": "promote",
                                          "latency": {"quantile": 0.95, "method": "dkw", "max_ratio": 100}})
    customers = [f"customer {i}" for i in range(120)]
    shop.ask(customers * 2)  # everybody comes twice
    shop.labels()
    report = run(site, "deploy", "evidence", "tiny", number)["report"]
    asked = {v: sum(1 for w in shop.served.values() if w == v) for v in (1, 2, 3)}
    units = {v: sum(1 for w in shop.versions.values() if w == v) for v in (1, 2, 3)}
    assert {a["version"]: a["requests"] for a in report["arms"]} == asked and min(asked.values()) > 30
    assert {a["version"]: a["units"] for a in report["arms"]} == units and report["split_by"] == "units"
    assert [a["permille"] for a in report["arms"]] == [334, 333, 333] and "latency" in report["arms"][2]
    text = ingot("deploy", "evidence", "tiny", number, env={"INGOT_SERVER": site.url}).stdout
    assert "split by units" in text and text.count("latency p95") == 2 and text.count("arm version") == 3
    shop.ask([None] * 6)  # who names no unit is known by the id of the row: a unit each
    shop.labels()
    report = run(site, "deploy", "evidence", "tiny", number)["report"]
    assert report["split_by"] == "units" and sum(a["units"] for a in report["arms"]) == 126
    decision = None
    for first in range(0, shop.next, 40):
        decision = shop.reward(range(first, min(first + 40, shop.next)))["decision"]
        if decision["verdict"] == "promote":
            break
    assert decision["verdict"] == "promote" and decision["reason"] == "won" and decision["candidate"] == 3, decision
    assert run(site, "deploy", "status", "tiny")["version"] == 3
    replayed = run(site, "deploy", "replay", "tiny", number)
    assert replayed["same"] and replayed["decisions"] >= 1


def test_experiments_of_one_namespace_exclude_each_other(site, world, tmp_path):  # noqa: F811
    shop = Shop(site, world, {})
    env = {"INGOT_SERVER": site.url}
    ingot("deploy", "create", "other", "--model", "tiny", "--version", 1, "--view", "tiny", "--config", "endpoint.yaml", cwd=world.folder, env=env)
    start(site, tmp_path, "ab", {"namespace": {"name": "prices", "from": 0, "to": 600}})
    plan = tmp_path / "other.json"
    for first, ok in ((599, False), (600, True)):
        plan.write_text(json.dumps({"namespace": {"name": "prices", "from": first, "to": 1000}}))
        done = ingot("deploy", "ab", "other", "--version", "2", "--plan", str(plan), ok=ok, env=env)
        assert ok or "namespace 'prices'" in done.stderr and "'tiny'" in done.stderr
    shop.ask([f"c{i}" for i in range(60)])
    assert set(shop.served.values()) == {1, 2}


def journal(site):
    """Entries that are written; the database is read beside the server."""
    db = sqlite3.connect(f"file:{site.data}/ingot.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT coalesce(SUM(entries), 0) FROM rollout_journal").fetchone()[0]
    finally:
        db.close()


def test_a_bandit_outlives_a_kill(world, tmp_path):  # noqa: F811
    data = tmp_path / "d"
    with IngotServer(data) as server:
        world.deploy(server.url)
        shop = Shop(server, world, {1: 0.2, 2: 0.2, 3: 0.9})
        number = start(server, tmp_path, "bandit", {"versions": [3], "reward": "reward", "min_samples": 30, "min_step_us": 0, "floor": 0.05})
        shop.ask([f"c{i}" for i in range(150)])
        assert shop.reward(range(50))["counted"] == 50
        waited = time.monotonic() + 60
        while journal(server) < 150 + 50 and time.monotonic() < waited:
            time.sleep(0.1)
        assert journal(server) == 150 + 50  # what was picked, and what was used of it
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with IngotServer(data) as server:
        shop.site = server
        answer = shop.reward(range(150))
        assert answer["counted"] == 100 and answer["unknown"] == 50  # the acknowledged ones count once, the others are known
        assert shop.reward(range(150))["counted"] == 0
        shop.versions.clear()
        first = shop.next
        shop.ask([f"d{i}" for i in range(150)])
        assert shop.reward(range(first, shop.next))["counted"] == 150
        arms = {a["version"]: a for a in run(server, "deploy", "evidence", "tiny", number)["report"]["arms"]}
        assert arms[3]["permille"] > 700 and arms[3]["mean_reward"] > 0.7 and sum(a["permille"] for a in arms.values()) == 1000
        assert run(server, "deploy", "replay", "tiny", number)["same"]
