/* SPDX-License-Identifier: Apache-2.0
 *
 * sql.h - the port of origins that speak SQL: queries are checked once and become statements.
 *
 * A statement is a query with its parameters and the form of its result; it is the `space_arg` of a
 * load. The key of a load is the canonical form of base/form.h ("id=1&name=a%20b"): its pairs are
 * bound to the parameters of the query (always bound, never pasted into the text). A parameter that
 * the key does not have is bound to NULL.
 *
 * The value of a load is compact JSON in UTF-8: {"column":value, ...} in the order of the columns,
 * or an array of such objects. How a value is written is the origin's to say.
 *
 * The words of a parameter's type and of the result's form are neutral: each origin maps them to
 * what its database has. */
#ifndef CRL_ORIGIN_SQL_H
#define CRL_ORIGIN_SQL_H

#include "base/assert.h"
#include "origin/origin.h"

enum crl_sql_type {
    CRL_SQL_TEXT,
    CRL_SQL_INTEGER, /* 64 bits, decimal */
    CRL_SQL_NUMBER,  /* an integer, or a finite decimal fraction with or without exponent */
    CRL_SQL_BOOLEAN, /* true or false */
};

enum crl_sql_form {
    CRL_SQL_ROW,  /* the first row as an object; not found if there is none */
    CRL_SQL_ROWS, /* all rows as an array, which may be empty */
};

struct crl_sql_param {
    const char *name; /* without the colon */
    enum crl_sql_type type;
};

struct crl_sql_query {
    const char *sql; /* one statement; parameters as :name */
    const struct crl_sql_param *params;
    size_t params_n;
    enum crl_sql_form form;
};

/* What is wrong with a query or a database, for people. Meaningful after a failure only. */
struct crl_sql_error {
    char text[512];
    int sql_offset; /* where in the SQL, in bytes; -1: unknown, or not in the SQL */
};

/* What an origin that speaks SQL offers beyond crl_origin_ops. */
struct crl_sql_ops {
    int (*prepare)(struct crl_origin *origin, const struct crl_sql_query *query,
                   void **ret_statement, struct crl_sql_error *ret_error);
};

/* crl_sql_prepare - check a query and make it the space argument of loads at this origin, which
 * speaks SQL (origin->ops->sql is set).
 *
 * Everything is copied. The statement lives as long as the origin. Any thread; blocks while the
 * database looks at the query.
 *
 * Errors: EINVAL with ret_error: the SQL does not compile, is empty or more than one statement,
 * would write, returns no columns or two of one name; or its parameters and `params` are not the
 * same set; ENOMEM */
static inline int crl_sql_prepare(struct crl_origin *origin, const struct crl_sql_query *query,
                                  void **ret_statement, struct crl_sql_error *ret_error)
{
    crl_assert(origin->ops->sql != NULL && query->sql != NULL);
    crl_assert(query->params != NULL || query->params_n == 0);
    return origin->ops->sql->prepare(origin, query, ret_statement, ret_error);
}

#endif
