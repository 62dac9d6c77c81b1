/*
 * The virtual driver. A resource is made up anew at each read until somebody writes it; then it
 * keeps what was written until EnableRandomization_<resource> is written true. All of a device's
 * state is touched in its lane only, so there is no lock.
 */
#include "device_virtual.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAY_LEN = 5, BINARY_LEN = 128 };

static const char prefix[] = "EnableRandomization_";

enum generator { RANDOM, SINE, RAMP, SQUARE, STEP };
static const char *const generators[] = {"random", "sine", "ramp", "square", "step", NULL};

struct attributes {
    uint8_t generator;
    double period_s, amplitude, center, fail_rate;
};

/* A resource that was written, or whose randomisation was. */
struct cell {
    struct cell *next;
    char *name;
    bool fixed, has_value;
    devsdk_value value; /* malloc'd where it has memory */
};

struct state {
    struct cell *cells;
    uint64_t random;
};

/* clang-format off */
static const devsdk_field attributes[] = {
    DEVSDK_FIELD(struct attributes, generator, "generator", DEVSDK_U8, .def = "random", .one_of = generators, .help = "how values come about"),
    DEVSDK_FIELD(struct attributes, period_s, "period", DEVSDK_F64, .def = "60s", .unit = "s", .min = 0.001, .max = 1e9, .help = "of sine, ramp, square and step"),
    DEVSDK_FIELD(struct attributes, amplitude, "amplitude", DEVSDK_F64, .help = "of those; 0: from minimum to maximum"),
    DEVSDK_FIELD(struct attributes, center, "center", DEVSDK_F64, .help = "what they swing around, where amplitude is given"),
    DEVSDK_FIELD(struct attributes, fail_rate, "failRate", DEVSDK_F64, .max = 1, .help = "share of reads that time out"),
    {0},
};
/* clang-format on */

/* ---- cells --------------------------------------------------------------------------------- */

static void value_free(devsdk_value *v)
{
    if (v->type == DEVSDK_ARRAY && v->elem == DEVSDK_STRING) {
        for (size_t i = 0; i < v->n; i++) {
            free(((char **)(uintptr_t)v->p)[i]);
        }
    }
    if (v->type >= DEVSDK_STRING) {
        free((void *)(uintptr_t)v->p);
    }
    *v = (devsdk_value){.type = DEVSDK_NULL};
}

static size_t element_size(devsdk_type elem)
{
    if (elem == DEVSDK_BOOL) {
        return sizeof(bool);
    }
    return elem == DEVSDK_STRING ? sizeof(char *) : sizeof(uint64_t);
}

/* A copy that outlives the request; false without memory. */
static bool value_copy(const devsdk_value *from, devsdk_value *ret)
{
    *ret = *from;
    if (from->type < DEVSDK_STRING) {
        return true;
    }
    size_t size = from->type == DEVSDK_ARRAY ? from->n * element_size(from->elem) : from->n;
    char *copy = calloc(1, size + 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, from->p, size);
    ret->p = copy;
    if (from->type == DEVSDK_ARRAY && from->elem == DEVSDK_STRING) {
        for (size_t i = 0; i < from->n; i++) {
            ((char **)copy)[i] = strdup(((const char *const *)from->p)[i]);
        }
    }
    return true;
}

static struct cell *cell_find(const struct state *s, const char *name)
{
    struct cell *cell = s->cells;
    while (cell && strcmp(cell->name, name) != 0) {
        cell = cell->next;
    }
    return cell;
}

static struct cell *cell_get(struct state *s, const char *name)
{
    struct cell *cell = cell_find(s, name);
    if (cell) {
        return cell;
    }
    cell = calloc(1, sizeof(*cell));
    char *copy = strdup(name);
    if (!cell || !copy) {
        free(cell);
        free(copy);
        return NULL;
    }
    cell->name = copy;
    cell->next = s->cells;
    s->cells = cell;
    return cell;
}

/* ---- making values up ------------------------------------------------------------------------ */

static uint64_t draw(struct state *s)
{
    /* splitmix64 */
    uint64_t x = s->random += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 <= u < 1 */
static double draw_share(struct state *s)
{
    return (double)(draw(s) >> 11) * 0x1p-53;
}

/* Where the waves are now, -1..1. */
static double wave(const struct attributes *a)
{
    const double pi = 3.14159265358979323846, steps = 5;
    double turns = (double)devsdk_now_ms() / 1000 / a->period_s;
    double at = turns - floor(turns);
    switch (a->generator) {
    case SINE:
        return sin(2 * pi * at);
    case SQUARE:
        return at < 0.5 ? -1 : 1;
    case STEP:
        return floor(at * steps) / (steps - 1) * 2 - 1;
    default:
        return at * 2 - 1;
    }
}

static double waved(const struct attributes *a, double min, double max)
{
    double w = wave(a);
    if (a->amplitude > 0) {
        return fmax(min, fmin(max, a->center + w * a->amplitude));
    }
    return (0.5 - w / 2) * min + (0.5 + w / 2) * max;
}

static double make_real(struct state *s, const struct attributes *a, double min, double max)
{
    if (a->generator != RANDOM) {
        return waved(a, min, max);
    }
    double share = draw_share(s);
    return (1 - share) * min + share * max; /* their difference may be infinite */
}

/* Whole numbers between, the limits included; 64-bit ones with all their bits. */
static __int128 make_whole(struct state *s, const struct attributes *a, double min, double max)
{
    __int128 low = (__int128)ceil(min), high = (__int128)floor(max);
    if (high < low) {
        return low;
    }
    if (a->generator != RANDOM) {
        return (__int128)round(waved(a, min, max));
    }
    unsigned __int128 span = (unsigned __int128)(high - low) + 1;
    return low + (__int128)((unsigned __int128)draw(s) * span >> 64);
}

static int64_t clamp_int(__int128 x)
{
    return x > INT64_MAX ? INT64_MAX : (int64_t)x;
}

static uint64_t clamp_uint(__int128 x)
{
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

static devsdk_value make_scalar(struct state *s, devsdk_request *r, unsigned i, devsdk_type type)
{
    const struct attributes *a = devsdk_attr(r, i);
    double min, max;
    devsdk_range(r, i, &min, &max);
    devsdk_value v = {.type = type};
    if (type == DEVSDK_BOOL) {
        v.b = a->generator == RANDOM ? draw(s) >> 63 : wave(a) >= 0;
    } else if (type >= DEVSDK_I8 && type <= DEVSDK_I64) {
        v.i = clamp_int(make_whole(s, a, min, max));
    } else if (type >= DEVSDK_U8 && type <= DEVSDK_U64) {
        v.u = clamp_uint(make_whole(s, a, min, max));
    } else {
        v.f = make_real(s, a, min, max);
    }
    return v;
}

static devsdk_result make_array(struct state *s, devsdk_request *r, unsigned i, devsdk_type elem)
{
    union {
        bool b[ARRAY_LEN];
        int64_t i[ARRAY_LEN];
        uint64_t u[ARRAY_LEN];
        double f[ARRAY_LEN];
        const char *s[ARRAY_LEN];
    } list = {0};
    for (size_t k = 0; k < ARRAY_LEN; k++) {
        if (elem == DEVSDK_STRING) {
            list.s[k] = generators[draw(s) % (sizeof(generators) / sizeof(generators[0]) - 1)];
            continue;
        }
        devsdk_value v = make_scalar(s, r, i, elem);
        if (elem == DEVSDK_BOOL) {
            list.b[k] = v.b;
        } else {
            list.u[k] = v.u; /* the bits of whichever it is */
        }
    }
    return devsdk_set(
        r, i, (devsdk_value){.type = DEVSDK_ARRAY, .elem = elem, .n = ARRAY_LEN, .p = &list});
}

static devsdk_result make_text(devsdk_request *r, unsigned i, const char *otherwise)
{
    const char *text = devsdk_default(r, i);
    text = text ? text : otherwise;
    return devsdk_set_string(r, i, text, strlen(text));
}

static devsdk_result make_binary(struct state *s, devsdk_request *r, unsigned i)
{
    uint64_t bytes[BINARY_LEN / sizeof(uint64_t)];
    for (size_t k = 0; k < sizeof(bytes) / sizeof(bytes[0]); k++) {
        bytes[k] = draw(s);
    }
    return devsdk_set(r, i, (devsdk_value){.type = DEVSDK_BINARY, .n = sizeof(bytes), .p = bytes});
}

static devsdk_result make_up(struct state *s, devsdk_request *r, unsigned i)
{
    devsdk_value wanted = devsdk_wanted(r, i);
    switch (wanted.type) {
    case DEVSDK_ARRAY:
        return make_array(s, r, i, wanted.elem);
    case DEVSDK_BINARY:
        return make_binary(s, r, i);
    case DEVSDK_STRING:
        return make_text(r, i, "virtual");
    case DEVSDK_OBJECT:
        /* of an object or of an array of objects: one of the two fits */
        return make_text(r, i, "{}") == DEVSDK_OK ? DEVSDK_OK : make_text(r, i, "[]");
    default:
        return devsdk_set(r, i, make_scalar(s, r, i, wanted.type));
    }
}

/* ---- the driver ------------------------------------------------------------------------------ */

static devsdk_result added(devsdk_device *dev)
{
    struct state *s = devsdk_data(dev);
    s->random = (uint64_t)devsdk_now_ms();
    for (const char *c = devsdk_name(dev); *c; c++) {
        s->random = (s->random ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct state *s = devsdk_data(dev);
    while (s->cells) {
        struct cell *cell = s->cells;
        s->cells = cell->next;
        value_free(&cell->value);
        free(cell->name);
        free(cell);
    }
}

static devsdk_result read_all(devsdk_device *dev, devsdk_request *r)
{
    struct state *s = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attributes *a = devsdk_attr(r, i);
        const struct cell *cell = s->cells ? cell_find(s, devsdk_resource(r, i)) : NULL;
        if (a->fail_rate > 0 && draw_share(s) < a->fail_rate) {
            return devsdk_fail(r, DEVSDK_TIMEOUT, "made to fail, as failRate says");
        }
        devsdk_result result = cell && cell->fixed && cell->has_value
                                   ? devsdk_set(r, i, cell->value)
                                   : make_up(s, r, i);
        if (result != DEVSDK_OK) {
            return devsdk_fail(r, result, "no value of that type for %s", devsdk_resource(r, i));
        }
    }
    return DEVSDK_OK;
}

static devsdk_result write_one(struct state *s, const char *name, const devsdk_value *v)
{
    bool is_switch = strncmp(name, prefix, sizeof(prefix) - 1) == 0 && v->type == DEVSDK_BOOL;
    struct cell *cell = cell_get(s, is_switch ? name + sizeof(prefix) - 1 : name);
    devsdk_value copy;
    if (!cell || !value_copy(v, &copy)) {
        return DEVSDK_DEVICE;
    }
    if (is_switch) {
        cell->fixed = !v->b;
        return DEVSDK_OK;
    }
    value_free(&cell->value);
    cell->value = copy;
    cell->fixed = true;
    cell->has_value = true;
    return DEVSDK_OK;
}

static devsdk_result write_all(devsdk_device *dev, devsdk_request *r)
{
    struct state *s = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_value v = devsdk_wanted(r, i);
        devsdk_result result = write_one(s, devsdk_resource(r, i), &v);
        if (result != DEVSDK_OK) {
            return result;
        }
    }
    return DEVSDK_OK;
}

const devsdk_driver device_virtual = {
    .abi = DEVSDK_ABI,
    .name = "device-virtual",
    .version = "4.0.0",
    .doc = "devices without hardware: values made up, written, or waved",
    .port = 59900,
    .attributes = attributes,
    .attr_size = sizeof(struct attributes),
    .device_size = sizeof(struct state),
    .added = added,
    .removed = removed,
    .read = read_all,
    .write = write_all,
};
