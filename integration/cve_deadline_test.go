// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// The inspect_delay of these tests, and the time by which everything must have ended. If the delay
// started again, the end would come later than that. Both are long enough for a busy machine.
const (
	wait = 5 * time.Second
	late = wait + 3*time.Second
	// midway is when a client sends more: 0.7 of a delay is over, and a full delay from then would end
	// too late.
	midway = wait * 7 / 10
)

// A hesitation is a sequence of bytes sent in place of a hello, with a pause after each part, and
// the expected end.
type hesitation struct {
	name    string
	say     [][]byte
	pause   time.Duration
	outcome string
	waits   bool // the end comes when the delay is over, not earlier
}

// play sends the parts and reads until the end. The connection stays open at this side.
func (h hesitation) play(address string) (c net.Conn, took time.Duration, err error) {
	began := time.Now()
	if c, err = net.DialTimeout("tcp", address, patience); err != nil {
		return nil, 0, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	over := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		for _, part := range h.say {
			if _, err := c.Write(part); err != nil {
				return
			}
			select {
			case <-time.After(h.pause):
			case <-over:
				return
			}
		}
	})
	_, _ = io.Copy(io.Discard, c) // the log says how it ended
	took = time.Since(began)
	close(over)
	talking.Wait()
	return c, took, nil
}

// checkDeadline runs all hesitations at once. Each must end on time by the clocks of both sides,
// reach no backend, and be over for the proxy although the client has not closed.
func checkDeadline(t *testing.T, p *process, address string, all []hesitation) {
	t.Helper()
	clients, took := make([]net.Conn, len(all)), make([]time.Duration, len(all))
	var wg sync.WaitGroup
	for i, h := range all {
		wg.Go(func() {
			var err error
			if clients[i], took[i], err = h.play(address); err != nil {
				t.Errorf("%s: %v", h.name, err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	lines := p.byClient(t, len(all))
	for i, h := range all {
		l := lines[endsOf(clients[i])]
		clients[i].Close()
		if l.Outcome != h.outcome || l.Termination != "PR" || l.Backend != "" {
			t.Errorf("%s: log line %+v, want %s", h.name, l, h.outcome)
		}
		logged := time.Duration(l.Duration * float64(time.Second))
		for who, d := range map[string]time.Duration{"the client": took[i], "the log": logged} {
			if d > late || h.waits && d < wait || !h.waits && d > wait {
				t.Errorf("%s: by the clock of %s it took %v with a delay of %v", h.name, who, d, wait)
			}
		}
	}
	if n := len(p.sessions(t, len(all))); n != len(all) {
		t.Errorf("%d log lines for %d connections", n, len(all))
	}
}

// startHesitant runs a frontend with rules of many kinds, the first of them for ACME, and a default
// backend.
func startHesitant(t *testing.T) (p *process, address string) {
	t.Helper()
	address = freeAddress(t)
	return start(t, fmt.Sprintf(`
	passthrough {
		backend any {
			server s1 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay %s
					use_backend any alpn acme-tls/1
					use_backend any no_sni
					use_backend any sni_regexp ^www
					use_backend any ja4 *_*_e5627efa2ab1
					default_backend any
					on sslv2 reject
				}
			}
		}
	}`, listen(t, func(*net.TCPConn) { t.Error("a connection reached a backend") }), address, wait), ""), address
}

// bytewise returns b in parts of one byte.
func bytewise(b []byte) (parts [][]byte) {
	return slices.Collect(slices.Chunk(b, 1))
}

// TestCVE_2026_26999: Traefik cleared the read deadline before the handshake was complete, and
// silently tried again. Here the delay counts from accept to the complete hello, whatever the
// client sends meanwhile, and ends it once.
func TestCVE_2026_26999(t *testing.T) {
	t.Parallel()
	p, address := startHesitant(t)
	whole := hellotest.Hello(t, "www.example.test", "h2")
	half, quarter := len(whole)/2, len(whole)/4
	inRecords := slices.Collect(slices.Chunk(records(whole, 1), 6))
	checkDeadline(t, p, address, []hesitation{
		{"half a hello, then silence", [][]byte{whole[:half]}, 0, "timeout", true},
		{"silence, then half a hello", [][]byte{nil, whole[:half]}, midway, "timeout", true},
		{"half a hello, then more of it", [][]byte{whole[:half], whole[half : half+quarter]}, midway, "timeout", true},
		{"byte by byte", bytewise(whole), wait / 40, "timeout", true},
		{"half a hello, then byte by byte", slices.Insert(bytewise(whole[half:]), 0, whole[:half]), wait / 20, "timeout", true},
		{"record by record", inRecords, wait / 40, "timeout", true},
		{"the last byte too late", [][]byte{whole[:len(whole)-1], nil, whole[len(whole)-1:]}, midway, "timeout", true},
	})
}

// TestCVE_2026_22045: Traefik's fast path for ACME had no timeout. Here every path through the
// inspection has the same one, and refusals that are possible earlier come earlier; nor does the
// proxy keep waiting for a client that does not close after an alert.
func TestCVE_2026_22045(t *testing.T) {
	t.Parallel()
	p, address := startHesitant(t)
	acme := hellotest.Hello(t, "www.example.test", "acme-tls/1")
	nameless := hellotest.Hello(t, "")
	large := hellotest.Plain(hellotest.SNI("www.example.test")).Pad(65536).Raw()
	alert := hellotest.Record(21, []byte{2, 80})
	hesitations := []hesitation{{"an alert in half a hello", [][]byte{records(acme, 20)[:50], alert}, 0, "malformed", false}}
	for name, say := range map[string][]byte{
		"silence":                            nil,
		"first byte":                         {22},
		"record header":                      acme[:5],
		"type of the message":                acme[:6],
		"header of the message":              acme[:9],
		"half a hello for ACME":              acme[:len(acme)/2],
		"all but one byte of it":             acme[:len(acme)-1],
		"all but one byte, without a name":   nameless[:len(nameless)-1],
		"half a hello of 64 KiB":             large[:len(large)/2],
		"the first of two records":           records(acme, len(acme)-6)[:len(acme)-1],
		"half a header of the second record": records(acme, 20)[:27],
		"SSLv2, one byte":                    {0x80},
		"SSLv2, two bytes":                   {0x80, 0x2e},
		"SSLv2, four bytes":                  {0x80, 0x2e, 1, 0},
	} {
		hesitations = append(hesitations, hesitation{name, [][]byte{say}, 0, "timeout", true})
	}
	for name, say := range map[string]struct {
		outcome string
		bytes   []byte
	}{
		"an alert":                  {"not_tls", alert},
		"half an alert":             {"not_tls", alert[:3]},
		"PostgreSQL's SSLRequest":   {"not_tls", sslRequest},
		"SMTP":                      {"not_tls", []byte("EHLO a.example\r\n")},
		"SSLv2":                     {"sslv2", []byte{0x80, 0x2e, 1, 0, 2}},
		"a server's message":        {"malformed", []byte{22, 3, 3, 0, 4, 2, 0, 0, 0}},
		"a hello of 64 KiB and one": {"too_large", []byte{22, 3, 1, 0x40, 0, 1, 1, 0, 1}},
	} {
		hesitations = append(hesitations, hesitation{name, [][]byte{say.bytes}, 0, say.outcome, false})
	}
	checkDeadline(t, p, address, hesitations)
}

// sslRequest asks a PostgreSQL server whether the client may use TLS.
var sslRequest = []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")

// TestCVE_2026_25949: in Traefik, clients that first asked for STARTTLS escaped the read timeout.
// Here neither a matcher nor an earlier handler gives a client more time, and such a request is not
// a hello and ends at once.
func TestCVE_2026_25949(t *testing.T) {
	t.Parallel()
	hello := hellotest.Hello(t, "www.example.test")
	const header = "PROXY TCP4 192.0.2.1 192.0.2.2 50123 443\r\n"
	cases := []struct {
		hesitation
		matcher, handler, on string
		termination          string
	}{
		{hesitation: hesitation{"request", [][]byte{sslRequest}, 0, "not_tls", false}, termination: "PR"},
		{hesitation: hesitation{"matched_request", [][]byte{sslRequest}, 0, "not_tls", false}, matcher: "postgres", termination: "PR"},
		{
			hesitation: hesitation{"matched_request_later", [][]byte{nil, sslRequest}, midway, "not_tls", false},
			matcher:    "postgres", termination: "PR",
		},
		{hesitation: hesitation{"half_a_request", [][]byte{sslRequest[:4]}, 0, "not_tls", false}, termination: "PR"},
		// From then on the backend's timeouts apply.
		{hesitation: hesitation{"default", [][]byte{sslRequest}, 0, "not_tls", false}, on: "on not_tls default", termination: "cD"},
		{
			hesitation: hesitation{"matched_default", [][]byte{sslRequest}, 0, "not_tls", false},
			matcher:    "postgres", on: "on not_tls default", termination: "cD",
		},
		{
			hesitation: hesitation{"matched_byte", [][]byte{nil, {22}}, midway, "timeout", true},
			matcher:    `regexp ^\x16 1`, termination: "PR",
		},
		{
			hesitation: hesitation{"matched_byte_then_half", [][]byte{{22}, hello[1 : len(hello)/2]}, midway, "timeout", true},
			matcher:    `regexp ^\x16 1`, termination: "PR",
		},
		{
			hesitation: hesitation{"handled_header", [][]byte{nil, []byte(header)}, midway, "timeout", true},
			handler:    "proxy_protocol {\nallow 127.0.0.0/8\n}", termination: "PR",
		},
		{
			hesitation: hesitation{"handled_header_then_half", [][]byte{[]byte(header), hello[:len(hello)/2]}, midway, "timeout", true},
			handler:    "proxy_protocol {\nallow 127.0.0.0/8\n}", termination: "PR",
		},
	}
	const listener = `
		durable/%s {
			matching_timeout 1m
			%s
			route %s {
				%s
				passthrough {
					name %s
					inspect_delay %s
					default_backend mute
					%s
				}
			}
		}`
	var listeners strings.Builder
	addresses := make([]string, len(cases))
	for i, c := range cases {
		addresses[i] = freeAddress(t)
		define, use := "", ""
		if c.matcher != "" {
			define, use = "@m "+c.matcher, "@m"
		}
		fmt.Fprintf(&listeners, listener, addresses[i], define, use, c.handler, c.name, wait, c.on)
	}
	mute := listen(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend mute {
			server s1 %s
			timeouts client 500ms server 10s
		}
	}
	layer4 {%s
	}`, mute, &listeners), "")
	took := make([]time.Duration, len(cases))
	together(len(cases), func(i int) {
		c, d, err := cases[i].play(addresses[i])
		if err != nil {
			t.Errorf("%s: %v", cases[i].name, err)
			return
		}
		took[i] = d
		c.Close()
	})
	lines := make(map[string]logLine)
	for _, l := range p.sessions(t, len(cases)) {
		lines[l.Frontend] = l // since the client's address may come from a PROXY header
	}
	for i, c := range cases {
		if l := lines[c.name]; l.Outcome != c.outcome || l.Termination != c.termination {
			t.Errorf("%s: log line %+v, want %s %s", c.name, l, c.outcome, c.termination)
		}
		if d := took[i]; d > late || c.waits && d < wait || !c.waits && d > wait {
			t.Errorf("%s: took %v with a delay of %v", c.name, d, wait)
		}
	}
}
