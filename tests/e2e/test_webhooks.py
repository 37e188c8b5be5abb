"""Webhooks: MLflow's client and payloads, delivery that survives a kill, receivers that misbehave, addresses that must not be reached."""
import datetime
import ipaddress
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

import boxed
import ingot_server
from ingot_server import IngotServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "services"))
from webhook_sink import Sink  # noqa: E402

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities.webhook import WebhookEvent, WebhookStatus  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.webhooks.delivery import _generate_hmac_signature  # noqa: E402

OPEN = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http, https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}
EVENTS = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
          "model_version_alias.created", "model_version_alias.deleted", "prompt.created", "prompt_version.created", "prompt_tag.set",
          "prompt_tag.deleted", "prompt_version_tag.set", "prompt_version_tag.deleted", "prompt_alias.created", "prompt_alias.deleted"]


def open_server(data, *args, env=None, cls=IngotServer, **kw):
    return cls(data, "--webhook-pause-ms", "100", *args, env={**OPEN, **(env or {})}, **kw)


@pytest.fixture
def sink():
    with Sink() as s:
        yield s


def client_of(server):
    return MlflowClient(tracking_uri=server.url, registry_uri=server.url)


def hook(client, url, *events, name="hook", **kw):
    return client.create_webhook(name, url, [WebhookEvent.from_str(e) for e in events or EVENTS], **kw)


def deliveries(server, webhook_id, **query):
    answer = requests.get(f"{server.url}/api/ingot/v1/webhooks/{webhook_id}/deliveries", params={"limit": 1000, **query}, timeout=10)
    answer.raise_for_status()
    return answer.json()["deliveries"]


def wait_state(server, webhook_id, state, n, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        rows = [d for d in deliveries(server, webhook_id) if d["state"] == state]
        if len(rows) >= n:
            return rows
        time.sleep(0.05)
    raise AssertionError(f"not {n} {state}: {deliveries(server, webhook_id)}")


def signed(request, secret):
    h = request.headers
    assert abs(int(h["X-MLflow-Timestamp"]) - time.time()) < 60
    return h.get("X-MLflow-Signature") == _generate_hmac_signature(secret, h["X-MLflow-Delivery-Id"], h["X-MLflow-Timestamp"], request.body)


def test_the_client_manages_webhooks(data_folder, sink):
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url + "/a", "model_version.created", "prompt.created", description="words", secret="s3cret")
        assert w.status == WebhookStatus.ACTIVE and [str(e) for e in w.events] == ["model_version.created", "prompt.created"]
        got = c.get_webhook(w.webhook_id)
        assert (got.name, got.url, got.description, got.secret) == ("hook", sink.url + "/a", "words", None)
        assert got.creation_timestamp == got.last_updated_timestamp > 1.7e12
        up = c.update_webhook(w.webhook_id, name="two", status="DISABLED", events=[WebhookEvent.from_str("model_version_tag.set")])
        assert up.name == "two" and up.status == WebhookStatus.DISABLED and [str(e) for e in up.events] == ["model_version_tag.set"]
        assert up.description == "words" and up.last_updated_timestamp >= got.last_updated_timestamp
        ids = [hook(c, sink.url, "prompt.created", name=f"h{i}").webhook_id for i in range(5)]
        page = c.list_webhooks(max_results=4)
        rest = c.list_webhooks(max_results=4, page_token=page.token)
        assert len(page) == 4 and not rest.token and {x.webhook_id for x in [*page, *rest]} == {w.webhook_id, *ids}
        c.delete_webhook(ids[0])
        for call in (lambda: c.get_webhook(ids[0]), lambda: c.delete_webhook(ids[0]), lambda: c.update_webhook(ids[0], name="x"), lambda: c.test_webhook(ids[0])):
            with pytest.raises(MlflowException) as e:
                call()
            assert e.value.error_code == "RESOURCE_DOES_NOT_EXIST" and ids[0] in e.value.message
        verbs = [r["verb"] for r in requests.get(server.url + "/api/ingot/v1/audit?kind=webhook", timeout=10).json()["rows"]]
        assert verbs.count("webhook.create") == 6 and verbs.count("webhook.update") == 1 and verbs.count("webhook.delete") == 1


def test_the_clients_test_call(data_folder, sink):
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url, "model_version.created", secret="k")
        r = c.test_webhook(w.webhook_id)
        assert r.success and r.response_status == 200 and r.response_body == "thanks" and r.error_message is None
        r = c.test_webhook(w.webhook_id, WebhookEvent.from_str("prompt_alias.created"))
        first, second = sink.all()
        assert signed(first, "k") and signed(second, "k") and first.delivery != second.delivery
        from mlflow.webhooks.types import get_example_payload_for_event
        assert first.json["data"] == get_example_payload_for_event(WebhookEvent.from_str("model_version.created"))
        assert second.json["data"] == get_example_payload_for_event(WebhookEvent.from_str("prompt_alias.created"))
        for e in [*EVENTS, "budget_policy.exceeded"]:
            assert c.test_webhook(w.webhook_id, WebhookEvent.from_str(e)).success
            assert sink.all()[-1].json["data"] == get_example_payload_for_event(WebhookEvent.from_str(e))
        sink.answer = lambda request: 418
        r = c.test_webhook(w.webhook_id)
        assert not r.success and r.response_status == 418
        dead = hook(c, "http://127.0.0.1:1/x", "prompt.created")
        r = c.test_webhook(dead.webhook_id)
        assert not r.success and r.response_status is None and "Failed to test webhook" in r.error_message
        assert "webhook.test" in [r["verb"] for r in requests.get(server.url + "/api/ingot/v1/audit?kind=webhook", timeout=10).json()["rows"]]


def act(c, tag):
    """One of everything that tells a webhook; returns how many messages it makes."""
    n = f"m-{tag}"
    c.create_registered_model(n, tags={"a": "é", "b": ""}, description="words")
    c.create_registered_model(n + "-bare")
    c.create_model_version(n, "s3://bucket/x", tags={"t": "1"}, description="d")
    c.create_model_version(n, "s3://bucket/y")
    c.set_model_version_tag(n, "1", "k", "v")
    c.set_model_version_tag(n, "1", "k", "")
    c.delete_model_version_tag(n, "1", "k")
    c.delete_model_version_tag(n, "1", "never")
    c.set_registered_model_alias(n, "champion", "1")
    c.set_registered_model_alias(n, "champion", "1")
    c.set_registered_model_alias(n, "champion", "2")
    c.delete_registered_model_alias(n, "champion")
    c.delete_registered_model_alias(n, "champion")
    c.set_registered_model_tag(n, "told", "nobody")
    c.delete_registered_model_tag(n, "told")
    p = f"p-{tag}"
    c.create_prompt(p, description="a prompt", tags={"team": "x"})
    c.create_prompt_version(p, "Hi {{name}}", description="first", tags={"v": "1"})
    c.create_prompt_version(p, "Bye {{name}}")
    c.set_prompt_tag(p, "k", "v")
    c.delete_prompt_tag(p, "k")
    c.set_prompt_version_tag(p, "1", "k", "v")
    c.delete_prompt_version_tag(p, "1", "k")
    c.set_prompt_alias(p, "live", 1)
    c.delete_prompt_alias(p, "live")
    c.rename_registered_model(n + "-bare", n + "-other")
    c.transition_model_version_stage(n, "1", "Staging")
    c.delete_model_version(n, "2")
    c.delete_registered_model(n + "-other")


def masked(request):
    body = request.json
    assert list(body) == ["entity", "action", "timestamp", "data"]
    stamp = datetime.datetime.fromisoformat(body["timestamp"])
    assert stamp.utcoffset() == datetime.timedelta(0) and abs(stamp.timestamp() - time.time()) < 300
    # MLflow's own text of the body: the same separators, escapes and order.
    assert request.body == json.dumps(body)
    body["timestamp"] = "T"
    return json.dumps(body)


def test_payloads_are_those_of_mlflow(data_folder, tmp_path, sink):
    """The same actions on a real mlflow server and on ours, into receivers side by side."""
    from differ import MlflowServer
    with Sink() as theirs:
        real = MlflowServer(tmp_path, env={**OPEN, "_MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"})
        try:
            c = MlflowClient(tracking_uri=real.url, registry_uri=real.url)
            w = hook(c, theirs.url, secret="s3cret")
            act(c, "1")
            theirs.wait(lambda r: [x for x in r if x.json["action"] == "deleted" and x.json["entity"] == "prompt_alias"])
            time.sleep(2)  # its workers deliver in any order
        finally:
            real.stop()
        expected = sorted(masked(r) for r in theirs.all())
        assert all(signed(r, "s3cret") for r in theirs.all())
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url, secret="s3cret")
        act(c, "1")
        sink.wait(lambda r: len(r) >= len(expected))
        wait_state(server, w.webhook_id, "delivered", len(expected))
        ours = [masked(r) for r in sink.all()]
        assert sorted(ours) == expected and len(expected) > 20
        assert all(signed(r, "s3cret") for r in sink.all())
        assert len({r.delivery for r in sink.all()}) == len(ours)
        names = [k for k in sink.all()[0].headers if k.lower().startswith("x-mlflow")]
        assert sorted(names) == ["X-MLflow-Delivery-Id", "X-MLflow-Signature", "X-MLflow-Timestamp"]
        assert sink.all()[0].headers["Content-Type"] == "application/json"
        kinds = [(json.loads(x)["entity"], json.loads(x)["action"]) for x in ours]
        assert kinds[0] == ("registered_model", "created") and kinds[-1] == ("prompt_alias", "deleted")  # in the order of the changes


def test_deliveries_survive_sigkill(data_folder, sink):
    """Changes are made while the server is killed again and again: every acknowledged one is told, under one id each."""
    acked, versions = [], iter(range(10**6))
    with open_server(data_folder) as server:
        w = hook(client_of(server), sink.url, "registered_model.created", secret="k").webhook_id
    rounds = 12
    for i in range(rounds):
        sink.answer = (lambda request: 503) if i % 3 == 2 else (lambda request: 200)
        server = open_server(data_folder)
        stop = threading.Event()

        def change():
            while not stop.is_set():
                name = f"m{next(versions)}"
                try:
                    r = requests.post(server.url + "/api/2.0/mlflow/registered-models/create", json={"name": name}, timeout=5)
                except requests.RequestException:
                    return
                if r.status_code == 200:
                    acked.append(name)

        threads = [threading.Thread(target=change) for _ in range(2)]
        for t in threads:
            t.start()
        time.sleep(0.15 + 0.05 * (i % 4))
        server.process.kill()
        server.process.wait()
        stop.set()
        for t in threads:
            t.join()
        server.stop()
    sink.answer = lambda request: 200
    with open_server(data_folder) as server:
        wait_state(server, w, "delivered", 1)
        end = time.monotonic() + 60
        while deliveries(server, w, state="waiting"):
            assert time.monotonic() < end, "messages still wait"
            time.sleep(0.1)
        assert deliveries(server, w, state="failed") == []
    told = {}
    for r in sink.all():
        assert signed(r, "k")
        told.setdefault(r.json["data"]["name"], set()).add(r.delivery)
    assert len(acked) > 50
    assert set(acked) <= set(told), f"not told: {set(acked) - set(told)}"
    assert all(len(ids) == 1 for ids in told.values()), "one change, one delivery id"


def test_retries_are_kept_over_restarts_and_in_order(data_folder, sink):
    sink.answer = lambda request: 503
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created").webhook_id
        for i in range(3):
            c.create_registered_model(f"m{i}")
        first = sink.wait(lambda r: len(r) >= 2)[0]
        assert [r.json["data"]["name"] for r in sink.all()[:2]] == ["m0", "m0"]  # the line waits for its head
        waiting = deliveries(server, w, state="waiting")
        assert requests.get(server.url + "/api/ingot/v1/outbox", timeout=10).json() == {"waiting": 3, "delivered": 0, "failed": 0}
        assert len(waiting) == 3 and waiting[-1]["status"] == 503 and waiting[-1]["reason"] == "HTTP 503"
    sink.answer = lambda request: 200
    sink.clear()
    with open_server(data_folder) as server:
        got = sink.wait(lambda r: len(r) >= 3)
        assert [r.json["data"]["name"] for r in got] == ["m0", "m1", "m2"] and got[0].delivery == first.delivery
        assert [d["attempts"] >= 3 for d in wait_state(server, w, "delivered", 3)] == [False, False, True]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_such_answers_are_tried_again(data_folder, sink, status):
    answers = iter([status, (status, {"Retry-After": "1"}), 200])
    sink.answer = lambda request: next(answers)
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created").webhook_id
        c.create_registered_model("m")
        got = sink.wait(lambda r: len(r) >= 3)
        assert len({r.delivery for r in got}) == 1 and got[2].time - got[1].time >= 0.9
        assert wait_state(server, w, "delivered", 1)[0]["attempts"] == 3


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 501])
def test_such_answers_end_it(data_folder, sink, status):
    sink.answer = lambda request: (status, {"Location": sink.url + "/elsewhere"})
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created").webhook_id
        c.create_registered_model("m")
        (row,) = wait_state(server, w, "failed", 1)
        assert row["status"] == status and str(status) in row["reason"] and row["attempts"] == 1
        time.sleep(0.5)
        assert [r.path for r in sink.all()] == ["/"]  # tried once, and no redirect followed
        sink.answer = lambda request: 200
        again = requests.post(f"{server.url}/api/ingot/v1/webhooks/{w}/deliveries/{row['delivery_id']}/retry", json={}, timeout=10)
        assert again.status_code == 200
        assert wait_state(server, w, "delivered", 1)[0]["delivery_id"] == row["delivery_id"]
        assert requests.post(again.url, json={}, timeout=10).status_code == 409


def test_upstreams_retry_limit(data_folder, sink):
    sink.answer = lambda request: 500
    with open_server(data_folder, env={"MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "2"}) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created").webhook_id
        c.create_registered_model("m")
        (row,) = wait_state(server, w, "failed", 1)
        assert row["attempts"] == 3 and len(sink.all()) == 3 and row["reason"] == "HTTP 500"


def test_one_slow_receiver_holds_nobody_up(data_folder, sink):
    with Sink(answer=lambda request: time.sleep(30) or 200) as slow, open_server(data_folder, env={"MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS": "2"}) as server:
        c = client_of(server)
        slow_id = hook(c, slow.url, "registered_model.created").webhook_id
        hook(c, sink.url, "registered_model.created")
        for i in range(20):
            c.create_registered_model(f"m{i}")
        got = sink.wait(lambda r: len(r) >= 20, timeout=10)
        assert [r.json["data"]["name"] for r in got] == [f"m{i}" for i in range(20)]
        assert len(slow.all()) == 1 and len(deliveries(server, slow_id, state="waiting")) == 20
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 8  # a stop does not wait for it either


def test_a_silent_receiver_is_given_up_after_the_time_limit(data_folder, sink):
    sink.answer = lambda request: time.sleep(20) or 200
    with open_server(data_folder, env={"MLFLOW_WEBHOOK_REQUEST_TIMEOUT": "1", "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "1"}) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created").webhook_id
        c.create_registered_model("m")
        (row,) = wait_state(server, w, "failed", 1)
        assert row["attempts"] == 2 and "timed out" in row["reason"].lower() and "status" not in row


def test_deleted_and_disabled_webhooks_hear_nothing(data_folder, sink):
    with open_server(data_folder) as server:
        c = client_of(server)
        a, b = hook(c, sink.url + "/a").webhook_id, hook(c, sink.url + "/b").webhook_id
        c.update_webhook(a, status="DISABLED")
        c.delete_webhook(b)
        d = hook(c, sink.url + "/d").webhook_id
        c.create_registered_model("m")
        wait_state(server, d, "delivered", 1)
        assert [r.path for r in sink.all()] == ["/d"]


# ---- addresses ----

SPELLINGS = ["localhost", "127.0.0.1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
             "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "[::ffff:169.254.169.254]", "10.0.0.1", "192.168.0.1",
             "172.16.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]", "224.0.0.1", "255.255.255.255", "8.8.8.8@127.0.0.1", "localhost.",
             "%6c%6fcalhost", "127。0。0。1", "①②⑦.0.0.1"]


def test_no_spelling_reaches_this_machine(data_folder, sink):
    with IngotServer(data_folder, env={"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https"}) as server:
        c = client_of(server)
        public = hook(c, "https://8.8.8.8/x", "prompt.created").webhook_id
        for host in SPELLINGS:
            url = f"http://{host}:{sink.port}/"
            for call in (lambda: hook(c, url), lambda: c.update_webhook(public, url=url)):
                with pytest.raises(MlflowException) as e:
                    call()
                assert e.value.error_code == "INVALID_PARAMETER_VALUE", url
        for url in ("http://", "https://", "ftp://8.8.8.8", "file:///etc/passwd", "gopher://8.8.8.8", "8.8.8.8", "https://a b/", "https://x\ny/", "unix:/tmp/x"):
            with pytest.raises(MlflowException):
                hook(c, url)
        assert c.get_webhook(public).url == "https://8.8.8.8/x" and sink.all() == []
    with IngotServer(str(data_folder) + "2") as server:  # https alone unless allowed otherwise
        with pytest.raises(MlflowException) as e:
            hook(client_of(server), "http://8.8.8.8/")
        assert "Invalid webhook URL scheme: 'http'. Allowed schemes are: https." in e.value.message


def test_a_name_that_changes_its_address_reaches_nothing(data_folder, sink, tmp_path):
    """hook.example is public when it is registered and private when it is used."""
    words = boxed.unshare()
    if not words:
        pytest.skip("needs mount namespaces, which this machine does not give")
    hosts = tmp_path / "hosts"
    hosts.write_text("8.8.8.8 hook.example\n")
    start = tmp_path / "start"
    start.write_text(f"#!/bin/sh\nexec {' '.join(words)} sh -c 'mount --bind {hosts} /etc/hosts && exec \"$0\" \"$@\"' '{ingot_server.program()}' \"$@\"\n")
    start.chmod(0o755)
    before = os.environ.get("INGOT_BIN")
    os.environ["INGOT_BIN"] = str(start)
    try:
        server = IngotServer(data_folder, "--webhook-pause-ms", "100", env={"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http"})
    finally:
        os.environ.pop("INGOT_BIN") if before is None else os.environ.update(INGOT_BIN=before)
    with server:
        c = client_of(server)
        w = hook(c, f"http://hook.example:{sink.port}/", "registered_model.created").webhook_id
        for i, private in enumerate(["127.0.0.1 hook.example\n", "8.8.8.8 hook.example\n127.0.0.1 hook.example\n", "::1 hook.example\n"]):
            with open(hosts, "w") as f:  # the same file: it is bound into the server's world
                f.write(private)
            c.create_registered_model(f"m{i}")
            rows = wait_state(server, w, "failed", i + 1)
            assert "must not resolve to a non-public IP address" in rows[0]["reason"]
            r = c.test_webhook(w)
            assert not r.success and "must not resolve to a non-public IP address" in r.error_message
        assert sink.all() == []
        with pytest.raises(MlflowException):
            c.update_webhook(w, url=f"http://hook.example:{sink.port}/other")


def certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_https_to_an_allowed_network(data_folder, tmp_path):
    with Sink(ssl_context=certificate(tmp_path)) as sink:
        with IngotServer(data_folder, "--webhook-networks", "127.0.0.0/8", "--webhook-pause-ms", "100", "--webhook-ca", str(tmp_path / "cert.pem")) as server:
            c = client_of(server)
            w = hook(c, sink.url, "registered_model.created", secret="k").webhook_id
            c.create_registered_model("m")
            wait_state(server, w, "delivered", 1)
            assert signed(sink.all()[0], "k")
            with pytest.raises(MlflowException):
                hook(c, "https://10.0.0.1/")
        sink.clear()
        with IngotServer(data_folder, "--webhook-networks", "127.0.0.0/8", "--webhook-pause-ms", "100", "--webhook-retries", "1") as server:
            client_of(server).create_registered_model("n")  # nobody vouches for the receiver now
            (row,) = wait_state(server, w, "failed", 1)
            assert "certificate" in row["reason"] and sink.all() == []


def test_secrets_are_nowhere_in_clear(data_folder, sink):
    secret = "5ecret-that-nobody-may-see"
    with open_server(data_folder) as server:
        c = client_of(server)
        w = hook(c, sink.url + "/tok3n-in-the-path", "registered_model.created", secret=secret).webhook_id
        c.update_webhook(w, secret=secret + "-2")
        c.create_registered_model("m")
        assert signed(sink.wait(lambda r: r)[0], secret + "-2")
        c.test_webhook(w)
        texts = [requests.get(server.url + p, timeout=10).text for p in
                 (f"/api/2.0/mlflow/webhooks/{w}", "/api/2.0/mlflow/webhooks", f"/api/ingot/v1/webhooks/{w}/deliveries", "/api/ingot/v1/audit?limit=100", "/metrics")]
        assert all(secret not in t for t in texts)
        assert "tok3n" not in texts[3]
    for path in [*Path(data_folder).rglob("*"), Path(f"{data_folder}.log")]:
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    assert "tok3n" not in Path(f"{data_folder}.log").read_text()
    assert (Path(data_folder) / "webhook-key").stat().st_mode & 0o077 == 0


def test_the_key(data_folder, sink):
    """Of the environment, as MLflow has it; without the right one nothing is sent unsigned."""
    from cryptography.fernet import Fernet
    key = {"MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode()}
    with open_server(data_folder, env=key) as server:
        c = client_of(server)
        w = hook(c, sink.url, "registered_model.created", secret="k").webhook_id
        c.create_registered_model("a")
        assert signed(sink.wait(lambda r: r)[0], "k")
    sink.clear()
    with open_server(data_folder) as server:  # the key of the folder opens nothing of that
        client_of(server).create_registered_model("b")
        time.sleep(1)
        assert sink.all() == [] and len(deliveries(server, w, state="waiting")) == 1
    assert "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY" in Path(f"{data_folder}.log").read_text()
    with open_server(data_folder, env=key) as server:
        assert signed(sink.wait(lambda r: r)[0], "k")
    for bad in ("short", "x" * 44):
        with pytest.raises(RuntimeError):
            open_server(data_folder, env={"MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": bad})


def test_two_servers_on_one_database_do_not_both_send(postgres, tmp_path, sink):
    """Changes on both, deliveries by both, each message once; then one is killed and the other goes on."""
    url = postgres.database("hooks")
    key = {"MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
    a, b = (open_server(tmp_path / f"data{i}", "--db", url, env=key) for i in range(2))
    try:
        ids = [hook(client_of(a), f"{sink.url}/{i}", "registered_model.created", secret="k", name=f"h{i}").webhook_id for i in range(4)]
        threads = [threading.Thread(target=lambda c=client_of(s), n=n: [c.create_registered_model(f"m-{n}-{i}") for i in range(25)])
                   for n, s in enumerate((a, b, a, b))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for w in ids:
            wait_state(a, w, "delivered", 100, timeout=60)
        got = sink.all()
        assert len(got) == 400 and len({r.delivery for r in got}) == 400 and all(signed(r, "k") for r in got)
        for i in range(4):  # each receiver hears everything in one order, whoever sends
            mine = [r.json["data"]["name"] for r in got if r.path == f"/{i}"]
            assert all([n for n in mine if n.startswith(f"m-{t}-")] == [f"m-{t}-{k}" for k in range(25)] for t in range(4))
        rule = requests.post(a.url + "/api/ingot/v1/alert-rules", json={"name": "nan", "kind": "nan", "url": sink.url + "/alert"}, timeout=10)
        assert rule.status_code == 201
        runs = [client_of((a, b)[i % 2]).create_run("0").info.run_id for i in range(10)]
        for i, run in enumerate(runs):
            client_of((b, a)[i % 2]).log_metric(run, "loss", float("nan"))
        sink.wait(lambda r: len([x for x in r if x.path == "/alert"]) >= 10)
        time.sleep(2)
        told = [x.json["data"]["run_id"] for x in sink.all() if x.path == "/alert"]
        assert sorted(told) == sorted(runs)
        a.process.kill()
        a.process.wait()
        client_of(b).create_registered_model("after")
        wait_state(b, ids[0], "delivered", 101, timeout=100)  # a lease of the dead one ends by itself
    finally:
        for s in (a, b):
            s.stop()


def test_only_admins_manage_webhooks(data_folder, sink):
    with open_server(data_folder, "--auth") as server:
        body = {"name": "a", "url": sink.url, "events": [{"entity": "PROMPT", "action": "CREATED"}]}
        url = server.url + "/api/2.0/mlflow/webhooks"
        assert requests.post(url, json=body, timeout=10).status_code == 401
        assert requests.get(url, timeout=10).status_code == 401
        token = re.search(r"ingot_\S+", (Path(data_folder) / "admin-token").read_text()).group(0)
        head = {"Authorization": f"Bearer {token}"}
        made = requests.post(url, json=body, headers=head, timeout=10)
        assert made.status_code == 200
        path = made.json()["webhook"]["webhook_id"]
        for method, rest in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
            assert requests.request(method, f"{url}/{path}{rest}", json={}, timeout=10).status_code == 401
        assert requests.get(f"{server.url}/api/ingot/v1/webhooks/{path}/deliveries", timeout=10).status_code == 401
