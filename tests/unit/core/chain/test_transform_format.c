/* What a file may not be. Sound ones go to and fro in test_transform_fit.c. */
#include "core/chain/transform_format.h"

#include "chain_fixture.h"

static enum err read(struct op *op, const char *inputs, const char *columns)
{
    struct transform *t = NULL;
    return transform_read(op, str_from(op_printf(op, "{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[%s],\"columns\":[%s]}", inputs, columns)), &t);
}

#define N "{\"name\":\"n\",\"type\":\"number\"}"
#define T "{\"name\":\"t\",\"type\":\"string\"}"

static enum err step(struct op *op, bool text, const char *s)
{
    return read(op, text ? T : N, op_printf(op, "{\"column\":\"%s\",\"steps\":[%s]}", text ? "t" : "n", s));
}

static void test_steps(void **state)
{
    struct op *op = *state;
    static const struct {
        bool text;
        const char *step, *why;
    } bad[] = {
        {false, "7", "not an object"},
        {false, "{\"kind\":\"sort\"}", "kind must be"},
        {false, "{\"kind\":\"impute\"}", "steps[0].value"},
        {true, "{\"kind\":\"impute\",\"value\":\"\"}", "must not be empty"},
        {false, "{\"kind\":\"scale\",\"center\":0,\"scale\":0}", "must not be 0"},
        {false, "{\"kind\":\"scale\",\"center\":0,\"scale\":1,\"mean\":0}", "no member \"mean\""},
        {false, "{\"kind\":\"clip\",\"min\":2,\"max\":1}", "min is above max"},
        {false, "{\"kind\":\"bucketize\",\"edges\":[1]}", "at least 2"},
        {false, "{\"kind\":\"bucketize\",\"edges\":[1,1]}", "must ascend"},
        {true, "{\"kind\":\"onehot\",\"categories\":[\"b\",\"a\"]}", "must ascend"},
        {true, "{\"kind\":\"onehot\",\"categories\":[1]}", "is not a text"},
        {true, "{\"kind\":\"onehot\",\"categories\":[]}", "is empty"},
        {true, "{\"kind\":\"onehot\",\"categories\":[\"a\"],\"unknown\":\"value\"}", "has no unknown \"value\""},
        {true, "{\"kind\":\"ordinal\",\"categories\":[\"a\"],\"unknown\":\"ignore\"}", "has no unknown \"ignore\""},
        {true, "{\"kind\":\"target\",\"categories\":[\"a\"],\"values\":[1,2],\"mean\":0}", "1 categories and 2 values"},
        {true, "{\"kind\":\"target\",\"categories\":[\"a\"],\"values\":[1]}", "steps[0].mean"},
        {true, "{\"kind\":\"hash\",\"buckets\":0}", "buckets"},
        {true, "{\"kind\":\"hash\",\"buckets\":100000}", "buckets"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(op, step(op, bad[i].text, bad[i].step), bad[i].why);
    op_clear(op);
    assert_int_equal(step(op, true, "{\"kind\":\"ordinal\",\"categories\":[\"a\"],\"unknown\":\"value\",\"unknown_value\":null}"), OK);
}

static void test_documents(void **state)
{
    struct op *op = *state;
    struct transform *t = NULL;
    REFUSED(op, transform_read(op, STR("[]"), &t), "not an object");
    REFUSED(op, transform_read(op, STR("{\"format\":\"x\"}"), &t), "not \"ingot.transform\"");
    REFUSED(op, transform_read(op, STR("{\"format\":\"ingot.transform\",\"version\":2}"), &t), "version 2");
    REFUSED(op, transform_read(op, STR("{\"format\":\"ingot.transform\",\"version\":1}"), &t), "inputs must be");
    REFUSED(op, read(op, N, ""), "columns must be");
    REFUSED(op, read(op, N "," N, "{\"column\":\"n\",\"steps\":[]}"), "stands there twice");
    REFUSED(op, read(op, N "," T, "{\"column\":\"n\",\"steps\":[]}"), "an input has no column");
    REFUSED(op, read(op, N, "{\"column\":\"m\",\"steps\":[]}"), "not among the inputs");
    REFUSED(op, read(op, "{\"name\":\"n\",\"type\":\"text\"}", ""), "type must be");
    REFUSED(op, read(op, N, "{\"column\":\"n\"}"), "steps");
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_steps), TEST(test_documents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
