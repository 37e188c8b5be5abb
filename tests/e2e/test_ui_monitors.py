"""The monitors' rooms in a real browser: figures against the API's, distributions against a recount of the rows that were asked, alerts as they came."""
import json

import pytest
import requests
import tiny
from tiny import DAY_US
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

API = "/api/ingot/v1/"


class Shop:
    """An endpoint that answered ten days of rows, each day's labels delivered; from the sixth day on the distances are others."""

    DAYS, PER_DAY, MOVED_FROM, MOVED_BY = 10, 260, 5, 3000.0

    def __init__(self, s):
        self.server, self.url, self.world = s, s.url, tiny.world()
        self.call("POST", "features/tiny/push", self.world.deploy(s.url))
        self.first = self.world.rows[-1]["date_us"] // DAY_US * DAY_US + 3 * DAY_US
        self.asked = []
        for d in range(self.DAYS):
            rows = [dict(self.world.rows[(d * self.PER_DAY + i) % 2500]) for i in range(self.PER_DAY)]
            for i, r in enumerate(rows):
                r["date_us"] = self.first + d * DAY_US + i * 60_000_000
                r["distance"] += self.MOVED_BY if d >= self.MOVED_FROM else 0
            self.asked.append(rows)
            ids = d * self.PER_DAY + 10000
            answer = requests.post(f"{s.url}/v2/models/tiny/infer", json=self.world.infer_body(rows, ids), timeout=30)
            assert answer.status_code == 200, answer.text
            self.call("POST", "endpoints/tiny/labels", {"ids": list(range(ids, ids + len(rows))), "labels": [int(r["delay"] >= 15) for r in rows],
                                                        "times_us": [r["date_us"] + DAY_US // 2 for r in rows], "watermark_us": self.first + (d + 3) * DAY_US})
        self.windows = self.call("GET", "endpoints/tiny/windows")["windows"]
        assert len(self.windows) >= self.DAYS - 2, len(self.windows)

    def call(self, method, path, body=None):
        r = requests.request(method, self.url + API + path, json=body, timeout=60)
        assert r.status_code in (200, 201), r.text
        return r.json()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with server(tmp_path_factory.mktemp("monitors") / "data") as s:
        yield Shop(s)


@pytest.fixture
def empty(tmp_path):
    with server(tmp_path / "data") as s:
        yield s


def four(x):
    """As lib/format.js writes a number below 10,000."""
    return "–" if x is None else f"{float(f'{x:.4g}'):g}"


def test_an_empty_server_says_what_fills_it(page, empty):
    page.goto(empty.url + "/monitors")
    page.get_by_text("No window has closed yet").wait_for()
    page.get_by_text("/labels").wait_for()
    page.get_by_text("ingot alert add nan --kind nan").wait_for()
    shot(page, "monitors-empty")


def test_an_endpoint_that_is_not_there(page, empty):
    page.watch.allow("404")
    page.goto(empty.url + "/monitors/nobody")
    page.get_by_text("Not found").wait_for()


def test_the_list_shows_the_newest_window(page, shop):
    page.goto(shop.url + "/monitors")
    settled(page)
    last = shop.windows[-1]
    page.get_by_role("link", name="tiny").wait_for()
    row = texts(page, "[role=row]:has(a)")[0]
    assert f"{last['drifted']} / {len(last['features'])}" in row and four(last["auc"]) in row and four(last["logloss"]) in row
    firing = [a for a in shop.call("GET", "endpoints/tiny/alerts")["alerts"] if a["state"] == "firing"]
    assert f"{len(firing)} firing" in row and len(firing) > 0
    fits_width(page)
    shot(page, "monitors")


def test_the_drift_map_holds_the_windows_figures(page, shop):
    page.goto(shop.url + "/monitors/tiny")
    settled(page)
    page.locator("figure.heatmap").wait_for()

    def shown():
        rows = page.locator("table.heat-table tbody tr")
        return {rows.nth(i).locator("th").text_content(): rows.nth(i).locator("td").all_text_contents() for i in range(rows.count())}
    for measure, key in (("PSI", "psi"), ("KS D", "ks_d"), ("KS p", "ks_p")):
        page.get_by_role("group", name="Measure").get_by_role("button", name=measure, exact=True).click()
        page.locator(f"figure.heatmap[aria-label^='{measure}']").wait_for()
        table = shown()
        assert set(table) == {"score"} | {f["name"] for f in shop.windows[0]["features"]}
        for name, cells in table.items():
            want = [w["score"][key] if name == "score" else next(f for f in w["features"] if f["name"] == name)[key] for w in shop.windows]
            assert [None if c == "–" else float(c) for c in cells] == pytest.approx(want, rel=1e-12), (measure, name)
    page.get_by_role("button", name="PSI", exact=True).click()
    page.locator("figure.heatmap[aria-label^='PSI']").wait_for()
    peaks = {f["name"]: max((x["psi"] or 0) for w in shop.windows for x in w["features"] if x["name"] == f["name"]) for f in shop.windows[0]["features"]}
    assert list(shown())[1:] == sorted(peaks, key=lambda name: (-peaks[name], name))  # the worst first
    assert page.url.count("measure") == 0  # the default stands in no address
    page.get_by_label("Filter features").fill("route")
    page.wait_for_function("() => document.querySelectorAll('table.heat-table tbody tr').length < 6")
    assert all(name == "score" or "route" in name for name in shown())
    shot(page, "monitor")


def test_a_cell_opens_its_distributions(page, shop):
    """Each bin of the reference's deciles, counted again from the rows that were asked."""
    d = shop.MOVED_FROM + 1
    start = shop.first + d * DAY_US
    answer = shop.call("GET", f"endpoints/tiny/windows/{start}")["revisions"][0]
    i = next(i for i, f in enumerate(answer["figures"]["features"]) if f["name"] == "distance")
    shape = answer["shapes"]["features"][i]
    values = [float(r["distance"]) for r in shop.asked[d]]
    edges = [float("-inf"), *shape["edges"], float("inf")]
    assert shape["current"] == [sum(lo < v <= hi for v in values) for lo, hi in zip(edges, edges[1:])]
    assert sum(shape["current"]) == shop.PER_DAY and len(shape["reference"]) == len(shape["edges"]) + 1
    page.goto(f"{shop.url}/monitors/tiny?cell={start}~distance")
    settled(page)
    cell = page.locator(".cell")
    cell.locator("figure.histpair").wait_for()
    assert "Drifted" in cell.inner_text() and four(answer["figures"]["features"][i]["ks_d"]) in cell.inner_text()
    shot(page, "monitor-cell")
    cell.get_by_role("button", name="Close").click()
    cell.wait_for(state="detached")
    assert "cell=" not in page.url
    page.go_back()
    cell.wait_for()


def test_a_cell_is_chosen_by_keyboard(page, shop):
    page.goto(shop.url + "/monitors/tiny?sort=name")
    settled(page)
    page.locator("figure.heatmap canvas").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.locator(".cell").wait_for()
    names = sorted(f["name"] for f in shop.windows[0]["features"])
    assert page.locator(".cell h3").inner_text().startswith(names[0])


def test_alerts_stand_as_bars(page, shop):
    page.goto(shop.url + "/monitors/tiny")
    settled(page)
    alerts = shop.call("GET", "endpoints/tiny/alerts")["alerts"]
    page.locator("figure.episodes li").first.wait_for()
    more = page.get_by_role("button", name="more")
    if more.count():
        more.click()
    assert page.locator("figure.episodes .bar").count() == len(alerts)
    assert page.locator("figure.episodes .bar-bad").count() == sum(a["state"] == "firing" for a in alerts)
    assert any("distance" in name for name in texts(page, ".episode-name"))


def test_rules_are_added_and_removed(page, shop):
    page.goto(shop.url + "/monitors")
    settled(page)
    page.watch.allow("400 POST")
    metric = "val: loss"
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(HOSTILE[1])
    dialog.get_by_label("Metric", exact=True).fill(metric)
    dialog.get_by_label("Limit", exact=True).fill("5")
    dialog.get_by_label("Points in a row").fill("2")
    dialog.get_by_role("button", name="Add rule").click()
    dialog.get_by_text("a rule's name is 1 to 63 letters").wait_for()
    dialog.get_by_label("Name").fill("high")
    dialog.get_by_role("button", name="Add rule").click()
    dialog.wait_for(state="detached")
    page.get_by_text("high", exact=True).first.wait_for()
    rule = shop.call("GET", "alert-rules")["rules"][0]
    assert (rule["name"], rule["metric"], rule["comparison"], rule["threshold"], rule["points"]) == ("high", metric, ">", 5, 2)
    harmless(page)
    page.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove").click()
    page.get_by_text("No rules yet").wait_for()
    assert shop.call("GET", "alert-rules")["rules"] == []
    page.get_by_role("button", name="New rule").click()  # what the server refuses stays in the form
    dialog.get_by_label("Name").fill("x")
    dialog.get_by_label("When").select_option("stale")
    dialog.get_by_label("For longer than").fill("soon")
    dialog.get_by_role("button", name="Add rule").click()
    dialog.get_by_text("'after' must be a length of time").wait_for()
    assert dialog.get_by_label("Name").input_value() == "x"


@pytest.mark.parametrize("path", ["/monitors", "/monitors/tiny"])
@pytest.mark.parametrize("look", ["phone", "dark", "zh"])
def test_every_look(browser, shop, path, look):
    context = {"phone": {"viewport": PHONE}, "dark": {"color_scheme": "dark"}, "zh": {}}[look]
    with opened(browser, f"monitors-{look}", **context) as page:
        if look == "zh":
            prefer(page, language="zh")
        page.goto(shop.url + path)
        settled(page)
        fits_width(page)
        shot(page, f"{path.strip('/').replace('/', '-')}-{look}", full=True)
        if look == "zh":
            left = json.dumps(texts(page, "h1, h2, h3, button, th, label, .name"))
            for word in ("Monitors", "Drift", "Alerts", "Newest", "Labelled", "Calibration", "Worst first"):
                assert word not in left
