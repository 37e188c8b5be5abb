"""One request, two servers, one answer: the harness that compares Ingot with a real `mlflow server`.

A flow is a list of steps. Every step is sent to both servers; what a server chose itself (ids, times, random names) is replaced by
a name, and the rest must be equal: the status, the error's code and text, every field. A step that differs on purpose says why
(`differs`, a key of REASONS) and what Ingot answers (`ours`); docs/drop-in.md lists the reasons.

    Flow("tags", post("experiments/create", {"name": "x-<u>"}, save={"exp": "experiment_id"}),
                 get("experiments/get", experiment_id="<exp>"))

`<u>` is different in every flow; `save` binds a path of the answer to a name that later steps may use.
"""
import base64
import copy
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
API = "/api/2.0/mlflow/"

# Why Ingot answers otherwise than MLflow, where it does so on purpose. docs/drop-in.md explains each (a test compares the lists).
REASONS = {
    "inside": "MLflow's answer is the text of its database or of Python, often with status 500; Ingot refuses with a reason, or can do it",
    "type": "a value of the wrong type is refused with its field named; MLflow drops the rest of the request in silence, or fails inside",
    "object": "a body that is no JSON object is refused as such; MLflow reads null as an empty one",
    "missing": "a thing without its name is refused; MLflow stores an empty one",
    "limit": "limits hold on every way in; MLflow checks them on some",
    "atomic": "a log-batch is one unit: after an error nothing of it is stored",
    "path": "a path with a NUL or a backslash is refused, and one that looks like a URI is an ordinary name",
    "place": "the server never connects to a place that a request names, so any scheme may be named; MLflow refuses those with a host",
    "state": "what the state forbids is 400; MLflow answers 500, which clients try again for minutes",
    "more": "Ingot can do it: the path or the source names the logged model already",
    "gone": "a deleted logged model is there no more for writes; MLflow goes on changing it",
    "direct": "a download URI is the place of the bytes itself; MLflow sometimes answers with another name to look up",
    "form": "the same facts in another order or layout",
}
LEAK = re.compile(r"\((?:sqlite3|psycopg2?|raised as a result|builtins)\b|\[SQL:|Traceback|Internal Server Error|Python int too large")


@dataclass
class Step:
    method: str
    path: str
    body: object = None
    raw: bytes = None
    headers: dict = field(default_factory=dict)
    save: dict = field(default_factory=dict)
    differs: str = None
    ours: tuple = None  # (status, error_code, part of the message)
    ignore: tuple = ()  # dotted paths that are not compared
    wrong: str = None  # the field that has a wrong value: a refusal that names it and its type is right ("type")


def post(path, body=None, **kw):
    return Step("POST", path, {} if body is None else body, **kw)


def patch(path, body=None, **kw):
    return Step("PATCH", path, {} if body is None else body, **kw)


def delete(path, body=None, **kw):
    return Step("DELETE", path, {} if body is None else body, **kw)


def get(path, /, query="", save=None, differs=None, ours=None, ignore=(), **params):
    """`query` is sent as it stands; params are encoded, lists as repeated keys."""
    pairs = [(k, v) for k, vs in params.items() for v in (vs if isinstance(vs, list) else [vs])]
    text = "&".join(([query] if query else []) + [f"{k}={str(v)}" for k, v in pairs])
    return Step("GET", f"{path}?{text}" if text else path, None, save=save or {}, differs=differs, ours=ours, ignore=ignore)


class Flow:
    def __init__(self, name, *steps):
        self.name = name
        self.steps = [s for part in steps for s in (part if isinstance(part, list) else [part])]

    def __str__(self):
        return self.name


# ---- every field with every kind of wrong value ----

ABSENT = object()
WRONG = (ABSENT, None, "", "x", 987001, -1, 1.5, True, [], ["x"], {}, {"a": 1})


def wrong_values(method, path, good, fields=None, skip=(), differs=None, ignore=()):
    """Steps that send `good` with one field replaced by each wrong value. `differs` maps (field, repr of the value) or a field
    to (reason, ours). The value's own type is left out where it would be right."""
    steps = []
    for name in fields or good:
        for value in WRONG:
            key = "absent" if value is ABSENT else json.dumps(value)
            if (name, key) in skip or name in skip:
                continue
            body = copy.deepcopy(good)
            if value is ABSENT:
                body.pop(name, None)
            else:
                body[name] = value
            why = (differs or {}).get((name, key)) or (differs or {}).get(name) or (None, None)
            steps.append(Step(method, path, body, differs=why[0], ours=why[1], wrong=name, ignore=ignore))
    return steps


# ---- answers made comparable ----

TIMES = {"creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp", "start_time", "end_time",
         "creation_timestamp_ms", "last_updated_timestamp_ms", "timestamp", "created_at", "last_updated_at"}
RANDOM_NAME = re.compile(r"^[a-z]+-[a-z]+-\d{1,4}$")
HEX32 = re.compile(r"\b[0-9a-f]{32}\b")


class Side:
    """One server and the values that it chose."""

    def __init__(self, name, url, u):
        self.name, self.url, self.bound = name, url, {"u": u}
        self.session = requests.Session()
        self.other = self

    def fill(self, x):
        if isinstance(x, str):
            return re.sub(r"<(\w+)>", lambda m: str(self.bound.get(m[1], m[0])), x)
        if isinstance(x, list):
            return [self.fill(v) for v in x]
        if isinstance(x, dict):
            return {self.fill(k): self.fill(v) for k, v in x.items()}
        return x

    def send(self, step):
        path = self.fill(step.path)
        url = self.url + (path if path.startswith("/") else API + path)
        headers = {"Content-Type": "application/json", **step.headers}
        data = step.raw if step.raw is not None else None if step.body is None else json.dumps(self.fill(step.body)).encode()
        if data is None:
            headers.pop("Content-Type", None)
        return self.session.request(step.method, url, data=data, headers=headers, timeout=60)

    def save(self, step, answer):
        for name, path in step.save.items():
            value = answer
            for part in path.split("."):
                try:
                    value = value[int(part)] if isinstance(value, list) else value[part]
                except (KeyError, IndexError, TypeError, ValueError):
                    raise AssertionError(f"{self.name}: {step.method} {step.path} has no '{path}' in {json.dumps(answer)[:400]}") from None
            self.bound[name] = value

    def named(self, text, key=""):
        """`text` with what this server chose replaced by its name."""
        # A short id (an experiment's, say) may stand in a text by chance; then it does so on both sides, and both name it.
        values = [*self.bound.items(), *((n, v) for n, v in self.other.bound.items() if len(str(v)) < 6)]
        for name, value in sorted(values, key=lambda kv: -len(str(kv[1]))):
            value = str(value)
            short = len(value) < 6
            if short and not (key.startswith("experiment_id") or key == "message" or "artifacts:/" in text or "=" in text):
                continue
            text = re.sub(rf"(?<![\w.]){re.escape(value)}(?![\w.])" if short else re.escape(value), f"<{name}>", text)
        if key == "message":  # Python prints sets in any order
            text = re.sub(r"\{('[^'{}]*'(?:, '[^'{}]*')*)\}", lambda m: "{" + ", ".join(sorted(m[1].split(", "))) + "}", text)
        return HEX32.sub("<hex>", text)

    @staticmethod
    def page(token):
        """Both servers' tokens say where the page begins; ours may say more."""
        try:
            return f"<page from {json.loads(base64.b64decode(token))['offset']}>"
        except (ValueError, KeyError, TypeError):
            return token

    def plain(self, x, key=""):
        if isinstance(x, str) and key == "next_page_token":
            return self.page(x)
        if isinstance(x, str):
            return "<random name>" if RANDOM_NAME.match(x) and key in ("run_name", "value", "name") else self.named(x, key)
        if isinstance(x, bool) or x is None:
            return x
        if isinstance(x, (int, float)):
            now = time.time() * 1000
            return "<now>" if key in TIMES and abs(now - x) < 900_000 else x
        if isinstance(x, list):
            items = [self.plain(v, key) for v in x]
            if key in ("latest_versions", "model_versions") and len({v.get("current_stage") for v in items}) == len(items):
                items.sort(key=lambda v: v["current_stage"])  # one per stage, in no promised order
            keyed = all(isinstance(v, dict) and "key" in v for v in items)
            return sorted(items, key=lambda v: (v["key"], json.dumps(v, sort_keys=True))) if keyed and items else items
        # A protobuf client reads an empty text, list or object and an absent one alike.
        fields = {self.named(k): self.plain(v, k) for k, v in x.items()}
        return {k: v for k, v in fields.items() if v not in ("", [], {}) and not (k == "file_size" and v == 0)}


def parse(response):
    try:
        return json.loads(response.text)
    except ValueError:
        return response.text


# What Ingot tells beyond MLflow, by where it stands.
ADDED = re.compile(r"(model_version|model_versions\[\d+\]|latest_versions\[\d+\])\.(user_id|data_version|signature|semver|model_id|aliases)$")


def differences(a, b, path=""):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(a.keys() | b.keys()):
            at = f"{path}.{k}" if path else k
            if k not in b and ADDED.search(at):
                continue
            if k not in a:
                yield f"{at}: ingot has none, mlflow {json.dumps(b[k])[:300]}"
            elif k not in b:
                yield f"{at}: ingot {json.dumps(a[k])[:300]}, mlflow has none"
            else:
                yield from differences(a[k], b[k], at)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}[{i}]")
    elif type(a) is not type(b) or a != b:
        if not (a != a and b != b):
            yield f"{path}:\n      ingot  {json.dumps(a)}\n      mlflow {json.dumps(b)}"


def excused(step, a, x, b, y):
    """Differences that need no word in the table: MLflow failed inside, or swallowed a value of the wrong type."""
    message = y.get("message", "") if isinstance(y, dict) else y
    if b.status_code >= 400 and LEAK.search(message):
        if isinstance(x, dict) and isinstance(y, dict) and a.status_code == b.status_code and x.get("error_code") == y.get("error_code"):
            return x["message"].rstrip(".") == re.split(r"\.? Error: \(", message)[0].rstrip(".") or LEAK.search(message).start() == 0
        return a.status_code < 500
    if not step.wrong or a.status_code != 400 or not isinstance(x, dict):
        return False
    return x.get("error_code") == "INVALID_PARAMETER_VALUE" and bool(re.match(
        rf"Invalid value .* for parameter '{re.escape(step.wrong)}\b[^']*' supplied:  Hint: Value was of type '\w+'\.", x["message"], re.S))


def check_ours(step, response, answer):
    status, code, part = (*step.ours, None, None)[:3]
    got = answer if isinstance(answer, dict) else {}
    if response.status_code != status:
        yield f"status: expected {status} on purpose ({step.differs}), got {response.status_code} {response.text[:300]}"
    if code and got.get("error_code") != code:
        yield f"error_code: expected {code} on purpose ({step.differs}), got {got.get('error_code')}"
    if part and part not in response.text.replace('\\"', '"'):
        yield f"text: expected {part!r} on purpose ({step.differs}), got {response.text[:300]}"


def short(text):
    """Long runs of one character, and long lines, as people want to read them."""
    text = re.sub(r"(.)\1{30,}", lambda m: f"{m[1]}({len(m[0])}x)", text)
    return "\n".join(line if len(line) < 700 else line[:700] + "..." for line in text.split("\n"))


def compare(flow, ingot_url, mlflow_url):
    """All differences of a flow as text lines; empty when there are none."""
    u = uuid.uuid4().hex[:10]
    ours, theirs = Side("ingot", ingot_url, u), Side("mlflow", mlflow_url, u)
    ours.other, theirs.other = theirs, ours
    found = []
    for i, step in enumerate(flow.steps):
        a, b = ours.send(step), theirs.send(step)
        x, y = parse(a), parse(b)
        lines = []
        if step.differs:
            assert step.differs in REASONS, step.differs
            lines += check_ours(step, a, x)
            if a.status_code == b.status_code and not list(differences(ours.plain(x), theirs.plain(y))):
                lines.append(f"the answers are equal, though they are said to differ ({step.differs})")
        else:
            if excused(step, a, x, b, y):
                continue
            if a.status_code != b.status_code:
                lines.append(f"status: ingot {a.status_code}, mlflow {b.status_code}")
            if isinstance(y, dict) and not (a.headers.get("Content-Type") or "").startswith("application/json"):
                lines.append(f"content type: {a.headers.get('Content-Type')}")
            if b.status_code < 400 and a.status_code < 400:
                ours.save(step, x), theirs.save(step, y)
            p, q = ours.plain(x), theirs.plain(y)
            p, q = p or "", q or ""  # no body and an empty object say the same
            for path in step.ignore:
                for side in (p, q):
                    *way, last = path.split(".")
                    for part in way:
                        side = side.get(part, {}) if isinstance(side, dict) else {}
                    if isinstance(side, dict):
                        side.pop(last, None)
            lines += differences(p, q)
        if lines:
            sent = step.raw.decode(errors="replace") if step.raw is not None else json.dumps(step.body, ensure_ascii=False)
            found.append(short(f"[{i}] {step.method} {step.path} {sent}\n    " + "\n    ".join(lines)))
    return found


# ---- the peer ----

class MlflowServer:
    """A real `mlflow server` on loopback with an SQLite store of its own; `url` answers when the constructor returns."""

    def __init__(self, folder, *args, env=None):
        self.folder = Path(folder)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(self.folder / "mlflow.log", "ab")
        self.process = subprocess.Popen(
            [str(Path(sys.executable).parent / "mlflow"), "server", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db",
             "--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1", "--port", str(self.port),
             "--workers", "1", *args],
            stdout=self.log, stderr=self.log, cwd=self.folder, start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **(env or {})})
        until = time.monotonic() + 240
        while True:
            try:
                if requests.get(self.url + "/health", timeout=5).text == "OK":
                    return
            except requests.RequestException:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError("mlflow server did not start:\n" + (self.folder / "mlflow.log").read_text()[-3000:])
            time.sleep(0.2)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)  # our own session: the server and its workers
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()
