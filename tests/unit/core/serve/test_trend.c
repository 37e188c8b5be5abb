/* The recent past of endpoints: what is counted, what is unknown, what is forgotten. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/serve/stats.h"
#include "core/serve/trend.h"

#define S 1000000LL
#define T0 (1700000000LL * S) /* a multiple of ten seconds */

struct world {
    struct arena *arena;
    struct op op;
    struct trend *trend;
    struct stats *stats;
};

static void open_world(struct world *x)
{
    x->arena = arena_create(LIMIT_MIB(64));
    op_init(&x->op, x->arena);
    x->trend = trend_create();
    x->stats = stats_create();
}

static void close_world(struct world *x)
{
    stats_destroy(x->stats);
    trend_destroy(x->trend);
    arena_destroy(x->arena);
}

static void look(struct world *x, int64_t version, int64_t now_us)
{
    struct infer_stats st = {0};
    stats_read(x->stats, &st);
    st.version = version;
    trend_note(x->trend, STR("e"), &st, 1, now_us);
}

static void answer(struct world *x, int n, uint64_t total_ns)
{
    for (int i = 0; i < n; i++) {
        stats_success(x->stats, 2, &(struct stats_times){.total = total_ns, .queue = 3000}, 1);
        stats_execution(x->stats, 4, &(struct stats_times){0});
    }
}

static const struct json *ask(struct world *x, struct trend_query q, enum err want)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    assert_int_equal(trend_json(&x->op, x->trend, STR("e"), &q, &w), want);
    if (want)
        return NULL;
    assert_int_equal(json_parse(&x->op, str_dup(x->arena, buf_str(&b)), JSON_STRICT, &j), OK);
    return j;
}

/* NaN: null. */
static double at(const struct json *j, const char *path, uint32_t i)
{
    const struct json *column = json_path(j, path);
    double v = NAN;
    assert_true(column && column->type == JSON_ARRAY && i < column->len);
    if (column->items[i].type != JSON_NULL)
        assert_true(json_as_f64(&column->items[i], &v));
    return v;
}

static void counts_by_second(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    look(&x, 3, T0 + 2000); /* a little after the second, and once before it */
    answer(&x, 10, 1000000);
    look(&x, 3, T0 + S - 4000);
    stats_fail(x.stats, E_BUSY, 1);
    look(&x, 3, T0 + 2 * S);
    look(&x, 3, T0 + 3 * S);
    answer(&x, 6, 8000000);
    look(&x, 3, T0 + 5 * S); /* late: two seconds at once */
    const struct json *j = ask(&x, (struct trend_query){T0 - 3 * S, T0 + 9 * S, S}, OK);
    assert_int_equal(json_get(j, "t_us")->len, 8); /* until the last look */
    const double want[] = {NAN, NAN, 0, 10, 1, 0, 3, 3};
    for (uint32_t i = 0; i < 8; i++) {
        double got = at(j, "total.requests", i);
        assert_true(isnan(want[i]) ? isnan(got) : got == want[i]);
    }
    assert_true(at(j, "total.errors", 4) == 1 && at(j, "total.errors", 3) == 0 && at(j, "total.rows", 3) == 20 && at(j, "total.batch", 3) == 2);
    assert_true(fabs(at(j, "total.p50_us", 3) - 1000) < 130 && fabs(at(j, "total.p99_us", 6) - 8000) < 1000);
    assert_true(isnan(at(j, "total.p50_us", 4)) && isnan(at(j, "total.p50_us", 5))); /* nothing was answered */
    assert_true(fabs(at(j, "total.queue_us", 3) - 3) < 1e-9);
    int64_t v = 0;
    assert_true(json_as_i64(json_path(j, "errors_by_code.BUSY"), &v) && v == 1);
    const struct json *versions = json_get(j, "versions");
    assert_true(versions->len == 1 && json_as_i64(json_get(&versions->items[0], "version"), &v) && v == 3 && at(&versions->items[0], "requests", 3) == 10);
    j = ask(&x, (struct trend_query){T0 - 3 * S, T0 + 9 * S, 4 * S}, OK); /* steps of four seconds, at multiples of four */
    assert_true(json_get(j, "t_us")->len == 2 && at(j, "total.requests", 0) == 0 && at(j, "total.requests", 1) == 14); /* the first is known in part */
    ask(&x, (struct trend_query){T0, T0, S}, E_INVALID);
    close_world(&x);
}

/* Quantiles of a long step are those of all its requests. */
static void true_quantiles(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    look(&x, 1, T0);
    for (int s = 1; s <= 100; s++) {
        answer(&x, s == 1 ? 1000 : 10, s == 1 ? 50000000 : 1000000); /* 1000 of 50 ms in one second, 990 of 1 ms in the others */
        look(&x, 1, T0 + s * S);
    }
    const struct json *j = ask(&x, (struct trend_query){T0, T0 + 100 * S, 100 * S}, OK);
    assert_int_equal(json_get(j, "t_us")->len, 1);
    assert_true(at(j, "total.requests", 0) == 1990);
    assert_true(at(j, "total.p50_us", 0) > 45000 && at(j, "total.p50_us", 0) < 56000);
    j = ask(&x, (struct trend_query){T0, T0 + 100 * S, 0}, OK);
    assert_true(json_get(j, "t_us")->len == 100 && at(j, "total.requests", 0) == 1000);
    close_world(&x);
}

static void old_seconds_become_tens(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    for (int s = 0; s <= 2000; s++) {
        answer(&x, 1, 1000000);
        look(&x, 1, T0 + s * S);
    }
    const struct json *j = ask(&x, (struct trend_query){T0 + 1200 * S, T0 + 2000 * S, S}, OK);
    assert_true(json_get(j, "t_us")->len == 800 && at(j, "total.requests", 0) == 1);
    j = ask(&x, (struct trend_query){T0, T0 + 2000 * S, S}, OK); /* older than a quarter of an hour */
    assert_true(json_get(j, "t_us")->len == 200 && at(j, "total.requests", 0) == 10 && at(j, "total.requests", 199) == 10);
    /* A version that is gone is unknown afterwards, one that came later before; the whole is known. */
    for (int s = 2001; s <= 2010; s++)
        look(&x, 2, T0 + s * S);
    j = ask(&x, (struct trend_query){T0 + 1990 * S, T0 + 2010 * S, S}, OK);
    const struct json *v = json_get(j, "versions");
    assert_true(v->len == 2 && isnan(at(&v->items[0], "requests", 15)) && isnan(at(&v->items[1], "requests", 5)));
    assert_true(at(&v->items[1], "requests", 15) == 0 && at(&v->items[1], "requests", 10) == 2001 && at(j, "total.requests", 15) == 0);
    close_world(&x);
}

static void loaded_again_and_set_back(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    look(&x, 1, T0);
    answer(&x, 100, 1000);
    look(&x, 1, T0 + S);
    stats_destroy(x.stats);
    x.stats = stats_create(); /* counters begin anew */
    answer(&x, 7, 1000);
    look(&x, 1, T0 + 2 * S);
    const struct json *j = ask(&x, (struct trend_query){T0, T0 + 2 * S, S}, OK);
    assert_true(at(j, "total.requests", 0) == 100 && at(j, "total.requests", 1) == 7);
    look(&x, 1, T0 - 500 * S); /* the clock was set back: what was noted would lie in the future */
    j = ask(&x, (struct trend_query){T0 - 510 * S, T0 + 10 * S, S}, OK);
    assert_true(json_get(j, "t_us")->len == 10 && at(j, "total.requests", 9) == 0);
    trend_keep(x.trend, (struct str[]){STR("a"), STR("e")}, 2);
    assert_true(json_get(ask(&x, (struct trend_query){T0 - 510 * S, T0, S}, OK), "t_us")->len);
    trend_keep(x.trend, (struct str[]){STR("a"), STR("f")}, 2);
    assert_int_equal(json_get(ask(&x, (struct trend_query){T0 - 510 * S, T0, S}, OK), "t_us")->len, 0);
    close_world(&x);
}

/* More versions than are kept, and more bytes: the oldest go, and what is left is right. */
static void bounded(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    for (int v = 0; v < 3 * LIMIT_SERVE_TREND_VERSIONS; v++) {
        answer(&x, 1, 1000);
        look(&x, v, T0 + v * S);
    }
    const struct json *j = ask(&x, (struct trend_query){T0, T0 + 60 * S, S}, OK);
    assert_int_equal(json_get(j, "versions")->len, LIMIT_SERVE_TREND_VERSIONS);
    j = ask(&x, (struct trend_query){1, T0 + 60 * S, 1}, OK); /* since 1970 */
    assert_true(json_get(j, "t_us")->len <= LIMIT_SERVE_TREND_POINTS);
    close_world(&x);
}

/* Many endpoints with all buckets in use: memory is bounded, the busiest forget first, and one that comes late still has its past. */
static void memory_is_bounded(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    struct infer_stats st = {.version = 1};
    char name[16];
    for (int s = 0; s < 340; s++) {
        st.success.count++;
        for (size_t k = 0; k < INFER_FINE; k++)
            st.total_fine[k]++;
        for (int i = 0; i < 160; i++) {
            snprintf(name, sizeof name, "busy%d", i);
            trend_note(x.trend, str_from(name), &st, 1, T0 + s * S);
        }
    }
    for (int s = 340; s < 350; s++) {
        st.success.count++;
        trend_note(x.trend, STR("e"), &st, 1, T0 + s * S);
    }
    assert_true(trend_bytes(x.trend) <= LIMIT_SERVE_TREND_BYTES && trend_bytes(x.trend) > LIMIT_SERVE_TREND_BYTES / 2);
    const struct json *j = ask(&x, (struct trend_query){T0 + 340 * S, T0 + 350 * S, S}, OK);
    for (uint32_t i = 0; i + 1 < json_get(j, "t_us")->len; i++)
        assert_true(at(j, "total.requests", i) >= 1);
    close_world(&x);
}

static void brief(void **state)
{
    (void)state;
    struct world x;
    open_world(&x);
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    trend_brief_json(x.trend, STR("e"), &w);
    assert_true(str_eqc(buf_str(&b), "null"));
    look(&x, 1, T0);
    answer(&x, 100, 2000000);
    stats_fail(x.stats, E_INVALID, 1);
    for (int s = 1; s <= 10; s++)
        look(&x, 1, T0 + s * S);
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    trend_brief_json(x.trend, STR("e"), &w);
    assert_int_equal(json_parse(&x.op, str_dup(x.arena, buf_str(&b)), JSON_STRICT, &j), OK);
    double v = 0;
    assert_true(json_as_f64(json_get(j, "span_us"), &v) && v == 11 * S);
    assert_true(json_as_f64(json_get(j, "requests_per_s"), &v) && fabs(v - 101.0 / 11) < 1e-9);
    assert_true(json_as_f64(json_get(j, "errors_per_s"), &v) && fabs(v - 1.0 / 11) < 1e-9);
    assert_true(json_as_f64(json_get(j, "p99_us"), &v) && fabs(v - 2000) < 250);
    assert_int_equal(json_path(j, "spark.requests")->len, 30);
    close_world(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_second), cmocka_unit_test(true_quantiles), cmocka_unit_test(old_seconds_become_tens),
        cmocka_unit_test(loaded_again_and_set_back), cmocka_unit_test(bounded), cmocka_unit_test(memory_is_bounded), cmocka_unit_test(brief),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
