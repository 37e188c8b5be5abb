#!/usr/bin/env python3
"""Records of 28 features from topic to topic through a model of 100 trees of depth 6, exactly once: `ingot stream` beside the loop that one writes in
Python (confluent-kafka with transactions, rows gathered per transaction, one call of XGBoost for all of them). One Kafka, one partition, the same records,
transactions of the same size; answers are compared first. Each is timed from its first record to its last commit; CPU is the process's own.

    bench/stream/run.py [RECORDS]
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import lib

sys.path.insert(0, str(lib.ROOT / "tests/services"))
COLUMNS, TREES, DEPTH = 28, 100, 6
TRANSACTION = 5000

PEER = r"""
import json, sys, time
import numpy as np, xgboost
from confluent_kafka import Consumer, Producer, KafkaError
address, tag, model, n, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
booster = xgboost.Booster(model_file=model)
booster.set_param({"nthread": 1})
names = booster.feature_names
consumer = Consumer({"bootstrap.servers": address, "group.id": "py-" + tag, "isolation.level": "read_committed", "enable.auto.commit": False,
                     "auto.offset.reset": "earliest"})
producer = Producer({"bootstrap.servers": address, "transactional.id": "py-" + tag})
producer.init_transactions()
consumer.subscribe(["in-" + tag])
done, start = 0, None
while done < n:
    messages = consumer.consume(min(size, n - done), 1)
    if not messages:
        continue
    if start is None:
        start, cpu = time.monotonic(), time.process_time()
    docs = [json.loads(m.value()) for m in messages]
    rows = np.array([[doc[k] for k in names] for doc in docs], np.float32)
    scores = booster.inplace_predict(rows)
    producer.begin_transaction()
    for m, doc, score in zip(messages, docs, scores):
        producer.produce("py-" + tag, json.dumps({"model": "m", "version": 1, "id": doc["id"], "outputs": {"score": float(score)}}), m.key(),
                         m.partition(), timestamp=m.timestamp()[1], headers=m.headers())
        producer.poll(0)
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
    producer.commit_transaction()
    done += len(messages)
print(json.dumps({"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}))
consumer.close()
"""


def prepare(folder, kafka, n, word=""):
    import numpy as np
    import xgboost
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    rng = np.random.default_rng(1)
    names = [f"f{i}" for i in range(COLUMNS)]
    x = rng.normal(size=(4000, COLUMNS)).astype(np.float32)
    model = folder / "m.json"
    xgboost.train({"objective": "binary:logistic", "max_depth": DEPTH, "min_child_weight": 0, "nthread": 2},
                  xgboost.DMatrix(x, (x @ rng.normal(size=COLUMNS)) + rng.normal(size=4000) > 0, feature_names=names), TREES).save_model(model)
    tag = f"{os.getpid()}{word}"
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for f in admin.create_topics([NewTopic(f"{word}-{tag}", 1, 1) for word in ("in", "py", "ingot")]).values():
        f.result(60)
    producer = Producer({"bootstrap.servers": kafka.address, "queue.buffering.max.messages": 1000000})
    values = [json.dumps(dict(zip(names, map(float, row))))[1:] for row in x]
    for i in range(n):
        producer.produce(f"in-{tag}", f'{{"id": {i}, {values[i % len(values)]}', f"k{i}")
        if i % 10000 == 0:
            producer.poll(0)
    producer.flush()
    return model, tag


def read_scores(kafka, topic, n):
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "check", "isolation.level": "read_committed", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    scores = []
    while len(scores) < n:
        for m in consumer.consume(10000, 1):
            doc = json.loads(m.value())
            assert doc["id"] == len(scores), "order"
            scores.append(doc["outputs"]["score"])
    consumer.close()
    return scores


def run_ingot(kafka, tag, model, n):
    """Timed by its own figures: CPU and wall clock between the first record and the end, by differences of a run over nothing."""
    argv = [os.environ.get("INGOT_BIN", str(lib.RELEASE / "ingot")), "stream", "--brokers", kafka.address, "--in", f"in-{tag}", "--out", f"ingot-{tag}",
            "--model", str(model), "--transaction-records", str(TRANSACTION), "--transaction-ms", "5000", "--until-end", "--json"]

    def timed(*extra):
        start = time.monotonic()
        p = subprocess.Popen([*argv, *extra], stdout=subprocess.PIPE, text=True)
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        assert status == 0, out
        return json.loads(out), time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss

    told, wall, cpu, rss = timed("--group", f"ingot-{tag}")
    assert told["answered"] == n, told
    _, idle_wall, idle_cpu, _ = timed("--group", f"ingot-{tag}")  # start, join, find the end, leave
    return {"seconds": wall - idle_wall, "cpu": cpu - idle_cpu, "rss_mib": rss / 1024}


def run_peer(kafka, tag, model, n):
    argv = [sys.executable, "-c", PEER, kafka.address, tag, str(model), str(n), str(TRANSACTION)]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def main():
    from kafka import Broker

    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200000
    lib.build()
    with tempfile.TemporaryDirectory() as folder, Broker() as kafka:
        model, warm = prepare(Path(folder), kafka, 20000, "warm")  # a broker's first transactions are slow
        run_ingot(kafka, warm, model, 20000)
        run_peer(kafka, warm, model, 20000)
        model, tag = prepare(Path(folder), kafka, n)
        ours, theirs = run_ingot(kafka, tag, model, n), run_peer(kafka, tag, model, n)
        a, b = read_scores(kafka, f"ingot-{tag}", n), read_scores(kafka, f"py-{tag}", n)
        import numpy as np
        assert (np.float32(a) == np.float32(b)).all(), "the answers differ"
        for name, r in (("ingot stream", ours), ("confluent-kafka + xgboost", theirs)):
            print(f"{name:28} {n / r['seconds']:10.0f} records/s {r['cpu'] / n * 1e6:8.1f} CPU us each")
        print(f"peak memory of ingot stream: {ours['rss_mib']:.0f} MiB")
        (lib.RESULTS / "stream.json").write_text(json.dumps({"records": n, "ingot": ours, "python": theirs}))


if __name__ == "__main__":
    main()
