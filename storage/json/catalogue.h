/* SPDX-License-Identifier: BSD-2-Clause */
/* Sales come, change and go. */
#ifndef CATALOGUE_H
#define CATALOGUE_H

#include "storage/store_impl.h"

enum store_result catalogue_create(struct store_user *user,
    const struct store_settings *settings, int64_t deadline_ns);

enum store_result catalogue_configure(struct store_user *user,
    struct store_state *state, const struct store_change *change,
    int64_t deadline_ns);

enum store_result catalogue_remove(struct store_user *user,
    const struct store_state *state, int64_t deadline_ns);

#endif
