/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One easy handle, used again for each request.  Who gets no answer asks again:
 * the service may be replacing a worker at that moment.
 */
#include "tests/stress/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "tests/stress/buffer.h"

#define TRY_FOR_NS (2 * NS_PER_SEC)
#define TRY_AGAIN_NS (20 * NS_PER_MS)

struct web {
	const char *url, *token;
	const volatile sig_atomic_t *stop;
	bool silent; /* it took its thirty seconds, and did not answer */
	CURL *easy;
	struct buffer body;
	char error[256];
};

struct web *
web_new(const char *url, const char *token, const volatile sig_atomic_t *stop)
{
	struct web *web = buffer_must(malloc(sizeof(*web)));

	*web = (struct web){.url = url,
	    .token = token,
	    .stop = stop,
	    .easy = buffer_must(curl_easy_init())};
	return web;
}

void
web_free(struct web *web)
{
	if (web == NULL)
		return;
	curl_easy_cleanup(web->easy);
	free(web->body.bytes);
	free(web);
}

const char *
web_error(const struct web *web)
{
	return web->error;
}

static void
add_header(struct curl_slist **list, const char *name, const char *value)
{
	char text[400];

	if (value == NULL)
		return;
	snprintf(text, sizeof(text), "%s%s", name, value);
	*list = buffer_must(curl_slist_append(*list, text));
}

/* libcurl calls it about once a second, while nothing comes. */
static int
on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
    curl_off_t up)
{
	const struct web *web = arg;

	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	return *web->stop;
}

static int
ask_once(struct web *web, const struct web_request *request)
{
	struct curl_slist *headers = NULL;
	char url[768];
	CURLcode result;
	long status = 0;

	add_header(&headers, "Authorization: Bearer ", web->token);
	add_header(&headers, "Idempotency-Key: ", request->key);
	web->body.size = 0;
	web->error[0] = '\0';
	curl_easy_reset(web->easy);
	snprintf(url, sizeof(url), "%s%s", web->url, request->path);
	curl_easy_setopt(web->easy, CURLOPT_URL, url);
	curl_easy_setopt(web->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(web->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(web->easy, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(web->easy, CURLOPT_WRITEFUNCTION, buffer_write);
	curl_easy_setopt(web->easy, CURLOPT_WRITEDATA, (void *)&web->body);
	if (request->form != NULL)
		curl_easy_setopt(web->easy, CURLOPT_POSTFIELDS, request->form);
	curl_easy_setopt(web->easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(web->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(web->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(web->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(web->easy, CURLOPT_XFERINFODATA, (void *)web);
	result = curl_easy_perform(web->easy);
	web->silent = result == CURLE_OPERATION_TIMEDOUT;
	if (result == CURLE_OK)
		curl_easy_getinfo(web->easy, CURLINFO_RESPONSE_CODE, &status);
	else
		snprintf(web->error, sizeof(web->error), "%s: %s", web->url,
		    curl_easy_strerror(result));
	curl_slist_free_all(headers);
	buffer_add(&web->body, "", 1);
	return (int)status;
}

int
web_ask(struct web *web, const struct web_request *request, json_t **body)
{
	const int64_t until_ns = clock_now_ns() + TRY_FOR_NS;
	json_t *value;
	int status;

	if (web->silent || *web->stop) {
		if (body != NULL)
			*body = NULL;
		return 0;
	}
	while ((status = ask_once(web, request)) == 0 && !web->silent &&
	       !*web->stop && clock_now_ns() < until_ns)
		clock_sleep_until(clock_now_ns() + TRY_AGAIN_NS);
	value = json_loads(web->body.bytes, 0, NULL);
	if (status >= 400)
		snprintf(web->error, sizeof(web->error), "%s %s: %d %s",
		    request->method, request->path, status,
		    web_text(value, "detail"));
	if (body != NULL)
		*body = value;
	else
		json_decref(value);
	return status;
}

int
web_get(struct web *web, const char *path, json_t **body)
{
	const struct web_request request = {.method = "GET", .path = path};

	return web_ask(web, &request, body);
}

int64_t
web_number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

const char *
web_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

const char *
web_get_text(struct web *web, const char *path)
{
	return web_get(web, path, NULL) == 200 ? web->body.bytes : "";
}

double
web_get_metric(struct web *web, const char *metric, const char *lock)
{
	const char *at;
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "\n%s{lock=\"%s\"}", metric, lock);
	at = strstr(web_get_text(web, "/metrics"), wanted);
	return at != NULL ? strtod(at + strlen(wanted), NULL) : -1;
}
