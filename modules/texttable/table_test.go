// SPDX-License-Identifier: Apache-2.0

package texttable

import (
	"strings"
	"testing"
	"time"
)

func newTable() *Table {
	t := &Table{Columns: []Column{{Title: "NAME"}, {Title: "N", Right: true}, {Title: "MORE", Rank: 2}, {Title: "LEFT", Rank: 1}}}
	t.Add("a", 1, "x", Cell{"up", Green})
	t.Add("long\x1b", uint64(20), "", "y")
	return t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		screen Screen
		want   string
	}{
		{Screen{}, "NAME      N  MORE  LEFT\na         1  x     up\nlong\\x1b  20        y\n"},
		{Screen{Width: 20}, "NAME      N  LEFT\na         1  up\nlong\\x1b  20  y\n"},
		{Screen{Width: 13}, "NAME      N\na         1\nlong\\x1b  20\n"},
		{Screen{Width: 6}, "NAME\na\nlong\\x\n"},
	} {
		var out strings.Builder
		c.screen.Writer = &out
		if err := newTable().Write(c.screen); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("width %d:\n%s\nwant\n%s", c.screen.Width, got, c.want)
		}
		for line := range strings.Lines(got) {
			if c.screen.Width > 0 && len(line) > c.screen.Width+1 {
				t.Errorf("width %d: %q", c.screen.Width, line)
			}
		}
	}
	var out strings.Builder
	_ = newTable().Write(Screen{Writer: &out, Coloured: true})
	if !strings.Contains(out.String(), "\x1b[32mup\x1b[0m") || !strings.Contains(out.String(), "\x1b[1mNAME\x1b[0m") {
		t.Errorf("%q", out.String())
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 9940: "9.9k", 9990: "10k", 123456: "123k", 999600: "1.0M", 5e9: "5.0G", 1e18: "1.0E"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0s", 59 * time.Second: "59s", 200 * time.Second: "3m20s", 302 * time.Minute: "5h2m", 220 * time.Hour: "9d4h"} {
		if got := Age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
