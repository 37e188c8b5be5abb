/* fuzz_dvc.c - what a repository of somebody else brings along. The first byte says what the rest is: '0' dvc.yaml
 * (templates, foreach, graph), '1' dvc.lock, '2' a .dir object, '3' .dvc/config. Nothing may be written
 * and no command run; whatever is accepted must also be usable. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "core/pipeline/dvc_graph.h"
#include "core/pipeline/dvc_lock.h"
#include "core/pipeline/fspath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str folder;

static void folder_make(void)
{
    static char name[] = "/tmp/ingot-fuzz-XXXXXX";
    if (folder.len)
        return;
    if (!mkdtemp(name))
        abort();
    folder = str_from(name);
}

static void dvc_yaml(struct op *op, struct str text)
{
    struct workspace *ws;
    struct dvc_file *file;
    struct dvc_graph *graph;
    if (workspace_open(op, folder, true, &ws))
        abort();
    if (dvc_file_parse(op, ws, text, &file) || dvc_graph_build(op, file, &graph))
        return;
    bool *wanted = arena_alloc(op->arena, file->len + 1);
    if (dvc_graph_select(op, graph, NULL, 0, wanted))
        abort();
    for (size_t i = 0; i < file->len; i++) {
        for (size_t k = 0; k < file->stages[i].outs_len; k++) {
            if (!workspace_contains(ws, file->stages[i].outs[k].path.abs))
                abort();
        }
    }
}

static void with_file(struct op *op, const char *name, struct str text, bool lock)
{
    struct str path = fspath_join(op, folder, str_from(name));
    struct dvc_lock *l;
    struct workspace *ws;
    if (fspath_make_dirs(op, fspath_parent(path)) || fspath_write(op, path, text, false))
        abort();
    if (lock && dvc_lock_load(op, path, &l) == OK) {
        /* What was read can be written and read again. */
        l->dirty = true;
        struct json extra = {.type = JSON_OBJECT, .len = 1, .members = &(struct json_member){STR("cmd"), {.type = JSON_STRING, .s = STR("x")}}};
        if (dvc_lock_set(op, l, STR("a stage"), &extra) == OK && dvc_lock_save(op, l) == OK && dvc_lock_load(op, path, &l) != OK)
            abort();
    } else if (!lock && workspace_open(op, folder, true, &ws) == OK && ws->cache_dir.p[0] != '/') {
        abort();
    }
    op_clear(op);
    if (fspath_remove(op, path))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > LIMIT_KIB(64))
        return 0;
    folder_make();
    struct arena *a = arena_create(LIMIT_MIB(256));
    struct op op;
    op_init(&op, a);
    struct str text = {(const char *)data + 1, size - 1};
    struct dvc_entry *entries;
    size_t n;
    if (data[0] == '0')
        dvc_yaml(&op, text);
    else if (data[0] == '1')
        with_file(&op, "dvc.lock", text, true);
    else if (data[0] == '2' && dvc_tree_parse(&op, text, &entries, &n) == OK) {
        for (size_t i = 0; i < n; i++) {
            if (!fspath_inside(folder, fspath_join(&op, folder, entries[i].rel)))
                abort();
        }
    } else if (data[0] == '3')
        with_file(&op, ".dvc/config", text, false);
    arena_destroy(a);
    return 0;
}
