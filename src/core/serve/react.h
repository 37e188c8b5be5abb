/* react.h - what follows from a monitor's report: the weights of a rollout's decision are published, and each wish to retrain is
 * handed on. Whoever gets a report (the label route, the ticker) passes it here, once. Thread-safe. */
#ifndef INGOT_CORE_SERVE_REACT_H
#define INGOT_CORE_SERVE_REACT_H

#include "core/serve/serve.h"

/* What happens when a monitor wants a retraining; the application supplies it (src/app/retrain.c). A value. */
struct retrainer {
    void *arg;
    /* Starts the endpoint's pipeline on fresh data, unless the endpoint has none or one runs already: *ret_started. NULL: nothing
     * is retrained. */
    enum err (*trigger)(void *arg, struct op *op, struct str endpoint, const struct monitor_trigger *why, bool *ret_started);
    bool (*pending)(void *arg, struct str endpoint); /* one runs */
    /* "retrains": the endpoint's retraining runs, newest first, as a JSON array. */
    enum err (*list_json)(void *arg, struct op *op, struct str endpoint, struct json_out *w);
};

/* *ret_started: pipelines started. On an error the report's rows stand all the same: they were committed with it. */
MUST_USE enum err serve_react(struct op *op, struct serve *s, const struct retrainer *r, struct str endpoint, const struct monitor_report *report,
                              size_t *ret_started);

#endif
