#include "api/grpc/control.h"

#include <inttypes.h>

#include <health.pb-c.h>
#include <inference.pb-c.h>

#include "api/memory.h"
#include "api/settings.h"
#include "base/limits.h"

char *control_text(struct op *op, struct str s)
{
    size_t nul = str_find_char(s, '\0');
    return str_cstr(op->arena, str_sub(s, 0, nul == SIZE_MAX ? s.len : nul));
}

enum err control_model_get(struct op *op, struct services *s, const char *name, const char *version, struct serve_endpoint **ret, int64_t *ret_version)
{
    int64_t number = 0;
    if (version[0] && (!str_parse_i64(str_from(version), &number) || number < 1))
        return op_fail(op, E_INVALID, "\"%s\" is not a version number", version);
    struct serve_endpoint *ep = NULL;
    enum err e = serve_acquire(op, s->serve, str_from(name), &ep);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    bool loaded = !number;
    for (size_t i = 0; i < info->version_count; i++)
        loaded = loaded || info->versions[i] == number;
    if (!loaded) {
        e = op_fail(op, E_NOT_FOUND, "version %" PRId64 " of \"%s\" is not loaded", number, name);
        serve_release(ep);
        return e;
    }
    *ret = ep;
    *ret_version = number;
    return OK;
}

/* ---- health ---- */

bool control_all_ready(struct op *op, struct services *s)
{
    struct str *names = NULL;
    size_t n = s->ready_early ? 0 : serve_list(op, s->serve, &names);
    bool all = !s->healthy || s->healthy(s);
    for (size_t i = 0; i < n; i++) {
        struct serve_endpoint *ep = NULL;
        if (serve_acquire(op, s->serve, names[i], &ep)) {
            op_clear(op); /* removed since it was listed */
            continue;
        }
        all = all && serve_endpoint_info(ep)->ready;
        serve_release(ep);
    }
    return all;
}

enum control_health control_health_of(struct op *op, struct services *s, const char *service)
{
    struct serve_endpoint *ep = NULL;
    bool ready;
    if (!service[0] || !strcmp(service, "inference.GRPCInferenceService")) {
        ready = control_all_ready(op, s);
    } else if (serve_acquire(op, s->serve, str_from(service), &ep)) {
        op_clear(op);
        return HEALTH_UNKNOWN;
    } else {
        ready = serve_endpoint_info(ep)->ready;
        serve_release(ep);
    }
    return ready ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

enum err control_health_check(struct op *op, struct services *s, const void *in, void **ret)
{
    const Grpc__Health__V1__HealthCheckRequest *q = in;
    enum control_health health = control_health_of(op, s, q->service);
    if (health == HEALTH_UNKNOWN)
        return op_fail(op, E_NOT_FOUND, "there is no service \"%s\"", q->service);
    Grpc__Health__V1__HealthCheckResponse *r = CONTROL_NEW(op, Grpc__Health__V1__HealthCheckResponse, grpc__health__v1__health_check_response);
    r->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)health;
    *ret = r;
    return OK;
}

enum err control_server_live(struct op *op, struct services *s, const void *in, void **ret)
{
    (void)s, (void)in;
    Inference__ServerLiveResponse *r = CONTROL_NEW(op, Inference__ServerLiveResponse, inference__server_live_response);
    r->live = true;
    *ret = r;
    return OK;
}

enum err control_server_ready(struct op *op, struct services *s, const void *in, void **ret)
{
    (void)in;
    Inference__ServerReadyResponse *r = CONTROL_NEW(op, Inference__ServerReadyResponse, inference__server_ready_response);
    r->ready = control_all_ready(op, s);
    *ret = r;
    return OK;
}

/* A model or version that is not there is not ready, as Triton has it: probes ask before models are deployed. */
enum err control_model_ready(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__ModelReadyRequest *q = in;
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    Inference__ModelReadyResponse *r = CONTROL_NEW(op, Inference__ModelReadyResponse, inference__model_ready_response);
    enum err e = control_model_get(op, s, q->name, q->version, &ep, &version);
    if (e && e != E_NOT_FOUND)
        return e;
    op_clear(op);
    r->ready = !e && serve_endpoint_info(ep)->ready;
    serve_release(ep);
    *ret = r;
    return OK;
}

/* ---- metadata ---- */

enum err control_server_metadata(struct op *op, struct services *s, const void *in, void **ret)
{
    static char *const extensions[] = {"classification", "model_configuration", "model_repository", "model_repository(unload_dependents)",
                                       "schedule_policy", "sequence", "sequence(string_id)", "statistics", "trace", "logging", "parameters",
                                       "system_shared_memory"};
    (void)in;
    Inference__ServerMetadataResponse *r = CONTROL_NEW(op, Inference__ServerMetadataResponse, inference__server_metadata_response);
    r->name = control_text(op, STR("ingot"));
    r->version = control_text(op, STR(INGOT_VERSION));
    r->n_extensions = ARRAY_LEN(extensions) - !s->memory;
    r->extensions = (char **)(uintptr_t)extensions;
    *ret = r;
    return OK;
}

static Inference__ModelMetadataResponse__TensorMetadata **tensors_describe(struct op *op, const struct tensor_spec *specs, size_t n)
{
    Inference__ModelMetadataResponse__TensorMetadata **all = arena_array(op->arena, n + 1, Inference__ModelMetadataResponse__TensorMetadata *);
    for (size_t i = 0; all && i < n; i++) {
        Inference__ModelMetadataResponse__TensorMetadata *t = CONTROL_NEW(op, Inference__ModelMetadataResponse__TensorMetadata, inference__model_metadata_response__tensor_metadata);
        t->name = control_text(op, specs[i].name);
        t->datatype = control_text(op, str_from(tensor_type_name(specs[i].type)));
        t->n_shape = specs[i].rank;
        t->shape = arena_alloc(op->arena, sizeof specs[i].shape);
        memcpy(t->shape, specs[i].shape, sizeof specs[i].shape);
        all[i] = t;
    }
    return all;
}

static enum err model_describe(struct op *op, struct serve_endpoint *ep, int64_t version, Inference__ModelMetadataResponse *r)
{
    const struct serve_info *info = serve_endpoint_info(ep);
    struct infer_signature sig;
    enum err e = serve_signature(op, ep, version, &sig);
    if (e)
        return e;
    r->name = control_text(op, info->name);
    r->platform = control_text(op, sig.platform);
    r->versions = arena_array(op->arena, info->version_count + 1, char *);
    r->inputs = tensors_describe(op, sig.inputs, sig.input_count);
    r->outputs = tensors_describe(op, sig.outputs, sig.output_count);
    if (!r->versions || !r->inputs || !r->outputs)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", sig.input_count);
    r->n_inputs = sig.input_count;
    r->n_outputs = sig.output_count;
    for (size_t i = 0; i < info->version_count; i++)
        r->versions[r->n_versions++] = op_printf(op, "%" PRId64, info->versions[i]);
    return OK;
}

enum err control_model_metadata(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__ModelMetadataRequest *q = in;
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    Inference__ModelMetadataResponse *r = CONTROL_NEW(op, Inference__ModelMetadataResponse, inference__model_metadata_response);
    enum err e = control_model_get(op, s, q->name, q->version, &ep, &version);
    if (e)
        return e;
    e = model_describe(op, ep, version, r);
    serve_release(ep);
    *ret = r;
    return e;
}

/* ---- shared memory (api/memory.h) ---- */

enum err control_system_status(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__SystemSharedMemoryStatusRequest *q = in;
    struct memory_region *all = NULL;
    size_t n = 0;
    enum err e = memory_status(op, s->memory, str_from(q->name), &all, &n);
    if (e)
        return e;
    Inference__SystemSharedMemoryStatusResponse *r = CONTROL_NEW(op, Inference__SystemSharedMemoryStatusResponse, inference__system_shared_memory_status_response);
    r->n_regions = n;
    r->regions = arena_alloc(op->arena, n * sizeof *r->regions + 1);
    for (size_t i = 0; i < n; i++) {
        Inference__SystemSharedMemoryStatusResponse__RegionsEntry *entry =
            CONTROL_NEW(op, Inference__SystemSharedMemoryStatusResponse__RegionsEntry, inference__system_shared_memory_status_response__regions_entry);
        entry->value = CONTROL_NEW(op, Inference__SystemSharedMemoryStatusResponse__RegionStatus, inference__system_shared_memory_status_response__region_status);
        entry->key = entry->value->name = control_text(op, all[i].name);
        entry->value->key = control_text(op, all[i].key);
        entry->value->offset = all[i].offset;
        entry->value->byte_size = all[i].size_bytes;
        r->regions[i] = entry;
    }
    *ret = r;
    return OK;
}

enum err control_system_register(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__SystemSharedMemoryRegisterRequest *q = in;
    enum err e = memory_register(op, s->memory, &(struct memory_region){str_from(q->name), str_from(q->key), q->offset, q->byte_size});
    if (!e)
        *ret = CONTROL_NEW(op, Inference__SystemSharedMemoryRegisterResponse, inference__system_shared_memory_register_response);
    return e;
}

enum err control_system_unregister(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__SystemSharedMemoryUnregisterRequest *q = in;
    memory_unregister(s->memory, str_from(q->name));
    *ret = CONTROL_NEW(op, Inference__SystemSharedMemoryUnregisterResponse, inference__system_shared_memory_unregister_response);
    return OK;
}

/* Of GPUs: a server that reads none. Ending what was never begun is no error: clients do so before they begin. */

enum err control_cuda_status(struct op *op, struct services *s, const void *in, void **ret)
{
    (void)s, (void)in;
    *ret = CONTROL_NEW(op, Inference__CudaSharedMemoryStatusResponse, inference__cuda_shared_memory_status_response);
    return OK;
}

enum err control_cuda_register(struct op *op, struct services *s, const void *in, void **ret)
{
    (void)s, (void)in, (void)ret;
    return op_fail(op, E_UNSUPPORTED, "this server reads no memory of GPUs");
}

enum err control_cuda_unregister(struct op *op, struct services *s, const void *in, void **ret)
{
    (void)s, (void)in;
    *ret = CONTROL_NEW(op, Inference__CudaSharedMemoryUnregisterResponse, inference__cuda_shared_memory_unregister_response);
    return OK;
}

/* ---- settings ---- */

static struct setting *changes_new(struct op *op, size_t n)
{
    return arena_array(op->arena, n + 1, struct setting);
}

static enum err no_memory(struct op *op, size_t n)
{
    return op_fail(op, E_TOO_LARGE, "no memory for %zu settings", n);
}

enum err control_trace_setting(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__TraceSettingRequest *q = in;
    struct setting *changes = changes_new(op, q->n_settings), *all = NULL;
    (void)s;
    if (!changes)
        return no_memory(op, q->n_settings);
    for (size_t i = 0; i < q->n_settings; i++) {
        const Inference__TraceSettingRequest__SettingValue *v = q->settings[i]->value;
        const size_t n = v ? v->n_value : 0;
        struct str *list = arena_array(op->arena, n + 1, struct str);
        if (!list)
            return no_memory(op, n);
        for (size_t k = 0; k < n; k++)
            list[k] = str_from(v->value[k]);
        changes[i] = (struct setting){.name = str_from(q->settings[i]->key), .kind = SETTING_LIST, .list = list, .list_len = n};
    }
    enum err e = settings_trace_put(op, str_from(q->model_name), changes, q->n_settings);
    if (e)
        return e;
    Inference__TraceSettingResponse *r = CONTROL_NEW(op, Inference__TraceSettingResponse, inference__trace_setting_response);
    r->n_settings = settings_trace_get(op, &all);
    r->settings = arena_alloc(op->arena, r->n_settings * sizeof *r->settings);
    for (size_t i = 0; i < r->n_settings; i++) {
        Inference__TraceSettingResponse__SettingsEntry *entry = CONTROL_NEW(op, Inference__TraceSettingResponse__SettingsEntry, inference__trace_setting_response__settings_entry);
        entry->key = control_text(op, all[i].name);
        entry->value = CONTROL_NEW(op, Inference__TraceSettingResponse__SettingValue, inference__trace_setting_response__setting_value);
        entry->value->n_value = all[i].list_len;
        entry->value->value = arena_alloc(op->arena, all[i].list_len * sizeof(char *) + 1);
        for (size_t k = 0; k < all[i].list_len; k++)
            entry->value->value[k] = control_text(op, all[i].list[k]);
        r->settings[i] = entry;
    }
    *ret = r;
    return OK;
}

static struct setting log_change(const Inference__LogSettingsRequest__SettingsEntry *entry)
{
    const Inference__LogSettingsRequest__SettingValue *v = entry->value;
    struct setting change = {.name = str_from(entry->key), .kind = SETTING_LIST, .text = STR("")};
    if (v && v->parameter_choice_case == INFERENCE__LOG_SETTINGS_REQUEST__SETTING_VALUE__PARAMETER_CHOICE_BOOL_PARAM) {
        change.kind = SETTING_BOOL;
        change.number = v->bool_param != 0;
    } else if (v && v->parameter_choice_case == INFERENCE__LOG_SETTINGS_REQUEST__SETTING_VALUE__PARAMETER_CHOICE_UINT32_PARAM) {
        change.kind = SETTING_UINT;
        change.number = v->uint32_param;
    } else if (v && v->parameter_choice_case == INFERENCE__LOG_SETTINGS_REQUEST__SETTING_VALUE__PARAMETER_CHOICE_STRING_PARAM) {
        change.kind = SETTING_TEXT;
        change.text = str_from(v->string_param);
    }
    return change;
}

enum err control_log_settings(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__LogSettingsRequest *q = in;
    struct setting *changes = changes_new(op, q->n_settings), *all = NULL;
    (void)s;
    if (!changes)
        return no_memory(op, q->n_settings);
    for (size_t i = 0; i < q->n_settings; i++)
        changes[i] = log_change(q->settings[i]);
    enum err e = settings_log_put(op, changes, q->n_settings);
    if (e)
        return e;
    Inference__LogSettingsResponse *r = CONTROL_NEW(op, Inference__LogSettingsResponse, inference__log_settings_response);
    r->n_settings = settings_log_get(op, &all);
    r->settings = arena_alloc(op->arena, r->n_settings * sizeof *r->settings);
    for (size_t i = 0; i < r->n_settings; i++) {
        Inference__LogSettingsResponse__SettingsEntry *entry = CONTROL_NEW(op, Inference__LogSettingsResponse__SettingsEntry, inference__log_settings_response__settings_entry);
        Inference__LogSettingsResponse__SettingValue *v = CONTROL_NEW(op, Inference__LogSettingsResponse__SettingValue, inference__log_settings_response__setting_value);
        entry->key = control_text(op, all[i].name);
        entry->value = v;
        if (all[i].kind == SETTING_BOOL) {
            v->parameter_choice_case = INFERENCE__LOG_SETTINGS_RESPONSE__SETTING_VALUE__PARAMETER_CHOICE_BOOL_PARAM;
            v->bool_param = all[i].number != 0;
        } else if (all[i].kind == SETTING_UINT) {
            v->parameter_choice_case = INFERENCE__LOG_SETTINGS_RESPONSE__SETTING_VALUE__PARAMETER_CHOICE_UINT32_PARAM;
            v->uint32_param = (uint32_t)all[i].number;
        } else {
            v->parameter_choice_case = INFERENCE__LOG_SETTINGS_RESPONSE__SETTING_VALUE__PARAMETER_CHOICE_STRING_PARAM;
            v->string_param = control_text(op, all[i].text);
        }
        r->settings[i] = entry;
    }
    *ret = r;
    return OK;
}
