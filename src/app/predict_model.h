/* predict_model.h - the model of `ingot predict`, loaded as a server would load it, from wherever it lies: a file, a model repository, a
 * running server's registry (models:/NAME/VERSION, models:/NAME@ALIAS), or the registry in a state folder (--data).
 * Nothing is recorded: there is no monitor. Owned by the command. */
#ifndef INGOT_APP_PREDICT_MODEL_H
#define INGOT_APP_PREDICT_MODEL_H

#include "core/serve/infer.h"

struct predict_place {       /* borrowed */
    struct str ref;          /* as --model has it */
    struct str name;         /* of several in a repository; "": the only one */
    struct str server, token; /* for models:/ */
    bool state;              /* models:/ come from these instead, as app/state.h has them */
    struct str data, db, blobs;
};
struct predict_model;
/* E_NOT_FOUND, E_INVALID: no such model, or several; what loading says. */
MUST_USE enum err predict_model_open(struct op *op, const struct predict_place *place, struct predict_model **ret);
void predict_model_close(struct predict_model *m); /* NULL is ignored */
static inline void predict_model_auto(struct predict_model **m) { predict_model_close(*m); }

struct serve_endpoint *predict_model_endpoint(const struct predict_model *m); /* borrowed */
struct serve *predict_model_serve(const struct predict_model *m);             /* borrowed; for who takes up a changed model */
struct str predict_model_name(const struct predict_model *m);
int64_t predict_model_version(const struct predict_model *m);
/* SHA-256 of the model's bytes in hex; where it is made of several files (a transform beside it, the models of a graph), of their digests. */
const char *predict_model_sha256(const struct predict_model *m);

#endif
