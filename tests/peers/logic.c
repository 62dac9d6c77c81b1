/* Lines in turn: a rule, data. For each pair a line: the rule's value as JSON, or "error:" and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/json.h"
#include "stages/stages.h"

int main(void)
{
    char *lines[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    while (getline(&lines[0], &sizes[0], stdin) > 0 && getline(&lines[1], &sizes[1], stdin) > 0) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
        const cJSON *trees[2] = {NULL, NULL}, *value = NULL;
        enum edge_status st = EDGE_OK;
        for (int i = 0; i < 2 && st == EDGE_OK; i++) {
            st = edge_json_parse(&ctx, lines[i], strlen(lines[i]), NULL, &trees[i]);
        }
        st = st == EDGE_OK ? export_logic_apply(&ctx, trees[0], trees[1], &value) : st;
        if (st != EDGE_OK) {
            printf("error: %s\n", edge_ctx_message(&ctx, st));
            continue;
        }
        if (value) {
            edge_json_put(&b, value);
        }
        puts(value ? edge_buf_str(&b) : "null");
    }
    free(lines[0]);
    free(lines[1]);
    return 0;
}
