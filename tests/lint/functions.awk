# SPDX-License-Identifier: BSD-2-Clause
# Functions of more than 40 lines, "FILE:LINE: NAME, LINES"; see counts.sh.

FNR == 1 {
	name = ""
}

/^[a-z_][A-Za-z0-9_]*\(/ {
	name = $0
	sub(/\(.*/, "", name)
	from = FNR
}

/^}/ && name != "" {
	if (FNR - from + 1 > 40)
		print FILENAME ":" from ": " name ", " FNR - from + 1
	name = ""
}
