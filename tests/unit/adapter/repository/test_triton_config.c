/* Triton's model configurations as endpoints, declared tensors and graphs: the text, and what it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/repository/triton_config.h"
#include "adapter/repository/triton_declared.h"
#include "adapter/repository/triton_ensemble.h"
#include "adapter/repository/triton_schema.h"
#include "base/limits.h"

static struct arena *arena;
static struct op op;

static int setup(void **state)
{
    (void)state;
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

/* Without the member "triton", which is the whole again. */
static char *endpoint_text(const struct json *endpoint)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    for (uint32_t i = 0; i < endpoint->len; i++) {
        if (str_eqc(endpoint->members[i].key, "triton"))
            continue;
        json_key_str(&w, endpoint->members[i].key);
        json_value(&w, &endpoint->members[i].value);
    }
    json_end_object(&w);
    assert_non_null(json_get(endpoint, "triton"));
    return str_cstr(arena, buf_str(&b));
}

static void test_endpoints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *endpoint;
    } rows[] = {
        {"", "{}"}, {"backend: 'onnxruntime'", "{}"},
        {"max_batch_size: 8", "{\"batch\":{\"max_rows\":8,\"max_size\":1}}"}, /* nothing is joined without dynamic_batching */
        {"max_batch_size: 0 dynamic_batching {}", "{\"batch\":{\"max_size\":1,\"max_delay_us\":0},\"queue\":{}}"},
        {"max_batch_size: 100000 dynamic_batching { preferred_batch_size: [4, 8] max_queue_delay_microseconds: 100 }",
         "{\"batch\":{\"max_rows\":100000,\"max_size\":4096,\"max_delay_us\":100,\"preferred\":[4,8]},\"queue\":{}}"},
        {"dynamic_batching { priority_levels: 3 default_priority_level: 2 default_queue_policy { timeout_action: DELAY max_queue_size: 9 } "
         "priority_queue_policy { key: 1 value { default_timeout_microseconds: 18446744073709551615 allow_timeout_override: true } } }",
         "{\"batch\":{\"max_delay_us\":0},\"queue\":{\"max_queue_size\":9,\"priority_levels\":3,\"default_priority_level\":2,\"default_queue_policy\":"
         "{\"timeout_action\":\"DELAY\",\"default_timeout_microseconds\":0,\"allow_timeout_override\":false},\"priority_queue_policy\":{\"1\":"
         "{\"default_timeout_microseconds\":3600000000,\"allow_timeout_override\":true}}}}"},
        {"instance_group { count: 2 } instance_group { } instance_group { count: 9 passive: true }", "{\"concurrency\":3}"},
        {"response_cache { enable: true }", "{\"cache\":{\"max_bytes\":67108864}}"}, {"response_cache { enable: false }", "{}"},
        {"model_warmup { batch_size: 4 count: 2 inputs { key: 'x' value { dims: 3 random_data: true } } } model_warmup { }",
         "{\"warmup\":{\"count\":3,\"sample\":\"random\",\"shapes\":{\"x\":[4,3]}}}"},
        {"max_batch_size: 0 model_warmup { inputs { key: 'x' value { dims: [2, 3] } } }", "{\"batch\":{\"max_size\":1},\"warmup\":{\"count\":1,\"sample\":\"zero\",\"shapes\":{\"x\":[2,3]}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct triton_config c;
        op_clear(&op);
        if (triton_config_parse(&op, str_from(rows[i].text), STR("m"), STR(""), &c))
            fail_msg("%s: %s", rows[i].text, op.msg);
        assert_string_equal(endpoint_text(c.endpoint), rows[i].endpoint);
        assert_true(!c.ensemble && !c.declared.len && c.versions == TRITON_LATEST && c.latest == 1);
    }
}

static void test_declared_tensors(void **state)
{
    (void)state;
    struct triton_config c;
    assert_int_equal(triton_config_parse(&op, STR("max_batch_size: 2 input { name: 'x' data_type: TYPE_STRING dims: [-1, 2] reshape { shape: 2 } optional: true } "
                                                  "output { name: 'y' data_type: TYPE_BF16 dims: 1 reshape { } }"), STR("m"), STR(""), &c), OK);
    assert_true(str_eqc(c.declared, "{\"batched\":true,\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\",\"dims\":[-1,2],\"reshape\":[2],\"optional\":true}],"
                                    "\"outputs\":[{\"name\":\"y\",\"datatype\":\"BF16\",\"dims\":[1],\"reshape\":[]}]}"));
    assert_int_equal(triton_config_parse(&op, STR("backend: 'fil' parameters { key: 'predict_proba' value { string_value: 'TRUE' } }"), STR("m"), STR(""), &c), OK);
    assert_true(str_eqc(c.declared, "{\"fil\":{\"predict_proba\":true,\"output_class\":false,\"threshold\":0.5}}") && !strcmp(c.engines[0], "trees"));
    struct str declared;
    struct json *doc = NULL;
    assert_int_equal(json_parse(&op, STR("{\"input\": [], \"max_batch_size\": 3}"), JSON_STRICT, &doc), OK);
    assert_int_equal(triton_declared(&op, doc, STR(""), false, &declared), OK);
    assert_int_equal(declared.len, 0);
}

static void test_ensembles(void **state)
{
    (void)state;
    struct triton_config c;
    struct str graph;
    assert_int_equal(triton_config_parse(&op, STR("platform: 'ensemble' max_batch_size: 4 input { name: 'x' data_type: TYPE_FP32 dims: 3 } output { name: 'y' data_type: TYPE_FP32 dims: 1 } "
                                                  "ensemble_scheduling { step [ { model_name: 'a' model_version: -1 input_map { key: 'in' value: 'x' } output_map { key: 'out' value: 'm' } }, "
                                                  "{ model_name: 'b' model_version: 2 input_map { key: 'in' value: 'm' } output_map { key: 'out' value: 'y' } } ] }"), STR("m"), STR(""), &c), OK);
    assert_true(c.ensemble && !c.declared.len);
    assert_int_equal(triton_ensemble(&op, c.doc, &graph), OK);
    assert_string_equal(str_cstr(arena, graph), "{\"format\":\"ingot.graph\",\"version\":1,\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1,3]}],\"steps\":["
                                                "{\"name\":\"step0\",\"model\":\"a\",\"inputs\":{\"in\":\"x\"},\"outputs\":{\"out\":\"m\"}},"
                                                "{\"name\":\"step1\",\"model\":\"b\",\"version\":2,\"inputs\":{\"in\":\"m\"},\"outputs\":{\"out\":\"y\"}}],\"outputs\":{\"y\":\"y\"}}");
    assert_int_equal(triton_config_parse(&op, STR("ensemble_scheduling { step { model_version: 1 } }"), STR("m"), STR(""), &c), OK);
    assert_int_equal(triton_ensemble(&op, c.doc, &graph), E_INVALID);
}

static void test_whose_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool triton;
    } rows[] = {{"{}", true}, {"{\"max_batch_size\": 1, \"backend\": \"fil\"}", true}, {"{\"dynamicBatching\": {}}", true}, {"{\"batch\": {}}", false},
                {"{\"concurrency\": 1}", false}, {"[]", false}, {"{\"max_batch_size\": 1, \"cache\": {}}", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *doc = NULL;
        assert_int_equal(json_parse(&op, str_from(rows[i].text), JSON_STRICT, &doc), OK);
        assert_int_equal(triton_config_is(doc), rows[i].triton);
    }
    for (const struct pbtxt_field *f = triton_schema.fields; f->name; f++)
        assert_ptr_equal(pbtxt_field_find(&triton_schema, str_from(f->name)), f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_endpoints, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_declared_tensors, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_ensembles, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_whose_configuration, setup, teardown)};
    return cmocka_run_group_tests_name("triton_config", tests, NULL, NULL);
}
