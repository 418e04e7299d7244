// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const shortageChild = "DURABLE_SHORTAGE_CHILD"

// TestDescriptorShortage runs a server with 32 descriptors in a process of its own and connects 60
// clients. Those beyond its limit wait, and are served when others leave.
func TestDescriptorShortage(t *testing.T) {
	switch os.Getenv(shortageChild) {
	case "Taker":
		eachWay(t, serveShort, byTaker)
	case "Accept":
		serveShort(t)
	default:
		eachWay(t, testDescriptorShortage, byAccept, byTaker)
	}
}

func testDescriptorShortage(t *testing.T) {
	start := time.Now()
	child := exec.Command(os.Args[0], "-test.run=^TestDescriptorShortage$")
	child.Env = append(os.Environ(), shortageChild+"="+way(current.Load()).String())
	var log strings.Builder
	child.Stderr = &log
	stdin, _ := child.StdinPipe()
	stdout, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err, log.String())
	}
	addr = strings.TrimSpace(addr)

	const clients = 60
	var served atomic.Int64
	leave := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			if err := visit(addr, func() { served.Add(1); <-leave }); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(1500 * time.Millisecond) // time for clients beyond the limit to be served, by mistake
	for end := time.Now().Add(patience); served.Load() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	early := served.Load()
	if early == 0 || early >= 32 {
		t.Errorf("%d clients were served at once; want some, and fewer than there are descriptors", early)
	}
	close(leave)
	wg.Wait()
	for range 20 {
		if err := visit(addr, func() {}); err != nil {
			t.Error("after the shortage:", err)
		}
	}
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Error(err, log.String())
	}
	lines := strings.Count(log.String(), "accepting connections failed")
	t.Logf("served at once: %d, after others left: %d, log lines: %d in %v", early, served.Load()-early, lines, time.Since(start))
	if lines == 0 || lines > int(time.Since(start)/time.Second)+1 {
		t.Errorf("%d log lines in %v:\n%s", lines, time.Since(start), log.String())
	}
}

// visit connects, waits for the byte that says it is served, and stays for a while.
func visit(addr string, stay func()) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return err
	}
	stay()
	return nil
}

// serveShort is the child process: it greets each client and keeps it until the client leaves.
func serveShort(t *testing.T) {
	limit := syscall.Rlimit{Cur: 32, Max: 32}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	ln := asUser(t, open(t, 0))
	fmt.Println(ln.Addr())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = conn.Write([]byte{1})
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	_, _ = io.Copy(io.Discard, os.Stdin)
	ln.Close()
	wg.Wait()
}
