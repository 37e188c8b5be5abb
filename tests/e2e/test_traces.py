"""Traces: W3C headers in and out, spans as OpenTelemetry's own messages decode them, sampling, and receivers that fail."""
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import requests
import tritonclient.grpc as triton_grpc
import xgboost
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from otlp_sink import OtlpSink

from ingot_server import program

SERVER, INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Serve:
    def __init__(self, folder, *args, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        self.process = subprocess.Popen([program(), "serve", str(folder), *map(str, args), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**clean, "OTEL_BSP_SCHEDULE_DELAY": "100", **(env or {})})
        line = self.process.stdout.readline()
        assert "listening on " in line, self.process.communicate(timeout=10)
        self.url = line.split()[2].rstrip(",")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.log = self.process.communicate(timeout=60)[1]
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            assert self.stop() == 0, self.log


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    rng = np.random.default_rng(3)
    x = rng.random((200, 4), dtype=np.float32)
    xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(x, (x[:, 0] > 0.5).astype(int)), 5).save_model(folder / "churn.json")
    return folder


def ask(s, rows=2, **kw):
    body = {"id": "q-1", "inputs": [{"name": "x", "shape": [rows, 4], "datatype": "FP32", "data": [0.5] * (4 * rows)}]}
    return requests.post(f"{s.url}/v2/models/churn/infer", json=body, timeout=30, **kw)


def of_trace(spans, trace):
    return [s for s in spans if s["trace"] == trace]


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_a_sampled_request_is_a_tree_of_spans(folder, protocol):
    with OtlpSink() as sink, Serve(folder, "--otlp-endpoint", sink.url, "--otlp-protocol", protocol, "--trace-sample", "0", "--otlp-headers",
                                   "api-key=s%20e,x-b=c") as s:
        r = ask(s, headers={"traceparent": PARENT, "tracestate": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "User-Agent": "probe/1"})
        assert r.status_code == 200
        version, trace, span, flags = r.headers["traceresponse"].split("-")
        assert (version, trace, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
        spans = sink.wait(lambda all: len(of_trace(all, trace)) >= 5)
        by_name = {x["name"]: x for x in spans}
        root = by_name["POST /v2/models/{name}/infer"]
        assert (root["id"], root["parent"], root["kind"], root["status"]) == (span, "b7ad6b7169203331", SERVER, 0)
        assert root["state"] == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7" and root["flags"] & 0x300 == 0x300
        a = root["attributes"]
        assert a["http.request.method"] == "POST" and a["url.path"] == "/v2/models/churn/infer" and a["http.response.status_code"] == 200
        assert a["http.route"] == "/v2/models/{name}/infer" and a["url.scheme"] == "http" and a["user_agent.original"] == "probe/1"
        assert a["server.address"] == "127.0.0.1" and a["server.port"] == int(s.url.rsplit(":", 1)[1]) and a["client.address"] == "127.0.0.1"
        assert a["ingot.request_id"] == r.headers["X-Request-Id"]
        inference = by_name["inference"]
        assert inference["parent"] == root["id"] and inference["attributes"]["ingot.endpoint"] == "churn"
        assert inference["attributes"]["ingot.rows"] == 2 and inference["attributes"]["ingot.inference.id"] == "q-1"
        assert by_name["compute"]["parent"] == by_name["prepare"]["parent"] == inference["id"]
        for child in (inference, by_name["compute"]):
            assert root["from"] <= child["from"] <= child["to"] <= root["to"]
        assert abs(root["from"] / 1e9 - time.time()) < 600, "not the wall clock"
        assert root["resource"]["service.name"] == "ingot" and root["scope"] == "ingot"
        path, headers, _ = sink.messages[0]
        assert path == "/v1/traces" and headers["api-key"] == "s e" and headers["x-b"] == "c" and headers["Content-Encoding"] == "gzip"


def test_the_callers_decision_and_ours(folder):
    with OtlpSink() as sink, Serve(folder, "--otlp-endpoint", sink.url, "--trace-sample", "1") as s:
        assert "traceresponse" not in ask(s, headers={"traceparent": PARENT[:-2] + "00"}).headers  # decided against
        ours = ask(s).headers["traceresponse"]
        for bad in ("00-zz", PARENT.upper(), PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32), "ff" + PARENT[2:], PARENT + "-x"):
            answer = ask(s, headers={"traceparent": bad, "tracestate": "a=b"}).headers["traceresponse"]
            assert answer[3:35] != PARENT[3:35], bad  # as if none had come
        assert ask(s, headers={"traceparent": "01" + PARENT[2:] + "-more"}).headers["traceresponse"][3:35] == PARENT[3:35]
        assert "traceresponse" not in requests.get(f"{s.url}/health", timeout=30).headers
        spans = sink.wait(lambda all: len({x["trace"] for x in all}) >= 7)
        mine = [x for x in of_trace(spans, ours[3:35]) if x["kind"] == SERVER]
        assert len(mine) == 1 and mine[0]["parent"] == "" and mine[0]["flags"] & 0x200 == 0


def test_opentelemetrys_own_spans_are_the_parents(folder):
    """The SDK of OpenTelemetry makes the header, and finds its span's id as our parent."""
    tracer = TracerProvider().get_tracer("test")
    with OtlpSink() as sink, Serve(folder, env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url + "/", "OTEL_TRACES_SAMPLER": "parentbased_always_off",
                                                "OTEL_SERVICE_NAME": "scores", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test,a=b%2Cc",
                                                "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}) as s:
        headers = {}
        with tracer.start_as_current_span("client") as span:
            TraceContextTextMapPropagator().inject(headers)
            assert ask(s, headers=headers).status_code == 200
            assert "traceresponse" not in ask(s).headers
        root = [x for x in sink.wait(lambda all: any(x["kind"] == SERVER for x in all)) if x["kind"] == SERVER][0]
        assert root["trace"] == format(span.get_span_context().trace_id, "032x") and root["parent"] == format(span.get_span_context().span_id, "016x")
        assert root["resource"]["service.name"] == "scores" and root["resource"]["deployment.environment"] == "test" and root["resource"]["a"] == "b,c"
        assert "Content-Encoding" not in sink.messages[0][1]


def test_grpc_and_its_failures(folder):
    with OtlpSink() as sink, Serve(folder, "--otlp-endpoint", sink.url, "--trace-sample", "0") as s:
        client = triton_grpc.InferenceServerClient(s.url.split("//")[1])
        one = triton_grpc.InferInput("x", [1, 4], "FP32")
        one.set_data_from_numpy(np.zeros((1, 4), np.float32))
        client.infer("churn", [one], headers={"traceparent": PARENT})
        with pytest.raises(Exception, match="absent"):
            client.infer("absent", [one], headers={"traceparent": PARENT.replace("0af7", "1111")})
        assert requests.post(f"{s.url}/v2/models/churn/infer", data="{", headers={"traceparent": PARENT.replace("0af7", "2222")}, timeout=30).status_code == 400
        spans = sink.wait(lambda all: len([x for x in all if x["kind"] == SERVER]) >= 3)
        roots = {x["trace"][:4]: x for x in spans if x["kind"] == SERVER}
        good, missing, broken = roots["0af7"], roots["1111"], roots["2222"]
        assert good["name"] == "inference.GRPCInferenceService/ModelInfer" and good["attributes"]["rpc.system"] == "grpc"
        assert good["attributes"]["rpc.service"] == "inference.GRPCInferenceService" and good["attributes"]["rpc.method"] == "ModelInfer"
        assert good["attributes"]["rpc.grpc.status_code"] == 0 and good["status"] == 0
        assert missing["attributes"]["rpc.grpc.status_code"] == 5 and missing["status"] == 0 and missing["attributes"]["error.type"] == "NOT_FOUND"
        assert broken["attributes"]["http.response.status_code"] == 400 and broken["status"] == 0  # the client's fault is no error of the server's


def test_a_queued_request_shows_its_wait(tmp_path):
    """A dear model of ONNX Runtime in a child process: the wait, the run, and the child within the run."""
    pytest.importorskip("onnx", reason="needs onnx")
    from onnx import TensorProto, helper, numpy_helper
    w = np.random.default_rng(0).random((1200, 1200), dtype=np.float32)
    nodes, name = [], "x"
    for i in range(6):
        nodes.append(helper.make_node("MatMul", [name, "w"], [f"h{i}" if i < 5 else "y"]))
        name = f"h{i}"
    shape = ["n", 1200]
    graph = helper.make_graph(nodes, "dear", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "dear.onnx").write_bytes(model.SerializeToString())
    with OtlpSink() as sink, Serve(tmp_path, "--otlp-endpoint", sink.url, "--trace-sample", "0", "--engines-isolate", "always") as s:
        body = {"inputs": [{"name": "x", "shape": [16, 1200], "datatype": "FP32", "data": [0.001] * 16 * 1200}]}
        r = requests.post(f"{s.url}/v2/models/dear/infer", json=body, headers={"traceparent": PARENT}, timeout=120)
        if r.status_code == 503 or not r.ok and "ONNX" in r.text:
            pytest.skip("needs ONNX Runtime: " + r.text[:100])
        assert r.status_code == 200, r.text
        spans = {x["name"]: x for x in sink.wait(lambda all: any(x["kind"] == SERVER for x in all))}
        assert spans["queue"]["parent"] == spans["compute"]["parent"] == spans["inference"]["id"]
        assert spans["queue"]["to"] <= spans["compute"]["from"]
        assert spans["engine child"]["parent"] == spans["compute"]["id"] and spans["engine child"]["attributes"]["process.pid"] > 0


def test_a_receiver_that_fails_is_asked_again(folder):
    with OtlpSink(lambda n: [(429, {"Retry-After": "1"}), 503, 200][min(n, 2)]) as sink, Serve(folder, "--otlp-endpoint", sink.url, "--trace-sample", "1") as s:
        ask(s)
        spans = sink.wait(lambda all: len(all) > 0)
        assert sink.refused == 2 and len([x for x in spans if x["kind"] == SERVER]) == 1
        metrics = requests.get(f"{s.url}/metrics", timeout=30).text
        assert "ingot_trace_retries_total 2" in metrics and "ingot_trace_dropped_spans_total 0" in metrics


def test_what_waits_is_sent_at_the_end(folder):
    with OtlpSink() as sink:
        with Serve(folder, "--otlp-endpoint", sink.url, "--trace-sample", "1", env={"OTEL_BSP_SCHEDULE_DELAY": "3600000"}) as s:
            for _ in range(20):
                ask(s)
            assert not sink.messages
        assert len([x for x in sink.spans if x["kind"] == SERVER]) == 20


def test_an_absent_receiver_hinders_nothing(folder):
    with Serve(folder, "--otlp-endpoint", "http://127.0.0.1:9", "--trace-sample", "1") as s:
        assert all(ask(s).status_code == 200 for _ in range(50))
        assert s.stop() == 0
        assert "trace.dropped" in s.log


def test_tritons_trace_settings_switch_it(folder):
    with OtlpSink() as sink, Serve(folder, "--otlp-endpoint", sink.url, "--trace-sample", "0") as s:
        client = triton_grpc.InferenceServerClient(s.url.split("//")[1])
        assert not any("traceresponse" in ask(s).headers for _ in range(10))
        client.update_trace_settings(settings={"trace_level": "TIMESTAMPS", "trace_rate": "3", "trace_count": "2"})
        assert [("traceresponse" in ask(s).headers) for _ in range(12)].count(True) == 2
        assert list(client.get_trace_settings().settings["trace_count"].value) == ["0"]
        client.update_trace_settings(settings={"trace_level": "TIMESTAMPS", "trace_rate": "1", "trace_count": "-1"})
        assert "traceresponse" in ask(s).headers
        r = requests.post(f"{s.url}/v2/trace/setting", json={"trace_level": ["OFF"]}, timeout=30)
        assert r.ok and "traceresponse" not in ask(s).headers
        sink.wait(lambda all: len([x for x in all if x["kind"] == SERVER]) == 3)


@pytest.mark.parametrize("args", [("--trace-sample", "2"), ("--trace-sample", "x"), ("--otlp-protocol", "grpc"), ("--otlp-endpoint", "collector:4318"),
                                  ("--otlp-headers", "novalue")])
def test_settings_that_cannot_be(folder, args):
    args = args if "--otlp-endpoint" in args else (*args, "--otlp-endpoint", "http://127.0.0.1:9")
    p = subprocess.run([program(), "serve", str(folder), "--listen", "127.0.0.1:0", *args], capture_output=True, text=True, timeout=60)
    assert p.returncode != 0 and p.stderr.strip(), p
    assert json.dumps(p.stderr)


def test_the_steps_of_a_chain(folder, tmp_path):
    """An endpoint that validates and has thresholds: its steps lie within what is around the run."""
    from grpc_world import FEATURES, booster, register, serve
    from ingot_server import IngotServer
    with OtlpSink() as sink, IngotServer(tmp_path / "d", "--otlp-endpoint", sink.url, "--trace-sample", "0", env={"OTEL_BSP_SCHEDULE_DELAY": "100"}) as s:
        serve(s.url, "chained", register(s.url, "chained", booster(1, 5)), {"post": {"threshold": 0.5}})
        body = {"inputs": [{"name": "x", "shape": [1, FEATURES], "datatype": "FP32", "data": [0.5] * FEATURES}]}
        r = requests.post(f"{s.url}/v2/models/chained/infer", json=body, headers={"traceparent": PARENT}, timeout=30)
        assert r.status_code == 200, r.text
        spans = {x["name"]: x for x in sink.wait(lambda all: any(x["name"].endswith("/infer") for x in all))}
        assert spans["post-process"]["parent"] == spans["answer"]["id"] and spans["answer"]["parent"] == spans["inference"]["id"]
