"""The V2 protocol over REST with tritonclient as it is: the plain client, its asynchronous calls (gevent), and the asyncio one."""
import asyncio
import gzip
import json
import subprocess
import zlib

import ml_dtypes
import numpy as np
import pytest
import requests
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from serving_world import TYPES, FEATURES, Serve, World, booster


@pytest.fixture(scope="module", params=["serve", "server"])
def world(request):
    w = World(request.param)
    yield w
    w.close()


@pytest.fixture
def client(world):
    with triton.InferenceServerClient(world.target) as c:
        yield c


def tensor(x, name="features", datatype=None, binary=True):
    t = triton.InferInput(name, list(x.shape), datatype or np_to_triton_dtype(x.dtype))
    t.set_data_from_numpy(x, binary_data=binary)
    return t


def refused(call, status, text=""):
    with pytest.raises(InferenceServerException) as failure:
        call()
    assert failure.value.status() in (str(status), f"{status}") or str(status) in str(failure.value.status()), failure.value
    assert text in failure.value.message(), failure.value


# ---- the server and its models

def test_health_metadata_and_configuration(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("trees") and client.is_model_ready("trees", "1") and not client.is_model_ready("trees", "9") and not client.is_model_ready("none")
    server = client.get_server_metadata()
    assert server["name"] == "ingot" and {"binary_tensor_data", "classification", "statistics", "model_repository", "sequence"} <= set(server["extensions"])
    model = client.get_model_metadata("trees")
    assert model["versions"] == ["1", "2"] and model["inputs"][0] == {"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}
    assert client.get_model_metadata("trees", "1")["versions"] == ["1"]
    config = client.get_model_config("trees")
    assert config["name"] == "trees" and config["max_batch_size"] > 0 and config["input"][0]["dims"] == [FEATURES] and config["output"][0]["dims"] == [1]
    config = client.get_model_config("blend")
    assert (config["platform"], config["backend"]) == ("onnxruntime_onnx", "onnxruntime") and config["input"][0]["data_type"] == "TYPE_FP32"
    refused(lambda: client.get_model_metadata("none"), 404, "none")
    refused(lambda: client.get_model_config("trees", "x"), 400, "version")


def test_the_repository_lists_all_versions(client):
    index = {(m["name"], m["version"]): m["state"] for m in client.get_model_repository_index()}
    assert {("trees", "1"), ("trees", "2"), ("classes", "1"), ("types", "1"), ("blend", "1")} <= set(index) and set(index.values()) == {"READY"}


def test_versions_answer_each_for_itself(world, client):
    x = world.rows(5)
    for version in (1, 2):
        got = client.infer("trees", [tensor(x)], model_version=str(version))
        np.testing.assert_array_equal(got.as_numpy("score"), world.want(x, version))
        assert got.get_response()["model_version"] == str(version)
    np.testing.assert_array_equal(client.infer("trees", [tensor(x)]).as_numpy("score"), world.want(x, 2))
    refused(lambda: client.infer("trees", [tensor(x)], model_version="3"), 404, "version 3")


# ---- tensors and bodies

@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
@pytest.mark.parametrize("request_form, response_form", [(None, None), ("gzip", None), ("deflate", None), (None, "gzip"), (None, "deflate"), ("gzip", "deflate")])
def test_bodies_in_every_form(world, client, binary_in, binary_out, request_form, response_form):
    x = world.rows(40, seed=1)
    outputs = None if binary_out is None else [triton.InferRequestedOutput("score", binary_data=binary_out)]
    got = client.infer("trees", [tensor(x, binary=binary_in)], outputs=outputs, request_id="a-1", request_compression_algorithm=request_form,
                       response_compression_algorithm=response_form)
    np.testing.assert_array_equal(got.as_numpy("score"), world.want(x))
    assert got.get_response()["id"] == "a-1" and got.get_output("score")["shape"] == [40]


def test_compression_is_real(world):
    x = world.rows(200)
    body = json.dumps({"inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}]}).encode()
    url = f"{world.url}/v2/models/trees/infer"
    for form, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        r = requests.post(url, data=pack(body), headers={"Content-Encoding": form, "Accept-Encoding": form}, timeout=10)
        assert r.status_code == 200 and len(r.json()["outputs"][0]["data"]) == 200
        assert r.headers["Content-Encoding"] == form and r.headers["Vary"] == "Accept-Encoding"
        assert requests.post(url, data=pack(body)[:-9], headers={"Content-Encoding": form}, timeout=10).status_code == 400
        assert requests.post(url, data=b"nonsense", headers={"Content-Encoding": form}, timeout=10).status_code == 400
    assert requests.post(url, data=body, headers={"Content-Encoding": "br"}, timeout=10).status_code in (400, 415)


VALUES = {"BOOL": np.array([[True, False], [False, True]]), "UINT8": np.array([[0, 255], [1, 2]], np.uint8), "UINT16": np.array([[0, 65535], [1, 2]], np.uint16),
          "UINT32": np.array([[0, 2**32 - 1], [1, 2]], np.uint32), "UINT64": np.array([[0, 2**64 - 1], [1, 2]], np.uint64),
          "INT8": np.array([[-128, 127], [1, 2]], np.int8), "INT16": np.array([[-2**15, 2**15 - 1], [1, 2]], np.int16),
          "INT32": np.array([[-2**31, 2**31 - 1], [1, 2]], np.int32), "INT64": np.array([[-2**63, 2**63 - 1], [1, 2]], np.int64),
          "FP16": np.array([[1.5, -65504], [0.0001, 6e-8]], np.float16), "FP32": np.array([[1.1, -3e38], [1e-45, 0]], np.float32),
          "FP64": np.array([[1.1, -1.7e308], [5e-324, 0]]), "BYTES": np.array([["a", "ä€😀"], ["", "x" * 500]], object),
          "BF16": np.array([[1.5, -3e38], [1e-38, 0]], ml_dtypes.bfloat16)}


def types_inputs(binary):
    inputs = []
    for name, x in VALUES.items():
        t = triton.InferInput(f"in_{name}", list(x.shape), name)
        if name in ("FP16", "BF16"):  # no form in JSON
            t.set_data_from_numpy(x)
        elif name == "BYTES":
            t.set_data_from_numpy(np.array([v.encode() for v in x.ravel()], object).reshape(x.shape), binary_data=binary)
        else:
            t.set_data_from_numpy(x, binary_data=binary)
        inputs.append(t)
    return inputs


@pytest.mark.parametrize("binary", [True, False])
def test_every_datatype_comes_back(client, binary):
    outputs = [triton.InferRequestedOutput(f"out_{n}", binary_data=binary or n in ("FP16", "BF16")) for n in TYPES]
    got = client.infer("types", types_inputs(binary), outputs=outputs)
    for name, x in VALUES.items():
        y = got.as_numpy(f"out_{name}")
        if name == "BYTES":
            y = np.array([v.decode() if isinstance(v, bytes) else v for v in y.ravel()], object).reshape(y.shape)
        assert y.shape == x.shape, name
        np.testing.assert_array_equal(y.astype(np.float32) if name == "BF16" else y, x.astype(np.float32) if name == "BF16" else x, err_msg=name)


def test_a_body_may_be_one_raw_tensor(world):
    x = world.rows(1)
    r = requests.post(f"{world.url}/v2/models/trees/infer", data=x.tobytes(), headers={"Inference-Header-Content-Length": "0"}, timeout=10)
    assert r.status_code == 200, r.text
    n = int(r.headers["Inference-Header-Content-Length"])
    assert np.frombuffer(r.content[n:], np.float32).tolist() == world.want(x).tolist()


def test_bodies_made_and_read_apart_from_the_client(world):
    x = world.rows(3)
    body, size = triton.InferenceServerClient.generate_request_body([tensor(x)])
    r = requests.post(f"{world.url}/v2/models/trees/infer", data=body, headers={"Inference-Header-Content-Length": str(size)}, timeout=10)
    got = triton.InferenceServerClient.parse_response_body(r.content, header_length=int(r.headers["Inference-Header-Content-Length"]))
    np.testing.assert_array_equal(got.as_numpy("score"), world.want(x))


# ---- extensions

def test_classification(world, client):
    x = world.rows(4)
    probabilities = client.infer("classes", [tensor(x)]).as_numpy("score")
    got = client.infer("classes", [tensor(x)], outputs=[triton.InferRequestedOutput("score", class_count=2)]).as_numpy("score")
    assert got.shape == (4, 2)
    for row, p in zip(got, probabilities):
        best = np.argsort(-p, kind="stable")[:2]
        pairs = [v.decode().split(":") for v in row]
        assert [int(i) for _, i in (q[:2] for q in pairs)] == best.tolist() and [float(q[0]) for q in pairs] == pytest.approx(p[best].tolist(), abs=1e-6)


def test_statistics(world, client):
    before = client.get_inference_statistics("trees", "1")["model_stats"][0]
    for n in (1, 3):
        client.infer("trees", [tensor(world.rows(n))], model_version="1")
    after = client.get_inference_statistics("trees", "1")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 4 and after["execution_count"] - before["execution_count"] == 2
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 2
    assert {(s["name"], s["version"]) for s in client.get_inference_statistics()["model_stats"]} >= {("trees", "1"), ("trees", "2"), ("blend", "1")}
    refused(lambda: client.get_inference_statistics("none"), 404)


def test_settings_of_tracing_and_logging(client):
    traces = client.get_trace_settings()
    assert "trace_level" in traces and "trace_rate" in traces
    assert client.update_trace_settings(settings={"trace_rate": "500"})["trace_rate"] == "500"
    assert client.update_trace_settings(settings={"trace_rate": None})["trace_rate"] == traces["trace_rate"]
    assert client.get_trace_settings("trees")["trace_rate"] == traces["trace_rate"]
    logs = client.get_log_settings()
    assert client.update_log_settings({"log_verbose_level": 1})["log_verbose_level"] == 1
    assert client.update_log_settings({"log_verbose_level": logs["log_verbose_level"]})["log_verbose_level"] == logs["log_verbose_level"]
    refused(lambda: client.update_log_settings({"nonsense": 1}), 400)


def test_shared_memory_is_answered_as_declared(client):
    assert not [e for e in client.get_server_metadata()["extensions"] if "shared_memory" in e]
    assert client.get_system_shared_memory_status() == [] and client.get_cuda_shared_memory_status() == []
    client.unregister_system_shared_memory()  # what clients do before they begin
    client.unregister_cuda_shared_memory()
    refused(lambda: client.register_system_shared_memory("r", "/r", 64), 501, "shared memory")
    t = triton.InferInput("features", [1, FEATURES], "FP32")
    t.set_shared_memory("r", FEATURES * 4)
    refused(lambda: client.infer("trees", [t]), 400)


def test_sequences_priorities_and_times(world, client):
    x = world.rows(2)
    for options in ({"sequence_id": 7, "sequence_start": True}, {"sequence_id": "text", "sequence_end": True}, {"priority": 3}, {"timeout": 5_000_000},
                    {"parameters": {"anything": "else", "number": 3}}):
        np.testing.assert_array_equal(client.infer("trees", [tensor(x)], **options).as_numpy("score"), world.want(x))


# ---- asynchronous clients

def test_asynchronous_calls(world):
    with triton.InferenceServerClient(world.target, concurrency=8) as c:
        x = [world.rows(n, seed=n) for n in range(1, 17)]
        calls = [c.async_infer("trees", [tensor(v)], model_version=str(1 + i % 2)) for i, v in enumerate(x)]
        for i, (v, call) in enumerate(zip(x, calls)):
            np.testing.assert_array_equal(call.get_result().as_numpy("score"), world.want(v, 1 + i % 2))
        refused(lambda: c.async_infer("none", [tensor(x[0])]).get_result(), 404)


def test_asyncio(world):
    async def run():
        async with triton_aio.InferenceServerClient(world.target) as c:
            assert await c.is_server_live() and await c.is_server_ready() and await c.is_model_ready("trees")
            assert (await c.get_model_metadata("trees"))["name"] == "trees"
            x = [world.rows(n, seed=n) for n in range(1, 9)]
            answers = await asyncio.gather(*(c.infer("trees", [tensor(v)], response_compression_algorithm="gzip") for v in x))
            for v, a in zip(x, answers):
                np.testing.assert_array_equal(a.as_numpy("score"), world.want(v))
            with pytest.raises(InferenceServerException):
                await c.infer("none", [tensor(x[0])])
    asyncio.run(run())


def test_tls(tmp_path):
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", pem, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, capture_output=True)
    model = booster(1)
    model.save_model(tmp_path / "trees.json")
    import gevent.ssl
    with Serve(tmp_path / "trees.json", "--tls-cert", pem, "--tls-key", key) as s:
        context = lambda: gevent.ssl.create_default_context(cafile=str(pem))
        with triton.InferenceServerClient(s.url.split("//")[1], ssl=True, ssl_context_factory=context) as c:
            assert c.is_server_ready()
            x = np.zeros((2, FEATURES), np.float32)
            assert c.infer("trees", [tensor(x)]).as_numpy("score").shape == (2,)
