/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens, origins and hosts. */
#include "service/http/admin.h"

#include "service/http/problem.h"

/*
 * A number, the name that was given to --listen, or one that is nobody
 * else's: no page can have bent it to this address by a trick with DNS.
 */
static bool
host_is_own(const char *host, const char *given)
{
	const size_t digits = strspn(host, "0123456789.");

	return host[0] == '[' || strchr(":", host[digits]) != NULL ||
	       text_is(host, "localhost", ":") || given[0] == '\0' ||
	       text_is(host, given, ":");
}

/* In constant time: how long it takes must not tell how much was right. */
static bool
token_is_right(const char *given, const char *token)
{
	const size_t length = strlen(token);
	unsigned char different = (unsigned char)(strlen(given) != length);
	size_t i;

	for (i = 0; i < length && given[i] != '\0'; i++)
		different |= (unsigned char)(given[i] ^ token[i]);
	return different == 0;
}

static bool
has_token(const struct call *call)
{
	const char *given = call->request->headers[HEADER_AUTHORIZATION];

	if (call->service->token[0] == '\0' || given == NULL ||
	    !text_starts_with(given, "Bearer "))
		return false;
	return token_is_right(given + strlen("Bearer "), call->service->token);
}

bool
admin_is(const struct call *call)
{
	const enum admin admin = call->service->options->admin;

	return admin == ADMIN_OPEN || (admin == ADMIN_TOKEN && has_token(call));
}

/* A page of another origin, or a name that was bent to this address. */
static bool
is_foreign(const struct call *call)
{
	const char *origin = call->request->headers[HEADER_ORIGIN];
	const char *host = call->request->headers[HEADER_HOST];

	if (host == NULL)
		host = "";
	if (origin != NULL &&
	    (!text_starts_with(origin, "http") ||
		strstr(origin, "://") == NULL ||
		strcasecmp(strstr(origin, "://") + 3, host) != 0))
		return true;
	return call->service->options->admin == ADMIN_OPEN &&
	       !host_is_own(host, call->service->options->host);
}

static bool
ask_for_token(struct call *call)
{
	reply_header(call->reply, "WWW-Authenticate", "Bearer realm=\"admin\"");
	return problem_reply(call->reply, PROBLEM_TOKEN_NEEDED, NULL,
	    "Send \"Authorization: Bearer TOKEN\"; the token stands in the "
	    "file admin-token of the data directory.");
}

bool
admin_may_name(struct call *call)
{
	if (admin_is(call))
		return true;
	if (call->service->options->admin == ADMIN_OFF)
		return problem_reply(call->reply, PROBLEM_FORBIDDEN, NULL,
		    "This service runs with --admin off: it tells nobody who "
		    "bought.");
	return ask_for_token(call);
}

bool
admin_may(struct call *call)
{
	if (is_foreign(call))
		return problem_reply(call->reply, PROBLEM_FORBIDDEN, NULL,
		    "Sales are changed from turnstile's own page or a command "
		    "line, not from a page of another origin.");
	if (call->service->options->admin == ADMIN_OFF)
		return problem_reply(call->reply, PROBLEM_FORBIDDEN, NULL,
		    "This service runs with --admin off: its sales are not "
		    "changed over HTTP.");
	if (admin_is(call))
		return true;
	return ask_for_token(call);
}
