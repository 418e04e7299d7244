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
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// What the words of Watch and Check may be.
var (
	initStates = map[string]pool.InitState{
		"none": pool.InitUp, "up": pool.InitUp, "fully_up": pool.InitFullyUp,
		"down": pool.InitDown, "fully_down": pool.InitFullyDown,
	}
	observed     = map[string]pool.Observe{"layer4": pool.ObserveConnect, "first_byte": pool.ObserveAnswer}
	errorActions = map[string]pool.OnError{
		"fastinter": pool.FastInter, "fail_check": pool.FailCheck, "sudden_death": pool.SuddenDeath, "mark_down": pool.MarkDown,
	}
	downActions   = []string{"shutdown_sessions"}
	upActions     = []string{"shutdown_backup_sessions"}
	proxyVersions = []string{"v1", "v2"}
)

// maxSpread is the highest spread, as in HAProxy.
const maxSpread = 50

func wordsOf[V any](words map[string]V) []string { return slices.Sorted(maps.Keys(words)) }

func (w *HealthOptions) check() error {
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
		if err := options.CheckWord(word.name, word.value, word.known); err != nil {
			return err
		}
	}
	if err := checkNumbers(number{"error_limit", w.ErrorLimit}); err != nil {
		return err
	}
	if w.Check != nil && w.NoCheck {
		return errors.New("it has check and no_check: expected one of the two")
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
func (w *HealthOptions) checkTrack() error {
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
	if err := checkDurations(duration{"interval", c.Interval}, duration{"fast_interval", c.FastInterval},
		duration{"down_interval", c.DownInterval}, duration{"timeout", c.Timeout}); err != nil {
		return err
	}
	if err := checkNumbers(number{"rise", c.Rise}, number{"fall", c.Fall}); err != nil {
		return err
	}
	if c.Spread < 0 || c.Spread > maxSpread {
		return fmt.Errorf("spread %d: expected a whole number from 0 to %d, in percent", c.Spread, maxSpread)
	}
	if _, err := netip.ParseAddr(c.Source); c.Source != "" && err != nil {
		return fmt.Errorf("source %q: expected an IP address", c.Source)
	}
	if err := options.CheckWord("send_proxy", c.SendProxy, proxyVersions); err != nil {
		return err
	}
	if c.Address != "" {
		if err := checkOtherAddress(c.Address); err != nil {
			return err
		}
	}
	return checkPort(c.Port)
}

// Defaults of passive.
const (
	DefaultFails  = 3
	DefaultWindow = 10 * time.Second
	DefaultEject  = 10 * time.Second
)

// check says what is wrong with passive; nil is none.
func (p *Passive) check() error {
	if p == nil {
		return nil
	}
	if err := checkNumbers(number{"fails", p.Fails}); err != nil {
		return err
	}
	return checkDurations(duration{"window", p.Window}, duration{"eject", p.Eject})
}

// passive is what the pool must know of it; nil is none.
func (p *Passive) passive() pool.Passive {
	if p == nil {
		return pool.Passive{}
	}
	return pool.Passive{
		Fails:  cmp.Or(p.Fails, DefaultFails),
		Window: cmp.Or(time.Duration(p.Window), DefaultWindow), Eject: cmp.Or(time.Duration(p.Eject), DefaultEject),
	}
}

// table has the options of passive.
func (p *Passive) table() options.Table {
	return options.Table{
		"fails": options.Int(&p.Fails, 1, maxNumber), "window": options.Duration(&p.Window), "eject": options.Duration(&p.Eject),
	}
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

// checkOtherAddress is checkAddress for one that may have no port, and is neither
// a Unix socket nor a template.
func checkOtherAddress(address string) error {
	network, to := SplitAddress(address)
	if _, _, err := net.SplitHostPort(to); err != nil || network == "unix" {
		return checkHost(address)
	}
	if err := checkFilledAddress(to); err != nil {
		return err
	}
	return checkFamily(address)
}

// checkHost says what is wrong with a host without a port.
func checkHost(address string) error {
	network, host := SplitAddress(address)
	if _, err := netip.ParseAddr(host); err == nil {
		return checkFamily(address)
	}
	if network == "unix" || strings.ContainsAny(host, ":[]") || checkFilledAddress(net.JoinHostPort(host, "1")) != nil {
		return fmt.Errorf("address %q: expected a host: an IP address or a name", address)
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
		if err := options.CheckDuration(d.name, d.value); err != nil {
			return err
		}
	}
	return nil
}
