/* cmd_import.c - `ingot import`: moves the state of another tracking system into this one's. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/origin.h"
#include "app/state.h"
#include "core/transfer/import.h"

static void on_progress(void *arg, const char *what, int64_t done, int64_t total)
{
    command_progress(arg, what, (uint64_t)done, (uint64_t)total);
}

static void report_write(struct json_out *w, struct str source, const struct import_report *r)
{
    json_begin_object(w);
    json_kv_str(w, "source", source);
    json_key(w, "counts");
    json_begin_object(w);
    for (size_t i = 0; i < IMPORT_KINDS; i++) {
        json_key(w, import_kind_name((enum import_kind)i));
        json_begin_object(w);
        json_kv_i64(w, "there", r->counts[i].there);
        json_kv_i64(w, "added", r->counts[i].added);
        json_kv_i64(w, "failed", r->counts[i].failed);
        json_end_object(w);
    }
    json_end_object(w);
    json_kv_i64(w, "bytes", r->bytes);
    json_kv_i64(w, "points_per_second", r->points_per_s);
    json_kv_i64(w, "wrong_latest", r->wrong_latest);
    json_kv_i64(w, "traces_not_moved", r->traces);
    json_kv_bool(w, "complete", import_complete(r));
    json_key(w, "notes");
    json_begin_array(w);
    for (size_t i = 0; i < r->note_count; i++)
        json_str(w, r->notes[i]);
    json_end_array(w);
    json_end_object(w);
}

static void report_say(struct command_ctx *ctx, const struct import_report *r)
{
    command_say(ctx, "%-14s %12s %12s %8s", "", "there", "added", "failed");
    for (size_t i = 0; i < IMPORT_KINDS; i++) {
        const struct import_count *c = &r->counts[i];
        command_say(ctx, "%-14s %12" PRId64 " %12" PRId64 " %8" PRId64, import_kind_name((enum import_kind)i), c->there, c->added, c->failed);
    }
    command_say(ctx, "%" PRId64 " bytes of files copied; %" PRId64 " latest values differ", r->bytes, r->wrong_latest);
    for (size_t i = 0; i < r->note_count; i++)
        command_say(ctx, "note: %.*s", STR_FMT(r->notes[i]));
    if (r->notes_dropped)
        command_say(ctx, "note: and %" PRId64 " more", r->notes_dropped);
}

static enum err import_into(struct op *op, struct command_ctx *ctx, struct origin *origin, struct str source)
{
    struct state state = {0};
    struct import_report report = {0};
    enum err e = state_open(op, command_str(ctx, "data"), command_str(ctx, "db"), command_str(ctx, "blobs"), &state);
    if (!e) {
        struct import_options options = {.origin = origin, .source = source, .db = state.db, .blobs = state.blobs,
                                         .keep_artifacts = command_flag(ctx, "keep-artifacts"), .progress = on_progress, .arg = ctx};
        e = import_run(op, &options, &report);
        report_write(command_out(ctx), source, &report);
        report_say(ctx, &report);
    }
    state_close(&state);
    if (!e && !import_complete(&report))
        e = op_fail(op, E_CONFLICT, "not everything could be moved; see the notes. What was moved stays, and a second import adds the rest");
    return e;
}

static enum err import_mlflow_run(struct op *op, struct command_ctx *ctx)
{
    const struct str *args;
    (void)command_args(ctx, &args);
    struct origin_choice choice = {args[0], command_str(ctx, "artifact-folder"), command_flag(ctx, "any-schema")};
    struct origin origin = {0};
    struct str source;
    enum err e = origin_open(op, &choice, &origin, &source);
    if (!e)
        e = import_into(op, ctx, &origin, source);
    origin_close(&origin);
    return e;
}

static enum err import_ingot_run(struct op *op, struct command_ctx *ctx)
{
    const struct str *args;
    (void)command_args(ctx, &args);
    struct origin origin = {0};
    struct str source;
    enum err e = origin_open_export(op, args[0], &origin, &source);
    if (!e)
        e = import_into(op, ctx, &origin, source);
    origin_close(&origin);
    return e;
}

static const struct option_row import_export_rows[] = {
    STATE_OPTIONS,
    {"keep-artifacts", OPTION_FLAG, NULL, "leave files where they are; runs keep their artifact locations", NULL, false},
    {0},
};
static const struct option_row import_options_rows[] = {
    STATE_OPTIONS,
    {"artifact-folder", OPTION_STRING, "DIR", "the folder that mlflow-artifacts:/ is at the source (mlflow server's --artifacts-destination)", NULL, false},
    {"keep-artifacts", OPTION_FLAG, NULL, "leave files where they are; runs keep their artifact locations", NULL, false},
    {"any-schema", OPTION_FLAG, NULL, "also read a schema version that is not known here", NULL, false},
    {0},
};

const struct command import_commands[] = {
    {"import mlflow", "URI", 1, 1, "move experiments, runs, models and files in from MLflow's database",
     "Reads the database of an MLflow server of 2.8 to 3.17 (sqlite:///FILE, FILE or postgresql://USER@HOST/DB) and the files on this\n"
     "machine that it names, or asks a running server (http://HOST:PORT; MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN).\n"
     "The MLflow server may go on running; this server's folder must be free (with --db, servers may run).\n"
     "Stop it at any time and start it again: nothing is added twice. A later import adds what is new there.\n"
     "Exits with an error when anything could not be moved, and says what. Traces are not moved.",
     "  ingot import mlflow sqlite:///mlflow.db --artifact-folder ./mlartifacts\n  ingot import mlflow postgresql://ml@db/mlflow --data /var/lib/ingot", import_options_rows,
     import_mlflow_run},
    {"import ingot", "DIR", 1, 1, "move the state in that `ingot export` wrote",
     "Experiments, runs, models and files come with their ids and every bit of their values. A second import adds what is new.",
     "  ingot import ingot ./backup --data ./elsewhere", import_export_rows, import_ingot_run},
    {0},
};
