#include "adapter/repository/repository.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

#define LIMIT_SETTINGS_BYTES LIMIT_MIB(1)

struct scan {
    struct op *op;
    struct repository_model *models;
    size_t len;
};

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

/* Without its last ending; a name that begins with its only dot stays. */
static struct str stem(struct str name)
{
    size_t at = name.len;
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

/* Names in the folder but hidden ones, sorted. */
static enum err folder_names(struct op *op, struct str folder, struct str **ret, size_t *ret_len)
{
    DIR *d = opendir(str_cstr(op->arena, folder));
    if (!d)
        return op_fail_errno(op, "open folder '%.*s'", STR_FMT(folder));
    struct str *names = arena_array(op->arena, LIMIT_REPOSITORY_FILES, struct str);
    size_t n = 0;
    enum err e = names ? OK : op_fail(op, E_TOO_LARGE, "no memory for the names in '%.*s'", STR_FMT(folder));
    errno = 0;
    for (struct dirent *entry; !e && (entry = readdir(d)); errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        if (n == LIMIT_REPOSITORY_FILES)
            e = op_fail(op, E_TOO_LARGE, "more than %d files in '%.*s'", LIMIT_REPOSITORY_FILES, STR_FMT(folder));
        else
            names[n++] = str_dup(op->arena, str_from(entry->d_name));
    }
    if (!e && errno)
        e = op_fail_errno(op, "read folder '%.*s'", STR_FMT(folder));
    closedir(d);
    if (e)
        return e;
    qsort(names, n, sizeof(*names), str_compare);
    *ret = names;
    *ret_len = n;
    return OK;
}

static enum err model_add(struct scan *s, const struct repository_model *m)
{
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
    return str_starts(name, STR("labels")) || str_ends(name, STR("_labels.txt")) || str_ends(name, STR(".yaml"));
}

/* The model's file in the folder of one version. False: none, or several and none named "model". */
static enum err version_file(struct op *op, struct str folder, struct str *ret, bool *ret_found)
{
    struct str *names = NULL;
    size_t n = 0, candidates = 0;
    struct str only = {0}, named = {0};
    enum err e = folder_names(op, folder, &names, &n);
    for (size_t i = 0; !e && i < n; i++) {
        struct str path = path_join(op, folder, names[i]);
        if (is_beside_models(names[i]) || !is_file(op, path))
            continue;
        candidates++;
        only = path;
        if (str_eqc(stem(names[i]), "model"))
            named = named.len ? named : path;
    }
    *ret = candidates == 1 ? only : named;
    *ret_found = ret->len > 0;
    return e;
}

/* ---- Triton's layout ---- */

static enum err numbered_add(struct scan *s, struct str folder, const struct str *names, size_t n)
{
    struct op *op = s->op;
    struct repository_model m = {.name = base_name(folder), .folder_or_file = folder, .problem = STR(""), .note = STR("")};
    struct str newest = {0};
    bool found = false;
    int64_t v;
    for (size_t i = 0; i < n; i++) {
        if (str_eqc(names[i], "config.pbtxt"))
            m.note = STR("what config.pbtxt says is passed over");
        if (str_parse_i64(names[i], &v) && v > m.version) {
            m.version = v;
            newest = path_join(op, folder, names[i]);
        }
    }
    enum err e = OK;
    if (!m.version)
        m.problem = STR("there is no folder with a version's number");
    else if (!is_folder(op, newest))
        m.problem = str_from(op_printf(op, "'%.*s' is no folder", STR_FMT(newest)));
    else if (!(e = version_file(op, newest, &m.file, &found)) && !found)
        m.problem = str_from(op_printf(op, "'%.*s' has no file named model.*, and not exactly one other", STR_FMT(newest)));
    return e ? e : model_add(s, &m);
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
    m->version = 1;
    if (!e && version.len && (!str_parse_i64(version, &m->version) || m->version < 1)) {
        m->version = 1;
        m->note = str_from(op_printf(op, "its version \"%.*s\" is no whole number; it is served as 1", STR_FMT(version)));
    }
    if (!e && uri.len)
        m->file = uri.p[0] == '/' ? uri : path_join(op, folder, str_starts(uri, STR("./")) ? str_sub(uri, 2, uri.len - 2) : uri);
    if (!e && (!uri.len || is_folder(op, m->file)))
        e = version_file(op, uri.len ? m->file : folder, &m->file, &found);
    if (!e && !found)
        e = op_fail(op, E_NOT_FOUND, "there is no file named model.*, and not exactly one other");
    if (!e && !is_file(op, m->file))
        e = op_fail(op, E_NOT_FOUND, "there is no file '%.*s'", STR_FMT(m->file));
    m->problem = e ? str_from(op->msg) : STR("");
    op_clear(op);
}

static enum err settings_add(struct scan *s, struct str folder, struct str settings)
{
    struct op *op = s->op;
    struct repository_model m = {.name = base_name(folder), .folder_or_file = folder, .problem = STR(""), .note = STR("")};
    struct json *doc = NULL;
    struct str text;
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
    return model_add(s, &(struct repository_model){.name = stem(base_name(path)), .folder_or_file = path, .file = path, .version = 1,
                                                   .problem = STR(""), .note = STR("")});
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
        if (is_folder(s->op, path))
            e = model_folder_add(s, path, &taken);
        else if (is_file(s->op, path) && !is_beside_models(names[i]))
            e = file_add(s, path);
    }
    return e;
}

enum err repository_scan(struct op *op, const struct str *paths, size_t path_count, struct repository_model **ret, size_t *ret_len)
{
    struct scan s = {.op = op, .models = arena_array(op->arena, LIMIT_REPOSITORY_MODELS, struct repository_model)};
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
    *ret = s.models;
    *ret_len = s.len;
    return OK;
}
