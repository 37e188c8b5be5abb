/* Pages of Parquet files as JSON: what stands in them, what is cut, and what is told of files that are none. */
#include "base/json.h"
#include "core/dataset/peek.h"

#include "data_fixture.h"

static struct str page(struct data *f, struct buf *b, int64_t offset, int64_t limit)
{
    struct json_out w;
    b->len = 0;
    json_out_init(&w, b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    must(f, dataset_peek(&f->op, f->tables, str_from(f->path), offset, limit, &w));
    return buf_str(b);
}

static void rows_of_a_file(void **state)
{
    struct data *f = *state;
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(8));
    data_write(f, "SELECT i AS n, i / 2.0 AS x, CASE WHEN i = 1 THEN NULL ELSE 'é' || i END AS s, i % 2 = 0 AS b, TIMESTAMP '2026-01-02 03:04:05' AS t "
                     "FROM range(5) r(i)");
    assert_string_equal(str_cstr(f->arena, page(f, &b, 1, 2)),
                        "{\"total\":5,\"offset\":1,\"all_columns\":5,\"columns\":[{\"name\":\"n\",\"type\":\"BIGINT\"},{\"name\":\"x\",\"type\":\"DOUBLE\"},"
                        "{\"name\":\"s\",\"type\":\"VARCHAR\"},{\"name\":\"b\",\"type\":\"BOOLEAN\"},{\"name\":\"t\",\"type\":\"TIMESTAMP\"}],"
                        "\"rows\":[[1,0.5,null,false,\"2026-01-02T03:04:05Z\"],[2,1.0,\"é2\",true,\"2026-01-02T03:04:05Z\"]]}");
}

static void long_texts_are_cut(void **state)
{
    struct data *f = *state;
    AUTO(buf) struct buf b;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(8));
    data_write(f, "SELECT 'x' || repeat('é', 3000) AS s");
    must(f, json_parse(&f->op, page(f, &b, 0, 1), 0, &j));
    struct str s = json_get(j, "rows")->items[0].items[0].s;
    assert_int_equal(s.len, LIMIT_ROWS_TEXT - 1); /* no half of a letter */
}

static void what_is_no_file_of_rows(void **state)
{
    struct data *f = *state;
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 0);
    FILE *file = fopen(f->path, "we");
    fputs("PAR1 is what it begins with", file);
    fclose(file);
    assert_int_equal(dataset_peek(&f->op, f->tables, str_from(f->path), 0, 1, &w), E_INVALID);
    assert_null(strstr(f->op.msg, f->path)); /* where it lies is nobody's business */
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, data_setup, data_teardown)
    const struct CMUnitTest tests[] = {TEST(rows_of_a_file), TEST(long_texts_are_cut), TEST(what_is_no_file_of_rows)};
    return cmocka_run_group_tests_name("peek", tests, NULL, NULL);
}
