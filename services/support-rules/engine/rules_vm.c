/* Runs code: a stack of values, a switch over operations. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rules_code.h"

bool rules_error(struct rules_call *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->error, RULES_ERROR_SIZE, fmt, args);
    va_end(args);
    return false;
}

bool rules_spend(struct rules_call *c, uint64_t steps)
{
    c->engine->steps += steps;
    return c->engine->steps <= RULES_STEPS_MAX ||
           rules_error(c, "it takes more than %d steps", RULES_STEPS_MAX);
}

void rules_engine_fresh(struct rules_engine *e)
{
    e->steps = 0;
    rules_memory_reset(&e->memory);
}

/* ---- the row ------------------------------------------------------------------------------ */

void rules_env_init(struct rules_env *env, const struct rules_program *p, int64_t now_ms)
{
    env->call.engine = p->engine;
    env->call.memory = &p->engine->memory;
    env->call.id = p->id;
    env->call.pattern = NULL;
    env->call.names = NULL;
    env->call.group_rows = NULL;
    env->call.now_ms = env->call.ts_ms = now_ms;
    env->call.window_start = env->call.window_end = 0;
    env->call.error = p->engine->error;
    env->p = p;
    env->parts = NULL;
    env->aliases = NULL;
    env->analytics = env->aggregates = NULL;
}

bool rules_env_row(struct rules_env *env, const struct rules_part *parts)
{
    env->parts = parts;
    if (env->p->n_aliases == 0) {
        return true;
    }
    if (!env->aliases) {
        env->aliases = rules_alloc(env->call.memory, env->p->n_aliases, sizeof(*env->aliases));
    }
    for (unsigned i = 0; env->aliases && i < env->p->n_aliases; i++) {
        env->aliases[i].kind = 0xff;
    }
    return env->aliases || rules_error(&env->call, "too much memory for one row");
}

static const struct rules_value MISSING = {0};

static const struct rules_value *part_load(struct rules_env *env, const struct rules_part *part,
                                           unsigned slot)
{
    const struct rules_slot *s = &env->p->slots[slot];
    if (part->kept) {
        return &part->kept->values[slot];
    }
    if (!part->row) {
        return &MISSING;
    }
    if (s->meta == META_NO) {
        const struct rules_column *column = rules_row_column(part->row, s->symbol);
        return column ? &column->value : &MISSING;
    }
    struct rules_value *value = rules_alloc(env->call.memory, 1, sizeof(*value));
    return value && rules_meta(env, part->row, s, value) ? value : &MISSING;
}

const struct rules_value *rules_slot_load(struct rules_env *env, unsigned slot)
{
    const struct rules_slot *s = &env->p->slots[slot];
    if (!env->parts) {
        return &MISSING;
    }
    if (s->source != RULES_ANY) {
        return part_load(env, &env->parts[s->source], slot);
    }
    const struct rules_value *value = &MISSING;
    for (unsigned i = 0; i < env->p->n_sources && value->kind == RULES_MISSING; i++) {
        value = part_load(env, &env->parts[i], slot);
    }
    return value;
}

static size_t part_columns(const struct rules_program *p, const struct rules_part *part)
{
    return part->kept  ? part->kept->values[p->n_slots + p->n_analytics].n
           : part->row ? part->row->n
                       : 0;
}

/* Columns of one part behind those that are there; of equal names the first stays. */
static size_t whole_part(const struct rules_program *p, const struct rules_part *part,
                         struct rules_member *to, size_t n, bool check)
{
    size_t more = part_columns(p, part);
    const struct rules_member *kept =
        part->kept ? part->kept->values[p->n_slots + p->n_analytics].members : NULL;
    for (size_t i = 0; i < more; i++) {
        struct rules_member m =
            kept ? kept[i]
                 : (struct rules_member){part->row->columns[i].name, part->row->columns[i].value};
        bool there = false;
        for (size_t k = 0; check && k < n && !there; k++) {
            there = strcmp(to[k].name, m.name) == 0;
        }
        if (!there) {
            to[n++] = m;
        }
    }
    return n;
}

bool rules_whole(struct rules_env *env, unsigned source, struct rules_value *ret)
{
    unsigned from = source == RULES_ANY ? 0 : source;
    unsigned to = source == RULES_ANY ? env->p->n_sources : source + 1;
    size_t n = 0, used = 0;
    for (unsigned i = from; env->parts && i < to; i++) {
        n += part_columns(env->p, &env->parts[i]);
    }
    struct rules_member *members = rules_new_members(&env->call, n);
    if (!members) {
        return false;
    }
    for (unsigned i = from; env->parts && i < to; i++) {
        used = whole_part(env->p, &env->parts[i], members, used, i > from);
    }
    *ret = rules_object(members, used);
    return true;
}

/* ---- comparison --------------------------------------------------------------------------- */

static bool order_holds(unsigned op, int order)
{
    switch (op) {
    case RULES_OP_EQ:
        return order == 0;
    case RULES_OP_NE:
        return order != 0;
    case RULES_OP_LT:
        return order < 0;
    case RULES_OP_LE:
        return order <= 0;
    case RULES_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool is_nan(const struct rules_value *v)
{
    return v->kind == RULES_REAL && isnan(v->f);
}

bool rules_test(struct rules_call *c, unsigned op, const struct rules_value *a,
                const struct rules_value *b, bool *ret)
{
    *ret = false;
    if (rules_is_nothing(a) || rules_is_nothing(b)) {
        return true;
    }
    if (rules_is_number(a) && rules_is_number(b)) {
        *ret = is_nan(a) || is_nan(b) ? op == RULES_OP_NE
                                      : order_holds(op, rules_number_compare(a, b));
        return true;
    }
    bool equality = op == RULES_OP_EQ || op == RULES_OP_NE;
    if (a->kind == b->kind && (a->kind == RULES_TEXT || a->kind == RULES_BYTES)) {
        *ret = order_holds(op, rules_compare(a, b));
        return true;
    }
    if (a->kind == b->kind && equality) {
        *ret = rules_equal(a, b) == (op == RULES_OP_EQ);
        return true;
    }
    return rules_error(c, "%s %s %s: these cannot be compared so", rules_kind_name(a->kind),
                       rules_op_text(op), rules_kind_name(b->kind));
}

/* The character, or the one behind a backslash. */
static bool like_char(const char *text, const char **pattern)
{
    const char *p = *pattern + (**pattern == '\\' && (*pattern)[1]);
    *pattern = p + 1;
    return *p == *text;
}

bool rules_like(struct rules_call *c, const char *text, const char *pattern, bool *ret)
{
    const char *star = NULL, *again = NULL; /* behind the last %, and where its rest is tried */
    uint64_t steps = 0;
    *ret = false;
    for (; *text; steps++) {
        const char *rest = pattern;
        if (*pattern == '%') {
            star = ++pattern;
            again = text;
        } else if (*pattern == '_') {
            pattern++;
            for (text++; ((unsigned char)*text & 0xc0) == 0x80;) { /* the rest of the character */
                text++;
            }
        } else if (*pattern && like_char(text, &rest)) {
            pattern = rest;
            text++;
        } else if (star && steps < RULES_STEPS_MAX) {
            pattern = star;
            text = ++again;
        } else {
            return rules_spend(c, steps);
        }
    }
    while (*pattern == '%') {
        pattern++;
    }
    *ret = *pattern == '\0';
    return rules_spend(c, steps);
}

/* ---- arithmetic --------------------------------------------------------------------------- */

static __int128 wide(const struct rules_value *v)
{
    return v->kind == RULES_UINT ? (__int128)v->u : (__int128)v->i;
}

static bool whole_result(struct rules_call *c, __int128 v, struct rules_value *ret)
{
    if (v > (__int128)UINT64_MAX || v < (__int128)INT64_MIN) {
        return rules_error(c, "the integer result is out of range: it has more than 64 bits");
    }
    *ret = v < 0 ? rules_int((int64_t)v) : rules_uint((uint64_t)v);
    return true;
}

static bool whole_arith(struct rules_call *c, unsigned op, const struct rules_value *va,
                        const struct rules_value *vb, struct rules_value *ret)
{
    __int128 a = wide(va), b = wide(vb);
    switch (op) {
    case RULES_OP_ADD:
        return whole_result(c, a + b, ret);
    case RULES_OP_SUB:
        return whole_result(c, a - b, ret);
    case RULES_OP_MUL: {
        __int128 product;
        if (__builtin_mul_overflow(a, b, &product)) {
            return rules_error(c, "the integer result is out of range: it has more than 64 bits");
        }
        return whole_result(c, product, ret);
    }
    case RULES_OP_BIT_AND:
    case RULES_OP_BIT_OR:
    case RULES_OP_BIT_XOR: {
        uint64_t x = va->u, y = vb->u;
        uint64_t bits = op == RULES_OP_BIT_AND  ? (x & y)
                        : op == RULES_OP_BIT_OR ? (x | y)
                                                : (x ^ y);
        bool unsign = va->kind == RULES_UINT || vb->kind == RULES_UINT;
        *ret = unsign ? rules_uint(bits) : rules_int((int64_t)bits);
        return true;
    }
    default:
        if (b == 0) {
            return rules_error(c, "division by zero");
        }
        return whole_result(c, op == RULES_OP_DIV ? a / b : a % b, ret);
    }
}

static bool real_arith(struct rules_call *c, unsigned op, double a, double b,
                       struct rules_value *ret)
{
    switch (op) {
    case RULES_OP_ADD:
        *ret = rules_real(a + b);
        return true;
    case RULES_OP_SUB:
        *ret = rules_real(a - b);
        return true;
    case RULES_OP_MUL:
        *ret = rules_real(a * b);
        return true;
    case RULES_OP_DIV:
    case RULES_OP_MOD:
        if (b == 0) {
            return rules_error(c, "division by zero");
        }
        *ret = rules_real(op == RULES_OP_DIV ? a / b : fmod(a, b));
        return true;
    default:
        return rules_error(c, "float %s float: bits are of integers", rules_op_text(op));
    }
}

bool rules_arith(struct rules_call *c, unsigned op, const struct rules_value *a,
                 const struct rules_value *b, struct rules_value *ret)
{
    if (rules_is_nothing(a) || rules_is_nothing(b)) {
        *ret = rules_null();
        return true;
    }
    if (!rules_is_number(a) || !rules_is_number(b)) {
        return rules_error(c, "%s %s %s: these are not two numbers", rules_kind_name(a->kind),
                           rules_op_text(op), rules_kind_name(b->kind));
    }
    return a->kind == RULES_REAL || b->kind == RULES_REAL
               ? real_arith(c, op, rules_as_real(a), rules_as_real(b), ret)
               : whole_arith(c, op, a, b, ret);
}

static bool negate(struct rules_call *c, struct rules_value *v)
{
    if (v->kind == RULES_REAL) {
        v->f = -v->f;
        return true;
    }
    struct rules_value zero = rules_int(0), operand = *v;
    return rules_arith(c, RULES_OP_SUB, &zero, &operand, v);
}

/* ---- members ------------------------------------------------------------------------------ */

static bool member_of_each(struct rules_call *c, const struct rules_value *array, const char *name,
                           struct rules_value *ret)
{
    struct rules_value *items = rules_new_items(c, array->n);
    size_t n = 0;
    for (uint32_t i = 0; items && i < array->n; i++) {
        const struct rules_value *found = rules_member_find(&array->items[i], name);
        if (found) {
            items[n++] = *found;
        }
    }
    *ret = rules_array(items, n);
    return items != NULL;
}

static bool member(struct rules_call *c, struct rules_value *v, const char *name)
{
    struct rules_value of = *v;
    if (of.kind == RULES_ARRAY) {
        return member_of_each(c, &of, name, v);
    }
    if (of.kind != RULES_OBJECT && !rules_is_nothing(&of)) {
        return rules_error(c, "%s has no member '%s'", rules_kind_name(of.kind), name);
    }
    const struct rules_value *found = rules_member_find(&of, name);
    *v = found ? *found : MISSING;
    return true;
}

/* A place in an array of @p n; -1 is the last one. */
static bool place(struct rules_call *c, const struct rules_value *v, uint32_t n, bool slice,
                  int64_t *ret)
{
    struct rules_value whole = *v;
    if (v->kind == RULES_REAL && v->f == floor(v->f) && fabs(v->f) < 0x1p53) {
        whole = rules_int((int64_t)v->f); /* numbers of JSON are reals */
    }
    if (whole.kind != RULES_INT) {
        return rules_error(c, "an index is an integer, not a %s", rules_kind_name(v->kind));
    }
    int64_t i = whole.i;
    if (i < 0) {
        i = i < -(int64_t)n ? -1 : i + n;
    }
    if (i < 0 || i > n || (i == n && !slice)) {
        return rules_error(c, "index %lld is out of range: the array has %u", (long long)whole.i,
                           n);
    }
    *ret = i;
    return true;
}

static bool index_of(struct rules_call *c, struct rules_value *v, const struct rules_value *at)
{
    int64_t i;
    if (rules_is_nothing(v)) {
        return true;
    }
    if (v->kind == RULES_OBJECT && at->kind == RULES_TEXT) {
        return member(c, v, at->text);
    }
    if (v->kind != RULES_ARRAY) {
        return rules_error(c, "%s is no array", rules_kind_name(v->kind));
    }
    if (!place(c, at, v->n, false, &i)) {
        return false;
    }
    struct rules_value item = v->items[i]; /* v->items lies in v */
    *v = item;
    return true;
}

static bool slice_of(struct rules_call *c, struct rules_value *v, const struct rules_value *from,
                     const struct rules_value *to)
{
    int64_t low = 0, high = v->n;
    if (rules_is_nothing(v)) {
        return true;
    }
    if (v->kind != RULES_ARRAY) {
        return rules_error(c, "%s is no array", rules_kind_name(v->kind));
    }
    if ((from && !place(c, from, v->n, true, &low)) || (to && !place(c, to, v->n, true, &high))) {
        return false;
    }
    if (low > high) {
        return rules_error(c, "a slice from %lld to %lld", (long long)low, (long long)high);
    }
    *v = rules_array(v->items + low, (size_t)(high - low));
    return true;
}

/* ---- tests -------------------------------------------------------------------------------- */

static bool in_values(struct rules_call *c, const struct rules_value *v,
                      const struct rules_value *list, size_t n, bool negated,
                      struct rules_value *ret)
{
    bool found = false;
    struct rules_value wanted = *v;
    for (size_t i = 0; i < n && !found; i++) {
        /* another kind is another value, not an error: lists may be mixed */
        if (!(rules_is_number(&wanted) && rules_is_number(&list[i])) &&
            wanted.kind != list[i].kind) {
            continue;
        }
        if (!rules_test(c, RULES_OP_EQ, &wanted, &list[i], &found)) {
            return false;
        }
    }
    *ret = rules_bool(!rules_is_nothing(&wanted) && found != negated);
    return true;
}

static bool in_array(struct rules_call *c, struct rules_value *v, const struct rules_value *array,
                     bool negated)
{
    if (array->kind != RULES_ARRAY && !rules_is_nothing(array)) {
        return rules_error(c, "IN: %s is no array", rules_kind_name(array->kind));
    }
    size_t n = array->kind == RULES_ARRAY ? array->n : 0;
    return in_values(c, v, array->items, n, negated, v);
}

static bool between(struct rules_call *c, struct rules_value *v, bool negated)
{
    bool low, high;
    if (!rules_test(c, RULES_OP_GE, &v[0], &v[1], &low) ||
        !rules_test(c, RULES_OP_LE, &v[0], &v[2], &high)) {
        return false;
    }
    bool nothing = rules_is_nothing(&v[0]) || rules_is_nothing(&v[1]) || rules_is_nothing(&v[2]);
    v[0] = rules_bool(!nothing && (low && high) != negated);
    return true;
}

static bool like(struct rules_call *c, struct rules_value *v, bool negated)
{
    if (rules_is_nothing(&v[0]) || rules_is_nothing(&v[1])) {
        v[0] = rules_bool(false);
        return true;
    }
    if (v[0].kind != RULES_TEXT || v[1].kind != RULES_TEXT) {
        return rules_error(c, "%s LIKE %s: these are not two strings", rules_kind_name(v[0].kind),
                           rules_kind_name(v[1].kind));
    }
    bool holds;
    if (!rules_like(c, v[0].text, v[1].text, &holds)) {
        return false;
    }
    v[0] = rules_bool(holds != negated);
    return true;
}

/* What AND, OR, NOT and WHERE are about. */
static bool truth(struct rules_call *c, const struct rules_value *v, bool *ret)
{
    *ret = v->kind == RULES_BOOL && v->b;
    return v->kind == RULES_BOOL || rules_is_nothing(v) ||
           rules_error(c, "a condition is a boolean, not a %s", rules_kind_name(v->kind));
}

/* ---- calls -------------------------------------------------------------------------------- */

static bool call_failed(struct rules_env *env, const char *name)
{
    char why[RULES_ERROR_SIZE];
    memcpy(why, env->call.error, sizeof(why));
    return rules_error(&env->call, "%s: %.200s", name, why);
}

static bool call(struct rules_env *env, const struct rules_code *code, struct rules_value *args)
{
    const struct rules_function *fn = env->p->functions[code->b];
    struct rules_value result = rules_null();
    if (code->a > 0 && !(fn->flags & RULES_FN_NULLS) && rules_is_nothing(&args[0])) {
        args[0] = result;
        return true;
    }
    env->call.pattern = code->c ? env->p->patterns[code->c - 1] : NULL;
    if (!fn->scalar(&env->call, args, code->a, &result)) {
        return call_failed(env, fn->name);
    }
    args[0] = result;
    return true;
}

static bool alias(struct rules_env *env, const struct rules_code *code, struct rules_value *sp)
{
    struct rules_value *memo = env->aliases ? &env->aliases[code->b] : NULL;
    if (memo && memo->kind != 0xff) {
        *sp = *memo;
        return true;
    }
    if (!rules_run(env, code->c, sp)) {
        return false;
    }
    if (memo) {
        *memo = *sp;
    }
    return true;
}

/* What it gave for this row: kept with the row, where that is in a window. */
static struct rules_value analytic(const struct rules_env *env, unsigned i)
{
    const struct rules_program *p = env->p;
    if (!p->analytics[i].late && env->parts && env->parts[0].kept) {
        return env->parts[0].kept->values[p->n_slots + i];
    }
    return env->analytics ? env->analytics[i] : MISSING;
}

/* ---- the machine -------------------------------------------------------------------------- */

#define HOLDS(op, x, y)                                                                            \
    ((op) == RULES_OP_EQ   ? (x) == (y)                                                            \
     : (op) == RULES_OP_NE ? (x) != (y)                                                            \
     : (op) == RULES_OP_LT ? (x) < (y)                                                             \
     : (op) == RULES_OP_LE ? (x) <= (y)                                                            \
     : (op) == RULES_OP_GT ? (x) > (y)                                                             \
                           : (x) >= (y))

enum { SMALL = 1 << 30 }; /* integers below are doubles too */

/* Column against constant, the most common of all: short ways for the kinds that are met most. */
static bool compare_column(struct rules_env *env, const struct rules_code *code, bool *ret)
{
    const struct rules_value *a = rules_slot_load(env, code->b), *b = &env->p->constants[code->c];
    unsigned op = code->a;
    if (a->kind == RULES_REAL && b->kind == RULES_INT && b->i < SMALL && b->i > -SMALL) {
        double y = (double)b->i;
        *ret = HOLDS(op, a->f, y);
        return true;
    }
    if (a->kind == RULES_REAL && b->kind == RULES_REAL) {
        *ret = HOLDS(op, a->f, b->f);
        return true;
    }
    if (a->kind == RULES_INT && b->kind == RULES_INT) {
        *ret = HOLDS(op, a->i, b->i);
        return true;
    }
    if (a->kind == RULES_TEXT && b->kind == RULES_TEXT && op <= RULES_OP_NE) {
        bool same = a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
        *ret = same == (op == RULES_OP_EQ);
        return true;
    }
    return rules_test(&env->call, op, a, b, ret);
}

/* clang-format off */
bool rules_run(struct rules_env *env, uint32_t at, struct rules_value *base)
{
    const struct rules_program *p = env->p;
    struct rules_call *c = &env->call;
    struct rules_value *sp = base; /* the next free place */
    const struct rules_value *end = p->engine->stack + RULES_STACK - RULES_ARGS_MAX;
    bool ok = rules_spend(c, 8), b = false; /* most are short */
    for (const struct rules_code *code = &p->code[at]; ok; code++) {
        if (sp >= end) {
            return rules_error(c, "the expression needs too much room");
        }
        switch (code->op) {
        case OP_RET: return true;
        case OP_CONST: *sp++ = p->constants[code->c]; break;
        case OP_SLOT: *sp++ = *rules_slot_load(env, code->b); break;
        case OP_ALIAS: ok = alias(env, code, sp++); break;
        case OP_ANALYTIC: *sp++ = analytic(env, code->b); break;
        case OP_AGGREGATE: *sp++ = env->aggregates ? env->aggregates[code->b] : MISSING; break;
        case OP_ROW: ok = rules_whole(env, code->a, sp++); break;
        case OP_COMPARE: sp--; ok = rules_test(c, code->a, &sp[-1], sp, &b); sp[-1] = rules_bool(b); break;
        case OP_COMPARE_SC: ok = compare_column(env, code, &b); *sp++ = rules_bool(b); break;
        case OP_ARITH: {
            struct rules_value left = *--sp, result;
            result = rules_null();
            ok = rules_arith(c, code->a, &sp[-1], &left, &result);
            sp[-1] = result;
            break;
        }
        case OP_NEG: ok = rules_is_nothing(&sp[-1]) || negate(c, &sp[-1]); break;
        case OP_NOT: ok = truth(c, &sp[-1], &b); sp[-1] = rules_bool(!b); break;
        case OP_TRUTH: ok = truth(c, &sp[-1], &b); sp[-1] = rules_bool(b); break;
        case OP_AND:
            ok = truth(c, &sp[-1], &b);
            sp[-1] = rules_bool(false);
            if (b) { sp--; } else { code = &p->code[code->c - 1]; }
            break;
        case OP_OR:
            ok = truth(c, &sp[-1], &b);
            if (b) { code = &p->code[code->c - 1]; } else { sp--; }
            break;
        case OP_IF_NOT:
            ok = truth(c, --sp, &b);
            if (!b) { code = &p->code[code->c - 1]; }
            break;
        case OP_JUMP: code = &p->code[code->c - 1]; break;
        case OP_DUP: sp[0] = sp[-1]; sp++; break;
        case OP_UNDER: sp--; sp[-1] = sp[0]; break;
        case OP_MISSING: *sp++ = MISSING; break;
        case OP_IN: sp -= code->b; ok = in_values(c, &sp[-1], sp, code->b, code->a, &sp[-1]); break;
        case OP_IN_LIST: sp--; ok = in_array(c, &sp[-1], sp, code->a); break;
        case OP_BETWEEN: sp -= 2; ok = between(c, &sp[-1], code->a); break;
        case OP_LIKE: sp--; ok = like(c, &sp[-1], code->a); break;
        case OP_IS_NULL: sp[-1] = rules_bool(rules_is_nothing(&sp[-1]) != (code->a != 0)); break;
        case OP_MEMBER: ok = member(c, &sp[-1], p->constants[code->c].text); break;
        case OP_INDEX: sp--; ok = index_of(c, &sp[-1], sp); break;
        case OP_SLICE:
            sp -= (code->a & 1) + (code->a >> 1 & 1);
            ok = slice_of(c, &sp[-1], code->a & 1 ? sp : NULL, code->a & 2 ? &sp[code->a & 1] : NULL);
            break;
        case OP_CALL: sp -= code->a; ok = call(env, code, sp); sp++; break;
        default: return rules_error(c, "code without a meaning");
        }
    }
    return false;
}
/* clang-format on */

/* Evaluations within each other (arguments of aggregates) begin at the bottom again: nothing of the outer one is on the
 * stack then. */
bool rules_eval(struct rules_env *env, uint32_t at, struct rules_value *ret)
{
    struct rules_value *base = env->p->engine->stack;
    if (!rules_run(env, at, base)) {
        return false;
    }
    *ret = *base;
    return true;
}

bool rules_holds(struct rules_env *env, uint32_t at, bool *ret)
{
    *ret = true;
    if (at == 0) {
        return true;
    }
    struct rules_value v;
    return rules_eval(env, at, &v) && truth(&env->call, &v, ret);
}
