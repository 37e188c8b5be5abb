"""The room that compares runs, in a real browser: what is drawn against what the API says and against numpy, on runs that MLflow's client logged."""
import csv
import io
import json
import math
import re

import numpy as np
import pytest
from compare_world import SEEDS, STEPS, Trials, curve, long_run
from mlflow.entities import Metric, Param
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

LOSSES = [curve(lr, seed) for lr in (0.001, 0.003, 0.01) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with server(tmp_path_factory.mktemp("compare") / "data") as s:
        yield Trials(s)


def panel(page, metric):
    return page.locator(f'.metric-panel[data-metric="{metric}"]')


def drawn(page, metric):
    """The rows of a chart's table for readers: id -> figures."""
    panel(page, metric).locator(".chart-table tbody tr").first.wait_for(state="attached")
    rows = panel(page, metric).locator(".chart-table tbody tr").evaluate_all("list => list.map(row => ({ ...row.dataset }))")
    return {r["id"]: {k: float(v) for k, v in r.items() if k != "id"} for r in rows}


def saved(page, button):
    with page.expect_download() as d:
        button()
    return list(csv.reader(io.StringIO(open(d.value.path(), encoding="utf-8-sig", newline="").read())))


def chart_csv(page, metric):
    panel(page, metric).get_by_label("Chart menu").click()
    return saved(page, lambda: panel(page, metric).get_by_role("button", name="Save as CSV").click())


def ready(page, metric="loss"):
    panel(page, metric).locator(".chart-layer").first.wait_for(state="attached")
    settled(page)


def wait_for(page, text, metric="loss"):
    """Until a function over the rows' data holds."""
    page.wait_for_function(f"() => {{ const rows = [...document.querySelectorAll('.metric-panel[data-metric=\"{metric}\"] .chart-table tbody tr')]; return rows.length && ({text}); }}")


def test_every_metric_is_a_chart_with_the_values_of_the_api(page, trials):
    page.goto(trials.address())
    ready(page)
    assert page.get_by_role("heading", level=1).inner_text() == "Compare 9 runs"
    assert texts(page, ".compare-runs a") == trials.names
    assert page.locator(".metric-panel").evaluate_all("list => list.map(p => p.dataset.metric)") == ["loss", "val/accuracy"]
    got = drawn(page, "loss")
    assert list(got) == trials.ids
    for run, loss in zip(trials.ids, LOSSES):
        assert got[run]["min"] == min(loss) and got[run]["max"] == max(loss)  # the peak at 777 is there whatever the width
        assert got[run]["missing"] == 0
    ready(page, "val/accuracy")
    for run, loss in zip(trials.ids, LOSSES):
        assert drawn(page, "val/accuracy")[run]["last"] == 1 - loss[1400] / 2
    shot(page, "compare-charts")


def test_what_is_drawn_are_the_buckets_of_numpy(page, trials):
    page.goto(trials.address(trials.ids[:2]))
    ready(page)
    rows = chart_csv(page, "loss")
    assert rows[0] == ["series", "id", "step", "loss", "min", "max"]
    for run, name, loss in zip(trials.ids[:2], trials.names, LOSSES):
        mine = [r for r in rows[1:] if r[1] == run]
        assert {r[0] for r in mine} == {name}
        n = len(mine)
        place = np.minimum((np.arange(STEPS) / (STEPS - 1) * round_points(n)).astype(int), round_points(n) - 1)
        loss, count = np.array(loss), np.bincount(place)
        want = np.array([[np.flatnonzero(place == i)[0], loss[place == i].mean(), loss[place == i].min(), loss[place == i].max()] for i in range(len(count)) if count[i]])
        have = np.array([[float(v) for v in r[2:]] for r in mine])
        assert have.shape == want.shape
        assert np.array_equal(have[:, 0], want[:, 0]) and np.array_equal(have[:, 2:], want[:, 2:])
        assert np.allclose(have[:, 1], want[:, 1], rtol=1e-14)


def round_points(n):
    """Charts ask for a multiple of 50 stretches, the next one at or above what came back here: no stretch of these runs is empty."""
    assert n % 50 == 0
    return n


def test_smoothing_is_tensorboards(page, trials):
    page.goto(trials.address(trials.ids[:1], smooth="0.9"))
    ready(page)
    rows = chart_csv(page, "loss")
    assert rows[0] == ["series", "id", "step", "loss", "raw"] or rows[0] == ["series", "id", "step", "loss", "min", "max", "raw"]
    raw, smooth = [float(r[-1]) for r in rows[1:]], [float(r[3]) for r in rows[1:]]
    last, n, want = 0.0, 0, []
    for v in raw:  # tensorboard's line-chart: the debiased exponential mean
        last, n = last * 0.9 + 0.1 * v, n + 1
        want.append(last / (1 - 0.9 ** n))
    assert np.allclose(smooth, want, rtol=1e-12)
    page.get_by_label("Smoothing").evaluate("(e) => { e.value = 0.5; e.dispatchEvent(new Event('input', { bubbles: true })); }")
    page.wait_for_url(re.compile("smooth=0.5"))
    assert page.locator(".smooth output").inner_text() == "0.50"


def test_groups_have_means_and_bands(page, trials):
    page.goto(trials.address(group="param:lr"))
    ready(page)
    wait_for(page, "rows.length === 3")
    losses = np.array(LOSSES).reshape(3, SEEDS, STEPS)
    assert texts(page, ".metric-panel[data-metric=loss] .chart-legend button") == ["lr = 0.001 (3)", "lr = 0.003 (3)", "lr = 0.01 (3)"]
    for band, low, high in (("minmax", lambda m: m.min(0), lambda m: m.max(0)), ("std", lambda m: m.mean(0) - m.std(0, ddof=1), lambda m: m.mean(0) + m.std(0, ddof=1)),
                            ("stderr", lambda m: m.mean(0) - m.std(0, ddof=1) / SEEDS ** .5, lambda m: m.mean(0) + m.std(0, ddof=1) / SEEDS ** .5)):
        page.get_by_label("Band").select_option(band)
        page.wait_for_url(re.compile("band=" + band) if band != "std" else re.compile("group=param%3Alr(?!.*band)"))
        settled(page)
        rows = [r for r in chart_csv(page, "loss")[1:] if r[0].startswith("lr = 0.003")]
        n = round_points(len(rows))
        place = np.minimum((np.arange(STEPS) / (STEPS - 1) * n).astype(int), n - 1)
        means = np.array([[losses[1, s][place == i].mean() for i in range(n)] for s in range(SEEDS)])
        have = np.array([[float(v) for v in r[3:6]] for r in rows])
        assert np.allclose(have[:, 0], means.mean(0)) and np.allclose(have[:, 1], low(means)) and np.allclose(have[:, 2], high(means))
    shot(page, "compare-groups")


def drag(page, metric, share):
    box = panel(page, metric).locator(".u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + share[0] * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + sum(share) / 2 * box["width"], y)
    page.mouse.move(box["x"] + share[1] * box["width"], y)
    page.mouse.up()
    return box


def test_zoom_asks_for_the_part_and_is_shared(page, trials):
    page.goto(trials.address())
    ready(page)
    ready(page, "val/accuracy")
    with page.expect_request(lambda r: "metrics/chart" in r.url and "range" in r.post_data) as asked:
        drag(page, "loss", (0.5, 0.55))
    low, high = json.loads(asked.value.post_data)["range"]
    assert 0.49 * STEPS < low < 0.51 * STEPS and 0.53 * STEPS < high < 0.57 * STEPS
    page.wait_for_url(re.compile("zoom="))
    inside = [v for i, v in enumerate(LOSSES[0]) if low <= i <= high]
    wait_for(page, f"rows[0].dataset.points === '{len(inside)}'")  # every point of its own now
    got = drawn(page, "loss")[trials.ids[0]]
    assert got["min"] == min(inside) and got["max"] == max(inside)
    wait_for(page, "Number(rows[0].dataset.points) <= 2", "val/accuracy")
    page.go_back()
    wait_for(page, f"Number(rows[0].dataset.max) === {max(LOSSES[0])}")
    drag(page, "loss", (0.1, 0.9))
    page.wait_for_url(re.compile("zoom="))
    box = panel(page, "loss").locator(".u-over").bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile("^(?!.*zoom=)"))


def test_axes(page, trials):
    page.goto(trials.address())
    ready(page)
    page.get_by_label("X axis").select_option("relative")
    wait_for(page, "rows[0].cells[3].textContent.startsWith('24 m')")
    page.get_by_role("button", name="log x").click()
    page.wait_for_url(re.compile("xlog=1"))
    page.get_by_label("X axis").select_option("time")
    wait_for(page, "rows[0].cells[3].textContent.includes('2025')")
    assert "xlog" not in page.url
    page.get_by_label("X axis").select_option("step")
    page.get_by_role("button", name="log y").click()
    page.wait_for_url(re.compile("ylog=1"))
    ready(page)


def test_what_is_unusual_is_told_not_hidden(page, trials):
    page.goto(trials.address([trials.odd]))
    for metric in ("loss", "huge", "signed", "once", "tiny"):
        panel(page, metric).scroll_into_view_if_needed()
        ready(page, metric)
    got = drawn(page, "loss")[trials.odd]
    assert (got["points"], got["missing"]) == (80, 20)
    huge = drawn(page, "huge")[trials.odd]
    assert (huge["points"], huge["missing"], huge["max"]) == (9, 1, 10)  # infinity is a gap, not 1.8e308
    assert drawn(page, "once")[trials.odd]["last"] == 7.25
    panel(page, "all nan").scroll_into_view_if_needed()
    panel(page, "all nan").get_by_text("All values are NaN or infinite.").wait_for()
    page.get_by_role("button", name="log y").click()
    panel(page, "signed").get_by_text("3 values at or below 0 are not on a logarithmic axis.").wait_for()
    harmless(page)
    assert page.locator(".compare-runs a").inner_text() == HOSTILE[0]
    shot(page, "compare-odd", full=True)


def test_one_value_per_run_is_a_dot_on_a_common_scale(page, trials):
    runs = [trials.client.create_run("0", run_name=f"value {v}").info.run_id for v in (0.25, 0.75)]
    for run, value in zip(runs, (0.25, 0.75)):
        trials.client.log_metric(run, "final", value)
    page.goto(trials.address(runs + [trials.odd], m="final"))
    page.locator(".dotplot tbody tr").first.wait_for()
    assert [row[2] for row in page.locator(".dotplot tr").evaluate_all("list => list.map(r => [...r.cells].map(c => c.textContent.trim()))")] == ["0.25", "0.75", "no data"]
    left = page.locator(".dot-track i").evaluate_all("list => list.map(i => i.getBoundingClientRect().left)")
    assert len(left) == 2 and left[0] < left[1]
    page.locator(".dotplot tr").nth(1).hover()
    page.locator(".compare-runs li.lit").wait_for()


def test_a_line_and_its_row_light_each_other(page, trials):
    page.goto(trials.address())
    ready(page)
    row = page.locator(f'[data-run="{trials.ids[4]}"]')
    row.hover()
    panel(page, "loss").locator(".chart-layer.behind").wait_for()
    box = panel(page, "val/accuracy").locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] - 4)
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] - 2)
    page.locator(".compare-runs li.lit").wait_for()
    tip = page.locator(".chart-tip")
    tip.wait_for()
    assert re.search(r"0\.4\d{3,}", tip.inner_text())  # in full
    page.get_by_role("button", name=f"Hide {trials.names[0]}").click()
    wait_for(page, "rows.length === 8")
    assert trials.ids[0] not in drawn(page, "loss")
    page.reload()
    wait_for(page, "rows.length === 8")
    page.get_by_role("button", name=f"Take {trials.names[0]} out").click()
    page.get_by_role("heading", name="Compare 8 runs").wait_for()


def test_the_keyboard_moves_the_cursor(page, trials):
    page.goto(trials.address(trials.ids[:2]))
    ready(page)
    plot = panel(page, "loss").locator(".chart-plot")
    plot.focus()
    for key in ("ArrowRight", "End"):
        page.keyboard.press(key)
    assert "step 149" in panel(page, "loss").locator(".chart-tip").inner_text()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    tip = panel(page, "loss").locator(".chart-tip")
    assert trials.names[1] == tip.locator("tr.strong th").inner_text() and "step 0" in tip.inner_text()
    page.keyboard.press("+")
    page.wait_for_url(re.compile("zoom="))
    plot.press("0")
    page.wait_for_url(re.compile("^(?!.*zoom=)"))


def test_search_and_pins(page, trials):
    page.goto(trials.address())
    ready(page)
    page.get_by_label("Pin val/accuracy").click()
    page.wait_for_url(re.compile("pin="))
    assert page.locator(".metric-panel").evaluate_all("list => list.map(p => p.dataset.metric)") == ["val/accuracy", "loss"]
    page.get_by_label("Find metrics").fill("ACC")
    page.wait_for_url(re.compile("m=ACC"))
    assert page.locator(".metric-panel").count() == 1
    page.get_by_label("Find metrics").fill("nothing")
    page.get_by_text("No metric has this in its name.").wait_for()


def cells(page, section):
    table = page.locator(f'table.diff tbody[aria-label^="{section}"] tr:not(.diff-section)')
    return {row[0]: row[1:] for row in table.evaluate_all("list => list.map(r => [...r.cells].map(c => c.textContent.trim()))")}


def test_the_table_tells_what_differs(page, trials):
    page.goto(trials.address(trials.ids[::3] + [trials.odd], tab="table"))
    page.locator("table.diff").wait_for()
    params = cells(page, "Parameters")
    assert params["lr"] == ["0.001", "0.003", "0.01", "0.02"] and params["optimizer"][:3] == ["adam", "adam", "sgd"]
    assert params["html"][3] == HOSTILE[1]
    commits = page.locator("tr", has=page.locator('th[title="mlflow.source.git.commit"]')).locator("td").evaluate_all("list => list.map(c => c.title)")
    assert commits[:3] == [f"{n:040x}" for n in (1, 3, 10)]
    assert cells(page, "Datasets")["flights (training)"] == ["v1", "v1", "v2", "–"]
    assert cells(page, "Metrics")["all nan"] == ["–", "–", "–", "NaN"]
    only = set(params)
    page.get_by_label("Only what differs").uncheck()
    page.wait_for_url(re.compile("only=0"))
    assert set(cells(page, "Parameters")) >= only
    answer = trials.call("runs/compare", {"run_ids": trials.ids[::3] + [trials.odd], "extremes": True})
    for figure, pick in (("min", min), ("max", max)):
        page.get_by_label("Metrics show").select_option(figure)
        page.wait_for_url(re.compile("figure=" + figure))
        titles = page.locator('table.diff tbody[aria-label^="Metrics"] tr', has=page.locator('th[title="loss"]')).locator("td").evaluate_all("list => list.map(c => c.title)")
        want = [pick(loss) for loss in LOSSES[::3]] + [pick(1 / (i + 1) for i in range(100) if not 40 <= i < 60)]
        assert [float(v) for v in titles] == want
        assert [x[figure] for x in next(m for m in answer["metrics"] if m["key"] == "loss")["extremes"]] == want
    page.get_by_label("Metrics show").select_option("best")
    page.locator("td.cell-best").first.wait_for()
    harmless(page)
    shot(page, "compare-table", full=True)
    rows = saved(page, lambda: page.get_by_role("button", name="Save as CSV").click())
    assert rows[0][2:] == [trials.names[0], trials.names[3], trials.names[6], HOSTILE[0]]
    assert next(r for r in rows if r[1] == "formula")[5] == "'" + HOSTILE[4]  # a spreadsheet takes it for text
    page.get_by_role("button", name="make base").last.click()
    page.wait_for_url(re.compile("base="))
    assert cells(page, "Parameters")["lr"][0] == "0.02"
    page.locator("tr", has=page.locator('th[title="config"]')).get_by_role("button").first.click()
    page.locator("dialog .textdiff").wait_for()
    assert '"layers": [' in page.locator("dialog .textdiff").inner_text()  # JSON, a value per line
    page.keyboard.press("Escape")


def test_parallel_coordinates(page, trials):
    page.goto(trials.address(tab="parallel"))
    page.locator(".par-axis").first.wait_for()
    assert page.locator(".par-title title").all_text_contents() == ["lr", "optimizer", "seed", "loss"]
    assert page.locator("figure.parallel").get_by_role("status").inner_text() == "9 runs"
    hit = page.locator(".par-axis").nth(2).locator(".par-hit").bounding_box()
    x, foot = hit["x"] + hit["width"] / 2, hit["y"] + hit["height"]
    page.mouse.move(x, foot - 2)
    page.mouse.down()
    page.mouse.move(x, foot - 30)
    page.mouse.move(x, foot - hit["height"] * 0.2)
    page.mouse.up()
    page.wait_for_url(re.compile("brush="))
    page.get_by_text("3 of 9 runs").wait_for()  # seed 0
    page.reload()
    page.get_by_text("3 of 9 runs").wait_for()
    page.get_by_text("Ranges").click()
    page.get_by_label("lr, from").fill("0.002")
    page.get_by_label("lr, from").press("Enter")
    page.get_by_text("2 of 9 runs").wait_for()
    shot(page, "compare-parallel")
    page.get_by_role("button", name="Show all runs").click()
    page.get_by_role("status").get_by_text("9 runs", exact=True).wait_for()


def test_scatter_says_r_and_rho(page, trials):
    page.goto(trials.address(tab="scatter", sx="param:lr", sy="metric:loss", logs="param:lr"))
    page.locator(".scatter-says").wait_for()
    x, y = np.repeat([0.001, 0.003, 0.01], SEEDS), np.array([loss[-1] for loss in LOSSES])
    rank = lambda v: np.array([(v < a).sum() + ((v == a).sum() + 1) / 2 for a in v])  # noqa: E731
    figures = page.locator(".scatter-says span").evaluate_all("list => list.map(s => Number(s.title))")
    assert math.isclose(figures[0], np.corrcoef(x, y)[0, 1], rel_tol=1e-9) and math.isclose(figures[1], np.corrcoef(rank(x), rank(y))[0, 1], rel_tol=1e-9)
    rows = page.locator(".scatter-table tbody tr").evaluate_all("list => list.map(r => [...r.cells].map(c => c.textContent))")
    assert [(r[0], float(r[1]), float(r[2])) for r in rows] == list(zip(trials.names, x, y))
    shot(page, "compare-scatter")


CROWD = 120  # more than are compared one by one


@pytest.fixture(scope="module")
def crowd(trials):
    """(experiment, curves by id): runs of two metrics, three widths, a parameter that each has for its own."""
    c, curves = trials.client, {}
    experiment = c.create_experiment("crowd")
    for i in range(CROWD):
        run = c.create_run(experiment, run_name=f"crowd-{i:03}", start_time=1_760_000_000_000 + i).info.run_id
        curves[run] = [math.exp(-k / 20) + (i % 3) + (i * 37 % 101) / 500 for k in range(80)]
        params = [Param("own", str(i)), Param("depth", str(i % 7))] + ([Param("width", str(8 * (1 + i % 3)))] if i != 5 else [])
        c.log_batch(run, [Metric("loss", v, 1_760_000_000_000 + k, k) for k, v in enumerate(curves[run])], params)
    return experiment, curves


def test_a_search_is_an_address(page, trials):
    """Resolved by the server: few runs one by one, in the order and number that the address says."""
    page.goto(f"{trials.url}/compare?exp={trials.experiment}&q=lr+0.0&sort=name&limit=4")
    ready(page)
    page.get_by_role("heading", name="Compare 4 runs").wait_for()
    assert texts(page, ".compare-runs a") == trials.names[:4]
    page.get_by_role("button", name=f"Take {trials.names[1]} out").click()
    page.get_by_role("heading", name="Compare 3 runs").wait_for()
    assert trials.ids[1] not in page.url and trials.ids[0] in page.url and "limit" not in page.url
    page.goto(f"{trials.url}/compare?q=attributes.run_name+%3D+'nobody'")
    page.get_by_text("The filter finds no runs.").wait_for()


def test_many_runs_in_one_picture(page, trials, crowd):
    experiment, curves = crowd
    page.goto(f"{trials.url}/runs?exp={experiment}")
    page.get_by_role("link", name=f"Compare all {CROWD}").click()
    ready(page)
    page.get_by_role("heading", name=f"Compare {CROWD} runs").wait_for()
    got = drawn(page, "loss")
    assert set(got) == set(curves)
    for run, loss in curves.items():
        assert got[run]["min"] == min(loss) and got[run]["max"] == max(loss) and got[run]["last"] == loss[-1]
    with page.expect_request(lambda r: "metrics/overlay" in r.url and "range" in r.post_data):
        drag(page, "loss", (0.2, 0.4))
    page.goto(f"{trials.url}/compare?exp={experiment}&sort=name&limit=101")
    page.get_by_text(f"The first 101 of {CROWD} runs are compared").wait_for()
    wait_for(page, "rows.length === 101")
    assert set(drawn(page, "loss")) == set(list(curves)[:101])


def test_many_runs_in_groups(page, trials, crowd):
    experiment, curves = crowd
    page.goto(f"{trials.url}/compare?exp={experiment}")
    ready(page)
    page.get_by_label("Group by").select_option("param:width")
    page.wait_for_url(re.compile("group=param"))
    panel(page, "loss").get_by_text("4 groups").wait_for()
    assert texts(page, ".metric-panel[data-metric=loss] .chart-legend button") == ["width = 8 (40)", "width = 16 (40)", "width = 24 (39)", "width = – (1)"]
    got = drawn(page, "loss")
    for k, width in enumerate((8, 16, 24)):
        mean = np.array([loss for i, loss in enumerate(curves.values()) if i % 3 == k and i != 5]).mean(0)
        assert math.isclose(got[f"group:{width}"]["last"], mean[-1], rel_tol=1e-12) and got[f"group:{width}"]["points"] == 80
    shot(page, "compare-many-groups")
    page.get_by_label("Group by").select_option("param:own")
    panel(page, "loss").get_by_text(f"The 32 largest of {CROWD} groups are drawn.").wait_for()


def test_many_runs_as_parallel_coordinates_and_scatter(page, trials, crowd):
    experiment, curves = crowd
    page.goto(f"{trials.url}/compare?exp={experiment}&sort=name")
    page.get_by_role("tab", name="Parallel coordinates").click()
    page.get_by_role("status").get_by_text(f"{CROWD} runs", exact=True).wait_for()
    assert sorted(page.locator(".par-title title").all_text_contents()) == ["depth", "loss", "own", "width"]
    shot(page, "compare-many-parallel")
    page.get_by_text("Ranges").click()
    page.get_by_label("depth, to").fill("1")
    page.get_by_label("depth, to").press("Enter")
    page.get_by_text(f"{sum(i % 7 <= 1 for i in range(CROWD))} of {CROWD} runs").wait_for()
    page.goto(f"{trials.url}/compare?exp={experiment}&sort=name&tab=scatter&sx=param:width&sy=metric:loss")
    page.locator(".scatter-says").get_by_text("1 without one of both values").wait_for()
    x, y = np.array([8 * (1 + i % 3) for i in range(CROWD) if i != 5]), np.array([loss[-1] for i, loss in enumerate(curves.values()) if i != 5])
    figures = page.locator(".scatter-says span").evaluate_all("list => list.map(s => Number(s.title))")
    assert math.isclose(figures[0], np.corrcoef(x, y)[0, 1], rel_tol=1e-9)
    box = page.locator(".scatter-body").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shot(page, "compare-many-scatter")
    with opened(page.context.browser, "compare-many-phone", viewport=PHONE) as phone:
        phone.goto(page.url)
        phone.locator(".scatter-says").wait_for()
        fits_width(phone)


def test_a_million_points_keep_their_peak(page, trials):
    points = 200_000
    run = long_run(trials.url, points)
    page.goto(trials.address([run]))
    ready(page, "wave")
    assert drawn(page, "wave")[run]["max"] == pytest.approx(math.sin(points // 3 / 5000) + 5, abs=0)
    assert drawn(page, "wave")[run]["points"] <= 2000


def test_a_live_run_grows(page, trials):
    run = trials.client.create_run(trials.experiment, run_name="live").info.run_id
    trials.client.log_metric(run, "now", 1.0, step=0)
    page.goto(trials.address([run]))
    ready(page, "now")
    trials.client.log_metric(run, "now", 2.5, step=1)
    wait_for(page, "rows[0].dataset.last === '2.5'", "now")
    trials.client.delete_run(run)


def test_the_strip_over_the_table_of_runs(page, trials):
    page.goto(f"{trials.url}/runs?exp={trials.experiment}")
    ready(page)
    got = drawn(page, "loss")
    for run, loss in zip(trials.ids, LOSSES):
        assert got[run]["min"] == min(loss) and got[run]["max"] == max(loss)
    page.get_by_role("button", name="Choose charts (up to 3)").click()
    page.get_by_label("val/accuracy").check()
    ready(page, "val/accuracy")
    page.keyboard.press("Escape")
    page.locator(".grid-row", has_text=trials.names[2]).hover()
    panel(page, "loss").locator(".chart-layer.behind").wait_for()
    plot = panel(page, "loss").locator(".chart-plot")
    plot.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".grid-row.lit").wait_for()
    page.reload()
    ready(page, "val/accuracy")  # the choice is kept
    page.get_by_role("button", name="Take loss out").click()
    panel(page, "loss").wait_for(state="detached")
    shot(page, "runs-strip")


def test_without_runs_and_with_unknown_ones(page, trials):
    page.goto(trials.url + "/compare")
    page.get_by_text("No runs are chosen").wait_for()
    page.watch.allow("/runs/compare")
    page.goto(trials.address(["0" * 32]))
    page.get_by_text("Not found", exact=True).wait_for()
    assert page.get_by_text(f"Run with id={'0' * 32} not found").is_visible()


def test_a_picture_of_a_chart(page, trials):
    page.goto(trials.address(trials.ids[:2]))
    ready(page)
    panel(page, "loss").get_by_label("Chart menu").click()
    with page.expect_download() as d:
        panel(page, "loss").get_by_role("button", name="Save as PNG").click()
    assert d.value.suggested_filename == "loss.png" and open(d.value.path(), "rb").read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("tab", ["charts", "table", "parallel", "scatter"])
def test_phone_dark_chinese(browser, trials, tab):
    for name, settings, context in (("phone", {}, {"viewport": PHONE}), ("dark", {"theme": "dark"}, {}), ("zh", {"language": "zh"}, {})):
        with opened(browser, f"compare-{tab}-{name}", **context) as page:
            prefer(page, **settings)
            page.goto(trials.address(trials.ids + [trials.odd], tab=tab))
            page.locator(".compare-main .card").first.wait_for()
            settled(page)
            fits_width(page)
            if name == "zh":
                assert "比较 10 个运行" in page.locator("h1").inner_text()
            shot(page, f"compare-{tab}-{name}")
