/* dvc_stage.h - one stage against the workspace: has it changed, can its outputs be restored, record a run.
 * Nothing here runs a command. Everything lives in op's arena. One thread at a time; the repository lock is held. */
#ifndef INGOT_CORE_PIPELINE_DVC_STAGE_H
#define INGOT_CORE_PIPELINE_DVC_STAGE_H

#include "core/pipeline/dvc_lock.h"

struct dvc_session {
    struct workspace *ws;
    struct dvc_state state;
    struct dvc_lock *lock;
};
struct dvc_inputs {
    struct dvc_digest *deps; /* along stage->deps */
    struct json *params;     /* along stage->params: an object of dotted key -> value, sorted by key */
};

/* Reads and hashes what the stage depends on. E_NOT_FOUND: a dependency or parameter is missing. */
MUST_USE enum err dvc_stage_inputs(struct op *op, struct dvc_session *d, const struct dvc_stage *s, struct dvc_inputs *ret);
/* Why the command must run anew, in words, or NULL: command, dependencies and parameters are as recorded. */
const char *dvc_stage_changed(struct op *op, const struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in);
/* Why the outputs are not what the lock says, or NULL. Only asked when the stage has a lock entry. */
MUST_USE enum err dvc_stage_outs_changed(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const char **ret_why);
/* Puts outputs in place from the cache: those of the lock entry when the inputs are unchanged, else those of
 * the run cache. *ret_done false: neither has them, nothing was touched. `dry` only looks. */
MUST_USE enum err dvc_stage_restore(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in,
                                    bool unchanged, bool dry, bool *ret_done);
/* Removes outputs that do not persist. */
MUST_USE enum err dvc_stage_clean(struct op *op, const struct dvc_stage *s);
/* After a successful run (or for a frozen stage): hashes the outputs, caches them, sets the lock entry and the
 * run cache. E_NOT_FOUND: an output was not made. */
MUST_USE enum err dvc_stage_record(struct op *op, struct dvc_session *d, const struct dvc_stage *s, const struct dvc_inputs *in);

#endif
