/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario.c - see scenario.h. */
#include "scenario/scenario.h"

#include "base/bytes.h"
#include "yaml/text_file.h"

#include <stdlib.h>

/* Of all files that are no scenario, the daemon's configuration is the likeliest. */
static bool is_configuration(const struct crl_yaml *yaml)
{
    return (crl_yaml_has(yaml, "routes") || crl_yaml_has(yaml, "origins")) &&
           !crl_yaml_has(yaml, "readers") && !crl_yaml_has(yaml, "duration");
}

static int scenario_parse(struct corral_bytes text, struct crl_problems *problems,
                          struct crl_sim_scenario **ret_scenario)
{
    struct crl_yaml yaml;
    int rc = crl_yaml_load(text, problems, &yaml);
    if (rc < 0)
        return rc;
    if (is_configuration(&yaml))
        crl_problems_add(problems, (struct crl_place){0},
                         "this looks like a configuration of the daemon; 'corral check' reads "
                         "it, and 'corral serve' runs it");
    struct crl_sim_scenario *scenario = calloc(1, sizeof *scenario);
    if (scenario != NULL) {
        crl_schema_read(&crl_sim_scenario_schema, &yaml, scenario, problems);
        crl_sim_check(scenario, problems);
    }
    rc = scenario != NULL ? crl_problems_rc(problems) : CORRAL_ENOMEM;
    crl_yaml_fini(&yaml);
    if (rc < 0) {
        crl_sim_scenario_free(scenario);
        return rc;
    }
    *ret_scenario = scenario;
    return CORRAL_OK;
}

int crl_sim_scenario_parse(struct corral_bytes text, struct crl_problems *problems,
                           struct crl_sim_scenario **ret_scenario)
{
    int rc = scenario_parse(text, problems, ret_scenario);
    crl_problems_sort(problems);
    return rc;
}

int crl_sim_scenario_load(const char *file, struct crl_problems *problems,
                          struct crl_sim_scenario **ret_scenario)
{
    char *text = NULL;
    size_t size = 0;
    int rc = crl_text_file_read(file, CRL_YAML_BYTES_MAX, problems, &text, &size);
    if (rc < 0)
        return rc;
    rc = crl_sim_scenario_parse(crl_bytes(text, size), problems, ret_scenario);
    free(text);
    return rc;
}

void crl_sim_scenario_free(struct crl_sim_scenario *scenario)
{
    if (scenario == NULL)
        return;
    crl_schema_clear(&crl_sim_scenario_schema, scenario);
    free(scenario);
}
