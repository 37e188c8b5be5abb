#!/usr/bin/env python3
"""Tracking and registry: Ingot beside `mlflow server` on the same machine, on the same kind of database (SQLite), in the same run.

    bench/tracking/run.py [--workloads ingest,search] [--seconds 5] [--peers default,best] [--db postgres] [--keep]

A workload is a module of this folder with

    FIGURES = [Figure("log_metric_per_s", "1/s", "higher", 150), ...]     what it measures, which way is better, the ratio to reach
    def check(servers): ...                                                asserts that all servers give the same answers
    def measure(server, seconds) -> {"log_metric_per_s": 12345.0, ...}     the figures of one server

`server` has name, url, port, pid (of the process whose tree is the server), folder, started_s. Answers are compared before anything is
measured. Servers are measured one after the other, each alone; the others are stopped meanwhile (SIGSTOP), because two idle MLflow
workers are not quite idle. With --db postgres all of them keep their state in one PostgreSQL (tests/services/postgres.py), each in a database of
its own; its CPU time is not counted to any of them. The table shows each server's figure and Ingot's ratio to the better peer; everything goes to
build/bench/tracking.json (tracking-postgres.json) as well."""
import argparse
import importlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import lib

sys.path.insert(0, str(lib.ROOT / "tests/services"))
from ingot_server import IngotServer
from postgres import Cluster

WORKLOADS = ["ingest", "search", "history", "artifacts"]
# On SQLite and two cores one uvicorn worker does best: more of them wait for each other's locks (measured with --best; the default is 4).
PEERS = {"mlflow": [], "mlflow-best": ["--workers", "1"]}


@dataclass
class Figure:
    name: str
    unit: str
    better: str = "higher"
    target: float = 0  # Ingot's ratio to reach; 0: none
    limit: float = 0  # Ingot's own figure to keep (at most if lower is better); 0: none


def process_tree(root):
    """A process and its descendants."""
    children = {}
    for p in Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                children.setdefault(int((p / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(p.name))
            except OSError:
                pass
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def send_all(pids, number):
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass
class Server:
    name: str
    url: str
    port: int
    pid: int
    folder: Path
    started_s: float
    figures: dict = field(default_factory=dict)

    def signal_tree(self, number):
        """Sends a signal to the server's processes."""
        send_all(process_tree(self.pid), number)


def start_ingot(stack, folder, postgres):
    began = time.monotonic()
    server = stack.enter_context(IngotServer(folder / "ingot", *(("--db", postgres.database("ingot")) if postgres else ())))
    lib.call(f"{server.url}/api/2.0/mlflow/experiments/search", "POST", {"max_results": 1})
    return Server("ingot", server.url, server.port, server.process.pid, folder / "ingot", time.monotonic() - began)


def stop_mlflow(process, home):
    """Its job runners outlive it for a while, and would be in the way of what is measured next."""
    pids = process_tree(process.pid)[1:]
    lib.stop(process)
    for pid in pids:
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(home)):
                os.kill(pid, signal.SIGKILL)


def start_mlflow(stack, folder, name, options, postgres):
    home = folder / name
    home.mkdir()
    database = postgres.database(name).replace("://", "+psycopg2://") if postgres else f"sqlite:///{home}/mlflow.db"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([str(lib.ROOT / "build/venv/bin/mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri",
                                database, "--artifacts-destination", f"{home}/artifacts", *options],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home,
                               env={**os.environ, "PATH": f"{lib.ROOT}/build/venv/bin:{os.environ['PATH']}"})
    stack.callback(stop_mlflow, process, home)
    url = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    lib.wait_http(f"{url}/health", 240)
    lib.call(f"{url}/api/2.0/mlflow/experiments/search", "POST", {"max_results": 1})
    return Server(name, url, port, process.pid, home, time.monotonic() - began)


def measure(workload, servers, seconds):
    """Each server alone."""
    for server in servers:
        server.signal_tree(signal.SIGSTOP)
    try:
        for server in servers:
            server.signal_tree(signal.SIGCONT)
            server.figures.update(workload.measure(server, seconds))
            server.signal_tree(signal.SIGSTOP)
    finally:
        for server in servers:
            server.signal_tree(signal.SIGCONT)


def rows_of(figures, servers):
    """One row per figure: every server's value, and Ingot's ratio to the better peer. An Ingot figure of 0 has no ratio."""
    rows = []
    for f in figures:
        row = {"figure": f.name, "unit": f.unit, **{s.name: s.figures[f.name] for s in servers if f.name in s.figures}}
        own, peers = row.get("ingot"), [s.figures[f.name] for s in servers if s.name != "ingot" and f.name in s.figures]
        if own and peers and max(peers):  # a peer that answered nothing in the time has no rate
            row["ratio"] = own / max(peers) if f.better == "higher" else min(peers) / own
            if f.target:
                row["target"] = f.target
        if f.limit:
            row["limit"] = f.limit
        met = (not f.target or row.get("ratio", f.target) >= f.target) and (not f.limit or own is None or (own <= f.limit) == (f.better == "lower"))
        row["met"] = "" if not (f.target or f.limit) else "yes" if met else "NO"
        rows.append(row)
    return rows


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--workloads", default=",".join(w for w in WORKLOADS if (Path(__file__).parent / f"{w}.py").exists()))
    args.add_argument("--seconds", type=float, default=float(os.environ.get("BENCH_SECONDS", "5")), help="per measured load")
    args.add_argument("--peers", default="default,best", help="default, best, both by comma, or none")
    args.add_argument("--best", default="", help="options of `mlflow server` to measure as the best peer instead")
    args.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite", help="where all servers keep their state")
    args.add_argument("--keep", action="store_true", help="keep the servers' folders")
    args = args.parse_args()
    lib.build()
    workloads = [importlib.import_module(w) for w in args.workloads.split(",")]
    peers = {n: o for n, o in PEERS.items() if ("best" if n == "mlflow-best" else "default") in args.peers.split(",")}
    if args.best:
        peers["mlflow-best"] = shlex.split(args.best)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(dir=lib.RESULTS) if args.keep else stack.enter_context(tempfile.TemporaryDirectory(dir=lib.RESULTS)))
        postgres = stack.enter_context(Cluster()) if args.db == "postgres" else None
        servers = [start_ingot(stack, folder, postgres)] + [start_mlflow(stack, folder, n, o, postgres) for n, o in peers.items()]
        for server in servers:
            server.figures["start_s"] = server.started_s
            server.figures["idle_rss_mib"] = lib.tree_cpu_us(server.pid)[1]
        figures = [Figure("start_s", "s", "lower"), Figure("idle_rss_mib", "MiB", "lower", limit=30)]
        for workload in workloads:
            workload.check(servers)
            measure(workload, servers, args.seconds)
            figures += workload.FIGURES
        rows = rows_of(figures, servers)
    database = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[args.db]
    lib.report("tracking" if args.db == "sqlite" else "tracking-postgres", rows, f"{database}, {args.seconds:g} s per load; peers: " + ", ".join(f"{n} = mlflow server {' '.join(o)}".strip() for n, o in peers.items()))


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]  # workloads say `from run import Figure`
    main()
