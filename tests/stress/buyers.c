/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll loop, one easy handle for each buyer.  Two things make it fast:
 * a socket stays in the epoll set between two requests, and each buyer has a
 * host name of its own (all resolve to the same address), so that libcurl
 * finds the buyer's connection at once and not by a walk over all of them.
 */
#include "tests/stress/buyers.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define FDS_MAX 65536
#define EVENTS 256
#define WATCH_MS 2
#define TICK_MS 50
#define NO_ANSWER_NS (20 * NS_PER_SEC) /* then none will come */
#define RETRY_FOR_NS (15 * NS_PER_SEC)
#define RETRY_FIRST_NS (5 * NS_PER_MS)
#define RETRY_MOST_NS (160 * NS_PER_MS)
#define OPEN_ATTEMPTS 50
#define LATE_MOST_NS (2 * NS_PER_SEC) /* orders that are due, in the end */
#define ADDRESSES_SIZE 512

enum doing { DOING_NOTHING, DOING_ASK, DOING_WAIT };

struct buyer {
	CURL *easy;
	struct curl_slist *buy_headers, *look_headers, *resolve;
	const struct target *target;
	char *key; /* points into buy_headers; rewritten for each order */
	unsigned number;
	enum doing doing;
	struct reply reply; /* in the making */
	int64_t asked_ns, wake_ns;
	unsigned failures; /* to open a connection */
	char form[BUYERS_NAME_SIZE + 48];
	struct buffer body;
};

/* One of the services. */
struct target {
	char *scheme, *host, *port;     /* libcurl's, as the URL has them */
	char addresses[ADDRESSES_SIZE]; /* of the host, with commas */
};

struct buyers {
	CURLM *multi;
	int epoll;
	int64_t timer_ns; /* when libcurl wants to be called; -1: not */
	unsigned count, waiting, busy, opened;
	struct target *targets; /* buyer i asks the i-th, and round again */
	size_t target_count;
	struct buyer *list;
	uint8_t registered[FDS_MAX]; /* epoll events of each socket */
	uint8_t wanted[FDS_MAX];
	/* Of the run. */
	const struct buyers_plan *plan;
	struct buyers_log *log;
	uint64_t next_order, sold;
	int64_t until_ns, progress_ns; /* an order was sold or refused */
	bool open;
	/* Of an open loop: buyers who are free, and the order that is next. */
	struct buyer **idle;
	unsigned idle_count;
	uint64_t arrivals;
};

/* ------------------------------------------------------------ libcurl -- */

static void
set_events(struct buyers *buyers, int fd, uint8_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	const uint8_t before = buyers->registered[fd];
	const int how = events == 0   ? EPOLL_CTL_DEL
			: before == 0 ? EPOLL_CTL_ADD
				      : EPOLL_CTL_MOD;

	if (events == before)
		return;
	epoll_ctl(buyers->epoll, how, fd, &event);
	buyers->registered[fd] = events;
}

/* Remove nothing: the next request wants the same socket again. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct buyers *buyers = arg;
	uint8_t events = 0;

	(void)easy;
	(void)unused;
	if (fd < 0 || fd >= FDS_MAX)
		return 0;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	buyers->wanted[fd] = events;
	if (what != CURL_POLL_REMOVE)
		set_events(buyers, fd, events);
	return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	struct buyers *buyers = arg;

	(void)multi;
	buyers->timer_ns = ms < 0 ? -1 : clock_now_ns() + ms * NS_PER_MS;
	return 0;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	struct buyers *buyers = arg;

	if (fd >= 0 && fd < FDS_MAX)
		buyers->registered[fd] = buyers->wanted[fd] = 0;
	return close(fd);
}

/* ------------------------------------------------------------- buyers -- */

void
buyers_name(unsigned i, char name[BUYERS_NAME_SIZE])
{
	static const char *const names[] = {"ada", "bob", "carol", "dave",
	    "erin", "frank", "grace", "heidi", "ivan", "judy", "karl", "lena",
	    "mallory", "nina", "oscar", "peggy", "quinn", "rosa", "sybil",
	    "trent", "uma", "victor", "wendy", "xue", "yara", "zoe"};
	const unsigned n = sizeof(names) / sizeof(names[0]);

	if (i < n)
		snprintf(name, BUYERS_NAME_SIZE, "%s", names[i]);
	else
		snprintf(
		    name, BUYERS_NAME_SIZE, "%s-%u", names[i % n], i / n + 1);
}

void
buyers_key(uint64_t seed, uint64_t n, char key[BUYERS_KEY_SIZE])
{
	snprintf(
	    key, BUYERS_KEY_SIZE, "stress-%016" PRIx64 "-%010" PRIu64, seed, n);
}

static void
add_header(struct curl_slist **list, const char *header)
{
	*list = buffer_must(curl_slist_append(*list, header));
}

/*
 * The host that libcurl sees is the buyer's own; it resolves to the same
 * address as all others, and the Host header names the real one.
 */
static void
prepare_headers(struct buyer *buyer)
{
	const struct target *target = buyer->target;
	char text[ADDRESSES_SIZE + 64];

	snprintf(text, sizeof(text), "Host: %s:%s", target->host, target->port);
	add_header(&buyer->look_headers, text);
	/* The first of the list, so that the key is found again. */
	snprintf(text, sizeof(text), "Idempotency-Key: %*s",
	    BUYERS_KEY_SIZE - 1, "");
	memset(strchr(text, ':') + 2, 'x', BUYERS_KEY_SIZE - 1);
	add_header(&buyer->buy_headers, text);
	buyer->key = strchr(buyer->buy_headers->data, ':') + 2;
	add_header(&buyer->buy_headers, buyer->look_headers->data);
	snprintf(text, sizeof(text), "b%u.buyer:%s:%s", buyer->number,
	    target->port, target->addresses);
	add_header(&buyer->resolve, text);
}

static void
prepare_buyer(struct buyers *buyers, struct buyer *buyer)
{
	CURL *easy = buffer_must(curl_easy_init());

	prepare_headers(buyer);
	buyer->easy = easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)buyer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_RESOLVE, buyer->resolve);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
	curl_easy_setopt(
	    easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, buffer_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)&buyer->body);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, (void *)buyers);
}

/* The plan's path, and what stands behind it. */
static void
set_url(struct buyers *buyers, struct buyer *buyer, const char *rest)
{
	char url[512];

	snprintf(url, sizeof(url), "%s://b%u.buyer:%s%s%s",
	    buyer->target->scheme, buyer->number, buyer->target->port,
	    buyers->plan->path, rest);
	curl_easy_setopt(buyer->easy, CURLOPT_URL, url);
}

static void
set_look(struct buyers *buyers, struct buyer *buyer)
{
	set_url(buyers, buyer, "");
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPHEADER, buyer->look_headers);
}

static void
set_buy(struct buyers *buyers, struct buyer *buyer)
{
	char name[BUYERS_NAME_SIZE];

	set_url(buyers, buyer, buyers->plan->looks ? "/buy?trail" : "/buy");
	buyers_name(buyer->number, name);
	snprintf(buyer->form, sizeof(buyer->form), "buyer=%s&quantity=%u", name,
	    buyers->plan->quantity);
	curl_easy_setopt(buyer->easy, CURLOPT_POSTFIELDS, buyer->form);
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPHEADER, buyer->buy_headers);
}

/* Send what the handle is set to. */
static void
send_request(struct buyers *buyers, struct buyer *buyer)
{
	buyer->doing = DOING_ASK;
	buyer->body.size = 0;
	buyer->asked_ns = clock_now_ns();
	if (buyer->reply.attempts++ == 0)
		buyer->reply.sent_ns = buyer->asked_ns;
	buyers->busy++;
	curl_multi_add_handle(buyers->multi, buyer->easy);
}

static void
begin(struct buyers *buyers, struct buyer *buyer, bool look)
{
	buyer->reply = (struct reply){
	    .look = look, .buyer = buyer->number, .order = buyer->reply.order};
	send_request(buyers, buyer);
}

static void
begin_buy(struct buyers *buyers, struct buyer *buyer)
{
	char key[BUYERS_KEY_SIZE];

	buyers_key(buyers->plan->seed, buyer->reply.order, key);
	memcpy(buyer->key, key, strlen(key) + 1);
	if (buyers->plan->looks)
		set_buy(buyers, buyer);
	begin(buyers, buyer, false);
}

/* ----------------------------------------------------------- open loop -- */

/*
 * When the next order is due; INT64_MAX: none is.  One is due just as the
 * warm-up ends, and the others before and behind it.
 */
static int64_t
next_due_ns(const struct buyers *buyers)
{
	const struct buyers_plan *plan = buyers->plan;
	const uint64_t first =
	    (uint64_t)plan->warmup_ns * plan->rate % NS_PER_SEC;
	const int64_t due_ns =
	    buyers->log->start_ns +
	    (int64_t)((first + buyers->arrivals * NS_PER_SEC) / plan->rate);

	return due_ns < buyers->until_ns ? due_ns : INT64_MAX;
}

/* Orders that are due, for buyers who are free. */
static void
begin_due(struct buyers *buyers)
{
	const int64_t now_ns = clock_now_ns();
	struct buyer *buyer;
	int64_t due_ns;

	while (buyers->idle_count > 0 &&
	       (due_ns = next_due_ns(buyers)) <= now_ns) {
		buyer = buyers->idle[--buyers->idle_count];
		buyers->arrivals++;
		buyer->reply.order = buyers->next_order++;
		begin_buy(buyers, buyer);
		buyer->reply.free_ns = buyer->reply.sent_ns - due_ns;
		buyer->reply.sent_ns = due_ns;
	}
}

/* Nobody will be free in time: how many orders stay unsent. */
static void
give_up_due(struct buyers *buyers)
{
	const int64_t from_ns = buyers->log->start_ns + buyers->plan->warmup_ns;
	int64_t due_ns;

	while ((due_ns = next_due_ns(buyers)) != INT64_MAX) {
		buyers->arrivals++;
		buyers->log->unsent += due_ns >= from_ns;
	}
}

/* -------------------------------------------------------------- orders -- */

/* The next order, if there is one. */
static void
begin_order(struct buyers *buyers, struct buyer *buyer)
{
	const struct buyers_plan *plan = buyers->plan;

	buyer->doing = DOING_NOTHING;
	if (plan->rate > 0) {
		buyers->idle[buyers->idle_count++] = buyer;
		return;
	}
	if (plan->orders != 0
		? buyers->next_order - plan->first_order >= plan->orders
		: clock_now_ns() >= buyers->until_ns)
		return;
	buyer->reply.order = buyers->next_order++;
	if (plan->looks)
		set_look(buyers, buyer);
	if (plan->looks || plan->flood)
		begin(buyers, buyer, true);
	else
		begin_buy(buyers, buyer);
}

/* ------------------------------------------------------------ replies -- */

static void
write_down(struct buyers *buyers, struct buyer *buyer, uint16_t status)
{
	struct buyers_log *log = buyers->log;
	struct reply *reply = &buyer->reply;
	struct curl_header *header;
	const char *timing = "";

	if (curl_easy_header(buyer->easy, "Server-Timing", 0, CURLH_HEADER, -1,
		&header) == CURLHE_OK)
		timing = header->value;
	reply->status = status;
	reply->done_ns = clock_now_ns();
	reply->timing_size = strlen(timing) + 1;
	reply->body_size = buyers->plan->flood ? 0 : buyer->body.size;
	reply->at = buffer_add(&log->buffer, timing, reply->timing_size);
	buffer_add(&log->buffer, buyer->body.bytes, reply->body_size);
	log->replies =
	    buffer_grow(log->replies, log->count, sizeof(*log->replies));
	log->replies[log->count++] = *reply;
	log->end_ns = reply->done_ns;
	if (status != 0 && status != 503)
		buyers->progress_ns = reply->done_ns;
	if (!reply->look && status == 201)
		buyers->sold++;
}

static void
wait_for(struct buyers *buyers, struct buyer *buyer, int64_t ns)
{
	buyer->doing = DOING_WAIT;
	buyer->wake_ns = clock_now_ns() + ns;
	buyers->waiting++;
}

/* How long until the order is asked for again; 0: it is answered. */
static int64_t
wait_before_retry(const struct buyers *buyers, struct buyer *buyer, int status)
{
	const struct reply *reply = &buyer->reply;
	int64_t ns = RETRY_FIRST_NS;
	curl_off_t after_s = 0;

	if (reply->look || clock_now_ns() - reply->sent_ns > RETRY_FOR_NS)
		return 0;
	if (status == 503) {
		if (!buyers->plan->looks)
			return 0;
		curl_easy_getinfo(buyer->easy, CURLINFO_RETRY_AFTER, &after_s);
		/* As told, and a little more, so that not all come at once. */
		return after_s * NS_PER_SEC +
		       (buyer->number % 64 + 1) * NS_PER_MS;
	}
	if (status != 0 && status != 500 && status != 502 && status != 504)
		return 0;
	buyer->reply.was_unknown = true;
	if (reply->attempts < 6)
		ns <<= reply->attempts - 1;
	return ns < RETRY_MOST_NS ? ns : RETRY_MOST_NS;
}

static void
finish_open(struct buyers *buyers, struct buyer *buyer, int status)
{
	buyer->doing = DOING_NOTHING;
	if (status == 0 && ++buyer->failures < OPEN_ATTEMPTS) {
		wait_for(buyers, buyer, RETRY_FIRST_NS);
		return;
	}
	if (status == 0)
		return;
	buyers->opened++;
	if (!buyers->plan->looks && !buyers->plan->flood)
		set_buy(buyers, buyer); /* the same each time: set once */
}

static void
finish(struct buyers *buyers, struct buyer *buyer, int status)
{
	int64_t wait_ns;

	buyers->busy--;
	if (!buyers->open) {
		finish_open(buyers, buyer, status);
		return;
	}
	wait_ns = wait_before_retry(buyers, buyer, status);
	if (wait_ns > 0) {
		wait_for(buyers, buyer, wait_ns);
		return;
	}
	write_down(buyers, buyer, (uint16_t)status);
	if (!buyers->plan->flood && buyer->reply.look)
		begin_buy(buyers, buyer);
	else if (status == 503 && buyers->plan->rate == 0)
		/* impatient, but not without manners */
		wait_for(buyers, buyer, RETRY_FIRST_NS);
	else
		begin_order(buyers, buyer);
}

static void
wake(struct buyers *buyers, struct buyer *buyer)
{
	buyers->waiting--;
	/* A wait behind a 503 that was written down: the next order. */
	if (buyers->open && !buyers->plan->looks && buyer->reply.status == 503)
		begin_order(buyers, buyer);
	else
		send_request(buyers, buyer);
}

static void
read_replies(struct buyers *buyers)
{
	struct buyer *buyer;
	CURLMsg *message;
	CURLcode result;
	long status;
	int left;

	while ((message = curl_multi_info_read(buyers->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)&buyer);
		status = 0;
		if (result == CURLE_OK)
			curl_easy_getinfo(message->easy_handle,
			    CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(buyers->multi, buyer->easy);
		finish(buyers, buyer, (int)status);
	}
}

/* ---------------------------------------------------------------- loop -- */

/* Until an order is due, if that is less than a millisecond away. */
static void
wait_for_due(const struct buyers *buyers)
{
	struct pollfd fd = {.fd = buyers->epoll, .events = POLLIN};
	struct timespec ts = {0};
	int64_t ns;

	ns = next_due_ns(buyers) - clock_now_ns();
	if (ns <= 0 || ns >= NS_PER_MS)
		return;
	ts.tv_nsec = ns;
	ppoll(&fd, 1, &ts, NULL);
}

static int
wait_ms(const struct buyers *buyers)
{
	const int most =
	    buyers->waiting > 0 || (buyers->plan->watch != NULL && buyers->open)
		? WATCH_MS
		: TICK_MS;
	int64_t ns = INT64_MAX;

	if (buyers->timer_ns != -1)
		ns = buyers->timer_ns - clock_now_ns();
	if (buyers->open && buyers->plan->rate > 0 && buyers->idle_count > 0 &&
	    next_due_ns(buyers) - clock_now_ns() < ns)
		/* rounded down: the last millisecond is waited for apart */
		ns = next_due_ns(buyers) - clock_now_ns() - NS_PER_MS;
	if (ns <= 0)
		return 0;
	return ns < most * NS_PER_MS ? (int)(ns / NS_PER_MS) + 1 : most;
}

static void
handle_event(struct buyers *buyers, const struct epoll_event *event)
{
	const int fd = event->data.fd;
	int running, what = 0;

	if (buyers->wanted[fd] == 0) { /* closed by the other side, idle */
		set_events(buyers, fd, 0);
		return;
	}
	if ((event->events & EPOLLIN) != 0)
		what |= CURL_CSELECT_IN;
	if ((event->events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((event->events & (EPOLLERR | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(buyers->multi, fd, what, &running);
}

/*
 * A turn of the loop took longer than it was to wait: it was stopped, got no
 * processor, or had much to do.  Then answers are older than they look.
 */
static void
note_late(struct buyers *buyers, int64_t before_ns, int64_t waited_ns)
{
	const int64_t now_ns = clock_now_ns();
	const int64_t late_ns = now_ns - before_ns - waited_ns;

	if (buyers->open &&
	    now_ns - buyers->log->start_ns > buyers->plan->warmup_ns &&
	    late_ns > buyers->log->late_ns)
		buyers->log->late_ns = late_ns;
}

static void
loop_once(struct buyers *buyers)
{
	const int64_t before_ns = clock_now_ns();
	struct epoll_event events[EVENTS];
	int i, n, ms, running;

	if (buyers->open && buyers->plan->rate > 0) {
		begin_due(buyers);
		wait_for_due(buyers);
	}
	ms = wait_ms(buyers);
	n = epoll_wait(buyers->epoll, events, EVENTS, ms);
	for (i = 0; i < n; i++)
		handle_event(buyers, &events[i]);
	read_replies(buyers);
	if (buyers->timer_ns != -1 && clock_now_ns() >= buyers->timer_ns) {
		buyers->timer_ns = -1;
		curl_multi_socket_action(
		    buyers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		read_replies(buyers);
	}
	note_late(buyers, before_ns, ms * NS_PER_MS);
}

/* Those whose wait is over, and those to whom nobody will answer. */
static void
check_waits(struct buyers *buyers, int64_t now_ns)
{
	unsigned i;

	for (i = 0; i < buyers->count; i++) {
		struct buyer *buyer = &buyers->list[i];

		if (buyer->doing == DOING_WAIT && now_ns >= buyer->wake_ns)
			wake(buyers, buyer);
		if (buyer->doing == DOING_ASK &&
		    now_ns - buyer->asked_ns > NO_ANSWER_NS) {
			curl_multi_remove_handle(buyers->multi, buyer->easy);
			finish(buyers, buyer, 0);
		}
	}
}

/* Is there more to come?  In an open loop, orders that are not due yet. */
static bool
goes_on(struct buyers *buyers)
{
	if (!buyers->open || buyers->plan->rate == 0)
		return buyers->busy > 0 || buyers->waiting > 0;
	if (clock_now_ns() > buyers->until_ns + LATE_MOST_NS)
		give_up_due(buyers);
	return buyers->busy > 0 || next_due_ns(buyers) != INT64_MAX;
}

/* Nothing is sold or refused any more. */
static bool
hangs(struct buyers *buyers, int64_t now_ns)
{
	const struct buyers_plan *plan = buyers->plan;

	buyers->log->hung =
	    buyers->open &&
	    ((plan->patience_ns > 0 &&
		 now_ns - buyers->progress_ns > plan->patience_ns) ||
		(plan->most_ns > 0 &&
		    now_ns - buyers->log->start_ns > plan->most_ns));
	return buyers->log->hung;
}

/* Half of the patience is over: somebody may want to look. */
static void
tell_stalled(const struct buyers *buyers, int64_t now_ns, int64_t *told_ns)
{
	const struct buyers_plan *plan = buyers->plan;

	if (plan->stalled == NULL || plan->patience_ns == 0 ||
	    *told_ns == buyers->progress_ns ||
	    now_ns - buyers->progress_ns < plan->patience_ns / 2)
		return;
	*told_ns = buyers->progress_ns;
	plan->stalled(plan->stalled_arg);
}

static bool
is_alive(const struct buyers *buyers, int64_t now_ns, int64_t *next_ns)
{
	const struct buyers_plan *plan = buyers->plan;

	if (plan->alive == NULL || now_ns < *next_ns)
		return true;
	*next_ns = now_ns + TICK_MS * NS_PER_MS;
	return plan->alive(plan->alive_arg);
}

static bool
run_until_done(struct buyers *buyers, const volatile sig_atomic_t *stop)
{
	int64_t next_look_ns = clock_now_ns() + NS_PER_SEC, next_alive_ns = 0;
	int64_t stall_told_ns = 0;

	while (goes_on(buyers)) {
		int64_t now_ns;

		if (*stop)
			return false;
		loop_once(buyers);
		now_ns = clock_now_ns();
		tell_stalled(buyers, now_ns, &stall_told_ns);
		if (!is_alive(buyers, now_ns, &next_alive_ns) ||
		    hangs(buyers, now_ns))
			return false;
		if (buyers->waiting > 0 || now_ns > next_look_ns) {
			check_waits(buyers, now_ns);
			next_look_ns = now_ns + NS_PER_SEC;
		}
		if (buyers->plan->watch != NULL && buyers->open)
			buyers->plan->watch(
			    buyers->plan->watch_arg, buyers->sold);
	}
	return true;
}

static bool
open_connections(struct buyers *buyers, const volatile sig_atomic_t *stop)
{
	unsigned i;

	buyers->open = false;
	buyers->opened = 0;
	for (i = 0; i < buyers->count; i++) {
		struct buyer *buyer = &buyers->list[i];

		set_look(buyers, buyer);
		buyer->failures = 0;
		send_request(buyers, buyer);
	}
	return run_until_done(buyers, stop) && buyers->opened == buyers->count;
}

static void
abandon(struct buyers *buyers)
{
	unsigned i;

	for (i = 0; i < buyers->count; i++) {
		curl_multi_remove_handle(buyers->multi, buyers->list[i].easy);
		buyers->list[i].doing = DOING_NOTHING;
	}
	buyers->busy = buyers->waiting = 0;
}

bool
buyers_run(struct buyers *buyers, const struct buyers_plan *plan,
    struct buyers_log *log, const volatile sig_atomic_t *stop)
{
	bool done;
	unsigned i;

	*log = (struct buyers_log){0};
	buyers->plan = plan;
	buyers->log = log;
	buyers->next_order = plan->first_order;
	buyers->sold = 0;
	done = open_connections(buyers, stop);
	if (done) {
		buyers->open = true;
		log->start_ns = log->end_ns = buyers->progress_ns =
		    clock_now_ns();
		buyers->idle_count = 0;
		buyers->arrivals = 0;
		buyers->until_ns = log->start_ns + plan->duration_ns;
		for (i = 0; i < buyers->count; i++)
			begin_order(buyers, &buyers->list[i]);
		done = run_until_done(buyers, stop);
	}
	abandon(buyers);
	return done;
}

void
buyers_log_free(struct buyers_log *log)
{
	free(log->replies);
	free(log->buffer.bytes);
}

/* ---------------------------------------------------------------- life -- */

/* "http://[::1]:8080" into its parts. */
static bool
split_url(struct target *target, const char *url)
{
	CURLU *parts = buffer_must(curl_url());
	const bool good =
	    curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_SCHEME, &target->scheme, 0) ==
		CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &target->host, 0) ==
		CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_PORT, &target->port,
		CURLU_DEFAULT_PORT) == CURLUE_OK;

	curl_url_cleanup(parts);
	return good;
}

/* One more address, as CURLOPT_RESOLVE has it: "127.0.0.1,[::1]". */
static void
add_address(struct target *target, const struct addrinfo *info)
{
	char address[INET6_ADDRSTRLEN + 16];
	const size_t n = strlen(target->addresses);
	const bool is_v6 = info->ai_family == AF_INET6;

	if (getnameinfo(info->ai_addr, info->ai_addrlen, address,
		sizeof(address), NULL, 0, NI_NUMERICHOST) != 0 ||
	    n + strlen(address) + 4 > sizeof(target->addresses))
		return;
	snprintf(target->addresses + n, sizeof(target->addresses) - n,
	    "%s%s%s%s", n > 0 ? "," : "", is_v6 ? "[" : "", address,
	    is_v6 ? "]" : "");
}

/* localhost may be ::1 first, where nobody listens: all are tried. */
static bool
resolve_host(struct target *target)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found, *info;
	const char *host = target->host + (target->host[0] == '[');
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host, "]"), host);
	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	for (info = found; info != NULL; info = info->ai_next)
		add_address(target, info);
	freeaddrinfo(found);
	return true;
}

struct buyers *
buyers_new(const char *const *urls, size_t url_count, unsigned count)
{
	struct buyers *buyers = buffer_must(calloc(1, sizeof(*buyers)));
	struct target *target;
	unsigned i;

	buyers->epoll = epoll_create1(EPOLL_CLOEXEC);
	buyers->multi = buffer_must(curl_multi_init());
	buyers->targets = buffer_must(calloc(url_count, sizeof(*target)));
	while (buyers->target_count < url_count) {
		target = &buyers->targets[buyers->target_count];
		if (!split_url(target, urls[buyers->target_count++]) ||
		    !resolve_host(target)) {
			buyers_free(buyers);
			return NULL;
		}
	}
	buyers->list = buffer_must(calloc(count, sizeof(*buyers->list)));
	buyers->idle = buffer_must(calloc(count, sizeof(struct buyer *)));
	buyers->count = count;
	buyers->timer_ns = -1;
	curl_multi_setopt(buyers->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(buyers->multi, CURLMOPT_SOCKETDATA, (void *)buyers);
	curl_multi_setopt(buyers->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(buyers->multi, CURLMOPT_TIMERDATA, (void *)buyers);
	curl_multi_setopt(
	    buyers->multi, CURLMOPT_MAXCONNECTS, (long)count + 16);
	for (i = 0; i < count; i++) {
		buyers->list[i].number = i;
		buyers->list[i].target =
		    &buyers->targets[i % buyers->target_count];
		prepare_buyer(buyers, &buyers->list[i]);
	}
	return buyers;
}

void
buyers_free(struct buyers *buyers)
{
	unsigned i;

	if (buyers == NULL)
		return;
	for (i = 0; i < buyers->count; i++) {
		curl_easy_cleanup(buyers->list[i].easy);
		curl_slist_free_all(buyers->list[i].buy_headers);
		curl_slist_free_all(buyers->list[i].look_headers);
		curl_slist_free_all(buyers->list[i].resolve);
		free(buyers->list[i].body.bytes);
	}
	curl_multi_cleanup(buyers->multi);
	close(buyers->epoll);
	for (i = 0; i < buyers->target_count; i++) {
		curl_free(buyers->targets[i].scheme);
		curl_free(buyers->targets[i].host);
		curl_free(buyers->targets[i].port);
	}
	free(buyers->targets);
	free(buyers->list);
	free(buyers->idle);
	free(buyers);
}
