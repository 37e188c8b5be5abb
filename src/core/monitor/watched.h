/* watched.h - one watched endpoint inside the monitor: the side that I/O threads record into, and the side that label calls
 * own. Internal to core/monitor.
 *
 * Two locks, always taken in this order: `labels` (held for a whole label call, so for a commit; never by recording) and then
 * `record` (held for nanoseconds). Label calls detach a due window under `record` and then work on it alone. */
#ifndef INGOT_CORE_MONITOR_WATCHED_H
#define INGOT_CORE_MONITOR_WATCHED_H

#include "base/limits.h"
#include "base/thread.h"
#include "core/monitor/monitor.h"

/* Requests of one version that a rollout picked, since the last label call that succeeded. */
struct watched_requests {
    int64_t rollout, version;
    uint64_t n, errors, unnamed; /* unnamed: of nobody in particular */
    struct latency_hist latency;
    struct units units;          /* a bit stands with one version of a rollout only: with the one that came first */
};
/* Made when the first request of a version comes; NULL: not yet. */
struct watched_table {
    struct watched_requests *slot[LIMIT_ROLLOUT_ARMS];
};

struct watched {
    char name[LIMIT_MONITOR_ENDPOINT_NAME + 1];
    size_t name_len;

    struct mutex record;
    /* under `record`: */
    struct predbuf *open[LIMIT_MONITOR_OPEN_WINDOWS]; /* in no order; at most one that takes new rows per event time */
    size_t open_count, open_rows;
    size_t features;
    int64_t window_us, closed_until_us, watermark_us, latest_event_us;
    struct watched_table requests;
    struct latency_hist latency;          /* since start */
    struct monitor_stats counts;          /* the counters of it; the rest is filled on demand */

    struct mutex labels;
    /* under `labels`: */
    bool loaded;                          /* the database's memory of this endpoint was read */
    struct monitor_config config;
    struct reference *reference;          /* NULL: none yet */
    struct rule_state *states;            /* rules_slots(state_features) */
    struct str *state_names;              /* of the features the states are for; heap */
    size_t state_features;
    int64_t last_trigger_us;              /* end of the window of the last trigger; INT64_MIN: none */
    struct watched_table spare;           /* what a label call has drained */
};

/* NULL without memory. */
struct watched *watched_create(struct str name);
void watched_destroy(struct watched *e); /* NULL is ignored */
struct str watched_name(const struct watched *e);

/* Under no lock; takes `record`. */
void watched_record(struct watched *e, const struct prediction *p, size_t n);

/* For the holder of `labels`. A due window that is put back keeps its rows. */
struct due {
    struct predbuf *windows[LIMIT_MONITOR_OPEN_WINDOWS];
    size_t rows[LIMIT_MONITOR_OPEN_WINDOWS];
    size_t count;
};
/* All open windows with their row counts as of now; they stay open. Oldest first. */
void watched_look(struct watched *e, struct due *ret);
/* Takes out the windows that end at or before `until_us` (INT64_MAX: all), oldest first. */
void watched_detach(struct watched *e, int64_t until_us, struct due *ret);
void watched_put_back(struct watched *e, const struct due *due);
/* Swaps the request counters with the spare ones, which were empty; put_back adds them again. */
void watched_drain_requests(struct watched *e);
void watched_restore_requests(struct watched *e);
void watched_forget_requests(struct watched *e);

/* Makes the rule states fit to `names`, keeping those of the same name. False without memory. */
MUST_USE bool watched_fit_states(struct watched *e, const struct str *names, size_t features);

#endif
