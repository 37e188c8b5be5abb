"""Classical models in ONNX through the native engine against ONNX Runtime, for what skl2onnx makes of scikit-learn's models.
Scores within 2e-6 (absolute below 1, else relative): both compute in floats, in another order. Labels are equal
wherever the scores do not lie that close together."""
import warnings

import numpy as np
import onnxruntime
import pandas
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (AdaBoostClassifier, BaggingClassifier, ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from engine_probe import EngineError, Engines

warnings.filterwarnings("ignore")
TOLERANCE = 2e-6
OPSET = {"": 18, "ai.onnx.ml": 3}


@pytest.fixture(scope="module")
def engines():
    e = Engines()
    yield e
    e.close()


def data(seed, rows=240, columns=6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    score = x[:, 0] - x[:, 1] * x[:, 2] + rng.normal(size=rows) / 4
    return x, {"two": (score > 0).astype(int), "texts": np.array(["low", "middle", "high"])[np.digitize(score, [-0.6, 0.6])],
               "real": score, "reals": np.c_[score, -score, score ** 2]}


def same(name, got, want, scores, tolerance):
    want = np.asarray(want)
    assert got.shape == want.shape, name
    if want.dtype.kind in "OUi" or want.dtype == bool:
        differ = np.asarray(got).astype(str) != want.astype(str)
        if differ.any() and scores is not None and scores.ndim == 2 and scores.shape[1] > 1:
            top = np.sort(scores, axis=1)
            differ = differ.reshape(len(scores), -1).any(axis=1) & (top[:, -1] - top[:, -2] > 4 * TOLERANCE)
        assert not differ.any(), name
    else:
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=name)


def compare(engines, model, inputs, tolerance=TOLERANCE):
    blob = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    rows = len(next(iter(inputs.values())))
    for n in (1, 9, rows):
        part = {k: v[:n] for k, v in inputs.items()}
        want = dict(zip(names, session.run(None, part)))
        for k, v in want.items():
            if isinstance(v, list):  # ZipMap: maps become the matrix of their values
                want[k] = np.array([list(m.values()) for m in v], np.float32)
        got = engines.run(blob, part)
        assert engines.engine == "onnxml"
        scores = next((v for v in want.values() if v.dtype.kind == "f" and v.ndim == 2), None)
        for name in names:
            same(name, got[name], want[name], scores, tolerance)


CLASSIFIERS = {
    "logistic": LogisticRegression(), "svc": LinearSVC(), "ridge": RidgeClassifier(), "forest": RandomForestClassifier(20, max_depth=6),
    "level votes": RandomForestClassifier(10, max_depth=None), "extra": ExtraTreesClassifier(12), "boosted": GradientBoostingClassifier(n_estimators=15),
    "tree": DecisionTreeClassifier(max_depth=5), "sgd": SGDClassifier(), "sgd log": SGDClassifier(loss="log_loss"), "bayes": GaussianNB(),
    "net": MLPClassifier((8,), max_iter=20), "one against the rest": OneVsRestClassifier(LogisticRegression()), "ada": AdaBoostClassifier(n_estimators=4),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2), "bagging": BaggingClassifier(DecisionTreeClassifier(max_depth=4), 4),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression()), "ranges": make_pipeline(MinMaxScaler(), RobustScaler(), LogisticRegression()),
    "normed": make_pipeline(Normalizer(), LogisticRegression()), "l1": make_pipeline(Normalizer("l1"), RandomForestClassifier(5)),
    "steps": make_pipeline(Binarizer(threshold=0.2), LogisticRegression()), "pca": make_pipeline(PCA(3), LogisticRegression()),
    "filled": make_pipeline(SimpleImputer(), StandardScaler(), GradientBoostingClassifier(n_estimators=5)),
}
REGRESSORS = {
    "line": LinearRegression(), "forest": RandomForestRegressor(10), "boosted": GradientBoostingRegressor(n_estimators=20), "tree": DecisionTreeRegressor(),
    "svr": SVR(kernel="linear"), "svr rbf": SVR(), "svr poly": SVR(kernel="poly"), "lsvr": LinearSVR(), "scaled": make_pipeline(StandardScaler(), SVR()),
}


@pytest.mark.parametrize("target", ["two", "texts"])
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_classifiers(engines, kind, target):
    for seed in range(3):
        x, y = data(seed)
        model = CLASSIFIERS[kind].fit(x, y[target])
        options = {"zipmap": False} if seed % 2 and hasattr(model, "predict_proba") else {}
        compare(engines, to_onnx(model, x[:1], options={id(model): options} if options else None, target_opset=OPSET), {"X": data(seed + 100)[0]})


@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors(engines, kind):
    for seed in range(3):
        x, y = data(seed)
        model = to_onnx(REGRESSORS[kind].fit(x, y["real"]), x[:1], target_opset=OPSET)
        # ONNX Runtime sums hundreds of powers and exponentials in floats; ours are doubles.
        compare(engines, model, {"X": data(seed + 100)[0]}, tolerance=5e-5 if kind.startswith("svr") else TOLERANCE)


def test_several_targets_and_clusters(engines):
    x, y = data(1)
    compare(engines, to_onnx(RandomForestRegressor(7).fit(x, y["reals"]), x[:1], target_opset=OPSET), {"X": data(2)[0]})
    compare(engines, to_onnx(LinearRegression().fit(x, y["reals"]), x[:1], target_opset=OPSET), {"X": data(2)[0]})
    compare(engines, to_onnx(KMeans(4, n_init=2).fit(x), x[:1], target_opset=OPSET), {"X": data(2)[0]})


@pytest.mark.parametrize("unknown", ["ignore", "error"])
@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(8), GradientBoostingClassifier(n_estimators=8)])
def test_columns_of_all_kinds(engines, model, unknown):
    rng = np.random.default_rng(3)
    x, y = data(3)
    frame = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "city": np.array(["Rome", "Oslo", "Bern"])[rng.integers(0, 3, len(x))], "code": rng.integers(0, 4, len(x))})
    frame.loc[rng.random(len(x)) < 0.2, "a"] = np.nan
    columns = ColumnTransformer([("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]),
                                 ("texts", OneHotEncoder(handle_unknown=unknown), ["city"]), ("codes", OneHotEncoder(handle_unknown=unknown), ["code"]),
                                 ("order", OrdinalEncoder(), ["code"])])
    pipeline = Pipeline([("columns", columns), ("model", model)]).fit(frame, y["two"])
    types = [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1])), ("code", Int64TensorType([None, 1]))]
    exported = convert_sklearn(pipeline, "m", types, target_opset=OPSET)
    inputs = {"a": frame[["a"]].to_numpy(np.float32), "b": frame[["b"]].to_numpy(np.float32), "city": frame[["city"]].to_numpy(object),
              "code": frame[["code"]].to_numpy(np.int64)}
    compare(engines, exported, inputs)
    inputs["city"] = inputs["city"].copy()
    inputs["city"][5] = "Atlantis"
    if unknown == "ignore":
        compare(engines, exported, inputs)
    else:
        with pytest.raises(EngineError) as caught:
            engines.run(exported.SerializeToString(), inputs)
        assert caught.value.code == "INVALID" and "Atlantis" in caught.value.text


def ensemble(**more):
    """x0 <mode> 0.5 ? 1 : 2, as one tree."""
    attrs = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0], "nodes_values": [0.5, 0.0, 0.0],
             "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
             "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0], "n_targets": 1, **more}
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **attrs)
    return graph([node])


def graph(nodes, opset=13):
    g = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    return helper.make_model(g, ir_version=8, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]).SerializeToString()


@pytest.mark.parametrize("missing", [None, [0, 0, 0], [1, 0, 0]])
@pytest.mark.parametrize("mode", ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"])
def test_modes_of_nodes(engines, mode, missing):
    more = {} if missing is None else {"nodes_missing_value_tracks_true": missing}
    x = np.array([[v, 0] for v in (0, 0.5, 0.50000006, 0.49999997, np.nan, np.inf, -np.inf)], np.float32)
    compare(engines, ensemble(nodes_modes=[mode, "LEAF", "LEAF"], **more), {"x": x})


def test_what_is_refused(engines):
    x = {"x": np.zeros((2, 2), np.float32)}
    cases = [(ensemble(nodes_truenodeids=[0, 0, 0]), "INVALID"), (ensemble(nodes_truenodeids=[7, 0, 0]), "INVALID"),
             (ensemble(nodes_featureids=[-1, 0, 0]), "INVALID"), (ensemble(target_ids=[0, 1]), "INVALID"), (ensemble(target_nodeids=[0, 2]), "INVALID"),
             (ensemble(nodes_values=[0.5, 0.0]), "INVALID"), (ensemble()[:-9], "INVALID"), (ensemble(nodes_values=[np.nan, 0, 0]), "INVALID"),
             (graph([helper.make_node("Identity", ["nobody"], ["y"])]), "UNSUPPORTED"),
             (graph([helper.make_node("Identity", ["x"], ["z"])]), "INVALID"),
             (graph([helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["y"])]), "INVALID")]
    external = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones((2, 2), np.float32)))
    external.attribute[0].t.ClearField("raw_data")
    external.attribute[0].t.data_location = TensorProto.EXTERNAL
    external.attribute[0].t.external_data.add(key="location", value="/etc/passwd")
    lying = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones((2, 2), np.float32)))
    lying.attribute[0].t.dims[0] = 1 << 40
    for bad in (external, lying):
        cases.append((graph([bad, helper.make_node("MatMul", ["x", "c"], ["y"])]), "INVALID"))
    for blob, code in cases:
        with pytest.raises(EngineError) as caught:
            engines.run(blob, x)
        assert caught.value.code.endswith(code), caught.value
