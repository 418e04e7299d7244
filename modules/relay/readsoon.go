// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"time"
)

// soonTimeout is how long a connection is read from that cannot say at once whether it
// has received something: one of another handler's making, or of another
// system's.
const soonTimeout = time.Millisecond

// readSoon reads what c receives within a moment. Where that is nothing, the
// error is os.ErrDeadlineExceeded.
func readSoon(c net.Conn, p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(soonTimeout)); err != nil {
		return 0, err
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	return c.Read(p)
}
