/* How an endpoint's requests are run: what is said, what holds otherwise, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/policy.h"

static enum err parse(struct op *op, const char *text, struct serve_policy *p)
{
    struct json *doc = NULL;
    if (json_parse(op, str_from(text), JSON_STRICT, &doc) != OK)
        fail_msg("%s", op->msg);
    return serve_policy_parse(op, doc, p);
}

static void test_policy(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct serve_policy p;
    op_init(&op, a);
    assert_int_equal(parse(&op, "{}", &p), OK);
    assert_true(!p.batch.max_size && p.batch.max_delay_us == 2000 && p.queue.max_size == LIMIT_SERVE_QUEUE_DEFAULT && !p.queue.levels);
    assert_true(!p.queue.patience[0].delay && !p.queue.patience[0].timeout_us && p.queue.patience[16].override && !p.batch.max_rows && !p.cache_bytes && p.warmup.count == 8 && !p.warmup.random);
    assert_true(!p.concurrency && p.inline_ns == LIMIT_SERVE_INLINE_NS && !p.memory_max_bytes);
    assert_int_equal(parse(&op, "{\"batch\":{\"max_size\":32,\"max_rows\":64,\"max_delay_us\":500,\"preferred\":[8,16]},"
                                "\"queue\":{\"max_queue_size\":9,\"max_queue_bytes\":77,\"priority_levels\":5,\"default_queue_policy\":{\"timeout_action\":\"DELAY\","
                                "\"default_timeout_microseconds\":700,\"allow_timeout_override\":false},\"priority_queue_policy\":{\"2\":{\"default_timeout_microseconds\":5}}},"
                                "\"cache\":{\"max_bytes\":1000},\"warmup\":{\"count\":3,\"sample\":\"random\",\"shapes\":{\"x\":[1,3]}},"
                                "\"concurrency\":2,\"inline_us\":0,\"memory_max_bytes\":77}", &p), OK);
    assert_true(p.batch.max_size == 32 && p.batch.max_delay_us == 500 && p.batch.preferred_len == 2 && p.batch.preferred[1] == 16);
    assert_true(p.queue.max_size == 9 && p.queue.max_bytes == 77 && p.queue.levels == 5 && p.queue.default_level == 3 && p.queue.patience[3].delay && p.queue.patience[3].timeout_us == 700);
    assert_true(!p.queue.patience[2].delay && p.queue.patience[2].timeout_us == 5 && p.batch.max_rows == 64);
    assert_true(!p.queue.patience[0].override && p.cache_bytes == 1000 && p.warmup.count == 3 && p.warmup.random && p.warmup.shapes);
    assert_true(p.concurrency == 2 && p.inline_ns == 0 && p.memory_max_bytes == 77);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"batch\":1}", "batch"},
        {"{\"batch\":{\"size\":1}}", "\"size\""},
        {"{\"batch\":{\"max_size\":-1}}", "batch.max_size"},
        {"{\"batch\":{\"max_size\":1.5}}", "batch.max_size"},
        {"{\"batch\":{\"max_size\":100000}}", "4096"},
        {"{\"batch\":{\"preferred\":[8,8]}}", "ascending"},
        {"{\"batch\":{\"max_size\":4,\"preferred\":[8]}}", "max_size"},
        {"{\"batch\":{\"preferred\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}", "at most 16"},
        {"{\"queue\":{\"max_queue_size\":0}}", "queue.max_queue_size"},
        {"{\"queue\":{\"max_queue_bytes\":0}}", "queue.max_queue_bytes"},
        {"{\"queue\":{\"priority_levels\":17}}", "priority_levels"},
        {"{\"queue\":{\"priority_levels\":2,\"default_priority_level\":3}}", "default_priority_level"},
        {"{\"queue\":{\"default_queue_policy\":{\"timeout_action\":\"WAIT\"}}}", "REJECT or DELAY"},
        {"{\"queue\":{\"default_queue_policy\":{\"timeout\":1}}}", "\"timeout\""},
        {"{\"queue\":{\"default_queue_policy\":{\"default_timeout_microseconds\":-1}}}", "default_timeout_microseconds"},
        {"{\"queue\":{\"priority_levels\":2,\"priority_queue_policy\":{\"3\":{}}}}", "none of the priorities"},
        {"{\"queue\":{\"priority_levels\":2,\"priority_queue_policy\":{\"1\":{\"x\":1}}}}", "\"x\""},
        {"{\"queue\":{\"priority_queue_policy\":[]}}", "not an object"},
        {"{\"cache\":{\"bytes\":1}}", "\"bytes\""},
        {"{\"cache\":{\"max_bytes\":\"1\"}}", "cache.max_bytes"},
        {"{\"warmup\":{\"sample\":\"ones\"}}", "warmup.sample"},
        {"{\"warmup\":{\"shapes\":{\"x\":[0]}}}", "\"x\""},
        {"{\"warmup\":{\"shapes\":[]}}", "warmup.shapes"},
        {"{\"concurrency\":65}", "concurrency"},
        {"{\"inline_us\":-1}", "inline_us"},
        {"{\"memory_max_bytes\":\"2G\"}", "memory_max_bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct serve_policy p;
        op_init(&op, a);
        enum err e = parse(&op, cases[i].text, &p);
        if (e != E_INVALID || !strstr(op.msg, cases[i].want))
            fail_msg("%s: %s \"%s\"", cases[i].text, err_name(e), e ? op.msg : "");
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_policy), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
