// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// TestCVE_2024_23327: Envoy dereferenced a null pointer when it wrote a header for a connection
// whose own header had no addresses: LOCAL, UNSPEC, UNIX. Here the addresses of the connection take
// their place, for rules and policies, too, over a layer4 server as over a frontend of the app.
func TestCVE_2024_23327(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	p := start(t, fmt.Sprintf(`passthrough {
	backend peers {
		balance source {
			hash_type consistent
		}
		server s1 %[1]s
		server s2 %[1]s
	}
	backend clients {
		balance hash "{l4.conn.remote_addr} {l4.conn.local_addr} {l4.proxy_protocol.authority}"
		server s1 %[1]s
	}
}
layer4 {
	durable/%[2]s {
		route {
			passthrough {
				accept_proxy 127.0.0.0/8
				inspect_delay 10m
				use_backend peers remote_ip 127.0.0.0/8
				default_backend clients
			}
		}
	}
}`, listen(t, sendBack), address), "")
	checkFaces(t, p, address)
	for _, l := range p.sessions(t, 0) {
		want := "clients"
		if l.Peer == "" {
			want = "peers"
		}
		if l.Backend != want {
			t.Errorf("log line %+v, want backend %s", l, want)
		}
	}
	startOutgoing(t, listen(t, echoBehindHeader)).check(t)
}

// hostileValues are values of TLVs: all bytes, alone and together, and texts that mean something
// elsewhere.
func hostileValues() (values []string) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
		values = append(values, string([]byte{byte(b)}))
	}
	return append(
		values, string(all[:128]), string(all[128:]), "", "\xff\xfe\xc3(", "a\nb", `a","unique_id":"b`, "\u2028\u2029", "\x00good.example", "good.example\x00", "good.example\n",
		"{l4.client_hello.sni}", "{env.HOME}", "{{", "}", "%[src]", "%s%n${jndi:x}", strings.Repeat("\xc3", 128), "127.0.0.1", "localhost", "../../x",
	)
}

// TestCVE_2024_23324: in Envoy, metadata of a PROXY header that was not UTF-8 made the external
// authorization of requests fail open. Here each log line is valid JSON with the value in it, a
// rule that admits one value admits no other, and no value becomes a server's address unasked.
func TestCVE_2024_23324(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	p := start(t, fmt.Sprintf(`debug
passthrough {
	frontend tls {
		bind %[1]s {
			accept_proxy 127.0.0.0/8
		}
		inspect_delay 10m
		use_backend named sni named.example.test
		use_backend {l4.proxy_protocol.authority} sni chosen.example.test
		use_backend denied-authority not acl fc_pp_authority -m str good.example
		use_backend denied-id not acl fc_pp_unique_id -m str good.example
		use_backend denied-alpn not acl fc_pp_tlv(0x01) -m str good.example
		use_backend denied-custom not vars {l4.proxy_protocol.tlv.0xEA} good.example
		use_backend denied-custom not acl fc_pp_tlv(0xEA) -m reg ^good[.]example$
		use_backend {l4.proxy_protocol.authority} sni www.example.test
		default_backend denied-authority
	}
	backend named {
		server s1 {l4.proxy_protocol.authority}:1
		retries 0
	}
	backend denied-authority {
		server s1 %[2]s
	}
	backend denied-id {
		server s1 %[2]s
	}
	backend denied-alpn {
		server s1 %[2]s
	}
	backend denied-custom {
		server s1 %[2]s
	}
	backend good.example {
		balance hash "{l4.proxy_protocol.authority} {l4.proxy_protocol.tlv.0xEA}"
		server s1 %[2]s
	}
}`, address, listen(t, sendBack)), "")
	values := append(hostileValues(), "good.example")
	types := []byte{authorityTLV, uniqueIDTLV, alpnTLV, customTLV}
	denied := map[byte]string{authorityTLV: "denied-authority", uniqueIDTLV: "denied-id", alpnTLV: "denied-alpn", customTLV: "denied-custom"}
	type visit struct {
		value, name string
		of          byte // the type of TLV with the value; the others are good
	}
	var visits []visit
	for _, value := range values {
		for _, of := range types {
			visits = append(visits, visit{value, "www.example.test", of})
		}
		visits = append(visits, visit{value, "chosen.example.test", authorityTLV})
	}
	for _, value := range []string{"", "\xff", "127.0.0.1", "::1", "localhost", "../../x", "{env.HOME}", "a b", "unix//x", "169.254.169.254"} {
		visits = append(visits, visit{value, "named.example.test", authorityTLV})
	}
	talks := make([]talk, len(visits))
	together(len(visits), func(i int) {
		rest := [][]byte{addresses4()}
		for _, of := range types {
			value := "good.example"
			if of == visits[i].of {
				value = visits[i].value
			}
			rest = append(rest, tlv(of, value))
		}
		raw := append(headerV2(proxyCommand, tcp4, rest...), hellotest.Hello(t, visits[i].name)...)
		talks[i] = speak(address, raw, 1<<20, true)
	})
	lines := p.byPeer(t, len(visits))
	for i, v := range visits {
		l := lines[talks[i].from()]
		want := "good.example"
		switch {
		case v.name == "named.example.test":
			want = "named"
			if l.End != "no_address" {
				t.Errorf("authority %q led to an address: log line %+v", v.value, l)
			}
		case v.value != "good.example":
			want = denied[v.of]
		}
		if l.Backend != want {
			t.Errorf("TLV %#02x %q, %s: log line %+v, want backend %q", v.of, v.value, v.name, l, want)
		}
		authority, uniqueID := "good.example", "good.example"
		switch v.of {
		case authorityTLV:
			authority = v.value
		case uniqueIDTLV:
			uniqueID = v.value
		}
		if string(printable.Bytes(l.Authority)) != authority || string(printable.Bytes(l.UniqueID)) != uniqueID {
			t.Errorf("TLV %#02x %q: logged as %q and %q", v.of, v.value, l.Authority, l.UniqueID)
		}
	}
	for text := range strings.Lines(p.log()) {
		if !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %q", text)
		}
	}
}

// TestCVE_2020_11653: Varnish failed an assertion when a TLS proxy sent a header of version 2. Here
// what follows the header in the same segment is the client's, whatever it is: a hello, a part of
// one, one with more, another header, nothing.
func TestCVE_2020_11653(t *testing.T) {
	t.Parallel()
	p, address := startReceiver(t, "on not_tls default\n on malformed default")
	hello := hellotest.Hello(t, "www.example.test")
	header := headerV2(proxyCommand, tcp4, addresses4(), tlv(0x20, "\x01\x00\x00\x00\x00"+string(tlv(0x21, "TLSv1.3"))))
	behind := map[string][]byte{
		"a hello": hello, "early data": slices.Concat(hello, make([]byte, 20_000)), "a hello in records": records(hello, 100),
		"a header of version 1": []byte(lineOf6), "a header of version 2": headerV2(proxyCommand, tcp6, addresses6()),
		"a header and a hello": slices.Concat(header, hello), "a request": []byte("GET / HTTP/1.1\r\n\r\n"),
	}
	names := make([]string, 0, len(behind))
	for name := range behind {
		names = append(names, name)
	}
	cuts := []int{0, 1, len(header) - 1, len(header), len(header) + 1, len(header) + 5, len(header) + 9}
	talks := make([]talk, len(names)*len(cuts))
	together(len(talks), func(i int) {
		raw, cut := slices.Concat(header, behind[names[i/len(cuts)]]), cuts[i%len(cuts)]
		talks[i] = speakCut(address, raw, cut)
	})
	lines := p.byPeer(t, len(talks))
	for i, got := range talks {
		name, l := names[i/len(cuts)], lines[got.from()]
		if want := behind[name]; string(got.answer) != string(want) || got.err != nil || l.Client != clientOf4 || int(l.In) != len(want) || l.Termination != "--" {
			t.Errorf("%s, cut at %d: the server got %d bytes of %d (%v), log line %+v", name, cuts[i%len(cuts)], len(got.answer), len(want), got.err, l)
		}
	}
}

// speakCut is speak with two writes.
func speakCut(address string, raw []byte, cut int) talk {
	d := net.Dialer{Timeout: patience, LocalAddr: ownSource()}
	c, err := d.Dial("tcp", address)
	if err != nil {
		return talk{err: err}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(raw[:cut])
	time.Sleep(time.Millisecond) // so that they are not merged
	return talkOn(c, raw[cut:], 1<<20, true)
}
