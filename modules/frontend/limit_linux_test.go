// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// limitTest is a frontend with a limit, and the way to serve its connections.
type limitTest struct {
	*testing.T
	f     *Frontend
	serve func(*Frontend, *relay.Socket) error
}

// runs counts the tests of eachLimited.
var runs atomic.Int64

// eachLimited runs a test on both paths, with a frontend that has not been used.
func eachLimited(t *testing.T, config Config, test func(l limitTest)) {
	server := programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("hi"))
		_, _ = io.Copy(io.Discard, c)
	})
	for way, serve := range ways {
		t.Run(way, func(t *testing.T) {
			app := newAppOf(t, map[string]string{"web": `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
			config.Name = fmt.Sprint(t.Name(), runs.Add(1)) // counts belong to names
			config.MaxHello = 65536
			if config.InspectDelay == 0 {
				config.InspectDelay = time.Hour
			}
			f, _ := frontendTo(app, "web", config)
			f.setActive()
			test(limitTest{t, f, serve})
			for over := time.Now().Add(time.Minute); f.conns.Load() > 0 || f.limited.hellos.Load() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(over) {
					t.Fatalf("%d connections and %d bytes are left", f.conns.Load(), f.limited.hellos.Load())
				}
			}
		})
	}
}

// connect returns a client that is being served.
func (l limitTest) connect(sends ...[]byte) *net.TCPConn {
	l.Helper()
	client, socket := accepted(l)
	l.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(time.Minute))
	for _, b := range sends {
		if _, err := client.Write(b); err != nil {
			l.Fatal(err)
		}
	}
	if err := l.serve(l.f, socket); err != nil {
		l.Fatal(err)
	}
	return client
}

// served checks that a client gets the server's answer.
func (l limitTest) served(client *net.TCPConn) {
	l.Helper()
	if _, err := io.ReadFull(client, make([]byte, 2)); err != nil {
		l.Errorf("not served: %v", err)
	}
}

// reset checks that a client is reset.
func (l limitTest) reset(client *net.TCPConn) {
	l.Helper()
	if n, err := client.Read(make([]byte, 2)); !errors.Is(err, unix.ECONNRESET) {
		l.Errorf("%d bytes, %v", n, err)
	}
}

// left waits until a client that has closed is no longer counted.
func (l limitTest) left(client *net.TCPConn) {
	l.Helper()
	before := l.f.conns.Load()
	client.Close()
	for over := time.Now().Add(time.Minute); l.f.conns.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			l.Fatal("it is still counted")
		}
	}
}

// A client beyond per_ip is reset; one more is served when another has left, whether that was a
// session or still waited for its hello.
func TestPerIP(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{Limit: &Limit{AddressLimits: limits.AddressLimits{Conns: 2}}}, func(l limitTest) {
		first, waiting := l.connect(hello), l.connect(hello[:50])
		l.served(first)
		l.reset(l.connect(hello))
		l.left(first)
		second := l.connect(hello)
		l.served(second)
		l.reset(l.connect())
		l.left(waiting)
		third := l.connect(hello)
		l.served(third)
		l.left(second)
		l.left(third)
		got := AllCounts()[l.f.Name]
		got.Ended = map[string]int64{"over_limit": got.Ended["over_limit"]}
		if d := cmp.Diff(Counts{Ended: map[string]int64{"over_limit": 2}, Refused: map[string]int64{"per_ip": 2}}, got); d != "" {
			l.Errorf("-want +got\n%s", d)
		}
	})
}

// Connections beyond the rate are reset; those from an allowed network are not counted.
func TestLimitRate(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	limit := &Limit{AddressLimits: limits.AddressLimits{Rate: 3, Period: time.Hour}}
	eachLimited(t, Config{Limit: limit}, func(l limitTest) {
		for range 3 {
			client := l.connect(hello)
			l.served(client)
			l.left(client)
		}
		l.reset(l.connect(hello))
	})
	allowed := *limit
	allowed.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	eachLimited(t, Config{Limit: &allowed}, func(l limitTest) {
		for range 5 {
			client := l.connect(hello)
			l.served(client)
			l.left(client)
		}
	})
}

// The address that counts is that of the PROXY header, if there is one, and rules may ask for it.
func TestLimitOfHeader(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	from := func(address string) []byte { return []byte("PROXY TCP4 " + address + " 192.0.2.1 50676 443\r\n") }
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	limit := func(late bool) *Limit {
		return &Limit{AddressLimits: limits.AddressLimits{Conns: 1}, Late: late}
	}
	for name, config := range map[string]Config{
		"accept_proxy": {Limit: limit(false), AcceptProxy: HeaderPolicy{{Networks: local}}},
		"optional":     {Limit: limit(false), AcceptProxy: HeaderPolicy{{Networks: local, Optional: true}}},
		"expect_proxy": {Limit: limit(true), Connection: compiled(t, `{"rules": [{"action": "expect_proxy", "match": [{"acl": [{"any": [{"fetch": "src", "values": ["127.0.0.0/8"]}]}]}]}]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			eachLimited(t, config, func(l limitTest) {
				first := l.connect(from("198.51.100.7"), hello)
				l.served(first)
				l.reset(l.connect(from("198.51.100.7")))
				other := l.connect(from("198.51.100.8"), hello)
				l.served(other)
				l.left(first)
				again := l.connect(from("198.51.100.7"))
				if _, err := again.Write(hello); err != nil {
					l.Fatal(err)
				}
				l.served(again)
				l.left(other)
				l.left(again)
			})
		})
	}
}

// A client whose unfinished hello exceeds the limit is reset; a whole hello needs none of it.
func TestUnfinishedHellos(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{Limit: &Limit{UnfinishedHellos: 300}}, func(l limitTest) {
		first := l.connect(hello[:200])
		for over := time.Now().Add(time.Minute); l.f.limited.hellos.Load() != 200; time.Sleep(time.Millisecond) {
			if time.Now().After(over) {
				l.Fatalf("%d bytes are counted", l.f.limited.hellos.Load())
			}
		}
		l.reset(l.connect(hello[:150]))
		whole := l.connect(hello)
		l.served(whole)
		if _, err := first.Write(hello[200:]); err != nil {
			l.Fatal(err)
		}
		l.served(first)
		if n := l.f.limited.hellos.Load(); n != 0 {
			l.Errorf("%d bytes are counted", n)
		}
		l.left(whole)
		l.left(first)
		if got := AllCounts()[l.f.Name].Refused; got["unfinished_hellos"] != 1 {
			l.Errorf("refused: %v", got)
		}
	})
}

// The process keeps long unfinished hellos up to a part of its memory limit, and short ones.
func TestLongUnfinishedHellos(t *testing.T) {
	lookForOverload(false)
	before := debug.SetMemoryLimit(10_000 * hellosShare)
	defer func() {
		debug.SetMemoryLimit(before)
		lookForOverload(true)
	}()
	long := hellotest.Plain(hellotest.SNI("a.example.test")).Pad(9000).Raw()
	eachLimited(t, Config{}, func(l limitTest) {
		keeps := func(n int64) {
			l.Helper()
			for over := time.Now().Add(time.Minute); l.f.limited.hellos.Load() != n; time.Sleep(time.Millisecond) {
				if time.Now().After(over) {
					l.Fatalf("%d bytes are counted, want %d", l.f.limited.hellos.Load(), n)
				}
			}
		}
		first := l.connect(long[:8000])
		keeps(8000)
		l.reset(l.connect(long[:8000]))
		keeps(8000)
		small, whole := l.connect(long[:4000]), l.connect(hellotest.Hello(l, "a.example.test"))
		keeps(12_000)
		l.served(whole)
		first.Close()
		keeps(4000)
		if _, err := small.Write(long[4000:]); err != nil {
			l.Fatal(err)
		}
		l.served(small)
		l.left(small)
		l.left(whole)
		if got := AllCounts()[l.f.Name].Refused; got["unfinished_hellos"] != 1 {
			l.Errorf("refused: %v", got)
		}
	})
}

// At maxconn, a connection that comes all the same waits for its place, and is then served.
func TestAwaitPlace(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{MaxConn: 1}, func(l limitTest) {
		first := l.connect(hello)
		l.served(first)
		waker := newRoomWaker()
		if l.f.Routed().Pause(waker) == 0 {
			l.Error("accept is not paused")
		}
		second := l.connect(hello)
		_ = second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := second.Read(make([]byte, 2)); n > 0 || err == nil {
			l.Errorf("%d bytes, %v", n, err)
		}
		_ = second.SetReadDeadline(time.Now().Add(time.Minute))
		first.Close()
		l.served(second)
		<-waker
		l.left(second)
		if l.f.Routed().Pause(waker) != 0 {
			l.Error("accept is paused without connections")
		}
	})
}

// lookForOverload makes the process look for overload at once.
func lookForOverload(off bool) { limits.Overload.SetOff(off, func(limits.Change) {}) }

// Overload shortens inspect delays that run already.
func TestOverloadShortensDelay(t *testing.T) {
	used := int64(0)
	limits.Overload.Watch(limits.Resource{Name: "of this test", Used: func() (int64, int64) { return used, 100 }})
	lookForOverload(false)
	defer func() {
		used = 0
		lookForOverload(true)
	}()
	eachLimited(t, Config{InspectDelay: 4 * time.Minute}, func(l limitTest) {
		if l.serve == nil {
			return
		}
		used = 0
		lookForOverload(false)
		if got := l.f.inspectDelay(); got != 4*time.Minute {
			l.Errorf("%v without overload", got)
		}
		used = 90
		lookForOverload(false)
		if got := l.f.inspectDelay(); got != time.Minute {
			l.Errorf("%v during overload", got)
		}
	})
	ways := map[string]Config{"hello": {InspectDelay: 8 * time.Second}, "content": {Content: compiled(t, `{"inspect_delay": "8s", "rules": [{"action": "close", "match": [{"client_hello": {}}]}]}`)}}
	for name, config := range ways {
		t.Run(name, func(t *testing.T) {
			app := newAppOf(t, map[string]string{"web": `{"servers": []}`})
			config.Name, config.MaxHello = t.Name(), 65536
			f, _ := frontendTo(app, "web", config)
			used = 0
			lookForOverload(false)
			client, socket := accepted(t)
			defer client.Close()
			if err := relay.OnShard(socket, f.Entry(EntryConfig{}).ServeOnShard); err != nil {
				t.Fatal(err)
			}
			for f.conns.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			began := time.Now()
			used = 90
			lookForOverload(false)
			_ = client.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.ReadAll(client); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 7*time.Second {
				t.Errorf("it was ended after %v", took)
			}
		})
	}
}
