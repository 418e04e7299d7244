// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A dropped client receives nothing, if the process has the privilege for that. Otherwise the proxy
// sends a reset that the first router discards: over loopback it arrives.
func TestDropIsSilent(t *testing.T) {
	p := startProxied(t, "default_backend web\n on malformed drop")
	c := dial(t, p.address)
	if _, err := c.Write([]byte{22, 3, 1, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if l := p.sessions(t, 1)[0]; l.Outcome != "malformed" || l.End != "refused" {
		t.Errorf("log line %+v", l)
	}
	want := syscall.ECONNRESET
	if mayRepair(t) {
		want = syscall.ETIMEDOUT // of the deadline below
		_ = c.SetReadDeadline(time.Now().Add(slack))
	}
	_, err := c.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = syscall.ETIMEDOUT
	}
	if !errors.Is(err, want) {
		t.Errorf("the client got %v, want %v", err, want)
	}
}

// mayRepair reports whether this process may put a socket into repair mode.
func mayRepair(t *testing.T) bool {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_REPAIR, 1) == nil
}
