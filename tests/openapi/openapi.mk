# SPDX-License-Identifier: BSD-2-Clause
# What the service answers, against service/openapi.yaml; needs node and npm.

.PHONY: test-openapi
test-openapi: $(BUILD)/turnstile ## the answers against service/openapi.yaml
	@tests/openapi/run $(BUILD)/turnstile
