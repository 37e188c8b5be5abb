/* fuzz_suite.c - expectation suites: any text gives a suite that binds to a schema and judges a chunk, or an error
 * with a text. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/dataset/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct op *op, const struct suite_item *item)
{
    static const int64_t n[] = {1, -5, INT64_MAX, INT64_MIN}, t[] = {0, 1, 2, 3};
    static const double f[] = {0.0, -1e300, 5, 6};
    static const uint8_t b[] = {0, 1, 1, 0};
    static const struct str s[] = {STR_INIT(""), STR_INIT("ORD"), STR_INIT("a\0b"), STR_INIT("\xc3\xbc")};
    static const uint64_t valid[] = {0xd};
    static struct table_field fields[] = {{STR_INIT("n"), TABLE_I64}, {STR_INIT("f"), TABLE_F64}, {STR_INIT("s"), TABLE_STRING}, {STR_INIT("t"), TABLE_TIMESTAMP}, {STR_INIT("b"), TABLE_BOOL}};
    static struct table_column cols[] = {{TABLE_I64, n, valid}, {TABLE_F64, f, NULL}, {TABLE_STRING, s, NULL}, {TABLE_TIMESTAMP, t, valid}, {TABLE_BOOL, b, NULL}};
    struct table_schema schema = {fields, ARRAY_LEN(fields)};
    struct expectation *x = op_new(op, struct expectation);
    if (expect_bind(op, x, item->kind, item->kwargs, &schema) != OK) {
        if (!op->msg)
            abort();
        op_clear(op);
        return;
    }
    enum err e = expect_chunk(op, x, &(struct table_chunk){4, ARRAY_LEN(cols), cols}, 0);
    if (!e)
        e = expect_finish(op, x, &schema, 4);
    if (x->unexpected > x->elements || x->missing > x->elements)
        abort();
    expect_clear(x);
    op_clear(op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct suite *suite = NULL;
    op_init(&op, arena);
    if (suite_parse(&op, (struct str){(const char *)data, size}, &suite) == OK) {
        for (size_t i = 0; i < suite->len && i < 64; i++)
            judge(&op, &suite->items[i]);
    } else if (!op.msg || !op.err) {
        abort();
    }
    arena_destroy(arena);
    return 0;
}
