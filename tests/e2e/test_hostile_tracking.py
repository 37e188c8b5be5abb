"""Every route of the source tables under hostile values in every field, and under random mutations of good requests. A refusal is a 4xx
with a reason; no answer is a 500, nothing outside the data folder is reached, and what stood before still stands."""
import concurrent.futures
import json
import os
import random
import re
import socket
import sqlite3
import time
import urllib.parse

import pytest
import requests as http
import stored_points
import tiny
import valid_requests
from boxed import BoxedServer
from test_access import ROUTES
from valid_requests import Things

SECRET = "canary-41c0de-must-never-be-served"
FUZZ_S = float(os.environ.get("INGOT_API_FUZZ_S", "20"))
# What a JSON encoder would not write goes in as this text and is cut out of its quotes.
RAW = "@raw:"


def dumps(body):
    text = json.dumps(body)
    return re.sub(rf'"{RAW}(?:[^"\\]|\\.)*"', lambda m: json.loads(m.group(0))[len(RAW):], text).encode()


class Site:
    def __init__(self, folder, *args, **kwargs):
        self.folder = folder
        (folder / "outside").mkdir()
        self.canary = folder / "outside" / "canary.txt"
        self.canary.write_text(SECRET)
        (folder / "box").mkdir()
        self.server = BoxedServer(folder / "box" / "data", *args, **kwargs)
        self.session = http.Session()
        self.session.trust_env = False
        tiny.world().deploy(self.server.url)
        self.things = Things(self.call)

    def call(self, method, target, body=None, headers=None):
        data = body if body is None or isinstance(body, bytes) else dumps(body)
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = http.Request(method, "http://x", data=data, headers={**kind, **(headers or {})}).prepare()
        request.url = self.server.url + target
        answer = self.session.send(request, timeout=60, allow_redirects=False)
        assert SECRET not in answer.text and "root:x:0" not in answer.text, (method, target)
        return answer

    def send(self, method, path, args, query, body):
        """The answer; a 500, an empty refusal or markup in one is a failure."""
        target = fill(path, args, query)
        answer = self.call(method, target, body)
        ok = answer.status_code < 500 or answer.status_code == 501 or (answer.status_code == 503 and path == "/v2/health/ready")
        assert ok, (method, target[:500], str(body)[:1000], answer.status_code, answer.text[:500])
        if answer.status_code >= 400 and method != "HEAD" and "/ready" not in path:
            assert answer.headers["Content-Type"].startswith(("application/json", "text/plain")) and len(answer.text) < 20000, (target[:300], answer.headers, answer.text[:300])
            said = answer.json() if "json" in answer.headers["Content-Type"] else {"error": answer.text}
            assert said.get("message") or said.get("error") or said.get("errors"), (target[:300], answer.text[:300])
        return answer

    def alive(self):
        assert self.server.process.poll() is None, "the server is gone"
        assert self.session.get(self.server.url + "/health", timeout=20).status_code == 200
        assert self.call("GET", "/api/ingot/v1/audit/verify").status_code == 200
        with pytest.raises(BlockingIOError):
            TRAP.accept()  # nobody came
        assert self.canary.read_text() == SECRET and sorted(p.name for p in self.folder.iterdir()) == ["box", "outside"]
        errors = (self.folder / "box" / "data.log").read_text(errors="replace")
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors[-3000:]


def fill(path, args, query):
    for key, value in args.items():
        path = re.sub(r"\{" + key + r"\*?\}", lambda _: urllib.parse.quote(str(value), safe="/" if key == "path" else ""), path)
    if query:
        path += "?" + urllib.parse.urlencode({k: v for k, v in query.items()})
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("hostile"))
    yield s
    s.alive()
    assert s.server.stop() == 0
    s.session.close()


def known(things):
    """The good request of every route and its twin."""
    for method, path, _, _ in ROUTES:
        table = valid_requests.requests(things)  # with names that are not taken
        found = table.get((method, path)) or table.get((method, path.replace("/ajax-api", "/api", 1)))
        if found:
            yield method, path, *found


def test_every_route_has_its_good_request(site):
    have = {(m, p) for m, p, *_ in known(site.things)}
    missing = [(m, p) for m, p, _, _ in ROUTES if (m, p) not in have and not p.replace("/ajax-api", "/api", 1).startswith(valid_requests.ABSENT)]
    assert not missing, f"routes without a good request in valid_requests.py: {missing}"
    refused = set()
    for method, path in sorted(have):
        site.things = Things(site.call)
        args, query, body = next(rest for m, p, *rest in known(site.things) if (m, p) == (method, path))
        answer = site.send(method, path, args, query, body)
        if answer.status_code >= 400:
            refused.add((method, path.replace("/ajax-api", "/api", 1), answer.status_code, answer.text[:100]))
    print(*sorted(refused), sep="\n")
    site.alive()


# Good in form, and refused for what they name: nothing is deployed, waiting, delivered or kept elsewhere in this world.
MAY_BE_REFUSED = ("static-files", "/v2/", "/endpoints/", "/features/", "/approvals/", "static-files", "/presigned", "-none", "/rename", "registered-models/delete", "/webhooks", "mpu/complete",
                  "/deliveries", "/alert-rules/", "aliases/{alias}", "/rollback", "experiments/restore", "runs/restore", "upload-artifact", "artifacts/files", "mpu/part", "delete-tag",
                  "delete-experiment-tag", "/tags/{key}", "model-versions/", "logged-models/{model_id}", "gateway-proxy", "registered-models/alias", "get-artifact", "runs/", "/models/", "/pipeline-runs/", "/datasets/")

# Nobody may be sent here by a text in a request; SSRF is seen as a connection.
TRAP = socket.create_server(("127.0.0.1", 0))
TRAP.setblocking(False)
TRAPS = [f"{scheme}://{host}:{TRAP.getsockname()[1]}/x" for scheme in ("http", "https", "s3", "ftp", "mlflow-artifacts", "postgresql") for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "a@127.1")]
LONG = "x" * 70000
TEXTS = ["", " ", "\x00", "a\x00b", "../../../../outside/canary.txt", "..", "/etc/passwd", "file:///etc/passwd", "'; DROP TABLE track_run; --", "' OR '1'='1", '" OR 1=1 --', "%' ESCAPE '",
         "<script>alert(1)</script>", "javascript:alert(1)", "a\r\nSet-Cookie: x=1", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é" * 300, "𝒳" * 300, "\u202e", LONG,
         "-1", "0", "1.5", "1e999", "nan", "9" * 400, str(2**63), str(-2**63 - 1), "true", "null", "{}", "[]", "http://169.254.169.254/latest", "s3://b/k", *TRAPS, "a" * 501, "%00", "%s%n%x", "${jndi:x}", "{{7*7}}"]
FORMS = [None, True, False, 0, -1, 1.5, 2**31, 2**53, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**70, RAW + "1e999", RAW + "-1e999", RAW + "1e-999", RAW + "NaN", RAW + "-0", RAW + "1E400", RAW + "9" * 400,
         RAW + "0." + "1" * 400, [], {}, [None], [[]], [{}], ["a"], [1], {"a": 1}, {"": ""}, [{"key": None}], RAW + "[" * 60 + "]" * 60, RAW + "[" * 5000 + "]" * 5000, RAW + "\\ud800",
         RAW + '{"a":1,"a":2}', ["a"] * 5000, [{"key": "a", "value": "b"}] * 3000]
NOT_AN_INTEGER = [1.5, 2**63, -2**63 - 1, 2**70, RAW + "1e999", RAW + "-1e999", RAW + "1E400", RAW + "9" * 400, [], {}, [1], True, "abc", "1.5", "9" * 400, "1e999"]
NOT_A_NUMBER = [RAW + "1e999", RAW + "-1e999", RAW + "1E400", RAW + "9" * 400, [], {}, True, "abc", "1e999", "9" * 400]
NOT_A_TEXT = [[], {}, ["a"], {"a": 1}]


def leaves(body, at=()):
    """Paths to every value of a body, containers too."""
    if at:
        yield at
    if isinstance(body, dict):
        for key in body:
            yield from leaves(body[key], (*at, key))
    elif isinstance(body, list):
        for i in range(len(body)):
            yield from leaves(body[i], (*at, i))


def value_at(body, at):
    for key in at:
        body = body[key]
    return body


def with_value(body, at, value):
    out = json.loads(json.dumps(body))
    inner = out
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return out


# Free JSON, where a form of ours does not bind: GraphQL's own variables, a deployment's configuration.
FREE = {"variables", "config", "plan", "parameters", "signature", "operationName", "inputs", "outputs", "rows", "keys", "numbers", "labels", "ids", "times_us"}


def refused_forms(at, value):
    """What a field whose good value is this must refuse with a 400."""
    if set(at) & FREE:
        return []
    if isinstance(value, bool):
        return [[], {}, "abc", 1.5]
    if isinstance(value, int):
        return NOT_AN_INTEGER
    if isinstance(value, float):
        return NOT_A_NUMBER
    if isinstance(value, str):
        return NOT_A_TEXT
    if isinstance(value, list):
        return [5, "abc", {"a": 1}, True]
    return []


def test_no_field_takes_what_it_is_not(site):
    """A number that does not fit, a fraction for an integer, a list for a text: a 400 that changes nothing, never a silent 0."""
    seen, wrong = 0, []
    for method, path, args, query, body in list(known(site.things)):
        if not isinstance(body, dict):
            continue
        for at in leaves(body):
            if len(at) == 1 and at[0] in args:
                continue  # the path says it
            for bad in refused_forms(at, value_at(body, at)):
                seen += 1
                answer = site.send(method, path, args, query, with_value(body, at, bad))
                if answer.status_code not in (400, 413, 422) and not (answer.status_code in (404, 501, 409) and any(w in path for w in MAY_BE_REFUSED)):
                    wrong.append((method, path, at, str(bad)[:60], answer.status_code))
    print(seen, "requests")
    assert not wrong, "\n".join(map(str, wrong[:400]))
    site.alive()


def test_every_field_takes_hostile_values(site):
    seen = 0
    for i, (method, path, args, query, body) in enumerate(list(known(site.things))):
        if path.startswith("/ajax-api"):
            continue  # the same row of the table
        for key in args:
            for text in TEXTS:
                if len(text) < 7000:
                    site.send(method, path, {**args, key: text}, query, body)
                    seen += 1
        for key in query:
            for text in TEXTS:
                if len(text) < 7000:
                    site.send(method, path, args, {**query, key: text}, body)
                    seen += 1
        if isinstance(body, dict):
            for at in leaves(body):
                for bad in TEXTS + FORMS:
                    site.send(method, path, args, query, with_value(body, at, bad))
                    seen += 1
        if i % 20 == 19:
            site.things = Things(site.call)
    print(seen, "requests")
    site.alive()

# ---- classes of attack, one by one ----

def chain(n, fan, leaf):
    """Fragments of which each spreads the next `fan` times: fan**n fields, or none, in a few bytes."""
    parts = [f"fragment F{i} on Query {{ {' '.join(['...F' + str(i + 1)] * fan)} }}" for i in range(n)]
    return "query { ...F0 } " + " ".join(parts) + f" fragment F{n} on Query {{ {leaf} }}"


def nested_fields(n):
    return "{" + "a{" * n + "b" + "}" * n + "}"


LEAF = "mlflowGetRun(input: {runId: \"x\"}) { run { info { runId } } }"
GRAPHQL_BOMBS = {
    "doubling fragments": chain(40, 2, LEAF), "doubling fragments of nothing": chain(90, 2, "__typename"), "wide fragments": chain(8, 12, LEAF), "a fragment in itself": "{ ...A } fragment A on Query { ...A }",
    "a cycle of 90": "{ ...F0 } " + " ".join(f"fragment F{i} on Query {{ ...F{(i + 1) % 90} }}" for i in range(90)), "1000 fragments": "{ ...F0 } " + " ".join(f"fragment F{i} on Query {{ __typename }}" for i in range(1000)),
    "aliases": "{" + " ".join(f"a{i}: {LEAF}" for i in range(900)) + "}", "one field 900 times": "{" + LEAF * 900 + "}", "one leaf 5000 times": "{ mlflowGetRun(input: {runId: \"x\"}) { run { info {" + " runId" * 5000 + "} } } }",
    "aliases deep": "{ mlflowGetRun(input: {runId: \"x\"}) { run { info {" + " ".join(f"a{i}: runId" for i in range(900)) + "} } } }", "30 deep": nested_fields(30), "3000 deep": nested_fields(3000), "20000 braces": "{" * 20000,
    "20000 brackets": "query($a: " + "[" * 10000 + "Int" + "]" * 10000 + ") { __typename }", "a literal 5000 deep": "{ mlflowGetRun(input: " + "{a: " * 5000 + "1" + "}" * 5000 + ") { run { info { runId } } } }",
    "directives": "{ __typename " + "@include(if: true) " * 5000 + "}", "variables": "query(" + " ".join(f"$v{i}: Int" for i in range(5000)) + ") { __typename }", "comments": "#" * 60000 + "\n{__typename}",
    "operations": " ".join(f"query q{i} {{ __typename }}" for i in range(3000)), "a long name": "{ " + "a" * 60000 + " }", "a long text": '{ mlflowGetRun(input: {runId: "' + "x" * 60000 + '"}) { run { info { runId } } } }',
    "a block text": '{ mlflowGetRun(input: {runId: """' + "\n " * 30000 + '"""}) { run { info { runId } } } }', "all types": "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }", "too large": "{" + "a " * 2_000_000 + "}",
    "inline fragments": "{" + "... on Query {" * 3000 + "__typename" + "}" * 3000 + "}", "a byte order mark": "\ufeff{ __typename }", "NUL": "{ __typename \0 }", "escapes": '{ mlflowGetRun(input: {runId: "\\u' + "D800" + '"}) { run { info { runId } } } }',
}


@pytest.mark.parametrize("name", GRAPHQL_BOMBS)
def test_graphql_bombs(site, name):
    """Limits are counted before anything is executed, and the counting is short itself."""
    query = GRAPHQL_BOMBS[name]
    bodies = [{"query": query}] + [{"query": query, "variables": {"v0": json.loads("[" * 50 + "]" * 50)}, "operationName": "x"}]
    for body in bodies:
        start = time.monotonic()
        answer = site.send("POST", "/graphql", {}, {}, body)
        assert time.monotonic() - start < 30, "a short text, a long work"
        assert answer.status_code in (200, 400, 413) and len(answer.text) < 1 << 20, (answer.status_code, answer.text[:300])
    if len(query) < 5000:
        assert site.send("GET", "/graphql", {}, {"query": query}, None).status_code in (200, 400, 414)
    site.alive()


INJECTIONS = ["'", '"', "''", "\\'", "'; DROP TABLE track_run; --", "' OR '1'='1", "\" OR \"\"=\"", "x' UNION SELECT name FROM sqlite_master --", "1; SELECT pg_sleep(5)", "$1", "?1", ":a", "@a", "$$x$$", "E'\\x'",
              "%", "_", "\\", "%' OR 1=1 --", "/* x */", "-- ", "`", "[x]", "a\nb", "a\tb", "<img src=x onerror=alert(1)>", "${x}", "{{x}}", "%s%n", "\u2028", "\u202eabc", "\U0001f600", "\u0000x"[1:], "ﬀ", "NULL", "null", "0x27"]


def rows_of(url, path):
    return http.get(url + path, timeout=30).json()


def test_texts_are_only_texts(either):
    """What was stored comes back as it was, a filter for it finds its own row alone, and no other row has changed."""
    url = either.url + "/api/2.0/mlflow"
    post = lambda path, body, method="POST": http.request(method, url + path, json=body, timeout=30)
    tail = str(time.monotonic_ns())
    experiment = post("/experiments/create", {"name": f"inject-{tail}"}).json()["experiment_id"]
    others = post("/runs/create", {"experiment_id": experiment, "run_name": "bystander", "tags": [{"key": "a", "value": "bystander"}]}).json()["run"]["info"]["run_id"]
    post("/runs/log-batch", {"run_id": others, "params": [{"key": "p", "value": "bystander"}], "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 1}]})
    before = rows_of(either.url, f"/api/2.0/mlflow/runs/get?run_id={others}")
    runs = {}
    for i, text in enumerate(INJECTIONS):
        run = post("/runs/create", {"experiment_id": experiment, "run_name": text, "user_id": text, "tags": [{"key": "a", "value": text}]}).json()["run"]["info"]["run_id"]
        runs[text] = run
        assert post("/runs/log-parameter", {"run_id": run, "key": "p", "value": text}).status_code == 200
        post("/runs/set-tag", {"run_id": run, "key": text, "value": text})  # a key of odd letters may be refused
        post("/runs/log-metric", {"run_id": run, "key": text, "value": 1, "timestamp": 1})
        got = rows_of(either.url, f"/api/2.0/mlflow/runs/get?run_id={run}")["run"]
        assert got["info"]["run_name"] == text and {p["value"] for p in got["data"]["params"]} == {text}
        assert {t["value"] for t in got["data"]["tags"] if t["key"] in ("a", "mlflow.runName", text)} == {text}
        made = post("/experiments/create", {"name": f"{text} {tail}", "tags": [{"key": "k", "value": text}]})
        assert made.status_code == 200, (text, made.text)
        got = http.get(url + "/experiments/get-by-name", params={"experiment_name": f"{text} {tail}"}, timeout=30).json()["experiment"]
        assert got["experiment_id"] == made.json()["experiment_id"] and got["tags"] == [{"key": "k", "value": text}]
        for name in (f"{text} {tail}",):
            model = post("/registered-models/create", {"name": name, "description": text, "tags": [{"key": "k", "value": text}]})
            if model.status_code == 200:
                got = http.get(url + "/registered-models/get", params={"name": name}, timeout=30).json()["registered_model"]
                assert (got["name"], got["description"], got["tags"]) == (name, text, [{"key": "k", "value": text}])
                version = post("/model-versions/create", {"name": name, "source": f"runs:/{run}/m", "run_id": run, "description": text}).json()["model_version"]
                assert version["version"] == "1" and version["description"] == text
                post("/registered-models/alias", {"name": name, "alias": text, "version": "1"})
            else:
                assert model.status_code == 400, (text, model.text)
    search = lambda text: post("/runs/search", {"experiment_ids": [experiment], "filter": text, "max_results": 1000})
    for text, run in runs.items():
        for field in ("params.p", "tags.a", "attributes.run_name"):
            for quote in ("'", '"'):
                if quote in text or "\\" in text:
                    continue
                found = search(f"{field} = {quote}{text}{quote}")
                assert found.status_code == 200 and [r["info"]["run_id"] for r in found.json()["runs"]] == [run], (field, text, found.text[:300])
        for clause in (text, f"params.p = {text}", f"params.{text} = 'x'", f"tags.`{text}` = 'x'", f"metrics.m > {text}", f"params.p LIKE {text}", f"params.p IN ({text})"):
            start = time.monotonic()
            answer = search(clause)
            assert answer.status_code in (200, 400) and time.monotonic() - start < 30, (clause, answer.status_code, answer.text[:300])
            assert others not in answer.text or answer.status_code == 400 or clause == "", clause
        for order in (text, f"params.p {text}", f"metrics.`{text}` DESC"):
            assert post("/runs/search", {"experiment_ids": [experiment], "order_by": [order]}).status_code in (200, 400)
        for path, body in (("/registered-models/search", None), ("/model-versions/search", None), ("/experiments/search", None)):
            for query in ({"filter": text}, {"order_by": text}, {"filter": f"name = {text}"}, {"page_token": text}):
                assert http.get(url + path, params=query, timeout=30).status_code in (200, 400), (path, query)
    assert rows_of(either.url, f"/api/2.0/mlflow/runs/get?run_id={others}") == before
    assert len(search("").json()["runs"]) == len(INJECTIONS) + 1
    assert http.get(either.url + "/api/ingot/v1/audit/verify", timeout=60).status_code == 200


def token_pages(t):
    """Every listing that gives a token: (method, path, where the token is in the answer, what asks again with it)."""
    api = valid_requests.API
    return {
        "runs": lambda token: ("POST", api + "/runs/search", {}, {"experiment_ids": [t.experiment], "max_results": 1, **({"page_token": token} if token is not None else {})}),
        "history": lambda token: ("GET", api + "/metrics/get-history", {"run_id": t.run, "metric_key": "loss", "max_results": "3", **({"page_token": token} if token is not None else {})}, None),
        "experiments": lambda token: ("GET", api + "/experiments/search", {"max_results": "1", **({"page_token": token} if token is not None else {})}, None),
        "models": lambda token: ("GET", api + "/registered-models/search", {"max_results": "1", **({"page_token": token} if token is not None else {})}, None),
        "versions": lambda token: ("GET", api + "/model-versions/search", {"max_results": "1", **({"page_token": token} if token is not None else {})}, None),
        "logged models": lambda token: ("POST", api + "/logged-models/search", {}, {"experiment_ids": [t.experiment], "max_results": 1, **({"page_token": token} if token is not None else {})}),
        "webhooks": lambda token: ("GET", api + "/webhooks", {"max_results": "1", **({"page_token": token} if token is not None else {})}, None),
    }


def test_forged_page_tokens(site):
    """A token of ours that was changed, belongs to another listing, or never was one: a 400, or a page of what one may list anyway."""
    rng = random.Random(11)
    for _ in range(2):
        other = Things(site.call)
    for i in range(3):
        site.call("POST", valid_requests.API + "/runs/create", {"experiment_id": other.experiment})
        site.call("POST", valid_requests.API + "/logged-models", {"experiment_id": other.experiment, "name": f"n{i}"})
    pages, tokens = token_pages(other), {}
    for name, ask in pages.items():
        method, path, query, body = ask(None)
        tokens[name] = site.send(method, path, {}, query, body).json().get("next_page_token")
        assert tokens[name] or name == "webhooks", name
    forged = ["eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5OTk5OTk5OX0=", "LTE=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "MA==", "A", "====", "a" * 5000, "../../etc/passwd", "\x00", "null", "-1", "0", "\U0001f600"]
    for name, ask in pages.items():
        own = tokens[name] or "MQ=="
        spoilt = {own[:i] + rng.choice("ABCDwxyz0189+/=-_") + own[i + 1:] for i in range(len(own))} | {own[:-1], own + "A", own[1:], own * 2, own.swapcase(), own[::-1]}
        for token in [*forged, *spoilt, *(v for k, v in tokens.items() if k != name and v)]:
            method, path, query, body = ask(token)
            answer = site.send(method, path, {}, query, body)
            assert answer.status_code in (200, 400), (name, token[:60], answer.status_code, answer.text[:200])
            if name == "history" and answer.status_code == 200:
                assert {m["key"] for m in answer.json().get("metrics", [])} <= {"loss"}
    site.alive()


def raw_exchange(port, data, wait=1.0):
    out = b""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(data)
        s.settimeout(wait)
        try:
            while piece := s.recv(65536):
                out += piece
        except TimeoutError:
            return out, False
        except ConnectionResetError:
            pass
    return out, True


def test_nothing_is_smuggled_behind_writes_that_wait(site):
    """Writes whose answers come later are followed by ambiguous messages in one packet: the writes are done, what follows is refused, the
    hidden request is never read and the connection ends."""
    t = Things(site.call)
    host = "Host: localhost\r\nContent-Type: application/json\r\n"

    def log(step, key="smug"):
        body = json.dumps({"run_id": t.run, "key": key, "value": step, "timestamp": 1, "step": step})
        return f"POST {valid_requests.API}/runs/log-metric HTTP/1.1\r\n{host}Content-Length: {len(body)}\r\n\r\n{body}"

    hidden = log(1, "hidden")
    ambiguous = {
        "length and chunked": f"POST /x HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        "two lengths": f"POST /x HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
        "a list of lengths": f"POST /x HTTP/1.1\r\n{host}Content-Length: 0, {len(hidden)}\r\n\r\n{hidden}",
        "another coding": f"POST /x HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{hidden}",
        "xchunked": f"POST /x HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
        "a space before the colon": f"POST /x HTTP/1.1\r\n{host}Content-Length : {len(hidden)}\r\n\r\n{hidden}",
        "a sign": f"POST /x HTTP/1.1\r\n{host}Content-Length: +0\r\n\r\n{hidden}", "hexadecimal": f"POST /x HTTP/1.1\r\n{host}Content-Length: 0x0\r\n\r\n{hidden}",
        "a bare line feed": f"POST /x HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n{hidden}", "a folded line": f"POST /x HTTP/1.1\r\n{host}Content-Length:\r\n 0\r\n\r\n{hidden}",
        "a chunk's size": f"POST /x HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}", "two hosts": f"POST /x HTTP/1.1\r\nHost: a\r\n{host}Content-Length: 0\r\n\r\n{hidden}",
        "a bare return": f"POST /x HTTP/1.1\r\n{host}X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", "version 2": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}", "no version": f"POST /x\r\n\r\n{hidden}",
    }
    for i, (name, message) in enumerate(ambiguous.items()):
        steps = range(i * 10, i * 10 + 5)
        out, closed = raw_exchange(site.server.port, ("".join(log(s) for s in steps) + message).encode())
        statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d\d\d) ", out)]
        assert closed and statuses[:5] == [200] * 5 and len(statuses) <= 6 and set(statuses[5:]) <= {400, 403, 501, 505}, (name, closed, statuses, out[-400:])
        history = site.call("GET", f"{valid_requests.API}/metrics/get-history?run_id={t.run}&metric_key=smug").json()["metrics"]
        assert sorted(m["step"] for m in history) == [s for k in range(i + 1) for s in range(k * 10, k * 10 + 5)], name
    assert site.call("GET", f"{valid_requests.API}/metrics/get-history?run_id={t.run}&metric_key=hidden").json().get("metrics", []) == []
    # Cut anywhere, the writes before the cut are done once, and one that is not whole is not done.
    data = "".join(log(s, "cut") for s in range(4))
    one = len(log(0, "cut"))
    for cut in (1, one - 1, one, one + 1, 2 * one + 5, len(data) - 1):
        with socket.create_connection(("127.0.0.1", site.server.port), 10) as s:
            s.sendall(data[:cut].encode())
            s.shutdown(socket.SHUT_WR)
            s.settimeout(5)
            out = b""
            while piece := s.recv(65536):
                out += piece
        assert out.count(b"HTTP/1.1 200") == cut // one, (cut, out[-300:])
    site.alive()


def test_alerts_go_to_no_private_address(site):
    """A rule's receiver is held to the same addresses as a webhook."""
    port = TRAP.getsockname()[1]
    for host in ("localhost", "127.0.0.1", "127.1", "0177.0.0.1", "0x7f000001", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.0.0.1", "100.64.0.1", "[fd00::1]",
                 "8.8.8.8@127.0.0.1", "localhost."):
        for scheme in ("http", "https"):
            body = {"name": f"r-{time.monotonic_ns()}", "kind": "metric", "metric": "loss", "comparison": ">", "threshold": -1, "url": f"{scheme}://{host}:{port}/"}
            answer = site.send("POST", "/api/ingot/v1/alert-rules", {}, {}, body)
            assert answer.status_code == 400, (body["url"], answer.status_code, answer.text)
    for i in range(3):
        site.call("POST", valid_requests.API + "/runs/log-metric", {"run_id": site.things.run, "key": "loss", "value": 5, "timestamp": i, "step": 100 + i})
    time.sleep(0.5)
    site.alive()


def test_the_connection_lives_on_after_head(site):
    """Found by the mutations: the head of a streamed answer said keep-alive, and the connection was closed behind it."""
    t = Things(site.call)
    for target in (f"{valid_requests.ART}/artifacts/{t.where}/model/f.txt", f"/get-artifact?run_id={t.run}&path=model/f.txt", f"{valid_requests.API}/metrics/get-history?run_id={t.run}&metric_key=loss",
                   "/metrics", "/health", f"/model-versions/get-artifact?name={t.model}&version=1&path=f.txt", "/nowhere"):
        out, closed = raw_exchange(site.server.port, f"HEAD {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 2 + b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert out.count(b"HTTP/1.1 ") == 3 and not closed and b"+ingot" in out, (target, out[-600:])


# ---- random mutations ----

WORDS = [b"metrics", b"params", b"tags", b"attributes", b".", b"`", b"'", b'"', b"<", b">=", b"!=", b"=", b" AND ", b" OR ", b"(", b")", b" IN ", b" LIKE ", b" ILIKE ", b" IS NOT NULL", b"NOT ",
         b" DESC", b"dataset.name", b"1e999", b"-9223372036854775808", b"nan", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"%", b"%00", b"../", b"...", b"$", b"!",
         b"@include(if: true)", b"fragment F on Query { ...F }", b"query", b"mutation", b"subscription", b"__typename", b"runs:/", b"models:/", b"mlflow-artifacts:/", b"s3://", b"null", b"true", b"0", b"-1"]
HEADERS = [{"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=utf-16"}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "identity"}, {"Range": "bytes=0-1"}, {"Range": "bytes=9-1"},
           {"If-None-Match": "*"}, {"Expect": "100-continue"}, {"Origin": "http://evil.example"}, {"X-Request-Id": "a" * 64}, {"Accept-Encoding": "gzip"}, {"Ingot-Reason": "\xff"}, {"X-Ingot-Reason": "a" * 9000},
           {"Authorization": "Bearer x"}, {"Connection": "close"}, {"If-Range": '"x"'}, {"Accept": "text/html"}]


def mutated_bytes(rng, data):
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(6)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[at:at] = rng.choice(WORDS)
        elif what == 2:
            del out[at:at + rng.randrange(1, 12)]
        elif what == 3:
            out[at:at] = out[rng.randrange(len(out) + 1):][:rng.randrange(40)]
        elif what == 4:
            out[at:at + 3] = rng.choice(WORDS)
        else:
            out[at:at] = bytes([rng.randrange(256)]) * rng.choice((1, 2, 100))
    return bytes(out)


def some_value(rng, pool):
    what = rng.randrange(4)
    if what == 0:
        return rng.choice(TEXTS)
    if what == 1:
        return rng.choice(FORMS)
    return rng.choice(pool)


def mutated(rng, requests, pool):
    """(method, path, args, query, body, headers) of a good request with a few things wrong."""
    method, path, args, query, body = rng.choice(requests)
    args, query, headers = dict(args), dict(query), {}
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        what = rng.randrange(9)
        if what == 0 and args:
            args[rng.choice(list(args))] = some_value(rng, pool)
        elif what == 1 and query:
            query[rng.choice(list(query))] = some_value(rng, pool)
        elif what == 2:
            query[rng.choice(("path", "limit", "run_id", "max_results", "x", "page_token", "state"))] = some_value(rng, pool)
        elif what == 3:
            headers.update(rng.choice(HEADERS))
        elif what == 4:
            method = rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"))
        elif isinstance(body, dict) and body:
            at = rng.choice(list(leaves(body)))
            value = value_at(body, at)
            if isinstance(value, str) and rng.randrange(2):
                body = with_value(body, at, mutated_bytes(rng, value.encode("utf-8", "surrogatepass")).decode("utf-8", "replace"))
            elif isinstance(value, list) and rng.randrange(2):
                body = with_value(body, at, value * rng.choice((0, 2, 3, 50)))
            else:
                body = with_value(body, at, some_value(rng, pool))
    if isinstance(body, dict) and rng.randrange(3) == 0:
        body = mutated_bytes(rng, dumps(body))
    args = {k: str(v)[:3000] for k, v in args.items()}
    query = {k: str(v)[:3000] for k, v in query.items()}
    return method, path, args, query, body, headers


def consistent(folder):
    """What the tables say of each other, read with the server gone."""
    with sqlite3.connect(folder / "ingot.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        wrong = stored_points.wrong(db, "r.deleted < 2")
        assert wrong == [], wrong[:5]


def fuzz(site, seed, worker, end, count):
    rng = random.Random(f"{seed}-{worker}")
    session = http.Session()
    session.trust_env = False
    things = Things(site.call)
    pool = [things.run, things.experiment, things.model, things.logged, things.upload, things.webhook, things.where, "tiny", 1, "1", "loss", "champion"]
    n, before = 0, []
    while time.monotonic() < end:
        if n % 400 == 0:
            things = Things(site.call)
            requests = list(known(things))
        n += 1
        method, path, args, query, body, headers = mutated(rng, requests, pool)
        target = fill(path, args, query)
        data = body if body is None or isinstance(body, bytes) else dumps(body)
        request = http.Request(method, "http://x", data=data, headers={"Content-Type": "application/json"}).prepare()
        request.headers.update(headers)
        request.url = site.server.url + target
        try:
            answer = session.send(request, timeout=60, allow_redirects=False)
        except (http.exceptions.ConnectionError, http.exceptions.ChunkedEncodingError, http.exceptions.InvalidHeader):
            session.close()
            time.sleep(0.2)  # a process that dies writes its report first
            assert site.server.process.poll() is None, ("the server ended", seed, worker, n, method, target[:300], headers, (data or b"")[:2000])
            if not (headers or len(target) > 7000 or len(data or b"") > 1 << 20):
                raise AssertionError(f"no answer: {(seed, worker, n, method, target[:300], (data or b'')[:600])} after {before}") from None
            continue
        except http.exceptions.ReadTimeout:
            raise AssertionError(("no answer in time", seed, worker, n, method, target[:300], (data or b"")[:600])) from None
        before = [*before[-2:], (method, target[:200], headers, (data or b"")[:200], len(data or b""), answer.status_code, dict(answer.headers))]
        where = (seed, worker, n, method, target[:500], headers, (data or b"")[:1500], answer.status_code, answer.text[:400])
        assert answer.status_code < 500 or answer.status_code == 501 or "/health/ready" in path, where
        assert SECRET not in answer.text and "Set-Cookie" not in answer.headers, where
    session.close()
    count.append(n)


def test_random_mutations(tmp_path):
    """$INGOT_API_FUZZ_S seconds (20) of mutated good requests from four clients at once, over all routes."""
    seed = os.environ.get("INGOT_API_FUZZ_SEED") or str(random.randrange(1 << 32))
    print("INGOT_API_FUZZ_SEED", seed)
    site = Site(tmp_path)
    end, count = time.monotonic() + FUZZ_S, []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(fuzz, site, seed, i, end, count) for i in range(4)]
        failures = [e for j in jobs if (e := j.exception())]
    print(sum(count), "requests")
    for e in failures:
        print(*getattr(e, "args", ()), sep="\n")
    if failures:
        raise failures[0]
    site.alive()
    assert site.server.stop() == 0, (tmp_path / "box" / "data.log").read_text(errors="replace")[-3000:]
    consistent(tmp_path / "box" / "data")
    assert "Sanitizer" not in (tmp_path / "box" / "data.log").read_text(errors="replace")
