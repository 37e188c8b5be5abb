/* bind.h - which columns of a data file become which tensors of a model, by name.
 *
 * A model with named features takes the columns of those names, whatever numbers they hold; nulls are NaN, a missing value. A model
 * that describes its inputs one by one ([n] or [n, 1]) takes the columns of the inputs' names, in the inputs' types. An input of
 * several columns ([n, k]) is told its columns: `columns`, in order. All lives in op's arena. Pure; threads: any. */
#ifndef INGOT_CORE_SCORING_BIND_H
#define INGOT_CORE_SCORING_BIND_H

#include "core/scoring/files.h"
#include "core/serve/infer.h"
#include "port/table.h"

/* "a,b,c" for the only input, or for the one named: "x=a,b,c". */
struct scoring_wish {
    const struct str *columns;  /* of that form; none: by the model's names */
    size_t column_count;
    const struct str *keep;     /* columns of the input that go into the output, too */
    size_t keep_count;
    bool keep_all;
};
struct scoring_input {
    struct str name;
    enum tensor_type type;      /* TENSOR_TYPE_COUNT: numbers of the column's own type */
    uint32_t rank;
    size_t width;               /* columns: 1, or of a matrix */
    const size_t *places;       /* `width` indices of scoring_binding.fields */
};
struct scoring_binding {
    struct table_schema fields; /* the columns that are read, each once */
    bool *casts;                /* fields that not all files have in this type */
    struct scoring_input *inputs;
    size_t input_count;
    const size_t *keep;         /* indices of `fields` */
    size_t keep_count;
};
/* `schema`: the columns of `file`, whose name is for the texts. What text files hold is not typed yet: their columns take the type
 * that the model wants (`untyped`). E_INVALID names the column and the file: missing, of a wrong type, or not said. */
MUST_USE enum err scoring_bind(struct op *op, const struct infer_signature *signature, const struct serve_info *info, const struct scoring_wish *wish,
                               const struct table_schema *schema, struct str file, bool untyped, struct scoring_binding *ret);
/* Makes `b` fit another file of the job as well, whose own binding is `other`: numbers that the model alone sees become DOUBLE where the
 * files differ. E_INVALID: a kept column, or one that is no number, is of another type there. */
MUST_USE enum err scoring_bind_join(struct op *op, struct scoring_binding *b, const struct scoring_binding *other, struct str file, bool untyped);
/* The SELECT of rows first .. first + rows - 1 of a file in its order; `whole`: all of it. `nulls`: texts that mean a missing value in
 * text files, beside the empty one. */
MUST_USE enum err scoring_select(struct op *op, const struct scoring_binding *b, const struct scoring_file *f, const struct str *nulls, size_t null_count,
                                 uint64_t first, uint64_t rows, bool whole, struct str *ret);
/* The SELECT of how many rows there are. */
MUST_USE enum err scoring_count(struct op *op, const struct scoring_binding *b, const struct scoring_file *f, const struct str *nulls, size_t null_count,
                                struct str *ret);

#endif
