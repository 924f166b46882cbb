/* SPDX-License-Identifier: Apache-2.0
 *
 * storm.c - the verb: which runs, against what, and the report at the end; see storm.h.
 *
 * A run is one scenario under one strategy. Against the demo or a configuration each has a daemon
 * of its own, so that none finds what another left in memory. What the origin had to do is asked of
 * that daemon; of one that runs elsewhere it is read from /metrics, before and after.
 *
 * SIGINT, SIGTERM and SIGHUP are blocked, in the daemon's threads too, and read from a descriptor
 * that the load generator watches: so a Ctrl-C ends the run in an orderly way, the report says what
 * was measured so far, and the temporary database goes. */
#include "cli/storm.h"

#include "base/assert.h"
#include "storm/daemon.h"
#include "storm/demo.h"
#include "storm/load.h"
#include "storm/metrics.h"
#include "storm/report.h"
#include "text/exit.h"
#include "text/page.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RUNS_MAX    (CRL_STORM_SCENARIOS * CRL_STORM_STRATEGIES)
#define TIMEOUT_US  CORRAL_SECONDS(30) /* of an answer, where the target is not the demo */
#define STOPPED_US  CORRAL_SECONDS(2)
#define SPARE_FILES 256 /* beyond the connections: pools, databases, libraries */

struct storm_verb {
    struct crl_storm_options options;
    struct crl_storm_demo demo;      /* open if there is no other target */
    struct crl_storm_daemon *daemon; /* of the current run; NULL against a URL */
    struct crl_storm_target target;  /* of the current run; of all, if a URL is given */
    char path[2048];                 /* that was asked for */
    int stop_fd;                     /* readable once a signal came; -1: signals are not taken */
    sigset_t old_mask;
    struct sigaction old_pipe; /* of SIGPIPE, which a daemon ignores */
    bool stopped;
    bool misused; /* what went wrong is the command line's fault */
    bool untold;  /* standard error has said why the origin's figures are not known */
    struct crl_storm_run *runs[RUNS_MAX];
    uint32_t runs_n;
    bool page_lost; /* `why` says how */
    char why[512];
};

static const char usage[] =
    "usage: corral storm [options]                      a slow database, built in\n"
    "       corral storm [options] --config FILE [PATH]  a daemon so configured\n"
    "       corral storm [options] URL                   a daemon that is running\n"
    "\n"
    "Stampedes on it on purpose and tells what its origin had to do.\n"
    "\n"
    "  --clients N        connections, 1 to 20000 (1000)\n"
    "  --scenarios LIST   cold, expiry (all)\n"
    "  --strategies LIST  none, coalescing (all; with --config: as configured)\n"
    "  --duration D       how long expiry lasts, up to 10m (3s)\n"
    "  --think D          a client's mean pause in expiry, up to 2s (50ms)\n"
    "  --ttl D            how long the demo's value is fresh, up to 10m (500ms)\n"
    "  --delay D          how long a query of the demo takes, up to 1m (100ms)\n"
    "  --seed N           of the pauses (1)\n"
    "  --json             print JSON\n"
    "  --report FILE      write a page of HTML as well\n"
    "  --allow-remote     let URL be another host: only one that you may overload\n"
    "  --help\n"
    "\n"
    "See corral-storm(1).\n";

/* -------------------------------------------------------------------------------------- signals */

static int signals_take(struct storm_verb *verb)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup(1) */
        sigaddset(&mask, SIGHUP);
    verb->stop_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (verb->stop_fd >= 0 && pthread_sigmask(SIG_BLOCK, &mask, &verb->old_mask) == 0 &&
        sigaction(SIGPIPE, NULL, &verb->old_pipe) == 0)
        return 0;
    (void)snprintf(verb->why, sizeof(verb->why), "cannot watch for signals: %s", strerror(errno));
    return CORRAL_ESYSTEM;
}

/* Gives the signals back. Returns the one that came, or 0. */
static int signals_release(struct storm_verb *verb)
{
    struct signalfd_siginfo info;
    int came = 0;
    if (verb->stop_fd < 0)
        return 0;
    if (read(verb->stop_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        came = (int)info.ssi_signo;
    close(verb->stop_fd);
    (void)pthread_sigmask(SIG_SETMASK, &verb->old_mask, NULL); /* it was valid before */
    (void)sigaction(SIGPIPE, &verb->old_pipe, NULL);           /* likewise */
    return came;
}

/* ------------------------------------------------------------------------------------- progress */

struct progress {
    const struct crl_storm_run *run;
    bool shown;
};

static void progress_show(void *arg, const struct crl_storm_tally *tally)
{
    struct progress *progress = arg;
    char done[32], all[32];
    uint64_t ended = crl_storm_tally_ok(tally) + crl_storm_tally_errors(tally);
    fprintf(stderr, "\r%s, %s: %s of %s answered\033[K",
            crl_storm_scenario_name(progress->run->scenario),
            crl_storm_strategy_name(progress->run->strategy),
            crl_figure_count(ended, done, sizeof(done)),
            crl_figure_count(tally->requests, all, sizeof(all)));
    progress->shown = true;
}

/* -------------------------------------------------------------------------------------- one run */

static void counts_untold(struct storm_verb *verb, const char *why)
{
    if (!verb->untold && !verb->stopped)
        fprintf(stderr,
                "corral storm: %s\ncorral storm: so what the origin has to do is not known\n", why);
    verb->untold = true;
}

/* What the origin had to do so far. Where the target's figures are of no use they are not known,
 * and standard error tells why. */
static int counts_read(struct storm_verb *verb, struct crl_storm_counts *ret_counts)
{
    char space[sizeof(verb->path)];
    char *text = NULL;
    int status;
    memset(ret_counts, 0, sizeof(*ret_counts));
    if (verb->daemon != NULL) {
        *ret_counts = crl_storm_daemon_counts(verb->daemon);
        return 0;
    }
    /* After a Ctrl-C the figures are worth a moment, not more. */
    int rc = crl_storm_fetch(&verb->target, "/metrics", verb->stopped ? STOPPED_US : TIMEOUT_US,
                             verb->stopped ? -1 : verb->stop_fd, &text, &status, verb->why,
                             sizeof(verb->why));
    if (rc == CORRAL_EVALUE) {
        counts_untold(verb, verb->why);
        return 0;
    }
    if (rc)
        return rc;
    (void)snprintf(space, sizeof(space), "%.*s", (int)strcspn(verb->path, "?"), verb->path);
    if (status == 200)
        crl_storm_metrics_read(text, space, ret_counts);
    free(text);
    return 0;
}

static struct crl_storm_load load_of(struct storm_verb *verb)
{
    bool demo = verb->options.config == NULL && verb->options.target == NULL;
    return (struct crl_storm_load){
        .target = &verb->target,
        .clients = verb->options.clients,
        .timeout_us =
            demo ? crl_storm_demo_wait_us(&verb->options) + CORRAL_SECONDS(5) : TIMEOUT_US,
        .think_us = verb->options.think_us,
        .seed = verb->options.seed,
        .stop_fd = verb->stop_fd,
    };
}

/* Asks once, so that the key is there when the loop begins. */
static int key_warm(struct storm_verb *verb)
{
    struct crl_storm_tally *tally = calloc(1, sizeof(*tally));
    struct crl_storm_load load = load_of(verb);
    load.clients = 1;
    int rc = tally != NULL
                 ? crl_storm_load_run(&load, tally, &verb->stopped, verb->why, sizeof(verb->why))
                 : CORRAL_ENOMEM;
    free(tally);
    return rc;
}

/* The target is up: stampede. */
static int run_measure(struct storm_verb *verb, struct crl_storm_run *run)
{
    struct crl_storm_counts before, after;
    struct progress progress = {.run = run};
    struct crl_storm_load load = load_of(verb);
    load.progress = crl_is_terminal(STDERR_FILENO) ? progress_show : NULL;
    load.progress_arg = &progress;
    int rc = counts_read(verb, &before);
    if (rc == 0 && run->scenario == CRL_STORM_EXPIRY) {
        load.duration_us = verb->options.duration_us;
        rc = key_warm(verb);
    }
    if (rc == 0 && !verb->stopped)
        rc = crl_storm_load_run(&load, &run->tally, &verb->stopped, verb->why, sizeof(verb->why));
    if (progress.shown)
        fputs("\r\033[K", stderr);
    if (rc == 0) {
        if (counts_read(verb, &after) == 0)
            run->counts = crl_storm_metrics_since(&before, &after);
        else
            counts_untold(verb, verb->why); /* the storm may kill */
    }
    run->stopped = verb->stopped;
    return rc;
}

static int daemon_run(struct storm_verb *verb, struct crl_storm_run *run)
{
    static char yaml[CRL_STORM_YAML_MAX];
    const struct crl_storm_options *options = &verb->options;
    struct crl_storm_daemon_options start = {.name = options->config, .strategy = run->strategy};
    const char *path = CRL_STORM_DEMO_PATH;
    if (options->config == NULL) {
        crl_storm_demo_yaml(&verb->demo, options, run->strategy, yaml);
        start.name = "(demo)";
        start.yaml = yaml;
        start.strategy = CRL_STORM_CONFIGURED; /* it is in the text */
    }
    start.clients = options->clients;
    int rc = crl_storm_daemon_start(&start, &verb->daemon, verb->why, sizeof(verb->why));
    if (rc)
        return rc;
    if (options->config != NULL)
        path = options->target != NULL ? options->target : crl_storm_daemon_path(verb->daemon);
    rc = crl_storm_target_on_loopback(crl_storm_daemon_port(verb->daemon), path, &verb->target);
    if (rc)
        (void)snprintf(verb->why, sizeof(verb->why), "the path cannot be asked for: %.300s", path);
    else
        (void)snprintf(verb->path, sizeof(verb->path), "%s", path);
    if (rc == 0)
        rc = run_measure(verb, run);
    crl_storm_daemon_stop(verb->daemon);
    verb->daemon = NULL;
    return rc;
}

/* ------------------------------------------------------------------------------------- all runs */

static bool is_url(const struct crl_storm_options *options)
{
    return options->target != NULL && options->config == NULL;
}

static int files_allow(struct storm_verb *verb)
{
    uint64_t limit = 0;
    uint32_t ends = is_url(&verb->options) ? 1 : 2; /* of each connection in this process */
    int rc = crl_storm_files_allow((uint64_t)verb->options.clients * ends + SPARE_FILES, &limit);
    if (rc)
        (void)snprintf(verb->why, sizeof(verb->why),
                       "%u clients need %u open files, but the hard limit is %llu (ulimit -Hn)",
                       verb->options.clients, verb->options.clients * ends + SPARE_FILES,
                       (unsigned long long)limit);
    return rc;
}

/* May block for long, so signals are not taken yet. */
static int url_find(struct storm_verb *verb)
{
    const struct crl_storm_options *options = &verb->options;
    int rc =
        crl_storm_target_from_url(options->target, &verb->target, verb->why, sizeof(verb->why));
    if (rc == 0 && !verb->target.loopback && !options->allow_remote) {
        (void)snprintf(
            verb->why, sizeof(verb->why),
            "%.200s is not this machine. A storm on somebody else's is an attack; if you "
            "may overload it, say --allow-remote",
            verb->target.host);
        rc = CORRAL_EINVAL;
    }
    verb->misused = rc == CORRAL_EINVAL;
    memcpy(verb->path, verb->target.path, sizeof(verb->path));
    return rc;
}

static int runs_make(struct storm_verb *verb)
{
    const struct crl_storm_options *options = &verb->options;
    int rc = 0;
    for (uint32_t cell = 0; cell < RUNS_MAX && rc == 0 && !verb->stopped; cell++) {
        uint32_t scenario = cell / CRL_STORM_STRATEGIES, strategy = cell % CRL_STORM_STRATEGIES;
        if (!(options->scenarios >> scenario & 1) || !(options->strategies >> strategy & 1))
            continue;
        struct crl_storm_run *run = calloc(1, sizeof(*run));
        if (run == NULL) {
            (void)snprintf(verb->why, sizeof(verb->why), "%s", corral_strerror(CORRAL_ENOMEM));
            return CORRAL_ENOMEM;
        }
        run->scenario = (enum crl_storm_scenario)scenario;
        run->strategy = (enum crl_storm_strategy)strategy;
        rc = is_url(options) ? run_measure(verb, run) : daemon_run(verb, run);
        if (rc)
            free(run);
        else
            verb->runs[verb->runs_n++] = run;
    }
    return rc;
}

/* ----------------------------------------------------------------------------------- the report */

/* JSON has only figures, so what they do not show is told beside them. */
static void lacks_tell(const struct storm_verb *verb)
{
    for (uint32_t i = 0; i < verb->runs_n; i++) {
        const struct crl_storm_run *run = verb->runs[i];
        const char *lack = crl_storm_run_lack(run);
        if (lack != NULL && (run->counts.known || crl_storm_tally_ok(&run->tally) == 0))
            fprintf(stderr, "corral storm: %s, %s: %s\n", crl_storm_scenario_name(run->scenario),
                    crl_storm_strategy_name(run->strategy), lack);
    }
}

static void page_write(struct storm_verb *verb, const struct crl_storm_report *report)
{
    const char *file = verb->options.report;
    struct crl_page_file page;
    int rc = crl_page_open(file, &page, verb->why, sizeof(verb->why));
    if (page.out != NULL)
        crl_storm_report_html(report, page.out);
    int close_rc = crl_page_close(file, &page, verb->why, sizeof(verb->why));
    verb->page_lost = rc || close_rc;
}

static int report_write(struct storm_verb *verb)
{
    const struct crl_storm_options *options = &verb->options;
    char target[4096] = "the built-in demo";
    if (options->config != NULL)
        (void)snprintf(target, sizeof(target), "%.1000s, %s", options->config, verb->path);
    else if (options->target != NULL)
        (void)snprintf(target, sizeof(target), "%.4000s", options->target);
    bool demo = options->config == NULL && options->target == NULL;
    const struct crl_storm_report report = {.options = options,
                                            .target = target,
                                            .concurrency = demo ? CRL_STORM_DEMO_CONCURRENCY : 0,
                                            .runs = verb->runs,
                                            .runs_n = verb->runs_n};
    const struct crl_style style = crl_style_of(STDOUT_FILENO);
    int rc = 0;
    if (options->json)
        lacks_tell(verb);
    if (options->json)
        rc = crl_storm_report_json(&report, stdout);
    else
        crl_storm_report_text(&report, style, stdout);
    if (verb->runs_n)
        page_write(verb, &report);
    if (rc)
        (void)snprintf(verb->why, sizeof(verb->why), "cannot write the report: %s",
                       corral_strerror(rc));
    return rc ? rc : verb->page_lost ? CORRAL_ESYSTEM : 0;
}

/* Was there a run in which not one answer was good? */
static bool any_run_failed(const struct storm_verb *verb)
{
    for (uint32_t i = 0; i < verb->runs_n; i++)
        if (!verb->runs[i]->stopped && crl_storm_tally_ok(&verb->runs[i]->tally) == 0)
            return true;
    return false;
}

static int verb_run(struct storm_verb *verb)
{
    const struct crl_storm_options *options = &verb->options;
    int rc = is_url(options) ? url_find(verb) : 0;
    if (rc == 0)
        rc = signals_take(verb);
    if (rc == 0)
        rc = files_allow(verb);
    if (rc == 0 && options->config == NULL && options->target == NULL)
        rc = crl_storm_demo_open(&verb->demo, verb->why, sizeof(verb->why));
    if (rc == 0)
        rc = crl_page_check(options->report, verb->why, sizeof(verb->why));
    if (rc == 0)
        rc = runs_make(verb);
    crl_storm_demo_close(&verb->demo);
    int signal = signals_release(verb);
    if (verb->runs_n || signal) {
        int write_rc = report_write(verb);
        rc = rc ? rc : write_rc;
    }
    if (verb->misused)
        return crl_exit_usage("corral storm", "%s", verb->why);
    if (signal ? verb->page_lost : rc) /* what a signal interrupted is no problem */
        fprintf(stderr, "corral storm: %s\n", verb->why);
    if (signal)
        return 128 + signal;
    return rc || any_run_failed(verb) ? CRL_EXIT_PROBLEM : CRL_EXIT_DONE;
}

int crl_verb_storm(int argc, char **argv)
{
    static struct storm_verb verb;
    verb = (struct storm_verb){.stop_fd = -1};
    (void)setlocale(LC_CTYPE, ""); /* without one: '#' for bars */
    int rc = crl_storm_options_read(argc, argv, &verb.options, verb.why);
    if (rc)
        return crl_exit_unread("corral storm", rc, usage, verb.why);
    int code = verb_run(&verb);
    for (uint32_t i = 0; i < verb.runs_n; i++)
        free(verb.runs[i]);
    return code;
}
