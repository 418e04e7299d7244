// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// checkers are the names that a check's module may have.
var checkers = []string{"tcp", "ssl_hello", "tls", "http", "tcp_script"}

// What the words of Watch may be.
var (
	initStates     = []string{"none", "up", "fully_up", "down", "fully_down"}
	downActions    = []string{"shutdown_sessions"}
	upActions      = []string{"shutdown_backup_sessions"}
	observedLayers = []string{"layer4"}
	errorActions   = []string{"fastinter", "fail_check", "sudden_death", "mark_down"}
)

// Watch is how a server's health is found out, and what follows from it. The
// words are HAProxy's, with underscores. Not in effect yet.
type Watch struct {
	// Check replaces the backend's.
	Check *Check `json:"check,omitempty"`

	// Agent replaces the backend's.
	Agent *Agent `json:"agent,omitempty"`

	// Track is the server whose health this one has, too: BACKEND/SERVER, or
	// SERVER of the same backend. A server that tracks has no check.
	Track string `json:"track,omitempty"`

	// InitState is what the server begins with: none, up, fully_up, down or
	// fully_down.
	InitState string `json:"init_state,omitempty"`

	// OnMarkedDown is what happens when the server goes down: shutdown_sessions
	// ends its sessions.
	OnMarkedDown string `json:"on_marked_down,omitempty"`

	// OnMarkedUp is what happens when it comes back: shutdown_backup_sessions
	// ends those of the backups.
	OnMarkedUp string `json:"on_marked_up,omitempty"`

	// Observe says what of the clients' traffic is watched: layer4, whether
	// connects succeed.
	Observe string `json:"observe,omitempty"`

	// ErrorLimit is how many connects in a row fail until on_error. Default: 10.
	ErrorLimit int `json:"error_limit,omitempty"`

	// OnError is what follows then: fastinter, fail_check, sudden_death or
	// mark_down. Default: fail_check.
	OnError string `json:"on_error,omitempty"`
}

// Check is how a server is checked. Not in effect yet.
type Check struct {
	// CheckerRaw is what is done: an object with the checker's name in module
	// (tcp, ssl_hello, tls, http or tcp_script) and its options. Default: tcp.
	CheckerRaw json.RawMessage `json:"checker,omitempty"`

	// Interval is the time between two checks. Default: 2s. It is HAProxy's
	// inter.
	Interval caddy.Duration `json:"interval,omitempty"`

	// FastInterval is the same while the state is changing. Default: interval.
	// It is HAProxy's fastinter.
	FastInterval caddy.Duration `json:"fast_interval,omitempty"`

	// DownInterval is the same while the server is down. Default: interval. It
	// is HAProxy's downinter.
	DownInterval caddy.Duration `json:"down_interval,omitempty"`

	// Rise is how many checks in a row bring the server up. Default: 2.
	Rise int `json:"rise,omitempty"`

	// Fall is how many failed checks in a row take it down. Default: 3.
	Fall int `json:"fall,omitempty"`

	// Timeout is how long a check may take. Default: interval.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Address is where the check connects to, HOST or HOST:PORT. Default: the
	// server's.
	Address string `json:"address,omitempty"`

	// Port is where the check connects to. Default: the address's.
	Port int `json:"port,omitempty"`

	// SendProxy has the check begin with a header of the PROXY protocol. It is
	// HAProxy's check-send-proxy.
	SendProxy bool `json:"send_proxy,omitempty"`
}

// Agent is a program that says how its server is. Not in effect yet.
type Agent struct {
	// Address is the agent's host. Default: the server's.
	Address string `json:"address,omitempty"`

	// Port is the agent's port. Required.
	Port int `json:"port,omitempty"`

	// Interval is the time between two questions. Default: 2s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Send is what the agent is sent first.
	Send string `json:"send,omitempty"`
}

func (w *Watch) check() error {
	for _, word := range []struct {
		name, value string
		known       []string
	}{
		{"init_state", w.InitState, initStates},
		{"on_marked_down", w.OnMarkedDown, downActions},
		{"on_marked_up", w.OnMarkedUp, upActions},
		{"observe", w.Observe, observedLayers},
		{"on_error", w.OnError, errorActions},
	} {
		if err := checkWord(word.name, word.value, word.known); err != nil {
			return err
		}
	}
	if err := checkNumbers(number{"error_limit", w.ErrorLimit}); err != nil {
		return err
	}
	if err := w.checkTrack(); err != nil {
		return err
	}
	if err := w.Check.check(); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if err := w.Agent.check(); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// checkTrack says what is wrong with track by itself.
func (w *Watch) checkTrack() error {
	if w.Track == "" {
		return nil
	}
	if w.Check != nil {
		return errors.New("it has check and track: expected one of the two, as in HAProxy")
	}
	backend, server, both := strings.Cut(w.Track, "/")
	if !both {
		server = backend
	}
	if CheckName(backend) != nil || CheckName(server) != nil {
		return fmt.Errorf("track %q: expected BACKEND/SERVER, or SERVER of the same backend", w.Track)
	}
	return nil
}

// check says what is wrong with a check; nil is none.
func (c *Check) check() error {
	if c == nil {
		return nil
	}
	if err := checkChecker(c.CheckerRaw); err != nil {
		return err
	}
	if err := checkDurations(duration{"interval", c.Interval}, duration{"fast_interval", c.FastInterval},
		duration{"down_interval", c.DownInterval}, duration{"timeout", c.Timeout}); err != nil {
		return err
	}
	if err := checkNumbers(number{"rise", c.Rise}, number{"fall", c.Fall}); err != nil {
		return err
	}
	if c.Address != "" {
		if err := checkOtherAddress(c.Address); err != nil {
			return err
		}
	}
	return checkPort(c.Port)
}

// checkChecker looks at the checker's name alone: its options are its own.
func checkChecker(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var inline struct {
		Module string `json:"module"`
	}
	if err := json.Unmarshal(raw, &inline); err != nil {
		return fmt.Errorf("checker: expected an object such as {\"module\": \"tcp\"}: %w", err)
	}
	if inline.Module == "" {
		return errors.New("checker: it has no module: expected an object such as {\"module\": \"tcp\"}")
	}
	return checkWord("checker", inline.Module, checkers)
}

// check says what is wrong with an agent; nil is none.
func (a *Agent) check() error {
	if a == nil {
		return nil
	}
	if a.Port == 0 {
		return errors.New("it has no port")
	}
	if a.Address != "" {
		if err := checkHost(a.Address); err != nil {
			return err
		}
	}
	if err := checkDurations(duration{"interval", a.Interval}); err != nil {
		return err
	}
	return checkPort(a.Port)
}

// checkOtherAddress is checkAddress for one that may have no port.
func checkOtherAddress(address string) error {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return checkFilledAddress(address)
	}
	return checkHost(address)
}

func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if strings.ContainsAny(host, ":[]") || checkFilledAddress(net.JoinHostPort(host, "1")) != nil {
		return fmt.Errorf("address %q: expected a host: an IP address or a name", host)
	}
	return nil
}

const maxPort = 65535

func checkPort(port int) error {
	if port < 0 || port > maxPort {
		return fmt.Errorf("port %d: expected a whole number from 1 to %d", port, maxPort)
	}
	return nil
}

func checkWord(name, value string, known []string) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s: unknown word %q%s", name, value, options.Suggest(value, known))
}

type number struct {
	name  string
	value int
}

func checkNumbers(numbers ...number) error {
	for _, n := range numbers {
		if n.value < 0 {
			return fmt.Errorf("%s %d: expected a whole number, zero or more", n.name, n.value)
		}
	}
	return nil
}

type duration struct {
	name  string
	value caddy.Duration
}

func checkDurations(durations ...duration) error {
	for _, d := range durations {
		if d.value < 0 {
			return fmt.Errorf("%s %v: expected a duration greater than zero", d.name, time.Duration(d.value))
		}
	}
	return nil
}
