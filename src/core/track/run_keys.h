/* run_keys.h - which parameters, metrics and tags the runs of some experiments have, and experiments with the numbers of their runs: what a table of
 * runs offers as columns, and completes while a filter is typed. Of an experiment with many runs the newest and the oldest LIMIT_TRACK_KEY_SAMPLE are
 * looked at (`whole` false), shared between the experiments, so the answer takes the same time however many there are. Thread-safe. */
#ifndef INGOT_CORE_TRACK_RUN_KEYS_H
#define INGOT_CORE_TRACK_RUN_KEYS_H

#include "base/limits.h"
#include "core/track/run_search.h"

struct run_key_value {
    struct str text;    /* the first LIMIT_TRACK_FIND_BYTES bytes or so */
    int64_t count;
};
struct run_key {
    struct str key;
    int64_t count;      /* runs that have it, of those looked at */
    int64_t distinct;   /* values; 0 for metrics */
    struct run_key_value values[LIMIT_TRACK_KEY_VALUES]; /* the most frequent, first of all those */
    size_t value_count;
};
struct run_key_list {
    struct run_key *p;  /* at most LIMIT_TRACK_KEYS, by key */
    size_t len;
    bool more;
};
struct run_keys {
    struct run_key_list metrics, params, tags;
    int64_t runs;       /* looked at */
    bool whole;         /* these are all */
};
/* Active runs of `experiments`, at most LIMIT_TRACK_DATASET_EXPERIMENTS of them; `n` 0: the runs of all. */
MUST_USE enum err run_keys_list(struct op *op, struct db *db, const int64_t *experiments, size_t n, struct run_keys *ret);

struct run_count {
    int64_t experiment;
    struct str name;
    bool deleted;
    int64_t created_ms;
    int64_t runs, running; /* active ones, and those of them that go on */
    int64_t last_ms;       /* start of the newest, deleted ones as well; 0: none */
};
/* All experiments but those that were purged, newest first. `index` NULL: the database counts. */
MUST_USE enum err run_counts_list(struct op *op, struct db *db, struct run_index *index, struct run_count **ret, size_t *ret_len);

#endif
