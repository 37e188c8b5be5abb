/* A matrix is told from columns by its rank: [n, width], or [width] when the model has more than one feature and no tensor bears the
 * name of a rule. Row numbers count from 0, as the clients' arrays do. */
#include "core/chain/validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/chain/words.h"

enum { VALUE_TEXT = 40, REASON_TEXT = 160 };

/* ---- configuration ---- */

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum err choices_read(struct op *op, const char *path, const struct json *j, struct validate_rule *r)
{
    if (!j)
        return OK;
    if (j->type != JSON_ARRAY || !j->len || j->len > LIMIT_CHAIN_CHOICES)
        return op_fail_field(op, path, "%s.in must be a list of 1 to %d values", path, LIMIT_CHAIN_CHOICES);
    double *numbers = arena_array(op->arena, j->len, double);
    struct str *texts = arena_array(op->arena, j->len, struct str);
    if (!numbers || !texts)
        return op_fail(op, E_TOO_LARGE, "no memory for %s.in", path);
    for (size_t i = 0; i < j->len; i++) {
        const struct json *item = &j->items[i];
        if (item->type == JSON_STRING)
            texts[r->text_count++] = item->s;
        else if (item->type == JSON_BOOL)
            numbers[r->number_count++] = item->boolean;
        else if (!json_as_f64(item, &numbers[r->number_count++]))
            return op_fail_field(op, path, "%s.in[%zu] is neither a number nor a text", path, i);
    }
    qsort(numbers, r->number_count, sizeof(*numbers), by_number);
    qsort(texts, r->text_count, sizeof(*texts), by_text);
    r->numbers = numbers;
    r->texts = texts;
    r->limited = true;
    return OK;
}

static enum err rule_read(struct op *op, struct str name, const struct json *j, bool required, struct validate_rule *r)
{
    static const char *const known[] = {"type", "min", "max", "in", "max_length", "required", "nullable", NULL};
    static const char *const types[] = {"any", "number", "integer", "boolean", "string", NULL};
    const char *path = op_printf(op, "validate.columns.%.*s", STR_FMT(name));
    const double below = -INFINITY, above = INFINITY;
    size_t type = 0;
    int64_t length = 0;
    *r = (struct validate_rule){.name = name};
    enum err e = chain_members_check(op, path, j, known);
    if (!e)
        e = chain_word(op, path, j, "type", types, VALIDATE_ANY, &type);
    if (!e)
        e = chain_number(op, path, j, "min", &below, &r->min);
    if (!e)
        e = chain_number(op, path, j, "max", &above, &r->max);
    if (!e)
        e = json_opt_i64(op, j, "max_length", 0, INT32_MAX, INT32_MAX, &length);
    if (!e)
        e = json_opt_bool(op, j, "required", required, &r->required);
    if (!e)
        e = json_opt_bool(op, j, "nullable", true, &r->nullable);
    if (!e)
        e = choices_read(op, path, json_get(j, "in"), r);
    if (e)
        return e;
    r->type = (enum validate_type)type;
    r->max_length = json_get(j, "max_length") ? (size_t)length : SIZE_MAX;
    if (r->min > r->max)
        return op_fail_field(op, path, "%s: min is above max", path);
    if (r->type == VALIDATE_STRING && (isfinite(r->min) || isfinite(r->max) || r->number_count))
        return op_fail_field(op, path, "%s: a text has no min, no max and no numbers", path);
    if (r->type != VALIDATE_STRING && r->type != VALIDATE_ANY && (r->max_length != SIZE_MAX || r->text_count))
        return op_fail_field(op, path, "%s: only a text has a length and texts", path);
    return OK;
}

static enum err rules_read(struct op *op, const struct json *columns, bool required, struct validate *v)
{
    if (!columns || columns->type == JSON_NULL)
        return OK;
    if (columns->type == JSON_STRING && str_eqc(columns->s, "signature")) {
        v->signature = true;
        return OK;
    }
    if (columns->type != JSON_OBJECT || columns->len > LIMIT_CHAIN_COLUMNS)
        return op_fail_field(op, "validate.columns", "validate.columns must be \"signature\" or an object of at most %d columns", LIMIT_CHAIN_COLUMNS);
    struct validate_rule *rules = arena_array(op->arena, (size_t)columns->len + 1, struct validate_rule);
    enum err e = rules ? OK : op_fail(op, E_TOO_LARGE, "no memory for %u columns", columns->len);
    for (size_t i = 0; !e && i < columns->len; i++)
        e = rule_read(op, columns->members[i].key, &columns->members[i].value, required, &rules[i]);
    v->rules = rules;
    v->len = columns->len;
    return e;
}

enum err validate_parse(struct op *op, const struct json *j, bool required, struct validate **ret)
{
    static const char *const known[] = {"policy", "columns", "unknown", "nan", NULL};
    static const char *const policies[] = {"reject", "warn", NULL}, *const unknowns[] = {"model", "ignore", "reject", NULL};
    static const char *const nans[] = {"allow", "reject", NULL};
    size_t policy = 0, unknown = 0, nan = 0;
    *ret = NULL;
    if (!j || j->type == JSON_NULL)
        return OK;
    struct validate *v = op_new(op, struct validate);
    if (j->type == JSON_STRING && str_eqc(j->s, "signature")) {
        *v = (struct validate){.warn = true, .signature = true};
        *ret = v;
        return OK;
    }
    enum err e = chain_members_check(op, "validate", j, known);
    if (!e)
        e = chain_word(op, "validate", j, "policy", policies, 0, &policy);
    if (!e)
        e = chain_word(op, "validate", j, "unknown", unknowns, 0, &unknown);
    if (!e)
        e = chain_word(op, "validate", j, "nan", nans, 0, &nan);
    if (!e)
        e = rules_read(op, json_get(j, "columns"), required, v);
    if (e)
        return e;
    v->warn = policy == 1;
    v->unknown = (enum validate_unknown)unknown;
    v->reject_nan = nan == 1;
    *ret = v;
    return OK;
}

/* ---- what was found ---- */

struct finding {
    struct op *op;
    const struct validate *v;
    struct tally *tally;
    char *text;                        /* NULL: nothing yet */
    size_t len, total;
};
enum { FINDING_TEXT = LIMIT_CHAIN_VIOLATIONS * (REASON_TEXT + 128) };

/* Counts it; true when the answer names it. A request may hold millions, so only of those is a text made. */
static bool is_named(struct finding *f, size_t rule)
{
    if (f->tally && rule != SIZE_MAX)
        tally_add(f->tally, rule, 1);
    return f->total++ < LIMIT_CHAIN_VIOLATIONS;
}

static void say(struct finding *f, struct str column, size_t row, const char *reason)
{
    if (!f->text)
        f->text = arena_alloc(f->op->arena, FINDING_TEXT);
    const struct str name = str_sub(column, 0, str_utf8_prefix(str_sub(column, 0, 100)));
    int n = row == SIZE_MAX ? snprintf(f->text + f->len, FINDING_TEXT - f->len, "%scolumn \"%.*s\": %s", f->len ? "; " : "", STR_FMT(name), reason)
                            : snprintf(f->text + f->len, FINDING_TEXT - f->len, "%scolumn \"%.*s\", row %zu: %s", f->len ? "; " : "", STR_FMT(name), row,
                                       reason);
    if (n > 0)
        f->len += (size_t)n < FINDING_TEXT - f->len ? (size_t)n : FINDING_TEXT - f->len - 1;
}

static void found(struct finding *f, size_t rule, struct str column, size_t row, const char *reason)
{
    if (is_named(f, rule))
        say(f, column, row, reason);
}

static void found_number(struct finding *f, size_t rule, struct str column, size_t row, double v, const char *what, double limit)
{
    char reason[REASON_TEXT], a[VALUE_TEXT] = "NaN", b[VALUE_TEXT] = "";
    if (!is_named(f, rule))
        return;
    if (isfinite(v))
        a[json_format_f64(v, a)] = 0;
    else if (!isnan(v))
        snprintf(a, sizeof(a), v > 0 ? "Infinity" : "-Infinity");
    if (isfinite(limit))
        b[json_format_f64(limit, b)] = 0;
    snprintf(reason, sizeof(reason), "%s %s%s%s", a, what, *b ? " " : "", b);
    say(f, column, row, reason);
}

static void found_text(struct finding *f, size_t rule, struct str column, size_t row, struct str v, const char *what)
{
    char reason[REASON_TEXT];
    if (!is_named(f, rule))
        return;
    const struct str cut = str_sub(v, 0, str_utf8_prefix(str_sub(v, 0, VALUE_TEXT)));
    snprintf(reason, sizeof(reason), "\"%.*s\"%s %s", STR_FMT(cut), cut.len < v.len ? "..." : "", what);
    say(f, column, row, reason);
}

/* ---- values ---- */

static bool number_is_choice(const struct validate_rule *r, double v)
{
    size_t lo = 0, hi = r->number_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->numbers[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->number_count && r->numbers[lo] == v;
}

static bool text_is_choice(const struct validate_rule *r, struct str v)
{
    size_t lo = 0, hi = r->text_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(r->texts[mid], v);
        if (!c)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void number_check(struct finding *f, const struct validate_rule *r, size_t row, double v)
{
    const size_t k = (size_t)(r - f->v->rules);
    if (isnan(v)) {
        if (f->v->reject_nan || !r->nullable)
            found_number(f, k, r->name, row, v, "is not allowed", NAN);
        return;
    }
    if (isinf(v) && f->v->reject_nan)
        found_number(f, k, r->name, row, v, "is not allowed", NAN);
    else if (v < r->min)
        found_number(f, k, r->name, row, v, "is below", r->min);
    else if (v > r->max)
        found_number(f, k, r->name, row, v, "is above", r->max);
    else if (r->type == VALIDATE_INTEGER && v != trunc(v))
        found_number(f, k, r->name, row, v, "is not an integer", NAN);
    else if (r->type == VALIDATE_BOOLEAN && v != 0 && v != 1)
        found_number(f, k, r->name, row, v, "is neither 0 nor 1", NAN);
    else if (r->limited && !number_is_choice(r, v))
        found_number(f, k, r->name, row, v, "is none of the values that may stand here", NAN);
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void text_check(struct finding *f, const struct validate_rule *r, size_t row, struct str v)
{
    const size_t k = (size_t)(r - f->v->rules);
    if (!v.len) {
        if (!r->nullable)
            found_text(f, k, r->name, row, v, "is not allowed");
    } else if (r->max_length != SIZE_MAX && v.len > r->max_length && characters(v) > r->max_length) {
        found_text(f, k, r->name, row, v, "is too long");
    } else if (r->limited && !text_is_choice(r, v)) {
        found_text(f, k, r->name, row, v, "is none of the values that may stand here");
    }
}

static void column_check(struct finding *f, const struct validate_rule *r, const struct tensor *t)
{
    const size_t k = (size_t)(r - f->v->rules), rows = t->rank && t->shape[0] > 0 ? (size_t)t->shape[0] : 1;
    const size_t per_row = t->count / rows ? t->count / rows : 1;
    char reason[REASON_TEXT];
    const bool text = t->type == TENSOR_BYTES, wants = r->type == VALIDATE_STRING;
    if (r->type != VALIDATE_ANY && text != wants) {
        snprintf(reason, sizeof(reason), "its datatype is %s, a %s is wanted", tensor_type_name(t->type), wants ? "text" : "number");
        found(f, k, r->name, SIZE_MAX, reason);
        return;
    }
    if (text) {
        for (size_t i = 0; i < t->count; i++)
            text_check(f, r, i / per_row, t->texts[i]);
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        number_check(f, r, i / per_row, chain_value(t, i));
}

/* ---- a request ---- */

static bool list_has(const struct str *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], name))
            return true;
    return false;
}

bool validate_knows(const struct validate *v, const struct validate_names *names, struct str name)
{
    for (size_t i = 0; i < v->len; i++)
        if (str_eq(v->rules[i].name, name))
            return true;
    return list_has(names->features, names->feature_count, name) || list_has(names->beside, names->beside_count, name);
}

/* The one tensor that is not beside the columns, if it has the model's width and no column's name. */
static const struct tensor *matrix_find(const struct validate_names *names, const struct chain_columns *in)
{
    const struct tensor *one = NULL;
    for (size_t i = 0; i < in->len; i++) {
        if (list_has(names->beside, names->beside_count, in->all[i].name))
            continue;
        if (one)
            return NULL;
        one = &in->all[i];
    }
    if (!one || !names->features || one->type == TENSOR_BYTES || !one->rank || one->rank > 2 ||
        (size_t)one->shape[one->rank - 1] != names->feature_count)
        return NULL;
    return one->rank == 2 || names->feature_count > 1 ? one : NULL;
}

size_t validate_place(const struct validate_names *names, struct str name)
{
    for (size_t i = 0; i < names->feature_count; i++)
        if (str_eq(names->features[i], name))
            return i;
    return SIZE_MAX;
}

static enum err matrix_check(struct finding *f, const struct validate_names *names, const struct tensor *t)
{
    const size_t width = names->feature_count, rows = t->count / width;
    bool *ruled = arena_array(f->op->arena, width, bool);
    if (!ruled)
        return op_fail(f->op, E_TOO_LARGE, "no memory for %zu columns", width);
    for (size_t k = 0; k < f->v->len; k++) {
        const struct validate_rule *r = &f->v->rules[k];
        const size_t at = names->places ? names->places[k] : validate_place(names, r->name);
        if (at < width)
            ruled[at] = true;
        if (at >= width && r->required)
            found(f, k, r->name, SIZE_MAX, "it is missing");
        else if (at < width && r->type == VALIDATE_STRING)
            found(f, k, r->name, SIZE_MAX, "a text is wanted, not a place in a matrix of numbers");
        for (size_t i = 0; at < width && r->type != VALIDATE_STRING && i < rows; i++)
            number_check(f, r, i, chain_value(t, i * width + at));
    }
    /* Features without a rule obey the rule for all. */
    for (size_t i = 0; f->v->reject_nan && i < t->count; i++) {
        const double value = chain_value(t, i);
        if (!isfinite(value) && !ruled[i % width])
            found_number(f, SIZE_MAX, names->features[i % width], i / width, value, "is not allowed", NAN);
    }
    return OK;
}

/* Columns that no rule names. */
static void others_check(struct finding *f, const struct validate_names *names, const struct chain_columns *in, size_t seen)
{
    for (size_t i = 0; seen < in->len && i < in->len; i++) {
        const struct tensor *t = &in->all[i];
        bool ruled = i < f->v->len && str_eq(f->v->rules[i].name, t->name);
        for (size_t k = 0; !ruled && k < f->v->len; k++)
            ruled = str_eq(f->v->rules[k].name, t->name);
        if (ruled)
            continue;
        if (f->v->unknown == VALIDATE_UNKNOWN_REJECT && !validate_knows(f->v, names, t->name))
            found(f, SIZE_MAX, t->name, SIZE_MAX, "it is not known");
        const size_t rows = t->rank && t->shape[0] > 0 ? (size_t)t->shape[0] : 1, per_row = t->count / rows ? t->count / rows : 1;
        for (size_t k = 0; f->v->reject_nan && t->type != TENSOR_BYTES && k < t->count; k++) {
            const double value = chain_value(t, k);
            if (!isfinite(value))
                found_number(f, SIZE_MAX, t->name, k / per_row, value, "is not allowed", NAN);
        }
    }
}

enum err validate_run(struct op *op, const struct validate *v, const struct validate_names *names, const struct chain_columns *in,
                      struct tally *tally, const char **ret_warning)
{
    struct finding f = {.op = op, .v = v, .tally = tally};
    size_t seen = 0;
    *ret_warning = NULL;
    for (size_t k = 0; k < v->len; k++) {
        const struct tensor *t = chain_columns_find(in, v->rules[k].name, k);
        seen += t != NULL;
        if (t)
            column_check(&f, &v->rules[k], t);
    }
    const struct tensor *matrix = seen ? NULL : matrix_find(names, in);
    enum err e = matrix ? matrix_check(&f, names, matrix) : OK;
    if (e)
        return e;
    for (size_t k = 0; !matrix && seen < v->len && k < v->len; k++)
        if (v->rules[k].required && !chain_columns_find(in, v->rules[k].name, k))
            found(&f, k, v->rules[k].name, SIZE_MAX, "it is missing");
    if (!matrix)
        others_check(&f, names, in, seen);
    if (!f.total)
        return OK;
    const size_t more = f.total > LIMIT_CHAIN_VIOLATIONS ? f.total - LIMIT_CHAIN_VIOLATIONS : 0;
    const char *text = more ? op_printf(op, "%s; and %zu more", f.text, more) : f.text;
    if (!v->warn)
        return op_fail(op, E_INVALID, "%s", text);
    *ret_warning = text;
    return OK;
}
