/* The common configuration (contract 12.3): what official services wait for before they start.
 * Written once, as one transaction, from a YAML file and the environment. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/config.h"
#include "edge/text.h"
#include "edge/yaml.h"
#include "keeper.h"

#define BASE "edgex/v4/core-common-config-bootstrapper"

static const char READY[] = BASE "/IsCommonConfigReady";

struct seed {
    const cJSON *file;
    struct edge_ctx *ctx;
    struct keeper *keeper;
    struct edge_buf path; /* of the key, below BASE */
    bool secret;          /* a name on the way there says so */
    size_t n;             /* keys written */
};

static void seed_done(struct seed *s)
{
    edge_buf_done(&s->path);
}

/* ---- the file ---------------------------------------------------------------------------- */

/* *ret stays NULL where there is no file. */
static enum edge_status file_read(struct edge_ctx *ctx, struct keeper *keeper, const cJSON **ret)
{
    const struct keeper_config *config = keeper->rt->config;
    const char *path = config->common.file, *text = NULL;
    size_t len = 0;
    if (!path || !*path) {
        return EDGE_OK;
    }
    enum edge_status st =
        edge_config_read(ctx, keeper->rt->client, keeper->rt->resource_dir, path, &text, &len);
    if (st == EDGE_NOT_FOUND) {
        edge_log_warn(ctx, "no common configuration: official services will wait for it", "reason",
                      edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
        return EDGE_OK;
    }
    EDGE_TRY(st);
    EDGE_TRY(edge_yaml_parse(ctx, text, len, NULL, ret));
    return cJSON_IsObject(*ret) ? EDGE_OK : edge_fail(ctx, EDGE_INVALID, "has no sections");
}

/* ---- the environment --------------------------------------------------------------------- */

/* ALL_SERVICES_SERVICE_PORT for all-services/Service/Port. */
static const char *variable_name(struct edge_arena *a, const char *path)
{
    char *name = edge_new_n(a, char, strlen(path) + 1);
    for (size_t i = 0; path[i]; i++) {
        char c = path[i];
        name[i] = c == '/' || c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return name;
}

static bool is_number(const char *text)
{
    char *end;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* The text of a leaf: the environment's where it has one, which must be of the file's type. */
static enum edge_status leaf_text(struct seed *s, const char *path, const cJSON *leaf,
                                  const char **ret)
{
    const char *name = variable_name(&s->ctx->arena, path);
    const char *text = getenv(name);
    bool flag;
    *ret = text ? text : leaf->valuestring ? leaf->valuestring : "";
    if (text &&
        ((cJSON_IsBool(leaf) && !edge_bool_parse(text, &flag)) ||
         (edge_json_is_number(leaf) && !is_number(text)) || !edge_utf8_valid(text, strlen(text)))) {
        return edge_fail(s->ctx, EDGE_INVALID, "environment variable %s: not of the type of '%s'",
                         name, leaf->valuestring ? leaf->valuestring : "");
    }
    return EDGE_OK;
}

/* ---- writing ----------------------------------------------------------------------------- */

static enum edge_status has_key(struct seed *s, const char *key, bool *ret)
{
    struct edge_query exact = {.collection = &VALUES, .terms = {{"key", key}}, .n_terms = 1};
    int64_t n = 0;
    EDGE_TRY(edge_store_count(s->ctx, s->keeper->store, &exact, &n));
    *ret = n > 0;
    return EDGE_OK;
}

/* Everybody can read what is written here, so no credential is, whoever named it. */
static bool names_secret(const cJSON *member)
{
    const char *key = member->string;
    if (!key || cJSON_IsBool(member) || strcasecmp(key, "InsecureSecrets") == 0) {
        return false;
    }
    return strcasecmp(key, "SecretData") == 0 || strcasecmp(key, "Username") == 0 ||
           edge_config_is_credential(key, NULL);
}

/* What official services look for, and everybody knows (contract 12.3); another value is a secret. */
static bool is_public(const char *path, const char *text)
{
    static const char known[] = "all-services/Writable/InsecureSecrets/DB/SecretData/";
    return strncmp(path, known, strlen(known)) == 0 && strcmp(text, "postgres") == 0;
}

static enum edge_status seed_leaf(struct seed *s, const cJSON *leaf)
{
    const char *path = edge_strdup(&s->ctx->arena, edge_buf_str(&s->path)), *text = NULL;
    const char *key = edge_printf(&s->ctx->arena, BASE "/%s", path);
    bool there = false;
    EDGE_TRY(leaf_text(s, path, leaf, &text));
    if ((s->secret && !is_public(path, text)) || edge_config_is_credential(NULL, text)) {
        edge_log_warn(s->ctx, "credential of the common configuration left out: all can read there",
                      "key", path, NULL);
        return EDGE_OK;
    }
    EDGE_TRY(has_key(s, key, &there));
    if (there && !s->keeper->rt->options->overwrite) {
        return EDGE_OK;
    }
    s->n++;
    return kv_write(s->ctx, s->keeper, key, text);
}

/* Members and list entries become levels of the key; empty ones leave nothing. */
static enum edge_status seed_tree(struct seed *s, const cJSON *tree)
{
    if (!cJSON_IsObject(tree) && !cJSON_IsArray(tree)) {
        return seed_leaf(s, tree);
    }
    size_t len = s->path.len;
    bool secret = s->secret;
    size_t i = 0;
    for (const cJSON *member = tree->child; member; member = member->next, i++) {
        edge_buf_puts(&s->path, len > 0 ? "/" : "");
        if (cJSON_IsArray(tree)) {
            edge_buf_put_u64(&s->path, i);
        } else {
            edge_buf_puts(&s->path, member->string);
        }
        s->secret = secret || names_secret(member);
        EDGE_TRY(seed_tree(s, member));
        s->path.len = len;
        s->secret = secret;
    }
    return EDGE_OK;
}

static enum edge_status seed_all(struct edge_ctx *ctx, void *arg)
{
    struct seed *s = arg;
    EDGE_TRY(seed_tree(s, s->file));
    return kv_write(ctx, s->keeper, READY, "true");
}

static enum edge_status is_ready(struct edge_ctx *ctx, struct keeper *keeper, bool *ret)
{
    struct kv kv;
    enum edge_status st = edge_store_get(ctx, keeper->store, &VALUES, "key", READY, &kv);
    *ret = st == EDGE_OK && kv.value && strcmp(kv.value, "true") == 0;
    return st == EDGE_NOT_FOUND ? EDGE_OK : st;
}

enum edge_status common_seed(struct edge_ctx *ctx, struct keeper *keeper)
{
    const struct keeper_config *config = keeper->rt->config;
    const cJSON *file = NULL;
    bool ready = false;
    EDGE_TRY(is_ready(ctx, keeper, &ready));
    if (ready && !keeper->rt->options->overwrite) {
        return EDGE_OK;
    }
    EDGE_TRY(edge_wrap(ctx, file_read(ctx, keeper, &file), "common configuration %s",
                       config->common.file));
    if (!file) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(seed_done) struct seed s = {.ctx = ctx, .keeper = keeper, .file = file};
    EDGE_TRY(edge_wrap(ctx, edge_store_change(ctx, keeper->store, seed_all, &s),
                       "common configuration %s", config->common.file));
    edge_log_info(ctx, "common configuration written", "file", config->common.file, "keys",
                  edge_printf(&ctx->arena, "%zu", s.n), NULL);
    return EDGE_OK;
}
