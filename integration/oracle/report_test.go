// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// report shows what both programs did, side by side.
type report struct {
	scenario *scenario
	names    [2]string // of the programs
	rows     []row
	unlike   map[string]bool // clients for which the programs were expected to differ
	alike    int             // log lines that agree, beside those that the script checks
	wrong    int             // rows with a fault
	times    int             // rows with a fault in which only a time is wrong in ours
	broken   []string        // errors of the rig or of a program
	printed  [2]string
}

// row is a step, or the end of a connection.
type row struct {
	line  string
	seen  [2]string
	fault string // empty: nothing is wrong

	unlike bool // the programs were expected to differ
}

// ok reports whether nothing is wrong.
func (r *report) ok() bool { return r.wrong == 0 && len(r.broken) == 0 }

// onlyTimes reports whether only times are wrong in ours.
func (r *report) onlyTimes() bool { return r.wrong == r.times && len(r.broken) == 0 }

// compare runs a scenario in both programs at the same time.
func compare(s *scenario, judge *haproxy, ours program) *report {
	var (
		theirs = make(chan result, 1)
		r      = &report{scenario: s, unlike: make(map[string]bool), names: [2]string{judge.String(), ours.String()}}
	)
	go func() { theirs <- s.play(judge) }()
	results := [2]result{1: s.play(ours)}
	results[0] = <-theirs
	for i, res := range results {
		r.printed[i] = res.printed
		if res.err != nil {
			r.broken = append(r.broken, fmt.Sprintf("%s: %v", r.names[i], res.err))
		}
	}
	if len(results[0].outcomes) < len(s.steps) || len(results[1].outcomes) < len(s.steps) {
		return r
	}
	for i, st := range s.steps {
		r.step(st, judge.version, results[0].outcomes[i], results[1].outcomes[i])
	}
	for i, e := range results[0].ends {
		if i < len(results[1].ends) {
			r.ending(e, results[1].ends[i])
		}
	}
	if a, b := len(results[0].ends), len(results[1].ends); a != b {
		r.broken = append(r.broken, fmt.Sprintf("%d and %d connections", a, b))
	}
	return r
}

func (r *report) add(line string, seen [2]string, fault string, onlyTime bool) {
	r.rows = append(r.rows, row{line: line, seen: seen, fault: fault})
	if fault == "" {
		return
	}
	r.wrong++
	if onlyTime {
		r.times++
	}
}

// step compares the outcomes with the expected one, or else with each other.
func (r *report) step(st *step, of version, theirs, ours outcome) {
	line := fmt.Sprintf("%d %s", st.line, strings.TrimSpace(st.text))
	seen := [2]string{theirs.String(), ours.String()}
	if st.want == nil || theirs.broken || ours.broken {
		fault := ""
		switch {
		case theirs.broken || ours.broken:
			fault = "failed"
		case theirs.what != ours.what:
			fault = "not the same"
		}
		r.add(line, seen, fault, false)
		return
	}
	if st.want.what == spread {
		seen, fault := compareSpreads(theirs.what, ours.what)
		r.add(line, seen, fault, true)
		r.rows[len(r.rows)-1].unlike = true // chance decides which client gets which server
		return
	}
	want := st.expected(of)
	var (
		faults   []string
		onlyTime = true
	)
	for i, o := range [2]outcome{theirs, ours} {
		fault, time := o.misses(want[i])
		if fault != "" {
			faults = append(faults, r.names[i]+" "+fault)
			onlyTime = onlyTime && (time || i == 0)
		}
	}
	if len(faults) == 0 && theirs.line && want[0] == want[1] {
		if fault := differentTimers(theirs, ours, want[0].what); fault != "" {
			faults = []string{fault}
		}
	}
	r.add(line, seen, strings.Join(faults, "; "), onlyTime)
	if want[0] != want[1] {
		r.rows[len(r.rows)-1].unlike = true
		r.unlike[st.of] = true
	}
}

// expected returns what each program must do, for a version of HAProxy.
func (st *step) expected(of version) [2]expectation {
	want := [2]expectation{*st.want, *st.want}
	if st.old != nil && of.before(st.old.before) {
		want[0] = st.old.expectation
	}
	if st.here != nil {
		want[1] = st.here.expectation
	}
	return want
}

// ending compares two lines of the log.
func (r *report) ending(theirs, ours ending) {
	what, onlyTime := theirs.record.differs(ours.record)
	// A client that reached another server has another line, which is no additional fault.
	opened := r.rows[theirs.step]
	told := theirs.looked || opened.fault != "" || opened.unlike || r.unlike[theirs.client]
	var faults []string
	if what != "" && !told {
		faults = append(faults, "differs: "+what)
	}
	for i, e := range [2]ending{theirs, ours} {
		if e.lost != "" {
			faults, onlyTime = append(faults, r.names[i]+": "+e.lost), false
		}
	}
	if len(faults) == 0 {
		if !told {
			r.alike++
		}
		return
	}
	show := func(e ending) string { return strings.TrimSpace(e.record.String() + ", " + e.record.figures()) }
	r.add("log of "+theirs.client, [2]string{show(theirs), show(ours)}, strings.Join(faults, "; "), onlyTime)
}

// String returns an outcome as it is displayed.
func (o outcome) String() string {
	if o.at <= 0 {
		return o.what
	}
	return fmt.Sprintf("%s after %v", o.what, o.at.Round(time.Millisecond))
}

// misses returns the fault of an outcome, and whether only the time is wrong.
func (o outcome) misses(e expectation) (fault string, onlyTime bool) {
	first, last := e.after-early, e.after+slack
	if e.after < 0 {
		first, last = 0, o.asked+max(slack, e.within)
	}
	switch {
	case o.line:
		return o.missesLine(e.what)
	case o.what != e.what:
		return fmt.Sprintf("should have been %s", e.what), false
	case o.at == timeless:
		return "", false
	case o.at < first:
		return fmt.Sprintf("came too early: not before %v", e.after), true
	case o.at > last:
		return fmt.Sprintf("came too late: not after %v", last.Round(time.Millisecond)), true
	}
	return "", false
}

// String returns the table: the steps, the outcomes in both programs, and the faults.
func (r *report) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "\n%s\t%s\t%s\t\n", r.scenario.name, r.names[0], r.names[1])
	for _, row := range r.rows {
		fault := ""
		if row.fault != "" {
			fault = "<-- " + row.fault
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.line, row.seen[0], row.seen[1], fault)
	}
	_ = table.Flush()
	if r.alike > 0 {
		fmt.Fprintf(&text, "(and %d connections alike in the log)\n", r.alike)
	}
	for _, b := range r.broken {
		fmt.Fprintln(&text, b)
	}
	if !r.ok() {
		for i, p := range r.printed {
			fmt.Fprintf(&text, "%s printed:\n%s\n", r.names[i], problems(p))
		}
	}
	return text.String()
}

// problems returns the lines of a program's output with warnings and errors.
func problems(printed string) string {
	var kept []string
	for line := range strings.Lines(printed) {
		if !strings.HasPrefix(line, `{"level":"info"`) && !strings.Contains(line, `"adapter":"haproxy"`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
