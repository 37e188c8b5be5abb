/* oracle.h - reads tests/unit/num/data/x.json (see make_oracle.py) and makes the same series as that script. */
#ifndef INGOT_TESTS_UNIT_NUM_ORACLE_H
#define INGOT_TESTS_UNIT_NUM_ORACLE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"

static inline const struct json *oracle_load(struct op *op, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/unit/num/data/%s", INGOT_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    char *room;
    size_t got;
    while ((room = buf_reserve(&text, 65536)) && (got = fread(room, 1, 65536, f)) > 0)
        text.len += got;
    fclose(f);
    struct json *j = NULL;
    struct str copy = str_dup(op->arena, buf_str(&text));
    buf_clear(&text);
    assert_int_equal(json_parse(op, copy, JSON_STRICT, &j), OK);
    return j;
}

static inline double num_at(const struct json *array, size_t i)
{
    double v = NAN;
    assert_true(array->type == JSON_ARRAY && i < array->len);
    assert_true(json_as_f64(&array->items[i], &v));
    return v;
}

/* The script's `series`, its five parameters as a JSON array; *ret_n values on the heap. */
static inline double *series_make(uint64_t seed, size_t n, uint64_t modulus, double scale, double shift)
{
    double *x = calloc(n, sizeof *x);
    assert_non_null(x);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t u = (i * i * 31 + i * 7919 + seed * 104729) % 65537;
        u = (u * u + 12345 * seed) % 65537;
        x[i] = (double)(u % modulus) * scale + shift;
    }
    return x;
}

static inline double *series_of(const struct json *spec, size_t *ret_n)
{
    *ret_n = (size_t)num_at(spec, 1);
    return series_make((uint64_t)num_at(spec, 0), *ret_n, (uint64_t)num_at(spec, 2), num_at(spec, 3), num_at(spec, 4));
}

/* |got - want| <= rel * |want| (+ abs for values near zero); says what differed. */
static inline void near_rel(const char *what, double got, double want, double rel, double abs_tol)
{
    if (isnan(want) && isnan(got))
        return;
    double off = fabs(got - want);
    if (!(off <= rel * fabs(want) + abs_tol))
        fail_msg("%s: got %.17g, want %.17g, relative error %.3g", what, got, want, off / fabs(want));
}

#endif
