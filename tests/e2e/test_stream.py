"""`ingot stream` on a real Kafka, judged by another client: each record is answered exactly once, with XGBoost's own floats and in its
partition's order, whatever is killed, stopped or restarted."""
import json
import random
import signal
import time
import urllib.request

import numpy as np
import pytest
from kafka import Absent, Broker

pytest.importorskip("confluent_kafka")
from kafka_world import QUICK, WAIT_S, Job, World, make_rows, train, value_of  # noqa: E402

SMALL = ["--transaction-records", "50", "--transaction-ms", "30", "--in-flight", "16"]


def start_broker():
    try:
        return Broker()
    except Absent as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def broker():
    b = start_broker()
    yield b
    b.stop()


@pytest.fixture
def world(broker):
    return World(broker.address)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "risk.json"
    return path, train(path)


def wait_for(what, text="it did not happen"):
    until = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < until, text
        time.sleep(0.05)


def test_answers(world, model, tmp_path):
    path, oracle = model
    rows = make_rows(500)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    world.produce(rows[:250], headers=[("traceparent", parent), ("tenant", b"a"), ("tenant", b"b"), ("none", None)])
    world.produce(rows[250:], first=250)
    with Job(world, path, "--until-end", "--json", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
        told = json.loads("".join(job.lines))
        assert told["answered"] == 500 and told["poison"] == 0 and told["model"] == "risk"
    got = world.check(rows, oracle)
    for m in got:
        doc = json.loads(m.value())
        assert set(doc) == {"model", "version", "id", "outputs"} and doc["model"] == "risk" and doc["version"] == 1
        headers = m.headers()
        assert dict(headers)["ingot-source"].startswith(f"{world.input}/{m.partition()}/".encode())
        trace = dict(headers)["traceparent"].decode()
        if doc["id"] < 250:
            assert headers[:4] == [("traceparent", parent.encode()), ("tenant", b"a"), ("tenant", b"b"), ("none", None)]
        else:
            assert len(trace) == 55 and trace.startswith("00-") and trace != parent
    assert len({dict(m.headers())["traceparent"] for m in got}) == 251
    assert sum(world.committed()) >= 500


def test_inference_requests(world, model, tmp_path):
    path, oracle = model
    rows = make_rows(30)
    rows = np.nan_to_num(rows)
    for i, row in enumerate(rows):
        request = {"id": f"r{i}", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [float(v) for v in row]}]}
        world.put(json.dumps(request).encode(), partition=i % 3)
    world.put(b'{"inputs": []}', partition=0)
    world.put(json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [0.0] * 8}],
                          "parameters": {"binary_data_output": True}}).encode(), partition=0)
    world.flush()
    with Job(world, path, "--until-end", "--format", "v2", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
    answers = {json.loads(m.value())["id"]: json.loads(m.value()) for m in world.read(world.out, 30)}
    want = oracle(rows)
    for i in range(30):
        doc = answers[f"r{i}"]
        assert doc["model_name"] == "risk" and doc["outputs"][0]["shape"] == [1]
        assert np.float32(doc["outputs"][0]["data"][0]) == want[i]
    texts = [dict(m.headers())["ingot-error-text"].decode() for m in world.read(world.errors, 2, 2)]
    assert any("no inputs" in t for t in texts) and any("binary" in t for t in texts)


POISON = {
    b"not json": "value",
    b"[1, 2]": "array",
    b"\xff\xfe": "value",
    b"": "value",
    b'{"f0": 1}': "missing",
    json.dumps({f"f{i}": "text" if i == 3 else 0 for i in range(8)}).encode(): '"f3" is a string',
    json.dumps({f"f{i}": [1] if i == 3 else 0 for i in range(8)}).encode(): '"f3"',
    b'{"f0": 1, "f0": 2}': "f0",
    b'{"a":' * 100 + b"1" + b"}" * 100: "deep",
}


def test_poison_is_put_aside_and_tombstones_go_through(world, model, tmp_path):
    path, oracle = model
    rows = make_rows(90)
    world.produce(rows[:45])
    for i, value in enumerate(POISON):
        world.put(value, key=f"bad-{i}", partition=i % 3, headers=[("who", b"me")], timestamp=1600000000000)
    for p in range(3):
        world.put(None, key=f"gone-{p}", partition=p)
    world.flush()
    world.produce(rows[45:], first=45)
    with Job(world, path, "--until-end", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
    out = world.read(world.out, 93)
    assert len(out) == 93
    gone = [m for m in out if m.value() is None]
    assert sorted(m.key() for m in gone) == [b"gone-0", b"gone-1", b"gone-2"]
    scored = {json.loads(m.value())["id"]: m for m in out if m.value() is not None}
    assert sorted(scored) == list(range(90))
    answers = oracle(rows)
    assert all(np.float32(json.loads(m.value())["outputs"]["score"]) == answers[i] for i, m in scored.items())
    for p in range(3):  # a tombstone keeps its place
        order = [None if m.value() is None else json.loads(m.value())["id"] for m in out if m.partition() == p]
        at = order.index(None)
        assert order[:at] == [i for i in range(45) if i % 3 == p] and order[at + 1:] == [i for i in range(45, 90) if i % 3 == p]
    aside = world.read(world.errors, len(POISON), 2)
    assert len(aside) == len(POISON)
    for m in aside:
        headers = dict(m.headers())
        i = int(m.key().decode().removeprefix("bad-"))
        value, word = list(POISON.items())[i]
        assert m.value() == value and headers["who"] == b"me" and headers["ingot-error"] == b"INVALID" and m.timestamp()[1] == 1600000000000
        assert word.lower() in headers["ingot-error-text"].decode().lower(), headers
        assert headers["ingot-source"].decode().startswith(f"{world.input}/{i % 3}/")


def test_without_an_errors_topic_the_job_ends_and_nothing_is_acknowledged(world, model, tmp_path):
    path, _ = model
    world.produce(make_rows(30))
    world.put(b"not json", partition=1)
    world.flush()
    for _ in range(2):  # the next one finds the same
        with Job(world, path, log=tmp_path / "log", wait=False, errors=False) as job:
            assert job.wait() == 1
            assert f"record {world.input}/1/10 cannot be answered, and there is no errors topic" in job.failure()
    assert world.committed()[1] in (-1, 0)
    assert not [m for m in world.read(world.out, 0) if m.partition() == 1]


def test_the_answers_key_and_place(world, model, tmp_path):
    path, _ = model
    for i, row in enumerate(make_rows(60)):
        world.put(json.dumps({"user": f"u{i % 7}", **json.loads(value_of(i, row))}).encode(), partition=0)
    world.flush()
    with Job(world, path, "--until-end", "--key", "user", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
    places = {}
    for m in world.read(world.out, 60):
        assert m.key() == f"u{json.loads(m.value())['id'] % 7}".encode()
        places.setdefault(m.key(), set()).add(m.partition())
    assert all(len(p) == 1 for p in places.values()) and len(set.union(*places.values())) > 1


def test_killed_at_random_moments(world, model, tmp_path):
    path, oracle = model
    rows = make_rows(20000)
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    # A static member: the next one takes its place at once, not after the session is over.
    args = ["--transactional-id", f"tx-{world.tag}", "--kafka-set", f"group.instance.id=m-{world.tag}", *SMALL, *QUICK]
    kills = 0
    for part in range(24):
        first = part * 800
        world.produce(rows[first:first + 800], first=first)
        with Job(world, path, *args, log=tmp_path / "log", wait=rng.random() < 0.9) as job:
            time.sleep(rng.random() * 1.5)
            assert job.process.poll() is None, job.failure()
            job.kill()
            kills += 1
    world.produce(rows[24 * 800:], first=24 * 800)
    with Job(world, path, *args[:4], *QUICK, "--until-end", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
    assert kills >= 20
    world.check(rows, oracle)


def test_the_broker_is_killed(model, tmp_path):
    path, oracle = model
    rows = make_rows(6000)
    with start_broker() as mortal:
        world = World(mortal.address)
        with Job(world, path, *SMALL, *QUICK, log=tmp_path / "log") as job:
            for part in range(3):
                first = part * 2000
                world.produce(rows[first:first + 2000], first=first)
                time.sleep(random.random())
                assert job.process.poll() is None, job.failure()
                mortal.kill()
                time.sleep(random.random() * 2)
                assert job.process.poll() is None, job.failure()
                mortal.start()
            world.check(rows, oracle)
            assert job.stop() == 0, job.failure()


@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_two_instances_share_the_partitions(world, model, tmp_path, strategy):
    path, oracle = model
    rows = make_rows(6000)
    args = [*SMALL, *QUICK, "--kafka-set", f"partition.assignment.strategy={strategy}"]
    world.produce(rows[:2000])
    with Job(world, path, *args, log=tmp_path / "a") as first:
        time.sleep(0.5)
        with Job(world, path, *args, log=tmp_path / "b") as second:
            world.produce(rows[2000:4000], first=2000)
            wait_for(lambda: "change=assigned" in second.failure(), "the second instance got no partition")
            world.produce(rows[4000:5000], first=4000)
            assert first.stop() == 0, first.failure()
            world.produce(rows[5000:], first=5000)
            world.check(rows, oracle)
            assert second.stop() == 0, second.failure()


def test_a_second_instance_with_the_same_id_ends_the_first(world, model, tmp_path):
    """The first sleeps, the second takes its place; the first wakes up, can write nothing more, and says why it ends."""
    path, oracle = model
    rows = make_rows(3000)
    args = ["--transactional-id", f"tx-{world.tag}", *SMALL, *QUICK]
    world.produce(rows[:1000])
    with Job(world, path, *args, log=tmp_path / "a") as first:
        time.sleep(0.3)
        first.signal(signal.SIGSTOP)
        with Job(world, path, *args, log=tmp_path / "b") as second:
            world.produce(rows[1000:2000], first=1000)
            world.check(rows[:2000], oracle)
            first.signal(signal.SIGCONT)
            world.produce(rows[2000:], first=2000)
            assert first.wait() == 1
            assert "took over" in first.failure()
            world.check(rows, oracle)
            assert second.stop() == 0, second.failure()


def test_an_instance_that_slept_lost_its_partitions(world, model, tmp_path):
    """With ids of their own: what the sleeper had open is aborted, and it goes on as an ordinary member."""
    path, oracle = model
    rows = make_rows(4000)
    args = [*SMALL, *QUICK, "--kafka-set", "transaction.timeout.ms=10000"]
    world.produce(rows[:1000])
    with Job(world, path, *args, log=tmp_path / "a") as first:
        time.sleep(0.3)
        first.signal(signal.SIGSTOP)
        with Job(world, path, *args, log=tmp_path / "b") as second:
            world.produce(rows[1000:3000], first=1000)
            world.check(rows[:3000], oracle)
            first.signal(signal.SIGCONT)
            world.produce(rows[3000:], first=3000)
            world.check(rows, oracle)
            assert second.stop() == 0, second.failure()
            # The sleeper's own transaction may have been ended by the brokers meanwhile; then it says so and ends, and a supervisor starts it again.
            assert first.stop() == 0 or "transaction" in first.failure() or "took over" in first.failure()


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.read().decode()


def test_metrics_health_and_a_new_model(world, tmp_path):
    path = tmp_path / "risk.json"
    old = train(path)
    rows = make_rows(300)
    world.produce(rows[:150])
    world.put(b"bad", partition=0)
    world.flush()
    with Job(world, path, "--listen", "127.0.0.1:0", log=tmp_path / "log") as job:
        url = next(line.split()[-1] for line in job.lines if line.startswith("metrics on "))

        def metric(name):
            text = get(url)[1]
            return {line.split(" ")[0]: float(line.split(" ")[1]) for line in text.splitlines() if line.startswith(name)}

        wait_for(lambda: sum(metric("ingot_stream_answered_total").values()) == 150)
        assert sum(metric("ingot_stream_poison_total").values()) == 1
        wait_for(lambda: list(metric("ingot_stream_lag{").values()) == [0, 0, 0], "the lag does not become 0")
        counts = metric("ingot_stream_commit_seconds_count")
        assert sum(counts.values()) >= 1 and sum(v for k, v in metric("ingot_stream_commit_seconds_bucket").items() if "+Inf" in k) == sum(counts.values())
        assert f'group="{world.group}"' in next(iter(counts)) and 'model="risk"' in next(iter(counts))
        assert get(url.replace("/metrics", "/health")) == (200, "OK")
        new = train(path, seed=9, rounds=5)
        job.signal(signal.SIGHUP)
        wait_for(lambda: job.process.poll() is not None or sum(metric("process_start_time_seconds").values()) > 0)
        world.produce(rows[150:], first=150)
        got = {json.loads(m.value())["id"]: json.loads(m.value())["outputs"]["score"] for m in world.read(world.out, 300)}
        assert job.stop() == 0, job.failure()
    for which, ids in ((old(rows), range(150)), (new(rows), range(150, 300))):
        assert all(np.float32(got[i]) == which[i] for i in ids)


def test_what_is_wrong_is_said(world, model, tmp_path):
    path, _ = model
    world.topics({f"narrow-{world.tag}": 1})
    for args, text in (
        (["--kafka-set", "enable.auto.commit=true"], "setting enable.auto.commit is not free"),
        (["--kafka-set", "no.such.thing=1"], "no.such.thing"),
        (["--kafka-set", "word"], "NAME=VALUE is wanted"),
        (["--in", f"nowhere-{world.tag}"], f'there is no topic "nowhere-{world.tag}"'),
        (["--errors", f"nowhere-{world.tag}"], f'there is no topic "nowhere-{world.tag}"'),
        (["--out", f"narrow-{world.tag}"], "place them by key"),
        (["--out", world.input], "is read: answers and errors go to other topics"),
        (["--format", "xml"], "--format: 'xml' is not one of its words"),
        (["--format", "v2", "--key", "user"], "go with --format json"),
        (["--in-flight", "0"], "--in-flight must be between 1 and"),
        (["--model", str(tmp_path / "none.json")], "none.json"),
        (["--listen", "0.0.0.0:0"], "not a loopback address"),
    ):
        with Job(world, path, *args, log=tmp_path / f"log{abs(hash(text))}", wait=False) as job:
            assert job.wait() == 1, args
            assert text in job.failure(), args


def test_an_answer_that_its_topic_does_not_take_is_put_aside(world, model, tmp_path):
    path, oracle = model
    world.out = f"small-{world.tag}"
    world.topics({world.out: 3}, {"max.message.bytes": "20000"})
    rows = make_rows(30)
    for i, row in enumerate(rows):
        doc = json.loads(value_of(i, row))
        world.put(json.dumps({**doc, "id": "x" * 50000 if i == 7 else i}).encode(), partition=i % 3, timestamp=1700000000000)
    world.flush()
    with Job(world, path, "--until-end", "--kafka-set", "batch.size=15000", log=tmp_path / "log", wait=False) as job:
        assert job.wait() == 0, job.failure()
    got = {json.loads(m.value())["id"]: json.loads(m.value())["outputs"]["score"] for m in world.read(world.out, 29)}
    answers = oracle(rows)
    assert got.keys() == set(range(30)) - {7} and all(np.float32(v) == answers[i] for i, v in got.items())
    [aside] = world.read(world.errors, 1, 2)
    assert json.loads(aside.value())["id"] == "x" * 50000 and dict(aside.headers())["ingot-error"] == b"TOO_LARGE"
    assert b"max.message.bytes 20000" in dict(aside.headers())["ingot-error-text"]


def test_sigterm_while_idle(world, model, tmp_path):
    path, _ = model
    with Job(world, path, log=tmp_path / "log") as job:
        assert job.stop() == 0, job.failure()
        assert "0 answered" in job.failure()
