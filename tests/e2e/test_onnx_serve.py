"""ONNX endpoints of `ingot serve` over HTTP and gRPC, by unmodified clients, against ONNX Runtime's Python package: answers are equal bit by bit.
And engines that are killed: what they were asked fails, everything else goes on, a new one answers."""
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from onnx import TensorProto, helper, numpy_helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from test_serve_command import Serve

FLOAT, DOUBLE, HALF, I64, BOOL, TEXT = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def model_of(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def net():
    """A convolution over pictures of any size: not for the native predictors."""
    rng = np.random.default_rng(1)
    w = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in (("w", (8, 3, 3, 3)), ("v", (8, 3)))]
    return model_of([helper.make_node("Conv", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["r"]), helper.make_node("GlobalAveragePool", ["r"], ["g"]),
                     helper.make_node("Flatten", ["g"], ["f"]), helper.make_node("MatMul", ["f", "v"], ["s"]), helper.make_node("Softmax", ["s"], ["y"])],
                    [value("x", FLOAT, "N", 3, "H", "W")], [value("y", FLOAT, "N", 3)], w)


def pictures(rows, side=8):
    return {"x": np.random.default_rng(rows).standard_normal((rows, 3, side, side + 1)).astype(np.float32)}


def many():
    """Five inputs of five types, six outputs; the second axis is free as well."""
    nodes = [helper.make_node("Add", ["d", "d"], ["d2"]), helper.make_node("Mul", ["h", "h"], ["h2"]), helper.make_node("Mul", ["i", "i"], ["i2"]),
             helper.make_node("Not", ["b"], ["nb"]), helper.make_node("Identity", ["t"], ["u"]),
             helper.make_node("LabelEncoder", ["t"], ["n"], domain="ai.onnx.ml", keys_strings=["a", "ä", ""], values_int64s=[1, 2, 3], default_int64=-1)]
    return model_of(nodes, [value("d", DOUBLE, "N", "M"), value("h", HALF, "N", "M"), value("i", I64, "N"), value("b", BOOL, "N", 2), value("t", TEXT, "N")],
                    [value("d2", DOUBLE, "N", "M"), value("h2", HALF, "N", "M"), value("i2", I64, "N"), value("nb", BOOL, "N", 2), value("u", TEXT, "N"),
                     value("n", I64, "N")])


def endless():
    """Cosines of x, n times over: takes as long as it is told."""
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Cos", ["v"], ["v2"])], "body",
                             [value("i", I64), value("c", BOOL), value("v", FLOAT, "M")], [value("c2", BOOL), value("v2", FLOAT, "M")])
    return model_of([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], [value("n", I64), value("x", FLOAT, "M")], [value("y", FLOAT, "M")])


MODELS = {"net": net, "many": many, "endless": endless}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    for name, make in MODELS.items():
        (folder / f"{name}.onnx").write_bytes(make().SerializeToString())
    with Serve(folder) as s:
        assert "3 of 3 models ready" in s.line
        s.target = s.url.split("//")[1]
        yield s


def ask(site, wire, name, feeds, **more):
    lib = {"http": triton_http, "grpc": triton_grpc, "json": triton_http}[wire]
    inputs = []
    for key, x in feeds.items():
        t = lib.InferInput(key, list(x.shape), np_to_triton_dtype(x.dtype))
        t.set_data_from_numpy(x, **({"binary_data": x.dtype == np.float16} if wire == "json" else {}))  # JSON has no half floats
        inputs.append(t)
    outputs = [triton_http.InferRequestedOutput(o.name, binary_data=o.name == "h2") for o in MODELS[name]().graph.output] if wire == "json" else None
    with lib.InferenceServerClient(site.target, **({} if wire == "grpc" else {"network_timeout": 120})) as client:
        result = client.infer(name, inputs, outputs=outputs, **more)
        return {o.name: result.as_numpy(o.name) for o in MODELS[name]().graph.output}


def expected(name, feeds):
    session = onnxruntime.InferenceSession(MODELS[name]().SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def same(ours, theirs):
    for name, b in theirs.items():
        a, b = ours[name], np.asarray(b)
        if b.dtype.kind in "OUS":
            assert [t if isinstance(t, str) else t.decode() for t in a.ravel()] == b.ravel().tolist() and a.shape == b.shape, name
        else:
            assert a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes(), (name, a, b)


@pytest.mark.parametrize("wire", ["http", "grpc", "json"])
@pytest.mark.parametrize("rows", [1, 7, 100])
def test_a_network(site, wire, rows):
    feeds = pictures(rows)
    same(ask(site, wire, "net", feeds), expected("net", feeds))


@pytest.mark.parametrize("wire", ["http", "grpc", "json"])
@pytest.mark.parametrize("rows, wide", [(1, 1), (4, 3), (3, 50)])
def test_many_types_and_free_axes(site, wire, rows, wide):
    rng = np.random.default_rng(rows)
    feeds = {"d": rng.standard_normal((rows, wide)), "h": rng.standard_normal((rows, wide)).astype(np.float16),
             "i": rng.integers(-3 * 10 ** 9, 3 * 10 ** 9, rows), "b": rng.random((rows, 2)) < 0.5, "t": np.array((["a", "ä", "", "other" * 50] * rows)[:rows], dtype=object)}
    same(ask(site, wire, "many", feeds), expected("many", feeds))


def test_what_does_not_fit_is_refused(site):
    x = pictures(2)["x"]
    for feeds in ({}, {"x": x[:, :2]}, {"x": x.astype(np.float64)}, {"y": x}, {"x": x[0]}):
        for wire in ("http", "grpc"):
            with pytest.raises(InferenceServerException):
                ask(site, wire, "net", feeds)
    same(ask(site, "http", "net", {"x": x}), expected("net", {"x": x}))


# ---- engines that die ----

def engines(site):
    """pid -> is it busy: the processes that host models."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            line = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # gone meanwhile
        if b"engine-host" in line and str(site.process.pid).encode() in line:
            fields = stat.rsplit(")", 1)[1].split()
            if fields[0] != "Z":
                found[int(path.name)] = int(fields[11]) + int(fields[12])
    return found


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_a_killed_engine_fails_its_questions_and_nothing_else(site, wire):
    x = pictures(2)["x"]
    want = expected("net", {"x": x})
    until(lambda: len(engines(site)) == 3)
    before, failures = engines(site), []

    def long_question():
        try:
            ask(site, wire, "endless", {"n": np.array(10 ** 12), "x": np.ones(2, np.float32)})
        except InferenceServerException as e:
            failures.append(e)

    threads = [threading.Thread(target=long_question) for _ in range(2)]
    for t in threads:
        t.start()
    busy = until(lambda: [p for p, ticks in engines(site).items() if ticks > before.get(p, 0) + 30])  # 0.3 s of work: it is asked
    os.kill(busy[0], signal.SIGKILL)
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    assert len(failures) == 2
    for e in failures:
        assert e.status() in ("500", "503", "StatusCode.INTERNAL", "StatusCode.UNAVAILABLE"), e
    same(ask(site, wire, "net", {"x": x}), want)  # its neighbour did not notice

    def answered():
        try:
            return ask(site, wire, "endless", {"n": np.array(3), "x": np.ones(2, np.float32)})
        except InferenceServerException as e:
            assert e.status() in ("500", "503", "StatusCode.INTERNAL", "StatusCode.UNAVAILABLE"), e
            return None

    same(until(answered), expected("endless", {"n": np.array(3), "x": np.ones(2, np.float32)}))
    now = engines(site)
    assert len(now) == 3 and busy[0] not in now and len(set(now) & set(before)) == 2
    assert site.process.poll() is None and requests.get(f"{site.url}/v2/health/live", timeout=10).status_code == 200
