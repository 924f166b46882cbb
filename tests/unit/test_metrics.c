/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what Prometheus scrapes is well formed and adds up over the threads.
 * Method: golden text for the writer; a registry without a cache whose sheets the test fills. */
#include "lib/private.h"
#include "server/metrics.h"
#include "server/metrics_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_written(struct crl_metrics_text *text, const char *wanted)
{
    assert_false(text->out_of_memory);
    assert_int_equal(text->size, strlen(wanted));
    assert_memory_equal(text->data, wanted, text->size);
    free(text->data);
}

static void test_samples(void **state)
{
    (void)state;
    struct crl_metrics_text text = {0};
    crl_metrics_family(&text, "a_total", "counter", "Two\nlines, a \\ and a \".");
    crl_metrics_count(&text, CRL_LABELS(), 3);
    crl_metrics_count(&text, CRL_LABELS({"path", "/x\"y\\z\n"}, {"b", ""}), UINT64_MAX);
    crl_metrics_real(&text, CRL_LABELS(), 0.25);
    assert_written(&text, "# HELP a_total Two\\nlines, a \\\\ and a \".\n"
                          "# TYPE a_total counter\n"
                          "a_total 3\n"
                          "a_total{path=\"/x\\\"y\\\\z\\n\",b=\"\"} 18446744073709551615\n"
                          "a_total 0.25\n");
}

static void test_histograms(void **state)
{
    (void)state;
    static const struct crl_hist_bounds bounds = {.n = 2, .upper_us = {1000, 2500000}};
    struct crl_metrics_text text = {0};
    struct crl_hist hist = {0};
    crl_hist_add(&hist, &bounds, 1000);
    crl_hist_add(&hist, &bounds, 1001);
    crl_hist_add(&hist, &bounds, 3000000);
    crl_metrics_family(&text, "s", "histogram", "h");
    crl_metrics_hist(&text, CRL_LABELS({"o", "x"}), &hist, &bounds);
    assert_written(&text, "# HELP s h\n# TYPE s histogram\n"
                          "s_bucket{o=\"x\",le=\"0.001\"} 1\n"
                          "s_bucket{o=\"x\",le=\"2.5\"} 2\n"
                          "s_bucket{o=\"x\",le=\"+Inf\"} 3\n"
                          "s_sum{o=\"x\"} 3.002001\n"
                          "s_count{o=\"x\"} 3\n");
}

static void test_a_scrape_adds_threads(void **state)
{
    (void)state;
    _Atomic uint32_t connections = 7;
    struct crl_metrics_sources sources = {.sheets_n = 2, .connections = &connections};
    struct crl_metrics *metrics;
    assert_int_equal(crl_metrics_new(&sources, &metrics), 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct crl_http_sheet *sheet = crl_metrics_sheet(metrics, i);
        assert_int_equal((uintptr_t)sheet % 64, 0);
        crl_counter_add(&sheet->in_flight, 2 - i);
        crl_http_count(sheet, CRL_PATH_HEALTHZ, CRL_METHOD_GET, CRL_STATUS_200, 300);
    }
    char *text;
    size_t size;
    assert_int_equal(crl_metrics_text(metrics, &text, &size), 0);
    text = realloc(text, size + 1);
    text[size] = '\0';
    static const char *const wanted[] = {
        "\nhttp_request_total{path=\"/healthz\",method=\"GET\",status=\"200\"} 2\n",
        "http_request_duration_seconds_bucket{path=\"/healthz\",method=\"GET\",le=\"0.00025\"} 0\n",
        "http_request_duration_seconds_bucket{path=\"/healthz\",method=\"GET\",le=\"0.0005\"} 2\n",
        "http_request_duration_seconds_sum{path=\"/healthz\",method=\"GET\"} 0.0006\n",
        "\nhttp_in_flight_requests 3\n",
        "\ncache_hits_total 0\n",
        "\ncache_misses_total 0\n",
        "\ndb_hits_total 0\n",
        "\nsingleflight_shared_total 0\n",
        "\ncorral_connections 7\n",
        "\ncorral_build_info{version=\"" CORRAL_VERSION "\"} 1\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(text, wanted[i]) == NULL)
            fail_msg("%s is not in:\n%s", wanted[i], text);
    }
    free(text);
    crl_metrics_free(metrics);
}

static void no_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_fail(load, "nobody asks for one");
}

/* Of each class so many that a sum tells which it is of. */
static void test_each_get_is_a_hit_or_a_miss(void **state)
{
    (void)state;
    static const bool is_hit[CRL_GET_CLASSES] = {
        [CORRAL_HIT] = true, [CORRAL_STALE] = true, [CORRAL_NEGATIVE] = true};
    struct corral_cache *cache;
    struct corral_space *space;
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct corral_origin_options origin = {.size = sizeof origin, .name = "o", .loader = no_loader};
    struct corral_space_options options = {.size = sizeof options, .name = "/s"};
    assert_int_equal(corral_origin_add(cache, &origin, &options.origin), 0);
    assert_int_equal(corral_space_add(cache, &options, &space), 0);
    uint32_t hits = 0, misses = 0;
    for (int class = 0; class < CRL_GET_CLASSES; class ++) {
        for (int i = 0; i < 1 << class; i++)
            crl_stats_count(space->stats, space->number, class, -1);
        *(is_hit[class] ? &hits : &misses) += 1u << class;
    }
    _Atomic uint32_t connections = 0;
    const struct crl_metrics_space row = {.name = "/s", .origin = "o", .space = space};
    struct crl_metrics_sources sources = {
        .cache = cache, .spaces = &row, .spaces_n = 1, .sheets_n = 1, .connections = &connections};
    struct crl_metrics *metrics;
    char *text, wanted[100];
    size_t size;
    assert_int_equal(crl_metrics_new(&sources, &metrics), 0);
    assert_int_equal(crl_metrics_text(metrics, &text, &size), 0);
    text = realloc(text, size + 1);
    text[size] = '\0';
    snprintf(wanted, sizeof wanted, "\ncache_hits_total %u\n", hits);
    assert_non_null(strstr(text, wanted));
    snprintf(wanted, sizeof wanted, "\ncache_misses_total %u\n", misses);
    assert_non_null(strstr(text, wanted));
    free(text);
    crl_metrics_free(metrics);
    assert_int_equal(corral_close(cache), 0);
}

/* Of spaces and of origins: numbers are added up, of a peak the largest stays. */
static void test_sums(void **state)
{
    (void)state;
    static const struct crl_hist_bounds bounds = {.n = 1, .upper_us = {1000}};
    struct crl_space_stats space = {.loads = {2}, .needed = 1, .gets = {[CRL_GET_FAILED] = 3}};
    struct crl_space_stats spaces = {0};
    crl_space_stats_add(&spaces, &space);
    crl_space_stats_add(&spaces, &space);
    assert_int_equal(spaces.needed, 2);
    assert_int_equal(spaces.gets[CRL_GET_FAILED], 6);
    assert_int_equal(crl_space_stats_loads(&spaces), 4);

    struct crl_origin_stats high = {.active = 1, .active_peak = 9, .errors[CRL_LOAD_LATE] = 4};
    struct crl_origin_stats low = {.active = 2, .active_peak = 5, .queued = 7};
    struct crl_origin_stats origins = {0};
    crl_hist_add(&low.load, &bounds, 500);
    crl_origin_stats_add(&origins, &high);
    crl_origin_stats_add(&origins, &low);
    assert_int_equal(origins.active, 3);
    assert_int_equal(origins.active_peak, 9);
    assert_int_equal(origins.queued, 7);
    assert_int_equal(origins.errors[CRL_LOAD_LATE], 4);
    assert_int_equal(crl_counter_get(&origins.load.buckets[0]), 1);
}

/* Every family is named once, and every status finds its row. */
static void test_tables(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CRL_STATUSES; i++)
        assert_int_equal(crl_status_of(crl_status_code((enum crl_status)i)), i);
    assert_int_equal(crl_status_of(299), CRL_STATUS_500);
#define X(name, value, status, text) \
    assert_int_equal(crl_status_code(crl_status_of(status)), status);
    CORRAL_RC_TABLE(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_histograms),
        cmocka_unit_test(test_a_scrape_adds_threads),
        cmocka_unit_test(test_each_get_is_a_hit_or_a_miss),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
