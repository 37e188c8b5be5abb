"""tools/sqlgen: named statements become constants with the text and parameter count that SQLite sees."""
import os
import sqlite3
import subprocess

import pytest
from conftest import ROOT, compile_and_run

PRINT = r"""
#include "sql_gen.h"
#include <stdio.h>
int main(void)
{
    for (int i = 0; i < SQL_STATEMENT_COUNT; i++) {
        const struct sql *s = sql_statements[i];
        printf("%s|%d|%d|%s\x1e", s->name, s->id == i, s->param_count, s->text);
    }
    if (sql_statements[SQL_STATEMENT_COUNT] || sql_migrations[sql_migration_count].text || sql_postgres_migrations[sql_migration_count].text)
        return 1;
    printf("\x1d");
    for (int i = 0; i < sql_migration_count; i++)
        printf("%d|%s|%s\x1e", sql_migrations[i].number, sql_migrations[i].name, sql_migrations[i].text);
    printf("\x1d");
    for (int i = 0; i < SQL_STATEMENT_COUNT; i++)
        printf("%s|%s\x1e", sql_statements[i]->name, sql_postgres_texts[i] ? sql_postgres_texts[i] : "-");
    for (int i = 0; i < sql_migration_count; i++)
        printf("%d|%s\x1e", sql_postgres_migrations[i].number, sql_postgres_migrations[i].text);
    return 0;
}
"""


def generate(build_tool, folder, queries=(), schema=()):
    for kind, files in (("query", queries), ("schema", schema)):
        (folder / "sql" / kind).mkdir(parents=True, exist_ok=True)
        for name, text in dict(files).items():
            (folder / "sql" / kind / name).write_text(text)
    (folder / "out").mkdir(exist_ok=True)
    return subprocess.run([build_tool("sqlgen"), str(folder / "sql"), str(folder / "out")], capture_output=True, text=True, check=False)


def read_back(folder):
    out = folder / "out"
    text = compile_and_run(out, [out / "sql_gen.c"], PRINT, [os.path.join(ROOT, "src")])
    statements, migrations, _ = text.split("\x1d")
    return ({s.split("|", 3)[0]: s.split("|", 3)[1:] for s in statements.split("\x1e")[:-1]},
            [m.split("|", 2) for m in migrations.split("\x1e")[:-1]])


def read_postgres(folder):
    """The other texts: of statements by name ("-": none), of migrations by number."""
    out = folder / "out"
    text = compile_and_run(out, [out / "sql_gen.c"], PRINT, [os.path.join(ROOT, "src")])
    return dict(row.split("|", 1) for row in text.split("\x1d")[2].split("\x1e")[:-1])


def test_forms_for_postgres(build_tool, tmp_path):
    run = generate(build_tool, tmp_path, {
        "q.sql": "-- name: both\nSELECT ?1\n-- name: two\n-- Why.\nSELECT ifnull(?1, ?2);\n-- postgres:\nSELECT coalesce(?1, ?2);\n-- name: next\nSELECT 1\n",
    }, {
        "010_a.sql": "CREATE TABLE a (x);\n-- sqlite:\nCREATE TRIGGER s;\n-- postgres:\nCREATE TRIGGER p;\n-- both:\nCREATE TABLE b (x);\n",
        "020_b.sql": "CREATE TABLE c (x);\n",
    })
    assert (run.returncode, run.stderr) == (0, "")
    statements, migrations = read_back(tmp_path)
    assert statements["two"] == ["1", "2", "SELECT ifnull(?1, ?2)"]
    assert migrations[0][2] == "CREATE TABLE a (x);\nCREATE TRIGGER s;\nCREATE TABLE b (x);\n"
    assert read_postgres(tmp_path) == {
        "both": "-", "two": "SELECT coalesce(?1, ?2)", "next": "-",
        "10": "CREATE TABLE a (x);\n-- postgres:\nCREATE TRIGGER p;\n-- both:\nCREATE TABLE b (x);\n", "20": "CREATE TABLE c (x);\n"}


def test_statements(build_tool, tmp_path):
    run = generate(build_tool, tmp_path, {
        "b.sql": "-- What this file is for.\n\n-- name: run_insert\n-- Adds a run. /* odd */ comment\nINSERT INTO runs (id, name)\n  VALUES (?, ?);\n\n"
                 "-- name: run_find\nSELECT \"a\"\"?b\", 'it''s ? :x', ?3, ?1 -- not ? this\nFROM runs /* nor :this */ WHERE x = '??!\\' AND é = ?\n",
        "a.sql": "-- name: pg\nSELECT :a::int, :b, :a, @c, $d, x[1:2];\n-- trailing ? comment\n",
    })
    assert (run.returncode, run.stderr) == (0, "")
    statements, migrations = read_back(tmp_path)
    assert migrations == []
    assert statements == {
        "run_insert": ["1", "2", "INSERT INTO runs (id, name)\n  VALUES (?, ?)"],
        "run_find": ["1", "4", "SELECT \"a\"\"?b\", 'it''s ? :x', ?3, ?1 -- not ? this\nFROM runs /* nor :this */ WHERE x = '??!\\' AND é = ?"],
        "pg": ["1", "5", "SELECT :a::int, :b, :a, @c, $d, x[1:2];\n-- trailing ? comment"],
    }
    header = (tmp_path / "out" / "sql_gen.h").read_text()
    assert "/* Adds a run. / * odd * / comment */\nextern const struct sql sql_run_insert; /* 2 parameters */" in header


def test_counts_as_sqlite_does(build_tool, tmp_path):
    texts = ["SELECT 1", "SELECT ?", "SELECT ?, ?", "SELECT ?5, ?", "SELECT ?, ?5, ?", "SELECT :a, :b, :a, ?", "SELECT ?2, :a, ?1", "SELECT $a1, @a1, :a1",
             "SELECT '?', \"?\", `?`, ? -- ?\n/* ? */"]
    names = [f"q{i}" for i in range(len(texts))]
    assert generate(build_tool, tmp_path, {"q.sql": "".join(f"-- name: {n}\n{t};\n" for n, t in zip(names, texts))}).returncode == 0
    statements, _ = read_back(tmp_path)
    db = sqlite3.connect(":memory:")
    for name, text in zip(names, texts):
        count = int(statements[name][1])
        for n in range(0, 9):
            try:
                db.execute(text.replace('"?"', "'?'").replace("`?`", "'?'"), [0] * n)
                assert n == count, text
            except sqlite3.ProgrammingError:
                assert n != count, text


def test_migrations(build_tool, tmp_path):
    run = generate(build_tool, tmp_path, schema={"020_two.sql": "CREATE TABLE b (x); CREATE TABLE c (x);\n", "010_one.sql": "CREATE TABLE a (x);\n"})
    assert run.returncode == 0
    assert read_back(tmp_path)[1] == [["10", "one", "CREATE TABLE a (x);\n"], ["20", "two", "CREATE TABLE b (x); CREATE TABLE c (x);\n"]]


def test_nothing_is_valid(build_tool, tmp_path):
    (tmp_path / "out").mkdir()
    run = subprocess.run([build_tool("sqlgen"), str(tmp_path / "none"), str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert read_back(tmp_path) == ({}, [])


def test_same_input_leaves_the_files_alone(build_tool, tmp_path):
    queries = {"q.sql": "-- name: a\nSELECT 1\n"}
    generate(build_tool, tmp_path, queries)
    before = [os.stat(tmp_path / "out" / n).st_mtime_ns for n in ("sql_gen.h", "sql_gen.c")]
    generate(build_tool, tmp_path, queries)
    assert before == [os.stat(tmp_path / "out" / n).st_mtime_ns for n in ("sql_gen.h", "sql_gen.c")]


@pytest.mark.parametrize("text, message", [
    ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n", "the name stands in"),
    ("-- name: a\nSELECT 1; SELECT 2\n", "more than one statement"),
    ("-- name: a\nSELECT 1; 'x'\n", "more than one statement"),
    ("-- name: a\n-- only a comment\n", "no statement"),
    ("-- name: a\n;\n", "no statement"),
    ("-- name: A-b\nSELECT 1\n", "a name is not of [a-z0-9_]+: 'A-b'"),
    ("-- name:\nSELECT 1\n", "a name is not of"),
    ("-- name: a\nSELECT 'x\n", "a literal is not ended"),
    ("-- name: a\nSELECT 1 /* x\n", "a comment is not ended"),
    ("-- name: a\nSELECT ?0\n", "parameter number 0"),
    ("-- name: a\nSELECT ?1000\n", "parameter number 1000"),
    ("SELECT 1;\n-- name: a\nSELECT 1\n", "SQL stands before"),
    ("-- name: a\nSELECT 1\0\n", "holds a NUL byte"),
    ("-- name: a\nSELECT ?1\n-- postgres:\nSELECT 1\n", "has other parameters"),
    ("-- name: a\nSELECT 1\n-- postgres:\n", "no statement"),
    ("-- name: a\nSELECT 1\n-- postgres:\nSELECT 1\n-- postgres:\nSELECT 2\n", "a second form"),
])
def test_refuses(build_tool, tmp_path, text, message):
    run = generate(build_tool, tmp_path, {"q.sql": text})
    assert run.returncode == 1
    assert "q.sql" in run.stderr and message in run.stderr, run.stderr
    assert not (tmp_path / "out" / "sql_gen.c").exists()


@pytest.mark.parametrize("names, message", [
    (["010_a.sql", "010_b.sql"], "two migrations have the number 10"),
    (["x_a.sql"], "a migration is called NNN_name.sql"),
    (["010.sql"], "a migration is called NNN_name.sql"),
    (["010_A.sql"], "a migration's name is of [a-z0-9_]+"),
    (["000_a.sql"], "a migration is called NNN_name.sql"),
])
def test_refuses_migrations(build_tool, tmp_path, names, message):
    run = generate(build_tool, tmp_path, schema={n: "SELECT 1;" for n in names})
    assert run.returncode == 1 and message in run.stderr, run.stderr


def mlflow_tables(path):
    """A database with the tables of MLflow itself, which the statements of an import read."""
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}")
    _initialize_tables(engine)
    engine.dispose()
    return path


def test_the_statements_of_this_repository(build_tool, tmp_path):
    """Every statement compiles against the schema, and SQLite counts the same parameters."""
    (tmp_path / "out").mkdir()
    subprocess.run([build_tool("sqlgen"), os.path.join(ROOT, "sql"), str(tmp_path / "out")], check=True)
    statements, migrations = read_back(tmp_path)
    assert statements and migrations
    ours, theirs = sqlite3.connect(":memory:"), sqlite3.connect(mlflow_tables(tmp_path / "mlflow.db"))
    for _, name, text in migrations:
        ours.executescript(text)
    for name, (_, count, text) in statements.items():
        if text.upper().startswith("PRAGMA"):
            continue
        try:
            (theirs if name.startswith("mlflow_origin_") else ours).execute("EXPLAIN " + text, [None] * int(count))
        except sqlite3.Error as error:
            pytest.fail(f"{name}: {error}")


def test_lists_of_many_are_not_sorted(build_tool, tmp_path):
    """A page of a list goes by an index: a million rows before it and behind it cost nothing."""
    (tmp_path / "out").mkdir()
    subprocess.run([build_tool("sqlgen"), os.path.join(ROOT, "sql"), str(tmp_path / "out")], check=True)
    statements, migrations = read_back(tmp_path)
    db = sqlite3.connect(":memory:")
    for _, name, text in migrations:
        db.executescript(text)
    for name in ("dataset_after", "registry_model_after", "journal_list", "journal_pipelines", "overview_newest", "overview_running", "overview_changes", "overview_pipelines",
                 "rollout_heads", "rollout_list", "dataset_facts", "monitor_last_windows"):
        _, count, text = statements[name]
        plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + text, [None] * int(count))]
        assert not any("TEMP B-TREE" in step for step in plan), (name, plan)
        assert not any(step.startswith(("SCAN monitor_window", "SCAN w", "SCAN rollout", "SCAN track_input")) for step in plan), (name, plan)
