/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/history/talk.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_SIZE 65536

struct talk {
	CURL *easy;
	char address[128];
	size_t size;
	char etag[80];
	char body[BODY_SIZE];
};

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct talk *talk = arg;

	if (talk->size + size * count >= BODY_SIZE)
		return 0; /* it is none of ours */
	memcpy(talk->body + talk->size, bytes, size * count);
	talk->size += size * count;
	return size * count;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct talk *talk = arg;

	if (size * count > 6 && strncasecmp(bytes, "ETag: ", 6) == 0)
		snprintf(talk->etag, sizeof(talk->etag), "%.*s",
		    (int)(size * count - 6), bytes + 6);
	return size * count;
}

struct talk *
talk_new(const char *address, long timeout_ms)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	if (talk == NULL)
		return NULL;
	snprintf(talk->address, sizeof(talk->address), "%s", address);
	talk->easy = curl_easy_init();
	if (talk->easy == NULL) {
		free(talk);
		return NULL;
	}
	curl_easy_setopt(talk->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(talk->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(talk->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(talk->easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(talk->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(talk->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(talk->easy, CURLOPT_WRITEDATA, (void *)talk);
	curl_easy_setopt(talk->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(talk->easy, CURLOPT_HEADERDATA, (void *)talk);
	return talk;
}

void
talk_free(struct talk *talk)
{
	if (talk == NULL)
		return;
	curl_easy_cleanup(talk->easy);
	free(talk);
}

static struct curl_slist *
add_header(struct curl_slist *list, const char *name, const char *value)
{
	char line[256];

	if (value == NULL)
		return list;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return curl_slist_append(list, line);
}

static void
prepare(struct talk *talk, const struct question *q, struct curl_slist *headers)
{
	char url[512];

	snprintf(url, sizeof(url), "%s%s", talk->address, q->path);
	curl_easy_setopt(talk->easy, CURLOPT_URL, url);
	if (q->form != NULL)
		curl_easy_setopt(talk->easy, CURLOPT_COPYPOSTFIELDS, q->form);
	else
		curl_easy_setopt(talk->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(talk->easy, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(talk->easy, CURLOPT_HTTPHEADER, headers);
	talk->size = 0;
	talk->etag[0] = '\0';
}

/* "0123456789abcdef-7", in quotes */
static void
read_etag(const char *etag, struct reply *reply)
{
	if (sscanf(etag, "\"%16[0-9a-f]-%" SCNd64 "\"", reply->epoch,
		&reply->version) != 2)
		reply->epoch[0] = '\0';
}

struct reply
talk_ask(struct talk *talk, const struct question *question)
{
	struct curl_slist *headers = NULL;
	struct reply reply = {.was_sent = true};
	CURLcode code;
	long status = 0;

	headers = add_header(headers, "Idempotency-Key", question->key);
	headers = add_header(headers, "If-Match", question->if_match);
	prepare(talk, question, headers);
	code = curl_easy_perform(talk->easy);
	curl_slist_free_all(headers);
	if (code == CURLE_COULDNT_CONNECT)
		reply.was_sent = false;
	if (code != CURLE_OK)
		return reply;
	curl_easy_getinfo(talk->easy, CURLINFO_RESPONSE_CODE, &status);
	reply.status = (int)status;
	reply.body = json_loadb(talk->body, talk->size, 0, NULL);
	read_etag(talk->etag, &reply);
	return reply;
}
