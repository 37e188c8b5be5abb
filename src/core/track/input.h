/* input.h - the datasets and logged models that a run read, and the models it made.
 * A dataset is one per (experiment, name, digest); logging the same use again changes nothing. */
#ifndef INGOT_CORE_TRACK_INPUT_H
#define INGOT_CORE_TRACK_INPUT_H

#include "core/track/run.h"

/* E_NOT_FOUND: run or model; E_CONFLICT: run deleted; E_INVALID: lengths. All or nothing. */
MUST_USE enum err input_log(struct op *op, struct db *db, struct str run_id, const struct track_dataset *datasets, size_t dataset_count, const struct track_run_model *models, size_t model_count);
MUST_USE enum err input_log_outputs(struct op *op, struct db *db, struct str run_id, const struct track_run_model *models, size_t model_count);
/* Inside a transaction: fills datasets, inputs and outputs of `run`. */
MUST_USE enum err input_load(struct op *op, struct db_tx *tx, struct track_run *run);
/* Inside a transaction: one use of a dataset, unchecked; the same use again changes nothing. */
MUST_USE enum err input_add_dataset(struct op *op, struct db_tx *tx, const struct track_run_head *run, const struct track_dataset *d);

#endif
