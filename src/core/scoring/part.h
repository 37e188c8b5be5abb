/* part.h - what comes out of one chunk: the kept columns and the model's answers as a table, written as a file that appears whole or
 * not at all.
 *
 * An output of one value per row is one column of its name; one of k values per row is k columns, "name_0" and so on, or "name_label"
 * where the model has labels for them. Half floats become FLOAT, integers BIGINT, BYTES text. Threads: any. */
#ifndef INGOT_CORE_SCORING_PART_H
#define INGOT_CORE_SCORING_PART_H

#include "core/scoring/batch.h"

struct scoring_output {
    const struct infer_signature *signature; /* for labels, and for what a chunk without rows has */
    struct str name;         /* in place of the model's for its only output; "": the model's */
    bool csv;
};
/* The table of a batch and its answer, in op's arena; its columns are views of both. `answer` NULL: no rows. E_INVALID: two columns of
 * one name; E_IO: the answer has not one line per row; E_TOO_LARGE. */
MUST_USE enum err scoring_part_table(struct op *op, const struct scoring_output *out, const struct scoring_batch *b, const struct infer_answer *answer,
                                     struct table_schema *ret_schema, struct table_chunk *ret);
/* Writes it to `path`, durably. The chunk may have any number of rows. */
MUST_USE enum err scoring_part_write(struct op *op, struct table_engine *t, bool csv, struct str path, const struct table_schema *schema,
                                     const struct table_chunk *all);

#endif
