// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/binary"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// entry is the record of a connection that has ended, encoded by appendEntry. It is
// decoded where it is used: a core may keep the field and marshal it later.
type entry struct {
	text  string
	field [1]zap.Field // so that the entry and its field are one object
}

// appendEntry appends the record of a connection that has ended at a time, after the
// length of all that.
func appendEntry(b []byte, at time.Time, r *Record) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(r.End), byte(r.EndedBy))
	for _, n := range [...]int64{
		at.UnixNano(), int64(r.Duration), r.In, r.Out, r.ActConn, r.FEConn, r.BEConn, r.SrvConn,
	} {
		b = binary.AppendVarint(b, n)
	}
	for _, text := range [...]string{r.Frontend, r.Backend, r.Server, r.Address, r.Error} {
		b = appendText(b, text)
	}
	if r.Began == "" {
		b = r.appendPacked(b)
	} else {
		b = append(b, r.Began...)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// cutEntry cuts the first of some entries off.
func cutEntry(entries string) (first, rest string) {
	end := 4 + int(uint32(entries[0])|uint32(entries[1])<<8|uint32(entries[2])<<16|uint32(entries[3])<<24)
	return entries[4:end], entries[end:]
}

// end returns what is needed before the rest: how the connection ended, and when.
func (e *entry) end() (End, time.Time) {
	u := unpacker(e.text[2:])
	return End(e.text[0]), time.Unix(0, u.number())
}

// record decodes the entry.
func (e *entry) record() Record {
	u := unpacker(e.text)
	head := u.take(2)
	r := Record{End: End(head[0]), EndedBy: relay.Side(head[1])}
	u.number() // the time
	r.Duration, r.In, r.Out = time.Duration(u.number()), u.number(), u.number()
	r.ActConn, r.FEConn, r.BEConn, r.SrvConn = u.number(), u.number(), u.number(), u.number()
	r.Frontend, r.Backend, r.Server, r.Address, r.Error = u.text(), u.text(), u.text(), u.text(), u.text()
	r.unpack(&u)
	return r
}

// write writes the line, with the time at which the connection ended.
func (e *entry) write(logger *zap.Logger) {
	end, at := e.end()
	line := logger.Check(end.level(), "session")
	if line == nil {
		return
	}
	line.Time = at
	e.field[0] = zap.Inline(e)
	line.Write(e.field[:]...)
}

// MarshalLogObject adds the fields of the line.
func (e *entry) MarshalLogObject(line zapcore.ObjectEncoder) error {
	r := e.record()
	return r.marshal(line)
}

// marshal adds the fields of the line.
func (r *Record) marshal(line zapcore.ObjectEncoder) error {
	line.AddString("frontend", r.Frontend)
	line.AddString("backend", r.Backend)
	line.AddString("server", r.Server)
	line.AddString("server_address", r.Address)
	line.AddString("client", r.Client.String())
	line.AddString("local", r.Local.String())
	line.AddTime("accepted", r.Accepted)
	line.AddString("outcome", r.outcome())
	line.AddString("sni", r.ServerName)
	if err := line.AddArray("alpn", r.ALPN); err != nil {
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
