#include "adapter/mlflow/schema.h"

/* From the first revision with everything that is read (a version's storage location; MLflow 2.8) to the newest. */
static const char *const revisions[] = {
    "acf3f17fdcc7", "867495a8f9d4", "5b0e9adcef9c", "4465047574b1", "f5a4f2784254", "0584bdc529eb",
    "400f98739977", "6953534de441", "bda7b8c39065", "cbc13b556ace", "770bee3ae1dd", "a1b2c3d4e5f6",
    "de4033877273", "1a0cddfcaa16", "534353b11cbc", "71994744cf8e", "3da73c924c2f", "bf29a5ff90ea",
    "1bd49d398cd23", "b7c8d9e0f1a2", "5d2d30f0abce", "c9d4e5f6a7b8", "2c33131f4dae", "d3e4f5a6b7c8",
    "d0e1f2a3b4c5", "c8d9e0f1a2b3", "1b5f0d9ad7c1", "e1f2a3b4c5d6", "76601a5f987d", "c3d6457b6d8a",
    "a5b4c3d2e1f0", "ae8bbe7743c9", "7d34483879f0", "da6fb0208061", "89d3d66ed43f", "b7e4c1a90f23",
    "a8b9c0d1e2f3", "c1d2e3f4a5b6", "c3d9e7f1a2b4", "6f8d9c3b2a1e", "1971f2d9a75b", "17e22815139b",
    "b7e2c1a4d9f3", "75868b020152", "dc11669786a5",
};

/* Places in the list. */
#define FIRST_TRACES 1
#define FIRST_LOGGED_MODELS 7 /* with the step of inputs */

enum err mlflow_schema_of(struct op *op, struct str revision, bool any, struct mlflow_schema *ret)
{
    size_t i = 0;
    while (i < ARRAY_LEN(revisions) && !str_eqc(revision, revisions[i]))
        i++;
    if (i == ARRAY_LEN(revisions) && !any)
        return op_fail(op, E_UNSUPPORTED,
                       "the database has MLflow's schema '%.*s', which is not known here (2.8 to 3.17 are); upgrade it with "
                       "`mlflow db upgrade`, import over REST, or try --any-schema",
                       STR_FMT(revision));
    *ret = (struct mlflow_schema){.logged_models = i >= FIRST_LOGGED_MODELS, .traces = i >= FIRST_TRACES};
    return OK;
}
