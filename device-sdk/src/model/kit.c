/* Small things that every file of the kit needs of the service it is in. */
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"
#include "model.h"

void sdk_driver_copy(devsdk_driver *ret, const devsdk_driver *driver)
{
    const size_t size = driver->abi <= 1   ? offsetof(devsdk_driver, scan_profile)
                        : driver->abi == 2 ? offsetof(devsdk_driver, validate)
                        : driver->abi == 3 ? offsetof(devsdk_driver, check_attr)
                                           : sizeof(*driver);
    *ret = (devsdk_driver){0};
    memcpy(ret, driver, size);
    ret->abi = driver->abi >= 1 && driver->abi < DEVSDK_ABI ? DEVSDK_ABI : driver->abi;
}

const struct sdk_writable *sdk_writable(const devsdk_service *svc)
{
    return edge_runtime_writable(svc->rt);
}

const char *sdk_topic_level(struct edge_arena *a, const devsdk_service *svc, const char *name)
{
    return edge_name_level(a, name, svc->config->base.service.enable_name_field_escape);
}

struct background {
    devsdk_service *svc;
    void (*fn)(devsdk_service *svc, void *arg);
    void *arg;
};

static void count_background(devsdk_service *svc, bool more)
{
    EDGE_LOCK(&svc->lock);
    svc->n_background += more ? 1u : -1u;
    edge_cond_broadcast(&svc->idle);
}

static void run_background(void *arg)
{
    struct background *b = arg;
    devsdk_service *svc = b->svc;
    b->fn(svc, b->arg);
    free(b);
    count_background(svc, false);
}

bool sdk_background(devsdk_service *svc, void (*fn)(devsdk_service *svc, void *arg), void *arg)
{
    struct background *b = edge_xalloc(1, sizeof(*b));
    *b = (struct background){svc, fn, arg};
    count_background(svc, true);
    if (!atomic_load(&svc->quiet) && edge_pool_submit(svc->rt->pool, run_background, b)) {
        return true;
    }
    count_background(svc, false);
    free(b);
    return false;
}

struct edge_message *sdk_answer(devsdk_service *svc, const struct edge_message *request,
                                const char *error)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    m->request_id = edge_strdup(a, request->request_id);
    edge_message_topic(m, "%s/response/%s/%s", svc->rt->base_topic,
                       sdk_topic_level(a, svc, svc->rt->name), m->request_id);
    if (error) {
        m->error_code = 1;
        m->text = edge_strdup(a, error);
        m->content_type = "text/plain";
        m->correlation_id = edge_uuid_make(a);
    } else {
        m->content_type = "application/json";
        m->correlation_id = edge_strdup(a, request->correlation_id);
    }
    return m;
}
