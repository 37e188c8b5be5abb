/* named.h - the tensors of a request as the inputs of a tensor model, and the outputs that it asks for. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_NAMED_H
#define INGOT_CORE_SERVE_NAMED_H

#include "core/serve/infer.h"
#include "core/serve/rows.h"

struct named_want {
    bool loose;               /* types and shapes are checked by who gets them: a graph's members */
    struct str endpoint;               /* for texts */
    const struct tensor_spec *inputs;
    size_t input_count;
    bool joins;                        /* the first axis of all inputs is the batch */
    struct str id_field, time_field;   /* may come along, unless they are inputs; "": none */
};
/* The inputs in the order of the signature, checked in type, rank and fixed lengths, aligned; one that was left out (only if the
 * signature lets it) has type TENSOR_TYPE_COUNT. *ret_rows: the common first length if the model joins, else 1. Ids and times
 * of the rows go to *extras. E_INVALID names the tensor. */
MUST_USE enum err named_read(struct op *op, const struct named_want *want, const struct tensor_set *set, struct tensor **ret_inputs,
                             size_t *ret_rows, struct rows *extras);

/* Checks the names of the wanted outputs; ret_places[i]: which of the model's the i-th is. ret_places has room for `n`.
 * E_INVALID: unknown, or asked for twice. */
MUST_USE enum err named_outputs(struct op *op, struct str endpoint, const struct infer_want *wanted, size_t n, const struct tensor_spec *outputs,
                                size_t output_count, uint16_t *ret_places);

#endif
