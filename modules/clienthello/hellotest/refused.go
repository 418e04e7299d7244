// SPDX-License-Identifier: Apache-2.0

package hellotest

import (
	"slices"
)

// A Refusal is a rejected first message with its verdict. Raw ends with the byte that decides, or
// later: the verdict depends neither on later bytes nor on the client closing.
type Refusal struct {
	Name    string // unique
	Raw     []byte
	Outcome string // as in the log: "malformed", "not_tls", "sslv2" or "too_large"
	// Detail is the error's text after the outcome. It is empty for an error without one, or whose
	// text depends on the limit.
	Detail string
}

// Refused returns a table of first messages that are rejected, for every possible reason. The table
// is constant. Malformed and too large messages begin as TLS does. Some faults lie far behind the
// beginning, so the limit for hellos must be the highest, 64 KiB.
func Refused() []Refusal {
	return slices.Concat(
		refusedProtocols(), refusedSSLv2(), refusedSizes(), refusedRecords(), refusedMessages(),
		refusedFields(), refusedBlocks(), refusedExtensions(), refusedRepeats(), refusedNames(),
		refusedALPN(), refusedLists(), refusedKeyShares(), refusedTogether(),
	)
}

func malformed(detail, name string, raw []byte) Refusal {
	return Refusal{Name: name, Raw: raw, Outcome: "malformed", Detail: detail}
}

// wellKnown returns a valid hello, to put a fault into.
func wellKnown() ClientHello {
	return Plain(SNI("a.example"))
}

func refusedProtocols() []Refusal {
	const (
		first   = "first byte begins no hello"
		version = "record version is 16.0 or higher"
		almost  = "first bytes resemble an SSLv2 hello but are not one"
	)
	notTLS := func(detail, name, raw string) Refusal {
		return Refusal{Name: name, Raw: []byte(raw), Outcome: "not_tls", Detail: detail}
	}

	return []Refusal{
		notTLS(first, "HTTP", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
		notTLS(first, "HTTP, one byte", "G"),
		notTLS(first, "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		notTLS(first, "SSH", "SSH-2.0-x\r\n"),
		notTLS(first, "SMTP", "EHLO a.example\r\n"),
		notTLS(first, "PROXY v1", "PROXY TCP4 192.0.2.1 192.0.2.2 50123 443\r\n"),
		notTLS(first, "PROXY v2", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"),
		notTLS(first, "PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f"),
		notTLS(first, "RDP", "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"),
		notTLS(first, "NUL", "\x00"),
		notTLS(first, "line break", "\r\n"),
		notTLS(first, "alert", "\x15\x03\x01\x00\x02\x01\x00"),
		notTLS(first, "change_cipher_spec", "\x14\x03\x03\x00\x01\x01"),
		notTLS(first, "application data", "\x17\x03\x03\x00\x01a"),
		notTLS(first, "0x7f, the last byte below SSLv2", "\x7f\x2e\x01\x03\x01"),
		notTLS(version, "SYN and letters", "\x16GET"),
		notTLS(version, "handshake record of version 16.0", "\x16\x10"),
		notTLS(version, "handshake record of DTLS 1.2", "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		notTLS(almost, "UTF-8", "\u00e9t\u00e9"),
		notTLS(almost, "SSLv2, too short to be a hello", "\x80\x08"),
		notTLS(almost, "SSLv2, another message", "\x80\x2e\x04"),
		notTLS(almost, "SSLv2, another major version", "\x80\x2e\x01\x01"),
		notTLS(almost, "SSLv2, another minor version", "\x80\x2e\x01\x00\x03"),
	}
}

// refusedSSLv2 returns hellos of SSLv2.
func refusedSSLv2() []Refusal {
	sslv2 := func(name, raw string) Refusal { return Refusal{Name: name, Raw: []byte(raw), Outcome: "sslv2"} }

	return []Refusal{
		sslv2("SSLv2", "\x80\x2e\x01\x00\x02"),
		sslv2("SSLv2, whole", "\x80\x1c\x01\x00\x02\x00\x03\x00\x00\x00\x10\x07\x00\xc0"+"0123456789abcdef"),
		sslv2("SSLv2 for SSL 3.0", "\x80\x2e\x01\x03"),
		sslv2("SSLv2 for TLS 1.2", "\x80\x2e\x01\x03\x03\x00"),
		sslv2("SSLv2, shortest", "\x80\x09\x01\x00\x02"),
		sslv2("SSLv2, longer", "\x81\x00\x01\x03\x03"),
		sslv2("SSLv2, longest", "\xff\xff\x01\x03\x01"),
	}
}

// refusedSizes returns hellos above the limit.
func refusedSizes() []Refusal {
	tooLarge := func(name string, raw []byte) Refusal { return Refusal{Name: name, Raw: raw, Outcome: "too_large"} }

	return []Refusal{
		tooLarge("hello of 65537 bytes", []byte{22, 3, 1, 0x40, 0, 1, 1, 0, 1}),
		tooLarge("hello of 16 MiB", []byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}),
		tooLarge("hello of 16 MiB, its length in four records", Records([]byte{1, 0xff, 0xff, 0xff}, 1)),
		tooLarge("hello of 65536 bytes and one", Plain().Pad(65536+1).Raw()),
	}
}

func refusedRecords() []Refusal {
	const (
		empty       = "empty record"
		long        = "record longer than 16384 bytes"
		interleaved = "record of another type before the end of the hello"
	)
	message := wellKnown().Message()
	begun := Record(22, message[:9])
	after := func(parts ...[]byte) []byte { return append(slices.Clone(begun), slices.Concat(parts...)...) }

	return []Refusal{
		malformed(empty, "empty record", Record(22, nil)),
		malformed(empty, "empty second record", after(Record(22, nil))),
		malformed(empty, "empty record after the message's type", Records(message, 1, 0, 100)),
		malformed(empty, "empty record between two others", Records(message, 20, 0, 100)),
		malformed(long, "record of 16385 bytes", []byte{22, 3, 1, 0x40, 0x01}),
		malformed(long, "record of 16385 bytes, whole", Records(Plain().Pad(16381).Message(), 16385)),
		malformed(long, "record of 65535 bytes", []byte{22, 3, 1, 0xff, 0xff}),
		malformed(long, "second record of 16385 bytes", after([]byte{22, 3, 3, 0x40, 0x01})),
		malformed(interleaved, "alert in the hello", after(Record(21, []byte{1, 0}), Records(message[9:]))),
		malformed(interleaved, "change_cipher_spec in the hello", after(Record(20, []byte{1}), Records(message[9:]))),
		malformed(interleaved, "application data in the hello", after(Record(23, []byte{1}))),
		malformed(interleaved, "heartbeat in the hello", after(Record(24, []byte{1}))),
		malformed(interleaved, "empty application data in the hello", after(Record(23, nil))),
		malformed(interleaved, "other protocol in the hello", after([]byte("GET"))),
		malformed(interleaved, "alert before the last byte", slices.Concat(
			Record(22, message[:len(message)-1]), Record(21, []byte{2, 90}), Record(22, message[len(message)-1:]))),
	}
}

func refusedMessages() []Refusal {
	const (
		other = "first handshake message is not a ClientHello"
		short = "ClientHello too short for its mandatory fields"
	)
	body := wellKnown().Body()
	of := func(kind byte) []byte { return Records(Handshake(kind, body)) }
	sized := func(size int) []byte { return Records(Handshake(clientHello, body[:size])) }

	return []Refusal{
		malformed(other, "HelloRequest", of(0)),
		malformed(other, "ServerHello", of(2)),
		malformed(other, "HelloVerifyRequest", of(3)),
		malformed(other, "NewSessionTicket", of(4)),
		malformed(other, "Certificate", of(11)),
		malformed(other, "Finished", of(20)),
		malformed(other, "handshake type 255", Record(22, []byte{255})),
		malformed(short, "body of 0 bytes", sized(0)),
		malformed(short, "body of 1 byte", sized(1)),
		malformed(short, "body of 34 bytes", sized(34)),
		malformed(short, "body of 40 bytes", sized(40)),
		malformed(short, "body of 40 NUL bytes", Records(Handshake(clientHello, make([]byte, 40)))),
	}
}
