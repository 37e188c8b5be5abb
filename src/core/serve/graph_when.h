/* graph_when.h - conditions in a graph of models: does a value of a tensor, or a parameter of the request, fit? Private to core/serve.
 *
 *     {"tensor": "segment", "op": "==", "value": "gold"}
 *     {"tensor": "amount", "op": ">", "value": 1000, "rows": "any"}
 *     {"parameter": "country", "op": "in", "value": ["DE", "AT"]}
 *
 * Tests: == != < <= > >= in "not in" present absent (the last two take no value). Numbers are compared as numbers, texts byte by byte,
 * booleans with == and !=; a value of another kind fits nothing but != and "not in". A constant is rounded to FP32 before it meets one. A
 * tensor or parameter that is not there fits "absent" only. Of a tensor with several values all or none must fit, else the request is
 * refused: its rows do not belong together. "rows": "any" or "all" says what holds instead.
 * Plain values; what is parsed borrows from the JSON. Threads: any. */
#ifndef INGOT_CORE_SERVE_GRAPH_WHEN_H
#define INGOT_CORE_SERVE_GRAPH_WHEN_H

#include "base/json.h"
#include "port/tensor.h"

enum graph_test { WHEN_EQ, WHEN_NE, WHEN_LT, WHEN_LE, WHEN_GT, WHEN_GE, WHEN_IN, WHEN_NOT_IN, WHEN_PRESENT, WHEN_ABSENT, WHEN_TEST_COUNT };
enum graph_rows { WHEN_ROWS_AGREE, WHEN_ROWS_ANY, WHEN_ROWS_ALL };

struct graph_when {
    struct str name;             /* of the tensor or the parameter */
    bool parameter;
    uint16_t tensor;             /* graph.c's: the tensor's place */
    enum graph_test test;
    enum graph_rows rows;
    const struct json *values;   /* what it is compared with */
    size_t value_count;
};
/* One condition. E_INVALID names what is wrong with it. */
MUST_USE enum err graph_when_parse(struct op *op, const struct json *j, struct graph_when *ret);
/* `t` NULL: not there. `params`: the request's. E_INVALID: the rows do not agree. */
MUST_USE enum err graph_when_holds(struct op *op, const struct graph_when *w, const struct tensor *t, const struct json_member *params,
                                   size_t param_count, bool *ret);

#endif
