#include "app/run_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "core/capture/words.h"

extern char **environ;

static void tag(struct run_facts *f, const char *key, struct str value)
{
    if (value.len && f->tag_count < RUN_FACTS_TAGS)
        f->tags[f->tag_count++] = (struct run_log_tag){key, str_sub(value, 0, str_utf8_prefix(str_sub(value, 0, LIMIT_TRACK_TAG_VALUE)))};
}

/* Names of the devices; equal ones that follow each other are counted. */
static struct str gpus_text(struct op *op, const struct gpu_probe *gpus)
{
    const char *text = "";
    char last[96] = "", name[96];
    int same = 0, n = gpu_count(gpus);
    for (int i = 0; i <= n; i++) {
        name[0] = 0;
        if (i < n)
            gpu_model(gpus, i, name, sizeof name);
        if (i && i < n && !strcmp(name, last)) {
            same++;
            continue;
        }
        if (i)
            text = op_printf(op, same > 1 ? "%s%s%s x %d" : "%s%s%s", text, *text ? ", " : "", last, same);
        memcpy(last, name, sizeof last);
        same = 1;
    }
    return str_from(text);
}

enum err run_facts_read(struct op *op, const struct str *words, size_t n, const char *dir, const struct gpu_probe *gpus, struct run_facts *ret)
{
    struct run_facts *f = ret;
    char cwd[4096];
    enum err e = n ? capture_python_find(op, words[0], str_from(getenv("PATH")), &f->has_python, &f->python) : OK;
    if (e)
        return e;
    capture_machine_read(op, "", &f->machine);
    run_git_read(op, dir, &f->git);
    f->gpus = gpus_text(op, gpus);
    f->command = capture_command_text(op, words, n);
    f->dir = realpath(dir, cwd) ? str_dup(op->arena, str_from(cwd)) : str_from(dir);
    tag(f, "mlflow.source.git.branch", f->git.branch);
    tag(f, "mlflow.source.git.repoURL", f->git.remote);
    tag(f, "ingot.git.dirty", f->git.known ? (f->git.dirty ? STR("true") : STR("false")) : STR(""));
    tag(f, "ingot.command", f->command);
    tag(f, "ingot.cwd", f->dir);
    tag(f, "ingot.host.name", f->machine.host);
    tag(f, "ingot.host.os", f->machine.os);
    tag(f, "ingot.host.kernel", f->machine.kernel);
    tag(f, "ingot.host.cpu", f->machine.cpu);
    tag(f, "ingot.host.cpu_count", str_from(op_printf(op, "%d", f->machine.cpus)));
    if (f->machine.memory_bytes)
        tag(f, "ingot.host.memory_bytes", str_from(op_printf(op, "%" PRId64, f->machine.memory_bytes)));
    tag(f, "ingot.host.gpu", f->gpus);
    if (f->has_python)
        tag(f, "ingot.python.version", f->python.version);
    return OK;
}

static void variables_write(struct json_out *w, const struct run_facts *f)
{
    json_key(w, "variables");
    json_begin_object(w);
    for (char **v = environ; *v; v++) {
        struct str pair = str_from(*v);
        size_t eq = str_find_char(pair, '=');
        if (eq != SIZE_MAX && capture_variable_allowed(str_sub(pair, 0, eq), f->variables, f->variable_count)) {
            json_key_str(w, str_sub(pair, 0, eq));
            json_str(w, str_sub(pair, eq + 1, SIZE_MAX));
        }
    }
    json_end_object(w);
}

static void environment_write(struct json_out *w, const struct run_facts *f)
{
    json_begin_object(w);
    json_kv_str(w, "command", f->command);
    json_kv_str(w, "cwd", f->dir);
    json_kv_str(w, "host", f->machine.host);
    json_kv_str(w, "os", f->machine.os);
    json_kv_str(w, "kernel", f->machine.kernel);
    json_kv_str(w, "cpu", f->machine.cpu);
    json_kv_i64(w, "cpu_count", f->machine.cpus);
    json_kv_i64(w, "memory_bytes", f->machine.memory_bytes);
    json_kv_str(w, "gpus", f->gpus);
    json_key(w, "git");
    json_begin_object(w);
    json_kv_str(w, "commit", f->git.commit);
    json_kv_str(w, "branch", f->git.branch);
    json_kv_str(w, "remote", f->git.remote);
    if (f->git.known)
        json_kv_bool(w, "dirty", f->git.dirty);
    json_end_object(w);
    if (f->has_python) {
        json_key(w, "python");
        json_begin_object(w);
        json_kv_str(w, "executable", f->python.executable);
        json_kv_str(w, "version", f->python.version);
        json_kv_bool(w, "conda", f->python.conda);
        json_kv_i64(w, "packages", (int64_t)f->python.count);
        json_end_object(w);
    }
    variables_write(w, f);
    json_end_object(w);
}

enum err run_facts_upload(struct op *op, struct run_log *log, const struct run_facts *f, bool diff)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 2);
    environment_write(&w, f);
    buf_add_char(&b, '\n');
    enum err e = run_log_artifact(op, log, "capture/environment.json", STR("application/json"), buf_str(&b));
    if (!e && f->has_python && f->python.count) {
        buf_reset(&b);
        for (size_t i = 0; i < f->python.count; i++)
            buf_addf(&b, "%.*s\n", STR_FMT(f->python.packages[i]));
        e = run_log_artifact(op, log, "capture/requirements.txt", STR("text/plain"), buf_str(&b));
    }
    struct str patch = {0};
    if (e || !diff || (e = run_git_diff(op, str_cstr(op->arena, f->dir), &patch)) || !patch.len)
        return e;
    return run_log_artifact(op, log, "capture/diff.patch", STR("text/plain"), patch);
}
