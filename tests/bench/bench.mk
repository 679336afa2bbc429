# SPDX-License-Identifier: BSD-2-Clause
# How fast a durable sale is, beside what else there is.

BENCH_TESTS := $(wildcard tests/bench/*.bats)
BENCH_PROGRAMS := $(BUILD)/floor $(BUILD)/redis_load

$(BUILD)/floor: $(BUILD)/tests/bench/floor.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lmicrohttpd
$(BUILD)/redis_load: $(BUILD)/tests/bench/redis_load.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

-include $(BENCH_PROGRAMS:$(BUILD)/%=$(BUILD)/tests/bench/%.d)

.PHONY: bench bench-programs flame test-bench
bench: bench-programs ## how fast, beside Redis and PostgreSQL: 15 minutes
	@BENCH_COMMAND="make bench$(if $(BENCH), BENCH='$(BENCH)')" \
	    tests/bench/run --build $(BUILD) --results tests/bench $(BENCH)
bench-programs: packages ## what tests/bench/run needs, and nothing is measured
	@$(MAKE) -s $(BUILD)/turnstile $(BUILD)/million $(BENCH_PROGRAMS)
flame: bench-programs ## where the time of a buy goes: FLAME='--store json'
	@tests/packages.sh python3 wrk linux-perf
	@tests/bench/flame --build $(BUILD) --results tests/bench $(FLAME)
test-bench: test-packages ## that the figures of `make bench` can be trusted
	@$(MAKE) -s bench-programs
	@TURNSTILE=$(BUILD)/turnstile tests/run.sh $(BENCH_TESTS)
