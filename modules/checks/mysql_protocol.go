// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// Constants of the protocol: first bytes of packets and capability flags of the client. The values
// are those that HAProxy sends, except authPlugins.
const (
	mysqlOK     = 0x00
	mysqlMore   = 0x01
	mysqlSwitch = 0xfe
	mysqlError  = 0xff

	secureConnection = 0x8000
	protocol41       = 0x0200
	authPlugins      = 0x80000

	mysqlUTF8  = 0x21
	maxAnswers = 4 // packets accepted after a login
)

var mysqlQuit = []byte{1, 0, 0, 0, 1}

// serverGreeting is the first packet of a server.
type serverGreeting struct {
	version string
	plugins bool // the server supports authentication plugins
}

// readPacket returns the number and the content of the next packet.
func readPacket(in *bufio.Reader) (number byte, content []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if size == 0 || size > maxReceived {
		rest, _ := in.Peek(min(in.Buffered(), maxQuoted))
		return 0, nil, notProtocol("MySQL", append(head[:], rest...))
	}
	content = make([]byte, size)
	if _, err := io.ReadFull(in, content); err != nil {
		return 0, nil, err
	}
	if content[0] == mysqlError {
		return 0, nil, serverError(content[1:])
	}
	return head[3], content, nil
}

// serverError returns the error in an error packet, given without its first byte.
func serverError(b []byte) error {
	if len(b) < 2 {
		return notProtocol("MySQL", b)
	}
	number, text := binary.LittleEndian.Uint16(b), string(b[2:])
	if len(text) >= 6 && text[0] == '#' {
		return refusalf("%d (%s): %s", number, text[1:6], text[6:])
	}
	return refusalf("%d: %s", number, text)
}

func readGreeting(in *bufio.Reader) (g serverGreeting, err error) {
	_, b, err := readPacket(in)
	if err != nil {
		return g, err
	}
	if b[0] != 9 && b[0] != 10 {
		return g, notProtocol("MySQL", b)
	}
	version, rest, ended := bytes.Cut(b[1:], []byte{0})
	if !ended {
		return g, notProtocol("MySQL", b)
	}
	g.version = string(version)
	// The connection ID, 8 bytes of salt and a zero, then the server's capabilities in two halves with
	// 3 bytes between them.
	const secondHalf = 4 + 8 + 1 + 2 + 3
	if len(rest) >= secondHalf+2 {
		g.plugins = uint32(binary.LittleEndian.Uint16(rest[secondHalf:]))<<16&authPlugins != 0
	}
	return g, nil
}

// login logs a user in without a password. A refusal by the server is an error.
func (c *MySQL) login(w io.Writer, in *bufio.Reader, user string, plugins bool) error {
	if _, err := w.Write(c.loginPacket(user, plugins)); err != nil {
		return err
	}
	for range maxAnswers {
		number, b, err := readPacket(in)
		if err != nil {
			return err
		}
		switch b[0] {
		case mysqlOK:
			return nil
		case mysqlMore:
		case mysqlSwitch:
			if _, err := w.Write(emptyAuthReply(number+1, b[1:])); err != nil {
				return err
			}
			if c.AcceptAuthSwitch {
				return nil
			}
		default:
			return notProtocol("MySQL", b)
		}
	}
	return refusalf("the server requires more than a user without a password")
}

// loginPacket returns the answer to a greeting.
func (c *MySQL) loginPacket(user string, plugins bool) []byte {
	var b []byte
	if c.Old {
		b = binary.LittleEndian.AppendUint16(b, secureConnection)
		b = append(b, 0, 0, 1) // maximum packet size
		b = append(b, user...)
		b = append(b, 0, 0)
	} else {
		can := uint32(secureConnection | protocol41)
		if plugins {
			can |= authPlugins
		}
		b = binary.LittleEndian.AppendUint32(b, can)
		b = append(b, 0, 0x80, 0, 1, mysqlUTF8) // maximum packet size, character set
		b = append(b, make([]byte, 23)...)
		b = append(b, user...)
		b = append(b, 0, 0)
		if plugins {
			b = append(b, "mysql_native_password\x00"...)
		}
	}
	return append([]byte{byte(len(b)), byte(len(b) >> 8), 0, 1}, b...)
}

// emptyAuthReply returns an empty password for the authentication method that the server asks for.
func emptyAuthReply(number byte, want []byte) []byte {
	plugin, _, _ := bytes.Cut(want, []byte{0})
	if s := string(plugin); s == "caching_sha2_password" || s == "sha256_password" {
		return []byte{1, 0, 0, number, 0}
	}
	return []byte{0, 0, 0, number}
}
