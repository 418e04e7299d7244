// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"time"
)

// soonTimeout is the time that readSoon waits for bytes on a connection that cannot report at once
// whether it has received any: one that another handler made, or one on another system.
const soonTimeout = time.Millisecond

// readSoon reads bytes that c receives within a moment. Without any, the error is
// os.ErrDeadlineExceeded.
func readSoon(c net.Conn, p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(soonTimeout)); err != nil {
		return 0, err
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	return c.Read(p)
}
