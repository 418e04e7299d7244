// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// Number returns a whole number, with spaces between groups of digits.
func Number[N ~int | ~int64 | ~uint64](n N) Cell {
	return Cell{Text: grouped(int64(n)), Sort: new(float64(n))}
}

// grouped returns a number with a narrow no-break space between groups of three digits.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	if n < 0 {
		return digits
	}
	var b []byte
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, "\u202f"...)
		}
		b = append(b, digits[i])
	}
	return string(b)
}

// Limit returns a limit, or a quiet dash for none.
func Limit[N ~int | ~int64](n N) Cell {
	if n == 0 {
		return Cell{Text: "-", Class: Quiet, Sort: new(0.0)}
	}
	return Number(n)
}

// rate returns a number of events in the last second.
func rate(n int) Cell {
	c := Number(n)
	c.Text += "/s"
	return c
}

// Bytes returns a number of bytes in short form, with the exact one as title.
func Bytes(n int64) Cell {
	return Cell{Text: texttable.Bytes(n) + "B", Title: grouped(n) + " bytes", Sort: new(float64(n))}
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
	return Cell{Text: at.UTC().Format("2006-01-02 15:04:05Z"), Class: Words, At: at, Sort: new(float64(at.Unix()))}
}

// Age returns a duration by its two largest units.
func Age(d time.Duration) Cell { return Cell{Text: texttable.Age(d), Sort: new(d.Seconds())} }

// Used returns a number as a bar against a limit; without a limit (0), as a number alone.
func Used[N ~int | ~int64](n N, limit int) Cell {
	c := Number(n)
	if limit > 0 {
		c.Bar = new(min(1, max(0, float64(n)/float64(limit))))
		c.Title = grouped(int64(n)) + " of " + grouped(int64(limit))
	}
	return c
}
