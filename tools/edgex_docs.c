/* Writes docs/api/<service>.md and docs/api/openapi/<service>.yaml from the tables of the services: routes,
 * parameters, bodies, answers, roles, configuration, subscriptions. Run by ./edgex docs; lint checks that
 * they are current. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "edge_services.h"
#include "export/engine.h"

/* ---- the page ------------------------------------------------------------------------------ */

/* What a body is, in a few characters. */
static void put_body(const struct edge_body *b, FILE *out)
{
    const char *name = b->dto ? b->dto->name : "text";
    switch (b->form) {
    case EDGE_B_BASE:
        fputs("base", out);
        break;
    case EDGE_B_ID:
        fputs("base, `id`", out);
        break;
    case EDGE_B_DTO:
        fputs(name, out);
        break;
    case EDGE_B_OBJECT:
        fprintf(out, "`%s`: %s", b->key, b->dto ? name : "object");
        break;
    case EDGE_B_LIST:
        fprintf(out, "`totalCount`, `%s`: %s[]", b->key, name);
        break;
    case EDGE_B_PLAIN_LIST:
        fprintf(out, "`%s`: %s[]", b->key, name);
        break;
    case EDGE_B_BATCH:
        fprintf(out, "%s[]", b->dto ? name : "base");
        break;
    case EDGE_B_BATCH_IDS:
        fputs("(base, `id`)[]", out);
        break;
    case EDGE_B_PATCHES:
        fprintf(out, "(`%s`: part of %s)[]", b->key, name);
        break;
    case EDGE_B_FILE:
        fprintf(out, "form with a file: %s", name);
        break;
    case EDGE_B_ANY:
        fputs("object", out);
        break;
    case EDGE_B_UNSAID:
    case EDGE_B_EMPTY:
    case EDGE_B_RAW:
        break;
    }
    if (b->also) {
        fprintf(out, "%s%s", b->form == EDGE_B_RAW ? "" : "; also ", b->also);
    }
    fputs(b->optional ? ", or nothing" : "", out);
    if (b->other) {
        fputs(" or ", out);
        put_body(b->other, out);
    }
}

static void put_row(const struct edge_route *r, FILE *out)
{
    fprintf(out, "| %s | `%s` | %s | ", r->method, r->path, r->doc);
    for (const struct edge_param *p = r->params; p && p->name; p++) {
        fprintf(out, "%s`%s`", p == r->params ? "" : ", ", p->name);
    }
    fputs(r->params && r->request.form != EDGE_B_UNSAID ? "; " : "", out);
    put_body(&r->request, out);
    fprintf(out, " | %d ", edge_body_code(&r->answer));
    put_body(&r->answer, out);
    fputs(" |", out);
    for (int code = 400; code < 500; code++) {
        if (code != 401 && edge_route_may_fail(r, code)) {
            fprintf(out, " %d", code);
        }
    }
    fputs(edge_route_may_fail(r, 501) ? " 501 |\n" : " |\n", out);
}

static void put_routes(const struct edge_routes *routes, FILE *out)
{
    fputs("| Method | Path | | Takes | Answers | Fails |\n|---|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < routes->n; i++) {
        put_row(&routes->rows[i], out);
    }
    fputc('\n', out);
}

static bool is_listed(const struct edge_routes *routes, size_t upto, const struct edge_param *param)
{
    for (size_t i = 0; i <= upto; i++) {
        const struct edge_param *p = routes->rows[i].params;
        for (; p && p->name && p != param; p++) {
            if (strcmp(p->name, param->name) == 0 && strcmp(p->doc, param->doc) == 0) {
                return true;
            }
        }
        if (p == param) {
            return false;
        }
    }
    return false;
}

/* Each parameter once, in the order the routes name them. */
static void put_params(const struct edge_routes *routes, FILE *out)
{
    static const char *const types[] = {"text", "integer", "boolean", "UUID"};
    bool any = false;
    for (size_t i = 0; i < routes->n; i++) {
        for (const struct edge_param *p = routes->rows[i].params; p && p->name; p++) {
            if (is_listed(routes, i, p)) {
                continue;
            }
            fputs(any ? "" : "## Parameters\n\n| | | |\n|---|---|---|\n", out);
            fprintf(out, "| `%s` | %s | %s", p->name, types[p->type], p->doc);
            for (const char *const *name = p->names; name && *name; name++) {
                fprintf(out, "%s`%s`%s", name == p->names ? " One of " : ", ", *name,
                        name[1] ? "" : ".");
            }
            fputs(" |\n", out);
            any = true;
        }
    }
    fputs(any ? "\n" : "", out);
}

static void put_role_names(unsigned roles, FILE *out)
{
    const char *before = "";
    for (unsigned role = 1; role < EDGE_ROLE_END; role <<= 1) {
        if (roles & role) {
            fprintf(out, "%s%s", before, edge_role_name(role));
            before = ", ";
        }
    }
}

/* Routes that are for the same roles stand together. */
static void put_roles(const struct edge_routes *routes, FILE *out)
{
    fputs(
        "## Roles\n\nWhom routes are for. Nothing enforces it yet.\n\n| Roles | Routes |\n|---|---|\n",
        out);
    for (size_t i = 0; i < routes->n; i++) {
        unsigned roles = routes->rows[i].roles;
        size_t first = 0;
        while (routes->rows[first].roles != roles) {
            first++;
        }
        if (first < i) {
            continue;
        }
        fputs("| ", out);
        put_role_names(roles, out);
        for (size_t k = i; k < routes->n; k++) {
            const struct edge_route *r = &routes->rows[k];
            if (r->roles == roles) {
                fprintf(out, "%s`%s %s`", k == i ? " | " : ", ", r->method, r->path);
            }
        }
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* Each request body once, in the order the routes name them. */
static void put_bodies(const struct edge_routes *routes, FILE *out)
{
    bool any = false;
    for (size_t i = 0; i < routes->n; i++) {
        const struct edge_dto *body = routes->rows[i].request.dto;
        bool seen = !body;
        for (size_t k = 0; k < i && !seen; k++) {
            seen = routes->rows[k].request.dto == body;
        }
        if (!seen) {
            fputs(any ? "" : "## Request bodies\n\n", out);
            any = true;
            edge_dto_docs(body, out);
            fputc('\n', out);
        }
    }
}

static void put_subscriptions(const struct edge_service *s, FILE *out)
{
    if (s->n_subscriptions == 0) {
        return;
    }
    fputs("## Subscriptions\n\n| Topic below the base | |\n|---|---|\n", out);
    for (size_t i = 0; i < s->n_subscriptions; i++) {
        fprintf(out, "| `%s` | %s |\n", s->subscriptions[i].topic, s->subscriptions[i].doc);
    }
    fputc('\n', out);
}

static void write_page(const struct edge_service *s, FILE *out)
{
    fprintf(
        out,
        "# %s\n\n%s; port %d. Generated from the service's tables by `./edgex docs`; for programs there is\n"
        "[openapi/%s.yaml](openapi/%s.yaml), and `GET /api/v3/openapi.json` of the running service.\n\n",
        s->name, s->doc ? s->doc : s->name, s->port, s->name, s->name);
    fputs(
        "## Routes\n\nBase is the envelope: `apiVersion`, `statusCode`, `message` where there is something to say. Each may fail\n"
        "with 500 and 503 too, and all but ping with 401.\n\n",
        out);
    put_routes(&s->routes, out);
    fputs("What every service has:\n\n", out);
    put_routes(&edge_common_routes, out);
    put_params(&s->routes, out);
    put_roles(&s->routes, out);
    put_bodies(&s->routes, out);
    put_subscriptions(s, out);
    fputs("## Configuration\n\n", out);
    edge_dto_docs(s->config, out);
}

/* ---- the document -------------------------------------------------------------------------- */

/* Words YAML would take for something else, and anything else than words, stand in quotes. */
static void put_text(const char *s, FILE *out)
{
    static const char *const taken[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    bool plain = isalpha((unsigned char)*s) || *s == '/' || *s == '$';
    for (const char *c = s; *c; c++) {
        plain = plain && (isalnum((unsigned char)*c) || strchr("/_-{}$", *c));
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        plain = plain && strcmp(s, taken[i]) != 0;
    }
    if (plain) {
        fputs(s, out);
        return;
    }
    struct edge_buf quoted = EDGE_BUF_INIT;
    edge_json_put_string(&quoted, s);
    fprintf(out, "%.*s", (int)quoted.len, quoted.data);
    edge_buf_done(&quoted);
}

static void put_yaml(const cJSON *node, int depth, bool in_list, FILE *out)
{
    if (!cJSON_IsObject(node) && !cJSON_IsArray(node)) {
        struct edge_buf text = EDGE_BUF_INIT;
        if (cJSON_IsString(node)) {
            put_text(node->valuestring, out);
        } else {
            edge_json_put(&text, node);
            fprintf(out, "%.*s", (int)text.len, text.data);
        }
        edge_buf_done(&text);
        fputc('\n', out);
        return;
    }
    if (!node->child) {
        fputs(cJSON_IsArray(node) ? "[]\n" : "{}\n", out);
        return;
    }
    fputs(in_list || depth == 0 ? "" : "\n", out);
    for (const cJSON *child = node->child; child; child = child->next) {
        bool first_of_item = in_list && child == node->child;
        fprintf(out, "%*s", first_of_item ? 0 : 2 * depth, "");
        if (child->string) {
            put_text(child->string, out);
            fputs(child->child || cJSON_IsInvalid(child) ? ":" : ": ", out);
        } else {
            fputs("- ", out);
        }
        put_yaml(child, depth + 1, !child->string, out);
    }
}

static bool write_document(const struct edge_service *s, FILE *out)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *document = NULL;
    enum edge_status st = edge_service_describe(&ctx, s, &document);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s: %s\n", s->name, edge_ctx_message(&ctx, st));
        return false;
    }
    put_yaml(document, 0, false, out);
    return true;
}

static FILE *open_file(const char *directory, const char *name, const char *tail)
{
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/%s%s", directory, name, tail);
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        exit(1);
    }
    return out;
}

/* ---- functions of pipelines ------------------------------------------------------------------ */

static void write_kind(const struct export_param *p, FILE *out)
{
    switch (p->kind) {
    case EXPORT_P_TEXT:
        fputs("text", out);
        break;
    case EXPORT_P_BOOL:
        fputs("true or false", out);
        break;
    case EXPORT_P_COUNT:
        fprintf(out, "number from %lld", (long long)p->min);
        if (p->max > 0) {
            fprintf(out, " to %lld", (long long)p->max);
        }
        break;
    case EXPORT_P_DURATION:
        fputs("duration", out);
        break;
    case EXPORT_P_ONE_OF:
        for (const char *const *name = p->names; *name; name++) {
            fprintf(out, "%s`%s`", name == p->names ? "" : name[1] ? ", " : " or ", *name);
        }
        break;
    }
}

static void write_params(const struct export_param *p, FILE *out)
{
    fputs("| Parameter | | Default | Meaning |\n|---|---|---|---|\n", out);
    for (; p->name; p++) {
        const char *def = !p->def ? "must be given" : !*p->def ? "none" : p->def;
        const char *quote = p->def && *p->def ? "`" : "";
        fprintf(out, "| `%s` | ", p->name);
        write_kind(p, out);
        fprintf(out, " | %s%s%s | %s |\n", quote, def, quote, p->doc);
    }
}

static void write_function(const struct export_function *f, FILE *out)
{
    fprintf(out, "\n## %s\n\n%s%s\n\n", f->name, f->doc,
            f->connector ? " What comes to it waits in a [queue](#queues) on disk." : "");
    write_params(f->params, out);
}

static bool write_functions(const char *dir)
{
    FILE *out = open_file(dir, "functions", ".md");
    fputs(
        "# Functions of pipelines\n\nMade from the table of functions. A name in `ExecutionOrder` means the function it "
        "begins with, the longest one;\nparameters are texts, their names in any case. An empty text is as none. "
        "[export.md](../export.md) teaches how they are put together.\n",
        out);
    for (size_t i = 0; i < EXPORT_N_FUNCTIONS; i++) {
        write_function(EXPORT_FUNCTIONS[i], out);
    }
    fputs(
        "\n## Queues\n\nA function that hands on has a queue on disk, and may have these parameters beside its "
        "own.\n\n",
        out);
    write_params(EXPORT_QUEUE_PARAMS, out);
    return fclose(out) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: edgex-docs DIRECTORY\n");
        return 2;
    }
    EDGE_CTX_SCOPE(ctx);
    const char *below = edge_printf(&ctx.arena, "%s/openapi", argv[1]);
    mkdir(below, 0777);
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        FILE *page = open_file(argv[1], services[i]->name, ".md");
        write_page(services[i], page);
        ok = fclose(page) == 0 && ok;
        FILE *document = open_file(below, services[i]->name, ".yaml");
        ok = write_document(services[i], document) && ok;
        ok = fclose(document) == 0 && ok;
    }
    ok = write_functions(argv[1]) && ok;
    return ok ? 0 : 1;
}
