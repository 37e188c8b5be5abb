/* words.h - reading the JSON objects of a chain: known members only, one word of a list. Private to core/chain. */
#ifndef INGOT_CORE_CHAIN_WORDS_H
#define INGOT_CORE_CHAIN_WORDS_H

#include "base/json.h"

/* E_INVALID: not an object, or a member that is not in the NULL-ended list. */
MUST_USE enum err chain_members_check(struct op *op, const char *path, const struct json *obj, const char *const *known);
/* The member `key` as the index of one of the NULL-ended words; `dflt` when it is absent; SIZE_MAX as dflt: it must be there. */
MUST_USE enum err chain_word(struct op *op, const char *path, const struct json *obj, const char *key, const char *const *words, size_t dflt,
                             size_t *ret);
/* A finite number; `dflt` NULL: it must be there. */
MUST_USE enum err chain_number(struct op *op, const char *path, const struct json *obj, const char *key, const double *dflt, double *ret);
/* The list `key` of finite numbers in op's arena, at most `max`. */
MUST_USE enum err chain_numbers(struct op *op, const char *path, const struct json *obj, const char *key, size_t max, double **ret, size_t *ret_len);
/* The same of texts. */
MUST_USE enum err chain_texts(struct op *op, const char *path, const struct json *obj, const char *key, size_t max, struct str **ret, size_t *ret_len);

#endif
