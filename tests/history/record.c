/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history-record FILE: start a turnstile, let clients ask it all that a
 * history knows, strike it, and write down what they were told.
 */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/history/client.h"
#include "tests/history/fate.h"
#include "tests/history/server.h"
#include "tests/tree.h"

#define CLIENTS_MOST 256

struct settings {
	char program[4096], root[4096];
	const char *store, *strikes, *file;
	char locks[256];
	unsigned workers, clerks;
	unsigned long every;
};

static void
print_help(FILE *out)
{
	fprintf(out,
	    "history-record: what concurrent clients of a turnstile are "
	    "told\n\n"
	    "usage: history-record [flags] FILE\n\n"
	    "  --store KIND     json or sqlite (json)\n"
	    "  --locks A,B,…    the strategy, and what to switch to "
	    "(mutex)\n"
	    "  --switches       change strategy and delay while it sells\n"
	    "  --raises         and the capacity\n"
	    "  --clients N      how many ask (16)\n"
	    "  --capacity N     tickets of the sale at first (300)\n"
	    "  --sale ID        its name (main)\n"
	    "  --workers N, --clerks N  of the service (2, 4)\n"
	    "  --strikes TEXT   a strike for each letter: " FATE_HELP "\n"
	    "  --every N        answers before each strike, and after the last "
	    "(1000)\n"
	    "  --seed N         chance (the clock)\n"
	    "  --service PROGRAM, --data DIR   (turnstile and a new folder, "
	    "beside this program)\n\n"
	    "Exit status: 0 it is written; 1 the service did not do as it "
	    "must; 2 usage.\n");
}

/* Of this program. */
static void
own_folder(char path[4096])
{
	const ssize_t n = readlink("/proc/self/exe", path, 4095);

	path[n > 0 ? n : 0] = '\0';
	dirname(path); /* in place */
}

static bool
parse_locks(struct scene *scene, char *list)
{
	char *rest, *name;

	for (name = strtok_r(list, ",", &rest); name != NULL;
	     name = strtok_r(NULL, ",", &rest)) {
		if (scene->lock_count == LOCKS_MOST)
			return false;
		scene->locks[scene->lock_count++] = name;
	}
	return scene->lock_count > 0;
}

static bool
parse_number(const char *text, unsigned long most, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 && *number >= 1 &&
	       *number <= most;
}

enum {
	STORE = 1,
	LOCKS,
	SWITCHES,
	RAISES,
	CLIENTS,
	CAPACITY,
	WORKERS,
	CLERKS,
	STRIKES,
	EVERY,
	SEED,
	SALE,
	SERVICE,
	DATA,
	HELP
};

static const struct option options[] = {{"store", 1, NULL, STORE},
    {"locks", 1, NULL, LOCKS}, {"switches", 0, NULL, SWITCHES},
    {"raises", 0, NULL, RAISES}, {"clients", 1, NULL, CLIENTS},
    {"capacity", 1, NULL, CAPACITY}, {"workers", 1, NULL, WORKERS},
    {"clerks", 1, NULL, CLERKS}, {"strikes", 1, NULL, STRIKES},
    {"every", 1, NULL, EVERY}, {"seed", 1, NULL, SEED}, {"sale", 1, NULL, SALE},
    {"service", 1, NULL, SERVICE}, {"data", 1, NULL, DATA},
    {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0}};

static bool
set_number(
    struct settings *s, struct scene *scene, int option, const char *value)
{
	const unsigned long most = option == CLIENTS ? CLIENTS_MOST : 10000000;
	unsigned long number;

	if (!parse_number(value, most, &number))
		return false;
	if (option == CLIENTS)
		scene->clients = (unsigned)number;
	else if (option == CAPACITY)
		scene->capacity = (long)number;
	else if (option == WORKERS)
		s->workers = (unsigned)number;
	else if (option == CLERKS)
		s->clerks = (unsigned)number;
	else if (option == EVERY)
		s->every = number;
	else
		scene->seed = number;
	return true;
}

static bool
set(struct settings *s, struct scene *scene, int option, const char *value)
{
	switch (option) {
	case STORE:
		s->store = value;
		return true;
	case LOCKS:
		snprintf(s->locks, sizeof(s->locks), "%s", value);
		return true;
	case RAISES:
		scene->raises = scene->switches = true;
		return true;
	case SWITCHES:
		scene->switches = true;
		return true;
	case STRIKES:
		s->strikes = value;
		return strspn(value, FATE_LETTERS) == strlen(value);
	case SALE:
		scene->sale = value;
		return strlen(value) <= 64;
	case SERVICE:
		snprintf(s->program, sizeof(s->program), "%s", value);
		return true;
	case DATA:
		snprintf(s->root, sizeof(s->root), "%s", value);
		return true;
	default:
		return set_number(s, scene, option, value);
	}
}

/* -1: go on; else the exit status. */
static int
parse(int argc, char *argv[], struct settings *s, struct scene *scene)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == HELP) {
			print_help(stdout);
			return 0;
		}
		if (c == '?')
			return 2;
		if (set(s, scene, c, optarg))
			continue;
		fprintf(
		    stderr, "history-record: %s is not valid there\n", optarg);
		return 2;
	}
	if (optind + 1 != argc || !parse_locks(scene, s->locks)) {
		print_help(stderr);
		return 2;
	}
	s->file = argv[optind];
	return -1;
}

/* --------------------------------------------------------------- recording */

static bool
start_clients(struct scene *scene, struct client *clients[CLIENTS_MOST])
{
	unsigned i;

	for (i = 0; i < scene->clients; i++) {
		clients[i] = client_start(scene, i);
		if (clients[i] == NULL)
			return false;
	}
	return true;
}

static bool
write_journals(const char *name, struct journal *const *journals, size_t count)
{
	FILE *file = fopen(name, "we");
	bool good;

	if (file == NULL) {
		perror(name);
		return false;
	}
	good = journal_write(journals, count, file);
	return fclose(file) == 0 && good;
}

/* All of it, on a service that runs. */
static bool
record(struct settings *s, struct scene *scene, struct server *server,
    unsigned *struck)
{
	struct client *clients[CLIENTS_MOST] = {0};
	struct journal first = {0}, last = {0};
	struct journal *journals[CLIENTS_MOST + 2];
	size_t n = 0;
	unsigned i;
	bool good;

	snprintf(scene->address, sizeof(scene->address), "http://127.0.0.1:%d",
	    server->port);
	good = client_open_sale(scene, &first) &&
	       start_clients(scene, clients) &&
	       fate_run(server, scene, s->strikes, s->every, struck);
	atomic_store(&scene->is_over, true);
	journals[n++] = &first;
	for (i = 0; i < CLIENTS_MOST; i++)
		if (clients[i] != NULL)
			journals[n++] = client_join(clients[i]);
	client_close_sale(scene, &last);
	journals[n++] = &last;
	good = write_journals(s->file, journals, n) && good;
	for (i = 0; i < CLIENTS_MOST; i++)
		client_free(clients[i]);
	return good;
}

/* A folder of its own, a service in it, and both gone again if all is well. */
static int
record_and_clean(struct settings *s, struct scene *scene)
{
	char dir[4200], log[4208];
	struct server server = {.program = s->program,
	    .dir = dir,
	    .store = s->store,
	    .lock = scene->locks[0],
	    .workers = s->workers,
	    .clerks = s->clerks};
	unsigned struck = 0, strikes = fate_strikes(s->strikes);
	bool good;

	snprintf(dir, sizeof(dir), "%s/history-XXXXXX", s->root);
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 2;
	}
	good = server_start(&server) && record(s, scene, &server, &struck);
	good = server_stop(&server) && good;
	printf("%lu operations, %u of %u strikes hit\n",
	    atomic_load(&scene->answered), struck, strikes);
	snprintf(log, sizeof(log), "%s.log", dir);
	if (!good) {
		fprintf(stderr, "history-record: see %s\n", log);
		return 1;
	}
	tree_remove(dir);
	unlink(log);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct settings s = {.store = "json",
	    .strikes = "",
	    .locks = "mutex",
	    .workers = 2,
	    .clerks = 4,
	    .every = 1000};
	struct scene scene = {.sale = "main",
	    .clients = 16,
	    .capacity = 300,
	    .seed = (unsigned long)getpid()};
	int status;

	own_folder(s.root);
	snprintf(s.program, sizeof(s.program), "%.4000s/turnstile", s.root);
	status = parse(argc, argv, &s, &scene);
	if (status != -1)
		return status;
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = record_and_clean(&s, &scene);
	curl_global_cleanup();
	return status;
}
