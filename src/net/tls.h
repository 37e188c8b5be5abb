/* tls.h - TLS 1.2 and 1.3 over a non-blocking socket (GnuTLS; inside src/net). The server's credentials are shared and
 * read-only; a session belongs to one I/O thread. Results are those of transport_ops (conn.h). */
#ifndef INGOT_NET_TLS_H
#define INGOT_NET_TLS_H

#include <sys/types.h>

#include "base/op.h"

struct tls_server;
/* E_NOT_FOUND, E_INVALID: names the file that does not load or match. */
MUST_USE enum err tls_server_create(struct op *op, const char *cert_path, const char *key_path, struct tls_server **ret);
void tls_server_destroy(struct tls_server *s); /* NULL is ignored; after all sessions */

struct tls;
struct tls *tls_open(struct tls_server *s, int fd); /* NULL: no memory */
void tls_close(struct tls *t);                      /* NULL is ignored; the socket stays open */
/* The handshake happens inside the first calls. */
ssize_t tls_read(struct tls *t, void *p, size_t n);
/* After CONN_AGAIN call again with the same first bytes. */
ssize_t tls_write(struct tls *t, const void *p, size_t n);
void tls_shutdown(struct tls *t);
/* The handshake waits for room to send. */
bool tls_wants_write(const struct tls *t);
/* The handshake is over and chose HTTP/2. */
bool tls_speaks_h2(const struct tls *t);
/* Decrypted bytes wait inside: poll will not tell of them. */
bool tls_pending(const struct tls *t);

#endif
