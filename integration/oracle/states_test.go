// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// standing is a server's state, in the words of a script.
type standing struct {
	state     string // up, up 2/3, down, down 1/2, drain, maint, no check
	unchecked bool   // its first check is not over
	weight    string
	maxconn   string
}

// history is the sequence of a server's states.
type history struct {
	first standing
	seen  []string
	told  int // number of states that the script has asked for
}

// chronicle is the history of all servers, by backend/server.
type chronicle struct {
	mu      sync.Mutex
	servers map[string]*history
	err     error
}

// pollEvery is the interval of polling states: shorter than that of any checks.
const pollEvery = 20 * time.Millisecond

// follow polls the states until stop is called.
func (c *chronicle) follow(p process) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			c.look(p)
			select {
			case <-done:
				return
			case <-time.After(pollEvery):
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-over
	})
}

// transient matches a state that HAProxy shows just before it marks a server down, or up.
var transient = regexp.MustCompile(`^up 0/| -|^down ([2-9]/1|[3-9]/2|[4-9]/3)`)

func (c *chronicle) look(p process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, err := p.states()
	if c.err = err; err != nil {
		return
	}
	for name, now := range all {
		h := c.servers[name]
		if h == nil {
			if now.unchecked && strings.HasPrefix(now.state, "up") {
				continue // one program may have made its first check before it was asked
			}
			h = &history{first: now}
			c.servers[name] = h
		}
		text := now.state
		if now.weight != h.first.weight {
			text += " weight " + now.weight
		}
		if now.maxconn != h.first.maxconn {
			text += " maxconn " + now.maxconn
		}
		if transient.MatchString(text) {
			continue
		}
		if n := len(h.seen); n == 0 || h.seen[n-1] != text {
			h.seen = append(h.seen, text)
		}
	}
}

// since returns the states of a server since the last request.
func (c *chronicle) since(name string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.servers[name]
	if h == nil {
		return "", errors.Join(fmt.Errorf("no states of %s", name), c.err)
	}
	seen := strings.Join(h.seen[h.told:], ", ")
	if h.told = len(h.seen); seen == "" {
		seen = "nothing"
	}
	return seen, nil
}

// parseStates parses states BACKEND/SERVER.
func parseStates(_ testing.TB, s *scenario, w *words) (action, error) {
	s.followed = true
	name := w.next()
	if !strings.Contains(name, "/") {
		return nil, errors.New("expected BACKEND/SERVER")
	}
	return func(r *run) outcome {
		r.states.look(r.program)
		seen, err := r.states.since(name)
		if err != nil {
			return failed(err)
		}
		return outcome{what: seen, at: timeless}
	}, nil
}

// states reads HAProxy's statistics.
func (j *judge) states() (map[string]standing, error) {
	text, err := j.command("show stat -1 4 -1")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# "))).ReadAll()
	if err != nil {
		return nil, err
	}
	all, column := make(map[string]standing), make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		get := func(name string) string { return row[column[name]] }
		state, _, _ := strings.Cut(strings.ToLower(get("status")), " (")
		state = strings.Replace(state, "nolb", "drain", 1) // they differ only in their cause
		all[get("pxname")+"/"+get("svname")] = standing{
			state: state, unchecked: strings.HasSuffix(get("check_status"), "INI"), weight: get("weight"), maxconn: get("slim"),
		}
	}
	return all, nil
}

// states reads our admin endpoint.
func (p *running) states() (map[string]standing, error) {
	answer, err := p.ask(http.MethodGet, "/passthrough/backends", "")
	if err != nil {
		return nil, err
	}
	var backends map[string]struct {
		Servers map[string]struct {
			Health    string
			Counter   string
			Admin     string
			Checked   bool
			Tracks    string
			Weight    int
			MaxConn   int
			LastCheck any `json:"last_check"`
		}
	}
	if err := json.Unmarshal(answer, &backends); err != nil {
		return nil, err
	}
	all := make(map[string]standing)
	for backend, b := range backends {
		for server, s := range b.Servers {
			now := standing{state: s.Health, unchecked: s.Checked && s.LastCheck == nil, weight: fmt.Sprint(s.Weight)}
			if s.MaxConn > 0 {
				now.maxconn = fmt.Sprint(s.MaxConn)
			}
			counter := ""
			if value, of, _ := strings.Cut(s.Counter, "/"); s.Checked && value != of && value != "0" {
				counter = " " + s.Counter
			}
			switch {
			case s.Admin == "maint":
				now.state = "maint"
			case s.Health == "down":
				now.state += counter
			case s.Admin == "drain" || s.Weight == 0:
				now.state = "drain" + counter
			case !s.Checked && s.Tracks == "":
				now.state = "no check"
			default:
				now.state += counter
			}
			all[backend+"/"+server] = now
		}
	}
	return all, nil
}
