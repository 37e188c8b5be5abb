/* Source: RFC 4180; what counts as missing is the list in the documentation of pandas.read_csv (na_values). */
#include "api/invocations/csv.h"

#include "base/limits.h"
#include "base/vec.h"

struct reader {
    struct op *op;
    struct str text;
    size_t at, line;
};

static bool is_missing(struct str s)
{
    static const char *const words[] = {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
                                        "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqc(s, words[i]))
            return true;
    return false;
}

static bool at_line_end(const struct reader *r, size_t *ret_len)
{
    if (r->at < r->text.len && r->text.p[r->at] == '\n')
        *ret_len = 1;
    else if (r->at + 1 < r->text.len && r->text.p[r->at] == '\r' && r->text.p[r->at + 1] == '\n')
        *ret_len = 2;
    else
        return false;
    return true;
}

/* At an opening quote. */
static enum err quoted_read(struct reader *r, struct str *ret)
{
    size_t start = ++r->at, doubled = 0;
    for (;; r->at++) {
        if (r->at == r->text.len)
            return op_fail(r->op, E_INVALID, "CSV line %zu: the text ends within quotes", r->line);
        if (r->text.p[r->at] == '\n')
            r->line++;
        if (r->text.p[r->at] != '"')
            continue;
        if (r->at + 1 == r->text.len || r->text.p[r->at + 1] != '"')
            break;
        doubled++;
        r->at++;
    }
    struct str raw = {r->text.p + start, r->at - start};
    r->at++;
    *ret = raw;
    if (!doubled)
        return OK;
    char *p = arena_try_alloc(r->op->arena, raw.len, 1);
    size_t n = 0;
    if (!p)
        return op_fail(r->op, E_TOO_LARGE, "no memory for a cell of %zu bytes", raw.len);
    for (size_t i = 0; i < raw.len; i++) {
        p[n++] = raw.p[i];
        i += raw.p[i] == '"';
    }
    *ret = (struct str){p, n};
    return OK;
}

/* One cell and what stands behind it: *ret_last at the end of the line or the text. */
static enum err cell_read(struct reader *r, struct str *ret, bool *ret_last)
{
    size_t end = 0, start = r->at;
    bool quoted = r->at < r->text.len && r->text.p[r->at] == '"';
    enum err e = quoted ? quoted_read(r, ret) : OK;
    if (e)
        return e;
    while (!quoted && r->at < r->text.len && r->text.p[r->at] != ',' && !at_line_end(r, &end)) {
        if (r->text.p[r->at] == '"' || r->text.p[r->at] == '\r')
            return op_fail(r->op, E_INVALID, "CSV line %zu: a cell has a quote or a carriage return in it, but no quotes around it", r->line);
        r->at++;
    }
    if (!quoted)
        *ret = (struct str){r->text.p + start, r->at - start};
    *ret_last = true;
    if (r->at == r->text.len)
        return OK;
    if (at_line_end(r, &end)) {
        r->at += end;
        r->line++;
        return OK;
    }
    if (r->text.p[r->at] != ',')
        return op_fail(r->op, E_INVALID, "CSV line %zu: text stands behind the closing quote", r->line);
    r->at++;
    *ret_last = false;
    return OK;
}

static void empty_lines_skip(struct reader *r)
{
    size_t n;
    while (at_line_end(r, &n)) {
        r->at += n;
        r->line++;
    }
}

enum err csv_parse(struct op *op, struct str text, struct csv *ret)
{
    struct reader r = {.op = op, .text = text, .line = 1};
    VEC(struct str) cells = {0};
    size_t cols = 0, in_row = 0;
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        r.at = 3; /* a byte order mark, as spreadsheets write it */
    size_t good = str_utf8_prefix(text);
    if (good < text.len)
        return op_fail(op, E_INVALID, "CSV: byte %zu is not UTF-8", good);
    for (empty_lines_skip(&r); r.at < text.len; empty_lines_skip(&r)) {
        bool last = false;
        size_t line = r.line;
        for (in_row = 0; !last; in_row++) {
            struct str *cell = vec_push(&cells, op->arena);
            if (!cell || in_row == LIMIT_SERVE_INPUTS)
                return op_fail(op, E_TOO_LARGE, "CSV line %zu has too many cells", line);
            enum err e = cell_read(&r, cell, &last);
            if (e)
                return e;
            if (cols && is_missing(*cell))
                *cell = (struct str){NULL, 0};
        }
        if (cols && in_row != cols)
            return op_fail(op, E_INVALID, "CSV line %zu has %zu cells, the first has %zu", line, in_row, cols);
        cols = in_row;
    }
    if (cells.len < 2 * cols || !cols)
        return op_fail(op, E_INVALID, "CSV: a line of names and at least one row are wanted");
    *ret = (struct csv){.rows = cells.len / cols - 1, .cols = cols, .names = cells.p, .cells = cells.p + cols};
    return OK;
}
