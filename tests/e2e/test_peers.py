"""Peers that mean harm or only sleep: hundreds of slow ones, too many for the descriptors, and messages that two servers
could read differently. A good client beside them notices nothing."""
import os
import resource
import select
import socket
import threading
import time
from pathlib import Path

import pytest
import requests
from ingot_server import IngotServer

SHORT = ("--head-timeout-ms", "2000", "--body-timeout-ms", "2000", "--idle-timeout-ms", "2000")
JSON = b"Content-Type: application/json\r\n"


def connect(port, rcvbuf=None):
    s = socket.socket()
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(10)
    s.connect(("127.0.0.1", port))
    return s


def open_files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def cpu_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class GoodClient:
    """Several threads, kept connections, every kind of route; counts what does not succeed."""

    def __init__(self, url, requests_each, threads=4, timeout=20):
        self.url, self.each, self.timeout = url, requests_each, timeout
        self.bad, self.done = [], 0
        self.lock = threading.Lock()
        with requests.Session() as s:
            s.trust_env = False
            self.run_id = s.post(url + "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, timeout=timeout).json()["run"]["info"]["run_id"]
        self.threads = [threading.Thread(target=self.work, args=(k,)) for k in range(threads)]
        [t.start() for t in self.threads]

    def work(self, k):
        with requests.Session() as s:
            s.trust_env = False
            for i in range(self.each):
                try:
                    if i % 3 == 0:
                        r = s.get(self.url + "/health", timeout=self.timeout)
                    elif i % 3 == 1:
                        r = s.post(self.url + "/api/2.0/mlflow/runs/log-metric", timeout=self.timeout,
                                   json={"run_id": self.run_id, "key": f"k{k}", "value": i, "timestamp": i, "step": i})
                    else:
                        r = s.get(self.url + "/api/2.0/mlflow/runs/get", params={"run_id": self.run_id}, timeout=self.timeout)
                    fault = None if r.status_code == 200 else (r.status_code, r.text[:200])
                except requests.exceptions.RequestException as e:
                    fault = repr(e)[:200]
                with self.lock:
                    self.done += 1
                    if fault:
                        self.bad.append(fault)
                if len(self.bad) > 5:
                    return

    def join(self):
        [t.join() for t in self.threads]
        return self.bad


def upload(server, path, size):
    r = requests.put(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{path}", data=b"x" * size, timeout=20)
    assert r.status_code == 200


# ---- slow and idle ----

def slow_peers(server, each):
    """Seven kinds of peers that never finish."""
    get_big = b"GET /api/2.0/mlflow-artifacts/artifacts/big HTTP/1.1\r\nHost: localhost\r\n\r\n"
    put = b"PUT /api/2.0/mlflow-artifacts/artifacts/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
    kinds = [
        b"",
        b"GET /health HTTP/1.1\r\nHost: loc",
        b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\n" + JSON + b"Content-Length: 1000\r\n\r\n{",
        b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        put + b"x" * 1000,
        get_big,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    ]
    peers = []
    for i in range(each):
        for kind in kinds:
            s = connect(server.port, rcvbuf=4096)
            s.sendall(kind)
            peers.append(s)
    return peers


def closed_by_server(s):
    """Reads whatever is there; True once the end or a reset is."""
    try:
        s.settimeout(0)
        for _ in range(100000):
            if not s.recv(1 << 20):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def test_700_slow_and_idle_peers_disturb_nobody(tmp_path):
    with IngotServer(tmp_path / "d", *SHORT) as server:
        upload(server, "big", 8 << 20)
        peers = slow_peers(server, 100)
        assert len(peers) == 700
        drips = peers[100:200]
        good = GoodClient(server.url, 125)
        for _ in range(40):  # some of them drip on, a byte at a time
            for s in drips:
                try:
                    s.send(b"x")
                except OSError:
                    pass
            time.sleep(0.05)
        assert good.join() == [] and good.done == 500
        history = requests.get(server.url + "/api/2.0/mlflow/metrics/get-history", params={"run_id": good.run_id, "metric_key": "k0"}, timeout=20).json()
        assert len(history["metrics"]) == 42
        left = list(peers)
        for _ in range(150):
            left = [s for s in left if not closed_by_server(s)]
            if not left:
                break
            time.sleep(0.2)
        assert not left, f"{len(left)} of 700 peers are still held long after every deadline"
        [s.close() for s in peers]
        assert requests.get(server.url + "/health", timeout=20).status_code == 200


def test_stalled_transfers_do_not_hold_the_workers(tmp_path):
    """More half-done uploads and unread downloads than the pool has threads; deadlines far away. Others are served meanwhile."""
    with IngotServer(tmp_path / "d", "--body-timeout-ms", "60000", "--idle-timeout-ms", "60000", "--drain-timeout-ms", "500") as server:
        upload(server, "big", 16 << 20)
        peers = []
        for i in range(24):
            s = connect(server.port)
            s.sendall(b"PUT /api/2.0/mlflow-artifacts/artifacts/slow%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" % i + b"x" * 400000)
            peers.append(s)
            s = connect(server.port, rcvbuf=4096)
            s.sendall(b"GET /api/2.0/mlflow-artifacts/artifacts/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
            peers.append(s)
        time.sleep(0.5)
        good = GoodClient(server.url, 10, threads=2, timeout=15)
        bad = good.join()
        [s.close() for s in peers]
        assert bad == []


def test_pipelined_answers_come_in_order(tmp_path):
    with IngotServer(tmp_path / "d") as server, connect(server.port) as s:
        paths = [b"/health", b"/version", b"/metrics", b"/nowhere", b"/api/2.0/mlflow/experiments/get?experiment_id=0"] * 40
        want = [200, 200, 200, 404, 200] * 40
        sender = threading.Thread(target=lambda: s.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % p for p in paths)))
        sender.start()
        f = s.makefile("rb")
        for status in want:
            assert int(f.readline().split()[1]) == status
            length = 0
            for line in iter(f.readline, b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            f.read(length)
        sender.join()


# ---- out of descriptors ----

def test_out_of_descriptors(tmp_path):
    limit = 64
    with IngotServer(tmp_path / "d", "--io-threads", "2", "--pool-threads", "4",
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))) as server:
        with requests.Session() as kept:
            kept.trust_env = False
            run = kept.post(server.url + "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, timeout=10).json()["run"]["info"]["run_id"]
            peers = []
            for _ in range(200):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", server.port))
                peers.append(s)
            time.sleep(0.5)
            before = cpu_seconds(server)
            time.sleep(2)
            assert cpu_seconds(server) - before < 1.0, "it spins"
            assert server.process.poll() is None and open_files(server) <= limit
            answers = []
            for i in range(20):  # what needs descriptors of its own may fail now, but cleanly
                try:
                    answers.append(requests.put(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/x{i}", data=b"x" * 1000, timeout=3).status_code)
                except requests.exceptions.RequestException:
                    answers.append(0)
            [s.close() for s in peers]
        for _ in range(100):
            try:
                ok = requests.get(server.url + "/health", timeout=5).status_code == 200
            except requests.exceptions.RequestException:
                ok = False
            if ok:
                break
            time.sleep(0.1)
        assert ok, "it does not recover"
        assert GoodClient(server.url, 15).join() == []
        for i, status in enumerate(answers):
            got = requests.get(f"{server.url}/api/2.0/mlflow-artifacts/artifacts/x{i}", timeout=10)
            if status == 200:
                assert got.content == b"x" * 1000, "an acknowledged upload is there"
            elif status:
                assert got.status_code == 404, "a refused upload is not"
        assert requests.get(server.url + "/api/2.0/mlflow/runs/get", params={"run_id": run}, timeout=10).status_code == 200
        upload(server, "after", 1000)
        before = cpu_seconds(server)
        time.sleep(1)
        assert cpu_seconds(server) - before < 0.5, "it does not come to rest"


def test_connections_per_peer(tmp_path):
    with IngotServer(tmp_path / "d", "--max-connections-per-peer", "20") as server:
        peers = [connect(server.port) for _ in range(60)]
        for s in peers:
            try:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except OSError:
                pass
        time.sleep(0.5)
        served = refused = 0
        for s in peers:
            s.settimeout(5)
            try:
                answer = s.recv(4096)
            except OSError:
                answer = b""
            served += b" 200 " in answer[:20]
            refused += b" 200 " not in answer[:20]
        assert served == 20 and refused == 40
        [s.close() for s in peers]
        for _ in range(50):
            try:
                if requests.get(server.url + "/health", timeout=5).status_code == 200:
                    break
            except requests.exceptions.RequestException:
                time.sleep(0.1)
        else:
            pytest.fail("peers that left still count")


# ---- messages that can be read in two ways ----

HIDDEN = b"GET /version?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
TAIL = b"GET /version?tail HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /api/2.0/mlflow/experiments/search HTTP/1.1\r\nHost: localhost\r\n" + JSON
BODY = b'{"max_results": 1}'  # 18 bytes
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


REFUSED = {
    "both lengths": POST + CHUNKED + b"Content-Length: 5\r\n\r\n" + b"0\r\n\r\n" + HIDDEN,
    "both lengths, other order": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n" + b"0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "two lengths in one": POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "two equal lengths in one": POST + b"Content-Length: 18, 18\r\n\r\n" + BODY,
    **{f"length {v!r}": POST + b"Content-Length: " + v + b"\r\n\r\n" + BODY + HIDDEN for v in (
        b"+18", b"-18", b"0x12", b"18.0", b"1e1", b"1 8", b"18;", b"", b"\x0b18", b"18\x0c", b"\xb218", b"18446744073709551634", b"9223372036854775808", b"00x18", b"'18'")},
    **{f"coding {v!r}": POST + b"Transfer-Encoding: " + v + b"\r\n\r\n" + chunked(BODY) + HIDDEN for v in (
        b"xchunked", b"chunked, chunked", b"identity", b"identity, chunked", b"gzip, chunked", b"chunked, gzip", b"chunked;x=y", b'"chunked"', b"", b"\x0bchunked",
        b"chunked\x00", b"chunked\x85", b"chu\tnked", b"cow", b",chunked", b"chunked,")},
    "coding twice": POST + CHUNKED + CHUNKED + b"\r\n" + chunked(BODY) + HIDDEN,
    "coding twice, other": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + chunked(BODY) + HIDDEN,
    "blank before colon": POST + b"Content-Length : 18\r\n\r\n" + BODY, "blank before coding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + chunked(BODY),
    "folded": POST + b"X: y\r\n Content-Length: 50\r\n\r\n" + HIDDEN, "folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked(BODY),
    "tab name": POST + b"\tContent-Length: 18\r\n\r\n" + BODY, "no name": POST + b": 18\r\n\r\n" + HIDDEN, "no colon": POST + b"Content-Length 18\r\n\r\n" + HIDDEN,
    "NUL in name": POST + b"Content-Length\x00: 18\r\n\r\n" + BODY, "NUL in value": POST + b"X: a\x00b\r\n\r\n" + HIDDEN, "underscore CR": POST + b"X: a\rContent-Length: 18\r\n\r\n" + BODY,
    "bare LF head": b"POST /health HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n" + HIDDEN, "bare LF line": POST + b"X: a\nContent-Length: 50\r\n\r\n" + HIDDEN,
    "bare CR line": POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN, "end by LF": POST + b"Content-Length: 0\r\n\n" + HIDDEN,
    "no host": b"GET /health HTTP/1.1\r\n\r\n" + HIDDEN, "two hosts": b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "host with a list": b"GET /health HTTP/1.1\r\nHost: localhost, evil\r\n\r\n" + HIDDEN, "host with a blank": b"GET /health HTTP/1.1\r\nHost: local host\r\n\r\n" + HIDDEN,
    "host with user": b"GET /health HTTP/1.1\r\nHost: a@localhost\r\n\r\n" + HIDDEN, "host with path": b"GET /health HTTP/1.1\r\nHost: localhost/x\r\n\r\n" + HIDDEN,
    "1.0 with a coding": b"POST /api/2.0/mlflow/experiments/search HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n" + JSON + CHUNKED + b"\r\n" + chunked(BODY) + HIDDEN,
    "HTTP/0.9": b"GET /health\r\n\r\n" + HIDDEN, "HTTP/1.2x": b"GET /health HTTP/1.1x\r\nHost: localhost\r\n\r\n" + HIDDEN, "HTTP/11": b"GET /health HTTP/11\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "http lower": b"GET /health http/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN, "two blanks": b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "tab in line": b"GET\t/health\tHTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN, "blank in target": b"GET /he alth HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "control in target": b"GET /he\x01alth HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN, "method of nothing": b" GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "binary": bytes(range(128, 256)) * 4 + b"\r\n\r\n" + HIDDEN, "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    **{f"chunk size {v!r}": POST + CHUNKED + b"\r\n" + v + b"\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN for v in (
        b"0x12", b"-12", b"+12", b" 12", b"12 x", b"1 2", b"g", b"", b"\x0012", b"12\x00", b"FFFFFFFFFFFFFFFF2", b"10000000000000012", b"12;a\nb", b"1_2", b"12,")},
    "chunk size by LF": POST + CHUNKED + b"\r\n12\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN,
    "chunk end by LF": POST + CHUNKED + b"\r\n12\r\n" + BODY + b"\n0\r\n\r\n" + HIDDEN,
    "chunk too long": POST + CHUNKED + b"\r\n11\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN,
    "chunk end missing": POST + CHUNKED + b"\r\n12\r\n" + BODY + b"0\r\n\r\n" + HIDDEN,
}
# One answer per message, and the next message begins where the framing says.
COUNTED = {
    "plain": (POST + b"Content-Length: 18\r\n\r\n" + BODY + TAIL, [200, 200]), "chunked": (POST + CHUNKED + b"\r\n" + chunked(BODY) + TAIL, [200, 200]),
    "chunk extension": (POST + CHUNKED + b"\r\n12;a=b\r\n" + BODY + b"\r\n0;c\r\n\r\n" + TAIL, [200, 200]),
    "trailers": (POST + CHUNKED + b"\r\n12\r\n" + BODY + b"\r\n0\r\nX: y\r\nContent-Length: 500\r\n\r\n" + TAIL, [200, 200]),
    "coding in capitals": (POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + chunked(BODY) + TAIL, [200, 200]),
    "leading zeros": (POST + CHUNKED + b"\r\n00012\r\n" + BODY + b"\r\n000\r\n\r\n" + TAIL, [200, 200]),
    "other headers": (POST + b"X-Content-Length: 99\r\nTransfer_Encoding: chunked\r\nContent-Length: 18\r\n\r\n" + BODY + TAIL, [200, 200]),
    "get with a body": (b"GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + TAIL, [200, 200]),
    "head with a body": (b"HEAD /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + TAIL, [200, 200]),
    "body to nowhere": (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + TAIL, [404, 200]),
    "body to a wrong method": (b"PUT /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + TAIL, [405, 200]),
    "refused chunked body": (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED + b"\r\n" + chunked(HIDDEN) + TAIL, [404, 200]),
    "length of zero": (POST + b"Content-Length: 0\r\n\r\n" + TAIL, [400, 200]), "no length": (POST + b"\r\n" + TAIL, [400, 200]),
    "empty line first": (b"\r\n" + POST + b"Content-Length: 18\r\n\r\n" + BODY + TAIL, [200, 200]),
    "upgrade": (b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + TAIL, [200, 200]),
    "bad JSON": (POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + TAIL, [400, 200]),
    "close": (b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + HIDDEN, [200]),
    "1.0": (b"GET /version HTTP/1.0\r\nHost: localhost\r\n\r\n" + HIDDEN, [200]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with IngotServer(tmp_path_factory.mktemp("peers") / "d", *SHORT) as s:
        yield s
        assert requests.get(s.url + "/health", timeout=10).status_code == 200


def exchange(port, data, pieces=1):
    """All bytes the server sends until it closes (its idle time is short), and whether it closed."""
    with connect(port) as s:
        step = max(1, len(data) // pieces)
        try:
            for at in range(0, len(data), step):
                s.sendall(data[at:at + step])
                if pieces > 1:
                    time.sleep(0.002)
        except OSError:
            pass
        out = b""
        try:
            while len(out) < 1 << 20:
                ready, _, _ = select.select([s], [], [], 0.3 if out else 4)
                if not ready:
                    return out, False
                piece = s.recv(65536)
                if not piece:
                    return out, True
                out += piece
        except OSError:
            return out, True
        return out, False


def statuses(out):
    """The status of each answer, by the answers' own framing; nothing may be left over."""
    found = []
    while out:
        head, _, out = out.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), head[:100]
        found.append(int(head.split()[1]))
        length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if found == [200] and len(out) and out.startswith(b"HTTP/1.1 "):
            continue  # the answer to HEAD has a length and no body
        out = out[int(length[0]):] if length else out
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_messages_are_refused_and_the_connection_ends(server, name):
    out, closed = exchange(server.port, REFUSED[name])
    found = statuses(out)
    assert closed and len(found) <= 1, (found, out[-500:])
    assert found in ([400], [505], [501], [403]), found


@pytest.mark.parametrize("pieces", [1, 25])
@pytest.mark.parametrize("name", COUNTED)
def test_one_answer_per_message(server, name, pieces):
    data, want = COUNTED[name]
    out, closed = exchange(server.port, data, pieces)
    found = statuses(out)
    assert found == want or (found in ([400], [413]) and closed), (found, out[-800:])
    assert name not in ("plain", "chunked", "trailers", "head with a body", "close", "1.0") or found == want
