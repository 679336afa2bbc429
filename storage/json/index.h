/* SPDX-License-Identifier: BSD-2-Clause */
/* What one process knows of the ledgers: where each line is. */
#ifndef INDEX_H
#define INDEX_H

#include <pthread.h>

#include "storage/json/table.h"
#include "storage/store_impl.h"

/* What one process knows of one ledger; all under `mutex`. */
struct index {
	pthread_mutex_t mutex;
	uint64_t birth; /* of the sale it is about, 0: of none yet */
	int fd;
	int64_t end;     /* bytes read */
	int64_t lines;   /* versions read: 1 … lines */
	int64_t *offset; /* where line version v begins: offset[v - 1] */
	size_t allocated;
	struct table orders, keys;
};

struct json_local {
	struct index index[STORE_SALES_MAX];
};

void index_reset(struct index *index);

enum store_result index_no_memory(struct store_user *user);

/*
 * Enter the process's index of the sale, open and (if `follow`) up to date
 * with the head, which is read anew.  On OK the caller unlocks it.
 */
enum store_result index_enter(struct store_user *user,
    const struct store_state *state, bool follow, struct index **entered);

enum store_result index_find(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);

enum store_result index_each(struct store_user *user,
    const struct store_state *state, int64_t after, store_visit_fn *visit,
    void *arg);

/* Does a line of the ledger bear one of these keys?  OK: none does. */
enum store_result index_check_keys(
    struct store_user *user, const struct store_commit *commit);

#endif
