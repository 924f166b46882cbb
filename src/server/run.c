/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - crl_serve(): a server from its start to the signal that ends it; see serve.h.
 *
 * Signals are blocked in every thread and taken one by one by sigwaitinfo(), so no code runs in a
 * signal handler. */
#include "base/bytes.h"
#include "http/listen.h"
#include "io/clock.h"
#include "server/log.h"
#include "server/serve.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* As long as a balancer, or who opens connections ahead, may take to hear of it. */
enum { NOTICE_US = 1000000 };

static sigset_t served_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

static void tell_listening(struct crl_log *log, const struct crl_config *config,
                           const struct crl_server *server)
{
    char message[2 * CRL_URL_MAX + 32], url[CRL_URL_MAX], admin[CRL_URL_MAX];
    crl_address_url(&config->listen.is, crl_server_port(server), url);
    crl_address_url(&config->admin.is, crl_server_admin_port(server), admin);
    snprintf(message, sizeof message, "listening on %s, admin on %s", url, admin);
    crl_log_write(log, CRL_LOG_INFO, message, NULL, 0);
}

static void tell_limits(struct crl_log *log, const struct crl_server *server)
{
    struct crl_server_limits limits = crl_server_limits(server);
    char connections[24], admin[24], files[24], threads[24];
    snprintf(connections, sizeof connections, "%" PRIu32, limits.connections);
    snprintf(admin, sizeof admin, "%" PRIu32, limits.admin_connections);
    snprintf(files, sizeof files, "%" PRIu64, limits.open_files);
    snprintf(threads, sizeof threads, "%" PRIu32, limits.threads);
    CRL_LOG(log, CRL_LOG_INFO, "limits", {"connections", corral_str(connections)},
            {"admin_connections", corral_str(admin)}, {"open_files", corral_str(files)},
            {"threads", corral_str(threads)});
}

/* Returns when it is time to end. */
static void signals_wait(struct crl_log *log)
{
    sigset_t set = served_signals();
    for (;;) {
        int signal = sigwaitinfo(&set, NULL);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            crl_log_write(log, CRL_LOG_WARN,
                          "SIGHUP: this version reloads nothing; restart to apply changes", NULL,
                          0);
    }
}

/* --------------------------------------------------------------------------- what libraries say */

/* libh2o prints to stdio's stderr when something surprises it, such as an event of a socket that it
 * does not wait for. That could fill a disk, or stop a front where nobody reads standard error. So
 * while the server runs, stdio's stderr is a stream whose text goes to the log, limited. */
static struct {
    pthread_mutex_t lock; /* of the limit */
    struct crl_log_limit limit;
} said = {.lock = PTHREAD_MUTEX_INITIALIZER, .limit = {.burst = 10, .span_us = CORRAL_SECONDS(10)}};

static ssize_t on_library_said(void *arg, const char *text, size_t size)
{
    struct crl_log *log = arg;
    uint64_t suppressed;
    pthread_mutex_lock(&said.lock);
    bool tell = crl_log_limit_allows(&said.limit, crl_now_coarse(), &suppressed);
    pthread_mutex_unlock(&said.lock);
    if (!tell)
        return (ssize_t)size;
    size_t line = size > 0 && text[size - 1] == '\n' ? size - 1 : size;
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, suppressed);
    CRL_LOG(log, CRL_LOG_WARN, "a library says", {"text", crl_bytes(text, line)},
            {"suppressed", corral_str(number)});
    return (ssize_t)size;
}

/* Before other threads exist, or after. Returns stderr as it was; without memory it stays that. */
static FILE *stderr_take(struct crl_log *log)
{
    FILE *was = stderr;
    FILE *taken = fopencookie(log, "w", (cookie_io_functions_t){.write = on_library_said});
    if (taken == NULL)
        return was;
    setvbuf(taken, NULL, _IONBF, 0);
    stderr = taken;
    return was;
}

static void stderr_give_back(FILE *was)
{
    FILE *taken = stderr;
    stderr = was;
    if (taken != was)
        fclose(taken);
}

/* ------------------------------------------------------------------------------------- draining */

struct drain_watch {
    struct crl_log *log;
    atomic_bool drained;
};

/* While draining, the next signal ends the process at once; a SIGHUP sent to this thread after the
 * drain ends the thread. */
static void *drain_watch_run(void *arg)
{
    struct drain_watch *watch = arg;
    sigset_t set = served_signals();
    while (!atomic_load(&watch->drained)) {
        int signal = sigwaitinfo(&set, NULL);
        if (signal != SIGTERM && signal != SIGINT)
            continue;
        crl_log_write(watch->log, CRL_LOG_WARN, "ended at once, by a second signal", NULL, 0);
        _exit(0);
    }
    return NULL;
}

static void drain(struct crl_log *log, struct crl_server *server)
{
    struct drain_watch watch = {.log = log};
    pthread_t thread;
    crl_log_write(log, CRL_LOG_INFO, "draining", NULL, 0);
    bool watched = pthread_create(&thread, NULL, drain_watch_run, &watch) == 0;
    if (crl_server_stop(server) < 0)
        crl_log_write(log, CRL_LOG_WARN, "some requests or loads were cut off", NULL, 0);
    if (watched) {
        atomic_store(&watch.drained, true);
        pthread_kill(thread, SIGHUP);
        pthread_join(thread, NULL);
    }
    crl_log_write(log, CRL_LOG_INFO, "stopped", NULL, 0);
}

int crl_serve(const struct crl_config *config, const char *file)
{
    struct crl_log log;
    crl_log_init(&log, config->log.level, config->log.format, STDERR_FILENO);
    sigset_t set = served_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    struct crl_problems problems = {0};
    struct crl_server *server;
    struct crl_server_options options = {.log = &log, .notice_us = NOTICE_US};
    FILE *was = stderr_take(&log);
    int rc = crl_server_start(config, &options, &problems, &server);
    if (rc < 0) {
        stderr_give_back(was);
        crl_problems_sort(&problems);
        crl_problems_print(&problems, file, stderr);
        if (problems.n == 0)
            fprintf(stderr, "corral: cannot start: %s\n", corral_strerror(rc));
        crl_problems_fini(&problems);
        return 1;
    }
    tell_limits(&log, server);
    tell_listening(&log, config, server);
    signals_wait(&log);
    drain(&log, server);
    stderr_give_back(was);
    crl_problems_fini(&problems);
    return 0;
}
