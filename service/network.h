/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Under which addresses other machines can reach this one: "0.0.0.0", where a
 * service may listen, is nothing that anybody can type.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#define NETWORK_MOST 8
#define NETWORK_HOST_SIZE 56 /* an IPv6 address in brackets, and NUL */

/*
 * The machine's addresses, the likeliest to be reached first: those of
 * interfaces that are up, but for loopback and link-local ones, and those of
 * containers last.  IPv6 in brackets.  How many there are, at most
 * NETWORK_MOST; 0 also after an error.
 */
size_t network_hosts(char hosts[NETWORK_MOST][NETWORK_HOST_SIZE]);

/* Is it every address: "", "0.0.0.0", "::" or "[::]"? */
bool network_is_any(const char *host);

/* Is it one that only this machine reaches: 127.…, ::1, localhost? */
bool network_is_local(const char *host);

#endif
