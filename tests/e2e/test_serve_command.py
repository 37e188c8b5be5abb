"""`ingot serve`: models from disk, no database. Answers are compared with the library that made the models."""
import json
import signal
import subprocess

import numpy as np
import pytest
import requests
import xgboost

from ingot_server import program


class Serve:
    def __init__(self, *args):
        self.process = subprocess.Popen([program(), "serve", *map(str, args), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert "listening on " in line, self.process.communicate(timeout=10)
        self.line = line
        self.url = line.split()[2].rstrip(",")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A file, a model of Triton's layout, one of MLServer's, and one that is broken."""
    folder = tmp_path_factory.mktemp("serve")
    rng = np.random.default_rng(5)
    x = rng.random((300, 6), dtype=np.float32)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, (x[:, 0] + x[:, 1] > 1).astype(int)), 20)
    (folder / "triton/1").mkdir(parents=True)
    (folder / "triton/2").mkdir()
    (folder / "mlserver").mkdir()
    booster.save_model(folder / "churn.json")
    booster.save_model(folder / "triton/1/model.json")
    booster.save_model(folder / "triton/2/model.ubj")
    booster.save_model(folder / "mlserver/b.json")
    (folder / "mlserver/model-settings.json").write_text(json.dumps({"name": "ml", "parameters": {"uri": "./b.json", "version": "3"}}))
    (folder / "broken.json").write_text("{}")
    return folder, x[:7], booster.predict(xgboost.DMatrix(x[:7]))


def ask(url, name, x):
    body = {"inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}]}
    return requests.post(f"{url}/v2/models/{name}/infer", json=body, timeout=10)


def test_every_layout_answers_as_the_library(world):
    folder, x, want = world
    with Serve(folder) as s:
        assert "3 of 4 models ready" in s.line
        for name, version in [("churn", "1"), ("triton", "2"), ("ml", "3")]:
            r = ask(s.url, name, x)
            assert r.status_code == 200, r.text
            assert r.json()["model_version"] == version
            assert np.array(r.json()["outputs"][0]["data"], dtype=np.float32).tolist() == want.tolist()
        index = {(m["name"], m["state"]) for m in requests.post(f"{s.url}/v2/repository/index", json={}, timeout=10).json()}
        assert ("broken", "UNAVAILABLE") in index and ("churn", "READY") in index
        assert ask(s.url, "broken", x).status_code == 503
        assert ask(s.url, "absent", x).status_code == 404
        assert requests.get(f"{s.url}/v2/health/ready", timeout=10).status_code == 503  # as Triton's strict readiness
        assert requests.get(f"{s.url}/api/2.0/mlflow/experiments/search", timeout=10).status_code == 404
        assert "ingot_connections " in requests.get(f"{s.url}/metrics", timeout=10).text


def test_models_are_loaded_and_unloaded_on_demand(world):
    folder, x, _ = world
    with Serve(folder / "churn.json", "--explicit") as s:
        assert ask(s.url, "churn", x).status_code == 404
        assert requests.post(f"{s.url}/v2/repository/models/churn/load", json={}, timeout=10).status_code == 200
        assert ask(s.url, "churn", x).status_code == 200
        assert requests.post(f"{s.url}/v2/repository/models/churn/unload", json={}, timeout=10).status_code == 200
        assert ask(s.url, "churn", x).status_code == 404


def test_token(world, tmp_path):
    folder, x, _ = world
    (tmp_path / "token").write_text("secret-of-the-test\n")
    with Serve(folder / "churn.json", "--token-file", tmp_path / "token") as s:
        assert ask(s.url, "churn", x).status_code == 401
        for token, status in [("secret-of-the-test", 200), ("secret-of-the-tesT", 401), ("secret", 401)]:
            r = requests.get(f"{s.url}/v2/models/churn", headers={"Authorization": f"Bearer {token}"}, timeout=10)
            assert r.status_code == status


@pytest.mark.parametrize("args, text", [
    ([], "PATH"),
    (["/nonexistent.json"], "No such file"),
    (["{churn}", "--listen", "0.0.0.0:0"], "not a loopback address"),
    (["{churn}", "--tls-cert", "x"], "belong together"),
    (["{churn}", "--grpc-stream", "other"], "--grpc-stream"),
    (["{churn}", "--engines-isolate", "other"], "auto, always or never"),
    (["{churn}", "--model-control-mode", "other"], "--model-control-mode"),
    (["{churn}", "--load-model", "churn"], "belongs to --model-control-mode explicit"),
    (["{churn}", "--explicit", "--load-model", "other"], 'no model "other"'),
    (["{churn}", "--explicit", "--model-control-mode", "poll"], "exclude each other"),
    (["{churn}", "--model-control-mode", "poll", "--repository-poll-s", "0"], "out of range"),
    (["{churn}", "--models-memory-mb", "-1"], "out of range"),
    (["{churn}", "--engine-threads", "65"], "out of range"),
    (["{churn}", "--strict-readiness", "maybe"], "--strict-readiness"),
])
def test_wrong_commands(world, args, text):
    args = [a.format(churn=world[0] / "churn.json") for a in args]
    r = subprocess.run([program(), "serve", *args], capture_output=True, text=True, timeout=20)
    assert r.returncode in (1, 2) and text in r.stderr
