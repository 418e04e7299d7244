// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// nearLimit is the part of a limit from which it is a problem.
const nearLimit = 0.85

// processProblems returns those of the process.
func processProblems(now time.Time) (all []Problem) {
	if stopping, due := lifecycle.ShuttingDown(); stopping {
		p := Problem{Severity: Notice, Kind: "stopping", What: "The process is stopping, and waits for its connections.", Advice: "New clients are refused. A second stop signal closes the remaining connections at once."}
		if !due.IsZero() {
			p.Advice = "New clients are refused. The remaining connections are closed at the end of grace_period."
		}
		all = append(all, p)
	}
	report := limits.Overload.Report()
	all = append(all, overloadProblems(report)...)
	all = append(all, limitProblems(Limits(), report.Stage == limits.Normal.String())...)
	all = append(all, droppedLines(history.lastDrop(), now)...)
	all = append(all, shareProblems()...)
	return append(all, overrideProblems(Overrides())...)
}

// shareProblems returns the stick tables whose store is unreachable.
func shareProblems() (all []Problem) {
	for _, t := range Tables() {
		if s, shared := t.Share(); shared && s.State == stick.Unreachable {
			all = append(all, Problem{
				Severity: Warning, Kind: "share",
				What:   fmt.Sprintf("The stick table %s is not shared: %s is unreachable: %s.", t.Name, s.Store, printable.Text(s.Error)),
				Advice: "Each node goes on with what it knows; clients may get other servers at other nodes. Look at the store, and at the network between.",
			})
		}
	}
	return all
}

// overloadProblems returns those of the overload's stage.
func overloadProblems(r limits.Report) []Problem {
	switch r.Stage {
	case limits.Paused.String():
		return []Problem{{Severity: Critical, Kind: "overload", What: "Overload: no connection is accepted until resources are free again.", Advice: "Raise the limit of memory or of open files, or send clients to other machines. The limits below say which is short."}}
	case limits.Tight.String():
		return []Problem{{Severity: Warning, Kind: "overload", What: "Overload: inspect delays and idle timeouts are a quarter of the configured ones.", Advice: "Find out what uses the resource below before it runs out: slow clients, idle sessions, or too low a limit."}}
	}
	return nil
}

// limitAdvice says what to do when a limit is near.
var limitAdvice = map[string]string{
	"maxconn":           "Raise maxconn if the machine has room for more connections, or look for clients that open too many.",
	"descriptors":       "Raise the limit of open files of the process (LimitNOFILE of systemd, ulimit -n).",
	"memory":            "Raise the memory limit (GOMEMLIMIT, or that of the container), or lower maxconn.",
	"unfinished_hellos": "Many clients send long hellos slowly, which may be an attack: limit connections for each address with the option limit.",
}

// limitProblems returns the limits that are reached or near. relaxed says that there is no
// overload, whose stage says the same of resources.
func limitProblems(all []LimitUse, relaxed bool) (problems []Problem) {
	for _, l := range all {
		if l.Part() < nearLimit {
			continue
		}
		p := Problem{Severity: Warning, Kind: "limit", Frontend: l.Frontend, Advice: limitAdvice[l.Name]}
		of := "the process"
		if l.Frontend != "" {
			of = "frontend " + l.Frontend
		}
		what := strings.ReplaceAll(l.Name, "_", " ")
		switch {
		case l.Used >= l.Limit:
			p.Severity, p.What = Critical, fmt.Sprintf("The limit of %s of %s is reached: %d.", what, of, l.Limit)
			if l.Name == "maxconn" || l.Name == "descriptors" {
				p.Advice = "Further clients wait in the kernel's queue. " + p.Advice
			}
		case relaxed || l.Frontend != "":
			p.What = fmt.Sprintf("More than %d %% of the limit of %s of %s are used: the limit is %d.", int(100*nearLimit), what, of, l.Limit)
		default:
			p.What = fmt.Sprintf("The limit of %s of %s is near: %d.", what, of, l.Limit)
		}
		problems = append(problems, p)
	}
	return problems
}

// recently is the time for which something that has happened is a problem.
const recently = time.Hour

// droppedLines returns the problem of log lines that were dropped.
func droppedLines(last time.Time, now time.Time) []Problem {
	if last.IsZero() || now.Sub(last) > recently {
		return nil
	}
	return []Problem{{
		Severity: Warning, Kind: "log_dropped", What: "Log lines of connections were dropped in the last hour.", Since: last,
		Advice: "The log's target is too slow. Log less (log_steps, a filter), or to a faster target; the counts and this page are complete.",
	}}
}

// overrideProblems returns a notice if values differ from the configuration.
func overrideProblems(all []Override) []Problem {
	if len(all) == 0 {
		return nil
	}
	o := all[0]
	var words []string
	for _, word := range []string{o.Frontend, o.Backend, o.Server, o.File, o.Key} {
		if word != "" {
			words = append(words, printable.Text(word))
		}
	}
	example := strings.Join(words, " ")
	what := fmt.Sprintf("A value set at run time differs from the configuration: %s.", example)
	if len(all) > 1 {
		what = fmt.Sprintf("%d values set at run time differ from the configuration, such as %s.", len(all), example)
	}
	return []Problem{{
		Severity: Notice, Kind: "overrides", What: what, Advice: "They outlive reloads. The command caddy passthrough overrides lists them, and drops them with --drop.",
		Frontend: o.Frontend, Backend: o.Backend, Server: o.Server, Since: o.At,
	}}
}

// frontendProblems returns frontends that take no connections.
func frontendProblems(time.Time) (all []Problem) {
	for _, f := range Frontends() {
		if p, bad := frontendProblem(f.Name, f.Running, f.State); bad {
			all = append(all, p)
		}
	}
	return all
}

func frontendProblem(name string, running bool, state frontend.State) (p Problem, bad bool) {
	p = Problem{Severity: Warning, Frontend: name}
	switch {
	case !running:
		return p, false
	case state == frontend.Stopped:
		p.Kind, p.What, p.Advice = "frontend_stopped", fmt.Sprintf("Frontend %s was shut down: new clients are refused.", name), "A reload of the configuration opens it again."
	case state == frontend.Disabled:
		p.Kind, p.What, p.Advice = "frontend_disabled", fmt.Sprintf("Frontend %s is disabled: new clients wait in the kernel's queue.", name), "Enable it when the work on it is done."
	default:
		return p, false
	}
	return p, true
}
