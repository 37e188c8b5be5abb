"""Runs to compare, logged by MLflow's own client: curves with noise, a gap of NaN, an infinity, values for a logarithmic axis, a long series, hostile names."""
import math
import random

import requests
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.entities.dataset import Dataset
from ui_world import HOSTILE

API = "/api/ingot/v1/"
STEPS = 1500
SEEDS = 3
BASE_MS = 1_760_000_000_000


def curve(lr, seed):
    """The losses of a run: the same at every call."""
    r = random.Random(f"{lr} {seed}")
    return [math.exp(-i * lr * 2) + 0.1 * lr + 0.02 * r.random() + (3 if i == 777 else 0) for i in range(STEPS)]


class Trials:
    """`ids`: nine runs, three learning rates by three seeds. `odd`: a run with what is unusual."""

    def __init__(self, server):
        self.server, self.url = server, server.url
        self.client = MlflowClient(tracking_uri=server.url)
        self.experiment = self.client.create_experiment("trials")
        self.ids, self.names = [], []
        for lr in (0.001, 0.003, 0.01):
            for seed in range(SEEDS):
                self.ids.append(self.trial(lr, seed))
                self.names.append(f"lr {lr} seed {seed}")
        self.odd = self.odd_run()

    def trial(self, lr, seed):
        c = self.client
        run = c.create_run(self.experiment, run_name=f"lr {lr} seed {seed}", start_time=BASE_MS, tags={"team": "vision" if seed else "speech", "mlflow.source.git.commit": f"{int(lr * 1000):040x}",
                                                                                                       "mlflow.source.name": "train.py"}).info.run_id
        loss = curve(lr, seed)
        batch = [Metric("loss", v, BASE_MS + 1000 * i, i) for i, v in enumerate(loss)]
        batch += [Metric("val/accuracy", 1 - v / 2, BASE_MS + 1000 * i, i) for i, v in enumerate(loss) if i % 100 == 0]
        for at in range(0, len(batch), 1000):
            c.log_batch(run, batch[at:at + 1000])
        c.log_batch(run, [], [Param("lr", str(lr)), Param("seed", str(seed)), Param("optimizer", "adam" if lr < 0.01 else "sgd"), Param("same", "yes")], [])
        digest = "v1" if lr < 0.01 else "v2"
        c.log_inputs(run, [DatasetInput(Dataset("flights", digest, "local", "{}", None, None), [InputTag("mlflow.data.context", "training")])])
        c.set_terminated(run, "FINISHED", BASE_MS + 1000 * STEPS)
        return run

    def odd_run(self):
        c = self.client
        run = c.create_run(self.experiment, run_name=HOSTILE[0], start_time=BASE_MS).info.run_id
        gap = [Metric("loss", math.nan if 40 <= i < 60 else 1 / (i + 1), BASE_MS + 1000 * i, i) for i in range(100)]
        c.log_batch(run, gap + [Metric("huge", math.inf if i == 5 else i + 1, BASE_MS, i) for i in range(10)] + [Metric("tiny", 10.0 ** -i, BASE_MS, i) for i in range(12)])
        c.log_batch(run, [Metric("signed", i - 2, BASE_MS, i) for i in range(6)] + [Metric("all nan", math.nan, BASE_MS, i) for i in range(3)] + [Metric("once", 7.25, BASE_MS, 3)],
                    [Param("lr", "0.02"), Param("formula", HOSTILE[4]), Param("html", HOSTILE[1]), Param("config", '{"layers": [1, 2, 3], "note": "' + "x" * 60 + '"}')], [RunTag("note", HOSTILE[3])])
        return run

    def call(self, path, body, ok=200):
        r = requests.post(self.url + API + path, json=body, timeout=60)
        assert r.status_code == ok, r.text
        return r.json()

    def address(self, ids=None, **params):
        query = "&".join(f"{k}={requests.utils.quote(str(v))}" for k, v in params.items())
        return f"{self.url}/compare?runs={','.join(ids or self.ids)}" + ("&" + query if query else "")


def long_run(url, points, name="long"):
    """One run with a metric of very many points."""
    c = MlflowClient(tracking_uri=url)
    run = c.create_run("0", run_name=name).info.run_id
    for at in range(0, points, 1000):
        c.log_batch(run, [Metric("wave", math.sin(i / 5000) + (5 if i == points // 3 else 0), BASE_MS + i, i) for i in range(at, at + 1000)])
    return run
