// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// counted counts the lines of a log.
type counted struct{ atomic.Int64 }

func (c *counted) Write(b []byte) (int, error) {
	c.Add(1)
	return len(b), nil
}

func (*counted) Sync() error { return nil }

// answering starts a server that sends each client one byte and closes after the client does. It
// allocates little.
func answering(b testing.TB) unix.SockaddrInet4 {
	b.Helper()
	fd, at := listeningSocket(b)
	go func() {
		buf := make([]byte, 4096)
		for {
			c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				return
			}
			_, _ = unix.Read(c, buf)
			_, _ = unix.Write(c, buf[:1])
			_, _ = unix.Read(c, buf)
			_ = unix.Close(c)
		}
	}()
	b.Cleanup(func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR); _ = unix.Close(fd) })
	return at
}

func listeningSocket(b testing.TB) (fd int, at unix.SockaddrInet4) {
	b.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		b.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		b.Fatal(err)
	}
	return fd, *name.(*unix.SockaddrInet4)
}

// BenchmarkServe serves one connection from accept to the log line, with a hello that leads to one
// of two backends by its name.
func BenchmarkServe(b *testing.B) {
	b.Run("fast", func(b *testing.B) {
		benchmarkServe(b, func(f *Frontend, s net.Conn) {
			if err := relay.OnShard(s.(*relay.Socket), f.Entry(EntryConfig{}).ServeOnShard); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("plain", func(b *testing.B) {
		benchmarkServe(b, func(f *Frontend, s net.Conn) { f.Entry(EntryConfig{}).Serve(s, time.Now()) })
	})
	b.Run("routed", func(b *testing.B) {
		benchmarkServe(b, func(f *Frontend, s net.Conn) {
			defer s.Close() // as caddy-l4 does
			f.ServeRouted(layer4.WrapConnection(s, nil, zap.NewNop()))
		})
	})
}

func benchmarkServe(b *testing.B, serve func(*Frontend, net.Conn)) {
	server := answering(b)
	app := newAppOf(b, map[string]string{
		"web":   fmt.Sprintf(`{"servers": [{"name": "s1", "address": "127.0.0.1:%d"}]}`, server.Port),
		"other": `{"servers": []}`,
	})
	lines := new(counted)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), lines, zap.InfoLevel)
	f, _ := frontendTo(app, "other", Config{InspectDelay: time.Minute, MaxHello: 65536, Logger: zap.New(core)})
	if err := f.Router.names.Add("a.example.test", names.Target{}); err != nil {
		b.Fatal(err)
	}
	f.Router.routes = []*Route{{number: 1, Target: To(app.Backends["web"])}}
	hello := hellotest.Hello(b, "a.example.test")
	ln, at := listeningSocket(b)
	b.Cleanup(func() { _ = unix.Close(ln) })
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.Port}
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &at)
		}
		if err == nil {
			_, err = unix.Write(fd, hello)
		}
		if err != nil {
			b.Fatal(err)
		}
		s, err := relay.Accept(uintptr(ln), local)
		if err != nil {
			b.Fatal(err)
		}
		serve(f, s)
		if _, err := unix.Read(fd, buf); err != nil {
			b.Fatal(err)
		}
		_ = unix.Close(fd)
	}
	for lines.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(f)
}
