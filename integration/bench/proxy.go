// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstPort   = 20000 // below the ports that Linux gives to those who connect
	lastPort    = 32000
	startupTime = 15 * time.Second
)

// A proxy is a running one: all processes of its process group.
type proxy struct {
	name    string
	addr    string
	command *exec.Cmd
	output  string // what it says
	log     string // of its connections
	pids    []int
	exited  chan struct{}
	server  *server
}

// start starts a variant in a directory of its own, and waits until a connection goes
// through. It must be called on a locked thread, which has to live as long as the proxy.
func (b *bench) start(ctx context.Context, name string) (*proxy, error) {
	v := variants[name]
	dir, err := os.MkdirTemp(b.dir, v.program+"-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for %s: %w", v.title, err)
	}
	server, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	port, err := b.freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := setup{dir: dir, listen: port, server: int(server.addr.Port()), module: b.nginxModule, limit: b.limit}
	p := &proxy{name: name, server: server, exited: make(chan struct{}), output: filepath.Join(dir, "output")}
	if v.logs {
		p.log = filepath.Join(dir, "connections.log")
		s.log = p.log
	}
	if v.logs && v.program == "haproxy" {
		p.log = p.output
	}
	p.addr = fmt.Sprintf("127.0.0.1:%d", port)
	if err := b.spawn(p, v, s); err != nil {
		server.listener.Close()
		return nil, err
	}
	b.running = append(b.running, p)
	if err := b.awaitProxy(ctx, p); err != nil {
		said, _ := os.ReadFile(p.output) //nolint:gosec // it only adds to the error
		b.stop(p)
		return nil, fmt.Errorf("starting %s: %w\n%s", v.title, err, bytes.TrimSpace(said))
	}
	p.pids, err = groupOf(p.command.Process.Pid)
	return p, err
}

func (b *bench) spawn(p *proxy, v variant, s setup) error {
	config := filepath.Join(s.dir, "config")
	if err := os.WriteFile(config, []byte(v.config(s)), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", v.title, err)
	}
	// Appending, so that the file may be cut short under the proxy.
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening what %s says: %w", v.title, err)
	}
	defer output.Close()
	p.command = exec.Command(b.programs[v.program], v.args(config, s.dir)...) //nolint:gosec,noctx // a program that the user names; stop ends it
	p.command.Dir = s.dir
	p.command.Stdout, p.command.Stderr = output, output
	p.command.Env = append(os.Environ(), "GOMAXPROCS=1", "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	// A group, so that workers can be found and killed; and death with the bench, even if
	// that is killed.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := b.cores.onProxyCore(p.command.Start); err != nil {
		return fmt.Errorf("starting %s: %w", v.title, err)
	}
	go func() {
		_ = p.command.Wait() // that it has ended is all that matters
		close(p.exited)
	}()
	return nil
}

// awaitProxy tries until the server's answer comes through.
func (b *bench) awaitProxy(ctx context.Context, p *proxy) error {
	l := b.load(p)
	hello, buf := helloOf(l.hello, kindShort), make([]byte, answerSize)
	for giveUp := time.Now().Add(startupTime); ; {
		conn, err := l.dial(ctx, hello, buf, patience)
		if err == nil {
			conn.Close()
			return nil
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("no answer through it: %w", err)
		}
		select {
		case <-p.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop kills the proxy with its workers, waits for it, and closes its server.
func (b *bench) stop(p *proxy) {
	_ = unix.Kill(-p.command.Process.Pid, unix.SIGKILL) // it may be dead
	<-p.exited
	p.server.listener.Close()
	for i, running := range b.running {
		if running == p {
			b.running = append(b.running[:i], b.running[i+1:]...)
			return
		}
	}
}

func (b *bench) stopAll() {
	for len(b.running) > 0 {
		b.stop(b.running[0])
	}
}

// freePort takes no port twice: connections of the one before are in TIME_WAIT.
func (b *bench) freePort(ctx context.Context) (int, error) {
	for b.port = max(b.port, firstPort) + 1; b.port < lastPort; b.port++ {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			listener.Close()
			return b.port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

// nginxModule finds the stream module; none is needed where it is built in.
func nginxModule(ctx context.Context, nginx string) (module string, ok bool) {
	for _, dir := range []string{"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"} {
		module := filepath.Join(dir, "ngx_stream_module.so")
		if _, err := os.Stat(module); err == nil {
			return module, true
		}
	}
	said, err := exec.CommandContext(ctx, nginx, "-V").CombinedOutput()
	return "", err == nil && strings.Contains(string(said)+" ", "--with-stream ")
}
