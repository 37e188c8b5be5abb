/* package.h - what is kept beside a trained model: its signature, the MLmodel file that makes the folder a model for
 * mlflow, and the scores of the validation rows. Text goes to the given buffer. */
#ifndef INGOT_CORE_TRAIN_PACKAGE_H
#define INGOT_CORE_TRAIN_PACKAGE_H

#include "core/chain/transform.h"
#include "core/train/rows.h"

/* MLflow's signature: {"inputs": "<JSON text>", "outputs": "<JSON text>"}, one float column per feature, or the columns that the
 * transform takes (NULL: none), double and string. */
void train_signature_json(struct json_out *w, const struct str *names, size_t n, const struct transform *transform);

struct train_package {
    struct str format;       /* engine_info.format: "xgboost" or "ingot-linear" */
    struct str model_file;   /* "model.json", beside MLmodel */
    struct str library_version; /* "1.7.4", or "" */
    struct str run_id;       /* "" = none */
    int64_t created_us;
    const struct str *names;
    size_t features;
    const struct transform *transform; /* NULL: none; else callers name its inputs */
};
/* The YAML of MLmodel. For format xgboost it is mlflow's own flavor, so mlflow.xgboost.load_model reads the folder;
 * every format has the flavor "ingot" {data, format}. With a transform the model alone is not what callers ask, so pyfunc is left out. */
void train_mlmodel(const struct train_package *p, struct buf *out);

/* Parquet with the id and time columns (named as in the params), label (0/1) and score (float). */
MUST_USE enum err train_scores_save(struct op *op, struct table_engine *tables, struct str path,
                                    const struct train_params *params, const struct train_rows *rows, const float *scores);

#endif
