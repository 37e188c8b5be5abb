#include "unit/core/track/fixture.h"

#include "core/track/dataset_list.h"
#include "core/track/input.h"
#include "core/track/run.h"

static struct str run_make(struct fixture *f, int64_t start_ms)
{
    struct track_run r;
    assert_ok(&f->op, track_run_create(&f->op, f->db, 0, STR("fit"), STR("ana"), start_ms, NULL, 0, &r));
    return r.run_id;
}

static void use(struct fixture *f, struct str run, const char *name, const char *digest, const char *context)
{
    struct track_kv tag = {STR("mlflow.data.context"), str_from(context)};
    struct track_dataset d = {.name = str_from(name), .digest = str_from(digest), .source_type = STR("local"), .source = STR("{\"uri\":\"x.csv\"}"),
                              .schema = STR("{\"mlflow_colspec\":[]}"), .tags = {.p = &tag, .len = 1}};
    assert_ok(&f->op, input_log(&f->op, f->db, run, &d, 1, NULL, 0));
}

static void lists(void **state)
{
    struct fixture *f = *state;
    struct dataset_item *items = NULL;
    size_t n = 0;
    bool more = false;
    struct str a = run_make(f, 1000), b = run_make(f, 3000), c = run_make(f, 2000);
    use(f, a, "flights", "d1", "training");
    use(f, b, "flights", "d1", "eval");
    use(f, c, "flights", "d2", "training");
    use(f, c, "airports", "d1", "training");
    struct dataset_list_query q = {.search = STR(""), .name = STR(""), .digest = STR(""), .limit = 2};
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_true(n == 2 && more);
    assert_str(items[0].name, "airports");
    assert_true(str_eqc(items[1].name, "flights") && str_eqc(items[1].digest, "d1") && items[1].runs == 2);
    assert_true(items[1].first_ms == 1000 && items[1].last_ms == 3000);
    q.name = items[1].name;
    q.digest = items[1].digest;
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_true(n == 1 && !more && str_eqc(items[0].digest, "d2"));
    q = (struct dataset_list_query){.search = STR("FLIGHT"), .name = STR(""), .digest = STR(""), .limit = 10};
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_int_equal(n, 2);
    q.search = STR("d2");
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_int_equal(n, 1);
    q.search = STR("none");
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_int_equal(n, 0);
}

/* Of a dataset with very many uses, a page looks at the newest; the dataset's own page counts them all. */
static void many_uses(void **state)
{
    struct fixture *f = *state;
    struct dataset_item *items = NULL;
    struct dataset_details d;
    size_t n = 0;
    bool more = false;
    for (int i = 0; i < LIMIT_DATASET_COUNTED + 3; i++) {
        struct str run = run_make(f, 1000 + i);
        use(f, run, "flights", "d1", "training");
        if (i == LIMIT_DATASET_COUNTED)
            assert_ok(&f->op, track_run_delete(&f->op, f->db, run));
    }
    use(f, run_make(f, 77), "trains", "d1", "training");
    const struct dataset_list_query q = {.search = STR(""), .name = STR(""), .digest = STR(""), .limit = 2};
    assert_ok(&f->op, dataset_list(&f->op, f->db, &q, &items, &n, &more));
    assert_true(n == 2 && items[0].more_runs && !items[1].more_runs && items[1].runs == 1);
    assert_int_equal(items[0].runs, LIMIT_DATASET_COUNTED - 1); /* without the deleted one */
    assert_int_equal(items[0].last_ms, 1000 + LIMIT_DATASET_COUNTED + 2);
    assert_ok(&f->op, dataset_get(&f->op, f->db, STR("flights"), STR("d1"), &d));
    assert_true(d.item.runs == LIMIT_DATASET_COUNTED + 2 && !d.item.more_runs && d.item.first_ms == 1000 && d.use_count == LIMIT_DATASET_RUNS);
    assert_int_equal(d.uses[0].start_ms, 1000 + LIMIT_DATASET_COUNTED + 2); /* newest first */
}

static void one(void **state)
{
    struct fixture *f = *state;
    struct dataset_details d;
    struct str a = run_make(f, 1000), b = run_make(f, 3000);
    use(f, a, "flights", "d1", "training");
    use(f, b, "flights", "d1", "eval");
    assert_ok(&f->op, dataset_get(&f->op, f->db, STR("flights"), STR("d1"), &d));
    assert_int_equal(d.use_count, 2);
    assert_true(str_eq(d.uses[0].run_id, b) && str_eqc(d.uses[0].context, "eval") && str_eqc(d.uses[1].context, "training"));
    assert_str(d.uses[0].experiment, "Default");
    assert_str(d.schema, "{\"mlflow_colspec\":[]}");
    assert_null(d.profile.p);
    assert_ok(&f->op, track_run_delete(&f->op, f->db, b));
    assert_ok(&f->op, dataset_get(&f->op, f->db, STR("flights"), STR("d1"), &d));
    assert_true(d.use_count == 1 && d.item.runs == 1 && d.item.last_ms == 1000);
    assert_ok(&f->op, track_run_delete(&f->op, f->db, a));
    assert_ok(&f->op, dataset_get(&f->op, f->db, STR("flights"), STR("d1"), &d));
    assert_true(d.use_count == 0 && d.item.runs == 0 && d.item.last_ms == 0);
    assert_fails(&f->op, dataset_get(&f->op, f->db, STR("flights"), STR("zz"), &d), E_NOT_FOUND, "no run read a dataset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(lists), fixture_test(many_uses), fixture_test(one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
