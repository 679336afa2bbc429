/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything a worker opens is opened here, after the fork. */
#include "worker.h"

#include <sys/prctl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "clerk.h"
#include "http.h"
#include "office.h"
#include "queue.h"

/* The supervisor alone hears signals: Ctrl-C goes to the whole group. */
static void
set_signals(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGTERM, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* write() then says EFBIG */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
start_clerks(const struct service *service, unsigned number,
    struct queue *queue, struct clerk **clerks)
{
	struct clerk_config config = { .service = service,
		.worker = number,
		.queue = queue,
		.answer = http_answered };

	for (; config.clerk < service->options->clerks; config.clerk++) {
		clerks[config.clerk] = clerk_start(&config);
		if (clerks[config.clerk] == NULL)
			return false;
	}
	return true;
}

/* On failure everything is left to the end of the process. */
int
worker_run(const struct service *service, unsigned number, int stop_fd)
{
	struct clerk *clerks[LOCK_CLERKS_MAX];
	struct store_user *store;
	struct queue *queue;
	struct office *office;
	struct http *http;
	char name[16], error[256];
	unsigned i;

	snprintf(name, sizeof(name), "worker %u", number + 1);
	prctl(PR_SET_NAME, name);
	set_signals();
	store = store_open(service->store, error, sizeof(error));
	if (store == NULL) {
		LOG_EVENT(&service->log, "worker-failed",
		    LOG_NUMBER("worker", number + 1), LOG_TEXT("error", error));
		return EXIT_FAILURE;
	}
	queue = queue_new(service->options->queue);
	http = queue == NULL ? NULL : http_new(service, number, store, queue);
	office =
	    http == NULL ? NULL : office_start(service, number, http_in_office);
	if (office == NULL || !start_clerks(service, number, queue, clerks))
		return EXIT_FAILURE;
	http_set_office(http, office);
	atomic_store(&service->board->ready[number], true);

	if (!http_run(http, stop_fd))
		return EXIT_FAILURE;
	queue_close(queue);
	for (i = 0; i < service->options->clerks; i++)
		clerk_join(clerks[i]);
	office_stop(office);
	http_free(http);
	queue_free(queue);
	store_close(store);
	return EXIT_SUCCESS;
}
