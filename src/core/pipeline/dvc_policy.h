/* dvc_policy.h - Ingot's own settings of a stage, under meta.ingot of dvc.yaml, where stock dvc ignores them:
 *     meta: {ingot: {retry: {attempts: 3, backoff: 2}, timeout: 600, env: {OMP_NUM_THREADS: 2}}}
 * Seconds (whole or fractional). Unknown keys are E_INVALID, known but unbuilt ones E_UNSUPPORTED. */
#ifndef INGOT_CORE_PIPELINE_DVC_POLICY_H
#define INGOT_CORE_PIPELINE_DVC_POLICY_H

#include "core/pipeline/dvc_file.h"

/* `meta` NULL or without `ingot`: one attempt, no timeout. */
MUST_USE enum err dvc_policy_parse(struct op *op, const struct json *meta, const char *where, struct dvc_policy *ret);

#endif
