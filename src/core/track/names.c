#include "core/track/names.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"

static bool is_word(char c)
{
    /* Bytes of other scripts count as letters, as in Python's \w. */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

size_t names_char_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

struct str names_clip(struct str s, size_t max)
{
    if (s.len <= max)
        return s;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80 && n++ == max)
            return (struct str){s.p, i};
    }
    return s;
}

/* What POSIX path normalisation would change: empty, "." or ".." segments, a slash at either end; and what begins like a way up. */
static bool key_is_path_trick(struct str key)
{
    struct str rest = key, part;
    if (key.len == 0 || str_starts(key, STR("..")))
        return true;
    while (str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return true;
    }
    return key.p[key.len - 1] == '/';
}

/* Lexical normalisation, only for the error text. */
static struct str normal_path(struct op *op, struct str key)
{
    struct buf b;
    buf_init(&b, key.len + 8);
    bool absolute = key.len > 0 && key.p[0] == '/';
    struct str rest = key, part;
    if (absolute)
        buf_add_char(&b, '/');
    size_t base = b.len;
    while (str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_eq(part, STR(".")))
            continue;
        if (str_eq(part, STR(".."))) {
            struct str have = str_sub(buf_str(&b), base, b.len);
            size_t cut = have.len;
            while (cut > 0 && have.p[cut - 1] != '/')
                cut--;
            if (have.len > 0 && !str_eq(str_sub(have, cut, have.len), STR(".."))) {
                b.len = base + (cut > 0 ? cut - 1 : 0);
                continue;
            }
            if (absolute)
                continue;
        }
        if (b.len > base)
            buf_add_char(&b, '/');
        buf_add_str(&b, part);
    }
    if (b.len == 0)
        buf_add_char(&b, '.');
    struct str out = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return out;
}

/* JSON text of a string for messages: what Python's json.dumps would show for ordinary names. */
static struct str quoted(struct op *op, struct str s)
{
    struct str c = names_clip(s, LIMIT_TRACK_KEY * 2);
    struct buf b;
    buf_init(&b, c.len * 6 + 16);
    buf_add_char(&b, '"');
    for (size_t i = 0; i < c.len; i++) {
        unsigned char ch = (unsigned char)c.p[i];
        if (ch == '"' || ch == '\\')
            buf_addf(&b, "\\%c", ch);
        else if (ch >= '\b' && ch <= '\r' && ch != '\v')
            buf_addf(&b, "\\%c", "btn?fr"[ch - '\b']);
        else if (ch < 0x20)
            buf_addf(&b, "\\u%04x", ch);
        else
            buf_add_char(&b, (char)ch);
    }
    buf_add_char(&b, '"');
    struct str out = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return out;
}

enum err names_check_key(struct op *op, struct str key, const char *path)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.p[i];
        if (!is_word(c) && c != '/' && c != '.' && c != '-' && c != ' ' && c != ':')
            return op_fail_field(op, path,
                                 "Invalid value %s for parameter '%s' supplied: Names may only contain "
                                 "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
                                 "colon(:) and slashes (/).",
                                 quoted(op, key).p, path);
    }
    return names_check_no_path(op, key, path);
}

enum err names_check_no_path(struct op *op, struct str name, const char *path)
{
    if (key_is_path_trick(name))
        return op_fail_field(op, path,
                             "Invalid value %s for parameter '%s' supplied: Names may be treated as files in "
                             "certain cases, and must not resolve to other names when treated as such. This "
                             "name would resolve to '%s'",
                             quoted(op, name).p, path, normal_path(op, name).p);
    return OK;
}

enum err names_check_length(struct op *op, const char *what, struct str s, size_t max)
{
    if (s.len > max && names_char_count(s) > max)
        return op_fail_field(op, what, "'%s' exceeds the maximum length of %zu characters", what, max);
    return OK;
}

enum err names_parse_experiment_id(struct op *op, struct str s, int64_t *ret)
{
    int64_t v = 0;
    if (!str_parse_i64(s, &v))
        return op_fail_field(op, "experiment_id",
                             "Invalid experiment ID '%.*s'. Experiment ID must be a valid integer.", STR_FMT(s));
    *ret = v;
    return OK;
}

enum err names_check_run_id(struct op *op, struct str run_id)
{
    bool good = run_id.len >= 1 && run_id.len <= 256;
    for (size_t i = 0; good && i < run_id.len; i++)
        good = is_word(run_id.p[i]) || (i > 0 && run_id.p[i] == '-');
    if (!good || run_id.p[0] == '_')
        return op_fail_field(op, "run_id", "Invalid value %s for parameter 'run_id' supplied.",
                             quoted(op, run_id).p);
    return OK;
}

/* RFC 3986 leaves ";" to the schemes; Python's urlparse, whose judgement MLflow's texts come from, knows parameters for these. */
static bool scheme_has_params(struct str location)
{
    static const char *const schemes[] = {"ftp", "hdl", "prospero", "http", "https", "shttp", "rtsp", "rtspu", "sip", "sips", "mms", "sftp", "tel"};
    size_t colon = str_find_char(location, ':');
    struct str scheme = str_sub(location, 0, colon == SIZE_MAX ? 0 : colon);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_ieq(scheme, str_from(schemes[i])))
            return true;
    return scheme.len == 0;
}

enum err names_check_artifact_location(struct op *op, struct str location)
{
    size_t question = str_find_char(location, '?');
    struct str path = str_sub(location, 0, question == SIZE_MAX ? location.len : question), rest = path, part;
    bool bad = false, dots = false;
    for (size_t i = 0; i < location.len; i++)
        bad = bad || location.p[i] == '#' || (unsigned char)location.p[i] < 0x20;
    if (bad || (str_find_char(path, ';') != SIZE_MAX && scheme_has_params(location)))
        return op_fail_field(op, "artifact_location", "'artifact_location' URL can't include fragments or params.");
    if (question != SIZE_MAX && str_find(str_sub(location, question, SIZE_MAX), STR("..")) != SIZE_MAX)
        return op_fail_field(op, "artifact_location", "Invalid query string");
    if (str_starts(location, STR("runs:")))
        return op_fail_field(op, "artifact_location", "Artifact location cannot be a runs:/ URI. Given: '%.*s'", STR_FMT(location));
    if (location.len > LIMIT_TRACK_ARTIFACT_LOCATION)
        return op_fail_field(op, "artifact_location",
                             "Invalid artifact path length. The length of the artifact path cannot be greater than %d characters. To "
                             "configure this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
                             LIMIT_TRACK_ARTIFACT_LOCATION);
    while (!dots && str_split(&rest, '/', &part))
        dots = str_eq(part, STR(".."));
    return dots ? op_fail_field(op, "artifact_location", "'artifact_location' must not hold '..' segments") : OK;
}

struct str names_random(struct op *op)
{
    static const char *const adjectives[] = {
        "amber", "bold",  "brisk", "calm",  "clear", "crisp",  "deft",  "dusky", "eager", "early", "fair",
        "fleet", "frank", "glad",  "hardy", "ideal", "keen",   "kind",  "light", "lucid", "merry", "mild",
        "neat",  "noble", "plain", "prime", "proud", "quick",  "quiet", "rapid", "ready", "rosy",  "sage",
        "sharp", "sleek", "snug",  "solid", "still", "sturdy", "sunny", "swift", "tidy",  "vivid", "warm",
    };
    static const char *const animals[] = {
        "adder", "badger", "bison", "crane", "crow",  "deer",  "dove",   "eagle", "egret", "elk",   "falcon",
        "finch", "fox",    "gecko", "goose", "hare",  "hawk",  "heron",  "hound", "ibis",  "koala", "lark",
        "lemur", "lynx",   "marten", "mole", "moose", "newt",  "otter",  "owl",   "perch", "pike",  "plover",
        "quail", "raven",  "robin", "seal",  "shrew", "snipe", "squid",  "stork", "swan",  "tapir", "wren",
    };
    uint32_t r[3];
    hash_random(r, sizeof r);
    return str_from(op_printf(op, "%s-%s-%u", adjectives[r[0] % ARRAY_LEN(adjectives)],
                              animals[r[1] % ARRAY_LEN(animals)], r[2] % 1000));
}

struct str names_repr(struct op *op, struct str s)
{
    char quote = str_find_char(s, '\'') != SIZE_MAX && str_find_char(s, '"') == SIZE_MAX ? '"' : '\'';
    struct buf b;
    buf_init(&b, s.len * 4 + 16);
    buf_add_char(&b, quote);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if (ch == (unsigned char)quote || ch == '\\')
            buf_addf(&b, "\\%c", ch);
        else if (ch == '\n')
            buf_add_cstr(&b, "\\n");
        else if (ch < 0x20 || ch == 0x7f)
            buf_addf(&b, "\\x%02x", ch);
        else
            buf_add_char(&b, (char)ch);
    }
    buf_add_char(&b, quote);
    struct str out = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return out;
}

struct str names_find(const struct track_kv *kvs, size_t n, const char *key)
{
    struct str found = {0};
    for (size_t i = 0; i < n; i++) {
        if (str_eqc(kvs[i].key, key)) {
            found = kvs[i].value;
            if (!found.p)
                found = STR("");
        }
    }
    return found;
}
