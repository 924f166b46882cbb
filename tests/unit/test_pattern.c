/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what is an expression and what it matches is as the C library says; what is refused has
 *         its true reason, at its place; matching writes nothing that it shares, and keeps nothing.
 * Method: rows; expressions and texts drawn from a seed, on which the C library is the judge; a
 *         program in memory that is made read-only; and the C library's own count of the memory in
 *         use. */
#include "config/pattern.h"

#include "base/rng.h"

#include "../helper/draws.h"

#include <malloc.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static const struct {
    const char *expression, *text;
    bool matches;
} whole_rows[] = {
    {"[a-z]+", "abc", true},
    {"[a-z]+", "abc1", false},
    {"[a-z]+", "", false},
    {"a|b", "b", true},
    {"a|b", "ab", false},
    {"a|ab", "ab", true},
    {"^a$", "a", true},
    {"a*", "", true},
    {"[]a]+", "]a", true},
    {"a.c", "a\nc", true},
    {"a", "a\n", false},
    {"(x|y){2}", "xy", true},
    {"(a|bb?){0,300}", "abba", true},
    {"(a?)?", "", true},
    {"(a*b)*", "aab", true},
    {"(^a|b$)+", "a", true},
    {"(^a){2}", "aa", false},
    {".{0,1000}", "abc", true},
    {"[)]", ")", true},
    {"[^)(]{3}", "abc", true},
    {"a{2}", "aa", true},
    {"a{2}", "aaa", false},
    {"a{2,}", "aaaa", true},
    {"a{2,}", "a", false},
    {"a{,2}", "", true},
    {"a{,2}b", "aaab", false},
    {"a{0}b", "b", true},
    {"(ab){0}", "", true},
    {"a|", "", true},
    {"(|a)b", "b", true},
    {"(|a)b", "ab", true},
    {"()", "", true},
    {"a}", "a}", true},
    {"a??", "a", true},
    {"a^b", "ab", false},
    {"a$b", "ab", false},
    {"[[:digit:][:upper:]_-]+", "A_9-", true},
    {"[[:alpha:]]", "\xe9", false},
    {"[^a]", "\xe9", true},
    {"[a-]", "-", true},
    {"[--/]+", "-./", true},
    {"[^]]", "]", false},
    {"[[.-.]a]+", "a-", true},
    {"[[=a=]b]+", "ab", true},
    {"[[.a.]-c]+", "abc", true},
    {"[\\d]+", "\\d", true},
    {"\\.\\*\\{", ".*{", true},
    {"\\w+\\W\\w+", "a_1 b", true},
    {"\\s\\S", " x", true},
    {"\\<ab\\> \\bc\\b", "ab c", true},
    {"a\\bb", "ab", false},
    {"a\\Bb", "ab", true},
    {"\\`a\\'", "a", true},
    {"a**", "aaa", true},
    {"a**", "", true},
    {"a+*", "", true},
    {"a*{2}", "aaa", true},
    {"a{2}{3}", "aaaaaa", true},
    {"a{2}{3}", "aaaa", false},
    {"(a*)*", "aaa", true},
    {"((a*)*){64}b", "aab", true},
    {"(a|b*)+c", "abbac", true},
    {"()*", "", true},
    {"(a{0}){4096}", "", true},
    {"(){40}{40}", "", true},
    {"a{,}", "aa", true},
    {"a{1001}", "a", false},
    {"((^|,)[0-9]+)+", "1,22,3", true},
    {"((^|,)[0-9]+)+", "1,,3", false},
    {"|", "", true},
    {"(^)*a", "a", true},
    {"[[:alpha:]-]", "-", true},
    {"[%--]", "&", true},
};

static void test_patterns_match_the_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole_rows / sizeof whole_rows[0]; i++) {
        struct crl_pattern_problem problem;
        struct crl_pattern pattern;
        if (crl_pattern_compile(whole_rows[i].expression, &problem, &pattern) < 0)
            fail_msg("'%s': %s", whole_rows[i].expression, problem.why);
        if (crl_pattern_matches(&pattern, whole_rows[i].text) != whole_rows[i].matches)
            fail_msg("'%s' on '%s'", whole_rows[i].expression, whole_rows[i].text);
        crl_pattern_fini(&pattern);
    }
    struct crl_pattern none = {0};
    assert_true(crl_pattern_matches(&none, "anything"));
}

static void assert_refused(const char *expression, const char *why, size_t at)
{
    struct crl_pattern_problem problem;
    struct crl_pattern pattern;
    if (crl_pattern_compile(expression, &problem, &pattern) != CORRAL_EINVAL)
        fail_msg("'%s' was accepted", expression);
    if (strstr(problem.why, why) == NULL || problem.at != at)
        fail_msg("'%s': '%s' at %zu", expression, problem.why, problem.at);
}

static void test_patterns_refused(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *why;
        size_t at;
    } rows[] = {
        {"", "1 to 512 bytes", 0},
        {"ab(", "'(' is never closed", 2},
        {"((a)", "'(' is never closed", 0},
        {"a)", "')' closes nothing", 1},
        {"a)(b", "')' closes nothing", 1},
        {"a)|(b{1,999}[[:alpha:]]", "')' closes nothing", 1},
        {"[", "'[' has no ']'", 0},
        {"b[a", "'[' has no ']'", 1},
        {"[]", "'[' has no ']'", 0},
        {"[^]a", "'[' has no ']'", 0},
        {"[a-", "'[' has no ']'", 0},
        {"[a[:alpha", "'[' has no end", 2},
        {"[a[.b", "'[' has no end", 2},
        {"[a[:foo:]]", "no such class", 2},
        {"[[.ab.]]", "a single byte", 1},
        {"[[==]]", "a single byte", 1},
        {"x[b-a]", "backwards", 2},
        {"[a-[:digit:]]", "end of a range", 3},
        {"[a-[=b=]]", "end of a range", 3},
        {"[[:digit:]-z]", "first or last", 10},
        {"[[=a=]-z]", "first or last", 6},
        {"[a-c-e]", "first or last", 4},
        {"a{", "this must be {m}", 1},
        {"a{2", "this must be {m}", 1},
        {"a{}", "this must be {m}", 1},
        {"a{-1}", "this must be {m}", 1},
        {"a{1,2,3}", "this must be {m}", 1},
        {"a{ 1}", "this must be {m}", 1},
        {"a{2,1}", "larger than the second", 1},
        {"a{4097}", "more than 4096 repetitions", 1},
        {"(){18446744073709551617}", "more than 4096 repetitions", 2},
        {"*a", "nothing before it to repeat", 0},
        {"(+)", "nothing before it to repeat", 1},
        {"a|?", "nothing before it to repeat", 2},
        {"a|{2}", "nothing before it to repeat", 2},
        {"^*", "nothing before it to repeat", 1},
        {"a$+", "nothing before it to repeat", 2},
        {"\\b{2}", "nothing before it to repeat", 2},
        {"a\\", "stands before nothing", 1},
        {"(a)\\1", "back-references", 3},
        {"(a{70}){70}", "too large", 0},
        {"((a{255}){255}){255}", "too large", 0},
        {"((((a{0,255}){255}){255}){255}){255}", "too large", 0},
        {"(a{2000}|b{2000}){2}", "too large", 0},
        {"(b||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||){100}", "too large", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].expression, rows[i].why, rows[i].at);
}

/* The longest of a kind are read, or refused, at once and with the memory that there is. */
static void test_the_longest(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "(", "()", "|", "a|", "a*", "a?", "a{1}", "[a]", "^"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char text[CRL_PATTERN_BYTES_MAX + 2];
        size_t size = strlen(pieces[i]);
        struct crl_pattern_problem problem;
        struct crl_pattern pattern;
        for (size_t at = 0; at <= CRL_PATTERN_BYTES_MAX; at++)
            text[at] = pieces[i][at % size];
        text[CRL_PATTERN_BYTES_MAX + 1] = '\0';
        assert_refused(text, "1 to 512 bytes", 0);
        text[CRL_PATTERN_BYTES_MAX / size * size] = '\0';
        int rc = crl_pattern_compile(text, &problem, &pattern);
        assert_int_equal(rc, pieces[i][0] == '(' && size == 1 ? CORRAL_EINVAL : CORRAL_OK);
        if (rc == CORRAL_OK)
            crl_pattern_fini(&pattern);
    }
}

/* ------------------------------------------------------------------------------ the C library's */

/* A text that grows. */
struct draft {
    char text[CRL_PATTERN_BYTES_MAX + 1];
    size_t size;
};

static void put(struct draft *draft, const char *text)
{
    size_t size = strlen(text);
    if (draft->size + size < sizeof draft->text) {
        memcpy(draft->text + draft->size, text, size + 1);
        draft->size += size;
    }
}

static void put_one(struct crl_rng *rng, struct draft *draft, const char *const words[], size_t n)
{
    put(draft, words[crl_rng_below(rng, n)]);
}

#define PUT_ONE(rng, draft, words) put_one(rng, draft, words, sizeof(words) / sizeof(words)[0])

enum { DEPTH = 3 };

/* Anchors stand in no group: in one that is repeated, the library forgets them ("(^a){2}" matches
 * its "aa"). */
static void draw_branches(struct crl_rng *rng, struct draft *draft, int depth)
{
    static const char *const parts[] = {
        "a",
        "b",
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "[a-c_]",
        "[]a-]",

        "[[:alpha:]b]",
        "[^[:space:]]",
        "-",
        "\\w",
        "\\W",
        "\\s",
        "\\S",
        "\\.",
        "[.a]",
        "[a\\]",
        "[[.a.]-b]",
        "()",
        "}",
        "[^]b-c]",
        "_",
        " ",
    };
    static const char *const anchors[] = {"^", "$", "\\b", "\\B", "\\<", "\\>", "\\`", "\\'"};
    static const char *const repetitions[] = {"*",     "+",     "?",    "{2}",
                                              "{1,3}", "{0,2}", "{2,}", "{0}"};
    uint64_t length = 1 + crl_rng_below(rng, 4);
    for (uint64_t i = 0; i < length; i++) {
        if (i > 0 && crl_rng_below(rng, 4) == 0)
            put(draft, "|");
        if (depth == DEPTH && crl_rng_below(rng, 12) == 0)
            PUT_ONE(rng, draft, anchors);
        if (depth > 0 && crl_rng_below(rng, 3) == 0) {
            put(draft, "(");
            draw_branches(rng, draft, depth - 1);
            put(draft, ")");
        } else {
            PUT_ONE(rng, draft, parts);
        }
        if (crl_rng_below(rng, 3) == 0)
            PUT_ONE(rng, draft, repetitions);
    }
}

/* The judge. A plain expression is looked at as it is; to match the whole it stands between
 * anchors. */
static bool library_accepts(const char *expression)
{
    regex_t regex;
    int rc = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);
    if (rc == 0)
        regfree(&regex);
    return rc == 0;
}

static bool library_matches(const char *expression, const char *text)
{
    char whole[CRL_PATTERN_BYTES_MAX + sizeof "^()$"];
    regex_t regex;
    snprintf(whole, sizeof whole, "^(%s)$", expression);
    assert_int_equal(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
    bool matches = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

/* The draws of both: texts on which the two must agree. Returns how many match. */
static unsigned agree_on_texts(struct crl_rng *rng, uint64_t seed, const char *expression,
                               const struct crl_pattern *pattern)
{
    static const char *const letters[] = {"a", "b", "c", "_", " ", "-", "]", "\\", "\xe9"};
    unsigned matched = 0;
    for (int i = 0; i < 8; i++) {
        struct draft text = {0};
        for (uint64_t left = crl_rng_below(rng, 7); left > 0; left--)
            PUT_ONE(rng, &text, letters);
        bool matches = crl_pattern_matches(pattern, text.text);
        matched += matches;
        if (matches != library_matches(expression, text.text))
            fail_msg("seed %llu: '%s' on '%s'", (unsigned long long)seed, expression, text.text);
    }
    return matched;
}

static void test_patterns_match_as_the_library_says(void **state)
{
    (void)state;
    uint64_t compiled = 0, matched = 0;
    for (uint64_t seed = 0; seed < DRAWS(20000); seed++) {
        struct crl_pattern_problem problem;
        struct draft expression = {0};
        struct crl_pattern pattern;
        struct crl_rng rng = crl_rng_split(seed, "patterns");
        draw_branches(&rng, &expression, DEPTH);
        if (crl_pattern_compile(expression.text, &problem, &pattern) < 0)
            continue;
        compiled++;
        matched += agree_on_texts(&rng, seed, expression.text, &pattern);
        crl_pattern_fini(&pattern);
    }
    /* the draws are worth something */
    assert_true(compiled > DRAWS(5000) && matched > DRAWS(5000));
}

/* What ours refuses and the library does not: it takes the digit of "a{\\1}" for a plain one. */
static bool is_refused_on_purpose(const char *expression, const struct crl_pattern_problem *problem)
{
    const char *at = expression + problem->at;
    if (strstr(problem->why, "this must be {m}") != NULL)
        return memchr(at, '\\', strcspn(at, "}")) != NULL;
    return strstr(problem->why, "back-references") != NULL ||
           strstr(problem->why, "more than 4096") != NULL ||
           strstr(problem->why, "closes nothing") != NULL;
}

/* In pieces that mean something together and pieces that do not: the two accept the same. */
static void test_what_is_an_expression(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",  "b",    "(",   ")",   "(",    ")",     "|",     "*",   "+",          "?",
        "{2", "{",    "}",   ",",   "1",    "0}",    "[",     "]",   "[^",         "-",
        "^",  "$",    ".",   "\\",  "\\b",  "[:",    ":]",    "[=",  "=]",         "[.",
        ".]", "{,2}", "{1}", "{0}", "{2,}", "alpha", "[a-b]", "\\w", "[[:alpha:]", "\\]",
    };
    uint64_t accepted = 0, refused = 0, matched = 0;
    for (uint64_t seed = 0; seed < DRAWS(100000); seed++) {
        struct crl_pattern_problem problem;
        struct draft expression = {0};
        struct crl_pattern pattern;
        struct crl_rng rng = crl_rng_split(seed, "pieces");
        for (uint64_t left = 1 + crl_rng_below(&rng, 9); left > 0; left--)
            PUT_ONE(&rng, &expression, pieces);
        int rc = crl_pattern_compile(expression.text, &problem, &pattern);
        if (rc < 0 && is_refused_on_purpose(expression.text, &problem))
            continue;
        if ((rc == 0) != library_accepts(expression.text))
            fail_msg("seed %llu: '%s': %s", (unsigned long long)seed, expression.text,
                     rc < 0 ? problem.why : "accepted");
        accepted += rc == 0;
        refused += rc < 0;
        if (rc < 0)
            continue;
        /* The library forgets anchors that are repeated: "(^a){2}" matches its "aa". */
        if (strpbrk(expression.text, "^$") == NULL && strstr(expression.text, "\\b") == NULL)
            matched += agree_on_texts(&rng, seed, expression.text, &pattern);
        crl_pattern_fini(&pattern);
    }
    assert_true(accepted > DRAWS(5000) && refused > DRAWS(5000) && matched > DRAWS(2000));
}

/* ------------------------------------------------------------------------ what matching touches */

/* Each value leads the C library to states that it has not seen before, 2^20 of them in all, and it
 * keeps them. */
static void test_matching_keeps_nothing(void **state)
{
    (void)state;
    char text[257] = "";
    struct crl_pattern_problem problem;
    struct crl_pattern pattern;
    struct crl_rng rng = crl_rng_split(1, "values");
    assert_int_equal(crl_pattern_compile("[ab]*a[ab]{20}", &problem, &pattern), CORRAL_OK);
    size_t before = 0;
    for (int i = 0; i < 50; i++) {
        for (size_t j = 0; j + 1 < sizeof text; j++)
            text[j] = (char)('a' + crl_rng_below(&rng, 2));
        text[sizeof text - 22] = 'a';
        assert_true(crl_pattern_matches(&pattern, text));
        struct mallinfo2 info = mallinfo2();
        if (i == 0)
            before = info.uordblks + info.hblkhd;
        assert_int_equal(info.uordblks + info.hblkhd, before);
    }
    crl_pattern_fini(&pattern);
}

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

enum { SEALED_BYTES = 1 << 20 };
static unsigned char *sealed; /* NULL: memory is as always */

void *__wrap_malloc(size_t size)
{
    return sealed != NULL && size <= SEALED_BYTES ? sealed : __real_malloc(size);
}

void __wrap_free(void *block)
{
    if (block != sealed)
        __real_free(block);
}

static sigjmp_buf on_fault;

static void fault(int signal)
{
    (void)signal;
    siglongjmp(on_fault, 1);
}

static bool matching_writes(const struct crl_pattern *pattern, const char *text, bool culprit)
{
    if (sigsetjmp(on_fault, 1) != 0)
        return true;
    assert_true(crl_pattern_matches(pattern, text));
    if (culprit)
        *(volatile unsigned char *)pattern->program = 0;
    return false;
}

static void test_matching_writes_to_nothing_shared(void **state)
{
    (void)state;
    struct crl_pattern_problem problem;
    struct crl_pattern pattern;
    unsigned char *memory =
        mmap(NULL, SEALED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    sealed = memory;
    assert_int_equal(crl_pattern_compile("([a-z]+|\\b[0-9]{1,8}){1,4}", &problem, &pattern),
                     CORRAL_OK);
    assert_ptr_equal(pattern.program, memory);
    assert_int_equal(mprotect(memory, SEALED_BYTES, PROT_READ), 0);
    struct sigaction catch = {.sa_handler = fault}, before;
    sigaction(SIGSEGV, &catch, &before);
    bool culprit = matching_writes(&pattern, "abc", true); /* the judge can see */
    bool writes =
        matching_writes(&pattern, "abc", false) || matching_writes(&pattern, "12345678abc", false);
    sigaction(SIGSEGV, &before, NULL);
    crl_pattern_fini(&pattern);
    sealed = NULL;
    munmap(memory, SEALED_BYTES);
    assert_true(culprit);
    assert_false(writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_the_whole),
        cmocka_unit_test(test_patterns_refused),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_patterns_match_as_the_library_says),
        cmocka_unit_test(test_what_is_an_expression),
        cmocka_unit_test(test_matching_keeps_nothing),
        cmocka_unit_test(test_matching_writes_to_nothing_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
