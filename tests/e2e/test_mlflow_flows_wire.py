"""Forms of requests, artifacts and searches: the same requests to Ingot and to a real `mlflow server` (see differ.py)."""
import json

import pytest
from differ import Flow, Step, compare, delete, get, post

RUN = [post("experiments/create", {"name": "exp-<u>"}, save={"exp": "experiment_id"}),
       post("runs/create", {"experiment_id": "<exp>", "run_name": "r", "start_time": 1000}, save={"run": "run.info.run_id"})]
MPA = "/api/2.0/mlflow-artifacts/artifacts"
ROOT = MPA + "/<exp>/<run>/artifacts"


def raw(method, path, data, **kw):
    return Step(method, path, raw=data if isinstance(data, bytes) else data.encode(), **kw)


def put(path, data, **kw):
    return Step("PUT", path, raw=data, headers={"Content-Type": "application/octet-stream"}, **kw)


def runs(**body):
    return post("runs/search", {"experiment_ids": ["<exp>"], **body})


THREE = [post("runs/create", {"experiment_id": "<exp>", "run_name": f"n{i}", "start_time": 2000 + i, "tags": [{"key": "i", "value": str(i)}]}, save={f"r{i}": "run.info.run_id"})
         for i in range(3)] + [post("runs/log-batch", {"run_id": f"<r{i}>", "metrics": [{"key": "m", "value": i, "timestamp": 1}], "params": [{"key": "p", "value": f"v{i}"}]})
                               for i in range(3)]

FLOWS = [
    Flow("forms of bodies", RUN,
         raw("POST", "runs/set-tag", json.dumps(json.dumps({"run_id": "x", "key": "a", "value": "1"}))),
         raw("POST", "runs/log-metric", '{"run_id": "0", "key": "m", "value": NaN, "timestamp": 1}'),
         post("runs/set-tag", {"run_id": "<run>", "key": "a", "value": "1", "more": {"x": [1, 2]}, "extra": None}),
         post("runs/set-tag", {"run_uuid": "<run>", "key": "b", "value": "2"}), post("runs/set-tag", {"run_id": None, "run_uuid": "<run>", "key": "c", "value": "3"}),
         *[raw("POST", "runs/set-tag", b, differs="inside", ours=(400, "INVALID_PARAMETER_VALUE")) for b in ("[1]", "3", "true")],
         *[raw("POST", "runs/set-tag", b, differs="form", ours=(400, "INVALID_PARAMETER_VALUE", "not valid JSON")) for b in ("{", "nonsense", '{"a": }')],
         raw("POST", "runs/set-tag", ""), raw("POST", "runs/set-tag", "{}"),
         raw("POST", "runs/set-tag", "null", differs="object", ours=(400, "INVALID_PARAMETER_VALUE", "must be a JSON object")),
         Step("GET", "runs/get", {"run_id": "<run>"}), Step("GET", "experiments/get", {"experiment_id": "<exp>"}),
         get("runs/get", query="run_id=<run>&run_id=other&x=y"), get("experiments/get-by-name", query="experiment_name=exp%2D<u>"),
         Step("GET", "/ajax-api/2.0/mlflow/runs/get?run_id=<run>"), Step("POST", "/ajax-api/2.0/mlflow/runs/set-tag", {"run_id": "<run>", "key": "z", "value": "1"}),
         get("runs/get", run_id="<run>")),
    Flow("content types", RUN,
         *[Step("POST", "runs/set-tag", {"run_id": "<run>", "key": "a", "value": "1"}, headers={"Content-Type": t}) for t in
           ("application/json; charset=utf-8", "application/json")]),
    Flow("artifacts through the proxy", RUN,
         put(ROOT + "/a.txt", b"hello"), put(ROOT + "/sub/b.bin", bytes(range(256))), put(ROOT + "/sub/deep/c.txt", b""), put(ROOT + "/a.txt", b"hello again"),
         get("artifacts/list", run_id="<run>"), get("artifacts/list", run_id="<run>", path="sub"), get("artifacts/list", run_id="<run>", path="sub/deep"),
         get("artifacts/list", run_id="<run>", path="none"), get("artifacts/list", run_id="<run>", path="a.txt"), get("artifacts/list"),
         get("artifacts/list", run_id="<run>", path="sub/"), get("artifacts/list", run_uuid="<run>"),
         Step("GET", MPA + "?path=<exp>/<run>/artifacts"), Step("GET", MPA + "?path=<exp>/<run>/artifacts/sub"), Step("GET", MPA + "?path=none-<u>"),
         Step("GET", ROOT + "/a.txt"), Step("GET", "/get-artifact?run_id=<run>&path=a.txt"), Step("GET", "/get-artifact?run_uuid=<run>&path=sub/deep/c.txt"),
         Step("DELETE", ROOT + "/a.txt"), Step("DELETE", ROOT + "/sub"), get("artifacts/list", run_id="<run>")),
    Flow("artifacts of models", RUN, post("logged-models", {"experiment_id": "<exp>", "name": "m"}, save={"model": "model.info.model_id", "uri": "model.info.artifact_uri"}),
         put(MPA + "/<exp>/models/<model>/artifacts/MLmodel", b"flavors: {}\n"), put(MPA + "/<exp>/models/<model>/artifacts/data/w.bin", b"\x00\x01"),
         get("logged-models/<model>/artifacts/directories"), get("logged-models/<model>/artifacts/directories", artifact_directory_path="data"),
         get("logged-models/<model>/artifacts/directories", artifact_directory_path="none"),
         Step("GET", "/ajax-api/2.0/mlflow/logged-models/<model>/artifacts/files?artifact_file_path=MLmodel"),
         Step("GET", "/ajax-api/2.0/mlflow/logged-models/<model>/artifacts/files?artifact_file_path=../x"),
         Step("GET", "/ajax-api/2.0/mlflow/logged-models/<model>/artifacts/files", differs="form", ours=(400,)),
         post("registered-models/create", {"name": "reg-<u>"}), post("model-versions/create", {"name": "reg-<u>", "source": "<uri>", "model_id": "<model>"}),
         Step("GET", "/model-versions/get-artifact?name=reg-<u>&version=1&path=MLmodel"), Step("GET", "/model-versions/get-artifact?name=reg-<u>&version=1&path=../x"),
         Step("GET", "/model-versions/get-artifact?name=reg-<u>&version=7&path=MLmodel")),
    Flow("paths that lead out", RUN, put(ROOT + "/a.txt", b"hello"),
         *[get("artifacts/list", query=f"run_id=<run>&path={p}") for p in ("..", "../x", "/etc", "a/../../b", "%2e%2e/x", "%252e%252e/x", "x%23y", "..%2f..")],
         *[get("artifacts/list", query=f"run_id=<run>&path={p}", differs="path", ours=(400, "INVALID_PARAMETER_VALUE", "Invalid path")) for p in ("a%00b", "%5c..%5cx")],
         Step("GET", "/get-artifact?run_id=<run>&path=file:///etc/passwd", differs="path", ours=(404, "RESOURCE_DOES_NOT_EXIST")),
         *[Step("GET", f"/get-artifact?run_id=<run>&path={p}") for p in ("..", "../x", "/etc/passwd", "%2e%2e/x", "%252e%252e/x")],
         *[Step("GET", f"{MPA}?path={p}") for p in ("..", "/etc", "../..", "%252e%252e")]),
    Flow("search for runs", RUN, THREE,
         runs(), runs(order_by=["metrics.m ASC"]), runs(order_by=["params.p DESC"], max_results=2), runs(filter="metrics.m > 0"), runs(filter="params.p = 'v1'"),
         runs(filter="attributes.run_name LIKE 'n%'"), runs(filter="run_name ILIKE 'N1'"), runs(filter=""), runs(run_view_type="DELETED_ONLY"),
         runs(run_view_type=3), runs(run_view_type="ALL", max_results=1, order_by=["start_time"]), runs(max_results=0), runs(max_results=50000),
         post("runs/search", {"experiment_ids": []}), post("runs/search", {}), post("runs/search", {"experiment_ids": ["987654"]}),
         *[runs(filter=f) for f in ("x.y = 1", "metrics.m = 'a'", "params.p = 1", "m", "attributes.nothing = 'x'", "params.p LIKE 3")],
         *[runs(order_by=[o]) for o in ("metrics.m SIDEWAYS", "nothing.x", "")], runs(max_results=50001), runs(page_token="x")),
    Flow("search for experiments", post("experiments/create", {"name": "s-<u>-1", "tags": [{"key": "u", "value": "<u>"}]}, save={"e1": "experiment_id"}),
         post("experiments/create", {"name": "s-<u>-2", "tags": [{"key": "u", "value": "<u>"}]}, save={"e2": "experiment_id"}),
         *[post("experiments/search", {"max_results": 10, "filter": f, **more}) for f, more in [
             ("tags.u = '<u>'", {}), ("tags.u = '<u>'", {"order_by": ["name DESC"]}), ("name = 's-<u>-1'", {}), ("name LIKE 's-<u>%'", {"order_by": ["experiment_id ASC"]}),
             ("attribute.name ILIKE 'S-<u>-2'", {}), ("tags.u != '<u>' AND name LIKE 's-<u>%'", {}), ("name = 's-<u>-1'", {"view_type": "DELETED_ONLY"}), ("name = 's-<u>-1'", {"view_type": "ALL"})]],
         *[post("experiments/search", {"max_results": 10, "filter": f}) for f in ("x = 1", "tags.u > 'x'", "name = 3")],
         *[post("experiments/search", b) for b in ({}, {"max_results": 0}, {"max_results": -1}, {"max_results": 50001}, {"max_results": 5, "order_by": ["x"]})],
         get("experiments/search", query="max_results=5&filter=name%20%3D%20's-<u>-1'")),
    Flow("search in the registry", *[post("registered-models/create", {"name": f"<u>-{n}", "tags": [{"key": "n", "value": n}]}) for n in "ab"],
         *[post("model-versions/create", {"name": f"<u>-{n}", "source": "s3://b/x", "tags": [{"key": "n", "value": n}]}) for n in "aab"],
         *[get("registered-models/search", query=q) for q in ("filter=name%20LIKE%20'<u>%25'", "filter=name%20ILIKE%20'<u>-A'", "filter=name%3D'<u>-a'", "max_results=1001", "filter=x%3D1",
                                                              "filter=name%20LIKE%20'<u>%25'&order_by=name%20DESC", "filter=name%20LIKE%20'<u>%25'&max_results=1")],
         get("registered-models/search", query="max_results=0", differs="limit", ours=(400, "INVALID_PARAMETER_VALUE", "max_results")),
         *[get("model-versions/search", query=q) for q in ("filter=name%3D'<u>-a'", "filter=name%3D'<u>-a'%20AND%20version_number%3D1", "filter=name%20LIKE%20'<u>%25'&order_by=version_number%20ASC,name",
                                                           "filter=name%3D'<u>-a'&order_by=version_number%20ASC", "max_results=200001", "filter=x%3D1", "filter=name%3D'<u>-none'")]),
    Flow("search for logged models", RUN, *[post("logged-models", {"experiment_id": "<exp>", "name": n, "params": [{"key": "p", "value": n}]}, save={n: "model.info.model_id"}) for n in ("one", "two")],
         *[post("logged-models/search", {"experiment_ids": ["<exp>"], **b}) for b in (
             {"order_by": [{"field_name": "name"}]}, {"order_by": [{"field_name": "name", "ascending": False}]}, {"filter": "params.p = 'one'"}, {"filter": "name = 'two'"},
             {"filter": "params.p > 'a'"})],
         post("logged-models/search", {}), post("logged-models/search", {"experiment_ids": []})),
    Flow("unknown endpoints are 404", *[Step(m, p, b, differs="form", ours=(404, "ENDPOINT_NOT_FOUND")) for m, p, b in (
        ("GET", "/api/2.0/mlflow/nothing", None), ("POST", "/api/3.0/mlflow/traces/nothing/x/y", {}), ("GET", "/ajax-api/2.0/mlflow/users/current", None), ("DELETE", "/api/2.0/mlflow/x", {}))]),
    Flow("what MLflow's interface polls", Step("GET", "/ajax-api/3.0/mlflow/ui-telemetry"), Step("POST", "/ajax-api/3.0/mlflow/ui-telemetry", {"records": []}),
         Step("GET", "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=api%2F2.0%2Fendpoints%2F"), Step("GET", "/ajax-api/3.0/mlflow/scorers/list?experiment_id=0"),
         Step("POST", "/ajax-api/3.0/mlflow/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}], "max_results": 5}),
         Step("GET", "/ajax-api/2.0/mlflow/traces?experiment_ids=0&max_results=1"), Step("GET", "/ajax-api/3.0/mlflow/assistant/config"), Step("GET", "/health"),
         Step("GET", "/ajax-api/3.0/mlflow/datasets/search?experiment_ids=0"), Step("POST", "/ajax-api/3.0/mlflow/datasets/search", {"experiment_ids": ["0"], "max_results": 5}),
         Step("POST", "/ajax-api/2.0/mlflow/gateway-proxy", {"gateway_path": "api/2.0/endpoints/"})),
]


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_flow(flow, either, peer):
    found = compare(flow, either.url, peer.url)
    assert not found, "\n" + "\n".join(found)


def test_answers_have_the_forms_of_protobuf_json(server, peer):
    """Field by field, types included: numbers stay numbers, ids texts, absent fields absent."""
    flow = Flow("types", RUN, post("runs/log-metric", {"run_id": "<run>", "key": "m", "value": 2, "timestamp": 3}), get("runs/get", run_id="<run>"),
                delete("registered-models/delete", {"name": "none-<u>"}))
    assert compare(flow, server.url, peer.url) == []
