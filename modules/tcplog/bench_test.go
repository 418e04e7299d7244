// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// session returns the record of a browser's session that ends in order.
func session() Record {
	r := New("tls", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50123}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
	r.Accepted, r.Outcome = time.Now(), clienthello.Found
	r.ServerName, r.ALPN, r.Version = "www.example.test", "\x02h2\x08http/1.1", 0x0304
	r.HelloWait, r.Queue, r.Connect = 1500*time.Microsecond, 0, 2*time.Millisecond
	ended := Record{Frontend: "tls", Backend: "web", Server: "s2", Address: "10.0.0.2:443", Duration: time.Second, AtStart: r.AppendPacked(nil)}
	ended.End, ended.EndedBy, ended.In, ended.Out = Complete, relay.Client, 1512, 1024
	return ended
}

func jsonLogger(level zapcore.Level) *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), level))
}

// BenchmarkEnd measures logging at the end of a session: "on" in JSON, without the writer, and
// "off" when the log's level is too high.
func BenchmarkEnd(b *testing.B) {
	r := session()
	b.Run("off", func(b *testing.B) {
		log := Open(nil, jsonLogger(zapcore.ErrorLevel))
		b.ReportAllocs()
		for b.Loop() {
			log.Write(&r)
		}
	})
	b.Run("on", func(b *testing.B) {
		log := Log{logger: jsonLogger(zapcore.InfoLevel), queue: newQueue(1 << 40)}
		log.queue.running = true // there is no writer
		b.ReportAllocs()
		for b.Loop() {
			log.Write(&r)
			if c := log.queue.chunks[0]; len(c.logs) == 64 {
				c.records, c.logs = c.records[:0], c.logs[:0]
			}
		}
	})
}

// BenchmarkLines measures the writer for a line, without the system call, when it writes 16 at a
// time: in JSON, and as HAProxy's option tcplog.
func BenchmarkLines(b *testing.B) {
	const n = 16
	haproxy := new(Encoder)
	_ = haproxy.Provision(caddy.Context{})
	for name, encoder := range map[string]zapcore.Encoder{"json": zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), "tcplog": haproxy} {
		b.Run(name, func(b *testing.B) {
			logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zapcore.InfoLevel))
			r, c, log := session(), new(chunk), &Log{logger: logger}
			for range n {
				c.records, c.logs = appendEntry(c.records, time.Now(), &r, Closed, Info), append(c.logs, log)
			}
			q := newQueue(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%n == 0 {
					q.writeLines(c)
				}
			}
		})
	}
}

// BenchmarkBegin measures a record from accept until its session begins.
func BenchmarkBegin(b *testing.B) {
	h, err := clienthello.Parse(hellotest.Hello(b, "www.example.test", "h2", "http/1.1"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var packed Packed
	for b.Loop() {
		r := New("tls", client, local)
		r.SetHello(&h)
		packed = r.AppendPacked(packed[:0])
	}
	if len(packed) == 0 {
		b.Error("nothing is packed")
	}
}
