/* The two JSON parsers must agree on any bytes; a tree that was read is written and read again unchanged, as JSON and as YAML. */
#include "base/json_parse.h"
#include "base/limits.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(struct buf *b, const struct json *j)
{
    struct json_out w;
    buf_init(b, LIMIT_MIB(64));
    json_out_init(&w, b, 0);
    w.nonfinite = JSON_NONFINITE_BARE;
    json_value(&w, j);
    MUST(!b->failed);
}

static void must_be_equal(const struct json *x, const struct json *y)
{
    AUTO(buf) struct buf a;
    AUTO(buf) struct buf b;
    print(&a, x);
    print(&b, y);
    MUST(str_eq(buf_str(&a), buf_str(&b)));
}

/* What only the exact parser reads: integers of 19 digits and more, and Python's constants. */
static bool beyond_simdjson(struct str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        digits = text.p[i] >= '0' && text.p[i] <= '9' ? digits + 1 : 0;
        if (digits >= 19 || text.p[i] == 'N' || text.p[i] == 'I')
            return true;
    }
    return false;
}

static void written_reads_back(struct op *op, const struct json *tree)
{
    AUTO(buf) struct buf text;
    AUTO(buf) struct buf yaml;
    AUTO(buf) struct buf python;
    struct json *back = NULL;
    print(&text, tree);
    MUST(json_parse(op, buf_str(&text), JSON_NAN, &back) == OK);
    must_be_equal(tree, back);
    buf_init(&yaml, LIMIT_MIB(64));
    yaml_write(&yaml, tree);
    MUST(!yaml.failed && yaml_parse(op, buf_str(&yaml), &back) == OK);
    must_be_equal(tree, back);
    buf_init(&python, LIMIT_MIB(64));
    json_dumps_python(&python, tree, true);
    MUST(!python.failed && json_parse(op, buf_str(&python), JSON_NAN, &back) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    if (size == 0)
        return 0;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    for (unsigned flags = 0; flags < 8; flags++) {
        struct op op;
        op_init(&op, arena);
        struct json *fast = NULL, *exact = NULL;
        MUST(json_parse_fast(&op, text, flags, &fast) == OK);
        enum err e = json_parse_exact(&op, text, flags, &exact);
        MUST(e == OK || (e == E_INVALID && op.msg));
        MUST(!fast || e == OK);
        MUST(e || fast || beyond_simdjson(text));
        op_clear(&op);
        if (fast)
            must_be_equal(fast, exact);
        if (!e && !(flags & JSON_PACK))
            written_reads_back(&op, exact);
        arena_reset(arena);
    }
    arena_destroy(arena);
    return 0;
}
