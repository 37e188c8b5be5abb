"""What is asked of a model server, and what else happens to it, at the same time: roles that run side by side until the time is over. Each is a generator
of `site` and a random generator; it yields after each of its doings and raises what it should not have met. Used by test_serving_load.py; for a
build under ThreadSanitizer (cmake --preset tsan) $INGOT_BIN names it and $INGOT_LOAD_SECONDS makes it last.

A site has `url`, `target`, `width` and `want`: by model name a function of rows that gives the acceptable answers, each a list of scores."""
import contextlib
import json
import queue
import random
import socket
import threading
import time

import grpc
import numpy as np
import requests
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

TYPES = {"FP32": np.float32, "FP64": np.float64}
NAME = {"net": "x", "stack": "x", "route": "x"}  # of the input; a model of rows takes any


def rows(site, rng):
    return np.random.default_rng(rng.randrange(1 << 32)).normal(size=(rng.choice((1, 1, 2, 5, 40)), site.width)).astype(np.float32)


def check(site, model, x, got):
    got = np.asarray(got, dtype=float).ravel()
    wants = site.want[model](x)
    assert any(len(w) == len(got) and np.abs(np.asarray(w) - got).max() < 1e-5 for w in wants), (model, x.shape, got[:5], [np.asarray(w)[:5] for w in wants])


def good(r, *allowed):
    assert r.status_code in (allowed or (200,)), (r.request.method, r.request.url, r.status_code, r.text[:500])
    return r


def body(model, x, **more):
    return {"inputs": [{"name": NAME.get(model, "features"), "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}], **more}


# ---- those who ask

def rest(site, rng):
    """V2 in JSON and in binary, V1, MLflow's scoring."""
    with requests.Session() as s:
        while True:
            model, x = rng.choice(list(site.want)), rows(site, rng)
            form = rng.randrange(4)
            if form == 0:
                answer = good(s.post(f"{site.url}/v2/models/{model}/infer", json=body(model, x, id=str(rng.random())), timeout=60)).json()
                check(site, model, x, answer["outputs"][0]["data"])
            elif form == 1:
                head = json.dumps({"inputs": [{"name": NAME.get(model, "features"), "shape": list(x.shape), "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}],
                                   "parameters": {"binary_data_output": True}}).encode()
                r = good(s.post(f"{site.url}/v2/models/{model}/infer", data=head + x.tobytes(), timeout=60,
                                headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}))
                n = int(r.headers["Inference-Header-Content-Length"])
                kind = json.loads(r.content[:n])["outputs"][0]["datatype"]
                check(site, model, x, np.frombuffer(r.content[n:], TYPES[kind]))
            elif form == 2:
                instances = x.tolist() if model not in NAME else [{"x": row} for row in x.tolist()]
                predictions = good(s.post(f"{site.url}/v1/models/{model}:predict", json={"instances": instances}, timeout=60)).json()["predictions"]
                check(site, model, x, [next(iter(p.values())) if isinstance(p, dict) else p for p in predictions])
            else:
                inputs = x.tolist() if model not in NAME else {"x": x.tolist()}
                predictions = good(s.post(f"{site.url}/endpoints/{model}/invocations", json={"inputs": inputs}, timeout=60)).json()["predictions"]
                check(site, model, x, list(predictions.values())[0] if isinstance(predictions, dict) else [next(iter(p.values())) if isinstance(p, dict) else p for p in predictions])
            yield


def _message(model, x, **more):
    q = pb.ModelInferRequest(model_name=model, **more)
    q.inputs.add(name=NAME.get(model, "features"), datatype="FP32", shape=x.shape)
    q.raw_input_contents.append(x.tobytes())
    return q


def _scores(answer):
    return np.frombuffer(answer.raw_output_contents[0], TYPES[answer.outputs[0].datatype])


def unary(site, rng):
    """gRPC, one call after the other; one in ten is given up."""
    with grpc.insecure_channel(site.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        while True:
            model, x = rng.choice(list(site.want)), rows(site, rng)
            if rng.randrange(10) == 0:
                call = stub.ModelInfer.future(_message(model, x))
                time.sleep(rng.random() / 500)
                call.cancel()
            else:
                check(site, model, x, _scores(stub.ModelInfer(_message(model, x), timeout=60)))
            yield


def streams(site, rng):
    """Streams of a few questions each, some of them cut off."""
    with grpc.insecure_channel(site.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        while True:
            asked = queue.Queue()
            call, cut = stub.ModelStreamInfer(iter(asked.get, None), timeout=120), rng.randrange(4) == 0
            try:
                for i in range(rng.randrange(1, 12)):
                    model, x = rng.choice(list(site.want)), rows(site, rng)
                    asked.put(_message(model, x, id=str(i)))
                    if cut and rng.randrange(4) == 0:
                        break
                    answer = next(call)
                    assert not answer.error_message and answer.infer_response.id == str(i), answer.error_message
                    check(site, model, x, _scores(answer.infer_response))
                    yield
            finally:
                if cut:
                    call.cancel()
                asked.put(None)
            if not cut:
                assert list(call) == [] and call.code() == grpc.StatusCode.OK
            yield


def leaver(site, rng):
    """Asks and goes before, in the midst of, or after the answer."""
    host, port = site.target.split(":")
    while True:
        model, x = rng.choice(list(site.want)), rows(site, rng)
        text = json.dumps(body(model, x))
        data = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode() * rng.choice((1, 3))
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=0.05) as s:
            s.sendall(data[:rng.randrange(1, len(data) + 1)] if rng.randrange(2) else data)
            if rng.randrange(2):
                s.recv(rng.choice((1, 100, 65536)))
            if rng.randrange(2):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset in place of an end
        yield


def impatient(site, rng):
    """Waits no longer than a microsecond, by priority."""
    with requests.Session() as s:
        while True:
            x = rows(site, rng)
            parameters = {"timeout": rng.choice((1, 1000000)), "priority": rng.choice((1, 2))}
            r = good(s.post(f"{site.url}/v2/models/queued/infer", json=body("queued", x, parameters=parameters), timeout=60), 200, 504)
            if r.status_code == 200:
                check(site, "queued", x, r.json()["outputs"][0]["data"])
            yield


# ---- what else happens

def scraper(site, rng):
    """Whatever shows figures or settings."""
    with requests.Session() as s:
        while True:
            for path in ("/metrics", "/v2/models/stats", "/v2/health/ready", "/v2/trace/setting", "/v2/logging", f"/v2/models/{rng.choice(list(site.want))}/config",
                         f"/v2/models/{rng.choice(list(site.want))}", *site.looks):
                good(s.get(site.url + path, timeout=60))
                yield
            good(s.post(f"{site.url}/v2/repository/index", json={}, timeout=60))
            good(s.post(f"{site.url}/v2/trace/setting", json={"trace_level": [rng.choice(("OFF", "TIMESTAMPS"))], "trace_rate": str(rng.randrange(1, 9)), "trace_count": "50"}, timeout=60))
            good(s.post(f"{site.url}/v2/logging", json={"log_verbose_level": 0, "log_info": bool(rng.randrange(2))}, timeout=60))
            yield
            time.sleep(0.02)


def control(site, rng):
    """The same over gRPC."""
    with triton.InferenceServerClient(site.target) as c:
        while True:
            model = rng.choice(list(site.want))
            assert c.is_server_live() and c.is_model_ready(model)
            c.get_model_metadata(model), c.get_model_config(model), c.get_inference_statistics(model), c.get_model_repository_index(), c.get_trace_settings()
            yield
            time.sleep(0.05)


def loader(site, rng):
    """Loads anew what is being asked; `site.loads`: by model, what the request says."""
    with requests.Session() as s:
        while True:
            model = rng.choice(list(site.loads))
            good(s.post(f"{site.url}/v2/repository/models/{model}/load", json=site.loads[model], timeout=120))
            yield
            time.sleep(rng.random() / 10)


def guest(site, rng):
    """A model that comes and goes, and is asked all the while by another thread."""
    with requests.Session() as s, contextlib.ExitStack() as stack:
        over = threading.Event()
        seen = {"answers": 0, "failures": []}

        def ask():
            with requests.Session() as mine:
                while not over.is_set():
                    x = rows(site, rng_of_asker)
                    try:
                        if good(mine.post(f"{site.url}/v2/models/guest/infer", json=body("guest", x), timeout=60), 200, 404).status_code == 200:
                            seen["answers"] += 1
                    except Exception as e:  # noqa: BLE001
                        seen["failures"].append(repr(e))
                        return

        rng_of_asker = random.Random(rng.random())
        thread = threading.Thread(target=ask)
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        while True:
            good(s.post(f"{site.url}/v2/repository/models/guest/load", json={}, timeout=120))
            time.sleep(rng.random() / 20)
            good(s.post(f"{site.url}/v2/repository/models/guest/unload", json={}, timeout=120))
            assert not seen["failures"], seen["failures"]
            yield


def run(site, roles, seconds, seed):
    """{role: doings}; raises what a role met that it should not."""
    done, failures, end = {}, [], time.monotonic() + seconds

    def work(i, role):
        rng, n = random.Random(f"{seed}-{i}"), 0
        doings = role(site, rng)
        try:
            for _ in doings:
                n += 1
                if time.monotonic() > end or failures:
                    break
            doings.close()
        except Exception as e:  # noqa: BLE001
            failures.append(f"{role.__name__}: {e!r}")
        with lock:
            done[role.__name__] = done.get(role.__name__, 0) + n

    lock = threading.Lock()
    threads = [threading.Thread(target=work, args=(i, role)) for i, role in enumerate(roles)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures
    return done
