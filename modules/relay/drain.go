// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	// drainTimeout is the longest time that a client is read from after the last bytes written to it.
	// A socket that is closed while bytes arrive answers them by a reset, which can overtake those
	// last bytes.
	drainTimeout = 250 * time.Millisecond
	// drainLimit bounds the bytes that are discarded.
	drainLimit = 256 << 10
)

// drainBuffers holds buffers for bytes that are discarded.
var drainBuffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// CloseWriteAndDrain writes last, if it is not empty, to a connection that is to be closed in
// order, and closes its sending side. It discards what the other end has sent so far, and after
// last what it sends for a moment more: a socket that is closed with unread bytes resets the
// connection. Without last it does not wait, as HAProxy does not.
func CloseWriteAndDrain(c net.Conn, last []byte) {
	w, ok := c.(interface{ CloseWrite() error })
	if len(last) > 0 {
		_ = c.SetDeadline(time.Now().Add(drainTimeout))
		if _, err := c.Write(last); err != nil {
			return
		}
	}
	if !ok || w.CloseWrite() != nil {
		return
	}
	if len(last) > 0 {
		_, _ = io.CopyN(io.Discard, c, drainLimit)
		return
	}
	p := drainBuffers.Get().(*[16 << 10]byte)
	defer drainBuffers.Put(p)
	for total := 0; total < drainLimit; {
		n, err := ReadNow(c, p[:])
		if err != nil {
			return
		}
		total += n
	}
}
