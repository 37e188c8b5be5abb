/* cmd_serve.c - `ingot serve PATH...`: models from disk, no database, no state. */
#include <signal.h>
#include <stdio.h>

#include "adapter/child/child.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/model_server.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

static const struct option_row serve_options[] = {
    {"listen", OPTION_STRING, "HOST:PORT", "address to serve on, REST and gRPC", "127.0.0.1:8000", false},
    {"token-file", OPTION_STRING, "FILE", "ask every client for the token in this file", NULL, false},
    {"tls-cert", OPTION_STRING, "FILE", "certificate chain (PEM)", NULL, false},
    {"tls-key", OPTION_STRING, "FILE", "its private key (PEM)", NULL, false},
    {"insecure", OPTION_FLAG, NULL, "serve another address than loopback without TLS and token", NULL, false},
    {"allowed-host", OPTION_MULTI, "HOST", "a Host value to accept besides loopback names; may repeat", NULL, false},
    {"model-control-mode", OPTION_STRING, "MODE", "none: load all at the start; explicit: when a client asks; poll: look at the disk again and again", "none", false},
    {"explicit", OPTION_FLAG, NULL, "short for --model-control-mode explicit", NULL, false},
    {"load-model", OPTION_MULTI, "NAME", "load this model at the start in the mode explicit; * = all; may repeat", NULL, false},
    {"repository-poll-s", OPTION_INT, "SECONDS", "between two looks in the mode poll; a model that still changes is left alone", "15", false},
    {"strict-readiness", OPTION_STRING, "true|false", "the server is ready only when every model is", "true", false},
    {"models-memory-mb", OPTION_INT, "MIB", "memory that all loaded models together may take; 0 = no limit", "0", false},
    {"queues-memory-mb", OPTION_INT, "MIB", "memory that all requests which wait or run may hold; 0 = 1024", "0", false},
    {"uploads-memory-mb", OPTION_INT, "MIB", "memory for files that load requests bring, until their models are unloaded; 0 = 1024", "0", false},
    {"engine-threads", OPTION_INT, "N", "threads for models that are too dear for an I/O thread; 0 = one per core", "0", false},
    {"io-threads", OPTION_INT, "N", "I/O threads; 0 = one per core", "0", false},
    {"shared-memory", OPTION_FLAG, NULL, "let clients that may load models name files in /dev/shm for tensors (Triton's system shared memory)", NULL, false},
    {"grpc-stream", OPTION_STRING, "FORM", "answers of ModelStreamInfer: triton or mlserver", "triton", false},
    {"otlp-endpoint", OPTION_STRING, "URL", "OpenTelemetry collector that gets traces: http://HOST:4318; none: OTEL_EXPORTER_OTLP_ENDPOINT", NULL, false},
    {"otlp-headers", OPTION_STRING, "LIST", "fields that it asks for: name=value, by comma", NULL, false},
    {"otlp-protocol", OPTION_STRING, "WORD", "http/protobuf or http/json", NULL, false},
    {"trace-sample", OPTION_STRING, "P", "part of the requests that leave a trace, 0 to 1, unless their caller decided; 0.01 if nothing is said", NULL, false},
    {"triton-metrics", OPTION_FLAG, NULL, "metrics under Triton's names (nv_inference_*) as well", NULL, false},
    {"engines-isolate", OPTION_STRING, "WORD", "foreign engines (ONNX Runtime) in processes of their own: auto, always or never", "auto", false},
    {"engines-memory-mb", OPTION_INT, "MIB", "memory that one of these processes may take; 0 = half of the machine's", "0", false},
    {0},
};

static enum err word_find(struct op *op, struct command_ctx *ctx, const char *option, const char *const *words, size_t n, size_t *ret)
{
    struct str text = command_str(ctx, option);
    for (size_t i = 0; i < n; i++) {
        if (str_eqc(text, words[i])) {
            *ret = i;
            return OK;
        }
    }
    return op_fail(op, E_INVALID, "--%s: '%.*s' is not one of its words; see --help", option, STR_FMT(text));
}

static enum err words_read(struct op *op, struct command_ctx *ctx, struct model_server_config *c)
{
    static const char *const streams[] = {"triton", "mlserver"};
    size_t stream = 0;
    enum err e = child_isolate_parse(command_str(ctx, "engines-isolate"), &c->isolate)
                     ? OK
                     : op_fail(op, E_INVALID, "--engines-isolate must be auto, always or never");
    if (!e)
        e = word_find(op, ctx, "grpc-stream", streams, ARRAY_LEN(streams), &stream);
    c->stream_plain = stream == 1;
    int64_t mib = command_int(ctx, "engines-memory-mb"), threads = command_int(ctx, "io-threads");
    if (!e && (mib < 0 || mib > INT32_MAX || threads < 0 || threads > 256))
        e = op_fail(op, E_INVALID, "--engines-memory-mb or --io-threads is out of range");
    c->engine_memory_bytes = (size_t)mib << 20;
    c->io_threads = (int)threads;
    return e;
}

static enum err memory_read(struct op *op, struct command_ctx *ctx, const char *option, size_t *ret_bytes)
{
    const int64_t mib = command_int(ctx, option);
    if (mib < 0 || mib > INT32_MAX)
        return op_fail(op, E_INVALID, "--%s is out of range", option);
    *ret_bytes = (size_t)mib << 20;
    return OK;
}

/* Which models are loaded when. */
static enum err control_read(struct op *op, struct command_ctx *ctx, struct model_server_config *c)
{
    static const char *const modes[] = {"none", "explicit", "poll"}, *const truths[] = {"true", "false"};
    size_t mode = 0, strict = 0;
    const int64_t poll_s = command_int(ctx, "repository-poll-s"), threads = command_int(ctx, "engine-threads");
    enum err e = word_find(op, ctx, "model-control-mode", modes, ARRAY_LEN(modes), &mode);
    if (!e)
        e = word_find(op, ctx, "strict-readiness", truths, ARRAY_LEN(truths), &strict);
    if (!e && (poll_s < 1 || poll_s > LIMIT_REPOSITORY_POLL_S || threads < 0 || threads > LIMIT_SERVE_THREADS))
        e = op_fail(op, E_INVALID, "--repository-poll-s or --engine-threads is out of range");
    c->explicit_load = mode == 1 || command_flag(ctx, "explicit");
    c->load_count = command_multi(ctx, "load-model", &c->load);
    if (!e && ((c->load_count && !c->explicit_load) || (mode == 2 && c->explicit_load)))
        e = op_fail(op, E_INVALID, c->load_count ? "--load-model belongs to --model-control-mode explicit" : "--explicit and --model-control-mode poll exclude each other");
    c->poll_ms = mode == 2 ? poll_s * 1000 : 0;
    c->ready_early = strict == 1;
    if (!e)
        e = memory_read(op, ctx, "models-memory-mb", &c->models_memory_bytes);
    if (!e)
        e = memory_read(op, ctx, "queues-memory-mb", &c->queues_memory_bytes);
    if (!e)
        e = memory_read(op, ctx, "uploads-memory-mb", &c->uploads_memory_bytes);
    c->engine_threads = (int)threads;
    return e;
}

static enum err access_read(struct op *op, struct command_ctx *ctx, struct model_server_config *c)
{
    bool loopback = str_eqc(c->host, "127.0.0.1") || str_eqc(c->host, "::1");
    if (command_has(ctx, "tls-cert") != command_has(ctx, "tls-key"))
        return op_fail(op, E_INVALID, "--tls-cert and --tls-key belong together");
    if (command_has(ctx, "tls-cert")) {
        c->tls_cert = str_cstr(op->arena, command_str(ctx, "tls-cert"));
        c->tls_key = str_cstr(op->arena, command_str(ctx, "tls-key"));
    }
    if (command_has(ctx, "token-file")) {
        enum err e = file_read(op, str_cstr(op->arena, command_str(ctx, "token-file")), LIMIT_KIB(4), &c->token);
        if (e)
            return e;
        c->token = str_trim(c->token);
        if (!c->token.len)
            return op_fail(op, E_INVALID, "--token-file: the file is empty");
    }
    if (!loopback && !command_flag(ctx, "insecure") && !(c->tls_cert && c->token.len))
        return op_fail(op, E_INVALID, "%.*s is not a loopback address: give --tls-cert, --tls-key and --token-file, or --insecure", STR_FMT(c->host));
    c->allowed_host_count = command_multi(ctx, "allowed-host", &c->allowed_hosts);
    return OK;
}

static enum err serve_run(struct op *op, struct command_ctx *ctx)
{
    struct model_server_config config = {
        .explicit_load = command_flag(ctx, "explicit"),
        .triton_metrics = command_flag(ctx, "triton-metrics"),
        .shared_memory = command_flag(ctx, "shared-memory"),
        .telemetry = {command_str(ctx, "otlp-endpoint"), command_str(ctx, "otlp-headers"), command_str(ctx, "otlp-protocol"), command_str(ctx, "trace-sample")}};
    struct model_server *server = NULL;
    size_t models = 0, ready = 0;
    int number = 0;
    sigset_t ends;
    enum err e = config_parse_listen(op, command_str(ctx, "listen"), &config.host, &config.port);
    config.path_count = command_args(ctx, &config.paths);
    if (e || (e = words_read(op, ctx, &config)) || (e = control_read(op, ctx, &config)) || (e = access_read(op, ctx, &config)))
        return e;
    /* Blocked in every thread; taken by sigwait below. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if ((e = model_server_start(op, &config, &server, &config.port)))
        return e;
    model_server_count(op, server, &models, &ready);
    bool v6 = str_find_char(config.host, ':') != SIZE_MAX;
    printf("listening on %s://%s%.*s%s:%d, %zu of %zu models ready\n", config.tls_cert ? "https" : "http", v6 ? "[" : "", STR_FMT(config.host),
           v6 ? "]" : "", config.port, ready, models);
    fflush(stdout);
    sigwait(&ends, &number);
    log_at(LOG_INFO, "server.stop", {"signal", LOG_I(number)});
    model_server_stop(server);
    return OK;
}

const struct command serve_commands[] = {
    {"serve", "PATH...", 1, -1, "serve model files, without a database",
     "PATH is a model file (its name without the ending is the model's), a folder of them, or a model repository laid out as Triton's\n"
     "(NAME/1/model.onnx, NAME/config.pbtxt) or MLServer's (NAME/model-settings.json). REST (V2, V1, TensorFlow Serving, MLflow's /invocations) and gRPC (V2)\n"
     "share the port. XGBoost (JSON, UBJSON, binary), LightGBM, LIBLINEAR and LIBSVM (text), ONNX and ingot-linear files are served, and graphs\n"
     "of them: NAME.graph.json (docs/serving.md, Graphs).",
     "  ingot serve churn.json\n  ingot serve models/ --listen 127.0.0.1:9000\n"
     "  ingot serve models/ --model-control-mode poll --repository-poll-s 5\n"
     "  ingot serve models/ --model-control-mode explicit --load-model churn\n"
     "  ingot serve models/ --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --token-file token --allowed-host ml.example.org",
     serve_options, serve_run},
    {0},
};
