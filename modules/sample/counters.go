// SPDX-License-Identifier: Apache-2.0

package sample

import "github.com/caddy-passthrough/caddy-passthrough/modules/tables"

// A counter is something that the entries of a table may store, as fetches and converters name it.
type counter struct {
	data    tables.Data
	general bool // of an array, whose index is an argument
	index   int
	shift   uint // of bytes to kilobytes
	note    string
}

// counters maps the names of counters, which follow sc_, src_ and table_.
var counters = map[string]counter{
	"conn_cnt":       {data: tables.ConnCount, note: "the number of connections so far"},
	"conn_cur":       {data: tables.ConnCurrent, note: "the number of connections that track it now"},
	"conn_rate":      {data: tables.ConnRate, note: "the number of connections in the period"},
	"sess_cnt":       {data: tables.SessCount, note: "the number of sessions so far: of connections that the rules of connection and session accepted"},
	"sess_rate":      {data: tables.SessRate, note: "the number of sessions in the period"},
	"kbytes_in":      {data: tables.BytesIn, shift: 10, note: "the kilobytes from clients"},
	"bytes_in_rate":  {data: tables.BytesInRate, note: "the bytes from clients in the period"},
	"kbytes_out":     {data: tables.BytesOut, shift: 10, note: "the kilobytes to clients"},
	"bytes_out_rate": {data: tables.BytesOutRate, note: "the bytes to clients in the period"},
	"gpc0_rate":      {data: tables.GPC0Rate, note: "how often gpc0 was incremented in the period"},
	"gpc1_rate":      {data: tables.GPC1Rate, note: "how often gpc1 was incremented in the period"},
	"gpc_rate":       {data: tables.GPCRate, general: true, note: "how often a general counter was incremented in the period"},
	"http_req_cnt":   {data: tables.HTTPReqCount, note: noteHTTPCounter},
	"http_req_rate":  {data: tables.HTTPReqRate, note: noteHTTPCounter},
	"http_err_cnt":   {data: tables.HTTPErrCount, note: noteHTTPCounter},
	"http_err_rate":  {data: tables.HTTPErrRate, note: noteHTTPCounter},
	"http_fail_cnt":  {data: tables.HTTPFailCount, note: noteHTTPCounter},
	"http_fail_rate": {data: tables.HTTPFailRate, note: noteHTTPCounter},
	"glitch_cnt":     {data: tables.GlitchCount, note: noteHTTPCounter},
	"glitch_rate":    {data: tables.GlitchRate, note: noteHTTPCounter},
}

const noteHTTPCounter = "0: it is about HTTP"

// generalCounters are those that fetches name with get_ before them, and converters without.
var generalCounters = map[string]counter{
	"gpc0": {data: tables.GPC0, note: "the general counter 0"},
	"gpc1": {data: tables.GPC1, note: "the general counter 1"},
	"gpc":  {data: tables.GPC, general: true, note: "a general counter"},
	"gpt0": {data: tables.GPT0, note: "the tag 0"},
	"gpt":  {data: tables.GPT, general: true, note: "a tag"},
}

// rates maps general counters to the rates that are counted with them.
var rates = map[string]counter{"gpc0": counters["gpc0_rate"], "gpc1": counters["gpc1_rate"], "gpc": counters["gpc_rate"]}

// at returns the counter with the index of a general one.
func (c counter) at(index int64) counter {
	if c.general {
		c.index = counterNumber(index)
	}
	return c
}

// read returns the value of the counter. ok is false if the row does not store it.
func (c counter) read(row tables.Row) (value int64, ok bool) {
	value, ok = row.Get(c.data, c.index)
	return value >> c.shift, ok
}

// increment adds 1 to the counter and to its rate, as far as the row stores them, and returns the
// counter's new value, or else that of the rate.
func (c counter) increment(rate counter, row tables.Row) int64 {
	row.Add(rate.data, rate.index, 1)
	row.Add(c.data, c.index, 1)
	value, ok := c.read(row)
	if !ok {
		value, _ = rate.read(row)
	}
	return value
}

// clear sets the counter to 0 and returns its value before. ok is false if the row does not store
// it.
func (c counter) clear(row tables.Row) (value int64, ok bool) {
	if value, ok = c.read(row); ok {
		row.Set(c.data, c.index, 0)
	}
	return value, ok
}
