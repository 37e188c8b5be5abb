#!/usr/bin/env python3
"""A data folder with many runs, for the table that scrolls over them: made once over the API, kept in build/.

    python3 bench/ui/many_runs.py            RUNS=100000; prints the folder

Eight experiments, the first with half of all runs; six metrics, eight parameters, two tags each; one in a hundred still runs, one in twenty failed."""
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tracking"))
from folders import made
from ingot_server import IngotServer
from search import pipelined, post

RUNS = int(os.environ.get("RUNS", "100000"))
EXPERIMENTS = 8
MODELS, OPTIMIZERS = ["resnet50", "vit-b16", "convnext-t", "mlp", "xgboost"], ["adam", "adamw", "sgd", "lion"]


def facts(i):
    """What run number i logs: the same at every call."""
    r = random.Random(i)
    loss = r.random() ** 2 * 2 + 0.05
    metrics = {"train/loss": loss, "val/loss": loss * (1 + r.random() / 4), "val/accuracy": max(0.0, 1 - loss / 2.5 - r.random() / 20), "val/auc": 1 - loss / 4,
               "epoch_s": 20 + 60 * r.random(), "gpu_hours": r.random() * 12}
    if i % 97 == 0:
        metrics["val/loss"] = float("nan")
    params = {"lr": f"{10 ** -r.uniform(2, 5):.3g}", "batch_size": str(2 ** r.randrange(4, 10)), "optimizer": r.choice(OPTIMIZERS), "model": r.choice(MODELS),
              "seed": str(i % 5), "dropout": f"{r.randrange(6) / 10}", "weight_decay": f"{10 ** -r.randrange(2, 6):g}", "warmup": str(r.randrange(0, 2000, 100))}
    tags = {"team": ["vision", "speech", "ranking", "fraud"][i % 4], "sweep": f"sweep-{i // 500}"}
    return metrics, params, tags


def status(i):
    return "RUNNING" if i % 100 == 0 else "FAILED" if i % 20 == 7 else "KILLED" if i % 50 == 3 else "FINISHED"


def make(folder):
    now = int(time.time() * 1000)
    with IngotServer(folder) as server:
        ids = [json.loads(b)["experiment_id"] for b in pipelined(server.port, (post("experiments/create", {"name": f"sweep of {MODELS[k % 5]} {k}"}) for k in range(EXPERIMENTS)))]

        def create(i):
            experiment = ids[0 if i % 2 else 1 + i // 2 % (EXPERIMENTS - 1)]
            return post("runs/create", {"experiment_id": experiment, "run_name": f"{MODELS[i % 5]}-{OPTIMIZERS[i % 4]}-{i:06}", "start_time": now - (RUNS - i) * 20000, "user_id": f"user{i % 23}"})

        def values(i, run):
            metrics, params, tags = facts(i)
            return post("runs/log-batch", {"run_id": run, "params": [{"key": k, "value": v} for k, v in params.items()], "tags": [{"key": k, "value": v} for k, v in tags.items()],
                                           "metrics": [{"key": k, "value": "NaN" if v != v else v, "timestamp": now, "step": 1} for k, v in metrics.items()]})

        runs = [json.loads(b)["run"]["info"]["run_id"] for b in pipelined(server.port, (create(i) for i in range(RUNS)))]
        for _ in pipelined(server.port, (values(i, run) for i, run in enumerate(runs))):
            pass
        ends = (post("runs/update", {"run_id": run, "status": status(i), "end_time": now - (RUNS - i) * 20000 + 1000 * (60 + i % 7200)}) for i, run in enumerate(runs) if status(i) != "RUNNING")
        for _ in pipelined(server.port, ends):
            pass


def folder():
    """The data folder, made if it is not there. Copy it before a server that writes opens it."""
    return made(f"ui-runs-{RUNS}", make)


if __name__ == "__main__":
    start = time.monotonic()
    print(folder(), f"{time.monotonic() - start:.0f} s")
