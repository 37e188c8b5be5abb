"""GraphQL: the documents of MLflow's own interface, taken from the installed wheel, and others, answered by Ingot and by a real `mlflow
server` over the same runs."""
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest

API = "/api/2.0/mlflow/"


def ask(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def graphql(url, query, variables=None, **more):
    return ask(url, "/graphql", {"query": query, **({} if variables is None else {"variables": variables}), **more})


def documents():
    """The GraphQL documents in the interface's JavaScript, by operation name."""
    found = {}
    for file in (Path(mlflow.__file__).parent / "server/js/build").rglob("*.js"):
        for text in re.findall(r"`\s*((?:query|mutation) \w+\(\$[^`]+)`", file.read_text(errors="replace")):
            found[re.match(r"\w+ (\w+)", text)[1]] = text
    return found


def post(url, path, body):
    status, answer = ask(url, API + path, body)
    assert status == 200, answer
    return answer


def make_world(url):
    """The same experiment, run and model version on both; returns the names that differ."""
    name = f"graphql-{abs(hash(url)) % 10**9}"
    experiment = post(url, "experiments/create", {"name": name, "tags": [{"key": "k", "value": 'a "quoted" \u00e9'}]})["experiment_id"]
    run = post(url, "runs/create", {"experiment_id": experiment, "run_name": "r", "user_id": "me", "start_time": 1000, "tags": [{"key": "team", "value": "x"}]})["run"]["info"]
    metrics = [{"key": "loss", "value": v, "timestamp": 10 + i, "step": i} for i, v in enumerate([0.5, 0.25, 1e300])]
    metrics += [{"key": "nan", "value": "NaN", "timestamp": 1, "step": 2**40}]
    post(url, "runs/log-batch", {"run_id": run["run_id"], "metrics": metrics, "params": [{"key": "lr", "value": "0.1"}]})
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "s", "schema": "{}", "profile": "{}"}
    post(url, "runs/log-inputs", {"run_id": run["run_id"], "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "train"}], "dataset": dataset}]})
    model = post(url, "logged-models", {"experiment_id": experiment, "name": "m", "source_run_id": run["run_id"]})["model"]["info"]["model_id"]
    post(url, "runs/outputs", {"run_id": run["run_id"], "models": [{"model_id": model, "step": 3}]})
    post(url, "registered-models/create", {"name": name})
    post(url, "model-versions/create", {"name": name, "source": f"models:/{model}", "model_id": model, "run_id": run["run_id"]})
    post(url, "runs/update", {"run_id": run["run_id"], "status": "FINISHED", "end_time": 2000})
    return {"name": name, "experiment": experiment, "run": run["run_id"], "model": model, "uri": run["artifact_uri"]}


@pytest.fixture(scope="module")
def worlds(server, peer):
    return [(url, make_world(url)) for url in (server.url, peer.url)]


def filled(x, world):
    return re.sub(r"<(\w+)>", lambda m: world[m[1]], json.dumps(x))


def plain(x, world, key=""):
    """Without what must differ: names, times of creation, places."""
    if isinstance(x, dict):
        return {k: plain(v, world, k) for k, v in x.items()}
    if isinstance(x, list):
        x = [plain(v, world) for v in x]
        return sorted(x, key=lambda v: v["key"]) if key == "tags" else x
    if key in ("creationTime", "lastUpdateTime", "creationTimestamp", "lastUpdatedTimestamp"):
        assert re.fullmatch(r"\d{13}", x)
        return "<time>"
    if key in ("artifactLocation", "artifactUri", "rootUri", "source") and re.search("[:/]", x):
        return "<place>"
    if isinstance(x, str):
        for name, value in sorted(world.items(), key=lambda kv: -len(kv[1])):
            x = x.replace(value, f"<{name}>") if len(value) > 3 or key == "experimentId" else x
    return x


def differences(a, b, path="$"):
    """Where two answers differ, as lines to read."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [line for k in sorted(set(a) | set(b)) for line in differences(a.get(k, "absent"), b.get(k, "absent"), f"{path}.{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [line for i, (x, y) in enumerate(zip(a, b)) for line in differences(x, y, f"{path}[{i}]")]
    return [] if a == b and type(a) is type(b) else [f"{path}: {a!r} is not {b!r}"]


def both(worlds, query, variables=None, **more):
    """The two answers, made comparable."""
    answers = []
    for url, world in worlds:
        status, answer = graphql(url, json.loads(filled(query, world)), json.loads(filled(variables, world)) if variables is not None else None, **more)
        answers.append((status, plain(answer, world) if isinstance(answer, dict) else answer))
    return answers


def test_the_interface_sends_the_documents_we_know():
    assert set(documents()) == {"GetRun", "MlflowGetExperimentQuery", "SearchRuns", "GetMetricHistoryBulkInterval"}


@pytest.mark.parametrize("name, variables", [
    ("GetRun", {"data": {"runId": "<run>"}}),
    ("MlflowGetExperimentQuery", {"input": {"experimentId": "<experiment>"}}),
    ("SearchRuns", {"data": {"filter": "attributes.run_id = '<run>'", "experimentIds": ["<experiment>"]}}),
    ("SearchRuns", {"data": {"experimentIds": ["<experiment>"], "filter": "params.lr = 'other'"}}),
    ("GetMetricHistoryBulkInterval", {"data": {"runIds": ["<run>"], "metricKey": "loss"}}),
    ("GetRun", {"data": {"runId": "nosuch"}}),
    ("MlflowGetExperimentQuery", {"input": {"experimentId": "77777"}}),
    ("GetRun", {}),
    ("GetRun", {"data": {"runId": 4}}),
    ("GetRun", {"data": {"bogus": "x"}}),
    ("GetRun", {"data": None}),
], ids=str)
def test_documents_of_the_interface(worlds, name, variables):
    ours, theirs = both(worlds, documents()[name], variables)
    assert not differences(list(ours), list(theirs))
    if variables and "nosuch" not in str(variables) and not ours[1]["errors"]:
        assert ours[1]["data"] and all(ours[1]["data"].values())


DOCUMENTS = [
    "{test(inputString:\"a\"){output}}",
    "{test(inputString:null){output __typename} __typename}",
    "{test{output}}",
    "query A{...F} fragment F on Query{test(inputString:\"a\"){...G}} fragment G on Test{output o:output}",
    "{ ... on Query @component { __typename } }",
    "query @component(name:\"x\"){test(inputString:\"\"\"a\n  b\"\"\"){output}}",
    "query @component{__typename}",
    "{nosuch}", "{test(inputString:\"a\"){nosuch}}", "{test(inputString:\"a\")}", "{test(inputString:\"a\"){output{x}}}",
    "{test(input:\"a\"){output}}", "{test(inputString:4){output}}", "{test(inputString:[\"a\"]){output}}",
    "query A{...G}", "query A{__typename} fragment G on Query{__typename}", "{...G} fragment G on Query{...H} fragment H on Query{...G}",
    "{...G} fragment G on Test{output}", "{...on Nope{a}}",
    "{a:test(inputString:\"a\"){output} a:test(inputString:\"b\"){output}}",
    "{test(inputString:\"a\")@include(if:false){output}}", "{test(inputString:\"a\")@component(name:\"x\"){output}}",
    "query A{__typename} query B{__typename}", "query A{__typename} query A{__typename}", "{__typename} query A{__typename}",
    "query($s:String){__typename}", "query A($s:String){__typename}", "query A{test(inputString:$s){output}}", "{test(inputString:$s){output}}",
    "query($s:Int){test(inputString:$s){output}}", "query($s:String,$s:String){test(inputString:$s){output}}",
    "{" + " ".join(f"a{i}:__typename" for i in range(11)) + "}",
    "{test(inputString:\"a\"){" + " ".join(f"a{i}:output" for i in range(11)) + "}}",
    "{a{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}}",
    "{test(inputString:\"a\"){" + "output " * 1001 + "}}",
    "{mlflowGetRun(input:{bogus:1}){run{info{runId}}}}", "{mlflowGetRun{run{info{runId}}}}", "{mlflowGetRun(input:{}){run{info{runId}}}}",
    "{mlflowGetRun(input:\"x\"){run{info{runId}}}}",
    "{mlflowGetRun(input:{runId:\"<run>\"}){run{info{runId runUuid runName experimentId userId status startTime endTime lifecycleStage}}}}",
    "{mlflowGetRun(input:{runUuid:\"<run>\"}){run{data{metrics{key value timestamp step datasetName datasetDigest modelId runId __typename} params{key value}}}}}",
    "{mlflowGetRun(input:{runId:\"<run>\"}){run{modelVersions{name version currentStage status source runId description tags{key} runLink aliases statusMessage}}}}",
    "{mlflowGetRun(input:{runId:\"<run>\"}){run{experiment{experimentId name workspace effectiveTraceArchivalRetention}}}}",
    "{a:mlflowGetRun(input:{runId:\"x\"}){run{info{runId}}} b:mlflowGetRun(input:{runId:\"<run>\"}){run{info{runName}}}}",
    "mutation{mlflowSearchRuns(input:{experimentIds:[\"<experiment>\"],maxResults:1,orderBy:[\"metrics.loss DESC\"]}){runs{info{runName}} nextPageToken}}",
    "{mlflowSearchRuns(input:{maxResults:99999999999}){nextPageToken}}", "{mlflowSearchRuns(input:{maxResults:\"1\"}){nextPageToken}}",
    "{mlflowSearchRuns(input:{runViewType:SOME}){nextPageToken}}",
    "{mlflowListArtifacts(input:{runId:\"<run>\"}){files{path isDir fileSize} nextPageToken}}",
    "{mlflowSearchModelVersions(input:{filter:\"name='<name>'\",maxResults:5}){modelVersions{name version}nextPageToken}}",
    "mutation{mlflowSearchDatasets(input:{experimentIds:[\"<experiment>\"]}){datasetSummaries{experimentId name digest context}}}",
    "{mlflowGetMetricHistoryBulkInterval(input:{runIds:[\"<run>\"],metricKey:\"loss\"}){metrics{key value step timestamp runId}}}",
    "subscription{a}",
]


@pytest.mark.parametrize("query", DOCUMENTS, ids=lambda q: q[:60])
def test_documents(worlds, query):
    ours, theirs = both(worlds, query)
    # Where a document has several faults upstream lists them all.
    if ours[1]["data"] is None:
        assert theirs[1]["data"] is None and ours[0] == theirs[0] and ours[1]["errors"][0] in theirs[1]["errors"]
    else:
        assert not differences(list(ours), list(theirs))


def test_operations_by_name(worlds):
    for name in ("A", "B", "C", None):
        ours, theirs = both(worlds, "query A{__typename} query B{b:__typename}", operationName=name)
        assert ours == theirs


def test_a_sample_is_as_long_as_asked(server, worlds):
    """Upstream's GraphQL form overlooks these three arguments; its REST form does not."""
    world = worlds[0][1]
    query = "query Q($d:MlflowGetMetricHistoryBulkIntervalInput){mlflowGetMetricHistoryBulkInterval(input:$d){metrics{step value}}}"
    data = {"runIds": [world["run"]], "metricKey": "loss", "maxResults": 2}
    assert [m["step"] for m in graphql(server.url, query, {"d": data})[1]["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"]] == ["0", "2"]
    data.update(maxResults=5, startStep=1, endStep=1)
    assert [m["step"] for m in graphql(server.url, query, {"d": data})[1]["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"]] == ["1"]
    data.update(metricKey="nan", startStep=None, endStep=None)
    assert graphql(server.url, query, {"d": data})[1] == {"data": {"mlflowGetMetricHistoryBulkInterval": {"metrics": [{"step": str(2**40), "value": None}]}}, "errors": None}


def test_malformed_requests_are_400(server):
    for body in ({}, {"query": 3}, {"query": "{"}, {"query": ""}, {"query": "{a}", "variables": []}, []):
        status, text = ask(server.url, "/graphql", body)
        assert status == 400 and json.loads(text)["data"] is None and len(json.loads(text)["errors"]) == 1
