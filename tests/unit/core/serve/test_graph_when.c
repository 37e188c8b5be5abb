/* Conditions by table: tensors of every type, parameters, rows that do not agree, and what is no condition. */
#include <math.h>

#include "core/serve/graph_when.h"
#include "infer_fixture.h"

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(16)));
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

static enum err holds(struct op *op, const char *text, const struct tensor *t, const char *params, bool *ret)
{
    struct json *doc = NULL, *given = NULL;
    struct graph_when w;
    op_clear(op);
    enum err e = json_parse(op, str_from(text), JSON_STRICT, &doc);
    if (!e)
        e = json_parse(op, str_from(params ? params : "{}"), JSON_STRICT, &given);
    if (!e)
        e = graph_when_parse(op, doc, &w);
    return e ? e : graph_when_holds(op, &w, t, given->members, given->len, ret);
}

#define ON(rest) "{\"tensor\":\"t\"," rest "}"
#define OF(rest) "{\"parameter\":\"p\"," rest "}"

static void test_values(void **state)
{
    const struct tensor gold = BYTES("t", (2), STR("gold"), STR("gold")), mixed = BYTES("t", (2), STR("gold"), STR("tin"));
    const struct tensor big = INT64("t", (1), 9007199254740993), real = FP32("t", (1), 0.1F), nan = FP64("t", (1), NAN), none = FP32("t", (0), 0);
    const struct tensor flag = TENSOR(TENSOR_BOOL, uint8_t, "t", (1), 1), huge = TENSOR(TENSOR_UINT64, uint64_t, "t", (1), UINT64_MAX);
    const struct tensor tiny = TENSOR(TENSOR_INT8, int8_t, "t", (2), -3, -2), half = TENSOR(TENSOR_FP16, uint16_t, "t", (1), 0x3c00);
    const struct {
        const struct tensor *t;
        const char *params, *text;
        int want; /* 0, 1; -1: E_INVALID */
    } cases[] = {
        {&gold, NULL, ON("\"op\":\"==\",\"value\":\"gold\""), 1}, {&gold, NULL, ON("\"op\":\"!=\",\"value\":\"gold\""), 0},
        {&gold, NULL, ON("\"op\":\"in\",\"value\":[\"tin\",\"gold\"]"), 1}, {&gold, NULL, ON("\"op\":\"not in\",\"value\":[\"tin\"]"), 1},
        {&gold, NULL, ON("\"op\":\"<\",\"value\":\"h\""), 1}, {&gold, NULL, ON("\"op\":\"==\",\"value\":1"), 0}, {&gold, NULL, ON("\"op\":\"!=\",\"value\":1"), 1},
        {&mixed, NULL, ON("\"op\":\"==\",\"value\":\"gold\""), -1}, {&mixed, NULL, ON("\"op\":\"==\",\"value\":\"gold\",\"rows\":\"any\""), 1},
        {&mixed, NULL, ON("\"op\":\"==\",\"value\":\"gold\",\"rows\":\"all\""), 0}, {&mixed, NULL, ON("\"op\":\"==\",\"value\":\"lead\""), 0},
        {&big, NULL, ON("\"op\":\"==\",\"value\":9007199254740993"), 1}, {&big, NULL, ON("\"op\":\"==\",\"value\":9007199254740992"), 0},
        {&real, NULL, ON("\"op\":\"==\",\"value\":0.1"), 1}, {&real, NULL, ON("\"op\":\">\",\"value\":0.1"), 0}, {&real, NULL, ON("\"op\":\">=\",\"value\":0.1"), 1},
        {&nan, NULL, ON("\"op\":\"<\",\"value\":1"), 0}, {&nan, NULL, ON("\"op\":\">=\",\"value\":1"), 0}, {&nan, NULL, ON("\"op\":\"!=\",\"value\":1"), 1},
        {&none, NULL, ON("\"op\":\"==\",\"value\":1"), 0}, {&none, NULL, ON("\"op\":\"present\""), 1},
        {&flag, NULL, ON("\"op\":\"==\",\"value\":true"), 1}, {&flag, NULL, ON("\"op\":\"==\",\"value\":1"), 0},
        {&huge, NULL, ON("\"op\":\">\",\"value\":9223372036854775807"), 1}, {&huge, NULL, ON("\"op\":\"==\",\"value\":18446744073709551615"), 1},
        {&tiny, NULL, ON("\"op\":\"<\",\"value\":-1"), 1}, {&tiny, NULL, ON("\"op\":\"<=\",\"value\":-3"), -1}, {&half, NULL, ON("\"op\":\"==\",\"value\":1"), 1},
        {NULL, NULL, ON("\"op\":\"absent\""), 1}, {NULL, NULL, ON("\"op\":\"!=\",\"value\":1"), 0}, {&gold, NULL, ON("\"op\":\"absent\""), 0},
        {NULL, "{\"p\":\"DE\",\"q\":1}", OF("\"op\":\"in\",\"value\":[\"DE\",\"AT\"]"), 1}, {NULL, "{\"q\":\"DE\"}", OF("\"op\":\"==\",\"value\":\"DE\""), 0},
        {NULL, "{\"p\":3}", OF("\"op\":\">\",\"value\":2.5"), 1}, {NULL, "{\"p\":[3]}", OF("\"op\":\"==\",\"value\":3"), 0}, {NULL, NULL, OF("\"op\":\"absent\""), 1},
        {&gold, NULL, OF("\"op\":\"present\""), 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool got = false;
        enum err e = holds(*state, cases[i].text, cases[i].t, cases[i].params, &got);
        if (e != (enum err)(cases[i].want < 0 ? E_INVALID : OK) || (!e && got != (cases[i].want == 1)))
            fail_msg("case %zu %s: %s, %d", i, cases[i].text, err_name(e), got);
    }
}

static void test_refusals(void **state)
{
    static const char *const cases[] = {
        "1", "{}", ON("\"op\":\"=\",\"value\":1"), ON("\"op\":\"==\""), ON("\"op\":\"==\",\"value\":[1]"), ON("\"op\":\"==\",\"value\":null"),
        ON("\"op\":\"in\",\"value\":1"), ON("\"op\":\"in\",\"value\":[[1]]"), ON("\"op\":\"<\",\"value\":true"), ON("\"op\":\"present\",\"value\":1"),
        ON("\"op\":\"==\",\"value\":1,\"rows\":\"some\""), ON("\"op\":\"==\",\"value\":1,\"x\":1"), "{\"tensor\":\"t\",\"parameter\":\"p\",\"op\":\"present\"}",
        "{\"op\":\"present\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool got;
        if (holds(*state, cases[i], NULL, NULL, &got) != E_INVALID)
            fail_msg("%s", cases[i]);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_values), TEST(test_refusals)};
    return cmocka_run_group_tests_name("graph_when", tests, NULL, NULL);
}
