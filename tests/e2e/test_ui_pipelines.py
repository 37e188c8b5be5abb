"""Pipelines in a real browser: what `ingot run` does is what the page shows, while it does it; a run is ended, and run again from a stage."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

STAGES = """stages:
  prepare:
    desc: Cleans the raw rows
    cmd: cat raw.txt > clean.txt; echo prepared
    deps: [raw.txt]
    outs: [clean.txt]
  features:
    cmd: wc clean.txt > features.txt; printf '\\033[32mfeatures made\\033[0m\\n'
    deps: [clean.txt]
    outs: [features.txt]
  split:
    cmd: cp clean.txt split.txt
    deps: [clean.txt]
    outs: [split.txt]
  train:
    cmd: while test -f wait; do sleep 0.1; done; cat features.txt split.txt > model.txt; echo trained
    deps: [features.txt, split.txt]
    outs: [model.txt]
  evaluate:
    cmd: test ! -f fail || { echo "evaluation went wrong" >&2; exit 3; }; wc model.txt > report.txt
    deps: [model.txt]
    outs: [report.txt]
"""
ORDER = ["prepare", "features", "split", "train", "evaluate"]


def call(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as r:
        return json.loads(r.read())


def workspace(folder, name):
    at = folder / name
    at.mkdir()
    (at / "dvc.yaml").write_text(STAGES)
    (at / "raw.txt").write_text("1\n")
    return at


def environment():
    clean = {k: v for k, v in os.environ.items() if k not in ("INGOT_SERVER", "MLFLOW_TRACKING_URI", "INGOT_PIPELINE_RUN")}
    return {**clean, "SHELL": "/bin/sh"}


def ingot_run(world, at, *args):
    return subprocess.run([world.program, "run", "--server", world.url, *args], cwd=at, capture_output=True, text=True, env=environment(), timeout=120)


def runs(world, name):
    return call(f"{world.url}/api/ingot/v1/pipelines/{name}/runs")["runs"]


def detail(world, run):
    return call(f"{world.url}/api/ingot/v1/pipeline-runs/{run}")


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if got := what():
            return got
        time.sleep(0.1)
    raise AssertionError("it did not come")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui-pipelines")
    with server(folder / "data") as s:
        w = SimpleNamespace(url=s.url, program=s.program, folder=folder)
        at = w.shop = workspace(folder, "shop")
        for i in range(3):
            (at / "raw.txt").write_text("row\n" * (i + 2))
            out = ingot_run(w, at)
            assert out.returncode == 0, out.stderr
        (at / "fail").touch()
        (at / "raw.txt").write_text("bad\n")
        assert ingot_run(w, at).returncode != 0
        (at / "fail").unlink()
        yield w


def test_empty_says_what_fills_it(browser, tmp_path):
    with server(tmp_path / "data") as s, opened(browser, "pipelines-empty") as page:
        page.goto(s.url + "/pipelines")
        page.get_by_text(f"ingot run --server {s.url}").wait_for()
        page.watch.allow("pipelines/nobody/runs")
        page.goto(s.url + "/pipelines/nobody")
        page.get_by_role("alert").wait_for()


def test_reports_are_what_happened(world):
    newest, *before = runs(world, "shop")
    assert newest["state"] == "failed" and [r["state"] for r in before] == ["succeeded"] * 3
    run = detail(world, newest["id"])
    assert [s["name"] for s in run["stages"]] == ORDER
    assert [s["state"] for s in run["stages"]] == ["ran", "ran", "ran", "ran", "failed"]
    assert [s["needs"] for s in run["stages"]] == [[], ["prepare"], ["prepare"], ["features", "split"], ["train"]]
    assert run["stages"][4]["exit_code"] == 3 and "evaluation went wrong" in call(f"{world.url}/api/ingot/v1/pipeline-runs/{run['id']}/log?stage=evaluate")["text"]
    for i, stage in enumerate(run["stages"][:4]):
        took = sorted(d["ended_us"] - d["started_us"] for d in (detail(world, r["id"])["stages"][i] for r in before))
        assert stage["usual_us"] == took[1]
        assert newest["started_us"] <= stage["ended_us"] <= newest["ended_us"] + 1000000
    assert run["workspace"] == str(world.shop.resolve())


def test_list_and_graph(page, world):
    page.goto(world.url + "/pipelines")
    page.get_by_role("link", name="shop").click()
    page.wait_for_url("**/pipelines/shop")
    newest = runs(world, "shop")[0]
    page.get_by_role("heading", name=f"Run {newest['id']}").wait_for()
    nodes = {n.get_attribute("data-node"): n.inner_text() for n in page.locator(".graph-node").all()}
    assert set(nodes) == set(ORDER)
    assert "Failed" in nodes["evaluate"] and all("Ran" in nodes[n] and "usually" in nodes[n] for n in ORDER[:4])
    assert texts(page, ".graph ul[aria-label='Connections'] li") == [f"{a} → {b}" for a, b in (("prepare", "features"), ("prepare", "split"), ("features", "train"), ("split", "train"), ("train", "evaluate"))]
    page.get_by_text("evaluation went wrong", exact=True).wait_for()  # what failed is chosen
    assert page.locator(".pipeline-run").count() == len(runs(world, "shop"))
    page.locator(".graph-node[data-node='features']").click()
    page.locator(".a2", has_text="features made").wait_for()
    assert "stage=features" in page.url
    page.locator(".pipeline-run").nth(1).click()
    page.wait_for_url(f"**/pipelines/shop/{runs(world, 'shop')[1]['id']}")
    shot(page, "pipeline")


def test_a_run_is_seen_while_it_runs_and_ended(page, world):
    at = workspace(world.folder, "long")
    (at / "wait").touch()
    p = subprocess.Popen([world.program, "run", "--server", world.url], cwd=at, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        run = until(lambda: next((r for r in call(f"{world.url}/api/ingot/v1/pipelines")["pipelines"] if r["name"] == "long"), None))["newest"][0]
        page.goto(f"{world.url}/pipelines/long")
        page.locator(".graph-node[data-node='train']", has_text="Running").wait_for()
        assert "Ran" in page.locator(".graph-node[data-node='split']").inner_text()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Stages that run are stopped").wait_for()
        page.get_by_role("button", name="Cancel the run").click()
        page.locator(".pipeline-head", has_text="Cancelled").wait_for()
        assert p.wait(60) != 0
        assert detail(world, run["id"])["state"] == "cancelled"
    finally:
        p.kill()
        p.communicate()


def test_run_again_from_a_stage_does_what_it_said(page, world):
    before = runs(world, "shop")[0]["id"]
    page.goto(f"{world.url}/pipelines/shop?stage=split")
    page.get_by_role("button", name="Run again from here").click()
    says = page.locator(".says").inner_text()
    assert "split, train, evaluate" in says and str(world.shop.resolve()) in says and "features" not in says
    page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function("before => Number(location.pathname.split('/').pop()) > before", arg=before)
    new = int(page.url.rsplit("/", 1)[1].split("?")[0])
    page.locator(".pipeline-head", has_text="Succeeded").wait_for()
    run = detail(world, new)
    assert run["origin"] == "server" and run["reason"] == {"again": before, "from": "split"}
    assert {s["name"]: s["state"] for s in run["stages"]} == {"prepare": "skipped", "features": "skipped", "split": "ran", "train": "ran", "evaluate": "ran"}
    assert "--from" in run["argv"]
    page.get_by_text(f"run {before} again, from split on").wait_for()
    audit = call(f"{world.url}/api/ingot/v1/audit?limit=20")
    assert any(str(new) in json.dumps(row) and "pipeline_run" in json.dumps(row) for row in next(v for v in audit.values() if isinstance(v, list)))


def test_server_ends_its_own(page, world):
    (world.shop / "wait").touch()
    last = runs(world, "shop")[0]["id"]
    new = call(f"{world.url}/api/ingot/v1/pipeline-runs/{last}/again", "POST", {"stage": "train"})["id"]
    page.goto(f"{world.url}/pipelines/shop/{new}")
    page.locator(".graph-node[data-node='train']", has_text="Running").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    page.locator(".pipeline-head", has_text="Cancelled").wait_for()
    (world.shop / "wait").unlink()
    states = {s["name"]: s["state"] for s in detail(world, new)["stages"]}
    assert states["train"] == "cancelled" and states["prepare"] == "skipped"
    with pytest.raises(urllib.error.HTTPError) as e:
        call(f"{world.url}/api/ingot/v1/pipeline-runs/{new}/cancel", "POST", {})
    assert e.value.code == 409
    e.value.close()


def test_on_both_databases(either, tmp_path):
    """The same reports, the same answers."""
    w = SimpleNamespace(url=either.url, program=either.program)
    at = workspace(tmp_path, "twice")
    for i in range(2):
        (at / "raw.txt").write_text("row\n" * (i + 1))
        out = ingot_run(w, at, "--pipeline", "twice-named")
        assert out.returncode == 0, out.stderr
    first, second = (detail(w, r["id"]) for r in reversed(runs(w, "twice-named")))
    assert [s["state"] for s in second["stages"]] == ["ran"] * 5 and second["state"] == "succeeded"
    assert [s.get("usual_us") for s in second["stages"]] == [s["ended_us"] - s["started_us"] for s in first["stages"]]
    assert call(f"{w.url}/api/ingot/v1/pipeline-runs/{second['id']}/log?stage=prepare")["text"] == "prepared\n"
    listed = next(p for p in call(f"{w.url}/api/ingot/v1/pipelines?limit=1000")["pipelines"] if p["name"] == "twice-named")
    assert listed["runs"] == 2 and [r["id"] for r in listed["newest"]] == [second["id"], first["id"]]
    again = call(f"{w.url}/api/ingot/v1/pipeline-runs/{second['id']}/again", "POST", {"stage": "evaluate"})["id"]
    until(lambda: detail(w, again)["state"] == "succeeded")
    assert [s["state"] for s in detail(w, again)["stages"]] == ["skipped"] * 4 + ["ran"]


def test_refusals(world):
    last = runs(world, "shop")[0]["id"]
    for path, body, status in ((f"{last}/again", {"stage": "nobody"}, 400), (f"{last}/again", {"stage": "--force"}, 400), ("999999/again", {}, 404), ("x/cancel", {}, 404),
                               (f"{last}/stages", {"stages": []}, 409)):
        with pytest.raises(urllib.error.HTTPError) as e:
            call(f"{world.url}/api/ingot/v1/pipeline-runs/{path}", "PUT" if path.endswith("stages") else "POST", body)
        assert e.value.code == status, path
        e.value.close()
    open_world = world.folder / "open"
    open_world.mkdir()
    open_world.chmod(0o777)
    here = socket.gethostname()
    for workspace_, host in ((str(open_world), here), ("/nowhere", here), (str(world.shop), "elsewhere"), (str(world.shop), "")):  # the last: from nobody knows where
        run = call(f"{world.url}/api/ingot/v1/pipeline-runs", "POST", {"pipeline": "refused", "workspace": workspace_, "host": host, "stages": []})["id"]
        call(f"{world.url}/api/ingot/v1/pipeline-runs/{run}/end", "POST", {"state": "failed"})
        assert detail(world, run)["again"]["possible"] is False
        with pytest.raises(urllib.error.HTTPError) as e:
            call(f"{world.url}/api/ingot/v1/pipeline-runs/{run}/again", "POST", {})
        assert e.value.code in (403, 404, 409)
        e.value.close()
    for body in ({}, {"pipeline": ""}, {"pipeline": "x" * 501, "stages": []}, {"pipeline": "x", "stages": [{"name": "a", "needs": {}}]}, {"pipeline": "x", "stages": "a"},
                 {"pipeline": "x", "stages": [{"name": "a"}] * 501}, {"run": last, "stages": []}):
        with pytest.raises(urllib.error.HTTPError) as e:
            call(f"{world.url}/api/ingot/v1/pipeline-runs", "POST", body)
        assert e.value.code in (400, 404, 413), body
        e.value.close()


def test_a_killed_run_is_lost_and_its_server_may_be_away(world):
    at = workspace(world.folder, "killed")
    (at / "wait").touch()
    p = subprocess.Popen([world.program, "run", "--server", world.url, "--pipeline", "named"], cwd=at, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True)
    run = until(lambda: next((r for r in call(f"{world.url}/api/ingot/v1/pipelines")["pipelines"] if r["name"] == "named"), None))["newest"][0]
    until(lambda: detail(world, run["id"])["stages"][3]["state"] == "running")
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    assert detail(world, run["id"])["state"] == "running"  # lost when a minute has passed: the unit test of the journal has the clock
    (at / "wait").unlink()
    out = subprocess.run([world.program, "run", "--server", "http://127.0.0.1:1"], cwd=at, capture_output=True, text=True, env=environment(), timeout=120)
    assert out.returncode == 0, out.stderr


def test_tracked_stages_lead_to_their_runs(page, world):
    at = workspace(world.folder, "tracked")
    out = ingot_run(world, at, "--experiment", "stages", "--interval", "0")
    assert out.returncode == 0, out.stderr
    run = detail(world, runs(world, "tracked")[0]["id"])
    assert all(len(s["run_id"]) == 32 for s in run["stages"])
    page.goto(f"{world.url}/pipelines/tracked?stage=train")
    page.get_by_role("link", name="Open its run").click()
    page.wait_for_url(f"**/runs/{run['stages'][3]['run_id']}")
    page.get_by_role("tab", name="Console").click()
    page.get_by_text("trained").first.wait_for()


def test_hostile_names_are_text(page, world):
    names = [h.replace("\x00", "") for h in HOSTILE]
    run = call(f"{world.url}/api/ingot/v1/pipeline-runs", "POST", {"pipeline": HOSTILE[0], "workspace": HOSTILE[3], "host": HOSTILE[1], "stages":
               [{"name": n, "needs": names[:1] if i else [], "facts": {"cmd": n, "deps": [n], "outs": [n], "params": [n], "desc": n}} for i, n in enumerate(names)]})["id"]
    call(f"{world.url}/api/ingot/v1/pipeline-runs/{run}/stages", "PUT", {"stages": [
        {"place": i, "state": "failed" if i else "made up", "reason": n, "log": f"\x1b[8m{n}\x1b]0;x\x07\n", "log_bytes": 5, "run_id": "javascript:alert(1)"} for i, n in enumerate(names)]})
    call(f"{world.url}/api/ingot/v1/pipeline-runs/{run}/end", "POST", {"state": "failed", "exit_code": 1})
    page.goto(world.url + "/pipelines")
    page.get_by_text("<img src=x onerror").first.wait_for()
    page.get_by_role("link", name="<img src=x").first.click()
    page.locator(".graph-node").first.wait_for()
    settled(page)
    assert page.locator(".graph-node").count() == len(names)
    harmless(page)
    fits_width(page)
    shot(page, "pipeline-hostile")


@pytest.mark.parametrize("look", ["phone", "dark", "zh"])
def test_looks(browser, world, look):
    with opened(browser, "pipelines-" + look, **({"viewport": PHONE} if look == "phone" else {})) as page:
        prefer(page, theme="dark" if look == "dark" else "light", language="zh" if look == "zh" else "en")
        for path in ("/pipelines", "/pipelines/shop"):
            page.goto(world.url + path)
            page.locator("[role=grid], .graph-node").first.wait_for()
            settled(page)
            fits_width(page)
            shot(page, f"pipelines{path.count('/')}-{look}")
