/* names.h - what a name, key, id or value may look like in tracking and registry, with the texts that
 * MLflow's clients show to people. All checks are pure; they fail with E_INVALID and name the field.
 * `path` is where the value stood in the request ("metrics[3].key"). Lengths count characters. */
#ifndef INGOT_CORE_TRACK_NAMES_H
#define INGOT_CORE_TRACK_NAMES_H

#include "base/op.h"

/* A key and a value: parameter, tag. */
struct track_kv {
    struct str key, value;
};
struct track_kvs {
    struct track_kv *p;
    size_t len;
};

/* Keys of metrics, parameters and tags: word characters and "/ . - space :", and no path trick. */
MUST_USE enum err names_check_key(struct op *op, struct str key, const char *path);
/* The path tricks alone: a segment "..", ".", or none, a slash at either end. */
MUST_USE enum err names_check_no_path(struct op *op, struct str name, const char *path);
/* "'<what>' exceeds the maximum length of <max> characters". */
MUST_USE enum err names_check_length(struct op *op, const char *what, struct str s, size_t max);
/* The first `max` characters, as MLflow truncates long parameter and tag values. */
struct str names_clip(struct str s, size_t max);
size_t names_char_count(struct str s);
/* "12" as 12. */
MUST_USE enum err names_parse_experiment_id(struct op *op, struct str s, int64_t *ret);
MUST_USE enum err names_check_run_id(struct op *op, struct str run_id);
/* Where an experiment's artifacts go: not empty, no runs: URI, no fragment, no "..". */
MUST_USE enum err names_check_artifact_location(struct op *op, struct str location);
/* A name such as "brisk-heron-412" for a run without one. */
struct str names_random(struct op *op);
/* Python's repr() of a text, for error messages that quote one. */
struct str names_repr(struct op *op, struct str s);
/* The value of `key`, or the empty view with p NULL. The last one wins. */
struct str names_find(const struct track_kv *kvs, size_t n, const char *key);

/* The tag of a run or an experiment that keeps runs from being deleted for good while its value is "true" (core/retention). */
#define TRACK_HOLD_TAG "ingot.hold"

#endif
