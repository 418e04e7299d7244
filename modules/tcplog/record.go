// SPDX-License-Identifier: Apache-2.0

// Package tcplog turns the record of one connection into one structured log
// line, written when the connection has ended, however it ended. The line has
// the same fields for every connection, so that a query needs no cases; a time
// that was never reached is -1, as in HAProxy's tcplog.
package tcplog

import (
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxALPN bounds the protocols in a line: a hello can name 16,000 of them.
const maxALPN = 8

// NotReached stands for a time that the connection did not get to.
const NotReached time.Duration = -1

// Record is what is known of one connection. It belongs to the connection's
// goroutine.
type Record struct {
	Frontend string
	Backend  string // empty: none was chosen
	Server   string // empty: none was chosen
	Address  string // the server's

	Client net.Addr
	Local  net.Addr // the address that the client connected to

	Accepted time.Time // when the client was accepted

	Outcome     clienthello.Outcome
	Uninspected bool // nothing was read to find an outcome: it is "none"

	ServerName string // as compared: lower case, without a trailing dot
	ALPN       []string
	Version    uint16 // highest TLS version offered; 0: no hello

	HelloWait time.Duration // accept to verdict
	Queue     time.Duration // in queues for a server
	Connect   time.Duration // verdict to connected, all attempts and pauses in it, but not Queue
	Duration  time.Duration // accept to end

	// How many had been served from the queue up to this connection itself, when
	// it left the queue: of a server, of the backend. 0: it was not in one.
	ServerQueue, BackendQueue int

	In, Out      int64 // bytes from the client, bytes to the client
	Retries      int
	Redispatched bool // a retry went to another server

	// Connections that there were when this one ended: of the process and of the
	// frontend, both with this one; of the backend and of the server, both without
	// it, which has given its place back. HAProxy's %ac, %fc, %bc and %sc.
	ActConn, FEConn, BEConn, SrvConn int64

	End     End
	EndedBy relay.Side
	Error   string // what lies behind the end, where there is more to say
}

// New begins a record.
func New(frontend string, client, local net.Addr) Record {
	return Record{
		Frontend: frontend, Client: client, Local: local,
		HelloWait: NotReached, Queue: NotReached, Connect: NotReached,
		EndedBy: relay.Proxy,
	}
}

// Hello takes what is logged of a hello. It copies: h may be reused.
func (r *Record) Hello(h *clienthello.Hello) {
	r.ServerName, r.Version = string(h.ServerName()), h.Version()
	for protocol := range h.ALPN() {
		if len(r.ALPN) == maxALPN {
			break
		}
		r.ALPN = append(r.ALPN, string(protocol))
	}
}

// Relayed takes the result of the relay.
func (r *Record) Relayed(result relay.Result) {
	r.In, r.Out = result.In, result.Out
	r.End, r.EndedBy = EndOf(result), result.By
	if result.Reason != "" {
		r.Error = result.Reason
	} else if result.Err != nil {
		r.Error = result.Err.Error()
	}
}

// Panicked notes that the proxy itself has failed.
func (r *Record) Panicked(value any) {
	r.End, r.EndedBy, r.Error = Failed, relay.Proxy, fmt.Sprint("panic: ", value)
}

// Write logs the line: at level error where the proxy itself failed, else at
// level info.
func (r *Record) Write(logger *zap.Logger) {
	line := logger.Check(r.End.level(), "session")
	if line == nil {
		return
	}
	kept := *r // so that a record whose line is not logged can stay on the stack
	line.Write(zap.Inline(&kept))
}

// MarshalLogObject adds the fields of the line.
func (r *Record) MarshalLogObject(line zapcore.ObjectEncoder) error {
	line.AddString("frontend", r.Frontend)
	line.AddString("backend", r.Backend)
	line.AddString("server", r.Server)
	line.AddString("server_address", r.Address)
	line.AddString("client", text(r.Client))
	line.AddString("local", text(r.Local))
	line.AddTime("accepted", r.Accepted)
	line.AddString("outcome", r.outcome())
	line.AddString("sni", r.ServerName)
	if err := line.AddArray("alpn", protocols(r.ALPN)); err != nil {
		return err
	}
	version := ""
	if r.Version != 0 {
		version = clienthello.VersionName(r.Version)
	}
	line.AddString("tls_version", version)
	addSeconds(line, "hello_wait", r.HelloWait)
	addSeconds(line, "queue_time", r.Queue)
	addSeconds(line, "connect_time", r.Connect)
	addSeconds(line, "duration", r.Duration)
	line.AddInt64("server_queue", int64(r.ServerQueue))
	line.AddInt64("backend_queue", int64(r.BackendQueue))
	line.AddInt64("bytes_in", r.In)
	line.AddInt64("bytes_out", r.Out)
	line.AddInt64("retries", int64(r.Retries))
	line.AddBool("redispatched", r.Redispatched)
	line.AddInt64("actconn", r.ActConn)
	line.AddInt64("feconn", r.FEConn)
	line.AddInt64("beconn", r.BEConn)
	line.AddInt64("srv_conn", r.SrvConn)
	line.AddString("termination", r.End.Letters())
	line.AddString("end", r.End.String())
	line.AddString("ended_by", r.EndedBy.String())
	line.AddString("error", r.Error)
	return nil
}

func (r *Record) outcome() string {
	if r.Uninspected {
		return "none"
	}
	return r.Outcome.String()
}

// addSeconds adds a duration in whatever form the log's encoder gives durations,
// and -1 where it was not reached.
func addSeconds(line zapcore.ObjectEncoder, name string, d time.Duration) {
	if d == NotReached {
		line.AddInt64(name, -1)
		return
	}
	line.AddDuration(name, d)
}

// text returns an address as text; empty where there is none.
func text(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// protocols are those of a hello, as an array of the line.
type protocols []string

// MarshalLogArray adds them one by one.
func (p protocols) MarshalLogArray(line zapcore.ArrayEncoder) error {
	for _, protocol := range p {
		line.AppendString(protocol)
	}
	return nil
}
