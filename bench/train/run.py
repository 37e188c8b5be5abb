#!/usr/bin/env python3
"""What the training driver adds to XGBoost: `ingot train` against the xgboost package on the same frame, split and parameters, each
alone on the machine, from the Parquet file to the saved model. The models' scores are compared first. Needs `make demo`'s frame.

The package may be newer than the linked library, so training time itself can differ; the driver's own cost is quoted from
`ingot train`: everything but the time inside the library."""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib

DEMO = lib.ROOT / "build/demo/pipeline"

PEER = """
import sys, json, time, yaml, numpy as np, pandas as pd, xgboost
frame, params, out = sys.argv[1:]
p = yaml.safe_load(open(params)); s = {k: pd.Timestamp(str(v)).tz_localize(None) for k, v in p["split"].items()}
start = time.monotonic()
f = pd.read_parquet(frame)
date = f["date"].dt.tz_localize(None) if f["date"].dt.tz else f["date"]
names = [c for c in f.columns if c not in ("flight", "date", "origin", "destination", "label", "available_at")]
fit, valid = (date >= s["fit_start"]) & (date < s["fit_end"]), (date >= s["fit_end"]) & (date < s["valid_end"])
m = lambda mask: xgboost.DMatrix(f.loc[mask, names].to_numpy("float32"), f.loc[mask, "label"].to_numpy("float32"), feature_names=names, nthread=2)
fit, valid = m(fit), m(valid)
x = p["xgboost"]
keep = {k: x[k] for k in ("objective", "tree_method", "max_depth", "eta", "min_child_weight", "subsample", "max_bin", "seed")}
loaded = time.monotonic()
b = xgboost.train({**keep, "nthread": 2, "eval_metric": x["metrics"]}, fit, x["rounds"], evals=[(valid, "valid")], verbose_eval=False, early_stopping_rounds=x["early_stopping"])
trained = time.monotonic()
b.save_model(out + "/model.json"); np.save(out + "/scores.npy", b.predict(valid))
json.dump({"load_seconds": loaded - start, "train_seconds": trained - loaded}, open(out + "/time.json", "w"))
"""


def timed(argv, cwd):
    start = time.monotonic()
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{argv[0]} failed")
    return {"wall_s": time.monotonic() - start, "cpu_s": usage.ru_utime + usage.ru_stime, "rss_mib": usage.ru_maxrss / 1024}


def main():
    import numpy as np
    import pandas as pd
    from sklearn.metrics import log_loss, roc_auc_score
    lib.build()
    if not (DEMO / "frame.parquet").exists():
        sys.exit("bench/train: there is no frame yet; run `make demo` first")
    with tempfile.TemporaryDirectory(dir=lib.RESULTS) as folder:
        ours = timed([str(lib.RELEASE / "ingot"), "train", "--frame", str(DEMO / "frame.parquet"), "--params", str(DEMO / "params.yaml"), "--learner", "xgboost",
                      "--package-out", f"{folder}/package", "--predictions-out", f"{folder}/scores.parquet"], folder)
        peer = timed([sys.executable, "-c", PEER, str(DEMO / "frame.parquet"), str(DEMO / "params.yaml"), folder], folder)
        a, b = pd.read_parquet(f"{folder}/scores.parquet")["score"].to_numpy(), np.load(f"{folder}/scores.npy")
        # Two versions of the library grow different trees from the same rows: the models must be equally good.
        label = pd.read_parquet(f"{folder}/scores.parquet")["label"].to_numpy()
        assert len(a) == len(b)
        quality = [(roc_auc_score(label, s), log_loss(label, s.astype("float64"))) for s in (a, b)]
        assert abs(quality[0][0] - quality[1][0]) < 0.005 and abs(quality[0][1] - quality[1][1]) < 0.005, quality
        mine, theirs = json.loads(Path(f"{folder}/package/metrics.json").read_text()), json.loads(Path(f"{folder}/time.json").read_text())
    rows = [{"program": "ingot train", **ours, "load_s": mine["load_seconds"], "in_library_s": mine["train_seconds"]},
            {"program": "python xgboost", **peer, "load_s": theirs["load_seconds"], "in_library_s": theirs["train_seconds"]}]
    for r in rows:
        r["driver_s"] = r["wall_s"] - r["in_library_s"]
    rows.append({"program": "ratio", **{k: rows[0][k] / rows[1][k] for k in rows[0] if k != "program"}})
    lib.report("train", rows, f"{mine['fit_rows']} fit rows, {mine['rounds']} rounds; AUC {quality[0][0]:.4f} and {quality[1][0]:.4f}; driver = all but the time inside the library")


if __name__ == "__main__":
    main()
