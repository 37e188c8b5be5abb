/* test_blob_mem.c - the blob contract in memory. */
#include "adapter/mem/mem.h"
#include "contract/blob_contract.h"

static enum err open_mem(struct op *op UNUSED, const char *dir UNUSED, struct blob_store **ret)
{
    *ret = mem_blobs_create(0);
    return OK;
}

int main(void)
{
    const struct blob_contract c = {"mem", open_mem, .durable = false};
    return blob_contract_run(&c);
}
