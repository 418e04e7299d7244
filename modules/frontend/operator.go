// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Errors of a change of a frontend at run time.
var (
	// ErrNoFrontend means that no configuration that runs has a frontend of the name.
	ErrNoFrontend = errors.New("no such frontend")
	// ErrShutDown means that the frontend was shut down, and stays so until a reload.
	ErrShutDown = errors.New("the frontend was shut down, until a reload")
	// ErrForeignListeners means that the listeners of the frontend are not its own.
	ErrForeignListeners = errors.New("the frontend has no listeners of its own: those of a layer4 server or an HTTP server cannot be shut down alone")
)

// operated holds the values that an operator has set for a frontend. It outlives reloads.
type operated struct {
	maxConn, sessionRate limits.Setting
	disabled             limits.Setting // 1: disabled
}

// frontendOperated holds the above by the frontends' names.
var frontendOperated = weakRegistry[operated]{keep: keptFrontends}

// maxConn returns the number of connections at which Pause leaves further ones in the kernel's
// queue; 0: no limit.
func (f *Frontend) maxConn() int { return f.operated.maxConn.Of(f.MaxConn) }

// sessionRate returns the number of connections in a second at which Pause does.
func (f *Frontend) sessionRate() int { return f.operated.sessionRate.Of(f.SessionRate) }

// isDisabled reports whether the frontend accepts no connections.
func (f *Frontend) isDisabled() bool { return f.operated.disabled.Of(0) == 1 }

// ofConfig drops values that replace configured ones which have changed.
func (f *Frontend) ofConfig() {
	f.operated.maxConn.Configure(f.MaxConn)
	f.operated.sessionRate.Configure(f.SessionRate)
}

// State says whether a frontend accepts connections.
type State uint8

// The states of a frontend.
const (
	// Open frontends accept connections.
	Open State = iota
	// Full frontends have as many connections as they may, or as many in this second.
	Full
	// Disabled frontends leave new connections in the kernel's queue. It is HAProxy's PAUSED.
	Disabled
	// Stopped frontends have closed their listeners. It is HAProxy's STOP.
	Stopped
)

var stateNames = [...]string{Open: "open", Full: "full", Disabled: "disabled", Stopped: "stopped"}

// String returns open, full, disabled or stopped.
func (s State) String() string { return stateNames[s] }

// state returns the state of the frontend.
func (f *Frontend) state() State {
	switch {
	case f.stopped.Load():
		return Stopped
	case f.isDisabled():
		return Disabled
	case f.Full():
		return Full
	default:
		return Open
	}
}

// Full reports whether the frontend has as many connections as it may.
func (f *Frontend) Full() bool {
	limit := f.maxConn()
	return limit > 0 && f.conns.Load() >= int64(limit)
}

// OnShutdown sets what closes the listeners of the frontend, if they are its own.
func (f *Frontend) OnShutdown(closeAll func()) { f.closeAll.Store(&closeAll) }

// Change is a change of a frontend at run time. Fields that are nil change nothing.
type Change struct {
	// Enabled says whether the frontend accepts connections. Otherwise they wait in the kernel's
	// queue.
	Enabled *bool
	// MaxConn and SessionRate replace those of the configuration; 0: no limit.
	MaxConn, SessionRate *int
}

// Operate changes a frontend of the configuration that runs. by says where the change comes from.
// What it sets lasts until the configured value changes. It returns the changed values. The error
// is ErrNoFrontend or ErrShutDown; then nothing changes.
func Operate(name, by string, c Change) ([]pool.Changed, error) {
	f, err := running(name)
	if err != nil {
		return nil, err
	}
	if c.Enabled != nil && f.stopped.Load() {
		return nil, ErrShutDown
	}
	before := f.values()
	if c.MaxConn != nil {
		f.operated.maxConn.Set(*c.MaxConn, f.MaxConn, by)
	}
	if c.SessionRate != nil {
		f.operated.sessionRate.Set(*c.SessionRate, f.SessionRate, by)
	}
	if c.Enabled != nil {
		f.operated.disabled.Set(boolToInt(!*c.Enabled), 0, by)
	}
	f.conns.wake()
	return pool.Differences(before, f.values()), nil
}

// values returns what a Change may change.
func (f *Frontend) values() []pool.Changed {
	return []pool.Changed{
		{Key: "enabled", To: strconv.FormatBool(!f.isDisabled())},
		{Key: "maxconn", To: strconv.Itoa(f.maxConn())},
		{Key: "rate_limit_sessions", To: strconv.Itoa(f.sessionRate())},
	}
}

// ShutDown closes the listeners of a frontend until a reload opens them again. The error is
// ErrNoFrontend, ErrShutDown or ErrForeignListeners. It returns the state before.
func ShutDown(name string) (before State, err error) {
	f, err := running(name)
	if err != nil {
		return Stopped, err
	}
	before = f.state()
	closeAll := f.closeAll.Load()
	if closeAll == nil {
		return before, ErrForeignListeners
	}
	if f.stopped.Swap(true) {
		return before, ErrShutDown
	}
	(*closeAll)()
	return before, nil
}

// running returns the frontend of that name of the configuration that runs.
func running(name string) (*Frontend, error) {
	if a := activeFrontends.lookup(name); a != nil {
		if f := a.current(); f != nil {
			return f, nil
		}
	}
	return nil, ErrNoFrontend
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// operation is the part of a Frontend that changes at run time.
type operation struct {
	operated *operated
	stopped  atomic.Bool            // shut down
	closeAll atomic.Pointer[func()] // nil: the listeners are not its own
}

// Overrides are the values of a frontend that were set at run time; nil ones are as configured.
type Overrides struct{ MaxConn, SessionRate, Disabled *limits.Override }

// DropOverrides returns a value of a frontend, enabled, maxconn or rate_limit_sessions, to that of
// the configuration, or all of them if key is empty. It returns the changed values. The error is
// ErrNoFrontend.
func DropOverrides(name, key string) ([]pool.Changed, error) {
	f, err := running(name)
	if err != nil {
		return nil, err
	}
	before, o := f.values(), f.operated
	for k, s := range map[string]*limits.Setting{"enabled": &o.disabled, "maxconn": &o.maxConn, "rate_limit_sessions": &o.sessionRate} {
		if key == "" || key == k {
			s.Drop()
		}
	}
	f.conns.wake()
	return pool.Differences(before, f.values()), nil
}

// AllOverrides returns those of the frontends by name.
func AllOverrides() map[string]Overrides {
	all := make(map[string]Overrides)
	for name, o := range frontendOperated.all() {
		if now := (Overrides{o.maxConn.Override(), o.sessionRate.Override(), o.disabled.Override()}); now != (Overrides{}) && activeFrontends.lookup(name) != nil {
			all[name] = now
		}
	}
	return all
}
