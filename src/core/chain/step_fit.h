/* step_fit.h - one step from its plan and one column's values. Private to core/chain. */
#ifndef INGOT_CORE_CHAIN_STEP_FIT_H
#define INGOT_CORE_CHAIN_STEP_FIT_H

#include "base/json.h"
#include "core/chain/transform.h"

/* The values of a column as the steps so far made them. */
struct step_column {
    struct op *op;
    const char *path;              /* for texts: "transform.columns[2].steps[0]" */
    bool text;
    double *v;                     /* one of both */
    struct str *t;
    size_t n;
    const float *labels;           /* NULL: none */
};
/* E_INVALID names the member of the plan, or why the values do not do. What the step holds lives in op's arena, texts borrowed from the column. */
MUST_USE enum err step_fit(const struct step_column *c, const struct json *plan, struct transform_step *ret);

#endif
