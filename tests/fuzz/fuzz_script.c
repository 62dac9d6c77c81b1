/* Scripts on hostile data, and hostile scripts: within their bounds, whatever comes. */
#include "fuzz_functions.h"

static const char *const SCRIPTS[] = {
    "function process(data) return data end",
    "function process(data) local n = {}; for k, v in pairs(data) do n[#n + 1] = tostring(v) end; return n end",
    "function process(data) data.self = data; return data end",
    "function process(data) local s = 'x'; while true do s = s .. s end end",
    "function process(data) return match(tostring(data), '(a*)*b') end",
    "function process(data) return data end; while true do end",
};
enum { N_SCRIPTS = sizeof(SCRIPTS) / sizeof(SCRIPTS[0]) };

/* The first byte says which script; beyond them, the first line is one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    EDGE_CTX_SCOPE(ctx);
    const char *body = (const char *)data + 1, *end = (const char *)data + size, *script;
    void *stage = NULL;
    if (data[0] % (N_SCRIPTS + 1) < N_SCRIPTS) {
        script = SCRIPTS[data[0] % (N_SCRIPTS + 1)];
    } else {
        const char *line = memchr(body, '\n', (size_t)(end - body));
        line = line ? line : end;
        script = edge_strndup(&ctx.arena, body, (size_t)(line - body));
        body = line < end ? line + 1 : end;
    }
    const struct export_function *f = export_function_find("Script");
    const struct edge_named_text given[] = {
        {"Script",           script},
        {"MemoryKB",         "256" },
        {"KiloInstructions", "50"  },
    };
    if (fuzz_make(&ctx, f, given, 3, &stage) == EDGE_OK) {
        fuzz_run(&ctx, f, stage, fuzz_data(&ctx, body, (size_t)(end - body)));
    }
    return 0;
}
