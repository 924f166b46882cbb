/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   no text makes the reader of configurations crash, leak or run away, and its answer is
 *         always one of two: a configuration that keeps the limits, or problems with places within
 *         the text.
 * Method: libFuzzer on crl_config_parse(); the laws are asserted. */
#include "config/config.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(const struct crl_problems *problems, struct corral_bytes text)
{
    size_t lines = 2; /* an end of the text is on the line behind the last */
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = ((const unsigned char *)text.data)[i];
        lines += c == '\n' || c == '\r' || c >= 0x80; /* YAML knows wide line breaks too */
    }
    crl_assert(problems->n > 0);
    for (size_t i = 0; i < problems->n; i++) {
        const struct crl_problem *p = &problems->rows[i];
        crl_assert(p->at.line <= lines);
        crl_assert((p->at.line == 0) == (p->at.column == 0));
        crl_assert(i == 0 || problems->rows[i - 1].at.line <= p->at.line);
        crl_assert(strlen(p->text) > 0 && strpbrk(p->text, "\n\r\t") == NULL);
    }
}

static void check_route(const struct crl_config *config, const struct crl_config_route *route)
{
    crl_assert(route->path[0] == '/' && route->query[0] != '\0');
    crl_assert(route->origin < config->origins_n);
    crl_assert(strcmp(config->origins[route->origin].name, route->origin_name) == 0);
    crl_assert(route->ttl_us >= 0 && route->wait_us > 0);
    crl_assert(route->jitter >= 0.0 && route->jitter <= 0.5);
    crl_assert(route->params_n <= CRL_CONFIG_PARAMS_MAX);
    for (size_t i = 0; i < route->params_n; i++) {
        const struct crl_config_param *param = &route->params[i];
        crl_assert(param->name != NULL && param->max_length > 0);
        crl_assert(param->pattern.is_set == (param->pattern_text != NULL));
        crl_assert(param->default_text == NULL || strlen(param->default_text) <= param->max_length);
    }
}

static void check_config(const struct crl_config *config)
{
    crl_assert(config->listen.is.socket_size > 0 && config->admin.is.socket_size > 0);
    crl_assert(crl_address_is_loopback(&config->admin.is) || config->admin_token != NULL);
    crl_assert(config->threads <= 256 && config->cache.key_max <= UINT16_MAX);
    crl_assert(config->origins_n >= 1 && config->origins_n <= CRL_CONFIG_ORIGINS_MAX);
    crl_assert(config->routes_n >= 1 && config->routes_n <= CRL_CONFIG_ROUTES_MAX);
    for (size_t i = 0; i < config->routes_n; i++)
        check_route(config, &config->routes[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct corral_bytes text = crl_bytes(data, size);
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    int rc = crl_config_parse("folder/file.yaml", text, &problems, &config);
    if (rc == CORRAL_EINVAL)
        check_problems(&problems, text);
    if (rc == CORRAL_OK)
        check_config(config);
    crl_assert((rc == CORRAL_OK) == (config != NULL));
    crl_assert(rc == CORRAL_EINVAL || problems.n == 0);
    crl_config_free(config);
    crl_problems_fini(&problems);
    return 0;
}
