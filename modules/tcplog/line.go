// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// entry is the encoded record of a connection that has ended; see appendEntry. It is decoded only
// when the line is written: a core may keep the field and marshal it later.
type entry struct {
	text  string
	alpn  Protocols
	field [1]zap.Field // here to save an allocation
	log   *Log
}

// The first bytes of an entry.
const (
	entryEnd = iota
	entryEndedBy
	entryStep
	entrySeverity
	entryServerVersion
	entryServerAlert
	entryHead // their number
)

// appendEntry appends the record of a connection at a step and a time, preceded by its encoded
// length.
func appendEntry(b []byte, at time.Time, r *Record, step Step, severity Severity) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(r.End), byte(r.EndedBy), byte(step), byte(severity), r.ServerVersion, r.ServerAlert)
	b = binary.AppendVarint(b, at.UnixNano())
	if len(r.AtStart) == 0 {
		b = r.AppendPacked(b)
	} else {
		b = append(b, r.AtStart...)
	}
	for _, n := range [...]int64{int64(r.Duration), r.In, r.Out, r.ActConn, r.FEConn, r.BEConn, r.SrvConn} {
		b = binary.AppendVarint(b, n)
	}
	for _, text := range [...]string{r.Frontend, r.Backend, r.Server, r.Address, r.Error, r.EndValues} {
		b = appendText(b, text)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// cutEntry splits off the first of several entries.
func cutEntry(entries string) (first, rest string) {
	end := 4 + int(uint32(entries[0])|uint32(entries[1])<<8|uint32(entries[2])<<16|uint32(entries[3])<<24)
	return entries[4:end], entries[end:]
}

// record decodes the entry.
func (e *entry) record() Record {
	u := unpacker(e.text)
	head := u.take(entryHead)
	r := Record{End: End(head[entryEnd]), EndedBy: relay.Side(head[entryEndedBy]), ServerVersion: head[entryServerVersion], ServerAlert: head[entryServerAlert]}
	u.number() // the time
	r.unpack(&u)
	r.Duration, r.In, r.Out = time.Duration(u.number()), u.number(), u.number()
	r.ActConn, r.FEConn, r.BEConn, r.SrvConn = u.number(), u.number(), u.number(), u.number()
	r.Frontend, r.Backend, r.Server = u.text(), u.text(), u.text()
	if address := u.text(); r.Address == "" {
		r.Address = address
	}
	r.Error, r.EndValues = u.text(), u.text()
	return r
}

func (e *entry) step() Step { return Step(e.text[entryStep]) }

func (e *entry) severity() Severity { return Severity(e.text[entrySeverity]) }

// write writes the line, with the time at which the connection ended.
func (e *entry) write(logger *zap.Logger) {
	line := logger.Check(e.severity().level(), messages[e.step()])
	if line == nil {
		return
	}
	u := unpacker(e.text[entryHead:])
	line.Time = time.Unix(0, u.number())
	e.alpn = Protocols(u.text())
	e.field[0] = zap.Inline(e)
	line.Write(e.field[:]...)
}

// MarshalLogObject adds the fields of the line. Bytes of clients that are not printable are \xNN.
func (e *entry) MarshalLogObject(line zapcore.ObjectEncoder) error {
	r := e.record()
	var room [128]byte
	client := r.Client.appendTo(room[:0])
	both := string(r.Local.appendTo(client)) // one allocation for two
	line.AddString("frontend", r.Frontend)
	line.AddString("backend", r.Backend)
	line.AddString("server", r.Server)
	line.AddString("server_address", printable.Text(r.Address))
	line.AddString("client", both[:len(client)])
	line.AddString("local", both[len(client):])
	line.AddString("peer", r.Peer.String())
	line.AddTime("accepted", r.Accepted)
	line.AddString("outcome", r.outcome())
	line.AddString("sni", printable.Text(r.ServerName))
	line.AddString("authority", printable.Text(r.Authority))
	line.AddString("unique_id", printable.Text(r.UniqueID))
	if err := line.AddArray("alpn", &e.alpn); err != nil {
		return err
	}
	e.addTLS(line, &r)
	addSeconds(line, "hello_wait", r.HelloWait)
	addSeconds(line, "queue_time", r.Queue)
	addSeconds(line, "connect_time", r.Connect)
	addSeconds(line, "duration", r.Duration)
	r.addCounts(line)
	line.AddString("termination", r.End.Letters())
	line.AddString("end", r.End.String())
	line.AddString("ended_by", r.EndedBy.String())
	line.AddString("error", printable.Message(r.Error))
	return nil
}

// addTLS adds the fields about both hellos.
func (e *entry) addTLS(line zapcore.ObjectEncoder, r *Record) {
	version := ""
	if r.Version != 0 {
		version = clienthello.VersionName(r.Version)
	}
	line.AddString("tls_version", version)
	line.AddInt64("hello_size", int64(r.HelloSize))
	if e.log != nil && e.log.format != nil && e.log.format.Fingerprints.any() {
		line.AddString("ja3", r.JA3)
		line.AddString("ja4", r.JA4)
	}
	line.AddString("server_tls_version", r.serverVersion())
	line.AddString("server_alert", r.serverAlert())
}

// addCounts adds the fields that are numbers, except times.
func (r *Record) addCounts(line zapcore.ObjectEncoder) {
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
}

func (r *Record) outcome() string {
	if r.Uninspected {
		return "none"
	}
	return r.Outcome.String()
}

// addSeconds adds a duration in the form of the log's encoder, or -1 if the connection did not get
// that far.
func addSeconds(line zapcore.ObjectEncoder, name string, d time.Duration) {
	if d == NotReached {
		line.AddInt64(name, -1)
		return
	}
	line.AddDuration(name, d)
}
