/* Modules and time: a browser learns what a module imports when it has it, so a tree of imports five deep costs five trips before the first
 * line runs. The page therefore names all modules that its first script and the room of the address reach by static imports
 * (<link rel="modulepreload">). Styles are worse, as nothing is painted before the last has come: the program's pages name one (site.h). */
#include "api/web/page.h"

#include "api/web/links.h"
#include "base/limits.h"

#define INDEX "index.html"
#define VENDOR "vendor/"
#define FILES "{{prefix}}/ui/" /* how index.html begins the address of a file */

/* All modules that `script` reaches, itself first. */
static void modules_of(struct op *op, const struct site *site, struct str script, struct links *list)
{
    struct site_file f;
    size_t from = list->len;
    links_add(op, list, script);
    for (size_t i = from; i < list->len; i++) {
        if (site_find(op, site, list->p[i], &f))
            op_clear(op); /* the browser will say so */
        else if (!str_starts(list->p[i], STR(VENDOR)))
            links_imports(op, list->p[i], f.bytes, list);
    }
}

static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char *entity = s.p[i] == '&' ? "&amp;" : s.p[i] == '"' ? "&quot;" : s.p[i] == '<' ? "&lt;" : s.p[i] == '>' ? "&gt;" : NULL;
        if (entity)
            buf_add_cstr(out, entity);
        else
            buf_add_char(out, s.p[i]);
    }
}

/* "PREFIX/ui/BUILD/" */
static void add_base(struct buf *out, const struct site *site, struct str prefix)
{
    struct str build = site_build(site);
    add_escaped(out, prefix);
    buf_add_cstr(out, "/ui/");
    buf_add_str(out, build);
    if (build.len)
        buf_add_char(out, '/');
}

/* The module of the room at `path`; p NULL: none, or rooms.js is not there. */
static struct str room_at(struct op *op, const struct site *site, const struct page_place *at)
{
    struct site_file rooms;
    if (site_find(op, site, STR("rooms.js"), &rooms)) {
        op_clear(op);
        return (struct str){0};
    }
    return links_room(op, rooms.bytes, str_eq(at->path, at->home) ? STR("/") : at->path);
}

static void add_preload(struct op *op, const struct site *site, struct str index, const struct page_place *at, struct buf *out)
{
    struct links modules = {0};
    struct str script = links_quoted(index, STR("type=\"module\" src=\"" FILES)), room = room_at(op, site, at);
    if (script.p)
        modules_of(op, site, script, &modules);
    if (room.p)
        modules_of(op, site, room, &modules);
    buf_add_cstr(out, "<meta name=\"ingot-home\" content=\"");
    add_escaped(out, at->home);
    buf_add_cstr(out, "\">\n");
    for (size_t i = script.p ? 1 : 0; i < modules.len; i++) {
        buf_add_cstr(out, "<link rel=\"modulepreload\" href=\"");
        add_base(out, site, at->prefix);
        add_escaped(out, modules.p[i]);
        buf_add_cstr(out, "\">\n");
    }
}

/* One {{word}} of index.html. */
static void add_word(struct op *op, const struct site *site, struct str index, struct str word, const struct page_place *at, struct buf *out)
{
    if (str_eqc(word, "files"))
        add_base(out, site, at->prefix);
    else if (str_eqc(word, "prefix"))
        add_escaped(out, at->prefix);
    else if (str_eqc(word, "preload"))
        add_preload(op, site, index, at, out);
}

/* The page's text with one style instead of all of them, if there is that one. */
static struct str styles_joined(struct op *op, const struct site *site, struct str index)
{
    struct site_file f;
    struct str line, name, rest = index;
    if (site_find(op, site, STR(SITE_STYLES), &f)) {
        op_clear(op);
        return index;
    }
    struct buf out;
    buf_init(&out, LIMIT_WEB_FILE_BYTES);
    for (bool said = false; str_split(&rest, '\n', &line);) {
        bool style = links_style(line, &name);
        if (style && !said)
            buf_add_cstr(&out, "<link rel=\"stylesheet\" href=\"" FILES SITE_STYLES "\">\n");
        said |= style;
        if (!style) {
            buf_add_str(&out, line);
            if (rest.p)
                buf_add_char(&out, '\n');
        }
    }
    struct str joined = out.failed ? index : str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    return joined;
}

enum err page_make(struct op *op, const struct site *site, const struct page_place *at, struct site_file *ret)
{
    struct site_file index, preact;
    enum err e = site_find(op, site, STR(INDEX), &index);
    if (e || site_find(op, site, STR(VENDOR "preact.js"), &preact)) {
        op_clear(op);
        return op_fail(op, E_UNSUPPORTED, "this program was built without the web interface: `npm ci` before CMake brings the parts that it needs");
    }
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_WEB_FILE_BYTES);
    struct str text = styles_joined(op, site, index.bytes), rest = text;
    for (size_t from, end; (from = str_find(rest, STR("{{"))) != SIZE_MAX;) {
        buf_add_str(&out, str_sub(rest, 0, from));
        rest = str_sub(rest, from, SIZE_MAX);
        bool files = str_starts(rest, STR(FILES));
        if ((end = str_find(rest, STR("}}"))) == SIZE_MAX)
            break;
        add_word(op, site, text, files ? STR("files") : str_sub(rest, 2, end - 2), at, &out);
        rest = str_sub(rest, files ? strlen(FILES) : end + 2, SIZE_MAX);
    }
    buf_add_str(&out, rest);
    if (out.failed)
        return op_fail(op, E_TOO_LARGE, "the page is too large");
    *ret = (struct site_file){.bytes = str_dup(op->arena, buf_str(&out)), .type = "text/html; charset=utf-8"};
    ret->tag = site_tag(op->arena, ret->bytes);
    return OK;
}
