/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole ledger, as a store finds it at its start.  A line of the case that
 * begins with + gets a seal, others stay as they are.  Recovery keeps a
 * beginning of the file, made of whole lines numbered from 1, or refuses and
 * leaves the file alone; and it never invents a line.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/seal.h"

#define SALE "demo"
#define CAPACITY 10

static const char settings[] =
    "{\"v\": 1, \"id\": \"" SALE "\", \"capacity\": 10, \"lock\": \"mutex\","
    " \"delay_min_ms\": 0, \"delay_max_ms\": 0,"
    " \"birth\": \"0000000000000001\", \"epoch\": \"0000000000000002\"}\n";

static const char *dir;
static char path[128];

static void
write_file(const char *name, const char *text, size_t size)
{
	const int fd =
	    open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	claim(fd != -1);
	claim(write(fd, text, size) == (ssize_t)size);
	close(fd);
}

static char *
read_file(const char *name, size_t *size)
{
	const int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	claim(fd != -1 && fstat(fd, &st) == 0);
	*size = (size_t)st.st_size;
	text = malloc(*size + 1);
	claim(read(fd, text, *size) == st.st_size);
	text[*size] = '\0';
	close(fd);
	return text;
}

static void
begin_once(void)
{
	char sale[128], name[256];

	if (dir == NULL) {
		dir = scratch_new();
		store_free(scratch_store(dir)); /* it is a store's now */
		snprintf(path, sizeof(path), "%s/" SALE "/ledger.jsonl", dir);
	}
	snprintf(sale, sizeof(sale), "%s/" SALE, dir);
	(void)mkdir(sale, 0700);
	snprintf(name, sizeof(name), "%s/sale.json", sale);
	write_file(name, settings, sizeof(settings) - 1);
}

/* The case with its seals; the caller frees. */
static char *
ledger_of(const char *data, size_t size, size_t *length)
{
	char *text = malloc((size + 1) * (SEAL_SIZE + 1)), *to = text;
	const char *end = data + size, *next;
	size_t n;

	claim(text != NULL);
	for (; data < end; data = next) {
		next = memchr(data, '\n', (size_t)(end - data));
		next = next == NULL ? end : next + 1;
		n = (size_t)(next - data);
		if (*data != '+') {
			memcpy(to, data, n);
			to += n;
			continue;
		}
		n -= next[-1] == '\n' ? 2 : 1;
		memcpy(to, data + 1, n);
		to += seal(to, n);
	}
	*length = (size_t)(to - text);
	return text;
}

/* The lines in turn, by a store that has just recovered them. */
struct walk {
	int64_t lines, remaining, capacity;
};

static bool
step(const struct store_line *line, void *arg)
{
	struct walk *walk = arg;

	claim(line->version == ++walk->lines);
	walk->remaining = line->remaining;
	walk->capacity = line->capacity;
	return true;
}

static void
claim_state(struct store *store, int64_t lines)
{
	struct store_user *user = scratch_user(store);
	struct walk walk = {.remaining = CAPACITY, .capacity = CAPACITY};
	struct store_state state;

	claim(store_read(user, SALE, &state) == STORE_OK);
	claim(state.version == lines);
	claim(store_each(user, &state, 0, step, &walk) == STORE_OK);
	claim(walk.lines == lines && walk.remaining == state.remaining);
	claim(walk.capacity == state.settings.capacity);
	store_close(user);
}

/* Each is whole, and has its seal. */
static int64_t
count_lines(const char *text, size_t size)
{
	const char *end = text + size, *next;
	int64_t lines = 0;

	for (; text < end; text = next, lines++) {
		next = memchr(text, '\n', (size_t)(end - text));
		claim(next != NULL);
		next++;
		claim(seal_fits(text, (size_t)(next - text)));
	}
	return lines;
}

/* Recover it; the file that is left, whose size is then *size. */
static bool
recover(char **left, size_t *size)
{
	struct store *store = store_new("json", dir);
	char error[512] = "";
	bool good;

	claim(store != NULL);
	good = store_prepare(store, error, sizeof(error)) == 0;
	/* Nothing but the ledger is to blame. */
	claim(good == (error[0] == '\0'));
	claim(good || strstr(error, "/ledger.jsonl, line ") != NULL);
	*left = read_file(path, size);
	if (good)
		claim_state(store, count_lines(*left, *size));
	store_free(store);
	return good;
}

void
target_ledger(const char *data, size_t size)
{
	char *text, *left, *again;
	size_t length, kept, kept_again;

	begin_once();
	text = ledger_of(data, size, &length);
	write_file(path, text, length);
	if (!recover(&left, &kept)) {
		claim(kept == length && memcmp(left, text, kept) == 0);
	} else {
		claim(kept <= length && memcmp(left, text, kept) == 0);
		claim(kept == 0 || left[kept - 1] == '\n');
		claim(recover(&again, &kept_again) && kept_again == kept);
		free(again);
	}
	free(left);
	free(text);
}
