/* cmd_predict.c - `ingot predict`: scores the rows of files, resumable and in shards. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/predict_frame.h"
#include "app/predict_model.h"
#include "app/predict_progress.h"
#include "app/remote.h"
#include "app/state.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/scoring/run.h"

/* ---- Ctrl-C: what has begun is finished; a second one ends the program at once ---- */

static int stop_asked;

static void stop_note(int number)
{
    (void)number;
    __atomic_store_n(&stop_asked, 1, __ATOMIC_RELAXED);
}

static void stop_watch(struct op *op)
{
    struct sigaction sa = {.sa_handler = stop_note, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    op->gone = &stop_asked;
}

/* ---- options ---- */

struct names {
    VEC(struct str) list;
};

/* --keep a,b --keep c */
static enum err names_read(struct op *op, struct command_ctx *ctx, const char *option, struct names *ret)
{
    const struct str *given = NULL;
    size_t n = command_multi(ctx, option, &given);
    for (size_t i = 0; i < n; i++) {
        struct str rest = given[i], part;
        while (str_split(&rest, ',', &part)) {
            struct str *slot = part.len ? vec_push(&ret->list, op->arena) : NULL;
            if (!slot)
                return op_fail(op, E_INVALID, "--%s '%.*s': a name is empty", option, STR_FMT(given[i]));
            *slot = part;
        }
    }
    return OK;
}

static enum err number_read(struct op *op, struct command_ctx *ctx, const char *option, int64_t min, int64_t max, int64_t dflt, int64_t *ret)
{
    *ret = command_given(ctx, option) ? command_int(ctx, option) : dflt;
    if (command_given(ctx, option) && (*ret < min || *ret > max))
        return op_fail(op, E_INVALID, "--%s must be between %lld and %lld", option, (long long)min, (long long)max);
    return OK;
}

static enum err word_read(struct op *op, struct command_ctx *ctx, const char *option, const char *const *words, size_t n, size_t *ret)
{
    struct str text = command_str(ctx, option);
    for (*ret = 0; *ret < n; (*ret)++)
        if (str_eqc(text, words[*ret]))
            return OK;
    return op_fail(op, E_INVALID, "--%s: '%.*s' is not one of its words; see --help", option, STR_FMT(text));
}

static enum err resume_read(struct op *op, struct command_ctx *ctx, struct scoring_config *c)
{
    bool resume = command_flag(ctx, "resume"), restart = command_flag(ctx, "restart");
    if (resume && restart)
        return op_fail(op, E_INVALID, "--resume and --restart exclude each other");
    if (restart && c->shard.count > 1)
        return op_fail(op, E_INVALID, "--restart would discard what other shards did: remove '%.*s' before the first of them starts", STR_FMT(c->out));
    c->resume = restart ? SCORING_RESTART : resume ? SCORING_RESUME_MUST : SCORING_RESUME_AUTO;
    return OK;
}

static enum err config_read(struct op *op, struct command_ctx *ctx, struct scoring_config *c, enum predict_show *ret_show)
{
    static const char *const kinds[] = {"parquet", "csv"}, *const shows[] = {"auto", "always", "never"};
    struct names keep = {0};
    int64_t batch = 0, limit = 0, threads = 0;
    size_t kind = 0, show = 0;
    c->path_count = command_multi(ctx, "in", &c->paths);
    c->out = command_str(ctx, "out");
    c->wish.column_count = command_multi(ctx, "columns", &c->wish.columns);
    c->wish.keep_all = command_flag(ctx, "keep-all");
    c->null_count = command_multi(ctx, "null", &c->nulls);
    c->output_name = command_str(ctx, "output-name");
    c->shard = (struct scoring_shard){0, 1};
    enum err e = names_read(op, ctx, "keep", &keep);
    c->wish.keep = keep.list.p;
    c->wish.keep_count = keep.list.len;
    if (!e && c->wish.keep_all && c->wish.keep_count)
        e = op_fail(op, E_INVALID, "--keep and --keep-all exclude each other");
    if (e || (e = number_read(op, ctx, "batch-rows", 1, LIMIT_SERVE_ROWS, 0, &batch)) ||
        (e = number_read(op, ctx, "limit", 1, INT64_MAX / 2, 0, &limit)) ||
        (e = number_read(op, ctx, "threads", 1, LIMIT_SCORING_THREADS, 0, &threads)) ||
        (e = word_read(op, ctx, "parts", kinds, ARRAY_LEN(kinds), &kind)) || (e = word_read(op, ctx, "progress", shows, ARRAY_LEN(shows), &show)))
        return e;
    if (command_given(ctx, "shard") && (e = scoring_shard_parse(op, command_str(ctx, "shard"), getenv, &c->shard)))
        return e;
    c->batch_rows = (uint32_t)batch;
    c->limit = (uint64_t)limit;
    c->threads = (int)threads;
    c->csv_parts = kind == 1;
    *ret_show = (enum predict_show)show;
    return resume_read(op, ctx, c);
}

/* ---- results ---- */

static void result_json(struct command_ctx *ctx, const struct scoring_config *c, const struct scoring_result *r, const struct predict_model *m, double seconds)
{
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_i64(w, "rows", (int64_t)r->progress.rows);
    json_kv_i64(w, "rows_scored", (int64_t)r->progress.scored);
    json_kv_i64(w, "rows_total", (int64_t)r->rows);
    json_kv_f64(w, "seconds", seconds);
    json_kv_f64(w, "rows_per_s", seconds > 0 ? (double)r->progress.scored / seconds : 0);
    json_key(w, "model");
    json_begin_object(w);
    json_kv_str(w, "name", predict_model_name(m));
    json_kv_i64(w, "version", predict_model_version(m));
    json_kv_cstr(w, "sha256", predict_model_sha256(m));
    json_end_object(w);
    json_key(w, "shard");
    json_begin_object(w);
    json_kv_i64(w, "index", c->shard.index + 1);
    json_kv_i64(w, "count", c->shard.count);
    json_end_object(w);
    json_key(w, "parts");
    json_begin_object(w);
    json_kv_i64(w, "written", (int64_t)r->progress.parts);
    json_kv_i64(w, "there", (int64_t)r->parts_there);
    json_kv_i64(w, "total", (int64_t)r->parts);
    json_end_object(w);
    json_kv_str(w, "out", c->out);
    json_kv_bool(w, "complete", r->whole);
    json_end_object(w);
}

static void result_say(struct command_ctx *ctx, const struct scoring_config *c, const struct scoring_result *r, double seconds)
{
    if (r->progress.scored < r->progress.rows)
        command_say(ctx, "%llu rows were done already", (unsigned long long)(r->progress.rows - r->progress.scored));
    command_say(ctx, "%llu rows scored in %.1f s (%.0f rows/s) into %.*s", (unsigned long long)r->progress.scored, seconds,
                seconds > 0 ? (double)r->progress.scored / seconds : 0.0, STR_FMT(c->out));
    if (r->whole)
        return;
    command_say(ctx, "%llu of %llu parts are there", (unsigned long long)r->parts_there, (unsigned long long)r->parts);
    if (r->parts_there == r->parts)
        command_say(ctx, "join them: ingot predict --merge --out %.*s", STR_FMT(c->out));
}

/* ---- the command ---- */

static enum err score_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(predict_model) struct predict_model *model = NULL;
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct scoring_config c = {0};
    struct scoring_result r = {0};
    struct predict_progress progress;
    enum predict_show show;
    const struct predict_place place = {.ref = command_str(ctx, "model"), .name = command_str(ctx, "name"), .server = remote_url(ctx),
                                        .token = remote_token(ctx), .state = command_given(ctx, "data") || command_given(ctx, "db"),
                                        .data = command_str(ctx, "data"), .db = command_str(ctx, "db"), .blobs = command_str(ctx, "blobs")};
    const int64_t from = time_mono_ms();
    enum err e = config_read(op, ctx, &c, &show);
    if (!e)
        e = backend_tables_open(op, &tables);
    if (!e)
        e = predict_model_open(op, &place, &model);
    if (e)
        return e;
    c.tables = tables;
    c.endpoint = predict_model_endpoint(model);
    c.model = command_str(ctx, "model");
    c.version = predict_model_version(model);
    c.model_sha256 = predict_model_sha256(model);
    c.progress = predict_progress_tell;
    c.progress_arg = &progress;
    predict_progress_init(&progress, show);
    stop_watch(op);
    e = scoring_run(op, &c, &r);
    predict_progress_clear(&progress);
    const double seconds = (double)(time_mono_ms() - from) / 1000;
    if (e && op_is_gone(op)) /* an engine in a process of its own may have got the same signal */
        return op_fail(op, E_CANCELLED, "stopped after %llu of %llu rows; the same command goes on from there", (unsigned long long)r.progress.rows,
                       (unsigned long long)r.progress.total);
    if (e)
        return e;
    result_json(ctx, &c, &r, model, seconds);
    result_say(ctx, &c, &r, seconds);
    return OK;
}

static enum err merge_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    uint64_t parts = 0;
    enum err e = backend_tables_open(op, &tables);
    stop_watch(op);
    if (!e)
        e = scoring_merge(op, tables, command_str(ctx, "out"), &parts);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_i64(w, "parts", (int64_t)parts);
    json_kv_str(w, "out", command_str(ctx, "out"));
    json_end_object(w);
    command_say(ctx, "%llu parts joined into %.*s", (unsigned long long)parts, STR_FMT(command_str(ctx, "out")));
    return OK;
}

static enum err predict_run(struct op *op, struct command_ctx *ctx)
{
    bool frame = command_given(ctx, "frame"), in = command_given(ctx, "in"), merge = command_flag(ctx, "merge");
    if (frame + in + merge != 1)
        return op_fail(op, E_INVALID, "one of --in, --frame and --merge is needed");
    if (merge)
        return merge_run(op, ctx);
    if (!command_given(ctx, "model"))
        return op_fail(op, E_INVALID, "--model is needed: a model file, a folder, models:/NAME/VERSION or models:/NAME@ALIAS");
    return frame ? predict_frame(op, ctx) : score_run(op, ctx);
}

static const struct option_row predict_options[] = {
    {"model", OPTION_STRING, "MODEL", "model file, model repository, models:/NAME/VERSION or models:/NAME@ALIAS", NULL, false},
    {"in", OPTION_MULTI, "PATH", "Parquet or CSV files: a file, a folder or a pattern; may repeat", NULL, false},
    {"out", OPTION_STRING, "PATH", "a .parquet or .csv file, or a folder of parts", NULL, true},
    {"columns", OPTION_MULTI, "A,B", "columns for the model's features, in their order; INPUT=A,B for one of several inputs", NULL, false},
    {"keep", OPTION_MULTI, "A,B", "columns of the input that go into the output, too; may repeat", NULL, false},
    {"keep-all", OPTION_FLAG, NULL, "keep every column", NULL, false},
    {"output-name", OPTION_STRING, "NAME", "name of the model's only output", NULL, false},
    {"null", OPTION_MULTI, "TEXT", "text in CSV files that means a missing value, beside the empty one; may repeat", NULL, false},
    {"limit", OPTION_INT, "N", "the first N rows only", NULL, false},
    {"shard", OPTION_STRING, "I/N", "the I-th of N parts of the work; auto or auto/N: as Slurm or Kubernetes say", NULL, false},
    {"merge", OPTION_FLAG, NULL, "join the parts that the shards of --out FILE left", NULL, false},
    {"resume", OPTION_FLAG, NULL, "fail unless an earlier run left something to go on from (without it: go on if there is something)", NULL, false},
    {"restart", OPTION_FLAG, NULL, "discard what an earlier run left", NULL, false},
    {"parts", OPTION_STRING, "KIND", "of a folder: parquet or csv", "parquet", false},
    {"batch-rows", OPTION_INT, "N", "rows of one call and of one part (default: 65536, fewer of wide tables)", NULL, false},
    {"threads", OPTION_INT, "N", "parts in work at a time (default: one per core)", NULL, false},
    {"progress", OPTION_STRING, "WHEN", "auto (a line on a terminal, every 30 s elsewhere), always or never", "auto", false},
    {"name", OPTION_STRING, "NAME", "which model of a repository with several", NULL, false},
    REMOTE_OPTIONS,
    STATE_OPTIONS,
    {"frame", OPTION_STRING, "FILE", "score a training frame instead: id, time, label and score of every row", NULL, false},
    {"params", OPTION_STRING, "FILE", "with --frame: params.yaml, which says which columns are what", "params.yaml", false},
    {0},
};

const struct command predict_commands[] = {
    {"predict", "", 0, 0, "score the rows of files",
     "Reads Parquet or CSV, asks the model for every row as a server would, and writes its answers, with the columns named by --keep beside them.\n"
     "Columns are found by the model's feature names; a null is a missing value. Work is cut into parts, and a part that is written is never\n"
     "done again: after Ctrl-C, a crash or a power cut the same command goes on, and ends with the same bytes. It refuses when the model, the\n"
     "input or a setting has changed. Shards need nothing but the same command and a folder that all of them see. models:/ versions come from\n"
     "a running server, or with --data from a state folder.",
     "  ingot predict --model churn.json --in customers.parquet --out scores.parquet --keep customer_id\n"
     "  ingot predict --model models:/churn@champion --in 'days/*.parquet' --out scores/ --keep-all\n"
     "  ingot predict --model churn.json --in big/ --out scores.parquet --shard auto      # in a Slurm array\n"
     "  ingot predict --merge --out scores.parquet                                        # when all shards have ended",
     predict_options, predict_run},
    {0},
};
