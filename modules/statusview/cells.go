// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// space is a narrow no-break space, which separates groups of digits.
const space = "\u202f"

// Number returns a whole number, with spaces between groups of digits.
func Number[N ~int | ~int64 | ~uint64](n N) Cell { return Cell{Text: grouped(int64(n))} }

// grouped returns a number with spaces between groups of three digits.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	if n < 1000 {
		return digits
	}
	b := make([]byte, 0, 40)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, space...)
		}
		b = append(b, digits[i])
	}
	return string(b)
}

// nonzero returns a cell with a class, unless it is 0.
func nonzero(c Cell, class string) Cell {
	if c.Text != "0" {
		c.Class = class
	}
	return c
}

// withTitle returns a cell with a title.
func withTitle(c Cell, format string, args ...any) Cell {
	c.Title = fmt.Sprintf(format, args...)
	return c
}

// Limit returns a limit, or an empty cell for none.
func Limit[N ~int | ~int64](n N) Cell {
	if n == 0 {
		return Cell{}
	}
	return Number(n)
}

// rate returns a number of events in the last second.
func rate(n int) Cell {
	c := Number(n)
	return Cell{Text: c.Text + "/s", Sort: new(float64(n))}
}

// Bytes returns a number of bytes in short form, with the exact one as title.
func Bytes(n int64) Cell {
	c := Cell{Text: texttable.Bytes(n) + "B", Sort: new(float64(n))}
	if n >= 1000 {
		c.Title = grouped(n) + " bytes"
	}
	return c
}

// Text returns text that may hold bytes of clients or servers: those that are not printable are
// escaped.
func Text(text string) Cell { return Cell{Text: printable.Text(text), Class: Words} }

// Link returns text that leads to another address.
func Link(text, href string) Cell { return Cell{Text: printable.Text(text), Class: Words, Href: href} }

// Time returns a time, which is shown in the reader's zone; an empty cell for the zero time.
func Time(at time.Time) Cell {
	if at.IsZero() {
		return Cell{Class: Words}
	}
	return Cell{Text: at.UTC().Format("2006-01-02 15:04:05Z"), Class: Words, At: at}
}

// Ago returns a time that is shown as the time since then; an empty cell for the zero time.
func Ago(at time.Time) Cell {
	if at.IsZero() {
		return Cell{}
	}
	return Cell{Text: texttable.Age(time.Since(at)), Class: Words + " " + Since, At: at}
}

// idOf returns a name as a part of IDs: letters, digits, hyphens, and other bytes as _XX.
func idOf(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// Age returns a duration by its two largest units.
func Age(d time.Duration) Cell { return Cell{Text: texttable.Age(d), Sort: new(d.Seconds())} }

// Used returns a number as a bar against a limit; 0, or without a limit (0), as a number alone.
func Used[N ~int | ~int64](n N, limit int) Cell {
	c := Number(n)
	if limit > 0 && n > 0 {
		c.Bar = new(min(1, max(0, float64(n)/float64(limit))))
		c.Title = grouped(int64(n)) + " of " + grouped(int64(limit))
	}
	return c
}
