/* origin.h - what `ingot import mlflow URI` may name, opened as an origin. */
#ifndef INGOT_APP_ORIGIN_H
#define INGOT_APP_ORIGIN_H

#include "port/origin.h"

struct origin_choice {
    struct str uri;             /* sqlite:///FILE, a file, postgresql://..., http://... */
    struct str artifact_folder; /* what mlflow-artifacts:/ is there; empty: not known */
    bool any_schema;
};
/* `ret_name` is what the source is called in marks and reports: no secrets, and the same however the path was written. */
MUST_USE enum err origin_open(struct op *op, const struct origin_choice *choice, struct origin *ret, struct str *ret_name);
/* A folder that `ingot export` wrote. */
MUST_USE enum err origin_open_export(struct op *op, struct str dir, struct origin *ret, struct str *ret_name);

#endif
