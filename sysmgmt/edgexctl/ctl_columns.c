#include "ctl_columns.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 48, TITLES_MAX = 30 };

/* As they are compared: lower case, letters and digits alone. */
static const struct {
    const char *name;
    enum ctl_column column;
} SYNONYMS[] = {
    {"address",           CTL_ADDRESS    },
    {"addr",              CTL_ADDRESS    },
    {"adr",               CTL_ADDRESS    },
    {"adresse",           CTL_ADDRESS    },
    {"addressdec",        CTL_ADDRESS    },
    {"addresshex",        CTL_ADDRESS    },
    {"register",          CTL_ADDRESS    },
    {"reg",               CTL_ADDRESS    },
    {"registeraddress",   CTL_ADDRESS    },
    {"registernumber",    CTL_ADDRESS    },
    {"registerno",        CTL_ADDRESS    },
    {"registernr",        CTL_ADDRESS    },
    {"registeradresse",   CTL_ADDRESS    },
    {"regaddr",           CTL_ADDRESS    },
    {"regaddress",        CTL_ADDRESS    },
    {"modbusaddress",     CTL_ADDRESS    },
    {"modbusaddr",        CTL_ADDRESS    },
    {"modbusregister",    CTL_ADDRESS    },
    {"startaddress",      CTL_ADDRESS    },
    {"startingaddress",   CTL_ADDRESS    },
    {"startregister",     CTL_ADDRESS    },
    {"start",             CTL_ADDRESS    },
    {"type",              CTL_TYPE       },
    {"datatype",          CTL_TYPE       },
    {"dataformat",        CTL_TYPE       },
    {"format",            CTL_TYPE       },
    {"valuetype",         CTL_TYPE       },
    {"typ",               CTL_TYPE       },
    {"datentyp",          CTL_TYPE       },
    {"name",              CTL_NAME       },
    {"resource",          CTL_NAME       },
    {"resourcename",      CTL_NAME       },
    {"signal",            CTL_NAME       },
    {"signalname",        CTL_NAME       },
    {"parameter",         CTL_NAME       },
    {"parametername",     CTL_NAME       },
    {"tag",               CTL_NAME       },
    {"tagname",           CTL_NAME       },
    {"point",             CTL_NAME       },
    {"pointname",         CTL_NAME       },
    {"variable",          CTL_NAME       },
    {"variablename",      CTL_NAME       },
    {"measurement",       CTL_NAME       },
    {"quantityname",      CTL_NAME       },
    {"registername",      CTL_NAME       },
    {"label",             CTL_NAME       },
    {"bezeichnung",       CTL_NAME       },
    {"description",       CTL_DESCRIPTION},
    {"desc",              CTL_DESCRIPTION},
    {"comment",           CTL_DESCRIPTION},
    {"comments",          CTL_DESCRIPTION},
    {"remark",            CTL_DESCRIPTION},
    {"remarks",           CTL_DESCRIPTION},
    {"note",              CTL_DESCRIPTION},
    {"notes",             CTL_DESCRIPTION},
    {"meaning",           CTL_DESCRIPTION},
    {"beschreibung",      CTL_DESCRIPTION},
    {"unit",              CTL_UNITS      },
    {"units",             CTL_UNITS      },
    {"uom",               CTL_UNITS      },
    {"engineeringunit",   CTL_UNITS      },
    {"engineeringunits",  CTL_UNITS      },
    {"engunit",           CTL_UNITS      },
    {"einheit",           CTL_UNITS      },
    {"scale",             CTL_SCALE      },
    {"scaling",           CTL_SCALE      },
    {"scalefactor",       CTL_SCALE      },
    {"scalingfactor",     CTL_SCALE      },
    {"factor",            CTL_SCALE      },
    {"multiplier",        CTL_SCALE      },
    {"gain",              CTL_SCALE      },
    {"resolution",        CTL_SCALE      },
    {"faktor",            CTL_SCALE      },
    {"skalierung",        CTL_SCALE      },
    {"divisor",           CTL_DIVISOR    },
    {"divider",           CTL_DIVISOR    },
    {"dividedby",         CTL_DIVISOR    },
    {"offset",            CTL_OFFSET     },
    {"bias",              CTL_OFFSET     },
    {"valueoffset",       CTL_OFFSET     },
    {"table",             CTL_TABLE      },
    {"primarytable",      CTL_TABLE      },
    {"registertable",     CTL_TABLE      },
    {"registertype",      CTL_TABLE      },
    {"regtype",           CTL_TABLE      },
    {"objecttype",        CTL_TABLE      },
    {"area",              CTL_TABLE      },
    {"memoryarea",        CTL_TABLE      },
    {"function",          CTL_FUNCTION   },
    {"functioncode",      CTL_FUNCTION   },
    {"functioncodes",     CTL_FUNCTION   },
    {"modbusfunction",    CTL_FUNCTION   },
    {"fc",                CTL_FUNCTION   },
    {"access",            CTL_ACCESS     },
    {"rw",                CTL_ACCESS     },
    {"readwrite",         CTL_ACCESS     },
    {"permission",        CTL_ACCESS     },
    {"permissions",       CTL_ACCESS     },
    {"accessmode",        CTL_ACCESS     },
    {"direction",         CTL_ACCESS     },
    {"zugriff",           CTL_ACCESS     },
    {"min",               CTL_MINIMUM    },
    {"minimum",           CTL_MINIMUM    },
    {"minvalue",          CTL_MINIMUM    },
    {"lowerlimit",        CTL_MINIMUM    },
    {"max",               CTL_MAXIMUM    },
    {"maximum",           CTL_MAXIMUM    },
    {"maxvalue",          CTL_MAXIMUM    },
    {"upperlimit",        CTL_MAXIMUM    },
    {"length",            CTL_LENGTH     },
    {"len",               CTL_LENGTH     },
    {"count",             CTL_LENGTH     },
    {"size",              CTL_LENGTH     },
    {"registers",         CTL_LENGTH     },
    {"registercount",     CTL_LENGTH     },
    {"numberofregisters", CTL_LENGTH     },
    {"noofregisters",     CTL_LENGTH     },
    {"quantity",          CTL_LENGTH     },
    {"words",             CTL_LENGTH     },
    {"wordcount",         CTL_LENGTH     },
    {"laenge",            CTL_LENGTH     },
    {"anzahl",            CTL_LENGTH     },
    {"bit",               CTL_BIT        },
    {"bitno",             CTL_BIT        },
    {"bitnumber",         CTL_BIT        },
    {"bitposition",       CTL_BIT        },
    {"byteorder",         CTL_ORDER      },
    {"wordorder",         CTL_ORDER      },
    {"order",             CTL_ORDER      },
    {"endian",            CTL_ORDER      },
    {"endianness",        CTL_ORDER      },
    {"swap",              CTL_ORDER      },
    {"byteswap",          CTL_BYTE_SWAP  },
    {"isbyteswap",        CTL_BYTE_SWAP  },
    {"wordswap",          CTL_WORD_SWAP  },
    {"iswordswap",        CTL_WORD_SWAP  },
    {"unitid",            CTL_UNIT_ID    },
    {"slave",             CTL_UNIT_ID    },
    {"slaveid",           CTL_UNIT_ID    },
    {"group",             CTL_GROUP      },
    {"section",           CTL_GROUP      },
    {"category",          CTL_GROUP      },
    {"gruppe",            CTL_GROUP      },
};

const char *ctl_column_name(enum ctl_column column)
{
    static const char *const names[] = {[CTL_ADDRESS] = "address",
                                        [CTL_TYPE] = "type",
                                        [CTL_NAME] = "name",
                                        [CTL_DESCRIPTION] = "description",
                                        [CTL_UNITS] = "unit",
                                        [CTL_SCALE] = "scale",
                                        [CTL_DIVISOR] = "divisor",
                                        [CTL_OFFSET] = "offset",
                                        [CTL_TABLE] = "table",
                                        [CTL_FUNCTION] = "function",
                                        [CTL_ACCESS] = "access",
                                        [CTL_MINIMUM] = "minimum",
                                        [CTL_MAXIMUM] = "maximum",
                                        [CTL_LENGTH] = "length",
                                        [CTL_BIT] = "bit",
                                        [CTL_ORDER] = "byte order",
                                        [CTL_BYTE_SWAP] = "byte swap",
                                        [CTL_WORD_SWAP] = "word swap",
                                        [CTL_UNIT_ID] = "unit id",
                                        [CTL_GROUP] = "group"};
    return names[column];
}

/* What stands in brackets is left out: "Scale (x)", "Address [dec]". False where it is too long. */
static bool simple_name(const char *cell, char ret[NAME_MAX_LEN])
{
    size_t n = 0;
    for (; *cell && *cell != '(' && *cell != '['; cell++) {
        bool is_upper = *cell >= 'A' && *cell <= 'Z';
        bool counts = is_upper || (*cell >= 'a' && *cell <= 'z') || (*cell >= '0' && *cell <= '9');
        if (counts && n + 1 == NAME_MAX_LEN) {
            return false;
        }
        if (counts) {
            ret[n++] = is_upper ? (char)(*cell - 'A' + 'a') : *cell;
        }
    }
    ret[n] = '\0';
    return n > 0;
}

/* CTL_N_COLUMNS: nobody knows it. */
static enum ctl_column column_of(const char *cell)
{
    char name[NAME_MAX_LEN];
    if (!simple_name(cell, name)) {
        return CTL_N_COLUMNS;
    }
    for (size_t i = 0; i < sizeof(SYNONYMS) / sizeof(SYNONYMS[0]); i++) {
        if (strcmp(SYNONYMS[i].name, name) == 0) {
            return SYNONYMS[i].column;
        }
    }
    return CTL_N_COLUMNS;
}

static bool is_header(const struct ctl_row *row)
{
    bool has[CTL_N_COLUMNS + 1] = {false};
    for (size_t i = 0; i < row->n; i++) {
        has[column_of(row->cells[i])] = true;
    }
    return has[CTL_ADDRESS] && (has[CTL_NAME] || has[CTL_TYPE] || has[CTL_DESCRIPTION]);
}

static enum edge_status take_header(struct edge_ctx *ctx, const struct ctl_row *row,
                                    struct ctl_columns *ret)
{
    ret->ignored = "";
    for (size_t i = 0; i < CTL_N_COLUMNS; i++) {
        ret->at[i] = -1;
    }
    for (size_t i = 0; i < row->n; i++) {
        enum ctl_column column = column_of(row->cells[i]);
        if (column == CTL_N_COLUMNS) {
            if (row->cells[i][0]) {
                ret->ignored = edge_printf(&ctx->arena, "%s%s%s", ret->ignored,
                                           *ret->ignored ? ", " : "", row->cells[i]);
            }
            continue;
        }
        if (ret->at[column] >= 0) {
            return edge_fail(ctx, EDGE_INVALID,
                             "line %u: columns %d (%s) and %zu (%s) are both the %s: rename one",
                             row->line, ret->at[column] + 1, row->cells[ret->at[column]], i + 1,
                             row->cells[i], ctl_column_name(column));
        }
        ret->at[column] = (int)i;
    }
    return EDGE_OK;
}

enum edge_status ctl_columns_find(struct edge_ctx *ctx, const struct ctl_csv *csv,
                                  struct ctl_columns *ret)
{
    for (size_t i = 0; i < csv->n && i < TITLES_MAX; i++) {
        if (is_header(&csv->rows[i])) {
            ret->header = i;
            return take_header(ctx, &csv->rows[i], ret);
        }
    }
    return edge_fail(ctx, EDGE_INVALID,
                     "no header: a row with an address column, and a name, type or description");
}

const char *ctl_cell(const struct ctl_row *row, const struct ctl_columns *columns,
                     enum ctl_column column)
{
    int at = columns->at[column];
    return at >= 0 && (size_t)at < row->n ? row->cells[at] : "";
}
