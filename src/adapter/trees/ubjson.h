/* ubjson.h - reads UBJSON (ubjson.org, draft 12), the binary JSON in which XGBoost 2.x and 3.x save by default, into the tree of
 * base/json.h. Numbers of a typed array come as JSON_INTS or JSON_REALS, whatever their width.
 * Not taken: typed arrays of anything but numbers, typed objects, high-precision numbers, characters; XGBoost writes none. */
#ifndef INGOT_ADAPTER_TREES_UBJSON_H
#define INGOT_ADAPTER_TREES_UBJSON_H

#include "base/json.h"

/* True for bytes that begin as an object with members does. */
bool ubjson_accepts(struct str bytes);
/* One document, nothing behind it. Strings are views into `bytes`, all else lives in op's arena. E_INVALID names the
 * offset; E_TOO_LARGE: no memory. */
MUST_USE enum err ubjson_parse(struct op *op, struct str bytes, struct json **ret);

#endif
