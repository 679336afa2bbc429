# SPDX-License-Identifier: BSD-2-Clause
# Fuzzing: build-fuzz/fuzz by clang and libFuzzer; and, by any compiler, the
# cases that are kept.

FUZZ_SECONDS ?= 60
FUZZ_PACKAGES := clang libclang-rt-dev llvm
FUZZ_PARTS := $(filter-out %/main.c %/test_seeds.c,$(wildcard tests/fuzz/*.c))
FUZZ_OBJECTS := $(FUZZ_PARTS:%.c=$(BUILD)/%.o) $(BUILD)/fuzz/stress_flags.o \
	$(filter-out $(BUILD)/service/log.o,$(LIBRARY))
FUZZ_TESTS := $(BUILD)/fuzz/test_seeds

# Two programs have a table of flags, under the same names.
FUZZ_RENAMED := $(foreach f,parse drill orders settings setting,\
	-Dflags_$(f)=stress_flags_$(f))
$(BUILD)/tests/fuzz/target_stress.o: CPPFLAGS += $(FUZZ_RENAMED)
$(BUILD)/fuzz/stress_flags.o: tests/stress/flags.c | packages
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(FUZZ_RENAMED) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/test_seeds: $(BUILD)/tests/fuzz/test_seeds.o $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

FUZZ_FOLDER = $(shell clang -print-resource-dir)/lib/linux
FUZZ_RUNTIME = $(FUZZ_FOLDER)/libclang_rt.fuzzer_no_main-$(shell uname -m).a
$(BUILD)/fuzz/fuzz: $(BUILD)/tests/fuzz/main.o $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(FUZZ_RUNTIME) $(LDLIBS) \
	    -lstdc++ -lm

.PHONY: fuzz
fuzz: test-packages ## a minute of libFuzzer for each target; FUZZ_SECONDS=
	@tests/packages.sh $(FUZZ_PACKAGES)
	@$(MAKE) -s CC=clang BUILD=build-fuzz OPTIMISE='-O1 -g' \
	    SANITIZE=fuzzer-no-link,address,undefined build-fuzz/fuzz/fuzz
	@tests/fuzz/run build-fuzz/fuzz/fuzz $(FUZZ_SECONDS)

-include $(FUZZ_PARTS:%.c=$(BUILD)/%.d) $(BUILD)/fuzz/stress_flags.d \
	$(BUILD)/tests/fuzz/main.d $(BUILD)/tests/fuzz/test_seeds.d
