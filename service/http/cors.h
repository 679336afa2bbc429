/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of other origins, in a browser (CORS): those that --allow-origin names
 * may look and buy, and read the answers.  Nobody else's may, and no page of
 * another origin changes sales: see admin.h.
 *
 * A buy is as open without it: any page can send one, and any program.  What
 * the option gives away is the answer.  Cookies and the like are not asked for
 * and not allowed, as there are none.
 */
#ifndef CORS_H
#define CORS_H

#include "service/http/handle.h"

/*
 * Is it a list, with commas, of "*" and of origins in the words of a browser:
 * SCHEME://HOST[:PORT] in lower case, without a path and the usual port?
 * "null" is none: whoever likes can have it, with a file or a sandbox.
 */
bool cors_is_list(const char *text);

/*
 * Before the reply of `call` is sent: may a page of the request's origin read
 * it?  Says nothing of routes that are not for pages.
 */
void cors_put(struct call *call);

/*
 * The reply to OPTIONS.  Before a page may send certain requests a browser
 * asks so; `asked` is where that request would go, NULL: nowhere.
 */
void cors_reply_options(struct call *call, const struct route *asked);

#endif
