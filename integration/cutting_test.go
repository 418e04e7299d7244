// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// cutter listens between a client and the proxy and sends the client's first record, its
// ClientHello, in another form.
func cutter(t *testing.T, proxy string, cut func(c *net.TCPConn, record []byte) error) (address string) {
	return listen(t, func(client *net.TCPConn) {
		server := dial(t, proxy)
		record, err := readRecord(client)
		if err != nil {
			t.Error(err)
			return
		}
		if err := cut(server, record); err != nil {
			t.Error(err)
			return
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.CloseWrite()
		}()
		_, _ = io.Copy(client, server)
	})
}

// segments writes b in pieces of n bytes, one segment each.
func segments(c *net.TCPConn, b []byte, n int) error {
	for len(b) > 0 {
		k := min(n, len(b))
		if _, err := c.Write(b[:k]); err != nil {
			return err
		}
		b = b[k:]
		time.Sleep(time.Millisecond / 2) // so that they are not merged
	}
	return nil
}

// records splits a record's content into records of n bytes.
func records(record []byte, n int) (out []byte) {
	for content := record[5:]; len(content) > 0; {
		k := min(n, len(content))
		out = append(out, record[0], record[1], record[2], byte(k>>8), byte(k))
		out = append(out, content[:k]...)
		content = content[k:]
	}
	return out
}

// However a hello is cut, it goes to the same backend as the whole one, and the handshake with the
// server succeeds.
func TestCutHellos(t *testing.T) {
	p := startProxied(t, "inspect_delay 1m\n use_backend api sni api.example.test\n default_backend web")
	const whole = 1 << 14
	for _, c := range []struct {
		name             string
		record, segments int
	}{
		{"whole", whole, whole},
		{"1-byte writes", whole, 1},
		{"in the record header", whole, 3},
		{"records of 1 byte", 1, whole},
		{"records of 3 bytes", 3, whole},
		{"records of 49 bytes", 49, whole},
		{"records of 100 bytes", 100, whole},
		{"records in 1-byte writes", 40, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.forget()
			between := cutter(t, p.address, func(server *net.TCPConn, record []byte) error {
				return segments(server, records(record, c.record), c.segments)
			})
			printed := openssl(t, between, "-servername", "API.example.test", "-CAfile", p.ca())
			if !strings.Contains(printed, "Verification: OK") {
				t.Errorf("the handshake failed:\n%s", printed)
			}
			if l := p.sessions(t, 1)[0]; l.Backend != "api" || l.Server != "s3" || l.SNI != "api.example.test" {
				t.Errorf("routed to %s/%s with name %q", l.Backend, l.Server, l.SNI)
			}
		})
	}
}

// s_client can cut its own hello into records.
func TestHelloSplitByOpenSSL(t *testing.T) {
	p := startProxied(t, "inspect_delay 1m\n use_backend api sni api.example.test\n default_backend web")
	var protocols []string
	for i := range 60 {
		protocols = append(protocols, fmt.Sprintf("protocol-number-%d", i))
	}
	printed, l := p.handshake(t, "api.example.test", "-max_send_frag", "512", "-alpn", strings.Join(append(protocols, "h2"), ","))
	if !strings.Contains(printed, "ALPN protocol: h2") {
		t.Errorf("the handshake failed:\n%s", printed)
	}
	if l.Backend != "api" || len(l.ALPN) != 8 || l.In < 1200 {
		t.Errorf("routed to %s, ALPN %q, %d bytes in", l.Backend, l.ALPN, l.In)
	}
}
