"""/metrics as Prometheus' own parsers read it, and Triton's families with Triton's meanings."""
import threading

import numpy as np
import pytest
import requests
import xgboost
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from test_traces import Serve, ask

TRITON = {"nv_inference_request_success", "nv_inference_request_failure", "nv_inference_count", "nv_inference_exec_count",
          "nv_inference_request_duration_us", "nv_inference_queue_duration_us", "nv_inference_compute_input_duration_us",
          "nv_inference_compute_infer_duration_us", "nv_inference_compute_output_duration_us", "nv_inference_pending_request_count",
          "nv_cache_num_hits_per_model", "nv_cache_num_misses_per_model", "nv_cache_hit_duration_per_model", "nv_cache_miss_duration_per_model",
          "nv_cpu_utilization", "nv_cpu_memory_total_bytes", "nv_cpu_memory_used_bytes"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    rng = np.random.default_rng(3)
    x = rng.random((200, 4), dtype=np.float32)
    xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(x, (x[:, 0] > 0.5).astype(int)), 5).save_model(folder / "churn.json")
    return folder


def text_of(s, **headers):
    r = requests.get(f"{s.url}/metrics", headers=headers, timeout=60)
    assert r.status_code == 200
    return r


def samples(families):
    out = {}
    for family in families:
        for sample in family.samples:
            # Prometheus' parser of the older text gives every counter the ending _total, whatever its name is.
            key = (sample.name.removesuffix("_total"), tuple(sorted(sample.labels.items())))
            assert key not in out, f"twice: {key}"
            out[key] = sample.value
    return out


def value(all, name, **labels):
    return all[(name.removesuffix("_total"), tuple(sorted(labels.items())))]


def test_counts_are_what_was_asked(folder):
    with Serve(folder) as s:
        for _ in range(5):
            assert ask(s, rows=3).status_code == 200
        assert ask(s, rows=0).status_code == 400
        bad = {"inputs": [{"name": "x", "shape": [1, 5], "datatype": "FP32", "data": [1] * 5}]}
        assert requests.post(f"{s.url}/v2/models/churn/infer", json=bad, timeout=30).status_code == 400
        text = text_of(s)
        assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        all = samples(parse_text(text.text))
        labels = {"endpoint": "churn", "version": "1"}
        assert value(all, "ingot_serve_requests_total", outcome="ok", **labels) == 5
        assert value(all, "ingot_serve_requests_total", outcome="invalid", **labels) == 2
        assert value(all, "ingot_serve_rows_total", **labels) == 15 and value(all, "ingot_serve_runs_total", **labels) == 5
        assert value(all, "ingot_serve_duration_seconds_count", **labels) == 5
        assert value(all, "ingot_serve_duration_seconds_bucket", le="+Inf", **labels) == 5
        assert value(all, "ingot_serve_compute_seconds_sum", **labels) <= value(all, "ingot_serve_duration_seconds_sum", **labels)
        assert value(all, "ingot_serve_run_rows_bucket", le="2", **labels) == 0 and value(all, "ingot_serve_run_rows_bucket", le="4", **labels) == 5
        assert value(all, "ingot_serve_queued", **labels) == 0 and value(all, "ingot_serve_queue_bytes", **labels) == 0
        assert value(all, "ingot_serve_memory_bytes", **labels) > 0 and value(all, "ingot_serve_ready", endpoint="churn") == 1
        assert value(all, "ingot_http_requests_total", method="POST", route="/v2/models/{name}/infer", code="4xx") == 2
        assert not [k for k in all if k[0].startswith("nv_")]


def test_both_formats_parse_and_say_the_same(folder):
    with Serve(folder, "--triton-metrics") as s:
        ask(s)
        r = text_of(s, Accept="application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.3")
        assert r.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8" and r.text.endswith("# EOF\n")
        families = list(parse_openmetrics(r.text))
        assert {f.name for f in families} >= TRITON
        opened, plain = samples(families), samples(parse_text(text_of(s).text))
        own = {k for k in plain if ("route", "/metrics") in k[1]}  # the first scrape is in the second
        assert own and set(opened) == set(plain) - own
        assert len(families) == len({f.name for f in families})


def test_tritons_families(folder):
    with Serve(folder, "--triton-metrics") as s:
        for _ in range(4):
            ask(s, rows=3)
        requests.post(f"{s.url}/v2/models/churn/infer", json={"inputs": [{"name": "x", "shape": [1, 5], "datatype": "FP32", "data": [1] * 5}]}, timeout=30)
        all = samples(parse_text(text_of(s).text))
        labels = {"model": "churn", "version": "1"}
        assert value(all, "nv_inference_request_success", **labels) == 4 and value(all, "nv_inference_count", **labels) == 12
        assert value(all, "nv_inference_exec_count", **labels) == 4 and value(all, "nv_inference_request_failure", reason="OTHER", **labels) == 1
        assert value(all, "nv_inference_request_duration_us", **labels) >= value(all, "nv_inference_compute_infer_duration_us", **labels)
        stats = requests.get(f"{s.url}/v2/models/churn/stats", timeout=30).json()["model_stats"][0]
        assert stats["inference_count"] == 12
        assert abs(stats["inference_stats"]["success"]["ns"] // 1000 - value(all, "nv_inference_request_duration_us", **labels)) <= 1
        assert value(all, "nv_cpu_memory_total_bytes") > value(all, "nv_cpu_memory_used_bytes") > 0
        assert 0 <= value(all, "nv_cpu_utilization") <= 1


def test_scrapes_beside_requests(folder):
    with Serve(folder, "--triton-metrics") as s:
        stop = threading.Event()

        def work():
            while not stop.is_set():
                ask(s)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            before = 0
            for _ in range(20):
                now = value(samples(parse_text(text_of(s).text)), "nv_inference_count", model="churn", version="1")
                assert now >= before
                before = now
        finally:
            stop.set()
            for t in threads:
                t.join()
