/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power cut may leave.  Each file that is not synced, and each
 * directory whose names are not, is one *thing* with a list of *ways* to be
 * found; an image is one way for each.  The first way is as it was synced,
 * the last as processes saw it.
 */
#include "tests/torture/images.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/splitmix.h"
#include "tests/torture/disk_impl.h"

#define FILE_WAYS 96 /* all of a file's, if they are no more */
#define CHANCE_WAYS                                                            \
	24            /* else these many by chance, beside the orderly ones    \
		       */
#define DIR_OPS_ALL 4 /* all subsets of so many changes of names */
#define DIR_CHANCE_WAYS 8
#define SIZES_MOST 16
#define LOST_SIZE 2000

struct way {
	/* A file: a size, and for each of its sectors which version. */
	size_t size;
	uint32_t *versions;
	/* A directory: which of its changes are there. */
	bool *applied;
	bool lenient;
	char words[400];
};

struct thing {
	int inode;
	struct way *ways;
	size_t count;
	size_t *ops; /* a directory: of disk->ops, by number */
	size_t op_count;
};

/* A file or directory of an image. */
struct leaf {
	char *path; /* below the root */
	int inode;
	const struct thing *thing; /* NULL: it is as it is */
	const struct way *way;
};

struct image_tree {
	const struct disk *disk;
	struct leaf *leaves;
	size_t count;
};

struct choice {
	const struct disk *disk;
	struct thing *things;
	size_t count;
	size_t *chosen; /* the way of each */
	int64_t visited;
	uint64_t random;
	image_visit_fn *visit;
	void *arg;
	bool go_on;
};

/* -------------------------------------------------------- a file's ways -- */

static struct way *
add_way(struct thing *thing)
{
	struct way *way;

	thing->ways =
	    disk_grown(thing->ways, thing->count, sizeof(*thing->ways));
	way = &thing->ways[thing->count++];
	*way = (struct way){0};
	return way;
}

/* The sizes it may have: the synced one first, the present one last. */
static size_t
sizes_of(const struct inode *file, size_t sizes[SIZES_MOST])
{
	size_t i, count = 0, at;

	for (i = 0; i < file->size_count && count < SIZES_MOST - 2; i++) {
		const size_t size = file->sizes[i].size;

		if (i > 0 && size > file->sizes[i - 1].size)
			for (at = (file->sizes[i - 1].size / PAGE + 1) * PAGE;
			     at < size && count < SIZES_MOST / 2; at += PAGE)
				sizes[count++] = at;
		sizes[count++] = size;
	}
	if (count == 0 || sizes[count - 1] != file->size)
		sizes[count++] = file->size;
	return count;
}

static struct way *
add_file_way(struct thing *thing, const struct inode *file, size_t size)
{
	struct way *way = add_way(thing);

	way->size = size;
	way->versions =
	    disk_must(calloc(file->sector_count + 1, sizeof(*way->versions)));
	return way;
}

static void
all_file_ways(struct thing *thing, const struct inode *file,
    const size_t *sizes, size_t size_count, int64_t total)
{
	int64_t n, rest;
	size_t i;

	for (n = 0; n < total; n++) {
		struct way *way;

		rest = n / (int64_t)size_count;
		way = add_file_way(thing, file, sizes[(size_t)n % size_count]);
		for (i = 0; i < file->sector_count; i++) {
			const struct sector *s = &file->sectors[i];

			way->versions[i] = (uint32_t)((size_t)rest % s->count);
			rest /= (int64_t)s->count;
		}
	}
}

/* As it was after operation `when`. */
static void
add_moment(struct thing *thing, const struct inode *file, uint32_t when)
{
	size_t size = file->sizes[0].size, i, j;
	struct way *way;

	for (i = 0; i < file->size_count; i++)
		if (file->sizes[i].when <= when)
			size = file->sizes[i].size;
	way = add_file_way(thing, file, size);
	for (i = 0; i < file->sector_count; i++)
		for (j = 0; j < file->sectors[i].count; j++)
			if (file->sectors[i].when[j] <= when)
				way->versions[i] = (uint32_t)j;
}

/* Sectors before `border` as processes saw them, the others as synced; or
 * the other way round. */
static void
add_torn(struct thing *thing, const struct inode *file, size_t size,
    size_t border, bool first_is_new)
{
	struct way *way = add_file_way(thing, file, size);
	size_t i;

	for (i = 0; i < file->sector_count; i++)
		if ((i < border) == first_is_new)
			way->versions[i] =
			    (uint32_t)(file->sectors[i].count - 1);
}

static void
some_file_ways(struct thing *thing, const struct inode *file,
    const size_t *sizes, size_t size_count, uint64_t *random)
{
	const size_t sectors = file->sector_count;
	const size_t step = sectors > 16 ? sectors / 16 : 1;
	uint32_t when = 0;
	size_t i, n;

	add_torn(thing, file, sizes[0], 0, true);
	add_torn(thing, file, file->size, 0, true);
	add_torn(thing, file, sizes[0], sectors, true);
	for (i = 0; i < sectors; i++)
		if (file->sectors[i].when[file->sectors[i].count - 1] != when) {
			when =
			    file->sectors[i].when[file->sectors[i].count - 1];
			add_moment(thing, file, when);
		}
	for (i = step; i < sectors; i += step) {
		add_torn(thing, file, file->size, i, true);
		add_torn(thing, file, file->size, i, false);
	}
	for (n = 0; n < CHANCE_WAYS; n++) {
		struct way *way = add_file_way(
		    thing, file, sizes[splitmix_next(random) % size_count]);

		for (i = 0; i < sectors; i++)
			way->versions[i] = (uint32_t)(splitmix_next(random) %
						      file->sectors[i].count);
	}
	add_torn(thing, file, file->size, sectors, true);
}

static void
describe_file_ways(
    struct thing *thing, const struct inode *file, const char *name)
{
	size_t i, j;

	for (i = 0; i < thing->count; i++) {
		struct way *way = &thing->ways[i];
		size_t old = 0, used = 0;

		for (j = 0; j < file->sector_count; j++)
			old += way->versions[j] + 1 < file->sectors[j].count;
		if (way->size != file->size)
			used += (size_t)snprintf(way->words, sizeof(way->words),
			    "; %s has %zu bytes of %zu", name, way->size,
			    file->size);
		if (old == file->sector_count && old > 0)
			used += (size_t)snprintf(way->words + used,
			    sizeof(way->words) - used, "; %s is unwritten",
			    name);
		for (j = 0; j < file->sector_count && old > 0 &&
			    old < file->sector_count && used < 300;
		     j++)
			if (way->versions[j] + 1 < file->sectors[j].count)
				used += (size_t)snprintf(way->words + used,
				    sizeof(way->words) - used,
				    "; %s at %zu is %u of %zu", name,
				    file->sectors[j].number * SECTOR,
				    way->versions[j],
				    file->sectors[j].count - 1);
	}
}

static void
find_file_ways(struct thing *thing, const struct inode *file, const char *name,
    uint64_t *random)
{
	size_t sizes[SIZES_MOST], size_count, i;
	int64_t total;

	size_count = sizes_of(file, sizes);
	total = (int64_t)size_count;
	for (i = 0; i < file->sector_count && total <= FILE_WAYS; i++)
		total *= (int64_t)file->sectors[i].count;
	if (total <= FILE_WAYS)
		all_file_ways(thing, file, sizes, size_count, total);
	else
		some_file_ways(thing, file, sizes, size_count, random);
	describe_file_ways(thing, file, name);
}

/* --------------------------------------------------- a directory's ways -- */

static struct way *
add_dir_way(struct thing *thing, const struct disk *disk)
{
	struct way *way = add_way(thing);

	way->applied = disk_must(calloc(disk->op_count + 1, sizeof(bool)));
	return way;
}

static void
finish_dir_way(
    const struct thing *thing, const struct disk *disk, struct way *way)
{
	size_t i, used = 0;
	bool missing = false;

	for (i = 0; i < thing->op_count; i++) {
		const size_t op = thing->ops[i];

		if (way->applied[op]) {
			way->lenient |= missing;
			continue;
		}
		missing = true;
		if (used < sizeof(way->words) - 150)
			used += (size_t)snprintf(way->words + used,
			    sizeof(way->words) - used, "; not yet: %.120s",
			    disk->ops[op].text);
	}
}

/* In the order of a journal: the first `count` are there. */
static void
add_prefix(struct thing *thing, const struct disk *disk, size_t count)
{
	struct way *way = add_dir_way(thing, disk);
	size_t i;

	for (i = 0; i < count; i++)
		way->applied[thing->ops[i]] = true;
}

static void
find_dir_ways(struct thing *thing, const struct disk *disk, uint64_t *random)
{
	const size_t count = thing->op_count;
	struct way *way;
	size_t i, n;

	for (n = 0; n < (size_t)1 << count && count <= DIR_OPS_ALL; n++) {
		way = add_dir_way(thing, disk);
		for (i = 0; i < count; i++)
			way->applied[thing->ops[i]] = (n >> i & 1) != 0;
	}
	for (n = 0; n < count && count > DIR_OPS_ALL; n++)
		add_prefix(thing, disk, n);
	for (n = 0; n + 1 < count && count > DIR_OPS_ALL; n++) {
		way = add_dir_way(thing, disk); /* one is late */
		for (i = 0; i < count; i++)
			way->applied[thing->ops[i]] = i != n;
		way = add_dir_way(thing, disk); /* one is early */
		way->applied[thing->ops[n + 1]] = true;
	}
	for (n = 0; n < DIR_CHANCE_WAYS && count > DIR_OPS_ALL; n++) {
		way = add_dir_way(thing, disk);
		for (i = 0; i < count; i++)
			way->applied[thing->ops[i]] = splitmix_next(random) & 1;
	}
	if (count > DIR_OPS_ALL)
		add_prefix(thing, disk, count);
	for (n = 0; n < thing->count; n++)
		finish_dir_way(thing, disk, &thing->ways[n]);
}

/* --------------------------------------------------------------- things -- */

/* Can it have a name after a power cut?  And which, for the report. */
static const char *
some_name(const struct disk *disk, int inode)
{
	const char *name = NULL;
	size_t i, j;

	for (i = 0; i < disk->inode_count; i++)
		for (j = 0; j < disk->inodes[i].kept_count; j++)
			if (disk->inodes[i].kept[j].inode == inode)
				name = disk->inodes[i].kept[j].name;
	for (i = 0; i < disk->op_count; i++)
		for (j = 0; j < disk->ops[i].count; j++)
			if (disk->ops[i].changes[j].inode == inode)
				name = disk->ops[i].changes[j].name;
	return name;
}

static struct thing *
add_thing(struct choice *c, int inode)
{
	struct thing *thing;

	c->things = disk_grown(c->things, c->count, sizeof(*c->things));
	thing = &c->things[c->count++];
	*thing = (struct thing){.inode = inode};
	return thing;
}

/* A rename between two directories is its first one's. */
static void
find_dir_things(struct choice *c)
{
	const struct disk *disk = c->disk;
	size_t i, j;

	for (i = 0; i < disk->inode_count; i++) {
		struct thing *thing = NULL;

		for (j = 0; j < disk->op_count; j++) {
			if (disk->ops[j].changes[0].dir != (int)i)
				continue;
			if (thing == NULL)
				thing = add_thing(c, (int)i);
			thing->ops = disk_grown(
			    thing->ops, thing->op_count, sizeof(*thing->ops));
			thing->ops[thing->op_count++] = j;
		}
		if (thing != NULL)
			find_dir_ways(thing, disk, &c->random);
	}
}

static bool
is_shm(const char *name)
{
	const size_t length = strlen(name);

	return length >= 4 && strcmp(name + length - 4, "-shm") == 0;
}

static void
find_file_things(struct choice *c)
{
	const struct disk *disk = c->disk;
	size_t i;

	for (i = 0; i < disk->inode_count; i++) {
		const struct inode *file = &disk->inodes[i];
		const char *name;

		if (file->is_dir ||
		    (file->sector_count == 0 && file->size_count == 1))
			continue;
		name = some_name(disk, (int)i);
		if (name != NULL && !is_shm(name))
			find_file_ways(
			    add_thing(c, (int)i), file, name, &c->random);
	}
}

static void
free_choice(struct choice *c)
{
	size_t i, j;

	for (i = 0; i < c->count; i++) {
		for (j = 0; j < c->things[i].count; j++) {
			free(c->things[i].ways[j].versions);
			free(c->things[i].ways[j].applied);
		}
		free(c->things[i].ways);
		free(c->things[i].ops);
	}
	free(c->things);
	free(c->chosen);
}

/* --------------------------------------------------------------- images -- */

static bool
is_applied(const struct choice *c, size_t op)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (!c->disk->inodes[c->things[i].inode].is_dir)
			continue;
		else if (c->things[i].ways[c->chosen[i]].applied[op])
			return true;
	return false;
}

static void
add_leaf(struct image_tree *tree, const struct choice *c, const char *path,
    int inode)
{
	struct leaf *leaf;
	size_t i;

	tree->leaves =
	    disk_grown(tree->leaves, tree->count, sizeof(*tree->leaves));
	leaf = &tree->leaves[tree->count++];
	*leaf = (struct leaf){.path = disk_must(strdup(path)), .inode = inode};
	for (i = 0; i < c->count; i++)
		if (c->things[i].inode == inode &&
		    !c->disk->inodes[inode].is_dir) {
			leaf->thing = &c->things[i];
			leaf->way = &c->things[i].ways[c->chosen[i]];
		}
}

/* The names of one directory, and what is below them. */
static void
grow_tree(struct image_tree *tree, const struct choice *c, int dir,
    const char *path, int depth)
{
	const struct inode *d = &c->disk->inodes[dir];
	struct entry *entries = NULL;
	size_t count = 0, i, j;
	char below[4096];

	for (i = 0; i < d->kept_count; i++)
		disk_set_name(
		    &entries, &count, d->kept[i].name, d->kept[i].inode);
	for (i = 0; i < c->disk->op_count; i++)
		for (j = 0; j < c->disk->ops[i].count && is_applied(c, i);
		     j++) {
			const struct name_change *change =
			    &c->disk->ops[i].changes[j];

			if (change->dir == dir)
				disk_set_name(&entries, &count, change->name,
				    change->inode);
		}
	for (i = 0; i < count; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, entries[i].name);
		if (!is_shm(entries[i].name)) {
			add_leaf(tree, c, below, entries[i].inode);
			if (c->disk->inodes[entries[i].inode].is_dir &&
			    depth < 16)
				grow_tree(tree, c, entries[i].inode, below,
				    depth + 1);
		}
		free(entries[i].name);
	}
	free(entries);
}

/* The file's bytes as the image has them; the caller frees. */
static unsigned char *
bytes_of(const struct disk *disk, const struct leaf *leaf, size_t *size)
{
	const struct inode *file = &disk->inodes[leaf->inode];
	unsigned char *bytes;
	size_t i, n, at;

	*size = leaf->way != NULL ? leaf->way->size : file->size;
	bytes = disk_must(calloc(1, *size + 1));
	if (file->allocated > 0)
		memcpy(bytes, file->bytes,
		    *size < file->allocated ? *size : file->allocated);
	for (i = 0; leaf->way != NULL && i < file->sector_count; i++) {
		const struct sector *s = &file->sectors[i];

		at = s->number * SECTOR;
		if (at >= *size)
			continue;
		n = *size - at < SECTOR ? *size - at : SECTOR;
		memcpy(bytes + at,
		    s->versions + leaf->way->versions[i] * SECTOR, n);
	}
	return bytes;
}

static uint64_t
mix(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (; size >= 8; at += 8, size -= 8) {
		memcpy(&word, at, 8);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	word = size;
	memcpy(&word, at, size);
	hash =
	    (hash ^ word ^ (uint64_t)size << 56) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

/* Names may come in any order. */
static uint64_t
hash_of(const struct image_tree *tree)
{
	uint64_t sum = 1;
	size_t i, size;

	for (i = 0; i < tree->count; i++) {
		const struct leaf *leaf = &tree->leaves[i];
		uint64_t hash = mix(7, leaf->path, strlen(leaf->path));

		if (!tree->disk->inodes[leaf->inode].is_dir) {
			unsigned char *bytes =
			    bytes_of(tree->disk, leaf, &size);

			hash = mix(hash, bytes, size);
			free(bytes);
		}
		sum += hash * (hash | 1);
	}
	return sum;
}

static void
put_words(const struct choice *c, char lost[LOST_SIZE], bool *lenient)
{
	size_t i, used = 0;

	lost[0] = '\0';
	*lenient = false;
	for (i = 0; i < c->count; i++) {
		const struct way *way = &c->things[i].ways[c->chosen[i]];

		*lenient |= way->lenient;
		if (used < LOST_SIZE - sizeof(way->words))
			used += (size_t)snprintf(
			    lost + used, LOST_SIZE - used, "%s", way->words);
	}
}

static void
visit_chosen(struct choice *c)
{
	struct image_tree tree = {.disk = c->disk};
	char lost[LOST_SIZE];
	struct image image = {.tree = &tree};
	size_t i;

	if (!c->go_on)
		return;
	grow_tree(&tree, c, 0, "", 0);
	put_words(c, lost, &image.lenient);
	image.number = ++c->visited;
	image.hash = hash_of(&tree);
	image.lost = lost[0] == '\0' ? "nothing" : lost + 2;
	c->go_on = c->visit(&image, c->arg);
	for (i = 0; i < tree.count; i++)
		free(tree.leaves[i].path);
	free(tree.leaves);
}

static void
visit_all(struct choice *c, int64_t total)
{
	int64_t n, rest;
	size_t i;

	for (n = 0; n < total; n++) {
		for (rest = n, i = 0; i < c->count; i++) {
			const int64_t ways = (int64_t)c->things[i].count;

			c->chosen[i] = (size_t)(rest % ways);
			rest /= ways;
		}
		visit_chosen(c);
	}
}

/* Each thing as synced, or (`last`) as processes saw it. */
static void
choose_ends(struct choice *c, bool last)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		c->chosen[i] = last ? c->things[i].count - 1 : 0;
}

/* Each thing in one of its ways, by chance. */
static void
choose_any(struct choice *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		const size_t ways = c->things[i].count;

		c->chosen[i] = ways == 0 ? 0 : splitmix_next(&c->random) % ways;
	}
}

static void
visit_some(struct choice *c, int64_t most)
{
	size_t i, way;
	int end;

	for (end = 0; end < 2; end++) {
		choose_ends(c, end == 1);
		visit_chosen(c);
		for (i = 0; i < c->count; i++)
			for (way = 0; way < c->things[i].count; way++) {
				if (c->visited >= most)
					return;
				choose_ends(c, end == 1);
				c->chosen[i] = way;
				visit_chosen(c);
			}
	}
	while (c->visited < most && c->go_on) {
		choose_any(c);
		visit_chosen(c);
	}
}

void
images_visit(struct disk *disk, int64_t most, uint64_t seed,
    image_visit_fn *visit, void *arg)
{
	struct choice c = {.disk = disk,
	    .random = seed,
	    .visit = visit,
	    .arg = arg,
	    .go_on = true};
	int64_t total = 1;
	size_t i;

	find_dir_things(&c);
	find_file_things(&c);
	c.chosen = disk_must(calloc(c.count + 1, sizeof(*c.chosen)));
	for (i = 0; i < c.count && total <= most; i++)
		total *= (int64_t)c.things[i].count;
	if (total <= most)
		visit_all(&c, total);
	else
		visit_some(&c, most);
	free_choice(&c);
}

/* ---------------------------------------------------------------- build -- */

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	(void)st;
	(void)what;
	return ftw->level == 0 ? 0 : remove(path);
}

static bool
build_leaf(const struct disk *disk, const struct leaf *leaf, const char *path)
{
	unsigned char *bytes;
	size_t size;
	bool good;
	int fd;

	if (disk->inodes[leaf->inode].is_dir)
		return mkdir(path, 0755) == 0 || errno == EEXIST;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1)
		return false;
	bytes = bytes_of(disk, leaf, &size);
	good = write(fd, bytes, size) == (ssize_t)size;
	free(bytes);
	close(fd);
	return good;
}

bool
images_build(const struct image *image, const char *path)
{
	const struct image_tree *tree = image->tree;
	char below[8192];
	size_t i;

	if (mkdir(path, 0755) != 0 &&
	    (errno != EEXIST ||
		nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0))
		return false;
	for (i = 0; i < tree->count; i++) {
		snprintf(
		    below, sizeof(below), "%s%s", path, tree->leaves[i].path);
		if (!build_leaf(tree->disk, &tree->leaves[i], below))
			return false;
	}
	return true;
}
