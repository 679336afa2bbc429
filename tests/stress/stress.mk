# SPDX-License-Identifier: BSD-2-Clause
# The stress test: build/stress, and the tests of its own.

STRESS_SOURCES := $(filter-out tests/stress/test_% tests/stress/broken.c \
	tests/stress/planted.c,\
	$(wildcard tests/stress/*.c))
STRESS_OBJECTS := $(STRESS_SOURCES:%.c=$(BUILD)/%.o)
STRESS_PARTS := $(filter-out $(BUILD)/tests/stress/main.o,$(STRESS_OBJECTS))
# It looks at the service from outside: of its rooms it needs the ground, the
# strategies and the audit.
STRESS_LIBRARY := $(filter-out $(BUILD)/service/process/% \
	$(BUILD)/service/http/% $(BUILD)/service/page/%,$(LIBRARY))
STRESS_BATS := $(wildcard tests/stress/*.bats)
STRESS_UNITS := test_oracle test_price
STRESS_TESTS := $(STRESS_UNITS:%=$(BUILD)/unit/%) $(STRESS_BATS)

built: $(BUILD)/stress
$(BUILD)/stress: $(STRESS_OBJECTS) $(STRESS_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm

# The service, broken on purpose: the oracle must go red.  It has tables of
# stores and of locks of its own.
$(BUILD)/turnstile-broken: $(BUILD)/tests/stress/broken.o \
		$(filter-out $(BUILD)/storage/store_rows.o \
		$(BUILD)/locks/lock_rows.o,$(OBJECTS))
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Locks with a mistake each: the service and the stress test have their table.
$(BUILD)/turnstile-planted: $(BUILD)/tests/stress/planted.o \
		$(filter-out $(BUILD)/storage/store_rows.o \
		$(BUILD)/locks/lock_rows.o,$(OBJECTS))
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/stress-planted: $(BUILD)/tests/stress/planted.o $(STRESS_OBJECTS) \
		$(filter-out $(BUILD)/storage/store_rows.o \
		$(BUILD)/locks/lock_rows.o,$(STRESS_LIBRARY))
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm

$(STRESS_UNITS:%=$(BUILD)/unit/%): $(BUILD)/unit/%: \
		$(BUILD)/tests/stress/%.o $(STRESS_PARTS) $(STRESS_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm -lcmocka

$(STRESS_UNITS:%=$(BUILD)/tests/stress/%.o): | test-packages

# Files that are there; what they run must be built.
$(STRESS_BATS): $(BUILD)/stress $(BUILD)/turnstile $(BUILD)/turnstile-broken \
	$(BUILD)/turnstile-planted $(BUILD)/stress-planted

.PHONY: test-stress stress
test-stress: test-packages ## the stress test's own tests
	@$(MAKE) -s $(STRESS_TESTS)
	@TURNSTILE=$(BUILD)/turnstile STRESS=$(BUILD)/stress \
	    BROKEN=$(BUILD)/turnstile-broken tests/run.sh $(STRESS_TESTS)

stress: $(BUILD)/stress $(BUILD)/turnstile ## the full matrix, with drills
	$(BUILD)/stress --batch 1,64
	$(BUILD)/stress --kill 3 --runs 5 --expect 'stop<2s'
	$(BUILD)/stress --kill-holder 2 --pause-holder 300ms --runs 5 \
	    --expect 'stop<2s'

-include $(STRESS_OBJECTS:.o=.d) $(STRESS_UNITS:%=$(BUILD)/tests/stress/%.d) \
	$(BUILD)/tests/stress/broken.d $(BUILD)/tests/stress/planted.d
