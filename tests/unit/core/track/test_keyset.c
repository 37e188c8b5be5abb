/* Pages that go on behind a run: tokens, every order with its ties, NaN and absent values, over both ways of searching, and while runs come and go. */
#include "unit/core/track/fixture.h"

#include <math.h>
#include <stdlib.h>

#include "core/track/index.h"
#include "core/track/keyset.h"
#include "core/track/metric.h"
#include "core/track/page.h"
#include "core/track/run_plan.h"
#include "core/track/run_search.h"

#define RUNS 240

static const struct filter_order by_all[] = {
    {FILTER_METRIC, 0, {"m", 1}, false}, {FILTER_PARAM, 0, {"p", 1}, true}, {FILTER_ATTRIBUTE, RUN_ATTR_END, {"end_time", 8}, false}, {FILTER_TAG, 0, {"t", 1}, false}};

static void tokens(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct keyset k = {.keys = {order_real(-0.1), order_text(STR("a\"\n\xc3\xa9")), order_whole(INT64_MIN), order_absent()}, .start_ms = -7, .run_id = STR("abc")}, got;
    bool keyed = false;
    int64_t offset = 0;
    struct str t = keyset_token(op, by_all, 4, &k, 200);
    assert_ok(op, keyset_parse(op, t, by_all, 4, &got, &keyed, &offset));
    assert_true(keyed && offset == 200 && got.start_ms == -7);
    assert_int_equal(keyset_compare(by_all, 4, got.keys, got.start_ms, got.run_id, &k), 0);
    assert_true(got.keys[0].real == -0.1 && got.keys[2].whole == INT64_MIN && got.keys[3].kind == ORDER_ABSENT);
    assert_ok(op, page_offset(op, t, &offset)); /* what a server of before makes of it */
    assert_int_equal(offset, 200);
    k.keys[0] = order_real((double)NAN);
    assert_ok(op, keyset_parse(op, keyset_token(op, by_all, 4, &k, 1), by_all, 4, &got, &keyed, &offset));
    assert_true(keyed && got.keys[0].kind == ORDER_NAN);
    /* Another order, another direction, fewer keys: the number alone. */
    struct filter_order other[] = {by_all[0], by_all[1], by_all[2], by_all[3]};
    other[3].descending = true;
    assert_ok(op, keyset_parse(op, t, other, 4, &got, &keyed, &offset));
    assert_true(!keyed && offset == 200);
    assert_ok(op, keyset_parse(op, t, by_all, 3, &got, &keyed, &offset));
    assert_true(!keyed && offset == 200);
    char *large = test_malloc(8000);
    memset(large, 'x', 8000);
    k.keys[1] = order_text((struct str){large, 8000});
    t = keyset_token(op, by_all, 4, &k, 300);
    assert_str(t, "eyJvZmZzZXQiOiAzMDB9");
    assert_ok(op, keyset_parse(op, t, by_all, 4, &got, &keyed, &offset));
    assert_true(!keyed && offset == 300);
    test_free(large);
    assert_ok(op, keyset_parse(op, STR(""), by_all, 4, &got, &keyed, &offset));
    assert_true(!keyed && offset == 0);
    static const char *const bad[] = {"{\"after\": []}", "{\"offset\": 1, \"after\": 5}", "{\"offset\": 1, \"after\": []}", "{\"offset\": 1, \"after\": [1, 2, 3]}", "[]", "{\"offset\": 1.5}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(op, keyset_parse(op, page_token_close(op, str_from(bad[i])), by_all, 4, &got, &keyed, &offset), E_INVALID, "Invalid page token");
    assert_ok(op, keyset_parse(op, keyset_token(op, by_all, 0, &k, 9), by_all, 0, &got, &keyed, &offset));
    assert_true(keyed && offset == 9 && str_eqc(got.run_id, "abc"));
}

struct world {
    struct fixture *f;
    struct run_index *index;
    struct arena *keep;
    struct str ids[4 * RUNS];
    size_t n;
};

/* Few distinct values, so that most are ties; some NaN, some absent; a text that begins like others for more than eight bytes. */
static void add_run(struct world *w)
{
    struct op *op = &w->f->op;
    struct track_run r;
    assert_ok(op, track_run_create(op, w->f->db, 0, str_from(op_printf(op, "name-%ld", random() % 5)), STR("me"), random() % 9, NULL, 0, &r));
    struct track_metric m = {.key = STR("m"), .value = random() % 4 ? (double)(random() % 5) - 2 : (double)NAN, .time_ms = 1, .step = 1};
    struct track_kv p = {STR("p"), str_from(op_printf(op, "same beginning %ld", random() % 6))}, t = {STR("t"), str_from(op_printf(op, "%ld", random() % 3))};
    struct track_batch b = {.run_id = r.run_id, .metrics = &m, .metric_count = (size_t)(random() % 3 > 0), .params = &p, .param_count = (size_t)(random() % 3 > 0),
                            .tags = &t, .tag_count = (size_t)(random() % 2)};
    assert_ok(op, metric_log_batch(op, w->f->db, &b));
    assert_true(w->n < ARRAY_LEN(w->ids));
    w->ids[w->n++] = str_dup(w->keep, r.run_id);
}

static bool among(const struct str *a, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(a[i], s))
            return true;
    return false;
}

/* All pages; with `moving` runs come and go between them. Every run that is there all the time comes once, in the order of a single large page. */
static void walk_pages(struct world *w, struct str order, int64_t page, bool indexed, bool moving)
{
    struct op *op = &w->f->op;
    int64_t experiment = 0;
    struct run_query q = {.experiments = &experiment, .experiment_count = 1, .view = TRACK_VIEW_ACTIVE, .order_by = &order, .order_count = order.len > 0,
                          .max_results = 10000, .count = !moving, .index = indexed ? w->index : NULL};
    struct run_page all, some;
    assert_ok(op, run_search(op, w->f->db, &q, &all));
    size_t at = 0, gone_len = 0;
    static struct str gone[64];
    q.max_results = page;
    do {
        assert_ok(op, run_search(op, w->f->db, &q, &some));
        assert_true(moving || some.total == (int64_t)all.len);
        assert_true(some.len == (size_t)page || !some.next_token.len);
        for (size_t i = 0; i < some.len; i++) {
            struct str id = some.runs[i].run_id;
            while (moving && at < all.len && !str_eq(all.runs[at].run_id, id) && among(gone, gone_len, all.runs[at].run_id))
                at++;
            bool known = at < all.len && str_eq(all.runs[at].run_id, id);
            if (!known && (!moving || among(w->ids, w->n - gone_len, id)))
                fail_msg("order '%.*s' page %lld: '%.*s' comes at %zu", STR_FMT(order), (long long)page, STR_FMT(id), at);
            at += known;
        }
        q.page_token = some.next_token;
        if (!moving || gone_len == ARRAY_LEN(gone))
            continue;
        add_run(w);
        gone[gone_len] = some.len ? some.runs[some.len - 1].run_id : w->ids[0]; /* the very run that the token names */
        assert_ok(op, track_run_delete(op, w->f->db, gone[gone_len++]));
    } while (some.next_token.len);
    while (moving && at < all.len && among(gone, gone_len, all.runs[at].run_id))
        at++;
    assert_int_equal(at, all.len);
}

static void all_orders(void **state, bool moving)
{
    struct world w = {.f = *state, .index = run_index_create(LIMIT_TRACK_INDEX_BYTES), .keep = ((struct fixture *)*state)->op.arena};
    static const char *const orders[] = {"", "metrics.m", "metrics.m DESC", "params.p", "params.p DESC", "tags.t", "status DESC", "start_time", "start_time DESC", "end_time", "run_id DESC",
                                         "run_name", "params.nothing"};
    srandom(11);
    for (int i = 0; i < RUNS; i++)
        add_run(&w);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        for (int indexed = 0; indexed < 2; indexed++) {
            AUTO(arena) struct arena *scratch = arena_create(LIMIT_MIB(512));
            w.f->op.arena = scratch;
            walk_pages(&w, str_from(orders[i]), moving ? 17 : 1 + 6 * (int64_t)(i % 3), indexed, moving);
            w.f->op.arena = w.keep;
        }
    run_index_destroy(w.index);
}

static void standing(void **state)
{
    all_orders(state, false);
}

static void moving(void **state)
{
    all_orders(state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(tokens), fixture_test(standing), fixture_test(moving)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
