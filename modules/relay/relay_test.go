// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestClientFinishesFirst(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, _, result := start(t, kind, Options{})
		send(t, client, "question")
		client.CloseWrite()
		receiveEnd(t, server, "question")
		send(t, server, "late answer")
		server.Close()
		receiveEnd(t, client, "late answer")
		check(t, <-result, Client, Closed, 8, 11)
	})
}

func TestServerFinishesFirst(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, _, result := start(t, kind, Options{})
		send(t, server, "greeting")
		server.CloseWrite()
		receiveEnd(t, client, "greeting")
		send(t, client, "late question")
		client.Close()
		receiveEnd(t, server, "late question")
		check(t, <-result, Server, Closed, 13, 8)
	})
}

func TestFirstBytesComeFirst(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, client := tcpPair(t)
		v, server := tcpPair(t)
		s := new(Session)
		result := run(t, kind, s, c, v, []byte("hello "), Options{}).result
		send(t, client, "and more")
		receive(t, server, "hello and more")
		for got := s.Counters(); got.In != 14 || got.Out != 0; got = s.Counters() {
			time.Sleep(time.Millisecond) // counted just after it was written
		}
		client.Close()
		receiveEnd(t, server, "")
		server.Close()
		check(t, <-result, Client, Closed, 14, 0)
	})
}

func TestResets(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		t.Run("by client", func(t *testing.T) {
			client, server, _, result := start(t, kind, Options{})
			send(t, client, "x")
			receive(t, server, "x")
			reset(t, client)
			if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the server got %v, want a reset", err)
			}
			check(t, <-result, Client, Reset, 1, 0)
		})
		t.Run("by server", func(t *testing.T) {
			client, server, _, result := start(t, kind, Options{})
			send(t, server, "x")
			receive(t, client, "x")
			reset(t, server)
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client got %v, want a reset", err)
			}
			check(t, <-result, Server, Reset, 0, 1)
		})
		t.Run("by server after the client finished", func(t *testing.T) {
			client, server, _, result := start(t, kind, Options{})
			client.CloseWrite()
			receiveEnd(t, server, "")
			reset(t, server)
			check(t, <-result, Server, Reset, 0, 0)
		})
	})
}

func TestEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, server, s, result := start(t, kind, Options{})
		send(t, client, "x")
		receive(t, server, "x")
		s.End("drained")
		s.End("another reason")
		r := <-result
		check(t, r, Proxy, Ended, 1, 0)
		if r.Reason != "drained" {
			t.Errorf("reason %q", r.Reason)
		}
		for _, c := range []net.Conn{client, server} {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("a connection is still open")
			}
		}
		s.End("after the end")
	})
}

func TestEndBeforeRun(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, _ := tcpPair(t)
		v, _ := tcpPair(t)
		s := new(Session)
		s.End("removed")
		s.End("too late")
		r := <-run(t, kind, s, c, v, []byte("hello"), Options{}).result
		check(t, r, Proxy, Ended, r.In, 0)
		if r.Reason != "removed" {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

type panics struct{ net.Conn }

func (panics) Read([]byte) (int, error) { panic("a bug in a wrapper") }

func TestPanicEndsTheSessionOnly(t *testing.T) {
	c, client := tcpPair(t)
	v, _ := tcpPair(t)
	r := newCopied(c, panics{v}, new(Options), newOwner()).run()
	check(t, r, Proxy, Failed, 0, 0)
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the client's connection is still open")
	}
}

// TestBulkBothWays moves 64 MiB each way at once through a slow and a fast
// reader and compares digests.
func TestBulkBothWays(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		const size = 64 << 20
		client, server, _, result := start(t, kind, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
		digests := make(chan [32]byte, 4)
		up, down := io.LimitReader(rand.Reader, size), io.LimitReader(rand.Reader, size)
		pour := func(c *net.TCPConn, r io.Reader) {
			h := sha256.New()
			if _, err := io.Copy(c, io.TeeReader(r, h)); err != nil {
				t.Error(err)
			}
			c.CloseWrite()
			digests <- [32]byte(h.Sum(nil))
		}
		drain := func(c *net.TCPConn) {
			h := sha256.New()
			if _, err := io.Copy(h, c); err != nil {
				t.Error(err)
			}
			digests <- [32]byte(h.Sum(nil))
		}
		for _, f := range []func(){func() { pour(client, up) }, func() { drain(server) }, func() { pour(server, down) }, func() { drain(client) }} {
			go f()
		}
		seen := map[[32]byte]int{}
		for range 4 {
			seen[<-digests]++
		}
		for d, n := range seen {
			if n != 2 {
				t.Errorf("digest %x was seen %d times", d[:4], n)
			}
		}
		if r := <-result; r.Cause != Closed || r.In != size || r.Out != size {
			t.Errorf("ended %+v", r)
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	for kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			client, server, _, result := start(b, kind, Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute})
			go io.Copy(server, struct{ io.Reader }{server})
			msg := bytes.Repeat([]byte("x"), 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, msg); err != nil {
					b.Fatal(err)
				}
			}
			client.Close()
			server.Close()
			<-result
		})
	}
}
