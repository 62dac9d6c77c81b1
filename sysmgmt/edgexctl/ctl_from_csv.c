/* edgexctl profile from-csv: a table of registers as a vendor hands it out becomes a device profile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_names.h"
#include "ctl_profile.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/text.h"

static const char HELP[] =
    "NAME\n"
    "    edgexctl profile from-csv - make a device profile of a table of Modbus registers\n"
    "\n"
    "SYNOPSIS\n"
    "    edgexctl profile from-csv FILE [--name NAME] [--manufacturer TEXT] [--model TEXT] [--description TEXT]\n"
    "             [--base auto|0|1|modicon] [--hex] [--table TABLE] [--command] [--check]\n"
    "             [--output FILE] [--service URL]\n"
    "\n"
    "DESCRIPTION\n"
    "    FILE is a table as vendors hand it out, saved as CSV (- is the standard input): one register a row below a\n"
    "    header. The profile, for device-modbus, goes to the standard output. Where a cell is wrong all such cells are\n"
    "    named by line and column, and nothing is written.\n"
    "\n"
    "    Separators are commas, semicolons or tabs, which is found out; with the latter two numbers may have decimal\n"
    "    commas. Lines end as they like; quotes and a byte order mark are fine; what is no UTF-8 is taken as Windows-1252.\n"
    "    Rows above the header are passed over, and so are empty and reserved ones. A row with one cell begins a group.\n"
    "\n"
    "COLUMNS (in any order and case; docs/edgexctl.md lists more of their names)\n"
    "    address      40001, 10, 0x1F, 1Fh, 10.3 (bit 3), 40001-40002; needed\n"
    "    name         becomes a valid and unique one; without it the description is used\n"
    "    type         bool int16 uint16 int32 uint32 int64 uint64 float32 float64 string[16], and what vendors call them\n"
    "    table        coil, discrete, input, holding, 0x 1x 3x 4x; or a column function (code) with 1, 2, 3/6/16, 4\n"
    "    scale, divisor, offset    value = register x scale / divisor + offset; a scaled whole number becomes a real one\n"
    "    unit, minimum, maximum, description\n"
    "    access       R, W, RW; without it only what a function code writes can be written\n"
    "    bit          0 to 15, where the address does not say\n"
    "    length       registers of a string\n"
    "    byte order   ABCD, BADC, CDAB, DCBA, big, little, ...; or columns byte swap, word swap\n"
    "    unit id      in place of the device's\n"
    "    group        name of the command of its registers\n"
    "\n"
    "OPTIONS\n"
    "    --name NAME            of the profile; else the file's\n"
    "    --manufacturer, --model, --description TEXT\n"
    "    --base BASE            what the first register is called: 0, 1, or modicon (00001, 10001, 30001, 40001, which say\n"
    "                           the table too); auto: modicon where all addresses look like that, else 0\n"
    "    --hex                  addresses are hexadecimal, with or without 0x\n"
    "    --table TABLE          of rows that do not say; else holding, and coil where the type is bool\n"
    "    --command              device commands that read neighbours in one go\n"
    "    --check                say what is wrong, write nothing\n"
    "    -o, --output FILE      in place of the standard output\n"
    "    --service URL          post it to core-metadata (http://localhost:59881) as well\n"
    "\n"
    "EXIT STATUS\n"
    "    0 done; 1 the table is wrong, or the profile was not taken; 2 wrong usage\n";

struct options {
    const char *file, *output, *service, *table;
    struct ctl_profile_wish wish;
    struct ctl_reading how;
    bool check;
};

/* ---- the command line ------------------------------------------------------------------------------- */

static enum ctl_exit usage(const char *what, const char *word)
{
    fprintf(stderr, "edgexctl: %s '%s'; edgexctl profile from-csv --help\n", what, word);
    return CTL_USAGE;
}

/* Where the option's value goes; NULL: it is no option with a value. */
static const char **value_of(struct options *o, const char *word, const char **base)
{
    const struct {
        const char *name;
        const char **at;
    } known[] = {
        {"--name",         &o->wish.name        },
        {"--manufacturer", &o->wish.manufacturer},
        {"--model",        &o->wish.model       },
        {"--description",  &o->wish.description },
        {"--base",         base                 },
        {"--table",        &o->table            },
        {"--output",       &o->output           },
        {"-o",             &o->output           },
        {"--service",      &o->service          }
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, word) == 0) {
            return known[i].at;
        }
    }
    return NULL;
}

static bool *flag_of(struct options *o, const char *word)
{
    return strcmp(word, "--hex") == 0       ? &o->how.hex
           : strcmp(word, "--command") == 0 ? &o->wish.commands
           : strcmp(word, "--check") == 0   ? &o->check
                                            : NULL;
}

static bool take_base(const char *text, enum ctl_base *ret)
{
    static const char *const names[] = {"auto", "0", "1", "modicon"};
    for (unsigned i = 0; text && i < 4; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = (enum ctl_base)i;
            return true;
        }
    }
    return !text;
}

static enum ctl_exit take_words(struct edge_ctx *ctx, char **args, struct options *o,
                                const char **base)
{
    for (; *args; args++) {
        const char *equals = strncmp(*args, "--", 2) == 0 ? strchr(*args, '=') : NULL;
        const char *word =
            equals ? edge_strndup(&ctx->arena, *args, (size_t)(equals - *args)) : *args;
        const char **value = value_of(o, word, base);
        bool *flag = equals ? NULL : flag_of(o, word);
        if (value && (equals || args[1])) {
            *value = equals ? equals + 1 : *++args;
        } else if (value) {
            return usage("a value is missing behind", word);
        } else if (flag) {
            *flag = true;
        } else if (word[0] == '-' && word[1] != '\0') {
            return usage("unknown option", *args);
        } else if (o->file) {
            return usage("one file, please, not also", word);
        } else {
            o->file = word;
        }
    }
    return CTL_OK;
}

/* "meters/pump 3.csv" as "pump_3" */
static const char *name_of_file(struct edge_arena *a, const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    const char *dot = strrchr(name, '.');
    name = ctl_name_of(a, edge_strndup(a, name, dot ? (size_t)(dot - name) : strlen(name)));
    return *name ? name : "modbus-device";
}

static enum ctl_exit take_options(struct edge_ctx *ctx, char **args, struct options *o)
{
    const char *base = NULL;
    enum ctl_exit e = take_words(ctx, args, o, &base);
    if (e != CTL_OK) {
        return e;
    }
    if (!o->file) {
        return usage("which file? Usage: edgexctl profile from-csv", "FILE");
    }
    if (!take_base(base, &o->how.base)) {
        return usage("--base is auto, 0, 1 or modicon, not", base);
    }
    if (o->table && !ctl_table_parse(o->table, &o->how.table)) {
        return usage("--table is coil, discrete, input or holding, not", o->table);
    }
    o->wish.name = o->wish.name ? o->wish.name : name_of_file(&ctx->arena, o->file);
    const char *fault = edge_name_fault(&ctx->arena, o->wish.name);
    return fault ? usage("no profile can be called so:", o->wish.name) : CTL_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static void close_file(FILE **f)
{
    if (*f && *f != stdin && *f != stdout) {
        fclose(*f);
    }
}

static enum edge_status read_file(struct edge_ctx *ctx, const char *path, struct edge_buf *out)
{
    EDGE_CLEANUP(close_file) FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t n = 1;
    if (!f) {
        return edge_fail(ctx, EDGE_INVALID, "%s", strerror(errno));
    }
    while (n > 0 && out->len <= CTL_CSV_BYTES) {
        enum { PIECE = 64 * 1024 };
        n = fread(edge_buf_room(out, PIECE), 1, PIECE, f);
        out->len += n;
    }
    return ferror(f) ? edge_fail(ctx, EDGE_INVALID, "%s", strerror(errno)) : EDGE_OK;
}

static enum edge_status write_file(struct edge_ctx *ctx, const char *path,
                                   const struct edge_buf *text)
{
    EDGE_CLEANUP(close_file) FILE *f = !path || strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!f || fwrite(text->data, 1, text->len, f) != text->len || fflush(f) != 0) {
        return edge_fail(ctx, EDGE_INVALID, "cannot write %s: %s", path ? path : "the profile",
                         strerror(errno));
    }
    return EDGE_OK;
}

/* ---- core-metadata ------------------------------------------------------------------------------------- */

/* The one element of its answer says how it went. */
static enum edge_status judge(struct edge_ctx *ctx, const cJSON *answer)
{
    const cJSON *item = cJSON_IsArray(answer) ? answer->child : answer;
    const cJSON *code = edge_json_member(item, "statusCode", false),
                *message = edge_json_member(item, "message", false);
    int64_t status = 0;
    if (!code || !edge_json_int(code, &status)) {
        return edge_fail(ctx, EDGE_REMOTE, "core-metadata answers something else");
    }
    return status < 300 ? EDGE_OK
                        : edge_fail(ctx, EDGE_INVALID, "core-metadata: %s",
                                    cJSON_IsString(message) ? message->valuestring : "refused");
}

static enum edge_status post(struct edge_ctx *ctx, const char *url,
                             const struct device_profile *profile)
{
    enum { PATIENCE_MS = 15000 };
    const char *body =
        edge_printf(&ctx->arena, "[{\"apiVersion\":\"%s\",\"profile\":%s}]", EDGE_API_VERSION,
                    edge_dto_text(&DEVICE_PROFILE, profile, &ctx->arena));
    const struct edge_http_request request = {.method = "POST",
                                              .target = "/api/v3/deviceprofile",
                                              .body = body,
                                              .body_size = strlen(body)};
    struct edge_client *client = edge_client_create();
    const cJSON *answer = NULL;
    enum edge_status st =
        edge_client_json(client, ctx, url, &request, edge_now_mono_ms() + PATIENCE_MS, &answer);
    edge_client_free(client);
    return st == EDGE_OK ? judge(ctx, answer) : st;
}

/* ---- the verb ---------------------------------------------------------------------------------------------- */

static enum edge_status make(struct edge_ctx *ctx, const struct options *o, struct ctl_said *said,
                             struct device_profile *ret)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    struct ctl_csv csv;
    struct ctl_columns columns;
    struct ctl_registers registers;
    EDGE_TRY(read_file(ctx, o->file, &text));
    EDGE_TRY(ctl_csv_read(ctx, edge_buf_str(&text), text.len, &csv));
    if (csv.is_windows) {
        ctl_remark(said, "the file is no UTF-8, it is taken as Windows-1252");
    }
    EDGE_TRY(ctl_columns_find(ctx, &csv, &columns));
    if (*columns.ignored) {
        ctl_remark(said, "columns left out: %s", columns.ignored);
    }
    ctl_registers_read(ctx, &csv, &columns, &o->how, said, &registers);
    if (said->n_faults > 0) {
        return edge_fail(ctx, EDGE_INVALID, "%u cell%s wrong", said->n_faults,
                         said->n_faults == 1 ? " is" : "s are");
    }
    return ctl_profile_make(ctx, &registers, &o->wish, said, ret);
}

static enum edge_status deliver(struct edge_ctx *ctx, const struct options *o,
                                const struct device_profile *profile)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf yaml = EDGE_BUF_INIT;
    EDGE_TRY(ctl_profile_yaml(ctx, profile, &yaml));
    if (o->check) {
        return EDGE_OK;
    }
    if (o->output || !o->service) {
        EDGE_TRY(write_file(ctx, o->output, &yaml));
    }
    return o->service ? post(ctx, o->service, profile) : EDGE_OK;
}

static enum ctl_exit from_csv(struct edge_ctx *ctx, char **args)
{
    struct options o = {0};
    enum ctl_exit e = take_options(ctx, args, &o);
    if (e != CTL_OK) {
        return e;
    }
    struct device_profile profile = {0};
    struct ctl_said said = {.file = o.file, .text = EDGE_BUF_INIT};
    enum edge_status st = make(ctx, &o, &said, &profile);
    if (st == EDGE_OK) {
        st = deliver(ctx, &o, &profile);
    }
    fputs(edge_buf_str(&said.text), stderr);
    ctl_said_done(&said);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s: %s\n", o.file, edge_ctx_message(ctx, st));
        return CTL_FAILED;
    }
    fprintf(stderr, "%s: %zu resources, %zu commands\n", o.file, profile.n_resources,
            profile.n_commands);
    return CTL_OK;
}

const struct ctl_verb ctl_profile_from_csv = {
    .noun = "profile",
    .verb = "from-csv",
    .summary = "make a device profile of a table of Modbus registers",
    .help = HELP,
    .run = from_csv,
};
