// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestHeadersOfRetries connects to a server that refuses and then to another one: that gets its own
// kind of header, once.
func TestHeadersOfRetries(t *testing.T) {
	t.Parallel()
	address, server := freeAddress(t), listen(t, echoBehindHeader)
	const from = "unique_id %[src]:%[src_port]"
	p := start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s
		%s
		use_backend {l4.client_hello.sni}
	}
	backend v1.example.test {
		balance first
		server s1 %s send_proxy v2 proxy_v2_options unique_id,authority
		server s2 %s send_proxy v1
	}
	backend v2.example.test {
		balance first
		send_proxy v1
		server s1 %[3]s
		server s2 %[4]s send_proxy v2 proxy_v2_options unique_id,authority
	}
}`, address, from, freeAddress(t), server), "")
	for i, name := range []string{"v1.example.test", "v2.example.test", "v1.example.test"} {
		hello := hellotest.Hello(t, name)
		got := speak(address, hello, 1<<20, true)
		want := name[:2] + " " + got.from() + " " + address
		if name[:2] == "v2" {
			want += " 0x02=" + name + " 0x05=" + got.from()
		}
		l := p.byPeer(t, i+1)[got.from()]
		if header, rest := got.described(); header != want || !bytes.Equal(rest, hello) || l.Server != "s2" || l.Termination != "--" {
			t.Errorf("%s: got %q and %d bytes (%v), want %q; log line %+v", name, header, len(rest), got.err, want, l)
		}
	}
}

// TestLongUniqueIDs makes IDs of the greatest length, and longer: receivers refuse those of more
// than 128 bytes, and HAProxy sends 127. A map in a TLV's format is read from its file.
func TestLongUniqueIDs(t *testing.T) {
	t.Parallel()
	maps := write(t, "names.map", []byte("www.example.test mapped\n"))
	for length, kept := range map[int]int{127: 127, 128: 127, 4000: 127} {
		address := freeAddress(t)
		p := start(t, fmt.Sprintf(`passthrough {
	frontend tls {
		bind %s
		unique_id %s
		default_backend web
	}
	backend web {
		server s1 %s {
			send_proxy v2
			proxy_v2_options unique_id,crc32c
			proxy_v2_tlv 0xE0 format %%[req.ssl_sni,map(%s)]
		}
	}
}`, address, strings.Repeat("x", length), listen(t, echoBehindHeader), maps), "")
		hello := hellotest.Hello(t, "www.example.test")
		got := speak(address, hello, 1<<20, true)
		want := fmt.Sprintf("v2 %s %s 0xe0=mapped checksum 0x05=%s", got.from(), address, strings.Repeat("x", kept))
		if header, rest := got.described(); header != want || !bytes.Equal(rest, hello) {
			t.Errorf("an ID of %d bytes: got %q and %d bytes (%v), want %q", length, header, len(rest), got.err, want)
		}
		if l := p.byPeer(t, 1)[got.from()]; len(l.UniqueID) != kept {
			t.Errorf("an ID of %d bytes is logged with %d", length, len(l.UniqueID))
		}
	}
}
