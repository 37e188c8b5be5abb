"""The routes behind the table of runs, on each database: what they answer is what MLflow's own client finds."""
import json
import urllib.request

import pytest

mlflow = pytest.importorskip("mlflow", reason="needs mlflow: tests/venv.sh installs it")


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def filled(either):
    client = mlflow.MlflowClient(either.url)
    experiment = client.create_experiment("windows of runs")
    for i in range(40):
        run = client.create_run(experiment, run_name=f"w-{i:02}", start_time=1_700_000_000_000 + i % 7, tags={"team": "ab"[i % 2]})
        metrics = [mlflow.entities.Metric("m", i * 17 % 23, 1, 1)] if i % 4 else []
        client.log_batch(run.info.run_id, metrics=metrics, params=[mlflow.entities.Param("lr", str(i % 3))])
        if i % 5:
            client.set_terminated(run.info.run_id)
    return either.url, client, experiment


@pytest.mark.parametrize("filter, order", [("", "metrics.m DESC"), ("params.lr = '1'", "attributes.run_name ASC"), ("metrics.m > 4 OR tags.team = 'a'", "params.lr DESC"), ("", "attributes.start_time ASC")])
def test_windows_put_together_are_the_search(filled, filter, order):
    url, client, experiment = filled
    plain = "" if " OR " in filter else filter
    want = client.search_runs([experiment], plain, order_by=[order], max_results=1000) if not filter or plain else \
        [r for r in client.search_runs([experiment], "", order_by=[order], max_results=1000) if r.data.metrics.get("m", 0) > 4 or r.data.tags["team"] == "a"]
    got, version = [], None
    while not got or len(got) < total:
        answer = call(url + "/api/ingot/v1/runs/search", {"experiments": [int(experiment)], "filter": filter, "sort": [order], "offset": len(got), "limit": 7, "columns": ["metrics.m", "params.lr"],
                                                          **({} if version is None else {"version": version})})
        version, total = answer["version"], answer["total"]
        got += answer["rows"]
    assert [r["id"] for r in got] == [r.info.run_id for r in want]
    assert [r["values"] for r in got] == [[r.data.metrics.get("m"), r.data.params["lr"]] for r in want]


def test_names_and_counts(filled):
    url, _, experiment = filled
    known = call(f"{url}/api/ingot/v1/runs/columns?experiments={experiment}")
    assert known["whole"] and known["runs"] == 40
    assert known["metrics"] == [{"key": "m", "runs": 30}]
    lr = next(p for p in known["params"] if p["key"] == "lr")
    assert lr == {"key": "lr", "runs": 40, "distinct": 3, "values": ["0", "1", "2"]}
    assert next(t for t in known["tags"] if t["key"] == "team")["values"] == ["a", "b"]
    mine = next(x for x in call(url + "/api/ingot/v1/experiments")["experiments"] if str(x["id"]) == experiment)
    assert (mine["name"], mine["runs"], mine["running"], mine["last_ms"], mine["deleted"]) == ("windows of runs", 40, 8, 1_700_000_000_006, False)


def test_extremes_and_search(filled):
    url, client, experiment = filled
    values = [r.data.metrics["m"] for r in client.search_runs([experiment], "params.lr = '2'", max_results=1000) if "m" in r.data.metrics]
    assert call(url + "/api/ingot/v1/runs/tops", {"experiments": [experiment], "filter": "params.lr = '2'", "metrics": ["m"]})["tops"] == {"m": [min(values), max(values)]}
    found = call(url + "/api/ingot/v1/search?q=W-3&limit=40")["results"]
    assert [r["name"] for r in found if r["name"].startswith("w-")] == [f"w-{i}" for i in sorted(range(30, 40), key=lambda i: (-(i % 7), client_id(client, experiment, i)))]
    assert any(r["kind"] == "experiment" for r in call(url + "/api/ingot/v1/search?q=windows%20of")["results"])


def client_id(client, experiment, i):
    """Ties of the newest first are broken by the run's id."""
    return client.search_runs([experiment], f"attributes.run_name = 'w-{i:02}'")[0].info.run_id
