// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// slotsOf returns slots: "a", "-" for an empty one, "a<b,c" with former addresses.
func slotsOf(text string) (all []pool.Slot) {
	for i, word := range strings.Fields(text) {
		now, former, _ := strings.Cut(word, "<")
		s := pool.Slot{Name: fmt.Sprint(i + 1)}
		if now != "-" {
			s.Resolution = &pool.Resolution{Address: now, Weight: -1}
		}
		if former != "" {
			s.Former = strings.Split(former, ",")
		}
		all = append(all, s)
	}
	return all
}

func endpoints(addresses string) (all []Endpoint) {
	for a := range strings.FieldsSeq(addresses) {
		all = append(all, Endpoint{Address: a})
	}
	return all
}

// after returns the slots after changes, in the form of slotsOf; ! marks one that starts anew.
func after(slots []pool.Slot, changes []pool.Resolved) string {
	now := make([]string, len(slots))
	for i, s := range slots {
		if now[i] = addressOf(s); now[i] == "" {
			now[i] = "-"
		}
		for _, c := range changes {
			if c.Server != s.Name {
				continue
			}
			if now[i] = c.To.Address; now[i] == "" {
				now[i] = "-"
			}
			if c.To.Anew {
				now[i] += "!"
			}
		}
	}
	return strings.Join(now, " ")
}

// A server that stays keeps its slot; a new one gets the slot that it had, or one without sessions
// of another, or at last the slot of a server that has gone.
func TestAssign(t *testing.T) {
	for _, c := range []struct{ slots, found, want, unused string }{
		{"- - -", "a b", "a! b! -", ""},
		{"a b -", "b a", "a b -", ""},
		{"a b -", "b c", "- b c!", ""},
		{"a b c", "c", "- - c", ""},
		{"a b", "c b", "c! b", ""},
		{"a b", "c d e", "c! d!", "e"},
		{"-<x - -", "y", "-  y! -", ""},
		{"-<x -<y", "y z", "z! y!", ""},
		{"-<x a", "y z", "y! z!", ""},
		{"a -", "", "- -", ""},
		{"- -", "", "- -", ""},
		{"a -", "a b a", "a b!", ""},
	} {
		slots := slotsOf(c.slots)
		changes, unused := Assign(slots, endpoints(c.found), false)
		if got := after(slots, changes); got != strings.Join(strings.Fields(c.want), " ") || fmt.Sprint(unused) != fmt.Sprint(endpoints(c.unused)) {
			t.Errorf("%s, found %s: %s, unused %v, want %s, unused %s", c.slots, c.found, got, unused, c.want, c.unused)
		}
	}
	slots := slotsOf("- a - - -")
	changes, _ := Assign(slots, endpoints("a b"), true)
	if got := after(slots, changes); got != "a! a b! "+"b! a!" && got != "b! a a! b! a!" {
		t.Errorf("with duplicates: %s", got)
	}
	weighted := []Endpoint{{Address: "a", Weight: new(7)}}
	if changes, _ = Assign(slotsOf("a"), weighted, false); len(changes) != 1 || changes[0].To.Weight != 7 || changes[0].To.Anew {
		t.Errorf("%+v", changes)
	}
}

// However servers come and go, each has one slot as long as there are enough, and keeps it.
func TestAssignProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := slotsOf(strings.Repeat("- ", rapid.IntRange(1, 12).Draw(t, "slots")))
		for range 20 {
			var found []Endpoint
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 15), 0, 16, rapid.ID).Draw(t, "found") {
				found = append(found, Endpoint{Address: fmt.Sprint("s", n)})
			}
			changes, unused := Assign(slots, found, false)
			if want := max(0, len(found)-len(slots)); len(unused) != want {
				t.Fatalf("%d unused, want %d", len(unused), want)
			}
			var used []string
			for i := range slots {
				before := addressOf(slots[i])
				for _, c := range changes {
					if c.Server == slots[i].Name {
						slots[i].Resolution = &c.To
					}
				}
				now := addressOf(slots[i])
				stays := slices.ContainsFunc(found, func(e Endpoint) bool { return e.Address == before })
				if before != now && stays {
					t.Fatalf("%s has lost its slot", before)
				}
				if now != "" && slices.Contains(used, now) || now == before && now != "" && !stays {
					t.Fatalf("%s in slot %s: used %v, found %v", now, slots[i].Name, used, found)
				}
				used = append(used, now)
			}
		}
	})
}
