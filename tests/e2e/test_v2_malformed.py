"""Every malformed V2 request over REST is a 400 with {"error": text}, whatever engine stands behind: a row model, a tensor model, and
one whose names and shapes were declared. The server lives on and answers the next request."""
import json
import struct

import pytest
import requests
import xgboost

from grpc_world import FEATURES, booster
from serving_world import Serve, blend_model

MODELS = {"rows": ("features", FEATURES), "tensors": ("x", 3), "declared": ("d", 3)}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("malformed")
    (folder / "rows/1").mkdir(parents=True)
    booster(1, rounds=3).save_model(folder / "rows/1/model.json")
    blend_model(folder / "tensors/1/model.onnx")
    (folder / "declared/1").mkdir(parents=True)
    xgboost.train({"max_depth": 2}, xgboost.DMatrix([[0.0, 1, 2], [1, 2, 3]], [0, 1]), 2).save_model(folder / "declared/1/model.json")
    (folder / "declared/config.pbtxt").write_text('max_batch_size: 8 input { name: "d" data_type: TYPE_FP64 dims: 3 } output { name: "y" data_type: TYPE_FP32 dims: 1 }')
    with Serve(folder) as s:
        yield s.url


def kind_of(model):
    return "FP64" if model == "declared" else "FP32"


def base(model, **more):
    name, width = MODELS[model]
    return {"name": name, "datatype": kind_of(model), "shape": [1, width], "data": [0.5] * width, **more}


def cases(model):
    name, width = MODELS[model]
    good, n = base(model), width
    yield "no inputs", {"inputs": []}
    yield "inputs absent", {}
    yield "one value less", {"inputs": [base(model, data=[0.5] * (n - 1))]}
    yield "one value more", {"inputs": [base(model, data=[0.5] * (n + 1))]}
    yield "one row more in the shape", {"inputs": [base(model, shape=[2, n])]}
    yield "wrong width", {"inputs": [base(model, shape=[1, n + 1], data=[0.5] * (n + 1))]}
    yield "wrong rank", {"inputs": [base(model, shape=[1, 1, n])]}
    yield "negative length", {"inputs": [base(model, shape=[-1, n])]}
    yield "fraction in the shape", {"inputs": [base(model, shape=[1.5, n])]}
    yield "huge shape", {"inputs": [base(model, shape=[2**31, 2**31])]}
    yield "shape that overflows", {"inputs": [base(model, shape=[2**32, 2**32], data=[])]}
    yield "shape beyond 64 bits", {"inputs": [base(model, shape=[2**70, n])]}
    yield "unknown datatype", {"inputs": [base(model, datatype="FLOAT")]}
    yield "texts for numbers", {"inputs": [base(model, data=["a"] * n)]}
    yield "texts as BYTES", {"inputs": [base(model, datatype="BYTES", data=["a"] * n)]}
    yield "booleans for numbers", {"inputs": [base(model, data=[True] * n)]}
    yield "ragged", {"inputs": [base(model, shape=[2, n], data=[[0.5] * n, [0.5] * (n - 1)])]}
    yield "too deep", {"inputs": [base(model, data=[[[0.5] * n]])]}
    yield "the tensor twice", {"inputs": [good, good]}
    yield "an unknown tensor beside", {"inputs": [good, {**good, "name": "nonsense"}]}
    yield "an integer out of range", {"inputs": [base(model, datatype="INT8", data=[300] * n)]}
    yield "a fraction in an integer", {"inputs": [base(model, datatype="INT32", data=[1.5] * n)]}
    yield "an unknown output", {"inputs": [good], "outputs": [{"name": "nonsense"}]}
    yield "an output twice", {"inputs": [good], "outputs": [{"name": "y" if model != "rows" else "score"}] * 2}
    yield "binary without the header", {"inputs": [{k: v for k, v in base(model, parameters={"binary_data_size": 4 * n}).items() if k != "data"}]}
    if model != "rows":
        yield "another name alone", {"inputs": [{**good, "name": "nonsense"}]}
        yield "another datatype", {"inputs": [base(model, datatype="INT64", data=[1] * n)]}
    if model == "declared":
        yield "more rows than declared", {"inputs": [base(model, shape=[9, n], data=[0.5] * 9 * n)]}


def refused(r, what):
    assert r.status_code == 400, (what, r.status_code, r.text)
    assert isinstance(r.json()["error"], str) and r.json()["error"], what


@pytest.mark.parametrize("model", MODELS)
def test_json(url, model):
    ask = lambda body: requests.post(f"{url}/v2/models/{model}/infer", json=body, timeout=20)
    for what, body in cases(model):
        refused(ask(body), what)
    text = json.dumps({"inputs": [base(model)]})
    for what, raw in (("trailing garbage", text + "x"), ("two documents", text + text), ("cut", text[:-2]), ("empty", ""), ("nothing", "null"), ("a list", "[]"),
                      ("not UTF-8", text.replace(MODELS[model][0], "\xff", 1).encode("latin-1")), ("1e999", text.replace("0.5", "1e999", 1))):
        refused(requests.post(f"{url}/v2/models/{model}/infer", data=raw, headers={"Content-Type": "application/json"}, timeout=20), what)
    assert ask({"inputs": [base(model)]}).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_binary(url, model):
    name, width = MODELS[model]
    pack = "d" if model == "declared" else "f"
    data = struct.pack(f"<{width}{pack}", *([0.5] * width))

    def send(size, body, length=None, shape=None, **more):
        head = json.dumps({"inputs": [{"name": name, "datatype": kind_of(model), "shape": shape or [1, width], "parameters": {"binary_data_size": size}, **more}]}).encode()
        return requests.post(f"{url}/v2/models/{model}/infer", data=head + body, timeout=20,
                             headers={"Inference-Header-Content-Length": str(len(head)) if length is None else length, "Content-Type": "application/octet-stream"})

    assert send(len(data), data).status_code == 200
    for what, r in (("truncated", send(len(data), data[:-1])), ("longer than it says", send(len(data), data + b"x")), ("the size lies low", send(len(data) - 4, data)),
                    ("the size lies high", send(len(data) + 4, data)), ("a huge size", send(2**62, data)), ("a negative size", send(-1, data)), ("a fraction", send(1.5, data)),
                    ("a text", send("4", data)), ("size and data", send(len(data), data, data=[0.5] * width)), ("a huge shape", send(len(data), data, shape=[2**31, 2**31])),
                    ("the header lies", send(len(data), data, length="99999999")), ("the header is none", send(len(data), data, length="x")), ("negative header", send(len(data), data, length="-1")),
                    ("the header cuts", send(len(data), data, length="10")), ("shape and size", send(len(data), data, shape=[2, width]))):
        refused(r, what)
    for what, raw in (("raw, cut", data[:-1]), ("raw, one more", data + b"x"), ("raw, none", b"")):
        refused(requests.post(f"{url}/v2/models/{model}/infer", data=raw, headers={"Inference-Header-Content-Length": "0"}, timeout=20), what)
    assert send(len(data), data).status_code == 200
