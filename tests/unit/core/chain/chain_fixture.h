/* chain_fixture.h - an operation with an arena, JSON in one line, and files of the repository. */
#ifndef TESTS_CORE_CHAIN_FIXTURE_H
#define TESTS_CORE_CHAIN_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "port/tensor.h"

static inline int chain_setup(void **state)
{
    struct op *op = calloc(1, sizeof(*op));
    op_init(op, arena_create(LIMIT_MIB(256)));
    *state = op;
    return 0;
}

static inline int chain_teardown(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    free(op);
    return 0;
}

static inline struct json *json_of(struct op *op, const char *text)
{
    struct json *j = NULL;
    op_clear(op);
    if (json_parse(op, str_from(text), JSON_STRICT, &j))
        fail_msg("%s: %s", text, op->msg);
    return j;
}

/* A list of numbers; null is NaN. */
static inline size_t numbers_of(struct op *op, const struct json *j, double **ret)
{
    *ret = arena_array(op->arena, (size_t)j->len + 1, double);
    for (size_t i = 0; i < j->len; i++)
        if (!json_as_f64(&j->items[i], *ret + i))
            (*ret)[i] = NAN;
    return j->len;
}

static inline float *floats_of(struct op *op, const struct json *j)
{
    float *f = arena_array(op->arena, (size_t)j->len + 1, float);
    double *d;
    for (size_t i = numbers_of(op, j, &d); i-- > 0;)
        f[i] = (float)d[i];
    return f;
}

static inline const struct json *recorded(struct op *op)
{
    struct str text;
    struct json *j = NULL;
    if (file_read(op, INGOT_SOURCE_DIR "/tests/unit/core/chain/data/sklearn.json", LIMIT_MIB(16), &text) || json_parse(op, text, JSON_STRICT, &j))
        fail_msg("%s", op->msg);
    return j;
}

static inline void near(const char *what, size_t i, double got, double want, double tolerance)
{
    bool same = isnan(want) ? isnan(got) : fabs(got - want) <= tolerance * (1 + fabs(want));
    if (!same)
        fail_msg("%s: value %zu is %.17g, not %.17g", what, i, got, want);
}

static inline struct tensor column(const char *name, enum tensor_type type, size_t n, const void *data)
{
    struct tensor t = {.name = str_from(name), .type = type, .rank = 1, .shape = {(int64_t)n}, .count = n};
    t.data = type == TENSOR_BYTES ? NULL : data;
    t.texts = type == TENSOR_BYTES ? data : NULL;
    return t;
}

#define REFUSED(op, call, text) \
    do { \
        op_clear(op); \
        assert_int_not_equal(call, OK); \
        if (!strstr((op)->msg, text)) \
            fail_msg("\"%s\" has no \"%s\"", (op)->msg, text); \
    } while (0)
#define TEST(f) cmocka_unit_test_setup_teardown(f, chain_setup, chain_teardown)

#endif
