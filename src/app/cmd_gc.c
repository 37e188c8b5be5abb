/* cmd_gc.c - `ingot gc`: permanent deletion on a running server. */
#include <inttypes.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/limits.h"

static void list_write(struct json_out *w, const char *key, const struct str *items, size_t n)
{
    if (!n)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, items[i]);
    json_end_array(w);
}

static enum err number(struct op *op, const struct json *doc, const char *key, int64_t *ret)
{
    return json_opt_i64(op, doc, key, INT64_MIN, INT64_MAX, 0, ret);
}

static enum err gc_say(struct op *op, struct command_ctx *ctx, const struct json *doc, bool dry)
{
    static const char *const keys[] = {"runs", "experiments", "points", "artifacts", "kept"};
    int64_t v[ARRAY_LEN(keys)], swept = 0, swept_bytes = 0, bytes = 0, logical = 0;
    enum err e = OK;
    for (size_t i = 0; !e && i < ARRAY_LEN(keys); i++)
        e = number(op, doc, keys[i], &v[i]);
    const struct json *store = json_get(doc, "store"), *why = json_get(doc, "kept_why");
    if (e || (e = number(op, store, "swept", &swept)) || (e = number(op, store, "swept_bytes", &swept_bytes)) || (e = number(op, store, "bytes", &bytes)) ||
        (e = number(op, store, "artifact_bytes", &logical)))
        return e;
    command_say(ctx, "%s%" PRId64 " runs and %" PRId64 " experiments purged, with %" PRId64 " points and %" PRId64 " files; %" PRId64 " kept", dry ? "would be: " : "",
                v[0], v[1], v[2], v[3], v[4]);
    for (uint32_t i = 0; why && why->type == JSON_ARRAY && i < why->len; i++)
        command_say(ctx, "kept: %.*s", STR_FMT(why->items[i].s));
    if (store)
        command_say(ctx, "%s%" PRId64 " unnamed blobs removed, %" PRId64 " bytes; the store held %" PRId64 " bytes for %" PRId64 " bytes of files",
                    dry ? "would be: " : "", swept, swept_bytes, bytes, logical);
    return OK;
}

static enum err gc_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    const struct str *runs, *experiments;
    size_t run_count = command_multi(ctx, "run", &runs), experiment_count = command_multi(ctx, "experiment", &experiments);
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "older_than_days", command_int(ctx, "older-than-days"));
    json_kv_i64(&w, "grace_hours", command_int(ctx, "grace-hours"));
    json_kv_bool(&w, "dry_run", command_flag(ctx, "dry-run"));
    json_kv_bool(&w, "sweep", !command_flag(ctx, "keep-bytes"));
    list_write(&w, "run_ids", runs, run_count);
    list_write(&w, "experiment_ids", experiments, experiment_count);
    json_end_object(&w);
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "POST", STR("/api/ingot/v1/gc"), buf_str(&b), &doc)))
        return e;
    json_value(command_out(ctx), doc);
    return gc_say(op, ctx, doc, command_flag(ctx, "dry-run"));
}

static const struct option_row gc_options[] = {
    REMOTE_OPTIONS,
    {"older-than-days", OPTION_INT, "N", "what was deleted at least so long ago", "30", false},
    {"run", OPTION_MULTI, "ID", "only this run, whenever it was deleted; may repeat", NULL, false},
    {"experiment", OPTION_MULTI, "ID", "only this experiment and its runs; may repeat", NULL, false},
    {"grace-hours", OPTION_INT, "N", "bytes stored less than so long ago stay, named or not", "24", false},
    {"keep-bytes", OPTION_FLAG, NULL, "do not look for bytes that nobody names", NULL, false},
    {"dry-run", OPTION_FLAG, NULL, "say what would go and change nothing", NULL, false},
    {0},
};

const struct command gc_commands[] = {
    {"gc", "", 0, 0, "delete for good: deleted runs and experiments, and bytes without a name",
     "Takes runs and experiments that were deleted (and can be restored until then) out of every table, frees their names, and removes\n"
     "files that nobody names any more. Runs that a registered version was made of are kept, and so is what the tag ingot.hold=true of a run\n"
     "or an experiment holds. Can be stopped and started again. The server does it by itself for experiments with the tags\n"
     "ingot.retain_days (delete runs so long after their end) and ingot.retain_deleted_days (purge them), which an administrator sets.",
     "  ingot gc --dry-run\n  ingot gc --older-than-days 0 --experiment 12", gc_options, gc_run},
    {0},
};
