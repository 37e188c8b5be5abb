/* cmd_stream.c - `ingot stream`: scores the records of a Kafka topic into another one. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "api/stream/record.h"
#include "app/backends.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/predict_model.h"
#include "app/remote.h"
#include "app/state.h"
#include "app/stream_monitor.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/streaming/job.h"
#ifdef INGOT_WITH_KAFKA
#include "adapter/kafka/kafka.h"
#endif

static const struct option_row stream_options[] = {
    {"brokers", OPTION_STRING, "HOST:PORT,...", "Kafka's bootstrap servers", NULL, true},
    {"in", OPTION_STRING, "TOPIC", "the topic to read", NULL, true},
    {"out", OPTION_STRING, "TOPIC", "the topic for answers", NULL, true},
    {"errors", OPTION_STRING, "TOPIC", "the topic for records that cannot be answered; without it such a record ends the job", NULL, false},
    {"group", OPTION_STRING, "NAME", "the consumer group: instances of one group share the partitions", NULL, true},
    {"model", OPTION_STRING, "MODEL", "a model file, a model repository, models:/NAME/VERSION or models:/NAME@ALIAS", NULL, true},
    {"name", OPTION_STRING, "NAME", "which model of a repository", NULL, false},
    {"format", OPTION_STRING, "FORM", "of the records' values: json (one object, one row) or v2 (inference requests)", "json", false},
    {"id-field", OPTION_STRING, "FIELD", "json: the field that the answer repeats as its id", "id", false},
    {"key", OPTION_STRING, "FIELD", "json: the field whose value is the answer's key; else the record's key", NULL, false},
    {"place", OPTION_STRING, "WORD", "where answers go: partition (the record's number) or key; with --key: key", NULL, false},
    {"nonfinite", OPTION_STRING, "FORM", "json: NaN and infinities in answers as null, bare, string; or refuse: such a record is an error", "null", false},
    {"from", OPTION_STRING, "WORD", "where a new group begins: beginning or end", "beginning", false},
    {"transactional-id", OPTION_STRING, "ID", "this instance's own: a restart under it ends what the former left open at once; else a random one", NULL, false},
    {"transaction-records", OPTION_INT, "N", "records of one transaction at most", "10000", false},
    {"transaction-ms", OPTION_INT, "MS", "its length at most", "100", false},
    {"in-flight", OPTION_INT, "N", "records that are scored at once", "256", false},
    {"retries", OPTION_INT, "N", "tries of a record whose engine failed, before it is an error", "5", false},
    {"kafka-set", OPTION_MULTI, "NAME=VALUE", "a property of librdkafka (TLS, SASL, timeouts); may repeat", NULL, false},
    {"kafka-settings", OPTION_STRING, "FILE", "such properties, one a line: for passwords", NULL, false},
    {"until-end", OPTION_FLAG, NULL, "end when all records that are there have been answered", NULL, false},
    {"listen", OPTION_STRING, "HOST:PORT", "serve /metrics and /health here", NULL, false},
    {"insecure", OPTION_FLAG, NULL, "... on another address than loopback", NULL, false},
    STATE_OPTIONS,
    REMOTE_OPTIONS,
    {0},
};

#ifdef INGOT_WITH_KAFKA

/* ---- signals ---- */

static int stop_asked, reload_asked;

static void signal_note(int number)
{
    __atomic_store_n(number == SIGHUP ? &reload_asked : &stop_asked, 1, __ATOMIC_RELAXED);
}

/* A second SIGTERM or SIGINT ends the program at once: what is open is aborted by the brokers. */
static void signals_watch(void)
{
    struct sigaction ends = {.sa_handler = signal_note, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    struct sigaction reloads = {.sa_handler = signal_note, .sa_flags = SA_RESTART};
    sigemptyset(&ends.sa_mask);
    sigemptyset(&reloads.sa_mask);
    sigaction(SIGTERM, &ends, NULL);
    sigaction(SIGINT, &ends, NULL);
    sigaction(SIGHUP, &reloads, NULL);
}

/* ---- options ---- */

static enum err word_read(struct op *op, struct command_ctx *ctx, const char *option, const char *const *words, size_t n, size_t *ret)
{
    struct str text = command_str(ctx, option);
    for (*ret = 0; *ret < n; (*ret)++)
        if (str_eqc(text, words[*ret]))
            return OK;
    return op_fail(op, E_INVALID, "--%s: '%.*s' is not one of its words; see --help", option, STR_FMT(text));
}

static enum err number_read(struct op *op, struct command_ctx *ctx, const char *option, int64_t min, int64_t max, int64_t *ret)
{
    *ret = command_int(ctx, option);
    return *ret >= min && *ret <= max ? OK : op_fail(op, E_INVALID, "--%s must be between %" PRId64 " and %" PRId64, option, min, max);
}

static enum err codec_read(struct op *op, struct command_ctx *ctx, struct stream_codec *c)
{
    static const char *const formats[] = {"json", "v2"}, *const nonfinites[] = {"string", "bare", "null", "refuse"};
    size_t format = 0, nonfinite = 0;
    enum err e = word_read(op, ctx, "format", formats, ARRAY_LEN(formats), &format);
    if (!e)
        e = word_read(op, ctx, "nonfinite", nonfinites, ARRAY_LEN(nonfinites), &nonfinite);
    if (!e && format == 1 && (command_given(ctx, "key") || command_given(ctx, "id-field") || command_given(ctx, "nonfinite")))
        e = op_fail(op, E_INVALID, "--key, --id-field and --nonfinite go with --format json: an inference request says its id and nonfinite itself");
    *c = (struct stream_codec){.format = format == 1 ? STREAM_V2 : STREAM_JSON,
                               .id_field = command_str(ctx, "id-field"),
                               .key_field = command_str(ctx, "key"),
                               .nonfinite = nonfinite == 3 ? JSON_NONFINITE_NULL : (enum json_nonfinite)nonfinite,
                               .refuse_nonfinite = nonfinite == 3};
    return e;
}

static enum err job_read(struct op *op, struct command_ctx *ctx, struct streaming_job *job)
{
    static const char *const places[] = {"partition", "key"};
    int64_t records = 0, flight = 0, retries = 0;
    size_t place = command_given(ctx, "key");
    enum err e = number_read(op, ctx, "transaction-records", 1, LIMIT_STREAM_TRANSACTION, &records);
    if (!e)
        e = number_read(op, ctx, "transaction-ms", 1, LIMIT_STREAM_TRANSACTION_MS, &job->transaction_ms);
    if (!e)
        e = number_read(op, ctx, "in-flight", 1, LIMIT_STREAM_FLIGHT, &flight);
    if (!e)
        e = number_read(op, ctx, "retries", 0, LIMIT_STREAM_RETRIES, &retries);
    if (!e && command_given(ctx, "place"))
        e = word_read(op, ctx, "place", places, ARRAY_LEN(places), &place);
    job->in = command_str(ctx, "in");
    job->out = command_str(ctx, "out");
    job->errors = command_str(ctx, "errors");
    job->by_key = place == 1;
    job->transaction_records = (size_t)records;
    job->flight = (size_t)flight;
    job->retries = (int)retries;
    job->until_end = command_flag(ctx, "until-end");
    job->stop = &stop_asked;
    job->reload = &reload_asked;
    return e;
}

struct settings {
    struct kafka_setting list[LIMIT_STREAM_SETTINGS];
    size_t len;
};

static enum err setting_add(struct op *op, struct settings *s, struct str text, const char *where)
{
    size_t at = str_find_char(text, '=');
    if (at == SIZE_MAX || !at)
        return op_fail(op, E_INVALID, "%s: NAME=VALUE is wanted, not '%.*s'", where, STR_FMT(str_sub(text, 0, 64)));
    if (s->len == LIMIT_STREAM_SETTINGS)
        return op_fail(op, E_TOO_LARGE, "%s: at most %d settings are taken", where, LIMIT_STREAM_SETTINGS);
    s->list[s->len++] = (struct kafka_setting){str_trim(str_sub(text, 0, at)), str_trim(str_sub(text, at + 1, SIZE_MAX))};
    return OK;
}

static enum err settings_read(struct op *op, struct command_ctx *ctx, struct settings *s)
{
    struct str file = STR(""), line;
    const struct str *given = NULL;
    size_t n = command_multi(ctx, "kafka-set", &given);
    enum err e = command_given(ctx, "kafka-settings") ? file_read(op, str_cstr(op->arena, command_str(ctx, "kafka-settings")), LIMIT_KIB(64), &file) : OK;
    while (!e && str_split(&file, '\n', &line)) {
        line = str_trim(line);
        if (line.len && line.p[0] != '#')
            e = setting_add(op, s, line, "--kafka-settings");
    }
    for (size_t i = 0; !e && i < n; i++)
        e = setting_add(op, s, given[i], "--kafka-set");
    return e;
}

/* "GROUP-HOST-random": nobody else's, so that no instance ends another by mistake. */
static struct str id_make(struct op *op, struct command_ctx *ctx)
{
    char host[128] = "host";
    if (command_given(ctx, "transactional-id"))
        return command_str(ctx, "transactional-id");
    gethostname(host, sizeof(host) - 1);
    return str_from(op_printf(op, "%.*s-%s-%s", STR_FMT(command_str(ctx, "group")), host, hash_random_hex(op->arena, 8)));
}

static enum err log_open(struct op *op, struct command_ctx *ctx, struct stream **ret)
{
    struct settings *settings = op_new(op, struct settings);
    enum err e = settings_read(op, ctx, settings);
    if (e)
        return e;
    const struct kafka_config config = {.brokers = command_str(ctx, "brokers"),
                                        .topic = command_str(ctx, "in"),
                                        .group = command_str(ctx, "group"),
                                        .transactional_id = id_make(op, ctx),
                                        .from_end = str_eqc(command_str(ctx, "from"), "end"),
                                        .settings = settings->list,
                                        .setting_count = settings->len};
    op->gone = &stop_asked;
    return kafka_open(op, &config, ret);
}

/* ---- the job ---- */

static enum err monitor_open(struct op *op, struct command_ctx *ctx, struct stream_monitor_config *c, struct stream_monitor **ret)
{
    if (!command_given(ctx, "listen"))
        return OK;
    enum err e = config_parse_listen(op, command_str(ctx, "listen"), &c->host, &c->port);
    bool loopback = str_eqc(c->host, "127.0.0.1") || str_eqc(c->host, "::1");
    if (!e && !loopback && !command_flag(ctx, "insecure"))
        e = op_fail(op, E_INVALID, "%.*s is not a loopback address: give --insecure to serve metrics there in clear text", STR_FMT(c->host));
    if (!e)
        e = stream_monitor_start(op, c, ret, &c->port);
    if (!e)
        command_say(ctx, "metrics on http://%.*s:%d/metrics", STR_FMT(c->host), c->port);
    return e;
}

static void summary_write(struct command_ctx *ctx, struct streaming_figures *f, struct str model)
{
    struct streaming_counts c = streaming_figures_read(f);
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_str(w, "model", model);
    json_kv_i64(w, "answered", (int64_t)c.answered);
    json_kv_i64(w, "tombstones", (int64_t)c.tombstones);
    json_kv_i64(w, "poison", (int64_t)c.poison);
    json_kv_i64(w, "commits", (int64_t)c.commits);
    json_kv_i64(w, "aborts", (int64_t)c.aborts);
    json_end_object(w);
    command_say(ctx, "%" PRIu64 " answered, %" PRIu64 " passed on, %" PRIu64 " put aside, in %" PRIu64 " transactions", c.answered, c.tombstones, c.poison, c.commits);
}

static enum err job_run(struct op *op, struct command_ctx *ctx, struct predict_model *model, struct streaming_job *job)
{
    struct streaming_figures figures;
    struct stream_monitor *monitor = NULL;
    streaming_figures_init(&figures);
    struct stream_monitor_config watch = {.topic = job->in, .group = command_str(ctx, "group"), .model = predict_model_name(model), .figures = &figures};
    job->serve = predict_model_serve(model);
    job->endpoint = predict_model_name(model);
    job->figures = &figures;
    enum err e = monitor_open(op, ctx, &watch, &monitor);
    if (!e)
        e = log_open(op, ctx, &job->stream);
    if (!e)
        e = streaming_check(op, job);
    if (!e) {
        command_say(ctx, "streaming %.*s to %.*s, model %.*s version %" PRId64, STR_FMT(job->in), STR_FMT(job->out), STR_FMT(job->endpoint), predict_model_version(model));
        fflush(stdout);
        e = streaming_run(op, job);
    } else if (e == E_CANCELLED && stop_asked) {
        op_clear(op);
        e = OK;
    }
    stream_close(job->stream);
    stream_monitor_stop(monitor);
    if (!e)
        summary_write(ctx, &figures, job->endpoint);
    streaming_figures_clear(&figures);
    return e;
}

static enum err stream_run(struct op *op, struct command_ctx *ctx)
{
    static const char *const begins[] = {"beginning", "end"};
    AUTO(predict_model) struct predict_model *model = NULL;
    struct stream_codec codec;
    struct streaming_job job = {0};
    size_t begin = 0;
    enum err e = job_read(op, ctx, &job);
    if (!e)
        e = codec_read(op, ctx, &codec);
    if (!e)
        e = word_read(op, ctx, "from", begins, ARRAY_LEN(begins), &begin);
    const struct predict_place place = {.ref = command_str(ctx, "model"), .name = command_str(ctx, "name"), .server = remote_url(ctx),
                                        .token = remote_token(ctx), .state = command_given(ctx, "data") || command_given(ctx, "db"),
                                        .data = command_str(ctx, "data"), .db = command_str(ctx, "db"), .blobs = command_str(ctx, "blobs")};
    if (!e)
        e = predict_model_open(op, &place, &model);
    if (e)
        return e;
    const struct streaming_codec streaming = stream_codec_make(&codec);
    job.codec = &streaming;
    signals_watch();
    return job_run(op, ctx, model, &job);
}

#else

static enum err stream_run(struct op *op, struct command_ctx *ctx)
{
    (void)ctx;
    return op_fail(op, E_UNSUPPORTED, "this build has no Kafka: install librdkafka-dev, then build again");
}

#endif

const struct command stream_commands[] = {
    {"stream", "", 0, 0, "score the records of a Kafka topic into another one, each exactly once",
     "Records are read as a member of a consumer group, scored as `ingot serve` would answer them, and written in transactions that hold the\n"
     "group's positions too: a reader of committed records sees one answer per record, in the order of its partition, whatever was killed in\n"
     "between. Answers keep the record's key, time and headers. SIGTERM finishes the open transaction and leaves the group; SIGHUP loads the model\n"
     "from its file again. docs/streaming.md says more.",
     "  ingot stream --brokers 127.0.0.1:9092 --in payments --out scores --errors payments-bad --group fraud --model fraud.json\n"
     "  ingot stream --brokers kafka:9093 --in payments --out scores --group fraud --model models:/fraud@live --server http://127.0.0.1:5000 \\\n"
     "      --transactional-id fraud-1 --kafka-set security.protocol=ssl --kafka-settings kafka.secret --listen 127.0.0.1:9100",
     stream_options, stream_run},
    {0},
};
