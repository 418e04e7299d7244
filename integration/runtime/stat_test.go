// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// table is an answer with named columns, by the names of its rows.
type table map[string]map[string]string

// parseCSV parses an answer of show stat. The names of the rows are those of proxy and server.
func parseCSV(text string) (table, []string, error) {
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(text), "# "))).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	all := make(table)
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		all[row["pxname"]+"/"+row["svname"]] = row
	}
	return all, lines[0], nil
}

// statDiffers are the columns of show stat, or cells of it, that may differ, and why.
var statDiffers = map[string]string{
	"iid":            "sections are numbered in the order of their names",
	"lastchg":        "a time",
	"downtime":       "a time",
	"lastsess":       "a time",
	"check_duration": "a time",
	"rate":           "a rate of the moment",
	"conn_rate":      "a rate of the moment",
	"rate_max":       "the highest rate that was ever shown, not the highest one",
	"conn_rate_max":  "the highest rate that was ever shown, not the highest one",
	"qtime":          "a time", "ctime": "a time", "ttime": "a time",
	"qtime_max": "a time", "ctime_max": "a time", "ttime_max": "a time",
	"need_conn_est": "for HTTP",
	"smax":          "an ended session counts until the program has noticed its end",
	"chkdown":       "the beginning of maintenance does not count",

	"refusing/FRONTEND bin": "bytes that reached no server do not count",
	"refused/BACKEND bin":   "bytes that reached no server do not count",
	"refused/s bin":         "bytes that reached no server do not count",

	"web/s4 src_ilim": "for HTTP, of servers that were added",
	"web/s4 weight":   "HAProxy computes that of a server that was added when its state changes",
	"web/s5 src_ilim": "for HTTP, of servers that were added",
}

// compareStat compares show stat column by column, and returns the differences.
func compareStat(want, got string) (differences []string) {
	wanted, names, err := parseCSV(want)
	if err != nil {
		return []string{"HAProxy: " + err.Error()}
	}
	found, ownNames, err := parseCSV(got)
	if err != nil {
		return []string{"ours: " + err.Error()}
	}
	if !slices.Equal(names, ownNames) {
		return []string{fmt.Sprintf("columns: got %s\nwant %s", ownNames, names)}
	}
	for name, row := range wanted {
		if found[name] == nil {
			differences = append(differences, "no row "+name)
			continue
		}
		for _, column := range names {
			g, w := found[name][column], strings.TrimPrefix(row[column], "* ") // a check is going on
			mayDiffer := statDiffers[name+" "+column] != "" || statDiffers[column] != "" && (g == "") == (w == "")
			if g != w && !mayDiffer {
				differences = append(differences, fmt.Sprintf("%s %s: got %q, want %q", name, column, g, w))
			}
		}
	}
	for name := range found {
		if wanted[name] == nil {
			differences = append(differences, "unexpected row "+name)
		}
	}
	slices.Sort(differences)
	return differences
}

const statConfig = `
global
    stats socket "${socket}" level admin
    stats timeout 1m
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 1s
    retries 2
listen web
    bind "${web}"
    maxconn 100
    fullconn 50
    balance roundrobin
    server s1 "${s1}" check inter 200ms fastinter 100ms rise 2 fall 3 maxconn 10
    server s2 "${s2}" check inter 200ms rise 1 fall 1 weight 2
    server down 127.0.0.1:1 check inter 200ms rise 2 fall 1
    server spare "${s1}" backup
    server off "${s1}" disabled
frontend denied
    bind "${denied}"
    maxconn 100
    tcp-request connection reject
    default_backend refused
frontend refusing
    bind "${refusing}"
    maxconn 100
    default_backend refused
backend refused
    fullconn 50
    balance static-rr
    server s 127.0.0.1:1
`

// After equal traffic the columns of show stat are equal, but for those of statDiffers.
func TestShowStat(t *testing.T) {
	t.Parallel()
	address := doubling(t)
	r := newRig(t, statConfig, map[string]string{"s1": address, "s2": address}, "web", "denied", "refusing")
	for p := range r.both {
		until(t, p.name+": all servers checked", func() bool {
			rows, _, err := parseCSV(p.ask(t, "show stat"))
			return err == nil && rows["web/down"]["status"] == "DOWN" && rows["web/s1"]["check_status"] == "L4OK" && rows["web/s2"]["check_status"] == "L4OK"
		})
		for i := range 20 {
			if err := p.exchange("web", 100+i); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			p.quiet(t)
		}
		for range 3 {
			_ = p.exchange("denied", 1)
			_ = p.exchange("refusing", 1)
			p.quiet(t)
		}
	}
	r.settle(t, "show stat")
	r.settle(t, "show stat web 4 1")
	r.settle(t, "show stat web 4 -1 no-maint")
	r.settle(t, "show stat -1 3 -1 up")
	r.settle(t, "user;show stat")
	r.agree(t, "show stat nope 1 1")
	for _, line := range []string{"show stat typed", "show stat typed desc"} {
		if diff := cmp.Diff(typedFields(r.haproxy.ask(t, line)), typedFields(r.ours.ask(t, line))); diff != "" {
			t.Errorf("%s: -HAProxy +ours\n%s", line, diff)
		}
	}
}

// descriptionOf matches the description at the end of a line.
var descriptionOf = regexp.MustCompile(`:"[^"]+"$`)

// typedFields returns the sorted lines of show stat typed, without the numbers of proxies, the
// values and the texts of descriptions.
func typedFields(text string) (fields []string) {
	for line := range strings.Lines(text) {
		if words := strings.SplitN(strings.TrimSpace(line), ":", 4); len(words) == 4 {
			names := strings.SplitN(words[0], ".", 3)
			fields = append(fields, fmt.Sprint(names[0], ":", names[2], ":", words[1], ":", words[2], " described: ", descriptionOf.MatchString(words[3])))
		}
	}
	slices.Sort(fields)
	return fields
}

// quiet waits until the program has no sessions, so that the next one is alone.
func (p *program) quiet(t *testing.T) {
	t.Helper()
	until(t, p.name+": no sessions", func() bool {
		rows, _, err := parseCSV(p.ask(t, "show stat"))
		for _, row := range rows {
			if row["scur"] != "0" {
				return false
			}
		}
		return err == nil
	})
}

// infoEqual are the fields of show info whose values must be equal.
var infoEqual = []string{"Nbproc", "Process_num", "Maxconn", "CurrConns", "ConnRateLimit", "SessRateLimit", "Stopping", "BusyPolling", "Tainted"}

// The fields of show info have the same names, order, tags and types.
func TestShowInfo(t *testing.T) {
	t.Parallel()
	r := newRig(t, statConfig, map[string]string{"s1": "127.0.0.1:1", "s2": "127.0.0.1:1"}, "web", "denied", "refusing")
	fields := func(p *program) (names []string, values map[string]string) {
		values = make(map[string]string)
		for line := range strings.Lines(strings.TrimSpace(p.ask(t, "show info typed"))) {
			words := strings.SplitN(strings.TrimSpace(line), ":", 4)
			names = append(names, strings.Join(words[:3], ":"))
			name := strings.TrimSuffix(words[0], ".1")
			values[name[strings.IndexByte(name, '.')+1:]] = words[3]
		}
		return names, values
	}
	wantNames, want := fields(r.haproxy)
	gotNames, got := fields(r.ours)
	if diff := cmp.Diff(wantNames, gotNames); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, name := range infoEqual {
		if got[name] != want[name] {
			t.Errorf("%s: got %s, want %s", name, got[name], want[name])
		}
	}
	for p := range r.both {
		var list []struct {
			Field struct{ Name string }
			Value struct{ Type string }
		}
		if err := json.Unmarshal([]byte(p.ask(t, "show info json")), &list); err != nil || len(list) != len(wantNames) {
			t.Errorf("%s: %d fields, %v", p.name, len(list), err)
		}
		if text := p.ask(t, "show info"); !strings.Contains(text, "\nProcess_num: 1\n") {
			t.Errorf("%s: %s", p.name, text)
		}
		for line, want := range map[string]string{"show info desc": `Process_num: 1:"`, "show info typed desc": `5.Process_num.1:KGP:u32:1:"`} {
			if text := p.ask(t, line); !strings.Contains(text, "\n"+want) {
				t.Errorf("%s: %s", p.name, text)
			}
		}
	}
}

// settle compares an answer of show stat until the connections have ended in both programs.
func (r *rig) settle(t *testing.T, line string) {
	t.Helper()
	var differences []string
	for end := time.Now().Add(patience / 4); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if differences = compareStat(r.haproxy.ask(t, line), r.ours.ask(t, line)); len(differences) == 0 {
			return
		}
	}
	t.Errorf("%s:\n%s", line, strings.Join(differences, "\n"))
}
