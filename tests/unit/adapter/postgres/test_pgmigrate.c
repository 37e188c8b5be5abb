/* test_pgmigrate.c - schemas come about once, whole or not at all, and what the audit log refuses is refused here too. */
#include "adapter/postgres/pgmigrate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/thread.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    char *url;
    const char *schema;
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
    f->schema = strrchr(f->s.dir, '/') + 1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scratch_clear(&f->s);
    free(f);
    return 0;
}

/* One value from the schema under test; `text` has one %s for its name. */
static const char *ask(struct fixture *f, const char *before, const char *after)
{
    static char out[16];
    assert_true(pgserver_sql(op_printf(&f->s.op, "SET search_path = \"%s\"; %s%s", f->schema, before, after), out));
    return out;
}

static void a_failed_migration_leaves_the_one_before(void **state)
{
    struct fixture *f = *state;
    const struct sql_migration good[] = {{1, "one", "CREATE TABLE a (n INTEGER); INSERT INTO a (n) VALUES (5000000000);"}};
    const struct sql_migration bad[] = {good[0], {2, "two", "CREATE TABLE b (n INTEGER); SELEKT;"}};
    const struct sql_migration mended[] = {good[0], {2, "two", "CREATE TABLE b (n INTEGER);"}, {7, "seven", ""}};
    expect(f, pgmigrate_apply(&f->s.op, f->url, good, 1), OK);
    assert_int_equal(pgmigrate_apply(&f->s.op, f->url, bad, 2), E_INTERNAL);
    assert_non_null(strstr(f->s.op.msg, "migration 2 (two)"));
    op_clear(&f->s.op);
    assert_string_equal(ask(f, "SELECT count(*) FROM schema_version", ""), "1");
    assert_string_equal(ask(f, "SELECT to_regclass('b') IS NULL", ""), "t");
    expect(f, pgmigrate_apply(&f->s.op, f->url, mended, 3), OK);
    expect(f, pgmigrate_apply(&f->s.op, f->url, mended, 3), OK);
    assert_string_equal(ask(f, "SELECT n FROM a", ""), "5000000000");
    expect(f, pgmigrate_apply(&f->s.op, f->url, good, 1), E_CONFLICT); /* an older program */
}

struct racer {
    const char *url;
    enum err e;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    AUTO(arena) struct arena *arena = arena_create(1 << 24);
    struct op op;
    op_init(&op, arena);
    r->e = pgmigrate_apply(&op, r->url, sql_postgres_migrations, sql_migration_count);
    if (r->e)
        print_error("%s\n", op.msg);
    return NULL;
}

static void servers_that_start_together_make_one_schema(void **state)
{
    struct fixture *f = *state;
    struct racer racers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){f->url, E_INTERNAL};
        threads[i] = thread_start("racer", race, &racers[i]);
    }
    for (int i = 0; i < 4; i++)
        thread_join(threads[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(racers[i].e, OK);
    assert_string_equal(ask(f, "SELECT count(*) FROM schema_version", ""), op_printf(&f->s.op, "%d", sql_migration_count));
    /* Doubles have all their bits, numbers all 64, texts byte order. */
    assert_string_equal(ask(f, "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND data_type IN ('real', 'integer', 'smallint', 'numeric')", ""), "0");
    assert_string_equal(ask(f, "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' "
                               "AND table_name NOT IN ('schema_version', 'db_writer')", ""), "0");
}

static void the_audit_log_is_never_changed(void **state)
{
    struct fixture *f = *state;
    static const char *const changes[] = {"UPDATE audit SET verb = 'x'", "DELETE FROM audit", "TRUNCATE audit"};
    expect(f, pgmigrate_apply(&f->s.op, f->url, sql_postgres_migrations, sql_migration_count), OK);
    (void)ask(f, "INSERT INTO audit (seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash) "
                 "VALUES (1, 1, '', '', '', '', 1, '{}', '', sha256('a'), sha256('b'))", "");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        assert_false(pgserver_sql(op_printf(&f->s.op, "SET search_path = \"%s\"; %s", f->schema, changes[i]), NULL));
    assert_string_equal(ask(f, "SELECT count(*) FROM audit", ""), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_migration_leaves_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(servers_that_start_together_make_one_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_audit_log_is_never_changed, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
