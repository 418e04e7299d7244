// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"
	_ "github.com/mholt/caddy-l4/modules/l4tls"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

// greeter is a server that greets each client with its name, and hangs up when
// the client does. What the clients say goes to heard.
func greeter(t *testing.T, name string, heard chan<- string) string {
	t.Helper()
	return programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		fmt.Fprint(c, name)
		said, _ := io.ReadAll(c)
		if heard != nil {
			heard <- string(said)
		}
	})
}

// frontend runs a story's frontend in our words. The log line is there when the
// connection is over.
func (s *story) frontend(t *testing.T, a, b string) (address string, line func() map[string]any) {
	t.Helper()
	content := "null"
	if s.backend != "" {
		content = s.backend
	}
	app, ctx := frontendtest.App(t, map[string]string{
		"a": fmt.Sprintf(`{"servers": [{"name": "s", "address": %q}]}`, a),
		"b": fmt.Sprintf(`{"servers": [{"name": "s", "address": %q}], "content": %s}`, b, content),
	})
	h := new(Handler)
	d := caddyfile.NewTestDispenser("passthrough {\n" + s.ours + "\ndefault_backend b\n}")
	if err := h.UnmarshalCaddyfile(d); err != nil {
		t.Fatal(err)
	}
	logged := provisioned(t, ctx, app, h)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if s.arrives != nil {
			s.arrives(c)
		}
		if err := h.Handle(layer4.WrapConnection(c, nil, zap.NewNop()), nil); err != nil {
			t.Error(err)
		}
	}()
	return ln.Addr().String(), func() map[string]any {
		<-done
		fields := onlyLine(t, logged).ContextMap()
		return fields
	}
}

// play runs the story's client and returns what differs from the expected result.
func (s *story) play(t *testing.T, address string) (wrong []string) {
	t.Helper()
	began := time.Now()
	c, err := net.Dial("tcp", address)
	if s.reset && errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go s.act(c.(*net.TCPConn), began)
	_ = c.SetReadDeadline(began.Add(time.Minute))
	greeting := make([]byte, 1)
	n, err := io.ReadFull(c, greeting)
	took := time.Since(began)
	if s.has(rst) {
		return nil
	}
	if got := string(greeting[:n]); got != s.greeted {
		wrong = append(wrong, fmt.Sprintf("greeted by %q (%v), want %q", got, err, s.greeted))
	}
	if s.reset && !errors.Is(err, syscall.ECONNRESET) {
		wrong = append(wrong, fmt.Sprintf("the client got %v, want a reset", err))
	}
	if took < s.after-20*time.Millisecond || took > s.after+250*time.Millisecond {
		wrong = append(wrong, fmt.Sprintf("took %v, want %v", took, s.after))
	}
	return wrong
}

// alone is held by a story that is run again without others beside it.
var alone sync.Mutex

// tell checks that a story has its expected outcome and log line. Times may differ on a busy
// machine, so it is tried several times, then alone.
func (s *story) tell(t *testing.T, a, b string, check func(fields map[string]any) (wrong []string)) {
	t.Helper()
	const tries = 20
	for try := range tries {
		if try == 1 {
			alone.Lock()
			defer alone.Unlock()
		}
		address, line := s.frontend(t, a, b)
		wrong := s.play(t, address)
		wrong = append(wrong, check(line())...)
		switch {
		case len(wrong) == 0:
			return
		case try == tries-1:
			t.Error(strings.Join(wrong, "\n"))
		}
	}
}

func (s *story) act(c *net.TCPConn, began time.Time) {
	for _, step := range s.client {
		time.Sleep(time.Until(began.Add(step.at)))
		switch step.send {
		case fin:
			_ = c.CloseWrite()
		case rst:
			_ = c.SetLinger(0)
			_ = c.Close()
		default:
			_, _ = c.Write([]byte(step.send))
		}
	}
}

func (s *story) has(send string) bool {
	for _, step := range s.client {
		if step.send == send {
			return true
		}
	}
	return false
}

// Rules end connections or pass them on, at the expected time and with the expected log line.
func TestContent(t *testing.T) {
	a, b := greeter(t, "a", nil), greeter(t, "b", nil)
	for _, s := range stories(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(t, a, b, func(fields map[string]any) (wrong []string) {
				if got := fields["termination"]; s.letters != "" && got != s.letters {
					wrong = append(wrong, fmt.Sprintf("ended %s, want %s", got, s.letters))
				}
				if got := fields["outcome"]; got != s.outcome {
					wrong = append(wrong, fmt.Sprintf("outcome %s, want %s", got, s.outcome))
				}
				if backend := fields["backend"]; s.greeted != "" && backend != s.greeted || s.backend != "" && backend != "b" {
					wrong = append(wrong, fmt.Sprintf("backend %q", backend))
				}
				return wrong
			})
		})
	}
}

// The server gets every byte that was read to decide, and a FIN that came meanwhile.
func TestContentPassesOnWhatItHasRead(t *testing.T) {
	hello := string(hellotest.Hello(t, "a.example"))
	for name, client := range map[string][]step{
		"nothing":               {{0, fin}},
		"a hello":               {{0, hello}, {0, fin}},
		"a hello in pieces":     {{0, hello[:1]}, {20 * time.Millisecond, hello[1:70]}, {40 * time.Millisecond, hello[70:] + "and more"}, {60 * time.Millisecond, "and yet more"}, {80 * time.Millisecond, fin}},
		"more than a buffer":    {{0, strings.Repeat("0123456789", 5000)}, {0, fin}},
		"a large hello":         {{0, string(hellotest.Plain(hellotest.SNI("a.example")).Pad(40000).Raw())}, {0, fin}},
		"half a hello then FIN": {{0, hello[:70]}, {0, fin}},
	} {
		for _, ours := range []string{"content", oursHello, "content {\n accept acl req.ssl_hello_type 1\n}", "content {\n inspect_delay 400ms\n accept acl req.len gt 1000000\n}"} {
			heard := make(chan string, 1)
			s := story{ours: ours, client: client}
			address, line := s.frontend(t, greeter(t, "a", heard), greeter(t, "b", heard))
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			s.act(c.(*net.TCPConn), time.Now())
			want := ""
			for _, step := range client {
				if step.send != fin {
					want += step.send
				}
			}
			if got := <-heard; got != want {
				t.Errorf("%s, %q: the server got %d bytes, want %d", name, ours, len(got), len(want))
			}
			if fields := line(); fields["termination"] != "--" || fields["bytes_in"] != int64(len(want)) {
				t.Errorf("%s, %q: logged as %v", name, ours, fields)
			}
			c.Close()
		}
	}
}

// Beyond HAProxy: a hello may be larger than its buffer, and the matchers of
// caddy-l4 wait, too.
func TestContentWaits(t *testing.T) {
	a, b := greeter(t, "a", nil), greeter(t, "b", nil)
	hello := string(hellotest.Hello(t, "a.example"))
	large := string(hellotest.Plain(hellotest.SNI("a.example")).Pad(30000).Raw())
	const late = 100 * time.Millisecond
	for name, s := range map[string]story{
		"a large hello":            {ours: oursHello, client: []step{{0, large[:20000]}, {late, large[20000:]}}},
		"a matcher of caddy-l4":    {ours: "content {\n inspect_delay 5s\n accept tls sni a.example\n close\n}\nuse_backend a tls sni a.example", client: []step{{0, hello[:70]}, {late, hello[70:]}}},
		"unless a name":            {ours: "content {\n inspect_delay 5s\n close unless client_hello\n}\nuse_backend a unless sni z.example", client: []step{{0, hello[:70]}, {late, hello[70:]}}},
		"unless one of caddy-l4":   {ours: "content {\n inspect_delay 5s\n close unless tls sni a.example\n}\nuse_backend a", client: []step{{0, hello[:70]}, {late, hello[70:]}}},
		"a name, in the fast path": {ours: "content {\n inspect_delay 5s\n close unless client_hello\n}\nuse_backend a sni a.example", client: []step{{0, hello[:70]}, {late, hello[70:]}}},
	} {
		t.Run(name, func(t *testing.T) {
			s.greeted, s.after = "a", late
			s.tell(t, a, b, func(fields map[string]any) (wrong []string) {
				if fields["outcome"] != "hello" || fields["termination"] != "--" {
					wrong = append(wrong, fmt.Sprintf("logged as %v", fields))
				}
				return wrong
			})
		})
	}
}
