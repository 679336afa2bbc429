/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies.  A form that was understood, sent as JSON, is understood the same,
 * and the other way round; what was not is told as a problem.
 *
 * The first line is the Content-Type, or empty.
 */
#include "service/http/body.h"

#include <stdint.h>

#include "tests/fuzz/fuzz.h"

static struct request *
request_of(const char *type, const char *text, size_t size)
{
	struct request *request = calloc(1, sizeof(*request));

	claim(request != NULL);
	request_begin(request, "POST", "/");
	if (type != NULL && type[0] != '\0')
		request_put_header(request, "Content-Type", type);
	request_put_body(request, text, size / 2);
	request_put_body(request, text + size / 2, size - size / 2);
	return request;
}

/* The members of a body; NULL: it was refused. */
static json_t *
members_of(const char *type, const char *text, size_t size)
{
	struct request *request = request_of(type, text, size);
	struct reply reply = {0};
	struct body body;
	json_t *members = NULL, *problem;

	if (body_parse(&body, request, &reply)) {
		claim(reply.status == 0 && json_is_object(body.members));
		members = json_incref(body.members);
	} else {
		claim(400 <= reply.status && reply.status < 500);
		problem = json_loadb(reply.body, reply.size, 0, NULL);
		claim(json_is_object(problem));
		claim(json_integer_value(json_object_get(problem, "status")) ==
		      reply.status);
		json_decref(problem);
	}
	body_free(&body);
	reply_free(&reply);
	request_free(request);
	free(request);
	return members;
}

static bool
all_text(const json_t *members)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)members, name, value)
	{
		if (!json_is_string(value) ||
		    strlen(json_string_value(value)) !=
			json_string_length(value))
			return false;
	}
	return true;
}

static void
put_encoded(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, "%%%02x", (unsigned char)*text);
}

/* Three times as long as they are at least. */
static char *
form_of(json_t *members)
{
	const char *name;
	json_t *value;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	json_object_foreach(members, name, value)
	{
		put_encoded(out, name);
		fputc('=', out);
		put_encoded(out, json_string_value(value));
		fputc('&', out);
	}
	fclose(out);
	return text;
}

static void
claim_same(json_t *members, const char *type, char *text)
{
	json_t *again;

	if (strlen(text) <= REQUEST_BODY_MAX) {
		again = members_of(type, text, strlen(text));
		claim(json_equal(again, members));
		json_decref(again);
	}
	free(text);
}

void
target_body(const char *data, size_t size)
{
	const char *text = strchr(data, '\n');
	json_t *members;
	char *type;

	if (text == NULL)
		return;
	type = strndup(data, (size_t)(text - data));
	text++;
	members = members_of(type, text, size - (size_t)(text - data));
	if (members != NULL) {
		claim_same(members, "application/json", json_dumps(members, 0));
		if (all_text(members))
			claim_same(members, "application/x-www-form-urlencoded",
			    form_of(members));
	}
	json_decref(members);
	free(type);
}
