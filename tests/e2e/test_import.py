"""`ingot import mlflow`: a database that the real MLflow made, moved over and read back through MLflow's own client on both sides."""
import json
import math
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
import requests
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from sqlalchemy import create_engine, text

from differ import MlflowServer
from ingot_server import IngotServer, program

RUNS = 12


def client_of(folder):
    return mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/mlflow.db")


def make_runs(client, experiment, n, seed):
    rng = random.Random(seed)
    made = []
    for i in range(n):
        run = client.create_run(experiment, start_time=1700000000000 + i, run_name=f"run {i}", tags={"odd": "äöü 'quoted' \"twice\"", "n": str(i)})
        run_id = run.info.run_id
        steps = list(range(40))
        rng.shuffle(steps)  # the latest is not the last written
        points = [Metric("loss", rng.gauss(0, 1), 1700000000000 + s, s) for s in steps]
        points += [Metric("odd/name 1", v, 5, k) for k, v in enumerate([math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])]
        client.log_batch(run_id, metrics=points, params=[Param("lr", repr(rng.random())), Param("layers", "3")], tags=[RunTag("k", "v" * 5000)])
        dataset = Dataset(name=f"data{i % 3}", digest="d1", source_type="local", source="{}", schema="{\"a\": 1}", profile=None)
        client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
        if i % 4:
            client.set_terminated(run_id, "FINISHED" if i % 3 else "FAILED", end_time=1700000500000 + i)
        made.append(run_id)
    return made


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A folder with MLflow's database and artifacts, made by MLflow itself."""
    folder = tmp_path_factory.mktemp("origin")
    client = client_of(folder)
    client.search_experiments()
    root = f"file://{folder}/mlruns"
    first = client.create_experiment("first", artifact_location=f"{root}/1", tags={"team": "a"})
    gone = client.create_experiment("gone", artifact_location=f"{root}/2")
    runs = make_runs(client, first, RUNS, 1)
    make_runs(client, gone, 2, 2)
    client.delete_experiment(gone)
    client.delete_run(runs[-1])
    for run_id in runs[:3]:
        client.log_text(run_id, "hello " + run_id, "notes/read me.txt")
        client.log_dict(run_id, {"a": [1, 2]}, "model/MLmodel")
    client.create_registered_model("risk", tags={"t": "1"}, description="who pays")
    for k, run_id in enumerate(runs[:3]):
        client.create_model_version("risk", f"{client.get_run(run_id).info.artifact_uri}/model", run_id, tags={"v": str(k)}, description=f"number {k}")
    client.set_registered_model_alias("risk", "champion", 2)
    client.transition_model_version_stage("risk", "1", "Staging")
    client.delete_model_version("risk", "3")
    client.register_prompt("greeting", "Hello {{name}}")
    model = client.create_logged_model(first, name="net", source_run_id=runs[0], tags={"kind": "x"}, params={"depth": "3"}, model_type="agent")
    client.finalize_logged_model(model.model_id, "READY")
    client.log_batch(runs[0], metrics=[Metric("acc", 0.75, 9, 1, model_id=model.model_id, dataset_name="data0", dataset_digest="d1")])
    place = Path(model.artifact_location.removeprefix("file://"))
    place.mkdir(parents=True)
    (place / "MLmodel").write_text("flavors: {}\n")
    return folder, runs, model.model_id


def bring(data, uri, *more, check=True):
    done = subprocess.run([program(), "import", "mlflow", str(uri), "--data", str(data), "--json", *more], capture_output=True, text=True, timeout=600)
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout) if done.stdout.strip() else None, done


def bits(v):
    return np.float64(v).tobytes() if not math.isnan(v) else b"nan"


def run_facts(client, run):
    history = {k: sorted((m.timestamp, m.step, bits(m.value)) for m in client.get_metric_history(run.info.run_id, k)) for k in run.data.metrics}
    latest = {k: bits(v) for k, v in run.data.metrics.items()}
    inputs = sorted((i.dataset.name, i.dataset.digest, i.dataset.source, i.dataset.schema, i.dataset.profile, tuple((t.key, t.value) for t in i.tags))
                    for i in run.inputs.dataset_inputs)
    i = run.info
    return {"name": i.run_name, "status": i.status, "start": i.start_time, "end": i.end_time, "stage": i.lifecycle_stage, "user": i.user_id, "params": run.data.params,
            "tags": run.data.tags, "history": history, "latest": latest, "inputs": inputs}


def facts(client):
    """Everything that an import must carry over, without what differs by design (artifact locations)."""
    out = {"experiments": {}, "runs": {}, "models": {}}
    for x in client.search_experiments(view_type=ViewType.ALL):
        out["experiments"][x.name] = (x.experiment_id, x.lifecycle_stage, x.tags, x.creation_time if x.name != "Default" else "each has its own")
    ids = [x[0] for x in out["experiments"].values()]
    for run in client.search_runs(ids, run_view_type=ViewType.ALL, max_results=1000):
        out["runs"][run.info.run_id] = run_facts(client, run)
    for m in client.search_registered_models():
        name = m.name
        versions = {str(v.version): (v.current_stage, v.description, v.run_id, v.tags, v.creation_timestamp)
                    for v in client.search_model_versions(f"name = '{name}'")}
        out["models"][name] = (m.description, m.tags, {k: str(v) for k, v in m.aliases.items()}, versions)
    prompt = client.get_prompt_version("greeting", 1)
    out["models"]["greeting"] = (prompt.template, prompt.tags, prompt.commit_message or None)
    return out


def same(there, here):
    assert there["experiments"] == here["experiments"]
    assert there["runs"].keys() == here["runs"].keys()
    for run_id, run in there["runs"].items():
        assert run == here["runs"][run_id], run_id
    assert there["models"] == here["models"]


def test_everything_comes_over(origin, data_folder, tmp_path):
    folder, runs, model_id = origin
    report, _ = bring(data_folder, f"sqlite:///{folder}/mlflow.db")
    assert report["complete"] and report["wrong_latest"] == 0, report
    assert report["counts"]["runs"] == {"there": RUNS + 2, "added": RUNS + 2, "failed": 0}
    assert report["counts"]["files"]["added"] == 7
    with IngotServer(data_folder) as s:
        here, there = mlflow.MlflowClient(s.url, s.url), client_of(folder)
        same(facts(there), facts(here))
        # Files, through the client's own downloads; sources follow them.
        got = here.download_artifacts(runs[1], "notes/read me.txt", str(tmp_path))
        assert Path(got).read_text() == "hello " + runs[1]
        assert here.get_model_version_download_uri("risk", "2") == f"{here.get_run(runs[1]).info.artifact_uri}/model"
        assert here.get_logged_model(model_id).params == {"depth": "3"}
        assert [f.path for f in here.list_logged_model_artifacts(model_id)] == ["MLmodel"]
        assert here.get_logged_model(model_id).metrics[0].value == 0.75
        # And life goes on: new ids and versions do not collide with what came.
        assert here.create_model_version("risk", "models:/risk/2").version == "4"
        new = here.create_experiment("later")
        assert new not in {x[0] for x in facts(there)["experiments"].values()}


def test_a_second_import_adds_what_is_new_and_nothing_twice(origin, data_folder, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(origin[0], folder)
    with create_engine(f"sqlite:///{folder}/mlflow.db").begin() as db:  # the files moved with the folder
        for table, column in [("runs", "artifact_uri"), ("experiments", "artifact_location"), ("logged_models", "artifact_location"), ("model_versions", "source")]:
            db.execute(text(f"UPDATE {table} SET {column} = replace({column}, '{origin[0]}', '{folder}')"))
    bring(data_folder, f"{folder}/mlflow.db")
    report, _ = bring(data_folder, f"{folder}/mlflow.db")
    assert all(c["added"] == 0 for c in report["counts"].values()), report
    client = client_of(folder)
    run_id = origin[1][0]
    client.log_metric(run_id, "loss", 0.125, 1, 1000)
    client.log_metric(run_id, "late", 1.0, 1, 1)
    client.set_tag(run_id, "n", "changed")
    client.set_terminated(run_id, "KILLED", 1700000600000)
    notes = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / "notes"
    (notes / "more.txt").write_text("more")  # not by log_text: the client remembers the run's old place
    new = make_runs(client, client.get_run(run_id).info.experiment_id, 1, 3)[0]
    client.set_registered_model_alias("risk", "champion", 1)
    report, _ = bring(data_folder, f"{folder}/mlflow.db")
    counts = {k: v["added"] for k, v in report["counts"].items()}
    assert (counts["runs"], counts["points"], counts["files"]) == (1, 2 + 46, 1), counts
    with IngotServer(data_folder) as s:
        here = mlflow.MlflowClient(s.url, s.url)
        same(facts(client), facts(here))
        assert here.get_run(new).data.metrics["odd/name 1"] == 0.1 + 0.2


def test_killed_anywhere_it_ends_the_same(origin, data_folder):
    folder = origin[0]
    rng = random.Random(7)
    begun = time.monotonic()
    bring(str(data_folder) + "-whole", f"sqlite:///{folder}/mlflow.db")
    whole = time.monotonic() - begun
    for _ in range(25):
        p = subprocess.Popen([program(), "import", "mlflow", f"sqlite:///{folder}/mlflow.db", "--data", str(data_folder)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * whole)
        os.kill(p.pid, signal.SIGKILL)
        p.wait()
    report, _ = bring(data_folder, f"sqlite:///{folder}/mlflow.db")
    assert report["complete"], report
    with IngotServer(data_folder) as s:
        same(facts(client_of(folder)), facts(mlflow.MlflowClient(s.url, s.url)))


def test_artifacts_behind_a_server_and_kept(origin, data_folder, tmp_path):
    folder = tmp_path / "proxied"
    shutil.copytree(origin[0], folder)
    with create_engine(f"sqlite:///{folder}/mlflow.db").begin() as db:
        db.execute(text(f"UPDATE runs SET artifact_uri = replace(artifact_uri, 'file://{origin[0]}/mlruns', 'mlflow-artifacts:')"))
    report, done = bring(data_folder, f"{folder}/mlflow.db", check=False)
    assert done.returncode == 1 and not report["complete"]
    assert any("--artifact-folder" in n for n in report["notes"]), report["notes"]
    report, _ = bring(data_folder, f"{folder}/mlflow.db", "--artifact-folder", f"{folder}/mlruns")
    assert report["counts"]["files"]["failed"] == 0
    kept = str(data_folder) + "-kept"
    report, _ = bring(kept, f"{folder}/mlflow.db", "--keep-artifacts")
    assert report["counts"]["files"]["there"] == 0
    with IngotServer(kept) as s:
        run = mlflow.MlflowClient(s.url, s.url).get_run(origin[1][0])
        assert run.info.artifact_uri == f"mlflow-artifacts:/1/{origin[1][0]}/artifacts"


def test_what_is_no_mlflow_database_is_refused(origin, data_folder, tmp_path):
    def refused(uri, *more):
        report, done = bring(data_folder, uri, *more, check=False)
        assert done.returncode == 1 and done.stderr.startswith("ingot: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    assert "No such file" in refused(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("this is no database, it is a text of some length" * 20)
    assert "database" in refused(tmp_path / "text.db")
    create_engine(f"sqlite:///{tmp_path}/empty.db").connect().execute(text("CREATE TABLE t (a)"))
    assert "alembic_version" in refused(tmp_path / "empty.db")
    assert "sqlite:///FILE" in refused("mysql://somewhere/db")
    shutil.copy(origin[0] / "mlflow.db", tmp_path / "future.db")
    with create_engine(f"sqlite:///{tmp_path}/future.db").begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))
    assert "ffffffffffff" in refused(tmp_path / "future.db")
    bring(data_folder, tmp_path / "future.db", "--any-schema")
    before = (origin[0] / "mlflow.db").read_bytes()
    bring(data_folder, origin[0] / "mlflow.db", check=False)
    assert (origin[0] / "mlflow.db").read_bytes() == before, "the source was written to"
    with IngotServer(data_folder):
        assert "is used by process" in refused(origin[0] / "mlflow.db")


def test_over_rest_from_a_running_server(origin, data_folder, tmp_path, monkeypatch):
    """What its clients see: all but versions that were deleted, and traces."""
    folder = tmp_path / "served"
    shutil.copytree(origin[0], folder)
    server = MlflowServer(folder)
    try:
        there = mlflow.MlflowClient(server.url, server.url)
        proxied = there.create_experiment("proxied")
        run_id = there.create_run(proxied).info.run_id
        there.log_text(run_id, "through the server", "deep/er/text.txt")
        there.log_text(run_id, "", "empty")
        for step in range(0, 30000, 1000):
            there.log_batch(run_id, [Metric("long", s / 7, s, s) for s in range(step, step + 1000)])
        report, _ = bring(data_folder, server.url + "/")
        assert report["complete"], report
        assert report["counts"]["points"]["added"] == 30000 + (RUNS + 2) * 46 + 1
        again, _ = bring(data_folder, server.url)
        assert all(c["added"] == 0 for k, c in again["counts"].items() if k != "files"), again
        with IngotServer(data_folder) as s:
            here = mlflow.MlflowClient(s.url, s.url)
            same(facts(there), facts(here))
            assert Path(here.download_artifacts(run_id, "deep/er/text.txt", str(tmp_path))).read_text() == "through the server"
            assert Path(here.download_artifacts(run_id, "empty", str(tmp_path))).read_text() == ""
            assert Path(here.download_artifacts(origin[1][1], "notes/read me.txt", str(tmp_path))).read_text() == "hello " + origin[1][1]
            files = requests.get(f"{s.url}/api/2.0/mlflow/logged-models/{origin[2]}/artifacts/directories", timeout=10).json()["files"]
            assert [f["path"] for f in files] == ["MLmodel"]  # by hand: the client remembers where a model's files were
            # An Ingot is an origin as well.
            third = str(data_folder) + "-third"
            report, _ = bring(third, s.url)
            assert report["complete"], report
            with IngotServer(third) as t:
                same(facts(here), facts(mlflow.MlflowClient(t.url, t.url)))
    finally:
        server.stop()
    _, done = bring(data_folder, server.url, check=False)
    assert done.returncode == 1 and "connect" in done.stderr


def test_into_postgresql(origin, data_folder, postgres):
    url = postgres.database("import_into")
    bring(data_folder, f"sqlite:///{origin[0]}/mlflow.db", "--db", url)
    report, _ = bring(data_folder, f"sqlite:///{origin[0]}/mlflow.db", "--db", url)
    assert all(c["added"] == 0 for c in report["counts"].values()), report
    with IngotServer(data_folder, "--db", url) as s:
        here = mlflow.MlflowClient(s.url, s.url)
        same(facts(client_of(origin[0])), facts(here))
        assert int(here.create_experiment("later")) > 2


def test_from_postgresql(data_folder, postgres):
    url = postgres.database("import_from")
    driver = url.replace("postgresql://", "postgresql+psycopg2://")
    client = mlflow.MlflowClient(driver, driver)
    made = make_runs(client, client.create_experiment("there"), 3, 5)
    client.create_registered_model("m")
    client.create_model_version("m", f"runs:/{made[0]}/model", made[0])
    report, _ = bring(data_folder, driver)
    assert report["complete"] and report["counts"]["points"]["added"] == 3 * 46, report
    with IngotServer(data_folder) as s:
        here = mlflow.MlflowClient(s.url, s.url)
        for run_id in made:
            assert run_facts(client, client.get_run(run_id)) == run_facts(here, here.get_run(run_id))


def test_a_database_of_the_2_series(data_folder, tmp_path):
    """Its schema is made by MLflow's own migrations, up to the last one of 2.22."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    url = f"sqlite:///{tmp_path}/old.db"
    Base.metadata.create_all(create_engine(url))
    command.upgrade(_get_alembic_config(url), "0584bdc529eb")
    with create_engine(url).begin() as db:
        db.execute(text("INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time) VALUES (3, 'old', '/x/3', 'active', 5)"))
        db.execute(text("INSERT INTO runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id) "
                        "VALUES ('0123456789abcdef0123456789abcdef', 'r', 'u', 'RUNNING', 7, 'active', '/x/3/r/artifacts', 3)"))
        db.execute(text("INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES ('0123456789abcdef0123456789abcdef', 'a', 0.5, 1, 2, 0)"))
        db.execute(text("INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES ('0123456789abcdef0123456789abcdef', 'a', 0.5, 1, 2, 0)"))
    report, _ = bring(data_folder, url)
    assert report["complete"] and report["counts"]["runs"]["added"] == 1, report
    with IngotServer(data_folder) as s:
        run = mlflow.MlflowClient(s.url, s.url).get_run("0123456789abcdef0123456789abcdef")
        assert (run.info.experiment_id, run.info.status, run.data.metrics) == ("3", "RUNNING", {"a": 0.5})


def test_an_export_comes_back_bit_for_bit(origin, data_folder, tmp_path):
    bring(data_folder, f"sqlite:///{origin[0]}/mlflow.db")
    with IngotServer(data_folder) as s:  # what only our own state knows
        client = mlflow.MlflowClient(s.url, s.url)
        client.create_model_version("risk", "models:/risk/2")
        run_id = client.create_run("0").info.run_id
        client.log_metric(run_id, "minus zero", -0.0, 1, 0)
    out = tmp_path / "out"

    def ingot(*args):
        return subprocess.run([program(), *args], capture_output=True, text=True, timeout=300)

    done = ingot("export", str(out), "--data", str(data_folder), "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["runs"] == RUNS + 3 and counts["points"] == (RUNS + 2) * 46 + 2 and counts["artifacts"] == 7, counts
    lines = (out / "runs.jsonl").read_text().splitlines()
    assert len(lines) == RUNS + 3 and all("run_id" in json.loads(line)["mlflow"]["info"] for line in lines)
    assert "holds an export already" in ingot("export", str(out), "--data", str(data_folder)).stderr
    other = str(data_folder) + "-other"
    done = ingot("import", "ingot", str(out), "--data", other, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert ingot("import", "ingot", str(out), "--data", other).returncode == 0
    with IngotServer(data_folder) as a, IngotServer(other) as b:
        one, two = mlflow.MlflowClient(a.url, a.url), mlflow.MlflowClient(b.url, b.url)
        same(facts(one), facts(two))
        assert math.copysign(1, two.get_run(run_id).data.metrics["minus zero"]) == -1
        path = f"{b.url}/get-artifact?run_id={origin[1][1]}&path=notes/read%20me.txt"
        assert requests.get(path, timeout=10).text == "hello " + origin[1][1]
        assert two.create_model_version("risk", "models:/risk/2").version == "5"
    # And once more out of the copy: the same lines.
    again = tmp_path / "again"
    subprocess.run([program(), "export", str(again), "--data", other], check=True, capture_output=True)
    for name in ["runs", "points", "logged_models", "artifacts"]:
        lines = sorted((out / f"{name}.jsonl").read_text().splitlines())
        assert lines and lines == sorted((again / f"{name}.jsonl").read_text().splitlines()), name
    nothing = ingot("export", str(tmp_path / "none"), "--data", str(data_folder) + "-misspelt")
    assert nothing.returncode == 1 and "is no server's data folder" in nothing.stderr and not (tmp_path / "none").exists()
    assert not os.path.exists(str(data_folder) + "-misspelt")
    blob = next(p for p in (out / "blobs").rglob("*") if p.is_file())
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    damaged = ingot("import", "ingot", str(out), "--data", str(data_folder) + "-third", "--json")
    assert damaged.returncode == 1 and json.loads(damaged.stdout)["counts"]["files"]["failed"] >= 1 and "is damaged" in damaged.stdout
    blob.write_bytes(whole)
    assert ingot("import", "ingot", str(out), "--data", str(data_folder) + "-third").returncode == 0
    for broken in ["manifest.json", "points.jsonl"]:
        keep = (out / broken).read_bytes()
        (out / broken).write_bytes(b'{"format": "ingot-export", "version": 2}\n' if broken == "manifest.json" else b'{"points": [[1]], "run_id": "x"}\n[[[')
        assert ingot("import", "ingot", str(out), "--data", other).returncode == 1
        (out / broken).write_bytes(keep)
