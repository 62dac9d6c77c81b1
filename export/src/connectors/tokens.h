/** What clouds take for a password: made of a key, good for a time. Pure functions; any thread. */
#ifndef EXPORT_TOKENS_H
#define EXPORT_TOKENS_H

#include <stdint.h>

#include "edge/ctx.h"

/** Where text stands in a query or a token: all but letters, digits and "-_.~" as %XX. */
const char *token_url_escape(struct edge_arena *a, const char *text);

/**
 * Azure's shared access signature for @p resource ("host/devices/name", not escaped), good until @p expires_s (since
 * 1970), signed with @p key (base64). @p policy: skn, NULL for none. INVALID where the key is no base64.
 */
enum edge_status token_sas(struct edge_ctx *ctx, const char *resource, const char *key,
                           int64_t expires_s, const char *policy, const char **ret);

struct token_claims {
    int64_t issued_s, expires_s;           /* since 1970 */
    const char *audience;                  /* aud */
    const char *issuer, *subject, *key_id; /* iss, sub, kid; NULL: none */
};
/**
 * A JSON web token, signed with the private key @p key (PEM): RS256 for RSA, ES256 for P-256, EdDSA for Ed25519. INVALID
 * where it is another key, or none.
 */
enum edge_status token_jwt(struct edge_ctx *ctx, const char *key, const struct token_claims *claims,
                           const char **ret);

#endif
