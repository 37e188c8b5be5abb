#include "unit/core/track/fixture.h"

#include "core/registry/lineage.h"
#include "core/registry/model.h"
#include "core/track/input.h"
#include "core/track/logged_model.h"

#define DATA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Rows of the parts that stand above the registry: an endpoint with a rollout, a window, and the retraining that it caused. */
static enum err loop_tx(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    struct str none = STR(""), e = STR("ep/1"), json = STR("{}");
    enum err err = db_exec(op, tx, &sql_serve_put, DB_ARGS(DB_TEXT(e), DB_TEXT(STR("m")), DB_I64(1), DB_TEXT(json), DB_I64(5)), NULL);
    if (!err)
        err = db_exec(op, tx, &sql_monitor_window_insert,
                      DB_ARGS(DB_TEXT(e), DB_I64(100), DB_I64(1), DB_I64(200), DB_I64(7), DB_I64(7), DB_TEXT(json), DB_NULL), NULL);
    if (!err)
        err = db_exec(op, tx, &sql_monitor_trigger_insert,
                      DB_ARGS(DB_TEXT(e), DB_TEXT(STR("drift")), DB_TEXT(none), DB_F64(1.0), DB_F64(0.5), DB_I64(100), DB_I64(200)), NULL);
    if (!err)
        err = db_exec(op, tx, &sql_pipeline_run_insert,
                      DB_ARGS(DB_TEXT(e), DB_TEXT(STR("/w")), DB_TEXT(json), DB_TEXT(STR("[]")), DB_I64(200), DB_TEXT(e), DB_TEXT(STR("me"))), NULL);
    if (!err)
        err = db_exec(op, tx, &sql_pipeline_run_ended,
                      DB_ARGS(DB_I64(1), DB_TEXT(STR("succeeded")), DB_I64(300), DB_I64(0), DB_I64(0), DB_I64(0),
                              DB_TEXT(STR("{\"model\": \"m\", \"version\": 2}"))), NULL);
    if (!err)
        err = db_exec(op, tx, &sql_rollout_insert,
                      DB_ARGS(DB_TEXT(e), DB_I64(1), DB_I64(2), DB_I64(0), DB_TEXT(json), DB_I64(300), DB_TEXT(json)), NULL);
    return err;
}

static struct str run_id, model_id;

static void build(struct fixture *f)
{
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct track_run r;
    struct logged_model lm;
    struct track_dataset d = {.name = STR("flights"), .digest = str_sub(STR(DATA), 0, 32), .source_type = STR("local"), .source = STR("{}")};
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, registry_model_create(op, f->db, STR("copy"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, track_run_create(op, f->db, 0, STR("train"), STR(""), 0, NULL, 0, &r));
    run_id = r.run_id;
    assert_ok(op, input_log(op, f->db, run_id, &d, 1, NULL, 0));
    struct logged_model_new in = {.name = STR("lm"), .source_run_id = run_id};
    assert_ok(op, logged_model_create(op, f->db, &in, &lm));
    model_id = lm.model_id;
    struct registry_version_new one = {.name = STR("m"), .source = str_from(op_printf(op, "models:/%s", model_id.p)), .data_version = STR(DATA)};
    struct registry_version_new two = {.name = STR("m"), .source = str_from(op_printf(op, "runs:/%s/x", run_id.p)), .run_id = run_id};
    struct registry_version_new copy = {.name = STR("copy"), .source = STR("models:/m/1")};
    assert_ok(op, registry_version_create(op, f->db, &one, &v));
    assert_ok(op, registry_version_create(op, f->db, &two, &v));
    assert_ok(op, registry_version_create(op, f->db, &copy, &v));
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1));
    assert_ok(op, db_write(op, f->db, loop_tx, NULL));
}

static bool has_node(const struct lineage *l, const char *id, int depth)
{
    for (size_t i = 0; i < l->node_count; i++) {
        if (str_eqc(l->nodes[i].id, id))
            return l->nodes[i].depth == depth;
    }
    return false;
}

static bool has_edge(const struct lineage *l, const char *from, const char *relation, const char *to)
{
    for (size_t i = 0; i < l->edge_count; i++) {
        const struct lineage_edge *x = &l->edges[i];
        if (str_eqc(l->nodes[x->from].id, from) && str_eqc(l->nodes[x->to].id, to) && !strcmp(x->relation, relation))
            return true;
    }
    return false;
}

static void read(struct fixture *f, const char *node, enum lineage_direction d, int depth, struct lineage *ret)
{
    struct lineage_query q = {str_from(node), d, depth};
    assert_ok(&f->op, lineage_read(&f->op, f->db, &q, ret));
    assert_false(ret->truncated);
    assert_str(ret->nodes[0].id, node);
}

static void walks(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct lineage l;
    build(f);
    const char *run = op_printf(op, "run/%s", run_id.p), *model = op_printf(op, "logged_model/%s", model_id.p);
    const char *dataset = op_printf(op, "dataset/%.32s/flights", DATA);
    read(f, "version/m/1", LINEAGE_UP, 32, &l);
    assert_true(has_node(&l, model, -1) && has_node(&l, run, -2) && has_node(&l, dataset, -3) && has_node(&l, "data/" DATA, -1));
    assert_true(has_edge(&l, "data/" DATA, "described", dataset) && has_edge(&l, dataset, "input", run) && has_edge(&l, run, "output", model) &&
                has_edge(&l, model, "registered", "version/m/1") && has_edge(&l, "data/" DATA, "trained", "version/m/1"));
    assert_int_equal(l.node_count, 5);
    read(f, "version/m/1", LINEAGE_DOWN, 32, &l);
    assert_true(has_node(&l, "alias/m/champion", 1) && has_node(&l, "version/copy/1", 1) && has_node(&l, "endpoint/ep%2F1", 1));
    assert_true(has_node(&l, "rollout/1", 1) && has_node(&l, "window/ep%2F1/100", 2) && has_node(&l, "retrain/1", 2) && has_node(&l, "version/m/2", 3));
    assert_true(has_edge(&l, "version/m/1", "control", "rollout/1") && has_edge(&l, "version/m/2", "candidate", "rollout/1") &&
                has_edge(&l, "window/ep%2F1/100", "triggered", "retrain/1") && has_edge(&l, "retrain/1", "registered", "version/m/2") &&
                has_edge(&l, "rollout/1", "moved", "endpoint/ep%2F1") && has_edge(&l, "version/m/1", "copied", "version/copy/1"));
    assert_int_equal(l.node_count, 8);
    read(f, "version/m/1", LINEAGE_DOWN, 1, &l);
    assert_int_equal(l.node_count, 5);
    /* What came last leads back to what was first. */
    read(f, "version/m/2", LINEAGE_UP, 32, &l);
    assert_true(has_node(&l, "retrain/1", -1) && has_node(&l, "version/m/1", -3) && has_node(&l, "data/" DATA, -3));
    read(f, "window/ep%2F1/100", LINEAGE_BOTH, 32, &l);
    assert_true(has_node(&l, "endpoint/ep%2F1", -1) && has_node(&l, "version/m/2", 2) && has_node(&l, dataset, -5));
    read(f, "data/" DATA, LINEAGE_DOWN, 32, &l);
    assert_true(has_node(&l, "version/m/2", 3));
    read(f, "rollout/1", LINEAGE_UP, 1, &l);
    assert_true(has_node(&l, "version/m/1", -1) && has_node(&l, "version/m/2", -1));
    struct lineage_query q = {STR("version/m/9"), LINEAGE_BOTH, 3};
    assert_fails(op, lineage_read(op, f->db, &q, &l), E_NOT_FOUND, "there is no version/m/9");
    static const char *const bad[] = {"", "run", "run/a/b", "version/m", "version/m/x", "planet/earth", "version/m/1/2", "run/%zz", "run/%00", "rollout/1.5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        q.node = str_from(bad[i]);
        assert_fails(op, lineage_read(op, f->db, &q, &l), E_INVALID, "names no node");
    }
    q.depth = 0;
    assert_fails(op, lineage_read(op, f->db, &q, &l), E_INVALID, "depth must be");
}

/* More neighbours than are shown are not hidden. */
static void wide(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct lineage l;
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x"), .data_version = STR("d")};
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    for (int i = 0; i < LIMIT_LINEAGE_FAN + 1; i++)
        assert_ok(op, registry_version_create(op, f->db, &in, &v));
    struct lineage_query q = {STR("data/d"), LINEAGE_DOWN, 1};
    assert_ok(op, lineage_read(op, f->db, &q, &l));
    assert_true(l.truncated && l.node_count == LIMIT_LINEAGE_FAN + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(walks), fixture_test(wide)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
