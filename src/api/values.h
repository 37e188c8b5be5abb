/* values.h - the values of tensors in JSON, for every dialect that speaks it: lists of numbers, texts and booleans, flat or nested as
 * the shape says, become typed arrays and back.
 *
 * Reading checks everything: the nesting and the number of values against the shape, every value against the type: range, fractions,
 * booleans, UTF-8. null is NaN where the type has one. E_INVALID names the tensor ("input \"x\": ..."). What is read lives in op's arena;
 * texts are views into the parsed document. Documents are best parsed with JSON_PACK; lists that are not packed are read as well.
 * No threads. */
#ifndef INGOT_API_VALUES_H
#define INGOT_API_VALUES_H

#include "base/json.h"
#include "port/tensor.h"

enum values_flags {
    VALUES_B64 = 1 << 0,   /* BYTES may be {"b64": text} (TensorFlow Serving); written so where `values_write` is told */
    VALUES_HALF = 1 << 1,  /* FP16 and BF16 are read from numbers */
    VALUES_NULLS = 1 << 3, /* a null stands for an empty text, as in tables with missing values */
    VALUES_TEXTS = 1 << 2, /* numbers may stand as texts ("1.5"), as in CSV */
};
/* `t` has name, type, rank, shape and count; fills data or texts. */
MUST_USE enum err values_read(struct op *op, const struct json *data, unsigned flags, struct tensor *t);
/* The shape that the nesting of `data` shows: fills rank, shape, count of `t`. A value that is no list is a scalar. E_INVALID: ragged, or too deep. */
MUST_USE enum err values_shape(struct op *op, const struct json *data, struct tensor *t);
/* One value of a document at (flat) place `i` of a tensor: for dialects that gather columns. `t->data` or `texts` is there and writable. */
MUST_USE enum err values_put(struct op *op, const struct json *value, unsigned flags, const struct tensor *t, size_t i);
/* Room for t->count values in op's arena. E_TOO_LARGE. */
MUST_USE enum err values_room(struct op *op, struct tensor *t);

enum values_style { VALUES_FLAT, VALUES_NESTED };
/* Writes the values as a list (a scalar: the value). `refuse`: E_INVALID for NaN and infinities, else as w->nonfinite says. BYTES that are not UTF-8
 * are E_INVALID unless `flags` has VALUES_B64, which writes every text as {"b64": ...}. */
MUST_USE enum err values_write(struct op *op, struct json_out *w, const struct tensor *t, enum values_style style, unsigned flags, bool refuse);
/* The values [from, from + n) only, flat and without brackets around them: one row of many. */
MUST_USE enum err values_write_some(struct op *op, struct json_out *w, const struct tensor *t, size_t from, size_t n, unsigned flags, bool refuse);
/* The member `key`: [{"name", "datatype", "shape", "optional"}], the last only if asked for. */
void values_specs_write(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t n, bool optional);

#endif
