/* json_parse.h - the two ways into a JSON tree, joined by json_parse() of json.h; for src/base only.
 * The fast one is simdjson (json_parse.cc), the exact one is ours (json_text.c): it knows where an error
 * stands, integers beyond 64 bits and Python's NaN, and takes no memory beside the arena. Whenever the
 * fast one accepts a text, the exact one must give the same tree: tests/fuzz/fuzz_json.c compares them. */
#ifndef INGOT_BASE_JSON_PARSE_H
#define INGOT_BASE_JSON_PARSE_H

#include "base/json.h"

C_BEGIN

/* Longer texts go to the exact parser: simdjson's own memory is about 15 times the text. */
#define JSON_FAST_BYTES LIMIT_MIB(1)

/* *ret stays NULL (and OK is returned) when the text is not plainly fine: the exact parser then decides.
 * E_TOO_LARGE when the arena is used up. */
MUST_USE enum err json_parse_fast(struct op *op, struct str text, unsigned flags, struct json **ret);
/* Errors as json_parse(). */
MUST_USE enum err json_parse_exact(struct op *op, struct str text, unsigned flags, struct json **ret);

/* A number's text by the grammar of RFC 8259, correctly rounded. False when it overflows a double. */
MUST_USE bool json_number_f64(struct str text, double *ret);

/* True when no two keys are the same. Otherwise JSON_DUP_LAST drops all but the last value of a key, in
 * the place of the first, and says true as well; without it *ret_index is the second one of the pair.
 * E_TOO_LARGE (as *ret_err) when the arena is used up. */
MUST_USE bool json_unique_keys(struct op *op, struct json *object, unsigned flags, uint32_t *ret_index,
                               enum err *ret_err);

C_END

#endif
