#!/usr/bin/env python3
"""How soon each page of the web interface is painted, and what comes over the wire for it, in a real browser on loopback.

    python3 bench/ui/paint.py STATE        the demo's: build/demo/server; ROUNDS=5; INGOT_BIN names the program

"cold" is a browser that never saw the server, "warm" one that has its files. first: first contentful paint; ready: the last skeleton is gone. Medians, in ms."""
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib

sys.path.insert(0, str(lib.ROOT / "tests/e2e"))
sys.path.insert(0, str(lib.ROOT / "tools"))
from ingot_server import IngotServer
from playwright.sync_api import sync_playwright
from screenshots import rooms
from ui_world import BROWSER, DESK, FLAGS

ROUNDS = int(os.environ.get("ROUNDS", "5"))
WAIT = """() => new Promise(done => {
  const look = () => document.querySelector("main") && !document.querySelector(".skeleton") ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""
READ = """() => {
  const files = performance.getEntriesByType("resource"), page = performance.getEntriesByType("navigation")[0];
  return { first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null, files: files.length + 1,
           bytes: files.reduce((n, r) => n + r.transferSize, page.transferSize) };
}"""


def visit(context, url):
    page = context.new_page()
    page.goto(url, wait_until="commit")
    ready = page.evaluate(WAIT) if "icon.svg" not in url else None
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length") if ready else page.wait_for_load_state()
    out = {**page.evaluate(READ), "ready": ready}
    page.close()
    return out


def middle(values):
    known = [v for v in values if v is not None]
    return f"{statistics.median(known):7.0f}" if known else "      -"


def main():
    with tempfile.TemporaryDirectory(prefix="ingot-paint-") as folder:
        shutil.copytree(sys.argv[1], folder + "/state", ignore=shutil.ignore_patterns("lock"))
        with IngotServer(folder + "/state") as s, sync_playwright() as p:
            browser = p.chromium.launch(executable_path=BROWSER, args=FLAGS)
            print(f"{'page':12}{'cold first':>11}{'ready':>8}{'files':>7}{'bytes':>9}{'warm first':>12}{'ready':>8}{'bytes':>9}")
            for name, path in rooms(s.url):
                cold, warm = [], []
                for _ in range(ROUNDS):
                    context = browser.new_context(viewport=DESK)
                    cold.append(visit(context, s.url + path))
                    warm.append(visit(context, s.url + path))
                    context.close()
                print(f"{name:12}{middle(c['first'] for c in cold):>11}{middle(c['ready'] for c in cold):>8}{middle(c['files'] for c in cold):>7}{middle(c['bytes'] for c in cold):>9}"
                      f"{middle(c['first'] for c in warm):>12}{middle(c['ready'] for c in warm):>8}{middle(c['bytes'] for c in warm):>9}")
            browser.close()


if __name__ == "__main__":
    main()
