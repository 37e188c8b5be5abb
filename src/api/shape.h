/* shape.h - what a JSON value looks like, in one line of text, and as a JSON Schema of draft 2020-12 (which OpenAPI 3.1 speaks).
 *
 * The notation is that of TypeScript's types, with our words:
 *     int  int(1..100)  int(0..)  num  num(0..1)  text  bool  null  any  object (any members)
 *     'canary' | 'ab'   one of these texts        int | null   either
 *     [int]             an array of them          <text>       an object whose members, of any name, are all texts
 *     { a: int, b?: text }                        an object with members; `?`: it may be absent
 *     Version           a shape that has a name   ...Version   the members of one, among others
 * Members are separated by commas or line ends. What stands behind `--`, up to the end of its line, is the sentence that explains a member.
 * A text that begins with a member's name is an object without its braces.
 *
 * Texts are constants of the program: E_INTERNAL is a mistake in one of them, its place in op->msg; a unit test reads them all. The tree lies in
 * op's arena. No threads: everything is the caller's. */
#ifndef INGOT_API_SHAPE_H
#define INGOT_API_SHAPE_H

#include "base/json.h"

enum shape_kind {
    SHAPE_INT, SHAPE_NUM, SHAPE_TEXT, SHAPE_BOOL, SHAPE_NULL, SHAPE_ANY, SHAPE_WORD /* one text */, SHAPE_LIST, SHAPE_MAP, SHAPE_OBJECT, SHAPE_NAMED
};

struct shape_field;
struct shape {
    enum shape_kind kind;
    struct str text;            /* WORD: that text; NAMED: where its schema is, as $ref says it */
    struct str min, max;        /* INT, NUM: as written; empty: none */
    const struct shape *items;  /* LIST, MAP */
    struct shape_field *fields; /* OBJECT; NULL: none are said, any may be there */
    bool closed;                /* OBJECT: it was written with members, be they none */
    struct shape *or;           /* the next alternative */
};
struct shape_field {
    struct str name, help;
    bool optional;
    const struct shape *shape;
    struct shape_field *next;
};
/* Shapes that others refer to; a table ends with a NULL name. */
struct shape_name {
    const char *name, *text;
};

MUST_USE enum err shape_parse(struct op *op, const char *text, const struct shape_name *names, struct shape **ret);
/* `null_absent`: null is as good as absent for members that may be absent, as base/json.h reads bodies. Names become "#/components/schemas/<name>". */
void shape_schema(struct json_out *w, const struct shape *s, bool null_absent);

#endif
