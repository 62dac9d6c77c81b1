/* Whole tables in the manners of several vendors: the program, its files, and the real core-metadata. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "contracts/profile.h"
#include "ctl.h"
#include "ctl_csv.h"
#include "device_rest.h"
#include "devsdk/test.h"
#include "edge/service.h"
#include "edge/yaml.h"
#include "scratch.h"
#include "suites.h"
#include "tcp_peer.h"
#include "testkit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct outcome {
    enum ctl_exit exit;
    struct edge_ctx ctx;
    const char *yaml, *said;       /* "" */
    struct device_profile profile; /* decoded; where there is one */
};

static const char *file_text(struct edge_arena *a, const char *path)
{
    enum { MOST = 8 * 1024 * 1024 };
    char *text = edge_alloc(a, MOST, 1);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, MOST - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    text[n] = '\0';
    return text;
}

/* Run the program with @p table as its file; words are options, NULL-ended. */
static struct outcome *run(const char *table, size_t n, const char *const *words)
{
    SCRATCH(dir);
    struct outcome *o = calloc(1, sizeof(*o));
    o->ctx = (struct edge_ctx)EDGE_CTX_INIT;
    const char *in = edge_printf(&o->ctx.arena, "%s/table 1.csv", dir.path),
               *out = edge_printf(&o->ctx.arena, "%s/out.yaml", dir.path),
               *said = edge_printf(&o->ctx.arena, "%s/said", dir.path);
    FILE *f = fopen(in, "we");
    CU_ASSERT_TRUE_FATAL(f && fwrite(table, 1, n, f) == n && fclose(f) == 0);
    const char *args[24] = {"profile", "from-csv", in, "--output", out};
    for (size_t i = 5; words && *words && i < N(args) - 1; i++) {
        args[i] = *words++;
    }
    fflush(stderr);
    int keep = dup(STDERR_FILENO), to = open(said, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    dup2(to, STDERR_FILENO);
    o->exit = ctl_main((char **)(uintptr_t)args);
    fflush(stderr);
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(to);
    o->said = file_text(&o->ctx.arena, said);
    o->yaml = file_text(&o->ctx.arena, out);
    const cJSON *tree;
    if (*o->yaml && (edge_yaml_parse(&o->ctx, o->yaml, strlen(o->yaml), NULL, &tree) != EDGE_OK ||
                     edge_dto_decode(&o->ctx, &DEVICE_PROFILE, tree, &o->profile) != EDGE_OK)) {
        printf("%s\n", edge_ctx_message(&o->ctx, EDGE_INVALID));
        CU_FAIL("the profile does not decode");
    }
    return o;
}

static void done(struct outcome *o)
{
    edge_ctx_done(&o->ctx);
    free(o);
}
#define RUN(table, ...)                                                                            \
    run((table), sizeof(table) - 1, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static bool says(const struct outcome *o, const char *text)
{
    bool has = strstr(o->said, text);
    if (!has) {
        printf("said: %s\nlacks: %s\n", o->said, text);
    }
    return has;
}

/* The resource as "type rw units scale offset min max attributes", compared. */
static bool has(const struct outcome *o, const char *name, const char *wanted)
{
    struct edge_buf out = EDGE_BUF_INIT;
    const struct device_resource *r = profile_resource(&o->profile, name);
    if (r) {
        const struct resource_properties *p = &r->properties;
        edge_buf_printf(&out, "%s %s %s", VALUE_TYPES[p->value_type], READ_WRITES[p->read_write],
                        p->units ? p->units : "-");
        const struct {
            const char *key;
            const double *value;
        } numbers[] = {
            {"scale",  p->scale  },
            {"offset", p->offset },
            {"min",    p->minimum},
            {"max",    p->maximum}
        };
        for (size_t i = 0; i < N(numbers); i++) {
            if (numbers[i].value) {
                edge_buf_printf(&out, " %s=%g", numbers[i].key, *numbers[i].value);
            }
        }
        for (const cJSON *a = r->attributes->child; a; a = a->next) {
            edge_buf_printf(&out, " %s=", a->string);
            edge_json_put(&out, a);
        }
    }
    bool right = r && strcmp(edge_buf_str(&out), wanted) == 0;
    if (!right) {
        printf("%s: got %s\nnot %s\n%s\n", name, r ? edge_buf_str(&out) : "none", wanted, o->said);
    }
    edge_buf_done(&out);
    return right;
}
#define HOLDING " primaryTable=\"HOLDING_REGISTERS\" startingAddress="
#define INPUT   " primaryTable=\"INPUT_REGISTERS\" startingAddress="

/* ---- manners of tables ---------------------------------------------------------------------------------- */

static void test_modicon_with_semicolons(void)
{
    struct outcome *o = RUN("\xef\xbb\xbfMeter X, register map;;;;;;;\r\n"
                            "Register;Bezeichnung;Typ;Faktor;Einheit;Zugriff;Min;Max\r\n"
                            "40001;Spannung L1;UINT16;0,1;V;R;;\r\n"
                            "40002;Au\xc3\x9f"
                            "entemperatur;INT16;0,01;\xc2\xb0"
                            "C;R;-40;85,5\r\n"
                            "40003-40004;Z\xc3\xa4hler;UINT32;;Wh;R;;\r\n"
                            "30005;Frequenz;u16;1/100;Hz;R;;\r\n"
                            "40010.3;Pumpe;bool;;;R/W;;\r\n"
                            "00003;Relais;bit;;;RW;;\r\n"
                            "10007;T\xc3\xbcr;bit;;;R;;\r\n",
                            "--manufacturer", "ACME", "--model=X1");
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_STRING_EQUAL(o->profile.name, "table_1");
    CU_ASSERT_STRING_EQUAL(o->profile.manufacturer, "ACME");
    CU_ASSERT_STRING_EQUAL(o->profile.model, "X1");
    CU_ASSERT_EQUAL(o->profile.n_resources, 7);
    CU_ASSERT_TRUE(has(o, "Spannung_L1", "Float32 R V scale=0.1" HOLDING "0 rawType=\"UINT16\""));
    CU_ASSERT_TRUE(has(o, "Aussentemperatur",
                       "Float32 R \xc2\xb0"
                       "C scale=0.01 min=-40 max=85.5" HOLDING "1 rawType=\"INT16\""));
    CU_ASSERT_TRUE(has(o, "Zaehler", "Uint32 R Wh" HOLDING "2"));
    CU_ASSERT_TRUE(has(o, "Frequenz", "Float32 R Hz scale=0.01" INPUT "4 rawType=\"UINT16\""));
    CU_ASSERT_TRUE(has(o, "Pumpe", "Bool RW -" HOLDING "\"9.3\""));
    CU_ASSERT_TRUE(has(o, "Relais", "Bool RW - primaryTable=\"COILS\" startingAddress=2"));
    CU_ASSERT_TRUE(has(o, "Tuer", "Bool R - primaryTable=\"DISCRETES_INPUT\" startingAddress=6"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(o->yaml, "startingAddress: \"9.3\"")); /* quoted, else it is bit 30 elsewhere */
    done(o);
}

static void test_hexadecimal_with_function_codes(void)
{
    struct outcome *o = RUN(
        "Name,Address (hex),FC,Data Type,Byte Order,Length,Multiplier,Offset,Slave ID,Internal\n"
        "Flow,0x0010,3,FLOAT,CDAB,2,,,,a\n"
        "Total,0x0012,3,DOUBLE,DCBA,4,,,2,b\n"
        "Level,1Ah,04,UINT32,,2,0.001,-5,,c\n"
        "Serial Number,0x20,3,ASCII,,8,,,,d\n"
        "Set point,0x30,\"3,6\",INT,,,,,,e\n"
        "Counter,0x31,3/16,unsigned,,2,,,,f\n");
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_TRUE(has(o, "Flow", "Float32 R -" HOLDING "16 isWordSwap=true"));
    CU_ASSERT_TRUE(
        has(o, "Total", "Float64 R -" HOLDING "18 isByteSwap=true isWordSwap=true unitId=2"));
    CU_ASSERT_TRUE(
        has(o, "Level", "Float64 R - scale=0.001 offset=-5" INPUT "26 rawType=\"UINT32\""));
    CU_ASSERT_TRUE(has(o, "Serial_Number", "String R -" HOLDING "32 stringRegisterSize=8"));
    CU_ASSERT_TRUE(has(o, "Set_point", "Int16 RW -" HOLDING "48"));
    CU_ASSERT_TRUE(has(o, "Counter", "Uint32 RW -" HOLDING "49"));
    CU_ASSERT_TRUE(says(o, "columns left out: Internal"));
    CU_ASSERT_TRUE(says(o, "count from 0"));
    done(o);
}

static void test_tabs_titles_and_bits(void)
{
    struct outcome *o = RUN("Address\tBit\tDescription\tTable\tIsWordSwap\tUnits\n"
                            "Alarms\n"
                            "101\t0\tOver temperature\tinput\t\t\n"
                            "101\t1\tOver temperature\tinput\t\t\n"
                            "Values\n"
                            "110\t\tReserved\tinput\t\t\n"
                            "1\t-\t\tholding\tyes\tA\n"
                            "2\t-\t???\tcoil\t\t\n",
                            "--base", "1", "--name", "tabs", "--command");
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_TRUE(has(o, "Over_temperature", "Bool R -" INPUT "\"100.0\""));
    CU_ASSERT_TRUE(has(o, "Over_temperature_2", "Bool R -" INPUT "\"100.1\""));
    CU_ASSERT_TRUE(has(o, "HoldingRegister_0", "Uint16 R A" HOLDING "0 isWordSwap=true"));
    CU_ASSERT_TRUE(has(o, "Coil_1", "Bool R - primaryTable=\"COILS\" startingAddress=1"));
    CU_ASSERT_TRUE(says(
        o, "line 4: there is a Over_temperature already, this one becomes Over_temperature_2"));
    CU_ASSERT_EQUAL_FATAL(o->profile.n_commands, 1);
    CU_ASSERT_STRING_EQUAL(o->profile.commands[0].name, "Alarms");
    CU_ASSERT_EQUAL(o->profile.commands[0].n_operations, 2);
    done(o);
}

static void test_options_say_what_the_table_does_not(void)
{
    struct outcome *o =
        RUN("reg,name,type\n10,a,uint16\n1F,b,bool\n", "--hex", "--table", "input", "--base=0");
    CU_ASSERT_EQUAL(o->exit, CTL_FAILED); /* a bit of a register */
    CU_ASSERT_TRUE(says(o, "line 3, column 3 (type): a bit of a register: which one?"));
    done(o);
    o = RUN("reg,name,type\n10,a,uint16\n1F,b,bool\n", "--hex");
    CU_ASSERT_TRUE(has(o, "a", "Uint16 R -" HOLDING "16"));
    CU_ASSERT_TRUE(has(o, "b", "Bool R - primaryTable=\"COILS\" startingAddress=31"));
    done(o);
    o = RUN("reg,name\n40001,a\n40002,b\n", "--base", "0");
    CU_ASSERT_TRUE(has(o, "a", "Uint16 R -" HOLDING "40001"));
    done(o);
}

static void test_commands_group_neighbours(void)
{
    struct outcome *o = RUN(
        "address,name,type,table,access\n"
        "0,a,uint16,holding,RW\n1,b,int32,holding,RW\n11,c,uint16,holding,RW\n" /* gaps of 8 */
        "30,d,uint16,holding,R\n21,e,float32,holding,RW\n"                      /* and of 9 */
        "60,f,uint16,holding,W\n61,g,uint16,holding,RW\n"                       /* g is alone */
        "100,h,uint16,input,R\n200,i,string[246],input,R\n322,j,uint16,input,R\n" /* 323 - 200 registers fit */
        "326,k,uint16,input,R\n",
        "--command");
    static const struct {
        const char *name;
        unsigned rw;
        size_t n;
    } wanted[] = {
        {"InputRegisters_200_322", RW_R,  2},
        {"HoldingRegisters_0_11",  RW_RW, 3},
        {"HoldingRegisters_21_30", RW_R,  2}
    };
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_EQUAL(o->profile.n_commands, N(wanted));
    for (size_t i = 0; i < N(wanted); i++) {
        const struct device_command *c = profile_command(&o->profile, wanted[i].name);
        if (!c) {
            printf("%s\n%s\n", wanted[i].name, o->yaml);
        }
        CU_ASSERT_TRUE(c && c->read_write == wanted[i].rw && c->n_operations == wanted[i].n);
    }
    done(o);
}

static void test_groups_may_lie_between_each_other(void)
{
    struct outcome *o = RUN(
        "address,name,group,table\n0,a,One,input\n1,b,Two,input\n2,c,One,input\n3,d,Two,input\n4,e,,input\n",
        "--command");
    const struct device_command *one = profile_command(&o->profile, "One"),
                                *two = profile_command(&o->profile, "Two");
    CU_ASSERT_EQUAL(o->profile.n_commands, 2);
    CU_ASSERT_TRUE(one && one->n_operations == 2 &&
                   strcmp(one->operations[1].device_resource, "c") == 0);
    CU_ASSERT_TRUE(two && two->n_operations == 2 &&
                   strcmp(two->operations[0].device_resource, "b") == 0);
    done(o);
}

/* ---- what is wrong ------------------------------------------------------------------------------------------ */

static void test_each_wrong_cell_is_named(void)
{
    struct outcome *o = RUN(
        "address,name,type,scale,offset,min,max,table,access,bit,length,order,unit id,byte swap\n"
        "4x1,a,uint16\n"
        "1,b,uint7\n"
        "2,c,uint16,\"0,1\"\n"
        "3,d,uint16,0\n"
        "4,e,uint16,,abc\n"
        "5,f,uint16,,,9,8\n"
        "6,g,uint16,,,,,files\n"
        "7,h,uint16,,,,,input,RW\n"
        "8,i,uint16,,,,,,sometimes\n"
        "9,j,bool,,,,,,,16\n"
        "10,k,string\n"
        "11,l,float32,,,,,,,,3\n"
        "12,m,float32,,,,,,,,,ABDC\n"
        "13,n,uint16,,,,,,,,,,256\n"
        "14,o,uint16,,,,,,,,,,,perhaps\n"
        "65535,p,uint32\n"
        "15,q,string[16],2\n"
        "16.1,r,bool,,,,,coil\n"
        "17,s,float32,,,,,coil\n"
        ",t,uint16,1\n"
        "18,u,uint8\n");
    static const char *const wanted[] = {
        "line 2, column 1 (address): '4x1' is no address",
        "line 3, column 3 (type): 'uint7' is no type",
        "line 4, column 4 (scale): '0,1' is no number (decimal commas",
        "line 5, column 4 (scale): a scale of 0",
        "line 6, column 5 (offset): 'abc' is no number",
        "line 7, column 6 (minimum): is above the maximum",
        "line 8, column 8 (table): 'files' is none of",
        "line 9, column 9 (access): input registers cannot be written",
        "line 10, column 9 (access): 'sometimes' is none of R, W, RW",
        "line 11, column 10 (bit): '16' is no bit",
        "line 12, column 3 (type): a text needs its length",
        "line 13, column 3 (type): float32 takes 2 registers, the row says 3",
        "line 14, column 12 (byte order): 'ABDC' is none of",
        "line 15, column 13 (unit id): '256' is no unit id",
        "line 16, column 14 (byte swap): 'perhaps' is neither",
        "line 17, column 1 (address): beyond the last one, 65535",
        "line 18, column 4 (scale): a text has no scale",
        "line 19, column 1 (address): coils have no bits",
        "line 20, column 3 (type): 'float32' of coils",
        "line 21, column 1 (address): '' is no address",
        "line 22, column 3 (type): 'uint8': registers have 16 bits",
        "21 cells are wrong",
    };
    CU_ASSERT_EQUAL(o->exit, CTL_FAILED);
    CU_ASSERT_STRING_EQUAL(o->yaml, "");
    for (size_t i = 0; i < N(wanted); i++) {
        CU_ASSERT_TRUE(says(o, wanted[i]));
    }
    done(o);
}

/* All of one name; and one row more than there may be. */
static void test_long_tables(void)
{
    struct edge_buf table = EDGE_BUF_INIT;
    static const char *const words[] = {"--base", "0", "--command", NULL};
    edge_buf_puts(&table, "address,name\n");
    for (unsigned i = 1; i < CTL_CSV_ROWS; i++) {
        edge_buf_printf(&table, "%u,same\n", 2 * i);
    }
    struct outcome *o = run(edge_buf_str(&table), table.len, words);
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_TRUE(says(o, "9999 resources"));
    done(o);
    edge_buf_puts(&table, "1,same\n");
    o = run(edge_buf_str(&table), table.len, words);
    CU_ASSERT_EQUAL(o->exit, CTL_FAILED);
    CU_ASSERT_TRUE(says(o, "more than 10000 rows"));
    done(o);
    edge_buf_done(&table);
}

static void test_tables_that_are_none_are_refused(void)
{
    static const struct {
        const char *table, *text;
    } cases[] = {
        {"",                                     "no header"                            },
        {"a,b\n1,2\n",                           "no header"                            },
        {"address,name\n",                       "no register stands below the header"  },
        {"address,register,name\n1,2,a\n",
         "columns 1 (address) and 2 (register) are both the address"                    },
        {"address,name\n40001,a\n5,b\n",         "1 of 2 addresses are like 40001"      },
        {"address,name,table\n40001,a,input\n",
         "40001 are holding registers, the row says input registers"                    },
        {"address,name,table,fc\n1,a,input,3\n", "function 3 is not for input registers"},
        {"address,\"name\n1,a",                  "line 1: a quote does not end"         },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct outcome *o = run(cases[i].table, strlen(cases[i].table), NULL);
        CU_ASSERT_EQUAL(o->exit, CTL_FAILED);
        CU_ASSERT_TRUE(says(o, cases[i].text));
        CU_ASSERT_STRING_EQUAL(o->yaml, "");
        done(o);
    }
}

static void test_usage_is_checked(void)
{
    static const char *const cases[][3] = {
        {"--base", "2"},
        {"--table",        "x"},
        {"--nope"},
        {"--name"},
        {"--name", ".."},
        {"more"}
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct outcome *o = run("address,name\n1,a\n", 17, cases[i]);
        CU_ASSERT_EQUAL(o->exit, CTL_USAGE);
        CU_ASSERT_TRUE(says(o, "edgexctl"));
        done(o);
    }
    struct outcome *o = RUN("address,name\n1,a\n", "--check");
    CU_ASSERT_EQUAL(o->exit, CTL_OK);
    CU_ASSERT_STRING_EQUAL(o->yaml, "");
    done(o);
}

/* ---- core-metadata --------------------------------------------------------------------------------------------- */

static void test_core_metadata_takes_it(void)
{
    devsdk_test *t = devsdk_test_start(&device_rest, NULL);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    struct outcome *o = RUN(
        "address,name,type,scale,unit,access\n40001,Voltage,uint16,0.1,V,R\n40002,Mode,uint16,,,RW\n40003,Name,string[8],,,R\n",
        "--command", "--name", "meter");
    CU_ASSERT_EQUAL(devsdk_test_profile(t, o->yaml), 201);
    CU_ASSERT_STRING_EQUAL(devsdk_test_text(t), "");
    done(o);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

#define ANSWER(n, text)                                                                            \
    "HTTP/1.1 207 Multi-Status\r\nContent-Type: application/json\r\nContent-Length: " #n           \
    "\r\n\r\n" text

static void test_it_is_posted(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER,                                               ANSWER(21, "[{\"statusCode\": 201}]")},
        {PEER_ANSWER,                                                         ANSWER(47,                                                        "[{\"statusCode\": 409, \"message\": \"it is there\"}]")},
        {PEER_ANSWER, ANSWER(2,"[]")},
        {PEER_ANSWER,                                                 "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"                                                                                                  },
    };
    static const char *const words[] = {"", "core-metadata: it is there",
                                        "core-metadata answers something else", "status code: 503"};
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    for (size_t i = 0; i < N(script); i++) {
        struct outcome *o = RUN("address,name\n40001,Voltage\n", "--service", tcp_peer_url(p));
        CU_ASSERT_EQUAL(o->exit, i == 0 ? CTL_OK : CTL_FAILED);
        CU_ASSERT_TRUE(says(o, words[i]));
        CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(p), "POST /api/v3/deviceprofile HTTP/1.1"));
        CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(p), "\"name\":\"Voltage\""));
        done(o);
    }
    tcp_peer_free(p);
    struct outcome *o = RUN("address,name\n40001,Voltage\n", "--service", "http://127.0.0.1:1");
    CU_ASSERT_EQUAL(o->exit, CTL_FAILED);
    CU_ASSERT_TRUE(says(o, "failed to send a http request"));
    done(o);
}

CU_TestInfo ctl_profile_tests[] = {
    {"Modicon's addresses, semicolons, commas, umlauts", test_modicon_with_semicolons            },
    {"hexadecimal addresses and function codes",         test_hexadecimal_with_function_codes    },
    {"tabs, titles, bits",                               test_tabs_titles_and_bits               },
    {"options say what the table does not",              test_options_say_what_the_table_does_not},
    {"commands group neighbours",                        test_commands_group_neighbours          },
    {"groups may lie between each other",                test_groups_may_lie_between_each_other  },
    {"each wrong cell is named",                         test_each_wrong_cell_is_named           },
    {"tables that are none are refused",                 test_tables_that_are_none_are_refused   },
    {"long tables",                                      test_long_tables                        },
    {"usage is checked",                                 test_usage_is_checked                   },
    {"core-metadata takes it",                           test_core_metadata_takes_it             },
    {"it is posted",                                     test_it_is_posted                       },
    CU_TEST_INFO_NULL,
};
