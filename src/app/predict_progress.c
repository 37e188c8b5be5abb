#include "app/predict_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

enum { LIVE_MS = 200, LINE_MS = 30000, ALWAYS_MS = 1000, FIRST_MS = 1000 };

void predict_progress_init(struct predict_progress *p, enum predict_show show)
{
    *p = (struct predict_progress){.show = show, .live = isatty(STDERR_FILENO) != 0, .started_ms = time_mono_ms()};
    p->told_ms = p->started_ms;
}

void predict_progress_text(const struct scoring_progress *now, int64_t ms, struct buf *out)
{
    const uint64_t rate = ms > 0 ? now->scored * 1000 / (uint64_t)ms : 0, left = now->total - now->rows;
    buf_addf(out, "%llu of %llu rows", (unsigned long long)now->rows, (unsigned long long)now->total);
    if (now->total)
        buf_addf(out, " (%llu %%)", (unsigned long long)((double)now->rows * 100 / (double)now->total));
    if (!rate)
        return;
    const uint64_t s = left / rate;
    buf_addf(out, ", %llu rows/s", (unsigned long long)rate);
    if (left && s < 3600)
        buf_addf(out, ", %llu:%02llu left", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
    else if (left)
        buf_addf(out, ", %llu:%02llu:%02llu left", (unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

void predict_progress_tell(void *arg, const struct scoring_progress *now)
{
    struct predict_progress *p = arg;
    const int64_t t = time_mono_ms(), every = p->live ? LIVE_MS : p->show == PREDICT_SHOW_ALWAYS ? ALWAYS_MS : LINE_MS;
    if (p->show == PREDICT_SHOW_NEVER || t - p->started_ms < FIRST_MS || t - p->told_ms < every)
        return;
    AUTO(buf) struct buf text;
    buf_init(&text, 512);
    predict_progress_text(now, t - p->started_ms, &text);
    p->told_ms = t;
    p->shown = p->live;
    if (p->live)
        fprintf(stderr, "\r\033[K%.*s", STR_FMT(buf_str(&text)));
    else
        fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
}

void predict_progress_clear(struct predict_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
