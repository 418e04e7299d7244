// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// exchange returns the input of a request and its response.
func exchange() *Input {
	r, err := http.NewRequest(http.MethodGet, "/a/b.html?x=1&y=two&x=3", http.NoBody)
	if err != nil {
		panic(err)
	}
	r.RequestURI = "/a/b.html?x=1&y=two&x=3"
	r.Host = "www.a.example:8080"
	r.Header = http.Header{"X-List": {"a, b", `"c,d"`}, "Cookie": {"s=1; t=two"}, "X-Forwarded-For": {"192.0.2.1, 192.0.2.2"}, "X-Length": {"12kB"}}
	return &Input{
		HTTP:   &HTTP{Request: r, Status: 404, Header: http.Header{"Set-Cookie": {"u=5; Path=/"}, "Location": {"/x"}}},
		Source: netip.MustParseAddrPort("127.0.0.1:1000"), Final: true,
	}
}

func TestHTTPFetches(t *testing.T) {
	for expression, want := range map[string]string{
		"method":                      "GET",
		"path":                        "/a/b.html",
		"pathq":                       "/a/b.html?x=1&y=two&x=3",
		"url":                         "/a/b.html?x=1&y=two&x=3",
		"query":                       "x=1&y=two&x=3",
		"base":                        "www.a.example:8080/a/b.html",
		"url_param(x)":                "1",
		"urlp(y)":                     "two",
		"urlp_val(x)":                 "1",
		"urlp(none)":                  "none",
		"req.ver":                     "1.1",
		"capture.req.uri":             "/a/b.html?x=1&y=two&x=3",
		"hdr(host)":                   "www.a.example:8080",
		"req.hdr(Host),field(1,:)":    "www.a.example",
		"hdr(x-list)":                 `"c,d"`,
		"hdr(x-list,1)":               "a",
		"hdr(x-list,-2)":              "b",
		"hdr(x-list,7)":               "none",
		"req.fhdr(x-list,1)":          "a, b",
		"req.hdr_cnt(x-list)":         "3",
		"req.fhdr_cnt(x-list)":        "2",
		"hdr_val(x-length)":           "12",
		"req.hdr_ip(x-forwarded-for)": "192.0.2.2",
		"hdr_ip(x-forwarded-for,1)":   "192.0.2.1",
		"req.cook(t)":                 "two",
		"cook(s)":                     "1",
		"cook_cnt(s)":                 "1",
		"res.hdr(location)":           "/x",
		"res.cook(u)":                 "5",
		"status":                      "404",
		"src":                         "127.0.0.1",
		"fc_http_major":               "1",
		"path,lower,field(2,/)":       "a",
	} {
		e, err := (&Loader{HTTP: true}).Expression(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		v, verdict := e.Eval(exchange())
		if got := v.String(); verdict != Pass && want != "none" || verdict == Pass && got != want {
			t.Errorf("%s: %q %v, want %q", expression, got, verdict, want)
		}
		if v, verdict := e.Eval(&Input{Final: true}); verdict == Pass && strings.Contains(expression, "hdr") {
			t.Errorf("%s without a request: %v", expression, v)
		}
	}
}

func TestHTTPCriteria(t *testing.T) {
	for words, want := range map[string]bool{
		"path_beg /a/":                         true,
		"path_end .html":                       true,
		"path_dir a":                           true,
		"path_reg ^/a/.*l$":                    true,
		"path_sub x":                           false,
		"path_len 9":                           true,
		"path -i -m beg /A":                    true,
		"hdr(host) -i WWW.A.example:8080":      true,
		"hdr_dom(host) a.example":              true,
		"hdr_end(host) -i .EXAMPLE:8080":       true,
		"hdr(x-list) a":                        true,
		"hdr(x-list) b":                        true,
		"hdr(x-list,1) b":                      false,
		"hdr_cnt(x-list) gt 2":                 true,
		"hdr_cnt(none) 0":                      true,
		"url_param(x) 3":                       true,
		"urlp_reg(y) ^t":                       true,
		"cook(t) -m found":                     true,
		"method GET HEAD":                      true,
		"src 127.0.0.0/8":                      true,
		"ssl_fc":                               false,
		"hdr_ip(x-forwarded-for) 192.0.2.1":    true,
		"hdr_ip(x-forwarded-for) 192.0.2.0/24": true,
		"status 404":                           true,
		"scook_beg(u) 5":                       true,
	} {
		c, err := ParseCriterion(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		acl, err := (&Loader{HTTP: true}).Criterion(c)
		if err != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if got := acl.Match(exchange()) == Pass; got != want {
			t.Errorf("%s: %v", words, got)
		}
		if acl.Warning() != "" {
			t.Errorf("%s: warning %q", words, acl.Warning())
		}
	}
}

func TestHTTPFormats(t *testing.T) {
	f, err := (&Loader{HTTP: true}).Format("%HM %[hdr(host),field(1,:)]%HP %ci 100%%")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.String(exchange()); got != "GET www.a.example/a/b.html 127.0.0.1 100%" {
		t.Error(got)
	}
	if !f.InRequest() || f.InResponse() {
		t.Error("it looks at the request")
	}
}

// Cookies can only be examined over HTTP, and there a connection's first bytes cannot.
func TestHTTPFetchesNeedHTTPLoader(t *testing.T) {
	for _, test := range []struct {
		loader Loader
		fetch  string
	}{{Loader{}, "cook(a)"}, {Loader{}, "url_param(a)"}, {Loader{HTTP: true}, "req.ssl_sni"}, {Loader{HTTP: true}, "req.len"}, {Loader{HTTP: true}, "sc0_http_req_rate"}, {Loader{HTTP: true}, "src,in_table(t)"}, {Loader{Checks: true}, "table_cnt(t)"}} {
		if _, err := test.loader.Expression(test.fetch); !errors.As(err, new(*Unsupported)) {
			t.Errorf("%s: %v", test.fetch, err)
		}
		if _, err := test.loader.Criterion(Criterion{Fetch: test.fetch, Method: "found"}); !errors.As(err, new(*Unsupported)) {
			t.Errorf("%s: %v", test.fetch, err)
		}
	}
}
