"""Rollouts of every kind on a live server, over the command line and REST: started, fed with traffic, labels and rewards, looked at, ended by
hand, and every decision taken again."""
import json

import pytest

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
