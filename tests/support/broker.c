/* Starts, stops, kills and freezes a mosquitto; talks to it in raw MQTT where a test wants that. */
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "ports.h"

enum { START_MS = 10 * 1000, GLANCE_MS = 5, ATTEMPTS = 5, PATH_SIZE = 160 };

struct broker {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char folder[64], config[96];
};

/* Paho (1.3.11) forgets what belongs to a half-written packet when its connection ends. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libpaho-mqtt3as\n";
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(port);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void write_config(struct broker *b, const char *more)
{
    FILE *f = fopen(b->config, "we");
    if (!f) {
        perror(b->config);
        exit(2);
    }
    fprintf(f,
            "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n"
            "set_tcp_nodelay true\nmax_queued_messages 0\n",
            b->port);
    for (const char *c = more ? more : ""; *c; c++) {
        if (c[0] == '%' && c[1] == 's') {
            fputs(b->folder, f);
            c++;
        } else {
            fputc(*c, f);
        }
    }
    fputs(geteuid() == 0 ? "\nuser root\n" : "\n", f);
    fclose(f);
}

static _Noreturn void become_mosquitto(const char *config, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    execlp("mosquitto", "mosquitto", "-c", config, (char *)NULL);
    execl("/usr/sbin/mosquitto", "mosquitto", "-c", config, (char *)NULL);
    _exit(127);
}

static bool is_gone(struct broker *b)
{
    if (waitpid(b->pid, NULL, WNOHANG) != b->pid) {
        return false;
    }
    b->pid = 0;
    return true;
}

bool broker_restart(struct broker *b)
{
    pid_t parent = getpid();
    b->pid = fork();
    if (b->pid == 0) {
        become_mosquitto(b->config, parent);
    }
    int64_t deadline = edge_now_mono_ms() + START_MS;
    while (b->pid > 0 && !is_gone(b) && edge_now_mono_ms() < deadline) {
        int fd = dial(b->port);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        poll(NULL, 0, GLANCE_MS);
    }
    return false;
}

struct broker *broker_prepare(const char *more)
{
    struct broker *b = edge_xalloc(1, sizeof(*b));
    snprintf(b->folder, sizeof(b->folder), "/tmp/edge-broker-XXXXXX");
    if (!mkdtemp(b->folder)) {
        perror("broker: mkdtemp");
        exit(2);
    }
    snprintf(b->config, sizeof(b->config), "%s/mosquitto.conf", b->folder);
    b->port = test_port();
    write_config(b, more);
    return b;
}

struct broker *broker_start(const char *more)
{
    for (int i = 0; i < ATTEMPTS; i++) { /* somebody else may take the port first */
        struct broker *b = broker_prepare(more);
        if (broker_restart(b)) {
            return b;
        }
        broker_free(b);
    }
    fprintf(stderr, "mosquitto does not start\n");
    exit(1);
}

struct broker *broker_ruled(void)
{
    char path[128] = "", more[256];
    FILE *found = popen("ls /usr/lib/*/mosquitto_dynamic_security.so", "r");
    bool has = found && fgets(path, sizeof(path), found);
    if (found) {
        pclose(found);
    }
    path[strcspn(path, "\n")] = '\0';
    snprintf(more, sizeof(more), "plugin %s\nplugin_opt_config_file %%s/rules\n", path);
    struct broker *b = has ? broker_prepare(more) : NULL;
    if (b) {
        broker_write(
            b, "rules",
            "{\"defaultACLAccess\":{\"publishClientSend\":false,\"publishClientReceive\":true,"
            "\"subscribe\":false,\"unsubscribe\":true},\"clients\":[],\"anonymousGroup\":\"all\","
            "\"groups\":[{\"groupname\":\"all\",\"roles\":[{\"rolename\":\"open\"}]}],"
            "\"roles\":[{\"rolename\":\"open\",\"acls\":["
            "{\"acltype\":\"publishClientSend\",\"topic\":\"open/#\",\"allow\":true},"
            "{\"acltype\":\"subscribePattern\",\"topic\":\"open/#\",\"allow\":true}]}]}");
    }
    if (!b || !broker_restart(b)) {
        fprintf(stderr, "mosquitto without its plugin\n");
        exit(1);
    }
    return b;
}

static void end(struct broker *b, int signal)
{
    if (b->pid > 0) {
        kill(b->pid, signal);
        while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        b->pid = 0;
    }
}

void broker_stop(struct broker *b)
{
    end(b, SIGTERM);
}

void broker_kill(struct broker *b)
{
    end(b, SIGKILL);
}

void broker_freeze(struct broker *b)
{
    kill(b->pid, SIGSTOP);
}

void broker_thaw(struct broker *b)
{
    kill(b->pid, SIGCONT);
}

static const char *path_of(const struct broker *b, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", b->folder, name);
    return path;
}

void broker_write(struct broker *b, const char *name, const char *text)
{
    char path[PATH_SIZE];
    FILE *f = fopen(path_of(b, name, path), "we");
    if (!f) {
        perror(path);
        exit(2);
    }
    fputs(text, f);
    fclose(f);
}

const char *broker_file(struct edge_arena *a, const struct broker *b, const char *name)
{
    char path[PATH_SIZE], bytes[8192];
    FILE *f = fopen(path_of(b, name, path), "re");
    if (!f) {
        perror(path);
        exit(2);
    }
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    return edge_strndup(a, bytes, n);
}

bool broker_certify(struct broker *b)
{
    static const char key[] = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    char command[1400];
    snprintf(command, sizeof(command),
             "cd '%s' && exec 2>/dev/null &&"
             " openssl req -x509 %s -keyout ca.key -out ca.pem -days 2 -subj /CN=ca &&"
             " openssl req %s -keyout srv.key -out srv.csr -subj /CN=localhost"
             " -addext subjectAltName=DNS:localhost &&"
             " openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
             " -copy_extensions copy -out srv.pem &&"
             " openssl req %s -keyout cli.key -out cli.csr -subj /CN=gateway &&"
             " openssl x509 -req -in cli.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
             " -out cli.pem",
             b->folder, key, key, key);
    return system(command) == 0;
}

void broker_free(struct broker *b)
{
    if (!b) {
        return;
    }
    broker_kill(b);
    static const char *const names[] = {"rules",   "ca.pem",  "ca.key",  "srv.pem", "srv.key",
                                        "srv.csr", "cli.pem", "cli.key", "cli.csr", "ca.srl",
                                        "peer.so", "report",  "key.pem", "users"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_SIZE];
        unlink(path_of(b, names[i], path));
    }
    unlink(b->config);
    rmdir(b->folder); /* who put more in it takes it out first */
    free(b);
}

uint16_t broker_port(const struct broker *b)
{
    return b->port;
}

const char *broker_folder(const struct broker *b)
{
    return b->folder;
}

/* ---- raw MQTT ---------------------------------------------------------------------------- */

static bool send_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool send_publish(int fd, const char *topic, const void *bytes, size_t size)
{
    size_t topic_len = strlen(topic);
    size_t rest = 2 + topic_len + size;
    unsigned char head[8] = {0x30};
    size_t n = 1;
    do {
        head[n++] = (unsigned char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        rest >>= 7;
    } while (rest > 0);
    head[n++] = (unsigned char)(topic_len >> 8);
    head[n++] = (unsigned char)topic_len;
    return send_all(fd, head, n) && send_all(fd, topic, topic_len) && send_all(fd, bytes, size);
}

bool broker_publish_raw(struct broker *b, const char *topic, const void *bytes, size_t size)
{
    static const unsigned char hello[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0};
    static const unsigned char goodbye[] = {0xe0, 0};
    unsigned char connack[4];
    int fd = dial(b->port);
    bool ok = fd >= 0 && send_all(fd, hello, sizeof(hello)) &&
              recv(fd, connack, sizeof(connack), MSG_WAITALL) == sizeof(connack) &&
              connack[3] == 0 && send_publish(fd, topic, bytes, size) &&
              send_all(fd, goodbye, sizeof(goodbye)) && recv(fd, connack, 1, 0) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}
