"""Who does the work of a load: one thread, at the lowest priority; everybody else keeps the usual one, what the loads start too."""
import os
from pathlib import Path

import numpy as np
import pytest
import requests
import xgboost

from test_serve_command import Serve


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hundred models, so that a look at the folder is work, and one that is worth reading."""
    folder = tmp_path_factory.mktemp("loads")
    rng = np.random.default_rng(3)
    x = rng.random((2000, 8), dtype=np.float32)
    booster = xgboost.train({"max_depth": 8, "nthread": 1}, xgboost.DMatrix(x, x[:, 0] * x[:, 1]), 60)
    booster.save_model(folder / "m0.json")
    for i in range(1, 100):
        xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(x[:50], x[:50, 0]), 1).save_model(folder / f"m{i}.json")
    return folder


def threads(pid):
    """Name, policy, nice and time on the processor (ns) of each thread, by its id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        number = int(task.name)
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        found[number] = ((task / "comm").read_text().strip(), os.sched_getscheduler(number), int(fields[16]), int((task / "schedstat").read_text().split()[0]))
    return found


def test_loads_give_way(folder):
    with Serve(folder) as s:
        def load():
            r = requests.post(f"{s.url}/v2/repository/models/m0/load", json={}, timeout=300)
            assert r.status_code == 200, r.text
        load()
        before = threads(s.process.pid)
        for _ in range(10):
            load()
        after = threads(s.process.pid)
        spent = {}
        for number, (name, policy, nice, cpu) in after.items():
            spent[name] = spent.get(name, 0) + cpu - before.get(number, (0, 0, 0, 0))[3]
            if name == "loader":
                assert policy == os.SCHED_IDLE or (policy == os.SCHED_BATCH and nice == 19), (policy, nice)
            else:
                assert policy == os.SCHED_OTHER and nice == os.getpriority(os.PRIO_PROCESS, 0), (name, policy, nice)
        # Reading, parsing and building are not done by the thread that took the request.
        assert spent["loader"] > 4 * spent["pool"], spent
