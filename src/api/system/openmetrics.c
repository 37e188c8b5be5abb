#include "api/system/openmetrics.h"

bool openmetrics_accepted(struct str accept)
{
    return str_find(accept, STR("application/openmetrics-text")) != SIZE_MAX;
}

/* "# HELP name text" and "# TYPE name type". The text's lines of one family stand together, HELP first, so the type is looked up ahead. */
static void meta_write(struct str line, bool counter, struct buf *out)
{
    struct str keyword = str_sub(line, 0, 7), rest = str_sub(line, 7, SIZE_MAX); /* "# HELP " */
    size_t blank = str_find_char(rest, ' ');
    struct str name = str_sub(rest, 0, blank), text = blank == SIZE_MAX ? STR("") : str_sub(rest, blank + 1, SIZE_MAX);
    bool total = counter && str_ends(name, STR("_total"));
    if (total)
        name.len -= STR("_total").len;
    bool type = str_eqc(keyword, "# TYPE ");
    if (type && counter)
        text = total ? STR("counter") : STR("unknown");
    buf_add_str(out, keyword);
    buf_add_str(out, name);
    buf_add_char(out, ' ');
    for (size_t i = 0; i < text.len; i++) { /* quotes are escaped in OpenMetrics' help */
        if (!type && text.p[i] == '"')
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '\n');
}

void openmetrics_write(struct str text, struct buf *out)
{
    struct str line, rest = text;
    while (rest.len && str_split(&rest, '\n', &line)) {
        if (!line.len)
            continue;
        if (!str_starts(line, STR("# HELP ")) && !str_starts(line, STR("# TYPE "))) {
            buf_add_str(out, line);
            buf_add_char(out, '\n');
            continue;
        }
        size_t end = str_find_char(rest, '\n');
        struct str type = str_starts(line, STR("# HELP ")) ? str_sub(rest, 0, end) : line;
        meta_write(line, str_starts(type, STR("# TYPE ")) && str_ends(type, STR(" counter")), out);
    }
    buf_add_cstr(out, "# EOF\n");
}
