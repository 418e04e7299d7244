// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// startServer returns a server that is watched. Its handler waits for a value of release, unless
// that is nil.
func startServer(t *testing.T, release <-chan struct{}) (*Servers, *httptest.Server) {
	s := new(Servers)
	s.Watch(new(caddyhttp.Server))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if release != nil {
			<-release
		}
		if r.Header.Get("Upgrade") != "" {
			w.Header().Add("Connection", "Upgrade") // as reverse_proxy does
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	connState := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		s.noteState(conn, state)
		if connState != nil {
			connState(conn, state)
		}
	}
	server.Config.ConnContext = s.connContext()
	server.StartTLS()
	t.Cleanup(server.Close)
	return s, server
}

// connect returns a connection that has made no request.
func connect(t *testing.T, server *httptest.Server, h2 bool) *http.ClientConn {
	t.Helper()
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	with := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: trusted}}
	with.Protocols.SetHTTP1(!h2)
	with.Protocols.SetHTTP2(h2)
	conn, err := with.NewClientConn(t.Context(), "https", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func ask(t *testing.T, conn *http.ClientConn, server *httptest.Server) (body string, closes bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := conn.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), answer.Close
}

const patience = time.Minute

// finish begins what Caddy does, and returns a channel that is closed when the server is shut down.
func finish(t *testing.T, s *Servers, server *httptest.Server) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.finish(patience)
		if err := server.Config.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	for !s.ending.Load() {
		time.Sleep(time.Millisecond)
	}
	return done
}

// Finish waits for the first request of a connection, whose response says that there is no other;
// then the server can be shut down without a loss.
func TestFinishAwaitsFirstRequest(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s, server := startServer(t, nil)
		conn := connect(t, server, h2)
		for s.open.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		done := finish(t, s, server)
		time.Sleep(2 * busyTime) // for a Shutdown that does not wait
		if got, closes := ask(t, conn, server); got != map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2] || !h2 && !closes {
			t.Errorf("answer: %q, closes: %t", got, closes)
		}
		<-done
		if s.anyYoung(patience) {
			t.Error("the connection counts as one without a request")
		}
		for conn.Available() > 0 { // HTTP/2: GOAWAY
			time.Sleep(time.Millisecond)
		}
	}
}

// Without servers or connections, or with one that has never made a request for a while, Finish
// returns.
func TestFinishReturns(t *testing.T) {
	new(Servers).Finish()
	s, server := startServer(t, nil)
	s.Finish()
	conn := connect(t, server, true)
	for s.open.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.Finish()
	if conn.Err() != nil {
		t.Error("it has closed a connection", conn.Err())
	}
}

// A connection that is upgraded is not told to end, and not counted afterwards.
func TestUpgrade(t *testing.T) {
	s, server := startServer(t, nil)
	with := connect(t, server, false)
	for s.open.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	done := finish(t, s, server)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "test")
	answer, err := with.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Values("Connection"); len(got) != 1 || got[0] != "Upgrade" {
		t.Errorf("Connection: %q", got)
	}
	<-done
}

// A request in progress when Finish is called is served.
func TestRequestInProgress(t *testing.T) {
	release := make(chan struct{})
	s, server := startServer(t, release)
	conn := connect(t, server, true)
	go func() {
		for s.open.Load() == 0 || s.anyYoung(patience) {
			time.Sleep(time.Millisecond)
		}
		done := finish(t, s, server)
		close(release)
		<-done
	}()
	if got, _ := ask(t, conn, server); got != "HTTP/2.0" {
		t.Errorf("answer: %q", got)
	}
}

// BenchmarkRequest compares requests of a connection each with and without the hooks.
func BenchmarkConnection(b *testing.B) {
	for _, watched := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "watched"}[watched], func(b *testing.B) {
			s := new(Servers)
			s.Watch(new(caddyhttp.Server))
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			if watched {
				connState := s.noteState
				server.Config.ConnState, server.Config.ConnContext = connState, s.connContext()
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go func() { _ = server.Config.Serve(ln) }()
			defer server.Config.Close()
			for b.Loop() {
				conn, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				_, _ = bufio.NewReader(conn).ReadString('\n')
				_ = conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		})
	}
}
