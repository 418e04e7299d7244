// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"maps"
	"math"
	"testing"
)

// TestOuter compares with the tables of intervals for a median by order statistics.
func TestOuter(t *testing.T) {
	for n, want := range map[int]int{1: -1, 5: -1, 6: 0, 8: 0, 9: 1, 12: 2, 15: 3, 20: 5} {
		if got := outer(n); got != want {
			t.Errorf("of %d values %d may be left out at each end: expected %d", n, got, want)
		}
	}
}

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, "–"},
		{[]float64{math.NaN(), 2}, "2.00"},
		{[]float64{1, 2, 4, 3}, "2.50"},
		{[]float64{9, 1, 2, 3, 4, 5, 6, 7, 8}, "5.00 (2.00–8.00)"},
	} {
		if got := middleOf(c.values).ratio(); got != c.want {
			t.Errorf("%v: %s, expected %s", c.values, got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		bar  bar
		want string
	}{
		{bar{bar: 1, got: middle{0.9, 0.8, 0.95}}, "held"},
		{bar{bar: 1, got: middle{0.9, 0.8, 1.05}}, "perhaps held"},
		{bar{bar: 1, got: middle{1.1, 0.9, 1.2}}, "perhaps MISSED"},
		{bar{bar: 1, got: middle{1.1, 1.05, 1.2}}, "MISSED"},
		{bar{bar: 1, got: middle{1.1, math.NaN(), math.NaN()}}, "MISSED"},
		{bar{bar: 1.7, least: true, got: middle{1.8, 1.6, 1.9}}, "perhaps held"},
		{bar{bar: 1.7, least: true, got: middle{1.6, 1.5, 1.65}}, "MISSED"},
		{bar{bar: 1, got: middle{math.NaN(), math.NaN(), math.NaN()}}, "not measured"},
	} {
		if got := c.bar.verdict(); got != c.want {
			t.Errorf("%+v: %s, expected %s", c.bar, got, c.want)
		}
	}
}

func TestPerConnection(t *testing.T) {
	got, err := perConnection(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.20    0.020000           4       400           read
 38.80    0.010000           4       200        90 connect
------ ----------- ----------- --------- --------- ----------------
100.00    0.030000           4       600        90 total
`, 100)
	if want := map[string]float64{"read": 4, "connect": 2, allCalls: 6}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v: expected %v", got, err, want)
	}
	if _, err := perConnection("", 100); err == nil {
		t.Error("nothing counted is no error")
	}
}

func TestShortVersion(t *testing.T) {
	if got := shortVersion("HAProxy version 3.4.7-1 2026/11/01"); got != "haproxy 3.4" {
		t.Errorf("%q: expected haproxy 3.4", got)
	}
}
