// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"strings"
	"testing"
	"time"
)

func newTable() *table {
	t := &table{columns: []column{{title: "NAME"}, {title: "N", right: true}, {title: "MORE", rank: 2}, {title: "LEFT", rank: 1}}}
	t.add("a", 1, "x", cell{"up", green})
	t.add("long\x1b", uint64(20), "", "y")
	return t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		screen screen
		want   string
	}{
		{screen{}, "NAME      N  MORE  LEFT\na         1  x     up\nlong\\x1b  20        y\n"},
		{screen{width: 20}, "NAME      N  LEFT\na         1  up\nlong\\x1b  20  y\n"},
		{screen{width: 13}, "NAME      N\na         1\nlong\\x1b  20\n"},
		{screen{width: 6}, "NAME\na\nlong\\x\n"},
	} {
		var out strings.Builder
		c.screen.Writer = &out
		if err := newTable().write(c.screen); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("width %d:\n%s\nwant\n%s", c.screen.width, got, c.want)
		}
		for line := range strings.Lines(got) {
			if c.screen.width > 0 && len(line) > c.screen.width+1 {
				t.Errorf("width %d: %q", c.screen.width, line)
			}
		}
	}
	var out strings.Builder
	_ = newTable().write(screen{Writer: &out, coloured: true})
	if !strings.Contains(out.String(), "\x1b[32mup\x1b[0m") || !strings.Contains(out.String(), "\x1b[1mNAME\x1b[0m") {
		t.Errorf("%q", out.String())
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 9940: "9.9k", 9990: "10k", 123456: "123k", 999600: "1.0M", 5e9: "5.0G", 1e18: "1.0E"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0s", 59 * time.Second: "59s", 200 * time.Second: "3m20s", 302 * time.Minute: "5h2m", 220 * time.Hour: "9d4h"} {
		if got := age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
