// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// goClients returns the clients of e that use crypto/tls, with the fields that their hellos show.
func goClients(e *echo) (all []client) {
	browser := []string{"h2", "http/1.1"}
	return []client{
		goClient(e, "default", &tls.Config{}, shown{Version: "1.3", PQ: true}),
		goClient(e, "ALPN", &tls.Config{NextProtos: browser}, shown{Version: "1.3", ALPN: browser, PQ: true}),
		goClient(e, "40 ALPN names", &tls.Config{NextProtos: manyNames()}, shown{Version: "1.3", ALPN: manyNames(), PQ: true}),
		goClient(e, "no post-quantum groups", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}},
			shown{Version: "1.3"}),
		goClient(e, "X25519MLKEM768 alone", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}},
			shown{Version: "1.3", PQ: true}),
		goClient(e, "TLS 1.3 alone", &tls.Config{MinVersion: tls.VersionTLS13}, shown{Version: "1.3", PQ: true}),
		goClient(e, "up to TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: browser}, shown{Version: "1.2", ALPN: browser}),
		goClient(e, "up to TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, shown{Version: "1.1"}),
		goClient(e, "TLS 1.0 alone", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, shown{Version: "1.0"}),
		goClient(e, "without tickets", &tls.Config{SessionTicketsDisabled: true}, shown{Version: "1.3", PQ: true}),
		withECH(e),
		resuming(goClient(e, "TLS 1.3 resuming", &tls.Config{ClientSessionCache: new(sessionCache[tls.ClientSessionState])},
			shown{Version: "1.3", PQ: true, PSK: true})),
		resuming(goClient(e, "TLS 1.2 resuming", &tls.Config{ClientSessionCache: new(sessionCache[tls.ClientSessionState]), MaxVersion: tls.VersionTLS12},
			shown{Version: "1.2"})),
		withEarlyData(e),
	}
}

func goClient(e *echo, name string, config *tls.Config, want shown) client {
	config.RootCAs = e.roots
	return client{name: "crypto/tls " + name, want: &want, open: func(c net.Conn, sni string) conversation {
		config := config.Clone()
		config.ServerName = sni
		return tls.Client(c, config)
	}}
}

func resuming(c client) client {
	c.before = c.open
	return c
}

func manyNames() (names []string) {
	for i := range 39 {
		names = append(names, fmt.Sprintf("protocol-%d/1.0", i))
	}
	return append(names, "h2")
}

// withECH returns a client that encrypts its hello: the visible name differs from the one that it
// wants.
func withECH(e *echo) client {
	config := &tls.Config{EncryptedClientHelloConfigList: e.ech}
	c := goClient(e, "ECH", config, shown{Version: "1.3", PQ: true, ECH: true})
	open := c.open
	c.open = func(conn net.Conn, _ string) conversation { return open(conn, secretName) }
	c.sni = publicName
	return c
}

// withEarlyData returns a client that, to a proxy, seems to resume a session with 0-RTT data.
// crypto/tls has no early data over TCP, so its hello gets the extension here. That makes the
// binder wrong, so no TLS server can answer it.
func withEarlyData(e *echo) client {
	c := resuming(goClient(e, "0-RTT", &tls.Config{ClientSessionCache: new(sessionCache[tls.ClientSessionState])},
		shown{Version: "1.3", PQ: true, PSK: true, Early: true}))
	c.raw = true
	c.open = func(conn net.Conn, sni string) conversation {
		var hello hellotest.Conn
		_ = c.before(&hello, sni).Handshake() // it fails: nothing answers
		return &earlyConn{conn, announceEarlyData(firstRecord(hello.Sent))}
	}
	return c
}

// An earlyConn sends a hello and two records of early data at once.
type earlyConn struct {
	net.Conn
	hello []byte
}

// Handshake sends the hello and the early data, and nothing afterwards.
func (c *earlyConn) Handshake() error {
	const applicationData = 23
	data := hellotest.Record(applicationData, bytes.Repeat([]byte{0xed}, 300))
	_, err := c.Write(slices.Concat(c.hello, data, data))
	if end, ok := c.Conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = end.CloseWrite()
	}
	return err
}

// announceEarlyData adds the early_data extension to a hello that resumes a session of TLS 1.3,
// before the pre_shared_key extension, which must be the last.
func announceEarlyData(record []byte) []byte {
	const sessionID = 5 + 4 + 2 + 32
	number := func(at int) int { return int(record[at])<<8 | int(record[at+1]) }
	list := sessionID + 1 + int(record[sessionID])
	list += 2 + number(list)      // cipher suites
	list += 1 + int(record[list]) // compressions
	last := list + 2
	for number(last) != hellotest.TypePreSharedKey {
		last += 4 + number(last+2)
	}
	extension := hellotest.Extension(hellotest.TypeEarlyData, nil)
	announced := slices.Insert(bytes.Clone(record), last, extension...)
	const ofRecord, ofMessage = 3, 5 + 2 // the lower two of the message's three bytes
	for _, length := range []int{ofRecord, ofMessage, list} {
		copy(announced[length:], hellotest.Uint16s(uint16(number(length)+len(extension))))
	}
	return announced
}
