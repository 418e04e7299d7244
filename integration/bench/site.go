// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// siteName is a site of Caddy's http app, on the port whose other name is passed through.
const siteName = "site.bench.test"

const siteAnswer = "the answer of a site"

// siteRequest is answered with siteAnswer, and then the connection is closed.
const siteRequest = "GET / HTTP/1.1\r\nHost: " + siteName + "\r\nConnection: close\r\n\r\n"

// siteConfig returns a configuration with a site, and in its listener, with mode wrapper, a
// frontend.
func siteConfig(s setup) string {
	network := "durable/"
	if s.plain {
		network = ""
	}
	text := fill(`{
	admin ADMIN
	persist_config off
	auto_https off
	https_port PORT
	servers {
		protocols h1 h2
	}
	log default {
		exclude caddy.listeners.passthrough
	}
	passthrough {
		backend web {
			server s1 SERVER
			timeouts {
				client 1m
				server 1m
			}
		}
	}
}
https://SITE:PORT {
	bind NETWORK127.0.0.1
	tls DIR/certificate.pem DIR/key.pem
	respond "`+siteAnswer+`"WRAPPER
}
`, s)
	wrapper := when(s.wrapper, "\n\tpassthrough "+serverName+" {\n\t\tbackend web\n\t\tinspect_delay "+s.inspect()+"\n\t}")
	return strings.NewReplacer("PORT", fmt.Sprint(s.listen), "SITE", siteName, "NETWORK", network, "WRAPPER", wrapper).Replace(text)
}

// writeCertificate writes a certificate for the site into a directory, and its key.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{siteName}, NotAfter: time.Now().Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	write := func(name, kind string, b []byte) error {
		return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600)
	}
	return errors.Join(write("certificate.pem", "CERTIFICATE", certificate), write("key.pem", "PRIVATE KEY", encoded))
}

// request returns the unit of requests to the site, each on a connection of its own.
func (l *load) request(ctx context.Context) unit {
	return func() (net.Conn, error) {
		conn, err := l.connect(ctx)
		if err != nil {
			return nil, err
		}
		if err := ask(conn); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
}

// ask requests the site's answer over TLS.
func ask(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	client := tls.Client(conn, &tls.Config{ServerName: siteName, InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}}) //nolint:gosec // the certificate is its own
	if _, err := io.WriteString(client, siteRequest); err != nil {
		return err
	}
	got, err := io.ReadAll(client)
	if err == nil && !strings.HasSuffix(string(got), siteAnswer) {
		err = errWrongAnswer
	}
	return err
}
