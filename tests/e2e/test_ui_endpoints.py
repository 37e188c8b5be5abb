"""The rooms /endpoints in a browser: what stands there against what the API, /metrics and the requests made say; rollouts as pictures and their acts; a request by
hand; hostile names, phones, Chinese, the dark theme."""
import json
import re
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

import tiny
from tiny import DAY_US, START_US, ingot
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

API = "/api/ingot/v1"


@pytest.fixture(scope="module")
def world():
    return tiny.world()


@pytest.fixture(scope="module")
def busy(world, tmp_path_factory):
    """An endpoint with traffic of 60 good requests and 4 wrong ones, nothing else running."""
    with server(tmp_path_factory.mktemp("busy") / "d") as s:
        world.deploy(s.url, warm=False)
        for i in range(60):
            ask(s, world, i)
        for _ in range(4):
            bad = world.infer_body([world.rows[0]])
            bad["inputs"] = bad["inputs"][:2]
            assert requests.post(f"{s.url}/v2/models/tiny/infer", json=bad, timeout=30).status_code == 400
        wait_for(lambda: sum(n or 0 for n in live(s, "tiny")["past"].get("total", {}).get("requests", [])) == 64)
        yield s


@pytest.fixture
def site(world, tmp_path):
    with server(tmp_path / "d") as s:
        world.deploy(s.url, warm=False)
        yield s


def ask(s, world, i, unit=None):
    body = world.infer_body([world.rows[i % len(world.rows)]], first=i)
    answer = requests.post(f"{s.url}/v2/models/tiny/infer", json={**body, "parameters": {"id": unit}} if unit else body, timeout=30)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["model_version"])


def live(s, name, span_s=900, step_s=5):
    answer = requests.get(f"{s.url}{API}/endpoints/{quote(name, safe='')}/live?span_us={span_s * 1000000}&step_us={step_s * 1000000}", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def api(s, path):
    answer = requests.get(f"{s.url}{API}{path}", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


def metric(s, name, **labels):
    """The sum of a metric's samples with these labels."""
    total = 0.0
    for line in requests.get(s.url + "/metrics", timeout=30).text.splitlines():
        m = re.match(rf"{name}\{{(.*)\}} (\S+)$", line)
        if m and all(f'{k}="{v}"' in m.group(1) for k, v in labels.items()):
            total += float(m.group(2))
    return total


# ---- live figures ----

def test_figures_are_those_of_the_api_and_the_metrics(page, busy):
    page.goto(busy.url + "/endpoints")
    page.get_by_role("link", name="tiny").click()
    page.wait_for_url("**/endpoints/tiny")
    page.locator("[data-requests]").first.wait_for()
    settled(page)
    row = page.locator("tr[data-version='1']")
    now = {v["version"]: v for v in live(busy, "tiny")["now"]}
    assert int(row.locator("[data-requests]").get_attribute("data-requests")) == now[1]["requests"] == 64
    assert int(row.locator("[data-errors]").get_attribute("data-errors")) == now[1]["errors"] == 4
    assert now[1]["errors_by_code"] == {"INVALID": 4} and texts(page, "[data-code='INVALID']") == ["4"]
    assert metric(busy, "ingot_serve_requests_total", endpoint="tiny") == 64 and metric(busy, "ingot_serve_requests_total", endpoint="tiny", outcome="ok") == 60
    assert metric(busy, "ingot_serve_memory_bytes", endpoint="tiny") == now[1]["memory_bytes"]
    past = live(busy, "tiny")["past"]
    assert sum(n or 0 for n in past["total"]["requests"]) == 64 and sum(n or 0 for n in past["versions"][0]["errors"]) == 4
    assert all(n is None for n, t in zip(past["total"]["requests"], past["t_us"]) if t + past["step_us"] <= past["since_us"])
    # What the chart drew: its highest step is the API's highest, as requests per second.
    drawn = page.locator("figure[aria-label='Requests per second'] tr[data-id='all'], figure[aria-label='Requests per second'] tr[data-id='v1']").first
    best = max(n for n in past["total"]["requests"] if n is not None) / (past["step_us"] / 1e6)
    assert float(drawn.get_attribute("data-max")) == pytest.approx(best)
    slowest = max(n for n in past["total"]["p99_us"] if n is not None) / 1000
    line = page.locator("figure[aria-label='Latency of answered requests'] tr[data-id$='p99_us']")
    assert float(line.get_attribute("data-max")) == pytest.approx(slowest)
    shot(page, "endpoint-live")


def test_range_and_lines_live_in_the_address_and_pause_stops(page, busy):
    page.goto(busy.url + "/endpoints/tiny?range=1h")
    page.get_by_role("button", name="1 h", exact=True).wait_for()
    assert page.get_by_role("button", name="1 h", exact=True).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="All together").click()
    assert "by=all" in page.url
    page.go_back()
    assert "by=all" not in page.url
    page.get_by_role("button", name="5 min", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("stopped", exact=True).wait_for()
    page.wait_for_timeout(2000)  # what was asked before is answered
    asked = []
    page.on("request", lambda r: asked.append(r.url) if "/live?" in r.url else None)
    page.wait_for_timeout(5000)  # two refreshes would have come
    assert not asked
    page.get_by_role("button", name="Go on").click()
    wait_for(lambda: page.wait_for_timeout(100) or asked)


def test_nobody_asked_yet_is_not_zero_percent(site, page):
    page.goto(site.url + "/endpoints/tiny")
    page.get_by_text("Nobody has asked yet").wait_for()
    assert page.locator("[data-figure='errors'] .figure").inner_text() == "–" and page.locator("[data-figure='p99'] .figure").inner_text() == "–"
    assert page.locator(".empty").get_by_role("link", name="Try it").get_attribute("href") == "/endpoints/tiny?tab=try"


def test_no_endpoint_unknown_endpoint_lost_server(page, tmp_path):
    with server(tmp_path / "d") as s:
        page.goto(s.url + "/endpoints")
        page.get_by_text("No endpoints yet").wait_for()
        assert "ingot deploy create" in page.locator(".command code").inner_text()
        page.watch.allow("/endpoints/nobody")
        page.goto(s.url + "/endpoints/nobody")
        page.get_by_text("Not found").first.wait_for()
        page.watch.allow(s.url)
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("The server does not answer.").first.wait_for()


# ---- rollouts ----

def begin_canary(s, **plan):
    body = {"version": 2, "start_us": START_US, "plan": {"kind": "canary", "min_samples": 30, "min_step_us": 0, "steps_permille": [250, 500, 1000], **plan}}
    answer = requests.post(f"{s.url}{API}/endpoints/tiny/rollouts", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["rollout_id"]


def label(s, world, first, n, watermark):
    rows = [world.rows[i % len(world.rows)] for i in range(first, first + n)]
    body = {"ids": list(range(first, first + n)), "labels": [int(r["delay"] >= 15) for r in rows], "times_us": [r["date_us"] + DAY_US for r in rows], "watermark_us": watermark}
    answer = requests.post(f"{s.url}{API}/endpoints/tiny/labels", json=body, timeout=60)
    assert answer.status_code == 200, answer.text


def test_the_picture_is_the_evidence(site, page, world):
    number = begin_canary(site, margin=5)
    for i in range(0, 900):
        ask(site, world, i, f"unit {i}")
    for first in range(0, 900, 300):
        label(site, world, first, 300, world.rows[first + 299]["date_us"] + 2 * DAY_US)
    course = api(site, f"/endpoints/tiny/rollouts/{number}/course")
    page.goto(f"{site.url}/endpoints/tiny?tab=rollouts")
    page.locator("[data-headline]").wait_for()
    settled(page)
    states = page.locator(".track-step").evaluate_all("all => all.map(e => [Number(e.dataset.permille), e.dataset.state])")
    over = course["state"] != "running"
    assert [p for p, _ in states] == [250, 500, 1000]
    assert [st for _, st in states] == ["done" if over or i < course["step"] else "here" if i == course["step"] else "ahead" for i in range(3)]
    for arm in course["now"]["report"]["arms"]:
        shown = page.locator(f"table.arms tr[data-version='{arm['version']}'] [data-requests]").get_attribute("data-requests")
        assert int(shown) == arm["requests"] > 0
    assert len(course["course"]) == course["decisions"] == page.locator(".decisions > li").count() > 0
    assert page.locator(".decisions > li").evaluate_all("all => all.map(e => e.dataset.verdict)") == [d["verdict"] for d in reversed(course["course"])]
    # The line of the evidence, and its last value, are the decisions'.
    drawn = page.locator("figure[aria-label='Log-loss: candidate − control'] tr[data-id='loss']")
    known = [d["diff"] for d in course["course"] if d["diff"] is not None]
    assert int(drawn.get_attribute("data-points")) == len(known) and float(drawn.get_attribute("data-last")) == pytest.approx(known[-1])
    last = course["course"][-1]
    words = page.locator(f".decisions > li[data-seq='{last['seq']}']").inner_text()
    assert f"{abs(last['diff']):.4g}" in words.replace("−", "-") and ("better" if last["diff"] < 0 else "worse") in words
    # Every decision that is shown can be taken again from its evidence.
    assert api(site, f"/endpoints/tiny/rollouts/{number}/replay")["same"]
    shot(page, "rollout-canary", full=True)


def test_acts_by_click_move_the_server(site, page):
    page.goto(site.url + "/endpoints/tiny?tab=rollouts")
    page.get_by_text("No rollout yet").wait_for()
    page.get_by_role("button", name="Start a rollout").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Candidate").select_option("2")
    dialog.get_by_label("Steps, per cent of the requests").fill("20, 100")
    assert "v2 answers 20 % of the requests" in dialog.locator(".says").inner_text()
    shot(page, "rollout-start")
    dialog.get_by_role("button", name="Start", exact=True).click()
    page.locator("[data-headline]").wait_for()
    state = api(site, "/endpoints/tiny")["rollout"]
    assert state["active"] and state["candidate"] == 2 and state["permille"] == 200 and state["kind"] == "canary"
    assert [s["permille"] for s in state["shares"]] == [800, 200]
    act(page, "pause", "The shares stay as they are", why="holidays <b>")
    page.get_by_text("It waits for a person").wait_for()
    assert api(site, f"/endpoints/tiny/rollouts/{state['id']}")["paused"] == "by_hand"
    act(page, "resume", "The evidence decides again.")
    page.locator("[data-act='pause']").wait_for()
    assert api(site, f"/endpoints/tiny/rollouts/{state['id']}")["paused"] is None
    act(page, "promote", "v2 becomes the version that answers everybody")
    page.get_by_text("Promoted: by hand").first.wait_for()
    e = api(site, "/endpoints/tiny")
    assert e["version"] == 2 and not e["rollout"]["active"]
    assert page.get_by_text("by hand: holidays <b>").first.is_visible()  # as text
    harmless(page)
    track(page, ["done", "done"])


def track(page, states):
    """The steps come to stand so."""
    page.wait_for_function("want => JSON.stringify([...document.querySelectorAll('.track-step')].map(e => e.dataset.state)) === want", arg=json.dumps(states, separators=(",", ":")))


def act(page, name, says, why=None):
    page.locator(f"[data-act='{name}']").click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator(".says").inner_text().startswith(says) and "v1 answers 80 %, v2 answers 20 %" in dialog.locator(".says").inner_text()
    if why:
        dialog.get_by_label("Why").fill(why)
    dialog.locator("button[type=submit]").click()
    dialog.wait_for(state="detached")


def test_a_rollback_by_click(site, page):
    begin_canary(site)
    page.goto(site.url + "/endpoints/tiny?tab=rollouts")
    page.locator("[data-act='rollback']").click()
    page.get_by_role("button", name="Roll back to v1").click()
    page.get_by_text("Rolled back at 25 %: by hand").first.wait_for()
    e = api(site, "/endpoints/tiny")
    assert e["version"] == 1 and not e["rollout"]["active"]
    page.locator(".track-step[data-state='failed']").wait_for()


@pytest.mark.parametrize("kind, seen", [("blue_green", "Evidence against the guardrails"), ("shadow", "Agreement of the answers"), ("ab", "Comparisons with the control"), ("bandit", "Chance to be the best")])
def test_every_kind_has_its_picture(site, page, world, kind, seen):
    ask(site, world, 0)  # event time begins in 2001: a rollout starts at the newest event
    page.goto(site.url + "/endpoints/tiny?tab=rollouts")
    page.get_by_role("button", name="Start a rollout").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Kind").select_option(kind)
    dialog.get_by_label("Candidate").select_option("2")
    if kind == "ab":
        dialog.get_by_role("button", name="Work it out").click()
        text = dialog.locator("[data-planner]").inner_text()
        want = requests.post(f"{site.url}{API}/rollout-planner", json={"baseline_rate": 0.2, "delta": 0.02, "units_per_day": 1000}, timeout=30).json()
        assert f"{-(-want['samples_per_arm'] // 1):,.0f}" in text
    dialog.get_by_role("button", name="Start", exact=True).click()
    page.locator("[data-headline]").wait_for()
    for i in range(1, 40):
        ask(site, world, i, f"u{i}")
    label(site, world, 0, 40, world.rows[39]["date_us"] + 2 * DAY_US)
    wait_for(lambda: api(site, f"/endpoints/tiny/rollouts/{api(site, '/endpoints/tiny')['rollout']['id']}/course")["decisions"] > 0)
    page.reload()
    page.get_by_text(seen).first.wait_for()
    number = api(site, "/endpoints/tiny")["rollout"]["id"]
    course = api(site, f"/endpoints/tiny/rollouts/{number}/course")
    report = course["now"]["report"]
    assert course["kind"] == kind
    if kind == "shadow":
        wait_for(lambda: api(site, f"/endpoints/tiny/rollouts/{number}/course")["now"]["report"]["pairs"] == 39)
        page.reload()
        page.get_by_text("Pairs compared").wait_for()
        assert page.locator(".kv div", has_text="Pairs compared").locator("dd").inner_text() == "39"
    else:
        for arm in report["arms"]:
            assert int(page.locator(f"table.arms tr[data-version='{arm['version']}'] [data-requests]").get_attribute("data-requests")) == arm["requests"]
        assert sum(a["requests"] for a in report["arms"]) > 0
    shot(page, f"rollout-{kind}", full=True)


# ---- a request by hand ----

def test_a_request_by_hand_is_answered_as_by_a_client(page, busy, world):
    page.goto(busy.url + "/endpoints/tiny?tab=try")
    row = world.rows[700]
    page.get_by_role("button", name="Send").wait_for()
    for name, value in (("date", row["date_us"]), ("origin", row["origin"]), ("destination", row["destination"]), ("distance", row["distance"])):
        page.locator(f"#try-{name}").fill(str(value))
    page.get_by_role("button", name="Send").click()
    page.locator("[data-answer]").wait_for()
    want = requests.post(f"{busy.url}/v2/models/tiny/infer", json=world.infer_body([row], first=5000), timeout=30).json()
    assert page.locator("[data-answer]").get_attribute("data-version") == want["model_version"]
    assert float(page.locator("[data-value]").first.get_attribute("data-value")) == pytest.approx(want["outputs"][0]["data"][0], abs=1e-7)
    for line in texts(page, ".try-line code"):  # the lines to copy give the same answer from a shell
        answer = json.loads(subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=60).stdout)
        value = answer["outputs"][0]["data"][0] if "outputs" in answer else answer["predictions"][0]
        value = next(iter(value.values())) if isinstance(value, dict) else value
        assert value == pytest.approx(want["outputs"][0]["data"][0], abs=1e-6), line
    shot(page, "try")


def test_what_is_wrong_stands_at_its_field(page, busy):
    page.goto(busy.url + "/endpoints/tiny?tab=try")
    page.locator("#try-distance").fill("far")
    page.locator("#try-date").fill("soon")
    page.get_by_role("button", name="Send").click()
    assert page.locator("#try-distance-problem").inner_text() == "not a number" and page.locator("#try-date-problem").inner_text().startswith("not a time")
    page.get_by_role("button", name="JSON", exact=True).click()
    assert "way=json" in page.url
    page.locator("textarea").fill('{"inputs": [')
    assert page.locator(".problem").first.is_visible()
    page.watch.allow("/v2/models/tiny/infer")
    page.locator("textarea").fill('{"inputs": [{"name": "nothing", "datatype": "FP32", "shape": [1], "data": [1]}]}')
    page.get_by_role("button", name="Send").click()
    page.get_by_text("This did not work").wait_for()
    said = requests.post(f"{busy.url}/v2/models/tiny/infer", data='{"inputs": [{"name": "nothing", "datatype": "FP32", "shape": [1], "data": [1]}]}', headers={"Content-Type": "application/json"}, timeout=30).json()["error"]
    assert said in page.locator(".failed").inner_text()


# ---- deploying and removing ----

def test_deploy_and_remove_by_click(site, page):
    page.goto(site.url + "/endpoints")
    page.get_by_role("button", name="Deploy a model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Registered model").select_option("tiny")
    dialog.get_by_label("Name of the endpoint").fill("second")
    dialog.get_by_label("Version").select_option("2")
    dialog.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url("**/endpoints/second")
    assert api(site, "/endpoints/second")["version"] == 2
    page.get_by_role("button", name="More").first.click()
    page.get_by_text("Remove the endpoint").click()
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Remove", exact=True)
    assert button.is_disabled()
    dialog.get_by_label("Type second to confirm").fill("second")
    page.watch.allow("/endpoints/second")  # what the page asked for while it went
    button.click()
    page.wait_for_url("**/endpoints")
    assert requests.get(f"{site.url}{API}/endpoints/second", timeout=30).status_code == 404
    assert [e["name"] for e in api(site, "/endpoints")["endpoints"]] == ["tiny"]


def test_hostile_names_are_text(site, page):
    made = []
    for name in HOSTILE:
        answer = requests.put(f"{site.url}{API}/endpoints/{quote(name, safe='')}", json={"version": 1, "config": {"model": "tiny"}}, timeout=30)
        if answer.status_code == 200:
            made.append(name)
    page.goto(site.url + "/endpoints")
    page.get_by_role("link", name="tiny").first.wait_for()
    harmless(page)
    for name in made:
        page.goto(f"{site.url}/endpoints/{quote(name, safe='')}")
        seen = name.replace("\u202e", "\u27e8U+202E\u27e9")  # what turns the direction is named
        page.locator("h1", has_text=seen[:20]).wait_for()
        assert seen in page.locator("h1").inner_text()
        harmless(page)
        fits_width(page)


# ---- everywhere ----

@pytest.mark.parametrize("tab", ["live", "rollouts", "try", "settings"])
def test_on_a_phone(browser, busy, tab):  # noqa: F811
    with opened(browser, f"endpoint-phone-{tab}", viewport=PHONE) as p:
        p.goto(f"{busy.url}/endpoints/tiny?tab={tab}")
        p.locator("h1", has_text="tiny").wait_for()
        settled(p)
        fits_width(p)
        shot(p, f"endpoint-phone-{tab}")
        p.goto(f"{busy.url}/endpoints")
        p.get_by_role("link", name="tiny").wait_for()
        fits_width(p)


def test_dark_and_chinese(browser, busy):  # noqa: F811
    with opened(browser, "endpoint-dark-zh", color_scheme="dark") as p:
        prefer(p, theme="dark", language="zh")
        p.goto(f"{busy.url}/endpoints/tiny")
        p.get_by_role("tab", name="实时").wait_for()
        settled(p)
        assert p.evaluate("document.documentElement.dataset.theme") == "dark"
        shot(p, "endpoint-dark-zh")
        p.get_by_role("tab", name="试用").click()
        p.get_by_role("button", name="发送").wait_for()
        p.get_by_role("tab", name="发布").click()
        p.get_by_text("还没有发布").wait_for()
