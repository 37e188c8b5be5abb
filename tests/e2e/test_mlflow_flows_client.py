"""Flows of the unmodified client that raw requests do not cover: prompts over the registry, nested and resumed runs, datasets, files and figures,
a logged model from its start to its registered version."""
import json
import os

import pytest

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402


@pytest.fixture
def client(either):
    mlflow.set_tracking_uri(either.url)
    mlflow.set_registry_uri(either.url)
    return MlflowClient(tracking_uri=either.url, registry_uri=either.url)


def code(e):
    return e.value.error_code


def test_prompts(client):
    first = mlflow.genai.register_prompt("greet", "Hello {{name}}", commit_message="first", tags={"lang": "en"})
    second = mlflow.genai.register_prompt("greet", [{"role": "user", "content": "Hi {{name}}"}], commit_message="chat",
                                          response_format={"type": "object"}, model_config={"temperature": 0.5})
    assert (first.version, second.version) == (1, 2)
    assert mlflow.genai.load_prompt("greet", version=1).format(name="you") == "Hello you"
    loaded = mlflow.genai.load_prompt("prompts:/greet/2")
    assert loaded.format(name="you") == [{"role": "user", "content": "Hi you"}] and loaded.response_format == {"type": "object"}
    assert (loaded.commit_message, loaded.model_config["temperature"]) == ("chat", 0.5)
    mlflow.genai.set_prompt_alias("greet", "production", 1)
    assert mlflow.genai.load_prompt("prompts:/greet@production").version == 1
    assert mlflow.genai.load_prompt("prompts:/greet@latest").version == 2
    assert [p.name for p in mlflow.genai.search_prompts("name = 'greet'")] == ["greet"]
    assert "greet" not in [m.name for m in client.search_registered_models()]
    assert "greet" not in [v.name for v in client.search_model_versions()]
    assert [p.version for p in client.search_prompt_versions("greet")] == [2, 1]
    mlflow.genai.set_prompt_tag("greet", "team", "a")
    mlflow.genai.set_prompt_version_tag("greet", 1, "state", "good")
    assert mlflow.genai.get_prompt_tags("greet")["team"] == "a"
    assert mlflow.genai.load_prompt("greet", version=1).tags["state"] == "good"
    mlflow.genai.delete_prompt_version_tag("greet", 1, "state")
    mlflow.genai.delete_prompt_tag("greet", "team")
    mlflow.genai.delete_prompt_alias("greet", "production")
    assert mlflow.genai.load_prompt("prompts:/greet@production", allow_missing=True) is None
    client.delete_prompt_version("greet", "1")
    assert mlflow.genai.load_prompt("greet", version=1, allow_missing=True) is None
    client.delete_prompt("greet")
    assert client.get_prompt("greet") is None


def test_a_prompt_and_a_model_do_not_share_a_name(client):
    mlflow.genai.register_prompt("either", "x")
    with pytest.raises(MlflowException) as e:
        client.create_registered_model("either")
    assert code(e) == "RESOURCE_ALREADY_EXISTS" and "prompt" in e.value.message.lower()
    client.create_registered_model("or")
    with pytest.raises(MlflowException) as e:
        mlflow.genai.register_prompt("or", "x")
    assert "model" in e.value.message.lower()


def test_nested_and_resumed_runs(client):
    mlflow.set_experiment("nested")
    with mlflow.start_run(run_name="parent") as parent:
        for i in range(2):
            with mlflow.start_run(nested=True, run_name=f"child-{i}"):
                mlflow.log_metric("m", i)
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["metrics.m"])
    assert [r.info.run_name for r in children] == ["child-0", "child-1"]
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_metric("later", 1)
    got = client.get_run(parent.info.run_id)
    assert got.data.metrics == {"later": 1} and got.info.status == "FINISHED"
    with pytest.raises(ValueError), mlflow.start_run() as broken:
        raise ValueError("inside")
    assert client.get_run(broken.info.run_id).info.status == "FAILED"


def test_search_runs_as_a_frame(client):
    experiment = mlflow.set_experiment("frame").experiment_id
    for i in range(3):
        with mlflow.start_run(run_name=f"r{i}"):
            mlflow.log_metric("m", i)
            mlflow.log_param("p", i)
    frame = mlflow.search_runs([experiment], order_by=["metrics.m DESC"])
    assert list(frame["metrics.m"]) == [2, 1, 0] and list(frame["params.p"]) == ["2", "1", "0"]
    assert list(mlflow.search_runs(experiment_names=["frame"], filter_string="metrics.m >= 1")["metrics.m"]) == [2, 1]


def test_datasets_of_a_frame(client):
    pd = pytest.importorskip("pandas")
    mlflow.set_experiment("datasets")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    data = mlflow.data.from_pandas(frame, source="https://example.com/a.csv", name="train", targets="b")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
    got = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert [(d.dataset.name, d.dataset.digest) for d in got] == [("train", data.digest)]
    assert json.loads(got[0].dataset.profile)["num_rows"] == 2 and [(t.key, t.value) for t in got[0].tags] == [("mlflow.data.context", "training")]
    assert mlflow.data.get_source(got[0]).url == "https://example.com/a.csv"


def test_files_tables_and_folders(client, tmp_path):
    pd = pytest.importorskip("pandas")
    mlflow.set_experiment("files")
    for name in ("a.txt", "sub/b.txt", "sub/deeper/c.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(tmp_path / "in", "tree")
        mlflow.log_table({"q": ["x"], "a": ["y"]}, "table.json")
        mlflow.log_table({"q": ["z"], "a": ["w"]}, "table.json")
        mlflow.log_dict({"k": [1.5]}, "d.yaml")
    run_id = run.info.run_id
    folder = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="tree", dst_path=str(tmp_path / "out"))
    assert sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs) == ["a.txt", "sub/b.txt", "sub/deeper/c.txt"]
    assert list(mlflow.load_table("table.json", run_ids=[run_id])["q"]) == ["x", "z"] and pd is not None
    assert [f.path for f in mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="tree/sub")] == ["tree/sub/b.txt", "tree/sub/deeper"]
    with pytest.raises(Exception, match="(?i)no such|not found|does not exist|failed|unable"):
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="none.txt", dst_path=str(tmp_path / "none"))


def test_a_model_from_its_log_to_production(client, tmp_path):
    sklearn, np = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("numpy")
    mlflow.set_experiment("sk")
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 2.0, 4.0])
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(sklearn.LinearRegression().fit(x, y), name="line", input_example=x, registered_model_name="line", pip_requirements=[])
    client.set_registered_model_alias("line", "champion", info.registered_model_version)
    loaded = mlflow.pyfunc.load_model("models:/line@champion")
    assert abs(loaded.predict(np.array([[3.0]]))[0] - 6.0) < 1e-9
    assert loaded.metadata.signature is not None
    model = mlflow.get_logged_model(info.model_id)
    assert model.name == "line" and "mlflow.modelVersions" in model.tags
    copied = client.copy_model_version("models:/line/1", "line-production")
    assert (copied.name, copied.version) == ("line-production", "1")
    assert abs(mlflow.sklearn.load_model("models:/line-production/1").predict(np.array([[4.0]]))[0] - 8.0) < 1e-9
    mlflow.set_logged_model_tags(info.model_id, {"checked": "yes"})
    assert mlflow.get_logged_model(info.model_id).tags["checked"] == "yes"
    client.delete_logged_model(info.model_id)
    with pytest.raises(MlflowException) as e:
        mlflow.get_logged_model(info.model_id)
    assert code(e) == "RESOURCE_DOES_NOT_EXIST"


def test_external_and_initialized_models(client):
    mlflow.set_experiment("external")
    model = mlflow.create_external_model(name="remote", tags={"a": "b"}, params={"p": "1"})
    assert model.status.value == "READY" and model.params == {"p": "1"} and model.tags["a"] == "b"
    started = mlflow.initialize_logged_model(name="by-hand", model_type="agent")
    assert started.status.value == "PENDING"
    mlflow.log_model_params({"q": "2"}, started.model_id)
    assert mlflow.finalize_logged_model(started.model_id, "READY").status.value == "READY"
    assert mlflow.get_logged_model(started.model_id).params == {"q": "2"}
