// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// answering loads a configuration whose app answers at an address with a byte.
func answering(address string, answer byte, fail bool) error {
	return loadAnswer(fmt.Sprintf(`{"listen": %q, "answer": %d, "fail": %t}`, address, answer, fail))
}

// loadAnswer loads a configuration with an answerApp.
func loadAnswer(app string) error {
	return caddy.Load(fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"durable_answer": %s}
	}`, app), true)
}

// A refused configuration gets no connection, at an address in use or a new one; a loaded one gets
// all from the moment it runs.
func TestRefusedGetsNothing(t *testing.T) {
	eachWay(t, testRefusedGetsNothing, byAccept, mixed)
}

func testRefusedGetsNothing(t *testing.T) {
	unix := "durable/unix/" + filepath.Join(t.TempDir(), "s")
	for _, kinds := range [][2]string{{"durable/" + programs.Address(t), "durable/" + programs.Address(t)}, {unix, unix + ".2"}} {
		address, other := kinds[0], kinds[1]
		if err := answering(address, 1, false); err != nil {
			t.Fatal(err)
		}
		stop := load(address)
		for i := range 10 {
			for _, refused := range []string{address, other} {
				gone := make(chan int)
				go func() {
					n := 0
					for over := time.Now().Add(20 * time.Millisecond); time.Now().Before(over); {
						if got, err := ask(refused); err == nil && got == 2 {
							n++
						}
					}
					gone <- n
				}()
				if err := answering(refused, 2, true); err == nil {
					t.Error("a configuration whose app fails was taken")
				}
				if n := <-gone; n > 0 {
					t.Errorf("%d connections to %s were served by a refused configuration", n, refused)
				}
			}
			if err := answering(address, byte(3+i), false); err != nil {
				t.Fatal(err)
			}
			if got, err := ask(address); err != nil || got != byte(3+i) {
				t.Errorf("%s, reloaded: %d, %v, want %d", address, got, err, 3+i)
			}
		}
		ok, lost := stop()
		t.Logf("20 refused and 10 other configurations, %d connections served, %d lost", ok, len(lost))
		if len(lost) > 0 || ok == 0 {
			t.Errorf("lost: %v", lost)
		}
		if err := answering(other, 99, false); err != nil { // which closes the first address
			t.Fatal(err)
		}
		if got, err := ask(other); err != nil || got != 99 {
			t.Errorf("%s, new: %d, %v, want 99", other, got, err)
		}
		if _, err := ask(address); err == nil {
			t.Errorf("%s is still there", address)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reload takes over from a plain listener of the same process.
func TestTakesOverFromPlainListener(t *testing.T) {
	eachWay(t, testTakesOverFromPlainListener, byAccept, byTaker)
}

func testTakesOverFromPlainListener(t *testing.T) {
	for _, host := range []string{"127.0.0.1", ""} {
		address := fmt.Sprintf("%s:%d", host, unused(t))
		if err := answering(address, 1, false); err != nil {
			t.Fatal(err)
		}
		if err := answering("durable/"+address, 2, true); err == nil {
			t.Error("a configuration whose app fails was taken")
		}
		for range 20 {
			if got, err := ask("durable/" + address); err != nil || got != 1 {
				t.Fatalf("%q, refused: %d, %v", host, got, err)
			}
		}
		for i, to := range []string{"durable/" + address, "durable/" + address} {
			if err := answering(to, byte(2+i), false); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				if got, err := ask(to); err != nil || got != byte(2+i) {
					t.Fatalf("%q, reloaded: %d, %v, want %d", host, got, err, 2+i)
				}
			}
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// All clients that are connected when the last user closes are served, also under load.
func TestLastCloseServesAll(t *testing.T) { eachWay(t, testLastCloseServesAll, byAccept, byTaker) }

func testLastCloseServesAll(t *testing.T) {
	served, closed, broken := 0, 0, 0
	for range 5 {
		ln := open(t, 0)
		go serve(ln, 1)
		address := "durable/" + ln.Addr().String()
		stop := load(address)
		time.Sleep(5 * time.Millisecond)
		ln.Close()
		time.Sleep(2 * time.Millisecond)
		ok, failed := stop()
		served += int(ok)
		for _, err := range failed {
			if isDial(err) {
				closed++
			} else {
				broken++
				t.Error(err)
			}
		}
	}
	t.Logf("5 closes: %d served, %d told that nobody listens any more, %d let in and not served", served, closed, broken)
}

func isDial(err error) bool {
	op, ok := err.(*net.OpError) //nolint:errorlint // it is package net's own
	return ok && op.Op == "dial"
}
