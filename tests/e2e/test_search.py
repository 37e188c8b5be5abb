"""Searches over HTTP: what MLflow's clients ask, what is ours beyond that, pages, and searches while others write."""
import json
import os
import tempfile
import threading
import urllib.error
import urllib.request

import pytest
from ingot_server import IngotServer
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.tracking import MlflowClient

API, AJAX = "/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"


def ask(server, path, body):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())


def search(server, **body):
    status, answer = ask(server, API + "runs/search", body)
    assert status == 200, answer
    return answer


def names(answer):
    return [r["info"]["run_name"] for r in answer.get("runs", [])]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request):
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        database = ["--db", request.getfixturevalue("postgres").database("search")] if request.param == "postgres" else []
        with IngotServer(os.path.join(folder, "data"), *database) as s:
            yield s


@pytest.fixture(scope="module")
def world(server):
    """Two experiments with forty runs each."""
    client = MlflowClient(server.url)
    experiments = [client.create_experiment(f"search-{i}") for i in range(2)]
    for k, experiment in enumerate(experiments):
        for i in range(40):
            run = client.create_run(experiment, start_time=1000 + i, run_name=f"{k}-{i:02}", tags={"team": ["vision", "Speech"][i % 2]}).info.run_id
            metrics = [Metric("loss", i / 10, 1, 0)] + ([Metric("acc", float("nan") if i == 7 else 1 - i / 100, 1, 0)] if i % 3 else [])
            client.log_batch(run, metrics, [Param("lr", f"{10 ** -(i % 4):g}"), Param("note", f"n{i}")], [RunTag("even", str(i % 2 == 0))])
    return experiments


def test_client(server, world):
    client = MlflowClient(server.url)
    found = client.search_runs(world[:1], "metrics.loss > 1 and params.lr = '0.01' and tags.team ILIKE 'VIS%'", order_by=["metrics.loss DESC"])
    assert [r.info.run_name for r in found] == [f"0-{i:02}" for i in (38, 34, 30, 26, 22, 18, 14)]
    seen, token = [], None
    while True:
        page = client.search_runs(world, "", ViewType.ACTIVE_ONLY, 7, ["metrics.acc ASC", "params.note"], token)
        seen += [r.info.run_id for r in page]
        token = page.token
        if not token:
            break
        assert len(page) == 7
    assert len(seen) == len(set(seen)) == 80
    one = client.search_runs(world, f"run_id IN ('{seen[3]}', '{seen[77]}')")
    assert {r.info.run_id for r in one} == {seen[3], seen[77]}
    assert client.search_runs([], "") == []


def test_beyond(server, world):
    ids = world[:1]
    either = search(server, experiment_ids=ids, filter="metrics.loss < 0.2 OR (params.lr = '1' AND metrics.loss > 3)", order_by=["metrics.loss"])
    assert names(either) == ["0-00", "0-01", "0-32", "0-36"]
    assert names(search(server, experiment_ids=ids, filter="params.note IN ('n3', 'n5', 'x')")) == ["0-05", "0-03"]
    assert names(search(server, experiment_ids=ids, filter="metrics.loss IN (0.1, 0.3) AND metrics.acc IS NOT NULL")) == ["0-01"]
    assert search(server, experiment_ids=ids, count_only=True, filter="tags.even = 'True'") == {"total": 20}
    page = search(server, experiment_ids=ids, include_total=True, max_results=3)
    assert page["total"] == 40 and len(page["runs"]) == 3 and page["next_page_token"]
    few = search(server, experiment_ids=ids, columns=["metrics.loss", "params.lr", "tags.nope"], max_results=1)["runs"][0]
    assert [m["key"] for m in few["data"]["metrics"]] == ["loss"] and [p["key"] for p in few["data"]["params"]] == ["lr"]
    assert "tags" not in few["data"] and few["info"]["run_name"] == "0-39"
    bare = search(server, experiment_ids=ids, columns=["attributes.*"], max_results=1)["runs"][0]
    assert not {"metrics", "params", "tags"} & set(bare["data"])
    full = search(server, experiment_ids=ids, max_results=1)["runs"][0]
    starred = search(server, experiment_ids=ids, max_results=1, columns=["metrics.*", "params.*", "tags.*", "inputs", "outputs"])["runs"][0]
    assert full == starred
    everywhere = search(server, all_experiments=True, filter="run_name LIKE '_-0_' AND params.note != 'n3'", max_results=100)
    assert len(names(everywhere)) == 18 and names(search(server)) == []


def test_refusals(server, world):
    for body, code, part in [({"filter": "metrics.loss >"}, 400, "Expected numeric"), ({"page_token": "abcd"}, 400, "page token"), ({"page_token": "eyJvZmZzZXQiOiAtMX0="}, 400, "page token"),
                             ({"order_by": ["metrics.loss", "metrics.loss DESC"]}, 400, "duplicate"), ({"columns": ["loss"]}, 400, "Invalid column"), ({"max_results": 50001}, 400, "max_results"),
                             ({"max_results": 0}, 400, "positive integer"), ({"filter": "(" * 300}, 413, "nests"), ({"filter": "params.x = 'a'" + " OR params.x = 'a'" * 300}, 413, "clauses"), ({"columns": ["metrics.a"] * 1001}, 400, "columns"),
                             ({"filter": "x'; DROP TABLE track_run; --"}, 400, "Invalid")]:
        status, answer = ask(server, API + "runs/search", {"experiment_ids": world, **body})
        assert status == code and part in answer["message"], (body, status, answer)
    status, answer = ask(server, API + "runs/search", {"experiment_ids": ["x"]})
    assert status == 400 and "Invalid experiment ID 'x'" in answer["message"], answer


def test_own_writes_are_seen(server):
    """A search sees every write that was answered before it, also while other searches and writes go on."""
    client = MlflowClient(server.url)
    experiment = client.create_experiment("search-writes")
    bad, stop = [], threading.Event()

    def writer(k):
        for i in range(25):
            run = client.create_run(experiment, run_name=f"w{k}-{i}").info.run_id
            client.log_metric(run, "v", k * 1000 + i)
            client.set_tag(run, "mark", f"{k}/{i}")
            found = names(search(server, experiment_ids=[experiment], filter=f"metrics.v = {k * 1000 + i} AND tags.mark = '{k}/{i}'"))
            if found != [f"w{k}-{i}"]:
                bad.append((k, i, found))
            if i % 5 == 0:
                client.delete_run(run)
                if names(search(server, experiment_ids=[experiment], filter=f"metrics.v = {k * 1000 + i}")):
                    bad.append((k, i, "deleted"))

    def reader():
        while not stop.is_set():
            answer = search(server, experiment_ids=[experiment], run_view_type="ALL", order_by=["metrics.v DESC"], include_total=True, max_results=10)
            if len(answer.get("runs", [])) != min(10, answer["total"]):
                bad.append(("page", answer["total"], len(answer.get("runs", []))))

    threads = [threading.Thread(target=writer, args=(k,)) for k in range(4)] + [threading.Thread(target=reader) for _ in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads[:4]]
    stop.set()
    [t.join() for t in threads[4:]]
    assert not bad, bad[:5]
    assert search(server, experiment_ids=[experiment], count_only=True, run_view_type="ALL") == {"total": 100}
    client.delete_experiment(experiment)
    assert search(server, experiment_ids=[experiment], count_only=True) == {"total": 0}
    client.restore_experiment(experiment)
    assert search(server, experiment_ids=[experiment], count_only=True) == {"total": 100}


def test_two_servers(postgres):
    """What one server acknowledged, the other finds: each keeps its own columns."""
    url = postgres.database("search_two")
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder, IngotServer(f"{folder}/a", "--db", url) as a, IngotServer(f"{folder}/b", "--db", url) as b:
        clients = [MlflowClient(s.url) for s in (a, b)]
        for i in range(30):
            here, there = clients[i % 2], [a, b][(i + 1) % 2]
            run = here.create_run("0", run_name=f"r{i}").info.run_id
            here.log_metric(run, "v", i)
            assert names(search(there, experiment_ids=["0"], filter=f"metrics.v = {i}")) == [f"r{i}"]
            here.log_metric(run, "v", -i - 1, step=1)
            assert names(search(there, experiment_ids=["0"], filter=f"metrics.v = {-i - 1} AND run_name = 'r{i}'")) == [f"r{i}"]
            here.delete_run(run)
            assert search(there, experiment_ids=["0"], count_only=True) == {"total": 0}
        assert search(a, experiment_ids=["0"], count_only=True, run_view_type="ALL") == {"total": 30}


def test_restart():
    """What the columns held comes back from the database."""
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        data = os.path.join(folder, "data")
        body = {"experiment_ids": ["0"], "filter": "metrics.m > 1 AND params.p LIKE '%a%'", "order_by": ["metrics.m"]}
        with IngotServer(data) as s:
            client = MlflowClient(s.url)
            for i in range(6):
                run = client.create_run("0", run_name=f"r{i}", start_time=i).info.run_id
                client.log_batch(run, [Metric("m", i, 1, 0)], [Param("p", f"{i}ab")])
            before = search(s, **body)
            assert names(before) == ["r2", "r3", "r4", "r5"]
        with IngotServer(data) as s:
            assert search(s, **body) == before


def test_datasets(server):
    client = MlflowClient(server.url)
    experiment = client.create_experiment("search-datasets")
    for name, digest, context in [("b", "1", "train"), ("a", "2", None), ("b", "1", "train"), ("b", "1", "test")]:
        run = client.create_run(experiment).info.run_id
        tags = [{"key": "mlflow.data.context", "value": context}] if context else []
        assert ask(server, API + "runs/log-inputs", {"run_id": run, "datasets": [{"tags": tags, "dataset": {"name": name, "digest": digest, "source_type": "t", "source": "s"}}]})[0] == 200
    want = {"dataset_summaries": [{"experiment_id": experiment, "name": "a", "digest": "2"}, {"experiment_id": experiment, "name": "b", "digest": "1", "context": "test"},
                                  {"experiment_id": experiment, "name": "b", "digest": "1", "context": "train"}]}
    for path in [AJAX + "experiments/search-datasets", API + "experiments/search-datasets", "/api/2.0mlflow/experiments/search-datasets", "/ajax-api/2.0mlflow/experiments/search-datasets"]:
        assert ask(server, path, {"experiment_ids": [experiment, experiment, "987654321"]}) == (200, want)
    status, answer = ask(server, AJAX + "experiments/search-datasets", {})
    assert status == 400 and answer["message"] == "SearchDatasets request must specify at least one experiment_id."
    status, answer = ask(server, AJAX + "experiments/search-datasets", {"experiment_ids": [experiment] * 21})
    assert status == 400 and "cannot specify more than 20 experiment_ids. Received 21" in answer["message"]
    found = names(search(server, experiment_ids=[experiment], filter="dataset.name = 'b' AND dataset.context = 'test'"))
    assert len(found) == 1


def test_logged_models(server):
    client = MlflowClient(server.url)
    experiment = client.create_experiment("search-models")
    run = client.create_run(experiment).info.run_id
    ids = []
    for i in range(5):
        m = client.create_logged_model(experiment, f"net{i}", run, params={"depth": str(i)}, tags={"team": "vision"})
        ids.append(m.model_id)
        client.log_metric(run, "auc", i / 10, step=i, model_id=m.model_id, dataset_name="d", dataset_digest=f"x{i % 2}")
    order = [{"field_name": "metrics.auc", "ascending": False, "dataset_name": "d"}]
    found = client.search_logged_models([experiment], "params.depth != '0' AND metrics.auc > 0.1", order_by=order)
    assert [m.model_id for m in found] == [ids[4], ids[3], ids[2]]
    found = client.search_logged_models([experiment], datasets=[{"dataset_name": "d", "dataset_digest": "x1"}], order_by=order)
    assert [m.model_id for m in found] == [ids[3], ids[1]]
    page = client.search_logged_models([experiment], max_results=2)
    assert len(page) == 2 and len(client.search_logged_models([experiment], max_results=2, page_token=page.token)) == 2
    status, answer = ask(server, API + "logged-models/search", {"experiment_ids": [experiment], "order_by": [{"field_name": "params.depth"}]})
    assert status == 400 and "Only metrics are supported" in answer["message"]
