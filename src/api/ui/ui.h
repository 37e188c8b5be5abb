/* ui.h - MLflow's own web interface, served from a folder that someone built or took from the wheel (mlflow/server/js/build).
 * This is the only place where a path that a user asks for meets the file system, so nothing is looked up there: the folder's regular files
 * are listed once at start (links are left out), and only a name of that list is served. A file that appears later needs a restart. */
#ifndef INGOT_API_UI_H
#define INGOT_API_UI_H

#include "api/route.h"

struct ui;

extern const struct route_table ui_routes;        /* "/" and "/static-files/..." */
extern const struct route_table ui_absent_routes; /* servers without it: "/static-files/..." says so */

/* Lists `dir`. E_NOT_FOUND: no folder, or no index.html in it; E_TOO_LARGE: more than LIMIT_UI_FILES. */
MUST_USE enum err ui_open(struct op *op, const char *dir, struct ui **ret);
void ui_close(struct ui *ui); /* NULL is fine */
/* How many files are served. */
size_t ui_listed_count(const struct ui *ui);

#endif
