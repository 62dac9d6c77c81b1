/*
 * V1Filter and V1Encrypt: what registrations of EdgeX 1 did to events, as it was. Both are for who has such
 * registrations, or receivers that know nothing else; FilterByDeviceName, FilterByResourceName and Encrypt are better.
 */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "edge/json.h"
#include "stages.h"

/* ---- V1Filter ------------------------------------------------------------------------------- */

struct names {
    const char **list; /* none: all pass */
    size_t n;
};
struct v1_filter {
    struct names devices, values;
};

/* "a, b" or, for names with commas or blanks at their ends, a JSON array. */
static enum edge_status take_names(struct edge_ctx *ctx, struct edge_arena *a,
                                   const struct export_params *params, const char *name,
                                   struct names *ret)
{
    const char *text = export_params_text(params, name);
    if (*text != '[') {
        ret->list = export_list(a, text, &ret->n);
        return EDGE_OK;
    }
    const cJSON *json = NULL, *item;
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, text, strlen(text), NULL, &json), "parameter %s",
                       name));
    ret->list = edge_new_n(a, const char *, (size_t)cJSON_GetArraySize(json));
    cJSON_ArrayForEach(item, json)
    {
        if (!cJSON_IsString(item)) {
            return edge_fail(ctx, EDGE_INVALID, "parameter %s must have texts only", name);
        }
        ret->list[ret->n++] = edge_strdup(a, item->valuestring);
    }
    return EDGE_OK;
}

static enum edge_status filter_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct export_host *host,
                                       const struct export_params *params, void **ret)
{
    (void)host;
    struct v1_filter *f = edge_new(a, struct v1_filter);
    *ret = f;
    EDGE_TRY(take_names(ctx, a, params, "DeviceIdentifiers", &f->devices));
    return take_names(ctx, a, params, "ValueDescriptorIdentifiers", &f->values);
}

static bool is_among(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->list[i], name ? name : "") == 0) {
            return true;
        }
    }
    return names->n == 0;
}

static size_t count(const struct event *e, const struct names *names)
{
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++) {
        for (size_t k = 0; k < e->n_readings; k++) {
            n += strcmp(names->list[i], e->readings[k].resource_name) == 0;
        }
    }
    return n;
}

/* The readings in the order of the list. The copy has no id: it is another event. */
static const struct event *chosen(struct edge_arena *a, const struct event *from,
                                  const struct names *names)
{
    struct event *e = edge_new(a, struct event);
    *e = *from;
    e->id = NULL;
    e->readings = edge_new_n(a, struct reading, count(from, names));
    e->n_readings = 0;
    for (size_t i = 0; i < names->n; i++) {
        for (size_t k = 0; k < from->n_readings; k++) {
            if (strcmp(names->list[i], from->readings[k].resource_name) == 0) {
                e->readings[e->n_readings++] = from->readings[k];
            }
        }
    }
    return e;
}

static enum export_verdict filter_run(const void *stage, struct export_flow *flow)
{
    const struct v1_filter *f = stage;
    if (flow->data.kind != EXPORT_EVENT) {
        return stage_wants(flow, "an event");
    }
    if (!is_among(&f->devices, flow->data.event->device_name)) {
        return EXPORT_STOP;
    }
    if (f->values.n > 0) {
        flow->data.event = chosen(&flow->ctx->arena, flow->data.event, &f->values);
    }
    return flow->data.event->n_readings > 0 ? EXPORT_GO_ON : EXPORT_STOP;
}

static const struct export_param filter_params[] = {
    {"DeviceIdentifiers",
     "Names of devices, exactly, commas between them, or a JSON array; none: all pass.", EXPORT_P_TEXT, .def = ""},
    {"ValueDescriptorIdentifiers",
     "Of readings, likewise; they come out in this order, and the event loses its id.", EXPORT_P_TEXT, .def = ""},
    {0                  },
};

const struct export_function export_v1_filter = {
    .name = "V1Filter",
    .doc = "Events of some devices, some of their readings, as registrations of EdgeX 1 say it.",
    .params = filter_params,
    .compile = filter_compile,
    .run = filter_run,
};

/* ---- V1Encrypt ------------------------------------------------------------------------------ */

/* AES-128-CBC; the key is the beginning of the SHA-1 of a text. Weak: the same text each time is the same output. */
enum { BLOCK = 16 };

struct v1_encrypt {
    const struct export_host *host;
    const char *secret, *key;
    unsigned char iv[BLOCK];
};

static bool encrypt(const char *key, const unsigned char *iv, struct edge_bytes in,
                    unsigned char *out, size_t *ret_n)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    int n = 0, rest = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && in.size < INT32_MAX - BLOCK &&
              EVP_Digest(key, strlen(key), digest, NULL, EVP_sha1(), NULL) == 1 &&
              EVP_EncryptInit_ex(c, EVP_aes_128_cbc(), NULL, digest, iv) == 1 &&
              EVP_EncryptUpdate(c, out, &n, in.data, (int)in.size) == 1 &&
              EVP_EncryptFinal_ex(c, out + n, &rest) == 1;
    EVP_CIPHER_CTX_free(c);
    OPENSSL_cleanse(digest, sizeof(digest));
    *ret_n = (size_t)n + (size_t)rest;
    return ok;
}

static enum export_verdict encrypt_run(const void *stage, struct export_flow *flow)
{
    const struct v1_encrypt *e = stage;
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes in;
    const char *type, *key = NULL;
    size_t n;
    if (export_data_bytes(ctx, &flow->data, &in, &type) != EDGE_OK ||
        e->host->secret(e->host->state, ctx, &ctx->arena, e->secret, e->key, &key) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    unsigned char *out = edge_alloc(&ctx->arena, 1, in.size + BLOCK);
    if (!encrypt(key, e->iv, in, out, &n)) {
        (void)!edge_fail(ctx, EDGE_INTERNAL, "cannot be encrypted");
        return EXPORT_FAIL;
    }
    stage_put_base64(flow, out, n);
    return EXPORT_GO_ON;
}

static enum edge_status encrypt_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                        const struct export_host *host,
                                        const struct export_params *params, void **ret)
{
    (void)ctx;
    struct v1_encrypt *e = edge_new(a, struct v1_encrypt);
    const char *iv = export_params_text(params, "InitializingVector");
    size_t len = strlen(iv);
    *e = (struct v1_encrypt){.host = host,
                             .secret = export_params_text(params, "SecretName"),
                             .key = export_params_text(params, "SecretValueKey")};
    memcpy(e->iv, iv, len < BLOCK ? len : BLOCK); /* zeroes behind it, or cut */
    *ret = e;
    return EDGE_OK;
}

static const struct export_param encrypt_params[] = {
    {"SecretName",     "Of the secret with the key.", EXPORT_P_TEXT},
    {"SecretValueKey",   "Of the key in it: any text.", EXPORT_P_TEXT},
    {"InitializingVector", "Any text; the first 16 bytes count.", EXPORT_P_TEXT, .def = ""},
    {0  },
};

const struct export_function export_v1_encrypt = {
    .name = "V1Encrypt",
    .doc =
        "Bytes encrypted as EdgeX 1 did (AES-128-CBC, one vector for all), in base64. Weak: for old receivers only.",
    .params = encrypt_params,
    .compile = encrypt_compile,
    .run = encrypt_run,
};
