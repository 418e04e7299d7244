// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	serverName   = "bench.test"
	recordHeader = 5
	// kindOffset is where the session id begins: behind the headers of record and
	// handshake, the version, the random and the length of the session id.
	kindOffset = recordHeader + 4 + 2 + 32 + 1
	maxHello   = 4096
)

// A kind tells the server what a connection is for. A proxy has one address for its
// server, so the client writes it where proxies do not look: the legacy session id.
type kind byte

const (
	kindShort kind = 's' // an answer, then the client closes
	kindRTT   kind = 'r' // an answer, then an echo
	kindDown  kind = 'd' // an answer, then all that goes through, to the client
	kindUp    kind = 'u' // the same to the server
	kindLent  kind = 'l' // an answer, then another process has the connection
	kindIdle  kind = 'i' // an answer, then silence
)

// captureHello has crypto/tls make one ClientHello of the size that browsers send, with
// a post-quantum key share.
func captureHello() ([]byte, error) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	go func() {
		_ = tls.Client(client, &tls.Config{ // it fails: nobody answers
			ServerName:       serverName,
			MinVersion:       tls.VersionTLS12,
			NextProtos:       []string{"h2", "http/1.1"},
			CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256},
		}).Handshake()
	}()
	buf := make([]byte, maxHello)
	hello, err := readRecord(server, buf)
	if err != nil {
		return nil, fmt.Errorf("capturing a ClientHello: %w", err)
	}
	if len(hello) < kindOffset+32 || hello[kindOffset-1] != 32 {
		return nil, errors.New("capturing a ClientHello: it has no session id of 32 bytes")
	}
	return slices.Clone(hello), nil
}

// helloOf is the hello of a connection of a kind.
func helloOf(captured []byte, k kind) []byte {
	hello := slices.Clone(captured)
	hello[kindOffset] = byte(k)
	return hello
}

// readRecord reads one whole TLS record into buf.
func readRecord(r io.Reader, buf []byte) ([]byte, error) {
	// At least the header: mostly the rest comes with it, which saves a system call.
	n, err := io.ReadAtLeast(r, buf, recordHeader)
	if err != nil {
		return nil, err
	}
	whole := recordHeader + int(binary.BigEndian.Uint16(buf[3:]))
	if buf[0] != 22 || whole > len(buf) || n > whole {
		return nil, fmt.Errorf("no single handshake record of at most %d bytes", len(buf))
	}
	if _, err := io.ReadFull(r, buf[n:whole]); err != nil {
		return nil, err
	}
	return buf[:whole], nil
}
