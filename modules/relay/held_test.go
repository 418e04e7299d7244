// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// inspector decides by a function, and records its calls.
type inspector struct {
	decide func(b string, final bool) Decision
	mu     sync.Mutex
	calls  []string // the bytes of each; "!" behind them: final
}

func (i *inspector) Inspect(b []byte, final bool) Decision {
	call := string(b)
	if final {
		call += "!"
	}
	i.mu.Lock()
	i.calls = append(i.calls, call)
	i.mu.Unlock()
	return i.decide(string(b), final)
}

// last returns the last call so far.
func (i *inspector) last() string {
	calls := callsOf(i)
	return calls[len(calls)-1]
}

func callsOf(i *inspector) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls
}

// lines passes once a whole line is there.
func lines(b string, final bool) Decision {
	if final || strings.Contains(b, "\n") {
		return Decision{Do: Pass}
	}
	return Decision{}
}

// startHeld runs a session whose server's first bytes are held back.
func startHeld(t *testing.T, kind string, i *inspector, o Options) (client, server *net.TCPConn, s *Session, result <-chan Result) {
	t.Helper()
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	s = new(Session)
	s.HoldResponse(i, false)
	return client, server, s, run(t, kind, s, c, v, nil, o).result
}

func TestHeldThenPassed(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		i := &inspector{decide: lines}
		client, server, _, result := startHeld(t, kind, i, Options{})
		send(t, server, "22")
		send(t, client, "early")
		receive(t, server, "early")
		send(t, server, "0\nthen")
		receive(t, client, "220\nthen")
		send(t, client, "QUIT")
		receive(t, server, "QUIT")
		much := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		go func() {
			_, _ = server.Write(much)
			server.Close()
		}()
		if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, much) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		client.Close()
		check(t, <-result, Server, Closed, 9, 8+int64(len(much)))
		if last := i.last(); callsOf(i)[0] != "" || !strings.HasPrefix(last, "220\n") {
			t.Errorf("asked about %q", callsOf(i))
		}
	})
}

func TestPassedAtOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		i := &inspector{decide: func(string, bool) Decision { return Decision{Do: Pass} }}
		client, server, s, result := startHeld(t, kind, i, Options{})
		send(t, server, "hello")
		receive(t, client, "hello")
		s.mu.Lock()
		if x := s.extra(); x.held != nil && x.copied == nil {
			t.Error("the session keeps the inspector")
		}
		s.mu.Unlock()
		client.Close()
		server.Close()
		<-result
		if calls := callsOf(i); len(calls) != 1 || calls[0] != "" {
			t.Errorf("asked about %q", callsOf(i))
		}
	})
}

func TestHeldThenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		refusal Decision
		cause   Cause
		resets  bool
	}{
		"in order": {Decision{Do: Refuse, Reason: "a rule"}, Ended, false},
		"by reset": {Decision{Do: Refuse, Reason: "a rule", Reset: true}, Ended, true},
		"failed":   {Decision{Do: Refuse, Err: io.ErrUnexpectedEOF}, Failed, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, kind string) {
				client, server, _, result := startHeld(t, kind, &inspector{decide: func(b string, _ bool) Decision {
					if b != "" {
						return c.refusal
					}
					return Decision{}
				}}, Options{})
				send(t, server, "421")
				r := <-result
				check(t, r, Proxy, c.cause, 0, 0)
				if r.Reason != c.refusal.Reason || !errors.Is(r.Err, c.refusal.Err) || !r.Answered {
					t.Errorf("%+v", r)
				}
				receiveEnd(t, client, "")
				if _, err := server.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNRESET) != c.resets {
					t.Errorf("the server got %v", err)
				}
			})
		})
	}
}

func TestRefusedAtOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		client, _, _, result := startHeld(t, kind, &inspector{decide: func(string, bool) Decision { return Decision{Do: Refuse} }}, Options{})
		check(t, <-result, Proxy, Ended, 0, 0)
		receiveEnd(t, client, "")
	})
}

func TestHeldUntil(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		i := &inspector{}
		i.decide = func(b string, final bool) Decision {
			if final {
				return Decision{} // as Pass
			}
			return Decision{Until: time.Now().Add(100 * time.Millisecond)}
		}
		client, server, _, result := startHeld(t, kind, i, Options{ServerTimeout: time.Minute})
		send(t, server, "22")
		receive(t, client, "22")
		send(t, server, "0")
		receive(t, client, "0")
		server.Close()
		client.Close()
		<-result
		if got := strings.Join(callsOf(i), " "); got != " 22 22!" && got != " 22!" {
			t.Errorf("asked about %q", callsOf(i))
		}
	})
}

func TestHeldToTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		t.Run("finished", func(t *testing.T) {
			i := &inspector{decide: lines}
			client, server, _, result := startHeld(t, kind, i, Options{})
			send(t, server, "22")
			server.CloseWrite()
			receiveEnd(t, client, "22")
			client.Close()
			check(t, <-result, Server, Closed, 0, 2)
			if last := i.last(); last != "22!" {
				t.Errorf("asked about %q", callsOf(i))
			}
		})
		t.Run("reset", func(t *testing.T) {
			client, server, _, result := startHeld(t, kind, &inspector{decide: lines}, Options{})
			send(t, server, "22")
			send(t, client, "x")
			receive(t, server, "x")
			reset(t, server)
			check(t, <-result, Server, Reset, 1, 0)
			if n, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client got %d bytes, %v", n, err)
			}
		})
		t.Run("by client", func(t *testing.T) {
			client, server, _, result := startHeld(t, kind, &inspector{decide: lines}, Options{})
			send(t, server, "22")
			client.CloseWrite()
			receiveEnd(t, server, "")
			server.Close()
			receiveEnd(t, client, "22")
			check(t, <-result, Client, Closed, 0, 2)
		})
		t.Run("reset by client", func(t *testing.T) {
			i := &inspector{decide: lines}
			client, server, _, result := startHeld(t, kind, i, Options{})
			send(t, client, "x")
			receive(t, server, "x")
			reset(t, client)
			check(t, <-result, Client, Reset, 1, 0)
			if last := i.last(); last != "!" {
				t.Errorf("asked about %q", callsOf(i))
			}
		})
		t.Run("ended", func(t *testing.T) {
			client, server, s, result := startHeld(t, kind, &inspector{decide: lines}, Options{})
			send(t, server, "22")
			s.End("drained")
			check(t, <-result, Proxy, Ended, 0, 0)
			receiveEnd(t, client, "")
		})
		t.Run("timed out", func(t *testing.T) {
			client, _, _, result := startHeld(t, kind, &inspector{decide: lines}, Options{ServerTimeout: 50 * time.Millisecond})
			receiveEnd(t, client, "")
			client.Close()
			check(t, <-result, Server, Timeout, 0, 0)
		})
		t.Run("full", func(t *testing.T) {
			i := &inspector{decide: lines}
			client, server, _, _ := startHeld(t, kind, i, Options{})
			much := strings.Repeat("x", 2*MaxHeld)
			send(t, server, much)
			receive(t, client, much)
			if last := i.last(); last != much[:MaxHeld]+"!" {
				t.Errorf("decided by %d bytes", len(last))
			}
		})
	})
}

func TestInspectorPanics(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		_, server, _, result := startHeld(t, kind, &inspector{decide: func(b string, _ bool) Decision {
			if b != "" {
				panic("a bug in a rule")
			}
			return Decision{}
		}}, Options{})
		send(t, server, "x")
		check(t, <-result, Proxy, Failed, 0, 0)
	})
}

// TestInspectorBlocks: an inspector that may block does not run on a shard.
func TestInspectorBlocks(t *testing.T) {
	c, client := tcpPair(t)
	v, server := tcpPair(t)
	s := new(Session)
	s.HoldResponse(&inspector{decide: lines}, true)
	w := newOwner()
	rest := s.Start(c, v, nil, new(Options), w)
	if rest == nil {
		t.Fatal("a shard serves the session")
	}
	go rest()
	send(t, server, "hello\n")
	receive(t, client, "hello\n")
	client.Close()
	server.Close()
	<-w.result
}
