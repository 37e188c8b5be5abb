/* The table contract on DuckDB. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/duckdb/duckdb.h"
#include "contract/table_contract.h"

static struct table_engine *make_duckdb(struct op *op)
{
    struct table_engine *t = NULL;
    enum err e = duckdb_engine_open(op, &(struct duckdb_config){.threads = 2}, &t);
    if (e)
        fprintf(stderr, "%s\n", op->msg);
    return t;
}

int main(void)
{
    char dir[] = "/tmp/ingot-table-XXXXXX";
    if (!mkdtemp(dir))
        return 1;
    int failed = table_contract_run(make_duckdb, dir);
    char path[64];
    static const char *const names[] = {"it's a file.parquet", "numbered.parquet", "zero.parquet", "whole.parquet", "cut.parquet"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    return remove(dir) ? 1 : failed; /* a temporary file left behind is a failure */
}
