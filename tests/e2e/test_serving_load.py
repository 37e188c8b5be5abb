"""Everything at once, and no request fails: `ingot serve` over a folder whose files change while models are loaded and unloaded and clients leave;
`ingot server` with an endpoint under one rollout after the other, its payload log, its labels and its receivers. Answers are compared with the
libraries that made the models. $INGOT_LOAD_SECONDS: how long each lasts."""
import contextlib
import itertools
import json
import os
import random
import shutil
import threading
import time

import numpy as np
import onnx
import pytest
import requests
import serving_load as load
import test_chain
import xgboost
from onnx import TensorProto, helper, numpy_helper
from otlp_sink import OtlpSink
from webhook_sink import Sink

from grpc_world import register, serve
from ingot_server import IngotServer
from serving_world import Serve, upload

SECONDS = float(os.environ.get("INGOT_LOAD_SECONDS", 6))
WIDTH = 8
V1 = "/api/ingot/v1/endpoints/trees"
GRAPH = {"format": "ingot.graph", "version": 1, "inputs": ["x"], "steps": [{"name": "trees", "model": "steady", "inputs": {"features": "x"}},
         {"name": "net", "model": "net", "inputs": {"x": "x"}}, {"name": "m", "combine": "mean", "inputs": ["trees.score", "net.y"]}], "outputs": {"score": "m"}}
ROUTE = GRAPH | {"steps": [{"name": "s", "switch": [{"when": {"parameter": "far", "op": "present"}, "model": "stack"}, {"model": "steady"}], "inputs": {"x": "x"}}],
                 "outputs": {"score": "s.score"}}


def booster(seed, rounds=20):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, WIDTH)).astype(np.float32)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, x[:, 0] + seed * x[:, 1] > 0), rounds)


def network(path):
    """sin(x w) u, which only ONNX Runtime runs: for x [n, 8] y [n]. The same in numpy."""
    rng = np.random.default_rng(9)
    w, u = rng.normal(size=(WIDTH, 64)).astype(np.float32) / 4, rng.normal(size=64).astype(np.float32) / 8
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Sin", ["m"], ["t"]), helper.make_node("MatMul", ["t", "u"], ["y"])]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])], [numpy_helper.from_array(w, "w"), numpy_helper.from_array(u, "u")])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return lambda x: np.sin(x @ w) @ u


class Site:
    """One server with its receivers; kept small while it runs, so that a long load does not fill the memory with what they got."""

    def __init__(self, sink):
        self.sink, self.width, self.names, self.looks = sink, WIDTH, set(), ()

    def of(self, *models):
        return lambda x: [m.predict(xgboost.DMatrix(x)) for m in models]

    def trim(self):
        self.names |= {s["name"] for s in self.sink.spans}
        with self.sink.lock:
            self.sink.messages.clear()


def trimmer(site, rng):
    while True:
        site.trim()
        yield
        time.sleep(0.5)


# ---- a folder of models

def disk(site, rng):
    """Files change under the server, which looks at them every second."""
    for i in itertools.count():
        spare = site.folder.parent / "spare.json"
        site.moving[i % 2].save_model(spare)
        spare.replace(site.folder / "moving.json")
        fresh, aside = site.folder / f"fresh{i % 2}", site.folder.parent / "aside"
        if fresh.exists() and i % 3 == 2:  # it comes and goes at once: half of a model would be one that cannot be loaded
            fresh.rename(aside)
            shutil.rmtree(aside)
        elif not fresh.exists():
            (aside / "1").mkdir(parents=True)
            site.moving[0].save_model(aside / "1/model.json")
            aside.rename(fresh)
        yield
        time.sleep(rng.random() * 2)


PLATT = {"a": -2, "b": 0.5}
CHECKED = {"validate": {"policy": "warn", "columns": {"x": {"min": -1}}}, "post": {"calibrate": {"method": "platt", **PLATT}, "outputs": ["score"]}}
QUEUED = {"inline_us": 0, "batch": {"max_size": 64}, "queue": {"priority_levels": 2, "default_priority_level": 2}}
BY_REQUEST = {"queued": QUEUED, "checked": CHECKED, "cached": {"cache": {"max_bytes": 1000000}}}


def transformed(site, rng):
    """Raw columns through a transform and a calibrator."""
    want = site.churn.score(*map(np.array, (test_chain.AGE, test_chain.INCOME, test_chain.CITY)))
    while True:
        assert np.abs(test_chain.values(test_chain.v2(site, "churn"))["score"] - want).max() < 1e-6
        yield


def test_a_folder_of_models(tmp_path):
    folder, learned = tmp_path / "models", tmp_path / "learned"
    learned.mkdir(), folder.mkdir()
    churn = test_chain.World(learned)
    for file in learned.glob("churn.*"):
        shutil.copy(file, folder)
    a, b = booster(1), booster(2)
    net = network(folder / "net/1/model.onnx")
    for name, files in {"steady": [a], "trees": [a, b], "queued": [a], "cached": [b], "checked": [a], "guest": [b]}.items():
        for i, model in enumerate(files):
            (folder / f"{name}/{i + 1}").mkdir(parents=True)
            model.save_model(folder / f"{name}/{i + 1}/model.json")
    (folder / "trees/config.pbtxt").write_text("version_policy { all { } }")
    a.save_model(folder / "moving.json")
    (folder / "stack.graph.json").write_text(json.dumps(GRAPH))
    (folder / "route.graph.json").write_text(json.dumps(ROUTE))
    with OtlpSink() as sink, Serve(folder, "--model-control-mode", "poll", "--repository-poll-s", "1", "--triton-metrics", "--otlp-endpoint", sink.url, "--trace-sample", "1",
                                   env={"OTEL_BSP_SCHEDULE_DELAY": "200"}) as s:
        assert "11 of 11 models ready" in s.line, s.log()
        site = Site(sink)
        site.url, site.target, site.folder, site.moving, site.churn = s.url, s.url.split("//")[1], folder, [a, b], churn
        site.loads = {name: {"parameters": {"config": json.dumps(config)}} for name, config in BY_REQUEST.items()} | {name: {} for name in ("steady", "trees", "net", "stack", "route", "churn")}
        for name in BY_REQUEST:
            load.good(requests.post(f"{s.url}/v2/repository/models/{name}/load", json=site.loads[name], timeout=60))
        platt = lambda x: [1 / (1 + np.exp(PLATT["a"] * a.predict(xgboost.DMatrix(x)).astype(float) + PLATT["b"]))]
        site.want = {"steady": site.of(a), "route": site.of(a), "trees": site.of(b), "queued": site.of(a), "cached": site.of(b), "checked": platt, "moving": site.of(a, b),
                     "net": lambda x: [net(x)], "stack": lambda x: [(a.predict(xgboost.DMatrix(x)) + net(x)) / 2]}
        roles = [load.rest, load.rest, load.unary, load.streams, load.streams, load.leaver, load.impatient, load.scraper, load.control, load.loader, load.guest, transformed, disk, trimmer]
        print(load.run(site, roles, SECONDS, random.randrange(1 << 32)))
        time.sleep(1)
        site.trim()
        assert {"inference", "prepare", "queue", "compute", "answer", "engine child"} <= site.names
        figures = requests.get(f"{s.url}/v2/models/stats", timeout=30).json()["model_stats"]
        assert {f["name"] for f in figures} >= set(site.want) and sum(f["inference_count"] for f in figures) > 0


# ---- an endpoint of the registry

def customers(site, rng):
    """Ask the endpoint as somebody; the answer is that of the version that it names."""
    with requests.Session() as s:
        while True:
            x = load.rows(site, rng)
            ids = [next(site.ids) for _ in x]
            inputs = load.body("trees", x)["inputs"] + [{"name": "id", "shape": [len(ids)], "datatype": "INT64", "data": ids}]
            answer = load.good(s.post(f"{site.url}/v2/models/trees/infer", json={"inputs": inputs, "parameters": {"id": f"c{rng.randrange(300)}"}}, timeout=60)).json()
            want = site.versions[int(answer["model_version"]) - 1].predict(xgboost.DMatrix(x))
            assert np.abs(np.array(answer["outputs"][0]["data"]) - want).max() < 1e-5
            with site.lock:
                site.answered += len(ids)
                site.open.extend(ids)
            yield


def judge(site, rng):
    """Labels and rewards of what was asked."""
    with requests.Session() as s:
        while True:
            with site.lock:
                ids, site.open = site.open[:500], site.open[500:]
            values, now = [int(rng.random() < 0.4) for _ in ids], int(time.time() * 1e6)
            load.good(s.post(f"{site.url}{V1}/labels", json={"ids": ids, "labels": values, "times_us": [now] * len(ids), "watermark_us": now}, timeout=60))
            load.good(s.post(f"{site.url}{V1}/rewards", json={"ids": ids, "rewards": [float(v) for v in values]}, timeout=60), 200, 404, 409)  # no rollout, or none that learns
            yield
            time.sleep(0.05)


def deployer(site, rng):
    """One rollout after the other, each looked at and ended; labels may have ended it before."""
    with requests.Session() as s:
        for kind in itertools.cycle(("ab", "shadow", "bandit", "canary", "blue_green")):
            live = s.get(f"{site.url}{V1}", timeout=60).json()["version"]
            plan = {"min_samples": 30, "min_step_us": 0} if kind != "blue_green" else {}
            more = {"versions": [v for v in (1, 2, 3) if v != live][1:]} if kind in ("ab", "bandit") else {}
            candidate = [v for v in (1, 2, 3) if v != live][0]
            r = load.good(s.post(f"{site.url}{V1}/rollouts", json={"version": candidate, "kind": kind, "plan": plan | more}, timeout=60))
            number = r.json()["rollout_id"]
            for _ in range(3):
                time.sleep(rng.random() / 3)
                for path in ("", f"/rollouts/{number}", f"/rollouts/{number}/replay", "/rollouts", "/windows", "/alerts"):
                    load.good(s.get(site.url + V1 + path, timeout=60))
                yield
            action = rng.choice(("promote", "rollback"))
            load.good(s.post(f"{site.url}{V1}/rollouts/{action}", json={"why": "load"}, timeout=60), 200, 404, 409)
            yield


def clerk(site, rng):
    """Files of the payload log are written, listed and read."""
    with requests.Session() as s:
        while True:
            load.good(s.post(f"{site.url}{V1}/flush", json={}, timeout=60))
            listed = load.good(s.get(f"{site.url}{V1}/payloads", timeout=60)).json()["payloads"]
            if listed:
                load.good(s.get(f"{site.url}{V1}/payloads/{rng.choice(listed)['seq']}", timeout=60))
            load.good(s.get(f"{site.url}{V1}/predictions", timeout=60))
            yield
            time.sleep(0.3)


class File:
    """What register() takes for a model."""

    def __init__(self, document):
        self.document = document

    def save_raw(self, _):
        return json.dumps(self.document).encode()


def listener(site, rng):
    """Follows what changes as the pages do, leaves, and comes back for what it has missed."""
    seen = ""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": seen} if seen else {})}
        with contextlib.suppress(requests.ConnectionError), requests.get(f"{site.url}/api/ingot/v1/events", headers=headers, stream=True, timeout=(60, 5)) as r:  # 5 s of silence
            load.good(r)
            for line in itertools.islice(r.iter_lines(chunk_size=1, decode_unicode=True), rng.choice((1, 50, 2000))):
                seen = line[4:] if line.startswith("id: ") else seen
                yield


def rows_of(url):
    """Of all files of the payload log, which is told by pages."""
    n, after = 0, 0
    while True:
        page = requests.get(f"{url}{V1}/payloads", params={"after": after}, timeout=60).json()["payloads"]
        if not page:
            return n
        n, after = n + sum(f["rows"] for f in page), page[-1]["seq"]


def metric(url, name):
    return next(float(line.split()[-1]) for line in requests.get(f"{url}/metrics", timeout=60).text.splitlines() if line.startswith(name + " "))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_endpoint_under_rollouts(tmp_path, request, database):
    more = ["--db", request.getfixturevalue("postgres").database("load")] if database == "postgres" else []
    with OtlpSink() as sink, Sink() as receiver, IngotServer(tmp_path / "data", "--triton-metrics", "--otlp-endpoint", sink.url, "--trace-sample", "1", *more) as s:
        site = Site(sink)
        site.url, site.target, site.versions, site.ids, site.open, site.answered, site.lock = s.url, s.url.split("//")[1], [booster(i) for i in (1, 2, 3)], itertools.count(), [], 0, threading.Lock()
        net = network(tmp_path / "net.onnx")
        for model in site.versions:
            number = register(s.url, "trees", model)
        config = {"id_field": "id", "payload_log": {"sample": 1, "flush_s": 1}, "logger": {"mode": "all", "url": receiver.url + "/events"}, "monitor": {"min_rows": 20, "min_labels": 20}}
        serve(s.url, "trees", number - 2, config)
        serve(s.url, "steady", register(s.url, "steady", site.versions[0]), {"cache": {"max_bytes": 100000}})
        serve(s.url, "queued", register(s.url, "queued", site.versions[0]), QUEUED)
        serve(s.url, "net", upload(s.url, "net", tmp_path / "net.onnx"))
        serve(s.url, "stack", register(s.url, "stack", File(GRAPH)), {"payload_log": {"sample": 0.5, "flush_s": 1}})
        a = site.versions[0]
        site.loads = {name: {} for name in ("trees", "steady", "net", "stack")}
        site.looks = ("/api/ingot/v1/endpoints",)
        site.want = {"steady": site.of(a), "queued": site.of(a), "net": lambda x: [net(x)], "stack": lambda x: [(a.predict(xgboost.DMatrix(x)) + net(x)) / 2]}
        roles = [customers, customers, customers, judge, deployer, clerk, load.rest, load.unary, load.streams, load.leaver, load.impatient, load.scraper, load.control, load.loader, listener, listener, trimmer]
        print(load.run(site, roles, SECONDS, random.randrange(1 << 32)))
        load.good(requests.post(f"{s.url}{V1}/flush", json={}, timeout=60))
        dropped = metric(s.url, "ingot_payload_dropped_total")
        assert dropped or rows_of(s.url) == site.answered, (dropped, rows_of(s.url), site.answered)
        assert receiver.requests or metric(s.url, "ingot_events_dropped_total")
        code = s.stop()
        assert code == 0, "the server did not end cleanly on SIGTERM"
