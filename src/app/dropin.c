/* The state of MLflow lies where --backend-store-uri says: an SQLite file, a folder of the old file store, or a database server. Ingot's own
 * schema is another one, so an SQLite file or a folder of MLflow's is left alone and the state goes into a sibling named "<path>.ingot". The
 * same start line then finds the same state again, MLflow's file stays as it was (the way back), and `ingot import mlflow` moves the
 * content over once.
 *
 * SQLAlchemy's URIs: sqlite:///relative/path, sqlite:////absolute/path, dialect+driver://user:password@host:port/database. */
#include "app/dropin.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *env;
} environment[] = {
    {"backend-store-uri", "MLFLOW_BACKEND_STORE_URI"},
    {"registry-store-uri", "MLFLOW_REGISTRY_STORE_URI"},
    {"read-replica-backend-store-uri", "MLFLOW_READ_REPLICA_BACKEND_STORE_URI"},
    {"default-artifact-root", "MLFLOW_DEFAULT_ARTIFACT_ROOT"},
    {"artifacts-destination", "MLFLOW_ARTIFACTS_DESTINATION"},
    {"serve-artifacts", "MLFLOW_SERVE_ARTIFACTS"},
    {"artifacts-only", "MLFLOW_ARTIFACTS_ONLY"},
    {"host", "MLFLOW_HOST"},
    {"port", "MLFLOW_PORT"},
    {"workers", "MLFLOW_WORKERS"},
    {"allowed-hosts", "MLFLOW_SERVER_ALLOWED_HOSTS"},
    {"cors-allowed-origins", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"},
    {"x-frame-options", "MLFLOW_SERVER_X_FRAME_OPTIONS"},
    {"disable-security-middleware", "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE"},
    {"static-prefix", "MLFLOW_STATIC_PREFIX"},
    {"gunicorn-opts", "MLFLOW_GUNICORN_OPTS"},
    {"uvicorn-opts", "MLFLOW_UVICORN_OPTS"},
    {"expose-prometheus", "MLFLOW_EXPOSE_PROMETHEUS"},
    {"trace-archival-config", "MLFLOW_TRACE_ARCHIVAL_CONFIG"},
    {"workspace-store-uri", "MLFLOW_WORKSPACE_STORE_URI"},
    {"enable-workspaces", "MLFLOW_ENABLE_WORKSPACES"},
    {"version-source-pattern", "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"},
    {"graphql-max-root-fields", "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS"},
    {"graphql-max-aliases", "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES"},
    {"webhook-schemes", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES"},
    {"webhook-allow-private", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"},
    {"webhook-timeout-s", "MLFLOW_WEBHOOK_REQUEST_TIMEOUT"},
    {"webhook-workers", "MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS"},
    {"webhook-retries", "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES"},
    {"webhook-cache-ttl", "MLFLOW_WEBHOOK_CACHE_TTL"},
};

const char *dropin_env(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(environment); i++)
        if (!strcmp(environment[i].name, name))
            return environment[i].env;
    return NULL;
}

const char *dropin_source(const char *name)
{
    if (!strcmp(name, "data") || !strcmp(name, "db"))
        return "backend-store-uri";
    return strcmp(name, "blobs") ? NULL : "artifacts-destination";
}

/* ---- the two URIs ---- */

static struct str without_slashes(struct str path)
{
    while (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    return path;
}

/* The path of file:///a/b, file:a/b or a bare path; p NULL for any other scheme. */
static struct str file_path(struct str uri)
{
    if (str_starts(uri, STR("file:"))) {
        struct str path = str_sub(uri, 5, SIZE_MAX);
        if (str_starts(path, STR("//")))
            path = str_sub(path, 2, SIZE_MAX);
        if (str_starts(path, STR("localhost/")))
            path = str_sub(path, 9, SIZE_MAX);
        return without_slashes(path);
    }
    return str_find_char(uri, ':') == SIZE_MAX ? without_slashes(uri) : (struct str){0};
}

/* The file of sqlite:///path (relative) and sqlite:////path (absolute), without options. */
static enum err sqlite_path(struct op *op, struct str uri, struct str *ret)
{
    struct str rest = str_sub(uri, strlen("sqlite:"), SIZE_MAX);
    size_t query = str_find_char(rest, '?');
    rest = str_sub(rest, 0, query == SIZE_MAX ? rest.len : query);
    if (!str_starts(rest, STR("///")) || rest.len == 3 || str_eq(rest, STR("///:memory:")))
        return op_fail(op, E_INVALID, "backend-store-uri '%.*s': expected sqlite:///FILE", STR_FMT(uri));
    *ret = str_sub(rest, 3, SIZE_MAX);
    return OK;
}

static enum err state_path(struct op *op, struct str uri, struct str *ret)
{
    struct str path = file_path(uri);
    if (str_starts(uri, STR("sqlite:"))) {
        enum err e = sqlite_path(op, uri, &path);
        if (e)
            return e;
    }
    *ret = path;
    return OK;
}

/* postgresql+psycopg2://... as libpq knows it: postgresql://... */
static struct str plain_postgres(struct op *op, struct str uri)
{
    size_t colon = str_find_char(uri, ':');
    return str_from(op_printf(op, "postgresql%.*s", STR_FMT(str_sub(uri, colon, SIZE_MAX))));
}

static bool is_postgres(struct str uri)
{
    struct str scheme = str_sub(uri, 0, str_find(uri, STR("://")) == SIZE_MAX ? 0 : str_find(uri, STR("://")));
    return str_eqc(scheme, "postgresql") || str_eqc(scheme, "postgres") || str_starts(scheme, STR("postgresql+"));
}

static enum err of_backend(struct op *op, const char *name, struct str uri, struct str *ret)
{
    struct str path;
    bool db = !strcmp(name, "db");
    if (is_postgres(uri)) {
        *ret = db ? plain_postgres(op, uri) : (struct str){0};
        return OK;
    }
    enum err e = state_path(op, uri, &path);
    if (e)
        return e;
    if (!path.len) {
        size_t cut = str_find_char(uri, ':'); /* the rest may hold a password */
        return op_fail(op, E_UNSUPPORTED,
                       "backend-store-uri %.*s: Ingot keeps its state in a folder of its own (sqlite:///FILE, file:///DIR) or in PostgreSQL "
                       "(postgresql://...)",
                       STR_FMT(str_sub(uri, 0, cut == SIZE_MAX ? uri.len : cut + 1)));
    }
    *ret = db ? STR("") : str_from(op_printf(op, "%.*s.ingot", STR_FMT(path)));
    return OK;
}

static enum err of_destination(struct op *op, struct str uri, struct str *ret)
{
    struct str path = file_path(uri);
    if (str_starts(uri, STR("s3://"))) {
        *ret = uri;
        return OK;
    }
    if (!path.len)
        return op_fail(op, E_UNSUPPORTED, "artifacts-destination '%.*s': Ingot stores artifacts in a folder or in S3 (s3://bucket/prefix)",
                       STR_FMT(uri));
    /* Blobs lie under their hashes, beside whatever MLflow put there under names. */
    *ret = str_from(op_printf(op, "%.*s/ingot", STR_FMT(path)));
    return OK;
}

enum err dropin_translate(struct op *op, const char *name, struct str uri, struct str *ret)
{
    *ret = (struct str){0};
    if (!uri.len)
        return OK;
    return strcmp(name, "blobs") ? of_backend(op, name, uri, ret) : of_destination(op, uri, ret);
}

/* ---- words without an effect, and words that are refused ---- */

static const struct {
    const char *name;
    bool refused;
    const char *text;
} verdicts[] = {
    {"workers", false, "one process serves with all cores; see io-threads and pool-threads"},
    {"gunicorn-opts", false, "there is no gunicorn"},
    {"waitress-opts", false, "there is no waitress"},
    {"uvicorn-opts", false, "there is no uvicorn"},
    {"expose-prometheus", false, "metrics are always at /metrics"},
    {"read-replica-backend-store-uri", false, "all reads go to the database itself"},
    {"secrets-cache-ttl", false, "there is no such cache"},
    {"webhook-cache-ttl", false, "there is no such cache"},
    {"secrets-cache-max-size", false, "there is no such cache"},
    {"disable-workspaces", false, "there are no workspaces"},
    {"app-name", true, "there are no apps: for authentication use --auth, which asks for tokens"},
    {"dev", true, "there is no development mode: for more output use --log-level debug"},
    {"artifacts-only", true, "a server without tracking is not offered: give the clients this server's whole address"},
    {"enable-workspaces", true, "workspaces are not served: run one server with a data folder of its own for each"},
    {"workspace-store-uri", true, "workspaces are not served"},
    {"trace-archival-config", true, "traces are not archived"},
    {"disable-security-middleware", true, "the checks stay on: say which names and origins to trust with --allowed-hosts and --cors-allowed-origins"},
};

static bool is_no(struct str value)
{
    return !value.len || str_ieq(value, STR("false")) || str_eqc(value, "0") || str_ieq(value, STR("no"));
}

enum err dropin_judge(struct op *op, const char *name, struct str value, struct str backend, const char **ret_note)
{
    *ret_note = NULL;
    if (!strcmp(name, "registry-store-uri")) {
        if (str_eq(value, backend))
            return OK;
        return op_fail(op, E_UNSUPPORTED, "registry-store-uri must be the same as backend-store-uri: runs and models share one database");
    }
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        if (strcmp(verdicts[i].name, name) || is_no(value))
            continue;
        if (verdicts[i].refused)
            return op_fail(op, E_UNSUPPORTED, "%s: %s", name, verdicts[i].text);
        *ret_note = op_printf(op, "%s has no effect: %s", name, verdicts[i].text);
    }
    return OK;
}

/* ---- what MLflow left behind ---- */

/* A file with anything in it. */
static bool file_is_used(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* The file store has one folder per experiment, each with its meta.yaml. */
static bool folder_is_used(struct op *op, const char *path)
{
    DIR *dir = opendir(path);
    bool used = false;
    for (struct dirent *d = dir ? readdir(dir) : NULL; d && !used; d = readdir(dir))
        used = d->d_name[0] != '.' && !access(op_printf(op, "%s/%s/meta.yaml", path, d->d_name), F_OK);
    if (dir)
        closedir(dir);
    return used;
}

/* Where the import is to put files, and where MLflow has them. */
static const char *import_places(struct op *op, struct str destination)
{
    struct str folder = file_path(destination);
    if (!destination.len)
        return " --artifact-folder ./mlartifacts";
    if (!folder.len)
        return op_printf(op, " --blobs '%.*s'", STR_FMT(destination));
    return op_printf(op, " --blobs '%.*s/ingot' --artifact-folder '%.*s'", STR_FMT(folder), STR_FMT(folder));
}

enum err dropin_check_store(struct op *op, struct str uri, struct str data, struct str destination)
{
    struct str path;
    if (is_postgres(uri))
        return OK;
    enum err e = state_path(op, uri, &path);
    if (e || !path.len)
        return e;
    const char *c = str_cstr(op->arena, path);
    if (!access(op_printf(op, "%.*s/ingot.db", STR_FMT(data)), F_OK) || (!file_is_used(c) && !folder_is_used(op, c)))
        return OK;
    /* MLflow's file store has no database to read: its own server shows what is in it. */
    struct str from = file_is_used(c) ? uri : STR("http://127.0.0.1:5000");
    const char *how = file_is_used(c) ? "" : op_printf(op, "Serve it once more by `mlflow server --backend-store-uri '%s'`. ", c);
    return op_fail(op, E_CONFLICT,
                   "%s holds what MLflow stored, and nothing of it was imported yet. %sRun `ingot import mlflow '%.*s' --data '%.*s'%s` once (MLflow's "
                   "own store stays as it is), or start empty by leaving --backend-store-uri out",
                   c, how, STR_FMT(from), STR_FMT(data), import_places(op, destination));
}

enum err dropin_check_prefix(struct op *op, struct str prefix)
{
    if (!prefix.len)
        return OK;
    bool bad = prefix.p[0] != '/' || prefix.p[prefix.len - 1] == '/';
    struct str rest = str_sub(prefix, 1, SIZE_MAX), part;
    for (size_t i = 0; i < prefix.len; i++)
        bad = bad || strchr("{}?#% \\", prefix.p[i]) || (unsigned char)prefix.p[i] <= 0x20;
    while (!bad && str_split(&rest, '/', &part))
        bad = !part.len || str_eqc(part, ".") || str_eqc(part, "..");
    return bad ? op_fail(op, E_INVALID, "static-prefix '%.*s' must look like /mlflow: a leading slash, none at its end", STR_FMT(prefix)) : OK;
}
