// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// saysProblems compares problems with lines of their severity, kind and a part of the text or the
// advice. All of them must be sentences.
func saysProblems(t *testing.T, what string, all []Problem, want ...string) {
	t.Helper()
	if len(all) != len(want) {
		t.Errorf("%s: %+v, want %q", what, all, want)
		return
	}
	for i, p := range all {
		head, text, _ := strings.Cut(want[i], ": ")
		if got := p.Severity.String() + " " + p.Kind; got != head || !strings.Contains(p.What+" "+p.Advice, text) {
			t.Errorf("%s: %s: %s %s, want %s", what, got, p.What, p.Advice, want[i])
		}
		for _, sentence := range []string{p.What, p.Advice} {
			if len(sentence) < 20 || !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "..") || strings.Contains(sentence, "  ") {
				t.Errorf("%s: %q is no sentence", what, sentence)
			}
		}
	}
}

func TestBackendProblems(t *testing.T) {
	now := time.Now()
	up := pool.ServerStatus{Since: now}
	down := pool.ServerStatus{Down: true, Check: pool.CheckRecord{Result: pool.Result{Code: pool.Layer4Connection, Info: "connection\nrefused"}, At: now}}
	with := func(s pool.ServerStatus, change func(*pool.ServerStatus)) pool.ServerStatus {
		change(&s)
		return s
	}
	maint := with(up, func(s *pool.ServerStatus) { s.Admin = pool.Maint })
	long := now.Add(-25 * time.Hour)
	oldMaint := with(maint, func(s *pool.ServerStatus) { s.Since = long })
	for what, c := range map[string]struct {
		change  func(*Backend)
		servers []pool.ServerStatus
		want    []string
	}{
		"well":     {nil, []pool.ServerStatus{up, maint}, nil},
		"a site":   {func(b *Backend) { b.Down = true }, nil, nil},
		"one down": {nil, []pool.ServerStatus{up, down}, []string{`warning server_down: Server web/s2 (10.0.0.2:443) is down: layer 4 connection problem (connection\x0arefused). Connections go to the other`}},
		"all down": {func(b *Backend) { b.Down = true }, []pool.ServerStatus{down}, []string{"critical backend_down: no usable server: its connections fail. Server s1 is down: layer 4", "warning server_down: No other server"}},
		"maint":    {func(b *Backend) { b.Down = true }, []pool.ServerStatus{maint}, []string{"critical backend_down: All its servers are in maintenance."}},
		"drained":  {func(b *Backend) { b.Down = true }, []pool.ServerStatus{with(up, func(s *pool.ServerStatus) { s.Admin = pool.Drain })}, []string{"critical backend_down: drained, in maintenance, or"}},
		"many":     {nil, []pool.ServerStatus{up, down, down, down, down}, []string{"warning servers_down: 4 of 5 servers of backend web are down: s2, s3, s4 and others. Server s2: layer 4"}},
		"follows":  {nil, []pool.ServerStatus{up, with(down, func(s *pool.ServerStatus) { s.Track = pool.Ref{Backend: "b", Server: "s"} })}, []string{"warning server_down: it follows b/s"}},
		"agent": {nil, []pool.ServerStatus{up, with(down, func(s *pool.ServerStatus) { s.AgentDown, s.Agent.Info = true, "too hot" })}, []string{
			"warning server_down: its agent keeps it down (too hot).",
		}},
		"by hand": {nil, []pool.ServerStatus{up, {Down: true}}, []string{"warning server_down: set so by an operator"}},
		"queue":   {func(b *Backend) { b.Queue = 3 }, []pool.ServerStatus{up}, []string{"warning queue: wait for a server"}},
		"left in maint": {nil, []pool.ServerStatus{up, oldMaint, oldMaint, oldMaint, oldMaint}, []string{
			"notice server_maint: 4 servers of backend web are in maintenance for more than a day: s2, s3, s4 and others.",
		}},
		"left in drain": {nil, []pool.ServerStatus{up, with(oldMaint, func(s *pool.ServerStatus) { s.Admin = pool.Drain })}, []string{"notice server_drain: Server web/s2 is in drain mode"}},
		"unchecked": {nil, []pool.ServerStatus{with(up, func(s *pool.ServerStatus) { s.ChecksOff = true }), with(up, func(s *pool.ServerStatus) { s.ChecksOff = true })}, []string{
			"notice checks_disabled: 2 servers of backend web are without the checks that are configured: s1, s2.",
		}},
		"warning": {nil, []pool.ServerStatus{with(up, func(s *pool.ServerStatus) { s.Check.Warning = "the certificate expires in 3 days" })}, []string{"warning check_warning: expires in 3 days."}},
	} {
		b := Backend{BackendStatus: pool.BackendStatus{Name: "web", Servers: c.servers}}
		for i := range b.Servers {
			b.Servers[i].Name, b.Servers[i].Address = fmt.Sprint("s", i+1), fmt.Sprintf("10.0.0.%d:443", i+1)
		}
		if c.change != nil {
			c.change(&b)
		}
		saysProblems(t, what, problemsOf(&b, now), c.want...)
	}
}

func TestProcessProblems(t *testing.T) {
	now := time.Now()
	saysProblems(t, "no overload", overloadProblems(limits.Report{Stage: "normal"}))
	saysProblems(t, "tight", overloadProblems(limits.Report{Stage: "tight"}), "warning overload: a quarter")
	saysProblems(t, "paused", overloadProblems(limits.Report{Stage: "paused"}), "critical overload: no connection is accepted")
	saysProblems(t, "limits", limitProblems([]LimitUse{
		{"maxconn", "tls", 10, 10}, {"descriptors", "", 95, 100}, {"memory", "", 86, 100}, {"unfinished_hellos", "", 100, 100}, {"maxconn", "", 84, 100},
	}, true),
		"critical limit: The limit of maxconn of frontend tls is reached: 10. Further clients wait in the kernel's queue.",
		"warning limit: More than 85 % of the limit of descriptors of the process are used: the limit is 100. Raise the limit of open files",
		"warning limit: GOMEMLIMIT", "critical limit: unfinished hellos of the process is reached")
	saysProblems(t, "drops", slices.Concat(droppedLines(time.Time{}, now), droppedLines(now.Add(-2*time.Hour), now), droppedLines(now.Add(-time.Minute), now)), "warning log_dropped: too slow")
	saysProblems(t, "overrides", slices.Concat(overrideProblems(nil), overrideProblems([]Override{{Key: "maxconn"}}), overrideProblems([]Override{{Backend: "web", Server: "s1", Key: "weight"}, {}})),
		"notice overrides: A value set at run time differs from the configuration: maxconn.", "notice overrides: 2 values set at run time differ from the configuration, such as web s1 weight.")
	for state, want := range map[frontend.State]string{frontend.Open: "", frontend.Full: "", frontend.Disabled: "warning frontend_disabled: wait in the kernel's queue", frontend.Stopped: "warning frontend_stopped: A reload"} {
		if p, bad := frontendProblem("tls", true, state); bad {
			saysProblems(t, state.String(), []Problem{p}, want)
		} else if want != "" {
			t.Errorf("%s is no problem", state)
		}
	}
	if _, bad := frontendProblem("tls", false, frontend.Stopped); bad {
		t.Error("a frontend without a configuration is a problem")
	}
}

// Several like ends in a place are a problem, few are not.
func TestEndPatterns(t *testing.T) {
	several := func(n int, e End) (ends []End) {
		for range n {
			ends = append(ends, e)
		}
		return ends
	}
	find := func(patterns []pattern, ends []End) (all []Problem) {
		for _, p := range patterns {
			all = append(all, p.find(ends)...)
		}
		return all
	}
	ends := slices.Concat(
		several(5, End{Backend: "web", Server: "s1", End: tcplog.ConnectFailed}), several(4, End{Backend: "web", Server: "s2", End: tcplog.ConnectFailed}),
		several(9, End{Backend: "web", Server: "s3", End: tcplog.ConnectTimeout}), several(5, End{End: tcplog.NoResources}), several(5, End{Backend: "mail", End: tcplog.QueueFull}),
		several(5, End{Backend: "web", Server: "s4", End: tcplog.ServerReset}), several(5, End{Frontend: "tls", End: tcplog.NoBackend}), several(50, End{Frontend: "tls", End: tcplog.Refused}))
	got := find(failures, ends)
	saysProblems(t, "failures", got, "critical no_resources: lacks descriptors", "warning connect_failures: web/s1 cannot be reached", "warning connect_failures: web/s3 does not answer",
		"critical queue_timeouts: backend mail", "warning server_resets: web/s4 resets", "warning unknown_names: frontend tls")
	if got[1].Backend != "web" || got[1].Server != "s1" || got[5].Frontend != "tls" {
		t.Errorf("places %+v", got)
	}
	saysProblems(t, "oddities", find(oddities, slices.Concat(
		several(5, End{Backend: "web", Server: "s1", ServerAlert: 113}), several(6, End{Backend: "web", Server: "s2", Retries: 2}), several(99, End{Backend: "web", Server: "s2"}),
	)), "warning tls_alerts: web/s1 refuses TLS handshakes, the last one by the alert 112 unrecognized_name.", "warning retries: backend web need several attempts")
}

// The worst problem is the first.
func TestProblemsAreSorted(t *testing.T) {
	b, _ := serving(t, pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4})
	if _, err := ChangeServer(BySocket, b, "s1", ServerChange{Health: new(pool.HealthDown)}); err != nil {
		t.Fatal(err)
	}
	all := Problems(time.Now())
	if len(all) < 2 || all[0].Kind != "backend_down" || all[0].Backend != b || all[0].Since.IsZero() {
		t.Errorf("%+v", all)
	}
	if !slices.IsSortedFunc(all, func(a, b Problem) int { return int(a.Severity) - int(b.Severity) }) {
		t.Errorf("not sorted: %+v", all)
	}
}
