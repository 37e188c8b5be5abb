/* The index in memory, against counting every event; and that it forgets what it may. */
#include "unit/core/feature/flights_fixture.h"

#include "core/feature/window.h"

#define N 4000

struct event {
    struct str keys[2];
    int64_t at;
    bool flagged;
};

static uint32_t brute(const struct event *ev, size_t n, size_t entity, const struct str *keys, int64_t t, int64_t width, bool flagged)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bool match = entity == 0   ? str_eq(ev[i].keys[0], keys[0])
                     : entity == 1 ? str_eq(ev[i].keys[1], keys[1])
                                   : str_eq(ev[i].keys[0], keys[0]) && str_eq(ev[i].keys[1], keys[1]);
        for (size_t k = 0; k < 2; k++)
            match = match && (entity == 1 - k || (ev[i].keys[k].p && keys[k].p));
        count += match && ev[i].at <= t && ev[i].at > t - width && (!flagged || ev[i].flagged);
    }
    return count;
}

static struct str random_key(struct flights *f, uint64_t *seed)
{
    static const char *const names[] = {"", "A", "AB", "B"};
    uint64_t k = next_random(seed) % 5;
    (void)f;
    return k == 4 ? (struct str){NULL, 0} : str_from(names[k]);
}

/* Events in nearly random order over 20 days; every read equals the count over all of them. */
static void test_against_brute_force(void **state)
{
    struct flights *f = *state;
    const struct feature_view *v = f->view;
    static struct event ev[N];
    uint64_t seed = 11;
    struct window_index *x = window_index_create(v, v->ttl_us + 2 * TIME_US_PER_DAY);
    struct feature_tally got[12];
    for (size_t i = 0; i < N; i++) {
        ev[i] = (struct event){{random_key(f, &seed), random_key(f, &seed)}, (int64_t)(next_random(&seed) % 480) * 3600 * TIME_US_PER_S, next_random(&seed) & 1};
        assert_int_equal(window_index_insert(x, ev[i].keys, ev[i].at, ev[i].flagged, (int64_t)i), WINDOW_ADDED);
        if (i % 40)
            continue;
        struct str keys[2] = {random_key(f, &seed), random_key(f, &seed)};
        int64_t t = (int64_t)(next_random(&seed) % 500) * 3600 * TIME_US_PER_S + (int64_t)(next_random(&seed) % 3) - 1;
        window_index_read(x, keys, t, got);
        for (size_t e = 0; e < 3; e++) {
            for (size_t w = 0; w < 4; w++) {
                assert_int_equal(got[e * 4 + w].events, brute(ev, i + 1, e, keys, t, v->windows[w].width_us, false));
                assert_int_equal(got[e * 4 + w].flagged, brute(ev, i + 1, e, keys, t, v->windows[w].width_us, true));
            }
        }
    }
    window_index_destroy(x);
    window_index_destroy(NULL);
}

/* A year of events through a window of a month: memory stays, and what is kept is right. */
static void test_forgets(void **state)
{
    struct flights *f = *state;
    int64_t hour = 3600 * TIME_US_PER_S, retain = f->view->ttl_us + 2 * TIME_US_PER_DAY;
    struct window_index *x = window_index_create(f->view, retain);
    struct feature_tally got[12];
    uint64_t after_month = 0;
    for (int64_t h = 0; h < 24 * 365; h++) {
        char name[16];
        snprintf(name, sizeof name, "K%d", (int)(h / 240)); /* a new key every ten days */
        struct str keys[2] = {STR("ORD"), str_from(name)};
        assert_int_equal(window_index_insert(x, keys, h * hour, h % 3 == 0, h), WINDOW_ADDED);
        if (h == 24 * 60)
            after_month = window_index_stats(x).memory_bytes;
    }
    struct window_stats s = window_index_stats(x);
    assert_true(s.events <= 24 * 31 + 24 && s.events >= 24 * 30);
    assert_true(s.keys <= 1 + 2 * 10); /* fewer than half of the keys are empty ones */
    assert_true(s.memory_bytes < after_month * 2);
    int64_t now = (24 * 365 - 1) * hour;
    window_index_read(x, (struct str[]){STR("ORD"), STR("K36")}, now, got);
    assert_int_equal(got[3].events, 24 * 28);
    assert_int_equal(got[3].flagged, 24 * 28 / 3);
    assert_int_equal(got[7].events, 24 * 365 - 36 * 240);
    assert_int_equal(window_index_insert(x, (struct str[]){STR("ORD"), STR("K")}, now - retain, true, -1), WINDOW_EXPIRED);
    assert_int_equal(window_index_insert(x, (struct str[]){STR("ORD"), STR("K")}, now, true, 24 * 365 - 1), WINDOW_DUPLICATE);
    assert_int_equal(window_index_newest(x), now);
    window_index_destroy(x);
}

/* Parts of a composite key must not run together. */
static void test_composite_keys(void **state)
{
    struct flights *f = *state;
    struct window_index *x = window_index_create(f->view, TIME_US_PER_DAY * 40);
    struct feature_tally got[12];
    assert_int_equal(window_index_insert(x, (struct str[]){STR("A"), STR("BC")}, 0, true, 1), WINDOW_ADDED);
    window_index_read(x, (struct str[]){STR("AB"), STR("C")}, 0, got);
    assert_int_equal(got[8].events, 0);
    window_index_read(x, (struct str[]){STR("A"), STR("BC")}, 0, got);
    assert_int_equal(got[8].events, 1);
    window_index_destroy(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_brute_force), cmocka_unit_test(test_forgets), cmocka_unit_test(test_composite_keys)};
    return cmocka_run_group_tests(tests, flights_setup, flights_teardown);
}
