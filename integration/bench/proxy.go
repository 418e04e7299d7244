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
	firstPort   = 20000 // below the range from which Linux takes the ports of clients
	lastPort    = 32000
	startupTime = 15 * time.Second
)

// A proxy is a running proxy: all processes of its process group.
type proxy struct {
	name    string
	addr    string
	command *exec.Cmd
	output  string // file with its standard output and error
	syslog  *syslog
	stuck   net.Listener // a log that takes nothing, instead of syslog
	admin   string       // address of Caddy's admin endpoint
	threads int
	accepts bool // PROXY headers
	answers bool // nothing passes through it
	pids    []int
	exited  chan struct{}
	server  *server
}

// start starts a variant in its own directory, and waits until a connection goes through. It must
// be called on a locked thread, which has to live as long as the proxy.
func (b *bench) start(ctx context.Context, name string, m mode) (*proxy, error) {
	v := variants[name]
	dir, err := os.MkdirTemp(b.dir, v.program+"-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for %s: %w", v.title, err)
	}
	s := setup{mode: m, dir: dir, module: b.nginxModule, limit: b.limit}
	p := &proxy{name: name, exited: make(chan struct{}), output: filepath.Join(dir, "output"), threads: s.threads(), accepts: m.accept, answers: m.site && !m.wrapper}
	if m.late {
		p.server, err = b.far.listen(ctx)
	} else {
		p.server, err = listenOn(ctx, "127.0.0.1")
	}
	if err != nil {
		return nil, err
	}
	p.server.header = m.send
	s.server = p.server.addr.String()
	err = errors.Join(b.ports(ctx, p, &s), b.logs(ctx, p, &s))
	if err == nil {
		err = b.spawn(p, v, s)
	}
	if err != nil {
		p.closeOwn()
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

// ports chooses the proxy's ports.
func (b *bench) ports(ctx context.Context, p *proxy, s *setup) (err error) {
	if s.listen, err = b.freePort(ctx); err != nil {
		return err
	}
	p.addr = fmt.Sprintf("127.0.0.1:%d", s.listen)
	if !s.mode.admin {
		return nil
	}
	if s.admin, err = b.freePort(ctx); err != nil {
		return err
	}
	p.admin = fmt.Sprintf("127.0.0.1:%d", s.admin)
	return nil
}

// logs opens the target of the proxy's connection log, if it has one: over UDP, or a stream that
// nothing reads.
func (*bench) logs(ctx context.Context, p *proxy, s *setup) (err error) {
	switch {
	case s.stuck:
		s.logTo = "unix/" + filepath.Join(s.dir, "log")
		p.stuck, err = new(net.ListenConfig).Listen(ctx, "unix", strings.TrimPrefix(s.logTo, "unix/"))
	case s.log:
		if p.syslog, err = openSyslog(ctx); err == nil {
			s.logTo = p.syslog.LocalAddr().String()
		}
	}
	return err
}

// closeOwn closes the server and the syslog of the proxy.
func (p *proxy) closeOwn() {
	p.server.listener.Close()
	if p.syslog != nil {
		_ = p.syslog.Close() // nothing is lost with it
	}
	if p.stuck != nil {
		_ = p.stuck.Close()
	}
}

func (b *bench) spawn(p *proxy, v variant, s setup) error {
	config := filepath.Join(s.dir, "config")
	err := os.WriteFile(config, []byte(v.config(s)), 0o600)
	if s.site {
		err = errors.Join(err, writeCertificate(s.dir))
	}
	if err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", v.title, err)
	}
	// O_APPEND, so that the file may be truncated while the proxy writes to it.
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening what %s says: %w", v.title, err)
	}
	defer output.Close()
	p.command = exec.Command(b.programs[v.program], v.args(config, s.dir)...) //nolint:gosec,noctx // a program that the user names; stop ends it
	p.command.Dir = s.dir
	p.command.Stdout, p.command.Stderr = output, output
	p.command.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", s.threads()), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	// A group, so that workers can be found and killed. They die with the bench, even if it is killed.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	on := &b.cores.proxy
	if s.two {
		on = &b.cores.both
	}
	if err := b.cores.on(on, p.command.Start); err != nil {
		return fmt.Errorf("starting %s: %w", v.title, err)
	}
	go func() {
		_ = p.command.Wait() // only that it has ended matters
		close(p.exited)
	}()
	return nil
}

// awaitProxy tries until the server's answer comes through.
func (b *bench) awaitProxy(ctx context.Context, p *proxy) error {
	l := b.load(p)
	try := l.short(ctx)
	if p.answers {
		try = l.request(ctx)
	}
	for giveUp := time.Now().Add(startupTime); ; {
		conn, err := try()
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
	p.closeOwn()
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

// freePort returns no port twice: connections of the previous user are in TIME_WAIT.
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

// nginxModule finds the stream module. ok without a module means that it is built in.
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
