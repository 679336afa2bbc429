/* SPDX-License-Identifier: BSD-2-Clause */
/* What turnstile and its stress test call themselves. */
#ifndef VERSION_H
#define VERSION_H

#define TURNSTILE_VERSION "0.2.0-dev"

#endif
