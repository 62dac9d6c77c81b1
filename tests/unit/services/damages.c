#include "damages.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edge/ctx.h"

/* ---- files ----------------------------------------------------------------------------------- */

void file_read(struct edge_buf *ret, const char *path)
{
    *ret = (struct edge_buf)EDGE_BUF_INIT;
    int fd = open(path, O_RDONLY);
    CU_ASSERT_FATAL(fd >= 0);
    ssize_t got;
    while ((got = read(fd, edge_buf_room(ret, 65536), 65536)) > 0) {
        ret->len += (size_t)got;
    }
    close(fd);
}

void file_write(const struct edge_buf *bytes, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_EQUAL_FATAL(write(fd, bytes->data, bytes->len), (ssize_t)bytes->len);
    close(fd);
}

size_t files_kept(const char *folder, const char *part, const char *end, char *ret_path,
                  size_t size)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        size_t len = strlen(e->d_name), end_len = strlen(end);
        bool log = len > 4 && strcmp(e->d_name + len - 4, "-wal") == 0;
        if (strstr(e->d_name, part) && len > end_len &&
            strcmp(e->d_name + len - end_len, end) == 0 &&
            (*end || (!log && !strstr(e->d_name, "-shm")))) {
            snprintf(ret_path, size, "%s/%s", folder, e->d_name);
            n++;
        }
    }
    closedir(dir);
    return n;
}

bool file_has(const char *path, const struct edge_buf *bytes)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf found;
    file_read(&found, path);
    return found.len == bytes->len && memcmp(found.data, bytes->data, bytes->len) == 0;
}

/* ---- what happens to a file ------------------------------------------------------------------ */

void junk(struct edge_buf *b, size_t from, size_t len, int byte)
{
    if (from < b->len) {
        memset(b->data + from, byte, from + len < b->len ? len : b->len - from);
    }
}

static void not_a_database(struct edge_buf *b)
{
    junk(b, 0, b->len, 'x');
}

static void without_a_name(struct edge_buf *b)
{
    junk(b, 0, 16, 0);
}

static void with_a_page_size_of_none(struct edge_buf *b)
{
    junk(b, 16, 2, 0x33);
}

static void with_a_header_of_junk(struct edge_buf *b)
{
    junk(b, 16, 84, 0x5a);
}

static void without_a_mark(struct edge_buf *b)
{
    junk(b, 60, 12, 0); /* version and application */
}

static void with_a_first_page_of_junk(struct edge_buf *b)
{
    junk(b, 100, PAGE - 100, 0x5a);
}

static void without_tables(struct edge_buf *b)
{
    junk(b, 100, PAGE - 100, 0);
    b->data[100] = 0x0d; /* a leaf, and nothing on it */
    b->data[105] = PAGE >> 8;
}

static void cut_in_half(struct edge_buf *b)
{
    b->len = b->len / 2;
}

static void cut_within_the_header(struct edge_buf *b)
{
    b->len = 60;
}

static void with_pages_of_junk(struct edge_buf *b)
{
    junk(b, PAGE, b->len - PAGE, 0x5a);
}

static void with_pages_of_zeros(struct edge_buf *b)
{
    junk(b, PAGE, b->len - PAGE, 0);
}

int64_t root_page(const char *path, const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name=?1", -1, &stmt, NULL),
        SQLITE_OK);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    CU_ASSERT_EQUAL_FATAL(sqlite3_step(stmt), SQLITE_ROW);
    int64_t page = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return page;
}

const struct damage DAMAGES[N_DAMAGES] = {
    {"not a database",     not_a_database,            true },
    {"no name",            without_a_name,            true },
    {"page size",          with_a_page_size_of_none,  true },
    {"header of junk",     with_a_header_of_junk,     true },
    {"no mark",            without_a_mark,            false},
    {"first page of junk", with_a_first_page_of_junk, true },
    {"no tables",          without_tables,            true },
    {"half of it",         cut_in_half,               true },
    {"half of its header", cut_within_the_header,     true },
    {"pages of junk",      with_pages_of_junk,        false},
    {"pages of zeros",     with_pages_of_zeros,       false},
};
