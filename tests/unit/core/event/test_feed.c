/* test_feed.c - changes as the logs hold them, kinds and notes: what one look tells, places in the stream, gaps. */
#include "unit/core/track/fixture.h"

#include "core/audit/audit.h"
#include "core/event/feed.h"
#include "core/event/note.h"
#include "core/track/change.h"
#include "core/track/metric.h"
#include "core/track/run.h"

struct told {
    struct op *op;
    struct str text;
};

static void tell(void *arg, const struct event *e)
{
    struct told *t = arg;
    t->text = str_from(op_printf(t->op, "%.*s%s%.*s:%.*s", STR_FMT(t->text), t->text.len ? " " : "", STR_FMT(event_kind_name(e->kind)), STR_FMT(e->name)));
}

/* What a look tells behind `*at`, which goes on. */
static const char *looked(struct op *op, struct feed *f, uint64_t *at)
{
    struct told t = {op, STR("")};
    assert_ok(op, feed_look(op, f));
    assert_true(feed_read(f, *at, tell, &t));
    *at = feed_newest(f);
    return str_cstr(op->arena, t.text);
}

struct change {
    const char *verb, *kind, *object;
};

static enum err audited(struct op *op, struct db_tx *tx, void *arg)
{
    const struct change *c = arg;
    return audit_append(op, tx, str_from(c->verb), str_from(c->kind), str_from(c->object), STR(""));
}

static void runs_and_what_they_log(void **state)
{
    struct fixture *x = *state;
    struct op *op = &x->op;
    struct feed *f = feed_create(x->db);
    struct track_run r;
    uint64_t at = 0;
    assert_ok(op, track_run_create(op, x->db, 0, STR("before"), STR("me"), 1000, NULL, 0, &r));
    assert_string_equal(looked(op, f, &at), ""); /* what was before nobody hears of */
    assert_ok(op, track_run_create(op, x->db, 0, STR("a"), STR("me"), 1000, NULL, 0, &r));
    const char *id = str_cstr(op->arena, r.run_id);
    assert_string_equal(looked(op, f, &at), op_printf(op, "run:%s", id)); /* two logs tell of it, the stream once */
    for (int i = 0; i < 500; i++) {
        struct track_metric m = {.key = STR("loss"), .value = i, .time_ms = i, .step = i};
        struct track_batch b = {.run_id = r.run_id, .metrics = &m, .metric_count = 1};
        assert_ok(op, metric_log_batch(op, x->db, &b));
    }
    assert_string_equal(looked(op, f, &at), op_printf(op, "metric:%s", id));
    assert_string_equal(looked(op, f, &at), "");
    feed_destroy(f);
}

static void audited_changes(void **state)
{
    static const struct {
        struct change c;
        const char *want;
    } cases[] = {
        {{"experiment.create", "experiment", "7"}, "experiment:7"},
        {{"model.create", "model", "m"}, "model:m version:m"},
        {{"model_version.create", "model", "m"}, "version:m"},
        {{"approval.request", "model", "m"}, "approval:m"},
        {{"create", "endpoint", "e"}, "endpoint:e"},
        {{"rollout_start", "endpoint", "e"}, "rollout:e endpoint:e"},
        {{"alert_firing", "endpoint", "e"}, "alert:e"},
        {{"retrain_wanted", "endpoint", "e"}, "retrain:e"},
        {{"end", "pipeline_run", "3"}, "pipeline:3 retrain:3"},
        {{"create", "feature_view", "v"}, "feature:v"},
        {{"something", "else", "x"}, ""},
    };
    struct fixture *x = *state;
    struct op *op = &x->op;
    struct feed *f = feed_create(x->db);
    uint64_t at = 0;
    assert_string_equal(looked(op, f, &at), "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct change c = cases[i].c;
        assert_ok(op, db_write(op, x->db, audited, &c));
        assert_string_equal(looked(op, f, &at), cases[i].want);
    }
    feed_destroy(f);
}

static enum err noted(struct op *op, struct db_tx *tx, void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        enum err e = event_note(op, tx, EVENT_WINDOW, str_from(op_printf(op, "e%d", i % 3)));
        if (e)
            return e;
    }
    return OK;
}

static enum err count_notes(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_event_marks, DB_NO_ARGS, v, 3);
    *(int64_t *)arg = e ? 0 : v[2].i;
    return e;
}

static void notes_are_trimmed_and_told(void **state)
{
    struct fixture *x = *state;
    struct op *op = &x->op;
    struct feed *f = feed_create(x->db);
    uint64_t at = 0;
    int few = 5, many = LIMIT_EVENT_NOTES;
    int64_t newest = 0;
    assert_string_equal(looked(op, f, &at), "");
    assert_ok(op, db_write(op, x->db, noted, &few));
    assert_string_equal(looked(op, f, &at), "window:e0 window:e1 window:e2");
    assert_ok(op, db_write(op, x->db, noted, &many));
    assert_ok(op, db_read(op, x->db, count_notes, &newest));
    assert_int_equal(newest, few + many);
    feed_destroy(f);
}

static enum err changed_often(struct op *op, struct db_tx *tx, void *arg)
{
    for (int i = 0; i < LIMIT_EVENT_GAP + 1; i++) {
        enum err e = track_change_note(op, tx, *(int64_t *)arg);
        if (e)
            return e;
    }
    return OK;
}

static void places_that_are_gone(void **state)
{
    struct fixture *x = *state;
    struct op *op = &x->op;
    struct feed *f = feed_create(x->db);
    struct told t = {op, STR("")};
    uint64_t at = 0;
    int64_t row = 1;
    assert_string_equal(looked(op, f, &at), "");
    assert_false(feed_read(f, 1, tell, &t)); /* there never was such a place */
    for (int i = 0; i < LIMIT_EVENT_RING + 10; i++) {
        struct change c = {"create", "endpoint", op_printf(op, "e%d", i)};
        assert_ok(op, db_write(op, x->db, audited, &c));
        assert_ok(op, feed_look(op, f));
    }
    assert_int_equal(feed_newest(f), LIMIT_EVENT_RING + 10);
    assert_false(feed_read(f, 9, tell, &t));
    t.text = STR("");
    assert_true(feed_read(f, LIMIT_EVENT_RING + 9, tell, &t));
    assert_string_equal(str_cstr(op->arena, t.text), op_printf(op, "endpoint:e%d", LIMIT_EVENT_RING + 9));
    assert_true(feed_read(f, 10, tell, &t));
    /* More than anybody wants to read: everyone starts over, once. */
    at = feed_newest(f);
    assert_ok(op, db_write(op, x->db, changed_often, &row));
    assert_ok(op, feed_look(op, f));
    assert_false(feed_read(f, at, tell, &t));
    at = feed_newest(f);
    assert_string_equal(looked(op, f, &at), "");
    feed_destroy(f);
    feed_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(runs_and_what_they_log), fixture_test(audited_changes),
                                       fixture_test(notes_are_trimmed_and_told), fixture_test(places_that_are_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
