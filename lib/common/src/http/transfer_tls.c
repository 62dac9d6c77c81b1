/*
 * libcurl's TLS is OpenSSL's here. Its failures are numbers and texts for programmers; what people can
 * mend is said in their words, with the peer's address: certificates, names, files.
 */
#include "transfer_tls.h"

#include <openssl/x509_vfy.h>
#include <string.h>

enum { CA_KEPT_S = 60 }; /* a file that was renewed counts from then on at the latest */

void transfer_tls_set(const struct edge_curl *curl, CURL *easy, const struct edge_client_peer *peer)
{
    curl->easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl->easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_KEPT_S);
    if (!peer) {
        return;
    }
    if (peer->ca_file) {
        curl->easy_setopt(easy, CURLOPT_CAINFO, peer->ca_file);
        curl->easy_setopt(easy, CURLOPT_CAPATH, NULL); /* nobody else */
    }
    if (peer->cert_file) {
        curl->easy_setopt(easy, CURLOPT_SSLCERT, peer->cert_file);
        curl->easy_setopt(easy, CURLOPT_SSLKEY, peer->key_file ? peer->key_file : peer->cert_file);
    }
    if (peer->skip_verify) {
        curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* ---- what went wrong ------------------------------------------------------------------------ */

static bool is_tls(CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
}

bool transfer_tls_is_cut(CURLcode code, const char *error)
{
    return code == CURLE_SSL_CONNECT_ERROR &&
           (strstr(error, "unexpected eof") || strstr(error, "SSL_ERROR_SYSCALL") ||
            strstr(error, "reset") || strstr(error, "Broken pipe"));
}

bool transfer_tls_is_refused(CURLcode code, const char *error)
{
    return is_tls(code) && strstr(error, " alert ") != NULL;
}

/* "host:port" of an address; who may be named in front of it is left out. */
static const char *place_of(struct edge_arena *a, const char *base_url)
{
    const char *scheme = strstr(base_url, "://");
    const char *place = scheme ? scheme + 3 : base_url;
    size_t len = strcspn(place, "/");
    const char *at = memchr(place, '@', len);
    return at ? edge_strndup(a, at + 1, len - (size_t)(at + 1 - place))
              : edge_strndup(a, place, len);
}

static const char *name_of(struct edge_arena *a, const char *place,
                           const struct edge_client_peer *peer)
{
    const char *colon = strrchr(place, ':');
    bool has_port = colon && !strchr(colon, ']');
    return peer && peer->server_name
               ? peer->server_name
               : edge_strndup(a, place, has_port ? (size_t)(colon - place) : strlen(place));
}

static const char *certificate_reason(const struct edge_curl *curl, struct edge_arena *a,
                                      CURL *easy, const char *error, const char *place,
                                      const struct edge_client_peer *peer)
{
    long result = X509_V_ERR_UNSPECIFIED;
    curl->easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
    if (strstr(error, "subject name")) {
        result = X509_V_ERR_HOSTNAME_MISMATCH; /* libcurl's own look at it */
    }
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return edge_printf(a, "certificate of %s is not for '%s'", place, name_of(a, place, peer));
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return edge_printf(a, "certificate of %s has expired", place);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return edge_printf(a, "certificate of %s is not valid yet", place);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return edge_printf(a, "certificate of %s is self-signed, and not known here", place);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return edge_printf(a, "certificate of %s is signed by nobody who is trusted here", place);
    default:
        return edge_printf(a, "certificate of %s: %s", place,
                           X509_verify_cert_error_string(result));
    }
}

static const char *handshake_reason(struct edge_arena *a, const char *error, const char *place)
{
    static const struct {
        const char *part, *reason;
    } known[] = {
        {"alert certificate required", "wants a client certificate"                  },
        {"alert bad certificate",      "does not accept the client certificate"      },
        {"alert unknown ca",           "does not accept the client certificate"      },
        {"alert certificate expired",  "says that the client certificate has expired"},
        {"alert certificate unknown",  "does not accept the client certificate"      },
        {"alert unsupported certific", "does not accept the client certificate"      },
        {"wrong version number",       "does not speak TLS"                          },
        {"packet length too long",     "does not speak TLS"                          },
        {"http request",               "does not speak TLS"                          },
        {"alert protocol version",     "does not speak TLS 1.2 or later"             },
        {"unsupported protocol",       "does not speak TLS 1.2 or later"             },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(error, known[i].part)) {
            return edge_printf(a, "%s %s", place, known[i].reason);
        }
    }
    return edge_printf(a, "TLS with %s failed: %s", place, error);
}

const char *transfer_tls_reason(const struct edge_curl *curl, struct edge_arena *a, CURL *easy,
                                CURLcode code, const char *error, const char *base_url,
                                const struct edge_client_peer *peer)
{
    const char *place = place_of(a, base_url);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_reason(curl, a, easy, error, place, peer);
    case CURLE_SSL_CACERT_BADFILE:
        return edge_printf(a, "cannot use the CA file %s",
                           peer && peer->ca_file ? peer->ca_file : "of the system");
    case CURLE_SSL_CERTPROBLEM:
        return edge_printf(a, "cannot use the client certificate %s: %s",
                           peer && peer->cert_file ? peer->cert_file : "", error);
    case CURLE_SSL_CONNECT_ERROR:
        return handshake_reason(a, error, place);
    default:
        return transfer_tls_is_refused(code, error) ? handshake_reason(a, error, place) : NULL;
    }
}
