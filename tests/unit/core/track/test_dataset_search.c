#include "unit/core/track/fixture.h"

#include "core/track/dataset_search.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/run.h"

static void use(struct fixture *f, int64_t experiment, const char *name, const char *digest, const char *context)
{
    struct op *op = &f->op;
    struct track_run r;
    struct track_kv kv = {STR("mlflow.data.context"), str_from(context)};
    struct track_dataset d = {.name = str_from(name), .digest = str_from(digest), .source_type = STR("t"), .source = STR("s"), .tags = {&kv, context != NULL}};
    assert_ok(op, track_run_create(op, f->db, experiment, STR("r"), STR(""), 1, NULL, 0, &r));
    assert_ok(op, input_log(op, f->db, r.run_id, &d, 1, NULL, 0));
}

static void summaries(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct dataset_summary *d = NULL;
    size_t n = 7;
    int64_t ids[LIMIT_TRACK_DATASET_EXPERIMENTS + 1] = {0, 77, 0}, other = 0;
    assert_ok(op, experiment_create(op, f->db, STR("other"), STR(""), NULL, 0, &other));
    assert_ok(op, dataset_search(op, f->db, ids, 2, &d, &n));
    assert_int_equal(n, 0);
    use(f, 0, "b", "2", "train");
    use(f, 0, "b", "2", "train");
    use(f, 0, "b", "2", NULL);
    use(f, 0, "a", "9", "test");
    use(f, other, "b", "2", "train");
    assert_ok(op, dataset_search(op, f->db, ids, 3, &d, &n));
    assert_int_equal(n, 3);
    assert_str(d[0].name, "a");
    assert_true(d[1].context.len == 0 && d[1].experiment_id == 0);
    assert_str(d[2].context, "train");
    ids[1] = other;
    assert_ok(op, dataset_search(op, f->db, ids, 3, &d, &n));
    assert_true(n == 4 && d[3].experiment_id == other);
    assert_fails(op, dataset_search(op, f->db, ids, 0, &d, &n), E_INVALID, "at least one experiment_id");
    assert_fails(op, dataset_search(op, f->db, ids, ARRAY_LEN(ids), &d, &n), E_INVALID, "Received 21 experiment_ids");
    for (int i = 0; i < LIMIT_TRACK_DATASET_SUMMARIES + 5; i++)
        use(f, other, "many", op_printf(op, "%d", i), NULL);
    assert_ok(op, dataset_search(op, f->db, ids, 3, &d, &n));
    assert_int_equal(n, LIMIT_TRACK_DATASET_SUMMARIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(summaries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
