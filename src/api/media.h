/* media.h - the media type of a file of a web interface, by its name. Pure. Files that users logged have rules of their own (api/mlflow/artifacts.c): a
 * browser must not run them. */
#ifndef INGOT_API_MEDIA_H
#define INGOT_API_MEDIA_H

#include "base/str.h"

/* "text/javascript; charset=utf-8" of "lib/api.js"; "application/octet-stream" of what is not known. */
const char *media_of_name(struct str name);

#endif
