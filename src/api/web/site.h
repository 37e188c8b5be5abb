/* site.h - the files of our own web interface: from the program, where tools/embed put them, or from a folder while one works on them
 * (--ui-src). Knows nothing of HTTP but what a file is answered with.
 *
 * Files from the program have a `build`: 16 hex digits over all of them. The shell page names its scripts and styles below ui/<build>/, and as
 * modules import each other by relative addresses, all of a page's files carry the same build: a browser may keep them for ever, and never mixes those of
 * two versions. Files from a folder have none and are read at each request: regular files below the folder, never through a link.
 *
 * SITE_STYLES is no file of the source: all styles that index.html names, in their order, as one. Files from a folder have no such.
 *
 * Read-only after site_open: any thread. Names are relative to ui/: "lib/api.js". */
#ifndef INGOT_API_WEB_SITE_H
#define INGOT_API_WEB_SITE_H

#include "base/buf.h"
#include "base/op.h"

#define SITE_STYLES "style.css"

struct embed_file; /* of what tools/embed writes */
struct site;

struct site_file {
    struct str bytes;
    struct str packed; /* the same as a gzip stream; p NULL: there is none */
    struct str tag;    /* ETag with its quotes */
    const char *type;  /* media type */
};

/* `files`: `n` of them, which must stay. `src` NULL, or the folder whose files stand for those of the same name; what lies in vendor/ comes from the
 * program always. E_NOT_FOUND: the folder holds no index.html; E_TOO_LARGE: more than LIMIT_WEB_FILES. */
MUST_USE enum err site_open(struct op *op, const struct embed_file *files, size_t n, const char *src, struct site **ret);
void site_close(struct site *site); /* NULL is fine */
/* "" when files come from a folder. */
struct str site_build(const struct site *site);
/* E_NOT_FOUND: no such file. Bytes live as long as op and site do. */
MUST_USE enum err site_find(struct op *op, const struct site *site, struct str name, struct site_file *ret);
/* The ETag of `bytes`, with its quotes. */
struct str site_tag(struct arena *a, struct str bytes);

#endif
