/* endpoint.h - one state of one endpoint: immutable, counted, built by serve.c and read by I/O threads. Private to
 * core/serve; its public side stands in serve.h (serve_endpoint_info, serve_release). */
#ifndef INGOT_CORE_SERVE_ENDPOINT_H
#define INGOT_CORE_SERVE_ENDPOINT_H

#include <stdatomic.h>

#include "base/limits.h"
#include "core/serve/serve.h"
#include "core/serve/spec.h"
#include "core/serve/version.h"

struct batcher;
struct cache;
struct mirror;

struct serve_endpoint {
    atomic_int refs;
    struct arena *arena;     /* holds this struct and what it points to */
    struct serve_info info;
    struct serve_spec spec;
    struct serve_version *loaded[LIMIT_SERVE_VERSIONS]; /* ascending by version */
    size_t loaded_len;
    const struct chain *chains[LIMIT_SERVE_VERSIONS]; /* of each loaded version; NULL: none */
    bool unfit[LIMIT_SERVE_VERSIONS]; /* the configuration does not fit that version: it does not answer */
    struct tally *tallies[LIMIT_SERVE_VERSIONS]; /* references */
    size_t tally_len;
    struct feature_table *table; /* NULL = no view */
    struct monitor *monitor;     /* NULL = nothing is recorded */
    struct payload *payload;     /* NULL = nothing is kept or told */
    struct cache *cache;         /* counted; NULL: answers are not kept */
    struct rollout_live *live;   /* NULL: picks are not noted */
    struct mirror *mirror;       /* NULL: nothing is shadowed */
    struct batcher *batcher;     /* NULL: everything runs on the thread that asks */
    struct str problem;          /* why it is not ready; "" = not known */
};

struct serve_state {         /* what a new state is made of; everything is copied or counted */
    struct str name, config_text;
    int64_t live;
    struct rollout_weights weights;
    struct serve_version *const *loaded; /* at most LIMIT_SERVE_VERSIONS */
    size_t loaded_len;
    struct feature_table *table;
    struct monitor *monitor;
    struct payload *payload;
    struct batcher *batcher;
    struct cache *cache;
    struct rollout_live *live_notes;
    struct mirror *mirror;
    struct str problem;
    const struct serve_endpoint *old; /* the state before, whose counters go on; NULL: none */
};
/* One reference. E_INVALID only for a configuration that does not parse. */
MUST_USE enum err serve_endpoint_make(struct op *op, const struct serve_state *state, struct serve_endpoint **ret);
struct serve_endpoint *serve_endpoint_ref(struct serve_endpoint *e);
/* NULL when that version is not loaded. */
struct serve_version *serve_endpoint_version(const struct serve_endpoint *e, int64_t version);
/* The model's features must be the view's, in number, order and (when the file has names) name. */
MUST_USE enum err serve_features_match(struct op *op, const struct engine_info *info, const struct feature_view *view);

#endif
