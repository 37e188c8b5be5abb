"""What tests of streams share: topics, records, a model of XGBoost's with its answers, and the program under test beside a real Kafka."""
import json
import os
import signal
import subprocess
import threading
import time

import numpy as np
import xgboost
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from ingot_server import program

FEATURES = [f"f{i}" for i in range(8)]
WAIT_S = 180
# A group notices soon that a member is gone; the brokers of the tests allow it.
QUICK = ["--kafka-set", "session.timeout.ms=6000", "--kafka-set", "heartbeat.interval.ms=500"]


def train(path, seed=1, rounds=20):
    """A model file, and a function from rows of floats to XGBoost's own answers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(600, len(FEATURES))).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0]) - np.nan_to_num(x[:, 1] * x[:, 2]) > 0
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 5, "nthread": 1}, xgboost.DMatrix(x, y, feature_names=FEATURES), rounds)
    booster.save_model(path)
    return lambda rows: booster.predict(xgboost.DMatrix(np.asarray(rows, np.float32), feature_names=FEATURES))


def make_rows(n, seed=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(FEATURES))).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def value_of(i, row):
    cells = {name: None if np.isnan(v) else float(v) for name, v in zip(FEATURES, row)}
    return json.dumps({"id": i, "note": "not the model's", **cells}).encode()


class World:
    """Topics of one test on one broker."""

    count = 0

    def __init__(self, address, partitions=3):
        World.count += 1
        self.address = address
        self.partitions = partitions
        self.tag = f"{os.getpid()}-{World.count}"
        self.input, self.out, self.errors, self.group = (f"{word}-{self.tag}" for word in ("in", "out", "errors", "group"))
        self.topics({self.input: partitions, self.out: partitions, self.errors: 2})
        self.producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "enable.idempotence": True})  # so that retries keep the order

    def topics(self, wanted, config=None):
        admin = AdminClient({"bootstrap.servers": self.address})
        for future in admin.create_topics([NewTopic(name, n, 1, config=config or {}) for name, n in wanted.items()]).values():
            future.result(60)

    def produce(self, rows, first=0, **extra):
        """Record i goes to partition i modulo their number."""
        for i, row in enumerate(rows, first):
            self.put(value_of(i, row), key=f"key-{i}", partition=i % self.partitions, timestamp=1700000000000 + i, **extra)
        self.flush()

    def put(self, value, topic=None, **extra):
        while True:
            try:
                self.producer.produce(topic or self.input, value, **extra)
                return
            except BufferError:
                self.producer.poll(0.1)

    def flush(self):
        assert self.producer.flush(WAIT_S) == 0

    def read(self, topic, want, partitions=None):
        """All committed records. There are `want` of them: it is waited for as many, and one too many is read as well."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": f"reader-{self.tag}-{time.monotonic_ns()}", "isolation.level": "read_committed",
                             "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True})
        n = partitions or self.partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in range(n)])
        got, ended, until = [], set(), time.monotonic() + WAIT_S
        try:
            while len(got) < want or len(ended) < n:
                m = consumer.poll(0.5)
                assert time.monotonic() < until, f"{len(got)} of {want} records came in {topic}"
                if m is None:
                    continue
                if m.error():
                    assert m.error().code() == KafkaError._PARTITION_EOF, m.error()
                    ended.add(m.partition())
                    continue
                ended.discard(m.partition())
                got.append(m)
        finally:
            consumer.close()
        return got

    def committed(self):
        """The group's positions, one per partition; -1: none."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": self.group})
        try:
            return [max(p.offset, -1) for p in consumer.committed([TopicPartition(self.input, p) for p in range(self.partitions)], 60)]
        finally:
            consumer.close()

    def check(self, rows, oracle, skip=()):
        """Each of the rows was answered exactly once, in its partition's order, with XGBoost's own float."""
        want = [i for i in range(len(rows)) if i not in skip]
        got = self.read(self.out, len(want))
        ids = [json.loads(m.value())["id"] for m in got]
        assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} records were answered twice"
        assert sorted(ids) == want, "records are missing"
        last = {}
        answers = oracle(rows)
        for m, i in zip(got, ids):
            source = int(dict(m.headers())["ingot-source"].rsplit(b"/", 1)[1])
            assert m.partition() == i % self.partitions
            assert (source, i) > last.get(m.partition(), (-1, -1)), f"order is lost: {last[m.partition()]}, then {(source, i)} in partition {m.partition()}"
            assert i > last.get(m.partition(), (-1, -1))[1], "the test's own records were out of order"
            last[m.partition()] = (source, i)
            assert np.float32(json.loads(m.value())["outputs"]["score"]) == answers[i], f"record {i}"
            assert m.key() == f"key-{i}".encode() and m.timestamp()[1] == 1700000000000 + i
        return got


class Job:
    """`ingot stream`; the constructor returns when it reads."""

    def __init__(self, world, model, *args, log=None, wait=True, errors=True, **kwargs):
        argv = [program(), "stream", "--brokers", world.address, "--in", world.input, "--out", world.out, "--group", world.group, "--model", str(model),
                *(["--errors", world.errors] if errors else []), *args]
        self.log = log
        self.err = open(log, "ab") if log else subprocess.PIPE
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.err, text=True, **kwargs)
        self.lines = []
        self.reading = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()
        if wait:
            assert self.wait_reading(), self.failure()

    def _follow(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("streaming "):
                self.reading.set()
        self.reading.set()

    def wait_reading(self):
        return self.reading.wait(WAIT_S) and any(line.startswith("streaming ") for line in self.lines)

    def failure(self):
        if self.log:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return "".join(self.lines) + f.read()[-3000:]
        return "".join(self.lines)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.close()

    def close(self):
        self.thread.join(30)
        if self.log and not self.err.closed:
            self.err.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
