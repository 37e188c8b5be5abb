/* model_server.h - serves models from disk without a database: the model dialects of the platform (V2 over REST and gRPC, V1, TensorFlow
 * Serving's REST, MLflow's scoring) on one port, by the same code. Nothing is written anywhere.
 * Owned by the command that started it. */
#ifndef INGOT_APP_MODEL_SERVER_H
#define INGOT_APP_MODEL_SERVER_H

#include "app/backends.h"
#include "app/telemetry.h"
#include "core/serve/serve.h"

struct model_server_config { /* borrowed; must outlive the server */
    const struct str *paths; /* adapter/repository/repository.h says what they stand for */
    size_t path_count;
    struct str host;
    int port;
    const char *tls_cert, *tls_key; /* both or none */
    struct str token;        /* "": none is asked for. Asked of everybody but public routes */
    const struct str *allowed_hosts;
    size_t allowed_host_count;
    int io_threads;
    bool explicit_load;      /* nothing is loaded until a client asks for it, but for: */
    const struct str *load;  /* names, or "*" */
    size_t load_count;
    int64_t poll_ms;         /* between two looks at the disk; 0: none */
    bool ready_early;        /* the server is ready though a model is not */
    size_t models_memory_bytes; /* of all loaded models; 0: no limit */
    size_t queues_memory_bytes, uploads_memory_bytes; /* of requests that wait or run, of what load requests bring; 0: the usual limits */
    int engine_threads;      /* 0: one per core */
    bool shared_memory;      /* clients may register regions of /dev/shm */
    bool stream_plain;       /* ModelStreamInfer as MLServer has it */
    bool triton_metrics;     /* /metrics has Triton's families beside ours */
    struct telemetry_settings telemetry;
    enum child_isolate isolate;
    size_t engine_memory_bytes;
};
/* The models of `paths` as a source, for a serve of one's own; `config` is borrowed. */
struct serve_source model_server_source(const struct model_server_config *config);
struct model_server;
/* E_NOT_FOUND: a path; E_IO: the address. A model that cannot be loaded is there, not ready, and logged. */
MUST_USE enum err model_server_start(struct op *op, const struct model_server_config *config, struct model_server **ret, int *ret_port);
void model_server_stop(struct model_server *m); /* NULL is ignored */
/* How many models there are, and how many of them answer. */
void model_server_count(struct op *op, struct model_server *m, size_t *ret_models, size_t *ret_ready);

#endif
