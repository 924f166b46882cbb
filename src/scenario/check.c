/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - what the values of a scenario say together: instants that must lie within it,
 * faults that must fit their kind and each other, times that leave no load a chance. */
#include "scenario/scenario.h"

#include "base/assert.h"
#include "base/units.h"
#include "scenario/column.h"

#include <string.h>

struct span_text {
    char text[CRL_UNITS_FORMAT_MAX];
};

static struct span_text span(corral_us us)
{
    struct span_text span;
    crl_units_format(CRL_QUANTITY_DURATION, us, span.text);
    return span;
}

static bool is_given(struct crl_place at)
{
    return at.line != 0;
}

/* A value that stands in the file and that the schema did not refuse: there is no problem at it
 * yet. */
static bool is_good(struct crl_place at, const struct crl_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        if (problems->rows[i].at.line == at.line && problems->rows[i].at.column == at.column)
            return false;
    }
    return is_given(at);
}

/* The first that was given; the last one always was. */
static struct crl_place place_of(struct crl_place first, struct crl_place second,
                                 struct crl_place last)
{
    return is_given(first) ? first : is_given(second) ? second : last;
}

/* -------------------------------------------------------------------------------------- readers */

/* Is an instant within the scenario? */
static void check_instant(const struct crl_sim_scenario *scenario, const char *what,
                          corral_us at_us, struct crl_place at, struct crl_problems *problems)
{
    if (scenario->lasts_us > 0 && at_us >= scenario->lasts_us)
        crl_problems_add(problems, at, "%s: %s is not before the end, %s", what, span(at_us).text,
                         span(scenario->lasts_us).text);
}

static void check_curve(const struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    const struct crl_sim_readers *readers = &scenario->readers;
    const struct crl_sim_point *points = readers->points;
    if (readers->points_n > 0 && points[0].at_us != 0)
        crl_problems_add(problems, points[0].at, "curve: the first point must be at 0s");
    for (size_t i = 0; i < readers->points_n; i++) {
        if (scenario->lasts_us > 0 && points[i].at_us > scenario->lasts_us)
            crl_problems_add(problems, points[i].at, "curve: %s is behind the end, %s",
                             span(points[i].at_us).text, span(scenario->lasts_us).text);
        if (i > 0 && points[i].at_us < points[i - 1].at_us)
            crl_problems_add(problems, points[i].at, "curve: %s is before %s, the point above it",
                             span(points[i].at_us).text, span(points[i - 1].at_us).text);
        if (i > 1 && points[i].at_us == points[i - 2].at_us)
            crl_problems_add(problems, points[i].at,
                             "curve: a third point at %s; two of them are a jump",
                             span(points[i].at_us).text);
    }
}

static bool bursts_overlap(const struct crl_sim_burst *a, const struct crl_sim_burst *b)
{
    if (a->at_us == b->at_us)
        return a->within_us > 0 || b->within_us > 0;
    return a->at_us < b->at_us ? a->at_us + a->within_us > b->at_us
                               : b->at_us + b->within_us > a->at_us;
}

static void check_bursts(const struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    const struct crl_sim_burst *bursts = scenario->readers.bursts;
    for (size_t i = 0; i < scenario->readers.bursts_n; i++) {
        size_t other = 0;
        check_instant(scenario, "bursts", bursts[i].at_us, bursts[i].at, problems);
        while (other < i && !bursts_overlap(&bursts[other], &bursts[i]))
            other++;
        if (other < i)
            crl_problems_add(problems, bursts[i].at,
                             "bursts: this one overlaps with the one on line %u",
                             bursts[other].at.line);
    }
}

/* Requests that the scenario will ask, as expected. */
static double requests_expected(const struct crl_sim_scenario *scenario)
{
    const struct crl_sim_readers *readers = &scenario->readers;
    double sum = readers->points_n == 0 ? readers->rate * (double)scenario->lasts_us / 1e6 : 0;
    for (size_t i = 0; i < readers->points_n; i++) {
        const struct crl_sim_point *point = &readers->points[i];
        bool is_last = i + 1 == readers->points_n;
        corral_us until = is_last ? scenario->lasts_us : point[1].at_us;
        double mean = is_last ? point->rate : (point->rate + point[1].rate) / 2;
        if (until > point->at_us)
            sum += mean * (double)(until - point->at_us) / 1e6;
    }
    for (size_t i = 0; i < readers->bursts_n; i++)
        sum += readers->bursts[i].requests;
    return sum;
}

static void check_readers(const struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    const struct crl_sim_readers *readers = &scenario->readers;
    if (!is_given(readers->at))
        return; /* the scenario is no mapping */
    if (is_given(readers->rate_at) && is_given(readers->points_at))
        crl_problems_add(problems, readers->points_at, "curve: there is a rate already, on line %u",
                         readers->rate_at.line);
    check_curve(scenario, problems);
    check_bursts(scenario, problems);
    bool any = is_given(readers->rate_at) || is_given(readers->points_at) || readers->bursts_n > 0;
    double expected = requests_expected(scenario);
    if (!any)
        crl_problems_add(problems, readers->at, "'readers' needs a rate, a curve or bursts");
    else if (expected == 0 && problems->n == 0)
        crl_problems_add(problems, readers->at, "nobody asks anything in this scenario");
    if (expected > CRL_SIM_REQUESTS_MAX)
        crl_problems_add(problems, readers->at,
                         "these are %.0f requests; at most %.0f can be simulated", expected,
                         CRL_SIM_REQUESTS_MAX);
}

/* Fills in what an absent popularity means. */
static void check_keys(struct crl_sim_keys *keys, struct crl_problems *problems)
{
    if (!is_given(keys->popularity_at) && keys->count > 1)
        keys->popularity = CRL_SIM_UNIFORM;
    if (is_given(keys->popularity_at) && !is_good(keys->popularity_at, problems))
        return;
    if (keys->popularity == CRL_SIM_SINGLE && keys->count > 1)
        crl_problems_add(problems, keys->popularity_at,
                         "popularity: is single, but there are %u"
                         " keys; write uniform or zipf",
                         keys->count);
    if (is_given(keys->exponent_at) && keys->popularity != CRL_SIM_ZIPF)
        crl_problems_add(problems, keys->exponent_at, "exponent: is for popularity zipf alone");
}

/* --------------------------------------------------------------------------------------- faults */

/* What a fault of a kind is told by. */
struct fault_kind {
    const char *word;
    bool is_instant; /* it has no `for` */
    bool may_stay;   /* it may go without `for` */
    bool has_nodes, has_factor, has_step;
    bool is_of_store;
};

static struct fault_kind fault_kind(enum sim_fault_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        SIM_FAULTS(X)
#undef X
    };
    struct fault_kind is = {.word = words[kind]};
    switch (kind) {
    case SIM_FAULT_STORE_DOWN:
        is.is_of_store = true;
        return is;
    case SIM_FAULT_STORE_WIPED:
        is.is_of_store = is.is_instant = true;
        return is;
    case SIM_FAULT_DATABASE_SLOW:
        is.has_factor = true;
        return is;
    case SIM_FAULT_DATABASE_FAILS:
    case SIM_FAULT_DATABASE_HANGS:
        return is;
    case SIM_FAULT_NODE_KILLED:
        is.has_nodes = is.may_stay = true;
        return is;
    case SIM_FAULT_NODE_PAUSED:
        is.has_nodes = true;
        return is;
    case SIM_FAULT_NODE_PARTITIONED:
        is.has_nodes = is.is_of_store = true;
        return is;
    case SIM_FAULT_NODE_CLOCK_STEPPED:
        is.has_nodes = is.has_step = is.is_instant = true;
        return is;
    }
    crl_unreachable();
}

/* A key that a kind of fault must have or cannot have. */
static void check_fault_key(const struct crl_sim_fault *fault, const struct fault_kind *kind,
                            const char *key, struct crl_place at, bool has, bool needs,
                            struct crl_problems *problems)
{
    if (is_given(at) && !has)
        crl_problems_add(problems, at, "%s: a fault of kind %s has none", key, kind->word);
    if (!is_given(at) && needs)
        crl_problems_add(problems, fault->at, "a fault of kind %s needs the key '%s'", kind->word,
                         key);
}

/* "7" or "0..9". */
static bool nodes_parse(const char *text, uint32_t *ret_from, uint32_t *ret_to)
{
    char first[16];
    const char *dots = strstr(text, "..");
    size_t size = dots != NULL ? (size_t)(dots - text) : strlen(text);
    int64_t from, to;
    if (size >= sizeof first)
        return false;
    memcpy(first, text, size);
    first[size] = '\0';
    if (crl_units_parse(CRL_QUANTITY_COUNT, first, &from) != CRL_UNITS_NONE ||
        crl_units_parse(CRL_QUANTITY_COUNT, dots != NULL ? dots + 2 : first, &to) !=
            CRL_UNITS_NONE ||
        from > UINT32_MAX || to > UINT32_MAX)
        return false;
    *ret_from = (uint32_t)from;
    *ret_to = (uint32_t)to;
    return true;
}

static void check_fault_nodes(const struct crl_sim_scenario *scenario, struct crl_sim_fault *fault,
                              struct crl_problems *problems)
{
    if (scenario->nodes == 0)
        return;
    fault->node_from = 0;
    fault->node_to = scenario->nodes - 1;
    if (fault->nodes == NULL)
        return;
    struct crl_quoted shown = crl_quoted(fault->nodes, strlen(fault->nodes));
    if (!nodes_parse(fault->nodes, &fault->node_from, &fault->node_to))
        crl_problems_add(problems, fault->nodes_at,
                         "nodes: %s is not a node or a range of nodes, such as 7 or 0..9",
                         shown.text);
    else if (fault->node_from > fault->node_to)
        crl_problems_add(problems, fault->nodes_at, "nodes: %s is backwards", shown.text);
    else if (fault->node_to >= scenario->nodes)
        crl_problems_add(problems, fault->nodes_at,
                         "nodes: there is no node %u; the last one is %u", fault->node_to,
                         scenario->nodes - 1);
    else
        return;
    fault->node_from = 0;
    fault->node_to = 0; /* so that no other check meets what is not there */
}

/* When it begins at a node, and when it ends. */
static corral_us fault_begin(const struct crl_sim_fault *fault, uint32_t node)
{
    return fault->at_us + fault->stagger_us * (node - fault->node_from);
}

static corral_us fault_end(const struct crl_sim_fault *fault, uint32_t node)
{
    bool stays = fault->lasts_us == 0;
    return stays ? INT64_MAX : fault_begin(fault, node) + fault->lasts_us;
}

/* Two faults of one kind that lie over each other at some node: the end of one would end both. */
static bool faults_overlap(const struct crl_sim_fault *a, const struct crl_sim_fault *b)
{
    bool has_nodes = fault_kind(a->kind).has_nodes;
    uint32_t from = a->node_from > b->node_from ? a->node_from : b->node_from;
    uint32_t to = a->node_to < b->node_to ? a->node_to : b->node_to;
    if (!has_nodes)
        return fault_begin(a, a->node_from) < fault_end(b, b->node_from) &&
               fault_begin(b, b->node_from) < fault_end(a, a->node_from);
    for (uint32_t node = from; node <= to; node++) {
        if (fault_begin(a, node) < fault_end(b, node) && fault_begin(b, node) < fault_end(a, node))
            return true;
    }
    return false;
}

/* Is what faults_overlap() looks at certain? */
static bool fault_is_good(const struct crl_sim_fault *fault, const struct crl_problems *problems)
{
    return is_good(fault->kind_at, problems) && is_good(fault->begin_at, problems) &&
           (!is_given(fault->lasts_at) || is_good(fault->lasts_at, problems)) &&
           (!is_given(fault->nodes_at) || is_good(fault->nodes_at, problems));
}

static void check_fault_overlap(const struct crl_sim_scenario *scenario, size_t n,
                                struct crl_problems *problems)
{
    const struct crl_sim_fault *fault = &scenario->faults[n];
    struct fault_kind kind = fault_kind(fault->kind);
    if (kind.is_instant)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct crl_sim_fault *other = &scenario->faults[i];
        if (!fault_is_good(other, problems) || other->kind != fault->kind ||
            !faults_overlap(other, fault))
            continue;
        crl_problems_add(problems, fault->at, "this %s overlaps with the one on line %u", kind.word,
                         other->at.line);
        return;
    }
}

static bool any_store(const struct crl_sim_scenario *scenario)
{
    bool any = is_given(scenario->store_at);
    for (size_t i = 0; i < scenario->variants_n; i++)
        any = any || is_given(scenario->variants[i].store_at);
    return any;
}

static void check_fault(const struct crl_sim_scenario *scenario, struct crl_sim_fault *fault,
                        struct crl_problems *problems)
{
    struct fault_kind kind = fault_kind(fault->kind);
    if (is_given(fault->begin_at))
        check_instant(scenario, "at", fault->at_us, fault->begin_at, problems);
    check_fault_key(fault, &kind, "for", fault->lasts_at, !kind.is_instant,
                    !kind.is_instant && !kind.may_stay, problems);
    check_fault_key(fault, &kind, "nodes", fault->nodes_at, kind.has_nodes, false, problems);
    check_fault_key(fault, &kind, "stagger", fault->stagger_at, kind.has_nodes, false, problems);
    check_fault_key(fault, &kind, "factor", fault->factor_at, kind.has_factor, kind.has_factor,
                    problems);
    check_fault_key(fault, &kind, "step", fault->step_at, kind.has_step, kind.has_step, problems);
    if (kind.is_of_store && !any_store(scenario))
        crl_problems_add(problems, fault->kind_at, "kind: %s, but no store is there", kind.word);
}

static void check_faults(struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    for (size_t i = 0; i < scenario->faults_n; i++) {
        struct crl_sim_fault *fault = &scenario->faults[i];
        check_fault_nodes(scenario, fault, problems);
        if (is_good(fault->kind_at, problems))
            check_fault(scenario, fault, problems);
        if (fault_is_good(fault, problems))
            check_fault_overlap(scenario, i, problems);
    }
}

/* -------------------------------------------------------------------------------------- columns */

/* Times that contradict each other. `last`: a place for what stands nowhere. */
static void check_column(const struct crl_sim_column *column, struct crl_place last,
                         struct crl_problems *problems)
{
    const struct crl_sim_database *database = &column->database;
    const struct crl_sim_store *store = &column->store;
    corral_us deadline_us = column->origin.deadline_us;
    bool is_fixed = database->service == SIM_SERVICE_FIXED;
    if (is_given(database->service_at) && !is_good(database->service_at, problems))
        return;
    if (database->service != SIM_SERVICE_LOGNORMAL && is_given(database->sigma_at))
        crl_problems_add(problems, database->sigma_at, "sigma: is for service lognormal alone");
    if (is_fixed && database->timeout_us > 0 && database->timeout_us <= database->mean_us)
        crl_problems_add(problems, place_of(database->timeout_at, database->mean_at, last),
                         "timeout: %s, but every query takes %s: none would succeed",
                         span(database->timeout_us).text, span(database->mean_us).text);
    if (is_fixed && deadline_us > 0 && deadline_us <= database->mean_us)
        crl_problems_add(problems, place_of(database->mean_at, last, last),
                         "mean: every query takes %s, but the origin's deadline is %s: no load "
                         "would succeed",
                         span(database->mean_us).text, span(deadline_us).text);
    if (column->has_store && store->timeout_us > 0 && store->timeout_us <= 2 * store->latency_us)
        crl_problems_add(problems, place_of(store->timeout_at, last, last),
                         "timeout: no answer of the store can come within %s: there and back it "
                         "takes %s",
                         span(store->timeout_us).text, span(2 * store->latency_us).text);
}

static void check_variant_name(const struct crl_sim_scenario *scenario, size_t n,
                               struct crl_problems *problems)
{
    const struct crl_sim_variant *variant = &scenario->variants[n];
    struct crl_quoted shown = crl_quoted(variant->name, strlen(variant->name));
    for (const char *at = variant->name; *at; at++) {
        if (*at >= ' ' && *at < 0x7F && *at != ',')
            continue;
        crl_problems_add(problems, variant->name_at,
                         "name: %s may hold only ASCII characters, and no commas", shown.text);
        break;
    }
    for (size_t i = 0; i < n; i++) {
        const struct crl_sim_variant *other = &scenario->variants[i];
        if (other->name == NULL || strcmp(other->name, variant->name) != 0)
            continue;
        crl_problems_add(problems, variant->name_at, "name: there is a %s already, on line %u",
                         shown.text, other->name_at.line);
        return;
    }
}

static void check_columns(const struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    for (size_t i = 0; i < scenario->variants_n; i++) {
        if (scenario->variants[i].name != NULL)
            check_variant_name(scenario, i, problems);
    }
    for (size_t i = 0; i < crl_sim_columns(scenario); i++) {
        struct crl_sim_column column = crl_sim_column(scenario, i);
        check_column(&column, scenario->variants_n > 0 ? scenario->variants[i].at : scenario->at,
                     problems);
    }
}

void crl_sim_check(struct crl_sim_scenario *scenario, struct crl_problems *problems)
{
    if (is_given(scenario->measure_at))
        check_instant(scenario, "measure_from", scenario->measure_us, scenario->measure_at,
                      problems);
    check_readers(scenario, problems);
    check_keys(&scenario->keys, problems);
    check_faults(scenario, problems);
    check_columns(scenario, problems);
}
