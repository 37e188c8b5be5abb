/* Windows of a sorted search against the search row by row, and what of an order is kept. */
#include "core/track/run_window.h"

#include "unit/core/track/fixture.h"

#include "core/track/experiment.h"
#include "core/track/index.h"
#include "core/track/metric.h"

#define RUNS 700 /* enough for the counting sort */

struct world {
    struct fixture *f;
    struct run_index *index;
    struct run_windows *windows;
    int64_t experiments[2];
    struct str ids[RUNS];
};

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x45d9f3bu;
    return x ^ x >> 16;
}

static void add_run(struct world *w, size_t i)
{
    struct op *op = &w->f->op;
    struct track_run r;
    uint32_t h = mix((uint32_t)i + 1);
    struct track_kv params[] = {{STR("lr"), str_from(op_printf(op, "%u", h % 5))}, {STR("note"), str_from(op_printf(op, "note %05u", h % 10007))}};
    struct track_metric metric = {.key = STR("loss"), .value = i % 11 == 0 ? __builtin_nan("") : (double)(h % 97) - 40, .time_ms = 1, .step = 1};
    assert_ok(op, track_run_create(op, w->f->db, w->experiments[i % 2], str_from(op_printf(op, "run-%zu", i)), STR("me"), (int64_t)(h % 300), NULL, 0, &r));
    w->ids[i] = str_dup(op->arena, r.run_id);
    assert_ok(op, metric_log_batch(op, w->f->db, &(struct track_batch){.run_id = r.run_id, .metrics = &metric, .metric_count = i % 7 != 0, .params = params, .param_count = 2}));
}

static void world_make(struct world *w, struct fixture *f, size_t max_bytes)
{
    *w = (struct world){.f = f, .index = run_index_create(LIMIT_MIB(64)), .windows = run_windows_create(max_bytes)};
    assert_ok(&f->op, experiment_create(&f->op, f->db, STR("a"), STR(""), NULL, 0, &w->experiments[0]));
    assert_ok(&f->op, experiment_create(&f->op, f->db, STR("b"), STR(""), NULL, 0, &w->experiments[1]));
    for (size_t i = 0; i < RUNS; i++)
        add_run(w, i);
}

static void world_clear(struct world *w)
{
    run_windows_destroy(w->windows);
    run_index_destroy(w->index);
}

static struct run_window get(struct world *w, size_t experiments, const char *filter, const struct str *order, size_t orders, int64_t offset, int64_t limit, int64_t version)
{
    struct run_window_query q = {.search = {.experiments = w->experiments, .experiment_count = experiments, .filter = str_from(filter), .order_by = order, .order_count = orders,
                                            .view = TRACK_VIEW_ACTIVE, .max_results = limit, .index = w->index},
                                 .offset = offset, .version = version};
    struct run_window out = {0};
    assert_ok(&w->f->op, run_window_get(&w->f->op, w->f->db, w->windows, &q, &out));
    return out;
}

static struct run_page scan(struct world *w, size_t experiments, const char *filter, const struct str *order, size_t orders)
{
    struct run_page page;
    assert_ok(&w->f->op, run_search(&w->f->op, w->f->db, &(struct run_query){.experiments = w->experiments, .experiment_count = experiments, .filter = str_from(filter), .order_by = order,
                                    .order_count = orders, .view = TRACK_VIEW_ACTIVE, .max_results = RUNS}, &page));
    return page;
}

static void windows_say_what_a_scan_says(void **state)
{
    static const char *const filters[] = {"", "metrics.loss > 0", "params.lr = '3' OR params.note LIKE '%7%'", "attributes.run_name = 'nobody'"};
    static const char *const orders[][2] = {{NULL}, {"metrics.loss DESC"}, {"metrics.loss ASC"}, {"params.lr ASC"}, {"params.note DESC"}, {"attributes.start_time ASC"},
                                            {"attributes.run_name ASC"}, {"attributes.run_id DESC"}, {"params.lr DESC", "metrics.loss ASC"}, {"attributes.status ASC"}, {"tags.none ASC"}};
    struct world w;
    world_make(&w, *state, LIMIT_MIB(4));
    for (size_t x = 1; x <= 2; x++) {
        for (size_t f = 0; f < ARRAY_LEN(filters); f++) {
            for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
                struct str order[2] = {orders[o][0] ? str_from(orders[o][0]) : STR(""), orders[o][1] ? str_from(orders[o][1]) : STR("")};
                size_t n = (size_t)(orders[o][0] != NULL) + (orders[o][1] != NULL);
                struct run_page all = scan(&w, x, filters[f], order, n);
                for (int64_t offset = 0; offset <= (int64_t)all.len; offset += 97) {
                    struct run_window window = get(&w, x, filters[f], order, n, offset, 50, RUN_WINDOW_NEWEST);
                    assert_int_equal(window.total, all.len);
                    assert_int_equal(window.len, all.len - (size_t)offset < 50 ? all.len - (size_t)offset : 50);
                    for (size_t i = 0; i < window.len; i++)
                        if (!str_eq(window.runs[i].run_id, all.runs[(size_t)offset + i].run_id))
                            fail_msg("'%s' by '%s': place %lld", filters[f], orders[o][0] ? orders[o][0] : "", (long long)offset + (long long)i);
                }
            }
        }
    }
    world_clear(&w);
}

static void extremes_are_those_of_all_that_is_found(void **state)
{
    struct world w;
    world_make(&w, *state, LIMIT_MIB(4));
    struct run_page all = scan(&w, 2, "params.lr = '2'", NULL, 0);
    double low = 1e9, high = -1e9;
    for (size_t i = 0; i < all.len; i++) {
        for (size_t k = 0; k < all.runs[i].metric_count; k++) {
            double v = all.runs[i].metrics[k].value;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    }
    static const struct str metrics[] = {{"loss", 4}, {"none", 4}};
    struct run_query q = {.experiments = w.experiments, .experiment_count = 2, .filter = STR("params.lr = '2'"), .view = TRACK_VIEW_ACTIVE, .index = w.index};
    struct run_top *tops = NULL;
    assert_ok(&w.f->op, run_window_tops(&w.f->op, w.f->db, &q, metrics, 2, &tops));
    assert_true(tops && tops[0].any && !tops[1].any);
    assert_true(tops[0].min == low && tops[0].max == high);
    q.index = NULL;
    assert_ok(&w.f->op, run_window_tops(&w.f->op, w.f->db, &q, metrics, 2, &tops));
    assert_null(tops);
    world_clear(&w);
}

static void an_order_stands_while_runs_come_and_go(void **state)
{
    struct world w;
    struct str order = STR("metrics.loss DESC");
    world_make(&w, *state, LIMIT_MIB(4));
    struct op *op = &w.f->op;
    struct run_window before = get(&w, 2, "", &order, 1, 0, 20, RUN_WINDOW_NEWEST);
    struct track_run made;
    struct track_metric best = {.key = STR("loss"), .value = 1000, .time_ms = 2, .step = 2};
    assert_ok(op, track_run_create(op, w.f->db, w.experiments[0], STR("late"), STR("me"), 5, NULL, 0, &made));
    assert_ok(op, metric_log_batch(op, w.f->db, &(struct track_batch){.run_id = made.run_id, .metrics = &best, .metric_count = 1}));
    struct run_window old = get(&w, 2, "", &order, 1, 0, 20, before.version);
    assert_int_equal(old.version, before.version);
    assert_int_equal(old.total, RUNS);
    for (size_t i = 0; i < 20; i++)
        assert_true(str_eq(old.runs[i].run_id, before.runs[i].run_id));
    struct run_window now = get(&w, 2, "", &order, 1, 0, 20, RUN_WINDOW_NEWEST);
    assert_true(now.version > before.version);
    assert_int_equal(now.total, RUNS + 1);
    assert_true(str_eq(now.runs[0].run_id, made.run_id));
    /* A number that is not known gives the newest order. */
    struct run_window unknown = get(&w, 2, "", &order, 1, 0, 20, 1);
    assert_int_equal(unknown.version, now.version);
    world_clear(&w);
}

static void orders_take_no_more_than_their_room(void **state)
{
    struct world w;
    world_make(&w, *state, 2 * RUNS * sizeof(int64_t));
    struct op *op = &w.f->op;
    struct str by_loss = STR("metrics.loss DESC"), by_note = STR("params.note ASC"), by_lr = STR("params.lr ASC");
    struct run_window first = get(&w, 2, "", &by_loss, 1, 0, 5, RUN_WINDOW_NEWEST);
    (void)get(&w, 2, "", &by_note, 1, 0, 5, RUN_WINDOW_NEWEST);
    (void)get(&w, 2, "", &by_lr, 1, 0, 5, RUN_WINDOW_NEWEST);
    struct track_run made;
    assert_ok(op, track_run_create(op, w.f->db, w.experiments[0], STR("late"), STR("me"), 5, NULL, 0, &made));
    struct run_window again = get(&w, 2, "", &by_loss, 1, 0, 5, first.version);
    assert_true(again.version > first.version); /* forgotten, so it is the newest */
    world_clear(&w);
}

static void without_an_index_it_is_found_row_by_row(void **state)
{
    struct world w;
    struct str order = STR("params.note DESC");
    world_make(&w, *state, LIMIT_MIB(4));
    struct run_page all = scan(&w, 2, "", &order, 1);
    run_index_destroy(w.index);
    w.index = NULL;
    struct run_window window = get(&w, 2, "", &order, 1, 100, 10, RUN_WINDOW_NEWEST);
    assert_int_equal(window.total, all.len);
    for (size_t i = 0; i < 10; i++)
        assert_true(str_eq(window.runs[i].run_id, all.runs[100 + i].run_id));
    world_clear(&w);
}

static void what_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;
    struct run_window out;
    struct run_window_query q = {.search = {.view = TRACK_VIEW_ACTIVE, .max_results = 10}, .offset = -1};
    assert_fails(&f->op, run_window_get(&f->op, f->db, NULL, &q, &out), E_INVALID, "offset");
    q.offset = 0;
    q.search.max_results = LIMIT_TRACK_WINDOW_ROWS + 1;
    assert_fails(&f->op, run_window_get(&f->op, f->db, NULL, &q, &out), E_INVALID, "limit");
    q.search.max_results = 10;
    q.search.filter = STR("metrics.loss >");
    assert_true(run_window_get(&f->op, f->db, NULL, &q, &out) == E_INVALID);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(windows_say_what_a_scan_says),
        fixture_test(extremes_are_those_of_all_that_is_found),
        fixture_test(an_order_stands_while_runs_come_and_go),
        fixture_test(orders_take_no_more_than_their_room),
        fixture_test(without_an_index_it_is_found_row_by_row),
        fixture_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
