// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Redis is a real Redis that keeps nothing.
type Redis struct {
	// Address is where it listens: HOST:PORT.
	Address string

	cmd *exec.Cmd
}

// Start starts it. It ends with the test.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(Need(t, "redis-server"), "--bind", host, "--port", port, "--save", "", "--dir", t.TempDir()) //nolint:gosec // the test's own address
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
}

// Await waits until it answers.
func (r *Redis) Await(t testing.TB) {
	t.Helper()
	Until(t, "Redis answers", func() bool {
		conn, err := net.Dial("tcp", r.Address)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "PING\r\n")
		answer := make([]byte, 5)
		_, err = io.ReadFull(conn, answer)
		return err == nil && string(answer) == "+PONG"
	})
}

// Kill kills it.
func (r *Redis) Kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// Signal sends it a signal.
func (r *Redis) Signal(s os.Signal) error { return r.cmd.Process.Signal(s) }
