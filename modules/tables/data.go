// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Data is a kind of value that the entries of a table may store. The order is that of HAProxy's
// `show table`.
type Data uint8

// The kinds of values, with HAProxy's words for them. Server is the name of a server; HAProxy
// stores its number and its key.
const (
	Server        Data = iota // server_id
	GPT0                      // gpt0
	GPC0                      // gpc0
	GPC0Rate                  // gpc0_rate(period)
	ConnCount                 // conn_cnt
	ConnRate                  // conn_rate(period)
	ConnCurrent               // conn_cur
	SessCount                 // sess_cnt
	SessRate                  // sess_rate(period)
	HTTPReqCount              // http_req_cnt
	HTTPReqRate               // http_req_rate(period)
	HTTPErrCount              // http_err_cnt
	HTTPErrRate               // http_err_rate(period)
	BytesIn                   // bytes_in_cnt
	BytesInRate               // bytes_in_rate(period)
	BytesOut                  // bytes_out_cnt
	BytesOutRate              // bytes_out_rate(period)
	GPC1                      // gpc1
	GPC1Rate                  // gpc1_rate(period)
	HTTPFailCount             // http_fail_cnt
	HTTPFailRate              // http_fail_rate(period)
	GPT                       // gpt(count)
	GPC                       // gpc(count)
	GPCRate                   // gpc_rate(count,period)
	GlitchCount               // glitch_cnt
	GlitchRate                // glitch_rate(period)
	NumData                   // their number
)

// maxCount is the largest number of elements of an array, as in HAProxy.
const maxCount = 100

// kind tells the number and the meaning of the bytes of a value.
type kind uint8

const (
	number kind = iota // of 32 bits
	wide               // a number of 64 bits
	rate
	wideRate // of 64 bits: bytes of a period
	server   // its number in the table's dictionary
)

// size returns the bytes that a value of the kind takes.
func (k kind) size() int { return [...]int{number: 4, wide: 8, rate: 12, wideRate: 20, server: 4}[k] }

func (k kind) isRate() bool { return k == rate || k == wideRate }

// dataTypes has a row for each Data.
var dataTypes = [NumData]struct {
	word  string
	kind  kind
	array bool
}{
	Server:        {"server_id", server, false},
	GPT0:          {"gpt0", number, false},
	GPC0:          {"gpc0", number, false},
	GPC0Rate:      {"gpc0_rate", rate, false},
	ConnCount:     {"conn_cnt", number, false},
	ConnRate:      {"conn_rate", rate, false},
	ConnCurrent:   {"conn_cur", number, false},
	SessCount:     {"sess_cnt", number, false},
	SessRate:      {"sess_rate", rate, false},
	HTTPReqCount:  {"http_req_cnt", number, false},
	HTTPReqRate:   {"http_req_rate", rate, false},
	HTTPErrCount:  {"http_err_cnt", number, false},
	HTTPErrRate:   {"http_err_rate", rate, false},
	BytesIn:       {"bytes_in_cnt", wide, false},
	BytesInRate:   {"bytes_in_rate", wideRate, false},
	BytesOut:      {"bytes_out_cnt", wide, false},
	BytesOutRate:  {"bytes_out_rate", wideRate, false},
	GPC1:          {"gpc1", number, false},
	GPC1Rate:      {"gpc1_rate", rate, false},
	HTTPFailCount: {"http_fail_cnt", number, false},
	HTTPFailRate:  {"http_fail_rate", rate, false},
	GPT:           {"gpt", number, true},
	GPC:           {"gpc", number, true},
	GPCRate:       {"gpc_rate", rate, true},
	GlitchCount:   {"glitch_cnt", number, false},
	GlitchRate:    {"glitch_rate", rate, false},
}

// String returns HAProxy's word for the kind of value, without arguments.
func (d Data) String() string {
	if d >= NumData {
		return "Data(" + strconv.Itoa(int(d)) + ")"
	}
	return dataTypes[d].word
}

// IsRate reports whether the value is a number of events in a period.
func (d Data) IsRate() bool { return d < NumData && dataTypes[d].kind.isRate() }

// IsArray reports whether the kind of value has several elements, numbered from 0.
func (d Data) IsArray() bool { return d < NumData && dataTypes[d].array }

// form returns the word with its arguments, for messages.
func (d Data) form() string {
	switch {
	case d.IsArray() && d.IsRate():
		return d.String() + "(NUMBER,PERIOD)"
	case d.IsArray():
		return d.String() + "(NUMBER)"
	case d.IsRate():
		return d.String() + "(PERIOD)"
	default:
		return d.String()
	}
}

// ParseData returns the kind of value that HAProxy's word names, without arguments.
func ParseData(word string) (Data, bool) {
	for d := range NumData {
		if dataTypes[d].word == word {
			return d, true
		}
	}
	return 0, false
}

// Store is a kind of value with its arguments.
type Store struct {
	Data   Data
	Period time.Duration // of a rate, in milliseconds
	Count  int           // of an array: its elements, at most 100
}

// ParseStore parses HAProxy's word with its arguments: "conn_cur", "conn_rate(10s)", "gpc(3)",
// "gpc_rate(3,1m)". A period without a unit is in milliseconds.
func ParseStore(text string) (Store, error) {
	word, arguments, hasArguments := strings.Cut(text, "(")
	d, known := ParseData(word)
	if !known {
		return Store{}, fmt.Errorf("unknown store option '%s'", word)
	}
	var args []string
	if hasArguments {
		inner, closed := strings.CutSuffix(arguments, ")")
		if !closed {
			return Store{}, fmt.Errorf("missing closing parenthesis after store option '%s'", word)
		}
		args = strings.Split(inner, ",")
	}
	return parseArguments(d, args)
}

// parseArguments parses the number of an array's elements, and the period of a rate.
func parseArguments(d Data, args []string) (Store, error) {
	s := Store{Data: d}
	want := 0
	if d.IsArray() {
		want++
	}
	if d.IsRate() {
		want++
	}
	if len(args) < want {
		return s, fmt.Errorf("missing argument to store option '%s': expected %s", d, d.form())
	}
	if len(args) > want {
		return s, fmt.Errorf("unexpected argument to store option '%s': expected %s", d, d.form())
	}
	if d.IsArray() {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 || n > maxCount {
			return s, fmt.Errorf("array size is out of allowed range (1-%d) for store option '%s'", maxCount, d)
		}
		s.Count = n
	}
	if d.IsRate() {
		period, err := parsePeriod(args[want-1])
		if err != nil {
			return s, fmt.Errorf("error when processing store option '%s': %w", d, err)
		}
		s.Period = period
	}
	return s, nil
}

// units are HAProxy's units of time, longest first.
var units = []struct {
	suffix string
	unit   time.Duration
}{
	{"us", time.Microsecond},
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
}

// parsePeriod parses a duration of HAProxy. One that is not 0 has at least a millisecond.
func parsePeriod(text string) (time.Duration, error) {
	digits, unit := text, time.Millisecond
	for _, u := range units {
		if number, found := strings.CutSuffix(text, u.suffix); found {
			digits, unit = number, u.unit
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("period %q: expected a number with a unit, such as 10s or 1m", text)
	}
	if n > math.MaxInt32*uint64(time.Millisecond)/uint64(unit) {
		return 0, fmt.Errorf("period %q: expected at most 2147483647ms", text)
	}
	period := (time.Duration(n)*unit + time.Millisecond - 1).Truncate(time.Millisecond)
	if period == 0 {
		return 0, fmt.Errorf("period %q: expected more than 0, such as 10s", text)
	}
	return period, nil
}

// String returns the word with its arguments, as ParseStore accepts it.
func (s Store) String() string {
	var args []string
	if s.Data.IsArray() {
		args = append(args, strconv.Itoa(s.Count))
	}
	if s.Data.IsRate() {
		args = append(args, formatPeriod(s.Period))
	}
	if len(args) == 0 {
		return s.Data.String()
	}
	return s.Data.String() + "(" + strings.Join(args, ",") + ")"
}

// formatPeriod writes a period in the largest unit that it is a multiple of.
func formatPeriod(period time.Duration) string {
	for _, u := range slices.Backward(units) {
		if period >= u.unit && period%u.unit == 0 {
			return strconv.FormatInt(int64(period/u.unit), 10) + u.suffix
		}
	}
	return "0"
}
