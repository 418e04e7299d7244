// SPDX-License-Identifier: Apache-2.0

// Package clienthello reads a TLS ClientHello from the bytes that a client has sent so far, without
// answering it and without decrypting anything. Bytes go in and a verdict comes out: an
// [Inspection] is a state machine that owns no goroutine, no socket and no timer. How the bytes are
// cut, into segments or into TLS records, never changes the verdict, and half a hello is never
// judged. A hello that cannot be read is [Malformed]; it is never taken for a hello without a
// server name.
//
// What it looks at is what routing needs; an extension that it does not interpret is skipped by its
// length, so an odd or unknown one hides nothing after it. With Encrypted Client Hello (RFC 9849)
// it sees the outer hello only. It reads the first ClientHello, not the second one that follows a
// HelloRetryRequest, and neither DTLS nor QUIC.
package clienthello

// DefaultMaxHello is the longest ClientHello that is accepted unless a smaller limit is asked for,
// and the highest limit there is. It counts the bytes of the handshake message after its 4-byte
// header, as crypto/tls counts its own limit, so neither record headers nor what follows the hello.
const DefaultMaxHello = 65536

// Parse reads a ClientHello from the beginning of b, with the same verdicts as an [Inspection] that
// was fed b. The Hello is valid as long as b is not modified; bytes after the hello are ignored.
//
// The error is [ErrNeedMore] if b is a proper beginning of a hello; otherwise it wraps [ErrNotTLS],
// [ErrSSLv2], [ErrMalformed] or [ErrTooLarge].
func Parse(b []byte) (Hello, error) {
	i := NewInspection(DefaultMaxHello)
	defer i.Release()
	i.received = buffer{array: b, filled: len(b)}
	switch i.advance() {
	case Found:
		i.joined = buffer{} // the Hello may be a view of it
		return i.hello, nil
	case Pending:
		return Hello{}, ErrNeedMore
	default:
		return Hello{}, i.Err()
	}
}
