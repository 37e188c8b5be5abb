"""Alerts on runs: rules by API and command line, logged to by MLflow's client, told to a receiver, also when the server is killed."""
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

import ingot_server
from ingot_server import IngotServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "services"))
from webhook_sink import Sink  # noqa: E402

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric  # noqa: E402
from mlflow.webhooks.delivery import _generate_hmac_signature  # noqa: E402

OPEN = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}


@pytest.fixture
def sink():
    with Sink() as s:
        yield s


def open_server(data, *args, **kw):
    return IngotServer(data, "--webhook-pause-ms", "100", *args, env=OPEN, **kw)


def client_of(server):
    return MlflowClient(tracking_uri=server.url, registry_uri=server.url)


def rule(server, name, **body):
    r = requests.post(server.url + "/api/ingot/v1/alert-rules", json={"name": name, **body}, timeout=10)
    assert r.status_code == 201, r.text
    return r.json()


def alerts(server, **query):
    r = requests.get(server.url + "/api/ingot/v1/alerts", params=query, timeout=10)
    r.raise_for_status()
    return r.json()["alerts"]


def ingot(server, *args, env=None):
    done = subprocess.run([ingot_server.program(), *args, "--server", server.url], capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def test_a_receiver_hears_of_a_metric(data_folder, sink):
    with open_server(data_folder) as server:
        c = client_of(server)
        exp = c.create_experiment("watched")
        made = rule(server, "loss-high", experiment_id=exp, metric="loss", comparison=">", threshold=5, points=2, url=sink.url + "/alert", secret="k")
        assert made["rule"] == "loss > 5.0 for 2 points" and "secret" not in json.dumps(made) and sink.url not in json.dumps(made)
        run, other = c.create_run(exp).info.run_id, c.create_run("0").info.run_id
        for step, value in enumerate([1, 9, 1, 9]):
            c.log_metric(run, "loss", value, step=step, timestamp=1000 + step)
            c.log_metric(other, "loss", 99, step=step, timestamp=1000 + step)
        time.sleep(1.5)
        assert sink.all() == [] and alerts(server) == []
        c.log_metric(run, "loss", 8.5, step=4, timestamp=1004)
        (fired,) = sink.wait(lambda r: r)
        h = fired.headers
        assert h["X-MLflow-Signature"] == _generate_hmac_signature("k", h["X-MLflow-Delivery-Id"], h["X-MLflow-Timestamp"], fired.body)
        assert (fired.path, fired.json["entity"], fired.json["action"]) == ("/alert", "metric_alert", "firing")
        name = c.get_run(run).info.run_name
        assert fired.json["data"] == {"rule": "loss-high", "kind": "metric", "state": "firing", "experiment_id": exp, "run_id": run, "run_name": name,
                                      "metric": "loss", "value": 8.5, "step": 4, "reason": "loss > 5.0 for 2 points: loss is 8.5 at step 4"}
        (row,) = alerts(server, state="firing")
        assert row["run_id"] == run and row["value"] == 8.5 and "resolved" not in row
        c.log_metric(run, "loss", 1, step=5, timestamp=1005)
        assert sink.wait(lambda r: len(r) >= 2)[1].json["action"] == "resolved"
        assert alerts(server, state="firing") == [] and alerts(server, state="resolved", rule="loss-high")[0]["resolved"]
        assert c.list_webhooks() == []  # MLflow's clients see none of it
        verbs = [r["verb"] for r in requests.get(server.url + "/api/ingot/v1/audit?kind=alert_rule", timeout=10).json()["rows"]]
        assert verbs == ["alert.resolve", "alert.fire", "alert_rule.add"]


def test_the_other_kinds(data_folder, sink):
    with open_server(data_folder) as server:
        c = client_of(server)
        rule(server, "nan", kind="nan", url=sink.url)
        rule(server, "broken", kind="failed", url=sink.url)
        rule(server, "hangs", kind="stale", after="2s", filter="tags.watch = 'yes'", url=sink.url)
        run = c.create_run("0", tags={"watch": "yes"}).info.run_id
        c.log_batch(run, [Metric("a", 1.0, 1, 1), Metric("b", float("nan"), 1, 1)])
        told = sink.wait(lambda r: len(r) >= 2)
        assert [(t.json["data"]["rule"], t.json["data"]["metric"]) for t in told] == [("nan", "b"), ("hangs", "")]
        assert told[0].json["data"]["value"] is None
        c.set_terminated(run, "FAILED")
        told = sink.wait(lambda r: len(r) >= 4)
        assert {(t.json["data"]["rule"], t.json["action"]) for t in told[2:]} == {("broken", "firing"), ("hangs", "resolved")}


def test_the_command_line(data_folder, sink):
    with open_server(data_folder) as server:
        assert ingot(server, "alert", "rules") == (0, "no alert rules\n", "")
        code, out, err = ingot(server, "alert", "add", "loss-high", "--metric", "loss", "--threshold", "5", "--points", "3", "--filter", "tags.t = 'x'",
                               "--experiment", "0", "--url", sink.url, env={"INGOT_ALERT_SECRET": "k"})
        assert (code, out, err) == (0, "watching: loss > 5.0 for 3 points\n", "")
        assert ingot(server, "alert", "rules")[1] == "loss-high            loss > 5.0 for 3 points, experiment 0, where tags.t = 'x'\n"
        assert json.loads(ingot(server, "alert", "rules", "--json")[1])["rules"][0]["threshold"] == 5
        c = client_of(server)
        run = c.create_run("0", tags={"t": "x"}).info.run_id
        c.log_batch(run, [Metric("loss", 6.0 + i, i, i) for i in range(5)])
        (told,) = sink.wait(lambda r: r)
        assert "X-MLflow-Signature" in told.headers
        code, out, _ = ingot(server, "alert", "list", "--state", "firing")
        assert code == 0 and "firing" in out and "loss is 8.0 at step 2" in out and run in out
        code, _, err = ingot(server, "alert", "add", "loss-high", "--metric", "loss", "--threshold", "5")
        assert code == 1 and "there is an alert rule 'loss-high' already" in err
        code, _, err = ingot(server, "alert", "add", "x", "--metric", "loss")
        assert code == 1 and "needs a threshold" in err
        assert ingot(server, "alert", "remove", "loss-high")[0] == 0
        assert ingot(server, "alert", "remove", "loss-high")[0] == 1
        assert ingot(server, "alert", "list", "--state", "firing")[1] == "no alerts\n"


@pytest.mark.parametrize("body,text", [
    ({}, "threshold"), ({"threshold": 1}, "needs a metric"), ({"metric": "m"}, "threshold"), ({"metric": "m", "threshold": "x"}, "threshold"), ({"metric": "m", "threshold": 1, "points": 0}, "points"),
    ({"kind": "loud"}, "kind"), ({"metric": "m", "threshold": 1, "comparison": "~"}, "comparison"), ({"kind": "stale"}, "silence"),
    ({"kind": "stale", "after": "soon"}, "after"), ({"kind": "nan", "experiment_id": "9999"}, "9999"), ({"kind": "nan", "experiment_id": "x"}, "x"),
    ({"kind": "nan", "filter": "no ("}, ""), ({"kind": "nan", "url": "http://127.0.0.1/"}, "scheme"), ({"kind": "nan", "url": "https://127.0.0.1/"}, "non-public"),
    ({"kind": "nan", "webhook": "none"}, "none"), ({"kind": "nan", "name": ""}, "name"), ({"kind": "nan", "name": "../x"}, "name"), ({"kind": 5}, "kind"),
])
def test_bad_rules_are_refused(server, body, text):
    r = requests.post(server.url + "/api/ingot/v1/alert-rules", json={"name": "r", **body}, timeout=10)
    assert r.status_code in (400, 404) and text in r.json()["error"], r.text
    assert requests.get(server.url + "/api/ingot/v1/alert-rules", timeout=10).json() == {"rules": []}


def test_no_alert_is_lost_when_the_server_is_killed(data_folder, sink):
    """Runs diverge while the server is killed again and again: each acknowledged one is alerted on, once, and told."""
    diverged = []
    with open_server(data_folder) as server:
        rule(server, "nan", kind="nan", url=sink.url)
    for i in range(8):
        server = open_server(data_folder)
        stop = threading.Event()

        def diverge():
            api = server.url + "/api/2.0/mlflow/runs/"
            while not stop.is_set():
                try:
                    run = requests.post(api + "create", json={"experiment_id": "0"}, timeout=5).json()["run"]["info"]["run_id"]
                    if requests.post(api + "log-metric", json={"run_id": run, "key": "loss", "value": "NaN", "timestamp": 1, "step": 1}, timeout=5).ok:
                        diverged.append(run)
                except (requests.RequestException, KeyError):
                    return
                time.sleep(0.01)

        t = threading.Thread(target=diverge)
        t.start()
        time.sleep(0.4 + 0.25 * (i % 4))
        server.process.kill()
        server.process.wait()
        stop.set()
        t.join()
        server.stop()
    with open_server(data_folder) as server:
        sink.wait(lambda r: set(diverged) <= {x.json["data"]["run_id"] for x in r}, timeout=30)
        rows = alerts(server, limit=1000)
        assert len(rows) == len({a["run_id"] for a in rows}), "one alert for each run"
        assert set(diverged) <= {a["run_id"] for a in rows} and len(diverged) > 20
    ids = {}
    for r in sink.all():
        ids.setdefault(r.json["data"]["run_id"], set()).add(r.delivery)
    assert all(len(x) == 1 for x in ids.values()), "one delivery id for each alert"


def test_only_admins_make_rules(data_folder):
    with open_server(data_folder, "--auth") as server:
        for method, path in (("POST", "alert-rules"), ("GET", "alert-rules"), ("DELETE", "alert-rules/x"), ("GET", "alerts")):
            assert requests.request(method, f"{server.url}/api/ingot/v1/{path}", json={}, timeout=10).status_code == 401
