"""The longest texts that are allowed come back as they were, and are told apart at their last character: on both databases, as a row of
PostgreSQL's indexes holds 2704 bytes only. The texts are random, since PostgreSQL packs what repeats; the seed is printed."""
import json
import random
import subprocess

import pytest
import requests
from ingot_server import IngotServer, program

WIDE = [chr(c) for c in range(0x20000, 0x2A6DF)]  # letters of four bytes each
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@pytest.fixture(scope="module")
def rng():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


def text(rng, n, alphabet=WIDE):
    return "".join(rng.choices(alphabet, k=n))


def folders(rng, n):
    """A path of about n bytes."""
    return "/".join(text(rng, 199, PLAIN) for _ in range(n // 200))


def api(server, method, path, body=None, **kwargs):
    answer = requests.request(method, server.url + path, json=body, timeout=60, **kwargs)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json() if answer.content else None


def mlflow(server, method, path, body=None, **kwargs):
    return api(server, method, "/api/2.0/mlflow/" + path, body, **kwargs)


def new_run(server, experiment="0"):
    return mlflow(server, "POST", "runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]


def data_of(server, run_id):
    return mlflow(server, "GET", "runs/get", params={"run_id": run_id})["run"]["data"]


def test_params_tags_and_descriptions(either, rng):
    run_id, key = new_run(either), text(rng, 250)
    param, tag, name = text(rng, 6000), text(rng, 8000), text(rng, 500)
    mlflow(either, "POST", "runs/log-parameter", {"run_id": run_id, "key": key, "value": param})
    mlflow(either, "POST", "runs/set-tag", {"run_id": run_id, "key": key, "value": tag})
    data = data_of(either, run_id)
    assert data["params"] == [{"key": key, "value": param}]
    assert {"key": key, "value": tag} in data["tags"]
    found = mlflow(either, "POST", "runs/search", {"experiment_ids": ["0"], "filter": f"params.`{key}` = '{param}' AND tags.`{key}` = '{tag}'"})
    assert [r["info"]["run_id"] for r in found["runs"]] == [run_id]
    other = param[:-1] + ("a" if param[-1] != "a" else "b")
    assert not mlflow(either, "POST", "runs/search", {"experiment_ids": ["0"], "filter": f"params.`{key}` = '{other}'"}).get("runs")
    # The name of an experiment is unique, to its last character.
    ids = {mlflow(either, "POST", "experiments/create", {"name": n})["experiment_id"] for n in (name, name[:-1] + "a", name[:-1] + "b")}
    assert len(ids) == 3
    assert mlflow(either, "GET", "experiments/get-by-name", params={"experiment_name": name})["experiment"]["name"] == name
    again = requests.post(either.url + "/api/2.0/mlflow/experiments/create", json={"name": name}, timeout=60)
    assert again.json()["error_code"] == "RESOURCE_ALREADY_EXISTS"


def test_registered_models(either, rng):
    name, description, alias, run_id = text(rng, 256, PLAIN), text(rng, 90000), "a" + text(rng, 200), text(rng, 20000)
    mlflow(either, "POST", "registered-models/create", {"name": name, "description": description})
    model = mlflow(either, "GET", "registered-models/get", params={"name": name})["registered_model"]
    assert model["description"] == description
    for last in "ab":
        mlflow(either, "POST", "model-versions/create", {"name": name, "source": "s3://x/y", "run_id": run_id + last, "description": description})
    got = mlflow(either, "GET", "model-versions/get", params={"name": name, "version": "2"})["model_version"]
    assert (got["run_id"], got["description"]) == (run_id + "b", description)
    mlflow(either, "POST", "registered-models/alias", {"name": name, "alias": alias, "version": "2"})
    assert mlflow(either, "GET", "registered-models/alias", params={"name": name, "alias": alias})["model_version"]["version"] == "2"
    mlflow(either, "DELETE", "model-versions/delete", {"name": name, "version": "1"})


def test_metrics_of_logged_models(either, rng):
    run_id, key, dataset, digest = new_run(either), text(rng, 250), text(rng, 500), text(rng, 36)
    model_id = mlflow(either, "POST", "logged-models", {"experiment_id": "0", "name": "net"})["model"]["info"]["model_id"]
    for value, step, name in ((1.0, 1, dataset), (3.0, 3, dataset), (2.0, 2, dataset), (7.0, 1, dataset[:-1] + "\\")):
        mlflow(either, "POST", "runs/log-metric", {"run_id": run_id, "key": key, "value": value, "timestamp": 5, "step": step, "model_id": model_id,
                                                   "dataset_name": name, "dataset_digest": digest})
    metrics = mlflow(either, "GET", f"logged-models/{model_id}")["model"]["data"]["metrics"]
    assert sorted((m["value"], m["dataset_name"], m["dataset_digest"]) for m in metrics) == [(3.0, dataset, digest), (7.0, dataset[:-1] + "\\", digest)]


def put(server, path, data):
    answer = requests.put(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{path}", data=data, timeout=60)
    assert answer.status_code == 200, answer.text[:500]


def get(server, path):
    answer = requests.get(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{path}", timeout=60)
    return answer.content if answer.status_code == 200 else answer.status_code


def listing(server, run_id, path):
    return [f["path"].rsplit("/", 1)[-1] for f in mlflow(server, "GET", "artifacts/list", params={"run_id": run_id, "path": path}).get("files", [])]


def test_paths_of_artifacts(either, rng):
    run_id = new_run(either)
    below = folders(rng, 3400)
    root, deep = f"0/{run_id}/artifacts", f"0/{run_id}/artifacts/{below}"
    names = [f"{i:02}{text(rng, 300, PLAIN)}" for i in range(40)]
    for i, name in enumerate(rng.sample(names, len(names))):
        put(either, f"{deep}/{name}", f"{i} of {name}".encode())
    put(either, f"{root}/short", b"short")
    put(either, f"{root}/{below[:3000]}x", b"beside")
    assert listing(either, run_id, below) == names
    assert sorted(listing(either, run_id, "")) == sorted([below.split("/")[0], "short"])
    for name in names:
        assert get(either, f"{deep}/{name}").endswith(name.encode())
    put(either, f"{deep}/{names[7]}", b"anew")
    assert get(either, f"{deep}/{names[7]}") == b"anew"
    assert get(either, f"{deep}/{names[7][:-1]}") == 404
    # What is a folder is no file, whatever its length.
    clash = requests.put(f"{either.url}/api/2.0/mlflow-artifacts/artifacts/{deep}", data=b"x", timeout=60)
    assert clash.status_code == 409 or clash.status_code == 400, clash.text[:300]
    # One goes, and the log says which.
    gone = f"{deep}/{names[7]}"
    api(either, "DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{gone}")
    assert get(either, gone) == 404
    assert listing(either, run_id, below) == names[:7] + names[8:]
    rows = api(either, "GET", "/api/ingot/v1/audit", params={"kind": "artifact", "object": gone})["rows"]
    assert [(r["verb"], r["object"]) for r in rows] == [("artifact.delete", gone)]
    assert not api(either, "GET", "/api/ingot/v1/audit", params={"kind": "artifact", "object": gone[:-1]})["rows"]
    api(either, "DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{deep}")
    assert listing(either, run_id, below) == []
    assert get(either, f"{root}/short") == b"short"


def bring(data, uri, *more):
    done = subprocess.run([program(), "import", "mlflow", uri, "--data", str(data), "--json", *more], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)["counts"]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_moved_in_moved_out_and_purged(database, rng, tmp_path, request):
    """What an import notes of each file has the file's name as its key."""
    args = ["--db", request.getfixturevalue("postgres").database("long_texts")] if database == "postgres" else []
    with IngotServer(tmp_path / "there") as there:
        run_id, below = new_run(there), folders(rng, 3400)
        for name in "ab":
            put(there, f"0/{run_id}/artifacts/{below}/{name}", name.encode())
        assert bring(tmp_path / "here", there.url, *args)["files"]["added"] == 2
        assert bring(tmp_path / "here", there.url, *args)["files"]["failed"] == 0
    done = subprocess.run([program(), "export", str(tmp_path / "out"), "--data", str(tmp_path / "here"), "--json", *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["artifacts"] == 2, done.stderr + done.stdout
    with IngotServer(tmp_path / "here", *args) as here:
        for name in "ab":
            assert get(here, f"0/{run_id}/artifacts/{below}/{name}") == name.encode()
        mlflow(here, "POST", "runs/delete", {"run_id": run_id})
        done = subprocess.run([program(), "gc", "--server", here.url, "--json", "--older-than-days", "0"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        for name in "ab":
            assert get(here, f"0/{run_id}/artifacts/{below}/{name}") == 404
