/**
 * A plug-in of mosquitto that receives as clouds do: it knows the names of one device, verifies its token with OpenSSL
 * itself (no code of ours), and hangs up on what clouds hang up on: QoS 2, topics that are not the device's, a token
 * that has ended. Options: kind (azure, aws, google), report (a file, a line for each connection), key, and those of
 * the kind. Who is called "ear" may do everything.
 */
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

enum {
    SUCCESS = 0,
    AUTH = 11,
    DENIED = 12,
    CLIENTS = 16,
    TEXT = 2048,
    DAY_S = 86400
}; /* mosquitto.h */

static struct {
    mosquitto_plugin_id_t *id;
    struct mosquitto_opt *options;
    int n_options;
    struct {
        char id[TEXT];
        long long ends_s;
    } clients[CLIENTS];
} peer;

static const char *option(const char *key)
{
    for (int i = 0; i < peer.n_options; i++) {
        if (strcmp(peer.options[i].key, key) == 0) {
            return peer.options[i].value;
        }
    }
    return "";
}

static void report(const char *what, const char *client, const char *detail)
{
    FILE *f = fopen(option("report"), "a");
    if (f) {
        fprintf(f, "%s %s %s\n", what, client, detail);
        fclose(f);
    }
}

/* "ahead": so many seconds the peer's clock is before ours. */
static long long now_s(void)
{
    return (long long)time(NULL) + atoll(option("ahead"));
}

static void remember(const char *client, long long ends_s)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (!peer.clients[i].id[0] || strcmp(peer.clients[i].id, client) == 0) {
            snprintf(peer.clients[i].id, TEXT, "%s", client);
            peer.clients[i].ends_s = ends_s;
            return;
        }
    }
}

static long long end_of(const char *client)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (strcmp(peer.clients[i].id, client) == 0) {
            return peer.clients[i].ends_s;
        }
    }
    return 0;
}

/* ---- texts ---- */

static void unescape(const char *from, size_t n, char to[TEXT])
{
    size_t len = 0;
    for (size_t i = 0; i < n && len + 1 < TEXT; i++) {
        char hex[3] = {0};
        if (from[i] == '%' && i + 2 < n) {
            memcpy(hex, from + i + 1, 2);
            to[len++] = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            to[len++] = from[i];
        }
    }
    to[len] = '\0';
}

static int decode64(const char *text, size_t len, unsigned char *to)
{
    int n = EVP_DecodeBlock(to, (const unsigned char *)text, (int)len);
    while (n > 0 && len > 0 && text[--len] == '=') {
        n--;
    }
    return n;
}

/* A field of a SAS, as it stands there; NULL: not there. */
static const char *field(const char *sas, const char *name, char to[TEXT])
{
    const char *at = strstr(sas, name);
    if (!at) {
        return NULL;
    }
    snprintf(to, TEXT, "%.*s", (int)strcspn(at + strlen(name), "&"), at + strlen(name));
    return to;
}

/* ---- SAS ---- */

/* NULL: it is good. */
static const char *sas_fault(const char *sas, const char *resource, const char *policy,
                             long long *ret_ends_s)
{
    char where[TEXT], sig[TEXT], ends[TEXT], skn[TEXT], plain[TEXT], text[2 * TEXT + 2], want[128];
    unsigned char key[TEXT], sum[EVP_MAX_MD_SIZE];
    unsigned sum_size;
    if (strncmp(sas, "SharedAccessSignature ", 22) != 0 || !field(sas, "sr=", where) ||
        !field(sas, "sig=", sig) || !field(sas, "se=", ends)) {
        return "no signature";
    }
    unescape(where, strlen(where), plain);
    if (strcmp(plain, resource) != 0) {
        return "another resource";
    }
    if (strcmp(field(sas, "skn=", skn) ? skn : "", policy) != 0) {
        return "another policy";
    }
    int key_size = decode64(option("key"), strlen(option("key")), key);
    snprintf(text, sizeof(text), "%s\n%s", where, ends);
    HMAC(EVP_sha256(), key, key_size, (unsigned char *)text, strlen(text), sum, &sum_size);
    EVP_EncodeBlock((unsigned char *)want, sum, (int)sum_size);
    unescape(sig, strlen(sig), plain);
    if (strcmp(plain, want) != 0) {
        return "wrong signature";
    }
    *ret_ends_s = atoll(ends);
    return *ret_ends_s > now_s() ? NULL : "expired";
}

static const char *azure_fault(const char *client, const char *user, const char *password,
                               long long *ret_ends_s)
{
    char want[TEXT], resource[TEXT];
    const char *hub = option("hub"), *device = option("device"), *module = option("module");
    snprintf(want, TEXT, "%s%s%s", device, *module ? "/" : "", module);
    if (strcmp(client, want) != 0) {
        return "another client id";
    }
    snprintf(want, TEXT, "%s/%s/?api-version=2021-04-12%s", hub, client, option("user-tail"));
    if (strcmp(user, want) != 0) {
        return "another user name";
    }
    if (*option("certificate")) { /* mosquitto has looked at it */
        *ret_ends_s = now_s() + DAY_S;
        return *password ? "a password beside the certificate" : NULL;
    }
    snprintf(resource, TEXT, "%s/devices/%s%s%s", hub, device, *module ? "/modules/" : "", module);
    return sas_fault(password, resource, "", ret_ends_s);
}

static const char *dps_fault(const char *client, const char *user, const char *password,
                             long long *ret_ends_s)
{
    char want[TEXT];
    if (strcmp(client, option("registration")) != 0) {
        return "another client id";
    }
    snprintf(want, TEXT, "%s/registrations/%s/api-version=2019-03-31", option("scope"), client);
    if (strcmp(user, want) != 0) {
        return "another user name";
    }
    snprintf(want, TEXT, "%s/registrations/%s", option("scope"), client);
    return sas_fault(password, want, "registration", ret_ends_s);
}

/* ---- JSON web tokens ---- */

/* Strictly base64url, without padding; -1: it is not. */
static int decode_url(const char *text, size_t len, unsigned char *to)
{
    char plain[TEXT];
    if (len + 4 > TEXT || strcspn(text, "=+/") < len) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        plain[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
    while (len % 4 != 0) {
        plain[len++] = '=';
    }
    return decode64(plain, len, to);
}

static long long number(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    return at ? atoll(at + strlen(name)) : 0;
}

static int verified(const char *token, size_t len, unsigned char *sig, size_t sig_size)
{
    FILE *f = fopen(option("key"), "r");
    EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    if (f) {
        fclose(f);
    }
    if (key &&
        EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) { /* the token has r and s, OpenSSL wants DER */
        ECDSA_SIG *raw = ECDSA_SIG_new();
        if (sig_size != 64 ||
            !ECDSA_SIG_set0(raw, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL))) {
            return 0;
        }
        sig_size = (size_t)i2d_ECDSA_SIG(raw, &der);
        ECDSA_SIG_free(raw);
    }
    int ok =
        key && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(md, der ? der : sig, sig_size, (const unsigned char *)token, len) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return ok;
}

static const char *google_fault(const char *client, const char *token, long long *ret_ends_s)
{
    char want[TEXT];
    unsigned char claims[TEXT] = {0}, sig[TEXT];
    const char *body = strchr(token, '.'), *tail = body ? strchr(body + 1, '.') : NULL;
    if (strcmp(client, option("client")) != 0) {
        return "another client id";
    }
    if (!tail) {
        return "no token";
    }
    int n = decode_url(tail + 1, strlen(tail + 1), sig);
    if (n < 0 || decode_url(body + 1, (size_t)(tail - body - 1), claims) < 0) {
        return "no base64url";
    }
    if (!verified(token, (size_t)(tail - token), sig, (size_t)n)) {
        return "wrong signature";
    }
    snprintf(want, TEXT, "\"aud\":\"%s\"", option("project"));
    long long from = number((char *)claims, "\"iat\":");
    *ret_ends_s = number((char *)claims, "\"exp\":");
    return !strstr((char *)claims, want) ? "another audience"
           : *ret_ends_s - from > DAY_S  ? "too long a life"
           : *ret_ends_s <= now_s()      ? "expired"
                                         : NULL;
}

/* ---- what mosquitto asks ---- */

static int on_auth(int event, void *data, void *user_data)
{
    struct mosquitto_evt_basic_auth *e = data;
    const char *client = mosquitto_client_id(e->client), *kind = option("kind"), *fault = "no kind";
    const char *user = e->username ? e->username : "", *password = e->password ? e->password : "";
    long long ends_s = 0;
    (void)event, (void)user_data;
    if (strncmp(client, "ear", 3) == 0) {
        return SUCCESS;
    }
    fault = strcmp(kind, "azure") == 0    ? azure_fault(client, user, password, &ends_s)
            : strcmp(kind, "google") == 0 ? google_fault(client, password, &ends_s)
                                          : fault;
    if (*option("scope") && strcmp(client, option("registration")) == 0 && strchr(user, '=') &&
        strstr(user, "/registrations/")) {
        fault = dps_fault(client, user, password, &ends_s);
    }
    if (!fault) {
        remember(client, ends_s);
    }
    report(fault ? "refused" : "accepted", client,
           fault                             ? fault
           : strstr(user, "/registrations/") ? "dps"
                                             : "");
    return fault ? AUTH : SUCCESS;
}

static int on_acl(int event, void *data, void *user_data)
{
    struct mosquitto_evt_acl_check *e = data;
    const char *client = mosquitto_client_id(e->client), *fault = NULL;
    (void)event, (void)user_data;
    if (!client || strncmp(client, "ear", 3) == 0 || e->access == MOSQ_ACL_READ) {
        return SUCCESS;
    }
    bool ours = strncmp(e->topic, option("topic"), strlen(option("topic"))) == 0 ||
                (*option("scope") && strncmp(e->topic, "$dps/registrations/", 19) == 0) ||
                (strcmp(option("kind"), "azure") == 0 && strncmp(e->topic, "$iothub/", 8) == 0);
    bool certified =
        strcmp(option("kind"), "aws") == 0; /* mosquitto has looked at it, and asks nothing */
    size_t most = certified ? 128 << 10 : 256 << 10;
    fault = e->access != MOSQ_ACL_WRITE                          ? NULL
            : e->qos > 1                                         ? "qos 2"
            : !ours                                              ? "foreign topic"
            : e->payloadlen > most                               ? "too large"
            : certified && strcmp(client, option("device")) != 0 ? "another client id"
            : !certified && end_of(client) <= now_s()            ? "token ended"
                                                                 : NULL;
    if (!fault) {
        return SUCCESS;
    }
    report("kicked", client, fault);
    mosquitto_kick_client_by_clientid(client, false);
    return DENIED; /* alone, it would be acknowledged */
}

int mosquitto_plugin_version(int n, const int *versions)
{
    for (int i = 0; i < n; i++) {
        if (versions[i] == MOSQ_PLUGIN_VERSION) {
            return MOSQ_PLUGIN_VERSION;
        }
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user_data,
                          struct mosquitto_opt *options, int n)
{
    (void)user_data;
    peer.id = id;
    peer.options = options;
    peer.n_options = n;
    int rc = mosquitto_callback_register(id, MOSQ_EVT_BASIC_AUTH, on_auth, NULL, NULL);
    return rc == SUCCESS ? mosquitto_callback_register(id, MOSQ_EVT_ACL_CHECK, on_acl, NULL, NULL)
                         : rc;
}

int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options, int n)
{
    (void)user_data, (void)options, (void)n;
    mosquitto_callback_unregister(peer.id, MOSQ_EVT_BASIC_AUTH, on_auth, NULL);
    return mosquitto_callback_unregister(peer.id, MOSQ_EVT_ACL_CHECK, on_acl, NULL);
}
