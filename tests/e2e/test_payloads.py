"""The payload log (sampled requests as Parquet) and CloudEvents, on a live server: read by pyarrow, pandas, DuckDB and the CloudEvents SDK."""
import io
import json
import signal
import time

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests
import tritonclient.grpc as triton_grpc
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from webhook_sink import Sink

from grpc_world import FEATURES, booster, register, serve
from ingot_server import IngotServer
from test_commands import ingot


def ask(url, x, name="trees", id="q", **headers):
    body = {"id": id, "inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}]}
    r = requests.post(f"{url}/v2/models/{name}/infer", json=body, headers=headers, timeout=30)
    assert r.status_code == 200, r.text
    return np.array(r.json()["outputs"][0]["data"])


def flush(url, name="trees"):
    r = requests.post(f"{url}/api/ingot/v1/endpoints/{name}/flush", json={}, timeout=60)
    assert r.status_code == 200, r.text


def listed(url, name="trees", **query):
    r = requests.get(f"{url}/api/ingot/v1/endpoints/{name}/payloads", params=query, timeout=30)
    assert r.status_code == 200, r.text
    return r.json()["payloads"]


def fetched(url, seq, name="trees"):
    r = requests.get(f"{url}/api/ingot/v1/endpoints/{name}/payloads/{seq}", timeout=30)
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/vnd.apache.parquet"
    return r.content


def deploy(s, config, name="trees", model=None):
    serve(s.url, name, register(s.url, name, model or booster(1)), config)


def rows(rng, n):
    return rng.normal(size=(n, FEATURES)).astype(np.float32)


def test_what_was_asked_and_answered(tmp_path):
    """Every value comes back as it was sent, in each reader."""
    rng = np.random.default_rng(1)
    with IngotServer(tmp_path / "d") as s:
        deploy(s, {"payload_log": {"sample": 1, "redact": ["x_3"], "keep_days": 30}})
        asked = [rows(rng, n) for n in (1, 3, 2)]
        asked[1][0, 5] = np.nan
        answers = [ask(s.url, x, id=f"q-{i}", **{"X-Request-Id": f"request-{i}"}) for i, x in enumerate([asked[0], np.nan_to_num(asked[1], nan=0.5), asked[2]])]
        client = triton_grpc.InferenceServerClient(s.url.split("//")[1])
        tensor = triton_grpc.InferInput("x", list(asked[1].shape), "FP32")
        tensor.set_data_from_numpy(asked[1])  # NaN travels in the binary form
        over_grpc = client.infer("trees", [tensor], request_id="g").as_numpy(client.get_model_metadata("trees").outputs[0].name).ravel()
        flush(s.url)
        files = listed(s.url)
        assert sum(f["rows"] for f in files) == 9 and all(f["expires_us"] - f["end_us"] == 30 * 86400 * 10**6 for f in files)
        content = fetched(s.url, files[0]["seq"])
        frame = pq.read_table(io.BytesIO(content)).to_pandas()
        assert len(frame) == files[0]["rows"]
        (tmp_path / "f.parquet").write_bytes(content)
        assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/f.parquet'").fetchone()[0] == len(frame) == len(pd.read_parquet(tmp_path / "f.parquet"))
        for i, (x, want) in enumerate(zip([asked[0], np.nan_to_num(asked[1], nan=0.5), asked[2]], answers)):
            mine = frame[frame.request_id == f"request-{i}"].sort_values("row")
            assert list(mine.row) == list(range(len(x))) and set(mine.inference_id) == {f"q-{i}"} and set(mine.endpoint) == {"trees"}
            assert set(mine.version) == {1} and mine.ok.all() and mine.error.isna().all() and (mine.latency_us >= 0).all()
            got = mine[[f"in_x_{k}" for k in range(FEATURES) if k != 3]].to_numpy(np.float32)
            assert np.array_equal(got, np.delete(x, 3, axis=1)) and mine["in_x_3"].isna().all()
            out = [c for c in frame.columns if c.startswith("out_")]
            assert len(out) == 1 and np.allclose(mine[out[0]], want, rtol=1e-6)
        grpc_rows = frame[frame.inference_id == "g"].sort_values("row")
        assert np.allclose(grpc_rows[out[0]], over_grpc) and pd.isna(grpc_rows.iloc[0]["in_x_5"])
        assert abs(frame.time.max().timestamp() - time.time()) < 600


def test_ids_join_labels_and_columns_are_chosen(tmp_path):
    with IngotServer(tmp_path / "d") as s:
        deploy(s, {"id_field": "customer", "payload_log": {"sample": 1, "columns": ["customer"]}})
        x = rows(np.random.default_rng(2), 3)
        body = {"inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()},
                           {"name": "customer", "shape": [3], "datatype": "INT64", "data": [7, 8, 9]}]}
        assert requests.post(f"{s.url}/v2/models/trees/infer", json=body, timeout=30).status_code == 200
        out = tmp_path / "all.parquet"
        flush(s.url)
        done = json.loads(ingot("deploy", "payloads", "trees", "--out", str(out), "--json", env={"INGOT_SERVER": s.url}).stdout)
        assert done["rows"] == 3
        frame = pd.read_parquet(out).sort_values("row")
        assert list(frame.id) == [7, 8, 9] == list(frame.in_customer)
        assert [c for c in frame.columns if c.startswith(("in_", "out_"))] == ["in_customer"]
        labels = pd.DataFrame({"id": [9, 7], "label": [1, 0]})
        assert list(frame.merge(labels, on="id").label) == [0, 1]


def test_a_clean_stop_keeps_everything_and_a_restart_shows_it(tmp_path):
    rng = np.random.default_rng(3)
    with IngotServer(tmp_path / "d") as s:
        deploy(s, {"payload_log": {"sample": 1, "flush_s": 3600}})
        for _ in range(40):
            ask(s.url, rows(rng, 2))
        assert s.stop() == 0
    with IngotServer(tmp_path / "d") as s:
        files = listed(s.url)
        assert sum(f["rows"] for f in files) == 80
        assert sum(len(pd.read_parquet(io.BytesIO(fetched(s.url, f["seq"])))) for f in files) == 80
        assert not listed(s.url, after=files[-1]["seq"])
        assert requests.get(f"{s.url}/api/ingot/v1/endpoints/trees/payloads/999", timeout=30).status_code == 404
        assert requests.get(f"{s.url}/api/ingot/v1/endpoints/none/payloads", timeout=30).status_code == 404


def test_what_a_kill_loses(tmp_path):
    """Rows that were flushed stay, whole; rows that were not may be lost, and the server starts again."""
    rng = np.random.default_rng(4)
    s = IngotServer(tmp_path / "d")
    deploy(s, {"payload_log": {"sample": 1, "flush_s": 3600}})
    ask(s.url, rows(rng, 5))
    flush(s.url)
    ask(s.url, rows(rng, 5))
    s.process.send_signal(signal.SIGKILL)
    s.process.wait()
    s.stop()
    with IngotServer(tmp_path / "d") as s:
        assert [f["rows"] for f in listed(s.url)] == [5]
        assert len(pd.read_parquet(io.BytesIO(fetched(s.url, listed(s.url)[0]["seq"])))) == 5


def test_files_come_by_size_and_nothing_without_a_sample(tmp_path):
    rng = np.random.default_rng(5)
    with IngotServer(tmp_path / "d") as s:
        deploy(s, {"payload_log": {"sample": 1, "max_bytes": 4096, "flush_s": 3600}})
        deploy(s, {}, name="quiet")
        for _ in range(30):
            ask(s.url, rows(rng, 8))
            ask(s.url, rows(rng, 8), name="quiet")
        flush(s.url)
        assert len(listed(s.url)) > 3 and sum(f["rows"] for f in listed(s.url)) == 240 and not listed(s.url, "quiet")


@pytest.mark.parametrize("config", [{"payload_log": {"sample": 2}}, {"payload_log": {"samples": 1}}, {"logger": {"mode": "all"}}, {"logger": {"url": "file:///x"}}])
def test_configurations_that_cannot_be(server, config):
    version = register(server.url, "bad", booster(1, 2))
    r = requests.put(f"{server.url}/api/ingot/v1/endpoints/bad", json={"version": version, "config": {"model": "bad", **config}}, timeout=30)
    assert r.status_code == 400, r.text


def event_of(request):
    return from_binary_event(HTTPMessage(headers={k.lower(): v for k, v in request.headers.items()}, body=request.body.encode()), JSONFormat())


def test_cloudevents_as_kserve_sends_them(tmp_path):
    with Sink() as sink, IngotServer(tmp_path / "d", "--webhook-allow-private", "--webhook-schemes", "http") as s:
        deploy(s, {"logger": {"mode": "all", "url": sink.url + "/log", "namespace": "ml"}, "payload_log": {"sample": 0, "redact": ["x_0"]}})
        x = rows(np.random.default_rng(6), 2)
        answer = ask(s.url, x, id="mine", **{"X-Request-Id": "request-7"})
        sink.wait(lambda requests: len(requests) >= 2)
        events = {e.get_type(): e for e in map(event_of, sink.requests)}
        asked, answered = (events[f"org.kubeflow.serving.inference.{k}"] for k in ("request", "response"))
        for e in (asked, answered):
            assert e.get_id() == "request-7" and e.get_source() == "/ingot/endpoints/trees" and e.get_specversion() == "1.0"
            assert e.get_extension("inferenceservicename") == "trees" and e.get_extension("namespace") == "ml"
            assert e.get_extension("component") == "predictor" and e.get_extension("endpoint") == "default"
            assert abs(e.get_time().timestamp() - time.time()) < 600
        data = asked.get_data()["inputs"][0]
        got = np.array(data["data"], dtype=object).reshape(2, FEATURES)
        assert (got[:, 0] == None).all() and np.array_equal(got[:, 1:].astype(np.float32), x[:, 1:])  # noqa: E711
        assert np.allclose(answered.get_data()["outputs"][0]["data"], answer) and answered.get_data()["model_version"] == "1"
        assert {r.path for r in sink.requests} == {"/log"}


def test_events_never_reach_what_is_private(tmp_path):
    """A receiver on this machine is refused unless the operator allows it; the request itself is answered all the same."""
    with Sink() as sink, IngotServer(tmp_path / "d") as s:
        deploy(s, {"logger": {"url": sink.url}})
        ask(s.url, rows(np.random.default_rng(7), 1))
        end = time.monotonic() + 60
        while "ingot_events_dropped_total 2" not in requests.get(f"{s.url}/metrics", timeout=30).text:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert not sink.requests


def test_on_each_database(either):
    """The files' rows in SQL, and their end, on SQLite and on PostgreSQL."""
    x = rows(np.random.default_rng(8), 4)
    serve(either.url, "kept", register(either.url, "kept", booster(1, 5)), {"payload_log": {"sample": 1, "keep_days": 1}})
    before = len(listed(either.url, "kept"))
    ask(either.url, x, name="kept")
    flush(either.url, "kept")
    files = listed(either.url, "kept")
    assert len(files) == before + 1 and files[-1]["rows"] == 4
    assert len(pd.read_parquet(io.BytesIO(fetched(either.url, files[-1]["seq"], "kept")))) == 4
