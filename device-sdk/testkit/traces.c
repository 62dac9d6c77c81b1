/* What a driver leaves behind in the process: files, threads, memory. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edge/thread.h"
#include "testkit.h"

enum { WAIT_MS = 2000 };

/* Of programs built with -fsanitize=address. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* fn for each number in a folder of /proc. */
static unsigned each_number(const char *folder, void (*fn)(unsigned number, void *arg), void *arg)
{
    unsigned n = 0;
    DIR *list = opendir(folder);
    struct dirent *entry;
    while (list && (entry = readdir(list)) != NULL) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        if (*end == '\0' && end != entry->d_name && (int)number != dirfd(list)) {
            n++;
            fn((unsigned)number, arg);
        }
    }
    if (list) {
        closedir(list);
    }
    return n;
}

static void note_file(unsigned number, void *arg)
{
    struct kit_traces *t = arg;
    if (number < sizeof(t->files) * 8) {
        t->files[number / 8] |= (unsigned char)(1u << number % 8);
    }
}

static void note_thread(unsigned number, void *arg)
{
    struct kit_traces *t = arg;
    if (t->n_threads < sizeof(t->threads) / sizeof(t->threads[0])) {
        t->threads[t->n_threads++] = number;
    }
}

static void *nothing(void *arg)
{
    return arg;
}

void kit_traces_note(struct kit_traces *before)
{
    /* What a sanitizer runs for itself begins beside the first thread there is. */
    pthread_join(edge_thread_start("kit", nothing, NULL), NULL);
    *before = (struct kit_traces){0};
    each_number("/proc/self/fd", note_file, before);
    each_number("/proc/self/task", note_thread, before);
}

struct comparison {
    devsdk_test *test;
    const struct kit_traces *before;
};

static void compare_file(unsigned number, void *arg)
{
    const struct comparison *c = arg;
    char path[64], target[256] = "";
    if (number >= sizeof(c->before->files) * 8 ||
        (c->before->files[number / 8] & 1u << number % 8) != 0) {
        return;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%u", number);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n > 0) {
        kit_fault(c->test, "file descriptor %u is still open: %s", number, target);
    }
}

static bool was_there(const struct kit_traces *before, unsigned thread)
{
    for (unsigned i = 0; i < before->n_threads; i++) {
        if (before->threads[i] == thread) {
            return true;
        }
    }
    return false;
}

static unsigned new_threads(const struct kit_traces *before, struct kit_traces *now)
{
    unsigned n = 0;
    now->n_threads = 0;
    each_number("/proc/self/task", note_thread, now);
    for (unsigned i = 0; i < now->n_threads; i++) {
        if (!was_there(before, now->threads[i])) {
            now->threads[n++] = now->threads[i];
        }
    }
    return now->n_threads = n;
}

/* Threads that were told to end do so when they get to it. */
static unsigned compare_threads(devsdk_test *t, const struct kit_traces *before)
{
    struct kit_traces now;
    unsigned n = 0;
    for (int i = 0; i < WAIT_MS && (n = new_threads(before, &now)) > 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        char path[64], name[64] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%u/comm", now.threads[i]);
        FILE *file = fopen(path, "re");
        if (file) {
            name[fread(name, 1, sizeof(name) - 1, file)] = '\0';
            fclose(file);
        }
        kit_fault(t, "a thread still runs after stop(): %.*s", (int)strcspn(name, "\n"), name);
    }
    return n;
}

void kit_traces_compare(devsdk_test *t, const struct kit_traces *before)
{
    unsigned threads = compare_threads(t, before);
    struct comparison c = {t, before};
    each_number("/proc/self/fd", compare_file, &c);
    if (threads == 0 && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) {
        kit_fault(t, "memory is left that nobody can free any more (see above)");
    }
}
