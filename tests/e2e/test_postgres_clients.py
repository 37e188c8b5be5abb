"""The flows of the real MLflow client again, with the state in a PostgreSQL: what a client sees does not depend on the database."""
import os
import tempfile

import pytest
from ingot_server import IngotServer
from test_mlflow_client import *  # noqa: F401,F403  (its tests run here with the server below)

del test_killed_server_keeps_what_it_acknowledged  # noqa: F821  (it has servers of its own; test_postgres.py kills)


@pytest.fixture(scope="module")
def server(postgres):
    with tempfile.TemporaryDirectory(prefix="ingot-e2e-") as folder:
        s = IngotServer(os.path.join(folder, "data"), "--db", postgres.database("clients"))
        yield s
        assert s.stop() == 0, "the server did not end cleanly on SIGTERM"
