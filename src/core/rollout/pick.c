#include "core/rollout/pick.h"

#include <assert.h>

#include "base/hash.h"

/* Copies are drawn by a hash of their own, so that the shadowed share is a fair sample of any other split. */
#define PICK_SHADOW_SALT UINT64_C(0x9e3779b97f4a7c15)

static int place_of(struct str unit_id, uint64_t seed)
{
    return (int)(hash64(unit_id.p, unit_id.len, seed) % ROLLOUT_BUCKETS);
}

static void choose_dealt(const struct rollout_weights *w, int place, struct rollout_pick *ret)
{
    int index = w->bucket[place];
    ret->index = index;
    ret->version = w->arm[index].version;
    ret->arm = index ? ROLLOUT_ARM_CANDIDATE : ROLLOUT_ARM_CONTROL;
    ret->propensity = (float)w->arm[index].permille / ROLLOUT_BUCKETS;
}

static void choose_split(const struct rollout_weights *w, int place, struct rollout_pick *ret)
{
    int slice = w->permille >= 1000 ? 1000 : w->permille <= 500 ? w->permille : 1000 - w->permille;
    bool candidate = place < w->permille;
    ret->version = candidate ? w->candidate : w->control;
    ret->propensity = (float)(candidate ? w->permille : 1000 - w->permille) / ROLLOUT_BUCKETS;
    if (place < slice)
        ret->arm = ROLLOUT_ARM_CANDIDATE;
    else if (place >= 1000 - slice)
        ret->arm = ROLLOUT_ARM_CONTROL;
}

void rollout_choose(const struct rollout_weights *w, struct str unit_id, struct rollout_pick *ret)
{
    *ret = (struct rollout_pick){.version = w->control, .arm = ROLLOUT_ARM_NONE, .propensity = 1};
    if (!w->active)
        return;
    if (w->space_to) {
        int place = place_of(unit_id, w->space_seed);
        if (place < w->space_from || place >= w->space_to)
            return;
    }
    if (w->shadow) {
        if (place_of(unit_id, w->seed ^ PICK_SHADOW_SALT) < w->shadow_permille)
            ret->shadow_version = w->shadow;
        return;
    }
    if (w->arm_count)
        choose_dealt(w, place_of(unit_id, w->seed), ret);
    else if (w->permille > 0)
        choose_split(w, place_of(unit_id, w->seed), ret);
}

int64_t rollout_pick(const struct rollout_weights *w, struct str unit_id, int *ret_arm)
{
    struct rollout_pick pick;
    rollout_choose(w, unit_id, &pick);
    if (ret_arm)
        *ret_arm = pick.arm;
    return pick.version;
}

size_t rollout_versions(const struct rollout_weights *w, int64_t ret[LIMIT_ROLLOUT_ARMS])
{
    size_t n = 0;
    if (!w->active)
        return 0;
    ret[n++] = w->control;
    if (!w->arm_count)
        ret[n++] = w->candidate;
    for (int i = 1; i < w->arm_count; i++)
        ret[n++] = w->arm[i].version;
    return n;
}

void rollout_deal(uint8_t bucket[ROLLOUT_BUCKETS], const int *permille, int arms)
{
    int have[LIMIT_ROLLOUT_ARMS] = {0}, sum = 0;
    assert(arms >= 1 && arms <= LIMIT_ROLLOUT_ARMS);
    for (int i = 0; i < arms; i++) {
        assert(permille[i] >= 0);
        sum += permille[i];
    }
    assert(sum == ROLLOUT_BUCKETS);
    for (int b = 0; b < ROLLOUT_BUCKETS; b++) {
        assert(bucket[b] < arms);
        have[bucket[b]]++;
    }
    /* From the top, so that an arm that falls and rises again gets back what it had. */
    int to = 0;
    for (int b = ROLLOUT_BUCKETS; b-- > 0;) {
        int from = bucket[b];
        if (have[from] <= permille[from])
            continue;
        while (have[to] >= permille[to])
            to++;
        bucket[b] = (uint8_t)to;
        have[from]--;
        have[to]++;
    }
}
