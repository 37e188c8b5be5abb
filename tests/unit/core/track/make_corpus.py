"""Makes data/corpus.json: searches and what MLflow's own stores and parsers answer to them. Run with MLflow 3.17.2:

    build/venv/bin/python tests/unit/core/track/make_corpus.py

A world of experiments, runs, registered models and logged models is built in MLflow's SQL stores under a clock that ticks by
one millisecond per second of nothing (so that times are known), then every search is asked. The file holds the world, and per
search the answer (numbers of things in the world, in order) or the text of the refusal. test_corpus.c builds the same world and
asks the same. Searches that MLflow refuses and Ingot answers on purpose (docs/search.md) are marked "beyond"."""
import itertools
import json
import random
import re
import tempfile
from pathlib import Path
from unittest import mock

import mlflow.store.model_registry.sqlalchemy_store as registry_module
import mlflow.store.tracking.sqlalchemy_store as tracking_module
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelParameter, LoggedModelTag, Metric, Param, RunStatus, RunTag, ViewType, ExperimentTag
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException

NAN = float("nan")
# Refused there, answered here on purpose: docs/search.md.
BEYOND = re.compile(r"IS (NOT )?NULL|\bIN \(|\b(attributes|attr|attribute|param)\.|\bilike\b|\bOR\b|^\(|^\s*$|9{20}|params\.(from|1)|Run name|run name|creation_timestamp|^ metrics|metrics.loss $", re.I)
# What is not asked: ids and places that chance makes, Python's joined literals, an infinite number (a refusal here), and the
# status of a logged model, which MLflow compares with a number.
UNASKED = re.compile(r"'@R0@' '@R1@'|1e999|model_id i?like|status = '(READY|PENDING)'", re.I)
WORLD = {
    "experiments": [
        {"name": "alpha", "tags": {"team": "vision", "Stage": "x y"}}, {"name": "Beta", "tags": {"team": "Speech"}}, {"name": "beta-2", "tags": {}},
        {"name": "gamma%", "tags": {"team": "", "a.b": "1"}}, {"name": "10", "tags": {"mlflow.note.content": "it's"}},
    ],
    "runs": [
        {"experiment": 0, "name": "one", "user": "ann", "start": 100, "end": 500, "status": "FINISHED", "metrics": {"loss": 0.5, "acc": 0.9, "m/a b": 1.0}, "params": {"lr": "0.1", "opt": "adam", "p.q": "z"}, "tags": {"team": "vision", "a.b": "x"}, "datasets": [["flights", "d1", "train"]]},
        {"experiment": 0, "name": "two", "user": "ann", "start": 200, "end": 400, "status": "FAILED", "metrics": {"loss": -0.5, "acc": NAN}, "params": {"lr": "0.01", "opt": "Adam"}, "tags": {"team": "Vision"}, "datasets": [["flights", "d2", "test"], ["cars", "c1", None]]},
        {"experiment": 0, "name": "Two", "user": "bob", "start": 300, "end": None, "status": "RUNNING", "metrics": {"loss": 0.0}, "params": {"opt": "sgd"}, "tags": {"team": "a_b", "x": ""}, "datasets": [["cars", "c1", "train"]]},
        {"experiment": 0, "name": "a_b%c", "user": "", "start": 400, "end": 400, "status": "KILLED", "metrics": {"acc": 0.1}, "params": {"lr": "1e-3", "note": "it's"}, "tags": {"team": "axb"}, "datasets": []},
        {"experiment": 0, "name": "five", "user": "eve", "start": 500, "end": 900, "status": "SCHEDULED", "metrics": {"loss": 1e300, "acc": 1.0}, "params": {"lr": "0.1"}, "tags": {"mlflow.user": "eve", "Team": "vision"}, "datasets": []},
        {"experiment": 0, "name": "six", "user": "eve", "start": 600, "end": 901, "status": "FINISHED", "metrics": {"loss": 0.5}, "params": {"lr": "0.10", "opt": "adam"}, "tags": {}, "datasets": [["flights", "d1", "Train"]], "deleted": True},
        {"experiment": 1, "name": "seven", "user": "ann", "start": 150, "end": 450, "status": "FINISHED", "metrics": {"loss": 2.5, "acc": 0.9}, "params": {"lr": "0.1", "opt": "\u00e9t\u00e9"}, "tags": {"team": "vision"}, "datasets": [["b", "d1", "train"]]},
        {"experiment": 1, "name": "eight", "user": "Ann", "start": 250, "end": None, "status": "RUNNING", "metrics": {"loss": NAN}, "params": {}, "tags": {"team": "speech"}, "datasets": []},
        {"experiment": 1, "name": "ninth run", "user": "bob", "start": 350, "end": 1700000000000, "status": "FINISHED", "metrics": {"loss": 3.0, "acc": 0.2}, "params": {"lr": "0.2", "opt": "adamw"}, "tags": {"team": "100%"}, "datasets": []},
    ],
    "models": [
        {"name": "iris", "tags": {"team": "vision", "k": "v"}, "versions": [{"run": 0, "source": "s3://b/m1", "tags": {"stage": "gold"}}, {"run": 1, "source": "s3://b/m2", "tags": {}}, {"run": None, "source": "s3://B/m3", "tags": {"stage": "Silver", "k": "v"}}]},
        {"name": "Iris", "tags": {"team": "Vision"}, "versions": [{"run": 0, "source": "s3://b/m4", "tags": {"stage": "gold", "k": "w"}}]},
        {"name": "cars_v2", "tags": {}, "versions": []},
        {"name": "cars-v2", "tags": {"team": "speech", "k": "w"}, "versions": [{"run": 2, "source": "s3://b/m_5", "tags": {}}] * 11},
        {"name": "greeting", "tags": {"mlflow.prompt.is_prompt": "true", "team": "vision"}, "versions": [{"run": None, "source": "prompt-template", "tags": {"mlflow.prompt.is_prompt": "true"}}]},
        {"name": "plain", "tags": {"mlflow.prompt.is_prompt": "false"}, "versions": [{"run": None, "source": "s3://b/p", "tags": {"mlflow.prompt.is_prompt": "false"}}]},
    ],
    "logged": [
        {"experiment": 0, "name": "tree", "type": "agent", "run": 0, "params": {"depth": "3", "lr": "0.1"}, "tags": {"team": "vision"}, "metrics": [["auc", 0.5, 1, 0, "flights", "d1"], ["auc", 0.7, 2, 1, None, None]], "status": 2},
        {"experiment": 0, "name": "linear", "type": "", "run": 1, "params": {"depth": "10"}, "tags": {"team": "Vision"}, "metrics": [["auc", 0.9, 1, 0, "flights", "d2"]], "status": 1},
        {"experiment": 0, "name": "net", "type": "agent", "run": 2, "params": {}, "tags": {}, "metrics": [["auc", 0.1, 3, 0, "cars", "c1"], ["f1", 0.3, 1, 0, None, None]], "status": 3},
        {"experiment": 1, "name": "tree", "type": "llm", "run": 6, "params": {"lr": "0.1"}, "tags": {"team": "speech"}, "metrics": [["f1", 0.8, 1, 0, None, None]], "status": 2},
    ],
}
CLOCK = 1_000_000


def filters_runs():
    ids = ["metrics.loss", "metric.acc", "metrics.`m/a b`", 'metrics."m/a b"', "metrics.nope", "params.lr", "param.opt", "parameter.note", "parameters.`p.q`", "params.p.q", 'params."lr"',
           "tags.team", "tag.`a.b`", "tags.a.b", 'tags."mlflow.user"', "tags.mlflow.user", "tags.x", "`tags`.team", "attributes.status", "attr.user_id", "run.run_name", "attribute.artifact_uri",
           "run_id", "run_name", "status", "start_time", "end_time", "created", "Created", "attributes.`Run name`", "`run name`", "user_id", "datasets.name", "dataset.digest", "datasets.context",
           "dataset.nope", "foo.bar", "metrics", "lifecycle_stage", "attributes.experiment_id", "Metrics.loss", "timestamp"]
    cmps = ["=", "!=", "<", "<=", ">", ">=", "LIKE", "ilike", "ILIKE", "like", "RLIKE", "==", "<>", "IN", "not in", "IS NULL", "is not null", "IS", "~"]
    values = ["'vision'", "'adam'", "'%a%'", "'A_'", "0.5", "0", "-0.5", "300", "1e300", "2.5", "'0.1'", '"0.1"', "adam", "`adam`", "''", "('flights', 'cars')", "('train')", "('@R0@', '@R2@')",
              "'@R1@'", "'FINISHED'", "'a_b'", "'it''s'", "NULL", "true", "()", "('a', 1)", "('a'", "'400'", ".5", "+1", "1.", "0x10"]
    r = random.Random(3172)
    for i in ids:
        for c in cmps:
            if c.upper().startswith("IS ") and c.upper() != "IS":
                yield f"{i} {c}"
            else:
                for v in r.sample(values, 2):
                    yield f"{i} {c} {v}"
    clauses = ["metrics.loss > 0", "params.opt = 'adam'", "tags.team LIKE 'v%'", "status = 'FINISHED'", "start_time >= 200", "params.lr IS NOT NULL", "run_id IN ('@R0@','@R6@')", "datasets.name = 'flights'",
               "dataset.context IN ('train', 'Train')", "tags.team ILIKE '%VISION%'", "end_time < 500", "metrics.acc != 0.9", "tags.nope IS NULL", "run_name != 'one'", "params.lr != '0.1'"]
    for a, b in itertools.permutations(clauses, 2):
        if r.random() < 0.5:
            yield f"{a} {r.choice(['AND', 'and', 'And'])} {b}"
    for _ in range(60):
        yield " and ".join(r.sample(clauses, 3))
    yield from ["", " ", "  \n\t", "metrics.loss>0", "metrics.loss>-1AND params.lr='0.1'", "params.lr='0.1'AND tags.team='vision'", "AND", "metrics.loss > 0 AND", "and metrics.loss > 0", "metrics.loss > 0,",
                "metrics.loss > 0;", "metrics.loss > 0; params.lr = '0.1'", "0 < metrics.loss", "'adam' = params.opt", "params.opt = params.opt", "metrics.loss = metrics.acc", "metrics.loss > 0 OR params.lr = '0.1'",
                "(metrics.loss > 0)", "(metrics.loss > 0) AND (params.lr = '0.1')", "NOT metrics.loss > 0", "metrics.loss BETWEEN 0 AND 1", "params.opt = 'adam' -- remark", "params.opt = /* x */ 'adam'",
                "params.opt = 'adam", "params.opt = adam'", 'params.opt = "adam', "params.opt 'adam'", "params.opt =", "= 'adam'", "params = 'x'", "params. = 'x'", ".params = 'x'", "params..lr = 'x'", "params.lr.x = 'x'",
                "metrics.loss > > 0", "metrics.loss ! = 0", "metrics.loss > 0 AND AND metrics.acc > 0", "tags.team IN ('vision')", "run_name IN ('one', 'Two')", "status NOT IN ('FINISHED')", "run_id IN ('@R0@',)",
                "run_id IN ()", "run_id IN '@R0@'", "run_id IN (@R0@)", "run_id IN ('@R0@' '@R1@')", "run_id NOT IN ('@R0@')", "run_id NOT  IN ('@R0@')", "run_id not in ('@R0@', '@R1@')", "run_id = ('@R0@')", "run_id LIKE '%'",
                "RUN_ID = 'x'", "run_id = '@R0@' AND run_id = '@R1@'", "user_id = ''", "params.note = 'it''s'", "params.note = \"it's\"", "tags.x = ''", "tags.x != ''", "tags.team LIKE '100\\%'", "tags.team LIKE '100%'",
                "tags.team LIKE ''", "run_name LIKE 'a_b%c'", "run_name ILIKE 'TWO'", "start_time > 100.5", "start_time = 1e2", "start_time = '100'", "start_time IN (100, 200)", "end_time IS NULL", "metrics.loss IS NULL",
                "metrics.acc = 0", "metrics.acc > -1", "metrics.acc != 0", "metrics.loss < 99999999999999999999", "metrics.loss = 1e999", "start_time < 99999999999999999999", "`metrics.loss` > 0", "`status` = 'FINISHED'",
                '"status" = \'FINISHED\'', "attributes.\"status\" = 'FINISHED'", "metrics.loss > 0\nAND\nparams.lr = '0.1'", "tags.team = '\u00e9'", "params.opt = '\u00e9t\u00e9'", "params.opt ILIKE '\u00c9T\u00c9'", "datasets.name LIKE 'fl%'",
                "datasets.name != 'flights'", "datasets.digest IN ('d1')", "dataset.name NOT IN ('flights')", "datasets.context IS NULL", "datasets.name = 'flights' AND datasets.context = 'train'", "datasets.name = cars",
                "select * from runs", "metrics.loss > 0 LIMIT 1", "params.select = '1'", "params.from = '1'", "tags.order = '1'", "metrics.end > 1", "params.key = 'x'", "tags.date = 'x'", "metrics.time > 1", "params.1 = 'x'", "params.a-b = 'x'"]


def orders_runs():
    yield from ["metrics.loss", "metrics.loss DESC", "metrics.acc ASC", "metrics.acc desc", "metrics.`m/a b` DESC", 'metrics."m/a b"', "params.lr", "params.lr DESC", "tags.team", "tags.team desc", "tags.`a.b`", "start_time", "start_time DESC",
                "start_time ASC", "end_time", "end_time DESC", "attributes.status", "status DESC", "run_name", "run_name DESC", "user_id", "created", "Created DESC", "attributes.created", "`Run name`", "run name",
                "attributes.`run name`", "nope", "foo.bar", "metrics", "metrics.nope", "datasets.name", "metrics.loss FOO", "metrics.loss DESC ASC", "metrics.loss, params.lr", "", " ", "metrics.loss > 0", "(metrics.loss)", "'metrics.loss'",
                "metrics.loss  desc", " metrics.loss", "metrics.loss ", "Metrics.loss", "timestamp", "timestamp desc", "lifecycle_stage", "experiment_id", "metrics.loss asc;", "params.opt aSc", "tags.Team", "tag.team", "param.lr", "attr.start_time"]


def filters_attrs(ids, values, extra):
    r = random.Random(7)
    for i in ids:
        for c in ["=", "!=", "<", ">=", "LIKE", "ilike", "IN", "NOT IN", "IS NULL", "is not null", "=="]:
            if c.upper().startswith("IS "):
                yield f"{i} {c}"
            else:
                for v in r.sample(values, 2):
                    yield f"{i} {c} {v}"
    yield from extra


def filters_experiments():
    return filters_attrs(["name", "attribute.name", "attributes.name", "experiment_id", "creation_time", "attribute.last_update_time", "last_update_time", "tags.team", "tag.Stage", "tags.`a.b`", "tags.nope", "foo", "metrics.loss", "params.x", "attr.name"],
                         ["'alpha'", "'%eta%'", "'BETA'", "'1'", "('1','2')", "('alpha', 'Beta')", "1000003", "0", "1.5", "'vision'", '"vision"', "'x'", "alpha"],
                         ["", "name = 'alpha' AND tags.team = 'vision'", "name LIKE '%' and creation_time > 0", "name = 'alpha' OR name = 'Beta'", "(name = 'alpha')", "tags.team = ''", "tags.team != 'vision'", "name = 'gamma%'", "name LIKE 'gamma\\%'",
                          "creation_time = '5'", "experiment_id = 'x'", "experiment_id = 1", "experiment_id IN (1, 2)", "name ILIKE 'BETA%' AND experiment_id != '2'", "tags.`mlflow.note.content` = \"it's\"", "name = alpha", "name", "= 'x'"])


def filters_models():
    return filters_attrs(["name", "attribute.name", "attributes.name", "tags.team", "tag.k", "tags.`mlflow.prompt.is_prompt`", "timestamp", "run_id", "foo"],
                         ["'iris'", "'IRIS'", "'%rs%'", "'true'", "'false'", "'v'", "('iris', 'Iris')", "1", "iris", '"iris"', "'vision'", "'cars_v2'"],
                         ["", "name = 'iris' and tags.k = 'v'", "tags.team = 'vision' and tags.k = 'v'", "tags.k != 'v' and tags.team LIKE '%'", "tags.team = 'vision' and tags.team = 'Vision'", "tags.`mlflow.prompt.is_prompt` = 'true' and tags.team = 'vision'",
                          "tags.`mlflow.prompt.is_prompt` = 'True'", "tags.`mlflow.prompt.is_prompt` != 'true' and name LIKE 'i%'", "name = 'iris' OR name = 'Iris'", "name LIKE 'cars_v2'", "name ILIKE '%IRIS%'", "(name = 'iris')"])


def filters_versions():
    return filters_attrs(["name", "attribute.name", "version_number", "run_id", "source_path", "tags.stage", "tag.k", "tags.`mlflow.prompt.is_prompt`", "version", "creation_timestamp", "foo"],
                         ["'iris'", "'%iris%'", "'s3://b/m1'", "'@R0@'", "('@R0@', '@R1@')", "2", "'2'", "1.5", "'gold'", "'true'", "'false'", "('iris','Iris')", "iris"],
                         ["", "name = 'iris' and version_number > 1", "run_id = ''", "run_id IN ('@R0@') and tags.stage = 'gold'", "name = 'iris' and tags.stage = 'gold' and tags.k = 'v'", "source_path LIKE 's3://b/%'", "source_path ILIKE 's3://b/%'",
                          "name = 'cars-v2' and version_number >= 9", "tags.`mlflow.prompt.is_prompt` = 'true'", "name = 'greeting'", "version_number = 1 OR name = 'iris'"])


def filters_logged():
    return filters_attrs(["name", "attributes.name", "attribute.name", "model_id", "model_type", "source_run_id", "creation_timestamp", "creation_time", "last_updated_timestamp", "params.depth", "param.lr", "tags.team", "tags.`team`",
                          "metrics.auc", "metrics.f1", "metrics.nope", "foo"],
                         ["'tree'", "'%E%'", "'agent'", "'READY'", "'0.1'", "0.5", "0.7", "1000010", "('tree', 'net')", "'@R0@'", "'vision'", '"tree"', "tree"],
                         ["", "name = 'tree' AND metrics.f1 > 0.5", "metrics.auc > 0.6", "metrics.auc < 0.6", "params.lr = '0.1' AND tags.team != 'vision'", "name = 'tree' OR name = 'net'", "(name = 'tree')", "name in ('tree')", "status = 'PENDING'"])


ORDERS = {
    "runs": orders_runs,
    "experiments": lambda: ["name", "name DESC", "experiment_id", "experiment_id desc", "creation_time", "creation_time DESC", "last_update_time ASC", "attribute.name", "foo", "tags.team", "name foo", "NAME", ""],
    "models": lambda: ["name", "name DESC", "timestamp", "timestamp DESC", "last_updated_timestamp", "last_updated_timestamp desc", "creation_timestamp", "foo", "name foo", "attribute.name"],
    "versions": lambda: ["name", "name DESC", "version_number", "version_number DESC", "creation_timestamp", "creation_timestamp DESC", "last_updated_timestamp DESC", "version", "run_id", "foo", "name foo", "attribute.name"],
}
FILTERS = {"runs": filters_runs, "experiments": filters_experiments, "models": filters_models, "versions": filters_versions, "logged": filters_logged}


class World:
    def __init__(self, folder):
        self.now = CLOCK
        uri = f"sqlite:///{folder}/world.db"
        self.tracking = tracking_module.SqlAlchemyStore(uri, f"{folder}/artifacts")
        self.registry = registry_module.SqlAlchemyStore(uri)
        self.build()

    def tick(self):
        self.now += 1
        return self.now

    def build(self):
        t, r = self.tracking, self.registry
        with mock.patch.object(tracking_module, "get_current_time_millis", lambda: self.now), mock.patch.object(registry_module, "get_current_time_millis", lambda: self.now):
            self.experiments, self.runs, self.logged = [], [], []
            for x in WORLD["experiments"]:
                self.tick()
                self.experiments.append(t.create_experiment(x["name"], tags=[ExperimentTag(k, v) for k, v in x["tags"].items()]))
            for x in WORLD["runs"]:
                self.build_run(x)
            for m in WORLD["models"]:
                self.tick()
                r.create_registered_model(m["name"], [RegisteredModelTag(k, v) for k, v in m["tags"].items()])
                for v in m["versions"]:
                    self.tick()
                    r.create_model_version(m["name"], v["source"], None if v["run"] is None else self.runs[v["run"]], [ModelVersionTag(k, w) for k, w in v["tags"].items()])
            for m in WORLD["logged"]:
                self.tick()
                x = t.create_logged_model(self.experiments[m["experiment"]], m["name"], self.runs[m["run"]], [LoggedModelTag(k, v) for k, v in m["tags"].items()],
                                          [LoggedModelParameter(k, v) for k, v in m["params"].items()], m["type"] or None)
                self.logged.append(x.model_id)
                for key, value, time, step, name, digest in m["metrics"]:
                    t.log_batch(self.runs[m["run"]], [Metric(key, value, time, step, model_id=x.model_id, dataset_name=name, dataset_digest=digest)], [], [])
                if m["status"] != 1:
                    from mlflow.entities import LoggedModelStatus
                    t.finalize_logged_model(x.model_id, LoggedModelStatus(["", "PENDING", "READY", "FAILED"][m["status"]]))

    def build_run(self, x):
        t = self.tracking
        self.tick()
        run = t.create_run(self.experiments[x["experiment"]], x["user"], x["start"], [RunTag(k, v) for k, v in x["tags"].items()], x["name"]).info.run_id
        self.runs.append(run)
        t.log_batch(run, [Metric(k, v, 1, 0) for k, v in x["metrics"].items()], [Param(k, v) for k, v in x["params"].items()], [])
        if x["datasets"]:
            t.log_inputs(run, [DatasetInput(Dataset(n, d, "local", "s"), [InputTag("mlflow.data.context", c)] if c else []) for n, d, c in x["datasets"]])
        t.update_run_info(run, RunStatus.from_string(x["status"]), x["end"], None)
        if x.get("deleted"):
            t.delete_run(run)

    def names(self, text):
        return re.sub(r"@R(\d+)@", lambda m: self.runs[int(m.group(1))], text)

    def ask(self, kind, text, order):
        f = self.names(text)
        if kind == "runs":
            found = self.tracking.search_runs(self.experiments[:2], f, ViewType.ACTIVE_ONLY, 1000, order)
            return [self.runs.index(x.info.run_id) for x in found]
        if kind == "experiments":
            found = self.tracking.search_experiments(ViewType.ACTIVE_ONLY, 1000, f, order or None)
            return [self.experiments.index(x.experiment_id) if x.experiment_id != "0" else -1 for x in found]
        if kind == "models":
            return [x.name for x in self.registry.search_registered_models(f, 1000, order)]
        if kind == "versions":
            return [f"{x.name}/{x.version}" for x in self.registry.search_model_versions(f, 1000, order)]
        found = self.tracking.search_logged_models(self.experiments[:2], f or None)
        return [self.logged.index(x.model_id) for x in found]

    def case(self, kind, text, order):
        entry = {"kind": kind, "filter": text}
        if order:
            entry["order"] = order
        try:
            entry["answer"] = self.ask(kind, text, order)
        except MlflowException as e:
            entry["error"] = self.unname(e.message)
        except Exception as e:  # a 500 there
            entry["error"] = ""
            entry["crash"] = type(e).__name__
        if "error" in entry and BEYOND.search(order[0] if order else text):
            entry["beyond"] = True
        return entry

    def unname(self, text):
        for i, run in enumerate(self.runs):
            text = text.replace(run, f"@R{i}@")
        # Python prints sets in an order of chance.
        return re.sub(r"\{('[^{}]*')\}", lambda m: "{" + ", ".join(sorted(m.group(1).split(", "))) + "}", text)


def main():
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder)
        for kind, make in FILTERS.items():
            cases += [w.case(kind, f, []) for f in dict.fromkeys(make()) if not UNASKED.search(f)]
        for kind, make in ORDERS.items():
            cases += [w.case(kind, "", [o]) for o in make()]
        r = random.Random(5)
        good = ["metrics.loss", "metrics.acc DESC", "params.lr", "params.opt DESC", "tags.team", "status", "user_id DESC", "end_time", "start_time DESC", "run_name"]
        cases += [w.case("runs", r.choice(["", "metrics.loss > -1", "status != 'FAILED'"]), r.sample(good, r.randrange(2, 4))) for _ in range(80)]
        cases += [w.case("runs", "", ["metrics.loss", "metrics.loss DESC"]), w.case("versions", "", ["version_number", "name DESC"]), w.case("experiments", "", ["last_update_time", "name"])]
    world = {**WORLD, "clock": CLOCK}
    lines = ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases)
    Path(__file__).with_name("data").joinpath("corpus.json").write_text('{"world": ' + json.dumps(world, ensure_ascii=True) + ',\n"cases": [\n' + lines + "\n]}\n")
    print(len(cases), "cases,", sum("answer" in c for c in cases), "answered,", sum("crash" in c for c in cases), "crashes")


if __name__ == "__main__":
    main()
