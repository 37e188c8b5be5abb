/* package.h - what is kept beside a trained model: its signature, the MLmodel file that makes the folder a model for
 * mlflow, and the scores of the validation rows. Text goes to the given buffer. */
#ifndef INGOT_CORE_TRAIN_PACKAGE_H
#define INGOT_CORE_TRAIN_PACKAGE_H

#include "core/train/rows.h"

/* MLflow's signature: {"inputs": "<JSON text>", "outputs": "<JSON text>"}, one float column per feature. */
void train_signature_json(struct json_out *w, const struct str *names, size_t n);

struct train_package {
    struct str format;       /* engine_info.format: "xgboost" or "ingot-linear" */
    struct str model_file;   /* "model.json", beside MLmodel */
    struct str library_version; /* "1.7.4", or "" */
    struct str run_id;       /* "" = none */
    int64_t created_us;
    const struct str *names;
    size_t features;
};
/* The YAML of MLmodel. For format xgboost it is mlflow's own flavor, so mlflow.xgboost.load_model reads the folder;
 * every format has the flavor "ingot" {data, format}. */
void train_mlmodel(const struct train_package *p, struct buf *out);

/* Parquet with the id and time columns (named as in the params), label (0/1) and score (float). */
MUST_USE enum err train_scores_save(struct op *op, struct table_engine *tables, struct str path,
                                    const struct train_params *params, const struct train_rows *rows, const float *scores);

#endif
