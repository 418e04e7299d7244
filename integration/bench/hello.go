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
	// kindOffset is the offset of the session ID: after the headers of record and handshake, the
	// version, the random and the length of the session ID.
	kindOffset = recordHeader + 4 + 2 + 32 + 1
	maxHello   = 4096
)

// A kind tells the server the purpose of a connection. A proxy has a single server address, so the
// client sends the kind where proxies do not look: in the legacy session ID.
type kind byte

const (
	kindShort kind = 's' // an answer, then the client closes
	kindRTT   kind = 'r' // an answer, then an echo
	kindDown  kind = 'd' // an answer, then bytes to the client as fast as possible
	kindUp    kind = 'u' // an answer, then bytes to the server as fast as possible
	kindLent  kind = 'l' // an answer, then the connection goes to another process
	kindIdle  kind = 'i' // an answer, then silence
)

// captureHello returns a ClientHello of crypto/tls that is as long as those of browsers, with a
// post-quantum key share.
func captureHello() ([]byte, error) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	go func() {
		_ = tls.Client(client, &tls.Config{ // it fails: nothing answers
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

// helloOf returns the hello for a connection of a kind.
func helloOf(captured []byte, k kind) []byte {
	hello := slices.Clone(captured)
	hello[kindOffset] = byte(k)
	return hello
}

// readRecord reads one whole TLS record into buf.
func readRecord(r io.Reader, buf []byte) ([]byte, error) {
	// At least the header: usually the rest arrives with it, which saves a system call.
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
