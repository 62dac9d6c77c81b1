/* Compress and Encrypt: bytes as other bytes, in base64. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <zlib.h>

#include "edge/text.h"
#include "edge/thread.h"
#include "stages.h"

static const char *const ALGORITHMS[] = {"gzip", "zlib", NULL};
static const char *const CIPHERS[] = {"aes256", NULL};
enum {
    GZIP,
    GZIP_BITS = 16, /* zlib's way to ask for gzip */
    KEY_BYTES = 32, /* of each half of the secret */
    IV_BYTES = 16,
    BLOCK = 16,
    TAG_BYTES = 32,
    LENGTH_BYTES = 8,
};

void stage_put_base64(struct export_flow *flow, const void *bytes, size_t n)
{
    const char *text = edge_base64_encode(&flow->ctx->arena, bytes, n);
    flow->data = (struct export_data){
        .kind = EXPORT_BYTES, .bytes = {text, strlen(text)},
             .content_type = "text/plain"
    };
    flow->response_content_type = "text/plain";
}

/* ---- Compress ------------------------------------------------------------------------------- */

struct compress {
    unsigned algorithm;
};

static bool deflate_all(struct edge_arena *a, unsigned algorithm, struct edge_bytes in,
                        struct edge_bytes *ret)
{
    enum { MEMORY = 8 };
    z_stream z = {0};
    int bits = MAX_WBITS + (algorithm == GZIP ? GZIP_BITS : 0);
    if (in.size > UINT32_MAX || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, MEMORY,
                                             Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    size_t most = deflateBound(&z, in.size);
    unsigned char *out = edge_alloc(a, 1, most);
    z.next_in = (unsigned char *)(uintptr_t)in.data;
    z.avail_in = (uInt)in.size;
    z.next_out = out;
    z.avail_out = (uInt)most;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    *ret = (struct edge_bytes){out, z.total_out};
    deflateEnd(&z);
    return done;
}

static enum export_verdict compress_run(const void *stage, struct export_flow *flow)
{
    const struct compress *c = stage;
    struct edge_bytes in, out;
    const char *type;
    if (export_data_bytes(flow->ctx, &flow->data, &in, &type) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    if (!deflate_all(&flow->ctx->arena, c->algorithm, in, &out)) {
        (void)!edge_fail(flow->ctx, EDGE_INTERNAL, "cannot be compressed");
        return EXPORT_FAIL;
    }
    stage_put_base64(flow, out.data, out.size);
    return EXPORT_GO_ON;
}

static enum edge_status compress_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                         const struct export_host *host,
                                         const struct export_params *params, void **ret)
{
    (void)ctx;
    (void)host;
    struct compress *c = edge_new(a, struct compress);
    c->algorithm = export_params_choice(params, "Algorithm");
    *ret = c;
    return EDGE_OK;
}

static const struct export_param compress_params[] = {
    {"Algorithm",      "gzip or zlib.", EXPORT_P_ONE_OF, .names = ALGORITHMS},
    {0},
};

const struct export_function export_compress = {
    .name = "Compress",
    .doc = "Bytes compressed, in base64.",
    .params = compress_params,
    .compile = compress_compile,
    .run = compress_run,
};

/* ---- Encrypt -------------------------------------------------------------------------------- */

/*
 * AES-256-CBC, then HMAC-SHA-512 over IV, text and eight zero bytes, the first half of it behind: IV, text, tag.
 * Of the secret, 64 bytes in hex, the first half is AES's key, the second one HMAC's.
 */
struct encrypt {
    const struct export_host *host;
    const char *secret, *key;
};

static bool hex_bytes(const char *text, unsigned char *to, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *d = text[i] ? strchr(digits, text[i] | 0x20) : NULL;
        if (!d) {
            return false;
        }
        to[i / 2] = (unsigned char)(to[i / 2] << 4 | (d - digits));
    }
    return text[2 * n] == '\0';
}

static bool cipher(const unsigned char *key, const unsigned char *iv, struct edge_bytes in,
                   unsigned char *out, size_t *ret_n)
{
    int n = 0, rest = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && in.size < INT32_MAX - BLOCK &&
              EVP_EncryptInit_ex(c, EVP_aes_256_cbc(), NULL, key, iv) == 1 &&
              EVP_EncryptUpdate(c, out, &n, in.data, (int)in.size) == 1 &&
              EVP_EncryptFinal_ex(c, out + n, &rest) == 1;
    EVP_CIPHER_CTX_free(c);
    *ret_n = (size_t)n + (size_t)rest;
    return ok;
}

enum edge_status export_encrypt_with(struct edge_ctx *ctx, const char *secret,
                                     const unsigned char *iv, struct edge_bytes in,
                                     struct edge_bytes *ret)
{
    static const unsigned char length[LENGTH_BYTES] = {0};
    unsigned char keys[2 * KEY_BYTES] = {0}, tag[EVP_MAX_MD_SIZE];
    unsigned tag_size = 0;
    size_t n = 0;
    if (!hex_bytes(secret, keys, sizeof(keys))) {
        return edge_fail(ctx, EDGE_INVALID, "the secret's value is not 64 bytes in hex");
    }
    unsigned char *out =
        edge_alloc(&ctx->arena, 1, IV_BYTES + in.size + BLOCK + LENGTH_BYTES + TAG_BYTES);
    bool ok = true;
    if (iv) {
        memcpy(out, iv, IV_BYTES);
    } else {
        ok = RAND_bytes(out, IV_BYTES) == 1;
    }
    ok = ok && cipher(keys, out, in, out + IV_BYTES, &n);
    if (ok) {
        memcpy(out + IV_BYTES + n, length, LENGTH_BYTES);
        ok = HMAC(EVP_sha512(), keys + KEY_BYTES, KEY_BYTES, out, IV_BYTES + n + LENGTH_BYTES, tag,
                  &tag_size) != NULL;
    }
    if (ok) {
        memcpy(out + IV_BYTES + n, tag, TAG_BYTES);
    }
    OPENSSL_cleanse(keys, sizeof(keys));
    *ret = (struct edge_bytes){out, IV_BYTES + n + TAG_BYTES};
    return ok ? EDGE_OK : edge_fail(ctx, EDGE_INTERNAL, "cannot be encrypted");
}

static enum export_verdict encrypt_run(const void *stage, struct export_flow *flow)
{
    const struct encrypt *e = stage;
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes in, out;
    const char *type, *secret = NULL;
    if (export_data_bytes(ctx, &flow->data, &in, &type) != EDGE_OK ||
        e->host->secret(e->host->state, ctx, &ctx->arena, e->secret, e->key, &secret) != EDGE_OK ||
        export_encrypt_with(ctx, secret, NULL, in, &out) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    stage_put_base64(flow, out.data, out.size);
    return EXPORT_GO_ON;
}

static enum edge_status encrypt_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                        const struct export_host *host,
                                        const struct export_params *params, void **ret)
{
    (void)ctx;
    struct encrypt *e = edge_new(a, struct encrypt);
    *e = (struct encrypt){host, export_params_text(params, "SecretName"),
                          export_params_text(params, "SecretValueKey")};
    *ret = e;
    return EDGE_OK;
}

static const struct export_param encrypt_params[] = {
    {"Algorithm",                    "aes256.", EXPORT_P_ONE_OF, .names = CIPHERS},
    {"SecretName",               "Of the secret with the key.", EXPORT_P_TEXT},
    {"SecretValueKey",                              "Of the key in it: 64 bytes in hex.", EXPORT_P_TEXT},
    {0},
};

const struct export_function export_encrypt = {
    .name = "Encrypt",
    .doc = "Bytes encrypted and signed, in base64.",
    .params = encrypt_params,
    .compile = encrypt_compile,
    .run = encrypt_run,
};
