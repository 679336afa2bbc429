/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service without HTTP: one request at a time, its reply, and the call that
 * both are of; over a real store, or over none.
 */
#ifndef SCENE_H
#define SCENE_H

#include "service/http/handle.h"
#include "tests/unit/fixture.h"

/* The request is the test's to make and to free. */
struct scene {
	struct fixture f; /* of scene_open() */
	struct options options;
	struct service service;
	struct request request;
	struct reply reply;
	struct call call;
};

/* Without a store.  The test changes options as it needs them. */
static inline struct scene *
scene_new(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->options = (struct options){.host = "127.0.0.1",
	    .lock = "mutex",
	    .workers = 1,
	    .clerks = 1,
	    .timeout_ms = 5000,
	    .audit_timeout_ms = 20000,
	    .max_quantity = 100,
	    .admin = ADMIN_OPEN};
	s->service = (struct service){.options = &s->options,
	    .address = "127.0.0.1:8080",
	    .board = calloc(1, sizeof(*s->service.board))};
	assert_non_null(s->service.board);
	s->call = (struct call){.service = &s->service,
	    .request = &s->request,
	    .reply = &s->reply,
	    .client_fd = -1};
	return s;
}

/* With a store, and ten tickets of the sale "demo", sold under `lock`. */
static inline struct scene *
scene_open(const char *kind, const char *lock)
{
	struct scene *s = scene_new();

	fixture_start(&s->f, kind);
	create_sale(&s->f, "demo", 10, lock);
	s->service.store = s->f.store;
	s->service.locks = s->f.locks;
	s->call.store = s->f.user;
	return s;
}

static inline void
scene_free(struct scene *s)
{
	reply_free(&s->reply);
	if (s->f.store != NULL)
		fixture_stop(&s->f);
	free(s->service.board);
	free(s);
}

/* The reply's; NULL: it has none of that name. */
static inline const char *
header_of(const struct scene *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->reply.header_count; i++)
		if (strcmp(s->reply.headers[i].name, name) == 0)
			return s->reply.headers[i].value;
	return NULL;
}

#endif
