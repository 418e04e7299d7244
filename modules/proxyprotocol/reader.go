// SPDX-License-Identifier: Apache-2.0

package proxyprotocol

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// ErrNoHeader means that the bytes do not begin with a header: they are the client's data.
var ErrNoHeader = errors.New("no PROXY protocol header")

// ErrInvalid is wrapped by the errors of bytes that begin like a header but are not a valid one.
var ErrInvalid = errors.New("invalid PROXY protocol header")

// maxLine is the greatest length of a header of version 1, with its CRLF (proxy-protocol.txt, 2.1).
const maxLine = 107

const linePrefix = "PROXY "

// Reader reads one header. The zero value reads one of the PROXY protocol. It holds memory only
// while a header is incomplete, and then little more than the part that has arrived.
type Reader struct {
	// NetScalerMagic, if not 0, makes the Reader expect NetScaler's header, which begins with it.
	NetScalerMagic uint32

	buffered []byte // of an incomplete header
}

// Read takes bytes that the peer has sent. It returns the header once that is complete, and how
// many of the bytes belong to it; the rest of them is the client's data. As long as the header is
// incomplete, all bytes are taken. After a header or an error, Read must not be called again.
func (r *Reader) Read(p []byte) (h *Header, used int, err error) {
	if len(r.buffered) == 0 { // the usual case: it arrives at once, and no byte is copied
		size, err := r.size(p)
		if err != nil {
			return nil, 0, err
		}
		if size > 0 && len(p) >= size {
			h, err = r.parse(p[:size])
			return h, size, err
		}
	}
	for used < len(p) {
		size, err := r.size(r.buffered)
		if err != nil {
			return nil, used, err
		}
		missing := r.step(size) - len(r.buffered)
		next := p[used:min(len(p), used+missing)]
		r.buffered = append(r.buffered, next...)
		used += len(next)
		switch size, err = r.size(r.buffered); {
		case err != nil:
			return nil, used, err
		case size > 0 && len(r.buffered) >= size:
			h, err = r.parse(r.buffered[:size])
			used -= len(r.buffered) - size
			r.buffered = nil
			return h, used, err
		}
	}
	return nil, used, nil
}

// Buffered returns the bytes of an incomplete header. After ErrNoHeader they are the client's data.
func (r *Reader) Buffered() []byte { return r.buffered }

// step returns how many bytes are buffered before looking again: the whole header, once its size
// is known, else as many as are certain to show it.
func (r *Reader) step(size int) int {
	switch {
	case size > 0:
		return size
	case r.NetScalerMagic == 0 && len(r.buffered) > 0 && isPrefix(r.buffered, linePrefix):
		return maxLine
	default:
		return v2Header
	}
}

// size returns the size of the header that b begins with; 0 if b is too short to tell.
func (r *Reader) size(b []byte) (int, error) {
	switch {
	case r.NetScalerMagic != 0:
		return netScalerSize(b, r.NetScalerMagic)
	case isPrefix(b, linePrefix):
		return lineSize(b)
	case isPrefix(b, signature):
		return v2Size(b)
	default:
		return 0, ErrNoHeader
	}
}

// isPrefix reports whether b begins with prefix, as far as it goes.
func isPrefix(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

func lineSize(b []byte) (int, error) {
	end := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	switch {
	case end >= 0:
		return end + 1, nil
	case len(b) >= maxLine:
		return 0, invalid("its line is longer than %d bytes", maxLine)
	default:
		return 0, nil
	}
}

func v2Size(b []byte) (int, error) {
	if len(b) > len(signature) && b[len(signature)]&0xf0 != version2 {
		return 0, invalid("version %d of the binary format", b[len(signature)]>>4)
	}
	if len(b) < v2Header {
		return 0, nil
	}
	return v2Header + int(binary.BigEndian.Uint16(b[v2Header-2:])), nil
}

// parse parses a complete header.
func (r *Reader) parse(b []byte) (*Header, error) {
	switch {
	case r.NetScalerMagic != 0:
		return parseNetScaler(b)
	case b[0] == linePrefix[0]:
		return parseLine(string(b))
	default:
		return parseV2(b)
	}
}

// Begins reports whether bytes begin like a header of the PROXY protocol, of either version.
func Begins(b []byte) bool {
	return len(b) >= len(linePrefix) && (isPrefix(b, linePrefix) || len(b) >= len(signature) && isPrefix(b, signature))
}

// MayBegin reports whether bytes, as far as they go, are the beginning of a header of the PROXY
// protocol.
func MayBegin(b []byte) bool { return isPrefix(b, linePrefix) || isPrefix(b, signature) }
