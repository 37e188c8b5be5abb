"""What the gRPC tests ask: a server with one XGBoost model of 28 features ("trees", two versions) and one with three classes ("classes")."""
import os
import tempfile

import numpy as np
import requests
import xgboost

from ingot_server import IngotServer

FEATURES = 28


def booster(seed, rounds=50, classes=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(600, FEATURES)).astype(np.float32)
    score = x[:, 0] - x[:, 1] * x[:, 2] + seed * x[:, 3]
    if classes:
        return xgboost.train({"objective": "multi:softprob", "num_class": classes, "max_depth": 4}, xgboost.DMatrix(x, np.digitize(score, [-1, 1])), rounds)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 6}, xgboost.DMatrix(x, score > 0), rounds)


def register(url, name, model, headers=None):
    """The model's file as a new version; its number."""
    s = requests.Session()
    s.headers.update(headers or {})

    def post(path, body):
        answer = s.post(url + "/api/2.0/mlflow/" + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    run = post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    answer = s.put(f"{url}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/model.json", data=bytes(model.save_raw("json")), timeout=30)
    assert answer.status_code == 200, answer.text
    s.post(url + "/api/2.0/mlflow/registered-models/create", json={"name": name}, timeout=30)
    return int(post("model-versions/create", {"name": name, "source": f"runs:/{run}/model", "run_id": run})["model_version"]["version"])


def serve(url, name, version, config=None, headers=None):
    answer = requests.put(f"{url}/api/ingot/v1/endpoints/{name}", json={"version": version, "config": {"model": name, **(config or {})}}, headers=headers, timeout=30)
    assert answer.status_code in (200, 201), answer.text


class World:
    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory(prefix="ingot-e2e-")
        self.server = IngotServer(os.path.join(self.folder.name, "data"), *args)
        self.url = self.server.url
        self.target = self.url.split("//")[1]
        self.trees = [booster(1), booster(2)]
        self.classes = booster(3, classes=3)
        versions = [register(self.url, "trees", m) for m in self.trees]
        assert versions == [1, 2]
        serve(self.url, "trees", 1)
        serve(self.url, "trees", 2)  # version 1 stays loaded as the way back
        serve(self.url, "classes", register(self.url, "classes", self.classes))

    def rows(self, n, seed=0):
        return np.random.default_rng(seed).normal(size=(n, FEATURES)).astype(np.float32)

    def want(self, x, version=2):
        return self.trees[version - 1].predict(xgboost.DMatrix(x))

    def close(self):
        code = self.server.stop()
        self.folder.cleanup()
        assert code == 0, "the server did not end cleanly on SIGTERM"
