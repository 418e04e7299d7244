// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// A onePortName is a name with what answers there, "own" or a server, and the versions of HTTP that
// it has.
type onePortName struct {
	name, answers string
	versions      []string
}

// says returns what an answer begins with.
func (n onePortName) says(version, client string) string {
	switch n.answers {
	case "own":
		return "own " + version + " " + n.name + " " + client
	case "go":
		return "go " + version + " " + n.name + " 127.0.0.1:"
	case "nginx":
		return "busy"
	}
	return "<HTML>"
}

// onePortVisit is a request to a name at the port, with its result.
type onePortVisit struct {
	local  string // the client's address
	answer string
	err    error
}

// visit requests https://name/ at an address by a version of HTTP, on a connection of its own,
// behind a PROXY header. The certificate must be for the name, and of the CA of the name.
func (o *onePort) visit(n onePortName, version, address, header string) (v onePortVisit) {
	config := &tls.Config{RootCAs: o.cas[n.answers], ServerName: n.name}
	var client http.RoundTripper
	if version == "HTTP/3.0" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return onePortVisit{err: err}
		}
		defer conn.Close()
		v.local = conn.LocalAddr().String()
		by := &http3.Transport{TLSClientConfig: config, Dial: func(ctx context.Context, _ string, tls *tls.Config, config *quic.Config) (*quic.Conn, error) {
			return quic.Dial(ctx, conn, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)), tls, config)
		}}
		defer by.Close()
		client = by
	} else {
		by := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err == nil {
				v.local = conn.LocalAddr().String()
				_, err = io.WriteString(conn, header)
			}
			return conn, err
		}}
		by.Protocols.SetHTTP1(version == "HTTP/1.1")
		by.Protocols.SetHTTP2(version == "HTTP/2.0")
		defer by.CloseIdleConnections()
		client = by
	}
	response, err := (&http.Client{Transport: client, Timeout: patience}).Get("https://" + n.name + "/")
	if err != nil {
		v.err = err
		return v
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	v.answer, v.err = string(body), err
	return v
}

// visitUntil visits a name until it is answered.
func (o *onePort) visitUntil(t *testing.T, n onePortName) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		v := o.visit(n, "HTTP/1.1", o.address, "")
		if v.err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatal(v.err)
		}
	}
}

// listening waits until a server listens.
func listening(t *testing.T, address string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}
