/* Secrets where there is no secret store: Writable.InsecureSecrets. */
#include <string.h>

#include "instance.h"

const char *secret_find(const struct edge_writable *writable, struct edge_metrics *metrics,
                        const char *secret_name, const char *key)
{
    edge_counter_add(edge_counter(metrics, SECRETS_REQUESTED, "Secrets asked for."), 1);
    for (size_t i = 0; i < writable->n_insecure_secrets; i++) {
        const struct edge_insecure_secret *s = &writable->insecure_secrets[i];
        if (!s->secret_name || strcmp(s->secret_name, secret_name) != 0) {
            continue;
        }
        for (size_t k = 0; k < s->n_secret_data; k++) {
            if (strcmp(s->secret_data[k].name, key) == 0) {
                return s->secret_data[k].value;
            }
        }
    }
    return NULL;
}

const char *edge_runtime_secret(const struct edge_runtime *rt, const char *secret_name,
                                const char *key)
{
    return secret_find(edge_runtime_writable(rt), rt->metrics, secret_name, key);
}
