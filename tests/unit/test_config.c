/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a good configuration becomes exactly the struct it says; of a bad one every problem is
 *         told, with its line and column, in order.
 * Method: rows of a text and the whole list of problems it must give. Then the file itself:
 *         missing, a folder, too large. Then the manual page and the examples against the
 *         schema. */
#include "config/config.h"

#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What a text needs besides the thing that a row is about. */
#define ORIGINS "origins: [ { name: a, sqlite: a.db } ]\n"
#define ROUTES  "routes: [ { path: /x, origin: a, query: SELECT 1 } ]\n"
#define REST    ORIGINS ROUTES
#define ROUTE(more)          \
    ORIGINS "routes:\n"      \
            "  - path: /x\n" \
            "    origin: a\n" more
#define QUERY "    query: SELECT :p\n"

/* name, text, problems: one a line, "line:column: text"; a problem of the whole file has 0:0. */
struct row {
    const char *name, *text, *problems;
};

static const struct row rows[] = {
    {"the least", REST, ""},
    {"a byte order mark", "\xEF\xBB\xBF" REST, ""},
    {"CR LF", "threads: 2\r\n" REST, ""},
    {"document markers", "---\n" REST "...\n", ""},

    /* YAML */
    {"empty", "", "0:0: the file is empty\n"},
    {"comments only", "# nothing\n\n", "0:0: the file is empty\n"},
    {"an empty document", "---\n",
     "2:1: the configuration must be a mapping ('key: value'), found a single value\n"},
    {"text only", "hello\n",
     "1:1: the configuration must be a mapping ('key: value'), found a single value\n"},
    {"a list", "- a\n", "1:1: the configuration must be a mapping ('key: value'), found a list\n"},
    {"syntax", "listen: [\n" ROUTES,
     "3:1: YAML: did not find expected ',' or ']' while parsing a flow sequence that begins on "
     "line 1\n"},
    {"a tab", "cache:\n\tmemory: 1MiB\n",
     "2:1: YAML: found character that cannot start any token while scanning for the next token\n"},
    {"not UTF-8", "listen: \xFF\n", "1:9: YAML: invalid leading UTF-8 octet\n"},
    {"a control character", "threads: 1\nlisten: \x01\n",
     "2:9: YAML: control characters are not allowed\n"},
    {"an anchor", "cache: &x { memory: 1MiB }\n" REST,
     "1:8: YAML anchors ('&') are not supported\n"},
    {"an alias", "cache: *x\n" REST, "1:8: YAML aliases ('*') are not supported\n"},
    {"a tag", "threads: !!int 3\n" REST, "1:10: YAML tags ('!') are not supported\n"},
    {"a directive", "%YAML 1.1\n---\n" REST,
     "1:1: a line cannot begin with '%': YAML directives are not supported\n"},
    {"two documents", REST "---\n" REST, "3:1: a second YAML document is not supported\n"},
    {"deep", "cache: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n",
     "1:23: mappings and lists are nested too deep\n"},
    {"NUL", "listen: \"127.0.0.1:80\\080\"\n" REST, "1:9: listen: holds a NUL character\n"},
    {"NUL in a key", "\"listen\\0\": 1\n" REST,
     "1:1: unknown key 'listen?'; did you mean 'listen'?\n"},

    /* keys */
    {"unknown", "lisen: 127.0.0.1:80\nfoo: 1\n" REST,
     "1:1: unknown key 'lisen'; did you mean 'listen'?\n"
     "2:1: unknown key 'foo'; the configuration has listen admin admin_token threads cache origins"
     " routes log\n"},
    {"later",
     "store: { redis: x }\nclients: 1\norigins: [ { name: a, sqlite: a, postgres: x,"
     " breaker: {} } ]\n" ROUTES,
     "1:1: 'store' is not available in this version\n"
     "2:1: 'clients' is not available in this version\n"
     "3:34: 'postgres' is not available in this version\n"
     "3:47: 'breaker' is not available in this version\n"},
    {"later in a route",
     ROUTE("    query: SELECT 1\n    stale: 1\n    stale_if_error: 1\n    negative_ttl: 1\n"
           "    early: 1\n    refresh: 1\n    hot: 1\n    warm: 1\n    batch: 1\n    lease: 1\n"
           "    backoff: 1\n    priority: 1\n"),
     "6:5: 'stale' is not available in this version\n"
     "7:5: 'stale_if_error' is not available in this version\n"
     "8:5: 'negative_ttl' is not available in this version\n"
     "9:5: 'early' is not available in this version\n"
     "10:5: 'refresh' is not available in this version\n"
     "11:5: 'hot' is not available in this version\n"
     "12:5: 'warm' is not available in this version\n"
     "13:5: 'batch' is not available in this version\n"
     "14:5: 'lease' is not available in this version\n"
     "15:5: 'backoff' is not available in this version\n"
     "16:5: 'priority' is not available in this version\n"},
    {"duplicate", "threads: 1\nthreads: 2\n" REST,
     "2:1: duplicate key 'threads', first on line 1\n"},
    {"a key that is a list", "[a]: 1\n" REST, "1:1: expected a key, found a list\n"},
    {"nothing required is there", "threads: 1\n",
     "1:1: the configuration needs the key 'origins'\n"
     "1:1: the configuration needs the key 'routes'\n"},
    {"empty lists", "origins: []\nroutes: []\n",
     "1:10: origins: the list is empty\n2:9: routes: the list is empty\n"},
    {"empty mappings", "origins: [ {} ]\nroutes: [ {} ]\n",
     "1:12: an origin needs the key 'name'\n1:12: an origin needs the key 'sqlite'\n"
     "2:11: a route needs the key 'path'\n2:11: a route needs the key 'origin'\n"
     "2:11: a route needs the key 'query'\n"},
    {"wrong kinds", "listen: {}\ncache: 1\nlog: []\norigins: x\nroutes: [ 1 ]\n",
     "1:9: listen: expected a single value, found a mapping\n"
     "2:8: 'cache' must be a mapping ('key: value'), found a single value\n"
     "3:6: 'log' must be a mapping ('key: value'), found a list\n"
     "4:10: origins: expected a list, found a single value\n"
     "5:11: a route must be a mapping ('key: value'), found a single value\n"},
    {"no values", "threads:\ncache: ~\nlog: null\nlisten: ''\n" REST,
     "1:9: threads: has no value\n2:8: cache: has no value\n3:6: log: has no value\n"
     "4:9: listen: '' is not HOST:PORT, such as 127.0.0.1:8080 or \"[::1]:8080\"\n"},

    /* quantities */
    {"units",
     "cache: { memory: 64KB, max_key: 64, max_value: 1.5MiB }\n"
     "origins: [ { name: a, sqlite: a.db, queue: 10s, deadline: 30, delay: -1s } ]\n"
     "routes: [ { path: /x, origin: a, query: SELECT 1, ttl: 30sec, jitter: 10 } ]\n",
     "1:18: memory: '64KB' has an unknown unit; write it like 64KiB or 8MiB (units: B KiB MiB GiB)\n"
     "1:33: max_key: '64' needs a unit, such as 1KiB (units: B KiB)\n"
     "1:48: max_value: '1.5MiB' has a fraction; write a whole number, such as 64KiB or 8MiB (units:"
     " B KiB MiB GiB)\n"
     "2:44: queue: '10s' is not a number, such as 20, without a unit\n"
     "2:59: deadline: '30' needs a unit, such as 30s or 250ms (units: us ms s m)\n"
     "2:70: delay: '-1s' is out of range, 0s to 5m\n"
     "3:56: ttl: '30sec' has an unknown unit; write it like 30s or 250ms (units: us ms s m h d)\n"
     "3:71: jitter: '10' needs a unit, such as 10%\n"},
    {"least values",
     "threads: 1\ncache: { memory: 1MiB, max_key: 16B, max_value: 1B }\n"
     "origins: [ { name: a, sqlite: a, concurrency: 1, queue: 0, deadline: 1ms, delay:"
     " 0s } ]\nroutes: [ { path: /x, origin: a, query: SELECT 1, ttl: 0s, jitter: 0%,"
     " wait: 1ms } ]\n",
     ""},
    {"greatest values",
     "threads: 256\ncache: { memory: 1024GiB, max_key: 65535B, max_value: 1GiB }\n"
     "origins: [ { name: a, sqlite: a, concurrency: 1024, queue: 1000000, deadline: 5m, delay: 5m"
     " } ]\nroutes: [ { path: /x, origin: a, query: SELECT 1, ttl: 365d, jitter: 50%, wait: 5m } "
     "]\n",
     ""},
    {"below",
     "threads: 0\ncache: { memory: 1023KiB, max_key: 15B, max_value: 0B }\n"
     "origins: [ { name: a, sqlite: a, concurrency: 0, deadline: 999us } ]\n"
     "routes: [ { path: /x, origin: a, query: SELECT 1, wait: 0s } ]\n",
     "1:10: threads: '0' is out of range, 1 to 256\n"
     "2:18: memory: '1023KiB' is out of range, 1MiB to 1024GiB\n"
     "2:36: max_key: '15B' is out of range, 16B to 65535B\n"
     "2:52: max_value: '0B' is out of range, 1B to 1GiB\n"
     "3:47: concurrency: '0' is out of range, 1 to 1024\n"
     "3:60: deadline: '999us' is out of range, 1ms to 5m\n"
     "4:57: wait: '0s' is out of range, 1ms to 5m\n"},
    {"above",
     "threads: 257\ncache: { memory: 1025GiB, max_key: 64KiB, max_value: 2GiB }\n"
     "origins: [ { name: a, sqlite: a, concurrency: 1025, queue: 1000001, deadline: 6m, delay:"
     " 6m } ]\nroutes: [ { path: /x, origin: a, query: SELECT 1, ttl: 366d, jitter: 51%, wait:"
     " 999999999999999999999h } ]\n",
     "1:10: threads: '257' is out of range, 1 to 256\n"
     "2:18: memory: '1025GiB' is out of range, 1MiB to 1024GiB\n"
     "2:36: max_key: '64KiB' is out of range, 16B to 65535B\n"
     "2:54: max_value: '2GiB' is out of range, 1B to 1GiB\n"
     "3:47: concurrency: '1025' is out of range, 1 to 1024\n"
     "3:60: queue: '1000001' is out of range, 0 to 1000000\n"
     "3:79: deadline: '6m' is out of range, 1ms to 5m\n"
     "3:90: delay: '6m' is out of range, 0s to 5m\n"
     "4:56: ttl: '366d' is out of range, 0s to 365d\n"
     "4:70: jitter: '51%' is out of range, 0% to 50%\n"
     "4:81: wait: '999999999999999999999h' is out of range, 1ms to 5m\n"},

    /* words */
    {"choices",
     "log: { level: loud, format: xml }\n" ORIGINS
     "routes: [ { path: /x, origin: a, query: SELECT 1, result: all, strategy: layered } ]\n",
     "1:15: level: 'loud' is not one of debug, info, warn or error\n"
     "1:29: format: 'xml' is not one of text or json\n"
     "3:59: result: 'all' is not one of row or rows\n"
     "3:74: strategy: 'layered' is not available in this version; write coalescing or none\n"},
    {"an unknown strategy", ROUTE("    query: SELECT 1\n    strategy: best\n"),
     "6:15: strategy: 'best' is not one of coalescing or none\n"},

    /* addresses */
    {"addresses", "listen: example.com:80\nadmin: 127.0.0.1:99999\n" REST,
     "1:9: listen: 'example.com:80' has a host that is not an IPv4 address, an IPv6 address in"
     " brackets, or localhost\n"
     "2:8: admin: '127.0.0.1:99999' has a port out of range, 0 to 65535\n"},
    {"one address twice", "listen: 127.0.0.1:80\nadmin: localhost:80\n" REST,
     "2:8: admin: is the same address as listen\n"},
    {"listen where admin is by default", "listen: 127.0.0.1:8081\n" REST,
     "1:9: listen: is the same address as admin (its default)\n"},
    {"two free ports", "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n" REST, ""},
    {"admin in the open", "admin: 0.0.0.0:81\n" REST,
     "1:8: admin: an address that other machines can reach needs admin_token\n"},
    {"admin in the open, with a token", "admin: \"[::]:81\"\nadmin_token: 0123456789abcdef\n" REST,
     ""},
    {"a short token", "admin: 0.0.0.0:81\nadmin_token: secret\n" REST,
     "2:14: admin_token: has 6 bytes, must have 16 to 1024\n"},
    {"a token with DEL", "admin_token: \"0123456789\\x7Fabcdef\"\n" REST,
     "1:14: admin_token: may hold only visible ASCII characters, and no spaces\n"},
    {"a token of the first and last that may be", "admin_token: '!~!~!~!~!~!~!~!~'\n" REST, ""},
    {"a token with a space", "admin_token: 0123456789 abcdef\n" REST,
     "1:14: admin_token: may hold only visible ASCII characters, and no spaces\n"},

    /* the environment */
    {"unset",
     "admin_token: ${CORRAL_TEST_UNSET}\norigins: [ { name: a, sqlite: 'x${CORRAL_TEST_UNSET'"
     " } ]\n" ROUTES,
     "1:14: admin_token: the environment variable 'CORRAL_TEST_UNSET' is not set\n"
     "2:31: sqlite: '${' must be followed by the name of an environment variable and '}' (a plain"
     " '$' is written '$$')\n"},
    {"no names", "admin_token: '${}'\norigins: [ { name: a, sqlite: '${1a}' } ]\n" ROUTES,
     "1:14: admin_token: '${' must be followed by the name of an environment variable and '}' (a"
     " plain '$' is written '$$')\n"
     "2:31: sqlite: '${' must be followed by the name of an environment variable and '}' (a plain"
     " '$' is written '$$')\n"},
    {"too short once expanded", "admin_token: ${CORRAL_TEST_SHORT}\n" REST,
     "1:14: admin_token: has 5 bytes, must have 16 to 1024\n"},
    {"only where it is said", ROUTE("    query: SELECT '${CORRAL_TEST_UNSET}'\n"), ""},

    /* origins */
    {"origins",
     "origins:\n  - { name: a, sqlite: x }\n  - { name: a, sqlite: ':memory:' }\n"
     "  - { name: 1a, sqlite: 'file:x?mode=ro' }\n  - { name: '', sqlite: '' }\n" ROUTES,
     "3:13: name: there is an origin 'a' already, on line 2\n"
     "3:24: sqlite: ':memory:' is not the path of a database file (a file of that name is written"
     " './:memory:')\n"
     "4:13: name: '1a' must be of letters, digits, '_' and '-', and begin with a letter or '_'\n"
     "4:25: sqlite: 'file:x?mode=ro' is not the path of a database file (a file of that name is"
     " written './file:...')\n"
     "5:13: name: is empty\n5:25: sqlite: is empty\n"},
    {"an undefined origin",
     "origins: [ { name: a, sqlite: x }, { name: b, sqlite: x } ]\n"
     "routes: [ { path: /x, origin: c, query: SELECT 1 } ]\n",
     "2:31: origin: 'c' is not defined; origins are: 'a', 'b'\n"},
    {"no origins at all", "origins: []\nroutes: [ { path: /x, origin: c, query: SELECT 1 } ]\n",
     "1:10: origins: the list is empty\n"
     "2:31: origin: 'c' is not defined; origins are: (none)\n"},

    /* paths */
    {"paths",
     ORIGINS
     "routes:\n"
     "- { path: x, origin: a, query: SELECT 1 }\n- { path: '/a b', origin: a, query: SELECT 1 }\n"
     "- { path: '/a?b', origin: a, query: SELECT 1 }\n- { path: '/a#b', origin: a, query: SELECT 1 "
     "}\n"
     "- { path: '/a%20', origin: a, query: SELECT 1 }\n- { path: \"/a\\n\", origin: a, query: "
     "SELECT 1 }\n"
     "- { path: /a//b, origin: a, query: SELECT 1 }\n- { path: /a/../b, origin: a, query: SELECT 1 "
     "}\n"
     "- { path: /metrics, origin: a, query: SELECT 1 }\n- { path: /healthz, origin: a, query: "
     "SELECT 1 }\n"
     "- { path: /readyz, origin: a, query: SELECT 1 }\n- { path: /-/x, origin: a, query: SELECT 1 "
     "}\n"
     "- { path: /y, origin: a, query: SELECT 1 }\n- { path: /y, origin: a, query: SELECT 1 }\n"
     "- { path: \"/\\xFC\", origin: a, query: SELECT 1 }\n- { path: /., origin: a, query: SELECT 1 "
     "}\n"
     "- { path: /, origin: a, query: SELECT 1 }\n- { path: /metrics/x, origin: a, query: SELECT 1 "
     "}\n"
     "- { path: /.../..a/.b, origin: a, query: SELECT 1 }\n",
     "3:11: path: 'x' must begin with '/'\n"
     "4:11: path: '/a b' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "5:11: path: '/a?b' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "6:11: path: '/a#b' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "7:11: path: '/a%20' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "8:11: path: '/a?' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "9:11: path: '/a//b' has an empty part ('//')\n"
     "10:11: path: '/a/../b' has a part '.' or '..'\n"
     "11:11: path: '/metrics' is reserved for Corral itself\n"
     "12:11: path: '/healthz' is reserved for Corral itself\n"
     "13:11: path: '/readyz' is reserved for Corral itself\n"
     "14:11: path: '/-/x' is reserved for Corral itself\n"
     "16:11: path: there is a route '/y' already, on line 15\n"
     "17:11: path: '/\xC3\xBC' may hold only letters, digits and /-._~!$&'()*+,;=:@\n"
     "18:11: path: '/.' has a part '.' or '..'\n"},

    /* queries and parameters */
    {"undeclared", ROUTE("    query: SELECT :a, ':no', :b, :a\n    params: [ { name: b } ]\n"),
     "5:19: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, quoted", ROUTE("    query: 'SELECT :a'\n"),
     "5:20: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, behind wide characters", ROUTE("    query: \"SELECT \xC3\xA4\xC3\xA4, :a\"\n"),
     "5:24: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, with escapes", ROUTE("    query: \"SELECT\\t:a\"\n"),
     "5:12: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, on several lines", ROUTE("    query: SELECT 1\n      , :a\n"),
     "5:12: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, in a block",
     ROUTE("    query: |  # a comment\n\n      SELECT 1,\n        :a -- \xC3\xA4\n      , 2, :b\n"),
     "8:9: query: the parameter ':a' is not declared in params\n"
     "9:12: query: the parameter ':b' is not declared in params\n"},
    {"undeclared, in a block with an indicator",
     ROUTE("    query: |2-\n         SELECT\n          :a\n"),
     "7:11: query: the parameter ':a' is not declared in params\n"},
    {"undeclared, in a folded block", ROUTE("    query: >\n      SELECT\n      :a\n"),
     "5:12: query: the parameter ':a' is not declared in params\n"},
    {"unused", ROUTE("    query: SELECT ':p'\n    params: [ { name: p }, { name: q } ]\n"),
     "6:23: name: the query has no parameter ':p'\n6:36: name: the query has no parameter ':q'\n"},
    {"other forms", ROUTE("    query: \"SELECT ?, ?1, @x, $x, :1\"\n"),
     "5:20: query: '?': parameters are written ':name'\n"
     "5:23: query: '?1': parameters are written ':name'\n"
     "5:27: query: '@x': parameters are written ':name'\n"
     "5:31: query: '$x': parameters are written ':name'\n"
     "5:35: query: ':1': parameters are written ':name'\n"},
    {"without an end", ROUTE("    query: \"SELECT 'abc\"\n"),
     "5:20: query: a string, quoted name or comment never ends: ''abc'\n"},
    {"a name that was refused hides what it may be", ROUTE(QUERY "    params: [ { nam: p } ]\n"),
     "6:15: a parameter needs the key 'name'\n6:17: unknown key 'nam'; did you mean 'name'?\n"},
    {"parameters",
     ROUTE("    query: SELECT :p, :q\n    params:\n"
           "      - { name: p, type: int, max_length: 0 }\n      - { name: q }\n"
           "      - { name: q }\n      - { name: a-b }\n      - 3\n"),
     "7:26: type: 'int' is not one of text, integer, number or boolean\n"
     "7:43: max_length: '0' is out of range, 1 to 65535\n"
     "9:17: name: there is a parameter 'q' already, on line 8\n"
     "10:17: name: 'a-b' must be of letters, digits and '_', and not begin with a digit\n"
     "11:9: a parameter must be a mapping ('key: value'), found a single value\n"},
    {"defaults",
     ROUTE("    query: SELECT :a, :b, :c, :d, :e, :f, :g, :h\n    params:\n"
           "      - { name: a, type: integer, default: x }\n"
           "      - { name: b, type: number, default: 1. }\n"
           "      - { name: c, type: boolean, default: yes }\n"
           "      - { name: d, default: abc, max_length: 2 }\n"
           "      - { name: e, default: abc, pattern: '[0-9]+' }\n"
           "      - { name: f, default: }\n"
           "      - { name: g, default: '' }\n"
           "      - { name: h, default: ab, max_length: 2 }\n"),
     "7:44: default: 'x' is not of type integer, a whole number of 64 bits, such as -12\n"
     "8:43: default: '1.' is not of type number, a number as in JSON, such as -1.5e3\n"
     "9:44: default: 'yes' is not of type boolean, true or false\n"
     "10:29: default: 'abc' is longer than max_length, 2\n"
     "11:29: default: 'abc' does not match the pattern\n"
     "12:29: default: has no value\n"},
    {"patterns",
     ROUTE("    query: SELECT :a, :b, :c\n    params:\n"
           "      - { name: a, pattern: '(' }\n      - { name: b, pattern: '(a)\\1' }\n"
           "      - name: c\n        pattern: |-\n          ab[c\n"),
     "7:30: pattern: '(': this '(' is never closed\n"
     "8:33: pattern: '(a)\\1': back-references are not supported\n"
     "11:13: pattern: 'ab[c': this '[' has no ']'\n"},
    {"a long text is cut",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: "
     "1\n" REST,
     "1:1: unknown key 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'; the"
     " configuration has listen admin admin_token threads cache origins routes log\n"},
};

/* Every line of the problems, as the rows have them; the caller frees it. */
static char *listed(const struct crl_problems *problems)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i < problems->n; i++)
        fprintf(out, "%u:%u: %s\n", problems->rows[i].at.line, problems->rows[i].at.column,
                problems->rows[i].text);
    fclose(out);
    return text;
}

static void test_rows(void **state)
{
    (void)state;
    size_t failed = 0;
    setenv("CORRAL_TEST_SHORT", "short", 1);
    unsetenv("CORRAL_TEST_UNSET");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_problems problems = {0};
        struct crl_config *config = NULL;
        int rc = crl_config_parse("c.yaml", corral_str(rows[i].text), &problems, &config);
        char *found = listed(&problems);
        if (strcmp(found, rows[i].problems) != 0) {
            print_error("--- %s: expected\n%s--- found\n%s", rows[i].name, rows[i].problems, found);
            failed++;
        }
        assert_int_equal(rc, *found ? CORRAL_EINVAL : CORRAL_OK);
        assert_int_equal(config == NULL, *found != '\0');
        free(found);
        crl_config_free(config);
        crl_problems_fini(&problems);
    }
    assert_int_equal(failed, 0);
}

/* --------------------------------------------------------------------------------- what is read */

static struct crl_config *read_good(const char *name, const char *text)
{
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    if (crl_config_parse(name, corral_str(text), &problems, &config) < 0)
        crl_problems_print(&problems, name, stderr);
    crl_problems_fini(&problems);
    assert_non_null(config);
    return config;
}

static void test_defaults(void **state)
{
    (void)state;
    struct crl_config *config = read_good(
        "c.yaml", ORIGINS "routes: [ { path: /x, origin: a, query: 'SELECT :p', params: [ { name: p"
                          " } ] } ]\n");
    assert_int_equal(config->listen.is.port, 8080);
    assert_int_equal(config->listen.at.line, 0);
    assert_int_equal(config->admin.is.port, 8081);
    assert_true(crl_address_is_loopback(&config->listen.is));
    assert_true(crl_address_is_loopback(&config->admin.is));
    assert_null(config->admin_token);
    assert_int_equal(config->threads, 0);
    assert_int_equal(config->cache.memory_bytes, 256 << 20);
    assert_int_equal(config->cache.key_max, 1024);
    assert_int_equal(config->cache.value_max, 8 << 20);
    assert_int_equal(config->log.level, CRL_LOG_INFO);
    assert_int_equal(config->log.format, CRL_LOG_TEXT);
    assert_int_equal(config->origins_n, 1);
    const struct crl_config_origin *origin = &config->origins[0];
    assert_string_equal(origin->sqlite, "a.db");
    assert_int_equal(origin->concurrency, 20);
    assert_int_equal(origin->queue, 1000);
    assert_int_equal(origin->deadline_us, CORRAL_SECONDS(2));
    assert_int_equal(origin->delay_us, 0);
    assert_int_equal(config->routes_n, 1);
    const struct crl_config_route *route = &config->routes[0];
    assert_int_equal(route->result, CRL_RESULT_ROW);
    assert_int_equal(route->strategy, CRL_STRATEGY_COALESCING);
    assert_int_equal(route->ttl_us, CORRAL_SECONDS(30));
    assert_int_equal(route->wait_us, CORRAL_SECONDS(5));
    assert_true(route->jitter > 0.0999 && route->jitter < 0.1001);
    assert_int_equal(route->params_n, 1);
    assert_int_equal(route->params[0].type, CRL_PARAM_TEXT);
    assert_int_equal(route->params[0].max_length, 256);
    assert_null(route->params[0].default_text);
    assert_false(route->params[0].pattern.is_set);
    crl_config_free(config);
}

static const char everything[] = "listen: \"[::1]:80\"\n"
                                 "admin: 10.0.0.1:81\n"
                                 "admin_token: ${CORRAL_TEST_TOKEN}$$$x\n"
                                 "threads: 3\n"
                                 "cache: { memory: 2MiB, max_key: 32B, max_value: 4KiB }\n"
                                 "origins:\n"
                                 "  - name: one\n"
                                 "    sqlite: /abs/one.db\n"
                                 "  - name: two\n"
                                 "    sqlite: rel/two.db\n"
                                 "    concurrency: 5\n"
                                 "    queue: 6\n"
                                 "    deadline: 7ms\n"
                                 "    delay: 8us\n"
                                 "routes:\n"
                                 "  - path: /p\n"
                                 "    origin: two\n"
                                 "    query: |\n"
                                 "      SELECT *\n"
                                 "      FROM t WHERE id = :id AND b = :b\n"
                                 "    params:\n"
                                 "      - { name: id, type: integer, default: -5, max_length: 9,"
                                 " pattern: '-?[0-9]+' }\n"
                                 "      - { name: b, type: boolean }\n"
                                 "    result: rows\n"
                                 "    strategy: none\n"
                                 "    ttl: 1h\n"
                                 "    jitter: 25%\n"
                                 "    wait: 9s\n"
                                 "log: { level: debug, format: json }\n";

static void test_everything(void **state)
{
    (void)state;
    setenv("CORRAL_TEST_TOKEN", "${0123456789$$}", 1); /* not expanded again */
    struct crl_config *config = read_good("/etc/corral/c.yaml", everything);
    assert_int_equal(config->listen.is.port, 80);
    assert_int_equal(config->listen.at.line, 1);
    assert_int_equal(config->listen.at.column, 9);
    assert_false(crl_address_is_loopback(&config->admin.is));
    assert_string_equal(config->admin_token, "${0123456789$$}$$x");
    assert_int_equal(config->threads, 3);
    assert_int_equal(config->cache.memory_bytes, 2 << 20);
    assert_int_equal(config->cache.key_max, 32);
    assert_int_equal(config->cache.value_max, 4096);
    assert_int_equal(config->log.level, CRL_LOG_DEBUG);
    assert_int_equal(config->log.format, CRL_LOG_JSON);
    assert_string_equal(config->origins[0].sqlite, "/abs/one.db");
    const struct crl_config_origin *origin = &config->origins[1];
    assert_string_equal(origin->sqlite, "/etc/corral/rel/two.db");
    assert_int_equal(origin->sqlite_at.line, 10);
    assert_int_equal(origin->sqlite_at.column, 13);
    assert_int_equal(origin->concurrency, 5);
    assert_int_equal(origin->queue, 6);
    assert_int_equal(origin->deadline_us, 7000);
    assert_int_equal(origin->delay_us, 8);
    const struct crl_config_route *route = &config->routes[0];
    assert_int_equal(route->origin, 1);
    assert_int_equal(route->result, CRL_RESULT_ROWS);
    assert_int_equal(route->strategy, CRL_STRATEGY_NONE);
    assert_int_equal(route->ttl_us, CORRAL_SECONDS(3600));
    assert_int_equal(route->wait_us, CORRAL_SECONDS(9));
    assert_true(route->jitter > 0.2499 && route->jitter < 0.2501);
    assert_string_equal(route->query, "SELECT *\nFROM t WHERE id = :id AND b = :b\n");
    assert_int_equal(route->query_at.line, 18);
    struct crl_place from = crl_text_map_place(&route->query_map, route->query, 9);
    assert_int_equal(from.line, 20);
    assert_int_equal(from.column, 7);
    assert_int_equal(route->params_n, 2);
    assert_int_equal(route->params[0].type, CRL_PARAM_INTEGER);
    assert_string_equal(route->params[0].default_text, "-5");
    assert_int_equal(route->params[0].max_length, 9);
    assert_true(crl_pattern_matches(&route->params[0].pattern, "-77"));
    assert_false(crl_pattern_matches(&route->params[0].pattern, "77x"));
    assert_int_equal(route->params[1].type, CRL_PARAM_BOOLEAN);
    crl_config_free(config);
}

/* Too many of everything: told once for each list, and nothing is written beyond the limit. */
static void test_too_many(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fputs("origins:\n", out);
    for (int i = 0; i < 65; i++)
        fprintf(out, "- { name: o%d, sqlite: x }\n", i);
    fputs("routes:\n", out);
    for (int i = 0; i < 257; i++)
        fprintf(out, "- { path: /%d, origin: o1, query: SELECT 1 }\n", i);
    fclose(out);
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    assert_int_equal(crl_config_parse("c", corral_str(text), &problems, &config), CORRAL_EINVAL);
    char *found = listed(&problems);
    assert_string_equal(found, "66:3: origins: has 65 entries, at most 64 are possible\n"
                               "324:3: routes: has 257 entries, at most 256 are possible\n");
    free(found);
    free(text);
    crl_problems_fini(&problems);
}

/* ---------------------------------------------------------------------------------------- files */

static void expect_load(const char *file, const char *expected)
{
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    int rc = crl_config_load(file, &problems, &config);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    crl_problems_print(&problems, file, out);
    fclose(out);
    assert_string_equal(text, expected);
    assert_int_equal(rc, *expected ? CORRAL_EINVAL : CORRAL_OK);
    free(text);
    crl_config_free(config);
    crl_problems_fini(&problems);
}

static void test_files(void **state)
{
    (void)state;
    expect_load("/nonexistent.yaml",
                "/nonexistent.yaml: cannot be read: No such file or directory\n");
    expect_load("/", "/: cannot be read: Is a directory\n");
    expect_load("/dev/null", "/dev/null: the file is empty\n");
    expect_load("/dev/zero", "/dev/zero: the file is larger than 1MiB\n");
    char file[] = "/tmp/corral-test-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    const char text[] = "foo: 1\n" REST;
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    char expected[256];
    snprintf(expected, sizeof expected,
             "%s:1:1: unknown key 'foo'; the configuration has listen admin admin_token threads"
             " cache origins routes log\n",
             file);
    expect_load(file, expected);
    unlink(file);
    expect_load("examples/demo.yaml", "");
}

/* What a file is called, and what a database says of it, must not move the cursor. */
static void test_control_characters(void **state)
{
    (void)state;
    struct crl_problems problems = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    crl_problems_add(&problems, (struct crl_place){1, 2},
                     "near \x1b[2J\n, \xC2\x9Bm, \xFF, \x7F, \xC3\xA4");
    crl_problems_print(&problems, "a\x1b[1m", out);
    crl_problems_fini(&problems);
    crl_problems_tell(&problems, "a\r", CORRAL_ENOMEM, out);
    fclose(out);
    assert_string_equal(text, "a\\x1b[1m:1:2: near \\x1b[2J\\x0a, \\x9bm, \\xff, \\x7f, \xC3\xA4\n"
                              "a\\x0d: out of memory\n");
    free(text);
}

/* --------------------------------------------------------------- the manual page and the schema */

static char *file_text(const char *file)
{
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    char *text = NULL;
    size_t room = 0;
    assert_true(getdelim(&text, &room, '\0', in) > 0);
    fclose(in);
    return text;
}

/* Each key has an item ".It Ic key", and each default stands behind ".Pq default". */
static void expect_documented(const struct crl_schema *schema, const char *manual)
{
    for (size_t i = 0; i < schema->fields_n; i++) {
        const struct crl_schema_field *field = &schema->fields[i];
        if (field->kind == CRL_SCHEMA_LATER)
            continue;
        char item[128];
        snprintf(item, sizeof item, ".It Ic %s :", field->key);
        const char *at = strstr(manual, item);
        if (at == NULL) {
            fail_msg("corral.yaml(5) lacks '%s' of %s", field->key, schema->noun);
            return;
        }
        if (field->fallback != NULL) {
            snprintf(item, sizeof item, "Default: %s.", field->fallback);
            const char *end = strstr(at + 1, ".It Ic");
            const char *found = strstr(at, item);
            if (found == NULL || (end != NULL && found > end))
                fail_msg("corral.yaml(5), '%s': lacks '%s'", field->key, item);
        }
        if (field->below != NULL)
            expect_documented(field->below, manual);
    }
}

static void test_manual(void **state)
{
    (void)state;
    char *manual = file_text("docs/man/corral.yaml.5");
    expect_documented(&crl_config_schema, manual);
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_files),      cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
