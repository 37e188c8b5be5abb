"""The unmodified MLflow client 2.22 does its whole day's work (mlflow2_flow.py says what)."""
import os
import subprocess
from pathlib import Path

import pytest
from ingot_server import ROOT, IngotServer

PYTHON = ROOT / "build/venv222/bin/python"


def test_client_2_22(data_folder, tmp_path):
    if not PYTHON.exists():
        pytest.skip("needs build/venv222: sh tests/venv.sh makes it")
    with IngotServer(data_folder) as server:
        env = {**os.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "GIT_PYTHON_REFRESH": "quiet"}
        done = subprocess.run([PYTHON, Path(__file__).with_name("mlflow2_flow.py"), server.url, str(tmp_path)], env=env, capture_output=True, text=True,
                              timeout=120, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("ok\n"), done.stdout[-1000:] + done.stderr[-3000:]
