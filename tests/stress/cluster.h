/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PostgreSQL of the test's own, which nobody else can reach and which ends
 * with the test.  As root, which PostgreSQL refuses, it is the user's whom its
 * package made.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

struct cluster;

/*
 * Start one, with its files below `root`, which the server's user must be able
 * to look into, and whose name is short, as that of a socket has to be.  NULL,
 * with a line in `error`, if the programs are not there, or it does not start
 * within ten seconds.
 */
struct cluster *cluster_start(const char *root, char *error, size_t error_size);

/*
 * What --database takes: a schema of its own, where hosts are numbered from 1.
 * Not owned, and valid until the next call.
 */
const char *cluster_database(struct cluster *cluster);

/* Kill it, as a power cut would but for what is not on disk. */
void cluster_kill(struct cluster *cluster);

/* Start it again if it does not run.  Never waits: call it again. */
void cluster_tend(struct cluster *cluster);

/* The same, and wait until it answers, ten seconds at most. */
bool cluster_await(struct cluster *cluster);

/* End it, and remove its files.  NULL is allowed. */
void cluster_stop(struct cluster *cluster);

#endif
