"""Logging, searching, histories, deletes, uploads and breaking off, all at once, against a server that runs already; for a build under
ThreadSanitizer (cmake --preset tsan) and for looking at it with other tools. URL SECONDS on the command line. Prints what it did."""
import contextlib
import http.client
import json
import random
import socket
import sys
import threading
import time
import urllib.parse

API = "/api/2.0/mlflow"


class Client:
    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        self.host, self.port = at.hostname, at.port
        self.connection = None

    def __call__(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        try:
            self.connection.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            raise
        if answer.status >= 500:
            raise AssertionError((method, path[:200], answer.status, text[:300]))
        return answer.status, text

    def post(self, path, body):
        return json.loads(self("POST", API + path, body)[1])


def logger(c, rng, runs, experiments):
    run = rng.choice(runs)
    what = rng.randrange(7)
    if what < 3:
        c("POST", API + "/runs/log-metric", {"run_id": run, "key": f"m{rng.randrange(4)}", "value": rng.random(), "timestamp": 1, "step": rng.randrange(1000)})
    elif what == 3:
        c("POST", API + "/runs/log-batch", {"run_id": run, "metrics": [{"key": f"m{i % 4}", "value": i, "timestamp": i, "step": i} for i in range(200)]})
    elif what == 4:
        c("POST", API + "/runs/set-tag", {"run_id": run, "key": f"t{rng.randrange(3)}", "value": str(rng.random())})
    elif what == 5:
        c("POST", API + "/runs/update", {"run_id": run, "run_name": f"r{rng.random()}", "status": rng.choice(("RUNNING", "FINISHED"))})
    else:
        made = c.post("/runs/create", {"experiment_id": rng.choice(experiments)})
        if "run" in made:  # else its experiment is deleted at the moment
            runs.append(made["run"]["info"]["run_id"])


def searcher(c, rng, runs, experiments):
    body = {"experiment_ids": experiments, "filter": rng.choice(("", "metrics.m1 > 0.5", "tags.t1 LIKE '0.1%'", "metrics.m1 > 0.5 OR attributes.status = 'FINISHED'")),
            "order_by": [rng.choice(("metrics.m2 DESC", "start_time", "tags.t0"))], "max_results": rng.choice((1, 20)), "run_view_type": rng.choice(("ALL", "ACTIVE_ONLY", "DELETED_ONLY"))}
    page = c.post("/runs/search", body)
    if page.get("next_page_token"):
        c("POST", API + "/runs/search", {**body, "page_token": page["next_page_token"]})
    c("POST", "/graphql", {"query": "query($d: MlflowSearchRunsInput) { mlflowSearchRuns(input: $d) { runs { info { runId } } } }", "variables": {"d": {"experimentIds": experiments, "maxResults": 5}}})
    c("POST", "/api/ingot/v1/runs/compare", {"run_ids": rng.sample(runs, 2)})


def historian(c, rng, runs, experiments):
    run = rng.choice(runs)
    c("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m{rng.randrange(4)}&max_results=50")
    c("GET", f"{API}/metrics/get-history-bulk-interval?run_ids={run}&run_ids={rng.choice(runs)}&metric_key=m1&max_results=20")
    c("POST", "/api/ingot/v1/metrics/chart", {"run_ids": rng.sample(runs, 2), "metric": "m1", "points": 20, "smoothing": {"kind": "ema", "weight": 0.5}})
    c("GET", f"{API}/runs/get?run_id={run}")


def deleter(c, rng, runs, experiments):
    run = rng.choice(runs)
    c("POST", API + "/runs/delete", {"run_id": run})
    c("POST", API + "/runs/restore", {"run_id": run})
    c("POST", API + "/runs/delete-tag", {"run_id": run, "key": "t1"})
    experiment = rng.choice(experiments[1:])
    c("POST", API + "/experiments/delete", {"experiment_id": experiment})
    c("POST", API + "/experiments/restore", {"experiment_id": experiment})


def registrar(c, rng, runs, experiments):
    name, run = f"m{rng.randrange(3)}", rng.choice(runs)
    c("POST", API + "/registered-models/create", {"name": name})
    c("POST", API + "/model-versions/create", {"name": name, "source": f"runs:/{run}/model", "run_id": run})
    c("POST", API + "/registered-models/alias", {"name": name, "alias": "a", "version": "1"})
    c("GET", API + "/model-versions/search?filter=" + urllib.parse.quote(f"name = '{name}'") + "&max_results=5")
    c("GET", f"/api/ingot/v1/models/{name}/history")
    where = f"/api/2.0/mlflow-artifacts/artifacts/x/{rng.randrange(20)}"
    c("PUT", where, rng.randbytes(rng.randrange(100000)))
    c("GET", where)
    c("GET", "/metrics")


def janitor(c, rng, runs, experiments):
    """Runs of its own: written to, watched, deleted for good while the others' are searched."""
    run = c.post("/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    c("POST", API + "/runs/log-batch", {"run_id": run, "metrics": [{"key": f"m{i % 4}", "value": i, "timestamp": i, "step": i} for i in range(300)]})
    c("PUT", f"/api/ingot/v1/runs/{run}/console?from=0", b"epoch\n" * 100)
    c("GET", f"/api/ingot/v1/runs/{run}/console?from=-50")
    c("GET", f"{API}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=m1&max_results=20")
    c("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/f", rng.randbytes(1000))
    c("POST", API + "/runs/delete", {"run_id": run})
    c("POST", "/api/ingot/v1/gc", {"older_than_days": 0, "run_ids": [run]})
    c("GET", f"{API}/runs/get?run_id={run}")
    c("POST", "/api/ingot/v1/gc", {"older_than_days": 0, "dry_run": True})


def breaker(c, rng, runs, experiments):
    """Sends async writes and goes before, in the midst of, or after the answers."""
    body = json.dumps({"run_id": rng.choice(runs), "key": "m0", "value": 1, "timestamp": 1, "step": 1})
    one = f"POST {API}/runs/log-metric HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    data = one * rng.choice((1, 5, 40))
    with socket.create_connection((c.host, c.port), timeout=0.1) as s:
        s.sendall(data[:rng.randrange(1, len(data) + 1)])
        if rng.randrange(2):
            with contextlib.suppress(TimeoutError):
                s.recv(rng.choice((1, 100, 65536)))
        if rng.randrange(2):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset in place of an end
        elif rng.randrange(2):
            s.shutdown(socket.SHUT_WR)


ROLES = [logger, logger, logger, searcher, searcher, historian, deleter, registrar, breaker, janitor]


def mixed(url, seconds, seed, roles=tuple(ROLES)):
    """{role: calls}; raises what a client met that is no refusal."""
    first, done, failures = Client(url), {}, []
    experiments = ["0"] + [first.post("/experiments/create", {"name": f"mixed-{seed}-{i}"})["experiment_id"] for i in range(3)]
    runs = [first.post("/runs/create", {"experiment_id": e})["run"]["info"]["run_id"] for e in experiments * 3]
    end = time.monotonic() + seconds

    def work(i, role):
        rng, c = random.Random(f"{seed}-{i}"), Client(url)
        while time.monotonic() < end:
            try:
                role(c, rng, runs, experiments)
            except OSError:
                if role is not breaker:
                    failures.append(f"{role.__name__}: no answer")
                    return
            except Exception as e:  # noqa: BLE001
                failures.append(f"{role.__name__}: {e!r}")
                return
            done[role.__name__] = done.get(role.__name__, 0) + 1

    threads = [threading.Thread(target=work, args=(i, r)) for i, r in enumerate(roles)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures
    return done


if __name__ == "__main__":
    print(mixed(sys.argv[1], float(sys.argv[2]), random.randrange(1 << 32)))
