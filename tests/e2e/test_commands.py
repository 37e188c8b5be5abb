"""The program on the command line: help, wrong usage, --json, the server's settings and where they come from, what refuses
to start, and how it ends."""
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest
import requests
import tiny
from ingot_server import IngotServer, program
from tiny import ingot, one_line


@pytest.fixture(scope="module")
def world():
    return tiny.world()


def commands():
    text = ingot("--help").stdout
    listed = text.split("commands:\n")[1].split("\n\n")[0]
    return [re.match(r"  (.{22}) \S", line).group(1).strip() for line in listed.splitlines()]


class Help:
    def __init__(self, command):
        self.command = command
        self.text = ingot(*command.split(), "--help").stdout
        usage = re.search(r"^usage: ingot (.*) \[OPTIONS\]$", self.text, re.M).group(1)
        assert usage.startswith(command)
        self.args = usage[len(command):].split()
        self.options = re.findall(r"^  --([\w-]+)(?: (\S+))?  +(\S.*)$", self.text, re.M)
        self.required = [(name, value) for name, value, text in self.options if text.endswith("(required)")]


# ---- help and wrong usage ----

def test_overview_and_version():
    for args in ((), ("--help",), ("-h",), ("help",)):
        run = ingot(*args)
        assert "usage: ingot COMMAND" in run.stdout and run.stderr == ""
    assert re.fullmatch(r"ingot \d+\.\d+\.\d+\n", ingot("--version").stdout)
    listed = commands()
    assert len(listed) == len(set(listed)) > 20
    for wanted in ("server", "run", "train", "evaluate", "predict", "data validate", "features join", "deploy create", "audit verify", "doctor"):
        assert wanted in listed


@pytest.mark.parametrize("command", commands())
def test_help_and_wrong_usage_of_every_command(command, tmp_path):
    words = command.split()
    h = Help(command)
    assert f"ingot {command} - " in h.text and "\nexamples:\n" in h.text and f"ingot {command}" in h.text.split("examples:")[1], h.text
    assert {"json", "help"} <= {name for name, _, _ in h.options} and len({n for n, _, _ in h.options}) == len(h.options)
    assert ingot(*words, "-h").stdout == h.text
    text = one_line(ingot(*words, "--no-such-option", ok=False, cwd=tmp_path), 2)
    assert text == f"unknown option '--no-such-option' (see ingot {command} --help)"
    arguments = ["x" for _ in h.args if not _.startswith("[")]
    needed = [w for name, value in h.required for w in (f"--{name}", "x")]
    for name, value in h.required:
        others = [w for n, v in h.required if n != name for w in (f"--{n}", "1" if len(v) == 1 else "x")]
        assert f"--{name} {value} is needed" in one_line(ingot(*words, *arguments, *others, ok=False, cwd=tmp_path), 2)
    for name, value, _ in h.options:
        if value:
            assert f"--{name} wants a value" in one_line(ingot(*words, f"--{name}", ok=False, cwd=tmp_path), 2)
        else:
            assert name == "help" or name == "json" or f"--{name} takes no value" in one_line(ingot(*words, f"--{name}=1", ok=False, cwd=tmp_path), 2)
        if value in ("N", "MS") and command != "server":
            for wrong in ("x", "", "1.5", "1e3", "9" * 30, "0x10", " 1"):
                assert "wants a whole number" in one_line(ingot(*words, f"--{name}={wrong}", ok=False, cwd=tmp_path), 2)
    numbers = ["1" if w == "x" and needed[i - 1] in [f"--{n}" for n, v in h.required if len(v) == 1] else w for i, w in enumerate(needed)]
    if arguments:
        assert one_line(ingot(*words, *numbers, ok=False, cwd=tmp_path), 2).startswith("usage: ")
    if not any("..." in a for a in h.args):
        assert one_line(ingot(*words, *numbers, "a", "b", "c", "d", ok=False, cwd=tmp_path), 2).startswith("usage: ")
    assert list(tmp_path.iterdir()) == [], "a refused command leaves nothing behind"


@pytest.mark.parametrize("args", [("bogus",), ("data", "bogus"), ("data",), ("deploy",), ("",), ("--bogus",), ("-x",), ("server", "stray"), ("data validate",),
                                  ("Server",), ("serve",), ("data", "--json"), ("server", "-x"), ("\x1b[31m",), ("x" * 5000,), ("%n%s",)], ids=repr)
def test_wrong_commands(args):
    assert one_line(ingot(*args, ok=False), 2)


@pytest.mark.parametrize("args, words", [
    (("report", "flights", "nofolder"), "nofolder"), (("replay", "--data", "nofile", "--view", "nofile", "--endpoint", "x", "--start", "2001-01-01", "--end", "2001-01-02"), "nofile"),
    (("run",), "dvc.yaml"), (("run", "nostage"), "dvc.yaml"), (("evaluate", "--frame", "x", "--models", "a,b"), "params.yaml"),
    (("train", "--frame", "x", "--learner", "xgboost"), "--model-out"), (("model", "register", "x", "--package", "nodir"), "nodir"),
    (("model", "register", "x", "--package", ".", "--package", "."), "--eval"), (("features", "apply", "nofile"), "nofile"), (("features", "get", "v", "--at", "yesterday"), "--at"),
    (("features", "get", "v", "--key", "novalue"), "--key"), (("features", "get", "v", "--number", "a=b"), "a=b"),
    (("deploy", "create", "e", "--model", "m", "--version", "1", "--config", "nofile"), "nofile"), (("deploy", "canary", "e", "--version", "1", "--start", "soon"), "--start"),
    (("data", "query", "select"), "Parser Error"), (("data", "query", "select 1; select 2"), "multiple"), (("data", "query", "copy (select 1) to 'evil.csv'"), "SELECT"),
    (("data", "query", "install httpfs"), "SELECT"), (("data", "query", "create table y as select 1"), "SELECT"), (("data", "query", "select * from 'nofile.csv'"), "nofile.csv"),
    (("data", "query", ""), ""),
], ids=lambda x: " ".join(x)[:40] if isinstance(x, tuple) else "")
def test_bad_arguments_are_one_line(tmp_path, args, words):
    assert words in one_line(ingot(*args, ok=False, cwd=tmp_path, env={"INGOT_SERVER": "http://127.0.0.1:1"}), 1)
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        run = subprocess.run([program(), "doctor", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert run.returncode == 1 and one_line(run) == "cannot write the result to standard output"


# ---- doctor ----

def test_doctor(tmp_path):
    run = ingot("doctor", cwd=tmp_path)
    assert run.stderr == "" and run.stdout.endswith("everything is there\n")
    doc = json.loads(ingot("doctor", "--json", cwd=tmp_path).stdout)
    checks = {c["check"]: c["ok"] for c in doc["checks"]}
    assert all(checks.values()) and {"db sqlite", "blob localfs", "table duckdb", "engine trees", "learner xgboost", "data folder"} <= set(checks)
    assert re.match(r"\d+\.\d+\.\d+$", doc["version"]) and doc["cores"] >= 1 and list(tmp_path.iterdir()) == []


def test_doctor_says_what_is_wrong():
    few = subprocess.run([program(), "doctor", "--json"], capture_output=True, text=True, timeout=30,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert few.returncode == 1 and one_line(few) == "1 of the checks failed"
    bad = [c for c in json.loads(few.stdout)["checks"] if not c["ok"]]
    assert [c["check"] for c in bad] == ["open files"] and "ulimit" in bad[0]["text"]


# ---- --json ----

def test_json_of_local_commands(world, tmp_path):
    for name in ("flights.parquet", "features.yaml", "params.yaml", "suite.yaml", "frame.parquet"):
        shutil.copy(world.folder / name, tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages:\n  a: {cmd: echo 1 > a, outs: [a]}\n")
    model = str(world.model("xgboost"))
    rows = len(world.rows)
    lines = {
        "data validate": (["flights.parquet", "--suite", "suite.yaml"], lambda d: d["success"] is True),
        "data profile": (["flights.parquet"], lambda d: d["rows"] == rows),
        "data version": (["flights.parquet"], lambda d: d["rows"] == rows and len(d["sha256"]) == 64),
        "data query": (["select * from 'flights.parquet'"], lambda d: d == {"rows": rows, "columns": 5}),
        "features join": (["--view", "features.yaml", "--out", "f.parquet"], lambda d: d["rows"] == rows and d["features"] == 10),
        "train": (["--frame", "frame.parquet", "--params", "params.yaml", "--learner", "xgboost", "--package-out", "p"], lambda d: d["rounds"] == 8),
        "evaluate": (["--frame", "frame.parquet", "--models", model, "--params", "params.yaml"], lambda d: d["pass"] is True),
        "predict": (["--model", model, "--frame", "frame.parquet", "--params", "params.yaml", "--out", "s.parquet"], lambda d: d["rows"] > 2000),
        "run": ([], lambda d: [s["name"] for s in d["stages"]] == ["a"]),
        "doctor": ([], lambda d: d["checks"]),
    }
    for command, (args, right) in lines.items():
        run = ingot(*command.split(), *args, "--json", cwd=tmp_path)
        assert right(json.loads(run.stdout)) and run.stderr == "", (command, run.stdout[:500], run.stderr)
        plain = ingot(*command.split(), *args, cwd=tmp_path)
        assert plain.stdout.strip() and plain.stdout.strip()[0] not in "{[", (command, plain.stdout[:200])


def test_json_of_commands_that_ask_a_server(world, tmp_path):
    with IngotServer(tmp_path / "d") as server:
        env = {"INGOT_SERVER": server.url}
        world.deploy(server.url)
        lines = {
            "model list": ([], lambda d: len(d["model_versions"]) == 2), "deploy status": ([], lambda d: len(d["endpoints"]) == 1),
            "deploy status tiny": ([], lambda d: d["version"] == 1), "deploy history tiny": (["--what", "rollouts"], lambda d: d["rollouts"] == []),
            "audit list": ([], lambda d: d["rows"]), "audit verify": ([], lambda d: d["rows"] > 3), "deploy flush tiny": ([], lambda d: d == {}),
            "features get tiny": (["--key", "origin=ORD", "--key", "destination=JFK", "--number", "distance=5"], lambda d: len(d["rows"][0]) == 10),
            "features apply": ([str(world.folder / "features.yaml")], lambda d: d["name"] == "tiny"),
        }
        for command, (args, right) in lines.items():
            run = ingot(*command.split(), *args, "--json", env=env)
            assert right(json.loads(run.stdout)) and run.stderr == "", (command, run.stdout[:500], run.stderr)
            assert ingot(*command.split(), *args, env=env).stdout.strip()
        for args in (("deploy", "status", "nobody"), ("deploy", "history", "nobody"), ("deploy", "predictions", "tiny", "--out", "x.parquet"),
                     ("deploy", "promote", "tiny"), ("deploy", "canary", "tiny", "--version", "9"), ("features", "get", "nobody"),
                     ("deploy", "create", "e", "--model", "nobody", "--version", "1"), ("deploy", "history", "tiny", "--what", "x")):
            one_line(ingot(*args, ok=False, env=env, cwd=tmp_path), 1)
        assert not (tmp_path / "x.parquet").exists()
    with socket.socket() as s:  # nobody listens here
        s.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{s.getsockname()[1]}"
        for args in (("model", "list"), ("deploy", "status"), ("audit", "verify"), ("features", "get", "tiny")):
            assert "127.0.0.1" in one_line(ingot(*args, "--server", dead, ok=False, timeout=20), 1)
    for url in ("", "nonsense", "ftp://x", "http://", "http://127.0.0.1:99999", "file:///etc/passwd"):
        one_line(ingot("deploy", "status", f"--server={url}", ok=False, timeout=20), None)


# ---- settings ----

class Started:
    """`ingot server` with exactly these words; .url is None when it ended instead."""

    def __init__(self, *args, cwd, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("INGOT_") or k == "INGOT_BIN"}
        self.process = subprocess.Popen([program(), "server", *args], cwd=cwd, env={**clean, **(env or {})}, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = line.split("listening on ")[1].strip() if line else None

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.out, self.err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.out, self.err = self.process.communicate()
            raise
        return self.process.returncode

    def refused(self):
        """The one line of a server that did not start."""
        assert self.url is None, self.end()
        self.end()
        return one_line(subprocess.CompletedProcess([], self.process.returncode, "", self.err))

    def refused_last(self):
        """The same after lines of the log: what was opened before is closed again."""
        assert self.url is None, self.end()
        assert self.end() == 1
        return self.err.splitlines()[-1]


def host_of(started):
    assert started.url, started.end() or started.err
    assert started.end() == 0
    return started.url.split("//")[1].rsplit(":", 1)[0]


def test_flag_over_environment_over_yaml_over_default(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("listen: 127.0.0.4:0\ndata: from-yaml\nlog_format: json\nidle_timeout_ms: 1000\nauth: true\n")
    file_env = {"INGOT_CONFIG": str(config)}
    env = {"INGOT_LISTEN": "127.0.0.3:0", "INGOT_DATA": "from-env", "INGOT_LOG_FORMAT": "text", "INGOT_AUTH": "false"}
    s = Started("--config", "c.yaml", cwd=tmp_path)
    assert requests.get(s.url + "/metrics", timeout=10).status_code == 401
    assert host_of(s) == "127.0.0.4" and (tmp_path / "from-yaml").is_dir() and s.err.startswith("{")
    s = Started(cwd=tmp_path, env=file_env)
    assert host_of(s) == "127.0.0.4"
    s = Started("--config", "c.yaml", cwd=tmp_path, env=env)
    assert requests.get(s.url + "/metrics", timeout=10).status_code == 200
    assert host_of(s) == "127.0.0.3" and (tmp_path / "from-env").is_dir() and not s.err.startswith("{")
    s = Started("--config", "c.yaml", "--listen=127.0.0.2:0", "--data", "from-flag", "--log-format", "json", "--auth", cwd=tmp_path, env=env)
    assert requests.get(s.url + "/metrics", timeout=10).status_code == 401
    assert host_of(s) == "127.0.0.2" and (tmp_path / "from-flag").is_dir() and s.err.startswith("{")
    assert not (tmp_path / "ingot-data").exists()
    s = Started("--listen", "127.0.0.1:0", cwd=tmp_path)
    assert host_of(s) == "127.0.0.1" and (tmp_path / "ingot-data").is_dir(), "the default folder"
    assert "(default: 127.0.0.1:5000)" in ingot("server", "--help").stdout


def test_empty_yaml_is_no_setting(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert host_of(Started("--config", "c.yaml", "--listen", "127.0.0.1:0", cwd=tmp_path)) == "127.0.0.1"


@pytest.mark.parametrize("text, words", [
    ("lissten: 127.0.0.1:0", "unknown key 'lissten'"), ("tls-cert: x", "unknown key 'tls-cert'"), ("config: x.yaml", "unknown key 'config'"),
    ("listen: 127.0.0.1:0\nserver: {listen: x}", "unknown key 'server'"), ("listen: [1]", "listen"), ("listen: {a: 1}", "listen"), ("data: null", "data"),
    ("pool_threads: 1.5", "pool_threads"), ("pool_threads: many", "pool_threads (from the config file)"), ("pool_threads: 0", "pool_threads"),
    ("pool_threads: 99999999999999999999", "pool"), ("auth: maybe", "auth (from the config file)"), ("auth: 2", "auth"), ("log_level: loud", "log-level"),
    ("log_format: xml", "log-format"), ("[1, 2]", "mapping"), ("just words", "mapping"), ("a: [", "c.yaml"), ("\tx: 1", "c.yaml"), ("a: &x [*x]", "c.yaml"),
    ("listen: a\nlisten: b", "listen"), ("x: \x00", "c.yaml"), ("\xff\xfe", "c.yaml"), ("#" * 300000, "has 300000 bytes, the limit is 262144"), ("a: " + "[" * 5000, "c.yaml"),
], ids=lambda x: x[:24])
def test_a_wrong_config_file_is_one_line(tmp_path, text, words):
    (tmp_path / "c.yaml").write_bytes(text.encode("latin-1"))
    assert words in Started("--config", "c.yaml", "--listen" if "listen" not in text else "--data", "127.0.0.1:0", cwd=tmp_path).refused()
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"], "nothing is made before the settings are right"


@pytest.mark.parametrize("args, env, words", [
    (["--config", "nofile.yaml"], {}, "nofile.yaml"), (["--config", "."], {}, "config file"), (["--pool-threads", "0"], {}, "pool-threads"),
    (["--io-threads", "-1"], {}, "io-threads"), ([], {"INGOT_POOL_THREADS": "x"}, "INGOT_POOL_THREADS (from the environment)"),
    ([], {"INGOT_AUTH": "yes please"}, "INGOT_AUTH (from the environment)"), ([], {"INGOT_LISTEN": "nowhere"}, "nowhere"), (["--log-level", "loud"], {}, "log-level"),
    (["--listen", "127.0.0.1"], {}, "HOST:PORT"), (["--listen", "127.0.0.1:65536"], {}, "HOST:PORT"), (["--listen", "127.0.0.1:-1"], {}, "HOST:PORT"),
    (["--listen", "example.com:0"], {}, "not an IP address"), (["--listen", "127.0.0.1.evil:0"], {}, "not an IP address"), (["--listen", ""], {}, "HOST:PORT"),
    (["--listen", "0.0.0.0:0"], {}, "--insecure"), (["--listen", "[::]:0"], {}, "--insecure"), (["--listen", "192.0.2.1:0"], {}, "--insecure"),
    ([], {"INGOT_LISTEN": "0.0.0.0:0"}, "--insecure"), (["--listen", "0.0.0.0:0", "--tls-cert", "x"], {}, "belong together"),
    (["--listen", "0.0.0.0:0", "--tls-cert", "no.pem", "--tls-key", "no.pem"], {}, "no.pem"), (["--listen", "[::ffff:0.0.0.0]:0"], {}, "--insecure"),
    (["--tls-cert", "no.pem", "--tls-key", "no.pem", "--listen", "127.0.0.1:0"], {}, "no.pem"), (["--data", "/proc/self/x", "--listen", "127.0.0.1:0"], {}, "/proc"),
    (["--data", "/dev/null", "--listen", "127.0.0.1:0"], {}, "/dev/null"), (["--data", "", "--listen", "127.0.0.1:0"], {}, ""),
], ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "")
def test_settings_that_refuse_to_start(tmp_path, args, env, words):
    started = Started(*args, cwd=tmp_path, env=env)
    assert started.url is None, started.url and started.end()
    started.end()
    assert started.process.returncode in (1, 2)
    last = started.err.splitlines()[-1]
    assert last.startswith("ingot: ") and words in last, started.err
    assert started.err.count("ingot: ") == 1


def test_insecure_and_tls_ask_for_the_token(tmp_path):
    s = Started("--listen", "0.0.0.0:0", "--insecure", cwd=tmp_path)
    url = s.url.replace("0.0.0.0", "127.0.0.1")
    token = (tmp_path / "ingot-data/admin-token").read_text().strip()
    assert requests.get(url + "/metrics", timeout=10).status_code == 401
    assert requests.get(url + "/metrics", timeout=10, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert s.end() == 0
    if not shutil.which("openssl"):
        return
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out",
                    "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=tmp_path, check=True,
                   capture_output=True, timeout=30)
    s = Started("--listen", "0.0.0.0:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem", cwd=tmp_path)
    assert s.url.startswith("https://")
    url = s.url.replace("0.0.0.0", "127.0.0.1")
    get = lambda path, **h: requests.get(url + path, timeout=10, headers=h, verify=str(tmp_path / "cert.pem"))
    assert get("/health").status_code == 200 and get("/metrics").status_code == 401
    assert get("/metrics", Authorization=f"Bearer {token}").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url + "/health", timeout=10)
    assert s.end() == 0
    (tmp_path / "key.pem").write_text("no key")
    assert "key.pem" in Started("--listen", "0.0.0.0:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem", cwd=tmp_path).refused_last()


# ---- one process per folder, the token, the end ----

def test_a_second_server_on_a_folder_refuses(tmp_path):
    with IngotServer(tmp_path / "d") as first:
        for folder in ("d", "./d/", str(tmp_path / "d")):
            text = Started("--listen", "127.0.0.1:0", "--data", folder, cwd=tmp_path).refused()
            assert str(first.process.pid) in text and "d" in text
        (tmp_path / "alias").symlink_to("d")
        assert str(first.process.pid) in Started("--listen", "127.0.0.1:0", "--data", "alias", cwd=tmp_path).refused()
        assert requests.get(first.url + "/health", timeout=10).status_code == 200
        text = Started("--listen", f"127.0.0.1:{first.port}", "--data", "other", cwd=tmp_path).refused_last()
        assert str(first.port) in text and "in use" in text
        first.process.kill()
        first.process.wait()
    with IngotServer(tmp_path / "d") as again:
        assert requests.get(again.url + "/health", timeout=10).status_code == 200


def test_the_token_file(tmp_path):
    data = tmp_path / "d"
    args = ("--listen", "127.0.0.1:0", "--data", "d", "--auth")
    old = os.umask(0)  # the program must not lean on the caller's
    try:
        s = Started(*args, cwd=tmp_path)
    finally:
        os.umask(old)
    token = (data / "admin-token").read_text().strip()
    assert s.end() == 0 and re.fullmatch(r"ingot_[0-9a-f]{8}_[\w-]{43}_[0-9a-f]{8}", token)
    assert stat.S_IMODE((data / "admin-token").stat().st_mode) == 0o600 and stat.S_IMODE(data.stat().st_mode) == 0o700
    for path in data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} is open to other users"
    assert token not in s.err and token not in s.out, "a log is no place for a secret"
    s = Started(*args, cwd=tmp_path)
    assert requests.get(s.url + "/metrics", timeout=10, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    run = ingot("deploy", "status", "--server", s.url, "--token", token)
    assert "no endpoints" in run.stdout
    assert ingot("deploy", "status", env={"INGOT_SERVER": s.url, "INGOT_TOKEN": token}).stdout == run.stdout
    assert "401" in one_line(ingot("deploy", "status", "--server", s.url, ok=False, env={"INGOT_TOKEN": ""}), 1)
    assert s.end() == 0
    for spoil in (lambda p: p.chmod(0o644), lambda p: p.write_text("hello\n"), lambda p: p.write_text(""), lambda p: p.write_text(token[:-1] + "z"),
                  lambda p: (p.unlink(), p.symlink_to("/dev/null")), lambda p: (p.unlink(), p.mkdir())):
        path = data / "admin-token"
        if path.is_symlink() or path.is_file():
            path.unlink()
        path.write_text(token + "\n")
        path.chmod(0o600)
        spoil(path)
        assert "admin-token" in Started(*args, cwd=tmp_path).refused_last()
    (data / "admin-token").rmdir()
    s = Started(*args, cwd=tmp_path)
    assert s.end() == 0 and (data / "admin-token").read_text().strip() != token, "a new token after the old one was taken away"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_in_order(tmp_path, number):
    """With an idle peer, a half-sent request and a request under way; and with nobody."""
    s = Started("--listen", "127.0.0.1:0", cwd=tmp_path)
    assert s.end(number) == 0
    s = Started("--listen", "127.0.0.1:0", "--drain-timeout-ms", "1000", cwd=tmp_path)
    port = int(s.url.rsplit(":", 1)[1])
    idle, half = socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port))
    half.sendall(b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    created = requests.post(s.url + "/api/2.0/mlflow/experiments/create", json={"name": "kept"}, timeout=10)
    assert created.status_code == 200
    start = time.monotonic()
    assert s.end(number) == 0 and time.monotonic() - start < 20
    idle.close(), half.close()
    s = Started("--listen", "127.0.0.1:0", cwd=tmp_path)
    got = requests.get(s.url + "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "kept"}, timeout=10)
    assert got.status_code == 200 and s.end() == 0
    assert list((tmp_path / "ingot-data/tmp").glob("*")) == [], "no half-written file is left"


def test_a_broken_pipe_does_not_end_the_server(tmp_path):
    """Standard output closed by its reader, and peers that leave in the middle of an answer."""
    s = Started("--listen", "127.0.0.1:0", cwd=tmp_path)
    s.process.stdout.close()
    s.process.send_signal(signal.SIGPIPE)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", int(s.url.rsplit(":", 1)[1]))) as peer:
            peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset instead of an end
    assert requests.get(s.url + "/health", timeout=10).status_code == 200
    s.process.stdout = None
    assert s.end() == 0
