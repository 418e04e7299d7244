// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestParseCriterion(t *testing.T) {
	for words, want := range map[string]Criterion{
		"always_true":                        {Fetch: "always_true"},
		"req.ssl_sni a.test b.test":          {Fetch: "req.ssl_sni", Values: []string{"a.test", "b.test"}},
		"req.ssl_sni -i -m end .b.test":      {Fetch: "req.ssl_sni", Method: "end", IgnoreCase: true, Values: []string{".b.test"}},
		"req.ssl_sni -m beg -m end x":        {Fetch: "req.ssl_sni", Method: "end", Values: []string{"x"}},
		"req.ssl_sni -i -f a -f b -i -- x y": {Fetch: "req.ssl_sni", IgnoreCase: true, Files: []string{"a", "b"}, Values: []string{"x", "y"}},
		"req.ssl_sni -f":                     {Fetch: "req.ssl_sni", Files: []string{""}},
		"req.ssl_sni -- -x -i":               {Fetch: "req.ssl_sni", Values: []string{"-x", "-i"}},
		"req.ssl_sni x -i":                   {Fetch: "req.ssl_sni", Values: []string{"x", "-i"}},
		"req.ssl_sni --":                     {Fetch: "req.ssl_sni"},
		"src -n -u 5 ::1":                    {Fetch: "src", Values: []string{"::1"}},
		"req.len ge 5":                       {Fetch: "req.len", Values: []string{"ge", "5"}},
	} {
		got, err := ParseCriterion(strings.Fields(words))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", words, got, err, want)
		}
	}
	if got, err := ParseCriterion([]string{"req.ssl_sni", "a", ""}); err != nil || len(got.Values) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseCriterionRefuses(t *testing.T) {
	for words, want := range map[string]string{
		"":                           "missing fetch method in ACL expression ''",
		"req.ssl_sni|a||b":           "an empty argument ends the patterns: 'b' would be ignored",
		"req.ssl_sni|-x":             "'-x' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
		"req.ssl_sni|-":              "'-' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
		"req.ssl_sni|-m|nope|a":      "unknown matching method 'nope' when parsing ACL expression",
		"req.ssl_sni|-m":             "unknown matching method '' when parsing ACL expression",
		"req.ssl_sni|-f|a|-m|end|a":  "'-m' must only be specified before patterns and files in parsing ACL expression",
		"req.ssl_sni|-u|x":           "the argument of -u must be an integer",
		"req.ssl_sni|-f|a|-i":        "'-i' after '-f' is not supported: case is ignored in all patterns or in none",
		"req.ssl_sni|-M|-f|a":        "'-M' is not supported: the files of an ACL have one column",
		"req.ssl_sni|-u":             "the argument of -u must be an integer",
		"req.ssl_sni|-i|-i|-m|dot|x": "unknown matching method 'dot' when parsing ACL expression",
	} {
		if _, err := ParseCriterion(strings.Split(words, "|")); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
	if _, err := ParseCriterion(nil); err == nil {
		t.Error("no words are a criterion")
	}
}

func TestCriterionRefuses(t *testing.T) {
	for _, c := range []struct {
		criterion Criterion
		want      string
	}{
		{Criterion{}, "missing fetch method in ACL expression ''"},
		{Criterion{Fetch: "foo", Values: []string{"a"}}, "unknown fetch method 'foo' in ACL expression 'foo'"},
		{Criterion{Fetch: "req_ssl_sni_end"}, "unknown fetch method 'req_ssl_sni_end' in ACL expression 'req_ssl_sni_end'"},
		{Criterion{Fetch: "req.ssl_sni", Method: "foo"}, "unknown matching method 'foo' when parsing ACL expression"},
		{Criterion{Fetch: "req.ssl_sni", Method: "dotted"}, "unknown matching method 'dotted' when parsing ACL expression"},
		{Criterion{Fetch: "req.ssl_sni", Method: "regm"}, "the matching method 'regm' is not supported: a value cannot refer to parts of the match"},
		{Criterion{Fetch: "req.payload(0,1)"}, "matching method must be specified first (using '-m') when using a sample fetch of this type ('req.payload')"},
		{Criterion{Fetch: "req.payload(0,1)", Method: "int"}, "matching method 'int' cannot be used with fetch keyword 'req.payload'"},
		{Criterion{Fetch: "src", Values: []string{"a.example"}}, "the host name 'a.example' as a pattern for addresses is not supported: names are not resolved"},
		{Criterion{Fetch: "src", Values: []string{"10.1/16"}}, "the host name '10.1' as a pattern for addresses is not supported: names are not resolved"},
		{Criterion{Fetch: "src", Values: []string{"a b"}}, "'a b' is not a valid IPv4 or IPv6 address"},
		{Criterion{Fetch: "req.ssl_sni", Values: []string{"a", ""}}, "an empty pattern matches nothing"},
		{Criterion{Fetch: "req.len", Values: []string{""}}, "'' is not a valid number range"},
		{Criterion{Fetch: "req.ssl_sni", Method: "reg", Values: []string{"^(a|b"}}, "regex '^(a|b' is invalid (error=missing closing ): '^(a|b')"},
	} {
		if _, err := new(Loader).Criterion(c.criterion); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.criterion, err, c.want)
		}
	}
}

// Perl's regular expressions are refused with a hint at what to use instead.
func TestPerlRegexpsRefusedWithHint(t *testing.T) {
	for _, pattern := range []string{`a(?=b)`, `a(?!b)`, `(?<=a)b`, `(a)\1`, `a++`, `(?>a)b`, `\Ka`} {
		_, err := new(Loader).Criterion(Criterion{Fetch: "req.ssl_sni", Method: "reg", Values: []string{pattern}})
		if err == nil || !strings.Contains(err.Error(), "look-around, back-references") || !strings.HasPrefix(err.Error(), "regex '"+pattern+"' is invalid") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	_, err := new(Loader).Criterion(Criterion{Fetch: "req.ssl_sni", Method: "reg", Values: []string{"[a"}})
	if err == nil || strings.Contains(err.Error(), "look-around") {
		t.Error(err)
	}
}

func TestCriterionJSON(t *testing.T) {
	c := Criterion{Fetch: "req.ssl_sni", Method: "end", IgnoreCase: true, Values: []string{"a"}, Files: []string{"f"}}
	b, err := json.Marshal(c)
	const want = `{"fetch":"req.ssl_sni","method":"end","ignore_case":true,"values":["a"],"files":["f"]}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if b, err = json.Marshal(Criterion{Fetch: "a"}); err != nil || string(b) != `{"fetch":"a"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestWarning(t *testing.T) {
	for text, want := range map[string]bool{
		"req.ssl_sni": true, "req.len": true, "src": true, "req.ssl_ver": true, "req.ssl_sni -m found": false, "req.ssl_sni a": false,
		"always_true": false, "ssl_fc": true, "ssl_fc_sni a": true, "ssl_c_used -m found": true, "ssl_fc_sni,lower -m end .a": true, "req.len,bool": false, "req.len -m bool": false, "wait_end": false,
	} {
		acl := mustLoad(t, strings.Fields(text))
		if got := acl.Warning() != ""; got != want {
			t.Errorf("%s: %q", text, acl.Warning())
		}
		if want && acl.Match(testInput(true)) != Fail {
			t.Errorf("%s matches", text)
		}
	}
	acl, err := (&Loader{Open: (&files{content: map[string]string{"f": ""}}).open}).Criterion(Criterion{Fetch: "src", Files: []string{"f"}})
	if err != nil || acl.Warning() != "" {
		t.Errorf("%v, %v", acl, err)
	}
}

func TestPredefined(t *testing.T) {
	for name, want := range map[string]Verdict{
		"TRUE": Pass, "FALSE": Fail, "LOCALHOST": Fail, "WAIT_END": Pass, "REQ_CONTENT": Pass, "HTTP": Fail, "HTTP_1.0": Fail, "HTTP_1.1": Fail, "HTTP_2.0": Fail,
		"HTTP_CONTENT": Fail, "HTTP_URL_ABS": Fail, "HTTP_URL_SLASH": Fail, "HTTP_URL_STAR": Fail, "METH_GET": Fail, "METH_CONNECT": Fail,
	} {
		c, ok := Predefined(name)
		acl, err := new(Loader).Criterion(c)
		if !ok || err != nil {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		if got := acl.Match(testInput(true)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{"RDP_COOKIE"} {
		c, ok := Predefined(name)
		if _, err := new(Loader).Criterion(c); !ok || !isUnsupported(err) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if _, ok := Predefined("true"); ok {
		t.Error("the case does not count")
	}
	c, _ := Predefined("LOCALHOST")
	c.Values[0] = "changed"
	if c, _ = Predefined("LOCALHOST"); c.Values[0] == "changed" {
		t.Error("it can be changed")
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	f := &files{content: map[string]string{"m": "example.com a\nwww b\n", "p": "www.example.com\n"}}
	l := &Loader{Open: f.open}
	format, err := l.Format("x_%[req.ssl_sni,lower,map_dom(m)]")
	if err != nil {
		t.Fatal(err)
	}
	acl, err := l.Criterion(Criterion{Fetch: "req.ssl_sni,regsub(W,w,g)", IgnoreCase: true, Files: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if acl.Match(testInput(true)) != Pass || format.String(testInput(true)) != "x_a" {
					t.Error("wrong")
				}
			}
		})
	}
	all.Wait()
}

// Fetches of TLS connections that end at the proxy have a warning that names what to use instead.
func TestTerminationFetchesWarn(t *testing.T) {
	for name, want := range map[string]string{
		"ssl_fc_sni":      "'ssl_fc_sni' never has a value, since TLS is not terminated here: use req.ssl_sni",
		"ssl_fc":          "'ssl_fc' is always false, since TLS is not terminated here: use req.ssl_hello_type, which is 1 for TLS",
		"ssl_c_verify":    "'ssl_c_verify' never has a value, since TLS is not terminated here",
		"ssl_c_s_dn(CN)":  "'ssl_c_s_dn' never has a value, since TLS is not terminated here",
		"ssl_bc_protocol": "'ssl_bc_protocol' never has a value, since TLS is not terminated here",
		"req.ssl_sni":     "",
		"str(ssl_fc)":     "",
	} {
		if got := mustExpression(t, new(Loader), name+",lower").Warning(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		f, err := new(Loader).Format("be_%[" + name + "]%[src]")
		if err != nil || f.Warning() != want {
			t.Errorf("%s: %q (%v), want %q", name, f.Warning(), err, want)
		}
	}
	for name := range replacements {
		if terminationWarning(name) == "" {
			t.Errorf("%s has something to ask instead, and is no fetch of TLS that ends here", name)
		}
	}
}
