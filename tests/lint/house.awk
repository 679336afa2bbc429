# SPDX-License-Identifier: BSD-2-Clause
# The rules of house.sh, over the facts that it gathers.

function wrong(where, what) {
	if (graph)
		return
	print where ": " what
	bad = 1
}

# The room of a file: the longest of the table's names that fits.
function room_of(file,    name, best) {
	best = ""
	for (name in owner)
		if ((name == file || name ~ /\/$/ && index(file, name) == 1) && \
		    length(name) > length(best))
			best = name
	return best == "" ? "" : owner[best]
}

function may_use(user, used) {
	return user == used || (user, used) in allowed
}

# "FILE:LINE", of the first line that has the symbol as a word.
function place_of(file, symbol,    line, number, n, pattern) {
	pattern = "(^|[^A-Za-z0-9_])" symbol "([^A-Za-z0-9_]|$)"
	while (number == 0 && (getline line < file) > 0) {
		n++
		if (line ~ pattern)
			number = n
	}
	close(file)
	return file ":" number + 0
}

function base_of(file) {
	sub(/.*\//, "", file)
	sub(/\.c$/, "", file)
	return file
}

# Programs of tests, and what they share: their words are their own, and they
# may be the disk in place of the C library.
function is_test(file) {
	return file ~ /^tests\/unit\// || file ~ /\/test_[^\/]*\.c$/
}

$1 == "room" {
	if (!($2 in known))
		rooms[++room_count] = $2
	known[$2] = 1
	n = split($3, words, " ")
	for (i = 1; i <= n; i++) {
		if (!(words[i] in known) || words[i] == $2)
			wrong("rooms", $2 " may not use " words[i] \
			    ", which does not stand above it")
		allowed[$2, words[i]] = 1
	}
	n = split($4, words, " ")
	for (i = 1; i <= n; i++)
		owner[words[i]] = $2
}

$1 == "file" {
	room[$2] = room_of($2)
	has_files[room[$2]] = 1
	if (room[$2] == "")
		wrong($2, "belongs to no room")
}

$1 == "unbuilt" {
	wrong($2, "has no object: build it first")
}

# Only the project's own headers matter; the system's are no files here.
$1 == "include" && $5 in room {
	includes[$2] = includes[$2] " " $5
	edge_place[$2, $5] = $2 ":" $3
	if ($4 == "<")
		wrong($2 ":" $3, "<" $5 "> is the project's: use quotes")
	uses[room[$2], room[$5]] = 1
	if (!may_use(room[$2], room[$5]))
		wrong($2 ":" $3, room[$2] " may not use " room[$5] \
		    ": #include \"" $5 "\"")
}

$1 == "include" && $4 == "\"" && !($5 in room) {
	wrong($2 ":" $3, "\"" $5 "\" is no path from the project's root")
}

# What is undefined waits until all definitions are known.
$1 == "symbol" && $4 ~ /[Uw]/ {
	needed[++needed_count] = $2 "\t" $3
}

$1 == "symbol" && $4 !~ /[Uw]/ && !is_test($2) {
	definers[$3] = definers[$3] " " $2
	if (!bears_name($2, $3))
		misnamed[++misnamed_count] = $2 "\t" $3
}

# foo.c may export foo, foo_… and foos_…, and so may foo_impl.c
function bears_name(file, symbol,    name) {
	name = base_of(file)
	sub(/_impl$/, "", name)
	return symbol == name || index(symbol, name "_") == 1 || \
	    index(symbol, name "s_") == 1
}

# Tests may replace what somebody else exports, so it keeps that name.
function stands_in(file, symbol,    files, n, i) {
	sub(/^__wrap_/, "", symbol)
	n = file ~ /^tests\// ? split(definers[symbol], files, " ") : 0
	for (i = 1; i <= n; i++)
		if (files[i] != file && bears_name(files[i], symbol))
			return 1
	return 0
}

function check_name(file, symbol,    name) {
	name = base_of(file)
	if (!stands_in(file, symbol))
		wrong(place_of(file, symbol), "exports " symbol \
		    ", which is not called " name ", " name "_… or " name "s_…")
}

# A symbol is allowed if any of the rooms that define it may be used.
function check_symbol(file, symbol,    files, n, i) {
	n = split(definers[symbol], files, " ")
	for (i = 1; i <= n; i++)
		if (may_use(room[file], room[files[i]])) {
			uses[room[file], room[files[i]]] = 1
			return
		}
	uses[room[file], room[files[1]]] = 1
	wrong(place_of(file, symbol), room[file] " may not use " \
	    room[files[1]] ": " symbol " is of " files[1])
}

# A file that needs a symbol stands above the one that alone defines it.
function add_edge(file, symbol,    files) {
	if (split(definers[symbol], files, " ") != 1 || files[1] == file || \
	    (file, files[1]) in edge_place)
		return
	includes[file] = includes[file] " " files[1]
	edge_place[file, files[1]] = place_of(file, symbol)
}

# Depth first; `path` is how we came here, with blanks around each name.
function find_circles(file, path,    list, n, i, from) {
	state[file] = "open"
	path = path " " file " "
	n = split(includes[file], list, " ")
	for (i = 1; i <= n; i++) {
		if (state[list[i]] == "open") {
			from = substr(path, index(path, " " list[i] " ") + 1)
			gsub(/ +/, " → ", from)
			wrong(edge_place[file, list[i]], \
			    "a circle: " from list[i])
		} else if (state[list[i]] == "") {
			find_circles(list[i], path)
		}
	}
	state[file] = "done"
}

function print_graph(    i, j, line) {
	for (i = 1; i <= room_count; i++) {
		line = ""
		for (j = i - 1; j >= 1; j--)
			if ((rooms[i], rooms[j]) in uses)
				line = line " " rooms[j]
		if (line != "")
			printf "%-8s →%s\n", rooms[i], line
		else if (rooms[i] in has_files)
			print rooms[i]
	}
}

END {
	for (i = 1; i <= misnamed_count; i++) {
		split(misnamed[i], fact, "\t")
		check_name(fact[1], fact[2])
	}
	for (i = 1; i <= needed_count; i++) {
		split(needed[i], fact, "\t")
		if (fact[2] in definers) {
			check_symbol(fact[1], fact[2])
			add_edge(fact[1], fact[2])
		}
	}
	for (file in room)
		if (state[file] == "")
			find_circles(file, "")
	if (graph)
		print_graph()
	exit bad
}
