// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient/dnstest"
)

// program is one of the two compared programs. It is safe for concurrent use.
type program interface {
	// start runs it in a directory with a haproxy.cfg, and waits until it serves.
	start(dir string, env []string) (process, error)
	String() string
}

// process is a running program.
type process interface {
	set(change) error
	states() (map[string]standing, error)
	table(tableRequest) ([]tableEntry, error)
	find(client netip.AddrPort) (record, bool)
	noted(i int) (string, bool)
	linesOf(client netip.AddrPort) []string
	printed() string
	stop() error
}

// run is one scenario in one program.
type run struct {
	program process
	dir     string // of haproxy.cfg
	ports   map[string]string
	servers map[string]*server
	clients []*client
	asked   map[string]chan outcome // pending HTTP requests
	dns     *dnstest.Server         // nil: none
	states  chronicle
	told    int // number of lines about servers that the script has asked for
	step    int // index of the current step in the script
}

// result is the result of a run: an outcome for each step, and the log line of each connection.
type result struct {
	outcomes []outcome
	ends     []ending
	printed  string
	err      error // of the rig or the program; outcomes are missing then
}

// ending describes the end of a connection.
type ending struct {
	client string
	step   int  // in which it connected
	looked bool // the script has an expectation for it
	record record
	lost   string // fault in the bytes received; empty: they are right
}

// play runs a scenario in a program.
func (s *scenario) play(p program) (res result) {
	dir, err := os.MkdirTemp("", "oracle-") // short, for a socket's path
	if err != nil {
		return result{err: err}
	}
	defer os.RemoveAll(dir)
	r := &run{ports: make(map[string]string), asked: make(map[string]chan outcome), servers: make(map[string]*server), states: chronicle{servers: make(map[string]*history)}}
	config := s.config
	if strings.HasPrefix(s.name, found) {
		_, isHAProxy := p.(*haproxy)
		config = logged(s.defaults, config, isHAProxy)
	}
	env, err := r.prepare(s, dir, config)
	defer r.close()
	if err != nil {
		return result{err: err}
	}
	if r.program, err = p.start(dir, env); err != nil {
		return result{err: err}
	}
	stop := func() {}
	if s.followed {
		stop = r.states.follow(r.program)
	}
	for i, st := range s.steps {
		r.step = i
		res.outcomes = append(res.outcomes, st.do(r))
	}
	r.end(&res)
	stop()
	r.close()
	res.err, res.printed = r.program.stop(), r.program.printed()
	return res
}

// prepare writes the files, and sets up the servers.
func (r *run) prepare(s *scenario, dir, config string) (env []string, err error) {
	r.dir = dir
	files := clientFiles()
	maps.Copy(files, siteFiles())
	files["haproxy.cfg"] = config
	maps.Copy(files, s.files)
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			return nil, err
		}
	}
	names := make(map[string]string) // of all ports
	for _, name := range s.ports {
		if name == dnsPort {
			if err := r.startDNS(s); err != nil {
				return nil, err
			}
			names[r.ports[name]] = name
			env = append(env, name+"="+r.ports[name])
			continue
		}
		address, err := programs.FreeAddress()
		if err != nil {
			return nil, err
		}
		r.ports[name] = port(address)
		names[r.ports[name]] = name
		env = append(env, name+"="+r.ports[name])
	}
	for name := range s.servers {
		address, err := programs.FreeAddress()
		if err != nil {
			return nil, err
		}
		r.servers[name] = &server{name: name, address: address, ports: names}
		names[port(address)] = name
		env = append(env, name+"="+port(address))
	}
	for name, b := range s.servers {
		if err := r.servers[name].behave(b); err != nil {
			return nil, fmt.Errorf("server %s: %w", name, err)
		}
	}
	return env, nil
}

// close closes everything that the run has opened.
func (r *run) close() {
	for _, c := range r.clients {
		_ = c.conn.Close()
	}
	for _, s := range r.servers {
		_ = s.kill()
	}
	if r.dns != nil {
		r.dns.Close()
	}
}

func (r *run) connect(name string, to destination) outcome {
	_, err := r.dial(name, to)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return outcome{what: "refused", at: timeless}
	}
	if err != nil {
		return failed(err)
	}
	return outcome{at: timeless}
}

func (r *run) dial(name string, to destination) (*client, error) {
	c, err := dialClient(name, net.JoinHostPort(to.host, r.ports[to.port]), to.source, to.lazy, func(server string) bool {
		return r.servers[server] != nil
	})
	if err == nil {
		c.step = r.step
		r.clients = append(r.clients, c)
	}
	return c, err
}

// with calls do with the latest client of a name.
func (r *run) with(name string, do func(*client) outcome) outcome {
	for _, c := range slices.Backward(r.clients) {
		if c.name == name {
			return do(c)
		}
	}
	return failed(fmt.Errorf("no connection %s", name))
}

// repeat connects one client after the other, each waiting for its server, and returns the servers.
func (r *run) repeat(m many, name string, then func(*client)) outcome {
	var seen []string
	for i := range m.n {
		c, err := r.dial(fmt.Sprintf("%s%d", name, i+1), m.to)
		if err != nil {
			return failed(err)
		}
		if len(m.send.data) > 0 {
			_ = c.send(m.send) // an error shows in the outcome
		}
		seen = append(seen, c.next(expectation{after: timeless}).what)
		then(c)
	}
	return outcome{what: strings.Join(seen, " "), at: timeless}
}

// record returns the log line of a client, as soon as it is there.
func (r *run) record(c *client, over time.Time) record {
	for {
		if found, ok := r.program.find(c.local); ok || time.Now().After(over) {
			return found
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// end closes all open connections and collects how they ended.
func (r *run) end(res *result) {
	for _, c := range r.clients {
		_ = c.fin()
	}
	for _, c := range r.clients {
		c.awaitEnd()
		_ = c.conn.Close()
	}
	over := time.Now().Add(patience / 2)
	for _, c := range r.clients {
		e := ending{client: c.name, step: c.step, looked: len(c.looked)+len(c.lined) > 0, record: r.record(c, over)}
		if e.record.letters == "--" {
			e.lost = r.lost(c)
		}
		for _, i := range c.looked {
			res.outcomes[i] = outcome{what: e.record.String(), at: timeless}
		}
		for _, i := range c.counted {
			res.outcomes[i] = outcome{what: e.record.counts, at: timeless}
		}
		for _, i := range c.lined {
			res.outcomes[i] = r.lines(c)
		}
		res.ends = append(res.ends, e)
	}
}

// lost returns a fault if a server did not receive exactly its client's bytes.
func (r *run) lost(c *client) string {
	by, sent := c.got()
	if by.server == "" {
		return ""
	}
	session := r.servers[by.server].session(by.number)
	select { // the log may be ahead of the last bytes
	case <-session.ended:
	case <-time.After(patience):
	}
	if got := session.bytes(); !bytes.Equal(got, sent) {
		return fmt.Sprintf("sent %d bytes, %s got %d, not the same", len(sent), by.server, len(got))
	}
	return ""
}
