// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package runtime compares the answers of HAProxy's stats socket here with those of a real HAProxy:
// both run from one haproxy.cfg, get the same traffic and the same commands.
package runtime

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// patience bounds every wait.
const patience = 20 * time.Second

var built programs.Caddy

func TestMain(m *testing.M) {
	status := m.Run()
	built.Remove()
	os.Exit(status)
}

// program is HAProxy, or ours.
type program struct {
	name   string
	socket string            // its stats socket
	at     map[string]string // the addresses of its frontends
	env    []string
}

// rig is both programs with one configuration.
type rig struct {
	haproxy, ours *program
	dir           string
}

// newRig starts both programs. In the configuration, ${socket} is the path of the stats socket and
// each of the frontends' names a port of its own; names of servers are for addresses that both
// programs share.
func newRig(t *testing.T, config string, servers map[string]string, frontends ...string) *rig {
	t.Helper()
	return newRigWith(t, config, nil, servers, frontends...)
}

// newRigWith is newRig for a configuration with further files, in the folder of both programs.
func newRigWith(t *testing.T, config string, files, servers map[string]string, frontends ...string) *rig {
	t.Helper()
	haproxy := programs.Need(t, "haproxy")
	dir, err := os.MkdirTemp("", "runtime-") // TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &rig{dir: dir}
	r.haproxy = start(t, "HAProxy", dir, servers, frontends, haproxy, "-db", "-f", file)
	r.ours = start(t, "ours", dir, servers, frontends, built.Path(t), "run", "--adapter", "haproxy", "--config", file)
	return r
}

// start starts a program and waits until its socket answers.
func start(t *testing.T, name, dir string, servers map[string]string, frontends []string, path string, args ...string) *program {
	t.Helper()
	own := filepath.Join(dir, name)
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	p := &program{name: name, socket: filepath.Join(own, "s"), at: make(map[string]string)}
	env := []string{"socket=" + p.socket, "CADDY_ADMIN=" + programs.Address(t), "HOME=" + own, "XDG_DATA_HOME=" + own, "XDG_CONFIG_HOME=" + own}
	for _, f := range frontends {
		p.at[f] = programs.Address(t)
		env = append(env, f+"="+p.at[f])
	}
	for server, address := range servers {
		env = append(env, server+"="+address)
	}
	p.env = append(os.Environ(), env...)
	output, err := os.Create(filepath.Join(own, "output"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Env, command.Stdout, command.Stderr, command.Dir = p.env, output, output, dir
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGKILL)
		<-ended
		if t.Failed() {
			text, _ := os.ReadFile(output.Name())
			t.Logf("%s:\n%.8000s", name, text)
		}
		_ = output.Close()
	})
	until(t, name+" answers", func() bool {
		_, err := p.tell("show version")
		return err == nil
	})
	return p
}

// until waits until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !eventually(holds) {
		t.Fatalf("%s: not within %v", what, patience)
	}
}

// eventually waits until a condition holds, and reports whether it does.
func eventually(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

// tell sends a line to the stats socket, and returns the answer.
func (p *program) tell(line string) (string, error) {
	c, err := net.Dial("unix", p.socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	if len(answer) > 0 && errors.Is(err, syscall.ECONNRESET) { // HAProxy leaves input unread
		err = nil
	}
	return string(answer), err
}

// ask is like tell, and fails the test if there is no answer.
func (p *program) ask(t *testing.T, line string) string {
	t.Helper()
	answer, err := p.tell(line)
	if err != nil {
		t.Fatalf("%s: %s: %v", p.name, line, err)
	}
	return answer
}

// both yields both programs.
func (r *rig) both(yield func(*program) bool) { _ = yield(r.haproxy) && yield(r.ours) }

// exchange connects to a frontend, sends a request of n bytes and reads the answer up to its end.
func (p *program) exchange(frontend string, n int) error {
	c, err := net.Dial("tcp", p.at[frontend])
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, strings.Repeat("x", n)); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err == nil && len(answer) != 2*n {
		err = fmt.Errorf("%d bytes, want %d", len(answer), 2*n)
	}
	return err
}

// doubling starts a server that answers each request with twice as many bytes.
func doubling(t *testing.T) (address string) {
	t.Helper()
	return programs.Listen(t, patience, func(c *net.TCPConn) {
		request, _ := io.ReadAll(c)
		_, _ = c.Write(append(request, request...))
	})
}
