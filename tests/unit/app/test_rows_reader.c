/* Pages of uploaded files, read in a process of their own: the same rows, and files that are after its life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/backends.h"
#include "app/rows_reader.h"
#include "base/file.h"
#include "base/limits.h"
#include "contract/scratch.h"

#ifdef INGOT_WITH_DUCKDB
static enum err page(struct scratch *s, const char *path, int64_t offset, int64_t limit, struct buf *b)
{
    op_clear(&s->op);
    b->len = 0;
    return rows_reader_read(&s->op, str_from(path), offset, limit, b);
}

static void make(struct scratch *s, const char *path, const char *sql)
{
    AUTO(table_engine) struct table_engine *t = NULL;
    struct frame *f = NULL;
    if (backend_tables_open(&s->op, &t) || frame_load(&s->op, t, str_from(sql), LIMIT_MIB(64), &f) || frame_save(&s->op, t, f, str_from(path)))
        fail_msg("%s", s->op.msg);
    frame_destroy(f);
}

static void test_pages(void **state)
{
    (void)state;
    struct scratch s;
    AUTO(buf) struct buf b;
    scratch_init(&s);
    buf_init(&b, LIMIT_MIB(32));
    const char *path = scratch_path(&s, "it's [a] file*.parquet");
    make(&s, path, "SELECT i AS n FROM range(10) r(i)");
    if (page(&s, path, 3, 2, &b))
        fail_msg("%s", s.op.msg);
    assert_string_equal(str_cstr(s.op.arena, buf_str(&b)), "{\"total\":10,\"offset\":3,\"all_columns\":1,\"columns\":[{\"name\":\"n\",\"type\":\"BIGINT\"}],"
                                                           "\"rows\":[[3],[4]]}");
    assert_int_equal(page(&s, scratch_path(&s, "absent"), 0, 1, &b), E_NOT_FOUND);
    scratch_clear(&s);
}

/* A small file of many megabytes: 200 columns of one long text. */
static void test_swollen(void **state)
{
    (void)state;
    struct scratch s;
    AUTO(buf) struct buf b, sql;
    scratch_init(&s);
    buf_init(&b, LIMIT_MIB(32));
    buf_init(&sql, LIMIT_KIB(64));
    buf_add_cstr(&sql, "SELECT 'x'");
    for (int i = 0; i < 200; i++)
        buf_addf(&sql, ", s AS c%d", i);
    buf_add_cstr(&sql, " FROM (SELECT repeat('long ', 400) AS s FROM range(100))");
    buf_add_char(&sql, 0);
    const char *path = scratch_path(&s, "swollen.parquet");
    make(&s, path, sql.p);
    assert_int_equal(page(&s, path, 0, 100, &b), E_TOO_LARGE);
    assert_int_equal(page(&s, path, 0, 10, &b), OK);
    scratch_clear(&s);
}

/* Bytes of a good file are turned, one at a time: whatever its reader does with them, this process gets an answer. */
static void test_broken(void **state)
{
    (void)state;
    struct scratch s;
    AUTO(buf) struct buf b;
    struct str bytes;
    scratch_init(&s);
    buf_init(&b, LIMIT_MIB(32));
    const char *good = scratch_path(&s, "good.parquet"), *bad = scratch_path(&s, "bad.parquet");
    make(&s, good, "SELECT i AS n, 'text ' || (i % 7) AS s FROM range(3000) r(i)");
    assert_int_equal(file_read(&s.op, good, LIMIT_MIB(1), &bytes), OK);
    for (size_t i = 1; i <= 12; i++) {
        char *turned = arena_alloc(s.op.arena, bytes.len);
        memcpy(turned, bytes.p, bytes.len);
        size_t at = bytes.len - 8 - i * 9; /* in the description at the end */
        turned[at] = (char)(turned[at] ^ 0x7f);
        assert_int_equal(file_write(&s.op, bad, (struct str){turned, bytes.len}), OK);
        enum err e = page(&s, bad, 0, 50, &b);
        assert_true(e == OK || e == E_INVALID || e == E_TOO_LARGE);
        if (e)
            assert_null(strstr(s.op.msg, "/proc/"));
    }
    assert_int_equal(file_write(&s.op, bad, str_sub(bytes, 0, bytes.len / 2)), OK);
    assert_int_equal(page(&s, bad, 0, 50, &b), E_INVALID);
    assert_int_equal(page(&s, good, 0, 50, &b), OK);
    scratch_clear(&s);
}
#else
static void test_pages(void **state)
{
    (void)state;
    print_message("needs DuckDB\n");
    skip();
}
#define test_swollen test_pages
#define test_broken test_pages
#endif

int main(int argc, char **argv)
{
    if (errand_is(argc, argv))
        return errand_main(argc, argv, backend_errands);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages), cmocka_unit_test(test_swollen), cmocka_unit_test(test_broken)};
    return cmocka_run_group_tests_name("rows_reader", tests, NULL, NULL);
}
