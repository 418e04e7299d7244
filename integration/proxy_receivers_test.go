// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestHeadersFromCurl requests a page of an nginx with TLS through frontends of all forms: curl
// sends a header of its own before the handshake.
func TestHeadersFromCurl(t *testing.T) {
	t.Parallel()
	a, web := newAuthority(t), freeAddress(t)
	cert, key := a.issue(t, "web.test", 30)
	startNginx(t, web, cert, key)
	p, receivers := startReceivers(t, web)
	delete(receivers, "unix") // which is not one for curl
	n := 0
	for receiver, at := range receivers {
		out, err := run(t, "curl", "--silent", "--show-error", "--max-time", "45", "--cacert", a.ca(), "--haproxy-protocol", "--retry", "5", "--retry-connrefused",
			"--write-out", "%{http_code} %{local_ip}:%{local_port}", "--resolve", "web.test:"+portOf(t, at)+":127.0.0.1", "https://web.test:"+portOf(t, at)+"/readyz")
		n++
		l := p.sessions(t, n)[n-1]
		if want := "all is well\n200 " + l.Client; err != nil || out != want {
			t.Errorf("%s: %q (%v), want %q", receiver, out, err, want)
		}
		if l.Frontend != receiver || l.Peer != l.Client || l.SNI != "web.test" || !l.isInOrder() {
			t.Errorf("%s: log line %+v", receiver, l)
		}
	}
}

// TestSiteSeesClientOfHeader serves a site of Caddy behind a frontend: its placeholders and its
// matchers see the client's address, over plain HTTP and within TLS.
func TestSiteSeesClientOfHeader(t *testing.T) {
	t.Parallel()
	plain, encrypted := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`passthrough {
	frontend plain {
		bind %s
		accept_proxy 127.0.0.0/8
		content {
			accept
		}
		default_backend plain
	}
	frontend encrypted {
		bind %s
		accept_proxy 127.0.0.0/8
		default_backend encrypted
	}
	backend plain {
		site plain
	}
	backend encrypted {
		site encrypted
	}
}`, plain, encrypted), `
http://:80 {
	bind passthrough/plain
	@seven remote_ip 198.51.100.7
	respond @seven "seven {remote} {client_ip}"
	respond "other {remote}"
}
`+strings.Replace(site("tls", encrypted), "bind 127.0.0.1", "bind passthrough/encrypted", 1))
	request := []byte("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
	for i, c := range []struct {
		header []byte
		want   string
	}{
		{[]byte(lineOf4), "seven " + clientOf4 + " 198.51.100.7"},
		{headerV2(proxyCommand, tcp4, addresses4()), "seven " + clientOf4 + " 198.51.100.7"},
		{[]byte(lineOf6), "other " + clientOf6},
		{headerV2(localCommand, unspecified), ""},
	} {
		got := speak(plain, slices.Concat(c.header, request), 1<<20, false)
		want := c.want
		if want == "" {
			want = "other " + got.from()
		}
		if !strings.HasSuffix(string(got.answer), "\r\n\r\n"+want) {
			t.Errorf("%q: the site answered %q (%v), want %q", c.header, got.answer, got.err, want)
		}
		if l := p.byPeer(t, i+1)[got.from()]; l.Backend != "plain" || c.want != "" && !strings.Contains(c.want, l.Client) {
			t.Errorf("%q: log line %+v", c.header, l)
		}
	}
	out, err := p.curl(t, encrypted, "www.example.test", " %{http_code}", "--haproxy-protocol")
	if want := "tls www.example.test 200"; err != nil || out != want {
		t.Errorf("over TLS: %q (%v), want %q", out, err, want)
	}
}

// TestReloadWithinHeader reloads while headers are half sent, whole, and followed by half a hello.
// Each client is served by the new configuration, even if that has no accept_proxy any longer, and
// the server gets the hello alone.
func TestReloadWithinHeader(t *testing.T) {
	t.Parallel()
	origin := listen(t, sendBack)
	forms := map[string]string{
		"app":        "passthrough {\n frontend tls {\n bind %[1]s\n %[4]s\n default_backend %[2]s\n }\n backend %[2]s {\n server s1 %[3]s\n }\n}",
		"goroutines": "passthrough {\n frontend tls {\n bind tcp/%[1]s\n %[4]s\n default_backend %[2]s\n }\n backend %[2]s {\n server s1 %[3]s\n }\n}",
		"layer4":     "passthrough {\n backend %[2]s {\n server s1 %[3]s\n }\n}\nlayer4 {\n durable/%[1]s {\n route {\n passthrough {\n name tls\n %[4]s\n default_backend %[2]s\n }\n }\n }\n}",
	}
	hello := hellotest.Hello(t, "www.example.test")
	header := headerV2(proxyCommand, tcp4, addresses4(), tlv(authorityTLV, "a.example"))
	raw := slices.Concat(header, hello)
	cuts := []int{0, 1, 12, 16, 20, len(header) - 1, len(header), len(header) + 1, len(header) + 100, len(raw) - 1}
	for form, config := range forms {
		for after, accept := range map[string]string{"same": "accept_proxy 127.0.0.0/8", "without": ""} {
			t.Run(form+" "+after, func(t *testing.T) {
				t.Parallel()
				address := freeAddress(t)
				const before = "inspect_delay 10m\n accept_proxy 127.0.0.0/8"
				p := start(t, fmt.Sprintf(config, address, "old", origin, before), "")
				clients := make([]net.Conn, len(cuts))
				for i, cut := range cuts {
					clients[i] = dial(t, address)
					if _, err := clients[i].Write(raw[:cut]); err != nil {
						t.Fatal(err)
					}
				}
				got := speak(address, raw, 1<<20, true) // accepted after them
				p.byPeer(t, 1)
				if err := p.reload(t, fmt.Sprintf(config, address, "new", origin, "inspect_delay 10m\n "+accept), ""); err != nil {
					t.Fatal(err)
				}
				talks := make([]talk, len(cuts))
				together(len(cuts), func(i int) { talks[i] = talkOn(clients[i], raw[cuts[i]:], 1<<20, true) })
				lines := p.byPeer(t, len(cuts)+1)
				if l := lines[got.from()]; l.Backend != "old" {
					t.Errorf("log line %+v before the reload", l)
				}
				for i, cut := range cuts {
					if l := lines[talks[i].from()]; !bytes.Equal(talks[i].answer, hello) || l.Client != clientOf4 || l.Authority != "a.example" || l.Backend != "new" && form != "goroutines" {
						t.Errorf("%d bytes before the reload: the server got %d bytes (%v), log line %+v", cut, len(talks[i].answer), talks[i].err, l)
					}
				}
			})
		}
	}
}
