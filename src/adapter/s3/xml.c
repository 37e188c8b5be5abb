/* xml.c - S3's answers are flat lists of records (ListBucketResult, ListMultipartUploadsResult, Error ...) in which no element holds
 * another of its own name. So the end of <x> is the next </x>, and a search for tags is a parser. Comments, CDATA and
 * processing instructions do not occur behind the first line. */
#include "adapter/s3/xml.h"

/* Where "<name" stands, followed by '>', '/' or a blank; SIZE_MAX when nowhere. *ret_after is behind the '>'. */
static size_t find_open(struct str s, const char *name, size_t *ret_after, bool *ret_empty)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n + 1 < s.len; i++) {
        if (s.p[i] != '<' || memcmp(s.p + i + 1, name, n))
            continue;
        char c = s.p[i + 1 + n];
        if (c != '>' && c != '/' && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            continue;
        size_t end = str_find_char(str_sub(s, i, s.len), '>');
        if (end == SIZE_MAX)
            return SIZE_MAX;
        *ret_after = i + end + 1;
        *ret_empty = s.p[i + end - 1] == '/';
        return i;
    }
    return SIZE_MAX;
}

bool xml_next(struct str *rest, const char *name, struct str *ret)
{
    size_t after = 0, n = strlen(name);
    bool empty = false;
    if (find_open(*rest, name, &after, &empty) == SIZE_MAX)
        return false;
    struct str inner = str_sub(*rest, after, rest->len);
    if (empty) {
        *ret = STR("");
        *rest = inner;
        return true;
    }
    for (size_t i = 0; i + n + 2 < inner.len; i++)
        if (inner.p[i] == '<' && inner.p[i + 1] == '/' && !memcmp(inner.p + i + 2, name, n) && inner.p[i + 2 + n] == '>') {
            *ret = str_sub(inner, 0, i);
            *rest = str_sub(inner, i + n + 3, inner.len);
            return true;
        }
    return false;
}

/* One entity at the front of `s` as a byte; *ret_len its length. 0 for what we do not know. Keys and tokens of S3 are ASCII. */
static char entity(struct str s, size_t *ret_len)
{
    static const struct {
        struct str name;
        char c;
    } known[] = {{STR_INIT("&amp;"), '&'}, {STR_INIT("&lt;"), '<'}, {STR_INIT("&gt;"), '>'}, {STR_INIT("&quot;"), '"'}, {STR_INIT("&apos;"), '\''},
                 {STR_INIT("&#34;"), '"'}, {STR_INIT("&#39;"), '\''}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_starts(s, known[i].name)) {
            *ret_len = known[i].name.len;
            return known[i].c;
        }
    return 0;
}

struct str xml_text(struct op *op, struct str doc, const char *name)
{
    struct str raw;
    if (!xml_next(&doc, name, &raw))
        return STR("");
    if (str_find_char(raw, '&') == SIZE_MAX)
        return str_trim(raw);
    char *out = arena_array(op->arena, raw.len + 1, char);
    if (!out)
        return STR("");
    size_t n = 0;
    for (size_t i = 0; i < raw.len;) {
        size_t used = 1;
        char c = raw.p[i] == '&' ? entity(str_sub(raw, i, raw.len), &used) : 0;
        out[n++] = c ? c : raw.p[i];
        i += used;
    }
    return str_trim((struct str){out, n});
}
