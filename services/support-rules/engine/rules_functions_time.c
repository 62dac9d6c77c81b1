/* Dates and times, in UTC: numbers are ms since 1970, texts "2006-01-02T15:04:05.000Z" and the like. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edge/text.h"
#include "rules_code.h"
#include "rules_tables.h"

static const char *const DAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const MONTHS[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const int64_t US_MAX = INT64_C(253402300799) * 1000000; /* the year 9999 */

/* ---- reading ------------------------------------------------------------------------------ */

static bool digits(const char **at, int n, int *ret)
{
    *ret = 0;
    for (; n > 0; n--, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *ret = *ret * 10 + (**at - '0');
    }
    return true;
}

/* "Z", "+01:00", "-0700" or nothing, as seconds. */
static bool read_zone(const char **at, int *ret)
{
    int h, m, sign = **at == '-' ? -1 : 1;
    *ret = 0;
    if (**at == 'Z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-') {
        return true;
    }
    (*at)++;
    if (!digits(at, 2, &h)) {
        return false;
    }
    *at += **at == ':';
    if (!digits(at, 2, &m)) {
        return false;
    }
    *ret = sign * (h * 3600 + m * 60);
    return true;
}

static bool read_clock(const char **at, struct tm *tm, int64_t *ret_us)
{
    int64_t scale = 100000;
    if ((**at != 'T' && **at != ' ') || !(*at)++) {
        return true;
    }
    if (!digits(at, 2, &tm->tm_hour) || *(*at)++ != ':' || !digits(at, 2, &tm->tm_min)) {
        return false;
    }
    if (**at == ':') {
        (*at)++;
        if (!digits(at, 2, &tm->tm_sec)) {
            return false;
        }
    }
    if (**at == '.') {
        for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, scale /= 10) {
            *ret_us += scale * (**at - '0');
        }
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

static bool read_text(const char *text, int64_t *ret_us)
{
    struct tm tm = {0};
    int64_t us = 0;
    int zone = 0;
    const char *at = text;
    if (!digits(&at, 4, &tm.tm_year) || *at++ != '-' || !digits(&at, 2, &tm.tm_mon) ||
        *at++ != '-' || !digits(&at, 2, &tm.tm_mday) || !read_clock(&at, &tm, &us) ||
        !read_zone(&at, &zone) || *at || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > 31) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_us = ((int64_t)timegm(&tm) - zone) * 1000000 + us;
    return true;
}

static bool arg_time(struct rules_call *c, const struct rules_value *args, size_t i,
                     int64_t *ret_us)
{
    const struct rules_value *v = &args[i];
    if (rules_is_number(v)) {
        double ms = rules_as_real(v);
        if (!(fabs(ms) <= (double)US_MAX / 1000)) {
            return rules_error(c, "a time beyond the year 9999");
        }
        *ret_us = v->kind == RULES_INT ? v->i * 1000 : (int64_t)(ms * 1000);
        return true;
    }
    if (v->kind == RULES_TEXT && read_text(v->text, ret_us)) {
        return true;
    }
    return rules_error(c, "argument %zu is no time", i + 1);
}

static void split(int64_t us, struct tm *ret, int *ret_us)
{
    int64_t rest = us % 1000000;
    rest += rest < 0 ? 1000000 : 0;
    time_t s = (time_t)((us - rest) / 1000000);
    gmtime_r(&s, ret);
    *ret_us = (int)rest;
}

/* ---- writing ------------------------------------------------------------------------------ */

static bool result(struct rules_call *c, const char *s, struct rules_value *ret)
{
    size_t n = strlen(s);
    char *text = rules_new_text(c, n);
    if (text) {
        memcpy(text, s, n);
        *ret = (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)n, .text = text};
    }
    return text != NULL;
}

static bool stamp(struct rules_call *c, int64_t us, bool date, bool clock, int fraction,
                  struct rules_value *ret)
{
    struct tm tm;
    int rest;
    char text[64] = "", *at = text;
    split(us, &tm, &rest);
    if (date) {
        at += strftime(at, 32, clock ? "%Y-%m-%d " : "%Y-%m-%d", &tm);
    }
    if (clock) {
        at += strftime(at, 16, "%H:%M:%S", &tm);
    }
    if (fraction > 0) {
        char six[16];
        snprintf(six, sizeof(six), "%06d", rest);
        snprintf(at, 12, ".%.*s", fraction, six);
    }
    return result(c, text, ret);
}

bool rules_time_cast(struct rules_call *c, const struct rules_value *args, struct rules_value *ret)
{
    int64_t us;
    struct tm tm;
    int rest;
    char date[32], text[64];
    if (!arg_time(c, args, 0, &us)) {
        return false;
    }
    split(us, &tm, &rest);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof(text), "%s.%03dZ", date, rest / 1000);
    return result(c, text, ret);
}

/* One run of the same letter of a pattern; the number of bytes written. */
static int put_field(char *out, size_t size, char letter, int n, const struct tm *tm, int us)
{
    int hour12 = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
    switch (letter) {
    case 'G':
        return snprintf(out, size, "AD");
    case 'Y':
    case 'y':
        return n == 2 ? snprintf(out, size, "%02d", tm->tm_year % 100)
                      : snprintf(out, size, "%04d", tm->tm_year + 1900);
    case 'M':
        return n <= 2 ? snprintf(out, size, "%0*d", n, tm->tm_mon + 1)
                      : snprintf(out, size, "%.*s", n == 3 ? 3 : 20, MONTHS[tm->tm_mon]);
    case 'd':
        return snprintf(out, size, "%0*d", n, tm->tm_mday);
    case 'E':
        return snprintf(out, size, "%.*s", n <= 3 ? 3 : 20, DAYS[tm->tm_wday]);
    case 'H':
        return snprintf(out, size, "%0*d", n, tm->tm_hour);
    case 'h':
        return snprintf(out, size, "%0*d", n, hour12);
    case 'a':
        return snprintf(out, size, "%s", tm->tm_hour < 12 ? "AM" : "PM");
    case 'm':
        return snprintf(out, size, "%0*d", n, tm->tm_min);
    case 's':
        return snprintf(out, size, "%0*d", n, tm->tm_sec);
    case 'S': {
        char six[16];
        snprintf(six, sizeof(six), "%06d", us);
        return snprintf(out, size, ".%.*s", n > 6 ? 6 : n, six);
    }
    case 'z':
        return snprintf(out, size, "UTC");
    case 'Z':
        return snprintf(out, size, "+0000");
    case 'X':
        return snprintf(out, size, "%s", n == 1 ? "+00" : n == 2 ? "+0000" : "+00:00");
    default:
        return -1;
    }
}

static bool fn_format_time(struct rules_call *c, const struct rules_value *args, size_t n,
                           struct rules_value *ret)
{
    int64_t us;
    const char *pattern;
    struct tm tm;
    int rest;
    char text[512];
    size_t len = 0;
    (void)n;
    if (!arg_time(c, args, 0, &us) || !rules_arg_text(c, args, 1, &pattern)) {
        return false;
    }
    split(us, &tm, &rest);
    while (*pattern) {
        int run = 1;
        while (pattern[run] == *pattern && run < 9) {
            run++;
        }
        if (len + 32 > sizeof(text)) {
            return rules_error(c, "the format is too long");
        }
        int put = put_field(text + len, sizeof(text) - len, *pattern, run, &tm, rest);
        if (put < 0) {
            text[len] = *pattern;
            put = run = 1;
        }
        len += (size_t)put;
        pattern += run;
    }
    text[len] = '\0';
    return result(c, text, ret);
}

/* ---- functions ---------------------------------------------------------------------------- */

static bool now_stamp(struct rules_call *c, const struct rules_value *args, size_t n, bool date,
                      bool clock, struct rules_value *ret)
{
    int64_t fraction = 0;
    if (n == 1 && !rules_arg_int(c, args, 0, &fraction)) {
        return false;
    }
    fraction = fraction < 0 ? 0 : fraction > 6 ? 6 : fraction;
    return stamp(c, c->now_ms * 1000, date, clock, (int)fraction, ret);
}

static bool fn_now(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    return now_stamp(c, args, n, true, true, ret);
}

static bool fn_cur_date(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    return now_stamp(c, args, n, true, false, ret);
}

static bool fn_cur_time(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    return now_stamp(c, args, n, false, true, ret);
}

static bool fn_date_calc(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret)
{
    int64_t us, ns;
    const char *duration;
    (void)n;
    if (!arg_time(c, args, 0, &us) || !rules_arg_text(c, args, 1, &duration)) {
        return false;
    }
    if (!edge_duration_parse(duration, false, &ns)) {
        return rules_error(c, "'%.40s' is no duration", duration);
    }
    us += ns / 1000;
    if (rules_is_number(&args[0])) {
        *ret = rules_int(us / 1000);
        return true;
    }
    return stamp(c, us, true, true, 0, ret);
}

static bool fn_date_diff(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret)
{
    int64_t a, b;
    (void)n;
    if (!arg_time(c, args, 0, &a) || !arg_time(c, args, 1, &b)) {
        return false;
    }
    *ret = rules_int((a - b) / INT64_C(86400000000));
    return true;
}

#define PART(name, expr)                                                                           \
    static bool name(struct rules_call *c, const struct rules_value *args, size_t n,               \
                     struct rules_value *ret)                                                      \
    {                                                                                              \
        int64_t at;                                                                                \
        struct tm tm;                                                                              \
        int us;                                                                                    \
        (void)n;                                                                                   \
        if (!arg_time(c, args, 0, &at)) {                                                          \
            return false;                                                                          \
        }                                                                                          \
        split(at, &tm, &us);                                                                       \
        *ret = expr;                                                                               \
        return true;                                                                               \
    }
PART(fn_day_name, rules_text(DAYS[tm.tm_wday]))
PART(fn_day, rules_int(tm.tm_mday))
PART(fn_day_of_week, rules_int(tm.tm_wday + 1))
PART(fn_day_of_year, rules_int(tm.tm_yday + 1))
PART(fn_hour, rules_int(tm.tm_hour))
PART(fn_minute, rules_int(tm.tm_min))
PART(fn_second, rules_int(tm.tm_sec))
PART(fn_microsecond, rules_int(us))
PART(fn_month, rules_int(tm.tm_mon + 1))
PART(fn_month_name, rules_text(MONTHS[tm.tm_mon]))
PART(fn_year, rules_int(tm.tm_year + 1900))

static bool fn_last_day(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    int64_t at;
    struct tm tm;
    int us;
    (void)n;
    if (!arg_time(c, args, 0, &at)) {
        return false;
    }
    split(at, &tm, &us);
    struct tm end = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 0};
    return stamp(c, (int64_t)timegm(&end) * 1000000, true, false, 0, ret);
}

static bool fn_from_unix_time(struct rules_call *c, const struct rules_value *args, size_t n,
                              struct rules_value *ret)
{
    int64_t s;
    (void)n;
    if (!rules_arg_int(c, args, 0, &s)) {
        return false;
    }
    if (s > US_MAX / 1000000 || s < -US_MAX / 1000000) {
        return rules_error(c, "a time beyond the year 9999");
    }
    return stamp(c, s * 1000000, true, true, 0, ret);
}

static bool fn_from_days(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret)
{
    int64_t days;
    (void)n;
    if (!rules_arg_int(c, args, 0, &days)) {
        return false;
    }
    if (days > 2932896 || days < -2932896) {
        return rules_error(c, "a time beyond the year 9999");
    }
    return stamp(c, days * INT64_C(86400000000), true, false, 0, ret);
}

#define MOMENT(name, expr)                                                                         \
    static bool name(struct rules_call *c, const struct rules_value *args, size_t n,               \
                     struct rules_value *ret)                                                      \
    {                                                                                              \
        (void)args, (void)n;                                                                       \
        *ret = expr;                                                                               \
        return true;                                                                               \
    }
MOMENT(fn_tstamp, rules_int(c->now_ms))
MOMENT(fn_event_time, rules_int(c->ts_ms))
MOMENT(fn_window_start, rules_int(c->window_start))
MOMENT(fn_window_end, rules_int(c->window_end))
MOMENT(fn_rule_id, rules_text(c->id))

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
#define NOW(name, fn, max, args, doc) ROW(name, 0, max, RULES_FN_IMPURE | RULES_FN_NULLS, fn, args, doc)
const struct rules_function RULES_TIMES[] = {
    NOW("now", fn_now, 1, "[digits]", "The time, YYYY-MM-DD HH:mm:ss, with so many digits of a second."),
    NOW("current_timestamp", fn_now, 1, "[digits]", "The same."),
    NOW("local_time", fn_now, 1, "[digits]", "The same."),
    NOW("local_timestamp", fn_now, 1, "[digits]", "The same."),
    NOW("cur_date", fn_cur_date, 0, "", "The date, YYYY-MM-DD."),
    NOW("current_date", fn_cur_date, 0, "", "The same."),
    NOW("cur_time", fn_cur_time, 0, "", "The time of the day, HH:mm:ss."),
    NOW("current_time", fn_cur_time, 0, "", "The same."),
    NOW("tstamp", fn_tstamp, 0, "", "Now, ms since 1970."),
    NOW("event_time", fn_event_time, 0, "", "Of the event (its origin), ms since 1970; the end of a window."),
    NOW("window_start", fn_window_start, 0, "", "Beginning of the window, ms since 1970; 0 without one of time."),
    NOW("window_end", fn_window_end, 0, "", "End of the window, likewise."),
    NOW("rule_id", fn_rule_id, 0, "", "Id of the rule."),
    ROW("format_time", 2, 2, 0, fn_format_time, "time, format", "By letters: YYYY MM MMM dd EEE HH hh a mm ss SSS XXX."),
    ROW("date_calc", 2, 2, 0, fn_date_calc, "time, duration", "Later by a duration such as 1h30m or -15m."),
    ROW("date_diff", 2, 2, 0, fn_date_diff, "time, time", "Whole days from the second to the first."),
    ROW("day_name", 1, 1, 0, fn_day_name, "time", "Monday, ..."),
    ROW("day_of_month", 1, 1, 0, fn_day, "time", "1 to 31."),
    ROW("day", 1, 1, 0, fn_day, "time", "The same."),
    ROW("day_of_week", 1, 1, 0, fn_day_of_week, "time", "1 (Sunday) to 7."),
    ROW("day_of_year", 1, 1, 0, fn_day_of_year, "time", "1 to 366."),
    ROW("from_days", 1, 1, 0, fn_from_days, "days", "The date so many days after 1970-01-01."),
    ROW("from_unix_time", 1, 1, 0, fn_from_unix_time, "seconds", "The time so many seconds after 1970."),
    ROW("hour", 1, 1, 0, fn_hour, "time", "0 to 23."),
    ROW("last_day", 1, 1, 0, fn_last_day, "time", "Last date of the month."),
    ROW("microsecond", 1, 1, 0, fn_microsecond, "time", "0 to 999999."),
    ROW("minute", 1, 1, 0, fn_minute, "time", "0 to 59."),
    ROW("month", 1, 1, 0, fn_month, "time", "1 to 12."),
    ROW("month_name", 1, 1, 0, fn_month_name, "time", "January, ..."),
    ROW("second", 1, 1, 0, fn_second, "time", "0 to 59."),
    ROW("year", 1, 1, 0, fn_year, "time", "Four digits."),
    {0},
};
