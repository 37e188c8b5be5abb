/* test_postgres.c - the object: its URLs, another program's database, reads on connections that have died. tests/contract has the rest. */
#include "adapter/postgres/postgres.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/thread.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"
#include "sql_gen.h"

static const struct sql_migration schema[] = {{1, "t", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"}};
static const struct sql add = {.name = "add", .text = "INSERT INTO t (n) VALUES (?1)", .id = -1},
                        count = {.name = "count", .text = "SELECT count(*) FROM t", .id = -1},
                        pid = {.name = "pid", .text = "SELECT pg_backend_pid()", .id = -1},
                        nap = {.name = "nap", .text = "SELECT count(*) FROM (SELECT pg_sleep(0.2)) s", .id = -1};

struct fixture {
    struct scratch s;
    char *url;
    struct db *db;
};

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->s.op.msg ? f->s.op.msg : "", err_name(want));
    assert_int_equal(got, want);
    op_clear(&f->s.op);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    f->url = pgserver_schema_url(&f->s.op, f->s.dir);
    *state = f;
    expect(f, postgres_open_with(&f->s.op, f->url, schema, 1, &f->db), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static enum err add_fn(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &add, DB_ARGS(DB_I64(*(int64_t *)arg)), NULL);
}

static enum err one_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v;
    return db_query_one(op, tx, arg, DB_NO_ARGS, &v, 1);
}

static enum err count_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &count, DB_NO_ARGS, &v, 1);
    *(int64_t *)arg = e ? -1 : v.i;
    return e;
}

static void urls_are_checked(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    static const char *const bad[] = {"", "mysql://x", "host=localhost", "postgresql://h/d?nonsense=1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect(f, postgres_open(&f->s.op, bad[i], &db), E_INVALID);
    assert_true(postgres_is_url(STR("postgres://h/d")));
    assert_false(postgres_is_url(STR("sqlite:///x")));
    expect(f, postgres_open(&f->s.op, "postgresql://127.0.0.1:1/d", &db), E_IO);
    const char *text = NULL;
    expect(f, postgres_probe(&f->s.op, f->url, &text), OK);
    assert_non_null(strstr(text, "PostgreSQL 1"));
}

static void another_programs_database_is_only_read(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    int64_t n = 7;
    expect(f, db_write(&f->s.op, f->db, add_fn, &n), OK);
    expect(f, postgres_open_foreign(&f->s.op, f->url, &db), OK);
    expect(f, db_read(&f->s.op, db, count_fn, &n), OK);
    assert_int_equal(n, 1);
    expect(f, db_write(&f->s.op, db, add_fn, &n), E_UNSUPPORTED);
    expect(f, db_read(&f->s.op, db, add_fn, &n), E_INTERNAL);
    db_close(db);
}

static void reads_find_a_new_connection_when_theirs_has_died(void **state)
{
    struct fixture *f = *state;
    int64_t n = -1;
    for (int i = 0; i < 3; i++) {
        expect(f, db_read(&f->s.op, f->db, count_fn, &n), OK);
        assert_true(pgserver_sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                 "AND application_name = 'ingot' AND state = 'idle'", NULL));
    }
    expect(f, db_read(&f->s.op, f->db, count_fn, &n), OK);
    assert_int_equal(n, 0);
    expect(f, db_read(&f->s.op, f->db, one_fn, (void *)(uintptr_t)&pid), OK);
}

static void *napper(void *arg)
{
    struct fixture *f = arg;
    AUTO(arena) struct arena *arena = arena_create(1 << 20);
    struct op op;
    op_init(&op, arena);
    assert_int_equal(db_read(&op, f->db, one_fn, (void *)(uintptr_t)&nap), OK);
    return NULL;
}

/* More readers than connections: they wait for each other, and the pool stays at its size. */
static void the_pool_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { READERS = 2 * LIMIT_DB_POOL + 3 };
    pthread_t threads[READERS];
    char most[16];
    for (int i = 0; i < READERS; i++)
        threads[i] = thread_start("napper", napper, f);
    for (int i = 0; i < READERS; i++)
        thread_join(threads[i]);
    assert_true(pgserver_sql(op_printf(&f->s.op, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ingot' AND query LIKE '%%ROLLBACK%%'"), most));
    int64_t n = 0;
    assert_true(str_parse_i64(str_from(most), &n) && n <= LIMIT_DB_POOL);
    f->s.op.deadline_ms = 1; /* long ago */
    expect(f, db_read(&f->s.op, f->db, count_fn, &n), E_TIMEOUT);
    f->s.op.deadline_ms = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urls_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_programs_database_is_only_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_find_a_new_connection_when_theirs_has_died, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pool_is_bounded, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
