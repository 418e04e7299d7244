// SPDX-License-Identifier: Apache-2.0

// Package statfields returns the numbers of the process as the fields of HAProxy's show stat and
// show info, by HAProxy's names, in its order, with its units and types. It reads snapshots of
// package control and keeps nothing.
package statfields

import (
	"math"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// Value is the value of a field. The zero value is that of a field that does not apply.
type Value struct {
	// Type is u32, u64, s32 or str, as in HAProxy's typed output; empty: the field does not apply.
	Type string
	// Text is the value as text.
	Text string
}

// text returns a string.
func text(s string) Value { return Value{"str", s} }

// count returns a number of 64 bits, small one of 32.
func count[T ~int | ~int64 | ~uint64](n T) Value {
	return Value{"u64", strconv.FormatUint(uint64(max(n, 0)), 10)}
}

func small[T ~int | ~int64 | ~uint64](n T) Value {
	return Value{"u32", strconv.FormatUint(min(uint64(max(n, 0)), math.MaxUint32), 10)}
}

// seconds returns a time in whole seconds, milliseconds one in whole milliseconds.
func seconds(d time.Duration) Value      { return small(int64(d / time.Second)) }
func milliseconds(d time.Duration) Value { return small(d.Milliseconds()) }

// since returns the whole seconds since a time, or since the process began if it is zero.
func since(at time.Time) Value {
	if at.IsZero() {
		at = control.Started()
	}
	return seconds(time.Since(at))
}

// sinceLast returns the whole seconds since a time, or -1 if it is zero.
func sinceLast(at time.Time) Value {
	if at.IsZero() {
		return Value{"s32", "-1"}
	}
	return Value{"s32", since(at).Text}
}

// limit returns a limit, or nothing for 0.
func limit(n int) Value {
	if n == 0 {
		return Value{}
	}
	return small(n)
}

// Tags are the three letters of HAProxy's typed output: origin, nature and scope of a field.
type Tags string

// words returns the words for the letters, as in HAProxy's JSON.
func (t Tags) words() (origin, nature, scope string) {
	return origins[t[0]], natures[t[1]], scopes[t[2]]
}

var (
	origins = map[byte]string{'M': "Metric", 'S': "Status", 'K': "Key", 'C': "Config", 'P': "Product"}
	natures = map[byte]string{
		'G': "Gauge", 'L': "Limit", 'm': "Min", 'M': "Max", 'R': "Rate", 'C': "Counter", 'D': "Duration", 'A': "Age", 'T': "Time", 'N': "Name",
		'O': "Output", 'a': "Avg",
	}
	scopes = map[byte]string{'C': "Cluster", 'P': "Process", 'S': "Service", 'Y': "System"}
)
