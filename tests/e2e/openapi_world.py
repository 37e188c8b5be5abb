"""A server with something of every kind in it, and for every native route a request that succeeds there: those of valid_requests.py, with what
they name made first. tests/test_openapi.py holds requests and answers against the server's description of itself."""
import random
import re
import urllib.parse

import requests as http
import tiny
import valid_requests
from ingot_server import IngotServer
from valid_requests import OWN, Things

# Good requests that this server refuses: what they need is another test's.
REFUSED = {
    ("POST", "/pipeline-runs/{id}/again"): "a pipeline in a folder of the server: test_ui_pipelines.py",
    ("POST", "/webhooks/{webhook}/deliveries/{delivery}/retry"): "a message that failed: test_webhooks.py",
    ("GET", "/endpoints/{endpoint}/payloads/{seq}"): "an endpoint that keeps payloads: test_payloads.py",
}
# Answers without an end, and signing in.
ELSEWHERE = {("GET", "/events"): "test_events.py", ("GET", "/session"): "test_the_session", ("POST", "/session"): "test_the_session", ("DELETE", "/session"): "test_the_session"}


class OpenApiWorld:
    def __init__(self, folder):
        self.server = IngotServer(folder / "data")
        self.session = http.Session()
        self.session.trust_env = False
        self.document = self.call("GET", OWN + "/openapi.json?dialect=native").json()
        world = tiny.world()
        self.own("POST", "/features/tiny/push", world.deploy(self.server.url))
        self.traffic(world)

    def call(self, method, target, body=None):
        kind = {} if body is None or isinstance(body, bytes) else {"json": body}
        kind = {"data": body, "headers": {"Content-Type": "application/json"}} if isinstance(body, bytes) else kind
        return self.session.request(method, self.server.url + target, timeout=60, allow_redirects=False, **kind)

    def own(self, method, path, body=None):
        r = self.call(method, OWN + path, body)
        assert r.status_code < 300, (method, path, r.status_code, r.text[:500])
        return r.json()

    def fill(self, path, args, query):
        for key, value in args.items():
            path = re.sub(r"\{" + key + r"\*?\}", lambda _: urllib.parse.quote(str(value), safe="/" if key == "path" else ""), path)
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def predict(self, rows, first, endpoint="tiny"):
        r = self.call("POST", f"/v2/models/{endpoint}/infer", tiny.world().infer_body(rows, first))
        assert r.status_code == 200, r.text[:500]

    def labels(self, rows, first, watermark):
        ids = list(range(first, first + len(rows)))
        return self.own("POST", "/endpoints/tiny/labels", {"ids": ids, "labels": [int(r["delay"] >= 15) for r in rows], "times_us": [r["date_us"] for r in rows], "watermark_us": watermark})

    def traffic(self, world):
        """Windows with labels and drift, and a rollout of each kind that has seen some of it."""
        rng = random.Random(3)
        begin, step = tiny.START_US + 31 * tiny.DAY_US, tiny.DAY_US // 250  # features are read as of now, not as of long ago
        rows = [{**r, "date_us": begin + i * step} for i, r in enumerate(world.rows[:1500])]
        first = 10**6
        for i, kind in enumerate((None, "canary", "blue_green", "shadow", "ab", "bandit")):
            part = rows[i * 250:(i + 1) * 250]
            if i == 0:
                part = [{**r, "distance": 9999} for r in part]  # drifts
            if kind:
                self.own("POST", "/endpoints/tiny/rollouts", {"version": 2, "kind": kind, "start_us": part[0]["date_us"], "plan": {"latency": {"quantile": 0.9, "method": "dkw"}} if kind == "ab" else {}})
            self.predict(part, first)
            self.own("POST", "/endpoints/tiny/rewards", {"ids": list(range(first, first + 200)), "rewards": [rng.random() for _ in range(200)], "now_us": part[-1]["date_us"]})
            self.labels(part, first, part[-1]["date_us"])
            if kind:
                self.stop_rollout(None)
            first += 1000
        self.labels([], first, rows[-1]["date_us"] + 30 * tiny.DAY_US)
        self.own("POST", "/endpoints/tiny/flush", {})

    # ---- what a good request needs; each takes the things of this request and gives what of (args, query, body) is other than in valid_requests.py

    def stop_rollout(self, _):
        self.call("POST", OWN + "/endpoints/tiny/rollouts/rollback", {})
        self.own("PUT", "/endpoints/tiny", {"version": 1, "config": self.own("GET", "/endpoints/tiny")["config"]})

    def need_rollout(self, t):
        self.stop_rollout(t)
        self.own("POST", "/endpoints/tiny/rollouts", {"version": 2, "kind": "canary", "start_us": 1})

    def need_approval(self, t):
        self.own("PUT", f"/models/{t.model}/policy", {"aliases": ["guarded"]})
        return {"args": {"id": self.own("PUT", f"/models/{t.model}/aliases/guarded", {"version": 1})["approval"]}}

    def need_pipeline(self, t):
        stages = [{"name": "load", "needs": []}, {"name": "train", "needs": ["load"], "facts": {"cmd": "x"}}]
        run = self.own("POST", "/pipeline-runs", {"pipeline": "p", "workspace": "/w", "host": "h", "argv": ["dvc", "repro"], "stages": stages})["id"]
        self.own("PUT", f"/pipeline-runs/{run}/stages", {"stages": [{"place": 0, "state": "succeeded", "started_us": 1, "ended_us": 9, "log": "hello\n", "log_bytes": 6}, {"place": 1, "state": "running"}]})
        return {"args": {"id": run}}

    def need_log(self, t):
        return {**self.need_pipeline(t), "query": {"stage": "load"}}

    def need_rule(self, t):
        self.own("POST", "/alert-rules", {"name": t.fresh(), "metric": "loss", "threshold": 1, "url": "https://8.8.8.8/hook"})
        return {"args": {"rule": f"{t.model}-{t.n}"}}

    def need_file(self, t):
        return {"args": {"run": t.run, "path": "model/f.txt"}}

    def need_parquet(self, t):
        self.call("PUT", f"{valid_requests.ART}/artifacts/{t.where}/m/data.parquet", (tiny.world().folder / "flights.parquet").read_bytes())

    def need_dataset(self, t):
        dataset = {"name": "d", "digest": "x", "source_type": "local", "source": "{}", "schema": "{}", "profile": "not JSON"}
        self.call("POST", valid_requests.API + "/runs/log-inputs", {"run_id": t.run, "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}]})

    def need_moves(self, t):
        for version in (2, 1, 2):
            self.own("PUT", f"/models/{t.model}/aliases/champion", {"version": version, "reason": "r"})

    def need_endpoint(self, t):
        self.own("PUT", "/endpoints/other", {"version": 1, "config": {"model": "tiny"}})
        return {"args": {"endpoint": "other"}}

    def need_window(self, t):
        return {"args": {"endpoint": "tiny", "start_us": self.own("GET", "/endpoints/tiny/windows")["windows"][0]["start_us"]}}

    def need_deleted(self, t):
        self.call("POST", valid_requests.API + "/runs/delete", {"run_id": t.run})
        self.call("POST", valid_requests.API + "/experiments/delete", {"experiment_id": t.experiment})

    NEEDS = {
        ("POST", "/gc"): need_deleted,
        ("POST", "/endpoints/{endpoint}/rollouts"): stop_rollout, ("POST", "/endpoints/{endpoint}/rollouts/{action}"): need_rollout,
        ("GET", "/approvals/{id}"): need_approval, ("POST", "/approvals/{id}"): need_approval, ("GET", "/approvals"): need_approval,
        ("GET", "/pipeline-runs/{id}"): need_pipeline, ("GET", "/pipeline-runs/{id}/log"): need_log, ("PUT", "/pipeline-runs/{id}/stages"): need_pipeline,
        ("POST", "/pipeline-runs/{id}/end"): need_pipeline, ("POST", "/pipeline-runs/{id}/cancel"): need_pipeline, ("POST", "/pipeline-runs/{id}/again"): need_pipeline,
        ("GET", "/pipelines"): need_pipeline, ("GET", "/pipelines/{pipeline}/runs"): need_pipeline,
        ("DELETE", "/alert-rules/{rule}"): need_rule, ("GET", "/alert-rules"): need_rule, ("GET", "/runs/{run}/preview/{path*}"): need_file, ("GET", "/runs/{run}/rows"): need_parquet,
        ("GET", "/datasets"): need_dataset, ("GET", "/datasets/{digest}"): need_dataset, ("POST", "/models/{model}/rollback"): need_moves, ("GET", "/models/{model}/history"): need_moves,
        ("GET", "/models/{model}/versions/{version}/card"): need_moves, ("DELETE", "/endpoints/{endpoint}"): need_endpoint, ("GET", "/endpoints/{endpoint}/windows/{start_us}"): need_window,
    }
    # Where valid_requests.py names what is not there, or asks for less than there is.
    OTHER = {
        ("POST", "/features/{view}/get"): {"body": {"keys": {"origin": ["ORD"], "destination": ["JFK"]}, "time_us": [tiny.START_US + 40 * tiny.DAY_US], "numbers": {"distance": [2]}}},
        ("PUT", "/features/{view}"): {"body": {"definition": tiny.FEATURES}}, ("PUT", "/endpoints/{endpoint}"): {"body": {"version": 1, "config": {"model": "tiny"}}},
        ("DELETE", "/models/{model}/aliases/{alias}"): {"args": {"alias": "champion"}}, ("GET", "/pipelines"): {"query": {"limit": "5"}}, ("GET", "/pipelines/{pipeline}/runs"): {"query": {"limit": "5"}},
        ("GET", "/models/{model}/history"): {"query": {"limit": "5"}}, ("GET", "/models"): {"query": {"limit": "5"}}, ("GET", "/datasets"): {"query": {"limit": "5"}},
        ("GET", "/models/{model}/versions/{version}/card"): {"query": {"format": "json"}}, ("GET", "/audit"): {"query": {"limit": "50"}}, ("GET", "/approvals"): {"query": {"state": "all"}},
        ("GET", "/endpoints/{endpoint}/live"): {"query": {}}, ("GET", "/alerts"): {"query": {}}, ("GET", "/endpoints/{endpoint}/alerts"): {"query": {}}, ("GET", "/lineage"): {"query": {"node": "version/tiny/1"}},
    }

    def good(self, method, path):
        """What to send for a route, and its things: args, query, body. Made anew at each call."""
        t = Things(self.call)
        found = valid_requests.requests(t).get((method, OWN + path))
        assert found, f"{method} {path} has no request in valid_requests.py"
        out = dict(zip(("args", "query", "body"), found))
        for extra in (self.OTHER.get((method, path), {}), (self.NEEDS.get((method, path)) or (lambda *_: None))(self, t) or {}):
            for part, value in extra.items():
                out[part] = {**out[part], **value} if part == "args" else value
        return out["args"], out["query"], out["body"]

    def send(self, method, path, args, query, body):
        return self.call(method, OWN + self.fill(path, args, query), body)
