/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hand in the process: it counts, kills, fails and shortens what it was
 * told to, and its tape tells all that was done to files.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/torture/images.h"
#include "tests/torture/tamper.h"
#include "tests/torture/tree.h"

static char dir[64], root[4096], path[4096];
static struct tamper *tamper;

static int
setup(void **state)
{
	(void)state;
	(void)mkdir("build", 0755);
	snprintf(dir, sizeof(dir), "build/test_tamper-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_non_null(realpath(dir, root));
	tamper = tamper_new("build", path);
	return tamper == NULL;
}

static int
end(void **state)
{
	(void)state;
	tamper_free(tamper, path);
	tree_remove(dir);
	return 0;
}

/* Its exit status, or minus the signal that ended it. */
static int
in_child(int (*work)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) != 0 || !tamper_begin(tamper))
			_exit(99);
		_exit(work());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* open, write, fsync, close: four calls.  The number of the first that
 * failed; 0: none did. */
static int
write_file(void)
{
	const int fd = open("a", O_WRONLY | O_CREAT, 0644);

	if (fd == -1)
		return 1;
	if (write(fd, "four", 4) != 4)
		return 2;
	if (fsync(fd) != 0)
		return 3;
	return close(fd) == 0 ? 0 : 4;
}

static void
arm(enum tamper_act act, int64_t at)
{
	const struct tamper_plan plan = {
	    .classes = TAMPER_FILES, .act = act, .at = at};

	tamper_arm(tamper, &plan);
}

static void
counts_what_is_done(void **state)
{
	(void)state;
	arm(TAMPER_COUNT, 0);
	assert_int_equal(in_child(write_file), 0);
	tamper_disarm(tamper);
	assert_int_equal(tamper->seen, 4);
	assert_string_equal(tamper_call_name(tamper, 1), "openat");
	assert_string_equal(tamper_call_name(tamper, 3), "fsync");
	assert_true(tamper_call_changes(tamper, 2));
	assert_int_equal(tamper_variants(tamper, 2), 4); /* three, and short */
	assert_int_equal(tamper_variant(tamper, 2, 1), ENOSPC);
	assert_int_equal(tamper_variant(tamper, 2, 3), 0);
	/* Not armed: nothing is counted. */
	assert_int_equal(in_child(write_file), 0);
	assert_int_equal(tamper->seen, 4);
}

static void
fails_the_call_that_was_meant(void **state)
{
	int n;

	(void)state;
	for (n = 1; n <= 4; n++) {
		arm(TAMPER_FAIL, n);
		assert_int_equal(in_child(write_file), n);
		assert_int_equal(tamper->hits, 1);
	}
	arm(TAMPER_FAIL, 5);
	assert_int_equal(in_child(write_file), 0);
	assert_int_equal(tamper->hits, 0);
}

static int
errno_of_write(void)
{
	const int fd = open("a", O_WRONLY | O_CREAT, 0644);

	return write(fd, "four", 4) == -1 ? errno : 0;
}

static void
fails_with_each_error(void **state)
{
	static const int errors[] = {EIO, ENOSPC, EINTR};
	struct tamper_plan plan = {
	    .classes = TAMPER_FILES, .act = TAMPER_FAIL, .at = 2};
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		plan.variant = i;
		tamper_arm(tamper, &plan);
		assert_int_equal(in_child(errno_of_write), errors[i]);
	}
	assert_non_null(strstr(tamper->what, "write "));
	assert_non_null(strstr(tamper->what, "/a"));
}

static int
length_of_write(void)
{
	const int fd = open("a", O_WRONLY | O_CREAT, 0644);

	return (int)write(fd, "four", 4);
}

static void
shortens(void **state)
{
	const struct tamper_plan plan = {
	    .classes = TAMPER_FILES, .act = TAMPER_FAIL, .at = 2, .variant = 3};
	struct stat st;
	char name[128];

	(void)state;
	tamper_arm(tamper, &plan);
	assert_int_equal(in_child(length_of_write), 2);
	snprintf(name, sizeof(name), "%s/a", dir);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_size, 2);
}

static int
fail_for_good(void)
{
	const int fd = open("a", O_WRONLY | O_CREAT, 0644);
	int bad = 0, i;

	for (i = 0; i < 5; i++)
		bad += write(fd, "four", 4) == -1;
	return bad * 10 + (fsync(fd) != 0);
}

static void
goes_on_failing(void **state)
{
	const struct tamper_plan plan = {.classes = TAMPER_FILES,
	    .act = TAMPER_FAIL,
	    .at = 3,
	    .lasting = true};

	(void)state;
	tamper_arm(tamper, &plan);
	assert_int_equal(in_child(fail_for_good), 40); /* all but the first */
}

static size_t
size_of_file(void)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s/a", dir);
	return stat(name, &st) == 0 ? (size_t)st.st_size : SIZE_MAX;
}

static void
kills_before_and_after(void **state)
{
	(void)state;
	arm(TAMPER_KILL_BEFORE, 2);
	assert_int_equal(in_child(write_file), -SIGKILL);
	assert_int_equal(size_of_file(), 0);
	arm(TAMPER_KILL_AFTER, 2);
	assert_int_equal(in_child(write_file), -SIGKILL);
	assert_int_equal(size_of_file(), 4);
}

/* Who is not meant is let alone. */
static void
spares_the_excepted(void **state)
{
	const struct tamper_plan plan = {.classes = TAMPER_FILES,
	    .act = TAMPER_KILL_BEFORE,
	    .at = 1,
	    .only = 1};

	(void)state;
	tamper_arm(tamper, &plan);
	assert_int_equal(in_child(write_file), 0);
	assert_int_equal(tamper->seen, 0);
}

/* --------------------------------------------------------------- the tape --
 */

/* Each call that the tape has a word for. */
static int
do_everything(void)
{
	struct iovec pieces[] = {{(void *)"ab", 2}, {(void *)"cd", 2}};
	const int dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	int fd, other;

	fd = open("a", O_RDWR | O_CREAT, 0644);
	other = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (dir_fd == -1 || fd == -1 || other == -1)
		return 1;
	if (write(fd, "0123456789", 10) != 10 ||
	    pwrite(fd, "xyz", 3, 600) != 3 || writev(fd, pieces, 2) != 4 ||
	    write(other, "one\n", 4) != 4 || dprintf(other, "two\n") != 4 ||
	    ftruncate(fd, 601) != 0 || posix_fallocate(other, 0, 20) != 0)
		return 2;
	if (mkdir("d", 0755) != 0 || mkdirat(dir_fd, "e", 0755) != 0 ||
	    rename("a", "d/b") != 0 || link("d/b", "e/c") != 0 ||
	    renameat(dir_fd, "e", dir_fd, "f") != 0 ||
	    unlinkat(dir_fd, "f/c", 0) != 0 || rmdir("f") != 0)
		return 3;
	close(fd);
	fd = open("log", O_WRONLY | O_TRUNC);
	if (fd == -1 || fdatasync(fd) != 0 || fsync(dir_fd) != 0)
		return 4;
	if (truncate("log", 100) != 0 || truncate("log", 50) != 0)
		return 6;
	fd = open("dsync", O_WRONLY | O_CREAT | O_DSYNC, 0644);
	return write(fd, "x", 1) == 1 ? 0 : 5;
}

static void
tells_all(void **state)
{
	const struct tape_record *r = NULL;
	struct disk *disk;
	char why[256] = "";
	int syncs = 0;

	(void)state;
	disk = disk_new(root);
	snprintf(tamper->root, sizeof(tamper->root), "%.1000s", root);
	atomic_store(&tamper->recording, true);
	assert_int_equal(in_child(do_everything), 0);
	atomic_store(&tamper->recording, false);
	tape_mark(tamper, 7, 8);
	while ((r = tape_next(tamper, r)) != NULL) {
		syncs += r->kind == TAPE_SYNC;
		if (r->kind != TAPE_MARK)
			disk_apply(disk, r);
		else
			assert_true(r->inode == 7 && r->at == 8);
	}
	assert_int_equal(syncs, 3);
	assert_string_equal(tamper->strange, "");
	if (!disk_is_true(disk, why, sizeof(why)))
		fail_msg("%s", why);
	disk_free(disk);
}

static int
do_what_is_strange(void)
{
	const int fd = open("a", O_RDWR | O_CREAT, 0644);

	if (ftruncate(fd, 4096) != 0)
		return 1;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
		       MAP_FAILED
		   ? 2
		   : 0;
}

/* What would make it tell less than all, it says. */
static void
says_what_is_strange(void **state)
{
	(void)state;
	snprintf(tamper->root, sizeof(tamper->root), "%.1000s", root);
	atomic_store(&tamper->recording, true);
	assert_int_equal(in_child(do_what_is_strange), 0);
	assert_string_equal(tamper->strange, "mmap");
}

/* And what it does not tell shows. */
static void
a_lie_shows(void **state)
{
	struct disk *disk;
	char name[128], why[256];
	FILE *file;

	(void)state;
	disk = disk_new(root);
	assert_true(disk_is_true(disk, why, sizeof(why)));
	snprintf(name, sizeof(name), "%s/a", dir);
	file = fopen(name, "we");
	assert_non_null(file);
	fputs("x", file);
	fclose(file);
	assert_false(disk_is_true(disk, why, sizeof(why)));
	disk_free(disk);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {TEST(counts_what_is_done),
	    TEST(fails_the_call_that_was_meant), TEST(fails_with_each_error),
	    TEST(shortens), TEST(goes_on_failing), TEST(kills_before_and_after),
	    TEST(spares_the_excepted), TEST(tells_all),
	    TEST(says_what_is_strange), TEST(a_lie_shows)};
	const char *why;

	if (!tamper_works(&why)) {
		printf("1..1\nok 1 - the hand in the process # SKIP %s\n", why);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
