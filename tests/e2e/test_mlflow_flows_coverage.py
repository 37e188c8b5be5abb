"""No route of MLflow's dialect without a request that was compared with a real `mlflow server`."""
import re

import test_access
import test_mlflow_flows_registry
import test_mlflow_flows_tracking
import test_mlflow_flows_wire
from differ import API

# Compared elsewhere, or not comparable.
ELSEWHERE = {
    "metrics/get-history-bulk": "test_history.py", "webhooks": "test_webhooks.py", "search-datasets": "test_search.py", "/graphql": "test_graphql.py",
    "mpu/": "test_artifacts.py", "presigned": "test_artifacts.py", "upload-artifact": "test_artifacts.py", "server-info": "says what this server is",
    "traces/metrics": "MLflow refuses what its own interface never sends", "assistant/providers": "names programs of the machine",
    "gateway/endpoints/list": "the gateway is switched off here",
}


def test_every_route_was_compared():
    steps = set()
    modules = (test_mlflow_flows_tracking, test_mlflow_flows_registry, test_mlflow_flows_wire)
    for step in [s for m in modules for f in m.FLOWS for s in f.steps]:
        path = step.path if step.path.startswith("/") else API + step.path
        steps.add((step.method, re.sub(r"<\w+>", "x", path.split("?")[0])))
    missing = []
    for method, path, _, _ in test_access.ROUTES:
        if "/mlflow" not in path and "get-artifact" not in path or "{rest*}" in path or any(name in path for name in ELSEWHERE):
            continue
        wanted = re.compile(re.sub(r"\{\w+\*\}", ".+", re.sub(r"\{\w+\}", "[^/]+", path)).replace("/ajax-api/", "/(ajax-)?api/").replace("/api/", "/(ajax-)?api/", 1) + "$")
        if not any(m == method and wanted.match(p) for m, p in steps):
            missing.append(f"{method} {path}")
    assert not missing, "\n".join(missing)
