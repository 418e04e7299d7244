// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"strconv"
	"time"
)

// haproxyDate is HAProxy's layout of %t.
const haproxyDate = "02/Jan/2006:15:04:05.000"

// noServer stands for the server of a connection that did not get one.
const noServer = "<NOSRV>"

// appendDefault appends the record as HAProxy does without a format.
func (r *Record) appendDefault(b []byte) []byte {
	if r.Listener != "" {
		return r.appendEarly(b)
	}
	return r.appendLine(b)
}

// appendLine appends the record as option tcplog writes it:
//
//	%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq
func (r *Record) appendLine(b []byte) []byte {
	b = append(r.Client.appendPlain(b), " ["...)
	b = append(r.Accepted.Local().AppendFormat(b, haproxyDate), "] "...)
	b = append(append(b, r.Frontend...), ' ')
	b = append(append(append(append(b, r.backendOrFrontend()...), '/'), r.serverOrNone()...), ' ')
	b = appendNumbers(b, r.waited(), r.connectTime(), milliseconds(r.Duration))
	b = strconv.AppendInt(append(b, ' '), r.Out, 10)
	b = append(append(append(b, ' '), r.End.Letters()...), ' ')
	b = append(appendNumbers(b, r.ActConn, r.FEConn, r.BEConn, r.SrvConn), '/')
	if r.Redispatched {
		b = append(b, '+')
	}
	b = strconv.AppendInt(b, int64(r.Retries), 10)
	return appendNumbers(append(b, ' '), int64(r.ServerQueue), int64(r.BackendQueue))
}

// waited returns HAProxy's %Tw: the milliseconds from accept until there was a server, and one
// more, as in HAProxy's mode tcp.
func (r *Record) waited() int64 {
	if r.Queue == NotReached {
		return -1
	}
	return milliseconds(max(r.HelloWait, 0)+r.Queue+r.Moved) + 1
}

// connectTime returns HAProxy's %Tc: the milliseconds from the choice of the last server until it
// was connected.
func (r *Record) connectTime() int64 {
	if r.Connect == NotReached {
		return -1
	}
	return milliseconds(max(0, r.Connect-r.Moved))
}

func milliseconds(d time.Duration) int64 {
	if d == NotReached {
		return -1
	}
	return d.Milliseconds()
}

// appendNumbers appends numbers with slashes between.
func appendNumbers(b []byte, numbers ...int64) []byte {
	for i, n := range numbers {
		if i > 0 {
			b = append(b, '/')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return b
}

// appendPlain appends the address as HAProxy writes %ci:%cp: IPv6 without brackets.
func (a Addr) appendPlain(b []byte) []byte {
	switch {
	case a.ip.IsValid():
		b = append(a.ip.Addr().AppendTo(b), ':')
		return strconv.AppendUint(b, uint64(a.ip.Port()), 10)
	default:
		return append(b, "unix:1"...)
	}
}
