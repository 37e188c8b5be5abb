/* Any bytes as a model configuration in protobuf's text format: an error with a text, or a tree that is the same when it is read as JSON, and
 * what it means for an endpoint, or why it cannot be. */
#include "adapter/repository/triton_config.h"
#include "adapter/repository/triton_ensemble.h"
#include "adapter/repository/triton_schema.h"
#include "base/limits.h"
#include "base/pbtxt_json.h"

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
    struct str text = {(const char *)data, size}, graph;
    struct triton_config config;
    struct op op;
    op_init(&op, arena);
    struct json *tree = NULL, *again = NULL;
    enum err e = pbtxt_parse(&op, text, &triton_schema, &tree);
    MUST(e ? (e == E_INVALID || e == E_TOO_LARGE) && op.msg && !tree : tree != NULL);
    if (!e) {
        AUTO(buf) struct buf a;
        AUTO(buf) struct buf b;
        print(&a, tree);
        MUST(pbtxt_of_json(&op, tree, &triton_schema, &again) == OK);
        print(&b, again);
        MUST(str_eq(buf_str(&a), buf_str(&b)));
        e = triton_config_parse(&op, text, STR("m"), STR(""), &config);
        MUST(e ? op.msg != NULL : config.endpoint && config.endpoint->type == JSON_OBJECT);
        if (!e && config.ensemble)
            (void)!triton_ensemble(&op, config.doc, &graph);
    }
    op_clear(&op);
    if (!json_parse(&op, text, JSON_STRICT, &tree)) /* a load request's */
        (void)!triton_config_of_json(&op, tree, STR("m"), STR(""), &config);
    arena_destroy(arena);
    return 0;
}
