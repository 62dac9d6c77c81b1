/* Writes docs/api/<service>.md from the tables of the services: routes, request bodies,
 * configuration, subscriptions. Run by ./edgex docs; lint checks that the pages are current. */
#include <stdio.h>
#include <stdlib.h>

#include "edge_services.h"

static void put_routes(const struct edge_routes *routes, FILE *out)
{
    fputs("## Routes\n\n| Method | Path | |\n|---|---|---|\n", out);
    for (size_t i = 0; i < routes->n; i++) {
        const struct edge_route *r = &routes->rows[i];
        fprintf(out, "| %s | `%s` | %s |\n", r->method, r->path, r->doc);
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

static bool write_page(const struct edge_service *s, const char *directory)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.md", directory, s->name);
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        return false;
    }
    fprintf(out, "# %s\n\n%s; port %d. Generated from the service's tables by `./edgex docs`.\n\n",
            s->name, s->doc, s->port);
    fputs(
        "Beside these, every service answers `GET /api/v3/ping`, `/version`, `/config`, `/metrics` and\n"
        "`POST /api/v3/secret`.\n\n",
        out);
    put_routes(&s->routes, out);
    put_bodies(&s->routes, out);
    put_subscriptions(s, out);
    fputs("## Configuration\n\n", out);
    edge_dto_docs(s->config, out);
    return fclose(out) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: edgex-docs DIRECTORY\n");
        return 2;
    }
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok = write_page(services[i], argv[1]) && ok;
    }
    return ok ? 0 : 1;
}
