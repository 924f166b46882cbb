/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever a value holds, a line of the log is one line and its fields are its own; JSON
 *         lines are JSON; a reader that does not keep up holds nobody.
 * Method: rows of values; jansson as the judge of JSON; a pipe that nobody reads. */
#include "base/bytes.h"
#include "base/rng.h"
#include "http/json_text.h"
#include "server/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char time_text[] = "2026-11-21T07:02:02.123Z";

static void test_text_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *told;
    } rows[] = {
        {"plain", "id=1", "key=\"id=1\""},
        {"empty", "", "key=\"\""},
        {"a forged line", "x\n2026 error forged", "key=\"x\\n2026 error forged\""},
        {"a forged field", "x\" key=\"y", "key=\"x\\\" key=\\\"y\""},
        {"an escape sequence", "\x1b[2J", "key=\"\\u001b[2J\""},
        {"an escape sequence of one character",
         "\xC2\x9B"
         "2J",
         "key=\"\\u009b2J\""},
        {"beyond the control characters", "\xC2\xA0", "key=\"\xC2\xA0\""},
        {"delete", "\x7F", "key=\"\\u007f\""},
        {"a backslash", "\\", "key=\"\\\\\""},
        {"not UTF-8",
         "\xff"
         "a",
         "key=\"\xEF\xBF\xBD"
         "a\""},
        {"cut off UTF-8", "\xC3", "key=\"\xEF\xBF\xBD\""},
        {"UTF-8", "\xC3\xA4", "key=\"\xC3\xA4\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[CRL_LOG_LINE_MAX + 1], wanted[256];
        struct crl_log_field field = {"key", corral_str(rows[i].value)};
        size_t size =
            crl_log_line(CRL_LOG_TEXT, CRL_LOG_WARN, time_text, "load failed", &field, 1, line);
        line[size] = '\0';
        snprintf(wanted, sizeof wanted, "%s warn  load failed %s\n", time_text, rows[i].told);
        if (strcmp(line, wanted) != 0)
            fail_msg("%s: %s", rows[i].name, line);
    }
}

/* Any bytes, any size: one line, and for JSON an object with these fields. */
static void test_any_value(void **state)
{
    (void)state;
    const uint64_t seed = 7;
    struct crl_rng rng = crl_rng_split(seed, "values");
    for (uint32_t draw = 0; draw < 3000; draw++) {
        char value[6000], line[CRL_LOG_LINE_MAX];
        size_t size = crl_rng_below(&rng, draw % 10 == 0 ? sizeof value : 20);
        for (size_t i = 0; i < size; i++)
            value[i] = (char)crl_rng_below(&rng, 256);
        struct crl_log_field fields[] = {{"a", crl_bytes(value, size)}, {"b", corral_str("2")}};
        enum crl_config_format format = draw % 2 == 0 ? CRL_LOG_JSON : CRL_LOG_TEXT;
        size_t n = crl_log_line(format, CRL_LOG_INFO, time_text, "m", fields, 2, line);
        assert_true(n <= CRL_LOG_LINE_MAX && line[n - 1] == '\n');
        assert_null(memchr(line, '\n', n - 1));
        if (format == CRL_LOG_TEXT)
            continue;
        json_t *json = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
        if (!json_is_object(json) || !json_is_string(json_object_get(json, "a")))
            fail_msg("seed %lu, draw %u: %.*s", (unsigned long)seed, draw, (int)n, line);
        json_decref(json);
    }
}

static void test_json_text_fits(void **state)
{
    (void)state;
    for (size_t room = 0; room < 16; room++) {
        char *buffer = malloc(room + 1);
        size_t size = crl_json_text(corral_str("\n\x01\xC3\xA4\""), buffer, room);
        assert_true(size <= room);
        assert_true(size == 0 || size == 2 || size == 8 || size == 10 || size == 12);
        free(buffer);
    }
}

static void test_the_level_is_the_least_that_is_told(void **state)
{
    (void)state;
    int ends[2];
    char text[1000];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct crl_log log;
    crl_log_init(&log, CRL_LOG_WARN, CRL_LOG_TEXT, ends[1]);
    CRL_LOG(&log, CRL_LOG_INFO, "below", {"a", corral_str("b")});
    CRL_LOG(&log, CRL_LOG_WARN, "just", {"a", corral_str("b")});
    CRL_LOG(&log, CRL_LOG_ERROR, "above", {"a", corral_str("b")});
    ssize_t size = read(ends[0], text, sizeof text - 1);
    assert_true(size > 0);
    text[size] = '\0';
    assert_null(strstr(text, "below"));
    assert_non_null(strstr(text, "just"));
    assert_non_null(strstr(text, "above"));
    close(ends[0]);
    close(ends[1]);
}

static uint32_t lines_in(const char *text, ssize_t size)
{
    uint32_t n = 0;
    for (ssize_t i = 0; i < size; i++)
        n += text[i] == '\n';
    return n;
}

static void test_a_slow_reader(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 16384) >= 16384);
    struct crl_log log;
    crl_log_init(&log, CRL_LOG_INFO, CRL_LOG_TEXT, ends[1]);
    for (int i = 0; i < 1000; i++)
        CRL_LOG(&log, CRL_LOG_WARN, "an event", {"why", corral_str("a text of some length")});
    assert_in_range(atomic_load(&log.lost), 1, 1000);
    CRL_LOG(&log, CRL_LOG_DEBUG, "below the level", {"a", corral_str("b")});
    CRL_LOG(NULL, CRL_LOG_ERROR, "no log at all", {"a", corral_str("b")});

    char text[1 << 16];
    ssize_t told = read(ends[0], text, sizeof text);
    assert_int_equal(lines_in(text, told) + atomic_load(&log.lost), 1000); /* each in one */
    CRL_LOG(&log, CRL_LOG_WARN, "the next", {"a", corral_str("b")});
    ssize_t size = read(ends[0], text, sizeof text - 1);
    assert_true(size > 0);
    text[size] = '\0';
    assert_non_null(strstr(text, "log lines were lost lines=\""));
    assert_non_null(strstr(text, "the next a=\"b\"\n"));
    assert_int_equal(atomic_load(&log.lost), 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_the_rate_is_limited(void **state)
{
    (void)state;
    struct crl_log_limit limit = {.burst = 2, .span_us = CORRAL_SECONDS(10)};
    uint64_t suppressed = 99;
    corral_us t = CORRAL_SECONDS(100);
    assert_true(crl_log_limit_allows(&limit, t, &suppressed));
    assert_int_equal(suppressed, 0);
    assert_true(crl_log_limit_allows(&limit, t + CORRAL_SECONDS(9), &suppressed));
    for (int i = 0; i < 5; i++)
        assert_false(crl_log_limit_allows(&limit, t + CORRAL_SECONDS(9), &suppressed));
    assert_true(crl_log_limit_allows(&limit, t + CORRAL_SECONDS(10), &suppressed));
    assert_int_equal(suppressed, 5);
    assert_true(crl_log_limit_allows(&limit, t + CORRAL_SECONDS(11), &suppressed));
    assert_int_equal(suppressed, 0);
}

static void test_one_in_a_span(void **state)
{
    (void)state;
    struct crl_log_pace pace = {0};
    uint64_t suppressed = 99;
    const corral_us span = CORRAL_SECONDS(1), t = CORRAL_SECONDS(100);
    assert_true(crl_log_pace_allows(&pace, span, t, &suppressed));
    assert_int_equal(suppressed, 0);
    for (int i = 0; i < 5; i++)
        assert_false(crl_log_pace_allows(&pace, span, t + span - 1, &suppressed));
    assert_true(crl_log_pace_allows(&pace, span, t + span, &suppressed));
    assert_int_equal(suppressed, 5);
    assert_false(crl_log_pace_allows(&pace, span, t + span, &suppressed));
    assert_true(crl_log_pace_allows(&pace, span, t + CORRAL_SECONDS(9), &suppressed));
    assert_int_equal(suppressed, 1);
}

/* Of all threads that come at the same instant one may tell; none is lost in counting. */
enum { PACERS = 4, PACED = 20000 };
static struct crl_log_pace paced;
static _Atomic uint64_t paced_told, paced_suppressed;

static void *pacer_run(void *arg)
{
    (void)arg;
    for (corral_us at = 1; at <= PACED; at++) {
        uint64_t suppressed;
        if (crl_log_pace_allows(&paced, 10, at, &suppressed)) {
            atomic_fetch_add(&paced_told, 1);
            atomic_fetch_add(&paced_suppressed, suppressed);
        }
    }
    return NULL;
}

static void test_threads_keep_pace(void **state)
{
    (void)state;
    pthread_t threads[PACERS];
    for (int i = 0; i < PACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pacer_run, NULL), 0);
    for (int i = 0; i < PACERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&paced_told) >= 1 && atomic_load(&paced_told) <= PACED / 10);
    assert_int_equal(atomic_load(&paced_told) + atomic_load(&paced_suppressed) +
                         atomic_load(&paced.suppressed),
                     PACERS * PACED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_lines),
        cmocka_unit_test(test_any_value),
        cmocka_unit_test(test_json_text_fits),
        cmocka_unit_test(test_the_level_is_the_least_that_is_told),
        cmocka_unit_test(test_a_slow_reader),
        cmocka_unit_test(test_the_rate_is_limited),
        cmocka_unit_test(test_one_in_a_span),
        cmocka_unit_test(test_threads_keep_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
