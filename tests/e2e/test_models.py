"""Training, evaluation and serving against the reference implementations: xgboost's own package, scikit-learn, mlflow."""

import json
import math
import subprocess
import urllib.error
import urllib.request

import mlflow
import mlflow.xgboost
import numpy as np
import pandas as pd
import pytest
import xgboost
from ingot_server import program
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

NAMES = list("abcde")
PARAMS = """
columns: {id: row, time: date, label: label}
split: {fit_start: 2001-01-01, fit_end: 2001-01-21, valid_end: 2001-02-01}
xgboost: {rounds: 40, max_depth: 4, eta: 0.2, threads: 2, early_stopping: 10}
logistic: {C: 1.0}
evaluate:
  segments: {column: origin, top: 3}
  gates: [{metric: auc, op: ">=", value: 0.6}]
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A frame of 31 days with missing values and a label that depends on the features."""
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(5)
    n = 6000
    x = rng.random((n, 5)).astype("f4")
    x[rng.random((n, 5)) < 0.1] = np.nan
    frame = pd.DataFrame(x, columns=NAMES)
    frame.insert(0, "row", np.arange(n))
    when = pd.Timestamp("2001-01-01") + pd.to_timedelta(np.arange(n) * (31 * 86400 // n), unit="s")
    frame.insert(1, "date", when.astype("datetime64[us]"))
    frame.insert(2, "origin", rng.choice(["ORD", "ATL", "LAX", "DEN"], n))
    frame["label"] = (np.nansum(x[:, :3], axis=1) + rng.random(n) > 1.9).astype("i8")
    frame.to_parquet(folder / "frame.parquet")
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def ingot(work, *args, ok=True):
    done = subprocess.run([program(), *map(str, args)], cwd=work, capture_output=True, text=True, timeout=120)
    if ok:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("ingot: "), done.stderr
    return done


def predict(work, model):
    ingot(work, "predict", "--model", model, "--frame", "frame.parquet", "--out", "scores.parquet")
    return pd.read_parquet(work / "scores.parquet")["score"].to_numpy()


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "binary:logistic"},
        {"objective": "binary:logistic", "base_score": 0.3, "tree_method": "exact", "gamma": 2},
        {"objective": "reg:squarederror"},
        {"objective": "binary:logistic", "num_parallel_tree": 3, "subsample": 0.7},
    ],
)
def test_native_predictor_equals_the_package(work, params):
    frame = pd.read_parquet(work / "frame.parquet")
    data = xgboost.DMatrix(frame[NAMES], label=frame["label"])
    booster = xgboost.train({**params, "max_depth": 5, "eta": 0.2}, data, 37)
    booster.save_model(work / "theirs.json")
    ours, theirs = predict(work, "theirs.json"), booster.predict(data)
    assert np.array_equal(ours, theirs), np.abs(ours - theirs).max()


def test_package_is_a_model_for_mlflow(work):
    ingot(work, "train", "--frame", "frame.parquet", "--package-out", "package", "--predictions-out", "valid.parquet")
    booster = mlflow.xgboost.load_model(str(work / "package" / "model"))
    frame = pd.read_parquet(work / "frame.parquet")
    assert booster.feature_names == NAMES
    assert np.array_equal(predict(work, "package/model/model.json"), booster.predict(xgboost.DMatrix(frame[NAMES])))


def test_figures_equal_scikit_learns(work):
    for learner in ("xgboost", "logistic"):
        ingot(work, "train", "--frame", "frame.parquet", "--learner", learner, "--model-out", f"{learner}.json",
              "--metrics-out", f"{learner}.metrics.json", "--predictions-out", f"{learner}.parquet")
        figures = json.loads((work / f"{learner}.metrics.json").read_text())["evaluation"]
        valid = pd.read_parquet(work / f"{learner}.parquet")
        y, score = valid["label"].to_numpy(), valid["score"].to_numpy().astype("f8")
        assert figures["rows"] == len(y) and figures["positives"] == y.sum()
        assert math.isclose(figures["auc"]["value"], roc_auc_score(y, score), rel_tol=1e-12)
        assert math.isclose(figures["log_loss"]["value"], log_loss(y, score), rel_tol=1e-12)
        assert math.isclose(figures["brier"]["value"], brier_score_loss(y, score), rel_tol=1e-12)
        assert math.isclose(figures["accuracy"]["value"], ((score >= 0.5) == y).mean(), rel_tol=1e-12)
        assert [s["name"] for s in figures["segments"]] == list(
            pd.read_parquet(work / "frame.parquet").query("date >= '2001-01-21'")["origin"].value_counts().index[:3])
    done = ingot(work, "evaluate", "--frame", "frame.parquet", "--models", "xgboost.json,logistic.json", "--out", "eval.json")
    verdict = json.loads((work / "eval.json").read_text())
    losses = [m["evaluation"]["log_loss"]["value"] for m in verdict["models"]]
    assert verdict["pass"] and verdict["best"]["evaluation"]["log_loss"]["value"] == min(losses)
    assert "gate auc >= 0.6" in done.stdout


def test_failed_gates_are_named(work):
    (work / "hard.yaml").write_text(PARAMS.replace("value: 0.6", "value: 0.999"))
    ingot(work, "train", "--frame", "frame.parquet", "--model-out", "m.json")
    done = ingot(work, "evaluate", "--frame", "frame.parquet", "--models", "m.json", "--params", "hard.yaml", "--out", "hard.json", ok=False)
    assert "auc >= 0.999" in done.stderr
    assert json.loads((work / "hard.json").read_text())["pass"] is False


def test_bad_input_is_one_clear_line(work):
    frame = pd.read_parquet(work / "frame.parquet")
    whole = (work / "frame.parquet").read_bytes()
    (work / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    frame.assign(label=frame["label"].where(frame["row"] != 77).astype("f4")).to_parquet(work / "nan.parquet")
    frame.drop(columns="label").to_parquet(work / "nolabel.parquet")
    ingot(work, "train", "--frame", "frame.parquet", "--model-out", "m.json")
    model = (work / "m.json").read_text()
    (work / "spoilt.json").write_text(model.replace('"left_children":[1', '"left_children":[0', 1))
    (work / "bad.yaml").write_text(PARAMS.replace("max_depth", "max_dept"))
    for args, text in [
        (("train", "--frame", "cut.parquet", "--model-out", "x"), "cut.parquet"),
        (("train", "--frame", "nan.parquet", "--model-out", "x"), "row 77"),
        (("train", "--frame", "nolabel.parquet", "--model-out", "x"), "label"),
        (("train", "--frame", "nowhere.parquet", "--model-out", "x"), "nowhere.parquet"),
        (("train", "--frame", "frame.parquet", "--model-out", "x", "--params", "bad.yaml"), "max_dept"),
        (("train", "--frame", "frame.parquet", "--model-out", "x", "--learner", "magic"), "magic"),
        (("train", "--frame", "frame.parquet"), "--model-out"),
        (("predict", "--frame", "frame.parquet", "--model", "spoilt.json", "--out", "y"), "tree 0: node 0"),
        (("predict", "--frame", "frame.parquet", "--model", "params.yaml", "--out", "y"), "no engine"),
    ]:
        assert text in ingot(work, *args, ok=False).stderr
        assert not (work / "x").exists() and not (work / "y").exists()


def test_a_run_is_tracked_and_its_model_served(work, server):
    ingot(work, "train", "--frame", "frame.parquet", "--package-out", "tracked", "--tracking-uri", server.url, "--experiment", "models")
    run_id = json.loads((work / "tracked" / "metrics.json").read_text())["run_id"]
    client = mlflow.MlflowClient(server.url)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED" and run.data.params["xgboost.max_depth"] == "4" and run.data.tags["ingot.data.sha256"]
    history = client.get_metric_history(run_id, "valid_log_loss")
    assert [m.step for m in history] == list(range(len(history))) and len(history) > 5
    assert {f.path for f in client.list_artifacts(run_id, "model")} == {
        "model/MLmodel", "model/model.json", "model/reference.bin", "model/signature.json"}
    ingot(work, "model", "register", "models-test", "--package", "tracked", "--server", server.url)
    (work / "endpoint.yaml").write_text("threshold: 0.5\n")
    ingot(work, "deploy", "create", "models-test", "--model", "models-test", "--version", "1", "--config", "endpoint.yaml", "--server", server.url)
    frame = pd.read_parquet(work / "frame.parquet").head(50)
    booster = mlflow.xgboost.load_model(str(work / "tracked" / "model"))
    body = json.dumps({"id": "r", "inputs": [{"name": "x", "shape": [50, 5], "datatype": "FP32", "data": frame[NAMES].to_numpy().ravel().tolist()}]})
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/v2/models/models-test/infer", body.encode(), {"Content-Type": "application/json"})) as r:
        answer = json.load(r)
    assert answer["model_version"] == "1" and answer["id"] == "r" and answer["outputs"][0]["shape"] == [50]
    assert np.array_equal(np.float32(answer["outputs"][0]["data"]), booster.predict(xgboost.DMatrix(frame[NAMES])))
    with pytest.raises(urllib.error.HTTPError) as bad:
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/v2/models/models-test/infer", body.replace("[50, 5]", "[50, 4]").encode(),
                                                      {"Content-Type": "application/json"}))
    assert bad.value.code == 400 and "shape" in json.load(bad.value)["error"]
