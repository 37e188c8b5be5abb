#include "pipeline_test.h"

#include "adapter/sqlite/sqlite.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/pipeline/journal.h"

static struct db *database(struct fixture *f)
{
    struct db *db;
    ASSERT_OK(f, sqlite_open(&f->op, str_cstr(f->arena, fspath_join(&f->op, f->dir, STR("db"))), &db));
    return db;
}

static const struct journal_stage two[] = {
    {.name = STR_INIT("prepare"), .needs = STR_INIT("[]"), .facts = STR_INIT("{\"cmd\": \"true\"}")},
    {.name = STR_INIT("train"), .needs = STR_INIT("[\"prepare\"]"), .facts = STR_INIT("{}")},
};

static int64_t begin(struct fixture *f, struct db *db, const char *pipeline)
{
    struct journal_begin b = {.pipeline = str_from(pipeline), .workspace = STR("/srv/p"), .argv = STR("[]"), .actor = STR("ana"), .host = STR("h"), .stages = two, .len = 2};
    int64_t id = 0;
    ASSERT_OK(f, journal_begin(&f->op, db, &b, &id));
    return id;
}

static struct journal_update update(int64_t place, const char *state, int64_t from_us, int64_t to_us)
{
    return (struct journal_update){.place = place, .stage = {.state = str_from(state), .reason = STR(""), .track_run = STR(""), .attempts = 1, .started_us = from_us, .ended_us = to_us}};
}

static void test_a_run_is_what_was_reported(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct journal_run r;
    struct journal_stage *s = NULL;
    struct str log;
    size_t n = 0;
    int64_t id = begin(f, db, "flights"), bytes = 0;
    bool cancel = true;
    struct journal_update u[] = {update(0, "ran", 100, 350), update(1, "running", 400, 0)};
    u[1].log = STR("epoch 1\n");
    u[1].stage.log_bytes = 8000;
    ASSERT_OK(f, journal_report(&f->op, db, id, u, 2, &cancel));
    assert_false(cancel);
    ASSERT_OK(f, journal_get(&f->op, db, id, &r, &s, &n));
    assert_int_equal(n, 2);
    ASSERT_STR(r.state, "running");
    ASSERT_STR(r.actor, "ana");
    ASSERT_STR(s[0].state, "ran");
    assert_int_equal(s[0].ended_us - s[0].started_us, 250);
    ASSERT_STR(s[1].needs, "[\"prepare\"]");
    assert_int_equal(s[1].log_bytes, 8000);
    ASSERT_OK(f, journal_log(&f->op, db, id, STR("train"), &log, &bytes));
    ASSERT_STR(log, "epoch 1\n");
    assert_int_equal(bytes, 8000);
    assert_int_equal(journal_log(&f->op, db, id, STR("nobody"), &log, &bytes), E_NOT_FOUND);
    op_clear(&f->op);
    ASSERT_OK(f, journal_end(&f->op, db, id, STR("failed"), 1, 2, 3));
    ASSERT_OK(f, journal_end(&f->op, db, id, STR("succeeded"), 0, 0, 0)); /* again: nothing changes */
    ASSERT_OK(f, journal_get(&f->op, db, id, &r, &s, &n));
    ASSERT_STR(r.state, "failed");
    assert_int_equal(r.exit_code, 1);
    assert_int_equal(journal_report(&f->op, db, id, u, 2, &cancel), E_CONFLICT);
    op_clear(&f->op);
    db_close(db);
}

static void test_usual_is_the_median_of_earlier_runs(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct journal_run r;
    struct journal_stage *s = NULL;
    size_t n = 0;
    int64_t took[] = {10, 500, 30}, id = 0;
    bool cancel;
    for (size_t i = 0; i < 3; i++) {
        id = begin(f, db, "p");
        struct journal_update u = update(0, "ran", 1000, 1000 + took[i]), skipped = update(1, "skipped", 5, 6);
        ASSERT_OK(f, journal_report(&f->op, db, id, &u, 1, &cancel));
        ASSERT_OK(f, journal_report(&f->op, db, id, &skipped, 1, &cancel));
        ASSERT_OK(f, journal_end(&f->op, db, id, STR("succeeded"), 0, 0, 0));
    }
    begin(f, db, "other");
    id = begin(f, db, "p");
    ASSERT_OK(f, journal_get(&f->op, db, id, &r, &s, &n));
    assert_int_equal(s[0].usual_us, 30);
    assert_int_equal(s[1].usual_us, 0); /* it never ran */
    db_close(db);
}

static void test_lists_go_by_name_and_newest_first(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct journal_pipeline *p = NULL;
    struct journal_run *r = NULL;
    size_t n = 0;
    int64_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = begin(f, db, i % 2 ? "odd" : "even");
    ASSERT_OK(f, journal_pipelines(&f->op, db, STR(""), 10, 2, &p, &n));
    assert_int_equal(n, 2);
    ASSERT_STR(p[0].name, "even");
    assert_int_equal(p[0].runs, 3);
    assert_int_equal(p[0].len, 2);
    assert_int_equal(p[0].newest[0].id, ids[4]);
    ASSERT_OK(f, journal_pipelines(&f->op, db, STR("even"), 10, 2, &p, &n));
    assert_int_equal(n, 1);
    ASSERT_OK(f, journal_list(&f->op, db, STR("even"), ids[4], 10, &r, &n));
    assert_int_equal(n, 2);
    assert_int_equal(r[0].id, ids[2]);
    db_close(db);
}

static void test_who_is_asked_to_end_is_told(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    int64_t id = begin(f, db, "p");
    bool cancel = false;
    ASSERT_OK(f, journal_cancel(&f->op, db, id));
    ASSERT_OK(f, journal_report(&f->op, db, id, NULL, 0, &cancel));
    assert_true(cancel);
    ASSERT_OK(f, journal_end(&f->op, db, id, STR("cancelled"), 0, 0, 0));
    assert_int_equal(journal_cancel(&f->op, db, id), E_CONFLICT);
    op_clear(&f->op);
    assert_int_equal(journal_cancel(&f->op, db, 999), E_NOT_FOUND);
    op_clear(&f->op);
    db_close(db);
}

static void test_output_of_old_runs_is_let_go(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct str log;
    bool cancel;
    int64_t first = begin(f, db, "p"), bytes = 0;
    struct journal_update u = update(0, "ran", 1, 2);
    u.log = STR("said");
    ASSERT_OK(f, journal_report(&f->op, db, first, &u, 1, &cancel));
    for (int i = 0; i < LIMIT_JOURNAL_LOGGED_RUNS - 1; i++)
        begin(f, db, "p");
    ASSERT_OK(f, journal_log(&f->op, db, first, STR("prepare"), &log, &bytes));
    ASSERT_STR(log, "said");
    begin(f, db, "p");
    ASSERT_OK(f, journal_log(&f->op, db, first, STR("prepare"), &log, &bytes));
    ASSERT_STR(log, "");
    db_close(db);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    static char big[LIMIT_JOURNAL_FACTS + 1];
    memset(big, 'x', sizeof big);
    int64_t id = 0;
    bool cancel;
    struct journal_stage s = two[0];
    struct journal_begin b = {.pipeline = STR("p"), .workspace = STR("/w"), .argv = STR("[]"), .stages = &s, .len = 1};
    struct journal_begin none = b, taken = b;
    none.pipeline = STR("");
    assert_int_equal(journal_begin(&f->op, db, &none, &id), E_INVALID);
    op_clear(&f->op);
    taken.run = 77; /* the server runs none of that number */
    assert_int_equal(journal_begin(&f->op, db, &taken, &id), E_NOT_FOUND);
    op_clear(&f->op);
    taken.run = begin(f, db, "p"); /* somebody else's */
    assert_int_equal(journal_begin(&f->op, db, &taken, &id), E_NOT_FOUND);
    op_clear(&f->op);
    s.facts = (struct str){big, sizeof big};
    assert_int_equal(journal_begin(&f->op, db, &b, &id), E_INVALID);
    op_clear(&f->op);
    s = two[0];
    s.name = (struct str){"a\0b", 3};
    assert_int_equal(journal_begin(&f->op, db, &b, &id), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(journal_end(&f->op, db, taken.run, STR("lost"), 0, 0, 0), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(journal_report(&f->op, db, 77, NULL, 0, &cancel), E_NOT_FOUND);
    op_clear(&f->op);
    db_close(db);
}

/* A request's memory is bounded: what does not fit is refused and the program goes on. */
static void test_lists_that_do_not_fit_are_refused(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    static char argv[LIMIT_JOURNAL_FACTS];
    struct journal_run *r = NULL;
    struct journal_pipeline *p = NULL;
    int64_t id = 0;
    size_t n = 0;
    struct op op;
    memset(argv, '1', sizeof argv);
    for (int i = 0; i < 200; i++) {
        struct journal_begin b = {.pipeline = str_from(op_printf(&f->op, "p%d", i % 20)), .workspace = STR(""), .argv = (struct str){argv, sizeof argv}, .actor = STR("ana"),
                                  .host = STR("h"), .stages = two, .len = 2};
        ASSERT_OK(f, journal_begin(&f->op, db, &b, &id));
    }
    struct arena *small = arena_create(LIMIT_MIB(1));
    op_init(&op, small);
    assert_int_equal(journal_pipelines(&op, db, STR(""), 20, 10, &p, &n), E_TOO_LARGE); /* 3.2 MB */
    arena_reset(small);
    op_init(&op, small);
    assert_int_equal(journal_pipelines(&op, db, STR(""), 20, 1, &p, &n), OK);
    assert_int_equal(n, 20);
    arena_reset(small);
    op_init(&op, small);
    assert_int_equal(journal_list(&op, db, STR("p3"), 0, 10, &r, &n), OK);
    assert_int_equal(n, 10);
    arena_destroy(small);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_run_is_what_was_reported), TEST(test_usual_is_the_median_of_earlier_runs), TEST(test_lists_go_by_name_and_newest_first),
        TEST(test_who_is_asked_to_end_is_told), TEST(test_output_of_old_runs_is_let_go),
        TEST(test_refusals), TEST(test_lists_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
