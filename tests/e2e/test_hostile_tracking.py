"""Every route of the source tables under hostile values in every field, and under random mutations of good requests. A refusal is a 4xx
with a reason; no answer is a 500, nothing outside the data folder is reached, and what stood before still stands."""
import concurrent.futures
import json
import os
import random
import re
import sqlite3
import time
import urllib.parse

import pytest
import requests as http
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
                  "delete-experiment-tag", "/tags/{key}", "model-versions/", "logged-models/{model_id}", "gateway-proxy", "registered-models/alias", "get-artifact", "runs/", "/models/")

LONG = "x" * 70000
TEXTS = ["", " ", "\x00", "a\x00b", "../../../../outside/canary.txt", "..", "/etc/passwd", "file:///etc/passwd", "'; DROP TABLE track_run; --", "' OR '1'='1", '" OR 1=1 --', "%' ESCAPE '",
         "<script>alert(1)</script>", "javascript:alert(1)", "a\r\nSet-Cookie: x=1", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é" * 300, "𝒳" * 300, "\u202e", LONG,
         "-1", "0", "1.5", "1e999", "nan", "9" * 400, str(2**63), str(-2**63 - 1), "true", "null", "{}", "[]", "http://169.254.169.254/latest", "s3://b/k", "a" * 501, "%00", "%s%n%x", "${jndi:x}", "{{7*7}}"]
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
        wrong = db.execute("SELECT id, points FROM track_series s WHERE points <> (SELECT count(*) FROM track_point WHERE series = s.id)").fetchall()
        assert wrong == [], wrong[:5]


def fuzz(site, seed, worker, end, count):
    rng = random.Random(f"{seed}-{worker}")
    session = http.Session()
    session.trust_env = False
    things = Things(site.call)
    pool = [things.run, things.experiment, things.model, things.logged, things.upload, things.webhook, things.where, "tiny", 1, "1", "loss", "champion"]
    n = 0
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
            assert headers or len(target) > 7000 or len(data or b"") > 1 << 20, ("no answer", seed, worker, n, method, target[:300], (data or b"")[:600])
            session.close()
            assert site.server.process.poll() is None, ("the server ended", seed, worker, n, method, target[:300], headers, (data or b"")[:2000])
            continue
        except http.exceptions.ReadTimeout:
            raise AssertionError(("no answer in time", seed, worker, n, method, target[:300], (data or b"")[:600])) from None
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
    if failures:
        raise failures[0]
    site.alive()
    assert site.server.stop() == 0, (tmp_path / "box" / "data.log").read_text(errors="replace")[-3000:]
    consistent(tmp_path / "box" / "data")
    assert "Sanitizer" not in (tmp_path / "box" / "data.log").read_text(errors="replace")
