/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service's own options: flags, else TURNSTILE_… in the environment, else
 * defaults.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include "service/options.h"
#include "service/service.h"

/*
 * What was chosen goes to `options`; its texts stay those of `argv` and the
 * environment.  Help goes to `out`, what is wrong to `err`.
 */
enum options_result flags_parse(struct options *options, int argc,
    char *const argv[], FILE *out, FILE *err);

/* After that: a variable that is no option; see options_stray(). */
const char *flags_stray(size_t *at);

#endif
