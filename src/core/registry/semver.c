#include "core/registry/semver.h"

#include "base/limits.h"

#include <inttypes.h>

static const char *const bump_names[] = {"patch", "minor", "major", "first"};

const char *semver_bump_name(enum semver_bump b)
{
    return bump_names[b];
}

bool semver_bump_parse(struct str s, enum semver_bump *ret)
{
    for (unsigned i = 0; i < SEMVER_FIRST; i++) {
        if (str_eqc(s, bump_names[i])) {
            *ret = (enum semver_bump)i;
            return true;
        }
    }
    return false;
}

/* One to three parts. */
static bool parts_parse(struct str s, int64_t parts[3], size_t *ret_n)
{
    struct str rest = s, part;
    size_t n = 0;
    while (str_split(&rest, '.', &part)) {
        bool plain = part.len && part.p[0] != '-' && (part.len == 1 || part.p[0] != '0');
        if (n == 3 || !plain || !str_parse_i64(part, &parts[n]) || parts[n] > LIMIT_REGISTRY_SEMVER)
            return false;
        n++;
    }
    *ret_n = n;
    return n > 0;
}

bool semver_parse(struct str s, struct semver *ret)
{
    int64_t p[3] = {0};
    size_t n = 0;
    if (!s.len || !parts_parse(s, p, &n) || n != 3)
        return false;
    *ret = (struct semver){p[0], p[1], p[2]};
    return true;
}

bool semver_range_parse(struct str s, struct semver_range *ret)
{
    char mark = s.len && (s.p[0] == '^' || s.p[0] == '~') ? s.p[0] : 0;
    int64_t p[3] = {0};
    size_t n = 0;
    if (mark)
        s = str_sub(s, 1, s.len);
    if (!s.len || !parts_parse(s, p, &n))
        return false;
    struct semver from = {p[0], p[1], p[2]}, below;
    if (mark == '^' && (p[0] > 0 || n == 1))
        below = (struct semver){p[0] + 1, 0, 0};
    else if (mark == '^' && (p[1] > 0 || n == 2))
        below = (struct semver){0, p[1] + 1, 0};
    else if (n == 1)
        below = (struct semver){p[0] + 1, 0, 0};
    else if (n == 2 || mark == '~')
        below = (struct semver){p[0], p[1] + 1, 0};
    else
        below = (struct semver){p[0], p[1], p[2] + 1};
    *ret = (struct semver_range){from, below};
    return true;
}

bool semver_is_range(struct str s)
{
    struct semver_range r;
    bool marked = s.len && (s.p[0] == '^' || s.p[0] == '~');
    return (marked || str_find_char(s, '.') != SIZE_MAX) && semver_range_parse(s, &r);
}

int semver_cmp(const struct semver *a, const struct semver *b)
{
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return a->patch < b->patch ? -1 : a->patch > b->patch;
}

struct semver semver_next(const struct semver *v, enum semver_bump bump)
{
    switch (bump) {
    case SEMVER_MAJOR:
        return (struct semver){v->major + 1, 0, 0};
    case SEMVER_MINOR:
        return (struct semver){v->major, v->minor + 1, 0};
    case SEMVER_PATCH:
        return (struct semver){v->major, v->minor, v->patch + 1};
    case SEMVER_FIRST:
        break;
    }
    return (struct semver){1, 0, 0};
}

enum semver_bump semver_needed(const struct semver *v, enum semver_bump change)
{
    if (v->major > 0 || change == SEMVER_PATCH || change == SEMVER_FIRST)
        return change;
    return change == SEMVER_MAJOR ? SEMVER_MINOR : SEMVER_PATCH;
}

bool semver_raises(const struct semver *a, const struct semver *b, enum semver_bump bump)
{
    if (b->major > a->major)
        return true;
    if (b->major < a->major || bump == SEMVER_MAJOR)
        return false;
    if (b->minor > a->minor)
        return true;
    return b->minor == a->minor && bump == SEMVER_PATCH && b->patch > a->patch;
}

struct str semver_text(struct op *op, const struct semver *v)
{
    return str_from(op_printf(op, "%" PRId64 ".%" PRId64 ".%" PRId64, v->major, v->minor, v->patch));
}
