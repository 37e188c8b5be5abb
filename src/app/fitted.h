/* fitted.h - what was fitted with a model and lies beside its file (adapter/repository/beside.h), read for commands that score frames. */
#ifndef INGOT_APP_FITTED_H
#define INGOT_APP_FITTED_H

#include "core/chain/calibrate.h"
#include "core/chain/transform.h"

struct fitted {
    struct transform *transform;     /* NULL: none */
    struct calibrator *calibrator;   /* NULL: none */
};
/* In op's arena. E_INVALID, E_UNSUPPORTED, E_IO. */
MUST_USE enum err fitted_read(struct op *op, struct str model_file, struct fitted *ret);

#endif
