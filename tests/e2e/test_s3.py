"""The server with its blobs in S3: a real S3 server (tests/services/s3.py), alone, behind a proxy that breaks what it forwards, and
killed. What was acknowledged is there; what is answered with an error is wholly absent or wholly there, never half."""
import hashlib
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from ingot_server import ROOT, IngotServer, program

sys.path.insert(0, str(ROOT / "tests/services"))
import s3 as s3_service  # noqa: E402
from faults import FaultProxy  # noqa: E402
from test_artifacts import (PROXY, check_client_in_parts, check_kills, check_memory, check_ranges, check_sizes, get, in_parts, put, seeded)  # noqa: E402, F401


@pytest.fixture(scope="module")
def s3():
    with tempfile.TemporaryDirectory(prefix="ingot-s3-") as folder:
        try:
            server = s3_service.S3Server(folder)
        except s3_service.Absent as why:
            pytest.skip(f"needs an S3 server: {why}")
        with server:
            yield server


_prefixes = iter(range(10**9))


@pytest.fixture
def prefix():
    return f"p{next(_prefixes)}/nested"


def start(s3, prefix, folder, endpoint=None, args=(), **query):
    query.setdefault("stall", "2")
    if endpoint:
        query["endpoint"] = endpoint
    return IngotServer(folder, "--blobs", s3.uri(prefix, **query), *args, env=s3.env)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_the_same_checks_as_on_disk(s3, prefix, data_folder, tmp_path, in_parts):
    with start(s3, prefix, data_folder) as server:
        check_sizes(server, "0/r")
        check_ranges(server, "0/r")
        check_client_in_parts(server, tmp_path)
        assert not (server.data / "blobs").exists() and list((server.data / "tmp").iterdir()) == []
    files = s3.files(prefix)
    assert files and all(f.parent.parent.name == "blobs" for f in files), files  # no temporary object is left
    for f in files:
        assert sha(f.read_bytes()) == f.parent.name + f.name
    with start(s3, prefix, data_folder) as server:  # and again after a restart
        assert get(server, "0/r/f131073").content == seeded(131073)


def test_equal_bytes_are_stored_once(s3, prefix, data_folder):
    with start(s3, prefix, data_folder) as server:
        for size in (10, 300000, 20 << 20):
            for name in "abc":
                assert put(server, f"0/{name}{size}", seeded(size)).status_code == 200
    assert len(s3.files(prefix)) == 3


def test_two_servers_share_a_bucket(s3, prefix, data_folder, tmp_path):
    """Each has its own database here, so the second finds the blobs that the first one stored when it stores them itself."""
    data = seeded(9 << 20, 77)
    with start(s3, prefix, data_folder) as one, start(s3, prefix, str(tmp_path / "two")) as two:
        assert put(one, "0/x", data).status_code == 200
        before = {f: f.stat().st_mtime_ns for f in s3.files(prefix)}
        assert put(two, "0/y", data).status_code == 200
        assert get(two, "0/y").content == data
        assert {f: f.stat().st_mtime_ns for f in s3.files(prefix)} == before


def test_a_damaged_object_is_not_delivered_as_good(s3, prefix, data_folder):
    with start(s3, prefix, data_folder) as server:
        for size in (1000, 9 << 20):
            data = seeded(size, 5)
            assert put(server, f"0/d{size}", data).status_code == 200
            file = next(f for f in s3.files(prefix) if f.parent.name + f.name == sha(data))
            content = bytearray(file.read_bytes())
            content[size // 2] ^= 1
            file.write_bytes(content)
            try:
                answer = get(server, f"0/d{size}")
                assert answer.status_code == 500 and answer.json()["error_code"] == "DATA_LOSS"
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
                assert size > 1000  # the head was sent; the connection breaks before the last byte


RATES = {"error500": 0.06, "slow503": 0.06, "lost": 0.06, "cut": 0.08, "reset": 0.06, "delay": 0.05, "stall": 0.01}


def test_a_bad_day(s3, prefix, data_folder):
    """Thirty per cent of S3's requests go wrong; most uploads and downloads work nevertheless, and no answer is a lie."""
    seed = time.time_ns()
    print(f"seed {seed}")
    target = urlsplit(s3.endpoint)
    with FaultProxy(target.hostname, target.port, seed) as proxy, start(s3, prefix, data_folder, proxy.endpoint, stall="1") as server:
        proxy.rates = RATES
        good, bad, wrong, acked = [], [], [], {}

        def work(writer):
            rng = random.Random(f"{seed} {writer}")
            for n in range(12):
                data = rng.randbytes(rng.choice([0, 100, 70000, 900000, 9 << 20, 18 << 20]))
                path = f"0/w{writer}-{n}"
                try:
                    answer = put(server, path, data)
                    if answer.status_code == 200:
                        acked[path] = data
                        good.append(path)
                    else:
                        assert answer.status_code in (500, 503, 504), answer.text
                        bad.append((path, len(data), answer.text[:400]))
                    read = rng.choice(list(acked) or [path])
                    answer = get(server, read)
                    if answer.status_code == 200 and answer.content != acked.get(read):
                        wrong.append(read)
                    elif answer.status_code not in (200, 500, 503, 504) and read in acked:
                        wrong.append((read, answer.status_code))
                except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
                    bad.append(path)  # a download that broke off: the client saw that

        threads = [threading.Thread(target=work, args=(w,)) for w in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print(f"{len(good)} stored, {len(bad)} failed, faults {dict(proxy.done)}", *bad, sep="\n")
        assert not wrong, wrong
        assert len(good) >= 46 and sum(v for k, v in proxy.done.items() if k != "none") > 30
        proxy.rates = {}
        for path, data in acked.items():
            assert get(server, path).content == data, path
    # Whatever stands under a final name is whole.
    for f in s3.files(f"{prefix}/blobs"):
        assert sha(f.read_bytes()) == f.parent.name + f.name


def test_s3_away_and_back(s3, prefix, data_folder):
    """While S3 answers nothing but errors, requests fail in bounded time with a clear text, and the server goes on; then all is well again."""
    target = urlsplit(s3.endpoint)
    with FaultProxy(target.hostname, target.port) as proxy, start(s3, prefix, data_folder, proxy.endpoint) as server:
        assert put(server, "0/before", b"before").status_code == 200
        for fault, status in (("slow503", 503), ("error500", 500), ("reset", 500)):
            proxy.rates = {fault: 1.0}
            begun = time.monotonic()
            answer = put(server, "0/during", b"during")
            assert answer.status_code == status and "S3 PUT" in answer.json()["message"], answer.text
            assert s3.SECRET not in answer.text and s3.ACCESS not in answer.text and "Signature=" not in answer.text
            if fault == "slow503":
                assert get(server, "0/before").status_code == status
            assert time.monotonic() - begun < 45
            assert requests.get(server.url + "/health", timeout=5).status_code == 200
            assert get(server, "0/during").status_code == 404
        proxy.rates = {}
        assert put(server, "0/after", b"after").status_code == 200
        assert get(server, "0/before").content == b"before" and get(server, "0/after").content == b"after"
    log = Path(server.log.name).read_text()
    assert s3.SECRET not in log and s3.ACCESS not in log


def test_broken_uploads_leave_no_objects(s3, prefix, data_folder):
    with start(s3, prefix, data_folder) as server:
        at = urlsplit(server.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        connection.putrequest("PUT", PROXY + "0/cut")
        connection.putheader("Content-Length", str(40 << 20))
        connection.endheaders()
        connection.send(seeded(30 << 20))
        connection.close()
        deadline = time.monotonic() + 15
        uploads = s3.folder / "data" / s3.BUCKET / ".sgwtmp" / "multipart"
        while time.monotonic() < deadline and uploads.exists() and any(p.is_file() for p in uploads.rglob("*")):
            time.sleep(0.1)
        assert not uploads.exists() or not any(p.is_file() for p in uploads.rglob("*"))
        assert s3.files(prefix) == [] and get(server, "0/cut").status_code == 404


def test_no_acknowledged_file_is_lost_by_a_kill(s3, prefix, data_folder):
    check_kills(lambda folder: start(s3, prefix, folder), data_folder, 6)


def test_a_large_file_needs_little_memory(s3, prefix, data_folder):
    with start(s3, prefix, data_folder) as server:
        check_memory(server, 300)


def refused(uri, env, folder):
    done = subprocess.run([program(), "server", "--listen", "127.0.0.1:0", "--data", folder, "--blobs", uri],
                          env={**{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_S3"))}, **env},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode != 0
    return done.stdout


def test_what_is_wrong_is_told_at_the_start(s3, data_folder):
    env = dict(s3.env)
    assert "there is no bucket 'no-such-bucket'" in refused("s3://no-such-bucket/x", env, data_folder)
    assert "AWS_SECRET_ACCESS_KEY" in refused(s3.uri(), {**env, "AWS_SECRET_ACCESS_KEY": "wrong-secret-value"}, data_folder)
    assert "wrong-secret-value" not in refused(s3.uri(), {**env, "AWS_SECRET_ACCESS_KEY": "wrong-secret-value"}, data_folder)
    assert "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in refused(s3.uri(), {"AWS_ENDPOINT_URL": s3.endpoint}, data_folder)
    assert "keys belong into AWS_ACCESS_KEY_ID" in refused(s3.uri(secret="x"), env, data_folder)
    wrong_region = refused(s3.uri(region="eu-none-1"), env, data_folder)
    assert "region" in wrong_region, wrong_region


def certificate(folder):
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def test_tls_is_verified(tmp_path, data_folder):
    tls = certificate(tmp_path)
    folder = tmp_path / "s3"
    folder.mkdir()
    try:
        server = s3_service.S3Server(folder, tls=tls)
    except s3_service.Absent as why:
        pytest.skip(f"needs an S3 server: {why}")
    with server as s3:
        assert "does not prove its identity" in refused(s3.uri(), s3.env, data_folder)
        with IngotServer(data_folder, "--blobs", s3.uri(), env={**s3.env, "AWS_CA_BUNDLE": str(tls[0])}) as ingot:
            assert put(ingot, "0/x", seeded(9 << 20)).status_code == 200
            assert get(ingot, "0/x").content == seeded(9 << 20)


def test_buckets_as_hosts(tmp_path, data_folder):
    """As Amazon has it: the bucket stands in the host's name and not in the path. Names below localhost are this machine."""
    try:
        server = s3_service.S3Server(tmp_path, domain="localhost")
    except s3_service.Absent as why:
        pytest.skip(f"needs an S3 server: {why}")
    with server as s3:
        with start(s3, "p/q", data_folder, f"http://localhost:{s3.port}", addressing="virtual") as ingot:
            for size in (0, 10, 20 << 20):
                assert put(ingot, f"0/f{size}", seeded(size)).status_code == 200
                assert get(ingot, f"0/f{size}").content == seeded(size)
        assert len(s3.files("p/q/blobs")) == 3
