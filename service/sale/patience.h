/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sale's delay means for buyers whose patience is the orders' timeout.
 *
 * An order's own delay does not count against its deadline, those of the
 * orders before it do: under a lock that excludes, the k-th of several buyers
 * at once waits for k - 1 delays.  A stop waits twice the timeout for answers.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_SIZE 320 /* bytes of the longest warning, with NUL */

/*
 * True: it is so long, half the timeout or more, that there is something to
 * warn of, and `text` does, in one line without a newline.
 */
bool patience_warn(
    int64_t delay_ms, int64_t timeout_ms, char text[PATIENCE_SIZE]);

#endif
