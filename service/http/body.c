/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies: JSON by jansson; forms by hand, into the same object. */
#include "service/http/body.h"

#include <ctype.h>
#include <inttypes.h>

#include "service/http/problem.h"
#include "service/member.h"
#include "service/options.h"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

/* Undo percent-encoding in place; false: broken, or a NUL. */
static bool
decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++) {
		*to = *text == '+' ? ' ' : *text;
		if (*text != '%')
			continue;
		if (!isxdigit((unsigned char)text[1]) ||
		    !isxdigit((unsigned char)text[2]))
			return false;
		sscanf(text + 1, "%2hhx", (unsigned char *)to);
		if (*to == '\0')
			return false;
		text += 2;
	}
	*to = '\0';
	return true;
}

static bool
bad_body(const struct body *body, const char *detail)
{
	return problem_reply(body->reply, PROBLEM_BAD_BODY, NULL, "%s", detail);
}

static bool
named_twice(const struct body *body, const char *name)
{
	char safe[PROBLEM_SAFE_SIZE];

	problem_print_safely(safe, name);
	return problem_reply(body->reply, PROBLEM_BAD_BODY,
	    problem_member(safe), "The body names \"%s\" twice.", safe);
}

static bool
add_pair(const struct body *body, char *pair)
{
	char *value = strchr(pair, '=');

	if (value == NULL)
		return bad_body(body,
		    "The form has a member without \"=\": send name=value.");
	*value++ = '\0';
	if (!decode(pair) || !decode(value))
		return bad_body(body, "The form's percent-encoding is broken.");
	if (json_object_get(body->members, pair) != NULL)
		return named_twice(body, pair);
	if (json_object_set_new(body->members, pair, json_string(value)) != 0)
		return bad_body(body, "The form is not UTF-8.");
	return true;
}

static bool
parse_form(struct body *body, const struct request *request)
{
	char copy[REQUEST_BODY_MAX + 1], *rest = copy, *pair;

	if (strlen(request->body) != request->body_size)
		return bad_body(body, "The form holds a NUL.");
	memcpy(copy, request->body, request->body_size + 1);
	body->is_form = true;
	body->members = json_object();
	while ((pair = strsep(&rest, "&")) != NULL)
		if (*pair != '\0' && !add_pair(body, pair))
			return false;
	return true;
}

static bool
parse_json(struct body *body, const struct request *request)
{
	json_error_t error;
	char *name;

	body->members = json_loadb(
	    request->body, request->body_size, JSON_REJECT_DUPLICATES, &error);
	/* It leaves out characters that it has no memory for, and goes on. */
	if (member_lost())
		return problem_reply(body->reply, PROBLEM_NO_MEMORY, NULL,
		    "Nothing was done; try again.");
	if (json_is_object(body->members))
		return true;
	if (body->members != NULL)
		return bad_body(body, "The JSON is not an object: send {…}.");
	if (json_error_code(&error) != json_error_duplicate_key)
		return problem_reply(body->reply, PROBLEM_BAD_BODY, NULL,
		    "The JSON is broken at line %d, column %d.", error.line,
		    error.column);
	/* … near '"quantity"', unless the name is long */
	name = strstr(error.text, "near '\"");
	if (name == NULL)
		return bad_body(body, "The JSON names a member twice.");
	name += strlen("near '\"");
	name[strcspn(name, "\"")] = '\0';
	return named_twice(body, name);
}

bool
body_too_large(struct reply *reply)
{
	return problem_reply(reply, PROBLEM_TOO_LARGE, NULL,
	    "A body may have %d bytes.", REQUEST_BODY_MAX);
}

bool
body_parse(
    struct body *body, const struct request *request, struct reply *reply)
{
	const char *type = request->headers[HEADER_CONTENT_TYPE];
	const char *text = request->body + strspn(request->body, " \t\r\n");
	bool is_json;

	*body = (struct body){.reply = reply};
	if (request->body_size > REQUEST_BODY_MAX)
		return body_too_large(reply);
	if (request->body_size == 0 || type == NULL)
		type = FORM;
	is_json = text_is(type, JSON, "; ");
	if (!is_json && !text_is(type, FORM, "; "))
		return problem_reply(reply, PROBLEM_MEDIA_TYPE, NULL,
		    "Send application/json or a form, as curl -d does.");
	/* `curl -d '{…}'` says it is a form; nobody means that. */
	if (is_json || *text == '{')
		return parse_json(body, request);
	return parse_form(body, request);
}

void
body_free(struct body *body)
{
	json_decref(body->members);
	body->members = NULL;
}

bool
body_allows(const struct body *body, const char *const *names)
{
	const char *name;
	json_t *value;
	char safe[PROBLEM_SAFE_SIZE], known[256] = "";
	size_t i, n = 0;

	json_object_foreach(body->members, name, value)
	{
		for (i = 0; names[i] != NULL; i++)
			if (strcmp(names[i], name) == 0)
				break;
		if (names[i] != NULL)
			continue;
		for (i = 0; names[i] != NULL && n < sizeof(known); i++)
			n += (size_t)snprintf(known + n, sizeof(known) - n,
			    "%s%s", i == 0 ? "" : ", ", names[i]);
		problem_print_safely(safe, name);
		return problem_reply(body->reply, PROBLEM_UNKNOWN_MEMBER,
		    problem_member(safe),
		    "There is no member \"%s\" here; there are: %s.", safe,
		    known);
	}
	return true;
}

bool
body_text(const struct body *body, const char *name, const char **value)
{
	const json_t *member = json_object_get(body->members, name);

	if (member == NULL)
		return true;
	if (!json_is_string(member))
		return problem_reply(body->reply, PROBLEM_BAD_VALUE,
		    problem_member(name), "\"%s\" must be text.", name);
	*value = json_string_value(member);
	return true;
}

/* In a form it is text: digits, and a minus before them. */
static bool
whole_number(const struct body *body, const json_t *member, int64_t *number)
{
	const char *text = json_string_value(member);

	*number = json_integer_value(member);
	if (!body->is_form)
		return json_is_integer(member);
	if (*text != '-')
		return options_parse_number(text, 0, INT64_MAX, number);
	if (!options_parse_number(text + 1, 0, INT64_MAX, number))
		return false;
	*number = -*number;
	return true;
}

bool
body_number(const struct body *body, const char *name, int64_t min, int64_t max,
    int64_t *value)
{
	const json_t *member = json_object_get(body->members, name);
	int64_t number;

	if (member == NULL)
		return true;
	if (!whole_number(body, member, &number) || number < min ||
	    number > max)
		return problem_number(body->reply, name, min, max);
	*value = number;
	return true;
}
