#include "unit/core/track/fixture.h"

#include "core/audit/audit.h"
#include "core/track/experiment.h"
#include "core/track/history.h"
#include "core/track/metric.h"
#include "core/track/points.h"
#include "core/track/run_search.h"
#include "core/track/store.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static struct track_run new_run(struct fixture *f, const char *name)
{
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, str_from(name), STR("me"), 1000, NULL, 0, &r));
    return r;
}

static enum err log_one(struct fixture *f, struct str run, const char *key, double v, int64_t t, int64_t step)
{
    struct track_metric m = {.key = str_from(key), .value = v, .time_ms = t, .step = step};
    struct track_batch b = {.run_id = run, .metrics = &m, .metric_count = 1, .single = true};
    return metric_log_batch(&f->op, f->db, &b);
}

static void sortable_bits(void **state)
{
    (void)state;
    static const double up[] = {-DBL_MAX, -1.5, -DBL_MIN, -4.9e-324, -0.0, 0.0, 4.9e-324, DBL_MIN, 1, 1.0000000000000002, DBL_MAX};
    for (size_t i = 0; i < ARRAY_LEN(up); i++) {
        double back = store_to_f64(store_from_f64(up[i]));
        assert_memory_equal(&back, &up[i], sizeof back);
        if (i)
            assert_true(store_from_f64(up[i - 1]) < store_from_f64(up[i]));
    }
}

static void latest_rule(void **state)
{
    struct fixture *f = *state;
    struct track_run r = new_run(f, "latest");
    assert_ok(&f->op, log_one(f, r.run_id, "a", 1, 10, 5));
    assert_ok(&f->op, log_one(f, r.run_id, "a", 9, 99, 4));  /* older step */
    assert_ok(&f->op, log_one(f, r.run_id, "a", 2, 10, 5));  /* same step and time, greater value */
    assert_ok(&f->op, log_one(f, r.run_id, "a", -3, 10, 5)); /* smaller */
    assert_ok(&f->op, log_one(f, r.run_id, "a", 2, 10, 5));  /* duplicate */
    assert_ok(&f->op, log_one(f, r.run_id, "n", (double)NAN, 1, 1));
    assert_ok(&f->op, log_one(f, r.run_id, "i", (double)INFINITY, 1, 1));
    assert_ok(&f->op, track_run_get(&f->op, f->db, r.run_id, &r));
    assert_int_equal(r.metric_count, 3);
    assert_true(r.metrics[0].value == 2 && r.metrics[1].value == DBL_MAX && isnan(r.metrics[2].value));
    struct history_page p;
    assert_ok(&f->op, history_page(&f->op, f->db, NULL, r.run_id, STR("a"), 0, STR(""), &p));
    assert_int_equal(p.len, 4); /* the duplicate was ignored */
    assert_true(series_value(&p.series, 0) == -3 && series_step(&p.series, 3) == 4);
    series_release(&p.series);
}

static const struct sql counts = {"counts", "SELECT s.points, s.id FROM track_series s ORDER BY s.key", -1, 0, 2};
static const struct sql log_old = {"log_old", "INSERT INTO track_point (series, time_ms, step, value, is_nan) VALUES (?1, ?2, ?3, 0, 0)", -1, 3, -1};
static const struct sql series_old = {"series_old", "INSERT INTO track_series (id, run, key, value, is_nan, time_ms, step) VALUES (?1, 1, ?2, 0, 0, 0, 0)", -1, 2, -1};
static const struct sql run_old = {
    "run_old", "INSERT INTO track_run (id, uuid, experiment, name, user_id, status, start_ms, artifact_uri) VALUES (1, 'u', 0, '', '', 1, 0, '')", -1, 0, -1};

/* What the rows count and what is there, in the order of the keys. */
struct point_counts {
    int64_t counted[8], there[8];
    size_t len;
};

static enum err count_some(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    (void)op;
    (void)p;
    *(int64_t *)arg += (int64_t)n;
    return OK;
}

static enum err counts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct point_counts *c = arg;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &counts, DB_NO_ARGS, &rows);
    while (!e && (e = db_step(op, tx, rows, &more)) == OK && more) {
        assert_true(c->len < ARRAY_LEN(c->there));
        c->counted[c->len] = db_col_i64(tx, rows, 0);
        c->there[c->len] = 0;
        e = points_read(op, tx, db_col_i64(tx, rows, 1), NULL, SIZE_MAX, count_some, &c->there[c->len++]);
        if (e)
            break;
    }
    return e;
}

static void check_counts(struct op *op, struct db *db, const int64_t *want, size_t n)
{
    struct point_counts c = {0};
    assert_ok(op, db_read(op, db, counts_tx, &c));
    assert_int_equal(c.len, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(c.there[i], want[i]);
        assert_int_equal(c.counted[i], want[i]);
    }
}

/* Every way to log keeps the number of a series' points; duplicates and what was refused do not count. */
static void points_are_counted(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f, "points");
    struct track_metric m[] = {
        {.key = STR("b"), .value = 1, .time_ms = 1, .step = 1}, {.key = STR("c"), .value = 1, .time_ms = 1, .step = 1},
        {.key = STR("b"), .value = 1, .time_ms = 1, .step = 1}, {.key = STR("b"), .value = 2, .time_ms = 2, .step = 0},
        {.key = STR("a"), .value = 1, .time_ms = 7, .step = 7},
    };
    struct track_batch b = {.run_id = r.run_id, .metrics = m, .metric_count = 4};
    assert_ok(op, log_one(f, r.run_id, "a", 1, 7, 7));
    assert_ok(op, log_one(f, r.run_id, "a", 1, 7, 7)); /* a duplicate */
    check_counts(op, f->db, (int64_t[]){1}, 1);
    assert_ok(op, log_one(f, r.run_id, "a", 1, 3, 3)); /* not the latest */
    assert_ok(op, metric_log_batch(op, f->db, &b));
    check_counts(op, f->db, (int64_t[]){2, 2, 1}, 3);
    b.metric_count = 5;
    assert_ok(op, metric_log_batch(op, f->db, &b)); /* nothing new in it */
    check_counts(op, f->db, (int64_t[]){2, 2, 1}, 3);
    struct track_kv p = {STR("p"), STR("1")};
    b = (struct track_batch){.run_id = r.run_id, .params = &p, .param_count = 1};
    assert_ok(op, metric_log_batch(op, f->db, &b));
    p.value = STR("2");
    m[0].step = 99;
    b = (struct track_batch){.run_id = r.run_id, .metrics = m, .metric_count = 5, .params = &p, .param_count = 1};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID, "Changing param values");
    m[1].model_id = STR("none");
    b = (struct track_batch){.run_id = r.run_id, .metrics = m, .metric_count = 5};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_NOT_FOUND, "Logged model with ID 'none' not found.");
    b = (struct track_batch){.run_id = r.run_id, .metrics = &m[1], .metric_count = 1, .single = true};
    m[1].step = 5;
    assert_fails(op, metric_log_batch(op, f->db, &b), E_NOT_FOUND, "Logged model with ID 'none' not found.");
    check_counts(op, f->db, (int64_t[]){2, 2, 1}, 3);
    m[3].step = 1000;
    m[3].time_ms = -5;
    b = (struct track_batch){.run_id = r.run_id, .metrics = &m[2], .metric_count = 2};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID, "for parameter 'metrics[1].timestamp' supplied: metric 'b' (value=2");
    assert_fails(op, log_one(f, r.run_id, "a", 1, -1, 0), E_INVALID, "for parameter 'timestamp' supplied");
    assert_fails(op, log_one(f, STR("nobody"), "a", 1, 1, 0), E_NOT_FOUND, "Run with id=nobody not found");
    assert_ok(op, track_run_delete(op, f->db, r.run_id));
    assert_fails(op, log_one(f, r.run_id, "a", 1, 1, 0), E_CONFLICT, "must be in the 'active' state");
}

/* Batches of many keys read the run's series in one pass, or in part of it when the run has very many. */
static void many_keys(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f, "many");
    struct track_metric m[200];
    struct track_batch b = {.run_id = r.run_id, .metrics = m};
    for (int round = 0; round < 5; round++) { /* 200 new; the same; with duplicates; 20 of 200; 10 new among 20 */
        size_t n = round < 3 ? 200 : 20;
        for (size_t i = 0; i < n; i++) {
            int key = round == 4 && i >= 10 ? 1000 + (int)i : 199 - (int)i;
            m[i] = (struct track_metric){.key = str_from(op_printf(op, "k%d", key)), .value = (double)round, .time_ms = 1, .step = round == 2 && i % 2 ? 1 : round};
            if (round == 2 && i % 2)
                m[i].value = 1; /* there since the round before */
        }
        b.metric_count = n;
        assert_ok(op, metric_log_batch(op, f->db, &b));
    }
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_int_equal(r.metric_count, 210);
    struct history_page p;
    static const struct {
        const char *key;
        size_t len;
        double latest;
    } want[] = {{"k199", 5, 4}, {"k190", 4, 4}, {"k189", 4, 3}, {"k0", 2, 1}, {"k1", 3, 2}, {"k1010", 1, 4}, {"k1019", 1, 4}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_ok(op, history_page(op, f->db, NULL, r.run_id, str_from(want[i].key), 0, STR(""), &p));
        assert_int_equal(p.len, want[i].len);
        series_release(&p.series);
        size_t k = 0;
        while (k < r.metric_count && !str_eq(r.metrics[k].key, str_from(want[i].key)))
            k++;
        assert_true(k < r.metric_count && r.metrics[k].value == want[i].latest);
    }
}

static enum err old_rows_tx(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    enum err e = db_exec(op, tx, &run_old, DB_NO_ARGS, NULL);
    for (int64_t s = 1; !e && s <= 3; s++) {
        e = db_exec(op, tx, &series_old, DB_ARGS(DB_I64(s), DB_TEXT(str_from(op_printf(op, "k%lld", (long long)s)))), NULL);
        for (int64_t i = 1; !e && i < s; i++) /* 0, 1 and 2 points */
            e = db_exec(op, tx, &log_old, DB_ARGS(DB_I64(s), DB_I64(i), DB_I64(i)), NULL);
    }
    return e;
}

/* A database of before the count gets it right when it is opened. */
static void old_series_are_counted(void **state)
{
    (void)state;
    char dir[] = "/tmp/ingot-points-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct arena *a = arena_create(LIMIT_MIB(16));
    struct op op;
    op_init(&op, a);
    const char *path = op_printf(&op, "%s/old.db", dir);
    struct db *db = NULL;
    int before = 0;
    while (before < sql_migration_count && strcmp(sql_migrations[before].name, "track_points"))
        before++;
    assert_true(before > 0 && before < sql_migration_count);
    assert_ok(&op, sqlite_open_with(&op, path, sql_migrations, before, &db));
    assert_ok(&op, db_write(&op, db, old_rows_tx, NULL));
    db_close(db);
    assert_ok(&op, sqlite_open_with(&op, path, sql_migrations, sql_migration_count, &db));
    assert_ok(&op, points_upgrade(&op, db));
    check_counts(&op, db, (int64_t[]){0, 1, 2}, 3);
    db_close(db);
    remove(path);
    remove(op_printf(&op, "%s-wal", path));
    remove(op_printf(&op, "%s-shm", path));
    assert_int_equal(remove(dir), 0);
    arena_destroy(a);
}

static void batch_is_one_unit(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r = new_run(f, "unit");
    struct track_metric m = {.key = STR("m"), .value = 1, .time_ms = 1};
    struct track_kv p1[] = {{STR("lr"), STR("0.1")}}, p2[] = {{STR("new"), STR("1")}, {STR("lr"), STR("0.2")}};
    struct track_kv t[] = {{STR("mlflow.runName"), STR("renamed")}};
    struct track_batch b = {.run_id = r.run_id, .params = p1, .param_count = 1};
    assert_ok(op, metric_log_batch(op, f->db, &b));
    assert_ok(op, metric_log_batch(op, f->db, &b)); /* the same value again */
    b = (struct track_batch){.run_id = r.run_id, .metrics = &m, .metric_count = 1, .params = p2, .param_count = 2, .tags = t, .tag_count = 1};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID,
                 "Changing param values is not allowed. Params were already logged='[{'key': 'lr', 'old_value': '0.1', 'new_value': '0.2'}]'");
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_int_equal(r.params.len, 1);
    assert_int_equal(r.metric_count, 0);
    assert_str(r.name, "unit");
    p2[1].key = STR("new");
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID, "Duplicate parameter keys have been submitted: ['new'].");
    m.time_ms = -1;
    b.param_count = 0;
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID, "metrics[0].timestamp");
    m.time_ms = 1;
    b.metric_count = 1001;
    assert_fails(op, metric_log_batch(op, f->db, &b), E_INVALID, "can contain at most 1000 metrics. Got 1001 metrics.");
    b.metric_count = 1;
    assert_ok(op, metric_log_batch(op, f->db, &b));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_str(r.name, "renamed");
    b.run_id = STR("nobody");
    assert_fails(op, metric_log_batch(op, f->db, &b), E_NOT_FOUND, "Run with id=nobody not found");
    assert_ok(op, track_run_delete(op, f->db, r.run_id));
    b.run_id = r.run_id;
    assert_fails(op, metric_log_batch(op, f->db, &b), E_CONFLICT, "must be in the 'active' state");
}

static void lifecycle(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0;
    assert_ok(op, experiment_create(op, f->db, STR("exp"), STR(""), NULL, 0, &id));
    assert_fails(op, experiment_create(op, f->db, STR("exp"), STR(""), NULL, 0, &id), E_EXISTS, "Experiment(name=exp) already exists.");
    struct experiment x;
    assert_ok(op, experiment_get_by_name(op, f->db, STR("exp"), &x));
    assert_str(x.artifact_location, "mlflow-artifacts:/1");
    struct track_run r;
    struct track_kv tag = {STR("mlflow.runName"), STR("b")};
    assert_fails(op, track_run_create(op, f->db, id, STR("a"), STR(""), 0, &tag, 1, &r), E_INVALID, "Both 'run_name' argument and 'mlflow.runName' tag");
    assert_ok(op, track_run_create(op, f->db, id, STR(""), STR(""), 0, &tag, 1, &r));
    assert_str(r.name, "b");
    assert_ok(op, experiment_delete(op, f->db, id));
    assert_fails(op, track_run_create(op, f->db, id, STR("a"), STR(""), 0, NULL, 0, &r), E_CONFLICT, "must be in the 'active' state");
    assert_fails(op, experiment_rename(op, f->db, id, STR("z")), E_CONFLICT, "Cannot rename a non-active experiment.");
    struct track_run again;
    assert_ok(op, track_run_get(op, f->db, r.run_id, &again));
    assert_true(again.deleted);
    assert_ok(op, experiment_restore(op, f->db, id));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &again));
    assert_false(again.deleted);
    assert_fails(op, experiment_get(op, f->db, 77, &x), E_NOT_FOUND, "No Experiment with id=77 exists");
    struct audit_row *rows = NULL;
    size_t n = 0;
    assert_ok(op, audit_list(op, f->db, &(struct audit_filter){.kind = STR("experiment")}, &rows, &n));
    assert_int_equal(n, 3);
    assert_str(rows[0].verb, "experiment.restore");
}

static void search(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r;
    struct str ids[20];
    for (int i = 0; i < 20; i++) {
        assert_ok(op, track_run_create(op, f->db, 0, str_from(op_printf(op, "r%d", i)), STR(""), i / 2, NULL, 0, &r));
        ids[i] = r.run_id;
        if (i % 3)
            assert_ok(op, log_one(f, r.run_id, "auc", i == 4 ? (double)NAN : i / 100.0, 1, 1));
    }
    int64_t exps[] = {0};
    struct str order[] = {STR("metrics.auc DESC")};
    struct run_query q = {.experiments = exps, .experiment_count = 1, .filter = STR("metrics.auc > 0.05"), .order_by = order,
                          .order_count = 1, .view = TRACK_VIEW_ACTIVE, .max_results = 4};
    struct run_page p;
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 4);
    assert_str(p.runs[0].name, "r19");
    assert_str(p.runs[1].name, "r17");
    q.filter = STR("");
    q.max_results = 50;
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 20);
    assert_str(p.runs[p.len - 8].name, "r4"); /* NaN before the seven without */
    order[0] = STR("metrics.auc ASC");
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_str(p.runs[0].name, "r1");
    assert_str(p.runs[12].name, "r4");
    /* Default order, paged: newest first, then by id; each run once. */
    q.order_count = 0;
    q.max_results = 7;
    size_t seen = 0;
    int64_t last = INT64_MAX;
    do {
        assert_ok(op, run_search(op, f->db, &q, &p));
        for (size_t i = 0; i < p.len; i++, seen++) {
            assert_true(p.runs[i].start_ms <= last);
            last = p.runs[i].start_ms;
        }
        q.page_token = p.next_token;
    } while (p.next_token.len);
    assert_int_equal(seen, 20);
    q.page_token = STR("");
    q.filter = str_from(op_printf(op, "run_id IN ('%s', '%s')", ids[2].p, ids[3].p));
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 2);
    assert_ok(op, track_run_delete(op, f->db, ids[2]));
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 1);
    q.view = TRACK_VIEW_DELETED;
    assert_ok(op, run_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 1);
    q.max_results = 0;
    assert_fails(op, run_search(op, f->db, &q, &p), E_INVALID, "max_results");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sortable_bits), fixture_test(latest_rule), fixture_test(points_are_counted), fixture_test(many_keys), cmocka_unit_test(old_series_are_counted),
                                       fixture_test(batch_is_one_unit), fixture_test(lifecycle), fixture_test(search)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
