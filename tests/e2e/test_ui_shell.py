"""The web interface as such: what its pages and files are answered with, hostile addresses, signing in, prefixes, --ui-src, and the shell around
every room in a real browser. The rooms have tests of their own (test_ui_*)."""
import re
import subprocess
from urllib.parse import urlsplit

import pytest
import requests
from ingot_server import ROOT, IngotServer
from ui_world import DESK, HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot

UI = ROOT / "ui"
PAGES = ["/", "/runs", "/runs/0123456789abcdef0123456789abcdef", "/compare", "/models", "/models/m", "/models/m/1", "/endpoints", "/endpoints/e", "/pipelines", "/pipelines/p", "/pipelines/p/1",
         "/features", "/features/v", "/data", "/monitors", "/monitors/m", "/audit", "/settings"]
ROOMS = ["/", "/runs", "/models", "/endpoints", "/pipelines", "/features", "/data", "/monitors", "/audit", "/settings"]
POLICY = {"default-src": "'self'", "object-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'self'"}
NO_SKELETON = "() => !document.querySelector('.skeleton')"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    with server(tmp_path_factory.mktemp("ui") / "data") as s:
        yield s


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The interface that lies in the program, whatever $INGOT_UI_SRC says."""
    with IngotServer(tmp_path_factory.mktemp("ui") / "data") as s:
        yield s


def get(url, **headers):
    return requests.get(url, headers=headers, timeout=20, allow_redirects=False)


def files_of(page):
    """The addresses of all files that a page names."""
    return re.findall(r'(?:href|src)="([^"]*/ui/[^"]+)"', page)


def bare(text):
    """Nearly what tools/squeeze.h leaves: the program's files have no comments and no indentation."""
    return re.sub(r"\s+", "", re.sub(r"/\*.*?\*/|(?m:(?:^|\s)//.*$)", "", text, flags=re.S))


# ---- pages and files ----

@pytest.mark.parametrize("path", PAGES)
def test_pages_and_their_headers(built, path):
    r = get(built.url + path)
    assert (r.status_code, r.headers["Content-Type"], r.headers["Cache-Control"]) == (200, "text/html; charset=utf-8", "no-cache")
    assert dict(part.strip().split(" ", 1) for part in r.headers["Content-Security-Policy"].split(";")) == POLICY
    assert r.headers["X-Content-Type-Options"] == "nosniff" and r.headers["X-Frame-Options"] == "DENY" and r.headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in r.headers["Permissions-Policy"] and "Access-Control-Allow-Origin" not in r.headers
    assert "{{" not in r.text and not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", r.text), "nothing in the page itself runs or paints"
    again = get(built.url + path, **{"If-None-Match": r.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert requests.head(built.url + path, timeout=20).status_code == 200 and requests.post(built.url + path, json={}, timeout=20).status_code in (404, 405)


def test_all_pages_are_one_page_but_for_what_they_ask_for_at_once(built):
    texts = {path: get(built.url + path).text for path in PAGES}
    assert len({re.sub(r'<link rel="modulepreload"[^>]*>\n', "", text) for text in texts.values()}) == 1
    for path, text in texts.items():
        rooms = [n for n in files_of(text) if "/rooms/" in n]
        assert rooms and len(rooms) < 40, f"{path}: the room's own modules are named, not those of all rooms"
        assert len([n for n in files_of(text) if n.endswith(".css")]) == 1


@pytest.mark.parametrize("path", ["/nothing", "/run", "/runs/a/b", "/audit/x", "/settings/x", "/compare/x", "/Runs", "/home/x", "/ui", "/ui/", "/index.html", "/app.js", "/favicon.ico"])
def test_what_is_no_page(built, path):
    r = get(built.url + path)
    assert r.status_code == 404 and "html" not in r.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/nothing", "/run", "/runs/a/b", "/missing", "/Runs?q=x"])
def test_who_reads_pages_is_shown_one_at_a_wrong_address(built, browser, path):
    with opened(browser, "missing") as page:
        page.watch.allow(r"^404 GET ")
        answer = page.goto(built.url + path)
        assert (answer.status, answer.headers["content-type"], answer.headers["cache-control"]) == (404, "text/html; charset=utf-8", "no-store")
        page.get_by_role("heading", name="No such page").wait_for()
        page.get_by_text(f"There is nothing at {path.partition('?')[0]}.").wait_for()
        page.get_by_role("link", name="Runs").first.click()
        page.wait_for_url("**/runs")
    assert get(built.url + "/api/nothing", Accept="text/html").headers["Content-Type"] == "application/json"


def test_every_file_of_the_page_is_there_for_ever(built):
    names = files_of(get(built.url + "/").text)
    builds = {re.fullmatch(r"/ui/([0-9a-f]{16})/.+", n).group(1) for n in names}
    assert len(builds) == 1 and len(names) == len(set(names)) > 10
    for name in names:
        r = get(built.url + name, **{"Accept-Encoding": "gzip"})
        assert (r.status_code, r.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable"), name
        assert r.headers["Content-Type"].startswith({"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rsplit(".", 1)[1]])
        assert r.headers["Vary"] == "Accept-Encoding" and r.headers["Content-Security-Policy"].startswith("default-src 'self'")
        plain = get(built.url + name, **{"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers and plain.content == r.content
        assert get(built.url + name, **{"If-None-Match": r.headers["ETag"]}).status_code == 304
    build = builds.pop()
    other = ("1" if build[0] == "0" else "0") + build[1:]
    for name in names[:3]:
        r = get(built.url + name.replace(build, other))
        assert r.status_code == 404 and r.headers["Cache-Control"] == "no-store" and "another version" in r.text
        plain = get(built.url + name.replace(build + "/", ""))
        assert (plain.status_code, plain.headers["Cache-Control"]) == (200, "no-cache")


def test_the_program_holds_what_the_folder_holds_and_no_more_than_the_budget(built):
    total = 0
    for file in sorted(p for p in UI.rglob("*") if p.suffix in (".js", ".css", ".svg")):
        r = get(f"{built.url}/ui/{file.relative_to(UI)}", **{"Accept-Encoding": "gzip"})
        assert r.status_code == 200 and bare(r.text) == bare(file.read_text()), file
        total += int(r.headers["Content-Length"]) if file.suffix != ".svg" else 0
    for name in ("preact.js", "uplot.js", "uplot.css"):
        r = get(f"{built.url}/ui/vendor/{name}", **{"Accept-Encoding": "gzip"})
        assert r.status_code == 200 and r.headers["Content-Encoding"] == "gzip"
        total += int(r.headers["Content-Length"])
    print(f"script and style: {total} bytes compressed")
    assert total <= 300_000
    for name in ("LICENSE-htm.txt", "LICENSE-uplot.txt"):
        assert get(f"{built.url}/ui/vendor/{name}").status_code == 200, "what others wrote is given with its licence"
    assert get(built.url + "/ui/report.html").status_code == 404 and get(built.url + "/ui/package.json").status_code == 404


@pytest.mark.parametrize("path", [
    "../admin-token", "%2e%2e/admin-token", "..%2fadmin-token", "lib/../../admin-token", "lib/%2e%2e/%2e%2e/admin-token", "/etc/passwd", "//etc/passwd", ".hidden", "lib", "lib/", "",
    "lib/api.js/", "lib//api.js", "LIB/api.js", "lib\\api.js", "lib/api.js%00.css", "lib/api.js%00", "./lib/api.js/.", "%252e%252e/x", "index.html", "report.html", "package.json",
    "0123456789abcdef/lib/api.js", "vendor/../index.html", "vendor/", "link.js", "folder/x.js", "lib/api.js;x", "lib/api.js%20", "lib%2fapi.js%2f..", "~/x", "words/zh/../../../x"])
@pytest.mark.parametrize("how", ["built", "source"])
def test_only_files_of_the_interface_are_served(request, how, path):
    s = request.getfixturevalue(how)
    session, wanted = requests.Session(), requests.Request("GET", s.url).prepare()
    wanted.url = f"{s.url}/ui/{path}"  # as it stands: requests would tidy it
    r = session.send(wanted, timeout=20, allow_redirects=False)
    assert r.status_code in (400, 404), (path, r.status_code, r.text[:200])
    assert "secret" not in r.text and "ingot_" not in r.text


# ---- files from a folder ----

@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """--ui-src on a copy with what might go wrong in and around it."""
    folder = tmp_path_factory.mktemp("source")
    subprocess.run(["cp", "-r", str(UI), str(folder / "ui")], check=True)
    (folder / "secret.js").write_text("secret")
    (folder / "ui/.hidden").write_text("secret")
    (folder / "ui/link.js").symlink_to(folder / "secret.js")
    (folder / "ui/folder").symlink_to(folder)
    with IngotServer(folder / "data", "--ui-src", str(folder / "ui")) as s:
        s.folder = folder / "ui"
        yield s


def test_a_changed_file_is_served_at_once(source):
    names = files_of(get(source.url + "/").text)
    assert names and all(not re.match(r"/ui/[0-9a-f]{16}/", n) for n in names)
    for text in ("a { color: red }\n", "a { color: blue }\n"):
        (source.folder / "style/base.css").write_text(text)
        r = get(source.url + "/ui/style/base.css")
        assert (r.text, r.headers["Cache-Control"]) == (text, "no-store")
    (source.folder / "lib/new.js").write_text("/* new */\n")
    assert get(source.url + "/ui/lib/new.js").text == "/* new */\n"
    assert get(source.url + "/ui/vendor/preact.js").status_code == 200


def test_a_folder_that_is_no_interface_is_refused(tmp_path):
    for folder, text in [(tmp_path, "holds no index.html"), (tmp_path / "none", "ui-src")]:
        with pytest.raises(RuntimeError, match=text):
            IngotServer(tmp_path / "data", "--ui-src", str(folder))


# ---- beside MLflow's interface, and below a prefix ----

def test_beside_mlflows_interface(tmp_path, browser):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "index.html").write_text("<!doctype html><title>theirs</title>")
    with server(tmp_path / "data", "--ui-dir", str(theirs)) as s:
        assert "theirs" in get(s.url + "/").text
        assert 'name="ingot-home" content="/home"' in get(s.url + "/home").text
        with opened(browser, "home") as page:
            page.goto(s.url + "/home")
            page.locator(".rail a, nav a").first.wait_for()
            page.wait_for_function(NO_SKELETON)


def test_home_leads_to_the_root(built):
    r = get(built.url + "/home")
    assert (r.status_code, r.headers["Location"]) == (302, "/")


def test_below_a_prefix(tmp_path, browser):
    with server(tmp_path / "data", "--static-prefix", "/ml/ui/x") as s:
        assert get(s.url + "/ml/ui/x/home").headers["Location"] == "/ml/ui/x/"
        asked = []
        with opened(browser, "prefix") as page:
            page.on("request", lambda r: asked.append(urlsplit(r.url).path))
            page.goto(s.url + "/ml/ui/x/audit")
            page.wait_for_function(NO_SKELETON)
            page.locator("nav a").first.click()
            page.wait_for_function("() => location.pathname.startsWith('/ml/ui/x')")
            settled(page)
        assert len(asked) > 5 and all(path.startswith("/ml/ui/x/") for path in asked), asked
        with opened(browser, "no-prefix") as page:  # the same server, asked directly
            page.goto(s.url + "/audit")
            settled(page)


# ---- signing in ----

@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    with server(folder / "data", "--auth") as s:
        s.token = (folder / "data/admin-token").read_text().strip()
        s.session = s.url + "/api/ingot/v1/session"
        yield s


def signed_in(s):
    session = requests.Session()
    r = session.post(s.session, json={"token": s.token}, timeout=20)
    assert r.status_code == 200, r.text
    return session, r


def test_the_cookie_of_a_session(locked):
    _, r = signed_in(locked)
    cookie = r.headers["Set-Cookie"]
    assert re.fullmatch(rf"ingot_session_{locked.port}=[A-Za-z0-9_-]{{43}}; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800", cookie), cookie
    assert locked.token not in r.text + str(r.headers) and r.json()["user"] == "admin" and "admin" in r.json()["may"]


def test_who_am_i(locked, built):
    nobody = get(locked.session)
    assert nobody.status_code == 200 and nobody.json()["user"] is None and nobody.json()["may"] == [] and nobody.json()["cookie"] is False
    session, _ = signed_in(locked)
    assert session.get(locked.session, timeout=20).json()["cookie"] is True
    by_token = get(locked.session, Authorization=f"Bearer {locked.token}").json()
    assert (by_token["user"], by_token["cookie"]) == ("admin", False)
    assert get(locked.session, Authorization="Bearer wrong").json()["user"] is None
    assert get(built.url + "/api/ingot/v1/session").json()["user"] == "local"


@pytest.mark.parametrize("body", [{"token": "wrong"}, {"token": ""}, {}, {"token": 1}, {"token": None}, [], "x", {"token": "x" * 5000}])
def test_what_is_no_token(locked, body):
    r = requests.post(locked.session, json=body, headers={"X-Ingot-Request": "1"}, timeout=20)
    assert r.status_code in (400, 401, 413) and "Set-Cookie" not in r.headers and "Basic" not in r.headers.get("WWW-Authenticate", "")


def test_the_cookie_is_a_token_for_our_own_pages_only(locked):
    session, _ = signed_in(locked)
    audit, create = locked.url + "/api/ingot/v1/audit", locked.url + "/api/2.0/mlflow/experiments/create"
    ask = lambda **h: session.get(audit, headers=h, timeout=20).status_code
    assert ask() == 200 and ask(**{"Sec-Fetch-Site": "same-origin"}) == 200 and ask(Origin=locked.url) == 200
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert ask(**headers) == 403, headers
    make = lambda name, **h: session.post(create, json={"name": name}, headers=h, timeout=20)
    refused = make("a")
    assert refused.status_code == 403 and "X-Ingot-Request" in refused.text
    assert make("b", **{"X-Ingot-Request": "1"}).status_code == 200
    assert make("c", **{"X-Ingot-Request": "1", "Origin": "http://evil.example"}).status_code == 403
    assert ask(Authorization="Bearer wrong") == 401, "a token speaks before the cookie does"
    names = [e["name"] for e in session.get(locked.url + "/api/2.0/mlflow/experiments/search?max_results=100", timeout=20).json()["experiments"]]
    assert sorted(names) == ["Default", "b"]


def test_cookies_of_every_wrong_form(locked):
    _, r = signed_in(locked)
    name, key = r.headers["Set-Cookie"].split(";")[0].split("=")
    ask = lambda cookie: get(locked.url + "/api/ingot/v1/audit", Cookie=cookie).status_code
    assert ask(f"{name}={key}") == 200 and ask(f"a=b; {name}={key}; c=d") == 200 and ask(f"x={name}={key};{name}={key}") == 200
    for cookie in (f"{name}={key[:-1]}", f"{name}={key}x", f"{name}=", name, f"{name}={key.swapcase()}", f"X{name}={key}", f"ingot_session={key}", f"{name}={locked.token}", f"{name}=\"{key}\"",
                   f"{name} ={key}", f"{name}={'A' * 43}", f"{name}={key}, {name}={key}", ";" * 500, "=" * 500):
        assert ask(cookie) == 401, cookie


def test_signing_out(locked):
    session, r = signed_in(locked)
    kept = session.cookies.copy()
    out = session.delete(locked.session, timeout=20)
    assert out.status_code == 200 and "Max-Age=0" in out.headers["Set-Cookie"] and out.json()["user"] is None
    session.cookies.update(kept)
    assert session.get(locked.url + "/api/ingot/v1/audit", timeout=20).status_code == 401


def test_a_second_sign_in_ends_the_first(locked):
    session, _ = signed_in(locked)
    first = session.cookies.copy()
    assert session.post(locked.session, json={"token": locked.token}, timeout=20).status_code == 200
    assert session.get(locked.url + "/api/ingot/v1/audit", timeout=20).status_code == 200
    assert requests.get(locked.url + "/api/ingot/v1/audit", cookies=first, timeout=20).status_code == 401


def test_scripts_are_not_asked_by_the_browser(locked):
    audit = locked.url + "/api/ingot/v1/audit"
    assert "Basic" in get(audit).headers["WWW-Authenticate"]
    for headers in ({"Sec-Fetch-Dest": "empty"}, {"X-Ingot-Request": "1"}):
        r = get(audit, **headers)
        assert r.status_code == 401 and "Basic" not in r.headers["WWW-Authenticate"]


def test_sign_in_in_the_browser(locked, browser):
    with opened(browser, "sign-in") as page:
        page.watch.allow(r"^401 ")
        page.goto(locked.url + "/audit")
        field = page.locator("input[type=password]")
        field.wait_for()
        shot(page, "sign-in")
        field.fill("ingot_wrong")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        assert "not valid" in page.get_by_role("alert").inner_text()
        field.fill(f" {locked.token} ")
        page.get_by_role("button", name="Sign in").click()
        field.wait_for(state="detached")
        settled(page)
        page.watch.allowed.remove(r"^401 ")
        page.reload()
        settled(page)
        assert page.locator("input[type=password]").count() == 0 and "/audit" in page.url
        stored = page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
        assert locked.token not in stored and "ingot_session" not in stored, "scripts see neither token nor key"
        page.get_by_role("button", name=re.compile("Signed in as")).click()
        page.watch.allow(r"^401 ")
        page.get_by_text("Sign out").click()
        page.locator("input[type=password]").wait_for()


# ---- the shell ----

@pytest.mark.parametrize("path", ROOMS)
def test_every_room_opens_empty(empty, browser, path):
    name = path.strip("/") or "home"
    for theme in ("light", "dark"):
        for size, window in (("desk", DESK), ("phone", PHONE)):
            with opened(browser, name, viewport=window) as page:
                prefer(page, theme=theme)
                page.goto(empty.url + path)
                page.locator("main").wait_for()
                settled(page)
                assert page.evaluate("document.documentElement.dataset.theme") == theme
                fits_width(page)
                if size == "phone":
                    at_hand(page)
                shot(page, f"empty-{name}-{theme}-{size}")


def at_hand(page):
    """On a phone: the bar shows the room one is in, and what is pressed is large enough for a finger."""
    here = page.locator(".rail .here").bounding_box()
    assert here["x"] >= 0 and here["x"] + here["width"] <= PHONE["width"], here
    small = page.evaluate("""() => [...document.querySelectorAll("main button, main select, main input:not([type=checkbox]):not([type=radio]), .top button")]
      .map(e => [e.getBoundingClientRect(), e]).filter(([r]) => r.width > 0 && (r.height < 31.5 || r.width < 24)).map(([r, e]) => `${e.outerHTML.slice(0, 120)} ${r.width} x ${r.height}`)""")
    assert small == []


def test_a_page_that_fits_does_not_scroll(empty, page):
    page.goto(empty.url + "/settings")
    page.get_by_role("heading", name="This server").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") == DESK["height"]


@pytest.mark.parametrize("path", ROOMS)
def test_every_room_speaks_chinese(empty, browser, path):
    with opened(browser, "zh", locale="zh-CN") as page:
        page.goto(empty.url + path)
        page.locator("main").wait_for()
        settled(page)
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        for selector in ("main h1", "nav"):
            text = page.locator(selector).first.inner_text()
            assert re.search(r"[\u4e00-\u9fff]", text), (path, selector, text)
        shot(page, f"empty-{path.strip('/') or 'home'}-zh")


def test_back_and_forth(page, empty):
    page.goto(empty.url + "/")
    settled(page)
    seen = ["/", "/runs", "/models", "/audit"]
    for path in seen[1:]:
        page.locator(f"nav a[href='{path}']").first.click()
        page.wait_for_function("path => location.pathname === path", arg=path)
        settled(page)
    for path in reversed(seen[:-1]):
        page.go_back()
        page.wait_for_function("path => location.pathname === path", arg=path)
    settled(page)


def test_one_page_load_asks_for_each_file_once(page, built):
    asked = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(built.url + "/")
    settled(page)
    files = [u for u in asked if "/ui/" in u]
    assert len(files) == len(set(files)) and all(re.search(r"/ui/[0-9a-f]{16}/", u) for u in files)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    moved = page.evaluate("performance.getEntriesByType('resource').reduce((n, r) => n + r.transferSize, 0)")
    print(f"first contentful paint {paint} ms, {len(files)} files, {moved} bytes")


def test_hostile_addresses_show_as_text(browser, empty):
    for text in HOSTILE:
        with opened(browser, "hostile") as page:
            page.watch.allow(r"^(400|404) ")
            alerts = []
            page.on("dialog", lambda d: (alerts.append(d.message), d.dismiss()))
            quoted = requests.utils.quote(text, safe="")
            answer = page.goto(f"{empty.url}/models/{quoted}?q={quoted}#{quoted}")
            if answer.status != 200:  # what is no path at all
                assert answer.status in (400, 404) and answer.headers["content-type"] == "application/json", text
                continue
            page.locator("main").wait_for()
            settled(page)
            harmless(page)
            fits_width(page)
            assert not alerts


def test_the_server_goes_and_comes_back(tmp_path, browser):
    s = server(tmp_path / "data")
    try:
        with opened(browser, "lost") as page:
            page.watch.allow("ERR_|net::|failed:")
            page.goto(s.url + "/audit")
            settled(page)
            s.stop()
            page.get_by_text("The connection to the server is lost").wait_for()
            shot(page, "lost")
            s = server(tmp_path / "data", "--listen", f"127.0.0.1:{s.port}")
            page.get_by_text("The connection to the server is lost").wait_for(state="detached", timeout=60000)
    finally:
        s.stop()


def test_keyboard_alone(page, empty):
    page.goto(empty.url + "/")
    settled(page)
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        spot = page.evaluate("""() => {
          const e = document.activeElement, style = getComputedStyle(e);
          return [e.tagName, e.getAttribute("href") ?? e.getAttribute("aria-label") ?? e.innerText, style.outlineStyle !== "none" || style.boxShadow !== "none"];
        }""")
        if spot[0] != "BODY":
            seen.add(spot[1])
            assert spot[2], f"no visible focus on {spot}"
    assert {h for h in ("/", "/runs", "/models", "/audit", "/settings")} <= seen, seen
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_function("() => location.pathname === '/audit'")
