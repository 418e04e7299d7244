// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes files for a configuration, and returns their paths by name.
func files(t *testing.T, texts map[string]string) (path func(name string) string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// goesTo checks which backends hellos with the names reach.
func (p *proxied) goesTo(t *testing.T, backends map[string]string) {
	t.Helper()
	for name, want := range backends {
		if _, l := p.handshake(t, name); l.Backend != want {
			t.Errorf("%q routed to %q (%s), want %q", name, l.Backend, l.End, want)
		}
	}
}

// A map sends each name to the backend of its most specific pattern; names that are not in it go on
// to the next rule.
func TestUseBackendMap(t *testing.T) {
	path := files(t, map[string]string{"sites.map": `
# the order in the file makes no difference
.example.test        web
*.example.test       api
www.example.test     web    # a comment
a.b.example.test     api
`})
	p := startProxied(t, fmt.Sprintf("use_backend_map %s alpn h2\n use_backend_map %[1]s\n use_backend api no_sni", path("sites.map")))
	p.goesTo(t, map[string]string{
		"www.example.test": "web", "WWW.Example.Test": "web", "www.example.test.": "web",
		"api.example.test": "api", "x.y.example.test": "web", "a.b.example.test": "api", "b.b.example.test": "web",
		"example.test": "", "other.test": "", "": "api",
	})
}

// A reload reads maps and lists again, even if the configuration is the same. A wrong one is
// refused with file and line, and changes nothing.
func TestReloadReadsFilesAgain(t *testing.T) {
	path := files(t, map[string]string{"sites.map": "a.test web\n", "names.txt": "b.test\n"})
	p := startProxied(t, fmt.Sprintf("use_backend_map %s\n use_backend api sni_file %s", path("sites.map"), path("names.txt")))
	reload := func(name, text string) (string, error) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := command(t, p.dir, "reload", "--force", "--config", "Caddyfile", "--address", p.admin).CombinedOutput()
		return string(out), err
	}
	p.goesTo(t, map[string]string{"a.test": "web", "b.test": "api", "c.test": ""})
	if out, err := reload("sites.map", "a.test api\nc.test web\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := reload("names.txt", "*.b.test\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := map[string]string{"a.test": "api", "c.test": "web", "b.test": "", "x.b.test": "api"}
	p.goesTo(t, after)
	for _, c := range [][3]string{
		{"sites.map", "a.test web\n\nb.test wbe\n", `sites.map:3: backend \\\"wbe\\\" is not defined; did you mean \\\"web\\\"?`},
		{"sites.map", "a.test api\na.test web\n", `sites.map:2: \\\"a.test\\\" has the value \\\"web\\\", but \\\"api\\\" in line 1`},
		{"names.txt", "b.test\nhttps://c.test\n", `names.txt:2: invalid pattern \\\"https://c.test\\\"`},
	} {
		if out, err := reload(c[0], c[1]); err == nil || !strings.Contains(out, c[2]) {
			t.Errorf("%q: %v, want %s in\n%s", c[1], err, c[2], out)
		}
		p.goesTo(t, after)
		if _, err := reload("sites.map", "a.test api\nc.test web\n"); err != nil && c[0] == "sites.map" {
			t.Fatal(err)
		}
	}
}

// A map may have many entries.
func TestMapWithManyEntries(t *testing.T) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "host-%d.example.test %s\n", i, []string{"web", "api"}[i%2])
	}
	path := files(t, map[string]string{"long.map": text.String()})
	p := startProxied(t, "use_backend_map "+path("long.map"))
	p.goesTo(t, map[string]string{
		"host-0.example.test": "web", "host-1.example.test": "api", "host-99999.example.test": "api", "host-50000.example.test": "web",
		"host-100000.example.test": "",
	})
}

// The backend may be the one that the hello names. If it does not exist, no later rule applies, as
// in HAProxy.
func TestBackendByPlaceholder(t *testing.T) {
	p := startProxied(t, "use_backend {l4.client_hello.sni} sni api web x.test\n use_backend api sni .test\n default_backend web")
	p.goesTo(t, map[string]string{"api": "api", "web": "web", "x.test": "web", "z.test": "api", "y": "web", "": "web"})
}

// The server may be the one that the hello names.
func TestServerByPlaceholder(t *testing.T) {
	p := startProxied(t, "use_backend api no_sni\n default_backend web")
	port := portOf(t, p.origins[0])
	frontend := freeAddress(t)
	config, err := os.ReadFile(filepath.Join(p.dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(config), "layer4 {", fmt.Sprintf(`layer4 {
		durable/%s {
			route {
				passthrough {
					name named
					server any {l4.client_hello.sni}:%s
					allow_local_addresses
				}
			}
		}`, frontend, port), 1)
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, p.dir, "reload", "--config", "Caddyfile", "--address", p.admin).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	named := &proxied{process: p.process, address: frontend}
	if _, l := named.handshake(t, "localhost"); l.Address != "localhost:"+port || !l.isInOrder() {
		t.Errorf("localhost: %+v", l)
	}
	for _, name := range []string{"127.0.0.1", "2130706433", "0x7f.1", ""} {
		if _, l := named.handshake(t, name); l.End != "no_address" || l.Termination != "SC" || l.Retries != 0 || strings.Contains(l.Error, "lookup") {
			t.Errorf("%q: %+v", name, l)
		}
	}
}
