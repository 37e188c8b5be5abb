/* predict_frame.h - `ingot predict --frame`: a training frame scored as `ingot evaluate` scores it, for pipelines; params.yaml says which
 * columns are what. The command's row has model, frame, params and out. */
#ifndef INGOT_APP_PREDICT_FRAME_H
#define INGOT_APP_PREDICT_FRAME_H

#include "app/command.h"

MUST_USE enum err predict_frame(struct op *op, struct command_ctx *ctx);

#endif
