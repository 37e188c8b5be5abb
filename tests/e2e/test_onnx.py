"""ONNX models in the engine's own process, against ONNX Runtime's Python package of the same version: answers must be equal bit by bit.
onnx_probe ($ONNX_PROBE names another build) is the engine behind its port without a server."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("ONNX_PROBE", ROOT / "build/dev/onnx_probe"))
LIBRARY = ROOT / "node_modules/onnxruntime-node/package.json"
NAMES = {"FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
         "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "BOOL": np.bool_}
TYPES = {np.dtype(v): k for k, v in NAMES.items()}


class Failed(Exception):
    def __init__(self, doc):
        super().__init__(doc["error"])
        self.code = doc["code"]


class Probe:
    def __init__(self, path, isolate="auto"):
        if not PROBE.exists():
            subprocess.run(["cmake", "--build", str(PROBE.parent), "--target", "onnx_probe"], cwd=ROOT, check=True)
        self.process = subprocess.Popen([str(PROBE), str(path), isolate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()[-4000:]
        doc = json.loads(line)
        if "error" in doc:
            raise Failed(doc)
        return doc

    def ask(self, feeds, **more):
        rows, blobs = [], []
        for name, value in feeds.items():
            value = np.asarray(value)
            if value.dtype.kind in "OUS":
                texts = [t if isinstance(t, bytes) else str(t).encode() for t in value.ravel()]
                blob, kind = b"".join(len(t).to_bytes(4, "little") + t for t in texts), "BYTES"
            else:
                blob, kind = np.ascontiguousarray(value).tobytes(), TYPES[value.dtype]
            rows.append({"name": name, "datatype": kind, "shape": list(value.shape), "bytes": len(blob)})
            blobs.append(blob)
        self.process.stdin.write(json.dumps({"inputs": rows, **more}).encode() + b"\n" + b"".join(blobs))
        self.process.stdin.flush()
        doc, outputs = self.answer(), {}
        for row in doc["outputs"]:
            data = self.process.stdout.read(row["bytes"])
            if row["datatype"] == "BYTES":
                texts, at = [], 0
                while at < len(data):
                    n = int.from_bytes(data[at:at + 4], "little")
                    texts.append(data[at + 4:at + 4 + n].decode())
                    at += 4 + n
                outputs[row["name"]] = np.array(texts, dtype=object).reshape(row["shape"])
            else:
                outputs[row["name"]] = np.frombuffer(data, dtype=NAMES[row["datatype"]]).reshape(row["shape"])
        return outputs

    def pid(self):
        self.process.stdin.write(b'{"pid": true}\n')
        self.process.stdin.flush()
        return self.answer()["pid"]

    def stop(self):
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err.decode()[-4000:]


@pytest.fixture(params=["auto", "never"])
def probe(request, tmp_path):
    """probe(model) -> a running probe, in a child and in the process itself; stopped at the end, which also finds leaks."""
    running = []

    def start(model):
        path = model
        if not isinstance(model, Path):
            path = tmp_path / "model.onnx"
            path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        running.append(Probe(path, request.param))
        return running[-1]

    yield start
    for p in running:
        p.stop()


def model_of(nodes, inputs, outputs, initializers=(), opset=17, **more):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8, **more)
    onnx.checker.check_model(model)
    return model


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def compare(p, model, feeds):
    """Our answers and ONNX Runtime's: the same names, types, shapes and bits."""
    session = onnxruntime.InferenceSession(model.SerializeToString() if not isinstance(model, bytes) else model, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    assert [o["name"] for o in p.about["outputs"]] == names
    assert [i["name"] for i in p.about["inputs"]] == [i.name for i in session.get_inputs()]
    theirs, ours = dict(zip(names, session.run(None, feeds))), p.ask(feeds)
    assert list(ours) == names
    for name in names:
        a, b = ours[name], np.asarray(theirs[name])
        assert a.shape == b.shape, name
        if a.dtype == object:
            assert a.tolist() == b.tolist(), name
        else:
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), (name, a, b)
    return ours


def test_the_versions_are_the_same():
    assert json.loads(LIBRARY.read_text())["version"] == onnxruntime.__version__


def mlp(sizes, seed=0):
    rng, nodes, weights, at = np.random.default_rng(seed), [], [], "x"
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        last = i == len(sizes) - 2
        weights += [numpy_helper.from_array((rng.standard_normal((a, b)) / a ** 0.5).astype(np.float32), f"w{i}"),
                    numpy_helper.from_array(rng.standard_normal(b).astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [at, f"w{i}", f"b{i}"], ["y" if last else f"g{i}"]))
        if not last:
            nodes.append(helper.make_node("Relu", [f"g{i}"], [f"r{i}"]))
            at = f"r{i}"
    return model_of(nodes, [value("x", TensorProto.FLOAT, "N", sizes[0])], [value("y", TensorProto.FLOAT, "N", sizes[-1])], weights)


@pytest.mark.parametrize("sizes", [[28, 16, 1], [28, 256, 256, 10]])
def test_dense_network(probe, sizes):
    model = mlp(sizes)
    p = probe(model)
    assert p.about["joins"] and p.about["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 28]}]
    rng = np.random.default_rng(1)
    for rows in (1, 2, 7, 64, 0):
        compare(p, model, {"x": rng.standard_normal((rows, 28)).astype(np.float32)})
    compare(p, model, {"x": np.full((2, 28), np.nan, np.float32)})
    with pytest.raises(Failed) as e:
        p.ask({"x": np.zeros((2, 27), np.float32)})
    assert e.value.code == "INVALID"
    compare(p, model, {"x": np.ones((1, 28), np.float32)})


def test_convolutional_network(probe):
    rng = np.random.default_rng(2)
    weights = [numpy_helper.from_array(rng.standard_normal((8, 3, 3, 3)).astype(np.float32) * 0.2, "w"),
               numpy_helper.from_array(rng.standard_normal((8, 10)).astype(np.float32), "v")]
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], strides=[2, 2]), helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("GlobalAveragePool", ["r"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("MatMul", ["f", "v"], ["m"]), helper.make_node("Softmax", ["m"], ["y"])]
    model = model_of(nodes, [value("x", TensorProto.FLOAT, "N", 3, "H", "W")], [value("y", TensorProto.FLOAT, "N", 10)], weights)
    p = probe(model)
    assert p.about["joins"]
    for shape in ((1, 3, 32, 32), (2, 3, 40, 24), (1, 3, 224, 224)):
        compare(p, model, {"x": rng.standard_normal(shape).astype(np.float32)})


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_type(probe, name):
    """Twice x where the runtime can add, x itself where it cannot."""
    dtype = np.dtype(NAMES[name])
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    adds = name in ("FP16", "FP32", "FP64", "INT32", "INT64", "UINT32", "UINT64")
    node = helper.make_node("Add", ["x", "x"], ["y"]) if adds else helper.make_node("Identity", ["x"], ["y"])
    model = model_of([node], [value("x", kind, "N", 2)], [value("y", kind, "N", 2)])
    x = np.array([[0, 1], [1, 0], [3, 100]]).astype(dtype)
    p = probe(model)
    assert p.about["joins"] and p.about["inputs"][0]["datatype"] == name
    ours = compare(p, model, {"x": x})
    assert (ours["y"] == (x + x if adds else x)).all()


def test_texts(probe):
    nodes = [helper.make_node("LabelEncoder", ["t"], ["n"], domain="ai.onnx.ml", keys_strings=["a", "ä", ""], values_int64s=[1, 2, 3], default_int64=-1),
             helper.make_node("Identity", ["t"], ["u"])]
    model = model_of(nodes, [value("t", TensorProto.STRING, "N")], [value("n", TensorProto.INT64, "N"), value("u", TensorProto.STRING, "N")])
    p = probe(model)
    ours = compare(p, model, {"t": np.array(["a", "ä", "", "other", "x" * 5000], dtype=object)})
    assert ours["n"].tolist() == [1, 2, 3, -1, -1]
    compare(p, model, {"t": np.array([], dtype=object)})


def test_scikit_learn(probe):
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx")
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import make_classification
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = make_classification(400, 12, n_classes=3, n_informative=6, random_state=0)
    fitted = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=60, random_state=0)).fit(x, y)
    model = skl2onnx.convert_sklearn(fitted, initial_types=[("x", FloatTensorType([None, 12]))], target_opset=17, options={"zipmap": False})
    p = probe(model)
    assert p.about["joins"]
    ours = compare(p, model, {"x": x[:50].astype(np.float32)})
    assert np.abs(ours["probabilities"] - fitted.predict_proba(x[:50])).max() < 1e-5
    only = p.ask({"x": x[:5].astype(np.float32)}, outputs=["probabilities"])
    assert list(only) == ["probabilities"]


def test_metadata_and_fixed_shapes(probe):
    model = model_of([helper.make_node("Add", ["a", "b"], ["y"])], [value("a", TensorProto.FLOAT, 2, 3), value("b", TensorProto.FLOAT)],
                     [value("y", TensorProto.FLOAT, 2, 3)])
    helper.set_model_props(model, {"author": "nobody", "ä": "x" * 1000})
    p = probe(model)
    assert not p.about["joins"] and p.about["facts"] == {"author": "nobody", "ä": "x" * 1000}
    compare(p, model, {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(2, np.float32)})


def refused(probe, model, code, text):
    with pytest.raises(Failed, match=text) as e:
        probe(model)
    assert e.value.code == code


def test_refusals(tmp_path):
    def start(model):
        path = tmp_path / "bad.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        p = Probe(path)
        p.stop()

    x, y = [value("x", TensorProto.FLOAT, 3)], [value("y", TensorProto.FLOAT, 3)]
    outside = numpy_helper.from_array(np.ones(3, np.float32), "w")
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../../../../etc/passwd")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", x, y, [outside])
    refused(start, helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), "UNSUPPORTED", "another file")
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], x, y)
    model.opset_import[0].version = 999
    refused(start, model, "INVALID", "999")
    refused(start, b"\x08\x08\x12\x02ab:\xff\xff\xff\xff\x0f", "INVALID", "malformed")
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], x, y)
    model.graph.node[0].domain = "com.example"
    refused(start, model, "UNSUPPORTED", "custom")
    model = model_of([helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])], [value("x", TensorProto.FLOAT, "N", 2)],
                     [helper.make_value_info("y", helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))))])
    refused(start, model, "UNSUPPORTED", "zipmap")


def test_a_killed_engine_comes_back(tmp_path):
    model = mlp([28, 16, 1])
    paths = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for path in paths:
        path.write_bytes(model.SerializeToString())
    a, b = Probe(paths[0]), Probe(paths[1])
    feeds = {"x": np.ones((3, 28), np.float32)}
    want = a.ask(feeds)["y"].tobytes()
    for _ in range(3):
        before = a.pid()
        assert before not in (0, a.process.pid)
        os.kill(before, signal.SIGSEGV)
        answers, deadline = [], time.monotonic() + 20
        while (len(answers) < 3 or a.pid() in (0, before)) and time.monotonic() < deadline:  # a sanitizer reports before it dies
            try:
                answers.append(a.ask(feeds)["y"].tobytes())
            except Failed as e:
                assert e.code in ("IO", "BUSY"), e
            assert b.ask(feeds)["y"].tobytes() == want
        assert len(answers) >= 3 and set(answers) == {want}
        assert a.pid() != before
    child = a.pid()
    a.process.kill()
    a.process.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()
    b.stop()


def test_a_deadline_ends_a_run(probe):
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Cos", ["v"], ["v2"])], "body",
                             [value("i", TensorProto.INT64), value("c", TensorProto.BOOL), value("v", TensorProto.FLOAT, "M")],
                             [value("c2", TensorProto.BOOL), value("v2", TensorProto.FLOAT, "M")])
    model = model_of([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], [value("n", TensorProto.INT64), value("x", TensorProto.FLOAT, "M")],
                     [value("y", TensorProto.FLOAT, "M")])
    p, feeds = probe(model), {"n": np.array(10 ** 10), "x": np.ones(2, np.float32)}
    start = time.monotonic()
    with pytest.raises(Failed) as e:
        p.ask(feeds, timeout_ms=200)
    assert e.value.code == "TIMEOUT" and time.monotonic() - start < 60
    compare(p, model, {"n": np.array(3), "x": np.ones(2, np.float32)})


def official_header():
    """A folder with onnxruntime_c_api.h: named, installed, or of the Go module that bundles it."""
    for folder in (os.environ.get("INGOT_ORT_INCLUDE", ""), "/usr/include/onnxruntime", "/usr/local/include/onnxruntime", "/usr/include"):
        if folder and (Path(folder) / "onnxruntime_c_api.h").exists():
            return Path(folder)
    if shutil.which("go"):
        module = subprocess.run(["go", "mod", "download", "-json", "github.com/yalue/onnxruntime_go@v1.27.0"], capture_output=True, text=True, cwd="/")
        if module.returncode == 0:
            return Path(json.loads(module.stdout)["Dir"])
    return None


def test_our_table_is_the_official_one(tmp_path):
    include = official_header()
    if not include:
        pytest.skip("needs onnxruntime_c_api.h (libonnxruntime-dev) or go, to fetch the module that bundles it")
    ours = (ROOT / "src/adapter/onnx/ort.h").read_text()
    entries = re.findall(r"X\((\d+), (\w+),", ours)
    assert len(entries) > 50
    constants = [("ORT_ELEMENT_" + n, "ONNX_TENSOR_ELEMENT_DATA_TYPE_" + n) for n in
                 "FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64 BFLOAT16".split()]
    constants += [("ORT_TYPE_TENSOR", "ONNX_TYPE_TENSOR"), ("ORT_TYPE_SEQUENCE", "ONNX_TYPE_SEQUENCE"), ("ORT_TYPE_MAP", "ONNX_TYPE_MAP"),
                  ("ORT_LOG_FATAL", "ORT_LOGGING_LEVEL_FATAL"), ("ORT_ARENA_ALLOCATOR", "OrtArenaAllocator"), ("ORT_MEM_DEFAULT", "OrtMemTypeDefault")]
    constants += [("ORT_CODE_" + n, "ORT_" + n) for n in
                  "OK FAIL INVALID_ARGUMENT NO_SUCHFILE NO_MODEL ENGINE_ERROR RUNTIME_EXCEPTION INVALID_PROTOBUF MODEL_LOADED NOT_IMPLEMENTED INVALID_GRAPH".split()]
    lines = [f'_Static_assert(offsetof(OrtApi, {name}) / sizeof(void *) == {at}, "{name}");' for at, name in entries]
    lines += [f'_Static_assert((int){a} == (int){b}, "{a}");' for a, b in constants]
    lines += ['_Static_assert(offsetof(struct ort_base, version) == offsetof(OrtApiBase, GetVersionString), "base");']
    source = tmp_path / "table.c"
    source.write_text('#include <stddef.h>\n#include "onnxruntime_c_api.h"\n#include "adapter/onnx/ort.h"\n' + "\n".join(lines) + "\n")
    # The two headers name a few constants alike only by chance of prefix; ours are behind their own names.
    done = subprocess.run(["gcc", "-std=gnu17", "-fsyntax-only", f"-I{ROOT / 'src'}", "-isystem", str(include), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
