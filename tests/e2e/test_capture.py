"""Programs as runs: `ingot run exec`, stages of `ingot run --experiment`, consoles, samples; and whoever is killed, what was said is kept."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import requests

import ingot_server
from ingot_server import IngotServer

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402

SYSTEM = {"cpu_utilization_percentage", "system_memory_usage_megabytes", "system_memory_usage_percentage", "disk_usage_percentage", "disk_usage_megabytes",
          "disk_available_megabytes", "network_receive_megabytes", "network_transmit_megabytes"}


_spools = tempfile.TemporaryDirectory(prefix="ingot-spools-")


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Outputs wait in $TMPDIR only while they are not on the server."""
    yield
    wait_for(lambda: not os.listdir(_spools.name))


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "INGOT_SERVER", "INGOT_TOKEN"))}
    return {**kept, "TMPDIR": _spools.name, **more}


def start(server, *args, cwd=None, **env):
    """An `ingot run exec` under way: its process, and its run's id."""
    p = subprocess.Popen([ingot_server.program(), "run", "exec", "--server", server.url, "--interval", "0.2", *args], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment(**env))
    line = p.stderr.readline()
    m = re.match(r"ingot: run ([0-9a-f]{32}) of experiment (\d+)$", line)
    assert m, line + p.stderr.read()
    return p, m[1]


def console(server, run, **query):
    r = requests.get(f"{server.url}/api/ingot/v1/runs/{run}/console", params=query, timeout=20)
    r.raise_for_status()
    return r.json()


def wait_for(what, seconds=20):
    until = time.time() + seconds
    while time.time() < until:
        if got := what():
            return got
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def client_of(server):
    return MlflowClient(tracking_uri=server.url)


def artifact(server, run, path, folder):
    with open(client_of(server).download_artifacts(run, path, str(folder))) as f:
        return f.read()


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=folder, check=True, capture_output=True)


def test_a_program_is_a_run(server, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "topic")
    (work / "train.sh").write_text("echo one\nsleep 0.7\necho two >&2\nexit 3\n")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    git(work, "remote", "add", "origin", "https://me:hunter2@git.example/x.git")
    (work / "train.sh").write_text("echo one\nsleep 0.7\necho two >&2\nexit 3 # changed\n")
    p, run_id = start(server, "--experiment", "exec", "--diff", "--env", "MY_*", "--", "sh", "train.sh", "--token", "hunter2", cwd=work, MY_FLAG="7", MY_TOKEN="hunter2",
                      OMP_NUM_THREADS="2", HOME_SECRET="hunter2")
    out, err = p.communicate(timeout=60)
    assert (p.returncode, out) == (3, "one\ntwo\n"), err
    run = client_of(server).get_run(run_id)
    assert run.info.status == "FAILED"
    tags = run.data.tags
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=work, capture_output=True, text=True, check=True).stdout.strip()
    assert tags["mlflow.source.git.commit"] == head and tags["mlflow.source.git.branch"] == "topic"
    assert tags["mlflow.source.git.repoURL"] == "https://git.example/x.git" and tags["ingot.git.dirty"] == "true"
    assert tags["mlflow.source.name"] == "train.sh" and tags["ingot.command"] == "sh train.sh --token ***" and tags["ingot.exit_code"] == "3"
    assert tags["ingot.host.name"] == os.uname().nodename and int(tags["ingot.host.cpu_count"]) == len(os.sched_getaffinity(0))
    assert int(tags["ingot.host.memory_bytes"]) > 1 << 26 and tags["ingot.host.os"]
    assert {"system/" + k for k in SYSTEM} <= set(run.data.metrics)
    assert run.data.metrics["system/process_count"] >= 1 and run.data.metrics["system/process_wall_seconds"] > 0.6
    history = client_of(server).get_metric_history(run_id, "system/system_memory_usage_megabytes")
    assert [m.step for m in history] == list(range(len(history))) and len(history) >= 3
    assert artifact(server, run_id, "capture/console.log", tmp_path) == "one\ntwo\n"
    facts = json.loads(artifact(server, run_id, "capture/environment.json", tmp_path))
    assert facts["variables"]["MY_FLAG"] == "7" and facts["variables"]["OMP_NUM_THREADS"] == "2" and facts["git"]["commit"] == head
    assert "+exit 3 # changed" in artifact(server, run_id, "capture/diff.patch", tmp_path)
    assert "hunter2" not in json.dumps(facts) + json.dumps(tags)


def test_the_numbers_are_those_of_mlflow(server):
    """The same names as MLflow's own sampler, and on a quiet machine the same values."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    theirs = {}
    p, run_id = start(server, "--", "sleep", "1")
    for monitor in (CPUMonitor(), DiskMonitor(), NetworkMonitor()):
        monitor.collect_metrics()
        theirs.update(monitor.aggregate_metrics())
    assert p.wait(30) == 0
    p.communicate()
    ours = {k.removeprefix("system/"): v for k, v in client_of(server).get_run(run_id).data.metrics.items()}
    assert set(theirs) == SYSTEM and SYSTEM <= set(ours)
    for key in ("disk_usage_percentage", "disk_usage_megabytes", "disk_available_megabytes"):
        assert ours[key] == pytest.approx(theirs[key], rel=0.02)
    assert ours["system_memory_usage_megabytes"] == pytest.approx(theirs["system_memory_usage_megabytes"], rel=0.5)


def test_mlflow_inside_logs_to_the_same_run(server):
    code = "import mlflow\nwith mlflow.start_run() as r:\n    mlflow.log_metric('loss', 0.5)\nprint('id', r.info.run_id)\nraise SystemExit(4)"
    p, run_id = start(server, "--experiment", "inside", "--", sys.executable, "-c", code)
    out, err = p.communicate(timeout=120)
    assert p.returncode == 4 and f"id {run_id}" in out, out + err
    run = client_of(server).get_run(run_id)
    assert run.data.metrics["loss"] == 0.5 and run.info.status == "FAILED"  # the client said FINISHED; the exit code says otherwise
    packages = client_of(server).list_artifacts(run_id, "capture")
    assert "capture/requirements.txt" in {f.path for f in packages}


def test_packages_are_those_of_pip(server, tmp_path):
    p, run_id = start(server, "--interval", "0", "--", sys.executable, "-c", "pass")
    p.communicate(timeout=60)
    ours = {line.split("==")[0].lower().replace("_", "-").replace(".", "-") for line in artifact(server, run_id, "capture/requirements.txt", tmp_path).split()}
    listed = subprocess.run([sys.executable, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"], capture_output=True, text=True, check=True)
    theirs = {d["name"].lower().replace("_", "-").replace(".", "-") for d in json.loads(listed.stdout)}
    assert len(theirs) > 5 and theirs <= ours
    assert not any(k.startswith("system/cpu") for k in client_of(server).get_run(run_id).data.metrics)


def test_the_output_is_there_while_it_goes_on(server):
    p, run_id = start(server, "--", "sh", "-c", "echo first; read x < /dev/null; sleep 3; printf 'l\\303\\251st'")
    assert wait_for(lambda: console(server, run_id)["text"]) == "first\n"
    assert not console(server, run_id)["ended"] and p.poll() is None
    logs = subprocess.run([ingot_server.program(), "run", "logs", run_id, "--follow", "--server", server.url], capture_output=True, text=True, timeout=60)
    assert (logs.returncode, logs.stdout) == (0, "first\nlést"), logs.stderr
    assert p.communicate(timeout=30)[0] == "first\nlést"
    assert console(server, run_id, **{"from": 7, "max": 2})["text"] == "é"
    cut = console(server, run_id, **{"from": 0, "max": 8})
    assert cut["text"] == "first\nl" and cut["next"] == 7  # never half of a character
    assert requests.get(f"{server.url}/api/ingot/v1/runs/{run_id}/console?raw=1&from=-3", timeout=10).content == b"\xa9st"
    done = subprocess.run([ingot_server.program(), "run", "logs", "no-such-run", "--server", server.url], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "no-such-run" in done.stderr


def test_much_output(server, tmp_path):
    p, run_id = start(server, "--", "sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo \"line $i of an ordinary length, give or take\"; i=$((i+1)); done")
    out, _ = p.communicate(timeout=120)
    assert out.count("\n") == 30000 and artifact(server, run_id, "capture/console.log", tmp_path) == out
    logs = subprocess.run([ingot_server.program(), "run", "logs", run_id, "--server", server.url], capture_output=True, text=True, timeout=60)
    assert logs.stdout == out


def test_sent_twice_is_there_once(server):
    run = client_of(server).create_run("0").info.run_id
    url = f"{server.url}/api/ingot/v1/runs/{run}/console"
    raw = {"Content-Type": "application/octet-stream"}

    def put(start, data):
        return requests.put(url, params={"from": start}, data=data, headers=raw, timeout=10)

    assert put(0, b"abc").json()["size"] == 3 and put(0, b"abc").json()["size"] == 3 and put(1, b"bcdef").json()["size"] == 6
    gap = put(7, b"x")
    assert gap.status_code == 409 and "ends at byte 6" in gap.json()["error"]
    assert put(-1, b"x").status_code == 400 and requests.put(url, data=b"x", headers=raw, timeout=10).status_code == 400
    assert put(6, b"x" * (1 << 20) + b"y").status_code == 413
    assert console(server, run)["text"] == "abcdef"
    at = time.time()
    assert console(server, run, **{"from": 6, "wait_ms": 600})["text"] == "" and time.time() - at > 0.5
    threading.Timer(0.3, put, (6, b"later")).start()
    at = time.time()
    assert console(server, run, **{"from": 6, "wait_ms": 5000})["text"] == "later" and time.time() - at < 5
    for query in ({"wait_ms": 99999}, {"max": -1}, {"from": "x"}, {"raw": 2}):
        assert requests.get(url, params=query, timeout=10).status_code == 400
    client_of(server).delete_run(run)
    assert put(11, b"x").status_code == 409


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_from_outside(server, how):
    p, run_id = start(server, "--", "sh", "-c", "trap 'echo tidy; exit 0' TERM; echo up; sleep 60 & wait")
    wait_for(lambda: console(server, run_id)["text"])
    p.send_signal(how)
    assert "tidy" in p.communicate(timeout=60)[0]
    run = client_of(server).get_run(run_id)
    assert run.info.status == "KILLED" and console(server, run_id)["text"] == "up\ntidy\n"


def test_a_program_that_crashes(server):
    p, run_id = start(server, "--", "sh", "-c", "echo up; kill -SEGV $$")
    p.communicate(timeout=60)
    run = client_of(server).get_run(run_id)
    assert p.returncode == 128 + signal.SIGSEGV and run.info.status == "FAILED" and run.data.tags["ingot.signal"] == str(int(signal.SIGSEGV))
    p, run_id = start(server, "--", "/no/such/program")
    _, err = p.communicate(timeout=60)
    assert p.returncode != 0 and "/no/such/program" in err and client_of(server).get_run(run_id).info.status == "FAILED"


def test_the_one_who_ran_it_is_killed(server, tmp_path):
    pid = tmp_path / "pid"
    p, run_id = start(server, "--", "sh", "-c", f"echo $$ > {pid}; echo up; sleep 60")
    wait_for(lambda: console(server, run_id)["text"])
    p.kill()
    p.communicate(timeout=30)  # nobody keeps our pipe open
    wait_for(lambda: client_of(server).get_run(run_id).info.status == "KILLED")
    assert artifact(server, run_id, "capture/console.log", tmp_path) == "up\n"
    assert not os.path.exists(f"/proc/{int(pid.read_text())}") or open(f"/proc/{int(pid.read_text())}/stat").read().split(") ")[1][0] == "Z"


def test_the_server_is_killed(data_folder, tmp_path):
    """The program does not notice; what it said meanwhile is there afterwards, each byte once."""
    server = IngotServer(data_folder)
    code = "import time\nfor i in range(40):\n    print('line', i, flush=True)\n    time.sleep(0.1)\n"
    p, run_id = start(server, "--wait", "60", "--", sys.executable, "-c", code)
    wait_for(lambda: "line 5\n" in console(server, run_id)["text"])
    server.process.kill()
    server.stop()
    time.sleep(1)
    with IngotServer(data_folder, port=server.port) as again:
        out, err = p.communicate(timeout=90)
        want = "".join(f"line {i}\n" for i in range(40))
        assert p.returncode == 0 and out == want, err
        assert console(again, run_id)["text"] == want
        run = client_of(again).get_run(run_id)
        assert run.info.status == "FINISHED" and artifact(again, run_id, "capture/console.log", tmp_path) == want
        steps = [m.step for m in client_of(again).get_metric_history(run_id, "system/disk_usage_megabytes")]
        assert steps == list(range(len(steps))) and len(steps) > 10  # samples waited too


def test_a_server_that_stays_away(data_folder):
    server = IngotServer(data_folder)
    p, run_id = start(server, "--wait", "1", "--", "sh", "-c", "echo kept; sleep 1.5; echo also")
    wait_for(lambda: console(server, run_id)["text"])
    server.process.kill()
    server.stop()
    _, err = p.communicate(timeout=90)
    assert p.returncode != 0 and "incomplete on the server" in err
    place = re.search(r"the whole output: (\S+?)\)", err)[1]
    with open(place) as f:
        assert f.read() == "kept\nalso\n"
    os.unlink(place)
    os.rmdir(os.path.dirname(place))


def test_stages_are_runs(server, tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages:\n  one:\n    cmd: echo first && sleep 0.4 && echo 1 > a.txt\n    outs: [a.txt]\n"
                                       "  two:\n    cmd: echo second && exit 5\n    deps: [a.txt]\n")
    done = subprocess.run([ingot_server.program(), "run", "--experiment", "stages", "--server", server.url, "--interval", "0.1"], capture_output=True, text=True,
                          cwd=tmp_path, timeout=60, env=environment())
    assert done.returncode == 1, done.stderr
    c = client_of(server)
    runs = c.search_runs([c.get_experiment_by_name("stages").experiment_id])
    by_name = {r.info.run_name: r for r in runs}
    assert {k: r.info.status for k, r in by_name.items()} == {"pipeline": "FAILED", "one": "FINISHED", "two": "FAILED"}
    parent = by_name["pipeline"].info.run_id
    assert all(by_name[k].data.tags["mlflow.parentRunId"] == parent and by_name[k].data.tags["ingot.stage"] == k for k in ("one", "two"))
    assert console(server, by_name["one"].info.run_id)["text"] == "first\n" and "system/cpu_utilization_percentage" in by_name["one"].data.metrics
    assert by_name["two"].data.tags["ingot.exit_code"] == "5"


def test_the_one_who_ran_a_pipeline_is_killed(server, tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages:\n  long:\n    cmd: echo $$ > pid && echo up && sleep 60\n    outs: [never.txt]\n")
    p = subprocess.Popen([ingot_server.program(), "run", "--experiment", "killed", "--server", server.url, "--interval", "0"], cwd=tmp_path, env=environment(),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    c = client_of(server)

    def runs():
        e = c.get_experiment_by_name("killed")
        return {r.info.run_name: r.info for r in c.search_runs([e.experiment_id])} if e else {}

    wait_for(lambda: "long" in runs() and console(server, runs()["long"].run_id)["text"] == "up\n")
    p.kill()
    p.communicate(timeout=30)
    wait_for(lambda: {r.status for r in runs().values()} == {"KILLED"})
    assert set(runs()) == {"pipeline", "long"}
    pid = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split(") ")[1][0] == "Z"


def test_another_tracking_server(peer, tmp_path):
    """A stock MLflow server has no consoles; all the rest is there, and its artifact at the end."""
    p, run_id = start(peer, "--experiment", "captured", "--", "sh", "-c", "echo hello; sleep 0.5")
    _, err = p.communicate(timeout=120)
    assert p.returncode == 0, err
    run = client_of(peer).get_run(run_id)
    assert run.info.status == "FINISHED" and "system/cpu_utilization_percentage" in run.data.metrics
    assert artifact(peer, run_id, "capture/console.log", tmp_path) == "hello\n"


def test_consoles_on_either_database(either):
    run = client_of(either).create_run("0").info.run_id
    url = f"{either.url}/api/ingot/v1/runs/{run}/console"
    for i in range(20):
        r = requests.put(url, params={"from": i * 1000000}, data=bytes([65 + i]) * 1000000, headers={"Content-Type": "application/octet-stream"}, timeout=30)
        assert r.json()["size"] == (i + 1) * 1000000, r.text
    state = console(either, run, max=0)
    assert state["size"] == 20000000 and 16 << 20 <= 20000000 - state["first"] < (16 << 20) + (64 << 10)
    assert console(either, run, **{"from": 18999999, "max": 2})["text"] == "ST"
