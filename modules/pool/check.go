// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"net/netip"
	"time"
)

// Checker finds out how a server is. One value serves all servers of a backend,
// and is called by several goroutines at a time; the same server is never checked
// twice at once. Check ends soon after ctx does.
type Checker interface {
	Check(ctx context.Context, t Target) Result
}

// Agent asks a program beside a server how that is. It is HAProxy's agent-check.
type Agent interface {
	Ask(ctx context.Context, t Target) AgentReport
}

// Target is what a check connects to, and how.
type Target struct {
	// Network and Address are as net.Dial takes them: tcp, tcp4 or tcp6 and
	// HOST:PORT, or unix and a path.
	Network, Address string
	// ResolvePrefer is whose addresses of a host name come first: ipv4, ipv6, or
	// empty.
	ResolvePrefer string
	// Source is the address to connect from; the zero value leaves it to the system.
	Source netip.Addr
	// SendProxy is the version of the PROXY protocol whose header goes first: 1, 2,
	// or 0 for none.
	SendProxy int
	// ConnectTimeout bounds each connect alone; zero: Timeout bounds the whole
	// check.
	ConnectTimeout time.Duration
	// Timeout bounds what comes after the connect, or the whole check.
	Timeout time.Duration
	// Subject is the server that is checked; nil where that is not known. The pool sets
	// it for each check.
	Subject *Subject
}

// Subject is the server that a check is about.
type Subject struct {
	Backend, Server string
	// Down reports whether the server was down when the check began.
	Down bool
	// Snapshot returns how the server stands now. It is safe for concurrent use.
	Snapshot func() Snapshot
}

// Snapshot is how a server stands among those of its backend. It is what HAProxy
// tells a server with http-check send-state.
type Snapshot struct {
	Down bool
	// Draining reports whether the server is given no new connections though it is up.
	Draining bool
	// Counter of Of is as in ServerStatus.
	Counter, Of int
	// Weight is the server's, which is less while it starts slowly, and WeightOfAll that
	// of all servers that are given connections.
	Weight, TotalWeight int
	// Sessions of the server and of the whole backend, and how many wait for the server.
	Sessions, TotalSessions, Queued int64
}

// Code is how a check went, in the short words of HAProxy's statistics.
type Code string

// The codes, by the layer that a check has reached.
const (
	Layer4OK         Code = "L4OK"     // connected
	Layer4Timeout    Code = "L4TOUT"   // no connection in time
	Layer4Connection Code = "L4CON"    // no connection: refused, unreachable, reset
	Layer6OK         Code = "L6OK"     // TLS is spoken
	Layer6Timeout    Code = "L6TOUT"   // no TLS in time
	Layer6Response   Code = "L6RSP"    // something else than TLS, or a handshake that failed
	Layer7OK         Code = "L7OK"     // the answer is the one expected
	Layer7Stopping   Code = "L7OKC"    // passed, but the server wants no new connections
	Layer7Timeout    Code = "L7TOUT"   // no answer in time
	Layer7Response   Code = "L7RSP"    // no answer, or one that cannot be read
	Layer7Status     Code = "L7STS"    // an answer that says no
	ProcessOK        Code = "PROCOK"   // a program has exited with status 0
	ProcessTimeout   Code = "PROCTOUT" // a program has not exited in time
	ProcessError     Code = "PROCERR"  // a program has exited with another status, or not started
	SocketError      Code = "SOCKERR"  // the proxy lacks a descriptor, a port or memory
	DNSError         Code = "DNSERR"   // the DNS does not say where the server is
	CodeObserved     Code = "HANA"     // no check: what clients met
	CodeEjected      Code = "EJECT"    // no check: what clients could not connect to
	CodeNotChecked   Code = "INI"      // no check is over yet
	CodeManual       Code = "SET"      // no check: somebody has set it
	CodeTracked      Code = "TRACK"    // no check: the server that it tracks is so
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
	CodeObserved:     "errors that clients met",
	CodeEjected:      "failed connects of clients",
	CodeNotChecked:   "not checked yet",
	CodeManual:       "set by hand or by the configuration",
	CodeTracked:      "so is the server that it tracks",
}

// String is the code in words.
func (c Code) String() string { return reasons[c] }

// Unknown reports whether a check with this code says nothing of the server.
func (c Code) Unknown() bool { return c == SocketError || c == DNSError }

// OK reports whether a check with this code has passed.
func (c Code) OK() bool {
	return c == Layer4OK || c == Layer6OK || c == Layer7OK || c == Layer7Stopping || c == ProcessOK
}

// Result is how a check went.
type Result struct {
	Code Code
	// Info is what there is to say beside the code: the error, or what was seen in
	// place of what was expected.
	Info string
	// Warning is what somebody should see to though the check has passed, such as a
	// certificate that will soon be over.
	Warning string
}

// AgentReport is what an agent says. What it does not speak of stays as it is.
type AgentReport struct {
	// Result is how the exchange went. Code is Layer7OK where the agent says that
	// the server is up, Layer7Status where it says that it is down; CodeNotChecked where
	// it answers and says neither. All others are errors, which change nothing.
	Result
	// Admin is the administrative state that it asks for, if any.
	Admin *Admin
	// Weight is as for ParseWeight; empty: none is given.
	Weight string
	// MaxConn is the server's maxconn; nil: none is given.
	MaxConn *int
}

// HealthConfig is what a configuration says of a server's health, and of what follows
// from it.
type HealthConfig struct {
	// Check is how the server is checked; nil: it is not.
	Check *Check
	// Agent is how a program beside it is asked; nil: there is none.
	Agent *AgentCheck
	// Track is the server whose health this one shares; zero: none.
	Track Ref
	// Init is what the server begins with.
	Init InitState
	// Observe says which of the errors that clients meet are counted.
	Observe Observe
	// ErrorLimit is how many of them in a row are followed by OnError.
	ErrorLimit int
	OnError    OnError
	// Passive takes the server down for a while when clients cannot connect to it.
	Passive Passive
	// EvictOnDown has the server's sessions end when it goes down or into
	// maintenance. It is HAProxy's on-marked-down shutdown-sessions.
	EvictOnDown bool
	// EvictBackupsOnUp has the sessions of all backups end when this server is up again.
	// It is HAProxy's on-marked-up shutdown-backup-sessions.
	EvictBackupsOnUp bool
}

// Check is how and when a server is checked. All must be set but FastInterval,
// DownInterval (then they are Interval) and Spread.
type Check struct {
	Checker Checker
	Target  Target
	// Interval is the time between the beginnings of two checks; FastInterval while
	// the state is neither fully up nor fully down, DownInterval while it is fully
	// down. A check that takes longer delays the next by whole intervals.
	Interval, FastInterval, DownInterval time.Duration
	// Rise and Fall are how many results in a row bring the server up and down.
	Rise, Fall int
	// Spread is by how much of an interval a check may come earlier or later, in
	// percent.
	Spread int
}

// AgentCheck is how and when an agent is asked.
type AgentCheck struct {
	Agent    Agent
	Target   Target
	Interval time.Duration
}

// Ref names a server.
type Ref struct{ Backend, Server string }

// String is BACKEND/SERVER.
func (r Ref) String() string { return r.Backend + "/" + r.Server }
