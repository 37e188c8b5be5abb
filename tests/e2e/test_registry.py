"""The registry beyond MLflow's: semantic versions, a second person, reasons, rollback, cards, lineage, by the real client, over the
native API and from the command line. Two people are two actors: no token (local) and the administrator's token."""
import json
import threading
import uuid

import mlflow
import numpy as np
import pytest
import requests
import tiny
from ingot_server import IngotServer
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from tiny import ingot

API = "/api/ingot/v1/"


class Person:
    def __init__(self, server, token=None):
        self.url = server.url
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"
        self.env = {"INGOT_SERVER": server.url, **({"INGOT_TOKEN": token} if token else {})}

    def call(self, method, path, body=None, status=200, **headers):
        r = self.session.request(method, self.url + API + path, json=body, headers=headers, timeout=30)
        assert r.status_code == status, (r.status_code, r.text)
        return r.json()

    def get(self, path, status=200):
        return self.call("GET", path, status=status)

    def run(self, *args, ok=True):
        return ingot("model", *args, env=self.env, ok=ok)


def database(request):
    """Arguments that put the server's state where the parameter says."""
    return [] if request.param == "sqlite" else ["--db", request.getfixturevalue("postgres").database(f"registry_{uuid.uuid4().hex[:8]}")]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(tmp_path_factory, request):
    with IngotServer(tmp_path_factory.mktemp("registry") / "data", *database(request)) as server:
        server.local = Person(server)
        server.admin = Person(server, (server.data / "admin-token").read_text().strip())
        yield server


@pytest.fixture
def client(site):
    mlflow.set_tracking_uri(site.url)
    mlflow.set_registry_uri(site.url)
    return MlflowClient(site.url, site.url)


@pytest.fixture
def name():
    return f"m-{uuid.uuid4().hex[:8]}"


def make(client, name, versions=1, **kwargs):
    client.create_registered_model(name)
    return [client.create_model_version(name, "s3://bucket/x", **kwargs) for _ in range(versions)]


SIGNATURE = {"inputs": [{"type": "double", "name": "a", "required": True}]}
WIDER = {"inputs": SIGNATURE["inputs"] + [{"type": "double", "name": "b", "required": False}]}
OTHER = {"inputs": [{"type": "string", "name": "a", "required": True}]}


# ---- semantic versions ----

class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] * 2


def test_an_unmodified_client_logs_and_loads_by_semantic_version(site, client, name):
    import pandas as pd

    def log(columns):
        frame = pd.DataFrame({c: np.array([1.0]) for c in columns})
        with mlflow.start_run():
            return mlflow.pyfunc.log_model(name="model", python_model=Twice(), registered_model_name=name,
                                           signature=infer_signature(frame, np.array([2.0])), pip_requirements=[])
    log(["a"])
    log(["a"])
    log(["a", "b"])  # one more required input
    semvers = [site.local.get(f"models/{name}/versions/{n}")["semver"] for n in (1, 2, 3)]
    assert semvers == ["1.0.0", "1.0.1", "2.0.0"]
    assert site.local.get(f"models/{name}/versions/3")["semver_changes"] == ["input 'b' is new and required"]
    for spec, version in (("1.0", "2"), ("^1", "2"), ("1.0.0", "1"), ("~2.0.0", "3")):
        assert client.get_model_version_by_alias(name, spec).version == version
    model = mlflow.pyfunc.load_model(f"models:/{name}@1.0")
    assert list(model.predict(pd.DataFrame({"a": [3.0]}))) == [6.0]
    assert client.get_model_version(name, "1").tags == {}


def test_a_wish_is_checked(site, client, name):
    make(client, name)
    local = site.local

    def create(semver, signature, status=200):
        return local.call("POST", f"models/{name}/versions", {"source": "s3://b/x", "semver": semver, "signature": signature}, status)
    assert create("1.1.0", SIGNATURE)["semver"] == "1.1.0"
    refused = create("1.2.0", OTHER, 400)
    assert refused["field"] == "semver" and "needs a major release, 2.0.0 or higher" in refused["error"] and "input 'a' changed" in refused["error"]
    assert create("", WIDER)["semver"] == "1.2.0"
    assert create("major", WIDER)["semver"] == "2.0.0"
    assert "is taken by version" in create("1.2.0", WIDER, 400)["error"]
    assert create("1.1.1", SIGNATURE)["semver"] == "1.1.1"  # the old line goes on
    tagged = client.create_model_version(name, "s3://b/x", tags={"ingot.semver": "7.0.0", "k": "v"})
    assert client.get_model_version(name, tagged.version).tags == {"ingot.semver": "7.0.0", "k": "v"}
    with pytest.raises(MlflowException, match="is taken by version"):
        client.create_model_version(name, "s3://b/x", tags={"ingot.semver": "7.0.0"})
    with pytest.raises(MlflowException, match="never changes"):
        client.set_model_version_tag(name, tagged.version, "ingot.semver", "8.0.0")
    assert [v["version"] for v in local.get(f"models/{name}/versions?limit=2")["versions"]] == [6, 5]


def test_numbers_stay_dense_under_32_threads(site, client, name):
    client.create_registered_model(name)
    made, lock = [], threading.Lock()

    def work():
        session = requests.Session()
        session.trust_env = False
        for _ in range(8):
            r = session.post(f"{site.url}{API}models/{name}/versions", json={"source": "s3://b/x", "signature": SIGNATURE}, timeout=60)
            assert r.status_code == 200, r.text
            with lock:
                made.append((r.json()["version"], r.json()["semver"]))
    threads = [threading.Thread(target=work) for _ in range(32)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(made) == sorted((n + 1, f"1.0.{n}") for n in range(256))


# ---- a second person ----

def test_a_protected_alias_waits_for_a_second_person(site, client, name):
    make(client, name, 3)
    client.set_registered_model_alias(name, "champion", 1)
    site.admin.call("PUT", f"models/{name}/policy", {"aliases": ["champion"], "stages": ["Production"]})
    with pytest.raises(MlflowException) as e:
        client.set_registered_model_alias(name, "champion", 2)
    assert e.value.error_code == "PERMISSION_DENIED" and e.value.get_http_status_code() == 403
    waiting = site.local.get(f"approvals?model={name}")["approvals"]
    assert len(waiting) == 1 and f"Request {waiting[0]['id']} waits" in e.value.message and "ingot model approve" in e.value.message
    assert client.get_model_version_by_alias(name, "champion").version == "1"
    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        client.delete_registered_model_alias(name, "champion")
    with pytest.raises(MlflowException, match="protected"):
        client.transition_model_version_stage(name, 2, "Production")
    with pytest.raises(MlflowException, match="holds the protected alias 'champion'"):
        client.delete_model_version(name, 1)
    with pytest.raises(MlflowException, match="holds the protected alias"):
        client.delete_registered_model(name)
    with pytest.raises(MlflowException, match="holds the protected alias"):
        client.rename_registered_model(name, name + "-x")
    id = waiting[0]["id"]
    refused = site.local.call("POST", f"approvals/{id}", {"action": "approve"}, 403)
    assert "another person must approve it" in refused["error"]
    done = site.admin.call("POST", f"approvals/{id}", {"action": "approve", "comment": "looked at it"})
    assert done["state"] == "approved" and done["decided_by"] == "admin" and done["requested_by"] == "local"
    assert client.get_model_version_by_alias(name, "champion").version == "2"
    change = site.local.get(f"models/{name}/history?kind=alias&limit=1")["history"][0]
    assert (change["actor"], change["action"], change["approval"], change["from"], change["to"]) == ("admin", "approval", id, "1", "2")
    denied = [r for r in site.admin.get(f"audit?kind=model&object={name}")["rows"] if not r["allowed"]]
    assert {r["verb"] for r in denied} == {"alias.set", "stage.set"}


def test_native_moves_answer_202(site, client, name):
    make(client, name, 2)
    site.admin.call("PUT", f"models/{name}/policy", {"aliases": ["champion"]})
    put = site.local.call("PUT", f"models/{name}/aliases/champion", {"version": 2, "reason": "better"}, 202)
    assert put["approval"] and put["changed"] is False
    assert site.local.call("PUT", f"models/{name}/aliases/champion", {"version": 2, "reason": "better"}, 202)["approval"] == put["approval"]
    shown = site.local.get(f"approvals/{put['approval']}")
    assert shown["state"] == "pending" and shown["reason"] == "better" and shown["from"] is None
    site.local.call("POST", f"approvals/{put['approval']}", {"action": "comment", "comment": "please"})
    site.admin.call("POST", f"approvals/{put['approval']}", {"action": "reject", "comment": "no"})
    assert "is rejected" in site.admin.call("POST", f"approvals/{put['approval']}", {"action": "approve"}, 409)["error"]
    assert site.local.get(f"models/{name}")["aliases"] == {}
    for body, status in (({"action": "dance"}, 400), ({}, 400), ({"action": "approve", "comment": 3}, 400)):
        site.admin.call("POST", f"approvals/{put['approval']}", body, status)
    site.admin.call("POST", "approvals/999999", {"action": "approve"}, 404)
    site.admin.call("POST", "approvals/x", {"action": "approve"}, 400)


def test_policy_of_all_models_and_self_approval(tmp_path):
    with IngotServer(tmp_path / "data") as server:
        client = MlflowClient(server.url, server.url)
        local = Person(server)
        make(client, "m", 2)
        make(client, "free", 2)
        local.run("protect", "--alias", "champion", "--stage", "Production", "--self-approval", "--expires", "1h")
        local.run("protect", "free", "--nothing")
        assert "the policy of all models" not in local.run("protect", "free").stdout
        assert "champion" in local.run("protect", "free", "--inherit").stdout
        local.run("protect", "free", "--nothing")
        assert "champion" in local.run("protect", "m").stdout and "the policy of all models" in local.run("protect", "m").stdout
        local.run("alias", "free", "champion", "1")
        refused = local.run("alias", "m", "champion", "1", "--reason", "first", ok=False)
        assert refused.returncode == 1 and "Request 1 waits" in refused.stderr
        assert "'champion': none -> version 1" in local.run("approvals").stdout
        local.run("approve", "1", "--comment", "alone here")
        assert "because: first" in local.run("history", "m", "--alias", "champion").stdout
        assert json.loads(local.run("approvals", "--all", "--json").stdout)["approvals"][0]["state"] == "approved"
        assert server.stop() == 0


# ---- reasons and rollback ----

def test_reasons_from_header_body_and_tag(site, client, name):
    make(client, name, 3)
    r = requests.post(f"{site.url}/api/2.0/mlflow/registered-models/alias", json={"name": name, "alias": "a", "version": "1"},
                      headers={"X-Ingot-Reason": "by header", "X-Request-Id": "req-1"}, timeout=30)
    assert r.status_code == 200
    site.local.call("PUT", f"models/{name}/aliases/a", {"version": 2, "reason": "by body"})
    client.set_model_version_tag(name, 3, "ingot.reason", "by tag")
    client.set_registered_model_alias(name, "a", 3)
    client.transition_model_version_stage(name, 3, "Staging")
    client.transition_model_version_stage(name, 3, "Staging")  # no change, no row
    rows = site.local.get(f"models/{name}/history")["history"]
    assert [r["reason"] for r in rows] == ["by tag", "by tag", "by body", "by header"]
    assert rows[3]["request_id"] == "req-1" and rows[0]["kind"] == "stage"
    page = site.local.get(f"models/{name}/history?limit=3")
    assert len(page["history"]) == 3 and len(site.local.get(f"models/{name}/history?before={page['next']}")["history"]) == 1
    site.local.call("PUT", f"models/{name}/aliases/a", {"version": 1, "reason": "x" * 2001}, 400)


def test_rollback_in_one_call(site, client, name):
    make(client, name, 4)
    for v in (1, 2, 3):
        client.set_registered_model_alias(name, "champion", v)
    site.admin.call("PUT", f"models/{name}/policy", {"aliases": ["champion"]})
    back = site.local.call("POST", f"models/{name}/rollback", {"alias": "champion", "reason": "errors"})
    assert (back["from"], back["version"], back["changed"]) == (3, 2, True)  # nobody else was needed
    assert client.get_model_version_by_alias(name, "champion").version == "2"
    assert "2 -> 1" in site.local.run("rollback", name, "--alias", "champion").stdout
    run = site.local.run("rollback", name, "--alias", "champion", ok=False)
    assert run.returncode == 1 and "no earlier version" in run.stderr
    assert site.local.call("POST", f"models/{name}/rollback", {"alias": "champion", "to": 3})["version"] == 3
    site.local.call("POST", f"models/{name}/rollback", {"alias": "champion", "to": 4}, 403)  # never was there
    site.local.call("POST", f"models/{name}/rollback", {}, 400)
    site.local.call("POST", f"models/{name}/rollback", {"alias": "champion", "to": 99}, 404)
    assert site.local.get(f"models/{name}/history?limit=1")["history"][0]["action"] == "rollback"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def served(tmp_path_factory, request):
    world = tiny.world()
    with IngotServer(tmp_path_factory.mktemp("served") / "data", *database(request)) as server:
        server.local = Person(server)
        world.deploy(server.url, warm=False)
        yield server


def test_what_an_endpoint_serves_stays(served):
    client = MlflowClient(served.url, served.url)
    with pytest.raises(MlflowException, match="endpoint 'tiny' serves version 1 of model 'tiny'"):
        client.delete_model_version("tiny", 1)
    with pytest.raises(MlflowException, match="endpoint 'tiny' serves model 'tiny'"):
        client.delete_registered_model("tiny")
    with pytest.raises(MlflowException, match="endpoint 'tiny' serves model 'tiny'"):
        client.rename_registered_model("tiny", "other")


def test_a_rollback_takes_the_endpoints_along(served):
    client = MlflowClient(served.url, served.url)
    local = served.local
    client.set_registered_model_alias("tiny", "champion", 2)
    client.set_registered_model_alias("tiny", "champion", 1)
    back = local.call("POST", "models/tiny/rollback", {"alias": "champion", "endpoints": True})
    assert back["version"] == 2 and back["endpoints"] == [{"endpoint": "tiny", "moved": True}]
    assert local.get("endpoints/tiny")["version"] == 2
    assert "endpoint tiny: moved" in local.run("rollback", "tiny", "--alias", "champion", "--to", "1", "--endpoints").stdout
    assert local.get("endpoints/tiny")["version"] == 1


# ---- lineage and cards ----

def test_lineage_both_ways(served):
    local = served.local
    up = local.get("lineage?node=endpoint/tiny&direction=up")
    kinds = {n["kind"] for n in up["nodes"]}
    assert {"endpoint", "version", "run", "data"} <= kinds and not up["truncated"]
    data = next(n["id"] for n in up["nodes"] if n["kind"] == "data")
    down = local.get(f"lineage?node={data}&direction=down")
    assert "endpoint/tiny" in {n["id"] for n in down["nodes"]}
    text = local.run("lineage", "tiny", "1").stdout
    assert "version/tiny/1 --served--> endpoint/tiny" in text and "--registered--> version/tiny/1" in text
    by_node = json.loads(local.run("lineage", "--node", "endpoint/tiny", "--direction", "up", "--depth", "1", "--json").stdout)
    assert {n["depth"] for n in by_node["nodes"]} == {0, -1}
    for query, status in (("node=endpoint/none", 404), ("node=x", 400), ("", 400), ("node=endpoint/tiny&depth=99", 400),
                          ("node=endpoint/tiny&direction=left", 400)):
        local.get(f"lineage?{query}", status)


def test_cards(served, tmp_path):
    local = served.local
    use = tmp_path / "use.md"
    use.write_text("# Use\nDelays of flights. <script>alert(1)</script>\n")
    local.run("card", "tiny", "1", "--set", "owner=team-ops", "--set", f"intended_use=@{use}", "--reason", "first text")
    text = local.run("card", "tiny", "1").stdout
    for part in ("# tiny version 1", "| Semantic version | 1.0.0 |", "## Intended use", "### Use", "## Signature", "## Metrics", "## History"):
        assert part in text, text
    card = json.loads(local.run("card", "tiny", "2", "--json").stdout)
    assert card["sections"]["owner"]["version"] == 1 and card["run"]["metrics"] and card["data_version"]
    markdown = requests.get(f"{served.url}{API}models/tiny/versions/champion/card?format=markdown", timeout=30)
    assert markdown.headers["Content-Type"].startswith("text/markdown") and markdown.headers["X-Content-Type-Options"] == "nosniff"
    edits = local.get("models/tiny/versions/1/card/edits")["edits"]
    assert {e["section"] for e in edits} == {"owner", "intended_use"} and edits[0]["reason"] == "first text"
    local.call("PUT", "models/tiny/versions/1/card", {"sections": {"colour": "blue"}}, 400)
    local.call("PUT", "models/tiny/versions/1/card", {"sections": {"owner": 3}}, 400)
    local.call("PUT", "models/tiny/versions/9/card", {"sections": {}}, 404)
    assert "1.0.0" in local.run("show", "tiny", "^1.0").stdout or "1.0" in local.run("show", "tiny", "^1.0").stdout
    assert "champion" in local.run("show", "tiny").stdout


def test_the_audit_log_holds(site):
    assert site.local.get("audit/verify")["rows"] > 0
