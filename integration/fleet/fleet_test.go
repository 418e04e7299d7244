// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestSmallFleet simulates a small fleet, for which the statements of docs/scale.md hold as well,
// and checks that a second run of the visits has equal results.
func TestSmallFleet(t *testing.T) {
	t.Parallel()
	r, err := simulate(small, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	again, err := visitAll(small)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Returned, again) {
		t.Errorf("two runs differ:\n%+v\n%+v", r.Returned, again)
	}
	for _, n := range r.Returned {
		if n.Visits == 0 || n.Gone == 0 || n.Dead > n.Behind {
			t.Errorf("visits: %+v", n)
		}
		if n.Policy == "hash map_based" && n.Elsewhere*2 < n.Visits-n.Gone {
			t.Errorf("few clients move: %+v", n)
		}
	}
	for _, n := range r.Moved {
		if n.Policy == "hash consistent" && n.Others != 0 || n.Policy == "maglev" && n.Others*50 > n.Clients || n.Own == 0 {
			t.Errorf("moved: %+v", n)
		}
	}
	for _, d := range r.Disagreements {
		if after := int((small.Partition + queryTimeout + queryPause + small.TTL).Seconds()); d.Second > after && d.Policy == "maglev" && d.Differ*3 > d.Pairs {
			t.Errorf("after the partition: %+v", d)
		}
	}
}

// TestKnows follows a node through a partition, second by second.
func TestKnows(t *testing.T) {
	const ttl, begin, end = 10 * time.Second, 20 * time.Second, 40 * time.Second
	for phase := range 10 {
		n := node{time.Duration(phase) * time.Second}
		last := time.Duration(0)
		for at := ttl; at < 90*time.Second; at += time.Second {
			whole, cut := n.knows(at, ttl, false, begin, end), n.knows(at, ttl, true, begin, end)
			if whole > at || at-whole >= ttl {
				t.Errorf("phase %d at %v: %v", phase, at, whole)
			}
			if cut > at || cut < last || at < begin && cut != whole {
				t.Errorf("phase %d, cut off, at %v: %v after %v", phase, at, cut, last)
			}
			if late := at - cut; at >= end+queryTimeout+queryPause && late >= ttl {
				t.Errorf("phase %d, cut off, at %v: %v, although the DNS is back", phase, at, cut)
			}
			if at >= begin && at < end && cut >= begin {
				t.Errorf("phase %d, cut off, at %v: %v, an answer during the partition", phase, at, cut)
			}
			last = cut
		}
	}
}

// TestScalePage checks that the tables of docs/scale.md are those of docs/scale.json.
func TestScalePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/scale.json")
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Size, full) {
		t.Errorf("the numbers are of another size: %+v", r.Size)
	}
	page, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "scale.md")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceTables(file, r); err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadFile(file); err != nil || string(made) != string(page) {
		t.Errorf("other tables than those of the page (%v):\n%s", err, made)
	}
}
