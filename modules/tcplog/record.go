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
	level := zapcore.InfoLevel
	switch r.End {
	case Failed, InspectionFailed, NoResources:
		level = zapcore.ErrorLevel
	default:
	}
	line := logger.Check(level, "session")
	if line == nil {
		return
	}
	version := ""
	if r.Version != 0 {
		version = clienthello.VersionName(r.Version)
	}
	line.Write(
		zap.String("frontend", r.Frontend),
		zap.String("backend", r.Backend),
		zap.String("server", r.Server),
		zap.String("server_address", r.Address),
		zap.Stringer("client", r.Client),
		zap.Stringer("local", r.Local),
		zap.Time("accepted", r.Accepted),
		zap.String("outcome", r.outcome()),
		zap.String("sni", r.ServerName),
		zap.Strings("alpn", r.ALPN),
		zap.String("tls_version", version),
		seconds("hello_wait", r.HelloWait),
		seconds("queue_time", r.Queue),
		seconds("connect_time", r.Connect),
		seconds("duration", r.Duration),
		zap.Int("server_queue", r.ServerQueue),
		zap.Int("backend_queue", r.BackendQueue),
		zap.Int64("bytes_in", r.In),
		zap.Int64("bytes_out", r.Out),
		zap.Int("retries", r.Retries),
		zap.Bool("redispatched", r.Redispatched),
		zap.Int64("actconn", r.ActConn),
		zap.Int64("feconn", r.FEConn),
		zap.Int64("beconn", r.BEConn),
		zap.Int64("srv_conn", r.SrvConn),
		zap.String("termination", r.End.Letters()),
		zap.Stringer("end", r.End),
		zap.Stringer("ended_by", r.EndedBy),
		zap.String("error", r.Error),
	)
}

func (r *Record) outcome() string {
	if r.Uninspected {
		return "none"
	}
	return r.Outcome.String()
}

// seconds is a duration in whatever form the log's encoder gives durations, and
// -1 where it was not reached.
func seconds(name string, d time.Duration) zap.Field {
	if d == NotReached {
		return zap.Int(name, -1)
	}
	return zap.Duration(name, d)
}
