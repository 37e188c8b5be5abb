/* The policy: everything from this origin only, no inline script and no inline style, nothing framed by others, forms go nowhere. An artifact that
 * someone looks at is shown in a frame without an origin of its own (api/native/previews.c).
 *
 * Addresses: index.html names files below ui/<build>/, which may be kept for ever (site.h). The same names without a build are asked for again each
 * time and answered by 304 where nothing changed. A build that is not ours is 404: a page that was open while the server was replaced
 * loads itself anew. */
#include "api/web/web.h"

#include "api/ask.h"
#include "api/services.h"
#include "api/web/page.h"
#include "net/gzip.h"

#define POLICY "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
#define POWERS                                                                                                                             \
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
#define BUILD_LEN 16

/* What every page and file is sent with. Dispatch has set nosniff. */
static void headers_set(struct http_res *res)
{
    http_set_header(res, "Content-Security-Policy", STR(POLICY));
    http_set_header(res, "X-Frame-Options", STR("DENY"));
    http_set_header(res, "Referrer-Policy", STR("same-origin"));
    http_set_header(res, "Permissions-Policy", STR(POWERS));
    http_set_header(res, "Cross-Origin-Opener-Policy", STR("same-origin"));
    http_set_header(res, "Cross-Origin-Resource-Policy", STR("same-origin"));
}

/* `tag` without its quotes stands in the request, as ours or with the mark of the packed form. */
static bool known_already(const struct http_req *req, struct str tag)
{
    struct str known = http_header_get(req, "if-none-match");
    return known.p && str_find(known, str_sub(tag, 1, tag.len - 2)) != SIZE_MAX;
}

static void file_send(struct op *op, const struct site_file *f, struct http_req *req, struct http_res *res, struct str caching)
{
    bool packed = f->packed.p && gzip_accepted(http_header_get(req, "accept-encoding"));
    headers_set(res);
    http_set_header(res, "Cache-Control", caching);
    http_set_header(res, "Vary", STR("Accept-Encoding"));
    http_set_header(res, "ETag", packed ? str_from(op_printf(op, "\"%.*s-gz\"", STR_FMT(str_sub(f->tag, 1, f->tag.len - 2)))) : f->tag);
    http_set_type(res, f->type);
    if (known_already(req, f->tag)) {
        http_set_status(res, 304);
        return;
    }
    if (packed)
        http_set_header(res, "Content-Encoding", STR("gzip"));
    buf_add_str(&res->body, packed ? f->packed : f->bytes);
}

/* Which caching `name` has; takes the build off its front. */
static enum err build_strip(struct op *op, const struct site *site, struct str *name, struct str *ret_caching)
{
    struct str build = site_build(site), rest = *name;
    bool has_build = rest.len > BUILD_LEN && rest.p[BUILD_LEN] == '/';
    for (size_t i = 0; has_build && i < BUILD_LEN; i++)
        has_build = str_hex_digit(rest.p[i]) >= 0;
    *ret_caching = build.len ? STR("no-cache") : STR("no-store");
    if (!has_build)
        return OK;
    if (!str_eq(str_sub(rest, 0, BUILD_LEN), build))
        return op_fail(op, E_NOT_FOUND, "this page is of another version of the server: load it again");
    *name = str_sub(rest, BUILD_LEN + 1, SIZE_MAX);
    *ret_caching = STR("public, max-age=31536000, immutable");
    return OK;
}

static enum err file(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct site_file f;
    struct str name = req->path_args[0], caching;
    enum err e = build_strip(op, s->site, &name, &caching);
    if (!e && str_eqc(name, "index.html"))
        e = op_fail(op, E_NOT_FOUND, "No such file");
    if (!e)
        e = site_find(op, s->site, name, &f);
    if (e)
        return e;
    file_send(op, &f, req, res, caching);
    return OK;
}

/* The prefix, if the browser asked below it: the same server may be reached with it and without. */
static struct str prefix_of(const struct services *s, const struct http_req *req)
{
    return s->prefix.len && str_starts(req->target, s->prefix) ? s->prefix : STR("");
}

static enum err page_here(struct op *op, struct services *s, const struct http_req *req, struct site_file *ret)
{
    struct page_place at = {.prefix = prefix_of(s, req), .home = s->ui ? STR("/home") : STR("/")};
    struct str asked = str_sub(req->target, at.prefix.len, SIZE_MAX);
    at.path = str_sub(asked, 0, str_find_char(asked, '?'));
    return page_make(op, s->site, &at, ret);
}

static enum err page(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct site_file f;
    enum err e = page_here(op, s, req, &f);
    if (!e)
        file_send(op, &f, req, res, site_build(s->site).len ? STR("no-cache") : STR("no-store"));
    return e;
}

/* "/home" is the home page beside MLflow's interface, which has "/" then. */
static enum err home(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    if (s->ui)
        return page(op, s, req, res);
    headers_set(res);
    http_set_status(res, 302);
    http_set_header(res, "Location", str_from(op_printf(op, "%.*s/", STR_FMT(prefix_of(s, req)))));
    return OK;
}

/* What is at no address of ours: the same page, which says so. Nobody keeps it, so there is nothing to compare either. */
static enum err missing(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct site_file f;
    enum err e = page_here(op, s, req, &f);
    if (e)
        return e;
    headers_set(res);
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_set_type(res, f.type);
    http_set_status(res, 404);
    buf_add_str(&res->body, f.bytes);
    return OK;
}

#define ROOM(path, help) {"GET", path, page, PERM_PUBLIC, ROUTE_INLINE, 0, help}
static const struct route rows[] = {
    {"GET", "/ui/{path*}", file, PERM_PUBLIC, ROUTE_INLINE, 0, "Scripts and styles of the web interface."},
    {"GET", WEB_MISSING, missing, PERM_PUBLIC, ROUTE_INLINE, 0, "Page: what a browser is shown at an address that is nobody's."},
    {"GET", "/home", home, PERM_PUBLIC, ROUTE_INLINE, 0, "The home page, where MLflow's interface has /."},
    ROOM("/runs", "Page: the table of runs."),
    ROOM("/runs/{run}", "Page: one run."),
    ROOM("/compare", "Page: runs side by side."),
    ROOM("/models", "Page: registered models."),
    ROOM("/models/{path*}", "Page: a model, or one version of it."),
    ROOM("/endpoints", "Page: what is served."),
    ROOM("/endpoints/{path*}", "Page: one endpoint and its rollout."),
    ROOM("/pipelines", "Page: pipelines."),
    ROOM("/pipelines/{path*}", "Page: a pipeline, or one run of it."),
    ROOM("/features", "Page: feature views."),
    ROOM("/features/{path*}", "Page: one feature view."),
    ROOM("/data", "Page: data versions."),
    ROOM("/monitors", "Page: monitors."),
    ROOM("/monitors/{path*}", "Page: one monitor."),
    ROOM("/audit", "Page: the audit log."),
    ROOM("/settings", "Page: settings."),
};
static const struct route home_rows[] = {ROOM("/", "Page: what runs, what changed, what needs a decision.")};

const struct route_table web_routes = {.dialect = "web", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_plain_error};
const struct route_table web_home_routes = {.dialect = "web", .rows = home_rows, .len = ARRAY_LEN(home_rows), .error = ask_plain_error};
