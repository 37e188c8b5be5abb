#include "core/payload/item.h"

#include <stdlib.h>

static bool text_copy(struct arena *a, struct str *s)
{
    char *p = arena_array(a, s->len + 1, char);
    if (p && s->len)
        memcpy(p, s->p, s->len);
    s->p = p;
    return p != NULL;
}

static bool texts_copy(struct arena *a, const struct str **list, size_t n)
{
    struct str *copy = arena_array(a, n + 1, struct str);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = (*list)[i];
        if (!text_copy(a, &copy[i]))
            return false;
    }
    *list = copy;
    return copy != NULL;
}

static bool tensor_keep(struct arena *a, struct tensor *t)
{
    const size_t size = tensor_type_size(t->type);
    if (!text_copy(a, &t->name))
        return false;
    if (!size)
        return texts_copy(a, &t->texts, t->count);
    char *p = arena_array(a, t->count * size + 1, char);
    if (p && t->count && t->data)
        memcpy(p, t->data, t->count * size);
    t->data = p;
    return p != NULL;
}

static bool tensors_keep(struct arena *a, const struct tensor **list, size_t n)
{
    struct tensor *copy = arena_array(a, n + 1, struct tensor);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = (*list)[i];
        if (!tensor_keep(a, &copy[i]))
            return false;
    }
    *list = copy;
    return copy != NULL;
}

/* Texts of the rules show the first 100 bytes of a name. */
static bool is_named(struct str error, struct str name)
{
    const struct str head = str_sub(name, 0, 100);
    return head.len && str_find(error, str_sub(head, 0, str_utf8_prefix(head))) != SIZE_MAX;
}

/* What refuses a value may quote it, and names its column. */
static struct str error_shown(const struct payload_note *n)
{
    const struct payload_config *c = n->config;
    bool named = n->err && c->redact_ids && is_named(n->error, n->id_field);
    for (size_t i = 0; n->err && i < c->redact_count; i++)
        named = named || is_named(n->error, c->redact[i]);
    return named ? str_from(err_name(n->err)) : n->error;
}

/* Who it is about is not even copied. The column of the ids is hidden like those that "redact" names. False: no memory. */
static bool ids_hide(struct arena *a, struct payload_item *i)
{
    struct payload_config *c = &i->config;
    i->note.ids = NULL;
    i->note.unit_id = STR("");
    if (!i->note.id_field.len)
        return true;
    struct str *names = arena_array(a, c->redact_count + 1, struct str);
    for (size_t k = 0; names && k < c->redact_count; k++)
        names[k] = c->redact[k];
    if (names)
        names[c->redact_count++] = i->note.id_field;
    c->redact = names;
    return names != NULL;
}

static bool note_copy(struct arena *a, struct payload_item *i)
{
    struct payload_note *n = &i->note;
    struct payload_config *c = &i->config;
    if (c->redact_ids && !ids_hide(a, i))
        return false;
    struct str *texts[] = {&n->id_field, &n->endpoint, &n->request_id, &n->inference_id, &n->trace_id, &n->unit_id, &n->error, &c->url, &c->service, &c->space};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        if (!text_copy(a, texts[k]))
            return false;
    if (n->ids) {
        int64_t *ids = arena_array(a, n->rows + 1, int64_t);
        if (!ids)
            return false;
        memcpy(ids, n->ids, n->rows * sizeof *ids);
        n->ids = ids;
    }
    return (!n->features || texts_copy(a, &n->features, n->feature_count)) && (!c->columns || texts_copy(a, &c->columns, c->column_count)) &&
           texts_copy(a, &c->redact, c->redact_count) && tensors_keep(a, &n->inputs, n->input_count) && tensors_keep(a, &n->outputs, n->output_count);
}

struct payload_item *payload_item_make(const struct payload_note *note, bool keeps)
{
    struct arena *a = arena_create(LIMIT_PAYLOAD_REQUEST_BYTES);
    struct payload_item *i = arena_new(a, struct payload_item);
    *i = (struct payload_item){.arena = a, .note = *note, .config = *note->config, .keeps = keeps};
    i->note.config = &i->config;
    i->note.error = error_shown(note);
    if (!note_copy(a, i)) {
        arena_destroy(a);
        return NULL;
    }
    i->bytes = arena_used(a);
    return i;
}

void payload_item_destroy(struct payload_item *i)
{
    if (i)
        arena_destroy(i->arena);
}

void payload_queue_init(struct payload_queue *q, size_t max_bytes)
{
    *q = (struct payload_queue){.max_bytes = max_bytes};
    mutex_init(&q->lock);
    cond_init(&q->wake);
    q->last = &q->first;
}

void payload_queue_clear(struct payload_queue *q)
{
    while (q->first)
        payload_item_destroy(payload_queue_pop(q));
    cond_clear(&q->wake);
    mutex_clear(&q->lock);
}

struct payload_item *payload_queue_pop(struct payload_queue *q)
{
    struct payload_item *i = q->first;
    if (!i)
        return NULL;
    q->first = i->next;
    if (!q->first)
        q->last = &q->first;
    q->bytes -= i->bytes;
    i->next = NULL;
    return i;
}

void payload_queue_put(struct payload_queue *q, struct payload_item *take_item)
{
    LOCK(&q->lock);
    take_item->next = NULL;
    *q->last = take_item;
    q->last = &take_item->next;
    q->bytes += take_item->bytes;
    while (q->bytes > q->max_bytes) {
        payload_item_destroy(payload_queue_pop(q));
        q->dropped++;
    }
    cond_signal(&q->wake);
}
