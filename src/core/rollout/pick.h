/* pick.h - who gets which version: pure, no lock, no clock, ~20 ns. Serving's side of a rollout, with live.h.
 *
 * Assignment is sticky: the same unit gets the same version on every node and after every restart, because it depends only on
 * the unit's id, the rollout's seed and its weights, which stand in the database. It is monotone: when an arm's weight rises, every unit
 * that has it keeps it, and the units that move are as few as the change of weights allows.
 *
 * Use:  struct rollout_pick pick;
 *       rollout_choose(&info->weights, unit_id, &pick);     (weights.active false: pick.version is 0, serve what is live)
 *       answer with pick.version; record pick.arm with the monitor, rollout_note() the pick (live.h; cheap where nothing is to be noted);
 *       pick.shadow_version != 0: answer first, then ask that version too, off the response path, and rollout_pair_record() both. */
#ifndef INGOT_CORE_ROLLOUT_PICK_H
#define INGOT_CORE_ROLLOUT_PICK_H

#include "base/limits.h"
#include "base/str.h"
#include "core/rollout/decide.h"

#define ROLLOUT_BUCKETS 1000

/* A value: the server copies it under its own lock or publishes it by pointer. */
struct rollout_weights {
    int64_t control, candidate; /* version numbers; `candidate`: the first that is not the control */
    int permille;               /* share of all that is not the control, 0..1000 */
    uint64_t seed;              /* of this rollout; stored, so that assignment survives restarts */
    bool active;                /* false: nothing runs, everything goes to what is live, arm NONE */
    enum rollout_kind kind;
    int64_t id;                 /* of the rollout */
    int64_t shadow;             /* version that gets copies; 0 = none. `candidate` says the same, with permille 0 */
    int shadow_permille;        /* share of the units whose requests are copied */
    double threshold, tolerance; /* of the plan: when two answers of a shadowed request agree (live.h) */
    /* A namespace: only units whose place in it lies in [space_from, space_to) take part; the rest is served by the control
     * with arm NONE. space_to 0: everybody. */
    uint64_t space_seed;
    int space_from, space_to;
    /* A/B and bandit: the ROLLOUT_BUCKETS buckets of units are dealt to the arms. arm[0] is the control. 0: not these kinds. */
    int arm_count;
    struct rollout_share {
        int64_t version;
        int permille;
    } arm[LIMIT_ROLLOUT_ARMS];
    uint8_t bucket[ROLLOUT_BUCKETS]; /* index into arm */
};

struct rollout_pick {
    int64_t version;
    int arm;                /* enum rollout_arm: what the monitor records; all arms but the control are CANDIDATE, told apart by version */
    int index;              /* into weights->arm, for A/B and bandit; else 0 */
    int64_t shadow_version; /* 0: none */
    float propensity;       /* the chance that this unit had of this version; 1 where there was no choice */
};
/* Cannot fail. Canary and blue-green: h = hash64(unit_id, seed) % 1000; candidate when h < permille. With slice =
 * min(permille, 1000 - permille), arm CANDIDATE when h < slice and CONTROL when h >= 1000 - slice: two groups of equal size,
 * whatever the weight; at 1000 all are arm CANDIDATE. A/B and bandit: the arm that bucket h was dealt to. */
void rollout_choose(const struct rollout_weights *w, struct str unit_id, struct rollout_pick *ret);
/* The older form of it; ret_arm may be NULL. */
int64_t rollout_pick(const struct rollout_weights *w, struct str unit_id, int *ret_arm);

/* The versions that must be loaded while these weights stand, the control first, each once; how many. 0: nothing runs. */
size_t rollout_versions(const struct rollout_weights *w, int64_t ret[LIMIT_ROLLOUT_ARMS]);

/* Deals the buckets anew so that arm i owns permille[i] of them (the sum must be 1000, asserted), moving as few as possible: only arms that
 * shrink lose buckets, only arms that grow gain some. Pure, so that replaying the weights replays the buckets. */
void rollout_deal(uint8_t bucket[ROLLOUT_BUCKETS], const int *permille, int arms);

#endif
