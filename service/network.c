/* SPDX-License-Identifier: BSD-2-Clause */
/* getifaddrs(), and which of what it says a telephone could reach. */
#include "service/network.h"

#include <sys/types.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
	int rank; /* the least is tried first; -1: never */
	char host[NETWORK_HOST_SIZE];
};

/* Interfaces that lead to containers and virtual machines. */
static bool
is_inner(const char *name)
{
	static const char *const prefixes[] = {
	    "docker", "br-", "veth", "virbr", "cni", "lxc", "podman"};
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Homes and schools have 192.168 and 10; 169.254 is a machine on its own. */
static int
rank_ipv4(uint32_t address)
{
	if (address >> 24 == 127 || address >> 16 == 0xa9fe)
		return -1;
	if (address >> 16 == 0xc0a8)
		return 0;
	if (address >> 24 == 10)
		return 1;
	return 2;
}

static struct candidate
judge(const struct ifaddrs *entry)
{
	struct candidate found = {.rank = -1};
	const struct sockaddr_in *ipv4 = (const void *)entry->ifa_addr;
	const struct sockaddr_in6 *ipv6 = (const void *)entry->ifa_addr;
	char text[INET6_ADDRSTRLEN];

	if (entry->ifa_addr == NULL || !(entry->ifa_flags & IFF_UP))
		return found;
	if (entry->ifa_addr->sa_family == AF_INET) {
		found.rank = rank_ipv4(ntohl(ipv4->sin_addr.s_addr));
		inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof(text));
		snprintf(found.host, sizeof(found.host), "%s", text);
	} else if (entry->ifa_addr->sa_family == AF_INET6 &&
		   !IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr) &&
		   !IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr)) {
		found.rank = 3;
		inet_ntop(AF_INET6, &ipv6->sin6_addr, text, sizeof(text));
		snprintf(found.host, sizeof(found.host), "[%s]", text);
	}
	if (found.rank >= 0 && is_inner(entry->ifa_name))
		found.rank += 10;
	return found;
}

static int
by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->host, y->host);
}

size_t
network_hosts(char hosts[NETWORK_MOST][NETWORK_HOST_SIZE])
{
	struct candidate found[4 * NETWORK_MOST];
	struct ifaddrs *all, *entry;
	size_t i, count = 0;

	if (getifaddrs(&all) != 0)
		return 0;
	for (entry = all; entry != NULL && count < 4 * NETWORK_MOST;
	     entry = entry->ifa_next) {
		found[count] = judge(entry);
		count += found[count].rank >= 0;
	}
	freeifaddrs(all);
	qsort(found, count, sizeof(found[0]), by_rank);
	if (count > NETWORK_MOST)
		count = NETWORK_MOST;
	for (i = 0; i < count; i++)
		memcpy(hosts[i], found[i].host, NETWORK_HOST_SIZE);
	return count;
}

bool
network_is_any(const char *host)
{
	return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ||
	       strcmp(host, "::") == 0 || strcmp(host, "[::]") == 0;
}

bool
network_is_local(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
	       strcmp(host, "[::1]") == 0 || strcmp(host, "localhost") == 0;
}
