// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A client that is dropped sees nothing at all, not even the end.
func TestContentDrop(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs CAP_NET_ADMIN")
	}
	for _, ours := range []string{"content {\n drop\n}", "content\nconnection {\n drop\n}"} {
		s := story{ours: ours}
		address, line := s.frontend(t, greeter(t, "a", nil), greeter(t, "b", nil))
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if fields := line(); fields["termination"] != "PR" {
			t.Errorf("%q: logged as %v", ours, fields)
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: the client got %d bytes, %v", ours, n, err)
		}
	}
}
