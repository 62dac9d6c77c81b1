/* What the rows of route tables say beside what the dispatcher goes by, and whether they say it all. */
#include <stdlib.h>
#include <string.h>

#include "edge/route.h"

const struct edge_query_param EDGE_PAGE_QUERY[] = {EDGE_PAGE_ROWS, {NULL}};
const struct edge_query_param EDGE_LABELLED_QUERY[] = {EDGE_PAGE_ROWS, EDGE_LABELS_ROW, {NULL}};

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

/* ---- failures ------------------------------------------------------------------------------ */

static bool has_query(const struct edge_route *route, const char *name)
{
    const struct edge_query_param *q = route->query;
    while (q && q->name && strcmp(q->name, name) != 0) {
        q++;
    }
    return q && q->name;
}

/* Anything in it that may be written wrong? */
static bool takes_input(const struct edge_route *route)
{
    bool any = route->request.form != EDGE_B_UNSAID || strchr(route->path, '{');
    for (const struct edge_query_param *q = route->query; q && q->name; q++) {
        any = any || q->type == EDGE_Q_INT || q->names;
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
        return has_query(route, "offset");
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

static const char *verify_query(const struct edge_query_param *q)
{
    for (; q && q->name; q++) {
        if (!is_documented(q->doc)) {
            return "a query parameter has no doc";
        }
        if (q->names && q->type != EDGE_Q_TEXT) {
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
    const char *wrong = verify_query(row->query);
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
