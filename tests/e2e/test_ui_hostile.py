"""Every room on names that were made to do harm: markup, addresses that run, formulas, endless ones, signs that turn the line round, line breaks. Whatever the API
takes as a name stands on the page as text, nothing runs, nothing is fetched, and no page grows wider than its window."""
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import quote

import pytest
import requests

import tiny
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot

API = "/api/ingot/v1"
LONG, TURNED, BROKEN, SMILE = "w" * 300, "safe\u202egnp.exe", "one\ntwo\r\nthree\t4", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f e\u0301\u0302\u0303"
TABS = {"models": ["overview", "card", "signature", "files", "compare"], "model": ["versions", "history", "policy"], "endpoints": ["live", "rollouts", "try", "settings"]}


@pytest.fixture(scope="module")
def canary():
    """Counts who comes: nobody may."""
    class Called(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.called.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    http = HTTPServer(("127.0.0.1", 0), Called)
    http.called = []
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield http
    http.shutdown()
    thread.join()
    http.server_close()
    assert http.called == []


def names_of(port):
    at = f"http://127.0.0.1:{port}"
    return [f"<img src={at}/a onerror=window.__pwned=1>", f"\"><script src={at}/b></script>", "javascript:window.__pwned=1", f"<style>@import '{at}/c'</style><a href={at}/d>x</a>",
            f"![x]({at}/e) [y](javascript:window.__pwned=1)", f"=HYPERLINK(\"{at}/f\",\"x\")", *HOSTILE, LONG, TURNED, BROKEN, SMILE]


class Site:
    """What was taken of the names, by kind. A name that the API refuses is refused with a reason of the caller's, never with a fault."""

    def __init__(self, s, names):
        self.url, self.names, self.made = s.url, names, {}

    def call(self, kind, name, method, path, body):
        r = requests.request(method, self.url + path, json=body, timeout=60)
        assert r.status_code < 500, (kind, name, r.text)
        if r.status_code < 300:
            self.made.setdefault(kind, []).append(name)
        return r.json() if r.content else {}

    def fill(self):
        old, new = "/api/2.0/mlflow/", API + "/"
        for i, n in enumerate(self.names):
            experiment = self.call("experiment", n, "POST", old + "experiments/create", {"name": n}).get("experiment_id", "0")
            made = self.call("run", n, "POST", old + "runs/create", {"experiment_id": experiment, "run_name": n, "user_id": n[:200]})
            made = made if "run" in made else requests.post(self.url + old + "runs/create", json={"experiment_id": "0"}, timeout=60).json()
            run = made["run"]["info"]["run_id"]
            self.call("end", n, "POST", old + "runs/update", {"run_id": run, "status": "FAILED"})
            for key in (n[:200], "note", "mlflow.source.name", "mlflow.user"):
                self.call("tag", n, "POST", old + "runs/set-tag", {"run_id": run, "key": key, "value": n})
            self.call("param", n, "POST", old + "runs/log-parameter", {"run_id": run, "key": "p", "value": n})
            data = {"name": n, "digest": "d", "source_type": n[:30], "source": n, "schema": n, "profile": n}
            self.call("dataset", n, "POST", old + "runs/log-inputs", {"run_id": run, "datasets": [{"dataset": data, "tags": [{"key": "mlflow.data.context", "value": n}]}]})
            model = n.replace("/", "").replace(":", "")[:200]  # what models' names cannot hold
            at = f"{new}models/{quote(model, safe='')}"
            self.call("model", model, "POST", old + "registered-models/create", {"name": model, "description": n, "tags": [{"key": "t", "value": n}]})
            signature = {"inputs": [{"type": "double", "name": n}], "outputs": [{"type": "string", "name": n}]}
            self.call("version", model, "POST", at + "/versions", {"source": "s3://bucket/" + quote(n), "run_id": run, "description": n, "tags": {"t": n}, "signature": signature})
            self.call("card", model, "PUT", at + "/versions/1/card", {"sections": {"owner": n, "intended_use": n}})
            self.call("alias", model, "PUT", at + "/aliases/champion", {"version": 1, "reason": n})
            self.call("endpoint", model, "PUT", f"{new}endpoints/{quote(model, safe='')}", {"version": 1, "config": {"model": "tiny"}})
            view = tiny.FEATURES.replace("name: tiny", f"name: tiny\ndescription: {json.dumps(n)}").replace("label: delay", f"label: delay > {100 + i} or delay")
            self.call("view", n, "PUT", f"{new}features/tiny", {"definition": view})
            self.call("rule", n, "POST", new + "alert-rules", {"name": f"r{i}", "kind": "nan", "metric": n})
        return self

    def pages(self):
        """Every list (they hold all names) and the pages of the worst ones."""
        worst = lambda kind: [n for i, n in enumerate(self.made[kind]) if i == 0 or n[:2] in ("ww", "sa", "on")]
        yield from ["/", "/runs", "/models", "/models?tab=approvals", "/endpoints", "/pipelines", "/features", "/features/tiny", "/data", "/monitors", "/audit", "/audit?kind=model", "/settings"]
        for n in worst("dataset"):
            yield f"/data?name={quote(n, safe='')}&digest=d"
        for n in worst("version"):
            yield from (f"/models/{quote(n, safe='')}?tab={tab}" for tab in TABS["model"])
            yield from (f"/models/{quote(n, safe='')}/1?tab={tab}" for tab in TABS["models"])
        for n in worst("endpoint"):
            yield f"/monitors/{quote(n, safe='')}"
        yield from (f"/endpoints/{quote(worst('endpoint')[-1], safe='')}?tab={tab}" for tab in TABS["endpoints"])


@pytest.fixture(scope="module")
def site(tmp_path_factory, canary):
    with server(tmp_path_factory.mktemp("hostile") / "data") as s:
        tiny.world().deploy(s.url, warm=False)
        yield Site(s, names_of(canary.server_port)).fill()


def sound(page):
    """Nothing of a name became a part of the page, ran, or turned its line round. Links of Markdown that lead elsewhere tell nothing of where they stood."""
    harmless(page)
    found = page.evaluate("""() => ({ ran: window.__pwned, parts: document.querySelectorAll("#app script, #app style, #app link, #app iframe, #app img[src^='http']").length,
      turned: [...document.querySelectorAll("body *")].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.includes("\\u202e"))).map(e => e.outerHTML.slice(0, 200)), out: [...document.querySelectorAll("a[href]")].filter(a => !a.href.startsWith(location.origin + "/") && !(/^https?:$/.test(a.protocol) && a.rel.includes("noreferrer"))).map(a => a.href) })""")
    assert not found.get("ran") and found["parts"] == 0 and found["turned"] == [] and found["out"] == [], (page.url, found)


@pytest.mark.parametrize("look", ["desk", "phone"])
def test_every_room(browser, site, look):
    with opened(browser, "hostile-" + look, **({"viewport": PHONE} if look == "phone" else {})) as page:
        page.watch.allow("/monitors/|/windows")  # an endpoint whose first window has not closed
        page.on("dialog", lambda d: page.watch.bad.append("a dialog: " + d.message))
        prefer(page, theme="dark" if look == "phone" else "light", language="zh" if look == "phone" else "en")
        for path in site.pages():
            page.goto(site.url + path)
            page.locator("main h1").first.wait_for()
            settled(page)
            sound(page)
            fits_width(page)
        shot(page, "hostile-" + look)


def test_what_was_taken_as_a_name(site):
    """So that the test above looks at something: runs, models and datasets have free names."""
    for kind in ("experiment", "run", "dataset", "version", "endpoint"):
        assert len(site.made.get(kind, [])) >= 10, (kind, site.made.get(kind))
    assert any("<img" in n for n in site.made["version"]) and TURNED in site.made["version"]


def test_names_stand_as_text(browser, site):
    with opened(browser, "hostile-text") as page:
        for name in site.made["version"][:6]:
            if name.isprintable():
                page.goto(f"{site.url}/models/{quote(name, safe='')}")
                page.locator("main h1").wait_for()
                assert name in page.locator("main h1").inner_text()
        page.goto(f"{site.url}/models/{quote(TURNED, safe='')}")
        page.get_by_role("heading", name="safe").wait_for()
        assert "\u27e8U+202E\u27e9" in page.locator("main h1").inner_text() and "\u202e" not in page.title()


def test_they_are_found_and_told_of(browser, site):
    """Search, dialogs and toasts show names too."""
    with opened(browser, "hostile-search") as page:
        page.goto(site.url + "/models")
        for word in ("img", "script", "safe", "one", "ww"):
            page.get_by_role("combobox").fill(word)
            page.locator("#found li b").first.wait_for()
            sound(page)
        name = site.made["version"][0]
        page.goto(f"{site.url}/models/{quote(name, safe='')}/1")
        page.get_by_role("button", name="Promote").click()
        page.locator(".act-says p:not(.soft)").first.wait_for()
        sound(page)
        page.locator("dialog footer").get_by_role("button", name="Promote to Production").click()
        page.locator(".toast").wait_for()
        sound(page)
        fits_width(page)
