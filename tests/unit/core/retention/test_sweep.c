#include "core/retention/sweep.h"

#include <pthread.h>

#include <sqlite3.h>

#include "adapter/mem/mem.h"
#include "base/time.h"
#include "core/track/artifact.h"
#include "unit/core/track/fixture.h"

static void what_nobody_names_goes_after_the_grace(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct blob_store *blobs = mem_blobs_create(0);
    struct blob_id named, orphan;
    struct sweep_report r;
    struct str bytes;
    assert_ok(op, blob_put(op, blobs, STR("named"), &named));
    assert_ok(op, blob_put(op, blobs, STR("orphan!"), &orphan));
    assert_ok(op, artifact_put(op, f->db, STR("a/b"), &named, 5));
    assert_ok(op, artifact_put(op, f->db, STR("a/c"), &named, 5));
    assert_ok(op, sweep_run(op, f->db, blobs, 3600000000, false, &r));
    assert_true(r.blobs == 2 && r.bytes == 12 && r.swept == 0 && r.names == 2 && r.logical_bytes == 10);
    op->now_us += 7200000000;
    assert_ok(op, sweep_run(op, f->db, blobs, 3600000000, true, &r));
    assert_true(r.swept == 1 && r.swept_bytes == 7);
    assert_ok(op, blob_get(op, blobs, &orphan, 100, &bytes));
    assert_ok(op, sweep_run(op, f->db, blobs, 3600000000, false, &r));
    assert_int_equal(r.swept, 1);
    assert_fails(op, blob_get(op, blobs, &orphan, 100, &bytes), E_NOT_FOUND, "");
    assert_ok(op, blob_get(op, blobs, &named, 100, &bytes));
    assert_ok(op, artifact_delete(op, f->db, STR("a")));
    assert_ok(op, sweep_run(op, f->db, blobs, 3600000000, false, &r));
    assert_true(r.swept == 1 && r.blobs == 1);
    blob_store_close(blobs);
}

/* Columns of type BLOB that hold something else. */
static const char *const others[] = {"audit.prev_hash",       "audit.hash",
                                     "feature_push.events",   "track_console_piece.bytes",
                                     "webhook.secret",        "track_series.tail",
                                     "track_chunk.data",      "rollout.units",
                                     "rollout_journal.bytes", NULL};

static bool listed(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list;
}

/* A table that comes to name blobs must be asked before their bytes are taken away. */
static void every_column_that_could_name_a_blob_is_known(void **state UNUSED)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *columns = NULL;
    size_t known = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int i = 0; i < sql_migration_count; i++)
        assert_int_equal(sqlite3_exec(db, sql_migrations[i].text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
                           "WHERE t.type = 'table' AND c.type = 'BLOB'",
                           -1, &columns, NULL),
        SQLITE_OK);
    while (sqlite3_step(columns) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(columns, 0);
        known += listed(sweep_columns, name);
        if (!listed(sweep_columns, name) && !listed(others, name))
            fail_msg("does %s name blobs? Then core/retention/sweep.c must ask it; else it belongs into this "
                     "test's list",
                     name);
    }
    sqlite3_finalize(columns);
    sqlite3_close(db);
    size_t n = 0;
    while (sweep_columns[n])
        n++;
    assert_int_equal(known, n);
}

#define GRACE_US 20000

struct storm {
    struct fixture *f;
    struct blob_store *blobs;
    bool stop;
    int64_t stored;
};

/* Stores one of a thousand contents, names it, unnames it, again and again: each comes back when the grace has passed. */
static void *uploader(void *arg)
{
    struct storm *s = arg;
    for (int i = 0; i < 3000; i++) {
        struct arena *arena = arena_create(LIMIT_MIB(8));
        struct op op;
        struct blob_id id;
        struct str bytes, content, name;
        op_init(&op, arena);
        content = str_from(op_printf(&op, "content %d", i % 1000));
        name = str_from(op_printf(&op, "x/%d", i % 3));
        int64_t start_ms = time_mono_ms();
        if (blob_put(&op, s->blobs, content, &id) || artifact_put(&op, s->f->db, name, &id, content.len))
            fail_msg("%s", op.msg);
        bool in_time = time_mono_ms() - start_ms < GRACE_US / 2000;
        /* Who needs longer than the grace has no promise; on a busy machine that happens. */
        if (in_time && blob_get(&op, s->blobs, &id, 100, &bytes))
            fail_msg("%s", op.msg);
        if (artifact_delete(&op, s->f->db, name))
            fail_msg("%s", op.msg);
        arena_destroy(arena);
        s->stored += in_time;
    }
    __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
    return NULL;
}

/* A grace of milliseconds: the harshest that an upload under way may meet. */
static void an_upload_keeps_its_blob_beside_a_sweep(void **state)
{
    struct storm s = {.f = *state, .blobs = mem_blobs_create(0)};
    pthread_t thread;
    int64_t swept = 0;
    assert_int_equal(pthread_create(&thread, NULL, uploader, &s), 0);
    while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE)) {
        struct arena *arena = arena_create(LIMIT_MIB(64));
        struct op op;
        struct sweep_report r;
        op_init(&op, arena);
        assert_ok(&op, sweep_run(&op, s.f->db, s.blobs, GRACE_US, false, &r));
        swept += r.swept;
        arena_destroy(arena);
    }
    pthread_join(thread, NULL);
    assert_true(s.stored > 0);
    assert_true(swept > 0); /* or the two never met */
    blob_store_close(s.blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(what_nobody_names_goes_after_the_grace),
                                       fixture_test(every_column_that_could_name_a_blob_is_known),
                                       fixture_test(an_upload_keeps_its_blob_beside_a_sweep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
