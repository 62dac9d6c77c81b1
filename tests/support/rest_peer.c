#include "rest_peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "http_probe.h"
#include "ports.h"
#include "wait.h"

static bool listens(void *arg)
{
    int fd = http_probe_open(((struct rest_peer *)arg)->port);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static _Noreturn void become(uint16_t port, const char *const *files)
{
    const char *home = getenv("EDGE_SOURCE_DIR");
    char script[512], number[8];
    const char *words[8] = {"python3", script, number};
    snprintf(script, sizeof(script), "%s/tests/peers/rest_device.py", home ? home : ".");
    snprintf(number, sizeof(number), "%u", port);
    for (size_t n = 3; files && *files && n < 7; n++) {
        words[n] = *files++;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("python3", (char *const *)(uintptr_t)words);
    _exit(127);
}

bool rest_peer_start(struct rest_peer *p, const char *const *files)
{
    p->port = p->port ? p->port : test_port();
    p->pid = fork();
    if (p->pid == 0) {
        become(p->port, files);
    }
    bool up = wait_until(listens, p, 20000);
    CU_ASSERT_TRUE(up);
    return up;
}

static const char nginx_conf[] =
    "daemon off; master_process off; pid %1$s/nginx.pid; error_log %1$s/nginx.log; events {}\n"
    "http { access_log off; client_body_temp_path %1$s; proxy_temp_path %1$s; fastcgi_temp_path %1$s;\n"
    "uwsgi_temp_path %1$s; scgi_temp_path %1$s;\n"
    "server { listen 127.0.0.1:%2$u; return 301 https://$host:%3$u$request_uri; }\n"
    "server { listen 127.0.0.1:%3$u ssl; ssl_certificate %1$s/server.pem; ssl_certificate_key %1$s/server.key;\n"
    "  ssl_client_certificate %1$s/ca.pem; ssl_verify_client on; auth_basic all; auth_basic_user_file %1$s/users;\n"
    "  gzip on; gzip_min_length 1; gzip_types *; root %1$s/www; } }\n";

bool rest_nginx_start(struct rest_peer *p, const char *dir)
{
    char conf[256], users[256], log[256];
    snprintf(conf, sizeof(conf), "%s/nginx.conf", dir);
    snprintf(users, sizeof(users), "%s/users", dir);
    snprintf(log, sizeof(log), "%s/nginx.log", dir);
    if (access("/usr/sbin/nginx", X_OK) != 0) {
        printf("SKIPPED: nginx is not installed\n");
        return false;
    }
    p->port = test_port();
    FILE *f = fopen(conf, "we"), *u = fopen(users, "we");
    CU_ASSERT_TRUE_FATAL(f && u);
    fprintf(f, nginx_conf, dir, p->port, test_port());
    fputs("me:{PLAIN}it\n", u);
    fclose(f);
    fclose(u);
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/sbin/nginx", "nginx", "-e", log, "-c", conf, (char *)NULL);
        _exit(127);
    }
    bool up = wait_until(listens, p, 20000);
    CU_ASSERT_TRUE(up);
    return up;
}

void rest_peer_end(struct rest_peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}
