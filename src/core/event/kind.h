/* kind.h - what the event stream tells of, in one table. Pure. */
#ifndef INGOT_CORE_EVENT_KIND_H
#define INGOT_CORE_EVENT_KIND_H

#include "base/str.h"

enum event_kind {
    EVENT_RUN,        /* a run itself: begun, ended, renamed, deleted */
    EVENT_METRIC,     /* a run logged something: metrics, parameters, tags, inputs */
    EVENT_EXPERIMENT,
    EVENT_MODEL,      /* a registered model: tags, aliases, description, policy */
    EVENT_VERSION,    /* of a model */
    EVENT_APPROVAL,   /* asked for, decided or commented; the name is the model's */
    EVENT_ENDPOINT,
    EVENT_ROLLOUT,    /* the name is the endpoint's, as in the next three */
    EVENT_WINDOW,     /* a monitor closed a window, or late labels revised one */
    EVENT_ALERT,      /* fired or resolved; of a rule on runs: the rule's name */
    EVENT_RETRAIN,    /* wanted by a monitor, begun or ended */
    EVENT_PIPELINE,   /* a run of a pipeline began or ended; the id is its number */
    EVENT_FEATURE,    /* a feature view */
    EVENT_KINDS
};

struct str event_kind_name(enum event_kind k);      /* "run"; static storage */
bool event_kind_parse(struct str name, enum event_kind *ret);
/* How the stream calls what the kind is about: "id" or "name". */
const char *event_kind_field(enum event_kind k);

#endif
