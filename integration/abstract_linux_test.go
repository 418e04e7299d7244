// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// A connection goes through our program, HAProxy and our program again over abstract sockets. The
// names that abns@ makes are HAProxy's, whichever program listens.
func TestAbstractSocketsWithHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	server := greeter(t, "end")
	in := freeAddress(t)
	first, second := "first-"+strings.ReplaceAll(in, ":", "-"), "second-"+strings.ReplaceAll(in, ":", "-")
	const defaults = "defaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 10s\n\ttimeout server 10s\n"
	dir := runHAProxyConfig(t, map[string]string{
		"haproxy.cfg": defaults + fmt.Sprintf("listen in\n\tbind %s\n\tserver s abns@%s check\nlisten out\n\tbind abns@%s\n\tserver s %s\n", in, first, second, server),
		"middle.cfg":  defaults + fmt.Sprintf("listen middle\n\tbind abns@%s\n\tserver s abns@%s\n", first, second),
	})
	startHAProxy(t, haproxy, filepath.Join(dir, "middle.cfg"))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if got := greeting(in); got == "end" {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("greeting %q", got)
		}
	}
}

// abnsz@ uses the name as it is, like other programs.
func TestAbstractSocketsWithoutPadding(t *testing.T) {
	t.Parallel()
	in := freeAddress(t)
	name := strings.ReplaceAll(in, ":", "-")
	ln, err := net.Listen("unix", "@server-"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go greetAll(ln, "z")
	runHAProxyConfig(t, map[string]string{"haproxy.cfg": "defaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 10s\n\ttimeout server 10s\n" +
		fmt.Sprintf("listen in\n\tbind %s\n\tbind abnsz@bind-%s\n\tserver s abnsz@server-%s\n", in, name, name)})
	for _, at := range []string{in, "@bind-" + name} {
		if got := greeting(at); got != "z" {
			t.Errorf("%s: greeting %q", at, got)
		}
	}
}

// greeter listens, greets each connection, and returns its address.
func greeter(t *testing.T, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go greetAll(ln, text)
	return ln.Addr().String()
}

func greetAll(ln net.Listener, text string) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(text))
		_ = conn.Close()
	}
}

// greeting returns the greeting received from an address.
func greeting(address string) string {
	network := "tcp"
	if strings.HasPrefix(address, "@") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	p := make([]byte, 100)
	n, err := conn.Read(p)
	if err != nil {
		return err.Error()
	}
	return string(p[:n])
}
