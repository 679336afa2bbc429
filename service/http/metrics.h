/* SPDX-License-Identifier: BSD-2-Clause */
/* What the workers counted, for Prometheus and its like. */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "service/service.h"

/*
 * All workers' counters, summed, in Prometheus' text format 0.0.4 or in
 * OpenMetrics 1.0.  `store` is the calling thread's and lists the sales; NULL:
 * there is none now.  Any thread; the sums are not of one moment.
 */
void metrics_print(const struct service *service, struct store_user *store,
    bool openmetrics, FILE *out);

#endif
