/* side.h - the inputs or the outputs of a model as they are declared: read, checked against the model's own, and the shapes turned from one
 * into the other. Private to adapter/declared. */
#ifndef INGOT_ADAPTER_DECLARED_SIDE_H
#define INGOT_ADAPTER_DECLARED_SIDE_H

#include "base/json.h"
#include "port/tensor.h"

struct side_place {          /* where one declared tensor is in the model */
    size_t inner;
    bool reshaped;
    uint32_t rank;           /* the model's shape, with the batch's axis; -1: follows from the rest */
    int64_t shape[LIMIT_TENSOR_RANK];
};
struct side {
    size_t len;
    struct tensor_spec *specs;   /* as declared, with the batch's axis */
    struct side_place *places;
    bool batched;            /* the first axis of all is free and the batch's */
};
enum side_batch { SIDE_EITHER, SIDE_BATCHED, SIDE_WHOLE };
struct side_want {
    enum side_batch batched;
    bool rows;               /* one tensor with any name and type, whose values are rows */
    bool joins;              /* the model's first axes are the batch's */
};
/* `list` NULL: the model's own. Everything is copied into `arena`. E_INVALID names the tensor. */
MUST_USE enum err side_read(struct op *op, struct arena *arena, const struct json *list, const struct side_want *want, const struct tensor_spec *own,
                            size_t own_count, bool input, struct side *ret);
/* A request's tensor as the model wants it. E_INVALID: its values do not fill the model's shape. */
MUST_USE enum err side_give(struct op *op, const struct side *s, size_t i, const struct tensor *t, const struct tensor_spec *own, struct tensor *ret);
/* The model's tensor as it is shown: name and shape are changed in place. E_IO: it does not fill the declared shape. */
MUST_USE enum err side_show(struct op *op, const struct side *s, size_t i, struct tensor *t);

#endif
