"""Artifacts through the server: one large file there and back, the memory that it takes, the processor time per GiB, and ten thousand files
listed. The file has $BENCH_ARTIFACT_MIB MiB (default 1024; 5120 for the five gigabytes that are promised), its bytes are made as they are
sent, and nothing but their number is looked at on the way back; check() compares contents. Both sides of the connection share the
machine, so the rates hold this script's own work. `s3_` figures: Ingot with its blobs in a real S3 server on the same machine, whose
own time is in the rate, not in the processor time."""
import hashlib
import http.client
import os
import sys
import tempfile
import threading
import time

import lib
from run import Figure

sys.path.insert(0, str(lib.ROOT / "tests/services"))
import s3 as s3_service
from ingot_server import IngotServer

MIB = int(os.environ.get("BENCH_ARTIFACT_MIB", "1024"))
FILES = 10000
PROXY = "/api/2.0/mlflow-artifacts/artifacts/"

FIGURES = [
    Figure("artifact_put_mib_s", "MiB/s", "higher"),
    Figure("artifact_get_mib_s", "MiB/s", "higher"),
    Figure("artifact_put_growth_mib", "MiB", "lower", limit=64),
    Figure("artifact_get_growth_mib", "MiB", "lower", limit=64),
    Figure("artifact_put_cpu_s_gib", "s/GiB", "lower"),
    Figure("artifact_get_cpu_s_gib", "s/GiB", "lower"),
    Figure("artifact_list_10k_ms", "ms", "lower"),
    Figure("s3_put_mib_s", "MiB/s", "higher"),
    Figure("s3_get_mib_s", "MiB/s", "higher"),
    Figure("s3_put_growth_mib", "MiB", "lower", limit=64),
    Figure("s3_get_growth_mib", "MiB", "lower", limit=64),
    Figure("s3_put_cpu_s_gib", "s/GiB", "lower"),
    Figure("s3_get_cpu_s_gib", "s/GiB", "lower"),
]


class Watch:
    """The processor time of a server's processes over a with-block, and by how much their memory grew at most."""

    def __init__(self, pid):
        self.pid, self.over = pid, threading.Event()

    def __enter__(self):
        self.cpu_us, self.rss = lib.tree_cpu_us(self.pid)
        self.peak = self.rss
        self.thread = threading.Thread(target=self._watch)
        self.begun = time.monotonic()
        self.thread.start()
        return self

    def _watch(self):
        while not self.over.wait(0.1):
            self.peak = max(self.peak, lib.tree_cpu_us(self.pid)[1])

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.begun
        self.over.set()
        self.thread.join()
        cpu_us, rss = lib.tree_cpu_us(self.pid)
        self.cpu_s = (cpu_us - self.cpu_us) / 1e6
        self.growth = max(self.peak, rss) - self.rss


def request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read()[:500])
    return connection, answer


def pieces(mib):
    block = memoryview(os.urandom(1 << 20))
    for i in range(mib):
        yield i.to_bytes(8, "big") + os.urandom(8)  # no two MiB are equal
        yield block[16:]


def there_and_back(port, pid, name):
    figures = {}
    with Watch(pid) as w:
        request(port, "PUT", PROXY + f"bench/{name}", pieces(MIB), {"Content-Length": str(MIB << 20)})[1].read()
    figures["put_mib_s"], figures["put_growth_mib"], figures["put_cpu_s_gib"] = MIB / w.seconds, w.growth, w.cpu_s * 1024 / MIB
    with Watch(pid) as w:
        _, answer = request(port, "GET", PROXY + f"bench/{name}")
        left, buffer = MIB << 20, bytearray(1 << 20)
        while n := answer.readinto(buffer):
            left -= n
        assert left == 0, left
    figures["get_mib_s"], figures["get_growth_mib"], figures["get_cpu_s_gib"] = MIB / w.seconds, w.growth, w.cpu_s * 1024 / MIB
    request(port, "DELETE", PROXY + f"bench/{name}")[1].read()
    return figures


def check(servers):
    """The same bytes and the same listing from all."""
    data = os.urandom(3 << 20)
    answers = []
    for server in servers:
        for i in range(3):
            request(server.port, "PUT", PROXY + f"check/d/f{i}", data[i:])[1].read()
        got = [hashlib.sha256(request(server.port, "GET", PROXY + f"check/d/f{i}")[1].read()).hexdigest() for i in range(3)]
        listed = lib.call(f"{server.url}/api/2.0/mlflow-artifacts/artifacts?path=check/d")["files"]
        answers.append((got, sorted((f["path"], f["is_dir"], int(f["file_size"])) for f in listed)))
    assert all(a == answers[0] for a in answers), answers


def list_10k_ms(server):
    """The files are uploaded once per server; MLflow takes minutes for that, so its are put into its folder."""
    if server.name == "ingot":
        def upload(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            for n in numbers:
                connection.request("PUT", PROXY + f"many/f{n:05d}", b"same")
                answer = connection.getresponse()
                assert answer.status == 200 and answer.read() is not None

        threads = [threading.Thread(target=upload, args=(range(i, FILES, 16),)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    else:
        folder = server.folder / "artifacts" / "many"
        folder.mkdir(parents=True, exist_ok=True)
        for n in range(FILES):
            (folder / f"f{n:05d}").write_bytes(b"same")
    times = []
    for _ in range(5):
        begun = time.monotonic()
        files = lib.call(f"{server.url}/api/2.0/mlflow-artifacts/artifacts?path=many")["files"]
        times.append((time.monotonic() - begun) * 1000)
        assert len(files) == FILES
    return sorted(times)[2]


def on_s3():
    try:
        with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder:
            os.mkdir(f"{folder}/s3")
            with s3_service.S3Server(f"{folder}/s3") as s3, IngotServer(f"{folder}/data", "--blobs", s3.uri("bench"), env=s3.env) as server:
                return {f"s3_{k}": v for k, v in there_and_back(server.port, server.process.pid, "large").items()}
    except s3_service.Absent as why:
        print(f"no figures on S3: {why}")
        return {}


def measure(server, seconds):
    figures = {f"artifact_{k}": v for k, v in there_and_back(server.port, server.pid, "large").items()}
    figures["artifact_list_10k_ms"] = list_10k_ms(server)
    if server.name == "ingot":
        figures.update(on_s3())
    return figures
