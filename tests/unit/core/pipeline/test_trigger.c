#include "pipeline_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "adapter/local/local_runner.h"
#include "adapter/sqlite/sqlite.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/pipeline/trigger.h"

struct seen {
    struct mutex lock;
    int calls;
    bool ok;
    char json[100], endpoint[40];
};

static void on_done(void *arg, struct op *op, const struct trigger *t, bool ok, struct str json)
{
    struct seen *s = arg;
    (void)op;
    mutex_lock(&s->lock);
    s->calls++;
    s->ok = ok;
    snprintf(s->json, sizeof(s->json), "%.*s", STR_FMT(json));
    snprintf(s->endpoint, sizeof(s->endpoint), "%.*s", STR_FMT(t->endpoint));
    mutex_unlock(&s->lock);
}

static struct seen seen;

static struct db *database(struct fixture *f)
{
    struct db *db;
    ASSERT_OK(f, sqlite_open(&f->op, str_cstr(f->arena, at(f, "db")), &db));
    return db;
}

static struct scheduler *start(struct fixture *f, struct db *db)
{
    struct scheduler *s;
    memset(&seen, 0, sizeof(seen));
    mutex_init(&seen.lock);
    struct scheduler_config config = {.db = db, .runner = local_runner(), .log_dir = at(f, "logs"), .done = on_done, .arg = &seen};
    ASSERT_OK(f, scheduler_create(&f->op, &config, &s));
    return s;
}

static struct trigger shell(struct fixture *f, const char *endpoint, const char *cmd, int64_t time_us)
{
    struct str *argv = arena_alloc(f->arena, 3 * sizeof(*argv));
    argv[0] = STR("/bin/sh");
    argv[1] = STR("-c");
    argv[2] = str_from(cmd);
    return (struct trigger){.endpoint = str_from(endpoint), .reason = STR("{\"psi\": 0.3}"), .workspace = f->dir, .argv = argv, .argc = 3,
                            .on_success = STR("out/registered.json"), .time_us = time_us, .cooldown_us = 7 * TIME_US_PER_DAY};
}

static void settle(struct scheduler *s, const char *endpoint)
{
    for (int i = 0; scheduler_pending(s, str_from(endpoint)); i++) {
        assert_true(i < 1000);
        time_sleep_ms(10);
    }
}

static struct pipeline_run_row last(struct fixture *f, struct scheduler *s)
{
    struct pipeline_run_row *rows;
    size_t n;
    ASSERT_OK(f, scheduler_list(&f->op, s, STR(""), 0, 10, &rows, &n));
    assert_true(n > 0);
    return rows[0];
}

static void a_run_from_trigger_to_result(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id;
    struct trigger t = shell(f, "flights", "mkdir out; echo $EXTRA; echo '{\"version\": 2}' > out/registered.json", 100);
    struct str env = STR("EXTRA=more");
    t.env = &env;
    t.env_len = 1;
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    settle(s, "flights");
    assert_int_equal(seen.calls, 1);
    assert_true(seen.ok);
    assert_string_equal(seen.json, "{\"version\": 2}\n");
    struct pipeline_run_row row = last(f, s);
    assert_int_equal(row.id, id);
    ASSERT_STR(row.state, "succeeded");
    ASSERT_STR(row.reason, "{\"psi\": 0.3}");
    assert_true(row.started_us > 0 && row.ended_us >= row.started_us && row.exit_code == 0 && row.time_us == 100);
    struct str log;
    ASSERT_OK(f, fspath_read(&f->op, row.log_path, 1000, &log));
    ASSERT_STR(log, "more\n");
    struct audit_row *audit;
    size_t n;
    ASSERT_OK(f, audit_list(&f->op, db, &(struct audit_filter){.kind = STR("pipeline_run")}, &audit, &n));
    assert_int_equal(n, 2);
    ASSERT_STR(audit[0].verb, "end");
    assert_true(str_starts(audit[0].detail, STR("{\"pipeline\":\"flights\",\"state\":\"succeeded\",\"code\":0,\"wall_s\":")));
    ASSERT_STR(audit[1].verb, "trigger");
    ASSERT_STR(audit[1].detail, "{\"pipeline\":\"flights\",\"reason\":{\"psi\": 0.3}}");
    scheduler_destroy(s);
    db_close(db);
}

static void a_run_is_told_its_number_and_ended_by_hand(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id, other;
    struct str log;
    struct trigger t = shell(f, "", "echo $INGOT_PIPELINE_RUN; touch began; exec sleep 60", 100), twin = t;
    t.pipeline = twin.pipeline = STR("by hand");
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    ASSERT_FAILS(f, scheduler_submit(&f->op, s, &twin, &other), E_CONFLICT, "not finished"); /* the folder is taken */
    for (int i = 0; i < 1000 && !fspath_exists(&f->op, at(f, "began")); i++)
        time_sleep_ms(10);
    ASSERT_OK(f, scheduler_cancel(&f->op, s, id));
    for (int i = 0; i < 1000 && !last(f, s).ended_us; i++)
        time_sleep_ms(10);
    struct pipeline_run_row row = last(f, s);
    ASSERT_STR(row.state, "cancelled");
    ASSERT_OK(f, fspath_read(&f->op, row.log_path, 1000, &log));
    ASSERT_STR(log, op_printf(&f->op, "%lld\n", (long long)id));
    assert_int_equal(seen.calls, 0); /* nobody wants what it would have made */
    for (int i = 0; i < 1000 && scheduler_cancel(&f->op, s, id) == OK; i++) /* its row is written before its place is free */
        time_sleep_ms(10);
    assert_int_equal(f->op.err, E_NOT_FOUND);
    op_clear(&f->op);
    struct trigger nameless = shell(f, "", "true", 0);
    ASSERT_FAILS(f, scheduler_submit(&f->op, s, &nameless, &other), E_INVALID, "endpoint or a pipeline");
    scheduler_destroy(s);
    db_close(db);
}

static void a_failed_run_and_a_missing_result(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id;
    struct trigger bad = shell(f, "a", "exit 3", 0), empty = shell(f, "b", "true", 0), none = shell(f, "c", "true", 0);
    none.argv = (struct str[]){STR("/no/such/program")};
    none.argc = 1;
    ASSERT_OK(f, scheduler_submit(&f->op, s, &bad, &id));
    settle(s, "a");
    assert_false(seen.ok);
    assert_int_equal(last(f, s).exit_code, 3);
    ASSERT_OK(f, scheduler_submit(&f->op, s, &empty, &id));
    settle(s, "b");
    assert_false(seen.ok);
    ASSERT_STR(last(f, s).state, "failed");
    ASSERT_OK(f, scheduler_submit(&f->op, s, &none, &id));
    settle(s, "c");
    assert_int_equal(seen.calls, 3);
    ASSERT_STR(last(f, s).state, "failed");
    scheduler_destroy(s);
    db_close(db);
}

static void one_at_a_time_and_a_cool_down(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id;
    struct trigger t = shell(f, "e", "sleep 0.3", TIME_US_PER_DAY), other = shell(f, "other", "true", 0);
    t.on_success = STR("");
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    ASSERT_FAILS(f, scheduler_submit(&f->op, s, &t, &id), E_CONFLICT, "not finished");
    ASSERT_OK(f, scheduler_submit(&f->op, s, &other, &id));
    settle(s, "e");
    settle(s, "other");
    t.time_us = 8 * TIME_US_PER_DAY - 1;
    ASSERT_FAILS(f, scheduler_submit(&f->op, s, &t, &id), E_CONFLICT, "cools down until 1970-01-09T00:00:00Z");
    t.time_us++;
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    settle(s, "e");
    assert_int_equal(seen.calls, 3);
    scheduler_destroy(s);
    s = start(f, db); /* the cool-down is in the database */
    ASSERT_FAILS(f, scheduler_submit(&f->op, s, &t, &id), E_CONFLICT, "cools down");
    scheduler_destroy(s);
    db_close(db);
}

static void stopping_cancels_what_runs(void **state)
{
    struct fixture *f = *state;
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id, begin_ms = time_mono_ms();
    struct trigger t = shell(f, "e", "sleep 60", 0);
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    while (!str_eqc(last(f, s).state, "running"))
        time_sleep_ms(5);
    scheduler_destroy(s);
    assert_true(time_mono_ms() - begin_ms < 5000);
    assert_int_equal(seen.calls, 0);
    s = start(f, db);
    ASSERT_STR(last(f, s).state, "cancelled");
    scheduler_destroy(s);
    db_close(db);
}

/* A server that is killed leaves its row open. */
static void open_rows_become_lost(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        struct db *db = database(f);
        struct scheduler *s = start(f, db);
        int64_t id;
        struct trigger t = shell(f, "e", "sleep 1", 0);
        ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
        kill(getpid(), SIGKILL);
    }
    int st;
    assert_int_equal(waitpid(pid, &st, 0), pid);
    assert_true(WIFSIGNALED(st));
    struct db *db = database(f);
    struct scheduler *s = start(f, db);
    int64_t id;
    ASSERT_STR(last(f, s).state, "lost");
    struct trigger t = shell(f, "e", "true", 1); /* a run that came to nothing has no cool-down */
    ASSERT_OK(f, scheduler_submit(&f->op, s, &t, &id));
    settle(s, "e");
    scheduler_destroy(s);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_rows_become_lost), TEST(a_run_from_trigger_to_result), TEST(a_run_is_told_its_number_and_ended_by_hand), TEST(a_failed_run_and_a_missing_result),
        TEST(one_at_a_time_and_a_cool_down), TEST(stopping_cancels_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
