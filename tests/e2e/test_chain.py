"""An endpoint's chain, from `ingot train` with a transform and a calibrator to every dialect: raw columns in, calibrated and named scores out,
compared with scikit-learn's transformers and calibration around the booster that was trained."""
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import tritonclient.grpc as triton
import xgboost
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ingot_server import IngotServer
from test_serve_command import Serve
from tiny import DAY_US, START_US, ingot

PARAMS = """
columns: {time: date, label: label}
split: {fit_start: "2001-01-01", fit_end: "2001-01-21", valid_end: "2001-02-01"}
transform:
  columns:
    - {column: age, steps: [{kind: impute, strategy: median, indicator: true}, {kind: scale, method: standard}]}
    - {column: income, steps: [{kind: log1p}, {kind: scale}]}
    - {column: city, steps: [{kind: onehot, unknown: ignore}]}
calibrate: {method: isotonic}
xgboost: {objective: "binary:logistic", tree_method: hist, max_depth: 3, eta: 0.3, rounds: 12, threads: 1, seed: 7}
"""
N, FIT = 3000, 2000
CITIES = np.array(["Aachen", "Bonn", "Köln", "Ulm"])
CONFIG = {
    "id_field": "id",
    "validate": {"policy": "reject", "columns": {"age": {"type": "number", "min": 0, "max": 120}, "income": {"type": "number", "nullable": False},
                                                 "city": {"type": "string", "max_length": 20, "required": False}}},
    "post": {"labels": ["stays", "leaves"], "outputs": ["score", "label", "probabilities"], "threshold": 0.4},
}


class World:
    """A frame out of time's order, a package trained on it, and the same in Python."""

    def __init__(self, folder):
        rng = np.random.default_rng(3)
        self.folder = folder
        self.age = np.where(rng.random(N) < 0.1, np.nan, rng.uniform(18, 90, N))
        self.income = np.exp(rng.normal(10, 1, N))
        self.city = CITIES[rng.integers(0, 4, N)]
        chance = 1 / (1 + np.exp(-((np.nan_to_num(self.age, nan=50) - 55) / 15 + (self.city == "Ulm") - (self.income > 30000))))
        self.label = (rng.random(N) < chance).astype(int)
        time = START_US + (np.arange(N) * 30 // N) * DAY_US
        order = rng.permutation(N)
        columns = {"date": pa.array(time[order], pa.timestamp("us")), "label": self.label[order], "age": pa.array(self.age[order], from_pandas=True),
                   "income": self.income[order], "city": self.city[order]}
        # Rows of one day keep the file's order: so must ours.
        again = order[np.argsort(time[order], kind="stable")]
        self.age, self.income, self.city, self.label = self.age[again], self.income[again], self.city[again], self.label[again]
        pq.write_table(pa.table(columns), folder / "frame.parquet")
        (folder / "params.yaml").write_text(PARAMS)
        self.train = json.loads(ingot("train", "--frame", "frame.parquet", "--package-out", "package", "--model-out", "churn.json", "--json", cwd=folder).stdout)
        self.fit()

    def fit(self):
        self.imputer = SimpleImputer(strategy="median").fit(self.age[:FIT, None])
        self.age_scaler = StandardScaler().fit(self.imputer.transform(self.age[:FIT, None]))
        self.income_scaler = StandardScaler().fit(np.log1p(self.income[:FIT, None]))
        self.encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(self.city[:FIT, None])
        self.booster = xgboost.Booster(model_file=str(self.folder / "package/model/model.json"))
        names = self.booster.feature_names or []
        assert not names or names == ["age", "age_missing", "income"] + [f"city_{c}" for c in CITIES]
        scores = self.raw(self.age[FIT:], self.income[FIT:], self.city[FIT:])
        self.isotonic = IsotonicRegression(out_of_bounds="clip").fit(scores.astype(float), self.label[FIT:])

    def matrix(self, age, income, city):
        age = np.asarray(age, dtype=float)[:, None]
        with np.errstate(invalid="ignore"):
            return np.hstack([self.age_scaler.transform(self.imputer.transform(age)), np.isnan(age),
                              self.income_scaler.transform(np.log1p(np.asarray(income, dtype=float)[:, None])),
                              self.encoder.transform(np.asarray(city)[:, None])]).astype(np.float32)

    def raw(self, age, income, city):
        return self.booster.inplace_predict(self.matrix(age, income, city))

    def score(self, age, income, city):
        return self.isotonic.predict(self.raw(age, income, city).astype(float))


ROWS = [(30.0, 20000.0, "Ulm"), (np.nan, 90000.0, "Bonn"), (70.5, 1000.0, "Köln"), (88.0, 4000.0, "Rom"), (19.0, 250000.0, "Aachen")]
AGE, INCOME, CITY = (list(c) for c in zip(*ROWS))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def site(world):
    with IngotServer(world.folder / "data") as server:
        server.env = {"INGOT_SERVER": server.url}
        assert json.loads(ingot("model", "register", "churn", "--package", "package", "--json", env=server.env, cwd=world.folder).stdout)["version"] == 1
        put(server, "churn", CONFIG)
        yield server


def put(site, name, config, status=200, version=1):
    r = requests.put(f"{site.url}/api/ingot/v1/endpoints/{name}", json={"config": {"model": "churn", **config}, "version": version}, timeout=30)
    assert r.status_code == status, r.text
    return r


def v2(site, name, age=AGE, income=INCOME, city=CITY, outputs=(), status=200, **more):
    inputs = [{"name": "age", "shape": [len(age)], "datatype": "FP64", "data": [None if a is not None and np.isnan(a) else a for a in age]},
              {"name": "income", "shape": [len(income), 1], "datatype": "FP64", "data": income}]
    if city is not None:
        inputs.append({"name": "city", "shape": [len(city)], "datatype": "BYTES", "data": city})
    r = requests.post(f"{site.url}/v2/models/{name}/infer", json={"inputs": inputs, "outputs": list(outputs), **more}, timeout=30)
    assert r.status_code == status, r.text
    return r.json()


def values(answer):
    return {o["name"]: np.array(o["data"]).reshape(o["shape"]) for o in answer["outputs"]}


def labels(score):
    return ["leaves" if s >= 0.4 else "stays" for s in score]


def test_training_measures_what_is_served(world):
    score = world.score(world.age[FIT:], world.income[FIT:], world.city[FIT:])
    brier = float(np.mean((score - world.label[FIT:]) ** 2))
    assert world.train["fit_rows"] == FIT and world.train["features"] == 7
    assert world.train["evaluation"]["brier"]["value"] == pytest.approx(brier, abs=1e-6)
    fitted = json.loads((world.folder / "package/model/transform.json").read_text())
    steps = fitted["columns"][0]["steps"]
    assert steps[0]["value"] == pytest.approx(world.imputer.statistics_[0], rel=1e-12)
    assert steps[1]["center"] == pytest.approx(world.age_scaler.mean_[0], rel=1e-12)
    assert steps[1]["scale"] == pytest.approx(world.age_scaler.scale_[0], rel=1e-12)
    assert fitted["columns"][2]["steps"][0]["categories"] == sorted(CITIES, key=lambda c: c.encode())


def test_evaluate_and_predict_use_what_lies_beside(world):
    ingot("predict", "--model", "churn.json", "--frame", "frame.parquet", "--params", "params.yaml", "--out", "scores.parquet", cwd=world.folder)
    got = pq.read_table(world.folder / "scores.parquet")["score"].to_numpy()
    assert got == pytest.approx(world.score(world.age, world.income, world.city), abs=1e-6)
    ingot("predict", "--model", "package/model", "--in", "frame.parquet", "--keep", "date", "--out", "batch.parquet", cwd=world.folder)
    batch = pq.read_table(world.folder / "batch.parquet")
    frame = pq.read_table(world.folder / "frame.parquet")
    age = frame["age"].to_numpy(zero_copy_only=False).astype(float)
    assert batch["score"].to_numpy() == pytest.approx(world.score(age, frame["income"].to_numpy(), np.array(frame["city"].to_pylist())), abs=1e-6)
    out = json.loads(ingot("evaluate", "--frame", "frame.parquet", "--models", "churn.json", "--json", cwd=world.folder).stdout)
    assert out["best"]["evaluation"]["brier"]["value"] == pytest.approx(world.train["evaluation"]["brier"]["value"], abs=1e-12)


def test_v2_rest(world, site):
    want = world.score(*map(np.array, (AGE, INCOME, CITY)))
    got = values(v2(site, "churn"))
    assert list(got) == ["score", "label", "probabilities"]
    assert got["score"] == pytest.approx(want, abs=1e-6)
    assert got["label"].tolist() == labels(want)
    assert got["probabilities"] == pytest.approx(np.column_stack([1 - want, want]), abs=1e-6)
    top = v2(site, "churn", outputs=[{"name": "probabilities", "parameters": {"classification": 1}}, {"name": "label"}])
    assert [o["name"] for o in top["outputs"]] == ["probabilities", "label"]
    for text, s in zip(top["outputs"][0]["data"], want):
        value, place, label = text.split(":")
        assert label == ("leaves" if s > 0.5 else "stays") and float(value) == pytest.approx(max(s, 1 - s), abs=1e-6) and int(place) == (s > 0.5)
    meta = requests.get(f"{site.url}/v2/models/churn", timeout=30).json()
    assert [(i["name"], i["datatype"], i["shape"]) for i in meta["inputs"]] == [("age", "FP64", [-1]), ("income", "FP64", [-1]), ("city", "BYTES", [-1])]
    assert [(o["name"], o["datatype"], o["shape"]) for o in meta["outputs"]] == [("score", "FP64", [-1]), ("label", "BYTES", [-1]), ("probabilities", "FP64", [-1, 2])]


def test_what_breaks_a_rule(world, site):
    r = v2(site, "churn", age=[30.0, 130.0], income=[None, 5.0], city=["x" * 21, "Ulm"], status=400)
    assert r["error"] == ('column "age", row 1: 130.0 is above 120.0; column "income", row 0: NaN is not allowed; column "city", row 0: '
                          '"' + "x" * 21 + '" is too long')
    v2(site, "churn", city=None)  # not required: missing texts
    v2(site, "churn", city=None, age=[1.0] * 4, status=400)
    warn = {**CONFIG, "validate": {"policy": "warn", "columns": {"age": {"max": 80}}}}
    put(site, "warns", warn)
    assert v2(site, "warns")["parameters"]["warning"] == 'column "age", row 3: 88.0 is above 80.0'
    r = requests.post(f"{site.url}/endpoints/warns/invocations", json={"dataframe_records": [{"age": 99, "income": 1, "city": "Köln"}]}, timeout=30)
    assert r.status_code == 200 and r.headers["X-Ingot-Warning"] == 'column "age", row 0: 99.0 is above 80.0'
    assert 'ingot_serve_violations_total{endpoint="warns",column="age"} 2' in requests.get(f"{site.url}/metrics", timeout=30).text
    put(site, "signed", {"validate": {"policy": "reject", "columns": "signature"}})
    v2(site, "signed", age=[17.0], income=[1e9], city=["Ulm"], status=400)


def test_configurations_that_cannot_be(site):
    for config, text in (({"post": {"labels": ["a", "b", "c"]}}, "3 names"), ({"validate": {"columns": {"age": {"minimum": 1}}}}, "minimum"),
                         ({"post": {"calibrate": {"method": "platt", "a": 1}}}, "calibrate.b"), ({"validate": "sometimes"}, "validate")):
        assert text in put(site, "wrong", config, status=400).text
    assert requests.get(f"{site.url}/v2/models/wrong", timeout=30).status_code == 404


def test_v1_and_invocations(world, site):
    want = world.score(*map(np.array, (AGE, INCOME, CITY)))
    records = [{"age": None if np.isnan(a) else a, "income": i, "city": c} for a, i, c in ROWS]
    r = requests.post(f"{site.url}/v1/models/churn:predict", json={"instances": records}, timeout=30)
    assert r.status_code == 200, r.text
    assert [p["score"] for p in r.json()["predictions"]] == pytest.approx(list(want), abs=1e-6)
    assert [p["label"] for p in r.json()["predictions"]] == labels(want)
    r = requests.post(f"{site.url}/v1/models/churn:classify", json={"examples": records}, timeout=30)
    assert [row[0][0] for row in r.json()["result"]] == ["leaves"] * len(ROWS), r.text
    assert [row[0][1] for row in r.json()["result"]] == pytest.approx(list(want), abs=1e-6)
    split = {"dataframe_split": {"columns": ["city", "age", "income"], "data": [[r["city"], r["age"], r["income"]] for r in records]}}
    csv = "age,income,city\n" + "".join(f"{'' if np.isnan(a) else a},{i},{c}\n" for a, i, c in ROWS)
    for r in (requests.post(f"{site.url}/endpoints/churn/invocations", json=split, timeout=30),
              requests.post(f"{site.url}/endpoints/churn/invocations", data=csv.encode(), headers={"Content-Type": "text/csv"}, timeout=30)):
        assert r.status_code == 200, r.text
        assert [p["score"] for p in r.json()["predictions"]] == pytest.approx(list(want), abs=1e-6)


def test_grpc(world, site):
    want = world.score(*map(np.array, (AGE, INCOME, CITY)))
    client = triton.InferenceServerClient(site.url.split("//")[1])
    inputs = []
    for name, data, kind in (("age", AGE, "FP64"), ("income", INCOME, "FP64"), ("city", CITY, "BYTES")):
        one = triton.InferInput(name, [len(data)], kind)
        one.set_data_from_numpy(np.array(data, dtype=np.float64 if kind == "FP64" else np.object_))
        inputs.append(one)
    answer = client.infer("churn", inputs)
    assert answer.as_numpy("score") == pytest.approx(want, abs=1e-6)
    assert [t.decode() for t in answer.as_numpy("label")] == labels(want)
    assert answer.as_numpy("probabilities")[:, 1] == pytest.approx(want, abs=1e-6)
    client.close()


def test_serve_finds_the_files_beside_the_model(world):
    want = world.score(*map(np.array, (AGE, INCOME, CITY)))
    for path, name in ((world.folder / "churn.json", "churn"), (world.folder / "package/model", "model")):
        with Serve(path) as s:
            assert "1 of 1 models ready" in s.line
            assert values(v2(s, name))["score"] == pytest.approx(want, abs=1e-6)


def test_a_new_version_and_its_shadow(world, site):
    """The transform of another version may make other columns: callers and a shadow notice nothing but the scores."""
    params = PARAMS.replace("steps: [{kind: log1p}, {kind: scale}]", "steps: [{kind: bucketize, buckets: 6, onehot: true}]").replace("calibrate: {method: isotonic}\n", "")
    (world.folder / "other.yaml").write_text(params)
    ingot("train", "--frame", "frame.parquet", "--params", "other.yaml", "--package-out", "other", cwd=world.folder)
    assert json.loads(ingot("model", "register", "churn", "--package", "other", "--json", env=site.env, cwd=world.folder).stdout)["version"] == 2
    put(site, "moving", CONFIG)
    old = values(v2(site, "moving"))["score"]
    ingot("deploy", "shadow", "moving", "--version", "2", env=site.env)
    assert values(v2(site, "moving"))["score"] == pytest.approx(old, abs=0)
    for _ in range(600):
        pairs = json.loads(ingot("deploy", "evidence", "moving", "1", "--json", env=site.env).stdout)["report"]["pairs"]
        if pairs == len(ROWS):
            break
        time.sleep(0.1)
    assert pairs == len(ROWS)
    ingot("deploy", "promote", "moving", "--why", "new buckets", env=site.env)
    answer = v2(site, "moving")
    assert answer["model_version"] == "2" and values(answer)["score"] != pytest.approx(old, abs=1e-6)
