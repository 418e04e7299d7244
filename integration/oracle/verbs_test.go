// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// verbs are the first words of the script's lines. Each parses its own words and leaves the
// expectation.
var verbs = map[string]func(testing.TB, *scenario, *words) (action, error){
	"connect":  parseConnect,
	"send":     parseSend,
	"fin":      parseEnd((*client).fin),
	"rst":      parseEnd((*client).rst),
	"close":    parseEnd((*client).close),
	"expect":   parseExpect,
	"log":      parseLog,
	"line":     parseLine,
	"told":     parseTold,
	"counts":   parseCounts,
	"visit":    parseVisit,
	"hold":     parseHold,
	"get":      parseGet,
	"ask":      parseAsk,
	"answered": parseAnswered,
	"wait":     parseWait,
	"server":   parseServer,
	"dns":      parseDNS,
	"kill":     parseKill,
	"set":      parseSet,
	"states":   parseStates,
	"table":    parseTable,
}

// parseConnect parses connect CLIENT PORT [to ADDRESS] [from ADDRESS] [lazily].
func parseConnect(_ testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	s.clients[name] = true
	to, err := s.parseDestination(w)
	return func(r *run) outcome { return r.connect(name, to) }, err
}

// destination is the address that a client connects to, and its source address.
type destination struct {
	port, host, source string
	lazy               bool
}

func (s *scenario) parseDestination(w *words) (destination, error) {
	d := destination{port: w.next(), host: "127.0.0.1"}
	if !strings.Contains(s.config, "${"+d.port+"}") {
		return d, fmt.Errorf("haproxy.cfg has no ${%s}", d.port)
	}
	d.parseEnds(w)
	return d, nil
}

// parseEnds parses [to ADDRESS] [from ADDRESS] [lazily].
func (d *destination) parseEnds(w *words) {
	for {
		switch {
		case w.take("to"):
			d.host = w.next()
		case w.take("from"):
			d.source = w.next()
		case w.take("lazily"):
			d.lazy = true
		default:
			return
		}
	}
}

// client takes the name of a known connection.
func (s *scenario) client(w *words) (string, error) {
	name := w.next()
	if !s.clients[name] {
		return "", fmt.Errorf("no connection %s", name)
	}
	return name, nil
}

// payload holds bytes that a client sends.
type payload struct {
	data    []byte
	segment int    // the bytes in each segment; 0: all
	header  bool   // for the program, which passes it to no server
	then    []byte // data behind a header, in its last segment
}

// parseSend parses send CLIENT [header] hello … | text "…" | hex … | N bytes.
func parseSend(t testing.TB, s *scenario, w *words) (action, error) {
	name, err := s.client(w)
	if err != nil {
		return nil, err
	}
	p, err := s.parsePayload(t, w)
	return func(r *run) outcome { return r.with(name, func(c *client) outcome { return c.send(p) }) }, err
}

func (s *scenario) parsePayload(t testing.TB, w *words) (p payload, err error) {
	switch {
	case w.take("header"):
		return s.parseHeader(t, w)
	case w.take("hello"):
		p.data, p.segment, err = s.parseHello(t, w)
		return p, err
	case w.take("text"):
		p.data = []byte(w.next())
		return p, nil
	case w.take("hex"):
		p.data, err = hex.DecodeString(w.next())
		return p, err
	}
	n, err := w.number()
	if err != nil || !w.take("bytes") {
		return p, errors.New("expected hello, text, hex, or a number and bytes")
	}
	p.data = []byte(strings.Repeat("x", n))
	return p, nil
}

// parseEnd parses fin, rst and close CLIENT.
func parseEnd(do func(*client) outcome) func(testing.TB, *scenario, *words) (action, error) {
	return func(_ testing.TB, s *scenario, w *words) (action, error) {
		name, err := s.client(w)
		return func(r *run) outcome { return r.with(name, do) }, err
	}
}

// parseExpect parses expect CLIENT EXPECTATION.
func parseExpect(_ testing.TB, s *scenario, w *words) (action, error) {
	name, err := s.client(w)
	if err != nil {
		return nil, err
	}
	e, err := parseExpectation(w.rest)
	return func(r *run) outcome { return r.with(name, func(c *client) outcome { return c.next(e) }) }, err
}

// parseLog parses log CLIENT EXPECTATION. The outcome is filled in at the end.
func parseLog(_ testing.TB, s *scenario, w *words) (action, error) {
	name, err := s.client(w)
	return func(r *run) outcome {
		return r.with(name, func(c *client) outcome {
			c.looked = append(c.looked, r.step)
			return outcome{}
		})
	}, err
}

// parseCounts parses counts CLIENT PROCESS/FRONTEND/BACKEND/SERVER.
func parseCounts(_ testing.TB, s *scenario, w *words) (action, error) {
	name, err := s.client(w)
	return func(r *run) outcome {
		return r.with(name, func(c *client) outcome {
			c.counted = append(c.counted, r.step)
			return outcome{}
		})
	}, err
}

// many is several connections, one after the other.
type many struct {
	n    int
	to   destination
	send payload
}

// parseMany parses PORT N times [to ADDRESS] [from ADDRESS] [send …].
func parseMany(t testing.TB, s *scenario, w *words) (m many, err error) {
	if m.to, err = s.parseDestination(w); err != nil {
		return m, err
	}
	if m.n, err = w.number(); err != nil {
		return m, err
	}
	if !w.take("times") && !w.take("time") {
		return m, errors.New("expected times after the number")
	}
	m.to.parseEnds(w)
	if w.take("send") {
		m.send, err = s.parsePayload(t, w)
	}
	return m, err
}

// parseVisit parses visit PORT N times …: each connection ends before the next begins.
func parseVisit(t testing.TB, s *scenario, w *words) (action, error) {
	m, err := parseMany(t, s, w)
	return func(r *run) outcome {
		return r.repeat(m, fmt.Sprintf("visit to %s", m.to.port), func(c *client) {
			_ = c.fin()
			c.awaitEnd()
		})
	}, err
}

// parseHold parses hold CLIENT PORT N times …: the connections stay, as CLIENT1, CLIENT2 and so on.
func parseHold(t testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	m, err := parseMany(t, s, w)
	for i := range m.n {
		s.clients[fmt.Sprint(name, i+1)] = true
	}
	return func(r *run) outcome { return r.repeat(m, name, func(*client) {}) }, err
}

// parseWait parses wait TIME.
func parseWait(_ testing.TB, _ *scenario, w *words) (action, error) {
	d, err := w.duration()
	return func(*run) outcome {
		time.Sleep(d)
		return outcome{}
	}, err
}

// parseServer parses server NAME BEHAVIOUR, which changes the behaviour from now on.
func parseServer(_ testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	if _, known := s.servers[name]; !known {
		return nil, fmt.Errorf("no server %s", name)
	}
	b, err := parseBehaviour(w.rest)
	w.rest = nil
	return func(r *run) outcome { return failed(r.servers[name].behave(b)) }, err
}

// parseKill parses kill NAME: its connections are reset, and it refuses new ones.
func parseKill(_ testing.TB, s *scenario, w *words) (action, error) {
	name := w.next()
	if _, known := s.servers[name]; !known {
		return nil, fmt.Errorf("no server %s", name)
	}
	return func(r *run) outcome { return failed(r.servers[name].kill()) }, nil
}

// parseSet parses set BACKEND/SERVER weight N[%] | disabled | enabled | state ready|drain|maint |
// health up|down, by the program's run-time interface.
func parseSet(_ testing.TB, _ *scenario, w *words) (action, error) {
	backend, server, found := strings.Cut(w.next(), "/")
	if !found {
		return nil, errors.New("expected BACKEND/SERVER")
	}
	c := change{backend: backend, server: server, word: w.next()}
	switch c.word {
	case "weight", "state", "health":
		c.value = w.next()
	case "disabled", "enabled":
	default:
		return nil, fmt.Errorf("expected weight, disabled, enabled, state or health, not %q", c.word)
	}
	return func(r *run) outcome { return failed(r.program.set(c)) }, nil
}

// change is a change of a server.
type change struct{ backend, server, word, value string }
