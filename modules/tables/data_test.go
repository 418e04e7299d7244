// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"strings"
	"testing"
	"time"
)

// store parses words of `store`.
func store(t testing.TB, words ...string) (all []Store) {
	t.Helper()
	for _, word := range words {
		s, err := ParseStore(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// everything are the words of a table that stores all that can be stored together.
var everything = []string{
	"server_id", "conn_cnt", "conn_rate(10s)", "conn_cur", "sess_cnt", "sess_rate(1s)", "http_req_cnt",
	"http_req_rate(3s)", "http_err_cnt", "http_err_rate(3s)", "bytes_in_cnt", "bytes_in_rate(1m)",
	"bytes_out_cnt", "bytes_out_rate(1m)", "http_fail_cnt", "http_fail_rate(3s)", "gpt(2)", "gpc(3)",
	"gpc_rate(2,5s)", "glitch_cnt", "glitch_rate(3s)",
}

func TestParseStore(t *testing.T) {
	for text, want := range map[string]Store{
		"conn_cur":           {Data: ConnCurrent},
		"conn_rate(10s)":     {Data: ConnRate, Period: 10 * time.Second},
		"conn_rate(1500)":    {Data: ConnRate, Period: 1500 * time.Millisecond},
		"sess_rate(1d)":      {Data: SessRate, Period: 24 * time.Hour},
		"gpc(3)":             {Data: GPC, Count: 3},
		"gpc_rate(100,2m)":   {Data: GPCRate, Count: 100, Period: 2 * time.Minute},
		"bytes_in_rate(1us)": {Data: BytesInRate, Period: time.Millisecond},
	} {
		got, err := ParseStore(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseStore(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s: %+v, %v", text, got, again, err)
		}
	}
}

func TestParseStoreRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"conns":            "unknown store option 'conns'",
		"conn_cur(1)":      "unexpected argument to store option 'conn_cur'",
		"conn_rate":        "missing argument to store option 'conn_rate'",
		"conn_rate(10s":    "missing closing parenthesis after store option 'conn_rate'",
		"conn_rate(10x)":   "expected a number with a unit, such as 10s or 1m",
		"conn_rate(0)":     `period "0": expected more than 0`,
		"conn_rate(25d)":   `period "25d": expected at most 2147483647ms`,
		"conn_rate(1s,2s)": "unexpected argument",
		"gpc(101)":         "array size is out of allowed range (1-100) for store option 'gpc'",
		"gpc(0)":           "array size is out of allowed range",
		"gpc_rate(3)":      "missing argument to store option 'gpc_rate'",
	} {
		if _, err := ParseStore(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Size: 1, Store: store(t, everything...)}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for why, change := range map[string]func(*Config){
		"size":           func(c *Config) { c.Size = 0 },
		"unknown type":   func(c *Config) { c.Type = numTypes },
		"length":         func(c *Config) { c.Length = -1 },
		"expire":         func(c *Config) { c.Expire = 25 * 24 * time.Hour },
		"conn_rate: per": func(c *Config) { c.Store = []Store{{Data: ConnRate}} },
		"gpc: count":     func(c *Config) { c.Store = []Store{{Data: GPC, Count: 101}} },
		"unknown data":   func(c *Config) { c.Store = []Store{{Data: NumData}} },
	} {
		c := good
		if change(&c); c.Validate() == nil || !strings.Contains(c.Validate().Error(), why) {
			t.Errorf("%s: %v", why, c.Validate())
		}
	}
}
