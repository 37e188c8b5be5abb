"""What the benchmarks share: building, starting servers, the load generator, and one form of result."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# INGOT_BIN names another program to measure; it is not built then, and bench_load lies beside it.
RELEASE = Path(os.environ["INGOT_BIN"]).parent if "INGOT_BIN" in os.environ else ROOT / "build/release"
RESULTS = ROOT / "build/bench"
sys.path.insert(0, str(ROOT / "tests/e2e"))


def build():
    if "INGOT_BIN" not in os.environ:
        subprocess.run(["cmake", "--build", str(RELEASE), "--target", "ingot", "bench_programs"], check=True, stdout=subprocess.DEVNULL)
    RESULTS.mkdir(parents=True, exist_ok=True)


def call(url, method="GET", body=None, headers=None):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else text


def request_file(name, port, method, path, body):
    """Raw request bytes for bench_load; "@@N@@" in the body counts as ten digits."""
    length = len(body) + 5 * body.count(b"@@N@@")
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    file = RESULTS / f"{name}.request"
    file.write_bytes(head.encode() + body)
    return file


def generator():
    """The load generator has the last processor to itself where a benchmark keeps its server off it (server_cores)."""
    return (["taskset", "-c", str(os.cpu_count() - 1)] if pinned else []) + (["chrt", "-f", str(FIRST)] if first else [])


pinned = False  # set by benchmarks that start their servers with server_cores
first = False   # see in_front
FIRST = 10      # a priority of SCHED_FIFO: before all processes without one


@contextlib.contextmanager
def in_front(pid):
    """While it lasts no other process of the machine takes the processor from the server (its whole process tree) or from the generator: real-time
    priority. Needs the right to give it (root). False: this user has not got it. What the machine's host takes away is still gone."""
    global first
    tasks = [int(t.name) for p, _ in process_tree(pid) for t in Path(f"/proc/{p}/task").iterdir()]
    try:
        for t in tasks:
            os.sched_setscheduler(t, os.SCHED_FIFO, os.sched_param(FIRST))
    except PermissionError:
        yield False
        return
    first = True
    try:
        yield True
    finally:
        first = False
        for t in tasks:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(t, os.SCHED_OTHER, os.sched_param(0))


def server_cores():
    """To be called in a server's process before it starts: all processors but the last, where there is more than one."""
    os.sched_setaffinity(0, range(max(1, os.cpu_count() - 1)))


def load(port, pid, requests, connections, seconds, rate=0, beside=None):
    """`requests`: one request file, or a list of them that are sent with weights 1, 1/2, 1/3 ...; `rate` > 0: an open loop.
    `beside`: (request file, times a second) that the generator sends on a connection of its own and counts apart."""
    files = [part for r in (requests if isinstance(requests, list) else [requests]) for part in ("--request", str(r))]
    files += ["--beside", str(beside[0]), "--beside-rate", str(beside[1])] if beside else []
    out = subprocess.run([*generator(), str(RELEASE / "bench_load"), "--port", str(port), "--pid", str(pid), "--connections", str(connections),
                          "--seconds", str(seconds), "--rate", str(rate), *files], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def wait_http(url, seconds=90):
    """Seconds until the URL answers."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return time.monotonic() - start
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.001)
    raise TimeoutError(url)


def process_tree(pid):
    """[(pid, fields of /proc/<pid>/stat behind the name)] of a process and its descendants."""
    children, own = {}, None
    for p in Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                fields = (p / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append((int(p.name), fields))
            if int(p.name) == pid:
                own = fields
    found = [(pid, own)]
    for one, _ in found:
        found += children.get(one, [])
    return found


def tree_cpu_us(pid):
    """User + system time of a process and its descendants, and their resident memory in MiB."""
    tree = process_tree(pid)
    ticks, rss = sum(int(f[11]) + int(f[12]) for _, f in tree), sum(int(f[21]) for _, f in tree)
    return ticks * 1e6 / os.sysconf("SC_CLK_TCK"), rss * os.sysconf("SC_PAGESIZE") / 2**20


def measure(port, pid, requests, connections, seconds, rate=0, beside=None):
    """bench_load with the CPU time of the whole process tree."""
    before, _ = tree_cpu_us(pid)
    result = load(port, pid, requests, connections, seconds, rate, beside)
    after, rss = tree_cpu_us(pid)
    result["server_cpu_us"] = (after - before) / max(1, result["requests"])
    result["rss_mib"] = rss
    return result


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def report(name, rows, note=""):
    """Prints a table and keeps the figures in build/bench/<name>.json."""
    (RESULTS / f"{name}.json").write_text(json.dumps({"benchmark": name, "note": note, "rows": rows}, indent=2) + "\n")
    print(f"\n{name}  {note}")
    columns = list(dict.fromkeys(k for r in rows for k in r))
    table = [columns] + [[f"{r.get(c):.4g}" if isinstance(r.get(c), float) else str(r.get(c, "")) for c in columns] for r in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        print("  " + "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))))
