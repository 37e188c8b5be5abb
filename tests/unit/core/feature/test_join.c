/* The point-in-time join against two oracles: brute force on random events, DuckDB's window functions on
 * real flights. Counts must be equal exactly, rates bit for bit. */
#include "unit/core/feature/flights_fixture.h"

#define ENTITIES 3

static bool brute_counts(const struct feature_join_input *in, size_t e, size_t row, size_t ev)
{
    return in->row_key[e][row] != UINT32_MAX && in->row_key[e][row] == in->event_key[e][ev] && in->event_at[ev] <= in->row_t[row];
}

static void compare_brute(const struct feature_view *v, const struct feature_join_input *in, struct feature_tally **got)
{
    for (size_t e = 0; e < v->entity_len; e++) {
        for (size_t row = 0; row < in->row_n; row++) {
            for (size_t w = 0; w < v->window_len; w++) {
                uint32_t events = 0, flagged = 0;
                for (size_t ev = 0; ev < in->event_n; ev++) {
                    if (!brute_counts(in, e, row, ev) || in->event_at[ev] <= in->row_t[row] - v->windows[w].width_us)
                        continue;
                    events++;
                    flagged += in->event_flag[ev];
                }
                struct feature_tally *t = &got[e][row * v->window_len + w];
                assert_int_equal(t->events, events);
                assert_int_equal(t->flagged, flagged);
            }
        }
    }
}

/* Few keys, few instants (many ties, many exactly on a window's edge), null keys, unsorted, before 1970. */
static void random_case(struct flights *f, size_t event_n, size_t row_n, uint64_t seed, int threads)
{
    const struct feature_view *v = f->view;
    int64_t *at = arena_alloc(f->arena, (event_n + 1) * sizeof *at), *t = arena_alloc(f->arena, (row_n + 1) * sizeof *t);
    uint8_t *flag = arena_alloc(f->arena, event_n + 1);
    const uint32_t *event_key[ENTITIES], *row_key[ENTITIES];
    uint32_t key_count[ENTITIES];
    struct feature_tally *tallies[ENTITIES];
    for (size_t i = 0; i < event_n; i++) {
        at[i] = ((int64_t)(next_random(&seed) % 1500) - 700) * 1800 * TIME_US_PER_S;
        flag[i] = next_random(&seed) & 1;
    }
    for (size_t i = 0; i < row_n; i++)
        t[i] = ((int64_t)(next_random(&seed) % 1500) - 700) * 1800 * TIME_US_PER_S;
    for (size_t e = 0; e < ENTITIES; e++) {
        uint32_t *ek = arena_alloc(f->arena, (event_n + 1) * sizeof *ek), *rk = arena_alloc(f->arena, (row_n + 1) * sizeof *rk);
        key_count[e] = (uint32_t)(1 + e * 3);
        for (size_t i = 0; i < event_n; i++)
            ek[i] = next_random(&seed) % 10 ? (uint32_t)(next_random(&seed) % key_count[e]) : UINT32_MAX;
        for (size_t i = 0; i < row_n; i++)
            rk[i] = next_random(&seed) % 10 ? (uint32_t)(next_random(&seed) % key_count[e]) : UINT32_MAX;
        event_key[e] = ek;
        row_key[e] = rk;
        tallies[e] = arena_alloc(f->arena, (row_n * v->window_len + 1) * sizeof(struct feature_tally));
    }
    struct feature_join_input in = {event_n, at, flag, event_key, row_n, t, row_key, key_count};
    must(f, feature_join_tally(&f->op, v, &in, threads, tallies));
    compare_brute(v, &in, tallies);
}

static void test_kernel_random(void **state)
{
    struct flights *f = *state;
    assert_int_equal(f->view->entity_len, ENTITIES);
    static const size_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {1, 1}, {40, 60}, {300, 200}, {900, 400}};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            random_case(f, sizes[i][0], sizes[i][1], seed, (int)(seed % 4) + 1);
    }
}

/* Sums over window frames of SQL on the same file: an implementation that shares nothing with ours. */
static const char *oracle_sql(struct flights *f, const char *start, const char *end)
{
    static const char *const entities[][2] = {{"origin", "origin"}, {"destination", "destination"}, {"route", "origin || '-' || destination"}};
    const char *hours[] = {"1", "24", "168", "672"}, *names[] = {"1h", "1d", "7d", "28d"};
    const char *base = op_printf(&f->op,
        "WITH src AS (SELECT file_row_number AS flight, date, origin, destination, delay >= 15 AS late, "
        "greatest(date + to_minutes(1), date + to_minutes(CAST(floor((450 + 2 * distance + 15 * delay) / 15) AS BIGINT))) AS a "
        "FROM read_parquet('%s', file_row_number = true)), "
        "pts AS (SELECT flight, a AS t, origin, destination, 1 AS ev, CAST(late AS INT) AS fl FROM src WHERE a < '%s' "
        "UNION ALL SELECT flight, date, origin, destination, 0, 0 FROM src WHERE date >= '%s' AND date < '%s') "
        "SELECT flight", FLIGHTS, end, start, end);
    for (size_t e = 0; e < 3; e++) {
        for (size_t w = 0; w < 4; w++)
            base = op_printf(&f->op, "%s, sum(ev) OVER %s_%s AS %s_n_%s, sum(fl) OVER %s_%s AS %s_d_%s", base, entities[e][0], names[w],
                             entities[e][0], names[w], entities[e][0], names[w], entities[e][0], names[w]);
    }
    base = op_printf(&f->op, "%s, ev FROM pts WINDOW ", base);
    for (size_t e = 0; e < 3; e++) {
        for (size_t w = 0; w < 4; w++)
            base = op_printf(&f->op, "%s%s%s_%s AS (PARTITION BY %s ORDER BY t RANGE BETWEEN to_microseconds(CAST(%s AS BIGINT) * 3600000000 - 1) PRECEDING AND CURRENT ROW)",
                             base, e + w ? ", " : "", entities[e][0], names[w], entities[e][1], hours[w]);
    }
    return op_printf(&f->op, "SELECT * FROM (%s) WHERE ev = 0 ORDER BY flight", base);
}

static void test_flights_against_sql(void **state)
{
    struct flights *f = *state;
    /* The first 50 thousand rows after the first days: windows of 28 days are cut by the file's beginning. */
    const char *start = "2001-01-05", *end = "2001-01-08 02:17:00";
    struct frame *got = flights_frame(f, start, end), *want = NULL;
    must(f, frame_load(&f->op, f->tables, str_from(oracle_sql(f, start, end)), LIMIT_MIB(512), &want));
    assert_true(got->rows > 45000);
    assert_int_equal(got->rows, want->rows);
    size_t missing = 0;
    for (size_t i = 0; i < got->rows; i++) {
        assert_int_equal(got->cols[0].i64[i], want->cols[0].i64[i]);
        for (size_t c = 0; c < 12; c++) {
            int64_t n = want->cols[1 + 2 * c].i64[i], d = want->cols[2 + 2 * c].i64[i];
            double count = got->cols[4 + 2 * c].f64[i], rate = got->cols[5 + 2 * c].f64[i];
            assert_int_equal((int64_t)count, n);
            assert_true(n ? rate == (double)(float)((double)d / (double)n) : isnan(rate));
            missing += !n;
        }
    }
    assert_true(missing > 1000);
    frame_destroy(got);
    frame_destroy(want);
}

/* Columns, their order and types; label and instants as in the source. */
static void test_frame_columns(void **state)
{
    struct flights *f = *state;
    struct frame *got = flights_frame(f, "2001-02-01", "2001-02-01 03:00:00"), *src = NULL;
    must(f, frame_load(&f->op, f->tables, STR("SELECT file_row_number, date, origin, destination, distance, delay FROM read_parquet('" FLIGHTS "', file_row_number = true) WHERE date >= '2001-02-01' AND date < '2001-02-01 03:00:00'"), LIMIT_MIB(64), &src));
    assert_int_equal(got->rows, src->rows);
    assert_int_equal(got->len, 1 + 1 + 2 + 27 + 2);
    assert_true(str_eqc(got->cols[0].name, "flight") && got->cols[0].type == TABLE_I64);
    assert_true(str_eqc(got->cols[1].name, "date") && got->cols[1].type == TABLE_TIMESTAMP);
    assert_true(str_eqc(got->cols[2].name, "origin") && got->cols[2].type == TABLE_STRING);
    assert_true(str_eqc(got->cols[30].name, "distance") && got->cols[30].type == TABLE_F32);
    assert_true(str_eqc(got->cols[31].name, "label") && got->cols[31].type == TABLE_I64);
    assert_true(str_eqc(got->cols[32].name, "available_at") && got->cols[32].type == TABLE_TIMESTAMP);
    for (size_t i = 0; i < got->rows; i++) {
        int64_t distance = src->cols[4].i64[i], delay = src->cols[5].i64[i], date = src->cols[1].i64[i];
        int64_t twice = 60 + 2 * delay, minutes = (twice * 15 + 4 * distance) / 30;
        if ((twice * 15 + 4 * distance) % 30 < 0)
            minutes--;
        minutes = minutes < 1 ? 1 : minutes;
        assert_int_equal(got->cols[0].i64[i], src->cols[0].i64[i]);
        assert_int_equal(got->cols[1].i64[i], date);
        assert_int_equal(got->cols[31].i64[i], delay >= 15);
        assert_int_equal(got->cols[32].i64[i], date + minutes * 60 * TIME_US_PER_S);
        assert_true(got->cols[30].f64[i] == (double)distance);
        assert_true(str_eq(got->cols[3].dict[got->cols[3].code[i]], src->cols[3].dict[src->cols[3].code[i]]));
    }
    frame_destroy(got);
    frame_destroy(src);
}

/* Writes the rows of a SELECT as a Parquet file and joins it with a view over columns ts, k, d, avail. */
static enum err join_rows(struct flights *f, const char *select, const char *label, struct frame **ret)
{
    const char *path = op_printf(&f->op, "%s/rows.parquet", f->dir), *out = op_printf(&f->op, "%s/out.parquet", f->dir);
    struct frame *rows = NULL;
    must(f, frame_load(&f->op, f->tables, str_from(select), LIMIT_MIB(16), &rows));
    must(f, frame_save(&f->op, f->tables, rows, str_from(path)));
    frame_destroy(rows);
    const char *yaml = op_printf(&f->op, "name: v\nsource: {path: '%s', timestamp_field: ts, id: row, available_at: avail, label: %s}\n"
                                         "entities: [{name: k, join_keys: [k]}]\naggregations: [{windows: [1h], functions: [count, rate]}]\n"
                                         "request: [{name: d, expression: d}]\n", path, label);
    struct feature_view *v = NULL;
    must(f, feature_view_parse(&f->op, str_from(yaml), &v));
    struct feature_join_result r;
    struct feature_join_request q = {.start_us = INT64_MIN, .end_us = INT64_MAX, .out_path = str_from(out)};
    enum err e = feature_join(&f->op, f->tables, v, &q, &r);
    if (!e)
        must(f, frame_load(&f->op, f->tables, str_from(op_printf(&f->op, "SELECT * FROM '%s'", out)), LIMIT_MIB(16), ret));
    unlink(path);
    unlink(out);
    return e;
}

static void test_edges_and_nulls(void **state)
{
    struct flights *f = *state;
    struct frame *r = NULL;
    /* At 10:00 the window (9:00, 10:00] holds the event at 10:00 and not that at 9:00; null keys, instants and labels meet nothing. */
    must(f, join_rows(f,
        "SELECT * FROM (VALUES "
        "(TIMESTAMP '2001-01-01 10:00', 'a', 1.5, TIMESTAMP '2001-01-01 09:00', true), "
        "(TIMESTAMP '2001-01-01 10:00', 'a', NULL, TIMESTAMP '2001-01-01 09:00:00.000001', true), "
        "(TIMESTAMP '2001-01-01 10:00', 'a', 2, TIMESTAMP '2001-01-01 10:00', false), "
        "(TIMESTAMP '2001-01-01 10:00', 'a', 2, TIMESTAMP '2001-01-01 10:00:00.000001', true), "
        "(TIMESTAMP '2001-01-01 10:00', 'b', 2, NULL, true), "
        "(TIMESTAMP '2001-01-01 10:00', NULL, 2, TIMESTAMP '2001-01-01 09:30', true), "
        "(TIMESTAMP '2001-01-01 10:00', 'b', 2, TIMESTAMP '2001-01-01 09:30', NULL)) AS t(ts, k, d, avail, late)", "late", &r));
    assert_int_equal(r->rows, 7);
    struct frame_column *n = frame_column(r, STR("k_count_1h")), *rate = frame_column(r, STR("k_rate_1h")), *d = frame_column(r, STR("d")), *label = frame_column(r, STR("label"));
    for (size_t i = 0; i < 4; i++)
        assert_true(n->f64[i] == 2 && rate->f64[i] == 0.5);
    for (size_t i = 4; i < 7; i++)
        assert_true(n->f64[i] == 0 && isnan(rate->f64[i]));
    assert_true(isnan(d->f64[1]) && d->f64[0] == 1.5);
    assert_int_equal(label->i64[6], INT64_MIN);
    assert_int_equal(label->null_count, 1);
    frame_destroy(r);
}

static void test_errors(void **state)
{
    struct flights *f = *state;
    struct frame *r = NULL;
    op_clear(&f->op);
    assert_int_equal(join_rows(f, "SELECT TIMESTAMP '2001-01-01' AS ts, 'a' AS k, 1 AS d, NULL::TIMESTAMP AS avail UNION ALL SELECT NULL, 'b', 2, NULL", "d > 0", &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "row 1 has no ts"));
    op_clear(&f->op);
    assert_int_equal(join_rows(f, "SELECT TIMESTAMP '2001-01-01' AS ts, 'a' AS k, 1 AS d", "d > 0", &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "avail"));
    op_clear(&f->op);
    assert_int_equal(join_rows(f, "SELECT TIMESTAMP '2001-01-01' AS ts, 'a' AS k, 1 AS d, now()::TIMESTAMP AS avail", "nonsense(d)", &r), E_INVALID);
    op_clear(&f->op);
    struct feature_join_result res;
    struct feature_join_request q = {.data_path = STR("/no/such.parquet"), .start_us = INT64_MIN, .end_us = INT64_MAX, .out_path = STR("/tmp/x.parquet")};
    assert_int_equal(feature_join(&f->op, f->tables, f->view, &q, &res), E_NOT_FOUND);
    op_clear(&f->op);
    q.start_us = 1;
    q.end_us = 0;
    assert_int_equal(feature_join(&f->op, f->tables, f->view, &q, &res), E_INVALID);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_random), cmocka_unit_test(test_frame_columns), cmocka_unit_test(test_flights_against_sql),
        cmocka_unit_test(test_edges_and_nulls), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, flights_setup, flights_teardown);
}
