#include "certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const char *certificate_file(const char *folder, const char *name, const char *end)
{
    enum { N = 16 };
    static _Thread_local char texts[N][192];
    static _Thread_local unsigned at;
    char *text = texts[at++ % N];
    snprintf(text, sizeof(texts[0]), "%s/%s%s", folder, name, end);
    return text;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX v3;
    X509V3_set_ctx_nodb(&v3);
    X509V3_set_ctx(&v3, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    bool added = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static X509 *read_certificate(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f) {
        fclose(f);
    }
    return x;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f) {
        fclose(f);
    }
    return key;
}

static bool write_files(const char *folder, const char *name, X509 *x, EVP_PKEY *key)
{
    FILE *cert = fopen(certificate_file(folder, name, ".pem"), "we");
    FILE *secret = fopen(certificate_file(folder, name, ".key"), "we");
    bool written = cert && secret && PEM_write_X509(cert, x) == 1 &&
                   PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (cert) {
        fclose(cert);
    }
    if (secret) {
        fclose(secret);
    }
    return written;
}

static bool fill(X509 *x, const struct certificate *c, X509 *issuer, EVP_PKEY *key)
{
    enum { DAY_S = 86400 };
    static atomic_int serial = 1000;
    X509_NAME *name = X509_get_subject_name(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), atomic_fetch_add(&serial, 1));
    X509_gmtime_adj(X509_getm_notBefore(x), -30L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), (long)c->days * DAY_S);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)c->name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    X509_set_pubkey(x, key);
    return c->subject ? add_extension(x, issuer, NID_subject_alt_name, c->subject)
                      : add_extension(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
}

bool certificate_make(const char *folder, const struct certificate *c)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = key;
    X509 *x = X509_new(), *issuer = x;
    if (c->issuer) {
        issuer = read_certificate(certificate_file(folder, c->issuer, ".pem"));
        signer = read_key(certificate_file(folder, c->issuer, ".key"));
    }
    bool made = key && x && issuer && signer && fill(x, c, issuer, key) &&
                X509_sign(x, signer, EVP_sha256()) > 0 && write_files(folder, c->name, x, key);
    if (!made) {
        printf("certificate '%s' cannot be made\n", c->name);
    }
    if (c->issuer) {
        X509_free(issuer);
        EVP_PKEY_free(signer);
    }
    X509_free(x);
    EVP_PKEY_free(key);
    return made;
}

bool certificates_make(const char *folder)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1";
    static const struct certificate all[] = {
        {"ca",        NULL,       NULL,            10},
        {"stranger",  NULL,       NULL,            10},
        {"server",    "ca",       here,            10},
        {"client",    "ca",       "DNS:client",    10},
        {"expired",   "ca",       here,            -1},
        {"elsewhere", "ca",       "DNS:elsewhere", 10},
        {"alone",     NULL,       here,            10},
        {"strange",   "stranger", "DNS:client",    10},
    };
    bool made = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && made; i++) {
        made = certificate_make(folder, &all[i]);
    }
    return made;
}
