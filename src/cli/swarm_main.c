/* SPDX-License-Identifier: Apache-2.0
 *
 * swarm_main.c - corral-swarm: run drawn plans, thousands of them, and show the first that breaks a
 * promise.
 *
 * Seeds are worked off by child processes, one for each job, which take the next one from a counter
 * in shared memory. So a core that aborts, crashes or hangs is a finding like any other: the parent
 * reads in the shared memory which seed it was, and starts another child. What broke is run once
 * more, narrated.
 *
 * Every 50th seed is run twice, narrated, and must tell the same story to the letter. Every edge of
 * a flight (core/flight.h) must be taken by somebody, or the swarm does not reach what it is to
 * test. */
#include "sim/report.h"
#include "sim/swarm.h"
#include "text/exit.h"
#include "text/options.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX          64
#define FOR_MAX_US        CORRAL_SECONDS(30 * 86400)
#define SEED_SECONDS_MAX  60   /* then it hangs */
#define DETERMINISM_EVERY 50   /* seeds */
#define EDGES_NEED_SEEDS  2000 /* with fewer, a rare edge may be missed by chance */
#define NARRATED_LINES    100  /* shown of a broken run: its end */
#define FAILURES_MAX      20   /* then it is pointless to go on */
#define FAILURES_NARRATED 3
#define EXIT_BROKEN       2 /* a child's: the slot says what */

struct options {
    uint64_t from, to; /* seeds, both included */
    corral_us for_us;  /* 0: until the seeds are through */
    uint32_t jobs;
    bool traces;
    bool stops_at_first;
};

/* What a child tells its parent. */
struct slot {
    uint64_t seed; /* at work */
    uint64_t passed, requests;
    uint64_t edges[CRL_FLIGHT_STATES_N][CRL_FLIGHT_SIGNALS_N];
    char broken[512];
    uint32_t broken_key;
};

struct shared {
    _Atomic uint64_t next;
    struct slot slots[JOBS_MAX];
};

struct swarm {
    struct options options;
    struct shared *shared;
    pid_t children[JOBS_MAX]; /* 0: none */
    uint64_t failed;
    double began_at; /* seconds of the real clock */
};

static struct sim_report report; /* large */

static const char usage[] =
    "usage: corral-swarm [--seeds A..B] [--for DURATION] [--jobs N]\n"
    "                    [--first] [--trace]\n"
    "\n"
    "Runs plans drawn from seeds in the false world and checks the promises P1 to\n"
    "P10.\n"
    "\n"
    "  --seeds A..B    these, both included (1..2000; with --for: others each time)\n"
    "  --for DURATION  until this time is over, such as 10m\n"
    "  --jobs N        processes, 1 to 64 (one for each CPU)\n"
    "  --first         end at the first violation\n"
    "  --trace         print the plan of each seed; of a single one its story, too\n"
    "  --help\n";

static double real_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------------------------- one seed */

/* A narration, kept as one text. */
struct story {
    char *text;
    size_t size, room;
};

static void story_add(void *arg, const char *line)
{
    struct story *story = arg;
    size_t size = strlen(line);
    if (story->size + size + 2 > story->room) {
        story->room = story->room * 2 + size + 4096;
        story->text = realloc(story->text, story->room);
        if (story->text == NULL)
            abort();
    }
    memcpy(story->text + story->size, line, size + 1);
    story->text[story->size + size] = '\n';
    story->size += size + 1;
    story->text[story->size] = '\0';
}

static void story_print(void *arg, const char *line)
{
    (void)arg;
    puts(line);
    fflush(stdout); /* the next line may be the core's last */
}

static void plan_print(const struct sim_drawn *drawn)
{
    char text[4096];
    sim_swarm_describe(&drawn->plan, text, sizeof text);
    puts(text);
    fflush(stdout);
}

/* Whether the seed tells the same story twice, as long as memory lasts. */
static bool seed_is_determined(const struct sim_drawn *drawn, struct slot *slot)
{
    struct story stories[2] = {0};
    uint64_t events[2];
    for (int i = 0; i < 2; i++) {
        struct sim_run_options options = {.trace = story_add, .trace_arg = &stories[i]};
        if (sim_run_plan(&drawn->plan, &options, &report) < 0)
            abort();
        events[i] = report.events;
    }
    bool same =
        stories[0].size == stories[1].size && events[0] == events[1] &&
        (stories[0].size == 0 || memcmp(stories[0].text, stories[1].text, stories[0].size) == 0);
    if (!same)
        snprintf(slot->broken, sizeof slot->broken, "the same seed told two stories");
    free(stories[0].text);
    free(stories[1].text);
    return same;
}

/* Run a seed; what breaks stands in the slot. */
static bool seed_holds(uint64_t seed, struct slot *slot, bool prints)
{
    struct sim_drawn drawn;
    sim_swarm_draw(seed, &drawn);
    if (prints)
        plan_print(&drawn);
    struct sim_run_options options = {.audits = true, .edges = slot->edges};
    int rc = sim_run_plan(&drawn.plan, &options, &report);
    slot->requests += report.requests;
    if (rc < 0)
        snprintf(slot->broken, sizeof slot->broken, "the plan does not run: %d", rc);
    else if (report.broken[0] != '\0')
        snprintf(slot->broken, sizeof slot->broken, "%s", report.broken);
    slot->broken_key = report.broken_key;
    return slot->broken[0] == '\0' &&
           (seed % DETERMINISM_EVERY != 0 || seed_is_determined(&drawn, slot));
}

/* ------------------------------------------------------------------------------------- children */

static bool time_is_up(const struct swarm *swarm)
{
    double seconds = (double)swarm->options.for_us / 1e6;
    return seconds > 0 && real_seconds() - swarm->began_at >= seconds;
}

_Noreturn static void child_run(struct swarm *swarm, struct slot *slot)
{
    for (;;) {
        uint64_t seed = atomic_fetch_add(&swarm->shared->next, 1);
        if (seed > swarm->options.to || time_is_up(swarm))
            exit(0); /* by the front door: a sanitizer looks for leaks there */
        slot->seed = seed;
        alarm(SEED_SECONDS_MAX);
        if (!seed_holds(seed, slot, swarm->options.traces))
            _exit(EXIT_BROKEN);
        slot->passed++;
    }
}

static void child_start(struct swarm *swarm, uint32_t number)
{
    struct slot *slot = &swarm->shared->slots[number];
    slot->broken[0] = '\0';
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        perror("corral-swarm: fork");
        exit(1);
    }
    if (pid == 0)
        child_run(swarm, slot);
    swarm->children[number] = pid;
}

/* ------------------------------------------------------------------------------------- findings */

/* Copies the last lines that a child says. */
static void print_end(FILE *from)
{
    static char lines[NARRATED_LINES][512];
    uint64_t n = 0;
    while (fgets(lines[n % NARRATED_LINES], sizeof lines[0], from) != NULL)
        n++;
    if (n > NARRATED_LINES)
        printf("    ... (%llu lines before)\n", (unsigned long long)(n - NARRATED_LINES));
    for (uint64_t i = n > NARRATED_LINES ? n - NARRATED_LINES : 0; i < n; i++)
        printf("    %s", lines[i % NARRATED_LINES]);
}

_Noreturn static void narrate(uint64_t seed, const uint32_t *key)
{
    struct sim_drawn drawn;
    sim_swarm_draw(seed, &drawn);
    struct sim_run_options options = {.audits = true, .traced_key = key, .trace = story_print};
    alarm(SEED_SECONDS_MAX);
    (void)sim_run_plan(&drawn.plan, &options, &report);
    _exit(0);
}

/* The seed once more, in a child since it may abort; of a violation, the key concerned. */
static void narrate_again(uint64_t seed, const uint32_t *key)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        narrate(seed, key);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (pid > 0 && from != NULL)
        print_end(from);
    if (from != NULL)
        fclose(from);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

static void finding_show(struct swarm *swarm, const struct slot *slot, int status)
{
    struct sim_drawn drawn;
    bool broke = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_BROKEN;
    swarm->failed++;
    if (broke)
        printf("not ok - seed %llu: %s\n", (unsigned long long)slot->seed, slot->broken);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("not ok - seed %llu: it hangs\n", (unsigned long long)slot->seed);
    else
        printf("not ok - seed %llu: it %s\n", (unsigned long long)slot->seed,
               WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exited");
    if (swarm->failed <= FAILURES_NARRATED) {
        sim_swarm_draw(slot->seed, &drawn);
        printf("    ");
        plan_print(&drawn);
        narrate_again(slot->seed, broke ? &slot->broken_key : NULL);
    }
}

/* Returns how many edges were never taken. */
static uint64_t edges_show(const struct swarm *swarm)
{
    uint64_t missed = 0;
    printf("edges of a flight, and how often each was taken:\n");
    for (int in = 0; in < CRL_FLIGHT_STATES_N; in++) {
        for (int on = 0; on < CRL_FLIGHT_SIGNALS_N; on++) {
            uint64_t n = 0;
            for (uint32_t i = 0; i < swarm->options.jobs; i++)
                n += swarm->shared->slots[i].edges[in][on];
            enum crl_flight_state state = (enum crl_flight_state)in;
            enum crl_flight_signal signal = (enum crl_flight_signal)on;
            if (crl_flight_edge_name(state, signal) == NULL)
                continue;
            missed += n == 0;
            printf("%12llu  %-8s %-12s %s\n", (unsigned long long)n, crl_flight_state_name(state),
                   crl_flight_signal_name(signal), n == 0 ? "NEVER" : "");
        }
    }
    return missed;
}

/* ------------------------------------------------------------------------------------ the swarm */

static uint32_t child_of(const struct swarm *swarm, pid_t pid)
{
    uint32_t number = 0;
    while (number < swarm->options.jobs && swarm->children[number] != pid)
        number++;
    return number;
}

static void swarm_run(struct swarm *swarm)
{
    uint32_t alive = swarm->options.jobs;
    for (uint32_t i = 0; i < alive; i++)
        child_start(swarm, i);
    while (alive > 0) {
        int status;
        pid_t pid = wait(&status);
        uint32_t number = child_of(swarm, pid);
        if (number == swarm->options.jobs)
            continue;
        alive--;
        swarm->children[number] = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        finding_show(swarm, &swarm->shared->slots[number], status);
        if (swarm->options.stops_at_first || swarm->failed >= FAILURES_MAX)
            atomic_store(&swarm->shared->next, UINT64_MAX / 2); /* the others come to their end */
        child_start(swarm, number);
        alive++;
    }
}

static bool seeds_parse(const char *text, struct options *options)
{
    char *end;
    errno = 0;
    options->from = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    const char *second = end + 2;
    options->to = strtoull(second, &end, 10);
    return errno == 0 && end != second && *end == '\0' && options->from <= options->to &&
           options->to < UINT64_MAX / 2;
}

/* A number of its own for each start, so that one long run does not repeat the one before. */
static void options_complete(struct options *options)
{
    if (options->jobs == 0) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        options->jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (uint32_t)cpus;
    }
    if (options->to != 0)
        return;
    options->from = options->for_us > 0 ? (uint64_t)time(NULL) * 1000000 : 1;
    options->to = options->for_us > 0 ? UINT64_MAX / 2 - 1 : 2000;
}

static int options_read(int argc, char **argv, struct options *options, char *why)
{
    const char *seeds = NULL;
    int64_t jobs = 0;
    const struct crl_option rows[] = {
        {"seeds", .text = &seeds},
        {"for", .quantity = &options->for_us, .range = {CRL_QUANTITY_DURATION, 1, FOR_MAX_US}},
        {"jobs", .quantity = &jobs, .range = {CRL_QUANTITY_COUNT, 1, JOBS_MAX}},
        {"first", .flag = &options->stops_at_first},
        {"trace", .flag = &options->traces},
        {NULL},
    };
    int rc = crl_options_read(argc, argv, rows, NULL, why);
    options->jobs = (uint32_t)jobs;
    if (rc == 0 && seeds != NULL && !seeds_parse(seeds, options))
        rc = crl_options_refuse(why, "--seeds: '%.64s' is not a range, such as 1..2000", seeds);
    if (rc == 0)
        options_complete(options);
    return rc;
}

static int swarm_tell(const struct swarm *swarm)
{
    uint64_t passed = 0, requests = 0, failed = swarm->failed;
    for (uint32_t i = 0; i < swarm->options.jobs; i++) {
        passed += swarm->shared->slots[i].passed;
        requests += swarm->shared->slots[i].requests;
    }
    if (passed >= EDGES_NEED_SEEDS)
        failed += edges_show(swarm);
    printf("%llu requests in %.1f s\n", (unsigned long long)requests,
           real_seconds() - swarm->began_at);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed > 0 || passed == 0 ? 1 : 0;
}

static int run(int argc, char **argv)
{
    static struct swarm swarm;
    char why[CRL_OPTIONS_WHY_MAX];
    int rc = options_read(argc, argv, &swarm.options, why);
    if (rc != 0)
        return crl_exit_unread("corral-swarm", rc, usage, why);
    swarm.shared =
        mmap(NULL, sizeof *swarm.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (swarm.shared == MAP_FAILED) {
        perror("corral-swarm: mmap");
        return 1;
    }
    swarm.began_at = real_seconds();
    atomic_store(&swarm.shared->next, swarm.options.from);
    printf("seeds from %llu on\n", (unsigned long long)swarm.options.from);
    swarm_run(&swarm);
    if (swarm.options.traces && swarm.options.from == swarm.options.to)
        narrate_again(swarm.options.from, NULL);
    return swarm_tell(&swarm);
}

int main(int argc, char **argv)
{
    return crl_exit_written("corral-swarm", run(argc, argv));
}
