"""The event stream: what changes, told once, in order, to many, without holding anybody up; on both databases."""
import contextlib
import json
import os
import socket
import threading
import time

import pytest
import requests
from ingot_server import IngotServer

API = "/api/ingot/v1/events"


class Listener:
    """Reads the stream on a thread of its own. events: (id, event, data)."""

    def __init__(self, url, headers=None, **params):
        self.events, self.comments, self.ended = [], 0, threading.Event()
        self.changed = threading.Condition()
        self.response = requests.get(url + API, params=params, headers={"Accept": "text/event-stream", **(headers or {})}, stream=True, timeout=60)
        self.status = self.response.status_code
        if self.status == 200:
            threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        fields = {}
        try:
            for line in self.response.iter_lines(chunk_size=1, decode_unicode=True):
                if not line:
                    if "data" in fields:
                        with self.changed:
                            self.events.append((fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])))
                            self.changed.notify_all()
                    fields = {}
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    key, _, value = line.partition(": ")
                    fields[key] = value
        except (requests.RequestException, AttributeError, ValueError):  # the last two: closed on the other thread
            pass
        self.ended.set()

    def wait(self, wanted):
        """Until `wanted(events)`; returns what it says."""
        with self.changed:
            assert self.changed.wait_for(lambda: wanted(self.events), 60), self.events
            return wanted(self.events)

    def wait_for(self, kind, name=None):
        return self.wait(lambda events: [e for e in events if e[2].get("kind") == kind and name in (None, e[2].get("id"), e[2].get("name"))])

    def close(self):
        """As a browser leaves. response.close() would wait for the reading thread."""
        with contextlib.suppress(OSError, AttributeError):
            self.response.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)


def post(server, path, body):
    r = requests.post(server.url + path, json=body, timeout=30)
    assert r.status_code == 200, r.text
    return r.json()


def new_run(server):
    return post(server, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


def log(server, run, i):
    post(server, "/api/2.0/mlflow/runs/log-metric", {"run_id": run, "key": "loss", "value": 1.0, "timestamp": i, "step": i})


@pytest.fixture
def listener(either):
    listeners = []

    def listen(**params):
        listeners.append(Listener(either.url, **params))
        # A listener hears of what happens from its first look on: that it has had one is seen by a change of its own.
        return listeners[-1]

    yield listen
    for one in listeners:
        one.close()


def heard(server, listener):
    """Makes changes until the listener hears one: from then on it hears all."""
    for i in range(100):
        name = f"mark-{os.urandom(4).hex()}"
        post(server, "/api/2.0/mlflow/registered-models/create", {"name": name})
        with listener.changed:
            if listener.changed.wait_for(lambda: any(e[2].get("name") == name for e in listener.events), 3):
                return
    raise AssertionError("it hears nothing")


def test_changes_are_told(either, listener):
    ears = listener()
    assert ears.status == 200 and ears.response.headers["Content-Type"] == "text/event-stream" and ears.response.headers["Cache-Control"] == "no-store"
    heard(either, ears)
    run = new_run(either)
    ears.wait_for("run", run)
    log(either, run, 1)
    ears.wait_for("metric", run)
    experiment = post(either, "/api/2.0/mlflow/experiments/create", {"name": f"x-{run}"})["experiment_id"]
    ears.wait_for("experiment", experiment)
    model = f"m-{run}"
    post(either, "/api/2.0/mlflow/registered-models/create", {"name": model})
    ears.wait_for("model", model)
    post(either, "/api/2.0/mlflow/model-versions/create", {"name": model, "source": f"mlflow-artifacts:/0/{run}/artifacts/m", "run_id": run})
    ears.wait_for("version", model)
    before = len(ears.wait_for("run", run))
    post(either, "/api/2.0/mlflow/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5})
    ears.wait(lambda events: len([e for e in events if e[2].get("kind") == "run" and e[2].get("id") == run]) > before)
    numbers = [e[2]["seq"] for e in ears.events]
    assert numbers == sorted(set(numbers)) and all(e[0] and set(e[2]) <= {"kind", "id", "name", "seq"} for e in ears.events), "what changed, never the data"


def test_a_run_that_logs_without_pause_is_told_of_now_and_then(either, listener):
    ears = listener(kinds="metric")
    run = new_run(either)
    log(either, run, 0)
    log(either, run, 1)
    deadline = time.monotonic() + 60
    while not ears.events and time.monotonic() < deadline:
        log(either, run, 1)
        time.sleep(0.2)
    assert ears.events
    start, count, told = time.monotonic(), 0, len(ears.events)
    while time.monotonic() - start < 3:
        log(either, run, count)
        count += 1
    took = time.monotonic() - start
    assert len(ears.events) - told <= took / 0.5 + 2, (len(ears.events), count, took)


def test_kinds_are_chosen(either, listener):
    some, all_of_them = listener(kinds="model"), listener()
    heard(either, all_of_them)
    heard(either, some)
    run = new_run(either)
    all_of_them.wait_for("run", run)
    heard(either, some)
    assert {e[2]["kind"] for e in some.events} == {"model"}
    for kinds in ("runs", "run,", "run,nothing", " "):
        r = requests.get(either.url + API, params={"kinds": kinds}, timeout=30)
        assert r.status_code == 400 and r.json()["field"] == "kinds", kinds


def test_a_listener_goes_on_where_it_was(either, listener):
    first = listener()
    heard(either, first)
    place = first.events[-1][0]
    run = new_run(either)
    first.wait_for("run", run)
    log(either, run, 1)
    first.wait_for("metric", run)
    again = listener(headers={"Last-Event-ID": place})
    again.wait_for("metric", run)
    after = first.events.index(next(e for e in first.events if e[0] == place)) + 1
    same = [e for e in first.events[after:]]
    assert again.events[:len(same)] == same and all(e[1] == "message" for e in again.events)
    by_query = listener(last_event_id=place)
    by_query.wait_for("metric", run)


@pytest.mark.parametrize("place", ["nonsense", "0-1", "-", "1", "ffffffffffffffff-3", "x" * 3000])
def test_an_unknown_place_starts_over(either, listener, place):
    ears = listener(headers={"Last-Event-ID": place})
    ears.wait(lambda events: events)
    assert ears.events[0][1] == "reset"
    heard(either, ears)
    assert all(e[1] == "message" for e in ears.events[1:])


def test_a_place_of_an_earlier_process_starts_over(data_folder):
    with IngotServer(data_folder) as s:
        ears = Listener(s.url)
        heard(s, ears)
        place = ears.events[-1][0]
        assert s.stop() == 0
        assert ears.ended.wait(30), "a server that stops ends its streams"
    with IngotServer(data_folder) as s:
        ears = Listener(s.url, headers={"Last-Event-ID": place})
        ears.wait(lambda events: events)
        assert ears.events[0][1] == "reset"
        ears.close()


def test_listeners_hold_no_worker(data_folder):
    with IngotServer(data_folder, "--pool-threads", "1", "--io-threads", "1") as s:
        ears = [Listener(s.url) for _ in range(60)]
        assert all(e.status == 200 for e in ears)
        run = new_run(s)
        heard(s, ears[0])
        log(s, run, 1)
        for e in ears:
            e.wait_for("metric", run)
        for e in ears[::2]:
            e.close()
        heard(s, ears[1])
        assert s.stop() == 0
        assert all(e.ended.wait(30) for e in ears[1::2])


def test_a_listener_that_does_not_read_holds_nobody_up(data_folder):
    with IngotServer(data_folder, "--io-threads", "1") as s:
        deaf = requests.get(s.url + API, stream=True, timeout=60)
        ears = Listener(s.url)
        heard(s, ears)
        for _ in range(20):
            new_run(s)
        heard(s, ears)
        assert s.stop() == 0
        deaf.close()


def test_over_http2(data_folder):
    httpx = pytest.importorskip("httpx")
    with IngotServer(data_folder) as s:
        with httpx.Client(http1=False, http2=True, timeout=60) as client, client.stream("GET", s.url + API) as r:
            assert (r.status_code, r.http_version) == (200, "HTTP/2")
            lines, seen = r.iter_lines(), []
            done = threading.Event()

            def change():
                while not done.wait(1):
                    new_run(s)

            threading.Thread(target=change, daemon=True).start()
            try:
                for line in lines:
                    seen.append(line)
                    if line.startswith("data: "):
                        break
            finally:
                done.set()
            assert json.loads(seen[-1][6:])["kind"] == "run", seen
        assert s.stop() == 0


def test_head_and_who_may(data_folder):
    with IngotServer(data_folder, "--auth") as s:
        assert requests.get(s.url + API, timeout=30).status_code == 401
        token = open(os.path.join(data_folder, "admin-token")).read().strip()
        head = requests.head(s.url + API, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert head.status_code == 200 and head.headers["Content-Type"] == "text/event-stream"
        ears = Listener(s.url, headers={"Authorization": f"Bearer {token}"})
        assert ears.status == 200
        ears.close()


def test_two_servers_on_one_database(postgres, tmp_path):
    url = postgres.database("events")
    with IngotServer(tmp_path / "a", "--db", url) as a, IngotServer(tmp_path / "b", "--db", url) as b:
        ears = Listener(b.url)
        heard(b, ears)
        run = new_run(a)
        ears.wait_for("run", run)
        ears.close()
