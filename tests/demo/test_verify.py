"""Every figure of the demo, recomputed from its files: one test per check of examples/flights/verify.py."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/flights"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import verify
from ingot_server import program


@pytest.mark.parametrize("check", verify.CHECKS, ids=lambda c: c.__name__)
def test_demo(check):
    check()


def test_a_second_run_skips_what_did_not_change():
    run = subprocess.run([program(), "run", "--cwd", str(verify.DEMO / "pipeline"), "--json", "evaluate"], capture_output=True, text=True, check=True)
    stages = {s["name"]: s["state"] for s in json.loads(run.stdout)["stages"]}
    assert set(stages) == {"validate", "features", "train@xgboost", "train@logistic", "evaluate"}
    assert set(stages.values()) == {"skipped"}, stages


def test_stock_dvc_agrees_with_the_lock_file():
    """`register` asks the registry each time (always_changed), so it is the one stage that dvc names."""
    dvc = Path(sys.executable).parent / "dvc"
    status = subprocess.run([str(dvc), "status", "--json"], cwd=verify.DEMO / "pipeline", capture_output=True, text=True, check=True)
    assert json.loads(status.stdout) == {"register": ["always changed"]}
