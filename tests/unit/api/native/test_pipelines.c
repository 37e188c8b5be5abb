/* Reports of pipelines whose body leaves no memory: an answer, whatever did not fit. */
#include "unit/core/track/fixture.h"

#include "api/native/native.h"
#include "api/services.h"

typedef enum err (*handler)(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

/* With every size of arena from one in which nothing fits to one in which all does. */
static void ask_in_little_memory(struct fixture *f, handler fn, struct str body)
{
    struct services s = {.db = f->db};
    bool refused = false;
    for (size_t size = LIMIT_KIB(16); size < LIMIT_KIB(512); size += LIMIT_KIB(2)) {
        AUTO(arena) struct arena *arena = arena_create(size);
        struct op op;
        struct http_req req = {.body = body, .path_args = {STR("1")}, .path_arg_count = 1};
        struct http_res res = {.status = 200, .body = {0}};
        op_init(&op, arena);
        buf_init(&res.body, LIMIT_MIB(1));
        enum err e = fn(&op, &s, &req, &res);
        refused = refused || e == E_TOO_LARGE;
        assert_true(e == E_TOO_LARGE || (refused && e != E_INVALID));
        buf_clear(&res.body);
    }
}

static void bodies_that_fill_the_arena(void **state)
{
    struct fixture *f = *state;
    AUTO(buf) struct buf begin, update;
    buf_init(&begin, LIMIT_MIB(1));
    buf_init(&update, LIMIT_MIB(1));
    buf_add_cstr(&begin, "{\"pipeline\":\"p\",\"stages\":[");
    buf_add_cstr(&update, "{\"stages\":[");
    for (int i = 0; i < LIMIT_JOURNAL_STAGES; i++) {
        buf_addf(&begin, "%s{\"name\":\"s%d\"}", i ? "," : "", i);
        buf_addf(&update, "%s{\"place\":%d,\"state\":\"running\"}", i ? "," : "", i);
    }
    buf_add_cstr(&begin, "]}");
    buf_add_cstr(&update, "]}");
    ask_in_little_memory(f, native_pipeline_run_report, buf_str(&update));
    ask_in_little_memory(f, native_pipeline_run_begin, buf_str(&begin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(bodies_that_fill_the_arena)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
