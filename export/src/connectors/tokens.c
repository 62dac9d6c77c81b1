/* Passwords of clouds: Azure's SAS, JSON web tokens. */
#include "tokens.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>

#include "edge/buf.h"
#include "edge/json.h"
#include "edge/text.h"

enum { P256_BYTES = 32, SHA256_BYTES = 32, P256_BITS = 256 };

const char *token_url_escape(struct edge_arena *a, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = edge_alloc(a, strlen(text) + 1, 3), *to = out;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') ||
                     strchr("-_.~", *c) != NULL;
        if (plain) {
            *to++ = (char)*c;
        } else {
            *to++ = '%';
            *to++ = hex[*c >> 4];
            *to++ = hex[*c & 0xf];
        }
    }
    return out;
}

/* ---- SAS ------------------------------------------------------------------------------------ */

enum edge_status token_sas(struct edge_ctx *ctx, const char *resource, const char *key,
                           int64_t expires_s, const char *policy, const char **ret)
{
    struct edge_arena *a = &ctx->arena;
    const void *secret;
    size_t secret_size;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned sum_size = 0;
    const char *where = token_url_escape(a, resource);
    const char *text = edge_printf(a, "%s\n%lld", where, (long long)expires_s);
    if (!edge_base64_decode(a, key, &secret, &secret_size) || secret_size == 0 ||
        secret_size > EVP_MAX_MD_SIZE * 64 ||
        !HMAC(EVP_sha256(), secret, (int)secret_size, (const unsigned char *)text, strlen(text),
              sum, &sum_size)) {
        return edge_fail(ctx, EDGE_INVALID, "the shared access key is no base64");
    }
    *ret =
        edge_printf(a, "SharedAccessSignature sr=%s&sig=%s&se=%lld%s%s", where,
                    token_url_escape(a, edge_base64_encode(a, sum, sum_size)), (long long)expires_s,
                    policy ? "&skn=" : "", policy ? token_url_escape(a, policy) : "");
    return EDGE_OK;
}

/* ---- JWT ------------------------------------------------------------------------------------ */

/* Without padding, as RFC 7515 says: peers refuse any. */
static const char *base64_url(struct edge_arena *a, const void *bytes, size_t n)
{
    char *text = (char *)(uintptr_t)edge_base64_encode(a, bytes, n);
    size_t len = strcspn(text, "=");
    text[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }
    return text;
}

static void key_done(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void digest_done(EVP_MD_CTX **md)
{
    EVP_MD_CTX_free(*md);
}

static EVP_PKEY *key_read(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    BIO_free(bio);
    return key;
}

static const char *algorithm_of(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return "RS256";
    case EVP_PKEY_EC:
        return EVP_PKEY_get_bits(key) == P256_BITS ? "ES256" : NULL;
    case EVP_PKEY_ED25519:
        return "EdDSA";
    default:
        return NULL;
    }
}

/* OpenSSL's signature is a DER sequence; the token's is r and s, 32 bytes each. */
static bool raw_of_der(unsigned char *signature, size_t *size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    unsigned char raw[2 * P256_BYTES];
    bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, P256_BYTES) == P256_BYTES &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + P256_BYTES, P256_BYTES) == P256_BYTES;
    ECDSA_SIG_free(sig);
    if (ok) {
        memcpy(signature, raw, sizeof(raw));
        *size = sizeof(raw);
    }
    return ok;
}

static bool sign(struct edge_arena *a, EVP_PKEY *key, const char *text, const char **ret)
{
    __attribute__((cleanup(digest_done))) EVP_MD_CTX *md = EVP_MD_CTX_new();
    const EVP_MD *hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    const unsigned char *bytes = (const unsigned char *)text;
    size_t n = strlen(text), size = 0;
    if (!md || EVP_DigestSignInit(md, NULL, hash, NULL, key) != 1 ||
        EVP_DigestSign(md, NULL, &size, bytes, n) != 1) {
        return false;
    }
    unsigned char *signature = edge_alloc(a, 1, size + (size_t)2 * P256_BYTES);
    if (EVP_DigestSign(md, signature, &size, bytes, n) != 1 ||
        (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && !raw_of_der(signature, &size))) {
        return false;
    }
    *ret = base64_url(a, signature, size);
    return true;
}

static void put_text(struct edge_buf *b, const char *name, const char *value)
{
    if (value) {
        edge_buf_printf(b, ",\"%s\":", name);
        edge_json_put_string(b, value);
    }
}

enum edge_status token_jwt(struct edge_ctx *ctx, const char *pem, const struct token_claims *c,
                           const char **ret)
{
    struct edge_arena *a = &ctx->arena;
    __attribute__((cleanup(key_done))) EVP_PKEY *key = key_read(pem);
    const char *algorithm = key ? algorithm_of(key) : NULL;
    if (!algorithm) {
        return edge_fail(ctx, EDGE_INVALID,
                         "the key is no private key of RSA, P-256 or Ed25519 in PEM");
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf head = EDGE_BUF_INIT;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_buf_printf(&head, "{\"alg\":\"%s\",\"typ\":\"JWT\"", algorithm);
    put_text(&head, "kid", c->key_id);
    edge_buf_putc(&head, '}');
    edge_buf_printf(&body, "{\"iat\":%lld,\"exp\":%lld", (long long)c->issued_s,
                    (long long)c->expires_s);
    put_text(&body, "aud", c->audience);
    put_text(&body, "iss", c->issuer);
    put_text(&body, "sub", c->subject);
    edge_buf_putc(&body, '}');
    const char *text = edge_printf(a, "%s.%s", base64_url(a, head.data, head.len),
                                   base64_url(a, body.data, body.len));
    const char *signature = NULL;
    if (!sign(a, key, text, &signature)) {
        return edge_fail(ctx, EDGE_INTERNAL, "the token cannot be signed");
    }
    *ret = edge_printf(a, "%s.%s", text, signature);
    return EDGE_OK;
}
