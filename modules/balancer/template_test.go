// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestValidateNameTemplate(t *testing.T) {
	for _, name := range []string{"web", "{l4.client_hello.sni}", "tenant-{l4.client_hello.sni}", "{env.a}{l4.vars.b-c_d.9}:x", "a.{l4.vars.x}_b"} {
		if err := ValidateNameTemplate(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if got, want := IsTemplate(name), name != "web"; got != want {
			t.Errorf("%q is a template: %v", name, got)
		}
	}
	for _, name := range []string{
		"", "a b", "{", "}", "{}", "a{", "{a", "a}", "}{", "{{a}}", "{a b}", "{a} b", "{a}/b", "{a/b}", `\{a}`, "{a:b}", "{ä}", "{a\n}", "@{a}",
	} {
		if err := ValidateNameTemplate(name); err == nil || !strings.Contains(err.Error(), ": expected letters, digits, any of -_.: and placeholders such as {l4.client_hello.sni}, nothing else") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCheckAddressTemplate(t *testing.T) {
	for _, address := range []string{
		"{l4.client_hello.sni}:443", "{l4.client_hello.sni}.internal:443", "www-{a}.{b}.test:443", "web.test:{l4.vars.port}", "web.test:44{a}",
		"{a}:{b}", "10.0.0.1:{port}", "[::1]:{port}", "[fe80::1%eth0]:{port}", "10.0.0.{a}:443",
	} {
		if err := validateAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{
		"{l4.client_hello.sni}", "{l4.client_hello.sni}:", "{l4.client_hello.sni}:https", "{l4.client_hello.sni}:0", "{l4.client_hello.sni}:65536",
		":{port}", "{a:443", "{a}}:443", "{}:443", "{a b}:443", "{a}:443:443", "{a}@b:443", "{a}/b:443", "https://{a}:443", "::1:{port}", "web.test:x{port}",
	} {
		if err := validateAddress(address); err == nil || !strings.Contains(err.Error(), ": expected HOST:PORT, with placeholders such as {l4.client_hello.sni}:443") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// fill fills in an address for a connection whose server name is name.
func fill(template, name string) (string, error) {
	repl := caddy.NewReplacer()
	repl.Set("name", name)
	repl.Set("label", "shop")
	return FillAddress(template, repl)
}

func TestFillAddress(t *testing.T) {
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61)
	for _, c := range []struct{ template, name, want string }{
		{"{name}:443", "www.example.com", "www.example.com:443"},
		{"{name}:443", "WWW.Example.COM", "WWW.Example.COM:443"},
		{"{name}:443", "www.example.com.", "www.example.com.:443"},
		{"{name}:443", "localhost", "localhost:443"},
		{"{name}:443", "my_host-1.example.com", "my_host-1.example.com:443"},
		{"{name}:443", "xn--bcher-kva.example", "xn--bcher-kva.example:443"},
		{"{name}:443", "10.0.0.1.example.com", "10.0.0.1.example.com:443"},
		{"{name}:443", "1and1.com", "1and1.com:443"},
		{"{name}:443", "a.0xyz", "a.0xyz:443"},
		{"{name}:443", "deadbeef", "deadbeef:443"},
		{"{name}:443", long, long + ":443"},
		{"{name}:443", strings.Repeat("a.", 127), strings.Repeat("a.", 127) + ":443"},
		{"10.0.{name}:443", "example", "10.0.example:443"},
		{"{name}.internal:8443", "10.0.0.1", "10.0.0.1.internal:8443"},
		{"{label}.{name}:443", "example.com", "shop.example.com:443"},
		// Any host is allowed if the client cannot influence it.
		{"10.0.0.1:{name}", "443", "10.0.0.1:443"},
		{"[::1]:{name}", "1", "[::1]:1"},
		{"[fe80::1%eth0]:{name}", "65535", "[fe80::1%eth0]:65535"},
		{"web.example.com:44{name}", "3", "web.example.com:443"},
		{"127.1:{name}", "443", "127.1:443"},
	} {
		if got, err := fill(c.template, c.name); got != c.want || err != nil {
			t.Errorf("%q with %q: %q, %v; want %q", c.template, c.name, got, err, c.want)
		}
	}
}

// A client that can choose the host must not reach IP addresses, and its name must stay in its
// place in the address (CVE-2023-25076 is a proxy that used the server name as the address of a
// server).
func TestFillAddressRefuses(t *testing.T) {
	const anAddress, noHost = ": an address, expected a name", ": not the name of a host"
	for want, names := range map[string][]string{
		anAddress: {
			"127.0.0.1", "10.0.0.1.", "0.0.0.0", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1", "2001:db8::1", "fe80::1%eth0", "1::",
			// Notations that inet_aton and other parsers accept.
			"127.1", "127.0.1", "0", "1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.0x1", "0177.0.0.1", "017700000001", "127.0.0.01",
			"127.0.0.08", "127.0.0.1.", "0x7f.1.", "00000000000000000177.1", "99999999999999999999999999", "256.256.256.256", "1.2.3.4.5", "a.1", "a.0x", "0x", "example.com.0xf",
		},
		noHost: {
			"", ".", "..", "a..b", ".a", ".example.com", "a..", "*", "*.example.com", "*.a", "a.*.b",
			"a/b", "a%b", "a@b", "a b", " a", "a\t", "a\nb", "a\r\nb", "a\x00b", "a:443", "a:b", "a,b", "a;b", "a?b", "a#b", `a\b`, `a"b`, "a'b", "a`b", "a$b", "a&b", "a|b", "a<b", "(a)",
			"[::1]", "[a]", "[::1", "::1]", "user@host", "http://a", "//a", "../a", "bücher.example", "a\xffb", "{env.PATH}", "{name}", "{label}", "{", "}", "%2e", "a%00",
			strings.Repeat("a", 64) + ".com", strings.Repeat("a", 255), strings.Repeat("a.", 127) + "a", strings.Repeat("a.", 126) + "aa",
		},
	} {
		for _, name := range names {
			for _, template := range []string{"{name}:443", "{name}:{name}"} {
				got, err := fill(template, name)
				if err == nil || got != "" || !strings.HasPrefix(err.Error(), `server address "`+template+`": host "`) || !strings.HasSuffix(err.Error(), want) {
					t.Errorf("%s with %q: %q, %v; want %q", template, name, got, err, want)
				}
			}
		}
	}
	for _, name := range []string{"", "0", "70000", "65536", "-1", "+1", "https", "443 ", "4 3", "443:1", "1@a", "0x1bb", "{name}", "{label}", "٤٤٣"} {
		for _, template := range []string{"web.example.com:{name}", "[::1]:{name}"} {
			got, err := fill(template, name)
			if err == nil || got != "" || !strings.HasPrefix(err.Error(), `server address "`+template+`": `) {
				t.Errorf("%s with %q: %q, %v", template, name, got, err)
			}
		}
	}
	for _, c := range []struct{ template, name string }{
		{"{name}.internal:443", ""},
		{"{name}.internal:443", "a."},
		{"{name}.internal:443", "a/"},
		{"{name}.internal:443", "x:1/"},
		{"{name}.internal:443", "*"},
		{"www.{name}:443", "127.0.0.1"},
		{"www.{name}:443", "1"},
		{"10.0.0.{name}:443", "1"},
		{"{unknown}:443", "x"},
		{"{unknown}{name}:443", "10.1"},
		{"127.0.0.1{name}:443", ""},
		{"{name}[::1]:443", ""},
	} {
		if got, err := fill(c.template, c.name); err == nil || got != "" {
			t.Errorf("%q with %q: %q, %v", c.template, c.name, got, err)
		}
	}
}

// Placeholders that do not depend on a connection are replaced when the configuration is loaded;
// the result is an ordinary address.
func TestAddressesOfTheProcess(t *testing.T) {
	t.Setenv("BALANCER_TEST_HOST", "10.0.0.1")
	t.Setenv("BALANCER_TEST_ADDRESS", "[2001:db8::1]:443")
	t.Setenv("BALANCER_TEST_EMPTY", "")
	for address, want := range map[string]string{
		"{env.BALANCER_TEST_ADDRESS}":                            "[2001:db8::1]:443",
		"{env.BALANCER_TEST_HOST}:443":                           "10.0.0.1:443",
		"{env.BALANCER_TEST_HOST}:{l4.vars.port}":                "10.0.0.1:{l4.vars.port}",
		"{l4.client_hello.sni}.{env.BALANCER_TEST_HOST}.nip:443": "{l4.client_hello.sni}.10.0.0.1.nip:443",
		"{l4.client_hello.sni}:443":                              "{l4.client_hello.sni}:443",
	} {
		app := provisioned(t, `{"web": {"servers": [{"name": "s1", "address": "`+address+`"}]}}`)
		if got := app.Backends["web"].Pool().Servers()[0].Address; got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
		cleanUp(t, app)
	}
	for address, want := range map[string]string{
		"{env.BALANCER_TEST_EMPTY}:443":                   `address ":443": expected HOST:PORT`,
		"{env.BALANCER_TEST_NEVER_SET}":                   `address "": expected HOST:PORT`,
		"{env.BALANCER_TEST_HOST}":                        `address "10.0.0.1": expected HOST:PORT`,
		"{env.BALANCER_TEST_ADDRESS}:443":                 `address "[2001:db8::1]:443:443": expected HOST:PORT`,
		"{env.BALANCER_TEST_HOST}:{l4.x":                  `address "10.0.0.1:{l4.x": expected HOST:PORT, with placeholders`,
		"{l4.client_hello.sni}:{env.BALANCER_TEST_EMPTY}": `address "{l4.client_hello.sni}:": expected HOST:PORT, with placeholders`,
	} {
		app := load(t, `{"web": {"servers": [{"name": "s1", "address": "`+address+`"}]}}`)
		want = `backend "web": server 1 "s1": ` + want
		if err := app.Provision(newContext(t)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", address, err, want)
		}
		cleanUp(t, app)
	}
}
