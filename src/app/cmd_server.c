/* cmd_server.c - `ingot server`: settings, start, wait for a signal, orderly end. */
#include <signal.h>
#include <stdio.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/server.h"
#include "base/log.h"

static enum err log_configure(struct op *op, const struct config *c)
{
    static const char *const levels[] = {[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    size_t level = 0;
    while (level < ARRAY_LEN(levels) && !str_eqc(c->log_level, levels[level]))
        level++;
    if (level == ARRAY_LEN(levels))
        return op_fail(op, E_INVALID, "log-level must be debug, info, warn or error, not '%.*s'", STR_FMT(c->log_level));
    bool json = str_eqc(c->log_format, "json");
    if (!json && !str_eqc(c->log_format, "text"))
        return op_fail(op, E_INVALID, "log-format must be text or json, not '%.*s'", STR_FMT(c->log_format));
    log_setup((enum log_level)level, json ? LOG_JSON : LOG_TEXT);
    return OK;
}

static enum err server_run(struct op *op, struct command_ctx *ctx)
{
    struct config config;
    struct platform *platform = NULL;
    int port = 0, number = 0;
    sigset_t ends;
    enum err e = config_load(op, ctx, &config);
    if (e || (e = log_configure(op, &config)))
        return e;
    for (size_t i = 0; i < config.note_count; i++)
        log_at(LOG_WARN, "server.setting", {"note", LOG_S(config.notes[i])});
    /* Blocked in every thread; taken by sigwait below. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if ((e = platform_start(op, &config, &platform, &port)))
        return e;
    bool v6 = str_find_char(config.host, ':') != SIZE_MAX;
    printf("listening on %s://%s%.*s%s:%d\n", config.tls_cert ? "https" : "http", v6 ? "[" : "", STR_FMT(config.host), v6 ? "]" : "", port);
    fflush(stdout);
    log_at(LOG_INFO, "server.start", {"host", LOG_S(config.host)}, {"port", LOG_I(port)}, {"data", LOG_S(config.data_dir)},
           {"db", LOG_C(backend_db_place(op, config.db, config.data_dir))});
    sigwait(&ends, &number);
    log_at(LOG_INFO, "server.stop", {"signal", LOG_I(number)});
    platform_stop(op, platform);
    return OK;
}

const struct command server_commands[] = {
    {"server", "", 0, 0, "run the platform: tracking, registry, features, endpoints, monitors",
     "Binds to loopback, where clients need no token. Any other address asks for tokens and TLS, or an explicit --insecure.\n"
     "The admin token is in DIR/admin-token. Each setting can also come from the environment (INGOT_LISTEN) or a YAML file.\n"
     "The options of `mlflow server` and its MLFLOW_ names in the environment are understood too; see docs/drop-in.md.",
     "  ingot server\n  ingot server --listen 127.0.0.1:5000 --data /var/lib/ingot\n  ingot server --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\n"
     "  ingot server --backend-store-uri postgresql://ml@db/ml --artifacts-destination s3://bucket --host 127.0.0.1 --port 5000",
     config_options, server_run},
    {0},
};
