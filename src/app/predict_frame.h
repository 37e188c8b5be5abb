/* predict_frame.h - `ingot predict --frame`: a training frame scored as `ingot evaluate` scores it, for pipelines; params.yaml says which
 * columns are what. And what that shares with `ingot evaluate`: reading params.yaml and a model file. Texts name the file. */
#ifndef INGOT_APP_PREDICT_FRAME_H
#define INGOT_APP_PREDICT_FRAME_H

#include "app/command.h"
#include "core/train/params.h"
#include "port/engine.h"

/* The command's row has model, frame, params and out. */
MUST_USE enum err predict_frame(struct op *op, struct command_ctx *ctx);
MUST_USE enum err frame_params_read(struct op *op, struct str path, struct train_params **ret);
/* `sha256`: of the file. The caller unloads *ret. */
MUST_USE enum err frame_model_open(struct op *op, struct str path, char sha256[65], struct model **ret);

#endif
