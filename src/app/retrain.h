/* retrain.h - closes the loop: a monitor's trigger runs the endpoint's pipeline on fresh data in a child process, and the version that
 * it registers becomes the candidate of a canary rollout.
 *
 * The endpoint's configuration says how:
 *     retrain: {workspace: /srv/flights,                 folder with dvc.yaml
 *               set: ["split.fit_start=@-45d", ...],     parameters; @ is the end of the window that raised the trigger
 *               result: registered.json,                 written by the pipeline: {"model": NAME, "version": N}
 *               cooldown_days: 7}
 * No `retrain` section: triggers are only reported. Thread-safe. */
#ifndef INGOT_APP_RETRAIN_H
#define INGOT_APP_RETRAIN_H

#include "api/services.h"
#include "app/config.h"
#include "core/pipeline/control.h"

struct retrain;

MUST_USE enum err retrain_open(struct op *op, struct db *db, struct serve *serve, struct str data_dir, struct retrain **ret);
/* After the server listens: where the children find it, and with which token. Takes up the runs that a killed server left. */
MUST_USE enum err retrain_serve(struct op *op, struct retrain *r, const struct config *config, int port);
void retrain_close(struct retrain *r); /* ends children; NULL is ignored */
struct retrainer retrain_hooks(struct retrain *r);
/* Ends runs, and runs pipelines again in the folder in which they ran. */
struct pipeline_control retrain_control(struct retrain *r);

/* "@", "@-45d", "@+12h" relative to `at_us` as RFC 3339; anything else as it is. For tests. */
MUST_USE enum err retrain_expand(struct op *op, struct str text, int64_t at_us, struct str *ret);
/* The section's "result": the file below the workspace that the pipeline writes. What it holds is shown to who reads runs, so E_INVALID: it is
 * absolute, or leads out of the workspace. Borrowed. For tests. */
MUST_USE enum err retrain_result(struct op *op, const struct json *section, struct str *ret);
/* Why a run was started, as the JSON object of its row: by a monitor, or run `run` again from `stage` on ("": whole). Names are cut. For tests. */
struct str retrain_reason(struct op *op, const struct monitor_trigger *why);
struct str retrain_again_reason(struct op *op, int64_t run, struct str stage);

#endif
