# SPDX-License-Identifier: BSD-2-Clause
# The damage tests: build/torture, the library that it puts into the service,
# and `make torture`, to which other folders add.

TORTURE_TEST_SOURCES := $(wildcard tests/torture/test_*.c)
TORTURE_SOURCES := $(filter-out tests/torture/preload.c \
	$(TORTURE_TEST_SOURCES),$(wildcard tests/torture/*.c))
TORTURE_OBJECTS := $(TORTURE_SOURCES:%.c=$(BUILD)/%.o)
# It looks at the service from outside, and at the store from within.
TORTURE_LIBRARY := $(filter $(BUILD)/locks/% $(BUILD)/storage/% \
	$(BUILD)/service/writer.o,$(OBJECTS))
TORTURE_PROGRAMS := $(BUILD)/torture $(BUILD)/libtamper.so

$(BUILD)/torture: $(TORTURE_OBJECTS) $(TORTURE_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lsqlite3 $(LIBPQ:%=-lpq)

# The library is another program's: its code can stand anywhere, and some of
# its functions have the names of the C library's.
TAMPER := tamper tape calls raw preload
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

# The tests of the tests, and the quick damages.
TORTURE_UNITS := $(TORTURE_TEST_SOURCES:tests/torture/%.c=$(BUILD)/unit/%)
$(TORTURE_UNITS): $(BUILD)/unit/%: $(BUILD)/tests/torture/%.o \
		$(filter-out %/main.o,$(TORTURE_OBJECTS)) $(TORTURE_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lsqlite3 $(LIBPQ:%=-lpq) -lcmocka
$(TORTURE_TEST_SOURCES:%.c=$(BUILD)/%.o): | test-packages
TORTURE_QUICK := tests/torture/quick.bats
$(TORTURE_QUICK): $(TORTURE_PROGRAMS) $(BUILD)/turnstile
TORTURE_TESTS := $(TORTURE_UNITS) $(TORTURE_QUICK)

.PHONY: test-torture
test-torture: test-packages ## the damage tests' own tests, and quick damage
	@$(MAKE) -s $(TORTURE_TESTS)
	@TORTURE=$(BUILD)/torture tests/run.sh $(TORTURE_TESTS)

# All parts are in the table tests/torture/parts; these are of this folder.
# None takes much longer than TORTURE_SECONDS: what is left then is left out,
# and counted.
TORTURE_STORES := $(foreach part,powercut crash fault memory,\
	torture-$(part)-json torture-$(part)-sqlite)
TORTURE_SECONDS ?= 210
TORTURE_RED := $(BUILD)/torture.red

.PHONY: torture torture-stress $(TORTURE_STORES)
torture: test-packages $(TORTURE_PROGRAMS) $(BUILD)/turnstile \
		$(BUILD)/stress ## the long ones: half an hour of damage
	@rm -f $(TORTURE_RED)
	@MAKE="$(MAKE)" tests/torture/all.sh
$(TORTURE_STORES): torture-%: $(TORTURE_PROGRAMS) $(BUILD)/turnstile
	@$(BUILD)/torture $(firstword $(subst -, ,$*)) \
	    --store $(lastword $(subst -, ,$*)) --red $(TORTURE_RED) \
	    --seconds $(TORTURE_SECONDS)
torture-stress: $(BUILD)/stress $(BUILD)/turnstile
	@tests/torture/stress.sh $(BUILD)/stress

-include $(TORTURE_OBJECTS:.o=.d) $(TAMPER_OBJECTS:.o=.d) \
	$(TORTURE_TEST_SOURCES:%.c=$(BUILD)/%.d)
