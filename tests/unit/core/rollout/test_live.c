#include "core/rollout/live.h"

#include "base/thread.h"
#include "core/rollout/shadow.h"
#include "rollout_fixture.h"

static bool take_shadow(struct rollout_live *live, struct str endpoint, int64_t rollout, struct rollout_shadow *ret)
{
    struct live_batch batch;
    bool taken = false;
    rollout_live_take(live, endpoint, rollout, ret, &taken, &batch);
    free(batch.entries);
    return taken;
}

static struct rollout_weights weights(int64_t id)
{
    return (struct rollout_weights){.control = 1, .candidate = 2, .active = true, .id = id, .shadow = 2, .shadow_permille = 1000, .threshold = 0.5};
}

static void record(struct rollout_live *live, const struct rollout_weights *w, int64_t id, float a, float b)
{
    struct rollout_pair p = {.id = id, .control_ok = true, .candidate_ok = true, .control_us = 10, .candidate_us = 20, .control_out = &a,
                             .candidate_out = &b, .outputs = 1};
    rollout_pair_record(live, STR("e"), w, &p);
}

static void pairs_wait_for_labels(void **state)
{
    (void)state;
    struct rollout_live *live = rollout_live_create();
    struct rollout_shadow *s = calloc(1, sizeof *s);
    struct rollout_weights w = weights(3), old = weights(2), none = {0};
    record(live, &none, 1, 0.1f, 0.9f);
    assert_false(take_shadow(live, STR("e"), 3, s));
    record(live, &w, 1, 0.1f, 0.9f);
    record(live, &old, 2, 0.1f, 0.1f); /* an answer that took long: its rollout is over */
    record(live, &w, 3, 0.8f, 0.9f);
    rollout_pair_dropped(live, STR("e"), &w, 4);
    int64_t ids[] = {1, 2, 3, 4};
    uint8_t labels[] = {1, 1, 1, 1};
    assert_int_equal(rollout_live_labels(live, STR("e"), ids, labels, 4), 2);
    assert_int_equal(rollout_live_labels(live, STR("other"), ids, labels, 4), 0);
    assert_false(take_shadow(live, STR("e"), 2, s));
    assert_true(take_shadow(live, STR("e"), 3, s));
    assert_true(s->pairs == 2 && s->dropped == 4 && s->agree == 1 && s->labels == 2 && s->only_candidate_right == 1 && s->both_right == 1);
    record(live, &w, 5, 0.8f, 0.9f);
    struct live_batch none_left = {0};
    rollout_live_put_back(live, STR("e"), 3, s, &none_left); /* the database said no */
    assert_true(take_shadow(live, STR("e"), 3, s) && s->pairs == 3 && s->log_ratio.n == 3);
    struct rollout_weights next = weights(4); /* the next rollout begins empty */
    record(live, &next, 6, 0.8f, 0.9f);
    assert_int_equal(rollout_live_labels(live, STR("e"), (int64_t[]){5}, labels, 1), 0);
    assert_true(take_shadow(live, STR("e"), 4, s) && s->pairs == 1);
    free(s);
    rollout_live_destroy(live);
    rollout_live_destroy(NULL);
}

static void notes_are_taken_once(void **state)
{
    (void)state;
    struct rollout_live *live = rollout_live_create();
    struct rollout_weights w = {.control = 1, .candidate = 2, .active = true, .id = 9, .arm_count = 2, .kind = ROLLOUT_BANDIT};
    struct rollout_pick pick = {.version = 2, .arm = ROLLOUT_ARM_CANDIDATE, .index = 1, .propensity = 0.25f}, outside = {.version = 1, .arm = ROLLOUT_ARM_NONE};
    struct rollout_noted n;
    rollout_note(live, STR("e"), &w, 7, T0, &pick);
    rollout_note(live, STR("e"), &w, 8, T0, &outside);
    assert_false(rollout_live_take_note(live, STR("e"), 8, &n));
    assert_true(rollout_live_take_note(live, STR("e"), 7, &n) && n.version == 2 && n.rollout == 9 && n.propensity == 0.25f);
    assert_false(rollout_live_take_note(live, STR("e"), 7, &n));
    rollout_live_put_back_note(live, STR("e"), 7, &n);
    assert_true(rollout_live_take_note(live, STR("e"), 7, &n));
    rollout_live_destroy(live);
}

struct worker {
    struct rollout_live *live;
    int64_t first;
};

static void *work(void *arg)
{
    struct worker *k = arg;
    struct rollout_weights w = weights(1);
    for (int64_t i = 0; i < 5000; i++)
        record(k->live, &w, k->first + i, 0.3f, 0.4f);
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct rollout_live *live = rollout_live_create();
    struct worker workers[4];
    pthread_t threads[4];
    struct rollout_shadow *all = calloc(2, sizeof *all);
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){live, i * 100000};
        threads[i] = thread_start("pairs", work, &workers[i]);
    }
    for (int i = 0; i < 100; i++)
        if (take_shadow(live, STR("e"), 1, &all[1]))
            rollout_shadow_merge(&all[0], &all[1]);
    for (int i = 0; i < 4; i++)
        thread_join(threads[i]);
    if (take_shadow(live, STR("e"), 1, &all[1]))
        rollout_shadow_merge(&all[0], &all[1]);
    assert_true(all[0].pairs == 20000 && all[0].log_ratio.n == 20000 && all[0].delta.n == 20000);
    free(all);
    rollout_live_destroy(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_wait_for_labels), cmocka_unit_test(notes_are_taken_once), cmocka_unit_test(threads_lose_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
