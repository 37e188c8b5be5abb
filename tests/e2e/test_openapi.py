"""The API's description of itself: valid OpenAPI 3.1, whole, and true: every path it names answers, and says who may ask; what it says of our own
dialect's bodies, queries and answers is what the server takes and gives."""
import copy
import re

import jsonschema
import pytest
import requests
from ingot_server import ROOT, IngotServer

DOCS = ROOT / "docs/api.md"


@pytest.fixture(scope="module")
def described(server):
    r = requests.get(server.url + "/api/ingot/v1/openapi.json", timeout=30)
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"
    return r.json()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_it_is_valid(described):
    openapi_spec_validator = pytest.importorskip("openapi_spec_validator", reason="needs openapi-spec-validator: tests/venv.sh installs it")
    openapi_spec_validator.validate(described)


def test_every_row_is_there_once(described):
    from test_access import ROUTES
    have = {(m.upper(), p) for m, p, _ in operations(described)}
    want = {(m, re.sub(r"\*\}$", "}", p)) for m, p, _, _ in ROUTES}
    pages = {(m, p) for m, p in want - have}
    sources = (ROOT / "src/api/web/web.c").read_text() + (ROOT / "src/api/ui/ui.c").read_text()
    assert all(f'"{p}"' in sources.replace("*}", "}") for _, p in pages), sorted(pages)
    assert have <= want and len(have) > 200
    ids = [o["operationId"] for _, _, o in operations(described)]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[a-z0-9_]+", i) for i in ids)


def test_permissions_are_those_of_the_table(described):
    from test_access import ROUTES
    words = {(m.lower(), re.sub(r"\*\}$", "}", p)): perm for m, p, perm, _ in ROUTES}
    for method, path, operation in operations(described):
        perm = words[(method, path)].removeprefix("PERM_").lower()
        assert operation["x-ingot-permission"] == perm and (operation["security"] == []) == (perm == "public"), path


def test_public_is_public_and_the_rest_is_not(described, tmp_path):
    with IngotServer(tmp_path / "data", "--auth") as s:
        for method, path, operation in operations(described):
            if method == "get":
                r = requests.get(s.url + re.sub(r"\{\w+\}", "x", path), timeout=30, allow_redirects=False)
                assert (r.status_code == 401) == (operation["security"] != []), (path, r.status_code)


def test_errors_have_the_form_that_is_said(described, server):
    seen = set()
    for method, path, operation in operations(described):
        form = operation["responses"]["default"].get("content")
        if method != "get" or not form or "events" in path:
            continue
        r = requests.get(server.url + re.sub(r"\{\w+\}", "no-such-thing", path), timeout=30, allow_redirects=False)
        if r.status_code < 400 or r.status_code == 405:
            continue
        name = form["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        if r.headers["Content-Type"] != "application/json":
            continue
        schema = described["components"]["schemas"][name]
        assert set(schema["required"]) <= set(r.json()), (path, r.text)
        seen.add(name)
    assert seen == {s for s in described["components"]["schemas"] if s.endswith("error")}, seen


def test_our_own_alone(described, server):
    ours = requests.get(server.url + "/api/ingot/v1/openapi.json?dialect=native", timeout=30).json()
    assert ours["paths"] == {p: i for p, i in described["paths"].items() if p.startswith("/api/ingot/v1/")}
    r = requests.get(server.url + "/api/ingot/v1/openapi.json?dialect=x", timeout=30)
    assert r.status_code == 400 and r.json()["field"] == "dialect"


def test_the_page_of_the_docs_is_the_present_one(described):
    import sys
    sys.path.insert(0, str(ROOT / "tools"))
    from apidoc import page
    assert DOCS.read_text() == page(described), "routes changed: run tools/apidoc.py URL > docs/api.md against a running server"


# ---- what bodies, queries and answers hold, of our own dialect ----

def closed(schema):
    """No object holds more than is said."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: closed(v) for k, v in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") in ("object", ["object", "null"]):
        out.setdefault("additionalProperties", False)
    return out


class Contract:
    """Of one operation."""

    def __init__(self, document, method, path, operation):
        self.document, self.method, self.path, self.operation = document, method, path, operation
        content = operation.get("requestBody", {}).get("content", {})
        self.body = content.get("application/json", {}).get("schema")
        self.query = {p["name"]: p for p in operation["parameters"] if p["in"] == "query"}
        self.answers = operation["responses"]["2XX"].get("content", {})
        self.whole = closed(document["components"])

    def problems(self, schema, value, components=None):
        validator = jsonschema.Draft202012Validator({**schema, "components": components or self.document["components"]})
        deepest = lambda e: max((deepest(c) for c in e.context), key=lambda c: len(c.absolute_path)) if e.context else e
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in map(deepest, validator.iter_errors(value))]

    def extra(self, schema, value):
        return self.problems(closed(schema), value, self.whole)

    def members(self, schema):
        """The members of an object's schema, those of all alternatives."""
        schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        out = dict(schema.get("properties", {}))
        for one in schema.get("anyOf", []):
            out |= self.members(one)
        return out


JUNK = [None, True, 7, -7, 1.5, "no such thing", "", [], {}, [None], [[]], [{}], ["no such thing"], [1.5], {"no such thing": []}, {"no such thing": 1}]


def limits(schema):
    return [schema[k] + d for k, d in (("minimum", -1), ("maximum", 1)) if k in schema]


def spoilt(contract, schema, value, at=()):
    """Bodies that the schema refuses, each with the path of what is wrong in it: every member it names, and those of objects within, with junk."""
    for name, of in contract.members(schema).items():
        for junk in JUNK + limits(of):
            body = copy.deepcopy(value)
            body[name] = junk
            yield (*at, name), body
        inner = value.get(name)
        inner, wrap = (inner[0], lambda v: [v]) if isinstance(inner, list) and inner and isinstance(inner[0], dict) else (inner, lambda v: v)
        if isinstance(inner, dict):
            for path, changed in spoilt(contract, of.get("items", of), inner, (*at, name)):
                yield path, {**value, name: wrap(changed)}


def plain(query, contract):
    """Texts of a query as what their schemas say they are."""
    kinds = {"integer": int, "number": float, "boolean": lambda v: {"true": True, "false": False}[v], "string": str}
    return {k: kinds[contract.query[k]["schema"]["type"]](v) if k in contract.query else v for k, v in query.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from openapi_world import OpenApiWorld
    w = OpenApiWorld(tmp_path_factory.mktemp("openapi"))
    yield w
    log = (w.server.data.parent / "data.log").read_text(errors="replace")
    assert w.server.stop() == 0 and "Sanitizer" not in log and "runtime error" not in log, log[-3000:]


def contracts(site):
    """Every native operation that one request tells about, by method and path as the route table writes it."""
    from openapi_world import ELSEWHERE
    from test_access import ROUTES
    written = {re.sub(r"\*\}", "}", p): p for _, p, _, _ in ROUTES}
    for method, path, operation in operations(site.document):
        route = (method.upper(), written[path].removeprefix("/api/ingot/v1"))
        if route not in ELSEWHERE:
            yield route, Contract(site.document, *route, operation)


def test_every_operation_of_ours_says_what_it_answers(site):
    assert len(site.document["paths"]) > 80
    for method, path, operation in operations(site.document):
        assert operation["responses"]["2XX"].get("content"), (method, path)
        assert not (method == "get" and "requestBody" in operation), path


def test_good_requests_and_their_answers_are_as_described(site):
    from openapi_world import REFUSED
    wrong, refused = [], set()
    for route, c in contracts(site):
        args, query, body = site.good(*route)
        if c.body is not None and isinstance(body, dict):
            wrong += [(route, "body", p) for p in c.extra(c.body, body)]
        elif isinstance(body, dict) and body:
            wrong.append((route, "body", "not described"))
        schema = {"type": "object", "properties": {k: p["schema"] for k, p in c.query.items()}, "required": [k for k, p in c.query.items() if p["required"]]}
        wrong += [(route, "query", p) for p in c.extra(schema, plain(query, c))]
        r = site.send(*route, args, query, body)
        if r.status_code >= 300:
            refused.add(route)
            wrong += [] if route in REFUSED else [(route, r.status_code, r.text[:300])]
            continue
        kind = r.headers["Content-Type"].split(";")[0]
        if kind == "application/json" and kind in c.answers:
            wrong += [(route, "answer", p) for p in c.extra(c.answers[kind]["schema"], r.json())]
        elif kind not in c.answers and "*/*" not in c.answers:
            wrong.append((route, "answers with", kind))
    assert not wrong, "\n".join(map(str, wrong[:60]))
    assert refused == set(REFUSED)


def test_other_forms_of_an_answer(site):
    """Of each kind of rollout, with and without what a query adds, and lists of several things."""
    by_route = dict(contracts(site))
    rollouts = site.own("GET", "/endpoints/tiny/rollouts")["rollouts"]
    assert {r["plan"]["kind"] for r in rollouts} == {"canary", "blue_green", "shadow", "ab", "bandit"}
    asked = [("/endpoints/{endpoint}/rollouts", "/endpoints/tiny/rollouts", None), ("/endpoints", "/endpoints?load=true", None), ("/overview", "/overview", None),
             ("/rollout-plans", "/rollout-plans", None), ("/endpoints/{endpoint}/alerts", "/endpoints/tiny/alerts", None)]
    for r in rollouts:
        for tail in ("", "/course", "/replay"):
            asked.append(("/endpoints/{endpoint}/rollouts/{rollout}" + tail, f"/endpoints/tiny/rollouts/{r['id']}{tail}", None))
    for w in site.own("GET", "/endpoints/tiny/windows")["windows"]:
        asked.append(("/endpoints/{endpoint}/windows/{start_us}", f"/endpoints/tiny/windows/{w['start_us']}", None))
    run = site.good("GET", "/runs/{run}/console")[0]["run"]
    asked += [("/runs/compare", "/runs/compare", {"run_ids": [run], "extremes": True}), ("/metrics/overlay", "/metrics/overlay", {"metric": "loss"}),
              ("/metrics/overlay", "/metrics/overlay", {"metric": "loss", "group_by": {"param": "lr"}}), ("/metrics/chart", "/metrics/chart", {"run_ids": [run], "metric": "loss"}),
              ("/gc", "/gc", {"dry_run": True})]
    for path, target, body in asked:
        c = by_route["POST" if body else "GET", path]
        answer = site.own("POST" if body else "GET", target, body)
        assert not c.extra(c.answers["application/json"]["schema"], answer), (target, body, c.extra(c.answers["application/json"]["schema"], answer)[:5])


def test_what_a_schema_refuses_is_refused(site):
    """Wrong types, unknown words, numbers beyond their limits and missing members: a 4xx, and a missing member is named."""
    wrong, sent = [], 0
    for route, c in contracts(site):
        if c.body is None and not c.query:
            continue
        args, query, body = site.good(*route)
        attempts = []
        if c.body is not None:
            attempts += [(at, query, b) for at, b in spoilt(c, c.body, body or {}) if c.problems(c.body, b)]
            attempts += [(name, query, {k: v for k, v in body.items() if k != name}) for name in c.body.get("required", [])]
        for name, p in c.query.items():
            kind = p["schema"]["type"]
            values = {"integer": ["x", "1.5", "", *limits(p["schema"])], "boolean": ["yes", "1", ""], "string": ["no such thing"] if "enum" in p["schema"] else []}[kind]
            attempts += [(name, {**query, name: v}, body) for v in values]
            if p["required"]:
                attempts.append((name, {k: v for k, v in query.items() if k != name}, body))
        for at, q, b in attempts:
            r = site.send(*route, args, q, b)
            sent += 1
            if not 400 <= r.status_code < 500 or r.status_code in (404, 405):
                wrong.append((route, at, q, str(b)[:300], r.status_code, r.text[:200]))
            elif isinstance(at, str) and at not in r.text:
                wrong.append((route, at, "is not named", r.text[:200]))
    assert not wrong, f"{len(wrong)} of {sent}:\n" + "\n".join(map(str, {w[:2]: w for w in wrong}.values()))
    assert sent > 1000


def test_null_is_absent(site):
    """A member that may be absent may be null, and that means the same."""
    from openapi_world import REFUSED
    for route, c in contracts(site):
        for name in c.members(c.body) if c.body else ():
            if name in c.body.get("required", []) or route in REFUSED:
                continue
            args, query, body = site.good(*route)
            without = site.send(*route, args, query, {k: v for k, v in (body or {}).items() if k != name})
            if c.operation["x-ingot-permission"] != "read":
                args, query, body = site.good(*route)
            r = site.send(*route, args, query, {**(body or {}), name: None})
            assert r.status_code == without.status_code, (route, name, r.status_code, r.text[:200], without.text[:200])


def test_the_session(site):
    for method in ("GET", "DELETE"):
        c = Contract(site.document, method, "/session", site.document["paths"]["/api/ingot/v1/session"][method.lower()])
        assert not c.extra(c.answers["application/json"]["schema"], site.call(method, "/api/ingot/v1/session").json())
    assert site.call("POST", "/api/ingot/v1/session", {}).json()["field"] == "token"
    assert site.call("POST", "/api/ingot/v1/session", {"token": 1}).status_code == 400


def test_what_handlers_read_is_described(site):
    """Names that stand in the handlers' source, for those that no good request holds."""
    named = {n for _, c in contracts(site) for n in [*c.query, *(c.members(c.body) if c.body else ())]}
    text = "".join(p.read_text() for p in sorted((ROOT / "src/api/native").glob("*.c")) if not p.name.startswith("shapes_"))
    read = set(re.findall(r'(?:http_query_get|native_query_\w+)\(op, req, "(\w+)"', text)) | set(re.findall(r'json_(?:want|opt)_\w+\(op, body, "(\w+)"', text))
    assert len(read) > 60 and not read - named - {"kinds", "last_event_id", "token"}, read - named


def test_the_document_is_small_and_made_anew_each_time(described, server):
    r = requests.get(server.url + "/api/ingot/v1/openapi.json", timeout=30)
    assert len(r.content) < 1_000_000 and r.json() == described
