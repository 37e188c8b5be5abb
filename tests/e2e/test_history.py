"""Metric histories: the same random points logged to Ingot and to a real `mlflow server`, read back in every way and compared."""
import json
import random
import threading
import urllib.error
import urllib.request

import pytest
from ingot_server import IngotServer
from mlflow.tracking import MlflowClient

API, AJAX = "/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"
STAMP = 1700000000000


def ask(url, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def read(url, path):
    status, text = ask(url, path)
    assert status == 200, (path, status, text)
    return json.loads(text)


def new_run(url):
    status, text = ask(url, API + "runs/create", {"experiment_id": "0", "start_time": 1})
    assert status == 200, text
    return json.loads(text)["run"]["info"]["run_id"]


def log(url, run_id, points, key="loss"):
    for i in range(0, len(points), 1000):
        metrics = [{"key": key, "value": v, "timestamp": t, "step": s} for t, s, v in points[i:i + 1000]]
        status, text = ask(url, API + "runs/log-batch", {"run_id": run_id, "metrics": metrics})
        assert status == 200, text


def shapes(r):
    """Histories as scripts make them, and as they should not."""
    value = lambda: r.choice([r.gauss(0, 1), r.random() * 10 ** r.randrange(-300, 300), 0.5, 0.0, "NaN", 1e308, "Infinity", "-Infinity"])  # noqa: E731
    n = r.randrange(1, 120)
    yield [(STAMP + i, i, value()) for i in range(n)]
    yield [(STAMP + r.randrange(50), r.randrange(20), value()) for i in range(n)]
    yield [(STAMP, 0, value()) for i in range(n)]
    yield [(STAMP + i, n - i, value()) for i in range(n)]
    yield [(r.choice([0, 1, 2**62]), r.choice([-(2**62), -1, 0, 2**62]), value()) for i in range(n)]


def test_random_histories_are_answered_as_upstream(server, peer):
    r = random.Random(20260901)
    for _ in range(6):
        series = list(shapes(r))
        r.shuffle(series)
        views = []
        questions = ["", "&max_results=1", f"&max_results={r.randrange(1, 40)}", f"&max_results={r.randrange(1, 200)}"]
        for _ in range(4):
            low = r.randrange(-5, 60)
            questions.append(f"&max_results={r.randrange(1, 30)}&start_step={low}&end_step={low + r.randrange(0, 60)}")
        page = r.randrange(1, 50)
        for url in (server.url, peer.url):
            runs = [new_run(url) for _ in series]
            for run_id, points in zip(runs, series):
                log(url, run_id, points)
            names = {run_id: i for i, run_id in enumerate(runs)}
            view = []
            for run_id in runs:
                whole = read(url, f"{API}metrics/get-history?run_id={run_id}&metric_key=loss")["metrics"]
                paged, token = [], ""
                while token is not None:
                    answer = read(url, f"{API}metrics/get-history?run_id={run_id}&metric_key=loss&max_results={page}" + (f"&page_token={token}" if token else ""))
                    paged += answer.get("metrics", [])
                    token = answer.get("next_page_token")
                assert paged == whole
                view.append([(m["key"], m["timestamp"], m["step"], m["value"]) for m in whole])
            asked = "".join(f"&run_ids={run_id}" for run_id in runs + runs[:1])
            for q in questions:
                for prefix in (API, AJAX):
                    answer = read(url, f"{prefix}metrics/get-history-bulk-interval?metric_key=loss{asked}{q}")
                view.append([(names[m["run_id"]], m["key"], m["timestamp"], m["step"], m["value"]) for m in answer.get("metrics", [])])
            for most in ("", "&max_results=0", "&max_results=17", "&max_results=99999"):
                # One run at a time: several are ordered by their random ids.
                for run_id in runs:
                    text = ask(url, f"{AJAX}metrics/get-history-bulk?metric_key=loss&run_id={run_id}&run_id={run_id}{most}")[1]
                    view.append([(m["key"], m["timestamp"], m["step"], str(m["value"])) for m in json.loads(text)["metrics"]])
            views.append(view)
        for ours, theirs in zip(*views):
            assert ours == theirs


def test_runs_of_a_bulk_read_come_by_id(server):
    runs = [new_run(server.url) for _ in range(5)]
    for run_id in runs:
        log(server.url, run_id, [(1, 1, 0.5), (2, 2, 0.25)])
    asked = "".join(f"&run_id={run_id}" for run_id in runs)
    got = read(server.url, f"{AJAX}metrics/get-history-bulk?metric_key=loss{asked}&max_results=5")["metrics"]
    assert [m["run_id"] for m in got] == sorted(runs * 2)[:5]


BAD = [
    "metrics/get-history", "metrics/get-history?run_id=x", "metrics/get-history?metric_key=x", "metrics/get-history?run_id=&metric_key=x",
    "metrics/get-history?run_id=x&metric_key=m&max_results=0", "metrics/get-history?run_id=x&metric_key=m&max_results=-3",
    "metrics/get-history?run_id=x&metric_key=m&page_token=abc", "metrics/get-history?run_id=nosuch&metric_key=m",
    "metrics/get-history-bulk?metric_key=m", "metrics/get-history-bulk?run_id=x", "metrics/get-history-bulk?metric_key=m" + "&run_id=x" * 101,
    "metrics/get-history-bulk?metric_key=m&run_id=nosuch",
    "metrics/get-history-bulk-interval", "metrics/get-history-bulk-interval?run_ids=x", "metrics/get-history-bulk-interval?metric_key=m",
    "metrics/get-history-bulk-interval?run_ids=x&metric_key=", "metrics/get-history-bulk-interval?run_ids=&metric_key=m",
    "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&max_results=0", "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&max_results=2501",
    "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&max_results=x", "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&max_results=1.5",
    "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&start_step=1", "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&end_step=1",
    "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&start_step=3&end_step=1", "metrics/get-history-bulk-interval?run_ids=x&metric_key=m&start_step=a&end_step=1",
    "metrics/get-history-bulk-interval?metric_key=m" + "&run_ids=x" * 101, "metrics/get-history-bulk-interval?run_ids=nosuch&metric_key=m",
]


@pytest.mark.parametrize("question", BAD, ids=[b[:70] for b in BAD])
def test_refusals_are_upstreams(server, peer, question):
    ours, theirs = (ask(url, AJAX + question) for url in (server.url, peer.url))
    a, b = json.loads(ours[1]), json.loads(theirs[1])
    assert (ours[0], a.get("error_code"), a.get("message"), a.get("metrics")) == (theirs[0], b.get("error_code"), b.get("message"), b.get("metrics"))


def test_what_upstream_breaks_on_is_refused(server):
    """Upstream ignores the first (and answers everything) and fails with 500 on the second."""
    for question in ("metrics/get-history?run_id=x&metric_key=m&max_results=x", "metrics/get-history-bulk?run_id=x&metric_key=m&max_results=x",
                     "metrics/get-history-bulk?run_id=x&metric_key=m&max_results=-1"):
        status, text = ask(server.url, AJAX + question)
        assert status == 400 and "max_results" in json.loads(text)["message"]


def test_long_histories_are_streamed_whole(server):
    run_id, n = new_run(server.url), 120000
    log(server.url, run_id, [(STAMP + i, i, 1 / (1 + i)) for i in range(n)])
    path = f"{API}metrics/get-history?run_id={run_id}&metric_key=loss"
    with urllib.request.urlopen(server.url + path) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        metrics = json.loads(answer.read())["metrics"]
    assert len(metrics) == n and all(m["step"] == i and m["value"] == 1 / (1 + i) for i, m in enumerate(metrics))
    # A peer that leaves in the middle hurts nobody.
    answer = urllib.request.urlopen(server.url + path)
    answer.read(1000)
    answer.close()
    history = MlflowClient(server.url).get_metric_history(run_id, "loss")  # pages of 25000
    assert [m.step for m in history] == list(range(n))
    sample = read(server.url, f"{AJAX}metrics/get-history-bulk-interval?run_ids={run_id}&metric_key=loss&max_results=320")["metrics"]
    assert len(sample) == 320 and sample[0]["step"] == 0 and sample[-1]["step"] == n - 1
    assert [m["step"] for m in sample[:-1]] == [i * 375 for i in range(319)]


def test_charts_of_a_live_run_never_show_less_than_was_acknowledged(server):
    """Readers poll while points come in order, late, and twice."""
    run_id, acknowledged, failures = new_run(server.url), [0], []
    r = random.Random(5)

    def poll():
        while acknowledged[0] < 3000 and not failures:
            before = acknowledged[0]
            got = read(server.url, f"{API}metrics/get-history?run_id={run_id}&metric_key=loss").get("metrics", [])
            order = [(m["timestamp"], m["step"]) for m in got]
            if len(got) < before or order != sorted(order) or len({m["step"] for m in got}) != len(got):
                failures.append((before, len(got)))

    threads = [threading.Thread(target=poll) for _ in range(3)]
    for t in threads:
        t.start()
    for i in range(0, 3000, 20):
        points = [(STAMP + 10 * k - r.randrange(300), k, float(k)) for k in range(i, i + 20)]
        log(server.url, run_id, points + points[:3])
        acknowledged[0] = i + 20
    for t in threads:
        t.join()
    assert not failures


def test_two_servers_on_one_database_see_each_others_points(postgres, tmp_path):
    db = postgres.database("history")
    with IngotServer(tmp_path / "a", "--db", db) as a, IngotServer(tmp_path / "b", "--db", db) as b:
        run_id = new_run(a.url)
        for turn, (writer, reader) in enumerate([(a, b), (b, a), (a, b), (a, a), (b, b)]):
            base = STAMP + (turn if turn != 2 else -1000)  # the third batch lies before all others
            log(writer.url, run_id, [(base + 10 * i, 100 * turn + i, float(i)) for i in range(50)])
            for url in (reader.url, writer.url):
                got = read(url, f"{API}metrics/get-history?run_id={run_id}&metric_key=loss")["metrics"]
                assert len(got) == 50 * (turn + 1)
                assert sorted(m["step"] for m in got) == [100 * k + i for k in range(turn + 1) for i in range(50)]


def test_comparison(server):
    url = server.url
    runs = [new_run(url) for _ in range(3)]
    for i, run_id in enumerate(runs):
        log(url, run_id, [(STAMP + 10 * k, k, (-1) ** k * k / (i + 1)) for k in range(1000)])
        assert ask(url, API + "runs/log-parameter", {"run_id": run_id, "key": "lr", "value": str(i // 2)})[0] == 200
    status, text = ask(url, "/api/ingot/v1/runs/compare", {"run_ids": runs})
    table = json.loads(text)
    assert status == 200 and table["params"] == [{"key": "lr", "differs": True, "values": ["0", "0", "1"]}]
    status, text = ask(url, "/api/ingot/v1/metrics/chart", {"run_ids": runs, "metric": "loss", "points": 10, "smoothing": {"kind": "ema", "weight": 0.6}})
    lines = json.loads(text)["lines"]
    assert status == 200 and [line["run_id"] for line in lines] == runs
    for i, line in enumerate(lines):
        assert line["count"] == [100] * 10 and max(line["max"]) == 998 / (i + 1) and min(line["min"]) == -999 / (i + 1)
        assert line["x"] == [100.0 * k for k in range(10)] and len(line["smooth"]) == 10
    status, text = ask(url, "/api/ingot/v1/metrics/chart", {"run_ids": runs, "metric": "loss", "points": 10, "group_by": {"param": "lr"}})
    groups = json.loads(text)["lines"]
    assert status == 200 and [(g["group"], g["run_ids"]) for g in groups] == [("0", runs[:2]), ("1", runs[2:])]
    assert groups[0]["count"] == [2] * 10 and groups[1]["std"] == [None] * 10
