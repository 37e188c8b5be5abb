/* semver.h - semantic versions (semver.org 2.0.0, without pre-release and build parts) and ranges of them. Pure. */
#ifndef INGOT_CORE_REGISTRY_SEMVER_H
#define INGOT_CORE_REGISTRY_SEMVER_H

#include "base/op.h"

enum semver_bump { SEMVER_PATCH, SEMVER_MINOR, SEMVER_MAJOR, SEMVER_FIRST };
struct semver {
    int64_t major, minor, patch;
};
/* from <= v < below */
struct semver_range {
    struct semver from, below;
};

/* "1.2.3": three whole numbers of at most LIMIT_REGISTRY_SEMVER, without leading zeros. */
bool semver_parse(struct str s, struct semver *ret);
/* "1.2.3" that one; "1.2" and "1" the highest that begins so; "^1.2" up to the next break (of 0.x: the next minor, of 0.0.x:
 * the next patch); "~1.2.3" up to the next minor. False for anything else. */
bool semver_range_parse(struct str s, struct semver_range *ret);
/* Does it look like one of those rather than like an alias? An alias has no '.', '^' or '~'. */
bool semver_is_range(struct str s);
int semver_cmp(const struct semver *a, const struct semver *b);
struct semver semver_next(const struct semver *v, enum semver_bump bump);
/* The smallest part that must rise from `v` for a change of this size: before 1.0.0 a break may raise the minor. */
enum semver_bump semver_needed(const struct semver *v, enum semver_bump change);
/* Does the step from `a` to the higher `b` raise what `bump` asks for? */
bool semver_raises(const struct semver *a, const struct semver *b, enum semver_bump bump);
const char *semver_bump_name(enum semver_bump b); /* "patch" ... */
/* "patch", "minor" or "major". */
bool semver_bump_parse(struct str s, enum semver_bump *ret);
struct str semver_text(struct op *op, const struct semver *v);

#endif
