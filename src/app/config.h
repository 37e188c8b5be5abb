/* config.h - the server's settings from one table: command line over environment over YAML file over default.
 * A row `name` is --name on the command line, INGOT_NAME in the environment (dashes become underscores) and
 * name (with underscores) in the file given by --config. Unknown keys in the file are errors.
 * The words of `mlflow server` are understood too, on the line and as its MLFLOW_ names in the environment (dropin.h); two names of one thing that
 * disagree at the same level are an error. */
#ifndef INGOT_APP_CONFIG_H
#define INGOT_APP_CONFIG_H

#include "adapter/child/child.h"
#include "app/command.h"
#include "app/outbox.h"
#include "app/telemetry.h"

struct config {
    struct str host;
    int port;
    struct str data_dir;
    bool loopback;            /* host is a loopback address */
    bool auth, insecure;
    const char *tls_cert, *tls_key; /* both or none */
    struct str *allowed_hosts;
    size_t allowed_host_count;
    struct str *allowed_origins;
    size_t allowed_origin_count;
    struct str frame_options;  /* X-Frame-Options; "": none is sent */
    struct str static_prefix;  /* "/mlflow" or "" */
    struct str db;             /* "postgresql://..."; "": SQLite in data_dir */
    struct str blobs;          /* "s3://...", a folder, or "": data_dir */
    const char *ui_dir;        /* NULL: none */
    const char *ui_src;        /* NULL: the interface in the program */
    bool serve_artifacts;      /* false: the artifact proxy answers 503 */
    struct str artifact_root;  /* of new experiments; "": mlflow-artifacts:/ */
    struct str version_source_pattern; /* POSIX extended; "": any source */
    int graphql_root_fields, graphql_aliases;
    bool grpc_stream_plain;    /* ModelStreamInfer as MLServer has it */
    struct outbox_settings webhook;
    struct telemetry_settings telemetry;
    bool triton_metrics;       /* /metrics has Triton's families beside ours */
    struct str *notes;         /* settings that were accepted without an effect, for the log */
    size_t note_count;
    enum child_isolate isolate; /* of foreign engines */
    int models_memory_mib;     /* of all loaded models; 0: no limit */
    int engine_threads;        /* for queued requests; 0: one per core */
    int engine_memory_mib;     /* 0: half of the machine's */
    int io_threads, pool_threads;
    int head_ms, body_ms, idle_ms, drain_ms, connections, connections_per_peer;
    struct str log_level, log_format;
};

/* The one table; ended by name NULL. */
extern const struct option_row config_options[];

/* Reads and checks everything; op->arena owns the texts. E_INVALID names the key and where it was set.
 * An address that is not loopback needs TLS, or `insecure` spelled out; tokens are then always asked for. */
MUST_USE enum err config_load(struct op *op, struct command_ctx *ctx, struct config *ret);
/* "127.0.0.1:5000", "[::1]:5000", ":5000" (loopback); port 0..65535. */
MUST_USE enum err config_parse_listen(struct op *op, struct str text, struct str *ret_host, int *ret_port);

#endif
