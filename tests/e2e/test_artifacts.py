"""Artifacts over HTTP and by the unmodified client: bytes, ranges, names, lists, uploads in parts; hostile names and contents; uploads
that break off; nothing acknowledged is lost. The same checks run on S3 in test_s3.py."""
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from ingot_server import IngotServer

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402

PROXY = "/api/2.0/mlflow-artifacts/artifacts/"
MPU = "/api/2.0/mlflow-artifacts/mpu/"
CHUNK = 131072  # what the server reads and writes at a time
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * 1024 * 1024, 9 * 1024 * 1024 + 7]


def seeded(size, seed=1):
    return random.Random(seed * 1000003 + size).randbytes(size)


def put(server, path, data, **kwargs):
    return requests.put(server.url + PROXY + quote(path), data=data, timeout=120, **kwargs)


def get(server, path, **kwargs):
    return requests.get(server.url + PROXY + quote(path), timeout=120, **kwargs)


def api(server, method, path, **kwargs):
    return requests.request(method, server.url + "/api/2.0/mlflow/" + path, timeout=60, **kwargs)


@pytest.fixture
def run(server):
    client = MlflowClient(tracking_uri=server.url)
    return client.create_run("0")


def root(run):
    return run.info.artifact_uri.removeprefix("mlflow-artifacts:/")


# ---- bytes ----


def check_sizes(server, where):
    for size in SIZES:
        data = seeded(size)
        assert put(server, f"{where}/f{size}", data).status_code == 200
        answer = get(server, f"{where}/f{size}")
        assert answer.status_code == 200 and answer.content == data, size
        assert answer.headers["Content-Length"] == str(size)
        head = requests.head(server.url + PROXY + f"{where}/f{size}", timeout=30)
        assert head.status_code == 200 and head.headers["Content-Length"] == str(size) and head.content == b""
        assert head.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"' == answer.headers["ETag"]


def check_ranges(server, where):
    size = 9 * 1024 * 1024 + 7
    data = seeded(size, 2)
    assert put(server, f"{where}/ranged", data).status_code == 200
    rng = random.Random(3)
    cases = [(0, 0), (0, size - 1), (size - 1, size - 1), (CHUNK, CHUNK), (CHUNK - 1, CHUNK), (size - 1, size * 10)]
    cases += [tuple(sorted(rng.sample(range(size), 2))) for _ in range(12)]
    with requests.Session() as session:
        for first, last in cases:
            answer = session.get(server.url + PROXY + f"{where}/ranged", headers={"Range": f"bytes={first}-{last}"}, timeout=60)
            assert answer.status_code == 206 and answer.content == data[first:last + 1], (first, last)
            assert answer.headers["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
        for spec, want in [("bytes=-5", data[-5:]), (f"bytes={size - 3}-", data[-3:])]:
            answer = session.get(server.url + PROXY + f"{where}/ranged", headers={"Range": spec}, timeout=60)
            assert answer.status_code == 206 and answer.content == want
        answer = session.get(server.url + PROXY + f"{where}/ranged", headers={"Range": f"bytes={size}-"}, timeout=60)
        assert answer.status_code == 416 and answer.headers["Content-Range"] == f"bytes */{size}"


def test_bytes_of_all_sizes(server, run):
    check_sizes(server, root(run))


def test_ranges(server, run):
    check_ranges(server, root(run))


def test_tags_of_bytes(server, run):
    where = root(run)
    put(server, f"{where}/a.txt", b"first")
    url = server.url + PROXY + f"{where}/a.txt"
    tag = requests.get(url, timeout=30).headers["ETag"]
    for value in (tag, f'"x", W/{tag}', "*"):
        answer = requests.get(url, headers={"If-None-Match": value}, timeout=30)
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["ETag"] == tag
    assert requests.get(url, headers={"If-None-Match": '"x"'}, timeout=30).content == b"first"
    assert requests.get(url, headers={"If-Range": tag, "Range": "bytes=1-2"}, timeout=30).content == b"ir"
    put(server, f"{where}/a.txt", b"second")
    answer = requests.get(url, headers={"If-Range": tag, "Range": "bytes=1-2"}, timeout=30)
    assert answer.status_code == 200 and answer.content == b"second"
    assert requests.get(url, headers={"If-None-Match": tag}, timeout=30).status_code == 200


def test_names(server, run):
    where = root(run)
    names = ["plain.txt", "with blank", "ünïcödé-日本語.bin", "quote\".txt", "percent%41", "plus+and&and=.txt", "a;b", "..dots", "dots..", "'", "emoji-\U0001f600", "x" * 200]
    for i, name in enumerate(names):
        data = f"{i} {name}".encode()
        assert put(server, f"{where}/names/{name}", data).status_code == 200, name
        answer = get(server, f"{where}/names/{name}")
        assert answer.content == data
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        by_run = requests.get(server.url + "/get-artifact", params={"run_id": run.info.run_id, "path": f"names/{name}"}, timeout=30)
        assert by_run.content == data
    listed = api(server, "GET", "artifacts/list", params={"run_id": run.info.run_id, "path": "names"}).json()
    assert [f["path"] for f in listed["files"]] == sorted(f"names/{n}" for n in names)
    assert all(f["is_dir"] is False and f["file_size"] > 0 for f in listed["files"])
    assert listed["root_uri"] == run.info.artifact_uri
    client = MlflowClient(tracking_uri=server.url)
    assert {f.path for f in client.list_artifacts(run.info.run_id, "names")} == {f"names/{n}" for n in names if "%" not in n} | {"names/percentA"}  # the client decodes what it lists
    assert get(server, f"{where}/names").json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert get(server, f"{where}/names").status_code == 400
    assert get(server, f"{where}/nothing").status_code == 404
    assert put(server, f"{where}/names", b"x").status_code == 400  # a folder stays one
    assert put(server, f"{where}/names/plain.txt/below", b"x").status_code == 400
    for _ in range(2):  # deleting what is not there is no error in MLflow
        assert requests.delete(server.url + PROXY + f"{where}/names", timeout=30).status_code == 200
    assert api(server, "GET", "artifacts/list", params={"run_id": run.info.run_id}).json().get("files", []) == []


def test_a_tree_by_the_client(server, run, tmp_path):
    for i in range(40):
        path = tmp_path / "up" / ("d%d" % (i % 5)) / ("e%d" % (i % 3)) / f"f{i}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(seeded(i * 997, i))
    client = MlflowClient(tracking_uri=server.url)
    client.log_artifacts(run.info.run_id, str(tmp_path / "up"), "tree")
    client.log_text(run.info.run_id, "text", "note.txt")
    assert [(f.path, f.is_dir) for f in client.list_artifacts(run.info.run_id)] == [("note.txt", False), ("tree", True)]
    mlflow.set_tracking_uri(server.url)
    down = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="tree", dst_path=str(tmp_path / "down")))
    want = {p.relative_to(tmp_path / "up"): p.read_bytes() for p in (tmp_path / "up").rglob("*") if p.is_file()}
    assert {p.relative_to(down): p.read_bytes() for p in down.rglob("*") if p.is_file()} == want


def test_ten_thousand_files_are_listed_fast(server, run):
    where, count = root(run), 10000
    at = urlsplit(server.url)

    def upload(numbers):
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        for n in numbers:
            connection.request("PUT", PROXY + f"{where}/many/f{n:05d}", body=b"same")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
        connection.close()

    threads = [threading.Thread(target=upload, args=(range(i, count, 16),)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    put(server, f"{where}/other/deep/er", b"x")
    start = time.monotonic()
    files = api(server, "GET", "artifacts/list", params={"run_id": run.info.run_id, "path": "many"}).json()["files"]
    took = time.monotonic() - start
    print(f"{count} files listed in {took * 1000:.0f} ms")
    assert [f["path"] for f in files] == [f"many/f{n:05d}" for n in range(count)]
    assert [f["path"] for f in api(server, "GET", "artifacts/list", params={"run_id": run.info.run_id}).json()["files"]] == ["many", "other"]


# ---- hostile names and contents ----

BAD_PATHS = ["..", "../x", "a/../b", "/etc/passwd", "//etc", "a\\b", "C:\\x", "C:/x", "a#b", "%2e%2e/x", "%252e%252e/x", "a/%2e%2e/b", "a%00b", "a\nb", "a%0d%0ab",
             "..%2fx", "..%5cx", "%2fetc"]


def raw(server, method, path, body=None):
    """A request whose address nobody tidies up on the way."""
    at = urlsplit(server.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
    connection.request(method, path, body=None if body is None else json.dumps(body), headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def test_no_path_leads_out(server, run):
    run_id, where = run.info.run_id, root(run)
    model = api(server, "POST", "logged-models", json={"experiment_id": "0", "name": "m"}).json()["model"]["info"]["model_id"]
    for bad in BAD_PATHS:
        asks = [
            requests.get(server.url + "/get-artifact", params={"run_id": run_id, "path": bad}, timeout=30),
            api(server, "GET", "artifacts/list", params={"run_id": run_id, "path": bad}),
            requests.get(server.url + "/api/2.0/mlflow-artifacts/artifacts", params={"path": bad}, timeout=30),
            api(server, "GET", f"logged-models/{model}/artifacts/directories", params={"artifact_directory_path": bad}),
            requests.get(f"{server.url}/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files", params={"artifact_file_path": bad}, timeout=30),
            requests.post(server.url + "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run_id, "path": bad}, data=b"x", timeout=30),
        ]
        for answer in asks:
            assert answer.status_code == 400 and answer.json()["message"] == "Invalid path", (bad, answer.request.url, answer.status_code, answer.text[:200])
        end = {"path": "f", "upload_id": "0", "parts": [{"part_number": 1}]}
        for coded in {quote(bad, safe=""), quote(bad, safe="/"), quote(bad, safe="/%")}:
            for method, path, body in [("PUT", PROXY, "x"), ("GET", PROXY, None), ("DELETE", PROXY, None), ("POST", MPU + "create/", end), ("POST", MPU + "complete/", end),
                                       ("POST", MPU + "abort/", end), ("GET", "/api/2.0/mlflow-artifacts/presigned/", None)]:
                status, text = raw(server, method, path + coded, body)
                assert status in (400, 404) and b"Traceback" not in text, (method, path + coded, status, text[:200])
    for name in ("..", ".", "", "a/..", "%2e%2e", "/", "\\"):
        answer = requests.post(server.url + MPU + f"create/{where}", json={"path": name, "num_parts": 1}, timeout=30)
        assert answer.status_code == 400, name
    assert api(server, "GET", "artifacts/list", params={"run_id": run_id}).json().get("files", []) == []


ACTIVE = {"page.html": b"<script>alert(1)</script>", "pic.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.js": b"alert(1)", "x.xhtml": b"<x/>",
          "x.xml": b"<?xml-stylesheet href='x'?><x/>", "noext": b"<html><script>alert(1)</script>", "UP.HTML": b"<script/>", "a.htm": b"<script/>", "evil.html\u200b": b"<script/>"}


def test_no_content_is_active(server, run):
    """What a browser would run in the server's name is an attachment, unsniffed, of a harmless type, on each route that sends files."""
    where, run_id = root(run), run.info.run_id
    model = api(server, "POST", "logged-models", json={"experiment_id": "0", "name": "m"}).json()["model"]["info"]
    api(server, "POST", "registered-models/create", json={"name": f"xss-{run_id}"})
    version = api(server, "POST", "model-versions/create", json={"name": f"xss-{run_id}", "source": run.info.artifact_uri, "run_id": run_id}).json()["model_version"]["version"]
    for name, data in ACTIVE.items():
        # The type that the sender claims changes nothing.
        assert put(server, f"{where}/{name}", data, headers={"Content-Type": "text/html"}).status_code == 200
        put(server, f"{model['artifact_uri'].removeprefix('mlflow-artifacts:/')}/{name}", data)
        for answer in [
            get(server, f"{where}/{name}"),
            requests.get(server.url + "/get-artifact", params={"run_id": run_id, "path": name}, timeout=30),
            requests.get(server.url + "/get-artifact", params={"run_uuid": run_id, "path": name}, timeout=30),
            requests.get(server.url + "/model-versions/get-artifact", params={"name": f"xss-{run_id}", "version": version, "path": name}, timeout=30),
            requests.get(f"{server.url}/ajax-api/2.0/mlflow/logged-models/{model['model_id']}/artifacts/files", params={"artifact_file_path": name}, timeout=30),
        ]:
            assert answer.status_code == 200 and answer.content == data, answer.url
            assert answer.headers["Content-Type"].split(";")[0] in ("text/plain", "application/octet-stream"), answer.headers
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"].startswith("attachment"), answer.headers
            assert "\r" not in answer.headers["Content-Disposition"]


# ---- uploads that break off ----


def stored_files(server):
    return [p for p in (server.data / "blobs").rglob("*") if p.is_file()], list((server.data / "tmp").iterdir())


def test_an_upload_cut_short_leaves_nothing(data_folder):
    with IngotServer(data_folder) as server:
        at = urlsplit(server.url)
        head = f"PUT {PROXY}0/r/cut HTTP/1.1\r\nHost: {at.netloc}\r\n"
        body = seeded(700000)
        for framing, sent in [("Content-Length: 1000000", body), ("Transfer-Encoding: chunked", b"aae60\r\n" + body + b"\r\n"), ("Transfer-Encoding: chunked", b"zz\r\n"),
                              ("Content-Length: 5", b"")]:
            with socket.create_connection((at.hostname, at.port)) as s:
                s.sendall(f"{head}{framing}\r\n\r\n".encode() + sent)
                time.sleep(0.1)
        deadline = time.monotonic() + 10
        while stored_files(server)[1] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert stored_files(server) == ([], [])
        assert get(server, "0/r/cut").status_code == 404
        # Whole ones in chunks, and with a slow sender, are taken.
        assert put(server, "0/r/chunked", iter([body[:1], body[1:300000], body[300000:]])).status_code == 200
        assert get(server, "0/r/chunked").content == body
        with socket.create_connection((at.hostname, at.port)) as s:
            s.sendall(f"{head}Content-Length: 6\r\nConnection: close\r\n\r\nabc".encode())
            time.sleep(0.3)
            s.sendall(b"def")
            assert s.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        assert get(server, "0/r/cut").content == b"abcdef"


def check_kills(start, data_folder, cycles, restart=None):
    """Writers upload until the server is killed; what was acknowledged is there afterwards, whole. start(folder) makes a server."""
    seed = time.time_ns()
    rng = random.Random(seed)
    acked, lost = {}, []
    for cycle in range(cycles):
        server = start(data_folder)

        def write(writer, server=server, cycle=cycle):
            at = urlsplit(server.url)
            r = random.Random(f"{seed} {cycle} {writer}")
            connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
            try:
                for n in range(10**6):
                    data = r.randbytes(r.choice([10, 5000, 200000, 3000000]))
                    path = f"k/{cycle}-{writer}-{n}"
                    connection.request("PUT", PROXY + path, body=data)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 200:
                        acked[path] = hashlib.sha256(data).hexdigest()
            except (OSError, http.client.HTTPException):
                return

        threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
        for t in threads:
            t.start()
        time.sleep(0.1 + rng.random() * 0.6)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for t in threads:
            t.join()
        server.stop()
    with start(data_folder) as server:
        for path, sha in acked.items():
            answer = get(server, path)
            if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != sha:
                lost.append(path)
    print(f"{cycles} kills, {len(acked)} files acknowledged, {len(lost)} lost (seed {seed})")
    assert len(acked) >= cycles and not lost, lost[:10]


def test_no_acknowledged_file_is_lost_by_a_kill(data_folder):
    check_kills(IngotServer, data_folder, 12)


# ---- in parts ----


@pytest.fixture
def in_parts(monkeypatch):
    """The client's own settings for uploads in parts."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(3 * 1024 * 1024))


def check_client_in_parts(server, tmp_path):
    client = MlflowClient(tracking_uri=server.url)
    run_id = client.create_run("0").info.run_id
    for size in (1000000, 3 * 1024 * 1024, 13 * 1024 * 1024 + 5):
        file = tmp_path / f"big-{size}.bin"
        file.write_bytes(seeded(size, 4))
        client.log_artifact(run_id, str(file), "sub" if size % 2 else None)
        mlflow.set_tracking_uri(server.url)
        down = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=("sub/" if size % 2 else "") + file.name, dst_path=str(tmp_path / "down"))
        assert Path(down).read_bytes() == file.read_bytes()
    assert {f.path: f.file_size for f in client.list_artifacts(run_id, "sub")} == {f"sub/big-{13 * 1024 * 1024 + 5}.bin": 13 * 1024 * 1024 + 5}


def test_the_client_uploads_in_parts(server, tmp_path, in_parts):
    check_client_in_parts(server, tmp_path)


def test_parts_need_no_token_and_all_else_does(data_folder, tmp_path, in_parts, monkeypatch):
    """The client sends parts without its token: the id in their address is the permission, and it permits nothing else."""
    with IngotServer(data_folder, "--auth") as server:
        token = (server.data / "admin-token").read_text().strip()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        check_client_in_parts(server, tmp_path)
        auth = {"Authorization": f"Bearer {token}"}
        for call, body in [("create", {"path": "f"}), ("complete", {"path": "f", "upload_id": "0", "parts": []}), ("abort", {"path": "f", "upload_id": "0"})]:
            assert requests.post(server.url + MPU + f"{call}/0/x", json=body, timeout=30).status_code == 401
        created = requests.post(server.url + MPU + "create/0/x", json={"path": "/home/me/f.bin", "num_parts": 2}, headers=auth, timeout=30).json()
        urls = [c["url"] for c in created["credentials"]]
        assert requests.put(urls[0], data=b"abc", timeout=30).status_code == 200
        other = created["upload_id"][:-1] + ("0" if created["upload_id"][-1] != "0" else "1")
        for url, status in [(urls[0].replace(created["upload_id"], other), 404), (urls[0].replace(created["upload_id"], ""), 404), (urls[0].split("&")[0], 400),
                            (urls[0].replace("part_number=1", "part_number=3"), 400), (urls[0].replace("part_number=1", "part_number=1.5"), 400)]:
            assert requests.put(url, data=b"x", timeout=30).status_code == status, url
        log = Path(server.log.name).read_text()
        assert created["upload_id"] not in log and token not in log


def test_parts_by_hand(server, run):
    where = root(run)
    parts = [seeded(300000, 5), b"", seeded(7, 6)]

    def mpu(call, body):
        return requests.post(server.url + MPU + f"{call}/{where}/dir", json=body, timeout=60)

    created = mpu("create", {"path": "C:\\users\\me\\f.bin", "num_parts": 3}).json()
    upload = created["upload_id"]
    assert [c["part_number"] for c in created["credentials"]] == [1, 2, 3]
    assert all(c["url"].startswith(server.url + "/api/2.0/mlflow-artifacts/mpu/part?") for c in created["credentials"])
    etags = [requests.put(c["url"], data=d, timeout=60).headers["ETag"] for c, d in zip(created["credentials"], parts)]
    done = [{"part_number": i + 1, "etag": e, "url": "ignored"} for i, e in enumerate(etags)]
    for bad in ([], done[::-1], [{"part_number": 4, "etag": ""}], [{**done[0], "etag": '"0"'}], [{"etag": "x"}], [{"part_number": 1.5}], ["x"], "x"):
        answer = mpu("complete", {"path": "f.bin", "upload_id": upload, "parts": bad})
        assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE", bad
    assert mpu("complete", {"path": "g.bin", "upload_id": upload, "parts": done}).status_code == 400
    assert get(server, f"{where}/dir/f.bin").status_code == 404
    for _ in range(2):  # the second one: the answer to the first was lost
        assert mpu("complete", {"path": "f.bin", "upload_id": upload, "parts": done}).json() == {}
    assert get(server, f"{where}/dir/f.bin").content == b"".join(parts)
    assert requests.put(created["credentials"][0]["url"], data=b"late", timeout=30).status_code == 404
    # Aborted: neither parts nor completion are taken any more.
    created = mpu("create", {"path": "g.bin", "num_parts": 1}).json()
    etag = requests.put(created["credentials"][0]["url"], data=b"x", timeout=30).headers["ETag"]
    assert mpu("abort", {"path": "g.bin", "upload_id": created["upload_id"]}).status_code == 200
    assert mpu("complete", {"path": "g.bin", "upload_id": created["upload_id"], "parts": [{"part_number": 1, "etag": etag}]}).status_code == 404
    assert requests.put(created["credentials"][0]["url"], data=b"x", timeout=30).status_code == 404
    assert get(server, f"{where}/dir/g.bin").status_code == 404
    for n in (0, -1, 10001, 2**63, "x", 1.5):
        assert mpu("create", {"path": "h", "num_parts": n}).status_code == 400, n
    assert mpu("create", {"num_parts": 1}).json()["message"].startswith("Missing value for required parameter 'path'")


def test_addresses_of_parts_behind_a_proxy(server, run):
    def address(headers):
        answer = requests.post(server.url + MPU + f"create/{root(run)}", json={"path": "f", "num_parts": 1}, headers=headers, timeout=30)
        return answer.json()["credentials"][0]["url"].split("?")[0]

    host = urlsplit(server.url).netloc
    assert address({"X-Forwarded-Proto": "https"}) == f"https://{host}/api/2.0/mlflow-artifacts/mpu/part"
    assert address({"X-Forwarded-Prefix": "/ml/"}) == f"http://{host}/ml/api/2.0/mlflow-artifacts/mpu/part"
    for bad in ("//evil.example", "x", "/a b", "/a?b", "/a\"b"):
        assert address({"X-Forwarded-Prefix": bad}) == f"http://{host}/api/2.0/mlflow-artifacts/mpu/part"
    assert address({"X-Forwarded-Proto": "javascript"}) == f"http://{host}/api/2.0/mlflow-artifacts/mpu/part"


# ---- the rest of the surface ----


def test_uploads_of_the_interface(server, run):
    def upload(data, **params):
        return requests.post(server.url + "/ajax-api/2.0/mlflow/upload-artifact", params=params, data=data, timeout=60)

    run_id = run.info.run_id
    assert upload(b"hello", run_uuid=run_id, path="ui/a.txt").status_code == 200
    assert get(server, f"{root(run)}/ui/a.txt").content == b"hello"
    for data, params, text in [(b"x", {"path": "a"}, "Request must specify run_uuid."), (b"x", {"run_uuid": run_id}, "Request must specify path."),
                               (b"", {"run_uuid": run_id, "path": "a"}, "Request must specify data."),
                               (bytes(10 * 1024 * 1024 + 1), {"run_uuid": run_id, "path": "a"}, "Artifact size is too large. Max size is 10MB."),
                               (b"x", {"run_uuid": run_id, "path": "../a"}, "Invalid path")]:
        answer = upload(data, **params)
        assert (answer.status_code, answer.json()["error_code"], answer.json()["message"]) == (400, "INVALID_PARAMETER_VALUE", text), params
    assert upload(bytes(10 * 1024 * 1024), run_uuid=run_id, path="most").status_code == 200
    assert upload(b"x", run_uuid="0" * 32, path="a").status_code == 404
    assert requests.post(server.url + "/api/2.0/mlflow/upload-artifact", params={"run_uuid": run_id, "path": "a"}, data=b"x", timeout=30).status_code == 404


def test_what_is_not_supported_says_so(server, run, tmp_path, monkeypatch):
    run_id = run.info.run_id
    put(server, f"{root(run)}/f", b"data")
    answer = requests.get(server.url + f"/api/2.0/mlflow-artifacts/presigned/{root(run)}/f", timeout=30)
    assert answer.status_code == 501 and answer.json()["error_code"] == "NOT_IMPLEMENTED"
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")  # the client then asks for an address, and does without
    mlflow.set_tracking_uri(server.url)
    assert Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="f", dst_path=str(tmp_path))).read_bytes() == b"data"
    for path, body, text in [
        ("upload", {"path": "f"}, "Exactly one of run_id and model_id must be provided."),
        ("upload", {"path": "f", "run_id": run_id}, "Presigned upload is not supported for proxied artifact storage (artifact URI scheme: mlflow-artifacts). "
         "This endpoint requires a direct cloud storage artifact URI."),
        ("upload", {"path": "../f", "run_id": run_id}, "Invalid path"),
        ("download", {"path": "f", "run_id": run_id, "expiration": 0}, "expiration must be between 1 and 604800 seconds (got 0)."),
        ("download", {"path": "f", "run_id": run_id}, "Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: "
         "mlflow-artifacts). This endpoint requires a run with a direct cloud storage artifact URI."),
    ]:
        answer = api(server, "POST", f"artifacts/presigned-{path}-url", json=body)
        assert (answer.status_code, answer.json()["error_code"], answer.json()["message"]) == (400, "INVALID_PARAMETER_VALUE", text)


def rss_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError("no VmHWM")


def check_memory(server, size_mib):
    """A file many times as large as the memory allowed for it, there and back."""
    sanitized = b"__asan_init" in Path(server.program).read_bytes()
    put(server, "0/warm", seeded(1000))
    get(server, "0/warm")
    before = rss_kib(server.process.pid)
    block, sha = seeded(1 << 20, 9), hashlib.sha256()

    def blocks():
        for i in range(size_mib):
            piece = i.to_bytes(8, "big") + block[8:]
            sha.update(piece)
            yield piece

    at = urlsplit(server.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=300)
    connection.request("PUT", PROXY + "0/huge", body=blocks(), headers={"Content-Length": str(size_mib << 20)})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    back = hashlib.sha256()
    connection.request("GET", PROXY + "0/huge")
    answer = connection.getresponse()
    while piece := answer.read(1 << 20):
        back.update(piece)
    connection.close()
    assert back.digest() == sha.digest()
    growth = (rss_kib(server.process.pid) - before) / 1024
    print(f"{size_mib} MiB there and back: the server grew by {growth:.1f} MiB")
    assert growth < (400 if sanitized else 64)


def test_a_large_file_needs_little_memory(data_folder):
    with IngotServer(data_folder) as server:
        check_memory(server, 300)


def test_blobs_in_a_folder_of_their_own(data_folder, tmp_path):
    blobs = tmp_path / "blobs-elsewhere"
    with IngotServer(data_folder, "--blobs", str(blobs)) as server:
        check_sizes(server, "0/r")
        assert any(p.is_file() for p in (blobs / "blobs").rglob("*")) and not (server.data / "blobs").exists()
        with pytest.raises(RuntimeError):  # the folder belongs to one server at a time
            IngotServer(str(tmp_path / "second"), "--blobs", str(blobs))
    with IngotServer(data_folder, "--blobs", str(blobs)) as server:
        assert get(server, "0/r/f1").content == seeded(1)
