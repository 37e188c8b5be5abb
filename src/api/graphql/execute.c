/* Answers are written as they are found, without a tree: one frame per open object, the deepest at the end of a fixed stack (the
 * depth of documents is limited). A field is fetched before its key's value is begun, so one that fails can still be null. */
#include "api/graphql/execute.h"

#include "api/graphql/collect.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>

struct frame {
    const char *object;
    size_t left, size;        /* of a list: objects not done yet, this one included, and how far apart they are */
    bool list;
    const struct gql_type *type;
    const struct gql_wanted *first, *next;
};
struct execution {
    struct gql_context x;
    struct gql_walk walk;
    struct gql_operation *operation;
    const struct json *variables;
    struct json_out *w;
    struct buf *errors;
    struct frame frames[LIMIT_GRAPHQL_DEPTH + 1];
    int depth;
};

static void note_error(struct execution *ex)
{
    struct op *op = ex->x.op;
    struct json_out w;
    if (ex->errors->len)
        buf_add_char(ex->errors, ',');
    json_out_init(&w, ex->errors, 0);
    json_cstr(&w, op->msg ? op->msg : err_name(op->err));
    op_clear(op);
}

static void write_digits(struct json_out *w, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, v);
    json_cstr(w, text);
}

static void write_scalar(struct json_out *w, const struct gql_field *f, const char *object)
{
    const void *at = object + f->at;
    const struct str *text = at;
    switch (f->source) {
    case GQL_FROM_TEXT:
        json_str(w, text->p ? *text : STR(""));
        return;
    case GQL_FROM_NULLABLE:
        if (text->p)
            json_str(w, *text);
        else
            json_null(w);
        return;
    case GQL_FROM_LONG:
    case GQL_FROM_ID:
        write_digits(w, *(const int64_t *)at);
        return;
    case GQL_FROM_FLOAT:
        json_f64(w, *(const double *)at);
        return;
    case GQL_FROM_FLAG:
        json_bool(w, *(const bool *)at);
        return;
    case GQL_FROM_CALL:
        json_cstr(w, f->text(object));
        return;
    default:
        json_cstr(w, "");
        return;
    }
}

static enum err frame_push(struct execution *ex, const struct gql_wanted *k, const void *object, size_t n)
{
    const struct gql_field *f = k->field;
    if (f->list)
        json_begin_array(ex->w);
    if (n == 0) {
        json_end_array(ex->w);
        return OK;
    }
    if (ex->depth == LIMIT_GRAPHQL_DEPTH + 1)
        return op_fail(ex->x.op, E_INTERNAL, "a GraphQL answer is deeper than its document");
    struct gql_wanted *first = NULL;
    enum err e = gql_collect(&ex->walk, f->type, k->nodes, &first);
    if (e)
        return e;
    ex->frames[ex->depth++] = (struct frame){object, n, f->size, f->list, f->type, first, first};
    json_begin_object(ex->w);
    return OK;
}

static void write_texts(struct json_out *w, const struct str *texts, size_t n)
{
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, texts[i]);
    json_end_array(w);
}

static enum err load(struct execution *ex, const struct gql_wanted *k, const void *object)
{
    struct op *op = ex->x.op;
    const struct gql_field *f = k->field;
    const struct gql_argument *a = k->nodes->selection->arguments;
    struct gql_input in = {0};
    const void *got = NULL;
    size_t n = 1;
    enum err e = f->input ? gql_input_read(op, ex->operation, ex->variables, f->input, a ? &a->value : NULL, &in) : OK;
    if (!e)
        e = op_check_deadline(op);
    if (!e)
        e = f->load(&ex->x, object, &in, &got, &n);
    if (e) {
        json_null(ex->w);
        note_error(ex);
        return OK;
    }
    return frame_push(ex, k, got, n);
}

static enum err write_field(struct execution *ex, const struct gql_wanted *k, const struct gql_type *type, const char *object)
{
    const struct gql_field *f = k->field;
    json_key_str(ex->w, k->key);
    if (!f) {
        json_cstr(ex->w, type->name);
        return OK;
    }
    switch (f->source) {
    case GQL_FROM_SELF:
        return frame_push(ex, k, object, 1);
    case GQL_FROM_LOAD:
        return load(ex, k, object);
    case GQL_FROM_ITEMS: {
        const void *items = *(const void *const *)(const void *)(object + f->at);
        size_t n = *(const size_t *)(const void *)(object + f->len);
        if (f->type)
            return frame_push(ex, k, items, n);
        write_texts(ex->w, items, n);
        return OK;
    }
    case GQL_FROM_NOTHING:
        if (f->list) {
            json_begin_array(ex->w);
            json_end_array(ex->w);
            return OK;
        }
        if (f->type) {
            json_null(ex->w);
            return OK;
        }
        break;
    default:
        break;
    }
    write_scalar(ex->w, f, object);
    return OK;
}

/* The open object is done: the next one of its list, or back to the one that holds it. */
static void frame_advance(struct execution *ex)
{
    struct frame *f = &ex->frames[ex->depth - 1];
    json_end_object(ex->w);
    if (--f->left > 0) {
        f->object += f->size;
        f->next = f->first;
        json_begin_object(ex->w);
        return;
    }
    if (f->list)
        json_end_array(ex->w);
    ex->depth--;
}

enum err gql_execute(struct op *op, struct services *s, const struct gql_request *r, struct gql_operation *o, struct json_out *w, struct buf *errors)
{
    struct execution *ex = op_new(op, struct execution);
    *ex = (struct execution){.x = {.op = op, .services = s}, .walk = {.op = op, .document = r->document, .visit = 3u << 30}, .operation = o,
                             .variables = r->variables, .w = w, .errors = errors};
    struct gql_selection all = {.first = o->first};
    struct gql_node start = {.selection = &all};
    struct gql_field root = {.type = o->kind == GQL_MUTATION ? &gql_mutation : &gql_query};
    struct gql_wanted top = {.field = &root, .nodes = &start};
    enum err e = frame_push(ex, &top, "", 1);
    while (!e && ex->depth > 0) {
        struct frame *f = &ex->frames[ex->depth - 1];
        const struct gql_wanted *k = f->next;
        if (!k) {
            frame_advance(ex);
            continue;
        }
        f->next = k->next;
        e = write_field(ex, k, f->type, f->object);
    }
    return e;
}
