/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - what the values of a configuration say together: names that must differ, routes
 * that name an origin, queries and their parameters, addresses that may not clash. */
#include "config/check.h"

#include "config/sql_scan.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char digits[] = "0123456789";

static struct crl_quoted quoted(const char *text)
{
    return crl_quoted(text, strlen(text));
}

/* Letters, digits and "_", and what else is allowed; the first is no digit. */
static bool is_name(const char *text, const char *also)
{
    if (strchr(letters, text[0]) == NULL)
        return false;
    for (; *text; text++) {
        if (strchr(letters, *text) == NULL && strchr(digits, *text) == NULL &&
            strchr(also, *text) == NULL)
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ addresses */

static void check_token(const struct crl_config *config, struct crl_problems *problems)
{
    for (const char *at = config->admin_token; at != NULL && *at; at++) {
        if (*at > ' ' && *at < 0x7F)
            continue;
        crl_problems_add(problems, config->admin_token_at,
                         "admin_token: may hold only visible ASCII characters, and no spaces");
        return;
    }
}

static void check_addresses(const struct crl_config *config, struct crl_problems *problems)
{
    const struct crl_config_address *listen = &config->listen;
    const struct crl_config_address *admin = &config->admin;
    check_token(config, problems);
    if (admin->is.socket_size == 0)
        return;
    bool has_token = config->admin_token_at.line != 0; /* even one that was refused */
    if (!crl_address_is_loopback(&admin->is) && !has_token)
        crl_problems_add(problems, admin->at,
                         "admin: an address that other machines can reach needs admin_token");
    if (listen->is.socket_size == 0 || !crl_address_clash(&listen->is, &admin->is))
        return;
    if (admin->at.line != 0)
        crl_problems_add(problems, admin->at, "admin: is the same address as listen");
    else
        crl_problems_add(problems, listen->at,
                         "listen: is the same address as admin (its default)");
}

/* -------------------------------------------------------------------------------------- origins */

static void check_origin_name(const struct crl_config *config, size_t n,
                              struct crl_problems *problems)
{
    const struct crl_config_origin *origin = &config->origins[n];
    if (!is_name(origin->name, "-"))
        crl_problems_add(problems, origin->name_at,
                         "name: %s must be of letters, digits, '_' and '-', and begin with a"
                         " letter or '_'",
                         quoted(origin->name).text);
    for (size_t i = 0; i < n; i++) {
        const struct crl_config_origin *other = &config->origins[i];
        if (other->name == NULL || strcmp(other->name, origin->name) != 0)
            continue;
        crl_problems_add(problems, origin->name_at,
                         "name: there is an origin %s already, on line %u",
                         quoted(origin->name).text, other->name_at.line);
        return;
    }
}

static void check_sqlite(const struct crl_config_origin *origin, struct crl_problems *problems)
{
    if (strcmp(origin->sqlite, ":memory:") == 0 || strncmp(origin->sqlite, "file:", 5) == 0)
        crl_problems_add(problems, origin->sqlite_at,
                         "sqlite: %s is not the path of a database file (a file of that name is"
                         " written './%s')",
                         quoted(origin->sqlite).text,
                         origin->sqlite[0] == ':' ? ":memory:" : "file:...");
}

static void check_origins(const struct crl_config *config, struct crl_problems *problems)
{
    for (size_t i = 0; i < config->origins_n; i++) {
        if (config->origins[i].name != NULL)
            check_origin_name(config, i, problems);
        if (config->origins[i].sqlite != NULL)
            check_sqlite(&config->origins[i], problems);
    }
}

/* --------------------------------------------------------------------------------------- routes */

/* The names of the origins, for a message: "'a', 'b'". */
static void origin_names(const struct crl_config *config, char *ret_names, size_t room)
{
    ret_names[0] = '\0';
    for (size_t i = 0; i < config->origins_n; i++) {
        if (config->origins[i].name == NULL)
            continue;
        strncat(ret_names, ret_names[0] ? ", " : "", room - strlen(ret_names) - 1);
        strncat(ret_names, quoted(config->origins[i].name).text, room - strlen(ret_names) - 1);
    }
}

static void check_route_origin(const struct crl_config *config, struct crl_config_route *route,
                               struct crl_problems *problems)
{
    for (size_t i = 0; i < config->origins_n; i++) {
        const char *name = config->origins[i].name;
        if (name == NULL || strcmp(name, route->origin_name) != 0)
            continue;
        route->origin = i;
        return;
    }
    char names[256];
    origin_names(config, names, sizeof names);
    crl_problems_add(problems, route->origin_at, "origin: %s is not defined; origins are: %s",
                     quoted(route->origin_name).text, names[0] ? names : "(none)");
}

/* Why a path cannot be one; NULL if it can.
 * Source: RFC 3986, section 3.3, without percent-encoding. */
static const char *path_fault(const char *path)
{
    static const char also[] = "/-.~!$&'()*+,;=:@";
    if (path[0] != '/')
        return "must begin with '/'";
    for (const char *at = path; *at; at++) {
        if (strchr(letters, *at) == NULL && strchr(digits, *at) == NULL &&
            strchr(also, *at) == NULL)
            return "may hold only letters, digits and /-._~!$&'()*+,;=:@";
    }
    if (strstr(path, "//") != NULL)
        return "has an empty part ('//')";
    for (const char *part = path; part != NULL; part = strchr(part + 1, '/')) {
        size_t dots = strspn(part + 1, ".");
        if ((dots == 1 || dots == 2) && (part[1 + dots] == '/' || part[1 + dots] == '\0'))
            return "has a part '.' or '..'";
    }
    if (strcmp(path, "/metrics") == 0 || strcmp(path, "/healthz") == 0 ||
        strcmp(path, "/readyz") == 0 || strcmp(path, "/-") == 0 || strncmp(path, "/-/", 3) == 0)
        return "is reserved for Corral itself";
    return NULL;
}

static void check_path(const struct crl_config *config, size_t n, struct crl_problems *problems)
{
    const struct crl_config_route *route = &config->routes[n];
    const char *fault = path_fault(route->path);
    if (fault != NULL)
        crl_problems_add(problems, route->path_at, "path: %s %s", quoted(route->path).text, fault);
    for (size_t i = 0; i < n; i++) {
        const struct crl_config_route *other = &config->routes[i];
        if (other->path == NULL || strcmp(other->path, route->path) != 0)
            continue;
        crl_problems_add(problems, route->path_at, "path: there is a route %s already, on line %u",
                         quoted(route->path).text, other->path_at.line);
        return;
    }
}

/* ----------------------------------------------------------------------------------- parameters */

/* The parameter of the same name before the n-th; NULL if there is none. */
static const struct crl_config_param *namesake(const struct crl_config_route *route, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = route->params[i].name;
        if (name != NULL && strcmp(name, route->params[n].name) == 0)
            return &route->params[i];
    }
    return NULL;
}

static void check_param_name(const struct crl_config_route *route, size_t n,
                             struct crl_problems *problems)
{
    const struct crl_config_param *param = &route->params[n];
    if (!is_name(param->name, ""))
        crl_problems_add(problems, param->name_at,
                         "name: %s must be of letters, digits and '_', and not begin with a digit",
                         quoted(param->name).text);
    const struct crl_config_param *other = namesake(route, n);
    if (other != NULL)
        crl_problems_add(problems, param->name_at,
                         "name: there is a parameter %s already, on line %u",
                         quoted(param->name).text, other->name_at.line);
}

static void check_pattern(struct crl_config_param *param, struct crl_problems *problems)
{
    struct crl_pattern_problem problem;
    int rc = crl_pattern_compile(param->pattern_text, &problem, &param->pattern);
    if (rc == CORRAL_ENOMEM)
        problems->out_of_memory = true;
    else if (rc < 0)
        crl_problems_add(problems,
                         crl_text_map_place(&param->pattern_map, param->pattern_text, problem.at),
                         "pattern: %s: %s", quoted(param->pattern_text).text, problem.why);
}

static void check_default(const struct crl_config_param *param, struct crl_problems *problems)
{
    struct crl_quoted shown = quoted(param->default_text);
    if (!crl_param_type_accepts(param->type, param->default_text))
        crl_problems_add(problems, param->default_at, "default: %s is not of type %s, %s",
                         shown.text, crl_param_type_word(param->type),
                         crl_param_type_hint(param->type));
    else if (param->max_length > 0 && strlen(param->default_text) > param->max_length)
        crl_problems_add(problems, param->default_at, "default: %s is longer than max_length, %u",
                         shown.text, param->max_length);
    else if (!crl_pattern_matches(&param->pattern, param->default_text))
        crl_problems_add(problems, param->default_at, "default: %s does not match the pattern",
                         shown.text);
}

static void check_params(const struct crl_config_route *route, struct crl_problems *problems)
{
    for (size_t i = 0; i < route->params_n; i++) {
        struct crl_config_param *param = &route->params[i];
        if (param->name != NULL)
            check_param_name(route, i, problems);
        if (param->pattern_text != NULL)
            check_pattern(param, problems);
        if (param->default_text != NULL)
            check_default(param, problems);
    }
}

/* -------------------------------------------------------------------------------------- queries */

/* One walk over a query. */
struct query_check {
    const struct crl_config_route *route;
    struct crl_problems *problems;
    bool is_used[CRL_CONFIG_PARAMS_MAX];
    struct crl_sql_found undeclared[CRL_CONFIG_PARAMS_MAX]; /* each name once */
    size_t undeclared_n;
    size_t foreign_n;
};

static struct crl_place found_at(const struct query_check *check, const struct crl_sql_found *found)
{
    return crl_text_map_place(&check->route->query_map, check->route->query, found->at);
}

/* Both are names in the query. */
static bool is_same_name(const char *query, const struct crl_sql_found *a,
                         const struct crl_sql_found *b)
{
    return a->size == b->size && memcmp(query + a->at, query + b->at, a->size) == 0;
}

static void query_undeclared(struct query_check *check, const struct crl_sql_found *found)
{
    const char *query = check->route->query;
    for (size_t i = 0; i < check->undeclared_n; i++) {
        if (is_same_name(query, &check->undeclared[i], found))
            return;
    }
    if (check->undeclared_n == CRL_CONFIG_PARAMS_MAX)
        return; /* there are problems enough */
    check->undeclared[check->undeclared_n++] = *found;
    crl_problems_add(check->problems, found_at(check, found),
                     "query: the parameter %s is not declared in params",
                     crl_quoted(query + found->at, found->size).text);
}

static void query_uses(struct query_check *check, const struct crl_sql_found *found)
{
    const struct crl_config_route *route = check->route;
    const char *name = route->query + found->at + 1;
    size_t size = found->size - 1;
    bool is_certain = true;
    for (size_t i = 0; i < route->params_n; i++) {
        const char *declared = route->params[i].name;
        is_certain &= declared != NULL;
        if (declared == NULL || strlen(declared) != size || memcmp(declared, name, size) != 0)
            continue;
        check->is_used[i] = true;
        return;
    }
    /* With a parameter whose name was refused, this one may be it. */
    if (is_certain)
        query_undeclared(check, found);
}

static void query_walk(struct query_check *check)
{
    const char *query = check->route->query;
    struct crl_sql_found found = crl_sql_next(query, 0);
    for (; found.kind != CRL_SQL_END; found = crl_sql_next(query, found.at + found.size)) {
        struct crl_quoted shown = crl_quoted(query + found.at, found.size);
        switch (found.kind) {
        case CRL_SQL_PARAM:
            query_uses(check, &found);
            break;
        case CRL_SQL_OTHER:
            if (check->foreign_n++ == CRL_CONFIG_PARAMS_MAX)
                return; /* there are problems enough */
            crl_problems_add(check->problems, found_at(check, &found),
                             "query: %s: parameters are written ':name'", shown.text);
            break;
        case CRL_SQL_NO_END:
            crl_problems_add(check->problems, found_at(check, &found),
                             "query: a string, quoted name or comment never ends: %s", shown.text);
            break;
        case CRL_SQL_END:
            break;
        }
    }
}

static void check_query(const struct crl_config_route *route, struct crl_problems *problems)
{
    struct query_check check = {.route = route, .problems = problems};
    size_t before = problems->n;
    query_walk(&check);
    if (problems->n > before)
        return; /* what it uses is not certain */
    for (size_t i = 0; i < route->params_n; i++) {
        const struct crl_config_param *param = &route->params[i];
        if (param->name == NULL || check.is_used[i] || !is_name(param->name, "") ||
            namesake(route, i) != NULL)
            continue; /* it is used, or refused already */
        crl_problems_add(problems, param->name_at, "name: the query has no parameter ':%s'",
                         param->name);
    }
}

static void check_routes(const struct crl_config *config, struct crl_problems *problems)
{
    for (size_t i = 0; i < config->routes_n; i++) {
        struct crl_config_route *route = &config->routes[i];
        if (route->path != NULL)
            check_path(config, i, problems);
        if (route->origin_name != NULL)
            check_route_origin(config, route, problems);
        check_params(route, problems);
        if (route->query != NULL)
            check_query(route, problems);
    }
}

void crl_config_check(struct crl_config *config, struct crl_problems *problems)
{
    check_addresses(config, problems);
    check_origins(config, problems);
    check_routes(config, problems);
}
