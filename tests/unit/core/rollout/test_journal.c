#include "core/rollout/journal.h"

#include "rollout_fixture.h"

#define SHOP STR("shop")

static struct rollout_weights started(struct fixture *f, const char *text, int64_t *ret_id)
{
    struct rollout_plan p;
    struct json *j = NULL;
    struct rollout_weights w;
    assert_ok(f, json_parse(&f->op, str_from(text), JSON_STRICT, &j));
    assert_ok(f, rollout_plan_parse(&f->op, j, &p));
    assert_ok(f, rollout_start(&f->op, f->db, SHOP, 1, 2, &p, T0, 7, ret_id));
    assert_ok(f, rollout_weights_load(&f->op, f->db, SHOP, &w));
    return w;
}

static void note(struct rollout_live *live, const struct rollout_weights *w, int64_t id)
{
    struct rollout_pick pick;
    rollout_choose(w, (struct str){(const char *)&id, sizeof id}, &pick);
    rollout_note(live, SHOP, w, id, T0 + id, &pick);
}

static uint64_t reward(struct fixture *f, struct rollout_live *live, int64_t from, int64_t n)
{
    struct rollout_given *given = calloc((size_t)n, sizeof *given);
    struct rollout_decision d;
    uint64_t counted = 0;
    for (int64_t i = 0; i < n; i++)
        given[i] = (struct rollout_given){.id = from + i, .reward = 1};
    assert_ok(f, rollout_reward(&f->op, f->db, live, SHOP, given, (size_t)n, T0, &counted, &d));
    free(given);
    return counted;
}

static int64_t rows_of(struct fixture *f);

/* A server that is killed: its memory is gone, another one reads the journal. */
static struct rollout_live *killed_and_started(struct fixture *f, struct rollout_live *live)
{
    rollout_live_destroy(live);
    live = rollout_live_create();
    assert_ok(f, rollout_live_load(&f->op, f->db, live));
    return live;
}

static void picks_outlive_a_kill(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    int64_t id;
    struct rollout_decision d;
    struct rollout_weights w = started(&f, "{\"kind\":\"bandit\",\"reward\":\"reward\",\"versions\":[3,4]}", &id);
    struct rollout_live *live = rollout_live_create();
    for (int64_t i = 0; i < 100; i++)
        note(live, &w, i);
    assert_int_equal(reward(&f, live, 0, 10), 10); /* before their picks are written */
    assert_true(rollout_live_pending(live, SHOP) && rollout_live_pending(live, STR("")) && !rollout_live_pending(live, STR("x")));
    assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHOP, T0, &d));
    assert_true(d.verdict == ROLLOUT_NO_ROLLOUT && !rollout_live_pending(live, STR("")));
    assert_int_equal(reward(&f, live, 10, 10), 10); /* and after */
    for (int64_t i = 100; i < 120; i++)
        note(live, &w, i); /* within the last second: lost */
    live = killed_and_started(&f, live);
    assert_int_equal(reward(&f, live, 0, 20), 0); /* each counts once */
    struct rollout_noted noted;
    assert_true(rollout_live_take_note(live, SHOP, 20, &noted) && noted.rollout == id && noted.event_us == T0 + 20);
    assert_true(noted.propensity > 0.2f && noted.version >= 1 && noted.version <= 4);
    rollout_live_put_back_note(live, SHOP, 20, &noted);
    assert_int_equal(reward(&f, live, 20, 100), 80);
    live = killed_and_started(&f, live);
    assert_int_equal(reward(&f, live, 0, 200), 0);
    assert_true(rows_of(&f) > 0);
    assert_ok(&f, rollout_finish(&f.op, f.db, SHOP, false, STR(""), T0, &d));
    assert_int_equal(rows_of(&f), 0); /* what is over leaves nothing */
    note(live, &w, 500);
    assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHOP, T0, &d));
    assert_false(rollout_live_pending(live, SHOP));
    assert_int_equal(rows_of(&f), 0);
    rollout_live_destroy(live);
    fixture_close(&f);
}

static void pairs_outlive_a_kill(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    int64_t id;
    struct rollout_decision d;
    struct rollout_weights w = started(&f, "{\"kind\":\"shadow\"}", &id);
    struct rollout_live *live = rollout_live_create();
    int64_t ids[50];
    uint8_t labels[50];
    for (int i = 0; i < 50; i++) {
        float a = 0.25f, b = 0.75f;
        struct rollout_pair p = {.id = i, .event_us = T0, .control_ok = true, .candidate_ok = true, .control_us = 5, .candidate_us = 5, .control_out = &a, .candidate_out = &b, .outputs = 1};
        rollout_pair_record(live, SHOP, &w, &p);
        ids[i] = i;
        labels[i] = 1;
    }
    assert_int_equal(rollout_live_labels(live, SHOP, ids, labels, 20), 20);
    assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHOP, T0, &d));
    live = killed_and_started(&f, live);
    assert_int_equal(rollout_live_labels(live, SHOP, ids, labels, 50), 30);
    assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHOP, T0, &d));
    AUTO(buf) struct buf b;
    struct json_out out;
    struct json *j = NULL;
    int64_t pairs = 0, joined = 0, right = 0;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&out, &b, 0);
    assert_ok(&f, rollout_list_json(&f.op, f.db, SHOP, NULL, &out));
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    const struct json *evidence = json_get(&j->items[0], "evidence");
    assert_true(json_as_i64(json_get(evidence, "pairs"), &pairs) && json_as_i64(json_get(evidence, "labels"), &joined) &&
                json_as_i64(json_get(evidence, "only_candidate_right"), &right));
    assert_true(pairs == 50 && joined == 50 && right == 50);
    rollout_live_destroy(live);
    fixture_close(&f);
}

/* ---- rows by hand ---- */
static const struct sql count_rows = {.name = "count_rows", .text = "SELECT COUNT(*), coalesce(SUM(entries), 0) FROM rollout_journal", .id = 100001, .param_count = 0, .column_count = 2};
static const struct sql damage = {.name = "damage", .text = "UPDATE rollout_journal SET bytes = ?1", .id = 100002, .param_count = 1, .column_count = 0};

struct rows {
    struct db_val v[2];
    struct str bytes;
    int64_t rollout;
    struct live_entry *entries;
};

static enum err count_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct rows *r = arg;
    return db_query_one(op, tx, &count_rows, DB_NO_ARGS, r->v, 2);
}

static int64_t rows_of(struct fixture *f)
{
    struct rows r = {0};
    assert_ok(f, db_read(&f->op, f->db, count_tx, &r));
    return r.v[0].i;
}

static enum err damage_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct rows *r = arg;
    return db_exec(op, tx, &damage, DB_ARGS(DB_BLOB(r->bytes)), NULL);
}

static enum err write_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct rows *r = arg;
    return journal_write(op, tx, r->rollout, r->entries, 2 * LIMIT_ROLLOUT_JOURNAL + 1);
}

static void a_journal_is_bounded_and_checked(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    int64_t id;
    (void)started(&f, "{\"kind\":\"bandit\"}", &id);
    struct rows r = {.rollout = id, .entries = calloc(2 * LIMIT_ROLLOUT_JOURNAL + 1, sizeof *r.entries)};
    for (int round = 0; round < 16; round++) {
        AUTO(arena) struct arena *own = arena_create(LIMIT_MIB(64));
        struct op op;
        op_init(&op, own);
        assert_int_equal(db_write(&op, f.db, write_tx, &r), OK);
    }
    assert_ok(&f, db_read(&f.op, f.db, count_tx, &r));
    assert_in_range(r.v[1].i, 3 * LIMIT_ROLLOUT_NOTES, 3 * LIMIT_ROLLOUT_NOTES + 2 * LIMIT_ROLLOUT_JOURNAL);
    free(r.entries);
    struct rollout_live *live = rollout_live_create();
    assert_ok(&f, rollout_live_load(&f.op, f.db, live));
    r.bytes = STR("123456789012345678901234567890123"); /* 33 bytes, of no kind */
    assert_ok(&f, db_write(&f.op, f.db, damage_tx, &r));
    assert_err(&f, rollout_live_load(&f.op, f.db, live), E_CORRUPT);
    r.bytes = STR("short");
    assert_ok(&f, db_write(&f.op, f.db, damage_tx, &r));
    assert_err(&f, rollout_live_load(&f.op, f.db, live), E_CORRUPT);
    rollout_live_destroy(live);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(picks_outlive_a_kill), cmocka_unit_test(pairs_outlive_a_kill),
                                       cmocka_unit_test(a_journal_is_bounded_and_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
