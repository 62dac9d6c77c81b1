#include "codec/snmp_usm.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum { MEGABYTE = 1048576, IV_BYTES = 16, DES_BLOCK = 8, DES_KEY = 8 };

/* In the order of enum snmp_auth. */
static const struct {
    const char *hash;
    size_t key, mac;
} AUTHS[SNMP_AUTHS] = {
    {NULL,     0,  0 },
    {"MD5",    16, 12},
    {"SHA1",   20, 12},
    {"SHA224", 28, 16},
    {"SHA256", 32, 24},
    {"SHA384", 48, 32},
    {"SHA512", 64, 48},
};

/* In the order of enum snmp_priv. DES is what 3DES does with the same key three times: it needs no legacy algorithms of the library. */
static const struct {
    const char *cipher;
    size_t key; /* of the localised key, salt of DES included */
} PRIVS[SNMP_PRIVS] = {
    {NULL,           0 },
    {"DES-EDE3-CBC", 16},
    {"AES-128-CFB",  16},
    {"AES-192-CFB",  24},
    {"AES-256-CFB",  32},
    {"AES-192-CFB",  24},
    {"AES-256-CFB",  32},
};

static void md_done(EVP_MD **md)
{
    EVP_MD_free(*md);
}

static void md_ctx_done(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

static void mac_done(EVP_MAC **mac)
{
    EVP_MAC_free(*mac);
}

static void mac_ctx_done(EVP_MAC_CTX **ctx)
{
    EVP_MAC_CTX_free(*ctx);
}

static void cipher_done(EVP_CIPHER **cipher)
{
    EVP_CIPHER_free(*cipher);
}

static void cipher_ctx_done(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

/* ---- keys ---------------------------------------------------------------------------------- */

size_t snmp_mac_size(uint8_t auth)
{
    return AUTHS[auth].mac;
}

/* Part n of @p parts hashed one behind the other. */
static bool hash(uint8_t auth, const struct snmp_view *parts, size_t n, struct snmp_key *ret)
{
    __attribute__((cleanup(md_done))) EVP_MD *md = EVP_MD_fetch(NULL, AUTHS[auth].hash, NULL);
    __attribute__((cleanup(md_ctx_done))) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = md && ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; done && i < n; i++) {
        done = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
    }
    unsigned size = 0;
    done = done && EVP_DigestFinal_ex(ctx, ret->bytes, &size) == 1;
    ret->n = size;
    return done && size == AUTHS[auth].key;
}

/* The password again and again until there is a megabyte of it. */
static bool hash_megabyte(EVP_MD_CTX *ctx, struct snmp_view password)
{
    uint8_t block[64];
    size_t at = 0;
    for (size_t n = 0; n < MEGABYTE; n += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++, at = at + 1 < password.n ? at + 1 : 0) {
            block[i] = password.p[at];
        }
        if (EVP_DigestUpdate(ctx, block, sizeof(block)) != 1) {
            return false;
        }
    }
    OPENSSL_cleanse(block, sizeof(block));
    return true;
}

bool snmp_master_key(uint8_t auth, struct snmp_view password, struct snmp_key *ret)
{
    __attribute__((cleanup(md_done))) EVP_MD *md = EVP_MD_fetch(NULL, AUTHS[auth].hash, NULL);
    __attribute__((cleanup(md_ctx_done))) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned size = 0;
    if (password.n == 0 || !md || !ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
        !hash_megabyte(ctx, password) || EVP_DigestFinal_ex(ctx, ret->bytes, &size) != 1) {
        return false;
    }
    ret->n = size;
    return true;
}

bool snmp_localise(uint8_t auth, const struct snmp_key *master, struct snmp_view engine_id,
                   struct snmp_key *ret)
{
    const struct snmp_view parts[] = {
        {master->bytes, master->n},
        engine_id, {master->bytes, master->n}
    };
    return hash(auth, parts, 3, ret);
}

/* What the hash leaves short: hashed anew of what there is, or localised anew from it as if it were a password. */
static bool extend(uint8_t auth, uint8_t priv, struct snmp_view engine_id, struct snmp_key *key)
{
    struct snmp_key more;
    if (priv == SNMP_PRIV_AES192_REEDER || priv == SNMP_PRIV_AES256_REEDER) {
        struct snmp_key master;
        if (!snmp_master_key(auth, snmp_view(key->bytes, key->n), &master) ||
            !snmp_localise(auth, &master, engine_id, &more)) {
            return false;
        }
    } else if (!hash(auth, (struct snmp_view[]){snmp_view(key->bytes, key->n)}, 1, &more)) {
        return false;
    }
    size_t n = more.n < SNMP_KEY_MAX - key->n ? more.n : SNMP_KEY_MAX - key->n;
    memcpy(key->bytes + key->n, more.bytes, n);
    key->n += n;
    return true;
}

bool snmp_localise_priv(uint8_t auth, uint8_t priv, const struct snmp_key *master,
                        struct snmp_view engine_id, struct snmp_key *ret)
{
    size_t wanted = PRIVS[priv].key;
    struct snmp_key key;
    if (!snmp_localise(auth, master, engine_id, &key)) {
        return false;
    }
    while (key.n < wanted) {
        if (!extend(auth, priv, engine_id, &key)) {
            return false;
        }
    }
    *ret = key;
    ret->n = wanted;
    return true;
}

/* ---- signatures ---------------------------------------------------------------------------- */

static bool sign(const struct snmp_keys *keys, const struct snmp_view *parts, size_t n,
                 uint8_t *ret)
{
    __attribute__((cleanup(mac_done))) EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    __attribute__((cleanup(mac_ctx_done))) EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    char name[16] = {0};
    memcpy(name, AUTHS[keys->auth].hash, strlen(AUTHS[keys->auth].hash));
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};
    bool done = ctx && EVP_MAC_init(ctx, keys->auth_key.bytes, keys->auth_key.n, params) == 1;
    for (size_t i = 0; done && i < n; i++) {
        done = EVP_MAC_update(ctx, parts[i].p, parts[i].n) == 1;
    }
    uint8_t full[EVP_MAX_MD_SIZE];
    size_t size;
    if (!done || EVP_MAC_final(ctx, full, &size, sizeof(full)) != 1) {
        return false;
    }
    memcpy(ret, full, AUTHS[keys->auth].mac);
    return true;
}

/* It was made over the whole message, zeros in its own place. */
static bool is_signed(const struct snmp_keys *keys, struct snmp_view whole, struct snmp_view mac)
{
    static const uint8_t zeros[SNMP_MAC_MAX];
    uint8_t expected[SNMP_MAC_MAX];
    if (mac.n != AUTHS[keys->auth].mac) {
        return false;
    }
    const uint8_t *behind = mac.p + mac.n;
    const struct snmp_view parts[] = {
        {whole.p, (size_t)(mac.p - whole.p)           },
        {zeros,   mac.n                               },
        {behind,  (size_t)(whole.p + whole.n - behind)},
    };
    return sign(keys, parts, 3, expected) && CRYPTO_memcmp(expected, mac.p, mac.n) == 0;
}

/* ---- encryption ---------------------------------------------------------------------------- */

/* The vector and the key proper, of salt, engine's clock and the localised key. */
static void vector_of(const struct snmp_keys *keys, const struct snmp_message *head,
                      const uint8_t *salt, uint8_t *ret_iv, uint8_t *ret_key)
{
    if (keys->priv == SNMP_PRIV_DES) {
        for (int i = 0; i < DES_BLOCK; i++) {
            ret_iv[i] = keys->priv_key.bytes[DES_KEY + i] ^ salt[i];
            ret_key[i] = ret_key[i + DES_KEY] = ret_key[i + 2 * DES_KEY] = keys->priv_key.bytes[i];
        }
        return;
    }
    for (int i = 0; i < 4; i++) {
        ret_iv[i] = (uint8_t)(head->boots >> (24 - 8 * i));
        ret_iv[4 + i] = (uint8_t)(head->time >> (24 - 8 * i));
    }
    memcpy(ret_iv + 8, salt, SNMP_SALT_BYTES);
    memcpy(ret_key, keys->priv_key.bytes, keys->priv_key.n);
}

/* As many bytes out as in; @p n is a multiple of DES's block where DES is used. */
static bool crypt(const struct snmp_keys *keys, const struct snmp_message *head,
                  const uint8_t *salt, bool encrypt, struct snmp_view in, uint8_t *out)
{
    __attribute__((cleanup(cipher_done))) EVP_CIPHER *cipher =
        EVP_CIPHER_fetch(NULL, PRIVS[keys->priv].cipher, NULL);
    __attribute__((cleanup(cipher_ctx_done))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t iv[IV_BYTES], key[EVP_MAX_KEY_LENGTH];
    vector_of(keys, head, salt, iv, key);
    int n = 0, rest = 0;
    bool done = cipher && ctx && EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 &&
                EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == in.n;
    OPENSSL_cleanse(key, sizeof(key));
    return done;
}

enum snmp_open snmp_open(const struct snmp_keys *keys, struct snmp_view whole,
                         struct snmp_message *message, uint8_t *clear)
{
    bool is_report = !(message->flags & SNMP_FLAG_PRIV) && message->pdu.type == SNMP_REPORT;
    if (!(message->flags & SNMP_FLAG_AUTH)) {
        return keys->auth == SNMP_AUTH_NONE || is_report ? SNMP_OPENED : SNMP_OPEN_UNSIGNED;
    }
    if (keys->auth == SNMP_AUTH_NONE || !is_signed(keys, whole, message->mac)) {
        return SNMP_OPEN_FORGED;
    }
    if (!(message->flags & SNMP_FLAG_PRIV)) {
        return keys->priv == SNMP_PRIV_NONE || is_report ? SNMP_OPENED : SNMP_OPEN_UNSIGNED;
    }
    bool whole_blocks = keys->priv != SNMP_PRIV_DES || message->sealed.n % DES_BLOCK == 0;
    if (keys->priv == SNMP_PRIV_NONE || message->salt.n != SNMP_SALT_BYTES || !whole_blocks ||
        !crypt(keys, message, message->salt.p, false, message->sealed, clear) ||
        !snmp_scoped_of(snmp_view(clear, message->sealed.n), message)) {
        return SNMP_OPEN_UNREADABLE;
    }
    return SNMP_OPENED;
}

/* The scoped PDU written since @p end becomes an OCTET STRING of its cipher. */
static bool put_sealed(const struct snmp_keys *keys, const struct snmp_message *head,
                       const uint8_t *salt, struct snmp_out *out, size_t end)
{
    size_t n = end - out->at;
    if (keys->priv == SNMP_PRIV_DES && n % DES_BLOCK > 0) {
        /* Padding belongs behind: move what is there to the front. */
        static const uint8_t zeros[DES_BLOCK];
        size_t pad = DES_BLOCK - n % DES_BLOCK;
        snmp_put_raw(out, zeros, pad);
        if (out->full) {
            return false;
        }
        memmove(out->buf + out->at, out->buf + out->at + pad, n);
        memset(out->buf + end - pad, 0, pad);
        n += pad;
    }
    uint8_t *at = out->buf + out->at;
    if (out->full || !crypt(keys, head, salt, true, snmp_view(at, n), at)) {
        return false;
    }
    snmp_put_head(out, SNMP_OCTETS, end);
    return true;
}

/* DES: boots and a count, so that vectors of one key differ; AES: any 64 bits never used before. */
static void salt_of(const struct snmp_keys *keys, const struct snmp_message *head, uint64_t number,
                    uint8_t *ret)
{
    uint64_t salt =
        keys->priv == SNMP_PRIV_DES ? (uint64_t)head->boots << 32 | (uint32_t)number : number;
    for (int i = 0; i < SNMP_SALT_BYTES; i++) {
        ret[i] = (uint8_t)(salt >> (56 - 8 * i));
    }
}

bool snmp_seal(const struct snmp_keys *keys, const struct snmp_message *head, struct snmp_view pdu,
               uint64_t salt, struct snmp_out *out)
{
    struct snmp_message full = *head;
    uint8_t salt_bytes[SNMP_SALT_BYTES], mac[SNMP_MAC_MAX];
    size_t end = out->at, mac_at;
    full.mac.n = full.flags & SNMP_FLAG_AUTH ? AUTHS[keys->auth].mac : 0;
    full.salt.n = 0;
    snmp_put_raw(out, pdu.p, pdu.n);
    snmp_put_scoped(out, head->context_engine_id.n > 0 ? head->context_engine_id : head->engine_id,
                    head->context_name, end);
    if (full.flags & SNMP_FLAG_PRIV) {
        salt_of(keys, head, salt, salt_bytes);
        full.salt = snmp_view(salt_bytes, sizeof(salt_bytes));
        if (!put_sealed(keys, head, salt_bytes, out, end)) {
            return false;
        }
    }
    snmp_put_v3(out, &full, end, &mac_at);
    if (out->full || full.mac.n == 0) {
        return !out->full;
    }
    struct snmp_view whole = snmp_view(out->buf + out->at, end - out->at);
    if (!sign(keys, &whole, 1, mac)) {
        return false;
    }
    memcpy(out->buf + mac_at, mac, full.mac.n);
    return true;
}
