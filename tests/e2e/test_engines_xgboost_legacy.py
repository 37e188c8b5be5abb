"""XGBoost's old binary models, which the native engine does not read and today's Python package refuses: served by the library in a process of its
own, equal bit by bit to what the Python package answers for the same trees saved as JSON. The files are written by the C library of
the distribution (1.7), which is what serves them."""
import ctypes
import ctypes.util
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import requests
import tritonclient.http as triton
import xgboost
from tritonclient.utils import InferenceServerException

from test_serve_command import Serve

LIBRARY = os.environ.get("INGOT_XGBOOST") or ctypes.util.find_library("xgboost")
COLUMNS = 7


class Library:
    """As much of XGBoost's C API as it takes to train a model and to save it twice."""

    def __init__(self):
        self.lib = ctypes.CDLL(LIBRARY)
        self.lib.XGBGetLastError.restype = ctypes.c_char_p

    def call(self, name, *args):
        assert getattr(self.lib, name)(*args) == 0, self.lib.XGBGetLastError()

    def saved(self, booster, form):
        size, data = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_char)()
        self.call("XGBoosterSaveModelToBuffer", booster, b'{"format": "%s"}' % form.encode(), ctypes.byref(size), ctypes.byref(data))
        return ctypes.string_at(data, size.value)

    def train(self, params, x, y, rounds=20):
        """(binary, JSON) of one model."""
        data, booster = ctypes.c_void_p(), ctypes.c_void_p()
        x, y = np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32)
        self.call("XGDMatrixCreateFromMat", x.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(len(x)), ctypes.c_uint64(x.shape[1]), ctypes.c_float(np.nan),
                  ctypes.byref(data))
        self.call("XGDMatrixSetFloatInfo", data, b"label", y.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(len(y)))
        self.call("XGBoosterCreate", (ctypes.c_void_p * 1)(data), ctypes.c_uint64(1), ctypes.byref(booster))
        for key, value in {"verbosity": "0", "nthread": "1", **params}.items():
            self.call("XGBoosterSetParam", booster, key.encode(), str(value).encode())
        for i in range(rounds):
            self.call("XGBoosterUpdateOneIter", booster, i, data)
        files = self.saved(booster, "deprecated"), self.saved(booster, "json")
        self.call("XGBoosterFree", booster)
        self.call("XGDMatrixFree", data)
        return files


MODELS = {
    "logistic": {"objective": "binary:logistic", "max_depth": "5"},
    "squares": {"objective": "reg:squarederror", "tree_method": "hist"},
    "poisson": {"objective": "count:poisson", "max_depth": "3"},
    "classes": {"objective": "multi:softprob", "num_class": "3"},
    "class": {"objective": "multi:softmax", "num_class": "3"},
    "dart": {"objective": "binary:logistic", "booster": "dart", "rate_drop": "0.3"},
    "linear": {"objective": "reg:squarederror", "booster": "gblinear"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not LIBRARY:
        pytest.skip("needs libxgboost")
    folder, library, rng = tmp_path_factory.mktemp("legacy"), Library(), np.random.default_rng(3)
    x = rng.normal(size=(500, COLUMNS)).astype(np.float32)
    score = x[:, 0] - x[:, 1] * x[:, 2]
    x[rng.random(x.shape) < 0.1] = np.nan
    boosters = {}
    for name, params in MODELS.items():
        y = score > 0 if "logistic" in params["objective"] else np.digitize(score, [-1, 1]) if "num_class" in params else np.abs(score)
        binary, text = library.train(params, x, y)
        assert binary[:1] != b"{"
        (folder / f"{name}.model").write_bytes(binary)
        boosters[name] = xgboost.Booster(model_file=bytearray(text))
    marked = (folder / "logistic.model").read_bytes()
    assert marked[:4] == b"binf"
    (folder / "unmarked.model").write_bytes(marked[4:])  # as releases before 0.6 wrote it
    boosters["unmarked"] = boosters["logistic"]
    (folder / "cut.model").write_bytes((folder / "logistic.model").read_bytes()[:900])
    with Serve(folder) as s:
        yield s, boosters, x


def ask(s, name, x):
    t = triton.InferInput("features", list(x.shape), "FP32")
    t.set_data_from_numpy(x)
    with triton.InferenceServerClient(s.url.split("//")[1], network_timeout=60) as client:
        return client.infer(name, [t]).as_numpy("score")


@pytest.mark.parametrize("name", [*MODELS, "unmarked"])
def test_answers_are_the_package_s(world, name):
    s, boosters, x = world
    for rows in (x[:1], x[:33], x):
        want = boosters[name].predict(xgboost.DMatrix(rows))
        got = ask(s, name, rows)
        assert got.dtype == want.dtype and got.shape == want.shape
        if name == "linear":  # sums of floats in another order
            assert np.allclose(got, want, rtol=1e-5, atol=1e-6)
        else:
            assert got.tobytes() == want.tobytes()


def test_what_cannot_be(world):
    s, _, x = world
    with pytest.raises(InferenceServerException):
        ask(s, "logistic", np.ascontiguousarray(x[:, :3]))
    assert requests.get(f"{s.url}/v2/models/cut/ready", timeout=10).status_code != 200
    about = requests.get(f"{s.url}/v2/models/classes", timeout=10).json()
    assert about["inputs"][0]["shape"] == [-1, COLUMNS] and about["outputs"][0]["shape"] == [-1, 3]


def test_a_killed_library_takes_nothing_along(world):
    s, boosters, x = world
    hosts = [int(p.name) for p in Path("/proc").glob("[0-9]*")
             if (line := (p / "cmdline").read_bytes() if (p / "cmdline").exists() else b"").split(b"\0")[1:3] == [b"engine-host", b"xgboost"]
             and str(s.process.pid).encode() in line.split(b"\0")]
    assert len(hosts) >= len(MODELS)
    for pid in hosts:
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            got = ask(s, "logistic", x[:9])
            break
        except InferenceServerException as e:
            assert e.status() in ("500", "503"), e
            time.sleep(0.05)
    assert got.tobytes() == boosters["logistic"].predict(xgboost.DMatrix(x[:9])).tobytes()
    assert s.process.poll() is None
