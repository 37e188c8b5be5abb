"""TensorFlow Serving's REST API and KServe's V1 in the forms that their documents show, against both ways to serve."""
import base64

import numpy as np
import pytest
import requests

from serving_world import World


@pytest.fixture(scope="module", params=["serve", "server"])
def world(request):
    w = World(request.param)
    yield w
    w.close()


def post(world, path, body, status=200):
    r = requests.post(f"{world.url}/v1/models/{path}", json=body, timeout=10)
    assert r.status_code == status, r.text
    return r.json()


def test_rows_and_columns(world):
    x, want = world.rows(4), world.want(world.rows(4)).tolist()
    assert post(world, "trees:predict", {"instances": x.tolist()})["predictions"] == pytest.approx(want, abs=1e-7)
    assert post(world, "trees:predict", {"signature_name": "serving_default", "inputs": x.tolist()})["outputs"] == pytest.approx(want, abs=1e-7)
    assert post(world, "trees:predict", {"inputs": {"features": x.tolist()}})["outputs"] == pytest.approx(want, abs=1e-7)
    assert post(world, "trees:predict", {"instances": [{"features": r} for r in x.tolist()]})["predictions"] == pytest.approx(want, abs=1e-7)


def test_versions(world):
    x = world.rows(3)
    for version in (1, 2):
        got = post(world, f"trees/versions/{version}:predict", {"instances": x.tolist()})["predictions"]
        assert got == pytest.approx(world.want(x, version).tolist(), abs=1e-7)
    assert "error" in post(world, "trees/versions/9:predict", {"instances": x.tolist()}, 404)
    status = requests.get(f"{world.url}/v1/models/trees", timeout=10).json()["model_version_status"]
    assert sorted(s["version"] for s in status) == ["1", "2"] and {s["state"] for s in status} == {"AVAILABLE"}
    assert {s["status"]["error_code"] for s in status} == {"OK"}
    only = requests.get(f"{world.url}/v1/models/trees/versions/1", timeout=10).json()["model_version_status"]
    assert [s["version"] for s in only] == ["1"]


def test_metadata(world):
    meta = requests.get(f"{world.url}/v1/models/blend/metadata", timeout=10).json()
    assert meta["model_spec"]["name"] == "blend" and meta["model_spec"]["version"] == "1"
    signature = meta["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT" and [d["size"] for d in signature["inputs"]["x"]["tensor_shape"]["dim"]] == ["-1", "3"]


def test_several_tensors_are_objects_and_bytes_are_base64(world):
    columns = {f"in_{t}": [[1, 0]] for t in ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64")}
    columns["in_BOOL"] = [[True, False]]
    columns["in_BYTES"] = [["text", {"b64": base64.b64encode(b"more").decode()}]]
    r = requests.post(f"{world.url}/v1/models/types:predict", json={"inputs": columns}, timeout=10)
    assert r.status_code == 400 and "FP16" in r.text  # no form in JSON: this model cannot be asked so
    got = post(world, "blend:predict", {"instances": [{"x": [1, 2, 3]}, {"x": [0, 0, 0]}]})
    assert got["predictions"] == [[3, 5, 7], [1, 1, 1]]
    assert post(world, "blend:predict", {"inputs": {"x": [[1, 2, 3]]}})["outputs"] == [[3, 5, 7]]


def test_classes_and_regressions(world):
    x = world.rows(2)
    examples = [{f"f{i}": [float(v)] for i, v in enumerate(r)} for r in x]
    r = requests.post(f"{world.url}/v1/models/trees:regress", json={"examples": examples}, timeout=10)
    assert r.status_code in (200, 400), r.text  # the file has no names of features: columns in order, or refused
    if r.status_code == 200:
        assert r.json()["result"] == pytest.approx(world.want(x).tolist(), abs=1e-7)


@pytest.mark.parametrize("path, body, status", [
    ("trees:predict", {}, 400), ("trees:predict", {"instances": []}, 400), ("trees:predict", {"instances": 1}, 400), ("trees:predict", {"instances": [[1, 2]]}, 400),
    ("trees:predict", {"instances": [[1] * 28], "inputs": [[1] * 28]}, 400), ("trees:predict", {"instances": [[1] * 28, [1] * 27]}, 400),
    ("trees:predict", {"instances": [["x"] * 28]}, 400), ("trees:predict", {"signature_name": "other", "instances": [[1] * 28]}, 400), ("trees:predict", [1], 400),
    ("trees:explain", {"instances": [[1] * 28]}, 501), ("trees:nothing", {}, 404), ("absent:predict", {"instances": [[1]]}, 404), ("trees", {}, 404),
    ("blend:predict", {"instances": [{"z": [1, 2, 3]}]}, 400), ("blend:predict", {"instances": [{"x": [1, 2, 3]}, {"q": [1, 2, 3]}]}, 400)])
def test_refusals(world, path, body, status):
    r = requests.post(f"{world.url}/v1/models/{path}", json=body, timeout=10)
    assert r.status_code == status or (status == 404 and r.status_code in (400, 405)), r.text
    assert r.json()["error"], r.text


def test_nan_and_infinity_are_taken(world):
    body = '{"instances": [[' + ", ".join(["NaN", "Infinity", "-Infinity"] + ["0"] * 25) + "]]}"
    r = requests.post(f"{world.url}/v1/models/trees:predict", data=body, headers={"Content-Type": "application/json"}, timeout=10)
    x = np.zeros((1, 28), np.float32)
    x[0, :3] = [np.nan, np.inf, -np.inf]
    assert r.status_code == 200, r.text
