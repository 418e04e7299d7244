// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
)

// Checker checks whether a server works. One value serves all servers of a backend and is called
// from several goroutines, but never twice at once for the same server. Check returns soon after
// ctx ends.
type Checker interface {
	Check(ctx context.Context, t Target) Result
}

// Agent asks a program on the server's host about the server. It is HAProxy's agent-check.
type Agent interface {
	Ask(ctx context.Context, t Target) AgentReport
}

// Target says what a check connects to, and how.
type Target struct {
	// Network and Address are as for net.Dial: tcp, tcp4 or tcp6 and HOST:PORT, or unix and a path.
	Network, Address string
	Naming
	// Source is the local address to connect from; the zero value lets the system choose.
	Source netip.Addr
	// Interface is the network interface to connect through, or empty.
	Interface string
	// Namespace is the network namespace to connect from; nil: the one of the process.
	Namespace interface{ Do(f func() error) error }
	// SendProxy is the version of the PROXY protocol header to send first: 1, 2, or 0 for none.
	SendProxy int
	// ConnectTimeout limits each connect; zero: Timeout limits the whole check.
	ConnectTimeout time.Duration
	// Timeout limits the part of the check after the connect, or the whole check.
	Timeout time.Duration
	// Subject is the checked server; nil: unknown. The pool sets it for each check.
	Subject *Subject
}

// Naming says how to look up the host name of an address.
type Naming struct {
	// Resolver is the name of the resolver; empty: the system's.
	Resolver string
	// ResolvePrefer is the IP version whose addresses come first: ipv4, ipv6, or empty.
	ResolvePrefer string
	// ResolveNet are networks whose addresses come first, separated by commas.
	ResolveNet string
}

// Subject describes the server that a check is for.
type Subject struct {
	Backend, Server string
	// Down reports whether the server was down when the check began.
	Down bool
	// Snapshot returns the current state of the server. It is safe for concurrent use.
	Snapshot func() Snapshot
	// Seen is for the check to set, before it returns: the outcome of a TLS handshake.
	Seen *certificates.Seen
}

// Snapshot is the state of a server within its backend. HAProxy sends it to a server with
// http-check send-state.
type Snapshot struct {
	Down bool
	// Draining reports whether the server is in drain mode.
	Draining bool
	// Counter and Of are as in ServerStatus.
	Counter, Of int
	// Weight is the server's effective weight, which is lower during slow start. TotalWeight is the
	// sum over all servers that get connections.
	Weight, TotalWeight int
	// Sessions is the number of the server's sessions, TotalSessions that of the whole backend, Queued
	// the number of requests queued for the server.
	Sessions, TotalSessions, Queued int64
}

// Code is the result of a check, in the short form of HAProxy's statistics.
type Code string

// The codes, by the layer that the check reached.
const (
	Layer4OK         Code = "L4OK"     // connected
	Layer4Timeout    Code = "L4TOUT"   // no connection in time
	Layer4Connection Code = "L4CON"    // no connection: refused, unreachable, reset
	Layer6OK         Code = "L6OK"     // TLS works
	Layer6Timeout    Code = "L6TOUT"   // no TLS in time
	Layer6Response   Code = "L6RSP"    // not TLS, or a failed handshake
	Layer7OK         Code = "L7OK"     // the expected answer
	Layer7Stopping   Code = "L7OKC"    // passed, but the server wants no new connections
	Layer7Timeout    Code = "L7TOUT"   // no answer in time
	Layer7Response   Code = "L7RSP"    // no answer, or one that cannot be parsed
	Layer7Status     Code = "L7STS"    // an answer that reports failure
	ProcessOK        Code = "PROCOK"   // the program exited with status 0
	ProcessTimeout   Code = "PROCTOUT" // the program did not exit in time
	ProcessError     Code = "PROCERR"  // the program exited with another status, or did not start
	SocketError      Code = "SOCKERR"  // the proxy ran out of descriptors, ports or memory
	DNSError         Code = "DNSERR"   // name resolution failed
	CodeObserved     Code = "HANA"     // not from a check: errors of client connections (observe)
	CodeEjected      Code = "EJECT"    // not from a check: failed connects of clients (passive)
	CodeNotChecked   Code = "INI"      // no check has finished yet
	CodeManual       Code = "SET"      // not from a check: set by an operator or the configuration
	CodeResolved     Code = "ADDR"     // not from a check: another address was found
	CodeTracked      Code = "TRACK"    // not from a check: taken from the tracked server
)

var reasons = map[Code]string{
	Layer4OK:         "layer 4 check passed",
	Layer4Timeout:    "layer 4 timeout",
	Layer4Connection: "layer 4 connection problem",
	Layer6OK:         "layer 6 check passed",
	Layer6Timeout:    "layer 6 timeout",
	Layer6Response:   "layer 6 invalid response",
	Layer7OK:         "layer 7 check passed",
	Layer7Stopping:   "layer 7 check conditionally passed",
	Layer7Timeout:    "layer 7 timeout",
	Layer7Response:   "layer 7 invalid response",
	Layer7Status:     "layer 7 wrong status",
	ProcessOK:        "external check passed",
	ProcessTimeout:   "external check timeout",
	ProcessError:     "external check error",
	SocketError:      "socket error",
	DNSError:         "name resolution failed (DNS)",
	CodeObserved:     "errors of client connections",
	CodeEjected:      "failed client connects",
	CodeNotChecked:   "not checked yet",
	CodeManual:       "set by the operator or the configuration",
	CodeResolved:     "the address has changed",
	CodeTracked:      "follows the tracked server",
}

// String returns a description of the code.
func (c Code) String() string { return reasons[c] }

// Unknown reports whether a check with this code says nothing about the server.
func (c Code) Unknown() bool { return c == SocketError || c == DNSError }

// OK reports whether a check with this code has passed.
func (c Code) OK() bool {
	return c == Layer4OK || c == Layer6OK || c == Layer7OK || c == Layer7Stopping || c == ProcessOK
}

// Result is the result of a check.
type Result struct {
	Code Code
	// Info gives details: the error, or what the server sent instead of the expected answer.
	Info string
	// Warning needs an operator's attention although the check has passed, such as a certificate that
	// expires soon.
	Warning string
}

// AgentReport is an agent's answer. Values that the agent does not mention stay as they are.
type AgentReport struct {
	// Result is the result of the exchange. Code is Layer7OK if the agent reports the server up,
	// Layer7Status if it reports it down, and CodeNotChecked if it says neither. All other codes are
	// errors and change nothing.
	Result
	// Admin is the administrative state that the agent asks for; nil: not mentioned.
	Admin *Admin
	// Weight is as for ParseWeight; empty: not mentioned.
	Weight string
	// MaxConn is the server's new maxconn; nil: not mentioned.
	MaxConn *int

	seen *certificates.Seen // by a check
}

// HealthConfig configures how the health of a server is determined, and what a change of it
// triggers.
type HealthConfig struct {
	// Check configures health checks; nil: none.
	Check *Check
	// Agent configures agent checks; nil: none.
	Agent *AgentCheck
	// Track is the server whose health this one shares; zero: none.
	Track Ref
	// Init is the state that the server starts in.
	Init InitState
	// Observe selects the errors of client connections that count.
	Observe Observe
	// ErrorLimit is the number of consecutive errors that triggers OnError.
	ErrorLimit int
	OnError    OnError
	// Passive takes the server down for a while when clients fail to connect to it.
	Passive Passive
	// EvictOnDown ends the server's sessions when it goes down or into maintenance. It is HAProxy's
	// on-marked-down shutdown-sessions.
	EvictOnDown bool
	// EvictBackupsOnUp ends the sessions of all backups when this server is up again. It is HAProxy's
	// on-marked-up shutdown-backup-sessions.
	EvictBackupsOnUp bool
}

// Check configures the checks of a server. All fields are required except for FastInterval and
// DownInterval (default: Interval) and Spread.
type Check struct {
	Checker Checker
	Target  Target
	// Interval is the time from the start of one check to the start of the next. FastInterval applies
	// while the server is neither fully up nor fully down, DownInterval while it is fully down. A
	// check that takes longer delays the next by whole intervals.
	Interval, FastInterval, DownInterval time.Duration
	// Rise and Fall are the numbers of consecutive results that take the server up and down.
	Rise, Fall int
	// Spread is the random deviation from the interval, earlier or later, in percent.
	Spread int
}

// AgentCheck configures the agent checks of a server.
type AgentCheck struct {
	Agent    Agent
	Target   Target
	Interval time.Duration
	// Send is the text that the agent gets first.
	Send string
}

// Ref names a server.
type Ref struct{ Backend, Server string }

// String returns BACKEND/SERVER.
func (r Ref) String() string { return r.Backend + "/" + r.Server }
