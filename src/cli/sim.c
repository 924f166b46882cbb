/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.c - the verb: which scenario, which of its columns, and the report at the end; see sim.h. */
#include "cli/sim.h"

#include "base/edit_distance.h"
#include "config/policy.h"
#include "scenario/options.h"
#include "scenario/plan.h"
#include "scenario/ready.h"
#include "scenario/report.h"
#include "text/exit.h"
#include "text/page.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_LINES_MAX 100000 /* of a run */
#define COMMAND_MAX     4096

struct sim_verb {
    struct crl_sim_options options;
    const struct crl_sim_ready *ready; /* NULL: the scenario is a file */
    struct crl_sim_scenario *scenario;
    struct crl_sim_column columns[CRL_SIM_RUNS_MAX];
    uint32_t columns_n;
    struct crl_sim_run *runs[CRL_SIM_RUNS_MAX];
    uint32_t runs_n;
    char why[512];
};

static const char usage[] =
    "usage: corral sim [options] NAME       run a ready scenario\n"
    "       corral sim [options] FILE.yaml  run one of your own\n"
    "       corral sim --list               name the ready scenarios\n"
    "\n"
    "Simulates a fleet, its readers and its database in virtual time, once for each\n"
    "column of the scenario, and shows side by side what would happen.\n"
    "\n"
    "  --strategies LIST  which columns, by name; or none, coalescing\n"
    "  --seed N           another draw of everything random (the scenario's)\n"
    "  --json             print JSON\n"
    "  --report FILE      write a page of HTML as well\n"
    "  --trace KEY        tell what happens to one key, by its number from 0\n"
    "  --list             name the ready scenarios; with --json too\n"
    "  --show             print the scenario's file, to be changed\n"
    "  --help\n"
    "\n"
    "See corral-sim(1), and corral-scenario(5) for the file.\n";

/* --------------------------------------------------------------------------------- the scenario */

static int ready_missing(const char *name)
{
    struct crl_edit_meant meant = {0};
    for (const struct crl_sim_ready *ready = crl_sim_ready; ready->name != NULL; ready++)
        crl_edit_consider(&meant, name, ready->name);
    if (meant.word != NULL)
        return crl_exit_usage("corral sim",
                              "there is no ready scenario '%.64s'; did you mean '%s'?", name,
                              meant.word);
    return crl_exit_usage("corral sim",
                          "there is no ready scenario '%.64s'; --list names them, and a "
                          "file is written with '/' or '.yaml'",
                          name);
}

static struct crl_sim_scenario *scenario_read(const struct sim_verb *verb)
{
    const char *name = verb->options.target;
    struct crl_problems problems = {0};
    struct crl_sim_scenario *scenario = NULL;
    int rc = verb->ready != NULL
                 ? crl_sim_scenario_parse(corral_str(verb->ready->text), &problems, &scenario)
                 : crl_sim_scenario_load(name, &problems, &scenario);
    if (rc < 0)
        crl_problems_tell(&problems, name, rc, stderr);
    crl_problems_fini(&problems);
    return scenario;
}

/* Says which columns and strategies there are. */
static int column_missing(const struct crl_sim_scenario *scenario, const char *name)
{
    struct crl_edit_meant meant = {0};
    char names[512] = "", hint[128] = "";
    for (size_t i = 0; i < crl_sim_columns(scenario); i++) {
        size_t used = strlen(names);
        struct crl_sim_column column = crl_sim_column(scenario, i);
        (void)snprintf(names + used, sizeof names - used, "%s'%s'", i ? ", " : "", column.name);
        crl_edit_consider(&meant, name, column.name);
    }
    crl_edit_consider(&meant, name, crl_config_strategy_word(CRL_STRATEGY_NONE));
    crl_edit_consider(&meant, name, crl_config_strategy_word(CRL_STRATEGY_COALESCING));
    if (meant.word != NULL)
        (void)snprintf(hint, sizeof hint, "; did you mean '%s'?", meant.word);
    return crl_exit_usage("corral sim",
                          "--strategies: there is no strategy '%.64s'%s (columns of the scenario: "
                          "%s; strategies: none, coalescing)",
                          name, hint, names);
}

/* Returns an exit code. */
static int columns_choose(struct sim_verb *verb)
{
    const char *list = verb->options.strategies;
    if (list == NULL) {
        verb->columns_n = (uint32_t)crl_sim_columns(verb->scenario);
        for (uint32_t i = 0; i < verb->columns_n; i++)
            verb->columns[i] = crl_sim_column(verb->scenario, i);
        return CRL_EXIT_DONE;
    }
    for (;;) {
        char name[64];
        size_t size = strcspn(list, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(size < 63 ? size : 63), list);
        if (verb->columns_n == CRL_SIM_RUNS_MAX)
            return crl_exit_usage("corral sim", "--strategies: %d are the most", CRL_SIM_RUNS_MAX);
        if (crl_sim_column_find(verb->scenario, name, &verb->columns[verb->columns_n]) < 0)
            return column_missing(verb->scenario, name);
        verb->columns_n++;
        if (list[size] == '\0')
            return CRL_EXIT_DONE;
        list += size + 1;
    }
}

/* -------------------------------------------------------------------------------------- one run */

struct tracing {
    FILE *out;
    uint32_t lines;
};

static void trace_take(void *arg, const char *line)
{
    struct tracing *tracing = arg;
    if (tracing->lines++ < TRACE_LINES_MAX)
        fprintf(tracing->out, "%s\n", line);
}

static int run_traced(const struct sim_verb *verb, const struct sim_plan *plan,
                      struct crl_sim_run *run)
{
    size_t size;
    struct tracing tracing = {.out = open_memstream(&run->trace, &size)};
    if (tracing.out == NULL)
        return CORRAL_ENOMEM;
    struct sim_run_options options = {
        .traced_key = &verb->options.traced_key, .trace = trace_take, .trace_arg = &tracing};
    int rc = sim_run_plan(plan, &options, &run->report);
    if (tracing.lines > TRACE_LINES_MAX)
        fprintf(tracing.out, "... and %u lines more\n", tracing.lines - TRACE_LINES_MAX);
    return fclose(tracing.out) == 0 ? rc : CORRAL_ENOMEM;
}

static int run_make(struct sim_verb *verb, const struct crl_sim_column *column)
{
    static struct crl_sim_made made;
    struct sim_run_options options = {0};
    struct crl_sim_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return CORRAL_ENOMEM;
    verb->runs[verb->runs_n++] = run;
    run->column = *column;
    crl_sim_plan_make(verb->scenario, column, verb->options.seed, &made);
    return verb->options.has_trace ? run_traced(verb, &made.plan, run)
                                   : sim_run_plan(&made.plan, &options, &run->report);
}

static int runs_make(struct sim_verb *verb)
{
    bool is_shown = crl_is_terminal(STDERR_FILENO);
    int rc = CORRAL_OK;
    for (uint32_t i = 0; i < verb->columns_n && rc == CORRAL_OK; i++) {
        if (is_shown)
            fprintf(stderr, "\rsimulating %.40s (%u of %u)\033[K", verb->columns[i].name, i + 1,
                    verb->columns_n);
        rc = run_make(verb, &verb->columns[i]);
    }
    if (is_shown)
        fputs("\r\033[K", stderr);
    if (rc < 0)
        (void)snprintf(verb->why, sizeof verb->why, "the simulation could not be run: %s",
                       corral_strerror(rc));
    return rc;
}

/* ----------------------------------------------------------------------------------- the report */

static void traces_write(const struct sim_verb *verb)
{
    for (uint32_t i = 0; i < verb->runs_n; i++) {
        const struct crl_sim_run *run = verb->runs[i];
        printf("key %u, %s\n%s%s\n", verb->options.traced_key, run->column.name, run->trace,
               run->trace[0] ? "" : "nothing happened to it\n");
    }
}

/* What is typed to have the same again. */
static void command_make(const struct sim_verb *verb, char command[COMMAND_MAX])
{
    (void)snprintf(command, COMMAND_MAX, "corral sim");
    crl_append_word(command, COMMAND_MAX, verb->options.target);
    if (verb->options.strategies != NULL) {
        crl_append(command, COMMAND_MAX, " --strategies");
        crl_append_word(command, COMMAND_MAX, verb->options.strategies);
    }
    crl_append(command, COMMAND_MAX, " --seed %llu", (unsigned long long)verb->options.seed);
}

static int page_write(struct sim_verb *verb, const struct crl_sim_result *result)
{
    struct crl_page_file page;
    int rc = crl_page_open(verb->options.report, &page, verb->why, sizeof verb->why);
    if (page.out != NULL)
        crl_sim_report_html(result, page.out);
    int close_rc = crl_page_close(verb->options.report, &page, verb->why, sizeof verb->why);
    return rc < 0 ? rc : close_rc;
}

static int report_write(struct sim_verb *verb)
{
    static char command[COMMAND_MAX];
    const struct crl_sim_result result = {.scenario = verb->scenario,
                                          .seed = verb->options.seed,
                                          .command = command,
                                          .runs = verb->runs,
                                          .runs_n = verb->runs_n};
    int rc = CORRAL_OK;
    command_make(verb, command);
    if (verb->options.has_trace && !verb->options.json)
        traces_write(verb);
    if (verb->options.json)
        rc = crl_sim_report_json(&result, stdout);
    else
        crl_sim_report_text(&result, crl_style_of(STDOUT_FILENO), stdout);
    int page_rc = page_write(verb, &result);
    if (rc < 0)
        (void)snprintf(verb->why, sizeof verb->why, "cannot write the report: %s",
                       corral_strerror(rc));
    return rc < 0 ? rc : page_rc;
}

static bool any_broken(const struct sim_verb *verb)
{
    for (uint32_t i = 0; i < verb->runs_n; i++) {
        if (verb->runs[i]->report.broken[0] != '\0')
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------- the verb */

static void list_row_write(const struct crl_sim_scenario *scenario)
{
    enum { WIDTH = 80, NAME = 16 };
    printf("%-*s", NAME, scenario->name);
    crl_lines_write(scenario->about, NAME, NAME, WIDTH - crl_style_of(STDOUT_FILENO).narrower,
                    stdout);
}

static int list_write(bool json)
{
    if (json)
        fputs("[", stdout);
    for (const struct crl_sim_ready *ready = crl_sim_ready; ready->name != NULL; ready++) {
        struct crl_problems problems = {0};
        struct crl_sim_scenario *scenario = NULL;
        int rc = crl_sim_scenario_parse(corral_str(ready->text), &problems, &scenario);
        crl_problems_fini(&problems);
        if (rc < 0)
            return CRL_EXIT_PROBLEM; /* without memory; that they are right is tested */
        if (json) /* names and sentences of ours: nothing in them needs an escape */
            printf("%s\n  {\"name\": \"%s\", \"about\": \"%s\"}", ready == crl_sim_ready ? "" : ",",
                   scenario->name, scenario->about);
        else
            list_row_write(scenario);
        crl_sim_scenario_free(scenario);
    }
    if (json)
        fputs("\n]\n", stdout);
    return CRL_EXIT_DONE;
}

static int scenario_show(const struct sim_verb *verb)
{
    if (verb->ready != NULL) {
        fputs(verb->ready->text, stdout);
        return CRL_EXIT_DONE;
    }
    return crl_exit_usage("corral sim", "--show is for ready scenarios; '%.64s' is a file",
                          verb->options.target);
}

static int scenario_run(struct sim_verb *verb)
{
    int code = columns_choose(verb);
    if (code != CRL_EXIT_DONE)
        return code;
    if (verb->options.has_trace && verb->options.traced_key >= verb->scenario->keys.count)
        return crl_exit_usage("corral sim", "--trace: there is no key %u; the scenario has %u",
                              verb->options.traced_key, verb->scenario->keys.count);
    if (!verb->options.has_seed)
        verb->options.seed = verb->scenario->seed;
    int rc = crl_page_check(verb->options.report, verb->why, sizeof verb->why);
    if (rc == CORRAL_OK)
        rc = runs_make(verb);
    if (rc == CORRAL_OK)
        rc = report_write(verb);
    if (rc < 0)
        fprintf(stderr, "corral sim: %s\n", verb->why);
    return rc < 0 || any_broken(verb) ? CRL_EXIT_PROBLEM : CRL_EXIT_DONE;
}

static void verb_fini(struct sim_verb *verb)
{
    for (uint32_t i = 0; i < verb->runs_n; i++) {
        free(verb->runs[i]->trace);
        free(verb->runs[i]);
    }
    crl_sim_scenario_free(verb->scenario);
}

int crl_verb_sim(int argc, char **argv)
{
    static struct sim_verb verb;
    verb = (struct sim_verb){0};
    setlocale(LC_CTYPE, "");
    int rc = crl_sim_options_read(argc, argv, &verb.options, verb.why);
    if (rc != 0)
        return crl_exit_unread("corral sim", rc, usage, verb.why);
    if (verb.options.list)
        return list_write(verb.options.json);
    if (!crl_sim_target_is_file(verb.options.target)) {
        verb.ready = crl_sim_ready_find(verb.options.target);
        if (verb.ready == NULL)
            return ready_missing(verb.options.target);
    }
    if (verb.options.show)
        return scenario_show(&verb);
    verb.scenario = scenario_read(&verb);
    int code = verb.scenario != NULL ? scenario_run(&verb) : CRL_EXIT_PROBLEM;
    verb_fini(&verb);
    return code;
}
