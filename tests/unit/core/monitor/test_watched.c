#include "core/monitor/watched.h"

#include "monitor_fixture.h"

static void record_at(struct watched *e, int64_t id, int64_t event_us, uint8_t arm, int64_t version)
{
    struct prediction p = {.id = id, .event_us = event_us, .version = version, .score = 0.5f, .latency_us = 10, .arm = arm, .ok = true};
    watched_record(e, &p, 1);
}

static void windows_open_detach_and_return(void **state)
{
    (void)state;
    struct watched *e = watched_create(STR("delay"));
    assert_true(str_eqc(watched_name(e), "delay"));
    for (int day = 2; day >= 0; day--)
        for (int i = 0; i < 10; i++)
            record_at(e, day * 100 + i, T0 + day * DAY + i, ROLLOUT_ARM_NONE, 1);
    record_at(e, 7, -1, ROLLOUT_ARM_NONE, 1); /* 1969: floor, not truncation */
    struct due due, again;
    watched_look(e, &due);
    assert_true(due.count == 4 && predbuf_start(due.windows[0]) == -DAY && predbuf_start(due.windows[1]) == T0 && due.rows[1] == 10);
    watched_detach(e, T0 + 2 * DAY, &due);
    assert_true(due.count == 3 && e->open_count == 1 && e->open_rows == 10);
    record_at(e, 900, T0 + 5, ROLLOUT_ARM_NONE, 1); /* while its window is out */
    watched_put_back(e, &due);
    assert_true(e->open_count == 5 && e->open_rows == 32);
    watched_look(e, &again);
    assert_true(again.count == 5 && predbuf_start(again.windows[1]) == T0 && predbuf_start(again.windows[2]) == T0);
    watched_detach(e, INT64_MAX, &due);
    assert_true(due.count == 5 && e->open_rows == 0);
    for (size_t i = 0; i < due.count; i++)
        predbuf_destroy(due.windows[i]);
    watched_destroy(e);
}

static void what_finds_no_room_is_counted(void **state)
{
    (void)state;
    struct watched *e = watched_create(STR("delay"));
    for (int day = 0; day < LIMIT_MONITOR_OPEN_WINDOWS + 5; day++)
        record_at(e, day, T0 + day * DAY, ROLLOUT_ARM_NONE, 1);
    record_at(e, 1, INT64_MAX, ROLLOUT_ARM_NONE, 1);
    record_at(e, 1, INT64_MIN, ROLLOUT_ARM_NONE, 1);
    assert_true(e->counts.recorded == LIMIT_MONITOR_OPEN_WINDOWS && e->counts.dropped == 7);
    assert_true(e->latency.n == LIMIT_MONITOR_OPEN_WINDOWS + 7);
    watched_destroy(e);
}

static struct watched_requests *of(struct watched_table *t, int64_t version)
{
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
        if (t->slot[i] && t->slot[i]->n && t->slot[i]->version == version)
            return t->slot[i];
    return NULL;
}

static void requests_drain_and_return(void **state)
{
    (void)state;
    struct watched *e = watched_create(STR("delay"));
    for (int i = 0; i < 5; i++)
        record_at(e, i, T0, ROLLOUT_ARM_CANDIDATE, 2);
    record_at(e, 6, T0, ROLLOUT_ARM_CANDIDATE, 3); /* a third arm is told apart by its version */
    record_at(e, 7, T0, ROLLOUT_ARM_CONTROL, 1);
    watched_drain_requests(e);
    assert_true(of(&e->spare, 2)->n == 5 && of(&e->spare, 3)->n == 1 && of(&e->spare, 1)->n == 1 && !of(&e->requests, 2));
    assert_int_equal(of(&e->spare, 2)->latency.n, 5);
    record_at(e, 9, T0, ROLLOUT_ARM_CANDIDATE, 2);
    watched_restore_requests(e);
    assert_true(of(&e->requests, 2)->n == 6 && !of(&e->spare, 2) && of(&e->requests, 1)->n == 1);
    record_at(e, 12, T0, 77, 4); /* an arm that does not exist is no arm */
    assert_null(of(&e->requests, 4));
    watched_destroy(e);
}

static void one_of(struct watched *e, int64_t rollout, int64_t version, uint64_t unit, bool more)
{
    struct prediction p = {.id = 1, .event_us = T0, .version = version, .rollout = rollout, .unit = unit, .more = more, .arm = ROLLOUT_ARM_CANDIDATE, .ok = true};
    watched_record(e, &p, 1);
}

static void units_count_once(void **state)
{
    (void)state;
    struct watched *e = watched_create(STR("delay"));
    for (int i = 0; i < 10; i++)
        one_of(e, 1, 2, 5, false);
    one_of(e, 1, 2, 0, false);
    one_of(e, 1, 2, 0, true);
    one_of(e, 1, 3, 5 + LIMIT_ROLLOUT_UNITS, false); /* its bit is taken by another unit */
    one_of(e, 1, 3, 6, false);
    struct watched_requests *a = of(&e->requests, 2), *b = of(&e->requests, 3);
    assert_true(a->n == 12 && a->unnamed == 1 && units_has(&a->units, 5) && b->n == 2);
    assert_false(units_has(&b->units, 5));
    assert_true(units_has(&b->units, 6));
    watched_drain_requests(e);
    one_of(e, 1, 3, 5, false); /* while they are out, somebody takes the bit */
    assert_true(units_has(&of(&e->requests, 3)->units, 5));
    watched_restore_requests(e);
    assert_true(units_has(&of(&e->requests, 2)->units, 5) && !units_has(&of(&e->requests, 3)->units, 5) && of(&e->requests, 3)->n == 3);
    /* A younger rollout takes the places of an older one, never the other way round. */
    for (int v = 10; v < 10 + LIMIT_ROLLOUT_ARMS; v++)
        one_of(e, 2, v, 5, false);
    assert_true(!of(&e->requests, 2) && of(&e->requests, 10)->units.word[0] == 1 << 5 && of(&e->requests, 11)->units.word[0] == 0);
    one_of(e, 1, 2, 5, false);
    assert_null(of(&e->requests, 2));
    watched_destroy(e);
}

static void states_follow_their_features(void **state)
{
    (void)state;
    struct watched *e = watched_create(STR("delay"));
    struct str before[3] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")}, after[2] = {STR_INIT("c"), STR_INIT("x")};
    assert_true(watched_fit_states(e, before, 3));
    size_t single = rules_slots(0);
    e->states[0].firing = true;
    e->states[single + 2].history = 5;     /* feature_ks/c */
    e->states[single + 3 + 2].history = 6; /* feature_psi/c */
    assert_true(watched_fit_states(e, after, 2));
    assert_true(e->states[0].firing && e->states[single].history == 5 && e->states[single + 2].history == 6 && e->states[single + 1].history == 0);
    watched_destroy(e);
    watched_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_open_detach_and_return), cmocka_unit_test(what_finds_no_room_is_counted),
        cmocka_unit_test(requests_drain_and_return), cmocka_unit_test(units_count_once), cmocka_unit_test(states_follow_their_features)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
