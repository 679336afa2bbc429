# SPDX-License-Identifier: BSD-2-Clause
# With circles=1 the circles, else the longest ways down from main and from
# sell; see counts.sh.

function module_of(file) {
	sub(circles ? "\\.[co]$" : "\\.[cho]$", "", file)
	return file
}

# From the root, or beside the one who asks, or wherever there is one.
function resolve(from, name,    folder, i) {
	if (name in is_file)
		return name
	folder = from
	sub(/[^\/]*$/, "", folder)
	if ((folder name) in is_file)
		return folder name
	for (i = 1; i <= files; i++)
		if (file[i] ~ ("/" name "$"))
			return file[i]
	return ""
}

function add_edge(from, to) {
	if (from != to && to != "")
		edge[from, to] = 1
}

# All that `from` stands on, near or far.
function reach(start, at,    to) {
	for (to in modules)
		if ((at, to) in edge && !((start, to) in below)) {
			below[start, to] = 1
			reach(start, to)
		}
}

function in_circle(a, b) {
	return a == b || ((a, b) in below && (b, a) in below)
}

# A circle's name is the list of its modules; `lead` is one of them.
function circle_of(lead,    to, text) {
	text = ""
	for (to in modules)
		if (in_circle(lead, to) && to != lead)
			text = text " " to
	return text == "" ? lead : "{" lead text "}"
}

# The longest way from `from`'s circle to `goal`'s ("": to any ground), in
# steps; `way` remembers it.
function depth(from, goal,    a, b, d, best) {
	if ((from, goal) in known)
		return known[from, goal]
	best = -1
	way[from, goal] = circle_of(from)
	if (goal == "" || in_circle(from, goal))
		best = 0
	for (a in modules)
		if (in_circle(from, a))
			for (b in modules)
				if ((a, b) in edge && !in_circle(a, b)) {
					d = depth(b, goal)
					if (d >= 0 && d + 1 > best) {
						best = d + 1
						way[from, goal] = circle_of(from) \
						    " → " way[b, goal]
					}
				}
	return known[from, goal] = best
}

function print_circles(    m, n, to) {
	for (m in modules) {
		n = 0
		for (to in modules)
			n += in_circle(m, to)
		if (n == 1 || m in told)
			continue
		for (to in modules)
			if (in_circle(m, to))
				told[to] = 1
		print "a circle of " n " files"
		print "    " circle_of(m)
	}
}

$1 == "file" {
	is_file[$2] = 1
	file[++files] = $2
	modules[module_of($2)] = 1
}

$1 == "include" {
	included[++includes] = $2 " " $3
}

$1 == "symbol" && $4 ~ /[Uw]/ {
	needed[++needs] = $2 " " $3
}

$1 == "symbol" && $4 !~ /[Uw]/ {
	definer[$3] = $2
	modules[$2] = 1
}

END {
	for (i = 1; i <= includes; i++) {
		split(included[i], fact, " ")
		add_edge(module_of(fact[1]), \
		    module_of(resolve(fact[1], fact[2])))
	}
	for (i = 1; i <= needs; i++) {
		split(needed[i], fact, " ")
		add_edge(fact[1], definer[fact[2]])
	}
	for (m in modules) {
		reach(m, m)
		if (m ~ /\/sell$/)
			sell = m
	}
	if (circles) {
		print_circles()
		exit
	}
	print "floors from main down to sell: " depth("service/main", sell)
	print "    " way["service/main", sell]
	print "floors from sell down to the ground: " depth(sell, "")
	print "    " way[sell, ""]
}
