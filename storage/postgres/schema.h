/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables, and what a start does about them. */
#ifndef POSTGRES_SCHEMA_H
#define POSTGRES_SCHEMA_H

#include "storage/postgres/postgres.h"

store_prepare_fn schema_prepare;

#endif
