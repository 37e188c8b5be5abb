#!/usr/bin/env python3
"""How smoothly the table of 100 000 runs scrolls in a real browser: frames per second by requestAnimationFrame's own timestamps while a script scrolls, how long
the rows in view stay grey after a jump, and the server's time per window from the page's own clock.

    python3 bench/ui/scroll.py            RUNS=100000 SECONDS=6; INGOT_BIN names the program, INGOT_UI_SRC=ui the folder of the interface

Three speeds: a slow wheel (600 px/s, about 19 rows), a fast one (6000 px/s), and a drag of the scroll bar through all rows within the time. Chromium draws without a
graphics processor here; what the browser itself reaches on an empty page stands beside."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib
import many_runs

sys.path.insert(0, str(lib.ROOT / "tests/e2e"))
import ui_world
from playwright.sync_api import sync_playwright

SECONDS = float(os.environ.get("SECONDS", "6"))

SCROLL = """([speed, seconds]) => new Promise(done => {
  const box = document.querySelector(".grid-table"), frames = [], grey = [];
  const most = box.scrollHeight - box.clientHeight, px = speed || most / seconds;
  let first = 0;
  const step = now => {
    first ||= now;
    frames.push(now);
    grey.push(document.querySelectorAll(".grid-row .bone").length > 0 ? 1 : 0);
    const s = (now - first) / 1000;
    box.scrollTop = Math.min(most, px * s);
    if (s < seconds) requestAnimationFrame(step);
    else done({frames, grey});
  };
  box.scrollTop = 0;
  requestAnimationFrame(step);
})"""
IDLE = """seconds => new Promise(done => { const frames = []; const step = now => { frames.push(now); now - frames[0] < seconds * 1000 ? requestAnimationFrame(step) : done(frames); }; requestAnimationFrame(step); })"""
JUMP = """async at => {
  const box = document.querySelector(".grid-table"), start = performance.now();
  box.scrollTop = at * (box.scrollHeight - box.clientHeight);
  const frame = () => new Promise(requestAnimationFrame);
  await frame(); await frame();
  while (document.querySelector(".grid-row .bone")) await frame();
  return performance.now() - start;
}"""


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def rates(frames):
    gaps = [b - a for a, b in zip(frames, frames[1:])]
    return {"fps": 1000 * len(gaps) / (frames[-1] - frames[0]), "frame_p50_ms": percentile(gaps, .5), "frame_p95_ms": percentile(gaps, .95), "frame_worst_ms": max(gaps)}


def main():
    lib.RESULTS.mkdir(parents=True, exist_ok=True)
    source = many_runs.folder()
    rows = []
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder, sync_playwright() as p:
        data = Path(folder) / "data"
        shutil.copytree(source, data, ignore=shutil.ignore_patterns("lock", "tmp"))
        with ui_world.server(data) as server:
            browser = p.chromium.launch(executable_path=ui_world.BROWSER, args=ui_world.FLAGS)
            page = browser.new_page(viewport=ui_world.DESK)
            page.goto("about:blank")
            rows.append({"what": "an empty page", **rates(page.evaluate(IDLE, 2))})
            page.goto(server.url + "/runs", timeout=120000)
            page.wait_for_selector(".grid-row a", timeout=120000)
            page.wait_for_timeout(2000)
            for name, speed in (("slow wheel, 600 px/s", 600), ("fast wheel, 6000 px/s", 6000), ("scroll bar through all", 0)):
                got = page.evaluate(SCROLL, [speed, SECONDS])
                rows.append({"what": name, **rates(got["frames"]), "frames_with_grey_rows": sum(got["grey"]) / len(got["grey"])})
            jumps = [page.evaluate(JUMP, (i * 37 % 100) / 100) for i in range(1, 21)]
            rows.append({"what": "a jump, until all rows are there", "p50_ms": percentile(jumps, .5), "p95_ms": percentile(jumps, .95)})
            took = page.evaluate("performance.getEntriesByType('resource').filter(e => e.name.endsWith('/runs/search')).map(e => e.responseEnd - e.requestStart)")
            rows.append({"what": "a window, seen from the page", "p50_ms": percentile(took, .5), "p95_ms": percentile(took, .95), "windows": len(took)})
            browser.close()
    lib.report("ui-scroll", rows, f"{many_runs.RUNS} runs in one table, Chromium without a graphics processor, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
