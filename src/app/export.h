/* export.h - the tracking and registry state as a folder of plain files, for people and for `ingot import ingot`.
 *
 * DIR/manifest.json says what it is and how much of each kind there is; it is written last, so a folder without it is not whole.
 * DIR/<kind>.jsonl holds one JSON object per line: {"mlflow": the object as MLflow's REST API shows it, "more": what that leaves out}.
 * points.jsonl holds {"run_id", "key", "points": [[time_ms, step, value], ...]}, many lines per run, a run's lines one after the other;
 * artifacts.jsonl holds {"path", "sha256", "size_bytes"} in the order of the paths; DIR/blobs/ab/<sha256> holds the bytes.
 * All of it is one snapshot of the database. */
#ifndef INGOT_APP_EXPORT_H
#define INGOT_APP_EXPORT_H

#include "port/blob.h"
#include "port/db.h"

enum export_kind { EXPORT_EXPERIMENTS, EXPORT_RUNS, EXPORT_POINTS, EXPORT_LOGGED_MODELS, EXPORT_MODELS, EXPORT_VERSIONS, EXPORT_ARTIFACTS, EXPORT_KINDS };
struct export_report {
    int64_t counts[EXPORT_KINDS];
    int64_t bytes; /* of blobs that were written */
};

const char *export_kind_name(enum export_kind k); /* "logged_models": also the file's name */
/* E_EXISTS: `dir` holds a whole export already. A folder that an interrupted export left is written anew; blobs that are there stay. */
MUST_USE enum err export_write(struct op *op, struct db *db, struct blob_store *blobs, const char *dir, struct export_report *ret);

#endif
