"""A model repository laid out and configured as Triton's: what config.pbtxt says is heeded, what cannot be is refused by name."""
import base64
import json
import shutil
import time

import numpy as np
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
import xgboost
from tritonclient.utils import InferenceServerException

from grpc_world import FEATURES, booster
from serving_world import Serve, blend_model

X = np.random.default_rng(0).normal(size=(6, FEATURES)).astype(np.float32)


def tensor(x, name, datatype="FP32"):
    t = triton.InferInput(name, list(x.shape), datatype)
    t.set_data_from_numpy(x)
    return t


def put(folder, model, config, versions):
    """`versions`: {number: (file name, model or function of a path)}."""
    for number, (name, content) in versions.items():
        path = folder / model / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content(path) if callable(content) else content.save_model(path)
    if config is not None:
        (folder / model / "config.pbtxt").write_text(config)


@pytest.fixture(scope="module")
def boosters():
    return [booster(1), booster(2), booster(3, classes=3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, boosters):
    f = tmp_path_factory.mktemp("repository")
    fil = lambda more: f"""
        backend: "fil"
        max_batch_size: 8
        input [ {{ name: "input__0" data_type: TYPE_FP32 dims: [ {FEATURES} ] }} ]
        {more}
        instance_group [ {{ kind: KIND_AUTO count: 2 }} ]"""
    put(f, "scores", fil('output [ { name: "output__0" data_type: TYPE_FP32 dims: [ 1 ] } ] dynamic_batching { }'), {1: ("xgboost.json", boosters[0])})
    put(f, "proba", fil('''output { name: "output__0" data_type: TYPE_FP32 dims: [ 2 ] }
        parameters [ { key: "predict_proba" value: { string_value: "true" } }, { key: "model_type" value { string_value: "xgboost_ubj" } } ]'''),
        {1: ("xgboost.ubj", boosters[0])})
    put(f, "decision", fil('''output { name: "output__0" data_type: TYPE_FP32 dims: [ 1 ] }
        parameters { key: "output_class" value { string_value: "true" } } parameters { key: "threshold" value { string_value: "0.25" } }'''),
        {1: ("xgboost.json", boosters[0])})
    put(f, "kinds", fil('''output { name: "output__0" data_type: TYPE_FP32 dims: [ 1 ] }
        parameters { key: "output_class" value { string_value: "true" } }'''), {1: ("xgboost.json", boosters[2])})
    put(f, "labels", f'''
        max_batch_size: 16
        input [{{ name: "x" data_type: TYPE_FP64 dims: {FEATURES} }}]
        output [{{ name: "p" data_type: TYPE_FP32 dims: 3 label_filename: "names.txt" }}]''', {1: ("model.json", boosters[2])})
    (f / "labels/names.txt").write_text("low\nmiddle\nhigh\n")
    put(f, "blend", '''
        # shapes as clients shall see them
        name: "blend" platform: "onnxruntime_onnx" max_batch_size: 4
        input { name: "x" data_type: TYPE_FP32 dims: [ 3, 1 ] reshape { shape: [ 3 ] } }
        output { name: "y" data_type: TYPE_FP32 dims: [ 1, 3 ] reshape: { shape: [ 3 ] } }
        optimization { graph { level: 1 } }
        response_cache { enable: true }
        model_warmup [ { name: "w" batch_size: 2 count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 3, 1 ] zero_data: true } } } ]
        dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 100
          priority_levels: 2 default_priority_level: 2
          default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 900000 }
          priority_queue_policy { key: 1 value { timeout_action: REJECT allow_timeout_override: true } } }''', {1: ("model.onnx", blend_model)})
    put(f, "whole", '''max_batch_size: 0 input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] } output { name: "y" data_type: TYPE_FP32 dims: [ -1, 3 ] }''',
        {1: ("model.onnx", blend_model)})
    three = {n: ("model.onnx", lambda p, n=n: blend_model(p, n)) for n in (1, 2, 7)}
    put(f, "latest", None, three)
    put(f, "two", "version_policy { latest { num_versions: 2 } }", three)
    put(f, "all", "version_policy: { all { } }", three)
    put(f, "one", "version_policy { specific { versions: [ 1 ] } }", three)
    put(f, "named", 'default_model_filename: "b.onnx"', {1: ("a.onnx", blend_model)})
    blend_model(f / "named/1/b.onnx", 5)
    # What cannot be served says why.
    for name, config in (("sequence", "sequence_batching { }"), ("unknown", "max_batch_siez: 8"), ("backend", 'backend: "python"'), ("format", 'backend: "fil"'),
                         ("width", 'max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }'),
                         ("names", 'max_batch_size: 4 input { name: "z" data_type: TYPE_FP32 dims: [ 3 ] }'),
                         ("kind", 'max_batch_size: 4 input { name: "x" data_type: TYPE_INT64 dims: [ 3 ] }'),
                         ("other", 'name: "else"'), ("gone", 'version_policy { specific { versions: 9 } }')):
        put(f, f"bad_{name}", config, {1: ("model.onnx", blend_model)})
    return f


@pytest.fixture(scope="module")
def server(folder):
    with Serve(folder, "--strict-readiness", "false") as s:
        yield s


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(server.url.split("//")[1]) as c:
        yield c


def test_fil(client, boosters):
    p = boosters[0].predict(xgboost.DMatrix(X))
    got = client.infer("scores", [tensor(X, "input__0")]).as_numpy("output__0")
    assert got.shape == (6, 1) and got.ravel().tolist() == p.tolist()
    got = client.infer("proba", [tensor(X, "input__0")]).as_numpy("output__0")
    np.testing.assert_array_equal(got, np.stack([np.float32(1) - p, p], 1))
    got = client.infer("decision", [tensor(X, "input__0")]).as_numpy("output__0")
    assert got.shape == (6, 1) and got.ravel().tolist() == (p > 0.25).astype(np.float32).tolist()
    got = client.infer("kinds", [tensor(X, "input__0")]).as_numpy("output__0")
    assert got.ravel().tolist() == boosters[2].predict(xgboost.DMatrix(X)).argmax(1).tolist()
    meta = client.get_model_metadata("proba")
    assert meta["inputs"] == [{"name": "input__0", "datatype": "FP32", "shape": [-1, FEATURES]}] and meta["outputs"][0]["shape"] == [-1, 2]
    with pytest.raises(InferenceServerException, match="8 at most"):
        client.infer("scores", [tensor(np.zeros((9, FEATURES), np.float32), "input__0")])


def test_labels_and_types_of_row_models(client, boosters):
    p = boosters[2].predict(xgboost.DMatrix(X))
    got = client.infer("labels", [tensor(X.astype(np.float64), "x", "FP64")], outputs=[triton.InferRequestedOutput("p", class_count=1)]).as_numpy("p")
    names = ["low", "middle", "high"]
    assert [v[0].decode().split(":")[1:] for v in got] == [[str(i), names[i]] for i in p.argmax(1)]


def test_shapes_are_those_declared(client):
    x = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    got = client.infer("blend", [tensor(x, "x")], priority=1, timeout=10_000_000).as_numpy("y")
    np.testing.assert_array_equal(got, (x * 2 + 1).reshape(2, 1, 3))
    stats = client.get_inference_statistics("blend")["model_stats"][0]["inference_stats"]
    client.infer("blend", [tensor(x, "x")])
    assert client.get_inference_statistics("blend")["model_stats"][0]["inference_stats"]["cache_hit"]["count"] == stats["cache_hit"]["count"] + 1
    with pytest.raises(InferenceServerException, match="4 at most"):
        client.infer("blend", [tensor(np.zeros((5, 3, 1), np.float32), "x")])
    with pytest.raises(InferenceServerException):
        client.infer("blend", [tensor(np.zeros((2, 3), np.float32), "x")])
    np.testing.assert_array_equal(client.infer("whole", [tensor(x[:, :, 0], "x")]).as_numpy("y"), x[:, :, 0] * 2 + 1)


def test_the_configuration_is_told_as_it_stands(client):
    config = client.get_model_config("blend")
    assert (config["name"], config["platform"], config["backend"], config["max_batch_size"]) == ("blend", "onnxruntime_onnx", "onnxruntime", 4)
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [3, 1], "reshape": {"shape": [3]}}]
    assert config["dynamic_batching"]["preferred_batch_size"] == [2, 4] and config["dynamic_batching"]["priority_queue_policy"]["1"]["timeout_action"] == "REJECT"
    assert config["response_cache"] == {"enable": True} and config["optimization"] == {"graph": {"level": 1}} and config["model_warmup"][0]["count"] == 3
    config = client.get_model_config("proba")
    assert config["backend"] == "fil" and config["parameters"]["predict_proba"] == {"string_value": "true"} and config["instance_group"][0]["count"] == 2
    assert client.get_model_config("one")["version_policy"] == {"specific": {"versions": [1]}}


@pytest.mark.parametrize("model, versions", [("latest", [7]), ("two", [2, 7]), ("all", [1, 2, 7]), ("one", [1])])
def test_versions_by_policy(client, model, versions):
    assert client.get_model_metadata(model)["versions"] == [str(v) for v in versions]
    assert sorted(int(m["version"]) for m in client.get_model_repository_index() if m["name"] == model) == versions
    x = np.ones((1, 3), np.float32)
    for v in (1, 2, 7):
        assert client.is_model_ready(model, str(v)) == (v in versions)
        if v in versions:
            assert client.infer(model, [tensor(x, "x")], model_version=str(v)).as_numpy("y")[0, 0] == v + 1
    assert client.infer(model, [tensor(x, "x")]).as_numpy("y")[0, 0] == versions[-1] + 1


def test_the_named_file_is_taken(client):
    assert client.infer("named", [tensor(np.ones((1, 3), np.float32), "x")]).as_numpy("y")[0, 0] == 6


@pytest.mark.parametrize("model, text", [
    ("sequence", "sequence_batching is not supported"), ("unknown", "line 1, column 1: the model's configuration has no field \"max_batch_siez\""),
    ("backend", 'backend "python" is not served'), ("format", "does not load files of this format"), ("width", "has shape [-1, 3] in the model"),
    ("names", 'the model has no input "z"; it has "x"'), ("kind", 'declared as "INT64"; the model has FP32'), ("other", 'name is "else"'), ("gone", "of which 0 are there")])
def test_what_cannot_be_served_says_why(client, model, text):
    row = [m for m in client.get_model_repository_index() if m["name"] == f"bad_{model}"]
    assert len(row) == 1 and row[0]["state"] == "UNAVAILABLE" and text in row[0]["reason"], row
    assert not client.is_model_ready(f"bad_{model}")


def test_readiness_is_not_strict_here(server, client):
    assert client.is_server_ready() and requests.get(f"{server.url}/v2/health/ready", timeout=10).status_code == 200
    with triton_grpc.InferenceServerClient(server.url.split("//")[1]) as c:
        assert c.is_server_ready()
    assert "passed over: optimization" in server.log()


def test_the_configuration_over_grpc(server):
    with triton_grpc.InferenceServerClient(server.url.split("//")[1]) as c:
        config = c.get_model_config("blend").config
        assert (config.platform, config.max_batch_size) == ("onnxruntime_onnx", 4) and list(config.dynamic_batching.preferred_batch_size) == [2, 4]
        config = c.get_model_config("proba").config
        assert (config.backend, config.platform, config.max_batch_size, config.instance_group[0].count) == ("fil", "", 8, 2)


def test_an_ensemble_is_a_graph(tmp_path):
    put(tmp_path, "first", None, {1: ("model.onnx", blend_model)})
    put(tmp_path, "second", None, {1: ("model.onnx", lambda p: blend_model(p, 10))})
    (tmp_path / "both/1").mkdir(parents=True)
    (tmp_path / "both/config.pbtxt").write_text('''
        name: "both" platform: "ensemble" max_batch_size: 8
        input [ { name: "in" data_type: TYPE_FP32 dims: [ 3 ] } ]
        output [ { name: "out" data_type: TYPE_FP32 dims: [ 3 ] } ]
        ensemble_scheduling { step [
          { model_name: "first" model_version: -1 input_map { key: "x" value: "in" } output_map { key: "y" value: "between" } },
          { model_name: "second" model_version: 1 input_map { key: "x" value: "between" } output_map { key: "y" value: "out" } } ] }''')
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    with Serve(tmp_path) as s, triton.InferenceServerClient(s.url.split("//")[1]) as c:
        assert "3 of 3 models ready" in s.line, s.log()
        np.testing.assert_array_equal(c.infer("both", [tensor(x, "in")]).as_numpy("out"), (x * 2 + 1) * 10 + 1)
        config = c.get_model_config("both")
        assert config["platform"] == "ensemble" and len(config["ensemble_scheduling"]["step"]) == 2
        with pytest.raises(InferenceServerException):
            c.infer("both", [tensor(np.zeros((9, 3), np.float32), "in")])


# ---- load requests

@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_a_load_may_bring_a_configuration_and_files(tmp_path, boosters, wire):
    put(tmp_path, "m", None, {1: ("model.onnx", blend_model), 2: ("model.onnx", lambda p: blend_model(p, 3))})
    other = tmp_path / "elsewhere.onnx.away"
    blend_model(other, 9)
    kind, tensors = (triton, tensor) if wire == "http" else (triton_grpc, None)
    x = np.ones((1, 3), np.float32)

    def value(c, model="m", version=""):
        t = kind.InferInput("x", [1, 3], "FP32")
        t.set_data_from_numpy(x)
        return c.infer(model, [t], model_version=version).as_numpy("y")[0, 0]

    with Serve(tmp_path / "m", "--model-control-mode", "explicit", "--load-model", "m") as s, kind.InferenceServerClient(s.url.split("//")[1]) as c:
        assert value(c) == 4
        c.load_model("m", config=json.dumps({"versionPolicy": {"all": {}}, "max_batch_size": 16}))
        assert value(c, version="1") == 3 and value(c) == 4
        meta = requests.get(f"{s.url}/v2/models/m/config", timeout=10).json()
        assert meta["max_batch_size"] == 16 and meta["version_policy"] == {"all": {}}
        for config, text in [('{"version_policy": {"specific": {"versions": [5]}}}', "of which 0"), ('{"backend": "python"}', "python"), ("{", "config"),
                             ('{"max_batch_size": "many"}', "max_batch_size"), ('{"concurrency": -1}', "concurrency")]:
            with pytest.raises(InferenceServerException, match=text):
                c.load_model("m", config=config)
        assert value(c, version="1") == 3  # what is served stays
        c.load_model("m")
        with pytest.raises(InferenceServerException):
            value(c, version="1")
        c.load_model("m", config=json.dumps({"concurrency": 1}))  # our own names
        assert value(c) == 4
        c.load_model("m", config="{}", files={"file:4/model.onnx": other.read_bytes()})
        assert value(c) == 10 and value(c, version="4") == 10
        c.load_model("new", config=json.dumps({"backend": "onnxruntime"}), files={"file:1/model.onnx": other.read_bytes()})
        assert value(c, "new") == 10
        for files, text in [({"file:model.onnx": b"x"}, "does not lie in the folder"), ({"file:1/model.onnx": b"nonsense"}, "format|engine"), ({"file:1/../x": b"x"}, "folder")]:
            with pytest.raises(InferenceServerException, match=text):
                c.load_model("new", config="{}", files=files)
        assert value(c, "new") == 10
        c.unload_model("new")
        assert not c.is_model_ready("new")
        c.load_model("m")
        assert value(c) == 4
        with pytest.raises(InferenceServerException):
            c.load_model("absent")


def test_uploads_have_a_total(tmp_path):
    """What load requests bring is held until its model is unloaded, and no more of it than the command line says."""
    line = json.dumps({"format": "ingot-linear", "version": 1, "objective": "binary:logistic", "names": ["a"], "mean": [0], "scale": [1], "weight": [2], "bias": 0})
    files = {"file:1/model.json": (line + " " * 700_000).encode()}
    (tmp_path / "m").mkdir()
    with Serve(tmp_path / "m", "--uploads-memory-mb", "1") as s, triton.InferenceServerClient(s.url.split("//")[1]) as c:
        for _ in range(3):
            c.load_model("one", config="{}", files=files)
            assert c.is_model_ready("one")
            with pytest.raises(InferenceServerException, match="unload one of them first"):
                c.load_model("two", config="{}", files=files)
            c.unload_model("one")
        c.load_model("two", config="{}", files=files)
        with pytest.raises(InferenceServerException):  # it came with a request and lies nowhere
            c.load_model("one")


def test_files_in_base64(tmp_path, boosters):
    put(tmp_path, "m", None, {1: ("model.onnx", blend_model)})
    with Serve(tmp_path / "m") as s:
        url = f"{s.url}/v2/repository/models/m/load"
        good = base64.b64encode((tmp_path / "m/1/model.onnx").read_bytes()).decode()
        for text in (good[:-1], good + "=", "?" + good[1:], "=", 3, None):
            r = requests.post(url, json={"parameters": {"file:2/model.onnx": text}}, timeout=10)
            assert r.status_code == 400, (text, r.text)
        assert requests.post(url, json={"parameters": {"file:2/model.onnx": good}}, timeout=10).status_code == 200
        assert requests.get(f"{s.url}/v2/models/m", timeout=10).json()["versions"] == ["2"]


# ---- when models are loaded

def wait(check, what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if check():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def test_the_disk_is_polled(tmp_path):
    put(tmp_path, "m", None, {1: ("model.onnx", blend_model)})
    ask = lambda url, model="m": requests.post(f"{url}/v2/models/{model}/infer", timeout=10,
                                               json={"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 1, 1]}]})
    with Serve(tmp_path, "--model-control-mode", "poll", "--repository-poll-s", "1") as s:
        assert ask(s.url).json()["outputs"][0]["data"][0] == 3
        put(tmp_path, "m", None, {2: ("model.onnx", lambda p: blend_model(p, 4))})
        put(tmp_path, "n", None, {1: ("model.onnx", blend_model)})
        wait(lambda: ask(s.url).json()["outputs"][0]["data"][0] == 5, "the new version is served")
        wait(lambda: ask(s.url, "n").status_code == 200, "the new model is served")
        (tmp_path / "m/config.pbtxt").write_text("version_policy { all { } }")
        wait(lambda: requests.get(f"{s.url}/v2/models/m", timeout=10).json()["versions"] == ["1", "2"], "the new policy holds")
        # A file that is written over more than a look, and one that stays broken: what is served goes on.
        whole = (tmp_path / "m/2/model.onnx").read_bytes()
        (tmp_path / "m/3").mkdir()
        with open(tmp_path / "m/3/model.onnx", "wb", buffering=0) as f:
            for i in range(0, len(whole), len(whole) // 20 + 1):
                f.write(whole[i:i + len(whole) // 20 + 1])
                time.sleep(0.15)
                assert ask(s.url).json()["outputs"][0]["data"][0] == 5
        wait(lambda: requests.get(f"{s.url}/v2/models/m", timeout=10).json()["versions"] == ["1", "2", "3"], "the written version is served")
        (tmp_path / "m/3/model.onnx").write_bytes(b"broken")
        wait(lambda: "changed" in s.log() and "\"error\"" in s.log() or "error" in s.log(), "the failure is logged")
        assert ask(s.url).status_code == 200
        shutil.rmtree(tmp_path / "n")
        wait(lambda: ask(s.url, "n").status_code == 404, "what went is unloaded")
        assert ask(s.url).status_code == 200


def test_only_wanted_models_are_loaded(tmp_path):
    for name in ("a", "b"):
        put(tmp_path, name, None, {1: ("model.onnx", blend_model)})
    ready = lambda s: {m["name"] for m in requests.post(f"{s.url}/v2/repository/index", json={"ready": True}, timeout=10).json()}
    with Serve(tmp_path, "--model-control-mode", "explicit", "--load-model", "b") as s:
        assert ready(s) == {"b"} and "1 of 1 models ready" in s.line
    with Serve(tmp_path, "--explicit", "--load-model", "*") as s:
        assert ready(s) == {"a", "b"}
    with Serve(tmp_path, "--explicit") as s:
        assert ready(s) == set() and requests.get(f"{s.url}/v2/health/ready", timeout=10).status_code == 200


def test_memory_is_bounded(tmp_path, boosters):
    big = xgboost.train({"max_depth": 10, "min_child_weight": 0}, xgboost.DMatrix(np.random.default_rng(1).normal(size=(3000, 8)), np.random.default_rng(2).normal(size=3000)), 400)
    for i in range(4):  # half a mebibyte each
        big.save_model(tmp_path / f"big{i}.ubj")
    boosters[0].save_model(tmp_path / "small.json")
    with Serve(tmp_path, "--models-memory-mb", "1") as s:
        index = {m["name"]: m for m in requests.post(f"{s.url}/v2/repository/index", json={}, timeout=10).json()}
        refused = [m for m in index.values() if m["state"] == "UNAVAILABLE"]
        assert index["big0"]["state"] == "READY" and 0 < len(refused) < 5 and all("all models together may hold" in m["reason"] for m in refused), index
        held = sum(f["memory_usage"][0]["byte_size"] for f in requests.get(f"{s.url}/v2/models/stats", timeout=10).json()["model_stats"])
        assert 0 < held <= 1 << 20
