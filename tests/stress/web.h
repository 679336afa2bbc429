/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request after the other: what surrounds a run, and is not measured.
 * A URL with its path may have 767 bytes; a longer one is cut.
 */
#ifndef WEB_H
#define WEB_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct web;

/*
 * `url` without a path; `token` may be NULL.  Nothing is asked for any more
 * once `*stop` is set.  All are kept, not copied.
 */
struct web *web_new(
    const char *url, const char *token, const volatile sig_atomic_t *stop);
void web_free(struct web *web);

/*
 * The status, 0 if no answer came; `*body` is the JSON of it, or NULL: a new
 * reference.  Without an answer it tries again for two seconds; one that did
 * not answer for thirty is not asked again.  `form` is NULL but for POST and
 * PATCH; `key` is an Idempotency-Key or NULL.
 */
struct web_request {
	const char *method, *path, *form, *key;
};
int web_ask(struct web *web, const struct web_request *request, json_t **body);

int web_get(struct web *web, const char *path, json_t **body);

/* A member; -1, "": it is not there, or of another type. */
int64_t web_number(const json_t *object, const char *name);
const char *web_text(const json_t *object, const char *name);

/* The body as text, until the next request; "": no answer, or not a 200. */
const char *web_get_text(struct web *web, const char *path);

/* A strategy's sample of a metric; -1: it is not there. */
double web_get_metric(struct web *web, const char *metric, const char *lock);

/* Why the last web_ask() had no answer, or what its problem said; or "". */
const char *web_error(const struct web *web);

#endif
