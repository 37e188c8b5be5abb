#include "adapter/repository/repository.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/repository/beside.h"
#include "adapter/repository/triton_config.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

#define LIMIT_SETTINGS_BYTES LIMIT_MIB(1)
#define NAMES_SPARE_BYTES LIMIT_MIB(8) /* of an arena of 256 MiB or more */

struct scan {
    struct op *op;
    const struct repository_override *overrides;
    size_t override_count;
    struct repository_model *models;
    size_t len;
};

static const struct str uploaded_place = STR_INIT("a load request");

/* ---- paths and names ---- */

static struct str path_join(struct op *op, struct str folder, struct str name)
{
    return str_from(op_printf(op, "%.*s/%.*s", STR_FMT(folder), STR_FMT(name)));
}

static struct str base_name(struct str path)
{
    while (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    size_t at = path.len;
    while (at && path.p[at - 1] != '/')
        at--;
    return str_sub(path, at, path.len - at);
}

/* Without its last ending; a name that begins with its only dot stays. "blend.graph.json", a graph of models, is "blend". */
static struct str stem(struct str name)
{
    const struct str graph = STR(".graph.json");
    size_t at = name.len;
    if (name.len > graph.len && str_ends(name, graph))
        return str_sub(name, 0, name.len - graph.len);
    while (at > 1 && name.p[at - 1] != '.')
        at--;
    return at > 1 ? str_sub(name, 0, at - 1) : name;
}

static bool is_folder(struct op *op, struct str path)
{
    struct stat st;
    return stat(str_cstr(op->arena, path), &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(struct op *op, struct str path)
{
    struct stat st;
    return stat(str_cstr(op->arena, path), &st) == 0 && S_ISREG(st.st_mode);
}

static int str_compare(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Room for one name more, and for what is made of the names afterwards: paths are no longer than PATH_MAX, a folder's names are few, folders may be many. */
static bool names_grow(struct op *op, struct str **names, size_t n, size_t *cap)
{
    if (arena_left(op->arena) < NAMES_SPARE_BYTES)
        return false;
    if (n < *cap)
        return true;
    const size_t more = *cap ? *cap * 2 : 16;
    struct str *fresh = arena_array(op->arena, more, struct str);
    if (fresh && n)
        memcpy(fresh, *names, n * sizeof(*fresh));
    *names = fresh;
    *cap = more;
    return fresh != NULL;
}

/* Names in the folder but hidden ones, sorted. */
static enum err folder_names(struct op *op, struct str folder, struct str **ret, size_t *ret_len)
{
    DIR *d = opendir(str_cstr(op->arena, folder));
    if (!d)
        return op_fail_errno(op, "open folder '%.*s'", STR_FMT(folder));
    struct str *names = NULL;
    size_t n = 0, cap = 0;
    enum err e = OK;
    errno = 0;
    for (struct dirent *entry; !e && (entry = readdir(d)); errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        if (n == LIMIT_REPOSITORY_FILES)
            e = op_fail(op, E_TOO_LARGE, "more than %d files in '%.*s'", LIMIT_REPOSITORY_FILES, STR_FMT(folder));
        else if (!names_grow(op, &names, n, &cap))
            e = op_fail(op, E_TOO_LARGE, "no memory for the names in '%.*s'", STR_FMT(folder));
        else
            names[n++] = str_dup(op->arena, str_from(entry->d_name));
    }
    if (!e && errno)
        e = op_fail_errno(op, "read folder '%.*s'", STR_FMT(folder));
    closedir(d);
    if (e)
        return e;
    if (n)
        qsort(names, n, sizeof(*names), str_compare);
    *ret = names;
    *ret_len = n;
    return OK;
}

/* FNV-1a over what the kernel says of a file: its size, its identity, when it changed. */
static void mark_add(struct op *op, uint64_t *mark, struct str path)
{
    struct stat st;
    uint64_t words[5] = {0};
    if (stat(str_cstr(op->arena, path), &st) == 0) {
        words[0] = (uint64_t)st.st_size;
        words[1] = (uint64_t)st.st_ino;
        words[2] = (uint64_t)st.st_mtim.tv_sec;
        words[3] = (uint64_t)st.st_mtim.tv_nsec;
        words[4] = (uint64_t)st.st_ctim.tv_nsec ^ (uint64_t)st.st_ctim.tv_sec << 32;
    }
    for (size_t i = 0; i < path.len + sizeof(words); i++) {
        const unsigned char c = i < path.len ? (unsigned char)path.p[i] : ((const unsigned char *)words)[i - path.len];
        *mark = (*mark ^ c) * 0x100000001b3ULL;
    }
}

static void marks_add(struct op *op, uint64_t *mark, struct str folder, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mark_add(op, mark, path_join(op, folder, names[i]));
}

static enum err model_add(struct scan *s, const struct repository_model *m)
{
    for (size_t i = 0; m->folder_or_file.p != uploaded_place.p && i < s->override_count; i++)
        if (s->overrides[i].file_count && str_eq(s->overrides[i].name, m->name))
            return OK; /* what was uploaded stands in its place */
    for (size_t i = 0; i < s->len; i++)
        if (str_eq(s->models[i].name, m->name))
            return op_fail(s->op, E_CONFLICT, "'%.*s' and '%.*s' are both named \"%.*s\"", STR_FMT(s->models[i].folder_or_file),
                           STR_FMT(m->folder_or_file), STR_FMT(m->name));
    if (s->len == LIMIT_REPOSITORY_MODELS)
        return op_fail(s->op, E_TOO_LARGE, "more than %d models", LIMIT_REPOSITORY_MODELS);
    s->models[s->len++] = *m;
    return OK;
}

static bool is_beside_models(struct str name)
{
    static const char *const others[] = {"config.pbtxt", "model-settings.json", "settings.json", "MLmodel", "conda.yaml", "python_env.yaml",
                                         "requirements.txt", "README.md"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eqc(name, others[i]))
            return true;
    return beside_is(name) || str_starts(name, STR("labels")) || str_ends(name, STR("_labels.txt")) || str_ends(name, STR(".yaml"));
}

/* The model's file in the folder of one version: `wanted` if that is not "". False: none, or several and none named "model". */
static enum err version_file(struct op *op, struct str folder, struct str wanted, uint64_t *mark, struct str *ret, bool *ret_found)
{
    struct str *names = NULL;
    size_t n = 0, candidates = 0;
    struct str only = {0}, named = {0}, said = {0};
    enum err e = folder_names(op, folder, &names, &n);
    for (size_t i = 0; !e && i < n; i++) {
        struct str path = path_join(op, folder, names[i]);
        if (str_eq(names[i], wanted) && is_file(op, path))
            said = path;
        if (is_beside_models(names[i]) || !is_file(op, path))
            continue;
        candidates++;
        only = path;
        if (str_eqc(stem(names[i]), "model"))
            named = named.len ? named : path;
    }
    if (!e)
        marks_add(op, mark, folder, names, n);
    *ret = wanted.len ? said : candidates == 1 ? only : named;
    *ret_found = ret->len > 0;
    return e;
}

static struct repository_model model_start(struct str name, struct str place)
{
    return (struct repository_model){.name = name, .folder_or_file = place, .problem = STR(""), .note = STR(""), .declared = STR(""), .mark = 0xcbf29ce484222325ULL};
}

/* A model of one version; its number and file may still be set. */
static struct repository_version *version_one(struct op *op, struct repository_model *m, struct str file)
{
    struct repository_version *v = op_new(op, struct repository_version);
    *v = (struct repository_version){.number = 1, .file = file};
    m->versions = v;
    m->version_count = 1;
    return v;
}

static const struct repository_override *override_find(const struct scan *s, struct str name)
{
    for (size_t i = 0; i < s->override_count; i++)
        if (str_eq(s->overrides[i].name, name))
            return &s->overrides[i];
    return NULL;
}

/* ---- Triton's layout ---- */

/* What config.pbtxt, or the override in its place, says. */
static enum err config_read(struct scan *s, struct str folder, struct repository_model *m, struct triton_config *ret)
{
    static const struct json empty = {.type = JSON_OBJECT};
    const struct repository_override *o = override_find(s, m->name);
    struct str path = path_join(s->op, folder, STR("config.pbtxt")), bytes = STR("");
    enum err e = OK;
    if (o)
        e = triton_config_of_json(s->op, o->config ? o->config : &empty, m->name, folder, ret);
    else if (is_file(s->op, path))
        e = file_read(s->op, str_cstr(s->op->arena, path), LIMIT_PBTXT_BYTES, &bytes);
    if (!e && !o)
        e = triton_config_parse(s->op, bytes, m->name, folder, ret);
    if (e)
        return op_context(s->op, o ? "its configuration" : "config.pbtxt");
    m->config = bytes.len || o ? ret->endpoint : NULL;
    m->engines = ret->engines;
    m->declared = ret->declared;
    m->ensemble = ret->ensemble ? ret->doc : NULL;
    m->note = str_from(ret->note);
    return OK;
}

static int version_compare(const void *a, const void *b)
{
    const struct repository_version *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool is_specific(const struct triton_config *c, int64_t number)
{
    for (size_t i = 0; i < c->specific_len; i++)
        if (c->specific[i] == number)
            return true;
    return false;
}

/* Leaves those that the policy wants. */
static enum err versions_choose(struct op *op, const struct triton_config *c, struct repository_version *all, size_t *len)
{
    size_t n = 0, found = 0;
    qsort(all, *len, sizeof(*all), version_compare);
    for (size_t i = 0; i < *len; i++) {
        const bool twice = i && all[i].number == all[i - 1].number; /* "1" and "01" */
        const bool takes = c->versions == TRITON_ALL || (c->versions == TRITON_SPECIFIC && is_specific(c, all[i].number)) ||
                           (c->versions == TRITON_LATEST && (int64_t)(*len - i) <= c->latest);
        if (twice)
            return op_fail(op, E_INVALID, "there are two folders of version %lld", (long long)all[i].number);
        found += takes;
        if (takes)
            all[n++] = all[i];
    }
    if (c->versions == TRITON_SPECIFIC && found < c->specific_len)
        return op_fail(op, E_INVALID, "version_policy.specific names %zu versions, of which %zu are there", c->specific_len, found);
    *len = n;
    return OK;
}

/* The files of the chosen versions, `file` being their folders so far. An ensemble has none. */
static enum err versions_files(struct op *op, const struct triton_config *c, struct repository_version *list, size_t n)
{
    uint64_t mark = 0;
    bool found = false;
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        struct str folder = list[i].file;
        if (!is_folder(op, folder))
            return op_fail(op, E_INVALID, "'%.*s' is no folder", STR_FMT(folder));
        e = version_file(op, folder, c->file, &mark, &list[i].file, &found);
        if (!e && !found && !c->ensemble)
            e = c->file.len ? op_fail(op, E_NOT_FOUND, "'%.*s' has no file \"%.*s\"", STR_FMT(folder), STR_FMT(c->file))
                            : op_fail(op, E_INVALID, "'%.*s' has no file named model.*, and not exactly one other", STR_FMT(folder));
    }
    return e;
}

static enum err numbered_read(struct scan *s, struct str folder, const struct str *names, size_t n, struct repository_model *m)
{
    struct op *op = s->op;
    struct triton_config c;
    struct repository_version *list = arena_array(op->arena, n + 1, struct repository_version);
    size_t len = 0;
    enum err e = list ? config_read(s, folder, m, &c) : op_fail(op, E_TOO_LARGE, "no memory for its versions");
    for (size_t i = 0; !e && i < n; i++) {
        int64_t v;
        if (str_parse_i64(names[i], &v) && v > 0)
            list[len++] = (struct repository_version){.number = v, .file = path_join(op, folder, names[i])};
    }
    if (!e && !len)
        e = op_fail(op, E_INVALID, "there is no folder with a version's number");
    if (!e)
        e = versions_choose(op, &c, list, &len);
    if (!e)
        e = versions_files(op, &c, list, len);
    if (e)
        return e;
    m->versions = list;
    m->version_count = len;
    return OK;
}

static enum err numbered_add(struct scan *s, struct str folder, const struct str *names, size_t n)
{
    struct repository_model m = model_start(base_name(folder), folder);
    struct str *files = NULL;
    size_t count = 0;
    int64_t v;
    marks_add(s->op, &m.mark, folder, names, n);
    for (size_t i = 0; i < n; i++) { /* all versions, whichever are chosen: a mark is the disk's alone */
        struct str path = path_join(s->op, folder, names[i]);
        if (str_parse_i64(names[i], &v) && is_folder(s->op, path) && !folder_names(s->op, path, &files, &count))
            marks_add(s->op, &m.mark, path, files, count);
        op_clear(s->op);
    }
    if (numbered_read(s, folder, names, n, &m)) {
        m.problem = str_from(s->op->msg);
        m.version_count = 0;
        op_clear(s->op);
    }
    return model_add(s, &m);
}

/* ---- models that came with a load request ---- */

static enum err upload_read(struct scan *s, const struct repository_override *o, struct repository_model *m)
{
    static const struct json empty = {.type = JSON_OBJECT};
    struct op *op = s->op;
    struct triton_config c;
    struct repository_version *list = arena_array(op->arena, o->file_count + 1, struct repository_version);
    size_t len = 0;
    enum err e = list ? triton_config_of_json(op, o->config ? o->config : &empty, o->name, STR(""), &c) : op_fail(op, E_TOO_LARGE, "no memory for its versions");
    for (size_t i = 0; !e && i < o->file_count; i++) {
        struct str path = o->files[i].path, rest = path, part;
        int64_t v;
        (void)str_split(&rest, '/', &part);
        if (!rest.len || !str_parse_i64(part, &v) || v < 1 || str_find_char(rest, '/') != SIZE_MAX)
            return op_fail(op, E_INVALID, "file \"%.*s\" does not lie in the folder of a version, as \"1/model.onnx\" does", STR_FMT(path));
        if (c.file.len ? str_eq(rest, c.file) : !is_beside_models(rest))
            list[len++] = (struct repository_version){.number = v, .file = rest, .bytes = o->files[i].bytes};
    }
    if (!e && !len)
        e = op_fail(op, E_INVALID, "no file of a version came with the request");
    if (!e)
        e = versions_choose(op, &c, list, &len);
    if (e)
        return e;
    *m = (struct repository_model){.name = o->name, .folder_or_file = uploaded_place, .versions = list, .version_count = len, .problem = STR(""),
                                   .note = str_from(c.note), .config = c.endpoint, .engines = c.engines, .declared = c.declared,
                                   .ensemble = c.ensemble ? c.doc : NULL};
    return OK;
}

static enum err uploads_add(struct scan *s)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < s->override_count; i++) {
        struct repository_model m = model_start(s->overrides[i].name, uploaded_place);
        if (!s->overrides[i].file_count)
            continue;
        if (upload_read(s, &s->overrides[i], &m)) {
            m.problem = str_from(s->op->msg);
            op_clear(s->op);
        }
        e = model_add(s, &m);
    }
    return e;
}

/* ---- MLServer's layout ---- */

static void settings_read(struct op *op, struct str folder, const struct json *doc, struct repository_model *m)
{
    struct str uri, version;
    const struct json *parameters = json_get(doc, "parameters");
    bool found = true;
    enum err e = json_opt_str(op, doc, "name", base_name(folder), &m->name);
    if (!e)
        e = json_opt_str(op, parameters, "uri", STR(""), &uri);
    if (!e)
        e = json_opt_str(op, parameters, "version", STR(""), &version);
    if (!e && version.len && version.p[0] == 'v')
        version = str_sub(version, 1, version.len - 1);
    struct repository_version *v = version_one(op, m, STR(""));
    if (!e && (str_find_char(m->name, 0) != SIZE_MAX || str_find_char(uri, 0) != SIZE_MAX)) {
        m->name = base_name(folder);
        e = op_fail(op, E_INVALID, "model-settings.json: name or uri holds a NUL byte");
    }
    if (!e && version.len && (!str_parse_i64(version, &v->number) || v->number < 1)) {
        v->number = 1;
        m->note = str_from(op_printf(op, "its version \"%.*s\" is no whole number; it is served as 1", STR_FMT(version)));
    }
    if (!e && uri.len)
        v->file = uri.p[0] == '/' ? uri : path_join(op, folder, str_starts(uri, STR("./")) ? str_sub(uri, 2, uri.len - 2) : uri);
    if (!e && (!uri.len || is_folder(op, v->file)))
        e = version_file(op, uri.len ? v->file : folder, STR(""), &m->mark, &v->file, &found);
    if (!e && !found)
        e = op_fail(op, E_NOT_FOUND, "there is no file named model.*, and not exactly one other");
    if (!e && !is_file(op, v->file))
        e = op_fail(op, E_NOT_FOUND, "there is no file '%.*s'", STR_FMT(v->file));
    mark_add(op, &m->mark, v->file);
    m->problem = e ? str_from(op->msg) : STR("");
    m->version_count = !e;
    op_clear(op);
}

static enum err settings_add(struct scan *s, struct str folder, struct str settings)
{
    struct op *op = s->op;
    struct repository_model m = model_start(base_name(folder), folder);
    struct json *doc = NULL;
    struct str text;
    mark_add(op, &m.mark, settings);
    enum err e = file_read(op, str_cstr(op->arena, settings), LIMIT_SETTINGS_BYTES, &text);
    if (!e)
        e = json_parse(op, text, JSON_STRICT, &doc);
    if (!e && doc->type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "it is a %s, not an object", json_type_name(doc->type));
    if (e) {
        (void)op_context(op, "model-settings.json");
        m.problem = str_from(op->msg);
        op_clear(op);
    } else {
        settings_read(op, folder, doc, &m);
    }
    return model_add(s, &m);
}

/* ---- any path ---- */

static enum err file_add(struct scan *s, struct str path)
{
    struct repository_model m = model_start(stem(base_name(path)), path);
    version_one(s->op, &m, path);
    mark_add(s->op, &m.mark, path);
    return model_add(s, &m);
}

/* *ret_taken false: the folder is not one model. */
static enum err model_folder_add(struct scan *s, struct str folder, bool *ret_taken)
{
    struct str *names = NULL;
    size_t n = 0;
    int64_t v;
    enum err e = folder_names(s->op, folder, &names, &n);
    *ret_taken = true;
    for (size_t i = 0; !e && i < n; i++)
        if (str_eqc(names[i], "model-settings.json"))
            return settings_add(s, folder, path_join(s->op, folder, names[i]));
    for (size_t i = 0; !e && i < n; i++)
        if (str_eqc(names[i], "config.pbtxt") || (str_parse_i64(names[i], &v) && is_folder(s->op, path_join(s->op, folder, names[i]))))
            return numbered_add(s, folder, names, n);
    *ret_taken = false;
    return e;
}

static enum err folder_add(struct scan *s, struct str folder)
{
    struct str *names = NULL;
    size_t n = 0;
    bool taken = false;
    enum err e = model_folder_add(s, folder, &taken);
    if (e || taken)
        return e;
    e = folder_names(s->op, folder, &names, &n);
    for (size_t i = 0; !e && i < n; i++) {
        struct str path = path_join(s->op, folder, names[i]);
        if (is_folder(s->op, path)) {
            e = model_folder_add(s, path, &taken);
            if (e && !is_folder(s->op, path)) { /* it went while we looked: no failure of the others */
                op_clear(s->op);
                e = OK;
            }
        } else if (is_file(s->op, path) && !is_beside_models(names[i])) {
            e = file_add(s, path);
        }
    }
    return e;
}

enum err repository_scan(struct op *op, const struct str *paths, size_t path_count, const struct repository_override *overrides, size_t override_count,
                         struct repository_model **ret, size_t *ret_len)
{
    struct scan s = {.op = op, .overrides = overrides, .override_count = override_count,
                     .models = arena_array(op->arena, LIMIT_REPOSITORY_MODELS, struct repository_model)};
    if (!s.models)
        return op_fail(op, E_TOO_LARGE, "no memory for the list of models");
    for (size_t i = 0; i < path_count; i++) {
        struct stat st;
        enum err e = stat(str_cstr(op->arena, paths[i]), &st) ? op_fail_errno(op, "model '%.*s'", STR_FMT(paths[i])) : OK;
        if (!e)
            e = S_ISDIR(st.st_mode) ? folder_add(&s, paths[i]) : file_add(&s, paths[i]);
        if (e)
            return e;
    }
    enum err e = uploads_add(&s);
    *ret = s.models;
    *ret_len = s.len;
    return e;
}
