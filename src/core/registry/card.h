/* card.h - the model card of a version: what the platform knows (signature, data, metrics, gates, aliases, who moved it) and
 * what its owner writes, in the sections of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). The owner's sections are
 * Markdown; every edit is kept. A section that a version lacks is taken from the nearest version before it and marked so.
 * Answers in op's arena. Errors as in version.h. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_CARD_H
#define INGOT_CORE_REGISTRY_CARD_H

#include "base/json.h"
#include "core/registry/history.h"
#include "core/registry/version.h"
#include "core/track/logged_model.h"
#include "core/track/run.h"

/* A version's tag that keeps what `ingot evaluate` found: its array of gates. */
#define REGISTRY_GATES_TAG "ingot.gates"

struct registry_card_section {
    struct str section, body;
    int64_t version; /* whose text it is */
    int64_t revision, at_us;
    struct str actor, reason;
};
struct registry_card {
    struct registry_version version;
    struct track_run run;        /* row 0: there is none */
    struct logged_model model;   /* row 0: there is none */
    const struct json *signature, *gates, *changes; /* NULL: there are none that can be read */
    struct str *endpoints;
    size_t endpoint_count;
    struct registry_card_section *sections; /* in the order of registry_card_titles */
    size_t section_count;
    struct registry_change *history;        /* of this version, newest first, at most LIMIT_REGISTRY_CARD_HISTORY */
    size_t history_count;
};
struct registry_card_title {
    const char *section, *title; /* "intended_use", "Intended use" */
};
extern const struct registry_card_title registry_card_titles[]; /* ended by section NULL */

MUST_USE enum err registry_card_get(struct op *op, struct db *db, struct str name, int64_t version, struct registry_card *ret);
/* Writes sections; an empty body takes one back. All or nothing, audited as "card.edit"; op->reason is kept with it. What is so
 * already is no edit. E_INVALID: no such section, too long. */
MUST_USE enum err registry_card_set(struct op *op, struct db *db, struct str name, int64_t version, const struct track_kv *sections, size_t n);
/* Every revision, newest first. */
MUST_USE enum err registry_card_edits(struct op *op, struct db *db, struct str name, int64_t version, size_t limit, struct registry_card_section **ret, size_t *ret_len);

#endif
