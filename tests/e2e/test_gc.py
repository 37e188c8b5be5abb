"""`ingot gc`: what was deleted goes for good, what is used or held stays, and nothing else changes. Real server, real MLflow client,
both databases."""
import json
import os
import signal
import subprocess
import time
import uuid

import mlflow
import pytest
import requests
from ingot_server import IngotServer, program
from mlflow.entities import Metric, Param, ViewType
from tiny import ingot, one_line

DAY_S = 86400


class World:
    """A server of the test's own, since gc looks at everything."""

    def __init__(self, folder, db):
        self.data, self.args = folder / "data", ["--db", db] if db else []
        self.start()

    def start(self):
        self.server = IngotServer(self.data, *self.args)
        self.client = mlflow.MlflowClient(self.server.url, self.server.url)

    def gc(self, *args, ok=True):
        run = ingot("gc", "--server", self.server.url, "--json", *args, ok=ok)
        return json.loads(run.stdout) if ok else run

    def run(self, experiment, files=(), points=5):
        run_id = self.client.create_run(experiment, run_name="r").info.run_id
        self.client.log_batch(run_id, [Metric("loss", float(i), 1000 + i, i) for i in range(points)], [Param("lr", "1")])
        for path, text in files:
            self.client.log_text(run_id, text, path)
        return run_id

    def blobs(self):
        return sorted(p for p in (self.data / "blobs").rglob("*") if p.is_file())

    def age_blobs(self, seconds):
        """As if everything had been stored so long ago."""
        then = time.time() - seconds
        for p in self.blobs():
            os.utime(p, (then, then))

    def holds(self, text):
        return any(text.encode() in p.read_bytes() for p in self.blobs())

    def found(self, experiment, view=ViewType.ALL):
        return {r.info.run_id for r in self.client.search_runs([experiment], run_view_type=view)}


@pytest.fixture(params=["sqlite", "postgres"])
def world(request, tmp_path):
    db = request.getfixturevalue("postgres").database(f"gc_{uuid.uuid4().hex[:8]}") if request.param == "postgres" else None
    w = World(tmp_path, db)
    yield w
    assert w.server.stop() == 0


def gone(client, run_id):
    with pytest.raises(mlflow.MlflowException) as e:
        client.get_run(run_id)
    assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_deleted_runs_go_with_their_files_and_others_stay(world):
    c = world.client
    x = c.create_experiment("x")
    victim = world.run(x, [("a/secret.txt", "only the victim says this"), ("both.txt", "said by both")], points=30)
    stays = world.run(x, [("both.txt", "said by both"), ("mine.txt", "said by the one that stays")], points=7)
    later = world.run(x)
    c.delete_run(victim)
    before = world.blobs()

    # A run that was deleted a moment ago is safe by default, and a dry run changes nothing.
    assert world.gc()["runs"] == 0
    dry = world.gc("--dry-run", "--older-than-days", 0)
    assert dry["dry_run"] and dry["runs"] == 1 and c.get_run(victim).info.lifecycle_stage == "deleted"
    world.age_blobs(2 * 3600)
    dry = world.gc("--dry-run", "--older-than-days", 0, "--grace-hours", 1)
    assert dry["store"]["swept"] == 0 and world.blobs() == before  # still named by the run

    r = world.gc("--older-than-days", 0)
    assert (r["runs"], r["points"], r["artifacts"], r["kept"]) == (1, 30, 2, 0)
    assert r["store"]["swept"] == 0  # 24 hours of grace
    gone(c, victim)
    with pytest.raises(mlflow.MlflowException):
        c.restore_run(victim)
    assert world.holds("only the victim says this")
    r = world.gc("--older-than-days", 0, "--grace-hours", 1)
    assert r["store"]["swept"] == 1 and r["store"]["swept_bytes"] == len("only the victim says this")
    assert not world.holds("only the victim says this") and len(world.blobs()) == len(before) - 1
    assert r["runs"] == 0  # said once

    # What stays is as it was.
    assert world.found(x) == {stays, later} == world.found(x, ViewType.ACTIVE_ONLY) and world.found(x, ViewType.DELETED_ONLY) == set()
    assert [m.value for m in c.get_metric_history(stays, "loss")] == [float(i) for i in range(7)]
    assert open(c.download_artifacts(stays, "both.txt")).read() == "said by both"
    assert {f.path for f in c.list_artifacts(stays)} == {"both.txt", "mine.txt"}
    assert [r.info.run_id for r in c.search_runs([x], "metrics.loss = 6")] == [stays]
    for path in ("runs/search", "runs/get-history"):
        assert victim not in requests.post(f"{world.server.url}/api/2.0/mlflow/{path}", json={"experiment_ids": [x], "run_view_type": "ALL"}, timeout=20).text
    history = requests.get(f"{world.server.url}/api/2.0/mlflow/metrics/get-history", {"run_id": victim, "metric_key": "loss"}, timeout=20)
    assert history.json().get("metrics", []) == []
    graph = requests.post(f"{world.server.url}/graphql", json={"operationName": "GetRun", "query": "query GetRun($d: MlflowGetRunInput!) { mlflowGetRun(input: $d) { run { info { runId } } apiError { code } } }",
                                                             "variables": {"d": {"runId": victim}}}, timeout=20).json()
    assert graph["data"]["mlflowGetRun"] is None and graph["errors"]
    listed = requests.get(f"{world.server.url}/api/2.0/mlflow/artifacts/list", {"run_id": victim}, timeout=20)
    assert listed.status_code == 404
    served = requests.get(f"{world.server.url}/api/2.0/mlflow-artifacts/artifacts/{x}/{victim}/artifacts/a/secret.txt", timeout=20)
    assert served.status_code == 404


def test_the_newest_run_leaves_only_a_mark_that_nobody_sees(world):
    """The row with the greatest id stays, emptied, so that its id is not given again; also for a server that starts anew."""
    c = world.client
    x = c.create_experiment("x")
    old = world.run(x)
    for _ in range(2):
        newest = world.run(x, points=3)
        c.set_tag(newest, "color", "red")
        c.delete_run(newest)
        assert world.gc("--older-than-days", 0)["runs"] == 1
        for _ in range(2):
            for order in (["attributes.run_name"], ["metrics.loss DESC"], ["params.lr"], ["tags.color"], ["attributes.user_id"], []):
                assert [r.info.run_id for r in c.search_runs([x], run_view_type=ViewType.ALL, order_by=order)] == [old], order
            for words, found in (("attributes.run_name LIKE '%r%'", [old]), ("tags.color = 'red'", []), ("params.lr = '1'", [old]), ("metrics.loss <= 4", [old]),
                                 ("attributes.run_name LIKE 'purged%'", []), ("attributes.run_id LIKE 'purged%'", []), ("attributes.artifact_uri = ''", [])):
                assert [r.info.run_id for r in c.search_runs([x], words, run_view_type=ViewType.ALL)] == found, words
            assert world.server.stop() == 0
            world.start()
            c = world.client
    assert world.gc("--older-than-days", 0)["runs"] == 0
    c.delete_experiment(x)
    assert world.gc("--older-than-days", 0)["experiments"] == 1
    assert [e.name for e in c.search_experiments(ViewType.ALL)] == ["Default"]
    c.create_experiment("x")
    assert world.gc("--older-than-days", 0)["experiments"] == 0


def test_an_experiment_goes_and_its_name_is_free(world):
    c = world.client
    x = c.create_experiment("team", tags={"a": "b"})
    run = world.run(x, [("f.txt", "of the experiment")])
    model = c.create_logged_model(x, name="net", source_run_id=run)
    stays = c.create_experiment("other")
    kept_run = world.run(stays)
    c.delete_experiment(x)
    r = world.gc("--older-than-days", 0, "--keep-bytes")
    assert (r["runs"], r["experiments"], r["artifacts"]) == (1, 1, 1) and "store" not in r
    for call in (c.get_experiment, c.restore_experiment, c.delete_experiment):
        with pytest.raises(mlflow.MlflowException) as e:
            call(x)
        assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST", call
    gone(c, run)
    with pytest.raises(mlflow.MlflowException):
        c.get_logged_model(model.model_id)
    assert {e.name for e in c.search_experiments(ViewType.ALL)} == {"Default", "other"}
    again = c.create_experiment("team")
    assert again != x and world.found(again) == set() and c.get_experiment(again).tags == {}
    new = world.run(again)
    assert world.found(again) == {new} and world.found(stays) == {kept_run}
    r = world.gc("--older-than-days", 0)
    assert (r["runs"], r["experiments"], r["kept"]) == (0, 0, 0)


def test_what_a_version_was_made_of_and_what_is_held_stays(world):
    c = world.client
    x = c.create_experiment("x")
    by_run, by_copy, held, free = (world.run(x, [("model/MLmodel", f"model {i}")]) for i in range(4))
    for name in ("risk", "copy"):
        c.create_registered_model(name)
    c.create_model_version("risk", f"runs:/{by_run}/model", by_run)
    c.create_model_version("risk", f"runs:/{by_copy}/model", by_copy)
    c.create_model_version("copy", "models:/risk/2")
    c.delete_model_version("risk", "2")
    c.set_tag(held, "ingot.hold", "true")
    for run in (by_run, by_copy, held, free):
        c.delete_run(run)
    world.age_blobs(3 * DAY_S)
    r = world.gc("--older-than-days", 0)
    assert r["runs"] == 1 and r["kept"] == 3, r
    assert len(r["kept_why"]) == 3 and any("version 1 of 'risk'" in w for w in r["kept_why"]) and any("version 1 of 'copy'" in w for w in r["kept_why"]) and any("ingot.hold" in w for w in r["kept_why"])
    gone(c, free)
    for i, run in ((0, by_run), (1, by_copy), (2, held)):
        assert c.get_run(run).info.lifecycle_stage == "deleted"
        assert world.holds(f"model {i}")
        c.restore_run(run)
        assert c.get_metric_history(run, "loss") and open(c.download_artifacts(run, "model/MLmodel")).read() == f"model {i}"
    assert not world.holds("model 3")
    c.delete_model_version("risk", "1")
    c.delete_run(by_run)
    assert world.gc("--older-than-days", 0)["runs"] == 1
    gone(c, by_run)

    c.set_experiment_tag(x, "ingot.hold", "true")
    c.delete_experiment(x)
    r = world.gc("--older-than-days", 0)
    assert (r["runs"], r["experiments"]) == (0, 0) and r["kept"] == 3
    c.restore_experiment(x)
    assert world.found(x, ViewType.ACTIVE_ONLY) == {by_copy, held}


def test_experiments_that_share_a_place_keep_each_others_files(world):
    """artifact_location is the user's: two experiments may name the same."""
    c = world.client
    one, two = (c.create_experiment(n, artifact_location="mlflow-artifacts:/shared") for n in ("one", "two"))
    of_one, of_two = world.run(one, [("f", "of one")]), world.run(two, [("f", "of two")])
    model = c.create_logged_model(one, name="net")
    requests.put(f"{world.server.url}/api/2.0/mlflow-artifacts/artifacts/shared/models/{model.model_id}/artifacts/w", data=b"weights", timeout=20).raise_for_status()
    c.delete_experiment(one)
    world.age_blobs(3 * DAY_S)
    r = world.gc("--older-than-days", 0)
    assert (r["runs"], r["experiments"]) == (1, 1)
    gone(c, of_one)
    assert not world.holds("of one") and not world.holds("weights")
    assert open(c.download_artifacts(of_two, "f")).read() == "of two"
    c.delete_experiment(two)
    assert world.gc("--older-than-days", 0)["experiments"] == 1 and world.blobs() == []


def test_an_experiment_laid_into_anothers_files_takes_none_of_them(world):
    c = world.client
    x = c.create_experiment("x")
    victim = world.run(x, [("f", "of the victim")])
    inside = c.create_experiment("inside", artifact_location=f"mlflow-artifacts:/{x}/{victim}/artifacts")
    above = c.create_experiment("above", artifact_location="mlflow-artifacts://any-host/./")
    c.set_experiment_tag(inside, "ingot.retain_days", "30")  # where nobody needs to sign in, everybody is an administrator
    c.delete_experiment(inside)
    c.delete_experiment(above)
    world.age_blobs(3 * DAY_S)
    assert world.gc("--older-than-days", 0)["experiments"] == 2
    assert open(c.download_artifacts(victim, "f")).read() == "of the victim"


def test_only_what_is_named(world):
    c = world.client
    x = c.create_experiment("x")
    a, b, active = world.run(x), world.run(x), world.run(x)
    y = c.create_experiment("y")
    of_y = world.run(y)
    c.delete_run(a)
    c.delete_run(b)
    c.delete_experiment(y)
    for args, says in ((("--run", active), "is not deleted"), (("--run", "0" * 32), "not found"), (("--experiment", x), "is not deleted"),
                       (("--experiment", "999999"), "exists"), (("--experiment", "abc"), "experiment"), (("--older-than-days", "-1"), "older_than_days"),
                       (("--grace-hours", "0"), "grace_hours"), (("--run", ""), "not found")):
        assert says in one_line(world.gc(*args, ok=False)), args
    assert world.found(x) == {a, b, active} and world.found(y) == {of_y}
    assert world.gc("--run", a)["runs"] == 1
    assert world.found(x) == {b, active} and world.found(y) == {of_y}
    r = world.gc("--experiment", y)
    assert (r["runs"], r["experiments"]) == (1, 1)
    assert world.found(x) == {b, active}
    rows = requests.get(f"{world.server.url}/api/ingot/v1/audit?limit=100", timeout=20).json()["rows"]
    assert {(r["verb"], r["object"]) for r in rows if r["verb"].endswith(".purge")} == {("run.purge", a), ("run.purge", of_y), ("experiment.purge", y)}


def test_a_kill_in_the_middle_is_ended_by_the_next(world):
    c = world.client
    x = c.create_experiment("x")
    big = world.run(x, [("f", "of the big one")], points=0)
    for at in range(0, 50000, 1000):
        c.log_batch(big, [Metric(f"m{i}", float(i), 1, i) for i in range(at, at + 1000)])
    small = world.run(x, points=9)
    c.delete_run(big)
    gc = subprocess.Popen([program(), "gc", "--server", world.server.url, "--older-than-days", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    count = {"experiment_ids": [x], "run_view_type": "ALL", "count_only": True}  # an answer with 50,000 metrics would take longer than the purge
    while requests.post(f"{world.server.url}/api/2.0/mlflow/runs/search", json=count, timeout=20).json()["total"] != 1 and time.monotonic() < until:
        pass  # its first step hides it
    world.server.process.send_signal(signal.SIGKILL)
    world.server.stop()
    assert gc.wait(60) != 0, "the purge was over before the kill: nothing was tested"
    world.start()
    c = world.client
    gone(c, big)
    assert world.found(x) == {small}
    world.age_blobs(3 * DAY_S)
    r = world.gc()  # however long ago it was deleted: what was begun is ended
    assert r["runs"] == 1 and 0 < r["points"] <= 50000 and r["artifacts"] == 1
    assert not world.holds("of the big one")
    assert len(c.get_metric_history(small, "loss")) == 9 and world.found(x) == {small}
    assert world.gc()["runs"] == 0
