// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// haproxySenders are the words of a server in haproxy.cfg by which HAProxy sends a header, and
// those of its bind.
var haproxySenders = map[string]struct{ bind, server string }{
	"v1":        {"", "send-proxy"},
	"v2":        {"", "send-proxy-v2"},
	"v2-ssl":    {"", "send-proxy-v2-ssl"},
	"v2-ssl-cn": {"", "send-proxy-v2-ssl-cn"},
	"checksum":  {"", "send-proxy-v2 proxy-v2-options crc32c,unique-id"},
	"relayed":   {"accept-proxy", "send-proxy-v2 proxy-v2-options authority,unique-id,crc32c"},
	"tls":       {"ssl crt cert.pem alpn h2", "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,authority,crc32c"},
}

// startReceivers runs frontends of each form which take headers from loopback: of the app, on the
// fast path and with a goroutine for each connection, on a Unix socket, and behind caddy-l4. It
// returns them by name, as addresses in haproxy.cfg.
func startReceivers(t *testing.T, server string) (p *process, at map[string]string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp-") // short, for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	at = map[string]string{"app": freeAddress(t), "goroutines": freeAddress(t), "layer4": freeAddress(t), "unix": "unix@" + socket}
	const rules = `
		inspect_delay 10m
		use_backend h2 acl fc_pp_tlv(ALPN) -m str h2
		use_backend ssl acl fc_pp_tlv(SSL) -m found
		default_backend %s
	`
	return start(t, fmt.Sprintf(`passthrough {
	frontend app {
		bind %[1]s {
			accept_proxy 127.0.0.0/8
		}
		%[5]s
	}
	frontend goroutines {
		bind tcp/%[2]s
		accept_proxy 127.0.0.0/8
		%[5]s
	}
	frontend unix {
		bind unix/%[4]s
		accept_proxy unix
		%[5]s
	}
	backend web {
		server s1 %[6]s
	}
	backend h2 {
		server s1 %[6]s
	}
	backend ssl {
		server s1 %[6]s
	}
}
layer4 {
	durable/%[3]s {
		route {
			passthrough {
				name layer4
				accept_proxy 127.0.0.0/8
				%[5]s
			}
		}
	}
}`, at["app"], at["goroutines"], at["layer4"], socket, fmt.Sprintf(rules, "web"), server), ""), at
}

// TestHeadersFromHAProxy puts the real HAProxy in front of frontends of all forms, with every word
// by which it sends a header.
func TestHeadersFromHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	p, receivers := startReceivers(t, listen(t, sendBack))
	cert, key := newAuthority(t).issue(t, "web.test", 30)
	var pem []byte
	for _, file := range []string{cert, key} {
		part, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, part...)
	}
	config := "defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n unique-id-format id-%ci\n"
	fronts := make(map[string]string)
	for sender, words := range haproxySenders {
		for receiver, at := range receivers {
			name := sender + "." + receiver
			fronts[name] = freeAddress(t)
			config += fmt.Sprintf("listen %s\n bind %s %s\n server s1 %s %s\n", name, fronts[name], words.bind, at, words.server)
		}
	}
	config = strings.ReplaceAll(config, "crt cert.pem", "crt "+write(t, "cert.pem", pem))
	startHAProxy(t, haproxy, write(t, "haproxy.cfg", []byte(config)))
	checkSenders(t, p, fronts)
}

// checkSenders connects to each front, by the names of a sender and of a receiver.
func checkSenders(t *testing.T, p *process, fronts map[string]string) {
	t.Helper()
	names := make([]string, 0, len(fronts))
	for name := range fronts {
		names = append(names, name)
	}
	slices.Sort(names)
	hello := hellotest.Hello(t, "www.example.test")
	talks := make([]talk, len(names))
	together(len(names), func(i int) {
		d := net.Dialer{Timeout: patience, LocalAddr: ownSource()}
		var c net.Conn
		until(t, names[i]+" listens", func() bool {
			var err error
			c, err = d.Dial("tcp", fronts[names[i]])
			return err == nil
		})
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		switch sender, _, _ := strings.Cut(names[i], "."); sender {
		case "relayed":
			header := checksummed(proxyCommand, tcp4, append(append(c.LocalAddr().(*net.TCPAddr).IP.To4(), 192, 0, 2, 1), 0, byte(i+1), 1, 0xbb), tlv(authorityTLV, "a.example"))
			talks[i] = talkOn(c, slices.Concat(header, hello), 1<<20, true)
		case "tls":
			over := tls.Client(c, &tls.Config{ServerName: "web.test", InsecureSkipVerify: true, NextProtos: []string{"h2"}})
			_, _ = over.Write(hello)
			answer := make([]byte, len(hello))
			n, err := io.ReadFull(over, answer)
			talks[i] = talk{ends: endsOf(c), answer: answer[:n], err: err}
		default:
			talks[i] = talkOn(c, hello, 1<<20, true)
		}
	})
	lines := make(map[string]logLine)
	for _, l := range p.sessions(t, len(names)) {
		host, _, _ := net.SplitHostPort(l.Client)
		lines[host+" "+l.Frontend] = l
	}
	for i, name := range names {
		sender, receiver, _ := strings.Cut(name, ".")
		host, port, _ := net.SplitHostPort(talks[i].from())
		l := lines[host+" "+receiver]
		client, local, authority, id, backend := net.JoinHostPort(host, port), fronts[name], "", "", "web"
		switch sender {
		case "v2-ssl", "v2-ssl-cn":
			backend = "ssl"
		case "checksum":
			id = "id-" + host
		case "relayed":
			client, local, authority, id = fmt.Sprintf("%s:%d", host, i+1), "192.0.2.1:443", "a.example", "id-"+host
		case "tls":
			authority, backend = "web.test", "h2"
		}
		if !bytes.Equal(talks[i].answer, hello) {
			t.Errorf("%s: the server got %d bytes of %d (%v)", name, len(talks[i].answer), len(hello), talks[i].err)
		}
		if l.Client != client || l.Local != local || l.Authority != authority || l.UniqueID != id || l.Backend != backend || l.Peer == client || l.Peer == "" && receiver != "unix" {
			t.Errorf("%s: log line %+v, want %s to %s, %q, %q, backend %s", name, l, client, local, authority, id, backend)
		}
	}
}
