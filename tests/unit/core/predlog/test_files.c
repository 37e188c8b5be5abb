/* Logs that are kept as files: what their rows say, page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "contract/scratch.h"
#include "core/payload/store.h"
#include "core/predlog/predlog.h"
#include "sql_gen.h"

static struct scratch s;
static struct db *db;

static int up(void **state)
{
    (void)state;
    scratch_init(&s);
    assert_int_equal(sqlite_open(&s.op, ":memory:", &db), OK);
    return 0;
}

static int down(void **state)
{
    (void)state;
    db_close(db);
    scratch_clear(&s);
    return 0;
}

struct row {
    const struct sql *sql;
    const char *endpoint;
    int64_t at;
    size_t blob_len;
};

static enum err row_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct row *r = arg;
    static char blob[64];
    memset(blob, (int)r->at, sizeof(blob));
    const struct db_val all[] = {DB_TEXT(str_from(r->endpoint)), DB_I64(r->at), DB_I64(r->at + 1), DB_I64(r->at + 2), DB_I64(r->at + 3),
                                 DB_BLOB(((struct str){blob, r->blob_len})), DB_I64(r->at + 4)};
    return db_exec(op, tx, r->sql, all, r->sql == &sql_payload_insert ? 7 : 6, NULL);
}

static void put(const struct sql *sql, const char *endpoint, int64_t at, size_t blob_len)
{
    struct row r = {sql, endpoint, at, blob_len};
    assert_int_equal(db_write(&s.op, db, row_tx, &r), OK);
}

static void both_logs_are_read_alike(void **state)
{
    (void)state;
    static const struct {
        const struct log_files *log;
        const struct sql *insert;
        bool expires;
    } logs[] = {{&predlog_files, &sql_predlog_insert, false}, {&payload_files, &sql_payload_insert, true}};
    for (size_t k = 0; k < ARRAY_LEN(logs); k++) {
        struct log_file *files = NULL, one;
        size_t n = 9;
        assert_int_equal(log_files_list(&s.op, db, logs[k].log, STR("e"), 0, 10, &files, &n), OK);
        assert_int_equal(n, 0);
        for (int64_t i = 1; i <= 5; i++) {
            put(logs[k].insert, "e", 10 * i, 32);
            put(logs[k].insert, "other", 10 * i + 5, 32);
        }
        assert_int_equal(log_files_list(&s.op, db, logs[k].log, STR("e"), 0, 3, &files, &n), OK);
        assert_int_equal(n, 3);
        const int64_t third = files[2].seq;
        assert_true(files[2].start_us == 30 && files[2].end_us == 31 && files[2].rows == 32 && files[2].size_bytes == 33 && files[2].blob.sha256[31] == 30);
        assert_int_equal(files[2].expires_us, logs[k].expires ? 34 : 0);
        assert_int_equal(log_files_list(&s.op, db, logs[k].log, STR("e"), third, 3, &files, &n), OK);
        assert_true(n == 2 && files[0].start_us == 40 && files[1].start_us == 50);
        assert_int_equal(log_files_get(&s.op, db, logs[k].log, STR("e"), third, &one), OK);
        assert_true(one.seq == third && one.start_us == 30 && one.blob.sha256[0] == 30 && one.expires_us == (logs[k].expires ? 34 : 0));
        assert_int_equal(log_files_get(&s.op, db, logs[k].log, STR("other"), third, &one), E_NOT_FOUND);
        assert_non_null(strstr(s.op.msg, logs[k].log->what));
        op_clear(&s.op);
    }
}

static void a_broken_row_is_told(void **state)
{
    (void)state;
    struct log_file *files = NULL, one;
    size_t n = 0;
    put(&sql_payload_insert, "e", 1, 31);
    assert_int_equal(log_files_list(&s.op, db, &payload_files, STR("e"), 0, 3, &files, &n), E_CORRUPT);
    op_clear(&s.op);
    assert_int_equal(log_files_get(&s.op, db, &payload_files, STR("e"), 1, &one), E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(both_logs_are_read_alike, up, down), cmocka_unit_test_setup_teardown(a_broken_row_is_told, up, down)};
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
