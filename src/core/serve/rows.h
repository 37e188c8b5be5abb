/* rows.h - the tensors of a request as rows of a row model: one matrix, one column per feature, or the entity columns of a
 * feature view, with the id column and the view's time column beside them (infer.h says which forms there are). Private to
 * core/serve. Everything is checked; E_INVALID names the tensor at fault, E_TOO_LARGE the limit. What is made lives in op's
 * arena; a matrix of FP32 is not copied. */
#ifndef INGOT_CORE_SERVE_ROWS_H
#define INGOT_CORE_SERVE_ROWS_H

#include "core/feature/online.h"
#include "port/engine.h"

struct rows_want {
    struct str endpoint;               /* for texts */
    size_t features;
    const struct str *feature_names;   /* `features` of them, or NULL */
    bool doubles;                      /* the model tells doubles from floats */
    const struct feature_view *view;   /* NULL: none */
    struct str id_field;               /* "": none */
};
struct rows {
    size_t count;
    const float *x;                    /* count x features, row major, NaN = missing; NULL: `x64` or `entities` */
    const double *x64;                 /* the same in doubles, for a model that takes them */
    const struct feature_row *entities; /* `count` rows of the view */
    const int64_t *ids;                /* what labels refer to; NULL: none came */
    const int64_t *event_us;           /* NULL: none came */
    struct str unit;                   /* the first id as text; "" without ids */
};
/* A set of tensors by name: small ones are searched, large ones have a map. */
struct tensor_set {
    const struct tensor *all;
    size_t len;
    struct map *map;                   /* NULL: few */
};
/* E_INVALID: two have one name, or there are more than LIMIT_SERVE_INPUTS. */
MUST_USE enum err tensor_set_make(struct op *op, const struct tensor *inputs, size_t n, struct tensor_set *ret);
/* NULL when absent. `hint`: where it is likely to stand. */
const struct tensor *tensor_set_find(const struct tensor_set *s, struct str name, size_t hint);

MUST_USE enum err rows_read(struct op *op, const struct rows_want *want, const struct tensor_set *set, struct rows *ret);
/* The id column alone, for requests whose other tensors are the model's own affair: fills ids and unit when it is there. `n` is
 * how many rows it must have; 0: any. */
MUST_USE enum err rows_read_ids(struct op *op, const struct tensor *t, size_t n, struct rows *ret);
/* The time column: INT64 microseconds, or BYTES in RFC 3339. */
MUST_USE enum err rows_read_times(struct op *op, const struct tensor *t, size_t n, struct rows *ret);

#endif
