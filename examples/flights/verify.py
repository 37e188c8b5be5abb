#!/usr/bin/env python3
"""Recomputes the demo's figures from the files it left, with pandas, scikit-learn, scipy and xgboost.

    build/venv/bin/python examples/flights/verify.py [build/demo]

Nothing of Ingot's own arithmetic is used: point-in-time features are counted again from the raw flights, models are asked
through the xgboost package, drift through scipy, measures through scikit-learn, and the rollouts' bounds from their
formulae. Each check is a function `check_*`; the test suite runs each as a test of its own. Tolerances are stated beside
each comparison; features must be equal to the last bit.
"""
import functools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import xgboost
import yaml
from sklearn import metrics as sk

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "build/demo"
RAW = ROOT / "node_modules/vega-datasets/data/flights-3m.parquet"
WINDOWS_MIN = {"1h": 60, "1d": 1440, "7d": 10080, "28d": 40320}
ENTITIES = ["origin", "destination", "route"]
DAY_US = 86_400_000_000
REFERENCE_MAX = 100_000


def close(a, b, rel=1e-9, abs_=0.0):
    a, b = (math.nan if v is None else v for v in (a, b))
    assert (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=rel, abs_tol=abs_), (a, b)


@functools.cache
def document(path):
    return json.loads((DEMO / path).read_text())


@functools.cache
def params():
    return yaml.safe_load((DEMO / "pipeline/params.yaml").read_text())


@functools.cache
def flights():
    """The raw flights with their label and the minute their delay became known."""
    f = pd.read_parquet(RAW)
    f["flight"] = np.arange(len(f))
    minute = f["date"].astype("datetime64[us]").astype("int64") // 60_000_000
    known = minute + np.floor(30 + f["distance"] / 7.5 + f["delay"]).astype("int64")
    f["minute"] = minute
    f["known"] = np.maximum(known, minute + 1)
    f["late"] = (f["delay"] >= 15).astype("int64")
    f["route"] = f["origin"] + "-" + f["destination"]
    return f


@functools.cache
def window_index(entity):
    """For one entity: sorted (key, known) as one integer, and running counts of events and late ones."""
    f = flights()
    codes, keys = pd.factorize(f[entity])
    order = np.lexsort((f["known"].to_numpy(), codes))
    combined = codes[order].astype("int64") * (1 << 32) + f["known"].to_numpy()[order]
    late = np.concatenate([[0], np.cumsum(f["late"].to_numpy()[order])])
    return combined, late, codes


def count_windows(rows):
    """The 24 window features of the given flight numbers, as float32, from the definition: known in (t - W, t]."""
    out = {}
    t = flights()["minute"].to_numpy()[rows]
    for entity in ENTITIES:
        combined, late, codes = window_index(entity)
        base = codes[rows].astype("int64") * (1 << 32)
        hi = np.searchsorted(combined, base + t, side="right")
        for name, width in WINDOWS_MIN.items():
            lo = np.searchsorted(combined, base + t - width, side="right")
            n, k = hi - lo, late[hi] - late[lo]
            out[f"{entity}_count_{name}"] = n.astype("float32")
            with np.errstate(invalid="ignore", divide="ignore"):
                out[f"{entity}_rate_{name}"] = (k / n).astype("float32")
    return out


def compare_features(frame, ids):
    f = flights()
    want = count_windows(ids)
    date = f["date"].iloc[ids]
    want["hour"] = date.dt.hour.to_numpy().astype("float32")
    want["weekday"] = ((date.dt.dayofweek.to_numpy() + 1) % 7).astype("float32")
    want["distance"] = f["distance"].to_numpy()[ids].astype("float32")
    for name, values in want.items():
        got = frame[name].to_numpy(dtype="float32")
        assert np.array_equal(got, values, equal_nan=True), f"{name}: {np.sum(~((got == values) | (np.isnan(got) & np.isnan(values))))} of {len(ids)} differ"
    return list(want)


@functools.cache
def frame():
    return pd.read_parquet(DEMO / "frame.parquet")


@functools.cache
def predictions():
    return pd.read_parquet(DEMO / "predictions.parquet")


@functools.cache
def feature_names():
    before = ["flight", "date", "origin", "destination"]
    return [c for c in frame().columns if c not in [*before, "label", "available_at"]]


def split(name):
    s, f = params()["split"], frame()
    at = {k: pd.Timestamp(str(v)).tz_localize(None) for k, v in s.items()}
    date = f["date"].dt.tz_localize(None) if f["date"].dt.tz else f["date"]
    low, high = {"fit": ("fit_start", "fit_end"), "valid": ("fit_end", "valid_end"), "all": ("fit_start", "valid_end")}[name]
    return f[(date >= at[low]) & (date < at[high])]


@functools.cache
def booster(path):
    b = xgboost.Booster()
    b.load_model(DEMO / path)
    return b


def booster_scores(b, features):
    x = features.to_numpy(dtype="float32")
    return b.predict(xgboost.DMatrix(x, feature_names=b.feature_names or None, nthread=2))


def delong(score, label):
    """AUC and its variance (DeLong 1988, by midranks)."""
    pos, neg = score[label == 1], score[label == 0]
    m, n = len(pos), len(neg)
    both = scipy.stats.rankdata(np.concatenate([pos, neg]))
    v10 = (both[:m] - scipy.stats.rankdata(pos)) / n
    v01 = 1 - (both[m:] - scipy.stats.rankdata(neg)) / m
    return v10.mean(), v10.var(ddof=1) / m + v01.var(ddof=1) / n


def ece(score, label, bins=10):
    b = np.minimum((score * bins).astype(int), bins - 1)
    n = np.bincount(b, minlength=bins)
    gap = np.abs(np.bincount(b, score, bins) - np.bincount(b, label, bins))
    return gap.sum() / n.sum()


def log_loss(score, label):
    """scikit-learn's, of scores widened to float64, defined for one class too."""
    eps = np.finfo(np.float64).eps
    p = np.clip(score.astype("float64"), eps, 1 - eps)
    return float(-np.mean(np.where(label == 1, np.log(p), np.log1p(-p))))


# ---- 1. validation -------------------------------------------------------------------------------------------------

def test_of(expectation, df):
    """The number of unexpected values of a column expectation, from its definition."""
    kind, kw = expectation["type"], dict(expectation["kwargs"])
    for bound in ("min_value", "max_value"):
        if isinstance(kw.get(bound), str):
            kw[bound] = pd.Timestamp(kw[bound]).tz_localize(None)
    if kind == "expect_column_values_to_not_be_null":
        return int(df[kw["column"]].isna().sum())
    if kind == "expect_column_values_to_be_between":
        v = df[kw["column"]].dropna()
        bad = pd.Series(False, v.index)
        if kw.get("min_value") is not None:
            bad |= v < kw["min_value"]
        if kw.get("max_value") is not None:
            bad |= v > kw["max_value"]
        return int(bad.sum())
    if kind == "expect_column_values_to_match_regex":
        v = df[kw["column"]].dropna()
        return int((~v.str.contains(kw["regex"], regex=True)).sum())
    if kind == "expect_column_value_lengths_to_equal":
        v = df[kw["column"]].dropna()
        return int((v.str.len() != kw["value"]).sum())
    if kind == "expect_column_values_to_be_in_set":
        v = df[kw["column"]].dropna()
        return int((~v.isin(kw["value_set"])).sum())
    return None


def check_validation():
    for path, df in (("pipeline/validation.json", flights()), ("out/poisoned.json", pd.read_parquet(DEMO / "out/poisoned.parquet"))):
        result, compared = document(path), 0
        for r in result["results"]:
            want = test_of(r["expectation_config"], df)
            if want is not None:
                assert r["result"]["unexpected_count"] == want, r
                compared += 1
        assert compared >= 5
        assert result["success"] == all(r["success"] for r in result["results"])
    assert document("pipeline/validation.json")["success"] is True
    assert document("out/poisoned.json")["success"] is False


# ---- 2. features ---------------------------------------------------------------------------------------------------

def check_training_frame_is_point_in_time():
    f = frame()
    names = compare_features(f, f["flight"].to_numpy())
    assert names == feature_names(), "the model's inputs are in the order of the view"
    assert np.array_equal(f["label"].to_numpy(dtype="int64"), flights()["late"].to_numpy()[f["flight"].to_numpy()])


def check_online_features_equal_offline():
    """What the server computed for every live request is what the definition says for that instant."""
    p = predictions()
    compare_features(p, p["id"].to_numpy())


# ---- 3.-5. models --------------------------------------------------------------------------------------------------

def check_evaluation():
    valid = split("valid")
    label = valid["label"].to_numpy(dtype="int64")
    best_loss = None
    for model in document("pipeline/evaluation.json")["models"]:
        scores = pd.read_parquet(DEMO / "pipeline" / Path(model["model"]).parent.parent / "validation.parquet")
        assert np.array_equal(scores["flight"].to_numpy(), valid["flight"].to_numpy())
        s = scores["score"].to_numpy(dtype="float64")
        if model["learner"] == "xgboost":
            # The native predictor against XGBoost's own library: 1e-6 absolute (float32 probabilities).
            assert np.abs(booster_scores(booster("pipeline/" + model["model"]), valid[feature_names()]) - s).max() <= 1e-6
        e = model["evaluation"]
        auc, variance = delong(s, label)
        close(e["auc"]["value"], sk.roc_auc_score(label, s), 1e-9)
        z = scipy.stats.norm.ppf(0.975)
        close(e["auc"]["lo"], auc - z * math.sqrt(variance), 1e-7)
        close(e["auc"]["hi"], auc + z * math.sqrt(variance), 1e-7)
        close(e["log_loss"]["value"], sk.log_loss(label, s), 1e-9)
        close(e["brier"]["value"], sk.brier_score_loss(label, s), 1e-9)
        close(e["accuracy"]["value"], np.mean((s >= 0.5) == label), 1e-12)
        close(e["ece"]["value"], ece(s, label), 1e-9)
        best_loss = min(best_loss or 9, e["log_loss"]["value"])
        for segment in e["segments"]:
            here = (valid["origin"] == segment["name"]).to_numpy()
            assert segment["rows"] == here.sum()
            close(segment["auc"]["value"], sk.roc_auc_score(label[here], s[here]), 1e-9)
    assert document("pipeline/evaluation.json")["best"]["evaluation"]["log_loss"]["value"] == best_loss


def check_gates():
    e = document("pipeline/evaluation.json")
    ops = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b}
    best = e["best"]["evaluation"]
    segments = {s["name"]: s for s in best["segments"]}
    for gate in e["gates"]:
        scores = segments[gate["segment"]] if gate.get("segment") else best
        assert gate["pass"] == ops[gate["op"]](scores[gate["metric"]]["value"], gate["limit"]), gate
    assert e["pass"] == all(g["pass"] for g in e["gates"])


def models_by_version():
    """The model file of each version that served, by its recorded digest."""
    first = document("pipeline/registered.json")
    models = {first["version"]: f"pipeline/packages/{first['learner']}/model/model.json"}
    for run in document("out/retrains.json")["retrains"]:
        if run["result"]:
            models[run["result"]["version"]] = f"retrain/packages/{run['result']['learner']}/model/model.json"
    broken = document("out/broken.json")
    models[broken["version"]] = "out/broken/model/model.json"
    return models


def check_served_scores():
    """Every logged score is what XGBoost's library says for the logged features: 1e-6 absolute."""
    p, models = predictions(), models_by_version()
    assert set(p["version"].unique()) <= set(models)
    for version, rows in p.groupby("version"):
        assert np.abs(booster_scores(booster(models[version]), rows[feature_names()]) - rows["score"].to_numpy()).max() <= 1e-6


def check_labels():
    p = predictions()
    got = p[p["label"].notna()]
    assert np.array_equal(got["label"].to_numpy(dtype="int64"), flights()["late"].to_numpy()[got["id"].to_numpy()])
    # A label is missing only where the flight landed after its day's window had closed (a day and more of delay).
    lost = p[p["label"].isna()]
    day_end = lost["event_time"].astype("datetime64[us]").astype("int64") // DAY_US * DAY_US + 2 * DAY_US
    assert (flights()["known"].to_numpy()[lost["id"].to_numpy()] * 60_000_000 > day_end.to_numpy()).all()
    # Labels come at least a day after the prediction.
    assert ((got["label_time"] - got["event_time"]) >= pd.Timedelta(days=1)).all()
    assert p["id"].is_unique


# ---- 7. monitoring -------------------------------------------------------------------------------------------------

def psi(ref, cur):
    """Evidently 0.7.21's definition: Sturges edges over both samples, or categories for at most 20 reference values."""
    values = np.unique(ref)
    if len(values) > 20:
        both = np.concatenate([ref, cur])
        span = both.max() - both.min()
        width = span / (np.log2(len(both)) + 1)
        bins = int(np.ceil(span / width))
        edges = np.arange(bins + 1) * (span / bins) + both.min()
        edges[-1] = both.max()
        r = np.histogram(ref, edges)[0] / len(ref)
        c = np.histogram(cur, edges)[0] / len(cur)
    else:
        keys = np.union1d(values, np.unique(cur))
        r = np.array([np.mean(ref == k) for k in keys])
        c = np.array([np.mean(cur == k) for k in keys])
    for side in (r, c):
        smallest = side[side > 0].min()
        side[side == 0] = smallest / 1e6 if smallest <= 0.0001 else 0.0001
    return float(np.sum((r - c) * np.log(r / c)))


@functools.cache
def reference(version):
    """The reference columns of a version: rows i * n // 100000 of its training frame."""
    first = document("pipeline/registered.json")["version"]
    if version == first:
        f, where = split("all"), "pipeline"
    else:
        where = "retrain"
        s = yaml.safe_load((DEMO / "retrain/params.yaml").read_text())["split"]
        f = pd.read_parquet(DEMO / "retrain/frame.parquet")
        date = f["date"].dt.tz_localize(None) if f["date"].dt.tz else f["date"]
        f = f[(date >= pd.Timestamp(str(s["fit_start"])).tz_localize(None)) & (date < pd.Timestamp(str(s["valid_end"])).tz_localize(None))]
    n = min(len(f), REFERENCE_MAX)
    sample = f.iloc[np.arange(n) * len(f) // n]
    columns = {c: sample[c].to_numpy(dtype="float64") for c in feature_names()}
    columns["score"] = booster_scores(booster(models_by_version()[version]), sample[feature_names()]).astype("float64")
    return columns


@functools.cache
def windows():
    p = predictions()
    start = p["event_time"].astype("datetime64[us]").astype("int64") // DAY_US * DAY_US
    return dict(list(p.groupby(start)))


def live_version_at(us):
    """Which version the monitor compared with when a window closed: the newest promoted by then."""
    version = document("pipeline/registered.json")["version"]
    for r in document("out/rollouts.json")["rollouts"]:
        if r["state"] == "promoted" and r["finished_us"] is not None and r["finished_us"] < us:
            version = r["candidate"]
    return version


def check_window_quality():
    listed = document("out/windows.json")["windows"]
    assert len(listed) >= 20
    for w in listed:
        rows = windows()[w["start_us"]]
        known = rows[rows["label"].notna() & rows["ok"]]
        label, score = known["label"].to_numpy(dtype="int64"), known["score"].to_numpy(dtype="float64")
        assert w["predictions"] == len(rows) and w["labelled"] == rows["label"].notna().sum() and w["errors"] == (~rows["ok"]).sum()
        close(w["auc"], sk.roc_auc_score(label, score), 1e-9)
        close(w["logloss"], sk.log_loss(label, score), 1e-9)
        close(w["brier"], sk.brier_score_loss(label, score), 1e-9)
        close(w["ece"], ece(score, label), 1e-9)
        close(w["accuracy"], np.mean((score >= 0.5) == label), 1e-12)
        close(w["base_rate"], label.mean(), 1e-12)
        close(w["mean_score"], rows["score"][rows["ok"]].to_numpy(dtype="float64").mean(), 1e-9)
        latency = np.quantile(rows["latency_us"].to_numpy(), [0.5, 0.95, 0.99])
        for name, value in zip(("p50_us", "p95_us", "p99_us"), latency):
            close(w[name], value, 1e-12)
        assert {v["version"]: v["predictions"] for v in w["versions"]} == rows["version"].value_counts().to_dict()


def check_window_drift():
    """KS and PSI of every feature and the score on every fifth day: D to 1e-12, p to 1e-6 relative, PSI to 1e-9."""
    for w in document("out/windows.json")["windows"][::5]:
        rows = windows()[w["start_us"]]
        ref = reference(live_version_at(w["end_us"] + DAY_US))
        for f in [w["score"], *w["features"]]:
            r, c = ref[f["name"]], rows[f["name"]].to_numpy(dtype="float64")
            r, c = r[np.isfinite(r)], c[np.isfinite(c)]
            if f["ks_d"] is None:
                assert min(len(r), len(c)) < 200
                continue
            mode = "exact" if max(len(r), len(c)) <= 10000 else "asymp"
            want = scipy.stats.ks_2samp(r, c, method=mode)
            close(f["ks_d"], want.statistic, 1e-12)
            close(f["ks_p"], want.pvalue, 1e-6, 1e-300)
            close(f["psi"], psi(r, c), 1e-9, 1e-12)


# ---- 8. rollouts ---------------------------------------------------------------------------------------------------

def half_width(n, se, alpha, n_star=5000):
    """One-sided asymptotic confidence sequence (Waudby-Smith et al. 2021) at n observations whose mean has standard error se."""
    a = 2 * alpha
    rho2 = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / n_star
    return se * math.sqrt(n) * math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * math.log(1 + math.sqrt(n * rho2 + 1) / (2 * alpha)))


def arm_losses(rollout, until_us):
    """The per-request losses of both arms that were labelled by then, requests at full traffic left out."""
    p = predictions()
    event = p["event_time"].astype("datetime64[us]").astype("int64")
    known = p["label_time"].astype("datetime64[us]").astype("int64").where(p["label_time"].notna(), np.iinfo("int64").max)
    full = [d["at_us"] for d in rollout["decisions"] if d["verdict"] == "advance" and d["to_permille"] == 1000]
    mine = (event >= rollout["started_us"]) & (event < (full or [np.iinfo("int64").max])[0]) & (known <= until_us) & p["ok"]
    eps = np.finfo(float).eps
    out = []
    for arm, version in ((0, rollout["control"]), (1, rollout["candidate"])):
        rows = p[mine & (p["arm"] == arm) & (p["version"] == version)]
        s, y = np.clip(rows["score"].to_numpy(dtype="float64"), eps, 1 - eps), rows["label"].to_numpy(dtype="int64")
        out.append(np.where(y == 1, -np.log(s), -np.log1p(-s)))
    return out


def check_rollouts():
    rollouts = document("out/rollouts.json")["rollouts"]
    assert [r["state"] for r in rollouts] == ["promoted", "rolled_back"]
    for r in rollouts:
        compared = 0
        for d in r["decisions"]:
            if d["diff"] is None:
                continue
            control, candidate = arm_losses(r, d["at_us"])
            for sums, losses in ((d["evidence"]["control"], control), (d["evidence"]["candidate"], candidate)):
                assert sums["labels"] == len(losses), (d["seq"], sums["labels"], len(losses))
                close(sums["loss_mean"], losses.mean(), 1e-9)
            diff = candidate.mean() - control.mean()
            close(d["diff"], diff, 1e-7, 1e-9)
            if d["lo"] is None:
                continue
            se = math.sqrt(control.var(ddof=1) / len(control) + candidate.var(ddof=1) / len(candidate))
            half = half_width(len(control) + len(candidate), se, r["plan"]["alpha"] / 2)
            close(d["lo"], diff - half, 1e-6, 1e-9)
            close(d["hi"], diff + half, 1e-6, 1e-9)
            compared += 1
        assert compared
    steps = [d["to_permille"] for d in rollouts[0]["decisions"] if d["verdict"] in ("advance", "promote")]
    assert steps == sorted(steps) and steps[-1] == 1000
    assert rollouts[1]["decisions"][-1]["verdict"] == "rollback" and rollouts[1]["decisions"][-1]["to_permille"] == 0


def check_audit():
    rows = document("out/audit.json")["rows"]
    taken = [(r["detail"]["decision"]["candidate"], r["verb"]) for r in rows if r["verb"] in ("rollout_promote", "rollout_rollback")]
    wanted = [(r["candidate"], "rollout_promote" if r["state"] == "promoted" else "rollout_rollback") for r in document("out/rollouts.json")["rollouts"]]
    assert sorted(taken) == sorted(wanted), (taken, wanted)


# ---- the summary ---------------------------------------------------------------------------------------------------

def check_summary():
    s = document("summary.json")
    f = {(x["step"], x["name"]): x["value"] for x in s["figures"]}
    assert None not in f.values()
    best = document("pipeline/evaluation.json")["best"]["evaluation"]
    assert f["evaluate", "auc"] == best["auc"]["value"] and f["validate", "rows"] == len(flights())
    assert f["live", "windows"] == len(document("out/windows.json")["windows"])
    sent = s["replay1"]["requests"] + s["replay2"]["requests"]
    assert sent == len(predictions())
    page = (DEMO / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page


CHECKS = [v for k, v in sorted(globals().items()) if k.startswith("check_")]


def main():
    global DEMO
    if len(sys.argv) > 1:
        DEMO = Path(sys.argv[1]).resolve()
    bad = 0
    for check in CHECKS:
        try:
            check()
            print(f"ok    {check.__name__}")
        except AssertionError as e:
            bad += 1
            print(f"WRONG {check.__name__}: {str(e)[:400]}")
    print(f"{len(CHECKS) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
