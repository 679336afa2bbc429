/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every write is synced before the next one begins.  So all that a power cut
 * can tear belongs to the last write; what is torn elsewhere is damage.
 */
#include "storage/json/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/ledger.h"

/* A ledger as far as it was read. */
struct recovery {
	struct head head; /* as the last good line leaves it */
	int64_t changes;  /* changes behind that version were not done */
	int64_t number;   /* of the last good line, or of the first bad one */
	const char *bad;  /* what is wrong with that; NULL: none is bad */
	bool is_damaged;  /* and that is more than a killed writer's end */
};

static void
take_good(struct store_state *state, const struct store_line *line)
{
	const int64_t last = line->seat + line->quantity - 1;

	state->version = line->version;
	state->remaining = line->remaining;
	state->settings.capacity = line->capacity;
	if (line->kind == STORE_SOLD && last > state->highest)
		state->highest = last;
}

/* A sealed line.  Behind a bad one it must be of the same write. */
static bool
take_sealed(const struct store_line *line, void *arg)
{
	struct recovery *r = arg;
	struct store_state *state = &r->head.state;
	const int64_t next = state->version + 1;

	if (r->bad != NULL) {
		r->is_damaged = line->version - line->nth + 1 > next;
	} else if (line->version != next) {
		r->bad = "its version is not the last one's plus 1";
		r->is_damaged = true;
	} else if (line->kind != STORE_SOLD && line->version > r->changes) {
		r->bad = "it is of a change that " SETTINGS " does not know";
	} else {
		take_good(state, line);
	}
	return true;
}

/* False: the ledger is damaged. */
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
	return !r->is_damaged;
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

static enum store_result
read_file(struct store_user *user, struct recovery *r, FILE *file)
{
	const char *id = r->head.state.settings.id;

	if (fseeko(file, r->head.mark, SEEK_SET) != 0)
		return files_fail(user, id, LEDGER ": seek");
	errno = 0;
	if (!take_lines(r, file))
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER ", line %" PRId64
		    ", is damaged: %s; restore the directory from a backup",
		    user->store->dir, id, r->number, r->bad);
	if (!feof(file)) /* what cannot be read is not therefore cut */
		return files_fail(user, id, LEDGER ": read");
	return STORE_OK;
}

static enum store_result
read_ledger(struct store_user *user, struct recovery *r)
{
	const char *id = r->head.state.settings.id;
	enum store_result result;
	FILE *file;
	int fd;

	fd = files_open_ledger(user->store, id, O_RDONLY);
	if (fd == -1)
		return files_fail(user, id, LEDGER ": open");
	file = fdopen(fd, "r");
	if (file == NULL) {
		close(fd);
		return store_no_memory(user);
	}
	result = read_file(user, r, file);
	fclose(file);
	return result;
}

/* A change was acknowledged, and its lines are gone. */
static enum store_result
refuse_short(struct store_user *user, const struct recovery *r)
{
	return store_fail(user, STORE_FAILED,
	    "%s/%s/" LEDGER " ends with line %" PRId64 ", and " SETTINGS
	    " is of line %" PRId64 ": restore the directory from a backup",
	    user->store->dir, r->head.state.settings.id, r->head.state.version,
	    r->changes);
}

enum store_result
recovery_read(struct store_user *user, struct head *head, int64_t changes)
{
	struct recovery r = {
	    .head = *head, .changes = changes, .number = head->state.version};
	enum store_result result;

	result = read_ledger(user, &r);
	if (result == STORE_OK && changes != RECOVERY_ALL &&
	    r.head.state.version < changes)
		result = refuse_short(user, &r);
	if (result == STORE_OK && r.bad != NULL)
		result = files_cut_ledger(
		    user, head->state.settings.id, r.head.mark);
	if (result == STORE_OK)
		*head = r.head;
	return result;
}
