/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backup beside those who write: each sale is as it was at one moment, and
 * what was acknowledged before is in it.  A restore makes the same sales of it,
 * or nothing that a service would begin on.
 */
#include "tests/unit/vault.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "storage/backup.h"
#include "storage/restore.h"
#include "storage/store_impl.h"
#include "storage/tar.h"

#define LEDGER SALE "/ledger.jsonl"
#define ARCHIVE "b.tar"
#define COPY "copy"

static const char *const kinds[] = {"json", "sqlite"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
back_up(struct vault *f)
{
	struct backup_count count;
	char path[128], error[ERROR_SIZE] = "";

	path_of(f, ARCHIVE, path);
	if (backup_write(f->kind, f->dir, path, &count, error, sizeof(error)))
		fail_msg("%s", error);
}

/* Into DIR/copy.  NULL, or what it said. */
static const char *
restore(struct vault *f, const char *kind)
{
	static char error[ERROR_SIZE];
	struct backup_count count;
	char from[128], to[128], command[256];

	path_of(f, ARCHIVE, from);
	path_of(f, COPY, to);
	snprintf(command, sizeof(command), "rm -rf %s", to);
	assert_int_equal(system(command), 0);
	error[0] = '\0';
	return restore_from(from, kind, to, &count, error, sizeof(error)) == 0
		   ? NULL
		   : error;
}

/* The sale in DIR/copy, which is whole; what opens it is a start. */
static struct store_state
read_copy(struct vault *f, const char *kind, struct tally *lines)
{
	char dir[128], error[ERROR_SIZE] = "";
	struct store_user *user;
	struct store_state state;
	struct store *store;

	path_of(f, COPY, dir);
	store = store_new(kind, dir);
	assert_non_null(store);
	if (store_prepare(store, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	user = store_open(store, error, sizeof(error));
	assert_non_null(user);
	ok(store_read(user, SALE, &state));
	*lines = tally(user, SALE);
	store_close(user);
	store_free(store);
	return state;
}

/* The backup, restored to each store, is the sale as it is now. */
static void
assert_backup_is(struct vault *f, const struct store_state *now)
{
	struct store_state state;
	struct tally lines;
	size_t i;

	for (i = 0; i < KINDS; i++) {
		assert_null(restore(f, kinds[i]));
		state = read_copy(f, kinds[i], &lines);
		state.slot = now->slot;
		assert_same_state(&state, now);
		assert_true(lines.whole);
		assert_int_equal(lines.lines, now->version);
	}
}

static void
change_lock(struct vault *f, const char *lock, int64_t more)
{
	struct store_state state = read_sale(f, SALE);
	struct store_change change = change_of(&state);

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "%s", lock);
	change.settings.capacity += more;
	ok(store_configure(f->user, &state, &change, soon()));
}

static void
test_round(void **state)
{
	struct vault *f = *state;
	struct store_state now;

	create_and_buy(f);
	ok(put_key(f, (now = read_sale(f, SALE), &now), "k1"));
	change_lock(f, "flock", 5);
	ok(buy(f->user, SALE, "bob"));
	now = read_sale(f, SALE);
	back_up(f);
	assert_backup_is(f, &now);
}

/* ------------------------------------------------ json: beside a change -- */

static void
child_backs_up(struct vault *f, void *arg)
{
	arm(OPEN, PAUSE, 0, *(unsigned *)arg);
	back_up(f);
}

static void
open_pipes(void)
{
	assert_int_equal(pipe(disk.inside), 0);
	assert_int_equal(pipe(disk.go), 0);
}

static void
close_pipes(void)
{
	close(disk.inside[0]);
	close(disk.inside[1]);
	close(disk.go[0]);
	close(disk.go[1]);
}

/* A backup that stands before its open() of that number, from 0. */
static pid_t
spawn_backup(struct vault *f, unsigned open)
{
	struct pollfd fd;
	pid_t pid;
	char byte;

	open_pipes();
	close_user(f);
	pid = spawn(f, child_backs_up, &open);
	open_user(f);
	fd = (struct pollfd){.fd = disk.inside[0], .events = POLLIN};
	if (poll(&fd, 1, 10000) != 1)
		fail_msg("there was no open() of number %u", open);
	assert_int_equal(read(disk.inside[0], &byte, 1), 1);
	return pid;
}

static void
let_go(struct vault *f, pid_t pid)
{
	assert_int_equal(write(disk.go[1], "", 1), 1);
	assert_int_equal(reap(f, pid, 0), 0);
	close_pipes();
}

/* At each file that it opens: the sale is that before the change, or after. */
static void
test_change_between(void **state)
{
	struct vault *f = *state;
	struct store_state before, now;
	struct tally lines;
	unsigned open;
	pid_t pid;

	create_and_buy(f);
	for (open = 0; open < 4; open++) {
		pid = spawn_backup(f, open);
		before = read_sale(f, SALE);
		change_lock(f, open % 2 == 0 ? "flock" : "none", 0);
		ok(buy(f->user, SALE, "bob"));
		let_go(f, pid);
		assert_null(restore(f, "json"));
		now = read_copy(f, "json", &lines);
		if (now.epoch != before.epoch)
			before = read_sale(f, SALE);
		assert_backup_is(f, &before);
	}
}

/* Who writes was in the middle of a line, which is then cut back. */
static void
test_write_goes_on(void **state)
{
	struct vault *f = *state;
	const struct store_state now = create_and_buy(f);
	struct text text;
	char path[128];
	pid_t pid;

	assert_true(slurp(f, LEDGER, &text));
	memcpy(text.bytes + text.size, text.bytes, 20);
	assert_true(spill(f, LEDGER, text.bytes, text.size + 20));
	pid = spawn_backup(f, 4);
	path_of(f, ARCHIVE, path);
	assert_int_equal(access(path, F_OK), -1); /* it looks again */
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	let_go(f, pid);
	assert_backup_is(f, &now);
}

/* A killed writer's half a line does not hold up a backup, nor is it cut. */
static void
test_half_a_line_stays(void **state)
{
	struct vault *f = *state;
	struct store_state now;
	struct text text, after;

	create_and_buy(f);
	now = read_sale(f, SALE);
	assert_true(slurp(f, LEDGER, &text));
	memcpy(text.bytes + text.size, text.bytes, 20);
	assert_true(spill(f, LEDGER, text.bytes, text.size + 20));
	back_up(f);
	assert_true(slurp(f, LEDGER, &after));
	assert_int_equal(after.size, text.size + 20);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	assert_backup_is(f, &now);
}

/* A line behind the settings' version that only a change makes: not done. */
static void
test_change_not_done(void **state)
{
	struct vault *f = *state;
	struct store_state before;
	struct text settings;

	create_and_buy(f);
	before = read_sale(f, SALE);
	assert_true(slurp(f, SALE "/sale.json", &settings));
	change_lock(f, "mutex", 7);
	assert_true(spill(f, SALE "/sale.json", settings.bytes, settings.size));
	back_up(f);
	assert_backup_is(f, &before);
}

static void
test_damage_is_told(void **state)
{
	struct vault *f = *state;
	struct backup_count count;
	char path[128], error[ERROR_SIZE] = "";
	struct text text;

	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	assert_true(slurp(f, LEDGER, &text));
	text.bytes[40] ^= 1;
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	path_of(f, ARCHIVE, path);
	assert_int_equal(
	    backup_write(NULL, f->dir, path, &count, error, sizeof(error)), -1);
	assert_non_null(strstr(error, LEDGER ", line 1, is damaged: "));
	assert_int_equal(access(path, F_OK), -1);
}

/* --------------------------------------- a sale that goes in between -- */

struct deleting {
	struct vault *f;
	bool is_demo;
	int64_t lines;
	unsigned demos, others;
};

static bool
begin_and_delete(const char *id, void *arg)
{
	struct deleting *d = arg;
	struct store_state state;
	int i;

	d->is_demo = strcmp(id, SALE) == 0;
	if (!d->is_demo)
		return true;
	state = read_sale(d->f, SALE);
	ok(store_remove(d->f->user, &state, soon()));
	for (i = 0; i < 5; i++)
		store_tidy(d->f->user);
	return true;
}

static bool
count_line(const struct store_line *line, void *arg)
{
	struct deleting *d = arg;

	(void)line;
	d->lines += d->is_demo;
	return true;
}

static bool
count_end(const struct store_state *state, void *arg)
{
	struct deleting *d = arg;

	(void)state;
	d->demos += d->is_demo;
	d->others += !d->is_demo;
	return true;
}

/* json has the ledger open; sqlite's lines are gone, and so is the sale. */
static void
test_deleted_between(void **state)
{
	struct vault *f = *state;
	struct deleting d = {.f = f};
	const struct store_copy copy = {
	    begin_and_delete, count_line, count_end, &d};

	create(f, "other");
	create_and_buy(f);
	ok(store_copy(f->user, &copy));
	assert_int_equal(d.others, 1);
	assert_int_equal(d.demos, is_json(f));
	assert_int_equal(d.lines, is_json(f));
}

/* ----------------------------------------------------- a damaged backup -- */

static void
assert_restores_nothing(struct vault *f, const char *kind, const char *word)
{
	const char *said = restore(f, kind);
	char dir[128], error[ERROR_SIZE];

	assert_non_null(said);
	if (strstr(said, word) == NULL)
		fail_msg("it said: %s", said);
	path_of(f, COPY, dir);
	assert_null(store_owner(dir, error, sizeof(error)));
}

/* Nothing is made of a file that ends too soon, wherever that is. */
static void
test_cut_short(void **state)
{
	struct vault *f = *state;
	struct text text;
	size_t size;

	create_and_buy(f);
	back_up(f);
	assert_true(slurp(f, ARCHIVE, &text));
	for (size = 1; size <= text.size - 2 * TAR_BLOCK; size += 61) {
		assert_true(spill(f, ARCHIVE, text.bytes, size));
		assert_restores_nothing(f, f->kind,
		    size < TAR_BLOCK ? "is no backup" : "is cut short");
	}
}

/* A bit in a line or in a header that is not what it was. */
static void
test_flipped(void **state)
{
	struct vault *f = *state;
	struct tar_member member;
	struct text text;
	size_t at, end;

	create_and_buy(f);
	back_up(f);
	assert_true(slurp(f, ARCHIVE, &text));
	at = 2 * TAR_BLOCK; /* behind .store */
	assert_int_equal(tar_parse(text.bytes + at, &member), TAR_MEMBER);
	assert_string_equal(member.name, LEDGER);
	for (end = at + TAR_BLOCK + (size_t)member.size; at < end; at += 29) {
		text.bytes[at] ^= 4;
		assert_true(spill(f, ARCHIVE, text.bytes, text.size));
		assert_restores_nothing(f, f->kind, "damaged");
		text.bytes[at] ^= 4;
	}
}

/* Sealed lines, but the first of them is not there. */
static void
test_line_is_missing(void **state)
{
	struct vault *f = *state;
	struct tar_member member;
	struct text text;
	char *header, *lines;
	size_t first, rest;

	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	back_up(f);
	assert_true(slurp(f, ARCHIVE, &text));
	header = text.bytes + 2 * TAR_BLOCK;
	lines = header + TAR_BLOCK;
	assert_int_equal(tar_parse(header, &member), TAR_MEMBER);
	first = strcspn(lines, "\n") + 1;
	rest = (size_t)member.size - first;
	memmove(lines, lines + first, rest);
	tar_print(header, LEDGER, (int64_t)rest, 0);
	first = (size_t)(member.size + tar_padding(member.size));
	rest += (size_t)tar_padding((int64_t)rest);
	memmove(lines + rest, lines + first,
	    text.size - (size_t)(lines - text.bytes) - first);
	assert_true(spill(f, ARCHIVE, text.bytes, text.size - first + rest));
	assert_restores_nothing(f, f->kind, "line 1, is damaged: its version");
}

/* ------------------------------------------------------------------ tar -- */

static void
test_tar_sizes(void **state)
{
	static const int64_t sizes[] = {0, 1, 511, 512, INT64_C(077777777777),
	    INT64_C(077777777777) + 1, INT64_C(1) << 40, INT64_C(1) << 60};
	struct tar_member member;
	char block[TAR_BLOCK];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tar_print(block, "demo/ledger.jsonl", sizes[i], 1795237200);
		assert_int_equal(tar_parse(block, &member), TAR_MEMBER);
		assert_string_equal(member.name, "demo/ledger.jsonl");
		assert_int_equal(member.size, sizes[i]);
		assert_int_equal(
		    (sizes[i] + tar_padding(sizes[i])) % TAR_BLOCK, 0);
		block[130] ^= 1;
		assert_int_equal(tar_parse(block, &member), TAR_WRONG);
	}
	memset(block, 0, sizeof(block));
	assert_int_equal(tar_parse(block, &member), TAR_ZEROS);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest both[] = {
	    VAULT_TEST(test_round),
	    VAULT_TEST(test_deleted_between),
	    VAULT_TEST(test_cut_short),
	    VAULT_TEST(test_flipped),
	    VAULT_TEST(test_line_is_missing),
	    VAULT_TEST(test_tar_sizes),
	};
	static const struct CMUnitTest json[] = {
	    VAULT_TEST(test_change_between),
	    VAULT_TEST(test_write_goes_on),
	    VAULT_TEST(test_half_a_line_stays),
	    VAULT_TEST(test_change_not_done),
	    VAULT_TEST(test_damage_is_told),
	};

	return vault_run_local(
		   argc, argv, both, sizeof(both) / sizeof(both[0])) +
	       vault_run(
		   argc, argv, "json", json, sizeof(json) / sizeof(json[0]));
}
