#include "unit/adapter/mlflow/origin_fixture.h"

#include <math.h>

#include "adapter/mlflow/reading.h"

static void pages_end_and_hold_everything(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op, "", path);
    struct str cursor = STR("");
    struct origin_experiment *x;
    size_t n;
    assert_ok(&f->op, o.ops->experiments(o.self, &f->op, &cursor, &x, &n));
    assert_int_equal(n, 2);
    assert_str(x[1].id, "7");
    assert_true(x[1].deleted && !x[0].deleted);
    assert_str(x[1].tags.p[0].value, "a");
    assert_ok(&f->op, o.ops->experiments(o.self, &f->op, &cursor, &x, &n));
    assert_int_equal(n, 0);

    struct origin_run *r;
    cursor = STR("");
    assert_ok(&f->op, o.ops->runs(o.self, &f->op, &cursor, &r, &n));
    assert_int_equal(n, 2);
    assert_true(r[0].has_end && !r[1].has_end && r[1].deleted);
    assert_ok(&f->op, o.ops->run_fill(o.self, &f->op, &r[0]));
    assert_int_equal(r[0].point_count, 3);
    assert_str(r[0].params.p[0].key, "lr");
    assert_str(r[0].datasets[0].profile, "p");
    assert_null(r[0].datasets[0].schema.p);
    assert_str(r[0].datasets[0].tags.p[0].value, "train");
    assert_int_equal(r[0].output_count, 1);
    assert_int_equal(r[0].outputs[0].step, 4);
    assert_true(r[0].latest[0].is_nan);
    assert_ok(&f->op, o.ops->runs(o.self, &f->op, &cursor, &r, &n));
    assert_int_equal(n, 0);
    origin_fixture_close(&o, path);
}

static void the_registry_is_read(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op, "", path);
    struct str cursor = STR("");
    struct origin_version *v;
    struct origin_model *m;
    struct origin_logged_model *l;
    struct origin_counts counts;
    size_t n;
    assert_ok(&f->op, o.ops->models(o.self, &f->op, &cursor, &m, &n));
    assert_int_equal(n, 1);
    assert_str(m[0].aliases.p[0].key, "champion");
    assert_str(m[0].aliases.p[0].value, "1");
    cursor = STR("");
    assert_ok(&f->op, o.ops->versions(o.self, &f->op, &cursor, &v, &n));
    assert_int_equal(n, 2);
    assert_true(v[1].deleted && !v[0].deleted);
    assert_null(v[1].description.p);
    assert_ok(&f->op, o.ops->versions(o.self, &f->op, &cursor, &v, &n));
    assert_int_equal(n, 0);
    cursor = STR("");
    assert_ok(&f->op, o.ops->logged_models(o.self, &f->op, &cursor, &l, &n));
    assert_int_equal(n, 1);
    assert_true(l[0].metrics[0].value == 0.75);
    assert_ok(&f->op, o.ops->counts(o.self, &f->op, &counts));
    assert_int_equal(counts.runs, 2);
    assert_int_equal(counts.points, 3);
    assert_int_equal(counts.traces, 1);
    origin_fixture_close(&o, path);
}

struct seen {
    size_t n;
    double sum;
    enum err answer;
};

static enum err on_points(void *arg, const struct origin_point *points, size_t n)
{
    struct seen *s = arg;
    for (size_t i = 0; i < n; i++)
        s->sum += points[i].is_nan ? 0 : points[i].value;
    s->n += n;
    return s->answer;
}

static void points_come_in_batches_and_can_be_stopped(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op,
                                          "INSERT INTO metrics SELECT '" R2 "', 'torn', value, value, 1, 0 FROM (WITH RECURSIVE c(value) AS "
                                          "(SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < 25000) SELECT value FROM c);",
                                          path);
    struct str cursor = STR("");
    struct origin_run *r;
    size_t n;
    assert_ok(&f->op, o.ops->runs(o.self, &f->op, &cursor, &r, &n));
    assert_ok(&f->op, o.ops->run_fill(o.self, &f->op, &r[0]));
    assert_ok(&f->op, o.ops->run_fill(o.self, &f->op, &r[1]));
    struct seen seen = {0};
    assert_ok(&f->op, o.ops->points(o.self, &f->op, &r[0], on_points, &seen));
    assert_int_equal(seen.n, 3);
    assert_true(seen.sum == -1.0);
    seen = (struct seen){0}; /* a metric that the list of the latest does not name, in three batches */
    assert_ok(&f->op, o.ops->points(o.self, &f->op, &r[1], on_points, &seen));
    assert_int_equal(seen.n, 25000);
    seen = (struct seen){.answer = E_IO};
    assert_int_equal(o.ops->points(o.self, &f->op, &r[1], on_points, &seen), E_IO);
    assert_int_equal(seen.n, 10000);
    op_clear(&f->op);
    origin_fixture_close(&o, path);
}

static void another_database_is_refused_and_never_written(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op, "UPDATE alembic_version SET version_num = '400f98739977';", path);
    struct mlflow_db *m = o.self;
    assert_true(!m->schema.logged_models && m->schema.traces);
    struct db_val none;
    assert_fails(&f->op, db_write(&f->op, m->db, (db_fn)NULL, &none), E_UNSUPPORTED, "only read");
    origin_fixture_close(&o, path);
    struct mlflow_db_config config = {.working_folder = STR("/tmp")};
    assert_ok(&f->op, sqlite_open(&f->op, ":memory:", &config.db));
    assert_fails(&f->op, mlflow_db_origin(&f->op, &config, &o), E_UNSUPPORTED, "alembic_version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(pages_end_and_hold_everything), fixture_test(the_registry_is_read),
                                       fixture_test(points_come_in_batches_and_can_be_stopped), fixture_test(another_database_is_refused_and_never_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
