"""The native API over HTTP: feature views, endpoints, labels, windows, rollouts, the prediction log, the audit log; what
good calls do, and that no kind of bad body is taken or leaves anything behind."""
import copy
import hashlib
import io
import struct
import threading
import urllib.parse

import pyarrow.parquet as pq
import pytest
import requests
import tiny
from ingot_server import IngotServer
from tiny import BAD_JSON, DAY_US, START_US

FIRST_LIVE = 2700  # rows from here on are asked live; the views's two days of slack reach back to about row 2800
INT64_MAX = 2**63 - 1


class Site:
    """A server with the tiny view, its events, and an endpoint on it."""

    def __init__(self, folder):
        self.world = tiny.world()
        self.folder = folder
        self.server = IngotServer(folder)
        self.session = requests.Session()
        self.session.trust_env = False
        push = self.world.deploy(self.server.url)
        answer = self.post("features/tiny/push", push)
        assert answer.status_code == 200 and answer.json()["accepted"] == len(self.world.rows)

    def call(self, method, path, body=None, raw=None, headers=None):
        data = raw if raw is not None else None if body is None else tiny.dumps(body)
        url = path if path.startswith("http") else self.server.url + ("" if path.startswith("/") else "/api/ingot/v1/") + path
        return self.session.request(method, url, data=data, timeout=30,
                                    headers={**({} if data is None else {"Content-Type": "application/json"}), **(headers or {})})

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None, **kwargs):
        return self.call("POST", path, body, **kwargs)

    def put(self, path, body=None, **kwargs):
        return self.call("PUT", path, body, **kwargs)

    def restart(self):
        assert self.server.stop() == 0
        self.server = IngotServer(self.folder)

    def state(self):
        """Everything that a call of these tests may change, but for counters of predictions."""
        views = self.get("features").json()["views"]
        endpoints = self.get("endpoints").json()["endpoints"]
        for e in endpoints:
            e["monitor"] = {k: v for k, v in e["monitor"].items() if k in ("labels_joined", "labels_unmatched", "closed_until_us")}
        lists = [self.get(f"endpoints/tiny/{x}").json() for x in ("windows", "alerts", "rollouts", "retrains", "predictions")]
        return views, endpoints, lists, self.get("audit/verify").json()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("native") / "data")
    yield s
    s.session.close()
    assert s.server.stop() == 0


def f32(x):
    return None if x is None else struct.unpack("<f", struct.pack("<f", x))[0]


def read_body(rows):
    return {"time_us": [r["date_us"] for r in rows], "keys": {k: [r[k] for r in rows] for k in ("origin", "destination")},
            "numbers": {"distance": [r["distance"] for r in rows]}}


# ---- good calls ----

def test_features_are_point_in_time_and_survive_a_restart(site):
    rows = site.world.rows[2900:]
    want = [[f32(v) for v in tiny.features_at(site.world.rows, r["date_us"], r["origin"], r["destination"], r["distance"])] for r in rows]
    for _ in range(2):
        answer = site.post("features/tiny/get", read_body(rows)).json()
        assert answer["features"] == tiny.FEATURE_NAMES
        assert [[f32(v) for v in row] for row in answer["rows"]] == want
        site.restart()
    # A later event changes nothing that was asked as of before it was known, and the next instant sees it.
    now = max(r["date_us"] for r in site.world.rows) + 90 * 60 * 1000000
    row = {"date_us": now + 1000000, "origin": "ORD", "destination": "JFK", "distance": 1, "delay": 0}
    before = site.post("features/tiny/get", read_body([row])).json()["rows"]
    late = {"ids": [900001], "available_at_us": [now + 2000000], "labels": [1], "keys": {"origin": ["ORD"], "destination": ["JFK"]}}
    assert site.post("features/tiny/push", late).json() == {"accepted": 1, "duplicate": 0, "expired": 0}
    assert site.post("features/tiny/get", read_body([row])).json()["rows"] == before
    after = site.post("features/tiny/get", read_body([{**row, "date_us": now + 2000000}])).json()["rows"]
    assert after[0][0] == before[0][0] + 1 and after[0][4] == before[0][4] + 1
    assert site.post("features/tiny/push", late).json() == {"accepted": 0, "duplicate": 1, "expired": 0}
    assert site.post("features/tiny/get", read_body([{**row, "date_us": now + 2000000}])).json()["rows"] == after


def test_an_acknowledged_push_survives_a_kill(tmp_path):
    world = tiny.world()
    server = IngotServer(tmp_path / "d")
    world.deploy(server.url, versions=("xgboost",))
    url = f"{server.url}/api/ingot/v1/features/tiny"
    for first in range(0, 3000, 500):
        assert requests.post(url + "/push", json=world.push_body(world.rows[first:first + 500], first), timeout=30).json()["accepted"] == 500
    server.process.kill()
    server.process.wait()
    server.stop()
    with IngotServer(tmp_path / "d") as server:
        url = f"{server.url}/api/ingot/v1/features/tiny"
        rows = world.rows[2950:]
        got = requests.post(url + "/get", json=read_body(rows), timeout=30).json()["rows"]
        assert [[f32(v) for v in row] for row in got] == [
            [f32(v) for v in tiny.features_at(world.rows, r["date_us"], r["origin"], r["destination"], r["distance"])] for r in rows]
        assert requests.post(url + "/push", json=world.push_body(world.rows), timeout=30).json()["duplicate"] > 0


def test_view_and_endpoint_are_shown_as_they_were_defined(site):
    view = site.get("features/tiny").json()
    assert view["features"] == tiny.FEATURE_NAMES and view["keys"] == ["origin", "destination"]
    assert view["digest"] == hashlib.sha256(tiny.FEATURES.encode()).hexdigest() and view["definition"] == tiny.FEATURES
    assert site.put("features/tiny", {"definition": tiny.FEATURES}).json()["digest"] == view["digest"]
    other = site.put("features/tiny", {"definition": tiny.FEATURES.replace("28d", "29d")})
    assert other.status_code == 409 and "needs a new name" in other.json()["error"]
    end = site.get("endpoints/tiny").json()
    assert (end["model"], end["version"], end["ready"], end["view"], end["features"]) == ("tiny", 1, True, "tiny", 10)
    moved = site.put("endpoints/tiny", {"version": 2, "config": end["config"]})
    assert moved.status_code == 200 and (moved.json()["version"], moved.json()["format"]) == (2, "ingot-linear")
    assert site.put("endpoints/tiny", {"version": 1, "config": end["config"]}).json()["version"] == 1
    assert [e["name"] for e in site.get("endpoints").json()["endpoints"]] == ["tiny"]
    for path in ("features/nobody", "endpoints/nobody", "endpoints/nobody/windows", "endpoints/nobody/predictions", "endpoints/nobody/rollouts",
                 "endpoints/nobody/alerts", "endpoints/nobody/retrains", "endpoints/tiny/predictions/987654", "endpoints/tiny/predictions/x",
                 "endpoints/nobody/predictions/1"):
        answer = site.get(path)
        assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND", path
    for path in ("endpoints/nobody/labels", "endpoints/nobody/flush", "endpoints/nobody/rollouts", "endpoints/nobody/rollouts/promote",
                 "endpoints/tiny/rollouts/promote", "endpoints/tiny/rollouts/rollback", "endpoints/tiny/rollouts/explode", "features/nobody/push",
                 "features/nobody/get"):
        body = {"version": 2, "ids": [], "labels": [], "times_us": [], "watermark_us": 0}
        assert site.post(path, body).status_code == 404, path


def predict(site, rows, first):
    answer = site.post("/v2/models/tiny/infer", site.world.infer_body(rows, first))
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"][0]["data"], int(answer.json()["model_version"])


def labels_body(rows, first, watermark_us):
    return {"ids": list(range(first, first + len(rows))), "labels": [int(r["delay"] >= 15) for r in rows],
            "times_us": [r["date_us"] + DAY_US for r in rows], "watermark_us": watermark_us}


def test_predictions_labels_windows_and_the_log(site):
    """Two whole days of predictions; their labels close them; the log's Parquet holds what was answered."""
    day = START_US + 28 * DAY_US
    first = next(i for i, r in enumerate(site.world.rows) if r["date_us"] >= day + DAY_US)
    rows = site.world.rows[first:]
    scores, version = predict(site, rows, first)
    assert version == 1 and len(scores) == len(rows)
    assert site.get("endpoints/tiny/windows").json()["windows"] == []
    report = site.post("endpoints/tiny/labels", labels_body(rows, first, day + 4 * DAY_US)).json()
    assert report["report"]["joined"] == len(rows) and report["pending"] is False
    again = site.post("endpoints/tiny/labels", labels_body(rows[:5], first, day + 4 * DAY_US)).json()["report"]
    assert again["joined"] == 0
    windows = site.get("endpoints/tiny/windows").json()["windows"]
    assert len(windows) == 1 and windows[0]["start_us"] == day + DAY_US
    assert site.get(f"endpoints/tiny/windows?from_us={windows[0]['end_us']}").json()["windows"] == []
    listed = site.get("endpoints/tiny/predictions").json()["predictions"]
    assert [(p["start_us"], p["rows"]) for p in listed] == [(day + DAY_US, len(rows))]
    raw = site.get(f"endpoints/tiny/predictions/{listed[0]['seq']}")
    assert raw.headers["Content-Type"] == "application/vnd.apache.parquet" and len(raw.content) == listed[0]["size_bytes"]
    assert hashlib.sha256(raw.content).hexdigest() == listed[0]["sha256"]
    table = {r["id"]: r for r in pq.read_table(io.BytesIO(raw.content)).to_pylist()}
    assert sorted(table) == list(range(first, first + len(rows)))
    for i, r in enumerate(rows):
        got = table[first + i]
        assert f32(got["score"]) == f32(scores[i]) and got["version"] == 1 and got["ok"] and got["label"] == int(r["delay"] >= 15)
        want = tiny.features_at(site.world.rows, r["date_us"], r["origin"], r["destination"], r["distance"])
        for name, value in zip(tiny.FEATURE_NAMES, want):
            back = got[name]
            assert (back is None or back != back) if value is None else f32(back) == f32(value), (name, back, value)
    assert site.get(f"endpoints/tiny/predictions?after={listed[0]['seq']}").json() == {"predictions": []}


def test_rollout_life_and_its_audit(site):
    now = START_US + 33 * DAY_US
    started = site.post("endpoints/tiny/rollouts", {"version": 2, "start_us": now, "plan": {"steps_permille": [500, 1000], "min_samples": 30}})
    assert started.status_code == 200, started.text
    assert (started.json()["active"], started.json()["candidate"], started.json()["permille"]) == (True, 2, 500)
    again = site.post("endpoints/tiny/rollouts", {"version": 2, "start_us": now})
    assert again.status_code == 409
    config = site.get("endpoints/tiny").json()["config"]
    moved = site.put("endpoints/tiny", {"version": 2, "config": {**config, "model": "other"}})
    assert moved.status_code in (404, 409)
    seen = {predict(site, [{**site.world.rows[2999], "date_us": site.world.rows[2999]["date_us"] + i}], 10000 + i)[1] for i in range(60)}
    assert seen == {1, 2}, "half of the units go to each version"
    site.restart()
    assert site.get("endpoints/tiny").json()["rollout"]["permille"] == 500, "a rollout survives a restart"
    back = site.post("endpoints/tiny/rollouts/rollback", {"why": "we changed our mind"})
    assert back.status_code == 200 and (back.json()["active"], back.json()["version"]) == (False, 1)
    assert site.post("endpoints/tiny/rollouts", {"version": 2, "start_us": now}).json()["active"] is True
    done = site.post("endpoints/tiny/rollouts/promote", raw=b"")
    assert done.status_code == 200 and (done.json()["active"], done.json()["version"]) == (False, 2)
    assert predict(site, site.world.rows[2999:], 20000)[1] == 2
    rollouts = site.get("endpoints/tiny/rollouts").json()["rollouts"]
    assert [len(r["decisions"]) >= 1 for r in rollouts] == [True, True]
    audit = [r for r in site.get("audit?kind=endpoint&object=tiny").json()["rows"] if r["verb"].startswith("rollout_")]
    assert len(audit) >= 4 and any("we changed our mind" in str(r["detail"]) for r in audit)
    assert site.put("endpoints/tiny", {"version": 1, "config": config}).json()["version"] == 1


def test_audit_pages_filters_and_chain(site):
    proof = site.get("audit/verify").json()
    rows, before = [], None
    for _ in range(1000):
        page = site.get("audit?limit=3" + (f"&before={before}" if before else "")).json()
        rows += page["rows"]
        if "next" not in page:
            break
        before = page["next"]
    assert [r["seq"] for r in rows] == list(range(proof["rows"], 0, -1)) and rows[0]["hash"] == proof["head"]
    assert {r["kind"] for r in site.get("audit?kind=endpoint").json()["rows"]} == {"endpoint"}
    assert site.get("audit?kind=" + urllib.parse.quote("' OR 1=1 --")).json()["rows"] == []
    for query in ("limit=0", "limit=-1", "limit=1e3", "limit=99999999999999999999", "before=x", "limit="):
        answer = site.get("audit?" + query)
        assert answer.status_code == 400 and answer.json()["field"] == query.split("=")[0], query


# ---- bad calls ----

JSON_ROUTES = [("PUT", "features/tiny"), ("PUT", "features/new"), ("POST", "features/tiny/push"), ("POST", "features/tiny/get"),
               ("PUT", "endpoints/tiny"), ("PUT", "endpoints/new"), ("POST", "endpoints/tiny/labels"), ("POST", "endpoints/tiny/rollouts"),
               ("POST", "endpoints/tiny/rollouts/promote"), ("POST", "endpoints/tiny/rollouts/rollback"), ("POST", "endpoints/tiny/flush")]


@pytest.mark.parametrize("method, path", JSON_ROUTES, ids=lambda x: x)
def test_what_is_not_a_json_object_is_refused_and_stores_nothing(site, method, path):
    before = site.state()
    for name, raw in BAD_JSON.items():
        if not raw and path.split("/")[-1] in ("promote", "rollback", "flush"):
            continue  # these need no body
        answer = site.call(method, path, raw=raw)
        assert answer.status_code == 400, (name, answer.status_code, answer.text)
        assert answer.json()["code"] == "INVALID" and answer.json()["error"], (name, answer.text)
    answer = site.call(method, path, raw=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == (400 if path.endswith("/get") else 415), "a form may not write; a read has nothing to protect"
    assert site.state() == before


def good_bodies(site):
    push = site.world.push_body(site.world.rows[2990:2993], 700000)
    config = {"model": "tiny", "view": "tiny", "threshold": 0.5}
    return {
        ("POST", "features/tiny/push"): push,
        ("POST", "features/tiny/get"): read_body(site.world.rows[2990:2993]),
        ("POST", "endpoints/tiny/labels"): {"ids": [1, 2, 3], "labels": [0, 1, 0], "times_us": [START_US] * 3, "watermark_us": START_US},
        ("PUT", "endpoints/tiny"): {"version": 2, "config": config},
        ("POST", "endpoints/tiny/rollouts"): {"version": 2, "start_us": START_US + 40 * DAY_US, "plan": {"min_samples": 100}},
        ("POST", "endpoints/tiny/rollouts/promote"): {"why": "x"},
        ("PUT", "features/tiny"): {"definition": tiny.FEATURES},
    }


WRONG_INT = ["1", 1.5, True, None, [1], {"a": 1}, 2**63, -2**63 - 1, 10**30, 1e300]
WRONG_TEXT = [1, True, ["a"], {"a": 1}]
WRONG_NUMBER = ["1", True, [1], {"a": 1}]
# Route, path of the member, wrong values, words of which one must be in "field".
FIELDS = [
    ("POST", "features/tiny/push", ("ids", 1), WRONG_INT, ("ids",)),
    ("POST", "features/tiny/push", ("available_at_us", 2), WRONG_INT + [-2**63, 2**63 - 1, 2**62], ("available_at",)),
    ("POST", "features/tiny/push", ("labels", 0), WRONG_INT + [2, -1, 256, 2**32], ("label",)),
    ("POST", "features/tiny/push", ("keys", "origin", 0), WRONG_TEXT + ["x" * 1025], ("origin", "keys")),
    ("POST", "features/tiny/push", ("keys", "destination"), ["ORD", 3, {}, ["a"], ["a"] * 4, None], ("destination",)),
    ("POST", "features/tiny/push", ("keys",), [[], "x", 1, True, {}, {"origin": ["a"] * 3}], ("keys", "destination", "origin")),
    ("POST", "features/tiny/push", ("ids",), [{}, "x", 1, True, [], [1], [1] * 4], ("ids",)),
    ("POST", "features/tiny/push", ("labels",), [{}, "x", 1, True, [], [1], [1] * 4], ("labels",)),
    ("POST", "features/tiny/get", ("time_us", 0), WRONG_INT + [-2**63], ("time_us", "date")),
    ("POST", "features/tiny/get", ("numbers", "distance", 0), WRONG_NUMBER, ("distance",)),
    ("POST", "features/tiny/get", ("numbers",), [[], 1, "x", {}, {"distance": [1]}], ("numbers", "distance")),
    ("POST", "endpoints/tiny/labels", ("ids", 0), WRONG_INT, ("ids",)),
    ("POST", "endpoints/tiny/labels", ("labels", 0), WRONG_INT + [2, -1], ("labels",)),
    ("POST", "endpoints/tiny/labels", ("times_us", 0), WRONG_INT, ("times_us",)),
    ("POST", "endpoints/tiny/labels", ("watermark_us",), WRONG_INT + [2**63 - 1, -2**63], ("watermark_us",)),
    ("POST", "endpoints/tiny/labels", ("ids",), [[], [1], "x", {}, 1, [1] * 4], ("ids", "labels")),
    ("PUT", "endpoints/tiny", ("version",), WRONG_INT + [0, -1], ("version",)),
    ("PUT", "endpoints/tiny", ("config",), [[], "x", 1, True], ("config",)),
    ("PUT", "endpoints/tiny", ("config", "model"), WRONG_TEXT + ["", "x" * 300, "a/b", "a\x00b", "a\nb"], ("model",)),
    ("PUT", "endpoints/tiny", ("config", "view"), WRONG_TEXT + ["nobody", "a/b", "../tiny", "ti\x00ny"], ("view",)),
    ("PUT", "endpoints/tiny", ("config", "id_field"), WRONG_TEXT, ("id_field",)),
    ("PUT", "endpoints/tiny", ("config", "threshold"), WRONG_NUMBER + [-0.1, 1.1, 1e300], ("threshold",)),
    ("PUT", "endpoints/tiny", ("config", "monitor"), [1, "x", [], {"nobody": 1}, {"min_rows": -1}, {"min_rows": 1.5}, {"min_rows": "1"},
                                                       {"window_us": 0}, {"window_us": 2**63 - 1}, {"ks_p": 2}, {"threshold": True}], ("monitor", "min_rows", "window_us", "ks_p", "threshold")),
    ("PUT", "endpoints/tiny", ("config", "rollout"), [1, "x", [], {"nobody": 1}, {"steps_permille": []}, {"steps_permille": [1000]},
                                                       {"steps_permille": [5, 5, 1000]}, {"steps_permille": [5]}, {"steps_permille": [5.5, 1000]},
                                                       {"steps_permille": list(range(1, 1001))}, {"alpha": 0}, {"alpha": 1e300},
                                                       {"on_inconclusive": "explode"}, {"margin": None}],
     ("rollout", "nobody", "steps_permille", "alpha", "on_inconclusive", "margin", "plan")),
    ("PUT", "endpoints/tiny", ("config", "surprise"), [1, None, {}], ("surprise",)),
    ("POST", "endpoints/tiny/rollouts", ("version",), WRONG_INT + [0, -1], ("version",)),
    ("POST", "endpoints/tiny/rollouts", ("start_us",), [x for x in WRONG_INT if x is not None], ("start_us",)),
    ("POST", "endpoints/tiny/rollouts", ("kind",), [1, True, [], {}], ("kind",)),
    ("POST", "endpoints/tiny/rollouts", ("plan",), [1, "x", [], {"nobody": 1}, {"min_samples": 1.5}, {"min_samples": 0}, {"min_samples": "100"}],
     ("plan", "nobody", "min_samples")),
    ("POST", "endpoints/tiny/rollouts/promote", ("why",), WRONG_TEXT, ("why",)),
    ("PUT", "features/tiny", ("definition",), WRONG_TEXT + [None, "", "[]", "name: tiny", "name: [", "a: &a [*a]", "name: tiny\x00x", tiny.FEATURES + "\nmore: 1"],
     ("definition", "name", "source", "more", "entities")),
]


def with_member(body, path, value):
    body = copy.deepcopy(body)
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return body


@pytest.mark.parametrize("method, path, member, values, names", FIELDS, ids=[f"{m} {p} {'.'.join(map(str, k))}" for m, p, k, _, _ in FIELDS])
def test_wrong_values_name_the_field_and_store_nothing(site, method, path, member, values, names):
    good = good_bodies(site)[method, path]
    before = site.state()
    for value in values:
        answer = site.call(method, path, with_member(good, member, value))
        assert answer.status_code == 400, (value, answer.status_code, answer.text)
        if path != "features/tiny":  # a definition's errors come from YAML, where a key path stands in the text
            assert any(n in answer.json().get("field", "") for n in names), (value, answer.text)
        assert len(answer.json()["error"]) < 1000 and "/work" not in answer.text
    assert site.state() == before


@pytest.mark.parametrize("method, path, member", [
    ("POST", "features/tiny/push", "ids"), ("POST", "features/tiny/push", "keys"), ("POST", "features/tiny/push", "labels"),
    ("POST", "features/tiny/push", "available_at_us"), ("POST", "features/tiny/get", "time_us"), ("POST", "features/tiny/get", "keys"),
    ("POST", "features/tiny/get", "numbers"), ("POST", "endpoints/tiny/labels", "ids"), ("POST", "endpoints/tiny/labels", "labels"),
    ("POST", "endpoints/tiny/labels", "times_us"), ("POST", "endpoints/tiny/labels", "watermark_us"), ("PUT", "endpoints/tiny", "version"),
    ("PUT", "endpoints/tiny", "config"), ("POST", "endpoints/tiny/rollouts", "version"), ("PUT", "features/tiny", "definition")], ids=lambda x: x)
def test_a_missing_member_is_named(site, method, path, member):
    before = site.state()
    body = good_bodies(site)[method, path]
    del body[member]
    answer = site.call(method, path, body)
    assert answer.status_code == 400 and answer.json()["field"] == member, answer.text
    assert site.state() == before


def test_a_push_is_whole_or_absent(site):
    """One bad event among many good ones: none is stored."""
    before = site.state()
    rows = [{**site.world.rows[2999], "delay": 0}] * 2000
    for index, member, value in ((1999, "labels", 2), (1000, "available_at_us", INT64_MAX), (1998, "ids", 1.5)):
        body = site.world.push_body(rows, 800000)
        body[member][index] = value
        assert site.post("features/tiny/push", body).status_code == 400
    body = site.world.push_body(rows, 800000)
    body["keys"]["origin"][1500] = "x" * 2000
    assert site.post("features/tiny/push", body).status_code == 400
    assert site.post("features/tiny/push", {**site.world.push_body(rows * 33, 800000)}).status_code == 413
    assert site.state() == before
    assert site.post("features/tiny/push", site.world.push_body([], 0)).json()["accepted"] == 0


def test_a_missing_version_is_not_found_and_changes_nothing(site):
    before = site.state()
    config = site.get("endpoints/tiny").json()["config"]
    assert site.put("endpoints/tiny", {"version": 99, "config": config}).status_code == 404
    assert site.put("endpoints/fresh", {"version": 1, "config": {"model": "nobody"}}).status_code == 404
    assert site.put("endpoints/fresh", {"version": INT64_MAX, "config": config}).status_code == 404
    assert site.post("endpoints/tiny/rollouts", {"version": 99, "start_us": START_US + 50 * DAY_US}).status_code == 404
    assert site.post("endpoints/tiny/rollouts", {"version": 1, "start_us": START_US + 50 * DAY_US}).status_code == 400
    assert site.post("endpoints/tiny/rollouts", {"version": 99, "kind": "shadow"}).status_code == 404
    assert site.post("endpoints/tiny/rollouts", {"version": 2, "kind": "roulette"}).status_code == 400
    assert site.state() == before


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", "a%2Fb", "..%2f..%2fetc", "a%00b", "a%0ab", "a%5cb", "%ff", "x" * 300, "%F0%9F", "a%7Fb"])
def test_tricky_names_of_views_and_endpoints(site, name):
    before = site.state()
    definition = {"definition": tiny.FEATURES.replace("name: tiny", f"name: {urllib.parse.unquote(name, errors='replace')!r}")}
    config = {"version": 1, "config": {"model": "tiny"}}
    for path, body in (("features/", definition), ("endpoints/", config)):
        request = requests.Request("PUT", "http://x", data=tiny.dumps(body), headers={"Content-Type": "application/json"}).prepare()
        request.url = f"{site.server.url}/api/ingot/v1/{path}{name}"  # as it is: no client library tidies it up
        answer = site.session.send(request, timeout=30)
        assert 400 <= answer.status_code < 500, (path, name, answer.status_code, answer.text)
    assert site.state() == before


def test_labels_and_predictions_from_many_clients_at_once(site):
    """Nothing is lost or counted twice when pushes, reads, predictions and labels run side by side."""
    end = START_US + 60 * DAY_US
    failures = []

    def work(k):
        with requests.Session() as s:
            s.trust_env = False
            base = site.server.url
            for i in range(10):
                row = {**site.world.rows[2999], "date_us": end + (k * 10 + i) * 1000000}
                ident = 2000000 + k * 100 + i
                answers = [s.post(f"{base}/v2/models/tiny/infer", json=site.world.infer_body([row], ident), timeout=30),
                           s.post(f"{base}/api/ingot/v1/features/tiny/push", json=site.world.push_body([row], ident), timeout=30),
                           s.get(f"{base}/api/ingot/v1/endpoints/tiny", timeout=30),
                           s.post(f"{base}/api/ingot/v1/endpoints/tiny/labels",
                                  json={"ids": [ident], "labels": [1], "times_us": [row["date_us"]], "watermark_us": START_US}, timeout=30)]
                if [a.status_code for a in answers] != [200] * 4 or answers[1].json()["accepted"] != 1 or answers[3].json()["report"]["joined"] != 1:
                    failures.append([a.text[:300] for a in answers])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert failures == []
    assert site.post("endpoints/tiny/flush", {}).status_code == 200
    rows = sum(p["rows"] for p in site.get("endpoints/tiny/predictions").json()["predictions"] if p["start_us"] >= end)
    assert rows == 80
    assert site.get("audit/verify").status_code == 200
