/* Begin and end of a test, and its expectations. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "model/model.h"
#include "testkit.h"

enum { PATIENCE_MS = 1000 }; /* for what the driver has under way when the test ends */

/* ---- expectations ------------------------------------------------------------------------------------- */

static bool unmet(devsdk_test *t)
{
    EDGE_LOCK(&t->lock);
    t->n_unmet++;
    return false;
}

bool devsdk_test_expect(devsdk_test *t, bool met, const char *file, int line, const char *what)
{
    if (met) {
        return true;
    }
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    return unmet(t);
}

bool devsdk_test_expect_text(devsdk_test *t, const char *text, const char *wanted, const char *file,
                             int line, const char *what)
{
    if (text == wanted || (text && wanted && strcmp(text, wanted) == 0)) {
        return true;
    }
    fprintf(stderr, "%s:%d: %s is %s%s%s instead of %s%s%s\n", file, line, what, text ? "'" : "",
            text ? text : "missing", text ? "'" : "", wanted ? "'" : "",
            wanted ? wanted : "missing", wanted ? "'" : "");
    return unmet(t);
}

/* ---- environment ------------------------------------------------------------------------------- */

/* Variables that set configuration: those of a platform beside us are not for us. */
static bool is_configuration(const char *variable)
{
    static const char *const sections[] = {"EDGEX_",   "SERVICE_",     "MESSAGEBUS_",  "WRITABLE_",
                                           "CLIENTS_", "REGISTRY_",    "DATABASE_",    "DEVICE_",
                                           "DRIVER_",  "MAXEVENTSIZE", "ALL_SERVICES_"};
    const char *value = strchr(variable, '='), *own = strstr(variable, "__");
    const char *name = own && value && own < value ? own + 2 : variable;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (strncmp(name, sections[i], strlen(sections[i])) == 0) {
            return true;
        }
    }
    return false;
}

static size_t count_environment(size_t *ret_configuration)
{
    size_t n = 0;
    *ret_configuration = 0;
    for (; environ && environ[n]; n++) {
        *ret_configuration += is_configuration(environ[n]);
    }
    return n;
}

/* The environment without them, before there is a thread that reads it and until there is none. Where one stays behind,
 * so does what it reads. */
static void hush_environment(devsdk_test *t)
{
    size_t configuration, n = count_environment(&configuration), kept = 0;
    if (configuration == 0) {
        return;
    }
    t->environment = environ;
    t->quiet = edge_xalloc(n + 1, sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        if (!is_configuration(environ[i])) {
            t->quiet[kept++] = environ[i];
        }
    }
    environ = t->quiet;
}

static void restore_environment(devsdk_test *t)
{
    if (t->quiet) {
        environ = t->environment;
        free(t->quiet);
    }
}

/* ---- begin -------------------------------------------------------------------------------------------- */

static enum edge_status make_dir(struct edge_ctx *ctx, devsdk_test *t)
{
    snprintf(t->dir, sizeof(t->dir), "/tmp/edgex-driver-test-XXXXXX");
    return mkdtemp(t->dir) ? EDGE_OK : edge_fail(ctx, EDGE_INTERNAL, "cannot make %s", t->dir);
}

typedef enum edge_status put_config(struct edge_ctx *ctx, const char *dir, const char *service,
                                    const char *what, const char *log_level);

static enum edge_status begin(struct edge_ctx *ctx, devsdk_test *t, const devsdk_driver *driver,
                              put_config *put, const char *config)
{
    EDGE_TRY(make_dir(ctx, t));
    EDGE_TRY(put(ctx, t->dir, driver->name, config, "WARN"));
    return kit_rig_start(ctx, &t->rig, t->dir, kit_watch_begin(t, driver));
}

static devsdk_test *start(const devsdk_driver *driver, put_config *put, const char *config)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_test *t = edge_xalloc(1, sizeof(*t));
    edge_mutex_init(&t->lock);
    kit_traces_note(&t->before);
    hush_environment(t);
    enum edge_status st = begin(&ctx, t, driver, put, config);
    t->status = 200;
    t->text = "";
    if (st != EDGE_OK) {
        kit_say(t, 500, edge_ctx_message(&ctx, st));
        fprintf(stderr, "%s does not start: %s\n", driver->name, t->text);
    }
    return t;
}

devsdk_test *devsdk_test_start(const devsdk_driver *driver, const char *config)
{
    return start(driver, kit_put_config, config);
}

devsdk_test *devsdk_test_start_in(const devsdk_driver *driver, const char *folder)
{
    return start(driver, kit_put_folder, folder);
}

void kit_say(devsdk_test *t, int status, const char *text)
{
    EDGE_LOCK(&t->lock);
    t->status = status;
    t->text = edge_strdup(&t->arena, text);
}

int devsdk_test_status(const devsdk_test *t)
{
    return t->status;
}

const char *devsdk_test_text(const devsdk_test *t)
{
    return t->text;
}

/* ---- end ---------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

/* What is under way gets its time; what remains gets its deadline, too. True: all was answered. */
static bool see_requests_end(devsdk_test *t)
{
    if (kit_watch_wait_idle(edge_now_mono_ms() + PATIENCE_MS)) {
        return true;
    }
    devsdk_test_skip(t, t->rig.device->request_timeout_ms);
    kit_watch_tell_unanswered();
    return false;
}

static void remove_all(devsdk_test *t)
{
    EDGE_CTX_SCOPE(ctx);
    const char **names;
    size_t n = sdk_entry_names(kit_watch_service(), &ctx.arena, &names);
    for (size_t i = 0; i < n; i++) {
        (void)devsdk_test_remove(t, names[i]);
    }
}

/* False where the driver still holds one. */
static bool wait_no_device(devsdk_service *svc, int64_t deadline_ms)
{
    EDGE_LOCK(&svc->lock);
    while (svc->n_lives > 0) {
        if (!edge_cond_wait_until(&svc->idle, &svc->lock, deadline_ms)) {
            return svc->n_lives == 0;
        }
    }
    return true;
}

/* True: the driver let go of everything. Else the platform is left as it is: who holds a device may use it. */
static bool end_driver(devsdk_test *t)
{
    bool answered = see_requests_end(t);
    remove_all(t);
    bool free_of_devices = wait_no_device(kit_watch_service(), edge_now_mono_ms() + PATIENCE_MS);
    if (free_of_devices) {
        kit_rig_stop(&t->rig);
    } else if (answered) {
        kit_fault(t,
                  "a device is still held after its removal: devsdk_find() without devsdk_put(), "
                  "or devsdk_push() without devsdk_done()");
    }
    return free_of_devices;
}

static unsigned sum_up(devsdk_test *t)
{
    EDGE_LOCK(&t->lock);
    unsigned n = t->n_faults + t->n_unmet;
    for (unsigned i = 0; i < t->n_faults; i++) {
        free(t->faults[i]);
    }
    free(t->faults);
    edge_arena_done(&t->arena);
    return n;
}

unsigned devsdk_test_stop(devsdk_test *t)
{
    bool clean = t->rig.host ? end_driver(t) : true;
    kit_watch_end(!clean);
    if (clean) {
        kit_traces_compare(t, &t->before);
        restore_environment(t);
    }
    nftw(t->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    unsigned n = sum_up(t);
    edge_mutex_done(&t->lock);
    free(t);
    return n;
}
