/*
 * What of a configuration nobody may see: what the tables call secret, and in free-form sections what
 * by its name or form must be a credential. Such values stay out of the configuration provider, where
 * everybody can read, and out of what GET /config shows.
 */
#include "config_tree.h"

enum treatment { STRIP, MASK };

static void treat(enum treatment how, cJSON *section, cJSON *member)
{
    if (how == STRIP) {
        cJSON_Delete(cJSON_DetachItemViaPointer(section, member));
    } else if (member->string) {
        cJSON_ReplaceItemInObjectCaseSensitive(section, member->string,
                                               cJSON_CreateString("<redacted>"));
    } else {
        cJSON_ReplaceItemViaPointer(section, member, cJSON_CreateString("<redacted>"));
    }
}

/* A truth tells nothing: `UsesToken`, or the name of a metric. */
static bool is_credential(const cJSON *member)
{
    return !cJSON_IsBool(member) &&
           edge_config_is_credential(member->string, cJSON_GetStringValue(member));
}

/* A list is one value: without one of its elements it would be another, so all of it goes. */
static bool lists_credentials(const cJSON *list)
{
    const cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        if (cJSON_IsArray(element) ? lists_credentials(element) : is_credential(element)) {
            return true;
        }
    }
    return false;
}

static void walk_any(enum treatment how, cJSON *section, cJSON *member)
{
    bool whole = how == STRIP && cJSON_IsArray(member) && lists_credentials(member);
    if (!cJSON_IsNull(member) && (whole || is_credential(member))) {
        treat(how, section, member);
        return;
    }
    for (cJSON *below = member->child, *next; below; below = next) {
        next = below->next;
        walk_any(how, member, below);
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
    if (!last || (last->flags & EDGE_VALUE)) {
        walk_any(how, section, entries);
        return;
    }
    for (cJSON *entry = entries->child; entry; entry = entry->next) {
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
        walk_any(how, section, member);
        return;
    default:
        if ((f->flags & EDGE_SECRET) || edge_config_is_credential(NULL, text)) {
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

enum edge_status config_secrets_read(struct edge_ctx *ctx, const char *path, const cJSON **ret)
{
    const char *text = NULL;
    size_t len = 0;
    EDGE_TRY(config_file_read(ctx, NULL, path, &text, &len));
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, text, len, NULL, ret), "cannot read %s", path));
    return cJSON_IsObject(*ret) ? EDGE_OK
                                : edge_fail(ctx, EDGE_INVALID, "cannot read %s: no object", path);
}
