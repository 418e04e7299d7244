// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// script is a source that does one step each second: servers, "none", "fail", "panic" or "end".
type script []string

func (s *script) Watch(ctx context.Context, set func([]Endpoint)) error {
	for len(*s) > 0 {
		step := (*s)[0]
		*s = (*s)[1:]
		switch step {
		case "fail":
			return errors.New("out of order")
		case "panic":
			panic("a mistake")
		case "end":
			return nil
		case "none":
			set(nil)
		case "wait":
		default:
			set(endpoints(step))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	<-ctx.Done()
	return nil
}

// run runs a source for a while, and returns the applied servers, with their time, and the log.
func run(t *testing.T, s Source, during time.Duration) (applied []string, log []string) {
	t.Helper()
	core, entries := observer.New(zap.InfoLevel)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		r := &Runner{Source: s, Log: zap.New(core), Apply: func(all []Endpoint) {
			text := fmt.Sprint(int(time.Since(began).Seconds()), ":")
			for _, e := range all {
				text += " " + e.Address
			}
			applied = append(applied, text)
		}}
		r.Start(ctx)
		time.Sleep(during)
		select {
		case <-r.Ready():
		default:
			t.Error("it is not ready")
		}
		cancel()
		synctest.Wait()
	})
	for _, e := range entries.All() {
		log = append(log, e.Message)
	}
	return applied, log
}

const (
	one = "10.0.0.1:443"
	two = "10.0.0.2:443"
)

// A source may fail, end and panic: its last servers stay. An empty set counts after a while,
// unless there are servers again.
func TestRunner(t *testing.T) {
	const failed, works = "discovery of servers failed: keeping the last ones", "discovery of servers works again"
	for name, c := range map[string]struct {
		script       script
		applied, log []string
	}{
		"changes":         {script{one, one, one + " " + two, two}, []string{"0: " + one, "2: " + one + " " + two, "3: " + two}, nil},
		"failures":        {script{one, "fail", "panic", "end", "fail", two}, []string{"0: " + one, "5: " + two}, []string{failed, works}},
		"none":            {script{one, "none", "none"}, []string{"0: " + one, "31:"}, nil},
		"none for a time": {script{one, "none", "wait", one, "none", two}, []string{"0: " + one, "5: " + two}, nil},
		"none at all":     {script{"none"}, []string{"30:"}, nil},
		"invalid":         {script{one, "web.example.com:443", "0.0.0.0:443", one + " 10.0.0.1:0", two}, []string{"0: " + one, "4: " + two}, []string{failed, works}},
	} {
		t.Run(name, func(t *testing.T) {
			applied, log := run(t, &c.script, time.Minute)
			if !slices.Equal(applied, c.applied) || !slices.Equal(log, c.log) {
				t.Errorf("applied %q, want %q; log %q, want %q", applied, c.applied, log, c.log)
			}
		})
	}
}

// A list of servers is JSON or has a server per line.
func TestParseList(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"[]":                    "",
		`{"servers": []}`:       "",
		"# none\n\n":            "",
		one + "\n" + two + "\n": one + " " + two,
		one + " weight 7 # seven\n[2001:db8::1]:443":               one + "*7 [2001:db8::1]:443",
		`["` + one + `", {"address": "` + two + `", "weight": 0}]`: one + " " + two + "*0",
		` {"servers": [{"address": "` + two + `"}]}`:               two,
		"{}":                                     `error: expected a list, or an object with one: {"servers": […]}`,
		"[{}]":                                   `error: server 1: expected an address, or an object with address and perhaps weight: {"address": "10.0.0.1:443", "weight": 10}`,
		one + " " + two:                          "error: line 1: expected ADDRESS [weight N]",
		one + " weight x":                        `error: line 1: weight "x": expected a whole number from 0 to 256`,
		one + " weight 257":                      "error: server 10.0.0.1:443: weight 257: expected a whole number from 0 to 256",
		"web.example.com:443":                    `error: server address "web.example.com:443": expected an IP address and a port, such as 10.0.0.1:443 or [2001:db8::1]:443`,
		"<html>":                                 `error: server address "<html>": expected an IP address and a port, such as 10.0.0.1:443 or [2001:db8::1]:443`,
		strings.Repeat("#", maxSize+1):           "error: it is larger than 1048576 bytes",
		strings.Repeat(one+"\n", maxEndpoints+1): "error: 16385 servers: expected at most 16384",
	} {
		all, err := parseList([]byte(text))
		var got []string
		for _, e := range all {
			if e.Weight != nil {
				e.Address += fmt.Sprint("*", *e.Weight)
			}
			got = append(got, e.Address)
		}
		if err != nil {
			got = []string{"error: " + err.Error()}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}
