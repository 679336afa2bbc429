/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sale whose ledger is whole up to a torn end opens with that end cut; any
 * other opens nothing, and the one line of error says which file and where.
 */
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

/* A ledger as far as it was read. */
struct recovery {
	struct head head; /* as the last good line leaves it */
	int64_t number;   /* of the last good line, or of the first bad one */
	const char *bad;  /* what is wrong with that; NULL: none is bad */
};

/* A sealed line.  Behind a bad one it only shows that there is damage. */
static bool
take_sealed(const struct store_line *line, void *arg)
{
	struct recovery *r = arg;
	struct store_state *state = &r->head.state;

	if (r->bad == NULL && line->version != state->version + 1)
		r->bad = "its version is not the last one's plus 1";
	if (r->bad != NULL)
		return false;
	state->version = line->version;
	state->remaining = line->remaining;
	state->settings.capacity = line->capacity;
	if (line->kind == STORE_SOLD &&
	    line->seat + line->quantity - 1 > state->highest)
		state->highest = line->seat + line->quantity - 1;
	return true;
}

/*
 * A bad last line is what a killed writer leaves; a bad line with a sealed one
 * behind it is damage, and so is a sealed line out of turn.  False: damage.
 */
static bool
take_line(struct recovery *r, const char *text, size_t length)
{
	const char *why;
	bool sealed, go_on;

	if (r->bad == NULL)
		r->number++;
	sealed = ledger_decode(text, length, take_sealed, r, &go_on, &why);
	if (r->bad == NULL && sealed)
		r->head.mark += (int64_t)length;
	else if (r->bad == NULL)
		r->bad = why;
	else if (sealed)
		return false;
	return true;
}

/* Read the whole ledger.  False: it is damaged. */
static bool
take_lines(struct recovery *r, FILE *file)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t length;
	bool good = true;

	while (good && (length = getline(&text, &size, file)) > 0)
		good = take_line(r, text, (size_t)length);
	free(text);
	return good;
}

static int
fail_ledger(
    const struct store *store, const char *id, char *error, size_t error_size)
{
	snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir, id,
	    strerror(errno));
	return -1;
}

static int
recover_ledger(struct store *store, struct recovery *r, FILE *file, char *error,
    size_t error_size)
{
	const char *id = r->head.state.settings.id;

	if (!take_lines(r, file)) {
		snprintf(error, error_size,
		    "%s/%s/" LEDGER ", line %" PRId64
		    ", is damaged: %s; restore the directory from a backup",
		    store->dir, id, r->number, r->bad);
		return -1;
	}
	if (!feof(file)) { /* what cannot be read is not therefore cut */
		errno = EIO;
		return fail_ledger(store, id, error, error_size);
	}
	if (ftruncate(fileno(file), r->head.mark) != 0 ||
	    fsync(fileno(file)) != 0)
		return fail_ledger(store, id, error, error_size);
	return 0;
}

/* The sale `id`, whose settings are in `r`. */
static int
recover_sale(
    struct store *store, struct recovery *r, char *error, size_t error_size)
{
	const char *id = r->head.state.settings.id;
	FILE *file = NULL;
	int fd, rc;

	r->head.state.remaining = r->head.state.settings.capacity;
	fd = files_open_ledger(store, id, O_RDWR);
	if (fd != -1)
		file = fdopen(fd, "r+");
	if (file == NULL)
		return fail_ledger(store, id, error, error_size);
	rc = recover_ledger(store, r, file, error, error_size);
	fclose(file);
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

/* A name in the data directory; `*slot` and those behind it are free. */
static int
recover_name(struct store *store, const char *id, unsigned *slot, char *error,
    size_t error_size)
{
	struct heads *heads = store->shared;
	struct recovery r = {.head = {.state = {.slot = *slot}}};
	int loaded;

	loaded = files_load_settings(store, id, &r.head.state);
	if (loaded == -1)
		return 0; /* leftovers */
	if (loaded == -2) {
		snprintf(error, error_size, "%s/%s/" SETTINGS " is damaged",
		    store->dir, id);
		return -1;
	}
	if (*slot == STORE_SALES_MAX) {
		snprintf(error, error_size, "%s holds more than %d sales",
		    store->dir, STORE_SALES_MAX);
		return -1;
	}
	if (recover_sale(store, &r, error, error_size) != 0)
		return -1;
	heads_publish(&heads->slot[(*slot)++], &r.head);
	return 0;
}

/*
 * Heads that are there when recovery begins are of a poisoned store: after a
 * failed fdatasync nothing beyond their marks is to be trusted.
 */
static int
cut_to_marks(struct store *store, char *error, size_t error_size)
{
	struct heads *heads = store->shared;
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		const struct head head = heads_read(&heads->slot[i]);
		const char *id = head.state.settings.id;

		if (head.state.birth != 0 &&
		    files_cut_ledger(store, id, head.mark) != 0 &&
		    errno != ENOENT) /* removed, and its writer killed */
			return fail_ledger(store, id, error, error_size);
	}
	return 0;
}

int
recovery_prepare(struct store *store, char *error, size_t error_size)
{
	struct heads *heads = store->shared;
	struct dirent **entries;
	int count, i, rc = 0;
	unsigned slot = 0;

	remove_gone(store);
	if (cut_to_marks(store, error, error_size) != 0)
		return -1;
	heads_reset(heads);
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
	atomic_store(&heads->slots, slot);
	return rc;
}
