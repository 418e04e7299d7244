// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"net/netip"
	"os"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// recordFacts has the facts of a record for a format.
type recordFacts struct {
	*Record
	step  Step
	lines int64 // of the log before this one
}

// Fact implements logformat.Facts.
func (f *recordFacts) Fact(a logformat.Alias) logformat.Fact {
	if get := factsByAlias[a]; get != nil {
		return get(f)
	}
	return logformat.Fact{}
}

var hostname = sync.OnceValue(func() string {
	name, _ := os.Hostname()
	return name
})

// factsByAlias returns the facts, with HAProxy's texts and units.
var factsByAlias = [logformat.AliasCount]func(*recordFacts) logformat.Fact{
	logformat.Accepted:      func(f *recordFacts) logformat.Fact { return number(f.Record.Accepted.UnixMicro()) },
	logformat.ClientIP:      func(f *recordFacts) logformat.Fact { return f.Client.fact() },
	logformat.ClientPort:    func(f *recordFacts) logformat.Fact { return f.Client.portFact() },
	logformat.FrontendIP:    func(f *recordFacts) logformat.Fact { return f.Local.fact() },
	logformat.FrontendPort:  func(f *recordFacts) logformat.Fact { return f.Local.portFact() },
	logformat.Frontend:      func(f *recordFacts) logformat.Fact { return words(f.Record.Frontend) },
	logformat.Backend:       func(f *recordFacts) logformat.Fact { return words(f.backendOrFrontend()) },
	logformat.Server:        func(f *recordFacts) logformat.Fact { return words(f.serverOrNone()) },
	logformat.ServerIP:      func(f *recordFacts) logformat.Fact { return f.serverAddr().fact() },
	logformat.ServerPort:    func(f *recordFacts) logformat.Fact { return f.serverAddr().portFact() },
	logformat.SourceIP:      func(f *recordFacts) logformat.Fact { return f.Source.fact() },
	logformat.SourcePort:    func(f *recordFacts) logformat.Fact { return f.Source.portFact() },
	logformat.BytesOut:      func(f *recordFacts) logformat.Fact { return number(f.Out) },
	logformat.BytesIn:       func(f *recordFacts) logformat.Fact { return number(f.In) },
	logformat.Wait:          func(f *recordFacts) logformat.Fact { return number(f.waited()) },
	logformat.Connect:       func(f *recordFacts) logformat.Fact { return number(f.connectTime()) },
	logformat.Data:          func(f *recordFacts) logformat.Fact { return number(f.dataTime()) },
	logformat.Total:         func(f *recordFacts) logformat.Fact { return number(milliseconds(f.Duration)) },
	logformat.Letters:       func(f *recordFacts) logformat.Fact { return words(f.End.Letters()) },
	logformat.CookieLetters: func(f *recordFacts) logformat.Fact { return words(f.End.Letters() + "--") },
	logformat.ActConn:       func(f *recordFacts) logformat.Fact { return number(f.Record.ActConn) },
	logformat.FEConn:        func(f *recordFacts) logformat.Fact { return number(f.Record.FEConn) },
	logformat.BEConn:        func(f *recordFacts) logformat.Fact { return number(f.Record.BEConn) },
	logformat.SrvConn:       func(f *recordFacts) logformat.Fact { return number(f.Record.SrvConn) },
	logformat.Retries: func(f *recordFacts) logformat.Fact {
		return logformat.Fact{Number: int64(f.Record.Retries), Plus: f.Redispatched}
	},
	logformat.ServerQueue:  func(f *recordFacts) logformat.Fact { return number(int64(f.Record.ServerQueue)) },
	logformat.BackendQueue: func(f *recordFacts) logformat.Fact { return number(int64(f.Record.BackendQueue)) },
	logformat.UniqueID:     func(f *recordFacts) logformat.Fact { return words(f.Record.UniqueID) },
	logformat.RequestCount: func(f *recordFacts) logformat.Fact { return number(max(0, f.Number-1)) },
	logformat.LogCount:     func(f *recordFacts) logformat.Fact { return number(f.lines) },
	logformat.PID:          func(*recordFacts) logformat.Fact { return number(int64(os.Getpid())) },
	logformat.Hostname:     func(*recordFacts) logformat.Fact { return words(hostname()) },
	logformat.Origin:       func(f *recordFacts) logformat.Fact { return words(f.origin()) },
	logformat.BadRequest:   func(*recordFacts) logformat.Fact { return words("<BADREQ>") },
	logformat.NotReached:   func(*recordFacts) logformat.Fact { return number(-1) },
}

func number(n int64) logformat.Fact { return logformat.Fact{Number: n} }

func words(s string) logformat.Fact { return logformat.Fact{Text: s} }

func (r *Record) backendOrFrontend() string {
	if r.Backend == "" {
		return r.Frontend
	}
	return r.Backend
}

func (r *Record) serverOrNone() string {
	if r.Server == "" {
		return noServer
	}
	return r.Server
}

// serverAddr returns the server's address, if it is one of IP.
func (r *Record) serverAddr() Addr {
	if a, err := netip.ParseAddrPort(r.Address); err == nil {
		return AddrOfIP(a)
	}
	return Addr{text: r.Address}
}

// dataTime returns HAProxy's %Td: the milliseconds since the server was connected.
func (r *Record) dataTime() int64 {
	if r.Connect == NotReached {
		return -1
	}
	return milliseconds(max(0, r.Duration-max(r.HelloWait, 0)-max(r.Queue, 0)-r.Connect))
}

func (f *recordFacts) origin() string {
	if f.Listener != "" {
		return "sess_killed"
	}
	return origins[f.step]
}

// fact returns the address as HAProxy has it: that of a Unix socket is the word unix.
func (a Addr) fact() logformat.Fact {
	switch {
	case a.ip.IsValid():
		return logformat.Fact{IP: a.ip.Addr()}
	case a.text != "":
		return logformat.Fact{Text: "unix"}
	}
	return logformat.Fact{}
}

// portFact returns the port, or for a Unix socket HAProxy's number of the listener.
func (a Addr) portFact() logformat.Fact {
	switch {
	case a.ip.IsValid():
		return number(int64(a.ip.Port()))
	case a.text != "":
		return number(1)
	}
	return number(-1)
}

// valuesOf returns the values of the format at a place among the formats.
func valuesOf(all string, place int) string {
	for ; len(all) >= 2; place-- {
		n := 2 + int(all[0])<<8 + int(all[1])
		if n > len(all) {
			break
		}
		if place == 0 {
			return all[2:n]
		}
		all = all[n:]
	}
	return ""
}

// appendFormat appends the record as the format at a place among the formats has it.
func (f *recordFacts) appendFormat(b []byte, o *Options, place int) []byte {
	values := logformat.Values{Early: valuesOf(f.Values, place), Late: valuesOf(f.EndValues, place)}
	return o.formats()[place].Append(b, f, values, o.Incomplete && f.step != Accepted)
}

// Text returns the text of a format for a connection that goes on.
func (r *Record) Text(f *logformat.Format, in *sample.Input) string {
	values := logformat.Values{Early: string(f.AppendValues(nil, in, false)), Late: string(f.AppendValues(nil, in, true))}
	return string(f.Append(nil, &recordFacts{Record: r, step: Accepted}, values, false))
}

// earlyFailures are HAProxy's words for the ends of connections that fail before anything is known
// of them.
var earlyFailures = map[End]string{
	HeaderMissing: "Received something which does not look like a PROXY protocol header",
	HeaderInvalid: "Received an invalid PROXY protocol header",
	HeaderTimeout: "Timeout while waiting for PROXY protocol header",
	ClientLeft:    "Connection closed while waiting for PROXY protocol header",
}

// appendEarly appends the line of such a connection.
func (r *Record) appendEarly(b []byte) []byte {
	b = append(r.Client.appendPlain(b), " ["...)
	b = append(r.Accepted.Local().AppendFormat(b, haproxyDate), "] "...)
	b = append(append(append(b, r.Frontend...), '/'), r.Listener...)
	return append(append(b, ": "...), earlyFailures[r.End]...)
}
