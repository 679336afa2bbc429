/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that asks by chance, one thing at a time, and writes down what it
 * asked and what it was told.  Whoever gets no answer goes on under another
 * process number, and asks for the same order again by its key.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/history/journal.h"

#define LOCKS_MOST 8

/* What all clients share. */
struct scene {
	char address[128];
	const char *sale; /* at most 64 characters; another is "life-…" */
	const char *locks[LOCKS_MOST]; /* to switch between */
	size_t lock_count;
	unsigned clients;
	unsigned long seed;
	long capacity; /* at first */
	bool switches; /* strategy and delay are changed while it sells … */
	bool raises;   /* … and the capacity */
	atomic_bool is_over;
	atomic_ulong answered; /* operations that came to an end */
	atomic_uint life;      /* the number in the second sale's name */
};

struct client;

/* Before the first client: open the sale, and write that down. */
bool client_open_sale(struct scene *scene, struct journal *journal);

/* Its thread runs until the scene is over.  NULL: it could not be started. */
struct client *client_start(struct scene *scene, unsigned number);

/* The scene is over: wait for its thread; the journal is the client's. */
struct journal *client_join(struct client *client);
void client_free(struct client *client);

/* After the last client: what the sale is in the end. */
void client_close_sale(struct scene *scene, struct journal *journal);

#endif
