// SPDX-License-Identifier: Apache-2.0

package texttable

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bytes returns a number of bytes in a short form: 17, 1.2k, 34M.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	value, unit := float64(n)/1000, 0
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f%c", value, units[unit])
	}
	return fmt.Sprintf("%.0f%c", value, units[unit])
}

// Age returns a duration by its two largest units: 42s, 3m20s, 5h2m, 9d4h.
func Age(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", max(0, s))
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
	}
}

// Since returns the time since an event; "-" without one.
func Since(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "-"
	}
	return Age(time.Since(*at))
}

// Limit returns a limit, or "-" for none.
func Limit[N int | int64](n N) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(int64(n), 10)
}

// Ago returns when an event was: "3m20s ago", or "never".
func Ago(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "never"
	}
	return Since(at) + " ago"
}

// Some returns the first words of a list, most of them at most, and the number of the others, of
// which more are not in the list.
func Some(words []string, separator string, more, most int) string {
	if len(words) > most {
		words, more = words[:most], more+len(words)-most
	}
	text := strings.Join(words, separator)
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
