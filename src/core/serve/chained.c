#include "core/serve/chained.h"

#include "base/limits.h"
#include "base/time.h"
#include "base/trace.h"
#include "core/serve/call.h"
#include "core/serve/extras.h"

struct chain_model chained_model(const struct serve_version *v)
{
    const struct extras *x = v->extras;
    return (struct chain_model){.inputs = v->inputs, .outputs = v->outputs, .input_count = v->input_count, .output_count = v->output_count,
                                .features = v->rows ? v->info->features : 0, .feature_names = v->rows ? v->info->feature_names : NULL,
                                .doubles = v->doubles, .transform = x ? x->transform : NULL, .calibrator = x ? x->calibrator : NULL,
                                .signature = x ? x->signature : STR(""), .mins = x ? x->mins : NULL, .maxs = x ? x->maxs : NULL};
}

/* ---- states ---- */

/* What a request may bring beside the model's columns. */
static enum err beside_make(struct op *op, const struct serve_spec *spec, const struct feature_view *view, struct str **ret, size_t *ret_len)
{
    struct str *names = arena_array(op->arena, (view ? view->key_len + view->number_len : 0) + 3, struct str);
    size_t n = 0;
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for the view's names");
    if (spec->id_field.len || (view && view->id_field.len))
        names[n++] = spec->id_field.len ? spec->id_field : view->id_field;
    if (view)
        names[n++] = view->timestamp_field;
    for (size_t i = 0; view && i < view->key_len; i++)
        names[n++] = view->keys[i];
    for (size_t i = 0; view && i < view->number_len; i++)
        names[n++] = view->numbers[i];
    *ret = names;
    *ret_len = n;
    return OK;
}

static enum err chain_make(struct op *op, const struct serve_spec *spec, const struct feature_view *view, const struct serve_version *v,
                           struct chain **ret)
{
    const struct chain_model m = chained_model(v);
    struct str *beside = NULL;
    size_t n = 0;
    if (!spec->chain.validate && !spec->chain.post && !m.transform && !m.calibrator) {
        *ret = NULL;
        return OK;
    }
    if (m.transform && view)
        return op_fail(op, E_UNSUPPORTED, "version %lld has a transform of its own and cannot take the online features of view %.*s", (long long)v->version,
                       STR_FMT(view->name));
    enum err e = beside_make(op, spec, view, &beside, &n);
    if (!e)
        e = chain_compile(op, &spec->chain, &m, beside, n, ret);
    return e ? op_context(op, "version %lld", (long long)v->version) : OK;
}

enum err chained_check(struct op *op, const struct serve_spec *spec, const struct feature_view *view, const struct serve_version *v)
{
    struct chain *c = NULL;
    return chain_make(op, spec, view, v, &c);
}

/* The counters of the same columns, from this state or the one before; else new ones. */
static struct tally *tally_get_or_make(struct serve_endpoint *ep, const struct serve_endpoint *old, const struct str *names, size_t n)
{
    for (size_t i = 0; i < ep->tally_len; i++)
        if (tally_is_of(ep->tallies[i], names, n))
            return ep->tallies[i];
    struct tally *t = NULL;
    for (size_t i = 0; old && !t && i < old->tally_len; i++)
        if (tally_is_of(old->tallies[i], names, n))
            t = tally_ref(old->tallies[i]);
    ep->tallies[ep->tally_len++] = t ? t : tally_create(names, n);
    return ep->tallies[ep->tally_len - 1];
}

enum err chained_make(struct op *op, struct serve_endpoint *ep, const struct serve_endpoint *old)
{
    for (size_t i = 0; i < ep->loaded_len; i++) {
        struct chain *c = NULL;
        struct str *names = NULL;
        if (!serve_version_answers(ep->loaded[i], NULL)) /* a graph that waits for its members does not say yet what it takes */
            continue;
        enum err e = chain_make(op, &ep->spec, ep->table ? feature_table_view(ep->table) : NULL, ep->loaded[i], &c);
        if (e && ep->loaded[i]->version == ep->info.live)
            return e;
        ep->chains[i] = c;
        ep->unfit[i] = e != OK; /* one that is only kept must not take the endpoint down; nor may it answer without its chain */
        op_clear(op);
        const size_t n = chain_rules(c, op, &names);
        if (n)
            c->tally = tally_get_or_make(ep, old, names, n);
    }
    return OK;
}

void chained_clear(struct serve_endpoint *ep)
{
    for (size_t i = 0; i < ep->tally_len; i++)
        tally_unref(ep->tallies[i]);
}

const struct chain *chained_find(const struct serve_endpoint *ep, const struct serve_version *v)
{
    for (size_t i = 0; i < ep->loaded_len; i++)
        if (ep->loaded[i] == v)
            return ep->chains[i];
    return NULL;
}

size_t serve_violations(struct op *op, struct serve_endpoint *e, struct serve_violation **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < e->tally_len; i++)
        n += tally_len(e->tallies[i]);
    struct serve_violation *all = arena_array(op->arena, n + 1, struct serve_violation);
    n = 0;
    for (size_t i = 0; all && i < e->tally_len; i++) {
        for (size_t k = 0; k < tally_len(e->tallies[i]); k++) {
            const struct str name = tally_name(e->tallies[i], k);
            size_t at = 0;
            while (at < n && !str_eq(all[at].column, name))
                at++;
            if (at == n)
                all[n++].column = str_dup(op->arena, name);
            all[at].count += tally_get(e->tallies[i], k);
        }
    }
    *ret = all;
    return n;
}

/* ---- a request ---- */

enum err chained_before(struct serve_call *c, struct tensor_set *set)
{
    struct chain_columns in = {.all = set->all, .len = set->len, .map = set->map}, out;
    const int64_t from = c->op->trace ? time_mono_ns() : 0;
    enum err e = chain_before(c->op, c->chain, &in, &out, &c->warning);
    if (c->op->trace)
        (void)trace_note(c->op->trace, "validate, transform", from, time_mono_ns());
    if (e || out.all == in.all)
        return e;
    return tensor_set_make(c->op, out.all, out.len, set);
}

static struct tensor model_output(const struct serve_call *c, size_t i)
{
    return c->v->rows ? call_row_output(c) : c->outputs[i];
}

enum err chained_after(struct serve_call *c, struct tensor **ret, size_t *ret_len)
{
    const struct infer_request *r = c->r;
    const struct post *p = c->chain->post;
    const size_t n = r->output_count ? r->output_count : p->output_count;
    const struct tensor source = model_output(c, p->source);
    struct post_result made;
    struct tensor *out = arena_array(c->op->arena, n + 1, struct tensor);
    bool *wanted = r->output_count ? arena_array(c->op->arena, p->output_count, bool) : NULL;
    if (!out || (r->output_count && !wanted))
        return op_fail(c->op, E_TOO_LARGE, "no memory for %zu outputs", n);
    for (size_t i = 0; i < r->output_count; i++)
        wanted[c->places[i]] = true;
    const int64_t from = c->op->trace ? time_mono_ns() : 0;
    enum err e = post_run(c->op, p, &source, source.count / p->width, wanted, &made);
    if (c->op->trace)
        (void)trace_note(c->op->trace, "post-process", from, time_mono_ns());
    for (size_t i = 0; !e && i < n; i++) {
        const struct post_place *at = &p->places[r->output_count ? c->places[i] : i];
        out[i] = at->model == SIZE_MAX ? made.made[at->what] : model_output(c, at->model);
    }
    if (e)
        return e;
    c->final = made.scores;
    *ret = out;
    *ret_len = n;
    return OK;
}

enum err chained_transform(struct op *op, const struct serve_call *c, const struct chain *chain, struct tensor *ret)
{
    const struct chain_columns in = {.all = c->r->inputs, .len = c->r->input_count};
    struct chain_columns mended;
    const char *warning;
    struct chain quiet = *chain; /* the copy's columns were judged and counted once */
    struct validate off;
    quiet.tally = NULL;
    if (quiet.validate) {
        off = *quiet.validate;
        off.warn = true;
        quiet.validate = &off;
    }
    enum err e = chain_before(op, &quiet, &in, &mended, &warning);
    if (e)
        return e;
    *ret = mended.all[0]; /* the matrix stands first */
    return OK;
}
