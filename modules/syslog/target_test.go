// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialer returns a dialer to an address.
func dialer(network, address string) Dialer {
	return Dialer{
		Dial: func(ctx context.Context) (io.WriteCloser, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		Stream: network == "tcp",
	}
}

// raw are options that send lines as they are.
func raw(buffer int) Options {
	return Options{Header: Header{Format: Raw}, Level: Debug, Buffer: buffer}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func TestDatagrams(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log.sock")
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": socket} {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		target := Open(dialer(network, conn.LocalAddr().String()), raw(0))
		defer target.Close(time.Second)
		_, _ = target.Write([]byte("first\n"))
		_, _ = target.Write(nil)
		_, _ = target.Write([]byte("second\n"))
		b := make([]byte, 100)
		for _, want := range []string{"first\n", "second\n"} {
			n, _, err := conn.ReadFrom(b)
			if err != nil || string(b[:n]) != want {
				t.Errorf("%s: %q, %v, want %q", network, b[:n], err, want)
			}
		}
	}
}

func TestFramings(t *testing.T) {
	for framing, want := range map[Framing]string{Legacy: "first\nsecond\n", OctetCount: "5 first6 second"} {
		ln := listenTCP(t)
		o := raw(0)
		o.Framing = framing
		target := Open(dialer("tcp", ln.Addr().String()), o)
		_, _ = target.Write([]byte("first\n"))
		_, _ = target.Write([]byte("second\n"))
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		target.Close(time.Minute)
		if got, err := io.ReadAll(conn); string(got) != want || err != nil {
			t.Errorf("%v: %q, %v", framing, got, err)
		}
		if s := target.Stats(); s != (Stats{Sent: 2}) {
			t.Errorf("%+v", s)
		}
		_ = conn.Close()
	}
}

// TestStalledTarget writes more than the buffer and the kernel take. Each line arrives in the end
// or counts as dropped.
func TestStalledTarget(t *testing.T) {
	const lines = 50_000
	ln := listenTCP(t)
	var reported atomic.Uint64
	o := raw(256 << 10)
	o.Report = func(n uint64) { reported.Add(n) }
	target := Open(dialer("tcp", ln.Addr().String()), o)
	padding := strings.Repeat("x", 500)
	_, _ = target.Write([]byte("-1 " + padding)) // connects
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range lines {
		_, _ = fmt.Fprintf(target, "%d %s\n", i, padding)
	}
	read := make(chan int)
	go func() {
		n, last := 0, -2
		for s := bufio.NewScanner(conn); s.Scan(); n++ {
			var i int
			if _, err := fmt.Sscan(s.Text(), &i); err != nil || i <= last || len(s.Text()) < len(padding) {
				t.Errorf("%.20q follows %d", s.Text(), last)
			}
			last = i
		}
		read <- n
	}()
	target.Close(time.Minute)
	got, s := <-read, target.Stats()
	if s.Dropped == 0 || got+int(s.Dropped) != lines+1 || got != int(s.Sent) {
		t.Errorf("%d lines arrived, %+v, of %d", got, s, lines)
	}
	if n := reported.Load(); n != s.Dropped {
		t.Errorf("%d reported as dropped, %d were", n, s.Dropped)
	}
}

// TestFullDatagramSocket writes to a socket that nothing reads.
func TestFullDatagramSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log.sock")
	conn, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	target := Open(dialer("unixgram", socket), raw(1000))
	for i := range 5000 {
		_, _ = fmt.Fprintf(target, "line %d\n", i)
	}
	target.Close(0)
	s := target.Stats()
	if s.Sent+s.Dropped != 5000 || s.Dropped == 0 {
		t.Errorf("%+v", s)
	}
	b := make([]byte, 100)
	for range s.Sent {
		if _, _, err := conn.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now())
	if n, _, err := conn.ReadFrom(b); err == nil {
		t.Errorf("one more: %q", b[:n])
	}
}

// TestTargetComesAndGoes starts before its target, and survives the end of a connection.
func TestTargetComesAndGoes(t *testing.T) {
	ln := listenTCP(t)
	address := ln.Addr().String()
	_ = ln.Close()
	failed := make(chan error, 10)
	o := raw(0)
	o.Failed = func(err error) { failed <- err }
	target := Open(dialer("tcp", address), o)
	defer target.Close(0)
	_, _ = target.Write([]byte("before\n"))
	if err := <-failed; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != "before\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = conn.Close()
	over := make(chan struct{})
	go func() { // until it notices
		defer close(over)
		for target.Stats().Sent < 100 {
			_, _ = target.Write([]byte("again\n"))
			time.Sleep(time.Millisecond)
		}
	}()
	if conn, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != "again\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	<-over
	if len(failed) > 0 {
		t.Errorf("%v is reported within a minute", <-failed)
	}
}

func TestLevels(t *testing.T) {
	ln := listenTCP(t)
	o := raw(0)
	o.Header.Format = Short
	o.Level, o.MinLevel = Info, Error
	target := Open(dialer("tcp", ln.Addr().String()), o)
	for _, line := range []string{"<0>a", "<6>b", "<7>c"} {
		_, _ = target.Write([]byte(line))
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	target.Close(time.Minute)
	if got, _ := io.ReadAll(conn); string(got) != "<3>a\n<6>b\n" {
		t.Errorf("%q", got)
	}
}

func TestCutMessagesAreCounted(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := raw(0)
	o.Length = 80
	target := Open(dialer("udp", conn.LocalAddr().String()), o)
	_, _ = target.Write([]byte(strings.Repeat("x", 80)))
	target.Close(time.Minute)
	b := make([]byte, 200)
	if n, _, err := conn.ReadFrom(b); n != 80 || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	if s := target.Stats(); s != (Stats{Sent: 1, Cut: 1}) {
		t.Errorf("%+v", s)
	}
}

// TestWriteAllocatesNothing measures a line once there is room.
func TestWriteAllocatesNothing(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := raw(0)
	o.Header = Header{Format: RFC5424, Facility: Local0, Hostname: "host", Tag: "caddy", PID: 1}
	target := Open(dialer("udp", conn.LocalAddr().String()), o)
	defer target.Close(0)
	line := []byte(`{"level":"info","msg":"session"}`)
	for range 10_000 {
		_, _ = target.Write(line)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = target.Write(line) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
