#include "port/origin.h"

void origin_close(struct origin *o)
{
    if (!o || !o->ops)
        return;
    o->ops->close(o->self);
    *o = (struct origin){0};
}
