"""LightGBM's models through the native engine against LightGBM itself. Rows are doubles, and floats too. Answers are LightGBM's
doubles rounded to floats: equal to that rounding but for the last bit (exp and the order of sums differ in the 16th digit)."""
import lightgbm
import numpy as np
import pytest

from engine_probe import EngineError, Engines

TOLERANCE = 1.2e-7


@pytest.fixture(scope="module")
def engines():
    e = Engines()
    yield e
    e.close()


OBJECTIVES = ["binary", "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "cross_entropy",
              "cross_entropy_lambda", "multiclass", "multiclassova", "lambdarank", "rank_xendcg"]


def data(seed, rows=500, missing=0.1, zeros=0.2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 9))
    x[:, 3] = rng.integers(0, 6, rows)
    x[:, 4] = rng.integers(0, 150, rows)
    score = x[:, 0] - x[:, 1] * x[:, 2] + np.isin(x[:, 3], [1, 4]) + np.isin(x[:, 4] % 13, [2, 5, 11]) + rng.normal(size=rows) / 4
    x[:, 5:] = np.round(x[:, 5:], 1)
    x[rng.random(x.shape) < zeros] = 0
    x[rng.random(x.shape) < missing] = np.nan
    return rng, x, score


def label(objective, score, rng):
    if objective.startswith("multi"):
        return np.digitize(score, [-1, 0, 1])
    if objective == "binary":
        return score > 0
    if objective.startswith("cross"):
        return 1 / (1 + np.exp(-score))
    if objective.startswith(("lambda", "rank")):
        return np.digitize(score, [-1, 0, 1])
    if objective in ("poisson", "gamma", "tweedie", "mape"):
        return np.exp(np.clip(score, -2, 2))
    return score


def train(objective, seed, rounds=10, categorical=False, missing=0.1, **more):
    rng, x, score = data(seed, missing=missing)
    y = np.asarray(label(objective, score, rng), float)
    params = {"objective": objective, "verbosity": -1, "num_threads": 2, "seed": seed, "min_data_in_leaf": 3, "num_leaves": 15,
              "cat_smooth": 1, "min_data_per_group": 5, "deterministic": True, **more}
    if objective.startswith("multi"):
        params["num_class"] = 4
    d = lightgbm.Dataset(x, y, categorical_feature=[3, 4] if categorical else "auto", free_raw_data=False)
    if objective.startswith(("lambda", "rank")):
        d.set_group([len(y) // 20] * 20)
    return lightgbm.train(params, d, rounds)


def ask(engines, booster, seed):
    _, x, _ = data(seed + 1000, rows=131)
    x[0], x[1], x[2] = np.nan, 0, -0.5
    x[3, 4], x[4, 4], x[5, 3], x[6, 3], x[7, 3] = 1000, 149, 7, -1, 2.9
    x[8, 0], x[9, 0], x[10, 0] = 1e-36, np.inf, -np.inf
    text = booster.model_to_string()
    for rows in (x, x.astype(np.float32)):
        want = booster.predict(rows).reshape(len(x), -1)
        for n in (1, 9, len(x)):
            got = engines.predict(text, rows[:n])
            assert engines.engine == "lightgbm"
            assert got.shape == want[:n].shape
            np.testing.assert_allclose(got, want[:n].astype(np.float32), rtol=TOLERANCE, atol=1e-30)
    # On the thresholds themselves, where x <= t decides.
    thresholds = {}
    for line in text.splitlines():
        key, _, values = line.partition("=")
        if key in ("split_feature", "threshold", "decision_type"):
            thresholds.setdefault(key, []).extend(values.split())
    rows = np.zeros((len(thresholds.get("threshold", [])), x.shape[1]))
    for i, (f, t, d) in enumerate(zip(*(thresholds.get(k, []) for k in ("split_feature", "threshold", "decision_type")))):
        rows[i] = x[i % len(x)]
        rows[i, int(f)] = t
    if len(rows):
        np.testing.assert_allclose(engines.predict(text, rows).ravel(), booster.predict(rows).astype(np.float32).ravel(), rtol=TOLERANCE, atol=1e-30)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives(engines, objective):
    for seed in range(3):
        ask(engines, train(objective, seed), seed)


@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}])
@pytest.mark.parametrize("missing", [0, 0.2])
@pytest.mark.parametrize("categorical", [False, True])
def test_kinds_of_missing(engines, categorical, missing, more):
    for seed in range(4):
        objective = ["binary", "regression", "multiclass", "poisson"][seed]
        ask(engines, train(objective, seed, categorical=categorical, missing=missing, **more), seed)


@pytest.mark.parametrize("more", [{"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, {"boosting": "dart"},
                                  {"data_sample_strategy": "goss"}, {"reg_sqrt": True}, {"sigmoid": 2.5}, {"max_depth": 1}, {"extra_trees": True},
                                  {"num_leaves": 200, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0}])
def test_other_ways_to_train(engines, more):
    for seed, objective in enumerate(["regression", "binary", "multiclassova"]):
        ask(engines, train(objective, seed, categorical=seed % 2 == 0, **more), seed)


def test_forest_of_multiclass_averaged(engines):
    ask(engines, train("multiclass", 3, boosting="rf", bagging_freq=1, bagging_fraction=0.5, categorical=True), 3)


def test_own_objective_gives_raw_sums(engines):
    _, x, score = data(1)
    booster = lightgbm.train({"objective": lambda p, d: (p - d.get_label(), np.ones_like(p)), "verbosity": -1}, lightgbm.Dataset(x, score), 5)
    ask(engines, booster, 1)


def test_nothing_to_learn(engines):
    booster = lightgbm.train({"objective": "regression", "verbosity": -1}, lightgbm.Dataset(np.zeros((100, 9)), np.ones(100)), 3)
    ask(engines, booster, 1)


def test_many_random_models(engines):
    for seed in range(120):
        rng = np.random.default_rng(seed)
        objective = OBJECTIVES[rng.integers(len(OBJECTIVES))]
        more = {"num_leaves": int(rng.integers(2, 80)), "learning_rate": float(rng.uniform(0.05, 0.5)), "max_cat_to_onehot": int(rng.choice([1, 4, 20])),
                "zero_as_missing": bool(rng.random() < 0.2), "use_missing": bool(rng.random() < 0.9)}
        ask(engines, train(objective, seed, rounds=int(rng.integers(1, 8)), categorical=bool(rng.random() < 0.6), missing=float(rng.choice([0, 0.2])),
                           **more), seed)


def test_what_is_refused(engines):
    text = train("regression", 1, categorical=True).model_to_string()
    x = np.zeros((1, 9))
    linear = train("regression", 1, linear_tree=True, missing=0).model_to_string()
    cases = [(linear, "UNSUPPORTED"), (text.replace("objective=regression", "objective=tomorrow"), "UNSUPPORTED"),
             (text.replace("version=v4", "version=v9"), "UNSUPPORTED"), (text.replace("num_leaves=15", "num_leaves=16", 1), "INVALID"),
             (text.replace("max_feature_idx=8", "max_feature_idx=7"), "INVALID"), (text.replace("left_child=", "left_child=-99 ", 1), "INVALID"),
             (text.replace("cat_threshold=", "cat_threshold=1 ", 1), "INVALID"), (text.replace("Tree=", "Twig=", 1), "INVALID"),
             (text[:text.index("end of trees")], "INVALID"), (text.replace("decision_type=", "decision_type=99 ", 1), "INVALID")]
    for spoilt, code in cases:
        assert spoilt != text
        with pytest.raises(EngineError) as caught:
            engines.predict(spoilt, x)
        assert caught.value.code.endswith(code), caught.value
