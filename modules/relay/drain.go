// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	// drainTimeout is how long, at most, a client is listened to after the last that was
	// written to it: what it is still sending would otherwise be answered by a reset,
	// which can overtake that.
	drainTimeout = 250 * time.Millisecond
	// drainLimit is how much of it is discarded at most.
	drainLimit = 256 << 10
)

// drainBuffers are buffers for bytes that nothing looks at.
var drainBuffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// CloseWriteAndDrain writes the last to a connection that is to be closed in order, if there is
// anything, and closes its sending side. It discards what the other end has sent until now,
// or after a last word for a moment more: a socket that is closed with unread bytes resets
// the connection. Without one it does not wait, as HAProxy does not.
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
