"""Home, audit and settings in a real browser: every line on the page against what the API says, on data that real clients made."""
import json

import pytest
import requests
from mlflow import MlflowClient
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

API = "/api/ingot/v1/"


class Shop:
    def __init__(self, s):
        self.server, self.url = s, s.url
        self.mlflow = MlflowClient(tracking_uri=s.url, registry_uri=s.url)

    def call(self, method, path, body=None, ok=(200, 201, 202)):
        r = requests.request(method, self.url + API + path, json=body, timeout=30)
        assert r.status_code in ok, r.text
        return r.json()

    def fill(self):
        c = self.mlflow
        self.experiment = c.create_experiment(HOSTILE[0])
        self.runs = [c.create_run(self.experiment, run_name=name) for name in ["first", HOSTILE[1], "broken", "still going"]]
        for run, status in zip(self.runs, ["FINISHED", "FINISHED", "FAILED"]):
            c.set_terminated(run.info.run_id, status)
        c.create_registered_model("taxi")
        for _ in range(2):
            c.create_model_version("taxi", "s3://bucket/x")
        self.call("PUT", "models/taxi/policy", {"aliases": ["champion"]})
        self.call("PUT", "models/taxi/aliases/champion", {"version": 2, "reason": HOSTILE[3]})
        self.call("POST", "alert-rules", {"name": "nan", "kind": "nan", "metric": "loss"})
        return self


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with server(tmp_path_factory.mktemp("home") / "data") as s:
        yield Shop(s).fill()


@pytest.fixture
def empty(tmp_path):
    with server(tmp_path / "data") as s:
        yield s


def card(page, title):
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_an_empty_server_says_what_fills_it(page, empty):
    page.goto(empty.url + "/")
    settled(page)
    page.get_by_text("Nothing waits for you.").wait_for()
    assert page.get_by_text(f"export MLFLOW_TRACKING_URI={empty.url}").is_visible()
    assert page.get_by_text("ingot deploy create").is_visible()
    page.goto(empty.url + "/audit")
    page.get_by_text("Nothing was recorded").wait_for()


def test_runs_and_requests_stand_on_the_page(page, shop):
    page.goto(shop.url + "/")
    settled(page)
    runs = card(page, "1 run is running")
    assert texts(page, "section.card:has(h2:text-is('1 run is running')) li a") == ["still going", "broken", HOSTILE[1], "first"]
    assert [t.split(" ", 1)[0] for t in texts(page, "section.card:has(h2:text-is('1 run is running')) li .badge")] == ["Running", "Failed", "Finished", "Finished"]
    assert runs.locator("a", has_text="first").get_attribute("href") == f"/runs/{shop.runs[0].info.run_id}"
    waits = card(page, "Needs a decision")
    assert waits.get_by_text("taxi: point champion at version 2").is_visible()
    assert HOSTILE[3] in waits.inner_text()
    wanted = shop.call("GET", "approvals?pending=true")
    assert len(wanted["approvals"]) == waits.locator("li").count() == 1
    changed = card(page, "What changed").inner_text()
    assert changed.count("Version 1 registered") == changed.count("Version 2 registered") == 1 and "Model registered" in changed
    harmless(page)
    fits_width(page)
    shot(page, "home")


def test_what_happens_shows_without_a_reload(page, shop):
    page.goto(shop.url + "/")
    settled(page)
    page.evaluate("window.kept = true")
    run = shop.mlflow.create_run(shop.experiment, run_name="came later")
    page.get_by_role("link", name="came later").wait_for()
    shop.mlflow.set_terminated(run.info.run_id)
    page.get_by_role("heading", name="1 run is running").wait_for()
    assert page.evaluate("window.kept") is True
    shop.mlflow.delete_run(run.info.run_id)
    page.get_by_role("link", name="came later").wait_for(state="detached")


def test_the_audit_log_page_by_page(page, shop):
    page.goto(shop.url + "/audit")
    settled(page)
    rows = shop.call("GET", "audit?limit=100")["rows"]
    assert page.locator("tbody tr").count() == min(100, len(rows))
    assert texts(page, "tbody td:last-child") == [str(r["seq"]) for r in rows]
    assert texts(page, "tbody tr:first-child td")[1] == rows[0]["actor"]
    assert page.locator("tbody td:nth-child(3) b").evaluate_all("all => all.map(b => b.title)") == [r["verb"] for r in rows]
    page.get_by_label("Kind").fill("model")
    page.get_by_label("Kind").press("Enter")
    wanted = shop.call("GET", "audit?limit=100&kind=model")["rows"]
    page.wait_for_function(f"() => document.querySelectorAll('tbody tr').length === {len(wanted)}")
    assert page.url.endswith("/audit?kind=model")
    page.go_back()
    page.wait_for_function(f"() => document.querySelectorAll('tbody tr').length === {min(100, len(rows))}")
    page.get_by_role("button", name="Check the chain").click()
    page.get_by_text("The chain is whole").wait_for()
    harmless(page)
    fits_width(page)


def test_older_rows_come_on_demand(page, shop):
    for i in range(120):
        shop.mlflow.create_experiment(f"many {i}")
    total = len(shop.call("GET", "audit?limit=1000")["rows"])
    page.goto(shop.url + "/audit")
    settled(page)
    assert page.locator("tbody tr").count() == 100
    while page.get_by_role("button", name="Older").count():
        before = page.locator("tbody tr").count()
        page.get_by_role("button", name="Older").click()
        page.locator("tbody tr").nth(before).wait_for()
    assert texts(page, "tbody td:last-child") == [str(n) for n in range(total, 0, -1)]


def test_settings_are_kept(page, shop):
    page.goto(shop.url + "/settings")
    settled(page)
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="中文").click()
    page.get_by_role("heading", name="设置").wait_for()
    page.reload()
    page.get_by_role("heading", name="设置").wait_for()
    assert page.evaluate("[document.documentElement.dataset.theme, document.documentElement.lang]") == ["dark", "zh-CN"]
    assert shop.server.url in page.inner_text("main")


def test_a_server_that_goes_leaves_what_was_there(page, empty):
    page.watch.allow(".")
    page.goto(empty.url + "/")
    page.get_by_text("Nothing waits for you.").wait_for()
    empty.stop()
    page.get_by_text("The connection to the server is lost").wait_for()
    assert page.get_by_text("Nothing waits for you.").is_visible()


@pytest.mark.parametrize("path", ["/", "/audit", "/settings"])
@pytest.mark.parametrize("look", ["phone", "dark", "zh"])
def test_every_look(browser, shop, path, look):
    context = {"phone": {"viewport": PHONE}, "dark": {"color_scheme": "dark"}, "zh": {}}[look]
    with opened(browser, f"home-{look}", **context) as page:
        if look == "zh":
            prefer(page, language="zh")
        page.goto(shop.url + path)
        settled(page)
        fits_width(page)
        shot(page, f"home{path.replace('/', '-').rstrip('-')}-{look}")
        if look == "zh":
            left = page.evaluate("() => [...document.querySelectorAll('h1, h2, nav, button, label')].map(e => e.innerText).join(' ')")
            for word in ("Home", "Audit", "Settings", "Needs a decision", "What changed", "Kind"):
                assert word not in left


def test_shortcuts(page, shop):
    page.goto(shop.url + "/")
    settled(page)
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.get_by_role("heading", name="Audit", level=1).wait_for()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert "Search everything" in dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("setti")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings", level=1).wait_for()
    assert page.locator("dialog").count() == 0
