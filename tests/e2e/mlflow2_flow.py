"""What an ordinary script does with MLflow's client 2.22; run by build/venv222 (see test_mlflow2_client.py). argv: the server's URL, a folder."""
import math
import pathlib
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
assert mlflow.__version__.startswith("2.22."), mlflow.__version__
mlflow.set_tracking_uri(url)
mlflow.set_registry_uri(url)
client = MlflowClient()


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MlflowException as e:
        assert e.error_code == code, (e.error_code, e.message)
        return e.message
    raise AssertionError(f"{call.__name__}{args} was not refused")


# experiments
experiment = mlflow.create_experiment("old client", tags={"team": "a"})
assert mlflow.get_experiment_by_name("old client").experiment_id == experiment and client.get_experiment_by_name("nobody") is None
refused("RESOURCE_ALREADY_EXISTS", mlflow.create_experiment, "old client")
client.set_experiment_tag(experiment, "team", "b")
client.rename_experiment(experiment, "older client")
assert [x.tags["team"] for x in mlflow.search_experiments(filter_string="name = 'older client'")] == ["b"]

# a run by the fluent API
mlflow.set_experiment("older client")
with mlflow.start_run(run_name="first", tags={"k": "v"}, description="text") as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "eta": 1e-3})
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"auc": 0.75, "nan": math.nan})
    mlflow.set_tags({"a.b": "c"})
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": [1]}, "d.json")
    (folder / "f.bin").write_bytes(bytes(range(256)) * 1000)
    mlflow.log_artifact(folder / "f.bin", "bin")
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("m", 1)
run_id = run.info.run_id
got = client.get_run(run_id)
assert got.info.status == "FINISHED" and got.info.run_name == "first" and got.data.params == {"lr": "0.1", "depth": "3", "eta": "0.001"}
assert got.data.metrics["loss"] == 0.1 and math.isnan(got.data.metrics["nan"]) and got.data.tags["mlflow.note.content"] == "text"
assert [(m.step, m.value) for m in client.get_metric_history(run_id, "loss")] == [(i, 1 / (i + 1)) for i in range(10)]
assert [f.path for f in client.list_artifacts(run_id)] == ["bin", "d.json", "notes"]
assert [(f.path, f.file_size) for f in client.list_artifacts(run_id, "bin")] == [("bin/f.bin", 256000)]
assert pathlib.Path(client.download_artifacts(run_id, "bin/f.bin", folder)).read_bytes() == bytes(range(256)) * 1000
assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt") == "hello"

# the client API, good and bad
other = client.create_run(experiment, start_time=1000, tags={"t": "1"}, run_name="other").info.run_id
client.log_batch(other, [Metric("m", i / 7, i, i) for i in range(1000)], [], [RunTag("x", "y")])
client.log_batch(other, [], [Param(f"p{i}", str(i)) for i in range(100)])
assert "Changing param values is not allowed" in refused("INVALID_PARAMETER_VALUE", client.log_batch, other, [], [Param("p1", "9"), Param("q", "1")])
client.set_tag(other, "t", "2")
client.delete_tag(other, "x")
refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, other, "x")
refused("INVALID_PARAMETER_VALUE", client.log_metric, other, "a&b", 1)
refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
client.update_run(other, status="FAILED", name="renamed")
client.set_terminated(other, "KILLED", end_time=5000)
got = client.get_run(other)
assert (got.info.status, got.info.run_name, got.info.end_time, got.data.metrics["m"]) == ("KILLED", "renamed", 5000, 999 / 7)
assert [r.info.run_id for r in client.search_runs([experiment], "metrics.loss < 0.2 and tags.k = 'v'")] == [run_id]
page = client.search_runs([experiment], max_results=1, order_by=["attributes.start_time ASC"])
assert page[0].info.run_id == other and page.token
client.delete_run(other)
assert other in [r.info.run_id for r in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)]
client.restore_run(other)

# a model, its versions, aliases and stages
source = f"{run.info.artifact_uri}/model"
mlflow.log_text("flavors: {}\n", "model/MLmodel", run_id=run_id)
client.create_registered_model("old model", tags={"a": "1"}, description="d")
refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "old model")
for n in "12":
    version = client.create_model_version("old model", source, run_id, tags={"n": n}, description=f"version {n}")
    assert (version.version, version.status) == (n, "READY")
assert mlflow.register_model(f"runs:/{run_id}/model", "old model").version == "3"
client.set_registered_model_alias("old model", "champion", "2")
assert client.get_model_version_by_alias("old model", "champion").version == "2"
client.transition_model_version_stage("old model", "1", "Production")
client.transition_model_version_stage("old model", "2", "Production", archive_existing_versions=True)
assert {v.version: v.current_stage for v in client.search_model_versions("name = 'old model'")} == {"1": "Archived", "2": "Production", "3": "None"}
assert [v.version for v in client.get_latest_versions("old model", ["Production"])] == ["2"]
assert client.get_model_version_download_uri("old model", "1") == source
client.set_model_version_tag("old model", "1", "t", "x")
client.delete_model_version_tag("old model", "1", "n")
client.update_model_version("old model", "1", "new text")
got = client.get_model_version("old model", "1")
assert (got.tags, got.description) == ({"t": "x"}, "new text")
assert pathlib.Path(mlflow.artifacts.download_artifacts("models:/old model/1", dst_path=str(folder / "model")), "MLmodel").read_text() == "flavors: {}\n"
client.delete_registered_model_alias("old model", "champion")
refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "old model", "champion")
client.rename_registered_model("old model", "older model")
client.delete_model_version("older model", "3")
assert [m.name for m in client.search_registered_models("name LIKE 'older%'")] == ["older model"]
client.delete_registered_model("older model")
refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "older model")

# the registry's prompts, as that client has them
prompt = mlflow.register_prompt("old-prompt", "Hi {{name}}", commit_message="first")
assert str(prompt.version) == "1" and mlflow.load_prompt("prompts:/old-prompt/1").format(name="you") == "Hi you"
client.delete_experiment(experiment)
assert client.get_experiment(experiment).lifecycle_stage == "deleted"
print("ok")
