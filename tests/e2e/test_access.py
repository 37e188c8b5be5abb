"""Who may do what: tokens on every route of the source tables, the Host and Origin rules that keep browsers out, and all the
other spellings of a request that must not lead around them."""
import base64
import json
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
import requests
import valid_requests
from ingot_server import IngotServer

SRC = Path(__file__).resolve().parents[2] / "src" / "api"
# Open to anybody who may connect: they say that the server is up and what it is, nothing of what it holds.
PUBLIC = {("GET", "/health"), ("GET", "/version"), ("GET", "/v2"), ("GET", "/v2/health/live"), ("GET", "/v2/health/ready"), ("GET", "/v2/models/{name}/ready"),
          ("GET", "/v2/models/{name}/versions/{version}/ready"), ("GET", "/ping"),
          *(("POST", "/inference.GRPCInferenceService/" + call) for call in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "{method}")),
          *(("POST", "/grpc.health.v1.Health/" + call) for call in ("Check", "Watch", "{method}")), ("GET", "/api/3.0/mlflow/server-info"), ("GET", "/ajax-api/3.0/mlflow/server-info"),
          # MLflow's client sends the parts of a file without its credentials: the upload's id, which only its owner was told, is the permission.
          ("PUT", "/api/2.0/mlflow-artifacts/mpu/part"), ("PUT", "/ajax-api/2.0/mlflow-artifacts/mpu/part"),
          # Who I am, signing in (the token is in the body), signing out.
          *((method, "/api/ingot/v1/session") for method in ("GET", "POST", "DELETE"))}


def source_routes():
    """(method, path, permission, flags) of every row, as the compiler sees it: with all macros written out."""
    rows = []
    # What protoc writes at build time says nothing of routes.
    stubs = Path(tempfile.mkdtemp())
    for name in ("health", "inference"):
        (stubs / f"{name}.pb-c.h").write_text("")
    row = re.compile(r'\{\s*"([A-Z]+)",\s*((?:"[^"]*"\s*)+),\s*(\w+),\s*(PERM_\w+),([^,]+),')
    for file in sorted(SRC.glob("*/*.c")):
        if "static const struct route " not in file.read_text() or file.parent.name == "web":  # pages and files of the interface hold no data: test_ui_shell.py
            continue
        text = subprocess.run(["cc", "-E", "-P", "-D_GNU_SOURCE", f"-I{SRC.parent}", f"-I{stubs}", str(file)], check=True, capture_output=True, text=True).stdout
        table = text[re.search(r"static const struct route \w+\[\] = ", text).start():]
        matches = row.findall(table)
        # proxy_off stands in for the artifact proxy on servers that were started without one; index_page has "/" with --ui-dir alone (test_stock_ui.py).
        found = [(method, "".join(re.findall(r'"([^"]*)"', path)), perm, flags) for method, path, handler, perm, flags in matches if handler not in ("proxy_off", "index_page")]
        assert len(matches) == len(re.findall(r"\bPERM_\w+", table)) > 0, f"{file}: a row that this test does not see"
        rows += found
    shutil.rmtree(stubs)
    return rows


ALL_ROUTES = source_routes()
# gRPC is HTTP/2 alone and tells its refusals in trailers.
GRPC_ROUTES = [r for r in ALL_ROUTES if r[1].startswith(("/inference.", "/grpc."))]
ROUTES = [r for r in ALL_ROUTES if r not in GRPC_ROUTES]
PROTECTED = [r for r in ROUTES if (r[0], r[1]) not in PUBLIC]
WRITES = [r for r in ROUTES if "ROUTE_WRITES" in r[3]]


def concrete(path):
    return re.sub(r"\{\w+\*?\}", "x", path)


class Site:
    def __init__(self, folder, *args):
        self.server = IngotServer(folder, *args)
        self.url, self.port = self.server.url, self.server.port
        self.token = (Path(folder) / "admin-token").read_text().strip()
        self.session = requests.Session()
        self.session.trust_env = False
        self.good = {"Authorization": f"Bearer {self.token}"}

    def send(self, method, target, headers=None, data=None):
        """The target as it is."""
        request = requests.Request(method, "http://x", headers=headers, data=data).prepare()
        request.url = self.url + target
        return self.session.send(request, timeout=20, allow_redirects=False)

    def raw(self, data):
        """The status and headers of the first answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.sendall(data)
            out = b""
            while b"\r\n\r\n" not in out:
                piece = s.recv(65536)
                if not piece:
                    break
                out += piece
        assert out.startswith(b"HTTP/1.1 "), out[:100]
        return int(out.split()[1]), out

    def state(self):
        get = lambda path: self.send("GET", path, self.good).json()
        return (get("/api/ingot/v1/audit/verify"), get("/api/2.0/mlflow/experiments/search?max_results=100"), get("/api/ingot/v1/endpoints"),
                get("/api/ingot/v1/features"), get("/api/2.0/mlflow/registered-models/search"), get("/api/2.0/mlflow-artifacts/artifacts"))

    def close(self):
        self.session.close()
        assert self.server.stop() == 0


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """Asks for tokens on loopback too."""
    s = Site(tmp_path_factory.mktemp("locked") / "d", "--auth")
    yield s
    s.close()


@pytest.fixture(scope="module")
def open_site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("open") / "d", "--allowed-hosts", "ml.example, other.example:8443")
    yield s
    s.close()


# ---- tokens ----

def test_the_tables_are_read_whole():
    assert len(ROUTES) > 150 and len(GRPC_ROUTES) > 20 and len(set((m, p) for m, p, _, _ in ALL_ROUTES)) == len(ALL_ROUTES)
    assert {(m, p) for m, p, perm, _ in ALL_ROUTES if perm == "PERM_PUBLIC"} == PUBLIC, "a public row is a decision: write it down here"


def bad_credentials(token):
    basic = lambda text: "Basic " + base64.b64encode(text.encode()).decode()
    return ["", "Bearer", "Bearer ", "Bearer x", f"Bearer {token}x", f"Bearer {token[:-1]}", f"Bearer x{token}", f"Bearer {token[1:]}", f"Bearer {token.upper()}", f"Bearer {token} {token}",
            f"Bearer {token},x", f"Token {token}", token, f"Bearer: {token}", f"Digest {token}", basic("admin:wrong"), basic(f"{token}:"), basic(token), "Basic !!!", "Basic",
            basic(f"a:{token}x"), f"Basic {token}", f"Bearer '{token}'", "Bearer null", "Bearer undefined", "Bearer " + "A" * 6000, "Bearer \x7f", basic("admin:admin"), basic(":")]


def test_every_route_wants_the_token(locked):
    before = locked.state()
    seen = 0
    for method, path, perm, flags in PROTECTED:
        target = concrete(path)
        body = None if method == "GET" else b"{}"
        kind = {"Content-Type": "application/json"} if body else {}
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = locked.send(method, target, {**kind, **headers}, body)
            assert answer.status_code == 401, (method, path, headers, answer.status_code, answer.text[:200])
            assert answer.headers["WWW-Authenticate"].startswith("Bearer") and locked.token not in answer.text
            seen += 1
        if method == "GET":
            head = locked.send("HEAD", target)
            assert head.status_code == 401 and head.content == b"", (path, head.status_code)
    assert seen > 300 and locked.state() == before
    for method, path in sorted(PUBLIC - {(m, p) for m, p, _, _ in GRPC_ROUTES}):
        assert locked.send(method, concrete(path)).status_code in (200, 400, 404), path
    for method, path, perm, flags in [r for r in PROTECTED if not r[1].endswith("/events")]:  # the same requests with the token come further; that one has no end
        if method == "GET":
            assert locked.send(method, concrete(path), locked.good).status_code != 401, path


def test_every_grpc_method_wants_the_token(locked):
    before = locked.state()
    empty = {"content-type": "application/grpc", "te": "trailers"}
    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        status = lambda path, **headers: client.post(locked.url + path, headers={**empty, **headers}, content=bytes(5)).headers.get("grpc-status")
        for method, path, perm, flags in GRPC_ROUTES:
            if (method, path) in PUBLIC:
                continue
            assert status(path) == "16", path
            assert status(path, authorization="Bearer wrong") == "16", path
            assert status(path, authorization=locked.good["Authorization"]) != "16", path
    assert locked.state() == before


def test_good_requests_without_the_token_do_nothing(locked):
    """Not the words of a request are refused but its sender: what would be done for the administrator is not done for anybody else."""
    call = lambda method, target, body=None: locked.send(method, target, {**locked.good, "Content-Type": "application/json"}, body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode())
    things = valid_requests.Things(call)
    table, before, seen = valid_requests.requests(things), locked.state(), 0
    run = call("GET", f"/api/2.0/mlflow/runs/get?run_id={things.run}").json()
    for method, path, perm, flags in PROTECTED:
        found = table.get((method, path)) or table.get((method, path.replace("/ajax-api", "/api", 1)))
        if not found:
            continue
        args, query, body = found
        target = re.sub(r"\{(\w+)\*?\}", lambda m: quote(str(args[m.group(1)]), safe="/"), path) + ("?" + urlencode(query) if query else "")
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        for headers in ({}, {"Authorization": f"Bearer {locked.token[:-1]}0"}, {"Authorization": "Basic YWRtaW46cGFzc3dvcmQxMjM0"}, {"Cookie": f"token={locked.token}"}, {"X-Forwarded-For": "127.0.0.1", "X-User": "admin"}):
            answer = locked.send(method, target, {"Content-Type": "application/json", **headers}, data)
            assert answer.status_code == 401 and things.run not in answer.text, (method, target, headers, answer.status_code)
            seen += 1
    assert seen > 1000 and locked.state() == before and call("GET", f"/api/2.0/mlflow/runs/get?run_id={things.run}").json() == run


def test_credentials_of_every_wrong_form(locked):
    for value in bad_credentials(locked.token):
        for method, target in (("GET", "/metrics"), ("GET", "/api/ingot/v1/audit"), ("POST", "/api/2.0/mlflow/experiments/search")):
            answer = locked.send(method, target, {"Authorization": value, "Content-Type": "application/json"}, b"{}" if method == "POST" else None)
            assert answer.status_code in (401, 400), (value, answer.status_code)
            assert locked.token not in answer.text
    for where in (f"/metrics?token={locked.token}", f"/metrics?access_token={locked.token}", f"/metrics?api_key={locked.token}"):
        assert locked.send("GET", where).status_code == 401
    for name in ("Cookie", "X-Api-Key", "X-Auth-Token", "Proxy-Authorization", "X-Forwarded-User", "X-Remote-User"):
        assert locked.send("GET", "/metrics", {name: f"Bearer {locked.token}"}).status_code == 401
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Originating-IP", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"):
        for value in ("127.0.0.1", "for=127.0.0.1", "/health", "OPTIONS"):
            assert locked.send("GET", "/metrics", {name: value}).status_code == 401
    basic = base64.b64encode(f"anybody:{locked.token}".encode()).decode()
    for value in (f"Bearer {locked.token}", f"bearer {locked.token}", f"BEARER  {locked.token} ", f"Basic {basic}"):
        assert locked.send("GET", "/metrics", {"Authorization": value}).status_code == 200, value


def test_two_credentials_are_not_better_than_one(locked):
    good, bad = f"Authorization: Bearer {locked.token}\r\n", "Authorization: Bearer wrong\r\n"
    for lines in (bad + good, bad + bad):
        status, _ = locked.raw(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n".encode())
        assert status in (400, 401), lines
    status, _ = locked.raw(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{good}{bad}Connection: close\r\n\r\n".encode())
    assert status in (200, 400, 401)


def test_a_refusal_tells_nothing_and_reads_no_body(locked):
    made = locked.send("POST", "/api/2.0/mlflow/experiments/create", {**locked.good, "Content-Type": "application/json"}, b'{"name": "secret-name"}')
    assert made.status_code == 200
    ident = made.json()["experiment_id"]
    texts = set()
    for target in (f"/api/2.0/mlflow/experiments/get?experiment_id={ident}", "/api/2.0/mlflow/experiments/get?experiment_id=999",
                   "/api/2.0/mlflow/experiments/get-by-name?experiment_name=secret-name"):
        answer = locked.send("GET", target)
        texts.add(re.sub(r'"request_id":\s*"\w+"', "", answer.text))
    assert len(texts) == 1 and "secret-name" not in str(texts)
    status, out = locked.raw(b"PUT /api/2.0/mlflow-artifacts/artifacts/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
    assert status == 401, "the answer comes from the head alone"
    status, out = locked.raw(b"PUT /api/2.0/mlflow-artifacts/artifacts/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
    assert status == 401, "nobody without a token is told to go on"
    rows = locked.send("GET", "/api/ingot/v1/audit?kind=experiment", locked.good).json()["rows"]
    assert all(r["actor"] == "admin" for r in rows)


def aliases(path):
    first, _, rest = path[1:].partition("/")
    out = ["/" + path, "//localhost" + path, path + "/", path + "//", path + ";x=1", path + ";", path + "%2f", path + "%2F..", path + "%00", path + "%20", path + ".", path + "/.",
           path + "%3b", path + "%3fx", path + "%23", "/." + path, "/./" + path[1:], "/x/.." + path, "/%2e" + path, "/%2e%2e" + path, "/health/.." + path, "/health%2f.." + path,
           "/health/..;" + path, "/health;" + path, "/health%00" + path, "/health" + path, "/health?/.." + path, "/health#" + path, path.upper(), path.capitalize(), path.title(),
           "\\" + path[1:], path.replace("/", "\\"), path.replace("/", "%2f"), path.replace("/", "//"), path.replace("/", "/./"), path + "\t", path + "?;/health",
           "/" + "".join(f"%{b:02x}" for b in path[1:].encode()), "/" + "".join(f"%{b:02X}" for b in path[1:].encode()), "/" + first[:1].upper() + path[2:],
           "/%" + f"{ord(path[1]):02x}" + path[2:], "/%25" + f"{ord(path[1]):02x}" + path[2:], path + "%0d%0aX:%20y", "*", "", path[1:], "/％６d" + path[2:]]
    if rest:
        out += [f"/{first}//{rest}", f"/{first}/./{rest}", f"/{first}/x/../{rest}", f"/{first};x/{rest}", f"/{first}%2f{rest}", f"/{first}/%2e/{rest}"]
    return out


ALIASED = ["/metrics", "/v2/models", "/api/ingot/v1/audit", "/api/ingot/v1/endpoints", "/api/2.0/mlflow/experiments/search", "/ajax-api/2.0/mlflow/experiments/search",
           "/api/2.0/mlflow-artifacts/artifacts", "/get-artifact"]


def test_other_spellings_of_a_path_lead_nowhere(locked):
    quiet = {"/health": locked.send("GET", "/health").text}
    for path in ALIASED:
        for alias in aliases(path):
            for method in ("GET", "HEAD", "POST"):
                status, out = locked.raw(f"{method} {alias} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                if alias.startswith("/health") and status == 200:
                    assert alias.startswith(("/health?", "/health#")) and method != "POST" and (method == "HEAD" or quiet["/health"].encode() in out), alias
                else:
                    assert status in (400, 401, 404, 405, 415, 501), (method, alias, status, out[-300:])
        for form in (f"http://localhost{path}", f"http://localhost:{locked.port}{path}", f"HTTP://LOCALHOST{path}", f"http://evil.example{path}", f"http://u:p@localhost{path}",
                     f"https://localhost{path}", f"file://{path}", f"localhost{path}"):
            status, out = locked.raw(f"GET {form} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert status in (400, 401, 403, 404), (form, status)


@pytest.mark.parametrize("site_name", ["locked", "open_site"])
def test_other_methods_and_overrides(site_name, request):
    site = request.getfixturevalue(site_name)
    before = site.state()
    for method, path, perm, flags in ROUTES:
        target = concrete(path)
        status, out = site.raw(f"OPTIONS {target} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: {method}\r\n"
                               "Access-Control-Request-Headers: authorization\r\nConnection: close\r\n\r\n".encode())
        assert status == 204 and b"access-control" not in out.lower() and out.endswith(b"\r\n\r\n"), (path, status)
    for method in ("TRACE", "CONNECT", "PROPFIND", "get", "GETT", "G", "DEBUG", "PURGE", "LINK", "PATCH", "PUT", "DELETE"):
        for target in ("/metrics", "/health", "/api/2.0/mlflow/experiments/search"):
            status, out = site.raw(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert status in (400, 401, 404, 405, 501), (method, target, status)
    creates = "/api/2.0/mlflow/experiments/create"
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"):
        answer = site.send("GET", f"{creates}?_method=POST&name=overridden", {header: "POST"})
        assert answer.status_code in (401, 404, 405), answer.status_code
        answer = site.send("HEAD", f"{creates}?_method=POST&name=overridden", {header: "POST"})
        assert answer.status_code in (401, 404, 405)
    assert site.state() == before


# ---- browsers ----

HOSTS_REFUSED = ["evil.example", "localhost.evil.example", "evil-localhost", "localhost.", "127.0.0.1.nip.io", "127.0.0.2", "127.1", "2130706433", "0.0.0.0", "[::]", "::1", "0x7f000001",
                 "ml.example.evil", "xml.example", "other.example", "other.example:80", "localhost%00.evil", "ml.example,evil", "evil:80", "[::1", "user@ml.example"]
HOSTS_TAKEN = ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "localhost:1", "ml.example", "ML.EXAMPLE", "ml.example:9", "other.example:8443"]


def test_host_is_exact(open_site):
    for host in HOSTS_REFUSED + [""]:
        for target in ("/v2", "/metrics", "/nowhere", "/healthy"):
            status, out = open_site.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: localhost\r\nConnection: close\r\n\r\n".encode())
            assert status in (400, 403), (host, target, status)
    for host in HOSTS_TAKEN:
        status, out = open_site.raw(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n".encode())
        assert status == 200, (host, status)
    for target in ("/health", "/version"):  # probes come by whatever address the machine has that day
        assert open_site.raw(f"GET {target} HTTP/1.1\r\nHost: 10.0.0.9:5000\r\nConnection: close\r\n\r\n".encode())[0] == 200


def test_other_sites_cannot_write(open_site):
    before = open_site.state()
    url = open_site.url
    hostile = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "file://"}, {"Origin": ""}, {"Origin": "http://localhost"}, {"Origin": "http://127.0.0.1:1"},
               {"Origin": url.replace("http://", "https://")}, {"Origin": url + ".evil.example"}, {"Origin": url + "/"}, {"Origin": "http://evil.example " + url},
               {"Origin": url.replace("http://", "http://evil@")}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "strange"},
               {"Sec-Fetch-Site": "cross-site", "Origin": url}]
    for method, path, perm, flags in WRITES:
        for headers in hostile:
            answer = open_site.send(method, concrete(path), {**headers, "Content-Type": "application/json"}, b"{}")
            assert answer.status_code == 403, (method, path, headers, answer.status_code, answer.text[:200])
    assert open_site.state() == before
    for headers in ({"Origin": url}, {"Origin": url, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        answer = open_site.send("POST", "/api/2.0/mlflow/runs/create", {**headers, "Content-Type": "application/json"}, b'{"experiment_id": "0"}')
        assert answer.status_code == 200 and "Access-Control-Allow-Origin" not in answer.headers, (headers, answer.text)


FORM_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; charset=application/json", "text/plain,application/json",
              "application/jsonx", "application/x-json", "text/json", "", None]


def test_forms_of_any_site_cannot_write(open_site):
    """A form needs no permission of the browser to be sent; its content type gives it away. Old browsers send no Origin."""
    before = open_site.state()
    body = b'{"name": "by-a-form", "x": "=", "experiment_id": "0", "run_id": "0", "version": 1, "config": {}}'
    for method, path, perm, flags in WRITES:
        if "ROUTE_ANY_TYPE" in flags:
            continue
        for kind in FORM_TYPES:
            answer = open_site.send(method, concrete(path), {} if kind is None else {"Content-Type": kind}, body)
            assert answer.status_code == 415, (method, path, kind, answer.status_code, answer.text[:200])
    assert open_site.state() == before
    any_type = {(m, p) for m, p, _, f in WRITES if "ROUTE_ANY_TYPE" in f and not p.startswith("/ajax-api")}
    # Clients of the model protocols send JSON without saying so; what their forms may do is bounded by the check of Origin.
    model = tuple(f"/{p}" for p in ("v1/", "v2/", "invocations", "endpoints/", "serving-endpoints/"))
    assert {(m, p) for m, p in any_type if not p.startswith(model)} == {
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/{path*}"), ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/{path*}"),
        ("PUT", "/api/2.0/mlflow-artifacts/mpu/part"), ("PUT", "/api/ingot/v1/runs/{run}/console")}, "what takes any type is a decision"


def test_answers_carry_the_headers_that_browsers_heed(open_site, locked):
    for site, target in ((open_site, "/metrics"), (open_site, "/nowhere"), (open_site, "/api/2.0/mlflow/experiments/get"), (locked, "/metrics"), (open_site, "/v2/models/nobody")):
        answer = site.send("GET", target, {"Origin": "http://evil.example"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and "Access-Control-Allow-Origin" not in answer.headers and "Set-Cookie" not in answer.headers
        assert "html" not in answer.headers.get("Content-Type", "")
    answer = open_site.send("GET", "/nowhere/%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 404 and answer.headers["Content-Type"].startswith("application/json")
    echo = open_site.send("GET", "/health", {"X-Request-Id": "good-id.1"})
    assert echo.headers["X-Request-Id"] == "good-id.1"
    for value in ("<script>", "a b", "x" * 65, "é", "a\tb", "a,b"):
        got = open_site.send("GET", "/health", {"X-Request-Id": value.encode("utf-8")}).headers["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{16}", got), (value, got)


def test_another_address_needs_the_token_and_its_host(tmp_path):
    """Reached by an address that is not loopback, if this machine has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            address = None
    folder = tmp_path / "d"
    with IngotServer(folder, "--listen", "0.0.0.0:0", "--insecure", "--allowed-hosts", address or "x") as server:
        token = (folder / "admin-token").read_text().strip()
        get = lambda host, target, **h: requests.get(f"http://{host}:{server.port}{target}", headers=h, timeout=10).status_code
        for host in ("127.0.0.1", address) if address else ("127.0.0.1",):
            assert get(host, "/health") == 200 and get(host, "/metrics") == 401
            assert get(host, "/metrics", Authorization=f"Bearer {token}") == 200
            assert get(host, "/v2", Host="evil.example") == 403
        if address:
            assert get(address, "/v2", Host="localhost") == 403, "loopback names are for loopback"
