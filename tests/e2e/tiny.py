"""A small world for tests of the whole program: 3,000 made-up flights, a view, a trained model of each learner, and the
oracle of the view's features in plain Python. Everything is made by the program's own commands."""
import atexit
import datetime
import functools
import json
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ingot_server import program

DAY_US = 86400 * 1000000
HOUR_US = 3600 * 1000000
START_US = int(datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc).timestamp()) * 1000000
DAYS = 30
AIRPORTS = ["ORD", "JFK", "SFO", "LAX"]

FEATURES = """
name: tiny
source:
  path: flights.parquet
  timestamp_field: date
  id: flight
  available_at: date + to_minutes(90)
  label: delay >= 15
entities:
  - {name: origin, join_keys: [origin]}
  - {name: route, join_keys: [origin, destination]}
aggregations:
  - {windows: [1h, 1d], functions: [count, rate]}
request:
  - {name: hour, expression: hour(date)}
  - {name: distance, expression: distance}
ttl: 28d
online: true
"""
FEATURE_NAMES = [f"{e}_{f}_{w}" for e in ("origin", "route") for w in ("1h", "1d") for f in ("count", "rate")] + ["hour", "distance"]

PARAMS = """
columns: {id: flight, time: date, label: label}
split: {fit_start: "2001-01-05", fit_end: "2001-01-22", valid_end: "2001-01-31"}
threshold: 0.5
reference: all
xgboost: {objective: "binary:logistic", tree_method: hist, max_depth: 3, eta: 0.3, rounds: 8, threads: 1, seed: 7}
logistic: {C: 1.0, eps: 0.01, penalty: l2}
evaluate:
  best: {metric: log_loss, goal: min}
  confidence: 0.95
  gates:
    - {metric: auc, op: ">=", value: 0.5}
"""

SUITE = """
name: tiny
columns: {date: TIMESTAMP, delay: BIGINT, distance: BIGINT, origin: VARCHAR, destination: VARCHAR}
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: origin}
  - type: expect_column_values_to_be_between
    kwargs: {column: delay, min_value: -100, max_value: 2000}
"""

MONITOR = """
threshold: 0.5
monitor: {threshold: 0.5, min_rows: 20, min_labels: 20}
rollout: {steps_permille: [500, 1000], min_samples: 30}
"""


def iso(us):
    return datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def flights(n=3000, seed=1, days=DAYS):
    """Rows in time order: date_us, delay, distance, origin, destination. The delay depends on hour and origin."""
    rng = random.Random(seed)
    minutes = sorted(rng.randrange(days * 24 * 60) for _ in range(n))
    rows = []
    for m in minutes:
        origin, destination = rng.sample(AIRPORTS, 2)
        late = rng.random() < 0.15 + 0.5 * (origin == "ORD") * (m // 60 % 24 > 12)
        rows.append({"date_us": START_US + m * 60 * 1000000, "delay": rng.randrange(15, 90) if late else rng.randrange(-20, 15),
                     "distance": 200 + 37 * (AIRPORTS.index(origin) + 5 * AIRPORTS.index(destination)), "origin": origin,
                     "destination": destination})
    return rows


def write_flights(path, rows, **changed):
    """`changed` replaces whole columns by (type, values)."""
    columns = {"date": (pa.timestamp("us"), [r["date_us"] for r in rows]), "delay": (pa.int64(), [r["delay"] for r in rows]),
               "distance": (pa.int64(), [r["distance"] for r in rows]), "origin": (pa.string(), [r["origin"] for r in rows]),
               "destination": (pa.string(), [r["destination"] for r in rows])}
    columns.update(changed)
    columns = {k: v for k, v in columns.items() if v is not None}
    pq.write_table(pa.table({k: pa.array(v, t) for k, (t, v) in columns.items()}), path)


def features_at(rows, t_us, origin, destination, distance):
    """The view's features by its definition: an event counts in (t - W, t] of the instant it became known."""
    out = []
    for keys in ({"origin": origin}, {"origin": origin, "destination": destination}):
        for width in (HOUR_US, DAY_US):
            hits = [r for r in rows if t_us - width < r["date_us"] + 90 * 60 * 1000000 <= t_us and all(r[k] == v for k, v in keys.items())]
            out += [float(len(hits)), sum(r["delay"] >= 15 for r in hits) / len(hits) if hits else None]
    hour = datetime.datetime.fromtimestamp(t_us / 1e6, datetime.timezone.utc).hour
    return out + [float(hour), float(distance)]


def ingot(*args, cwd=None, ok=True, env=None, timeout=120):
    """Runs the program. `ok` None: any exit code, as long as it ends by itself and not by a signal."""
    run = subprocess.run([program(), *map(str, args)], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=timeout,
                         env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
    assert run.returncode in (0, 1, 2), (args, run.returncode, run.stderr[-3000:])
    if ok is not None:
        assert (run.returncode == 0) == ok, (args, run.returncode, run.stdout[-1000:], run.stderr[-3000:])
    return run


def one_line(run, code=None):
    """A failure is one line that starts with the program's name and shows no innards; returned without the name."""
    text = run.stderr
    assert run.returncode != 0 and (code is None or run.returncode == code), (run.returncode, text)
    assert text.startswith("ingot: ") and text.endswith("\n") and text.count("\n") == 1, text
    for innards in ("Sanitizer", ".c:", "assert", "core dumped", "Stack"):
        assert innards not in text, text
    return text[len("ingot: "):-1]


class World:
    """A folder with data, definitions, a frame and a trained package of each learner."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.rows = flights()
        write_flights(self.folder / "flights.parquet", self.rows)
        for name, text in (("features.yaml", FEATURES), ("params.yaml", PARAMS), ("suite.yaml", SUITE), ("endpoint.yaml", MONITOR)):
            (self.folder / name).write_text(text)
        ingot("features", "join", "--view", "features.yaml", "--data", "flights.parquet", "--start", "2001-01-05T00:00:00Z",
              "--out", "frame.parquet", cwd=self.folder)
        for learner in ("xgboost", "logistic"):
            ingot("train", "--frame", "frame.parquet", "--params", "params.yaml", "--learner", learner, "--package-out", f"packages/{learner}",
                  cwd=self.folder)

    def model(self, learner):
        return self.folder / "packages" / learner / "model" / "model.json"

    def deploy(self, url, endpoint="tiny", versions=("xgboost", "logistic"), warm=True):
        """Registers the packages as versions 1, 2 of model `endpoint`, serves the view and version 1; `warm` pushes all events."""
        env = {"INGOT_SERVER": url}
        for learner in versions:
            ingot("model", "register", endpoint, "--package", f"packages/{learner}", cwd=self.folder, env=env)
        ingot("features", "apply", "features.yaml", cwd=self.folder, env=env)
        ingot("deploy", "create", endpoint, "--model", endpoint, "--version", 1, "--view", "tiny", "--config", "endpoint.yaml", cwd=self.folder,
              env=env)
        if warm:
            return self.push_body(self.rows)
        return None

    def push_body(self, rows, first=0):
        return {"ids": list(range(first, first + len(rows))), "available_at_us": [r["date_us"] + 90 * 60 * 1000000 for r in rows],
                "labels": [int(r["delay"] >= 15) for r in rows],
                "keys": {"origin": [r["origin"] for r in rows], "destination": [r["destination"] for r in rows]}}

    def infer_body(self, rows, first=0):
        n = len(rows)
        column = lambda name, kind, data: {"name": name, "datatype": kind, "shape": [n], "data": data}
        return {"inputs": [column("flight", "INT64", list(range(first, first + n))), column("date", "INT64", [r["date_us"] for r in rows]),
                           column("origin", "BYTES", [r["origin"] for r in rows]),
                           column("destination", "BYTES", [r["destination"] for r in rows]),
                           column("distance", "FP64", [r["distance"] for r in rows])]}


@functools.cache
def world():
    """One world for all test files of a run; none of them changes its files."""
    folder = tempfile.mkdtemp(prefix="ingot-world-")
    atexit.register(shutil.rmtree, folder, True)
    return World(folder)


# What no JSON route may take: not JSON, not an object, or not what JSON says it is. Each is the bytes of a body.
BAD_JSON = {
    "empty": b"", "nonsense": b"nonsense", "array": b"[]", "number": b"3", "null": b"null", "text": b'"x"', "cut": b'{"version": 1',
    "trailing comma": b'{"version": 1,}', "single quotes": b"{'version': 1}", "comment": b'{"version": 1} // x', "two documents": b"{}{}",
    "leading zero": b'{"version": 01}', "plus": b'{"version": +1}', "1e999": b'{"x": 1e999}', "-1e999": b'{"x": [-1e999]}', "nan": b'{"x": NaN}',
    "infinity": b'{"x": Infinity}', "bad utf-8": b'{"x": "\xff"}', "cut utf-8": b'{"x": "\xe2\x82"}', "overlong utf-8": b'{"x": "\xc0\xaf"}',
    "surrogate utf-8": b'{"x": "\xed\xa0\x80"}', "lone surrogate": b'{"x": "\\ud800"}', "bad escape": b'{"x": "\\x41"}',
    "control byte": b'{"x": "\x01"}', "NUL": b'{"x": 1}\x00', "utf-16": '{"x": 1}'.encode("utf-16"), "duplicate key": b'{"version": 1, "version": 2}',
    "duplicate key deep": b'{"config": {"a": 1, "a": 2}}', "100 deep": b'{"x":' + b"[" * 100 + b"]" * 100 + b"}",
    "100 deep objects": b'{"x":' * 100 + b"1" + b"}" * 100, "100000 deep": b"[" * 100000,
}


def dumps(body):
    return json.dumps(body).encode()
