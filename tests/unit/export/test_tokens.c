/* Passwords of clouds: by published vectors, and by verifying what was signed. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "connectors/tokens.h"
#include "edge/json.h"
#include "edge/text.h"
#include "suites.h"

static void test_sas(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *token = NULL;
    CU_ASSERT_EQUAL(token_sas(&ctx, "contoso.azure-devices.net/devices/MyDevice01",
                              "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 1893456000, NULL,
                              &token),
                    EDGE_OK);
    CU_ASSERT_STRING_EQUAL(
        token, "SharedAccessSignature sr=contoso.azure-devices.net%2Fdevices%2FMyDevice01"
               "&sig=XpKA7BGcdWvp7wEi4awDizodd4ycaLFVylF2HAJ%2FqAE%3D&se=1893456000");
    CU_ASSERT_EQUAL(token_sas(&ctx, "a/registrations/b c", "aGVsbG8=", 1, "registration", &token),
                    EDGE_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(token, "sr=a%2Fregistrations%2Fb%20c&"));
    CU_ASSERT_PTR_NOT_NULL(strstr(token, "&se=1&skn=registration"));
    CU_ASSERT_EQUAL(token_sas(&ctx, "a", "no base64!", 1, NULL, &token), EDGE_INVALID);
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(token_sas(&ctx, "a", "", 1, NULL, &token), EDGE_INVALID);
}

static const char *pem_of(struct edge_arena *a, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    CU_ASSERT_EQUAL_FATAL(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(bio, &data);
    const char *pem = edge_strndup(a, data, (size_t)n);
    BIO_free(bio);
    return pem;
}

static const char *unurl(struct edge_arena *a, const char *text, size_t len, size_t *ret_n)
{
    char *padded = edge_alloc(a, 1, len + 4);
    const void *bytes = NULL;
    for (size_t i = 0; i < len; i++) {
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
    memset(padded + len, '=', (4 - len % 4) % 4);
    CU_ASSERT_TRUE_FATAL(edge_base64_decode(a, padded, &bytes, ret_n));
    return edge_strndup(a, bytes, *ret_n);
}

/* r and s as the sequence OpenSSL verifies. */
static size_t der_of_raw(const unsigned char *raw, unsigned char **ret)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    *ret = NULL;
    int n = i2d_ECDSA_SIG(sig, ret);
    ECDSA_SIG_free(sig);
    return (size_t)n;
}

static void check_jwt(EVP_PKEY *key, const char *algorithm, const EVP_MD *hash)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_arena *a = &ctx.arena;
    const struct token_claims claims = {.issued_s = 1700000000,
                                        .expires_s = 1700003600,
                                        .audience = "my-\"project\"",
                                        .key_id = "k1"};
    const char *token = NULL;
    CU_ASSERT_EQUAL_FATAL(token_jwt(&ctx, pem_of(a, key), &claims, &token), EDGE_OK);
    CU_ASSERT_PTR_NULL(strpbrk(token, "=+/"));
    const char *body = strchr(token, '.') + 1, *last = strchr(body, '.') + 1;
    size_t n, n_signature;
    CU_ASSERT_STRING_EQUAL(
        unurl(a, token, (size_t)(body - 1 - token), &n),
        edge_printf(a, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"k1\"}", algorithm));
    CU_ASSERT_STRING_EQUAL(
        unurl(a, body, (size_t)(last - 1 - body), &n),
        "{\"iat\":1700000000,\"exp\":1700003600,\"aud\":\"my-\\\"project\\\"\"}");
    const unsigned char *signature =
        (const unsigned char *)unurl(a, last, strlen(last), &n_signature);
    unsigned char *der = NULL;
    if (strcmp(algorithm, "ES256") == 0) {
        CU_ASSERT_EQUAL_FATAL(n_signature, 64);
        n_signature = der_of_raw(signature, &der);
        signature = der;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    CU_ASSERT_EQUAL(EVP_DigestVerifyInit(md, NULL, hash, NULL, key), 1);
    CU_ASSERT_EQUAL(EVP_DigestVerify(md, signature, n_signature, (const unsigned char *)token,
                                     (size_t)(last - 1 - token)),
                    1);
    EVP_MD_CTX_free(md);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void test_jwt(void)
{
    for (int i = 0; i < 50; i++) { /* r or s begins with zero bytes now and then */
        check_jwt(EVP_EC_gen("P-256"), "ES256", EVP_sha256());
    }
    check_jwt(EVP_RSA_gen(2048), "RS256", EVP_sha256());
    check_jwt(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "EdDSA", NULL);
}

static void test_other_keys_are_refused(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct token_claims claims = {.audience = "a"};
    const char *token = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-384");
    CU_ASSERT_EQUAL(token_jwt(&ctx, pem_of(&ctx.arena, key), &claims, &token), EDGE_INVALID);
    EVP_PKEY_free(key);
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(token_jwt(&ctx, "no key", &claims, &token), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "the key is no private key of RSA, P-256 or Ed25519 in PEM");
}

CU_TestInfo tokens_tests[] = {
    {"Azure's shared access signature", test_sas                   },
    {"JSON web tokens verify",          test_jwt                   },
    {"other keys are refused",          test_other_keys_are_refused},
    CU_TEST_INFO_NULL,
};
