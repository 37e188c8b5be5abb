#!/usr/bin/env python3
"""Pictures of every room of the web interface for the docs: tools/screenshots.py STATE [ONLY...] (tools/screenshots.sh calls it with the demo's state folder).

Serves a copy of the folder, finds by the API what there is to show (the newest run, the model with the most versions ...), and photographs each room at a desk and
on a phone, light and dark, into docs/images/ui/. PNG with a palette; what is larger than LIMIT_BYTES so becomes WebP.
"""
import io
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs/images/ui"
LIMIT_BYTES = 100_000
COLOURS = 128
sys.path.insert(0, str(ROOT / "tests/e2e"))
from ui_world import BROWSER, FLAGS, PHONE, prefer  # noqa: E402

DESK = {"width": 1280, "height": 800}
# The folder of whoever takes the picture is nobody's business.
REDACT = """folder => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    if (walk.currentNode.data.includes(folder)) walk.currentNode.data = walk.currentNode.data.replaceAll(folder, "");
}"""
LOOKS = [("light", "desk", DESK), ("dark", "desk", DESK), ("light", "phone", PHONE)]


def get(url, path, body=None):
    import json
    request = urllib.request.Request(url + path, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as r:
        return json.load(r)


def rooms(url):
    """(name, path) of every page, with what there is."""
    found = [("home", "/"), ("runs", "/runs"), ("models", "/models"), ("endpoints", "/endpoints"), ("pipelines", "/pipelines"), ("features", "/features"), ("data", "/data"),
             ("monitors", "/monitors"), ("audit", "/audit"), ("settings", "/settings")]
    experiments = [e["experiment_id"] for e in get(url, "/api/2.0/mlflow/experiments/search?max_results=100").get("experiments", [])]
    runs = get(url, "/api/2.0/mlflow/runs/search", {"experiment_ids": experiments, "max_results": 20, "order_by": ["attributes.start_time DESC"]}).get("runs", [])
    full = sorted(runs, key=lambda r: -len(r["data"].get("metrics", [])))
    if full:
        found.append(("run", "/runs/" + full[0]["info"]["run_id"]))
    if len(full) > 1:
        found.append(("compare", "/compare?runs=" + ",".join(r["info"]["run_id"] for r in full[:3])))
    models = [m for m in get(url, "/api/2.0/mlflow/registered-models/search?max_results=10").get("registered_models", []) if m.get("latest_versions")]
    for m in models[:1]:
        found += [("model", f"/models/{m['name']}"), ("version", f"/models/{m['name']}/{m['latest_versions'][0]['version']}")]
    for e in get(url, "/api/ingot/v1/endpoints").get("endpoints", [])[:1]:
        found += [("endpoint", f"/endpoints/{e['name']}"), ("monitor", f"/monitors/{e['name']}")]
    for p in get(url, "/api/ingot/v1/pipelines").get("pipelines", [])[:1]:
        found.append(("pipeline", f"/pipelines/{p['name']}"))
    for v in get(url, "/api/ingot/v1/features").get("views", [])[:1]:
        found.append(("feature", f"/features/{v['name']}"))
    return found


def small(png):
    """The bytes to keep and their suffix."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    out = io.BytesIO()
    image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    if out.tell() <= LIMIT_BYTES:
        return out.getvalue(), "png"
    out = io.BytesIO()
    image.save(out, "WEBP", quality=82, method=6)
    return out.getvalue(), "webp"


def settle(page):
    page.locator("main").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.skeleton')")
    page.wait_for_timeout(700)  # charts draw after their data
    page.evaluate(REDACT, str(ROOT) + "/")


def main():
    state, only = Path(sys.argv[1]), sys.argv[2:]
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ingot-shots-") as folder:
        copy = Path(folder) / "state"
        shutil.copytree(state, copy, ignore=shutil.ignore_patterns("lock"))
        source = os.environ.get("INGOT_UI_SRC")
        server = subprocess.Popen([os.environ.get("INGOT_BIN", str(ROOT / "build/release/ingot")), "server", "--data", str(copy), "--listen", "127.0.0.1:0",
                                   *(["--ui-src", source] if source else [])], stdout=subprocess.PIPE, stderr=open(Path(folder) / "log", "w"), text=True)
        try:
            line = server.stdout.readline()
            if "listening on " not in line:
                raise SystemExit("screenshots: the server did not start: " + (Path(folder) / "log").read_text()[-1000:])
            url = line.split("listening on ")[1].strip()
            with sync_playwright() as p:
                browser = p.chromium.launch(executable_path=BROWSER, args=FLAGS)
                for name, path in rooms(url):
                    if only and name not in only:
                        continue
                    for theme, size, window in LOOKS:
                        context = browser.new_context(viewport=window, locale="en-GB", timezone_id="UTC")
                        page = context.new_page()
                        prefer(page, theme=theme, language="en")
                        page.goto(url + path)
                        settle(page)
                        data, suffix = small(page.screenshot())
                        for old in OUT.glob(f"{name}-{theme}-{size}.*"):
                            old.unlink()
                        file = OUT / f"{name}-{theme}-{size}.{suffix}"
                        file.write_bytes(data)
                        print(f"{file.relative_to(ROOT)} {len(data)}")
                        context.close()
                browser.close()
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
