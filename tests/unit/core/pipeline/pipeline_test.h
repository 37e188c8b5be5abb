/* pipeline_test.h - what the tests of src/core/pipeline share: an op and a folder of the test's own. */
#ifndef INGOT_TESTS_PIPELINE_TEST_H
#define INGOT_TESTS_PIPELINE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pipeline/fspath.h"
#include "core/pipeline/workspace.h"

struct fixture {
    struct arena *arena;
    struct op op;
    struct str dir;
};

static inline int fixture_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char name[] = "/tmp/ingot-pipeline-XXXXXX";
    assert_non_null(f);
    assert_non_null(mkdtemp(name));
    f->arena = arena_create((size_t)512 << 20);
    op_init(&f->op, f->arena);
    f->dir = str_dup(f->arena, str_from(name));
    *state = f;
    return 0;
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;
    op_clear(&f->op);
    assert_int_equal(fspath_remove(&f->op, f->dir), OK);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_up, fixture_down)

#define ASSERT_STR(s, c)                                                                           \
    do {                                                                                           \
        struct str got_ = (s), want_ = str_from(c);                                                \
        if (!str_eq(got_, want_))                                                                  \
            fail_msg("got \"%.*s\", want \"%.*s\"", STR_FMT(got_), STR_FMT(want_));                \
    } while (0)

#define ASSERT_OK(f, e)                                                                            \
    do {                                                                                           \
        enum err e_ = (e);                                                                         \
        if (e_)                                                                                    \
            fail_msg("%s: %s", err_name(e_), (f)->op.msg ? (f)->op.msg : "no text");               \
    } while (0)

/* The call fails so, and its text holds `part`; the op is ready for the next call. */
#define ASSERT_FAILS(f, e, want, part)                                                             \
    do {                                                                                           \
        assert_int_equal((e), (want));                                                             \
        if (!(f)->op.msg || !strstr((f)->op.msg, (part)))                                          \
            fail_msg("text \"%s\" lacks \"%s\"", (f)->op.msg ? (f)->op.msg : "", (part));          \
        op_clear(&(f)->op);                                                                        \
    } while (0)

static inline struct str at(struct fixture *f, const char *rel)
{
    return fspath_join(&f->op, f->dir, str_from(rel));
}

static inline struct str put(struct fixture *f, const char *rel, const char *text)
{
    struct str path = at(f, rel);
    ASSERT_OK(f, fspath_make_dirs(&f->op, fspath_parent(path)));
    ASSERT_OK(f, fspath_write(&f->op, path, str_from(text), false));
    return path;
}

static inline struct str get(struct fixture *f, const char *rel)
{
    struct str text;
    ASSERT_OK(f, fspath_read(&f->op, at(f, rel), 1 << 20, &text));
    return text;
}

static inline struct workspace *open_ws(struct fixture *f)
{
    struct workspace *ws;
    ASSERT_OK(f, workspace_open(&f->op, f->dir, false, &ws));
    return ws;
}

#endif
