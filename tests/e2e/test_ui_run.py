"""One run in a real browser: what stands there is what MLflow's client says, it is live, and nothing that a run holds is executed."""
import json
import os
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

def png(width, height):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 99)) for x in range(width)) for y in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def call(url, method="GET", body=None, headers=None):
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    kind = {"Content-Type": "application/json"} if isinstance(body, (dict, list)) else {"Content-Type": "application/octet-stream"} if data else {}
    request = urllib.request.Request(url, method=method, data=data, headers={**kind, **(headers or {})})
    with urllib.request.urlopen(request) as r:
        text = r.read()
        return SimpleNamespace(status=r.status, headers=r.headers, body=text, json=json.loads(text) if "json" in r.headers.get("Content-Type", "") else None)


def upload(world, run, path, data):
    """As the artifact proxy takes it: the client's own checks of names are not ours."""
    call(f"{world.url}/api/2.0/mlflow-artifacts/artifacts/{world.experiment}/{run}/artifacts/{quote(path)}", "PUT", data)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    folder = tmp_path_factory.mktemp("ui-run")
    with server(folder / "data") as s:
        client = MlflowClient(s.url)
        experiment = client.create_experiment("shapes")
        run = client.create_run(experiment, run_name="resnet-7", tags={"team": "vision", "ticket": "https://tracker.example/VIS-12"}).info.run_id
        metrics = [Metric(k, f(i), 1700000000000 + 1000 * i, i) for i in range(200) for k, f in
                   (("train/loss", lambda i: 1 / (i + 1)), ("train/acc", lambda i: 1 - 1 / (i + 2)), ("lr", lambda i: 0.1 * 0.99**i), ("system/cpu_utilization_percentage", lambda i: i % 100))]
        client.log_batch(run, metrics=metrics[:400])
        client.log_batch(run, metrics=metrics[400:])
        for key, value in {"lr": "0.1", "depth": "50", **{f"aug.{i}": str(i / 7) for i in range(20)}}.items():
            client.log_param(run, key, value)
        client.set_tag(run, "mlflow.note.content", "# Why\nA **slower** decay, [paper](https://arxiv.example/1512) and [bad](javascript:window.__pwned=1).\n\n| lr | acc |\n|---|---|\n| 0.1 | 0.9 |\n")
        client.set_tag(run, "mlflow.source.git.commit", "ab" * 20)
        client.set_tag(run, "mlflow.source.git.repoURL", "git@github.com:acme/shapes.git")
        client.log_inputs(run, [DatasetInput(Dataset("birds-train", "d1g35t", "local", "birds.csv", schema='{"columns": ["wing", "beak"]}'), [InputTag("mlflow.data.context", "training")])])
        w = SimpleNamespace(url=s.url, server=s, client=client, experiment=experiment, run=run, folder=folder, program=s.program)
        call(f"{s.url}/api/ingot/v1/runs/{run}/console?from=0", "PUT", b"".join(b"\x1b[32mepoch %d\x1b[0m loss 0.%d\n" % (i, i) for i in range(500)) + b"10%\r50%\r100%\n")
        client.set_terminated(run)
        yield w


def at(world, run=None, **query):
    q = "&".join(f"{k}={quote(str(v), safe='')}" for k, v in query.items())
    return f"{world.url}/runs/{run or world.run}" + (f"?{q}" if q else "")


def number(page, selector):
    """The whole value behind a shortened one."""
    return float(page.locator(selector).first.get_attribute("value"))


# ---- what it is


def test_overview_is_what_the_client_says(page, world):
    run = world.client.get_run(world.run)
    page.goto(at(world))
    page.get_by_role("heading", name="resnet-7").wait_for()
    settled(page)
    shown = {}
    for row in page.locator(".run-metrics tbody tr").all():
        shown[row.locator("th").inner_text()] = float(row.locator("data.value").get_attribute("value"))
    assert shown == {k: v for k, v in run.data.metrics.items() if not k.startswith("system/")}
    assert dict(zip(texts(page, ".run-params th[scope]"), texts(page, ".run-params td"))) == run.data.params
    page.wait_for_function("n => document.querySelectorAll('.run-metrics .spark svg').length === n", arg=len(shown))
    assert "Finished" in texts(page, ".page-head")[0]
    page.get_by_role("link", name="abababababa"[:10]).wait_for()
    assert page.get_by_role("link", name="ababababab").get_attribute("href") == "https://github.com/acme/shapes/commit/" + "ab" * 20
    assert page.get_by_text("birds-train").is_visible() and page.get_by_text("d1g35t").is_visible()
    page.get_by_text("Schema and profile").click()
    page.get_by_text("columns").wait_for()
    # the note is Markdown, its bad link is text
    assert page.locator(".md strong").inner_text() == "slower"
    assert page.locator(".md a").all_inner_texts() == ["paper"]
    assert page.locator(".md td").all_inner_texts() == ["0.1", "0.9"]
    assert page.locator(".tags a").get_attribute("href") == "https://tracker.example/VIS-12"
    harmless(page)
    shot(page, "run")


def test_filter_of_parameters(page, world):
    page.goto(at(world))
    page.get_by_label("Filter parameters").fill("aug.1")
    assert texts(page, ".run-params th[scope]") == sorted(k for k in world.client.get_run(world.run).data.params if "aug.1" in k)


def test_charts_have_every_metric_in_its_group(page, world):
    page.goto(at(world, tab="charts"))
    page.locator(".panel canvas").first.wait_for()
    assert {p.get_attribute("data-metric") for p in page.locator(".panel").all()} == {"lr", "train/loss", "train/acc"}
    assert [t.split()[0] for t in texts(page, ".group-head")] == ["train"]
    history = world.client.get_metric_history(world.run, "train/loss")
    row = page.locator(".panel[data-metric='train/loss'] .chart-table tr[data-points]")
    row.wait_for(state="attached")
    assert int(row.get_attribute("data-points")) == len(history)
    assert [float(row.get_attribute(f"data-{k}")) for k in ("min", "max", "last")] == [min(m.value for m in history), max(m.value for m in history), history[-1].value]
    page.get_by_label("Filter metrics").fill("acc")
    page.wait_for_function("() => document.querySelectorAll('.panel').length === 1")
    assert "q=acc" in page.url
    page.get_by_role("button", name="Time", exact=True).click()
    assert "x=time" in page.url
    page.get_by_label("Filter metrics").fill("")
    page.wait_for_function("() => document.querySelectorAll('.panel').length === 3")
    shot(page, "run-charts")
    page.go_back()  # settings replace, rooms push: back leaves the page as it was entered
    assert page.url == "about:blank"


def test_system_metrics_have_their_own_tab_with_units(page, world):
    page.goto(at(world, tab="system"))
    page.locator(".panel canvas").first.wait_for()
    assert [p.get_attribute("data-metric") for p in page.locator(".panel").all()] == ["system/cpu_utilization_percentage"]
    assert "%" in page.locator(".panel figcaption").inner_text()


# ---- console


def test_console_shows_colours_and_the_last_writing(page, world):
    page.goto(at(world, tab="console"))
    page.locator(".line").first.wait_for()
    assert page.locator(".lines").get_attribute("data-lines") == "501"
    assert page.locator(".line").last.inner_text().split("\n")[-1] == "100%"
    assert page.locator(".line .a2").first.inner_text().startswith("epoch")
    page.get_by_label("Search the output").fill("epoch 123 ")
    page.locator(".line.here").wait_for()
    assert page.locator(".line.here .line-text").inner_text() == "epoch 123 loss 0.123"
    assert page.locator(".line.here .line-number").inner_text() == "124"
    page.get_by_label("Search the output").fill("epoch 12")
    page.get_by_text("1 / 11").wait_for()
    page.get_by_label("Next match").click()
    page.get_by_text("2 / 11").wait_for()
    shot(page, "run-console")


def console(world, run, data, at_byte=0):
    for i in range(0, len(data), 1 << 20):
        call(f"{world.url}/api/ingot/v1/runs/{run}/console?from={at_byte + i}", "PUT", data[i:i + (1 << 20)])


def test_a_million_lines(page, world):
    run = world.client.create_run(world.experiment, run_name="million").info.run_id
    console(world, run, b"".join(b"line %08d\n" % i for i in range(1_000_000)))
    world.client.set_terminated(run)
    page.goto(at(world, run, tab="console"))
    page.locator(".lines[data-lines='1000000']").wait_for()
    assert page.locator(".line").last.inner_text().split() == ["1000000", "line", "00999999"]
    assert page.locator(".line").count() < 200
    page.locator(".lines").evaluate("e => { e.scrollTop = 0; }")
    page.get_by_text("line 00000000").wait_for()
    page.locator(".lines").evaluate("e => { e.scrollTop = e.scrollHeight / 2; }")
    page.wait_for_function("() => { const t = document.querySelector('.line .line-text').textContent; return Math.abs(Number(t.slice(5)) - 500000) < 100; }")
    page.get_by_label("Search the output").fill("00765432")
    page.locator(".line.here").wait_for()
    assert page.locator(".line.here .line-text").inner_text() == "line 00765432"


def test_hostile_output_is_text(page, world):
    run = world.client.create_run(world.experiment, run_name="hostile output").info.run_id
    data = b"<img src=x onerror=window.__pwned=1>\n\x1b[8mhidden\x1b[0m\n\x1b[30;40mblack\x1b[0m\n\x1b]0;title\x07after\nover\x1b[1A\x1b[2Kwritten\n" + "a\u202eb\n".encode() + b"\xff\xfe\n" + b"y" * (6 << 20)
    console(world, run, data)
    world.client.set_terminated(run)
    page.goto(at(world, run, tab="console"))
    page.locator(".lines[data-lines='8']").wait_for()
    page.locator(".lines").evaluate("e => { e.scrollTop = 0; e.scrollLeft = 0; }")
    lines = [t.split("\n")[-1] for t in page.locator(".line-text").all_inner_texts()]
    assert lines[:6] == ["<img src=x onerror=window.__pwned=1>", "hidden", "black", "after", "overwritten", "a\u27e8U+202E\u27e9b"]
    assert len(lines[7]) < 5000 and "the line goes on" in lines[7]
    assert page.evaluate("window.__pwned") is None
    harmless(page)


def test_a_run_that_runs_is_live(page, world):
    run = world.client.create_run(world.experiment, run_name="live").info.run_id
    console(world, run, b"begin\n")
    page.goto(at(world, run, tab="console"))
    page.get_by_text("begin").wait_for()
    console(world, run, b"more comes\n", 6)
    page.get_by_text("more comes").wait_for()
    page.get_by_role("tab", name="Overview").click()
    page.get_by_text("No metrics").wait_for()
    world.client.log_metric(run, "loss", 0.25, step=3)
    page.locator(".run-metrics data.value").wait_for()
    assert number(page, ".run-metrics data.value") == 0.25
    world.client.set_terminated(run, "FAILED")
    page.locator(".page-head .badge-bad").wait_for()


# ---- files


@pytest.fixture(scope="module")
def files(world):
    import pyarrow
    import pyarrow.parquet

    run = world.client.create_run(world.experiment, run_name="files").info.run_id
    upload(world, run, "out/plot.png", png(64, 40))
    upload(world, run, "out/rows.csv", b"name,score\n" + b"".join(b"item %d,%d.5\n" % (i, i) for i in range(3000)) + b"\"=cmd|' /C calc'!A0\",1\n")
    upload(world, run, "out/conf.json", json.dumps({"model": {"layers": [1, 2, 3]}, "x": None, "big": 2**70}).encode())
    upload(world, run, "out/README.md", b"# Read me\n<script>window.__pwned=1</script> [x](javascript:window.__pwned=1)\n")
    upload(world, run, "out/train.py", b"import os\n\n\ndef main():\n    pass\n")
    upload(world, run, "out/page.html", b"<h1>Report</h1><script>window.top.__pwned=1;parent.__pwned=1</script>")
    upload(world, run, "out/pic.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60" onload="top.__pwned=1"><rect width="90" height="60" fill="teal"/><script>top.__pwned=1</script></svg>')
    upload(world, run, "out/fake.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.__pwned=1'/>")
    upload(world, run, "out/model.bin", bytes(range(256)) * 10)
    upload(world, run, "out/empty.txt", b"")
    upload(world, run, "out/long.log", b"z" * (3 << 20))
    sink = world.folder / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"i": list(range(1000)), "x": [i / 3 for i in range(1000)], "s": [f"row {i}" if i % 2 else None for i in range(1000)]}), sink)
    upload(world, run, "out/rows.parquet", sink.read_bytes())
    upload(world, run, "out/broken.parquet", b"PAR1 this is none PAR1")
    return run


def test_tree_and_text(page, world, files):
    page.goto(at(world, files, tab="artifacts"))
    page.get_by_role("treeitem", name="out").click()
    page.get_by_role("treeitem", name="train.py").click()
    page.locator(".viewer .line").first.wait_for()
    assert page.locator(".viewer .line-text").all_inner_texts() == ["import os", "", "", "def main():", "    pass"]
    assert [n for n in page.locator(".viewer .line-number").all_inner_texts()] == ["1", "2", "3", "4", "5"]
    assert "file=out%2Ftrain.py" in page.url
    page.go_back()
    page.get_by_text("Choose a file").wait_for()
    # keyboard alone
    page.get_by_role("treeitem", name="out").focus()
    for key in ("ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.locator(".viewer header h2").wait_for()
    shot(page, "run-files")


def test_picture_is_drawn(page, world, files):
    page.goto(at(world, files, tab="artifacts", file="out/plot.png"))
    page.locator(".preview-picture img").wait_for()
    page.wait_for_function("() => document.querySelector('.preview-picture img').naturalWidth === 64")


def test_rows_are_those_of_the_file(page, world, files):
    page.goto(at(world, files, tab="artifacts", file="out/rows.csv"))
    page.get_by_role("gridcell", name="item 0", exact=True).wait_for()
    assert page.get_by_role("grid").get_attribute("aria-rowcount") in ("3001", "3002")
    assert page.get_by_role("gridcell", name="0.5", exact=True).is_visible()
    page.goto(at(world, files, tab="artifacts", file="out/rows.parquet"))
    page.get_by_role("gridcell", name="row 1", exact=True).wait_for()
    assert page.get_by_text("1000 rows").is_visible()
    assert page.get_by_role("gridcell", name="0.3333333", exact=True).is_visible()
    page.goto(at(world, files, tab="artifacts", file="out/broken.parquet"))
    page.watch.allow("broken.parquet")
    page.locator(".failed").wait_for()


def test_rows_of_the_api_are_those_of_the_library(world, files):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(world.folder / "rows.parquet").to_pydict()
    got = []
    for offset in range(0, 1000, 300):
        answer = call(f"{world.url}/api/ingot/v1/runs/{files}/rows?path=out/rows.parquet&offset={offset}&limit=300").json
        assert answer["total"] == 1000 and [c["name"] for c in answer["columns"]] == ["i", "x", "s"]
        got += answer["rows"]
    assert got == [list(row) for row in zip(*table.values())]
    for path, status in (("out/rows.csv", 400), ("out/broken.parquet", 400), ("out/nobody.parquet", 404), ("../../etc/passwd", 400), ("", 400)):
        with pytest.raises(urllib.error.HTTPError) as e:
            call(f"{world.url}/api/ingot/v1/runs/{files}/rows?path={quote(path)}")
        assert e.value.code in (status, 404 if status == 400 else status), path
        assert b"blobs" not in e.value.read(), path
        e.value.close()


def test_json_markdown_binary_empty_and_large(page, world, files):
    page.goto(at(world, files, tab="artifacts", file="out/conf.json"))
    page.locator(".json-key", has_text="model").wait_for()
    page.get_by_role("button", name="layers").click()
    assert page.locator(".json-number").all_inner_texts()[:3] == ["1", "2", "3"]
    page.goto(at(world, files, tab="artifacts", file="out/README.md"))
    page.locator(".md h3").wait_for()
    assert "<script>window.__pwned=1</script>" in page.locator(".md").inner_text() and page.locator(".md a").count() == 0
    page.goto(at(world, files, tab="artifacts", file="out/model.bin"))
    assert page.locator(".preview-hex").inner_text().startswith("00000000  00 01 02 03")
    page.goto(at(world, files, tab="artifacts", file="out/empty.txt"))
    page.get_by_text("The file is empty").wait_for()
    page.goto(at(world, files, tab="artifacts", file="out/long.log"))
    page.get_by_text("The first 1 MiB of 3 MiB are shown.").wait_for()
    page.get_by_text("the line goes on").wait_for()
    page.goto(at(world, files, tab="artifacts", file="out/nobody.txt"))
    page.get_by_text("There is no such file").wait_for()
    assert page.evaluate("window.__pwned") is None


class Canary:
    """A port that nobody must call."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.called = self.socket.getsockname()[1], 0
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def listen(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.called += 1
            connection.close()

    def __exit__(self, *_):
        self.socket.close()


def test_pages_and_pictures_cannot_act(browser, world, files):
    with Canary() as canary:
        evil = (f"<h1>Report</h1><script>top.__pwned=1;parent.__pwned=1;fetch('http://127.0.0.1:{canary.port}/')</script><img src='http://127.0.0.1:{canary.port}/a'>"
                f"<link rel=stylesheet href='http://127.0.0.1:{canary.port}/b'><iframe src='javascript:top.__pwned=1'></iframe><meta http-equiv=refresh content='0;url=http://127.0.0.1:{canary.port}/c'>")
        upload(world, files, "out/evil.html", evil.encode())
        upload(world, files, "out/evil.svg", f"<svg xmlns='http://www.w3.org/2000/svg' onload='top.__pwned=1'><script>top.__pwned=1</script><image href='http://127.0.0.1:{canary.port}/d'/></svg>".encode())
        for name in ("evil.html", "evil.svg", "page.html", "pic.svg", "fake.png"):
            with opened(browser, "run-evil") as page:
                page.watch.allow("sandboxed")
                page.watch.allow("Content Security Policy")
                page.watch.allow("chrome-error")
                page.goto(at(world, files, tab="artifacts", file="out/" + name))
                page.locator(".preview-frame, .viewer .empty").first.wait_for()
                page.wait_for_timeout(500)
                assert page.evaluate("window.__pwned") is None, name
                page.watch.bad = [b for b in page.watch.bad if str(canary.port) not in b]
        assert canary.called == 0
    for path in ("out/evil.html", "out/pic.svg", "out/rows.csv"):
        answer = call(f"{world.url}/get-artifact?run_id={files}&path={quote(path)}")
        assert answer.headers["Content-Disposition"].startswith("attachment") and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].split(";")[0] in ("text/plain", "application/octet-stream")


def test_names_of_files_are_text(page, world):
    run = world.client.create_run(world.experiment, run_name="names").info.run_id
    names = ["<img src=x onerror=top.__pwned=1>.txt", "quote'\"`.txt", "\u202egnp.txt", "new\nline.txt", "100%.txt", "a b & c?.txt", "#x.txt", "=cmd.csv"]
    kept = []
    for name in names:
        try:
            upload(world, run, name, b"one,two\n1,2\n")
            kept.append(name)
        except urllib.error.HTTPError as e:
            assert e.code == 400, name
            e.close()
    assert len(kept) >= 6
    page.goto(at(world, run, tab="artifacts"))
    page.locator(".tree-row").first.wait_for()
    assert page.locator(".tree-row").count() == len(kept)
    for i in range(len(kept)):
        page.locator(".tree-row").nth(i).click()
        page.locator(".viewer .line, .viewer [role=grid]").first.wait_for()
    assert page.evaluate("window.__pwned") is None
    assert "\u202e" not in page.locator(".tree").inner_text()
    harmless(page)


# ---- what can be done


@pytest.fixture
def mine(world):
    return world.client.create_run(world.experiment, run_name="mine").info.run_id


def test_rename_and_undo(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("better")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    page.get_by_role("heading", name="better").wait_for()
    assert world.client.get_run(mine).info.run_name == "better"
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="mine").wait_for()


def test_tags(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_role("button", name="Add tag").click()
    page.get_by_label("Key", exact=True).fill("stage")
    page.get_by_label("Value", exact=True).fill("javascript:window.__pwned=1")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".tags dt", has_text="stage").wait_for()
    assert world.client.get_run(mine).data.tags["stage"] == "javascript:window.__pwned=1"
    assert page.locator(".tags a").count() == 0
    page.get_by_label("Change tag stage").click()
    page.get_by_label("Value", exact=True).fill("done")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".tag-value", has_text="done").wait_for()
    page.get_by_label("Remove tag stage").click()
    page.wait_for_function("() => !document.querySelector('.tags')")
    assert "stage" not in world.client.get_run(mine).data.tags


def test_note(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_role("button", name="Write a note").click()
    page.get_by_label("Markdown").fill("It *works*.")
    page.get_by_role("button", name="Save").click()
    page.locator(".md em", has_text="works").wait_for()
    assert world.client.get_run(mine).data.tags["mlflow.note.content"] == "It *works*."


def test_delete_and_restore(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("goes out of all lists").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Restore").wait_for()
    assert world.client.get_run(mine).info.lifecycle_stage == "deleted"
    page.get_by_role("button", name="Restore").click()
    page.wait_for_function("() => !document.querySelector('.page-head .button.primary')")
    assert world.client.get_run(mine).info.lifecycle_stage == "active"


def test_register_does_what_it_said(page, world, mine):
    upload(world, mine, "model/MLmodel", b"flavors: {}\n")
    page.goto(at(world, mine))
    page.get_by_role("button", name="Register model").click()
    page.get_by_label("Model", exact=True).fill("shape-net")
    page.get_by_text("A new model shape-net is made").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Register").click()
    page.wait_for_url("**/models/shape-net/1")
    version = world.client.get_model_version("shape-net", "1")
    assert version.run_id == mine and version.source.endswith(f"{mine}/artifacts/model")
    page.goto(at(world, mine))
    page.get_by_role("link", name="shape-net version 1").wait_for()


def test_compare_with_others(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_role("button", name="Compare with").click()
    page.get_by_label("Name contains").fill("resnet")
    page.get_by_role("checkbox").check()
    page.get_by_role("dialog").get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/compare?runs=*")
    assert re.search(rf"runs={mine}(,|%2C){world.run}", page.url)


def test_compare_with_one_that_is_older_than_the_list(page, world):
    """The list begins with the newest 200; what is typed is looked for among all."""
    c = world.client
    experiment = c.create_experiment("long list")
    old = c.create_run(experiment, run_name="the old one", start_time=1).info.run_id
    runs = [c.create_run(experiment, run_name=f"new-{i}", start_time=1000 + i).info.run_id for i in range(205)]
    page.goto(at(world, runs[0]))
    page.get_by_role("button", name="Compare with").click()
    page.get_by_role("dialog").get_by_text("new-204").wait_for()
    page.get_by_label("Name contains").fill("Old")
    page.get_by_role("checkbox", name="the old one").check()
    page.get_by_role("dialog").get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url(f"**/compare?runs={runs[0]}*")
    assert old in page.url


# ---- empty, wrong, hostile, small


def test_empty_run_says_what_fills_it(page, world, mine):
    page.goto(at(world, mine))
    page.get_by_text("mlflow.log_metric").wait_for()
    for tab, words in (("charts", "mlflow.log_metric"), ("console", "Nothing was printed"), ("system", "ingot run exec"), ("artifacts", "mlflow.log_artifact")):
        page.goto(at(world, mine, tab=tab))
        page.get_by_text(words).first.wait_for()


def test_no_such_run(page, world):
    page.watch.allow("runs/get")
    page.goto(at(world, "0" * 32))
    page.get_by_role("alert").wait_for()
    assert "Not found" in page.get_by_role("alert").inner_text()


def test_hostile_names_are_text(page, world):
    client = world.client
    run = client.create_run(world.experiment, run_name=HOSTILE[0]).info.run_id
    for i, text in enumerate(HOSTILE):
        client.log_param(run, f"p{i}", text[:500])
        client.set_tag(run, f"t{i}", text)
    client.log_metric(run, "javascript:alert", 1)
    client.set_tag(run, "mlflow.source.name", "javascript:alert(1)")
    client.set_tag(run, "mlflow.source.git.commit", "<b>x</b>")
    client.set_tag(run, "mlflow.source.git.repoURL", "javascript://x/")
    client.set_tag(run, "mlflow.note.content", "<img src=x onerror=window.__pwned=1> [a](javascript:window.__pwned=1) ![b](http://evil.example/x.png)")
    client.log_metric(run, "not a number", float("nan"))
    for tab in ("overview", "charts"):
        page.goto(at(world, run, tab=tab))
        page.get_by_role("heading", name="<img src=x").first.wait_for()
        settled(page)
        harmless(page)
        assert page.evaluate("window.__pwned") is None
    page.goto(at(world, run))
    page.locator(".run-metrics").wait_for()
    assert "NaN" in page.locator(".run-metrics").inner_text()
    shot(page, "run-hostile")


@pytest.mark.parametrize("look", ["phone", "dark", "zh"])
def test_looks(browser, world, files, look):
    with opened(browser, "run-" + look, **({"viewport": PHONE} if look == "phone" else {})) as page:
        prefer(page, theme="dark" if look == "dark" else "light", language="zh" if look == "zh" else "en")
        for tab in ("overview", "charts", "console", "system", "artifacts"):
            page.goto(at(world, tab=tab) if tab != "artifacts" else at(world, files, tab=tab, file="out/rows.csv"))
            page.locator(".run-tab > *").first.wait_for()
            settled(page)
            fits_width(page)
            shot(page, f"run-{tab}-{look}")
            if look == "zh":
                assert "总览" in page.get_by_role("tablist").inner_text()


def test_what_a_program_prints_through_ingot_run(page, world):
    out = subprocess.run([world.program, "run", "exec", "--server", world.url, "--experiment", "shapes", "--interval", "1", "--", "sh", "-c", "echo from the program; sleep 1.5"],
                         capture_output=True, text=True, env={**os.environ, "MLFLOW_TRACKING_URI": ""}, cwd=world.folder)
    assert out.returncode == 0, out.stderr
    run = re.search(r"[0-9a-f]{32}", out.stderr).group()
    page.goto(at(world, run, tab="console"))
    page.get_by_text("from the program").wait_for()
    page.get_by_role("tab", name="System").click()
    page.locator(".panel[data-metric='system/cpu_utilization_percentage'] canvas").first.wait_for()


def test_server_goes_away(browser, tmp_path):
    from mlflow import MlflowClient

    with server(tmp_path / "data") as s, opened(browser, "run-lost") as page:
        run = MlflowClient(s.url).create_run("0", run_name="left alone").info.run_id
        page.watch.allow(s.url)
        page.goto(f"{s.url}/runs/{run}")
        page.get_by_role("heading", name="left alone").wait_for()
        s.stop()
        page.get_by_text("The connection to the server is lost").wait_for()
        assert page.get_by_role("heading", name="left alone").is_visible()
