"""`ingot run` and stock dvc on the same repository: each must find the other's work up to date."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML  # YAML 1.2, as dvc reads it

from ingot_server import program

DVC = Path(sys.executable).parent / "dvc"
pytestmark = pytest.mark.skipif(not DVC.exists(), reason="dvc is not installed beside this Python")

PIPELINE = r"""
vars:
- more.yaml:names
- fixed: {x: 1}
stages:
  prep:
    cmd: |
      mkdir -p data/sub

      seq 10 > data/a.txt
      printf 'x' > 'data/sub/ö "q".txt'; chmod +x data/a.txt
    deps: [./src.txt]
    params: [seed, other.json: [deep.list, n]]
    outs: [data/]
  each:
    foreach: ${names}
    do:
      cmd: sort -r data/a.txt > ${key}.n && echo ${item.v} >> ${key}.n
      deps: [data]
      outs: ["${key}.n"]
  grid:
    matrix:
      a: [1, true]
      b: ${letters}
    cmd: echo ${item.a} ${item.b} ${key} \${HOME} > grid-${key}.txt
    deps: [src.txt]
    outs: ["grid-${key}.txt"]
  train:
    cmd:
    - cat p.n q.n > model.txt
    - echo '{"auc":0.5}' > m.json
    deps: [p.n, q.n]
    params: [train, whole.yaml: ]
    outs: [model.txt: {desc: the model}]
    metrics: [m.json: {cache: false}]
  flags:
    wdir: sub
    cmd: echo ${train} > opts.txt && cp ../src.txt ../plot.csv
    deps: [../src.txt]
    outs: [opts.txt: {persist: true}]
    plots: [../plot.csv: {x: a, cache: false}]
    meta: {ingot: {retry: {attempts: 2, backoff: 0.01}, timeout: 60, env: {LANG: C}}}
"""
PARAMS = """
seed: 7 # a comment
letters: [k, l]
train: {lr: 0.1, depth: 6, size: 3, tags: [a, 'b c'], on: yes, sci: 1e-3, big: 1e+16, none: null, date: "2001-01-29",
  text: "a: b #c", empty: "", neg: -0.0, name: "ünï", nested: {deep: true, off: false}}
"""


def load_yaml(text):
    return YAML(typ="safe").load(text)


def sh(argv, cwd, ok=True, env=None):
    run = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, timeout=120,
                         env={**os.environ, "DVC_NO_ANALYTICS": "1", "SHELL": "/bin/bash",
                              # The golden command is `python ...`; not every machine has one of that name.
                              "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **(env or {})})
    if ok is not None:
        assert (run.returncode == 0) == ok, f"{argv}: {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run


def ingot(cwd, *args, ok=True):
    return sh([program(), "run", *args], cwd, ok)


def states(cwd, *args, ok=True):
    return {s["name"]: s["state"] for s in json.loads(ingot(cwd, "--json", *args, ok=ok).stdout)["stages"]}


def up_to_date(cwd):
    assert json.loads(sh([DVC, "status", "--json"], cwd).stdout) == {}


def make(root, pipeline=PIPELINE):
    root.mkdir()
    (root / "sub").mkdir()
    (root / "dvc.yaml").write_text(pipeline)
    (root / "params.yaml").write_text(PARAMS)
    (root / "more.yaml").write_text("names: {p: {v: one}, q: {v: two words}}\nunused: 1\n")
    (root / "other.json").write_text('{"deep": {"list": [1, 2.50, "x"]}, "n": null, "more": 1}')
    (root / "whole.yaml").write_text("b: 1\na: [1, {z: 2, y: 1}]\n")
    (root / "src.txt").write_text("hi\n")
    return root


def cache_tree(root):
    """Every object and run-cache entry: path -> (mode, bytes or parsed entry)."""
    base, tree = root / ".dvc/cache", {}
    for p in sorted(base.rglob("*")):
        if p.is_file() and "ingot-tmp" not in p.parts:
            rel = p.relative_to(base).as_posix()
            if rel.startswith("runs/"):
                tree[rel] = load_yaml(p.read_text())
            else:
                tree[rel] = (oct(p.stat().st_mode & 0o777), p.read_bytes())
    return tree


def test_stock_dvc_finds_our_run_up_to_date(tmp_path):
    root = make(tmp_path / "w")
    sh(["git", "init", "-q"], root)
    assert set(states(root).values()) == {"ran"}
    up_to_date(root)
    out = sh([DVC, "repro"], root).stdout
    assert "Running" not in out and out.count("didn't change, skipping") == 9
    assert set(states(root).values()) == {"skipped"}
    ignored = (root / ".gitignore").read_text().split()
    assert "/data" in ignored and "/model.txt" in ignored and "/m.json" not in ignored


def test_we_find_a_stock_run_up_to_date_and_both_caches_are_equal(tmp_path):
    ours, theirs = make(tmp_path / "ours"), make(tmp_path / "theirs")
    states(ours)
    sh([DVC, "init", "-q", "--no-scm"], theirs)
    sh([DVC, "repro", "-q"], theirs)
    assert set(states(theirs).values()) == {"skipped"}
    a, b = cache_tree(ours), cache_tree(theirs)
    assert a.keys() == b.keys()
    assert a == b
    assert load_yaml((ours / "dvc.lock").read_text())["stages"] == load_yaml((theirs / "dvc.lock").read_text())["stages"]


def test_run_cache_golden(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "script.py").write_text('open("out", "w+").write("out"); ')
    (root / "dep").write_text("dep")
    (root / "dvc.yaml").write_text("stages:\n  s:\n    cmd: python script.py\n    deps: [script.py, dep]\n    outs: [out]\n")
    ingot(root)
    key = "c7a85d71de1912c43d9c5b6218c71630d6277e8fc11e4ccf5e12b3c202234838"
    entries = list((root / ".dvc/cache/runs/c7" / key).iterdir())
    assert len(entries) == 1
    entry = load_yaml(entries[0].read_text())
    for part in ("deps", "outs"):
        for item in entry[part]:
            item.pop("size")
    assert entries[0].name == hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def test_a_change_runs_only_what_depends_on_it_and_going_back_restores(tmp_path):
    root = make(tmp_path / "w")
    states(root)
    before = (root / "model.txt").read_bytes()
    (root / "more.yaml").write_text("names: {p: {v: other}, q: {v: two words}}\n")
    now = states(root)
    assert {k for k, v in now.items() if v == "ran"} == {"each@p", "train"}
    assert (root / "model.txt").read_bytes() != before
    (root / "more.yaml").write_text("names: {p: {v: one}, q: {v: two words}}\n")
    now = states(root)
    assert {k for k, v in now.items() if v == "restored"} == {"each@p", "train"}
    assert "ran" not in now.values() and (root / "model.txt").read_bytes() == before
    up_to_date(root)
    states(root, "--set", "seed=8")
    assert states(root)["prep"] == "skipped"
    up_to_date(root)


def test_stock_restores_from_our_run_cache(tmp_path):
    root = make(tmp_path / "w")
    states(root)
    for out in ("model.txt", "m.json", "p.n", "dvc.lock"):
        (root / out).unlink()
    shutil.rmtree(root / "data")
    out = sh([DVC, "repro", "prep", "train"], root).stdout
    assert "Running stage" not in out and out.count("is cached - skipping run") == 4
    assert (root / "m.json").exists() and (root / "data/sub").is_dir()


def test_a_missing_output_is_checked_out_and_a_changed_one_replaced(tmp_path):
    root = make(tmp_path / "w")
    states(root)
    shutil.rmtree(root / "data")
    (root / "model.txt").write_text("spoilt")
    now = states(root)
    assert now["prep"] == "restored" and now["train"] == "restored" and now["each@p"] == "skipped"
    assert (root / "data/a.txt").read_text().startswith("1\n2\n")
    up_to_date(root)


def test_lost_cache_objects_are_cached_again(tmp_path):
    root = make(tmp_path / "w")
    states(root)
    shutil.rmtree(root / ".dvc/cache")
    assert set(states(root).values()) == {"skipped"}
    up_to_date(root)


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "copy"])
def test_link_types(tmp_path, kind):
    root = make(tmp_path / "w")
    states(root, "--dry")
    assert not (root / ".dvc").exists() and not (root / "dvc.lock").exists()
    sh([DVC, "init", "-q", "--no-scm"], root)
    sh([DVC, "config", "cache.type", kind], root)
    states(root)
    model = root / "model.txt"
    assert model.is_symlink() == (kind == "symlink")
    assert (model.stat().st_nlink == 2) == (kind == "hardlink")
    up_to_date(root)
    (root / "src.txt").write_text("other\n")
    states(root)
    up_to_date(root)
    for p in (root / ".dvc/cache/files/md5").rglob("*"):
        if p.is_file():
            digest = hashlib.md5(p.read_bytes()).hexdigest()
            assert (p.parent.name + p.name).removesuffix(".dir") == digest


def test_a_failure_stops_only_its_dependents_and_the_rest_is_recorded(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("""
stages:
  bad: {cmd: "echo why >&2; exit 3", outs: [bad.txt]}
  after: {cmd: cp bad.txt after.txt, deps: [bad.txt], outs: [after.txt]}
  last: {cmd: cp after.txt last.txt, deps: [after.txt], outs: [last.txt]}
  other: {cmd: sleep 0.2 && echo 1 > other.txt, outs: [other.txt]}
  liar: {cmd: "true", outs: [never.txt]}
""")
    run = ingot(root, ok=False)
    assert "why" in run.stderr and "exited with 3" in run.stderr
    now = states(root, ok=False)
    assert now == {"bad": "failed", "after": "blocked", "last": "blocked", "other": "skipped", "liar": "failed"}
    assert json.loads(sh([DVC, "status", "--json", "other"], root).stdout) == {}


def test_retries_and_timeout(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("""
stages:
  flaky:
    cmd: echo x >> tries; test $(wc -l < tries) -ge 3 && echo $MODE > out
    outs: [out]
    meta: {ingot: {retry: {attempts: 3, backoff: 0.01}, env: {MODE: quick}}}
  slow: {cmd: sleep 300 & sleep 300, meta: {ingot: {timeout: 0.3}}, outs: [slow.txt]}
""")
    start = time.monotonic()
    doc = json.loads(ingot(root, "--json", ok=False).stdout)
    assert time.monotonic() - start < 120
    by = {s["name"]: s for s in doc["stages"]}
    assert by["flaky"]["state"] == "ran" and by["flaky"]["attempts"] == 3 and (root / "out").read_text() == "quick\n"
    assert by["slow"]["state"] == "failed" and by["slow"]["reason"] == "timed out"


def test_independent_stages_run_side_by_side(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages:\n  s:\n    foreach: [1, 2, 3, 4, 5, 6]\n    do:\n"
                                   "      cmd: sleep 0.5; echo ${item} > o${item}\n      outs: [\"o${item}\"]\n")
    doc = json.loads(ingot(root, "--json", "--jobs", "6").stdout)
    assert doc["wall_s"] < 2 and sum(s["wall_s"] for s in doc["stages"]) > 3


def test_a_stop_records_what_is_finished_and_kills_the_rest(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("""
stages:
  quick: {cmd: echo 1 > quick.txt, outs: [quick.txt]}
  slow: {cmd: "echo $$ > ../pid; sleep 60", outs: [slow.txt]}
""")
    p = subprocess.Popen([program(), "run", "--jobs", "2"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.05)
    time.sleep(0.2)
    p.terminate()
    assert p.wait(10) != 0
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()
    assert list(load_yaml((root / "dvc.lock").read_text())["stages"]) == ["quick"]
    assert sh([DVC, "status", "--json", "quick"], root).stdout.strip() == "{}"


def test_kill_at_any_moment_loses_no_finished_stage_and_breaks_no_file(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages:\n  s:\n    foreach: ${n}\n    do:\n      cmd: echo ${item} >> ran; echo ${item} > o${item}\n"
                                   "      deps: [d]\n      outs: [\"o${item}\"]\n")
    (root / "params.yaml").write_text("n: [" + ",".join(map(str, range(60))) + "]\n")
    (root / "d").write_text("d")
    for k in range(12):
        p = subprocess.Popen([program(), "run"], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 + 0.01 * k)
        p.kill()
        p.wait()
    time.sleep(0.2)
    assert "failed" not in states(root).values()
    up_to_date(root)
    ran = [int(x) for x in (root / "ran").read_text().split()]
    assert set(ran) == set(range(60)) and len(ran) <= 60 + 12 * 4  # a kill loses at most the stages in flight


def test_neither_runs_a_stage_that_the_other_is_working_on(tmp_path):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages:\n  s: {cmd: touch ../started; sleep 3; echo 1 > o, outs: [o]}\n")
    sh([DVC, "init", "-q", "--no-scm"], root)
    for first, second in (([program(), "run"], [DVC, "repro"]), ([DVC, "repro"], [program(), "run"])):
        (tmp_path / "started").unlink(missing_ok=True)
        (root / "dvc.lock").unlink(missing_ok=True)
        p = subprocess.Popen([str(a) for a in first], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not (tmp_path / "started").exists():
            time.sleep(0.02)
        refused = sh(second, root, ok=False)
        assert "busy" in refused.stdout + refused.stderr
        assert p.wait(20) == 0, p.stdout.read()
        up_to_date(root)
    assert json.loads((root / ".dvc/tmp/rwlock").read_text()).get("write", {}) == {}


@pytest.mark.parametrize("text, message", [
    ("stages: {a: {cmd: x, dep: [y]}}", "stages.a: unknown key 'dep'"),
    ("x-more: 1\nstages: {a: {cmd: x}}", "unknown key 'x-more'"),
    ("stages: {a: {deps: [y]}}", "stages.a: 'cmd' is missing"),
    ("stages: {a: {cmd: 'echo ${no.such}'}}", "stages.a.cmd: could not find 'no.such'"),
    ("stages: {a: {cmd: x, deps: [b], outs: [a]}, b: {cmd: x, deps: [a], outs: [b]}}", "cycle"),
    ("stages: {a: {cmd: x, outs: [d]}, b: {cmd: x, outs: [d/e]}}", "overlap"),
    ("stages: {a: {cmd: x, outs: [../../etc]}}", "outside"),
    ("stages: {a: {cmd: x, outs: ['.']}}", "outs[0]"),
    ("stages: {a b: {cmd: x}}", "stage name 'a b'"),
    ("stages: {a: {cmd: x, meta: {ingot: {retries: 3}}}}", "unknown key 'retries'"),
    ("stages: {a: {foreach: 3, do: {cmd: x}}}", "expected a list or a map"),
    ("stages: {a: {cmd: x, params: [nope]}}", "parameter"),
    ("stages: [1]", "expected a map"),
    ("stages: {a: {cmd: x", "dvc.yaml"),
    ("vars: [nofile.yaml]\nstages: {a: {cmd: x}}", "nofile.yaml"),
])
def test_bad_input_is_one_clear_line(tmp_path, text, message):
    root = tmp_path / "w"
    root.mkdir()
    (root / "dvc.yaml").write_text(text)
    run = ingot(root, ok=False)
    assert message in run.stderr, run.stderr
    assert not (root / "dvc.lock").exists()


def test_a_damaged_lock_or_object_is_never_trusted(tmp_path):
    root = make(tmp_path / "w")
    states(root)
    lock = (root / "dvc.lock").read_text()
    (root / "dvc.lock").write_text(lock[: len(lock) // 2] + "\n  }{")
    assert "dvc.lock" in ingot(root, ok=False).stderr
    (root / "dvc.lock").write_text(lock.replace("md5: ", "md5: ../../../../etc/passwd", 1))
    states(root)
    up_to_date(root)
    digest = hashlib.md5((root / "model.txt").read_bytes()).hexdigest()
    obj = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    obj.chmod(0o644)
    obj.write_text("spoilt")
    (root / "model.txt").unlink()
    assert states(root)["train"] == "ran"
    up_to_date(root)
