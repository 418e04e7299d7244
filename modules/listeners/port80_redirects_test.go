// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const (
	plainSite    = `{"names": ["git.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}]}`
	redirectSite = `{"names": ["git.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}], "redirect": true}`
)

// What Caddy's automatic redirects leave to the handler, and what they do without it.
func TestAutomaticRedirects(t *testing.T) {
	const refused = "404 This name is served over HTTPS only."
	for _, c := range []struct {
		about string
		port80Config
		want map[string]string // by host
	}{
		{"own sites", port80Config{own: host("example.com"), sites: plainSite}, map[string]string{
			"git.example.com": refused, "example.com": "308 https://example.com/a", "other.example.com": "308 https://other.example.com/a",
		}},
		{"an own wildcard covers a name", port80Config{own: host("*.example.com"), sites: plainSite}, map[string]string{
			"git.example.com": refused, "www.example.com": "308 https://www.example.com/a", "other.example": "308 https://other.example/a",
		}},
		{"an own wildcard covers a name that is redirected", port80Config{own: host("*.example.com"), sites: redirectSite, listen: ":8443", app: `, "https_port": 443`}, map[string]string{
			"git.example.com": "308 https://git.example.com:8443/a", "www.example.com": "308 https://www.example.com:8443/a",
		}},
		{"no own site", port80Config{sites: plainSite}, map[string]string{
			"git.example.com": refused, "other.example.com": "308 https://other.example.com/a",
		}},
		{"a site of the HTTP port comes first", port80Config{own: host("example.com"), sites: plainSite, plain: host("www.example.com") + "," + handler}, map[string]string{
			"git.example.com": refused, "example.com": "308 https://example.com/a", "www.example.com": "200 www.example.com",
		}},
		{"the handler below a host", port80Config{own: host("*.example.com"), sites: plainSite, plain: `{"match": [{"host": ["git.example.com"]}], "handle": [{"handler": "passthrough_http"}]}`}, map[string]string{
			"git.example.com": refused, "www.example.com": "308 https://www.example.com/a",
		}},
		{"no redirects", port80Config{own: host("example.com"), sites: redirectSite, auto: `"disable_redirects": true`}, map[string]string{
			"git.example.com": "308 https://git.example.com/a", "example.com": "200", "other.example.com": "200",
		}},
		{"no handler: all names are redirected", port80Config{own: host("example.com"), sites: plainSite, plain: "none"}, map[string]string{
			"git.example.com": "308 https://git.example.com/a", "example.com": "308 https://example.com/a", "other.example.com": "308 https://other.example.com/a",
		}},
	} {
		t.Run(c.about, func(t *testing.T) {
			h := newServers(t, c.port80Config)
			for host, want := range c.want {
				if got := askPort80(t, h, "GET", host, "/a"); got != want {
					t.Errorf("http://%s/a: %q, want %q", host, got, want)
				}
			}
		})
	}
}

func TestRedirectPort(t *testing.T) {
	for _, c := range []struct {
		listen []string
		app    caddyhttp.App
		want   string
	}{
		{[]string{":443"}, caddyhttp.App{}, ""},
		{[]string{"durable/:443"}, caddyhttp.App{}, ""},
		{[]string{"127.0.0.1:443", "[::1]:443"}, caddyhttp.App{}, ""},
		{[]string{":8443"}, caddyhttp.App{}, "8443"},
		{[]string{"10.0.0.1:8443", ":443"}, caddyhttp.App{}, ""},
		{[]string{":8443"}, caddyhttp.App{HTTPSPort: 8443}, ""},
		{[]string{":443"}, caddyhttp.App{HTTPSPort: 8443}, ""},
		{[]string{"unix//run/s", ":9443"}, caddyhttp.App{HTTPSPort: 8443}, "9443"},
		{[]string{"unix//run/s"}, caddyhttp.App{}, ""},
	} {
		w := &Wrapper{server: &caddyhttp.Server{Listen: c.listen}}
		if got := w.httpsPort(&c.app); got != c.want {
			t.Errorf("%v with https_port %d: %q, want %q", c.listen, c.app.HTTPSPort, got, c.want)
		}
	}
}

// An option that has no effect causes a warning.
func TestAdvise(t *testing.T) {
	tls := caddytls.ConnectionPolicies{new(caddytls.ConnectionPolicy)}
	site := &Site{Names: []string{"git.example.com"}, Redirect: true}
	acme := &Site{Names: []string{"mail.example.com"}, Redirect: true, ACMETo: "10.0.0.7"}
	for _, c := range []struct {
		about   string
		server  *caddyhttp.Server
		handler bool
		site    *Site
		want    string
	}{
		{"a handler", &caddyhttp.Server{}, true, site, ""},
		{"automatic redirects", &caddyhttp.Server{TLSConnPolicies: tls}, false, site, ""},
		{"no redirects", &caddyhttp.Server{TLSConnPolicies: tls, AutoHTTPS: &caddyhttp.AutoHTTPSConfig{DisableRedir: true}}, false, site, "redirect"},
		{"no automatic HTTPS", &caddyhttp.Server{TLSConnPolicies: tls, AutoHTTPS: &caddyhttp.AutoHTTPSConfig{Disabled: true}}, false, site, "redirect"},
		{"no own TLS", &caddyhttp.Server{AutoHTTPS: new(caddyhttp.AutoHTTPSConfig)}, false, site, "redirect"},
		{"no option", &caddyhttp.Server{}, false, &Site{Names: []string{"git.example.com"}}, ""},
		{"acme_to", &caddyhttp.Server{TLSConnPolicies: tls}, false, acme, "acme_to"},
		{"acme_to with a handler", &caddyhttp.Server{}, true, acme, ""},
	} {
		core, logged := observer.New(zapcore.WarnLevel)
		list := new(wrapperList)
		list.port80.Store(c.handler)
		w := &Wrapper{Sites: []*Site{c.site}, server: c.server}
		w.advisePort80(list, zap.New(core))
		switch lines := logged.All(); {
		case c.want == "" && len(lines) == 0:
		case len(lines) != 1 || lines[0].Message != c.want+" has no effect: expected a site block http:// with the directive passthrough" || lines[0].ContextMap()["passthrough"] != c.site.Names[0]:
			t.Errorf("%s: %v, want one line about %q", c.about, lines, c.want)
		}
	}
}
