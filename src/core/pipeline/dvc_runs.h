/* dvc_runs.h - DVC's run cache: for a command with these exact inputs, what came out.
 * Files <cache>/runs/K[0:2]/K/V hold a lock entry as YAML; K is the SHA-256 of the entry with outs reduced to
 * their paths, V of the whole entry. Entries live in op's arena. */
#ifndef INGOT_CORE_PIPELINE_DVC_RUNS_H
#define INGOT_CORE_PIPELINE_DVC_RUNS_H

#include "core/pipeline/dvc_file.h"

/* Whether a run of the stage may be stored and found: cmd, inputs and outputs exist, nothing persists or is
 * always_changed. `save` adds: no plain output is kept out of the cache. */
bool dvc_runs_eligible(const struct workspace *ws, const struct dvc_stage *s, bool save);
/* The newest entry for the inputs in `entry` (its outs need paths only); *ret NULL when there is none. A file
 * that does not parse is passed over. */
MUST_USE enum err dvc_runs_find(struct op *op, const struct workspace *ws, const struct json *entry, const struct json **ret);
MUST_USE enum err dvc_runs_save(struct op *op, const struct workspace *ws, const struct json *entry);
/* 64 hex digits; `key`: outs reduced to paths. */
struct str dvc_runs_hash(struct op *op, const struct json *entry, bool key);

#endif
