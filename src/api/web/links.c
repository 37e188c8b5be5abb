#include "api/web/links.h"

#include "base/limits.h"
#include "base/vec.h"

#define STYLE "<link rel=\"stylesheet\" href=\""
#define FILES "{{prefix}}/ui/"

void links_add(struct op *op, struct links *list, struct str name)
{
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->p[i], name))
            return;
    if (list->len < LIMIT_WEB_FILES)
        *vec_push(list, op->arena) = name;
}

struct str links_quoted(struct str text, struct str word)
{
    size_t at = str_find(text, word);
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str rest = str_sub(text, at + word.len, SIZE_MAX);
    size_t end = str_find_char(rest, '"');
    return end == SIZE_MAX ? (struct str){0} : str_sub(rest, 0, end);
}

/* `relative` as `from` imports it: "./x.js" and "../y/z.js" of "a/b.js" are "a/x.js" and "y/z.js". p NULL: not below us. */
static struct str name_beside(struct op *op, struct str from, struct str relative)
{
    size_t cut = from.len;
    while (cut > 0 && from.p[cut - 1] != '/')
        cut--;
    struct str folder = str_sub(from, 0, cut); /* with its slash */
    while (str_starts(relative, STR("../"))) {
        if (!folder.len)
            return (struct str){0};
        relative = str_sub(relative, 3, SIZE_MAX);
        folder.len--;
        while (folder.len && folder.p[folder.len - 1] != '/')
            folder.len--;
    }
    if (str_starts(relative, STR("./")))
        relative = str_sub(relative, 2, SIZE_MAX);
    return str_from(op_printf(op, "%.*s%.*s", STR_FMT(folder), STR_FMT(relative)));
}

void links_imports(struct op *op, struct str name, struct str text, struct links *list)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        bool begins = str_starts(line, STR("import ")) || str_starts(line, STR("export ")) || str_starts(line, STR("} from "));
        struct str target = begins ? links_quoted(line, STR(" from \"")) : (struct str){0};
        if (!target.p && str_starts(line, STR("import \"")))
            target = links_quoted(line, STR("import \""));
        struct str found = target.p && target.p[0] == '.' ? name_beside(op, name, target) : (struct str){0};
        if (found.len)
            links_add(op, list, found);
    }
}

bool links_style(struct str line, struct str *ret_name)
{
    if (!str_starts(line, STR(STYLE)))
        return false;
    *ret_name = links_quoted(line, STR(STYLE FILES));
    return true;
}

/* "/runs/7" is "/runs/{id}": as many parts, each the same or any where the pattern has a name. */
static bool path_is(struct str path, struct str pattern)
{
    struct str want, have;
    bool more = str_split(&path, '/', &have), wanted = str_split(&pattern, '/', &want);
    for (; more && wanted; more = str_split(&path, '/', &have), wanted = str_split(&pattern, '/', &want))
        if (want.len && want.p[0] == '{' ? !have.len : !str_eq(want, have))
            return false;
    return more == wanted;
}

struct str links_room(struct op *op, struct str rooms, struct str path)
{
    struct str line;
    while (str_split(&rooms, '\n', &line)) {
        struct str pattern = links_quoted(line, STR("path: \"")), module = links_quoted(line, STR("import(\""));
        if (pattern.p && module.p && path_is(path, pattern))
            return name_beside(op, STR("rooms.js"), module);
    }
    return (struct str){0};
}
