"""Text models of LIBSVM and LIBLINEAR behind `ingot serve`, against scikit-learn, whose linear SVMs and logistic regressions those libraries fit. (Every
solver of LIBLINEAR is compared bit by bit with the library itself in tests/unit/adapter/liblinear.)"""
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, SVR, LinearSVC

from test_serve_command import Serve, ask

COLUMNS = 5


def libsvm(model, kind):
    """As svm-train writes it: the vectors by their coefficients; scikit-learn's decision speaks for the second class, the file's for its first label."""
    lines = [f"svm_type {kind}", "kernel_type linear", "nr_class 2", f"total_sv {len(model.support_vectors_)}"]
    coefficients, rho = model.dual_coef_[0], -float(model.intercept_[0])
    lines.append(f"rho {rho!r}")
    if kind == "c_svc":
        lines += [f"label {model.classes_[1]} {model.classes_[0]}", "nr_sv " + " ".join(map(str, model.n_support_))]
    lines.append("SV")
    for c, v in zip(coefficients, model.support_vectors_):
        lines.append(f"{float(c)!r} " + " ".join(f"{i + 1}:{float(x)!r}" for i, x in enumerate(v) if x) + " ")
    return "\n".join(lines) + "\n"


def libsvm_classes(model):
    """Three classes or more: a machine for each pair."""
    classes = [int(c) for c in model.classes_]
    lines = ["svm_type c_svc", "kernel_type linear", f"nr_class {len(classes)}", f"total_sv {len(model.support_vectors_)}",
             "rho " + " ".join(repr(-float(v)) for v in model.intercept_), "label " + " ".join(map(str, classes))]
    if model.probability:
        lines += [f"{name} " + " ".join(repr(float(v)) for v in values) for name, values in (("probA", model.probA_), ("probB", model.probB_))]
    lines += ["nr_sv " + " ".join(map(str, model.n_support_)), "SV"]
    for c, v in zip(model.dual_coef_.T, model.support_vectors_):
        lines.append(" ".join(repr(float(k)) for k in c) + " " + " ".join(f"{i + 1}:{float(x)!r}" for i, x in enumerate(v) if x) + " ")
    return "\n".join(lines) + "\n"


def votes(model, x):
    """How many pairs each class wins, half a one more for the class that LIBSVM names among equals."""
    won, k = np.zeros((len(x), len(model.classes_))), 0
    pairs = model.decision_function(x)
    for i in range(len(model.classes_)):
        for j in range(i + 1, len(model.classes_)):
            won[:, i] += pairs[:, k] > 0
            won[:, j] += pairs[:, k] <= 0
            k += 1
    named = np.searchsorted(model.classes_, model.predict(x))
    tied = (won == won.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert tied.any()
    won[np.arange(len(x)), named] += tied / 2
    return won


def liblinear(model, solver):
    classes = [int(c) for c in model.classes_]
    weights = model.coef_ if len(classes) > 2 else -model.coef_  # two classes: for the first label
    bias = model.intercept_ if len(classes) > 2 else -model.intercept_
    rows = [" ".join(repr(float(v)) for v in column) + " " for column in np.vstack([weights.T, bias])]
    head = [f"solver_type {solver}", f"nr_class {len(classes)}", "label " + " ".join(map(str, classes)), f"nr_feature {weights.shape[1]}", "bias 1", "w"]
    return "\n".join(head + rows) + "\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("svm"), np.random.default_rng(2)
    x = rng.normal(size=(300, COLUMNS)).astype(np.float32)
    score = x[:, 0] - x[:, 1] + rng.normal(size=300) / 2
    two, three = (score > 0).astype(int), np.digitize(score, [-1, 1]) * 2 - 5
    svc, svr = SVC(kernel="linear").fit(x, two), SVR(kernel="linear").fit(x, score)
    lr, lr3, sv3 = LogisticRegression(solver="liblinear").fit(x, two), LinearSVC(max_iter=20000).fit(x, three), LinearSVC().fit(x, two)
    (folder / "svc.model").write_text(libsvm(svc, "c_svc"))
    (folder / "svr.model").write_text(libsvm(svr, "epsilon_svr"))
    (folder / "logistic.model").write_text(liblinear(lr, "L2R_LR"))
    (folder / "classes.model").write_text(liblinear(lr3, "L2R_L2LOSS_SVC"))
    (folder / "margin.model").write_text(liblinear(sv3, "L2R_L2LOSS_SVC_DUAL"))
    five = np.digitize(np.sin(2 * score) + score / 3, [-0.9, -0.3, 0.3, 0.9]) * 3 - 7
    pairs, coupled = SVC(kernel="linear", decision_function_shape="ovo").fit(x, five), SVC(kernel="linear", probability=True, random_state=1).fit(x, five)
    (folder / "pairs.model").write_text(libsvm_classes(pairs))
    (folder / "coupled.model").write_text(libsvm_classes(coupled))
    (folder / "rbf.model").write_text("svm_type c_svc\nkernel_type rbf\ngamma 1\n")
    want = {"svc": svc.decision_function(x), "svr": svr.predict(x), "logistic": lr.predict_proba(x)[:, 1], "classes": lr3.decision_function(x),
            "margin": sv3.decision_function(x), "pairs": votes(pairs, x), "coupled": coupled.predict_proba(x)}
    with Serve(folder) as s:
        assert "7 of 8 models ready" in s.line
        yield s, x, want


@pytest.mark.parametrize("name", ["svc", "svr", "logistic", "classes", "margin", "pairs", "coupled"])
def test_answers_are_scikit_learn_s(world, name):
    s, x, want = world
    answer = ask(s.url, name, x)
    assert answer.status_code == 200, answer.text
    out = answer.json()["outputs"][0]
    assert np.allclose(np.array(out["data"]).reshape(out["shape"]), want[name], rtol=2e-6, atol=2e-6)


def test_what_is_not_linear_is_refused(world):
    s, x, _ = world
    assert ask(s.url, "rbf", x).status_code == 503
    assert ask(s.url, "svc", x[:, :3]).status_code == 400
