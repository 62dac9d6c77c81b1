/* Starts, stops, kills and freezes an snmpd. */
#include "snmpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "ports.h"
#include "scratch.h"

enum { START_MS = 10 * 1000, GLANCE_MS = 20 };

struct snmpd {
    pid_t pid; /* 0: not running */
    uint16_t port;
    struct scratch dir;
};

static const char CONFIG[] = "agentaddress udp:127.0.0.1:%u,udp6:[::1]:%u\n"
                             "rocommunity public\nrwcommunity private\n"
                             "rocommunity6 public\nrwcommunity6 private\n"
                             "sysServices 72\n"
                             "createUser plain\n"
                             "createUser md5 MD5 authpass12\n"
                             "createUser sha224 SHA-224 authpass12\n"
                             "createUser sha384 SHA-384 authpass12\n"
                             "createUser md5des MD5 authpass12 DES privpass12\n"
                             "createUser shaaes SHA authpass12 AES privpass12\n"
                             "createUser sha256aes SHA-256 authpass12 AES privpass12\n"
                             "createUser sha512aes256 SHA-512 authpass12 AES-256 privpass12\n"
                             "createUser md5aes192 MD5 authpass12 AES-192 privpass12\n"
                             "createUser md5aes256 MD5 authpass12 AES-256 privpass12\n"
                             "rwuser plain noauth\nrwuser md5 auth\nrwuser sha224 auth\n"
                             "rwuser sha384 auth\nrwuser md5des auth\nrwuser shaaes auth\n"
                             "rwuser sha256aes auth\nrwuser sha512aes256 auth\n"
                             "rwuser md5aes192 auth\nrwuser md5aes256 auth\n"
                             "pass ." SNMPD_VALUES " /bin/sh %s/values.sh\n%s\n";

/* net-snmp's protocol of pass: -g and -n print OID, type and value, -s takes type and value. */
static const char SCRIPT[] =
    "d=%s/values\n"
    "show() { if [ -f \"$d/$1\" ]; then echo \".$1\"; cat \"$d/$1\"; fi; }\n"
    "oid=${2#.}\n"
    "case $1 in\n"
    "-g) show \"$oid\" ;;\n"
    "-n) show \"$( (ls \"$d\"; echo \"$oid\") | sort -V | uniq |\n"
    "    awk -v o=\"$oid\" 'f {print; exit} $0 == o {f = 1}')\" ;;\n"
    "-s) if ! [ -f \"$d/$oid\" ] || [ \"${oid##*.10.}\" = 0 ]; then echo not-writable; exit; fi\n"
    "  was=$(head -n 1 \"$d/$oid\"); shift 2; is=$1; shift\n"
    "  if [ \"$was\" != \"$is\" ]; then echo wrong-type; exit; fi\n"
    "  v=$*; v=${v#\\\"}; v=${v%%\\\"}; printf '%%s\\n%%s\\n' \"$is\" \"$v\" > \"$d/$oid\" ;;\n"
    "esac\n";

static const struct {
    const char *oid, *text;
} VALUES[] = {
    {".1.0",  "integer\n42\n"             },
    {".2.0",  "gauge\n7\n"                },
    {".3.0",  "counter\n9\n"              },
    {".4.0",  "timeticks\n100\n"          },
    {".5.0",  "ipaddress\n10.0.0.7\n"     },
    {".6.0",  "objectid\n.1.3.6.1\n"      },
    {".7.0",  "string\ntext\n"            },
    {".8.0",  "octet\n00 1b 44 11 3a b7\n"},
    {".9.0",  "integer\n1\n"              },
    {".10.0", "counter\n5\n"              },
};

static FILE *create(const struct snmpd *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", s->dir.path, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        perror(path);
        exit(2);
    }
    return f;
}

static void write_files(const struct snmpd *s, const char *more)
{
    char path[256];
    FILE *f = create(s, "snmpd.conf");
    fprintf(f, CONFIG, s->port, s->port, s->dir.path, more ? more : "");
    fclose(f);
    f = create(s, "values.sh");
    fprintf(f, SCRIPT, s->dir.path);
    fclose(f);
    snprintf(path, sizeof(path), "%s/values", s->dir.path);
    mkdir(path, 0700);
    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
        snprintf(path, sizeof(path), "values/%s%s", SNMPD_VALUES, VALUES[i].oid);
        f = create(s, path);
        fputs(VALUES[i].text, f);
        fclose(f);
    }
}

/* What a program of net-snmp is to find of configuration: nothing. */
static void calm(const char *folder)
{
    setenv("SNMPCONFPATH", folder, 1);
    setenv("SNMP_PERSISTENT_DIR", folder, 1);
    setenv("MIBS", "", 1);
    setenv("MIBDIRS", folder, 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

static _Noreturn void become_snmpd(const struct snmpd *s, pid_t parent)
{
    char config[160], log[160], persistent[160];
    snprintf(config, sizeof(config), "%s/snmpd.conf", s->dir.path);
    snprintf(log, sizeof(log), "%s/log", s->dir.path);
    snprintf(persistent, sizeof(persistent), "%s/persistent", s->dir.path);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    calm(persistent);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("snmpd", "snmpd", "-f", "-Lo", "-C", "-c", config, "-I", "-smux", (char *)NULL);
    _exit(127);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Asked for its uptime, it answers. */
static bool answers(uint16_t port)
{
    static const char get[] = "\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x4d\x27\xc6\xb4"
                              "\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02"
                              "\x01\x01\x03\x00\x05";
    struct sockaddr_in to = loopback(port);
    char answer[256];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool heard = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
                 send(fd, get, sizeof(get), 0) == sizeof(get) &&
                 poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, GLANCE_MS) == 1 &&
                 recv(fd, answer, sizeof(answer), 0) > 0;
    close(fd);
    return heard;
}

bool snmpd_restart(struct snmpd *s)
{
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        become_snmpd(s, parent);
    }
    int64_t deadline = edge_now_mono_ms() + START_MS;
    while (edge_now_mono_ms() < deadline) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            s->pid = 0;
            return false;
        }
        if (answers(s->port)) {
            return true;
        }
        poll(NULL, 0, 1);
    }
    return false;
}

bool snmpd_renew(struct snmpd *s)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/persistent/snmpd.conf", s->dir.path);
    (void)unlink(path);
    return snmpd_restart(s);
}

struct snmpd *snmpd_start(const char *more)
{
    struct snmpd *s = edge_xalloc(1, sizeof(*s));
    scratch_make(&s->dir);
    s->port = test_port();
    write_files(s, more);
    if (!snmpd_restart(s)) {
        printf("SKIPPED: snmpd does not start (Debian package snmpd) ");
        snmpd_free(s);
        return NULL;
    }
    return s;
}

void snmpd_kill(struct snmpd *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        s->pid = 0;
    }
}

void snmpd_freeze(struct snmpd *s, bool frozen)
{
    kill(s->pid, frozen ? SIGSTOP : SIGCONT);
}

void snmpd_free(struct snmpd *s)
{
    if (s) {
        snmpd_kill(s);
        scratch_done(&s->dir);
        free(s);
    }
}

uint16_t snmpd_port(const struct snmpd *s)
{
    return s->port;
}

const char *snmpd_folder(const struct snmpd *s)
{
    return s->dir.path;
}

void snmp_resources(char *ret, size_t size)
{
    const char *source = getenv("EDGE_SOURCE_DIR");
    snprintf(ret, size, "%s/services/device-snmp/res", source ? source : ".");
}

int snmp_program(const char *const argv[])
{
    int status = 0;
    SCRATCH(dir);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        calm(dir.path);
        int fd = open("/dev/null", O_WRONLY);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
