"""Graphs of models: a stack of XGBoost, LightGBM and ONNX equals the same computation in Python, over REST and gRPC; choices by value and by weight;
a step that fails; Triton's ensembles; members that come and go; a registered graph."""
import json
import threading

import lightgbm
import numpy as np
import pytest
import requests
import tritonclient.grpc as triton
import tritonclient.http as triton_http
import xgboost
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from grpc_world import register, serve
from ingot_server import IngotServer
from test_serve_command import Serve

WIDTH = 8
GRAPH = {"format": "ingot.graph", "version": 1}


def data(n, seed):
    return np.random.default_rng(seed).normal(size=(n, WIDTH)).astype(np.float32)


def fixed_batch(model):
    """The same ONNX model, for one row only: what it says to two is a failure of a step."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return model


class Models:
    def __init__(self, folder):
        x = data(500, 1)
        y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
        self.gbm = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, y), 25)
        self.lgb = lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 15}, lightgbm.Dataset(x, y), 25)
        self.logit = LogisticRegression().fit(x, y)
        meta = np.column_stack([self.gbm.predict(xgboost.DMatrix(x)), self.lgb.predict(x), self.logit.predict_proba(x)[:, 1]]).astype(np.float32)
        self.meta = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(meta, y), 10)
        self.gbm.save_model(folder / "gbm.json")
        self.meta.save_model(folder / "meta.json")
        self.lgb.save_model(folder / "lgb.txt")
        onnx = to_onnx(self.logit, x[:1], options={id(self.logit): {"zipmap": False}}, target_opset=18)
        (folder / "logit.onnx").write_bytes(onnx.SerializeToString())
        (folder / "one_row.onnx").write_bytes(fixed_batch(onnx).SerializeToString())

    def parts(self, x):
        return self.gbm.predict(xgboost.DMatrix(x)), self.lgb.predict(x), self.logit.predict_proba(x)[:, 1]

    def blend(self, x):
        a, b, c = self.parts(x)
        return (2 * a + b + c) / 4

    def stack(self, x):
        return self.meta.predict(xgboost.DMatrix(np.column_stack(self.parts(x)).astype(np.float32)))


MEMBERS = [{"name": "gbm", "model": "gbm", "inputs": {"features": "x"}},
           {"name": "lgb", "model": "lgb", "inputs": {"features": "x"}},
           {"name": "logit", "model": "logit", "inputs": {"X": "x"}, "outputs": {"probabilities": "p"}},
           {"name": "yes", "combine": "slice", "inputs": ["p"], "column": 1}]
STACK = GRAPH | {"inputs": ["x"], "steps": [*MEMBERS,
                                            {"name": "blend", "combine": "mean", "inputs": ["gbm.score", "lgb.score", "yes"], "weights": [2, 1, 1]},
                                            {"name": "columns", "combine": "concat", "inputs": ["gbm.score", "lgb.score", "yes"]},
                                            {"name": "meta", "model": "meta", "inputs": {"features": "columns"}}],
                 "outputs": {"blend": "blend", "stack": "meta.score"}}
ROUTE = GRAPH | {"inputs": ["x", {"name": "segment", "datatype": "BYTES", "shape": [-1], "optional": True}],
                 "steps": [{"name": "route", "inputs": {"x": "x"},
                            "switch": [{"when": {"tensor": "segment", "op": "in", "value": ["gold", "silver"]}, "model": "gbm"},
                                       {"when": {"parameter": "tier", "op": ">=", "value": 2}, "model": "gbm"},
                                       {"model": "lgb"}]}],
                 "outputs": {"score": "route.score"}}
SPLIT = GRAPH | {"inputs": ["x"], "steps": [{"name": "ab", "split": [{"model": "gbm", "weight": 70}, {"model": "lgb", "weight": 30}]}],
                 "outputs": {"score": "ab.score"}}
SOFT = GRAPH | {"inputs": ["x"], "steps": [{"name": "gbm", "model": "gbm", "inputs": {"features": "x"}},
                                           {"name": "one", "model": "one_row", "inputs": {"X": "x"}, "outputs": {"probabilities": "p"}, "optional": True},
                                           {"name": "yes", "combine": "slice", "inputs": ["p"], "column": 1},
                                           {"name": "m", "combine": "mean", "inputs": ["gbm.score", "yes"]}],
                "outputs": {"score": "m", "second": {"tensor": "yes", "optional": True}}}
HARD = SOFT | {"steps": [SOFT["steps"][0], {k: v for k, v in SOFT["steps"][1].items() if k != "optional"}, *SOFT["steps"][2:]]}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    models = Models(folder)
    for name, graph in [("a_stack", STACK), ("route", ROUTE), ("split", SPLIT), ("soft", SOFT), ("hard", HARD)]:
        (folder / f"{name}.graph.json").write_text(json.dumps(graph))
    with Serve(folder) as s:
        assert "10 of 10 models ready" in s.line
        yield s.url, models


def ask(url, name, x, more=(), **body):
    inputs = [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}, *more]
    return requests.post(f"{url}/v2/models/{name}/infer", json={"inputs": inputs, **body}, timeout=30)


def outputs(answer):
    assert answer.status_code == 200, answer.text
    return {o["name"]: np.array(o["data"]).reshape(o["shape"]) for o in answer.json()["outputs"]}


def segment(*values):
    return [{"name": "segment", "shape": [len(values)], "datatype": "BYTES", "data": list(values)}]


def test_stack_equals_python_over_rest_and_grpc(world):
    url, models = world
    for n in (1, 7, 300):
        x = data(n, n)
        got = outputs(ask(url, "a_stack", x))
        assert np.abs(got["blend"] - models.blend(x)).max() < 1e-6
        assert np.abs(got["stack"] - models.stack(x)).max() < 1e-6
        with triton.InferenceServerClient(url.split("//")[1]) as c:
            t = triton.InferInput("x", list(x.shape), "FP32")
            t.set_data_from_numpy(x)
            r = c.infer("a_stack", [t], outputs=[triton.InferRequestedOutput("stack"), triton.InferRequestedOutput("blend")])
            assert np.abs(r.as_numpy("stack") - models.stack(x)).max() < 1e-6
            assert np.abs(r.as_numpy("blend") - models.blend(x)).max() < 1e-6
    v1 = requests.post(f"{url}/v1/models/a_stack:predict", json={"instances": [{"x": row.tolist()} for row in x[:3]]}, timeout=30)
    assert v1.status_code == 200, v1.text
    assert np.abs(np.array([p["stack"] for p in v1.json()["predictions"]]) - models.stack(x[:3])).max() < 1e-6


def test_metadata_and_figures(world):
    url, _ = world
    m = requests.get(f"{url}/v2/models/a_stack", timeout=10).json()
    assert m["platform"] == "ensemble"
    assert m["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, WIDTH]}]
    assert [(o["name"], o["datatype"], o["shape"]) for o in m["outputs"]] == [("blend", "FP32", [-1]), ("stack", "FP32", [-1])]

    def counts():
        s = requests.get(f"{url}/v2/models/stats", timeout=10).json()["model_stats"]
        return {m["name"]: m["inference_count"] for m in s}

    before = counts()
    outputs(ask(url, "a_stack", data(5, 1)))
    after = counts()
    assert {k: after[k] - before[k] for k in after if after[k] != before[k]} == {"a_stack": 5, "gbm": 5, "lgb": 5, "logit": 5, "meta": 5}
    with triton.InferenceServerClient(url.split("//")[1]) as c:
        assert c.get_model_config("a_stack").config.platform == "ensemble"


def test_switch_by_value_and_by_parameter(world):
    url, models = world
    x = data(2, 3)
    gold, plain, _ = models.parts(x)
    assert np.abs(outputs(ask(url, "route", x, segment("gold", "silver")))["score"] - gold).max() < 1e-6
    assert np.abs(outputs(ask(url, "route", x, segment("tin", "tin")))["score"] - plain).max() < 1e-6
    assert np.abs(outputs(ask(url, "route", x))["score"] - plain).max() < 1e-6
    assert np.abs(outputs(ask(url, "route", x, parameters={"tier": 2}))["score"] - gold).max() < 1e-6
    assert np.abs(outputs(ask(url, "route", x, parameters={"tier": 1}))["score"] - plain).max() < 1e-6
    with triton.InferenceServerClient(url.split("//")[1]) as c:
        t = triton.InferInput("x", list(x.shape), "FP32")
        t.set_data_from_numpy(x)
        assert np.abs(c.infer("route", [t], parameters={"tier": 3}).as_numpy("score") - gold).max() < 1e-6
    mixed = ask(url, "route", x, segment("gold", "tin"))
    assert mixed.status_code == 400 and "step \"route\": 1 of 2 values" in mixed.json()["error"]


def test_split_is_sticky_and_has_its_shares(world):
    url, models = world
    x = data(1, 4)
    first, second = (p[0] for p in models.parts(x)[:2])
    units, seconds = 1200, 0
    session = requests.Session()
    for i in range(units):
        body = {"id": f"unit-{i}", "inputs": [{"name": "x", "shape": [1, WIDTH], "datatype": "FP32", "data": x[0].tolist()}]}
        scores = {session.post(f"{url}/v2/models/split/infer", json=body, timeout=30).json()["outputs"][0]["data"][0] for _ in range(2 if i % 10 == 0 else 1)}
        assert len(scores) == 1
        score = scores.pop()
        assert min(abs(score - first), abs(score - second)) < 1e-6
        seconds += abs(score - second) < 1e-6
    assert abs(seconds - 0.3 * units) < 5 * np.sqrt(units * 0.3 * 0.7)


def test_an_optional_step_that_fails_leaves_the_rest(world):
    url, models = world
    one, two = data(1, 5), data(2, 6)
    whole = outputs(ask(url, "soft", one))
    a, _, c = models.parts(one)
    assert np.abs(whole["score"] - (a + c) / 2).max() < 1e-6 and np.abs(whole["second"] - c).max() < 1e-6
    answer = ask(url, "soft", two)
    left = outputs(answer)
    assert answer.json()["parameters"]["warning"].startswith("step \"one\" failed: ")
    assert set(left) == {"score"} and np.abs(left["score"] - models.parts(two)[0]).max() < 1e-6
    failed = ask(url, "hard", two)
    assert failed.status_code == 400 and failed.json()["error"].startswith("step \"one\": "), failed.text


def test_refusals_name_what_is_wrong(world):
    url, _ = world
    x = data(1, 7)
    unknown = ask(url, "a_stack", x, [{"name": "z", "shape": [1], "datatype": "FP32", "data": [1]}])
    assert unknown.status_code == 400 and "no input \"z\"" in unknown.json()["error"]
    wide = ask(url, "a_stack", data(1, 7)[:, :3])
    assert wide.status_code == 400 and "step \"" in wide.json()["error"]
    none = requests.post(f"{url}/v2/models/a_stack/infer", json={"inputs": segment("a")}, timeout=10)
    assert none.status_code == 400 and "input \"x\" is missing" in none.json()["error"]


def test_members_come_and_go(tmp_path):
    models = Models(tmp_path)
    (tmp_path / "stack.graph.json").write_text(json.dumps(STACK))
    (tmp_path / "bad.graph.json").write_text(json.dumps(STACK | {"steps": STACK["steps"][:-1]}))
    x = data(3, 8)
    with Serve(tmp_path) as s:
        c = triton_http.InferenceServerClient(s.url.split("//")[1])

        def state(name):
            return next(m for m in c.get_model_repository_index() if m["name"] == name)

        assert state("bad")["state"] == "UNAVAILABLE" and "meta.score" in state("bad")["reason"]
        assert c.is_model_ready("stack")
        c.unload_model("lgb")
        assert not c.is_model_ready("stack") and "there is no endpoint \"lgb\"" in state("stack")["reason"]
        assert ask(s.url, "stack", x).status_code == 503
        c.load_model("stack")  # brings its member
        assert np.abs(outputs(ask(s.url, "stack", x))["stack"] - models.stack(x)).max() < 1e-6
        models.meta.save_model(tmp_path / "gbm.json")  # a member of another width
        c.load_model("gbm")
        assert ask(s.url, "stack", x).status_code == 400
        models.gbm.save_model(tmp_path / "gbm.json")
        c.load_model("gbm")
        assert np.abs(outputs(ask(s.url, "stack", x))["stack"] - models.stack(x)).max() < 1e-6
        c.unload_model("stack", unload_dependents=True)
        assert {m["name"] for m in c.get_model_repository_index() if m["state"] == "READY"} == {"one_row"}


def test_no_request_fails_while_members_are_loaded_anew(tmp_path):
    models = Models(tmp_path)
    (tmp_path / "stack.graph.json").write_text(json.dumps(STACK))
    x = data(2, 11)
    want = models.stack(x)
    with Serve(tmp_path) as s:
        over, wrong, asked = threading.Event(), [], []

        def ask_on():
            session = requests.Session()
            body = {"inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}]}
            while not over.is_set():
                r = session.post(f"{s.url}/v2/models/stack/infer", json=body, timeout=60)
                asked.append(1)
                if r.status_code != 200 or np.abs(outputs(r)["stack"] - want).max() > 1e-6:
                    wrong.append(r.text)

        threads = [threading.Thread(target=ask_on) for _ in range(6)]
        for t in threads:
            t.start()
        for i in range(40):
            r = requests.post(f"{s.url}/v2/repository/models/{('gbm', 'lgb', 'meta', 'logit', 'stack')[i % 5]}/load", json={}, timeout=60)
            assert r.status_code == 200, r.text
        over.set()
        for t in threads:
            t.join()
        assert not wrong and asked


ENSEMBLE = """
platform: "ensemble"
max_batch_size: 64
input [ { name: "INPUT" data_type: TYPE_FP32 dims: [ 8 ] } ]
output [ { name: "PROB" data_type: TYPE_FP32 dims: [ 2 ] } ]
ensemble_scheduling {
  step [
    { model_name: "shift" model_version: -1 input_map { key: "x" value: "INPUT" } output_map { key: "y" value: "shifted" } },
    { model_name: "logit" model_version: -1 input_map { key: "X" value: "shifted" } output_map { key: "probabilities" value: "PROB" } }
  ]
}
"""


def test_tritons_ensemble(tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    models = Models(tmp_path)
    repository = tmp_path / "repository"
    for name in ("shift", "logit", "ensemble"):
        (repository / name / "1").mkdir(parents=True)
    (tmp_path / "logit.onnx").rename(repository / "logit/1/model.onnx")
    shift = helper.make_graph([helper.make_node("Add", ["x", "one"], ["y"])], "shift", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, WIDTH])], [numpy_helper.from_array(np.float32([1]), "one")])
    model = helper.make_model(shift, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (repository / "shift/1/model.onnx").write_bytes(model.SerializeToString())
    (repository / "ensemble/config.pbtxt").write_text(ENSEMBLE)
    x = data(4, 9)
    with Serve(repository) as s:
        c = triton_http.InferenceServerClient(s.url.split("//")[1])
        t = triton_http.InferInput("INPUT", list(x.shape), "FP32")
        t.set_data_from_numpy(x)
        got = c.infer("ensemble", [t]).as_numpy("PROB")
        assert np.abs(got - models.logit.predict_proba(x + 1)).max() < 1e-5
        assert c.get_model_metadata("ensemble")["platform"] == "ensemble"


def test_a_registered_graph(tmp_path):
    """`ingot server`: versions of a graph stand in the registry as those of any model, and outlive a restart."""
    models = Models(tmp_path)
    server = IngotServer(str(tmp_path / "data"))
    try:
        url, x = server.url, data(2, 10)
        serve(url, "gbm", register(url, "gbm", models.gbm))
        serve(url, "other", register(url, "other", models.gbm))

        class File:
            def __init__(self, graph):
                self.graph = graph

            def save_raw(self, _):
                return json.dumps(self.graph).encode()

        graph = GRAPH | {"inputs": ["x"], "steps": [{"name": "a", "model": "gbm"}, {"name": "b", "model": "other"},
                                                    {"name": "m", "combine": "max", "inputs": ["a.score", "b.score"]}], "outputs": {"score": "m"}}
        absent = graph | {"steps": [graph["steps"][0], {"name": "b", "model": "nobody"}, graph["steps"][2]]}
        first, second = register(url, "blend", File(graph)), register(url, "blend", File(absent))
        refused = requests.put(f"{url}/api/ingot/v1/endpoints/blend", json={"version": second, "config": {"model": "blend"}}, timeout=30)
        assert refused.status_code == 404 and "there is no endpoint \"nobody\"" in refused.json()["error"]
        serve(url, "blend", first)
        want = models.gbm.predict(xgboost.DMatrix(x))
        assert np.abs(outputs(ask(url, "blend", x))["score"] - want).max() < 1e-6
        server.stop()
        server = IngotServer(str(tmp_path / "data"))  # members stand behind their graph in the alphabet
        assert np.abs(outputs(ask(server.url, "blend", x))["score"] - want).max() < 1e-6
    finally:
        assert server.stop() == 0
