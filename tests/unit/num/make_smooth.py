#!/usr/bin/env python3
"""Records the values that test_smooth.c compares with: tests/unit/num/data/smooth.json.

Run with numpy and pandas (2.x):  python tests/unit/num/make_smooth.py
EMA and means are pandas' own; the uneven EMA and the Gaussian are their definitions, summed directly.
"""
import json
import math
import pathlib

import numpy as np
import pandas as pd

OUT = pathlib.Path(__file__).parent / "data" / "smooth.json"


def show(values):
    return [None if math.isnan(v) else float(v) for v in values]


def cases():
    rng = np.random.default_rng(20260101)
    plain = np.cumsum(rng.normal(size=60)) + 10
    gaps = plain.copy()
    gaps[[0, 7, 8, 30, 59]] = np.nan
    huge = rng.normal(size=25)
    huge[5] = 1e300
    return {"plain": plain, "gaps": gaps, "huge": huge, "one": np.array([3.5]), "constant": np.full(9, 0.1)}


def ema_at(at, x, half_life):
    out = []
    for i in range(len(x)):
        past = [k for k in range(i + 1) if not math.isnan(x[k])]
        w = [0.5 ** ((at[i] - at[k]) / half_life) for k in past]
        out.append(math.nan if math.isnan(x[i]) else math.fsum(a * x[k] for a, k in zip(w, past)) / math.fsum(w))
    return out


def gaussian(x, sigma):
    out = []
    for i in range(len(x)):
        near = [k for k in range(len(x)) if abs(k - i) <= 4 * sigma and not math.isnan(x[k])]
        w = [math.exp(-0.5 * ((k - i) / sigma) ** 2) for k in near]
        out.append(math.nan if math.isnan(x[i]) else math.fsum(a * x[k] for a, k in zip(w, near)) / math.fsum(w))
    return out


def main():
    rows = []
    for name, x in cases().items():
        s, at = pd.Series(x), np.cumsum(np.random.default_rng(3).integers(0, 9, size=len(x))).astype(float)
        gap = s.isna()
        row = {"name": name, "x": show(x), "at": show(at), "ema": [], "ema_at": [], "mean": [], "gaussian": []}
        for w in (0.0, 0.6, 0.99):
            row["ema"].append([w, show(s.ewm(alpha=1 - w, adjust=True, ignore_na=True).mean().mask(gap))])
        for half_life in (0.5, 10.0):
            row["ema_at"].append([half_life, show(ema_at(at, x, half_life))])
        for window in (1, 2, 5, 200):
            row["mean"].append([window, show(s.rolling(window, center=True, min_periods=1).apply(lambda v: math.fsum(v[~np.isnan(v)]) / (~np.isnan(v)).sum(), raw=True).mask(gap))])
        for sigma in (0.3, 2.0, 50.0):
            row["gaussian"].append([sigma, show(gaussian(x, sigma))])
        rows.append(row)
    OUT.write_text(json.dumps(rows, indent=0) + "\n")


if __name__ == "__main__":
    main()
