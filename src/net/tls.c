#include "net/tls.h"

#include "net/conn.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <unistd.h>

#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct tls_server {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
};

struct tls {
    gnutls_session_t session;
    bool ready;      /* the handshake is over ... */
    bool h2;         /* ... and chose HTTP/2 */
    bool wants_write;
    size_t resend;   /* bytes of a record that GnuTLS holds and could not send yet */
};

enum err tls_server_create(struct op *op, const char *cert_path, const char *key_path, struct tls_server **ret)
{
    if (access(cert_path, R_OK) != 0)
        return op_fail_errno(op, "TLS certificate '%s'", cert_path);
    if (access(key_path, R_OK) != 0)
        return op_fail_errno(op, "TLS key '%s'", key_path);
    struct tls_server *s = calloc(1, sizeof *s);
    if (!s || gnutls_certificate_allocate_credentials(&s->credentials) < 0)
        abort();
    int rc = gnutls_certificate_set_x509_key_file(s->credentials, cert_path, key_path, GNUTLS_X509_FMT_PEM);
    if (rc >= 0)
        rc = gnutls_priority_init(&s->priority, TLS_PRIORITY, NULL);
    if (rc < 0) {
        tls_server_destroy(s);
        return op_fail(op, E_INVALID, "TLS certificate '%s' with key '%s': %s", cert_path, key_path, gnutls_strerror(rc));
    }
    *ret = s;
    return OK;
}

void tls_server_destroy(struct tls_server *s)
{
    if (!s)
        return;
    if (s->priority)
        gnutls_priority_deinit(s->priority);
    gnutls_certificate_free_credentials(s->credentials);
    free(s);
}

struct tls *tls_open(struct tls_server *s, int fd)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        free(t);
        return NULL;
    }
    static const gnutls_datum_t alpn[] = {{(unsigned char *)(uintptr_t)"h2", 2}, {(unsigned char *)(uintptr_t)"http/1.1", 8}};
    bool ok = gnutls_priority_set(t->session, s->priority) >= 0 &&
              gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, s->credentials) >= 0 &&
              gnutls_alpn_set_protocols(t->session, alpn, ARRAY_LEN(alpn), GNUTLS_ALPN_SERVER_PRECEDENCE) >= 0;
    gnutls_handshake_set_timeout(t->session, GNUTLS_INDEFINITE_TIMEOUT); /* the connection's deadline holds */
    gnutls_transport_set_int(t->session, fd);
    if (!ok) {
        tls_close(t);
        return NULL;
    }
    return t;
}

void tls_close(struct tls *t)
{
    if (!t)
        return;
    gnutls_deinit(t->session);
    free(t);
}

/* 0: the handshake is over. */
static ssize_t tls_handshake(struct tls *t)
{
    if (t->ready)
        return 0;
    int rc;
    do {
        rc = gnutls_handshake(t->session);
    } while (rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(rc));
    t->wants_write = rc == GNUTLS_E_AGAIN && gnutls_record_get_direction(t->session) == 1;
    if (rc == GNUTLS_E_AGAIN)
        return CONN_AGAIN;
    gnutls_datum_t chosen;
    t->ready = rc == 0;
    t->h2 = rc == 0 && gnutls_alpn_get_selected_protocol(t->session, &chosen) == 0 && chosen.size == 2 && memcmp(chosen.data, "h2", 2) == 0;
    return rc == 0 ? 0 : CONN_BROKEN;
}

ssize_t tls_read(struct tls *t, void *p, size_t n)
{
    ssize_t h = tls_handshake(t);
    if (h != 0)
        return h;
    for (;;) {
        ssize_t got = gnutls_record_recv(t->session, p, n);
        if (got >= 0)
            return got;
        if (got == GNUTLS_E_AGAIN)
            return CONN_AGAIN;
        if (got == GNUTLS_E_PREMATURE_TERMINATION)
            return 0; /* HTTP's own framing tells whether something is missing */
        if (got == GNUTLS_E_REHANDSHAKE || gnutls_error_is_fatal((int)got))
            return CONN_BROKEN;
    }
}

ssize_t tls_write(struct tls *t, const void *p, size_t n)
{
    ssize_t h = tls_handshake(t);
    if (h != 0)
        return h;
    for (;;) {
        bool again = t->resend > 0;
        ssize_t sent = again ? gnutls_record_send(t->session, NULL, 0) : gnutls_record_send(t->session, p, n);
        if (sent >= 0) {
            t->resend = 0;
            return sent;
        }
        if (sent == GNUTLS_E_AGAIN) {
            t->resend = again ? t->resend : n;
            return CONN_AGAIN;
        }
        if (sent == GNUTLS_E_INTERRUPTED)
            t->resend = again ? t->resend : n;
        else if (gnutls_error_is_fatal((int)sent))
            return CONN_BROKEN;
    }
}

void tls_shutdown(struct tls *t)
{
    if (t->ready)
        (void)gnutls_bye(t->session, GNUTLS_SHUT_WR); /* best effort: the peer may be gone */
}

bool tls_wants_write(const struct tls *t)
{
    return t->wants_write;
}

bool tls_speaks_h2(const struct tls *t)
{
    return t->h2;
}

bool tls_pending(const struct tls *t)
{
    return t->ready && gnutls_record_check_pending(t->session) > 0;
}
