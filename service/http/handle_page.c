/* SPDX-License-Identifier: BSD-2-Clause */
/* The browser's page: its files, and what it asks before anything else. */
#include "service/http/handle.h"

#include "service/http/admin.h"
#include "service/http/problem.h"
#include "service/member.h"
#include "service/page/page.h"
#include "service/version.h"

/* The page loads nothing from elsewhere, and runs nothing that is inline. */
static void
reply_file(struct call *call, const struct page_file *file)
{
	const char *known = call->request->headers[HEADER_IF_NONE_MATCH];
	struct reply *reply = call->reply;

	if (known != NULL && strstr(known, file->etag) != NULL)
		reply_text(reply, 304, NULL, "");
	else
		reply_bytes(reply, 200, file->type, file->bytes, file->size);
	reply_header(reply, "ETag", file->etag);
	reply_header(reply, "Cache-Control", "no-cache");
	reply_header(reply, "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; "
	    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'");
	reply_header(reply, "X-Content-Type-Options", "nosniff");
}

/* The sale of the tour; while nobody can look, whether a start opens it. */
static bool
has_demo(const struct call *call)
{
	struct store_state demo;

	if (call->store == NULL)
		return call->service->options->tickets > 0;
	return store_read(call->store, "demo", &demo) != STORE_GONE;
}

/* Where that is not: what there is, and how there comes to be a sale. */
static void
print_ways(FILE *out, const char *host, const struct call *call)
{
	const enum admin admin = call->service->options->admin;

	fprintf(out,
	    "look   curl %s/sales\n"
	    "read   curl %s/openapi.yaml\n",
	    host, host);
	if (admin != ADMIN_OFF)
		fprintf(out,
		    "open   curl %s-d id=gig -d capacity=100 %s/sales\n"
		    "       (then curl -d buyer=alice %s/sales/gig/buy)\n",
		    admin == ADMIN_TOKEN ? "-H 'Authorization: Bearer TOKEN' "
					 : "",
		    host, host);
}

/* Nobody is told to break what only others may change. */
static void
print_tour(FILE *out, const char *host, bool may_change)
{
	fprintf(out,
	    "look   curl %s/sales/demo\n"
	    "buy    curl -d buyer=alice %s/sales/demo/buy\n",
	    host, host);
	if (may_change)
		fprintf(out,
		    "break  curl -X PATCH -d lock=none -d delay=3s "
		    "%s/sales/demo\n"
		    "       (then buy from two terminals at once)\n",
		    host);
	fprintf(out, "judge  curl %s/sales/demo/audit.txt\n", host);
	if (may_change)
		fprintf(out,
		    "cure   curl -X PATCH -d lock=mutex %s/sales/demo\n", host);
}

/* To a browser the page, to all others what they can type. */
void
handle_page_root(struct call *call)
{
	const char *accept = call->request->headers[HEADER_ACCEPT];
	const char *host = call->request->headers[HEADER_HOST];
	FILE *out;

	if (host == NULL || strlen(host) > 80)
		host = call->service->address;
	if (accept != NULL && strstr(accept, "text/html") != NULL) {
		reply_file(call, page_find("index.html"));
	} else {
		out = reply_open(call->reply);
		if (out == NULL)
			return;
		fputs("turnstile " TURNSTILE_VERSION
		      ": sells the same seat twice, shows you why, and then "
		      "doesn't\n\n",
		    out);
		if (has_demo(call))
			print_tour(out, host, admin_is(call));
		else
			print_ways(out, host, call);
		reply_close(call->reply, out, 200, REPLY_TEXT);
	}
	reply_header(call->reply, "Vary", "Accept");
}

void
handle_page_file(struct call *call)
{
	const struct page_file *file = page_find(call->request->item);

	if (file != NULL)
		reply_file(call, file);
	else
		problem_reply(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "The page has no such file.");
}

void
handle_page_openapi(struct call *call)
{
	reply_file(call, page_find("openapi.yaml"));
}

void
handle_page_about(struct call *call)
{
	static const char *const modes[] = {[ADMIN_OPEN] = "open",
	    [ADMIN_TOKEN] = "token",
	    [ADMIN_OFF] = "off"};
	const struct options *options = call->service->options;
	json_t *value = json_object();

	member_text(value, "version", TURNSTILE_VERSION);
	member_text(value, "admin", modes[options->admin]);
	member_flag(value, "may_change", admin_is(call));
	member_number(value, "workers", options->workers);
	member_number(value, "clerks", options->clerks);
	member_number(value, "timeout_ms", options->timeout_ms);
	member_json(value, "addresses", handle_network_addresses(call));
	reply_json(call->reply, 200, value);
	reply_header(call->reply, "Cache-Control", "no-store");
}
