// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tlsAsking holds the words about TLS of a request.
type tlsAsking struct {
	config      tls.Config
	certificate string // file, in the scenario's directory
}

// parseTLS parses NAME [alpn A,B] [version 1.2] [cipher NAME] [certificate FILE] after tls.
func parseTLS(w *words) (*tlsAsking, error) {
	a := new(tlsAsking)
	if name := w.next(); name != "-" {
		a.config.ServerName = name
	}
	for {
		switch {
		case w.take("alpn"):
			a.config.NextProtos = strings.Split(w.next(), ",")
		case w.take("version"):
			version := versions[w.next()]
			if version == 0 {
				return nil, fmt.Errorf("tls version: expected one of %v", slices.Sorted(maps.Keys(versions)))
			}
			a.config.MinVersion, a.config.MaxVersion = version, version
		case w.take("cipher"):
			name := w.next()
			i := slices.IndexFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name })
			if i < 0 {
				return nil, fmt.Errorf("tls: unknown cipher %q", name)
			}
			a.config.CipherSuites = []uint16{tls.CipherSuites()[i].ID}
		case w.take("certificate"):
			a.certificate = w.next()
		default:
			return a, nil
		}
	}
}

// connect makes the handshake. The certificate must be of the authority; its name is in the
// outcome, for the script to expect.
func (a *tlsAsking) connect(r *run, to destination) (*tls.Conn, error) {
	config := a.config.Clone()
	config.InsecureSkipVerify = true // VerifyConnection verifies it
	roots := x509.NewCertPool()
	roots.AddCert(authority().cert)
	config.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
		return err
	}
	if a.certificate != "" {
		file := filepath.Join(r.dir, a.certificate)
		pair, err := tls.LoadX509KeyPair(file, file)
		if err != nil {
			return nil, err
		}
		// Also one that is of none of the server's authorities.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	dialer := net.Dialer{Timeout: patience}
	if to.source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(to.source)}
	}
	conn, err := dialer.Dial("tcp", net.JoinHostPort(to.host, r.ports[to.port]))
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(longest))
	c := tls.Client(conn, config)
	if err := c.Handshake(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// longest is the time that a request over TLS may take.
const longest = 20 * time.Second

// getTLS sends a request over TLS. The outcome is that of get, and behind "as" the name of the
// certificate and the protocol of ALPN, or the alert that ended the connection.
func (r *run) getTLS(a asking) outcome {
	conn, err := a.tls.connect(r, a.to)
	if err != nil {
		return tlsFailure(err)
	}
	defer conn.Close()
	request, err := a.request(conn)
	if err != nil {
		return failed(err)
	}
	transport := &http.Transport{
		ForceAttemptHTTP2: true, DisableCompression: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return tlsFailure(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return tlsFailure(err)
	}
	status := fmt.Sprint(response.StatusCode)
	if to, err := response.Location(); err == nil {
		status += " " + to.String()
	}
	state := conn.ConnectionState()
	status = a.describe(status, string(body), response.Header) + " as " + state.PeerCertificates[0].Subject.CommonName
	return outcome{what: strings.TrimSpace(status + " " + state.NegotiatedProtocol), at: timeless}
}

// request returns the request for a connection.
func (a asking) request(conn *tls.Conn) (*http.Request, error) {
	host := conn.ConnectionState().ServerName
	if host == "" {
		host = conn.RemoteAddr().String()
	}
	request, err := http.NewRequest(a.method, "https://"+host+a.path, strings.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	request.Host = a.host
	request.Header.Set("User-Agent", "oracle")
	for _, line := range a.header {
		name, value, _ := strings.Cut(line, ":")
		request.Header.Add(name, strings.TrimSpace(value))
	}
	return request, nil
}

// alert matches an alert that the other side has sent.
var alert = regexp.MustCompile(`remote error: tls: ([^":]*)`)

func tlsFailure(err error) outcome {
	if m := alert.FindStringSubmatch(err.Error()); m != nil {
		return outcome{what: "alert " + m[1], at: timeless}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "EOF") {
		return outcome{what: "closed", at: timeless}
	}
	return failed(err)
}
