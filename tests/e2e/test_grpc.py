"""The V2 protocol over gRPC with unmodified clients: tritonclient (plain, asyncio, streams) and grpcio's health stubs; every refusal by its status."""
import asyncio
import queue
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from grpc_world import FEATURES, World, serve


@pytest.fixture(scope="module")
def world():
    w = World()
    yield w
    w.close()


@pytest.fixture(scope="module")
def client(world):
    with triton.InferenceServerClient(world.target) as c:
        yield c


@pytest.fixture(scope="module")
def stub(world):
    with grpc.insecure_channel(world.target, options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)


def tensor(x, name="features"):
    t = triton.InferInput(name, list(x.shape), np_to_triton_dtype(x.dtype))
    t.set_data_from_numpy(x)
    return t


def request(x, **more):
    q = pb.ModelInferRequest(model_name="trees", **more)
    q.inputs.add(name="features", datatype="FP32", shape=x.shape)
    q.raw_input_contents.append(x.tobytes())
    return q


def refused(call, code, text=""):
    with pytest.raises((grpc.RpcError, InferenceServerException)) as failure:
        call()
    e = failure.value
    got = e.code() if isinstance(e, grpc.RpcError) else e.status()
    details = e.details() if isinstance(e, grpc.RpcError) else e.message()
    assert (got == code or str(got) == f"StatusCode.{code.name}") and text in details, (got, details)


# ---- metadata

def test_health_and_metadata(world, client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("trees") and client.is_model_ready("trees", "1")
    assert not client.is_model_ready("nothing") and not client.is_model_ready("trees", "77")
    server = client.get_server_metadata()
    assert server.name == "ingot" and {"statistics", "model_repository", "classification"} <= set(server.extensions)
    model = client.get_model_metadata("trees")
    assert model.name == "trees" and list(model.versions) == ["1", "2"]
    assert [(t.datatype, list(t.shape)) for t in model.inputs] == [("FP32", [-1, FEATURES])] and model.outputs[0].datatype == "FP32"
    refused(lambda: client.get_model_metadata("nothing"), grpc.StatusCode.NOT_FOUND, "nothing")
    refused(lambda: client.get_model_metadata("trees", "x"), grpc.StatusCode.INVALID_ARGUMENT, "not a version number")


def test_configuration(world, client):
    config = client.get_model_config("trees").config
    assert config.name == "trees" and config.max_batch_size > 0 and list(config.input[0].dims) == [FEATURES] and list(config.output[0].dims) == [1]
    assert config.input[0].data_type == 11 and list(config.version_policy.specific.versions) == [1, 2]
    serve(world.url, "trees", 2, {"batch": {"max_size": 16, "max_delay_us": 300, "preferred": [4, 8]}, "queue": {"default_queue_policy": {"timeout_action": "DELAY"}}})
    config = client.get_model_config("trees").config
    batching = config.dynamic_batching
    assert (config.max_batch_size, batching.max_queue_delay_microseconds, list(batching.preferred_batch_size)) == (16, 300, [4, 8])
    assert batching.default_queue_policy.timeout_action == 1
    serve(world.url, "trees", 2)


def test_statistics(world, client):
    before = client.get_inference_statistics("trees", "2").model_stats[0]
    for n in (1, 3):
        client.infer("trees", [tensor(world.rows(n))])
    after = client.get_inference_statistics("trees", "2").model_stats[0]
    assert after.inference_count - before.inference_count == 4 and after.execution_count - before.execution_count == 2
    assert after.inference_stats.success.count - before.inference_stats.success.count == 2 and after.inference_stats.success.ns > 0
    assert after.last_inference / 1000 == pytest.approx(time.time(), abs=60)
    assert {s.name for s in client.get_inference_statistics().model_stats} == {"trees", "classes"}
    refused(lambda: client.get_inference_statistics("nothing"), grpc.StatusCode.NOT_FOUND)


def test_repository(client):
    index = {(m.name, m.version): m.state for m in client.get_model_repository_index().models}
    assert index[("trees", "2")] == "READY"
    refused(lambda: client.load_model("nothing"), grpc.StatusCode.NOT_FOUND)
    refused(lambda: client.load_model("trees", config="{"), grpc.StatusCode.INVALID_ARGUMENT, "config")
    refused(lambda: client.load_model("trees", config="{}", files={"file:1/model.json": b"x"}), grpc.StatusCode.UNIMPLEMENTED, "their own API")


def test_shared_memory_is_not_there(world, client):
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    assert not client.get_system_shared_memory_status().regions and not client.get_cuda_shared_memory_status().regions
    refused(lambda: client.register_system_shared_memory("r", "/k", 64), grpc.StatusCode.UNIMPLEMENTED, "shared memory")
    t = triton.InferInput("features", [1, FEATURES], "FP32")
    t.set_shared_memory("r", 4 * FEATURES)
    refused(lambda: client.infer("trees", [t]), grpc.StatusCode.INVALID_ARGUMENT, "shared memory")


def test_settings(client):
    assert client.get_log_settings().settings["log_info"].bool_param
    assert client.update_log_settings({"log_verbose_level": 1}).settings["log_verbose_level"].uint32_param == 1
    assert client.update_log_settings({"log_verbose_level": 0}).settings["log_verbose_level"].uint32_param == 0
    refused(lambda: client.update_log_settings({"log_file": "/tmp/x"}), grpc.StatusCode.UNIMPLEMENTED)
    refused(lambda: client.update_log_settings({"log_colour": True}), grpc.StatusCode.INVALID_ARGUMENT, "log_colour")
    assert list(client.get_trace_settings().settings["trace_level"].value) == ["OFF"]
    assert list(client.update_trace_settings(settings={"trace_rate": "5"}).settings["trace_rate"].value) == ["5"]
    assert list(client.update_trace_settings(settings={"trace_rate": None}).settings["trace_rate"].value) == ["1000"]


# ---- inference

@pytest.mark.parametrize("rows", [1, 2, 100, 5000])
def test_answers_are_the_models(world, client, rows):
    x = world.rows(rows, rows)
    answer = client.infer("trees", [tensor(x)], request_id="r1")
    got = answer.as_numpy("score")
    assert np.array_equal(got.reshape(-1), world.want(x)) and got.dtype == np.float32
    response = answer.get_response()
    assert (response.model_name, response.model_version, response.id) == ("trees", "2", "r1")
    assert np.array_equal(client.infer("trees", [tensor(x)], model_version="1").as_numpy("score").reshape(-1), world.want(x, 1))


def test_types_and_columns(world, client, stub):
    x = world.rows(3)
    assert np.array_equal(client.infer("trees", [tensor(x.astype(np.float64))]).as_numpy("score").reshape(-1), world.want(x))
    whole = np.arange(FEATURES, dtype=np.int16).reshape(1, FEATURES)
    assert client.infer("trees", [tensor(whole)]).as_numpy("score")[0] == world.want(whole.astype(np.float32))[0]
    q = pb.ModelInferRequest(model_name="trees")  # typed contents come back as typed ones
    q.inputs.add(name="features", datatype="FP32", shape=x.shape).contents.fp32_contents.extend(x.reshape(-1).tolist())
    answer = stub.ModelInfer(q)
    assert not answer.raw_output_contents and np.array_equal(np.float32(answer.outputs[0].contents.fp32_contents), world.want(x))
    q.parameters["binary_data_output"].bool_param = True
    answer = stub.ModelInfer(q)
    assert np.array_equal(np.frombuffer(answer.raw_output_contents[0], np.float32), world.want(x)) and not answer.outputs[0].HasField("contents")


def test_classes(world, client):
    import xgboost

    x = world.rows(2)
    want = world.classes.predict(xgboost.DMatrix(x))
    name = client.get_model_metadata("classes").outputs[0].name
    assert np.array_equal(client.infer("classes", [tensor(x)]).as_numpy(name), want)
    top = client.infer("classes", [tensor(x)], outputs=[triton.InferRequestedOutput(name, class_count=2)]).as_numpy(name)
    assert top.shape == (2, 2)
    for row, p in zip(top, want):
        value, index = row[0].decode().split(":")[:2]
        assert int(index) == int(np.argmax(p)) and float(value) == pytest.approx(p.max(), rel=1e-5)


def test_parameters_of_the_protocol(world, client):
    x = world.rows(1)
    answer = client.infer("trees", [tensor(x)], sequence_id=5, sequence_start=True, sequence_end=True, priority=1, timeout=1_000_000, parameters={"id": "somebody", "mine": 1.5})
    assert answer.as_numpy("score")[0] == world.want(x)[0]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate", None])
def test_compression(world, client, algorithm):
    x = world.rows(2000)
    assert np.array_equal(client.infer("trees", [tensor(x)], compression_algorithm=algorithm).as_numpy("score").reshape(-1), world.want(x))


def test_large_messages(world, stub):
    x = world.rows(80000)
    q = request(x.astype(np.float64))  # 17 MiB
    q.inputs[0].datatype = "FP64"
    answer = stub.ModelInfer(q, timeout=60)
    assert np.array_equal(np.frombuffer(answer.raw_output_contents[0], np.float32)[:1000], world.want(x[:1000]))


def test_messages_that_are_too_large(world, tmp_path):
    """Said by the fields of an answer that comes before the end of the question. (grpcio and curl may tell of the reset behind it instead.)"""
    (tmp_path / "huge").write_bytes(b"\0" * (65 * 2**20))
    for length in ([], ["--no-content-length"]):
        run = subprocess.run(["nghttp", "-v", "-n", *length, "-H", ":method: POST", "-H", "content-type: application/grpc", "-H", "te: trailers", "-d", tmp_path / "huge",
                              world.url + "/inference.GRPCInferenceService/ModelInfer"], capture_output=True, text=True, timeout=60)
        assert ":status: 200" in run.stdout and "grpc-status: 8" in run.stdout and "body is larger" in run.stdout, run.stdout[-2000:] + run.stderr
    prefix = b"\0" + struct.pack(">I", 2**26 + 1)
    with grpc.insecure_channel(world.target) as channel:
        stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer", lambda b: b, lambda b: b)
        assert list(stream(iter([]))) == []
    run = subprocess.run(["curl", "-s", "-i", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "--data-binary", "@-",
                          world.url + "/inference.GRPCInferenceService/ModelInfer"], input=prefix, capture_output=True, timeout=60)
    assert b"grpc-status: 8" in run.stdout


def test_a_hundred_at_once(world, stub):
    x = world.rows(100)
    want = world.want(x)
    futures = [stub.ModelInfer.future(request(x[i % 100:i % 100 + 1], id=str(i)), timeout=60) for i in range(1000)]
    for i, f in enumerate(futures):
        answer = f.result()
        assert answer.id == str(i) and struct.unpack("<f", answer.raw_output_contents[0])[0] == want[i % 100]


def test_threads_of_clients(world):
    x = world.rows(8)
    want = world.want(x)

    def ask(k):
        with triton.InferenceServerClient(world.target, channel_args=[("grpc.use_local_subchannel_pool", 1)]) as c:
            return all(c.infer("trees", [tensor(x[i % 8:i % 8 + 1])]).as_numpy("score")[0] == want[i % 8] for i in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(16)))


def test_asyncio(world):
    async def run():
        async with triton_aio.InferenceServerClient(world.target) as c:
            assert await c.is_server_ready()
            x = world.rows(20)
            answers = await asyncio.gather(*(c.infer("trees", [tensor(x[i:i + 1])]) for i in range(20)))
            assert np.array_equal(np.concatenate([a.as_numpy("score").reshape(-1) for a in answers]), world.want(x))

            async def requests():
                for i in range(10):
                    yield {"model_name": "trees", "inputs": [tensor(x[i:i + 1])], "request_id": str(i)}

            got = [(r.get_response().id, float(r.as_numpy("score")[0])) async for r, error in c.stream_infer(requests()) if not error]
            assert got == [(str(i), float(v)) for i, v in enumerate(world.want(x[:10]))]

    asyncio.run(run())


# ---- streams

def test_streams(world):
    with triton.InferenceServerClient(world.target) as c:
        answers = queue.Queue()
        c.start_stream(lambda result, error: answers.put((result, error)))
        x = world.rows(300)
        for i in range(300):
            c.async_stream_infer("trees", [tensor(x[i:i + 1])], request_id=str(i))
        for i, want in enumerate(world.want(x)):
            result, error = answers.get(timeout=30)
            assert not error and result.get_response().id == str(i) and result.as_numpy("score")[0] == want
        # A failure is an answer; the stream goes on.
        c.async_stream_infer("nothing", [tensor(x[:1])], request_id="bad")
        c.async_stream_infer("trees", [tensor(x[:1, :5])])
        c.async_stream_infer("trees", [tensor(x[:1])], enable_empty_final_response=True)
        assert "nothing" in answers.get(timeout=30)[1].message()
        assert "features" in answers.get(timeout=30)[1].message()
        result, error = answers.get(timeout=30)
        assert not error and result.get_response().parameters["triton_final_response"].bool_param
        c.stop_stream()


def test_answers_come_while_the_stream_is_open(world, stub):
    asked = queue.Queue()
    answers = stub.ModelStreamInfer(iter(asked.get, None))
    x = world.rows(1)
    for i in range(5):
        asked.put(request(x, id=str(i)))
        assert next(answers).infer_response.id == str(i)
    asked.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK


def test_many_streams_at_once(world, stub):
    x = world.rows(1)
    queues = [queue.Queue() for _ in range(100)]
    calls = [stub.ModelStreamInfer(iter(q.get, None), timeout=60) for q in queues]
    for turn in range(2):
        for i, q in enumerate(queues):
            q.put(request(x, id=f"{i}.{turn}"))
        for i, call in enumerate(calls):
            assert next(call).infer_response.id == f"{i}.{turn}"
    for q, call in zip(queues, calls):
        q.put(None)
        assert list(call) == []


def test_cancelled_streams_leave_nothing(world, stub):
    x = world.rows(1)
    for _ in range(200):
        asked = queue.Queue()
        call = stub.ModelStreamInfer(iter(asked.get, None))
        asked.put(request(x))
        next(call)
        call.cancel()
        asked.put(None)
    for _ in range(50):
        stub.ModelInfer.future(request(x)).cancel()
    assert stub.ModelInfer(request(x)).model_name == "trees"


def test_a_broken_message_ends_the_stream(world):
    with grpc.insecure_channel(world.target) as channel:
        raw = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer", lambda b: b, lambda b: b)
        answers = list(raw(iter([b"\xff\xff\xff"])))
        assert len(answers) == 1 and "not a ModelInferRequest" in pb.ModelStreamInferResponse.FromString(answers[0]).error_message


def test_mlserver_streams():
    w = World("--grpc-stream", "mlserver")
    try:
        with grpc.insecure_channel(w.target) as channel:
            stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer", pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString)
            x = w.rows(3)
            got = [struct.unpack("<f", a.raw_output_contents[0])[0] for a in stream(iter([request(x[i:i + 1]) for i in range(3)]))]
            assert np.array_equal(np.float32(got), w.want(x))
            refused(lambda: list(stream(iter([request(x[:, :3])]))), grpc.StatusCode.INVALID_ARGUMENT)
    finally:
        w.close()


# ---- time

def test_deadlines(world, stub):
    x = world.rows(1)
    assert stub.ModelInfer(request(x), timeout=10).model_name == "trees"
    refused(lambda: stub.ModelInfer(request(world.rows(100000)), timeout=0.002), grpc.StatusCode.DEADLINE_EXCEEDED)
    asked = queue.Queue()
    call = stub.ModelStreamInfer(iter(asked.get, None), timeout=0.5)
    refused(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
    asked.put(None)


# ---- what is no gRPC

def test_other_wires_and_types(world):
    url = world.url + "/inference.GRPCInferenceService/ServerLive"

    def curl(*args):
        return subprocess.run(["curl", "-s", "-o", "-", "-w", "\\n%{http_code} %{content_type}", "--data-binary", "@-", *args, url], input=b"\0\0\0\0\0",
                              capture_output=True, timeout=30).stdout.rsplit(b"\n", 1)

    body, code = curl("--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers")
    assert code == b"200 application/grpc" and body == b"\0\0\0\0\2\x08\1"
    assert curl("--http2-prior-knowledge", "-H", "content-type: application/grpc+proto")[1] == b"200 application/grpc"
    for kind in ("application/json", "application/grpc-web", "application/grpc+json"):
        assert curl("--http2-prior-knowledge", "-H", "content-type: " + kind)[1].startswith(b"415")
    assert curl("--http1.1", "-H", "content-type: application/grpc")[1].startswith(b"505")
    assert curl("--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "origin: http://evil.example")[1].startswith(b"403")


def test_metrics_count_failures(world, stub):
    import requests

    def count(kind):
        lines = requests.get(world.url + "/metrics", timeout=10).text.splitlines()
        return sum(int(line.split()[-1]) for line in lines if 'GRPCInferenceService/ModelInfer",code="' + kind in line)

    before = count("4xx"), count("2xx")
    stub.ModelInfer(request(world.rows(1)))
    refused(lambda: stub.ModelInfer(pb.ModelInferRequest(model_name="m")), grpc.StatusCode.INVALID_ARGUMENT)
    assert (count("4xx"), count("2xx")) == (before[0] + 1, before[1] + 1)


# ---- refusals

REFUSALS = [
    (lambda q: q.ClearField("model_name"), "INVALID_ARGUMENT", "names no model"),
    (lambda q: setattr(q, "model_name", "nothing"), "NOT_FOUND", "nothing"),
    (lambda q: setattr(q, "model_version", "9"), "NOT_FOUND", "9"),
    (lambda q: setattr(q, "model_version", "latest"), "INVALID_ARGUMENT", "not a version number"),
    (lambda q: q.ClearField("inputs") or q.ClearField("raw_input_contents"), "INVALID_ARGUMENT", "no inputs"),
    (lambda q: q.ClearField("raw_input_contents"), "INVALID_ARGUMENT", "has 0 values, its shape 28"),
    (lambda q: q.raw_input_contents.append(b""), "INVALID_ARGUMENT", "2 raw contents for 1 inputs"),
    (lambda q: q.raw_input_contents.__setitem__(0, b"123"), "INVALID_ARGUMENT", "3 bytes"),
    (lambda q: q.inputs[0].contents.fp32_contents.append(1), "INVALID_ARGUMENT", "typed and raw"),
    (lambda q: setattr(q.inputs[0], "datatype", "FLOAT"), "INVALID_ARGUMENT", "not a datatype"),
    (lambda q: setattr(q.inputs[0], "datatype", "FP64"), "INVALID_ARGUMENT", "112 bytes"),
    (lambda q: setattr(q.inputs[0], "name", ""), "INVALID_ARGUMENT", "no name"),
    (lambda q: q.inputs[0].shape.__setitem__(0, 2), "INVALID_ARGUMENT", "its shape 224"),
    (lambda q: q.inputs[0].shape.__setitem__(0, -1), "INVALID_ARGUMENT", "-1"),
    (lambda q: q.inputs[0].shape.__setitem__(0, 2**62), "RESOURCE_EXHAUSTED", "more than"),
    (lambda q: q.inputs[0].shape.extend([1] * 9), "INVALID_ARGUMENT", "more than 8 axes"),
    (lambda q: (q.inputs.append(q.inputs[0]), q.raw_input_contents.append(q.raw_input_contents[0])), "INVALID_ARGUMENT", "features"),
    (lambda q: q.outputs.add(name="nothing"), "INVALID_ARGUMENT", "nothing"),
    (lambda q: setattr(q.parameters["priority"], "string_param", "high"), "INVALID_ARGUMENT", "priority"),
]


@pytest.mark.parametrize("change, code, text", REFUSALS, ids=[f"{i}-{r[2]}" for i, r in enumerate(REFUSALS)])
def test_refusals(world, stub, change, code, text):
    q = request(world.rows(1))
    change(q)
    refused(lambda: stub.ModelInfer(q), getattr(grpc.StatusCode, code), text)


def test_what_is_no_message(world):
    with grpc.insecure_channel(world.target) as channel:
        def raw(method):
            return channel.unary_unary(f"/inference.GRPCInferenceService/{method}", lambda b: b, lambda b: b)

        for method in ("ModelInfer", "ModelMetadata", "RepositoryModelLoad", "LogSettings"):
            refused(lambda: raw(method)(b"\xff\xff\xff"), grpc.StatusCode.INVALID_ARGUMENT, "the request is not a")
        refused(lambda: raw("Nonsense")(b""), grpc.StatusCode.UNIMPLEMENTED, "Nonsense")
        refused(lambda: channel.unary_unary("/grpc.health.v1.Health/List")(b""), grpc.StatusCode.UNIMPLEMENTED)
        refused(lambda: channel.unary_unary("/some.Other/Thing")(b""), grpc.StatusCode.UNIMPLEMENTED)


def test_identity(tmp_path):
    from ingot_server import IngotServer

    with IngotServer(tmp_path / "data", "--auth") as server, grpc.insecure_channel(server.url.split("//")[1]) as channel:
        token = next(p for p in (tmp_path / "data").iterdir() if "token" in p.name).read_text().strip()
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        assert stub.ServerLive(pb.ServerLiveRequest()).live  # public, as over REST
        for metadata in (None, [("authorization", "Bearer wrong")]):
            refused(lambda: stub.RepositoryIndex(pb.RepositoryIndexRequest(), metadata=metadata), grpc.StatusCode.UNAUTHENTICATED)
            refused(lambda: stub.ModelInfer(pb.ModelInferRequest(model_name="m"), metadata=metadata), grpc.StatusCode.UNAUTHENTICATED)
        assert not stub.RepositoryIndex(pb.RepositoryIndexRequest(), metadata=[("authorization", "Bearer " + token)]).models
        _, call = stub.RepositoryIndex.with_call(pb.RepositoryIndexRequest(), metadata=[("authorization", "Bearer " + token), ("x-request-id", "abc-1")])
        assert dict(call.initial_metadata())["x-request-id"] == "abc-1"


# ---- grpc.health.v1

def test_health_service(world):
    with grpc.insecure_channel(world.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "inference.GRPCInferenceService", "trees"):
            assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
        refused(lambda: health.Check(health_pb2.HealthCheckRequest(service="nothing")), grpc.StatusCode.NOT_FOUND)
        watch = health.Watch(health_pb2.HealthCheckRequest(service="later"))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        from grpc_world import register
        serve(world.url, "later", register(world.url, "later", world.trees[0]))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()


def test_watchers_hear_of_the_end():
    w = World()
    with grpc.insecure_channel(w.target) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        began = time.monotonic()
        stopping = threading.Thread(target=w.close)
        stopping.start()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        refused(lambda: next(watch), grpc.StatusCode.UNAVAILABLE)
        stopping.join()
        assert time.monotonic() - began < 8, "a watcher does not hold up the end"
