/* echo.c - the floor under every HTTP server on this machine: reads a request to the end of its body and answers with a fixed
 * answer of the size asked for. No parsing but the search for the blank line and Content-Length. One thread, epoll.
 *
 *     echo PORT ANSWER_BODY_BYTES [LIBRARY MODEL]
 *
 * With ONNX Runtime's library and a model of one float tensor [1, FEATURES], the model is run between request and answer, on this
 * thread and always over the same row: the floor under every server of that model.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/onnx/ort.h"

#define MAX_FDS 4096
#define REQUEST_BYTES 65536
#define FEATURES 28

struct peer {
    size_t have;
    char buf[REQUEST_BYTES];
};
static struct peer *peers[MAX_FDS];

static struct ort ort;
static struct {
    struct ort_session *session; /* NULL: no model is run */
    struct ort_value *row;
    char *input, *output;
} model;

static void well(struct ort_status *status)
{
    if (status) {
        fprintf(stderr, "echo: %s\n", ort.GetErrorMessage(status));
        exit(1);
    }
}

static void library_bind(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW);
    const struct ort_base *(*base)(void) = NULL;
    void *symbol = handle ? dlsym(handle, "OrtGetApiBase") : NULL;
    memcpy(&base, &symbol, sizeof base);
    const void *const *table = base ? base()->get_api(ORT_API_VERSION_WANTED) : NULL;
    if (!table) {
        fprintf(stderr, "echo: %s\n", handle ? "no ONNX Runtime of that version" : dlerror());
        exit(1);
    }
#define X(position, name, result, parameters) memcpy(&ort.name, &table[position], sizeof ort.name);
    ORT_FUNCTIONS(X)
#undef X
}

/* One thread, and nothing that spins. */
static void model_load(const char *path)
{
    static float row[FEATURES];
    static const int64_t shape[] = {1, FEATURES};
    struct ort_threading_options *threading;
    struct ort_env *env;
    struct ort_session_options *options;
    struct ort_memory_info *memory;
    struct ort_allocator *names;
    FILE *f = fopen(path, "rb");
    long len = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    char *bytes = malloc(len > 0 ? (size_t)len : 1);
    if (len <= 0 || fseek(f, 0, SEEK_SET) || fread(bytes, 1, (size_t)len, f) != (size_t)len) {
        perror("echo: the model");
        exit(1);
    }
    fclose(f);
    for (int i = 0; i < FEATURES; i++)
        row[i] = (float)i / FEATURES;
    well(ort.CreateThreadingOptions(&threading));
    well(ort.SetGlobalIntraOpNumThreads(threading, 1));
    well(ort.CreateEnvWithGlobalThreadPools(ORT_LOG_FATAL, "echo", threading, &env));
    well(ort.CreateSessionOptions(&options));
    well(ort.SetIntraOpNumThreads(options, 1));
    well(ort.CreateSessionFromArray(env, bytes, (size_t)len, options, &model.session));
    well(ort.CreateCpuMemoryInfo(ORT_ARENA_ALLOCATOR, ORT_MEM_DEFAULT, &memory));
    well(ort.CreateTensorWithDataAsOrtValue(memory, row, sizeof row, shape, 2, ORT_ELEMENT_FLOAT, &model.row));
    well(ort.GetAllocatorWithDefaultOptions(&names));
    well(ort.SessionGetInputName(model.session, 0, names, &model.input));
    well(ort.SessionGetOutputName(model.session, 0, names, &model.output));
    free(bytes);
}

static void model_run(void)
{
    struct ort_value *result = NULL;
    const struct ort_value *const rows[] = {model.row};
    const char *const inputs[] = {model.input}, *const outputs[] = {model.output};
    well(ort.Run(model.session, NULL, inputs, rows, 1, outputs, 1, &result));
    ort.ReleaseValue(result);
}

static void peer_serve(int ep, int fd, const char *answer, size_t answer_len)
{
    struct peer *p = peers[fd];
    ssize_t n = read(fd, p->buf + p->have, sizeof p->buf - p->have - 1);
    if (n <= 0) {
        epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
        free(p);
        peers[fd] = NULL;
        return;
    }
    p->have += (size_t)n;
    p->buf[p->have] = 0;
    char *end = strstr(p->buf, "\r\n\r\n");
    if (!end)
        return;
    char *length = strcasestr(p->buf, "content-length:");
    size_t want = (size_t)(end + 4 - p->buf) + (length ? strtoul(length + 15, NULL, 10) : 0);
    if (p->have < want)
        return;
    p->have = 0;
    if (model.session)
        model_run();
    if (write(fd, answer, answer_len) != (ssize_t)answer_len)
        perror("echo: write");
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: echo PORT ANSWER_BODY_BYTES [LIBRARY MODEL]\n");
        return 2;
    }
    if (argc == 5) {
        library_bind(argv[3]);
        model_load(argv[4]);
    }
    size_t body = strtoul(argv[2], NULL, 10);
    char *answer = malloc(body + 256);
    int head = snprintf(answer, 256, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body);
    memset(answer + head, 'x', body);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 512)) {
        perror("echo: listen");
        return 1;
    }
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, 64, -1);
        for (int i = 0; i < n; i++) {
            if (evs[i].data.fd != listener) {
                peer_serve(ep, evs[i].data.fd, answer, (size_t)head + body);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0 || fd >= MAX_FDS) {
                if (fd >= 0)
                    close(fd);
                continue;
            }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            peers[fd] = calloc(1, sizeof **peers);
            struct epoll_event in = {.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(ep, EPOLL_CTL_ADD, fd, &in);
        }
    }
}
