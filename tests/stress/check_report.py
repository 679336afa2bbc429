#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Standard input against report.schema.json; complaints on standard error."""
import json
import pathlib
import sys

import jsonschema

path = pathlib.Path(__file__).with_name("report.schema.json")
schema = json.loads(path.read_text(encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
errors = list(
    jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin)))
for error in errors:
    print(f"{error.json_path}: {error.message}", file=sys.stderr)
sys.exit(1 if errors else 0)
