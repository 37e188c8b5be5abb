/* The bridge to C++: simdjson's DOM copied into our tree, and <charconv> for numbers. simdjson's strings
 * and tape live in the parser, so everything is copied out; the parser is kept per thread while it is
 * small, since making one costs more than parsing a small request. */
#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

extern "C" {
#include "base/json_parse.h"
#include "base/limits.h"
}

namespace dom = simdjson::dom;

namespace
{

constexpr size_t kept_parser_bytes = 64 << 10; /* larger texts get a parser of their own */
constexpr size_t string_chunk_bytes = 4096;

/* Strings are packed into chunks: an arena allocation each would waste up to 15 bytes a key. */
struct string_store {
    struct arena *arena;
    char *p;
    size_t left;

    bool add(std::string_view s, struct str *ret)
    {
        if (s.size() + 1 > left) {
            size_t size = s.size() + 1 > string_chunk_bytes / 4 ? s.size() + 1 : string_chunk_bytes;
            char *fresh = static_cast<char *>(arena_try_alloc(arena, size, 1));
            if (!fresh)
                return false;
            if (size != string_chunk_bytes) {
                memcpy(fresh, s.data(), s.size());
                *ret = {fresh, s.size()};
                return true;
            }
            p = fresh;
            left = size;
        }
        if (!s.empty())
            memcpy(p, s.data(), s.size());
        *ret = {p, s.size()};
        p += s.size() + 1; /* the arena is zeroed: a NUL stands behind */
        left -= s.size() + 1;
        return true;
    }
};

struct frame {
    struct json *node;
    uint32_t next;
    dom::array::iterator item, item_end;
    dom::object::iterator field, field_end;
};

enum class step { ok, opened, full, declined };

struct copier {
    struct op *op;
    unsigned flags;
    string_store strings;
    int depth;
    frame stack[LIMIT_JSON_DEPTH];

    /* JSON_PACK. False: not an array of numbers, or none that can be exact. `full` when there is no memory. */
    bool pack(dom::array from, size_t n, struct json *to, bool &full)
    {
        constexpr int64_t exact_max = INT64_C(1) << 53;
        void *room = arena_try_alloc(op->arena, n, sizeof(double));
        full = !room;
        if (full)
            return false;
        auto *ints = static_cast<int64_t *>(room);
        auto *reals = static_cast<double *>(room);
        size_t i = 0;
        bool real = false, exact = true;
        for (dom::element e : from) {
            dom::element_type type = e.type();
            if (type == dom::element_type::INT64) {
                int64_t v = e.get_int64().value_unsafe();
                exact = exact && v >= -exact_max && v <= exact_max;
                if (real)
                    reals[i++] = static_cast<double>(v);
                else
                    ints[i++] = v;
            } else if (type == dom::element_type::DOUBLE || type == dom::element_type::NULL_VALUE) {
                for (size_t k = 0; !real && k < i; k++)
                    reals[k] = static_cast<double>(ints[k]);
                real = true;
                reals[i++] = type == dom::element_type::DOUBLE ? e.get_double().value_unsafe() : std::nan("");
            } else {
                return false;
            }
            if (real && !exact)
                return false;
        }
        to->type = real ? JSON_REALS : JSON_INTS;
        to->len = static_cast<uint32_t>(n);
        if (real)
            to->reals = reals;
        else
            to->ints = ints;
        return true;
    }

    step open(dom::array from, struct json *to)
    {
        if (depth == LIMIT_JSON_DEPTH)
            return step::declined;
        if (size_t n = from.size(); (flags & JSON_PACK) && n > 0) {
            dom::element_type first = (*from.begin()).type();
            bool full = false, number = first == dom::element_type::INT64 || first == dom::element_type::DOUBLE || first == dom::element_type::NULL_VALUE;
            if (number && pack(from, n, to, full))
                return step::ok;
            if (full)
                return step::full;
        }
        to->type = JSON_ARRAY;
        to->len = static_cast<uint32_t>(from.size());
        to->items = static_cast<struct json *>(arena_try_alloc(op->arena, to->len, sizeof(struct json)));
        if (!to->items)
            return step::full;
        frame &f = stack[depth++];
        f.node = to;
        f.next = 0;
        f.item = from.begin();
        f.item_end = from.end();
        return step::opened;
    }

    step open(dom::object from, struct json *to)
    {
        if (depth == LIMIT_JSON_DEPTH)
            return step::declined;
        to->type = JSON_OBJECT;
        to->len = static_cast<uint32_t>(from.size());
        to->members = static_cast<struct json_member *>(
            arena_try_alloc(op->arena, to->len, sizeof(struct json_member)));
        if (!to->members)
            return step::full;
        frame &f = stack[depth++];
        f.node = to;
        f.next = 0;
        f.field = from.begin();
        f.field_end = from.end();
        return step::opened;
    }

    /* A scalar is copied; a container is opened, its members follow. */
    step value(dom::element from, struct json *to)
    {
        switch (from.type()) {
        case dom::element_type::ARRAY:
            return open(from.get_array().value_unsafe(), to);
        case dom::element_type::OBJECT:
            return open(from.get_object().value_unsafe(), to);
        case dom::element_type::INT64:
            to->type = JSON_INT;
            to->i = from.get_int64().value_unsafe();
            return step::ok;
        case dom::element_type::UINT64:
            to->type = JSON_UINT;
            to->u = from.get_uint64().value_unsafe();
            return step::ok;
        case dom::element_type::DOUBLE:
            to->type = JSON_REAL;
            to->f = from.get_double().value_unsafe();
            return step::ok;
        case dom::element_type::STRING:
            to->type = JSON_STRING;
            return strings.add(from.get_string().value_unsafe(), &to->s) ? step::ok : step::full;
        case dom::element_type::BOOL:
            to->type = JSON_BOOL;
            to->boolean = from.get_bool().value_unsafe();
            return step::ok;
        case dom::element_type::NULL_VALUE:
            to->type = JSON_NULL;
            return step::ok;
        }
        return step::declined;
    }

    /* The next member of the innermost container, or its end. */
    step advance()
    {
        frame &f = stack[depth - 1];
        if (f.node->type == JSON_ARRAY) {
            if (f.item == f.item_end) {
                depth--;
                return step::ok;
            }
            dom::element e = *f.item;
            ++f.item;
            return value(e, &f.node->items[f.next++]);
        }
        if (f.field == f.field_end) {
            depth--;
            uint32_t second;
            enum err e = OK;
            if (json_unique_keys(op, f.node, flags, &second, &e))
                return step::ok;
            return e ? step::full : step::declined;
        }
        struct json_member *m = &f.node->members[f.next++];
        if (!strings.add(f.field.key(), &m->key))
            return step::full;
        dom::element e = f.field.value();
        ++f.field;
        return value(e, &m->value);
    }
};

dom::parser *parser_for(size_t size, std::unique_ptr<dom::parser> &own)
{
    static thread_local dom::parser kept(kept_parser_bytes);
    if (size <= kept_parser_bytes)
        return &kept;
    own = std::make_unique<dom::parser>();
    return own.get();
}

/* Digits and decimal exponent of "d.ddde+xx" put in Python's form: repr() of a float. */
size_t layout_python(const char *sci, const char *sci_end, char *out)
{
    char digits[32];
    int n = 0;
    char *p = out;
    if (*sci == '-')
        *p++ = *sci++;
    for (; sci != sci_end && *sci != 'e'; sci++)
        if (*sci != '.')
            digits[n++] = *sci;
    int exp = 0;
    if (sci != sci_end) {
        sci++; /* from_chars takes no '+' */
        std::from_chars(*sci == '+' ? sci + 1 : sci, sci_end, exp);
    }
    if (exp < -4 || exp >= 16) {
        *p++ = digits[0];
        if (n > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, static_cast<size_t>(n - 1));
            p += n - 1;
        }
        *p++ = 'e';
        *p++ = exp < 0 ? '-' : '+';
        int magnitude = exp < 0 ? -exp : exp;
        if (magnitude < 10)
            *p++ = '0';
        p = std::to_chars(p, p + 4, magnitude).ptr;
    } else if (exp < 0) {
        memcpy(p, "0.0000", 6);
        p += 1 - exp; /* "0." and -exp - 1 zeros */
        memcpy(p, digits, static_cast<size_t>(n));
        p += n;
    } else {
        for (int i = 0; i <= exp; i++)
            *p++ = i < n ? digits[i] : '0';
        *p++ = '.';
        if (n <= exp + 1)
            *p++ = '0';
        for (int i = exp + 1; i < n; i++)
            *p++ = digits[i];
    }
    *p = '\0';
    return static_cast<size_t>(p - out);
}

/* Below 2^53 the neighbours of a whole double are at most 1 apart, so its integer digits are the shortest. */
template <typename real> size_t format_real(real v, char *out)
{
    constexpr real whole_max =
        sizeof(real) == sizeof(double) ? static_cast<real>(1LL << 53) : static_cast<real>(1 << 24);
    if (v > -whole_max && v < whole_max && v == std::trunc(v) && (v != 0 || !std::signbit(v))) {
        char *p = std::to_chars(out, out + 24, static_cast<int64_t>(v)).ptr;
        memcpy(p, ".0", 3);
        return static_cast<size_t>(p + 2 - out);
    }
    char sci[48];
    char *end = std::to_chars(sci, sci + sizeof sci, v, std::chars_format::scientific).ptr;
    return layout_python(sci, end, out);
}

} /* namespace */

extern "C" enum err json_parse_fast(struct op *op, struct str text, unsigned flags, struct json **ret)
{
    *ret = nullptr;
    std::unique_ptr<dom::parser> own;
    dom::parser *parser = parser_for(text.len, own);
    dom::element root;
    if (parser->parse(text.p, text.len).get(root))
        return OK;
    auto *top = static_cast<struct json *>(arena_try_alloc(op->arena, 1, sizeof(struct json)));
    copier c;
    c.op = op;
    c.flags = flags;
    c.strings = {op->arena, nullptr, 0};
    c.depth = 0;
    step s = top ? c.value(root, top) : step::full;
    while (c.depth > 0 && (s == step::ok || s == step::opened))
        s = c.advance();
    if (s == step::full)
        return op_fail(op, E_TOO_LARGE, "the JSON text needs more memory than the request may use");
    if (s == step::ok || s == step::opened)
        *ret = top;
    return OK;
}

extern "C" bool json_number_f64(struct str text, double *ret)
{
    const char *end = text.p + text.len;
    double v = 0;
    auto r = std::from_chars(text.p, end, v);
    if (r.ec == std::errc::result_out_of_range) {
        /* Either too large, or so small that it rounds to 0 or a subnormal: strtod tells which. */
        static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
        v = strtod_l(std::string(text.p, text.len).c_str(), nullptr, c_locale);
    }
    if (!std::isfinite(v))
        return false;
    *ret = v;
    return true;
}

extern "C" size_t json_format_f64(double v, char *out)
{
    return format_real(v, out);
}

extern "C" size_t json_format_f32(float v, char *out)
{
    return format_real(v, out);
}
