#!/usr/bin/env python3
"""docs/api.md from a running server's description of itself: tools/apidoc.py [URL] > docs/api.md"""
import json
import sys
import urllib.request

TITLES = {"native": "Ingot's own", "mlflow": "MLflow's", "graphql": "MLflow's GraphQL", "v2": "Open Inference Protocol (V2)", "v1": "V1 and TensorFlow Serving",
          "invocations": "MLflow's scoring server", "system": "The server itself"}


def page(document):
    tables = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tables.setdefault(operation["tags"][0], []).append((path, method.upper(), operation["x-ingot-permission"], operation["summary"]))
    lines = ["# The API", "", "Made from the route tables by `tools/apidoc.py`; the same as OpenAPI 3.1: `GET /api/ingot/v1/openapi.json`. A permission of `public` needs no token. MLflow's paths exist below",
             "`/ajax-api` as well as `/api`; only the latter are listed. gRPC is described by `proto/`, the pages by `docs/ui.md`.", ""]
    for dialect in sorted(tables, key=lambda d: (d != "native", d != "system", d)):
        lines += [f"## {TITLES.get(dialect, dialect)}", "", "| method | path | permission | |", "|---|---|---|---|"]
        for path, method, permission, summary in sorted(tables[dialect]):
            if not path.startswith("/ajax-api/"):
                lines.append(f"| {method} | `{path}` | {permission} | {summary} |".replace("\\", ""))
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    with urllib.request.urlopen(url + "/api/ingot/v1/openapi.json", timeout=30) as r:
        sys.stdout.write(page(json.load(r)))
