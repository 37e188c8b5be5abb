#!/usr/bin/env python3
"""The point-in-time join of the flights' view (12 windows, 27 features), Parquet to Parquet: `ingot features join` against plain DuckDB
SQL of the same version, two threads each, alone on the machine, in two forms that a careful analyst would write: RANGE
window frames over events and rows together, and ASOF joins on running counts. The frames are compared first, bit for bit."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib

DATA = lib.ROOT / "node_modules/vega-datasets/data/flights-3m.parquet"
VIEW = lib.ROOT / "examples/flights/features.yaml"
ENTITIES = {"origin": "origin", "destination": "destination", "route": "origin || '-' || destination"}
WINDOWS = {"1h": "INTERVAL 1 HOUR", "1d": "INTERVAL 1 DAY", "7d": "INTERVAL 7 DAY", "28d": "INTERVAL 28 DAY"}
SOURCE = f"""SELECT file_row_number AS flight, date, origin, destination, origin || '-' || destination AS route, distance, delay >= 15 AS label,
  greatest(date + to_minutes(1), date_trunc('minute', date + to_minutes(CAST(floor(30 + distance / 7.5 + delay) AS BIGINT)))) AS available_at
  FROM read_parquet('{DATA}', file_row_number = true)"""
TAIL = "CAST(hour(date) AS FLOAT) AS hour, CAST(dayofweek(date) AS FLOAT) AS weekday, CAST(distance AS FLOAT) AS distance, CAST(label AS BIGINT) AS label, available_at"


def select(counts):
    """The frame's columns from the expressions for (events, flagged) of each entity and window."""
    features = []
    for entity in ENTITIES:
        for window in WINDOWS:
            n, d = counts(entity, window)
            features += [f"CAST({n} AS FLOAT) AS {entity}_count_{window}", f"CAST(CAST({d} AS DOUBLE) / nullif({n}, 0) AS FLOAT) AS {entity}_rate_{window}"]
    return "SELECT flight, date, origin, destination, " + ", ".join(features) + ", " + TAIL


def by_windows(start, end):
    points = ", ".join(f"sum(ev) OVER {e}_{w} AS n_{e}_{w}, sum(fl) OVER {e}_{w} AS d_{e}_{w}" for e in ENTITIES for w in WINDOWS)
    frames = ", ".join(f"{e}_{w} AS (PARTITION BY {e} ORDER BY t RANGE BETWEEN {i} - INTERVAL 1 MICROSECOND PRECEDING AND CURRENT ROW)"
                       for e in ENTITIES for w, i in WINDOWS.items())
    return f"""WITH src AS MATERIALIZED (SELECT * FROM ({SOURCE}) WHERE date >= TIMESTAMP '{start}' - INTERVAL 29 DAY AND date < TIMESTAMP '{end}'),
      points AS (SELECT *, available_at AS t, 1 AS ev, CAST(label AS INT) AS fl FROM src
                 UNION ALL SELECT *, date, 0, 0 FROM src WHERE date >= TIMESTAMP '{start}'),
      counted AS (SELECT *, {points} FROM points WINDOW {frames})
      {select(lambda e, w: (f"n_{e}_{w}", f"d_{e}_{w}"))} FROM counted WHERE ev = 0 ORDER BY flight"""


def by_asof(start, end):
    running = ", ".join(f"""{e}_run AS MATERIALIZED (SELECT {e}, available_at AS a, sum(n) OVER w AS n, sum(d) OVER w AS d FROM
      (SELECT {e}, available_at, count(*) AS n, sum(CAST(label AS INT)) AS d FROM src GROUP BY ALL) WINDOW w AS (PARTITION BY {e} ORDER BY available_at))""" for e in ENTITIES)
    joins = ""
    for e in ENTITIES:
        for w, i in {"now": "INTERVAL 0 HOUR", **WINDOWS}.items():
            joins += f" ASOF LEFT JOIN {e}_run AS {e}_{w} ON r.{e} = {e}_{w}.{e} AND r.date - {i} >= {e}_{w}.a"
    count = lambda e, w: tuple(f"(coalesce({e}_now.{c}, 0) - coalesce({e}_{w}.{c}, 0))" for c in "nd")
    head = select(count).replace("SELECT flight, date, origin, destination,", "SELECT r.flight, r.date, r.origin, r.destination,")
    return f"""WITH src AS MATERIALIZED (SELECT * FROM ({SOURCE}) WHERE date >= TIMESTAMP '{start}' - INTERVAL 29 DAY AND date < TIMESTAMP '{end}'),
      {running}, r AS (SELECT * FROM src WHERE date >= TIMESTAMP '{start}')
      {head} FROM r {joins} ORDER BY r.flight"""


PEER = """
import sys, duckdb
c = duckdb.connect(config={"threads": 2})
c.execute(f"COPY ({open(sys.argv[1]).read()}) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""


def timed(argv):
    start = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{argv[0]} failed")
    return {"wall_s": time.monotonic() - start, "cpu_s": usage.ru_utime + usage.ru_stime, "rss_mib": usage.ru_maxrss / 1024}


def best(argv, rounds):
    return min((timed(argv) for _ in range(rounds)), key=lambda r: r["cpu_s"])


def equal(ours, theirs):
    """Every feature of every row has the same bits (missing equals missing)."""
    import numpy as np
    import pandas as pd
    a, b = pd.read_parquet(ours), pd.read_parquet(theirs)
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return False
    return all(np.array_equal(a[c].to_numpy(), b[c].to_numpy(), equal_nan=a[c].dtype.kind == "f") for c in a.columns)


def main():
    lib.build()
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    rows = []
    for label, start, end in (("one week", "2001-03-01", "2001-03-08"), ("January 29 to March 31", "2001-01-29", "2001-04-01")):
        with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder:
            ours = best([str(lib.RELEASE / "ingot"), "features", "join", "--view", str(VIEW), "--data", str(DATA), "--start", start, "--end", end,
                         "--threads", "2", "--out", f"{folder}/ours.parquet"], rounds)
            rows.append({"range": label, "by": "ingot features join", **ours})
            for name, sql in (("DuckDB, window frames", by_windows(start, end)), ("DuckDB, ASOF joins", by_asof(start, end))):
                Path(f"{folder}/query.sql").write_text(sql)
                peer = best([sys.executable, "-c", PEER, f"{folder}/query.sql", f"{folder}/peer.parquet"], 1)
                rows.append({"range": label, "by": name, **peer, "ours_is_faster_by": peer["wall_s"] / ours["wall_s"],
                             "cpu_ratio": peer["cpu_s"] / ours["cpu_s"], "equal": equal(f"{folder}/ours.parquet", f"{folder}/peer.parquet")})
                if not rows[-1]["equal"]:
                    sys.exit(f"bench/features: {name} gives other features than ours")
    lib.report("features", rows, "point-in-time join, 27 features, Parquet to Parquet, 2 threads")


if __name__ == "__main__":
    main()
