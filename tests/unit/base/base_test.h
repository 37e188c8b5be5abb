/* base_test.h - what the unit tests of src/base share. */
#ifndef INGOT_TESTS_BASE_TEST_H
#define INGOT_TESTS_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/op.h"

#define ASSERT_STR(s, c)                                                                           \
    do {                                                                                           \
        struct str got_ = (s), want_ = str_from(c);                                                \
        if (!str_eq(got_, want_))                                                                  \
            fail_msg("got \"%.*s\", want \"%.*s\"", STR_FMT(got_), STR_FMT(want_));                \
    } while (0)

#define ASSERT_OK(op, e)                                                                           \
    do {                                                                                           \
        enum err e_ = (e);                                                                         \
        if (e_)                                                                                    \
            fail_msg("%s: %s", err_name(e_), (op)->msg ? (op)->msg : "no text");                   \
    } while (0)

struct fixture {
    struct arena *arena;
    struct op op;
};

static inline int fixture_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_create((size_t)256 << 20);
    op_init(&f->op, f->arena);
    *state = f;
    return 0;
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_up, fixture_down)

#endif
