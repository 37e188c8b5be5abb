"""Artifacts that somebody logged, in the browser of somebody else: downloads are attachments, previews are drawn without any right."""

import pytest
import requests
from ui_world import opened, server

EVIL = """<!doctype html><title>evil</title><body style="background: rgb(1, 2, 3)"><img src="%s"><img src="http://evil.example/x.png">
<script>document.title = "ran"; parent.document.title = "ran"; fetch("/api/ingot/v1/audit")</script>
<form action="/api/2.0/mlflow/experiments/create" method="post"><input name="x"></form><svg onload="document.title='ran'"></svg>
<a id="out" href="javascript:document.title='ran'">x</a><iframe src="/"></iframe><link rel="stylesheet" href="/ui/style/base.css"><object data="/"></object>"""
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f0005000201a5f645400000000049454e44ae426082")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>document.documentElement.setAttribute("data-ran", "1")</script><rect width="10" height="10"/></svg>'
SANDBOX = {"sandbox": "", "default-src": "'none'", "img-src": "'self' data:", "media-src": "'self'", "style-src": "'unsafe-inline'", "frame-ancestors": "'self'"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with server(tmp_path_factory.mktemp("previews") / "data") as s:
        run = requests.post(s.url + "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, timeout=30).json()["run"]["info"]
        s.run = run["run_id"]
        s.preview = f"{s.url}/api/ingot/v1/runs/{s.run}/preview/"
        where = s.url + "/api/2.0/mlflow-artifacts/artifacts/" + run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        files = {"evil.html": (EVIL % (s.preview + "dot.png").replace(s.url, "")).encode(), "dot.png": PIXEL, "bad.svg": SVG.encode(), "run.js": b"document.title='ran'", "x.xhtml": EVIL.encode(),
                 "data.xml": b"<x/>", "noext": EVIL.encode(), "sub/a b & c.HTML": b"<b>bold</b>", "log.txt": b"one\ntwo\n" * 1000, "style.css": b"a{}", "w.wasm": b"\0asm", "x.svgz": b"z", "t.json": b"{}"}
        for name, data in files.items():
            assert requests.put(f"{where}/{requests.utils.quote(name)}", data=data, timeout=30).status_code == 200
        yield s


def ask(shop, name, **headers):
    return requests.get(shop.preview + requests.utils.quote(name), headers=headers, timeout=30)


@pytest.mark.parametrize("name, kind", [("evil.html", "text/html"), ("dot.png", "image/png"), ("bad.svg", "image/svg+xml"), ("sub/a b & c.HTML", "text/html"), ("run.js", "text/plain"),
                                        ("x.xhtml", "text/plain"), ("data.xml", "text/plain"), ("noext", "text/plain"), ("style.css", "text/plain"), ("w.wasm", "text/plain"), ("x.svgz", "text/plain"),
                                        ("t.json", "text/plain"), ("log.txt", "text/plain")])
def test_types_and_policy(shop, name, kind):
    r = ask(shop, name)
    assert (r.status_code, r.headers["Content-Type"].split(";")[0]) == (200, kind)
    policy = dict((part.strip().split(" ", 1) + [""])[:2] for part in r.headers["Content-Security-Policy"].split(";"))
    assert policy == SANDBOX and r.headers["X-Content-Type-Options"] == "nosniff" and r.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert r.headers["Content-Disposition"] == "inline" and r.headers["Referrer-Policy"] == "no-referrer"
    assert ask(shop, name, **{"If-None-Match": r.headers["ETag"]}).status_code == 304


def test_parts_of_a_file(shop):
    whole = ask(shop, "log.txt").content
    r = ask(shop, "log.txt", Range="bytes=4-9")
    assert (r.status_code, r.content, r.headers["Content-Range"]) == (206, whole[4:10], f"bytes 4-9/{len(whole)}")
    assert ask(shop, "log.txt", Range=f"bytes={len(whole)}-").status_code == 416


@pytest.mark.parametrize("name", ["nothing.html", "sub", "", "../../../admin-token", "%2e%2e/x", "sub/../evil.html/x", "a%00b", "/etc/passwd", "#"])
def test_what_is_no_file(shop, name):
    session, wanted = requests.Session(), requests.Request("GET", shop.url).prepare()
    wanted.url = shop.preview + name
    r = session.send(wanted, timeout=30, allow_redirects=False)
    assert r.status_code in (400, 404) and "html" not in r.headers["Content-Type"], (name, r.status_code)
    assert requests.get(shop.preview.replace(shop.run, "0" * 32) + "x", timeout=30).status_code == 404


def test_downloads_are_attachments(shop):
    for name in ("evil.html", "bad.svg", "run.js", "noext"):
        r = requests.get(shop.url + "/get-artifact", params={"run_id": shop.run, "path": name}, timeout=30)
        assert r.headers["Content-Disposition"].startswith("attachment") and r.headers["X-Content-Type-Options"] == "nosniff"
        assert r.headers["Content-Type"].split(";")[0] in ("text/plain", "application/octet-stream")


@pytest.mark.parametrize("name", ["evil.html", "bad.svg"])
@pytest.mark.parametrize("how", ["framed", "alone", "framed without sandbox"])
def test_nothing_runs(shop, browser, name, how):
    """Also when somebody opens the address itself, or forgets the attribute of the frame."""
    asked = []
    with opened(browser, "preview") as page:
        page.watch.allow("csp$")
        page.watch.allow("Content Security Policy")
        page.watch.allow("Refused to|Blocked script|frame-ancestors|sandboxed|base.css")
        page.on("response", lambda r: asked.append(r.url))
        if how == "alone":
            page.goto(shop.preview + name)
            frame = page.main_frame
        else:
            page.goto(shop.url + "/settings")
            page.evaluate("""([address, sandbox]) => new Promise(done => {
              const f = document.createElement("iframe");
              if (sandbox) f.sandbox = "";
              f.onload = done;
              f.src = address;
              document.body.append(f);
            })""", [shop.preview + name, how == "framed"])
            frame = page.frames[-1] if page.frames[-1] != page.main_frame else page.main_frame
            assert page.title() != "ran"
        page.wait_for_timeout(300)
        assert "ran" not in page.title() and shop.preview + name in asked
        assert not any("/audit" in u or "evil.example" in u for u in asked), asked
        if name == "evil.html":
            assert shop.preview + "dot.png" in asked, "its own pictures are shown"
        assert frame is not None
    names = [e["name"] for e in requests.get(shop.url + "/api/2.0/mlflow/experiments/search?max_results=100", timeout=30).json()["experiments"]]
    assert names == ["Default"]


def test_with_tokens_a_page_is_shown_without_the_pictures_beside_it(browser, tmp_path):
    """As docs/ui.md says: a frame without an origin sends no cookie, so that nothing in it asks in anybody's name."""
    with server(tmp_path / "data", "--auth") as s, opened(browser, "preview-locked") as page:
        token = (tmp_path / "data/admin-token").read_text().strip()
        head = {"Authorization": "Bearer " + token}
        run = requests.post(s.url + "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, headers=head, timeout=30).json()["run"]["info"]
        where = s.url + "/api/2.0/mlflow-artifacts/artifacts/" + run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        for name, data in {"report.html": b"<p>hello</p><img src=dot.png>", "dot.png": PIXEL}.items():
            assert requests.put(f"{where}/{name}", data=data, headers=head, timeout=30).status_code == 200
        page.watch.allow("^401 |preview/dot.png")
        page.goto(f"{s.url}/runs/{run['run_id']}?tab=artifacts&file=report.html")
        page.locator("input[type=password]").fill(token)
        with page.expect_event("requestfailed", lambda r: r.url.endswith("/preview/dot.png")):
            page.keyboard.press("Enter")
        page.frame_locator("iframe").get_by_text("hello").wait_for()
        page.goto(f"{s.url}/runs/{run['run_id']}?tab=artifacts&file=dot.png")
        page.wait_for_function("() => document.querySelector('.preview-picture img')?.naturalWidth === 1")
