/* libyaml's events onto a stack, as in json_text.c: members of all open containers wait there and move into
 * the arena, one contiguous array each, when their container closes. No recursion.
 *
 * An alias shares the finished subtree of its anchor, so "a thousand laughs" costs nothing here, but a
 * reader that walks the tree would never end. Therefore each subtree knows how many nodes and levels it
 * has with all aliases written out, and those are what the limits bound. An alias inside its own
 * anchor is unknown, because anchors are known only when their node is complete: no cycles. */
#include "base/yaml.h"

#include "base/json_parse.h"
#include "base/limits.h"
#include "base/yaml_scalar.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct node {
    struct json value;
    struct str key; /* when it is a member of a mapping */
    bool merge;     /* its key is a plain << */
    size_t line, column;
    size_t nodes; /* with aliases written out */
    int height;   /* 0: a scalar */
};

struct level {
    bool object, has_key;
    size_t first;      /* of its members on the stack */
    struct str anchor; /* len 0: none */
    struct str key;    /* of the member that comes next, if has_key */
    bool key_merge;
    size_t line, column, key_line, key_column;
};

struct anchor {
    struct str name;
    struct node node;
};

struct builder {
    struct op *op;
    yaml_parser_t parser;
    yaml_event_t event;
    struct node *stack;
    size_t len, cap;
    struct anchor *anchors;
    size_t anchor_count, anchor_cap;
    struct level levels[LIMIT_JSON_DEPTH];
    int depth;
    bool complete;
    struct node root;
};

PRINTF_LIKE(4, 5)
static enum err yaml_fail(struct builder *b, size_t line, size_t column, const char *fmt, ...)
{
    char what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return op_fail(b->op, E_INVALID, "YAML line %zu column %zu: %s", line + 1, column + 1, what);
}

static enum err yaml_full(struct builder *b)
{
    return op_fail(b->op, E_TOO_LARGE, "the YAML text needs more memory than the request may use");
}

static enum err yaml_next(struct builder *b)
{
    yaml_event_delete(&b->event);
    if (yaml_parser_parse(&b->parser, &b->event))
        return OK;
    if (b->parser.error == YAML_MEMORY_ERROR)
        return yaml_full(b);
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_READER_ERROR)
        return op_fail(b->op, E_INVALID, "YAML byte %zu: %s", p->problem_offset, p->problem);
    return yaml_fail(b, p->problem_mark.line, p->problem_mark.column, "%s%s%s", p->context ? p->context : "",
                     p->context ? ": " : "", p->problem ? p->problem : "not readable");
}

static enum err anchor_keep(struct builder *b, struct str name, const struct node *node)
{
    if (b->anchor_count == b->anchor_cap) {
        size_t cap = b->anchor_cap ? b->anchor_cap * 2 : 16;
        struct anchor *p = NULL;
        if (cap <= arena_left(b->op->arena) / sizeof *p)
            p = reallocarray(b->anchors, cap, sizeof *p);
        if (!p)
            return yaml_full(b);
        b->anchors = p;
        b->anchor_cap = cap;
    }
    b->anchors[b->anchor_count++] = (struct anchor){name, *node};
    return OK;
}

/* The latest of that name: an anchor may be given again. */
static const struct node *anchor_find(const struct builder *b, struct str name)
{
    for (size_t i = b->anchor_count; i > 0; i--)
        if (str_eq(b->anchors[i - 1].name, name))
            return &b->anchors[i - 1].node;
    return NULL;
}

static enum err stack_push(struct builder *b, const struct node *node)
{
    if (b->len == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        struct node *p = NULL;
        if (cap <= arena_left(b->op->arena) / sizeof *p)
            p = reallocarray(b->stack, cap, sizeof *p);
        if (!p)
            return yaml_full(b);
        b->stack = p;
        b->cap = cap;
    }
    b->stack[b->len++] = *node;
    return OK;
}

/* Takes a complete node as the key or value that its container waits for. */
static enum err node_place(struct builder *b, const struct node *node, struct str key_text, bool plain)
{
    if (b->depth == 0) {
        b->root = *node;
        b->complete = true;
        return OK;
    }
    struct level *l = &b->levels[b->depth - 1];
    if (!l->object)
        return stack_push(b, node);
    if (l->has_key) {
        struct node member = *node;
        member.key = l->key;
        member.merge = l->key_merge;
        member.line = l->key_line;
        member.column = l->key_column;
        l->has_key = false;
        return stack_push(b, &member);
    }
    if (!key_text.p)
        return yaml_fail(b, node->line, node->column, "a key must be a scalar");
    l->key = key_text;
    l->key_merge = plain && str_eqc(key_text, "<<");
    l->has_key = true;
    l->key_line = node->line;
    l->key_column = node->column;
    return OK;
}

static bool text_copy(struct builder *b, const void *p, size_t n, struct str *ret)
{
    char *copy = arena_try_alloc(b->op->arena, n + 1, 1);
    if (!copy)
        return false;
    if (n > 0)
        memcpy(copy, p, n);
    *ret = (struct str){copy, n};
    return true;
}

/* The type that a core tag asks for, or -1. */
static int tag_type(const char *tag)
{
    static const struct {
        const char *tag;
        enum json_type type;
    } tags[] = {
        {YAML_STR_TAG, JSON_STRING}, {YAML_INT_TAG, JSON_INT},   {YAML_FLOAT_TAG, JSON_REAL},
        {YAML_BOOL_TAG, JSON_BOOL},  {YAML_NULL_TAG, JSON_NULL}, {YAML_MAP_TAG, JSON_OBJECT},
        {YAML_SEQ_TAG, JSON_ARRAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (strcmp(tag, tags[i].tag) == 0)
            return (int)tags[i].type;
    return -1;
}

/* Gives a scalar the type of its tag when its text is of that type. */
static enum err tag_apply(struct builder *b, const char *tag, struct node *node, struct str text)
{
    int want = tag_type(tag);
    struct json *v = &node->value;
    double f;
    if (want == JSON_STRING || strcmp(tag, "!") == 0) {
        *v = (struct json){.type = JSON_STRING, .s = text};
        return OK;
    }
    if (want < 0)
        return yaml_fail(b, node->line, node->column, "the tag %.100s is not of the core schema", tag);
    if (!yaml_scalar_resolve(text, v))
        return yaml_fail(b, node->line, node->column, "the number is too large");
    if (want == JSON_REAL && json_as_f64(v, &f))
        *v = (struct json){.type = JSON_REAL, .f = f};
    if ((int)v->type == want || (want == JSON_INT && v->type == JSON_UINT))
        return OK;
    return yaml_fail(b, node->line, node->column, "the value does not fit its tag %.100s", tag);
}

static enum err on_scalar(struct builder *b)
{
    struct node node = {.line = b->event.start_mark.line, .column = b->event.start_mark.column, .nodes = 1};
    const char *tag = (const char *)b->event.data.scalar.tag;
    bool plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
    struct str text, name = {NULL, 0};
    if (!text_copy(b, b->event.data.scalar.value, b->event.data.scalar.length, &text))
        return yaml_full(b);
    node.value = (struct json){.type = JSON_STRING, .s = text};
    if (tag) {
        enum err e = tag_apply(b, tag, &node, text);
        if (e)
            return e;
    } else if (plain && !yaml_scalar_resolve(text, &node.value)) {
        return yaml_fail(b, node.line, node.column, "the number is too large");
    }
    const char *anchor = (const char *)b->event.data.scalar.anchor;
    if (anchor) {
        if (!text_copy(b, anchor, strlen(anchor), &name))
            return yaml_full(b);
        enum err e = anchor_keep(b, name, &node);
        if (e)
            return e;
    }
    return node_place(b, &node, text, plain);
}

static enum err on_alias(struct builder *b)
{
    size_t line = b->event.start_mark.line, column = b->event.start_mark.column;
    const char *name = (const char *)b->event.data.alias.anchor;
    const struct node *found = anchor_find(b, str_from(name));
    if (!found)
        return yaml_fail(b, line, column, "the alias *%.100s has no complete anchor before it", name);
    if (found->height + b->depth > LIMIT_JSON_DEPTH)
        return yaml_fail(b, line, column, "nested too deep");
    struct node node = *found;
    node.line = line;
    node.column = column;
    bool text = node.value.type == JSON_STRING;
    return node_place(b, &node, text ? node.value.s : (struct str){NULL, 0}, false);
}

static enum err on_open(struct builder *b, bool object)
{
    size_t line = b->event.start_mark.line, column = b->event.start_mark.column;
    const yaml_char_t *anchor =
        object ? b->event.data.mapping_start.anchor : b->event.data.sequence_start.anchor;
    const yaml_char_t *tag = object ? b->event.data.mapping_start.tag : b->event.data.sequence_start.tag;
    if (tag && strcmp((const char *)tag, "!") != 0 &&
        tag_type((const char *)tag) != (object ? JSON_OBJECT : JSON_ARRAY))
        return yaml_fail(b, line, column, "the tag %.100s does not fit here", (const char *)tag);
    if (b->depth == LIMIT_JSON_DEPTH)
        return yaml_fail(b, line, column, "nested too deep");
    struct level *up = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
    if (up && up->object && !up->has_key)
        return yaml_fail(b, line, column, "a key must be a scalar");
    struct level *l = &b->levels[b->depth++];
    *l = (struct level){.object = object, .first = b->len, .line = line, .column = column};
    if (anchor && !text_copy(b, anchor, strlen((const char *)anchor), &l->anchor))
        return yaml_full(b);
    return OK;
}

static bool member_has(const struct json *object, uint32_t len, struct str key)
{
    for (uint32_t i = 0; i < len; i++)
        if (str_eq(object->members[i].key, key))
            return true;
    return false;
}

/* The mappings that a `<<` value names: itself, or the items of a sequence. */
static const struct json *merge_source(const struct json *value, uint32_t i)
{
    if (value->type == JSON_OBJECT)
        return i == 0 ? value : NULL;
    return i < value->len ? &value->items[i] : NULL;
}

/* `object` holds the mapping's own members. Those that `<<` brings stand before them, in the order of their sources;
 * a key of its own or of an earlier source wins. */
static enum err merge_apply(struct builder *b, const struct node *merge, struct json *object)
{
    const struct json *value = &merge->value, *source;
    size_t extra = 0;
    bool fits = value->type == JSON_OBJECT || value->type == JSON_ARRAY;
    for (uint32_t i = 0; fits && (source = merge_source(value, i)); i++) {
        fits = source->type == JSON_OBJECT;
        extra += fits ? source->len : 0;
    }
    if (!fits)
        return yaml_fail(b, merge->line, merge->column, "<< takes a mapping or a sequence of mappings");
    if (extra > LIMIT_YAML_NODES || (extra > 0 && (object->len + extra) > LIMIT_YAML_NODES / extra))
        return yaml_fail(b, merge->line, merge->column, "<< brings too many keys");
    struct json all = {.type = JSON_OBJECT};
    all.members = arena_array(b->op->arena, object->len + extra, struct json_member);
    if (!all.members)
        return yaml_full(b);
    for (uint32_t i = 0; (source = merge_source(value, i)); i++)
        for (uint32_t k = 0; k < source->len; k++)
            if (!member_has(object, object->len, source->members[k].key) &&
                !member_has(&all, all.len, source->members[k].key))
                all.members[all.len++] = source->members[k];
    for (uint32_t k = 0; k < object->len; k++)
        all.members[all.len++] = object->members[k];
    *object = all;
    return OK;
}

static enum err close_mapping(struct builder *b, const struct level *l, struct json *ret)
{
    size_t n = b->len - l->first;
    const struct node *from = n > 0 ? b->stack + l->first : NULL, *merge = NULL;
    *ret = (struct json){.type = JSON_OBJECT};
    ret->members = arena_array(b->op->arena, n, struct json_member);
    if (!ret->members)
        return yaml_full(b);
    for (size_t i = 0; i < n; i++) {
        if (from[i].merge && merge)
            return yaml_fail(b, from[i].line, from[i].column, "the key \"<<\" stands here twice");
        if (from[i].merge)
            merge = &from[i];
        else
            ret->members[ret->len++] = (struct json_member){from[i].key, from[i].value};
    }
    uint32_t second;
    enum err e = OK;
    if (!json_unique_keys(b->op, ret, JSON_STRICT, &second, &e)) {
        if (e)
            return e;
        assert(from); /* a repetition needs two members */
        const struct node *twin = &from[second + (merge && merge <= &from[second] ? 1 : 0)];
        return yaml_fail(b, twin->line, twin->column, "the key \"%.*s\" stands here twice",
                         STR_FMT(str_sub(twin->key, 0, 100)));
    }
    return merge ? merge_apply(b, merge, ret) : OK;
}

static enum err on_close(struct builder *b)
{
    struct level l = b->levels[--b->depth];
    size_t n = b->len - l.first;
    struct node node = {.line = l.line, .column = l.column, .nodes = 1};
    for (size_t i = l.first; i < b->len; i++) {
        node.nodes += b->stack[i].nodes;
        if (b->stack[i].height > node.height)
            node.height = b->stack[i].height;
        if (node.nodes > LIMIT_YAML_NODES)
            return yaml_fail(b, l.line, l.column, "more than %d values with all aliases written out",
                             LIMIT_YAML_NODES);
    }
    node.height++;
    if (l.object) {
        enum err e = close_mapping(b, &l, &node.value);
        if (e)
            return e;
    } else {
        node.value = (struct json){.type = JSON_ARRAY, .len = (uint32_t)n};
        node.value.items = arena_array(b->op->arena, n, struct json);
        if (!node.value.items)
            return yaml_full(b);
        for (size_t i = 0; i < n; i++)
            node.value.items[i] = b->stack[l.first + i].value;
    }
    b->len = l.first;
    if (l.anchor.len > 0) {
        enum err e = anchor_keep(b, l.anchor, &node);
        if (e)
            return e;
    }
    return node_place(b, &node, (struct str){NULL, 0}, false);
}

static enum err on_document(struct builder *b)
{
    const yaml_version_directive_t *v = b->event.data.document_start.version_directive;
    size_t line = b->event.start_mark.line, column = b->event.start_mark.column;
    if (b->complete)
        return yaml_fail(b, line, column, "a second document begins");
    if (v && (v->major != 1 || v->minor != 2))
        return yaml_fail(b, line, column, "only YAML 1.2 is read, not %d.%d", v->major, v->minor);
    return OK;
}

static enum err yaml_document(struct builder *b)
{
    for (;;) {
        enum err e = yaml_next(b);
        if (e)
            return e;
        switch (b->event.type) {
        case YAML_STREAM_END_EVENT:
            return OK;
        case YAML_DOCUMENT_START_EVENT:
            e = on_document(b);
            break;
        case YAML_SCALAR_EVENT:
            e = on_scalar(b);
            break;
        case YAML_ALIAS_EVENT:
            e = on_alias(b);
            break;
        case YAML_SEQUENCE_START_EVENT:
            e = on_open(b, false);
            break;
        case YAML_MAPPING_START_EVENT:
            e = on_open(b, true);
            break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            e = on_close(b);
            break;
        default:
            break;
        }
        if (e)
            return e;
    }
}

enum err yaml_parse(struct op *op, struct str text, struct json **ret)
{
    if (text.len > LIMIT_YAML_BYTES)
        return op_fail(op, E_TOO_LARGE, "the YAML text has %zu bytes; the limit is %zu", text.len,
                       LIMIT_YAML_BYTES);
    struct builder b = {.op = op};
    struct json *tree = arena_try_alloc(op->arena, 1, sizeof *tree);
    if (!tree || !yaml_parser_initialize(&b.parser))
        return yaml_full(&b);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.len ? text.p : ""), text.len);
    enum err e = yaml_document(&b);
    yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    free(b.stack);
    free(b.anchors);
    if (e)
        return e;
    *tree = b.root.value; /* null when there was no document */
    *ret = tree;
    return OK;
}
