# SPDX-License-Identifier: BSD-2-Clause
# The damage tests: build/torture, and the library that it puts into the
# service.

TORTURE_TEST_SOURCES := $(wildcard tests/torture/test_*.c)
TORTURE_SOURCES := $(filter-out tests/torture/preload.c \
	$(TORTURE_TEST_SOURCES),$(wildcard tests/torture/*.c))
TORTURE_OBJECTS := $(TORTURE_SOURCES:%.c=$(BUILD)/%.o)
TORTURE_PARTS := $(filter-out %/main.o,$(TORTURE_OBJECTS))
# It looks at the service from outside, and at the store from within.
TORTURE_LIBRARY := $(filter $(BUILD)/locks/% $(BUILD)/storage/%,$(OBJECTS))

all: $(BUILD)/torture $(BUILD)/libtamper.so
$(BUILD)/torture: $(TORTURE_OBJECTS) $(TORTURE_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lsqlite3

# The library is another program's: its code can stand anywhere, and some of
# its functions have the names of the C library's.
TAMPER := tamper tape calls preload
TAMPER_OBJECTS := $(TAMPER:%=$(BUILD)/tests/torture/%.pic.o)
TAMPER_NAMES := malloc calloc realloc reallocarray memalign aligned_alloc \
	posix_memalign pthread_mutex_lock pthread_mutex_trylock \
	pthread_mutex_timedlock pthread_mutex_clocklock pthread_mutex_unlock \
	sem_wait sem_trywait sem_clockwait sem_post fork pthread_create
$(BUILD)/tests/torture/%.pic.o: tests/torture/%.c | packages
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<
$(BUILD)/libtamper.so: $(TAMPER_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ \
	    $(foreach name,$(TAMPER_NAMES),\
	    -Wl$(comma)--defsym=$(name)=preload_$(name))

-include $(TORTURE_OBJECTS:.o=.d) $(TAMPER_OBJECTS:.o=.d)
