// SPDX-License-Identifier: Apache-2.0

// Package clienthello parses a TLS ClientHello from the bytes that a client has sent so far. It
// neither answers nor decrypts anything. An [Inspection] is a state machine that takes bytes and
// returns a verdict; it owns no goroutine, no socket and no timer. The split of the bytes into
// segments or TLS records never changes the verdict, and an incomplete hello never gets one. A
// hello that cannot be parsed is [Malformed]; it is never treated as a hello without a server name.
//
// It parses the fields that routing needs, and skips all other extensions by their length, so an
// odd or unknown extension hides nothing after it. With Encrypted Client Hello (RFC 9849) it sees
// only the outer hello. It parses the first ClientHello, not the second one after a
// HelloRetryRequest, and supports neither DTLS nor QUIC.
package clienthello

// DefaultMaxHello is the default limit for the length of a ClientHello, and the highest one
// possible. It counts the bytes of the handshake message after its 4-byte header, as crypto/tls
// does for its own limit: neither record headers nor bytes after the hello.
const DefaultMaxHello = 65536

// Parse parses the ClientHello that b begins with. Its verdict is that of an [Inspection] that was
// fed b. The Hello is valid as long as b is not modified. Bytes after the hello are ignored.
//
// The error is [ErrNeedMore] if b is an incomplete hello; otherwise it wraps [ErrNotTLS],
// [ErrSSLv2], [ErrMalformed] or [ErrTooLarge].
func Parse(b []byte) (Hello, error) {
	i := NewInspection(DefaultMaxHello)
	defer i.Release()
	i.received = buffer{array: b, filled: len(b)}
	switch i.advance() {
	case Found:
		i.joined = buffer{} // the Hello may refer to it
		return i.hello, nil
	case Pending:
		return Hello{}, ErrNeedMore
	default:
		return Hello{}, i.Err()
	}
}
