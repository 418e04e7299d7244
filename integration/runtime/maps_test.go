// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"errors"
	"io"
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

const mapsConfig = `
global
    stats socket "${socket}" level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
frontend web
    bind "${web}"
    acl denied src -f denied.acl
    acl named req.ssl_sni -i -m end -f names.acl
    tcp-request connection track-sc0 src table be1
    tcp-request connection reject if denied
    tcp-request content set-var(sess.text) str(a),map(text.map)
    tcp-request content set-var(sess.part) str(xa),map_end(text.map)
    tcp-request content set-var(sess.number) str(a),map_str_int(numbers.map)
    tcp-request content set-var(sess.range) src_port,map_int(ranges.map)
    tcp-request content set-var(sess.named) bool(1) if named
    use_backend %[src,map_ip(networks.map)]
    default_backend be1
backend be1
    stick-table type ip size 10 expire 10m store gpc0,gpt0,conn_cnt,bytes_in_cnt,server_id
    stick on src
    server s1 "${s1}"
backend be2
    stick-table type string len 20 size 10 store gpc(2)
    server s2 "${s2}"
`

// mapFiles are the files of the configuration. Both programs read them, and neither writes them.
var mapFiles = map[string]string{
	"denied.acl": "192.0.2.0/24\n", "names.acl": ".Example.com\n", "text.map": "# comment\na 1\na 2\nb  hello world\n",
	"numbers.map": "a 5\n", "ranges.map": "1:1000 low\n", "networks.map": "10.0.0.0/8 be2\n",
}

// naming starts a server that sends its name.
func naming(t *testing.T, name string) (address string) {
	t.Helper()
	return programs.Listen(t, patience, func(c *net.TCPConn) {
		_, _ = io.ReadAll(c)
		_, _ = io.WriteString(c, name)
	})
}

// visit returns the name of the server that a client gets, or "" if it is rejected.
func (p *program) visit(t *testing.T) string {
	t.Helper()
	c, err := net.Dial("tcp", p.at["web"])
	if errors.Is(err, syscall.ECONNRESET) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: %v", p.name, err)
	}
	return string(answer)
}

func newMapsRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, mapsConfig, mapFiles, map[string]string{"s1": naming(t, "s1"), "s2": naming(t, "s2")}, "web")
}

// alike replaces what may differ in answers about maps and tables; docs/runtime.md gives the
// reasons.
var alike = []struct {
	of *regexp.Regexp
	by string
}{
	// Patterns of the configuration itself are not listed.
	{regexp.MustCompile(`(?m)^\d+ \(\).*\n`), ""},
	// Files are numbered among themselves.
	{regexp.MustCompile(`(?m)^\d+ \(`), "N ("},
	// The lines of the configuration are not known.
	{regexp.MustCompile(` used by .*\. curr_ver`), " used by … curr_ver"},
	// Names are absolute.
	{regexp.MustCompile(`/\S*/`), ""},
	{regexp.MustCompile(`entry_cnt=\d+`), "entry_cnt=N"},
	{regexp.MustCompile(`(?m)^0x[0-9a-f]+`), "0xN"},
	{regexp.MustCompile(`exp=\d+`), "exp=N"},
}

// sameLines asks both programs, and compares the answers but for what may differ, and for the order
// of lines.
func (r *rig) sameLines(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var answers []string
		for p := range r.both {
			answer := p.ask(t, line)
			for _, a := range alike {
				answer = a.of.ReplaceAllString(answer, a.by)
			}
			sorted := strings.Split(answer, "\n")
			slices.Sort(sorted)
			answers = append(answers, strings.Join(sorted, "\n"))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s:\ngot  %q\nwant %q", line, answers[1], answers[0])
		}
	}
}

// The answers about maps and ACLs are equal, one after the other.
func TestMapCommands(t *testing.T) {
	t.Parallel()
	r := newMapsRig(t)
	r.sameLines(
		t,
		"show map", "show map text.map", "show map #999", "show map @1", "show map nope", "get map text.map a", "get map text.map xa",
		"get map text.map zz", "get map text.map", "get map", "get map nope a", "get map numbers.map a", "get map ranges.map 7", "get map ranges.map x",
		"get map networks.map 10.1.2.3", "get map networks.map x", "add map", "add map text.map", "add map text.map k", "add map nope k v",
		"add map text.map k v w", "add map text.map k v", "add map text.map q\\ r s\\ t", "show map text.map", "set map", "set map text.map a",
		"set map text.map a 9", "set map text.map nope 9", "set map nope a 9", "set map text.map #0xf 9", "set map text.map #zz 9", "set map @0 text.map a b",
		"show map text.map", "del map", "del map text.map", "del map text.map nope", "del map text.map k", "del map nope k", "del map text.map #0xf",
		"del map @0 text.map a", "show map text.map", "add map numbers.map c x", "add map ranges.map x y", "add map networks.map 1.2.3.4/99 c", "show map numbers.map",
		"add map text.map <<\nx1 y1\nx2\ty2 z2 \n", "show map text.map", "add map text.map <<\nonly\n", "prepare map", "prepare map nope",
		"prepare map text.map", "prepare map text.map", "add map @1 text.map a one", "add map @2 text.map a two", "add map @9 text.map a nine", "add map @1 text.map",
		"show map @1 text.map", "show map @2 text.map", "show map @9 text.map", "show map @0 text.map", "get map text.map a", "set map text.map a all",
		"show map @2 text.map", "commit map @3 text.map", "commit map text.map", "commit map", "commit map @2", "commit map x text.map", "commit map @2 text.map",
		"commit map @2 text.map", "commit map @1 text.map", "show map text.map", "show map @1 text.map", "get map text.map a", "prepare map text.map",
		"add map @3 text.map a three", "clear map @3 text.map", "show map @3 text.map", "commit map @3 text.map", "show map text.map", "clear map",
		"clear map nope", "clear map networks.map", "show map networks.map",
		"get acl names.acl www.EXAMPLE.com", "get acl names.acl other.test", "get acl denied.acl 192.0.2.7", "get acl names.acl", "get acl nope a",
		"add acl", "add acl names.acl", "add acl names.acl .test more", "show acl names.acl", "get acl names.acl other.test", "add acl denied.acl 1.2.3.4/99",
		"del acl", "del acl names.acl", "del acl names.acl .test", "del acl names.acl .test", "show acl names.acl", "prepare acl names.acl", "add acl @1 names.acl .x",
		"add acl @2 names.acl .x", "show acl @1 names.acl", "commit acl @1 names.acl", "show acl names.acl", "clear acl", "clear acl names.acl", "show acl names.acl",
		"show acl nope",
	)
}

// TestMapsRoute changes maps and ACLs, and clients are routed by them at once.
func TestMapsRoute(t *testing.T) {
	t.Parallel()
	r := newMapsRig(t)
	for _, step := range []struct{ line, want string }{
		{"show version", "s1"},
		{"add map networks.map 127.0.0.0/8 be2", "s2"},
		{"set map networks.map 127.0.0.0/8 be1", "s1"},
		{"add map networks.map 127.0.0.0/24 be2", "s2"},
		{"del map networks.map 127.0.0.0/24", "s1"},
		{"add acl denied.acl 127.0.0.1", ""},
		{"del acl denied.acl 127.0.0.1", "s1"},
		{"prepare map networks.map", "s1"},
		{"add map @1 networks.map 127.0.0.1 be2", "s1"},
		{"commit map @1 networks.map", "s2"},
		{"clear map networks.map", "s1"},
	} {
		for p := range r.both {
			p.ask(t, step.line)
			if got := p.visit(t); got != step.want {
				t.Errorf("%s: after %s: server %q, want %q", p.name, step.line, got, step.want)
			}
		}
	}
}

// TestMapReferences changes one of several equal keys, by the reference that the program shows.
func TestMapReferences(t *testing.T) {
	t.Parallel()
	r := newMapsRig(t)
	for p := range r.both {
		reference := func(entry string) string {
			for line := range strings.Lines(p.ask(t, "show map text.map")) {
				if at, rest, _ := strings.Cut(strings.TrimSpace(line), " "); rest == entry {
					return "#" + at
				}
			}
			t.Fatalf("%s: no entry %s", p.name, entry)
			return ""
		}
		p.ask(t, "set map text.map "+reference("a 2")+" second")
		p.ask(t, "del map text.map "+reference("a 1"))
	}
	r.sameLines(t, "show map text.map", "get map text.map a")
}

// The answers about stick tables are equal after the same traffic.
func TestTableCommands(t *testing.T) {
	t.Parallel()
	r := newMapsRig(t)
	for p := range r.both {
		for range 3 {
			if got := p.visit(t); got != "s1" {
				t.Fatalf("%s: server %q", p.name, got)
			}
		}
		until(t, p.name+": the sessions have ended", func() bool { return strings.Contains(p.ask(t, "show table be1"), " use=0 ") })
	}
	const filtered = "show table be1 data.gpc0 "
	r.sameLines(
		t,
		"show table", "show table be1", "show table nope", "set table be1 key 192.0.2.1 data.gpc0 5", "show table be1", "show table be1 key 192.0.2.1",
		"show table be1 key 192.0.2.9", filtered+"gt 1", filtered+"eq 5", filtered+"ne 5", filtered+"le 4", filtered+"ge 6", filtered+"lt 9",
		filtered+"ge 0 data.conn_cnt lt 2", "show table be1 data.server_id eq 1", filtered, filtered+"gt", filtered+"xx 1", filtered+"gt x",
		"show table be1 data.nope gt 1", "show table be1 data.gpc1 gt 1", "show table be1 foo", "show table be1 key", "set table", "set table nope", "set table be1 key",
		"set table be1 key 192.0.2.2", "set table be1 key 192.0.2.1 data.gpc0", "set table be1 key 192.0.2.1 data.gpc0 x", "set table be1 key 192.0.2.1 data.nope 1",
		"set table be1 key 192.0.2.1 data.gpc1 1", "set table be1 key 192.0.2.1 gpc0 2", "set table be1 data.gpc0 1", "set table be1 key 192.0.2.1 data.gpc0 7 data.gpt0 3",
		"show table be1", "clear table", "clear table nope", "clear table be1 foo", "clear table be1 data.gpc0 gt 6", "clear table be1 key 192.0.2.2",
		"clear table be1 key 192.0.2.2", "show table be1", "set table be2 key a\\ b=\xc3\xa4", "show table be2", "clear table be2", "show table be2", "show table",
	)
}

// TestMapsSurviveReloads reloads our program: changes last until the file itself changes.
func TestMapsSurviveReloads(t *testing.T) {
	t.Parallel()
	r := newMapsRig(t)
	p := r.ours
	file := filepath.Join(r.dir, "networks.map")
	reload := func() {
		t.Helper()
		command := exec.Command(built.Path(t), "reload", "--force", "--adapter", "haproxy", "--config", filepath.Join(r.dir, "haproxy.cfg"))
		command.Env, command.Dir = p.env, r.dir
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	p.ask(t, "add map networks.map 127.0.0.0/8 be2")
	reload()
	if got := p.visit(t); got != "s2" {
		t.Errorf("after a reload: server %q, want s2", got)
	}
	if err := os.WriteFile(file, []byte("10.0.0.0/7 be2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.visit(t); got != "s2" {
		t.Errorf("with a new file: server %q, want s2", got)
	}
	reload()
	if got := p.visit(t); got != "s1" {
		t.Errorf("after a reload with a new file: server %q, want s1", got)
	}
	if got := p.ask(t, "show map networks.map"); !strings.Contains(got, "10.0.0.0/7 be2") {
		t.Errorf("show map: %q", got)
	}
}
