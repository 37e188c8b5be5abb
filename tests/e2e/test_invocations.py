"""MLflow's scoring protocol: the same models behind a real `mlflow models serve` and behind us, asked the same in every form; answers and
refusals are compared. MLflow's own client (ScoringServerClient) asks us as it asks its server."""
import os
import signal
import socket
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from sklearn.linear_model import LogisticRegression
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from serving_world import Serve

NAMES = ["a", "b", "c", "d"]
N = 6


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Scoring:
    """`mlflow models serve` of one model, ended by its process group."""

    def __init__(self, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(f"{folder}.log", "wb")
        self.process = subprocess.Popen([sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local", "-p", str(port), "-h", "127.0.0.1"],
                                        stdout=self.log, stderr=self.log, start_new_session=True,
                                        env={**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]})
        end = time.time() + 240
        while time.time() < end:
            assert self.process.poll() is None, open(f"{folder}.log").read()[-3000:]
            try:
                if requests.get(f"{self.url}/ping", timeout=2).status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.3)
        raise AssertionError("mlflow models serve did not start")

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    x = pd.DataFrame(rng.normal(size=(400, 4)).astype(np.float32), columns=NAMES)
    return x, (x["a"] - x["b"] > 0).astype(int)


@pytest.fixture(scope="module", params=["xgboost", "sklearn"])
def pair(request, tmp_path_factory, data):
    """(MLflow's server, ours), with one model each."""
    folder = tmp_path_factory.mktemp("scoring")
    x, y = data
    if request.param == "xgboost":
        model = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, y), 20)
        mlflow.xgboost.save_model(model, folder / "model")
        model.save_model(folder / "m.json")
        ours = folder / "m.json"
    else:
        model = LogisticRegression().fit(x.to_numpy(), y)
        mlflow.sklearn.save_model(model, folder / "model", pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle")
        onnx = to_onnx(model, initial_types=[("x", FloatTensorType([None, 4]))], options={"zipmap": False})
        (folder / "m").mkdir()
        (folder / "m/1").mkdir()
        (folder / "m/1/model.onnx").write_bytes(onnx.SerializeToString())
        (folder / "m/config.pbtxt").write_text('output { name: "probabilities" data_type: TYPE_FP32 dims: [ 2 ] }')  # only these, as predict_proba
        ours = folder / "m"
    theirs = Scoring(folder / "model")
    try:
        with Serve(ours) as s:
            yield theirs.url, s.url, request.param
    finally:
        theirs.stop()


def post(url, **more):
    return requests.post(f"{url}/invocations", timeout=30, **more)


def same(pair, **request):
    theirs, ours = post(pair[0], **request), post(pair[1], **request)
    assert theirs.status_code == 200, theirs.text
    assert ours.status_code == 200, ours.text
    want, got = theirs.json()["predictions"], ours.json()["predictions"]
    if want and isinstance(want[0], dict):
        want = [list(r.values()) for r in want]
    np.testing.assert_allclose(np.array(got, dtype=float), np.array(want, dtype=float), rtol=2e-6, atol=1e-7)


def test_every_form_of_json(pair, data):
    x = data[0].head(N)
    same(pair, json={"dataframe_split": x.to_dict(orient="split")})
    same(pair, json={"dataframe_split": {k: v for k, v in x.to_dict(orient="split").items() if k != "index"}})
    same(pair, json={"dataframe_records": x.to_dict(orient="records")})
    same(pair, json={"inputs": x.to_numpy().tolist()} if pair[2] == "sklearn" else {"dataframe_split": x.to_dict(orient="split")})
    same(pair, json={"instances": x.to_numpy().tolist()} if pair[2] == "sklearn" else {"dataframe_records": x.to_dict(orient="records")})
    same(pair, data=pd.io.json.ujson_dumps({"dataframe_split": x.to_dict(orient="split")}), headers={"Content-Type": "application/json; charset=utf-8"})


def test_csv(pair, data):
    x = data[0].head(N)
    same(pair, data=x.to_csv(index=False), headers={"Content-Type": "text/csv"})
    same(pair, data=x.to_csv(index=False, lineterminator="\r\n"), headers={"Content-Type": "text/csv; charset=utf-8"})


def test_missing_values(pair, data):
    if pair[2] != "xgboost":
        return  # a line of scikit-learn's takes none
    x = data[0].head(N).copy()
    x.iloc[1, 2] = np.nan
    same(pair, json={"dataframe_records": x.astype(object).where(x.notna(), None).to_dict(orient="records")})
    same(pair, data=x.to_csv(index=False), headers={"Content-Type": "text/csv"})


def test_mlflows_own_client(pair, data):
    x = data[0].head(N)
    got = [ScoringServerClient("127.0.0.1", int(url.rsplit(":", 1)[1])).invoke(x).get_predictions().to_numpy() for url in pair[:2]]
    np.testing.assert_allclose(got[1].astype(float), got[0].astype(float), rtol=2e-6)
    for url in pair[:2]:
        client = ScoringServerClient("127.0.0.1", int(url.rsplit(":", 1)[1]))
        client.ping()
        with pytest.raises(Exception):
            client.invoke(x[["a", "b"]].rename(columns={"a": "q"}))


WRONG = {
    "no json": dict(data="{", headers={"Content-Type": "application/json"}), "not an object": dict(json=[[1, 2, 3, 4]]), "no form": dict(json={"rows": [[1, 2, 3, 4]]}),
    "two forms": dict(json={"instances": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}), "empty": dict(json={}), "split of a text": dict(json={"dataframe_split": "x"}),
    "records of a text": dict(json={"dataframe_records": "x"}), "another type": dict(data="x", headers={"Content-Type": "text/plain"}),
    "another charset": dict(data="{}", headers={"Content-Type": "application/json; charset=latin-1"}),
    "unknown parameter": dict(data="{}", headers={"Content-Type": "application/json; format=pandas"}),
}
# Where we differ on purpose. MLflow's server fails on a body without a type (500), fills ragged rows up, and reads Parquet.
OURS = {"no type": (dict(data=b"{}"), 415), "ragged split": (dict(json={"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3, 4], [1, 2]]}}), 400),
        "parquet": (dict(data=b"PAR1", headers={"Content-Type": "application/vnd.apache.parquet"}), 415),
        "twice the same key": (dict(data='{"inputs": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}', headers={"Content-Type": "application/json"}), 400),
        "too large a number": (dict(data='{"inputs": [[1, 2, 3, 1e999]]}', headers={"Content-Type": "application/json"}), 400)}


@pytest.mark.parametrize("name", WRONG)
def test_refusals_have_the_codes_of_mlflow(pair, name):
    theirs, ours = post(pair[0], **WRONG[name]), post(pair[1], **WRONG[name])
    assert theirs.status_code >= 400, (name, theirs.text)
    # Its server says 500 where a model fails on what it was given; here that is a wrong request.
    assert ours.status_code == (400 if theirs.status_code == 500 else theirs.status_code), (name, theirs.status_code, theirs.text[:300], ours.status_code, ours.text)
    if "json" in theirs.headers.get("Content-Type", "") and theirs.status_code == 400:
        assert ours.json()["error_code"] == theirs.json()["error_code"], (theirs.text[:300], ours.text)


@pytest.mark.parametrize("name", OURS)
def test_what_is_refused_here(pair, name):
    request, status = OURS[name]
    assert post(pair[1], **request).status_code == status


def test_health(pair):
    for url in pair[:2]:
        for path in ("/ping", "/health"):
            assert requests.get(url + path, timeout=10).status_code == 200, (url, path)
        assert requests.get(f"{url}/version", timeout=10).status_code == 200, url
        assert requests.get(f"{url}/invocations", timeout=10).status_code == 405, url
