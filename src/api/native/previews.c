/* Artifacts to look at. A browser may draw them, but they are nobody: the policy gives them an origin of their own without rights, lets no script run, and
 * nothing be fetched but pictures and films of this server. So a page that somebody logged cannot read the API in the name of whoever looks. */
#include "core/track/artifact.h"

#include "api/download.h"
#include "api/native/native.h"
#include "api/services.h"
#include "core/track/run.h"

#define POLICY "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"

/* What browsers show and do not take for something else. All else is text. */
static const char *type_of(struct str name)
{
    static const char *const types[][2] = {
        {".html", "text/html"},      {".htm", "text/html"},  {".svg", "image/svg+xml"}, {".png", "image/png"},  {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},       {".webp", "image/webp"}, {".avif", "image/avif"},  {".bmp", "image/bmp"},  {".pdf", "application/pdf"},
        {".mp4", "video/mp4"},       {".webm", "video/webm"}, {".mp3", "audio/mpeg"},   {".wav", "audio/x-wav"}, {".ogg", "audio/ogg"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i][0]);
        if (name.len > n && str_ieq(str_sub(name, name.len - n, n), str_from(types[i][0])))
            return types[i][1];
    }
    return "text/plain";
}

enum err native_run_preview(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct track_run run;
    struct str path, root;
    struct blob_id id;
    uint64_t size = 0;
    enum err e = track_run_get(op, s->db, req->path_args[0], &run);
    if (!e)
        e = artifact_path_clean(op, req->path_args[1], &path);
    if (!e)
        e = artifact_root(op, run.artifact_uri, &root);
    if (!e)
        e = artifact_find(op, s->db, artifact_path_join(op, root, path), &id, &size);
    if (e)
        return e;
    http_set_type(res, type_of(path));
    http_set_header(res, "Content-Disposition", STR("inline"));
    http_set_header(res, "Content-Security-Policy", STR(POLICY));
    http_set_header(res, "X-Frame-Options", STR("SAMEORIGIN"));
    http_set_header(res, "Referrer-Policy", STR("no-referrer"));
    return download_blob(op, s->blobs, req, res, &id, size);
}
