/* access.h - who may talk to this server. Today there is one administrator, whose token lies in a file of mode 0600 in
 * the data folder; people with tokens and roles come behind the same access_check().
 *
 * A token is "ingot_<id>_<secret>_<crc>": 8 hex digits, 43 characters of base64url (256 random bits), and the CRC-32 of
 * all before it as 8 hex digits, so that secret scanners can tell a token from noise. The process keeps only its SHA-256. */
#ifndef INGOT_CORE_ACCESS_ACCESS_H
#define INGOT_CORE_ACCESS_ACCESS_H

#include "base/op.h"

#define ACCESS_TOKEN_LEN 67
#define ACCESS_TOKEN_FILE "admin-token"

struct access;

/* Reads DIR/admin-token, or makes it on the first start (durable, mode 0600). `auth_required`: loopback needs a token as
 * well. E_CONFLICT: the file is open to other users, or is no token; it is left as it is. E_IO. */
MUST_USE enum err access_open(struct op *op, const char *data_dir, bool auth_required, struct access **ret);
void access_close(struct access *a); /* NULL is ignored */

/* struct authenticator.check (api/dispatch.h) with `arg` = struct access. A right token: actor "admin"; no token from
 * loopback, unless tokens are required: actor "local". Both may do everything. E_UNAUTHENTICATED otherwise, for a wrong
 * token from loopback too. Compares in constant time; never blocks. Any thread. */
MUST_USE enum err access_check(void *arg, struct op *op, struct str token, bool peer_loopback,
                               struct actor *ret);

/* Is it of a token's form, with the right checksum? Pure; says nothing about whether it opens anything. */
bool access_token_is_wellformed(struct str token);

#endif
