/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts as numbers: equal ones have the same, from 1 on. */
#ifndef TEXTS_H
#define TEXTS_H

struct texts;

struct texts *texts_new(void); /* NULL: no memory */
void texts_free(struct texts *texts);

/* Its number; a new one if it is new.  0: no memory. */
int texts_number(struct texts *texts, const char *text);

const char *texts_at(const struct texts *texts, int number);
int texts_count(const struct texts *texts);

#endif
