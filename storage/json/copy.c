/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The moment of a sale is when its ledger's length is read: the settings are
 * the same before and after, and the ledger ends with a whole line, so nobody
 * was in the middle of a write.  Up to there it does not change any more, but
 * for what a killed writer left; and whoever has it open has it also when the
 * sale is deleted.
 */
#include "storage/json/copy.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "locks/clock.h"
#include "storage/json/files.h"
#include "storage/json/prepare.h"
#include "storage/json/recovery.h"

#define LOOKS 100                /* while somebody writes or changes it … */
#define PAUSE_NS (5 * NS_PER_MS) /* … and so far apart */
#define READINGS 3               /* of a ledger that seems damaged */

/* A sale at its moment. */
struct moment {
	struct files_saved saved;
	int fd; /* its ledger, open */
	int64_t size;
};

/* Is nobody in the middle of a line? */
static bool
ends_with_line(const struct moment *moment)
{
	char last;

	return moment->size == 0 ||
	       (pread(moment->fd, &last, 1, moment->size - 1) == 1 &&
		   last == '\n');
}

/* OK, FAILED. */
static enum store_result
look_at_ledger(struct store_user *user, const char *id, struct moment *moment)
{
	struct files_saved after = {0};
	enum store_result result;
	struct stat st;

	if (fstat(moment->fd, &st) != 0)
		return files_fail(user, id, LEDGER ": fstat");
	moment->size = st.st_size;
	result = files_load_settings(user, id, &after);
	if (result == STORE_FAILED || (after.birth == moment->saved.birth &&
					  after.epoch == moment->saved.epoch))
		return result;
	return store_fail(user, STORE_FAILED,
	    "the sale %s was changed whenever it was looked at", id);
}

/* OK: its ledger is open; GONE: there is no such sale; FAILED. */
static enum store_result
look(struct store_user *user, const char *id, struct moment *moment)
{
	enum store_result result;

	result = files_load_settings(user, id, &moment->saved);
	if (result == STORE_GONE) {
		result = files_check_leftover(user, id);
		return result == STORE_OK ? STORE_GONE : result;
	}
	if (result != STORE_OK)
		return result;
	moment->fd = files_open_ledger(user->store, id, O_RDONLY);
	if (moment->fd == -1)
		return files_fail(user, id, LEDGER ": open");
	result = look_at_ledger(user, id, moment);
	if (result != STORE_OK)
		close(moment->fd);
	return result;
}

/*
 * Wait for a moment.  What is then still in the middle of a line is a killed
 * writer's; what is then still in disorder is damage.
 */
static enum store_result
find_moment(struct store_user *user, const char *id, struct moment *moment)
{
	enum store_result result;
	unsigned looks;

	for (looks = 1;; looks++) {
		result = look(user, id, moment);
		if (result == STORE_GONE || looks == LOOKS ||
		    (result == STORE_OK && ends_with_line(moment)))
			return result;
		if (result == STORE_OK)
			close(moment->fd);
		clock_sleep_until(clock_now_ns() + PAUSE_NS);
	}
}

static enum store_result
read_sale(struct store_user *user, const char *id, const struct moment *moment,
    const struct store_copy *copy)
{
	const struct files_saved *saved = &moment->saved;
	struct head head = {.state = files_first_state(saved)};
	enum store_result result;

	if (!copy->begin(id, copy->arg))
		return STORE_FAILED;
	result = recovery_copy(
	    user, &head, saved->version, moment->fd, moment->size, copy);
	if (result == STORE_OK && !copy->end(&head.state, copy->arg))
		result = STORE_FAILED;
	return result;
}

/* A killed writer's lines are overwritten under our eyes, and that can look
 * like damage. */
static enum store_result
copy_sale(struct store_user *user, const char *id, void *arg)
{
	enum store_result result;
	struct moment moment;
	unsigned readings;

	for (readings = 1;; readings++) {
		result = find_moment(user, id, &moment);
		if (result != STORE_OK)
			return result == STORE_GONE ? STORE_OK : result;
		result = read_sale(user, id, &moment, arg);
		close(moment.fd);
		if (result == STORE_OK || readings == READINGS)
			return result;
	}
}

enum store_result
copy_store(struct store_user *user, const struct store_copy *copy)
{
	return prepare_each_sale(user, copy_sale, (void *)copy);
}
