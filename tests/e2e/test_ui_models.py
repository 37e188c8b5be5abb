"""Models, approvals, features and data in a real browser: what stands there against what the API and the real clients say, and every act does what its
dialog promised."""
import hashlib
import re

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import tiny
from mlflow import MlflowClient
from ui_world import HOSTILE, PHONE, fits_width, graph_node, harmless, opened, prefer, server, settled, shot, texts

API = "/api/ingot/v1/"
EVIL = "<b>evil<img src=x onerror=alert(1)>"


class Shop:
    def __init__(self, s):
        self.server, self.url = s, s.url
        self.mlflow = MlflowClient(tracking_uri=s.url, registry_uri=s.url)

    def call(self, method, path, body=None, ok=(200, 201, 202), token=None):
        r = requests.request(method, self.url + API + path, json=body, timeout=30, headers={"Authorization": "Bearer " + token} if token else {})
        assert r.status_code in ok, r.text
        return r.json()

    def get(self, path):
        return self.call("GET", path)

    def run(self, name, auc, loss, depth):
        c = self.mlflow
        r = c.create_run(self.experiment, run_name=name)
        c.log_metric(r.info.run_id, "valid_auc", auc)
        c.log_metric(r.info.run_id, "valid_loss", loss)
        c.log_metric(r.info.run_id, "weight", 3.0)
        c.log_param(r.info.run_id, "depth", depth)
        c.log_param(r.info.run_id, "seed", 7)
        frame = pd.DataFrame({"x": np.arange(4.0), "y": [1, 0, 1, 0]})
        data = mlflow.data.from_pandas(frame, source="s3://bucket/rides.parquet", name="rides")
        c.log_inputs(r.info.run_id, [mlflow.entities.DatasetInput(data._to_mlflow_entity(), [mlflow.entities.InputTag("mlflow.data.context", "training")])])
        self.dataset = data
        with open(self.folder / "MLmodel", "w") as f:
            f.write(f"flavors: {{}}\nname: {name}\n")
        (self.folder / "weights.bin").write_bytes(bytes(range(256)) * depth)
        c.log_artifact(r.info.run_id, self.folder / "MLmodel", "model")
        c.log_artifact(r.info.run_id, self.folder / "weights.bin", "model/data")
        c.set_terminated(r.info.run_id)
        return r.info.run_id

    def signature(self, **columns):
        return {"inputs": [{"type": kind, "name": name, "required": True} for name, kind in columns.items()], "outputs": [{"type": "double", "name": "tip"}]}

    def model(self, name, versions=4):
        """Versions 1.. with runs; 3 on brings a new input's type, so it is a major change."""
        self.mlflow.create_registered_model(name, description="How much a rider tips.")
        for i in range(versions):
            sig = self.signature(distance="double", hour="long") if i < 2 else self.signature(distance="double", hour="integer", zone="string")
            run = self.runs[i % len(self.runs)]
            self.call("POST", f"models/{name}/versions", {"source": f"runs:/{run}/model", "run_id": run, "signature": sig})

    def fill(self, folder):
        self.folder = folder
        self.experiment = self.mlflow.create_experiment("tips")
        self.runs = [self.run(f"fit-{i}", 0.7 + i / 100, 0.5 - i / 50, 4 + i) for i in range(4)]
        self.model("taxi")
        self.call("PUT", "models/taxi/aliases/champion", {"version": 2, "reason": "first good one"})
        self.call("PUT", "models/taxi/versions/2/card", {"sections": {"owner": "ops team", "intended_use": "Only **yellow** cabs.\n\n- city\n- airport"}})
        self.mlflow.create_registered_model(EVIL, description=HOSTILE[1])
        self.call("POST", f"models/{requests.utils.quote(EVIL, safe='')}/versions", {"source": "s3://bucket/x", "description": HOSTILE[3]})
        return self


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with server(tmp_path_factory.mktemp("models") / "data") as s:
        yield Shop(s).fill(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A trained model behind an endpoint, with its feature view."""
    world = tiny.world()
    with server(tmp_path_factory.mktemp("site") / "data") as s:
        shop = Shop(s)
        shop.call("POST", "features/tiny/push", world.deploy(s.url))
        shop.world = world
        yield shop


@pytest.fixture
def own(shop, request):
    """A model of the test's own."""
    name = re.sub(r"\W+", "-", request.node.name)
    shop.model(name)
    return name


def card(page, title):
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=title))


def rows(page, label):
    """Cells of the virtual table of that name."""
    grid = page.get_by_role("grid", name=label).or_(page.get_by_role("table", name=label)).first
    grid.locator("[data-index]").first.wait_for()
    return [[" ".join(c.split()) for c in row.locator("[role=gridcell]").all_inner_texts()] for row in grid.locator("[data-index]").all()]


def four(x):
    return f"{float(f'{x:.4g}'):g}".replace("-", "\u2212")


def says(page):
    """The dialog's sentences, once the server was asked."""
    page.locator(".act-says p:not(.soft)").first.wait_for()
    return " ".join(texts(page, ".act-says p"))


def press(page, name):
    page.locator("dialog footer").get_by_role("button", name=name, exact=True).click()
    page.locator("dialog").wait_for(state="detached")


def toast(page, text):
    page.locator(".toast", has_text=text).wait_for()


# ---- looking ----

def test_the_list_says_what_the_api_says(page, shop):
    page.goto(shop.url + "/models")
    settled(page)
    got = {r[0]: r for r in rows(page, "Models")}
    for m in shop.get("models")["models"]:
        row = got[m["model"]]
        assert row[1].startswith(f"v{m['newest']['version']}")
        assert row[6] == str(m["versions"])
        for alias in m["aliases"]:
            assert alias in row[2]
    assert got["taxi"][5] == "ops team" and got["taxi"][1].endswith(shop.get("models/taxi/versions/4")["semver"])
    harmless(page)
    shot(page, "models")
    page.get_by_role("searchbox", name="Search models").fill("TAX")
    page.wait_for_url("**q=TAX*")
    page.wait_for_function("() => document.querySelectorAll('[data-index]').length === 1")
    page.get_by_role("searchbox", name="Search models").fill("nobody")
    page.get_by_text("No model is called that").wait_for()
    page.get_by_role("searchbox", name="Search models").fill("taxi")
    page.get_by_role("link", name="taxi", exact=True).click()
    page.wait_for_url("**/models/taxi")
    page.go_back()
    page.get_by_role("heading", name="Models", exact=True).wait_for()


def test_versions_and_their_metrics(page, shop):
    page.goto(shop.url + "/models/taxi")
    settled(page)
    page.get_by_role("link", name="fit-3").wait_for()
    got = rows(page, "Versions")
    assert [r[1] for r in got] == ["v4", "v3", "v2", "v1"]
    for r, run in zip(got, reversed(shop.runs)):
        m = shop.mlflow.get_run(run).data.metrics
        assert four(m["valid_auc"]) in r and four(m["valid_loss"]) in r
    assert "champion" in got[2][3]
    page.get_by_role("button", name="Metrics").click()
    page.get_by_label("weight").uncheck()
    page.wait_for_url("**metrics=valid_auc*")
    page.keyboard.press("Escape")
    page.wait_for_function("() => ![...document.querySelectorAll('[role=columnheader]')].some(e => e.innerText.includes('weight'))")
    shot(page, "model")
    page.get_by_label("Select v4").click()
    page.get_by_label("Select v2").click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/models/taxi/4?tab=compare&with=2")
    answer = shop.get("models/taxi/versions/4/compare/2")
    assert answer["bump"] == "major"
    for c in answer["changes"]:
        page.get_by_text(c["text"]).wait_for()
    assert "valid_auc 0.73 0.71 +0.02 ▲ better" in " ".join(texts(page, "tbody tr"))
    assert "valid_loss 0.44 0.48 \u22120.04 ▲ better" in " ".join(texts(page, "tbody tr"))
    assert "depth 7 5" in " ".join(texts(page, "tbody tr")) and "seed 7 7" not in " ".join(texts(page, "tbody tr"))
    shot(page, "model-compare", full=True)


def test_a_version(page, shop):
    page.goto(shop.url + "/models/taxi/champion")  # an alias is a name as good as the number
    page.get_by_role("heading", name="taxi version 2").wait_for()
    settled(page)
    page.get_by_role("region", name="Lineage").wait_for()
    for title in ("taxi v2", "champion", "fit-1", "rides"):
        graph_node(page, title).first.wait_for()
    shot(page, "model-version", full=True)
    page.get_by_role("tab", name="Signature").click()
    assert "1 distance double yes" in texts(page, "tbody tr") and "2 hour long yes" in texts(page, "tbody tr")
    page.get_by_role("tab", name="Files").click()
    settled(page)
    files = {r[0]: r for r in rows(page, "Files")}
    for f in shop.get("models/taxi/versions/2/files")["files"]:
        with page.expect_download() as download:
            page.get_by_label("Download " + f["path"]).click()
        content = open(download.value.path(), "rb").read()
        assert len(content) == f["size_bytes"] and hashlib.sha256(content).hexdigest() == f["sha256"]
        assert files[f["path"]][2].startswith(f["sha256"][:16])
    assert set(files) == {"MLmodel", "data/weights.bin"}
    page.get_by_role("tab", name="Overview").click()
    graph_node(page, "fit-1").click()
    page.wait_for_url("**/runs/" + shop.runs[1])


def test_the_graph_by_keyboard(page, shop):
    page.goto(shop.url + "/models/taxi/2")
    settled(page)
    node = page.locator(".graph-node.chosen")
    node.focus()
    page.keyboard.press("ArrowLeft")
    first = page.evaluate("document.activeElement.dataset.node")
    assert first.startswith("run/")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.node") != first
    edges = texts(page, "ul[aria-label=Connections] li")
    assert any("taxi v2" in e and "champion" in e for e in edges)
    page.locator(f'.graph-node[data-node="{first}"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")


def test_the_card_is_written_and_kept(page, shop, own):
    page.goto(shop.url + f"/models/{own}/2?tab=card")
    page.get_by_role("button", name="Edit Intended use").click()
    page.get_by_label("Markdown").fill("For **cabs** only. " + HOSTILE[0])
    page.get_by_label("Why").fill("asked by ops")
    page.get_by_role("button", name="Save").click()
    toast(page, "is saved")
    section = page.get_by_role("region", name="Intended use")
    section.get_by_text("cabs", exact=True).wait_for()
    assert section.locator("strong").inner_text() == "cabs" and HOSTILE[0] in section.inner_text()
    harmless(page)
    got = shop.get(f"models/{own}/versions/2/card")["sections"]["intended_use"]
    assert got["text"].startswith("For **cabs** only.") and got["version"] == 2
    edits = shop.get(f"models/{own}/versions/2/card/edits")["edits"]
    assert [e["reason"] for e in edits] == ["asked by ops"]
    section.get_by_role("button", name="1 revision").click()
    section.get_by_text("asked by ops").wait_for()
    shop.mlflow.set_model_version_tag(own, "2", "ingot.gates", '[{"gate": "auc >= 0.7", "value": 0.71, "pass": true}, {"gate": "<i>loss", "value": null, "pass": false}]')
    page.reload()
    page.get_by_role("heading", name="Gates at evaluation").wait_for()
    assert texts(page, "section.card:has(h2:text('Gates')) tbody tr") == ["auc >= 0.7 0.71 yes", "<i>loss – no"]
    page.goto(shop.url + f"/models/{own}/3?tab=card")  # taken over, and said so
    page.get_by_role("region", name="Intended use").get_by_text("from version 2").wait_for()


# ---- acts: what the dialog says is what then happens ----

def test_an_alias_is_set_moved_undone_and_removed(page, shop, own):
    page.goto(shop.url + f"/models/{own}/3")
    page.get_by_role("button", name="Set alias").click()
    page.get_by_label("Alias", exact=True).fill("champion")
    assert says(page) == "Alias champion will name version 3."
    press(page, "Set alias")
    toast(page, "Alias champion names version 3.")
    assert shop.get(f"models/{own}")["aliases"] == {"champion": 3}
    page.goto(shop.url + f"/models/{own}")
    page.get_by_role("button", name="Move alias champion", exact=True).click()
    page.locator("dialog select").select_option("1")
    page.get_by_label("Why").fill("3 is too slow")
    page.get_by_text("Alias champion will name version 1 instead of 3.").wait_for()
    shot(page, "model-act")
    press(page, "Set alias")
    toast(page, "Alias champion names version 1.")
    assert shop.get(f"models/{own}")["aliases"] == {"champion": 1}
    page.locator(".toast").get_by_role("button", name="Undo").click()
    toast(page, "Alias champion is as it was.")
    assert shop.get(f"models/{own}")["aliases"] == {"champion": 3}
    page.get_by_role("button", name="Remove alias champion").click()
    assert says(page) == "Alias champion, which names version 3, will be removed."
    press(page, "Remove")
    assert shop.get(f"models/{own}")["aliases"] == {}
    page.get_by_role("tab", name="History").click()
    page.get_by_text("Alias champion moved from version 3 to 1").wait_for()
    page.get_by_text("3 is too slow").wait_for()
    shot(page, "model-history")


def test_stages_archive_others_and_roll_back(page, shop, own):
    shop.call("PUT", f"models/{own}/versions/1/stage", {"stage": "Production"})
    page.goto(shop.url + f"/models/{own}/4")
    page.get_by_role("button", name="Promote").click()
    page.get_by_text("Version 4 will move from None to Production.").wait_for()
    assert says(page) == "Version 4 will move from None to Production. Version 1 will become Archived."
    press(page, "Promote to Production")
    toast(page, "Version 4 is in Production.")
    stages = {v["version"]: v["stage"] for v in shop.get(f"models/{own}/versions")["versions"]}
    assert stages == {1: "Archived", 2: "None", 3: "None", 4: "Production"}
    page.goto(shop.url + f"/models/{own}")
    page.get_by_role("button", name="Roll back").click()
    promised = says(page)
    assert "Stage Production will hold version 1 instead of 4." in promised and "Version 4 will become Archived." in promised
    press(page, "Roll back")
    toast(page, "is back at version 1")
    stages = {v["version"]: v["stage"] for v in shop.get(f"models/{own}/versions")["versions"]}
    assert stages == {1: "Production", 2: "None", 3: "None", 4: "Archived"}
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.get_by_text("Version 4 will move from Archived to Production.").wait_for()
    assert says(page) == "Version 4 will move from Archived to Production. Version 1 will become Archived.", "the way forward is confirmed like any other"
    press(page, "Promote to Production")
    toast(page, "Version 4 is in Production.")
    assert "move=" not in page.url
    assert {v["version"]: v["stage"] for v in shop.get(f"models/{own}/versions")["versions"]} == {1: "Archived", 2: "None", 3: "None", 4: "Production"}


def test_a_version_is_deleted_by_its_name(page, shop, own):
    page.goto(shop.url + f"/models/{own}/2")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete version 2").click()
    assert says(page).startswith(f"Version 2 of {own} will be deleted.")
    button = page.locator("dialog footer").get_by_role("button", name="Delete", exact=True)
    assert button.is_disabled()
    typed = page.get_by_label(f"Type {own} to confirm")
    typed.fill(own[:-1])
    assert button.is_disabled()
    shop.call("PUT", f"models/{own}/aliases/meanwhile", {"version": 2, "reason": "somebody else's"})
    page.get_by_text("meanwhile").first.wait_for()
    settled(page)
    assert typed.input_value() == own[:-1], "what others do takes nothing out of the dialog"
    page.get_by_label(f"Type {own} to confirm").fill(own)
    page.watch.allow("versions/2")  # the page that is left asks once more
    press(page, "Delete")
    page.wait_for_url(f"**/models/{own}")
    assert [v["version"] for v in shop.get(f"models/{own}/versions")["versions"]] == [4, 3, 1]


def test_what_others_change_appears_by_itself(page, shop, own):
    page.goto(shop.url + f"/models/{own}")
    settled(page)
    page.get_by_text("No alias or stage names a version yet.").wait_for()
    shop.mlflow.set_registered_model_alias(own, "elsewhere", "3")
    card(page, "Names").get_by_text("elsewhere").wait_for()
    shop.mlflow.create_model_version(own, "s3://bucket/next")
    page.get_by_role("gridcell", name="v5", exact=True).wait_for()


# ---- a second person ----

def test_a_protected_alias_needs_another_person(browser, page, shop, own):
    token = (shop.server.data / "admin-token").read_text().strip()
    shop.call("PUT", f"models/{own}/aliases/champion", {"version": 1})
    shop.call("PUT", f"models/{own}/policy", {"aliases": ["champion"], "expires_in_s": 86400})
    page.goto(shop.url + f"/models/{own}/4")
    page.get_by_role("button", name="Set alias").click()
    page.get_by_label("Alias", exact=True).fill("champion")
    page.get_by_label("Why").fill("better AUC")
    promised = says(page)
    assert promised == "It is protected: nothing changes until another person approves. The request waits 1 d 00 h. Then: Alias champion will name version 4 instead of 1."
    press(page, "Ask for approval")
    toast(page, "waits for approval")
    assert shop.get(f"models/{own}")["aliases"] == {"champion": 1}
    request = shop.get(f"approvals?model={own}")["approvals"][0]
    mine = page.locator(f"[data-request='{request['id']}']")
    mine.get_by_text("You asked; another person who may deploy decides.").wait_for()
    assert not mine.get_by_role("button", name="Approve").count()  # not my own
    with opened(browser, "second-person") as other:
        assert other.request.post(shop.url + API + "session", data={"token": token}, headers={"X-Ingot-Request": "1"}).ok
        other.goto(shop.url + "/models?tab=approvals")
        theirs = other.locator(f"[data-request='{request['id']}']")
        theirs.get_by_text("local asked; you may decide.").wait_for()
        theirs.get_by_text("better AUC").wait_for()
        shot(other, "approvals")
        theirs.get_by_role("button", name="Comment").click()
        other.get_by_label("Comment").fill("looks fine " + HOSTILE[0])
        press(other, "Comment")
        theirs.get_by_text("looks fine").wait_for()
        harmless(other)
        theirs.get_by_role("button", name="Approve").click()
        other.get_by_text("Point alias champion at version 4 instead of 1").last.wait_for()
        press(other, "Approve")
        toast(other, "Approved.")
        theirs.wait_for(state="detached")
        other.get_by_role("button", name="All", exact=True).click()
        other.locator(f"[data-request='{request['id']}']").get_by_text("Approved").wait_for()
    assert shop.get(f"models/{own}")["aliases"] == {"champion": 4}
    page.goto(shop.url + f"/models/{own}?tab=history")
    page.get_by_text("Alias champion moved from version 1 to 4").wait_for()
    page.get_by_text(f"request {request['id']}").wait_for()


def test_a_request_is_withdrawn_and_one_is_rejected(browser, page, shop, own):
    token = (shop.server.data / "admin-token").read_text().strip()
    shop.call("PUT", f"models/{own}/policy", {"stages": ["Production"]})
    page.goto(shop.url + f"/models/{own}/2")
    page.get_by_role("button", name="Promote").click()
    page.get_by_text("Version 2 will move from None to Production.").wait_for()
    press(page, "Ask for approval")
    first = shop.get(f"approvals?model={own}")["approvals"][0]["id"]
    page.locator(f"[data-request='{first}']").get_by_role("button", name="Withdraw").click()
    press(page, "Withdraw")
    page.locator(f"[data-request='{first}']").wait_for(state="detached")
    assert shop.get(f"approvals/{first}")["state"] == "cancelled"
    shop.call("PUT", f"models/{own}/versions/3/stage", {"stage": "Production"})
    second = shop.get(f"approvals?model={own}")["approvals"][0]["id"]
    with opened(browser, "second-person") as other:
        assert other.request.post(shop.url + API + "session", data={"token": token}, headers={"X-Ingot-Request": "1"}).ok
        other.goto(shop.url + f"/models/{own}")
        other.locator(f"[data-request='{second}']").get_by_role("button", name="Reject").click()
        press(other, "Reject")
        other.locator(f"[data-request='{second}']").wait_for(state="detached")
    assert shop.get(f"approvals/{second}")["state"] == "rejected"
    assert {v["stage"] for v in shop.get(f"models/{own}/versions")["versions"]} == {"None"}


# ---- behind an endpoint; features ----

def test_what_serves_and_what_that_forbids(page, site):
    page.goto(site.url + "/models/tiny/2")
    settled(page)
    page.get_by_role("heading", name="Metrics").wait_for()
    graph_node(page, "tiny v2").first.wait_for()
    shot(page, "model-version-served", full=True)
    page.goto(site.url + "/models/tiny")
    settled(page)
    got = rows(page, "Versions")
    assert [("tiny" in r[5]) for r in got] == [False, True]
    page.goto(site.url + "/models/tiny/1")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete version 1").click()
    assert says(page).startswith("This cannot be done: endpoint 'tiny' serves version 1 of model 'tiny'")
    assert page.locator("dialog footer").get_by_role("button", name="Delete", exact=True).is_disabled()


def test_a_rollback_takes_the_endpoint_along_as_promised(page, site):
    for version in (2, 1):
        site.call("PUT", "models/tiny/aliases/champion", {"version": version})
    page.goto(site.url + "/models/tiny")
    page.get_by_role("button", name="Roll back").click()
    promised = says(page)
    assert promised == "Alias champion will name version 2 instead of 1. Endpoint tiny will serve version 2 instead of 1."
    press(page, "Roll back")
    toast(page, "is back at version 2")
    assert site.get("models/tiny")["aliases"] == {"champion": 2}
    assert site.get("endpoints/tiny")["version"] == 2
    page.locator(".toast").hover()  # it stays while pointed at
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.get_by_role("heading", name="What changed").wait_for()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.get_by_text("Alias champion will name version 1 instead of 2.").wait_for()
    assert says(page) == "Alias champion will name version 1 instead of 2. Endpoint tiny goes on answering with version 2.", "from another room too, and no more than is said"
    press(page, "Set alias")
    toast(page, "Alias champion names version 1.")
    assert site.get("models/tiny")["aliases"] == {"champion": 1} and site.get("endpoints/tiny")["version"] == 2


def test_an_endpoint_is_moved_as_promised(page, site):
    now = site.get("endpoints/tiny")["version"]
    other = 3 - now
    page.goto(site.url + f"/models/tiny/{other}")
    page.get_by_role("button", name="Serve", exact=True).click()
    page.get_by_text(f"Endpoint tiny will serve version {other} of tiny instead of {now}, all requests at once. No request fails.").wait_for()
    press(page, "Serve")
    toast(page, f"Endpoint tiny answers with version {other}.")
    assert site.get("endpoints/tiny")["version"] == other
    page.locator(".toast").get_by_role("button", name="Undo").click()
    toast(page, f"Endpoint tiny answers with version {now}.")
    assert site.get("endpoints/tiny")["version"] == now


def test_features(page, site):
    page.goto(site.url + "/features")
    settled(page)
    view = site.get("features/tiny")
    assert rows(page, "Feature views")[0][0] == "tiny"
    shot(page, "features")
    page.get_by_role("link", name="tiny").click()
    page.wait_for_url("**/features/tiny")
    settled(page)
    table = texts(page, "tbody tr")
    assert [r.split()[1] for r in table] == view["features"] == tiny.FEATURE_NAMES
    row = site.world.rows[2900]
    page.get_by_label("origin").fill(row["origin"])
    page.get_by_label("destination").fill(row["destination"])
    page.get_by_label("distance").fill(str(row["distance"]))
    at = page.get_by_label("As of (UTC)").input_value()
    us = int(pd.Timestamp(at, tz="UTC").value // 1000)
    page.get_by_role("button", name="Look up").click()
    want = site.call("POST", "features/tiny/get", {"time_us": [us], "keys": {"origin": [row["origin"]], "destination": [row["destination"]]}, "numbers": {"distance": [row["distance"]]}})
    values = page.get_by_role("table", name="Values")
    values.wait_for()
    shot(page, "feature-view", full=True)
    shown = [" ".join(r.split()) for r in values.locator("tbody tr").all_inner_texts()]
    for name, value, line in zip(want["features"], want["rows"][0], shown):
        assert line == f"{name} {'missing' if value is None else four(value)}"
    page.get_by_role("tab", name="Definition").click()
    page.get_by_text("available_at: date + to_minutes(90)").wait_for()


def test_data(page, shop):
    page.goto(shop.url + "/data")
    settled(page)
    listed = shop.get("datasets")["datasets"]
    got = rows(page, "Datasets")
    assert [(r[0], r[3]) for r in got] == [(d["name"], str(d["runs"])) for d in listed] == [("rides", "4")]
    shot(page, "data")
    page.get_by_role("link", name="rides").click()
    page.wait_for_url("**digest=*")
    settled(page)
    assert "1 x double yes" in texts(page, "tbody tr") and "2 y long yes" in texts(page, "tbody tr")
    card(page, "Profile").get_by_text("num_rows").wait_for()
    assert {r[0] for r in rows(page, "Runs that used it")} == {f"fit-{i}" for i in range(4)}
    page.get_by_text("s3://bucket/rides.parquet").wait_for()
    shot(page, "dataset", full=True)
    page.goto(shop.url + "/data?q=" + listed[0]["digest"][:6])
    page.get_by_role("link", name="rides").wait_for()
    page.goto(shop.url + "/data?q=none")
    page.get_by_text("No dataset is called that").wait_for()
    shop.call("GET", "datasets/zz?name=rides", ok=(404,))
    shop.call("GET", "datasets/zz", ok=(400,))


# ---- empty, broken, hostile, small, dark, Chinese ----

def test_empty_rooms_say_what_fills_them(page, tmp_path):
    with server(tmp_path / "data") as s:
        for path, text in (("/models", "mlflow.register_model"), ("/models?tab=approvals", "ingot model protect"), ("/features", "ingot features apply"), ("/data", "mlflow.log_input")):
            page.goto(s.url + path)
            settled(page)
            assert text in page.locator("main .command").inner_text()


def test_what_is_not_there(page, shop):
    page.watch.allow("nobody|/versions/99")
    for path in ("/models/nobody", "/models/taxi/99", "/features/nobody", "/data?name=nobody&digest=nobody"):
        page.goto(shop.url + path)
        page.get_by_role("alert").get_by_text("Not found", exact=True).wait_for()
        assert page.get_by_role("alert").locator("code").inner_text()  # the request's id


def test_hostile_names_are_text(page, shop):
    seg = requests.utils.quote(EVIL, safe="")
    shop.call("PUT", f"models/{seg}/versions/1/stage", {"stage": "Staging", "reason": HOSTILE[3]})
    for path in ("/models", f"/models/{seg}", f"/models/{seg}?tab=history", f"/models/{seg}/1", f"/models/{seg}/1?tab=card", f"/models/{seg}/1?tab=files"):
        page.goto(shop.url + path)
        settled(page)
        page.get_by_text(EVIL).first.wait_for()
        harmless(page)
        fits_width(page)


@pytest.mark.parametrize("theme, language", [("dark", "en"), ("light", "zh")])
def test_phones_themes_and_chinese(browser, shop, site, theme, language):
    with opened(browser, f"models-{theme}-{language}", viewport=PHONE) as page:
        prefer(page, theme=theme, language=language)
        for i, path in enumerate(["/models", "/models/taxi", "/models/taxi/2", "/models/taxi/2?tab=card", "/models/taxi/4?tab=compare&with=2", "/data", "/models?tab=approvals"]):
            page.goto(shop.url + path)
            settled(page)
            fits_width(page)
            shot(page, f"models-phone-{theme}-{language}-{i}", full=True)
        for path in ("/features", "/features/tiny"):
            page.goto(site.url + path)
            settled(page)
            fits_width(page)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        if language == "zh":
            assert "特征" in page.locator("main").inner_text()


def test_a_server_that_goes_away(page, tmp_path):
    page.watch.allow(".*")
    with server(tmp_path / "data") as s:
        page.goto(s.url + "/models")
        settled(page)
    page.get_by_role("tab", name="Approvals").click()
    page.get_by_text("The server does not answer.").first.wait_for()
