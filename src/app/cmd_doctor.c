/* cmd_doctor.c - what this build and this machine can do, and what is switched off. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "adapter/nvml/nvml.h"
#include "app/backends.h"
#include "app/commands.h"
#include "base/thread.h"

#define MIN_DESCRIPTORS 1024
#define MIN_FREE_BYTES (1ULL << 30)

struct finding {
    const char *what;
    bool ok;
    const char *text;
};

static void finding_print(struct command_ctx *ctx, struct json_out *w, const struct finding *f, size_t *bad)
{
    json_begin_object(w);
    json_kv_cstr(w, "check", f->what);
    json_kv_bool(w, "ok", f->ok);
    json_kv_cstr(w, "text", f->text);
    json_end_object(w);
    command_say(ctx, "%-4s %-18s %s", f->ok ? "ok" : "no", f->what, f->text);
    *bad += !f->ok;
}

static struct finding backend_finding(struct op *op, const struct backend *b)
{
    struct finding f = {op_printf(op, "%s %s", b->port, b->name), b->built, "ready"};
    if (!b->built) {
        f.text = op_printf(op, "not built; off: %s; get it: %s", b->without, b->install);
    } else if (b->check && b->check(op)) {
        f.ok = false;
        f.text = op_printf(op, "%s; off: %s; get it: %s", op->msg, b->without, b->install);
        op_clear(op);
    }
    return f;
}

static struct finding folder_finding(struct op *op, const char *dir)
{
    struct finding f = {"data folder", true, NULL};
    struct statvfs vfs;
    if (access(dir, F_OK)) {
        f.text = op_printf(op, "'%s' is not there yet; the server makes it", dir);
    } else if (access(dir, R_OK | W_OK | X_OK)) {
        f.ok = false;
        f.text = op_printf(op, "'%s' cannot be written: %s", dir, strerror(errno));
    } else if (statvfs(dir, &vfs)) {
        f.ok = false;
        f.text = op_printf(op, "'%s': %s", dir, strerror(errno));
    } else {
        unsigned long long room = (unsigned long long)vfs.f_bavail * vfs.f_frsize;
        f.ok = room >= MIN_FREE_BYTES;
        f.text = op_printf(op, "'%s' has %.1f GiB free%s", dir, (double)room / (1 << 30), f.ok ? "" : ": less than 1 GiB");
    }
    return f;
}

/* The database that the server would be given with --db; none without it, as the data folder is looked at in any case. */
static bool database_finding(struct op *op, struct str url, struct finding *ret)
{
    if (!url.len)
        return false;
    const char *text = NULL;
    enum err e = backend_db_probe(op, url, &text);
    *ret = (struct finding){"database", !e, e ? op_printf(op, "%s", op->msg) : text};
    op_clear(op);
    return true;
}

static struct finding machine_finding(struct op *op)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    bool ok = files.rlim_cur >= MIN_DESCRIPTORS;
    return (struct finding){"open files", ok, op_printf(op, "limit %llu%s", (unsigned long long)files.rlim_cur, ok ? "" : ": raise it (ulimit -n 65536)")};
}

/* That there are none is no fault. */
static struct finding gpu_finding(struct op *op)
{
    struct gpu_probe gpus = {0};
    if (nvml_open(op, &gpus)) {
        struct finding none = {"gpus", true, op_printf(op, "none that captured runs could show: %s", op->msg)};
        op_clear(op);
        return none;
    }
    char name[96];
    gpu_model(&gpus, 0, name, sizeof name);
    struct finding f = {"gpus", true, op_printf(op, "%d, the first is %s", gpu_count(&gpus), name)};
    gpu_close(&gpus);
    return f;
}

static enum err doctor_run(struct op *op, struct command_ctx *ctx)
{
    struct json_out *w = command_out(ctx);
    size_t bad = 0;
    json_begin_object(w);
    json_kv_cstr(w, "version", INGOT_VERSION);
    json_kv_i64(w, "cores", thread_cpu_count());
    json_key(w, "checks");
    json_begin_array(w);
    command_say(ctx, "ingot %s on %d cores", INGOT_VERSION, thread_cpu_count());
    for (const struct backend *b = backends; b->name; b++) {
        struct finding f = backend_finding(op, b);
        finding_print(ctx, w, &f, &bad);
    }
    struct finding folder = folder_finding(op, str_cstr(op->arena, command_str(ctx, "data"))), machine = machine_finding(op);
    finding_print(ctx, w, &folder, &bad);
    struct finding database;
    if (database_finding(op, command_str(ctx, "db"), &database))
        finding_print(ctx, w, &database, &bad);
    finding_print(ctx, w, &machine, &bad);
    struct finding gpus = gpu_finding(op);
    finding_print(ctx, w, &gpus, &bad);
    json_end_array(w);
    json_end_object(w);
    if (bad)
        return op_fail(op, E_UNSUPPORTED, "%zu of the checks failed", bad);
    command_say(ctx, "everything is there");
    return OK;
}

static const struct option_row doctor_options[] = {
    {"data", OPTION_STRING, "DIR", "the server's data folder to look at", "ingot-data", false},
    {"db", OPTION_STRING, "URL", "the server's database (postgresql://...), to connect to", NULL, false},
    {0},
};
const struct command doctor_commands[] = {
    {"doctor", "", 0, 0, "check what this machine can do and what is switched off", NULL, "  ingot doctor\n  ingot doctor --db postgresql://ingot@db.example/ingot", doctor_options, doctor_run},
    {0},
};
