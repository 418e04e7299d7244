// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// With 100 descriptors and 300 clients some are served and the others wait: the proxy accepts only
// as many as it has descriptors for connecting to servers, and health checks have theirs. Soon
// after the clients have left, everything is as before.
func TestShortageOfDescriptors(t *testing.T) {
	t.Parallel()
	const clients = 300
	address := freeAddress(t)
	var served atomic.Int64
	origin := listen(t, func(c *net.TCPConn) {
		if skipHello(c) != nil { // a health check
			return
		}
		fmt.Fprint(c, "hi")
		served.Add(1)
		_, _ = io.Copy(io.Discard, c)
	})
	p := &process{wrap: []string{"sh", "-c", `ulimit -n 100 && exec "$0" "$@"`}}
	p.start(t, fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n check tcp {\n interval 100ms\n timeout 10s\n fall 1\n }\n }\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n default_backend web\n }\n }\n }\n}", origin, address), "")
	hello := hellotest.Hello(t, "www.example.test")
	var wg sync.WaitGroup
	leave := make(chan struct{})
	for range clients {
		wg.Go(func() {
			c, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = c.Write(hello)
			<-leave
		})
	}
	time.Sleep(2 * time.Second) // time to serve too many, if that is possible
	for over := time.Now().Add(patience); served.Load() == 0 && time.Now().Before(over); time.Sleep(time.Millisecond) {
	}
	during := served.Load()
	close(leave)
	wg.Wait()
	if during == 0 || during >= clients {
		t.Errorf("%d of %d clients were served with 100 descriptors", during, clients)
	}
	for range 20 {
		read(t, say(t, address, ""), make([]byte, 2))
	}
	for _, l := range p.sessions(t, clients) {
		if l.End == "no_resources" {
			t.Fatalf("a client was accepted and could not be served: %+v", l)
		}
	}
	if s := p.server(t, "s1"); s.Health != "up" || s.LastCheck.Code != "L4OK" || strings.Contains(p.log(), "SOCKERR") || strings.Contains(p.log(), "server is down") {
		t.Errorf("health checks failed: %v", s)
	}
	failures := strings.Count(p.log(), "accepting connections paused")
	t.Logf("%d of %d clients were served at a time, %d lines about the shortage; after they left, 20 of 20 are served", during, clients, failures)
	if failures == 0 || failures > 10 {
		t.Errorf("%d lines about the shortage", failures)
	}
}

// A frontend listens on a Unix socket with the requested mode. A reload changes the mode and keeps
// the sessions, and at the end the path is gone. The frontend may move from a layer4 server to the
// app.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	origin := listen(t, greetAndEcho)
	config := func(mode string) string {
		if mode == "0666" {
			return fmt.Sprintf("passthrough {\n frontend default {\n bind unix/%s {\n mode %s\n }\n server s1 %s\n }\n}", path, mode, origin)
		}
		return fmt.Sprintf("layer4 {\n durable/unix/%s|%s {\n route {\n passthrough {\n server s1 %s\n }\n }\n }\n}", path, mode, origin)
	}
	hello := hellotest.Hello(t, "www.example.test")
	open := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = c.Write(hello)
		read(t, c, make([]byte, 2))
		return c
	}
	p := start(t, config("0222"), "")
	held := open()
	for _, mode := range []string{"0222", "0666", "0200"} {
		if err := p.reload(t, config(mode), ""); err != nil {
			t.Fatal(err)
		}
		open().Close()
		if info, err := os.Stat(path); err != nil || fmt.Sprintf("0%o", info.Mode().Perm()) != mode {
			t.Errorf("mode %v, %v, want %s", info.Mode(), err, mode)
		}
	}
	_, _ = held.Write([]byte("x"))
	read(t, held, make([]byte, 1))
	held.Close()
	if l := p.sessions(t, 4)[3]; l.Termination != "--" || l.Server != "s1" {
		t.Errorf("log line %+v", l)
	}
	p.stop(t)
	p.over = true
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the path is still there: %v", err)
	}
}

// A descriptor inherited at the start belongs to the parent, too: clients that connect during a
// restart wait for the next process.
func TestSocketActivation(t *testing.T) {
	ln, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	address, origin := ln.Addr().String(), listen(t, greetAndEcho)
	config := fmt.Sprintf("layer4 {\n durable/fd/3 {\n route {\n passthrough {\n server s1 %s\n }\n }\n }\n}", origin)
	p := &process{files: []*os.File{file}}
	p.start(t, config, "")
	for range 3 {
		c := say(t, address, "")
		read(t, c, make([]byte, 2))
		c.Close()
		if err := p.reload(t, config, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.reload(t, strings.ReplaceAll(config, "fd/3", "fd/4"), ""); err == nil || !strings.Contains(err.Error(), "descriptor 4: ") {
		t.Errorf("closed descriptor: %v", err)
	}
	if err := p.reload(t, "", ""); err != nil { // it may come back
		t.Fatal(err)
	}
	if err := p.reload(t, config, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.done
	between := say(t, address, "")
	p.stop(t)
	p.over = true
	next := &process{files: []*os.File{file}}
	next.start(t, config, "")
	read(t, between, make([]byte, 2))
	between.Close()
}

// A site can listen the same way, with automatic HTTPS and all of Caddy's protocols; another reload
// does not disturb it.
func TestSiteOnDurable(t *testing.T) {
	site := freeAddress(t)
	text := "servers {\n protocols h1 h2 h3\n}\n"
	sites := fmt.Sprintf("https://s1.test:%s {\n bind durable/127.0.0.1\n tls internal\n respond hi\n}\n", portOf(t, site))
	p := new(process)
	p.dir, p.admin = t.TempDir(), freeAddress(t)
	write := strings.ReplaceAll("{\n"+globals(p.dir, p.admin)+"\n}\n"+sites, "servers {\n\t\tprotocols h1 h2\n\t}", text)
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(write), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "Caddyfile", 1)
	for i := range 3 {
		out, err := p.curl(t, site, "s1.test", " %{http_code} %{http_version}")
		if err != nil || out != "hi 200 2" {
			t.Errorf("%d: %q, %v", i, out, err)
		}
		if err := p.load(t); err != nil {
			t.Error(err)
		}
	}
	if udp, err := net.ListenPacket("udp", site); err == nil {
		udp.Close()
		t.Error("no HTTP/3 listener")
	}
}
