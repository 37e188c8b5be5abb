"""Bad input anywhere: files, models, requests, paths. It gets a 4xx or one clear line, and nothing is lost or reached."""
import concurrent.futures
import gzip
import hashlib
import json
import math
import random
import re
import shutil
import socket
import urllib.parse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import tiny
from boxed import BoxedServer
from tiny import BAD_JSON, ingot, one_line

SECRET = "canary-7f3a91-must-never-be-served"


@pytest.fixture(scope="module")
def world():
    return tiny.world()


# ---- files ----

FILE_COMMANDS = {
    "data validate": lambda f: [f, "--suite", "suite.yaml"], "data profile": lambda f: [f], "data query": lambda f: [f"select * from '{f}'"],
    "data version": lambda f: [f], "features join": lambda f: ["--view", "features.yaml", "--data", f, "--out", "out.parquet"],
    "train": lambda f: ["--frame", f, "--params", "params.yaml", "--learner", "logistic", "--package-out", "out"],
    "evaluate": lambda f: ["--frame", f, "--params", "params.yaml", "--models", "model.json"],
    "predict": lambda f: ["--frame", f, "--params", "params.yaml", "--model", "model.json", "--out", "out.parquet"],
}


@pytest.fixture
def folder(world, tmp_path):
    for name in ("features.yaml", "params.yaml", "suite.yaml"):
        (tmp_path / name).write_bytes((world.folder / name).read_bytes())
    (tmp_path / "model.json").write_bytes(world.model("xgboost").read_bytes())
    return tmp_path


def run_all(folder, name, ok=False):
    """The file under every command that reads data; returns the lines."""
    before = sorted(p.name for p in folder.iterdir())
    lines = {}
    for command, args in FILE_COMMANDS.items():
        run = ingot(*command.split(), *args(name), cwd=folder, ok=ok)
        if run.returncode:
            lines[command] = one_line(run)
            assert name in lines[command] or command == "data query", (command, lines[command])
            assert len(lines[command]) < 1000
            assert sorted(p.name for p in folder.iterdir()) == before, f"{command} left a file behind"
    return lines


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"PAR1" + b"\xff" * 100 + b"\xff\xff\xff\x7fPAR1",
                                     b"hello, world\n" * 1000, b"\x1f\x8b\x08\x00" + b"x" * 500, b"\0" * 5000], ids=lambda b: repr(b[:12]))
def test_parquet_that_is_not_parquet(folder, content):
    (folder / "bad.parquet").write_bytes(content)
    assert len(run_all(folder, "bad.parquet")) == len(FILE_COMMANDS)


def test_truncated_parquet(world, folder):
    for source in ("flights.parquet", "frame.parquet"):
        whole = (world.folder / source).read_bytes()
        rng = random.Random(3)
        for n in [len(whole) - 1, len(whole) - 8] + [rng.randrange(len(whole)) for _ in range(2)]:
            (folder / "bad.parquet").write_bytes(whole[:n])
            assert len(run_all(folder, "bad.parquet")) == len(FILE_COMMANDS)


def test_damaged_parquet_never_crashes(world, folder):
    """One byte changed anywhere: an error, or a result where no checksum covers the byte."""
    whole = (world.folder / "frame.parquet").read_bytes()
    rng = random.Random(4)
    for i in range(24):
        bad = bytearray(whole)
        at = rng.randrange(len(bad)) if i % 2 else len(bad) - 1 - rng.randrange(2000)
        bad[at] ^= 1 << rng.randrange(8)
        (folder / "bad.parquet").write_bytes(bad)
        command = ("data profile", "predict")[i % 2]
        ingot(*command.split(), *FILE_COMMANDS[command]("bad.parquet"), cwd=folder, ok=None)


def test_missing_and_odd_files(folder):
    (folder / "dir.parquet").mkdir()
    for name in ("nofile.parquet", "dir.parquet"):
        assert len(run_all(folder, name)) == len(FILE_COMMANDS)
    for name in ("it's.parquet", "a;drop table x.parquet", "*.parquet", "[a].parquet", "-.parquet", "x\ny.parquet"):
        for command in ("data profile", "predict"):
            run = ingot(*command.split(), *FILE_COMMANDS[command](name), cwd=folder, ok=False)
            assert run.stderr.startswith("ingot: ") and "Sanitizer" not in run.stderr


def frame_with(world, path, column, values, kind):
    table = pq.read_table(world.folder / "frame.parquet").slice(0, 2500)
    old = table[column].to_pylist()
    for row, value in values.items():
        old[row] = value
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, pa.array(old, kind)), path)


@pytest.mark.parametrize("values, kind, words", [
    ({1234: math.nan}, pa.float64(), "1234"), ({77: None}, pa.int64(), "77"), ({5: 2}, pa.int64(), "5"), ({9: -1}, pa.int64(), "9"),
    ({2: 0.5}, pa.float64(), "2"), ({3: math.inf}, pa.float64(), "3")], ids=str)
def test_a_wrong_label_is_refused_with_its_row(world, folder, values, kind, words):
    frame_with(world, folder / "bad.parquet", "label", values, kind)
    for command in ("train", "evaluate") if min(values) >= 2000 else ("train",):
        text = one_line(ingot(command, *FILE_COMMANDS[command]("bad.parquet"), cwd=folder, ok=False))
        assert f"row {words}" in text and "label" in text, text
    assert not (folder / "out").exists()


def test_wrong_label_types_columns_and_times(world, folder):
    table = pq.read_table(world.folder / "frame.parquet")
    cases = {
        "no label": table.drop_columns(["label"]), "no id": table.drop_columns(["flight"]), "no time": table.drop_columns(["date"]),
        "label text": table.set_column(table.schema.get_field_index("label"), "label", pa.array(["x"] * len(table))),
        "no rows": table.slice(0, 0), "null times": table.set_column(1, "date", pa.array([None] * len(table), pa.timestamp("us"))),
        "one class": table.set_column(table.schema.get_field_index("label"), "label", pa.array([0] * len(table))),
        "feature text": table.set_column(4, "origin_count_1h", pa.array(["x"] * len(table))),
        "no features": table.select(["flight", "date", "label"]),
    }
    words = {"no label": "label", "no id": "flight", "no time": "date", "label text": "label", "null times": "row 0 has no time", "no features": "feature"}
    for name, bad in cases.items():
        pq.write_table(bad, folder / "bad.parquet")
        run = ingot("train", *FILE_COMMANDS["train"]("bad.parquet"), cwd=folder, ok=None if name == "feature text" else False)
        if run.returncode:
            assert words.get(name, "") in one_line(run), name
            assert not (folder / "out").exists(), name
        else:
            shutil.rmtree(folder / "out")
    for missing in ("distance", "origin_rate_1d"):
        pq.write_table(table.drop_columns([missing]), folder / "bad.parquet")
        for command in ("predict", "evaluate"):
            assert missing in one_line(ingot(command, *FILE_COMMANDS[command]("bad.parquet"), cwd=folder, ok=False))
    order = table.schema.names
    swapped = table.select(order[:4] + [order[5], order[4]] + order[6:])
    pq.write_table(swapped, folder / "swapped.parquet")
    pq.write_table(table, folder / "frame.parquet")
    runs = {name: ingot("predict", "--frame", f"{name}.parquet", "--model", "model.json", "--out", f"{name}.out.parquet", cwd=folder, ok=None)
            for name in ("swapped", "frame")}
    assert runs["frame"].returncode == 0
    if runs["swapped"].returncode:  # refused, or taken by name; never scored with two columns in each other's place
        assert "origin_rate_1h" in one_line(runs["swapped"])
    else:
        assert pq.read_table(folder / "swapped.out.parquet")["score"].equals(pq.read_table(folder / "frame.out.parquet")["score"])


def test_source_data_with_nulls_and_unknown_columns(world, folder):
    rows = world.rows[500:2600]
    tiny.write_flights(folder / "bad.parquet", rows, delay=None)
    assert "delay" in one_line(ingot("features", "join", "--view", "features.yaml", "--data", "bad.parquet", "--out", "o.parquet", cwd=folder, ok=False))
    assert "delay" in one_line(ingot("data", "validate", "bad.parquet", "--suite", "suite.yaml", cwd=folder, ok=False))
    delays = [r["delay"] for r in rows]
    delays[57] = None
    tiny.write_flights(folder / "bad.parquet", rows, delay=(pa.int64(), delays))
    ingot("features", "join", "--view", "features.yaml", "--data", "bad.parquet", "--out", "o.parquet", cwd=folder)  # an event nobody knows of
    frame = pq.read_table(folder / "o.parquet").to_pylist()
    assert [r["flight"] for r in frame if r["label"] is None] == [57]
    text = one_line(ingot("train", "--frame", "o.parquet", "--params", "params.yaml", "--learner", "logistic", "--package-out", "out", cwd=folder, ok=False))
    assert "row 57" in text and "label" in text, text
    (folder / "o.parquet").unlink()
    dates = [r["date_us"] for r in rows]
    dates[31] = None
    tiny.write_flights(folder / "bad.parquet", rows, date=(pa.timestamp("us"), dates))
    text = one_line(ingot("features", "join", "--view", "features.yaml", "--data", "bad.parquet", "--out", "o.parquet", cwd=folder, ok=False))
    assert "row 31" in text, text
    dates[31] = 2**62  # far beyond year 9999
    tiny.write_flights(folder / "bad.parquet", rows, date=(pa.timestamp("us"), dates))
    for args in (("data", "profile", "bad.parquet"), ("data", "query", "select date from 'bad.parquet' where date > '9999-01-01'"),
                 ("data", "validate", "bad.parquet", "--suite", "suite.yaml"),
                 ("features", "join", "--view", "features.yaml", "--data", "bad.parquet", "--out", "o.parquet")):
        ingot(*args, cwd=folder, ok=None)
    delays[57] = 99999
    tiny.write_flights(folder / "bad.parquet", rows, delay=(pa.int64(), delays))
    run = ingot("data", "validate", "bad.parquet", "--suite", "suite.yaml", "--out", "v.json", cwd=folder, ok=False)
    one_line(run)
    assert "row 57" in run.stdout and "99999" in run.stdout
    assert json.loads((folder / "v.json").read_text())["success"] is False


@pytest.mark.parametrize("text, words", [
    ("name: x\nexpectations: []\nextra: 1", "extra"), ("expectations: []", "name"), ("name: x\nexpectations: 3", "expectations"), ("[]", ""), ("", ""), ("name: [", ""),
    ("name: x\nexpectations: []\ncolumns: {delay: FUNNY}", "delay"), ("name: x\nexpectations: []\ncolumns: {nobody: BIGINT}", "nobody"),
    ("name: x\nexpectations: [{type: expect_the_unexpected, kwargs: {column: delay}}]", "expect_the_unexpected"),
    ("name: x\nexpectations: [{type: expect_column_values_to_not_be_null, kwargs: {column: nobody}}]", "nobody"),
    ("name: x\nexpectations: [{type: expect_column_values_to_not_be_null, kwargs: {colum: delay}}]", "colum"),
    ("name: x\nexpectations: [{type: expect_column_values_to_not_be_null}]", "column"),
    ("name: x\nexpectations: [{kwargs: {column: delay}}]", "type"),
    ("name: x\nexpectations: [{type: expect_column_values_to_be_between, kwargs: {column: delay, min_value: low}}]", "min_value"),
    ("name: x\nexpectations: [{type: expect_column_values_to_be_between, kwargs: {column: delay, min_value: 9, max_value: 1}}]", ""),
    ("name: x\nexpectations: [{type: expect_column_values_to_be_between, kwargs: {column: delay, min_value: 1, mostly: 1.5}}]", "mostly"),
    ("name: x\nexpectations: [{type: expect_column_values_to_be_between, kwargs: {column: delay, min_value: 1, mostly: .nan}}]", "mostly"),
    ("name: x\nexpectations: [{type: expect_column_values_to_match_regex, kwargs: {column: origin, regex: '('}}]", "regex"),
    ("name: x\nexpectations: [1]", "expectations"), ("name: x\nexpectations: [{type: 5}]", "type"), ("a: &a [*a]", ""), ("x: " + "[" * 3000, ""),
], ids=lambda t: t[-48:].replace("\n", " "))
def test_a_wrong_suite_is_one_line(world, folder, text, words):
    (folder / "bad.yaml").write_text(text)
    line = one_line(ingot("data", "validate", world.folder / "flights.parquet", "--suite", "bad.yaml", cwd=folder, ok=False))
    assert words in line, line


@pytest.mark.parametrize("old, new, words", [
    ("label: delay >= 15", "label: nobody >= 15", "nobody"), ("label: delay >= 15", "label: delay >=", "view 'tiny'"),
    ("label: delay >= 15", "label: (select 1); drop table x", "view 'tiny'"), ("timestamp_field: date", "timestamp_field: origin", "origin"),
    ("join_keys: [origin]}", "join_keys: [nobody]}", "nobody"), ("join_keys: [origin]}", "join_keys: []}", "join_keys"), ("windows: [1h, 1d]", "windows: [1x]", "aggregations[0].windows[0]"),
    ("windows: [1h, 1d]", "windows: [0h]", "windows"), ("windows: [1h, 1d]", "windows: [99999999999999d]", "windows"), ("windows: [1h, 1d]", "windows: [30d]", "ttl"),
    ("functions: [count, rate]", "functions: [median]", "aggregations[0].functions[0]"), ("ttl: 28d", "ttl: soon", "ttl"), ("name: tiny", "name: ''", "name"),
    ("ttl: 28d", "ttl: 28d\nmore: 1", "more"), ("expression: distance", "expression: nobody", "nobody"), ("id: flight", "id: 5", "id"),
], ids=lambda x: x[:24])
def test_a_wrong_view_is_one_line(world, folder, old, new, words):
    assert old in tiny.FEATURES
    (folder / "bad.yaml").write_text(tiny.FEATURES.replace(old, new, 1))
    line = one_line(ingot("features", "join", "--view", "bad.yaml", "--data", world.folder / "flights.parquet", "--out", "o.parquet", cwd=folder, ok=False))
    assert words in line, line
    assert not (folder / "o.parquet").exists()


@pytest.mark.parametrize("old, new, words", [
    ("threshold: 0.5", "threshold: 2", "threshold"), ("label: label", "label: 5", "label"),
    ('fit_end: "2001-01-22"', "fit_end: soon", "fit_end"), ('fit_end: "2001-01-22"', 'fit_end: "2000-01-22"', "fit"), ("max_depth: 3", "max_depth: -3", "max_depth"),
    ("max_depth: 3", "max_dept: 3", "max_dept"), ("rounds: 8", "rounds: 0", "rounds"), ("rounds: 8", "rounds: 1.5", "rounds"), ("eta: 0.3", "eta: fast", "xgboost"),
    ('"binary:logistic"', '"multi:dance"', "multi:dance"), ("metric: auc", "metric: beauty", "beauty"), ('op: ">="', 'op: "=="', "op"),
    ("reference: all", "reference: some", "reference"), ("confidence: 0.95", "confidence: 95", "confidence"), ("columns: {", "columns: [", "params.yaml"),
], ids=lambda x: x[:24])
def test_wrong_params_are_one_line(world, folder, old, new, words):
    assert old in tiny.PARAMS
    (folder / "params.yaml").write_text(tiny.PARAMS.replace(old, new, 1))
    line = one_line(ingot("train", "--frame", world.folder / "frame.parquet", "--params", "params.yaml", "--learner", "xgboost", "--package-out", "out",
                          cwd=folder, ok=False))
    assert words in line, line
    assert not (folder / "out").exists()


# ---- model files ----

@pytest.mark.parametrize("learner, tries", [("xgboost", 300), ("logistic", 300)])
def test_a_model_file_with_one_byte_changed(world, tmp_path, learner, tries):
    """At 300 places: a clear line, or a model that still is one; never a crash, never a score that is none."""
    whole = world.model(learner).read_bytes()
    rows = 8
    pq.write_table(pq.read_table(world.folder / "frame.parquet").slice(0, rows), tmp_path / "f.parquet")
    rng = random.Random(5)
    jobs = []
    for i in range(tries):
        bad = bytearray(whole)
        at = rng.randrange(len(bad))
        bad[at] = (bad[at] ^ (1 << rng.randrange(8))) if i % 3 else rng.choice(b'0123456789-.eE"{}[],:\x00\xff ')
        jobs.append((i, bytes(bad)))

    def work(job):
        i, content = job
        (tmp_path / f"{i}.json").write_bytes(content)
        run = ingot("predict", "--model", f"{i}.json", "--frame", "f.parquet", "--params", world.folder / "params.yaml", "--out", f"{i}.parquet",
                    cwd=tmp_path, ok=None)
        if run.returncode:
            line = one_line(run, 1)
            assert (f"{i}.json" in line or "the model" in line) and not (tmp_path / f"{i}.parquet").exists()
            return 0
        scores = pq.read_table(tmp_path / f"{i}.parquet")["score"].to_pylist()
        assert len(scores) == rows and all(s is not None and math.isfinite(s) for s in scores), (i, scores)
        return 1

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        worked = sum(pool.map(work, jobs))
    assert 0 < worked < tries


@pytest.mark.parametrize("learner", ["xgboost", "logistic"])
def test_cut_and_odd_model_files(world, tmp_path, learner):
    whole = world.model(learner).read_bytes()
    doc = json.loads(whole)
    odd = [b"", b"{}", b"[]", b"null", b"x", whole[:100], whole[:-1], whole + b"x", whole * 2, b"\x00" * 1000, b"[" * 100000, b'{"learner":' * 100, b"PAR1"]
    for key in doc:
        odd += [json.dumps({**doc, key: v}).encode() for v in (None, [], {}, -1, "x", 1e300)] + [json.dumps({k: v for k, v in doc.items() if k != key}).encode()]
    (tmp_path / "f.parquet").write_bytes((world.folder / "frame.parquet").read_bytes())
    for content in odd[:60]:
        (tmp_path / "m.json").write_bytes(content)
        run = ingot("predict", "--model", "m.json", "--frame", "f.parquet", "--params", world.folder / "params.yaml", "--out", "o.parquet", cwd=tmp_path, ok=None)
        if run.returncode:
            line = one_line(run, 1)
            assert "m.json" in line or "model" in line, (content[:60], line)


# ---- the server, in a box ----

class Box:
    """tmp/outside holds the canary; tmp/box/data is the only place where the server can write."""

    def __init__(self, folder, world):
        self.folder, self.world = folder, world
        self.outside = folder / "outside"
        self.outside.mkdir()
        (self.outside / "canary.txt").write_text(SECRET)
        (folder / "box").mkdir()
        self.server = BoxedServer(folder / "box" / "data")
        self.url = self.server.url
        self.session = requests.Session()
        self.session.trust_env = False
        push = world.deploy(self.url)
        assert self.session.post(self.url + "/api/ingot/v1/features/tiny/push", json=push, timeout=30).status_code == 200
        self.before = self.look_outside()

    def look_outside(self):
        return sorted((str(p.relative_to(self.folder)), p.is_file() and hashlib.sha256(p.read_bytes()).hexdigest())
                      for p in self.folder.rglob("*") if "box/data" not in str(p))

    def send(self, method, target, **kwargs):
        """The target goes out as it is; no library tidies the path."""
        request = requests.Request(method, "http://x", **kwargs).prepare()
        request.url = self.url + target
        answer = self.session.send(request, timeout=30)
        assert SECRET not in answer.text and "root:x:0" not in answer.text, (method, target)
        assert answer.status_code < 500 or answer.status_code == 501, (method, target, answer.status_code, answer.text[:300])
        return answer

    def json(self, method, target, body):
        return self.send(method, target, data=tiny.dumps(body), headers={"Content-Type": "application/json"})

    def unhurt(self):
        assert self.session.get(self.url + "/health", timeout=10).status_code == 200
        assert self.server.process.poll() is None
        assert self.look_outside() == self.before

    def mlflow_state(self):
        get = lambda path: self.session.get(self.url + "/api/2.0/mlflow/" + path, timeout=30).json()
        return get("experiments/search?max_results=1000"), get("registered-models/search?max_results=1000"), get("model-versions/search?max_results=1000")


@pytest.fixture(scope="module")
def box(tmp_path_factory, world):
    b = Box(tmp_path_factory.mktemp("bad"), world)
    yield b
    b.unhurt()
    assert b.session.get(b.url + "/api/ingot/v1/audit/verify", timeout=30).status_code == 200
    assert b.server.stop() == 0


def v2_cases(world):
    good = world.infer_body(world.rows[2990:2992], 0)
    flat = {"name": "x", "datatype": "FP32", "shape": [1, 10], "data": [1.0] * 10}
    one = lambda **k: {"inputs": [{**flat, **k}]}
    def entity(i, **k):
        body = json.loads(json.dumps(good))
        body["inputs"][i].update(k)
        return body
    cases = {
        "no inputs": {}, "inputs null": {"inputs": None}, "inputs empty": {"inputs": []}, "inputs object": {"inputs": {}}, "input number": {"inputs": [1]},
        "no name": {"inputs": [{k: v for k, v in flat.items() if k != "name"}]}, "name number": one(name=1), "name empty": one(name=""),
        "no datatype": {"inputs": [{k: v for k, v in flat.items() if k != "datatype"}]}, "datatype unknown": one(datatype="FLOAT"),
        "datatype lower": one(datatype="fp32"), "datatype null": one(datatype=None), "FP16": one(datatype="FP16"), "BYTES features": one(datatype="BYTES", data=["1"] * 10),
        "no shape": {"inputs": [{k: v for k, v in flat.items() if k != "shape"}]}, "shape empty": one(shape=[]), "shape text": one(shape="1,10"),
        "shape negative": one(shape=[-1, 10]), "shape fraction": one(shape=[1.5, 10]), "shape huge": one(shape=[2**62, 2**62]), "shape overflow": one(shape=[2**32, 2**32]),
        "shape int64": one(shape=[2**63, 1]), "shape zero": one(shape=[0, 10], data=[]), "shape zero by huge": one(shape=[0, 2**62], data=[]),
        "shape rank": one(shape=[1] * 50 + [10]), "shape null": one(shape=[None, 10]), "shape 9": one(shape=[1, 9], data=[1.0] * 9), "shape 11": one(shape=[1, 11], data=[1.0] * 11),
        "shape [10,1]": one(shape=[10, 1]), "shape [1,10,1]": one(shape=[1, 10, 1]), "too few": one(data=[1.0] * 9), "too many": one(data=[1.0] * 11),
        "no data": {"inputs": [{k: v for k, v in flat.items() if k != "data"}]}, "data text": one(data="1"), "data object": one(data={"a": 1}),
        "data of texts": one(data=["1"] * 10), "data of booleans": one(data=[True] * 10), "data of objects": one(data=[{}] * 10), "ragged": one(shape=[2, 10], data=[[1.0] * 10, [1.0] * 9]),
        "nested too deep": one(data=[[[1.0] * 10]]), "nested mixed": one(shape=[2, 10], data=[[1.0] * 10] + [1.0] * 10), "INT8 range": one(datatype="INT8", data=[128] * 10),
        "UINT8 negative": one(datatype="UINT8", data=[-1] * 10), "INT64 fraction": one(datatype="INT64", data=[1.5] * 10), "FP32 range": one(data=[1e39] * 10),
        "twice": {"inputs": [flat, flat]}, "unknown beside": {"inputs": [flat, {**flat, "name": "y"}]}, "100000 inputs": {"inputs": [flat] * 2000},
        "id number": {**one(), "id": 5}, "id long": {**one(), "id": "x" * 300}, "parameters list": {**one(), "parameters": []}, "parameters id": {**one(), "parameters": {"id": []}},
        "output unknown": {**one(), "outputs": [{"name": "nobody"}]}, "outputs number": {**one(), "outputs": 5}, "outputs of numbers": {**one(), "outputs": [1]},
        "binary": {"inputs": [{**{k: v for k, v in flat.items() if k != "data"}, "parameters": {"binary_data_size": 40}}]},
        "entity missing": {"inputs": good["inputs"][:2] + good["inputs"][3:]}, "entity number": entity(2, data=[1, 2]), "entity null": entity(2, data=["ORD", None]),
        "entity datatype": entity(2, datatype="INT64", data=[1, 2]), "entity count": entity(2, shape=[1], data=["ORD"]), "entity shape": entity(2, shape=[2, 2], data=["ORD"] * 4),
        "time text": entity(1, datatype="BYTES", data=["yesterday", "today"]), "time real": entity(1, datatype="FP64", data=[1.5, 2.5]), "time null": entity(1, data=[None, None]),
        "time long ago": entity(1, data=[-2**63, -2**63]), "time of old": entity(1, data=[0, 0]), "id text of ints": entity(0, data=["1", "2"]), "number text": entity(4, data=["far", "far"]),
        "number bool": entity(4, data=[True, False]), "unknown column": {"inputs": good["inputs"] + [{"name": "colour", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}]},
        "empty columns": {"inputs": [{**c, "shape": [0], "data": []} for c in good["inputs"]]},
    }
    return good, one(), cases


def test_v2_requests_of_wrong_form(box):
    good, flat, cases = v2_cases(box.world)
    post = lambda body: box.json("POST", "/v2/models/tiny/infer", body)
    for body in (good, flat):
        assert post(body).status_code == 200, post(body).text
    stats = lambda: box.session.get(box.url + "/api/ingot/v1/endpoints/tiny", timeout=10).json()["monitor"]
    before = stats()["recorded"]
    for name, body in cases.items():
        answer = post(body)
        assert answer.status_code in (400, 413), (name, answer.status_code, answer.text[:300])
        assert answer.json()["error"] and len(answer.text) < 1000, name
    for name, raw in BAD_JSON.items():
        if name not in ("nan", "infinity"):  # V2 clients of Python write these; without inputs they are refused all the same
            answer = box.send("POST", "/v2/models/tiny/infer", data=raw)
            assert answer.status_code == 400, (name, answer.text[:200])
    assert stats()["recorded"] == before, "a refused request is not a prediction"
    for path, status in (("nobody/infer", 404), ("tiny/versions/9/infer", 404), ("tiny/versions/x/infer", 400), ("tiny/versions/-1/infer", 400),
                         ("tiny/versions/99999999999999999999/infer", 400), ("tiny%00/infer", 400), ("%ff/infer", 404)):
        answer = box.json("POST", "/v2/models/" + path, flat)
        assert answer.status_code in (status, 400, 404), (path, answer.status_code)
    assert post(good).status_code == 200
    box.unhurt()


def mlflow_routes():
    text = Path(__file__).resolve().parents[2].joinpath("src/api/mlflow/mlflow.c").read_text()
    return [(m, "/api/2.0/mlflow" + p) for _, m, p in re.findall(r'\b(RUN|READ|MODEL)\("(\w+)", "([^"]+)"', text)]


def test_mlflow_bodies_that_are_no_json_objects(box):
    before = box.mlflow_state()
    lenient = {"empty", "nan", "infinity", "duplicate key", "duplicate key deep", "lone surrogate", "control byte"}  # what Python's json lets pass
    routes = [r for r in mlflow_routes() if r[0] != "GET"]
    assert len(routes) > 35
    for method, path in routes:
        target = path.replace("{model_id}", "m-" + "0" * 32).replace("{key}", "k")
        for name, raw in BAD_JSON.items():
            if name in lenient:
                continue
            if "logged-models/" in path and method == "DELETE":
                continue  # no body
            answer = box.send(method, target, data=raw, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, (method, path, name, answer.status_code, answer.text[:300])
            assert answer.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE"), answer.text[:300]
    assert box.mlflow_state() == before
    box.unhurt()


# ---- far too much ----

def rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


FLOODS = {
    "header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a", (431,)),
    "headers": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X-A: aaaaaaaa\r\n", (431,)),
    "folded header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n", b" a\r\n", (400, 431)),
    "header name": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X", (400, 431)),
    "target": (b"GET /", b"a", (414,)), "query": (b"GET /health?", b"a", (414,)), "method": (b"", b"G", (400, 414, 501)),
    "empty lines": (b"", b"\r\n", (400,)),
    "chunk extension": (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a", (400, 413, 431)),
    "chunk size": (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", (400, 413, 431)),
    "trailers": (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: aaaaaaaa\r\n", (400, 413, 431)),
    "chunked body": (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"10000\r\n" + b"[" * 65536 + b"\r\n", (413,)),
    "body": (b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n", b"[", (413,)),
    "body beyond 64 bits": (b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", b"[", (400, 413)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_gigabyte_where_a_line_belongs(box, name):
    """We would send 1 GiB. The server answers and hangs up long before, and its memory stays as it was."""
    head, piece, statuses = FLOODS[name]
    block = piece * max(1, (1 << 18) // len(piece))
    before = rss_mib(box.server.process.pid)
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", box.server.port), timeout=20) as s:
        try:
            s.sendall(head)
            while sent < 1 << 30:
                s.sendall(block)
                sent += len(block)
        except (BrokenPipeError, ConnectionResetError):
            pass
        s.settimeout(10)
        try:
            while len(answer) < 1 << 16:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except (TimeoutError, ConnectionResetError):
            pass
    assert sent < 1 << 28, "the server read on and on"
    if answer:  # a reset may overtake the answer when we still send
        assert answer.startswith(b"HTTP/1.1 ") and int(answer.split()[1]) in statuses, answer[:200]
    assert rss_mib(box.server.process.pid) - before < 150
    box.unhurt()


def test_compressed_bombs(box):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    before, state = rss_mib(box.server.process.pid), box.mlflow_state()
    bomb = gzip.compress(b"[" * (1 << 27), 9)
    for method, target in (("POST", "/api/2.0/mlflow/runs/create"), ("POST", "/v2/models/tiny/infer"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/bomb"),
                           ("POST", "/api/ingot/v1/features/tiny/push")):
        assert box.send(method, target, data=bomb, headers=headers).status_code == 413, target
    good = gzip.compress(b'{"name": "zipped"}')
    for data in (good[:-5], good + b"junk", good[:10], b"", b"\x1f\x8b", b"plain", good[:20] + b"\xff" + good[21:]):
        assert box.send("POST", "/api/2.0/mlflow/experiments/create", data=data, headers=headers).status_code == 400, data
    assert box.send("POST", "/api/2.0/mlflow/experiments/create", data=good, headers={**headers, "Content-Encoding": "deflate"}).status_code == 400
    for coding in ("br", "gzip, gzip", "zstd", "gzip;q=1"):
        assert box.send("POST", "/api/2.0/mlflow/experiments/create", data=good, headers={**headers, "Content-Encoding": coding}).status_code == 415
    assert box.mlflow_state() == state and rss_mib(box.server.process.pid) - before < 150
    box.unhurt()


def test_bodies_larger_than_a_request_may_use(box):
    """Small bytes that would become a large tree: refused, and the memory comes back."""
    before = rss_mib(box.server.process.pid)
    for data in (b'{"ids": [' + b"0," * 12_000_000 + b"0]}", b'{"ids": [' + b"[]," * 12_000_000 + b"[]]}"):
        answer = box.send("POST", "/api/ingot/v1/endpoints/tiny/labels", data=data, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413 and answer.json()["code"] == "TOO_LARGE"
    assert rss_mib(box.server.process.pid) - before < 250
    box.unhurt()


def test_yaml_bombs(box, world, folder):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [f"{chr(c)}: &{chr(c)} [{','.join(['*' + chr(c - 1)] * 9)}]" for c in range(ord("b"), ord("k"))]
    text = "\n".join(lines) + "\n"
    (folder / "bomb.yaml").write_text(text)
    flights = world.folder / "flights.parquet"
    for args in (("data", "validate", flights, "--suite", "bomb.yaml"), ("features", "join", "--view", "bomb.yaml", "--data", flights, "--out", "o"),
                 ("train", "--frame", flights, "--params", "bomb.yaml", "--learner", "logistic", "--package-out", "out"), ("server", "--config", "bomb.yaml")):
        assert "bomb.yaml" in one_line(ingot(*args, cwd=folder, ok=False))
    (folder / "dvc.yaml").write_text(text)
    one_line(ingot("run", cwd=folder, ok=False))
    assert box.json("PUT", "/api/ingot/v1/features/bomb", {"definition": text}).status_code in (400, 413)
    box.unhurt()


def test_filters_that_are_none(box):
    search = lambda body: box.json("POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], **body})
    for text in ("'", '"', "`", "metrics.`", "a = 1;", "tags.\x00 = 'a'", "metrics.m = 1e999", "metrics.m = nan", "tags.x IN ()", "tags.x ~ 'a'", "; drop table runs",
                 "tags.x = 'a' UNION SELECT 1", "(" * 30000, "x" * 70000, " AND ".join(["tags.x = 'a'"] * 500), "tags.x = 'a' OR", "NOT", "metrics.m > 1 > 2"):
        answer = search({"filter": text})
        assert answer.status_code in (400, 413), (text[:40], answer.text[:200])
    for key in (["x"], ["metrics.m DESC; drop"], ["start_time sideways"], [1], "a", ["metrics.`a` ASC"] * 50, ["a\x00"]):
        assert search({"order_by": key}).status_code == 400, key
    for number in (-1, 0, 50001, 2**63, 1.5, "x", True, []):
        answer = search({"max_results": number})
        assert answer.status_code == 400 and "max_results" in answer.text, number
    assert search({"filter": "params.x = 'a'' OR 1=1 --'"}).json().get("runs", []) == [], "a quoted quote stays a value"
    box.unhurt()


# ---- paths ----

def tricks(outside):
    canary = str(outside / "canary.txt")
    up = [f"{'../' * n}outside/canary.txt" for n in (1, 2, 3, 4, 6, 9)]
    forms = [*up, canary, "/etc/passwd", "//etc/passwd", "..", "../", "a/../../..", "a/../../../outside/canary.txt", "..\\..\\outside\\canary.txt", "a\\b", "C:\\x",
             "a\x00b", "../../outside/canary.txt\x00.txt", f"file://{canary}", "file:///etc/passwd", "....//....//outside/canary.txt", "..;/..;/outside/canary.txt",
             "．．/．．/outside/canary.txt", "./../../outside/canary.txt", "a/..", "~/x", "a\nb", "a\r\nSet-Cookie: x=1", ".", "./a", "a/./b", "a//b", " ..", "x" * 5000]
    return forms


def encodings(text):
    once = urllib.parse.quote(text, safe="/")
    all_once = "".join(f"%{b:02x}" for b in text.encode())
    return {once, urllib.parse.quote(text, safe=""), all_once, urllib.parse.quote(once, safe="/"), once.replace("..", "%2e%2e"), once.replace("..", "%252e%252e"),
            once.replace("..", "%c0%ae%c0%ae"), once.replace("..", ".%2e"), once.replace("/", "%5c"), text if text.isascii() and text.isprintable() else once}


def climbs(path):
    """Would a file system that was given this path leave its folder? Decoded as often as it changes."""
    for _ in range(4):
        path = urllib.parse.unquote(path, errors="replace")
    parts = path.replace("\\", "/").split("/")
    return path.startswith("/") or ".." in parts or "\x00" in path


def test_path_tricks_in_artifact_paths(box):
    run = box.json("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    base = "/api/2.0/mlflow-artifacts/artifacts"
    n = 0
    for trick in tricks(box.outside):
        for form in sorted(encodings(trick)):
            if len(form) > 20000:
                continue
            for prefix in (base + "/", f"{base}/0/{run}/artifacts/"):
                put = box.send("PUT", prefix + form, data=b"overwritten")
                if climbs(form):
                    assert put.status_code in (400, 404, 405, 414), (prefix + form, put.status_code)
                get = box.send("GET", prefix + form)
                if put.status_code == 200:
                    assert get.status_code == 200 and get.text == "overwritten", form
                    assert "attachment" in get.headers["Content-Disposition"] and "\r" not in get.headers["Content-Disposition"]
                box.send("DELETE", prefix + form)
            query = urllib.parse.quote(trick, safe="") if form == sorted(encodings(trick))[0] else form.replace("&", "%26").replace("#", "%23").replace(" ", "%20")
            for target in (f"{base}?path={query}", f"/get-artifact?run_id={run}&path={query}", f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={query}",
                           f"/get-artifact?run_id={query}&path=x", f"/model-versions/get-artifact?name=tiny&version=1&path={query}",
                           f"/model-versions/get-artifact?name={query}&version=1&path=model.json", f"/api/2.0/mlflow/artifacts/list?run_id={query}"):
                answer = box.send("GET", target)
                if climbs(form) and "get-artifact?run_id=" + run in target:
                    assert 400 <= answer.status_code < 500, target
            n += 1
    assert n > 150
    box.unhurt()
    data = box.folder / "box" / "data"
    assert {p.name for p in data.rglob("*") if "canary" in p.name or "passwd" in p.name} == set()


def test_path_tricks_in_names_and_sources(box):
    api = "/api/2.0/mlflow/"
    run = box.json("POST", api + "runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    made = []
    for i, trick in enumerate(tricks(box.outside)):
        exp = box.json("POST", api + "experiments/create", {"name": trick})
        if exp.status_code == 200:
            ident = exp.json()["experiment_id"]
            info = box.json("POST", api + "runs/create", {"experiment_id": ident, "run_name": trick}).json()["run"]["info"]
            assert info["artifact_uri"].startswith(f"mlflow-artifacts:/{ident}/"), "a name is never part of a path"
        box.json("POST", api + "experiments/create", {"name": f"loc{i}", "artifact_location": trick})
        box.json("POST", api + "runs/create", {"experiment_id": trick})
        box.json("POST", api + "runs/set-tag", {"run_id": run, "key": trick, "value": trick})
        box.json("POST", api + "runs/log-metric", {"run_id": run, "key": trick, "value": 1, "timestamp": 1})
        box.json("POST", api + "runs/log-parameter", {"run_id": run, "key": trick, "value": trick})
        box.json("POST", api + "registered-models/create", {"name": trick})
        box.json("POST", api + "registered-models/alias", {"name": "tiny", "alias": trick, "version": "1"})
        box.json("POST", api + "logged-models", {"experiment_id": "0", "name": trick})
        for source in (trick, f"mlflow-artifacts:/{trick}", f"runs:/{run}/{trick}", f"models:/{trick}/1", f"http://127.0.0.1/{trick}", f"runs:/{trick}/model"):
            version = box.json("POST", api + "model-versions/create", {"name": "tiny", "source": source, "run_id": run})
            if version.status_code == 200:
                made.append(version.json()["model_version"]["version"])
    for version in made:
        answer = box.json("PUT", f"/api/ingot/v1/endpoints/tricky", {"version": int(version), "config": {"model": "tiny"}})
        assert 400 <= answer.status_code <= 501, "a version whose files are elsewhere is not served"
        box.send("GET", f"/model-versions/get-artifact?name=tiny&version={version}&path=canary.txt")
        box.send("GET", f"/api/2.0/mlflow/model-versions/get-download-uri?name=tiny&version={version}")
    for experiment in box.mlflow_state()[0]["experiments"]:  # where an odd location was taken, its runs reach nothing either
        made_run = box.json("POST", api + "runs/create", {"experiment_id": experiment["experiment_id"]})
        if made_run.status_code == 200:
            ident = made_run.json()["run"]["info"]["run_id"]
            for path in ("canary.txt", "passwd", "outside/canary.txt"):
                box.send("GET", f"/get-artifact?run_id={ident}&path={path}")
            box.send("GET", f"/api/2.0/mlflow/artifacts/list?run_id={ident}")
    box.unhurt()


def test_path_tricks_inside_a_model_package(box):
    """MLmodel names the model's file. It may only be one of the version's own."""
    api = "/api/2.0/mlflow/"
    model = box.world.model("xgboost").read_bytes()
    for i, trick in enumerate(tricks(box.outside)[:28]):
        run = box.json("POST", api + "runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
        up = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/"
        for text in (json.dumps({"flavors": {"ingot": {"data": trick, "format": "xgboost"}, "xgboost": {"data": trick}}}),):
            assert box.send("PUT", up + "MLmodel", data=text.encode()).status_code == 200
            assert box.send("PUT", up + "model.json", data=model).status_code == 200
            version = box.json("POST", api + "model-versions/create", {"name": "tiny", "source": f"runs:/{run}/model", "run_id": run})
            assert version.status_code == 200, version.text
            answer = box.json("PUT", "/api/ingot/v1/endpoints/tricky", {"version": int(version.json()["model_version"]["version"]), "config": {"model": "tiny"}})
            assert 400 <= answer.status_code < 500, (trick, answer.status_code, answer.text)
    assert box.session.get(box.url + "/api/ingot/v1/endpoints/tricky", timeout=10).status_code == 404
    box.unhurt()


@pytest.mark.parametrize("learner", ["xgboost", "logistic"])
def test_damaged_models_through_the_registry(box, learner):
    """The server refuses them, or serves numbers; it never ends, and the endpoint keeps its version."""
    whole = box.world.model(learner).read_bytes()
    api = "/api/2.0/mlflow/"
    rng = random.Random(6)
    run = box.json("POST", api + "runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    outcomes = set()
    for i in range(40):
        bad = bytearray(whole)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        content = bytes(bad) if i else whole[:len(whole) // 2]
        assert box.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/m{i}/model.json", data=content).status_code == 200
        version = int(box.json("POST", api + "model-versions/create", {"name": "tiny", "source": f"runs:/{run}/m{i}", "run_id": run}).json()["model_version"]["version"])
        answer = box.json("PUT", f"/api/ingot/v1/endpoints/damaged-{learner}", {"version": version, "config": {"model": "tiny"}})
        assert answer.status_code in (200, 400), answer.text
        outcomes.add(answer.status_code)
        if answer.status_code == 200:
            asked = box.json("POST", f"/v2/models/damaged-{learner}/infer",
                             {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 10], "data": [1.0, None, 1e38, -1e38, 0, 1, 2, 3, 4, 5]}]})
            assert asked.status_code == 200 or asked.status_code == 400, asked.text
    assert outcomes == {200, 400}
    box.unhurt()


def test_the_restarted_server_has_everything(world, tmp_path):
    """After refused calls of every kind the folder opens again and holds what was acknowledged."""
    b = Box(tmp_path, world)
    good, flat, cases = v2_cases(world)
    run = b.json("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    for i in range(20):
        assert b.json("POST", "/api/2.0/mlflow/runs/log-metric", {"run_id": run, "key": "m", "value": i / 7, "timestamp": i, "step": i}).status_code == 200
        b.json("POST", "/v2/models/tiny/infer", cases[list(cases)[i]])
        b.send("POST", "/api/2.0/mlflow/runs/log-metric", data=list(BAD_JSON.values())[i], headers={"Content-Type": "application/json"})
        b.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{'../' * i}x", data=b"x")
    assert b.server.stop() == 0
    b.server = BoxedServer(tmp_path / "box" / "data")
    b.url = b.server.url
    history = b.send("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m").json()["metrics"]
    assert [m["value"] for m in history] == [i / 7 for i in range(20)]
    assert b.json("POST", "/v2/models/tiny/infer", flat).status_code == 200
    assert b.server.stop() == 0
