"""One good request per route, so that tests can spoil it: hostile values field by field, random mutations, wrong tokens. A route of
the source tables without a request here fails test_hostile_tracking.py."""
import json
import uuid

API, ART, OWN = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts", "/api/ingot/v1"
GRAPHQL = 'query($id: String!) { a: mlflowGetRun(input: {runId: $id}) { run { info { runId status } data { metrics { key value } } } } }'
# Routes without a meaning of their own: they say that something is not here.
ABSENT = ("/api/3.0/mlflow", "/api/2.0/mlflow/traces", "/api/2.0/mlflow/{rest*}", "/api/2.0/mlflow/gateway-proxy",
          "/api/ingot/v1/events", "/api/ingot/v1/session")  # the last two: an answer without an end (test_events.py), and signing in (test_ui_shell.py)


class Things:
    """What the requests speak of, made over the API by `call(method, target, body)` -> answer with .json(). Call again when spoilt."""

    def __init__(self, call):
        tail = uuid.uuid4().hex[:8]
        post = lambda path, body: call("POST", API + path, body).json()
        self.n = 0
        self.experiment = post("/experiments/create", {"name": f"e-{tail}"})["experiment_id"]
        run = post("/runs/create", {"experiment_id": self.experiment, "run_name": "r"})["run"]["info"]
        self.run, self.where = run["run_id"], run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        post("/runs/log-batch", {"run_id": self.run, "metrics": [{"key": "loss", "value": i / 7, "timestamp": i, "step": i} for i in range(20)],
                                 "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "team", "value": "a"}]})
        self.model = f"m-{tail}"
        post("/registered-models/create", {"name": self.model})
        for _ in range(3):
            post("/model-versions/create", {"name": self.model, "source": f"{run['artifact_uri']}/model", "run_id": self.run})
        post("/registered-models/alias", {"name": self.model, "alias": "champion", "version": "1"})
        self.logged = post("/logged-models", {"experiment_id": self.experiment, "name": "net", "source_run_id": self.run})["model"]["info"]["model_id"]
        call("PUT", f"{ART}/artifacts/{self.where}/model/f.txt", b"bytes")
        self.upload = call("POST", f"{ART}/mpu/create/{self.where}", {"path": "big", "num_parts": 2}).json()["upload_id"]
        hook = call("POST", API + "/webhooks", {"name": f"w-{tail}", "url": "https://8.8.8.8/hook", "status": "DISABLED", "events": [{"entity": "PROMPT", "action": "CREATED"}]}).json()
        self.webhook = hook.get("webhook", {}).get("webhook_id", "0" * 32)

    def fresh(self):
        self.n += 1
        return f"{self.model}-{self.n}"


def serving(q):
    """The model dialects; of gRPC see test_grpc.py."""
    tiny, row, region = {"name": "tiny"}, {"instances": [[1.0, 2.0]]}, {"region": "r"}
    out = {("GET", path): (q, q, None) for path in ("/ping", "/v1/models", "/v2/models/stats", "/v2/trace/setting", "/v2/logging")}
    out |= {("POST", path): (args, {"endpoint": "tiny"}, {"inputs": [[1.0, 2.0]], "params": {"a": 1}}) for path, args in (
        ("/invocations", q), ("/endpoints/{name}/invocations", tiny), ("/serving-endpoints/{name}/invocations", tiny))}
    for at, args in (("", tiny), ("/versions/{version}", {**tiny, "version": "1"}), ("/labels/{label}", {**tiny, "label": "champion"})):
        out[("GET", "/v1/models/{name}" + at)] = out[("GET", f"/v1/models/{{name}}{at}/metadata")] = (args, q, None)
        last = list(args)[-1]
        out[("POST", "/v1/models/{name}" + at)] = ({**args, last: args[last] + ":predict"}, q, row)
        if at.startswith("/labels"):
            continue
        out[("GET", f"/v2/models/{{name}}{at}/config")] = out[("GET", f"/v2/models/{{name}}{at}/stats")] = (args, q, None)
        out[("POST", f"/v2/models/{{name}}{at}/generate")] = out[("POST", f"/v2/models/{{name}}{at}/generate_stream")] = (args, q, {"text_input": "x", "parameters": {"a": 1}})
    out[("GET", "/v2/models/{name}/trace/setting")] = (tiny, q, None)
    out[("POST", "/v2/models/{name}/trace/setting")] = (tiny, q, {"trace_level": ["OFF"]})
    out[("POST", "/v2/trace/setting")] = (q, q, {"trace_level": ["OFF"]})
    out[("POST", "/v2/logging")] = (q, q, {"log_info": True, "log_verbose_level": 0})
    out[("POST", "/v2/repository/index")] = (q, q, {"ready": True})
    out[("POST", "/v2/repository/models/{name}/load")] = (tiny, q, {})
    out[("POST", "/v2/repository/models/{name}/unload")] = (tiny, q, {"parameters": {"unload_dependents": False}})
    for kind in ("/v2/systemsharedmemory", "/v2/cudasharedmemory"):
        out[("GET", kind + "/status")], out[("POST", kind + "/unregister")] = (q, q, None), (q, q, {})
        out[("GET", kind + "/region/{region}/status")] = (region, q, None)
        out[("POST", kind + "/region/{region}/register")] = (region, q, {"key": "/k", "offset": 0, "byte_size": 8})
        out[("POST", kind + "/region/{region}/unregister")] = (region, q, {})
    return out


def requests(t):
    """{(method, path as in the route table): (path arguments, query, body)}; a body of bytes is sent as it is."""
    r, m, q = t.run, t.model, {}
    version = {"name": m, "version": "2"}
    point = {"key": "loss", "value": 0.25, "timestamp": 1700000000000, "step": 7}
    rule = {"name": t.fresh(), "kind": "metric", "experiment_id": t.experiment, "filter": "params.lr = '0.1'", "metric": "loss", "comparison": ">", "threshold": 1.5, "points": 2}
    flavors = {"artifact_path": "model", "flavors": {"python_function": {}}, "utc_time_created": "2026-01-01 00:00:00", "run_id": r}
    file = lambda name: {"path": f"{t.where}/{name}"}
    end = {"path": "big", "upload_id": t.upload, "parts": [{"part_number": 1, "etag": "x"}]}
    search = {"experiment_ids": [t.experiment], "filter": "metrics.loss < 9 and params.lr = '0.1'", "order_by": ["metrics.loss DESC", "start_time"], "max_results": 5,
              "run_view_type": "ACTIVE_ONLY", "columns": ["metrics.loss", "tags.*"], "include_total": True, "count_only": False, "all_experiments": False}
    out = {
        ("POST", "/graphql"): (q, q, {"query": GRAPHQL, "variables": {"id": r}, "operationName": None}),
        ("GET", "/graphql"): (q, {"query": GRAPHQL, "variables": json.dumps({"id": r})}, None),
        ("GET", "/get-artifact"): (q, {"run_id": r, "path": "model/f.txt"}, None),
        ("GET", "/model-versions/get-artifact"): (q, {"name": m, "version": "1", "path": "f.txt"}, None),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact"): (q, {"run_uuid": r, "path": "up.txt"}, b"bytes"),
        ("GET", ART + "/artifacts"): (q, {"path": t.where}, None),
        ("GET", ART + "/artifacts/{path*}"): (file("model/f.txt"), q, None),
        ("PUT", ART + "/artifacts/{path*}"): (file("model/g.txt"), q, b"bytes"),
        ("DELETE", ART + "/artifacts/{path*}"): (file("model/g.txt"), q, None),
        ("POST", ART + "/mpu/create/{path*}"): ({"path": t.where}, q, {"path": "big", "num_parts": 2}),
        ("PUT", ART + "/mpu/part"): (q, {"upload_id": t.upload, "part_number": "1"}, b"bytes"),
        ("POST", ART + "/mpu/complete/{path*}"): ({"path": t.where}, q, end),
        ("POST", ART + "/mpu/abort/{path*}"): ({"path": t.where}, q, {"path": "big", "upload_id": t.upload}),
        ("GET", ART + "/presigned/{path*}"): (file("model/f.txt"), q, None),
        ("GET", "/static-files/{path*}"): ({"path": "index.html"}, q, None),
        ("GET", "/v2/models/{name}"): ({"name": "tiny"}, q, None), ("GET", "/v2/models/{name}/ready"): ({"name": "tiny"}, q, None),
        ("GET", "/v2/models/{name}/versions/{version}"): ({"name": "tiny", "version": "1"}, q, None),
        ("GET", "/v2/models/{name}/versions/{version}/ready"): ({"name": "tiny", "version": "1"}, q, None),
        ("GET", OWN + "/audit"): (q, {"limit": "10", "before": "1000", "kind": "run", "object": r, "verb": "run.create"}, None),
    }
    out |= serving(q)
    for path in ("/", "/health", "/version", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", OWN + "/features", OWN + "/endpoints", OWN + "/audit/verify",
                 OWN + "/registry/policy", OWN + "/outbox", OWN + "/alert-rules", "/api/3.0/mlflow/server-info"):
        out["GET", path] = (q, q, None)
    infer = {"id": "1", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 10], "data": [1.0] * 10}], "parameters": {"id": "a"}, "outputs": [{"name": "score"}]}
    out["POST", "/v2/models/{name}/infer"] = ({"name": "tiny"}, q, infer)
    out["POST", "/v2/models/{name}/versions/{version}/infer"] = ({"name": "tiny", "version": "1"}, q, infer)

    def api(method, path, body=None, query=None, args=None, add=out):
        add[method, API + path] = (args or q, query or q, body)

    api("POST", "/experiments/create", {"name": t.fresh(), "artifact_location": None, "tags": [{"key": "a", "value": "b"}]})
    api("GET", "/experiments/get", query={"experiment_id": t.experiment})
    api("GET", "/experiments/get-by-name", query={"experiment_name": "Default"})
    api("GET", "/experiments/search", query={"max_results": "5", "filter": "name LIKE 'e%'", "order_by": "name ASC", "view_type": "ALL", "page_token": ""})
    api("POST", "/experiments/search", {"max_results": 5, "filter": "name LIKE 'e%' AND tags.a = 'b'", "order_by": ["name ASC"], "view_type": "ALL"})
    for prefix in ("/api/2.0/mlflow", "/api/2.0mlflow"):
        out["POST", prefix + "/experiments/search-datasets"] = (q, q, {"experiment_ids": [t.experiment]})
    api("POST", "/experiments/delete", {"experiment_id": t.experiment})
    api("POST", "/experiments/restore", {"experiment_id": t.experiment})
    api("POST", "/experiments/update", {"experiment_id": t.experiment, "new_name": t.fresh()})
    api("POST", "/experiments/set-experiment-tag", {"experiment_id": t.experiment, "key": "k", "value": "v"})
    api("POST", "/experiments/delete-experiment-tag", {"experiment_id": t.experiment, "key": "k"})
    api("POST", "/runs/create", {"experiment_id": t.experiment, "user_id": "me", "run_name": "n", "start_time": 1700000000000, "tags": [{"key": "a", "value": "b"}]})
    api("GET", "/runs/get", query={"run_id": r})
    api("POST", "/runs/update", {"run_id": r, "status": "FINISHED", "end_time": 1700000001000, "run_name": "other"})
    api("POST", "/runs/delete", {"run_id": r})
    api("POST", "/runs/restore", {"run_id": r})
    api("POST", "/runs/search", search)
    api("POST", "/runs/log-metric", {"run_id": r, **point, "model_id": t.logged, "dataset_name": "d", "dataset_digest": "x"})
    api("POST", "/runs/log-parameter", {"run_id": r, "key": f"p{t.n}", "value": "v"})
    api("POST", "/runs/log-batch", {"run_id": r, "metrics": [point, {**point, "key": "acc"}], "params": [{"key": f"q{t.n}", "value": "v"}], "tags": [{"key": "t", "value": "v"}]})
    api("POST", "/runs/set-tag", {"run_id": r, "key": "k", "value": "v"})
    api("POST", "/runs/delete-tag", {"run_id": r, "key": "team"})
    dataset = {"name": "d", "digest": "x", "source_type": "local", "source": "{}", "schema": "{}", "profile": "{}"}
    api("POST", "/runs/log-inputs", {"run_id": r, "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}], "models": [{"model_id": t.logged}]})
    api("POST", "/runs/outputs", {"run_id": r, "models": [{"model_id": t.logged, "step": 1}]})
    api("POST", "/runs/log-model", {"run_id": r, "model_json": json.dumps(flavors)})
    api("GET", "/metrics/get-history", query={"run_id": r, "metric_key": "loss", "max_results": "5", "page_token": ""})
    api("GET", "/metrics/get-history-bulk-interval", query={"run_ids": r, "metric_key": "loss", "start_step": "1", "end_step": "9", "max_results": "5"})
    out["GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk"] = (q, {"run_id": r, "metric_key": "loss", "max_results": "5"}, None)
    api("GET", "/artifacts/list", query={"run_id": r, "path": "model", "page_token": ""})
    api("POST", "/logged-models", {"experiment_id": t.experiment, "name": "net", "model_type": "x", "source_run_id": r, "params": [{"key": "a", "value": "b"}], "tags": [{"key": "a", "value": "b"}]})
    api("POST", "/logged-models/search", {"experiment_ids": [t.experiment], "filter": "params.a = 'b'", "max_results": 5, "datasets": [{"dataset_name": "d", "dataset_digest": "x"}],
                                          "order_by": [{"field_name": "metrics.loss", "ascending": False, "dataset_name": "d"}]})
    logged = {"model_id": t.logged}
    api("GET", "/logged-models/{model_id}", args=logged)
    api("PATCH", "/logged-models/{model_id}", {"model_id": t.logged, "status": "LOGGED_MODEL_READY"}, args=logged)
    api("DELETE", "/logged-models/{model_id}", args=logged)
    api("POST", "/logged-models/{model_id}/params", {"model_id": t.logged, "params": [{"key": f"p{t.n}", "value": "b"}]}, args=logged)
    api("PATCH", "/logged-models/{model_id}/tags", {"model_id": t.logged, "tags": [{"key": "a", "value": "b"}]}, args=logged)
    api("DELETE", "/logged-models/{model_id}/tags/{key}", args={**logged, "key": "a"})
    api("GET", "/logged-models/{model_id}/artifacts/directories", query={"artifact_directory_path": "."}, args=logged)
    api("GET", "/logged-models/{model_id}/artifacts/files", query={"artifact_file_path": "f.txt"}, args=logged)
    api("POST", "/registered-models/create", {"name": t.fresh(), "description": "d", "tags": [{"key": "a", "value": "b"}]})
    api("POST", "/registered-models/rename", {"name": f"{m}-none", "new_name": t.fresh()})
    api("PATCH", "/registered-models/update", {"name": m, "description": "d"})
    api("DELETE", "/registered-models/delete", {"name": f"{m}-none"})
    api("GET", "/registered-models/get", query={"name": m})
    api("GET", "/registered-models/search", query={"filter": "name LIKE 'm%'", "max_results": "5", "order_by": "name ASC", "page_token": ""})
    api("GET", "/registered-models/get-latest-versions", query={"name": m, "stages": "None"})
    api("POST", "/registered-models/get-latest-versions", {"name": m, "stages": ["None", "Production"]})
    api("POST", "/registered-models/set-tag", {"name": m, "key": "k", "value": "v"})
    api("DELETE", "/registered-models/delete-tag", {"name": m, "key": "k"})
    api("POST", "/registered-models/alias", {"name": m, "alias": "next", "version": "2"})
    api("DELETE", "/registered-models/alias", {"name": m, "alias": "next"})
    api("GET", "/registered-models/alias", query={"name": m, "alias": "champion"})
    api("POST", "/model-versions/create", {"name": m, "source": f"models:/{t.logged}", "run_id": r, "run_link": "x", "description": "d", "model_id": t.logged,
                                           "tags": [{"key": "a", "value": "b"}]})
    api("PATCH", "/model-versions/update", {**version, "description": "d"})
    api("POST", "/model-versions/transition-stage", {**version, "stage": "Staging", "archive_existing_versions": True})
    api("DELETE", "/model-versions/delete", {"name": m, "version": "3"})
    api("GET", "/model-versions/get", query=version)
    api("GET", "/model-versions/search", query={"filter": f"name = '{m}'", "max_results": "5", "order_by": "version_number ASC", "page_token": ""})
    api("GET", "/model-versions/get-download-uri", query=version)
    api("POST", "/model-versions/set-tag", {**version, "key": "k", "value": "v"})
    api("DELETE", "/model-versions/delete-tag", {**version, "key": "k"})
    hook = {"webhook_id": t.webhook}
    api("POST", "/webhooks", {"name": t.fresh(), "description": "d", "url": "https://8.8.8.8/x", "events": [{"entity": "PROMPT", "action": "CREATED"}], "secret": "s3cret", "status": "DISABLED"})
    api("GET", "/webhooks", query={"max_results": "5", "page_token": ""})
    api("GET", "/webhooks/{webhook_id}", args=hook)
    api("PATCH", "/webhooks/{webhook_id}", {"name": t.fresh(), "url": "https://8.8.8.8/y", "events": [{"entity": "PROMPT_TAG", "action": "SET"}], "status": "DISABLED"}, args=hook)
    api("DELETE", "/webhooks/{webhook_id}", args={"webhook_id": "0" * 32})
    api("POST", "/webhooks/{webhook_id}/test", {"event": {"entity": "PROMPT", "action": "CREATED"}}, args={"webhook_id": "0" * 32})
    api("POST", "/artifacts/presigned-upload-url", {"run_id": r, "path": "x"})
    api("POST", "/artifacts/presigned-download-url", {"run_id": r, "path": "x"})

    def own(method, path, body=None, query=None, args=None):
        out[method, OWN + path] = (args or q, query or q, body)

    view, point_of, page = {"view": "tiny"}, {"endpoint": "tiny"}, {"limit": "5", "before": "100"}
    own("PUT", "/features/{view}", {"definition": "name: tiny\n"}, args=view)
    own("GET", "/features/{view}", args=view)
    own("POST", "/features/{view}/push", {"ids": [999], "available_at_us": [1], "labels": [1], "keys": {"origin": ["ORD"], "destination": ["JFK"]}}, args=view)
    own("POST", "/features/{view}/get", {"keys": {"origin": ["ORD"], "destination": ["JFK"]}, "time_us": [1], "numbers": {"distance": [2]}}, args=view)
    own("PUT", "/endpoints/{endpoint}", {"version": 1, "config": {"model": m}}, args={"endpoint": "other"})
    own("GET", "/endpoints/{endpoint}", args=point_of)
    own("POST", "/endpoints/{endpoint}/labels", {"ids": [1], "labels": [1], "times_us": [1], "watermark_us": 1}, args=point_of)
    for path, query in (("windows", {"from_us": "1"}), ("alerts", {"firing": "true"}), ("retrains", q), ("rollouts", {"brief": "true", "limit": "5", "before": "100"})):
        own("GET", "/endpoints/{endpoint}/" + path, query=query, args=point_of)
    own("GET", "/endpoints/{endpoint}/predictions", query={"after": "0"}, args=point_of)
    own("GET", "/endpoints/{endpoint}/predictions/{seq}", args={**point_of, "seq": "1"})
    own("GET", "/endpoints/{endpoint}/payloads", query={"after": "0"}, args=point_of)
    own("GET", "/endpoints/{endpoint}/payloads/{seq}", args={**point_of, "seq": "1"})
    own("POST", "/endpoints/{endpoint}/flush", {}, args=point_of)
    own("POST", "/endpoints/{endpoint}/rollouts", {"kind": "canary", "version": 2, "start_us": 1}, args=point_of)
    own("GET", "/endpoints/{endpoint}/rollouts/{rollout}", args={**point_of, "rollout": "1"})
    own("GET", "/endpoints/{endpoint}/rollouts/{rollout}/replay", args={**point_of, "rollout": "1"})
    own("POST", "/endpoints/{endpoint}/rewards", {"ids": [1], "rewards": [0.5]}, args=point_of)
    own("POST", "/rollout-planner", {"baseline_rate": 0.2, "delta": 0.01, "alpha": 0.05, "power": 0.8})
    own("POST", "/endpoints/{endpoint}/rollouts/{action}", {"why": "w"}, args={**point_of, "action": "promote"})
    own("GET", "/webhooks/{webhook}/deliveries", query={**page, "state": "failed"}, args={"webhook": t.webhook})
    own("POST", "/webhooks/{webhook}/deliveries/{delivery}/retry", {}, args={"webhook": t.webhook, "delivery": "1"})
    model, one = {"model": m}, {"model": m, "version": "1"}
    policy = {"aliases": ["guarded"], "stages": ["Archived"], "expires_in_s": 3600, "self_approval": False, "free_rollback": True}
    own("GET", "/openapi.json", query={"dialect": "native"})
    own("GET", "/runs/{run}/preview/{path*}", args={"run": r, "path": "m/MLmodel"})
    own("GET", "/models", query={"search": m, "after": "a", "limit": "5"})
    own("POST", "/models/{model}/preview", {"act": "alias", "alias": "champion", "version": 1, "archive_others": False, "endpoints": True}, args=model)
    own("GET", "/models/{model}/versions/{version}/files", args=one)
    own("GET", "/models/{model}/versions/{version}/compare/{other}", args={**one, "other": "1"})
    own("GET", "/datasets", query={"search": "d", "after_name": "a", "after_digest": "b", "limit": "5"})
    own("GET", "/datasets/{digest}", query={"name": "d"}, args={"digest": "x"})
    own("GET", "/models/{model}", args=model)
    own("GET", "/models/{model}/versions", query=page, args=model)
    own("POST", "/models/{model}/versions", {"source": f"runs:/{r}/model", "run_id": r, "run_link": "x", "description": "d", "data_version": "v", "semver": None, "signature": None,
                                             "tags": {"a": "b"}}, args=model)
    own("GET", "/models/{model}/versions/{version}", args=one)
    own("PUT", "/models/{model}/versions/{version}/stage", {"stage": "Staging", "archive_others": True, "reason": "why"}, args=one)
    own("GET", "/models/{model}/versions/{version}/card", query={"format": "markdown"}, args=one)
    own("PUT", "/models/{model}/versions/{version}/card", {"sections": {"owner": "text"}, "reason": "r"}, args=one)
    own("GET", "/models/{model}/versions/{version}/card/edits", query={"limit": "5"}, args=one)
    own("PUT", "/models/{model}/aliases/{alias}", {"version": 1, "reason": "r"}, args={**model, "alias": "champion"})
    own("DELETE", "/models/{model}/aliases/{alias}", args={**model, "alias": "none"})
    own("GET", "/models/{model}/history", query={**page, "kind": "alias", "subject": "champion"}, args=model)
    own("POST", "/models/{model}/rollback", {"alias": "champion", "to": 1, "endpoints": False, "reason": "r"}, args=model)
    own("GET", "/models/{model}/policy", args=model)
    own("PUT", "/models/{model}/policy", policy, args=model)
    own("DELETE", "/models/{model}/policy", args=model)
    own("PUT", "/registry/policy", policy)
    own("GET", "/approvals", query={**page, "model": m, "state": "all"})
    own("GET", "/approvals/{id}", args={"id": "1"})
    own("POST", "/approvals/{id}", {"action": "comment", "comment": "c"}, args={"id": "1"})
    own("GET", "/lineage", query={"node": f"run/{r}", "direction": "both", "depth": "5"})
    own("POST", "/runs/compare", {"run_ids": [r], "only_differing": False})
    own("POST", "/metrics/chart", {"run_ids": [r], "metric": "loss", "x": "step", "log": False, "range": [0.5, 9.5], "points": 50, "smoothing": {"kind": "ema", "weight": 0.5},
                                   "group_by": {"param": "lr"}})
    own("PUT", "/runs/{run}/console", b"epoch 1\n", query={"from": "0"}, args={"run": r})
    own("GET", "/runs/{run}/console", query={"from": "0", "max": "100", "wait_ms": "0", "raw": "0"}, args={"run": r})
    own("POST", "/alert-rules", rule)
    own("DELETE", "/alert-rules/{rule}", args={"rule": rule["name"]})
    window = {**point_of, "start_us": "86400000000"}
    own("GET", "/overview")
    own("GET", "/monitors")
    own("DELETE", "/endpoints/{endpoint}", args={"endpoint": "none"})
    own("GET", "/endpoints/{endpoint}/live", query={"span_us": "60000000", "from_us": "1", "to_us": "100000000000", "step_us": "1000000"}, args=point_of)
    own("GET", "/endpoints/{endpoint}/signature", args=point_of)
    own("GET", "/endpoints/{endpoint}/windows/{start_us}", args=window)
    own("GET", "/endpoints/{endpoint}/rollouts/{rollout}/course", args={**point_of, "rollout": "1"})
    own("GET", "/rollout-plans")
    own("POST", "/runs/search", {"experiments": [t.experiment], "filter": "metrics.loss < 10", "sort": ["metrics.loss DESC"], "columns": ["metrics.loss", "params.lr"], "view": "active",
                                 "offset": 0, "limit": 10, "version": 0})
    own("POST", "/runs/tops", {"experiments": [t.experiment], "filter": "", "view": "all", "metrics": ["loss"]})
    own("GET", "/runs/columns", query={"experiments": t.experiment})
    own("GET", "/experiments")
    own("GET", "/search", query={"q": "a", "limit": "5"})
    own("POST", "/runs/values", {"run_ids": [r], "columns": ["metrics.loss", "params.lr", "tags.team"]})
    own("POST", "/metrics/overlay", {"run_ids": [r], "metric": "loss", "points": 16, "x": "step", "binary": False})
    own("GET", "/runs/{run}/rows", query={"path": "m/data.parquet", "offset": "0", "limit": "10"}, args={"run": r})
    stage = {"name": "train", "needs": [], "facts": {}}
    own("GET", "/pipelines", query={"after": "a", "limit": "5"})
    own("GET", "/pipelines/{pipeline}/runs", query={"before": "100", "limit": "5"}, args={"pipeline": "p"})
    own("POST", "/pipeline-runs", {"pipeline": "p", "workspace": "/w", "host": "h", "stages": [stage]})
    own("GET", "/pipeline-runs/{id}", args={"id": "1"})
    own("GET", "/pipeline-runs/{id}/log", query={"stage": "train"}, args={"id": "1"})
    own("PUT", "/pipeline-runs/{id}/stages", {"stages": [{"place": 0, "state": "running", "reason": "changed", "attempts": 1, "started_us": 1, "log_bytes": 3}]}, args={"id": "1"})
    own("POST", "/pipeline-runs/{id}/end", {"state": "succeeded", "exit_code": 0, "cpu_us": 1, "max_rss_bytes": 1}, args={"id": "1"})
    own("POST", "/pipeline-runs/{id}/cancel", {}, args={"id": "1"})
    own("POST", "/pipeline-runs/{id}/again", {"stage": "train"}, args={"id": "1"})
    own("POST", "/gc", {"dry_run": True, "older_than_days": 400, "grace_hours": 24, "sweep": False, "experiment_ids": [t.experiment], "run_ids": [r]})
    own("GET", "/alerts", query={**page, "rule": "r", "state": "all"})
    return out
