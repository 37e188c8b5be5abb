/* Filters and orders as anyone may write them: no crash, no hang, and what parses can be evaluated. */
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/op.h"
#include "core/track/filter.h"
#include "core/track/run_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    (void)op;
    (void)arg;
    *ret = c->numeric ? filter_test_f64(c, 0.5) != filter_test_i64(c, 7) : filter_test_text(c, STR("some \xe2\x82\xac text"));
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    struct str text = {(const char *)data, size};
    struct filter f;
    struct filter_order o;
    for (int d = FILTER_RUNS; d <= FILTER_LOGGED_MODELS; d++) {
        struct filter_rules rules = run_search_rules;
        bool hit = false;
        rules.dialect = (enum filter_dialect)d;
        if (!filter_parse(&op, &rules, text, &f) && filter_match(&op, &f, clause, NULL, &hit))
            __builtin_trap();
        op_clear(&op);
    }
    if (filter_parse_order(&op, &run_search_rules, text, &o))
        op_clear(&op);
    arena_destroy(op.arena);
    return 0;
}
