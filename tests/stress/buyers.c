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

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define BODY_SIZE 16384
#define TIMING_SIZE 160
#define FDS_MAX 65536
#define EVENTS 256
#define WATCH_MS 2
#define TICK_MS 50
#define NO_ANSWER_NS (20 * NS_PER_SEC) /* then none will come */
#define RETRY_FOR_NS (15 * NS_PER_SEC)
#define RETRY_FIRST_NS (5 * NS_PER_MS)
#define RETRY_MOST_NS (160 * NS_PER_MS)
#define OPEN_ATTEMPTS 50

enum doing { DOING_NOTHING, DOING_OPEN, DOING_ASK, DOING_WAIT };

struct buyer {
	CURL *easy;
	struct curl_slist *buy_headers, *look_headers, *resolve;
	char *key; /* points into buy_headers; rewritten for each order */
	unsigned number;
	enum doing doing;
	struct answer answer; /* in the making */
	int64_t asked_ns, wake_ns;
	unsigned failures; /* to open a connection */
	int retry_after_s;
	size_t body_size, timing_size;
	char form[CROWD_NAME_SIZE + 48];
	char timing[TIMING_SIZE];
	char body[BODY_SIZE];
};

struct crowd {
	CURLM *multi;
	int epoll;
	int64_t timer_ns; /* when libcurl wants to be called; -1: not */
	unsigned count, waiting, busy, opened;
	char host[256];
	char scheme[8];
	unsigned port;
	struct buyer *buyers;
	uint8_t registered[FDS_MAX]; /* epoll events of each socket */
	uint8_t wanted[FDS_MAX];
	/* Of the run. */
	const struct crowd_plan *plan;
	const char *flood; /* a path */
	struct crowd_log *log;
	uint64_t next_order, sold;
	int64_t until_ns;
	bool open;
};

/* ------------------------------------------------------------ libcurl -- */

static void
set_events(struct crowd *crowd, int fd, uint8_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	const uint8_t before = crowd->registered[fd];
	const int how = events == 0   ? EPOLL_CTL_DEL
			: before == 0 ? EPOLL_CTL_ADD
				      : EPOLL_CTL_MOD;

	if (events == before)
		return;
	epoll_ctl(crowd->epoll, how, fd, &event);
	crowd->registered[fd] = events;
}

/* Remove nothing: the next request wants the same socket again. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct crowd *crowd = arg;
	uint8_t events = 0;

	(void)easy;
	(void)unused;
	if (fd < 0 || fd >= FDS_MAX)
		return 0;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	crowd->wanted[fd] = events;
	if (what != CURL_POLL_REMOVE)
		set_events(crowd, fd, events);
	return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	struct crowd *crowd = arg;

	(void)multi;
	crowd->timer_ns = ms < 0 ? -1 : clock_now_ns() + ms * NS_PER_MS;
	return 0;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	struct crowd *crowd = arg;

	if (fd >= 0 && fd < FDS_MAX)
		crowd->registered[fd] = crowd->wanted[fd] = 0;
	return close(fd);
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct buyer *buyer = arg;
	const size_t room = BODY_SIZE - buyer->body_size;
	const size_t n = size * count < room ? size * count : room;

	memcpy(buyer->body + buyer->body_size, bytes, n);
	buyer->body_size += n;
	return size * count;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *arg)
{
	static const char timing[] = "server-timing:", retry[] = "retry-after:";
	struct buyer *buyer = arg;
	const size_t length = size * count;

	if ((bytes[0] | 0x20) == 's' && length > sizeof(timing) &&
	    strncasecmp(bytes, timing, sizeof(timing) - 1) == 0) {
		size_t n = length - sizeof(timing) + 1;

		if (n > TIMING_SIZE)
			n = TIMING_SIZE;
		memcpy(buyer->timing, bytes + sizeof(timing) - 1, n);
		buyer->timing_size = n;
	} else if ((bytes[0] | 0x20) == 'r' && length > sizeof(retry) &&
		   strncasecmp(bytes, retry, sizeof(retry) - 1) == 0) {
		buyer->retry_after_s = atoi(bytes + sizeof(retry) - 1);
	}
	return length;
}

/* ------------------------------------------------------------- buyers -- */

void
crowd_name(unsigned i, char name[CROWD_NAME_SIZE])
{
	static const char *const names[] = {"ada", "bob", "carol", "dave",
	    "erin", "frank", "grace", "heidi", "ivan", "judy", "karl", "lena",
	    "mallory", "nina", "oscar", "peggy", "quinn", "rosa", "sybil",
	    "trent", "uma", "victor", "wendy", "xue", "yara", "zoe"};
	const unsigned n = sizeof(names) / sizeof(names[0]);

	if (i < n)
		snprintf(name, CROWD_NAME_SIZE, "%s", names[i]);
	else
		snprintf(
		    name, CROWD_NAME_SIZE, "%s-%u", names[i % n], i / n + 1);
}

void
crowd_key(uint64_t seed, uint64_t n, char key[CROWD_KEY_SIZE])
{
	snprintf(
	    key, CROWD_KEY_SIZE, "stress-%016" PRIx64 "-%010" PRIu64, seed, n);
}

static void
add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (longer == NULL)
		abort();
	*list = longer;
}

/* Its own name for the host, which resolves to the same address. */
static void
prepare_buyer(struct crowd *crowd, struct buyer *buyer)
{
	char text[640];

	snprintf(text, sizeof(text), "Host: %s:%u", crowd->host, crowd->port);
	add_header(&buyer->look_headers, text);
	/* The first of the list, so that the key is found again. */
	snprintf(
	    text, sizeof(text), "Idempotency-Key: %*s", CROWD_KEY_SIZE - 1, "");
	memset(strchr(text, ':') + 2, 'x', CROWD_KEY_SIZE - 1);
	add_header(&buyer->buy_headers, text);
	buyer->key = strchr(buyer->buy_headers->data, ':') + 2;
	add_header(&buyer->buy_headers, buyer->look_headers->data);

	/* Of an IPv6 address the brackets go. */
	snprintf(text, sizeof(text), "b%u.buyer:%u:%.*s", buyer->number,
	    crowd->port,
	    (int)strcspn(crowd->host + (crowd->host[0] == '['), "]"),
	    crowd->host + (crowd->host[0] == '['));
	add_header(&buyer->resolve, text);

	buyer->easy = curl_easy_init();
	if (buyer->easy == NULL)
		abort();
	curl_easy_setopt(buyer->easy, CURLOPT_PRIVATE, (void *)buyer);
	curl_easy_setopt(buyer->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(buyer->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(buyer->easy, CURLOPT_RESOLVE, buyer->resolve);
	curl_easy_setopt(buyer->easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
	curl_easy_setopt(
	    buyer->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(buyer->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(buyer->easy, CURLOPT_WRITEDATA, (void *)buyer);
	curl_easy_setopt(buyer->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(buyer->easy, CURLOPT_HEADERDATA, (void *)buyer);
	curl_easy_setopt(buyer->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(buyer->easy, CURLOPT_CLOSESOCKETDATA, (void *)crowd);
}

static void
set_url(struct crowd *crowd, struct buyer *buyer, const char *path)
{
	char url[512];

	snprintf(url, sizeof(url), "%s://b%u.buyer:%u%s", crowd->scheme,
	    buyer->number, crowd->port, path);
	curl_easy_setopt(buyer->easy, CURLOPT_URL, url);
}

static void
set_look(struct crowd *crowd, struct buyer *buyer)
{
	char path[160];

	snprintf(path, sizeof(path), "/sales/%s", crowd->plan->sale);
	set_url(crowd, buyer, path);
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPHEADER, buyer->look_headers);
}

static void
set_buy(struct crowd *crowd, struct buyer *buyer)
{
	char path[160], name[CROWD_NAME_SIZE];

	snprintf(path, sizeof(path), "/sales/%s/buy%s", crowd->plan->sale,
	    crowd->plan->trails ? "?trail" : "");
	set_url(crowd, buyer, path);
	crowd_name(buyer->number, name);
	snprintf(buyer->form, sizeof(buyer->form), "buyer=%s&quantity=%u", name,
	    crowd->plan->quantity);
	curl_easy_setopt(buyer->easy, CURLOPT_POSTFIELDS, buyer->form);
	curl_easy_setopt(buyer->easy, CURLOPT_HTTPHEADER, buyer->buy_headers);
}

/* Send what the handle is set to. */
static void
send_request(struct crowd *crowd, struct buyer *buyer)
{
	buyer->body_size = buyer->timing_size = 0;
	buyer->retry_after_s = 0;
	buyer->asked_ns = clock_now_ns();
	if (buyer->answer.attempts++ == 0)
		buyer->answer.sent_ns = buyer->asked_ns;
	crowd->busy++;
	curl_multi_add_handle(crowd->multi, buyer->easy);
}

static void
begin(struct crowd *crowd, struct buyer *buyer, enum ask ask)
{
	buyer->doing = DOING_ASK;
	buyer->answer = (struct answer){
	    .ask = ask, .buyer = buyer->number, .order = buyer->answer.order};
	send_request(crowd, buyer);
}

static void
begin_buy(struct crowd *crowd, struct buyer *buyer)
{
	char key[CROWD_KEY_SIZE];

	crowd_key(crowd->plan->seed, buyer->answer.order, key);
	memcpy(buyer->key, key, strlen(key) + 1);
	if (crowd->plan->looks)
		set_buy(crowd, buyer);
	begin(crowd, buyer, ASK_BUY);
}

/* The next order, if there is one. */
static void
begin_order(struct crowd *crowd, struct buyer *buyer)
{
	const struct crowd_plan *plan = crowd->plan;

	buyer->doing = DOING_NOTHING;
	if (plan->orders != 0
		? crowd->next_order - plan->first_order >= plan->orders
		: clock_now_ns() >= crowd->until_ns)
		return;
	buyer->answer.order = crowd->next_order++;
	if (crowd->flood != NULL) {
		begin(crowd, buyer, ASK_LOOK);
	} else if (plan->looks) {
		set_look(crowd, buyer);
		begin(crowd, buyer, ASK_LOOK);
	} else {
		begin_buy(crowd, buyer);
	}
}

/* ------------------------------------------------------------ answers -- */

static void
write_down(struct crowd *crowd, struct buyer *buyer, uint16_t status)
{
	struct crowd_log *log = crowd->log;
	struct answer *answer = &buyer->answer;

	answer->status = status;
	answer->done_ns = clock_now_ns();
	answer->timing_size = (uint32_t)buyer->timing_size;
	answer->body_size =
	    crowd->flood != NULL ? 0 : (uint32_t)buyer->body_size;
	answer->at = tape_add(&log->tape, buyer->timing, buyer->timing_size);
	tape_add(&log->tape, buyer->body, answer->body_size);
	log->answers =
	    list_grow(log->answers, log->count, sizeof(*log->answers));
	log->answers[log->count++] = *answer;
	log->end_ns = answer->done_ns;
	if (answer->ask == ASK_BUY && status == 201)
		crowd->sold++;
}

static void
wait_for(struct crowd *crowd, struct buyer *buyer, int64_t ns)
{
	buyer->doing = DOING_WAIT;
	buyer->wake_ns = clock_now_ns() + ns;
	crowd->waiting++;
}

/* How long until the order is asked for again; 0: it is answered. */
static int64_t
wait_before_retry(const struct crowd *crowd, struct buyer *buyer, int status)
{
	const struct answer *answer = &buyer->answer;
	int64_t ns = RETRY_FIRST_NS;

	if (answer->ask == ASK_LOOK ||
	    clock_now_ns() - answer->sent_ns > RETRY_FOR_NS)
		return 0;
	if (status == 503) {
		if (!crowd->plan->patient)
			return 0;
		/* As told, and a little more, so that not all come at once. */
		return buyer->retry_after_s * NS_PER_SEC +
		       (buyer->number % 64 + 1) * NS_PER_MS;
	}
	if (status != 0 && status != 500 && status != 502 && status != 504)
		return 0;
	buyer->answer.was_unknown = true;
	if (answer->attempts < 6)
		ns <<= answer->attempts - 1;
	return ns < RETRY_MOST_NS ? ns : RETRY_MOST_NS;
}

static void
finish_open(struct crowd *crowd, struct buyer *buyer, int status)
{
	buyer->doing = DOING_NOTHING;
	if (status == 0 && ++buyer->failures < OPEN_ATTEMPTS) {
		wait_for(crowd, buyer, RETRY_FIRST_NS);
		return;
	}
	if (status != 0)
		crowd->opened++;
}

static void
finish(struct crowd *crowd, struct buyer *buyer, int status)
{
	int64_t wait_ns;

	crowd->busy--;
	if (!crowd->open) {
		finish_open(crowd, buyer, status);
		return;
	}
	wait_ns = wait_before_retry(crowd, buyer, status);
	if (wait_ns > 0) {
		wait_for(crowd, buyer, wait_ns);
		return;
	}
	write_down(crowd, buyer, (uint16_t)status);
	if (crowd->flood == NULL && buyer->answer.ask == ASK_LOOK)
		begin_buy(crowd, buyer);
	else if (status == 503) /* impatient, but not without manners */
		wait_for(crowd, buyer, RETRY_FIRST_NS);
	else
		begin_order(crowd, buyer);
}

static void
wake(struct crowd *crowd, struct buyer *buyer)
{
	crowd->waiting--;
	buyer->doing = crowd->open ? DOING_ASK : DOING_OPEN;
	/* A wait behind a 503 that was written down: the next order. */
	if (crowd->open && !crowd->plan->patient && buyer->answer.status == 503)
		begin_order(crowd, buyer);
	else
		send_request(crowd, buyer);
}

static void
hear_answers(struct crowd *crowd)
{
	struct buyer *buyer;
	CURLMsg *message;
	CURLcode result;
	long status;
	int left;

	while ((message = curl_multi_info_read(crowd->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)&buyer);
		status = 0;
		if (result == CURLE_OK)
			curl_easy_getinfo(message->easy_handle,
			    CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(crowd->multi, buyer->easy);
		finish(crowd, buyer, (int)status);
	}
}

/* ---------------------------------------------------------------- loop -- */

static int
wait_ms(const struct crowd *crowd)
{
	const int most =
	    crowd->waiting > 0 || (crowd->plan->watch != NULL && crowd->open)
		? WATCH_MS
		: TICK_MS;
	int64_t ns;

	if (crowd->timer_ns == -1)
		return most;
	ns = crowd->timer_ns - clock_now_ns();
	if (ns <= 0)
		return 0;
	return ns < most * NS_PER_MS ? (int)(ns / NS_PER_MS) + 1 : most;
}

static void
handle_event(struct crowd *crowd, const struct epoll_event *event)
{
	const int fd = event->data.fd;
	int running, what = 0;

	if (crowd->wanted[fd] == 0) { /* closed by the other side, idle */
		set_events(crowd, fd, 0);
		return;
	}
	if ((event->events & EPOLLIN) != 0)
		what |= CURL_CSELECT_IN;
	if ((event->events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((event->events & (EPOLLERR | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(crowd->multi, fd, what, &running);
}

static void
turn(struct crowd *crowd)
{
	struct epoll_event events[EVENTS];
	int i, n, running;

	n = epoll_wait(crowd->epoll, events, EVENTS, wait_ms(crowd));
	for (i = 0; i < n; i++)
		handle_event(crowd, &events[i]);
	hear_answers(crowd);
	if (crowd->timer_ns != -1 && clock_now_ns() >= crowd->timer_ns) {
		crowd->timer_ns = -1;
		curl_multi_socket_action(
		    crowd->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		hear_answers(crowd);
	}
}

/* Those whose wait is over, and those to whom nobody will answer. */
static void
look_round(struct crowd *crowd, int64_t now_ns)
{
	unsigned i;

	for (i = 0; i < crowd->count; i++) {
		struct buyer *buyer = &crowd->buyers[i];

		if (buyer->doing == DOING_WAIT && now_ns >= buyer->wake_ns)
			wake(crowd, buyer);
		if ((buyer->doing == DOING_ASK || buyer->doing == DOING_OPEN) &&
		    now_ns - buyer->asked_ns > NO_ANSWER_NS) {
			curl_multi_remove_handle(crowd->multi, buyer->easy);
			finish(crowd, buyer, 0);
		}
	}
}

static bool
run_until_done(struct crowd *crowd, const volatile sig_atomic_t *stop)
{
	int64_t next_look_ns = clock_now_ns() + NS_PER_SEC;

	while (crowd->busy > 0 || crowd->waiting > 0) {
		int64_t now_ns;

		if (*stop)
			return false;
		turn(crowd);
		now_ns = clock_now_ns();
		if (crowd->waiting > 0 || now_ns > next_look_ns) {
			look_round(crowd, now_ns);
			next_look_ns = now_ns + NS_PER_SEC;
		}
		if (crowd->plan->watch != NULL && crowd->open)
			crowd->plan->watch(crowd->plan->watch_arg, crowd->sold);
	}
	return true;
}

static bool
open_connections(struct crowd *crowd, const volatile sig_atomic_t *stop)
{
	unsigned i;

	crowd->open = false;
	crowd->opened = 0;
	for (i = 0; i < crowd->count; i++) {
		struct buyer *buyer = &crowd->buyers[i];

		set_look(crowd, buyer);
		buyer->doing = DOING_OPEN;
		buyer->failures = 0;
		send_request(crowd, buyer);
	}
	return run_until_done(crowd, stop) && crowd->opened == crowd->count;
}

/* What stays the same for every request of the run is set once. */
static void
set_once(struct crowd *crowd)
{
	unsigned i;

	for (i = 0; i < crowd->count; i++) {
		if (crowd->flood != NULL)
			set_url(crowd, &crowd->buyers[i], crowd->flood);
		else if (!crowd->plan->looks)
			set_buy(crowd, &crowd->buyers[i]);
	}
}

static void
abandon(struct crowd *crowd)
{
	unsigned i;

	for (i = 0; i < crowd->count; i++) {
		curl_multi_remove_handle(crowd->multi, crowd->buyers[i].easy);
		crowd->buyers[i].doing = DOING_NOTHING;
	}
	crowd->busy = crowd->waiting = 0;
}

bool
crowd_run(struct crowd *crowd, const struct crowd_plan *plan,
    struct crowd_log *log, const volatile sig_atomic_t *stop)
{
	bool done;
	unsigned i;

	*log = (struct crowd_log){0};
	crowd->plan = plan;
	crowd->log = log;
	crowd->next_order = plan->first_order;
	crowd->sold = 0;
	done = open_connections(crowd, stop);
	if (done) {
		crowd->open = true;
		set_once(crowd);
		log->start_ns = log->end_ns = clock_now_ns();
		crowd->until_ns = log->start_ns + plan->duration_ns;
		for (i = 0; i < crowd->count; i++)
			begin_order(crowd, &crowd->buyers[i]);
		done = run_until_done(crowd, stop);
	}
	abandon(crowd);
	return done;
}

bool
crowd_flood(struct crowd *crowd, const char *path, int64_t duration_ns,
    struct crowd_log *log, const volatile sig_atomic_t *stop)
{
	const struct crowd_plan plan = {
	    .sale = "demo", .duration_ns = duration_ns, .quantity = 1};
	bool done;

	crowd->flood = path;
	done = crowd_run(crowd, &plan, log, stop);
	crowd->flood = NULL;
	return done;
}

void
crowd_log_free(struct crowd_log *log)
{
	free(log->answers);
	tape_free(&log->tape);
	*log = (struct crowd_log){0};
}

/* ---------------------------------------------------------------- life -- */

/* "http://[::1]:8080" into its parts. */
static bool
split_url(struct crowd *crowd, const char *url)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	bool good;

	good = parts != NULL &&
	       curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	       curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	       curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	       curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
		   CURLUE_OK;
	if (good) {
		snprintf(crowd->scheme, sizeof(crowd->scheme), "%s", scheme);
		snprintf(crowd->host, sizeof(crowd->host), "%s", host);
		crowd->port = (unsigned)atoi(port);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return good;
}

struct crowd *
crowd_new(const char *url, unsigned buyers)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	unsigned i;

	if (crowd == NULL || !split_url(crowd, url)) {
		free(crowd);
		return NULL;
	}
	crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
	crowd->multi = curl_multi_init();
	crowd->buyers = calloc(buyers, sizeof(*crowd->buyers));
	if (crowd->epoll == -1 || crowd->multi == NULL ||
	    crowd->buyers == NULL) {
		crowd_free(crowd);
		return NULL;
	}
	crowd->count = buyers;
	crowd->timer_ns = -1;
	curl_multi_setopt(crowd->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(crowd->multi, CURLMOPT_SOCKETDATA, (void *)crowd);
	curl_multi_setopt(crowd->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(crowd->multi, CURLMOPT_TIMERDATA, (void *)crowd);
	curl_multi_setopt(
	    crowd->multi, CURLMOPT_MAXCONNECTS, (long)buyers + 16);
	for (i = 0; i < buyers; i++) {
		crowd->buyers[i].number = i;
		prepare_buyer(crowd, &crowd->buyers[i]);
	}
	return crowd;
}

void
crowd_free(struct crowd *crowd)
{
	unsigned i;

	if (crowd == NULL)
		return;
	for (i = 0; crowd->buyers != NULL && i < crowd->count; i++) {
		curl_multi_remove_handle(crowd->multi, crowd->buyers[i].easy);
		curl_easy_cleanup(crowd->buyers[i].easy);
		curl_slist_free_all(crowd->buyers[i].buy_headers);
		curl_slist_free_all(crowd->buyers[i].look_headers);
		curl_slist_free_all(crowd->buyers[i].resolve);
	}
	curl_multi_cleanup(crowd->multi);
	if (crowd->epoll != -1)
		close(crowd->epoll);
	free(crowd->buyers);
	free(crowd);
}
