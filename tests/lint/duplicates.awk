# SPDX-License-Identifier: BSD-2-Clause
# Runs of six lines and more that stand in two places; see counts.sh.

function add(text) {
	gsub(/[ \t]+/, " ", text)
	sub(/^ /, "", text)
	sub(/ $/, "", text)
	if (text == "" || text ~ /^#include/ || text ~ /^[{}();]+$/)
		return
	count++
	line[count] = text
	where[count] = FILENAME ":" FNR
	first[count] = FNR_first
	FNR_first = 0
}

# Line n starts a window: five more of its file follow.
function window(n,    i, text) {
	text = line[n]
	for (i = 1; i < 6; i++) {
		if (n + i > count || first[n + i])
			return ""
		text = text "\n" line[n + i]
	}
	return text
}

FNR == 1 {
	FNR_first = 1
	comment = 0
}

{
	text = $0
	if (comment) {
		if (!sub(/^.*\*\//, "", text))
			next
		comment = 0
	}
	while (match(text, /\/\*/)) {
		start = RSTART
		rest = substr(text, start + 2)
		text = substr(text, 1, start - 1)
		if (match(rest, /\*\//)) {
			text = text substr(rest, RSTART + 2)
		} else {
			comment = 1
		}
	}
	sub(/\/\/.*/, "", text)
	add(text)
}

END {
	for (n = 1; n <= count; n++) {
		w[n] = window(n)
		if (w[n] != "")
			places[w[n]] = places[w[n]] " " n
	}
	for (n = 1; n <= count; n++) {
		k = w[n] == "" ? 0 : split(places[w[n]], other, " ")
		for (i = 1; i <= k; i++) {
			m = other[i]
			if (m < n + 6)
				continue
			# Only where the run begins.
			if (n > 1 && !first[n] && !first[m] && \
			    w[n - 1] != "" && w[n - 1] == w[m - 1])
				continue
			for (length_ = 6; n + length_ < m && \
			    m + length_ <= count && \
			    !first[n + length_] && !first[m + length_] && \
			    line[n + length_] == line[m + length_]; length_++)
				;
			print where[n] " and " where[m] ": " length_ " lines"
		}
	}
}
