"""MLflow's own web interface, from its wheel, served by Ingot and opened in a real browser: what people see must be what was logged, and the
page may not complain. Screenshots go to build/screenshots."""
import json
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from ingot_server import ROOT, IngotServer

mlflow = pytest.importorskip("mlflow")
BUILD = Path(mlflow.__file__).parent / "server/js/build"
SHOTS = ROOT / "build/screenshots"
# What the page asks for and does not get, each with its reason.
ABSENT = {
    "/ajax-api/2.0/mlflow/users/current": "who is logged in: MLflow has this only with its app basic-auth, and answers 404 without it, too",
    "/ajax-api/2.0/mlflow/experiments/get-by-name": "whether a name is still free: 404 says yes",
}


# ---- the files, without a browser ----

@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small site of our own with what might go wrong around it."""
    folder = tmp_path_factory.mktemp("site")
    ui = folder / "ui"
    (ui / "static/js").mkdir(parents=True)
    (ui / "index.html").write_text("<!doctype html><title>t</title>")
    (ui / "static/js/main.abc.js").write_text("let x = 1;" * 500)
    (ui / "static/style.css").write_text("a{}")
    (ui / ".hidden").write_text("no")
    (folder / "secret.txt").write_text("secret")
    (ui / "link.txt").symlink_to(folder / "secret.txt")
    (ui / "folder-link").symlink_to(folder)
    with IngotServer(folder / "data", "--ui-dir", str(ui)) as s:
        s.ui = ui
        yield s


def test_files_and_their_headers(site):
    r = requests.get(site.url + "/", timeout=10)
    assert (r.status_code, r.headers["Content-Type"], r.headers["Cache-Control"]) == (200, "text/html; charset=utf-8", "no-cache")
    assert r.headers["X-Content-Type-Options"] == "nosniff" and "object-src 'none'" in r.headers["Content-Security-Policy"]
    r = requests.get(site.url + "/static-files/static/js/main.abc.js", timeout=10)
    assert (r.status_code, r.headers["Content-Type"], r.headers["Cache-Control"]) == (200, "text/javascript; charset=utf-8", "public, max-age=2419200")
    assert r.text == "let x = 1;" * 500 and r.headers["Content-Encoding"] == "gzip"
    again = requests.get(r.url, headers={"If-None-Match": r.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.head(r.url, timeout=10).status_code == 200
    assert requests.post(r.url, timeout=10).status_code == 405


@pytest.mark.parametrize("path", [
    "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "static/../../secret.txt", "static/%2e%2e/%2e%2e/secret.txt", "/etc/passwd", "//etc/passwd",
    "link.txt", "folder-link/secret.txt", ".hidden", "static", "static/", "", "static/js/main.abc.js/", "static//style.css", "STATIC/style.css",
    "static\\style.css", "index.html%00.js", "later.txt", "static/js/main.abc.js%00", "./index.html/.", "%252e%252e/secret.txt"])
def test_only_listed_names_are_served(site, path):
    (site.ui / "later.txt").write_text("made after the start")
    s = requests.Session()
    request = requests.Request("GET", site.url).prepare()
    request.url = f"{site.url}/static-files/{path}"  # as it stands: requests would tidy it
    r = s.send(request, timeout=10, allow_redirects=False)
    assert r.status_code in (400, 404), r.text
    assert "secret" not in r.text.replace("secret.txt", "")


def test_a_folder_that_is_no_interface_is_refused(tmp_path):
    for folder, text in [(tmp_path, "holds no index.html"), (tmp_path / "none", "the folder of the web interface")]:
        with pytest.raises(RuntimeError, match=text):
            IngotServer(tmp_path / "data", "--ui-dir", str(folder))


def test_without_the_flag_there_is_no_interface(server):
    r = requests.get(server.url + "/static-files/index.html", timeout=10)
    assert r.status_code == 404 and "--ui-dir" in r.text


# ---- the browser ----

@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A server with runs and a model that the real client logged."""
    with IngotServer(tmp_path_factory.mktemp("ui") / "data", "--ui-dir", str(BUILD)) as s:
        mlflow.set_tracking_uri(s.url)
        mlflow.set_registry_uri(s.url)
        client = mlflow.MlflowClient(s.url, s.url)
        s.experiment = mlflow.set_experiment("shop").experiment_id
        s.runs = []
        for i in range(3):
            with mlflow.start_run(run_name=f"train-{i}") as run:
                mlflow.log_params({"lr": 0.1 * (i + 1), "depth": i})
                for step in range(20):
                    mlflow.log_metric("loss", 1 / (step + 1 + i), step=step)
                mlflow.set_tag("team", "red")
                mlflow.log_text("a note for the browser", "notes/hello.txt")
                mlflow.log_text("artifact_path: model\nflavors: {}\n", "model/MLmodel")
            s.runs.append(run.info.run_id)
        client.create_registered_model("delay-model", description="how late a flight will be")
        client.create_model_version("delay-model", f"{run.info.artifact_uri}/model", run.info.run_id, tags={"stage": "trial"}, description="first try")
        client.set_registered_model_alias("delay-model", "champion", "1")
        mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="first")
        yield s


class Page:
    """A page whose complaints are collected and must be none at its end."""

    def __init__(self, browser, server, name):
        self.server, self.name, self.bad, self.allow = server, name, [], set()
        self.context = browser.new_context(viewport={"width": 1500, "height": 950})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30000)
        self.page.on("console", self.console)
        self.page.on("pageerror", lambda e: self.bad.append(f"page error: {e}"))
        self.page.on("response", self.response)
        self.page.on("requestfailed", self.failed)

    def console(self, message):
        if message.type == "error" and "Failed to load resource" not in message.text:  # those are judged by response()
            self.bad.append(f"console: {message.text}")

    def response(self, r):
        path = r.url.removeprefix(self.server.url).split("?")[0]
        if r.status >= 400 and path not in ABSENT and path not in self.allow:
            self.bad.append(f"{r.status} {r.request.method} {r.url} {r.request.post_data or ''}")

    def failed(self, r):
        if r.failure != "net::ERR_ABORTED":  # the page gave it up itself: it went on to something else
            self.bad.append(f"failed: {r.url} {r.failure}")

    def __enter__(self):
        return self

    def open(self, path):
        self.page.goto(self.server.url + path)
        return self

    def shows(self, *texts):
        for text in texts:
            self.page.get_by_text(text, exact=False).locator("visible=true").first.wait_for()

    def __exit__(self, kind, *_):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"stock-ui-{self.name}.png")
        self.context.close()
        if kind is None:
            assert not self.bad, "\n".join(self.bad)


def test_home_and_experiments(shop, browser):
    with Page(browser, shop, "home") as p:
        p.open("/").shows("Welcome to MLflow", "shop")
    with Page(browser, shop, "experiments") as p:
        p.open("/#/experiments").shows("shop", "Default")


def test_an_experiment_is_made_in_the_browser(shop, browser):
    with Page(browser, shop, "create") as p:
        p.open("/#/experiments").shows("shop")
        p.page.get_by_role("button", name="Create", exact=True).click()
        p.page.get_by_placeholder("Input an experiment name").fill("made in the browser")
        p.page.get_by_role("button", name="Create", exact=True).last.click()
        p.page.wait_for_url("**/experiments/*")
    assert mlflow.MlflowClient(shop.url).get_experiment_by_name("made in the browser") is not None


def test_table_of_runs(shop, browser):
    with Page(browser, shop, "runs") as p:
        p.open(f"/#/experiments/{shop.experiment}/runs").shows("train-0", "train-1", "train-2", "3 matching runs")
        p.page.get_by_placeholder("metrics.rmse").fill("params.depth = '1'")
        p.page.keyboard.press("Enter")
        p.shows("1 matching run")
        p.page.get_by_text("train-0").wait_for(state="detached")


def test_page_of_a_run(shop, browser):
    with Page(browser, shop, "run") as p:
        p.open(f"/#/experiments/{shop.experiment}/runs/{shop.runs[0]}").shows("train-0", "Metrics (1)", "loss", "0.05", "Parameters (2)", "depth", "Finished", "red")
    with Page(browser, shop, "artifacts") as p:
        p.open(f"/#/experiments/{shop.experiment}/runs/{shop.runs[0]}/artifacts").shows("notes")
        p.page.get_by_text("notes", exact=True).first.click()
        p.page.get_by_text("hello.txt").first.click()
        p.shows("a note for the browser")


def points(page):
    """How many points are drawn."""
    page.locator("g.points path.point").first.wait_for(state="attached")
    return page.locator("g.points path.point").count()


def test_charts(shop, browser):
    with Page(browser, shop, "chart") as p:
        p.open(f"/#/experiments/{shop.experiment}/runs/{shop.runs[0]}/model-metrics").shows("Model metrics", "loss", "train-0 (loss)")
        assert points(p.page) == 20
    with Page(browser, shop, "charts-of-runs") as p:
        p.open(f"/#/experiments/{shop.experiment}/runs?compareRunsMode=CHART").shows("Model metrics", "train-2 (loss)")
        assert points(p.page) == 60
    ids, experiments = (quote(json.dumps(x, separators=(",", ":"))) for x in (shop.runs, [shop.experiment]))
    with Page(browser, shop, "compare") as p:
        p.open(f"/#/compare-runs?runs={ids}&experiments={experiments}").shows("Comparing 3 Runs from 1 Experiment", "Parallel Coordinates Plot", "train-1")


def test_registry(shop, browser):
    with Page(browser, shop, "models") as p:
        p.open("/#/models").shows("delay-model", "Version 1", "champion")
    with Page(browser, shop, "model") as p:
        p.open("/#/models/delay-model").shows("delay-model", "how late a flight will be", "champion", "Version 1")
    with Page(browser, shop, "version") as p:
        p.open("/#/models/delay-model/versions/1").shows("Version 1", "train-2", "first try", "trial", "champion")


def test_below_a_prefix(tmp_path, browser):
    with IngotServer(tmp_path / "data", "--ui-dir", str(BUILD), "--static-prefix", "/ml/flow") as s:
        r = requests.get(s.url + "/ml/flow", timeout=10, allow_redirects=False)
        assert (r.status_code, r.headers["Location"]) == (308, "/ml/flow/")
        with Page(browser, s, "prefix") as p:
            p.allow = {"/ml/flow" + path for path in ABSENT}
            asked = []
            p.page.on("request", lambda r: asked.append(r.url.removeprefix(s.url)))
            p.open("/ml/flow").shows("Welcome to MLflow", "Default")
        assert all(path.startswith(("/ml/flow", "data:", "blob:")) for path in asked), asked


def test_with_tokens_the_browser_asks_for_one(tmp_path, browser):
    with IngotServer(tmp_path / "data", "--ui-dir", str(BUILD), "--auth") as s:
        r = requests.get(s.url + "/", timeout=10)
        assert r.status_code == 401 and "Basic realm" in r.headers["WWW-Authenticate"]
        token = (tmp_path / "data/admin-token").read_text().strip()
        context = browser.new_context(http_credentials={"username": "me", "password": token})
        page = context.new_page()
        page.goto(s.url + "/#/experiments")
        page.get_by_text("Default", exact=True).first.wait_for()
        page.get_by_role("button", name="Create", exact=True).click()
        page.get_by_placeholder("Input an experiment name").fill("mine")
        page.get_by_role("button", name="Create", exact=True).last.click()
        page.wait_for_url("**/experiments/*")
        context.close()


def test_prompts(shop, browser):
    with Page(browser, shop, "prompts") as p:
        p.open("/#/prompts").shows("greeting")
        p.page.get_by_text("greeting", exact=True).first.click()
        p.shows("Hello {{name}}")
