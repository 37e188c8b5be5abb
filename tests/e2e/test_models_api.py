"""The lists of models and datasets, previews of acts, a version's files, two signatures: over HTTP, on both databases, with data of real clients."""
import hashlib
import uuid

import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag

API = "/api/ingot/v1/"


class Shop:
    def __init__(self, s, folder):
        self.url, self.folder, self.tail = s.url, folder, uuid.uuid4().hex[:8]
        self.mlflow = MlflowClient(tracking_uri=s.url, registry_uri=s.url)

    def call(self, method, path, body=None, ok=(200, 201, 202), headers=None):
        r = requests.request(method, self.url + API + path, json=body, timeout=30, headers=headers)
        assert r.status_code in ok, r.text
        return r.json()

    def get(self, path):
        return self.call("GET", path)

    def run(self, content):
        c = self.mlflow
        run = c.create_run("0").info.run_id
        (self.folder / "weights.bin").write_bytes(content)
        c.log_artifact(run, self.folder / "weights.bin", "model/deep")
        c.log_artifact(run, self.folder / "weights.bin", "model2")
        data = Dataset(name="rides-" + self.tail, digest="d" + self.tail, source_type="local", source='{"uri": "rides.csv"}', schema='{"mlflow_colspec": [{"type": "long", "name": "x"}]}', profile="no JSON")
        c.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
        return run

    def model(self, name, n=3):
        name = f"{name}-{self.tail}"
        self.mlflow.create_registered_model(name)
        self.runs = [self.run(bytes([i]) * (1000 + i)) for i in range(n)]
        for i, run in enumerate(self.runs):
            signature = {"inputs": [{"type": "double" if i == 0 else "float", "name": "x", "required": True}]}
            self.call("POST", f"models/{name}/versions", {"source": f"runs:/{run}/model", "run_id": run, "signature": signature})
        return name


@pytest.fixture
def shop(either, tmp_path):
    return Shop(either, tmp_path)


def test_pages_of_models(shop):
    names = sorted(f"{n}-{shop.tail}" for n in ("b", "B", "a", "é", "a%2F b", "z'\""))
    for name in names:
        shop.mlflow.create_registered_model(name)
    shop.mlflow.register_prompt("prompt-" + shop.tail, "Say {{word}}.")
    seen, query = [], {"search": shop.tail, "limit": 2}
    while query.get("after") != "":
        r = requests.get(shop.url + API + "models", params=query, timeout=30).json()
        seen += [m["model"] for m in r["models"]]
        assert len(r["models"]) <= 2
        query["after"] = r.get("next", "")
    assert seen == names
    for bad in ("limit=0", "limit=501", "limit=x"):
        shop.call("GET", "models?" + bad, ok=(400,))


def test_what_a_model_is(shop):
    m = shop.model("taxi")
    shop.call("PUT", f"models/{m}/versions/2/stage", {"stage": "Production"})
    shop.call("PUT", f"models/{m}/versions/1/card", {"sections": {"owner": "ops"}})
    shop.call("PUT", f"models/{m}/policy", {"aliases": ["gold"]})
    shop.call("PUT", f"models/{m}/aliases/gold", {"version": 1}, ok=(202,))
    shop.call("PUT", f"models/{m}/aliases/silver", {"version": 1})
    row = shop.get(f"models?search={m}")["models"][0]
    assert (row["owner"], row["versions"], row["waiting"], row["newest"]["version"], row["aliases"], row["stages"], row["endpoints"]) == ("ops", 3, 1, 3, {"silver": 1}, {"Production": 2}, [])
    one = shop.get(f"models/{m}")
    assert (one["owner"], one["versions"], one["endpoints"]) == ("ops", 3, [])


def test_files_and_signatures(shop):
    m = shop.model("files")
    got = shop.get(f"models/{m}/versions/2/files")
    assert got["files"] == [{"path": "deep/weights.bin", "size_bytes": 1001, "sha256": hashlib.sha256(bytes([1]) * 1001).hexdigest()}] and not got["truncated"]
    change = shop.get(f"models/{m}/versions/2/compare/1")
    assert (change["bump"], change["with"], len(change["changes"])) == ("major", 1, 1) and "'x'" in change["changes"][0]["text"]
    assert shop.get(f"models/{m}/versions/3/compare/2")["changes"] == []
    shop.call("GET", f"models/{m}/versions/3/compare/9", ok=(404,))
    shop.call("POST", f"models/{m}/versions", {"source": "s3://bucket/elsewhere"})
    elsewhere = shop.get(f"models/{m}/versions/4/files")
    assert elsewhere["root"] is None and elsewhere["files"] == []


def test_datasets(shop):
    shop.model("data")
    got = [d for d in shop.get("datasets?search=" + shop.tail)["datasets"]]
    assert [(d["name"], d["digest"], d["runs"]) for d in got] == [("rides-" + shop.tail, "d" + shop.tail, 3)]
    one = shop.get(f"datasets/d{shop.tail}?name=rides-{shop.tail}")
    assert one["schema"] == {"mlflow_colspec": [{"type": "long", "name": "x"}]} and one["profile"] == "no JSON"
    assert {u["run_id"] for u in one["used_by"]} == set(shop.runs) and {u["context"] for u in one["used_by"]} == {"training"}
    shop.mlflow.delete_run(shop.runs[0])
    assert shop.get(f"datasets/d{shop.tail}?name=rides-{shop.tail}")["runs"] == 2
    shop.call("GET", f"datasets/d{shop.tail}?name=other", ok=(404,))


def test_a_preview_says_what_happens_and_changes_nothing(shop):
    m = shop.model("look")
    shop.call("PUT", f"models/{m}/aliases/champion", {"version": 1})
    shop.call("PUT", f"models/{m}/aliases/champion", {"version": 2})
    shop.call("PUT", f"models/{m}/versions/1/stage", {"stage": "Production"})

    def state():
        return [shop.get(f"models/{m}"), shop.get(f"models/{m}/versions"), shop.get(f"models/{m}/history"), shop.get(f"approvals?state=all&model={m}"), shop.get("audit?limit=1")["rows"][0]["seq"]]

    def look(**act):
        before = state()
        p = shop.call("POST", f"models/{m}/preview", act)
        assert state() == before
        return p

    p = look(act="alias", alias="champion", version=3)
    done = shop.call("PUT", f"models/{m}/aliases/champion", {"version": 3})
    assert (p["from"], p["version"], p["changed"]) == (done["from"], done["version"], done["changed"]) == ("2", 3, True)
    p = look(act="stage", stage="Production", version=2, archive_others=True)
    done = shop.call("PUT", f"models/{m}/versions/2/stage", {"stage": "Production", "archive_others": True})
    assert (p["from"], p["changed"], p["archives"]) == (done["from"], done["changed"], [1])
    assert shop.get(f"models/{m}/versions/1")["stage"] == "Archived"
    p = look(act="rollback", alias="champion")
    done = shop.call("POST", f"models/{m}/rollback", {"alias": "champion"})
    assert (p["from"], p["version"]) == (str(done["from"]), done["version"]) == ("3", 2)
    shop.call("PUT", f"models/{m}/policy", {"aliases": ["champion"], "expires_in_s": 60})
    p = look(act="alias", alias="champion", version=1)
    assert p["needs_approval"] and not p["changed"] and p["expires_in_s"] == 60
    assert shop.call("PUT", f"models/{m}/aliases/champion", {"version": 1}, ok=(202,))["approval"]
    p = look(act="delete", version=2)
    r = requests.delete(shop.url + "/api/2.0/mlflow/model-versions/delete", json={"name": m, "version": "2"}, timeout=30)
    assert p["refused"]["error"] == r.json()["message"] and r.status_code == 403
    for bad in ({}, {"act": "explode"}, {"act": "alias"}, {"act": "stage", "version": 1}, {"act": "stage", "stage": "Moon", "version": 1}, {"act": "rollback"},
                {"act": "rollback", "alias": "a", "stage": "Production"}, {"act": "delete"}, {"act": "alias", "alias": "latest", "version": 1}, {"act": "alias", "alias": "a", "version": "x"}):
        shop.call("POST", f"models/{m}/preview", bad, ok=(400,))
    shop.call("POST", f"models/{m}/preview", {"act": "delete", "version": 99}, ok=(404,))
    shop.call("POST", "models/nobody/preview", {"act": "delete", "version": 1}, ok=(404,))
    shop.get("audit/verify")
