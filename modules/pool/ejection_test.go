// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The outcome of connects ejects a server and readmits it. Steps: - a failed connect to s, f a
// failed one that keeps the lease for another attempt, + a successful one, a number of seconds that
// pass; u: s must be up, d: it must be down.
func TestPassiveEjection(t *testing.T) {
	for what, steps := range map[string]string{
		"so many":                         "--u-d",
		"kept leases count":               "ffufd",
		"within the window":               "--11-u-u-d",
		"not before it":                   "-9-1-u-d",
		"whatever succeeds between":       "-+-+u-d",
		"for its time":                    "---d4d1u",
		"the first connect decides":       "---d5u-d5u",
		"and then they are counted again": "---d5u+-u-u-d",
	} {
		synctest.Test(t, func(t *testing.T) {
			var reg Registry
			passive := HealthConfig{Passive: Passive{Fails: 3, Window: 10 * time.Second, Eject: 5 * time.Second}}
			p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: passive}, ServerConfig{Name: "t", HealthConfig: passive})
			defer p.Close()
			for i := 0; i < len(steps); i++ {
				switch step := steps[i]; step {
				case 'u', 'd':
					synctest.Wait()
					status, _ := reg.Backend("b")
					if s := status.Servers[0]; s.Down != (step == 'd') {
						t.Errorf("%s: after %q the server is down: %v", what, steps[:i], s.Down)
					}
				case '+', '-', 'f':
					lease, err := p.Acquire(t.Context(), new(Request))
					if err != nil || lease.Server.Name != "s" {
						t.Fatalf("%s: %v", what, err)
					}
					switch step {
					case '+':
						lease.Reached()
						lease.Release(Served)
					case '-':
						lease.Release(ConnectFailed)
					default:
						lease.Failed()
						lease.Release(NotTried)
					}
				default:
					number := steps[i:]
					number = number[:len(number)-len(strings.TrimLeft(number, "0123456789"))]
					seconds, _ := strconv.Atoi(number)
					time.Sleep(time.Duration(seconds) * time.Second)
					i += len(number) - 1
				}
			}
		})
	}
}

func TestPassiveTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		passive := HealthConfig{Passive: Passive{Fails: 2, Window: 10 * time.Second, Eject: 5 * time.Second}}
		servers := []ServerConfig{{Name: "s", HealthConfig: passive}, {Name: "t", Backup: true, HealthConfig: passive}}
		p, n := serving(t, &reg, servers...)
		fail := func(server string) {
			t.Helper()
			lease, err := p.Acquire(t.Context(), new(Request))
			if err != nil || lease.Server.Name != server {
				t.Fatalf("%v, want %s", err, server)
			}
			lease.Release(ConnectFailed)
		}
		tells := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := n.since(); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		fail("s")
		fail("s")
		tells("s down 0+1")
		status, _ := reg.Backend("b")
		if got, want := status.Servers[0].Check.Info, "2 failed connects within 10s: ejected for 5s"; got != want {
			t.Errorf("it is down for %q, want %q", got, want)
		}
		for range 5 { // the last server stays
			fail("t")
		}
		tells("")
		time.Sleep(5 * time.Second)
		tells("s up 1+1")
		fail("s")
		tells("s down 0+1")
		if _, err := reg.Change("b", "s", Change{Health: new(HealthUp)}); err != nil {
			t.Fatal(err)
		}
		tells("s up 1+1")
		time.Sleep(time.Minute) // the old ejection's timer has no effect
		fail("s")
		fail("s")
		tells("s down 0+1")
		servers[0].Passive, servers[1].Passive = Passive{}, Passive{}
		next, err := reg.Open(Config{Backend: "b", Policy: new(inOrder), Servers: servers, Notify: n.note, Redispatch: true})
		if err != nil {
			t.Fatal(err)
		}
		next.Activate()
		p.Close()
		tells("s up 1+1")
		time.Sleep(time.Minute)
		tells("")
		next.Close()
	})
}

// Ejection is independent of checks: a server that passes them may still be ejected.
func TestPassiveWithChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		care := HealthConfig{Check: checked(script("+")), Passive: Passive{Fails: 1, Window: time.Second, Eject: 3 * time.Second}}
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: care}, ServerConfig{Name: "t"})
		defer p.Close()
		time.Sleep(100 * time.Millisecond)
		lease, err := p.Acquire(t.Context(), new(Request))
		if err != nil {
			t.Fatal(err)
		}
		lease.Release(ConnectFailed)
		if got, want := counters(&reg, "s", 4), strings.Repeat("down3/3 ", 3)+"up3/3"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
