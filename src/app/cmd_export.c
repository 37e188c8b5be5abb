/* cmd_export.c - `ingot export`: the state as plain files. */
#include <inttypes.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/export.h"
#include "app/state.h"

/* A folder with a mistake in its name would be made, and its nothing exported. */
static enum err state_check(struct op *op, struct command_ctx *ctx)
{
    struct str dir = command_str(ctx, "data");
    if (command_str(ctx, "db").len || access(op_printf(op, "%.*s/ingot.db", STR_FMT(dir)), F_OK) == 0)
        return OK;
    return op_fail(op, E_NOT_FOUND, "'%.*s' is no server's data folder: it has no ingot.db (see --data)", STR_FMT(dir));
}

static enum err export_run(struct op *op, struct command_ctx *ctx)
{
    const struct str *args;
    (void)command_args(ctx, &args);
    struct state state = {0};
    struct export_report report = {0};
    enum err e = state_check(op, ctx);
    if (!e)
        e = state_open(op, command_str(ctx, "data"), command_str(ctx, "db"), command_str(ctx, "blobs"), &state);
    if (!e)
        e = export_write(op, state.db, state.blobs, str_cstr(op->arena, args[0]), &report);
    state_close(&state);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    for (size_t k = 0; k < EXPORT_KINDS; k++)
        json_kv_i64(w, export_kind_name((enum export_kind)k), report.counts[k]);
    json_kv_i64(w, "bytes", report.bytes);
    json_end_object(w);
    for (size_t k = 0; k < EXPORT_KINDS; k++)
        command_say(ctx, "%-14s %12" PRId64, export_kind_name((enum export_kind)k), report.counts[k]);
    command_say(ctx, "%" PRId64 " bytes of files written to %.*s", report.bytes, STR_FMT(args[0]));
    return OK;
}

static const struct option_row export_options[] = {STATE_OPTIONS, {0}};

const struct command export_commands[] = {
    {"export", "DIR", 1, 1, "write experiments, runs, models and files as plain files",
     "DIR gets one file of JSON lines per kind, objects as MLflow's REST API shows them, every point of every metric, and the files by\n"
     "their SHA-256; see docs/moving.md. It is one snapshot. `ingot import ingot DIR` reads it back.\n"
     "This server's folder must be free (with --db, servers may run).",
     "  ingot export ./backup --data /var/lib/ingot\n  ingot import ingot ./backup --data ./elsewhere", export_options, export_run},
    {0},
};
