/* dropin.h - what the words of `mlflow server` mean here, so that a unit file or a container that starts MLflow starts Ingot with one
 * word changed. Most of upstream's flags are settings of ours under the same name (config.c); this module knows the names that MLflow
 * gives them in the environment, the two URIs that mean more than one setting (--backend-store-uri, --artifacts-destination), and the
 * flags that mean nothing or nothing good here. docs/drop-in.md has the tables. Pure but for dropin_check_store(). Thread-safe. */
#ifndef INGOT_APP_DROPIN_H
#define INGOT_APP_DROPIN_H

#include "app/command.h"

/* The environment name that MLflow gives the setting `name` ("port": "MLFLOW_PORT"), or NULL. */
const char *dropin_env(const char *name);

/* Does the setting `name` also follow from a setting of MLflow's that means more than one thing? NULL: no. "data" and "db":
 * "backend-store-uri", "blobs": "artifacts-destination". */
const char *dropin_source(const char *name);
/* What the value of that setting says about `name`; p NULL: nothing. E_INVALID, E_UNSUPPORTED: a URI that Ingot cannot take, with what
 * to do instead. sqlite:///DIR/mlflow.db puts the state into DIR/mlflow.db.ingot: MLflow's own file is never touched. */
MUST_USE enum err dropin_translate(struct op *op, const char *name, struct str uri, struct str *ret);

/* How the setting `name`, given as `value`, is dealt with: E_UNSUPPORTED with what to do instead; OK with a note in *ret_note when it has no
 * effect here (else NULL). `backend` is the value of backend-store-uri, "" when there is none. */
MUST_USE enum err dropin_judge(struct op *op, const char *name, struct str value, struct str backend, const char **ret_note);

/* E_CONFLICT when `uri` (sqlite: or a folder) holds what MLflow wrote and `data` holds nothing of ours yet: starting empty beside it would look
 * like lost data. The text says how to import; `destination` is the value of artifacts-destination or "". */
MUST_USE enum err dropin_check_store(struct op *op, struct str uri, struct str data, struct str destination);

/* "/mlflow": starts with "/", does not end with it, no "//", no dot segment, no braces. */
MUST_USE enum err dropin_check_prefix(struct op *op, struct str prefix);

#endif
