#include "app/origin.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/mlflow/origin_db.h"
#include "adapter/mlflow/origin_folder.h"
#include "adapter/mlflow/origin_rest.h"
#include "adapter/sqlite/sqlite.h"
#ifdef INGOT_WITH_POSTGRES
#include "adapter/postgres/postgres.h"
#endif

/* SQLAlchemy's forms: three slashes before a relative path, four before an absolute one; "sqlite+driver:" is the same. */
static bool sqlite_path(struct str uri, struct str *ret)
{
    size_t colon = str_find(uri, STR(":///"));
    if (str_find(uri, STR("://")) == SIZE_MAX) {
        *ret = uri;
        return true;
    }
    if (colon == SIZE_MAX || !str_starts(uri, STR("sqlite")))
        return false;
    *ret = str_sub(uri, colon + 4, uri.len);
    return true;
}

static enum err sqlite_source(struct op *op, struct str path, struct db **ret, struct str *ret_name)
{
    char full[PATH_MAX];
    const char *given = str_cstr(op->arena, path);
    if (!realpath(given, full))
        return op_fail_errno(op, "open '%s'", given);
    *ret_name = str_from(op_printf(op, "sqlite:///%s", full));
    return sqlite_open_foreign(op, op_printf(op, "%s", full), ret);
}

/* "postgresql+psycopg2://..." names a Python driver that is of no interest here. */
static struct str without_driver(struct op *op, struct str uri)
{
    size_t plus = str_find_char(uri, '+'), colon = str_find(uri, STR("://"));
    if (plus == SIZE_MAX || plus > colon)
        return uri;
    return str_from(op_printf(op, "%.*s%.*s", STR_FMT(str_sub(uri, 0, plus)), STR_FMT(str_sub(uri, colon, uri.len))));
}

static enum err database_open(struct op *op, struct str uri, struct db **ret, struct str *ret_name)
{
    struct str path;
    if (sqlite_path(uri, &path))
        return sqlite_source(op, path, ret, ret_name);
    if (!str_starts(uri, STR("postgres")))
        return op_fail(op, E_UNSUPPORTED, "'%.*s': sqlite:///FILE, postgresql://... and http://... can be imported", STR_FMT(uri));
#ifdef INGOT_WITH_POSTGRES
    const char *url = str_cstr(op->arena, without_driver(op, uri));
    *ret_name = str_from(op_printf(op, "postgresql://%s", postgres_place(op, url)));
    return postgres_open_foreign(op, url, ret);
#else
    return op_fail(op, E_UNSUPPORTED, "this build has no PostgreSQL (libpq-dev was missing)");
#endif
}

/* Credentials as MLflow's clients take them from the environment. */
static enum err server_open(struct op *op, struct str url, struct origin *ret, struct str *ret_name)
{
    struct mlflow_rest_config config = {.url = url, .token = str_from(getenv("MLFLOW_TRACKING_TOKEN")), .user = str_from(getenv("MLFLOW_TRACKING_USERNAME")),
                                        .password = str_from(getenv("MLFLOW_TRACKING_PASSWORD"))};
    if (str_find_char(url, '@') != SIZE_MAX)
        return op_fail(op, E_INVALID, "give user and password in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, not in the address");
    while (url.len && url.p[url.len - 1] == '/')
        url.len--;
    *ret_name = url;
    return mlflow_rest_origin(op, &config, ret);
}

enum err origin_open(struct op *op, const struct origin_choice *choice, struct origin *ret, struct str *ret_name)
{
    struct db *db = NULL;
    struct str name;
    char here[PATH_MAX], folder[PATH_MAX] = "";
    if (str_starts(choice->uri, STR("http://")) || str_starts(choice->uri, STR("https://")))
        return server_open(op, choice->uri, ret, ret_name);
    if (!getcwd(here, sizeof here))
        return op_fail_errno(op, "find the working folder");
    const char *given = str_cstr(op->arena, choice->artifact_folder);
    if (*given && !realpath(given, folder))
        return op_fail_errno(op, "open the artifact folder '%s'", given);
    enum err e = database_open(op, choice->uri, &db, &name);
    if (e)
        return e;
    struct mlflow_db_config config = {.db = db, .artifact_folder = str_from(folder), .working_folder = str_from(here), .any_schema = choice->any_schema};
    if ((e = mlflow_db_origin(op, &config, ret)))
        return e;
    *ret_name = name;
    return OK;
}

enum err origin_open_export(struct op *op, struct str dir, struct origin *ret, struct str *ret_name)
{
    char full[PATH_MAX];
    const char *given = str_cstr(op->arena, dir);
    if (!realpath(given, full))
        return op_fail_errno(op, "open '%s'", given);
    *ret_name = str_from(op_printf(op, "export:%s", full));
    return mlflow_folder_origin(op, str_from(op_printf(op, "%s", full)), ret);
}
