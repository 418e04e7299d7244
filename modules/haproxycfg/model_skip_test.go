// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // modules that a Caddyfile may use
	_ "github.com/mholt/caddy-l4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// skipped translates a text without its sections in mode http.
func skipped(tb testing.TB, text string) Result {
	tb.Helper()
	return Translate([]haproxyfile.Source{{Name: "/etc/haproxy/haproxy.cfg", Text: []byte(text)}}, Options{
		SkipHTTP: true,
		Getenv:   func(string) (string, bool) { return "", false },
		Open:     func(string) ([]byte, error) { return nil, errors.Join(errNotHere, fs.ErrNotExist) },
	})
}

// mustAdapt checks that a text is a valid Caddyfile.
func mustAdapt(tb testing.TB, text string) {
	tb.Helper()
	if text == "" {
		return
	}
	if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"}); err != nil {
		tb.Errorf("%v\n%s", err, text)
	}
}

const skipDefaults = "defaults\n\tmode tcp\n" + timeoutLines + "\tbalance roundrobin\n"

// Sections left out are reported with their lines, and the rest is served unchanged.
func TestSkipHTTP(t *testing.T) {
	const text = skipDefaults + `
frontend tls
	bind 192.0.2.1:443
	bind 192.0.2.1:8443 ssl crt /etc/ssl/site.pem
	tcp-request inspect-delay 1s
	use_backend web if { req.ssl_sni -i www.test }
	use_backend loop if { req.ssl_sni -i loop.test }
	default_backend b
backend b
	server s1 192.0.2.2:443
backend loop
	server self 127.0.0.1:8080
frontend www
	mode http
	bind :8080
	http-request lua.unknown if { src 192.0.2.0/24 }
	default_backend web
backend web
	mode http
	http-request set-path /%[path]
	server w1 192.0.2.3:80
backend lonely
	mode http
listen stats
	mode http
	disabled
	bind :443
`
	if r := translated(t, text); !r.Failed {
		t.Fatal("nothing is left out, and there is no error")
	}
	r := skipped(t, text)
	if r.Failed {
		t.Fatalf("%v", r.Problems)
	}
	said := make(map[int]string)
	for _, p := range r.Problems {
		said[p.Line] += p.Message + "\n"
	}
	for line, want := range map[int]string{
		10: "'bind 192.0.2.1:8443 ... ssl' in frontend 'tls' is left out; as lines of a Caddyfile, with 3 lines that are NOT TRANSLATED:\n",
		18: "'server loop/self' is at the address of frontend 'www' (/etc/haproxy/haproxy.cfg:21), which is left out: it is down until another program listens there",
		19: "frontend 'www' is in mode http and left out; as lines of a Caddyfile, with 2 lines that are NOT TRANSLATED:\n\t# frontend www, line 19\n\thttp://:8080 {\n",
		24: "backend 'web' is in mode http and left out: connections that frontend 'tls' sends there are closed; with 'mode tcp' and 'server caddy 127.0.0.1:8080' in it",
		28: "backend 'lonely' is in mode http and left out; no frontend leads to it",
	} {
		if !strings.Contains(said[line], want) {
			t.Errorf("line %d: said %q, want %q", line, said[line], want)
		}
	}
	if said[30] != "" {
		t.Errorf("a section that is disabled is spoken of: %s", said[30])
	}
	for _, want := range []string{"tls /etc/ssl/site.pem ", "# NOT TRANSLATED, line 22: http-request lua.unknown if { src 192.0.2.0/24 }", "reverse_proxy 192.0.2.3:80"} {
		if !strings.Contains(r.Caddyfile, want) {
			t.Errorf("no %q in\n%s", want, r.Caddyfile)
		}
	}
	mustAdapt(t, r.Caddyfile)
	equalJSON(t, r.JSON, "the rules", `[{"match":[{"client_hello":{"sni":["www.test"]}}],"backend":"web"},{"match":[{"client_hello":{"sni":["loop.test"]}}],"backend":"loop"}]`, "passthrough", "frontends", "tls", "rules")
	equalJSON(t, r.JSON, "the addresses", `[{"address":"192.0.2.1:443"}]`, "passthrough", "frontends", "tls", "bind")
	equalJSON(t, r.JSON, "servers of what is left out", `[]`, "passthrough", "backends", "web", "servers")
	equalJSON(t, r.JSON, "what nothing leads to", `null`, "passthrough", "backends", "lonely")
	equalJSON(t, r.JSON, "sites", `null`, "http")
}

// It is an error if connections would go to another bind, or a server would lose its check.
func TestSkipHTTPMistakes(t *testing.T) {
	const tls = skipDefaults + "listen tls\n\tserver s1 192.0.2.2:443\n"
	const www = "frontend www\n\tmode http\n"
	for text, want := range map[string]string{
		tls + "\tbind :80\n" + www + "\tbind 192.0.2.1:80\n":                                                ":12: 'bind 192.0.2.1:80' in frontend 'www' is left out, and its connections would go to 'bind :80' (/etc/haproxy/haproxy.cfg:9)",
		tls + "\tbind :80\n" + www + "\tbind :80\n":                                                         "its connections would go to 'bind :80'",
		tls + "\tbind :::80 v4v6\n" + www + "\tbind 192.0.2.1:80\n":                                         "its connections would go to 'bind ",
		tls + "\tbind :8000-8100\n" + www + "\tbind :8080\n":                                                "its connections would go to 'bind :8000-8100'",
		tls + "\tbind :443\n\tbind :443 ssl crt x\n":                                                        ":10: 'bind :443' in listen 'tls' is left out",
		tls + "\tbind :443\n\tserver s2 192.0.2.2:443 track w/s\nbackend w\n\tmode http\n":                  "it tracks a server of backend 'w' (/etc/haproxy/haproxy.cfg:11), which is in mode http and left out: expected 'check' instead",
		tls + "\tbind :443\n\ttcp-request connection reject if { nbsrv(w) lt 1 }\nbackend w\n\tmode http\n": "'nbsrv' in proxy 'tls' asks for the state of backend 'w' (/etc/haproxy/haproxy.cfg:11), which is in mode http and left out",
		tls + "\tbind :443\n" + www + "\tbind 192.0.2.300:80\n":                                             "192.0.2.300",
		"# caddy: skip-http\n" + tls + "\tbind :443\n\tuse_backend none if TRUE\n":                          "unable to find required use_backend: 'none'",
		tls + "\tbind :80\n" + www + "\tbind :81\n\tdisabled\n\tbind 192.0.2.1:80\n":                        "",
		tls + "\tbind :80 v6only\n\tbind ipv6@:81 v6only\n" + www + "\tbind :82\n\tbind ipv4@:81\n":         "",
	} {
		r := skipped(t, text)
		var mistakes []string
		for _, p := range r.Problems {
			if p.Severity == haproxyfile.Error {
				mistakes = append(mistakes, p.String())
			}
		}
		if want == "" && len(mistakes) > 0 || want != "" && !strings.Contains(strings.Join(mistakes, "\n"), want) {
			t.Errorf("%s\n%q, want %q", text, mistakes, want)
		}
	}
}

// A flag, the environment or the file asks to leave sections out.
func TestWaysToSkipHTTP(t *testing.T) {
	const text = skipDefaults + "listen tls\n\tbind :443\n\tserver s1 192.0.2.2:443\nlisten www\n\tmode http\n\tbind :80\n\thttp-request lua.x\n"
	for name, c := range map[string]struct{ text, env, want string }{
		"nothing":         {text, "", "http-request"},
		"environment":     {text, "1", ""},
		"environment off": {text, "0", "http-request"},
		"misspelt":        {text, "yse", `the environment variable HAPROXY_SKIP_HTTP is "yse": expected 1 or 0`},
		"directive":       {"# caddy: skip-http\n" + text, "", ""},
		"another":         {"# caddy: skp-http\n" + text, "", "'# caddy: skp-http' is not a directive: expected '# caddy: skip-http'"},
		"a comment":       {"# caddy: is nice\n#caddy: skip-http\n" + text, "", "http-request"},
	} {
		r := Translate([]haproxyfile.Source{{Name: "haproxy.cfg", Text: []byte(c.text)}}, Options{Getenv: func(name string) (string, bool) {
			return c.env, name == skipVariable
		}})
		var all []string
		for _, p := range r.Problems {
			all = append(all, p.Message)
		}
		if r.Failed != (c.want != "") || !strings.Contains(strings.Join(all, "\n"), c.want) {
			t.Errorf("%s: failed %v, %q", name, r.Failed, all)
		}
	}
	dir := folder(t, map[string]string{"a.cfg": text})
	var out, messages strings.Builder
	c := checkCommand{paths: []string{filepath.Join(dir, "a.cfg")}, skipHTTP: true, caddyfile: true}
	if code := c.run(nil, &out, &messages); code != exitValid || !strings.Contains(out.String(), "http://:80 {") || !strings.Contains(messages.String(), "listen 'www' is in mode http and left out") {
		t.Errorf("ended with %d\n%s%s", code, &out, &messages)
	}
}

// Rules in defaults for sections that are left out are not errors.
func TestSkipHTTPRulesInDefaults(t *testing.T) {
	r := skipped(t, "defaults http\n\tmode http\n"+timeoutLines+"\thttp-request set-header X-A b\nlisten www from http\n\tbind :80\n\tserver s1 192.0.2.1:80\nlisten tls\n\tmode tcp\n\tbind :443\n\tserver s1 192.0.2.2:443\n")
	if r.Failed || !strings.Contains(r.Caddyfile, "request_header X-A b") {
		t.Errorf("%v\n%s", r.Problems, r.Caddyfile)
	}
}

// Any section becomes a valid Caddyfile.
func FuzzSkipHTTP(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "integration", "haproxy", "testdata", "*", "*.cfg"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no configurations to begin with: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.ReplaceAll(string(text), "mode tcp", "mode http"))
	}
	const head = "listen w\n\tmode http\n\tbind :80\n\tbind :443 ssl crt /a/ crt b.pem alpn h2\n\tserver s 192.0.2.1:80 check\n\t"
	for _, lines := range []string{
		"http-request redirect location \"https://a{b}`c/%[path]\" if { path_reg \"^/\\{x`\" }",
		"acl a hdr_beg(host) -i www. {$HOME}\n\tuse_backend w if a !a or { src 192.0.2.0/24 ::1 }",
		"option httpchk GET /x?{y}\n\thttp-check expect rstring (a|b)`\n\thttp-check send hdr A \"b c\"",
		"balance hdr(x y)\n\tserver t 192.0.2.2:80 weight 3 ssl sni str(a.test) verify none\n\tserver u 192.0.2.3:80 backup",
		"http-request return status 200 content-type text/plain string \"a\nb\" if TRUE\n\tmonitor-uri /{x}",
		"http-response set-header \"a b\" %[src]%ci%% unless METH_POST\n\tbind unix@/run/x y",
	} {
		f.Add(head + lines)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := skipped(t, text)
		if r.Failed != (r.JSON == nil) {
			t.Fatalf("failed: %v, with %d bytes of JSON", r.Failed, len(r.JSON))
		}
		if !strings.Contains(text, "{$") && !slices.ContainsFunc(r.Problems, func(p haproxyfile.Problem) bool { return strings.Contains(p.Message, "same name") }) {
			mustAdapt(t, r.Caddyfile)
		}
	})
}
