/* The walk. Fields of the messages (onnx.proto; numbers are the public ones):
 *   ModelProto     ir_version 1, graph 7, opset_import 8 {domain 1, version 2}, functions 25
 *   GraphProto     node 1, initializer 5, input 11, output 12 (ValueInfoProto: name 1), sparse_initializer 15
 *   NodeProto      input 1, output 2, name 3, op_type 4, attribute 5, domain 7
 *   AttributeProto t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23
 *   FunctionProto  name 1, input 4, output 5, node 7, domain 10
 *
 * A graph is a scope: what it defines, the graphs within it may read. So graphs stand in a work list, outer before inner, each with
 * the node that holds it. Names are looked up outwards; a name found k graphs further out is an edge, in that graph, from the
 * node that gives it to the node that holds the reader. A graph whose edges cannot be put in order (Kahn 1962) has a cycle.
 * Functions are graphs without an outer one. Their calls are edges of one more graph, and along its order the number of nodes
 * after putting bodies in place of calls is summed: twenty functions that call each other twice would become a million. */
#include "adapter/onnx/outline.h"

#include "adapter/onnx/values.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "base/wire_proto.h"

struct edge {
    uint32_t from, to;
};
struct edges { /* a VEC */
    struct edge *p;
    size_t len, cap;
};

struct graph {
    struct str bytes;
    struct graph *outer;
    uint32_t owner;          /* the node of `outer` that holds this graph */
    uint32_t depth;
    uint32_t unit;           /* 0: the main graph and those within it; else a function's number + 1 */
    struct map names;        /* value: number of the node that gives it + 1, or GIVEN */
    uint32_t nodes;
    struct edges reads;
};
#define GIVEN ((uintptr_t)1 << 40)

struct function {
    struct str bytes, domain, name;
};

struct walk {
    struct op *op;
    struct arena *scratch;
    VEC(struct graph *) graphs;
    VEC(struct function) functions;
    struct map by_name;      /* "domain\nname" of a function -> its number + 1 */
    struct edges calls;             /* from the called unit to the calling one */
    uint64_t own_nodes[LIMIT_ONNX_FUNCTIONS + 1];
    size_t edge_count;
    struct onnx_outline sum;
};

#define CUT(s) STR_FMT(str_sub((s), 0, 100))

static enum err no_memory(struct walk *w)
{
    return op_fail(w->op, E_TOO_LARGE, "the graph is too large to be checked (%zu bytes of memory)", (size_t)LIMIT_ONNX_SCRATCH);
}

static enum err malformed(struct walk *w, const char *what)
{
    return op_fail(w->op, E_INVALID, "the ONNX file is malformed: %s", what);
}

/* Adds a graph to the work list. */
static enum err graph_add(struct walk *w, struct str bytes, struct graph *outer, uint32_t owner, uint32_t unit, struct graph **ret)
{
    uint32_t depth = outer ? outer->depth + 1 : 0;
    if (depth > LIMIT_ONNX_DEPTH)
        return op_fail(w->op, E_TOO_LARGE, "graphs are nested deeper than %d", LIMIT_ONNX_DEPTH);
    struct graph *g = arena_try_alloc(w->scratch, 1, sizeof *g);
    struct graph **slot = g ? vec_push(&w->graphs, w->scratch) : NULL;
    if (!slot)
        return no_memory(w);
    *g = (struct graph){.bytes = bytes, .outer = outer, .owner = owner, .depth = depth, .unit = unit};
    map_init(&g->names, w->scratch);
    *slot = g;
    if (ret)
        *ret = g;
    return OK;
}

static enum err define(struct walk *w, struct graph *g, struct str name, uintptr_t by)
{
    if (!name.len)
        return OK; /* an output that nobody wants */
    uintptr_t before = (uintptr_t)map_find(&g->names, name);
    if (before && !(before == GIVEN && by == GIVEN)) /* an input may have an initializer: its default */
        return op_fail(w->op, E_INVALID, "\"%.*s\" is defined twice", CUT(name));
    return map_put(&g->names, name, (void *)by) ? OK : no_memory(w);
}

static enum err add_tensor(struct walk *w, struct str bytes, bool sparse, struct str *ret_name)
{
    struct onnx_values v;
    enum err e = sparse ? onnx_values_check_sparse(w->op, bytes, &v) : onnx_values_check(w->op, bytes, &v);
    if (e)
        return e;
    w->sum.tensors++;
    w->sum.tensor_bytes += v.bytes;
    *ret_name = v.name;
    return w->sum.tensor_bytes <= LIMIT_ONNX_BYTES ? OK : op_fail(w->op, E_TOO_LARGE, "the file's tensors take more than %zu bytes", (size_t)LIMIT_ONNX_BYTES);
}

/* ValueInfoProto.name */
static struct str value_name(struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    struct str name = STR("");
    while (proto_next(&in, &f))
        if (f.number == 1)
            name = f.bytes;
    return name;
}

static enum err define_outputs(struct walk *w, struct graph *g, struct str node)
{
    struct proto_in in = proto_in(node);
    struct proto_field f;
    enum err e = OK;
    if (++w->sum.nodes > LIMIT_ONNX_NODES)
        return op_fail(w->op, E_TOO_LARGE, "more than %d operators", LIMIT_ONNX_NODES);
    w->own_nodes[g->unit]++;
    g->nodes++;
    while (!e && proto_next(&in, &f))
        if (f.number == 2)
            e = define(w, g, f.bytes, g->nodes);
    if (!e && in.bad)
        e = malformed(w, "a node");
    return e;
}

/* First pass: everything that the graph defines. A function's inputs are plain names. */
static enum err define_all(struct walk *w, struct graph *g, bool function)
{
    struct proto_in in = proto_in(g->bytes);
    struct proto_field f;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.wire != PROTO_LEN)
            continue;
        struct str name = STR("");
        if (f.number == (function ? 7u : 1u)) {
            e = define_outputs(w, g, f.bytes);
        } else if (function && f.number == 4) {
            e = define(w, g, f.bytes, GIVEN);
        } else if (!function && f.number == 11) {
            e = define(w, g, value_name(f.bytes), GIVEN);
        } else if (!function && (f.number == 5 || f.number == 15)) {
            e = add_tensor(w, f.bytes, f.number == 15, &name);
            if (!e)
                e = define(w, g, name, GIVEN);
        }
    }
    return e ? e : in.bad ? malformed(w, "a graph") : OK;
}

/* `node` of `g` (or the graph's end: g->nodes) reads `name`. */
static enum err read_name(struct walk *w, struct graph *g, uint32_t node, struct str name)
{
    if (!name.len)
        return OK; /* an optional input left out */
    uintptr_t by = 0;
    uint32_t reader = node;
    struct graph *at = g;
    while (!(by = (uintptr_t)map_find(&at->names, name)) && at->outer) {
        reader = at->owner;
        at = at->outer;
    }
    if (!by)
        return op_fail(w->op, E_INVALID, "\"%.*s\" is read but nothing defines it", CUT(name));
    if (++w->edge_count > LIMIT_ONNX_EDGES)
        return op_fail(w->op, E_TOO_LARGE, "operators read more than %d names", LIMIT_ONNX_EDGES);
    if (by == GIVEN || reader == at->nodes)
        return OK;
    struct edge *edge = vec_push(&at->reads, w->scratch);
    if (!edge)
        return no_memory(w);
    *edge = (struct edge){(uint32_t)(by - 1), reader};
    return OK;
}

static enum err read_attribute(struct walk *w, struct graph *g, uint32_t node, struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    struct str name;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        bool sparse = f.number == 22 || f.number == 23;
        if (f.wire != PROTO_LEN)
            continue;
        if (f.number == 5 || f.number == 10 || sparse)
            e = add_tensor(w, f.bytes, sparse, &name);
        else if (f.number == 6 || f.number == 11)
            e = graph_add(w, f.bytes, g, node, g->unit, NULL);
    }
    return e ? e : in.bad ? malformed(w, "an attribute") : OK;
}

static struct str function_key(struct walk *w, struct str domain, struct str op_type)
{
    struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    buf_add_str(&b, str_eqc(domain, "ai.onnx") ? STR("") : domain);
    buf_add_char(&b, '\n');
    buf_add_str(&b, op_type);
    struct str key = b.failed ? STR("") : str_dup(w->scratch, buf_str(&b));
    buf_clear(&b);
    return key;
}

/* Is the operator one that the runtime has, or a function of the file? A call is noted. */
static enum err read_operator(struct walk *w, struct graph *g, struct str domain, struct str op_type)
{
    static const char *const public_domains[] = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"};
    if (w->functions.len) {
        uintptr_t callee = (uintptr_t)map_find(&w->by_name, function_key(w, domain, op_type));
        struct edge *edge = callee ? vec_push(&w->calls, w->scratch) : NULL;
        if (callee && !edge)
            return no_memory(w);
        if (callee) {
            *edge = (struct edge){(uint32_t)callee, g->unit};
            return OK;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(public_domains); i++)
        if (str_eqc(domain, public_domains[i]))
            return OK;
    return op_fail(w->op, E_UNSUPPORTED, "operator \"%.*s\" of domain \"%.*s\" is a custom one: the public ones and functions of the file are served",
                   CUT(op_type), CUT(domain));
}

static enum err read_node(struct walk *w, struct graph *g, uint32_t node, struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    struct str op_type = STR(""), domain = STR("");
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.wire != PROTO_LEN)
            return malformed(w, "a node");
        if (f.number == 1)
            e = read_name(w, g, node, f.bytes);
        else if (f.number == 4)
            op_type = f.bytes;
        else if (f.number == 7)
            domain = f.bytes;
        else if (f.number == 5)
            e = read_attribute(w, g, node, f.bytes);
    }
    if (e)
        return e;
    return op_type.len ? read_operator(w, g, domain, op_type) : malformed(w, "a node without an operator");
}

/* Second pass: everything that it reads. */
static enum err read_all(struct walk *w, struct graph *g, bool function)
{
    struct proto_in in = proto_in(g->bytes);
    struct proto_field f;
    uint32_t node = 0;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.wire != PROTO_LEN)
            continue;
        if (f.number == (function ? 7u : 1u))
            e = read_node(w, g, node++, f.bytes);
        else if (f.number == (function ? 5u : 12u))
            e = read_name(w, g, g->nodes, function ? f.bytes : value_name(f.bytes));
    }
    return e;
}

/* Kahn: ret_order gets the numbers so that every edge points forward. False: a cycle. */
static bool put_in_order(const struct edges *list, uint32_t count, uint32_t *waits, uint32_t *first, uint32_t *next, uint32_t *ret_order)
{
    uint32_t done = 0, ready = 0;
    memset(waits, 0, count * sizeof *waits);
    memset(first, 0, count * sizeof *first);
    for (uint32_t i = 0; i < list->len; i++) {
        waits[list->p[i].to]++;
        next[i] = first[list->p[i].from];
        first[list->p[i].from] = i + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!waits[i])
            ret_order[ready++] = i;
    for (; done < ready; done++)
        for (uint32_t i = first[ret_order[done]]; i; i = next[i - 1])
            if (--waits[list->p[i - 1].to] == 0)
                ret_order[ready++] = list->p[i - 1].to;
    return done == count;
}

/* `*ret_ok`: there is an order, and it stands in *ret_order. */
static enum err find_order(struct walk *w, const struct edges *list, uint32_t count, bool *ret_ok, uint32_t **ret_order)
{
    uint32_t *waits = arena_array(w->scratch, count + 1, uint32_t), *first = arena_array(w->scratch, count + 1, uint32_t);
    uint32_t *next = arena_array(w->scratch, list->len + 1, uint32_t), *order = arena_array(w->scratch, count + 1, uint32_t);
    if (!waits || !first || !next || !order)
        return no_memory(w);
    *ret_ok = put_in_order(list, count, waits, first, next, order);
    *ret_order = order;
    return OK;
}

static enum err check_cycles(struct walk *w)
{
    for (size_t i = 0; i < w->graphs.len; i++) {
        const struct graph *g = w->graphs.p[i];
        bool ok = true;
        uint32_t *order;
        enum err e = g->reads.len ? find_order(w, &g->reads, g->nodes, &ok, &order) : OK;
        if (e)
            return e;
        if (!ok)
            return op_fail(w->op, E_INVALID, "the graph has a cycle: an operator waits for its own output");
    }
    return OK;
}

/* Functions in place of their calls: how many operators would there be? */
static enum err check_calls(struct walk *w)
{
    bool ok = true;
    uint32_t *order = NULL, units = (uint32_t)w->functions.len + 1;
    if (!w->calls.len)
        return OK;
    enum err e = find_order(w, &w->calls, units, &ok, &order);
    if (e)
        return e;
    if (!ok)
        return op_fail(w->op, E_INVALID, "a function calls itself");
    uint64_t *size = arena_array(w->scratch, units, uint64_t);
    uint32_t *starts = arena_array(w->scratch, (size_t)units + 1, uint32_t), *callers = arena_array(w->scratch, w->calls.len, uint32_t);
    if (!size || !starts || !callers)
        return no_memory(w);
    for (size_t i = 0; i < w->calls.len; i++)
        starts[w->calls.p[i].from]++;
    for (uint32_t i = 1; i <= units; i++) /* each group's end, which filling moves to its start */
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < w->calls.len; i++)
        callers[--starts[w->calls.p[i].from]] = w->calls.p[i].to;
    memcpy(size, w->own_nodes, units * sizeof *size);
    for (uint32_t k = 0; k < units; k++) {
        uint32_t u = order[k];
        for (uint32_t i = starts[u]; i < starts[u + 1] && size[u] <= LIMIT_ONNX_NODES; i++)
            size[callers[i]] += size[u];
        if (size[u] > LIMIT_ONNX_NODES)
            return op_fail(w->op, E_TOO_LARGE, "functions in place of their calls make more than %d operators", LIMIT_ONNX_NODES);
    }
    return OK;
}

static enum err add_function(struct walk *w, struct str bytes)
{
    struct function *fn = w->functions.len < LIMIT_ONNX_FUNCTIONS ? vec_push(&w->functions, w->scratch) : NULL;
    if (!fn)
        return op_fail(w->op, E_TOO_LARGE, "more than %d functions", LIMIT_ONNX_FUNCTIONS);
    *fn = (struct function){.bytes = bytes, .domain = STR(""), .name = STR("")};
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    while (proto_next(&in, &f)) {
        if (f.number == 1)
            fn->name = f.bytes;
        else if (f.number == 10)
            fn->domain = f.bytes;
    }
    if (in.bad || !fn->name.len)
        return malformed(w, "a function");
    struct str key = function_key(w, fn->domain, fn->name);
    if (map_has(&w->by_name, key))
        return op_fail(w->op, E_INVALID, "function \"%.*s\" is defined twice", CUT(fn->name));
    return map_put(&w->by_name, key, (void *)(uintptr_t)w->functions.len) ? graph_add(w, bytes, NULL, 0, (uint32_t)w->functions.len, NULL) : no_memory(w);
}

static enum err read_opset(struct walk *w, struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    struct str domain = STR("");
    int64_t version = 0;
    while (proto_next(&in, &f)) {
        if (f.number == 1)
            domain = f.bytes;
        else if (f.number == 2)
            version = proto_i64(&f);
    }
    if (in.bad || version < 1)
        return malformed(w, "an operator set");
    if (!domain.len || str_eqc(domain, "ai.onnx"))
        w->sum.opset = version;
    return OK;
}

static enum err read_model(struct walk *w, struct str bytes)
{
    struct proto_in in = proto_in(bytes);
    struct proto_field f;
    struct str graph = {0};
    size_t graphs = 0;
    enum err e = OK;
    while (!e && proto_next(&in, &f)) {
        if (f.number == 1 && f.wire == PROTO_VARINT) {
            w->sum.ir_version = proto_i64(&f);
        } else if (f.wire == PROTO_LEN && f.number == 7) {
            graph = f.bytes;
            graphs++;
        } else if (f.wire == PROTO_LEN && f.number == 8) {
            e = read_opset(w, f.bytes);
        } else if (f.wire == PROTO_LEN && f.number == 25) {
            e = add_function(w, f.bytes);
        }
    }
    if (e || in.bad)
        return e ? e : malformed(w, "the model is cut off or no protobuf");
    if (graphs != 1 || w->sum.ir_version < 1)
        return malformed(w, graphs != 1 ? "not one graph" : "no version");
    return graph_add(w, graph, NULL, 0, 0, NULL);
}

static enum err walk_all(struct walk *w, struct str bytes)
{
    enum err e = read_model(w, bytes);
    for (size_t i = 0; !e && i < w->graphs.len; i++) { /* grows while it is walked: graphs within graphs */
        struct graph *g = w->graphs.p[i];
        bool function = g->unit && !g->outer;
        e = define_all(w, g, function);
        if (!e)
            e = read_all(w, g, function);
    }
    if (!e)
        e = check_cycles(w);
    return e ? e : check_calls(w);
}

bool onnx_outline_accepts(struct str bytes)
{
    /* ir_version is a small number; behind it stand the producer (18), its version (26), a domain (34), the model's version (40), a
     * text (50), the graph (58) or operator sets (66). */
    static const char second[] = {18, 26, 34, 40, 50, 58, 66};
    return bytes.len > 3 && bytes.p[0] == 8 && bytes.p[1] > 0 && bytes.p[1] < 64 && memchr(second, bytes.p[2], sizeof second);
}

enum err onnx_outline_check(struct op *op, struct str bytes, struct onnx_outline *ret)
{
    if (bytes.len > LIMIT_ONNX_BYTES)
        return op_fail(op, E_TOO_LARGE, "the file has %zu bytes; %zu are allowed", bytes.len, (size_t)LIMIT_ONNX_BYTES);
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_ONNX_SCRATCH);
    struct walk *w = arena_new(scratch, struct walk);
    *w = (struct walk){.op = op, .scratch = scratch};
    map_init(&w->by_name, scratch);
    enum err e = walk_all(w, bytes);
    if (e)
        return e;
    w->sum.functions = w->functions.len;
    *ret = w->sum;
    return OK;
}
