"""Two servers on one PostgreSQL and one S3 bucket are one server: what either acknowledges the other shows at once, whoever dies."""
import os
import signal
import threading

import mlflow
import pytest
import requests
from mlflow.entities import Metric
from test_s3 import s3  # noqa: F401

from ingot_server import IngotServer


@pytest.fixture
def pair(postgres, s3, tmp_path):  # noqa: F811
    database = postgres.database(f"pair_{os.getpid()}_{tmp_path.name[-8:]}".replace("-", "_"))
    blobs = s3.uri(f"pair/{tmp_path.name}")
    servers = [IngotServer(tmp_path / name, "--db", database, "--blobs", blobs, env=s3.env) for name in ("one", "two")]
    yield servers, lambda name: IngotServer(tmp_path / name, "--db", database, "--blobs", blobs, env=s3.env)
    for server in servers:
        server.stop()


def clients(servers):
    return [mlflow.MlflowClient(s.url, s.url) for s in servers]


def artifact(server, run_id, path):
    return requests.get(f"{server.url}/get-artifact", params={"run_id": run_id, "path": path}, timeout=30)


def test_what_one_stores_the_other_shows(pair, tmp_path):
    servers, _ = pair
    one, two = clients(servers)
    experiment = one.create_experiment("shared")
    run = two.create_run(experiment).info.run_id  # the other knows it at once
    for step in range(50):
        (one, two)[step % 2].log_metric(run, "loss", step / 7, 1000 + step, step)
        latest = (two, one)[step % 2].search_runs([experiment], f"metrics.loss >= {step / 7}")
        assert [r.info.run_id for r in latest] == [run], step  # both answer from columns in memory
    assert len(one.get_metric_history(run, "loss")) == len(two.get_metric_history(run, "loss")) == 50
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(20 << 20))
    one.log_artifact(run, str(big))
    two.log_text(run, "hello", "notes/a.txt")
    assert artifact(servers[1], run, "big.bin").content == big.read_bytes()
    assert artifact(servers[0], run, "notes/a.txt").text == "hello"
    one.create_registered_model("m")
    two.create_model_version("m", f"runs:/{run}/model", run)
    one.set_registered_model_alias("m", "best", 1)
    assert two.get_model_version_by_alias("m", "best").version == "1"
    two.delete_run(run)
    assert one.search_runs([experiment]) == []
    one.restore_run(run)
    assert len(two.search_runs([experiment])) == 1


def test_versions_from_both_are_dense(pair):
    servers, _ = pair
    one, two = clients(servers)
    one.create_registered_model("dense")
    failures = []

    def make(client):
        try:
            for _ in range(25):
                client.create_model_version("dense", "s3://elsewhere/model", await_creation_for=0)
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    threads = [threading.Thread(target=make, args=(c,)) for c in (one, two) * 4]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures
    versions = sorted(int(v.version) for v in two.search_model_versions("name = 'dense'", max_results=1000))
    assert versions == list(range(1, 201))


def test_one_dies_and_the_other_goes_on(pair):
    servers, start = pair
    one, two = clients(servers)
    run = one.create_run("0").info.run_id
    told = []
    stop = threading.Event()

    def write():
        step = 0
        while not stop.is_set():
            try:
                one.log_batch(run, [Metric("k", step, 1, step), Metric("l", step, 1, step)])
                told.append(step)
            except Exception:  # noqa: BLE001  the server is gone: not told
                return
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    for step in range(100):
        two.log_metric(run, "other", step, 1, step)
        if step == 60:
            os.kill(servers[0].process.pid, signal.SIGKILL)
            servers[0].process.wait()
    stop.set()
    writer.join()
    assert told, "the writer never got an answer"
    for key in ("k", "l"):
        steps = {m.step for m in two.get_metric_history(run, key)}
        assert set(told) <= steps and len(steps) <= len(told) + 1, (len(told), len(steps))
    assert len(two.get_metric_history(run, "k")) == len(two.get_metric_history(run, "l")), "a batch was torn"
    assert len(two.get_metric_history(run, "other")) == 100
    third = start("one")  # the dead one's folder, again
    assert {m.step for m in mlflow.MlflowClient(third.url, third.url).get_metric_history(run, "k")} >= set(told)
    third.stop()
