/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk that loses its power: each rule of disk.h, in both directions. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/torture/images.h"
#include "tests/torture/tree.h"

#define FOUND_MOST 4096

/* A disk whose root is /root, and what its images hold. */
static struct bench {
	char dir[64], image[128];
	struct disk *disk;
	size_t count;
	char *found[FOUND_MOST]; /* "a=text b/c=text ", names in order */
	bool lenient[FOUND_MOST];
} b;

static void
begin(void)
{
	(void)mkdir("build", 0755);
	b = (struct bench){.dir = "build/test_disk-XXXXXX"};
	assert_non_null(mkdtemp(b.dir));
	snprintf(b.image, sizeof(b.image), "%s.image", b.dir);
}

static void
forget(void)
{
	while (b.count > 0)
		free(b.found[--b.count]);
}

static int
end(void **state)
{
	(void)state;
	forget();
	disk_free(b.disk);
	tree_remove(b.dir);
	tree_remove(b.image);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	begin();
	b.disk = disk_new(b.dir);
	return b.disk == NULL;
}

/* ---------------------------------------------------------------- records --
 */

static void
feed(enum tape_kind kind, uint64_t inode, int64_t at, int result,
    const void *bytes, size_t length)
{
	union {
		struct tape_record record;
		unsigned char bytes[16384];
	} u = {.record = {.kind = (uint16_t)kind,
		   .inode = inode,
		   .at = at,
		   .result = (int16_t)result,
		   .length = (uint32_t)length}};

	assert_true(length <= sizeof(u) - sizeof(u.record));
	if (length > 0)
		memcpy(&u.record + 1, bytes, length);
	disk_apply(b.disk, &u.record);
}

/* Names below the root; `to` of a rename. */
static void
feed_names(
    enum tape_kind kind, uint64_t inode, const char *name, const char *to)
{
	char text[512];
	const int first =
	    snprintf(text, sizeof(text), "%s/%s", b.dir, name) + 1;
	const int second =
	    to == NULL ? 0
		       : snprintf(text + first, sizeof(text) - (size_t)first,
			     "%s/%s", b.dir, to) +
			     1;

	feed(kind, inode, 0, 0, text, (size_t)first + (size_t)second);
}

static void
feed_write(uint64_t inode, int64_t at, const char *text)
{
	feed(TAPE_WRITE, inode, at, 0, text, strlen(text));
}

static void
feed_sync(uint64_t inode)
{
	feed(TAPE_SYNC, inode, 0, 0, NULL, 0);
}

static uint64_t
root_inode(void)
{
	struct stat st;

	assert_int_equal(stat(b.dir, &st), 0);
	return st.st_ino;
}

/* A file with that text, all of it synced. */
static void
give(uint64_t inode, const char *name, const char *text)
{
	feed_names(TAPE_CREATE, inode, name, NULL);
	feed_write(inode, 0, text);
	feed_sync(inode);
	feed_sync(root_inode());
}

/* ----------------------------------------------------------------- images --
 */

/* "name=text " of a file that is there; zeros as dots. */
static void
tell(char *text, size_t size, const char *name)
{
	const size_t used = strlen(text);
	char path[256];
	size_t n, i;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", b.image, name);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	n = (size_t)snprintf(text + used, size - used, "%s=", name) + used;
	i = n;
	n += fread(text + n, 1, size - n - 2, file);
	for (; i < n; i++)
		if (text[i] == '\0')
			text[i] = '.';
	snprintf(text + n, size - n, " ");
	fclose(file);
}

static bool
note(const struct image *image, void *arg)
{
	static const char *const names[] = {"a", "b", "c", "d/a"};
	char text[16384] = "";
	size_t i;

	(void)arg;
	assert_true(b.count < FOUND_MOST);
	assert_true(images_build(image, b.image));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tell(text, sizeof(text), names[i]);
	b.lenient[b.count] = image->lenient;
	b.found[b.count++] = strdup(text);
	return true;
}

static void
cut(void)
{
	forget();
	images_visit(b.disk, FOUND_MOST, 1, note, NULL);
}

/* May a journal leave that?  Or (`lenient`) only another file system? */
static bool
found(const char *text, bool lenient)
{
	size_t i;

	for (i = 0; i < b.count; i++)
		if (strcmp(b.found[i], text) == 0 && b.lenient[i] == lenient)
			return true;
	return false;
}

#define left(text) assert_true(found(text, false))
#define not_left(text) assert_false(found(text, false) || found(text, true))

/* Exactly that. */
static void
only(const char *text)
{
	size_t i;

	assert_true(b.count > 0);
	for (i = 0; i < b.count; i++)
		assert_string_equal(b.found[i], text);
}

/* A text of `size` times that letter. */
static const char *
many(char letter, size_t size)
{
	static char text[4][8192];
	static size_t next;
	char *t = text[next++ % 4];

	memset(t, letter, size);
	t[size] = '\0';
	return t;
}

/* ------------------------------------------------------------------ files --
 */

static void
synced_files_stay(void **state)
{
	(void)state;
	give(1, "a", "old");
	cut();
	only("a=old ");
	feed_write(1, 0, "new");
	feed_sync(1);
	cut();
	only("a=new ");
}

static void
unsynced_bytes_may_stay_or_go(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_write(1, 0, "new");
	cut();
	left("a=old ");
	left("a=new ");
	assert_int_equal(b.count, 2);
}

static void
sizes_go_without_their_bytes(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_write(1, 3, "+new");
	cut();
	left("a=old ");
	left("a=old+new ");
	left("a=old.... "); /* the size alone */
	assert_int_equal(b.count, 4);
}

/* A write of three sectors: any of them. */
static void
writes_are_torn_at_sectors(void **state)
{
	char first[2000], last[2000];

	(void)state;
	give(1, "a", many('o', 1536));
	feed_write(1, 0, many('n', 1536));
	cut();
	assert_int_equal(b.count, 8);
	snprintf(
	    first, sizeof(first), "a=%s%s ", many('n', 512), many('o', 1024));
	snprintf(
	    last, sizeof(last), "a=%s%s ", many('o', 1024), many('n', 512));
	left(first);
	left(last);
}

/* As of any write since: not only of the last one. */
static void
sectors_may_be_as_of_any_write(void **state)
{
	(void)state;
	give(1, "a", "one");
	feed_write(1, 0, "two");
	feed_write(1, 0, "six");
	cut();
	left("a=one ");
	left("a=two ");
	left("a=six ");
	assert_int_equal(b.count, 3);
}

static void
truncation_may_stay_or_go(void **state)
{
	(void)state;
	give(1, "a", "one two");
	feed(TAPE_TRUNCATE, 1, 3, 0, NULL, 0);
	cut();
	left("a=one two ");
	left("a=one ");
	left("a=one.... "); /* the page was written, the size was not */
	feed_sync(1);
	cut();
	only("a=one ");
}

/* Cut back, and something else behind: the old end may show again. */
static void
what_was_cut_may_come_back(void **state)
{
	(void)state;
	give(1, "a", "one two");
	feed(TAPE_TRUNCATE, 1, 3, 0, NULL, 0);
	feed_write(1, 3, "+x");
	cut();
	left("a=one two ");
	left("a=one+x ");
	left("a=one+x.. ");
	left("a=one ");
}

/* -------------------------------------------------------------- bad syncs --
 */

static void
a_failed_sync_is_not_made_good_by_another(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_write(1, 0, "new");
	feed(TAPE_SYNC, 1, 0, 5, NULL, 0);
	feed_sync(1);
	cut();
	left("a=old ");
	left("a=new ");
}

static void
after_a_failed_sync_writing_anew_helps(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_write(1, 0, "new");
	feed(TAPE_SYNC, 1, 0, 5, NULL, 0);
	feed_write(1, 0, "new");
	feed_sync(1);
	cut();
	only("a=new ");
}

/* ------------------------------------------------------------------ names --
 */

static void
a_name_needs_its_directory(void **state)
{
	(void)state;
	feed_names(TAPE_CREATE, 1, "a", NULL);
	feed_write(1, 0, "x");
	feed_sync(1);
	cut();
	left("");
	left("a=x ");
	feed_sync(root_inode());
	cut();
	only("a=x ");
}

static void
a_rename_needs_its_directory(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_names(TAPE_CREATE, 2, "b", NULL);
	feed_write(2, 0, "new");
	feed_sync(2);
	feed_names(TAPE_RENAME, 0, "b", "a");
	cut();
	left("a=old ");
	left("a=old b=new ");
	left("a=new ");
	not_left("");
	feed_sync(root_inode());
	cut();
	only("a=new ");
}

/* Without a sync of the file, its new name may have nothing in it. */
static void
a_rename_of_what_is_not_synced(void **state)
{
	(void)state;
	give(1, "a", "old");
	feed_names(TAPE_CREATE, 2, "b", NULL);
	feed_write(2, 0, "new");
	feed_names(TAPE_RENAME, 0, "b", "a");
	feed_sync(root_inode());
	cut();
	left("a= ");
	left("a=... ");
	left("a=new ");
	not_left("a=old ");
}

static void
a_removal_needs_its_directory(void **state)
{
	(void)state;
	give(1, "a", "x");
	feed_names(TAPE_UNLINK, 0, "a", NULL);
	cut();
	left("a=x ");
	left("");
	feed_sync(root_inode());
	cut();
	only("");
}

/* A journal keeps the first ones; POSIX, any. */
static void
names_come_in_order_or_not(void **state)
{
	(void)state;
	feed_names(TAPE_CREATE, 1, "a", NULL);
	feed_names(TAPE_CREATE, 2, "b", NULL);
	cut();
	left("");
	left("a= ");
	left("a= b= ");
	assert_true(found("b= ", true));
	assert_false(found("b= ", false));
	assert_int_equal(b.count, 4);
}

/* What is synced below a directory that is not is not there. */
static void
directories_have_names_too(void **state)
{
	(void)state;
	feed_names(TAPE_MKDIR, 8, "d", NULL);
	feed_names(TAPE_CREATE, 1, "d/a", NULL);
	feed_write(1, 0, "x");
	feed_sync(1);
	feed_sync(8);
	cut();
	left("");
	left("d/a=x ");
	feed_sync(root_inode());
	cut();
	only("d/a=x ");
}

/* The kernel uses an inode's number again. */
static void
numbers_are_used_again(void **state)
{
	(void)state;
	give(1, "a", "first");
	feed_names(TAPE_UNLINK, 0, "a", NULL);
	give(1, "b", "second");
	cut();
	only("b=second ");
}

/* ------------------------------------------------------------------- many --
 */

static bool
count_image(const struct image *image, void *arg)
{
	(void)image;
	++*(int *)arg;
	return true;
}

/* More than can be tried: still those where all is lost, and nothing. */
static void
samples_have_both_ends(void **state)
{
	char all[16384];
	int count = 0;
	size_t i;

	(void)state;
	give(1, "a", many('o', 4096));
	give(2, "b", many('o', 4096));
	for (i = 0; i < 8; i++) {
		feed_write(1, (int64_t)i * 512, many('n', 512));
		feed_write(2, (int64_t)i * 512, many('n', 512));
	}
	images_visit(b.disk, 50, 1, count_image, &count);
	assert_int_equal(count, 50);
	forget();
	images_visit(b.disk, 200, 1, note, NULL);
	for (i = 0; i < 2; i++) {
		snprintf(all, sizeof(all), "a=%s ", many("on"[i], 4096));
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "b=%s ",
		    many("on"[i], 4096));
		left(all);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {TEST(synced_files_stay),
	    TEST(unsynced_bytes_may_stay_or_go),
	    TEST(sizes_go_without_their_bytes),
	    TEST(writes_are_torn_at_sectors),
	    TEST(sectors_may_be_as_of_any_write),
	    TEST(truncation_may_stay_or_go), TEST(what_was_cut_may_come_back),
	    TEST(a_failed_sync_is_not_made_good_by_another),
	    TEST(after_a_failed_sync_writing_anew_helps),
	    TEST(a_name_needs_its_directory),
	    TEST(a_rename_needs_its_directory),
	    TEST(a_rename_of_what_is_not_synced),
	    TEST(a_removal_needs_its_directory),
	    TEST(names_come_in_order_or_not), TEST(directories_have_names_too),
	    TEST(numbers_are_used_again), TEST(samples_have_both_ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
