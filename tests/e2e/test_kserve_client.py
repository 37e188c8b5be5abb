"""KServe's SDK as it is, V1 and V2 over REST and V2 over gRPC, in its own virtual environment (tests/venv.sh)."""
import json
import subprocess
from pathlib import Path

import pytest
import requests

from serving_world import World

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build/venv-kserve/bin/python"


@pytest.fixture(scope="module", params=["serve", "server"])
def world(request):
    w = World(request.param)
    yield w
    w.close()


@pytest.fixture(scope="module")
def answers(world, tmp_path_factory):
    questions = tmp_path_factory.mktemp("kserve") / "rows.json"
    questions.write_text(json.dumps(world.rows(5).tolist()))
    run = subprocess.run([PYTHON, Path(__file__).with_name("kserve_client.py"), world.url, questions], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_health(world, answers):
    for key in ("live", "ready", "model ready", "v1 model ready", "grpc live", "grpc ready", "grpc model ready"):
        assert answers[key] is True, (key, answers[key])
    assert (answers["v1 live"] is True) == (world.kind == "serve"), answers["v1 live"]  # the platform's "/" is its web interface's
    assert answers["absent ready"] is not True


@pytest.mark.parametrize("form", ["v2 False", "v2 True", "grpc False", "grpc True"])
def test_v2(world, answers, form):
    got = answers[form]
    assert isinstance(got, dict), got
    # The SDK's reader of REST forgets the version.
    assert got["id"] == "k-1" and (got["version"] == "2" or form.startswith("v2")) and got["outputs"]["score"] == pytest.approx(world.want(world.rows(5)).tolist(), abs=0)


def test_v1(world, answers):
    assert isinstance(answers["v1"], dict), answers["v1"]
    assert answers["v1"]["predictions"] == pytest.approx(world.want(world.rows(5)).tolist(), abs=1e-7)


def test_refusals(answers):
    assert "404" in answers["v2 absent"] and "400" in answers["v2 wrong"] and "400" in answers["v1 wrong"], answers
    assert "501" in answers["v1 explain"]
    assert "NOT_FOUND" in answers["grpc absent"]


def test_health_bodies_are_those_of_all(world):
    """Triton's and MLServer's clients look at the status only, KServe's reads the JSON."""
    get = lambda path: requests.get(world.url + path, timeout=10)
    assert get("/v2/health/live").json() == {"live": True} and get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models/trees/ready").json() == {"name": "trees", "ready": True}
    assert get("/v1/models/trees").json()["ready"] in (True, "True") and "trees" in get("/v1/models").json()["models"]
