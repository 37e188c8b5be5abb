/* config.h - what of an endpoint's requests is kept or told: the members "payload_log" and "logger" of its configuration.
 *     "payload_log": {"sample": 0.01,          part of the requests whose rows are kept
 *                     "max_bytes": 16777216,   of values in memory; then a file is written
 *                     "flush_s": 300,          no row waits longer for its file; a new hour begins a new file in any case
 *                     "columns": "all",        or a list of features, inputs and outputs by name
 *                     "redact": ["ssn"],       of these the value is never kept, the column is
 *                     "redact_ids": false,     true: nor are id, unit_id and the column that the ids come from; labels cannot be joined then
 *                     "keep_days": 0}          then the file's row is deleted; 0: never
 *     "logger": {"mode": "all",                or "request", "response": CloudEvents of every request, as KServe's logger sends them
 *                "url": "https://sink/", "service": the endpoint's name, "namespace": "default"}
 * What "redact" names is in no event either. A value; texts are the configuration's. */
#ifndef INGOT_CORE_PAYLOAD_CONFIG_H
#define INGOT_CORE_PAYLOAD_CONFIG_H

#include "base/json.h"
#include "base/limits.h"

enum { PAYLOAD_EVENT_REQUEST = 1, PAYLOAD_EVENT_RESPONSE = 2 };
struct payload_config {
    double sample;
    size_t max_bytes;
    int64_t flush_us, keep_us;        /* keep_us 0: for good */
    const struct str *columns;        /* NULL: all */
    size_t column_count;
    const struct str *redact;
    size_t redact_count;
    bool redact_ids;
    unsigned events;                  /* PAYLOAD_EVENT_*; 0: none */
    struct str url, service, space;   /* of events */
};
/* `config`: the endpoint's whole configuration. E_INVALID names the member. */
MUST_USE enum err payload_config_parse(struct op *op, struct str endpoint, const struct json *config, struct payload_config *ret);
/* Is nothing ever to be kept or told? */
static inline bool payload_config_is_off(const struct payload_config *c) { return !(c->sample > 0) && !c->events; }
bool payload_config_takes(const struct payload_config *c, struct str name);
/* ... and by places: "x_3" is value 3 of each row of tensor "x". */
void payload_config_hide_places(const struct payload_config *c, struct str tensor, bool *hidden, size_t width);
bool payload_config_hides(const struct payload_config *c, struct str name);

#endif
