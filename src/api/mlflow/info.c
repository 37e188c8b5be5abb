#include "api/mlflow/info.h"

#include "api/mlflow/encode.h"
#include "api/services.h"

enum err mlflow_server_info(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct json_out w;
    encode_begin(&w, res);
    json_kv_cstr(&w, "store_type", "SqlStore");
    json_kv_bool(&w, "workspaces_enabled", false);
    json_kv_bool(&w, "trace_archival_enabled", false);
    json_kv_bool(&w, "multipart_uploads_enabled", !s->artifacts_elsewhere);
    json_kv_bool(&w, "multipart_downloads_enabled", false);
    json_kv_bool(&w, "presigned_upload_run_id_supported", false);
    json_kv_bool(&w, "presigned_upload_model_id_supported", false);
    json_key(&w, "features_enabled");
    json_begin_object(&w);
    json_kv_bool(&w, "gateway", false);
    json_end_object(&w);
    return encode_end(op, &w, res);
}
