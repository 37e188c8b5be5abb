/* Numbers are never given out twice. One that does not help stands in a name that is taken, and a name can be in the way of one number only: all
 * columns of a file together try as many numbers as there are columns, at most. Prefixes or marks that grow by one at each try would
 * take as many steps as the square of the names that are alike, and as many bytes as the cube. */
#include "core/predlog/columns.h"

#include <stdio.h>

#include "base/limits.h"

void column_names_init(struct op *op, struct column_names *n)
{
    *n = (struct column_names){.tried = 0};
    map_init(&n->taken, op->arena);
}

/* What a file can have as a name: UTF-8 without NUL, of bounded length, and something. p NULL: no memory. */
static struct str cleaned(struct op *op, struct str name)
{
    size_t len = name.len < LIMIT_LOG_NAME_BYTES ? name.len : LIMIT_LOG_NAME_BYTES;
    while (len < name.len && len > 0 && ((unsigned char)name.p[len] & 0xc0) == 0x80) /* no half of a letter */
        len--;
    char *p = arena_array(op->arena, len + 1, char);
    for (size_t at = 0; p && at < len;) {
        const size_t good = str_utf8_prefix(str_sub(name, at, len));
        for (size_t i = at; i < at + good; i++)
            p[i] = name.p[i] ? name.p[i] : '?';
        at += good;
        if (at < len)
            p[at++] = '?';
    }
    return p && !len ? STR("unnamed") : (struct str){p, len};
}

/* `name` with something before and behind it; p NULL: no memory. */
static struct str joined(struct op *op, const char *before, const char *prefix, struct str name, const char *after, const char *number)
{
    const struct str parts[] = {str_from(before), str_from(prefix), name, str_from(after), str_from(number)};
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        len += parts[i].len;
    char *p = arena_array(op->arena, len + 1, char), *at = p;
    for (size_t i = 0; p && i < ARRAY_LEN(parts); at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].p, parts[i].len);
    return (struct str){p, p ? len : 0};
}

/* Takes `name` if it is free. */
static enum err take(struct op *op, struct column_names *n, struct str name, bool *ret_taken)
{
    char *key = name.p ? arena_array(op->arena, name.len + 1, char) : NULL;
    for (size_t i = 0; key && i < name.len; i++)
        key[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + ('a' - 'A') : name.p[i]);
    const struct str k = {key, name.len};
    *ret_taken = key && !map_has(&n->taken, k);
    return key && (!*ret_taken || map_put(&n->taken, k, n)) ? OK : op_fail(op, E_TOO_LARGE, "the names of the columns find no room");
}

enum err column_names_take(struct op *op, struct column_names *n, const char *prefix, struct str name, const char *before, const char *after,
                           struct str *ret)
{
    char number[24] = "";
    bool taken = false;
    name = cleaned(op, name);
    if (!name.p)
        return op_fail(op, E_TOO_LARGE, "the names of the columns find no room");
    struct str s = joined(op, "", prefix, name, "", "");
    enum err e = take(op, n, s, &taken);
    while (!e && !taken) {
        s = joined(op, before, prefix, name, after, number);
        if (!(e = take(op, n, s, &taken)) && !taken)
            snprintf(number, sizeof number, "_%zu", ++n->tried);
    }
    if (!e)
        *ret = s;
    return e;
}
