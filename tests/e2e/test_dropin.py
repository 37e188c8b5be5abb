"""`ingot server` started with the words of `mlflow server`: flags, environment names, what they do, and what they are refused for."""
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from ingot_server import program

mlflow = pytest.importorskip("mlflow")
JSON = {"Content-Type": "application/json"}


class Started:
    """`ingot server` with exactly these words, in a working folder of its own."""

    def __init__(self, folder, *words, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "INGOT_"))}
        self.log = open(folder / "server.log", "ab")
        self.process = subprocess.Popen([program(), "server", *map(str, words)], cwd=folder, env={**clean, **(env or {})}, text=True,
                                        stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline()
        if "listening on " not in line:
            self.process.wait(20)
            raise RuntimeError((folder / "server.log").read_text()[-3000:])
        self.url = line.split("listening on ")[1].strip()
        self.text = lambda: (folder / "server.log").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        self.process.stdout.close()
        self.log.close()


def refusal(folder, *words, env=None):
    with pytest.raises(RuntimeError) as e:
        with Started(folder, *words, env=env):
            pass
    return str(e.value)


def create(server, name="x", **more):
    r = requests.post(server.url + "/api/2.0/mlflow/experiments/create", json={"name": name, **more}, timeout=10)
    assert r.status_code == 200, r.text
    return requests.get(server.url + "/api/2.0/mlflow/experiments/get", params={"experiment_id": r.json()["experiment_id"]}, timeout=10).json()["experiment"]


# ---- addresses ----

def test_host_and_port(tmp_path):
    for i, words in enumerate([("--host", "127.0.0.1", "--port", "0"), ("-h", "localhost", "-p", "0"), ("--port", "0"), ("--listen", "127.0.0.1:0")]):
        with Started(tmp_path, *words, "--data", f"data{i}") as s:
            assert s.url.startswith("http://127.0.0.1:") and requests.get(s.url + "/health", timeout=10).text == "OK"
    with Started(tmp_path, "--data", "env", env={"MLFLOW_HOST": "127.0.0.1", "MLFLOW_PORT": "0"}) as s:
        assert s.url.startswith("http://127.0.0.1:")
    with Started(tmp_path, "--port", "0", "--data", "over", env={"MLFLOW_PORT": "notaport", "INGOT_LISTEN": "127.0.0.1:1"}) as s:  # the line wins
        assert not s.url.endswith(":1")
    with Started(tmp_path, "--host", "::1", "--port", "0", "--data", "v6") as s:
        assert s.url.startswith("http://[::1]:")


def test_addresses_that_are_refused(tmp_path):
    assert "contradict" in refusal(tmp_path, "--listen", "127.0.0.1:0", "--port", "0")
    assert "contradict" in refusal(tmp_path, env={"INGOT_PORT": "1", "MLFLOW_PORT": "2"})
    assert "--insecure" in refusal(tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert "port" in refusal(tmp_path, "--port", "x")
    assert "is not an IP address" in refusal(tmp_path, "--host", "example.com", "--port", "0")


# ---- where the state lies ----

def test_sqlite_state_lies_beside_the_file_that_is_named(tmp_path):
    for uri, folder in [("sqlite:///mlflow.db", "mlflow.db.ingot"), (f"sqlite:///{tmp_path}/abs.db", "abs.db.ingot"), ("./mlruns", "mlruns.ingot"),
                        (f"file://{tmp_path}/runs", "runs.ingot"), ("sqlite:///opt.db?timeout=5", "opt.db.ingot")]:
        with Started(tmp_path, "--backend-store-uri", uri, "--port", "0") as s:
            create(s)
        assert (tmp_path / folder / "ingot.db").exists(), uri
        assert not (tmp_path / folder.removesuffix(".ingot")).exists()
    with Started(tmp_path, "--port", "0", env={"MLFLOW_BACKEND_STORE_URI": "sqlite:///mlflow.db"}) as s:  # the same state again
        assert requests.get(s.url + "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "x"}, timeout=10).status_code == 200


def test_what_mlflow_stored_is_never_touched(tmp_path):
    theirs = tmp_path / "mlflow.db"
    with sqlite3.connect(theirs) as db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
    before = theirs.read_bytes()
    text = refusal(tmp_path, "--backend-store-uri", "sqlite:///mlflow.db", "--port", "0")
    assert "ingot import mlflow 'sqlite:///mlflow.db' --data 'mlflow.db.ingot' --artifact-folder ./mlartifacts" in text
    assert theirs.read_bytes() == before and not (tmp_path / "mlflow.db.ingot").exists()
    (tmp_path / "mlruns/0").mkdir(parents=True)
    (tmp_path / "mlruns/0/meta.yaml").write_text("experiment_id: '0'\n")
    assert "ingot import mlflow" in refusal(tmp_path, "--backend-store-uri", "./mlruns", "--port", "0")
    with Started(tmp_path, "--data", "mlflow.db.ingot", "--port", "0"):  # as an import leaves it
        pass
    with Started(tmp_path, "--backend-store-uri", "sqlite:///mlflow.db", "--port", "0"):
        pass
    assert theirs.read_bytes() == before


def test_one_word_changed(tmp_path):
    """The whole move: MLflow's database and files, the refusal, the command that it names, and the same start line again."""
    import shlex
    words = ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./art", "--port", "0"]
    script = """
import mlflow, pathlib
mlflow.set_tracking_uri("sqlite:///mlflow.db")
experiment = mlflow.create_experiment("old", artifact_location="mlflow-artifacts:/1")
run = mlflow.MlflowClient().create_run(experiment, run_name="before")
mlflow.MlflowClient().log_metric(run.info.run_id, "loss", 0.1 + 0.2, step=7)
mlflow.MlflowClient().set_terminated(run.info.run_id)
place = pathlib.Path("art/1", run.info.run_id, "artifacts")
place.mkdir(parents=True)
(place / "a.txt").write_text("an old file")
"""
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    text = refusal(tmp_path, *words)
    command = shlex.split(text.split("`")[1])
    assert command[0] == "ingot"
    done = subprocess.run([program(), *command[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    with Started(tmp_path, *words) as s:
        client = mlflow.MlflowClient(s.url, s.url)
        run, = client.search_runs([client.get_experiment_by_name("old").experiment_id])
        assert (run.info.run_name, run.info.status, run.data.metrics) == ("before", "FINISHED", {"loss": 0.1 + 0.2})
        mlflow.set_tracking_uri(s.url)
        assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt") == "an old file"


def test_stores_that_are_refused(tmp_path):
    text = refusal(tmp_path, "--backend-store-uri", "mysql+pymysql://user:secretpassword@host/db", "--port", "0")
    assert "postgresql://" in text and "secretpassword" not in text
    assert "sqlite:///FILE" in refusal(tmp_path, "--backend-store-uri", "sqlite://", "--port", "0")
    assert "contradict" in refusal(tmp_path, "--backend-store-uri", "sqlite:///a.db", "--data", "elsewhere", "--port", "0")
    assert "registry-store-uri" in refusal(tmp_path, "--backend-store-uri", "sqlite:///a.db", "--registry-store-uri", "sqlite:///b.db", "--port", "0")
    assert "s3://" in refusal(tmp_path, "--artifacts-destination", "gs://bucket", "--port", "0")
    with Started(tmp_path, "--backend-store-uri", "sqlite:///a.db", "--registry-store-uri", "sqlite:///a.db", "--port", "0"):
        pass


def test_the_same_words_in_the_settings_file(tmp_path):
    (tmp_path / "c.yaml").write_text("backend_store_uri: sqlite:///file.db\nhost: 127.0.0.1\nport: 0\nserve_artifacts: false\nallowed_hosts: ml.example\n")
    with Started(tmp_path, "--config", "c.yaml") as s:
        assert (tmp_path / "file.db.ingot/ingot.db").exists()
        assert get(s, Host="ml.example").status_code == 200 and get(s, "/api/2.0/mlflow-artifacts/artifacts").status_code == 503
    with Started(tmp_path, "--config", "c.yaml", "--backend-store-uri", "sqlite:///line.db", "--serve-artifacts") as s:  # the line stands over the file
        assert (tmp_path / "line.db.ingot/ingot.db").exists() and get(s, "/api/2.0/mlflow-artifacts/artifacts").status_code == 200


# ---- artifacts ----

def test_a_folder_for_the_artifacts(tmp_path):
    with Started(tmp_path, "--artifacts-destination", "./art", "--port", "0") as s:
        r = requests.put(s.url + "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/a.txt", data=b"where am I", timeout=10)
        assert r.status_code == 200
        assert requests.get(s.url + "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/a.txt", timeout=10).content == b"where am I"
    found = [p for p in (tmp_path / "art/ingot").rglob("*") if p.is_file() and p.read_bytes() == b"where am I"]
    assert len(found) == 1 and not [p for p in (tmp_path / "ingot-data").rglob("*") if p.is_file() and p.read_bytes() == b"where am I"]


def test_artifacts_kept_elsewhere(tmp_path):
    with Started(tmp_path, "--no-serve-artifacts", "--port", "0") as s:
        for method, path in [("GET", "/api/2.0/mlflow-artifacts/artifacts"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x"),
                             ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/a/b"), ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/a"),
                             ("POST", "/api/2.0/mlflow-artifacts/mpu/create/a")]:
            r = requests.request(method, s.url + path, headers=JSON, timeout=10)
            assert r.status_code == 503 and r.headers["Content-Type"].startswith("text/plain"), (method, path, r.text)
            assert "disabled due to the mlflow server running with `--no-serve-artifacts`" in r.text
        assert create(s)["artifact_location"] == f"{tmp_path}/mlruns/1"
        assert requests.get(s.url + "/api/3.0/mlflow/server-info", timeout=10).json()["multipart_uploads_enabled"] is False
        # The client writes to that path itself, and a version may come from it.
        mlflow.set_tracking_uri(s.url)
        mlflow.set_registry_uri(s.url)
        client = mlflow.MlflowClient(s.url, s.url)
        run = client.create_run("1").info
        client.log_text(run.run_id, "hello", "notes/a.txt")
        assert (tmp_path / f"mlruns/1/{run.run_id}/artifacts/notes/a.txt").read_text() == "hello"
        assert [f.path for f in client.list_artifacts(run.run_id)] == ["notes"]
        client.create_registered_model("m")
        assert client.create_model_version("m", f"{run.artifact_uri}/notes", run.run_id).version == "1"
        for source in (f"{run.artifact_uri}/../../x", "/etc", f"{run.artifact_uri}x", f"file://{tmp_path}"):
            with pytest.raises(mlflow.exceptions.MlflowException, match="Invalid model version source"):
                client.create_model_version("m", source, run.run_id)
        r = requests.get(s.url + "/api/2.0/mlflow/artifacts/list", params={"run_id": run.run_id}, timeout=10)
        assert r.status_code in (400, 501) and "artifact" in r.json()["message"].lower()


@pytest.mark.parametrize(("root", "location"), [("s3://bucket/ml", "s3://bucket/ml/1"), ("s3://bucket/ml/", "s3://bucket/ml/1"), ("gs://b", "gs://b/1"),
                                                ("/srv/ml", "/srv/ml/1"), ("mlflow-artifacts:/", "mlflow-artifacts:/1"), ("mlflow-artifacts:/x", "mlflow-artifacts:/x/1")])
def test_default_artifact_root(tmp_path, root, location):
    with Started(tmp_path, "--default-artifact-root", root, "--port", "0") as s:
        assert create(s)["artifact_location"] == location
        assert create(s, "given", artifact_location="s3://other")["artifact_location"] == "s3://other"
        default = requests.get(s.url + "/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=10).json()["experiment"]
        assert default["artifact_location"] == location[:-1] + "0"
        run = requests.post(s.url + "/api/2.0/mlflow/runs/create", json={"experiment_id": "1"}, timeout=10).json()["run"]["info"]
        assert run["artifact_uri"] == f"{location}/{run['run_id']}/artifacts"


def test_serving_artifacts_from_flags_and_environment(tmp_path):
    cases = [((), {"MLFLOW_SERVE_ARTIFACTS": "false"}, 503), ((), {"MLFLOW_SERVE_ARTIFACTS": "true"}, 200), (("--serve-artifacts",), {"MLFLOW_SERVE_ARTIFACTS": "false"}, 200),
             (("--no-serve-artifacts",), {"MLFLOW_SERVE_ARTIFACTS": "true"}, 503), ((), {}, 200), ((), {"INGOT_NO_SERVE_ARTIFACTS": "true"}, 503)]
    for i, (words, env, status) in enumerate(cases):
        with Started(tmp_path, *words, "--data", f"d{i}", "--port", "0", env=env) as s:
            assert requests.get(s.url + "/api/2.0/mlflow-artifacts/artifacts", params={"path": "x"}, timeout=10).status_code == status, (words, env)
    assert "contradict" in refusal(tmp_path, "--serve-artifacts", "--no-serve-artifacts", "--port", "0")


# ---- browsers and proxies ----

def get(s, path="/api/2.0/mlflow/experiments/get?experiment_id=0", **headers):
    return requests.get(s.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=10)


def test_allowed_hosts(tmp_path):
    with Started(tmp_path, "--allowed-hosts", "ml.corp.example,*.internal:8080, app-*.example", "--port", "0") as s:
        for host, status in [("ml.corp.example", 200), ("a.internal:8080", 200), ("a.internal:81", 403), ("app-7.example", 200), ("app-7.example:99", 200),
                             ("evil.example", 403), ("ml.corp.example.evil", 403), ("127.0.0.1", 200), ("localhost:5000", 200)]:
            r = get(s, Host=host)
            assert r.status_code == status, host
            if status == 403:
                assert "Invalid Host header - possible DNS rebinding attack detected" in r.text
        assert get(s, "/health", Host="10.1.2.3:5000").text == "OK" and get(s, "/version", Host="pod").status_code == 200
    with Started(tmp_path, "--port", "0", env={"MLFLOW_SERVER_ALLOWED_HOSTS": "*"}) as s:
        assert get(s, Host="anything.example").status_code == 200


def test_cors(tmp_path):
    def post(s, origin, **headers):
        return requests.post(s.url + "/ajax-api/2.0/mlflow/experiments/search", json={"max_results": 1}, headers={"Origin": origin, **headers}, timeout=10)

    def write(s, origin):
        return requests.post(s.url + "/ajax-api/2.0/mlflow/experiments/delete", json={"experiment_id": "77"}, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"}, timeout=10)

    with Started(tmp_path, "--port", "0", "--cors-allowed-origins", "https://app.example,https://*.lab.example") as s:
        for origin, allowed in [("https://app.example", True), ("https://a.lab.example", True), ("https://evil.example", False), ("http://app.example", False), ("null", False)]:
            assert write(s, origin).status_code == (404 if allowed else 403), origin
            r = post(s, origin)
            assert r.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
            assert r.headers.get("Access-Control-Allow-Credentials") == ("true" if allowed else None)
        assert "Cross-origin request blocked" in write(s, "https://evil.example").text
        r = requests.options(s.url + "/ajax-api/2.0/mlflow/runs/search", timeout=10, headers={
            "Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
        assert r.status_code == 204 and "POST" in r.headers["Access-Control-Allow-Methods"] and r.headers["Access-Control-Allow-Headers"] == "content-type"
    with Started(tmp_path, "--port", "0", env={"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*"}) as s:
        r = post(s, "https://any.example")
        assert r.headers["Access-Control-Allow-Origin"] == "*" and "Access-Control-Allow-Credentials" not in r.headers
        assert write(s, "https://any.example").status_code == 404
    with Started(tmp_path, "--port", "0") as s:
        assert write(s, "https://app.example").status_code == 403 and "Access-Control-Allow-Origin" not in post(s, "https://app.example").headers


def test_frame_options(tmp_path):
    for word, header in [("deny", "DENY"), ("SAMEORIGIN", "SAMEORIGIN"), ("NONE", None)]:
        with Started(tmp_path, "--x-frame-options", word, "--port", "0") as s:
            assert get(s).headers.get("X-Frame-Options") == header
    assert "x-frame-options" in refusal(tmp_path, "--x-frame-options", "MAYBE", "--port", "0")


def test_static_prefix(tmp_path):
    with Started(tmp_path, "--static-prefix", "/ml/flow", "--port", "0") as s:
        for path in ("/health", "/api/2.0/mlflow/experiments/get?experiment_id=0", "/ajax-api/3.0/mlflow/server-info"):
            assert get(s, "/ml/flow" + path).status_code == 200 and get(s, path).status_code == 200
        assert get(s, "/ml/flowapi/2.0/mlflow/experiments/get?experiment_id=0").status_code == 404
        mlflow.set_tracking_uri(s.url + "/ml/flow")
        with mlflow.start_run(experiment_id="0") as run:
            mlflow.log_metric("m", 1)
        assert mlflow.get_run(run.info.run_id).data.metrics == {"m": 1}
    for bad in ("ml", "/ml/", "/a//b", "/../x", "/a{b}", "/"):
        assert "static-prefix" in refusal(tmp_path, "--static-prefix", bad, "--port", "0"), bad


# ---- tokens in place of basic-auth ----

def test_clients_with_tokens(tmp_path, monkeypatch):
    with Started(tmp_path, "--auth", "--port", "0") as s:
        token = (tmp_path / "ingot-data/admin-token").read_text().strip()
        client = mlflow.MlflowClient(s.url, s.url)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(mlflow.exceptions.MlflowException, match="401|token"):
            client.search_experiments()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        assert [e.name for e in client.search_experiments()] == ["Default"]
        monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anybody")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", token)
        run = client.create_run("0")
        client.log_text(run.info.run_id, "with a password", "a.txt")
        assert client.list_artifacts(run.info.run_id)[0].path == "a.txt"
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
        with pytest.raises(mlflow.exceptions.MlflowException, match="401|token"):
            client.search_experiments()


# ---- the rest ----

@pytest.mark.parametrize(("words", "text"), [
    (("--app-name", "basic-auth"), "--auth"), (("--dev",), "--log-level"), (("--artifacts-only",), "artifacts-only"), (("--enable-workspaces",), "workspaces"),
    (("--trace-archival-config", "x.yaml"), "archived"), (("--disable-security-middleware",), "--allowed-hosts"), (("--workspace-store-uri", "x"), "workspaces")])
def test_what_is_refused_says_what_to_do(tmp_path, words, text):
    assert text in refusal(tmp_path, *words, "--port", "0")


def test_what_has_no_effect_is_said_in_the_log(tmp_path):
    with Started(tmp_path, "--workers", "8", "--gunicorn-opts", "--timeout 60", "--expose-prometheus", "/tmp/x", "--port", "0", "--disable-workspaces",
                 env={"MLFLOW_UVICORN_OPTS": "--reload", "MLFLOW_ENABLE_WORKSPACES": "false"}) as s:
        log = s.text()
        for name in ("workers", "gunicorn-opts", "expose-prometheus", "uvicorn-opts", "disable-workspaces"):
            assert f"{name} has no effect" in log
        assert "# TYPE" in get(s, "/metrics").text
    with Started(tmp_path, "-w", "2", "-p", "0") as s:
        assert "workers has no effect" in s.text()


def test_pattern_of_sources(tmp_path):
    with Started(tmp_path, "--port", "0", env={"MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "^s3://models/"}) as s:
        requests.post(s.url + "/api/2.0/mlflow/registered-models/create", json={"name": "m"}, timeout=10)
        for source, status in [("s3://models/a", 200), ("s3://other/a", 400), ("x-s3://models/a", 400)]:
            r = requests.post(s.url + "/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": source}, timeout=10)
            assert r.status_code == status, source
        assert r.json()["message"] == "Invalid model version source: 'x-s3://models/a'."
    assert "regular expression" in refusal(tmp_path, "--version-source-pattern", "(", "--port", "0")


def test_the_help_names_every_flag_of_mlflow_server(tmp_path):
    import click
    from mlflow.cli import server
    known = subprocess.run([program(), "server", "--help"], capture_output=True, text=True, check=True).stdout
    for option in server.params:
        if isinstance(option, click.Option):
            for flag in [*option.opts, *option.secondary_opts]:
                if flag.startswith("--"):
                    assert flag + " " in known, flag


def test_the_documents_table_is_whole():
    from differ import REASONS
    text = (Path(__file__).resolve().parents[2] / "docs/drop-in.md").read_text()
    for reason in REASONS:
        assert f"| {reason} |" in text, reason
