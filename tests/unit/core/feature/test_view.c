/* The definition of a view: what is accepted, what is refused and how it says so, and what features are worth. */
#include "unit/core/feature/flights_fixture.h"

#define VALID                                                                                       \
    "name: v\n"                                                                                     \
    "source: {path: x.parquet, timestamp_field: ts, available_at: ts + d, label: d > 1}\n"          \
    "entities: [{name: a, join_keys: [k1]}, {name: ab, join_keys: [k1, k2]}]\n"                     \
    "aggregations: [{windows: [1d, 2h], functions: [rate, count]}]\n"                               \
    "request: [{name: h, expression: hour(ts)}, {name: w, expression: weekday(ts)}, {name: size, expression: n}]\n"

static void test_flights(void **state)
{
    struct flights *f = *state;
    const struct feature_view *v = f->view;
    assert_true(str_eqc(v->name, "flights_delay"));
    assert_int_equal(v->len, 27);
    assert_true(str_eqc(v->features[0].name, "origin_count_1h"));
    assert_true(str_eqc(v->features[1].name, "origin_rate_1h"));
    assert_true(str_eqc(v->features[8].name, "destination_count_1h"));
    assert_true(str_eqc(v->features[23].name, "route_rate_28d"));
    assert_true(str_eqc(v->features[24].name, "hour"));
    assert_true(str_eqc(v->features[26].name, "distance"));
    assert_int_equal(v->key_len, 2);
    assert_int_equal(v->number_len, 1);
    assert_int_equal(v->entities[2].key_len, 2);
    assert_true(v->online);
    assert_int_equal(v->ttl_us, 28 * TIME_US_PER_DAY);
    assert_int_equal(strlen(v->digest), 64);
    assert_true(str_ends(v->source_path, STR("examples/flights/../../node_modules/vega-datasets/data/flights-3m.parquet")));
}

static void test_order_and_defaults(void **state)
{
    struct flights *f = *state;
    struct feature_view *v = NULL;
    must(f, feature_view_parse(&f->op, STR(VALID), &v));
    assert_int_equal(v->len, 11);
    assert_true(str_eqc(v->features[0].name, "a_rate_1d"));
    assert_true(str_eqc(v->features[3].name, "a_count_2h"));
    assert_true(str_eqc(v->windows[0].name, "2h")); /* windows ascend, features keep the text's order */
    assert_int_equal(v->features[0].window, 1);
    assert_int_equal(v->ttl_us, TIME_US_PER_DAY);
    assert_true(v->online);
    assert_int_equal(v->id_field.len, 0);
    assert_null(feature_view_find(v, STR("nothing")));
    assert_ptr_equal(feature_view_find(v, STR("size")), &v->features[10]);
}

static void test_fill(void **state)
{
    struct flights *f = *state;
    struct feature_view *v = NULL;
    must(f, feature_view_parse(&f->op, STR(VALID), &v));
    struct feature_tally t[4] = {{3, 1}, {7, 2}, {0, 0}, {1, 1}};
    float out[11];
    /* 2001-04-01 was a Sunday. */
    feature_view_fill(v, instant("2001-04-01T13:59:59Z"), (double[]){0.1}, t, out);
    assert_true(out[0] == (float)(2.0 / 7.0) && out[1] == 7.0f);
    assert_true(out[2] == (float)(1.0 / 3.0) && out[3] == 3.0f);
    assert_true(out[4] == 1.0f && out[5] == 1.0f);
    assert_true(isnan(out[6]) && out[7] == 0.0f);
    assert_true(out[8] == 13.0f && out[9] == 0.0f && out[10] == 0.1f);
    /* Before 1970 the hour still counts from midnight: a Wednesday. */
    feature_view_fill(v, -1, (double[]){NAN}, t, out);
    assert_true(out[8] == 23.0f && out[9] == 3.0f && isnan(out[10]));
}

struct bad {
    const char *from, *to, *text;
};

/* The valid text with one part replaced. */
static enum err parse_with(struct flights *f, const struct bad *b)
{
    const char *valid = VALID;
    const char *at = strstr(valid, b->from);
    assert_non_null(at);
    const char *yaml = op_printf(&f->op, "%.*s%s%s", (int)(at - valid), valid, b->to, at + strlen(b->from));
    struct feature_view *v = NULL;
    op_clear(&f->op);
    enum err e = feature_view_parse(&f->op, str_from(yaml), &v);
    assert_true(e || v);
    return e;
}

static void test_refused(void **state)
{
    struct flights *f = *state;
    static const struct bad bad[] = {
        {"name: v\n", "name: 1v\n", "name"},
        {"name: v\n", "name: v\nfoo: 1\n", "foo"},
        {"name: v\n", "", "name"},
        {"timestamp_field: ts", "timestamp_field: 'a b'", "timestamp_field"},
        {", label: d > 1", "", "label"},
        {"label: d > 1", "label: ''", "label"},
        {"label: d > 1", "label: d, available: x", "available"},
        {"path: x.parquet", "path: 3", "path"},
        {"name: ab", "name: a", "twice"},
        {"[k1, k2]", "[k1, k1]", "twice"},
        {"[k1, k2]", "[]", "join_keys"},
        {"[k1, k2]", "[1]", "join_keys"},
        {"[1d, 2h]", "[1d, 2x]", "windows"},
        {"[1d, 2h]", "[0d]", "windows"},
        {"[1d, 2h]", "[999999d]", "windows"},
        {"[1d, 2h]", "[99999999999999999999d]", "windows"},
        {"[1d, 2h]", "[-1d]", "windows"},
        {"[1d, 2h]", "[1d, 1d]", "taken"},
        {"[rate, count]", "[rate, mean]", "functions"},
        {"[rate, count]", "[]", "functions"},
        {"hour(ts)", "hour(other)", "expression"},
        {"hour(ts)", "exp(ts)", "expression"},
        {"expression: n", "expression: k1", "key column"},
        {"name: size", "name: h", "taken"},
        {"name: size", "name: k2", "taken"},
        {"name: size", "name: label", "taken"},
        {"name: h,", "name: a_rate_1d,", "taken"},
        {"entities:", "ttl: 1h\nentities:", "ttl"},
        {"entities:", "ttl: 5\nentities:", "ttl"},
        {"entities:", "online: maybe\nentities:", "online"},
        {"entities: [{name: a, join_keys: [k1]}, {name: ab, join_keys: [k1, k2]}]", "entities: 7", "entities"},
        {"aggregations: [{", "aggregations: [{entities: [zz], ", "entities"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum err e = parse_with(f, &bad[i]);
        if (e != E_INVALID || !strstr(f->op.msg, bad[i].text))
            print_error("case %zu '%s': %s\n", i, bad[i].to, e ? f->op.msg : "accepted");
        assert_int_equal(e, E_INVALID);
        assert_non_null(strstr(f->op.msg, bad[i].text));
    }
    static const char *const texts[] = {"", "[]", "3", "name: [", "a: &a [*a]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct feature_view *v = NULL;
        op_clear(&f->op);
        assert_int_equal(feature_view_parse(&f->op, str_from(texts[i]), &v), E_INVALID);
    }
    struct feature_view *v = NULL;
    op_clear(&f->op);
    assert_int_equal(feature_view_load(&f->op, "/no/such/view.yaml", &v), E_NOT_FOUND);
}

static void test_block_entities(void **state)
{
    struct flights *f = *state;
    struct bad b = {"aggregations: [{", "aggregations: [{windows: [1h], functions: [count], entities: [ab]}, {", ""};
    const char *valid = VALID;
    const char *at = strstr(valid, b.from);
    const char *yaml = op_printf(&f->op, "%.*s%s%s", (int)(at - valid), valid, b.to, at + strlen(b.from));
    struct feature_view *v = NULL;
    op_clear(&f->op);
    must(f, feature_view_parse(&f->op, str_from(yaml), &v));
    assert_true(str_eqc(v->features[0].name, "ab_count_1h"));
    assert_true(str_eqc(v->features[1].name, "a_rate_1d"));
    assert_int_equal(v->window_len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flights), cmocka_unit_test(test_order_and_defaults), cmocka_unit_test(test_fill),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_block_entities),
    };
    return cmocka_run_group_tests(tests, flights_setup, flights_teardown);
}
