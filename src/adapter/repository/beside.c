#include "adapter/repository/beside.h"

#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

bool beside_is(struct str name)
{
    static const char *const names[] = {"transform.json", "calibrator.json", "signature.json", "reference.bin"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(name, names[i]))
            return true;
    return str_ends(name, STR(".transform.json")) || str_ends(name, STR(".calibrator.json"));
}

/* The folder with its '/', and the name without its last ending. */
static void path_cut(struct str path, struct str *ret_folder, struct str *ret_stem)
{
    size_t slash = path.len, dot;
    while (slash && path.p[slash - 1] != '/')
        slash--;
    const struct str name = str_sub(path, slash, path.len - slash);
    for (dot = name.len; dot > 1 && name.p[dot - 1] != '.';)
        dot--;
    *ret_folder = str_sub(path, 0, slash);
    *ret_stem = dot > 1 ? str_sub(name, 0, dot - 1) : name;
}

static enum err one_read(struct op *op, struct str model_file, const char *what, struct str *ret)
{
    struct str folder, stem;
    path_cut(model_file, &folder, &stem);
    *ret = STR("");
    const char *path = op_printf(op, "%.*s%.*s.%s.json", STR_FMT(folder), STR_FMT(stem), what);
    if (access(path, F_OK) == 0)
        return file_read(op, path, LIMIT_CHAIN_FILE_BYTES, ret);
    path = op_printf(op, "%.*s%s.json", STR_FMT(folder), what);
    return str_eqc(stem, "model") && access(path, F_OK) == 0 ? file_read(op, path, LIMIT_CHAIN_FILE_BYTES, ret) : OK;
}

enum err beside_read(struct op *op, struct str model_file, struct str *ret_transform, struct str *ret_calibrator)
{
    enum err e = one_read(op, model_file, "transform", ret_transform);
    return e ? e : one_read(op, model_file, "calibrator", ret_calibrator);
}
