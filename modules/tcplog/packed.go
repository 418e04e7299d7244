// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// Packed holds the fields of a record that are known when its session begins, in little memory: a
// session can be idle for days. AppendPacked and unpack must agree on the fields and their order.
// A field of Record that is not packed has its zero value in the line of a session, unless the
// session sets it at its end. The names of frontend, backend and server are not packed, since many
// sessions share them; the session fills them in.
type Packed []byte

// AppendPacked appends the packed record to b.
func (r *Record) AppendPacked(b []byte) []byte {
	flags := byte(0)
	if r.Uninspected {
		flags |= 1
	}
	if r.Redispatched {
		flags |= 2
	}
	if r.isProxied() {
		flags |= 4
	}
	if r.isFormatted() {
		flags |= 8
	}
	flags |= byte(r.Severity) << 4
	// These come first: entry.write reads no further.
	b = appendAddr(appendAddr(appendText(b, string(r.ALPN)), r.Client), r.Local)
	b = append(b, byte(r.Outcome), flags, byte(r.Version), byte(r.Version>>8))
	for _, n := range [...]int64{r.Accepted.UnixMicro(), int64(r.HelloWait), int64(r.Queue), int64(r.Connect), int64(r.ServerQueue), int64(r.BackendQueue), int64(r.Retries), int64(r.HelloSize)} {
		b = binary.AppendVarint(b, n)
	}
	b = appendText(appendText(b, r.Address), r.ServerName)
	if r.Redispatched {
		b = binary.AppendVarint(b, int64(r.Moved))
	}
	if r.isProxied() {
		b = appendText(appendText(appendAddr(b, r.Peer), r.Authority), r.UniqueID)
	}
	if r.isFormatted() {
		b = appendText(appendText(appendText(appendText(appendAddr(binary.AppendVarint(b, r.Number), r.Source), r.Values), r.Listener), r.JA3), r.JA4)
	}
	return b
}

// Unpack returns the fields of a packed record. Texts share the memory of packed.
func Unpack(packed string) (r Record) {
	u := unpacker(packed)
	r.unpack(&u)
	return r
}

// Client returns the client's IP address, or the zero value if it has none.
func (p Packed) Client() netip.Addr {
	u := unpacker(p)
	u.text() // the protocols of ALPN
	return u.addr().IP()
}

// isProxied reports whether the fields are set that few connections have.
func (r *Record) isProxied() bool {
	return r.Peer != Addr{} || r.Authority != "" || r.UniqueID != ""
}

// isFormatted reports whether the fields are set that only formats have.
func (r *Record) isFormatted() bool {
	return r.Number != 0 || r.Values != "" || r.Source != Addr{} || r.Listener != "" || r.JA3 != "" || r.JA4 != ""
}

// unpack sets the fields that AppendPacked has packed.
func (r *Record) unpack(u *unpacker) {
	r.ALPN, r.Client, r.Local = Protocols(u.text()), u.addr(), u.addr()
	head := u.take(4)
	r.Outcome, r.Version = clienthello.Outcome(head[0]), uint16(head[2])|uint16(head[3])<<8
	r.Uninspected, r.Redispatched = head[1]&1 != 0, head[1]&2 != 0
	r.Accepted = time.UnixMicro(u.number())
	r.HelloWait, r.Queue, r.Connect = time.Duration(u.number()), time.Duration(u.number()), time.Duration(u.number())
	r.ServerQueue, r.BackendQueue, r.Retries = int(u.number()), int(u.number()), int(u.number())
	r.HelloSize = int(u.number())
	r.Address, r.ServerName = u.text(), u.text()
	if r.Redispatched {
		r.Moved = time.Duration(u.number())
	}
	if head[1]&4 != 0 {
		r.Peer, r.Authority, r.UniqueID = u.addr(), u.text(), u.text()
	}
	if head[1]&8 != 0 {
		r.Number, r.Source, r.Values, r.Listener, r.JA3, r.JA4 = u.number(), u.addr(), u.text(), u.text(), u.text(), u.text()
	}
	r.Severity = Severity(head[1] >> 4)
}

// Facts are some of the fields of a record, for counts. Texts share the memory of the record.
type Facts struct {
	Outcome                   clienthello.Outcome
	Uninspected               bool
	Client                    Addr
	Version                   uint16
	ServerName, Address       string
	HelloWait, Queue, Connect time.Duration
	Retries                   int
	Redispatched              bool
}

// Facts returns fields of the record, which may be packed. It is faster than unpacking it.
func (r *Record) Facts() Facts {
	if len(r.AtStart) == 0 {
		return Facts{r.Outcome, r.Uninspected, r.Client, r.Version, r.ServerName, r.Address, r.HelloWait, r.Queue, r.Connect, r.Retries, r.Redispatched}
	}
	f := r.AtStart.Facts()
	if f.Address == "" {
		f.Address = r.Address
	}
	return f
}

// Facts returns fields of the record, which must not be empty.
func (p Packed) Facts() (f Facts) {
	u := unpacker(unsafe.String(&p[0], len(p))) //nolint:gosec // p does not change
	u.text()                                    // the protocols of ALPN
	f.Client = u.addr()
	u.skipAddr()
	head := u.take(4)
	f.Outcome, f.Version = clienthello.Outcome(head[0]), uint16(head[2])|uint16(head[3])<<8
	f.Uninspected, f.Redispatched = head[1]&1 != 0, head[1]&2 != 0
	u.length() // the time of accept
	f.HelloWait, f.Queue, f.Connect = time.Duration(u.number()), time.Duration(u.number()), time.Duration(u.number())
	u.length() // the places in queues
	u.length()
	f.Retries = int(u.number())
	u.length() // the size of the hello
	f.Address, f.ServerName = u.text(), u.text()
	return f
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// unpacker is the packed data not read yet. Strings that it returns share its memory.
type unpacker string

func (u *unpacker) take(n int) string {
	taken := (*u)[:n]
	*u = (*u)[n:]
	return string(taken)
}

func (u *unpacker) length() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := (*u)[0]
		*u = (*u)[1:]
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			return n
		}
	}
}

// number reads a number that binary.AppendVarint has appended.
func (u *unpacker) number() int64 {
	n := u.length()
	return int64(n>>1) ^ -int64(n&1)
}

func (u *unpacker) text() string { return u.take(int(u.length())) }
