/* fixture.h - a fresh in-memory database and an op for tests of tracking and registry. */
#ifndef INGOT_TESTS_TRACK_FIXTURE_H
#define INGOT_TESTS_TRACK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "base/limits.h"
#include "base/op.h"
#include "sql_gen.h"

struct fixture {
    struct op op;
    struct db *db;
};

static inline void fixture_ok(struct op *op, enum err e, int line)
{
    if (e)
        fail_msg("line %d: %s: %s", line, err_name(e), op->msg ? op->msg : "no text");
}
#define assert_ok(op, call) fixture_ok((op), (call), __LINE__)
static inline int fixture_open(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    op_init(&f->op, arena_create(LIMIT_MIB(512)));
    assert_ok(&f->op, sqlite_open_with(&f->op, ":memory:", sql_migrations, sql_migration_count, &f->db));
    *state = f;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    arena_destroy(f->op.arena);
    test_free(f);
    return 0;
}

#define fixture_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

/* The call fails with `want` and a text that holds `part`; the failure is cleared. */
#define assert_fails(op, call, want, part)                                                              \
    do {                                                                                                \
        enum err got_ = (call);                                                                         \
        if (got_ != (want) || !(op)->msg || !strstr((op)->msg, (part)))                                 \
            fail_msg("line %d: %s: %s", __LINE__, err_name(got_), (op)->msg ? (op)->msg : "no text");   \
        op_clear(op);                                                                                   \
    } while (0)
#define assert_str(s, lit)                                                                              \
    do {                                                                                                \
        struct str s_ = (s);                                                                            \
        if (!str_eqc(s_, (lit)))                                                                        \
            fail_msg("line %d: '%.*s' is not '%s'", __LINE__, STR_FMT(s_), (lit));                      \
    } while (0)

#endif
