// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/proxyprotocol"

	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// adapted returns the http servers that a Caddyfile is adapted to.
func adapted(file, text string) (map[string]*caddyhttp.Server, error) {
	text = strings.ReplaceAll(text, "; ", "\n")
	raw, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": file})
	if err != nil {
		return nil, err
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]*caddyhttp.Server `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	return config.Apps.HTTP.Servers, json.Unmarshal(raw, &config)
}

// summary returns the listener wrappers of each http server in one line: its address, then for each
// wrapper its name, with its names and addresses.
func summary(servers map[string]*caddyhttp.Server) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		s := servers[name]
		line := strings.Join(s.Listen, " ")
		for _, raw := range s.ListenerWrappersRaw {
			line += " | " + wrapperName(raw)
			w := decode(raw)
			if w == nil {
				continue
			}
			if len(w.Listen) > 0 {
				line += fmt.Sprintf(" of %s", strings.Join(w.Listen, " "))
			}
			for _, site := range w.Sites {
				line += " " + strings.Join(site.Names, ",") + "=" + site.BackendName
				for _, server := range site.Servers {
					line += server.Address
				}
			}
		}
		all = append(all, line)
	}
	return all
}

// The blanks after semicolons are ends of lines.
func TestDirectivesBecomeOneWrapper(t *testing.T) {
	t.Setenv("LISTENERS_TEST", "10.0.0.9")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one line", ":443 {; passthrough a.test *.a.test 10.0.0.5:443 10.0.0.6:443; }; ", []string{":443 | passthrough a.test,*.a.test=10.0.0.5:44310.0.0.6:443 | tls"}},
		{
			"several lines and blocks", ":443 {; passthrough a.test 10.0.0.5:443; passthrough b.test {; backend b; }; }; own.test {; passthrough c.test {; server s1 10.0.0.6:443; }; }; ",
			[]string{":443 | passthrough a.test=10.0.0.5:443 b.test=b c.test=10.0.0.6:443 | tls"},
		},
		{"another port", ":8443 {; passthrough a.test 10.0.0.5:443; }; own.test {; respond a; }; ", []string{":443", ":8443 | passthrough a.test=10.0.0.5:443 | tls"}},
		{
			"two ports", ":443, :8443 {; passthrough a.test 10.0.0.5:443; }; ",
			[]string{":443 | passthrough a.test=10.0.0.5:443 | tls", ":8443 | passthrough a.test=10.0.0.5:443 | tls"},
		},
		{
			"https_port and http_port", "{; https_port 9443; http_port 9080; }; own.test {; passthrough a.test 10.0.0.5:443; }; :9443 {; passthrough b.test 10.0.0.5:443; }; http://own.test {; respond a; }; ",
			[]string{":9080", ":9443 | passthrough a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls"},
		},
		{
			"the HTTP port, too", "own.test, http://own.test {; passthrough a.test 10.0.0.5:443; }; :443 {; passthrough b.test 10.0.0.5:443; }; ",
			[]string{":443 | passthrough of :443 a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls", ":80 | passthrough of :443 a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls"},
		},
		{
			"bind", ":443 {; bind 127.0.0.1 ::1; passthrough a.test 10.0.0.5:443; }; own.test {; bind ::1 127.0.0.1; passthrough b.test 10.0.0.5:443; }; :443 {; bind 127.0.0.2; passthrough c.test 10.0.0.5:443; }; ",
			[]string{"127.0.0.1:443 [::1]:443 | passthrough a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls", "127.0.0.2:443 | passthrough c.test=10.0.0.5:443 | tls"},
		},
		{
			"default_bind", "{; default_bind durable/ 127.0.0.1; default_bind ::1; }; :443 {; passthrough a.test 10.0.0.5:443; }; own.test {; passthrough b.test 10.0.0.5:443; }; ",
			[]string{"127.0.0.1:443 [::1]:443 durable/:443 | passthrough a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls"},
		},
		{
			"servers without wrappers", "{; servers {; protocols h1 h2; }; }; :443 {; passthrough a.test 10.0.0.5:443; passthrough b.test 10.0.0.5:443; }; :8443 {; passthrough c.test 10.0.0.5:443; }; ",
			[]string{
				":443 | passthrough of :443 a.test=10.0.0.5:443 b.test=10.0.0.5:443 | passthrough of :8443 c.test=10.0.0.5:443 | tls",
				":8443 | passthrough of :443 a.test=10.0.0.5:443 b.test=10.0.0.5:443 | passthrough of :8443 c.test=10.0.0.5:443 | tls",
			},
		},
		{
			"servers of the address", "{; servers :443 {; protocols h1 h2; }; servers :8080 {; protocols h1; }; }; :443 {; passthrough a.test 10.0.0.5:443; }; :8080 {; respond a; }; ",
			[]string{":443 | passthrough a.test=10.0.0.5:443 | tls", ":8080"},
		},
		{
			"beside other wrappers", "{; servers {; listener_wrappers {; http_redirect; tls; }; }; }; :443 {; passthrough a.test 10.0.0.5:443; }; ",
			[]string{":443 | passthrough of :443 a.test=10.0.0.5:443 | http_redirect | tls"},
		},
		{
			"behind proxy_protocol", "{; servers {; listener_wrappers {; proxy_protocol; http_redirect; tls; }; }; }; :443 {; passthrough a.test 10.0.0.5:443; }; ",
			[]string{":443 | proxy_protocol | passthrough of :443 a.test=10.0.0.5:443 | http_redirect | tls"},
		},
		{
			"with headers of its own", "{; servers {; listener_wrappers {; proxy_protocol; tls; }; }; }; :443 {; passthrough a.test 10.0.0.5:443 {; accept_proxy 10.0.0.0/8; }; }; ",
			[]string{":443 | passthrough of :443 a.test=10.0.0.5:443 | proxy_protocol | tls"},
		},
		{
			"where it is marked", "{; servers {; listener_wrappers {; http_redirect; passthrough; tls; }; }; }; :443 {; passthrough a.test 10.0.0.5:443; passthrough b.test 10.0.0.5:443; }; ",
			[]string{":443 | http_redirect | passthrough of :443 a.test=10.0.0.5:443 b.test=10.0.0.5:443 | tls"},
		},
		{
			"wrappers behind tls", "{; servers {; listener_wrappers {; http_redirect; }; }; }; :443 {; passthrough a.test 10.0.0.5:443; }; ",
			[]string{":443 | passthrough of :443 a.test=10.0.0.5:443 | tls | http_redirect"},
		},
		{
			"in listener_wrappers", "{; servers {; listener_wrappers {; passthrough {; site a.test *.a.test 10.0.0.5:443; site b.test {; backend b; }; inspect_delay 2s; }; tls; }; }; }; own.test {; respond a; }; ",
			[]string{":443 | passthrough a.test,*.a.test=10.0.0.5:443 b.test=b | tls"},
		},
		{
			"placeholders", ":443 {; passthrough {env.NAME} a.{$LISTENERS_TEST_TOP:test} {$LISTENERS_TEST}:443 {env.ADDRESS}:443 unix//run/a.sock; }; ",
			[]string{":443 | passthrough {env.NAME},a.test=10.0.0.9:443{env.ADDRESS}:443unix//run/a.sock | tls"},
		},
		{
			"a snippet", "(pass) {; passthrough {args[0]} 10.0.0.5:{args[1]}; }; :443 {; import pass a.test 443; import pass b.test 8443; }; ",
			[]string{":443 | passthrough a.test=10.0.0.5:443 b.test=10.0.0.5:8443 | tls"},
		},
		{"options alone", ":443 {; passthrough {; inspect_delay 2s; default_backend web; }; }; ", []string{":443 | passthrough | tls"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			servers, err := adapted("Caddyfile", c.text)
			if got := summary(servers); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, got\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// The options of a frontend go to the wrapper, those of a backend to the site.
func TestOptionsOfDirectives(t *testing.T) {
	servers, err := adapted("Caddyfile", `:443 {
	passthrough a.test 10.0.0.5:443 {
		balance leastconn
		redirect
		acme_to 10.0.0.5:8080
		inspect_delay 2s
		use_backend x sni x.test
		on no_match close
	}
	passthrough {
		use_backend z sni z.test
		accept_proxy 10.0.0.0/8
		on not_tls drop
	}
}
`)
	if err != nil {
		t.Fatal(err)
	}
	w := decode(servers["srv0"].ListenerWrappersRaw[0])
	s := w.Sites[0]
	if w.Backend.BalanceRaw != nil || string(s.BalanceRaw) != `{"policy":"leastconn"}` || !s.Redirect || s.ACMETo != "10.0.0.5:8080" {
		t.Errorf("options of the site: %+v", s)
	}
	if w.InspectDelay == 0 || len(w.Rules) != 2 || w.Rules[1].Backend != "z" || len(w.AcceptProxy) != 1 || !maps.Equal(w.On, map[string]string{"no_match": "close", "not_tls": "drop"}) {
		t.Errorf("options of the wrapper: %+v", w.Handler)
	}
	for word, want := range map[string]string{"rule": "Caddyfile:7", "on.not_tls": "Caddyfile:13", "": "Caddyfile:2"} {
		if got := w.Origin.Of(word, 0); got != want {
			t.Errorf("origin of %q: %s, want %s", word, got, want)
		}
	}
	if got, want := w.Origin.Of("rule", 1), "Caddyfile:11"; got != want {
		t.Errorf("origin of the second rule: %s, want %s", got, want)
	}
}

// A site in an imported file knows the Caddyfile, which may have the site block of its name.
func TestMainFileIsKnown(t *testing.T) {
	dir := t.TempDir()
	main, imported := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "pass.conf")
	for file, text := range map[string]string{
		main:     "(all) {\n\timport pass.conf\n}\n:443 {\n\timport all\n\tpassthrough b.test 10.0.0.5:443\n}\na.test {\n\trespond a\n}\n",
		imported: "passthrough a.test 10.0.0.5:443\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := adapted(main, string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range decode(servers["srv0"].ListenerWrappersRaw[0]).Sites {
		if got := s.caddyfile(); got != main {
			t.Errorf("%s: the Caddyfile is %q, want %q", s.Names[0], got, main)
		}
		if got, want := lineOfSite(s.caddyfile(), "a.test"), main+":8"; got != want {
			t.Errorf("%s: the line of a.test is %q, want %q", s.Names[0], got, want)
		}
	}
}

// Only site blocks themselves may have names.
func TestDirectivesInOtherBlocks(t *testing.T) {
	for _, text := range []string{
		":443 {; handle {; passthrough a.test 10.0.0.5:443; }; }; ",
		":443 {; route /x {; passthrough {; inspect_delay 2s; }; }; }; ",
		":443 {; handle {; route {; passthrough a.test 10.0.0.5:443; }; }; }; ",
		":443 {; handle_errors {; passthrough a.test 10.0.0.5:443; }; }; ",
		"&(named) {; passthrough a.test 10.0.0.5:443; }; :443 {; invoke named; }; ",
		"(pass) {; passthrough a.test 10.0.0.5:443; }; :443 {; import pass; handle {; import pass; }; }; ",
	} {
		if servers, err := adapted("Caddyfile", text); err == nil || !strings.Contains(err.Error(), "expected it directly in a site block") {
			t.Errorf("%s: %v, %s", text, err, summary(servers))
		}
	}
}
