// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"
)

func TestOrigin(t *testing.T) {
	tokens := []caddyfile.Token{
		{File: "my file", Line: 3, Text: "block"},
		{File: "my file", Line: 4, Text: "rule"},
		{File: "my file", Line: 5, Text: "rule"},
		{File: "my file", Line: 6, Text: "check"},
		{File: "my file", Line: 7, Text: "rule"},
		{File: "C:\\a,b=c%20", Line: 1, Text: "rule"},
		{File: "C:\\a,b=c%20", Line: 2, Text: "rule"},
		{File: "my file", Line: 9, Text: "rule"},
		{File: "my file", Line: 10, Text: "rule"},
		{File: "my file", Line: 11, Text: "rule"},
		{File: "my file", Line: 11, Text: "rule"},
	}
	d := caddyfile.NewDispenser(tokens)
	d.Next()
	r := NewRecorder(d)
	for d.Next() {
		r.Note(d.Val(), d)
	}
	o := r.Origin()
	if want := Origin(`my%20file:3 rule=4-5,7,C:\a%2Cb%3Dc%2520:1-2,9-11,11 check=6`); o != want {
		t.Errorf("got %s, want %s", o, want)
	}
	for i, want := range []string{"my file:4", "my file:5", "my file:7", `C:\a,b=c%20:1`, `C:\a,b=c%20:2`, "my file:9", "my file:10", "my file:11", "my file:11", "my file:3", "my file:3"} {
		if got := o.Of("rule", i); got != want {
			t.Errorf("rule %d: got %s, want %s", i, got, want)
		}
	}
	for got, want := range map[string]string{
		o.Of("check", 0): "my file:6", o.Of("check", 1): "my file:3", o.Of("rul", 0): "my file:3", o.Block(): "my file:3",
		Origin("").Block(): "", Origin("").Of("rule", 0): "", Origin("nonsense").Of("rule", 0): "nonsense", Origin("x rule=1").Of("rule", 0): ":1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	(*Recorder)(nil).Note("rule", d)
}

// Every recorded position is found again.
func TestOriginFindsRecordedOptions(t *testing.T) {
	file := rapid.SampledFrom([]string{"a", "b c", "d:e"})
	rapid.Check(t, func(t *rapid.T) {
		tokens := []caddyfile.Token{{File: file.Draw(t, "file"), Line: 1}}
		line := 1
		for range rapid.IntRange(0, 20).Draw(t, "options") {
			line += rapid.IntRange(0, 2).Draw(t, "lines between")
			tokens = append(tokens, caddyfile.Token{File: file.Draw(t, "file"), Line: line, Text: rapid.SampledFrom([]string{"x", "xy"}).Draw(t, "word")})
		}
		d := caddyfile.NewDispenser(tokens)
		d.Next()
		r := NewRecorder(d)
		for d.Next() {
			r.Note(d.Val(), d)
		}
		o, seen := r.Origin(), make(map[string]int)
		for _, token := range tokens[1:] {
			if got, want := o.Of(token.Text, seen[token.Text]), fmt.Sprintf("%s:%d", token.File, token.Line); got != want {
				t.Fatalf("%s: %s %d: got %s, want %s", o, token.Text, seen[token.Text], got, want)
			}
			seen[token.Text]++
		}
	})
}

func TestReportPutsOriginFirst(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	cause := errors.New("it is wrong")
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{cause, "it is wrong"},
		{Locate("", cause), "it is wrong"},
		{fmt.Errorf("frontend: %w", Locate("Caddyfile:3", cause)), "Caddyfile:3: frontend: it is wrong"},
		{Locate("Caddyfile:5", fmt.Errorf("frontend: %w", Locate("Caddyfile:3", cause))), "Caddyfile:3: frontend: it is wrong"},
	} {
		err := Report(zap.New(core), c.err)
		lines := logs.TakeAll()
		if c.err == nil {
			if err != nil || len(lines) > 0 {
				t.Errorf("of nothing: %v, %v", err, lines)
			}
			continue
		}
		if !errors.Is(err, cause) || err.Error() != c.want || len(lines) != 1 || lines[0].Message != c.want || lines[0].Level != zap.ErrorLevel {
			t.Errorf("got %v, and logged %v; want %s", err, lines, c.want)
		}
	}
	if Locate("Caddyfile:3", nil) != nil {
		t.Error("no error has a place")
	}
}
