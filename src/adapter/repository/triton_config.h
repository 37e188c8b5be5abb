/* triton_config.h - what Triton's model configuration (config.pbtxt, or the JSON of a load request) means here.
 *
 *     max_batch_size            batch.max_rows: rows of one request; 0: the model's shapes have no axis of the batch, nothing is joined
 *     dynamic_batching          batch.max_size, .max_delay_us, .preferred and queue.*; without it nothing is joined once max_batch_size is given
 *     instance_group            their counts together are `concurrency`
 *     version_policy            which versions are loaded; none: the latest
 *     response_cache            cache.max_bytes = LIMIT_REPOSITORY_CACHE_BYTES
 *     model_warmup              warmup: the sum of the counts, the shapes of the first sample
 *     input, output             names, types, shapes and labels as clients see them: adapter/declared checks them against the model
 *     backend, platform         which engines may load the file: onnxruntime, fil, or none said
 *     parameters                of the backend "fil": predict_proba, output_class, threshold, model_type
 *     default_model_filename    the file in a version's folder
 * Refused by name: sequence_batching, decoupled transactions, ragged batches, batch_input, batch_output, shape tensors, model_operations,
 * repository agents. Passed over with a note: optimization, what only concerns GPUs, metric_tags, model_metrics, cc_model_filenames.
 * `platform: "ensemble"` is given as it stands: `ensemble`. Threads: any. */
#ifndef INGOT_ADAPTER_REPOSITORY_TRITON_CONFIG_H
#define INGOT_ADAPTER_REPOSITORY_TRITON_CONFIG_H

#include "base/json.h"

enum triton_versions { TRITON_LATEST, TRITON_ALL, TRITON_SPECIFIC };
struct triton_config {
    const struct json *doc;          /* the whole, in Triton's names */
    const struct json *endpoint;     /* for core/serve (core/serve/serve.h); its member "triton" is `doc` */
    enum triton_versions versions;
    int64_t latest;                  /* how many; at least 1 */
    const int64_t *specific;
    size_t specific_len;
    struct str file;                 /* default_model_filename; "": none is said */
    const char *const *engines;      /* names that may load it, NULL-ended; NULL: any */
    struct str declared;             /* for adapter/declared; "": nothing is declared */
    bool ensemble;
    const char *note;                /* what is passed over; NULL: nothing */
};

/* Is this a configuration in Triton's names, not in core/serve's? An empty object is. */
bool triton_config_is(const struct json *doc);
/* All in op's arena. `name`: the model's; `folder`: the model's, for files of labels ("": there is none). E_INVALID says what and, for a
 * text, where; E_UNSUPPORTED names what is not served. */
MUST_USE enum err triton_config_parse(struct op *op, struct str text, struct str name, struct str folder, struct triton_config *ret);
MUST_USE enum err triton_config_of_json(struct op *op, const struct json *doc, struct str name, struct str folder, struct triton_config *ret);

#endif
