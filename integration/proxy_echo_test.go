// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// echoBehindHeader reads a PROXY header, with another implementation than that under test, sends a
// line that describes it, and echoes what follows.
func echoBehindHeader(c *net.TCPConn) { describeAndEcho(c) }

func describeAndEcho(c net.Conn) {
	raw := new(bytes.Buffer)
	in := bufio.NewReaderSize(io.TeeReader(c, raw), 128<<10)
	h, err := proxyproto.Read(in)
	if err != nil {
		fmt.Fprintf(c, "error: %v\n", err)
		return
	}
	fmt.Fprintln(c, describe(h, raw.Bytes()[:raw.Len()-in.Buffered()]))
	_, _ = io.Copy(c, in)
}

// describe returns a header as text: version, command, addresses, TLVs.
func describe(h *proxyproto.Header, raw []byte) string {
	text := fmt.Sprintf("v%d", h.Version)
	switch {
	case h.Command == proxyproto.LOCAL:
		text += " local"
	case h.TransportProtocol == proxyproto.UNSPEC:
		text += " unknown"
	default:
		text += fmt.Sprintf(" %s %s", h.SourceAddr, h.DestinationAddr)
	}
	tlvs, err := h.TLVs()
	if err != nil {
		return text + " " + err.Error()
	}
	for _, t := range tlvs {
		switch value := string(t.Value); {
		case t.Type == proxyproto.PP2_TYPE_CRC32C:
			text += " " + checked(raw, t.Value)
		case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
			text += fmt.Sprintf(" %#02x=%x", byte(t.Type), value)
		default:
			text += fmt.Sprintf(" %#02x=%s", byte(t.Type), value)
		}
	}
	return text
}

// checked reports whether a header's checksum is right.
func checked(raw, sum []byte) string {
	at := bytes.Index(raw, append([]byte{3, 0, 4}, sum...)) + 3
	zeroed := bytes.Clone(raw)
	clear(zeroed[at : at+4])
	if got := crc32.Checksum(zeroed, crc32.MakeTable(crc32.Castagnoli)); got != binary.BigEndian.Uint32(sum) {
		return fmt.Sprintf("checksum %x instead of %x", sum, got)
	}
	return "checksum"
}

// described splits the answer of such a server.
func (t *talk) described() (header string, rest []byte) {
	line, rest, _ := bytes.Cut(t.answer, []byte("\n"))
	return string(line), rest
}

// unixListener serves a Unix socket until the test ends.
func unixListener(t *testing.T, path string, serve func(net.Conn)) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
}
