/* svm_text.c - the files that `train` of LIBLINEAR (save_model in linear.cpp, up to 2.4x) and `svm-train -t 0` of LIBSVM (svm_save_model in svm.cpp,
 * 3.x) write. Both begin with lines of a key and values, in this order but for what a kind does not have:
 *
 *     LIBLINEAR  solver_type L2R_LR          LIBSVM  svm_type c_svc
 *                nr_class 3                          kernel_type linear
 *                label 4 -1 2                        nr_class 2
 *                nr_feature 28                       total_sv 41
 *                bias 1                              rho 0.25
 *                rho 0.5   (one class)               label 1 -1
 *                w                                   probA -1.9 / probB 0.1
 *                numbers, one line per feature       nr_sv 20 21
 *                                                    SV
 *                                                    coefficient index:value index:value ...
 *
 * LIBLINEAR: of two classes (but for MCSVM_CS) and of regression there is one number per feature, else one per class; with
 * bias >= 0 one more line follows, whose numbers are multiplied by bias. LIBSVM: weights are the sum of coefficient times vector,
 * and the sum of a row is w x - rho. k classes of LIBSVM have a machine for each pair (i, j), i < j, so rho, probA and probB have k (k - 1) / 2 numbers; the
 * vectors stand by class, as many of each as nr_sv says, with k - 1 coefficients: a vector of class c has one for each other class d, the
 * one for the pair of c and d standing at d, or at d - 1 if d > c. With two classes a positive sum speaks for the label that stands first; answers here speak
 * for the greater label, as scikit-learn's do, so that the order of the training rows does not matter. */
#include "adapter/linear/svm_text.h"

#include <math.h>

#include "adapter/linear/svm_pairs.h"
#include "base/limits.h"

static const struct {
    const char *name;
    bool regression, probability, all_columns, one_class;
} solvers[] = {
    {"L2R_LR", false, true, false, false},
    {"L2R_L2LOSS_SVC_DUAL", false, false, false, false},
    {"L2R_L2LOSS_SVC", false, false, false, false},
    {"L2R_L1LOSS_SVC_DUAL", false, false, false, false},
    {"MCSVM_CS", false, false, true, false},
    {"L1R_L2LOSS_SVC", false, false, false, false},
    {"L1R_LR", false, true, false, false},
    {"L2R_LR_DUAL", false, true, false, false},
    {"L2R_L2LOSS_SVR", true, false, false, false},
    {"L2R_L2LOSS_SVR_DUAL", true, false, false, false},
    {"L2R_L1LOSS_SVR_DUAL", true, false, false, false},
    {"ONECLASS_SVM", true, false, false, true},
};

struct reader {
    struct op *op;
    struct arena *arena;
    struct str rest;
    size_t line;
    struct svm_text *m;
    /* the head */
    struct str kind;             /* the solver, or the type of LIBSVM */
    bool libsvm, have_bias;
    int64_t classes, features, label[LIMIT_TREE_OUTPUTS];
    size_t labels;
    double bias;
    struct list {
        double *v;
        size_t len;
    } rho, a, b, vectors;        /* vectors: how many each class has */
};

static enum err bad(struct reader *r, const char *what)
{
    return op_fail(r->op, E_INVALID, "line %zu: %s", r->line, what);
}

/* The next word of a line; false when it is used up. */
static bool word(struct str *line, struct str *ret)
{
    *line = str_trim(*line);
    return line->len && str_split(line, ' ', ret);
}

static bool number(struct str *line, double *ret)
{
    struct str w;
    return word(line, &w) && str_parse_f64(w, false, ret) && isfinite(*ret);
}

static bool whole(struct str *line, int64_t *ret)
{
    struct str w;
    return word(line, &w) && str_parse_i64(w, ret);
}

bool svm_text_accepts(struct str bytes)
{
    return str_starts(bytes, STR("solver_type ")) || str_starts(bytes, STR("svm_type "));
}

/* ---- the head ---- */
/* All numbers of a line, at least one. */
static enum err list_read(struct reader *r, struct str line, struct list *ret)
{
    double v[LIMIT_SVM_CLASSES * (LIMIT_SVM_CLASSES - 1) / 2];
    size_t n = 0;
    for (line = str_trim(line); line.len; line = str_trim(line), n++) {
        if (n == ARRAY_LEN(v))
            return op_fail(r->op, E_TOO_LARGE, "line %zu: more numbers than %d classes have pairs", r->line, LIMIT_SVM_CLASSES);
        if (!number(&line, &v[n]))
            return bad(r, "its value is missing or out of range");
    }
    ret->v = arena_array(r->arena, n + 1, double);
    ret->len = n;
    if (!ret->v)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu numbers", n);
    memcpy(ret->v, v, n * sizeof(*v));
    return n ? OK : bad(r, "its value is missing or out of range");
}

static enum err labels_read(struct reader *r, struct str line)
{
    struct str w;
    for (r->labels = 0; word(&line, &w); r->labels++) {
        if (r->labels == ARRAY_LEN(r->label))
            return op_fail(r->op, E_TOO_LARGE, "line %zu: more than %d labels", r->line, LIMIT_TREE_OUTPUTS);
        if (!str_parse_i64(w, &r->label[r->labels]))
            return bad(r, "a label is no whole number");
        for (size_t i = 0; i < r->labels; i++)
            if (r->label[i] == r->label[r->labels])
                return bad(r, "a label stands twice");
    }
    return OK;
}

/* One line of the head; *ret_end: the numbers follow. */
static enum err head_line(struct reader *r, struct str line, bool *ret_end)
{
    struct str key;
    bool ok = word(&line, &key);
    if (!ok)
        return bad(r, "an empty line in the head");
    if (str_eqc(key, "w") || str_eqc(key, "SV"))
        *ret_end = true;
    else if (str_eqc(key, "solver_type") || str_eqc(key, "svm_type"))
        ok = word(&line, &r->kind);
    else if (str_eqc(key, "kernel_type") && !str_eqc(str_trim(line), "linear"))
        return op_fail(r->op, E_UNSUPPORTED, "the kernel \"%.*s\" is not linear", STR_FMT(str_sub(str_trim(line), 0, 32)));
    else if (str_eqc(key, "nr_class"))
        ok = whole(&line, &r->classes) && r->classes >= 1 && r->classes <= LIMIT_TREE_OUTPUTS;
    else if (str_eqc(key, "nr_feature"))
        ok = whole(&line, &r->features) && r->features >= 1 && r->features <= LIMIT_LINEAR_FEATURES;
    else if (str_eqc(key, "label"))
        return labels_read(r, line);
    else if (str_eqc(key, "bias"))
        r->have_bias = (ok = number(&line, &r->bias)) && r->bias >= 0;
    else if (str_eqc(key, "rho"))
        return list_read(r, line, &r->rho);
    else if (str_eqc(key, "probA"))
        return list_read(r, line, &r->a);
    else if (str_eqc(key, "probB"))
        return list_read(r, line, &r->b);
    else if (str_eqc(key, "nr_sv"))
        return list_read(r, line, &r->vectors);
    else if (!str_eqc(key, "kernel_type") && !str_eqc(key, "total_sv"))
        return bad(r, "a key that is not known here");
    return ok ? OK : bad(r, "its value is missing or out of range");
}

static enum err head_read(struct reader *r)
{
    struct str line;
    bool end = false;
    r->libsvm = str_starts(r->rest, STR("svm_type "));
    while (!end) {
        r->line++;
        if (!str_split(&r->rest, '\n', &line))
            return bad(r, "the file ends in its head");
        enum err e = head_line(r, line, &end);
        if (e)
            return e;
    }
    return OK;
}

static enum err shape_find_liblinear(struct reader *r)
{
    size_t k = 0;
    while (k < ARRAY_LEN(solvers) && !str_eqc(r->kind, solvers[k].name))
        k++;
    if (k == ARRAY_LEN(solvers))
        return op_fail(r->op, E_UNSUPPORTED, "the solver \"%.*s\" is not known here", STR_FMT(str_sub(r->kind, 0, 32)));
    if (!r->features || !r->classes)
        return bad(r, "nr_feature or nr_class is missing");
    if (solvers[k].regression ? r->labels != 0 : (int64_t)r->labels != r->classes || r->classes < 2)
        return bad(r, "the labels do not fit the classes");
    bool single = solvers[k].regression || (r->classes == 2 && !solvers[k].all_columns);
    r->m->columns = r->m->outputs = single ? 1 : (size_t)r->classes;
    r->m->link = solvers[k].probability ? SVM_PROBABILITY : SVM_VALUES;
    r->rho.len = solvers[k].one_class ? r->rho.len : 0;
    return r->rho.len <= 1 ? OK : bad(r, "more than one rho");
}

/* Of so many pairs, and of each class so many vectors? */
static enum err pairs_check(struct reader *r, size_t classes)
{
    const size_t pairs = svm_pairs(classes);
    bool ok = r->rho.len == pairs && r->a.len == r->b.len && (!r->a.len || r->a.len == pairs) && r->vectors.len == classes;
    for (size_t i = 0; ok && i < classes; i++)
        ok = r->vectors.v[i] >= 0 && r->vectors.v[i] <= INT32_MAX && r->vectors.v[i] == floor(r->vectors.v[i]);
    return ok ? OK : bad(r, "rho, probA, probB or nr_sv do not fit the classes");
}

static enum err shape_find_libsvm(struct reader *r)
{
    bool classes = str_eqc(r->kind, "c_svc") || str_eqc(r->kind, "nu_svc");
    if (!classes && !str_eqc(r->kind, "epsilon_svr") && !str_eqc(r->kind, "nu_svr") && !str_eqc(r->kind, "one_class"))
        return op_fail(r->op, E_UNSUPPORTED, "the type \"%.*s\" is not known here", STR_FMT(str_sub(r->kind, 0, 32)));
    if (classes && r->classes > LIMIT_SVM_CLASSES)
        return op_fail(r->op, E_UNSUPPORTED, "%lld classes of LIBSVM; %d are served here", (long long)r->classes, LIMIT_SVM_CLASSES);
    if (classes ? r->classes < 2 || (int64_t)r->labels != r->classes : r->labels != 0)
        return bad(r, "the labels do not fit the classes");
    const bool pairs = classes && r->classes > 2;
    r->m->columns = pairs ? svm_pairs((size_t)r->classes) : 1;
    r->m->outputs = pairs ? (size_t)r->classes : 1;
    r->m->link = !classes || !r->a.len ? (pairs ? SVM_VOTES : SVM_VALUES) : pairs ? SVM_COUPLED : SVM_PLATT;
    r->m->a = r->a.v;
    r->m->b = r->b.v;
    r->have_bias = false;
    if (pairs)
        return pairs_check(r, (size_t)r->classes);
    return r->rho.len <= 1 && (r->m->link != SVM_PLATT || (r->a.len == 1 && r->b.len == 1)) ? OK : bad(r, "rho, probA or probB do not fit the classes");
}

/* Answers stand by ascending label. */
static enum err order_make(struct reader *r)
{
    struct svm_text *m = r->m;
    m->turned = m->outputs == 1 && r->labels == 2 && r->label[0] < r->label[1];
    m->order = arena_array(r->arena, m->outputs, uint32_t);
    m->labels = m->outputs > 1 ? arena_array(r->arena, m->outputs, struct str) : NULL;
    if (!m->order || (m->outputs > 1 && !m->labels))
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu classes", m->outputs);
    for (size_t i = 0; i < m->outputs; i++) {
        size_t at = i;
        for (; m->outputs > 1 && at > 0 && r->label[m->order[at - 1]] > r->label[i]; at--)
            m->order[at] = m->order[at - 1];
        m->order[at] = (uint32_t)i;
    }
    for (size_t i = 0; m->labels && i < m->outputs; i++)
        m->labels[i] = str_dup(r->arena, str_from(op_printf(r->op, "%lld", (long long)r->label[m->order[i]])));
    m->label_count = m->labels ? m->outputs : 0;
    return OK;
}

/* ---- the numbers ---- */
static enum err room_make(struct reader *r, size_t features)
{
    struct svm_text *m = r->m;
    m->features = features;
    m->weight = arena_array(r->arena, features * m->columns, double);
    m->bias = arena_array(r->arena, m->columns, double);
    if (!m->weight || !m->bias)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu features of %zu classes", features, m->columns);
    memset(m->weight, 0, features * m->columns * sizeof *m->weight);
    memset(m->bias, 0, m->columns * sizeof *m->bias);
    return OK;
}

static enum err weights_read(struct reader *r)
{
    struct svm_text *m = r->m;
    if (r->rest.len / 2 < (size_t)r->features * m->columns) /* a digit and a blank each: no memory for what is not there */
        return bad(r, "the file ends before its weights");
    enum err e = room_make(r, (size_t)r->features);
    if (e)
        return e;
    for (size_t i = 0; i < m->features + r->have_bias; i++) {
        struct str line;
        r->line++;
        if (!str_split(&r->rest, '\n', &line))
            return bad(r, "the file ends before its weights");
        for (size_t c = 0; c < m->columns; c++) {
            double v;
            if (!number(&line, &v))
                return bad(r, "a weight is missing or no number");
            if (i < m->features)
                m->weight[i * m->columns + c] = v;
            else
                m->bias[c] = v * r->bias;
        }
        if (str_trim(line).len)
            return bad(r, "more weights than columns");
    }
    m->bias[0] -= r->rho.len ? r->rho.v[0] : 0;
    return isfinite(m->bias[0]) ? OK : bad(r, "the bias overflows");
}

/* One "index:value"; indices ascend. */
static bool pair(struct str w, int64_t before, int64_t *ret_index, double *ret_value)
{
    size_t colon = str_find_char(w, ':');
    return colon != SIZE_MAX && str_parse_i64(str_sub(w, 0, colon), ret_index) && *ret_index > before && *ret_index <= LIMIT_LINEAR_FEATURES &&
           str_parse_f64(str_sub(w, colon + 1, w.len), false, ret_value) && isfinite(*ret_value);
}

/* The coefficients of a vector of class `c`, and the columns that they are of. */
static bool coefficients_read(const struct reader *r, struct str *line, size_t c, double *coefficients, size_t *columns)
{
    const size_t classes = r->m->outputs;
    for (size_t d = 0, n = 0; d < classes || !n; d++) {
        if (classes > 1 && d == c)
            continue;
        columns[n] = classes == 1 ? 0 : d < c ? svm_pair(classes, d, c) : svm_pair(classes, c, d);
        if (!number(line, &coefficients[n++]))
            return false;
    }
    return true;
}

/* One line; `add` false: only looks how many features there are. */
static enum err vector_read(struct reader *r, struct str line, size_t c, bool add, int64_t *ret_features)
{
    struct str w;
    double coefficients[LIMIT_SVM_CLASSES], v;
    size_t columns[LIMIT_SVM_CLASSES];
    const size_t n = r->m->outputs > 1 ? r->m->outputs - 1 : 1;
    if (!coefficients_read(r, &line, c, coefficients, columns))
        return bad(r, "a vector without its coefficients");
    for (int64_t index, before = 0; word(&line, &w); before = index) {
        if (!pair(w, before, &index, &v))
            return bad(r, "no index:value in ascending order within the limits");
        *ret_features = index > *ret_features ? index : *ret_features;
        double *to = add ? r->m->weight + (size_t)(index - 1) * r->m->columns : NULL;
        for (size_t i = 0; add && i < n; i++)
            to[columns[i]] += coefficients[i] * v;
    }
    return OK;
}

/* All vectors, class by class. */
static enum err vectors_read(struct reader *r, bool add, int64_t *ret_features)
{
    struct str rest = r->rest, line;
    const size_t at = r->line, classes = r->m->outputs;
    double left = classes > 1 ? r->vectors.v[0] : 0;
    size_t c = 0;
    while (str_split(&rest, '\n', &line)) {
        r->line++;
        if (!str_trim(line).len)
            continue;
        while (classes > 1 && left < 1 && ++c < classes)
            left = r->vectors.v[c];
        if (classes > 1 && c == classes)
            return bad(r, "more vectors than nr_sv says");
        enum err e = vector_read(r, line, c, add, ret_features);
        if (e)
            return e;
        left--;
    }
    for (c++; left < 1 && c < classes; c++)
        left = r->vectors.v[c];
    if (classes > 1 && left >= 1)
        return bad(r, "fewer vectors than nr_sv says");
    if (!add)
        r->line = at;
    return OK;
}

static enum err vectors_sum(struct reader *r)
{
    int64_t features = 0;
    enum err e = vectors_read(r, false, &features);
    if (!e && !features)
        e = bad(r, "a model without features");
    if (!e)
        e = room_make(r, (size_t)features);
    if (!e)
        e = vectors_read(r, true, &features);
    if (e)
        return e;
    for (size_t i = 0; i < r->rho.len; i++)
        r->m->bias[i] = -r->rho.v[i];
    for (size_t i = 0; i < r->m->features * r->m->columns; i++)
        if (!isfinite(r->m->weight[i]))
            return bad(r, "a weight overflows");
    return OK;
}

enum err svm_text_load(struct op *op, struct arena *arena, struct str bytes, struct svm_text *ret)
{
    struct reader r = {.op = op, .arena = arena, .rest = bytes, .m = ret, .kind = STR("")};
    *ret = (struct svm_text){0};
    enum err e = head_read(&r);
    if (!e)
        e = r.libsvm ? shape_find_libsvm(&r) : shape_find_liblinear(&r);
    if (!e)
        e = order_make(&r);
    if (!e)
        e = r.libsvm ? vectors_sum(&r) : weights_read(&r);
    return e;
}
