/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - see log.h. */
#include "server/log.h"

#include "http/json_text.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {
    [CRL_LOG_DEBUG] = "debug",
    [CRL_LOG_INFO] = "info",
    [CRL_LOG_WARN] = "warn",
    [CRL_LOG_ERROR] = "error",
};

void crl_log_init(struct crl_log *log, enum crl_config_level level, enum crl_config_format format,
                  int fd)
{
    *log = (struct crl_log){.level = level, .format = format, .fd = fd};
}

/* ---------------------------------------------------------------------------------------- lines */

/* Room for what must follow a value that was cut off: its quotation mark, a brace, the line
 * feed. */
enum { TAIL = 4 };

static size_t put(char line[CRL_LOG_LINE_MAX], size_t size, const char *text)
{
    size_t n = strlen(text), room = CRL_LOG_LINE_MAX - TAIL - size;
    n = n < room ? n : room;
    memcpy(line + size, text, n);
    return size + n;
}

/* A value in quotation marks. Text lines escape as JSON does: people can read it, and nothing that
 * a value holds can end the value or the line. */
static size_t put_quoted(char line[CRL_LOG_LINE_MAX], size_t size, struct corral_bytes value)
{
    size = put(line, size, "\"");
    size += crl_json_text(value, line + size, CRL_LOG_LINE_MAX - TAIL - size);
    line[size] = '"';
    return size + 1;
}

static size_t line_begin(enum crl_config_format format, const char *level, const char *time,
                         const char *message, char line[CRL_LOG_LINE_MAX])
{
    int size = 0;
    switch (format) {
    case CRL_LOG_TEXT:
        size = snprintf(line, CRL_LOG_LINE_MAX / 2, "%s %-5s %s", time, level, message);
        break;
    case CRL_LOG_JSON:
        size =
            snprintf(line, CRL_LOG_LINE_MAX / 2,
                     "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"", time, level, message);
        break;
    }
    return (size_t)size;
}

size_t crl_log_line(enum crl_config_format format, enum crl_config_level level, const char *time,
                    const char *message, const struct crl_log_field *fields, size_t fields_n,
                    char line[CRL_LOG_LINE_MAX])
{
    size_t size = line_begin(format, level_names[level], time, message, line);
    for (size_t i = 0; i < fields_n; i++) {
        if (size + strlen(fields[i].name) + 16 > CRL_LOG_LINE_MAX)
            break;
        size = put(line, size, format == CRL_LOG_JSON ? ",\"" : " ");
        size = put(line, size, fields[i].name);
        size = put(line, size, format == CRL_LOG_JSON ? "\":" : "=");
        size = put_quoted(line, size, fields[i].value);
    }
    if (format == CRL_LOG_JSON)
        line[size++] = '}';
    line[size++] = '\n';
    return size;
}

/* -------------------------------------------------------------------------------------- writing */

static void time_text(char text[32])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, 32 - size, ".%03ldZ", now.tv_nsec / 1000000);
}

static bool line_write(const struct crl_log *log, const char *line, size_t size)
{
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1)
        return false;
    return write(log->fd, line, size) == (ssize_t)size;
}

void crl_log_write(struct crl_log *log, enum crl_config_level level, const char *message,
                   const struct crl_log_field *fields, size_t fields_n)
{
    if (log == NULL || level < log->level)
        return;
    char time[32], line[CRL_LOG_LINE_MAX];
    time_text(time);
    uint64_t lost = atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed);
    if (lost > 0) {
        char number[24];
        snprintf(number, sizeof number, "%" PRIu64, lost);
        size_t size = crl_log_line(log->format, CRL_LOG_WARN, time, "log lines were lost",
                                   &(struct crl_log_field){"lines", corral_str(number)}, 1, line);
        if (!line_write(log, line, size))
            atomic_fetch_add_explicit(&log->lost, lost, memory_order_relaxed);
    }
    size_t size = crl_log_line(log->format, level, time, message, fields, fields_n, line);
    if (!line_write(log, line, size))
        atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
}

bool crl_log_pace_allows(struct crl_log_pace *pace, corral_us span_us, corral_us now,
                         uint64_t *ret_suppressed)
{
    corral_us until = atomic_load_explicit(&pace->quiet_until, memory_order_relaxed);
    if (now < until ||
        !atomic_compare_exchange_strong_explicit(&pace->quiet_until, &until, now + span_us,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&pace->suppressed, 1, memory_order_relaxed);
        return false;
    }
    *ret_suppressed = atomic_exchange_explicit(&pace->suppressed, 0, memory_order_relaxed);
    return true;
}

bool crl_log_limit_allows(struct crl_log_limit *limit, corral_us now, uint64_t *ret_suppressed)
{
    if (now - limit->since >= limit->span_us || limit->told == 0) {
        limit->since = now;
        limit->told = 0;
    }
    if (limit->told == limit->burst) {
        limit->suppressed++;
        return false;
    }
    limit->told++;
    *ret_suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
