// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Allowed values of HealthOptions and Check.
var (
	initStates = map[string]pool.InitState{
		"none": pool.InitUp, "up": pool.InitUp, "fully_up": pool.InitFullyUp,
		"down": pool.InitDown, "fully_down": pool.InitFullyDown,
	}
	observed     = map[string]pool.Observe{"layer4": pool.ObserveConnect, "first_byte": pool.ObserveAnswer}
	errorActions = map[string]pool.OnError{
		"fastinter": pool.FastInter, "fail_check": pool.FailCheck, "sudden_death": pool.SuddenDeath, "mark_down": pool.MarkDown,
	}
	downActions = []string{"shutdown_sessions"}
	upActions   = []string{"shutdown_backup_sessions"}
)

// maxSpread is the maximum of Check.Spread, as in HAProxy.
const maxSpread = 50

func wordsOf[V any](words map[string]V) []string { return slices.Sorted(maps.Keys(words)) }

func (w *HealthOptions) validate() error {
	for _, word := range []struct {
		name, value string
		known       []string
	}{
		{"init_state", w.InitState, wordsOf(initStates)},
		{"on_marked_down", w.OnMarkedDown, downActions},
		{"on_marked_up", w.OnMarkedUp, upActions},
		{"observe", w.Observe, wordsOf(observed)},
		{"on_error", w.OnError, wordsOf(errorActions)},
	} {
		if err := options.ValidateWord(word.name, word.value, word.known); err != nil {
			return err
		}
	}
	if err := validateNumbers(number{"error_limit", w.ErrorLimit}); err != nil {
		return err
	}
	if w.Check != nil && w.NoCheck {
		return errors.New("it has check and no_check: expected one of the two")
	}
	return cmp.Or(w.validateTrack(), wrapAbout("check", w.Check.validate()), wrapAbout("agent", w.Agent.validate()))
}

// validateTrack validates track on its own.
func (w *HealthOptions) validateTrack() error {
	if w.Track == "" {
		return nil
	}
	if w.Check != nil {
		return errors.New("it has check and track: expected one of the two, as in HAProxy")
	}
	if w.InitState != "" {
		return errors.New("it has init_state and track: it begins as the server that it tracks")
	}
	backend, server, both := strings.Cut(w.Track, "/")
	if !both {
		server = backend
	}
	if ValidateName(backend) != nil || ValidateName(server) != nil {
		return fmt.Errorf("track %q: expected BACKEND/SERVER, or SERVER of the same backend", w.Track)
	}
	return nil
}

// validate validates a check. c may be nil.
func (c *Check) validate() error {
	if c == nil {
		return nil
	}
	return cmp.Or(
		validateDurations(duration{"interval", c.Interval}, duration{"fast_interval", c.FastInterval},
			duration{"down_interval", c.DownInterval}, duration{"timeout", c.Timeout}),
		validateNumbers(number{"rise", c.Rise}, number{"fall", c.Fall}),
		c.validateSpread(),
		c.validateSource(),
		options.ValidateWord("send_proxy", c.SendProxy, headerVersions),
		validateCheckAddress(c.Address),
		validatePort(c.Port),
	)
}

func (c *Check) validateSpread() error {
	if c.Spread < 0 || c.Spread > maxSpread {
		return fmt.Errorf("spread %d: expected a whole number from 0 to %d, in percent", c.Spread, maxSpread)
	}
	return nil
}

func (c *Check) validateSource() error {
	if _, err := netip.ParseAddr(c.Source); c.Source != "" && err != nil {
		return fmt.Errorf("source %q: expected an IP address", c.Source)
	}
	return nil
}

// validate validates an agent. a may be nil.
func (a *Agent) validate() error {
	if a == nil {
		return nil
	}
	if a.Port == 0 {
		return errors.New("it has no port")
	}
	if a.Address != "" {
		if err := validateHost(a.Address); err != nil {
			return err
		}
	}
	if err := validateDurations(duration{"interval", a.Interval}); err != nil {
		return err
	}
	return validatePort(a.Port)
}

// validateCheckAddress validates the address of a check, which may be empty or have no port. It is
// neither a Unix socket nor a template.
func validateCheckAddress(address string) error {
	if address == "" {
		return nil
	}
	network, to := SplitAddress(address)
	if _, _, err := net.SplitHostPort(to); err != nil || network == "unix" {
		return validateHost(address)
	}
	if err := validateFilledAddress(to); err != nil {
		return err
	}
	return validateFamily(address)
}

// validateHost validates a host without a port.
func validateHost(address string) error {
	network, host := SplitAddress(address)
	if _, err := netip.ParseAddr(host); err == nil {
		return validateFamily(address)
	}
	if network == "unix" || strings.ContainsAny(host, ":[]") || validateFilledAddress(net.JoinHostPort(host, "1")) != nil {
		return fmt.Errorf("address %q: expected a host: an IP address or a name", address)
	}
	return nil
}

const maxPort = 65535

func validatePort(port int) error {
	if port < 0 || port > maxPort {
		return fmt.Errorf("port %d: expected a whole number from 1 to %d", port, maxPort)
	}
	return nil
}

type number struct {
	name  string
	value int
}

func validateNumbers(numbers ...number) error {
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

func validateDurations(durations ...duration) error {
	for _, d := range durations {
		if err := options.ValidateDuration(d.name, d.value); err != nil {
			return err
		}
	}
	return nil
}

// validateHealth validates the health options of a server in the context of its backend.
func (b *Backend) validateHealth(s *Server) error {
	return cmp.Or(b.checkOf(s).validateFor(s), b.agentOf(s).validateFor(s))
}

// validateFor validates the check that applies to a server. c is nil if none does.
func (c *Check) validateFor(s *Server) error {
	switch {
	case c == nil:
		return s.validateUnchecked()
	case c.Address == "" && DependsOnClient(s.Address):
		return fmt.Errorf("it has a check, and address %q depends on each connection: expected an address in check, or no_check", s.Address)
	case c.Port == 0 && !hasPort(c.Address) && HasRelativePort(s.Address):
		return fmt.Errorf("it has a check, and the port of address %q is relative to that of each connection: expected port in check, or no_check", s.Address)
	}
	return nil
}

// validateUnchecked validates that a server without a check has no option that needs one.
func (w *HealthOptions) validateUnchecked() error {
	switch {
	case w.Observe != "":
		return fmt.Errorf("it has observe %s and no check: errors take a server down, and only a check brings it up again: expected a check", w.Observe)
	case w.InitState != "":
		return fmt.Errorf("it has init_state %s and no check: expected a check", w.InitState)
	}
	return nil
}

// validateFor validates the agent that applies to a server. a is nil if none does.
func (a *Agent) validateFor(s *Server) error {
	if a != nil && a.Address == "" && (DependsOnClient(s.Address) || isUnix(s.Address)) {
		return fmt.Errorf("it has an agent, and address %q has no fixed host: expected an address in agent", s.Address)
	}
	return nil
}

// hasPort reports whether the address of a check has a port.
func hasPort(address string) bool {
	_, to := SplitAddress(address)
	_, _, err := net.SplitHostPort(to)
	return err == nil
}
