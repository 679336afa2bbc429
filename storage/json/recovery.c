/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done before anybody opens the store. */
#include "storage/json/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/ledger.h"

struct recovery {
	struct head head;
	const char *why; /* what is wrong with the last line looked at */
	int64_t number;  /* the line's number in the file */
};

static bool
recover_line(const struct store_line *line, void *arg)
{
	struct recovery *r = arg;

	if (line->version != r->head.state.version + 1) {
		r->why = "its version is not the last one's plus 1";
		return true;
	}
	r->head.state.version = line->version;
	r->head.state.remaining = line->remaining;
	r->head.state.settings.capacity = line->capacity;
	r->why = NULL;
	return true;
}

/*
 * Read the whole ledger.  A bad last line is what a killed writer leaves; a
 * bad line with a good one behind it is damage.
 */
static int
recover_ledger(struct recovery *r, FILE *file)
{
	const char *bad_why = NULL;
	char *text = NULL;
	size_t size = 0;
	ssize_t length;
	int64_t bad_number = 0;

	while ((length = getline(&text, &size, file)) > 0) {
		r->number++;
		if (bad_why == NULL) {
			if (ledger_decode(text, (size_t)length, recover_line, r,
				NULL, &bad_why) &&
			    r->why == NULL) {
				r->head.mark += length;
				bad_why = NULL;
				continue;
			}
			if (bad_why == NULL)
				bad_why = r->why;
			bad_number = r->number;
			if (r->why == NULL)
				continue; /* a torn tail, perhaps */
		} else {
			struct recovery rest = {0};
			const char *why = NULL;

			if (!ledger_decode(text, (size_t)length, recover_line,
				&rest, NULL, &why))
				continue;
		}
		r->why = bad_why; /* damage */
		r->number = bad_number;
		free(text);
		return -1;
	}
	free(text);
	r->why = NULL;
	return 0;
}

static int
recover_sale(struct store *store, const char *id, unsigned slot, char *error,
    size_t error_size)
{
	struct heads *shared = store->shared;
	struct recovery r = {.head = {.state = {.slot = slot}}};
	struct head old;
	FILE *file;
	int fd, rc = -1;

	if (files_load_settings(store, id, &r.head.state) != 0) {
		snprintf(error, error_size, "%s/%s/" SETTINGS " is damaged",
		    store->dir, id);
		return -1;
	}
	r.head.state.remaining = r.head.state.settings.capacity;
	fd = files_open_ledger(store, id, O_RDWR);
	if (fd == -1) {
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
		return -1;
	}
	/* After a failed fdatasync nothing beyond the mark is to be trusted. */
	if (store_poisoned(store) && heads_find(shared, id, &old) != -1 &&
	    old.state.birth == r.head.state.birth &&
	    ftruncate(fd, old.mark) != 0) {
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
		close(fd);
		return -1;
	}
	file = fdopen(fd, "r+e");
	if (recover_ledger(&r, file) != 0)
		snprintf(error, error_size,
		    "%s/%s/" LEDGER ", line %" PRId64
		    ", is damaged: %s; restore the directory from a backup",
		    store->dir, id, r.number, r.why);
	else if (ftruncate(fd, r.head.mark) != 0 || fsync(fd) != 0)
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
	else
		rc = 0;
	fclose(file);
	if (rc == 0)
		heads_publish(&shared->slot[slot], &r.head);
	return rc;
}

static int
name_is_sale(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
name_is_gone(const struct dirent *entry)
{
	return strncmp(entry->d_name, ".gone-", 6) == 0;
}

static void
remove_gone(const struct store *store)
{
	struct dirent **entries;
	char path[PATH_SIZE];
	int count, i;

	count = scandir(store->dir, &entries, name_is_gone, alphasort);
	for (i = 0; i < count; i++) {
		files_path(path, store, entries[i]->d_name, "");
		files_remove_tree(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* While poisoned: a removal that was killed before it was published. */
static void
free_vanished(struct store *store)
{
	struct heads *shared = store->shared;
	const struct head none = {0};
	struct store_state state;
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		const struct head head = heads_read(&shared->slot[i]);

		if (head.state.birth != 0 &&
		    files_load_settings(
			store, head.state.settings.id, &state) == -1)
			heads_publish(&shared->slot[i], &none);
	}
}

/* A name in the data directory; `*slot` and those before it are taken. */
static int
recover_name(struct store *store, const char *id, unsigned *slot, char *error,
    size_t error_size)
{
	struct heads *shared = store->shared;
	struct store_state state;
	struct head old;
	int at;

	if (files_load_settings(store, id, &state) == -1)
		return 0; /* leftovers */
	at = heads_find(shared, id, &old);
	if (at != -1)
		return recover_sale(store, id, (unsigned)at, error, error_size);
	while (*slot < STORE_SALES_MAX &&
	       heads_read(&shared->slot[*slot]).state.birth != 0)
		++*slot;
	if (*slot == STORE_SALES_MAX) {
		snprintf(error, error_size, "%s holds more than %d sales",
		    store->dir, STORE_SALES_MAX);
		return -1;
	}
	return recover_sale(store, id, *slot, error, error_size);
}

/*
 * Slots are given out anew.  While poisoned, the old heads are still wanted
 * for their marks: nobody reads them now, and each is replaced in turn.
 */
int
recovery_prepare(struct store *store, char *error, size_t error_size)
{
	struct heads *shared = store->shared;
	struct dirent **entries;
	int count, i, rc = 0;
	unsigned slot = 0;

	remove_gone(store);
	if (heads_reset(shared, store_poisoned(store)) != 0) {
		snprintf(error, error_size, "%s", strerror(errno));
		return -1;
	}
	free_vanished(store);
	count = scandir(store->dir, &entries, name_is_sale, alphasort);
	if (count < 0) {
		snprintf(
		    error, error_size, "%s: %s", store->dir, strerror(errno));
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (rc == 0)
			rc = recover_name(store, entries[i]->d_name, &slot,
			    error, error_size);
		free(entries[i]);
	}
	free(entries);
	for (slot = STORE_SALES_MAX; slot > 0; slot--)
		if (heads_read(&shared->slot[slot - 1]).state.birth != 0)
			break;
	atomic_store(&shared->slots, slot);
	return rc;
}
