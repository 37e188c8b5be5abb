#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/services.h"
#include "api/system/system.h"
#include "base/op.h"

static bool well(struct services *s)
{
    return s->started_us == 1;
}

/* /health turns 503 when the server can no longer write. */
static void health_tells_the_truth(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create((size_t)1 << 20);
    struct op op;
    op_init(&op, arena);
    for (int ok = 0; ok < 2; ok++) {
        struct services s = {.healthy = well, .started_us = ok};
        struct http_req req = {0};
        struct http_res *res = arena_new(arena, struct http_res);
        res->status = 200;
        buf_init(&res->body, 4096);
        assert_string_equal(system_routes.rows[0].path, "/health");
        assert_int_equal(system_routes.rows[0].handler(&op, &s, &req, res), OK);
        assert_int_equal(res->status, ok ? 200 : 503);
        buf_clear(&res->body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(health_tells_the_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
