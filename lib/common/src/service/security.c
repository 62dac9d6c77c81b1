/*
 * From configuration and environment to TLS: what a service listens with, and how the process speaks to
 * others. Files of a service that change are read again while it runs.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "instance.h"

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* ---- the service itself ---------------------------------------------------------------------- */

bool security_is_tls(const struct edge_base_config *base)
{
    const char *mode = base->service.security.mode;
    return mode && strcmp(mode, "tls") == 0;
}

const char *security_scheme(const struct edge_base_config *base)
{
    return security_is_tls(base) ? "https" : "http";
}

struct edge_http_tls security_files(const struct edge_base_config *base)
{
    const struct edge_security_options *o = &base->service.security;
    return (struct edge_http_tls){given(o->cert_file), given(o->key_file), given(o->ca_file)};
}

enum edge_status security_check(struct edge_ctx *ctx, const struct edge_base_config *base)
{
    const struct edge_http_tls files = security_files(base);
    return !security_is_tls(base) || (files.cert_file && files.key_file)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID,
                           "Service.SecurityOptions.Mode tls: needs "
                           "Service.SecurityOptions.CertFile and KeyFile");
}

const char *edge_runtime_url(struct edge_arena *a, const struct edge_runtime *rt)
{
    return edge_printf(a, "%s://%s:%u", security_scheme(rt->base), rt->base->service.host,
                       (unsigned)rt->port);
}

size_t security_paths(const struct edge_base_config *base, const char *ret[SECURITY_FILES])
{
    const struct edge_http_tls files = security_files(base);
    const char *const all[SECURITY_FILES] = {files.cert_file, files.key_file, files.client_ca_file};
    size_t n = 0;
    for (size_t i = 0; i < SECURITY_FILES && security_is_tls(base); i++) {
        if (all[i]) {
            ret[n++] = all[i];
        }
    }
    return n;
}

void security_renew(struct edge_instance *inst, bool anyway)
{
    const struct edge_runtime *rt = &inst->rt;
    const char *paths[SECURITY_FILES];
    size_t n = security_paths(rt->base, paths);
    bool changed = anyway && n > 0;
    for (size_t i = 0; i < n; i++) {
        changed = instance_file_changed(paths[i], &inst->seen_tls[i]) || changed;
    }
    if (!changed || !rt->http) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = rt->log;
    const struct edge_http_tls files = security_files(rt->base);
    enum edge_status st = edge_http_renew(&ctx, rt->http, &files);
    if (st == EDGE_OK) {
        edge_log_info(&ctx, "certificate read again", "file", files.cert_file, NULL);
    } else {
        edge_log_error(&ctx, "certificate not taken up, going on with the one before", "error",
                       edge_ctx_message(&ctx, st), NULL);
    }
}

/* ---- others ---------------------------------------------------------------------------------- */

enum edge_status security_of_all(struct edge_ctx *ctx, struct edge_client *client)
{
    const struct edge_client_peer peer = {.ca_file = given(getenv("EDGEX_CA_FILE")),
                                          .cert_file = given(getenv("EDGEX_CERT_FILE")),
                                          .key_file = given(getenv("EDGEX_KEY_FILE"))};
    if (!peer.ca_file && !peer.cert_file && !peer.key_file) {
        return EDGE_OK;
    }
    return edge_wrap(ctx, edge_client_peer(client, ctx, NULL, &peer),
                     "EDGEX_CA_FILE, EDGEX_CERT_FILE, EDGEX_KEY_FILE");
}

enum edge_status security_of_clients(struct edge_ctx *ctx, struct edge_client *client,
                                     const struct edge_base_config *base)
{
    for (size_t i = 0; i < base->n_clients; i++) {
        const struct edge_client_info *c = &base->clients[i];
        const struct edge_security_options *o = &c->security;
        const struct edge_client_peer peer = {.ca_file = given(o->ca_file),
                                              .cert_file = given(o->cert_file),
                                              .key_file = given(o->key_file),
                                              .server_name = given(o->server_name),
                                              .skip_verify = o->skip_cert_verify};
        bool has =
            peer.ca_file || peer.cert_file || peer.key_file || peer.server_name || peer.skip_verify;
        if (has && strcmp(c->protocol, "https") == 0) {
            const char *url = edge_config_client_url(&ctx->arena, base, c->name);
            EDGE_TRY(edge_wrap(ctx, edge_client_peer(client, ctx, url, &peer),
                               "Clients.%s.SecurityOptions", c->name));
        }
    }
    return EDGE_OK;
}

void security_of_self(struct edge_ctx *ctx, struct edge_client *client, const char *url,
                      const struct edge_base_config *base)
{
    const struct edge_http_tls files = security_files(base);
    const struct edge_client_peer self = {
        .cert_file = files.cert_file, .key_file = files.key_file, .skip_verify = true};
    if (security_is_tls(base)) {
        (void)edge_client_peer(client, ctx, url, &self); /* unreadable files: it asks without */
    }
}
