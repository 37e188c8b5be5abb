/* Every route of ours and of the server is described by one shape, without a mistake in it. That the server keeps to them: tests/e2e/test_openapi.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/native/native.h"
#include "api/native/shapes.h"
#include "api/system/system.h"
#include "base/limits.h"

static int setup(void **state)
{
    struct op *op = calloc(1, sizeof *op);
    op_init(op, arena_create(LIMIT_MIB(16)));
    *state = op;
    return 0;
}

static int teardown(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    free(op);
    return 0;
}

static void assert_good(struct op *op, const char *text, const struct shape_name *known)
{
    struct shape *s = NULL;
    if (text && shape_parse(op, text, known, &s))
        fail_msg("%s: %.60s", op->msg, text);
}

/* Every row of the table is described, by one shape, and every shape is of a row. */
static void assert_described(struct op *op, const struct route_table *t)
{
    size_t shapes = 0;
    for (const struct route_shape *const *table = t->shapes; *table; table++) {
        for (const struct route_shape *s = *table; s->handler; s++, shapes++) {
            size_t uses = 0;
            for (size_t i = 0; i < t->len; i++)
                uses += t->rows[i].handler == s->handler;
            if (!uses)
                fail_msg("%s: shape %zu of a handler that no row names", t->dialect, shapes);
            assert_good(op, s->query, t->names);
            assert_good(op, s->body, t->names);
            assert_good(op, s->answer, t->names);
            assert_true(s->answer || s->type);
        }
    }
    for (size_t i = 0; i < t->len; i++) {
        size_t said = 0;
        for (const struct route_shape *const *table = t->shapes; *table; table++)
            for (const struct route_shape *s = *table; s->handler; s++)
                said += s->handler == t->rows[i].handler;
        if (said != 1)
            fail_msg("%s %s has %zu shapes: see shapes_*.c", t->rows[i].method, t->rows[i].path, said);
    }
    for (const struct shape_name *n = t->names; n && n->name; n++)
        assert_good(op, n->text, t->names);
}

static void ours(void **state)
{
    assert_described(*state, &native_routes);
}

static void the_server(void **state)
{
    assert_described(*state, &system_routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ours, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
