/*
 * Script: a function of a pipeline written in Lua. It has arithmetic, texts, tables and nothing that reaches out of
 * the sandbox: no files, no modules, no byte code. Its memory and its instructions have a bound, so a script that
 * runs wild fails like any other function. Lua's own patterns can take time without end inside one instruction and
 * are left out; match(text, expression) is there instead, with the bounds of every expression here.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "edge/pattern.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "export/stage.h"
#include "stages.h"

enum {
    DEPTH = 32,     /* of tables */
    HOOK = 1000,    /* instructions between looks at the bound */
    NODES = 200000, /* of what a script returns */
    MANY_KB = 1024 * 1024,
};

struct script {
    const char *name;
    size_t bytes, max_bytes;
    int64_t max_instructions;
    struct edge_mutex lock; /* one run at a time: globals live from run to run */
    lua_State *lua;
    int64_t left;         /* of the run */
    struct edge_ctx *ctx; /* of the run */
};

/* ---- the sandbox ---------------------------------------------------------------------------- */

static void *allocate(void *arg, void *block, size_t before, size_t size)
{
    struct script *s = arg;
    before = block ? before : 0;
    if (size == 0) {
        free(block);
        s->bytes -= before;
        return NULL;
    }
    if (s->bytes - before + size > s->max_bytes) {
        return NULL;
    }
    void *moved = realloc(block, size);
    if (moved) {
        s->bytes = s->bytes - before + size;
    }
    return moved;
}

static struct script *script_of(lua_State *lua)
{
    void *arg;
    (void)lua_getallocf(lua, &arg);
    return arg;
}

static void count_instructions(lua_State *lua, lua_Debug *what)
{
    (void)what;
    struct script *s = script_of(lua);
    s->left -= HOOK;
    if (s->left <= 0) {
        luaL_error(lua, "takes more than %I instructions", (lua_Integer)s->max_instructions);
    }
}

/* match(text, expression): true where it is found in the text. */
static int lua_match(lua_State *lua)
{
    struct script *s = script_of(lua);
    const char *text = luaL_checkstring(lua, 1), *expression = luaL_checkstring(lua, 2);
    struct edge_pattern *p = NULL;
    bool found = false;
    enum edge_status st = edge_pattern_create(s->ctx, expression, EDGE_PATTERN_SEARCH, &p);
    if (st == EDGE_OK) {
        st = edge_pattern_match(s->ctx, p, text, &found);
    }
    edge_pattern_free(p);
    if (st != EDGE_OK) {
        lua_pushstring(lua, edge_ctx_message(s->ctx, st));
        edge_ctx_clear(s->ctx);
        return lua_error(lua);
    }
    lua_pushboolean(lua, found);
    return 1;
}

/* log(text): a line at DEBUG. */
static int lua_log(lua_State *lua)
{
    struct script *s = script_of(lua);
    edge_log_debug(s->ctx, "script says", "function", s->name, "text", luaL_tolstring(lua, 1, NULL),
                   NULL);
    return 0;
}

static void remove_from(lua_State *lua, const char *table, const char *const *names)
{
    lua_getglobal(lua, table);
    for (; *names; names++) {
        lua_pushnil(lua);
        lua_setfield(lua, -2, *names);
    }
    lua_pop(lua, 1);
}

static int open_sandbox(lua_State *lua)
{
    static const char *const no_globals[] = {"dofile",         "loadfile",     "load",   "require",
                                             "collectgarbage", "rawset",       "rawget", "rawlen",
                                             "rawequal",       "print",        "pcall",  "xpcall",
                                             "setmetatable",   "getmetatable", NULL};
    static const char *const no_string[] = {"dump", "find",   "match",    "gmatch", "gsub",
                                            "pack", "unpack", "packsize", NULL};
    static const luaL_Reg libraries[] = {
        {LUA_GNAME,       luaopen_base  },
        {LUA_STRLIBNAME,  luaopen_string},
        {LUA_TABLIBNAME,  luaopen_table },
        {LUA_MATHLIBNAME, luaopen_math  },
        {LUA_UTF8LIBNAME, luaopen_utf8  },
        {NULL,            NULL          },
    };
    for (const luaL_Reg *l = libraries; l->name; l++) {
        luaL_requiref(lua, l->name, l->func, 1);
        lua_pop(lua, 1);
    }
    remove_from(lua, LUA_GNAME, no_globals);
    remove_from(lua, LUA_STRLIBNAME, no_string);
    lua_pushcfunction(lua, lua_match);
    lua_setglobal(lua, "match");
    lua_pushcfunction(lua, lua_log);
    lua_setglobal(lua, "log");
    return 0;
}

/* ---- values --------------------------------------------------------------------------------- */

static void push_tree(lua_State *lua, const cJSON *tree)
{
    int64_t integer;
    double real = 0;
    luaL_checkstack(lua, 4, "too deep");
    if (cJSON_IsObject(tree) || cJSON_IsArray(tree)) {
        lua_Integer i = 0;
        lua_newtable(lua);
        for (const cJSON *c = tree->child; c; c = c->next) {
            push_tree(lua, c);
            if (c->string && cJSON_IsObject(tree)) {
                lua_setfield(lua, -2, c->string);
            } else {
                lua_rawseti(lua, -2, ++i);
            }
        }
    } else if (cJSON_IsString(tree)) {
        lua_pushstring(lua, tree->valuestring);
    } else if (cJSON_IsBool(tree)) {
        lua_pushboolean(lua, cJSON_IsTrue(tree));
    } else if (edge_json_int(tree, &integer)) {
        lua_pushinteger(lua, integer);
    } else if (edge_json_real(tree, &real)) {
        lua_pushnumber(lua, real);
    } else {
        lua_pushnil(lua);
    }
}

struct writer {
    lua_State *lua;
    struct edge_buf *out;
    size_t nodes;
};

static void write_value(struct writer *w, int depth);

/* A table with an entry 1 is a list. */
static void write_table(struct writer *w, int depth)
{
    lua_State *lua = w->lua;
    lua_Integer n = (lua_Integer)lua_rawlen(lua, -1);
    bool first = true;
    if (n > 0) {
        edge_buf_putc(w->out, '[');
        for (lua_Integer i = 1; i <= n; i++) {
            edge_buf_puts(w->out, i > 1 ? "," : "");
            lua_rawgeti(lua, -1, i);
            write_value(w, depth + 1);
            lua_pop(lua, 1);
        }
        edge_buf_putc(w->out, ']');
        return;
    }
    edge_buf_putc(w->out, '{');
    for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1)) {
        lua_pushvalue(lua,
                      -2); /* a copy: to make a text of the key itself would confuse lua_next */
        edge_buf_puts(w->out, first ? "" : ",");
        edge_json_put_string(w->out, luaL_tolstring(lua, -1, NULL));
        lua_pop(lua, 2);
        edge_buf_putc(w->out, ':');
        write_value(w, depth + 1);
        first = false;
    }
    edge_buf_putc(w->out, '}');
}

static void write_value(struct writer *w, int depth)
{
    lua_State *lua = w->lua;
    luaL_checkstack(lua, 4, "too deep");
    if (depth > DEPTH || ++w->nodes > NODES) {
        luaL_error(lua, "what it returns is too deep or too long");
    }
    switch (lua_type(lua, -1)) {
    case LUA_TTABLE:
        write_table(w, depth);
        break;
    case LUA_TSTRING:
        edge_json_put_string(w->out, lua_tostring(lua, -1));
        break;
    case LUA_TBOOLEAN:
        edge_buf_puts(w->out, lua_toboolean(lua, -1) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(lua, -1)) {
            edge_buf_put_i64(w->out, lua_tointeger(lua, -1));
        } else {
            edge_json_put_real(w->out, lua_tonumber(lua, -1));
        }
        break;
    default:
        edge_buf_puts(w->out, "null");
        break;
    }
}

/* ---- a run ---------------------------------------------------------------------------------- */

struct run {
    struct script *script;
    struct export_flow *flow;
    const cJSON *tree; /* what comes, where it is JSON */
    struct edge_buf out;
    enum { SAME, DROPPED, TEXT, TREE } result;
};

static void push_input(lua_State *lua, const struct run *r)
{
    const struct export_data *d = &r->flow->data;
    if (r->tree) {
        push_tree(lua, r->tree);
    } else {
        lua_pushlstring(lua, d->bytes.data ? d->bytes.data : "", d->bytes.size);
    }
    lua_newtable(lua);
    for (const struct export_value *v = r->flow->values; v; v = v->next) {
        lua_pushstring(lua, v->value);
        lua_setfield(lua, -2, v->name);
    }
}

static int run_protected(lua_State *lua)
{
    struct run *r = lua_touserdata(lua, 1);
    if (lua_getglobal(lua, "process") != LUA_TFUNCTION) {
        return luaL_error(lua, "has no function process(data, values)");
    }
    push_input(lua, r);
    lua_call(lua, 2, 1);
    switch (lua_type(lua, -1)) {
    case LUA_TNIL:
        r->result = DROPPED;
        break;
    case LUA_TBOOLEAN:
        r->result = lua_toboolean(lua, -1) ? SAME : DROPPED;
        break;
    case LUA_TSTRING: {
        size_t n;
        const char *text = lua_tolstring(lua, -1, &n);
        r->result = TEXT;
        edge_buf_put(&r->out, text, n);
        break;
    }
    case LUA_TTABLE: {
        struct writer w = {.lua = lua, .out = &r->out};
        r->result = TREE;
        write_value(&w, 0);
        break;
    }
    default:
        return luaL_error(lua, "returns a %s; it may be nil, a boolean, a text or a table",
                          luaL_typename(lua, -1));
    }
    return 0;
}

static enum edge_status call(struct edge_ctx *ctx, struct script *s, lua_CFunction fn, void *arg)
{
    s->ctx = ctx;
    s->left = s->max_instructions;
    lua_settop(s->lua, 0);
    lua_pushcfunction(s->lua, fn);
    lua_pushlightuserdata(s->lua, arg);
    if (lua_pcall(s->lua, 1, 0, 0) == LUA_OK) {
        return EDGE_OK;
    }
    const char *text = lua_tostring(s->lua, -1);
    enum edge_status st = edge_fail(ctx, EDGE_INVALID, "script: %s", text ? text : "fails");
    lua_settop(s->lua, 0);
    lua_gc(s->lua, LUA_GCCOLLECT);
    return st;
}

/* What it returned takes the place of what came; of an event, a table is an event again. */
static enum edge_status take_result(struct run *r)
{
    struct export_flow *flow = r->flow;
    struct edge_ctx *ctx = flow->ctx;
    if (r->result == SAME) {
        return EDGE_OK;
    }
    if (r->result == TREE && flow->data.kind == EXPORT_EVENT) {
        struct event *event = edge_new(&ctx->arena, struct event);
        EDGE_TRY(edge_wrap(ctx, edge_dto_decode_text(ctx, &EVENT, r->out.data, r->out.len, event),
                           "what the script returns is no event"));
        flow->data.event = event;
        return EDGE_OK;
    }
    flow->data = (struct export_data){
        .kind = EXPORT_BYTES,
        .bytes = {edge_strndup(&ctx->arena, r->out.data ? r->out.data : "", r->out.len),
                  r->out.len},
        .content_type = r->result == TREE ? "application/json" : "text/plain",
    };
    return EDGE_OK;
}

static enum export_verdict run_script(const void *stage, struct export_flow *flow)
{
    struct script *s = (struct script *)(uintptr_t)stage;
    struct edge_ctx *ctx = flow->ctx;
    struct run r = {.script = s, .flow = flow};
    struct edge_bytes bytes;
    const char *type = NULL;
    enum edge_status st = export_data_bytes(ctx, &flow->data, &bytes, &type);
    if (st == EDGE_OK &&
        (flow->data.kind != EXPORT_BYTES || edge_media_is(type, "application/json"))) {
        st = edge_json_parse(ctx, bytes.data, bytes.size, NULL, &r.tree);
    }
    if (st == EDGE_OK) {
        EDGE_LOCK(&s->lock);
        st = call(ctx, s, run_protected, &r);
    }
    st = st == EDGE_OK && r.result != DROPPED ? take_result(&r) : st;
    edge_buf_done(&r.out);
    return st != EDGE_OK ? EXPORT_FAIL : r.result == DROPPED ? EXPORT_STOP : EXPORT_GO_ON;
}

/* ---- compiling ------------------------------------------------------------------------------ */

static void script_end(void *arg)
{
    struct script *s = arg;
    if (s->lua) {
        lua_close(s->lua);
    }
    edge_mutex_done(&s->lock);
}

static int load_protected(lua_State *lua)
{
    const char *text = lua_touserdata(lua, 1);
    open_sandbox(lua);
    lua_sethook(lua, count_instructions, LUA_MASKCOUNT, HOOK);
    if (luaL_loadbufferx(lua, text, strlen(text), "=script", "t") != LUA_OK) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 0);
    if (lua_getglobal(lua, "process") != LUA_TFUNCTION) {
        return luaL_error(lua, "has no function process(data, values)");
    }
    return 0;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    enum { KB = 1024, THOUSAND = 1000 };
    struct script *s = edge_new(a, struct script);
    s->name = params->function;
    s->max_bytes = (size_t)export_params_count(params, "MemoryKB") * KB;
    s->max_instructions = export_params_count(params, "KiloInstructions") * THOUSAND;
    edge_mutex_init(&s->lock);
    edge_defer(a, script_end, s);
    s->lua = lua_newstate(allocate, s);
    if (!s->lua) {
        return edge_fail(ctx, EDGE_INVALID, "MemoryKB: too little to begin with");
    }
    *ret = s;
    return call(ctx, s, load_protected, (void *)(uintptr_t)export_params_text(params, "Script"));
}

/* clang-format off */
static const struct export_param params[] = {
    {"Script", "Defines process(data, values): data is a table (events, metrics, JSON) or a text. It returns true (unchanged), false or nil (filtered out), a table or a text (instead of it).", EXPORT_P_TEXT},
    {"MemoryKB", "It may use so much.", EXPORT_P_COUNT, .def = "1024", .min = 1, .max = MANY_KB},
    {"KiloInstructions", "It may take so many thousand for one message.", EXPORT_P_COUNT, .def = "1000", .min = 1},
    {0},
};
/* clang-format on */

const struct export_function export_script = {
    .name = "Script",
    .doc = "What a script in Lua 5.4 makes of it, in a sandbox.",
    .params = params,
    .compile = compile,
    .run = run_script,
};
