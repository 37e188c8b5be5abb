"""Charts and graphs in a real browser, at what strangers do with them: a graph dragged by one of its nodes, a chart zoomed far in and out from the keyboard,
metrics whose clock counts nanoseconds."""
import time

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from ui_world import DESK, PHONE, graph_node, server, shot

STEPS = 40


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with server(tmp_path_factory.mktemp("parts") / "data") as s:
        s.client = MlflowClient(tracking_uri=s.url, registry_uri=s.url)
        now = time.time_ns()
        s.run = s.client.create_run("0", run_name="long").info.run_id
        s.client.log_batch(s.run, metrics=[Metric("loss", 1 / (1 + i), now // 1_000_000 + i, i) for i in range(STEPS)] + [Metric("odd", i, now + i * 1_000_000_000, i) for i in range(STEPS)])
        s.client.create_registered_model("taxi")
        s.client.create_model_version("taxi", f"runs:/{s.run}/model", s.run)
        yield s


def place(page):
    """Where the picture of the graph lies: x, y."""
    return page.locator(".graph-canvas").evaluate("e => { const m = new DOMMatrix(e.style.transform); return [m.e, m.f]; }")


def test_a_graph_is_dragged_by_its_node_and_opens_nothing(page, lab):
    page.goto(lab.url + "/models/taxi/1")
    run = graph_node(page, "long")
    run.scroll_into_view_if_needed()
    box, (x, y) = run.bounding_box(), place(page)
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    for i in range(1, 9):
        page.mouse.move(at[0] + 10 * i, at[1] + 5 * i)
    page.mouse.up()
    assert place(page) == [pytest.approx(x + 80), pytest.approx(y + 40)]
    assert page.url.endswith("/models/taxi/1")
    assert page.locator(".graph-node.far").count() == 0  # it lies under the pointer, and both nodes are on its edge
    run.click()  # a click is one all the same
    page.wait_for_url("**/runs/" + lab.run)


def test_a_chart_is_zoomed_from_the_keyboard_and_comes_back(page, lab):
    page.goto(f"{lab.url}/runs/{lab.run}?tab=charts")
    plot, back = page.locator("[data-metric=loss] .chart-plot"), page.locator("[data-metric=loss]").get_by_role("button", name="Zoom out", exact=True)
    page.locator(f"[data-metric=loss] tr[data-id='{lab.run}']").wait_for(state="attached")
    plot.focus()
    for _ in range(5):
        plot.press("ArrowRight")
    for _ in range(60):  # to where a double has no digits left
        plot.press("+")
    back.wait_for()
    shot(page, "parts-zoomed")
    for _ in range(70):
        plot.press("-")
    back.wait_for(state="detached")
    plot.press("ArrowRight")
    page.locator("[data-metric=loss] .chart-tip").wait_for()


def test_a_clock_of_nanoseconds_breaks_no_page(page, lab):
    page.goto(f"{lab.url}/runs/{lab.run}?tab=charts&x=time")
    page.locator("[data-metric=odd] .chart-box canvas").first.wait_for()
    row = page.locator(f"[data-metric=odd] tr[data-id='{lab.run}']")
    row.wait_for(state="attached")
    assert row.get_attribute("data-points") == str(STEPS)
    plot = page.locator("[data-metric=odd] .chart-plot")
    plot.focus()
    plot.press("ArrowRight")
    page.locator("[data-metric=odd] .chart-tip").wait_for()


def test_json_loses_no_digit(page, lab):
    lab.client.log_text(lab.run, '{"id": 12345678901234567890, "small": 7, "share": 0.1234567890123456789, "words": "12345678901234567890"}', "ids.json")
    page.goto(f"{lab.url}/runs/{lab.run}?tab=artifacts&file=ids.json")
    page.locator(".json-key", has_text="small").wait_for()
    assert page.locator(".json-number").all_inner_texts() == ["12345678901234567890", "7", "0.12345678901234568"]


def test_what_scrolls_is_a_stop_of_the_keyboard_and_what_does_not_is_none(page, lab):
    page.goto(lab.url + "/settings")
    code = page.locator(".command code", has_text="MLFLOW_TRACKING_URI")
    code.wait_for()
    assert code.get_attribute("tabindex") is None
    page.set_viewport_size(PHONE)
    page.wait_for_function("() => document.querySelector('.command code').tabIndex === 0")
    code.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.command code').scrollLeft > 0")
    page.set_viewport_size(DESK)
    page.wait_for_function("() => !document.querySelector('.command code').hasAttribute('tabindex')")
