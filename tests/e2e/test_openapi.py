"""The API's description of itself: valid OpenAPI 3.1, whole, and true: every path it names answers, and says who may ask."""
import re

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
    assert seen == set(described["components"]["schemas"]), seen


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
