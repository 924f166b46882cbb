/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c - read, check, complete: a configuration from a file or from memory. */
#include "config/config.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "config/check.h"
#include "config/schema.h"
#include "yaml/text_file.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- the text */

/* A relative path starts at the folder of the configuration file. Takes `*path`. */
static int resolve(const char *name, char **path)
{
    const char *slash = strrchr(name, '/');
    if (slash == NULL || (*path)[0] == '/')
        return CORRAL_OK;
    size_t folder = (size_t)(slash - name) + 1;
    size_t size = strlen(*path) + 1;
    char *resolved = malloc(folder + size);
    if (resolved == NULL)
        return CORRAL_ENOMEM;
    memcpy(resolved, name, folder);
    memcpy(resolved + folder, *path, size);
    free(*path);
    *path = resolved;
    return CORRAL_OK;
}

static int resolve_all(const char *name, struct crl_config *config)
{
    for (size_t i = 0; i < config->origins_n; i++) {
        int rc = resolve(name, &config->origins[i].sqlite);
        if (rc < 0)
            return rc;
    }
    return CORRAL_OK;
}

static int config_read(const char *name, const struct crl_yaml *yaml, struct crl_config *config,
                       struct crl_problems *problems)
{
    crl_schema_read(&crl_config_schema, yaml, config, problems);
    crl_config_check(config, problems);
    int rc = crl_problems_rc(problems);
    return rc < 0 ? rc : resolve_all(name, config);
}

/* Of all files that are no configuration, a scenario is the likeliest. */
static bool is_scenario(const struct crl_yaml *yaml)
{
    return (crl_yaml_has(yaml, "readers") || crl_yaml_has(yaml, "duration")) &&
           !crl_yaml_has(yaml, "routes") && !crl_yaml_has(yaml, "origins");
}

static int config_parse(const char *name, struct corral_bytes text, struct crl_problems *problems,
                        struct crl_config **ret_config)
{
    struct crl_yaml yaml;
    int rc = crl_yaml_load(text, problems, &yaml);
    if (rc < 0)
        return rc;
    if (is_scenario(&yaml))
        crl_problems_add(problems, (struct crl_place){0},
                         "this looks like a scenario; run it with 'corral sim'");
    struct crl_config *config = calloc(1, sizeof *config);
    rc = config != NULL ? config_read(name, &yaml, config, problems) : CORRAL_ENOMEM;
    crl_yaml_fini(&yaml);
    if (rc < 0) {
        crl_config_free(config);
        return rc;
    }
    *ret_config = config;
    return CORRAL_OK;
}

int crl_config_parse(const char *name, struct corral_bytes text, struct crl_problems *problems,
                     struct crl_config **ret_config)
{
    int rc = config_parse(name, text, problems, ret_config);
    crl_problems_sort(problems);
    return rc;
}

void crl_config_free(struct crl_config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->routes_n; i++) {
        for (size_t j = 0; j < config->routes[i].params_n; j++)
            crl_pattern_fini(&config->routes[i].params[j].pattern);
    }
    crl_schema_clear(&crl_config_schema, config);
    free(config);
}

/* ------------------------------------------------------------------------------------- the file */

int crl_config_load(const char *file, struct crl_problems *problems, struct crl_config **ret_config)
{
    char *text = NULL;
    size_t size = 0;
    int rc = crl_text_file_read(file, CRL_YAML_BYTES_MAX, problems, &text, &size);
    if (rc < 0)
        return rc;
    rc = crl_config_parse(file, crl_bytes(text, size), problems, ret_config);
    free(text);
    return rc;
}
