/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies: JSON by jansson; forms by hand, into the same object. */
#include "service/http/body.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "service/http/problem.h"
#include "service/options.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Undo percent-encoding in place; false: broken, or a NUL. */
static bool
decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++) {
		*to = *text == '+' ? ' ' : *text;
		if (*text != '%')
			continue;
		if (hex_value(text[1]) < 0 || hex_value(text[2]) < 0)
			return false;
		*to = (char)(hex_value(text[1]) * 16 + hex_value(text[2]));
		if (*to == '\0')
			return false;
		text += 2;
	}
	*to = '\0';
	return true;
}

static bool
bad_body(struct reply *reply, const char *detail)
{
	problem_reply(reply, PROBLEM_BAD_BODY, NULL, "%s", detail);
	return false;
}

/* A client's text in a message: short, and nothing that could confuse. */
static void
print_safely(char text[48], const char *value)
{
	size_t i;

	for (i = 0; i < 40 && value[i] != '\0'; i++)
		text[i] = isprint((unsigned char)value[i]) && value[i] != '"'
			      ? value[i]
			      : '?';
	text[i] = '\0';
}

static bool
named_twice(struct reply *reply, const char *name)
{
	char safe[48];

	print_safely(safe, name);
	return problem_of_member(reply, PROBLEM_BAD_BODY, safe,
	    "The body names \"%s\" twice.", safe);
}

static bool
add_pair(json_t *members, char *pair, struct reply *reply)
{
	char *value = strchr(pair, '=');

	if (value == NULL)
		return bad_body(reply,
		    "The form has a member without \"=\": send name=value.");
	*value++ = '\0';
	if (!decode(pair) || !decode(value))
		return bad_body(
		    reply, "The form's percent-encoding is broken.");
	if (json_object_get(members, pair) != NULL)
		return named_twice(reply, pair);
	if (json_object_set_new(members, pair, json_string(value)) != 0)
		return bad_body(reply, "The form is not UTF-8.");
	return true;
}

static bool
parse_form(json_t *members, const char *text, struct reply *reply)
{
	char copy[REQUEST_BODY_MAX + 1], *rest = copy, *pair;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((pair = strsep(&rest, "&")) != NULL)
		if (*pair != '\0' && !add_pair(members, pair, reply))
			return false;
	return true;
}

static bool
parse_json(
    struct body *body, const struct request *request, struct reply *reply)
{
	json_error_t error;
	char *name;

	body->members = json_loadb(
	    request->body, request->body_size, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(body->members))
		return true;
	if (body->members != NULL)
		return bad_body(reply, "The JSON is not an object: send {…}.");
	if (json_error_code(&error) == json_error_duplicate_key) {
		/* … near '"quantity"', unless the name is long */
		name = strstr(error.text, "near '\"");
		if (name == NULL)
			return bad_body(
			    reply, "The JSON names a member twice.");
		name += strlen("near '\"");
		name[strcspn(name, "\"")] = '\0';
		return named_twice(reply, name);
	}
	problem_reply(reply, PROBLEM_BAD_BODY, NULL,
	    "The JSON is broken at line %d, column %d.", error.line,
	    error.column);
	return false;
}

/* "application/json; charset=utf-8" is "application/json". */
static bool
type_is(const char *type, const char *name)
{
	const size_t length = strlen(name);

	return strncasecmp(type, name, length) == 0 &&
	       (type[length] == '\0' || type[length] == ';' ||
		   type[length] == ' ');
}

void
body_too_large(struct reply *reply)
{
	problem_reply(reply, PROBLEM_TOO_LARGE, NULL,
	    "A body may have %d bytes.", REQUEST_BODY_MAX);
}

bool
body_parse(
    struct body *body, const struct request *request, struct reply *reply)
{
	const char *type = request->headers[HEADER_CONTENT_TYPE];
	const char *text = request->body + strspn(request->body, " \t\r\n");

	*body = (struct body){0};
	if (request->body_too_large) {
		body_too_large(reply);
		return false;
	}
	if (request->body_size > 0 && type != NULL &&
	    !type_is(type, "application/json") &&
	    !type_is(type, "application/x-www-form-urlencoded")) {
		problem_reply(reply, PROBLEM_MEDIA_TYPE, NULL,
		    "Send application/json or a form, as curl -d does.");
		return false;
	}
	/* `curl -d '{…}'` says it is a form; nobody means that. */
	if (request->body_size > 0 &&
	    ((type != NULL && type_is(type, "application/json")) ||
		*text == '{'))
		return parse_json(body, request, reply);
	if (strlen(request->body) != request->body_size)
		return bad_body(reply, "The form holds a NUL.");
	body->is_form = true;
	body->members = json_object();
	return parse_form(body->members, request->body, reply);
}

void
body_free(struct body *body)
{
	json_decref(body->members);
	body->members = NULL;
}

bool
body_allows(
    const struct body *body, const char *const *names, struct reply *reply)
{
	const char *name;
	json_t *value;
	char safe[48], known[256] = "";
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
		print_safely(safe, name);
		return problem_of_member(reply, PROBLEM_UNKNOWN_MEMBER, safe,
		    "There is no member \"%s\" here; there are: %s.", safe,
		    known);
	}
	return true;
}

static bool
bad_value(struct reply *reply, const char *name, const char *what)
{
	return problem_of_member(
	    reply, PROBLEM_BAD_VALUE, name, "\"%s\" must be %s.", name, what);
}

bool
body_text(const struct body *body, const char *name, const char **value,
    struct reply *reply)
{
	const json_t *member = json_object_get(body->members, name);

	if (member == NULL)
		return true;
	if (!json_is_string(member))
		return bad_value(reply, name, "text");
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
    int64_t *value, struct reply *reply)
{
	const json_t *member = json_object_get(body->members, name);
	int64_t number;
	char what[96];

	if (member == NULL)
		return true;
	snprintf(what, sizeof(what),
	    "a whole number from %" PRId64 " to %" PRId64, min, max);
	if (!whole_number(body, member, &number) || number < min ||
	    number > max)
		return bad_value(reply, name, what);
	*value = number;
	return true;
}
