// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(SPOP))
}

// SPOP exchanges hellos with an agent of HAProxy's stream processing offload protocol, version 2.0,
// and tells it that this is a health check. It is HAProxy's option spop-check.
type SPOP struct {
	// TLS enables TLS from the first byte. Default: off.
	TLS *TLS `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*SPOP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.spop",
		New: func() caddy.Module { return new(SPOP) },
	}
}

// Provision validates the options.
func (c *SPOP) Provision(caddy.Context) error { return provisionTLS(c.TLS) }

// Check returns L7OK; L7RSP if the answer is not a hello of a supported version, L7TOUT; or what a
// connect or a handshake can result in.
func (c *SPOP) Check(ctx context.Context, t pool.Target) pool.Result {
	d := protocolCheck{tls: c.TLS, exchange: exchangeSPOPHello}
	return d.check(ctx, t)
}

// Constants of the protocol: types of frames and values, and the sizes of frames that HAProxy
// accepts.
const (
	spopHaproxyHello = 1
	spopAgentHello   = 101
	spopDisconnect   = 102

	spopFin = 1 // the only flag of a complete frame

	spopNull, spopBool, spopInt32, spopUint32, spopInt64, spopUint64 = 0, 1, 2, 3, 4, 5
	spopIPv4, spopIPv6, spopString, spopBinary                       = 6, 7, 8, 9
	spopTrue                                                         = 0x10

	spopVersion  = "2.0"
	spopMinFrame = 256
	spopMaxFrame = 16380
)

func exchangeSPOPHello(rw io.ReadWriter) (string, error) {
	if _, err := rw.Write(spopHello()); err != nil {
		return "", err
	}
	var head [4]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return "", err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > spopMaxFrame {
		return "", notProtocol("SPOP", head[:])
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(rw, frame); err != nil {
		return "", err
	}
	return parseAgentHello(frame)
}

// spopHello returns HAProxy's hello frame, preceded by its length.
func spopHello() []byte {
	b := []byte{spopHaproxyHello, 0, 0, 0, spopFin, 0, 0}
	text := func(s string) { b = append(append(b, byte(len(s))), s...) }
	text("supported-versions")
	b = append(b, spopString)
	text(spopVersion)
	text("max-frame-size")
	b = append(b, spopUint32, 0xfc, 0xf0, 0x06) // spopMaxFrame
	text("capabilities")
	b = append(b, spopString, 0)
	text("healthcheck")
	b = append(b, spopBool|spopTrue)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// parseAgentHello judges the agent's first frame and returns the check's Info.
func parseAgentHello(frame []byte) (string, error) {
	const before = 1 + 4 + 1 + 1 // type, flags, stream ID and frame ID, both 0
	if len(frame) < before || binary.BigEndian.Uint32(frame[1:]) != spopFin || frame[5] != 0 || frame[6] != 0 {
		return "", notProtocol("SPOP", frame)
	}
	values, err := readValues(frame[before:])
	switch {
	case frame[0] != spopAgentHello && frame[0] != spopDisconnect, err != nil:
		return "", notProtocol("SPOP", frame)
	case frame[0] == spopDisconnect:
		return "", protocolError(fmt.Sprintf("the agent disconnects: status %d: %s", values["status-code"].number, values["message"].text))
	}
	return judgeAgentHello(values["version"], values["max-frame-size"])
}

// judgeAgentHello judges the values of the agent's hello.
func judgeAgentHello(version, size spopValue) (string, error) {
	switch {
	case version.kind != spopString:
		return "", protocolError("the hello has no version")
	case strings.TrimSpace(version.text) != spopVersion:
		return "", protocolError(fmt.Sprintf("the agent has version %s: expected %s", quoted([]byte(version.text)), spopVersion))
	case size.kind != spopUint32:
		return "", protocolError("the hello has no max-frame-size")
	case size.number < spopMinFrame || size.number > spopMaxFrame:
		return "", protocolError(fmt.Sprintf("the agent has max-frame-size %d: expected %d to %d", size.number, spopMinFrame, spopMaxFrame))
	}
	return "version " + spopVersion, nil
}

// spopValue is a value of a frame. The kind decides which of number and text is set.
type spopValue struct {
	kind   byte
	number uint64
	text   string
}

var errFrame = errors.New("the frame ends too early")

// readValues parses the names and values of a frame.
func readValues(b []byte) (map[string]spopValue, error) {
	values := make(map[string]spopValue)
	for len(b) > 0 {
		name, rest, ok := cutText(b)
		if !ok || len(rest) == 0 {
			return nil, errFrame
		}
		v := spopValue{kind: rest[0] & 0x0f}
		if b, ok = v.read(rest[1:]); !ok {
			return nil, errFrame
		}
		values[name] = v
	}
	return values, nil
}

// read parses a value of v.kind and returns what follows it.
func (v *spopValue) read(b []byte) (rest []byte, ok bool) {
	fixed := 0
	switch v.kind {
	case spopNull, spopBool:
	case spopInt32, spopUint32, spopInt64, spopUint64:
		v.number, b, ok = cutNumber(b)
		return b, ok
	case spopIPv4:
		fixed = 4
	case spopIPv6:
		fixed = 16
	case spopString, spopBinary:
		v.text, b, ok = cutText(b)
		return b, ok
	default:
		return nil, false
	}
	if len(b) < fixed {
		return nil, false
	}
	return b[fixed:], true
}

// cutText returns the text at the beginning of b, and what follows it.
func cutText(b []byte) (text string, rest []byte, ok bool) {
	size, rest, ok := cutNumber(b)
	if !ok || size > uint64(len(rest)) {
		return "", nil, false
	}
	return string(rest[:size]), rest[size:], true
}

// cutNumber returns the number at the beginning of b, and what follows it. The first byte holds
// values up to 239, or the low 4 bits of a larger number; each further byte holds 7 bits.
func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	if n = uint64(b[0]); n < 0xf0 {
		return n, b[1:], true
	}
	for i, shift := 1, 4; i < len(b) && shift < 64; i, shift = i+1, shift+7 {
		n += uint64(b[i]) << shift
		if b[i] < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check spop {
//		tls {
//			<options of checker tls>
//		}
//	}
func (c *SPOP) CheckOptions() options.Table { return options.Table{"tls": tlsOption(&c.TLS)} }

// Interface guards
var (
	_ caddy.Module      = (*SPOP)(nil)
	_ caddy.Provisioner = (*SPOP)(nil)
	_ pool.Checker      = (*SPOP)(nil)
)
