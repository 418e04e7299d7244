// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// BenchmarkLine is the cost of the log line of a session, without the system call
// that writes it: "on" in JSON, and "off" where the log's level is too high.
func BenchmarkLine(b *testing.B) {
	r := New("tls", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 50123}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
	r.Backend, r.Server, r.Address = "web", "s2", "10.0.0.2:443"
	r.Accepted, r.Outcome = time.Now(), clienthello.Found
	r.ServerName, r.ALPN, r.Version = "www.example.test", []string{"h2", "http/1.1"}, 0x0304
	r.HelloWait, r.Queue, r.Connect, r.Duration = 1500*time.Microsecond, 0, 2*time.Millisecond, time.Second
	r.Relayed(relay.Result{By: relay.Client, Cause: relay.Closed, In: 1512, Out: 1024})
	packed := r.Pack()
	for name, level := range map[string]zapcore.Level{"on": zapcore.InfoLevel, "off": zapcore.ErrorLevel} {
		b.Run(name, func(b *testing.B) {
			logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), level))
			b.ReportAllocs()
			for b.Loop() {
				ended := packed.Unpack()
				ended.Frontend, ended.Backend, ended.Server = r.Frontend, r.Backend, r.Server
				ended.Relayed(relay.Result{By: relay.Client, Cause: relay.Closed, In: 1512, Out: 1024})
				ended.Write(logger)
			}
		})
	}
}
