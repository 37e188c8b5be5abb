/* links.h - what the files of the interface say of each other, read from their text: which modules a script imports, which styles the page names,
 * which module draws the room of an address. The files are ours and written in one way (tools/tidy_ui.py sees to it); a line that is misread costs a line in
 * the page or a trip of the browser, nothing else. Pure; any thread. Names are relative to ui/. */
#ifndef INGOT_API_WEB_LINKS_H
#define INGOT_API_WEB_LINKS_H

#include "base/op.h"

struct links {
    struct str *p;
    size_t len, cap;
};

/* Puts `name` behind the others, in the op's arena, unless it stands there or LIMIT_WEB_FILES do. */
void links_add(struct op *op, struct links *list, struct str name);
/* What stands between the double quotes behind `word`, if the text has that; p NULL otherwise. */
struct str links_quoted(struct str text, struct str word);
/* The modules that the module `name` imports at once: `from "./x.js"` and `import "./x.js"` at the beginning of a line. What is loaded later, by import(), and
 * what lies outside ui/ is left out. */
void links_imports(struct op *op, struct str name, struct str text, struct links *list);
/* True for a line of the page that names a style; ret_name is p NULL unless it lies below ui/. */
bool links_style(struct str line, struct str *ret_name);
/* The module of the first row in rooms.js whose path is that of `path` ("/models/churn" is "/models/{name}"), relative to ui/; p NULL: no room has it. */
struct str links_room(struct op *op, struct str rooms, struct str path);

#endif
