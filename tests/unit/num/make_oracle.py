#!/usr/bin/env python3
"""Records the values that the tests of src/num compare with: tests/unit/num/data/*.json.

Run with scipy 1.14.1, numpy 1.26.4, scikit-learn and mpmath:  python tests/unit/num/make_oracle.py
Large samples are not stored: both sides make them from the same formula (series below, `series` in oracle.h), which uses
only operations that are exact in IEEE arithmetic.
"""
import json
import math
import os

import mpmath
import numpy as np
from scipy import stats, special
from sklearn import metrics

mpmath.mp.dps = 60
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def series(seed, n, modulus, scale, shift):
    i = np.arange(n, dtype=np.int64)
    u = (i * i * 31 + i * 7919 + seed * 104729) % 65537
    u = (u * u + 12345 * seed) % 65537
    return (u % modulus).astype(float) * scale + shift


def save(name, obj):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump(obj, f, indent=0)
        f.write("\n")


def special_values():
    out = {"gamma": [], "beta": [], "normal": [], "t": [], "ppf": []}
    for a in (0.05, 0.5, 1, 2.5, 10, 15.9, 16, 100, 1234.5):
        for f in (1e-3, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 3, 20):
            x = a * f
            q = mpmath.gammainc(a, x, mpmath.inf, regularized=True)
            p = mpmath.gammainc(a, 0, x, regularized=True)
            if q > 1e-290 and p > 1e-290:
                out["gamma"].append([a, x, float(p), float(q)])
    for a in (0.5, 1, 2, 7.5, 50, 400, 3000):
        for b in (0.5, 1, 3, 20, 333, 2500):
            for x in (1e-6, 0.01, 0.25, 0.5, 0.75, 0.99):
                p = mpmath.betainc(a, b, 0, mpmath.mpf(x), regularized=True)
                q = mpmath.betainc(b, a, 0, 1 - mpmath.mpf(x), regularized=True)
                if p > 1e-290 and q > 1e-290:
                    out["beta"].append([a, b, x, float(p), float(q)])
    for z in (-37, -8, -2.5, -1, 0, 0.3, 1, 1.959963984540054, 3, 6, 12, 37):
        out["normal"].append([z, float(mpmath.ncdf(z)), float(mpmath.ncdf(-z))])
    for p in (1e-300, 1e-50, 1e-10, 0.001, 0.025, 0.1, 0.3, 0.5, 0.7, 0.975, 0.999, 1 - 1e-12):
        out["ppf"].append([p, float(special.ndtri(p))])
    for dof in (1, 2, 3.5, 10, 100, 54321):
        for t in (-3, -0.5, 0.1, 1, 2.5, 8, 40):
            out["t"].append([t, dof, float(stats.t.sf(t, dof))])
    save("special.json", out)


def kolmogorov_values():
    out = {"kstwo": [], "smirnov": [], "ks_2samp": []}
    for n in (1, 2, 3, 5, 10, 30, 100, 140, 141, 500, 1000, 5000, 10000, 10001, 14203, 50000, 200000):
        xs = [0.3 / n, 0.5 / n, 0.75 / n, 1 / n, 1.3 / n, 0.4, 0.5, 0.7, 0.95, 1.0, (n - 0.5) / n]
        xs += [c / math.sqrt(n) for c in (0.3, 0.45, 0.6, 0.8, 1.0, 1.2, 1.358, 1.48, 1.49, 1.7, 2.0, 2.5, 4, 8, 15, 19, 19.3)]
        for x in xs:
            if 0 < x <= 1:
                out["kstwo"].append([n, x, float(stats.kstwo.sf(x, n))])
    for n in (1, 4, 25, 150, 1000, 14000):
        for x in (0.001, 0.02, 0.1, 0.3, 0.6, 0.99):
            out["smirnov"].append([n, x, float(special.smirnov(n, x))])
    # seed, n, modulus, scale, shift of both samples
    cases = [
        ((1, 50, 65537, 1, 0), (2, 50, 65537, 1, 0)),
        ((1, 50, 65537, 1, 0), (2, 50, 65537, 1, 20000)),
        ((1, 50, 65537, 1, 0), (2, 50, 65537, 1, 200000)),
        ((1, 40, 65537, 1, 0), (2, 60, 65537, 1, 5000)),
        ((1, 37, 65537, 1, 0), (2, 61, 65537, 1, 15000)),
        ((1, 1, 65537, 1, 0), (2, 7, 65537, 1, 0)),
        ((3, 500, 10, 1, 0), (4, 300, 10, 1, 1)),
        ((3, 500, 10, 1, 0), (4, 300, 10, 1, 0)),
        ((5, 1000, 65537, 1, 0), (6, 1200, 65537, 1, 3000)),
        ((5, 2000, 65537, 1, 0), (6, 2000, 65537, 1, 1000)),
        ((5, 2001, 65537, 1, 0), (6, 1003, 65537, 1, 300000)),
        ((7, 20000, 65537, 1, 0), (8, 16000, 65537, 1, 700)),
        ((7, 20000, 24, 1, 0), (8, 16000, 24, 1, 0)),
        ((7, 20000, 24, 1, 0), (8, 16000, 23, 1, 0)),
        ((9, 60000, 65537, 0.5, 0), (8, 12345, 65537, 0.5, 500)),
        ((9, 60000, 65537, 0.5, 0), (8, 12345, 65537, 0.5, 20000)),
    ]
    for a, b in cases:
        x, y = series(*a), series(*b)
        r = stats.ks_2samp(x, y)
        out["ks_2samp"].append([list(a), list(b), float(r.statistic), float(r.pvalue)])
    save("kolmogorov.json", out)


def evidently_shares(ref, cur):
    """Evidently 0.7.21's binning, re-implemented from its definition."""
    if len(np.unique(ref)) > 20:
        both = np.concatenate([ref, cur])
        span = both.max() - both.min()
        width = span / (math.log2(len(both)) + 1)
        bins = int(math.ceil(span / width))
        edges = np.arange(bins + 1) * (span / bins) + both.min()
        edges[-1] = both.max()
        r = np.histogram(ref, bins=edges)[0] / len(ref)
        c = np.histogram(cur, bins=edges)[0] / len(cur)
    else:
        values = np.unique(np.concatenate([ref, cur]))
        r = np.array([(ref == v).sum() / len(ref) for v in values])
        c = np.array([(cur == v).sum() / len(cur) for v in values])
    return r, c


def fill(share):
    share = share.copy()
    least = share[share > 0].min()
    share[share == 0] = least / 1e6 if least <= 0.0001 else 0.0001
    return share


def drift_values():
    out = []
    cases = [
        ((1, 1000, 65537, 1, 0), (2, 900, 65537, 1, 4000)),
        ((1, 1000, 65537, 1, 0), (2, 900, 65537, 0.5, 100000)),
        ((1, 30000, 65537, 0.25, -8000), (2, 16000, 65537, 0.25, -8000)),
        ((1, 500, 7, 1, 0), (2, 400, 9, 1, 0)),
        ((1, 500, 20, 1, 0), (2, 400, 5, 1, 0)),
        ((1, 500, 21, 1, 0), (2, 400, 5, 1, 0)),
        ((1, 30000, 24, 1, 0), (2, 16000, 22, 1, 1)),
        ((1, 300, 1, 1, 5), (2, 300, 1, 1, 5)),
        ((1, 30, 65537, 1, 0), (2, 1, 65537, 1, 0)),
    ]
    for a, b in cases:
        x, y = series(*a), series(*b)
        r, c = evidently_shares(x, y)
        fr, fc = fill(r), fill(c)
        psi = float(np.sum((fr - fc) * np.log(fr / fc)))
        m = (r + c) / 2
        js = math.sqrt(max(0.0, (special.rel_entr(r, m).sum() + special.rel_entr(c, m).sum()) / 2))
        w = float(stats.wasserstein_distance(x, y))
        out.append([list(a), list(b), psi, js, w, w / max(float(np.std(x)), 0.001)])
    save("drift.json", out)


def delong(y, s):
    """DeLong's variance straight from its definition."""
    pos, neg = s[y == 1], s[y == 0]
    psi = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    return psi.mean(), v10.var(ddof=1) / len(pos) + v01.var(ddof=1) / len(neg)


def metric_values():
    out = []
    for seed, n, modulus in ((1, 400, 65537), (2, 1000, 11), (3, 257, 2), (4, 60, 65537), (5, 2000, 1000)):
        s = series(seed, n, modulus, 1, 0) / modulus
        y = ((series(seed + 50, n, 65537, 1, 0) / 65537) < (0.2 + 0.5 * s)).astype(int)
        z = stats.norm.ppf(0.975)
        auc, var = delong(y, s)
        eps = np.finfo(float).eps
        p = np.clip(s, eps, 1 - eps)
        losses = np.where(y == 1, -np.log(p), -np.log1p(-p))
        brier = (s - y) ** 2
        bins = np.minimum((s * 10).astype(int), 9)
        ece = sum((bins == b).mean() * abs(s[bins == b].mean() - y[bins == b].mean()) for b in range(10) if (bins == b).any())
        acc = metrics.accuracy_score(y, (s >= 0.3).astype(int))
        half = z / (1 + z * z / n) * math.sqrt(acc * (1 - acc) / n + z * z / (4 * n * n))
        mid = (acc + z * z / (2 * n)) / (1 + z * z / n)
        half_l = z * losses.std(ddof=1) / math.sqrt(n)
        half_b = z * brier.std(ddof=1) / math.sqrt(n)
        out.append({
            "seed": seed, "n": n, "modulus": modulus,
            "auc": [float(metrics.roc_auc_score(y, s)), float(max(0, auc - z * math.sqrt(var))), float(min(1, auc + z * math.sqrt(var)))],
            "logloss": [float(metrics.log_loss(y, s)), float(max(0, losses.mean() - half_l)), float(losses.mean() + half_l)],
            "brier": [float(metrics.brier_score_loss(y, s)), float(brier.mean() - half_b), float(brier.mean() + half_b)],
            "ece": float(ece), "accuracy": [float(acc), mid - half, mid + half],
            "quantiles": [[q, float(np.quantile(s, q))] for q in (0, 0.01, 0.333, 0.5, 0.95, 0.99, 1)],
        })
    save("metrics.json", out)


def sequential_values():
    out = {"welch": [], "proportion": [], "srm": [], "rate": [], "width": []}
    for a, b in (((1, 40, 1000, 0.01, 0), (2, 55, 1000, 0.02, 1)), ((3, 500, 100, 1, 0), (4, 300, 100, 1, 0.5))):
        x, y = series(*a), series(*b)
        r = stats.ttest_ind(y, x, equal_var=False)
        ci = r.confidence_interval(0.95)
        out["welch"].append([list(a), list(b), float(r.statistic), float(r.pvalue), float(ci.low), float(ci.high)])
    for ka, na, kb, nb in ((10, 100, 20, 110), (3, 40, 9, 41), (500, 10000, 480, 10000)):
        p = (ka + kb) / (na + nb)
        z = (kb / nb - ka / na) / math.sqrt(p * (1 - p) * (1 / na + 1 / nb))
        out["proportion"].append([ka, na, kb, nb, z, float(2 * stats.norm.sf(abs(z)))])
    for counts, shares in (([500, 520], [1, 1]), ([50, 900, 60], [5, 90, 5])):
        f = np.array(shares) / sum(shares) * sum(counts)
        out["srm"].append([counts, shares, float(stats.chisquare(counts, f).pvalue)])
    for k, n, p0, a, b in ((0, 10, 0.01, 1, 1), (3, 40, 0.01, 1, 1), (30, 400, 0.01, 0.5, 10), (900, 1000, 0.05, 1, 1), (5, 1000, 0.01, 1, 1)):
        mass = lambda u, v: mpmath.beta(u, v) * mpmath.betainc(v, u, 0, 1 - mpmath.mpf(p0), regularized=True)
        e = mass(a + k, b + n - k) / mass(a, b) / (mpmath.mpf(p0) ** k * (1 - mpmath.mpf(p0)) ** (n - k))
        out["rate"].append([k, n, p0, a, b, float(mpmath.log(e))])
    for n, se, alpha, star in ((100, 0.1, 0.05, 5000), (5000, 0.02, 0.05, 5000), (20000, 0.01, 0.01, 2000)):
        r2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / star
        w = se * math.sqrt(n) * math.sqrt(2 * (n * r2 + 1) / (n * n * r2) * math.log(math.sqrt(n * r2 + 1) / alpha))
        out["width"].append([n, se, alpha, star, w])
    save("sequential.json", out)


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    special_values()
    kolmogorov_values()
    drift_values()
    metric_values()
    sequential_values()
