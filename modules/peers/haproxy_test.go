// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// haproxy is a HAProxy named h, in a section p.
type haproxy struct {
	program, file, socket, address string
	cmd                            *exec.Cmd
}

// newHAProxy returns a HAProxy that is not started, with these lines in its section and after it.
func newHAProxy(t *testing.T, section, after string, others ...*node) *haproxy {
	t.Helper()
	program := programs.Need(t, "haproxy")
	dir, err := os.MkdirTemp("", "peers-") // short enough for a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &haproxy{program: program, file: filepath.Join(dir, "haproxy.cfg"), socket: filepath.Join(dir, "socket"), address: programs.Address(t)}
	var config strings.Builder
	fmt.Fprintf(&config, "global\n\tstats socket %s level admin\n\tlocalpeer h\n", h.socket)
	config.WriteString("defaults\n\tmode tcp\n\ttimeout connect 5s\n\ttimeout client 5s\n\ttimeout server 5s\n")
	fmt.Fprintf(&config, "peers p\n\tbind %s\n\tserver h\n", h.address)
	for _, o := range others {
		fmt.Fprintf(&config, "\tserver %s %s\n", o.name, o.address)
	}
	fmt.Fprintf(&config, "%s\nbackend x\n%s", section, after)
	if err := os.WriteFile(h.file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *haproxy) start(t *testing.T) {
	t.Helper()
	var output bytes.Buffer
	h.cmd = exec.Command(h.program, "-db", "-f", h.file)
	h.cmd.Stdout, h.cmd.Stderr = &output, &output
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.kill()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	programs.Until(t, "haproxy answers", func() bool {
		conn, err := net.Dial("unix", h.socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (h *haproxy) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// node returns the HAProxy as a peer.
func (h *haproxy) node() *node { return &node{name: "h", address: h.address} }

// ask sends commands to HAProxy's socket.
func (h *haproxy) ask(t *testing.T, commands string) string {
	t.Helper()
	conn, err := net.Dial("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(commands + "\n")); err != nil {
		t.Fatal(err)
	}
	var answer bytes.Buffer
	_, _ = answer.ReadFrom(conn)
	return answer.String()
}

// has reports whether a table of HAProxy has an entry with these words.
func (h *haproxy) has(t *testing.T, table, key string, words ...string) bool {
	t.Helper()
	for line := range strings.Lines(h.ask(t, "show table "+table)) {
		if strings.Contains(line, " key="+key+" ") {
			fields := strings.Fields(line)
			return !slices.ContainsFunc(words, func(word string) bool { return !slices.Contains(fields, word) })
		}
	}
	return false
}

// used reports whether a table of HAProxy has a number of entries.
func (h *haproxy) used(t *testing.T, table string, n int) bool {
	t.Helper()
	return strings.Contains(h.ask(t, "show table"), fmt.Sprintf("table: %s, type: integer, size:102400, used:%d\n", table, n))
}

const everyValue = "gpt0,gpc0,gpc0_rate(1h),conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h)," +
	"http_err_cnt,http_err_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h),gpc1,gpc1_rate(1h),http_fail_cnt,http_fail_rate(1h)"

// typed are tables of all types of keys, each with a key of ours and one of HAProxy's.
var typed = map[string]struct {
	words           string
	config          tables.Config
	own             []byte
	shown           string
	theirs, written string
}{
	"ints":    {"integer", tables.Config{Type: tables.Integer}, key(300), "300", "\x00\x00\x00\x07", "7"},
	"ips":     {"ip", tables.Config{Type: tables.IP}, []byte{10, 0, 0, 1}, "10.0.0.1", "\x0a\x00\x00\x02", "10.0.0.2"},
	"ipv6s":   {"ipv6", tables.Config{Type: tables.IPv6}, []byte{10, 0, 0, 1}, "::ffff:10.0.0.1", "\x20\x01" + strings.Repeat("\x00", 13) + "\x05", "2001::5"},
	"strings": {"string len 20", tables.Config{Type: tables.String, Length: 20}, []byte("word"), "word", "other", "other"},
	"words":   {"string", tables.Config{Type: tables.String}, []byte("word"), "word", "other", "other"},
	// HAProxy's commands cannot set one with a binary key.
	"binaries": {"binary len 8", tables.Config{Type: tables.Binary, Length: 8}, []byte{1, 2, 3}, "0102030000000000", "", ""},
}

// Entries of all types, with all values that there are, go to HAProxy and come from it.
func TestHAProxyTypes(t *testing.T) {
	t.Parallel()
	n := newNode(t, "a", tables.Config{Type: tables.Integer, Size: 1})
	var section strings.Builder
	for name, of := range typed {
		fmt.Fprintf(&section, "\ttable %s type %s size 100k expire 1h store %s\n", name, of.words, everyValue)
	}
	h := newHAProxy(t, section.String(), "", n)
	h.start(t)
	c := n.configured(h.node())
	c.Tables = nil
	all := make(map[string]*tables.Table)
	for name, of := range typed {
		of.config.Size, of.config.Expire, of.config.Store = 100_000, time.Hour, stores(t, strings.Split(everyValue, ",")...)
		all[name] = tables.New(of.config)
		c.Tables = append(c.Tables, Table{Name: "/" + name, Table: all[name]})
		all[name].Update(of.own, func(r tables.Row) {
			for d := range tables.NumData {
				r.Add(d, 0, 100+int64(d))
			}
		})
	}
	n.Configure(c)
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		of := typed[name]
		programs.Until(t, name+" comes to HAProxy", func() bool {
			return h.has(t, "p/"+name, of.shown, "gpt0=101", "gpc0_rate(3600000)=103", "conn_cnt=104", "conn_cur=0",
				"bytes_in_cnt=113", "bytes_out_rate(3600000)=116", "gpc1_rate(3600000)=118", "http_fail_rate(3600000)=120")
		})
		if of.written == "" {
			continue
		}
		h.ask(t, "set table p/"+name+" key "+of.written+" data.conn_cnt 4000000000 data.bytes_in_cnt 5000000000 data.conn_cur 3 data.gpc0_rate 4 data.gpc1 300")
		programs.Until(t, name+" comes from HAProxy", func() bool {
			return get(all[name], []byte(of.theirs), tables.GPC1, 0) == 300
		})
		for d, want := range map[tables.Data]int64{tables.ConnCount: 4_000_000_000, tables.BytesIn: 5_000_000_000, tables.ConnCurrent: 0, tables.GPC0Rate: 4} {
			if got := get(all[name], []byte(of.theirs), d, 0); got != want {
				t.Errorf("%s: %s is %d, want %d", name, d, got, want)
			}
		}
	}
}

// Arrays have as many elements as both sides have, and a table of other keys is left alone.
func TestHAProxyDifferentTables(t *testing.T) {
	t.Parallel()
	n := newNode(t, "a", tables.Config{Type: tables.Integer, Size: 100, Store: stores(t, "gpc(4)", "gpt(2)", "gpc_rate(3,1h)", "conn_cnt")})
	h := newHAProxy(t, "\ttable t type integer size 100k store gpc(2),gpt(5),gpc_rate(3,1h),bytes_in_cnt\n\ttable u type string size 100k store gpc0\n", "", n)
	h.start(t)
	c := n.configured(h.node())
	c.Tables[0].Name = "/t"
	other := tables.New(tables.Config{Type: tables.Integer, Size: 100, Store: stores(t, "gpc0")})
	c.Tables = append(c.Tables, Table{Name: "/u", Table: other})
	n.Configure(c)
	h.ask(t, "set table p/u key word data.gpc0 1")
	other.Update(key(1), func(r tables.Row) { r.Add(tables.GPC0, 0, 1) })
	n.table.Update(key(1), func(r tables.Row) {
		for i := range 4 {
			r.Add(tables.GPC, i, int64(10+i))
			r.Add(tables.GPT, i, int64(20+i))
			r.Add(tables.GPCRate, i, int64(30+i))
		}
	})
	programs.Until(t, "arrays come to HAProxy", func() bool {
		return h.has(t, "p/t", "1", "gpt0=20", "gpt1=21", "gpt2=0", "gpc0=10", "gpc1=11", "gpc2_rate(3600000)=32")
	})
	h.ask(t, "set table p/t key 2 data.gpc 5 data.gpt 7 data.gpc_rate 8 data.bytes_in_cnt 9")
	programs.Until(t, "arrays come from HAProxy", func() bool { return get(n.table, key(2), tables.GPC, 0) == 5 })
	if tag, rate := get(n.table, key(2), tables.GPT, 0), get(n.table, key(2), tables.GPCRate, 0); tag != 7 || rate != 8 {
		t.Errorf("tag %d, rate %d", tag, rate)
	}
	if n := other.Len(); n != 1 {
		t.Errorf("%d entries of other keys", n)
	}
}

// One HAProxy and two of ours learn 10,000 entries from each other, also after one is killed.
func TestHAProxyLearns(t *testing.T) {
	t.Parallel()
	const each = 3334
	c := tables.Config{Type: tables.Integer, Size: 102_400, Expire: time.Hour, Store: stores(t, "conn_cnt", "conn_rate(1h)")}
	a, b := newNode(t, "a", c), newNode(t, "b", c)
	h := newHAProxy(t, "\ttable t type integer size 100k expire 1h store conn_cnt,conn_rate(1h)\n", "", a, b)
	h.start(t)
	section := func(n *node, others ...*node) {
		c := n.configured(others...)
		c.Tables[0].Name = "/t"
		n.Configure(c)
	}
	section(a, b, h.node())
	section(b, a, h.node())
	for i := range each {
		a.table.Update(key(i), func(r tables.Row) {
			r.Add(tables.ConnCount, 0, 1)
			r.Add(tables.ConnRate, 0, 3)
		})
		b.table.Update(key(each+i), func(r tables.Row) { r.Add(tables.ConnCount, 0, 2) })
	}
	for from := 0; from < each; from += 200 {
		var commands strings.Builder
		for i := from; i < min(from+200, each); i++ {
			fmt.Fprintf(&commands, "set table p/t key %d data.conn_cnt 3;", 2*each+i)
		}
		h.ask(t, commands.String())
	}
	all := func(table *tables.Table) bool { return table.Len() == 3*each }
	programs.Until(t, "a has all", func() bool { return all(a.table) })
	programs.Until(t, "b has all", func() bool { return all(b.table) })
	programs.Until(t, "HAProxy has all", func() bool { return h.used(t, "p/t", 3*each) })
	for i := range 3 * each {
		for _, n := range []*node{a, b} {
			if got := get(n.table, key(i), tables.ConnCount, 0); got != int64(i/each+1) {
				t.Fatalf("%s: entry %d has %d", n.name, i, got)
			}
		}
	}
	if rate := get(b.table, key(5), tables.ConnRate, 0); rate != 3 {
		t.Errorf("rate %d", rate)
	}
	h.kill()
	a.table.Update(key(1), func(r tables.Row) { r.Set(tables.ConnCount, 0, 99) })
	h.start(t)
	programs.Until(t, "HAProxy learns all again", func() bool {
		return h.used(t, "p/t", 3*each) && h.has(t, "p/t", "1", "conn_cnt=99", "conn_rate(3600000)=3")
	})

	fresh := newNode(t, "b", c)
	b.Close()
	fresh.address, b.address = b.address, fresh.address
	_ = b.ln.Close()
	section(fresh, a, h.node())
	programs.Until(t, "a node that starts learns all", func() bool { return all(fresh.table) })
}

// An entry that is learned by a node that starts comes with the time that it has left.
func TestHAProxyExpiry(t *testing.T) {
	t.Parallel()
	c := tables.Config{Type: tables.Integer, Size: 100, Expire: 100 * time.Hour, Store: stores(t, "conn_cnt")}
	n := newNode(t, "a", c)
	h := newHAProxy(t, "\ttable t type integer size 100k expire 1h store conn_cnt\n", "", n)
	section := n.configured(h.node())
	section.Tables[0].Name = "/t"
	n.Configure(section)
	h.start(t)
	h.ask(t, "set table p/t key 1 data.conn_cnt 1")
	programs.Until(t, "HAProxy has it acknowledged", func() bool {
		return n.table.Len() == 1 && strings.Contains(h.ask(t, "show peers"), " teaching_origin=0 update=1\n")
	})
	section.Tables[0].Table = tables.New(c)
	n.Configure(section)
	programs.Until(t, "it comes with its time", func() (soon bool) {
		section.Tables[0].Table.View(key(1), func(r tables.Row) { soon = r.Expires() <= time.Hour })
		return soon
	})
}

// This process answers connections with the status that HAProxy answers with.
func TestHAProxyStatus(t *testing.T) {
	t.Parallel()
	n := newNode(t, "h", tables.Config{Type: tables.Integer, Size: 100})
	h := newHAProxy(t, "", "", &node{name: "c", address: "127.0.0.1:9"})
	h.start(t)
	n.Configure(n.configured(&node{name: "c", address: "127.0.0.1:9"}))
	for sent, want := range map[string]string{
		"HAProxyS 2.1\nh\nc 1 1\n":       "200",
		"HAProxyS 2.0\nh\nc 1 1\n":       "200",
		"HAProxyS 2.1\r\nh\r\nc 1 1\r\n": "200",
		"HAProxyS 2.2\nh\nc 1 1\n":       "502",
		"HAProxyS 3.0\nh\nc 1 1\n":       "502",
		"HAProxyS two\nh\nc 1 1\n":       "502",
		"GET / HTTP/1.1\n\n":             "501",
		"HAProxyS 2.1\nother\nc 1 1\n":   "503",
		"HAProxyS 2.1\nh\nunknown 1 1\n": "504",
		"HAProxyS 2.1\nh\nc\n":           "501",
	} {
		for name, address := range map[string]string{"HAProxy": h.address, "ours": n.address} {
			if got := status(t, address, sent); got != want {
				t.Errorf("%q: %s answers %q, want %q", sent, name, got, want)
			}
		}
	}
}

// status returns the first line that a peer answers.
func status(t *testing.T, address, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(sent)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	n, _ := conn.Read(b)
	return strings.TrimSpace(string(b[:n]))
}
