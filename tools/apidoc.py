#!/usr/bin/env python3
"""docs/api.md from a running server's description of itself: tools/apidoc.py [URL] > docs/api.md"""
import json
import sys
import textwrap
import urllib.request

TITLES = {"native": "Ingot's own", "mlflow": "MLflow's", "graphql": "MLflow's GraphQL", "v2": "Open Inference Protocol (V2)", "v1": "V1 and TensorFlow Serving",
          "invocations": "MLflow's scoring server", "system": "The server itself"}
WORDS = {"integer": "int", "number": "num", "string": "text", "boolean": "bool", "null": "null"}
PREFIX = "/api/ingot/v1"
NOTATION = """The shapes below are written as TypeScript writes types: `a?` may be absent, and in a body may as well be null; `int(1..9)` has limits; `'a' | 'b'` is one of
these texts; `[int]` is an array and `<text>` an object whose members, of any name, are texts; `object` may hold any members; a name with a capital stands
at the end. What a body holds beyond its members is passed over."""


def one(schema, kind, body):
    """One type of a schema."""
    if kind == "array":
        return f"[{written(schema.get('items', {}), body)}]"
    if kind == "object":
        if "additionalProperties" in schema:
            return f"<{written(schema['additionalProperties'], body)}>"
        if "properties" not in schema:
            return "object"
        return "{ " + ", ".join(member(n, s, schema, body) for n, s in schema["properties"].items()) + " }" if schema["properties"] else "{}"
    limits = f"({schema.get('minimum', '')}..{schema.get('maximum', '')})" if "minimum" in schema or "maximum" in schema else ""
    return WORDS[kind] + (limits if kind in ("integer", "number") else "")


def written(schema, body=False, optional=False):
    """A schema in the notation of src/api/shape.h. In a body null is not worth a word where it means absent."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "anyOf" in schema:
        kinds = [written(s, body) for s in schema["anyOf"]]
    elif "const" in schema:
        kinds = [f"'{schema['const']}'"]
    elif "enum" in schema:
        kinds = ["null" if v is None else f"'{v}'" for v in schema["enum"]]
    elif "type" in schema:
        kinds = [one(schema, k, body) for k in (schema["type"] if isinstance(schema["type"], list) else [schema["type"]])]
    else:
        kinds = ["any"]
    return " | ".join(k for k in kinds if not (body and optional and k == "null"))


def member(name, schema, of, body=False):
    optional = name not in of.get("required", [])
    return f"{name}{'?' if optional else ''}: {written(schema, body, optional)}"


def members(title, schema, body=False):
    """Lines: one member each, the first behind the title."""
    if schema.get("type") != "object" or not schema.get("properties"):
        return [f"  {title:<7} {written(schema)}"]
    lines = [(member(n, s, schema, body), s.get("description", "")) for n, s in schema["properties"].items()]
    out = []
    for i, (text, help) in enumerate(lines):
        first, *rest = textwrap.wrap(f"{text:<44}{'  -- ' + help if help else ''}", 140, subsequent_indent=" " * 14, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
        out += [f"  {title if i == 0 else '':<7} {first}", *rest]
    return out


def details(path, method, operation):
    lines = [f"{method.upper()} {path.removeprefix(PREFIX)}"]
    query = [p for p in operation["parameters"] if p["in"] == "query"]
    if query:
        said = {p["name"]: {**p["schema"], "description": p.get("description", "")} for p in query}
        lines += members("query", {"type": "object", "properties": said, "required": [p["name"] for p in query if p["required"]]})
    content = operation.get("requestBody", {}).get("content", {})
    for kind, body in content.items():
        if "schema" not in body:
            lines.append("  body    bytes")
        elif body["schema"].get("properties"):
            lines += members("body", body["schema"], True)
    for kind, answer in operation["responses"]["2XX"].get("content", {}).items():
        lines += members("answer", answer["schema"]) if "schema" in answer else [f"  answer  {kind}"]
    return lines


def shapes(document):
    """What our own dialect's bodies, queries and answers hold."""
    lines = ["## What Ingot's own calls take and give", "", NOTATION, "", f"Paths are below `{PREFIX}`.", ""]
    nouns = {}
    for path, item in document["paths"].items():
        if path.startswith(PREFIX + "/"):
            noun = path.removeprefix(PREFIX + "/").split("/")[0]
            nouns.setdefault(noun, []).extend((path, method, operation) for method, operation in item.items())
    for noun in sorted(nouns):
        lines += [f"### {noun}", "", "```"]
        for i, entry in enumerate(sorted(nouns[noun], key=lambda e: (e[0], e[1]))):
            lines += [""] * (i > 0) + details(*entry)
        lines += ["```", ""]
    lines += ["### Shapes", "", "```"]
    for name, schema in document["components"]["schemas"].items():
        if name[0].isupper():
            lines += [name] + members("", schema)
    return lines + ["```", ""]


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
    lines += shapes(document)
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    with urllib.request.urlopen(url + "/api/ingot/v1/openapi.json", timeout=30) as r:
        sys.stdout.write(page(json.load(r)))
