/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One HTTP request, and what came of it.  Each has a connection of its own:
 * on a connection that is used again libcurl would send an order a second
 * time, unasked, when its worker has been killed.
 *
 * One thread uses a talk.  libcurl's types stay in talk.c.
 */
#ifndef TALK_H
#define TALK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct talk;

struct question {
	const char *method, *path, *form; /* form NULL: no body */
	const char *key, *if_match;       /* NULL: none */
};

struct reply {
	bool was_sent;  /* it may have reached the service */
	int status;     /* 0: no whole answer came */
	json_t *body;   /* NULL: none, or it is no JSON; the caller's */
	char epoch[32]; /* of the ETag, and its version; "": none */
	int64_t version;
};

/* NULL: no memory.  The address is "http://127.0.0.1:8080", copied. */
struct talk *talk_new(const char *address, long timeout_ms);
void talk_free(struct talk *talk);

struct reply talk_ask(struct talk *talk, const struct question *question);

#endif
