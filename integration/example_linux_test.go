// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const demonstrated = "Configuration file is valid\nweb1\nweb2\nweb1\nweb2\n"

// The README's commands do what it says in a fresh checkout: the example by make run, the requests
// to send to it, which make run prints as well, and a haproxy.cfg beside it.
func TestREADMEExampleServes(t *testing.T) {
	for _, address := range []string{"127.0.0.1:8443", "127.0.0.1:9441", "127.0.0.1:9442", "127.0.0.1:2019"} {
		mustBeFree(t, address)
	}
	c := newCheckout(t)
	begin, ok := strings.CutPrefix(readmeBlock(t, "make run\n"), "git clone https://github.com/caddy-passthrough/caddy-passthrough && cd caddy-passthrough\n")
	if !ok {
		t.Fatal("the README does not begin with a clone")
	}
	p := c.start(t, begin)
	ask := readmeBlock(t, "https://www.example.test:8443/\n")
	if log := p.log(); !strings.Contains(log, ": "+strings.TrimSpace(ask)+"\n") {
		t.Errorf("make run does not print the README's requests:\n%s\n%s", ask, log)
	}
	for _, server := range []string{"s1", "s2", "s1"} {
		if out, err := c.paste(t, ask); err != nil || out != "www.example.test, answered by "+server+"\n" {
			t.Errorf("%s\nprinted %q (%v), want an answer by %s", ask, out, err, server)
		}
	}
	if out, err := c.paste(t, readmeBlock(t, "haproxy-check")); err != nil || out != demonstrated {
		t.Errorf("beside make run, the README's haproxy.cfg printed %q (%v)", out, err)
	}
}

// The README's haproxy.cfg runs any number of times, and leaves neither files nor open ports
// behind. If something is in its way, the message names it.
func TestREADMEHAProxyConfigServes(t *testing.T) {
	ports := []string{"127.0.0.1:7441", "127.0.0.1:7442", "127.0.0.1:7443"}
	for _, address := range ports {
		mustBeFree(t, address)
	}
	c := newCheckout(t)
	demo := readmeBlock(t, "haproxy-check")
	for range 2 {
		if out, err := c.paste(t, demo); err != nil || out != demonstrated {
			t.Errorf("it printed %q (%v)", out, err)
		}
		c.unchanged(t, "bin", "Caddyfile.example", "Makefile")
	}
	for address, reason := range map[string]string{
		"127.0.0.1:7441": "Address already in use",
		"127.0.0.1:7443": "listen tcp 127.0.0.1:7443: bind: address already in use",
	} {
		var taken net.Listener
		// The programs of the last run have been killed, and may still hold it.
		until(t, address+" is free", func() bool {
			var err error
			taken, err = net.Listen("tcp", address)
			return err == nil
		})
		out, err := c.paste(t, demo)
		taken.Close()
		if err == nil || !strings.Contains(out, reason) {
			t.Errorf("where %s is taken, it printed %q (%v)", address, out, err)
		}
		c.unchanged(t, "bin", "Caddyfile.example", "Makefile")
	}
	for _, address := range ports {
		mustBeFree(t, address)
	}
	elsewhere := checkout{dir: t.TempDir(), bin: c.bin, home: c.home, tmp: c.tmp}
	if out, err := elsewhere.paste(t, demo); err == nil || !strings.Contains(out, "No rule to make target") {
		t.Errorf("in another folder, it printed %q (%v)", out, err)
	}
}

// A checkout has the top-level files of a clone. Its programs are built by a go command that copies
// the binary built by the tests.
type checkout struct {
	dir, bin, home, tmp string
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	for _, name := range []string{"bash", "make", "curl", "openssl"} {
		programs.Need(t, name)
	}
	c := checkout{dir: t.TempDir(), bin: t.TempDir(), home: t.TempDir(), tmp: t.TempDir()}
	for _, name := range []string{"Makefile", "Caddyfile.example"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := "#!/bin/sh\n[ \"$*\" = 'build -o bin/caddy ./cmd/caddy' ] && mkdir -p bin && ln -sf '" + program.Path(t) + "' bin/caddy\n"
	if err := os.WriteFile(filepath.Join(c.bin, "go"), []byte(build), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

// bash returns a shell in the checkout.
func (c *checkout) bash(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PATH="+c.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+c.home, "TMPDIR="+c.tmp,
		// Make test runs this, too, and the inner make would print its directory.
		"MAKELEVEL=", "MAKEFLAGS=")
	return cmd
}

// paste runs a script to its end, and returns its output without the commands that make prints.
func (c *checkout) paste(t *testing.T, text string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	out, err := c.bash(ctx, text).CombinedOutput()
	return strings.TrimPrefix(string(out), "go build -o bin/caddy ./cmd/caddy\n"), err
}

// start runs a script that ends by ^C only, and waits until Caddy serves and has the certificate of
// its sites.
func (c *checkout) start(t *testing.T, text string) *process {
	t.Helper()
	p := &process{dir: c.dir, done: make(chan struct{}), more: make(chan struct{}), over: true}
	p.cmd = c.bash(context.Background(), text)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() { interrupt(t, p) })
	for _, what := range []string{"serving initial configuration", "certificate obtained successfully"} {
		p.await(t, what, func(lines []logLine) bool {
			return slices.ContainsFunc(lines, func(l logLine) bool { return l.Msg == what })
		})
	}
	return p
}

// interrupt sends what ^C sends in the terminal of a process.
func interrupt(t *testing.T, p *process) {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGINT)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Error("Caddy did not end after SIGINT")
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-p.done
	}
	_ = p.cmd.Wait() // make reports the interrupt
	if log := p.log(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
		t.Error(log)
	}
}

// unchanged checks that the checkout has no files but these, and the other directories none.
func (c *checkout) unchanged(t *testing.T, names ...string) {
	t.Helper()
	slices.Sort(names)
	for dir, want := range map[string][]string{c.dir: names, c.home: nil, c.tmp: nil} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("files %q, want %q", got, want)
		}
	}
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// readmeBlock returns the only shell block of the README that contains a text.
func readmeBlock(t *testing.T, holds string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], holds) {
			found = append(found, block[1])
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks of the README hold %q, want one", len(found), holds)
	}
	return found[0]
}

// mustBeFree waits for an address that a process which just ended may still hold.
func mustBeFree(t *testing.T, address string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ln, err := net.Listen("tcp", address)
		if err == nil {
			ln.Close()
			return
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(over) {
			t.Fatalf("the example needs %s: %v", address, err)
		}
	}
}
