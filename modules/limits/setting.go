// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync/atomic"
	"time"
)

// Override is a number that was set at run time, in place of a configured one.
type Override struct {
	Value, Configured int
	// By says where it was set, At when.
	By string
	At time.Time
}

// Setting is a number that can be set at run time: it then replaces the configured one until that
// changes. The zero value replaces none. It is safe for concurrent use.
type Setting struct{ override atomic.Pointer[Override] }

// Of returns the number that applies to a configuration with a configured one.
func (s *Setting) Of(configured int) int {
	if o := s.override.Load(); o != nil && o.Configured == configured {
		return o.Value
	}
	return configured
}

// Set replaces the configured number.
func (s *Setting) Set(value, configured int, by string) {
	if value == configured {
		s.override.Store(nil)
		return
	}
	s.override.Store(&Override{value, configured, by, time.Now()})
}

// Configure drops the number that was set if it was set in place of another configured one.
func (s *Setting) Configure(configured int) {
	if o := s.override.Load(); o != nil && o.Configured != configured {
		s.override.CompareAndSwap(o, nil)
	}
}

// Override returns the number that was set at run time, or nil.
func (s *Setting) Override() *Override { return s.override.Load() }

// Drop returns to the configured number. It reports whether another one was set.
func (s *Setting) Drop() bool { return s.override.Swap(nil) != nil }

// Limit is a limit of the process; 0: none.
type Limit struct {
	Setting
	configured atomic.Int64
}

// Load returns the limit.
func (l *Limit) Load() int64 { return int64(l.Of(l.Configured())) }

// Configured returns the limit of the configuration.
func (l *Limit) Configured() int { return int(l.configured.Load()) }

// Store sets the limit of the configuration.
func (l *Limit) Store(n int64) {
	l.configured.Store(n)
	l.Configure(int(n))
}
