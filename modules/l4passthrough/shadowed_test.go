// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"strings"
	"testing"
)

const (
	exactA  = `{"match": [{"client_hello": {"sni": ["a.example.test"]}}], "backend": "api"}`
	exactB  = `{"match": [{"client_hello": {"sni": ["b.example.test"]}}], "backend": "web"}`
	both    = `{"match": [{"client_hello": {"sni": ["a.example.test", "b.example.test"]}}], "backend": "web"}`
	eitherB = `{"match": [{"client_hello": {"sni": ["a.example.test"]}}, {"client_hello": {"sni": ["b.example.test"]}}], "backend": "web"}`
	oneStar = `{"match": [{"client_hello": {"sni": ["*.example.test"]}}], "backend": "web"}`
	anyDeep = `{"match": [{"client_hello": {"sni": [".example.test"]}}], "backend": "web"}`
	overTLS = `{"match": [{"client_hello": {"sni": ["a.example.test"], "alpn": ["h2"]}}], "backend": "web"}`
	h2      = `{"match": [{"client_hello": {"alpn": ["h2"]}}], "backend": "api"}`
	local   = `{"match": [{"remote_ip": {"ranges": ["127.0.0.1"]}}], "backend": "api"}`
	localA  = `{"match": [{"client_hello": {"sni": ["a.example.test"]}, "remote_ip": {"ranges": ["127.0.0.1"]}}], "backend": "api"}`
	aOrIP   = `{"match": [{"client_hello": {"sni": ["a.example.test"]}}, {"remote_ip": {"ranges": ["127.0.0.1"]}}], "backend": "api"}`
	often   = `{"match": [{"rate": {"over": "20/10s"}}], "action": "reject"}`
	oftenA  = `{"match": [{"client_hello": {"sni": ["a.example.test"]}, "rate": {"over": "20/10s"}}], "action": "reject"}`
	bare    = `{"backend": "web"}`
	anyTLS  = `{"match": [{"client_hello": {}}], "backend": "web"}`
	anySet  = `{"match": [{"remote_ip": {"ranges": ["127.0.0.1"]}}, {}], "backend": "web"}`
)

func TestHiddenRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  string // empty: none is hidden
	}{
		"the same name":                       {exactA + `,` + exactA, `rule 2 (backend "api") can never match: earlier rules take all that it would, first of them rule 1 (backend "api"); move it up or remove it`},
		"the same name in capitals":           {exactA + `,` + strings.ReplaceAll(exactA, "a.example.test", "A.Example.TEST."), `rule 2 (backend "api") can never match`},
		"a name under a wildcard":             {oneStar + `,` + exactA, `rule 2 (backend "api") can never match: earlier rules take all that it would, first of them rule 1 (backend "web")`},
		"a name under a suffix":               {anyDeep + `,` + exactA, `rule 2 (backend "api") can never match`},
		"a wildcard under a suffix":           {anyDeep + `,` + oneStar, `rule 2 (backend "web") can never match`},
		"names taken by two rules":            {exactB + `,` + exactA + `,` + both, `rule 3 (backend "web") can never match: earlier rules take all that it would, first of them rule 1 (backend "web")`},
		"names taken in the same order":       {exactA + `,` + exactB + `,` + both, `rule 3 (backend "web") can never match: earlier rules take all that it would, first of them rule 1 (backend "api")`},
		"two sets taken by two rules":         {exactA + `,` + exactB + `,` + eitherB, `rule 3 (backend "web") can never match: earlier rules take all that it would, first of them rule 1 (backend "api")`},
		"a name and more, its name is taken":  {oneStar + `,` + overTLS, `rule 2 (backend "web") can never match`},
		"a name and an address, name taken":   {exactB + `,` + exactA + `,` + localA, `rule 3 (backend "api") can never match: earlier rules take all that it would, first of them rule 2 (backend "api")`},
		"anything after a rule for all":       {h2 + `,` + bare + `,` + local, `rule 3 (backend "api") can never match: earlier rules take all that it would, first of them rule 2 (backend "web")`},
		"a rule for all after another":        {bare + `,` + bare, `rule 2 (backend "web") can never match`},
		"a name after any ClientHello":        {anyTLS + `,` + exactA, `rule 2 (backend "api") can never match: earlier rules take all that it would, first of them rule 1 (backend "web")`},
		"a name after a set for all":          {anySet + `,` + exactA, `rule 2 (backend "api") can never match`},
		"the narrow before the wide":          {exactA + `,` + oneStar + `,` + anyDeep + `,` + bare, ``},
		"one of two names is left":            {exactA + `,` + both, ``},
		"one of two sets is left":             {exactA + `,` + eitherB, ``},
		"the earlier rule asks for more":      {overTLS + `,` + exactA, ``},
		"the earlier rule asks for an origin": {localA + `,` + exactA, ``},
		"the earlier rule asks for a rate":    {often + `,` + oftenA + `,` + exactA + `,` + bare, ``},
		"an address is another way in":        {exactA + `,` + aOrIP, ``},
		"a suffix is wider than a wildcard":   {oneStar + `,` + anyDeep, ``},
		"a name is not hidden by protocols":   {h2 + `,` + exactA, ``},
	} {
		app, ctx := newApp(t, "web", "api")
		_, err := newRouter(ctx, app, parseRules(t, `[%s]`, c.rules), nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	for rule, want := range map[string]string{
		`null`:                 `rule 2: expected an object with match, and backend or action`,
		`{}`:                   `rule 2: it has no backend`,
		`{"backend": "wbe"}`:   `rule 2: backend "wbe" is not defined; did you mean "web"? (known: api, web)`,
		`{"backend": "other"}`: `rule 2: backend "other" is not defined (known: api, web)`,
		`{"backend": "web", "match": [{"client_hello": {"sni": ["a..test"]}}]}`:     `rule 2: loading matchers: module name 'client_hello': `,
		`{"backend": "web", "match": [{"client_hello": {"snis": ["a.test"]}}]}`:     `rule 2: loading matchers: module name 'client_hello': `,
		`{"backend": "web", "match": [{"remote_ip": {"ranges": ["10.0.0.0/33"]}}]}`: `rule 2: loading matchers: module name 'remote_ip': `,
		`{"backend": "web", "match": [{"hello": {}}]}`:                              `rule 2: loading matchers: module name 'hello': unknown module`,
	} {
		app, ctx := newApp(t, "web", "api")
		if _, err := newRouter(ctx, app, parseRules(t, `[%s, %s]`, exactA, rule), nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", rule, err, want)
		}
	}
}
