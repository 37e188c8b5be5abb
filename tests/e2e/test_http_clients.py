"""The HTTP server and dispatcher (tests/e2e/http_probe.c, built with ASan) against clients that are not ours: curl,
requests, raw sockets. The probe's exit code is part of every test: a leak or a sanitizer finding fails it."""
import concurrent.futures
import gzip
import hashlib
import json
import os
import socket
import threading
import time

import pytest
import requests
from http_probe import curl, needs_curl, probe  # noqa: F401 (the fixture is found by its name)

@needs_curl
def test_curl(probe, tmp_path):
    assert json.loads(curl(probe.url + "/hello").stdout) == {"hello": "world"}
    head = curl("-I", probe.url + "/hello").stdout.decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n") and "Content-Length: 17\r\n" in head and head.endswith("\r\n\r\n")
    assert b"hello" in curl("--http1.0", probe.url + "/hello").stdout
    assert b"hello" in curl("--http2", probe.url + "/hello").stdout  # the offered upgrade to h2c is passed over
    assert b" 400 " in curl("-i", "--path-as-is", probe.url + "/x/../hello").stdout
    assert b" 405 " in curl("-i", "-X", "DELETE", probe.url + "/hello").stdout
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 20000)
    expect = f"{256 * 20000} {sum(range(256)) * 20000}\n".encode()
    assert curl("-T", str(big), probe.url + "/upload/a/b", "-H", "Expect: 100-continue").stdout == expect
    assert curl("-T", "-", probe.url + "/upload/x", input=big.read_bytes()).stdout == expect  # chunked
    packed = gzip.compress(b"packed " * 1000)
    assert curl("--data-binary", "@-", "-H", "Content-Encoding: gzip", probe.url + "/echo", input=packed).stdout == b"packed " * 1000
    plain = curl("-i", probe.url + "/metrics").stdout
    asked = curl("-i", "--compressed", probe.url + "/metrics").stdout
    assert b"Content-Encoding" not in plain and b"Content-Encoding: gzip" in asked and b"ingot_http_requests_total" in asked


def test_requests_keeps_one_connection(probe):
    with requests.Session() as s:
        s.trust_env = False
        for i in range(100):
            assert s.get(probe.url + ("/hello" if i % 2 else "/pool")).json() == {"hello": "world"}
        pieces = [os.urandom(n) for n in (1, 1000, 70000, 300000, 1)]
        whole = b"".join(pieces)
        r = s.put(probe.url + "/upload/x", data=iter(pieces))
        assert r.text == f"{len(whole)} {sum(whole)}\n"
        want = bytes(97 + i % 26 for i in range(26)) * 200000
        for query in ("", "&chunked=1"):
            r = s.get(f"{probe.url}/download?n={len(want)}{query}", stream=True)
            got = hashlib.sha256()
            for piece in r.iter_content(50000):
                got.update(piece)
            assert got.hexdigest() == hashlib.sha256(want).hexdigest()
        assert s.get(probe.url + "/slow?ms=abc").status_code == 400
        assert s.get(probe.url + "/broken").status_code == 500
        r = s.get(probe.url + "/nowhere")
        assert r.status_code == 404 and r.json()["error_code"] == "NOT_FOUND" and r.json()["request_id"] == r.headers["X-Request-Id"]
    counters = probe.stop()
    assert counters["connections"] == 1 and counters["requests"] == 106


def test_browsers_are_kept_out(probe):
    post = lambda **h: requests.post(probe.url + "/json", data="{}", headers={"Content-Type": "application/json", **h}).status_code
    assert post() == 200
    assert post(Origin=probe.url) == 200
    assert post(Origin="http://evil.example") == 403
    assert post(Origin="null") == 403
    assert post(**{"Sec-Fetch-Site": "cross-site"}) == 403
    assert post(Host="evil.example") == 403
    assert post(Authorization="Bearer bad") == 401
    assert requests.post(probe.url + "/json", data={"a": 1}).status_code == 415
    assert requests.post(probe.url + "/json", data="x" * 1001, headers={"Content-Type": "application/json"}).status_code == 413


SMUGGLE = [f"{name}{sep}{value}" for name, sep, value in (
    ("Transfer-Encoding", ": ", "chunked"), ("Transfer-Encoding", " : ", "chunked"), ("Transfer-Encoding", ":\t", "chunked"),
    ("Transfer-Encoding", ":\x0b", "chunked"), ("Transfer-Encoding", ":\x0c", "chunked"), ("Transfer-Encoding", ": ", "xchunked"),
    ("Transfer-Encoding", ": ", "chunked, identity"), ("Transfer-Encoding", ": ", "identity, chunked"), ("Transfer-Encoding", ": ", "chunked\x00"),
    ("Transfer-Encoding", ": ", "chunked\r\n Transfer-Encoding: x"), ("Transfer-Encoding", ": ", "x\r\nTransfer-Encoding: chunked"),
    ("Transfer-Encoding", ":\r\n ", "chunked"), ("Transfer-Encoding", "\r\n : ", "chunked"), (" Transfer-Encoding", ": ", "chunked"),
    ("\tTransfer-Encoding", ": ", "chunked"), ("X: y\nTransfer-Encoding", ": ", "chunked"), ("X: y\rTransfer-Encoding", ": ", "chunked"),
    ("Transfer-Encoding\x00", ": ", "chunked"), ("Transfer-Encoding\xff", ": ", "chunked"), ("Transfer_Encoding", ": ", "chunked"),
    ("X-Transfer-Encoding", ": ", "chunked"), ("transfer-encoding", ":", "CHUNKED"), ("Transfer-Encoding", ": ", '"chunked"'),
    ("Transfer-Encoding", ": ", "'chunked'"), ("Transfer-Encoding", ": ", "chunked;q=1"), ("Transfer-Encoding", "; ", "chunked"),
    ("Transfer-Encoding", "", "chunked"), ("Connection: Transfer-Encoding\r\nTransfer-Encoding", ": ", "chunked"),
    ("Content-Length: 0\r\nTransfer-Encoding", ": ", "chunked"), ("Content-Length", ": ", "0"), ("Content-Length", ": ", "+1"), ("Content-Length", " : ", "1"))]


@pytest.mark.parametrize("header", SMUGGLE, ids=range(len(SMUGGLE)))
def test_smuggling(probe, header):
    """One message whose body looks like a request to a server that frames it by the other header: one answer."""
    inner = b"0\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
    line = header.encode("latin-1")
    for pair in ((b"Content-Length: %d" % len(inner), line), (line, b"Content-Length: %d" % len(inner))):
        out, closed = probe.raw(b"POST /echo HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(pair) + b"\r\n\r\n" + inner)
        if line.split(b":")[0] in (b"Transfer_Encoding", b"X-Transfer-Encoding"):  # other headers, no more
            assert out.startswith(b"HTTP/1.1 200 ") and out.endswith(inner) and out.count(b"HTTP/1.1 ") == 1
        else:
            assert out.startswith(b"HTTP/1.1 400 ") and closed and out.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("probe", [["--io", "2"]], indirect=True)
def test_load_and_graceful_end(probe):
    """32 clients at once, then SIGTERM in the middle of slow requests: every one begun is answered."""
    def work(_):
        with requests.Session() as s:
            s.trust_env = False
            return sum(s.get(probe.url + ("/pool" if k % 3 else "/hello")).status_code == 200 for k in range(50))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(work, range(32))) == 1600
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(requests.get(probe.url + "/slow?ms=700").text)) for _ in range(4)]
    for t in threads:
        t.start()
    time.sleep(0.3)
    counters = probe.stop()
    for t in threads:
        t.join()
    assert answers == ["slept"] * 4 and counters["requests"] == 1604


@pytest.mark.parametrize("probe", [["--head-ms", "500", "--body-ms", "500", "--idle-ms", "500"]], indirect=True)
def test_slow_clients(probe):
    start = time.time()
    with socket.create_connection(("127.0.0.1", probe.port)) as s:
        s.sendall(b"GET /hel")
        s.settimeout(30)
        assert s.recv(100).startswith(b"HTTP/1.1 408 ")
    assert time.time() - start > 0.4
    with socket.create_connection(("127.0.0.1", probe.port)) as s:
        s.settimeout(5)
        assert s.recv(100) == b""  # silence is answered with a close
