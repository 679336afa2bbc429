/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests. */
#include "service/http/request.h"

#include <string.h>

const char *const request_header_names[HEADERS] = {
    [HEADER_HOST] = "Host",
    [HEADER_ACCEPT] = "Accept",
    [HEADER_CONTENT_TYPE] = "Content-Type",
    [HEADER_IF_MATCH] = "If-Match",
    [HEADER_IF_NONE_MATCH] = "If-None-Match",
    [HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
    [HEADER_AUTHORIZATION] = "Authorization",
    [HEADER_ORIGIN] = "Origin",
    [HEADER_TRACEPARENT] = "traceparent",
};

const char *
request_arg(const struct request *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->arg_count; i++)
		if (strcmp(request->args[i].name, name) == 0)
			return request->args[i].value;
	return NULL;
}
