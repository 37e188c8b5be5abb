"""An unmodified mlflow client against the server: what an ordinary training script does, good and bad."""

import json
import math
import os
import random
import struct
import threading

import pytest
import requests
from ingot_server import IngotServer

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402


@pytest.fixture
def client(server):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    return MlflowClient(tracking_uri=server.url, registry_uri=server.url)


_names = iter(range(10**9))


@pytest.fixture
def experiment(client):
    return client.create_experiment(f"exp-{next(_names)}")


def bits(x):
    return struct.pack("<d", x)


def random_double(rng):
    while True:
        (x,) = struct.unpack("<d", rng.randbytes(8))
        if math.isfinite(x):
            return x


def api(server, method, path, body=None, raw=None, prefix="/api/2.0/mlflow/"):
    data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
    return requests.request(method, server.url + prefix + path, data=data, headers={"Content-Type": "application/json"}, timeout=30)


def test_experiment_life(client):
    default = client.get_experiment("0")
    assert default.name == "Default" and default.lifecycle_stage == "active"
    exp = client.create_experiment("life", tags={"team": "a"})
    got = client.get_experiment_by_name("life")
    assert got.experiment_id == exp and got.tags == {"team": "a"} and got.artifact_location == f"mlflow-artifacts:/{exp}"
    with pytest.raises(MlflowException) as e:
        client.create_experiment("life")
    assert e.value.error_code == "RESOURCE_ALREADY_EXISTS" and "already exists" in e.value.message
    client.set_experiment_tag(exp, "team", "b")
    client.rename_experiment(exp, "life2")
    assert client.get_experiment(exp).tags["team"] == "b"
    client.delete_experiment(exp)
    assert client.get_experiment(exp).lifecycle_stage == "deleted"
    assert exp not in [x.experiment_id for x in client.search_experiments()]
    assert exp in [x.experiment_id for x in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
    client.restore_experiment(exp)
    assert [x.name for x in client.search_experiments(filter_string="name LIKE 'life%' AND tags.team = 'b'")] == ["life2"]
    assert client.get_experiment_by_name("nobody") is None
    with pytest.raises(MlflowException) as e:
        client.get_experiment("987654")
    assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST" and e.value.message.endswith("No Experiment with id=987654 exists")


def test_fluent_run(client):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", tags={"k": "v"}) as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "eta": 1e-3})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.75, "acc": 0.5})
        mlflow.set_tags({"a.b": "c"})
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "d.json")
    got = client.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "first" and got.info.end_time >= got.info.start_time
    assert got.data.params == {"lr": "0.1", "depth": "3", "eta": "0.001"}
    assert got.data.metrics == {"loss": 0.2, "auc": 0.75, "acc": 0.5}
    assert got.data.tags["k"] == "v" and got.data.tags["mlflow.runName"] == "first"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(i, 1 / (i + 1)) for i in range(5)]
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["d.json", "notes"]
    assert [(f.path, f.file_size) for f in client.list_artifacts(run.info.run_id, "notes")] == [("notes/hello.txt", 5)]
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/d.json") == {"a": [1, 2]}


def test_every_double_comes_back_bit_for_bit(client, experiment):
    rng = random.Random(7)
    run = client.create_run(experiment).info.run_id
    values = [-0.0, 5e-324, -5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1, 1 / 3] + [random_double(rng) for _ in range(993)]
    client.log_batch(run, metrics=[Metric("x", v, i, i) for i, v in enumerate(values)])
    back = [m.value for m in client.get_metric_history(run, "x")]
    assert [bits(a) for a in back] == [bits(b) for b in values]
    for i, v in enumerate(values[:50]):
        client.log_metric(run, f"one{i}", v)
    data = client.get_run(run).data.metrics
    assert all(bits(data[f"one{i}"]) == bits(v) for i, v in enumerate(values[:50]))
    client.log_metric(run, "nan", math.nan)
    client.log_metric(run, "inf", math.inf)
    data = client.get_run(run).data.metrics
    assert math.isnan(data["nan"]) and data["inf"] == 1.7976931348623157e308


def test_latest_metric_is_the_greatest_not_the_last(client, experiment):
    run = client.create_run(experiment).info.run_id
    for value, ts, step in [(1, 10, 5), (9, 99, 4), (2, 10, 5), (-3, 10, 5), (2, 10, 5)]:
        client.log_metric(run, "m", value, timestamp=ts, step=step)
    assert client.get_run(run).data.metrics["m"] == 2
    assert len(client.get_metric_history(run, "m")) == 4


def test_log_batch_is_one_unit(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_batch(run, params=[Param("lr", "1")])
    with pytest.raises(MlflowException) as e:
        client.log_batch(run, metrics=[Metric("m", 1.0, 1, 1)], params=[Param("new", "1"), Param("lr", "2")], tags=[RunTag("t", "1")])
    assert e.value.error_code == "INVALID_PARAMETER_VALUE" and "Changing param values is not allowed" in e.value.message
    data = client.get_run(run).data
    assert data.params == {"lr": "1"} and data.metrics == {} and "t" not in data.tags
    client.log_batch(run, params=[Param("lr", "1")])
    with pytest.raises(MlflowException, match="Duplicate parameter keys"):
        client.log_batch(run, params=[Param("a", "1"), Param("a", "2")])


def test_params_and_tags(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_param(run, "a", "1")
    client.log_param(run, "a", "1")
    with pytest.raises(MlflowException, match="Param with key='a' was already logged with value='1'"):
        client.log_param(run, "a", "2")
    client.log_param(run, "long", "x" * 7000)
    assert len(client.get_run(run).data.params["long"]) == 6000
    client.set_tag(run, "mlflow.runName", "renamed")
    assert client.get_run(run).info.run_name == "renamed"
    client.update_run(run, name="again", status="FAILED")
    got = client.get_run(run)
    assert got.data.tags["mlflow.runName"] == "again" and got.info.status == "FAILED"
    client.set_tag(run, "t", "1")
    client.delete_tag(run, "t")
    with pytest.raises(MlflowException) as e:
        client.delete_tag(run, "t")
    assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    for bad in ["a&b", "../x", "/x", "a//b"]:
        with pytest.raises(MlflowException):
            client.log_metric(run, bad, 1.0)


def test_deleted_runs(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.delete_run(run)
    client.delete_run(run)
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(run, "m", 1.0)
    assert client.search_runs([experiment]) == []
    assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(run)
    client.log_metric(run, "m", 1.0)
    with pytest.raises(MlflowException) as e:
        client.get_run("0" * 32)
    assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST" and "not found" in e.value.message


def test_search_runs(client, experiment):
    ids = []
    for i in range(25):
        run = client.create_run(experiment, run_name=f"r{i}", start_time=1000 + i).info.run_id
        client.log_batch(run, metrics=[Metric("auc", i / 100, 1, 0)], params=[Param("model", "tree" if i % 2 else "linear")],
                         tags=[RunTag("a.b", str(i))])
        ids.append(run)
    find = lambda f, **k: [r.info.run_name for r in client.search_runs([experiment], f, **k)]
    assert find("metrics.auc > 0.215") == ["r24", "r23", "r22"]
    assert find("metrics.auc > 0.2 AND params.model = 'tree'", order_by=["metrics.auc ASC"]) == ["r21", "r23"]
    assert find("tags.`a.b` = '7'") == ["r7"] and find('tags."a.b" = "8"') == ["r8"]
    assert find("attributes.run_name LIKE 'r1_'", order_by=["start_time"], max_results=2) == ["r10", "r11"]
    assert find(f"run_id IN ('{ids[0]}', '{ids[3]}')", order_by=["start_time ASC"]) == ["r0", "r3"]
    assert find("params.none != 'x'") == [] and len(find("params.none IS NULL")) == 25
    assert find("metrics.auc < 0.02 OR metrics.auc > 0.235") == ["r24", "r1", "r0"]
    pages, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=10, page_token=token)
        pages += [r.info.run_name for r in page]
        token = page.token
        if not token:
            break
    assert pages == [f"r{i}" for i in reversed(range(25))]
    for bad in ["metrics.auc > 'x'", "colour = 'x'", "metrics.auc >", "params.model = tree", "x.y = '1'"]:
        with pytest.raises(MlflowException) as e:
            client.search_runs([experiment], bad)
        assert e.value.error_code == "INVALID_PARAMETER_VALUE"
    frame = mlflow.search_runs([experiment], output_format="list")
    assert len(frame) == 25


def test_artifacts(client, experiment, tmp_path, server):
    run = client.create_run(experiment)
    rid = run.info.run_id
    blob = random.Random(1).randbytes(3_000_000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "big.bin").write_bytes(blob)
    (tmp_path / "sub" / "näme with blank.txt").write_text("ü")
    (tmp_path / "empty").write_bytes(b"")
    client.log_artifacts(rid, str(tmp_path), "out")
    listed = {f.path: (f.is_dir, f.file_size) for f in client.list_artifacts(rid, "out")}
    assert listed == {"out/empty": (False, 0), "out/sub": (True, None)}
    local = client.download_artifacts(rid, "out", str(tmp_path / ".."))
    assert open(os.path.join(local, "sub", "big.bin"), "rb").read() == blob
    assert open(os.path.join(local, "sub", "näme with blank.txt")).read() == "ü"
    assert os.path.getsize(os.path.join(local, "empty")) == 0
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{rid}/artifacts/out/sub/big.bin"
    r = requests.get(url, headers={"Range": "bytes=100-199"}, timeout=30)
    assert r.status_code == 206 and r.content == blob[100:200] and r.headers["Content-Range"] == "bytes 100-199/3000000"
    assert requests.get(url, headers={"Range": "bytes=9999999-"}, timeout=30).status_code == 416
    r = requests.get(f"{server.url}/get-artifact", params={"run_id": rid, "path": "out/sub/big.bin"}, timeout=30)
    assert r.content == blob and r.headers["X-Content-Type-Options"] == "nosniff" and "attachment" in r.headers["Content-Disposition"]
    for bad in ["../x", "a/../../x", "/etc/passwd", "a\\b", "%2e%2e/x", "a%00b"]:
        r = requests.get(f"{server.url}/get-artifact", params={"run_id": rid, "path": bad}, timeout=30)
        assert (r.status_code, r.json()["message"]) == (400, "Invalid path"), bad
        assert api(server, "GET", f"artifacts/list?run_id={rid}&path={requests.utils.quote(bad)}").status_code == 400
    assert requests.delete(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{rid}/artifacts/out/sub", timeout=30).status_code == 200
    assert [f.path for f in client.list_artifacts(rid, "out")] == ["out/empty"]
    assert requests.get(url, timeout=30).status_code == 404


def test_datasets_and_inputs(client, experiment):
    from mlflow.entities import Dataset, DatasetInput, InputTag
    run = client.create_run(experiment).info.run_id
    use = DatasetInput(Dataset("flights", "abc123", "local", '{"uri": "x"}', schema='{"a": 1}'), [InputTag("mlflow.data.context", "training")])
    client.log_inputs(run, [use])
    client.log_inputs(run, [use])
    got = client.get_run(run).inputs.dataset_inputs
    assert len(got) == 1 and got[0].dataset.name == "flights" and got[0].dataset.schema == '{"a": 1}' and got[0].tags[0].value == "training"
    assert len(client.search_runs([experiment], "dataset.name = 'flights' AND datasets.context = 'training'")) == 1


def test_registry(client, experiment):
    run = client.create_run(experiment)
    client.create_registered_model("delay", tags={"k": "v"}, description="d")
    with pytest.raises(MlflowException) as e:
        client.create_registered_model("delay")
    assert e.value.error_code == "RESOURCE_ALREADY_EXISTS"
    for n in "123":
        v = client.create_model_version("delay", run.info.artifact_uri + "/model", run.info.run_id, tags={"n": n})
        assert v.version == n and v.status == "READY" and v.run_id == run.info.run_id
    client.set_registered_model_alias("delay", "champion", "1")
    client.set_registered_model_alias("delay", "champion", "2")
    assert client.get_model_version_by_alias("delay", "champion").version == "2"
    assert client.get_registered_model("delay").aliases == {"champion": "2"}
    assert client.get_model_version("delay", "2").aliases == ["champion"]
    with pytest.raises(MlflowException) as e:
        client.get_model_version_by_alias("delay", "nobody")
    assert e.value.error_code == "INVALID_PARAMETER_VALUE"
    for bad in ["latest", "v1", "a b"]:
        with pytest.raises(MlflowException):
            client.set_registered_model_alias("delay", bad, "1")
    assert client.get_model_version_download_uri("delay", "1") == run.info.artifact_uri + "/model"
    client.set_model_version_tag("delay", "1", "t", "x")
    client.update_model_version("delay", "1", description="first")
    client.transition_model_version_stage("delay", "1", "Production")
    client.transition_model_version_stage("delay", "3", "production", archive_existing_versions=True)
    got = client.get_model_version("delay", "1")
    assert got.current_stage == "Archived" and got.description == "first" and got.tags == {"n": "1", "t": "x"}
    assert [v.version for v in client.search_model_versions("name = 'delay'", order_by=["version_number DESC"])] == ["3", "2", "1"]
    assert [v.version for v in client.search_model_versions(f"run_id = '{run.info.run_id}' AND tags.n = '2'")] == ["2"]
    assert [m.name for m in client.search_registered_models("name ILIKE 'DEL%'")] == ["delay"]
    client.delete_model_version("delay", "2")
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias("delay", "champion")
    assert client.create_model_version("delay", "models:/delay/1").run_id == run.info.run_id
    client.rename_registered_model("delay", "late")
    assert client.get_registered_model("late").description == "d"
    for bad in ["mlflow-artifacts:/../../etc", "/etc/passwd", "file:///etc", "s3://b/..%2f..", "http://h/%252e%252e/x", "runs:/x/y"]:
        with pytest.raises(MlflowException) as e:
            client.create_model_version("late", bad)
        assert e.value.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"), bad
    client.delete_registered_model("late")
    with pytest.raises(MlflowException) as e:
        client.get_registered_model("late")
    assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_log_model_register_and_load_by_alias(client):
    class Doubler(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return [2 * x for x in model_input]

    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(name="doubler", python_model=Doubler(), registered_model_name="doubler", pip_requirements=[])
        mlflow.log_metric("auc", 0.75, model_id=info.model_id)
    client.set_registered_model_alias("doubler", "champion", "1")
    loaded = mlflow.pyfunc.load_model("models:/doubler@champion")
    assert loaded.predict([1, 2, 3]) == [2, 4, 6]
    assert mlflow.pyfunc.load_model(info.model_uri).predict([5]) == [10]
    model = mlflow.get_logged_model(info.model_id)
    assert model.status.value == "READY" and model.source_run_id == run.info.run_id
    assert {m.key: m.value for m in model.metrics} == {"auc": 0.75}
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
    exp = run.info.experiment_id
    assert [m.model_id for m in mlflow.search_logged_models([exp], filter_string="metrics.auc > 0.7", output_format="list")] == [info.model_id]
    assert mlflow.search_logged_models([exp], filter_string="metrics.auc > 0.8", output_format="list") == []


def test_concurrent_versions_are_dense(client):
    client.create_registered_model("race")
    got = []

    def work():
        for _ in range(5):
            got.append(int(client.create_model_version("race", "s3://b/x").version))

    threads = [threading.Thread(target=work) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(got) == list(range(1, 41))


def test_bad_bodies_name_the_field_and_store_nothing(server, client, experiment):
    run = client.create_run(experiment).info.run_id
    metric = '{"run_id": "%s", "key": "m", "value": %s, "timestamp": %s, "step": %s}'
    cases = [
        (metric % (run, "1", "99999999999999999999", "0"), "timestamp"),
        (metric % (run, "1", "1.5", "0"), "timestamp"),
        (metric % (run, "1", "1", "true"), "step"),
        (metric % (run, '"x"', "1", "0"), "value"),
        (metric % (run, "true", "1", "0"), "value"),
        (metric % (run, "1e999", "1", "0"), "value"),
        (metric % (run, "1", "-1", "0"), "timestamp"),
        ('{"key": "m", "value": 1, "timestamp": 1}', "run_id"),
        ('{"run_id": 31, "key": "m", "value": 1, "timestamp": 1}', "run_id"),
    ]
    for raw, field in cases:
        r = api(server, "POST", "runs/log-metric", raw=raw.encode())
        assert r.status_code == 400 and r.json()["error_code"] == "INVALID_PARAMETER_VALUE", (raw, r.text)
        assert field in r.json()["message"], (raw, r.text)
    for raw in [b"[]", b"3", b'"x"', b"{", b"nonsense", b'{"run_id": "\xff"}', b"[" * 200 + b"]" * 200, b"true"]:
        r = api(server, "POST", "runs/log-metric", raw=raw)
        assert r.status_code == 400, (raw, r.text)
    r = api(server, "POST", "runs/log-batch", {"run_id": run, "metrics": [{"key": "a", "value": 1, "timestamp": 1}, {"key": "b", "value": 1}]})
    assert r.status_code == 400 and r.json()["message"].startswith("Missing value for required parameter 'metrics[1].timestamp'.")
    r = api(server, "POST", "runs/log-metric", {"run_id": 31})
    assert r.json()["message"] == ("Invalid value 31 for parameter 'run_id' supplied:  Hint: Value was of type 'int'. "
                                   "See the API docs for more information about request parameters.")
    r = api(server, "GET", "runs/get")
    assert r.json()["message"].startswith("Missing value for required parameter 'run_id'.")
    assert client.get_run(run).data.metrics == {}


def test_wire_forms(server, client, experiment):
    run = client.create_run(experiment).info.run_id
    # Encoded twice, run_uuid for run_id, numbers as strings, unknown fields, chunked.
    assert api(server, "POST", "runs/log-metric", json.dumps({"run_uuid": run, "key": "m", "value": "NaN", "timestamp": "5", "x": 1})).status_code == 200
    got = api(server, "GET", f"runs/get?run_uuid={run}").json()["run"]
    assert got["data"]["metrics"] == [{"key": "m", "value": "NaN", "timestamp": 5, "step": 0}]
    assert got["info"]["run_id"] == got["info"]["run_uuid"] == run and got["info"]["experiment_id"] == experiment
    body = json.dumps({"run_id": run, "key": "c", "value": 1.5, "timestamp": 1}).encode()
    r = requests.post(server.url + "/api/2.0/mlflow/runs/log-metric", data=iter([body[:10], body[10:]]),
                      headers={"Content-Type": "application/json"}, timeout=30)
    assert r.status_code == 200 and r.json() == {}
    for prefix in ["/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"]:
        assert api(server, "GET", f"experiments/get?experiment_id={experiment}", prefix=prefix).status_code == 200
    assert api(server, "GET", "server-info", prefix="/api/3.0/mlflow/").json()["store_type"] == "SqlStore"
    r = api(server, "POST", "scorers/register", {}, prefix="/api/3.0/mlflow/")
    assert (r.status_code, r.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert api(server, "POST", "experiments/search", {}).status_code == 400  # max_results is needed on the wire
    assert api(server, "POST", "experiments/search", {"max_results": 5, "view_type": 3}).status_code == 200
    assert api(server, "POST", "runs/search", {"experiment_ids": [experiment], "page_token": "!"}).status_code == 400


def test_killed_server_keeps_what_it_acknowledged(data_folder):
    with IngotServer(data_folder) as s:
        client = MlflowClient(tracking_uri=s.url, registry_uri=s.url)
        run = client.create_run("0").info.run_id
        client.create_registered_model("m")
        versions = []
        for i in range(200):
            client.log_batch(run, metrics=[Metric("x", i / 7, i, i), Metric("y", -i / 3, i, i)])
            if i % 20 == 0:
                versions.append(client.create_model_version("m", "s3://b/x").version)
        s.process.kill()
        s.process.wait()
    with IngotServer(data_folder) as s:
        client = MlflowClient(tracking_uri=s.url, registry_uri=s.url)
        for key, f in [("x", lambda i: i / 7), ("y", lambda i: -i / 3)]:
            assert [bits(m.value) for m in client.get_metric_history(run, key)] == [bits(f(i)) for i in range(200)]
        assert [v.version for v in client.search_model_versions("name = 'm'", order_by=["version_number ASC"])] == versions
