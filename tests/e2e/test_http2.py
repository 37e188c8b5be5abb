"""HTTP/2 on the server's one port (tests/e2e/http_probe.c, built with ASan): the conformance suite, real clients over clear text and
TLS, peers that are slow, and peers that mean harm. The hostile ones are made with the h2 library, which knows the protocol but
does what it is told."""
import asyncio
import hashlib
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings
import httpx
import pytest

import h2spec
from http_probe import Probe, certificate, curl, needs_curl, probe  # noqa: F401 (the fixture is found by its name)

needs_h2load = pytest.mark.skipif(not shutil.which("h2load"), reason="needs h2load (Debian's nghttp2-client)")
SHORT = ["--head-ms", "700", "--body-ms", "700", "--idle-ms", "1500"]


@pytest.fixture
def tls(tmp_path):
    key, cert = certificate(tmp_path)
    p = Probe("--cert", cert, "--key", key)
    p.cert = cert
    p.url = p.url.replace("http:", "https:")
    yield p
    if p.process.poll() is None:
        p.stop()


class Peer:
    """A connection of the h2 library, whose checks of what is sent are off."""

    def __init__(self, port, settings=None, rcvbuf=None):
        self.s = socket.socket()
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(10)
        self.s.connect(("127.0.0.1", port))
        self.c = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        if settings:
            self.c.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.c.initiate_connection()
        self.events = []
        self.closed = False
        self.flush()

    def flush(self):
        try:
            self.s.sendall(self.c.data_to_send())
        except OSError:
            self.closed = True

    def request(self, path, method="GET", end=True, body=b"", **fields):
        stream = self.c.get_next_available_stream_id()
        self.c.send_headers(stream, [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path), *fields.items()], end_stream=end and not body)
        if body:
            self.c.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def pump(self, until, seconds=8, credit=True):
        """Reads until `until(events)` or the end; the events of all time."""
        stop = time.time() + seconds
        while not until(self.events) and not self.closed and time.time() < stop:
            self.s.settimeout(max(0.01, stop - time.time()))
            try:
                data = self.s.recv(1 << 16)
            except TimeoutError:
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            for event in self.c.receive_data(data):
                self.events.append(event)
                if credit and isinstance(event, h2.events.DataReceived) and event.flow_controlled_length and not self.closed:
                    self.c.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()
        return self.events

    def of(self, kind, stream=None):
        return [e for e in self.events if isinstance(e, kind) and (stream is None or e.stream_id == stream)]

    def status(self, stream):
        heads = self.of(h2.events.ResponseReceived, stream)
        return int(dict(heads[0].headers)[":status"]) if heads else None

    def data(self, stream):
        return b"".join(e.data for e in self.of(h2.events.DataReceived, stream))

    def get(self, path, seconds=8, **fields):
        stream = self.request(path, **fields)
        self.pump(lambda _: self.of(h2.events.StreamEnded, stream) or self.of(h2.events.StreamReset, stream), seconds)
        return self.status(stream)

    def goodbye(self, seconds=8):
        """The GOAWAY's code, read to the end of the connection."""
        self.pump(lambda _: False, seconds)
        gone = self.of(h2.events.ConnectionTerminated)
        return int(gone[-1].error_code) if gone else None

    def raw(self, data):
        try:
            self.s.sendall(data)
        except OSError:
            self.closed = True

    def rest(self, seconds=8):
        """The bytes to the end of the connection, past the library."""
        got = b""
        self.s.settimeout(seconds)
        try:
            while piece := self.s.recv(1 << 16):
                got += piece
        except OSError:
            pass
        return got

    def close(self):
        self.s.close()


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def frames(data):
    """(type, flags, stream, payload) of the whole frames."""
    at = 0
    while at + 9 <= len(data):
        n = int.from_bytes(data[at:at + 3], "big")
        if at + 9 + n > len(data):
            return
        yield data[at + 3], data[at + 4], int.from_bytes(data[at + 5:at + 9], "big"), data[at + 9:at + 9 + n]
        at += 9 + n


def goodbyes(data):
    """(last stream, code) of each GOAWAY."""
    return [(int.from_bytes(p[:4], "big"), int.from_bytes(p[4:8], "big")) for kind, _, _, p in frames(data) if kind == 7]


def rss_kib(p):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{p.process.pid}/status").read_text()).group(1))


# ---- conformance ----

@pytest.mark.parametrize("path", ["/hello", "/pool"])
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_conformance(secure, path, tmp_path):
    try:
        suite = h2spec.build()
    except h2spec.Absent as why:
        pytest.skip(f"needs h2spec: {why}")
    p = Probe(*(("--key", certificate(tmp_path)[0], "--cert", str(tmp_path / "cert.pem")) if secure else ()))
    done = subprocess.run([str(suite), "--strict", "-p", str(p.port), "-P", path, *(["-t", "-k"] if secure else [])], capture_output=True, text=True, timeout=120)
    p.stop()
    assert "146 tests, 146 passed, 0 skipped, 0 failed" in done.stdout, done.stdout[done.stdout.find("Failures:"):][:4000]


# ---- clients ----

@needs_curl
def test_curl(probe, tmp_path):
    h2c = ["--http2-prior-knowledge"]
    assert curl(*h2c, probe.url + "/hello").stdout == b'{"hello":"world"}'
    head = curl(*h2c, "-I", probe.url + "/hello").stdout.decode()
    assert head.startswith("HTTP/2 200") and "content-length: 17\r\n" in head and "x-request-id" in head
    assert b" 400 " in curl(*h2c, "-i", "--path-as-is", probe.url + "/x/../hello").stdout.splitlines()[0]
    assert b" 405 " in curl(*h2c, "-i", "-X", "DELETE", probe.url + "/hello").stdout
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 16) * 100)
    expect = f"{len(big.read_bytes())} {sum(big.read_bytes())}\n".encode()
    assert curl(*h2c, "-T", str(big), probe.url + "/upload/a/b").stdout == expect
    assert curl(*h2c, "-T", "-", probe.url + "/upload/x", input=big.read_bytes()).stdout == expect
    assert curl(*h2c, "--data-binary", f"@{big}", "-H", "Content-Type: x/y", probe.url + "/echo").stdout == big.read_bytes()
    for query in ("n=5000000", "n=5000000&chunked=1"):
        got = curl(*h2c, f"{probe.url}/download?{query}").stdout
        assert hashlib.sha256(got).digest() == hashlib.sha256((bytes(range(97, 123)) * 200000)[:5000000]).digest()
    asked = curl(*h2c, "-i", "--compressed", probe.url + "/metrics").stdout
    assert b"content-encoding: gzip" in asked and b"ingot_http_requests_total" in asked


@needs_curl
def test_tls_chooses_by_alpn(tls):
    say = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}", "--cacert", tls.cert, tls.url + "/hello"]
    assert curl("--http2", *say).stdout == b"2 200"
    assert curl("--http1.1", *say).stdout == b"1.1 200"
    assert curl("--no-alpn", *say).stdout == b"1.1 200"
    assert hashlib.sha256(curl("--http2", "--cacert", tls.cert, f"{tls.url}/download?n=3000000").stdout).digest() == \
        hashlib.sha256((bytes(range(97, 123)) * 120000)[:3000000]).digest()
    with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=tls.cert), trust_env=False) as c:
        r = c.get(tls.url + "/pool")
        assert (r.http_version, r.json()) == ("HTTP/2", {"hello": "world"})
    # Agreed on HTTP/2 and speaks HTTP/1.1: that is no answer's worth.
    context = ssl.create_default_context(cafile=tls.cert)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", tls.port)), server_hostname="127.0.0.1") as s:
        assert s.selected_alpn_protocol() == "h2"
        s.settimeout(5)
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while piece := s.recv(4096):
            got += piece
        assert b"HTTP/1.1" not in got
    tls.stop()


@needs_h2load
def test_h2load(probe):
    for path, n in (("/hello", 20000), ("/pool", 5000), ("/download?n=100000", 500)):
        done = subprocess.run(["h2load", "-n", str(n), "-c", "10", "-m", "50", probe.url + path], capture_output=True, text=True, timeout=60)
        assert f"{n} total, {n} started, {n} done, {n} succeeded, 0 failed" in done.stdout, done.stdout
    # Its sister opens streams with the priorities of RFC 7540.
    done = subprocess.run(["nghttp", "-v", "-H", "x-y: z", probe.url + "/hello", probe.url + "/pool"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.count('{"hello":"world"}') == 2 and "PRIORITY frame" in done.stdout, done.stdout
    counters = probe.stop()
    assert counters["requests"] == 25502 and counters["refused"] == 0


def at_once(n, ask, together=64):
    """Answers to `n` requests over one connection. (Threads on one httpx client would send new streams out of order.)"""
    async def run():
        gate = asyncio.Semaphore(together)
        async with httpx.AsyncClient(http2=True, http1=False, trust_env=False, timeout=30, limits=httpx.Limits(max_connections=1)) as c:
            async def one(i):
                async with gate:
                    return await ask(c, i)
            return await asyncio.gather(*(one(i) for i in range(n)))
    return asyncio.run(run())


def test_httpx(probe):
    with httpx.Client(http2=True, http1=False, trust_env=False, timeout=30) as c:
        answers = at_once(400, lambda ask, i: ask.get(probe.url + ("/hello" if i % 2 else "/pool")))
        assert all(r.status_code == 200 and r.http_version == "HTTP/2" and r.json() == {"hello": "world"} for r in answers)
        pieces = [os.urandom(n) for n in (1, 1000, 70000, 300000, 1)]
        whole = b"".join(pieces)
        assert c.put(probe.url + "/upload/x", content=iter(pieces)).text == f"{len(whole)} {sum(whole)}\n"
        assert c.post(probe.url + "/echo", content=whole, headers={"Content-Type": "x/y"}).content == whole
        assert c.get(probe.url + "/slow?ms=abc").status_code == 400
        assert c.get(probe.url + "/broken").status_code == 500
        r = c.get(probe.url + "/nowhere")
        assert r.status_code == 404 and r.json()["request_id"] == r.headers["x-request-id"]
        assert c.post(probe.url + "/json", content="x" * 1001, headers={"Content-Type": "application/json"}).status_code == 413
        assert c.post(probe.url + "/json", content="{}", headers={"Content-Type": "application/json", "Origin": "http://evil.example"}).status_code == 403
        assert c.post(probe.url + "/json", content="{}", headers={"Content-Type": "application/json", "Authorization": "Bearer bad"}).status_code == 401
        assert 'route="/echo"' in c.get(probe.url + "/metrics").text
    counters = probe.stop()
    assert counters["connections"] == 2


def test_both_ways_and_trailers(probe):
    """Each message is answered before the next one is sent; the answer's end carries a trailer."""
    peer = Peer(probe.port)
    stream = peer.request("/call", "POST", end=False)
    peer.pump(lambda _: peer.status(stream))
    assert peer.status(stream) == 200  # the handler speaks first
    for i in range(20):
        peer.c.send_data(stream, b"%05d" % i)
        peer.flush()
        peer.pump(lambda _: len(peer.data(stream)) >= 5 * (i + 1))
        assert peer.data(stream)[-5:] == b"%05d" % i
    assert peer.get("/hello") == 200  # another stream beside it
    peer.c.end_stream(stream)
    peer.flush()
    peer.pump(lambda _: peer.of(h2.events.StreamEnded, stream))
    assert dict(peer.of(h2.events.TrailersReceived, stream)[0].headers) == {"x-pieces": "20"}
    gone = peer.request("/call", "POST", end=False, body=b"hello")
    peer.pump(lambda _: peer.data(gone))
    peer.c.reset_stream(gone, 8)
    peer.flush()
    assert peer.get("/hello") == 200
    peer.close()
    probe.stop()


def test_the_whole_server(server):
    """Tracking over one connection: durable writes that wait for a commit together, searches, artifacts both ways."""
    api, files = server.url + "/api/2.0/mlflow", server.url + "/api/2.0/mlflow-artifacts/artifacts"
    with httpx.Client(http2=True, http1=False, trust_env=False, timeout=30) as c:
        run = c.post(api + "/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
        answers = at_once(500, lambda ask, i: ask.post(api + "/runs/log-metric", json={"run_id": run, "key": "m", "value": i, "timestamp": i, "step": i}))
        assert {(r.status_code, r.http_version) for r in answers} == {(200, "HTTP/2")}
        seen = c.get(api + "/metrics/get-history", params={"run_id": run, "metric_key": "m"}).json()["metrics"]
        assert sorted(m["step"] for m in seen) == list(range(500))
        data = os.urandom(5_000_000)
        assert c.put(f"{files}/{run}/big.bin", content=data).status_code == 200
        assert c.get(f"{files}/{run}/big.bin").content == data
        part = c.get(f"{files}/{run}/big.bin", headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, data[100:200])
        assert c.get(f"{files}/../x").status_code in (400, 404)
        assert c.post(api + "/runs/log-metric", json={"run_id": "none", "key": "m", "value": 1, "timestamp": 1}).status_code == 404


# ---- slow peers, deadlines, the end ----

@pytest.mark.parametrize("probe", [SHORT], indirect=True)
def test_deadlines(probe):
    silent = socket.create_connection(("127.0.0.1", probe.port), timeout=30)  # not even a preface
    half = socket.create_connection(("127.0.0.1", probe.port), timeout=30)
    half.sendall(b"PRI * HTTP/2.0\r\n")
    idle, heading, body, unread = Peer(probe.port), Peer(probe.port), Peer(probe.port), Peer(probe.port, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10})
    heading.raw(frame(1, 0, 1, b"\x82"))  # a header block that does not end
    slow = body.request("/echo", "POST", end=False, **{"content-type": "x/y"})
    body.c.send_data(slow, b"x")
    body.flush()
    running = body.request("/upload/x", "PUT", end=False)  # streamed to a worker, when more has come
    body.c.send_data(running, b"x" * 16384)
    body.flush()
    blocked = unread.request("/download?n=100000")
    assert silent.recv(100) == b"" and half.recv(100) == b""
    assert heading.goodbye() == 1
    assert idle.goodbye() == 0 and idle.closed
    body.pump(lambda _: body.status(slow) and body.status(running))
    assert body.status(slow) == 408 and body.status(running) == 408
    unread.pump(lambda _: unread.of(h2.events.StreamReset, blocked), credit=False)
    assert unread.of(h2.events.StreamReset, blocked) and len(unread.data(blocked)) == 10
    assert unread.get("/hello") == 200  # only the stream was given up
    for s in (silent, half, idle, heading, body, unread):
        s.close()
    assert probe.stop()["requests"] >= 4


def test_end_in_two_steps(probe):
    """A request that comes while the notice is on its way is answered too; what runs is finished."""
    peer, quiet = Peer(probe.port), Peer(probe.port)
    assert quiet.get("/hello") == 200
    streams = [peer.request("/slow?ms=900") for _ in range(3)]
    time.sleep(0.2)
    result = []
    stopper = threading.Thread(target=lambda: result.append(probe.stop()))
    stopper.start()
    peer.pump(lambda _: peer.of(h2.events.ConnectionTerminated))
    assert peer.of(h2.events.ConnectionTerminated)[0].last_stream_id == 2**31 - 1
    # The h2 library takes no GOAWAY for a notice, so the late request is made by hand: GET /hello of localhost.
    peer.raw(frame(1, 5, streams[-1] + 2, b"\x82\x86\x04\x06/hello\x01\x09localhost"))
    late = peer.rest()
    ended = {stream for kind, flags, stream, _ in frames(late) if kind in (0, 1) and flags & 1}
    assert ended == {*streams, streams[-1] + 2} and goodbyes(late) == [(streams[-1] + 2, 0)]
    assert quiet.goodbye() == 0
    stopper.join()
    assert result[0]["requests"] == 4  # as it was when the end began


def test_streams_that_nobody_reads(probe):
    """A hundred large answers to a peer that gives no window cost the server little, and others nothing."""
    before = rss_kib(probe)
    peers = [Peer(probe.port, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0}) for _ in range(4)]
    for p in peers:
        for _ in range(100):
            p.request("/download?n=100000000&chunked=1")
    with httpx.Client(http2=True, http1=False, trust_env=False) as c:
        for _ in range(200):
            assert c.get(probe.url + "/hello").status_code == 200
    assert rss_kib(probe) - before < 100000
    for p in peers:
        p.close()
    with httpx.Client(http2=True, http1=False, trust_env=False) as c:
        assert c.get(probe.url + "/pool", timeout=20).status_code == 200  # the workers are free again
    probe.stop()


# ---- peers that mean harm ----

def flood(kind, n=30000):
    """The pieces to send, with a moment between them."""
    head = b"\x82\x86\x04\x05/pool\x01\x09localhost"  # GET /pool, as literals
    if kind == "rapid reset":
        return [b"".join(frame(1, 5, 2 * i + 1, head) + frame(3, 0, 2 * i + 1, b"\0\0\0\x08") for i in range(n))]
    if kind == "reset by us":  # CVE-2025-8671: a window made too large makes the server reset; never more streams than are allowed
        return [b"".join(frame(1, 5, 2 * i + 1, head) + frame(8, 0, 2 * i + 1, b"\x7f\xff\xff\xff") for i in range(k, k + 20)) for k in range(0, 2000, 20)]
    if kind == "continuation":
        return [frame(1, 1, 1, head) + frame(9, 0, 1) * n]
    if kind == "bomb":
        return [frame(1, 5, 1, head + b"\x40\x01x\x7f\x80\x1e" + b"b" * 3967 + b"\xbe" * 12000)]
    one = {"ping": frame(6, 0, 0, b"12345678"), "settings": frame(4, 0, 0), "priority": frame(2, 0, 3, b"\0\0\0\0\x10"), "window": frame(8, 0, 0, b"\0\0\0\1"),
           "unknown": frame(99, 0, 0), "empty data": frame(0, 0, 1)}[kind]
    return [(frame(1, 4, 1, head) if kind == "empty data" else b"") + one * n]


def send_pieces(peer, pieces):
    for piece in pieces:
        peer.raw(piece)
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["rapid reset", "reset by us", "continuation", "bomb", "ping", "settings", "priority", "window", "unknown", "empty data"])
def test_floods(probe, kind):
    peer = Peer(probe.port)
    peer.pump(lambda e: len(e) >= 1, 2)
    sender = threading.Thread(target=send_pieces, args=(peer, flood(kind)))
    sender.start()
    with httpx.Client(http2=True, http1=False, trust_env=False) as c:
        for _ in range(20):
            assert c.get(probe.url + "/hello").status_code == 200
    said = goodbyes(peer.rest())
    sender.join()
    peer.close()
    # A reset of the connection may overtake the goodbye when much was still to be read; that it is over is what counts.
    assert not said or said[-1][1] == 11
    counters = probe.stop()
    assert counters["requests"] < 1500


# ---- everything at once ----

def mixed_load(port, seconds):
    """Both protocols, inline and pooled answers, uploads, downloads, calls, resets and breaking off; what was answered, by kind. Also for
    a probe under ThreadSanitizer ($HTTP_PROBE)."""
    stop = time.time() + seconds
    counts, faults = {}, []

    def worker(kind):
        n = 0
        while time.time() < stop and not faults:
            try:
                n += kind(n)
            except Exception as e:
                faults.append(f"{kind.__name__}: {e!r}")
        counts[kind.__name__] = counts.get(kind.__name__, 0) + n

    def old(n):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for i in range(20):
            c.request("POST", "/echo" if i % 2 else "/call", b"x" * (1000 * i), {"Content-Type": "x/y"})
            r = c.getresponse()
            assert r.status == 200 and len(r.read()) == 1000 * i
        c.close()
        return 20

    def new(n):
        with httpx.Client(http2=True, http1=False, trust_env=False, timeout=20) as c:
            for i in range(20):
                r = c.post(f"http://127.0.0.1:{port}" + ("/echo", "/call", "/pool")[i % 3], content=b"x" * (3000 * i), headers={"Content-Type": "x/y"}) if i % 3 < 2 else \
                    c.get(f"http://127.0.0.1:{port}/pool")
                assert r.status_code == 200 and (i % 3 == 2 or len(r.content) == 3000 * i)
        return 20

    def download(n):
        with httpx.Client(http2=True, http1=False, trust_env=False, timeout=20) as c:
            assert len(c.get(f"http://127.0.0.1:{port}/download?n=700000&chunked=1").content) == 700000
        return 1

    def rude(n):
        peer = Peer(port)
        for i in range(10):
            s = peer.request(("/call", "/slow?ms=5", "/download?n=500000", "/pool")[i % 4], "GET" if i % 4 else "POST", end=bool(i % 4))
            if i % 2:
                peer.c.reset_stream(s, 8)
                peer.flush()
        peer.pump(lambda e: len(e) > 5, 0.2)
        peer.close()
        return 1

    threads = [threading.Thread(target=worker, args=(k,)) for k in (old, old, new, new, download, rude)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return counts, faults


def test_mixed_load(probe):
    counts, faults = mixed_load(probe.port, 4)
    assert not faults and len(counts) == 4 and all(counts.values()), (counts, faults)
    assert probe.stop()["requests"] >= counts["old"] + counts["new"]
