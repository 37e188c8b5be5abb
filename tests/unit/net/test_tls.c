/* TLS over real sockets with a certificate that this test makes, by our own client (libcurl). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/client.h"
#include "net/server.h"
#include "net/tls.h"
#include "unit/net/sock_helper.h"

#include <gnutls/x509.h>

static char dir[] = "/tmp/ingot-test-tls-XXXXXX";
static char cert_path[64], key_path[64];

static void save(const char *path, gnutls_datum_t d)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(d.data, 1, d.size, f), d.size);
    fclose(f);
    gnutls_free(d.data);
}

static int make_certificate(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", dir);
    snprintf(key_path, sizeof key_path, "%s/key.pem", dir);
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&crt);
    assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    static const unsigned char ip[4] = {127, 0, 0, 1}, serial[] = {1, 2, 3};
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_dn(crt, "CN=ingot test", NULL);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, sizeof ip, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_datum_t out;
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
    save(cert_path, out);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
    save(key_path, out);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    unlink(cert_path);
    unlink(key_path);
    rmdir(dir);
    return 0;
}

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = str_eqc(req->path, "/stream");
    p->stream_body = p->pool;
}

static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    (void)arg;
    if (!req->body_streamed) {
        assert_true(req->tls);
        buf_add_str(&res->body, req->body);
        return;
    }
    static __thread char piece[10000];
    size_t n = 0;
    if (http_stream_begin(op, res, UINT64_MAX))
        return;
    while (http_body_read(op, req, piece, sizeof piece, &n) == OK && n > 0) {
        if (http_stream_write(op, res, piece, n))
            return;
    }
}

static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op, (void)text;
    res->status = status;
}

static void exchanges(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(256));
    struct op op;
    op_init(&op, arena);
    struct pool *pool = pool_create("tls", 2, 8);
    struct server_config sc = {.host = STR("127.0.0.1"), .io_threads = 1, .pool = pool, .tls_cert_path = cert_path, .tls_key_path = key_path,
                               .limits = {.head_ms = 1000}, .handler = {.plan = plan, .handle = handle, .refuse = refuse}};
    struct server *s;
    int port;
    if (server_start(&op, &sc, &s, &port))
        fail_msg("%s", op.msg);
    struct client_config cc = {.base_url = str_from(op_printf(&op, "https://127.0.0.1:%d", port)), .ca_path = cert_path};
    struct client *c;
    assert_int_equal(client_create(&op, &cc, &c), OK);
    struct client_answer a;
    char *big = arena_alloc(arena, 5000000);
    for (size_t i = 0; i < 5000000; i++)
        big[i] = (char)(i * 31 % 251);
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 70000, 5000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (int k = 0; k < 2; k++) {
            struct str body = {big, sizes[i]};
            if (client_call(&op, c, "POST", k ? STR("/stream") : STR("/echo"), STR("application/octet-stream"), body, &a))
                fail_msg("%s", op.msg);
            assert_int_equal(a.status, 200);
            assert_true(str_eq(a.body, body));
        }
    client_destroy(c);
    /* The certificate is checked: not known to the system. */
    cc.ca_path = NULL;
    assert_int_equal(client_create(&op, &cc, &c), OK);
    assert_int_equal(client_call(&op, c, "GET", STR("/echo"), STR(""), (struct str){NULL, 0}, &a), E_IO);
    op_clear(&op);
    client_destroy(c);
    /* Clear text, silence and rubbish on the TLS port are closed, and disturb nothing. */
    int fds[3];
    static const char *const says[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "", "\x16\x03\x01\xff\xff rubbish rubbish rubbish"};
    for (int i = 0; i < 3; i++) {
        fds[i] = sock_connect(port);
        assert_true(fds[i] >= 0 && sock_puts(fds[i], says[i]));
    }
    for (int i = 0; i < 3; i++) {
        assert_true(sock_closed_within(fds[i], 5000));
        close(fds[i]);
    }
    server_stop(s);
    pool_destroy(pool);
    arena_destroy(arena);
}

static void bad_files(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    struct tls_server *t;
    assert_int_equal(tls_server_create(&op, "/nonexistent/c.pem", key_path, &t), E_NOT_FOUND);
    op_clear(&op);
    assert_int_equal(tls_server_create(&op, cert_path, "/nonexistent/k.pem", &t), E_NOT_FOUND);
    op_clear(&op);
    assert_int_equal(tls_server_create(&op, key_path, cert_path, &t), E_INVALID); /* the wrong way round */
    assert_non_null(strstr(op.msg, key_path));
    tls_server_destroy(NULL);
    arena_destroy(arena);
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(exchanges), cmocka_unit_test(bad_files)};
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
