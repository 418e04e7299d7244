// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// stalled is a target that takes nothing until resume is called, which counts the lines.
type stalled struct {
	address string
	resume  func(lines *atomic.Int64)
	lines   atomic.Int64
}

// stalledStream returns a stream that accepts no connection yet. The kernel would keep megabytes
// for one over TCP.
func stalledStream(t *testing.T) *stalled {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return &stalled{address: "unix/" + path, resume: func(lines *atomic.Int64) {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		for s := bufio.NewScanner(conn); s.Scan(); {
			lines.Add(1)
		}
	}}
}

// stalledSocket returns a socket for datagrams that nothing reads yet.
func stalledSocket(t *testing.T) *stalled {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &stalled{address: "unixgram/" + path, resume: func(lines *atomic.Int64) {
		b := make([]byte, 1<<16)
		for {
			if _, _, err := conn.ReadFrom(b); err != nil {
				return
			}
			lines.Add(1)
		}
	}}
}

// dropped returns the number of lines for an address that the process has reported as dropped.
func (p *process) dropped(address string) (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		if l.Msg == "log lines dropped: the target did not take them" && l.Target == address {
			n += l.Lines
		}
	}
	return n
}

// TestStalledSyslog logs to targets that take nothing. All clients are served meanwhile, and once
// the targets take lines again, each line has arrived or has been reported as dropped.
func TestStalledSyslog(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 100
	targets := []*stalled{stalledStream(t), stalledSocket(t)}
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: workers}
	options := e.config("")
	for i, target := range targets {
		options += fmt.Sprintf("\nlog stalled%d {\n include layer4.handlers.passthrough\n output syslog %s {\n buffer 64KiB\n }\n}", i, target.address)
	}
	e.process = start(t, options+"\nlog default {\n exclude layer4.handlers.passthrough\n}", "")
	hello := hellotest.Hello(t, strings.Repeat("long.", 49)+"test")
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				c, err := net.Dial("tcp", e.address)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Write(hello)
				if n, err := c.Read(make([]byte, 2)); n == 0 {
					t.Errorf("not served: %v", err)
				}
				_ = c.Close()
			}
		})
	}
	all.Wait()
	for _, target := range targets {
		go target.resume(&target.lines)
	}
	for _, target := range targets {
		until(t, "the last line for "+target.address, func() bool { return target.lines.Load()+e.dropped(target.address) >= workers*each })
		received, dropped := target.lines.Load(), e.dropped(target.address)
		if dropped == 0 || received+dropped != workers*each {
			t.Errorf("%s: %d lines received and %d reported as dropped, of %d", target.address, received, dropped, workers*each)
		}
	}
}
