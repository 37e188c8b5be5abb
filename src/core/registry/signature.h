/* signature.h - what a model takes and gives, in MLflow's JSON form, and what a change of it means to callers.
 * A signature is {"inputs", "outputs", "params"}; each member is an array of specs or a JSON text of one:
 *     column  {"type": "double", "name": "x", "required": true}    tensor  {"type": "tensor", "name"?, "tensor-spec": {...}}
 *     param   {"name": "beam", "dtype": "integer", "default": 4, "shape": null}
 * (MLflow's "type" of a param is read too). Format: mlflow/types/schema.py, "Model Signatures" of MLflow's manual. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_SIGNATURE_H
#define INGOT_CORE_REGISTRY_SIGNATURE_H

#include "core/registry/semver.h"
#include "core/registry/version.h"
#include "port/blob.h"

struct signature_change {
    enum semver_bump bump; /* what it asks for */
    struct str text;       /* "input 'age' was removed" */
};
struct signature_diff {
    enum semver_bump bump; /* the largest: SEMVER_PATCH when nothing differs */
    struct signature_change *changes; /* the first LIMIT_REGISTRY_CHANGES */
    size_t len, total;
};

/* Compares two texts. What cannot be read counts as no signature: none on both sides is a patch, a new one a minor
 * change, one that is gone a break, because nothing vouches for the callers any more. Answers live in op's arena. Pure but
 * for the memory; never fails. */
void signature_compare(struct op *op, struct str before, struct str after, struct signature_diff *ret);
/* The signature of a version to be, when its author gave none: that of the version it copies, or the one in the MLmodel file
 * of its source, if that lies in our store. "" when there is none, it cannot be read or is longer than LIMIT_REGISTRY_TEXT.
 * Reads the database and the blob store: call it before the write. */
struct str signature_find(struct op *op, struct db *db, struct blob_store *blobs, const struct registry_version_new *v);

#endif
