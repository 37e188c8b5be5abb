"""`ingot predict`: files scored as the model's own library scores them, whatever ends a run in between, and however many shards share it."""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import boxed
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
import xgboost as xgb
from ingot_server import IngotServer, program
from tiny import ingot, one_line

FEATURES = [f"f{i}" for i in range(8)]
ROWS = 20000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Rows with nulls, a model of each of two kinds, and what XGBoost says of every row."""

    class World:
        folder = tmp_path_factory.mktemp("predict")

    w, r = World, np.random.default_rng(5)
    x = pd.DataFrame({f: r.normal(size=ROWS).astype("float32") for f in FEATURES})
    x["f1"] = x["f1"].astype("float64")
    x["f2"] = r.integers(-5, 6, ROWS)
    x["f3"] = x["f3"] > 0
    x.loc[r.random(ROWS) < 0.2, "f4"] = np.nan
    y = (x.f0 + x.f1 * x.f2 + x.f4.fillna(0) > 0).astype(int)
    w.binary = xgb.train({"objective": "binary:logistic", "max_depth": 5, "nthread": 1}, xgb.DMatrix(x, y), 30)
    w.classes = xgb.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 4, "nthread": 1}, xgb.DMatrix(x, (x.f2 + 5) % 3), 5)
    w.binary.save_model(w.folder / "churn.json")
    w.classes.save_model(w.folder / "classes.ubj")
    w.x = x
    w.want = w.binary.predict(xgb.DMatrix(x))
    w.want_classes = w.classes.predict(xgb.DMatrix(x))
    w.rows = x.assign(id=np.arange(ROWS), name=[f"n, \"{i}\"" for i in range(ROWS)])
    w.rows.to_parquet(w.folder / "rows.parquet", row_group_size=3000)
    return w


def predict(*args, cwd, ok=True, env=None):
    return ingot("predict", *args, cwd=cwd, ok=ok, env=env)


def summary(*args, cwd, env=None):
    return json.loads(predict(*args, "--json", cwd=cwd, env=env).stdout)


def scores(path):
    return pq.read_table(path)["score"].to_numpy()


def tree(folder):
    """Every file below with its digest."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


# ---- answers ----

def test_parquet_equals_the_library_to_the_last_bit(world, tmp_path):
    done = summary("--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--out", "s.parquet", "--keep", "id,name",
                   "--batch-rows", "1700", cwd=tmp_path)
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.schema.names == ["id", "name", "score"] and table.schema.field("score").type == pa.float32()
    assert (table["score"].to_numpy() == world.want).all() and (table["id"].to_numpy() == np.arange(ROWS)).all()
    assert table["name"].to_pylist() == world.rows.name.tolist()
    assert done["rows"] == done["rows_scored"] == done["rows_total"] == ROWS and done["complete"] is True and done["out"] == "s.parquet"
    assert done["parts"] == {"written": 12, "there": 12, "total": 12} and done["seconds"] > 0 and done["shard"] == {"index": 1, "count": 1}
    sha = hashlib.sha256((world.folder / "churn.json").read_bytes()).hexdigest()
    assert done["model"] == {"name": "churn", "version": 1, "sha256": sha}
    assert os.listdir(tmp_path) == ["s.parquet"]


def test_classes_threads_and_all_columns(world, tmp_path):
    predict("--model", world.folder / "classes.ubj", "--in", world.folder / "rows.parquet", "--out", "d", "--keep-all", "--batch-rows", "5000",
            "--threads", "3", "--output-name", "p", cwd=tmp_path)
    assert sorted(os.listdir(tmp_path / "d")) == ["_SUCCESS", "_ingot-predict.json", *(f"part-{i:08}.parquet" for i in range(4))]
    got = pd.concat(pd.read_parquet(tmp_path / "d" / f"part-{i:08}.parquet") for i in range(4))
    assert list(got.columns) == [*world.rows.columns, "p_0", "p_1", "p_2"]
    assert (got[["p_0", "p_1", "p_2"]].to_numpy() == world.want_classes).all()
    assert got[world.rows.columns].reset_index(drop=True).equals(world.rows)


def test_text_in_and_out(world, tmp_path):
    world.rows[:3000].to_csv(tmp_path / "a.csv", index=False)
    predict("--model", world.folder / "churn.json", "--in", "a.csv", "--out", "s.csv", "--keep", "id", "--keep", "name", "--batch-rows", "700", cwd=tmp_path)
    got = pd.read_csv(tmp_path / "s.csv")
    assert (got.score.to_numpy("float32") == world.want[:3000]).all()
    assert got.name.tolist() == world.rows.name[:3000].tolist() and got.id.tolist() == list(range(3000))
    # Other words for a missing value must be said; one that was not is an error with its line.
    world.rows[:3000].to_csv(tmp_path / "b.csv", index=False, na_rep="n/a")
    line = one_line(predict("--model", world.folder / "churn.json", "--in", "b.csv", "--out", "t.csv", cwd=tmp_path, ok=False))
    first = int(np.flatnonzero(world.x.f4.isna())[0]) + 2
    assert "b.csv" in line and '"f4"' in line and "n/a" in line and f"Line: {first}" in line, line
    predict("--model", world.folder / "churn.json", "--in", "b.csv", "--out", "t.csv", "--null", "n/a", "--restart", cwd=tmp_path)
    assert (pd.read_csv(tmp_path / "t.csv").score.to_numpy("float32") == world.want[:3000]).all()


def test_many_files_in_their_order(world, tmp_path):
    """A folder, a pattern; a column that is whole numbers in one file and has nulls, so is DOUBLE, in another."""
    (tmp_path / "in").mkdir()
    cuts = [0, 1, 4000, 4000, 9000, ROWS]
    for i, (a, b) in enumerate(zip(cuts, cuts[1:])):
        part = world.rows[a:b].copy()
        if i == 2:
            part = world.rows[:0]
        if i == 3:
            part["f2"] = part["f2"].astype("float64")
        part.to_parquet(tmp_path / "in" / f"{i}.parquet")
    model = ("--model", world.folder / "churn.json")
    predict(*model, "--in", "in", "--out", "a.parquet", "--batch-rows", "1500", cwd=tmp_path)
    predict(*model, "--in", "in/*.parquet", "--out", "b.parquet", cwd=tmp_path)
    predict(*model, "--in", "in/0.parquet", "--in", "in/1.parquet", "--in", "in/2.parquet", "--in", "in/3.parquet", "--in", "in/4.parquet",
            "--out", "c.parquet", "--limit", "4001", cwd=tmp_path)
    assert (scores(tmp_path / "a.parquet") == world.want).all() and (scores(tmp_path / "b.parquet") == world.want).all()
    assert (scores(tmp_path / "c.parquet") == world.want[:4001]).all()


def test_no_rows(world, tmp_path):
    world.rows[:0].to_parquet(tmp_path / "none.parquet")
    (tmp_path / "none.csv").write_text(",".join(FEATURES) + "\n")
    for name in ("none.parquet", "none.csv"):
        for out in ("s.parquet", "s.csv", "d"):
            done = summary("--model", world.folder / "classes.ubj", "--in", name, "--out", out, "--restart", cwd=tmp_path)
            assert done["rows"] == 0 and done["complete"] is True
        assert pq.read_table(tmp_path / "s.parquet").schema.names == ["score_0", "score_1", "score_2"]
        assert (tmp_path / "s.csv").read_text() == "score_0,score_1,score_2\n"
        assert pq.read_table(tmp_path / "d" / "part-00000000.parquet").num_rows == 0 and (tmp_path / "d" / "_SUCCESS").exists()


def test_columns_by_hand(world, tmp_path):
    """A model without names needs them said; one with names may be given others."""
    bare = xgb.train({"objective": "reg:squarederror", "max_depth": 3, "nthread": 1}, xgb.DMatrix(world.x.to_numpy("float32"), world.want), 5)
    bare.save_model(tmp_path / "bare.json")
    line = one_line(predict("--model", "bare.json", "--in", world.folder / "rows.parquet", "--out", "s.parquet", cwd=tmp_path, ok=False))
    assert "--columns" in line
    predict("--model", "bare.json", "--in", world.folder / "rows.parquet", "--out", "s.parquet", "--columns", ",".join(FEATURES), cwd=tmp_path)
    assert (scores(tmp_path / "s.parquet") == bare.predict(xgb.DMatrix(world.x.to_numpy("float32")))).all()
    other = world.rows.rename(columns={f: f"x {f}" for f in FEATURES})
    other.to_parquet(tmp_path / "other.parquet")
    predict("--model", world.folder / "churn.json", "--in", "other.parquet", "--out", "t.parquet", "--columns", ",".join(f"x {f}" for f in FEATURES),
            cwd=tmp_path)
    assert (scores(tmp_path / "t.parquet") == world.want).all()


def test_texts_and_several_inputs(world, tmp_path):
    """An ONNX model with an input of text, one of whole numbers and a matrix; answers of every type."""
    from onnx import TensorProto, checker, helper, save

    text = helper.make_tensor_value_info("name", TensorProto.STRING, [None, 1])
    count = helper.make_tensor_value_info("f2", TensorProto.INT64, [None])
    matrix = helper.make_tensor_value_info("m", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["name"], ["echo"]), helper.make_node("Add", ["f2", "f2"], ["twice"]), helper.make_node("Neg", ["m"], ["minus"])],
        "g", [text, count, matrix],
        [helper.make_tensor_value_info("echo", TensorProto.STRING, [None, 1]), helper.make_tensor_value_info("twice", TensorProto.INT64, [None]),
         helper.make_tensor_value_info("minus", TensorProto.FLOAT, [None, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    checker.check_model(model)
    save(model, tmp_path / "many.onnx")
    world.rows.to_csv(tmp_path / "rows.csv", index=False)
    for source in (world.folder / "rows.parquet", "rows.csv"):
        predict("--model", "many.onnx", "--in", source, "--out", "s.parquet", "--columns", "m=f0,f1", "--batch-rows", "9000", cwd=tmp_path)
        got = pq.read_table(tmp_path / "s.parquet")
        assert got.schema.names == ["echo", "twice", "minus_0", "minus_1"]
        assert got["echo"].to_pylist() == world.rows.name.tolist() and (got["twice"].to_numpy() == world.rows.f2 * 2).all()
        assert (got["minus_0"].to_numpy() == -world.rows.f0).all() and (got["minus_1"].to_numpy() == -world.rows.f1.astype("float32")).all()
    rows = world.rows.astype({"f2": "Int64"})
    rows.loc[12345, "f2"] = pd.NA
    rows.to_parquet(tmp_path / "null.parquet")
    line = one_line(predict("--model", "many.onnx", "--in", "null.parquet", "--out", "t.parquet", "--columns", "m=f0,f1", cwd=tmp_path, ok=False))
    assert '"f2" is null in row 12345' in line and "null.parquet" in line, line


# ---- what stands around a model ----

def test_what_was_fitted_with_the_model(tmp_path):
    """Raw columns, texts with nulls among them, through transform, model and calibrator; from the package, from a server, from CSV."""
    import test_chain

    w = test_chain.World(tmp_path)
    city = w.city.astype(object)
    city[::50] = None
    frame = pd.DataFrame({"n": np.arange(len(city)), "city": city, "income": w.income, "age": w.age})
    frame.to_parquet(tmp_path / "raw.parquet")
    frame.to_csv(tmp_path / "raw.csv", index=False)
    want = w.score(w.age, w.income, np.where(pd.isna(city), "", city.astype(str)))
    with IngotServer(tmp_path / "data") as server:
        env = {"INGOT_SERVER": server.url}
        ingot("model", "register", "churn", "--package", "package", env=env, cwd=tmp_path)
        for model in ("package/model/model.json", "churn.json", "models:/churn/1"):
            for name in ("raw.parquet", "raw.csv"):
                done = summary("--model", model, "--in", name, "--out", "s.parquet", "--batch-rows", "700", cwd=tmp_path, env=env)
                assert done["rows"] == len(want) and np.abs(scores(tmp_path / "s.parquet") - want).max() < 1e-6, (model, name)
    sha = hashlib.sha256((tmp_path / "churn.json").read_bytes()).hexdigest()
    assert done["model"]["sha256"] != sha, "the transform is part of what the model is"


def test_graphs(tmp_path):
    import test_graphs

    models = test_graphs.Models(tmp_path)
    (tmp_path / "a_stack.graph.json").write_text(json.dumps(test_graphs.STACK))
    x = test_graphs.data(5000, 9)
    columns = [f"c{i}" for i in range(x.shape[1])]
    (tmp_path / "in").mkdir()
    pd.DataFrame(x, columns=columns).to_parquet(tmp_path / "in" / "x.parquet")
    predict("--model", ".", "--name", "a_stack", "--in", "in", "--out", "out/s.parquet", "--columns", ",".join(columns), "--batch-rows", "900", cwd=tmp_path)
    got = pq.read_table(tmp_path / "out" / "s.parquet")
    assert sorted(got.schema.names) == ["blend", "stack"]
    assert np.abs(got["blend"].to_numpy() - models.blend(x)).max() < 1e-6 and np.abs(got["stack"].to_numpy() - models.stack(x)).max() < 1e-6


# ---- wrong input ----

def test_refusals(world, tmp_path):
    rows, model = world.folder / "rows.parquet", ("--model", world.folder / "churn.json")
    world.rows.drop(columns="f3").to_parquet(tmp_path / "less.parquet")
    world.rows.rename(columns={"f3": "F3"}).to_parquet(tmp_path / "case.parquet")
    world.rows.assign(f3="x").to_parquet(tmp_path / "text.parquet")
    world.rows.assign(score=1).to_parquet(tmp_path / "score.parquet")
    (tmp_path / "torn.parquet").write_bytes(rows.read_bytes()[:5000])
    (tmp_path / "some.txt").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    cases = [
        (["--in", "less.parquet"], ["less.parquet", '"f3"']),
        (["--in", "case.parquet"], ['"f3"', '"F3"']),
        (["--in", "text.parquet"], ["text.parquet", '"f3"', "VARCHAR"]),
        (["--in", "score.parquet", "--keep-all"], ['"score"', "--output-name"]),
        (["--in", "torn.parquet"], ["torn.parquet"]),
        (["--in", "some.txt"], ["some.txt"]),
        (["--in", "none.parquet"], ["none.parquet"]),
        (["--in", rows, "--in", "less.parquet"], ["less.parquet", '"f3"']),
        (["--in", rows, "--keep", "nobody"], ['"nobody"']),
        (["--in", rows, "--keep", "id", "--keep-all"], ["--keep-all"]),
        (["--in", rows, "--columns", "f0,f1"], ["--columns", "8 features"]),
        (["--in", rows, "--shard", "0/3"], ["--shard"]),
        (["--in", rows, "--shard", "auto"], ["SLURM_ARRAY_TASK_ID"]),
        (["--in", rows, "--batch-rows", "0"], ["--batch-rows"]),
        (["--in", rows, "--resume"], ["nothing to resume"]),
        (["--in", rows, "--resume", "--restart"], ["--restart"]),
        (["--in", rows, "--restart", "--shard", "1/2"], ["--restart"]),
        (["--in", rows, "--progress", "loud"], ["--progress"]),
    ]
    before = tree(tmp_path)
    for args, parts in cases:
        line = one_line(predict(*model, *args, "--out", "s.parquet", cwd=tmp_path, ok=False))
        assert all(p in line for p in parts), (args, line)
        assert tree(tmp_path) == before, args
    line = one_line(predict(*model, "--in", rows, "--out", "full", cwd=tmp_path, ok=False))
    assert "not empty" in line and tree(tmp_path) == before
    for args, part in ((["--in", rows, "--out", "s.parquet"], "--model"), (["--out", "s.parquet", *model], "--in"),
                       (["--in", rows, "--out", "s.parquet", "--model", "none.json"], "none.json"), (["--merge", "--out", "s.parquet"], "no parts"),
                       (["--in", rows, "--out", "s.parquet", "--model", "some.txt"], "some")):
        assert part in one_line(predict(*args, cwd=tmp_path, ok=False)), args
    assert tree(tmp_path) == before


# ---- going on ----

def start(args, cwd, faults=None):
    env = {**os.environ, **({"INGOT_FAULT": faults} if faults else {})}
    return subprocess.Popen([program(), "predict", *map(str, args)], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def parts_in(folder):
    """How many parts are done; none where the folder is not there yet or, the file being whole, no longer."""
    try:
        return len([p for p in os.listdir(folder) if p.startswith("part-") and ".tmp-" not in p])
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("out", ["d", "s.parquet", "s.csv"])
def test_killed_at_any_moment_the_end_is_the_same(world, tmp_path, out):
    """SIGKILL after one more part each time, and at times drawn by chance, until the job is through: bytes equal an undisturbed run's."""
    (tmp_path / "calm").mkdir()
    (tmp_path / "rough").mkdir()
    args = ["--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--out", out, "--keep", "id,name", "--batch-rows", "400"]
    predict(*args, cwd=tmp_path / "calm")
    want = tree(tmp_path / "calm")
    parts = tmp_path / "rough" / (out if out == "d" else f"{out}.parts")
    chance, kills, before, through = random.Random(11), 0, 0, 0
    while kills < 24 or not through:
        p = start(args, tmp_path / "rough")
        if kills >= 24:
            pass
        elif kills % 2:
            time.sleep(chance.random() * 0.3)
        else:
            while p.poll() is None and parts_in(parts) <= before:
                time.sleep(0.002)
        over = p.poll() is not None or kills >= 24
        if not over:
            p.kill()
        _, err = p.communicate()
        if over or p.returncode == 0:
            assert p.returncode == 0, err
            assert tree(tmp_path / "rough") == want
            shutil.rmtree(tmp_path / "rough")
            (tmp_path / "rough").mkdir()
            through, before = through + 1, 0
            continue
        kills += 1
        assert parts_in(parts) >= before or (tmp_path / "rough" / out).is_file(), "a part that was done is gone"
        before = parts_in(parts)
    print(kills, "kills,", through, "times through")


def test_interrupted_it_says_how_to_go_on(world, tmp_path):
    args = ["--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--out", "s.parquet", "--batch-rows", "50", "--threads", "1"]
    p = start(args, tmp_path)
    while p.poll() is None and parts_in(tmp_path / "s.parquet.parts") < 3:
        time.sleep(0.002)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=120)
    assert p.returncode == 1 and "the same command goes on from there" in err and len(err.splitlines()) == 1, err
    assert not [n for n in os.listdir(tmp_path / "s.parquet.parts") if ".tmp-" in n], "what had begun was not finished"
    there = parts_in(tmp_path / "s.parquet.parts")
    done = summary(*args, "--resume", cwd=tmp_path)
    assert there >= 3 and done["rows"] == ROWS and done["rows_scored"] == ROWS - 50 * there
    assert (scores(tmp_path / "s.parquet") == world.want).all()


def test_another_model_input_or_setting_is_refused(world, tmp_path):
    world.rows.to_parquet(tmp_path / "rows.parquet")
    args = ["--model", world.folder / "churn.json", "--in", "rows.parquet", "--out", "d", "--batch-rows", "9000"]
    predict(*args, cwd=tmp_path)
    before = tree(tmp_path / "d")
    assert summary(*args, cwd=tmp_path)["rows_scored"] == 0 and tree(tmp_path / "d") == before
    for change, part in ((["--model", world.folder / "classes.ubj"], "model"), (["--batch-rows", "8000"], "--batch-rows"), (["--keep", "id"], "--keep"),
                         (["--output-name", "q"], "--output-name"), (["--limit", "5"], "--limit"), (["--parts", "csv"], "--parts"),
                         (["--null", "x"], "--null")):
        line = one_line(predict(*args, *change, cwd=tmp_path, ok=False))
        assert part in line and "--restart" in line, line
        assert tree(tmp_path / "d") == before
    world.rows[::-1].to_parquet(tmp_path / "rows.parquet")
    line = one_line(predict(*args, cwd=tmp_path, ok=False))
    assert "rows.parquet" in line and "changed" in line and tree(tmp_path / "d") == before
    predict(*args, "--restart", cwd=tmp_path)
    assert (np.concatenate([scores(p) for p in sorted((tmp_path / "d").glob("part-*"))]) == world.want[::-1]).all()


def test_a_full_disk_loses_nothing(world, tmp_path):
    """The output is a small file system of its own; when there is room again the job goes on."""
    words = boxed.unshare()
    if not words:
        pytest.skip("needs mount namespaces, which this machine does not give")
    small = tmp_path / "small"
    small.mkdir()
    args = [program(), "predict", "--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--out", f"{small}/s.parquet",
            "--keep-all", "--batch-rows", "2000"]
    line = " ".join(f"'{a}'" for a in args)
    script = f"""mount -t tmpfs -o size=400k small {small} || exit 9
{line}; echo "rc $?"; ls -a {small}/s.parquet.parts
mount -o remount,size=64m {small}
{line}; echo "rc $?"; ls {small}
cp {small}/s.parquet {tmp_path}/s.parquet"""
    run = subprocess.run([*words, "sh", "-c", script], capture_output=True, text=True)
    first, rest = run.stdout.split("rc 1\n")
    assert "ingot: " in run.stderr and "s.parquet.parts" in run.stderr or "space" in run.stderr, run.stderr
    left, second = rest.split("rows were done already")
    done = left.count("part-")
    assert done >= 1 and ".tmp-" not in left, left
    assert "rc 0" in second and second.split("rc 0")[1].split() == ["s.parquet"], run.stdout + run.stderr
    assert (scores(tmp_path / "s.parquet") == world.want).all()


# ---- shards ----

@pytest.mark.parametrize("out", ["d", "s.parquet", "s.csv"])
def test_shards_together_are_the_whole(world, tmp_path, out):
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    world.rows[:ROWS // 2].to_parquet(tmp_path / "a.parquet")
    world.rows[ROWS // 2:].to_csv(tmp_path / "b.csv", index=False)
    args = ["--model", world.folder / "churn.json", "--in", tmp_path / "a.parquet", "--in", tmp_path / "b.csv", "--out", out, "--keep", "id", "--batch-rows",
            "900"]
    predict(*args, cwd=tmp_path / "one")
    running = [start([*args, "--shard", f"{i}/5"], tmp_path / "many") for i in (1, 4, 2)]
    for p in running:
        assert p.communicate(timeout=300)[1] == "" and p.returncode == 0
    assert not (tmp_path / "many" / out / "_SUCCESS").exists() and not (tmp_path / "many" / "s.parquet").exists()
    if out != "d":
        line = one_line(predict("--merge", "--out", out, cwd=tmp_path / "many", ok=False))
        assert "parts are not there yet" in line
    # The others as schedulers start them.
    slurm = {"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "4", "SLURM_ARRAY_TASK_COUNT": "5"}
    assert summary(*args, "--shard", "auto", cwd=tmp_path / "many", env=slurm)["shard"] == {"index": 3, "count": 5}
    last = summary(*args, "--shard", "auto/5", cwd=tmp_path / "many", env={"JOB_COMPLETION_INDEX": "4"})
    assert last["shard"] == {"index": 5, "count": 5} and last["parts"]["there"] == last["parts"]["total"]
    if out != "d":
        assert last["complete"] is False
        predict("--merge", "--out", out, cwd=tmp_path / "many")
    else:
        assert last["complete"] is True
    assert tree(tmp_path / "many") == tree(tmp_path / "one")


def test_two_of_one_shard_do_not_meet(world, tmp_path):
    args = ["--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--out", "d", "--batch-rows", "100", "--threads", "1"]
    p = start(args, tmp_path)
    while p.poll() is None and parts_in(tmp_path / "d") < 2:
        time.sleep(0.002)
    p.send_signal(signal.SIGSTOP)
    try:
        assert "another ingot predict works" in one_line(predict(*args, cwd=tmp_path, ok=False))
    finally:
        p.send_signal(signal.SIGCONT)
    assert p.communicate(timeout=300)[1] == "" and p.returncode == 0
    assert (tmp_path / "d" / "_SUCCESS").exists()


# ---- models from a registry ----

def test_registered_models_by_version_and_alias(tmp_path):
    w = tiny.world()
    frame = w.folder / "frame.parquet"
    with IngotServer(tmp_path / "data") as server:
        w.deploy(server.url)
        env = {"INGOT_SERVER": server.url}
        want = None
        versions = json.loads(ingot("model", "list", "--json", env=env).stdout)["model_versions"]
        name, version = versions[0]["name"], versions[0]["version"]
        ingot("model", "alias", name, "champion", str(version), env=env)
        for ref in (f"models:/{name}/{version}", f"models:/{name}@champion", f"models:/{name}/champion"):
            done = summary("--model", ref, "--in", frame, "--out", "s.parquet", "--keep", "flight", cwd=tmp_path, env=env)
            assert done["model"]["name"] == name and done["model"]["version"] == int(version)
            want = want if want is not None else scores(tmp_path / "s.parquet")
            assert len(want) == pq.read_metadata(frame).num_rows and (scores(tmp_path / "s.parquet") == want).all()
        for ref, part in ((f"models:/{name}/99", "99"), (f"models:/{name}@nobody", "nobody"), ("models:/nobody/1", "nobody"), ("models:/x", "models:/NAME/VERSION"),
                          (f"models:/{name}/0", "count from 1")):
            assert part in one_line(predict("--model", ref, "--in", frame, "--out", "t.parquet", cwd=tmp_path, ok=False, env=env)), ref
    # The same from the state, when no server runs; while one runs the folder is its own.
    done = summary("--model", f"models:/{name}@champion", "--data", "data", "--in", frame, "--out", "s.parquet", cwd=tmp_path)
    assert done["model"]["version"] == int(version) and (scores(tmp_path / "s.parquet") == want).all()


def test_progress_and_help(world, tmp_path):
    args = ["--model", world.folder / "churn.json", "--in", world.folder / "rows.parquet", "--batch-rows", "10", "--threads", "1"]
    run = predict(*args, "--out", "a", "--progress", "always", cwd=tmp_path)
    assert f"{ROWS} rows scored" in run.stdout and all(f"of {ROWS} rows (" in line for line in run.stderr.splitlines())
    assert predict(*args, "--out", "b", "--progress", "never", cwd=tmp_path).stderr == ""
    text = ingot("predict", "--help").stdout
    for word in ("--shard", "--resume", "--restart", "--merge", "models:/NAME/VERSION", "--columns", "--frame"):
        assert word in text
