/* control.h - what people may do to a run of a pipeline; the application supplies it (src/app/retrain.c). A value; all may be NULL. Thread-safe. */
#ifndef INGOT_CORE_PIPELINE_CONTROL_H
#define INGOT_CORE_PIPELINE_CONTROL_H

#include "core/pipeline/journal.h"

struct pipeline_control {
    void *arg;
    /* Of a run that this server started. E_NOT_FOUND: it does not run here. */
    enum err (*cancel)(void *arg, struct op *op, int64_t run);
    /* Whether this server can run the pipeline of `run` again: E_DENIED, E_CONFLICT or E_NOT_FOUND say why not. */
    enum err (*check)(void *arg, struct op *op, const struct journal_run *run);
    /* Does so, from `stage` on ("": only what changed). *ret_id: the new run. */
    enum err (*rerun)(void *arg, struct op *op, const struct journal_run *run, struct str stage, int64_t *ret_id);
};

#endif
