"""A real browser for the tests of the web interface, and what every page must keep.

    def test_table(page, shop):                 # shop: a fixture of the test's own with an IngotServer and data made by real clients
        page.goto(shop.url + "/runs")
        page.get_by_text("train-1").wait_for()
        shot(page, "runs")                      # build/screenshots/ui/runs.png

A `page` fails its test at the end when anything went wrong in it: an error in the console, an exception, a violation of the security policy, a
request to another host, an answer of 400 or more, or a request that failed. What a test provokes on purpose it names: page.watch.allow("/runs/nobody").

A picture (shot) is also looked at by axe-core: what it finds against WCAG 2.2 A or AA, or its good practices, fails the test.

With $INGOT_UI_SRC set (to ui/), server() serves the files from there: no build is needed to try a change.
With $INGOT_UI_SLOW_MS set, each of a page's own requests waits up to so many milliseconds first: tests that hold only on a fast machine fall.
"""
import contextlib
import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ingot_server import ROOT, IngotServer

SHOTS = ROOT / "build/screenshots/ui"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
TIMEOUT_MS = 30000  # of any wait: the machine may be slow and busy
AXE = ROOT / "node_modules/axe-core/axe.min.js"
AXE_RUN = """async tags => (await axe.run(document, {resultTypes: ["violations"], runOnly: {type: "tag", values: tags}})).violations
  .flatMap(v => v.nodes.map(n => `${v.id}: ${v.help}: ${n.html.slice(0, 300)} ${n.failureSummary}`))"""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SLOW = "(() => { const ask = window.fetch; window.fetch = async (...a) => { await new Promise(r => setTimeout(r, Math.random() * %d)); return ask(...a); }; })()"


def server(folder, *args):
    """An IngotServer whose interface can be tried without a build."""
    source = os.environ.get("INGOT_UI_SRC")
    return IngotServer(folder, *args, *(["--ui-src", source] if source else []))


class Watch:
    """What went wrong in a page."""

    def __init__(self, page):
        self.page, self.bad, self.allowed = page, [], []
        page.on("console", self.console)
        page.on("pageerror", lambda e: self.bad.append(f"exception: {e}"))
        page.on("response", self.response)
        page.on("requestfailed", self.failed)

    def allow(self, pattern):
        """Answers of 400 or more, failed requests and console lines that match this regular expression (or hold this text) are meant."""
        self.allowed.append(pattern)

    def meant(self, text):
        return any(a in text or re.search(a, text) for a in self.allowed)

    def note(self, text):
        if not self.meant(text):
            self.bad.append(text)

    def console(self, message):
        if message.type == "error" and "Failed to load resource" not in message.text and "ERR_CONNECTION" not in message.text:  # those are judged below
            self.note(f"console: {message.text}")

    def foreign(self, r):
        """A request that left the browser for another host is never meant."""
        at = urlsplit(r.url)
        if at.scheme in ("http", "https", "ws", "wss") and at.hostname not in ("127.0.0.1", "localhost"):
            self.bad.append(f"a request to another host: {r.url}")

    def response(self, r):
        self.foreign(r)
        if r.status >= 400:
            self.note(f"{r.status} {r.request.method} {r.url}")

    def failed(self, r):
        if r.failure != "csp":  # what the policy blocks does not leave the browser
            self.foreign(r)
        if r.failure != "net::ERR_ABORTED":  # the page gave it up itself: it went on to something else
            self.note(f"failed: {r.url} {r.failure}")


@pytest.fixture(scope="module")
def browser():
    """Not the session's: while it lives, an event loop runs in this thread, and other tests could start none (asyncio.run)."""
    if not BROWSER:
        pytest.skip("needs a browser: apt-get install chromium (tools/deps.sh does it)")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: tests/venv.sh installs it")
    with playwright.sync_playwright() as p:
        b = p.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield b
        b.close()


@contextlib.contextmanager
def opened(browser, name, **context):
    """A watched page of its own context; further settings go to browser.new_context (viewport, color_scheme, locale, http_credentials ...)."""
    c = browser.new_context(**{"viewport": DESK, "locale": "en-GB", "timezone_id": "Europe/Berlin", **context})
    page = c.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.watch = Watch(page)
    if os.environ.get("INGOT_UI_SLOW_MS"):
        page.add_init_script(SLOW % int(os.environ["INGOT_UI_SLOW_MS"]))
    try:
        yield page
    except BaseException:
        with contextlib.suppress(Exception):
            photograph(page, "failed-" + name)
        for line in page.watch.bad:
            print(line)
        raise
    finally:
        c.close()
    assert not page.watch.bad, "\n".join(page.watch.bad)


@pytest.fixture
def page(browser, request):
    """English, light, 1280 x 800. Other settings: `with opened(browser, name, color_scheme="dark", viewport=PHONE) as page`."""
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    with opened(browser, name) as p:
        yield p


def photograph(page, name, full=False):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=full)


def shot(page, name, full=False):
    """A picture for people to look at, build/screenshots/ui/<name>.png, of a page that everybody can use."""
    photograph(page, name, full)
    accessible(page)


def accessible(page):
    """axe-core finds nothing in the page as it stands: names, roles, contrast, order of headings, what the keyboard reaches."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    found = page.evaluate(AXE_RUN, AXE_TAGS)
    assert not found, "\n".join(found)


def prefer(page, **settings):
    """What the user chose in this browser: prefer(page, theme="dark", language="zh"). Before page.goto."""
    lines = [f"localStorage.setItem('ingot.{key}', {__import__('json').dumps(__import__('json').dumps(value))});" for key, value in settings.items()]
    page.add_init_script("try { " + " ".join(lines) + " } catch { /* about:blank has none */ }")


def fits_width(page):
    """The page itself never scrolls sideways; wide tables do so inside their own box."""
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1], f"the page is {wide[0]} px wide in a window of {wide[1]} px: {widest(page)}"


def widest(page):
    """The elements that stick out, for the message."""
    return page.evaluate("""() => {
      const width = document.documentElement.clientWidth, out = [];
      const inside = e => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
      for (const e of document.body.querySelectorAll("*"))
        if (e.getBoundingClientRect().right > width + 1 && !inside(e)) out.push(`${e.tagName.toLowerCase()}.${e.className}`);
      return out.slice(0, 5).join(" ");
    }""")


def settled(page):
    """Everything asked for has come and is painted."""
    page.wait_for_function("() => !document.querySelector('.skeleton')")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def graph_node(page, title):
    """The box of a graph that has this title."""
    return page.locator(".graph-node", has=page.locator(".graph-title", has_text=title))


def texts(page, selector):
    """The visible text of each element, blanks joined."""
    return [" ".join(t.split()) for t in page.locator(selector).all_inner_texts()]


HOSTILE = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "javascript:alert(1)", "\"'><svg onload=alert(1)>", "=HYPERLINK(\"http://evil.example\",\"x\")",
           "{{constructor.constructor('alert(1)')()}}", "\u202egnp.exe", "a\u0000b".replace("\u0000", "\u2400"), "../../etc/passwd", "%3Cb%3E", "&lt;b&gt;", "x" * 200]


def harmless(page):
    """Nothing that a hostile name holds became part of the page."""
    assert page.evaluate("() => !document.querySelector('#app script, #app img[onerror], #app svg[onload], #app [href^=\"javascript:\" i]')")
