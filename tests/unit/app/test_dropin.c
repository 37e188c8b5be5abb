#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"
#include "app/dropin.h"
#include "scratch_op.h"

static void places(void **state)
{
    struct op *op = *state;
    static const struct {
        const char *name, *uri, *want; /* want NULL: it says nothing */
    } cases[] = {
        {"data", "sqlite:///mlflow.db", "mlflow.db.ingot"},
        {"data", "sqlite:////var/lib/m.db", "/var/lib/m.db.ingot"},
        {"data", "sqlite:///m.db?x=1", "m.db.ingot"},
        {"data", "./mlruns", "./mlruns.ingot"},
        {"data", "./mlruns/", "./mlruns.ingot"},
        {"data", "file:///srv/mlruns//", "/srv/mlruns.ingot"},
        {"data", "file:mlruns", "mlruns.ingot"},
        {"data", "file://localhost/srv/x", "/srv/x.ingot"},
        {"data", "postgresql://u:p@h/d", NULL},
        {"db", "sqlite:///mlflow.db", ""},
        {"db", "postgresql://u:p@h:5/d?sslmode=require", "postgresql://u:p@h:5/d?sslmode=require"},
        {"db", "postgresql+psycopg2://u@h/d", "postgresql://u@h/d"},
        {"db", "postgres://u@h/d", "postgresql://u@h/d"},
        {"blobs", "s3://bucket/p", "s3://bucket/p"},
        {"blobs", "/srv/art/", "/srv/art/ingot"},
        {"blobs", "file:///srv/art", "/srv/art/ingot"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got;
        assert_int_equal(dropin_translate(op, cases[i].name, str_from(cases[i].uri), &got), OK);
        if (!cases[i].want)
            assert_null(got.p);
        else if (!str_eqc(got, cases[i].want))
            fail_msg("%s of %s: %.*s, want %s", cases[i].name, cases[i].uri, STR_FMT(got), cases[i].want);
    }
}

static void places_that_are_refused(void **state)
{
    struct op *op = *state;
    static const struct {
        const char *name, *uri;
        enum err e;
    } cases[] = {
        {"db", "mysql://u:topsecret@h/d", E_UNSUPPORTED}, {"data", "mssql+pyodbc://u:topsecret@h/d", E_UNSUPPORTED}, {"data", "sqlite://", E_INVALID},
        {"data", "sqlite:///", E_INVALID},                {"data", "sqlite:///:memory:", E_INVALID},                  {"data", "databricks://x", E_UNSUPPORTED},
        {"blobs", "gs://b", E_UNSUPPORTED},               {"blobs", "wasbs://b", E_UNSUPPORTED},                       {"data", "postgresqlx://h/d", E_UNSUPPORTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got;
        op_clear(op);
        if (dropin_translate(op, cases[i].name, str_from(cases[i].uri), &got) != cases[i].e)
            fail_msg("%s of %s: %s", cases[i].name, cases[i].uri, op->msg ? op->msg : "taken");
        assert_null(strstr(op->msg, "topsecret"));
    }
}

static void sources(void **state)
{
    (void)state;
    assert_string_equal(dropin_source("data"), "backend-store-uri");
    assert_string_equal(dropin_source("db"), "backend-store-uri");
    assert_string_equal(dropin_source("blobs"), "artifacts-destination");
    assert_null(dropin_source("listen"));
    assert_string_equal(dropin_env("port"), "MLFLOW_PORT");
    assert_null(dropin_env("listen"));
}

static void judgements(void **state)
{
    struct op *op = *state;
    const char *note = NULL;
    assert_int_equal(dropin_judge(op, "workers", STR("4"), STR(""), &note), OK);
    assert_non_null(strstr(note, "workers has no effect"));
    assert_int_equal(dropin_judge(op, "listen", STR("x"), STR(""), &note), OK);
    assert_null(note);
    assert_int_equal(dropin_judge(op, "enable-workspaces", STR("false"), STR(""), &note), OK);
    assert_int_equal(dropin_judge(op, "registry-store-uri", STR("sqlite:///a"), STR("sqlite:///a"), &note), OK);
    static const char *const refused[] = {"app-name", "dev", "artifacts-only", "enable-workspaces", "workspace-store-uri", "trace-archival-config", "disable-security-middleware", "registry-store-uri"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        op_clear(op);
        assert_int_equal(dropin_judge(op, refused[i], STR("true"), STR("sqlite:///a"), &note), E_UNSUPPORTED);
        assert_non_null(op->msg);
    }
}

static void prefixes(void **state)
{
    struct op *op = *state;
    static const char *const good[] = {"", "/a", "/a/b", "/a.b-c_d"};
    static const char *const bad[] = {"a", "/", "/a/", "//a", "/a//b", "/a/../b", "/./a", "/a b", "/a?x", "/{a}", "/a%20b", "/a\\b", "/a#"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(dropin_check_prefix(op, str_from(good[i])), OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(op);
        if (dropin_check_prefix(op, str_from(bad[i])) != E_INVALID)
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void stores(void **state)
{
    struct op *op = *state;
    char folder[] = "/tmp/ingot-dropin-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *file = op_printf(op, "%s/m.db", folder), *runs = op_printf(op, "%s/mlruns", folder), *data = op_printf(op, "%s/m.db.ingot", folder);
    struct str uri = str_from(op_printf(op, "sqlite:///%s", file)), runs_uri = str_from(runs);
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("")), OK); /* nothing there */
    put(file, "");
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("")), OK); /* an empty file is no database */
    put(file, "SQLite format 3");
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("")), E_CONFLICT);
    assert_non_null(strstr(op->msg, op_printf(op, "`ingot import mlflow '%.*s' --data '%s' --artifact-folder ./mlartifacts`", STR_FMT(uri), data)));
    op_clear(op);
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("file:///srv/art")), E_CONFLICT);
    assert_non_null(strstr(op->msg, "--blobs '/srv/art/ingot' --artifact-folder '/srv/art'`"));
    op_clear(op);
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("s3://b/p")), E_CONFLICT);
    assert_non_null(strstr(op->msg, "--blobs 's3://b/p'`"));
    op_clear(op);
    assert_int_equal(mkdir(data, 0700), 0);
    put(op_printf(op, "%s/ingot.db", data), "x");
    assert_int_equal(dropin_check_store(op, uri, str_from(data), STR("")), OK); /* imported */
    assert_int_equal(mkdir(runs, 0700), 0);
    assert_int_equal(dropin_check_store(op, runs_uri, STR("/nowhere"), STR("")), OK);
    assert_int_equal(mkdir(op_printf(op, "%s/0", runs), 0700), 0);
    put(op_printf(op, "%s/0/meta.yaml", runs), "a: 1");
    assert_int_equal(dropin_check_store(op, runs_uri, STR("/nowhere"), STR("")), E_CONFLICT);
    assert_non_null(strstr(op->msg, "mlflow server --backend-store-uri"));
    assert_non_null(strstr(op->msg, "ingot import mlflow 'http://"));
    op_clear(op);
    assert_int_equal(dropin_check_store(op, STR("postgresql://h/d"), STR("/nowhere"), STR("")), OK);
    unlink(op_printf(op, "%s/0/meta.yaml", runs));
    rmdir(op_printf(op, "%s/0", runs));
    rmdir(runs);
    unlink(op_printf(op, "%s/ingot.db", data));
    rmdir(data);
    unlink(file);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(places_that_are_refused, scratch_op_up, scratch_op_down),
        cmocka_unit_test(sources),
        cmocka_unit_test_setup_teardown(judgements, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(prefixes, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(stores, scratch_op_up, scratch_op_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
