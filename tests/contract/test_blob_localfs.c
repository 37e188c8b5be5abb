/* test_blob_localfs.c - the blob contract on a folder. */
#include "adapter/localfs/localfs.h"
#include "contract/blob_contract.h"

int main(void)
{
    const struct blob_contract c = {"localfs", localfs_open, .durable = true};
    return blob_contract_run(&c);
}
