// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// says is an agent that reports what a test sets.
type says struct {
	mu     sync.Mutex
	report AgentReport
}

func (a *says) Ask(context.Context, Target) AgentReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.report
}

func (a *says) set(r AgentReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report = r
}

func TestAgentChangesServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		a := new(says)
		p, n := serving(t, &reg,
			ServerConfig{Name: "s", MaxConn: 10, HealthConfig: HealthConfig{Check: checked(script("+")), Agent: &AgentCheck{Agent: a, Interval: time.Second}}},
			ServerConfig{Name: "t"})
		defer p.Close()
		for _, step := range []struct {
			what  string
			says  AgentReport
			tells string
			want  string
		}{
			{"nothing", AgentReport{Result: Result{Code: CodeNotChecked}}, "", "up ready 1 10"},
			{"cannot be reached", AgentReport{Result: Result{Code: Layer4Connection}}, "", "up ready 1 10"},
			{"down", AgentReport{Result: Result{Code: Layer7Status}}, "s down 1+0", "down ready 1 10"},
			{"nothing again", AgentReport{Result: Result{Code: CodeNotChecked}}, "", "down ready 1 10"},
			{"up, at once", AgentReport{Result: Result{Code: Layer7OK}}, "s up 2+0", "up ready 1 10"},
			{"drain", AgentReport{Result: Result{Code: CodeNotChecked}, Admin: new(Drain)}, "s drain 1+0", "up drain 1 10"},
			{"nothing, and it stays", AgentReport{Result: Result{Code: CodeNotChecked}}, "", "up drain 1 10"},
			{"maint", AgentReport{Result: Result{Code: CodeNotChecked}, Admin: new(Maint)}, "s maint 1+0", "up maint 1 10"},
			{"ready", AgentReport{Result: Result{Code: CodeNotChecked}, Admin: new(Ready)}, "s maint over 2+0", "up ready 1 10"},
			{"weight", AgentReport{Result: Result{Code: CodeNotChecked}, Weight: "300%"}, "", "up ready 3 10"},
			{"no weight", AgentReport{Result: Result{Code: CodeNotChecked}, Weight: "many"}, "", "up ready 3 10"},
			{"maxconn", AgentReport{Result: Result{Code: CodeNotChecked}, MaxConn: new(5)}, "", "up ready 3 5"},
			{"all at once", AgentReport{Result: Result{Code: Layer7Status}, Admin: new(Drain), Weight: "50%"}, "s drain 1+0, s down 1+0", "down drain 0 5"},
		} {
			a.set(step.says)
			time.Sleep(time.Second)
			synctest.Wait()
			status, _ := reg.Backend("b")
			s := status.Servers[0]
			health := "up"
			if s.Down {
				health = "down"
			}
			if got := fmt.Sprint(health, " ", s.Admin, " ", s.Weight, " ", s.MaxConn); got != step.want {
				t.Errorf("%s: %s, want %s", step.what, got, step.want)
			}
			if got := n.since(); got != step.tells {
				t.Errorf("%s: told %q, want %q", step.what, got, step.tells)
			}
		}
	})
}

// Consecutive errors of client connections trigger OnError.
func TestObservedErrorsTriggerOnError(t *testing.T) {
	for _, c := range []struct {
		what    string
		on      OnError
		observe Observe
		errors  string // + reached, - failed, a answered, b broken early, f failed and kept
		want    string // after them, and after another failed check
		then    string
	}{
		{"fewer than the limit", MarkDown, ObserveConnect, "--", "up3/3", "up2/3"},
		{"mark_down", MarkDown, ObserveConnect, "---", "down0/2", "down0/2"},
		{"kept leases count", MarkDown, ObserveConnect, "-f-", "down0/2", "down0/2"},
		{"in a row", MarkDown, ObserveConnect, "--+--", "up3/3", "up2/3"},
		{"fail_check", FailCheck, ObserveConnect, "---", "up2/3", "up1/3"},
		{"fail_check again", FailCheck, ObserveConnect, "---------", "down0/2", "down0/2"},
		{"sudden_death", SuddenDeath, ObserveConnect, "---", "up1/3", "down0/2"},
		{"fastinter", FastInter, ObserveConnect, "---", "up3/3", "up2/3"},
		{"broken early is HAProxy's no error", MarkDown, ObserveConnect, "bbbb", "up3/3", "up2/3"},
		{"broken early", MarkDown, ObserveAnswer, "bbb", "down0/2", "down0/2"},
		{"a connect is no answer", MarkDown, ObserveAnswer, "-+-+b", "down0/2", "down0/2"},
		{"an answer", MarkDown, ObserveAnswer, "-ba-b", "up3/3", "up2/3"},
		{"nothing is observed", MarkDown, ObserveNothing, "----bbbb", "up3/3", "up2/3"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var reg Registry
			care := HealthConfig{Check: checked(script("+-")), Observe: c.observe, OnError: c.on, ErrorLimit: 3}
			p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: care})
			defer p.Close()
			time.Sleep(time.Millisecond)
			synctest.Wait()
			for _, e := range c.errors {
				lease, err := p.Acquire(t.Context(), new(Request))
				if err != nil {
					t.Fatalf("%s: %v", c.what, err)
				}
				switch e {
				case '+':
					lease.Reached()
				case 'a':
					lease.Answered()
				case 'f':
					lease.Failed()
				}
				lease.Release(map[rune]Outcome{'-': ConnectFailed, 'b': BrokenEarly}[e])
			}
			status, _ := reg.Backend("b")
			s := status.Servers[0]
			word := map[bool]string{true: "down", false: "up"}[s.Down]
			if got := fmt.Sprintf("%s%d/%d", word, s.Counter, s.Of); got != c.want {
				t.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
			time.Sleep(time.Second)
			if got := counters(&reg, "s", 1); got != c.then {
				t.Errorf("%s, after a check: %s, want %s", c.what, got, c.then)
			}
		})
	}
}

// With FastInterval the next check comes that soon after too many errors; a check that passes
// resets their count.
func TestObservedErrorsHastenTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		checker := script("+")
		check := checked(checker)
		check.FastInterval = 100 * time.Millisecond
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: check, Observe: ObserveConnect, OnError: FastInter, ErrorLimit: 2}})
		defer p.Close()
		fail := func() {
			lease, err := p.Acquire(t.Context(), new(Request))
			if err != nil {
				t.Fatal(err)
			}
			lease.Release(ConnectFailed)
		}
		time.Sleep(500 * time.Millisecond)
		fail()
		time.Sleep(time.Second) // one check has passed
		fail()
		time.Sleep(200 * time.Millisecond)
		fail()
		time.Sleep(time.Second)
		synctest.Wait()
		ms := time.Millisecond
		if got, want := checker.seen(), []time.Duration{0, 1000 * ms, 1800 * ms}; !slices.Equal(got[:3], want) {
			t.Errorf("checks at %v, want %v", got, want)
		}
	})
}

func TestParseWeight(t *testing.T) {
	for _, c := range []struct {
		text       string
		configured int
		want       int
	}{
		{"0", 5, 0},
		{"256", 5, 256},
		{"7", 0, 7},
		{"0%", 9, 0},
		{"100%", 9, 9},
		{"50%", 1, 0},
		{"50%", 3, 1},
		{"200%", 100, 200},
		{"300%", 100, 256},
		{"99999999%", 256, 256},
		{"1%", 256, 2},
		{"999999999999999999%", 256, 256},
		{"257", 1, -1},
		{"-1", 1, -1},
		{"-1%", 1, -1},
		{"%", 1, -1},
		{"", 1, -1},
		{"5 %", 1, -1},
		{"1.5", 1, -1},
		{"99999999999999999999%", 1, -1},
	} {
		got, err := ParseWeight(c.text, c.configured)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%q of %d: %d, %v, want %d", c.text, c.configured, got, err, c.want)
		}
	}
}

// An agent that reports up does not bring up a server that fails its checks, and one that reports
// down does not change their count.
func TestAgentAndChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		a := new(says)
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(script("-+-++-")), Agent: &AgentCheck{Agent: a, Interval: time.Second}}})
		defer p.Close()
		a.set(AgentReport{Result: Result{Code: Layer7OK}})
		if got, want := counters(&reg, "s", 3), "down0/2 down1/2 down0/2"; got != want {
			t.Errorf("the agent says up: %s, want %s", got, want)
		}
		a.set(AgentReport{Result: Result{Code: Layer7Status}})
		time.Sleep(time.Second)
		if got, want := counters(&reg, "s", 1), "down3/3"; got != want {
			t.Errorf("the agent says down: %s, want %s", got, want)
		}
		a.set(AgentReport{Result: Result{Code: Layer7OK}})
		time.Sleep(time.Second)
		if got, want := counters(&reg, "s", 1), "up1/3"; got != want {
			t.Errorf("the agent says up again: %s, want %s", got, want)
		}
	})
}
