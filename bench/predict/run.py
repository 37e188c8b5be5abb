#!/usr/bin/env python3
"""Batch scoring: 1,000,000 rows of 28 floats through 100 trees of depth 6, from a Parquet file to a Parquet file, `ingot predict` against what
people write in Python with the model's own library: pandas or pyarrow reads, XGBoost predicts, pyarrow writes. Each alone on the machine, the
whole process from start to the file on disk; the scores are compared bit by bit first. CSV likewise. The floor is the reading alone, by the
same engine: `ingot data query` of a sum over the columns.

Rows and repetitions: --rows N, --repeat N. Figures: wall and CPU seconds of the process, rows per second, greatest RSS; best of the repetitions."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib

WIDTH, TREES, DEPTH = 28, 100, 6

PEERS = {
    "pandas": """
import os, sys, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, xgboost
model, source, out = sys.argv[1:]
b = xgboost.Booster(model_file=model)
x = pd.read_parquet(source) if source.endswith(".parquet") else pd.read_csv(source)
ids = x.pop("id")
score = b.predict(xgboost.DMatrix(x))
pd.DataFrame({"id": ids, "score": score}).to_parquet(out, compression="zstd", index=False)
os.fsync(os.open(out, os.O_RDONLY))
""",
    "pyarrow batches": """
import os, sys, numpy as np, pyarrow as pa, pyarrow.csv, pyarrow.parquet as pq, xgboost
model, source, out = sys.argv[1:]
b = xgboost.Booster(model_file=model)
batches = pq.ParquetFile(source).iter_batches(65536) if source.endswith(".parquet") else pyarrow.csv.open_csv(source)
writer = None
for t in batches:
    x = np.column_stack([t.column(n).to_numpy(zero_copy_only=False).astype("float32") for n in b.feature_names])
    part = pa.table({"id": t.column("id"), "score": b.inplace_predict(x)})
    writer = writer or pq.ParquetWriter(out, part.schema, compression="zstd")
    writer.write_table(part)
writer.close()
os.fsync(os.open(out, os.O_RDONLY))
""",
}


def make(folder, rows):
    import numpy as np
    import pandas as pd
    import xgboost

    r = np.random.default_rng(1)
    names = [f"f{i}" for i in range(WIDTH)]
    x = pd.DataFrame(r.normal(size=(rows, WIDTH)).astype("float32"), columns=names)
    n = min(rows, 50000)
    y = (x.f0[:n] * x.f1[:n] + x.f2[:n] - abs(x.f3[:n]) + r.normal(size=n) > 0).astype(int)
    b = xgboost.train({"objective": "binary:logistic", "max_depth": DEPTH, "tree_method": "hist", "min_child_weight": 0}, xgboost.DMatrix(x[:n], y), TREES)
    b.save_model(folder / "model.json")
    x["id"] = np.arange(rows)
    x.to_parquet(folder / "rows.parquet", index=False)
    x[:rows // 5].to_csv(folder / "rows.csv", index=False)
    np.save(folder / "want.npy", b.predict(xgboost.DMatrix(x[names])))


def timed(argv, cwd):
    start = time.monotonic()
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{argv} failed")
    return {"wall_s": round(time.monotonic() - start, 3), "cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "rss_mib": round(usage.ru_maxrss / 1024, 1)}


def best(argv, cwd, out, repeat, same):
    runs = []
    for _ in range(repeat):
        if out and (cwd / out).exists():
            (cwd / out).unlink()
        runs.append(timed(argv, cwd))
        same()
    return min(runs, key=lambda t: t["wall_s"])


def check(folder, out, rows):
    import numpy as np
    import pyarrow.parquet as pq

    t, want = pq.read_table(folder / out), np.load(folder / "want.npy")
    if not ((t["score"].to_numpy() == want[:rows]).all() and (t["id"].to_numpy() == np.arange(rows)).all()):
        sys.exit(f"other scores in {out}")


def apart(step, *args):
    """In a process of its own: the greatest RSS of a child counts that of the process it was forked from."""
    subprocess.run([sys.executable, __file__, "--step", step, *map(str, args)], check=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rows", type=int, default=1000000)
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.step:
        name, folder, *more = args.step
        return make(Path(folder), int(more[0])) if name == "make" else check(Path(folder), more[0], int(more[1]))
    lib.build()
    ingot, table = str(lib.RELEASE / "ingot"), []
    folder = Path(tempfile.mkdtemp(dir=lib.RESULTS))
    try:
        apart("make", folder, args.rows)
        for source, rows in (("rows.parquet", args.rows), ("rows.csv", args.rows // 5)):
            def same(out):
                return lambda: apart("check", folder, out, rows)

            reader = f"read_parquet('{source}')" if source.endswith(".parquet") else f"read_csv('{source}')"
            figures = {"ingot predict": best([ingot, "predict", "--model", "model.json", "--in", source, "--out", "ours.parquet", "--keep", "id"], folder,
                                             "ours.parquet", args.repeat, same("ours.parquet"))}
            for name, text in PEERS.items():
                figures[name] = best([sys.executable, "-c", text, "model.json", source, "peer.parquet"], folder, "peer.parquet", args.repeat,
                                     same("peer.parquet"))
            sums = ", ".join(f"sum(f{i})" for i in range(WIDTH))
            figures["floor: reading alone"] = best([ingot, "data", "query", f"SELECT {sums}, max(id) FROM {reader}"], folder, None, args.repeat, lambda: None)
            table += [{"input": source, "what": name, "rows_per_s": round(rows / f["wall_s"]), **f} for name, f in figures.items()]
    finally:
        shutil.rmtree(folder)
    lib.report("predict", table, f"{args.rows} rows of {WIDTH} floats (CSV: a fifth), {TREES} trees of depth {DEPTH}, {os.cpu_count()} cores; scores equal bit by bit")


if __name__ == "__main__":
    main()
