// SPDX-License-Identifier: BSD-2-Clause
//
// A history of turnstile, fed to Porcupine: the worked example of README.md.
// It is not built here; in a Go module with github.com/anishathalye/porcupine
// it is a program:  go run . FILE
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type match struct {
	Epoch   string
	Version int64
}

// What was asked, and what was told.  A pointer is nil where nothing was.
type wish struct {
	F        string
	Sale     string
	Quantity int64
	Buyer    string
	Key      string
	IfMatch  *match `json:"if_match"`
	Capacity *int64
	Lock     string
	Force    bool
}

type told struct {
	Unknown   bool // no answer: it may have happened or not
	Refused   string
	Seats     []int64
	Capacity  *int64
	Remaining *int64
	Version   *int64
	Receipts  *int64
	Tickets   *int64
	Lock      string
	Epoch     string
	Order     string
}

// A receipt, and those before it; lists share their ends.
type receipt struct {
	key, buyer, order             string
	quantity, seat, left, version int64
	next                          *receipt
}

type sale struct {
	exists                       bool
	capacity, remaining, version int64
	receipts                     int64
	lock, epoch                  string // epoch "": not known yet
	keys                         *receipt
	retired                      *receipt // epochs that are over, as keys
}

func find(list *receipt, key string) *receipt {
	for ; list != nil; list = list.next {
		if list.key == key {
			return list
		}
	}
	return nil
}

func is(told *int64, here int64) bool { return told == nil || *told == here }

func isText(told, here string) bool {
	return told == "" || here == "" || told == here
}

func (s sale) mayBe(epoch string) bool {
	if s.epoch != "" {
		return s.epoch == epoch
	}
	return find(s.retired, epoch) == nil
}

// Settle an epoch that was told.
func (s sale) with(epoch string) []interface{} {
	if s.epoch == "" {
		s.epoch = epoch
	}
	return []interface{}{s}
}

func (s sale) retire() sale {
	if s.epoch != "" {
		s.retired = &receipt{key: s.epoch, next: s.retired}
	}
	s.epoch = ""
	return s
}

func look(s sale, t told) []interface{} {
	if t.Refused != "" {
		if t.Refused == "no-sale" && !s.exists {
			return []interface{}{s}
		}
		return nil
	}
	if !s.exists || !is(t.Capacity, s.capacity) || !is(t.Remaining, s.remaining) ||
		!is(t.Version, s.version) || !isText(t.Lock, s.lock) ||
		(t.Epoch != "" && !s.mayBe(t.Epoch)) ||
		!is(t.Tickets, s.capacity-s.remaining) || !is(t.Receipts, s.receipts) {
		return nil
	}
	return s.with(t.Epoch)
}

func buy(s sale, w wish, t told) []interface{} {
	same := []interface{}{s}
	if t.Refused == "no-sale" {
		if s.exists {
			return nil
		}
		return same
	}
	if !s.exists {
		if t.Unknown {
			return same
		}
		return nil
	}
	if w.Key != "" {
		if r := find(s.keys, w.Key); r != nil {
			return replay(s, w, t, r)
		}
	}
	matches := w.IfMatch == nil ||
		(w.IfMatch.Version == s.version && s.mayBe(w.IfMatch.Epoch))
	switch {
	case t.Unknown && (!matches || s.remaining < w.Quantity):
		return same
	case t.Refused == "changed":
		certain := w.IfMatch != nil && w.IfMatch.Version == s.version &&
			(w.IfMatch.Epoch == s.epoch || w.IfMatch.Epoch == t.Epoch)
		if w.IfMatch == nil || certain || !is(t.Version, s.version) ||
			!is(t.Remaining, s.remaining) || (t.Epoch != "" && !s.mayBe(t.Epoch)) {
			return nil
		}
		return s.with(t.Epoch)
	case t.Refused == "sold-out" || t.Refused == "not-enough":
		right := s.remaining == 0
		if t.Refused == "not-enough" {
			right = s.remaining > 0 && s.remaining < w.Quantity
		}
		if !matches || !right || !is(t.Version, s.version) || !is(t.Remaining, s.remaining) {
			return nil
		}
		if w.IfMatch != nil {
			return s.with(w.IfMatch.Epoch)
		}
		return same
	case t.Refused != "":
		return nil
	}
	return sell(s, w, t, matches)
}

// The only rule for seats: they are numbered in a row.
func areSeats(seats []int64, r *receipt) bool {
	for i, seat := range seats {
		if seat != r.seat+int64(i) {
			return false
		}
	}
	return int64(len(seats)) == r.quantity
}

func replay(s sale, w wish, t told, r *receipt) []interface{} {
	alike := r.buyer == w.Buyer && r.quantity == w.Quantity
	switch {
	case t.Unknown:
		return []interface{}{s}
	case t.Refused != "":
		if t.Refused == "key-reused" && !alike {
			return []interface{}{s}
		}
		return nil
	case !alike || !is(t.Version, r.version) || !is(t.Remaining, r.left) ||
		!areSeats(t.Seats, r) || !isText(t.Order, r.order):
		return nil
	}
	if r.order == "" && t.Order != "" {
		known := *r
		known.order = t.Order
		known.next = s.keys
		s.keys = &known
	}
	return []interface{}{s}
}

func sell(s sale, w wish, t told, matches bool) []interface{} {
	before := s
	if !matches || s.remaining < w.Quantity {
		return nil
	}
	r := receipt{key: w.Key, buyer: w.Buyer, order: t.Order, quantity: w.Quantity,
		seat: s.capacity - s.remaining + 1, left: s.remaining - w.Quantity,
		version: s.version + 1, next: s.keys}
	if !t.Unknown && (!areSeats(t.Seats, &r) || !is(t.Remaining, r.left) ||
		!is(t.Version, r.version)) {
		return nil
	}
	if w.IfMatch != nil && s.epoch == "" {
		s.epoch = w.IfMatch.Epoch
	}
	s.remaining, s.version = r.left, r.version
	s.receipts++
	if w.Key != "" {
		s.keys = &r
	}
	if t.Unknown {
		return []interface{}{before, s} // it happened, or did not
	}
	return []interface{}{s}
}

func patch(s sale, w wish, t told) []interface{} {
	before := []interface{}{s}
	raise := int64(0)
	if w.Capacity != nil {
		raise = *w.Capacity - s.capacity
	}
	switch {
	case t.Refused == "no-sale":
		if s.exists {
			return nil
		}
		return before
	case !s.exists || raise < 0:
		if t.Unknown || (s.exists && t.Refused == "bad-value") {
			return before
		}
		return nil
	case t.Refused != "":
		return nil
	case find(s.retired, t.Epoch) != nil:
		return nil
	}
	// If nothing changes that is known here, the epoch may stay or not: it is
	// the delay's.
	mayStay := raise == 0 && (w.Lock == "" || s.lock == "" || w.Lock == s.lock)
	if t.Epoch != "" && t.Epoch == s.epoch && !mayStay {
		return nil
	}
	if !mayStay || t.Unknown || (t.Epoch != "" && t.Epoch != s.epoch) {
		s = s.retire()
	}
	s.epoch = t.Epoch
	s.capacity += raise
	s.remaining += raise
	if raise > 0 {
		s.version++
	}
	if w.Lock != "" {
		s.lock = w.Lock
	}
	if !is(t.Capacity, s.capacity) || !is(t.Remaining, s.remaining) ||
		!is(t.Version, s.version) || !isText(t.Lock, s.lock) {
		return nil
	}
	if t.Unknown {
		return append(before, s)
	}
	return []interface{}{s}
}

func open(s sale, capacity, remaining, version int64, lock, epoch string) sale {
	return sale{exists: true, capacity: capacity, remaining: remaining,
		version: version, lock: lock, epoch: epoch, retired: s.retired}
}

func life(s sale, w wish, t told) []interface{} {
	before := []interface{}{s}
	var after sale
	if w.F == "create" {
		if t.Refused == "sale-exists" && s.exists {
			return before
		}
		if s.exists || t.Refused != "" {
			if t.Unknown {
				return before
			}
			return nil
		}
		after = open(s, *w.Capacity, *w.Capacity, 0, w.Lock, "")
	} else {
		may := w.Force || s.remaining == s.capacity
		switch {
		case t.Refused == "no-sale" && !s.exists,
			t.Refused == "has-receipts" && s.exists && !may && is(t.Remaining, s.remaining):
			return before
		case t.Refused != "":
			return nil
		case !s.exists || !may:
			if t.Unknown {
				return before
			}
			return nil
		}
		after = s.retire()
		after = sale{retired: after.retired}
	}
	if t.Unknown {
		return append(before, after)
	}
	return []interface{}{after}
}

func step(state, input, output interface{}) []interface{} {
	s, w, t := state.(sale), input.(wish), output.(told)
	switch w.F {
	case "start":
		return []interface{}{open(s, *t.Capacity, *t.Remaining, *t.Version, t.Lock, t.Epoch)}
	case "look", "audit":
		if t.Unknown {
			return []interface{}{s}
		}
		return look(s, t)
	case "buy":
		return buy(s, w, t)
	case "patch":
		return patch(s, w, t)
	default:
		return life(s, w, t)
	}
}

func sameList(a, b *receipt) bool {
	for ; a != b; a, b = a.next, b.next {
		if a == nil || b == nil || a.key != b.key || a.seat != b.seat ||
			a.version != b.version || a.left != b.left || a.order != b.order {
			return false
		}
	}
	return true
}

func equal(a, b interface{}) bool {
	x, y := a.(sale), b.(sale)
	return x.exists == y.exists && x.capacity == y.capacity &&
		x.remaining == y.remaining && x.version == y.version && x.lock == y.lock &&
		x.epoch == y.epoch && sameList(x.keys, y.keys) && sameList(x.retired, y.retired)
}

func main() {
	type event struct {
		Time    int64
		Process int64
		Type    string
		F       string
		Sale    string
		Value   json.RawMessage
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	model := (&porcupine.NondeterministicModel{
		Init:  func() []interface{} { return []interface{}{sale{}} },
		Step:  step,
		Equal: equal,
	}).ToModel()
	sales := map[string][]porcupine.Operation{}
	open := map[int64]porcupine.Operation{}
	line := int64(0) // of the file: a better clock than time, which has ties
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			panic(err)
		}
		line++
		if e.Type == "invoke" {
			w := wish{Quantity: 1}
			json.Unmarshal(e.Value, &w)
			w.F, w.Sale = e.F, e.Sale
			open[e.Process] = porcupine.Operation{ClientId: int(e.Process), Input: w, Call: line}
			continue
		}
		op := open[e.Process]
		t := told{Unknown: e.Type == "info"}
		json.Unmarshal(e.Value, &t)
		op.Output, op.Return = t, line
		delete(open, e.Process)
		if t.Unknown {
			op.Return = math.MaxInt64 // it may happen at any later time
		}
		if e.Type != "fail" {
			name := op.Input.(wish).Sale
			sales[name] = append(sales[name], op)
		}
	}
	status := 0
	for _, op := range open { // asked, and the file ends
		op.Output, op.Return = told{Unknown: true}, math.MaxInt64
		name := op.Input.(wish).Sale
		sales[name] = append(sales[name], op)
	}
	for name, ops := range sales {
		result := porcupine.CheckOperationsTimeout(model, ops, 60*time.Second)
		fmt.Printf("%s: %d operations: %s\n", name, len(ops), result)
		if result == porcupine.Illegal {
			status = 1
		} else if result != porcupine.Ok && status == 0 {
			status = 3
		}
	}
	os.Exit(status)
}
