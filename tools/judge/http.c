/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the connection to the endpoint: requests side by side over libcurl's multi interface, each
 * on a handle that is kept. The key is in a header of the request and nowhere else; libcurl's own
 * messages do not hold headers.
 */
#include "judge.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/chat/completions"
#define MILLISECONDS 1e3

typedef struct transfer
{
    CURL *easy;
    size_t tag;
    bool is_running, is_too_large, is_out_of_memory;
    lb_buffer body;
    char reason[CURL_ERROR_SIZE + 64];
    char said[CURL_ERROR_SIZE]; /* by libcurl */
} transfer;

struct lb_http
{
    char *url;
    struct curl_slist *headers;
    CURLM *multi;
    transfer *transfers; /* [n_transfers] */
    size_t n_transfers;
    double timeout_seconds;
    bool is_global; /* libcurl was set up */
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static lobass_status fail_curl(lobass_error *error, const char *what, const char *found)
{
    return lb_fail(error, LOBASS_IO, "libcurl: cannot %s: %s", what, found);
}

static lobass_status url_make(lb_http *http, const char *url, lobass_error *error)
{
    const char *rest = strncmp(url, "https://", 8) == 0  ? url + 8
                       : strncmp(url, "http://", 7) == 0 ? url + 7
                                                         : "";
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/')
    {
        size--;
    }
    if (rest[0] == '\0' || rest[0] == '/')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "the URL is not one: expected http://HOST/... or https://HOST/...");
    }
    for (const char *at = rest; *at != '\0'; at++)
    {
        if (*at <= ' ' || *at > '~' || strchr("@?#", *at) != NULL)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "the URL has something else than scheme, host, port and path: expected "
                           "no space, '@', '?' or '#' in it; a key belongs in the environment");
        }
    }
    lb_buffer made = {0};
    LB_TRY(lb_buffer_append(&made, url, size, error));
    http->url = made.data;
    const lobass_status status = lb_buffer_append_text(&made, PATH, error);
    http->url = made.data;
    return status;
}

static lobass_status header_add(lb_http *http, const char *text, lobass_error *error)
{
    struct curl_slist *headers = curl_slist_append(http->headers, text);
    if (headers == NULL)
    {
        return lb_fail_memory(error, strlen(text));
    }
    http->headers = headers;
    return LOBASS_OK;
}

static lobass_status headers_make(lb_http *http, const char *key, lobass_error *error)
{
    LB_TRY(header_add(http, "Content-Type: application/json", error));
    LB_TRY(header_add(http, "Expect:", error)); /* no round trip before a body */
    if (key == NULL)
    {
        return LOBASS_OK;
    }
    for (const char *at = key; *at != '\0'; at++)
    {
        if (*at <= ' ' || *at > '~')
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "the key cannot stand in a header: expected printable ASCII, found "
                           "another byte at %zu",
                           (size_t)(at - key));
        }
    }
    lb_buffer line = {0};
    lobass_status status = lb_buffer_print(&line, error, "Authorization: Bearer %s", key);
    status = status == LOBASS_OK ? header_add(http, line.data, error) : status;
    lb_buffer_free(&line);
    return status;
}

static size_t body_take(char *data, size_t size, size_t count, void *context)
{
    transfer *t = context;
    const size_t n = size * count; /* SIZE is 1 */
    if (n > LB_HTTP_REPLY_MOST - t->body.size)
    {
        t->is_too_large = true;
        return 0;
    }
    t->is_out_of_memory = lb_buffer_append(&t->body, data, n, NULL) != LOBASS_OK;
    return t->is_out_of_memory ? 0 : n;
}

static lobass_status transfer_make(lb_http *http, transfer *t, lobass_error *error)
{
    t->easy = curl_easy_init();
    if (t->easy == NULL)
    {
        return fail_curl(error, "make a handle", "it says nothing more");
    }
    CURLcode code = curl_easy_setopt(t->easy, CURLOPT_URL, http->url);
    const long milliseconds = (long)(http->timeout_seconds * MILLISECONDS);
    /* CURLOPT_NOSIGNAL stays off: libcurl then ignores the SIGPIPE of a broken TLS connection. */
    const struct
    {
        CURLoption option;
        long value;
    } numbers[] = {{CURLOPT_FOLLOWLOCATION, 0L},
                   {CURLOPT_SSL_VERIFYPEER, 1L},
                   {CURLOPT_SSL_VERIFYHOST, 2L},
                   {CURLOPT_POST, 1L},
                   {CURLOPT_TIMEOUT_MS, milliseconds}};
    const struct
    {
        CURLoption option;
        const void *value;
    } pointers[] = {{CURLOPT_PROTOCOLS_STR, "http,https"},
                    {CURLOPT_HTTPHEADER, http->headers},
                    {CURLOPT_USERAGENT, "lobass/" LOBASS_VERSION},
                    {CURLOPT_ERRORBUFFER, t->said},
                    {CURLOPT_WRITEDATA, t},
                    {CURLOPT_PRIVATE, t}};
    for (size_t i = 0; code == CURLE_OK && i < sizeof numbers / sizeof *numbers; i++)
    {
        code = curl_easy_setopt(t->easy, numbers[i].option, numbers[i].value);
    }
    for (size_t i = 0; code == CURLE_OK && i < sizeof pointers / sizeof *pointers; i++)
    {
        code = curl_easy_setopt(t->easy, pointers[i].option, pointers[i].value);
    }
    code = code == CURLE_OK ? curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, body_take) : code;
    return code == CURLE_OK ? LOBASS_OK
                            : fail_curl(error, "set an option", curl_easy_strerror(code));
}

static lobass_status open_with(lb_http *http, const char *url, const char *key, size_t n_parallel,
                               lobass_error *error)
{
    LB_TRY(url_make(http, url, error));
    LB_TRY(headers_make(http, key, error));
    const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted */
    if (code != CURLE_OK)
    {
        return fail_curl(error, "be set up", curl_easy_strerror(code));
    }
    http->is_global = true;
    http->multi = curl_multi_init();
    if (http->multi == NULL)
    {
        return fail_curl(error, "be set up", "it says nothing more");
    }
    http->transfers = lb_alloc(n_parallel, sizeof *http->transfers, error);
    LB_TRY(http->transfers == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    http->n_transfers = n_parallel;
    for (size_t i = 0; i < n_parallel; i++)
    {
        LB_TRY(transfer_make(http, &http->transfers[i], error));
    }
    return LOBASS_OK;
}

lobass_status lb_http_open(lb_http **http, const char *url, const char *key, double timeout_seconds,
                           size_t n_parallel, lobass_error *error)
{
    *http = NULL;
    lb_http *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->timeout_seconds = timeout_seconds;
    const lobass_status status = open_with(made, url, key, n_parallel, error);
    if (status != LOBASS_OK)
    {
        lb_http_close(made);
        return status;
    }
    *http = made;
    return LOBASS_OK;
}

void lb_http_close(lb_http *http)
{
    if (http == NULL)
    {
        return;
    }
    for (size_t i = 0; i < http->n_transfers; i++)
    {
        transfer *t = &http->transfers[i];
        if (t->is_running)
        {
            (void)curl_multi_remove_handle(http->multi, t->easy);
        }
        curl_easy_cleanup(t->easy);
        lb_buffer_free(&t->body);
    }
    (void)curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    if (http->is_global)
    {
        curl_global_cleanup();
    }
    free(http->transfers);
    free(http->url);
    free(http);
}

const char *lb_http_url(const lb_http *http)
{
    return http->url;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

lobass_status lb_http_send(lb_http *http, size_t tag, const char *body, size_t size_bytes,
                           lobass_error *error)
{
    transfer *t = http->transfers;
    while (t->is_running)
    {
        t++; /* one is free, or the caller has lost count */
    }
    t->tag = tag;
    t->is_too_large = t->is_out_of_memory = false;
    t->said[0] = '\0';
    lb_buffer_clear(&t->body);
    CURLcode code = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size_bytes);
    code = code == CURLE_OK ? curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, body) : code;
    if (code != CURLE_OK)
    {
        return fail_curl(error, "take a request", curl_easy_strerror(code));
    }
    const CURLMcode added = curl_multi_add_handle(http->multi, t->easy);
    if (added != CURLM_OK)
    {
        return fail_curl(error, "begin a request", curl_multi_strerror(added));
    }
    t->is_running = true;
    return LOBASS_OK;
}

lobass_status lb_http_wait(lb_http *http, double seconds, lobass_error *error)
{
    int n_running = 0;
    CURLMcode code = curl_multi_perform(http->multi, &n_running);
    if (code == CURLM_OK)
    {
        code = curl_multi_poll(http->multi, NULL, 0, (int)(seconds * MILLISECONDS) + 1, NULL);
    }
    if (code == CURLM_OK)
    {
        code = curl_multi_perform(http->multi, &n_running);
    }
    return code == CURLM_OK ? LOBASS_OK : fail_curl(error, "go on", curl_multi_strerror(code));
}

static void reply_make(lb_http_reply *reply, transfer *t, CURLcode code)
{
    curl_off_t wait_seconds = 0;
    *reply = (lb_http_reply){.tag = t->tag, .reason = t->reason};
    if (code != CURLE_OK)
    {
        (void)snprintf(t->reason, sizeof t->reason, "%s",
                       t->is_too_large       ? "the reply has more than 1 MiB"
                       : t->is_out_of_memory ? "out of memory"
                       : t->said[0] != '\0'  ? t->said
                                             : curl_easy_strerror(code));
        return;
    }
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &reply->status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait_seconds);
    reply->wait_seconds = wait_seconds > 0 ? (double)wait_seconds : 0;
    reply->body = t->body.data == NULL ? "" : t->body.data;
    reply->size = t->body.size;
    (void)snprintf(t->reason, sizeof t->reason, "status %ld", reply->status);
}

bool lb_http_receive(lb_http *http, lb_http_reply *reply)
{
    int n_left = 0;
    const CURLMsg *message = curl_multi_info_read(http->multi, &n_left);
    while (message != NULL && message->msg != CURLMSG_DONE)
    {
        message = curl_multi_info_read(http->multi, &n_left);
    }
    if (message == NULL)
    {
        return false;
    }
    const CURLcode code = message->data.result;
    transfer *t = NULL;
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    (void)curl_multi_remove_handle(http->multi, t->easy); /* MESSAGE is gone with it */
    t->is_running = false;
    reply_make(reply, t, code);
    return true;
}
