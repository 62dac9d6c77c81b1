/*
 * What of a configuration nobody may see: what the tables call secret, and in free-form sections what
 * by its name or form must be a credential. Such values stay out of the configuration provider, where
 * everybody can read, and out of what GET /config shows.
 */
#include <string.h>
#include <strings.h>

#include "config_tree.h"

enum treatment { STRIP, MASK };

static bool contains(const char *text, const char *part)
{
    size_t len = strlen(part);
    for (; *text; text++) {
        if (strncasecmp(text, part, len) == 0) {
            return true;
        }
    }
    return false;
}

/* scheme://user:password@host */
static bool has_password(const char *text)
{
    const char *authority = strstr(text, "://");
    if (!authority) {
        return false;
    }
    authority += strlen("://");
    size_t len = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', len);
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    return colon && colon + 1 < at;
}

bool config_is_credential(const char *key, const char *text)
{
    static const char *const words[] = {"password",   "passwd",  "passphrase",
                                        "secret",     "token",   "apikey",
                                        "credential", "api_key", "privatekey"};
    if (strcasecmp(key, "SecretName") == 0 || strcasecmp(key, "SecretPath") == 0) {
        return text && has_password(text);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (contains(key, words[i])) {
            return true;
        }
    }
    return text && has_password(text);
}

static void treat(enum treatment how, cJSON *section, cJSON *member)
{
    if (how == STRIP) {
        cJSON_Delete(cJSON_DetachItemViaPointer(section, member));
    } else {
        cJSON_ReplaceItemInObjectCaseSensitive(section, member->string,
                                               cJSON_CreateString("<redacted>"));
    }
}

static void walk_any(enum treatment how, cJSON *section)
{
    for (cJSON *member = section->child, *next; member; member = next) {
        next = member->next;
        if (member->string && !cJSON_IsNull(member) &&
            config_is_credential(member->string, cJSON_GetStringValue(member))) {
            treat(how, section, member);
        } else {
            walk_any(how, member);
        }
    }
}

static void walk(enum treatment how, const struct edge_dto *dto, cJSON *section);

static void walk_entries(enum treatment how, const struct edge_field *f, cJSON *section,
                         cJSON *entries)
{
    const struct edge_field *last = f->sub ? &f->sub->fields[f->sub->n_fields - 1] : NULL;
    if (last && (last->flags & EDGE_VALUE) && (last->flags & EDGE_SECRET)) {
        if (how == STRIP) { /* they are written blank */
            treat(how, section, entries);
        }
        return;
    }
    bool sections = last && !(last->flags & EDGE_VALUE);
    for (cJSON *entry = entries->child; entry && sections; entry = entry->next) {
        walk(how, f->sub, entry);
    }
}

static void walk_member(enum treatment how, const struct edge_field *f, cJSON *section,
                        cJSON *member)
{
    const char *text = cJSON_GetStringValue(member);
    switch (f->kind & EDGE_K_MASK) {
    case EDGE_K_OBJ:
        walk(how, f->sub, member);
        return;
    case EDGE_K_MAP:
    case EDGE_K_LIST:
        walk_entries(how, f, section, member);
        return;
    case EDGE_K_ANY:
        walk_any(how, member);
        return;
    default:
        if ((f->flags & EDGE_SECRET) || (text && has_password(text))) {
            treat(how, section, member);
        }
    }
}

static void walk(enum treatment how, const struct edge_dto *dto, cJSON *section)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        cJSON *member = f->json ? config_member(section, f->json) : NULL;
        if (f->flags & EDGE_INLINE) {
            walk(how, f->sub, section);
        } else if (member) {
            walk_member(how, f, section, member);
        }
    }
}

void config_strip_secrets(const struct edge_dto *dto, cJSON *tree)
{
    walk(STRIP, dto, tree);
}

void config_mask_secrets(const struct edge_dto *dto, cJSON *tree)
{
    walk(MASK, dto, tree);
}
