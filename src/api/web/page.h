/* page.h - the page that starts the interface, made from ui/index.html for the address it is asked at. */
#ifndef INGOT_API_WEB_PAGE_H
#define INGOT_API_WEB_PAGE_H

#include "api/web/site.h"

struct page_place {
    struct str prefix; /* what addresses begin with: "" or "/ml" */
    struct str home;   /* the home page's path: "/" or "/home" */
    struct str path;   /* the room's, without the prefix: "/runs/7" */
};

/* {{prefix}}/ui/ becomes where the files lie, {{prefix}} the prefix, and {{preload}} a line that tells the home page's path and one for each module that the
 * page's script and the room of `path` need, which has the browser ask for it at once. Files from the program: one style takes the place of all.
 * E_UNSUPPORTED: this program was built without the interface. The bytes live as long as the op; a page has no packed form. */
MUST_USE enum err page_make(struct op *op, const struct site *site, const struct page_place *at, struct site_file *ret);

#endif
