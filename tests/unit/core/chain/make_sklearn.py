#!/usr/bin/env python3
"""Records what the tests of core/chain compare with: tests/unit/core/chain/data/sklearn.json.

Run with scikit-learn 1.6.1, numpy 1.26.4:  python tests/unit/core/chain/make_sklearn.py
Numbers come from the formula `series`, rounded to what a float holds, so that both sides start from the same bits. null is NaN.
"""
import json
import math
import os
import warnings

import numpy as np
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.preprocessing import (KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler,
                                   TargetEncoder)

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "sklearn.json")
warnings.simplefilter("ignore")
N = 120


def series(seed, n, modulus, scale, shift):
    i = np.arange(n, dtype=np.int64)
    u = (i * i * 31 + i * 7919 + seed * 104729) % 65537
    u = (u * u + 12345 * seed) % 65537
    return (u % modulus).astype(float) * scale + shift


def plain(a):
    return [None if isinstance(v, float) and math.isnan(v) else v for v in np.asarray(a).ravel().tolist()]


def case(name, steps, source, text, got, fresh=None, unknown=None):
    """`got`: the outputs of `source`'s rows, row by row; `fresh`: other rows, transformed by the same fit, to `unknown`."""
    width = np.asarray(got).reshape(len(source), -1).shape[1]
    return {"name": name, "steps": steps, "text": text, "source": plain(source), "width": width, "out": plain(got),
            "fresh": plain(fresh if fresh is not None else []), "fresh_out": plain(unknown if unknown is not None else [])}


x = series(1, N, 991, 0.37, -100)
gaps = x.copy()
gaps[series(2, N, 7, 1, 0) == 0] = np.nan
skewed = np.exp(series(3, N, 400, 0.02, 0))
cities = np.array(["Ulm", "Bonn", "Köln", "Aachen", "Zürich", "Wien"], dtype=object)
rank = np.minimum(series(4, N, 36, 1, 0), series(5, N, 36, 1, 0))
city = cities[np.searchsorted([3, 8, 15, 25, 33], rank, side="right")]
month = series(6, N, 12, 1, 1)
label = ((series(7, N, 100, 0.01, 0) + (rank < 8) * 0.3) > 0.6).astype(float)
col = lambda a: np.asarray(a).reshape(-1, 1)
fresh_number = np.array([-1e6, -100.0, 0.0, 55.5, 1e6])
fresh_city = np.array(["Rom", "Ulm", "Bonn", "Oslo"], dtype=object)
cases = []


def add(name, steps, est, source, text=False, fresh=None, y=None, dense=True):
    fit = est.fit(col(source)) if y is None else est.fit(col(source), y)
    tr = lambda a: np.asarray(fit.transform(col(a)), dtype=float)
    cases.append(case(name, steps, source, text, tr(source), fresh, tr(fresh) if fresh is not None else None))


add("impute mean", [{"kind": "impute", "strategy": "mean"}], SimpleImputer(), gaps, fresh=np.array([np.nan, 1.0]))
add("impute median", [{"kind": "impute", "strategy": "median", "indicator": True}], SimpleImputer(strategy="median", add_indicator=True), gaps,
    fresh=np.array([np.nan, 1.0]))
add("impute most frequent", [{"kind": "impute", "strategy": "most_frequent"}], SimpleImputer(strategy="most_frequent"),
    np.where(np.isnan(gaps), np.nan, np.floor(gaps / 60)), fresh=np.array([np.nan, 1.0]))
add("impute constant", [{"kind": "impute", "strategy": "constant", "value": -7.5}], SimpleImputer(strategy="constant", fill_value=-7.5), gaps)
for method, est in (("standard", StandardScaler), ("minmax", MinMaxScaler), ("robust", RobustScaler), ("maxabs", MaxAbsScaler)):
    add("scale " + method, [{"kind": "scale", "method": method}], est(), gaps, fresh=fresh_number)
    add("scale skewed " + method, [{"kind": "scale", "method": method}], est(), skewed, fresh=fresh_number)
    add("scale constant " + method, [{"kind": "scale", "method": method}], est(), np.full(N, 3.1), fresh=fresh_number)
for strategy in ("uniform", "quantile"):
    for n in (2, 5, 9):
        add(f"bucketize {strategy} {n}", [{"kind": "bucketize", "method": strategy, "buckets": n}],
            KBinsDiscretizer(n, encode="ordinal", strategy=strategy, subsample=None), x, fresh=fresh_number)
    add(f"bucketize onehot {strategy}", [{"kind": "bucketize", "method": strategy, "buckets": 4, "onehot": True}],
        KBinsDiscretizer(4, encode="onehot-dense", strategy=strategy, subsample=None), x, fresh=fresh_number)
add("bucketize ties", [{"kind": "bucketize", "method": "quantile", "buckets": 8}], KBinsDiscretizer(8, encode="ordinal", subsample=None), np.floor(month / 5))
add("onehot", [{"kind": "onehot"}], OneHotEncoder(sparse_output=False, handle_unknown="ignore"), city, True, fresh_city)
add("onehot numbers", [{"kind": "onehot"}], OneHotEncoder(sparse_output=False, handle_unknown="ignore"), month, fresh=np.array([13.0, 2.0, 2.5]))
for least in (1, 8, 20, 0.1, 1000):
    add(f"onehot min {least}", [{"kind": "onehot", "unknown": "infrequent", "min_frequency": least}],
        OneHotEncoder(sparse_output=False, handle_unknown="infrequent_if_exist", min_frequency=least), city, True, fresh_city)
for most in (1, 2, 3, 5, 6, 7):
    add(f"onehot max {most}", [{"kind": "onehot", "max_categories": most}],
        OneHotEncoder(sparse_output=False, handle_unknown="ignore", max_categories=most), city, True, fresh_city)
    add(f"onehot numbers max {most}", [{"kind": "onehot", "max_categories": most, "min_frequency": 9}],
        OneHotEncoder(sparse_output=False, handle_unknown="ignore", max_categories=most, min_frequency=9), month)
add("ordinal", [{"kind": "ordinal", "unknown": "value", "unknown_value": -1}], OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), city,
    True, fresh_city)
add("ordinal numbers", [{"kind": "ordinal", "unknown": "value"}], OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), month,
    fresh=np.array([13.0, 2.0]))
for smooth in ("auto", 0.0, 10.0):
    add(f"target {smooth}", [{"kind": "target", "smooth": smooth}], TargetEncoder(smooth=smooth, target_type="continuous"), city, True, fresh_city, y=label)
add("target numbers", [{"kind": "target"}], TargetEncoder(target_type="continuous"), month, fresh=np.array([13.0, 2.0]), y=label)

words = ["", "a", "ab", "abc", "abcd", "abcde", "Köln", "a much longer text, with blanks", "\u4e2d\u6587", "x" * 100] + [f"w{i}" for i in range(40)]
for signs in (False, True):
    h = FeatureHasher(16, input_type="string", alternate_sign=signs)
    out = np.vstack([h.transform([[w]]).toarray() if w else np.zeros((1, 16)) for w in words])
    cases.append(case(f"hash {signs}", [{"kind": "hash", "buckets": 16, "signs": signs}], np.array(words, dtype=object), True, out))

log = np.log1p(np.where(np.isnan(gaps), np.nan, gaps + 200))
scaler = StandardScaler().fit(col(log))
cases.append(case("log1p then scale", [{"kind": "log1p"}, {"kind": "scale"}], gaps + 200, False, scaler.transform(col(log))))
clipped = np.clip(gaps, -50, 40)
cases.append(case("clip then minmax", [{"kind": "clip", "min": -50, "max": 40}, {"kind": "scale", "method": "minmax"}], gaps, False,
                  MinMaxScaler().fit_transform(col(clipped))))

# ---- calibration; scores are floats, as the models give them ----
raw = np.float32(series(11, 400, 101, 1 / 101, 0.002)).astype(float)
truth = (series(12, 400, 1000, 0.001, 0) < raw ** 2).astype(float)
grid = np.float32(np.linspace(-0.1, 1.1, 61)).astype(float)
inner = np.float32(np.linspace(0.01, 0.99, 50)).astype(float)
sig = _SigmoidCalibration().fit(raw, truth)
iso = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(raw, truth)


class Shown:
    """An estimator that gives the scores it is shown."""
    _estimator_type = "classifier"
    classes_ = np.array([0.0, 1.0])

    def __sklearn_tags__(self):
        from sklearn.utils import Tags, TargetTags, ClassifierTags
        return Tags(estimator_type="classifier", target_tags=TargetTags(required=True), classifier_tags=ClassifierTags())

    def fit(self, X, y):
        return self

    def get_params(self, deep=True):
        return {}

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0.5).astype(float)


whole = {}
for method in ("sigmoid", "isotonic"):
    c = CalibratedClassifierCV(Shown(), method=method, cv="prefit").fit(col(raw), truth)
    whole[method] = plain(c.predict_proba(col(grid))[:, 1])

calibration = {
    "scores": plain(raw), "labels": plain(truth), "grid": plain(grid), "inner": plain(inner),
    "platt": {"a": sig.a_, "b": sig.b_, "out": plain(sig.predict(grid)), "whole": whole["sigmoid"]},
    "isotonic": {"x": plain(iso.X_thresholds_), "y": plain(iso.y_thresholds_), "out": plain(iso.predict(grid)), "whole": whole["isotonic"]},
}
json.dump({"cases": cases, "labels": plain(label), "calibration": calibration}, open(OUT, "w"), ensure_ascii=False, separators=(",", ":"))
print(len(cases), "cases", os.path.getsize(OUT), "bytes")
