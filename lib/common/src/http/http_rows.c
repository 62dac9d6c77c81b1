/* What the rows of route tables say beside what the dispatcher goes by, and whether they say it all. */
#include <stdlib.h>
#include <string.h>

#include "edge/route.h"

const struct edge_param EDGE_PAGE_PARAMS[] = {EDGE_PAGE_ROWS, {NULL}};
const struct edge_param EDGE_LABELLED_PARAMS[] = {EDGE_PAGE_ROWS, EDGE_LABELS_ROW, {NULL}};

const char *edge_role_name(unsigned role)
{
    static const char *const names[] = {
        "admin-it",   "admin-ot", "installer",    "service-technician",
        "operator",   "viewer",   "console",      "svc-core",
        "svc-device", "svc-app",  "svc-security", "device",
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (role == 1u << i) {
            return names[i];
        }
    }
    return NULL;
}

int edge_body_code(const struct edge_body *answer)
{
    bool batch = answer->form == EDGE_B_BATCH || answer->form == EDGE_B_BATCH_IDS;
    int usual = batch ? 207 : answer->form == EDGE_B_ID ? 201 : 200;
    return answer->code ? answer->code : usual;
}

const struct edge_param *edge_route_param(const struct edge_route *route, const char *name)
{
    const struct edge_param *p = route->params;
    while (p && p->name && strcmp(p->name, name) != 0) {
        p++;
    }
    return p && p->name ? p : NULL;
}

/* ---- failures ------------------------------------------------------------------------------ */

/* Anything in it that may be written wrong? */
static bool takes_input(const struct edge_route *route)
{
    bool any = route->request.form != EDGE_B_UNSAID || strchr(route->path, '{');
    for (const struct edge_param *p = route->params; p && p->name; p++) {
        any = any || p->type == EDGE_P_INT || p->names;
    }
    return any;
}

static bool says(const struct edge_route *route, int code)
{
    for (const char *s = route->fails; s && *s; s += 3 + (s[3] == ' ')) {
        if (strtol(s, NULL, 10) == code) {
            return true;
        }
    }
    return false;
}

bool edge_route_may_fail(const struct edge_route *route, int code)
{
    switch (code) {
    case 400:
        return takes_input(route) || says(route, code);
    case 401:
        return !(route->flags & EDGE_ROUTE_OPEN);
    case 413:
        return route->request.form != EDGE_B_UNSAID || says(route, code);
    case 416:
        return edge_route_param(route, "offset") != NULL;
    case 500:
    case 503:
        return true;
    default:
        return says(route, code);
    }
}

/* ---- soundness ----------------------------------------------------------------------------- */

static bool is_documented(const char *doc)
{
    return doc && *doc;
}

static const char *verify_params(const struct edge_param *p)
{
    for (; p && p->name; p++) {
        if (!is_documented(p->doc)) {
            return "a parameter has no doc";
        }
        if (p->names && p->type != EDGE_P_TEXT) {
            return "only texts have names";
        }
    }
    return NULL;
}

/* Groups of three digits, a blank between two of them. */
static bool fails_are_sound(const char *s)
{
    while (s && *s) {
        if (strspn(s, "0123456789") != 3 || s[0] < '4' || s[0] > '5' ||
            !(s[3] == '\0' || (s[3] == ' ' && s[4] != '\0'))) {
            return false;
        }
        s += 3 + (s[3] == ' ');
    }
    return true;
}

static const char *verify_body(const struct edge_body *b)
{
    bool keyed = b->form == EDGE_B_OBJECT || b->form == EDGE_B_LIST ||
                 b->form == EDGE_B_PLAIN_LIST || b->form == EDGE_B_PATCHES;
    if (keyed != (b->key != NULL)) {
        return "a body has no key, or one it does not need";
    }
    if ((b->form == EDGE_B_DTO || b->form == EDGE_B_LIST || b->form == EDGE_B_PATCHES) && !b->dto) {
        return "a body has no DTO";
    }
    if (b->form == EDGE_B_RAW && !b->also) {
        return "a body that is no JSON has no type";
    }
    const char *wrong = b->dto ? edge_dto_verify(b->dto) : NULL;
    return wrong || !b->other ? wrong : verify_body(b->other);
}

static const char *verify_row(const struct edge_route *row)
{
    if (!is_documented(row->doc)) {
        return "no doc";
    }
    if (row->roles == 0 || row->roles >= EDGE_ROLE_END) {
        return "no roles that may use it, or unknown ones";
    }
    if (row->answer.form == EDGE_B_UNSAID) {
        return "no answer";
    }
    bool batch = row->request.form == EDGE_B_BATCH || row->request.form == EDGE_B_PATCHES;
    if (batch != (edge_body_code(&row->answer) == 207)) {
        return "a batch is not answered as one";
    }
    if (!fails_are_sound(row->fails)) {
        return "fails are not statuses, a blank between two of them";
    }
    const char *wrong = verify_params(row->params);
    wrong = wrong ? wrong : verify_body(&row->request);
    return wrong ? wrong : verify_body(&row->answer);
}

const char *edge_routes_verify(const struct edge_routes *routes, struct edge_arena *a)
{
    for (size_t i = 0; i < routes->n; i++) {
        const struct edge_route *row = &routes->rows[i];
        const char *wrong = verify_row(row);
        if (wrong) {
            return edge_printf(a, "%s %s: %s", row->method, row->path, wrong);
        }
    }
    return NULL;
}
