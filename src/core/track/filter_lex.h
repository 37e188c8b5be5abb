/* filter_lex.h - the words of the filter language. Texts view the input. Used by filter.c. Pure. */
#ifndef INGOT_CORE_TRACK_FILTER_LEX_H
#define INGOT_CORE_TRACK_FILTER_LEX_H

#include "base/str.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_CMP, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA, TOKEN_BAD };
struct token {
    enum token_kind kind;
    struct str raw;  /* as written */
    struct str text; /* TOKEN_TEXT: between the quotes */
    bool double_quoted; /* a whole word in "": a name, or a text where one is expected */
};
struct lexer {
    struct str in;
    size_t at; /* behind `now` */
    struct token now;
};

/* Puts the next token into l->now. A zeroed lexer with `in` set stands before the first one. */
void lex_next(struct lexer *l);
/* The present token is that word, in any case. */
bool lex_is(const struct lexer *l, const char *word);
size_t lex_start(const struct lexer *l); /* where the present token begins */
/* Without the quotes at both ends, if `s` is quoted by one kind of them. */
struct str lex_unquote(struct str s);

#endif
