#include "app/fitted.h"

#include "adapter/repository/beside.h"
#include "core/chain/transform_format.h"

enum err fitted_read(struct op *op, struct str model_file, struct fitted *ret)
{
    struct str transform, calibrator;
    struct fitted f = {0};
    enum err e = beside_read(op, model_file, &transform, &calibrator);
    if (!e && transform.len)
        e = transform_read(op, transform, &f.transform);
    if (!e && calibrator.len)
        e = calibrator_read(op, calibrator, &f.calibrator);
    if (e)
        return op_context(op, "beside %.*s", STR_FMT(model_file));
    *ret = f;
    return OK;
}
