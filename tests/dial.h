/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For small programs that ask a server on this machine: what to do when a call
 * fails, and how to connect.
 */
#ifndef DIAL_H
#define DIAL_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Else `what` failed, and errno says why: the program ends. */
static inline void
must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

/* A connection, to be closed; what is small is sent at once. */
static inline int
dial(unsigned port)
{
	const struct sockaddr_in there = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	must(fd != -1, "socket");
	must(connect(fd, (const struct sockaddr *)&there, sizeof(there)) == 0,
	    "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

#endif
