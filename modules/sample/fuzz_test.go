// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// FuzzExpression parses any text, without files. An expression that can be parsed can also be
// rewritten without changing its meaning, and its verdict on a final input is never Miss.
func FuzzExpression(f *testing.F) {
	for _, text := range slices.Concat(oracleExpressions, oracleCriteria, oracleErrors) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &Loader{Open: new(files).open}
		same := func(name string) (string, error) { return name, nil }
		if format, err := l.Format(text); err == nil {
			format.String(testInput(false))
			rewritten, err := RewriteFormatFiles(text, same)
			if err != nil {
				t.Fatalf("rewriting: %v", err)
			}
			if again, err := l.Format(rewritten); err != nil || again.String(testInput(true)) != format.String(testInput(true)) {
				t.Fatalf("%q: %v", rewritten, err)
			}
		}
		e, err := l.Expression(text)
		if err != nil {
			return
		}
		v, verdict := e.Eval(testInput(true))
		if verdict == Miss || (verdict == Pass) != (v.Kind() != None) {
			t.Fatalf("%v, %v", v, verdict)
		}
		rewritten, err := RewriteFiles(text, same)
		if err != nil {
			t.Fatalf("rewriting: %v", err)
		}
		again, err := l.Expression(rewritten)
		if err != nil {
			t.Fatalf("%q: %v", rewritten, err)
		}
		if v2, verdict2 := again.Eval(testInput(true)); verdict2 != verdict || v2.String() != v.String() {
			t.Fatalf("%q: %v, %v; was %v, %v", rewritten, v2, verdict2, v, verdict)
		}
	})
}

// FuzzCriterion matches any words with any bytes. The verdict on a final input is never Miss, and
// bytes after the hello do not change a verdict that the hello decided.
func FuzzCriterion(f *testing.F) {
	hello := hellotest.Plain(hellotest.SNI("Www.Example.com"), hellotest.ALPN("h2"), hellotest.Groups(29)).Raw()
	for _, words := range slices.Concat(oracleCriteria, oracleErrors) {
		f.Add(words, hello, uint16(50))
	}
	f.Add("req.ssl_ver 3.1", []byte("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"), uint16(4))
	f.Fuzz(func(t *testing.T, words string, sent []byte, cut uint16) {
		c, err := ParseCriterion(strings.Fields(words))
		if err != nil {
			return
		}
		acl, err := (&Loader{Open: new(files).open}).Criterion(c)
		if err != nil {
			return
		}
		whole := inspect(sent)
		defer whole.Release()
		part := clienthello.NewInspection(0)
		defer part.Release()
		part.Feed(sent[:min(len(sent), int(cut))])
		first := acl.Match(&Input{Hello: part})
		second := acl.Match(&Input{Hello: whole})
		if strings.HasPrefix(c.Fetch, "req.ssl_") && first != Miss && first != second {
			t.Fatalf("%v of %d bytes, and then %v", first, cut, second)
		}
		if first == Pass && !strings.HasPrefix(c.Fetch, "req") && !strings.HasPrefix(c.Fetch, "payload") && second != Pass {
			t.Fatalf("%v of %d bytes, and then %v", first, cut, second)
		}
		for _, i := range []*clienthello.Inspection{part, whole, nil} {
			if acl.Match(&Input{Hello: i, Final: true}) == Miss {
				t.Fatal("a Miss in the end")
			}
		}
		if !acl.NeedsRequest() && first != acl.Match(&Input{}) {
			t.Fatal("it does look at the request")
		}
	})
}
