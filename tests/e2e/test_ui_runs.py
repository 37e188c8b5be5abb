"""The table of runs in a real browser: what stands there is what MLflow's own client finds, names are only ever text, and everything is in the address."""
import csv
import json
import re
import urllib.request

import pytest
from ui_world import HOSTILE, PHONE, fits_width, harmless, opened, prefer, server, settled, shot, texts

mlflow = pytest.importorskip("mlflow", reason="needs mlflow: tests/venv.sh installs it")

RUNS = 130  # more than one window of rows


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Runs by MLflow's client: metrics with NaN and gaps, parameters, tags, three states."""
    with server(tmp_path_factory.mktemp("runs") / "data") as s:
        client = mlflow.MlflowClient(s.url)
        s.client, s.sweep = client, client.create_experiment("sweep <b>1</b>")
        s.other = client.create_experiment("other")
        for i in range(RUNS):
            run = client.create_run(s.sweep, run_name=f"train-{i:03}", start_time=1_700_000_000_000 + i * 60_000, tags={"team": ["vision", "speech"][i % 2]})
            metrics = [mlflow.entities.Metric("val/loss", float("nan") if i == 5 else (i * 37 % 101) / 50 - 0.3, 1_700_000_000_000, 1)]
            if i % 3:
                metrics.append(mlflow.entities.Metric("accuracy", (i * 53 % 97) / 97, 1_700_000_000_000, 1))
            client.log_batch(run.info.run_id, metrics=metrics, params=[mlflow.entities.Param("lr", str(10 ** -(i % 4))), mlflow.entities.Param("note", f"trial {i}")])
            client.set_terminated(run.info.run_id, ["FINISHED", "FAILED", "KILLED"][i % 3], end_time=1_700_000_000_000 + i * 60_000 + 1000 * (i + 1))
        for i in range(3):
            client.create_run(s.other, run_name=f"other-{i}", start_time=1_600_000_000_000 + i)
        yield s
        assert s.stop() == 0, "the server did not end cleanly on SIGTERM"


def rows_of(page):
    """The names in view, top first."""
    return page.evaluate("""() => [...document.querySelectorAll(".grid-row")].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(r => r.querySelector(".first")?.innerText.trim())""")


def open_runs(page, world, query=""):
    page.goto(f"{world.url}/runs{query}")
    page.wait_for_selector(".grid-row .first a")
    settled(page)


def wait_first(page, name):
    page.wait_for_function("name => [...document.querySelectorAll('.grid-row')].find(r => r.ariaRowIndex === '2')?.querySelector('.first')?.innerText.trim() === name", arg=name)


def all_names(page):
    """Scrolls through the table and gathers every row's name by its place."""
    return page.evaluate("""async () => {
      const box = document.querySelector(".grid-table"), found = new Map(), frame = () => new Promise(requestAnimationFrame);
      for (let y = 0; ; y += box.clientHeight / 2) {
        box.scrollTop = y;
        await frame(); await frame();
        for (let wait = 0; wait < 600 && document.querySelector(".grid-row .bone"); wait++) await frame();
        for (const r of document.querySelectorAll(".grid-row")) found.set(Number(r.ariaRowIndex), r.querySelector(".first").innerText.trim());
        if (y >= box.scrollHeight - box.clientHeight) break;
      }
      return [...found].sort((a, b) => a[0] - b[0]).map(x => x[1]);
    }""")


@pytest.mark.parametrize("query, filter, order", [
    ("", "", ["attributes.start_time DESC"]),
    ("?sort=metrics.val/loss", "", ["metrics.`val/loss` ASC"]),
    ("?sort=-metrics.accuracy", "", ["metrics.accuracy DESC"]),
    ("?sort=name", "", ["attributes.run_name ASC"]),
    ("?sort=params.note", "", ["params.note ASC"]),
    ("?q=metrics.%60val/loss%60 < 0.5 AND params.lr %3D '0.01'", "metrics.`val/loss` < 0.5 AND params.lr = '0.01'", ["attributes.start_time DESC"]),
    ("?q=train-01", "attributes.run_name ILIKE '%train-01%'", ["attributes.start_time DESC"]),
    ("?q=tags.team ILIKE 'V%25'&sort=-params.lr", "tags.team ILIKE 'V%'", ["params.lr DESC"]),
])
def test_the_same_runs_in_the_same_order_as_mlflow(world, page, query, filter, order):
    want = [r.info.run_name for r in world.client.search_runs([world.sweep], filter, order_by=order, max_results=1000)]
    assert want
    open_runs(page, world, query + ("&" if query else "?") + f"exp={world.sweep}")
    assert all_names(page) == want
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(len(want) + 1)


def test_values_are_the_api_s(world, page):
    open_runs(page, world, f"?exp={world.sweep}&cols=metrics.val/loss,params.note,metrics.accuracy,status,duration&sort=metrics.val/loss")
    runs = {r.info.run_name: r for r in world.client.search_runs([world.sweep], "", max_results=1000)}
    shown = page.evaluate("""() => [...document.querySelectorAll(".grid-row")].map(r => [...r.children].slice(2).map(c => c.querySelector("data")?.value ?? c.innerText.trim()))""")
    for name, loss, note, accuracy, status, duration in shown:
        run = runs[name]
        assert float(loss) == run.data.metrics["val/loss"] and note == run.data.params["note"]
        assert accuracy == "–" if "accuracy" not in run.data.metrics else float(accuracy) == run.data.metrics["accuracy"]
        assert status.upper() == run.info.status and duration == f"{run.info.end_time - run.info.start_time} ms"
    # The least of all is marked, though only part of the rows is on the page; a NaN is shown as one, at the end.
    page.wait_for_selector("data.best")
    least = min(r.data.metrics["val/loss"] for r in runs.values() if r.data.metrics["val/loss"] == r.data.metrics["val/loss"])
    assert [float(v) for v in page.evaluate("[...document.querySelectorAll('data.best')].filter(e => e.title.includes('Best')).map(e => e.value)")][0] == least
    page.locator(".grid-table").press("End")
    page.wait_for_function("() => [...document.querySelectorAll('.grid-row')].some(r => r.innerText.includes('NaN'))")
    assert rows_of(page)[-1] == "train-005"


def test_sorting_and_keys(world, page):
    open_runs(page, world, f"?exp={world.sweep}")
    head = page.get_by_role("columnheader", name="Name")
    head.click()
    wait_first(page, "train-000")
    assert head.get_attribute("aria-sort") == "ascending" and "sort=name" in page.url
    head.click()
    wait_first(page, "train-129")
    assert head.get_attribute("aria-sort") == "descending"
    page.go_back()
    wait_first(page, "train-000")
    table = page.locator(".grid-table")
    table.focus()
    table.press("ArrowDown")
    table.press("PageDown")
    table.press("End")
    page.wait_for_function("() => document.querySelector('.grid-row.active .first')?.innerText.trim() === 'train-129'")
    active = page.evaluate("document.querySelector('.grid-table').getAttribute('aria-activedescendant')")
    assert page.locator(f"#{active}").get_attribute("aria-rowindex") == "131"
    table.press("Home")
    table.press(" ")
    table.press("Shift+ArrowDown")
    table.press("Shift+ArrowDown")
    page.get_by_text("3 runs chosen").wait_for()
    chosen = re.search(r"sel=([0-9a-f%C,]+)", page.url)[1].replace("%2C", ",").split(",")
    names = [world.client.get_run(r).info.run_name for r in chosen]
    assert sorted(names) == ["train-000", "train-001", "train-002"]
    link = page.get_by_role("link", name="Compare", exact=True).get_attribute("href")
    assert link.startswith("/compare?runs=") and all(r in link for r in chosen)
    page.reload()
    page.get_by_text("3 runs chosen").wait_for()
    wait_first(page, "train-000")
    table.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/" + world.client.search_runs([world.sweep], "attributes.run_name = 'train-000'")[0].info.run_id)
    page.watch.allow(r"/runs/[0-9a-f]{32}")


def test_the_filter_completes_and_tells_where_it_is_wrong(world, page):
    open_runs(page, world, f"?exp={world.sweep}")
    box = page.get_by_role("combobox", name="Filter runs")
    box.click()
    box.type("val")
    page.locator("#filter-options li", has_text="metrics.`val/loss`").wait_for()
    box.press("ArrowDown")
    # The next key may come before the next frame: it stands behind what was taken.
    page.evaluate("() => { window.requestAnimationFrame = f => setTimeout(f, 300); }")
    box.press("Enter")
    assert box.input_value() == "metrics.`val/loss` "
    box.type("<")
    page.wait_for_timeout(400)
    box.type(" nope")
    box.press("Enter")
    problem = page.locator(".filter-problem")
    problem.wait_for()
    assert "character 22" in problem.inner_text() and "a number" in problem.inner_text() and problem.locator("mark").inner_text() == "nope"
    shot(page, "runs-filter-wrong")
    assert "nope" not in page.url  # what is wrong does not take effect
    box.fill("metrics.`val/loss` < 0")
    box.press("Enter")
    want = [r.info.run_name for r in world.client.search_runs([world.sweep], "metrics.`val/loss` < 0", order_by=["attributes.start_time DESC"])]
    wait_first(page, want[0])
    assert all_names(page) == want
    box.fill("params.lr = ")
    page.locator("#filter-options li", has_text="'0.01'").wait_for()
    box.fill("nothing is called this")
    box.press("Enter")
    page.get_by_text("No run fits this filter.").wait_for()
    page.get_by_role("button", name="Clear the filter").click()
    wait_first(page, "train-129")
    page.watch.allow("/runs/search")  # the server has the last word, and its text is shown
    page.goto(f"{world.url}/runs?q=params.lr%20%3D%20'a'%20AND%20metrics.x%20%3D%201e999")
    page.locator(".filter-problem").wait_for()


def test_columns_are_chosen_moved_and_kept_in_the_address(world, page):
    open_runs(page, world, f"?exp={world.sweep}&cols=status,params.lr,metrics.accuracy")
    heads = lambda: [t for t in texts(page, ".grid-head [data-key] .grid-title")]
    assert heads() == ["Name", "Status", "lr", "accuracy"]
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("searchbox", name="Search columns").fill("tea")
    page.locator(".columns-group label", has_text="team").click()
    page.wait_for_function("() => document.querySelectorAll('.grid-head [data-key]').length === 5")
    page.keyboard.press("Escape")
    page.locator(".grid-head [data-key='params.lr']").focus()
    page.keyboard.press("Control+ArrowRight")
    page.wait_for_function("() => [...document.querySelectorAll('.grid-head [data-key]')].map(e => e.dataset.key).join() === 'name,status,metrics.accuracy,params.lr,tags.team'")
    wide = page.locator(".grid-head [data-key='params.lr']").evaluate("e => e.offsetWidth")
    page.locator(".grid-head [data-key='params.lr']").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("w => document.querySelector(\".grid-head [data-key='params.lr']\").offsetWidth === w + 16", arg=wide)
    # By pointer: the last column before the first.
    source, target = page.locator(".grid-head [data-key='tags.team'] .grid-title"), page.locator(".grid-head [data-key='status'] .grid-title")
    source.scroll_into_view_if_needed()
    source.hover()
    page.mouse.down()
    box = target.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 4)
    page.mouse.move(box["x"] - 4, box["y"] + 4)
    page.mouse.up()
    page.wait_for_function("() => [...document.querySelectorAll('.grid-head [data-key]')].map(e => e.dataset.key).join().startsWith('name,tags.team,status')")
    order, address = heads(), page.url
    page.reload()
    page.wait_for_selector(".grid-row .first a")
    assert heads() == order
    assert page.locator(".grid-head [data-key='params.lr']").evaluate("e => e.offsetWidth") == wide + 16
    # A view is an address under a name.
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("dialog").get_by_label("Name").fill("mine <i>")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    page.goto(world.url + "/runs")
    page.wait_for_selector(".grid-row .first a")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitemradio", name="mine <i>").click()
    page.wait_for_url(address)
    assert heads() == order


def test_runs_come_while_one_looks(world, page):
    """New ones stand at the top at once, or behind a line while one is further down; what is chosen and where one is stay."""
    experiment = world.client.create_experiment("live")
    for i in range(60):
        world.client.create_run(experiment, run_name=f"old-{i:02}", start_time=1_700_000_000_000 + i)
    prefer(page, **{"runs.strip": False})
    open_runs(page, world, f"?exp={experiment}&cols=status,metrics.m")
    wait_first(page, "old-59")
    live = page.evaluate("async () => (await fetch('/api/ingot/v1/events', {signal: AbortSignal.timeout(30000)})).status")
    assert live == 200
    page.locator(".grid-row [data-pick]").nth(1).click()
    run = world.client.create_run(experiment, run_name="new-1", start_time=1_700_000_001_000)
    wait_first(page, "new-1")
    page.get_by_text("1 run chosen").wait_for()
    assert page.locator(".grid-row.chosen .first").inner_text().strip() == "old-58"
    world.client.log_metric(run.info.run_id, "m", 0.25)
    page.wait_for_function("() => [...document.querySelectorAll('.grid-row data')].some(d => d.value === '0.25')")
    page.evaluate("document.querySelector('.grid-table').scrollTop = 600")
    page.wait_for_function("() => ![...document.querySelectorAll('.grid-row')].some(r => r.ariaRowIndex === '2')")
    at = rows_of(page)
    world.client.create_run(experiment, run_name="new-2", start_time=1_700_000_002_000)
    world.client.create_run(experiment, run_name="new-3", start_time=1_700_000_003_000)
    page.get_by_role("button", name="2 new runs").wait_for()
    assert rows_of(page) == at and page.evaluate("document.querySelector('.grid-table').scrollTop") == 600
    page.get_by_role("button", name="2 new runs").click()
    wait_first(page, "new-3")


def test_runs_are_tagged_deleted_and_restored(world, page):
    experiment = world.client.create_experiment("acts")
    ids = [world.client.create_run(experiment, run_name=f"run-{i}", start_time=1_700_000_000_000 + i).info.run_id for i in range(4)]
    open_runs(page, world, f"?exp={experiment}&sel={ids[0]},{ids[1]}")
    page.get_by_text("2 runs chosen").wait_for()
    page.watch.allow("/runs/set-tag")
    page.get_by_role("region", name="Chosen runs").get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    assert "run-0, run-1" in dialog.inner_text()
    dialog.get_by_label("Tag").fill("stage <b>")
    dialog.get_by_label("Value").fill("=1+1")
    dialog.get_by_role("button", name="Set tag").click()
    dialog.locator(".problem").wait_for()  # the server says what a key may look like
    dialog.get_by_label("Tag").fill("stage")
    dialog.get_by_role("button", name="Set tag").click()
    dialog.wait_for(state="hidden")
    assert all(world.client.get_run(r).data.tags["stage"] == "=1+1" for r in ids[:2])
    page.get_by_role("region", name="Chosen runs").get_by_role("button", name="Delete").click()
    assert "restored" in dialog.inner_text()
    shot(page, "runs-delete")
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_function("() => document.querySelector('[role=grid]').getAttribute('aria-rowcount') === '3'")
    assert [world.client.get_run(r).info.lifecycle_stage for r in ids] == ["deleted", "deleted", "active", "active"]
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Deleted runs").click()
    wait_first(page, "run-1")
    page.locator(".grid-row [data-pick]").first.click()
    page.get_by_role("region", name="Chosen runs").get_by_role("button", name="Restore").click()
    dialog.get_by_role("button", name="Restore").click()
    page.wait_for_function("() => document.querySelector('[role=grid]').getAttribute('aria-rowcount') === '2'")
    assert sorted(world.client.get_run(r).info.lifecycle_stage for r in ids) == ["active", "active", "active", "deleted"]


def test_all_that_match_are_chosen_and_acted_on(world, page):
    """Rows that are not loaded are chosen as well, but for those taken out; the address holds it; acts go through all of them, in the order that the page showed."""
    n = 230
    experiment = world.client.create_experiment("many acts")
    ids = [world.client.create_run(experiment, run_name=f"bulk-{i:03}", start_time=1_700_000_000_000 + i).info.run_id for i in range(n)]
    prefer(page, **{"runs.strip": False})
    open_runs(page, world, f"?exp={experiment}&q=bulk&sort=name")
    page.get_by_role("checkbox", name="Select all").click()
    bar = page.get_by_role("region", name="Chosen runs")
    bar.get_by_text(f"All {n} runs that match are chosen").wait_for()
    page.locator(".grid-row [data-pick]").nth(1).click()
    bar.get_by_text(f"{n - 1} runs chosen").wait_for()
    page.reload()
    bar.get_by_text(f"{n - 1} runs chosen").wait_for()
    assert page.locator(".grid-row:not(.chosen) .first").all_inner_texts() == ["bulk-001"]
    bar.get_by_role("link", name="Compare").click()
    page.get_by_role("heading", name=f"Compare {n - 1} runs").wait_for()
    assert len(page.url) < 300
    page.go_back()
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    assert f"{n - 1} of the runs that the filter finds" in dialog.inner_text()
    dialog.get_by_label("Tag").fill("wave")
    dialog.get_by_label("Value").fill("2")
    dialog.get_by_role("button", name="Set tag").click()
    dialog.wait_for(state="hidden")
    tagged = {r.info.run_id for r in world.client.search_runs([experiment], "tags.wave = '2'", max_results=1000)}
    assert tagged == set(ids) - {ids[1]}
    bar.get_by_role("button", name="Delete").click()
    assert dialog.get_by_role("button", name="Delete").is_disabled()  # so many are typed first
    dialog.get_by_label(f"Type {n - 1} to confirm").fill(str(n - 1))
    shot(page, "runs-delete-all")
    dialog.get_by_role("button", name="Delete").click()
    dialog.wait_for(state="hidden")
    page.wait_for_function("() => document.querySelector('[role=grid]').getAttribute('aria-rowcount') === '2'")
    assert [r.info.run_id for r in world.client.search_runs([experiment])] == [ids[1]]


def test_an_act_that_fails_says_how_far_it_came(world, page):
    experiment = world.client.create_experiment("failing acts")
    for i in range(30):
        world.client.create_run(experiment, run_name=f"fail-{i:02}", start_time=1_700_000_000_000 + i)
    prefer(page, **{"runs.strip": False})
    open_runs(page, world, f"?exp={experiment}")
    page.watch.allow("/runs/set-tag")
    calls = []
    page.route("**/runs/set-tag", lambda route: (calls.append(1), route.fulfill(status=500, content_type="application/json", body='{"message": "the disk is full"}') if len(calls) > 10 else route.continue_()))
    page.locator(".grid-table").focus()
    page.keyboard.press("Control+a")
    bar = page.get_by_role("region", name="Chosen runs")
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Tag").fill("k")
    dialog.get_by_role("button", name="Set tag").click()
    problem = dialog.locator(".problem")
    problem.wait_for()
    done = len(world.client.search_runs([experiment], "tags.k = ''", max_results=100))
    assert f"{done} of 30 were done. the disk is full" in problem.inner_text() and done == 10


def test_a_choice_of_many_outlives_a_reload(world, page):
    """More than an address holds: the list is kept in this browser, and elsewhere the page says so."""
    ids = [r.info.run_id for r in world.client.search_runs([world.sweep], max_results=1000)]
    more = world.client.create_experiment("kept choice")
    ids += [world.client.create_run(more, run_name=f"kept-{i}").info.run_id for i in range(90)]
    prefer(page, **{"runs.strip": False})
    page.goto(world.url + "/runs")
    page.evaluate("lists => localStorage.setItem('ingot.runs.lists', JSON.stringify(lists))", [{"name": "~abc", "ids": ids}])
    open_runs(page, world, "?sel=~abc")
    page.get_by_text(f"{len(ids)} runs chosen").wait_for()
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("heading", name=f"Compare {len(ids)} runs").wait_for()
    assert len(page.url) < 200
    page.reload()
    page.get_by_role("heading", name=f"Compare {len(ids)} runs").wait_for()
    page.goto(world.url + "/compare?runs=~nobody")
    page.get_by_text("This choice is not known here").wait_for()


def test_the_row_in_focus_stays_in_focus_when_runs_come(world, page):
    experiment = world.client.create_experiment("focus")
    for i in range(8):
        world.client.create_run(experiment, run_name=f"row-{i}", start_time=1_700_000_000_000 + i)
    prefer(page, **{"runs.strip": False})
    open_runs(page, world, f"?exp={experiment}")
    table = page.locator(".grid-table")
    table.focus()
    for key in ("Home", "ArrowDown", "ArrowDown"):
        table.press(key)
    active = "() => document.querySelector('.grid-row.active .first')?.innerText.trim()"
    assert page.evaluate(active) == "row-5"
    world.client.create_run(experiment, run_name="newest", start_time=1_700_000_001_000)
    wait_first(page, "newest")
    page.wait_for_function(f"() => ({active})() === 'row-5'")
    table.press(" ")
    page.wait_for_function("() => document.querySelector('.grid-row.chosen .first')?.innerText.trim() === 'row-5'")


def test_back_while_the_filter_has_the_focus(world, page):
    open_runs(page, world, f"?exp={world.sweep}&q=train-00")
    page.get_by_role("navigation", name="Experiments").get_by_role("link", name="other").click()
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("other-1")
    box.press("Enter")
    wait_first(page, "other-1")
    page.go_back()
    page.wait_for_function("() => document.querySelector('.filter-box input').value === 'train-00'")
    assert box.evaluate("e => e === document.activeElement")


def test_experiments_are_made_renamed_deleted_and_restored(world, page):
    open_runs(page, world)
    counts = {x["name"]: x["runs"] for x in call(world.url + "/api/ingot/v1/experiments")["experiments"]}
    assert counts["sweep <b>1</b>"] == RUNS and counts["other"] == 3
    side = page.get_by_role("navigation", name="Experiments")
    assert f"sweep <b>1</b> {RUNS}" in texts(page, ".experiment")
    side.get_by_role("link", name="other").click()
    wait_first(page, "other-2")
    side.get_by_role("link", name="sweep <b>1</b>").click(modifiers=["Control"])
    page.wait_for_function(f"() => document.querySelector('[role=grid]').getAttribute('aria-rowcount') === '{RUNS + 4}'")
    side.get_by_role("button", name="New experiment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("brand new")
    dialog.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="brand new").wait_for()
    page.get_by_text("No run fits this filter.").wait_for()
    made = world.client.get_experiment_by_name("brand new")
    more = lambda name: page.get_by_role("button", name=f"More for {name}").click()
    more("brand new")
    page.get_by_role("button", name="Rename").click()
    dialog.get_by_label("Name").fill("newer")
    dialog.get_by_role("button", name="Rename").click()
    side.get_by_role("link", name="newer").wait_for()
    assert world.client.get_experiment(made.experiment_id).name == "newer"
    more("newer")
    page.get_by_role("button", name="Delete").click()
    assert "0 runs" in dialog.inner_text()
    dialog.get_by_role("button", name="Delete").click()
    side.get_by_role("link", name="newer").wait_for(state="hidden")
    assert world.client.get_experiment(made.experiment_id).lifecycle_stage == "deleted"
    side.get_by_role("button", name="1 deleted").click()
    more("newer")
    page.get_by_role("button", name="Restore").click()
    dialog.get_by_role("button", name="Restore").click()
    side.get_by_role("button", name="1 deleted").wait_for(state="hidden")
    assert world.client.get_experiment(made.experiment_id).lifecycle_stage == "active"


def test_hostile_names_are_text_and_the_file_holds_no_formulas(world, page):
    experiment = world.client.create_experiment("hostile")
    names = HOSTILE + ["@SUM(A1:A9)", "+1+1", "-2+3", "n" * 5000]
    for i, name in enumerate(names):
        run = world.client.create_run(experiment, run_name=name, start_time=1_700_000_000_000 + i, tags={"t": name[:4000]})
        world.client.log_param(run.info.run_id, "p", name)
    world.client.rename_experiment(experiment, "<img src=x onerror=alert(1)>")
    open_runs(page, world, f"?exp={experiment}&sort=started&cols=params.p,tags.t")
    shown = page.evaluate("""() => [...document.querySelectorAll(".grid-row")].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(r => [...r.querySelectorAll("bdi")].map(e => e.textContent))""")
    for name, cells in zip(names, shown):
        assert len(cells) == 3
        for c in cells:
            assert c == name[:200].replace("\u202e", "\ufffd") + ("…" if len(name) > 200 else "")
    harmless(page)
    fits_width(page)
    shot(page, "runs-hostile")
    with page.expect_download() as made:
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("button", name="Download as CSV").click()
    text = open(made.value.path(), encoding="utf-8-sig", newline="").read()
    rows = list(csv.reader(text.splitlines(keepends=True)))
    assert rows[0] == ["run_id", "name", "params.p", "tags.t"] and len(rows) == len(names) + 1
    for name, row in zip(names, rows[1:]):
        for value in row[1:]:
            assert not re.match(r"[=+\-@\t\r]", value) and value in (name, "'" + name, name[:4000], "'" + name[:4000])


def test_colour_and_eye(world, page):
    open_runs(page, world, f"?exp={world.sweep}&sort=name")
    page.get_by_role("button", name="Colour of train-000").click()
    page.get_by_role("dialog").get_by_role("button", name="Colour 2", exact=True).click()
    page.wait_for_function("() => getComputedStyle(document.querySelector('[aria-label=\"Colour of train-000\"]')).color === 'rgb(212, 77, 70)'")
    page.get_by_role("button", name="Hide train-001 in charts").click()
    page.get_by_role("button", name="Show train-001 in charts").wait_for()
    page.reload()
    page.get_by_role("button", name="Show train-001 in charts").wait_for()


def test_nothing_there_says_what_fills_it(tmp_path, browser):
    with server(tmp_path / "data") as s, opened(browser, "runs-empty") as page:
        page.goto(s.url + "/runs")
        page.get_by_text("No runs yet").wait_for()
        lines = page.locator(".command code").inner_text()
        assert f'mlflow.set_tracking_uri("{s.url}")' in lines
        shot(page, "runs-empty")
        exec(lines, {})  # and they do fill it
        page.wait_for_selector(".grid-row .first a")


def test_a_server_that_is_gone_is_told_and_comes_back(tmp_path, browser):
    with server(tmp_path / "data") as s, opened(browser, "runs-gone") as page:
        client = mlflow.MlflowClient(s.url)
        client.create_run("0", run_name="first")
        page.goto(s.url + "/runs")
        page.wait_for_selector(".grid-row .first a")
        page.watch.allow("127.0.0.1")
        page.watch.allow("events")
        s.stop()
        page.get_by_role("columnheader", name="Name").click()
        page.get_by_text("does not answer").first.wait_for()
        assert "first" in page.inner_text("main") or page.get_by_role("button", name="Try again").count()


def test_phone_dark_and_chinese(world, browser):
    with opened(browser, "runs-phone", viewport=PHONE) as page:
        open_runs(page, world, f"?exp={world.sweep}")
        fits_width(page)
        box = page.locator(".grid-table")
        assert box.evaluate("e => e.scrollWidth > e.clientWidth")  # wide, within its own box
        box.evaluate("e => { e.scrollLeft = 300; }")
        assert page.locator(".grid-row .first").first.bounding_box()["x"] < 120  # the name stays
        page.get_by_role("button", name="Experiments").click()
        page.get_by_role("link", name="other").wait_for()
        fits_width(page)
        shot(page, "runs-phone")
    with opened(browser, "runs-dark", color_scheme="dark") as page:
        open_runs(page, world, f"?exp={world.sweep}&sort=metrics.val/loss")
        shot(page, "runs-dark")
    with opened(browser, "runs-chinese") as page:
        prefer(page, language="zh")
        open_runs(page, world, f"?exp={world.sweep}")
        page.get_by_text("130 个运行").wait_for()
        assert not re.search(r"\b(Columns|Views|Experiments|Status|Started|Finished)\b", page.inner_text("main"))
        shot(page, "runs-chinese")


def test_search_everything(world, page):
    experiment = world.client.create_experiment("findable things")
    run = world.client.create_run(experiment, run_name="Find-Me <script>")
    found = call(world.url + "/api/ingot/v1/search?q=find&limit=12")["results"]
    assert [(r["kind"], r["name"]) for r in found] == [("experiment", "findable things"), ("run", "Find-Me <script>")]
    assert found[1]["id"] == run.info.run_id and found[1]["detail"] == "findable things"
    assert call(world.url + "/api/ingot/v1/search?q=%27%25")["results"] == []
    by_id = call(world.url + f"/api/ingot/v1/search?q={run.info.run_id[:12]}")["results"]
    assert [r["id"] for r in by_id] == [run.info.run_id]
    open_runs(page, world)
    page.keyboard.press("/")
    page.keyboard.type("findable")
    page.locator("#found li", has_text="findable things").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="findable things").wait_for()


def test_windows_of_the_api(world):
    """The route itself: any window of one order, only the columns that were asked for, errors with their field."""
    def ask(**body):
        return call(world.url + "/api/ingot/v1/runs/search", {"experiments": [world.sweep], **body})
    first = ask(limit=50, columns=["metrics.accuracy", "params.lr"], sort=["metrics.accuracy DESC"])
    again = ask(limit=50, offset=25, version=first["version"], sort=["metrics.accuracy DESC"])
    assert [r["id"] for r in first["rows"][25:]] == [r["id"] for r in again["rows"][:25]] and again["version"] == first["version"]
    assert again["rows"][0]["values"] == [] and len(first["rows"][0]["values"]) == 2
    assert ask(offset=10 ** 6)["rows"] == []
    tops = call(world.url + "/api/ingot/v1/runs/tops", {"experiments": [world.sweep], "metrics": ["accuracy", "nothing"]})["tops"]
    values = [r.data.metrics["accuracy"] for r in world.client.search_runs([world.sweep], max_results=1000) if "accuracy" in r.data.metrics]
    assert tops == {"accuracy": [min(values), max(values)]}
    for body, field in (({"limit": 0}, "limit"), ({"columns": ["x"]}, "columns[0]"), ({"columns": ["params.*"]}, "columns[0]"), ({"view": "x"}, "view"), ({"experiments": ["x"]}, "experiments[0]"),
                        ({"sort": [None]}, "sort[0]"), ({"offset": -1}, "offset"), ({"filter": "metrics.a >"}, None)):
        with pytest.raises(urllib.error.HTTPError) as e:
            ask(**body)
        answer = json.loads(e.value.read())
        assert e.value.code == 400 and (field is None or answer["field"] == field), (body, answer)
