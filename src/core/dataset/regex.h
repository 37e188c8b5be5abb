/* regex.h - matching in the part of Python's regular expressions that POSIX extended ones can say.
 * Known: literals, classes, \d \w \s and their opposites, \b, escaped punctuation, anchors, groups (also (?:...)), |, and
 * the greedy quantifiers. Look-around, lazy quantifiers, back-references and named groups are E_INVALID: the matcher
 * then needs time linear in the text. A match may begin anywhere (Python's re.search). Not thread-safe. */
#ifndef INGOT_CORE_DATASET_REGEX_H
#define INGOT_CORE_DATASET_REGEX_H

#include "base/op.h"

struct regex;
MUST_USE enum err regex_create(struct op *op, struct str pattern, struct regex **ret);
void regex_destroy(struct regex *r); /* NULL is ignored */
/* Remembers short texts, as columns repeat themselves. */
bool regex_matches(struct regex *r, struct str text);

#endif
