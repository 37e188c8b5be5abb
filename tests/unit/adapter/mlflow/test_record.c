#include "adapter/mlflow/record.h"

#include <math.h>

#include "unit/core/track/fixture.h"

static const struct json *parse(struct op *op, const char *text)
{
    struct json *j = NULL;
    assert_ok(op, json_parse(op, str_from(text), JSON_NAN, &j));
    return j;
}

static void members_of_any_type_are_read_or_empty(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    const struct json *j = parse(op, "{\"a\": \"12\", \"b\": 12, \"c\": 1.5, \"n\": \"NaN\", \"i\": \"-Infinity\", \"t\": true, \"x\": [], \"z\": null, \"bare\": NaN}");
    assert_int_equal(record_i64(j, "a"), 12);
    assert_int_equal(record_i64(j, "b"), 12);
    assert_int_equal(record_i64(j, "c"), 0);
    assert_int_equal(record_i64(j, "t"), 0);
    assert_true(record_f64(j, "c") == 1.5 && record_f64(j, "a") == 12);
    assert_true(isnan(record_f64(j, "n")) && isnan(record_f64(j, "bare")) && record_f64(j, "i") == -INFINITY);
    assert_true(record_bool(j, "t") && !record_bool(j, "a") && !record_bool(j, "none"));
    assert_str(record_text(j, "z"), "");
    assert_str(record_text(NULL, "z"), "");
    const struct json *items = NULL;
    assert_int_equal(record_items(j, "a", &items), 0);
    assert_int_equal(record_items(j, "x", &items), 0);
}

static void a_run_of_any_shape(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct origin_run r;
    assert_ok(op, record_run(op, parse(op, "{\"info\": {\"run_uuid\": \"u\", \"end_time\": 5, \"lifecycle_stage\": \"deleted\"}, \"data\": {\"metrics\": [{\"key\": \"k\","
                                           " \"value\": \"NaN\", \"timestamp\": \"7\", \"step\": 3}], \"params\": [{\"key\": \"p\", \"value\": \"v\"}]},"
                                           " \"inputs\": {\"dataset_inputs\": [{\"dataset\": {\"name\": \"d\"}}]}, \"outputs\": {\"model_outputs\": [{\"model_id\": \"m\", \"step\": 2}]}}"), &r));
    assert_str(r.run_id, "u");
    assert_true(r.has_end && r.end_ms == 5 && r.deleted && r.point_count == -1);
    assert_true(r.latest_count == 1 && r.latest[0].is_nan && r.latest[0].time_ms == 7);
    assert_true(r.dataset_count == 1 && !r.datasets[0].schema.p);
    assert_true(r.output_count == 1 && r.outputs[0].step == 2);
    assert_ok(op, record_run(op, parse(op, "[]"), &r));
    assert_ok(op, record_run(op, parse(op, "{\"data\": {\"metrics\": [1, null, {}]}, \"inputs\": 7}"), &r));
    assert_int_equal(r.latest_count, 3);
    assert_false(r.has_end);
}

static void the_other_records(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct origin_experiment x;
    struct origin_logged_model m;
    struct origin_model registered;
    struct origin_version v;
    assert_ok(op, record_experiment(op, parse(op, "{\"experiment_id\": \"3\", \"tags\": [{\"key\": \"a\", \"value\": \"b\"}]}"), &x));
    assert_true(x.tags.len == 1 && !x.deleted);
    assert_ok(op, record_logged_model(op, parse(op, "{\"info\": {\"model_id\": \"m-1\", \"status\": \"LOGGED_MODEL_READY\"}, \"data\": {\"metrics\": [{\"value\": 1}]}}"), &m));
    assert_true(m.status == 2 && m.metric_count == 1);
    assert_ok(op, record_model(op, parse(op, "{\"name\": \"r\", \"aliases\": [{\"alias\": \"c\", \"version\": \"2\"}]}"), &registered));
    assert_str(registered.aliases.p[0].value, "2");
    assert_null(registered.description.p);
    assert_ok(op, record_version(op, parse(op, "{\"name\": \"r\", \"version\": \"2\", \"description\": \"\"}"), &v));
    assert_true(v.version == 2 && v.description.p && !v.description.len);
    assert_str(v.stage, "None");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(members_of_any_type_are_read_or_empty), fixture_test(a_run_of_any_shape), fixture_test(the_other_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
