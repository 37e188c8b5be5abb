#include "core/monitor/figures.h"

#include "monitor_fixture.h"
#include "num/drift.h"

enum { N = 3000 };
struct window_data {
    int64_t id[N], event_us[N], version[N], label_us[N];
    float score[N];
    uint32_t latency_us[N];
    uint8_t arm[N], ok[N];
    int8_t label[N];
    float *columns[FEATURES];
    struct monitor_batch batch;
};

static void window_make(struct rng *rng, double shift, struct window_data *d)
{
    for (int f = 0; f < FEATURES; f++)
        d->columns[f] = calloc(N, sizeof(float));
    for (int i = 0; i < N; i++) {
        float x[FEATURES];
        bool label;
        draw_features(rng, shift, x);
        draw_request(rng, 0, &d->score[i], &label);
        for (int f = 0; f < FEATURES; f++)
            d->columns[f][i] = i % 100 == 99 && f == 0 ? NAN : x[f];
        d->ok[i] = i % 50 != 0;
        if (!d->ok[i])
            d->score[i] = NAN;
        d->label[i] = i % 10 == 9 ? -1 : (int8_t)label;
        d->latency_us[i] = (uint32_t)i;
        d->version[i] = i % 4 == 0 ? 9 : 8;
    }
    d->batch = (struct monitor_batch){.start_us = T0, .end_us = T0 + DAY, .rows = N, .features = FEATURES, .names = feature_names, .id = d->id,
                                      .event_us = d->event_us, .version = d->version, .score = d->score, .latency_us = d->latency_us,
                                      .arm = d->arm, .ok = d->ok, .label = d->label, .label_us = d->label_us,
                                      .feature = (const float *const *)d->columns};
}

/* Of the feature that moved, whose values are x: each bin counted again here. */
static void shapes_are_counts(struct op *op, const struct reference *r, const struct monitor_window *w, const double *x, size_t n)
{
    const struct monitor_shape *shape = w->features[2].shape;
    assert_int_equal(shape->bins.bins, 10);
    for (size_t b = 0; b < 10; b++) {
        double above = b ? shape->bins.edge[b - 1] : -INFINITY, upto = b < 9 ? shape->bins.edge[b] : INFINITY;
        uint64_t here = 0, before = 0;
        for (size_t i = 0; i < n; i++)
            here += x[i] > above && x[i] <= upto;
        for (size_t i = 0; i < r->columns[2].n; i++)
            before += r->columns[2].values[i] > above && r->columns[2].values[i] <= upto;
        assert_true(shape->counts.count[b] == here && shape->bins.ref[b] == before && before >= 1150 && before <= 1250);
    }
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    struct json_out out;
    struct json *j;
    json_out_init(&out, &b, 0);
    figures_shapes_json(&out, w);
    assert_int_equal(json_parse(op, buf_str(&b), JSON_STRICT, &j), OK);
    const struct json *moved = &json_get(j, "features")->items[2];
    assert_true(json_get(moved, "edges")->len == 9 && json_get(moved, "current")->len == 10);
    assert_int_equal(json_get(moved, "current")->items[9].i, (int64_t)shape->counts.count[9]);
    assert_int_equal(json_get(j, "score")->type, JSON_OBJECT);
}

static void figures_are_those_of_num(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    struct rng rng;
    rng_seed(&rng, 77);
    struct reference_data ref;
    reference_make(&rng, 12000, &ref);
    struct reference *r;
    assert_int_equal(reference_create(&op, &ref.ref, &r), OK);
    struct window_data *d = calloc(1, sizeof *d);
    window_make(&rng, 0.8, d);
    struct monitor_config c;
    monitor_config_default(&c);
    struct monitor_window w;
    assert_int_equal(figures_compute(&op, &d->batch, r, &c, &w), OK);
    assert_true(w.predictions == N && w.labelled == N * 9 / 10 && w.errors == N / 50 && w.error_rate == 0.02);
    assert_true(w.p50_us == 1499.5 && w.version_count == 2 && w.versions[0].version == 8 && w.versions[0].n == N * 3 / 4);
    /* One feature moved, the others did not. */
    assert_true(w.feature_count == FEATURES && w.drifted == 1 && w.features[2].drifted && !w.features[0].drifted && !w.score.drifted);
    assert_true(w.features[2].ks_d > 0.25 && w.features[2].ks_p < 1e-10 && w.features[2].psi > 0.2 && w.features[1].ks_p > 0.001);
    assert_true(w.features[0].missing == N / 100 && str_eqc(w.features[2].name, "moving"));
    /* The same numbers straight from the statistics. */
    double score[N], x[N];
    uint8_t label[N];
    size_t n = 0;
    for (int i = 0; i < N; i++) {
        x[i] = (double)d->columns[2][i];
        if (d->ok[i] && d->label[i] >= 0) {
            score[n] = (double)d->score[i];
            label[n++] = (uint8_t)d->label[i];
        }
    }
    assert_true(w.auc == metrics_auc(score, label, n) && w.logloss == metrics_logloss(score, label, n) && w.ece == metrics_ece(score, label, n));
    assert_true(w.auc > 0.65 && w.auc < 0.85);
    size_t m = drift_prepare(x, N);
    assert_true(w.features[2].psi == drift_psi(r->columns[2].values, r->columns[2].n, x, m));
    shapes_are_counts(&op, r, &w, x, m);
    /* No reference: quality and latency stay, drift is undefined. */
    assert_int_equal(figures_compute(&op, &d->batch, NULL, &c, &w), OK);
    assert_true(w.feature_count == 0 && !w.score.shape && isnan(w.score.ks_p) && w.auc > 0.65 && !w.score.drifted);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    struct json_out out;
    json_out_init(&out, &b, 0);
    figures_json(&out, &w);
    struct json *j;
    assert_int_equal(json_parse(&op, buf_str(&b), JSON_STRICT, &j), OK);
    assert_int_equal(json_get(json_get(j, "score"), "ks_p")->type, JSON_NULL);
    for (int f = 0; f < FEATURES; f++)
        free(d->columns[f]);
    free(d);
    reference_destroy(r);
    reference_free(&ref);
}

static void an_empty_window_has_no_figures(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    struct monitor_config c;
    monitor_config_default(&c);
    struct monitor_batch empty = {.start_us = T0, .end_us = T0 + DAY};
    struct monitor_window w;
    assert_int_equal(figures_compute(&op, &empty, NULL, &c, &w), OK);
    assert_true(w.predictions == 0 && isnan(w.auc) && isnan(w.p95_us) && isnan(w.error_rate) && isnan(w.mean_score) && w.version_count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_those_of_num), cmocka_unit_test(an_empty_window_has_no_figures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
