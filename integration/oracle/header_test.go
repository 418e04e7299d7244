// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// parseHeader parses v1 SOURCE DESTINATION | v2 SOURCE DESTINATION [tlv TYPE TEXT]… [crc32c] | v2
// local | text TEXT | hex DIGITS, then [segments N] [then DATA].
func (s *scenario) parseHeader(t testing.TB, w *words) (p payload, err error) {
	p.header = true
	switch word := w.next(); word {
	case "text":
		p.data = []byte(w.next())
	case "hex":
		p.data, err = hex.DecodeString(w.next())
	case "v1", "v2":
		p.data, err = makeHeader(word, w)
	default:
		err = errors.New("expected v1, v2, text or hex after header")
	}
	if err == nil && w.take("segments") {
		p.segment, err = w.number()
	}
	if err == nil && w.take("then") {
		var more payload
		more, err = s.parsePayload(t, w)
		p.then = more.data
	}
	return p, err
}

func makeHeader(version string, w *words) ([]byte, error) {
	if version == "v2" && w.take("local") {
		b := proxyprotocol.BeginV2(nil, netip.AddrPort{}, netip.AddrPort{})
		return b.End(), nil
	}
	source, err := netip.ParseAddrPort(w.next())
	if err != nil {
		return nil, err
	}
	destination, err := netip.ParseAddrPort(w.next())
	if version == "v1" || err != nil {
		return proxyprotocol.AppendV1(nil, source, destination), err
	}
	b := proxyprotocol.BeginV2(nil, source, destination)
	for w.take("tlv") {
		of, err := strconv.ParseUint(w.next(), 0, 8)
		if err != nil {
			return nil, err
		}
		b.TLV(byte(of), []byte(w.next()))
	}
	if w.take("crc32c") {
		b.Checksum()
	}
	return b.End(), nil
}

// unwrap reads a PROXY header, and sends a line that describes it.
func (s *session) unwrap() error {
	line, err := s.takeHeader()
	if err == nil {
		_, err = io.WriteString(s.conn, line+"\n")
	}
	return err
}

// unwrapSilently reads a PROXY header.
func (s *session) unwrapSilently() error {
	_, err := s.takeHeader()
	return err
}

// takeHeader reads a PROXY header, which is not part of the client's bytes then, and describes it.
// Other bytes reset the connection.
func (s *session) takeHeader() (line string, err error) {
	for {
		s.mu.Lock()
		raw, more := s.received, s.more
		h, used, err := new(proxyprotocol.Reader).Read(raw)
		if h != nil {
			s.received = slices.Clone(raw[used:])
		}
		s.mu.Unlock()
		switch {
		case h != nil:
			return s.describe(h, raw[:used]), nil
		case err != nil:
			_ = s.conn.SetLinger(0)
			return "", errors.Join(err, s.conn.Close())
		}
		select {
		case <-more:
		case <-s.ended:
			return "", io.EOF
		}
	}
}

// describe returns a header as text.
func (s *session) describe(h *proxyprotocol.Header, raw []byte) string {
	if h.Version == 1 {
		words := strings.Fields(string(raw))[1:]
		for i := 3; i < len(words); i++ { // two addresses, two ports
			words[i] = s.portName(words[i-2], words[i])
		}
		return "v1 " + strings.Join(words, " ")
	}
	text := fmt.Sprintf("v2 %#02x %#02x", raw[12], raw[13])
	if h.HasAddresses() {
		for _, a := range []netip.AddrPort{h.Source, h.Destination} {
			text += " " + a.Addr().String() + " " + s.portName(a.Addr().String(), strconv.Itoa(int(a.Port())))
		}
	}
	for of, value := range h.TLVs() {
		switch {
		case of == proxyprotocol.CRC32C: // it has been verified
			text += " crc32c"
		case strings.ContainsFunc(string(value), func(r rune) bool { return r <= ' ' || r > '~' }):
			text += fmt.Sprintf(" %#02x=%x", of, value)
		default:
			text += fmt.Sprintf(" %#02x=%s", of, value)
		}
	}
	return text
}

// portName returns the name that the scenario has for a port of this machine, or *. Other hosts'
// ports stay.
func (s *session) portName(host, port string) string {
	if a, err := netip.ParseAddr(host); err != nil || !a.Unmap().IsLoopback() {
		return port
	}
	if name, ok := s.ports[port]; ok {
		return name
	}
	return "*"
}
