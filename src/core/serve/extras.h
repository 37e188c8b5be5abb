/* extras.h - what lies beside a version's model: the transform and the calibrator fitted with it, its signature, and the ranges of
 * its training data. Read once when the version is loaded; immutable. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_EXTRAS_H
#define INGOT_CORE_SERVE_EXTRAS_H

#include "core/chain/chain.h"
#include "core/serve/serve.h"

struct serve_version;

struct extras {
    struct arena *arena;               /* holds this struct and what it points to */
    const struct transform *transform; /* NULL: none */
    const struct calibrator *calibrator; /* NULL: none */
    struct str signature;              /* "": none */
    const double *mins, *maxs;         /* of each feature of the model; NULL: not known */
};
/* Gives the version what `files` hold beside the model; nothing if there is nothing. E_INVALID, E_UNSUPPORTED: a file cannot be read or does not fit. */
MUST_USE enum err extras_load(struct op *op, struct serve_version *v, const struct serve_files *files);
void extras_destroy(struct extras *x); /* NULL is ignored */
/* The version's transform, or NULL. */
const struct transform *extras_transform(const struct serve_version *v);
/* Do both take the same columns from callers? Of versions with transforms only. */
bool extras_inputs_alike(const struct transform *a, const struct transform *b);

#endif
