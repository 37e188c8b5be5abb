/* Any bytes as YAML: an error with a text, or a tree that is written and read again unchanged. */
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct json *tree = NULL, *back = NULL;
    enum err e = yaml_parse(&op, (struct str){(const char *)data, size}, &tree);
    MUST(e == OK ? tree != NULL : e == E_INVALID && op.msg && !tree);
    if (!e) {
        AUTO(buf) struct buf yaml;
        AUTO(buf) struct buf a;
        AUTO(buf) struct buf b;
        buf_init(&yaml, LIMIT_MIB(16));
        yaml_write(&yaml, tree);
        print(&a, tree);
        /* An alias bomb below the node limit may be long when written out. */
        if (!yaml.failed && !a.failed) {
            MUST(yaml_parse(&op, buf_str(&yaml), &back) == OK);
            print(&b, back);
            MUST(str_eq(buf_str(&a), buf_str(&b)));
        } else {
            buf_init(&b, 1);
        }
    }
    arena_destroy(arena);
    return 0;
}
