#include "unit/core/track/fixture.h"

#include "base/buf.h"
#include "core/track/filter.h"
#include "core/track/filter_lex.h"
#include "core/track/order.h"
#include "core/track/run_search.h"

/* One run to match against: param p='1', tag a.b='x', metric m=0.5, attributes status FINISHED, start_time 100. */
static enum err clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    (void)op;
    (void)arg;
    bool absent = false;
    switch (c->entity) {
    case FILTER_PARAM:
        absent = !str_eqc(c->key, "p");
        *ret = !absent && filter_test_text(c, STR("1"));
        break;
    case FILTER_TAG:
        absent = !str_eqc(c->key, "a.b");
        *ret = !absent && filter_test_text(c, STR("x"));
        break;
    case FILTER_METRIC:
        *ret = str_eqc(c->key, "m") && filter_test_f64(c, 0.5);
        return OK;
    default:
        *ret = c->numeric || c->op >= FILTER_IS_NULL ? filter_test_i64(c, 100) : filter_test_text(c, STR("FINISHED"));
        return OK;
    }
    if (absent)
        *ret = c->op == FILTER_IS_NULL;
    return OK;
}

static void matches(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    static const struct {
        const char *filter;
        bool want;
    } cases[] = {
        {"", true}, {"  \n", true},
        {"metrics.m > 0.4", true}, {"metrics.m > 0.5", false}, {"metrics.m >= 5e-1", true}, {"metric.m<0.6", true},
        {"metrics.m != 0.5", false}, {"metrics.m = .5", true}, {"metrics.x != 3", false}, {"metrics.`m` = 0.5", true},
        {"metrics.\"m\" = 0.5", true}, {"metrics.m > -1", true},
        {"params.p = '1'", true}, {"parameters.p = \"1\"", true}, {"param.p != '2'", true}, {"params.q != '2'", false},
        {"params.q IS NULL", true}, {"params.p is not null", true}, {"params.p IS NULL", false},
        {"tags.a.b = 'x'", true}, {"tags.`a.b` LIKE 'X'", false}, {"tag.\"a.b\" ILIKE 'X'", true}, {"tags.a.b like '_'", true},
        {"tags.a.b LIKE '%x%'", true},
        {"status = 'FINISHED'", true}, {"attributes.status LIKE 'FIN%'", true}, {"attr.status != 'RUNNING'", true},
        {"run.run_id IN ('a', 'FINISHED')", true}, {"run_id NOT IN ('a','b',)", true}, {"run_id in (\"FINISHED\")", true},
        {"start_time > 99", true}, {"attributes.created = 100", true}, {"start_time > 99.5", true}, {"Created<100", false},
        {"metrics.m > 0 and params.p = '1' AND tags.a.b = 'x'", true}, {"metrics.m > 0 AND params.p = '2'", false},
        /* Beyond MLflow. */
        {"params.p = '2' OR params.p = '1'", true}, {"params.p = '2' AND status = 'x' OR metrics.m > 0", true},
        {"params.p = '2' AND (status = 'x' OR metrics.m > 0)", false},
        {"((metrics.m > 0))", true}, {"(params.p = '2' or (params.p = '1' and (start_time = 100)))", true},
        {"params.p = 'it''s'", false},
        {"metrics.m IS NULL", false}, {"metrics.m IN (1, 0.5)", true}, {"metrics.m NOT IN (0.5)", false}, {"start_time IN (99, 100,)", true},
        {"params.p IN ('0', \"1\")", true}, {"status NOT IN ('a')", true}, {"end_time IS NOT NULL", true},
        /* ANDs that join nothing, as MLflow reads them. */
        {"AND", true}, {"metrics.m > 1 AND", false}, {"and metrics.m > 0 AND AND params.p = '1'", true}, {"(params.p = '2') AND", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct filter f;
        bool got = !cases[i].want;
        enum err e = filter_parse(op, &run_search_rules, str_from(cases[i].filter), &f);
        if (e)
            fail_msg("%s: %s", cases[i].filter, op->msg);
        assert_ok(op, filter_match(op, &f, clause, NULL, &got));
        if (got != cases[i].want)
            fail_msg("%s: %d", cases[i].filter, got);
    }
}

static void refusals(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    static const struct {
        const char *filter, *part;
    } cases[] = {
        {"metrics.m", "Invalid clause(s) in filter string: 'metrics.m'"},
        {"metrics.m > '1'", "Expected numeric value type for metric"},
        {"metrics.m > 1e999", "Expected numeric value type for metric"},
        {"metrics.m LIKE 'a'", "Expected numeric value type for metric. Found 'a'"},
        {"metrics.m LIKE 1", "Invalid comparator 'LIKE' not one of '{'!=', '<', '<=', '=', '>', '>='}"},
        {"params.p = 1", "Expected a quoted string value for parameter"},
        {"params.p > '1'", "Invalid comparator '>'"},
        {"tags.a = 1", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 1"},
        {"tags.a = b", "Parameter value is either not quoted or unidentified quote types used for string value b. Use either single or double quotes."},
        {"nope.x = '1'", "Invalid entity type 'nope'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"},
        {"colour = 'x'", "Invalid attribute key 'colour' specified. Valid keys are '{'Created', 'Run Name'"},
        {"dataset.size = 'x'", "Invalid dataset key 'size' specified"},
        {"start_time = 'x'", "Expected numeric value type for numeric attribute"},
        {"run_id IN ()", "non-empty list"}, {"run_id IN ('a'", "ill-formed list"}, {"run_id IN 'a'", "Expected a list"},
        {"metrics.m IN ('a')", "Expected numeric value"}, {"start_time IN (1", "ill-formed list"}, {"status NOT LIKE 'a'", "Invalid comparator 'NOT LIKE'"},
        {"metrics.m > 1 metrics.m < 2", "Invalid clause(s) in filter string: 'metrics.m < 2'"},
        {"metrics.m > 1 OR", "Invalid clause(s)"}, {"OR", "Invalid clause(s)"}, {"metrics.m > 1 OR AND metrics.m < 2", "Invalid attribute key 'AND'"}, {"(metrics.m > 1", "not closed"}, {"metrics.m > 1)", "Invalid clause(s)"},
        {"metrics.m <> 1", "Invalid comparator '<>'"}, {"metrics.m == 1", "Invalid comparator '=='"}, {"metrics.m > +1", "Expected numeric"}, {"'a' = 'b'", "Invalid clause(s)"}, {"params.p = 'open", "Expected a quoted"},
        {"metrics.m > 1; DROP TABLE x", "Invalid clause(s)"}, {"()", "Invalid clause(s)"}, {"params.p = 'a\xff'", "not UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct filter f;
        enum err e = filter_parse(op, &run_search_rules, str_from(cases[i].filter), &f);
        if (e != E_INVALID || !strstr(op->msg, cases[i].part))
            fail_msg("%s: %s", cases[i].filter, e ? op->msg : "accepted");
        op_clear(op);
    }
}

static void limits(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct buf b;
    struct filter f;
    buf_init(&b, LIMIT_MIB(2));
    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, '(');
    assert_fails(op, filter_parse(op, &run_search_rules, buf_str(&b), &f), E_TOO_LARGE, "nests deeper");
    buf_reset(&b);
    for (int i = 0; i < 300; i++)
        buf_add_cstr(&b, i ? " AND metrics.m > 0" : "metrics.m > 0");
    assert_fails(op, filter_parse(op, &run_search_rules, buf_str(&b), &f), E_TOO_LARGE, "more than 256 clauses");
    buf_reset(&b);
    while (b.len <= LIMIT_TRACK_FILTER_BYTES)
        buf_add_cstr(&b, "          ");
    assert_fails(op, filter_parse(op, &run_search_rules, buf_str(&b), &f), E_TOO_LARGE, "longer");
    buf_clear(&b);
}

static void likes(void **state)
{
    (void)state;
    assert_true(filter_like(STR(""), STR("%"), false));
    assert_true(filter_like(STR("abc"), STR("a%c"), false));
    assert_true(filter_like(STR("ab%c"), STR("ab%"), false));
    assert_false(filter_like(STR("abc"), STR("a_"), false));
    assert_true(filter_like(STR("a\xe2\x82\xac"), STR("a_"), false));
    assert_true(filter_like(STR("ABC"), STR("%b%"), true));
    assert_false(filter_like(STR("ABC"), STR("%b%"), false));
    assert_false(filter_like(STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), STR("%a%a%a%a%a%a%b"), false));
}

static void orders(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct filter_order o;
    assert_ok(op, filter_parse_order(op, &run_search_rules, STR("metrics.`a b` DESC"), &o));
    assert_true(o.descending && o.entity == FILTER_METRIC);
    assert_str(o.key, "a b");
    assert_ok(op, filter_parse_order(op, &run_search_rules, STR("start_time"), &o));
    assert_true(!o.descending && o.entity == FILTER_ATTRIBUTE);
    assert_fails(op, filter_parse_order(op, &run_search_rules, STR("start_time up"), &o), E_INVALID, "Invalid ordering key in order_by clause 'start_time up'.");
    assert_fails(op, filter_parse_order(op, &run_search_rules, STR(""), &o), E_INVALID, "Could not be parsed");
    assert_fails(op, filter_parse_order(op, &run_search_rules, STR("a desc asc"), &o), E_INVALID, "Invalid attribute key");
    struct filter_order up = {0}, down = {.descending = true};
    struct order_key one = order_real(1), two = order_real(2), nan = order_real(__builtin_nan("")), none = order_absent();
    assert_true(order_compare(&up, 1, &one, &two) < 0 && order_compare(&down, 1, &one, &two) > 0);
    assert_true(order_compare(&up, 1, &two, &nan) < 0 && order_compare(&down, 1, &two, &nan) < 0);
    assert_true(order_compare(&up, 1, &nan, &none) < 0 && order_compare(&down, 1, &nan, &none) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(matches), fixture_test(refusals), fixture_test(limits), fixture_test(likes),
                                       fixture_test(orders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
