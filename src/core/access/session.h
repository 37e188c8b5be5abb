/* session.h - people who signed in with a browser. A session's key is 256 random bits and lies in a cookie; the table keeps its SHA-256, and who it is.
 * Sessions live in memory: they end with the process, and so with the token that opened them (the server reads its token once, at its start). Each
 * of several servers on one database has its own.
 *
 * A session ends after LIMIT_SESSION_IDLE_S without a request, after LIMIT_SESSION_S in all, when its owner signs out, or when more than LIMIT_SESSIONS
 * people are signed in and it is the one that was idle longest. Times are microseconds since 1970 UTC. Any thread; never blocks for long. */
#ifndef INGOT_CORE_ACCESS_SESSION_H
#define INGOT_CORE_ACCESS_SESSION_H

#include "base/op.h"

#define SESSION_KEY_LEN 43 /* characters of base64url */

struct sessions;

struct sessions *sessions_create(void);
void sessions_destroy(struct sessions *s); /* NULL is ignored */
/* A new session of op->actor. The key is for the cookie and is kept nowhere else. */
void session_open(struct op *op, struct sessions *s, char ret_key[SESSION_KEY_LEN + 1]);
/* Who it is, and that it is in use. The name lives in op's arena. False: no such session, or it has ended. */
bool session_find(struct op *op, struct sessions *s, struct str key, struct actor *ret);
/* False: there was none. */
bool session_close(struct sessions *s, struct str key);
size_t sessions_count(struct sessions *s);

#endif
