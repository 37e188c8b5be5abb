#include "core/rollout/pick.h"

#include "num/special.h"
#include "rollout_fixture.h"

enum { UNITS = 100000 };

static struct str unit_name(char *buf, size_t n, int i)
{
    return (struct str){buf, (size_t)snprintf(buf, n, "user-%d", i)};
}

static struct rollout_weights dealt(const int *permille, int arms)
{
    struct rollout_weights w = {.control = 10, .candidate = 11, .seed = 77, .active = true, .kind = ROLLOUT_AB, .arm_count = arms};
    for (int i = 0; i < arms; i++) {
        w.arm[i].version = 10 + i;
        w.arm[i].permille = permille[i];
    }
    rollout_deal(w.bucket, permille, arms);
    return w;
}

static void arms_get_their_shares(void **state)
{
    (void)state;
    static const int permille[] = {400, 300, 250, 50};
    struct rollout_weights w = dealt(permille, 4);
    double counts[4] = {0}, chi2 = 0;
    char text[32];
    for (int i = 0; i < UNITS; i++) {
        struct rollout_pick p, again;
        rollout_choose(&w, unit_name(text, sizeof text, i), &p);
        rollout_choose(&w, unit_name(text, sizeof text, i), &again);
        assert_true(p.version == again.version && p.version == 10 + p.index && p.arm == (p.index ? ROLLOUT_ARM_CANDIDATE : ROLLOUT_ARM_CONTROL));
        assert_true(fabs((double)p.propensity - permille[p.index] / 1000.0) < 1e-6 && !p.shadow_version);
        counts[p.index]++;
    }
    for (int i = 0; i < 4; i++) {
        double want = UNITS * permille[i] / 1000.0;
        chi2 += (counts[i] - want) * (counts[i] - want) / want;
    }
    assert_true(special_chi2_sf(chi2, 3) > 0.001);
    int64_t versions[LIMIT_ROLLOUT_ARMS];
    assert_true(rollout_versions(&w, versions) == 4 && versions[0] == 10 && versions[3] == 13);
    w.active = false;
    struct rollout_pick p;
    rollout_choose(&w, STR("x"), &p);
    assert_true(rollout_versions(&w, versions) == 0 && p.arm == ROLLOUT_ARM_NONE);
}

/* Random walks of the shares: exact shares, and no bucket moves that need not. */
static void dealing_moves_the_fewest(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    uint8_t bucket[ROLLOUT_BUCKETS] = {0}, before[ROLLOUT_BUCKETS];
    int old[4] = {1000, 0, 0, 0};
    for (int round = 0; round < 500; round++) {
        int want[4] = {0}, have[4] = {0}, moved = 0, least = 0;
        for (int left = 1000, i = 0; i < 4; i++) {
            want[i] = i == 3 ? left : (int)rng_below(&rng, (uint64_t)left + 1);
            left -= want[i];
        }
        memcpy(before, bucket, sizeof bucket);
        rollout_deal(bucket, want, 4);
        for (int b = 0; b < ROLLOUT_BUCKETS; b++) {
            have[bucket[b]]++;
            moved += bucket[b] != before[b];
            /* Who had an arm that did not shrink keeps it. */
            assert_true(want[before[b]] < old[before[b]] || bucket[b] == before[b]);
        }
        for (int i = 0; i < 4; i++) {
            assert_int_equal(have[i], want[i]);
            least += want[i] > old[i] ? want[i] - old[i] : 0;
            old[i] = want[i];
        }
        assert_int_equal(moved, least);
    }
}

static void shadows_are_a_fair_sample(void **state)
{
    (void)state;
    struct rollout_weights w = {.control = 1, .candidate = 2, .seed = 5, .active = true, .kind = ROLLOUT_SHADOW, .shadow = 2, .shadow_permille = 200};
    int copies = 0, both = 0, first = 0;
    char text[32];
    struct rollout_weights canary = {.control = 1, .candidate = 2, .seed = 5, .active = true, .permille = 100};
    for (int i = 0; i < UNITS; i++) {
        struct rollout_pick p, q;
        rollout_choose(&w, unit_name(text, sizeof text, i), &p);
        rollout_choose(&canary, unit_name(text, sizeof text, i), &q);
        assert_true(p.version == 1 && p.arm == ROLLOUT_ARM_NONE && p.propensity == 1 && (p.shadow_version == 0 || p.shadow_version == 2));
        copies += p.shadow_version == 2;
        first += q.version == 2;
        both += p.shadow_version == 2 && q.version == 2;
    }
    assert_true(abs(copies - UNITS / 5) < 5 * 127 && abs(both - first / 5) < 5 * 40);
}

static void namespaces_divide_the_units(void **state)
{
    (void)state;
    static const int half[] = {500, 500};
    struct rollout_weights a = dealt(half, 2), b = dealt(half, 2);
    a.space_seed = b.space_seed = 99;
    a.space_from = 0;
    a.space_to = b.space_from = 400;
    b.space_to = 1000;
    int in_a = 0, candidates = 0;
    char text[32];
    for (int i = 0; i < UNITS; i++) {
        struct rollout_pick p, q;
        rollout_choose(&a, unit_name(text, sizeof text, i), &p);
        rollout_choose(&b, unit_name(text, sizeof text, i), &q);
        assert_true((p.arm == ROLLOUT_ARM_NONE) != (q.arm == ROLLOUT_ARM_NONE)); /* in one of the two, never in both */
        in_a += p.arm != ROLLOUT_ARM_NONE;
        candidates += p.version == 11;
    }
    assert_true(abs(in_a - 40000) < 5 * 155 && abs(candidates - in_a / 2) < 5 * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arms_get_their_shares), cmocka_unit_test(dealing_moves_the_fewest),
        cmocka_unit_test(shadows_are_a_fair_sample), cmocka_unit_test(namespaces_divide_the_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
