// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// The configuration of both programs: one port per name.
var named = []struct {
	name, server string
	hosts        string // the name's addresses in DNS at the start
	want         string // address of the server
	alone        bool   // HAProxy behaves differently
}{
	{name: "silent", server: "silent.test:7000"},
	{name: "servfail", server: "servfail.test:7000"},
	{name: "garbage", server: "garbage.test:7000"},
	{name: "gone", server: "gone.test:7000"},
	{name: "moves", server: "moves.test:7000"},
	{name: "nosix", server: "nosix.test:7000", alone: true},     // it waits for IPv6
	{name: "counted", server: "counted.test:7000", alone: true}, // it asks continuously
	{name: "four", server: "ipv4@dual.test:7000"},
	{name: "six", server: "ipv6@dual.test:7000", want: "::1"},
	{name: "prefer4", server: "dual.test:7000", want: "127.0.0.1"},
	{name: "prefer6", server: "dual.test:7000", want: "::1"},
	{name: "large", server: "large.test:7000", alone: true},   // it asks over UDP only
	{name: "files", server: "files.test:7000", alone: true},   // it has no resolvers
	{name: "second", server: "second.test:7000", alone: true}, // it takes one address
}

// namesConfig returns the configuration for both programs. The environment variable base is the
// first port.
func namesConfig(alone bool) string {
	var text strings.Builder
	text.WriteString(`defaults
    mode tcp
    timeout connect 2s
    timeout client 1m
    timeout server 1m
resolvers here
    nameserver local 127.0.0.1:53
    hold valid 1s
`)
	for i, c := range named {
		if c.alone && !alone {
			continue
		}
		options := strings.Replace(strings.Replace(c.name, "prefer4", "resolve-prefer ipv4", 1), "prefer6", "resolve-prefer ipv6", 1)
		if options == c.name {
			options = ""
		}
		switch c.name {
		case "four", "six": // with resolvers, HAProxy honors the prefix only at the start
			options = "init-addr libc"
		case "files": // the DNS servers of a section do not know them
		default:
			options += " init-addr last,none resolvers here"
		}
		fmt.Fprintf(&text, `listen %s
    bind "127.0.0.1:${base}%02d"
    server s %s %s check inter 500ms fall 2 on-marked-down shutdown-sessions
`, c.name, i, c.server, options)
	}
	text.WriteString(`listen bound
    bind "ipv6@dual.test:${base}99"
    server s 127.0.0.1:7000
`)
	return text.String()
}

// reached is a session with the server of a name.
type reached struct {
	net.Conn
	from  *bufio.Reader
	where string
}

// visit connects, and reads the server's address.
func (n *island) visit(address string) (*reached, error) {
	conn, err := n.dial(address)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := &reached{Conn: conn, from: bufio.NewReader(conn)}
	line, err := r.from.ReadString('\n')
	if err != nil {
		conn.Close()
		return nil, err
	}
	r.where = strings.TrimSpace(line)
	return r, nil
}

// alive reports whether the server still answers.
func (r *reached) alive() error {
	_ = r.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(r, "still there?"); err != nil {
		return err
	}
	line, err := r.from.ReadString('\n')
	if err == nil && line != "still there?\n" {
		err = fmt.Errorf("answered %q", line)
	}
	return err
}

// resolving is a running program with namesConfig.
type resolving struct {
	*island
	program, base string
	held          map[string][]*reached // sessions by name
}

func (p *resolving) address(i int) string { return fmt.Sprintf("127.0.0.1:%s%02d", p.base, i) }

// becomes visits until the expected server answers.
func (p *resolving) becomes(t *testing.T, i int, want string) *reached {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r, err := p.visit(p.address(i))
		if err == nil && r.where == want {
			return r
		}
		if err == nil {
			err = errors.New(r.where)
			r.Close()
		}
		if time.Now().After(over) {
			t.Fatalf("%s: %s: %v, want %s", p.program, named[i].name, err, want)
		}
	}
}

// hold opens sessions with all names that the program supports.
func (p *resolving) hold(t *testing.T) {
	t.Helper()
	p.held = make(map[string][]*reached)
	for i, c := range named {
		if c.alone && p.program != "here" {
			continue
		}
		want := c.want
		if want == "" {
			want = "127.0.0.1"
		}
		n := 1
		if c.name == "silent" || c.name == "servfail" {
			n = 10
		}
		for range n {
			r := p.becomes(t, i, want)
			t.Cleanup(func() { r.Close() })
			p.held[c.name] = append(p.held[c.name], r)
		}
	}
}

// suffers checks existing and new sessions while DNS fails, until over reports true.
func (p *resolving) suffers(over func() bool) (wrong []string) {
	for ok := true; ok && len(wrong) < 10; ok = !over() {
		for i, c := range named {
			cut := 0
			for _, r := range p.held[c.name] {
				if r.alive() != nil {
					cut++
				}
			}
			if cut > 0 {
				wrong = append(wrong, fmt.Sprintf("%s: %d of %d sessions with %s were cut", p.program, cut, len(p.held[c.name]), c.name))
				delete(p.held, c.name)
			}
			if len(p.held[c.name]) == 0 {
				continue
			}
			if r, err := p.visit(p.address(i)); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: a newcomer to %s: %v", p.program, c.name, err))
			} else {
				r.Close()
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return wrong
}

// Whatever DNS does, for 6 s and longer, servers whose names were resolved are up and serve.
// HAProxy runs beside it, with the same configuration.
func TestDNSFaults(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	n := newIsland(t, "127.0.0.1 files.test\n")
	n.greet(t, "7000", "127.0.0.1", "127.0.0.2", "::1")
	s := newNameserver(t, n)
	hosts := map[string]string{"dual": "127.0.0.1 ::1", "large": "127.0.0.1", "second": "127.0.0.3 127.0.0.1"}
	for _, name := range []string{"silent", "servfail", "garbage", "gone", "moves", "nosix", "counted"} {
		hosts[name] = "127.0.0.1"
	}
	for i := range 100 {
		hosts["large"] += fmt.Sprintf(" 127.0.1.%d", i)
	}
	s.says(hosts)
	s.fails(map[string]string{"nosix AAAA": "silent"})

	p := &process{dir: t.TempDir(), wrap: []string{"ip", "netns", "exec", n.name}}
	for name, alone := range map[string]bool{"here.cfg": true, "haproxy.cfg": false} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(namesConfig(alone)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	adapt := command(t, p.dir, "adapt", "--config", "here.cfg", "--adapter", "haproxy")
	adapt.Env = append(adapt.Env, "base=200")
	adapted, err := adapt.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "here.json"), adapted, 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "here.json", 0)
	other := exec.Command(programs.Need(t, "ip"), "netns", "exec", n.name, haproxy, "-db", "-f", filepath.Join(p.dir, "haproxy.cfg"))
	other.Env = append(os.Environ(), "base=100")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})

	here, there := &resolving{island: n, program: "here", base: "200"}, &resolving{island: n, program: "HAProxy", base: "100"}
	both := []*resolving{here, there}
	for _, p := range both {
		p.hold(t)
		if r, err := n.visit("[::1]:" + p.base + "99"); err != nil {
			t.Errorf("%s: connecting to the name with ipv6@: %v", p.program, err)
		} else {
			r.Close()
		}
		if r, err := n.visit("127.0.0.1:" + p.base + "99"); err == nil {
			r.Close()
			t.Errorf("%s: ipv6@ listens on an IPv4 address", p.program)
		}
	}
	if four, six := s.count("files"); four+six > 0 {
		t.Errorf("%d DNS queries for a name in /etc/hosts", four+six)
	}
	began := time.Now()
	s.count("counted")
	for range 50 {
		here.becomes(t, 6, "127.0.0.1").Close()
	}
	most := 2 + int(time.Since(began)/(10*time.Second)) // each family is refreshed every 10 s
	if four, six := s.count("counted"); four > most || six > most {
		t.Errorf("%d and %d DNS queries for 50 connections and the checks", four, six)
	}

	s.says(map[string]string{"moves": "127.0.0.2"})
	faulty := map[string]string{"silent": "silent", "servfail": "SERVFAIL", "garbage": "garbage", "gone": "NXDOMAIN", "nosix AAAA": "silent"}
	s.fails(faulty)
	began = time.Now()
	asked := make(map[string]bool)
	over := func() bool { // after 6 s, and once all faults have occurred
		s.mu.Lock()
		defer s.mu.Unlock()
		for name := range faulty {
			asked[name] = asked[name] || s.asked[name+" A"] > 0 || strings.Contains(name, " ")
		}
		met := !slices.Contains(slices.Collect(maps.Values(asked)), false)
		return time.Since(began) > 6*time.Second && met || time.Since(began) > patience
	}
	for name := range faulty {
		s.count(name)
	}
	var wg sync.WaitGroup
	for _, p := range both {
		wg.Go(func() {
			for _, wrong := range p.suffers(over) {
				t.Error(wrong)
			}
		})
	}
	wg.Wait()
	for name := range asked {
		if !asked[name] {
			t.Errorf("no query for %s while DNS failed", name)
		}
	}
	for _, p := range both {
		p.becomes(t, 4, "127.0.0.2").Close()
	}
	p.await(t, "lines that say DNS", func([]logLine) bool {
		log := p.raw.String()
		return strings.Contains(log, "resolving servfail.test: the server answered SERVFAIL (DNS); asked 127.0.0.1:53; its last addresses are in use") &&
			strings.Contains(log, "host name not found in DNS") && strings.Contains(log, "resolving gone.test: no such host (DNS); asked 127.0.0.1:53")
	})
	if strings.Contains(p.log(), "server is down") {
		t.Errorf("a server is down:\n%s", p.log())
	}
}
