/* The stream contract on the log in memory. */
#include "adapter/mem/log.h"
#include "contract/stream_contract.h"

static struct mem_log *mem;

static enum err topic(struct op *op, const char *name, int partitions)
{
    return mem_log_topic(op, mem, str_from(name), partitions);
}

static enum err open_stream(struct op *op, const char *name, const char *group, const char *id, struct stream **ret)
{
    return mem_stream_open(op, mem, str_from(name), str_from(group), str_from(id), ret);
}

int main(void)
{
    mem = mem_log_create(0);
    int failed = stream_contract_run(&(const struct stream_contract){topic, open_stream});
    mem_log_destroy(mem);
    return failed;
}
