"""Servers for tests with real clients (see ingot_server.py; $INGOT_BIN names the program)."""

import os
import pathlib
import sys
import tempfile
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))
from differ import MlflowServer  # noqa: E402
from ingot_server import IngotServer  # noqa: E402
from ui_world import browser, page  # noqa: E402, F401  (fixtures)

# A client that retries for minutes would hide failures. Set before any test imports mlflow.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


@pytest.fixture(scope="module", autouse=True)
def client_without_a_past():
    """MLflow's client keeps its server, experiment and run in the process: no test module begins with those of another."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    if "mlflow" in sys.modules:
        from mlflow.tracking import fluent
        from mlflow.tracking._model_registry import utils as registry
        from mlflow.tracking._tracking_service import utils as tracking

        tracking._tracking_uri = registry._registry_uri = fluent._active_experiment_id = None


@pytest.fixture(scope="session")
def server():
    """One server for all tests that do not hurt it."""
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        s = IngotServer(os.path.join(folder, "data"))
        yield s
        assert s.stop() == 0, "the server did not end cleanly on SIGTERM"


def _cluster():
    from postgres import Cluster

    try:
        return Cluster()
    except RuntimeError as e:
        if str(e).startswith("needs "):
            pytest.skip(str(e))
        raise


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL of the session's own, for tests that do not hurt it; each makes a database of its own."""
    with _cluster() as c:
        yield c


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def either(request):
    """A server on each database, for flows whose answers must not depend on it."""
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    cluster = request.getfixturevalue("postgres")
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        s = IngotServer(os.path.join(folder, "data"), "--db", cluster.database("flows"))
        yield s
        assert s.stop() == 0, "the server did not end cleanly on SIGTERM"


@pytest.fixture
def mortal_postgres():
    """One that a test may kill."""
    with _cluster() as c:
        yield c


@pytest.fixture
def data_folder():
    """A folder for servers that a test starts and kills itself."""
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        yield os.path.join(folder, "data")


@pytest.fixture(scope="session")
def peer():
    """A real `mlflow server` to compare with. Its start takes half a minute: $INGOT_TEST_MLFLOW names one that runs already."""
    if url := os.environ.get("INGOT_TEST_MLFLOW"):
        yield SimpleNamespace(url=url)
        return
    with tempfile.TemporaryDirectory(prefix="ingot-mlflow-") as folder:
        s = MlflowServer(folder)
        yield s
        s.stop()
