/* The format "ingot-linear": what is written reads back bit for bit; what is wrong is named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "port/linear_format.h"

static const struct str names[] = {STR_INIT("a"), STR_INIT("b \"x\""), STR_INIT("c")};
static const double mean[] = {0.1, -1e300, 5e-324}, scale[] = {1, 1e300, 0.30000000000000004}, weight[] = {-0.0, 1.0 / 3, 1e-300};

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct buf b;
    op_init(&op, a);
    buf_init(&b, LIMIT_MIB(1));
    linear_format(&(struct linear_weights){3, names, mean, scale, weight, -1.5}, &b);
    assert_true(linear_accepts(buf_str(&b)));
    struct linear_weights w;
    assert_int_equal(linear_parse(&op, a, buf_str(&b), &w), OK);
    assert_int_equal(w.features, 3);
    assert_memory_equal(w.mean, mean, sizeof(mean));
    assert_memory_equal(w.scale, scale, sizeof(scale));
    assert_memory_equal(w.weight, weight, sizeof(weight));
    assert_true(w.bias == -1.5);
    assert_true(str_eq(w.names[1], names[1]));
    buf_clear(&b);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"format\":\"ingot-linear\",\"version\":2,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1],\"weight\":[1],\"bias\":0}", "version"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"other\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1],\"weight\":[1],\"bias\":0}", "objective"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[],\"mean\":[],\"scale\":[],\"weight\":[],\"bias\":0}", "features"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"a\"],\"mean\":[0,0],\"scale\":[1,1],\"weight\":[1,1],\"bias\":0}", "twice"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0,1],\"scale\":[1],\"weight\":[1],\"bias\":0}", "mean"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[\"0\"],\"scale\":[1],\"weight\":[1],\"bias\":0}", "mean[0]"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[0],\"weight\":[1],\"bias\":0}", "scale[0]"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[-1],\"weight\":[1],\"bias\":0}", "scale[0]"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1e-308],\"weight\":[1e308],\"bias\":0}", "overflows"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1],\"weight\":[NaN],\"bias\":0}", ""},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1],\"weight\":[1],\"bias\":0,\"more\":1}", "members"},
        {"{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"\"],\"mean\":[0],\"scale\":[1],\"weight\":[1],\"bias\":0}", "names[0]"},
        {"{\"format\":\"ingot-linear\"}", "version"},
        {"[\"ingot-linear\"]", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct linear_weights w;
        op_init(&op, a);
        enum err e = linear_parse(&op, a, str_from(cases[i].text), &w);
        if ((e != E_INVALID && e != E_TOO_LARGE) || !strstr(op.msg, cases[i].want))
            fail_msg("case %zu: %s \"%s\"", i, err_name(e), e ? op.msg : "");
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("linear_format", tests, NULL, NULL);
}
