// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The last word of a kind counts, whatever stands between the words.
func FuzzAgentLine(f *testing.F) {
	for _, line := range []string{"", "up 50% maxconn:5 # fine", "down,drain\tup maint", "weight:5 5% weight:7", "maxconn:x maxconn:3 maxconn:", "#", "a#b", "UP Down\x00\xff 3%3"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := parseReport(line)
		if strings.ContainsFunc(r.Info, func(r rune) bool { return !unicode.IsPrint(r) }) || len(r.Info) > 2*maxLogged {
			t.Errorf("told: %q", r.Info)
		}
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
			words = words[:i]
		}
		last := func(pattern string) string {
			exp := regexp.MustCompile("(?is)^(?:" + pattern + ")$")
			for _, w := range slices.Backward(words) {
				if exp.MatchString(w) {
					return strings.ToLower(w)
				}
			}
			return ""
		}
		code := pool.CodeNotChecked
		switch last("up|down|stopped|fail|failed") {
		case "up":
			code = pool.Layer7OK
		case "down", "stopped", "fail", "failed":
			code = pool.Layer7Status
		}
		if r.Code != code {
			t.Errorf("code %s, want %s", string(r.Code), string(code))
		}
		admin := ""
		if r.Admin != nil {
			admin = r.Admin.String()
		}
		if want := last("ready|drain|maint"); admin != want {
			t.Errorf("state %s, want %s", admin, want)
		}
		if want := strings.TrimPrefix(last(`weight:.+|[0-9].*%.*`), "weight:"); r.Weight != want {
			t.Errorf("weight %q, want %q", r.Weight, want)
		}
		if (r.MaxConn != nil) && (*r.MaxConn < 0 || last(`maxconn:[0-9]+`) == "") {
			t.Errorf("maxconn %d", *r.MaxConn)
		}
	})
}

// referenceJudge implements the documentation of judge. It waits for min_recv bytes, and without
// min_recv until there is a match or the end; a match then passes, or with not fails.
func referenceJudge(e *Expect, got string, over bool) verdict {
	found := false
	length := len(e.literal)
	if e.pattern != nil {
		found = e.pattern.MatchString(got)
	} else {
		for i := range len(got) - length + 1 {
			found = found || got[i:i+length] == string(e.literal)
		}
	}
	enough := len(got) >= e.MinRecv && len(got) >= length
	decided := over || enough && (found || e.MinRecv > 0)
	switch {
	case !decided:
		return waits
	case found && e.Not, !found && !e.Not:
		return fails
	}
	return passes
}

func FuzzExpect(f *testing.F) {
	f.Add("PONG", "+PONG", 0, false, false, uint8(0))
	f.Add("^a.b$", "aXb", 3, true, false, uint8(1))
	f.Add("504f", "PO", 2, false, true, uint8(2))
	f.Add("^50", "P", 1, true, true, uint8(3))
	f.Fuzz(func(t *testing.T, pattern, got string, minimum int, not, over bool, kind uint8) {
		e := &Expect{Not: not, MinRecv: minimum}
		*[]*string{&e.Text, &e.Regexp, &e.Hex, &e.HexRegexp}[kind%4] = pattern
		if e.provision(false) != nil {
			return
		}
		want := referenceJudge(e, got, over)
		if e.HexRegexp != "" {
			up := strings.ToUpper(hex.EncodeToString([]byte(got)))
			found := regexp.MustCompile(pattern).MatchString(up)
			switch {
			case !over && (len(got) < minimum || !found && minimum == 0):
				want = waits
			case found != not:
				want = passes
			default:
				want = fails
			}
		}
		if v := e.judge([]byte(got), over); v != want {
			t.Errorf("%v on %q, over %v, min_recv %d: %d, want %d", e, got, over, minimum, v, want)
		}
	})
}

// An expect has the same result however the data is cut into pieces.
func TestExpectInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]byte("ab")), 1, 12)
		e := &Expect{Text: string(letters.Draw(t, "text")), Not: rapid.Bool().Draw(t, "not")}
		if err := e.provision(false); err != nil {
			t.Fatal(err)
		}
		answer := letters.Draw(t, "answer")
		whole := e.judge(answer, true)
		for end := rapid.IntRange(1, 12).Draw(t, "piece"); end < len(answer); end += rapid.IntRange(1, 12).Draw(t, "piece") {
			if v := e.judge(answer[:end], false); v != waits && v != whole {
				t.Fatalf("%d after %q, %d after %q", v, answer[:end], whole, answer)
			}
		}
	})
}
