/* live.h - what a server remembers in memory of its running rollouts: pairs of shadowed answers, and picks that wait for their
 * reward. Serving records here, off the response path; rollout.h and the label calls take out what has come and write it,
 * with the decision, to the database.
 *
 * One `struct rollout_live` per server. All inputs are copied; recording never fails and never blocks for longer than a short lock: what
 * finds no room pushes out the oldest (LIMIT_ROLLOUT_PAIRS, LIMIT_ROLLOUT_NOTES per endpoint), and that is counted. What lies
 * here is written to the database every LIMIT_ROLLOUT_FLUSH_MS (rollout_live_flush, journal.h); a process that is killed loses what came
 * since. Everything that counted for a decision, and every reward and label that was acknowledged, stands in the database.
 * Times are microseconds since 1970 UTC of event time. Thread-safe. */
#ifndef INGOT_CORE_ROLLOUT_LIVE_H
#define INGOT_CORE_ROLLOUT_LIVE_H

#include "base/limits.h"
#include "base/str.h"
#include "core/rollout/pick.h"

struct rollout_live;

struct rollout_live *rollout_live_create(void);
void rollout_live_destroy(struct rollout_live *live); /* NULL is ignored */

/* One request that was answered by the control and copied to the candidate. */
struct rollout_pair {
    int64_t id;                           /* what labels refer to */
    int64_t event_us;
    bool control_ok, candidate_ok;        /* false: that side failed and has no outputs */
    uint32_t control_us, candidate_us;    /* how long each took, the model alone */
    const float *control_out, *candidate_out; /* `outputs` values each; NULL where the side failed */
    size_t outputs;                       /* the first value is the score that labels judge */
};
/* `w`: the weights that the pick was made with; pairs of an older rollout are ignored. Two answers agree when their classes are the same:
 * the largest of several outputs, or the one output on the same side of w->threshold; with w->tolerance > 0: when no
 * output differs by more. */
void rollout_pair_record(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, const struct rollout_pair *pair);
/* Copies that were not made because the queue of copies was full. */
void rollout_pair_dropped(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, uint64_t n);

/* Remembers a pick under the id that rewards will name. Does nothing unless weights are active and of a kind that learns from rewards
 * (A/B, bandit), so that it may be called for every row. */
void rollout_note(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, int64_t id, int64_t event_us,
                  const struct rollout_pick *pick);

/* ---- for rollout.c and its tests: taking out ---- */
struct rollout_noted {
    int64_t rollout, event_us, version;
    float propensity;
};
/* What the journal keeps (journal.c). */
enum live_kind { LIVE_NOTE, LIVE_PAIR, LIVE_TAKEN, LIVE_KIND_COUNT };
struct live_entry {
    int64_t id, event_us, version;
    float a, b; /* the propensity; the two scores */
    uint8_t kind;
};
struct live_batch {
    struct live_entry *entries; /* heap; the holder frees it */
    size_t n;
};
struct rollout_shadow;
/* Anything that was recorded since the last take? Of this endpoint; of any (endpoint of length 0). */
bool rollout_live_pending(struct rollout_live *live, struct str endpoint);
/* Moves out what came since the last call: sums (`ret_sums`, or NULL; *ret_taken: there were some) and entries of the journal. What
 * could not be stored is put back. */
void rollout_live_take(struct rollout_live *live, struct str endpoint, int64_t rollout, struct rollout_shadow *ret_sums, bool *ret_taken,
                       struct live_batch *ret_batch);
void rollout_live_put_back(struct rollout_live *live, struct str endpoint, int64_t rollout, const struct rollout_shadow *sums,
                           struct live_batch *take_batch);
/* No rollout runs: what was not written is wanted by nobody. */
void rollout_live_discard(struct rollout_live *live, struct str endpoint);
/* An entry of the journal, after a start: it waits for its reward or label again. */
void rollout_live_restore(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, const struct live_entry *entry);
/* Joins labels to the pairs that wait for them; each pair once. How many were joined. */
size_t rollout_live_labels(struct rollout_live *live, struct str endpoint, const int64_t *ids, const uint8_t *labels, size_t n);
/* Takes the note of a pick out, so that its reward counts once; false: unknown. */
bool rollout_live_take_note(struct rollout_live *live, struct str endpoint, int64_t id, struct rollout_noted *ret);
void rollout_live_put_back_note(struct rollout_live *live, struct str endpoint, int64_t id, const struct rollout_noted *note);

#endif
