#!/usr/bin/env python3
"""How long it takes from a click until 10,000 runs' lines of one metric are painted, in a real browser: the server's time, the transfer, decoding and drawing apart.

    python3 bench/ui/overlay.py              RUNS=10000 POINTS=500 ROUNDS=5

The data is logged over the API once and kept in build/. "cold" is the first picture after the server's start: the points come from the database; "warm" the next ones. The click
is on "Compare all runs"; painted is the second frame after the canvas has the lines (the browser draws without a GPU here). CPU times say what a busy machine hides."""
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tracking"))
import lib
from folders import made
from ingot_server import IngotServer
from search import pipelined, post

sys.path.insert(0, str(lib.ROOT / "tests/e2e"))

RUNS, POINTS, ROUNDS = (int(os.environ.get(k, d)) for k, d in (("RUNS", "10000"), ("POINTS", "500"), ("ROUNDS", "5")))
TRACE = """() => {
  window.painted = new Promise(done => {
    const seen = new PerformanceObserver(list => {
      for (const e of list.getEntriesByName("chart-paint"))
        if (e.detail.lines > 1) { seen.disconnect(); requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))); }
    });
    seen.observe({ entryTypes: ["measure"] });
  });
  addEventListener("click", () => window.clicked ??= performance.now(), true);
}"""
READ = """async () => {
  const end = await window.painted, r = performance.getEntriesByType("resource").filter(e => e.name.includes("/metrics/overlay"))[0];
  const sum = name => performance.getEntriesByName(name).filter(e => e.startTime < end && (e.detail?.lines ?? 2) > 1).map(e => e.duration);
  return { total: end - window.clicked, before: r.startTime - window.clicked, server: r.responseStart - r.requestStart, transfer: r.responseEnd - r.responseStart, bytes: r.transferSize,
           decode: sum("overlay-decode")[0], draw: sum("chart-paint")[0], paints: sum("chart-paint").length };
}"""


def values(i):
    rate, level = 0.002 + (i % 97) / 5000, (i % 31) / 100
    return [2 ** (-rate * k) + level + 0.02 * (((k * 2654435761 + i * 40503) >> 7) % 101) / 101 for k in range(POINTS)]


def make(folder):
    with IngotServer(folder) as server:
        now = int(time.time() * 1000)
        runs = [json.loads(b)["run"]["info"]["run_id"] for b in pipelined(server.port, (post("runs/create", {"experiment_id": "0", "run_name": f"run-{i:05}", "start_time": now + i}) for i in range(RUNS)))]

        def batches():
            for i, run in enumerate(runs):
                points = values(i)
                for at in range(0, POINTS, 1000):
                    yield post("runs/log-batch", {"run_id": run, "metrics": [{"key": "loss", "value": v, "timestamp": now + k, "step": k} for k, v in enumerate(points[at:at + 1000], at)]})

        for _ in pipelined(server.port, batches()):
            pass


def folder():
    return made(f"ui-overlay-{RUNS}-{POINTS}", make)


def cpu_ms(server):
    """CPU time so far of the server, and of the browser with all its processes (and of this program, which waits)."""
    own = lib.tree_cpu_us(server.process.pid)[0] / 1000
    return own, lib.tree_cpu_us(os.getpid())[0] / 1000 - own


def once(browser, server):
    url = server.url
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(url + "/compare")
    button = page.get_by_role("link", name="Compare all runs")
    button.wait_for()
    page.evaluate(TRACE)
    time.sleep(0.5)
    before = cpu_ms(server)
    button.click()
    out = page.evaluate(READ)
    out["server_cpu"], out["browser_cpu"] = (b - a for a, b in zip(before, cpu_ms(server)))
    shots = lib.ROOT / "build/screenshots/ui"
    shots.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=shots / "overlay.png")
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    out["hover"] = page.evaluate("""async ([x, y]) => {
      const over = document.querySelector(".u-over"), times = [];
      for (let i = 0; i < 20; i++) {
        const at = performance.now();
        over.dispatchEvent(new MouseEvent("mousemove", { clientX: x + 5 * i, clientY: y + 3 * i, bubbles: true }));
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - at);
      }
      return times.sort((a, b) => a - b)[10];
    }""", [box["x"] + 100, box["y"] + 60])
    context.close()
    return out


def main():
    from playwright.sync_api import sync_playwright
    from ui_world import BROWSER, FLAGS
    source = folder()
    with tempfile.TemporaryDirectory() as d, sync_playwright() as p:
        shutil.copytree(source, Path(d) / "data")
        browser = p.chromium.launch(executable_path=BROWSER, args=FLAGS)
        extra = ["--ui-src", os.environ["INGOT_UI_SRC"]] if os.environ.get("INGOT_UI_SRC") else []
        with IngotServer(Path(d) / "data", *extra) as server:
            rounds = [once(browser, server) for _ in range(ROUNDS + 1)]
        browser.close()
    print(f"{RUNS} runs of {POINTS} points, ms from the click to painted; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':6} {'total':>7} {'before':>7} {'server':>7} {'transfer':>9} {'decode':>7} {'draw':>6} {'hover':>6} {'MiB':>5}   CPU ms: {'server':>6} {'browser':>8}")
    warm = {k: statistics.median(r[k] for r in rounds[1:]) for k in rounds[0]}
    for name, r in (("cold", rounds[0]), ("warm", warm)):
        print(f"{name:6} {r['total']:7.0f} {r['before']:7.0f} {r['server']:7.0f} {r['transfer']:9.0f} {r['decode']:7.1f} {r['draw']:6.0f} {r['hover']:6.1f} {r['bytes'] / 2**20:5.1f}           {r['server_cpu']:6.0f} {r['browser_cpu']:8.0f}")


if __name__ == "__main__":
    main()
