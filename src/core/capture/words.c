#include "core/capture/words.h"

#include "base/buf.h"
#include "base/limits.h"

/* Endings and parts of names whose values are nobody's business; compared in lower case. */
static const char *const secret_parts[] = {"secret", "password", "passwd", "passphrase", "token", "credential", "apikey", "api_key", "api-key",
                                           "private_key", "private-key", "access_key", "access-key", "accesskey", "authoriz", "oauth", "_auth", "auth_", "-auth", "cookie", "_pwd", "dsn",
                                           "database_url", "connection_string"};
static const char *const plain_names[] = {
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "PYTHONHASHSEED",
    "PYTHONPATH", "PYTHONUNBUFFERED", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS", "TZ", "LANG", "LC_ALL", "PATH", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR",
    "MASTER_PORT", "HOSTNAME", "GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_RUN_ID", "CI_COMMIT_SHA", "CI_JOB_ID", "KUBERNETES_SERVICE_HOST"};
static const char *const plain_fronts[] = {"OMP_", "NCCL_", "SLURM_JOB", "SLURM_N", "SLURM_PROCID", "TORCH_", "PYTORCH_CUDA", "CUBLAS_", "DVC_", "RAY_JOB"};

/* Words of the trade that begin like one of these. */
static const char *const harmless[] = {"tokeniz", "tokens"};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool stands_at(struct str name, size_t i, const char *part)
{
    size_t k = 0;
    while (part[k] && i + k < name.len && lower(name.p[i + k]) == part[k])
        k++;
    return !part[k];
}

static bool has_part(struct str name, const char *part)
{
    for (size_t i = 0; i < name.len; i++) {
        bool hit = stands_at(name, i, part);
        for (size_t h = 0; hit && h < ARRAY_LEN(harmless); h++)
            hit = !stands_at(name, i, harmless[h]);
        if (hit)
            return true;
    }
    return false;
}

bool capture_is_secret(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_parts); i++)
        if (has_part(name, secret_parts[i]))
            return true;
    return str_ieq(name, STR("key")) || (name.len > 4 && (str_ieq(str_sub(name, name.len - 4, 4), STR("_key")) || str_ieq(str_sub(name, name.len - 4, 4), STR("-key"))));
}

bool capture_variable_allowed(struct str name, const struct str *also, size_t also_count)
{
    if (capture_is_secret(name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(plain_names); i++)
        if (str_eqc(name, plain_names[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(plain_fronts); i++)
        if (str_starts(name, str_from(plain_fronts[i])))
            return true;
    for (size_t i = 0; i < also_count; i++) {
        struct str a = also[i];
        bool front = str_ends(a, STR("*"));
        if (front ? str_starts(name, str_sub(a, 0, a.len - 1)) : str_eq(name, a))
            return true;
    }
    return false;
}

static bool needs_quotes(struct str s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+~*";
    for (size_t i = 0; i < s.len; i++)
        if (!s.p[i] || !strchr(plain, s.p[i]))
            return true;
    return s.len == 0;
}

/* As a shell would take it back. */
static void word_add(struct buf *b, struct str s)
{
    if (!needs_quotes(s)) {
        buf_add_str(b, s);
        return;
    }
    buf_add_char(b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'')
            buf_add_cstr(b, "'\\''");
        else
            buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '\'');
}

struct str capture_command_text(struct op *op, const struct str *words, size_t n)
{
    AUTO(buf) struct buf b;
    bool hide = false;
    buf_init(&b, LIMIT_MIB(1));
    for (size_t i = 0; i < n; i++) {
        struct str w = words[i];
        size_t eq = str_find_char(w, '=');
        bool option = str_starts(w, STR("-")), hidden = hide && !option;
        hide = false;
        if (i)
            buf_add_char(&b, ' ');
        if (hidden) {
            buf_add_cstr(&b, "***");
        } else if (eq != SIZE_MAX && capture_is_secret(str_sub(w, 0, eq))) {
            word_add(&b, str_sub(w, 0, eq));
            buf_add_cstr(&b, "=***");
        } else {
            word_add(&b, w);
            hide = option && eq == SIZE_MAX && capture_is_secret(w);
        }
    }
    return str_dup(op->arena, buf_str(&b));
}

struct str capture_url_text(struct op *op, struct str url)
{
    size_t scheme = str_find(url, STR("://"));
    if (scheme == SIZE_MAX)
        return url; /* "git@host:path", a folder: no password can stand there */
    struct str rest = str_sub(url, scheme + 3, SIZE_MAX);
    struct str host = str_sub(rest, 0, str_find_char(rest, '/'));
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < host.len; i++)
        if (host.p[i] == '@')
            at = i;
    if (at == SIZE_MAX)
        return url;
    return str_from(op_printf(op, "%.*s%.*s", STR_FMT(str_sub(url, 0, scheme + 3)), STR_FMT(str_sub(rest, at + 1, SIZE_MAX))));
}
