/* Names of columns: each once, whatever a model calls its inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "contract/scratch.h"
#include "core/predlog/columns.h"

static const char *taken(struct op *op, struct column_names *n, const char *prefix, struct str name, const char *before, const char *after)
{
    struct str s = STR("");
    if (column_names_take(op, n, prefix, name, before, after, &s))
        fail_msg("%s", op->msg);
    return str_cstr(op->arena, s);
}

static void each_once(void **state)
{
    (void)state;
    struct scratch s;
    struct column_names n;
    scratch_init(&s);
    column_names_init(&s.op, &n);
    assert_string_equal(taken(&s.op, &n, "", STR("Age"), "feature_", ""), "Age");
    assert_string_equal(taken(&s.op, &n, "", STR("age"), "feature_", ""), "feature_age");
    assert_string_equal(taken(&s.op, &n, "", STR("AGE"), "feature_", ""), "feature_AGE_1");
    assert_string_equal(taken(&s.op, &n, "in_", STR("age"), "", "_"), "in_age");
    assert_string_equal(taken(&s.op, &n, "in_", STR("age"), "", "_"), "in_age_");
    assert_string_equal(taken(&s.op, &n, "in_", STR("age__2"), "", "_"), "in_age__2"); /* in the way of the next number */
    assert_string_equal(taken(&s.op, &n, "in_", STR("age"), "", "_"), "in_age__3");
    assert_string_equal(taken(&s.op, &n, "", STR(""), "feature_", ""), "unnamed");
    assert_string_equal(taken(&s.op, &n, "", STR("a\0b"), "", "_"), "a?b");
    assert_string_equal(taken(&s.op, &n, "", STR("a\xff"), "", "_"), "a?");
    char longest[3 * LIMIT_LOG_NAME_BYTES];
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = "\xe2\x82\xac"[i % 3];
    const size_t kept = strlen(taken(&s.op, &n, "", (struct str){longest, sizeof longest}, "", "_"));
    assert_true(kept > LIMIT_LOG_NAME_BYTES - 3 && kept <= LIMIT_LOG_NAME_BYTES && kept % 3 == 0);
    scratch_clear(&s);
}

/* As many as a file can have, all alike: linear work and linear memory. */
static void all_alike(void **state)
{
    (void)state;
    struct scratch s;
    struct column_names n;
    struct map seen;
    scratch_init(&s);
    column_names_init(&s.op, &n);
    map_init(&seen, s.op.arena);
    AUTO(arena) struct arena *small = arena_create(LIMIT_MIB(4));
    struct op op = s.op;
    op.arena = small;
    column_names_init(&op, &n);
    for (int i = 0; i < LIMIT_TABLE_COLUMNS; i++) {
        struct str name;
        assert_int_equal(column_names_take(&op, &n, "", STR("f"), "feature_", "", &name), OK);
        assert_true(!map_has(&seen, name) && map_put(&seen, name, &n));
    }
    assert_true(n.tried <= LIMIT_TABLE_COLUMNS);
    /* An arena that is full is told. */
    enum err e = OK;
    while (!e)
        e = column_names_take(&op, &n, "", STR("a name of some length, so that it ends sooner"), "feature_", "", &(struct str){0});
    assert_int_equal(e, E_TOO_LARGE);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_once), cmocka_unit_test(all_alike)};
    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
