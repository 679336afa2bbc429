/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's body: JSON, or the form that `curl -d buyer=alice` sends.  Every
 * function that finds a fault makes the reply, says which member is at fault,
 * and returns false.
 */
#ifndef BODY_H
#define BODY_H

#include <jansson.h>

#include "service/http/reply.h"
#include "service/http/request.h"

struct body {
	struct reply *reply;
	json_t *members; /* an object; text in it lives until body_free() */
	bool is_form;    /* all values are text */
};

/* The reply to a body of more than REQUEST_BODY_MAX bytes; false. */
bool body_too_large(struct reply *reply);

/*
 * An empty body is an object without members.  Free it also when it was not
 * understood.
 */
bool body_parse(
    struct body *body, const struct request *request, struct reply *reply);
void body_free(struct body *body);

/* Only these members, a list that ends with NULL. */
bool body_allows(const struct body *body, const char *const *names);

/* Text; what is not there stays as it is. */
bool body_text(const struct body *body, const char *name, const char **value);

/* A whole number from `min` to `max`; what is not there stays as it is. */
bool body_number(const struct body *body, const char *name, int64_t min,
    int64_t max, int64_t *value);

#endif
